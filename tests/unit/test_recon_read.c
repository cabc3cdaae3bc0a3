/* Raw data files: what is read, where it is put, and what is refused with which words. */
#include "runtime/io/io.h"
#include "runtime/recon/recon.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COILS = 2, LINES = 6, SAMPLES = 4 };
static char folder[] = "/tmp/precess-recon-XXXXXX";
static char path[64];
static const struct recon_names any;

/* ------------------------------------------------------------------ files by hand */
struct raw {
	hid_t file;
};

static struct raw begin(void)
{
	snprintf(path, sizeof path, "%s/raw.h5", folder);
	return (struct raw){ H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT) };
}

static void end(struct raw r)
{
	H5Fclose(r.file);
}

static void number(struct raw r, const char *name, double v)
{
	hid_t space = H5Screate(H5S_SCALAR);
	hid_t a = H5Acreate2(r.file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);

	assert_true(H5Awrite(a, H5T_NATIVE_DOUBLE, &v) >= 0);
	H5Aclose(a);
	H5Sclose(space);
}

/* Only every step-th line differs from 0; value number `bad` is not a number. */
static float value(int c, int y, int x)
{
	return (float)(100 * c + 10 * y + x + 1);
}

/* names "real", "imag": members are not always r and i, nor single precision */
static void set(struct raw r, const char *name, int coils, int lines, int samples, int step, int bad)
{
	hsize_t dim[3] = { (hsize_t)coils, (hsize_t)lines, (hsize_t)samples };
	int n = coils * lines * samples;
	double *v = calloc((size_t)n, 2 * sizeof *v);
	hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof *v);
	hid_t space = H5Screate_simple(3, dim, NULL), links = H5Pcreate(H5P_LINK_CREATE), d;

	H5Pset_create_intermediate_group(links, 1);
	H5Tinsert(type, "real", 0, H5T_NATIVE_DOUBLE);
	H5Tinsert(type, "imag", sizeof *v, H5T_NATIVE_DOUBLE);
	for (int i = 0; i < n; i++) {
		int y = i / samples % lines;

		v[2 * i] = y % step ? 0 : (double)value(i / samples / lines, y, i % samples);
		v[2 * i + 1] = y % step ? 0 : -1;
	}
	if (bad >= 0)
		v[2 * bad + 1] = NAN;
	d = H5Dcreate2(r.file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
	H5Dclose(d);
	H5Pclose(links);
	H5Sclose(space);
	H5Tclose(type);
	free(v);
}

