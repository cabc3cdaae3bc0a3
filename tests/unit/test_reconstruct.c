/* The steps from the data of several coils to an image, each where the answer is known exactly. */
#include "runtime/recon/recon.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <complex.h> /* last: it makes `complex` a macro, and structs have fields of that name */

enum { LINES = 64, SAMPLES = 48, CAL = 20, NAV = 3 };
#define PI 3.14159265358979323846

static struct rng dice;

static double complex noise(void)
{
	double re = rng_normal(&dice);

	return re + I * rng_normal(&dice);
}

static double complex get(const float *v, size_t i)
{
	return (double)v[2 * i] + I * (double)v[2 * i + 1];
}

static void put(float *v, size_t i, double complex z)
{
	v[2 * i] = (float)creal(z);
	v[2 * i + 1] = (float)cimag(z);
}

/* All lines read, alternating; nothing in them. */
static struct recon_scan *scan_make(int coils)
{
	struct recon_scan *s = calloc(1, sizeof *s);

	*s = (struct recon_scan){ .coils = coils, .lines = LINES, .samples = SAMPLES,
				  .cal_lines = CAL, .nav_lines = NAV };
	s->source = strdup("test");
	s->kspace = calloc((size_t)coils * LINES * SAMPLES, 2 * sizeof(float));
	s->cal = calloc((size_t)coils * CAL * SAMPLES, 2 * sizeof(float));
	s->nav = calloc((size_t)coils * NAV * SAMPLES, 2 * sizeof(float));
	s->polarity = calloc(LINES, 1);
	s->nav_polarity = calloc(NAV, 1);
	for (int i = 0; i < LINES; i++)
		s->polarity[i] = i % 2 ? -1 : 1;
	for (int i = 0; i < NAV; i++)
		s->nav_polarity[i] = i % 2 ? -1 : 1;
	return s;
}

static void clear_line(struct recon_scan *s, int y)
{
	s->polarity[y] = 0;
	for (int c = 0; c < s->coils; c++)
		memset(s->kspace + 2 * (size_t)(c * LINES + y) * SAMPLES, 0,
		       2 * SAMPLES * sizeof(float));
}

static double difference(const float *a, const float *b, size_t n)
{
	double d = 0, w = 0;

	for (size_t i = 0; i < n; i++) {
		d += pow(cabs(get(a, i) - get(b, i)), 2);
		w += pow(cabs(get(b, i)), 2);
	}
	return sqrt(d / w);
}

static void says(precess_status st, const char *text)
{
	assert_int_equal(st, PRECESS_EINVAL);
	if (!strstr(precess_error(), text))
		fail_msg("'%s' does not say '%s'", precess_error(), text);
}

/* ------------------------------------------------------------------ even and odd lines */
/* Sample k of a line whose pixels, direct sum, are v. */
static double complex line_sample(const double complex *v, int k)
{
	double complex s = 0;

	for (int i = 0; i < SAMPLES; i++)
		s += v[i] * cexp(-2 * PI * I * (k - SAMPLES / 2) * ((i + 0.5) / SAMPLES - 0.5));
	return s / SAMPLES;
}

/* A line of an object that fills the middle, as polarity and drift of the field leave it. */
static void write_line(float *to, const double complex *object, double constant, double slope,
		       double drift, double level)
{
	double complex v[SAMPLES];

	for (int i = 0; i < SAMPLES; i++)
		v[i] = object[i] *
		       cexp(-I * (constant + drift + slope * (i + 0.5 - 0.5 * SAMPLES)));
	for (int k = 0; k < SAMPLES; k++)
		put(to, (size_t)k, line_sample(v, k) + level * noise());
}

/* Plants a phase in every other line, and a drift in the navigator; `truth` has neither. */
static struct recon_scan *plant(struct recon_scan **truth, int coils, double constant, double slope,
				double drift, double level)
{
	struct recon_scan *s = scan_make(coils);
	double complex object[SAMPLES];

	*truth = scan_make(coils);
	for (int c = 0; c < coils; c++) {
		for (int i = 0; i < SAMPLES; i++)
			object[i] = i < 6 || i >= 42 ? 0 : 1 + 0.3 * noise() + c;
		for (int j = 0; j < NAV; j++)
			write_line(s->nav + 2 * (c * NAV + j) * SAMPLES, object, j % 2 * constant,
				   j % 2 * slope, j * drift, level);
		for (int y = 0; y < LINES; y++) {
			size_t at = 2 * (size_t)(c * LINES + y) * SAMPLES;

			object[20 + c] += 0.2 * noise();
			write_line(s->kspace + at, object, y % 2 * constant, y % 2 * slope, 0, 0);
			write_line((*truth)->kspace + at, object, 0, 0, 0, 0);
		}
	}
	return s;
}

