/* NIfTI volumes become map files: values by hand, orientation, and volumes that do not fit. */
#include "runtime/object/object.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NX = 5, NY = 4, NZ = 3, HEADER = 352 };
static char folder[] = "/tmp/precess-import-XXXXXX";
static char labels[64], table[64], pd[64], t2w[64], out[64];
static const double fov[2] = { 0.002 * NX, 0.003 * NY };

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(labels, sizeof labels, "%s/labels.nii", folder);
	snprintf(table, sizeof table, "%s/table.txt", folder);
	snprintf(pd, sizeof pd, "%s/pd.nii", folder);
	snprintf(t2w, sizeof t2w, "%s/t2w.nii", folder);
	snprintf(out, sizeof out, "%s/out.h5", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(labels);
	unlink(table);
	unlink(pd);
	unlink(t2w);
	return rmdir(folder); /* fails when a failed import left something */
}

static void put16(char *at, int v)
{
	int16_t s = (int16_t)v;

	memcpy(at, &s, sizeof s);
}

static void put_float(char *at, float v)
{
	memcpy(at, &v, sizeof v);
}

/* A NIfTI-1 file of float32, voxels 2 x 3 x 4 mm; turned: x runs to the left. */
static void write_nifti(const char *path, const float *v, int nx, int ny, int nz, bool turned)
{
	size_t n = (size_t)nx * (size_t)ny * (size_t)nz * sizeof *v;
	char *h = calloc(1, HEADER + n);
	int32_t size = 348;

	assert_non_null(h);
	memcpy(h, &size, sizeof size);
	put16(h + 40, 3);
	put16(h + 42, nx);
	put16(h + 44, ny);
	put16(h + 46, nz);
	put16(h + 48, 1);
	put16(h + 50, 1);
	put16(h + 52, 1);
	put16(h + 54, 1);
	put16(h + 70, 16); /* float32 */
	put16(h + 72, 32);
	put_float(h + 76, 1);
	put_float(h + 80, 2);
	put_float(h + 84, 3);
	put_float(h + 88, 4);
	put_float(h + 108, HEADER);
	put_float(h + 112, 1); /* slope */
	h[123] = 2;            /* mm */
	put16(h + 254, 1);     /* sform: rows of the matrix */
	put_float(h + 280, turned ? -2 : 2);
	put_float(h + 280 + 20, 3);
	put_float(h + 280 + 40, 4);
	memcpy(h + 344, "n+1", 4);
	memcpy(h + HEADER, v, n);
	assert_int_equal(file_write(path, h, HEADER + n), PRECESS_OK);
	free(h);
}

static void write_table(const char *text)
{
	assert_int_equal(file_write(table, text, strlen(text)), PRECESS_OK);
}

static struct maps *slice_of(int z)
{
	struct object *o = NULL;
	struct maps *m = NULL;
	char spec[80];

	snprintf(spec, sizeof spec, "%s:%d", out, z);
	if (object_open(&o, spec) || object_maps(&m, o, NULL, fov, NX, NY, NULL))
		fail_msg("%s", precess_error());
	object_free(o);
	return m;
}

static const char two_tissues[] = "# label name M0 T1 T2\n1 grey 0.8 1.35 0.095 # cortex\n\n"
				  "\t7 white 0.7 0.85 0.07\r\n";

