/* runtime/mapping: fits against the decays that made the data. */
#include "runtime/mapping/mapping.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 16, VOXELS = SIDE * SIDE };
static const double te[] = { 35e-3, 50e-3, 70e-3, 90e-3 };
enum { ECHOES = PRECESS_COUNT(te) };

static double t2_of(int i)
{
	return 20e-3 * pow(1.02, i); /* 20 ms .. 3.1 s: far beyond the last echo */
}

static double m0_of(int i)
{
	return 0.1 + 0.01 * i;
}

/* Decays over `floor`, with a phase per voxel and noise in both parts. */
static struct mapping_series *decays(const double *time, int n, double floor, double sigma)
{
	struct mapping_series *s;
	struct rng r = rng_make(1, 1);
	float image[2 * VOXELS];

	assert_int_equal(mapping_series_create(&s, SIDE, SIDE, 1), PRECESS_OK);
	for (int e = 0; e < n; e++) {
		for (int i = 0; i < VOXELS; i++) {
			double v = m0_of(i) * exp(-time[e] / t2_of(i)) + floor;

			image[2 * i] = (float)(v * cos(i) + sigma * rng_normal(&r));
			image[2 * i + 1] = (float)(v * sin(i) + sigma * rng_normal(&r));
		}
		assert_int_equal(mapping_series_add(s, time[e], image), PRECESS_OK);
	}
	return s;
}

static const struct mapping_options plain = {
	.threshold = -1, .t2_lo = 1e-3, .t2_hi = 5, .quiet = true
};

static struct mapping_maps *run(const struct mapping_series *s, const struct mapping_options *o)
{
	struct mapping_maps *m;

	if (mapping_run(&m, MAPPING_mono, s, o))
		fail_msg("%s", precess_error());
	return m;
}

static void near(double found, double wanted, double relative)
{
	if (!(fabs(found - wanted) <= relative * fabs(wanted)))
		fail_msg("%.9g, wanted %.9g", found, wanted);
}

/* Data in single precision: 1e-7 of S, worth T2 / (last - first echo) times as much of T2. */
static void decay_comes_back(void **state)
{
	struct mapping_series *s = decays(te, ECHOES, 0, 0);
	struct mapping_maps *m = run(s, &plain);

	(void)state;
	assert_int_equal(m->n_voxel, VOXELS);
	assert_int_equal(m->n_failed, 0);
	assert_int_equal(m->n_limit, 0);
	for (int i = 0; i < VOXELS; i++) {
		near((double)m->map[MAPPING_T2][i], t2_of(i), 4e-7 * (1 + t2_of(i) / 55e-3));
		near((double)m->map[MAPPING_M0][i], m0_of(i), 1e-5);
		assert_true(m->map[MAPPING_residual][i] < 1e-6f);
		assert_true(m->map[MAPPING_T2_error][i] <
			    1e-5f * m->map[MAPPING_T2][i] * (1 + m->map[MAPPING_T2][i] / 55e-3f));
	}
	assert_null(m->map[MAPPING_floor]);
	mapping_maps_free(m);
	mapping_series_free(s);
}

static void images_are_put_in_order(void **state)
{
	static const double mixed[] = { 70e-3, 35e-3, 90e-3, 50e-3 };
	struct mapping_series *s = decays(mixed, ECHOES, 0, 0);
	struct mapping_maps *m = run(s, &plain);

	(void)state;
	for (int e = 0; e < ECHOES; e++)
		assert_true(s->te[e] == te[e]);
	near((double)m->map[MAPPING_T2][40], t2_of(40), 1e-5);
	mapping_maps_free(m);
	mapping_series_free(s);
}

static void constant_is_fitted(void **state)
{
	static const double times[] = { 10e-3, 20e-3, 40e-3, 60e-3, 90e-3, 130e-3, 200e-3 };
	struct mapping_options o = plain;
	struct mapping_series *s = decays(times, PRECESS_COUNT(times), 0.05, 0);
	struct mapping_maps *m;

	(void)state;
	o.noise = MAPPING_NOISE_offset;
	m = run(s, &o);
	for (int i = 0; i < 80; i++) { /* up to 100 ms: beyond, floor and decay look alike */
		near((double)m->map[MAPPING_T2][i], t2_of(i), 2e-4);
		near((double)m->map[MAPPING_floor][i], 0.05, 2e-3);
	}
	mapping_maps_free(m);
	o.noise = MAPPING_NOISE_none;
	m = run(s, &o);
	assert_true((double)m->map[MAPPING_T2][10] > 1.2 * t2_of(10)); /* what the constant does */
	mapping_maps_free(m);
	mapping_series_free(s);
}

/* A decay into the noise: the mean over many voxels with and without knowledge of it. */
static void rician_floor(void **state)
{
	enum { SIDE_MANY = 64, MANY = SIDE_MANY * SIDE_MANY, N = 12 };
	const double t2 = 50e-3, sigma = 0.05;
	struct mapping_options o = plain;
	struct mapping_series *s;
	struct mapping_maps *m;
	float *image = malloc(2 * MANY * sizeof *image);
	struct rng r = rng_make(2, 1);
	double mean[2] = { 0 }, spread = 0, error = 0;

	(void)state;
	assert_int_equal(mapping_series_create(&s, SIDE_MANY, SIDE_MANY, 1), PRECESS_OK);
	for (int e = 0; e < N; e++) {
		for (int i = 0; i < 2 * MANY; i++) {
			double v = i / 2 < MANY / 2 && i % 2 == 0 ? exp(-15e-3 * (e + 1) / t2) : 0;

			image[i] = (float)(v + sigma * rng_normal(&r));
		}
		assert_int_equal(mapping_series_add(s, 15e-3 * (e + 1), image), PRECESS_OK);
	}
	o.threshold = 0.35;
	for (int rician = 0; rician < 2; rician++) {
		double n = 0;

		o.noise = rician ? MAPPING_NOISE_rician : MAPPING_NOISE_none;
		m = run(s, &o);
		for (int i = 0; i < MANY; i++) {
			double v = (double)m->map[MAPPING_T2][i];

			if (v == 0)
				continue;
			n++;
			mean[rician] += v;
			if (rician) {
				spread += (v - t2) * (v - t2);
				error += pow((double)m->map[MAPPING_T2_error][i], 2);
			}
		}
		mean[rician] /= n;
		assert_in_range((unsigned)n, MANY / 2 - 20, MANY / 2 + 20);
		mapping_maps_free(m);
	}
	assert_true(mean[0] > 1.06 * t2);
	near(mean[1], t2, 0.015);           /* 2048 voxels of 6 ms each: 0.13 ms */
	near(sqrt(error / spread), 1, 0.2); /* the standard error is one */
	mapping_series_free(s);
	free(image);
}

