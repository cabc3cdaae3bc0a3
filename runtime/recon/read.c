/* Raw data of one slice from HDF5: ISMRMRD (mrd.c), or a layout of our own. The layout stands in docs/reconstruct.md: complex datasets
 * [coils][lines][samples] named kspace, calibration (or acs) and navigator, at the root or in a group
 * raw, and a few attributes of the root. Everything is checked before it is believed. */
#include "runtime/io/io.h"
#include "runtime/recon/internal.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	COILS_LIMIT = 256,
	VALUES_LIMIT = 1 << 27 /* complex numbers of a dataset: 1 GB */
};
#define NEEDED \
	"raw data have a complex dataset kspace [coils][lines][samples] at the root or in a group raw"

struct file {
	const char *path;
	hid_t id;
	bool raw;     /* datasets are in /raw */
	bool ismrmrd; /* a group dataset with a header xml */
};

static bool has(const struct file *f, const char *name)
{
	return H5Lexists(f->id, name, H5P_DEFAULT) > 0 &&
	       H5Oexists_by_name(f->id, name, H5P_DEFAULT) > 0;
}

/* ------------------------------------------------------------------ what there is */
static precess_status absent(const struct file *f, const char *name, const char *option)
{
	struct text list;

	text_init(&list);
	io_list_datasets(&list, f->path);
	precess_fail(PRECESS_EINVAL, "%s has no dataset %s (it has: %s); " NEEDED ", or name it with %s",
		     f->path, name, list.data, option);
	text_free(&list);
	return PRECESS_EINVAL;
}

/* The dataset's name: what was asked for, or the first of `known` (separated by blanks) that exists;
 * "" for none. */
static precess_status find(char out[128], const struct file *f, const char *asked, const char *known,
			   const char *option)
{
	char word[64];
	int n;

	if (asked) {
		if (strlen(asked) >= 128 || !has(f, asked))
			return absent(f, asked, option);
		snprintf(out, 128, "%s", asked);
		return PRECESS_OK;
	}
	for (; sscanf(known, "%63s%n", word, &n) == 1; known += n) {
		snprintf(out, 128, "%s%s", f->raw ? "raw/" : "", word);
		if (has(f, out))
			return PRECESS_OK;
	}
	*out = '\0';
	return PRECESS_OK;
}

static precess_status open_file(struct file *f, const struct recon_names *names)
{
	precess_status st = file_input_probe(f->path);

	if (st)
		return st;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* failures are told once, by us */
	if (H5Fis_hdf5(f->path) <= 0)
		return precess_fail(PRECESS_EINVAL, "%s is not an HDF5 file; " NEEDED, f->path);
	f->id = H5Fopen(f->path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (f->id < 0)
		return precess_fail(PRECESS_EINVAL,
				    "%s cannot be opened: the file is damaged, cut short, or still "
				    "being written; copy or make it again",
				    f->path);
	f->raw = has(f, "raw") && has(f, "raw/kspace");
	f->ismrmrd = !names->kspace && has(f, "dataset") && has(f, "dataset/xml");
	if (!names->kspace && !f->raw && !f->ismrmrd && !has(f, "kspace"))
		return absent(f, "kspace", "--kspace");
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ complex datasets */
static precess_status read_pairs(float *to, const struct file *f, const char *name, hid_t set,
				 hid_t type)
{
	hid_t memory = H5Tcreate(H5T_COMPOUND, 2 * sizeof(float));
	precess_status st = PRECESS_OK;
	char *member;
	unsigned i;

	for (i = 0; i < 2; i++) { /* members are matched by name, so ours take the file's */
		member = H5Tget_member_name(type, i);
		if (!member || H5Tinsert(memory, member, i * sizeof(float), H5T_NATIVE_FLOAT) < 0)
			st = PRECESS_EINVAL;
		H5free_memory(member);
	}
	if (st || H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) < 0)
		st = precess_fail(PRECESS_EINVAL,
				  "%s: dataset %s cannot be read: the file is damaged or cut short; "
				  "copy or make it again",
				  f->path, name);
	H5Tclose(memory);
	return st;
}

static precess_status check_finite(const float *v, const struct file *f, const char *name,
				   const int dim[3])
{
	const struct finite_axis axes[] = { { "coil", (size_t)dim[0] },
					    { "line", (size_t)dim[1] },
					    { "sample", (size_t)dim[2] },
					    { NULL, 0 } };

	return finite_check(v, 2, axes, f->path, name);
}

static precess_status check_shape(int dim[3], const struct file *f, const char *name, hid_t space)
{
	int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space), i;
	hsize_t d[H5S_MAX_RANK] = { 0 };

	if (rank >= 0)
		H5Sget_simple_extent_dims(space, d, NULL);
	if (rank == 2) { /* one coil */
		d[2] = d[1];
		d[1] = d[0];
		d[0] = 1;
	} else if (rank != 3) {
		return precess_fail(PRECESS_EINVAL,
				    "%s: dataset %s has %d dimensions; one slice has 3, "
				    "[coils][lines][samples], or 2 for a single coil",
				    f->path, name, rank);
	}
	if (!d[0] || !d[1] || !d[2] || d[0] > COILS_LIMIT || d[1] > RECON_SIDE_LIMIT || d[2] > RECON_SIDE_LIMIT ||
	    d[0] * d[1] * d[2] > VALUES_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s: dataset %s is %llu coils x %llu lines x %llu samples; 1..%d "
				    "coils, 1..%d lines and samples, and %d values in all can be read",
				    f->path, name, (unsigned long long)d[0], (unsigned long long)d[1],
				    (unsigned long long)d[2], COILS_LIMIT, RECON_SIDE_LIMIT, VALUES_LIMIT);
	for (i = 0; i < 3; i++)
		dim[i] = (int)d[i];
	return PRECESS_OK;
}

