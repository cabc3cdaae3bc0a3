/* Results as BART reads them.
 *
 * `bart fft` puts k = 0 and r = 0 on sample n/2; our pixels lie at ((i + 1/2) / n - 1/2) fov, half a
 * pixel beside it when n is even. So samples are turned by exp(2 pi i k.shift), and its images lie on
 * ours. Trajectories count cells, 1 / fov. */
#include "runtime/io/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

static const int dim_of[SET_LABELS] = { CFL_ECHO, CFL_REPETITION, CFL_SET, CFL_SLICE, CFL_AVERAGE };

/* One set of the labels' sizes follows another. */
static precess_status make(struct cfl *a, size_t d0, size_t d1, size_t d2, const struct sets *sets)
{
	size_t dim[CFL_DIMS] = { d0, d1, d2 };
	int i;

	for (i = 0; i < SET_LABELS; i++)
		dim[dim_of[i]] = (size_t)sets->size[i];
	return cfl_make(a, dim);
}

/* Where the numbers of a set begin. */
static float *set_of(const struct cfl *a, const struct sets *sets, int set)
{
	size_t at[CFL_DIMS] = { 0 };
	int i;

	for (i = 0; i < SET_LABELS; i++)
		at[dim_of[i]] = (size_t)sets->at[set][i];
	return cfl_at(a, at);
}

/* ------------------------------------------------------------------ content */
static double half_pixel(int n)
{
	return 0.5 - 0.5 * n + n / 2;
}

static void turn(float *to, double re, double im, double cycles)
{
	double c = cos(tau * cycles), s = sin(tau * cycles);

	to[0] = (float)(re * c - im * s);
	to[1] = (float)(re * s + im * c);
}

static void put_matrix(float *to, const struct kspace *k, int set)
{
	const float *from = k->data + 2 * (size_t)set * (size_t)k->nx * (size_t)k->ny;
	double y, p;
	int ix, iy;

	for (iy = 0; iy < k->ny; iy++) {
		y = (iy - k->ny / 2 + k->offset[1]) * half_pixel(k->ny) / k->ny;
		for (ix = 0; ix < k->nx; ix++, from += 2, to += 2) {
			p = y + (ix - k->nx / 2 + k->offset[0]) * half_pixel(k->nx) / k->nx;
			turn(to, (double)from[0], (double)from[1], p);
		}
	}
}

/* Cartesian: [x, y]; what BART needs to make the image. */
static precess_status write_matrix(const char *path, const struct io_result *r,
				   const struct sets *sets)
{
	const struct kspace *k = r->kspace;
	struct cfl a;
	precess_status st = make(&a, (size_t)k->nx, (size_t)k->ny, 1, sets);
	int s;

	if (st)
		return st;
	for (s = 0; s < k->n_set; s++)
		put_matrix(set_of(&a, sets, s), k, s);
	st = cfl_write(path, "", &a);
	free(a.v);
	return st;
}

/* Readouts of each image, and samples of each readout: they must agree to fill an array. */
static precess_status measure_spokes(size_t *samples, size_t *spokes, const struct program *p,
				     const struct sampling *s)
{
	size_t *n = calloc((size_t)s->n_set + 1, sizeof *n);
	bool same = true;
	uint32_t r;
	int i;

	if (!n)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (r = 0; r < p->n_readout; r++) {
		if (s->line[r].set < 0)
			continue;
		if (!*samples)
			*samples = p->event[p->readout[r].event].n;
		same &= p->event[p->readout[r].event].n == *samples;
		n[s->line[r].set]++;
	}
	*spokes = n[0];
	for (i = 0; i < s->n_set; i++)
		same &= n[i] == *spokes;
	free(n);
	if (!same)
		return precess_fail(PRECESS_ENOTSUP,
				    "%s: readouts of different length, or images of different "
				    "numbers of them, fill no array; ISMRMRD (.mrd) holds them",
				    p->name);
	return PRECESS_OK;
}

/* Otherwise: samples [1, sample, readout] and trajectory [3, sample, readout]. */
static precess_status write_spokes(const char *path, const struct io_result *r,
				   const struct sampling *s, const struct sets *sets)
{
	const struct program *p = r->draw->program;
	struct cfl data = { .v = NULL }, path_ = { .v = NULL };
	size_t samples = 0, spokes = 0, at, *next = calloc((size_t)s->n_set + 1, sizeof *next);
	const double *v, *k;
	precess_status st;
	uint32_t i, q;
	double cells[2];

	if (!next)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(measure_spokes(&samples, &spokes, p, s));
	TRY(make(&data, 1, samples, spokes, sets));
	TRY(make(&path_, 3, samples, spokes, sets));
	for (q = 0; q < p->n_readout; q++) {
		const struct program_event *e = &p->event[p->readout[q].event];

		if (s->line[q].set < 0)
			continue;
		for (i = 0; i < e->n; i++) {
			at = next[s->line[q].set] * samples + i;
			v = r->result->signal + 2 * ((size_t)e->first_sample + i);
			k = s->k + 3 * ((size_t)e->first_sample + i);
			cells[0] = k[0] * p->fov[0];
			cells[1] = k[1] * p->fov[1];
			turn(set_of(&data, sets, s->line[q].set) + 2 * at, v[0], v[1],
			     cells[0] * half_pixel(p->matrix[0]) / p->matrix[0] +
				     cells[1] * half_pixel(p->matrix[1]) / p->matrix[1]);
			set_of(&path_, sets, s->line[q].set)[6 * at] = (float)cells[0];
			set_of(&path_, sets, s->line[q].set)[6 * at + 2] = (float)cells[1];
		}
		next[s->line[q].set]++;
	}
	TRY(cfl_write(path, "_traj", &path_));
	TRY(cfl_write(path, "", &data));
out:
	free(data.v);
	free(path_.v);
	free(next);
	return st;
}

static precess_status write_image(const char *path, const struct io_result *r,
				  const struct sets *sets)
{
	const struct kspace *k = r->kspace;
	size_t plane = (size_t)k->nx * (size_t)k->ny;
	struct cfl a;
	precess_status st = make(&a, (size_t)k->nx, (size_t)k->ny, 1, sets);
	int s;

	if (st)
		return st;
	for (s = 0; s < k->n_set; s++)
		memcpy(set_of(&a, sets, s), r->image + 2 * plane * (size_t)s,
		       2 * plane * sizeof *a.v);
	st = cfl_write(path, "_image", &a);
	free(a.v);
	return st;
}

precess_status io_write_bart(const char *path, const struct io_result *r)
{
	struct sampling *s = NULL;
	struct sets sets = { .at = NULL };
	precess_status st;

	TRY(sampling_create(&s, r->draw));
	if (s->kind == SAMPLING_OTHER || !r->kspace || !r->image || r->kspace->n_set != s->n_set) {
		st = precess_fail(PRECESS_ENOTSUP,
				  "%s has no image for BART to make; ISMRMRD (.mrd) holds its "
				  "samples",
				  r->draw->program->name);
		goto out;
	}
	TRY(sets_create(&sets, r->draw, s));
	TRY(write_image(path, r, &sets));
	st = s->kind == SAMPLING_GRIDDED && r->result ? write_spokes(path, r, s, &sets)
						      : write_matrix(path, r, &sets);
out:
	sets_free(&sets);
	sampling_free(s);
	return st == PRECESS_ENOTSUP ? precess_wrap(st, "%s", path) : st;
}
