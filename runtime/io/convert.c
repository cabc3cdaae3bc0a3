/* Files of one format as another: images among HDF5, NIfTI and BART; raw data to BART.
 *
 * Between images stands a series of volumes. BART knows no place in space: its voxels are 1 mm and the
 * volume is centred. */
#include "runtime/io/internal.h"

#include <stdlib.h>
#include <string.h>

static const double unknown_voxel = 1e-3;
enum { SIDE_LIMIT = 32767 };

struct series {
	struct io_volume v;
	int n;
};

static void centre(struct io_volume *v)
{
	const int n[3] = { v->nx, v->ny, v->nz };
	int i;

	for (i = 0; i < 3; i++)
		v->origin[i] = -0.5 * (n[i] - 1) * v->voxel[i];
}

/* ------------------------------------------------------------------ HDF5 */
static precess_status read_result(struct series *s, const char *path)
{
	struct io_image *m;
	precess_status st = io_read_image(&m, path);
	int i;

	if (st)
		return st;
	s->n = m->n_set;
	s->v.nx = m->nx;
	s->v.ny = m->ny;
	s->v.nz = m->nz;
	s->v.is_complex = true;
	s->v.value = m->data;
	m->data = NULL;
	for (i = 0; i < 3; i++)
		s->v.voxel[i] = m->voxel[i] > 0 ? m->voxel[i] : unknown_voxel;
	centre(&s->v);
	io_image_free(m);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ BART */
/* x, y, z, and all other dimensions as a series. */
static precess_status read_array(struct series *s, const char *path)
{
	struct cfl a;
	precess_status st = cfl_read(&a, path);
	size_t n;
	int i;

	if (st)
		return st;
	n = cfl_count(&a) / (a.dim[0] * a.dim[1] * a.dim[2]);
	if (a.dim[0] > SIDE_LIMIT || a.dim[1] > SIDE_LIMIT || a.dim[2] > SIDE_LIMIT ||
	    n > SIDE_LIMIT) {
		free(a.v);
		return precess_fail(PRECESS_EINVAL,
				    "%s: %zu x %zu x %zu voxels, %zu times; the limit is %d each",
				    path, a.dim[0], a.dim[1], a.dim[2], n, SIDE_LIMIT);
	}
	s->n = (int)n;
	s->v.nx = (int)a.dim[0];
	s->v.ny = (int)a.dim[1];
	s->v.nz = (int)a.dim[2];
	s->v.is_complex = true;
	s->v.value = a.v;
	for (i = 0; i < 3; i++)
		s->v.voxel[i] = unknown_voxel;
	centre(&s->v);
	return PRECESS_OK;
}

static precess_status write_array(const char *path, const struct series *s)
{
	const size_t dim[CFL_DIMS] = { (size_t)s->v.nx, (size_t)s->v.ny,
				       (size_t)s->v.nz, [CFL_ECHO] = (size_t)s->n };
	struct cfl a;
	precess_status st = cfl_make(&a, dim);
	size_t i;

	if (st)
		return st;
	for (i = 0; i < cfl_count(&a); i++) {
		a.v[2 * i] = s->v.value[s->v.is_complex ? 2 * i : i];
		a.v[2 * i + 1] = s->v.is_complex ? s->v.value[2 * i + 1] : 0;
	}
	st = cfl_write(path, "", &a);
	free(a.v);
	return st;
}

/* ------------------------------------------------------------------ raw data to BART */
struct layout {
	bool lines; /* Cartesian: a readout is a row of the matrix */
	int samples, coils;
	int counts[IO_COUNTERS]; /* one more than the largest index */
};

static bool is_image(const struct io_acquisition *a)
{
	return !(a->flags & IO_NO_IMAGE);
}

static precess_status check_readout(const struct layout *l, const struct io_acquisition *a,
				    const struct io_acquisition *first, size_t i, const char *path)
{
	if (a->n_sample != first->n_sample || a->n_coil != first->n_coil ||
	    a->encoding != first->encoding || a->n_sample < 1 || a->n_coil < 1)
		return precess_fail(PRECESS_EINVAL,
				    "%s: acquisition %zu has %d samples of %d coils, an earlier "
				    "one %d of %d: they fill no array",
				    path, i, a->n_sample, a->n_coil, first->n_sample,
				    first->n_coil);
	if (!l->lines && a->n_dim < 2)
		return precess_fail(PRECESS_EINVAL,
				    "%s: acquisition %zu is neither a line nor has it a trajectory",
				    path, i);
	return PRECESS_OK;
}

static precess_status find_layout(struct layout *l, const struct io_raw *raw, const char *path)
{
	const struct io_acquisition *a, *first = NULL;
	const struct io_encoding *e;
	precess_status st;
	size_t i;
	int c;

	*l = (struct layout){ .lines = false };
	for (i = 0; i < raw->n; i++) {
		a = &raw->acquisition[i];
		if (!is_image(a))
			continue;
		if (!first) {
			first = a;
			e = &raw->encoding[a->encoding];
			l->lines = !strcmp(e->trajectory, "cartesian") ||
				   !strcmp(e->trajectory, "epi");
			l->counts[IO_LINE] = l->lines ? e->encoded.matrix[1] : 0;
			l->samples = a->n_sample;
			l->coils = a->n_coil;
		}
		if ((st = check_readout(l, a, first, i, path)) != 0)
			return st;
		for (c = 0; c < IO_COUNTERS; c++)
			if (a->counter[c] >= l->counts[c])
				l->counts[c] = a->counter[c] + 1;
	}
	return first ? PRECESS_OK
		     : precess_fail(PRECESS_EINVAL, "%s holds no readouts of an image", path);
}

/* Where a readout's first sample of the first coil goes. */
static void find_place(size_t at[CFL_DIMS], const struct layout *l, const struct io_acquisition *a)
{
	memset(at, 0, CFL_DIMS * sizeof *at);
	at[l->lines ? 1 : 2] = (size_t)a->counter[IO_LINE];
	if (l->lines)
		at[2] = (size_t)a->counter[IO_PARTITION];
	at[CFL_ECHO] = (size_t)a->counter[IO_CONTRAST];
	at[CFL_REPETITION] = (size_t)a->counter[IO_REPETITION];
	at[CFL_SET] = (size_t)a->counter[IO_SET];
	at[CFL_SLICE] = (size_t)a->counter[IO_SLICE];
	at[CFL_AVERAGE] = (size_t)a->counter[IO_AVERAGE];
}

static void put_readout(struct cfl *data, struct cfl *traj, const struct layout *l,
			const struct io_acquisition *a)
{
	bool turn = l->lines && a->flags & IO_REVERSE;
	size_t at[CFL_DIMS];
	int c, i, j, d;
	float *to;

	find_place(at, l, a);
	for (c = 0; c < a->n_coil; c++) {
		at[CFL_COIL] = (size_t)c;
		to = cfl_at(data, at); /* samples are neighbours, in a row or in a spoke */
		for (i = 0; i < a->n_sample; i++) {
			j = turn ? a->n_sample - 1 - i : i;
			memcpy(to + 2 * i, a->data + 2 * (c * a->n_sample + j), 2 * sizeof *to);
		}
	}
	at[CFL_COIL] = 0;
	for (i = 0; i < a->n_sample && !l->lines; i++)
		for (d = 0; d < 3 && d < a->n_dim; d++)
			cfl_at(traj, at)[2 * (3 * i + d)] = a->trajectory[a->n_dim * i + d];
}

static precess_status write_raw(const char *path, const struct io_raw *raw, const char *from)
{
	struct cfl data = { .v = NULL }, traj = { .v = NULL };
	size_t dim[CFL_DIMS] = { 0 };
	struct layout l;
	precess_status st;
	size_t i;

	TRY(find_layout(&l, raw, from));
	dim[0] = l.lines ? (size_t)l.samples : 1;
	dim[1] = (size_t)(l.lines ? l.counts[IO_LINE] : l.samples);
	dim[2] = (size_t)l.counts[l.lines ? IO_PARTITION : IO_LINE];
	dim[CFL_ECHO] = (size_t)l.counts[IO_CONTRAST];
	dim[CFL_REPETITION] = (size_t)l.counts[IO_REPETITION];
	dim[CFL_SET] = (size_t)l.counts[IO_SET];
	dim[CFL_SLICE] = (size_t)l.counts[IO_SLICE];
	dim[CFL_AVERAGE] = (size_t)l.counts[IO_AVERAGE];
	if (!l.lines) {
		dim[0] = 3;
		TRY(cfl_make(&traj, dim));
		dim[0] = 1;
	}
	dim[CFL_COIL] = (size_t)l.coils;
	TRY(cfl_make(&data, dim));
	for (i = 0; i < raw->n; i++)
		if (is_image(&raw->acquisition[i]))
			put_readout(&data, &traj, &l, &raw->acquisition[i]);
	if (!l.lines)
		TRY(cfl_write(path, "_traj", &traj));
	TRY(cfl_write(path, "", &data));
out:
	free(data.v);
	free(traj.v);
	return st;
}

static precess_status convert_raw(const char *to, const char *from)
{
	struct io_raw *raw;
	precess_status st;

	if (!has_ending(to, ".cfl"))
		return precess_fail(PRECESS_ENOTSUP,
				    "raw data become a BART array (.cfl); %s has to be "
				    "reconstructed from it",
				    to);
	if ((st = io_read_raw(&raw, from)) != 0)
		return st;
	st = write_raw(to, raw, from);
	io_raw_free(raw);
	return st;
}

/* ------------------------------------------------------------------ all */
static bool is_nifti(const char *path)
{
	return has_ending(path, ".nii") || has_ending(path, ".nii.gz");
}

precess_status io_convert(const char *to, const char *from)
{
	struct series s = { .n = 1 };
	precess_status st;

	if (!is_nifti(to) && !has_ending(to, ".cfl"))
		return precess_fail(PRECESS_ENOTSUP,
				    "%s: files are converted to .nii, .nii.gz and .cfl", to);
	if (has_ending(from, ".mrd"))
		return convert_raw(to, from);
	if (has_ending(from, ".cfl"))
		st = read_array(&s, from);
	else if (has_ending(from, ".h5") || strstr(from, ".h5:"))
		st = read_result(&s, from);
	else /* also FILE.nii:3 */
		st = io_read_nifti(&s.v, from);
	if (!st)
		st = is_nifti(to) ? io_write_nifti_series(to, &s.v, s.n) : write_array(to, &s);
	io_volume_free(&s.v);
	return st;
}
