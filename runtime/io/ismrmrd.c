/* Raw data as ISMRMRD: an HDF5 group "dataset" with the header as XML and one record per
 * acquisition. Coordinates of the format run to the left, the back and the head, in mm. */
#include "runtime/io/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 64,  /* records that are read together */
	VERSION = 1, /* of the format */
	COILS = 1024 /* bits of its mask */
};

/* ------------------------------------------------------------------ types */
static void insert(hid_t in, const char *name, size_t at, hid_t type, hsize_t n)
{
	hid_t array = n ? H5Tarray_create2(type, 1, &n) : H5Tcopy(type);

	H5Tinsert(in, name, at, array);
	H5Tclose(array);
}

static hid_t index_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct ismrmrd_index));

#define FIELD(name, type, hdf5)
#define ARRAY(name, type, hdf5, n)
#define INDEX(name) insert(type, #name, HOFFSET(struct ismrmrd_index, name), H5T_NATIVE_UINT16, 0);
#include "runtime/io/ismrmrd.def"
#undef FIELD
#undef ARRAY
#undef INDEX
	insert(type, "user", HOFFSET(struct ismrmrd_index, user), H5T_NATIVE_UINT16, 8);
	return type;
}

static hid_t head_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct ismrmrd_head)), index = index_type();

#define FIELD(name, c_type, hdf5) insert(type, #name, HOFFSET(struct ismrmrd_head, name), hdf5, 0);
#define ARRAY(name, c_type, hdf5, n) \
	insert(type, #name, HOFFSET(struct ismrmrd_head, name), hdf5, n);
#define INDEX(name)
#include "runtime/io/ismrmrd.def"
#undef FIELD
#undef ARRAY
#undef INDEX
	insert(type, "idx", HOFFSET(struct ismrmrd_head, idx), index, 0);
	H5Tclose(index);
	return type;
}

hid_t ismrmrd_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct ismrmrd_record)), head = head_type();
	hid_t floats = H5Tvlen_create(H5T_NATIVE_FLOAT);

	insert(type, "head", HOFFSET(struct ismrmrd_record, head), head, 0);
	insert(type, "traj", HOFFSET(struct ismrmrd_record, traj), floats, 0);
	insert(type, "data", HOFFSET(struct ismrmrd_record, data), floats, 0);
	H5Tclose(floats);
	H5Tclose(head);
	return type;
}

/* ------------------------------------------------------------------ records */
static void to_patient(float out[3], const double in[3], double scale)
{
	out[0] = (float)(0 - in[0] * scale); /* 0 - 0: no negative zero */
	out[1] = (float)(0 - in[1] * scale);
	out[2] = (float)(in[2] * scale);
}

static void fill_record(struct ismrmrd_record *r, const struct io_acquisition *a, uint32_t number)
{
	struct ismrmrd_head *h = &r->head;
	int i;

	h->version = VERSION;
	h->flags = a->flags;
	h->scan_counter = number;
	h->acquisition_time_stamp = a->time_stamp;
	h->number_of_samples = (uint16_t)a->n_sample;
	h->available_channels = h->active_channels = (uint16_t)a->n_coil;
	for (i = 0; i < a->n_coil && i < COILS; i++)
		h->channel_mask[i / 64] |= UINT64_C(1) << i % 64;
	h->discard_pre = (uint16_t)a->discard_first;
	h->discard_post = (uint16_t)a->discard_last;
	h->center_sample = (uint16_t)a->center;
	h->encoding_space_ref = (uint16_t)a->encoding;
	h->trajectory_dimensions = (uint16_t)a->n_dim;
	h->sample_time_us = (float)(a->dwell * 1e6);
	to_patient(h->position, a->position, 1e3);
	to_patient(h->read_dir, a->read, 1);
	to_patient(h->phase_dir, a->phase, 1);
	to_patient(h->slice_dir, a->slice, 1);
	i = 0;
#define FIELD(name, type, hdf5)
#define ARRAY(name, type, hdf5, n)
#define INDEX(name) h->idx.name = (uint16_t)a->counter[i++];
#include "runtime/io/ismrmrd.def"
#undef FIELD
#undef ARRAY
#undef INDEX
	for (i = 0; i < 8; i++)
		h->idx.user[i] = (uint16_t)a->user[i];
	r->traj.len = (size_t)a->n_sample * (size_t)a->n_dim;
	r->traj.p = a->trajectory;
	r->data.len = 2 * (size_t)a->n_sample * (size_t)a->n_coil;
	r->data.p = a->data;
}

