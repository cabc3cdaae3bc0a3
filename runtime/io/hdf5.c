/* HDF5 files that appear whole or not at all: built in memory and written in one piece. The library
 * cannot always close a file whose disk is full. */
#include "runtime/io/internal.h"

#include <stdlib.h>

enum { GROWTH = 1 << 20 }; /* bytes by which the memory image grows */

hid_t hdf5_create(void)
{
	hid_t access, file = -1;

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* failures are told once, by us */
	access = H5Pcreate(H5P_FILE_ACCESS);
	/* not under the file's own name: the library would read what is there before it begins
	 * anew */
	if (access >= 0 && H5Pset_fapl_core(access, GROWTH, 0) >= 0)
		file = H5Fcreate("precess result in memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
	if (access >= 0)
		H5Pclose(access);
	return file;
}

precess_status hdf5_write(const char *path, hid_t file, bool failed)
{
	precess_status st;
	void *image = NULL;
	ssize_t n = -1;

	if (!failed && H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0)
		n = H5Fget_file_image(file, NULL, 0);
	if (n > 0)
		image = malloc((size_t)n);
	if (!image || H5Fget_file_image(file, image, (size_t)n) != n)
		st = precess_fail(PRECESS_EIO, "cannot build %s: HDF5 failed, or out of memory",
				  path);
	else
		st = file_write(path, image, (size_t)n);
	free(image);
	if (file >= 0)
		H5Fclose(file);
	return st;
}

precess_status hdf5_open(hid_t *out, const char *path)
{
	precess_status st = file_input_probe(path);

	if (st)
		return st;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	if (H5Fis_hdf5(path) <= 0)
		return precess_fail(PRECESS_EINVAL, "%s is not an HDF5 file", path);
	*out = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (*out < 0)
		return precess_fail(PRECESS_EINVAL,
				    "%s cannot be opened: the file is damaged or cut short; copy "
				    "or make it again",
				    path);
	return PRECESS_OK;
}

static herr_t list_name(hid_t group, const char *name, const H5O_info_t *info, void *list)
{
	struct text *t = list;

	(void)group;
	if (info->type == H5O_TYPE_DATASET && t->n < 300)
		text_printf(t, "%s/%.60s", t->n ? ", " : "", name);
	return 0;
}

void io_list_datasets(struct text *out, const char *path)
{
	hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	size_t before = out->n;

	if (file >= 0) {
		H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, list_name, out, H5O_INFO_BASIC);
		H5Fclose(file);
	}
	if (out->n == before)
		text_printf(out, "none");
}

bool hdf5_has(hid_t at, const char *name)
{
	return H5Lexists(at, name, H5P_DEFAULT) > 0 && H5Oexists_by_name(at, name, H5P_DEFAULT) > 0;
}
