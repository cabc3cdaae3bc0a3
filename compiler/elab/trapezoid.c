/* trapezoid(axis, ...): one measure of strength and any sufficient set of times; what is left open
 * becomes the shortest that the system can play.
 *
 * With W the wanted integral of the gradient (area / gammabar), S the slew limit and G the
 * amplitude limit, the open ramp r = amplitude / S solves
 *     area and duration d:       S r (d - r)  = W    playable when d^2 >= 4 W / S
 *     flat_area and duration d:  S r (d - 2r) = W    playable when d^2 >= 8 W / S
 *     area and flat f:           S r (f + r)  = W    always
 * then goes up to the gradient raster R, and the amplitude is computed anew so that W is exact. The
 * conditions are owed with a margin of one R in r, so that a range which satisfies them has a ramp
 * on the raster.
 *
 * Where a measure depends on parameters the ramps are those of its worst value over the whole
 * domain: the timing is the same for every draw, and the amplitude follows the parameter. */
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

enum measure { AREA, FLAT_AREA, AMPLITUDE };

struct wish {
	struct call *c;
	enum measure measure;
	ir_scalar w;  /* T s/m, or T/m for AMPLITUDE */
	double worst; /* largest |w| */
	struct value *duration, *flat, *rise, *fall;
	double S, G, R;
	const char *name;
};

static ir_scalar constant(struct evaluator *ev, double v)
{
	return ir_const(ev->ir, v);
}

/* d^2 >= factor |W| / S, with room for the raster; and the amplitude of the steepest ramps. */
static bool oblige_duration(struct evaluator *ev, const struct wish *w, ir_scalar d, double factor)
{
	struct ir *ir = ev->ir;
	double ramps = factor / 4; /* ramps per lobe at the optimum: 1 triangle, 2 flat top */
	ir_scalar square = ir_mul(ir, d, d), least = constant(ev, factor * w->worst / w->S);
	ir_scalar margin = constant(ev, 4 * w->R * w->R);
	double lo, hi, top = sqrt(w->worst * w->S / ramps);
	struct obligation o = { .kind = OBLIGE_SLEW,
				.subject = w->name,
				.limit = w->S,
				.place = place_of(ev, w->c->node->span),
				.dim = dim_slew };

	o.e = ir_sub(ir, ir_sub(ir, square, least), margin);
	/* in units of the duration, so that the slack means the same for every shape */
	o.slack = 1e-15;
	o.need = ir_div(ir, constant(ev, factor * w->worst), square);
	oblige(ev, &o);
	if (top > w->G) {
		o.kind = OBLIGE_AMPLITUDE;
		o.dim = dim_gradient;
		o.limit = w->G;
		o.slack = SLACK_TIME;
		o.e = ir_sub(ir, d,
			     constant(ev, w->worst / w->G + ramps * w->G / w->S + ramps * w->R));
		/* the smallest amplitude: S times the shorter root */
		o.need =
			ir_unary(ir, IR_SQRT,
				 ir_binary(ir, IR_MAX, constant(ev, 0), ir_sub(ir, square, least)));
		o.need = ir_scale(ir, w->S / (2 * ramps), ir_sub(ir, d, o.need));
		oblige(ev, &o);
	}
	ir_range(ir, d, &lo, &hi);
	return lo * lo >= factor * w->worst / w->S + 4 * w->R * w->R - 1e-15;
}

/* The ramp for a given duration; a triangle when there is none (which is owed and told). */
static ir_scalar ramp_in_duration(struct evaluator *ev, const struct wish *w, ir_scalar d,
				  bool *checked)
{
	double factor = w->measure == AREA ? 4 : 8, lo, hi, r;

	if (w->measure == AMPLITUDE)
		return constant(ev, raster_up(w->worst / w->S, w->R));
	if (w->worst == 0)
		return constant(ev, 0);
	if (!oblige_duration(ev, w, d, factor)) {
		*checked = true;
		return ir_scale(ev->ir, w->measure == AREA ? 0.5 : 0.25, d);
	}
	ir_range(ev->ir, d, &lo, &hi);
	r = sqrt(fmax(0, lo * lo - factor * w->worst / w->S));
	r = w->measure == AREA ? (lo - r) / 2 : (lo - r) / 4;
	return constant(ev, raster_up(r, w->R));
}

