/* Raw data written and read; files of others; files that are not what they claim. */
#include "tests/unit/raw_data.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/precess-raw-XXXXXX", path[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/raw.mrd", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails when a test left something */
}

static void same_list(const struct io_list *a, const struct io_list *b)
{
	int i;

	assert_int_equal(a->n, b->n);
	for (i = 0; i < a->n; i++)
		assert_float_equal(a->v[i], b->v[i], 1e-12);
}

static void same_acquisition(const struct io_acquisition *a, const struct io_acquisition *b)
{
	int i;

	assert_true(a->flags == b->flags);
	assert_memory_equal(a->counter, b->counter, sizeof a->counter);
	assert_memory_equal(a->user, b->user, sizeof a->user);
	assert_int_equal(a->encoding, b->encoding);
	assert_int_equal(a->n_coil, b->n_coil);
	assert_int_equal(a->n_sample, b->n_sample);
	assert_int_equal(a->n_dim, b->n_dim);
	assert_int_equal(a->center, b->center);
	assert_int_equal(a->discard_first, b->discard_first);
	assert_int_equal(a->discard_last, b->discard_last);
	assert_int_equal(a->time_stamp, b->time_stamp);
	assert_float_equal(a->dwell, b->dwell, 1e-12);
	for (i = 0; i < 3; i++) {
		assert_float_equal(a->position[i], b->position[i], 1e-9);
		assert_float_equal(a->read[i], b->read[i], 1e-7);
		assert_float_equal(a->phase[i], b->phase[i], 1e-7);
		assert_float_equal(a->slice[i], b->slice[i], 1e-7);
	}
	assert_memory_equal(a->data, b->data,
			    2 * sizeof(float) * (size_t)a->n_coil * (size_t)a->n_sample);
	if (a->n_dim)
		assert_memory_equal(a->trajectory, b->trajectory,
				    sizeof(float) * (size_t)a->n_dim * (size_t)a->n_sample);
}

static void test_round_trip(void **state)
{
	struct io_raw *a = raw_create(), *b;
	size_t i;
	int k;

	(void)state;
	assert_int_equal(io_write_raw(path, a), PRECESS_OK);
	if (io_read_raw(&b, path) != PRECESS_OK)
		fail_msg("%s", precess_error());
	assert_int_equal(b->n_encoding, 1);
	for (k = 0; k < 3; k++) {
		assert_int_equal(a->encoding->encoded.matrix[k], b->encoding->encoded.matrix[k]);
		assert_int_equal(a->encoding->recon.matrix[k], b->encoding->recon.matrix[k]);
		assert_float_equal(a->encoding->encoded.fov[k], b->encoding->encoded.fov[k], 1e-12);
		assert_float_equal(a->encoding->recon.fov[k], b->encoding->recon.fov[k], 1e-12);
	}
	assert_memory_equal(&a->encoding->samples, &b->encoding->samples, sizeof(struct io_limit));
	assert_memory_equal(a->encoding->limit, b->encoding->limit, sizeof a->encoding->limit);
	assert_memory_equal(a->encoding->acceleration, b->encoding->acceleration,
			    sizeof a->encoding->acceleration);
	assert_string_equal(b->encoding->trajectory, "epi");
	assert_string_equal(b->encoding->calibration, "separate");
	assert_int_equal(b->encoding->train, 4);
	assert_int_equal(b->n_coil, RAW_COILS);
	assert_float_equal(b->frequency, a->frequency, 0.5);
	assert_float_equal(b->field, 3, 1e-9);
	same_list(&a->tr, &b->tr);
	same_list(&a->te, &b->te);
	same_list(&a->ti, &b->ti);
	same_list(&a->flip, &b->flip);
	assert_string_equal(b->sequence, a->sequence);
	assert_int_equal(b->n_parameter, 1);
	assert_string_equal(b->parameter->name, "ESP");
	assert_float_equal(b->parameter->value, 0.000465, 1e-15);
	assert_int_equal(b->n, a->n);
	for (i = 0; i < a->n; i++)
		same_acquisition(&a->acquisition[i], &b->acquisition[i]);
	io_raw_free(b);
	io_raw_free(a);
}

/* ------------------------------------------------------------------ not what they claim */
static void expect(const char *message)
{
	struct io_raw *raw;

	assert_true(io_read_raw(&raw, path) != PRECESS_OK);
	assert_null(raw);
	if (!strstr(precess_error(), message) || !strstr(precess_error(), "raw.mrd"))
		fail_msg("\"%s\" does not say \"%s\"", precess_error(), message);
}

static void test_not_finite(void **state)
{
	struct io_raw *raw = raw_create();

	(void)state;
	raw->acquisition[0].data[2 * (RAW_SAMPLES + 4) + 1] = NAN; /* of the noise */
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	expect("raw.mrd: readout 0[coil 1][sample 4] is not a finite number (nan); write 0");
	raw->acquisition[0].data[2 * (RAW_SAMPLES + 4) + 1] = 0;
	raw->acquisition[3].trajectory[RAW_DIM * 2 + 1] = INFINITY;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	expect("raw.mrd: trajectory of readout 3[sample 2][dimension 1] is not a finite number (inf)");
	io_raw_free(raw);
}