static precess_status read_complex(float **out, int dim[3], const struct file *f, const char *name)
{
	hid_t set = H5Dopen2(f->id, name, H5P_DEFAULT);
	hid_t space = set < 0 ? -1 : H5Dget_space(set), type = set < 0 ? -1 : H5Dget_type(set);
	bool pair = type >= 0 && H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2;
	float *v = NULL;
	precess_status st;

	if (!pair) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s: %s is no complex dataset (a compound of two numbers, as h5py "
				  "writes complex64)",
				  f->path, name);
		goto out;
	}
	TRY(check_shape(dim, f, name, space));
	v = calloc((size_t)dim[0] * (size_t)dim[1] * (size_t)dim[2], 2 * sizeof *v);
	if (!v) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s of %s", name, f->path);
		goto out;
	}
	TRY(read_pairs(v, f, name, set, type));
	TRY(check_finite(v, f, name, dim));
	*out = v;
	v = NULL;
out:
	free(v);
	if (type >= 0)
		H5Tclose(type);
	if (space >= 0)
		H5Sclose(space);
	if (set >= 0)
		H5Dclose(set);
	return st;
}

/* ------------------------------------------------------------------ attributes and polarity */
/* n numbers; false when there is no such attribute or it has another size. */
static bool attribute(double *v, hssize_t n, const struct file *f, const char *name)
{
	hid_t a = H5Aexists(f->id, name) > 0 ? H5Aopen(f->id, name, H5P_DEFAULT) : -1;
	hid_t space = a < 0 ? -1 : H5Aget_space(a);
	bool good = space >= 0 && H5Sget_simple_extent_npoints(space) == n &&
		    H5Aread(a, H5T_NATIVE_DOUBLE, v) >= 0;

	if (space >= 0)
		H5Sclose(space);
	if (a >= 0)
		H5Aclose(a);
	return good;
}

/* Of n lines; alternating from +1 where the file does not say. `read` [n]: NULL means all. */
static precess_status read_polarity(signed char *out, const struct file *f, const char *name, int n,
				    const bool *read)
{
	char full[64];
	int *v, i, sign = 1;
	hid_t set, space;
	precess_status st = PRECESS_OK;

	snprintf(full, sizeof full, "%s%s", f->raw ? "raw/" : "", name);
	for (i = 0; i < n; i++) {
		out[i] = (signed char)(read && !read[i] ? 0 : sign);
		sign = out[i] ? -sign : sign;
	}
	if (!has(f, full))
		return PRECESS_OK;
	v = calloc((size_t)n, sizeof *v);
	set = H5Dopen2(f->id, full, H5P_DEFAULT);
	space = set < 0 ? -1 : H5Dget_space(set);
	if (!v || space < 0 || H5Sget_simple_extent_npoints(space) != n ||
	    H5Dread(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) < 0)
		st = precess_fail(PRECESS_EINVAL, "%s: dataset %s must hold one number for each of %d lines",
				  f->path, full, n);
	for (i = 0; !st && i < n; i++) {
		if (v[i] != 1 && v[i] != -1 && (out[i] || v[i]))
			st = precess_fail(PRECESS_EINVAL,
					  "%s: %s[%d] is %d; a line that was read has 1 or -1",
					  f->path, full, i, v[i]);
		out[i] = out[i] ? (signed char)v[i] : 0;
	}
	if (space >= 0)
		H5Sclose(space);
	if (set >= 0)
		H5Dclose(set);
	free(v);
	return st;
}

