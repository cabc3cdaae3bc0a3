/* Raw data from ISMRMRD files, whoever made them. Lengths of arrays stand in the file twice: in the
 * head of an acquisition and with the array; they must agree. */
#include "runtime/io/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK = 64,             /* records read at once */
	ACQUISITIONS = 1 << 26, /* more are not credible */
	HEADER_LIMIT = 1 << 26, /* bytes of XML */
	DEFLATE_RATIO = 1032    /* no deflated stream unpacks to more times its size */
};

/* ------------------------------------------------------------------ the parts of the file */
struct first {
	char name[256];
};

static herr_t find_group(hid_t file, const char *name, const H5L_info_t *info, void *found)
{
	struct first *f = found;
	char data[300];

	(void)info;
	snprintf(data, sizeof data, "%.255s/data", name);
	if (H5Lexists(file, data, H5P_DEFAULT) <= 0)
		return 0;
	snprintf(f->name, sizeof f->name, "%.255s", name);
	return 1;
}

/* "dataset" by custom, else the first group with data. */
static precess_status open_group(hid_t *group, hid_t file, const char *path)
{
	struct first f = { "dataset" };
	hsize_t at = 0;

	if (!hdf5_has(file, f.name))
		H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &at, find_group, &f);
	*group = hdf5_has(file, f.name) ? H5Gopen2(file, f.name, H5P_DEFAULT) : -1;
	if (*group < 0 || !hdf5_has(*group, "data") || !hdf5_has(*group, "xml"))
		return precess_fail(PRECESS_EINVAL,
				    "%s is not ISMRMRD raw data: it has no group with xml and data",
				    path);
	return PRECESS_OK;
}

static precess_status no_header(const char *path)
{
	return precess_fail(PRECESS_EINVAL, "%s: its header cannot be read", path);
}

/* A string of variable or fixed length. */
static precess_status read_header(struct io_raw *raw, hid_t group, const char *path)
{
	hid_t set = H5Dopen2(group, "xml", H5P_DEFAULT), space, type, memory;
	char *lines = NULL;
	precess_status st;
	size_t n;

	if (set < 0)
		return no_header(path);
	space = H5Dget_space(set);
	type = H5Dget_type(set);
	memory = H5Tcopy(H5T_C_S1);
	if (H5Sget_simple_extent_npoints(space) != 1 || H5Tget_class(type) != H5T_STRING) {
		st = no_header(path);
	} else if (H5Tis_variable_str(type) > 0) {
		H5Tset_size(memory, H5T_VARIABLE);
		H5Tset_cset(memory, H5Tget_cset(type));
		st = H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, &lines) < 0 || !lines
			     ? no_header(path)
			     : PRECESS_OK;
		raw->xml = st ? NULL : strndup(lines, HEADER_LIMIT);
		H5free_memory(lines);
	} else {
		n = H5Tget_size(type);
		raw->xml = n < HEADER_LIMIT ? calloc(1, n + 1) : NULL;
		st = !raw->xml || H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw->xml) < 0
			     ? no_header(path)
			     : PRECESS_OK;
	}
	if (!st)
		st = raw->xml ? ismrmrd_header_read(raw, raw->xml, path)
			      : precess_fail(PRECESS_ENOMEM, "out of memory");
	H5Tclose(memory);
	H5Tclose(type);
	H5Sclose(space);
	H5Dclose(set);
	return st;
}

/* ------------------------------------------------------------------ acquisitions */
static void from_patient(double out[3], const float in[3], double scale)
{
	out[0] = -in[0] * scale;
	out[1] = -in[1] * scale;
	out[2] = in[2] * scale;
}

static precess_status check_record(const struct io_raw *raw, const struct ismrmrd_record *r,
				   size_t i, const char *path)
{
	const struct ismrmrd_head *h = &r->head;
	size_t data = 2 * (size_t)h->number_of_samples * h->active_channels;
	size_t traj = (size_t)h->number_of_samples * h->trajectory_dimensions;

	if (r->data.len != data || r->traj.len != traj)
		return precess_fail(PRECESS_EINVAL,
				    "%s: acquisition %zu declares %u samples of %u coils and a "
				    "trajectory of %u dimensions, but holds %zu and %zu numbers",
				    path, i, h->number_of_samples, h->active_channels,
				    h->trajectory_dimensions, r->data.len, r->traj.len);
	if (h->encoding_space_ref >= raw->n_encoding)
		return precess_fail(PRECESS_EINVAL,
				    "%s: acquisition %zu is of encoding %u; the header has %d",
				    path, i, h->encoding_space_ref, raw->n_encoding);
	if (!isfinite(h->sample_time_us) || h->sample_time_us < 0)
		return precess_fail(PRECESS_EINVAL, "%s: acquisition %zu: sample time of %g us",
				    path, i, (double)h->sample_time_us);
	return PRECESS_OK;
}

