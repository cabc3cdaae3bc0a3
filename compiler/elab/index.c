/* Facts for editors: what a name is worth, how long a block lasts, how long it waited. Loops repeat
 * a place; the first time counts. */
#include <stdlib.h>

#include "compiler/elab/evaluator.h"

static bool wanted(const struct evaluator *ev, struct span at)
{
	return ev->options && ev->options->index && !ev->sketch && !ev->time.dry &&
	       at.source == ev->main->file->span.source;
}

/* The slot of (kind, place) in the hash table over the facts, which holds index + 1. */
static uint32_t *slot_of(struct elab_index *x, enum elab_fact_kind kind, struct span at)
{
	uint32_t i = (at.begin * 2654435761u + at.end * 40503u + (uint32_t)kind) & (x->n_slot - 1);

	for (; x->slot[i]; i = (i + 1) & (x->n_slot - 1)) {
		const struct elab_fact *f = &x->fact[x->slot[i] - 1];

		if (f->kind == kind && f->span.begin == at.begin && f->span.end == at.end)
			break;
	}
	return &x->slot[i];
}

static void grow(struct evaluator *ev, struct elab_index *x)
{
	uint32_t n = x->n_slot ? 2 * x->n_slot : 256;
	struct elab_fact *fact = arena_alloc(ev->arena, n / 2 * sizeof *fact);

	x->slot = arena_alloc(ev->arena, n * sizeof *x->slot);
	x->n_slot = n;
	for (uint32_t i = 0; i < x->n; i++)
		fact[i] = x->fact[i];
	x->fact = fact;
	for (uint32_t i = 0; i < x->n; i++)
		*slot_of(x, fact[i].kind, fact[i].span) = i + 1;
}

/* Where the fact's text goes, or NULL when the place is known. */
static const char **place(struct evaluator *ev, enum elab_fact_kind kind, struct span at)
{
	struct elab_index *x = ev->options->index;
	uint32_t *slot;

	if (2 * (x->n + 1) > x->n_slot)
		grow(ev, x);
	slot = slot_of(x, kind, at);
	if (*slot)
		return NULL;
	x->fact[x->n] = (struct elab_fact){ kind, at, NULL };
	*slot = ++x->n;
	return &x->fact[x->n - 1].text;
}

/* "8*ESP = 64ms .. 120ms, default 80ms"; a range only where it is exact and cheap. */
static const char *number_text(struct evaluator *ev, ir_scalar e, struct dim d, bool formula)
{
	const char *text = formula ? ir_text(ev->ir, ev->l, e, d) : NULL;
	double lo, hi, v;

	if (ir_is_const(ev->ir, e, &v))
		return dim_show(ev->l, v, d);
	v = scalar_default(ev, e);
	if (ir_classify(ev->ir, e) != IR_CLASS_AFFINE)
		return arena_printf(ev->arena, "%s by default", dim_show(ev->l, v, d));
	ir_range(ev->ir, e, &lo, &hi);
	if (!formula)
		return arena_printf(ev->arena, "%s (%s .. %s)", dim_show(ev->l, v, d),
				    dim_show(ev->l, lo, d), dim_show(ev->l, hi, d));
	return arena_printf(ev->arena, "%s = %s .. %s, default %s", text, dim_show(ev->l, lo, d),
			    dim_show(ev->l, hi, d), dim_show(ev->l, v, d));
}

static const char *time_text(struct evaluator *ev, ir_scalar e)
{
	return number_text(ev, e, dim_time, false);
}

static const char *value_text(struct evaluator *ev, const struct value *v)
{
	switch (v->kind) {
	case VALUE_NUMBER:
		return number_text(ev, v->scalar, v->dim, true);
	case VALUE_BOOL:
		return v->condition ? "a condition on parameters" : v->boolean ? "true" : "false";
	case VALUE_AXIS:
		return arena_printf(ev->arena, "axis %c", "xyz"[v->axis]);
	case VALUE_ARRAY:
		return arena_printf(ev->arena, "an array of %u", v->array->n);
	case VALUE_RF:
		return arena_printf(ev->arena, "an RF pulse of %s lasting %s",
				    number_text(ev, v->rf->flip, dim_angle, false),
				    time_text(ev, v->rf->duration));
	case VALUE_GRAD:
		return arena_printf(ev->arena, "a gradient on %c of %s lasting %s",
				    "xyz"[v->grad->axis],
				    number_text(ev, v->grad->amplitude, dim_gradient, false),
				    time_text(ev, grad_duration(ev, v->grad)));
	case VALUE_ADC:
		return arena_printf(ev->arena, "a window of %u samples, %s apart", v->adc->n,
				    time_text(ev, v->adc->dwell));
	case VALUE_PLAYED:
		return arena_printf(ev->arena, "played from %s, lasting %s",
				    time_text(ev, v->played->start),
				    time_text(ev, v->played->duration));
	default:
		return describe(ev, v);
	}
}

void index_value(struct evaluator *ev, struct span at, const struct value *v)
{
	const char **text;

	if (!wanted(ev, at) || v->kind == VALUE_ERROR || v->kind == VALUE_FUNCTION)
		return;
	text = place(ev, ELAB_VALUE, at);
	if (text)
		*text = value_text(ev, v);
}

void index_time(struct evaluator *ev, enum elab_fact_kind kind, struct span at, ir_scalar t)
{
	const char **text;
	double v;

	if (!wanted(ev, at) || (ir_is_const(ev->ir, t, &v) && v <= SLACK_TIME))
		return;
	text = place(ev, kind, at);
	if (text)
		*text = time_text(ev, t);
}