/* ------------------------------------------------------------------ the scan */
/* A line is read when one of its samples in one of the coils differs from 0. */
static void find_read(bool *read, const float *v, int coils, int lines, int samples)
{
	size_t row = 2 * (size_t)samples, i;
	int c, y;

	for (c = 0; c < coils; c++)
		for (y = 0; y < lines; y++)
			for (i = 0; i < row && !read[y]; i++)
				read[y] = v[((size_t)c * (size_t)lines + (size_t)y) * row + i] != 0;
}

/* Lines of the matrix: the attribute matrix_phase, the attribute matrix [x, y], or as stored. */
static precess_status matrix_lines(int *out, int *first, const struct file *f, const int dim[3])
{
	double v[2], n = dim[1], at;

	if (attribute(v, 2, f, "matrix"))
		n = v[1];
	else if (attribute(v, 1, f, "matrix_phase"))
		n = v[0];
	if (!(n >= dim[1] && n <= RECON_SIDE_LIMIT && n == floor(n)))
		return precess_fail(PRECESS_EINVAL,
				    "%s: the matrix has %g lines, but %d are stored; correct the "
				    "attribute matrix [x, y] or matrix_phase",
				    f->path, n, dim[1]);
	at = (int)n / 2 - dim[1] / 2; /* k = 0 is in the middle of either */
	if (attribute(v, 1, f, "first_line"))
		at = v[0];
	if (!(at >= 0 && at + dim[1] <= n && at == floor(at)))
		return precess_fail(PRECESS_EINVAL,
				    "%s: attribute first_line = %g puts %d lines outside the matrix of "
				    "%g",
				    f->path, at, dim[1], n);
	*out = (int)n;
	*first = (int)at;
	return PRECESS_OK;
}

static precess_status read_kspace(struct recon_scan *s, const struct file *f, const char *name)
{
	int dim[3], first = 0, c, y;
	float *v = NULL;
	bool *read = NULL;
	signed char *polarity = NULL;
	size_t row;
	precess_status st;

	TRY(read_complex(&v, dim, f, name));
	s->coils = dim[0];
	s->samples = dim[2];
	TRY(matrix_lines(&s->lines, &first, f, dim));
	row = 2 * (size_t)dim[2];
	read = calloc((size_t)dim[1], sizeof *read);
	polarity = calloc((size_t)dim[1], 1);
	s->kspace = calloc((size_t)s->coils * (size_t)s->lines, row * sizeof *s->kspace);
	s->polarity = calloc((size_t)s->lines, 1);
	if (!read || !polarity || !s->kspace || !s->polarity) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s", f->path);
		goto out;
	}
	find_read(read, v, dim[0], dim[1], dim[2]);
	TRY(read_polarity(polarity, f, "polarity", dim[1], read));
	for (c = 0; c < dim[0]; c++)
		memcpy(s->kspace + ((size_t)c * (size_t)s->lines + (size_t)first) * row,
		       v + (size_t)c * (size_t)dim[1] * row, (size_t)dim[1] * row * sizeof *v);
	for (y = 0; y < dim[1]; y++)
		s->polarity[first + y] = polarity[y];
out:
	free(polarity);
	free(read);
	free(v);
	return st;
}

static precess_status check_same(const struct recon_scan *s, const struct file *f, const char *name,
				 const int dim[3])
{
	if (dim[0] == s->coils && dim[2] == s->samples)
		return PRECESS_OK;
	return precess_fail(PRECESS_EINVAL,
			    "%s: %s has %d coils of %d samples, but k-space has %d coils of %d; all "
			    "datasets are [coils][lines][samples] of the same coils and samples",
			    f->path, name, dim[0], dim[2], s->coils, s->samples);
}

