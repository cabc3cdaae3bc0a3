/* Files in another format: BART arrays read and written, raw data sorted by their labels, and arrays
 * that are not what they claim. */
#include "tests/unit/folder.h"
#include "tests/unit/raw_data.h"

#include <math.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>


static void drop(const char *name)
{
	assert_int_equal(unlink(in_folder(name)), 0);
}

/* The sizes without the ones at the end, and the numbers. */
static float *read_array(const char *name, const char *sizes)
{
	char *text, *numbers, file[64], *line;
	size_t n;

	snprintf(file, sizeof file, "%s.hdr", name);
	assert_int_equal(file_read(&text, NULL, in_folder(file), 1000), PRECESS_OK);
	drop(file);
	line = strchr(text, '\n') + 1;
	for (n = strcspn(line, "\n"); n > 2 && !strncmp(line + n - 2, " 1", 2);)
		n -= 2;
	line[n] = '\0';
	assert_string_equal(line, sizes);
	free(text);
	snprintf(file, sizeof file, "%s.cfl", name);
	assert_int_equal(file_read(&numbers, &n, in_folder(file), 1 << 20), PRECESS_OK);
	drop(file);
	return (float *)(void *)numbers;
}

static void convert(const char *to, const char *from)
{
	if (io_convert(in_folder(to), in_folder(from)) != PRECESS_OK)
		fail_msg("%s", precess_error());
}

/* Lines to their rows, reversed ones turned, coils apart, noise left out, echoes in dimension 5. */
static void test_lines(void **state)
{
	struct io_raw *raw = raw_create();
	float *v, *to;
	int line, coil, i;

	(void)state;
	for (line = 1; line < RAW_LINES; line++) {
		memset(raw->acquisition[line].counter, 0, sizeof raw->acquisition->counter);
		raw->acquisition[line].counter[IO_LINE] = 4 - line;
		raw->acquisition[line].counter[IO_CONTRAST] = line == 2;
	}
	assert_int_equal(io_write_raw(in_folder("a.mrd"), raw), PRECESS_OK);
	convert("a.cfl", "a.mrd");
	v = read_array("a", "6 4 1 2 1 2");
	for (line = 1; line < RAW_LINES; line++)
		for (coil = 0; coil < RAW_COILS; coil++)
			for (i = 0; i < RAW_SAMPLES; i++) {
				to = v + 2 * (i + RAW_SAMPLES * ((4 - line) +
								 4 * (coil + 2 * (line == 2))));
				assert_float_equal(
					to[0], 100 * line + 12 * coil + 2 * (line % 2 ? 5 - i : i),
					0);
				assert_float_equal(to[1], to[0] + 1, 0);
			}
	for (i = 0; i < RAW_SAMPLES; i++) /* row 2 was read as echo 1 only */
		assert_float_equal(v[2 * (i + RAW_SAMPLES * 2)], 0, 0);
	free(v);
	io_raw_free(raw);
	drop("a.mrd");
}

static void test_spokes(void **state)
{
	struct io_raw *raw = raw_create();
	float *data, *traj;
	int line, i;

	(void)state;
	strcpy(raw->encoding->trajectory, "radial");
	for (line = 1; line < RAW_LINES; line++) {
		memset(raw->acquisition[line].counter, 0, sizeof raw->acquisition->counter);
		raw->acquisition[line].counter[IO_LINE] = line - 1;
	}
	assert_int_equal(io_write_raw(in_folder("a.mrd"), raw), PRECESS_OK);
	convert("a.cfl", "a.mrd");
	data = read_array("a", "1 6 4 2");
	traj = read_array("a_traj", "3 6 4");
	for (line = 1; line < RAW_LINES; line++)
		for (i = 0; i < RAW_SAMPLES; i++) {
			assert_float_equal(data[2 * (i + RAW_SAMPLES * (line - 1 + 4))],
					   100 * line + 12 + 2 * i, 0); /* the second coil */
			assert_float_equal(traj[6 * (i + RAW_SAMPLES * (line - 1))], i - 3, 0);
			assert_float_equal(traj[6 * (i + RAW_SAMPLES * (line - 1)) + 2], line - 2,
					   0);
		}
	free(data);
	free(traj);
	io_raw_free(raw);
	drop("a.mrd");
}

static void refuse(const char *to, const char *from, const char *message)
{
	assert_true(io_convert(in_folder(to), in_folder(from)) != PRECESS_OK);
	if (!strstr(precess_error(), message))
		fail_msg("\"%s\" does not say \"%s\"", precess_error(), message);
}