static void labels_by_table(void **state)
{
	float v[NZ * NY * NX];
	struct maps *m;
	int i, turned, x, y;

	(void)state;
	write_table(two_tissues);
	for (turned = 0; turned < 2; turned++) {
		for (i = 0; i < NZ * NY * NX; i++)
			v[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 7;
		write_nifti(labels, v, NX, NY, NZ, turned);
		assert_int_equal(object_import_labels(out, labels, table), PRECESS_OK);
		m = slice_of(2);
		for (y = 0; y < NY; y++)
			for (x = 0; x < NX; x++) {
				int from = turned ? NX - 1 - x : x;
				float l = v[(2 * NY + y) * NX + from];

				i = y * NX + x;
				assert_true(m->map[PROGRAM_MAP_M0][i] == (l == 0   ? 0
									  : l == 1 ? 0.8f
										   : 0.7f));
				assert_true(m->map[PROGRAM_MAP_T2][i] == (l == 0   ? 0
									  : l == 1 ? 0.095f
										   : 0.07f));
			}
		maps_free(m);
		assert_int_equal(unlink(out), 0);
	}
}

static void refused(precess_status st, precess_status expected, const char *part)
{
	assert_int_equal(st, expected);
	if (!strstr(precess_error(), part))
		fail_msg("\"%s\" lacks \"%s\"", precess_error(), part);
	assert_int_not_equal(access(out, F_OK), 0);
}

static void tables_are_checked(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "1 grey 0.8 1.35", "table.txt:1: expected `label name" },
		{ "1 grey 0.8 1.35 0.095 9", ":1: expected" },
		{ "\n-1 grey 0.8 1.35 0.095", ":2: label -1" },
		{ "1 grey 0.8 0 0.095", "above 0" },
		{ "1 grey nan 1 0.095", "M0" },
		{ "1 grey 0.8 1350 95", "seconds" },
		{ "1 grey 0.8 1.35 0.095", "lacks this label" },
	};
	float v[NZ * NY * NX] = { 0 };
	size_t i;

	(void)state;
	v[33] = 7;
	write_nifti(labels, v, NX, NY, NZ, false);
	for (i = 0; i < PRECESS_COUNT(bad); i++) {
		write_table(bad[i].text);
		refused(object_import_labels(out, labels, table), PRECESS_EINVAL, bad[i].part);
	}
	write_table(two_tissues);
	v[33] = 1.5f;
	write_nifti(labels, v, NX, NY, NZ, false);
	refused(object_import_labels(out, labels, table), PRECESS_EINVAL, "[1][2][3] = 1.5");
	refused(object_import_labels(out, "/nonexistent.nii", table), PRECESS_EIO, "No such file");
	refused(object_import_labels(out, labels, "/nonexistent.txt"), PRECESS_EIO, "nonexistent");
	refused(object_import_labels(out, table, table), PRECESS_EINVAL, "not a NIfTI volume");
	v[33] = 1;
	write_nifti(labels, v, NX, NY, NZ, false);
	refused(object_import_labels("/nonexistent/a.h5", labels, table), PRECESS_EIO,
		"cannot write");
	assert_int_equal(truncate(labels, HEADER + 50), 0);
	refused(object_import_labels(out, labels, table), PRECESS_EINVAL, "labels.nii");
	assert_int_equal(truncate(labels, 200), 0);
	refused(object_import_labels(out, labels, table), PRECESS_EINVAL, "labels.nii");
}

static void weighted_pair(void **state)
{
	float a[NZ * NY * NX], b[NZ * NY * NX], first;
	const double te = 0.08;
	struct maps *m;
	int i;

	(void)state;
	for (i = 0; i < NZ * NY * NX; i++) {
		a[i] = 1000;
		b[i] = (float)(1000 * exp(-te / 0.1));
	}
	a[0] = 99;         /* below a tenth of the largest: nothing */
	a[1] = b[1] = 500; /* equal: infinite, clipped */
	b[2] = 0;          /* no signal: nothing known */
	write_nifti(pd, a, NX, NY, NZ, false);
	write_nifti(t2w, b, NX, NY, NZ, false);
	assert_int_equal(object_import_weighted(out, pd, t2w, te, 1), PRECESS_OK);
	m = slice_of(0);
	assert_true(m->map[PROGRAM_MAP_M0][0] == 0 && m->map[PROGRAM_MAP_T2][0] == 0);
	assert_float_equal(m->map[PROGRAM_MAP_M0][1], 0.5, 1e-6);
	assert_float_equal(m->map[PROGRAM_MAP_T2][1], 0.65, 1e-6);
	assert_true(m->map[PROGRAM_MAP_M0][2] == 0);
	assert_float_equal(m->map[PROGRAM_MAP_T2][7], 0.1, 1e-5);
	maps_free(m);
	assert_int_equal(object_import_weighted(out, pd, t2w, 0, 1), PRECESS_OK);
	m = slice_of(0); /* TE 30..90 ms instead of 80 */
	first = m->map[PROGRAM_MAP_T2][7];
	assert_true(first >= 0.1f * 30 / 80 - 1e-6f && first <= 0.1f * 90 / 80 + 1e-6f);
	maps_free(m);
	m = slice_of(1);
	assert_true(m->map[PROGRAM_MAP_T2][7] != first); /* each slice its own */
	maps_free(m);
	assert_int_equal(unlink(out), 0);
	write_nifti(t2w, b, NX, NY, NZ - 1, false);
	refused(object_import_weighted(out, pd, t2w, te, 1), PRECESS_EINVAL, "one grid");
	b[7] = NAN;
	write_nifti(t2w, b, NX, NY, NZ, false);
	refused(object_import_weighted(out, pd, t2w, te, 1), PRECESS_EINVAL,
		"t2w.nii: voxel[z 0][y 1][x 2] is not a finite number (nan)");
	b[7] = 0;
	write_nifti(t2w, b, NX, NY, NZ, false);
	memset(a, 0, sizeof a);
	write_nifti(pd, a, NX, NY, NZ, false);
	refused(object_import_weighted(out, pd, t2w, te, 1), PRECESS_EINVAL, "no voxel above 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_by_table),
		cmocka_unit_test(tables_are_checked),
		cmocka_unit_test(weighted_pair),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