static ir_scalar ramp_beside_flat(struct evaluator *ev, const struct wish *w, ir_scalar flat)
{
	double lo, hi, r;

	ir_range(ev->ir, flat, &lo, &hi);
	if (w->measure == AMPLITUDE)
		r = w->worst / w->S;
	else if (w->measure == FLAT_AREA)
		r = lo > 0 ? w->worst / lo / w->S : 0;
	else
		r = (-lo + sqrt(lo * lo + 4 * w->worst / w->S)) / 2;
	return constant(ev, raster_up(r, w->R));
}

/* No time given: the shortest. */
static void shortest(struct evaluator *ev, const struct wish *w, struct grad *g)
{
	double r, f;

	if (w->measure == AREA) {
		r = sqrt(w->worst / w->S);
		if (r * w->S <= w->G) {
			r = raster_up(r, w->R);
			f = 0;
		} else {
			r = raster_up(w->G / w->S, w->R);
			f = raster_up(fmax(0, w->worst / w->G - r), w->R);
		}
	} else {
		f = raster_up(fmax(w->worst / w->G, sqrt(2 * w->worst / w->S)), w->R);
		r = f > 0 ? raster_up(w->worst / f / w->S, w->R) : 0;
	}
	g->rise = g->fall = constant(ev, r);
	g->flat = constant(ev, f);
}

/* Ramps given, no plateau: a triangle when its amplitude is allowed, else the shortest plateau. */
static void shortest_flat(struct evaluator *ev, const struct wish *w, struct grad *g)
{
	double rise, fall, most = w->G;

	if (!ir_is_const(ev->ir, g->rise, &rise) || !ir_is_const(ev->ir, g->fall, &fall))
		rise = fall = 0;
	most = fmin(most, w->S * fmin(rise, fall));
	if (w->measure == AREA)
		g->flat = constant(ev,
				   raster_up(fmax(0, w->worst / most - (rise + fall) / 2), w->R));
	else
		g->flat = constant(ev, raster_up(w->worst / most, w->R));
}

/* Rectangles: all times but one are nought. */
static bool times_ideal(struct evaluator *ev, const struct wish *w, struct grad *g)
{
	struct diag *d;

	g->rise = w->rise ? w->rise->scalar : 0;
	g->fall = w->fall ? w->fall->scalar : g->rise;
	if (w->flat) {
		g->flat = w->flat->scalar;
		return true;
	}
	if (w->duration) {
		g->flat = ir_sub(ev->ir, w->duration->scalar, ir_add(ev->ir, g->rise, g->fall));
		return true;
	}
	if (w->rise && w->measure == AREA) {
		g->flat = 0;
		return true;
	}
	d = error_at(ev, "E26", w->c->node->span,
		     "`trapezoid` has no shortest duration under `system = ideal`");
	diag_help(ev->l, d, "give `duration =` or `flat =`");
	return false;
}

static bool times_real(struct evaluator *ev, const struct wish *w, struct grad *g)
{
	struct ir *ir = ev->ir;
	struct diag *d;

	if (w->rise) {
		g->rise = w->rise->scalar;
		g->fall = w->fall ? w->fall->scalar : g->rise;
		if (w->flat)
			g->flat = w->flat->scalar;
		else if (w->duration)
			g->flat = ir_sub(ir, w->duration->scalar, ir_add(ir, g->rise, g->fall));
		else if (w->measure != AMPLITUDE)
			shortest_flat(ev, w, g);
		else
			g->flat = 0;
		return true;
	}
	if (w->flat) {
		g->flat = w->flat->scalar;
		g->rise = w->duration ? ir_scale(ir, 0.5, ir_sub(ir, w->duration->scalar, g->flat))
				      : ramp_beside_flat(ev, w, g->flat);
		g->fall = g->rise;
		return true;
	}
	if (w->duration) {
		g->rise = g->fall = ramp_in_duration(ev, w, w->duration->scalar, &g->checked);
		g->flat = ir_sub(ir, w->duration->scalar, ir_scale(ir, 2, g->rise));
		return true;
	}
	if (w->measure != AMPLITUDE) {
		shortest(ev, w, g);
		return true;
	}
	d = error_at(ev, "E26", w->c->node->span, "`trapezoid` of a given amplitude needs a time");
	diag_help(ev->l, d, "give `duration =` or `flat =`");
	return false;
}

