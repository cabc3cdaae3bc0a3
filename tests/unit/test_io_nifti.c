/* NIfTI volumes: the header by hand, values and place in space in all orientations, and files that
 * are not what they claim. */
#include "runtime/io/io.h"
#include "tests/unit/folder.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { NX = 5, NY = 4, NZ = 3, COUNT = NX * NY * NZ, HEADER = 352 };
static const double voxel[3] = { 2e-3, 3e-3, 4e-3 }, origin[3] = { -0.004, 0.010, 0.020 };

static struct io_volume make(bool is_complex)
{
	struct io_volume v = { .nx = NX,
			       .ny = NY,
			       .nz = NZ,
			       .is_complex = is_complex,
			       .description = "T2 map",
			       .unit = "ms" };
	int i;

	memcpy(v.voxel, voxel, sizeof voxel);
	memcpy(v.origin, origin, sizeof origin);
	v.value = malloc(2 * COUNT * sizeof *v.value);
	assert_non_null(v.value);
	for (i = 0; i < 2 * COUNT; i++)
		v.value[i] = (float)(i * 1.25 - 7);
	return v;
}

/* ------------------------------------------------------------------ the header by hand */
static float float_at(const char *h, int at)
{
	float v;

	memcpy(&v, h + at, sizeof v);
	return v;
}

static int short_at(const char *h, int at)
{
	int16_t v;

	memcpy(&v, h + at, sizeof v);
	return v;
}

static void test_header(void **state)
{
	struct io_volume v = make(false);
	char *h;
	size_t n;
	int i, j;

	(void)state;
	assert_int_equal(io_write_nifti(in_folder("v.nii"), &v), PRECESS_OK);
	assert_int_equal(file_read(&h, &n, in_folder("v.nii"), 1 << 20), PRECESS_OK);
	assert_int_equal(n, HEADER + COUNT * sizeof(float));
	assert_string_equal(h + 344, "n+1");
	assert_int_equal(short_at(h, 40), 3);
	assert_int_equal(short_at(h, 42), NX);
	assert_int_equal(short_at(h, 44), NY);
	assert_int_equal(short_at(h, 46), NZ);
	assert_int_equal(short_at(h, 70), 16); /* float32 */
	assert_int_equal(h[123], 2);           /* mm */
	assert_string_equal(h + 148, "T2 map (ms)");
	assert_int_equal(short_at(h, 252), 1); /* scanner */
	assert_int_equal(short_at(h, 254), 1);
	for (i = 0; i < 3; i++) {
		assert_float_equal(float_at(h, 80 + 4 * i), voxel[i] * 1e3, 1e-6);
		assert_float_equal(float_at(h, 256 + 4 * i), 0, 1e-7); /* no rotation */
		assert_float_equal(float_at(h, 268 + 4 * i), origin[i] * 1e3, 1e-5);
		for (j = 0; j < 3; j++)
			assert_float_equal(float_at(h, 280 + 16 * i + 4 * j),
					   i == j ? voxel[i] * 1e3 : 0, 1e-6);
		assert_float_equal(float_at(h, 280 + 16 * i + 12), origin[i] * 1e3, 1e-5);
	}
	assert_memory_equal(h + HEADER, v.value, COUNT * sizeof(float));
	free(h);
	free(v.value);
	unlink(in_folder("v.nii"));
}

/* ------------------------------------------------------------------ round trips */
static void check_round(const char *name, const struct io_volume *v)
{
	struct io_volume r;
	int i, j;

	assert_int_equal(io_write_nifti(in_folder(name), v), PRECESS_OK);
	if (io_read_nifti(&r, in_folder(name)) != PRECESS_OK)
		fail_msg("%s", precess_error());
	assert_int_equal(r.nx, v->nx);
	assert_int_equal(r.ny, v->ny);
	assert_int_equal(r.nz, v->nz);
	assert_int_equal(r.is_complex, v->is_complex);
	assert_string_equal(r.description, v->description);
	assert_string_equal(r.unit, v->unit);
	assert_memory_equal(r.value, v->value, COUNT * sizeof(float) * (v->is_complex ? 2 : 1));
	for (i = 0; i < 3; i++) {
		assert_float_equal(r.voxel[i], v->voxel[i], 1e-9);
		assert_float_equal(r.origin[i], v->origin[i], 1e-8);
		for (j = 0; j < 3; j++)
			assert_float_equal(r.axes[i][j], v->axes[i][j], 1e-6);
	}
	io_volume_free(&r);
	unlink(in_folder(name));
}

