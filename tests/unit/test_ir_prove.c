/* Statements about the whole domain: enclosures, proofs, witnesses and remedies. */
#include "compiler/ir/ir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLACK 1e-13

static ir_scalar add_param(struct ir *ir, const char *name, struct dim dim, double lo, double hi)
{
	struct ir_param p = { .name = name, .type = "number", .dim = dim, .lo = lo, .hi = hi,
			      .value = (lo + hi) / 2, .index = -1 };

	return ir_param_scalar(ir, ir_add_param(ir, &p));
}

static const struct dim none, seconds = { .s = 1 }, radians = { .rad = 1 };

static void near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-12 * (1 + fabs(b))))
		fail_msg("%.17g is not %.17g", a, b);
}

static ir_scalar minus(struct ir *ir, ir_scalar a, double b)
{
	return ir_sub(ir, a, ir_const(ir, b));
}

static void test_affine(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar esp = add_param(ir, "ESP", seconds, 3e-3, 15e-3);
	ir_scalar te = add_param(ir, "TE", seconds, 40e-3, 80e-3), e;
	struct ir_verdict v;
	double lo, hi;

	(void)state;
	v = ir_prove(ir, ir_const(ir, 0), 0);
	assert_true(v.proved && !v.fails);
	v = ir_prove(ir, ir_const(ir, -1), SLACK);
	assert_true(!v.proved && v.fails && v.param == -1);

	/* ESP/2 - 2ms >= 0 needs ESP >= 4ms */
	e = minus(ir, ir_scale(ir, 0.5, esp), 2e-3);
	v = ir_prove(ir, e, SLACK);
	assert_true(!v.proved && v.fails);
	near(v.worst, -0.5e-3);
	assert_true(v.at[0] == 3e-3);
	assert_int_equal(v.param, 0);
	assert_true(v.lo == 4e-3 && v.hi == 15e-3);
	ir_range(ir, e, &lo, &hi);
	near(lo, -0.5e-3);
	near(hi, 5.5e-3);

	/* touching 0 is enough, and a slack forgives rounding */
	assert_true(ir_prove(ir, minus(ir, esp, 3e-3), 0).proved);
	assert_true(ir_prove(ir, minus(ir, esp, 3e-3 + 1e-14), SLACK).proved);
	assert_false(ir_prove(ir, minus(ir, esp, 3e-3 + 1e-14), 0).proved);

	/* TE - 8 ESP: TE up to 80ms keeps nothing at ESP = 15ms; ESP <= 5ms keeps 2 of 12 */
	v = ir_prove(ir, ir_sub(ir, te, ir_scale(ir, 8, esp)), SLACK);
	assert_int_equal(v.param, 0);
	assert_true(v.lo == 3e-3 && v.hi == 5e-3);
	assert_true(v.at[0] == 15e-3 && v.at[1] == 40e-3);
	/* 7/30 of ESP or 1/2 of TE: the greater share */
	v = ir_prove(ir, ir_sub(ir, te, ir_scale(ir, 4, esp)), SLACK);
	assert_int_equal(v.param, 0);
	assert_true(v.lo == 3e-3 && v.hi == 10e-3);
	/* four digits, inwards */
	v = ir_prove(ir, minus(ir, ir_scale(ir, 3, esp), 20e-3), SLACK);
	assert_true(v.lo == 6.667e-3);
	v = ir_prove(ir, ir_sub(ir, ir_const(ir, 20e-3), ir_scale(ir, 3, esp)), SLACK);
	assert_true(v.hi == 6.666e-3);
	ir_free(ir);
}

static void test_degrees(void **state)
{
	struct ir *ir = ir_create();
	double degree = M_PI / 180;
	ir_scalar fa = add_param(ir, "FA", radians, 20 * degree, 70 * degree);
	struct ir_verdict v;

	(void)state;
	v = ir_prove(ir, minus(ir, ir_unary(ir, IR_SIN, fa), 0.5), SLACK);
	assert_int_equal(v.param, 0);
	near(v.lo / degree, 30);
	assert_true(v.hi == 70 * degree);
	ir_free(ir);
}

