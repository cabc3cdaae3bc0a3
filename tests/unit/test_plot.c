/* runtime/plot: every format is written whole, long sequences stay small, failures leave
 * nothing. */
#include "runtime/plot/plot.h"
#include "tests/unit/folder.h"
#include "tests/unit/small_epi.h"

#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

/* The font library keeps some memory until the end; it is not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig";
}

static struct program *program;
static struct draw *draw;

static int setup(void **state)
{
	(void)state;
	program = epi_create();
	return folder_create(state) == 0 && draw_create(&draw, program, NULL, false) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	draw_free(draw);
	program_free(program);
	return folder_remove(state);
}

/* The file begins as its format does, has a credible size, and is removed. */
static void check_file(const char *path, const char *begins, size_t least, size_t most)
{
	char *data;
	size_t n;

	assert_int_equal(file_read(&data, &n, path, 64 << 20), PRECESS_OK);
	assert_memory_equal(data, begins, strlen(begins));
	assert_in_range(n, least, most);
	free(data);
	assert_int_equal(unlink(path), 0);
}

static const struct {
	const char *name, *begins;
} formats[] = {
	{ "a.svg", "<?xml" }, { "a.pdf", "%PDF" }, { "a.png", "\211PNG" }, { "b.SVG", "<?xml" }
};

static void sequence_in_all_formats(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(formats); i++) {
		const char *path = in_folder(formats[i].name);

		assert_int_equal(plot_sequence(path, draw, NULL), PRECESS_OK);
		check_file(path, formats[i].begins, 3000, 1 << 20);
	}
}

static void trajectory_in_all_formats(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(formats); i++) {
		const char *path = in_folder(formats[i].name);

		assert_int_equal(plot_trajectory(path, draw, NULL), PRECESS_OK);
		check_file(path, formats[i].begins, 3000, 1 << 20);
	}
}

static void image_in_all_formats(void **state)
{
	enum { NX = 40, NY = 24 };
	static float v[2 * NX * NY];
	size_t i;

	(void)state;
	for (i = 0; i < 2 * NX * NY; i++)
		v[i] = (float)(i % 37);
	v[5] = NAN;
	for (i = 0; i < PRECESS_COUNT(formats); i++) {
		const char *path = in_folder(formats[i].name);

		assert_int_equal(plot_image(path, "title", v, v, NX, NY), PRECESS_OK);
		check_file(path, formats[i].begins, 2000, 8 << 20);
		assert_int_equal(plot_image(path, NULL, v, NULL, NX, NY), PRECESS_OK);
		check_file(path, formats[i].begins, 1000, 8 << 20);
	}
	memset(v, 0, sizeof v);
	assert_int_equal(plot_image(in_folder("zero.png"), "zero", v, v, NX, NY), PRECESS_OK);
	assert_int_equal(unlink(in_folder("zero.png")), 0);
}

static void windows(void **state)
{
	struct plot_options zoom = { 6e-3, 8e-3, 900, 500 }, tiny = { 6.1e-3, 6.2e-3, 400, 300 };
	struct plot_options after = { 10, 11, 0, 0 }, huge = { 0, 0, 1000000, 10 };

	(void)state;
	assert_int_equal(plot_sequence(in_folder("z.svg"), draw, &zoom), PRECESS_OK);
	check_file(in_folder("z.svg"), "<?xml", 2000, 1 << 20);
	assert_int_equal(plot_sequence(in_folder("z.svg"), draw, &tiny), PRECESS_OK);
	check_file(in_folder("z.svg"), "<?xml", 2000, 1 << 20);
	assert_int_equal(plot_sequence(in_folder("z.svg"), draw, &after), PRECESS_OK);
	check_file(in_folder("z.svg"), "<?xml", 2000, 1 << 20);
	assert_int_equal(plot_sequence(in_folder("z.png"), draw, &huge), PRECESS_EINVAL);
}

