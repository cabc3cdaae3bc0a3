/* Images of HDF5 files: our results, or a dataset of any program that holds real or complex numbers. */
#include "runtime/io/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_LIMIT = 16384, SET_LIMIT = 4096, TEXT_LIMIT = 1 << 16 };
#define SAMPLE_LIMIT ((hsize_t)1 << 28) /* 2 GB of complex float */

/* ------------------------------------------------------------------ attributes */
/* NULL: there is none, or it is no text. */
static char *read_text(hid_t at, const char *name)
{
	hid_t a = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : -1;
	hid_t type = a < 0 ? -1 : H5Aget_type(a);
	size_t n = type < 0 ? 0 : H5Tget_size(type);
	char *text = NULL;

	if (type >= 0 && H5Tget_class(type) == H5T_STRING && !H5Tis_variable_str(type) &&
	    n < TEXT_LIMIT && (text = calloc(n + 1, 1)) != NULL && H5Aread(a, type, text) < 0) {
		free(text);
		text = NULL;
	}
	if (type >= 0)
		H5Tclose(type);
	if (a >= 0)
		H5Aclose(a);
	return text;
}

/* True when the attribute holds exactly n numbers. */
static bool read_numbers(double *out, hid_t at, const char *name, size_t n)
{
	hid_t a = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : -1;
	hid_t space = a < 0 ? -1 : H5Aget_space(a);
	bool ok = space >= 0 && H5Sget_simple_extent_npoints(space) == (hssize_t)n &&
		  H5Aread(a, H5T_NATIVE_DOUBLE, out) >= 0;

	if (space >= 0)
		H5Sclose(space);
	if (a >= 0)
		H5Aclose(a);
	return ok;
}

/* A parameter named like an attribute of ours stands under "param.NAME" (result.c). */
static precess_status read_parameters(struct io_image *m, hid_t file)
{
	char *names = read_text(file, "parameters"), *rest = NULL, prefixed[256];
	precess_status st = PRECESS_OK;

	for (char *s = names ? strtok_r(names, " ", &rest) : NULL; s;
	     s = strtok_r(NULL, " ", &rest)) {
		struct io_param *p = realloc(m->param, (m->n_param + 1) * sizeof *p);
		double v;

		if (!p) {
			st = precess_fail(PRECESS_ENOMEM, "out of memory");
			break;
		}
		m->param = p;
		snprintf(prefixed, sizeof prefixed, "param.%s", s);
		if (!read_numbers(&v, file, prefixed, 1) && !read_numbers(&v, file, s, 1))
			continue;
		p[m->n_param].value = v;
		if (!(p[m->n_param].name = strdup(s))) {
			st = precess_fail(PRECESS_ENOMEM, "out of memory");
			break;
		}
		m->n_param++;
	}
	free(names);
	return st;
}

static precess_status read_attributes(struct io_image *m, hid_t file)
{
	size_t n = (size_t)m->n_set;
	double v[3];

	if (read_numbers(v, file, "fov", 2)) {
		m->voxel[0] = v[0] / m->nx;
		m->voxel[1] = v[1] / m->ny;
	}
	if (read_numbers(v, file, "voxel_size_m", 3)) {
		for (int i = 0; i < 3; i++)
			m->voxel[i] = v[2 - i];
	}
	if (read_numbers(v, file, "slice_thickness", 1))
		m->voxel[2] = v[0];
	m->te = calloc(n + 1, sizeof *m->te);
	if (!m->te)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (!read_numbers(m->te, file, "echo_times", n)) {
		free(m->te);
		m->te = NULL;
	}
	m->program_hash = read_text(file, "program_hash");
	return read_parameters(m, file);
}

/* ------------------------------------------------------------------ the dataset */
static precess_status find_shape(struct io_image *m, hid_t set, const char *spec)
{
	hid_t space = H5Dget_space(set);
	int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
	hsize_t dim[H5S_MAX_RANK], sets = 1;

	if (rank >= 2)
		H5Sget_simple_extent_dims(space, dim, NULL);
	if (space >= 0)
		H5Sclose(space);
	if (rank < 2)
		return precess_fail(PRECESS_EINVAL,
				    "%s has %d dimensions; an image has y and x, after "
				    "any number of sets",
				    spec, rank < 0 ? 0 : rank);
	for (int i = 0; i < rank - 2; i++)
		sets = sets > SET_LIMIT || dim[i] > SET_LIMIT ? SET_LIMIT + 1 : sets * dim[i];
	if (!sets || !dim[rank - 1] || !dim[rank - 2] || sets > SET_LIMIT ||
	    dim[rank - 1] > SIDE_LIMIT || dim[rank - 2] > SIDE_LIMIT ||
	    sets * dim[rank - 1] * dim[rank - 2] > SAMPLE_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s: %llu images of %llu x %llu; 1..%d images with "
				    "sides of 1..%d can be read",
				    spec, (unsigned long long)sets,
				    (unsigned long long)dim[rank - 1],
				    (unsigned long long)dim[rank - 2], SET_LIMIT, SIDE_LIMIT);
	m->n_set = (int)sets;
	m->nz = 1;
	m->ny = (int)dim[rank - 2];
	m->nx = (int)dim[rank - 1];
	return PRECESS_OK;
}

