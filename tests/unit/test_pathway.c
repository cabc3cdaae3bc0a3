/* Coherence pathways found by the compiler: places and strengths of sequences.md, checked also
 * against the numeric graph of runtime/sim at other parameters than the defaults. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/sim/sim.h"
#include "tests/unit/compile_file.h"

static const struct program_pathway *by_order(const struct program *p, const char *order)
{
	for (uint32_t i = 0; i < p->n_pathway; i++) {
		if (strcmp(p->pathway[i].order, order) == 0)
			return &p->pathway[i];
	}
	fail_msg("no pathway %s", order);
	return NULL;
}

static void lies_at(const struct draw *d, const char *order, double kx, double ky, double te)
{
	const struct program_pathway *q = by_order(d->program, order);

	assert_true(fabs(d->value[q->k[0]] - kx) < 1e-6);
	assert_true(fabs(d->value[q->k[1]] - ky) < 1e-6);
	if (te > 0)
		assert_true(fabs(d->value[q->time] - te) < 0.2e-3);
}

static void moled(void **state)
{
	struct program *p = compile_program("sequences/moled.seq", NULL);
	double strongest = 0, over5 = 0;
	struct draw *d;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), 0);
	assert_int_equal(p->n_pathway, 14);
	/* echo times at ESP 0.465 ms; the middle of the line is within half an echo spacing */
	lies_at(d, "000-+", -18, -48, 22.0e-3);
	lies_at(d, "00--+", 6, -16, 51.9e-3);
	lies_at(d, "0---+", -6, 16, 81.8e-3);
	lies_at(d, "----+", 18, 48, 110.6e-3);
	lies_at(d, "+---+", -30, -16, 0);
	lies_at(d, "-0--+", 30, 16, 0);
	lies_at(d, "0+--+", 18, -48, 0);
	strongest = p->pathway[3].amplitude; /* echo 4 is the fourth of M0 alone */
	for (uint32_t i = 0; i < p->n_pathway; i++)
		over5 += p->pathway[i].amplitude > 0.05 * strongest;
	assert_int_equal(over5, 11);
	/* sin a cos^{n-1} a cos^{2(4-n)}(a/2) at B1 = 1, spin echoes through a perfect 180 */
	assert_true(fabs(hypot(by_order(p, "----+")->re, by_order(p, "----+")->im) - 0.406) < 1e-3);
	assert_true(fabs(hypot(by_order(p, "000-+")->re, by_order(p, "000-+")->im) - 0.325) < 1e-3);
	draw_free(d);
	program_free(p);
}

/* A stimulated echo that hides under echo 4 at the defaults leaves it when a gradient changes. */
static void moled_moves(void **state)
{
	struct program *p = compile_program("sequences/moled.seq", NULL);
	double *param = malloc(p->n_param * sizeof *param), apart;
	const struct program_pathway *a, *b;
	struct pathway *list;
	struct draw *d;
	size_t n;

	(void)state;
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = i % 4 == 1 ? p->param[i].lo : p->param[i].hi; /* G1 less, G3 more */
	assert_int_equal(draw_create(&d, p, param, false), 0);
	a = by_order(p, "000-+");
	b = by_order(p, "+0--+");
	apart = hypot(d->value[a->k[0]] - d->value[b->k[0]], d->value[a->k[1]] - d->value[b->k[1]]);
	assert_true(apart > 1);
	/* the numeric graph at this draw finds each of them where the symbolic one says */
	assert_int_equal(pathways_find(&list, &n, d, 0, 0, 0.7, 1.3, 0.01), 0);
	for (size_t i = 0; i < n; i++) {
		double best = INFINITY;

		for (uint32_t j = 0; j < p->n_pathway; j++) {
			const struct program_pathway *q = &p->pathway[j];

			best = fmin(best, hypot(d->value[q->k[0]] - list[i].k[0] * p->fov[0],
						d->value[q->k[1]] - list[i].k[1] * p->fov[1]));
		}
		assert_true(best < 1e-3);
	}
	assert_true(n >= 10);
	free(list);
	free(param);
	draw_free(d);
	program_free(p);
}

/* One echo at k = 0; its time is the effective echo time at every draw. */
static void centred(const char *path, double amplitude, double te_lo, double te_hi, bool at_hi)
{
	struct program *p = compile_program(path, NULL);
	double *param = malloc((p->n_param + 1) * sizeof *param);
	const struct program_pathway *q = &p->pathway[0];
	struct draw *d;

	assert_int_equal(p->n_pathway, 1);
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = at_hi ? p->param[i].hi : p->param[i].lo;
	assert_int_equal(draw_create(&d, p, param, false), 0);
	assert_true(d->value[q->k[0]] == 0 && d->value[q->k[1]] == 0);
	assert_true(fabs(q->amplitude - amplitude) < 0.02);
	assert_true(d->value[q->time] > te_lo && d->value[q->time] < te_hi);
	free(param);
	draw_free(d);
	program_free(p);
}

static void one_centred_echo(void **state)
{
	(void)state;
	centred("sequences/gre_epi.seq", 1, 39.8e-3, 40.2e-3, false);
	centred("sequences/gre_epi.seq", 1, 79.8e-3, 80.2e-3, true);
	centred("sequences/fse.seq", 0.95, 71.9e-3, 72.1e-3, false);
	centred("sequences/fse.seq", 0.95, 134.9e-3, 135.1e-3, true);
}

/* The tutorials: every program with an image sees something at k = 0 first. */
static void tutorials(void **state)
{
	static const char *const path[] = { "sequences/02_spin_echo.seq",
					    "sequences/05_multi_echo.seq", "sequences/06_bssfp.seq",
					    "sequences/07_spin_echo_epi.seq" };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(path); i++) {
		struct program *p = compile_program(path[i], NULL);
		struct draw *d;

		assert_true(p->n_pathway > 0);
		assert_int_equal(draw_create(&d, p, NULL, false), 0);
		assert_true(fabs(d->value[p->pathway[0].k[0]]) < 0.51);
		assert_true(fabs(d->value[p->pathway[0].k[1]]) < 0.51);
		draw_free(d);
		program_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moled),
		cmocka_unit_test(moled_moves),
		cmocka_unit_test(one_centred_echo),
		cmocka_unit_test(tutorials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
