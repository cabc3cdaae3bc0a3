/* Map files: HDF5 with one dataset per map, [ny][nx] or [nz][ny][nx], any number type, SI.
 *
 *   M0 or pd    T1 or t1    T2 or t2    T2p, t2p, or t2star (1/T2' = 1/T2* - 1/T2)
 *   B1 or b1    dB0 or db0 (Hz)         at the root or in the group /maps (a result file)
 *   attributes of the root: fov = [x, y] in m, or voxel_size_m = [y, x] or [z, y, x]; with neither
 *   the slice fills the field of view
 *   coils [coil][ny][nx], compound {r, i}: receive coils (coils.c)
 *
 * Row 0 is the lowest y, column 0 the lowest x. Only the wanted slice is read. Everything in the
 * file is checked before it is believed: it may be cut short, or made by any program. */
#include "runtime/object/internal.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIDE_LIMIT = 16384, /* voxels along a side of a slice */
	SLICE_LIMIT = 1 << 20,
	CHUNK_LIMIT = 1 << 28 /* bytes: a chunk is unpacked in one piece */
};
#define PLANE_LIMIT ((hsize_t)1 << 26) /* voxels of a slice: 256 MB a map */
#define NEEDED "a map file has datasets M0 (or pd), T1, T2 and optionally T2p (or t2star), B1, dB0"

/* Names in order of preference; a star marks T2*, from which T2' follows. */
static const struct {
	enum program_map_kind kind;
	const char *name;
	bool star;
} names[] = {
	{ PROGRAM_MAP_M0, "M0", false },     { PROGRAM_MAP_M0, "pd", false },
	{ PROGRAM_MAP_T1, "T1", false },     { PROGRAM_MAP_T1, "t1", false },
	{ PROGRAM_MAP_T2, "T2", false },     { PROGRAM_MAP_T2, "t2", false },
	{ PROGRAM_MAP_T2p, "T2p", false },   { PROGRAM_MAP_T2p, "t2p", false },
	{ PROGRAM_MAP_T2p, "t2star", true }, { PROGRAM_MAP_B1, "B1", false },
	{ PROGRAM_MAP_B1, "b1", false },     { PROGRAM_MAP_dB0, "dB0", false },
	{ PROGRAM_MAP_dB0, "db0", false },
};

struct reader {
	const char *path;
	hid_t file, group;
	struct slice *slice;
	int64_t wanted; /* slice; negative: the middle one */
};

static bool has_link(hid_t at, const char *name)
{
	return H5Lexists(at, name, H5P_DEFAULT) > 0 && H5Oexists_by_name(at, name, H5P_DEFAULT) > 0;
}

static precess_status damaged(const struct reader *r, const char *name)
{
	return precess_fail(PRECESS_EINVAL,
			    "%s: dataset %s cannot be read: the file is damaged or cut short; "
			    "copy or make it again",
			    r->path, name);
}

/* ------------------------------------------------------------------ shape */
static precess_status check_shape(struct reader *r, const char *name, int rank, const hsize_t *dim)
{
	hsize_t nz = rank == 3 ? dim[0] : 1, ny = dim[rank - 2], nx = dim[rank - 1];
	struct slice *s = r->slice;

	if (!nx || !ny || !nz || nx > SIDE_LIMIT || ny > SIDE_LIMIT || nz > SLICE_LIMIT ||
	    nx * ny > PLANE_LIMIT)
		return precess_fail(
			PRECESS_EINVAL,
			"%s: dataset %s declares %llu x %llu x %llu voxels; a slice must "
			"have 1..%d along each side and at most %llu in all",
			r->path, name, (unsigned long long)nz, (unsigned long long)ny,
			(unsigned long long)nx, SIDE_LIMIT, (unsigned long long)PLANE_LIMIT);
	if (s->nx && ((hsize_t)s->nx != nx || (hsize_t)s->ny != ny || (hsize_t)s->count != nz))
		return precess_fail(
			PRECESS_EINVAL,
			"%s: dataset %s is %llu x %llu x %llu, but M0 is %d x %d x %d; all "
			"maps must have one shape",
			r->path, name, (unsigned long long)nz, (unsigned long long)ny,
			(unsigned long long)nx, s->count, s->ny, s->nx);
	if (r->wanted >= 0 && (r->wanted < s->first || r->wanted - s->first >= (int64_t)nz))
		return precess_fail(
			PRECESS_EINVAL,
			"%s has no such slice: it has %llu, numbered %d..%llu; name one as "
			"%s:%d",
			r->path, (unsigned long long)nz, s->first,
			(unsigned long long)s->first + nz - 1, r->path, s->first);
	s->nx = (int)nx;
	s->ny = (int)ny;
	s->count = (int)nz;
	s->index = r->wanted < 0 ? (int)(nz / 2) : (int)(r->wanted - s->first);
	return PRECESS_OK;
}

