/* Map files: what is written is read back; what is damaged or nonsense is refused with a reason. */
#include "runtime/object/object.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The library leaks when it meets damage; that is not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libhdf5";
}

enum { NX = 12, NY = 10, NZ = 3 };
static char folder[] = "/tmp/precess-file-XXXXXX";
static char path[128], spec[160];
static float m0[NZ][NY][NX], t1[NZ][NY][NX], t2[NZ][NY][NX], star[NZ][NY][NX], db0[NZ][NY][NX];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/a.h5", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder); /* fails when a test left something */
}

static const char *slice(const char *which)
{
	snprintf(spec, sizeof spec, "%s:%s", path, which);
	return spec;
}

static void refused(const char *what, precess_status st, const char *part)
{
	struct object *o = NULL;

	assert_int_equal(object_open(&o, what), st);
	assert_null(o);
	if (!strstr(precess_error(), part) || !strstr(precess_error(), ".h5"))
		fail_msg("\"%s\" lacks \"%s\" or the file", precess_error(), part);
}

static void set_values(void)
{
	int x, y, z;

	for (z = 0; z < NZ; z++)
		for (y = 0; y < NY; y++)
			for (x = 0; x < NX; x++) {
				m0[z][y][x] = 0.5f + 0.01f * (float)x + 0.1f * (float)z;
				t1[z][y][x] = 1 + 0.01f * (float)y;
				t2[z][y][x] = 0.1f;
				star[z][y][x] = y ? 0.05f : 0.2f;
				db0[z][y][x] = 10 * (float)x;
			}
}

static void put(hid_t file, const char *name, int rank, const float *v)
{
	hsize_t dim[3] = { NZ, NY, NX };
	hid_t space = H5Screate_simple(rank, dim + 3 - rank, NULL);
	hid_t set = H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT,
			       H5P_DEFAULT);

	assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
	H5Dclose(set);
	H5Sclose(space);
}

static void put_size(hid_t file, const char *name, const double *v, hsize_t n)
{
	hid_t space = H5Screate_simple(1, &n, NULL);
	hid_t a = H5Acreate2(file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);

	assert_true(H5Awrite(a, H5T_NATIVE_DOUBLE, v) >= 0);
	H5Aclose(a);
	H5Sclose(space);
}

static hid_t begin(void)
{
	hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

	assert_true(file >= 0);
	return file;
}

/* A phantom in lower case with T2*, three slices, voxels of 10 x 20 mm (x, y). */
static void write_phantom(void)
{
	const double voxel[3] = { 0.005, 0.02, 0.01 };
	hid_t file = begin();

	put(file, "pd", 3, &m0[0][0][0]);
	put(file, "t1", 3, &t1[0][0][0]);
	put(file, "t2", 3, &t2[0][0][0]);
	put(file, "t2star", 3, &star[0][0][0]);
	put(file, "db0", 3, &db0[0][0][0]);
	put_size(file, "voxel_size_m", voxel, 3);
	H5Fclose(file);
}

/* ------------------------------------------------------------------ what is good */
static void heads_round_trip(void **state)
{
	static const double fov[2] = { 0.22, 0.25 };
	struct object *a, *b;
	struct maps *m, *n;
	int k;

	(void)state;
	assert_int_equal(object_open(&a, "head:5"), PRECESS_OK);
	assert_int_equal(object_write(a, path, 48, 40, fov), PRECESS_OK);
	assert_int_equal(object_open(&b, path), PRECESS_OK);
	assert_int_equal(object_maps(&m, a, NULL, fov, 48, 40, NULL), PRECESS_OK);
	assert_int_equal(object_maps(&n, b, NULL, fov, 48, 40, NULL), PRECESS_OK);
	for (k = 0; k < PROGRAM_MAPS; k++) {
		assert_int_equal(!m->map[k], !n->map[k]);
		if (m->map[k])
			assert_memory_equal(m->map[k], n->map[k], 48 * 40 * sizeof(float));
	}
	maps_free(m);
	maps_free(n);
	object_free(a);
	object_free(b);
	assert_int_equal(unlink(path), 0);
}

