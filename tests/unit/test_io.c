/* runtime/io: results read back with another reader's eyes, pictures, sample tables. */
#include "runtime/io/io.h"
#include "tests/unit/folder.h"
#include "tests/unit/small_epi.h"

#include <hdf5.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

enum { NX = 6, NY = 4, SAMPLES = EPI_LINES * EPI_SAMPLES };
static const double fov[2] = { 0.24, 0.16 };

/* ------------------------------------------------------------------ results */
struct fixture {
	struct program *program;
	struct draw *draw;
	struct maps *maps;
	struct sim_result result;
	struct kspace kspace;
	struct io_result r;
	double signal[2 * SAMPLES];
	float k[2 * 2 * NX * NY];
};

static void make(struct fixture *f)
{
	int i;

	memset(f, 0, sizeof *f);
	f->program = epi_create();
	assert_int_equal(draw_create(&f->draw, f->program, NULL, false), PRECESS_OK);
	assert_int_equal(maps_create(&f->maps, NX, NY, fov), PRECESS_OK);
	assert_int_equal(maps_add(f->maps, PROGRAM_MAP_M0, 1), PRECESS_OK);
	assert_int_equal(maps_add(f->maps, PROGRAM_MAP_T1, 2), PRECESS_OK);
	assert_int_equal(maps_add(f->maps, PROGRAM_MAP_T2, 0.1), PRECESS_OK);
	f->maps->source = strdup("made by hand");
	for (i = 0; i < 2 * SAMPLES; i++)
		f->signal[i] = i + 0.5;
	for (i = 0; i < 4 * NX * NY; i++)
		f->k[i] = (float)i;
	f->result = (struct sim_result){ .n_sample = SAMPLES,
					 .signal = f->signal,
					 .largest = 2,
					 .bound = 3e-5,
					 .threads = 2,
					 .nz = 1,
					 .seconds = 0.25,
					 .n_spin = NX * NY,
					 .device = "cpu" };
	f->result.used[SIM_line] = 30;
	f->result.used[SIM_direct] = 2;
	f->kspace = (struct kspace){ .n_set = 1, .ny = NY, .nx = NX, .data = f->k };
	f->r = (struct io_result){ f->draw,
				   f->maps,
				   &f->result,
				   &f->kspace,
				   f->k,
				   1e-4,
				   "precess simulate small_epi.seq",
				   NULL };
}

static void unmake(struct fixture *f)
{
	maps_free(f->maps);
	draw_free(f->draw);
	program_free(f->program);
}

static double number(hid_t file, const char *name)
{
	hid_t a = H5Aopen(file, name, H5P_DEFAULT);
	double v = NAN;

	if (a < 0)
		fail_msg("no attribute %s", name);
	assert_true(H5Aread(a, H5T_NATIVE_DOUBLE, &v) >= 0);
	H5Aclose(a);
	return v;
}

static void check_text(hid_t file, const char *name, const char *expected)
{
	hid_t a = H5Aopen(file, name, H5P_DEFAULT), type;
	char v[256] = "";

	if (a < 0)
		fail_msg("no attribute %s", name);
	type = H5Aget_type(a);
	assert_true(H5Tget_size(type) < sizeof v);
	assert_true(H5Aread(a, type, v) >= 0);
	assert_string_equal(v, expected);
	H5Tclose(type);
	H5Aclose(a);
}

static void check_attributes(hid_t file)
{
	check_text(file, "sequence", "small_epi");
	check_text(file, "methods", "line 30, direct 2");
	check_text(file, "device", "cpu");
	check_text(file, "object", "made by hand");
	check_text(file, "source_hash", "4567cdef");
	check_text(file, "program_hash", "0123abcd");
	check_text(file, "version", PRECESS_VERSION);
	check_text(file, "command", "precess simulate small_epi.seq");
	assert_true(number(file, "TE") == 20.4e-3);
	assert_true(number(file, "SGx[0]") == 0.01);
	assert_true(number(file, "error_bound") == 3e-5);
	assert_true(number(file, "tolerance") == 1e-4);
	assert_true(number(file, "spins") == NX * NY);
	assert_true(number(file, "threads") == 2);
	assert_true(number(file, "seconds") == 0.25);
}

/* Reads all of a dataset as `type` and checks its shape. */
static void *read_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *shape)
{
	hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space;
	hsize_t dim[4] = { 0 };
	void *v;
	int i;

	if (set < 0)
		fail_msg("no dataset %s", name);
	space = H5Dget_space(set);
	assert_int_equal(H5Sget_simple_extent_dims(space, dim, NULL), rank);
	for (i = 0; i < rank; i++)
		assert_int_equal(dim[i], shape[i]);
	v = malloc((size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type));
	assert_non_null(v);
	assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
	H5Sclose(space);
	H5Dclose(set);
	return v;
}

