/* Data sets out of HDF5, sample by sample; whole for training, packed for joining. */
#include "runtime/data/internal.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

static precess_status broken(const struct data_file *f, const char *what)
{
	return precess_fail(PRECESS_EINVAL,
			    "%s: %s is missing or damaged: no complete data set of "
			    "`precess generate`",
			    f->path, what);
}

/* ------------------------------------------------------------------ attributes */
static precess_status get(const struct data_file *f, const char *name, hid_t type, void *value,
			  size_t n)
{
	hid_t a = H5Aopen((hid_t)f->file, name, H5P_DEFAULT), space = a < 0 ? -1 : H5Aget_space(a);
	bool ok = space >= 0 && H5Sget_simple_extent_npoints(space) == (hssize_t)n &&
		  H5Aread(a, type, value) >= 0;

	if (space >= 0)
		H5Sclose(space);
	if (a >= 0)
		H5Aclose(a);
	return ok ? PRECESS_OK : broken(f, name);
}

static precess_status get_text(const char **out, const struct data_file *f, const char *name)
{
	hid_t a = H5Aopen((hid_t)f->file, name, H5P_DEFAULT), type = a < 0 ? -1 : H5Aget_type(a);
	size_t n = type < 0 || H5Tget_class(type) != H5T_STRING ? 0 : H5Tget_size(type);
	char *s = n ? calloc(n + 1, 1) : NULL;
	bool ok = s && !H5Tis_variable_str(type) && H5Aread(a, type, s) >= 0;

	if (type >= 0)
		H5Tclose(type);
	if (a >= 0)
		H5Aclose(a);
	if (!ok) {
		free(s);
		return broken(f, name);
	}
	*out = s;
	return PRECESS_OK;
}

static precess_status get_params(struct data_file *f)
{
	const char *names;
	uint32_t n = 0;
	precess_status st = get_text(&names, f, "parameter_names");

	if (st)
		return st;
	for (const char *s = names; strcmp(names, "-") && *s; n++) {
		s += strcspn(s, " ");
		s += *s == ' ';
	}
	f->shape.n_param = n;
	f->param_name = calloc(n + 1, sizeof *f->param_name);
	f->param_range = calloc(2 * (size_t)n + 1, sizeof *f->param_range);
	if (!f->param_name || !f->param_range) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (const char *s = names; n && *s; s += strcspn(s, " "), s += *s == ' ')
		f->param_name[f->shape.n_param - n--] = strndup(s, strcspn(s, " "));
	if (f->shape.n_param)
		TRY(get(f, "parameter_range", H5T_NATIVE_DOUBLE, f->param_range,
			2 * (size_t)f->shape.n_param));
	f->facts.param_name = (const char *const *)f->param_name;
	f->facts.param_range = f->param_range;
out:
	free((char *)names);
	return st;
}

static precess_status get_facts(struct data_file *f)
{
	struct data_shape *h = &f->shape;
	int matrix[2];
	precess_status st;

	TRY(get_text(&f->facts.recipe, f, "recipe"));
	TRY(get_text(&f->facts.sequence, f, "sequence"));
	TRY(get_text(&f->facts.program_hash, f, "program_hash"));
	TRY(get_text(&f->facts.source_hash, f, "source_hash"));
	TRY(get(f, "first", H5T_NATIVE_UINT64, &f->facts.first, 1));
	TRY(get(f, "total", H5T_NATIVE_UINT64, &f->facts.total, 1));
	TRY(get(f, "seed", H5T_NATIVE_UINT64, &f->facts.seed, 1));
	TRY(get(f, "matrix", H5T_NATIVE_INT, matrix, 2));
	TRY(get(f, "sub", H5T_NATIVE_INT, &h->sub, 1));
	TRY(get(f, "sets", H5T_NATIVE_INT, &h->n_set, 1));
	h->nx = matrix[0];
	h->ny = matrix[1];
	if (h->nx < 1 || h->ny < 1 || h->sub < 1 || h->n_set < 1 || h->nx > 1 << 15 ||
	    h->ny > 1 << 15 || h->sub > 64 || h->n_set > 1 << 15)
		return broken(f, "the shape of a sample");
	TRY(get_params(f));
	h->base = H5Lexists((hid_t)f->file, "/base", H5P_DEFAULT) > 0;
	if (H5Lexists((hid_t)f->file, "/maps", H5P_DEFAULT) <= 0)
		return broken(f, "/maps");
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		char name[32];

		snprintf(name, sizeof name, "/maps/%s", program_map_name((enum program_map_kind)k));
		h->map[k] = H5Lexists((hid_t)f->file, name, H5P_DEFAULT) > 0;
	}