static void phantoms_keep_their_size(void **state)
{
	/* one spin per voxel and a margin of 4 voxels around */
	static const double fov[2] = { 0.01 * (NX + 8), 0.02 * (NY + 8) };
	enum { W = NX + 8, H = NY + 8 };
	struct object *o;
	struct maps *m;
	int x, y;

	(void)state;
	set_values();
	write_phantom();
	assert_int_equal(object_open(&o, slice("2")), PRECESS_OK);
	assert_non_null(strstr(object_describe(o), "slice 2 of 3"));
	assert_int_equal(object_maps(&m, o, NULL, fov, W, H, NULL), PRECESS_OK);
	assert_null(m->map[PROGRAM_MAP_B1]);
	for (y = 0; y < H; y++)
		for (x = 0; x < W; x++) {
			bool in = x >= 4 && x < NX + 4 && y >= 4 && y < NY + 4;
			int i = y * W + x;

			assert_true(m->map[PROGRAM_MAP_M0][i] == (in ? m0[2][y - 4][x - 4] : 0));
			assert_true(m->map[PROGRAM_MAP_T1][i] == (in ? t1[2][y - 4][x - 4] : 0));
			if (in) /* 1/T2' = 1/50 ms - 1/100 ms; in row 0 T2* exceeds T2 */
				assert_true(y == 4 ? isinf(m->map[PROGRAM_MAP_T2p][i])
						   : fabsf(m->map[PROGRAM_MAP_T2p][i] - 0.1f) <
							     1e-6);
		}
	assert_float_equal(m->map[PROGRAM_MAP_dB0][6 * W + 9], 50, 1e-3);
	maps_free(m);
	/* fields between voxels are interpolated */
	assert_int_equal(object_maps(&m, o, NULL, fov, 2 * W, 2 * H, NULL), PRECESS_OK);
	assert_float_equal(m->map[PROGRAM_MAP_dB0][12 * 2 * W + 18], 47.5, 1e-3);
	maps_free(m);
	object_free(o);
	assert_int_equal(object_open(&o, path), PRECESS_OK); /* the middle one */
	assert_non_null(strstr(object_describe(o), "slice 1 of 3"));
	object_free(o);
	assert_int_equal(unlink(path), 0);
}

static void plane_without_size_fills_the_view(void **state)
{
	static const double fov[2] = { 0.3, 0.1 };
	struct program p = { .name = NULL };
	struct object *o;
	struct maps *m;
	hid_t file;

	(void)state;
	set_values();
	file = begin();
	put(file, "M0", 2, &m0[0][0][0]);
	H5Fclose(file);
	assert_int_equal(object_open(&o, path), PRECESS_OK);
	assert_int_equal(object_maps(&m, o, NULL, fov, NX, NY, NULL), PRECESS_OK);
	assert_memory_equal(m->map[0], m0[0], sizeof m0[0]);
	maps_free(m);
	p.map[PROGRAM_MAP_T2].channel = true;
	assert_int_equal(object_maps(&m, o, &p, fov, NX, NY, NULL), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "takes the map T2"));
	object_free(o);
	assert_int_equal(unlink(path), 0);
}

/* ------------------------------------------------------------------ what is not */
static void slices_are_checked(void **state)
{
	(void)state;
	set_values();
	write_phantom();
	refused(slice("3"), PRECESS_EINVAL, "0..2");
	refused(slice("-1"), PRECESS_EINVAL, "0..2");
	refused(slice("99999999999"), PRECESS_EINVAL, "0..2");
	refused(slice("one"), PRECESS_EINVAL, "not a slice number");
	refused(slice(""), PRECESS_EINVAL, "not a slice number");
	assert_int_equal(unlink(path), 0);
}

static void values_are_checked(void **state)
{
	static const struct {
		float *v;
		float value;
		const char *part;
	} bad[] = {
		{ &m0[1][4][7], NAN, "pd[slice 1][4][7] = nan is not a number" },
		{ &m0[1][4][7], -1, "pd[slice 1][4][7] = -1" },
		{ &m0[1][4][7], INFINITY, "pd[slice 1][4][7] = inf" },
		{ &t1[1][0][0], -0.5f, "t1[slice 1][0][0] = -0.5 is negative" },
		{ &t2[1][9][11], NAN, "t2[slice 1][9][11] = nan" },
		{ &t2[1][9][11], 0, "yet M0 > 0" },
		{ &star[1][2][3], -2, "t2star[slice 1][2][3]" },
		{ &db0[1][2][3], NAN, "db0[slice 1][2][3]" },
	};
	struct object *o;
	size_t i;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(bad); i++) {
		set_values();
		*bad[i].v = bad[i].value;
		write_phantom();
		refused(path, PRECESS_EINVAL, bad[i].part);
	}
	assert_int_equal(object_open(&o, slice("0")), PRECESS_OK); /* only slice 1 is bad */
	object_free(o);
	set_values();
	m0[1][3][3] = t1[1][3][3] = t2[1][3][3] = 0;
	write_phantom();
	assert_int_equal(object_open(&o, path), PRECESS_OK); /* nothing there: no times needed */
	object_free(o);
	assert_int_equal(unlink(path), 0);
}

