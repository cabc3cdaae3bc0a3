/* The text form of the IR, its hash, its invariants, and the passes over it. */
#include "compiler/ir/ir.h"
#include "compiler/passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dim seconds = { .s = 1 };

static void set_head(struct ir *ir)
{
	ir->name = "sample";
	ir->doc = "quotes \" and \\ and\nlines; µ";
	ir->system = (struct ir_system){ .ideal = true, .name = "ideal", .max_grad = INFINITY,
					 .max_slew = INFINITY, .max_b1 = INFINITY, .b0 = 3,
					 .gamma = 42577478.518 };
	ir->geometry = (struct ir_geometry){ { 0.22, 0.22, 0 }, { 128, 128, 1 } };
}

static void add_declarations(struct ir *ir)
{
	struct ir_param esp = { .name = "ESP", .doc = "echo spacing", .type = "time",
				.dim = seconds, .lo = 8e-3, .hi = 15e-3, .value = 10e-3,
				.index = -1 };
	struct ir_param sg = { .name = "SG[0]", .group = "SG", .index = 0, .type = "number",
			       .lo = -0.05, .hi = 0.05, .step = 0.01 };
	struct ir_map t2 = { .kind = IR_MAP_T2, .name = "T2", .channel = true, .hi = 0.65,
			     .value = NAN };
	struct ir_map t1 = { .kind = IR_MAP_T1, .name = "T1", .value = INFINITY, .doc = "" };

	ir_add_param(ir, &esp);
	ir_add_param(ir, &sg);
	ir_add_map(ir, &t2);
	ir_add_map(ir, &t1);
}

static struct ir_event rf(struct ir *ir)
{
	struct ir_event e = { .kind = IR_RF, .use = IR_USE_excitation };
	double sample[] = { 0.5, 0, 1.5, -0.25, 1, 0.125 };
	struct ir_shape s = { .name = "a \"shape\"", .complex = true, .n = 3, .sample = sample };

	e.shape = ir_add_shape(ir, &s);
	e.duration = ir_const(ir, 1e-3);
	e.center = ir_const(ir, 0.5e-3);
	e.flip = ir_const(ir, M_PI / 2);
	e.phase = ir_param_scalar(ir, 1);
	return e;
}

static struct ir_event grad(struct ir *ir, int axis, ir_scalar duration)
{
	struct ir_event e = { .kind = IR_GRAD, .axis = axis, .shape = IR_NO_SHAPE };

	e.rise = e.fall = ir_const(ir, 1e-4);
	e.flat = ir_sub(ir, duration, ir_const(ir, 2e-4));
	e.duration = duration;
	e.amplitude = ir_div(ir, ir_const(ir, 1e-6), e.flat);
	return e;
}

static struct ir_event adc(struct ir *ir, ir_scalar duration)
{
	struct ir_event e = { .kind = IR_ADC, .n = 64 };
	int i;

	for (i = 0; i < IR_LABELS; i++)
		e.label[i] = -1;
	e.label[IR_LABEL_line] = 5;
	e.label[IR_LABEL_reverse] = 0;
	e.duration = duration;
	e.dwell = ir_scale(ir, 1 / 64.0, duration);
	return e;
}

static void add_block(struct ir *ir, enum ir_block_kind kind, ir_scalar duration, const char *text,
		      const struct ir_event *e, uint32_t n)
{
	struct ir_block b = { .kind = kind, .start = ir->duration, .duration = duration,
			      .first_event = ir->n_event, .n_event = n, .text = text,
			      .where = "shot=0" };
	uint32_t i;

	for (i = 0; i < n; i++)
		ir_add_event(ir, &e[i]);
	ir_add_block(ir, &b);
	ir->duration = ir_add(ir, ir->duration, duration);
}

/* Every kind of thing once. */
static struct ir *sample(void)
{
	struct ir *ir = ir_create();
	struct ir_mark mark = { .name = "TE", .doc = "echo \x01 time", .dim = seconds };
	struct ir_event e[3];
	ir_scalar esp, half, f;
	enum ir_op op;

