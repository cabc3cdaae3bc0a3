/* One image of the coils' images.
 *
 * walsh: the weights that give the best ratio of signal to (equal, independent) noise are the coils'
 * sensitivities, and those are the dominant eigenvector of the covariance of the coil images in a
 * patch around the pixel (Walsh, Gmitro and Marcellin, Magn Reson Med 43:682, 2000). An eigenvector
 * has no phase of its own; it gets the one that makes its product with the dominant eigenvector of
 * the whole image's covariance positive, so that the image's phase is that of one virtual coil that
 * sees all of the object (Buehrer et al., Magn Reson Med 57:1131, 2007), without seams.
 *
 * rss: the root of the sum of squares (Roemer et al., Magn Reson Med 16:192, 1990). */
#include "runtime/recon/internal.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int recon_combine_find(const char *name)
{
#define COMBINE(id, doc)            \
	if (strcmp(name, #id) == 0) \
		return RECON_COMBINE_##id;
#include "runtime/recon/combine.def"
#undef COMBINE
	return -1;
}

const char *recon_combine_name(enum recon_combine c)
{
	static const char *const names[] = {
#define COMBINE(id, doc) #id,
#include "runtime/recon/combine.def"
#undef COMBINE
	};
	return names[c];
}

struct images {
	const float *coil; /* [coils][ny][nx] */
	int coils, ny, nx;
};

/* Adds the upper triangle of v v^H of a pixel, packed row by row. */
static void add_covariance(double complex *r, const struct images *m, int y, int x)
{
	size_t plane = (size_t)m->ny * (size_t)m->nx, at = (size_t)y * (size_t)m->nx + (size_t)x;
	int a, b;

	for (a = 0; a < m->coils; a++) {
		double complex v = recon_get(m->coil, (size_t)a * plane + at);

		for (b = a; b < m->coils; b++)
			*r++ += v * conj(recon_get(m->coil, (size_t)b * plane + at));
	}
}

/* The unit eigenvector of the largest eigenvalue. Work: a [n][n]. */
static bool dominant(double complex *out, double complex *a, const double complex *packed, int n)
{
	lapack_int found, support[2];
	double value[n];
	int i, k;

	for (i = 0; i < n; i++)
		for (k = i; k < n; k++)
			a[(size_t)i * n + k] = *packed++;
	return LAPACKE_zheevr(LAPACK_ROW_MAJOR, 'V', 'I', 'U', n, a, n, 0, 0, n, n, 0, &found,
			      value, out, 1, support) == 0;
}

/* Covariances of the patches around one row's pixels: sums along y for every column first. */
struct patches {
	double complex *column, *sum, *a, *v; /* [nx][pairs], [pairs], [n][n], [n] */
	int pairs;
};

static void patches_free(struct patches *p)
{
	free(p->column);
	free(p->sum);
	free(p->a);
	free(p->v);
}

static bool patches_make(struct patches *p, const struct images *m)
{
	size_t n = (size_t)m->coils;

	p->pairs = m->coils * (m->coils + 1) / 2;
	p->column = malloc((size_t)m->nx * (size_t)p->pairs * sizeof *p->column);
	p->sum = malloc((size_t)p->pairs * sizeof *p->sum);
	p->a = malloc(n * n * sizeof *p->a);
	p->v = malloc(n * sizeof *p->v);
	return p->column && p->sum && p->a && p->v;
}

static void sum_columns(struct patches *p, const struct images *m, int y, int half)
{
	int lo = y > half ? y - half : 0, hi = y + half < m->ny ? y + half : m->ny - 1, x, k;

	memset(p->column, 0, (size_t)m->nx * (size_t)p->pairs * sizeof *p->column);
	for (k = lo; k <= hi; k++)
		for (x = 0; x < m->nx; x++)
			add_covariance(p->column + (size_t)x * (size_t)p->pairs, m, k, x);
}

static void sum_patch(struct patches *p, const struct images *m, int x, int half)
{
	int lo = x > half ? x - half : 0, hi = x + half < m->nx ? x + half : m->nx - 1, k, i;

	memset(p->sum, 0, (size_t)p->pairs * sizeof *p->sum);
	for (k = lo; k <= hi; k++)
		for (i = 0; i < p->pairs; i++)
			p->sum[i] += p->column[(size_t)k * (size_t)p->pairs + (size_t)i];
}

static bool combine_row(float *image, float *sensitivity, struct patches *p, const struct images *m,
			const double complex *virtual, int y, int half)
{
	size_t plane = (size_t)m->ny * (size_t)m->nx, at;
	double complex phase, v;
	int x, c;

	sum_columns(p, m, y, half);
	for (x = 0; x < m->nx; x++) {
		sum_patch(p, m, x, half);
		if (!dominant(p->v, p->a, p->sum, m->coils))
			return false;
		for (phase = 0, c = 0; c < m->coils; c++)
			phase += conj(virtual[c]) * p->v[c];
		phase = phase == 0 ? 1 : conj(phase) / cabs(phase);
		at = (size_t)y * (size_t)m->nx + (size_t)x;
		for (v = 0, c = 0; c < m->coils; c++) {
			p->v[c] *= phase;
			recon_put(sensitivity, (size_t)c * plane + at, p->v[c]);
			v += conj(p->v[c]) * recon_get(m->coil, (size_t)c * plane + at);
		}
		recon_put(image, at, v);
	}
	return true;
}

/* The dominant eigenvector of the whole image. */
static bool virtual_coil(double complex *out, struct patches *p, const struct images *m)
{
	int x, y;

	memset(p->sum, 0, (size_t)p->pairs * sizeof *p->sum);
	for (y = 0; y < m->ny; y++)
		for (x = 0; x < m->nx; x++)
			add_covariance(p->sum, m, y, x);
	return dominant(out, p->a, p->sum, m->coils);
}

static precess_status walsh(float *image, float *sensitivity, const struct images *m, int half,
			    int threads)
{
	double complex *virtual = malloc((size_t)m->coils * sizeof *virtual);
	struct patches first = { 0 };
	bool good = virtual && patches_make(&first, m) && virtual_coil(virtual, &first, m);
	int y;

	patches_free(&first);
#pragma omp parallel num_threads(threads) if (good)
	{
		struct patches p = { 0 };
		bool mine = good && patches_make(&p, m);

#pragma omp for schedule(dynamic, 1)
		for (y = 0; y < m->ny; y++)
			mine = mine && !interrupted() &&
			       combine_row(image, sensitivity, &p, m, virtual, y, half);
		patches_free(&p);
#pragma omp critical
		good = good && mine;
	}
	free(virtual);
	if (interrupted())
		return precess_fail(PRECESS_ECANCEL, "interrupted");
	return good ? PRECESS_OK
		    : precess_fail(PRECESS_ENOMEM, "out of memory for the images of %d coils",
				   m->coils);
}

static void sum_of_squares(float *image, float *sensitivity, const struct images *m)
{
	size_t plane = (size_t)m->ny * (size_t)m->nx, i;
	double complex v;
	double sum;
	int c;

	for (i = 0; i < plane; i++) {
		for (sum = 0, c = 0; c < m->coils; c++) {
			v = recon_get(m->coil, (size_t)c * plane + i);
			sum += creal(v) * creal(v) + cimag(v) * cimag(v);
		}
		sum = sqrt(sum);
		recon_put(image, i, sum);
		for (c = 0; c < m->coils; c++) {
			v = recon_get(m->coil, (size_t)c * plane + i);
			recon_put(sensitivity, (size_t)c * plane + i, sum > 0 ? v / sum : 0);
		}
	}
}

precess_status recon_combine(float *image, float *sensitivity, const float *coil_image, int coils,
			     int ny, int nx, const struct recon_options *o)
{
	const struct images m = { .coil = coil_image, .coils = coils, .ny = ny, .nx = nx };

	if (o->combine == RECON_COMBINE_walsh)
		return walsh(image, sensitivity, &m, o->window / 2, recon_threads(o->threads));
	sum_of_squares(image, sensitivity, &m);
	return PRECESS_OK;
}
