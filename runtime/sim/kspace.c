/* Samples sorted into k-space, and images from it. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"
#include "runtime/sim/kernel.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* Of the first coil. */
static precess_status sort_one(struct kspace **out, const struct draw *d,
			       const struct sim_result *r)
{
	const struct program *p = d->program;
	struct kspace *k = NULL;
	struct grid *g;
	precess_status st;

	*out = NULL;
	if (gridding_applies(d))
		return gridding_sort(out, d, r);
	TRY(grid_create(&g, d));
	k = calloc(1, sizeof *k);
	if (k) {
		*k = (struct kspace){ .n_set = g->n_set, .ny = g->ny, .nx = g->nx,
				      .offset = { g->offset[0], g->offset[1] } };
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
		float *to;

		if (w->set < 0)
			continue;
		to = k->data + 2 * ((size_t)w->set * (size_t)k->ny + (size_t)w->row) *
			       (size_t)k->nx;
		if (w->shape >= 0) {
			regrid_line(to, &g->shape[w->shape], k->nx, from);
			k->regridded = "along x";
			continue;
		}
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

precess_status kspace_sort(struct kspace **out, const struct draw *d, const struct sim_result *r)
{
	struct sim_result one = *r;
	struct kspace *k, *next;
	precess_status st = sort_one(&k, d, &one);
	size_t n = st ? 0 : 2 * (size_t)k->n_set * (size_t)k->ny * (size_t)k->nx;

	*out = NULL;
	if (st)
		return st;
	for (int c = 1; c < r->n_coil; c++) {
		float *grown = realloc(k->data, (size_t)(c + 1) * n * sizeof *grown);

		if (!grown) {
			st = precess_fail(PRECESS_ENOMEM, "out of memory for k-space");
			goto out;
		}
		k->data = grown;
		one.signal += 2 * (size_t)r->n_sample;
		TRY(sort_one(&next, d, &one));
		memcpy(k->data + (size_t)c * n, next->data, n * sizeof *grown);
		kspace_free(next);
	}
	k->n_coil = r->n_coil;
	*out = k;
	k = NULL;
out:
	kspace_free(k);
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

/* v exp(i sign (x + y)), the angles as unit vectors. */
static void turn(double *out, const double *v, const double *x, const double *y, double sign)
{
	double c = x[0] * y[0] - x[1] * y[1], s = sign * (x[0] * y[1] + x[1] * y[0]), re = v[0];

	out[0] = re * c - v[1] * s;
	out[1] = re * s + v[1] * c;
}

/* Phases of a set of nx by ny: of k-space along x, of the image along x, the same along y. */
struct frame {
	int nx, ny;
	double *phase, *k[2], *r[2];
	fftw_complex *work;
	fftw_plan plan;
};

static void frame_free(struct frame *f)
{
	fourier_destroy(f->plan);
	fftw_free(f->work);
	free(f->phase);
}

static precess_status frame_make(struct frame *f, const struct kspace *k, int sign)
{
	*f = (struct frame){ .nx = k->nx, .ny = k->ny };
	f->phase = calloc(4 * (size_t)(k->nx + k->ny), sizeof *f->phase);
	f->work = fftw_alloc_complex((size_t)k->nx * (size_t)k->ny);
	if (f->phase && f->work)
		f->plan = fourier_plan_2d(k->ny, k->nx, f->work, sign);
	if (!f->plan)
		return precess_fail(PRECESS_ENOMEM, "out of memory for an image");
	f->k[0] = f->phase;
	f->r[0] = f->k[0] + 2 * k->nx;
	f->k[1] = f->r[0] + 2 * k->nx;
	f->r[1] = f->k[1] + 2 * k->ny;
	phases(f->k[0], f->r[0], k->nx, k->offset[0]);
	phases(f->k[1], f->r[1], k->ny, k->offset[1]);
	return PRECESS_OK;
}

static void transform(float *out, const float *in, const struct frame *f, double *const before[2],
		      double *const behind[2], double sign, double scale)
{
	for (int j = 0; j < f->ny; j++) {
		for (int i = 0; i < f->nx; i++) {
			size_t at = (size_t)j * (size_t)f->nx + (size_t)i;
			double v[2] = { (double)in[2 * at], (double)in[2 * at + 1] };

			turn(f->work[at], v, before[0] + 2 * i, before[1] + 2 * j, sign);
		}
	}
	fftw_execute(f->plan);
	for (int j = 0; j < f->ny; j++) {
		for (int i = 0; i < f->nx; i++) {
			size_t at = (size_t)j * (size_t)f->nx + (size_t)i;
			double v[2];

			turn(v, f->work[at], behind[0] + 2 * i, behind[1] + 2 * j, sign);
			out[2 * at] = (float)(scale * v[0]);
			out[2 * at + 1] = (float)(scale * v[1]);
		}
	}
}

static int images_of(const struct kspace *k)
{
	return k->n_coil > 1 ? k->n_coil * k->n_set : k->n_set;
}

precess_status kspace_image(float **image, const struct draw *d, const struct kspace *k)
{
	size_t n = (size_t)k->nx * (size_t)k->ny;
	float *pixel = calloc(2 * n * (size_t)images_of(k) + 1, sizeof *pixel);
	struct frame f;
	precess_status st;

	*image = NULL;
	assert(!d || (k->nx == d->program->matrix[0] && k->ny == d->program->matrix[1]));
	TRY(frame_make(&f, k, FFTW_BACKWARD));
	if (!pixel) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d images", images_of(k));
		goto out;
	}
	for (int s = 0; s < images_of(k); s++)
		transform(pixel + 2 * n * (size_t)s, k->data + 2 * n * (size_t)s, &f, f.k, f.r, 1,
			  1);
	*image = pixel;
	pixel = NULL;
out:
	frame_free(&f);
	free(pixel);
	return st;
}

precess_status kspace_of_image(struct kspace *k, const float *image)
{
	size_t n = (size_t)k->nx * (size_t)k->ny;
	struct frame f;
	precess_status st;

	TRY(frame_make(&f, k, FFTW_FORWARD));
	for (int s = 0; s < images_of(k); s++)
		transform(k->data + 2 * n * (size_t)s, image + 2 * n * (size_t)s, &f, f.r, f.k, -1,
			  1 / (double)n);
out:
	frame_free(&f);
	return st;
}