	set_head(ir);
	add_declarations(ir);
	esp = ir_param_scalar(ir, 0);
	half = ir_scale(ir, 0.5, esp);
	ir_add_require(ir, ir_sub(ir, half, ir_const(ir, 1e-3)));
	add_block(ir, IR_RESET, 0, "reset", NULL, 0);
	e[0] = rf(ir);
	add_block(ir, IR_PLAY, e[0].duration, "exc", e, 1);
	add_block(ir, IR_DELAY, ir_const(ir, 1e-3), "delay", NULL, 0);
	add_block(ir, IR_SOLVED, ir_sub(ir, half, ir_const(ir, 2e-3)), NULL, NULL, 0);
	ir->block[ir->n_block - 1].residual = ir_scale(ir, 1e-9, esp);
	e[0] = grad(ir, 0, half);
	e[1] = grad(ir, 1, ir_const(ir, 1e-3));
	e[2] = adc(ir, half);
	add_block(ir, IR_PLAY, half, "gx & adc", e, 3);
	mark.value = ir->duration;
	/* one scalar of each operator, so that all of them are written and read */
	f = ir_param_scalar(ir, 1);
	for (op = IR_MUL; op < IR_OPS; op++)
		f = ir_add(ir, ir_param_scalar(ir, 0),
			   op < IR_ABS ? ir_binary(ir, op, f, ir_param_scalar(ir, 1))
				       : ir_unary(ir, op, f));
	ir_add_mark(ir, &mark);
	mark.name = "odd name";
	mark.doc = NULL;
	mark.value = f;
	ir_add_mark(ir, &mark);
	ir_hash(ir);
	return ir;
}

static struct text print(const struct ir *ir)
{
	struct text t;

	text_init(&t);
	ir_print(&t, ir);
	return t;
}

static void test_round_trip(void **state)
{
	struct ir *ir = sample(), *back;
	struct text a, b;

	(void)state;
	assert_int_equal(ir_verify(ir), PRECESS_OK);
	a = print(ir);
	if (ir_parse(&back, a.data, a.n, "sample"))
		fail_msg("%s", precess_error());
	b = print(back);
	assert_string_equal(a.data, b.data);
	assert_string_equal(ir->hash, back->hash);
	assert_string_equal(back->doc, ir->doc);
	assert_true(isnan(back->map[0].value) && isinf(back->map[1].value));
	assert_memory_equal(back->shape[0].sample, ir->shape[0].sample, 6 * sizeof(double));
	text_free(&a);
	text_free(&b);
	ir_free(back);
	ir_free(ir);
}

static void test_hash(void **state)
{
	struct ir *ir = sample();
	char hash[65];

	(void)state;
	memcpy(hash, ir->hash, sizeof hash);
	/* not for people's texts, spans, defaults, or scalars that nothing uses */
	ir->param[0].doc = "other";
	ir->param[0].value = 9e-3;
	ir->block[1].text = "other";
	ir->block[1].span.begin = 7;
	ir_unary(ir, IR_EXP, ir_param_scalar(ir, 1));
	ir_hash(ir);
	assert_string_equal(ir->hash, hash);
	/* but for ranges and numbers */
	ir->param[0].hi = 14e-3;
	ir_hash(ir);
	assert_string_not_equal(ir->hash, hash);
	ir->param[0].hi = 15e-3;
	ir->event[0].flip = ir_const(ir, 1);
	ir_hash(ir);
	assert_string_not_equal(ir->hash, hash);
	ir_free(ir);
}

static void expect_broken(struct ir *ir, const char *why)
{
	assert_int_equal(ir_verify(ir), PRECESS_EINVAL);
	if (!strstr(precess_error(), why))
		fail_msg("\"%s\" instead of \"%s\"", precess_error(), why);
	ir_free(ir);
}

