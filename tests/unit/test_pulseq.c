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
		      "1 0.5 0 0 0\n", "has the norm 0.5" },
		{ V15 "[BLOCKS]\n1 20 1 0 0 0 0 1\n" RF SHAPES "[EXTENSIONS]\n1 1 1 0\n"
		      "extension RF_SHIMS 1\n1 2 1 0 1 1.57\n", "parallel transmission" },
		{ V15 "[BLOCKS]\n1 20 1 0 0 0 0 1\n" RF SHAPES "[EXTENSIONS]\n1 1 1 0\n"
		      "extension DELAYS 1\n1 0 0 1 TE\n", "a block that plays something" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 0 1\n[EXTENSIONS]\n1 1 7 0\nextension ROTATIONS 1\n"
		      "1 1 0 0 0\n", "plays rotation 7" },
		{ V15 "[BLOCKS]\n1 20 0 0 0 0 1 0\n[ADC]\n1 4 25000 20 0 0 0 0 4\n" SHAPES,
		  "whose phase shape 4 has 3" },
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
		if (pulseq_write(&out, a, NULL, minor, 0, NULL))
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

/* ------------------------------------------------------------------ extensions */
/* A quarter turn about z: x becomes y, y becomes -x. By 45 degrees two trapezoids of equal timing
 * become two, of other timing straight lines; the squares of the areas add up all the same. */
static void turns_gradients(void **state)
{
	static const char head[] = V15 "[BLOCKS]\n1 30 0 2 3 0 0 1\n[TRAP]\n2 500 20 100 30 10\n";
	static const char tail[] = "[EXTENSIONS]\n1 1 1 0\nextension ROTATIONS 1\n";
	static const char *const second[] = { "3 250 20 100 30 10\n", "3 250 40 60 20 0\n" };
	const double area[] = { 500 * 125e-6, 250 * 125e-6, 250 * 90e-6 };

	(void)state;
	for (int k = 0; k < 4; k++) {
		bool quarter = k % 2;
		double sum[3] = { 0 }, want[2], a = area[0], b = area[k / 2 ? 2 : 1];
		struct ir *ir;
		struct text t;

		text_init(&t);
		text_printf(&t, "%s%s%s1 %s\n", head, second[k / 2], tail,
			    quarter ? "0.70710678118654757 0 0 0.70710678118654757"
				    : "0.92387953251128674 0 0 0.38268343236508978");
		ir = parse(t.data);
		for (uint32_t i = 0; i < ir->n_event; i++) {
			const struct ir_event *e = &ir->event[i];
			double length = value(ir, e->flat) + 0.5 * (value(ir, e->rise) +
								    value(ir, e->fall));

			if (e->shape != IR_NO_SHAPE) /* one sample: straight lines through it */
				length = value(ir, e->duration) *
					 (ir->shape[e->shape].first + ir->shape[e->shape].last +
					  2 * ir->shape[e->shape].sample[0]) / 4;
			sum[e->axis] += value(ir, e->amplitude) * length * ir->system.gamma;
		}
		want[0] = quarter ? -b : (a - b) * sqrt(0.5);
		want[1] = quarter ? a : (a + b) * sqrt(0.5);
		assert_true(fabs(sum[0] - want[0]) < 1e-9 && fabs(sum[1] - want[1]) < 1e-9);
		assert_true(sum[2] == 0);
		text_free(&t);
		ir_free(ir);
	}
}

static void scales_pulses(void **state)
{
	struct ir *ir = parse(V15 "[BLOCKS]\n1 20 1 0 0 0 0 1\n" RF SHAPES "[EXTENSIONS]\n1 1 1 0\n"
			      "extension RF_SHIMS 1\n1 2 0.5 0.25 0.5 0.25\n");

	(void)state;
	near(value(ir, ir->event[0].flip), 3.14159265358979323846 * 125 * 100e-6);
	near(value(ir, ir->event[0].phase), 0.75);
	ir_free(ir);
}

#define SOFT V15 "[BLOCKS]\n1 20 1 0 0 0 0 0\n2 100 0 0 0 0 0 1\n3 20 1 0 0 0 0 0\n4 50 0 0 0 0 0 2\n" \
	     RF "[EXTENSIONS]\n1 1 1 0\n2 1 2 0\nextension DELAYS 1\n1 0 -500 2 TE\n" \
	     "2 0 3500 -1 TE\n" SHAPES

/* D = TE / 2 - 0.5 ms and 3.5 ms - TE: 1 ms at TE = 3 ms, which lies in 1 .. 3.5 ms. */
static void keeps_soft_delays(void **state)
{
	struct ir *ir = parse(SOFT);
	double te = 2e-3;

	(void)state;
	assert_int_equal(ir->n_param, 1);
	assert_string_equal(ir->param[0].name, "TE");
	near(ir->param[0].value, 3e-3);
	near(ir->param[0].lo, 1e-3);
	near(ir->param[0].hi, 3.5e-3);
	near(ir_eval(ir, ir->block[1].duration, &te), 0.5e-3);
	near(ir_eval(ir, ir->block[3].duration, &te), 1.5e-3);
	near(ir_eval(ir, ir->block[2].start, &te), 0.7e-3);
	near(ir_eval(ir, ir->duration, &te), 2.4e-3);
	ir_free(ir);
}