out:
	return st;
}

/* ------------------------------------------------------------------ datasets */
/* Opens a dataset whose dimensions are n and then dims[]. */
static precess_status open_set(int64_t *out, const struct data_file *f, const char *name, hsize_t n,
			       int rank, const int *dims)
{
	hid_t set = H5Dopen2((hid_t)f->file, name, H5P_DEFAULT);
	hid_t space = set < 0 ? -1 : H5Dget_space(set);
	hsize_t found[8] = { 0 };
	bool ok = space >= 0 && H5Sget_simple_extent_ndims(space) == rank + 1 &&
		  H5Sget_simple_extent_dims(space, found, NULL) >= 0 && found[0] == n;

	*out = set;
	for (int i = 0; ok && i < rank; i++)
		ok = found[i + 1] == (hsize_t)dims[i];
	if (space >= 0)
		H5Sclose(space);
	return ok ? PRECESS_OK : broken(f, name);
}

static precess_status open_sets(struct data_file *f)
{
	const int n_param = (int)f->shape.n_param;
	hsize_t n = 0;
	hid_t set, space;
	precess_status st;

	set = H5Dopen2((hid_t)f->file, "/largest", H5P_DEFAULT);
	space = set < 0 ? -1 : H5Dget_space(set);
	f->largest = set;
	if (space < 0 || H5Sget_simple_extent_ndims(space) != 1)
		return broken(f, "/largest");
	H5Sget_simple_extent_dims(space, &n, NULL);
	H5Sclose(space);
	f->facts.n = n;
	if (n_param)
		TRY(open_set(&f->parameters, f, "/parameters", n, 1, &n_param));
	f->n_field = data_fields(f->layout, &f->shape);
	for (int i = 0; i < f->n_field; i++)
		TRY(open_set(&f->field[i], f, f->layout[i].name, n, f->layout[i].rank,
			     f->layout[i].dims));
out:
	return st;
}

precess_status data_file_open(struct data_file **out, const char *path)
{
	struct data_file *f = calloc(1, sizeof *f);
	precess_status st;

	*out = NULL;
	if (!f)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	f->file = f->parameters = f->largest = -1;
	for (int i = 0; i < DATA_FIELDS; i++)
		f->field[i] = -1;
	f->path = strdup(path);
	data_hdf5_lock();
	f->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	st = f->file < 0 ? precess_fail(PRECESS_EIO,
					"cannot read %s: it is missing, truncated or no "
					"HDF5 file",
					path)
			 : get_facts(f);
	st = st ? st : open_sets(f);
	data_hdf5_unlock();
	if (st)
		data_file_free(f);
	else
		*out = f;
	return st;
}

void data_file_free(struct data_file *f)
{
	if (!f)
		return;
	data_hdf5_lock();
	for (int i = 0; i < DATA_FIELDS; i++) {
		if (f->field[i] >= 0)
			H5Dclose((hid_t)f->field[i]);
	}
	if (f->parameters >= 0)
		H5Dclose((hid_t)f->parameters);
	if (f->largest >= 0)
		H5Dclose((hid_t)f->largest);
	if (f->file >= 0)
		H5Fclose((hid_t)f->file);
	data_hdf5_unlock();
	for (uint32_t i = 0; f->param_name && i < f->shape.n_param; i++)
		free(f->param_name[i]);
	free(f->param_name);
	free(f->param_range);
	free((char *)f->facts.recipe);
	free((char *)f->facts.sequence);
	free((char *)f->facts.program_hash);
	free((char *)f->facts.source_hash);
	free(f->path);
	free(f);
}

const struct data_shape *data_file_shape(const struct data_file *f)
{
	return &f->shape;
}