static precess_status take_record(struct io_acquisition *a, const struct ismrmrd_record *r)
{
	const struct ismrmrd_head *h = &r->head;
	int i = 0;

	a->flags = h->flags;
	a->encoding = h->encoding_space_ref;
	a->n_coil = h->active_channels;
	a->n_sample = h->number_of_samples;
	a->n_dim = h->trajectory_dimensions;
	a->center = h->center_sample;
	a->discard_first = h->discard_pre;
	a->discard_last = h->discard_post;
	a->time_stamp = h->acquisition_time_stamp;
	a->dwell = h->sample_time_us * 1e-6;
	from_patient(a->position, h->position, 1e-3);
	from_patient(a->read, h->read_dir, 1);
	from_patient(a->phase, h->phase_dir, 1);
	from_patient(a->slice, h->slice_dir, 1);
#define FIELD(name, type, hdf5)
#define ARRAY(name, type, hdf5, n)
#define INDEX(name) a->counter[i++] = h->idx.name;
#include "runtime/io/ismrmrd.def"
#undef FIELD
#undef ARRAY
#undef INDEX
	for (i = 0; i < 8; i++)
		a->user[i] = h->idx.user[i];
	a->data = malloc(r->data.len * sizeof(float) + 1);
	a->trajectory = r->traj.len ? malloc(r->traj.len * sizeof(float)) : NULL;
	if (!a->data || (r->traj.len && !a->trajectory))
		return precess_fail(PRECESS_ENOMEM, "out of memory for raw data");
	memcpy(a->data, r->data.p, r->data.len * sizeof(float));
	if (r->traj.len)
		memcpy(a->trajectory, r->traj.p, r->traj.len * sizeof(float));
	return PRECESS_OK;
}

static precess_status check_finite(const struct io_acquisition *a, size_t i, const char *path)
{
	const struct finite_axis data[] = { { "coil", (size_t)a->n_coil },
					    { "sample", (size_t)a->n_sample },
					    { NULL, 0 } };
	const struct finite_axis trajectory[] = { { "sample", (size_t)a->n_sample },
						  { "dimension", (size_t)a->n_dim },
						  { NULL, 0 } };
	precess_status st;
	char what[64];

	snprintf(what, sizeof what, "readout %zu", i);
	TRY(finite_check(a->data, 2, data, path, what));
	snprintf(what, sizeof what, "trajectory of readout %zu", i);
	if (a->trajectory)
		st = finite_check(a->trajectory, 1, trajectory, path, what);
out:
	return st;
}

/* What libraries of different age wrote has more or fewer members; those that miss are 0. */
static precess_status read_block(struct io_raw *raw, hid_t set, hid_t type, hsize_t first,
				 hsize_t n, const char *path)
{
	struct ismrmrd_record *record = calloc(BLOCK, sizeof *record);
	hid_t from = H5Dget_space(set), to = H5Screate_simple(1, &n, NULL);
	precess_status st = PRECESS_OK;
	hsize_t i;

	if (!record)
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
	else if (H5Sselect_hyperslab(from, H5S_SELECT_SET, &first, NULL, &n, NULL) < 0 ||
		 H5Dread(set, type, to, from, H5P_DEFAULT, record) < 0)
		st = precess_fail(
			PRECESS_EINVAL,
			"%s: acquisition %llu or one after it cannot be read: the file is "
			"damaged or cut short",
			path, (unsigned long long)first);
	for (i = 0; i < n && !st; i++) {
		if ((st = check_record(raw, &record[i], (size_t)(first + i), path)) == 0) {
			struct io_acquisition *a = &raw->acquisition[raw->n++];

			st = take_record(a, &record[i]);
			st = st ? st : check_finite(a, (size_t)(first + i), path);
		}
	}
	if (record)
		H5Dvlen_reclaim(type, to, H5P_DEFAULT, record);
	H5Sclose(to);
	H5Sclose(from);
	free(record);
	return st;
}

