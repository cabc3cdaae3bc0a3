/* Our raw data in the eyes of the format's own library, and the library's in ours. */
#include "tests/unit/raw_data.h"

#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef HAVE_ISMRMRD
#include <ismrmrd/dataset.h>

static char folder[] = "/tmp/precess-ismrmrd-XXXXXX", path[64];

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
	return rmdir(folder);
}

static void check_line(const ISMRMRD_Acquisition *a, int line)
{
	const ISMRMRD_AcquisitionHeader *h = &a->head;
	const float *data = (const float *)a->data;
	int i;

	assert_int_equal(h->version, 1);
	assert_int_equal(h->scan_counter, line);
	assert_int_equal(h->number_of_samples, RAW_SAMPLES);
	assert_int_equal(h->active_channels, RAW_COILS);
	assert_true(ismrmrd_is_channel_on(h->channel_mask, RAW_COILS - 1));
	assert_false(ismrmrd_is_channel_on(h->channel_mask, RAW_COILS));
	assert_int_equal(ismrmrd_is_flag_set(h->flags, ISMRMRD_ACQ_IS_NOISE_MEASUREMENT),
			 line == 0);
	assert_int_equal(ismrmrd_is_flag_set(h->flags, ISMRMRD_ACQ_IS_REVERSE), line % 2);
	assert_false(ismrmrd_is_flag_set(h->flags, ISMRMRD_ACQ_IS_NAVIGATION_DATA));
	assert_int_equal(h->idx.kspace_encode_step_1, line);
	assert_int_equal(h->idx.average, 1);
	assert_int_equal(h->idx.slice, 2);
	assert_int_equal(h->idx.contrast, 3);
	assert_int_equal(h->idx.repetition, 5);
	assert_int_equal(h->idx.set, 6);
	assert_int_equal(h->idx.segment, 7);
	assert_int_equal(h->idx.user[7], 18);
	assert_int_equal(h->center_sample, 3);
	assert_float_equal(h->sample_time_us, 20, 1e-5);
	assert_float_equal(h->position[0], -1, 1e-6); /* mm, to the left */
	assert_float_equal(h->position[1], 2, 1e-6);
	assert_float_equal(h->slice_dir[2], 1, 0);
	assert_int_equal(h->trajectory_dimensions, line ? RAW_DIM : 0);
	for (i = 0; i < 2 * RAW_COILS * RAW_SAMPLES; i++)
		assert_float_equal(data[i], 100 * line + i, 0);
	for (i = 0; i < RAW_SAMPLES && line; i++)
		assert_float_equal(a->traj[RAW_DIM * i], i - 3, 0);
}

static void test_library_reads(void **state)
{
	struct io_raw *raw = raw_create();
	ISMRMRD_Acquisition a;
	ISMRMRD_Dataset set;
	char *header;
	uint32_t i;

	(void)state;
	assert_int_equal(io_write_raw(path, raw), PRECESS_OK);
	ismrmrd_init_dataset(&set, path, "dataset");
	assert_int_equal(ismrmrd_open_dataset(&set, false), ISMRMRD_NOERROR);
	header = ismrmrd_read_header(&set);
	assert_non_null(header);
	assert_non_null(strstr(header, "<trajectory>epi</trajectory>"));
	free(header);
	assert_int_equal(ismrmrd_get_number_of_acquisitions(&set), RAW_LINES);
	for (i = 0; i < RAW_LINES; i++) {
		ismrmrd_init_acquisition(&a);
		assert_int_equal(ismrmrd_read_acquisition(&set, i, &a), ISMRMRD_NOERROR);
		check_line(&a, (int)i);
		ismrmrd_cleanup_acquisition(&a);
	}
	ismrmrd_close_dataset(&set);
	unlink(path);
	io_raw_free(raw);
}

static void test_library_writes(void **state)
{
	static const char header[] =
		"<?xml version='1.0'?><m:ismrmrdHeader xmlns:m='http://www.ismrm.org/ISMRMRD'>"
		"<m:encoding><m:trajectory>radial</m:trajectory><m:encodedSpace><m:matrixSize>"
		"<m:x>8</m:x><m:y>4</m:y><m:z>1</m:z></m:matrixSize><m:fieldOfView_mm><m:x>400</"
		"m:x>"
		"<m:y>200</m:y><m:z>5</m:z></m:fieldOfView_mm></m:encodedSpace><m:reconSpace>"
		"<m:matrixSize><m:x>4</m:x><m:y>4</m:y><m:z>1</m:z></"
		"m:matrixSize><m:fieldOfView_mm>"
		"<m:x>200</m:x><m:y>200</m:y><m:z>5</m:z></m:fieldOfView_mm></m:reconSpace>"
		"</m:encoding></m:ismrmrdHeader>";
	struct io_raw *raw;
	ISMRMRD_Acquisition a;
	ISMRMRD_Dataset set;
	int i, line;

	(void)state;
	ismrmrd_init_dataset(&set, path, "dataset");
	assert_int_equal(ismrmrd_open_dataset(&set, true), ISMRMRD_NOERROR);
	assert_int_equal(ismrmrd_write_header(&set, header), ISMRMRD_NOERROR);
	for (line = 0; line < 100; line++) { /* more than are read at once */
		ismrmrd_init_acquisition(&a);
		a.head.number_of_samples = 8;
		a.head.active_channels = 3;
		a.head.trajectory_dimensions = 2;
		a.head.idx.kspace_encode_step_1 = (uint16_t)line;
		ismrmrd_set_flag(&a.head.flags, ISMRMRD_ACQ_IS_NAVIGATION_DATA);
		ismrmrd_make_consistent_acquisition(&a);
		for (i = 0; i < 24; i++)
			a.data[i] = (float)(line + i);
		a.traj[15] = (float)line;
		assert_int_equal(ismrmrd_append_acquisition(&set, &a), ISMRMRD_NOERROR);
		ismrmrd_cleanup_acquisition(&a);
	}
	ismrmrd_close_dataset(&set);
	if (io_read_raw(&raw, path) != PRECESS_OK)
		fail_msg("%s", precess_error());
	assert_int_equal(raw->n, 100);
	assert_int_equal(raw->n_coil, 3);
	assert_string_equal(raw->encoding->trajectory, "radial");
	assert_int_equal(raw->encoding->encoded.matrix[0], 8);
	assert_float_equal(raw->encoding->encoded.fov[0], 0.4, 1e-12);
	for (line = 0; line < 100; line++) {
		assert_int_equal(raw->acquisition[line].counter[IO_LINE], line);
		assert_true(raw->acquisition[line].flags == IO_NAVIGATION);
		assert_float_equal(raw->acquisition[line].data[2 * 23], line + 23, 0);
		assert_float_equal(raw->acquisition[line].trajectory[15], line, 0);
	}
	io_raw_free(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_library_reads),
		cmocka_unit_test(test_library_writes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
#else
int main(void)
{
	return 77;
}
#endif
