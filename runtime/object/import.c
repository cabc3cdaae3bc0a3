/* Imports of NIfTI volumes: labels with a tissue table, or a PD- and a T2-weighted pair.
 *
 * A volume's first axis becomes x, its second y, its third the slice. An axis that the file says
 * runs to the left or the back is turned over, so that x grows to the subject's right and y to the
 * front for the usual axial storage; oblique angles stay as they are. */
#include "runtime/object/internal.h"
#include "runtime/volume/volume.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	LABELS = 4096,         /* larger numbers are not class labels */
	TABLE_LIMIT = 1 << 20, /* bytes of a tissue table */
	SIDE_LIMIT = 16384
};
static const double mask_level = 0.1;  /* of the largest PD: below is no tissue */
static const double t2_most = 0.65, t2_least = 1e-3;
static const double te_lo = 0.030, te_hi = 0.090;
static const double weighted_t1 = 2; /* such a pair says nothing of T1: one value that all share */

struct source {
	const char *path;
	struct volume volume;
	int nx, ny, nz;
	double voxel[3]; /* z, y, x in m */
	bool turn_x, turn_y;
};

/* ------------------------------------------------------------------ volumes */
static precess_status source_open(struct source *s, const char *path)
{
	const struct volume *v = &s->volume;
	precess_status st = volume_read(&s->volume, path);

	if (st)
		return st;
	s->path = path;
	s->nx = v->side[0];
	s->ny = v->side[1];
	s->nz = v->side[2];
	for (int i = 0; i < 3; i++)
		s->voxel[i] = v->voxel[2 - i];
	s->turn_x = v->axis[0] == 0 && v->turn[0];
	s->turn_y = v->axis[1] == 1 && v->turn[1];
	if (v->is_complex)
		return precess_fail(PRECESS_EINVAL, "%s is complex; import its magnitude", path);
	if (s->nx > SIDE_LIMIT || s->ny > SIDE_LIMIT || s->nz > SIDE_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s has %d x %d x %d voxels; 1..%d along each side can be "
				    "imported", path, s->nx, s->ny, s->nz, SIDE_LIMIT);
	return PRECESS_OK;
}

static void source_close(struct source *s)
{
	volume_free(&s->volume);
}

/* In our axes: x to the right, y to the front. */
static double voxel(const struct source *s, int ix, int iy, int iz)
{
	size_t x = (size_t)(s->turn_x ? s->nx - 1 - ix : ix);
	size_t y = (size_t)(s->turn_y ? s->ny - 1 - iy : iy);

	return (double)s->volume.value[((size_t)iz * (size_t)s->ny + y) * (size_t)s->nx + x];
}

static precess_status bad_voxel(const struct source *v, int ix, int iy, int iz, double value,
				const char *why)
{
	return precess_fail(PRECESS_EINVAL, "%s: voxel [%d][%d][%d] = %g: %s", v->path, iz, iy, ix,
			    value, why);
}

/* Maps of one slice under construction. */
struct plane {
	float *m0, *t1, *t2;
};

static precess_status plane_create(struct plane *p, const struct source *v)
{
	size_t bytes = (size_t)v->nx * (size_t)v->ny * sizeof(float);

	p->m0 = memory_aligned(bytes);
	p->t1 = memory_aligned(bytes);
	p->t2 = memory_aligned(bytes);
	return p->m0 && p->t1 && p->t2 ? PRECESS_OK : PRECESS_ENOMEM;
}

static void plane_free(struct plane *p)
{
	free(p->m0);
	free(p->t1);
	free(p->t2);
}

static precess_status plane_put(struct map_file *f, int z, const struct plane *p)
{
	precess_status st;

	TRY(map_file_put(f, PROGRAM_MAP_M0, z, p->m0));
	TRY(map_file_put(f, PROGRAM_MAP_T1, z, p->t1));
	TRY(map_file_put(f, PROGRAM_MAP_T2, z, p->t2));
out:
	return st;
}

/* ------------------------------------------------------------------ labels and a table */
struct row {
	bool known;
	double m0, t1, t2;
};

/* Lines `label name M0 T1 T2`; # starts a comment. */
static precess_status parse_row(struct row *rows, char *line, const char *path, int number)
{
	char *hash = strchr(line, '#'), name[128], extra[2];
	double m0, t1, t2;
	long label;
	int n;

	if (hash)
		*hash = '\0';
	if (line[strspn(line, " \t\r")] == '\0')
		return PRECESS_OK;
	n = sscanf(line, "%ld %127s %lf %lf %lf %1s", &label, name, &m0, &t1, &t2, extra);
	if (n != 5)
		return precess_fail(PRECESS_EINVAL,
				    "%s:%d: expected `label name M0 T1 T2` (seconds), as in "
				    "`3 white 0.7 0.85 0.07`",
				    path, number);
	if (label < 0 || label >= LABELS)
		return precess_fail(PRECESS_EINVAL, "%s:%d: label %ld is outside 0..%d", path,
				    number, label, LABELS - 1);
	if (!(m0 >= 0 && isfinite(m0)) || (m0 > 0 && !(t1 > 0 && t2 > 0)))
		return precess_fail(PRECESS_EINVAL,
				    "%s:%d: %s: M0 must not be negative and T1, T2 must be above 0 "
				    "(M0 %g, T1 %g s, T2 %g s)",
				    path, number, name, m0, t1, t2);
	if (t1 > 100 || t2 > 100)
		return precess_fail(PRECESS_EINVAL,
				    "%s:%d: %s: T1 %g, T2 %g: relaxation times are in seconds",
				    path, number, name, t1, t2);
	rows[label] = (struct row){ true, m0, t1, t2 };
	return PRECESS_OK;
}