static void amplitude_of(struct evaluator *ev, const struct wish *w, struct grad *g)
{
	struct ir *ir = ev->ir;
	ir_scalar time = g->flat;
	double c;

	if (w->measure == AMPLITUDE) {
		g->amplitude = w->w;
		return;
	}
	if (w->measure == AREA)
		time = ir_add(ir, time, ir_scale(ir, 0.5, ir_add(ir, g->rise, g->fall)));
	if (ir_is_const(ir, time, &c) && c <= 0)
		g->amplitude = 0; /* only for an area of nought, or after an error told elsewhere */
	else
		g->amplitude = ir_div(ir, w->w, time);
}

static bool strength(struct evaluator *ev, struct call *c, struct wish *w)
{
	static const char *const names[] = { "area", "flat_area", "amplitude" };
	struct value *v = NULL;

	for (int i = 0; i < 3; i++) {
		struct value *here = call_arg(c, names[i]);

		if (here && v) {
			error_at(ev, "E13", here->span,
				 "`trapezoid` takes one of area, flat_area and "
				 "amplitude");
			return false;
		}
		if (here) {
			v = here;
			w->measure = (enum measure)i;
		}
	}
	if (!v) {
		struct diag *d = error_at(ev, "E13", c->node->span, "`trapezoid` wants a strength");

		diag_help(ev->l, d, "give one of `area =`, `flat_area =` and `amplitude =`");
		return false;
	}
	w->w = w->measure == AMPLITUDE ? v->scalar
				       : ir_scale(ev->ir, 1 / ev->ir->system.gamma, v->scalar);
	w->worst = scalar_worst(ev, w->w);
	return true;
}

/* More times than are free contradict each other unless they say the same. */
static bool times_agree(struct evaluator *ev, const struct wish *w)
{
	struct ir *ir = ev->ir;
	ir_scalar rise, sum;
	double c;

	if (ev->sketch || !w->duration || !w->flat || !(w->rise || ir->system.ideal))
		return true;
	rise = w->rise ? w->rise->scalar : 0;
	sum = ir_add(ir, w->flat->scalar, ir_add(ir, rise, w->fall ? w->fall->scalar : rise));
	sum = ir_sub(ir, sum, w->duration->scalar);
	if (ir_is_const(ir, sum, &c) && fabs(c) <= SLACK_TIME)
		return true;
	error_at(ev, "E13", w->duration->span,
		 "`duration` is not the sum of `rise`, `flat` and `fall`");
	return false;
}

struct value builtin_trapezoid(struct evaluator *ev, struct call *c)
{
	const struct ir_system *s = &ev->ir->system;
	struct wish w = { .c = c, .S = s->max_slew, .G = s->max_grad, .R = s->grad_raster };
	struct grad g = { .name = ev->binding ? ev->binding : "trapezoid", .shape = IR_NO_SHAPE };

	w.name = g.name;
	w.duration = call_arg(c, "duration");
	w.flat = call_arg(c, "flat");
	w.rise = call_arg(c, "rise");
	w.fall = call_arg(c, "fall");
	if (w.fall && !w.rise)
		w.rise = w.fall;
	g.axis = call_arg(c, "axis")->axis;
	if (!strength(ev, c, &w) || !times_agree(ev, &w))
		return value_error();
	if (!(s->ideal ? times_ideal(ev, &w, &g) : times_real(ev, &w, &g)))
		return value_error();
	amplitude_of(ev, &w, &g);
	if (!g.checked)
		oblige_time(ev, g.flat, c->node->span, "the flat top of `%s`", g.name);
	return value_grad(&g, ev, c->node->span);
}
