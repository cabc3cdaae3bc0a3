/* Enclosures over the whole domain, remembered for each scalar: terms are shared by many sums, and
 * the bound that their ranges give settles most questions without a search. */
#include "compiler/ir/tables.h"

#include <math.h>
#include <stdlib.h>

#define NOISE 1e-14 /* a bound of the mean-value form was not computed as the value is */

struct ir_known_range {
	double lo, hi;
	bool known;
};

/* The smallest value of coef * term when the term is free in its own range. */
static double least(const struct ir *ir, ir_scalar term, double coef)
{
	const struct ir_expr *x = &ir->expr[term];
	double lo, hi;

	if (x->op == IR_PARAM) {
		lo = ir->param[x->param].lo;
		hi = ir->param[x->param].hi;
	} else {
		ir_range(ir, term, &lo, &hi);
	}
	return coef * (coef > 0 ? lo : hi);
}

static double free_bound(const struct ir *ir, struct ir_form f)
{
	double v = f.value;
	uint32_t i;

	for (i = 0; i < f.n; i++)
		v += least(ir, f.term[i], f.coef[i]);
	return isnan(v) ? -INFINITY : v;
}

static double coefficient(struct ir_form f, ir_scalar term)
{
	uint32_t low = 0, high = f.n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (f.term[middle] == term)
			return f.coef[middle];
		if (f.term[middle] < term)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* The multiplier m > 0 for which f - m r is bounded best, and that bound in *bound. The bound is
 * concave in m and piecewise linear, with corners where a coefficient vanishes: one of them is the
 * best. 0 when none improves on *bound. */
static double multiplier(double *bound, const struct ir *ir, struct ir_form f, struct ir_form r)
{
	struct ir_form g;
	double best = 0, m, k, b;
	uint32_t i;

	for (i = 0; i < r.n; i++) {
		k = coefficient(f, r.term[i]);
		m = k / r.coef[i];
		if (!(m > 0) || !isfinite(m))
			continue;
		g = ir_form_merge(f, -m, r);
		b = free_bound(ir, g);
		free((void *)g.term);
		if (b > *bound) {
			*bound = b;
			best = m;
		}
	}
	return best;
}

/* Where every require is >= 0, f >= f - m1 r1 - m2 r2 ... for m >= 0: coordinate ascent in m. */
double ir_quick_bound(const struct ir *ir, struct ir_form f, double enough)
{
	struct ir_form now = ir_form_merge(f, 0, (struct ir_form){ 0 }), next, r;
	double bound = free_bound(ir, f), m;
	bool better = true;
	uint32_t i, round;

	for (round = 0; round < 3 && better && bound < enough; round++) {
		better = false;
		for (i = 0; i < ir->n_require && bound < enough; i++) {
			r = ir_form_of(ir, &ir->require[i]);
			m = multiplier(&bound, ir, now, r);
			if (m == 0)
				continue;
			next = ir_form_merge(now, -m, r);
			free((void *)now.term);
			now = next;
			better = true;
		}
	}
	free((void *)now.term);
	return bound;
}

/* The lower end; the upper one is that of -f, negated. */
static double lower(const struct ir *ir, struct ir_form f, bool itself)
{
	double bound = itself ? -INFINITY : ir_quick_bound(ir, f, INFINITY);
	struct ir_search *s = ir_search_create(ir, f);
	struct ir_minimum m = ir_search_run(s, INFINITY, IR_SEARCH_BOXES, IR_SEARCH_BOXES);

	ir_search_free(s);
	/* no point of the domain was found: then what holds without the requires */
	return isfinite(m.best) || m.bound < INFINITY ? fmax(bound, m.bound) : bound;
}

static bool exact(const struct ir *ir, ir_scalar e, struct ir_form f)
{
	return ir_classify(ir, e) != IR_CLASS_GENERAL && !ir_form_is_cut(ir, f);
}

void ir_range(const struct ir *ir, ir_scalar e, double *lo, double *hi)
{
	struct ir_tables *t = ir->tables;
	struct ir_form f = ir_form_of(ir, &e), negative;
	bool itself = f.n == 1 && f.term[0] == e && ir->expr[e].op != IR_PARAM;
	double noise;

	if (e < t->n_range && t->range[e].known) {
		*lo = t->range[e].lo;
		*hi = t->range[e].hi;
		return;
	}
	negative = ir_form_merge((struct ir_form){ 0 }, -1, f);
	if (exact(ir, e, f)) {
		*lo = free_bound(ir, f);
		*hi = 0 - free_bound(ir, negative);
	} else {
		*lo = lower(ir, f, itself);
		*hi = 0 - lower(ir, negative, itself);
		noise = fmax(fabs(*lo), fabs(*hi)) * NOISE;
		*lo -= isfinite(noise) ? noise : 0;
		*hi += isfinite(noise) ? noise : 0;
	}
	free((void *)negative.term);
	t->range = ir_grow(t->range, e + 1, &t->n_range, sizeof *t->range);
	t->range[e] = (struct ir_known_range){ *lo, *hi, true };
}
