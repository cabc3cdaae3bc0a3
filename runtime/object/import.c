/* Imports of NIfTI volumes: labels with a tissue table, or a PD- and a T2-weighted pair.
 *
 * A volume's first axis becomes x, its second y, its third the slice. An axis that the file says
 * runs to the left or the back is turned over, so that x grows to the subject's right and y to the
 * front for the usual axial storage; oblique angles stay as they are. */
#include "runtime/object/internal.h"

#include <math.h>
#include <nifti2_io.h>
#include <stdlib.h>
#include <string.h>

enum {
	LABELS = 4096,         /* larger numbers are not class labels */
	TABLE_LIMIT = 1 << 20, /* bytes of a tissue table */
	SIDE_LIMIT = 16384
};
#define VOXEL_LIMIT ((int64_t)1 << 28) /* 645 along each side */
static const double mask_level = 0.1;  /* of the largest PD: below is no tissue */
static const double t2_most = 0.65, t2_least = 1e-3;
static const double te_lo = 0.030, te_hi = 0.090;
static const double weighted_t1 = 2; /* such a pair says nothing of T1: one value that all share */

struct volume {
	const char *path;
	nifti_image *image;
	int nx, ny, nz;
	double voxel[3]; /* z, y, x in m */
	bool turn_x, turn_y;
};

/* ------------------------------------------------------------------ volumes */
static double unit_length(const nifti_image *image)
{
	switch (image->xyz_units) {
	case NIFTI_UNITS_METER:
		return 1;
	case NIFTI_UNITS_MICRON:
		return 1e-6;
	default: /* millimetres, also when the file does not say */
		return 1e-3;
	}
}

static void orient(struct volume *v)
{
	nifti_image *n = v->image;
	int i = 0, j = 0, k = 0;

	if (n->sform_code > 0)
		nifti_dmat44_to_orientation(n->sto_xyz, &i, &j, &k);
	else if (n->qform_code > 0)
		nifti_dmat44_to_orientation(n->qto_xyz, &i, &j, &k);
	v->turn_x = i == NIFTI_R2L;
	v->turn_y = j == NIFTI_A2P;
}

static bool known_type(int datatype)
{
	switch (datatype) {
	case NIFTI_TYPE_UINT8:
	case NIFTI_TYPE_INT8:
	case NIFTI_TYPE_UINT16:
	case NIFTI_TYPE_INT16:
	case NIFTI_TYPE_UINT32:
	case NIFTI_TYPE_INT32:
	case NIFTI_TYPE_FLOAT32:
	case NIFTI_TYPE_FLOAT64:
		return true;
	}
	return false;
}

static precess_status check_volume(struct volume *v)
{
	nifti_image *n = v->image;
	double unit = unit_length(n);

	if (n->nx < 1 || n->ny < 1 || n->nx > SIDE_LIMIT || n->ny > SIDE_LIMIT ||
	    n->nz > SIDE_LIMIT || (double)n->nx * (double)n->ny * (double)n->nz > VOXEL_LIMIT)
		return precess_fail(
			PRECESS_EINVAL,
			"%s declares %lld x %lld x %lld voxels; 1..%d along each side can "
			"be imported",
			v->path, (long long)n->nx, (long long)n->ny, (long long)n->nz, SIDE_LIMIT);
	if (n->nt > 1 || n->nu > 1)
		return precess_fail(PRECESS_EINVAL,
				    "%s holds several volumes (%lld); import one of them", v->path,
				    (long long)(n->nt > 1 ? n->nt : n->nu));
	if (!known_type(n->datatype))
		return precess_fail(PRECESS_EINVAL,
				    "%s: voxels of type %s are not supported; convert to float32",
				    v->path, nifti_datatype_string(n->datatype));
	v->nx = (int)n->nx;
	v->ny = (int)n->ny;
	v->nz = n->nz > 1 ? (int)n->nz : 1;
	v->voxel[2] = fabs(n->dx) * unit;
	v->voxel[1] = fabs(n->dy) * unit;
	v->voxel[0] = n->dz != 0 ? fabs(n->dz) * unit : v->voxel[1];
	if (!(v->voxel[2] > 0 && v->voxel[1] > 0 && v->voxel[2] < 1 && v->voxel[1] < 1))
		return precess_fail(PRECESS_EINVAL, "%s: voxels of %g x %g m are not credible",
				    v->path, v->voxel[2], v->voxel[1]);
	orient(v);
	return PRECESS_OK;
}