/* Phases 0, 1, 2 rad, then 5: a window of three samples, whose frequency turns it, and one of
 * one. */
static void splits_windows(void **state)
{
	struct ir *ir = parse(V15 "[BLOCKS]\n1 30 0 0 0 0 1 0\n[ADC]\n1 4 25000 20 0 0 0 0.5 1\n"
			      "[SHAPES]\nshape_id 1\nnum_samples 4\n0\n1\n2\n5\n");
	const struct ir_event *e = ir->event;

	(void)state;
	assert_int_equal(ir->n_event, 2);
	assert_int_equal(e[0].n, 3);
	assert_int_equal(e[1].n, 1);
	near(value(ir, e[0].phase), 0.5);
	assert_true(fabs(value(ir, e[0].freq) * 2 * 3.14159265358979323846 * 25e-6 - 1) < 1e-6);
	near(value(ir, e[1].start), 95e-6);
	near(value(ir, e[1].phase), 5.5);
	ir_free(ir);
}

/* The sum of the text was made by md5sum; a letter more, and it is told. */
static void checks_signatures(void **state)
{
	static const char *const text[] = {
		"[BLOCKS]\n1 20 0 0 0 0 0 0\n[DELAYS]\n20 5\n\n[SIGNATURE]\nType md5\nHash "
		"ed24857ad43ee6dddcf345c4fe2206e6\n",
		"[BLOCKS]\n1 20 0 0 0 0 0 0\n[DELAYS]\n20 6\n\n[SIGNATURE]\nType md5\nHash "
		"ed24857ad43ee6dddcf345c4fe2206e6\n",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct text warnings;
		struct ir *ir;

		text_init(&warnings);
		assert_int_equal(pulseq_parse(&ir, text[i], strlen(text[i]), "t.seq", &warnings), 0);
		assert_true((strstr(warnings.data, "after it was signed") != NULL) == (i == 1));
		text_free(&warnings);
		ir_free(ir);
	}
}

/* ------------------------------------------------------------------ the binary form */
static void put(struct text *t, uint64_t v, int n, bool swapped)
{
	for (int i = 0; i < n; i++) {
		char c = (char)(v >> 8 * (swapped ? n - 1 - i : i));

		text_add(t, &c, 1);
	}
}

static void put_double(struct text *t, double v, bool swapped)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	put(t, bits, 8, swapped);
}

/* The letters of `format` are those of binary.c's fields, and s a section, f a float. */
static void pack(struct text *t, bool swapped, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	for (; *format; format++) {
		float f;
		uint32_t u;

		if (*format == 'i') {
			put(t, (uint32_t)va_arg(ap, int), 4, swapped);
		} else if (*format == 'l') {
			put(t, (uint64_t)va_arg(ap, int), 8, swapped);
		} else if (*format == 's') {
			put(t, (uint64_t)va_arg(ap, int) | (uint64_t)0xffffffff << 32, 8, swapped);
		} else if (*format == 'c') {
			put(t, (uint64_t)va_arg(ap, int), 1, swapped);
		} else if (*format == 'd') {
			put_double(t, va_arg(ap, double), swapped);
		} else {
			f = (float)va_arg(ap, double);
			memcpy(&u, &f, sizeof u);
			put(t, u, 4, swapped);
		}
	}
	va_end(ap);
}

