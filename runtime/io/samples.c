/* Tables of samples: an HDF5 dataset (real, or compound of two numbers), or a text file with one or
 * two numbers per line. Shapes of pulses and gradients come from here. */
#include "runtime/io/io.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 1 << 28, SAMPLE_LIMIT = 1 << 24 };

static precess_status not_finite(const char *path, const char *where, size_t i, double v)
{
	return precess_fail(PRECESS_EINVAL, "%s%s%s: sample %zu is %g; samples must be finite",
			    path, *where ? ":" : "", where, i, v);
}

/* ------------------------------------------------------------------ HDF5 */
static precess_status read_compound(double *out, hid_t set, hid_t type)
{
	hid_t memory = H5Tcreate(H5T_COMPOUND, 2 * sizeof(double));
	precess_status st = PRECESS_OK;
	char *name;
	unsigned i;

	/* members are matched by name, so ours take the names of the file's */
	for (i = 0; i < 2; i++) {
		name = H5Tget_member_name(type, i);
		if (!name || H5Tinsert(memory, name, i * sizeof(double), H5T_NATIVE_DOUBLE) < 0)
			st = PRECESS_EINVAL;
		H5free_memory(name);
	}
	if (!st && H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
		st = PRECESS_EINVAL;
	H5Tclose(memory);
	return st;
}

static precess_status read_set(double **samples, size_t *n, bool *is_complex, hid_t set,
			       const char *path, const char *dataset)
{
	hid_t space = H5Dget_space(set), type = H5Dget_type(set);
	hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
	H5T_class_t class_ = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
	bool pair = class_ == H5T_COMPOUND && H5Tget_nmembers(type) == 2;
	precess_status st = PRECESS_OK;
	double *v = NULL;

	if (count < 1 || count > SAMPLE_LIMIT)
		st = precess_fail(PRECESS_EINVAL, "%s:%s has %lld samples; 1..%d can be read", path,
				  dataset, (long long)count, SAMPLE_LIMIT);
	else if (!pair && class_ != H5T_FLOAT && class_ != H5T_INTEGER)
		st = precess_fail(PRECESS_EINVAL, "%s:%s holds neither real nor complex numbers",
				  path, dataset);
	else if (!(v = malloc((size_t)count * (pair ? 2 : 1) * sizeof *v)))
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
	else if (pair ? read_compound(v, set, type) != 0
		      : H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) < 0)
		st = precess_fail(PRECESS_EINVAL, "%s:%s cannot be read: the file is damaged", path,
				  dataset);
	if (type >= 0)
		H5Tclose(type);
	if (space >= 0)
		H5Sclose(space);
	if (st) {
		free(v);
		return st;
	}
	*samples = v;
	*n = (size_t)count;
	*is_complex = pair;
	return PRECESS_OK;
}

static precess_status read_hdf5(double **samples, size_t *n, bool *is_complex, const char *path,
				const char *dataset)
{
	precess_status st;
	hid_t file, set;

	file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (file < 0)
		return precess_fail(PRECESS_EINVAL,
				    "%s cannot be opened: the file is damaged or cut "
				    "short",
				    path);
	if (!dataset || !*dataset) {
		H5Fclose(file);
		return precess_fail(PRECESS_EINVAL, "%s: name the dataset, as in %s:/pulse", path,
				    path);
	}
	set = H5Dopen2(file, dataset, H5P_DEFAULT);
	if (set < 0) {
		st = precess_fail(PRECESS_EINVAL, "%s has no dataset %s", path, dataset);
	} else {
		st = read_set(samples, n, is_complex, set, path, dataset);
		H5Dclose(set);
	}
	H5Fclose(file);
	return st;
}

static bool write_set(hid_t file, const struct io_samples *s)
{
	hid_t type = s->is_complex ? H5Tcreate(H5T_COMPOUND, 2 * sizeof(double))
				   : H5Tcopy(H5T_NATIVE_DOUBLE);
	hsize_t n = s->n;
	hid_t space = H5Screate_simple(1, &n, NULL), set = -1;
	bool good = type >= 0 && space >= 0;

	if (good && s->is_complex)
		good = H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE) >= 0 &&
		       H5Tinsert(type, "i", sizeof(double), H5T_NATIVE_DOUBLE) >= 0;
	if (good)
		set = H5Dcreate2(file, s->name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, s->v) >= 0;
	if (set >= 0)
		good = H5Dclose(set) >= 0 && good;
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return good;
}

