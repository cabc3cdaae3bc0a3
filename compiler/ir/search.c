/* The smallest value of a form over the domain, by branch and bound.
 *
 * Each box gets a lower bound: natural interval arithmetic, improved where the sign of a difference
 * quotient is known (the smallest value then lies on that side of the box) and by the mean-value
 * form. The box with the smallest bound is split next. A box where some require is certainly
 * negative is no part of the domain. */
#include "compiler/ir/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEASIBLE 1e-12 /* a require may be negative by this share of its size: rounding */
#define GAP 1e-9       /* bound and best agree within this share */
enum { CORNER_VARIABLES = 6 };

struct box {
	double bound;
	uint32_t split;         /* the variable to split it at */
	struct ir_interval *at; /* of each variable */
};

struct located_form {
	struct ir_form f;
	uint32_t *place; /* of each term on the tape */
	double noise;    /* requires: how far below 0 still counts as 0 */
};

struct ir_search {
	const struct ir *ir;
	struct ir_tape *tape;
	uint32_t n; /* variables */
	struct ir_variable *variable;
	uint32_t *place;           /* of each variable's PARAM on the tape */
	struct located_form *form; /* the objective, then the requires */
	uint32_t n_form;
	struct box *heap;
	uint32_t n_heap, capacity;
	struct ir_interval **pool; /* box vectors not in use */
	uint32_t n_pool, pool_capacity;
	struct ir_interval *work;
	double *x, *at;
	/* of the run */
	double best, target;
	double scale;   /* width of the objective's first enclosure */
	double dropped; /* smallest bound of boxes that need no more work */
	uint32_t split; /* for the box bounded last */
};

/* ------------------------------------------------------------------ which requires matter */
static void reach_of(bool *reach, const struct ir *ir, struct ir_form f)
{
	struct ir_tape *t = ir_tape_create(ir, &f, 1);
	uint32_t i;

	for (i = 0; i < t->n_var; i++)
		reach[t->var[i]] = true;
	ir_tape_free(t);
}

static const bool *reach_of_require(const struct ir *ir, uint32_t r)
{
	struct ir_tables *t = ir->tables;
	uint32_t i;

	if (!t->reach) {
		t->reach = ir_allocate((size_t)ir->n_require * ir->n_param, sizeof *t->reach);
		for (i = 0; i < ir->n_require; i++)
			reach_of(t->reach + (size_t)i * ir->n_param, ir,
				 ir_form_of(ir, &ir->require[i]));
	}
	return t->reach + (size_t)r * ir->n_param;
}

/* Grows the set of parameters along requires that share some; `chosen` marks those requires.
 * Others hold whatever these parameters are (were one impossible, the domain would be empty). */
static uint32_t choose_requires(bool *chosen, bool *reach, const struct ir *ir)
{
	uint32_t i, j, n = 0, before;
	const bool *r;

	do {
		before = n;
		for (i = 0; i < ir->n_require; i++) {
			r = reach_of_require(ir, i);
			for (j = 0; j < ir->n_param && !(r[j] && reach[j]); j++)
				;
			if (chosen[i] || j == ir->n_param)
				continue;
			chosen[i] = true;
			n++;
			for (j = 0; j < ir->n_param; j++)
				reach[j] |= r[j];
		}
	} while (n > before);
	return n;
}

bool ir_form_is_cut(const struct ir *ir, struct ir_form f)
{
	bool *reach, *chosen, cut;

	if (ir->n_require == 0)
		return false;
	reach = ir_allocate(ir->n_param, sizeof *reach);
	chosen = ir_allocate(ir->n_require, sizeof *chosen);
	reach_of(reach, ir, f);
	cut = choose_requires(chosen, reach, ir) > 0;
	free(reach);
	free(chosen);
	return cut;
}

/* ------------------------------------------------------------------ creation */
static void locate(struct ir_search *s)
{
	struct located_form *l;
	uint32_t i, j;

	for (i = 0; i < s->n_form; i++) {
		l = &s->form[i];
		l->place = ir_allocate(l->f.n, sizeof *l->place);
		for (j = 0; j < l->f.n; j++)
			l->place[j] = ir_tape_place(s->tape, l->f.term[j]);
	}
	for (i = j = 0; i < s->tape->n; i++)
		if (s->ir->expr[s->tape->node[i]].op == IR_PARAM)
			s->place[j++] = i;
}