static void test_verify(void **state)
{
	struct ir_event second;
	struct ir *ir;
	uint32_t i;

	(void)state;
	ir = sample();
	ir->block[1].start = ir_const(ir, 1e-3);
	expect_broken(ir, "starts at");
	ir = sample();
	ir->duration = ir_add(ir, ir->duration, ir_param_scalar(ir, 0));
	expect_broken(ir, "the sequence at");
	ir = sample();
	ir->event[0].duration = ir_const(ir, 2e-3);
	expect_broken(ir, "inside its block");
	ir = sample();
	ir->event[0].start = ir_const(ir, -1e-6);
	expect_broken(ir, "inside its block");
	ir = sample();
	ir->event[1].rise = ir_const(ir, 2e-4);
	expect_broken(ir, "rise, flat and fall");
	ir = sample();
	ir->event[3].n = 63;
	expect_broken(ir, "dwell");
	ir = sample();
	ir->event[0].center = ir_const(ir, 2e-3);
	expect_broken(ir, "centre");
	ir = sample();
	ir->event[2].axis = 0;
	expect_broken(ir, "two gradients on x");
	ir = sample();
	ir->event[1].axis = 3;
	expect_broken(ir, "axis");
	ir = sample();
	ir->event[1].flat = ir->n_expr;
	expect_broken(ir, "not there");
	ir = sample();
	ir->event[0].shape = 1;
	expect_broken(ir, "shape");
	ir = sample();
	ir->event[1].shape = 0;
	expect_broken(ir, "complex");
	ir = sample();
	ir->block[1].n_event = 5;
	expect_broken(ir, "out of order or range");
	ir = sample();
	ir->param[0].hi = 7e-3;
	expect_broken(ir, "no range");
	ir = sample();
	ir->block[0].duration = 1;
	expect_broken(ir, "a reset that lasts");

	/* canonical form */
	ir = sample();
	for (i = 0; ir->expr[i].op != IR_SUM; i++)
		;
	ir->expr[i].coef[0] = 0;
	expect_broken(ir, "coefficient is 0");
	ir = sample();
	for (i = 0; ir->expr[i].op != IR_SUM; i++)
		;
	ir->expr[i].term[0] = i;
	expect_broken(ir, "before it");
	ir = sample();
	for (i = 0; ir->expr[i].op != IR_DIV; i++)
		;
	ir->expr[i].b = ir->n_expr - 1;
	expect_broken(ir, "before it");
	ir = sample();
	ir->expr[1].value = 2;
	expect_broken(ir, "0 and 1");

	/* a second event may follow the first on its axis */
	ir = ir_create();
	second = grad(ir, 2, ir_const(ir, 1e-3));
	add_block(ir, IR_PLAY, ir_const(ir, 2e-3), "z", (struct ir_event[]){ second, second }, 2);
	ir->event[0].start = ir_const(ir, 1e-3);
	assert_int_equal(ir_verify(ir), PRECESS_OK);
	ir_free(ir);
}

/* Each prefix is refused: the last line is the one that says it is complete. */
static void test_truncation(void **state)
{
	struct ir *ir = sample(), *out;
	struct text t = print(ir);
	size_t n;

	(void)state;
	for (n = 0; n < t.n; n++) {
		assert_int_equal(ir_parse(&out, t.data, n, "cut"), PRECESS_EINVAL);
		assert_null(out);
		assert_non_null(strstr(precess_error(), "cut"));
	}
	text_free(&t);
	ir_free(ir);
}

static void test_garbage(void **state)
{
	static const char alphabet[] = "0123456789%\"-+.,=[] \n\\xabcdefinprsu";
	struct ir *ir = sample(), *out;
	struct text t = print(ir), again;
	char *bytes = malloc(t.n);
	int i, k, accepted = 0;

	(void)state;
	for (i = 0; i < 20000; i++) {
		struct rng r = rng_make(12, (uint64_t)i);

		memcpy(bytes, t.data, t.n);
		for (k = 0; k <= i % 3; k++)
			bytes[rng_u32(&r) % t.n] =
				rng_u32(&r) % 2 ? (char)rng_u32(&r)
						: alphabet[rng_u32(&r) % (sizeof alphabet - 1)];
		if (ir_parse(&out, bytes, t.n, "flipped"))
			continue;
		/* what was accepted is an IR */
		accepted++;
		again = print(out);
		text_free(&again);
		ir_free(out);
	}
	assert_true(accepted > 0);
	free(bytes);
	text_free(&t);
	ir_free(ir);
}

static void test_messages(void **state)
{
	static const char text[] = "precess-ir 1\nsequence a\n%0 = const 0\n%1 = sqt %0\n";
	static const char hand[] = "precess-ir 1\n"
				   "# terms in any order, numbers as operands\n"
				   "param 0 a number [0, 1] = 0 dim=0,0,0,0\n"
				   "%0 = param 0\n"
				   "%1 = mul 2 %0\n"
				   "%2 = sum 1 + 2 %0 - 1 %1\n"
				   "duration 0\n";
	struct ir *ir;

	(void)state;
	assert_int_equal(ir_parse(&ir, text, sizeof text - 1, "x.ir"), PRECESS_EINVAL);
	assert_string_equal(precess_error(), "x.ir:4: expected an operator, not \"sqt %0\"");
	if (ir_parse(&ir, hand, sizeof hand - 1, "hand"))
		fail_msg("%s", precess_error());
	ir_free(ir);
}