/* Records that were never written read as zeros, however many are declared. */
static bool is_stored(hid_t set, hssize_t n)
{
	hid_t type = H5Dget_type(set);
	double declared = (double)n * (double)H5Tget_size(type);

	H5Tclose(type);
	return declared <= (double)H5Dget_storage_size(set) * DEFLATE_RATIO;
}

/* The library believes what a damaged file says of where members lie, and reads there. */
static bool is_sound(hid_t type)
{
	int i, n = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_nmembers(type) : 0;
	bool sound = true;
	size_t size;
	hid_t member;

	for (i = 0; i < n && sound; i++) {
		member = H5Tget_member_type(type, (unsigned)i);
		size = member < 0 ? 0 : H5Tget_size(member);
		sound = size > 0 && size <= H5Tget_size(type) &&
			H5Tget_member_offset(type, (unsigned)i) <= H5Tget_size(type) - size &&
			is_sound(member);
		if (member >= 0)
			H5Tclose(member);
	}
	return sound;
}

static bool has_sound_type(hid_t set)
{
	hid_t type = H5Dget_type(set);
	bool sound = type >= 0 && H5Tget_class(type) == H5T_COMPOUND && is_sound(type);

	if (type >= 0)
		H5Tclose(type);
	return sound;
}

static precess_status read_records(struct io_raw *raw, hid_t group, const char *path)
{
	hid_t set = H5Dopen2(group, "data", H5P_DEFAULT), space = -1, type = ismrmrd_type();
	precess_status st = PRECESS_OK;
	hssize_t n = -1;
	size_t i;

	if (set >= 0)
		space = H5Dget_space(set);
	if (space >= 0)
		n = H5Sget_simple_extent_npoints(space);
	if (n < 1 || n > ACQUISITIONS || H5Sget_simple_extent_ndims(space) != 1)
		st = precess_fail(PRECESS_EINVAL, "%s: %lld acquisitions; 1..%d can be read", path,
				  (long long)n, ACQUISITIONS);
	else if (!has_sound_type(set))
		st = precess_fail(PRECESS_EINVAL,
				  "%s: its acquisitions are damaged; copy or make it again", path);
	else if (!is_stored(set, n))
		st = precess_fail(PRECESS_EINVAL,
				  "%s declares %lld acquisitions but does not hold them", path,
				  (long long)n);
	else if (!(raw->acquisition = calloc((size_t)n, sizeof *raw->acquisition)))
		st = precess_fail(PRECESS_ENOMEM, "%s: out of memory for %lld acquisitions", path,
				  (long long)n);
	for (i = 0; !st && i < (size_t)n; i += BLOCK)
		st = read_block(raw, set, type, i, (size_t)n - i < BLOCK ? (size_t)n - i : BLOCK,
				path);
	for (i = 0; !st && i < raw->n; i++)
		if (raw->acquisition[i].n_coil > raw->n_coil)
			raw->n_coil = raw->acquisition[i].n_coil;
	H5Tclose(type);
	if (space >= 0)
		H5Sclose(space);
	if (set >= 0)
		H5Dclose(set);
	return st;
}

precess_status io_read_raw(struct io_raw **out, const char *path)
{
	struct io_raw *raw = calloc(1, sizeof *raw);
	hid_t file = -1, group = -1;
	precess_status st;

	*out = NULL;
	if (!raw)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(hdf5_open(&file, path));
	TRY(open_group(&group, file, path));
	TRY(read_header(raw, group, path));
	TRY(read_records(raw, group, path));
	*out = raw;
	raw = NULL;
out:
	if (group >= 0)
		H5Gclose(group);
	if (file >= 0)
		H5Fclose(file);
	io_raw_free(raw);
	return st;
}

void io_raw_free(struct io_raw *raw)
{
	size_t i;

	if (!raw)
		return;
	for (i = 0; i < raw->n; i++) {
		free(raw->acquisition[i].data);
		free(raw->acquisition[i].trajectory);
	}
	for (i = 0; i < (size_t)raw->n_parameter; i++)
		free(raw->parameter[i].name);
	free(raw->parameter);
	free(raw->acquisition);
	free(raw->encoding);
	free(raw->tr.v);
	free(raw->te.v);
	free(raw->ti.v);
	free(raw->flip.v);
	free(raw->sequence);
	free(raw->xml);
	free(raw);
}
