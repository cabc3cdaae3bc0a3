/* Maps of simulated images against the object, on drawn heads; tests/slow/test_t2_study.c has more of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/physics/t2_study.h"

/* A region's mean suffers from the ringing of its surroundings and from spins of other T2 in it. */
static void spin_echoes(void **state)
{
	struct study_score score = { 0 };

	(void)state;
	study_spin_echoes(&score, "head:3");
	print_message("%d regions, worst %.2g, mean %.2g\n", score.n, score.worst, score.mean);
	assert_true(score.n >= 5);
	assert_true(score.worst < 0.01);
}

static void low_b1(void **state)
{
	struct study_score plain = { 0 }, matched = { 0 };

	(void)state;
	study_train(&plain, &matched, "head:3");
	print_message("%d regions: one exponential %+.2g, dictionary %+.2g, worst %.2g\n", plain.n,
		      plain.mean, matched.mean, matched.worst);
	assert_true(matched.n >= 5);
	assert_true(plain.mean > 0.05);
	assert_true(matched.slice < 0.01);
	assert_true(matched.worst < 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spin_echoes),
		cmocka_unit_test(low_b1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