static precess_status check_chunk(const struct reader *r, const char *name, hid_t set)
{
	hid_t plist = H5Dget_create_plist(set), type = H5Dget_type(set);
	double bytes = type < 0 ? 0 : (double)H5Tget_size(type);
	hsize_t dim[H5S_MAX_RANK];
	int i, n = -1;

	if (plist >= 0 && H5Pget_layout(plist) == H5D_CHUNKED)
		n = H5Pget_chunk(plist, H5S_MAX_RANK, dim);
	for (i = 0; i < n; i++)
		bytes *= (double)dim[i];
	if (plist >= 0)
		H5Pclose(plist);
	if (type >= 0)
		H5Tclose(type);
	if (n > 0 && bytes > CHUNK_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s: dataset %s has chunks of %.3g MB; the limit is %d MB",
				    r->path, name, bytes / 1e6, CHUNK_LIMIT / 1000000);
	return PRECESS_OK;
}

static precess_status open_set(hid_t *set, int *rank, struct reader *r, const char *name)
{
	hsize_t dim[H5S_MAX_RANK];
	hid_t space = -1, type = -1;
	H5T_class_t class_;
	precess_status st;

	*set = H5Dopen2(r->group, name, H5P_DEFAULT);
	if (*set < 0)
		return damaged(r, name);
	space = H5Dget_space(*set);
	type = H5Dget_type(*set);
	class_ = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
	*rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
	if (space < 0 || type < 0)
		st = damaged(r, name);
	else if (class_ != H5T_FLOAT && class_ != H5T_INTEGER)
		st = precess_fail(PRECESS_EINVAL, "%s: dataset %s does not hold plain numbers",
				  r->path, name);
	else if (*rank != 2 && *rank != 3)
		st = precess_fail(PRECESS_EINVAL,
				  "%s: dataset %s has %d dimensions; a map has 2 [y][x] or 3 "
				  "[slice][y][x]",
				  r->path, name, *rank);
	else if (H5Sget_simple_extent_dims(space, dim, NULL) < 0)
		st = damaged(r, name);
	else if ((st = check_shape(r, name, *rank, dim)) == 0)
		st = check_chunk(r, name, *set);
	if (type >= 0)
		H5Tclose(type);
	if (space >= 0)
		H5Sclose(space);
	if (st)
		H5Dclose(*set);
	return st;
}

static precess_status read_plane(float **out, struct reader *r, const char *name)
{
	hsize_t start[3] = { 0, 0, 0 }, count[3] = { 1, 1, 1 };
	hid_t set, from = -1, to = -1;
	precess_status st;
	int rank = 0;
	float *map;

	if ((st = open_set(&set, &rank, r, name)) != 0)
		return st;
	start[0] = rank == 3 ? (hsize_t)r->slice->index : 0;
	count[rank - 2] = (hsize_t)r->slice->ny;
	count[rank - 1] = (hsize_t)r->slice->nx;
	map = memory_aligned((size_t)r->slice->ny * (size_t)r->slice->nx * sizeof *map);
	from = H5Dget_space(set);
	to = H5Screate_simple(rank, count, NULL);
	if (!map)
		st = PRECESS_ENOMEM;
	else if (from < 0 || to < 0 ||
		 H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
		 H5Dread(set, H5T_NATIVE_FLOAT, to, from, H5P_DEFAULT, map) < 0)
		st = damaged(r, name);
	if (from >= 0)
		H5Sclose(from);
	if (to >= 0)
		H5Sclose(to);
	H5Dclose(set);
	if (st)
		free(map);
	else
		*out = map;
	return st;
}