/* A trapezoid of given area A in time T under slew s: T - 2 ramps, ramp = sqrt(A / s). */
static void test_trapezoid(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar t = add_param(ir, "T", seconds, 0.2e-3, 1e-3);
	ir_scalar k = add_param(ir, "k", none, 1, 4), area, disc, amplitude, e;
	struct ir_verdict v;
	double lo, hi;

	(void)state;
	area = ir_scale(ir, 1e-6, k); /* T/m s; slew 100 T/m/s: a triangle needs 2 sqrt(k) 1e-4 s */
	e = ir_sub(ir, t, ir_scale(ir, 2, ir_unary(ir, IR_SQRT, ir_scale(ir, 0.01, area))));
	v = ir_prove(ir, e, SLACK);
	assert_true(!v.proved && v.fails);
	near(v.worst, -0.2e-3);
	assert_int_equal(v.param, 0); /* T >= 0.4ms keeps 3/4, k = 1 only a point */
	assert_true(v.lo == 0.4e-3 && v.hi == 1e-3);

	/* the amplitude that fits: slew T / 2 - sqrt((slew T / 2)^2 - slew A), for T >= 0.4ms */
	ir_free(ir);
	ir = ir_create();
	t = add_param(ir, "T", seconds, 0.4e-3, 1e-3);
	k = add_param(ir, "k", none, 1, 4);
	e = ir_scale(ir, 50, t);
	disc = ir_sub(ir, ir_mul(ir, e, e), ir_scale(ir, 1e-4, k));
	assert_true(ir_prove(ir, disc, SLACK).proved);
	amplitude = ir_sub(ir, e, ir_unary(ir, IR_SQRT, disc));
	ir_range(ir, amplitude, &lo, &hi);
	assert_true(lo <= 1.0103e-3 && lo > 0.9e-3);
	assert_true(hi >= 20e-3 && hi < 20.2e-3);
	/* limit 25mT/m holds; 10mT/m does not, k <= 3 and T >= 0.45ms both would do */
	assert_true(ir_prove(ir, ir_sub(ir, ir_const(ir, 25e-3), amplitude), SLACK).proved);
	v = ir_prove(ir, ir_sub(ir, ir_const(ir, 10e-3), amplitude), SLACK);
	assert_true(v.fails);
	assert_int_equal(v.param, 0);
	assert_true(v.lo == 0.5e-3 && v.hi == 1e-3);
	ir_free(ir);
}

/* Neither end works, the middle does. */
static void test_inside(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar a = add_param(ir, "a", none, -3, 5);
	ir_scalar b = add_param(ir, "b", none, 0, 1), e;
	struct ir_verdict v;

	(void)state;
	e = ir_sub(ir, ir_const(ir, 4), ir_mul(ir, a, a));
	e = ir_sub(ir, e, ir_scale(ir, 3, b));
	v = ir_prove(ir, e, SLACK);
	assert_true(v.fails);
	near(v.worst, -24);
	assert_int_equal(v.param, 0);
	assert_true(v.lo == -1 && v.hi == 1);
	/* no single parameter helps */
	v = ir_prove(ir, minus(ir, ir_neg(ir, ir_mul(ir, a, a)), 1), SLACK);
	assert_true(v.fails && v.param == -1);
	ir_free(ir);
}

static void test_steps(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar t = add_param(ir, "T", seconds, 1e-3, 2e-3), up, raster = ir_const(ir, 1e-5);
	struct ir_verdict v;
	double lo, hi;

	(void)state;
	up = ir_binary(ir, IR_CEIL, t, raster);
	ir_range(ir, up, &lo, &hi);
	near(lo, 1e-3);
	near(hi, 2e-3);
	assert_true(ir_prove(ir, ir_sub(ir, ir_const(ir, 2e-3), up), SLACK).proved);
	/* rounding up never shortens, but only subdivision to the raster would show it exactly */
	v = ir_prove(ir, ir_add(ir, ir_sub(ir, up, t), raster), SLACK);
	assert_true(v.proved);
	v = ir_prove(ir, minus(ir, up, 1.5e-3), SLACK);
	assert_int_equal(v.param, 0);
	assert_true(v.lo >= 1.49e-3 && v.lo <= 1.5e-3 && v.hi == 2e-3);
	ir_free(ir);
}