static void test_raw_refused(void **state)
{
	struct io_raw *raw = raw_create();
	int line;

	(void)state;
	raw->acquisition[3].n_sample = 5;
	assert_int_equal(io_write_raw(in_folder("a.mrd"), raw), PRECESS_OK);
	refuse("a.cfl", "a.mrd", "acquisition 3 has 5 samples of 2 coils, an earlier one 6 of 2");
	refuse("a.nii", "a.mrd", "has to be reconstructed from it");
	refuse("a.png", "a.mrd", "files are converted to .nii, .nii.gz and .cfl");
	raw->acquisition[3].n_sample = RAW_SAMPLES;
	for (line = 1; line < RAW_LINES; line++)
		raw->acquisition[line].counter[IO_SET] =
			raw->acquisition[line].counter[IO_REPETITION] =
				raw->acquisition[line].counter[IO_SLICE] = 65535;
	assert_int_equal(io_write_raw(in_folder("a.mrd"), raw), PRECESS_OK);
	refuse("a.cfl", "a.mrd", "numbers (limit 4294967296)");
	io_raw_free(raw);
	drop("a.mrd");
}

/* From a volume to an array and back. */
static void test_volume(void **state)
{
	struct io_volume v = { .nx = 4, .ny = 3, .nz = 2, .voxel = { 1e-3, 1e-3, 1e-3 } }, r;
	int i;

	(void)state;
	v.value = malloc(24 * sizeof *v.value);
	for (i = 0; i < 24; i++)
		v.value[i] = (float)i;
	assert_int_equal(io_write_nifti(in_folder("v.nii"), &v), PRECESS_OK);
	convert("v.cfl", "v.nii");
	convert("w.nii.gz", "v.cfl");
	assert_int_equal(io_read_nifti(&r, in_folder("w.nii.gz")), PRECESS_OK);
	assert_true(r.is_complex);
	for (i = 0; i < 24; i++) {
		assert_float_equal(r.value[2 * i], i, 0);
		assert_float_equal(r.value[2 * i + 1], 0, 0);
	}
	assert_float_equal(r.voxel[2], 1e-3, 1e-9);
	io_volume_free(&r);
	free(v.value);
	drop("v.nii");
	drop("w.nii.gz");
	drop("v.cfl");
	drop("v.hdr");
}

static void test_damaged(void **state)
{
	static const struct {
		const char *sizes, *message;
	} bad[] = {
		{ "2 3", "a.cfl is cut short" },
		{ "", "has no line of sizes" },
		{ "0 3", "are not 1..16 numbers above 0" },
		{ "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "are not 1..16 numbers above 0" },
		{ "99999999999999999999 1", "are not 1..16 numbers above 0" },
		{ "100000 100000 100000", "with a product of at most 4294967296" },
	};
	char text[200];
	size_t i;

	(void)state;
	assert_int_equal(file_write(in_folder("a.cfl"), "1234567", 8), PRECESS_OK);
	refuse("b.nii", "a.cfl", "cannot read");
	for (i = 0; i < PRECESS_COUNT(bad); i++) {
		snprintf(text, sizeof text, "# Dimensions\n%s\n", bad[i].sizes);
		assert_int_equal(file_write(in_folder("a.hdr"), text, strlen(text)), PRECESS_OK);
		refuse("b.nii", "a.cfl", bad[i].message);
	}
	assert_int_equal(file_write(in_folder("a.hdr"), "# Dimensions\n1\n", 15), PRECESS_OK);
	convert("b.nii", "a.cfl"); /* one number: eight bytes */
	drop("b.nii");
	refuse("b.nii", "a.hdr", "is not a NIfTI volume");
	assert_int_equal(file_write(in_folder("a.h5"), "1234567", 8), PRECESS_OK);
	refuse("b.nii", "a.h5", "a.h5 is not an HDF5 file");
	drop("a.h5");
	drop("a.hdr");
	drop("a.cfl");
}

/* Arrays and datasets with a value that is no finite number. */
static void test_not_finite(void **state)
{
	float v[2 * 12] = { 0 };
	struct io_map map = { "T2", "s", v };
	struct io_maps maps = { .nx = 4, .ny = 3, .nz = 1, .map = &map, .n_map = 1,
				.method = "", .command = "" };
	char spec[160];

	(void)state;
	v[6] = NAN;
	assert_int_equal(io_write_maps(in_folder("m.h5"), &maps), PRECESS_OK);
	snprintf(spec, sizeof spec, "%s:/maps/T2", in_folder("m.h5"));
	assert_true(io_convert(in_folder("m.nii"), spec) != PRECESS_OK);
	assert_non_null(strstr(precess_error(), "m.h5:/maps/T2: voxel[set 0][y 1][x 2] is not a "
						"finite number (nan); write 0"));
	drop("m.h5");

	v[6] = 0;
	v[2 * 7 + 1] = -INFINITY;
	assert_int_equal(file_write(in_folder("a.hdr"), "# Dimensions\n4 1 3\n", 19), PRECESS_OK);
	assert_int_equal(file_write(in_folder("a.cfl"), v, sizeof v), PRECESS_OK);
	refuse("b.nii", "a.cfl", "a.cfl: number[dimension 2: 1][dimension 0: 3] is not a finite "
				 "number (-inf)");
	drop("a.hdr");
	drop("a.cfl");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),       cmocka_unit_test(test_spokes),
		cmocka_unit_test(test_raw_refused), cmocka_unit_test(test_volume),
		cmocka_unit_test(test_damaged),     cmocka_unit_test(test_not_finite),
	};

	return cmocka_run_group_tests(tests, folder_create, folder_remove);
}