/* ------------------------------------------------------------------ content */
static const char *complaint(enum program_map_kind k, float v, bool tissue)
{
	if (isnan(v))
		return "not a number";
	switch (k) {
	case PROGRAM_MAP_M0:
	case PROGRAM_MAP_B1:
		return v < 0 || isinf(v) ? "outside 0 and above" : NULL;
	case PROGRAM_MAP_dB0:
		return isinf(v) ? "infinite" : NULL;
	default:
		if (v < 0)
			return "negative: a relaxation time must be above 0";
		return tissue && v == 0 ? "no relaxation time, yet M0 > 0 there; set M0 to 0 where "
					  "nothing is known"
					: NULL;
	}
}

static precess_status check_values(const struct reader *r, const char *name,
				   enum program_map_kind k, const float *map, const float *m0)
{
	int ix, iy, nx = r->slice->nx;
	const char *why;
	size_t i;

	for (iy = 0; iy < r->slice->ny; iy++)
		for (ix = 0; ix < nx; ix++) {
			i = (size_t)iy * nx + ix;
			why = complaint(k, map[i], m0[i] > 0);
			if (why)
				return precess_fail(PRECESS_EINVAL,
						    "%s: %s[slice %d][%d][%d] = %g is %s", r->path,
						    name, r->slice->index, iy, ix, map[i], why);
		}
	return PRECESS_OK;
}

/* 1/T2' = 1/T2* - 1/T2; no reversible part where T2* is not below T2. */
static void star_to_prime(float *map, const float *t2, size_t n)
{
	double rate;
	size_t i;

	for (i = 0; i < n; i++) {
		rate = map[i] > 0 ? 1.0 / map[i] - (t2 && t2[i] > 0 ? 1.0 / t2[i] : 0) : 0;
		map[i] = rate > 0 ? (float)(1 / rate) : INFINITY;
	}
}