static void test_requires(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar te = add_param(ir, "TE", seconds, 40e-3, 120e-3);
	ir_scalar esp = add_param(ir, "ESP", seconds, 8e-3, 15e-3);
	ir_scalar other = add_param(ir, "other", none, 0, 1), e;
	struct ir_verdict v;
	double lo, hi;

	(void)state;
	e = ir_sub(ir, te, ir_scale(ir, 8, esp));
	assert_false(ir_prove(ir, e, SLACK).proved);
	ir_add_require(ir, e);
	assert_true(ir_prove(ir, e, SLACK).proved);
	assert_true(ir_prove(ir, ir_scale(ir, 0.5, e), SLACK).proved);
	assert_true(ir_prove(ir, ir_sub(ir, te, ir_scale(ir, 7, esp)), SLACK).proved);
	/* what follows for one parameter: TE >= 64ms */
	assert_true(ir_prove(ir, minus(ir, te, 64e-3), SLACK).proved);
	ir_range(ir, te, &lo, &hi);
	assert_true(lo <= 64e-3 && lo > 63.9e-3 && hi >= 120e-3 && hi < 120.1e-3);
	v = ir_prove(ir, minus(ir, te, 70e-3), SLACK);
	assert_true(v.fails);
	assert_true(v.at[0] >= 8 * v.at[1] - 1e-9); /* the witness is in the domain */
	assert_true(v.worst < -5.9e-3 && v.worst >= -6e-3 - 1e-9);
	/* others are not cut */
	ir_range(ir, other, &lo, &hi);
	assert_true(lo == 0 && hi == 1);
	/* a second require, found through the first */
	ir_add_require(ir, ir_sub(ir, esp, ir_add(ir, ir_const(ir, 10e-3),
						  ir_scale(ir, 1e-3, other))));
	assert_true(ir_prove(ir, minus(ir, te, 80e-3), SLACK).proved);
	/* products too: TE ESP >= 80ms 10ms */
	assert_true(ir_prove(ir, minus(ir, ir_mul(ir, te, esp), 0.79e-3), SLACK).proved);
	ir_free(ir);
}

/* A domain without points: everything holds there. */
static void test_empty(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar a = add_param(ir, "a", none, 0, 1);
	double lo, hi;

	(void)state;
	ir_add_require(ir, minus(ir, a, 2));
	assert_true(ir_prove(ir, minus(ir, a, 5), SLACK).proved);
	ir_range(ir, a, &lo, &hi);
	assert_false(isnan(lo) || isnan(hi));
	ir_free(ir);
}

static void test_undefined(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar a = add_param(ir, "a", none, -1, 1);
	struct ir_verdict v;

	(void)state;
	v = ir_prove(ir, ir_unary(ir, IR_SQRT, a), SLACK);
	assert_true(!v.proved && v.fails);
	assert_true(v.param == 0 && v.lo >= 0 && v.lo < 1e-6 && v.hi == 1);
	v = ir_prove(ir, ir_div(ir, 1, a), SLACK);
	assert_false(v.proved);
	v = ir_prove(ir, ir_div(ir, a, 0), SLACK);
	assert_false(v.proved);
	ir_free(ir);
}

/* ------------------------------------------------------------------ enclosures */
enum { PARAMS = 3, TREES = 400, POINTS = 1000 };

static ir_scalar grow(struct ir *ir, const ir_scalar *p, struct rng *r, int depth)
{
	enum ir_op op = (enum ir_op)(IR_MUL + rng_u32(r) % (IR_OPS - IR_MUL));
	ir_scalar a, b;

	if (depth == 0 || rng_u32(r) % 8 == 0)
		return rng_u32(r) % 4 ? p[rng_u32(r) % PARAMS]
				      : ir_const(ir, rint(rng_uniform(r, -12, 12)) / 4);
	a = grow(ir, p, r, depth - 1);
	if (rng_u32(r) % 3 == 0)
		return ir_sub(ir, a, ir_scale(ir, rint(rng_uniform(r, -8, 8)) / 4,
					      grow(ir, p, r, depth - 1)));
	if (op >= IR_ABS)
		return ir_unary(ir, op, a);
	b = op == IR_ROUND || op == IR_CEIL || op == IR_FLOOR ? ir_const(ir, 0.25)
							      : grow(ir, p, r, depth - 1);
	return ir_binary(ir, op, a, b);
}

