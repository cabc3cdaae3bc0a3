/* Lines whose samples are not those of the matrix: on the ramps of a gradient, oversampled, shorter.
 *
 * Column c wants S(c) where S has been sampled at x_i (cells). Of an object that may be anything
 * inside the field of view, two values of S correlate as sinc(x - x') = sin(pi (x - x')) / (pi (x -
 * x')), so the best linear estimate from all samples of the line is
 *
 *     S(c) = sum_i w_i S(x_i),   w = (C + lambda)^-1 sinc(c - x),   C_ij = sinc(x_i - x_j).
 *
 * A sample that lies on a column is taken as it is; oversampled lines come out as if their image had
 * been cropped to the field of view. Columns outside of what was sampled are 0. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;
/* Of the variance of a sample: single-precision signals are not amplified beyond their use. */
static const double ridge = 1e-6;
static const double widest_gap = 1.5; /* cells; beyond 1 the object folds into itself */
static const double same = 1e-4;      /* cells: lines of one shape */
enum { SAMPLES = 4096 };              /* the matrix takes 16 bytes times its square */

static double sinc(double x)
{
	return fabs(x) < 1e-9 ? 1 : sin(pi * x) / (pi * x);
}

/* C = L L^T in place, the lower triangle; false when it is not positive. */
static bool cholesky(double *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		double *a = c + (size_t)i * n;

		for (uint32_t j = 0; j <= i; j++) {
			const double *b = c + (size_t)j * n;
			double v = a[j];

			for (uint32_t k = 0; k < j; k++)
				v -= a[k] * b[k];
			if (i > j)
				a[j] = v / b[j];
			else if (v > 0)
				a[i] = sqrt(v);
			else
				return false;
		}
	}
	return true;
}

static void solve(double *v, const double *l, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = 0; j < i; j++)
			v[i] -= l[(size_t)i * n + j] * v[j];
		v[i] /= l[(size_t)i * n + i];
	}
	for (uint32_t i = n; i-- > 0;) {
		v[i] /= l[(size_t)i * n + i];
		for (uint32_t j = 0; j < i; j++)
			v[j] -= l[(size_t)i * n + j] * v[i];
	}
}

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* `at` holds the n positions that are used, in any order; *lo, *hi: the columns they reach. */
static precess_status check_holes(double *lo, double *hi, const double *at, uint32_t n, uint32_t r)
{
	double *sorted = malloc((size_t)n * sizeof *sorted), gap = 0;

	if (!sorted)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	memcpy(sorted, at, (size_t)n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, rising);
	*lo = sorted[0];
	*hi = sorted[n - 1];
	for (uint32_t i = 0; i + 1 < n; i++)
		gap = fmax(gap, sorted[i + 1] - sorted[i]);
	free(sorted);
	if (gap > widest_gap)
		return precess_fail(PRECESS_ENOTSUP, "not Cartesian on its matrix: readout %u "
				    "steps by up to %.3g / fov", r, gap);
	if (*lo > 0.5 || *hi < -0.5)
		return precess_fail(PRECESS_ENOTSUP, "not Cartesian on its matrix: readout %u "
				    "reads kx = %.4g to %.4g / fov, not 0", r, *lo, *hi);
	return PRECESS_OK;
}

static precess_status make_weights(struct grid_shape *s, const struct grid *g, uint32_t r)
{
	size_t n = 0, all = s->n;
	uint32_t *which = malloc(all * sizeof *which);
	double *at = malloc(2 * all * sizeof *at), *v = at + all, *c = NULL, lo = 0, hi = 0;
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; at && which && i < s->n; i++) {
		if (!isnan(s->x[i])) {
			at[n] = s->x[i];
			which[n++] = i;
		}
	}
	c = malloc(n * n * sizeof *c + 1);
	s->weight = calloc((size_t)g->nx * all, sizeof *s->weight);
	if (!at || !which || !c || !s->weight) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a line of %zu samples", n);
		goto out;
	}
	TRY(check_holes(&lo, &hi, at, (uint32_t)n, r));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++)
			c[i * n + j] = sinc(at[i] - at[j]) + (i == j ? ridge : 0);
	if (!cholesky(c, (uint32_t)n)) {
		st = precess_fail(PRECESS_ENOTSUP, "readout %u cannot be regridded", r);
		goto out;
	}
	for (int col = 0; col < g->nx; col++) {
		double x = col - g->nx / 2 + g->offset[0];

		if (x < lo - 0.6 || x > hi + 0.6)
			continue;
		for (size_t i = 0; i < n; i++)
			v[i] = sinc(x - at[i]);
		solve(v, c, (uint32_t)n);
		for (size_t i = 0; i < n; i++)
			s->weight[(size_t)col * all + which[i]] = v[i];
	}
out:
	free(c);
	free(at);
	free(which);
	return st;
}

static bool alike(const struct grid_shape *s, const double *x, uint32_t n)
{
	if (s->n != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (isnan(x[i]) != isnan(s->x[i]) || fabs(x[i] - s->x[i]) > same)
			return false;
	}
	return true;
}

precess_status regrid_shape(int *out, struct grid *g, const double *x, uint32_t n, uint32_t r)
{
	struct grid_shape *s;
	precess_status st;

	for (int i = 0; i < g->n_shape; i++) {
		if (alike(&g->shape[i], x, n)) {
			*out = i;
			return PRECESS_OK;
		}
	}
	if (n > SAMPLES)
		return precess_fail(PRECESS_ENOTSUP, "too many samples to regrid in readout %u: %u "
				    "(limit %d)", r, n, SAMPLES);
	s = realloc(g->shape, ((size_t)g->n_shape + 1) * sizeof *s);
	if (!s)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	g->shape = s;
	s += g->n_shape;
	*s = (struct grid_shape){ .n = n, .x = malloc((size_t)n * sizeof *s->x) };
	if (!s->x)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", n);
	memcpy(s->x, x, (size_t)n * sizeof *x);
	*out = g->n_shape++;
	TRY(make_weights(s, g, r));
out:
	return st;
}

void regrid_line(float *out, const struct grid_shape *shape, int nx, const double *s)
{
	for (int c = 0; c < nx; c++) {
		const double *w = shape->weight + (size_t)c * shape->n;
		double re = 0, im = 0;

		for (uint32_t i = 0; i < shape->n; i++) {
			re += w[i] * s[2 * i];
			im += w[i] * s[2 * i + 1];
		}
		out[2 * c] = (float)re;
		out[2 * c + 1] = (float)im;
	}
}