struct ir_search *ir_search_create(const struct ir *ir, struct ir_form objective)
{
	struct ir_search *s = ir_allocate(1, sizeof *s);
	bool *own = ir_allocate(ir->n_param, sizeof *own);
	bool *reach = ir_allocate(ir->n_param, sizeof *reach);
	bool *chosen = ir_allocate(ir->n_require, sizeof *chosen);
	struct ir_form *form = ir_allocate(ir->n_require + 1, sizeof *form);
	uint32_t i, p;

	form[s->n_form++] = objective;
	if (ir->n_require) {
		reach_of(own, ir, objective);
		memcpy(reach, own, ir->n_param * sizeof *own);
		choose_requires(chosen, reach, ir);
	}
	for (i = 0; i < ir->n_require; i++)
		if (chosen[i])
			form[s->n_form++] = ir_form_of(ir, &ir->require[i]);
	s->ir = ir;
	s->tape = ir_tape_create(ir, form, s->n_form);
	s->n = s->tape->n_var;
	s->variable = ir_allocate(s->n, sizeof *s->variable);
	for (i = 0; i < s->n; i++) {
		p = s->tape->var[i];
		s->variable[i].param = p;
		s->variable[i].own = ir->n_require == 0 || own[p];
		s->variable[i].range = (struct ir_interval){ ir->param[p].lo, ir->param[p].hi };
	}
	s->place = ir_allocate(s->n, sizeof *s->place);
	s->form = ir_allocate(s->n_form, sizeof *s->form);
	for (i = 0; i < s->n_form; i++)
		s->form[i].f = form[i];
	s->work = ir_allocate(s->n, sizeof *s->work);
	s->x = ir_allocate(s->n, sizeof *s->x);
	s->at = ir_allocate(s->n, sizeof *s->at);
	locate(s);
	free(own);
	free(reach);
	free(chosen);
	free(form);
	return s;
}

void ir_search_free(struct ir_search *s)
{
	uint32_t i;

	if (!s)
		return;
	for (i = 0; i < s->n_form; i++)
		free(s->form[i].place);
	for (i = 0; i < s->n_heap; i++)
		free(s->heap[i].at);
	for (i = 0; i < s->n_pool; i++)
		free(s->pool[i]);
	ir_tape_free(s->tape);
	free(s->form);
	free(s->variable);
	free(s->place);
	free(s->heap);
	free(s->pool);
	free(s->work);
	free(s->x);
	free(s->at);
	free(s);
}

struct ir_variable *ir_search_variables(struct ir_search *s, uint32_t *n)
{
	*n = s->n;
	return s->variable;
}

/* ------------------------------------------------------------------ boxes */
static struct ir_interval *take(struct ir_search *s)
{
	if (s->n_pool)
		return s->pool[--s->n_pool];
	return ir_allocate(s->n, sizeof **s->pool);
}

static void give(struct ir_search *s, struct ir_interval *at)
{
	s->pool = ir_grow(s->pool, s->n_pool + 1, &s->pool_capacity, sizeof *s->pool);
	s->pool[s->n_pool++] = at;
}

static void push(struct ir_search *s, struct box b)
{
	uint32_t i, up;

	s->heap = ir_grow(s->heap, s->n_heap + 1, &s->capacity, sizeof *s->heap);
	for (i = s->n_heap++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (s->heap[up].bound <= b.bound)
			break;
		s->heap[i] = s->heap[up];
	}
	s->heap[i] = b;
}

static struct box pop(struct ir_search *s)
{
	struct box top = s->heap[0], last = s->heap[--s->n_heap];
	uint32_t i = 0, down;

	for (; (down = 2 * i + 1) < s->n_heap; i = down) {
		if (down + 1 < s->n_heap && s->heap[down + 1].bound < s->heap[down].bound)
			down++;
		if (last.bound <= s->heap[down].bound)
			break;
		s->heap[i] = s->heap[down];
	}
	if (s->n_heap)
		s->heap[i] = last;
	return top;
}

/* ------------------------------------------------------------------ values and bounds */
static double value_of(const struct ir_search *s, const struct located_form *l)
{
	double v = l->f.value;
	uint32_t i;

	for (i = 0; i < l->f.n; i++)
		v += l->f.coef[i] * s->tape->value[l->place[i]];
	return v;
}