static bool fits(int v)
{
	return v >= 0 && v <= UINT16_MAX;
}

/* The format counts with 16 bits. */
static precess_status check(const char *path, const struct io_raw *raw)
{
	const struct io_acquisition *a;
	bool good;
	size_t i;
	int k;

	for (i = 0; i < raw->n; i++) {
		a = &raw->acquisition[i];
		good = fits(a->n_sample) && fits(a->n_coil) && fits(a->center);
		for (k = 0; k < IO_COUNTERS; k++)
			good &= fits(a->counter[k]);
		for (k = 0; k < 8; k++)
			good &= fits(a->user[k]);
		if (!good)
			return precess_fail(PRECESS_EINVAL,
					    "%s: acquisition %zu: ISMRMRD holds samples, coils and "
					    "indices in 0..%d (%d samples, line %d, segment %d)",
					    path, i, UINT16_MAX, a->n_sample, a->counter[IO_LINE],
					    a->counter[IO_SEGMENT]);
	}
	return PRECESS_OK;
}

static bool put_header(hid_t group, const struct io_raw *raw)
{
	hid_t type = H5Tcopy(H5T_C_S1), space, set = -1;
	const hsize_t one = 1;
	const char *lines;
	struct text xml;
	bool good;

	text_init(&xml);
	ismrmrd_header_write(&xml, raw);
	lines = xml.data;
	H5Tset_size(type, H5T_VARIABLE);
	space = H5Screate_simple(1, &one, NULL);
	set = H5Dcreate2(group, "xml", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &lines) >= 0;
	H5Dclose(set);
	H5Sclose(space);
	H5Tclose(type);
	text_free(&xml);
	return good;
}

static bool put_records(hid_t group, const struct ismrmrd_record *record, hsize_t n)
{
	const hsize_t most = H5S_UNLIMITED, chunk = CHUNK; /* other programs append */
	hid_t memory = ismrmrd_type(), type = H5Tcopy(memory);
	hid_t space = H5Screate_simple(1, &n, &most), plist = H5Pcreate(H5P_DATASET_CREATE), set;
	bool good;

	H5Tpack(type);
	H5Pset_chunk(plist, 1, &chunk);
	set = H5Dcreate2(group, "data", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
	good = set >= 0 &&
	       (n == 0 || H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, record) >= 0);
	H5Dclose(set);
	H5Pclose(plist);
	H5Sclose(space);
	H5Tclose(type);
	H5Tclose(memory);
	return good;
}

precess_status io_write_raw(const char *path, const struct io_raw *raw)
{
	struct ismrmrd_record *record;
	precess_status st;
	hid_t file, group;
	bool good;
	size_t i;

	if ((st = check(path, raw)) != 0)
		return st;
	record = calloc(raw->n + 1, sizeof *record);
	if (!record)
		return precess_fail(PRECESS_ENOMEM, "%s: out of memory", path);
	for (i = 0; i < raw->n; i++)
		fill_record(&record[i], &raw->acquisition[i], (uint32_t)i);
	file = hdf5_create();
	group = H5Gcreate2(file, "dataset", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	good = group >= 0 && put_header(group, raw) && put_records(group, record, raw->n);
	if (group >= 0)
		H5Gclose(group);
	free(record);
	return hdf5_write(path, file, !good);
}