static void test_dead(void **state)
{
	struct ir *ir = sample();
	uint32_t n = ir->n_expr;
	char hash[65];
	struct text before = print(ir), after;
	double sample_of_none[] = { 1, 2 };
	struct ir_shape none = { .name = "unused", .n = 2, .sample = sample_of_none };
	ir_scalar e;

	(void)state;
	memcpy(hash, ir->hash, sizeof hash);
	ir_add_shape(ir, &none);
	ir_unary(ir, IR_EXP, ir_param_scalar(ir, 1));
	pass_dead(ir);
	assert_int_equal(ir_verify(ir), PRECESS_OK);
	assert_true(ir->n_expr < n);
	assert_int_equal(ir->n_shape, 1);
	ir_hash(ir);
	assert_string_equal(ir->hash, hash);
	/* the table of scalars still finds them */
	e = ir_param_scalar(ir, 0);
	assert_true(e < ir->n_expr - 1);
	assert_int_equal(ir_const(ir, 1), 1);
	/* and a second run changes nothing */
	pass_dead(ir);
	text_free(&before);
	before = print(ir);
	pass_dead(ir);
	after = print(ir);
	assert_string_equal(before.data, after.data);
	text_free(&before);
	text_free(&after);
	ir_free(ir);
}

static void test_merge(void **state)
{
	struct ir *ir = sample();
	struct ir_mark mark = { .name = "between" };
	ir_scalar esp = ir_param_scalar(ir, 0);
	struct text dump;

	(void)state;
	add_block(ir, IR_DELAY, 0, "nothing", NULL, 0);
	add_block(ir, IR_DELAY, esp, "a", NULL, 0);
	mark.value = ir->duration;
	ir_add_mark(ir, &mark);
	add_block(ir, IR_DELAY, esp, "b", NULL, 0);
	add_block(ir, IR_SOLVED, esp, "c", NULL, 0);
	assert_int_equal(ir->n_block, 9);
	text_init(&dump);
	assert_int_equal(passes_run(ir, "merge", &dump), PRECESS_OK);
	/* reset exc (delay solved) play a (b c) */
	assert_int_equal(ir->n_block, 6);
	assert_int_equal(ir->block[2].kind, IR_DELAY);
	assert_int_equal(ir->expr[ir->block[2].residual].op, IR_SUM);
	assert_string_equal(ir->block[4].text, "a");
	assert_int_equal(ir->block[5].duration, ir_scale(ir, 2, ir_param_scalar(ir, 0)));
	assert_non_null(strstr(dump.data, "block 5 delay"));
	assert_int_equal(passes_run(ir, "marge", &dump), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "merge, dead"));
	text_free(&dump);
	ir_free(ir);
}

/* Reading and checking a long sequence is quick. */
static void test_long(void **state)
{
	enum { BLOCKS = 50000 };
	struct ir *ir = sample(), *back;
	ir_scalar half = ir_scale(ir, 0.5, ir_param_scalar(ir, 0));
	double begun = clock_seconds();
	struct ir_event e;
	struct text t;
	int i;

	(void)state;
	for (i = 0; i < BLOCKS; i++) {
		e = grad(ir, i % 3, ir_add(ir, half, ir_const(ir, 1e-5 * (i % 16))));
		add_block(ir, IR_PLAY, e.duration, "g", &e, 1);
	}
	assert_int_equal(passes_run(ir, NULL, NULL), PRECESS_OK);
	t = print(ir);
	if (ir_parse(&back, t.data, t.n, "long"))
		fail_msg("%s", precess_error());
	assert_string_equal(ir->hash, back->hash);
	assert_true(clock_seconds() - begun < 10);
	text_free(&t);
	ir_free(back);
	ir_free(ir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hash),
		cmocka_unit_test(test_verify),	   cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_garbage),	   cmocka_unit_test(test_messages),
		cmocka_unit_test(test_dead),	   cmocka_unit_test(test_merge),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