static void phase_is_found(void **state)
{
	static const struct {
		double constant, slope, drift, level;
	} cases[] = {
		{ 0.7, 0.05, 0, 0 },      { -2.9, -0.3, 0, 0 },       { 0.1, 1.5, 0.2, 0 },
		{ 3.0, 0.033, -0.3, 0 },  { 0.7, 0.05, 0.1, 1e-4 },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++)
		for (int model = 0; model < RECON_PHASE_none; model++) {
			struct recon_scan *truth, *s = plant(&truth, 3, cases[i].constant,
							     cases[i].slope, cases[i].drift,
							     cases[i].level);
			struct recon_phase_fit fit;

			assert_int_equal(recon_phase_correct(&fit, s, (enum recon_phase)model), 0);
			assert_int_equal(fit.lines, LINES / 2);
			assert_true(fabs(fit.slope - cases[i].slope) < 1e-3);
			assert_true(fabs(remainder(fit.constant - cases[i].constant, 2 * PI)) <
				    1e-3);
			assert_true(difference(s->kspace, truth->kspace,
					       3 * LINES * SAMPLES) < 1e-3);
			recon_scan_free(s);
			recon_scan_free(truth);
		}
}

/* Two lines cannot tell the field's drift from the polarity's phase: the reason for three. */
static void two_lines_take_the_drift(void **state)
{
	struct recon_scan *truth, *s = plant(&truth, 2, 0.4, 0.1, 0.2, 0);
	struct recon_phase_fit fit;

	(void)state;
	memmove(s->nav + 2 * 2 * SAMPLES, s->nav + 2 * NAV * SAMPLES, 2 * 2 * SAMPLES * sizeof(float));
	s->nav_lines = 2;
	assert_int_equal(recon_phase_correct(&fit, s, RECON_PHASE_line), 0);
	assert_true(fabs(fit.constant - 0.6) < 1e-3);
	recon_scan_free(s);
	recon_scan_free(truth);
}

/* Calibration lines that were read to and fro are turned with the others. */
static void calibration_is_turned(void **state)
{
	struct recon_scan *truth, *s = plant(&truth, 2, 0.4, 0.1, 0, 0);
	struct recon_phase_fit fit;

	(void)state;
	s->cal_polarity = calloc(CAL, 1);
	for (int c = 0; c < 2; c++) {
		memcpy(s->cal + 2 * c * CAL * SAMPLES, s->kspace + 2 * (c * LINES + 20) * SAMPLES,
		       2 * CAL * SAMPLES * sizeof(float));
		memcpy(truth->cal + 2 * c * CAL * SAMPLES,
		       truth->kspace + 2 * (c * LINES + 20) * SAMPLES, 2 * CAL * SAMPLES * sizeof(float));
	}
	memcpy(s->cal_polarity, s->polarity + 20, CAL);
	assert_int_equal(recon_phase_correct(&fit, s, RECON_PHASE_line), 0);
	assert_true(difference(s->cal, truth->cal, 2 * CAL * SAMPLES) < 1e-3);
	recon_scan_free(s);
	recon_scan_free(truth);
}

static void phase_refusals(void **state)
{
	struct recon_scan *truth, *s = plant(&truth, 2, 0.4, 0.1, 0, 0);
	struct recon_phase_fit fit;

	(void)state;
	s->nav_polarity[1] = 1;
	says(recon_phase_correct(&fit, s, RECON_PHASE_line), "lines 0 and 1 of the navigator");
	s->nav_polarity[1] = -1;
	memset(s->nav, 0, 2 * NAV * 2 * SAMPLES * sizeof(float));
	says(recon_phase_correct(&fit, s, RECON_PHASE_line), "the navigator is 0 everywhere");
	s->nav_lines = 1;
	says(recon_phase_correct(&fit, s, RECON_PHASE_line), "has 1 line");
	free(s->nav);
	s->nav = NULL;
	says(recon_phase_correct(&fit, s, RECON_PHASE_line), "--phase none");
	assert_int_equal(recon_phase_correct(&fit, s, RECON_PHASE_none), 0);
	recon_scan_free(s);
	recon_scan_free(truth);
}

