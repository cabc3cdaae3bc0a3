/* Overlapping echoes taken apart: every primary echo of the sequence (one excitation, turned round by
 * refocusing pulses alone) lies at its own place in k-space, where its pathway's moment puts it. Moved
 * to the centre and cut out by a window that no other pathway enters far, it gives an image of its own
 * echo time, coarse but separate. The window is the same for all, so that they blur alike.
 *
 * Pathways that end at the same place as an echo belong to it: its signal is
 *     M0 |sum_q a_q exp(-t_q / T2)|
 * with the complex amplitudes a_q and times t_q that the compiler derived, at B1 = 1 and without
 * relaxation along z; what recovers until its excitation is put to the primary echo here. */
#include "runtime/mapping/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double same_place = 6; /* cells: what is nearer cannot be cut off and counts as part of
				       * the echo. Deviations of MOLED's gradients by 5 % move those
				       * under an echo by up to 5 */
static const double weak = 0.1;     /* of the strongest echo: does not narrow the window */
static const double narrowest = 4;  /* cells: a window that shows nothing */
static const double flat = 0.5;     /* part of the window's half width before it falls */

enum { ECHO_PATHWAYS = 8, ECHOES = 16 };
struct echo {
	double k[2]; /* cells */
	double te;
	int n;
	struct {
		double time, re, im;
	} part[ECHO_PATHWAYS];
};
struct detachment {
	int n;
	struct echo echo[ECHOES];
	double half[2]; /* cells: the window's half widths */
	double r2_lo, r2_hi;
	struct fit fit;
};

/* ------------------------------------------------------------------ which echoes */
static uint32_t history_of(const struct program *p, uint32_t epoch)
{
	uint32_t h = p->n_history - 1;

	while (h > 0 && p->history[h].first_epoch > epoch)
		h--;
	return h;
}

/* One character per pulse: 0 until its excitation, then transverse, and inverted by every
 * refocusing pulse and by nothing else. */
static bool is_primary(const struct program *p, const struct program_pathway *q)
{
	const char *c = q->order;
	uint32_t first = p->history[history_of(p, q->epoch)].first_epoch, n = 0;
	size_t length = strlen(q->order);
	char before = '0';

	for (uint32_t e = first; e <= q->epoch; e++)
		n += p->epoch[e].pulse != UINT32_MAX;
	if (n != length)
		return false; /* older pulses are not told */
	for (uint32_t e = first; e <= q->epoch; e++) {
		const char *use;
		bool turns;

		if (p->epoch[e].pulse == UINT32_MAX)
			continue;
		use = p->pulse[p->epoch[e].pulse].use;
		turns = use && !strcmp(use, "refocusing");
		if (before != '0' && (*c == '0' || (*c != before) != turns))
			return false;
		before = *c++;
	}
	return before == '+';
}

/* Mz before the excitation of a primary echo relative to what it is without relaxation. */
static double recovery(const struct draw *d, const struct program_pathway *q, double t1)
{
	const struct program *p = d->program;
	double z = 1, still = 1, since = NAN;
	const char *c = q->order;

	for (uint32_t e = p->history[history_of(p, q->epoch)].first_epoch; e <= q->epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];
		double start = d->value[x->start];

		if (x->pulse == UINT32_MAX)
			continue;
		if (!isnan(since))
			z = 1 - (1 - z) * exp(-(start - since) / t1);
		if (*c++ != '0')
			break;
		z *= cos(d->value[p->pulse[x->pulse].flip]);
		still *= cos(d->value[p->pulse[x->pulse].flip]);
		since = start;
	}
	return z / still;
}

static bool near(const double a[2], const double b[2])
{
	return fabs(a[0] - b[0]) < same_place && fabs(a[1] - b[1]) < same_place;
}

static void place_of(double k[2], const struct draw *d, const struct program_pathway *q)
{
	k[0] = d->value[q->k[0]];
	k[1] = d->value[q->k[1]];
}

static int by_time(const void *a, const void *b)
{
	double x = ((const struct echo *)a)->te, y = ((const struct echo *)b)->te;

	return x < y ? -1 : x > y;
}