uint64_t data_file_count(const struct data_file *f)
{
	return f->facts.n;
}

const char *data_file_recipe(const struct data_file *f)
{
	return f->facts.recipe;
}

precess_status data_file_check(const struct data_file *f, const struct program *p)
{
	if (strcmp(f->facts.program_hash, p->hash))
		return precess_fail(PRECESS_EINVAL,
				    "%s holds samples of %s as it was when they were "
				    "made (program %.12s), not of this %s (program %.12s)",
				    f->path, f->facts.sequence, f->facts.program_hash, p->name,
				    p->hash);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ samples */
/* Row i of a dataset into memory of `type`. */
static bool read_row(int64_t set, uint64_t i, hid_t type, void *out)
{
	hid_t space = H5Dget_space((hid_t)set), memory;
	hsize_t dims[8], start[8] = { i };
	int rank = H5Sget_simple_extent_dims(space, dims, NULL);
	bool ok;

	dims[0] = 1;
	memory = H5Screate_simple(rank, dims, NULL);
	ok = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, dims, NULL) >= 0 &&
	     H5Dread((hid_t)set, type, memory, space, H5P_DEFAULT, out) >= 0;
	H5Sclose(memory);
	H5Sclose(space);
	return ok;
}

static hid_t complex_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(float));

	H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
	H5Tinsert(type, "i", sizeof(float), H5T_NATIVE_FLOAT);
	return type;
}

static bool read_numbers(const struct data_file *f, uint64_t i, double *param, double *largest)
{
	return (!f->shape.n_param || read_row(f->parameters, i, H5T_NATIVE_DOUBLE, param)) &&
	       read_row(f->largest, i, H5T_NATIVE_DOUBLE, largest);
}

precess_status data_file_read(struct data_sample *s, const struct data_file *f, uint64_t i)
{
	hid_t type;
	bool ok;

	if (i >= f->facts.n)
		return precess_fail(PRECESS_EINVAL, "%s has no sample %llu of %llu", f->path,
				    (unsigned long long)i, (unsigned long long)f->facts.n);
	if (!data_shape_same(&s->shape, &f->shape))
		return precess_fail(PRECESS_EINVAL, "%s: samples of another shape", f->path);
	s->index = f->facts.first + i;
	data_hdf5_lock();
	type = complex_type();
	ok = read_numbers(f, i, s->param, &s->largest);
	for (int k = 0; ok && k < f->n_field; k++)
		ok = read_row(f->field[k], i, f->layout[k].is_complex ? type : H5T_NATIVE_FLOAT,
			      data_field_at(s, k));
	H5Tclose(type);
	data_hdf5_unlock();
	return ok ? PRECESS_OK : broken(f, "a sample");
}

static bool read_chunk(struct data_packed *p, int k, int64_t set, uint64_t i)
{
	const hsize_t offset[8] = { i };
	hsize_t size = 0;
	uint32_t filters = 0;

	if (H5Dget_chunk_storage_size((hid_t)set, offset, &size) < 0 || !size)
		return false;
	p->bytes[k] = malloc(size);
	p->size[k] = size;
	return p->bytes[k] &&
	       H5Dread_chunk((hid_t)set, H5P_DEFAULT, offset, &filters, p->bytes[k]) >= 0 &&
	       filters == 0;
}

precess_status data_file_read_packed(struct data_packed **out, const struct data_file *f,
				     uint64_t i)
{
	struct data_packed *p = calloc(1, sizeof *p);
	bool ok = p != NULL;

	*out = NULL;
	if (ok) {
		p->index = f->facts.first + i;
		p->n_param = f->shape.n_param;
		p->n_field = f->n_field;
		p->number = calloc(p->n_param + 1, sizeof *p->number);
		ok = p->number != NULL;
	}
	data_hdf5_lock();
	ok = ok && read_numbers(f, i, p->number, &p->number[p->n_param]);
	for (int k = 0; ok && k < f->n_field; k++)
		ok = read_chunk(p, k, f->field[k], i);
	data_hdf5_unlock();
	if (!ok) {
		data_packed_free(p);
		return broken(f, "a sample");
	}
	*out = p;
	return PRECESS_OK;
}
