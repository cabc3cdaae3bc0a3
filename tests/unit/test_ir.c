/* Scalars of the IR: what is equal has one index, and the constructors keep values. */
#include "compiler/ir/ir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARAMS = 4 };

/* Parameters p0 .. p3, each within 0.5 .. 2. */
static struct ir *make(ir_scalar *p)
{
	struct ir *ir = ir_create();
	struct ir_param x = { .type = "number", .lo = 0.5, .hi = 2, .value = 1, .index = -1 };
	char name[] = "p0";
	uint32_t i;

	x.name = name;
	for (i = 0; i < PARAMS; i++) {
		name[1] = (char)('0' + i);
		ir_add_param(ir, &x);
	}
	for (i = 0; i < PARAMS; i++)
		p[i] = ir_param_scalar(ir, i);
	return ir;
}

static void test_identities(void **state)
{
	ir_scalar p[PARAMS], a, b, s, d, q;
	struct ir *ir = make(p);

	(void)state;
	a = p[0];
	b = p[1];
	s = ir_add(ir, ir_scale(ir, 8, a), ir_const(ir, 5e-4));
	assert_int_equal(ir_const(ir, 0), 0);
	assert_int_equal(ir_const(ir, -0.0), 0);
	assert_int_equal(ir_const(ir, 1), 1);
	assert_int_equal(ir_sub(ir, s, s), 0);
	assert_int_equal(ir_add(ir, s, ir_neg(ir, s)), 0);
	assert_int_equal(ir_mul(ir, a, 1), a);
	assert_int_equal(ir_mul(ir, a, 0), 0);
	assert_int_equal(ir_div(ir, a, 1), a);
	assert_int_equal(ir_div(ir, s, s), 1);
	assert_int_equal(ir_add(ir, a, b), ir_add(ir, b, a));
	assert_int_equal(ir_mul(ir, a, b), ir_mul(ir, b, a));
	assert_int_equal(ir_add(ir, a, a), ir_scale(ir, 2, a));
	assert_int_equal(ir_sub(ir, ir_sub(ir, s, ir_scale(ir, 8, a)), ir_const(ir, 5e-4)), 0);

	/* constants leave products and quotients */
	q = ir_scale(ir, 2, ir_mul(ir, a, b));
	assert_int_equal(ir_mul(ir, ir_scale(ir, 2, a), b), q);
	assert_int_equal(ir_mul(ir, a, ir_scale(ir, 2, b)), q);
	assert_int_equal(ir_mul(ir, ir_mul(ir, a, ir_const(ir, 2)), b), q);
	assert_int_equal(ir_div(ir, ir_scale(ir, 6, a), ir_scale(ir, 3, b)),
			 ir_scale(ir, 2, ir_div(ir, a, b)));
	d = ir_add(ir, ir_scale(ir, 4, a), ir_scale(ir, 4, b));
	assert_int_equal(ir_div(ir, d, ir_add(ir, a, b)), ir_const(ir, 4));

	/* factors cancel */
	d = ir_sub(ir, a, ir_scale(ir, 0.25, b));
	assert_int_equal(ir_mul(ir, ir_div(ir, b, d), d), b);
	assert_int_equal(ir_div(ir, ir_mul(ir, a, ir_mul(ir, b, d)), ir_mul(ir, d, a)), b);
	assert_int_equal(ir_div(ir, 1, ir_div(ir, a, b)), ir_div(ir, b, a));
	assert_int_equal(ir_mul(ir, ir_unary(ir, IR_SQRT, d), ir_unary(ir, IR_SQRT, d)), d);
	assert_int_equal(ir_binary(ir, IR_POW, a, ir_const(ir, 3)),
			 ir_mul(ir, a, ir_mul(ir, a, a)));
	assert_int_equal(ir_binary(ir, IR_POW, a, ir_const(ir, 0.5)), ir_unary(ir, IR_SQRT, a));

	/* the others */
	assert_int_equal(ir_unary(ir, IR_ABS, ir_sub(ir, a, b)),
			 ir_unary(ir, IR_ABS, ir_sub(ir, b, a)));
	assert_int_equal(ir_binary(ir, IR_MIN, a, b), ir_binary(ir, IR_MIN, b, a));
	assert_int_equal(ir_binary(ir, IR_MIN, a, a), a);
	assert_int_equal(ir_binary(ir, IR_MAX, s, ir_add(ir, s, 1)), ir_add(ir, s, 1));
	assert_int_equal(ir_binary(ir, IR_MIN, s, ir_add(ir, s, 1)), s);
	q = ir_binary(ir, IR_CEIL, a, ir_const(ir, 1e-5));
	assert_int_equal(ir_binary(ir, IR_ROUND, q, ir_const(ir, 1e-5)), q);
	assert_int_equal(ir_binary(ir, IR_CEIL, a, 0), a);
	ir_free(ir);
}