/* ------------------------------------------------------------------ noise */
static void noise_becomes_white(void **state)
{
	enum { COILS = 3, SIZE = 4000 };
	struct recon_scan *s = scan_make(COILS);
	double complex mixed[COILS], r;
	double before = 0, after = 0;

	(void)state;
	s->noise_samples = SIZE;
	s->noise = calloc(COILS * SIZE, 2 * sizeof *s->noise);
	for (int i = 0; i < SIZE; i++) {
		for (int c = 0; c < COILS; c++)
			mixed[c] = noise();
		mixed[1] = 2 * mixed[1] + I * mixed[0];
		mixed[2] += 0.5 * mixed[1];
		for (int c = 0; c < COILS; c++) {
			put(s->noise, (size_t)(c * SIZE + i), mixed[c]);
			if (i < LINES * SAMPLES) /* k-space is the same noise, to see it */
				put(s->kspace, (size_t)(c * LINES * SAMPLES + i), mixed[c]);
			before += i < LINES * SAMPLES ? pow(cabs(mixed[c]), 2) : 0;
		}
	}
	assert_int_equal(recon_whiten(s), 0);
	for (int a = 0; a < COILS; a++)
		for (int b = 0; b <= a; b++) {
			r = 0;
			for (int i = 0; i < LINES * SAMPLES; i++)
				r += get(s->kspace, (size_t)(a * LINES * SAMPLES + i)) *
				     conj(get(s->kspace, (size_t)(b * LINES * SAMPLES + i)));
			after += a == b ? creal(r) : 0;
			r /= before / COILS;
			assert_true(cabs(r - (a == b)) < 0.06); /* 3 / sqrt(3072), of each */
		}
	assert_true(fabs(after / before - 1) < 0.05);
	memcpy(s->noise, s->noise + 2 * SIZE, 2 * SIZE * sizeof *s->noise);
	says(recon_whiten(s), "do not tell the noise of 3 coils apart");
	recon_scan_free(s);
}

/* ------------------------------------------------------------------ missing lines */
/* Coil c sees the object through exp(2 pi i c y / fov), so that its k-space is that of coil 0, c lines
 * on: what one coil lacks another has read, exactly. */
static struct recon_scan *shifted(struct recon_scan **truth, int coils, int spacing, int first)
{
	struct recon_scan *s = scan_make(coils);
	static double complex object[LINES + 8][SAMPLES], more[CAL + 8][SAMPLES];

	*truth = scan_make(coils);
	for (int y = 0; y < LINES + 8; y++)
		for (int x = 0; x < SAMPLES; x++)
			object[y][x] = noise();
	for (int y = 0; y < CAL + 8; y++)
		for (int x = 0; x < SAMPLES; x++)
			more[y][x] = noise();
	for (int c = 0; c < coils; c++)
		for (int x = 0; x < SAMPLES; x++) {
			for (int y = 0; y < LINES; y++) {
				put(s->kspace, (size_t)((c * LINES + y) * SAMPLES + x), object[y + c][x]);
				put((*truth)->kspace, (size_t)((c * LINES + y) * SAMPLES + x),
				    object[y + c][x]);
			}
			for (int y = 0; y < CAL; y++)
				put(s->cal, (size_t)((c * CAL + y) * SAMPLES + x), more[y + c][x]);
		}
	for (int y = 0; y < LINES; y++)
		if (y < first || (y - first) % spacing)
			clear_line(s, y);
	return s;
}

static struct recon_options exact_options(int spacing, int columns, int lines)
{
	return (struct recon_options){ .kernel = { columns, lines }, .lambda = 1e-9,
				       .acceleration = spacing, .window = 1, .threads = 2 };
}

