/* Remedies: for each parameter the largest part of its range for which the obligation holds
 * whatever the others are; offered is the parameter that keeps the greatest share of its range.
 * Ends are rounded to digits that a person would type, and checked again after rounding. */
#include "compiler/ir/remedy.h"

#include <math.h>
#include <stdlib.h>

#define DEGREE (3.14159265358979323846 / 180)
enum {
	SEEDS = 17,    /* points where a part that works may lie, evenly over the range */
	HALVINGS = 34, /* of a range: to 1e-10 of it */
	BOXES = 256,   /* for one question; there are hundreds of questions */
	BUDGET = 50000 /* boxes for one remedy: about a tenth of a second */
};

/* An obligation, and the parameter that is tried now. */
struct trial {
	const struct ir *ir;
	double slack;
	/* by search */
	struct ir_search *search;
	struct ir_variable *variable;
	uint32_t spent; /* boxes */
	/* affine: rest + coef p, rest the smallest that the other parameters leave */
	double rest, coef;
};

static struct ir_minimum narrowed(struct trial *t, double lo, double hi)
{
	struct ir_minimum m = { -INFINITY, INFINITY, NULL, 0 };
	struct ir_interval all = t->variable->range;

	if (t->spent > BUDGET)
		return m;
	t->variable->range = (struct ir_interval){ lo, hi };
	m = ir_search_run(t->search, -t->slack, BOXES, 0);
	t->variable->range = all;
	t->spent += m.boxes;
	return m;
}

/* Does the obligation hold for lo .. hi of the parameter? */
static bool holds(struct trial *t, double lo, double hi)
{
	if (!t->search)
		return t->rest + t->coef * (t->coef > 0 ? lo : hi) >= -t->slack;
	return narrowed(t, lo, hi).bound >= -t->slack;
}

/* ------------------------------------------------------------------ numbers to type */
/* x with so many significant digits: nearest (0), up (1) or down (-1). */
static double digits(double x, int n, int direction)
{
	double unit, q;
	int e;

	if (x == 0 || !isfinite(x))
		return x;
	e = (int)floor(log10(fabs(x))) - n + 1;
	unit = pow(10, abs(e));
	q = e > 0 ? x / unit : x * unit;
	q = direction == 0 ? rint(q) : direction > 0 ? ceil(q) : floor(q);
	return e > 0 ? q * unit : q / unit;
}

/* People type angles in degrees. */
static double unit_of(const struct ir_param *p)
{
	return dim_equal(p->dim, (struct dim){ .rad = 1 }) ? DEGREE : 1;
}

/* Rounds the ends, the nearest value where that holds too, else inwards. An end that is the
 * range's own stays. */
static void round_ends(struct trial *t, const struct ir_param *p, int n, double *lo, double *hi)
{
	double unit = unit_of(p), near;

	if (*lo > p->lo) {
		near = digits(*lo / unit, n, 0) * unit;
		if (near >= p->lo && near < *hi && holds(t, near, *hi))
			*lo = near;
		else
			*lo = digits(*lo / unit, n, 1) * unit;
	}
	if (*hi < p->hi) {
		near = digits(*hi / unit, n, 0) * unit;
		if (near <= p->hi && near > *lo && holds(t, *lo, near))
			*hi = near;
		else
			*hi = digits(*hi / unit, n, -1) * unit;
	}
}

/* Takes the part as the remedy when it keeps more than the one so far. */
static void offer(struct ir_verdict *v, struct trial *t, uint32_t param, double lo, double hi)
{
	const struct ir_param *p = &t->ir->param[param], *q;
	double from, to, share;
	int n;

	for (n = 4; n <= 8; n += 2) { /* more digits only where four leave little of it */
		from = lo;
		to = hi;
		round_ends(t, p, n, &from, &to);
		if (to - from >= (hi - lo) / 2)
			break;
	}
	if (!(to > from) || from < p->lo || to > p->hi || !holds(t, from, to))
		return;
	share = (to - from) / (p->hi - p->lo);
	if (v->param >= 0) {
		q = &t->ir->param[v->param];
		if (share <= (v->hi - v->lo) / (q->hi - q->lo))
			return;
	}
	v->param = (int)param;
	v->lo = from;
	v->hi = to;
}

/* ------------------------------------------------------------------ affine */
void ir_remedy_affine(struct ir_verdict *v, const struct ir *ir, struct ir_form f, double slack)
{
	struct trial t = { .ir = ir, .slack = slack };
	double least = f.value, own, zero;
	const struct ir_param *p;
	uint32_t i, param;

	v->param = -1;
	for (i = 0; i < f.n; i++) {
		p = &ir->param[ir->expr[f.term[i]].param];
		least += f.coef[i] * (f.coef[i] > 0 ? p->lo : p->hi);
	}
	for (i = 0; i < f.n; i++) {
		param = ir->expr[f.term[i]].param;
		p = &ir->param[param];
		own = f.coef[i] * (f.coef[i] > 0 ? p->lo : p->hi);
		t.rest = least - own;
		t.coef = f.coef[i];
		zero = -t.rest / t.coef;
		if (t.coef > 0 && zero < p->hi)
			offer(v, &t, param, fmax(zero, p->lo), p->hi);
		else if (t.coef < 0 && zero > p->lo)
			offer(v, &t, param, p->lo, fmin(zero, p->hi));
	}
}

/* ------------------------------------------------------------------ by search */
/* The farthest end between `seed` and `to` for which the part from `other` still holds. */
static double extend(struct trial *t, double seed, double other, double to)
{
	double good = seed, bad = to, middle;
	bool up = to > seed;
	int i;

	if (to == seed || (up ? holds(t, other, to) : holds(t, to, other)))
		return to;
	for (i = 0; i < HALVINGS; i++) {
		middle = good + (bad - good) / 2;
		if (up ? holds(t, other, middle) : holds(t, middle, other))
			good = middle;
		else
			bad = middle;
	}
	return good;
}

/* A point works when the obligation holds there and the domain has such points at all. */
static bool works(struct trial *t, double x)
{
	struct ir_minimum m = narrowed(t, x, x);

	return m.bound >= -t->slack && m.best < INFINITY;
}

void ir_remedy_search(struct ir_verdict *v, const struct ir *ir, struct ir_search *s, double slack)
{
	struct trial t = { .ir = ir, .slack = slack, .search = s };
	double x, lo, hi, done, best_lo, best_hi;
	struct ir_variable *variable;
	struct ir_interval all;
	uint32_t i, k, n;

	v->param = -1;
	variable = ir_search_variables(s, &n);
	for (i = 0; i < n; i++) {
		t.variable = &variable[i];
		all = variable[i].range;
		if (!variable[i].own || !(all.lo < all.hi))
			continue;
		best_lo = best_hi = done = all.lo;
		for (k = 0; k < SEEDS; k++) {
			x = k == SEEDS - 1 ? all.hi : all.lo + (all.hi - all.lo) * k / (SEEDS - 1);
			if ((k && x <= done) || !works(&t, x))
				continue;
			hi = extend(&t, x, x, all.hi);
			lo = extend(&t, x, hi, all.lo);
			done = hi;
			if (hi - lo > best_hi - best_lo) {
				best_lo = lo;
				best_hi = hi;
			}
		}
		if (best_hi > best_lo)
			offer(v, &t, variable[i].param, best_lo, best_hi);
	}
}
