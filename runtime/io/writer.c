/* Attributes and datasets of the HDF5 files that we write. */
#include "runtime/io/writer.h"

#include <string.h>

#include "runtime/io/internal.h"

enum {
	GZIP = 4,         /* beyond this level maps shrink no further */
	CHUNK_SIDE = 512,
	CHUNK_LENGTH = 65536
};

hid_t writer_check(struct writer *w, hid_t id)
{
	if (id < 0)
		w->failed = true;
	return id;
}

/* ------------------------------------------------------------------ attributes */
static void put(struct writer *w, hid_t at, const char *name, hid_t type, hid_t space,
		const void *value)
{
	hid_t a;

	if (w->failed)
		return;
	a = writer_check(w, H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
	if (a < 0)
		return;
	if (H5Awrite(a, type, value) < 0)
		w->failed = true;
	H5Aclose(a);
}

void writer_text(struct writer *w, hid_t at, const char *name, const char *value)
{
	hid_t type = writer_check(w, H5Tcopy(H5T_C_S1)), space = writer_check(w, H5Screate(H5S_SCALAR));

	if (!value || !*value)
		value = "-"; /* strings of length 0 cannot be stored */
	if (type >= 0) {
		H5Tset_size(type, strlen(value));
		H5Tset_cset(type, H5T_CSET_UTF8);
		put(w, at, name, type, space, value);
		H5Tclose(type);
	}
	if (space >= 0)
		H5Sclose(space);
}

void writer_numbers(struct writer *w, hid_t at, const char *name, const double *v, uint64_t n)
{
	hsize_t length = n;
	hid_t space = writer_check(w, n == 1 ? H5Screate(H5S_SCALAR)
					     : H5Screate_simple(1, &length, NULL));

	put(w, at, name, H5T_NATIVE_DOUBLE, space, v);
	if (space >= 0)
		H5Sclose(space);
}

void writer_number(struct writer *w, hid_t at, const char *name, double v)
{
	writer_numbers(w, at, name, &v, 1);
}

/* ------------------------------------------------------------------ datasets */
hid_t writer_complex(struct writer *w)
{
	hid_t type = writer_check(w, H5Tcreate(H5T_COMPOUND, 2 * sizeof(float)));

	if (type >= 0) {
		H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
		H5Tinsert(type, "i", sizeof(float), H5T_NATIVE_FLOAT);
	}
	return type;
}

void writer_set(struct writer *w, hid_t at, const char *name, hid_t type, int rank,
		    const uint64_t *dim, const void *data, const char *units)
{
	hsize_t size[4], chunk[4], limit = rank > 1 && dim[rank - 1] > 3 ? CHUNK_SIDE : CHUNK_LENGTH;
	hid_t space, plist, set;
	bool empty = false;
	int i;

	if (w->failed)
		return;
	for (i = 0; i < rank; i++) {
		size[i] = dim[i];
		empty |= dim[i] == 0;
		chunk[i] = i < rank - 2 ? 1 : dim[i] < limit ? dim[i] : limit;
	}
	space = writer_check(w, H5Screate_simple(rank, size, NULL));
	plist = writer_check(w, H5Pcreate(H5P_DATASET_CREATE));
	if (!empty) {
		H5Pset_chunk(plist, rank, chunk);
		H5Pset_shuffle(plist);
		H5Pset_deflate(plist, GZIP);
		H5Pset_fletcher32(plist);
	}
	set = writer_check(w, H5Dcreate2(at, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT));
	if (set >= 0) {
		if (!empty && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
			w->failed = true;
		if (units)
			writer_text(w, set, "units", units);
		H5Dclose(set);
	}
	if (plist >= 0)
		H5Pclose(plist);
	if (space >= 0)
		H5Sclose(space);
}

/* ------------------------------------------------------------------ the file */
precess_status writer_open(struct writer *w, const char *path)
{
	*w = (struct writer){ .file = hdf5_create() };
	if (w->file < 0)
		return precess_fail(PRECESS_EIO, "cannot build %s: HDF5 failed", path);
	return PRECESS_OK;
}

precess_status writer_close(struct writer *w, const char *path, precess_status st)
{
	if (!st)
		return hdf5_write(path, w->file, w->failed);
	H5Fclose(w->file);
	return st;
}