/* Every length: an error, or, where only the tail is missing, what was written. */
static void test_truncated(void **state)
{
	struct io_raw *raw = raw_create(), *b;
	char *bytes;
	size_t n, i;

	(void)state;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	assert_int_equal(file_read(&bytes, &n, path, 1 << 24), PRECESS_OK);
	for (i = 0; i < n; i += n / 40) {
		assert_int_equal(file_write(path, bytes, i), PRECESS_OK);
		if (io_read_raw(&b, path) == PRECESS_OK)
			fail_msg("%zu of %zu bytes were enough", i, n);
		assert_non_null(strstr(precess_error(), "raw.mrd"));
	}
	free(bytes);
	io_raw_free(raw);
}

static void test_damaged(void **state)
{
	struct io_raw *raw = raw_create();
	hid_t file;

	(void)state;
	raw->encoding->recon.fov[1] = NAN;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	expect("along y a matrix of 4 over 0.2 m becomes 4 over nan m");
	raw->encoding->recon.fov[1] = 0.2;
	raw->encoding->encoded.matrix[0] = 1 << 30;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	expect("along x a matrix of 1073741824");
	raw->encoding->encoded.matrix[0] = 6;
	raw->acquisition[2].encoding = 3;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	expect("acquisition 2 is of encoding 3; the header has 1");
	raw->acquisition[2].encoding = 0;
	raw->n = 0;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	expect("0 acquisitions");
	raw->n = RAW_LINES;
	assert_int_equal(file_write(path, "nothing", 7), PRECESS_OK);
	expect("is not an HDF5 file");
	file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	H5Fclose(file);
	expect("is not ISMRMRD raw data");
	raw->acquisition[1].counter[IO_SEGMENT] = 70000;
	assert_int_equal(io_write_raw(path, raw), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "segment 70000"));
	io_raw_free(raw);
}

/* The array of one record is shorter than its head says. */
static void test_lengths(void **state)
{
	struct io_raw *raw = raw_create();
	struct {
		struct {
			uint16_t number_of_samples;
		} head;
	} small[RAW_LINES] = { { { 60000 } } };
	hid_t file, set, head, type;

	(void)state;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
	set = H5Dopen2(file, "dataset/data", H5P_DEFAULT);
	head = H5Tcreate(H5T_COMPOUND, 2);
	H5Tinsert(head, "number_of_samples", 0, H5T_NATIVE_UINT16);
	type = H5Tcreate(H5T_COMPOUND, 2);
	H5Tinsert(type, "head", 0, head);
	assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, small) >= 0);
	H5Tclose(type);
	H5Tclose(head);
	H5Dclose(set);
	H5Fclose(file);
	expect("acquisition 0 declares 60000 samples of 2 coils");
	io_raw_free(raw);
}

/* A small file that declares sixty million records. */
static void test_declared(void **state)
{
	struct io_raw *raw = raw_create();
	const hsize_t many = 60000000;
	hid_t file, set;

	(void)state;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
	set = H5Dopen2(file, "dataset/data", H5P_DEFAULT);
	assert_true(H5Dset_extent(set, &many) >= 0);
	H5Dclose(set);
	H5Fclose(file);
	expect("declares 60000000 acquisitions but does not hold them");
	io_raw_free(raw);
}

/* Headers: no XML, no encoding, names that are too long, an entity that explodes. */
static void put_header(const char *xml)
{
	hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
	hid_t set = H5Dopen2(file, "dataset/xml", H5P_DEFAULT);

	H5Tset_size(type, H5T_VARIABLE);
	assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &xml) >= 0);
	H5Tclose(type);
	H5Dclose(set);
	H5Fclose(file);
}

static void test_headers(void **state)
{
	struct io_raw *raw = raw_create();
	struct text t;
	int i;

	(void)state;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	put_header("<ismrmrdHeader><encoding></ismrmrdHeader>");
	expect("line 1 of the header: mismatched tag");
	put_header("");
	expect("of the header: no element found");
	put_header("<a/>");
	expect("names no encoding");
	put_header("<!DOCTYPE a [<!ENTITY b \"cccccccc\"><!ENTITY d "
		   "\"&b;&b;&b;&b;\">]><a><b>&d;</b></a>");
	expect("names no encoding");
	text_init(&t);
	for (i = 0; i < 5000; i++)
		text_printf(&t, "<encodingencodingencoding>");
	put_header(t.data);
	expect("of the header: no element found");
	t.n = 0;
	text_printf(&t, "<a>");
	for (i = 0; i < 5000; i++)
		text_printf(&t, "<encoding/>");
	text_printf(&t, "</a>");
	put_header(t.data);
	expect("too many encodings in the header (limit 4096)");
	text_free(&t);
	io_raw_free(raw);
}

/* A file may not grow: as on a full disk, and nothing is left. */
static void test_full(void **state)
{
	struct io_raw *raw = raw_create();
	struct rlimit old, tiny;

	(void)state;
	unlink(path);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = (struct rlimit){ 1000, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	assert_int_equal(io_write_raw(path, raw), PRECESS_EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(precess_error(), "cannot write"));
	assert_int_equal(access(path, F_OK), -1);
	io_raw_free(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_finite),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged),    cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_declared),   cmocka_unit_test(test_headers),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