static double constant(struct ir *ir, ir_scalar e)
{
	double v = NAN;

	assert_true(ir_is_const(ir, e, &v));
	return v;
}

static void test_folding(void **state)
{
	ir_scalar p[PARAMS], ten, us;
	struct ir *ir = make(p);

	(void)state;
	ten = ir_const(ir, 10);
	us = ir_const(ir, 1e-5);
	assert_true(constant(ir, ir_unary(ir, IR_SQRT, ir_const(ir, 16))) == 4);
	assert_true(constant(ir, ir_binary(ir, IR_MOD, ten, ir_const(ir, 4))) == 2);
	assert_true(constant(ir, ir_binary(ir, IR_MOD, ir_const(ir, -1), ir_const(ir, 4))) == 3);
	/* a hair above a multiple is that multiple; a multiple of a decimal is a decimal */
	assert_true(constant(ir, ir_binary(ir, IR_CEIL, ir_const(ir, 0.00256 + 1e-17), us)) ==
		    0.00256);
	assert_true(constant(ir, ir_binary(ir, IR_CEIL, ir_const(ir, 0.002561), us)) == 0.00257);
	assert_true(constant(ir, ir_binary(ir, IR_FLOOR, ir_const(ir, 0.00257 - 1e-17), us)) ==
		    0.00257);
	assert_true(constant(ir, ir_binary(ir, IR_ROUND, ir_const(ir, 0.002566), us)) == 0.00257);
	/* decimals stay decimals */
	assert_int_equal(ir_add(ir, ir_const(ir, 0.1), ir_const(ir, 0.2)), ir_const(ir, 0.3));
	assert_int_equal(ir_sub(ir, ir_const(ir, 1.00001), ir_const(ir, 1)), us);
	assert_int_equal(ir_div(ir, ir_const(ir, 1.28), ir_const(ir, 128)), ir_const(ir, 0.01));
	/* and others are not touched */
	assert_true(constant(ir, ir_scale(ir, 2, ir_const(ir, M_PI))) == 2 * M_PI);
	/* cancellation to rounding error is 0 */
	assert_int_equal(ir_sub(ir, ir_const(ir, 1), ir_const(ir, 1 + 4e-16)), 0);
	assert_int_equal(ir_sub(ir, ir_scale(ir, 1 + 4e-16, p[0]), p[0]), 0);
	ir_free(ir);
}

static void test_classes(void **state)
{
	ir_scalar p[PARAMS];
	struct ir *ir = make(p);

	(void)state;
	assert_int_equal(ir_classify(ir, ir_const(ir, 3)), IR_CLASS_CONST);
	assert_int_equal(ir_classify(ir, p[0]), IR_CLASS_AFFINE);
	assert_int_equal(ir_classify(ir, ir_add(ir, p[0], p[1])), IR_CLASS_AFFINE);
	assert_int_equal(ir_classify(ir, ir_mul(ir, p[0], p[1])), IR_CLASS_GENERAL);
	assert_int_equal(ir_classify(ir, ir_add(ir, 1, ir_unary(ir, IR_SIN, p[1]))),
			 IR_CLASS_GENERAL);
	ir_free(ir);
}

/* Sums of the same decimal terms in random orders and nestings are one scalar. */
static void test_orders(void **state)
{
	enum { TERMS = 12, ROUNDS = 200 };
	ir_scalar p[PARAMS], part[TERMS], first = 0, e;
	struct ir *ir = make(p);
	struct rng r = rng_make(7, 0);
	uint32_t i, j, n, round;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < TERMS; i++) {
			part[i] = ir_scale(ir, (i + 1) * 0.13, p[i % PARAMS]);
			part[i] = ir_add(ir, part[i], ir_const(ir, 1e-5 * (7 * i + 3)));
			part[i] = i % 3 ? part[i] : ir_neg(ir, part[i]);
		}
		for (n = TERMS; n > 1; n--) {
			i = rng_u32(&r) % n;
			e = part[i];
			part[i] = part[n - 1];
			j = rng_u32(&r) % (n - 1);
			part[j] = ir_add(ir, part[j], e);
		}
		if (round)
			assert_int_equal(part[0], first);
		first = part[0];
	}
	ir_free(ir);
}