/* FULL's content, but for the definitions; with one thing wrong. */
enum fault {
	SOUND, NOT_FINITE, OVERLAP, WRONG_LENGTH, TEN_GIGABYTES, MANY_NUMBERS, NO_NUMBER, NO_LABEL,
	TWICE,
};
static void make_binary(struct text *t, bool swapped, enum fault fault)
{
	const double us = 1e6;

	text_add(t, swapped ? "\2qeslup\1" : "\1pulseq\2", 8);
	pack(t, swapped, "lll", 1, 5, 1);
	pack(t, swapped, "sl", 1, 1);
	pack(t, swapped, "i", 4);
	text_add(t, "Name", 4);
	pack(t, swapped, "ic", 9, 'c');
	text_add(t, "two words", 9);
	pack(t, swapped, "sl", 2, 3);
	pack(t, swapped, "liiiiii", fault == OVERLAP ? 5 : 20, 1, 0, 0, 2, 0, 0);
	pack(t, swapped, "liiiiii", 30, 0, 1, 0, 0, 1, 1);
	pack(t, swapped, "liiiiii", 5, 0, 0, 0, 0, 0, 0);
	pack(t, swapped, "slidiiillddddc", 3, 1, 1,
	     fault == NOT_FINITE ? NAN : 250.0, 2, 0, 0, (int)(50 * us), (int)(10 * us),
	     0.0, 0.0, 100.0, 0.5, 'e');
	pack(t, swapped, "slidddiil", 4, 1, fault == NO_NUMBER ? 0 : 1, 1000.0, 0.0, 250.0, 4, 3, 0);
	pack(t, swapped, "slidllll", 5, 1, 2, 500.0, (int)(20 * us), (int)(100 * us), (int)(30 * us),
	     (int)(10 * us));
	pack(t, swapped, "slilllddddi", 6, 1, 1, 4, (int)(25 * us), (int)(20 * us), 0.0, 0.0, 80.0,
	     1.0, 0);
	pack(t, swapped, "sl", 8, 3);
	pack(t, swapped, "illffff", 2,
	     fault == WRONG_LENGTH ? 101 : fault == TEN_GIGABYTES ? 1342177280 : 100,
	     fault == MANY_NUMBERS ? 2000000000 : 4, 0.5, 0.0, 0.0, 97.0);
	pack(t, swapped, "illfff", fault == TWICE ? 2 : 3, 3, 3, 0.0, 10.0, 30.0);
	pack(t, swapped, "illfff", 4, 3, 3, 0.0, 1.0, 0.25);
	pack(t, swapped, "sliiiiiiii", 9, 2, 1, 1, 1, 2, 2, 2, 1, 0);
	pack(t, swapped, "siliii", 12, 1, 1, 1, 2, fault == NO_LABEL ? 99 : 8); /* LIN */
	pack(t, swapped, "siliii", 11, 2, 1, 1, 5, 8);
}

static void reads_binary(void **state)
{
	struct ir *text = parse(FULL);

	(void)state;
	for (int swapped = 0; swapped < 2; swapped++) {
		struct text t;
		struct ir *ir;

		text_init(&t);
		make_binary(&t, swapped, SOUND);
		if (pulseq_parse(&ir, t.data, t.n, "t.bseq", NULL) ||
		    pulseq_same(text, NULL, ir, NULL, 1e-12))
			fail_msg("%s", precess_error());
		assert_string_equal(ir->name, "two_words");
		ir_free(ir);
		for (size_t n = 8; n < t.n; n++) { /* exactly one error, or a whole file */
			char *part = malloc(n + 1);

			memcpy(part, t.data, n);
			part[n] = '\0';
			if (!pulseq_parse(&ir, part, n, "t.bseq", NULL))
				ir_free(ir);
			else
				assert_int_equal(strncmp(precess_error(), "t.bseq:byte ", 12), 0);
			free(part);
		}
		text_free(&t);
	}
	ir_free(text);
}

/* Counts that would ask for 10 GB, shapes and texts of negative size, unknown sections. */
static void refuses_binary(void **state)
{
	static const struct {
		int at; /* byte */
		char value;
		const char *want;
	} list[] = {
		{ 16, 3, "does not hold all delays" },
		{ 8, 2, "not known here" },
		{ 32, 99, "no section has the code" },
		{ 44, 127, "declares" },
		{ 51, 127, "ends in the definitions" },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(list); i++) {
		struct text t;
		struct ir *ir;

		text_init(&t);
		make_binary(&t, false, SOUND);
		t.data[list[i].at] = list[i].value;
		assert_int_not_equal(pulseq_parse(&ir, t.data, t.n, "t.bseq", NULL), 0);
		assert_null(ir);
		if (!strstr(precess_error(), list[i].want))
			fail_msg("%s: expected %s", precess_error(), list[i].want);
		text_free(&t);
	}
}

static void refuses_faults(void **state)
{
	static const struct {
		enum fault fault;
		const char *want;
	} list[] = {
		{ NOT_FINITE, "not finite" },	{ OVERLAP, "they would overlap" },
		{ WRONG_LENGTH, "declares 101 samples" }, { TEN_GIGABYTES, "too many samples" },
		{ MANY_NUMBERS, "more than the rest" }, { NO_NUMBER, "0 is no number of" },
		{ NO_LABEL, "unknown kind 99" }, { TWICE, "shape 2 is there twice" },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(list); i++) {
		struct text t;
		struct ir *ir;

		text_init(&t);
		make_binary(&t, i % 2, list[i].fault);
		assert_int_not_equal(pulseq_parse(&ir, t.data, t.n, "t.bseq", NULL), 0);
		assert_null(ir);
		if (!strstr(precess_error(), list[i].want) ||
		    strncmp(precess_error(), "t.bseq:byte ", 12) != 0)
			fail_msg("%s: expected %s", precess_error(), list[i].want);
		text_free(&t);
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
		cmocka_unit_test(round_trip), cmocka_unit_test(turns_gradients),
		cmocka_unit_test(scales_pulses), cmocka_unit_test(keeps_soft_delays),
		cmocka_unit_test(splits_windows), cmocka_unit_test(checks_signatures),
		cmocka_unit_test(reads_binary), cmocka_unit_test(refuses_binary),
		cmocka_unit_test(refuses_faults),
		cmocka_unit_test(lowers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
