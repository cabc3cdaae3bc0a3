/* Scalars: hash-consed nodes and the canonical form of sums.
 *
 * Equal for every parameter value means the same index; what the constructors know to be equal they
 * give the same node: sums are merged term by term, products are sorted factors (product.c).
 *
 * Coefficients are doubles, so 0.1 + 0.2 would differ from 0.3. Numbers of a sequence are decimal
 * (10us, 2.56ms), hence ir_settle: a result within rounding noise of a short decimal is that
 * decimal; one whose leading digits cancelled is rounded to the digits that mean something; and one
 * that cancelled altogether is 0. */
#include "compiler/ir/tables.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ rounding noise */
#define CANCELLED 1e-13 /* below this share of the largest that went in, a result is 0 */

double ir_settle(double x, double scale)
{
	static const double power[] = { 1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,
					1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	const int last = (int)PRECESS_COUNT(power) - 1; /* the powers that a double holds exactly */
	bool cancelled = fabs(x) < scale / 8;
	int binary, digits;
	double r;

	if (x == 0 || !isfinite(x) || !isfinite(scale))
		return x == 0 ? 0 : x;
	if (fabs(x) < CANCELLED * scale)
		return 0;
	frexp(scale, &binary);
	/* decimals such that one unit in the last is about 1e-14 of scale, 1e-13 without loss */
	digits = (cancelled ? 14 : 13) - (int)ceil(binary * 0.30102999566398120);
	if (digits < 0 || (cancelled && digits > last))
		return x;
	digits = digits > last ? last : digits;
	r = rint(x * power[digits]) / power[digits];
	return cancelled || fabs(x - r) <= 2 * DBL_EPSILON * scale ? r : x;
}

/* ------------------------------------------------------------------ hash-consing */
static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static uint64_t mix_double(uint64_t h, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	return mix(h, bits);
}

static uint32_t hash_expr(const struct ir_expr *e)
{
	uint64_t h = mix(e->op, (uint64_t)e->a << 32 | e->b);
	uint32_t i;

	h = mix_double(mix(h, (uint64_t)e->param << 32 | e->n), e->value);
	for (i = 0; i < e->n; i++)
		h = mix_double(mix(h, e->term[i]), e->coef[i]);
	return (uint32_t)(h ^ h >> 32);
}

static bool same_expr(const struct ir_expr *x, const struct ir_expr *y)
{
	return x->op == y->op && x->a == y->a && x->b == y->b && x->param == y->param &&
	       x->n == y->n && memcmp(&x->value, &y->value, sizeof x->value) == 0 &&
	       (x->n == 0 || (memcmp(x->term, y->term, x->n * sizeof *x->term) == 0 &&
			      memcmp(x->coef, y->coef, x->n * sizeof *x->coef) == 0));
}

static void place_slot(struct ir_tables *t, ir_scalar e)
{
	uint32_t i = t->hash[e] & (t->n_slot - 1);

	while (t->slot[i])
		i = (i + 1) & (t->n_slot - 1);
	t->slot[i] = e + 1;
}

/* The table is kept at most half full, so that probes end soon. */
static void widen(struct ir *ir)
{
	struct ir_tables *t = ir->tables;
	uint32_t i;

	if (t->n_slot / 2 > ir->n_expr)
		return;
	free(t->slot);
	t->n_slot = t->n_slot ? 2 * t->n_slot : 256;
	t->slot = ir_allocate(t->n_slot, sizeof *t->slot);
	for (i = 0; i < ir->n_expr; i++)
		place_slot(t, i);
}

void ir_rehash(struct ir *ir)
{
	struct ir_tables *t = ir->tables;
	uint32_t i;

	memset(t->slot, 0, t->n_slot * sizeof *t->slot);
	for (i = 0; i < ir->n_expr; i++) {
		t->hash[i] = hash_expr(&ir->expr[i]);
		place_slot(t, i);
	}
}

ir_scalar ir_intern(struct ir *ir, const struct ir_expr *e)
{
	struct ir_tables *t = ir->tables;
	struct ir_expr *own;
	uint32_t h = hash_expr(e), capacity, i;

	widen(ir);
	for (i = h & (t->n_slot - 1); t->slot[i]; i = (i + 1) & (t->n_slot - 1))
		if (t->hash[t->slot[i] - 1] == h && same_expr(&ir->expr[t->slot[i] - 1], e))
			return t->slot[i] - 1;
	capacity = t->expr;
	ir->expr = ir_grow(ir->expr, ir->n_expr + 1, &t->expr, sizeof *ir->expr);
	t->hash = ir_grow(t->hash, ir->n_expr + 1, &capacity, sizeof *t->hash);
	own = &ir->expr[ir->n_expr];
	*own = *e;
	own->term = NULL;
	own->coef = NULL;
	if (e->n) {
		own->term = arena_alloc(ir->arena, e->n * sizeof *own->term);
		own->coef = arena_alloc(ir->arena, e->n * sizeof *own->coef);
		memcpy(own->term, e->term, e->n * sizeof *own->term);
		memcpy(own->coef, e->coef, e->n * sizeof *own->coef);
	}
	t->hash[ir->n_expr] = h;
	t->slot[i] = ir->n_expr + 1;
	return ir->n_expr++;
}

ir_scalar ir_const(struct ir *ir, double v)
{
	struct ir_expr e = { .op = IR_CONST, .value = v == 0 ? 0 : isnan(v) ? NAN : v };

	return ir_intern(ir, &e);
}

ir_scalar ir_param_scalar(struct ir *ir, uint32_t param)
{
	struct ir_expr e = { .op = IR_PARAM, .param = param };

	assert(param < ir->n_param);
	return ir_intern(ir, &e);
}

bool ir_is_const(const struct ir *ir, ir_scalar e, double *value)
{
	if (ir->expr[e].op != IR_CONST)
		return false;
	if (value)
		*value = ir->expr[e].value;
	return true;
}

enum ir_class ir_classify(const struct ir *ir, ir_scalar e)
{
	const struct ir_expr *x = &ir->expr[e];
	uint32_t i;

	if (x->op == IR_CONST)
		return IR_CLASS_CONST;
	if (x->op == IR_PARAM)
		return IR_CLASS_AFFINE;
	if (x->op != IR_SUM)
		return IR_CLASS_GENERAL;
	for (i = 0; i < x->n; i++)
		if (ir->expr[x->term[i]].op != IR_PARAM)
			return IR_CLASS_GENERAL;
	return IR_CLASS_AFFINE;
}

/* ------------------------------------------------------------------ linear forms and sums */
struct ir_form ir_form_of(const struct ir *ir, const ir_scalar *e)
{
	static const double one = 1;
	const struct ir_expr *x = &ir->expr[*e];

	if (x->op == IR_CONST)
		return (struct ir_form){ .value = x->value };
	if (x->op == IR_SUM)
		return (struct ir_form){ x->value, x->n, x->term, x->coef };
	return (struct ir_form){ 0, 1, e, &one };
}

/* k x, free of the noise that multiplying made. */
static double times(double k, double x)
{
	return k == 1 ? x : k == -1 ? -x : ir_settle(k * x, fabs(k * x));
}

static double plus(double x, double y)
{
	if (x == 0 || y == 0)
		return x + y;
	return ir_settle(x + y, fmax(fabs(x), fabs(y)));
}

/* ka a + kb b into term and coef, which hold a.n + b.n; returns the number of terms. */
static uint32_t merge(ir_scalar *term, double *coef, double ka, struct ir_form a, double kb,
		      struct ir_form b)
{
	uint32_t i = 0, j = 0, n = 0;

	while (i < a.n || j < b.n) {
		if (j == b.n || (i < a.n && a.term[i] < b.term[j])) {
			term[n] = a.term[i];
			coef[n] = times(ka, a.coef[i++]);
		} else if (i == a.n || b.term[j] < a.term[i]) {
			term[n] = b.term[j];
			coef[n] = times(kb, b.coef[j++]);
		} else {
			term[n] = a.term[i];
			coef[n] = plus(times(ka, a.coef[i++]), times(kb, b.coef[j++]));
		}
		n += coef[n] != 0;
	}
	return n;
}

struct ir_form ir_form_merge(struct ir_form a, double k, struct ir_form b)
{
	uint32_t n = a.n + b.n;
	size_t terms = (n * sizeof(ir_scalar) + 15) / 16 * 16;
	ir_scalar *term = ir_allocate(1, terms + n * sizeof(double) + 1);
	double *coef = (double *)(void *)((char *)term + terms);

	n = merge(term, coef, 1, a, k, b);
	return (struct ir_form){ plus(a.value, times(k, b.value)), n, term, coef };
}

ir_scalar ir_sum(struct ir *ir, double value, uint32_t n, const ir_scalar *term, const double *coef)
{
	struct ir_expr e = { .op = IR_SUM, .value = value == 0 ? 0 : value, .n = n };

	if (n == 0)
		return ir_const(ir, value);
	if (n == 1 && value == 0 && coef[0] == 1)
		return term[0];
	if (isnan(value))
		return ir_const(ir, NAN);
	e.term = (ir_scalar *)term; /* ir_intern copies */
	e.coef = (double *)coef;
	return ir_intern(ir, &e);
}

static void reserve(struct ir_tables *t, uint32_t n)
{
	uint32_t capacity = t->n_scratch;

	t->term = ir_grow(t->term, n, &capacity, sizeof *t->term);
	t->coef = ir_grow(t->coef, n, &t->n_scratch, sizeof *t->coef);
}

/* ka a + kb b */
static ir_scalar combine(struct ir *ir, double ka, ir_scalar a, double kb, ir_scalar b)
{
	struct ir_tables *t = ir->tables;
	struct ir_form x = ir_form_of(ir, &a), y = ir_form_of(ir, &b);
	double value = plus(times(ka, x.value), times(kb, y.value));

	reserve(t, x.n + y.n);
	return ir_sum(ir, value, merge(t->term, t->coef, ka, x, kb, y), t->term, t->coef);
}

ir_scalar ir_add(struct ir *ir, ir_scalar a, ir_scalar b)
{
	return a == 0 ? b : b == 0 ? a : combine(ir, 1, a, 1, b);
}

ir_scalar ir_sub(struct ir *ir, ir_scalar a, ir_scalar b)
{
	return b == 0 ? a : a == b ? 0 : combine(ir, 1, a, -1, b);
}

ir_scalar ir_neg(struct ir *ir, ir_scalar a)
{
	return ir_scale(ir, -1, a);
}

ir_scalar ir_scale(struct ir *ir, double k, ir_scalar a)
{
	return k == 0 ? 0 : k == 1 ? a : combine(ir, k, a, 1, 0);
}

ir_scalar ir_normal(struct ir *ir, ir_scalar e, double *k)
{
	struct ir_tables *t = ir->tables;
	struct ir_form f = ir_form_of(ir, &e);
	double lead, q, value;
	uint32_t i;

	if (f.n == 0 || f.coef[0] == 1)
		return e;
	lead = f.coef[0];
	reserve(t, f.n);
	for (i = 0; i < f.n; i++) {
		q = f.coef[i] / lead;
		t->term[i] = f.term[i];
		t->coef[i] = i ? ir_settle(q, fabs(q)) : 1;
	}
	value = f.value / lead;
	*k *= lead;
	return ir_sum(ir, ir_settle(value, fabs(value)), f.n, t->term, t->coef);
}

/* ------------------------------------------------------------------ the other operators */
static bool is_step(enum ir_op op)
{
	return op == IR_ROUND || op == IR_CEIL || op == IR_FLOOR;
}

/* A multiple of a decimal raster is a decimal. */
static ir_scalar fold(struct ir *ir, enum ir_op op, double a, double b)
{
	double v = ir_apply(op, a, b);

	return ir_const(ir, is_step(op) ? ir_settle(v, fabs(v)) : v);
}

/* a - b when that is a constant. */
static bool differ_by(double *d, const struct ir *ir, ir_scalar a, ir_scalar b)
{
	struct ir_form x = ir_form_of(ir, &a), y = ir_form_of(ir, &b);

	if (x.n != y.n || (x.n && (memcmp(x.term, y.term, x.n * sizeof *x.term) ||
				   memcmp(x.coef, y.coef, x.n * sizeof *x.coef))))
		return false;
	*d = x.value - y.value;
	return !isnan(*d);
}

static ir_scalar extreme(struct ir *ir, enum ir_op op, ir_scalar a, ir_scalar b)
{
	struct ir_expr e = { .op = op, .a = a < b ? a : b, .b = a < b ? b : a };
	const struct ir_expr *y = &ir->expr[e.b];
	double d;

	if (differ_by(&d, ir, a, b))
		return (op == IR_MIN) == (d < 0) ? a : b;
	if (y->op == op && (y->a == e.a || y->b == e.a))
		return e.b;
	return ir_intern(ir, &e);
}

ir_scalar ir_unary(struct ir *ir, enum ir_op op, ir_scalar a)
{
	struct ir_expr e = { .op = op, .a = a };
	double k = 1, v;

	assert(op >= IR_ABS && op < IR_OPS);
	if (ir_is_const(ir, a, &v))
		return fold(ir, op, v, 0);
	if (op != IR_ABS)
		return ir_intern(ir, &e);
	e.a = ir_normal(ir, a, &k); /* |-x| is |x| */
	if (ir->expr[e.a].op == IR_ABS || ir->expr[e.a].op == IR_SQRT ||
	    ir->expr[e.a].op == IR_EXP)
		return ir_scale(ir, fabs(k), e.a);
	return ir_scale(ir, fabs(k), ir_intern(ir, &e));
}

ir_scalar ir_binary(struct ir *ir, enum ir_op op, ir_scalar a, ir_scalar b)
{
	struct ir_expr e = { .op = op, .a = a, .b = b };
	double x, y;

	assert(op >= IR_MUL && op <= IR_ATAN2);
	if (op == IR_MUL)
		return ir_mul(ir, a, b);
	if (op == IR_DIV)
		return ir_div(ir, a, b);
	if (ir_is_const(ir, a, &x) && ir_is_const(ir, b, &y))
		return fold(ir, op, x, y);
	if (op == IR_POW)
		return ir_power(ir, a, b);
	if (op == IR_MIN || op == IR_MAX)
		return extreme(ir, op, a, b);
	/* nothing is left to round in a multiple of b, or when every number is one */
	if (is_step(op) && (b == 0 || (is_step(ir->expr[a].op) && ir->expr[a].b == b)))
		return a;
	return ir_intern(ir, &e);
}