static hid_t complex_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(float));

	H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
	H5Tinsert(type, "i", sizeof(float), H5T_NATIVE_FLOAT);
	return type;
}

static void check_sets(hid_t file, const struct fixture *f)
{
	hsize_t plane[2] = { NY, NX }, path[2] = { SAMPLES, 3 };
	hid_t type = complex_type();
	double *k, *time;
	float *v;

	v = read_set(file, "kspace", type, 2, plane);
	assert_memory_equal(v, f->k, 2 * NX * NY * sizeof *v);
	free(v);
	free(read_set(file, "image", type, 2, plane));
	v = read_set(file, "signal", type, 1, path);
	assert_true(v[0] == 0.5f && v[2 * SAMPLES - 1] == 2 * SAMPLES - 0.5f);
	free(v);
	k = read_set(file, "trajectory", H5T_NATIVE_DOUBLE, 2, path);
	assert_float_equal(k[0], -15.5 / 0.22, 1e-9);
	assert_float_equal(k[1], -16 / 0.22, 1e-9);
	assert_float_equal(k[3 * EPI_SAMPLES], 15.5 / 0.22, 1e-9); /* the second line runs back */
	free(k);
	time = read_set(file, "time", H5T_NATIVE_DOUBLE, 1, path);
	assert_float_equal(time[0], 6e-3 + 1.3e-4 + 1e-5, 1e-11);
	assert_float_equal(time[EPI_SAMPLES + 1], 6e-3 + 9e-4 + 1.3e-4 + 3e-5, 1e-11);
	free(time);
	v = read_set(file, "maps/T2", H5T_NATIVE_FLOAT, 2, plane);
	assert_true(v[NX * NY - 1] == 0.1f);
	free(v);
	assert_true(H5Lexists(file, "maps/B1", H5P_DEFAULT) <= 0);
	H5Tclose(type);
}

static void results_read_back(void **state)
{
	const char *path = in_folder("r.h5");
	static struct fixture f;
	struct object *o;
	hid_t file;

	(void)state;
	make(&f);
	assert_int_equal(io_write_result(path, &f.r), PRECESS_OK);
	file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	assert_true(file >= 0);
	check_attributes(file);
	check_sets(file, &f);
	H5Fclose(file);
	assert_int_equal(object_open(&o, path), PRECESS_OK); /* a result is an object, too */
	object_free(o);
	assert_int_equal(unlink(path), 0);
	unmake(&f);
}

static void sets_and_absences(void **state)
{
	hsize_t shape[3] = { 2, NY, NX };
	const char *path = in_folder("r.h5");
	static struct fixture f;
	hid_t file, type = complex_type();
	float *v;

	(void)state;
	make(&f);
	f.kspace.n_set = 2;
	f.r.image = NULL;
	f.r.command = NULL;
	f.result.device = NULL;
	free(f.program->param[0].name); /* a parameter with the name of one of our attributes */
	f.program->param[0].name = strdup("spins");
	assert_int_equal(io_write_result(path, &f.r), PRECESS_OK);
	file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	v = read_set(file, "kspace", type, 3, shape);
	assert_memory_equal(v, f.k, sizeof f.k);
	free(v);
	assert_true(number(file, "param.spins") == 20.4e-3);
	assert_true(number(file, "spins") == NX * NY);
	assert_true(H5Lexists(file, "image", H5P_DEFAULT) <= 0);
	H5Fclose(file);
	f.r.kspace = NULL;
	f.r.maps = NULL;
	f.result.n_sample = 0;
	assert_int_equal(io_write_result(path, &f.r), PRECESS_OK);
	file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	assert_true(H5Lexists(file, "kspace", H5P_DEFAULT) <= 0);
	shape[0] = 0;
	free(read_set(file, "signal", type, 1, shape));
	H5Fclose(file);
	H5Tclose(type);
	assert_int_equal(unlink(path), 0);
	unmake(&f);
}

