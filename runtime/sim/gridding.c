/* Images of non-Cartesian sequences: each sample, weighted by the area of k-space that it stands
 * for, is spread by a Kaiser-Bessel kernel onto a grid of half cells; a Fourier transform, the
 * division by the kernel's transform and the crop to the field of view make the image. Its k-space
 * on the matrix is then exactly what kspace_image needs.
 *
 * The areas w solve sum_j w_j psi(k_i - k_j) = 1 at every sample i, psi the kernel with itself, by
 * Pipe and Menon's iteration w <- w / (psi * w) (MRM 41, 1999): no need to know whether samples lie
 * on spokes, spirals or anything else. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"
#include "runtime/sim/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double moves = 2.0;  /* cells that a readout moves along x and y: not a line */
static const double reach = 0.35; /* of the matrix, each way: less is no image */
enum {
	WIDTH = 6,      /* of the kernel: 1e-4 of the image, below what weights are good for */
	ITERATIONS = 30 /* of the weights: they settle to a percent */
};

struct job {
	const struct draw *d;
	size_t n;           /* samples */
	double *k;          /* [n][2] in half cells */
	int *set;           /* of each sample */
	double *weight;     /* cells^2 */
	double (*tap)[2][WIDTH];
	int (*first)[2];
	int size[2];        /* of the grid: twice the matrix */
	struct kernel kernel;
	fftw_complex *grid;
	fftw_plan plan;
	float *image;
};

bool gridding_applies(const struct draw *d)
{
	const struct program *p = d->program;
	bool any = false;

	if (p->matrix[0] < 1 || p->matrix[1] < 1 || !(p->fov[0] > 0 && p->fov[1] > 0))
		return false;
	for (uint32_t r = 0; r < p->n_readout && !any; r++) {
		if (grid_leaves_out(p, r))
			continue;

		uint32_t n = p->event[p->readout[r].event].n;
		double *k = malloc(4 * (size_t)n * sizeof *k), lo[2], hi[2];

		if (!k)
			return false;
		draw_readout(d, r, k, k + 3 * n);
		for (int a = 0; a < 2; a++) {
			lo[a] = hi[a] = k[a];
			for (uint32_t i = 0; i < n; i++) {
				lo[a] = fmin(lo[a], k[3 * i + a]);
				hi[a] = fmax(hi[a], k[3 * i + a]);
			}
		}
		any = (hi[0] - lo[0]) * p->fov[0] > moves && (hi[1] - lo[1]) * p->fov[1] > moves;
		free(k);
	}
	return any;
}

/* ------------------------------------------------------------------ samples */
int gridding_set(struct gridding_key *key, int *n_set, const struct program *p, uint32_t r)
{
	const int32_t *l = p->event[p->readout[r].event].label;
	struct gridding_key k = { { l[PROGRAM_LABEL_set], l[PROGRAM_LABEL_slice],
				    l[PROGRAM_LABEL_rep], l[PROGRAM_LABEL_avg],
				    l[PROGRAM_LABEL_echo] } };
	int i = *n_set - 1;

	if (grid_leaves_out(p, r))
		return -1;
	while (i >= 0 && memcmp(&key[i], &k, sizeof k))
		i--;
	if (i >= 0)
		return i;
	key[*n_set] = k;
	return (*n_set)++;
}

bool gridding_takes_usual(const struct draw *d, const double *k, uint32_t n, const double *before)
{
	double near[2] = { INFINITY, INFINITY };

	for (uint32_t i = 0; i < n; i++) {
		const double *q = k + 3 * i;

		near[0] = fmin(near[0], hypot(q[0], q[1]));
		near[1] = fmin(near[1], hypot(q[0] + before[0], q[1] + before[1]));
	}
	return near[1] < near[0] - 0.01 / d->program->fov[0];
}

static void place_readout(struct job *j, uint32_t r, const double *before, double *k, int set)
{
	const struct program *p = j->d->program;
	const struct program_event *e = &p->event[p->readout[r].event];
	bool usual;

	draw_readout(j->d, r, k, k + 3 * e->n);
	usual = gridding_takes_usual(j->d, k, e->n, before);
	for (uint32_t i = 0; i < e->n; i++) {
		size_t at = e->first_sample + i;

		for (int a = 0; a < 2; a++)
			j->k[2 * at + (size_t)a] =
				2 * p->fov[a] * (k[3 * i + (uint32_t)a] + (usual ? before[a] : 0));
		j->set[at] = set;
	}
}

