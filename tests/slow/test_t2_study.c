/* The 21-slice study: classical maps of simulated images against the truth, on slices of BrainWeb where
 * they are at hand and on drawn heads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/physics/t2_study.h"

enum { SLICES = 21, TRAINS = 3, FIRST = 45, STEP = 3 };

static char brain[512];

static void name_of(char name[600], bool is_brain, int i)
{
	if (is_brain)
		snprintf(name, 600, "%s:%d", brain, FIRST + i * STEP);
	else
		snprintf(name, 600, "head:%d", 100 + i);
}

static void check(bool is_brain)
{
	struct study_score score = { 0 }, plain = { 0 }, matched = { 0 };
	char name[600];

	for (int i = 0; i < SLICES; i++) {
		name_of(name, is_brain, i);
		study_spin_echoes(&score, name);
	}
	print_message("%d slices, %d regions: mean %+.2g, worst of a slice %.2g, of a region %.2g, "
		      "below 1 %%: %d\n",
		      SLICES, score.n, score.mean, score.slice, score.worst, score.within);
	assert_true(score.n > 5 * SLICES);
	assert_true(score.slice < 0.01);
	assert_true(score.within > 0.95 * score.n);
	for (int i = 0; i < TRAINS; i++) {
		name_of(name, is_brain, i * SLICES / TRAINS);
		study_train(&plain, &matched, name);
	}
	print_message("B1 = 0.8, %d regions: one exponential %+.2g, dictionary %+.2g, worst %.2g\n",
		      plain.n, plain.mean, matched.mean, matched.worst);
	assert_true(plain.mean > 0.05);
	assert_true(matched.slice < 0.01);
	assert_true(matched.worst < 0.02);
}

static void drawn_heads(void **state)
{
	(void)state;
	check(false);
}

static void brain_slices(void **state)
{
	const char *shared = getenv("PRECESS_SHARED");

	(void)state;
	snprintf(brain, sizeof brain, "%s/data/phantoms/mni_brainweb_1mm.h5",
		 shared ? shared : "../shared");
	if (access(brain, R_OK) != 0)
		skip();
	check(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawn_heads),
		cmocka_unit_test(brain_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
