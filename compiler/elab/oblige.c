/* Obligations: what must be >= 0 for every parameter value. Those that hold are forgotten at once;
 * the others are kept until the whole sequence is known (later `require`s narrow the domain), and
 * then told once per place, with the part of the range that works. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* ------------------------------------------------------------------ scalars over the domain */
static void defaults(const struct ir *ir, double *p)
{
	for (uint32_t i = 0; i < ir->n_param; i++)
		p[i] = ir->param[i].value;
}

double scalar_default(struct evaluator *ev, ir_scalar e)
{
	double v, *p;

	if (ir_is_const(ev->ir, e, &v))
		return v;
	p = malloc((ev->ir->n_param + 1) * sizeof *p);
	if (!p)
		return NAN;
	defaults(ev->ir, p);
	v = ir_eval(ev->ir, e, p);
	free(p);
	return v;
}

double scalar_worst(struct evaluator *ev, ir_scalar e)
{
	double lo, hi;

	if (ir_is_const(ev->ir, e, &lo))
		return fabs(lo);
	ir_range(ev->ir, e, &lo, &hi);
	return fmax(fabs(lo), fabs(hi));
}

void scalar_params(struct evaluator *ev, ir_scalar e, bool *uses)
{
	const struct ir_expr *x = &ev->ir->expr[e];

	switch (x->op) {
	case IR_CONST:
		return;
	case IR_PARAM:
		uses[x->param] = true;
		return;
	case IR_SUM:
		for (uint32_t i = 0; i < x->n; i++)
			scalar_params(ev, x->term[i], uses);
		return;
	default:
		scalar_params(ev, x->a, uses);
		if (x->b)
			scalar_params(ev, x->b, uses);
	}
}

const char *point_text(struct evaluator *ev, ir_scalar e, const double *param)
{
	bool *uses = arena_alloc(ev->arena, ev->ir->n_param + 1);
	const char *out = "";

	scalar_params(ev, e, uses);
	for (uint32_t i = 0; i < ev->ir->n_param; i++)
		if (uses[i])
			out = arena_printf(ev->arena, "%s%s%s = %s", out, *out ? ", " : "",
					   ev->ir->param[i].name,
					   dim_show(ev->l, param[i], ev->ir->param[i].dim));
	return out;
}

/* The slot of `e` in the hash set of proved scalars, or the empty one where it belongs. Scalar 0 is
 * the constant 0 and never in the set, so 0 marks empty slots. */
static uint32_t *proved_slot(uint32_t *set, uint32_t capacity, ir_scalar e)
{
	uint32_t at = e * 2654435761u & (capacity - 1);

	while (set[at] && set[at] != e)
		at = (at + 1) & (capacity - 1);
	return &set[at];
}

static void proved_add(struct evaluator *ev, ir_scalar e)
{
	if (ev->n_proved * 2 >= ev->proved_capacity) {
		uint32_t capacity = ev->proved_capacity ? 2 * ev->proved_capacity : 1024;
		uint32_t *set = calloc(capacity, sizeof *set);

		if (!set)
			abort(); /* as the arena does */
		for (uint32_t i = 0; i < ev->proved_capacity; i++)
			if (ev->proved[i])
				*proved_slot(set, capacity, ev->proved[i]) = ev->proved[i];
		free(ev->proved);
		ev->proved = set;
		ev->proved_capacity = capacity;
	}
	*proved_slot(ev->proved, ev->proved_capacity, e) = e;
	ev->n_proved++;
}

bool proved_nonnegative(struct evaluator *ev, ir_scalar e, double slack)
{
	double lo, hi;

	if (ir_is_const(ev->ir, e, &lo))
		return lo >= -slack;
	if (ev->proved_capacity && *proved_slot(ev->proved, ev->proved_capacity, e))
		return true;
	ir_range(ev->ir, e, &lo, &hi);
	if (!(lo >= -slack))
		return false;
	proved_add(ev, e);
	return true;
}

/* ------------------------------------------------------------------ owing */
static bool same_place(const struct place *a, const struct place *b)
{
	return a->span.source == b->span.source && a->span.begin == b->span.begin &&
	       a->span.end == b->span.end && a->inner.begin == b->inner.begin &&
	       a->inner.source == b->inner.source;
}

static void obligation_fill(struct evaluator *ev, struct obligation *to, const struct obligation *o)
{
	struct obligation *next = to->next;
	double hi;

	*to = *o;
	to->next = next;
	to->part = arena_alloc(ev->arena, ((size_t)o->n_part + 1) * sizeof *to->part);
	if (o->n_part)
		memcpy(to->part, o->part, (size_t)o->n_part * sizeof *to->part);
	ir_range(ev->ir, o->e, &to->bound, &hi);
}

