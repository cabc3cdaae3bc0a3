/* Products and quotients: k * (sorted factors) / (sorted factors), without a factor on both sides.
 * Factors are neither products nor constants, and a sum among them has leading coefficient 1, so
 * 2 a b is a (2 b), and (4 a + 4 b) / (2 a + 2 b) is 2. Sums are not multiplied out: amplitude
 * area / (duration - rise) times (duration - rise) has to find its factor again. */
#include "compiler/ir/tables.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Expressions people write have a handful; a product with more is left as it is nested. */
enum { FACTORS = 32, DEPTH = 64, POWER = 8 };

struct side {
	ir_scalar f[FACTORS];
	uint32_t n;
};

struct product {
	double k;
	struct side side[2]; /* numerator, denominator */
};

/* Multiplies p by e, or divides when under is 1. False when it has too many factors. */
static bool collect(struct ir *ir, struct product *p, ir_scalar e, int under, int depth)
{
	struct ir_expr x;
	double k = 1;

	e = ir_normal(ir, e, &k);
	x = ir->expr[e];
	p->k = under ? p->k / k : p->k * k;
	if (x.op == IR_CONST) {
		p->k = under ? p->k / x.value : p->k * x.value;
		return true;
	}
	if (depth == DEPTH)
		return false;
	if (x.op == IR_MUL || (x.op == IR_DIV && x.b != 0))
		return collect(ir, p, x.a, under, depth + 1) &&
		       collect(ir, p, x.b, under ^ (x.op == IR_DIV), depth + 1);
	if (p->side[under].n == FACTORS)
		return false;
	p->side[under].f[p->side[under].n++] = e;
	return true;
}

static void cancel(struct side *a, struct side *b)
{
	uint32_t i, j;

	for (i = 0; i < a->n; i++)
		for (j = 0; j < b->n; j++)
			if (a->f[i] == b->f[j]) {
				a->f[i--] = a->f[--a->n];
				b->f[j] = b->f[--b->n];
				break;
			}
}

/* sqrt(x) sqrt(x) is x: replaces the first such pair. */
static bool square_roots(struct ir *ir, struct product *p, int under)
{
	struct side *s = &p->side[under];
	ir_scalar e;
	uint32_t i, j;

	for (i = 0; i < s->n; i++)
		for (j = i + 1; j < s->n; j++)
			if (s->f[i] == s->f[j] && ir->expr[s->f[i]].op == IR_SQRT) {
				e = ir->expr[s->f[i]].a;
				s->f[j] = s->f[--s->n];
				s->f[i] = s->f[--s->n];
				return collect(ir, p, e, under, 0);
			}
	return false;
}

static int ascending(const void *a, const void *b)
{
	ir_scalar x = *(const ir_scalar *)a, y = *(const ir_scalar *)b;

	return (x > y) - (x < y);
}

static ir_scalar node(struct ir *ir, enum ir_op op, ir_scalar a, ir_scalar b)
{
	struct ir_expr e = { .op = op, .a = a, .b = b };

	if (op == IR_MUL && a > b) {
		e.a = b;
		e.b = a;
	}
	return ir_intern(ir, &e);
}

/* The factors multiplied from the smallest index up; 1 when there are none. */
static ir_scalar chain(struct ir *ir, struct side *s)
{
	ir_scalar e = 1;
	uint32_t i;

	qsort(s->f, s->n, sizeof *s->f, ascending);
	for (i = 0; i < s->n; i++)
		e = i ? node(ir, IR_MUL, e, s->f[i]) : s->f[i];
	return e;
}

/* a b, or a / b */
static ir_scalar combine(struct ir *ir, ir_scalar a, ir_scalar b, int under)
{
	struct product p = { .k = 1 };
	ir_scalar over;

	if (!collect(ir, &p, a, 0, 0) || !collect(ir, &p, b, under, 0))
		return node(ir, under ? IR_DIV : IR_MUL, a, b);
	do
		cancel(&p.side[0], &p.side[1]);
	while (square_roots(ir, &p, 0) || square_roots(ir, &p, 1));
	p.k = ir_settle(p.k, fabs(p.k));
	over = chain(ir, &p.side[0]);
	if (p.side[1].n)
		over = node(ir, IR_DIV, over, chain(ir, &p.side[1]));
	return ir_scale(ir, p.k, over);
}

ir_scalar ir_mul(struct ir *ir, ir_scalar a, ir_scalar b)
{
	double k;

	if (ir_is_const(ir, a, &k))
		return ir_scale(ir, k, b);
	if (ir_is_const(ir, b, &k))
		return ir_scale(ir, k, a);
	return combine(ir, a, b, 0);
}

/* Division by the constant 0 stays: it evaluates to what IEEE says, and every proof fails on it. */
ir_scalar ir_div(struct ir *ir, ir_scalar a, ir_scalar b)
{
	double x, k;

	if (a == b && b != 0)
		return 1;
	if (b == 0)
		return ir_is_const(ir, a, &x) ? ir_const(ir, x / 0.0) : node(ir, IR_DIV, a, b);
	if (!ir_is_const(ir, b, &k))
		return a == 0 ? 0 : combine(ir, a, b, 1);
	if (!ir_is_const(ir, a, &x))
		return ir_scale(ir, 1 / k, a);
	return ir_const(ir, ir_settle(x / k, fabs(x / k)));
}

ir_scalar ir_power(struct ir *ir, ir_scalar a, ir_scalar b)
{
	ir_scalar e = 1;
	double p;
	int i;

	if (!ir_is_const(ir, b, &p))
		return node(ir, IR_POW, a, b);
	if (p == 0.5)
		return ir_unary(ir, IR_SQRT, a);
	if (p != rint(p) || fabs(p) > POWER)
		return node(ir, IR_POW, a, b);
	for (i = 0; i < (int)fabs(p); i++)
		e = ir_mul(ir, e, a);
	return p < 0 ? ir_div(ir, 1, e) : e;
}