static void grappa_is_exact(void **state)
{
	static const int cases[][5] = { /* coils, spacing, first, kernel */
		{ 2, 2, 0, 1, 2 }, { 2, 2, 1, 3, 2 }, { 2, 2, 1, 3, 4 },
		{ 3, 3, 0, 1, 2 }, { 4, 4, 3, 1, 2 }, { 3, 2, 1, 5, 2 },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		const int *k = cases[i];
		struct recon_scan *truth, *s = shifted(&truth, k[0], k[1], k[2]);
		struct recon_options o = exact_options(k[1], k[3], k[4]);
		struct recon_grappa_fit fit;
		struct recon_mask m;

		assert_int_equal(recon_mask_find(&m, s, k[1]), 0);
		assert_int_equal(m.spacing, k[1]);
		assert_int_equal(m.first, k[2]);
		assert_int_equal(recon_grappa(&fit, s, &m, &o), 0);
		assert_int_equal(fit.lines, m.last - m.first + 1 - m.n);
		for (int y = 0; y < LINES; y++)
			if (y < m.first || y > m.last)
				clear_line(truth, y);
		if (difference(s->kspace, truth->kspace, (size_t)(k[0] * LINES * SAMPLES)) > 1e-5 ||
		    fit.residual > 1e-5)
			fail_msg("case %zu: %.2g off, calibration %.2g", i,
				 difference(s->kspace, truth->kspace, (size_t)(k[0] * LINES * SAMPLES)),
				 fit.residual);
		recon_scan_free(s);
		recon_scan_free(truth);
	}
}

/* The same from a block of neighbours in k-space itself. */
static void grappa_from_the_centre(void **state)
{
	struct recon_scan *truth, *s = shifted(&truth, 2, 2, 0);
	struct recon_options o = exact_options(2, 3, 2);
	struct recon_grappa_fit fit;
	struct recon_mask m;

	(void)state;
	free(s->cal);
	s->cal = NULL;
	assert_int_equal(recon_mask_find(&m, s, 0), 0);
	says(recon_grappa(&fit, s, &m, &o), "neither calibration lines");
	for (int c = 0; c < 2; c++)
		memcpy(s->kspace + 2 * (c * LINES + 24) * SAMPLES,
		       truth->kspace + 2 * (c * LINES + 24) * SAMPLES,
		       2 * CAL * SAMPLES * sizeof(float));
	memset(s->polarity + 24, 1, CAL);
	assert_int_equal(recon_mask_find(&m, s, 2), 0);
	assert_int_equal(m.spacing, 2);
	assert_true(m.block_first <= 24 && m.block >= CAL);
	assert_int_equal(recon_grappa(&fit, s, &m, &o), 0);
	clear_line(truth, LINES - 1);
	assert_true(difference(s->kspace, truth->kspace, 2 * LINES * SAMPLES) < 1e-5);
	recon_scan_free(s);
	recon_scan_free(truth);
}

static void grappa_refusals(void **state)
{
	struct recon_scan *truth, *s = shifted(&truth, 2, 2, 0);
	struct recon_options o = exact_options(0, 5, 4);
	struct recon_grappa_fit fit;
	struct recon_mask m;

	(void)state;
	says(recon_mask_find(&m, s, 3), "acceleration 3 was declared");
	s->acceleration = 4;
	says(recon_mask_find(&m, s, 0), "lie 2 apart");
	assert_int_equal(recon_mask_find(&m, s, 2), 0);
	s->cal_lines = 6;
	says(recon_grappa(&fit, s, &m, &o), "take a smaller --kernel");
	s->cal_lines = CAL;
	memset(s->cal, 0, 2 * CAL * 2 * SAMPLES * sizeof(float));
	o.lambda = 0;
	says(recon_grappa(&fit, s, &m, &o), "raise --lambda");
	s->acceleration = 0;
	clear_line(s, 8);
	says(recon_mask_find(&m, s, 0), "row 8 was not read, though every 2nd row from 0 to 62");
	s->polarity[8] = s->polarity[11] = 1;
	memset(s->polarity + 40, 1, 6);
	says(recon_mask_find(&m, s, 0), "row 11 was read, but lies neither");
	for (int y = 0; y < LINES; y++)
		clear_line(s, y);
	says(recon_mask_find(&m, s, 0), "0 of 64 lines");
	recon_scan_free(s);
	recon_scan_free(truth);
}

/* ------------------------------------------------------------------ coils */
/* The field of a wire outside the image: smooth, of any phase. */
static double complex coil(int c, int coils, int y, int x)
{
	double angle = 2 * PI * c / coils;
	double complex r = (x + 0.5) / SAMPLES - 0.5 + I * ((y + 0.5) / LINES - 0.5);

	return 0.3 * cexp(I * c) / (r - 0.9 * cexp(I * angle));
}

static double complex object(int y, int x)
{
	double u = (x + 0.5) / SAMPLES - 0.5, v = (y + 0.5) / LINES - 0.5;

	if (u * u + v * v > 0.16)
		return 0;
	return (1 + 0.5 * sin(40 * u)) * cexp(I * 6 * v);
}