static void test_enclosure(void **state)
{
	double x[PARAMS], lo, hi, v, width;
	int i, k, j;

	(void)state;
	for (i = 0; i < TREES; i++) {
		struct rng r = rng_make(11, (uint64_t)i);
		struct ir *ir = ir_create();
		ir_scalar p[PARAMS], e;

		for (k = 0; k < PARAMS; k++) {
			lo = rng_uniform(&r, -2, 2);
			p[k] = add_param(ir, "p", none, lo, lo + rng_uniform(&r, 0, 2));
		}
		if (i % 4 == 3)
			ir_add_require(ir, grow(ir, p, &r, 2));
		e = grow(ir, p, &r, 1 + i % 4);
		ir_range(ir, e, &lo, &hi);
		assert_false(isnan(lo) || isnan(hi));
		width = isfinite(hi - lo) ? 1e-11 * (fabs(lo) + fabs(hi)) : 0;
		for (k = 0; k < POINTS; k++) {
			for (j = 0; j < PARAMS; j++)
				x[j] = rng_uniform(&r, ir->param[j].lo, ir->param[j].hi);
			if (ir->n_require && !(ir_eval(ir, ir->require[0], x) >= 0))
				continue;
			v = ir_eval(ir, e, x);
			if (!isnan(v) && !(v >= lo - width && v <= hi + width))
				fail_msg("tree %d: %.17g outside %.17g .. %.17g", i, v, lo, hi);
		}
		ir_free(ir);
	}
}

/* Smooth ranges come out tight: the search closes the gap that interval arithmetic leaves. */
static void test_tight(void **state)
{
	struct ir *ir = ir_create();
	ir_scalar a = add_param(ir, "a", none, -1, 2), b = add_param(ir, "b", none, 0.5, 1.5), e;
	double lo, hi;

	(void)state;
	e = ir_sub(ir, ir_mul(ir, a, a), a); /* minimum -1/4 at 1/2 */
	ir_range(ir, e, &lo, &hi);
	assert_true(lo <= -0.25 && lo > -0.2501 && hi >= 2 && hi < 2.0001);
	e = ir_mul(ir, ir_sub(ir, a, b), ir_sub(ir, a, b));
	e = ir_add(ir, e, ir_unary(ir, IR_COS, ir_mul(ir, a, b)));
	ir_range(ir, e, &lo, &hi);
	assert_true(lo > -0.9 && hi < 6.4);
	ir_free(ir);
}

/* A hundred thousand obligations of each kind take no noticeable time. */
static void test_many(void **state)
{
	enum { BLOCKS = 100000 };
	struct ir *ir = ir_create();
	ir_scalar esp = add_param(ir, "ESP", seconds, 8e-3, 15e-3);
	ir_scalar k = add_param(ir, "k", none, 1, 2), ramp, e;
	double begun = clock_seconds();
	int i;

	(void)state;
	ramp = ir_unary(ir, IR_SQRT, ir_scale(ir, 1e-8, k));
	for (i = 0; i < BLOCKS; i++) {
		e = minus(ir, ir_scale(ir, 1 + i % 100, esp), 1e-8 * i);
		assert_true(ir_prove(ir, e, SLACK).proved);
		e = ir_sub(ir, ir_add(ir, e, ir_const(ir, 0.1)), ramp);
		assert_true(ir_prove(ir, e, SLACK).proved);
	}
	assert_true(clock_seconds() - begun < 10);
	ir_free(ir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_affine),	  cmocka_unit_test(test_degrees),
		cmocka_unit_test(test_trapezoid), cmocka_unit_test(test_inside),
		cmocka_unit_test(test_steps),	  cmocka_unit_test(test_requires),
		cmocka_unit_test(test_empty),	  cmocka_unit_test(test_undefined),
		cmocka_unit_test(test_enclosure), cmocka_unit_test(test_tight),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