/* The same for products, with a division by each factor at the end. */
static void test_products(void **state)
{
	enum { FACTORS = 7, ROUNDS = 200 };
	ir_scalar p[PARAMS], factor[FACTORS], part[FACTORS], first = 0, e;
	struct ir *ir = make(p);
	struct rng r = rng_make(8, 0);
	uint32_t i, n, round;

	(void)state;
	for (i = 0; i < FACTORS; i++) {
		factor[i] = i < PARAMS ? ir_scale(ir, 2 << i, p[i])
				       : ir_sub(ir, p[i % PARAMS], ir_scale(ir, 0.5, p[0 + i / 2]));
		if (i == FACTORS - 1)
			factor[i] = ir_unary(ir, IR_EXP, p[0]);
	}
	for (round = 0; round < ROUNDS; round++) {
		memcpy(part, factor, sizeof part);
		for (n = FACTORS; n > 1; n--) {
			i = rng_u32(&r) % n;
			e = part[i];
			part[i] = part[n - 1];
			i = rng_u32(&r) % (n - 1);
			part[i] = ir_mul(ir, part[i], e);
		}
		if (round)
			assert_int_equal(part[0], first);
		first = part[0];
		e = first;
		for (i = 0; i < FACTORS; i++)
			e = ir_div(ir, e, factor[(i + round) % FACTORS]);
		assert_int_equal(e, 1);
	}
	ir_free(ir);
}

/* A random tree, as a scalar and as its value at x; all sub-values stay harmless. */
static ir_scalar grow(struct ir *ir, const ir_scalar *p, const double *x, struct rng *r, int depth,
		      double *v)
{
	static const enum ir_op unary[] = { IR_ABS, IR_SIN, IR_COS, IR_ATAN };
	static const enum ir_op binary[] = { IR_MIN, IR_MAX, IR_MUL };
	ir_scalar a, b;
	double va, vb, k;
	uint32_t i;

	if (depth == 0) {
		i = rng_u32(r) % (PARAMS + 1);
		*v = i < PARAMS ? x[i] : rint(rng_uniform(r, -20, 20)) / 8;
		return i < PARAMS ? p[i] : ir_const(ir, *v);
	}
	a = grow(ir, p, x, r, depth - 1, &va);
	switch (rng_u32(r) % 7) {
	case 0:
		i = rng_u32(r) % 4;
		*v = ir_apply(unary[i], va, 0);
		return ir_unary(ir, unary[i], a);
	case 1:
		k = rint(rng_uniform(r, -9, 9)) / 4;
		*v = k * va;
		return ir_scale(ir, k, a);
	case 2:
		*v = sqrt(fabs(va));
		return ir_unary(ir, IR_SQRT, ir_unary(ir, IR_ABS, a));
	case 3: /* a / (2 + b^2) */
		b = grow(ir, p, x, r, depth - 1, &vb);
		*v = va / (2 + vb * vb);
		return ir_div(ir, a, ir_add(ir, ir_const(ir, 2), ir_mul(ir, b, b)));
	case 4:
		b = grow(ir, p, x, r, depth - 1, &vb);
		*v = va - vb;
		return ir_sub(ir, a, b);
	case 5:
		b = grow(ir, p, x, r, depth - 1, &vb);
		*v = va + vb;
		return ir_add(ir, a, b);
	default:
		b = grow(ir, p, x, r, depth - 1, &vb);
		i = rng_u32(r) % 3;
		*v = ir_apply(binary[i], va, vb);
		return ir_binary(ir, binary[i], a, b);
	}
}

static void test_values(void **state)
{
	ir_scalar p[PARAMS], e;
	struct ir *ir = make(p);
	double x[PARAMS], v, w;
	int i, k;

	(void)state;
	for (i = 0; i < 3000; i++) {
		struct rng r = rng_make(9, (uint64_t)i);

		for (k = 0; k < PARAMS; k++)
			x[k] = rng_uniform(&r, 0.5, 2);
		e = grow(ir, p, x, &r, 1 + i % 6, &v);
		w = ir_eval(ir, e, x);
		/* 1e-9: small differences amplify the roundings of another order */
		if (!(fabs(w - v) <= 1e-9 * (1 + fabs(v))))
			fail_msg("tree %d: %.17g, not %.17g", i, w, v);
	}
	assert_int_equal(ir_verify(ir), PRECESS_OK);
	ir_free(ir);
}

