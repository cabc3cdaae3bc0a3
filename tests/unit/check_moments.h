/* The second route to a schedule's moments: the event list of a draw, which knows nothing of
 * epochs. */
#ifndef TESTS_UNIT_CHECK_MOMENTS_H
#define TESTS_UNIT_CHECK_MOMENTS_H

#include "runtime/program/program.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

/* Picoseconds that times are rounded to, times 40 mT/m and some events. */
static const double moment_tolerance = 1e-4;

static inline void check_epoch(const struct draw *d, uint32_t e)
{
	const struct program_epoch *o = &d->program->epoch[e];
	double t0 = d->value[o->start], t1;

	if (o->pulse != UINT32_MAX)
		t0 += d->value[d->program->pulse[o->pulse].duration];
	t1 = t0 + d->value[o->duration];
	for (int a = 0; a < 3; a++) {
		double moved = draw_moment(d, a, t0, t1);

		assert_true(fabs(moved - d->value[o->moment[a]]) < moment_tolerance);
		for (uint32_t i = 0; i < o->n_readout; i++) {
			uint32_t n = o->first_readout + i;
			const struct program_readout *r = &d->program->readout[n];
			const struct draw_event *q = &d->event[d->at[r->event]];
			double at = (double)q->start * 1e-12 + 0.5 * q->dwell;
			double from = at - d->value[r->time];
			double k[3 * 512], tau[512];

			assert_true(q->n <= 512);
			assert_true(r->shot > 0 || fabs(from - t0) < 1e-11);
			draw_readout(d, n, k, tau);
			for (uint32_t s = 0; s < q->n; s += q->n - 1) {
				double there = draw_moment(d, a, from, at + s * q->dwell);

				assert_true(fabs(k[3 * s + a] - there) < moment_tolerance);
			}
		}
	}
}

/* At ten random points of the parameter box. */
static inline void check_moments(const struct program *p)
{
	struct rng r = rng_make(1, 2);
	struct draw *d;

	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	for (int i = 0; i < 10; i++) {
		double v[16];

		assert_true(p->n_param <= 16);
		for (uint32_t k = 0; k < p->n_param; k++)
			v[k] = rng_uniform(&r, p->param[k].lo, p->param[k].hi);
		assert_int_equal(draw_set(d, v, false), PRECESS_OK);
		for (uint32_t e = 0; e < p->n_epoch; e++)
			check_epoch(d, e);
	}
	draw_free(d);
}

#endif
