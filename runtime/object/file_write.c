/* Writing map files.
 *
 * A file is built in memory and written in one piece: the library cannot always close a file whose
 * disk is full, and a reader must never see half of one. Everything in it is under a checksum (the
 * format of HDF5 1.10 for the structure, Fletcher's for the voxels): the library trusts what sizes
 * it reads, and reads beyond its memory when a bit has turned over in older formats. */
#include "runtime/object/internal.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum {
	GROWTH = 1 << 20, /* bytes by which the memory image grows */
	GZIP = 4          /* beyond this level maps shrink no further */
};

struct map_file {
	hid_t file;
	hid_t set[PROGRAM_MAPS];
	char *path;
	hsize_t dim[3];
	void *image; /* the finished file, once it is closed */
};

static const char *const units[PROGRAM_MAPS] = {
	[PROGRAM_MAP_M0] = "1",  [PROGRAM_MAP_T1] = "s", [PROGRAM_MAP_T2] = "s",
	[PROGRAM_MAP_T2p] = "s", [PROGRAM_MAP_B1] = "1", [PROGRAM_MAP_dB0] = "Hz",
};

/* ------------------------------------------------------------------ memory of the file
 * The library's own copy of an image (H5Fget_file_image) is of the open file and breaks the
 * checksum of its first block. So we hand it the memory to build in, and keep it at the end. */
static void *image_malloc(size_t n, H5FD_file_image_op_t op, void *file)
{
	(void)op;
	(void)file;
	return malloc(n);
}

static void *image_copy(void *to, const void *from, size_t n, H5FD_file_image_op_t op, void *file)
{
	(void)op;
	(void)file;
	return memcpy(to, from, n);
}

static void *image_realloc(void *bytes, size_t n, H5FD_file_image_op_t op, void *file)
{
	(void)op;
	(void)file;
	return realloc(bytes, n);
}

static herr_t image_free(void *bytes, H5FD_file_image_op_t op, void *file)
{
	struct map_file *f = file;

	if (op == H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
		free(f->image);
		f->image = bytes;
	} else {
		free(bytes);
	}
	return 0;
}

static void *same_file(void *file)
{
	return file;
}

static herr_t keep_file(void *file)
{
	(void)file;
	return 0;
}

/* The name is not the file's: the library would read what is there before it begins anew. */
static hid_t create_in_memory(struct map_file *f)
{
	H5FD_file_image_callbacks_t memory = {
		image_malloc, image_copy, image_realloc, image_free, same_file, keep_file, f
	};
	hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
	char name[64];

	snprintf(name, sizeof name, "precess map file in memory %p", (void *)f);
	if (access >= 0 && H5Pset_fapl_core(access, GROWTH, 0) >= 0 &&
	    H5Pset_file_image_callbacks(access, &memory) >= 0 &&
	    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0)
		file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
	if (access >= 0)
		H5Pclose(access);
	return file;
}

/* ------------------------------------------------------------------ pieces */
static precess_status cannot_build(const char *path)
{
	return precess_fail(PRECESS_EIO, "cannot build %s in memory: HDF5 failed", path);
}

static bool put_text(hid_t at, const char *name, const char *value)
{
	hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), a = -1;
	size_t n = strlen(value);
	bool good;

	good = type >= 0 && space >= 0 && H5Tset_size(type, n ? n : 1) >= 0 &&
	       (a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0 &&
	       H5Awrite(a, type, n ? value : " ") >= 0;
	if (a >= 0)
		H5Aclose(a);
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return good;
}

