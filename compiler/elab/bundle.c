/* Events that play together: joining with `&`, shifting with `@`, and the layout of the block they
 * make: windows, dead times, duration, centre, and what must not overlap. */
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* Copies, because layout and shifts move events. */
static struct value event_copy(struct evaluator *ev, const struct value *v)
{
	struct value out = *v;
	void *copy;

	switch (v->kind) {
	case VALUE_RF:
		copy = arena_alloc(ev->arena, sizeof *v->rf);
		out.rf = memcpy(copy, v->rf, sizeof *v->rf);
		break;
	case VALUE_GRAD:
		copy = arena_alloc(ev->arena, sizeof *v->grad);
		out.grad = memcpy(copy, v->grad, sizeof *v->grad);
		break;
	default:
		copy = arena_alloc(ev->arena, sizeof *v->adc);
		out.adc = memcpy(copy, v->adc, sizeof *v->adc);
	}
	return out;
}

static ir_scalar *event_start(const struct value *v)
{
	return v->kind == VALUE_RF     ? &v->rf->start
	       : v->kind == VALUE_GRAD ? &v->grad->start
				       : &v->adc->start;
}

static ir_scalar event_duration(struct evaluator *ev, const struct value *v)
{
	return v->kind == VALUE_RF     ? v->rf->duration
	       : v->kind == VALUE_GRAD ? grad_duration(ev, v->grad)
				       : v->adc->duration;
}

static ir_scalar event_end(struct evaluator *ev, const struct value *v)
{
	return ir_add(ev->ir, *event_start(v), event_duration(ev, v));
}

bool bundle_make(struct evaluator *ev, struct bundle *out, const struct value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
		*out = (struct bundle){ .n = 0 };
		return true;
	case VALUE_RF:
	case VALUE_GRAD:
	case VALUE_ADC:
		*out = (struct bundle){ .n = 1 };
		out->item[0] = event_copy(ev, v);
		return true;
	case VALUE_BUNDLE:
		*out = *v->bundle;
		for (int i = 0; i < out->n; i++)
			out->item[i] = event_copy(ev, &v->bundle->item[i]);
		return true;
	default:
		return false;
	}
}

static struct value bundle_value(const struct bundle *b, struct evaluator *ev, struct span at)
{
	struct value v = { .kind = VALUE_BUNDLE, .span = at };

	v.bundle = arena_alloc(ev->arena, sizeof *v.bundle);
	*v.bundle = *b;
	return v;
}

static struct value not_playable(struct evaluator *ev, const struct value *v, const char *op)
{
	struct diag *d;

	if (v->kind == VALUE_ERROR)
		return *v;
	d = error_at(ev, "E11", v->span, "`%s` wants pulses, gradients and windows, found %s", op,
		     describe(ev, v));
	if (v->kind == VALUE_CALL)
		diag_help(ev->l, d, "a block is played on a line of its own");
	return value_error();
}

struct value bundle_join(struct evaluator *ev, const struct value *a, const struct value *b,
			 struct span at)
{
	struct bundle x, y;

	if (a->kind == VALUE_ERROR || b->kind == VALUE_ERROR)
		return value_error();
	if (!bundle_make(ev, &x, a))
		return not_playable(ev, a, "&");
	if (!bundle_make(ev, &y, b))
		return not_playable(ev, b, "&");
	if (x.n + y.n > LIMIT_EVENTS) {
		error_at(ev, "E28", at, "too many events in one block (limit %d)", LIMIT_EVENTS);
		return value_error();
	}
	for (int i = 0; i < y.n; i++)
		x.item[x.n++] = y.item[i];
	for (int i = 0; i < y.n_member && x.n_member < (int)PRECESS_COUNT(x.member); i++)
		x.member[x.n_member++] = y.member[i];
	return bundle_value(&x, ev, at);
}

struct value bundle_shift(struct evaluator *ev, const struct value *a, const struct value *t,
			  struct span at)
{
	struct value shift = *t;
	struct bundle b;

	if (a->kind == VALUE_ERROR || !value_convert(ev, &shift, "time", false, "`@`"))
		return value_error();
	if (!bundle_make(ev, &b, a))
		return not_playable(ev, a, "@");
	oblige_time(ev, shift.scalar, t->span, "the shift");
	for (int i = 0; i < b.n; i++) {
		ir_scalar *start = event_start(&b.item[i]);

		*start = ir_add(ev->ir, *start, shift.scalar);
	}
	if (b.n == 1 && a->kind != VALUE_BUNDLE) {
		b.item[0].span = at;
		return b.item[0];
	}
	return bundle_value(&b, ev, at);
}

/* ------------------------------------------------------------------ layout */
static ir_scalar later(struct evaluator *ev, ir_scalar a, ir_scalar b)
{
	if (a == b || proved_nonnegative(ev, ir_sub(ev->ir, a, b), SLACK_TIME))
		return a;
	if (proved_nonnegative(ev, ir_sub(ev->ir, b, a), SLACK_TIME))
		return b;
	return ir_binary(ev->ir, IR_MAX, a, b);
}

/* A window is placed by the gradient it was made for, wherever that was shifted to. */
static void place_windows(struct evaluator *ev, struct bundle *b)
{
	for (int i = 0; i < b->n; i++) {
		struct adc *a = b->item[i].kind == VALUE_ADC ? b->item[i].adc : NULL;

		for (int j = 0; a && a->over && j < b->n; j++)
			if (b->item[j].kind == VALUE_GRAD && b->item[j].grad->identity == a->over) {
				a->start = ir_add(ev->ir, a->start, b->item[j].grad->start);
				a->over = NULL;
				a->inside = true;
			}
	}
}