static precess_status read_extras(struct recon_scan *s, const struct file *f,
				  const struct recon_names *names)
{
	char name[128];
	int dim[3];
	precess_status st;

	TRY(find(name, f, names->calibration, "calibration acs", "--calibration"));
	if (*name) {
		TRY(read_complex(&s->cal, dim, f, name));
		TRY(check_same(s, f, name, dim));
		s->cal_lines = dim[1];
		snprintf(name, sizeof name, "%scalibration_polarity", f->raw ? "raw/" : "");
		if (has(f, name)) {
			s->cal_polarity = calloc((size_t)dim[1], 1);
			if (!s->cal_polarity)
				return precess_fail(PRECESS_ENOMEM, "out of memory for %s", f->path);
			TRY(read_polarity(s->cal_polarity, f, "calibration_polarity", dim[1], NULL));
		}
	}
	TRY(find(name, f, NULL, "noise", ""));
	if (*name) {
		TRY(read_complex(&s->noise, dim, f, name));
		if (dim[0] != s->coils)
			return check_same(s, f, name, dim);
		s->noise_samples = dim[1] * dim[2];
	}
	TRY(find(name, f, names->navigator, "navigator", "--navigator"));
	if (*name) {
		TRY(read_complex(&s->nav, dim, f, name));
		TRY(check_same(s, f, name, dim));
		s->nav_lines = dim[1];
		s->nav_polarity = calloc((size_t)dim[1], 1);
		if (!s->nav_polarity)
			return precess_fail(PRECESS_ENOMEM, "out of memory for %s", f->path);
		TRY(read_polarity(s->nav_polarity, f, "navigator_polarity", dim[1], NULL));
	}
out:
	return st;
}

static void read_sizes(struct recon_scan *s, const struct file *f)
{
	double v[2];

	if (attribute(v, 2, f, "fov") || attribute(v, 2, f, "fov_m")) {
		s->fov[0] = v[0];
		s->fov[1] = v[1];
	} else if (attribute(v, 1, f, "fov") || attribute(v, 1, f, "fov_m")) {
		s->fov[0] = s->fov[1] = v[0];
	}
	if (!(s->fov[0] > 0 && s->fov[0] < 10 && s->fov[1] > 0 && s->fov[1] < 10))
		s->fov[0] = s->fov[1] = 0;
	if (attribute(v, 1, f, "acceleration") && v[0] >= 1 && v[0] <= RECON_SIDE_LIMIT)
		s->acceleration = (int)v[0];
}

static precess_status read_ours(struct recon_scan **out, const struct file *f,
				const struct recon_names *names)
{
	struct recon_scan *s = calloc(1, sizeof *s);
	char name[128];
	precess_status st;

	if (!s || !(s->source = strdup(f->path))) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(find(name, f, names->kspace, "kspace", "--kspace"));
	TRY(read_kspace(s, f, name));
	TRY(read_extras(s, f, names));
	read_sizes(s, f);
	*out = s;
	s = NULL;
out:
	recon_scan_free(s);
	return st;
}

precess_status recon_read(struct recon_scan **out, const char *path, const struct recon_names *names)
{
	struct file f = { .path = path, .id = -1 };
	struct io_raw *raw = NULL;
	precess_status st;

	TRY(open_file(&f, names));
	if (f.ismrmrd) {
		TRY(io_read_raw(&raw, path));
		st = recon_scan_of_raw(out, raw, path, names);
	} else {
		st = read_ours(out, &f, names);
	}
out:
	if (f.id >= 0)
		H5Fclose(f.id);
	io_raw_free(raw);
	return st;
}

bool recon_is_raw(const char *path)
{
	struct file f = { .path = path };
	bool raw;

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	if (H5Fis_hdf5(path) <= 0 || (f.id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0)
		return false;
	raw = !has(&f, "image") && ((has(&f, "dataset") && has(&f, "dataset/xml")) ||
				    (has(&f, "raw") && has(&f, "raw/kspace")) || has(&f, "kspace"));
	H5Fclose(f.id);
	return raw;
}

void recon_scan_free(struct recon_scan *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n_param; i++)
		free(s->param[i].name);
	free(s->param);
	free(s->source);
	free(s->kspace);
	free(s->polarity);
	free(s->cal);
	free(s->cal_polarity);
	free(s->noise);
	free(s->nav);
	free(s->nav_polarity);
	free(s);
}
