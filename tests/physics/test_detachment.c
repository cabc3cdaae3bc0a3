/* MOLED's echoes taken apart: a smooth object as the sum of its pathways, and a simulated disc. */
#include "runtime/mapping/mapping.h"
#include "runtime/sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/compile_file.h"

enum { SIDE = 128, VOXELS = SIDE * SIDE };
static const double tau = 6.283185307179586476925;

static const struct mapping_options plain = {
	.threshold = 0.2, .t2_lo = 1e-3, .t2_hi = 5, .quiet = true
};

static struct mapping_maps *run(const float *image, const struct program *p, const double *param)
{
	struct mapping_options o = plain;
	struct mapping_series *s;
	struct mapping_maps *m;

	o.program = p;
	o.param = param;
	assert_int_equal(mapping_series_create(&s, SIDE, SIDE, 1), PRECESS_OK);
	assert_int_equal(mapping_series_add(s, NAN, image), PRECESS_OK);
	if (mapping_run(&m, MAPPING_demodulate, s, &o))
		fail_msg("%s", precess_error());
	mapping_series_free(s);
	return m;
}

/* A blob of 40 mm, T2 from 60 to 120 ms across it: within a few cells of the centre of k-space. */
static void object_at(double *m0, double *t2, int i)
{
	double x = (i % SIDE + 0.5) / SIDE - 0.5, y = (i / SIDE + 0.5) / SIDE - 0.5;

	*m0 = exp(-(x * x + y * y) / (2 * 0.18 * 0.18));
	*t2 = 90e-3 + 30e-3 * sin(tau * x);
}

/* The factors of the pathways in closed form: they are what simulators of MOLED agree on. Weight of
 * pulse n at flip a: sin a cos^(n-1) a cos^(2 (4 - n)) (a / 2). Ghosts are left out. */
static void closed_form(float *image, const double k[4][2], const double te[4])
{
	static const double weight[] = { 0.406, 0.377, 0.350, 0.325 };

	memset(image, 0, 2 * VOXELS * sizeof *image);
	for (int i = 0; i < VOXELS; i++) {
		double m0, t2, x = (i % SIDE + 0.5) / SIDE - 0.5, y = (i / SIDE + 0.5) / SIDE - 0.5;

		object_at(&m0, &t2, i);
		for (int n = 0; n < 4; n++) {
			double a = tau * (k[n][0] * x + k[n][1] * y) + n;
			double v = m0 * weight[n] * exp(-te[n] / t2);

			image[2 * i] += (float)(v * cos(a));
			image[2 * i + 1] += (float)(v * sin(a));
		}
	}
}

/* Parts that share an echo's place are in the model, not in this image: 27 % of the weakest echo, with
 * their own decay. So the sequence is one in which they have a place of their own. */
static void separate_echoes(void **state)
{
	static const double k[4][2] = { { 18, 48 }, { -6, 16 }, { 6, -16 }, { -18, -48 } };
	static const double te[] = { 110.638e-3, 81.758e-3, 51.878e-3, 21.998e-3 };
	struct program *p = compile_program("sequences/moled.seq", NULL);
	float *image = malloc(2 * VOXELS * sizeof *image);
	struct mapping_maps *m;
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < p->n_pathway;
	     i++) { /* the strongest four are the primary echoes */
		if (i < 4)
			p->pathway[n++] = p->pathway[i];
	}
	p->n_pathway = n;
	closed_form(image, k, te);
	image[2 * 5] = NAN; /* in the corner, where there is no object */
	m = run(image, p, NULL);
	assert_in_range(m->n_voxel, VOXELS / 20, VOXELS / 2);
	for (int i = 0; i < VOXELS; i++) {
		double m0, t2;

		object_at(&m0, &t2, i);
		if (m0 < 0.3)
			continue;
		assert_true(fabs((double)m->map[MAPPING_T2][i] - t2) < 0.01 * t2);
		assert_true(fabs((double)m->map[MAPPING_M0][i] - m0) < 0.02);
		assert_true(m->map[MAPPING_residual][i] < 0.01f);
	}
	mapping_maps_free(m);
	free(image);
	program_free(p);
}

/* The image of a disc of T2 = 100 ms, T1 = 1 s: recovery during the 44 ms of excitation, left out,
 * would cost 2 ms. */
static void simulated(const double *param, double *t2, double *m0)
{
	static const double fov[2] = { 0.22, 0.22 };
	struct program *p = compile_program("sequences/moled.seq", NULL);
	struct sim_options options = { .tolerance = 1e-4, .quiet = true };
	struct object *o;
	struct sim_result *r;
	struct mapping_maps *m;
	struct kspace *k;
	struct maps *maps;
	struct draw *d;
	float *image;
	int center = SIDE / 2 * SIDE + SIDE / 2;

	p->map[PROGRAM_MAP_B1].channel = false;
	p->map[PROGRAM_MAP_B1].value = 1;
	p->map[PROGRAM_MAP_T1].value = 1;
	assert_int_equal(object_open(&o, "uniform"), PRECESS_OK);
	assert_int_equal(object_maps(&maps, o, p, fov, 512, 512, NULL), PRECESS_OK);
	assert_int_equal(draw_create(&d, p, param, false), PRECESS_OK);
	assert_int_equal(sim_run(&r, d, maps, &options), PRECESS_OK);
	assert_int_equal(kspace_sort(&k, d, r), PRECESS_OK);
	assert_int_equal(kspace_image(&image, d, k), PRECESS_OK);
	m = run(image, p, param);
	*t2 = (double)m->map[MAPPING_T2][center];
	*m0 = (double)m->map[MAPPING_M0][center];
	mapping_maps_free(m);
	free(image);
	kspace_free(k);
	sim_result_free(r);
	draw_free(d);
	maps_free(maps);
	object_free(o);
	program_free(p);
}

static void disc(void **state)
{
	static const double shifted[] = { 0.54e-3, 0.03, -0.02, 0.04, 0.01, -0.05, 0.02, 0, 0.03 };
	double t2, m0;

	(void)state;
	simulated(NULL, &t2, &m0);
	assert_true(fabs(t2 - 0.1) < 5e-4);
	assert_true(fabs(m0 - 1) < 0.01);
	/* what lies below an echo moves off it, by up to 3 cells, and beats with it */
	simulated(shifted, &t2, &m0);
	assert_true(fabs(t2 - 0.1) < 1e-3);
}

static void refusals(void **state)
{
	struct program *p = compile_program("sequences/se_multi.seq", NULL);
	struct mapping_options o = plain;
	float image[2] = { 1, 0 };
	struct mapping_series *s;
	struct mapping_maps *m;

	(void)state;
	assert_int_equal(mapping_series_create(&s, 1, 1, 1), PRECESS_OK);
	assert_int_equal(mapping_series_add(s, NAN, image), PRECESS_OK);
	assert_int_equal(mapping_run(&m, MAPPING_demodulate, s, &o), PRECESS_EINVAL);
	o.program = p;
	assert_int_equal(mapping_run(&m, MAPPING_demodulate, s, &o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "1 spin echo "));
	s->te[0] = 30e-3;
	assert_int_equal(mapping_series_add(s, 50e-3, image), PRECESS_OK);
	assert_int_equal(mapping_run(&m, MAPPING_demodulate, s, &o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "there are 2"));
	mapping_series_free(s);
	program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(separate_echoes),
		cmocka_unit_test(disc),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
