/* GRAPPA: missing lines from their neighbours in all coils (Griswold et al., Magn Reson Med 47:1202,
 * 2002).
 *
 * A missing sample of coil c is a sum over coils, lines and columns of the samples that were read
 * around it, with weights that are the same everywhere. They are fitted where all lines are known:
 *
 *     min over w of |S w - t|^2 + lambda |S^H S|_F / n  |w|^2
 *
 * by Cholesky's decomposition of the normal equations. One fit for every arrangement of lines that
 * occurs: which of the regular lines exist around the missing one. Along a line, columns beyond the
 * ends count as 0. */
#include "runtime/recon/internal.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWNS_LIMIT = 8192 }; /* 1 GB of normal equations */

/* Lines of the kernel, from the missing line; its weights [unknowns][coils]. */
struct pattern {
	int n, offset[RECON_KERNEL_LIMIT];
	double complex *weight;
};

struct job {
	const struct recon_options *o;
	const char *source;
	int coils, samples;
	const float *cal; /* coil c, line l: cal + 2 samples (c stride + l) */
	size_t stride;
	int cal_lines;
	struct pattern *pattern; /* as many as there are lines, at most */
	int n_pattern;
	double error, energy;
};

/* ------------------------------------------------------------------ calibration */
static void gather(double complex *to, const struct job *j, const struct pattern *p,
		   const float *from, size_t stride, int y, int x)
{
	int half = j->o->kernel[0] / 2, c, l, i;

	for (c = 0; c < j->coils; c++)
		for (l = 0; l < p->n; l++) {
			size_t row = (size_t)c * stride + (size_t)(y + p->offset[l]);

			for (i = x - half; i <= x + half; i++)
				*to++ = i < 0 || i >= j->samples
						? 0
						: recon_get(from, row * (size_t)j->samples + (size_t)i);
		}
}

static int unknowns(const struct job *j, const struct pattern *p)
{
	return j->coils * p->n * j->o->kernel[0];
}

/* Calibration lines that can be the missing one. */
static int targets(const struct job *j, const struct pattern *p)
{
	return j->cal_lines - (p->offset[p->n - 1] > 0 ? p->offset[p->n - 1] : 0) +
	       (p->offset[0] < 0 ? p->offset[0] : 0);
}

static precess_status check_size(const struct job *j, const struct pattern *p)
{
	int rows = targets(j, p), n = unknowns(j, p), columns = j->samples - j->o->kernel[0] + 1;
	int64_t equations = rows > 0 && columns > 0 ? (int64_t)rows * columns : 0;

	if (n > UNKNOWNS_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "a kernel of %d x %d in %d coils has %d weights (limit %d); "
				    "choose a smaller one with --kernel",
				    j->o->kernel[0], p->n, j->coils, n, UNKNOWNS_LIMIT);
	if (equations >= n)
		return PRECESS_OK;
	return precess_fail(PRECESS_EINVAL,
			    "%s: %d calibration lines of %d samples give %lld equations for the %d "
			    "weights of a %d x %d kernel in %d coils; take a smaller --kernel, or "
			    "more calibration lines",
			    j->source, j->cal_lines, j->samples, (long long)equations, n,
			    j->o->kernel[0], p->n, j->coils);
}

/* [S | t], row by row: [equations][unknowns + coils] */
static double complex *equations(const struct job *j, const struct pattern *p, int *n_row)
{
	int half = j->o->kernel[0] / 2, n = unknowns(j, p), width = n + j->coils, x, y, c;
	int first = p->offset[0] < 0 ? -p->offset[0] : 0, count = targets(j, p);
	int columns = j->samples - 2 * half;
	double complex *all = malloc((size_t)count * (size_t)columns * (size_t)width * sizeof *all);
	double complex *row = all;

	for (y = first; all && y < first + count; y++)
		for (x = half; x < half + columns; x++, row += width) {
			gather(row, j, p, j->cal, j->stride, y, x);
			for (c = 0; c < j->coils; c++)
				row[n + c] = recon_get(
					j->cal, ((size_t)c * j->stride + (size_t)y) *
							(size_t)j->samples + (size_t)x);
		}
	*n_row = count * columns;
	return all;
}

