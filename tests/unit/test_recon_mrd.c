/* ISMRMRD readouts of two coils, oversampled along x, read to and fro: sorted into the lines that were
 * put into them. */
#include "runtime/io/io.h"
#include "runtime/recon/recon.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <complex.h> /* last: it makes `complex` a macro, and structs have fields of that name */

enum { COILS = 2, LINES = 10, N = 8, WIDE = 16, NAV = 3, CAL = 4, ALL = 64 };
#define PI 3.14159265358979323846

static char path[] = "/tmp/precess-mrd-XXXXXX";
static const struct recon_names any;
static double complex object[COILS][LINES + NAV + CAL][N];
static struct io_raw raw;
static struct io_encoding encoding;
static struct io_acquisition list[ALL];

/* The line's sample at k cells, of n over the object's field of view. */
static double complex sample(const double complex *v, double k)
{
	double complex s = 0;

	for (int i = 0; i < N; i++)
		s += v[i] * cexp(-2 * PI * I * k * ((i + 0.5) / N - 0.5));
	return s / N;
}

/* A readout of line `line` whose pixels are row `row` of the object, over twice the field of view. */
static struct io_acquisition *add(int row, int line, uint64_t flags)
{
	struct io_acquisition *a = &list[raw.n++];

	assert_true(raw.n <= ALL);
	*a = (struct io_acquisition){ .flags = flags, .counter = { line }, .n_coil = COILS,
				      .n_sample = WIDE, .center = WIDE / 2, .position = { 0.01, 0, 0.02 },
				      .read = { 0, 1, 0 }, .phase = { -1, 0, 0 }, .slice = { 0, 0, 1 } };
	a->data = calloc(2 * COILS * WIDE, sizeof *a->data);
	for (int c = 0; c < COILS; c++)
		for (int i = 0; i < WIDE; i++) {
			int at = flags & IO_REVERSE ? WIDE - 1 - i : i;
			double complex s = sample(object[c][row], (at - WIDE / 2) * 0.5) / 2;

			a->data[2 * (c * WIDE + i)] = (float)creal(s);
			a->data[2 * (c * WIDE + i) + 1] = (float)cimag(s);
		}
	return a;
}

static void clear(void)
{
	for (size_t i = 0; i < raw.n; i++)
		free(list[i].data);
	raw.n = 0;
}

/* Navigators, calibration, every second line of the image from the first. */
static void fill(void)
{
	clear();
	for (int j = 0; j < NAV; j++)
		add(LINES + j, LINES / 2, IO_PHASE_CORRECTION | (j % 2 ? IO_REVERSE : 0));
	for (int j = 0; j < CAL; j++)
		add(LINES + NAV + j, LINES / 2 - CAL / 2 + j, IO_CALIBRATION | (j % 2 ? 0 : IO_REVERSE));
	for (int y = 0; y < LINES; y += 2)
		add(y, y, y % 4 ? IO_REVERSE : 0);
}

static struct recon_scan *read_back(const struct recon_names *names)
{
	struct recon_scan *s;

	if (io_write_raw(path, &raw) || recon_read(&s, path, names))
		fail_msg("%s", precess_error());
	return s;
}

static void refused(precess_status wanted, const char *text)
{
	struct recon_scan *s = NULL;

	assert_int_equal(io_write_raw(path, &raw), 0);
	assert_int_equal(recon_read(&s, path, &any), wanted);
	assert_null(s);
	if (!strstr(precess_error(), text) || !strstr(precess_error(), path))
		fail_msg("'%s' does not say '%s'", precess_error(), text);
}

/* Row `at` of [coils][rows][N] holds row `row` of the object. */
static void same(const float *v, int rows, int at, int row)
{
	for (int c = 0; c < COILS; c++)
		for (int i = 0; i < N; i++) {
			const float *p = v + 2 * ((c * rows + at) * N + i);
			double complex want = sample(object[c][row], i - N / 2);

			if (cabs((double)p[0] + I * (double)p[1] - want) > 1e-6)
				fail_msg("coil %d, row %d, sample %d is not that of row %d", c, at, i, row);
		}
}