/* The mean magnitude of a + noise by a sum over the plane of the noise. */
static double mean_magnitude(double a, double sigma)
{
	double sum = 0, weight = 0;

	for (int i = -120; i <= 120; i++) {
		for (int j = -120; j <= 120; j++) {
			double x = 0.05 * i, y = 0.05 * j, w = exp(-0.5 * (x * x + y * y));

			sum += w * hypot(a + sigma * x, sigma * y);
			weight += w;
		}
	}
	return sum / weight;
}

/* Bessel functions to 2e-7, single precision, and the sum's 1e-4 of sigma near zero. */
static void rician_mean_is_fitted(void **state)
{
	struct mapping_options o = plain;
	struct mapping_series *s;
	struct mapping_maps *m;

	(void)state;
	o.noise = MAPPING_NOISE_rician;
	o.sigma = 0.05;
	assert_int_equal(mapping_series_create(&s, 1, 1, 1), PRECESS_OK);
	for (int e = 1; e <= 10; e++) {
		float v[2] = { (float)mean_magnitude(exp(-20e-3 * e / 60e-3), o.sigma), 0 };

		assert_int_equal(mapping_series_add(s, 20e-3 * e, v), PRECESS_OK);
	}
	m = run(s, &o);
	near((double)m->map[MAPPING_T2][0], 60e-3, 1e-3);
	near((double)m->map[MAPPING_M0][0], 1, 1e-3);
	assert_true(m->map[MAPPING_residual][0] < 1e-4f);
	mapping_maps_free(m);
	mapping_series_free(s);
}

static void nothing_to_fit(void **state)
{
	struct mapping_series *s = decays(te, ECHOES, 0, 0);
	struct mapping_options o = plain;
	struct mapping_maps *m;

	(void)state;
	for (int e = 0; e < ECHOES; e++) {
		float *v = s->image + 2 * e * VOXELS;

		v[2 * 3] = v[2 * 3 + 1] = 0;     /* no signal */
		v[2 * 4] = e == 1 ? NAN : 1;     /* not a number */
		v[2 * 5] = (float)(1 + 0.1 * e); /* rising */
		v[2 * 5 + 1] = 0;
		v[2 * 6] = e == 0; /* one echo only */
		v[2 * 6 + 1] = 0;
	}
	m = run(s, &plain);
	assert_int_equal(m->n_voxel, VOXELS);
	assert_int_equal(m->n_failed, 3);
	assert_int_equal(m->n_limit, 1);
	for (int i = 3; i < 7; i++)
		assert_true(i == 5 ? m->map[MAPPING_T2][i] == 5 : m->map[MAPPING_T2][i] == 0);
	assert_true(m->map[MAPPING_T2][7] > 0);
	mapping_maps_free(m);
	memset(s->image, 0, 2 * VOXELS * ECHOES * sizeof *s->image);
	assert_int_equal(mapping_run(&m, MAPPING_mono, s, &plain), PRECESS_EINVAL);
	o.threshold = 0.1;
	assert_int_equal(mapping_run(&m, MAPPING_mono, s, &o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "mask"));
	mapping_series_free(s);
}

static void refusals(void **state)
{
	struct mapping_series *s = decays(te, 1, 0, 0);
	struct mapping_options o = plain;
	struct mapping_maps *m;
	bool all[VOXELS];
	double sigma;

	(void)state;
	assert_int_equal(mapping_run(&m, MAPPING_mono, s, &plain), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "2 echoes"));
	assert_int_equal(mapping_series_add(s, te[0], s->image), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "35 ms"));
	assert_int_equal(mapping_series_add(s, -1e-3, s->image), PRECESS_EINVAL);
	memset(all, true, sizeof all);
	assert_int_equal(mapping_noise_estimate(&sigma, s, all), PRECESS_EINVAL); /* none outside */
	mapping_series_free(s);
	s = decays(te, 2, 0, 0);
	o.noise = MAPPING_NOISE_offset;
	assert_int_equal(mapping_run(&m, MAPPING_mono, s, &o), PRECESS_EINVAL);
	m = run(s, &plain); /* solves exactly: there is no error to tell */
	assert_null(m->map[MAPPING_T2_error]);
	mapping_maps_free(m);
	s->te[1] = NAN;
	assert_int_equal(mapping_run(&m, MAPPING_mono, s, &plain), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "--te"));
	mapping_series_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decay_comes_back),
		cmocka_unit_test(images_are_put_in_order),
		cmocka_unit_test(constant_is_fitted),
		cmocka_unit_test(rician_floor),
		cmocka_unit_test(rician_mean_is_fitted),
		cmocka_unit_test(nothing_to_fit),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