/* A compound of two numbers; its members are matched by name, so ours take the names of the file's. */
static bool read_pairs(float *out, hid_t set, hid_t type)
{
	hid_t memory = H5Tcreate(H5T_COMPOUND, 2 * sizeof *out);
	bool ok = memory >= 0;

	for (unsigned i = 0; i < 2 && ok; i++) {
		char *name = H5Tget_member_name(type, i);

		ok = name && H5Tinsert(memory, name, i * sizeof *out, H5T_NATIVE_FLOAT) >= 0;
		H5free_memory(name);
	}
	ok = ok && H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
	if (memory >= 0)
		H5Tclose(memory);
	return ok;
}

static precess_status check_finite(const struct io_image *m, const char *spec)
{
	const struct finite_axis axes[] = { { "set", (size_t)m->n_set },
					    { "y", (size_t)m->ny },
					    { "x", (size_t)m->nx },
					    { NULL, 0 } };

	return finite_check(m->data, 2, axes, spec, "voxel");
}

static precess_status read_data(struct io_image *m, hid_t set, const char *spec)
{
	size_t n = (size_t)m->n_set * (size_t)m->ny * (size_t)m->nx;
	hid_t type = H5Dget_type(set);
	H5T_class_t kind = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
	precess_status st = PRECESS_OK;
	bool ok = false;

	m->data = calloc(2 * n, sizeof *m->data);
	if (!m->data) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s", spec);
	} else if (kind == H5T_COMPOUND && H5Tget_nmembers(type) == 2) {
		ok = read_pairs(m->data, set, type);
	} else if (kind == H5T_FLOAT || kind == H5T_INTEGER) {
		ok = H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, m->data) >= 0;
		for (size_t i = n; i-- > 0 && ok;) { /* from the end: spread in place */
			m->data[2 * i] = m->data[i];
			m->data[2 * i + 1] = 0;
		}
	} else {
		st = precess_fail(PRECESS_EINVAL, "%s holds neither real nor complex numbers",
				  spec);
	}
	if (!ok && !st)
		st = precess_fail(PRECESS_EINVAL,
				  "%s cannot be read: the file is damaged or cut short", spec);
	if (type >= 0)
		H5Tclose(type);
	return st ? st : check_finite(m, spec);
}

static precess_status absent(const char *path, const char *dataset)
{
	struct text list;
	const char *first;

	text_init(&list);
	io_list_datasets(&list, path);
	first = *list.data == '/' ? list.data : "/DATASET";
	precess_fail(PRECESS_EINVAL,
		     "%s has no dataset %s (it has: %s): name the one that is wanted, as in %s:%.*s",
		     path, dataset, list.data, path, (int)strcspn(first, ","), first);
	text_free(&list);
	return PRECESS_EINVAL;
}

static precess_status read_file(struct io_image *m, const char *spec, const char *path,
				const char *dataset)
{
	hid_t file = -1, set = -1;
	precess_status st;

	TRY(hdf5_open(&file, path));
	set = H5Dopen2(file, dataset, H5P_DEFAULT);
	if (set < 0) {
		st = absent(path, dataset);
		goto out;
	}
	TRY(find_shape(m, set, spec));
	TRY(read_data(m, set, spec));
	TRY(read_attributes(m, file));
out:
	if (set >= 0)
		H5Dclose(set);
	if (file >= 0)
		H5Fclose(file);
	return st;
}

precess_status io_read_image(struct io_image **out, const char *spec)
{
	struct io_image *m = calloc(1, sizeof *m);
	char *path = strdup(spec), *colon = path ? strstr(path, ":/") : NULL;
	precess_status st;

	*out = NULL;
	if (!m || !path) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	if (colon)
		*colon = '\0';
	TRY(read_file(m, spec, path, colon ? colon + 1 : "/image"));
	*out = m;
	m = NULL;
out:
	free(path);
	io_image_free(m);
	return st;
}

void io_image_free(struct io_image *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_param; i++)
		free(m->param[i].name);
	free(m->param);
	free(m->program_hash);
	free(m->te);
	free(m->data);
	free(m);
}