void oblige(struct evaluator *ev, const struct obligation *o)
{
	struct obligation *best = NULL, *add;
	double lo, hi;
	int n = 0;

	if (ev->time.dry || ev->sketch || proved_nonnegative(ev, o->e, o->slack))
		return;
	for (struct obligation *k = ev->obligation; k; k = k->next) {
		if (k->kind != o->kind || !same_place(&k->place, &o->place))
			continue;
		if (k->e == o->e)
			return;
		n++;
		if (!best || k->bound > best->bound)
			best = k;
	}
	if (n >= LIMIT_FAILURES) {
		ir_range(ev->ir, o->e, &lo, &hi);
		if (lo < best->bound)
			obligation_fill(ev, best, o);
		return;
	}
	add = arena_alloc(ev->arena, sizeof *add);
	add->next = ev->obligation;
	ev->obligation = add;
	obligation_fill(ev, add, o);
}

void oblige_time(struct evaluator *ev, ir_scalar nonnegative, struct span at, const char *fmt, ...)
{
	struct obligation o = { .kind = OBLIGE_TIME, .e = nonnegative, .slack = SLACK_TIME };
	char text[128];
	va_list args;

	if (ev->time.dry || ev->sketch || proved_nonnegative(ev, nonnegative, SLACK_TIME))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	o.text = arena_copy(ev->arena, text, strlen(text));
	o.place = place_of(ev, at);
	oblige(ev, &o);
}

/* ------------------------------------------------------------------ limits of gradients */
static struct limit_key *limits_slot(struct limit_key *set, uint32_t capacity, struct limit_key key)
{
	uint32_t at = (key.amplitude * 2654435761u ^ key.rise * 40503u) & (capacity - 1);

	while (set[at].amplitude && memcmp(&set[at], &key, sizeof key))
		at = (at + 1) & (capacity - 1);
	return &set[at];
}

/* True the first time for these measures: thousands of blocks play the same few gradients. */
static bool limits_new(struct evaluator *ev, const struct grad *g)
{
	struct limit_key key = { g->amplitude, g->rise, g->fall }, *slot;

	if (ev->n_limits * 2 >= ev->limits_capacity) {
		uint32_t capacity = ev->limits_capacity ? 2 * ev->limits_capacity : 256;
		struct limit_key *set = calloc(capacity, sizeof *set);

		if (!set)
			abort(); /* as the arena does */
		for (uint32_t i = 0; i < ev->limits_capacity; i++)
			if (ev->limits[i].amplitude)
				*limits_slot(set, capacity, ev->limits[i]) = ev->limits[i];
		free(ev->limits);
		ev->limits = set;
		ev->limits_capacity = capacity;
	}
	slot = limits_slot(ev->limits, ev->limits_capacity, key);
	if (slot->amplitude)
		return false;
	*slot = key;
	ev->n_limits++;
	return true;
}

static ir_scalar magnitude(struct evaluator *ev, ir_scalar e)
{
	double lo, hi;

	if (ir_is_const(ev->ir, e, &lo))
		return ir_const(ev->ir, fabs(lo));
	ir_range(ev->ir, e, &lo, &hi);
	return lo >= 0 ? e : hi <= 0 ? ir_neg(ev->ir, e) : ir_unary(ev->ir, IR_ABS, e);
}

void oblige_limits(struct evaluator *ev, const struct grad *g, struct span at, bool rise_joined,
		   bool fall_joined)
{
	const struct ir_system *s = &ev->ir->system;
	struct ir *ir = ev->ir;
	struct obligation o = { .subject = g->name };
	ir_scalar m, ramp[2] = { g->rise, g->fall };
	bool joined[2] = { rise_joined, fall_joined };
	double v;

	if (s->ideal || g->checked || ev->time.dry || !g->amplitude || !limits_new(ev, g))
		return;
	m = magnitude(ev, g->amplitude);
	o.place = place_of(ev, at);
	o.kind = OBLIGE_AMPLITUDE;
	o.dim = dim_gradient;
	o.limit = s->max_grad;
	o.slack = 1e-9 * s->max_grad;
	o.need = m;
	o.e = ir_sub(ir, ir_const(ir, s->max_grad), m);
	oblige(ev, &o);
	o.kind = OBLIGE_SLEW;
	o.dim = dim_slew;
	o.limit = s->max_slew;
	if (g->shape != IR_NO_SHAPE) {
		o.need = ir_div(ir, ir_scale(ir, g->shape_slew, m), g->flat);
		o.e = ir_sub(ir, ir_const(ir, s->max_slew), o.need);
		o.slack = 1e-9 * s->max_slew;
		oblige(ev, &o);
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (joined[i])
			continue;
		o.need = ir_is_const(ir, ramp[i], &v) && v == 0 ? ir_const(ir, INFINITY)
								: ir_div(ir, m, ramp[i]);
		o.e = ir_sub(ir, ir_scale(ir, s->max_slew, ramp[i]), m);
		o.slack = 1e-9 * s->max_grad;
		oblige(ev, &o);
	}
}