static precess_status place_samples(struct job *j, int *n_set)
{
	const struct program *p = j->d->program;
	double *before = grid_trajectory(j->d), *k = malloc(4 * j->n * sizeof *k);
	struct gridding_key *key = calloc((size_t)p->n_readout + 1, sizeof *key);
	bool ok = before && k && key;

	*n_set = 0;
	for (uint32_t e = 0; ok && e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];

		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++)
			place_readout(j, r, before + 3 * e, k,
				      gridding_set(key, n_set, p, r));
	}
	free(before);
	free(k);
	free(key);
	if (!ok)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu samples", j->n);
	for (size_t i = 0; i < j->n; i++)
		for (int a = 0; a < 2; a++)
			j->first[i][a] = kernel_taps(j->tap[i][a], &j->kernel, j->k[2 * i + (size_t)a]);
	return PRECESS_OK;
}

static precess_status check_reach(const struct job *j, int set)
{
	for (int a = 0; a < 2; a++) {
		double lo = 0, hi = 0, want = reach * j->size[a];

		for (size_t i = 0; i < j->n; i++) {
			if (j->set[i] == set) {
				lo = fmin(lo, j->k[2 * i + (size_t)a]);
				hi = fmax(hi, j->k[2 * i + (size_t)a]);
			}
		}
		if (-lo < want || hi < want)
			return precess_fail(PRECESS_ENOTSUP, "k%c is read from %.3g to %.3g / fov "
					    "only, matrix.%c is %d", 'x' + a, 0.5 * lo, 0.5 * hi,
					    'x' + a, j->size[a] / 2);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ to the grid and back */
static int wrap(int i, int n)
{
	return (i % n + n) % n;
}

static void spread(struct job *j, size_t i, double re, double im)
{
	for (int y = 0; y < WIDTH; y++) {
		fftw_complex *row = j->grid + (size_t)wrap(j->first[i][1] + y, j->size[1]) *
				    (size_t)j->size[0];

		for (int x = 0; x < WIDTH; x++) {
			double t = j->tap[i][1][y] * j->tap[i][0][x];
			double *g = row[wrap(j->first[i][0] + x, j->size[0])];

			g[0] += t * re;
			g[1] += t * im;
		}
	}
}

static double gather(const struct job *j, size_t i)
{
	double sum = 0;

	for (int y = 0; y < WIDTH; y++) {
		const fftw_complex *row = j->grid + (size_t)wrap(j->first[i][1] + y, j->size[1]) *
					  (size_t)j->size[0];

		for (int x = 0; x < WIDTH; x++)
			sum += j->tap[i][1][y] * j->tap[i][0][x] *
			       row[wrap(j->first[i][0] + x, j->size[0])][0];
	}
	return sum;
}

static void clear(struct job *j)
{
	memset(j->grid, 0, (size_t)j->size[0] * (size_t)j->size[1] * sizeof *j->grid);
}

/* The kernel with itself has the integral transform(0)^2 per axis in half cells. */
static void find_weights(struct job *j, int set)
{
	double whole = pow(kernel_transform(&j->kernel, 0), 4) / 4;

	for (size_t i = 0; i < j->n; i++)
		j->weight[i] = 1;
	for (int round = 0; round < ITERATIONS; round++) {
		clear(j);
		for (size_t i = 0; i < j->n; i++) {
			if (j->set[i] == set)
				spread(j, i, j->weight[i], 0);
		}
		for (size_t i = 0; i < j->n; i++) {
			if (j->set[i] == set)
				j->weight[i] /= gather(j, i) / whole;
		}
	}
}

/* Pixels lie at (i + shift) fov / n, i a whole number: half a pixel is a phase of the samples. */
static void make_image(struct job *j, int set, const double *signal)
{
	int nx = j->size[0] / 2, ny = j->size[1] / 2;
	double shift[2] = { (0.5 - 0.5 * nx + nx / 2) / nx, (0.5 - 0.5 * ny + ny / 2) / ny };

	clear(j);
	for (size_t i = 0; i < j->n; i++) {
		double p = 0.5 * tau * (j->k[2 * i] * shift[0] + j->k[2 * i + 1] * shift[1]);
		double c = j->weight[i] * cos(p), s = j->weight[i] * sin(p);

		if (j->set[i] == set)
			spread(j, i, signal[2 * i] * c - signal[2 * i + 1] * s,
			       signal[2 * i] * s + signal[2 * i + 1] * c);
	}
	fftw_execute(j->plan);
	for (int y = 0; y < ny; y++) {
		double ky = kernel_transform(&j->kernel, (double)(y - ny / 2) / j->size[1]);
		const fftw_complex *row = j->grid + (size_t)wrap(y - ny / 2, j->size[1]) *
					  (size_t)j->size[0];

		for (int x = 0; x < nx; x++) {
			double q = ky * kernel_transform(&j->kernel,
							 (double)(x - nx / 2) / j->size[0]);
			float *to = j->image + 2 * ((size_t)y * (size_t)nx + (size_t)x);

			to[0] = (float)(row[wrap(x - nx / 2, j->size[0])][0] / q);
			to[1] = (float)(row[wrap(x - nx / 2, j->size[0])][1] / q);
		}
	}
}

/* ------------------------------------------------------------------ all */
static precess_status job_make(struct job *j, const struct draw *d)
{
	const struct program *p = d->program;
	size_t n = p->n_sample, pixels = (size_t)p->matrix[0] * (size_t)p->matrix[1];

	*j = (struct job){ .d = d, .n = n, .kernel = kernel_make(WIDTH, 2),
			   .size = { 2 * p->matrix[0], 2 * p->matrix[1] } };
	j->k = calloc(2 * n + 1, sizeof *j->k);
	j->set = calloc(n + 1, sizeof *j->set);
	j->weight = calloc(n + 1, sizeof *j->weight);
	j->tap = calloc(n + 1, sizeof *j->tap);
	j->first = calloc(n + 1, sizeof *j->first);
	j->grid = fftw_alloc_complex(4 * pixels);
	j->image = calloc(2 * pixels, sizeof *j->image);
	if (j->grid)
		j->plan = fourier_plan_2d(j->size[1], j->size[0], j->grid, FFTW_BACKWARD);
	if (!j->k || !j->set || !j->weight || !j->tap || !j->first || !j->image || !j->plan)
		return precess_fail(PRECESS_ENOMEM, "out of memory to grid %zu samples", n);
	return PRECESS_OK;
}

static void job_free(struct job *j)
{
	free(j->k);
	free(j->set);
	free(j->weight);
	free(j->tap);
	free(j->first);
	free(j->image);
	fourier_destroy(j->plan);
	fftw_free(j->grid);
}

precess_status gridding_sort(struct kspace **out, const struct draw *d, const struct sim_result *r)
{
	struct kspace *k = NULL;
	struct job j;
	precess_status st;
	int n_set;

	*out = NULL;
	TRY(job_make(&j, d));
	TRY(place_samples(&j, &n_set));
	k = calloc(1, sizeof *k);
	if (k) {
		*k = (struct kspace){ .n_set = n_set, .nx = j.size[0] / 2, .ny = j.size[1] / 2,
				      .regridded = "gridding" };
		k->data = calloc(2 * (size_t)n_set * (size_t)k->ny * (size_t)k->nx,
				 sizeof *k->data);
	}
	if (!k || !k->data) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for k-space");
		goto out;
	}
	for (int s = 0; s < n_set; s++) {
		struct kspace set = *k;

		set.n_set = 1;
		set.data += 2 * (size_t)s * (size_t)k->ny * (size_t)k->nx;
		TRY(check_reach(&j, s));
		find_weights(&j, s);
		make_image(&j, s, r->signal);
		TRY(kspace_of_image(&set, j.image));
	}
	*out = k;
	k = NULL;
out:
	kspace_free(k);
	job_free(&j);
	return st;
}