static void unwritable_leaves_nothing(void **state)
{
	static const float v[4] = { 0, 1, 2, 3 };
	static struct fixture f;

	(void)state;
	make(&f);
	assert_int_equal(io_write_result("/nonexistent/r.h5", &f.r), PRECESS_EIO);
	assert_int_equal(io_write_result(folder, &f.r), PRECESS_EIO);
	assert_int_equal(io_write_png("/nonexistent/a.png", v, 2, 2, 0, 1, 1), PRECESS_EIO);
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(io_write_result("/dev/full", &f.r), PRECESS_EIO);
		assert_int_equal(io_write_png("/dev/full", v, 2, 2, 0, 1, 1), PRECESS_EIO);
	}
	assert_int_equal(io_write_png(in_folder("a.png"), v, 2, 2, 0, 1, 0), PRECESS_EINVAL);
	assert_int_equal(io_write_png(in_folder("a.png"), v, 2, 2, 0, 1, 1 << 20), PRECESS_EINVAL);
	unmake(&f);
}

/* ------------------------------------------------------------------ pictures */
static unsigned big_endian(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (unsigned)u[0] << 24 | (unsigned)u[1] << 16 | (unsigned)u[2] << 8 | u[3];
}

static void pictures(void **state)
{
	static const float v[6] = { 0, 0.5f, 1, NAN, 5, -5 };
	char *data;
	size_t n;

	(void)state;
	assert_int_equal(io_write_png(in_folder("a.png"), v, 3, 2, 0, 1, 4), PRECESS_OK);
	assert_int_equal(file_read(&data, &n, in_folder("a.png"), 1 << 20), PRECESS_OK);
	assert_memory_equal(data, "\211PNG\r\n\032\n", 8);
	assert_int_equal(big_endian(data + 16), 12);
	assert_int_equal(big_endian(data + 20), 8);
	assert_int_equal(data[24], 8); /* bits */
	assert_int_equal(data[25], 0); /* grey */
	free(data);
	assert_int_equal(unlink(in_folder("a.png")), 0);
}

/* ------------------------------------------------------------------ samples */
static void text_samples(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "1 2\n3\n", ":2: 1 numbers" },   { "1 2 3\n", ":1: 3 numbers" },
		{ "1\nx\n", ":2: \"x\"" },         { "# only\n\n", "no numbers" },
		{ "1\nnan\n", "sample 1 is nan" }, { "1e999\n", "inf" },
		{ "1.5q\n", "not a number" },
	};
	const char *path;
	double *v;
	size_t n, i;
	bool is_complex;

	(void)state;
	path = in_folder("a.txt");
	assert_int_equal(file_write(path, "# shape\n1, 2\n\n-3;4e-1 # x\n", 27), PRECESS_OK);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, NULL), PRECESS_OK);
	assert_true(n == 2 && is_complex && v[0] == 1 && v[1] == 2 && v[2] == -3 && v[3] == 0.4);
	free(v);
	assert_int_equal(file_write(path, "1\r\n2\r\n3", 7), PRECESS_OK);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, NULL), PRECESS_OK);
	assert_true(n == 3 && !is_complex && v[2] == 3);
	free(v);
	for (i = 0; i < PRECESS_COUNT(bad); i++) {
		assert_int_equal(file_write(path, bad[i].text, strlen(bad[i].text)), PRECESS_OK);
		assert_int_equal(io_read_samples(&v, &n, &is_complex, path, NULL), PRECESS_EINVAL);
		if (!strstr(precess_error(), bad[i].part))
			fail_msg("\"%s\" lacks \"%s\"", precess_error(), bad[i].part);
	}
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, "/x"), PRECESS_EINVAL);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, "/nonexistent", NULL), PRECESS_EIO);
	assert_int_equal(unlink(path), 0);
}

static void hdf5_samples(void **state)
{
	const char *path = in_folder("r.h5");
	static struct fixture f;
	bool is_complex;
	double *v;
	size_t n;

	(void)state;
	make(&f);
	assert_int_equal(io_write_result(path, &f.r), PRECESS_OK);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, "/signal"), PRECESS_OK);
	assert_true(n == SAMPLES && is_complex && v[3] == 3.5);
	free(v);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, "maps/T1"), PRECESS_OK);
	assert_true(n == NX * NY && !is_complex && v[3] == 2);
	free(v);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, "/none"), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "no dataset /none"));
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, NULL), PRECESS_EINVAL);
	assert_int_equal(truncate(path, 3000), 0);
	assert_int_equal(io_read_samples(&v, &n, &is_complex, path, "/signal"), PRECESS_EINVAL);
	assert_int_equal(unlink(path), 0);
	unmake(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_read_back),
		cmocka_unit_test(sets_and_absences),
		cmocka_unit_test(unwritable_leaves_nothing),
		cmocka_unit_test(pictures),
		cmocka_unit_test(text_samples),
		cmocka_unit_test(hdf5_samples),
	};

	return cmocka_run_group_tests(tests, folder_create, folder_remove);
}