/* Adding and taking away, multiplying and dividing lead back; what is lost is at most the digits
 * that an irrational constant has beyond those of a larger one it was added to. */
static void test_detours(void **state)
{
	enum { ROUNDS = 500 };
	ir_scalar p[PARAMS], e, f, c;
	struct ir *ir = make(p);
	double x[PARAMS] = { 0.7, 1.1, 1.3, 1.9 }, v, w;
	int i, exact = 0;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		struct rng r = rng_make(10, (uint64_t)i);

		e = grow(ir, p, x, &r, 1 + i % 4, &v);
		c = grow(ir, p, x, &r, 1 + i % 3, &w);
		f = ir_sub(ir, ir_sub(ir, ir_add(ir, e, c), c), e);
		assert_true(fabs(ir_eval(ir, f, x)) < 1e-12);
		exact += f == 0;
		if (c != 0)
			assert_int_equal(ir_sub(ir, ir_div(ir, ir_mul(ir, e, c), c), e), 0);
		assert_int_equal(ir_neg(ir, ir_neg(ir, e)), e);
	}
	assert_true(exact >= ROUNDS * 99 / 100);
	ir_free(ir);
}

/* Long products and deep nesting are left as they are, without recursion getting out of hand. */
static void test_deep(void **state)
{
	ir_scalar p[PARAMS], e, product;
	struct ir *ir = make(p);
	double x[PARAMS] = { 1, 1, 1, 1 };
	int i;

	(void)state;
	e = p[0];
	product = p[1];
	for (i = 0; i < 100000; i++) {
		e = ir_unary(ir, IR_COS, e);
		product = ir_mul(ir, product, p[i % PARAMS]);
		product = i % 7 ? product : ir_unary(ir, IR_ATAN, product);
	}
	assert_true(fabs(ir_eval(ir, e, x) - 0.7390851332) < 1e-9);
	assert_true(isfinite(ir_eval(ir, product, x)));
	product = p[1];
	for (i = 0; i < 1000; i++)
		product = ir_mul(ir, product, p[i % PARAMS]);
	assert_true(ir_eval(ir, product, x) == 1);
	ir_free(ir);
}

static void test_text(void **state)
{
	struct ir *ir = ir_create();
	struct lang *l = lang_create();
	struct dim time = { .s = 1 }, none = { 0 }, gradient = { .m = -1, .T = 1 };
	struct ir_param esp = { .name = "ESP", .type = "time", .dim = time, .lo = 8e-3,
				.hi = 15e-3, .value = 10e-3, .index = -1 };
	struct ir_param sg = { .name = "SG", .type = "number", .lo = -1, .hi = 1, .index = -1 };
	ir_scalar e, s, t;

	(void)state;
	ir_add_param(ir, &esp);
	ir_add_param(ir, &sg);
	e = ir_param_scalar(ir, 0);
	s = ir_param_scalar(ir, 1);
	t = ir_add(ir, ir_scale(ir, 8, e), ir_const(ir, 5e-4));
	assert_string_equal(ir_text(ir, l, t, time), "8*ESP + 0.5ms");
	t = ir_sub(ir, ir_const(ir, 5e-4), ir_scale(ir, 2, e));
	assert_string_equal(ir_text(ir, l, t, time), "0.5ms - 2*ESP");
	assert_string_equal(ir_text(ir, l, ir_scale(ir, 1 / 128.0, e), time), "ESP/128");
	assert_string_equal(ir_text(ir, l, ir_neg(ir, e), time), "-ESP");
	t = ir_scale(ir, 0.02, ir_add(ir, 1, s));
	assert_string_equal(ir_text(ir, l, t, gradient), "20mT/m*SG + 20mT/m");
	t = ir_div(ir, ir_sub(ir, e, ir_const(ir, 1e-3)), e);
	assert_string_equal(ir_text(ir, l, t, none), "(ESP - 1ms)/ESP");
	t = ir_unary(ir, IR_SQRT, ir_mul(ir, e, e));
	assert_string_equal(ir_text(ir, l, t, time), "sqrt(ESP*ESP)");
	lang_free(l);
	ir_free(ir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identities), cmocka_unit_test(test_folding),
		cmocka_unit_test(test_classes),	   cmocka_unit_test(test_orders),
		cmocka_unit_test(test_products),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_detours),	   cmocka_unit_test(test_deep),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