static precess_status find_echoes(struct detachment *t, const struct draw *d, double t1)
{
	const struct program *p = d->program;
	double k[2];

	for (uint32_t i = 0; i < p->n_pathway; i++) {
		if (!is_primary(p, &p->pathway[i]))
			continue;
		if (t->n == ECHOES)
			return precess_fail(PRECESS_EINVAL,
					    "%s has too many separate echoes (limit %d)", p->name,
					    ECHOES);
		place_of(t->echo[t->n].k, d, &p->pathway[i]);
		t->echo[t->n++].te = d->value[p->pathway[i].time];
	}
	if (t->n < 2)
		return precess_fail(
			PRECESS_EINVAL,
			"%s has %d spin echo%s with a place of its own in "
			"k-space; demodulate needs 2 or more, as of sequences/moled.seq",
			p->name, t->n, t->n == 1 ? "" : "es");
	qsort(t->echo, (size_t)t->n, sizeof *t->echo, by_time);
	for (uint32_t i = 0; i < p->n_pathway; i++) {
		const struct program_pathway *q = &p->pathway[i];

		place_of(k, d, q);
		for (int e = 0; e < t->n; e++) {
			struct echo *o = &t->echo[e];

			if (!near(k, o->k) || o->n == ECHO_PATHWAYS)
				continue;
			double gain = is_primary(p, q) ? recovery(d, q, t1) : 1;

			o->part[o->n].time = d->value[q->time];
			o->part[o->n].re = gain * q->re;
			o->part[o->n++].im = gain * q->im;
		}
	}
	return PRECESS_OK;
}

/* Half way to what else is there, along the axis that separates better, and to the end of what is
 * sampled. */
