/* Data sets into HDF5. Samples arrive compressed, one chunk each, and are stored as they are. */
#include "runtime/data/internal.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;

/* The library prints its own stack of errors unless told not to, per thread of a threaded build. */
void data_hdf5_lock(void)
{
	pthread_mutex_lock(&library);
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void data_hdf5_unlock(void)
{
	pthread_mutex_unlock(&library);
}

struct data_writer {
	struct file_output *output;
	hid_t file, field[DATA_FIELDS];
	int n_field;
	struct data_field layout[DATA_FIELDS];
	uint64_t n, done;
	uint32_t n_param;
	double *number; /* [n][n_param + 1] */
	bool failed;
};

static hid_t check(struct data_writer *w, hid_t id)
{
	w->failed = w->failed || id < 0;
	return id;
}

/* ------------------------------------------------------------------ attributes */
static void put(struct data_writer *w, const char *name, hid_t type, hid_t space, const void *value)
{
	hid_t a = check(w, H5Acreate2(w->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT));

	if (a < 0)
		return;
	check(w, H5Awrite(a, type, value));
	H5Aclose(a);
}

static void put_text(struct data_writer *w, const char *name, const char *value)
{
	hid_t type = check(w, H5Tcopy(H5T_C_S1)), space = check(w, H5Screate(H5S_SCALAR));

	value = value && *value ? value : "-"; /* strings of length 0 cannot be stored */
	H5Tset_size(type, strlen(value));
	H5Tset_cset(type, H5T_CSET_UTF8);
	put(w, name, type, space, value);
	H5Tclose(type);
	H5Sclose(space);
}

static void put_numbers(struct data_writer *w, const char *name, hid_t type, const void *v, int n)
{
	hsize_t dims[1] = { (hsize_t)n };
	hid_t space = check(w, n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, dims, NULL));

	put(w, name, type, space, v);
	H5Sclose(space);
}

static void put_facts(struct data_writer *w, const struct data_shape *h, const struct data_facts *f)
{
	struct text names;

	put_text(w, "format", "precess data 1");
	put_text(w, "recipe", f->recipe);
	put_text(w, "sequence", f->sequence);
	put_text(w, "program_hash", f->program_hash);
	put_text(w, "source_hash", f->source_hash);
	put_text(w, "version", PRECESS_VERSION);
	put_numbers(w, "first", H5T_NATIVE_UINT64, &f->first, 1);
	put_numbers(w, "total", H5T_NATIVE_UINT64, &f->total, 1);
	put_numbers(w, "seed", H5T_NATIVE_UINT64, &f->seed, 1);
	put_numbers(w, "matrix", H5T_NATIVE_INT, (int[]){ h->nx, h->ny }, 2);
	put_numbers(w, "sub", H5T_NATIVE_INT, &h->sub, 1);
	put_numbers(w, "sets", H5T_NATIVE_INT, &h->n_set, 1);
	text_init(&names);
	for (uint32_t i = 0; i < h->n_param; i++)
		text_printf(&names, "%s%s", i ? " " : "", f->param_name[i]);
	put_text(w, "parameter_names", names.data);
	text_free(&names);
	if (h->n_param)
		put_numbers(w, "parameter_range", H5T_NATIVE_DOUBLE, f->param_range,
			    2 * (int)h->n_param);
}

/* ------------------------------------------------------------------ datasets */
static hid_t element_type(struct data_writer *w, bool is_complex)
{
	hid_t type;

	if (!is_complex)
		return check(w, H5Tcopy(H5T_NATIVE_FLOAT));
	type = check(w, H5Tcreate(H5T_COMPOUND, 2 * sizeof(float)));
	check(w, H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT));
	check(w, H5Tinsert(type, "i", sizeof(float), H5T_NATIVE_FLOAT));
	return type;
}

static hid_t create_field(struct data_writer *w, const struct data_field *f)
{
	hid_t type = element_type(w, f->is_complex), space, plan, set;
	hsize_t dims[4] = { w->n }, chunk[4] = { 1 };

	for (int i = 0; i < f->rank; i++)
		dims[i + 1] = chunk[i + 1] = (hsize_t)f->dims[i];
	space = check(w, H5Screate_simple(f->rank + 1, dims, NULL));
	plan = check(w, H5Pcreate(H5P_DATASET_CREATE));
	check(w, H5Pset_obj_track_times(plan, false));
	check(w, H5Pset_chunk(plan, f->rank + 1, chunk));
	check(w, H5Pset_shuffle(plan));
	check(w, H5Pset_deflate(plan, DATA_LEVEL));
	set = check(w, H5Dcreate2(w->file, f->name, type, space, H5P_DEFAULT, plan, H5P_DEFAULT));
	H5Pclose(plan);
	H5Sclose(space);
	H5Tclose(type);
	return set;
}

