/* Samples sorted into k-space, and images from it. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"

#include <fftw3.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* FFTW's planner keeps global tables. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

precess_status kspace_sort(struct kspace **out, const struct draw *d, const struct sim_result *r)
{
	const struct program *p = d->program;
	struct kspace *k = NULL;
	struct grid *g;
	precess_status st;

	*out = NULL;
	TRY(grid_create(&g, d));
	k = calloc(1, sizeof *k);
	if (k) {
		*k = (struct kspace){ .n_set = g->n_set, .ny = g->ny, .nx = g->nx };
		k->data = calloc(2 * (size_t)k->n_set * (size_t)k->ny * (size_t)k->nx,
				 sizeof *k->data);
	}
	if (!k || !k->data) {
		grid_free(g);
		kspace_free(k);
		return precess_fail(PRECESS_ENOMEM, "out of memory for k-space");
	}
	for (uint32_t i = 0; i < p->n_readout; i++) {
		const struct grid_row *w = &g->row[i];
		const struct program_event *e = &p->event[p->readout[i].event];
		const double *from = r->signal + 2 * (size_t)e->first_sample;
		float *to = k->data + 2 * ((size_t)w->set * (size_t)k->ny + (size_t)w->row) *
			    (size_t)k->nx;

		for (int x = 0; x < k->nx; x++) {
			int at = w->reverse ? k->nx - 1 - x : x;

			to[2 * at] = (float)from[2 * x];
			to[2 * at + 1] = (float)from[2 * x + 1];
		}
	}
	grid_free(g);
	*out = k;
out:
	return st;
}

void kspace_free(struct kspace *k)
{
	if (!k)
		return;
	free(k->data);
	free(k);
}

/* With moments (i + a) / fov and pixels ((j + b) / n) fov, a = offset - n/2, b = 1/2 - n/2:
 * turns (i + a)(j + b) / n = i j / n + i b / n + a (j + b) / n: the transform, `in`, `behind`. */
static void phases(double *in, double *behind, int n, double offset)
{
	double a = offset - n / 2, b = 0.5 - 0.5 * n;

	for (int i = 0; i < n; i++) {
		double p = tau * fmod(i * b / n, 1), q = tau * fmod(a * (i + b) / n, 1);

		in[2 * i] = cos(p);
		in[2 * i + 1] = sin(p);
		behind[2 * i] = cos(q);
		behind[2 * i + 1] = sin(q);
	}
}

static void turn(double *out, const double *v, const double *x, const double *y)
{
	double c = x[0] * y[0] - x[1] * y[1], s = x[0] * y[1] + x[1] * y[0], re = v[0];

	out[0] = re * c - v[1] * s;
	out[1] = re * s + v[1] * c;
}

static void transform_set(float *image, const float *data, fftw_complex *work, fftw_plan plan,
			  const double *phase, int nx, int ny)
{
	const double *xin = phase, *xout = phase + 2 * nx;
	const double *yin = phase + 4 * nx, *yout = yin + 2 * ny;

	for (int j = 0; j < ny; j++) {
		for (int i = 0; i < nx; i++) {
			size_t at = (size_t)j * (size_t)nx + (size_t)i;
			double v[2] = { (double)data[2 * at], (double)data[2 * at + 1] };

			turn(work[at], v, xin + 2 * i, yin + 2 * j);
		}
	}
	fftw_execute(plan);
	for (int j = 0; j < ny; j++) {
		for (int i = 0; i < nx; i++) {
			size_t at = (size_t)j * (size_t)nx + (size_t)i;
			double v[2];

			turn(v, work[at], xout + 2 * i, yout + 2 * j);
			image[2 * at] = (float)v[0];
			image[2 * at + 1] = (float)v[1];
		}
	}
}

precess_status kspace_image(float **image, const struct draw *d, const struct kspace *k)
{
	size_t n = (size_t)k->nx * (size_t)k->ny;
	float *pixel = calloc(2 * n * (size_t)k->n_set + 1, sizeof *pixel);
	double *phase = calloc(4 * (size_t)(k->nx + k->ny), sizeof *phase);
	fftw_complex *work = fftw_alloc_complex(n);
	struct grid *g = NULL;
	fftw_plan plan;
	precess_status st;

	*image = NULL;
	TRY(grid_create(&g, d));
	if (!pixel || !phase || !work) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d images", k->n_set);
		goto out;
	}
	phases(phase, phase + 2 * k->nx, k->nx, g->offset[0]);
	phases(phase + 4 * k->nx, phase + 4 * k->nx + 2 * k->ny, k->ny, g->offset[1]);
	pthread_mutex_lock(&planner);
	plan = fftw_plan_dft_2d(k->ny, k->nx, work, work, FFTW_BACKWARD, FFTW_ESTIMATE);
	pthread_mutex_unlock(&planner);
	for (int s = 0; s < k->n_set; s++)
		transform_set(pixel + 2 * n * (size_t)s, k->data + 2 * n * (size_t)s, work, plan,
			      phase, k->nx, k->ny);
	pthread_mutex_lock(&planner);
	fftw_destroy_plan(plan);
	pthread_mutex_unlock(&planner);
	*image = pixel;
	pixel = NULL;
out:
	grid_free(g);
	fftw_free(work);
	free(phase);
	free(pixel);
	return st;
}
