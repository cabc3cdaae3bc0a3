/* Volumes as NIfTI-1, whose axes are ours: x to the right, y to the front, z to the head; lengths in
 * millimetres. Both of its transforms are written and say the same. The file is built in memory: the
 * library's writer does not tell of a full disk. */
#include "runtime/io/internal.h"

#include <math.h>
#include <nifti2_io.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	HEADER = 352,       /* with the four bytes that say that no extension follows */
	SIDE_LIMIT = 32767, /* a side is a 16-bit number in the file */
	GZIP = 4            /* beyond this level images shrink no further */
};
static const double metres_per_unit = 1e-3;

static bool has_axes(const struct io_volume *v)
{
	int i, j;

	for (i = 0; i < 3; i++)
		for (j = 0; j < 3; j++)
			if (v->axes[i][j] != 0)
				return true;
	return false;
}

/* Array indices to millimetres. */
static nifti_dmat44 place(const struct io_volume *v)
{
	bool turned = has_axes(v);
	nifti_dmat44 m;
	int i, j;

	memset(&m, 0, sizeof m);
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 3; j++)
			m.m[i][j] = (turned ? v->axes[i][j] : i == j) * v->voxel[j] /
				    metres_per_unit;
		m.m[i][3] = v->origin[i] / metres_per_unit;
	}
	m.m[3][3] = 1;
	return m;
}

static void fill_place(nifti_1_header *h, const struct io_volume *v)
{
	nifti_dmat44 m = place(v);
	double b, c, d, x, y, z, dx, dy, dz, handed;
	int j;

	nifti_dmat44_to_quatern(m, &b, &c, &d, &x, &y, &z, &dx, &dy, &dz, &handed);
	h->qform_code = h->sform_code = NIFTI_XFORM_SCANNER_ANAT;
	h->pixdim[0] = (float)handed;
	h->quatern_b = (float)b;
	h->quatern_c = (float)c;
	h->quatern_d = (float)d;
	h->qoffset_x = (float)x;
	h->qoffset_y = (float)y;
	h->qoffset_z = (float)z;
	for (j = 0; j < 4; j++) {
		h->srow_x[j] = (float)m.m[0][j];
		h->srow_y[j] = (float)m.m[1][j];
		h->srow_z[j] = (float)m.m[2][j];
	}
}

static void fill_header(nifti_1_header *h, const struct io_volume *v, int n)
{
	const short dim[] = {
		n > 1 ? 4 : 3, (short)v->nx, (short)v->ny, (short)v->nz, (short)n, 1, 1, 1
	};
	int i;

	memset(h, 0, sizeof *h);
	h->sizeof_hdr = sizeof *h;
	h->regular = 'r'; /* readers of Analyze ask for it */
	memcpy(h->dim, dim, sizeof dim);
	h->datatype = v->is_complex ? NIFTI_TYPE_COMPLEX64 : NIFTI_TYPE_FLOAT32;
	h->bitpix = v->is_complex ? 64 : 32;
	for (i = 0; i < 3; i++)
		h->pixdim[i + 1] = (float)(v->voxel[i] / metres_per_unit);
	h->vox_offset = HEADER;
	h->scl_slope = 1;
	h->xyzt_units = NIFTI_UNITS_MM;
	/* the format has no place for the unit of the values */
	snprintf(h->descrip, sizeof h->descrip, v->unit && *v->unit ? "%s (%s)" : "%s",
		 v->description ? v->description : "", v->unit);
	fill_place(h, v);
	memcpy(h->magic, "n+1", 4);
}

static precess_status check(const char *path, const struct io_volume *v, int n)
{
	bool good = true;
	int i, j;

	if (!has_ending(path, ".nii") && !has_ending(path, ".nii.gz"))
		return precess_fail(PRECESS_EINVAL,
				    "%s: the name of a NIfTI file ends in .nii or .nii.gz", path);
	if (v->nx < 1 || v->ny < 1 || v->nz < 1 || v->nx > SIDE_LIMIT || v->ny > SIDE_LIMIT ||
	    v->nz > SIDE_LIMIT || n < 1 || n > SIDE_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s: %d x %d x %d voxels, %d times; NIfTI has 1..%d along each "
				    "side",
				    path, v->nx, v->ny, v->nz, n, SIDE_LIMIT);
	for (i = 0; i < 3; i++) {
		good &= v->voxel[i] > 0 && isfinite(v->voxel[i]) && isfinite(v->origin[i]);
		for (j = 0; j < 3; j++)
			good &= isfinite(v->axes[i][j]) != 0;
	}
	if (!good)
		return precess_fail(PRECESS_EINVAL,
				    "%s: voxels of %g x %g x %g m at (%g, %g, %g) m have no place "
				    "in space",
				    path, v->voxel[0], v->voxel[1], v->voxel[2], v->origin[0],
				    v->origin[1], v->origin[2]);
	return PRECESS_OK;
}

/* *out is freed by the caller; NULL without memory. */
static void pack(unsigned char **out, size_t *n_out, const unsigned char *in, size_t n)
{
	enum { GZIP_HEADER = 16 }; /* what zlib wants added to its window bits */
	z_stream z = { .zalloc = Z_NULL };
	size_t room;
	int rc = Z_OK;

	*out = NULL;
	if (deflateInit2(&z, GZIP, Z_DEFLATED, 15 + GZIP_HEADER, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	room = deflateBound(&z, n);
	*out = malloc(room);
	z.next_out = *out;
	z.next_in = (unsigned char *)in;
	while (*out && rc == Z_OK) { /* the library counts in 32 bits */
		size_t left = n - (size_t)(z.next_in - in);
		size_t free_room = room - (size_t)(z.next_out - *out);

		z.avail_in = left > 1u << 30 ? 1u << 30 : (unsigned)left;
		z.avail_out = free_room > 1u << 30 ? 1u << 30 : (unsigned)free_room;
		rc = deflate(&z, z.avail_in == left ? Z_FINISH : Z_NO_FLUSH);
	}
	*n_out = (size_t)(z.next_out - *out);
	deflateEnd(&z);
	if (rc != Z_STREAM_END) {
		free(*out);
		*out = NULL;
	}
}

precess_status io_write_nifti_series(const char *path, const struct io_volume *v, int count)
{
	size_t n, n_packed;
	unsigned char *file, *packed;
	nifti_1_header header;
	precess_status st;

	if ((st = check(path, v, count)) != 0)
		return st;
	n = (size_t)v->nx * (size_t)v->ny * (size_t)v->nz * (size_t)count *
	    (v->is_complex ? 2 : 1) * sizeof *v->value;
	file = calloc(1, HEADER + n);
	if (!file)
		return precess_fail(PRECESS_ENOMEM, "%s: out of memory", path);
	fill_header(&header, v, count);
	memcpy(file, &header, sizeof header);
	memcpy(file + HEADER, v->value, n);
	if (has_ending(path, ".gz")) {
		pack(&packed, &n_packed, file, HEADER + n);
		st = packed ? file_write(path, packed, n_packed)
			    : precess_fail(PRECESS_ENOMEM, "%s: out of memory", path);
		free(packed);
	} else {
		st = file_write(path, file, HEADER + n);
	}
	free(file);
	return st;
}

precess_status io_write_nifti(const char *path, const struct io_volume *v)
{
	return io_write_nifti_series(path, v, 1);
}