static bool put_numbers(hid_t at, const char *name, const double *v, hsize_t n)
{
	hid_t space = H5Screate_simple(1, &n, NULL), a = -1;
	bool good;

	good = space >= 0 &&
	       (a = H5Acreate2(at, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0 &&
	       H5Awrite(a, H5T_NATIVE_DOUBLE, v) >= 0;
	if (a >= 0)
		H5Aclose(a);
	if (space >= 0)
		H5Sclose(space);
	return good;
}

/* An unwritable place is better known before the work than after it. */
static precess_status check_place(const char *path)
{
	struct file_output *f = NULL;
	precess_status st = file_output_create(&f, path);

	if (!st)
		file_output_discard(f);
	return st;
}

precess_status map_file_create(struct map_file **out, const char *path, int nz, int ny, int nx,
			       const double voxel[3], const char *source)
{
	double fov[2] = { voxel[2] * nx, voxel[1] * ny };
	struct map_file *f;
	precess_status st;
	int k;

	if ((st = check_place(path)) != 0)
		return st;
	f = calloc(1, sizeof *f);
	if (!f || !(f->path = strdup(path))) {
		free(f);
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	for (k = 0; k < PROGRAM_MAPS; k++)
		f->set[k] = -1;
	f->dim[0] = (hsize_t)nz;
	f->dim[1] = (hsize_t)ny;
	f->dim[2] = (hsize_t)nx;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	f->file = create_in_memory(f);
	if (f->file < 0 || !put_numbers(f->file, "fov", fov, 2) ||
	    !put_numbers(f->file, "voxel_size_m", voxel, 3) ||
	    !put_text(f->file, "source", source) ||
	    !put_text(f->file, "axes", "slice, y (row 0 lowest), x (column 0 lowest)") ||
	    !put_text(f->file, "version", PRECESS_VERSION)) {
		map_file_discard(f);
		return cannot_build(path);
	}
	*out = f;
	return PRECESS_OK;
}

static hid_t create_set(struct map_file *f, enum program_map_kind k)
{
	hsize_t chunk[3] = { 1, f->dim[1] < 512 ? f->dim[1] : 512,
			     f->dim[2] < 512 ? f->dim[2] : 512 };
	hid_t space = H5Screate_simple(3, f->dim, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
	hid_t set = -1;

	if (space >= 0 && plist >= 0 && H5Pset_chunk(plist, 3, chunk) >= 0 &&
	    H5Pset_shuffle(plist) >= 0 && H5Pset_deflate(plist, GZIP) >= 0 &&
	    H5Pset_fletcher32(plist) >= 0)
		set = H5Dcreate2(f->file, program_map_name(k), H5T_IEEE_F32LE, space, H5P_DEFAULT,
				 plist, H5P_DEFAULT);
	if (set >= 0)
		put_text(set, "units", units[k]);
	if (plist >= 0)
		H5Pclose(plist);
	if (space >= 0)
		H5Sclose(space);
	return set;
}

precess_status map_file_put(struct map_file *f, enum program_map_kind k, int z, const float *map)
{
	hsize_t start[3] = { (hsize_t)z, 0, 0 }, count[3] = { 1, f->dim[1], f->dim[2] };
	hid_t from, to;
	bool good;

	if (f->set[k] < 0)
		f->set[k] = create_set(f, k);
	if (f->set[k] < 0)
		return cannot_build(f->path);
	to = H5Dget_space(f->set[k]);
	from = H5Screate_simple(3, count, NULL);
	good = to >= 0 && from >= 0 &&
	       H5Sselect_hyperslab(to, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
	       H5Dwrite(f->set[k], H5T_NATIVE_FLOAT, from, to, H5P_DEFAULT, map) >= 0;
	if (from >= 0)
		H5Sclose(from);
	if (to >= 0)
		H5Sclose(to);
	return good ? PRECESS_OK : cannot_build(f->path);
}

static void close_sets(struct map_file *f)
{
	int k;

	for (k = 0; k < PROGRAM_MAPS; k++) {
		if (f->set[k] >= 0)
			H5Dclose(f->set[k]);
		f->set[k] = -1;
	}
}

precess_status map_file_commit(struct map_file *f)
{
	precess_status st;
	ssize_t n = -1; /* bytes in use: the memory itself grows in larger steps */
	bool good;

	close_sets(f);
	if (H5Fflush(f->file, H5F_SCOPE_GLOBAL) >= 0)
		n = H5Fget_file_image(f->file, NULL, 0);
	good = H5Fclose(f->file) >= 0 && n > 0 && f->image;
	f->file = -1;
	if (good)
		st = file_write(f->path, f->image, (size_t)n);
	else
		st = cannot_build(f->path);
	map_file_discard(f);
	return st;
}

void map_file_discard(struct map_file *f)
{
	if (!f)
		return;
	close_sets(f);
	if (f->file >= 0)
		H5Fclose(f->file);
	free(f->image);
	free(f->path);
	free(f);
}

precess_status object_write(const struct object *o, const char *path, int nx, int ny,
			    const double fov[2])
{
	struct map_file *f = NULL;
	struct maps *m = NULL;
	precess_status st;
	double voxel[3];
	int k;

	if ((st = object_maps(&m, o, NULL, fov, nx, ny, NULL)) != 0)
		return st;
	voxel[2] = fov[0] / nx;
	voxel[1] = fov[1] / ny;
	voxel[0] = voxel[1]; /* a slice has no thickness of its own; readers want a number */
	TRY(map_file_create(&f, path, 1, ny, nx, voxel, object_describe(o)));
	for (k = 0; k < PROGRAM_MAPS; k++)
		if (m->map[k])
			TRY(map_file_put(f, (enum program_map_kind)k, 0, m->map[k]));
	st = map_file_commit(f);
	f = NULL;
out:
	map_file_discard(f);
	maps_free(m);
	return st;
}