static precess_status read_table(struct row *rows, const char *path)
{
	char *data, *line, *next;
	precess_status st;
	int number = 0;

	if ((st = file_read(&data, NULL, path, TABLE_LIMIT)) != 0)
		return st;
	for (line = data; line && !st; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		st = parse_row(rows, line, path, ++number);
	}
	free(data);
	return st;
}

static precess_status fill_labels(struct plane *p, const struct source *v, int z,
				  const struct row *rows)
{
	const struct row *r;
	int ix, iy;
	double l;
	size_t i;

	for (iy = 0; iy < v->ny; iy++)
		for (ix = 0; ix < v->nx; ix++) {
			l = voxel(v, ix, iy, z);
			if (!(l >= 0 && l < LABELS) || l != floor(l))
				return bad_voxel(v, ix, iy, z, l,
						 "labels are whole numbers 0..4095");
			r = &rows[(int)l];
			if (!r->known && l != 0)
				return bad_voxel(v, ix, iy, z, l,
						 "the tissue table lacks this label");
			i = (size_t)iy * v->nx + ix;
			p->m0[i] =
				(float)r->m0; /* label 0 is background unless the table says so */
			p->t1[i] = (float)(r->m0 > 0 ? r->t1 : 0);
			p->t2[i] = (float)(r->m0 > 0 ? r->t2 : 0);
		}
	return PRECESS_OK;
}

precess_status object_import_labels(const char *out, const char *labels, const char *table)
{
	struct plane p = { NULL, NULL, NULL };
	struct row *rows = calloc(LABELS, sizeof *rows);
	struct map_file *f = NULL;
	struct source v = { .path = NULL };
	precess_status st;
	int z;

	if (!rows)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(read_table(rows, table));
	TRY(source_open(&v, labels));
	TRY(plane_create(&p, &v));
	TRY(map_file_create(&f, out, v.nz, v.ny, v.nx, v.voxel, labels));
	for (z = 0; z < v.nz; z++) {
		TRY(fill_labels(&p, &v, z, rows));
		TRY(plane_put(f, z, &p));
	}
	st = map_file_commit(f);
	f = NULL;
out:
	map_file_discard(f);
	plane_free(&p);
	source_close(&v);
	free(rows);
	return st;
}

/* ------------------------------------------------------------------ PD and T2-weighted */
static precess_status largest(double *most, const struct source *v)
{
	size_t i, n = (size_t)v->nx * (size_t)v->ny * (size_t)v->nz;

	*most = 0;
	for (i = 0; i < n; i++)
		*most = fmax(*most, (double)v->volume.value[i]);
	if (*most > 0)
		return PRECESS_OK;
	return precess_fail(PRECESS_EINVAL, "%s has no voxel above 0", v->path);
}

/* M0 = PD / max PD where that exceeds the mask level; T2 = |-TE / ln(T2w / PD)|, as long as it
 * is credible: equal intensities would mean T2 infinite. No T2w signal is no knowledge of T2, so
 * nothing is there. */
static void fill_weighted(struct plane *p, const struct source *pd, const struct source *t2w, int z,
			  double te, double most)
{
	double density, weighted, t2;
	int ix, iy;
	size_t i;

	for (iy = 0; iy < pd->ny; iy++)
		for (ix = 0; ix < pd->nx; ix++) {
			i = (size_t)iy * pd->nx + ix;
			density = voxel(pd, ix, iy, z);
			weighted = voxel(t2w, ix, iy, z);
			p->m0[i] = p->t1[i] = p->t2[i] = 0;
			if (!(density / most > mask_level && weighted > 0))
				continue;
			t2 = fabs(te / log(weighted / density));
			p->m0[i] = (float)(density / most);
			p->t1[i] = (float)weighted_t1;
			p->t2[i] = (float)fmin(fmax(t2, t2_least), t2_most);
		}
}

static precess_status check_pair(const struct source *pd, const struct source *t2w)
{
	if (pd->nx == t2w->nx && pd->ny == t2w->ny && pd->nz == t2w->nz)
		return PRECESS_OK;
	return precess_fail(
		PRECESS_EINVAL,
		"%s is %d x %d x %d, %s is %d x %d x %d voxels; register them to one grid",
		pd->path, pd->nx, pd->ny, pd->nz, t2w->path, t2w->nx, t2w->ny, t2w->nz);
}

precess_status object_import_weighted(const char *out, const char *pd, const char *t2w, double te,
				      uint64_t seed)
{
	struct source a = { .path = NULL }, b = { .path = NULL };
	struct plane p = { NULL, NULL, NULL };
	struct map_file *f = NULL;
	precess_status st;
	double most, unused, slice_te;
	struct rng r;
	int z;

	TRY(source_open(&a, pd));
	TRY(source_open(&b, t2w));
	TRY(check_pair(&a, &b));
	TRY(largest(&most, &a));
	TRY(largest(&unused, &b));
	TRY(plane_create(&p, &a));
	TRY(map_file_create(&f, out, a.nz, a.ny, a.nx, a.voxel, pd));
	for (z = 0; z < a.nz; z++) {
		r = rng_make(seed, (uint64_t)z);
		slice_te = te > 0 ? te : rng_uniform(&r, te_lo, te_hi);
		fill_weighted(&p, &a, &b, z, slice_te, most);
		TRY(plane_put(f, z, &p));
	}
	st = map_file_commit(f);
	f = NULL;
out:
	map_file_discard(f);
	plane_free(&p);
	source_close(&a);
	source_close(&b);
	return st;
}