static void test_round_trip(void **state)
{
	struct io_volume v = make(false), c = make(true);

	(void)state;
	check_round("v.nii", &v);
	check_round("v.nii.gz", &v);
	check_round("c.nii", &c);
	check_round("c.nii.gz", &c);
	free(v.value);
	free(c.value);
}

/* 20 degrees about x: stays as it is, and qform and sform agree. */
static void test_oblique(void **state)
{
	struct io_volume v = make(false);
	double a = cos(0.35), b = sin(0.35), c, d;
	char *h;

	(void)state;
	v.axes[0][0] = 1;
	v.axes[1][1] = v.axes[2][2] = a;
	v.axes[1][2] = -b;
	v.axes[2][1] = b;
	check_round("o.nii", &v);
	assert_int_equal(io_write_nifti(in_folder("o.nii"), &v), PRECESS_OK);
	assert_int_equal(file_read(&h, NULL, in_folder("o.nii"), 1 << 20), PRECESS_OK);
	c = float_at(h, 256);
	d = sqrt(1 - c * c);
	assert_float_equal(c, sin(0.35 / 2), 1e-6); /* a quaternion holds half the angle */
	assert_float_equal(2 * c * d, b, 1e-6);
	assert_float_equal(float_at(h, 280 + 32 + 4), b * voxel[1] * 1e3, 1e-6);
	free(h);
	free(v.value);
	unlink(in_folder("o.nii"));
}

/* ------------------------------------------------------------------ files of others */
static void put_short(char *h, int at, int v)
{
	int16_t s = (int16_t)v;

	memcpy(h + at, &s, sizeof s);
}

static void put_float(char *h, int at, double v)
{
	float f = (float)v;

	memcpy(h + at, &f, sizeof f);
}

/* A file of int16 that holds its own indices; `series` volumes. */
static char *foreign(size_t *n, int series)
{
	char *h = calloc(1, *n = HEADER + sizeof(int16_t) * COUNT * (size_t)series);
	int32_t size = 348;
	int i;

	assert_non_null(h);
	memcpy(h, &size, sizeof size);
	put_short(h, 40, series > 1 ? 4 : 3);
	put_short(h, 42, NX);
	put_short(h, 44, NY);
	put_short(h, 46, NZ);
	put_short(h, 48, series);
	put_short(h, 70, 4); /* int16 */
	put_short(h, 72, 16);
	put_float(h, 76, 1);
	for (i = 0; i < 3; i++)
		put_float(h, 80 + 4 * i, voxel[i] * 1e3);
	put_float(h, 108, HEADER);
	h[123] = 2;
	memcpy(h + 344, "n+1", 4);
	for (i = 0; i < COUNT * series; i++)
		put_short(h, HEADER + 2 * i, i);
	return h;
}

/* Every orientation: the voxel that our index names lies where the file's transform puts it. */
static void check_orientation(const int axis[3], int signs)
{
	struct io_volume v;
	size_t n;
	char *h = foreign(&n, 1);
	double m[3][4] = { { 0 } };
	int at[3], file[3], j, value;

	put_short(h, 254, 1);
	for (j = 0; j < 3; j++) {
		m[axis[j]][j] = voxel[j] * 1e3 * (signs >> j & 1 ? -1 : 1);
		m[j][3] = 10 + j;
	}
	for (j = 0; j < 12; j++)
		put_float(h, 280 + 4 * j, m[j / 4][j % 4]);
	assert_int_equal(file_write(in_folder("f.nii"), h, n), PRECESS_OK);
	if (io_read_nifti(&v, in_folder("f.nii")) != PRECESS_OK)
		fail_msg("%s", precess_error());
	for (at[2] = 0; at[2] < v.nz; at[2]++)
		for (at[1] = 0; at[1] < v.ny; at[1]++)
			for (at[0] = 0; at[0] < v.nx; at[0]++) {
				value = (int)v.value[(at[2] * v.ny + at[1]) * v.nx + at[0]];
				file[0] = value % NX;
				file[1] = value / NX % NY;
				file[2] = value / (NX * NY);
				for (j = 0; j < 3; j++)
					assert_float_equal(
						v.origin[axis[j]] + at[axis[j]] * v.voxel[axis[j]],
						(m[axis[j]][j] * file[j] + m[axis[j]][3]) * 1e-3,
						1e-8);
			}
	for (j = 0; j < 9; j++)
		assert_true(v.axes[j / 3][j % 3] == 0);
	io_volume_free(&v);
	free(h);
}

