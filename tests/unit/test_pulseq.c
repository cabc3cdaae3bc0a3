/* The Pulseq reader and writer on files made for the purpose; what other programs wrote is
 * tests/refcases' business. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/passes/passes.h"
#include "compiler/pulseq/pulseq.h"

#define V15 "# a file\n[VERSION]\nmajor 1\nminor 5\nrevision 0\n[DEFINITIONS]\nName two words\n" \
	    "FOV 0.2 0.2 0.005\nBlockDurationRaster 1e-05\n"
#define SHAPES "[SHAPES]\nshape_id 1\nnum_samples 4\n1\n1\n1\n1\nshape_id 2\nnum_samples 100\n" \
	       "0.5\n0\n0\n97\nshape_id 3\nnum_samples 3\n0\n10\n30\nshape_id 4\nnum_samples 3\n" \
	       "0\n1\n0.25\n"
#define RF "[RF]\n1 250 2 0 0 50 10 0 0 100 0.5 e\n"
#define ADC "[ADC]\n1 4 25000 20 0 0 80 1 0\n"
#define FULL V15 "[BLOCKS]\n1 20 1 0 0 2 0 0\n2 30 0 1 0 0 1 1\n3 5 0 0 0 0 0 0\n" RF \
	     "[GRADIENTS]\n1 1000 0 250 4 3 0\n[TRAP]\n2 500 20 100 30 10\n" ADC \
	     "[EXTENSIONS]\n1 1 1 2\n2 2 1 0\nextension LABELINC 1\n1 2 LIN\n" \
	     "extension LABELSET 2\n1 5 LIN\n" SHAPES

static struct ir *parse(const char *text)
{
	struct ir *ir;

	if (pulseq_parse(&ir, text, strlen(text), "t.seq", NULL))
		fail_msg("%s", precess_error());
	assert_int_equal(ir_verify(ir), 0);
	return ir;
}

static double value(const struct ir *ir, ir_scalar e)
{
	return ir_eval(ir, e, NULL);
}

static void near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-12 * fmax(fabs(b), 1e-6)))
		fail_msg("%.17g, expected %.17g", a, b);
}

static void reads_events(void **state)
{
	struct ir *ir = parse(FULL);
	const struct ir_event *e = ir->event;
	const double pi = 3.14159265358979323846;

	(void)state;
	assert_string_equal(ir->name, "two_words");
	near(ir->geometry.fov[0], 0.2);
	assert_int_equal(ir->n_block, 3);
	near(value(ir, ir->duration), 550e-6);
	assert_int_equal(e[0].kind, IR_RF);
	assert_int_equal(e[0].use, IR_USE_excitation);
	assert_int_equal(e[0].shape, IR_NO_SHAPE); /* all samples are 0.5 */
	near(value(ir, e[0].flip), 2 * pi * 125 * 100e-6);
	near(value(ir, e[0].start), 10e-6);
	near(value(ir, e[0].center), 50e-6);
	near(value(ir, e[0].freq), 100);
	near(value(ir, e[0].phase), 0.5);
	assert_int_equal(e[1].axis, 2);
	near(value(ir, e[1].amplitude) * ir->system.gamma, 500);
	near(value(ir, e[1].rise), 20e-6);
	near(value(ir, e[1].start), 10e-6);
	/* points (0, 0), (100 us, 1), (300 us, 1/4): a ramp, and a line down */
	near(value(ir, e[2].amplitude) * ir->system.gamma, 1000);
	near(value(ir, e[2].rise), 100e-6);
	near(value(ir, e[3].duration), 200e-6);
	near(ir->shape[e[3].shape].sample[0], 0.625);
	near(ir->shape[e[3].shape].last, 0.25);
	assert_int_equal(e[4].kind, IR_ADC);
	assert_int_equal(e[4].n, 4);
	near(value(ir, e[4].dwell), 25e-6);
	near(value(ir, e[4].phase), 1 + 2 * pi * 80 * 12.5e-6); /* at the first sample */
	assert_int_equal(e[4].label[IR_LABEL_line], 7); /* SET before INC */
	assert_int_equal(e[4].label[IR_LABEL_slice], -1);
	ir_free(ir);
}

