/* What a header declares is compared with the size of the file before memory is asked for. */
#include "runtime/volume/volume.h"

#include <ctype.h>
#include <math.h>
#include <nifti2_io.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	SIDE_LIMIT = 32767,
	DEFLATE_RATIO = 1032 /* no deflated stream unpacks to more times its size */
};
#define VOXEL_LIMIT ((double)(1 << 28)) /* 645 along each side */

struct source {
	const char *path;
	char *file;    /* the name without the number of the volume */
	int64_t index; /* of the volume */
	nifti_image *image;
	int type; /* of its numbers */
	struct volume *to;
};

/* ------------------------------------------------------------------ the name */
/* FILE or FILE:INDEX; a file of the whole name goes first. */
static precess_status split_name(struct source *s)
{
	const char *colon = strrchr(s->path, ':');
	char *end = NULL;
	struct stat st;

	s->file = strdup(s->path);
	if (!s->file)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (stat(s->file, &st) != 0 && colon && isdigit((unsigned char)colon[1])) {
		s->index = strtoll(colon + 1, &end, 10);
		if (*end == '\0')
			s->file[colon - s->path] = '\0';
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ what the header says */
static double unit_length(const nifti_image *n)
{
	switch (n->xyz_units) {
	case NIFTI_UNITS_METER:
		return 1;
	case NIFTI_UNITS_MICRON:
		return 1e-6;
	default: /* millimetres, also when the file does not say */
		return 1e-3;
	}
}

static bool is_complex(int datatype)
{
	return datatype == NIFTI_TYPE_COMPLEX64 || datatype == NIFTI_TYPE_COMPLEX128;
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
	return is_complex(datatype);
}

/* Before the library believes it: it takes 1 for a voxel size that is not a number. */
static precess_status check_header(const struct source *s)
{
	int version = 0, i, type;
	void *header = nifti_read_header(s->file, &version, 0);
	const nifti_1_header *h1 = header;
	const nifti_2_header *h2 = header;
	precess_status st = PRECESS_OK;
	int64_t n, side;
	int32_t length;
	double size;

	if (!header)
		return precess_fail(PRECESS_EINVAL, "%s is not a NIfTI volume (.nii, .nii.gz)",
				    s->file);
	memcpy(&length, header, sizeof length);
	if (length != (int32_t)(version == 2 ? sizeof *h2 : sizeof *h1))
		swap_nifti_header(header, version); /* a processor of the other kind wrote it */
	n = version == 2 ? h2->dim[0] : h1->dim[0];
	if (n < 1 || n > 7)
		st = precess_fail(PRECESS_EINVAL,
				  "%s declares %lld dimensions; a NIfTI file has 1..7", s->file,
				  (long long)n);
	type = version == 2 ? h2->datatype : h1->datatype;
	if (!st && !known_type(type))
		st = precess_fail(PRECESS_EINVAL,
				  "%s: voxels of type %s are not supported; convert to float32",
				  s->file, nifti_datatype_string(type));
	for (i = 1; i <= n && !st; i++) {
		side = version == 2 ? h2->dim[i] : h1->dim[i];
		size = version == 2 ? h2->pixdim[i] : h1->pixdim[i];
		if (side < 1 || (i <= 3 && side > SIDE_LIMIT))
			st = precess_fail(PRECESS_EINVAL,
					  "%s: dimension %d is declared as %lld; a volume has "
					  "1..%d voxels along each side",
					  s->file, i, (long long)side, SIDE_LIMIT);
		else if (i <= 3 && !isfinite(size))
			st = precess_fail(PRECESS_EINVAL,
					  "%s: a voxel size of %g; correct its pixdim", s->file,
					  size);
	}
	free(header);
	return st;
}

static precess_status check_dimensions(struct source *s)
{
	const nifti_image *n = s->image;
	int64_t count = 1, side;
	double voxels = 1;
	int i;

	for (i = 1; i <= 7; i++) {
		side = i <= n->ndim ? n->dim[i] : 1;
		if (i <= 3)
			s->to->side[i - 1] = (int)side;
		else if (side > INT32_MAX || (count *= side) > INT32_MAX)
			return precess_fail(PRECESS_EINVAL, "%s declares too many volumes",
					    s->file);
		voxels *= i <= 3 ? (double)side : 1;
	}
	if (voxels > VOXEL_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s declares %d x %d x %d voxels; the limit is %.0f", s->file,
				    s->to->side[0], s->to->side[1], s->to->side[2], VOXEL_LIMIT);
	if (s->index >= count)
		return precess_fail(PRECESS_EINVAL,
				    "%s has no volume %lld: it has %lld, counted from 0", s->file,
				    (long long)s->index, (long long)count);
	if (count > 1 && strcmp(s->file, s->path) == 0)
		return precess_fail(PRECESS_EINVAL, "%s holds %lld volumes; name one, as in %s:0",
				    s->file, (long long)count, s->file);
	return PRECESS_OK;
}

/* A header of a few bytes may declare any size. */
static precess_status check_size(const struct source *s)
{
	const nifti_image *n = s->image;
	double declared = (double)n->nvox * n->nbyper + (double)n->iname_offset;
	struct stat st;

	if (!n->iname || stat(n->iname, &st) != 0)
		return precess_fail(PRECESS_EINVAL, "%s has no voxels: its data file is missing",
				    s->file);
	if (declared > (double)st.st_size * (nifti_is_gzfile(n->iname) ? DEFLATE_RATIO : 1))
		return precess_fail(PRECESS_EINVAL,
				    "%s is cut short: it declares %.0f bytes, the file has %.0f",
				    s->file, declared, (double)st.st_size);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ place in space */
/* With no transform the volume is centred, like the grid of a field of view. */
static nifti_dmat44 centred(const struct source *s)
{
	const nifti_image *n = s->image;
	nifti_dmat44 m;
	int i;

	memset(&m, 0, sizeof m);
	for (i = 0; i < 3; i++) {
		m.m[i][i] = fabs(n->pixdim[i + 1]);
		m.m[i][3] = (0.5 / s->to->side[i] - 0.5) * s->to->side[i] * m.m[i][i];
	}
	return m;
}

static double length(const nifti_dmat44 *m, int column)
{
	return sqrt(m->m[0][column] * m->m[0][column] + m->m[1][column] * m->m[1][column] +
		    m->m[2][column] * m->m[2][column]);
}

/* A single slice may have no thickness; it is then as thick as its pixels are high. */
static void thicken(nifti_dmat44 *m, const struct source *s)
{
	double y = length(m, 1);
	int i, j, k;

	if (s->to->side[2] != 1 || length(m, 2) != 0)
		return;
	for (i = 0; i < 3; i++) { /* at right angles to both */
		j = (i + 1) % 3;
		k = (i + 2) % 3;
		m->m[i][2] = m->m[j][0] * m->m[k][1] - m->m[k][0] * m->m[j][1];
	}
	for (i = 0, y /= length(m, 2); i < 3; i++)
		m->m[i][2] *= y;
}

static precess_status find_axes(struct source *s, const nifti_dmat44 m)
{
	struct volume *v = s->to;
	int towards[3], i, j, seen = 0;

	nifti_dmat44_to_orientation(m, &towards[0], &towards[1], &towards[2]);
	for (j = 0; j < 3; j++) {
		/* the codes are 1 and 2 along x, 3 and 4 along y, 5 and 6 along z */
		if (towards[j] < NIFTI_L2R)
			break;
		i = (towards[j] - NIFTI_L2R) / 2;
		v->axis[i] = j;
		v->turn[i] = (towards[j] - NIFTI_L2R) % 2 != 0;
		seen |= 1 << i;
	}
	return seen == 7 ? PRECESS_OK
			 : precess_fail(PRECESS_EINVAL,
					"%s: its axes lie in one plane; correct its qform and sform",
					s->file);
}

static precess_status find_place(struct source *s)
{
	const nifti_image *n = s->image;
	struct volume *v = s->to;
	nifti_dmat44 m = n->sform_code > 0   ? n->sto_xyz
			 : n->qform_code > 0 ? n->qto_xyz
					     : centred(s);
	int i, j;

	thicken(&m, s);
	for (i = 0; i < 3; i++)
		for (j = 0; j < 4; j++)
			v->to_m[i][j] = m.m[i][j] *= unit_length(n);
	for (j = 0; j < 3; j++) {
		v->voxel[j] = length(&m, j);
		if (!(v->voxel[j] > 0 && v->voxel[j] < 10) || !(fabs(m.m[j][3]) < 1e3))
			return precess_fail(PRECESS_EINVAL,
					    "%s: axis %d has voxels of %g m at %g m: not credible; "
					    "correct its qform and sform",
					    s->file, j + 1, v->voxel[j], m.m[j][3]);
	}
	return find_axes(s, m);
}

/* ------------------------------------------------------------------ values */
static double number(const void *data, int datatype, size_t i)
{
	switch (datatype) {
	case NIFTI_TYPE_UINT8:
		return ((const uint8_t *)data)[i];
	case NIFTI_TYPE_INT8:
		return ((const int8_t *)data)[i];
	case NIFTI_TYPE_UINT16:
		return ((const uint16_t *)data)[i];
	case NIFTI_TYPE_INT16:
		return ((const int16_t *)data)[i];
	case NIFTI_TYPE_UINT32:
		return ((const uint32_t *)data)[i];
	case NIFTI_TYPE_INT32:
		return ((const int32_t *)data)[i];
	case NIFTI_TYPE_FLOAT32:
	case NIFTI_TYPE_COMPLEX64:
		return ((const float *)data)[i];
	default:
		return ((const double *)data)[i];
	}
}

static void scale(float *to, const struct source *s, const void *data, size_t n)
{
	const nifti_image *image = s->image;
	bool scaled = image->scl_slope != 0 && isfinite(image->scl_slope) && isfinite(image->scl_inter);
	double slope = scaled ? image->scl_slope : 1, inter = scaled ? image->scl_inter : 0;
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = (float)(slope * number(data, s->type, i) + inter);
}

/* The library puts 0 for a number that is not finite, in types that it knows to hold such: it is told
 * that they are whole ones of that width. */
static precess_status read_values(struct source *s)
{
	nifti_brick_list bricks = { .bricks = NULL };
	const int64_t wanted[] = { s->index };
	struct volume *v = s->to;
	const struct finite_axis axes[] = { { "z", (size_t)v->side[2] },
					  { "y", (size_t)v->side[1] },
					  { "x", (size_t)v->side[0] },
					  { NULL, 0 } };
	size_t n = (size_t)v->side[0] * (size_t)v->side[1] * (size_t)v->side[2];
	precess_status st = PRECESS_OK;

	v->is_complex = is_complex(s->type);
	n *= v->is_complex ? 2 : 1;
	v->value = malloc(n * sizeof *v->value);
	if (!v->value)
		return precess_fail(PRECESS_ENOMEM, "%s: out of memory", s->file);
	s->image->datatype = NIFTI_TYPE_UINT8;
	if (nifti_image_load_bricks(s->image, 1, wanted, &bricks) == 1)
		scale(v->value, s, bricks.bricks[0], n);
	else
		st = precess_fail(PRECESS_EINVAL,
				  "%s is damaged or cut short: its voxels cannot be read", s->file);
	nifti_free_NBL(&bricks);
	return st ? st : finite_check(v->value, v->is_complex ? 2 : 1, axes, s->path, "voxel");
}

precess_status volume_read(struct volume *out, const char *path)
{
	struct source s = { .path = path, .to = out };
	precess_status st;

	memset(out, 0, sizeof *out);
	TRY(split_name(&s));
	TRY(file_input_probe(s.file)); /* the library invents other names when this one is missing */
	nifti_set_debug_level(0); /* failures are told once, by us */
	TRY(check_header(&s));
	s.image = nifti_image_read(s.file, 0);
	if (!s.image) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s is damaged: the header of a NIfTI volume that cannot be read",
				  s.file);
		goto out;
	}
	s.type = s.image->datatype;
	TRY(check_dimensions(&s));
	TRY(check_size(&s));
	TRY(find_place(&s));
	memcpy(out->description, s.image->descrip, sizeof s.image->descrip);
	st = read_values(&s);
out:
	nifti_image_free(s.image);
	free(s.file);
	if (st)
		volume_free(out);
	return st;
}

void volume_free(struct volume *v)
{
	free(v->value);
	v->value = NULL;
}
