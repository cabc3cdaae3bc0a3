/* A Pulseq file of a million blocks: read and lowered in time that grows with its size and in
 * memory that is bounded by it; many distinct shapes, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/passes/passes.h"
#include "compiler/pulseq/pulseq.h"

#define HEAD                                                                           \
	"[VERSION]\nmajor 1\nminor 5\nrevision 0\n[DEFINITIONS]\nBlockDurationRaster " \
	"1e-05\n[BLOCKS]\n"

/* RF-spoiled gradient echoes of 256 lines: four blocks each. */
static void gradient_echoes(struct text *t, int blocks)
{
	text_printf(t, HEAD);
	for (int i = 0; i < blocks / 4; i++)
		text_printf(t,
			    "%d 30 %d 0 0 0 0 0\n%d 100 0 1 %d 0 0 0\n%d 320 0 2 0 0 1 %d\n"
			    "%d 550 0 0 0 0 0 0\n",
			    4 * i + 1, 1 + i % 720, 4 * i + 2, 10 + i % 256, 4 * i + 3, 1 + i % 256,
			    4 * i + 4);
	text_printf(t, "[RF]\n");
	for (int i = 0; i < 720; i++)
		text_printf(t, "%d 150 1 0 2 100 50 0 0 0 %.9g e\n", 1 + i,
			    (117 * i * (i + 1) / 2 % 360) * 3.14159265358979323846 / 180);
	text_printf(t, "[TRAP]\n1 -100000 100 800 100 0\n2 62500 50 3000 50 0\n");
	for (int i = 0; i < 256; i++)
		text_printf(t, "%d %d 100 800 100 0\n", 10 + i, 1000 * (i - 128));
	text_printf(t, "[ADC]\n1 128 20000 170 0 0 0 0 0\n[EXTENSIONS]\n");
	for (int i = 0; i < 256; i++)
		text_printf(t, "%d 1 %d 0\n", 1 + i, 1 + i);
	text_printf(t, "extension LABELSET 1\n");
	for (int i = 0; i < 256; i++)
		text_printf(t, "%d %d LIN\n", 1 + i, i);
	text_printf(
		t,
		"[SHAPES]\nshape_id 1\nnum_samples 2\n1\n1\nshape_id 2\nnum_samples 2\n0\n200\n");
}

/* Every block has a gradient of a shape of its own. */
static void own_shapes(struct text *t, int blocks)
{
	text_printf(t, HEAD);
	for (int i = 1; i <= blocks; i++)
		text_printf(t, "%d 40 0 %d 0 0 1 0\n", i, i);
	text_printf(t, "[GRADIENTS]\n");
	for (int i = 1; i <= blocks; i++)
		text_printf(t, "%d 1000 0 0 %d 0 0\n", i, i);
	text_printf(t, "[ADC]\n1 16 10000 20 0 0 0 0 0\n[SHAPES]\n");
	for (int i = 1; i <= blocks; i++)
		text_printf(t, "shape_id %d\nnum_samples 4\n0.1\n0.5\n0.7\n0.%06d\n", i, i);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double load(void make(struct text *, int), int blocks)
{
	struct lang *l = lang_create();
	struct program *p;
	struct text t;
	struct ir *ir;
	double begun;

	text_init(&t);
	make(&t, blocks);
	begun = seconds();
	if (pulseq_parse(&ir, t.data, t.n, "big.seq", NULL) || passes_run(ir, NULL, NULL) ||
	    lower(&p, ir, l, "big.seq"))
		fail_msg("%s", precess_error());
	begun = seconds() - begun;
	assert_true(p->n_block >= (uint32_t)blocks / 2);
	program_free(p);
	ir_free(ir);
	lang_free(l);
	text_free(&t);
	return begun;
}

/* Five times the blocks take no more than ten times as long. */
static void grows_with_size(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		void (*make)(struct text *, int) = k ? own_shapes : gradient_echoes;
		double small = load(make, k ? 40000 : 200000),
		       large = load(make, k ? 200000 : 1000000);
		struct rusage r;

		getrusage(RUSAGE_SELF, &r);
		print_message("%s: %.1f s and %.1f s of the processor, %.0f MB at most so far\n",
			      k ? "own shapes" : "gradient echoes", small, large,
			      (double)r.ru_maxrss / 1024);
		assert_true(large <= 10 * small + 1);
		assert_true(r.ru_maxrss < 3 << 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(grows_with_size) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