/* Normal equations [unknowns + coils] squared, upper triangle: S^H S, S^H t, t^H t. */
static double complex *normal(const double complex *all, int n_row, int width)
{
	double complex *h = calloc((size_t)width * (size_t)width, sizeof *h);

	if (h)
		cblas_zherk(CblasRowMajor, CblasUpper, CblasConjTrans, width, n_row, 1, all, width,
			    0, h, width);
	return h;
}

static double frobenius(const double complex *h, int n, int width)
{
	double sum = 0, v;
	int i, k;

	for (i = 0; i < n; i++)
		for (k = i; k < n; k++) {
			v = cabs(h[(size_t)i * width + k]);
			sum += (i == k ? 1 : 2) * v * v;
		}
	return sqrt(sum);
}

/* What the fit leaves: |S w - t|^2 = t^H t - 2 Re w^H b + w^H A w, and (A + r) w = b. */
static void tell_residual(struct job *j, const struct pattern *p, const double complex *h,
			  int n, int width, double ridge)
{
	double left = 0, energy = 0;
	int c, i;

	for (c = 0; c < j->coils; c++) {
		energy += creal(h[(size_t)(n + c) * width + n + c]);
		for (i = 0; i < n; i++) {
			double complex w = p->weight[(size_t)i * j->coils + c];

			left -= creal(conj(w) * h[(size_t)i * width + n + c]) +
				ridge * (creal(w) * creal(w) + cimag(w) * cimag(w));
		}
	}
	left += energy;
	j->error += left > 0 ? left : 0;
	j->energy += energy;
}

static precess_status calibrate(struct job *j, struct pattern *p)
{
	int n = unknowns(j, p), width = n + j->coils, n_row, i, c;
	double complex *all = NULL, *h = NULL, *a = NULL;
	precess_status st;
	double ridge;

	if ((st = check_size(j, p)) != 0)
		return st;
	all = equations(j, p, &n_row);
	h = all ? normal(all, n_row, width) : NULL;
	a = malloc((size_t)n * (size_t)n * sizeof *a);
	p->weight = malloc((size_t)n * (size_t)j->coils * sizeof *p->weight);
	if (!h || !a || !p->weight) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a kernel of %d weights", n);
		goto out;
	}
	ridge = j->o->lambda * frobenius(h, n, width) / n;
	for (i = 0; i < n; i++) {
		memcpy(a + (size_t)i * n, h + (size_t)i * width, (size_t)n * sizeof *a);
		a[(size_t)i * n + i] += ridge;
		for (c = 0; c < j->coils; c++)
			p->weight[(size_t)i * j->coils + c] = h[(size_t)i * width + n + c];
	}
	if (LAPACKE_zposv(LAPACK_ROW_MAJOR, 'U', n, j->coils, a, n, p->weight, j->coils) != 0)
		st = precess_fail(PRECESS_EINVAL,
				  "%s: the calibration lines do not determine the kernel of %d x "
				  "%d; raise --lambda above %g, or take a smaller --kernel",
				  j->source, j->o->kernel[0], p->n, j->o->lambda);
	else
		tell_residual(j, p, h, n, width, ridge);
out:
	free(a);
	free(h);
	free(all);
	return st;
}

/* ------------------------------------------------------------------ filling */
/* The lines around row y that were read, nearest first on both sides, in increasing order. */
static void lines_around(struct pattern *p, const struct recon_mask *m, int y, int count)
{
	int below = y - (y - m->first) % m->spacing, k, row;

	p->n = 0;
	for (k = 1 - count / 2; k <= count / 2; k++) {
		row = below + k * m->spacing;
		if (row >= m->first && row <= m->last)
			p->offset[p->n++] = row - y;
	}
}