static void lines_find_their_places(void **state)
{
	struct recon_scan *s;

	(void)state;
	fill();
	s = read_back(&any);
	assert_true(s->coils == COILS && s->lines == LINES && s->samples == N);
	assert_true(s->acceleration == 2 && s->cal_lines == CAL && s->nav_lines == NAV);
	assert_true(fabs(s->fov[0] - 0.2) < 1e-9 && fabs(s->fov[1] - 0.25) < 1e-9);
	assert_true(fabs(s->thickness - 0.005) < 1e-9);
	assert_true(fabs(s->direction[0][1] - 1) < 1e-6 && fabs(s->position[2] - 0.02) < 1e-6);
	for (int y = 0; y < LINES; y++) {
		assert_int_equal(s->polarity[y], y % 2 ? 0 : y % 4 ? -1 : 1);
		if (y % 2 == 0)
			same(s->kspace, LINES, y, y);
	}
	for (int j = 0; j < CAL; j++) {
		same(s->cal, CAL, j, LINES + NAV + j);
		assert_int_equal(s->cal_polarity[j], j % 2 ? 1 : -1);
	}
	for (int j = 0; j < NAV; j++) {
		same(s->nav, NAV, j, LINES + j);
		assert_int_equal(s->nav_polarity[j], j % 2 ? -1 : 1);
	}
	assert_null(s->noise);
	recon_scan_free(s);
}

/* Averages become their mean; noise is kept apart; calibration lines may belong to the image. */
static void lines_of_many_kinds(void **state)
{
	struct recon_scan *s;

	(void)state;
	clear();
	add(0, 0, IO_NOISE);
	for (int y = 0; y < LINES; y++) {
		add(y, y, y >= 3 && y < 7 ? IO_CALIBRATION_AND_IMAGING : 0);
		add(y, y, 0)->counter[IO_AVERAGE] = 1;
	}
	s = read_back(&any);
	for (int y = 0; y < LINES; y++)
		same(s->kspace, LINES, y, y);
	assert_int_equal(s->cal_lines, 4);
	for (int y = 0; y < 4; y++)
		same(s->cal, 4, y, 3 + y);
	assert_int_equal(s->noise_samples, WIDE);
	recon_scan_free(s);
}

static void one_of_several(void **state)
{
	static const int second = 1;
	const struct recon_names names = { .slice = &second };
	struct recon_scan *s;

	(void)state;
	clear();
	for (int y = 0; y < LINES; y++) {
		add(y, y, 0);
		add(LINES - 1 - y, y, 0)->counter[IO_SLICE] = 1;
	}
	refused(PRECESS_ENOTSUP, "slice 0 and slice 1; one image at a time: choose with --slice");
	s = read_back(&names);
	same(s->kspace, LINES, 2, LINES - 3);
	recon_scan_free(s);
}

static void refusals(void **state)
{
	(void)state;
	clear();
	add(0, 0, IO_NOISE);
	refused(PRECESS_EINVAL, "has no readouts of an image");
	fill();
	add(0, LINES, 0);
	refused(PRECESS_EINVAL, "line 10 of readout 12 lies outside the matrix of 10 lines");
	fill();
	add(0, 1, 0)->n_coil = 1;
	refused(PRECESS_EINVAL, "a readout has 1 coils");
	fill();
	add(0, 1, IO_CALIBRATION);
	refused(PRECESS_EINVAL, "the calibration has rows 1 and 6, but not row 2");
	fill();
	list[7].counter[IO_CONTRAST] = 1;
	refused(PRECESS_ENOTSUP, "contrast");
	fill();
	strcpy(encoding.trajectory, "spiral");
	refused(PRECESS_ENOTSUP, "not spiral");
	strcpy(encoding.trajectory, "epi");
	clear();
}

static int setup(void **state)
{
	struct rng dice = rng_make(7, 0);
	int fd = mkstemp(path);

	(void)state;
	for (int c = 0; c < COILS; c++)
		for (int y = 0; y < LINES + NAV + CAL; y++)
			for (int i = 0; i < N; i++)
				object[c][y][i] = rng_normal(&dice) + I * rng_normal(&dice);
	encoding = (struct io_encoding){
		.encoded = { { WIDE, LINES, 1 }, { 0.4, 0.25, 0.005 } },
		.recon = { { N, LINES, 1 }, { 0.2, 0.25, 0.005 } },
		.limit = { [IO_LINE] = { 0, LINES - 1, LINES / 2 } },
		.trajectory = "epi",
		.acceleration = { 2, 1 },
	};
	raw = (struct io_raw){ .encoding = &encoding, .n_encoding = 1, .acquisition = list,
			       .n_coil = COILS, .frequency = 123e6 };
	return fd < 0 || close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_find_their_places),
		cmocka_unit_test(lines_of_many_kinds),
		cmocka_unit_test(one_of_several),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