precess_status io_write_samples(const char *path, const struct io_samples *set, size_t n)
{
	struct file_output *out;
	precess_status st;
	bool good;
	hid_t file;

	if ((st = file_output_create(&out, path)))
		return st;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	file = H5Fcreate(out->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	good = file >= 0;
	for (size_t i = 0; good && i < n; i++)
		good = write_set(file, &set[i]);
	if (file >= 0)
		good = H5Fclose(file) >= 0 && good;
	if (good)
		return file_output_commit(out);
	file_output_discard(out);
	return precess_fail(PRECESS_EIO, "%s cannot be written; is the disk full?", path);
}

/* ------------------------------------------------------------------ text */
struct table {
	double *v;
	size_t n, capacity; /* numbers */
	int columns;        /* 0: not known yet */
};

static precess_status add_number(struct table *t, double v)
{
	double *grown;

	if (t->n == t->capacity) {
		t->capacity = t->capacity ? 2 * t->capacity : 256;
		grown = realloc(t->v, t->capacity * sizeof *grown);
		if (!grown)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		t->v = grown;
	}
	t->v[t->n++] = v;
	return PRECESS_OK;
}

static precess_status parse_line(struct table *t, char *line, const char *path, int number)
{
	char *comment = strchr(line, '#'), *end;
	precess_status st;
	int columns = 0;
	double v;

	if (comment)
		*comment = '\0';
	for (;; columns++) {
		line += strspn(line, " \t\r,;");
		if (!*line)
			break;
		v = strtod(line, &end);
		if (end == line || (*end && !strchr(" \t\r,;", *end)))
			return precess_fail(PRECESS_EINVAL, "%s:%d: \"%.20s\" is not a number",
					    path, number, line);
		if (!isfinite(v))
			return not_finite(path, "", t->n, v);
		if ((st = add_number(t, v)) != 0)
			return st;
		line = end;
	}
	if (columns && !t->columns)
		t->columns = columns;
	if (columns > 2 || (columns && columns != t->columns))
		return precess_fail(PRECESS_EINVAL,
				    "%s:%d: %d numbers; a line has one (real) or two (real, "
				    "imaginary), the same throughout",
				    path, number, columns);
	return PRECESS_OK;
}

static precess_status read_text(double **samples, size_t *n, bool *is_complex, const char *path)
{
	struct table t = { NULL, 0, 0, 0 };
	char *data, *line, *next;
	precess_status st;
	int number = 0;

	if ((st = file_read(&data, NULL, path, TEXT_LIMIT)) != 0)
		return st;
	for (line = data; line && !st; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		st = parse_line(&t, line, path, ++number);
	}
	free(data);
	if (!st && t.n == 0)
		st = precess_fail(PRECESS_EINVAL, "%s holds no numbers", path);
	if (st) {
		free(t.v);
		return st;
	}
	*samples = t.v;
	*n = t.n / (size_t)t.columns;
	*is_complex = t.columns == 2;
	return PRECESS_OK;
}

precess_status io_read_samples(double **samples, size_t *n, bool *is_complex, const char *path,
			       const char *dataset)
{
	precess_status st;
	size_t i;

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* failures are told once, by us */
	if (H5Fis_hdf5(path) <= 0) {
		if (dataset && *dataset)
			return precess_fail(PRECESS_EINVAL,
					    "%s:%s: %s does not exist or is not an HDF5 file", path,
					    dataset, path);
		return read_text(samples, n, is_complex, path);
	}
	if ((st = read_hdf5(samples, n, is_complex, path, dataset)) != 0)
		return st;
	for (i = 0; i < *n * (*is_complex ? 2u : 1u); i++)
		if (!isfinite((*samples)[i])) {
			st = not_finite(path, dataset, i / (*is_complex ? 2 : 1), (*samples)[i]);
			free(*samples);
			*samples = NULL;
			return st;
		}
	return PRECESS_OK;
}