static void test_orientations(void **state)
{
	static const int order[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	size_t i;
	int signs;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(order); i++)
		for (signs = 0; signs < 8; signs++)
			check_orientation(order[i], signs);
	unlink(in_folder("f.nii"));
}

/* A file without a transform is centred; its scale counts; a series wants a number. */
static void test_series(void **state)
{
	struct io_volume v;
	char path[160];
	size_t n;
	char *h = foreign(&n, 4);

	(void)state;
	put_float(h, 112, 0.5);
	put_float(h, 116, 3);
	assert_int_equal(file_write(in_folder("s.nii"), h, n), PRECESS_OK);
	assert_int_equal(io_read_nifti(&v, in_folder("s.nii")), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "s.nii holds 4 volumes; name one"));
	snprintf(path, sizeof path, "%s:4", in_folder("s.nii"));
	assert_int_equal(io_read_nifti(&v, path), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "has no volume 4"));
	snprintf(path, sizeof path, "%s:2", in_folder("s.nii"));
	assert_int_equal(io_read_nifti(&v, path), PRECESS_OK);
	assert_float_equal(v.value[7], 0.5 * (2 * COUNT + 7) + 3, 1e-6);
	assert_float_equal(v.origin[0], (0.5 / NX - 0.5) * NX * voxel[0], 1e-9);
	io_volume_free(&v);
	free(h);
	unlink(in_folder("s.nii"));
}

/* ------------------------------------------------------------------ not what they claim */
static void expect(const char *h, size_t n, const char *message)
{
	struct io_volume v;

	assert_int_equal(file_write(in_folder("bad.nii"), h, n), PRECESS_OK);
	assert_int_equal(io_read_nifti(&v, in_folder("bad.nii")), PRECESS_EINVAL);
	if (!strstr(precess_error(), message) || !strstr(precess_error(), "bad.nii"))
		fail_msg("\"%s\" does not say \"%s\"", precess_error(), message);
	assert_null(v.value);
	unlink(in_folder("bad.nii"));
}

static void test_damaged(void **state)
{
	struct io_volume v;
	size_t n;
	char *h = foreign(&n, 1);

	(void)state;
	expect(h, n - 1, "cut short: it declares");
	expect(h, 200, "is not a NIfTI volume");
	expect("no volume", 9, "is not a NIfTI volume");
	put_float(h, 84, NAN);
	expect(h, n, "a voxel size of nan");
	put_float(h, 84, 3);
	put_short(h, 42, 30000);
	put_short(h, 44, 30000);
	put_short(h, 46, 30000);
	expect(h, n, "declares 30000 x 30000 x 30000 voxels; the limit is");
	put_short(h, 42, 600);
	put_short(h, 44, 600);
	put_short(h, 46, 600);
	expect(h, n, "cut short: it declares");
	put_short(h, 42, -3);
	expect(h, n, "dimension 1 is declared as -3");
	put_short(h, 40, 9);
	expect(h, n, "declares 9 dimensions");
	put_short(h, 40, 3);
	put_short(h, 42, NX);
	put_short(h, 44, NY);
	put_short(h, 46, NZ);
	put_short(h, 70, 2304); /* colours */
	put_short(h, 72, 32);
	expect(h, n, "voxels of type RGBA32 are not supported");
	put_short(h, 70, 4);
	put_short(h, 72, 16);
	put_short(h, 254, 1); /* an sform of zeros */
	expect(h, n, "not credible");
	free(h);
	assert_int_equal(io_read_nifti(&v, in_folder("none.nii")), PRECESS_EIO);
}