/* Moves everything so that the transmitter and receiver have their dead times. */
static void dead_times(struct evaluator *ev, struct bundle *b)
{
	const struct ir_system *s = &ev->ir->system;
	ir_scalar shift = 0;

	for (int i = 0; i < b->n; i++) {
		double dead = b->item[i].kind == VALUE_RF    ? s->rf_dead_time
			      : b->item[i].kind == VALUE_ADC ? s->adc_dead_time
							     : 0;

		if (dead > 0)
			shift = later(
				ev, shift,
				ir_sub(ev->ir, ir_const(ev->ir, dead), *event_start(&b->item[i])));
	}
	for (int i = 0; shift && i < b->n; i++) {
		ir_scalar *start = event_start(&b->item[i]);

		*start = ir_add(ev->ir, *start, shift);
	}
}

static const char *interval(struct evaluator *ev, const struct value *v)
{
	double from = scalar_default(ev, *event_start(v)),
	       to = scalar_default(ev, event_end(ev, v));

	return arena_printf(ev->arena, "%s .. %s",
			    from == 0 ? "0" : dim_show(ev->l, from, dim_time),
			    dim_show(ev->l, to, dim_time));
}

static bool apart(struct evaluator *ev, const struct value *a, const struct value *b)
{
	ir_scalar gap = ir_sub(ev->ir, *event_start(b), event_end(ev, a));

	if (proved_nonnegative(ev, gap, SLACK_TIME))
		return true;
	gap = ir_sub(ev->ir, *event_start(a), event_end(ev, b));
	return proved_nonnegative(ev, gap, SLACK_TIME);
}

static void overlap_grad(struct evaluator *ev, const struct value *a, const struct value *b,
			 struct span at)
{
	struct diag *d = error_at(ev, "E22", at,
				  "two gradients play on %c at once: `%s` %s and `%s` %s",
				  "xyz"[a->grad->axis], a -> grad -> name, interval(ev, a),
				  b -> grad -> name, interval(ev, b));

	diag_label(ev->l, d, "both on %c", "xyz"[a->grad->axis]);
	if (grad_same_timing(a->grad, b->grad) && strcmp(a->grad->name, b->grad->name))
		diag_help(ev->l, d, "put them on separate lines, or `combine(%s, %s)`",
			  a->grad->name, b->grad->name);
	else
		diag_help(ev->l, d, "put them on separate lines, or shift one with `@`");
}

static void overlap_rf(struct evaluator *ev, const struct value *a, const struct value *b,
		       struct span at)
{
	double from = fmax(scalar_default(ev, *event_start(a)),
			   scalar_default(ev, *event_start(b)));
	double to = fmin(scalar_default(ev, event_end(ev, a)),
			 scalar_default(ev, event_end(ev, b)));
	bool receive = a->kind != b->kind;
	struct diag *d = error_at(ev, "E23", at, "%s overlap %s .. %s in this block",
				  receive               ? "RF and ADC"
				  : a->kind == VALUE_RF ? "two RF pulses"
							: "two ADC windows",
				  from == 0 ? "0" : dim_show(ev->l, from, dim_time),
				  dim_show(ev->l, to, dim_time));

	diag_help(ev->l, d, "put them on separate lines, or shift one with `@`");
}

static void check_overlap(struct evaluator *ev, const struct bundle *b, struct span at)
{
	for (int i = 0; i < b->n; i++)
		for (int j = i + 1; j < b->n; j++) {
			const struct value *u = &b->item[i], *v = &b->item[j];
			bool grads = u->kind == VALUE_GRAD && v->kind == VALUE_GRAD;

			if (grads ? u->grad->axis != v->grad->axis
				  : u->kind == VALUE_GRAD || v->kind == VALUE_GRAD)
				continue;
			if (apart(ev, u, v))
				continue;
			if (grads)
				overlap_grad(ev, u, v, at);
			else
				overlap_rf(ev, u, v, at);
		}
}

static const struct value *first_of(const struct bundle *b, enum value_kind kind)
{
	for (int i = 0; i < b->n; i++)
		if (b->item[i].kind == kind)
			return &b->item[i];
	return NULL;
}

struct layout bundle_layout(struct evaluator *ev, struct bundle *b, struct span at)
{
	const struct ir_system *s = &ev->ir->system;
	struct layout y = { 0, 0 };
	const struct value *c;
	double whole;

	place_windows(ev, b);
	dead_times(ev, b);
	for (int i = 0; i < b->n; i++) {
		const struct value *v = &b->item[i];
		ir_scalar end = event_end(ev, v);

		if (v->kind == VALUE_ADC && v->adc->inside && s->adc_dead_time <= 0)
			continue;
		if (v->kind == VALUE_RF && s->rf_ringdown_time > 0)
			end = ir_add(ev->ir, end, ir_const(ev->ir, s->rf_ringdown_time));
		if (v->kind == VALUE_ADC && s->adc_dead_time > 0)
			end = ir_add(ev->ir, end, ir_const(ev->ir, s->adc_dead_time));
		y.duration = y.duration ? later(ev, y.duration, end) : end;
	}
	if (s->grad_raster > 0 && ir_is_const(ev->ir, y.duration, &whole))
		y.duration = ir_const(ev->ir, raster_up(whole, s->grad_raster));
	check_overlap(ev, b, at);
	c = first_of(b, VALUE_RF);
	if (c) {
		y.center = ir_add(ev->ir, c->rf->start, c->rf->center);
		return y;
	}
	c = first_of(b, VALUE_ADC);
	if (c)
		y.center = ir_add(ev->ir, c->adc->start, adc_center(ev, c->adc));
	else
		y.center = ir_scale(ev->ir, 0.5, y.duration);
	return y;
}