/* 100 000 gradients and acquisitions on one page. */
static void long_sequences_stay_small(void **state)
{
	enum { N = 100000 };
	struct draw_event *e = calloc(2 * N, sizeof *e);
	struct program p = *program;
	struct draw d = *draw;
	uint32_t i;

	(void)state;
	assert_non_null(e);
	for (i = 0; i < 2 * N; i++) {
		e[i] = (struct draw_event){ .kind = i % 2 ? PROGRAM_ADC : PROGRAM_GRAD,
					    .start = (int64_t)(i / 2) * 1000000000,
					    .duration = 900000000,
					    .shape = PROGRAM_NO_SHAPE,
					    .axis = 1,
					    .amplitude = (i / 2) % 7 * 1e-3,
					    .rise = 100000000,
					    .flat = 700000000,
					    .fall = 100000000 };
	}
	p.n_event = 2 * N;
	d.program = &p;
	d.event = e;
	d.duration = (int64_t)N * 1000000000;
	assert_int_equal(plot_sequence(in_folder("long.svg"), &d, NULL), PRECESS_OK);
	check_file(in_folder("long.svg"), "<?xml", 3000, 1 << 20);
	free(e);
}

static void curves(void **state)
{
	const double x[] = { 1, 2, 3, 4 }, y[] = { 1, 0.1, 0, NAN }, none[] = { 0, -1, 0, NAN };
	const struct plot_line line[] = { { .name = "loss", .x = x, .y = y, .n = 4 },
					  { .name = "none", .x = x, .y = none, .n = 4 },
					  { .name = "marks", .x = x, .y = y, .n = 4, .dots = true, .ink = 1 } };
	const struct plot_axes axes = { "images", "loss", false }, linear = { "TE", "signal", true };

	(void)state;
	assert_int_equal(plot_curve(in_folder("c.svg"), "t", &axes, line, 2),
			 PRECESS_OK);
	check_file(in_folder("c.svg"), "<?xml", 2000, 1 << 20);
	assert_int_equal(plot_curve(in_folder("c.png"), "t", &axes, line, 1),
			 PRECESS_OK);
	check_file(in_folder("c.png"), "\x89PNG", 2000, 1 << 20);
	assert_int_equal(plot_curve(in_folder("a.svg"), "t", &axes, line + 1, 1), PRECESS_EINVAL);
	assert_int_equal(plot_curve(in_folder("l.svg"), "t", &linear, line, 3), PRECESS_OK);
	check_file(in_folder("l.svg"), "<?xml", 2000, 1 << 20);
}

static void montage(void **state)
{
	const float value[] = { 0, 1, 2, NAN, 4, 5 };
	const float *const images[] = { value, value };
	const char *const captions[] = { "one", "two" };
	const struct plot_row row[] = { { "a", images, captions, 5 }, { "b", images, captions, 0 } };

	(void)state;
	assert_int_equal(plot_montage(in_folder("m.png"), "t", row, 2, 2, 3, 2), PRECESS_OK);
	check_file(in_folder("m.png"), "\x89PNG", 1000, 1 << 20);
}

static void failures_leave_nothing(void **state)
{
	struct program empty = *program;
	struct draw d = *draw;

	(void)state;
	assert_int_equal(plot_sequence(in_folder("a.jpg"), draw, NULL), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), ".svg, .pdf or .png"));
	assert_int_equal(plot_sequence(in_folder("none"), draw, NULL), PRECESS_EINVAL);
	assert_int_equal(plot_sequence("/nonexistent/folder/a.svg", draw, NULL), PRECESS_EIO);
	assert_int_equal(plot_sequence("/dev/full.svg/x.svg", draw, NULL), PRECESS_EIO);
	empty.n_readout = 0;
	d.program = &empty;
	assert_int_equal(plot_trajectory(in_folder("a.svg"), &d, NULL), PRECESS_EINVAL);
	d.duration = 0;
	assert_int_equal(plot_sequence(in_folder("a.svg"), &d, NULL), PRECESS_EINVAL);
	assert_int_equal(plot_image(in_folder("a.svg"), "", NULL, NULL, 0, 4), PRECESS_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequence_in_all_formats),
		cmocka_unit_test(trajectory_in_all_formats),
		cmocka_unit_test(image_in_all_formats),
		cmocka_unit_test(windows),
		cmocka_unit_test(long_sequences_stay_small),
		cmocka_unit_test(curves),
		cmocka_unit_test(montage),
		cmocka_unit_test(failures_leave_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