/* The virtual coil, by the power method. */
static void find_virtual(double complex *v, const float *coils, int n, size_t plane)
{
	for (int c = 0; c < n; c++)
		v[c] = 1;
	for (int round = 0; round < 300; round++) {
		double complex next[n], dot;
		double length = 0;

		memset(next, 0, sizeof next);
		for (size_t i = 0; i < plane; i++) {
			dot = 0;
			for (int c = 0; c < n; c++)
				dot += conj(get(coils, (size_t)c * plane + i)) * v[c];
			for (int c = 0; c < n; c++)
				next[c] += get(coils, (size_t)c * plane + i) * dot;
		}
		for (int c = 0; c < n; c++)
			length += creal(next[c] * conj(next[c]));
		for (int c = 0; c < n; c++)
			v[c] = next[c] / sqrt(length);
	}
}

enum { COILS = 6 };

/* The truth times the length of the coils' vector, with the phase of the virtual coil; a larger patch
 * sees the sensitivities vary. */
static void combined_image_is_the_truth(void **state)
{
	double complex virtual[COILS], first = 0;
	static const struct {
		int window;
		double tolerance;
	} cases[] = { { 1, 1e-5 }, { 5, 1e-2 } };
	size_t plane = LINES * SAMPLES;
	float *coils = calloc(COILS * plane, 2 * sizeof *coils);
	float *sens = calloc(COILS * plane, 2 * sizeof *sens), *image = calloc(plane, 2 * sizeof *image);

	(void)state;
	for (int c = 0; c < COILS; c++)
		for (int i = 0; i < (int)plane; i++)
			put(coils, (size_t)c * plane + (size_t)i,
			    coil(c, COILS, i / SAMPLES, i % SAMPLES) * object(i / SAMPLES, i % SAMPLES));
	find_virtual(virtual, coils, COILS, plane);
	for (size_t k = 0; k < PRECESS_COUNT(cases); k++) {
		struct recon_options o = RECON_DEFAULTS;

		o.window = cases[k].window;
		assert_int_equal(recon_combine(image, sens, coils, COILS, LINES, SAMPLES, &o), 0);
		for (int i = 0; i < (int)plane; i++) {
			int y = i / SAMPLES, x = i % SAMPLES;
			double complex m = object(y, x), v = get(image, (size_t)i), phase = 0, seen = 0;
			double length = 0;

			if (m == 0)
				continue;
			for (int c = 0; c < COILS; c++) {
				double complex b = coil(c, COILS, y, x);

				length += creal(b * conj(b));
				phase += conj(get(sens, (size_t)c * plane + (size_t)i)) * b;
				seen += conj(virtual[c]) * get(sens, (size_t)c * plane + (size_t)i);
			}
			assert_true(fabs(cabs(v) / (cabs(m) * sqrt(length)) - 1) < cases[k].tolerance);
			assert_true(fabs(carg(v / m / phase)) < 1e-4);
			if (first == 0)
				first = seen;
			if (fabs(carg(seen / first)) > 1e-3)
				fail_msg("the virtual coil's phase is %g at %d, %d", carg(seen / first), x, y);
		}
	}
	free(image);
	free(sens);
	free(coils);
}

static void rss_is_the_magnitude(void **state)
{
	float coils[8] = { 3, 0, 0, 4, 0, 0, 12, 0 }, image[2], sens[8];
	struct recon_options o = RECON_DEFAULTS;

	(void)state;
	o.combine = RECON_COMBINE_rss;
	assert_int_equal(recon_combine(image, sens, coils, 4, 1, 1, &o), 0);
	assert_true(image[0] == 13 && image[1] == 0);
	assert_true(fabs((double)sens[3] - 4.0 / 13) < 1e-6);
}

/* ------------------------------------------------------------------ */
static int setup(void **state)
{
	(void)state;
	dice = rng_make(4, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phase_is_found),
		cmocka_unit_test(two_lines_take_the_drift),
		cmocka_unit_test(calibration_is_turned),
		cmocka_unit_test(phase_refusals),
		cmocka_unit_test(noise_becomes_white),
		cmocka_unit_test(grappa_is_exact),
		cmocka_unit_test(grappa_from_the_centre),
		cmocka_unit_test(grappa_refusals),
		cmocka_unit_test(combined_image_is_the_truth),
		cmocka_unit_test(rss_is_the_magnitude),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
