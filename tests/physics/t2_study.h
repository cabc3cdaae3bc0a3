/* The reference experiment: an object imaged by a sequence, mapped, and its regions compared with the
 * truth. */
#ifndef TESTS_PHYSICS_T2_STUDY_H
#define TESTS_PHYSICS_T2_STUDY_H

#include "runtime/mapping/mapping.h"
#include "runtime/sim/sim.h"
#include "tests/unit/compile_file.h"

#include <math.h>
#include <stdlib.h>

enum { STUDY_SIDE = 128, STUDY_FINE = 4, STUDY_SPINS = STUDY_SIDE * STUDY_FINE, STUDY_REGION = 6 };
static const double study_fov[2] = { 0.22, 0.22 };

/* Regions by their relative error of the mean. */
struct study_score {
	int n, within;             /* regions; of these, off by less than 1 % */
	double worst, mean, slice; /* |error| of a region; error; |mean error| of an object */
};

/* Adds the images of all echoes. */
static inline void study_image(struct mapping_series *s, struct program *p, const double *param,
			       const struct object *o, double b1)
{
	struct sim_options options = { .tolerance = 1e-5, .quiet = true };
	struct kspace_center *c;
	struct sim_result *r;
	struct kspace *k;
	struct maps *m;
	struct draw *d;
	float *image;
	int n;

	p->map[PROGRAM_MAP_B1].channel = false;
	p->map[PROGRAM_MAP_B1].value = b1;
	if (object_maps(&m, o, p, study_fov, STUDY_SPINS, STUDY_SPINS, NULL) ||
	    draw_create(&d, p, param, false) || sim_run(&r, d, m, &options) ||
	    kspace_sort(&k, d, r) || kspace_image(&image, d, k) || kspace_centers(&c, &n, d))
		fail_msg("%s", precess_error());
	assert_int_equal(n, k->n_set);
	for (int i = 0; i < n; i++)
		assert_int_equal(
			mapping_series_add(s, c[i].te, image + 2 * MAPPING_VOXELS(s) * (size_t)i),
			PRECESS_OK);
	free(c);
	free(image);
	kspace_free(k);
	sim_result_free(r);
	draw_free(d);
	maps_free(m);
}

static inline struct mapping_series *study_series(void)
{
	struct mapping_series *s;

	assert_int_equal(mapping_series_create(&s, STUDY_SIDE, STUDY_SIDE, 1), PRECESS_OK);
	return s;
}

/* The spins of a region of pixels: one tissue, and their mean; else 0. */
static inline double study_truth(const struct maps *m, int x, int y)
{
	double lo = INFINITY, hi = 0, sum = 0;
	const int side = STUDY_REGION * STUDY_FINE;

	for (int i = 0; i < side * side; i++) {
		size_t at = (size_t)(y * STUDY_FINE + i / side) * STUDY_SPINS +
			    (size_t)(x * STUDY_FINE + i % side);
		double t2 = m->map[PROGRAM_MAP_M0][at] > 0 ? (double)m->map[PROGRAM_MAP_T2][at] : 0;

		lo = fmin(lo, t2);
		hi = fmax(hi, t2);
		sum += t2 / (side * side);
	}
	return lo > 0 && hi < 1.15 * lo ? sum : 0;
}

static inline void study_compare(struct study_score *score, const struct mapping_maps *found,
				 struct program *p, const struct object *o)
{
	double sum = 0;
	int n = 0;
	struct maps *m;

	if (object_maps(&m, o, p, study_fov, STUDY_SPINS, STUDY_SPINS, NULL))
		fail_msg("%s", precess_error());
	for (int y = 0; y + STUDY_REGION <= STUDY_SIDE; y += STUDY_REGION) {
		for (int x = 0; x + STUDY_REGION <= STUDY_SIDE; x += STUDY_REGION) {
			double truth = study_truth(m, x, y), value = 0;

			if (!(truth > 0))
				continue;
			for (int i = 0; i < STUDY_REGION * STUDY_REGION; i++)
				value += (double)found->map[MAPPING_T2]
							   [(y + i / STUDY_REGION) * STUDY_SIDE +
							    x + i % STUDY_REGION];
			value = value / (STUDY_REGION * STUDY_REGION) / truth - 1;
			score->worst = fmax(score->worst, fabs(value));
			score->within += fabs(value) < 0.01;
			sum += value;
			n++;
		}
	}
	maps_free(m);
	if (!n)
		return;
	score->slice = fmax(score->slice, fabs(sum / n));
	score->mean = (score->n * score->mean + sum) / (score->n + n);
	score->n += n;
}

static inline void study_map(struct study_score *score, enum mapping_method method,
			     const struct mapping_series *s, struct program *p,
			     const struct object *o)
{
	const struct mapping_options options = { .threshold = 0.05,
						 .t2_lo = 5e-3,
						 .t2_hi = 5,
						 .b1_lo = 0.5,
						 .b1_hi = 1,
						 .program = p,
						 .quiet = true };
	struct mapping_maps *m;

	if (mapping_run(&m, method, s, &options))
		fail_msg("%s", precess_error());
	study_compare(score, m, p, o);
	mapping_maps_free(m);
}

/* One exponential through spin echoes at the times of the reference protocol. */
static inline void study_spin_echoes(struct study_score *score, const char *object)
{
	static const double te[] = { 35e-3, 50e-3, 70e-3, 90e-3 };
	struct program *p = compile_program("sequences/se_multi.seq", NULL);
	struct mapping_series *s = study_series();
	struct object *o;

	if (object_open(&o, object))
		fail_msg("%s", precess_error());
	for (size_t i = 0; i < PRECESS_COUNT(te); i++)
		study_image(s, p, &te[i], o, 1);
	study_map(score, MAPPING_mono, s, p, o);
	object_free(o);
	mapping_series_free(s);
	program_free(p);
}

/* An echo train at a low B1, by one exponential and by a dictionary. */
static inline void study_train(struct study_score *plain, struct study_score *matched,
			       const char *object)
{
	struct program *p = compile_program("sequences/cpmg.seq", NULL);
	struct mapping_series *s = study_series();
	struct object *o;

	if (object_open(&o, object))
		fail_msg("%s", precess_error());
	study_image(s, p, NULL, o, 0.8);
	study_map(plain, MAPPING_mono, s, p, o);
	study_map(matched, MAPPING_stimulated, s, p, o);
	object_free(o);
	mapping_series_free(s);
	program_free(p);
}

#endif
