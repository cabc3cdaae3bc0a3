/* Receive coils: sensitivities drawn, or the dataset coils of a map file, [coil][ny][nx] of
 * compound {r, i} in any number type. They cover what the file's maps cover, on a grid of their own. */
#include "runtime/object/internal.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>

enum { COIL_LIMIT = 1024, SIDE_LIMIT = 16384 };
static const double number_limit = 1 << 29; /* of all coils together: 4 GB */

static precess_status allocate(float **out, int n, int nx, int ny)
{
	double numbers = 2.0 * n * nx * ny;

	*out = numbers > number_limit ? NULL : memory_aligned((size_t)numbers * sizeof **out);
	return *out ? PRECESS_OK
		    : precess_fail(PRECESS_ENOMEM, "out of memory for %d coils of %d x %d", n, nx, ny);
}

/* ------------------------------------------------------------------ file */
static bool is_set(hid_t file)
{
	H5O_info_t info;

	return H5Lexists(file, "coils", H5P_DEFAULT) > 0 &&
	       H5Oget_info_by_name(file, "coils", &info, H5P_DEFAULT) >= 0 &&
	       info.type == H5O_TYPE_DATASET;
}

static bool is_complex(hid_t set)
{
	hid_t type = H5Dget_type(set);
	bool is = type >= 0 && H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2 &&
		  H5Tget_member_index(type, "r") >= 0 && H5Tget_member_index(type, "i") >= 0;

	if (type >= 0)
		H5Tclose(type);
	return is;
}

static bool find_shape(struct coils *c, hid_t set)
{
	hid_t space = H5Dget_space(set);
	hsize_t dim[H5S_MAX_RANK] = { 0 };
	bool good = space >= 0 && H5Sget_simple_extent_ndims(space) == 3 &&
		    H5Sget_simple_extent_dims(space, dim, NULL) == 3;

	for (int i = 0; i < 3; i++)
		good = good && dim[i] >= 1 && dim[i] <= (i ? SIDE_LIMIT : COIL_LIMIT);
	c->n = good ? (int)dim[0] : 0;
	c->ny = (int)dim[1];
	c->nx = (int)dim[2];
	if (space >= 0)
		H5Sclose(space);
	return good;
}

static bool read_numbers(float *to, hid_t set)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof *to);
	bool good = type >= 0 && H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT) >= 0 &&
		    H5Tinsert(type, "i", sizeof *to, H5T_NATIVE_FLOAT) >= 0 &&
		    H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0;

	if (type >= 0)
		H5Tclose(type);
	return good;
}

static precess_status check_values(const struct coils *c, const char *path)
{
	const struct finite_axis axes[] = { { "coil", (size_t)c->n },
					    { "y", (size_t)c->ny },
					    { "x", (size_t)c->nx },
					    { NULL, 0 } };

	return finite_check(c->value, 2, axes, path, "coils");
}

precess_status coils_read(struct coils *out, int64_t file, const char *path)
{
	precess_status st = PRECESS_OK;
	hid_t set;

	if (!is_set(file)) /* a group of this name is another file's matter */
		return PRECESS_OK;
	set = H5Dopen2(file, "coils", H5P_DEFAULT);
	if (set < 0 || !is_complex(set) || !find_shape(out, set)) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s: dataset coils must be [coil][y][x] of compound {r, i}, at most "
				  "%d coils with 1..%d along each side",
				  path, COIL_LIMIT, SIDE_LIMIT);
		goto out;
	}
	TRY(allocate(&out->value, out->n, out->nx, out->ny));
	st = read_numbers(out->value, set)
		     ? check_values(out, path)
		     : precess_fail(PRECESS_EINVAL,
				    "%s: dataset coils cannot be read: the file is damaged or cut "
				    "short; copy or make it again",
				    path);
out:
	if (set >= 0)
		H5Dclose(set);
	return st;
}

/* ------------------------------------------------------------------ on a grid */
struct between {
	size_t low, high;
	double part; /* of the higher one */
};

/* Voxel centres left and right of spin i of n; beyond the first and last, those. */
static struct between find_between(int i, int n, double fov, int voxels, double extent)
{
	double u = (((i + 0.5) / n - 0.5) * fov / extent + 0.5) * voxels - 0.5, low;
	double part = modf(fmin(fmax(u, 0), voxels - 1), &low);

	return (struct between){ (size_t)low, (size_t)low + (part > 0), part };
}

static void sample(float *out, const struct slice *s, const struct maps *m)
{
	const struct coils *q = &s->coils;
	double extent[2];

	for (int a = 0; a < 2; a++)
		extent[a] = s->size[0] > 0 && s->size[1] > 0 ? s->size[a] * (a ? s->ny : s->nx)
							     : m->fov[a];
	for (int c = 0; c < q->n; c++)
		for (int iy = 0; iy < m->ny; iy++) {
			struct between y = find_between(iy, m->ny, m->fov[1], q->ny, extent[1]);
			const float *low = q->value + 2 * ((size_t)c * (size_t)q->ny + y.low) *
							      (size_t)q->nx;
			const float *high = low + 2 * (y.high - y.low) * (size_t)q->nx;

			for (int ix = 0; ix < 2 * m->nx; ix++) {
				struct between x =
					find_between(ix / 2, m->nx, m->fov[0], q->nx, extent[0]);
				size_t a = 2 * x.low + (size_t)(ix % 2), b = a + 2 * (x.high - x.low);
				double v = (1 - x.part) * (double)low[a] + x.part * (double)low[b];
				double w = (1 - x.part) * (double)high[a] + x.part * (double)high[b];

				*out++ = (float)((1 - y.part) * v + y.part * w);
			}
		}
}

precess_status object_coils(struct maps *m, const struct object *o, int n)
{
	bool file = n == 0 && o->kind == OBJECT_SLICE;
	precess_status st = PRECESS_OK;

	free(m->sensitivity);
	m->sensitivity = NULL;
	m->n_coil = 0;
	if (file)
		n = o->slice->coils.n;
	if (n == 0 || (n == 1 && !file))
		return PRECESS_OK;
	TRY(allocate(&m->sensitivity, n, m->nx, m->ny));
	m->n_coil = n;
	if (file)
		sample(m->sensitivity, o->slice, m);
	else
		field_coils(m->sensitivity, n, m->nx, m->ny, o->seed);
out:
	return st;
}