static precess_status pattern_of(const struct pattern **out, struct job *j, const struct recon_mask *m,
				 int y)
{
	struct pattern p = { 0 };
	precess_status st;
	int i;

	lines_around(&p, m, y, j->o->kernel[1]);
	for (i = 0; i < j->n_pattern; i++)
		if (j->pattern[i].n == p.n &&
		    memcmp(j->pattern[i].offset, p.offset, (size_t)p.n * sizeof *p.offset) == 0)
			break;
	if (i == j->n_pattern) {
		if (interrupted())
			return precess_fail(PRECESS_ECANCEL, "interrupted");
		j->pattern[j->n_pattern++] = p;
		if ((st = calibrate(j, &j->pattern[i])) != 0)
			return st;
	}
	*out = &j->pattern[i];
	return PRECESS_OK;
}

static void fill_row(struct recon_scan *s, const struct job *j, const struct pattern *p, int y,
		     int threads)
{
	int n = unknowns(j, p), x;

#pragma omp parallel for num_threads(threads) schedule(static)
	for (x = 0; x < s->samples; x++) {
		double complex around[UNKNOWNS_LIMIT], v;
		int c, i;

		gather(around, j, p, s->kspace, (size_t)s->lines, y, x);
		for (c = 0; c < s->coils; c++) {
			for (v = 0, i = 0; i < n; i++)
				v += p->weight[(size_t)i * s->coils + c] * around[i];
			recon_put(s->kspace,
				  ((size_t)c * s->lines + (size_t)y) * (size_t)s->samples + (size_t)x,
				  v);
		}
	}
}

/* Calibration lines of their own, or the block of neighbours that were read. */
static precess_status choose_calibration(struct job *j, const struct recon_scan *s,
					 const struct recon_mask *m)
{
	if (s->cal) {
		j->cal = s->cal;
		j->cal_lines = s->cal_lines;
		j->stride = (size_t)s->cal_lines;
		return PRECESS_OK;
	}
	if (m->block < 2)
		return precess_fail(PRECESS_EINVAL,
				    "%s: every %d%s line is missing and nothing tells how to fill "
				    "it: there are neither calibration lines (name their dataset "
				    "with --calibration) nor a block of neighbouring lines",
				    s->source, m->spacing, m->spacing == 2 ? "nd" : "th");
	j->cal = s->kspace + 2 * (size_t)m->block_first * (size_t)s->samples;
	j->cal_lines = m->block;
	j->stride = (size_t)s->lines;
	return PRECESS_OK;
}

precess_status recon_grappa(struct recon_grappa_fit *fit, struct recon_scan *s,
			    const struct recon_mask *m, const struct recon_options *o)
{
	struct job j = { .o = o, .source = s->source, .coils = s->coils, .samples = s->samples };
	int threads = recon_threads(o->threads), y;
	const struct pattern *p = NULL;
	precess_status st;

	*fit = (struct recon_grappa_fit){ 0 };
	if (m->spacing == 1)
		return PRECESS_OK;
	if ((st = choose_calibration(&j, s, m)) != 0)
		return st;
	j.pattern = calloc((size_t)s->lines, sizeof *j.pattern);
	if (!j.pattern)
		return precess_fail(PRECESS_ENOMEM, "out of memory for kernels");
	for (y = m->first; y <= m->last; y++) {
		if (s->polarity[y])
			continue;
		TRY(pattern_of(&p, &j, m, y));
		fill_row(s, &j, p, y, threads);
		fit->lines++;
		if (unknowns(&j, p) > fit->unknowns) {
			fit->unknowns = unknowns(&j, p);
			fit->equations = targets(&j, p) * (s->samples - o->kernel[0] + 1);
		}
	}
	fit->residual = j.energy > 0 ? sqrt(j.error / j.energy) : 0;
out:
	for (y = 0; y < j.n_pattern; y++)
		free(j.pattern[y].weight);
	free(j.pattern);
	return st;
}