static void integers(struct raw r, const char *name, const int *v, int n)
{
	hsize_t dim = (hsize_t)n;
	hid_t space = H5Screate_simple(1, &dim, NULL);
	hid_t d = H5Dcreate2(r.file, name, H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

	assert_true(H5Dwrite(d, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
	H5Dclose(d);
	H5Sclose(space);
}

static void refused(const struct recon_names *names, const char *text)
{
	struct recon_scan *s = NULL;
	precess_status st = recon_read(&s, path, names);

	assert_int_equal(st, PRECESS_EINVAL);
	assert_null(s);
	if (!strstr(precess_error(), text) || !strstr(precess_error(), path))
		fail_msg("'%s' does not say '%s'", precess_error(), text);
}

/* ------------------------------------------------------------------ */
static void a_file_in_a_group(void **state)
{
	struct raw r = begin();
	struct recon_scan *s;

	(void)state;
	set(r, "raw/kspace", COILS, LINES, SAMPLES, 2, -1);
	set(r, "raw/acs", COILS, 5, SAMPLES, 1, -1);
	set(r, "raw/navigator", COILS, 3, SAMPLES, 1, -1);
	number(r, "matrix_phase", 8);
	number(r, "fov_m", 0.22);
	number(r, "acceleration", 2);
	end(r);
	assert_int_equal(recon_read(&s, path, &any), 0);
	assert_int_equal(s->coils, COILS);
	assert_int_equal(s->lines, 8); /* line 3 of 6 is k = 0, and so is row 4 of 8 */
	assert_int_equal(s->samples, SAMPLES);
	assert_int_equal(s->acceleration, 2);
	assert_int_equal(s->cal_lines, 5);
	assert_int_equal(s->nav_lines, 3);
	assert_true(s->fov[0] == 0.22 && s->fov[1] == 0.22);
	static const int polarity[8] = { 0, 1, 0, -1, 0, 1, 0, 0 };
	for (int y = 0; y < 8; y++) {
		assert_int_equal(s->polarity[y], polarity[y]);
		for (int c = 0; c < COILS; c++)
			for (int x = 0; x < SAMPLES; x++) {
				float *v = s->kspace + 2 * ((c * 8 + y) * SAMPLES + x);

				assert_true(v[0] == (polarity[y] ? value(c, y - 1, x) : 0));
				assert_true(v[1] == (polarity[y] ? -1 : 0));
			}
	}
	assert_true(s->nav_polarity[0] == 1 && s->nav_polarity[1] == -1 && s->nav_polarity[2] == 1);
	recon_scan_free(s);
}

static void a_file_at_the_root(void **state)
{
	static const int polarity[LINES] = { -1, 1, 1, -1, -1, 1 };
	const struct recon_names names = { .calibration = "reference lines" };
	struct raw r = begin();
	struct recon_scan *s;

	(void)state;
	set(r, "kspace", COILS, LINES, SAMPLES, 1, -1);
	set(r, "reference lines", COILS, 3, SAMPLES, 1, -1);
	integers(r, "polarity", polarity, LINES);
	number(r, "matrix_phase", 9);
	number(r, "first_line", 0);
	end(r);
	assert_int_equal(recon_read(&s, path, &names), 0);
	assert_int_equal(s->lines, 9);
	assert_int_equal(s->cal_lines, 3);
	assert_null(s->nav);
	assert_true(s->fov[0] == 0 && s->acceleration == 0);
	for (int y = 0; y < 9; y++)
		assert_int_equal(s->polarity[y], y < LINES ? polarity[y] : 0);
	recon_scan_free(s);
}

static void refusals(void **state)
{
	static const int wrong[LINES] = { 1, 2, 1, 2, 1, 2 };
	struct recon_names names = { .kspace = "lines" };
	struct raw r = begin();

	(void)state;
	set(r, "raw/other", COILS, LINES, SAMPLES, 1, -1);
	end(r);
	refused(&any, "has no dataset kspace (it has: /raw/other)");
	refused(&names, "has no dataset lines");
	refused(&names, "--kspace");
	r = begin();
	set(r, "kspace", COILS, LINES, SAMPLES, 1, (LINES + 2) * SAMPLES + 3);
	end(r);
	refused(&any, "kspace[coil 1][line 2][sample 3] is not a finite number (nan)");
	r = begin();
	set(r, "kspace", COILS, LINES, SAMPLES, 1, -1);
	set(r, "navigator", COILS + 1, 3, SAMPLES, 1, -1);
	end(r);
	refused(&any, "navigator has 3 coils of 4 samples, but k-space has 2 coils of 4");
	r = begin();
	set(r, "kspace", COILS, LINES, SAMPLES, 1, -1);
	integers(r, "polarity", wrong, LINES);
	end(r);
	refused(&any, "polarity[1] is 2");
	r = begin();
	set(r, "kspace", COILS, LINES, SAMPLES, 1, -1);
	integers(r, "polarity", wrong, LINES - 1);
	end(r);
	refused(&any, "one number for each of 6 lines");
	r = begin();
	set(r, "kspace", COILS, LINES, SAMPLES, 1, -1);
	number(r, "matrix_phase", 5);
	end(r);
	refused(&any, "the matrix has 5 lines, but 6 are stored");
	r = begin();
	set(r, "kspace", COILS, LINES, SAMPLES, 1, -1);
	number(r, "first_line", 1);
	end(r);
	refused(&any, "first_line = 1 puts 6 lines outside the matrix of 6");
	r = begin();
	integers(r, "kspace", wrong, LINES);
	end(r);
	refused(&any, "kspace is no complex dataset");
	r = begin();
	end(r);
	refused(&any, "has no dataset kspace (it has: none)");
	assert_int_equal(file_write(path, "kspace", 6), 0);
	refused(&any, "is not an HDF5 file");
	assert_int_equal(truncate(path, 0), 0);
	refused(&any, "is not an HDF5 file");
	unlink(path);
	struct recon_scan *s;
	assert_int_equal(recon_read(&s, path, &any), PRECESS_EIO);
}

/* Cut short anywhere, a file is refused or read whole, never read beyond its end. */
static void cut_files(void **state)
{
	struct raw r = begin();
	struct recon_scan *s;
	size_t size;
	char *all;

	(void)state;
	set(r, "raw/kspace", COILS, LINES, SAMPLES, 1, -1);
	end(r);
	assert_int_equal(file_read(&all, &size, path, 1 << 24), 0);
	for (size_t n = 0; n < size; n += 97) {
		assert_int_equal(file_write(path, all, n), 0);
		if (recon_read(&s, path, &any) == 0)
			recon_scan_free(s);
	}
	free(all);
	unlink(path);
}

/* ------------------------------------------------------------------ results */
static void a_result_without_a_sequence(void **state)
{
	float v[2 * COILS * LINES * SAMPLES];
	struct kspace k = { .n_set = 1, .ny = LINES, .nx = SAMPLES, .data = v };
	const struct io_acquired a = { .object = "raw.h5", .methods = "walsh", .fov = { 0.2, 0.3 },
				       .coils = COILS, .acceleration = 2, .threads = 1, .kspace = v };
	const struct io_result io = { .acquired = &a, .kspace = &k, .image = v, .command = "test" };
	const struct recon_names names = { .kspace = "coils/kspace" };
	struct recon_scan *s;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(v); i++)
		v[i] = (float)i;
	snprintf(path, sizeof path, "%s/result.h5", folder);
	assert_int_equal(io_write_result(path, &io), 0);
	assert_int_equal(recon_read(&s, path, &any), 0); /* one coil: the image's own k-space */
	assert_int_equal(s->coils, 1);
	assert_true(s->fov[0] == 0.2 && s->fov[1] == 0.3);
	assert_memory_equal(s->kspace, v, sizeof v / COILS);
	recon_scan_free(s);
	assert_int_equal(recon_read(&s, path, &names), 0);
	assert_int_equal(s->coils, COILS);
	assert_memory_equal(s->kspace, v, sizeof v);
	recon_scan_free(s);
	unlink(path);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : 1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_in_a_group), cmocka_unit_test(a_file_at_the_root),
		cmocka_unit_test(refusals),          cmocka_unit_test(cut_files),
		cmocka_unit_test(a_result_without_a_sequence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