static precess_status find_window(struct detachment *t, const struct draw *d)
{
	const struct program *p = d->program;
	double k[2], away[2];

	for (int e = 0; e < t->n; e++) {
		const double *o = t->echo[e].k;

		for (int a = 0; a < 2; a++) {
			double edge = 0.5 * p->matrix[a] - fabs(o[a]);

			t->half[a] = e && t->half[a] < edge ? t->half[a] : edge;
		}
	}
	for (uint32_t i = 0; i < p->n_pathway; i++) {
		place_of(k, d, &p->pathway[i]);
		for (int e = 0; e < t->n; e++) {
			const double *o = t->echo[e].k;
			int a;

			if (near(k, o) || p->pathway[i].amplitude < weak * p->pathway[0].amplitude)
				continue;
			away[0] = fabs(k[0] - o[0]);
			away[1] = fabs(k[1] - o[1]);
			a = away[1] > away[0];
			t->half[a] = fmin(t->half[a], 0.5 * away[a]);
		}
	}
	if (t->half[0] < narrowest || t->half[1] < narrowest)
		return precess_fail(PRECESS_EINVAL,
				    "the echoes of %s lie too near to each other, or to "
				    "the edge of k-space: %.3g x %.3g cells are left for each",
				    p->name, 2 * t->half[0], 2 * t->half[1]);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ images of the echoes */
/* The window as a circular convolution along an axis of n pixels: flat, then half a cosine. */
static void make_kernel(double *h, int n, double half)
{
	memset(h, 0, (size_t)n * sizeof *h);
	for (int f = 0; f < half; f++) {
		double u = (f / half - flat) / (1 - flat),
		       w = u > 0 ? 0.5 + 0.5 * cos(0.5 * tau * u) : 1;

		for (int i = 0; i < n; i++)
			h[i] += (f ? 2 : 1) * w * cos(tau * fmod((double)f * i, n) / n) / n;
	}
}

/* Along lines of n pixels `step` apart. */
static void convolve(float *image, double *line, const double *h, int n, size_t step)
{
	for (int i = 0; i < n; i++) {
		line[2 * i] = (double)image[2 * (size_t)i * step];
		line[2 * i + 1] = (double)image[2 * (size_t)i * step + 1];
	}
	for (int i = 0; i < n; i++) {
		double re = 0, im = 0;

		for (int j = 0; j < n; j++) {
			double w = h[i < j ? i - j + n : i - j];

			re += w * line[2 * j];
			im += w * line[2 * j + 1];
		}
		image[2 * (size_t)i * step] = (float)re;
		image[2 * (size_t)i * step + 1] = (float)im;
	}
}

/* The echo at k moves to the centre: times exp(-2 pi i k.r). What is no number is taken as nothing,
 * or it would spread over the image. */
static void shift(float *out, const float *image, int nx, int ny, const double k[2])
{
	for (int i = 0; i < nx * ny; i++) {
		double x = (i % nx + 0.5) / nx - 0.5, y = (i / nx + 0.5) / ny - 0.5;
		double a = -tau * (k[0] * x + k[1] * y), re = (double)image[2 * i],
		       im = (double)image[2 * i + 1];
		bool ok = isfinite(re) && isfinite(im);

		out[2 * i] = ok ? (float)(re * cos(a) - im * sin(a)) : 0;
		out[2 * i + 1] = ok ? (float)(re * sin(a) + im * cos(a)) : 0;
	}
}

static precess_status detach(struct mapping_series *out, const struct mapping_series *s,
			     const struct detachment *t)
{
	size_t n = MAPPING_VOXELS(s), plane = (size_t)s->nx * (size_t)s->ny;
	double *h[2] = { malloc((size_t)s->nx * sizeof **h), malloc((size_t)s->ny * sizeof **h) };
	double *line = malloc(2 * (size_t)(s->nx + s->ny) * sizeof *line);
	float *image = malloc(2 * n * sizeof *image);
	precess_status st = PRECESS_OK;

	if (!h[0] || !h[1] || !line || !image) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	make_kernel(h[0], s->nx, t->half[0]);
	make_kernel(h[1], s->ny, t->half[1]);
	for (int e = 0; e < t->n; e++) {
		for (size_t z = 0; z < n; z += plane) {
			shift(image + 2 * z, s->image + 2 * z, s->nx, s->ny, t->echo[e].k);
			for (int y = 0; y < s->ny; y++)
				convolve(image + 2 * (z + (size_t)y * (size_t)s->nx), line, h[0],
					 s->nx, 1);
			for (int x = 0; x < s->nx; x++)
				convolve(image + 2 * (z + (size_t)x), line, h[1], s->ny,
					 (size_t)s->nx);
		}
		TRY(mapping_series_add(out, t->echo[e].te, image));
	}
out:
	free(h[0]);
	free(h[1]);
	free(line);
	free(image);
	return st;
}

/* ------------------------------------------------------------------ the fit */
/* x: M0, R2. */
static void model(double *value, double *slope, const double *x, const void *context)
{
	const struct detachment *t = context;

	for (int e = 0; e < t->n; e++) {
		const struct echo *o = &t->echo[e];
		double re = 0, im = 0, dre = 0, dim = 0, size;

		for (int q = 0; q < o->n; q++) {
			double w = exp(-o->part[q].time * x[1]), dw = -o->part[q].time * w;

			re += w * o->part[q].re;
			im += w * o->part[q].im;
			dre += dw * o->part[q].re;
			dim += dw * o->part[q].im;
		}
		size = hypot(re, im);
		value[e] = x[0] * size;
		if (slope) {
			slope[e * FIT_PARAMETERS] = size;
			slope[e * FIT_PARAMETERS + 1] =
				size > 0 ? x[0] * (re * dre + im * dim) / size : 0;
		}
	}
}

/* The start from the first and the last echo, as if each were one pathway. */
static bool fit_voxel(struct mapping_voxel *out, const double *magnitude, size_t voxel,
		      const void *context)
{
	const struct detachment *t = context;
	const struct echo *a = &t->echo[0], *b = &t->echo[t->n - 1];
	double size[2] = { hypot(a->part[0].re, a->part[0].im),
			   hypot(b->part[0].re, b->part[0].im) };
	struct fit f = t->fit;
	double r2;

	(void)voxel;
	if (!(magnitude[0] > 0 && magnitude[t->n - 1] > 0))
		return false;
	f.context = t;
	f.data = magnitude;
	f.x[1] = log(magnitude[0] / size[0] * size[1] / magnitude[t->n - 1]) / (b->te - a->te);
	f.x[1] = fmin(fmax(f.x[1], t->r2_lo), t->r2_hi);
	f.x[0] = magnitude[0] / size[0] * exp(a->te * f.x[1]);
	if (!fit_solve(&f))
		return false;
	r2 = fmin(fmax(f.x[1], t->r2_lo), t->r2_hi);
	out->at_limit = r2 != f.x[1];
	out->value[MAPPING_T2] = 1 / r2;
	out->value[MAPPING_T2_error] = f.deviation[1] / (r2 * r2);
	fit_tell(out, &f);
	return true;
}

static precess_status find_detachment(struct detachment *t, const struct mapping_options *o)
{
	struct draw *d = NULL;
	precess_status st;
	double t1;

	TRY(mapping_t1(&t1, o));
	TRY(draw_create(&d, o->program, o->param, true));
	TRY(find_echoes(t, d, t1));
	st = find_window(t, d);
out:
	draw_free(d);
	return st;
}

precess_status mapping_demodulate(struct mapping_maps *m, const struct mapping_series *s,
				  const struct mapping_options *o)
{
	struct detachment t = { .r2_lo = 1 / o->t2_hi,
				.r2_hi = 1 / o->t2_lo,
				.fit = { .model = model, .n_x = 2 } };
	struct mapping_series *echoes = NULL;
	unsigned kinds = 0;
	precess_status st;

	if (!o->program)
		return precess_fail(PRECESS_EINVAL,
				    "demodulate needs the sequence of the image beside it, "
				    "as in precess map sequences/moled.seq IMAGE.h5");
	if (s->n_echo != 1)
		return precess_fail(PRECESS_EINVAL,
				    "demodulate takes one image in which the echoes "
				    "overlap; there are %d",
				    s->n_echo);
	TRY(find_detachment(&t, o));
	TRY(mapping_series_create(&echoes, s->nx, s->ny, s->nz));
	TRY(detach(echoes, s, &t));
	TRY(mapping_prepare(m, echoes, o, o->noise == MAPPING_NOISE_offset ? 3 : 2, "demodulate"));
	TRY(fit_noise(&t.fit, &kinds, m, echoes, o));
	st = mapping_voxels(m, echoes, o, kinds, fit_voxel, &t);
out:
	mapping_series_free(echoes);
	return st;
}