static struct ir_interval range_of(const struct ir_search *s, const struct located_form *l)
{
	struct ir_interval v = { l->f.value, l->f.value }, k;
	uint32_t i;

	for (i = 0; i < l->f.n; i++) {
		k = (struct ir_interval){ l->f.coef[i], l->f.coef[i] };
		v = ir_interval_add(v, ir_interval_mul(k, s->tape->range[l->place[i]]));
	}
	return v;
}

/* The value at s->x, when that lies in the domain. */
static double sample(struct ir_search *s)
{
	uint32_t i;
	double v;

	ir_tape_eval(s->tape, s->x);
	for (i = 1; i < s->n_form; i++)
		if (!(value_of(s, &s->form[i]) >= -s->form[i].noise))
			return INFINITY;
	v = value_of(s, &s->form[0]);
	v = isnan(v) ? -INFINITY : v;
	if (v < s->best) {
		s->best = v;
		memcpy(s->at, s->x, s->n * sizeof *s->x);
	}
	return v;
}

static double middle(struct ir_interval a)
{
	return a.lo + (a.hi - a.lo) / 2;
}

static void sample_middle(struct ir_search *s, const struct ir_interval *box)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		s->x[i] = middle(box[i]);
	sample(s);
}

/* Slopes of the objective by each variable, at s->tape->slope[s->place[i]]. */
static void find_slopes(struct ir_search *s)
{
	const struct located_form *l = &s->form[0];
	uint32_t i;

	memset(s->tape->slope, 0, s->tape->n * sizeof *s->tape->slope);
	for (i = 0; i < l->f.n; i++)
		s->tape->slope[l->place[i]] =
			(struct ir_interval){ l->f.coef[i], l->f.coef[i] };
	ir_tape_slope(s->tape);
}

/* Moves to the side of the box where the objective is smallest, for each variable whose slope has
 * one sign. Returns how many were moved. */
static uint32_t collapse(struct ir_search *s, struct ir_interval *box)
{
	struct ir_interval slope;
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++) {
		slope = s->tape->slope[s->place[i]];
		if (box[i].lo == box[i].hi || (slope.lo < 0 && slope.hi > 0))
			continue;
		if (slope.lo >= 0)
			box[i].hi = box[i].lo;
		else
			box[i].lo = box[i].hi;
		n++;
	}
	return n;
}

/* f(middle) + slope * (box - middle); samples the middle and the corner the slopes point to. */
static double mean_value(struct ir_search *s, const struct ir_interval *box)
{
	struct ir_interval slope;
	double v, spread = 0, half;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		s->x[i] = middle(box[i]);
	v = sample(s);
	if (!isfinite(v)) /* outside the domain or undefined: no value to start from */
		v = -INFINITY;
	for (i = 0; i < s->n; i++) {
		slope = s->tape->slope[s->place[i]];
		half = (box[i].hi - box[i].lo) / 2;
		if (half > 0)
			spread += half * fmax(fabs(slope.lo), fabs(slope.hi));
		s->x[i] = slope.lo + slope.hi > 0 ? box[i].lo : box[i].hi;
	}
	sample(s);
	return isnan(v - spread) ? -INFINITY : v - spread;
}

/* Where a split promises most: the largest change of the objective across the box, else the widest
 * in its range. s->n when the box cannot be split. */
static uint32_t choose_split(const struct ir_search *s, const struct ir_interval *box, bool slopes)
{
	double score, most = 0, width, largest;
	uint32_t i, choice = s->n;

	for (i = 0; i < s->n; i++) {
		width = box[i].hi - box[i].lo;
		largest = fmax(fabs(box[i].lo), fabs(box[i].hi));
		if (!(width > 1e-15 * largest))
			continue;
		score = 1e-3 * width / (s->variable[i].range.hi - s->variable[i].range.lo);
		if (slopes) {
			const struct ir_interval *k = &s->tape->slope[s->place[i]];
			double change = width * fmax(fabs(k->lo), fabs(k->hi));

			score = isfinite(change) ? change + 1e-12 * score : 1e300 * score;
		}
		if (choice == s->n || score > most) {
			most = score;
			choice = i;
		}
	}
	return choice;
}

/* The lower bound of the objective in the part of the box that lies in the domain; INFINITY when
 * that is empty. Without requires the box itself shrinks to the side that matters. */
