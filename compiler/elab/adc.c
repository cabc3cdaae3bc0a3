/* adc(n, ...): n samples, sample i at (i + 1/2) dwell. `over` fills a gradient's flat top, or the
 * whole gradient, when both are played together. */
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* The window that `over` names, relative to its gradient's start. */
static bool window(struct evaluator *ev, const struct value *over, struct adc *a, ir_scalar *length)
{
	const struct grad *g = over->kind == VALUE_GRAD     ? over->grad
			       : over->kind == VALUE_NUMBER ? over->window
							    : NULL;
	struct diag *d;

	if (g) {
		a->over = g->identity;
		a->start = over->kind == VALUE_GRAD ? 0 : g->rise;
		*length = over->kind == VALUE_GRAD ? grad_duration(ev, g) : g->flat;
		return true;
	}
	d = error_at(ev, "E11", over->span, "`over` wants a gradient or its flat top, found %s",
		     describe(ev, over));
	diag_help(ev->l, d, "write `over = gx.flat` or `over = gx`");
	return false;
}

/* A dwell time that is not on the raster is rounded (down when it must fit a window), and said. */
static ir_scalar on_raster(struct evaluator *ev, struct call *c, const struct adc *a,
			   ir_scalar dwell, bool fits)
{
	double raster = ev->ir->system.adc_raster, v, worst = fits ? raster : raster / 2, lo, hi;
	bool constant = ir_is_const(ev->ir, dwell, &v);
	ir_scalar rounded;
	struct value *given = call_arg(c, "dwell");
	const char *text;
	struct diag *d;

	if (raster <= 0 || (constant && fabs(v / raster - round(v / raster)) < 1e-6))
		return dwell;
	rounded = ir_binary(ev->ir, fits ? IR_FLOOR : IR_ROUND, dwell, ir_const(ev->ir, raster));
	ir_range(ev->ir, dwell, &lo, &hi);
	if (fits && !given && place_of(ev, c->node->span).inside)
		return rounded; /* the library fits its windows; nobody could do better */
	if (constant) {
		double r;

		if (ir_is_const(ev->ir, rounded, &r))
			worst = fabs(r - v);
	}
	text = given ? source_text(ev, given->span) : ir_text(ev->ir, ev->l, dwell, dim_time);
	d = warning_at(ev, "E25", given ? given->span : c->node->span,
		       "dwell = %s is not on the %s ADC raster; it is rounded %sby at most %s (%s)",
		       text, dim_show(ev->l, raster, dim_time), fits ? "down " : "",
		       dim_show(ev->l, worst, dim_time),
		       fits ? arena_printf(ev->arena, "at most %s of the gradient stay unread",
					   dim_show(ev->l, worst * a->n, dim_time))
			    : arena_printf(ev->arena,
					   "k-space error %.2g cells at the ends of the line",
					   lo > 0 ? worst / lo * a->n / 2 : 0));
	diag_label(ev->l, d, "not a multiple of %s", dim_show(ev->l, raster, dim_time));
	return rounded;
}

/* When sample n/2 is taken, after the first dwell's start. */
ir_scalar adc_center(struct evaluator *ev, const struct adc *a)
{
	return ir_scale(ev->ir, a->n / 2 + 0.5, a->dwell);
}

/* Sample n/2, which a discrete Fourier transform takes for k = 0, falls on the middle of the window
 * where there is room for that: one dwell more than the samples fill. */
static ir_scalar in_window(struct evaluator *ev, const struct adc *a, ir_scalar length)
{
	ir_scalar start = ir_sub(ev->ir, ir_scale(ev->ir, 0.5, length), adc_center(ev, a));
	double lo, hi;

	ir_range(ev->ir, start, &lo, &hi);
	if (lo >= -SLACK_TIME)
		return start;
	return hi <= SLACK_TIME ? 0 : ir_binary(ev->ir, IR_MAX, 0, start);
}