static precess_status volume_open(struct volume *v, const char *path)
{
	precess_status st;
	FILE *f;

	memset(v, 0, sizeof *v);
	v->path = path;
	f = fopen(path, "rb"); /* the library invents other names when this one is missing */
	if (!f)
		return precess_fail(PRECESS_EIO, "cannot read %s: no such file, or no permission",
				    path);
	fclose(f);
	nifti_set_debug_level(0); /* failures are told once, by us */
	v->image = nifti_image_read(path, 0);
	if (!v->image)
		return precess_fail(PRECESS_EINVAL, "%s is not a NIfTI volume (.nii, .nii.gz)",
				    path);
	if ((st = check_volume(v)) != 0)
		return st;
	if (nifti_image_load(v->image) != 0)
		return precess_fail(PRECESS_EINVAL,
				    "%s is damaged or cut short: its voxels cannot be read", path);
	return PRECESS_OK;
}

static void volume_close(struct volume *v)
{
	if (v->image)
		nifti_image_free(v->image);
}

static double raw(const nifti_image *n, size_t i)
{
	switch (n->datatype) {
	case NIFTI_TYPE_UINT8:
		return ((const uint8_t *)n->data)[i];
	case NIFTI_TYPE_INT8:
		return ((const int8_t *)n->data)[i];
	case NIFTI_TYPE_UINT16:
		return ((const uint16_t *)n->data)[i];
	case NIFTI_TYPE_INT16:
		return ((const int16_t *)n->data)[i];
	case NIFTI_TYPE_UINT32:
		return ((const uint32_t *)n->data)[i];
	case NIFTI_TYPE_INT32:
		return ((const int32_t *)n->data)[i];
	case NIFTI_TYPE_FLOAT32:
		return ((const float *)n->data)[i];
	default:
		return ((const double *)n->data)[i];
	}
}

/* In our axes: x to the right, y to the front. */
static double voxel(const struct volume *v, int ix, int iy, int iz)
{
	size_t x = (size_t)(v->turn_x ? v->nx - 1 - ix : ix);
	size_t y = (size_t)(v->turn_y ? v->ny - 1 - iy : iy);
	double value = raw(v->image, ((size_t)iz * (size_t)v->ny + y) * (size_t)v->nx + x);

	if (v->image->scl_slope != 0 && isfinite(v->image->scl_slope))
		value = value * v->image->scl_slope + v->image->scl_inter;
	return value;
}

static precess_status bad_voxel(const struct volume *v, int ix, int iy, int iz, double value,
				const char *why)
{
	return precess_fail(PRECESS_EINVAL, "%s: voxel [%d][%d][%d] = %g: %s", v->path, iz, iy, ix,
			    value, why);
}

/* Maps of one slice under construction. */
struct plane {
	float *m0, *t1, *t2;
};

static precess_status plane_create(struct plane *p, const struct volume *v)
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

static precess_status fill_labels(struct plane *p, const struct volume *v, int z,
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
	struct volume v = { .image = NULL };
	precess_status st;
	int z;

	if (!rows)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(read_table(rows, table));
	TRY(volume_open(&v, labels));
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
	volume_close(&v);
	free(rows);
	return st;
}

/* ------------------------------------------------------------------ PD and T2-weighted */
static precess_status largest(double *most, const struct volume *v)
{
	int ix, iy, iz;
	double value;

	*most = 0;
	for (iz = 0; iz < v->nz; iz++)
		for (iy = 0; iy < v->ny; iy++)
			for (ix = 0; ix < v->nx; ix++) {
				value = voxel(v, ix, iy, iz);
				if (!isfinite(value))
					return bad_voxel(v, ix, iy, iz, value,
							 "not a finite number");
				*most = fmax(*most, value);
			}
	if (*most > 0)
		return PRECESS_OK;
	return precess_fail(PRECESS_EINVAL, "%s has no voxel above 0", v->path);
}

/* M0 = PD / max PD where that exceeds the mask level; T2 = |-TE / ln(T2w / PD)|, as long as it
 * is credible: equal intensities would mean T2 infinite. No T2w signal (the library reads what
 * is not a number as 0) is no knowledge of T2, so nothing is there. */
static void fill_weighted(struct plane *p, const struct volume *pd, const struct volume *t2w, int z,
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

static precess_status check_pair(const struct volume *pd, const struct volume *t2w)
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
	struct volume a = { .image = NULL }, b = { .image = NULL };
	struct plane p = { NULL, NULL, NULL };
	struct map_file *f = NULL;
	precess_status st;
	double most, unused, slice_te;
	struct rng r;
	int z;

	TRY(volume_open(&a, pd));
	TRY(volume_open(&b, t2w));
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
	volume_close(&a);
	volume_close(&b);
	return st;
}