static void reads_old_versions(void **state)
{
	struct ir *ir = parse("[VERSION]\nmajor 1\nminor 3\nrevision 0\n[BLOCKS]\n"
			      "1 0 1 0 0 0 0 0\n2 1 0 1 0 0 0 0\n[RF]\n1 250 1 1 10 0 0\n"
			      "[GRADIENTS]\n1 1000 2 0\n[DELAYS]\n1 500\n[SHAPES]\nshape_id 1\n"
			      "num_samples 10\n0.5\n0\n0\n7\nshape_id 2\nnum_samples 3\n1\n0\n1\n");

	(void)state;
	assert_int_equal(ir->n_block, 2);
	near(value(ir, ir->block[0].duration), 20e-6);
	near(value(ir, ir->block[1].duration), 500e-6);
	assert_int_equal(ir->event[0].shape, IR_NO_SHAPE); /* half a turn of phase throughout */
	near(fabs(value(ir, ir->event[0].phase)), 3.14159265358979323846);
	assert_int_equal(ir->shape[ir->event[1].shape].n, 3);
	near(ir->shape[ir->event[1].shape].sample[2], 2); /* compressed: differences */
	ir_free(ir);
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *want;
	} list[] = {
		{ V15, "ends without [BLOCKS]" },
		{ V15 "[BLOCKS]\n", "no blocks" },
		{ V15 "[BLOCKS]\n1 20 1 0 0\n", "8 columns" },
		{ V15 "[BLOCKS]\n1 20 7 0 0 0 0 0\n" RF SHAPES, "plays RF 7" },
		{ V15 "[BLOCKS]\n1 5 1 0 0 0 0 0\n" RF SHAPES, "overlap" },
		{ V15 "[BLOCKS]\n1 20 1 0 0 0 0 0\n[RF]\n1 nan 2 0 0 50 10 0 0 0 0 e\n" SHAPES,
		  "'nan' is not a finite number" },
		{ V15 "[BLOCKS]\n1 20 1 0 0 0 0 0\n[RF]\n1 1 2 1 0 50 10 0 0 0 0 e\n" SHAPES,
		  "they must agree" },
		{ V15 "[BLOCKS]\n1 20 1 0 0 0 0 0\n[RF]\n1 1 2 0 100 0 0 0\n" SHAPES, "columns" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 0\n[SHAPES]\nshape_id 1\nnum_samples 1250000000\n1\n",
		  "too many samples" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 0\n[SHAPES]\nshape_id 1\nnum_samples 5\n1\n2\n",
		  "declares 5 samples" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 0\n[SHAPES]\nshape_id 1\nnum_samples 9\n1\n1\n1e9\n",
		  "declares 9 samples" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 0\n" RF RF, "there twice" },
		{ V15 "RequiredExtensions MAGIC\n[BLOCKS]\n1 20 0 0 0 0 0 0\n", "MAGIC" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 1\n[EXTENSIONS]\n1 1 1 1\nextension LABELSET 1\n"
		      "1 1 LIN\n", "leads back" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 1\n[EXTENSIONS]\n1 1 1 0\nextension ROTATIONS 1\n"
		      "1 1 0 0 0\n", "ROTATIONS is not supported" },
		{ "[VERSION]\nmajor 2\nminor 0\n", "not known" },
		{ V15 "[DELAYS]\n1 100\n[BLOCKS]\n1 20 0 0 0 0 0 0\n", "no section [DELAYS]" },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(list); i++) {
		struct ir *ir;

		assert_int_not_equal(pulseq_parse(&ir, list[i].text, strlen(list[i].text), "t.seq",
						  NULL), 0);
		assert_null(ir);
		if (!strstr(precess_error(), list[i].want) ||
		    strncmp(precess_error(), "t.seq:", 6) != 0)
			fail_msg("%s: expected %s", precess_error(), list[i].want);
	}
}

/* Every truncation is either read or refused. */
static void survives_truncation(void **state)
{
	size_t n = strlen(FULL);

	(void)state;
	for (size_t k = 0; k < n; k++) {
		struct ir *ir;

		if (!pulseq_parse(&ir, FULL, k, "t.seq", NULL))
			ir_free(ir);
	}
}

static void round_trip(void **state)
{
	(void)state;
	for (int minor = 4; minor <= 5; minor++) {
		struct ir *a = parse(FULL), *b;
		struct text out;

		text_init(&out);
		if (pulseq_write(&out, a, NULL, minor, NULL))
			fail_msg("%s", precess_error());
		b = parse(out.data);
		assert_int_equal(a->n_block, b->n_block);
		assert_int_equal(a->n_event, b->n_event);
		for (uint32_t i = 0; i < a->n_event; i++) {
			const struct ir_event *x = &a->event[i], *y = &b->event[i];

			assert_int_equal(x->kind, y->kind);
			near(value(b, y->start), value(a, x->start));
			near(value(b, y->duration), value(a, x->duration));
			near(value(b, y->flip), value(a, x->flip));
			near(value(b, y->amplitude), value(a, x->amplitude));
			near(value(b, y->freq), value(a, x->freq));
			near(value(b, y->phase), value(a, x->phase));
			assert_int_equal(x->label[IR_LABEL_line], y->label[IR_LABEL_line]);
		}
		near(value(b, b->duration), value(a, a->duration));
		text_free(&out);
		ir_free(a);
		ir_free(b);
	}
}

static void lowers(void **state)
{
	struct ir *ir = parse(FULL);
	struct lang *l = lang_create();
	struct program *p;

	(void)state;
	assert_int_equal(passes_run(ir, NULL, NULL), 0);
	assert_int_equal(lower(&p, ir, l, "t.seq"), 0);
	assert_int_equal(p->n_sample, 4);
	program_free(p);
	lang_free(l);
	ir_free(ir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_events), cmocka_unit_test(reads_old_versions),
		cmocka_unit_test(refuses), cmocka_unit_test(survives_truncation),
		cmocka_unit_test(round_trip), cmocka_unit_test(lowers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