static bool timing(struct evaluator *ev, struct call *c, struct adc *a)
{
	struct value *over = call_arg(c, "over"), *dwell = call_arg(c, "dwell");
	struct value *bandwidth = call_arg(c, "bandwidth"), *duration = call_arg(c, "duration");
	struct ir *ir = ev->ir;
	ir_scalar length = 0;
	double n = a->n;
	struct diag *d;

	if (!!dwell + !!bandwidth + !!duration > 1) {
		error_at(ev, "E13", c->node->span,
			 "`adc` takes one of `dwell`, `bandwidth` and `duration`");
		return false;
	}
	if (over && !window(ev, over, a, &length))
		return false;
	if (dwell)
		a->dwell = dwell->scalar;
	else if (bandwidth)
		a->dwell = ir_div(ir, 1, bandwidth->scalar);
	else if (duration)
		a->dwell = ir_scale(ir, 1 / n, duration->scalar);
	else if (over)
		a->dwell = ir_scale(ir, 1 / n, length);
	else {
		d = error_at(ev, "E13", c->node->span, "`adc` wants a time");
		diag_help(ev->l, d,
			  "give `over = gx.flat`, `dwell =`, `bandwidth =` or `duration =`");
		return false;
	}
	a->dwell = on_raster(ev, c, a, a->dwell, over != NULL);
	a->duration = ir_scale(ir, n, a->dwell);
	if (over) {
		ir_scalar spare = ir_sub(ir, length, a->duration);
		double v;

		if (ir_is_const(ir, spare, &v) && fabs(v) < SLACK_TIME)
			spare = 0;
		if (dwell || bandwidth || duration)
			oblige_time(ev, spare, c->node->span,
				    "what `over` leaves beside the samples");
		a->start = ir_add(ir, a->start, in_window(ev, a, length));
	}
	return true;
}

static bool labels(struct evaluator *ev, struct call *c, struct adc *a)
{
	static const char *const names[] = {
#define LABEL(name, pulseq, doc) #name,
#include "runtime/program/labels.def"
#undef LABEL
	};

	for (int i = 0; i < IR_LABELS; i++) {
		struct value *v = call_arg(c, names[i]);
		struct node at = { .kind = NODE_ERROR };
		int64_t whole;
		bool truth;

		a->label[i] = -1;
		if (!v)
			continue;
		at.span = v->span;
		if (v->kind == VALUE_BOOL) {
			if (!value_truth(ev, v, &at, arena_printf(ev->arena, "`%s`", names[i]),
					 &truth))
				return false;
			a->label[i] = truth;
			continue;
		}
		if (!value_whole(ev, v, &at, arena_printf(ev->arena, "`%s`", names[i]), &whole))
			return false;
		if (whole < 0 || whole > INT32_MAX) {
			error_at(ev, "E34", v->span, "`%s` is %lld; labels count from 0", names[i],
				 (long long)whole);
			return false;
		}
		a->label[i] = (int32_t)whole;
	}
	return true;
}

struct value builtin_adc(struct evaluator *ev, struct call *c)
{
	struct value v = { .kind = VALUE_ADC, .span = c->node->span }, *count = call_arg(c, "n");
	struct node at = { .kind = NODE_ERROR, .span = count->span };
	struct adc *a = arena_alloc(ev->arena, sizeof *a);
	int64_t n;

	if (!value_whole(ev, count, &at, "`n`", &n))
		return value_error();
	if (n < 1 || n > 1000000) {
		error_at(ev, "E34", count->span, "%lld samples; 1 to 1000000 are possible",
			 (long long)n);
		return value_error();
	}
	a->n = (uint32_t)n;
	a->span = c->node->span;
	a->phase = call_scalar(c, "phase", 0);
	a->freq = call_scalar(c, "freq", 0);
	if (!timing(ev, c, a) || !labels(ev, c, a))
		return value_error();
	v.adc = a;
	return v;
}
