/* What a sequence's k-space shows of a density: the transform of all spins, cut to the matrix, and
 * when each of its rows is read. Columns outside the matrix are dropped between the two directions
 * of the transform. */
#include "runtime/sim/internal.h"
#include "runtime/sim/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* exp(-2 pi i turns) times v. */
static void turn(double v[2], double turns)
{
	double a = tau * (turns - floor(turns)), c = cos(a), s = sin(a), re = v[0];

	v[0] = re * c + v[1] * s;
	v[1] = v[1] * c - re * s;
}

/* One direction: n points in, `kept` moments (i - kept/2 + offset) / fov out, per line. */
struct cut {
	int n, kept;
	double offset;
	double *before, *behind; /* factors of points and of moments */
	fftw_complex *line;
	fftw_plan plan;
};

static void cut_free(struct cut *c)
{
	fourier_destroy(c->plan);
	fftw_free(c->line);
	free(c->before);
}

/* Point x is at (x + h) / n of the field of view, h = (1 - n)/2; moment i stands for j + offset, j a
 * whole number: (j + offset)(x + h) / n = j x / n + j h / n + offset (x + h) / n. */
static precess_status cut_make(struct cut *c, int n, int kept, double offset)
{
	double h = 0.5 * (1 - n);

	*c = (struct cut){ .n = n, .kept = kept, .offset = offset };
	c->before = malloc(2 * ((size_t)n + (size_t)kept) * sizeof *c->before);
	c->line = fftw_alloc_complex((size_t)n);
	if (c->before && c->line)
		c->plan = fourier_plan_1d(n, c->line, c->line, FFTW_FORWARD);
	if (!c->plan)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a transform");
	c->behind = c->before + 2 * n;
	for (int x = 0; x < n; x++) {
		double *v = c->before + 2 * x;

		v[0] = 1.0 / n;
		v[1] = 0;
		turn(v, offset * (x + h) / n);
	}
	for (int i = 0; i < kept; i++) {
		double *v = c->behind + 2 * i;

		v[0] = 1;
		v[1] = 0;
		turn(v, (i - kept / 2) * h / n);
	}
	return PRECESS_OK;
}

static void multiply(double *out, const double *a, const double *b)
{
	double re = a[0] * b[0] - a[1] * b[1];

	out[1] = a[0] * b[1] + a[1] * b[0];
	out[0] = re;
}

/* c->line, already times `before`; every `step` complex numbers of `out` are written. */
static void cut_line(double *out, struct cut *c, size_t step)
{
	fftw_execute(c->plan);
	for (int i = 0; i < c->kept; i++) {
		int at = (i - c->kept / 2) % c->n;

		multiply(out + 2 * (size_t)i * step, c->line[at < 0 ? at + c->n : at],
			 c->behind + 2 * i);
	}
}

/* A row of the density; false: it is empty. */
static bool take_row(struct cut *c, const float *row)
{
	bool any = false;

	for (int x = 0; x < c->n; x++) {
		double v[2] = { (double)row[2 * x], (double)row[2 * x + 1] };

		any = any || v[0] != 0 || v[1] != 0;
		multiply(c->line[x], v, c->before + 2 * x);
	}
	return any;
}

precess_status kspace_of_density(struct kspace *k, const float *density, int nx, int ny)
{
	struct cut x = { 0 }, y = { 0 };
	double *half = calloc(2 * (size_t)k->nx * (size_t)ny, sizeof *half);
	double *column = malloc(2 * (size_t)k->ny * sizeof *column);
	precess_status st;

	if (!half || !column) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a transform");
		goto out;
	}
	TRY(cut_make(&x, nx, k->nx, k->offset[0]));
	TRY(cut_make(&y, ny, k->ny, k->offset[1]));
	for (int j = 0; j < ny; j++) {
		if (take_row(&x, density + 2 * (size_t)j * (size_t)nx))
			cut_line(half + 2 * j, &x, (size_t)ny); /* columns lie together */
	}
	for (int i = 0; i < k->nx; i++) {
		for (int j = 0; j < ny; j++)
			multiply(y.line[j], half + 2 * ((size_t)i * (size_t)ny + (size_t)j),
				 y.before + 2 * j);
		cut_line(column, &y, 1);
		for (int j = 0; j < k->ny; j++) {
			float *to = k->data + 2 * ((size_t)j * (size_t)k->nx + (size_t)i);

			to[0] = (float)column[2 * j];
			to[1] = (float)column[2 * j + 1];
		}
	}
out:
	cut_free(&x);
	cut_free(&y);
	free(half);
	free(column);
	return st;
}