static precess_status read_maps(struct reader *r)
{
	struct slice *s = r->slice;
	precess_status st;
	size_t i;

	for (i = 0; i < PRECESS_COUNT(names); i++) {
		if (s->map[names[i].kind] || !has_link(r->group, names[i].name))
			continue;
		if (names[i].star && !s->map[PROGRAM_MAP_T2])
			continue; /* T2' cannot be told from T2* alone */
		if ((st = read_plane(&s->map[names[i].kind], r, names[i].name)) != 0)
			return st;
		st = check_values(r, names[i].name, names[i].kind, s->map[names[i].kind],
				  s->map[PROGRAM_MAP_M0]);
		if (st)
			return st;
		if (names[i].star)
			star_to_prime(s->map[PROGRAM_MAP_T2p], s->map[PROGRAM_MAP_T2],
				      (size_t)s->nx * s->ny);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ attributes */
/* A stack cut out of a volume keeps the volume's slice numbers: the attribute slice_index0 is that
 * of its first slice. */
static precess_status read_first(struct reader *r)
{
	hid_t attribute;
	int bad;

	if (H5Aexists(r->file, "slice_index0") <= 0)
		return PRECESS_OK;
	attribute = H5Aopen(r->file, "slice_index0", H5P_DEFAULT);
	bad = attribute < 0 || H5Aread(attribute, H5T_NATIVE_INT, &r->slice->first) < 0 ||
	      r->slice->first < 0 || r->slice->first > SLICE_LIMIT;
	if (attribute >= 0)
		H5Aclose(attribute);
	if (bad)
		return precess_fail(PRECESS_EINVAL,
				    "%s: attribute slice_index0, the number of the first slice, must "
				    "be in 0..%d",
				    r->path, SLICE_LIMIT);
	return PRECESS_OK;
}

/* n = 0: absent. */
static precess_status read_attribute(double *v, hsize_t *n, const struct reader *r,
				     const char *name)
{
	hid_t attribute, space;
	hsize_t i;
	int bad;

	*n = 0;
	if (H5Aexists(r->file, name) <= 0)
		return PRECESS_OK;
	attribute = H5Aopen(r->file, name, H5P_DEFAULT);
	space = attribute < 0 ? -1 : H5Aget_space(attribute);
	*n = space < 0 ? 0 : (hsize_t)H5Sget_simple_extent_npoints(space);
	bad = *n < 2 || *n > 3 || H5Aread(attribute, H5T_NATIVE_DOUBLE, v) < 0;
	for (i = 0; !bad && i < *n; i++)
		bad = !(v[i] > 0 && v[i] < 10);
	if (space >= 0)
		H5Sclose(space);
	if (attribute >= 0)
		H5Aclose(attribute);
	if (bad)
		return precess_fail(
			PRECESS_EINVAL,
			"%s: attribute %s must be 2 or 3 lengths in metres, each above 0 "
			"and below 10",
			r->path, name);
	return PRECESS_OK;
}

static precess_status read_size(struct reader *r)
{
	struct slice *s = r->slice;
	precess_status st;
	double v[3];
	hsize_t n;

	if ((st = read_attribute(v, &n, r, "fov")) != 0)
		return st;
	if (n) {
		s->size[0] = v[0] / s->nx;
		s->size[1] = v[1] / s->ny;
		return PRECESS_OK;
	}
	if ((st = read_attribute(v, &n, r, "voxel_size_m")) != 0)
		return st;
	if (n) {
		s->size[0] = v[n - 1];
		s->size[1] = v[n - 2];
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ the whole */
static herr_t list_name(hid_t group, const char *name, const H5L_info_t *info, void *list)
{
	struct text *t = list;

	(void)group;
	(void)info;
	if (t->n < 200)
		text_printf(t, "%s%.40s", t->n ? ", " : "", name);
	return 0;
}

static precess_status no_m0(const struct reader *r)
{
	struct text list;
	hsize_t at = 0;

	text_init(&list);
	H5Literate(r->file, H5_INDEX_NAME, H5_ITER_INC, &at, list_name, &list);
	precess_fail(PRECESS_EINVAL, "%s has neither M0 nor pd (it has: %s); " NEEDED, r->path,
		     list.n ? list.data : "nothing");
	text_free(&list);
	return PRECESS_EINVAL;
}

static precess_status open_file(struct reader *r)
{
	precess_status st = file_input_probe(r->path);

	if (st)
		return st;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* failures are told once, by us */
	if (H5Fis_hdf5(r->path) <= 0)
		return precess_fail(PRECESS_EINVAL, "%s is not an HDF5 file; " NEEDED, r->path);
	r->file = H5Fopen(r->path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (r->file < 0)
		return precess_fail(PRECESS_EINVAL,
				    "%s cannot be opened: the file is damaged, cut short, or still "
				    "being written; copy or make it again",
				    r->path);
	if (!has_link(r->file, "M0") && !has_link(r->file, "pd") && has_link(r->file, "maps"))
		r->group = H5Gopen2(r->file, "maps", H5P_DEFAULT);
	else
		r->group = H5Gopen2(r->file, "/", H5P_DEFAULT);
	if (r->group < 0)
		return damaged(r, "/");
	if (!has_link(r->group, "M0") && !has_link(r->group, "pd"))
		return no_m0(r);
	return PRECESS_OK;
}

precess_status slice_read(struct slice **out, const char *path, int64_t index)
{
	struct reader r = { .path = path, .file = -1, .group = -1, .wanted = index };
	precess_status st;

	r.slice = calloc(1, sizeof *r.slice);
	if (!r.slice)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(open_file(&r));
	TRY(read_first(&r));
	TRY(read_maps(&r));
	TRY(read_size(&r));
	TRY(coils_read(&r.slice->coils, r.file, path));
	*out = r.slice;
out:
	if (r.group >= 0)
		H5Gclose(r.group);
	if (r.file >= 0)
		H5Fclose(r.file);
	if (st)
		slice_free(r.slice);
	return st;
}

void slice_free(struct slice *s)
{
	int k;

	if (!s)
		return;
	for (k = 0; k < PROGRAM_MAPS; k++)
		free(s->map[k]);
	free(s->coils.value);
	free(s);
}