static void create_all(struct data_writer *w, const struct data_shape *h,
		       const struct data_facts *f)
{
	hid_t maps;

	w->file = check(w,
			H5Fcreate(w->output->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
	if (w->failed)
		return;
	put_facts(w, h, f);
	maps = check(w, H5Gcreate2(w->file, "/maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	H5Gclose(maps);
	for (int i = 0; i < w->n_field; i++)
		w->field[i] = create_field(w, &w->layout[i]);
}

static precess_status cannot_write(const struct data_writer *w)
{
	return precess_fail(PRECESS_EIO, "cannot write %s: is the disk full?", w->output->final);
}

precess_status data_writer_create(struct data_writer **out, const char *path,
				  const struct data_shape *h, const struct data_facts *facts)
{
	struct data_writer *w = calloc(1, sizeof *w);
	precess_status st;

	*out = NULL;
	if (!w)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	w->file = -1;
	for (int i = 0; i < DATA_FIELDS; i++)
		w->field[i] = -1;
	w->n = facts->n;
	w->n_param = h->n_param;
	w->n_field = data_fields(w->layout, h);
	w->number = calloc((size_t)w->n * (h->n_param + 1) + 1, sizeof *w->number);
	if (!w->number) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(file_output_create(&w->output, path));
	data_hdf5_lock();
	create_all(w, h, facts);
	data_hdf5_unlock();
	if (w->failed) {
		st = cannot_write(w);
		goto out;
	}
	*out = w;
	w = NULL;
out:
	data_writer_discard(w);
	return st;
}

precess_status data_writer_put(struct data_writer *w, uint64_t at, const struct data_packed *p)
{
	const hsize_t offset[4] = { at, 0, 0, 0 };

	if (at >= w->n || p->n_field != w->n_field || p->n_param != w->n_param)
		return precess_fail(PRECESS_EINVAL, "a sample of another data set");
	data_hdf5_lock();
	for (int i = 0; i < w->n_field && !w->failed; i++)
		check(w,
		      H5Dwrite_chunk(w->field[i], H5P_DEFAULT, 0, offset, p->size[i], p->bytes[i]));
	data_hdf5_unlock();
	memcpy(w->number + at * (w->n_param + 1), p->number, (w->n_param + 1) * sizeof *w->number);
	w->done++;
	return w->failed ? cannot_write(w) : PRECESS_OK;
}

/* Columns first .. first + count of the numbers kept so far. */
static void put_table(struct data_writer *w, const char *name, uint32_t first, uint32_t count,
		      bool flat)
{
	hsize_t dims[2] = { w->n, count };
	hid_t space = check(w, H5Screate_simple(flat ? 1 : 2, dims, NULL)), set;
	hid_t plan = check(w, H5Pcreate(H5P_DATASET_CREATE));
	double *v = malloc((w->n * count + 1) * sizeof *v);

	for (uint64_t i = 0; v && i < w->n; i++)
		memcpy(v + i * count, w->number + i * (w->n_param + 1) + first, count * sizeof *v);
	check(w, H5Pset_obj_track_times(plan, false));
	set = check(w, H5Dcreate2(w->file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, plan,
				  H5P_DEFAULT));
	if (v && set >= 0)
		check(w, H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, v));
	w->failed = w->failed || !v;
	H5Dclose(set);
	H5Pclose(plan);
	H5Sclose(space);
	free(v);
}

static void close_all(struct data_writer *w)
{
	for (int i = 0; i < w->n_field; i++) {
		if (w->field[i] >= 0)
			check(w, H5Dclose(w->field[i]));
		w->field[i] = -1;
	}
	if (w->file >= 0)
		check(w, H5Fclose(w->file));
	w->file = -1;
}

precess_status data_writer_commit(struct data_writer *w, double *bytes)
{
	struct stat info = { 0 };
	precess_status st;

	if (w->done != w->n) {
		data_writer_discard(w);
		return precess_fail(PRECESS_EINVAL, "samples are missing");
	}
	data_hdf5_lock();
	if (w->n_param)
		put_table(w, "/parameters", 0, w->n_param, false);
	put_table(w, "/largest", w->n_param, 1, true);
	close_all(w);
	data_hdf5_unlock();
	if (w->failed) {
		st = cannot_write(w);
		data_writer_discard(w);
		return st;
	}
	stat(w->output->temporary, &info);
	*bytes = (double)info.st_size;
	st = file_output_commit(w->output);
	w->output = NULL;
	data_writer_discard(w);
	return st;
}

void data_writer_discard(struct data_writer *w)
{
	if (!w)
		return;
	data_hdf5_lock();
	close_all(w);
	data_hdf5_unlock();
	file_output_discard(w->output);
	free(w->number);
	free(w);
}