/* The voxel is named as the file stores it, whatever the axes become. */
static void test_not_finite(void **state)
{
	struct io_volume v = make(false), c = make(true);
	char path[160];

	(void)state;
	v.value[(2 * NY + 3) * NX + 1] = NAN;
	c.value[2 * ((1 * NY + 0) * NX + 4) + 1] = -INFINITY;
	assert_int_equal(io_write_nifti(in_folder("v.nii"), &v), PRECESS_OK);
	assert_int_equal(io_write_nifti(in_folder("c.nii.gz"), &c), PRECESS_OK);
	free(v.value);
	free(c.value);
	assert_int_equal(io_read_nifti(&v, in_folder("v.nii")), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "v.nii: voxel[z 2][y 3][x 1] is not a finite number "
						"(nan); write 0"));
	assert_int_equal(io_read_nifti(&c, in_folder("c.nii.gz")), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "c.nii.gz: voxel[z 1][y 0][x 4] is not a finite "
						"number (-inf)"));
	unlink(in_folder("v.nii"));
	unlink(in_folder("c.nii.gz"));

	v = make(true); /* as two volumes of one series */
	v.value[COUNT + 7] = INFINITY;
	v.is_complex = false;
	assert_int_equal(io_write_nifti_series(in_folder("s.nii"), &v, 2), PRECESS_OK);
	free(v.value);
	snprintf(path, sizeof path, "%s:0", in_folder("s.nii"));
	assert_int_equal(io_read_nifti(&v, path), PRECESS_OK);
	io_volume_free(&v);
	snprintf(path, sizeof path, "%s:1", in_folder("s.nii"));
	assert_int_equal(io_read_nifti(&v, path), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "s.nii:1: voxel[z 0][y 1][x 2] is not"));
	unlink(in_folder("s.nii"));
}

/* The bytes of n numbers from `at` on, in the order of the other kind of processor. */
static void reverse(char *at, size_t width, size_t n)
{
	size_t i, k;
	char low;

	for (i = 0; i < n; i++, at += width)
		for (k = 0; k < width / 2; k++) {
			low = at[k];
			at[k] = at[width - 1 - k];
			at[width - 1 - k] = low;
		}
}

/* Numbers of 8 bytes, in the other order. */
static void test_not_finite_reversed(void **state)
{
	static const char one[8] = { 0x3f, (char)0xf0 }, not_a_number[8] = { 0x7f, (char)0xf8 };
	size_t n, size = HEADER + COUNT * sizeof(double);
	char *h = foreign(&n, 1), *at;
	struct io_volume v;

	(void)state;
	h = realloc(h, size);
	assert_non_null(h);
	memset(h + HEADER, 0, size - HEADER);
	put_short(h, 70, 64); /* float64 */
	put_short(h, 72, 64);
	reverse(h, 4, 1);
	reverse(h + 40, 2, 8);
	reverse(h + 70, 2, 2);
	reverse(h + 76, 4, 11);
	at = h + HEADER + 8 * 7;
	memcpy(at, one, sizeof one);
	assert_int_equal(file_write(in_folder("w.nii"), h, size), PRECESS_OK);
	if (io_read_nifti(&v, in_folder("w.nii")) != PRECESS_OK)
		fail_msg("%s", precess_error());
	assert_float_equal(v.value[7], 1, 0);
	io_volume_free(&v);
	memcpy(at, not_a_number, sizeof not_a_number);
	assert_int_equal(file_write(in_folder("w.nii"), h, size), PRECESS_OK);
	assert_int_equal(io_read_nifti(&v, in_folder("w.nii")), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "w.nii: voxel[z 0][y 1][x 2] is not"));
	unlink(in_folder("w.nii"));
	free(h);
}

static void test_refused(void **state)
{
	struct io_volume v = make(false);

	(void)state;
	assert_int_equal(io_write_nifti(in_folder("v.img"), &v), PRECESS_EINVAL);
	v.voxel[1] = NAN;
	assert_int_equal(io_write_nifti(in_folder("v.nii"), &v), PRECESS_EINVAL);
	v.voxel[1] = 1e-3;
	v.nz = 0;
	assert_int_equal(io_write_nifti(in_folder("v.nii"), &v), PRECESS_EINVAL);
	v.nz = NZ;
	assert_int_equal(io_write_nifti(in_folder("no/v.nii"), &v), PRECESS_EIO);
	free(v.value);
}

/* A file may not grow: as on a full disk, and nothing is left. */
static void test_full(void **state)
{
	struct io_volume v = make(false);
	struct rlimit old, tiny;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = (struct rlimit){ 100, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	assert_int_equal(io_write_nifti(in_folder("v.nii"), &v), PRECESS_EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(precess_error(), "cannot write"));
	free(v.value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),  cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_oblique), cmocka_unit_test(test_orientations),
		cmocka_unit_test(test_series),  cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_full),
		cmocka_unit_test(test_not_finite), cmocka_unit_test(test_not_finite_reversed),
	};

	return cmocka_run_group_tests(tests, folder_create, folder_remove);
}