static double bound_box(struct ir_search *s, struct ir_interval *box)
{
	struct ir_interval *work = s->work;
	bool whole = ir_tape_bound(s->tape, box);
	double bound;
	uint32_t i;

	for (i = 1; i < s->n_form; i++)
		if (range_of(s, &s->form[i]).hi < -s->form[i].noise)
			return INFINITY;
	if (!whole) {
		s->split = choose_split(s, box, false);
		sample_middle(s, box);
		return -INFINITY;
	}
	bound = range_of(s, &s->form[0]).lo;
	if (bound >= s->target)
		return bound;
	memcpy(work, box, s->n * sizeof *work);
	find_slopes(s);
	s->split = choose_split(s, box, true);
	for (i = 0; i < 3 && collapse(s, work); i++) {
		if (!ir_tape_bound(s->tape, work))
			break;
		bound = fmax(bound, range_of(s, &s->form[0]).lo);
		find_slopes(s);
	}
	bound = fmax(bound, mean_value(s, work));
	if (s->n_form > 1) {
		sample_middle(s, box);
	} else {
		memcpy(box, work, s->n * sizeof *work);
		s->split = choose_split(s, box, true);
	}
	return bound;
}

/* ------------------------------------------------------------------ the run */
/* Takes box.at. Boxes that need no more work only leave their bound. */
static void enter(struct ir_search *s, struct box b)
{
	b.bound = fmax(b.bound, bound_box(s, b.at));
	b.split = s->split;
	if (b.bound >= s->target || s->split == s->n) {
		s->dropped = fmin(s->dropped, b.bound);
		give(s, b.at);
	} else {
		push(s, b);
	}
}

static void sample_root(struct ir_search *s)
{
	const struct ir_variable *v = s->variable;
	uint32_t i, corner;

	for (i = 0; i < s->n; i++)
		s->x[i] = fmin(fmax(s->ir->param[v[i].param].value, v[i].range.lo), v[i].range.hi);
	sample(s);
	for (corner = 0; s->n <= CORNER_VARIABLES && corner >> s->n == 0; corner++) {
		for (i = 0; i < s->n; i++)
			s->x[i] = corner >> i & 1 ? v[i].range.hi : v[i].range.lo;
		sample(s);
	}
}

/* Feasibility noise is measured against what each require ranges over in the whole box. */
static void begin(struct ir_search *s, double target)
{
	struct box root = { .bound = -INFINITY, .at = take(s) };
	struct ir_interval r;
	uint32_t i;

	s->best = INFINITY;
	s->target = target;
	s->dropped = INFINITY;
	s->split = 0;
	for (i = 0; i < s->n; i++)
		root.at[i] = s->variable[i].range;
	ir_tape_bound(s->tape, root.at);
	for (i = 1; i < s->n_form; i++) {
		r = range_of(s, &s->form[i]);
		s->form[i].noise = FEASIBLE * fmax(fabs(r.lo), fabs(r.hi));
		if (!isfinite(s->form[i].noise))
			s->form[i].noise = 0;
	}
	r = range_of(s, &s->form[0]);
	s->scale = isfinite(r.hi - r.lo) ? r.hi - r.lo : 0;
	sample_root(s);
	enter(s, root);
}

static double bound_now(const struct ir_search *s)
{
	return s->n_heap ? fmin(s->heap[0].bound, s->dropped) : s->dropped;
}

static bool finished(const struct ir_search *s)
{
	double bound = bound_now(s);

	return bound >= s->target ||
	       s->best - bound <= GAP * fmax(s->scale, fmin(fabs(bound), fabs(s->best)));
}

struct ir_minimum ir_search_run(struct ir_search *s, double target, uint32_t boxes,
				uint32_t refine)
{
	struct ir_minimum found;
	struct box b, half;
	uint32_t n;

	begin(s, target);
	for (n = 0; n < boxes && s->n_heap && !finished(s); n += 2) {
		if (s->best < target && n + refine < boxes)
			boxes = n + refine;
		b = pop(s);
		half = b;
		half.at = take(s);
		memcpy(half.at, b.at, s->n * sizeof *b.at);
		half.at[b.split].lo = b.at[b.split].hi = middle(b.at[b.split]);
		enter(s, half);
		enter(s, b);
	}
	found = (struct ir_minimum){ bound_now(s), s->best, s->at, n + 1 };
	while (s->n_heap)
		give(s, s->heap[--s->n_heap].at);
	return found;
}