static void write_odd(int which)
{
	static const double size[2] = { 0.1, -1 };
	hsize_t huge[2] = { 1 << 20, 1 << 20 }, four[4] = { 1, 1, 1, 1 };
	hid_t file = begin(), space, type, set, group;

	switch (which) {
	case 0:
		put(file, "T1", 2, &t1[0][0][0]);
		break;
	case 1:
		space = H5Screate_simple(2, huge, NULL);
		set = H5Dcreate2(file, "M0", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT,
				 H5P_DEFAULT);
		H5Dclose(set);
		H5Sclose(space);
		break;
	case 2:
		space = H5Screate_simple(4, four, NULL);
		set = H5Dcreate2(file, "M0", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT,
				 H5P_DEFAULT);
		H5Dclose(set);
		H5Sclose(space);
		break;
	case 3:
		put(file, "M0", 2, &m0[0][0][0]);
		put(file, "T2", 3, &t2[0][0][0]);
		break;
	case 4:
		space = H5Screate_simple(2, four, NULL);
		type = H5Tcopy(H5T_C_S1);
		set = H5Dcreate2(file, "M0", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
		H5Dclose(set);
		H5Tclose(type);
		H5Sclose(space);
		break;
	case 5:
		put(file, "M0", 2, &m0[0][0][0]);
		put_size(file, "fov", size, 2);
		break;
	case 6: /* a group where a map should be */
		group = H5Gcreate2(file, "M0", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
		H5Gclose(group);
		break;
	case 7: /* a link that leads nowhere */
		H5Lcreate_soft("/nowhere", file, "M0", H5P_DEFAULT, H5P_DEFAULT);
		break;
	}
	H5Fclose(file);
}

static void shapes_are_checked(void **state)
{
	static const char *const part[] = { "neither M0 nor pd (it has: T1)",
					    "1048576",
					    "4 dimensions",
					    "one shape",
					    "plain numbers",
					    "attribute fov",
					    "M0 cannot be read",
					    "neither M0" };
	int i;

	(void)state;
	set_values();
	for (i = 0; i < (int)PRECESS_COUNT(part); i++) {
		write_odd(i);
		refused(path, PRECESS_EINVAL, part[i]);
	}
	assert_int_equal(file_write(path, "hello", 5), PRECESS_OK);
	refused(path, PRECESS_EINVAL, "not an HDF5 file");
	assert_int_equal(file_write(path, "", 0), PRECESS_OK);
	refused(path, PRECESS_EINVAL, "not an HDF5 file");
	assert_int_equal(unlink(path), 0);
}

/* Opens the file, and if it opens, its maps must be those of `truth`. */
static void same_or_refused(const struct maps *truth)
{
	struct object *o = NULL;
	struct maps *m;
	int k;

	if (object_open(&o, path)) {
		assert_null(o);
		return;
	}
	assert_int_equal(object_maps(&m, o, NULL, truth->fov, truth->nx, truth->ny, NULL),
			 PRECESS_OK);
	for (k = 0; k < PROGRAM_MAPS; k++)
		if (m->map[k])
			assert_memory_equal(m->map[k], truth->map[k],
					    (size_t)truth->nx * (size_t)truth->ny * sizeof(float));
	maps_free(m);
	object_free(o);
}

/* Cut anywhere, a file is refused. With a byte turned over, it is refused or still the same. */
static void damage_is_noticed(void **state)
{
	static const double fov[2] = { 0.2, 0.2 };
	struct rng r = rng_make(11, 0);
	struct object *o = NULL;
	struct maps *truth;
	size_t n, i, cut, at;
	char *data;

	(void)state;
	assert_int_equal(object_open(&o, "head:9"), PRECESS_OK);
	assert_int_equal(object_maps(&truth, o, NULL, fov, 24, 24, NULL), PRECESS_OK);
	assert_int_equal(object_write(o, path, 24, 24, fov), PRECESS_OK);
	object_free(o);
	assert_int_equal(file_read(&data, &n, path, 1 << 24), PRECESS_OK);
	for (i = 0; i < 150; i++) {
		cut = i < 50 ? 2 * i : i < 100 ? rng_u32(&r) % n : n - 1 - (i - 100);
		assert_int_equal(file_write(path, data, cut), PRECESS_OK);
		o = NULL;
		assert_int_not_equal(object_open(&o, path), PRECESS_OK);
		assert_null(o);
	}
	for (i = 0; i < 200; i++) {
		at = rng_u32(&r) % n;
		data[at] = (char)~data[at];
		assert_int_equal(file_write(path, data, n), PRECESS_OK);
		data[at] = (char)~data[at];
		same_or_refused(truth);
	}
	free(data);
	maps_free(truth);
	assert_int_equal(unlink(path), 0);
}

static void unwritable_leaves_nothing(void **state)
{
	static const double fov[2] = { 0.2, 0.2 };
	struct object *o;

	(void)state;
	assert_int_equal(object_open(&o, "uniform"), PRECESS_OK);
	assert_int_equal(object_write(o, "/nonexistent/a.h5", 8, 8, fov), PRECESS_EIO);
	assert_int_equal(object_write(o, folder, 8, 8, fov), PRECESS_EIO);
	assert_int_equal(object_write(o, path, 0, 8, fov), PRECESS_EINVAL);
	if (access("/dev/full", W_OK) == 0)
		assert_int_equal(object_write(o, "/dev/full", 8, 8, fov), PRECESS_EIO);
	assert_int_not_equal(access(path, F_OK), 0);
	object_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_round_trip),
		cmocka_unit_test(phantoms_keep_their_size),
		cmocka_unit_test(plane_without_size_fills_the_view),
		cmocka_unit_test(slices_are_checked),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(shapes_are_checked),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(unwritable_leaves_nothing),
	};

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	return cmocka_run_group_tests(tests, setup, teardown);
}
