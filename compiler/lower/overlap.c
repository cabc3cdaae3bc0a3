/* Intervals of time, and what a gradient event adds up to before an instant, as scalars. Everything
 * decided here holds for all parameter values of the domain. */
#include "compiler/lower/lowering.h"

#include <math.h>

const double time_slack = 1e-13;
const double moment_slack = 1e-8;

/* ------------------------------------------------------------------ proofs */
/* ir_range answers nearly all of it; ir_prove also looks for a remedy, which nobody needs here. */
static bool prove_nonnegative(const struct ir *ir, ir_scalar d)
{
	double lo, hi;

	ir_range(ir, d, &lo, &hi);
	if (lo >= -time_slack)
		return true;
	if (!(hi >= -time_slack))
		return false;
	return ir_prove(ir, d, time_slack).proved;
}

bool lower_proved_le(struct lowering *w, ir_scalar a, ir_scalar b)
{
	ir_scalar d = ir_sub(w->ir, b, a);
	double v;

	if (ir_is_const(w->ir, d, &v))
		return v >= -time_slack;
	while (w->n_proof <= d)
		*APPEND(w->proof, w->n_proof) = 0;
	if (!w->proof[d])
		w->proof[d] = prove_nonnegative(w->ir, d) ? 1 : 2;
	return w->proof[d] == 1;
}

bool lower_same(struct lowering *w, ir_scalar a, ir_scalar b, double slack)
{
	double v;

	if (a == b)
		return true;
	if (a == NO_SCALAR || b == NO_SCALAR)
		return false;
	return ir_is_const(w->ir, ir_sub(w->ir, a, b), &v) && fabs(v) <= slack;
}

/* ------------------------------------------------------------------ canonical moments */
enum { EXPAND_TERMS = 64 }; /* a product of sums with more terms than that stays a product */

static ir_scalar expand(struct lowering *w, ir_scalar e);

static uint32_t terms(const struct ir *ir, ir_scalar e)
{
	const struct ir_expr *x = &ir->expr[e];

	return x->op == IR_SUM ? x->n + (x->value != 0) : 1;
}

/* Term i of a sum, its coefficient included; the constant comes last. */
static ir_scalar term(struct ir *ir, ir_scalar e, uint32_t i)
{
	struct ir_expr x = ir->expr[e];

	if (x.op != IR_SUM)
		return e;
	return i < x.n ? ir_scale(ir, x.coef[i], x.term[i]) : ir_const(ir, x.value);
}

static ir_scalar expand_sum(struct lowering *w, const struct ir_expr *x)
{
	ir_scalar sum = ir_const(w->ir, x->value);

	for (uint32_t i = 0; i < x->n; i++)
		sum = ir_add(w->ir, sum, ir_scale(w->ir, x->coef[i], expand(w, x->term[i])));
	return sum;
}

static ir_scalar expand_product(struct lowering *w, ir_scalar e, const struct ir_expr *x)
{
	struct ir *ir = w->ir;
	ir_scalar a = expand(w, x->a), b = x->op == IR_MUL ? expand(w, x->b) : x->b, sum = 0;
	uint32_t na = terms(ir, a), nb = x->op == IR_MUL ? terms(ir, b) : 1;

	if (na * nb == 1 || na > EXPAND_TERMS || nb > EXPAND_TERMS || na * nb > EXPAND_TERMS)
		return e;
	for (uint32_t i = 0; i < na; i++) {
		for (uint32_t j = 0; j < nb; j++) {
			ir_scalar t = term(ir, a, i);

			t = x->op == IR_DIV ? ir_div(ir, t, b) : ir_mul(ir, t, term(ir, b, j));
			sum = ir_add(ir, sum, t);
		}
	}
	return sum;
}

/* Sums multiplied out. The IR keeps a (b + c) as it is, so that a quotient may find its factor
 * again; moments come from different places and have to meet term by term. */
static ir_scalar expand(struct lowering *w, ir_scalar e)
{
	struct ir_expr x = w->ir->expr[e];
	ir_scalar r = e;

	while (w->n_expanded <= e)
		*APPEND(w->expanded, w->n_expanded) = NO_SCALAR;
	if (w->expanded[e] != NO_SCALAR)
		return w->expanded[e];
	if (x.op == IR_SUM)
		r = expand_sum(w, &x);
	else if (x.op == IR_MUL || x.op == IR_DIV)
		r = expand_product(w, e, &x);
	return w->expanded[e] = r;
}

ir_scalar lower_settle_on(struct lowering *w, ir_scalar moment, double grid)
{
	struct ir_expr x = w->ir->expr[moment];
	double v;

	if (x.op != IR_SUM && x.op != IR_CONST)
		return moment;
	v = rint(x.value * grid) / grid;
	if (v == x.value || !isfinite(v))
		return moment;
	if (x.op == IR_CONST)
		return ir_const(w->ir, v);
	return ir_add(w->ir, ir_sub(w->ir, moment, ir_const(w->ir, x.value)), ir_const(w->ir, v));
}

ir_scalar lower_settle(struct lowering *w, ir_scalar moment)
{
	return lower_settle_on(w, moment, 0x1p33);
}

/* ------------------------------------------------------------------ areas */
static ir_scalar moment(struct lowering *w, const struct ir_event *g, ir_scalar seconds)
{
	struct ir *ir = w->ir;

	return expand(w, ir_scale(ir, ir->system.gamma, ir_mul(ir, g->amplitude, seconds)));
}

/* Mean of a shape: it is piecewise linear between its first value, its samples and its last. */
static double shape_mean(const struct ir_shape *s)
{
	double sum = 0.25 * (s->first - s->sample[0] + s->last - s->sample[s->n - 1]);

	for (uint32_t i = 0; i < s->n; i++)
		sum += s->sample[i];
	return sum / s->n;
}

ir_scalar lower_moment(struct lowering *w, const struct ir_event *g)
{
	struct ir *ir = w->ir;
	ir_scalar ramps;

	if (g->shape != IR_NO_SHAPE)
		return moment(w, g, ir_scale(ir, shape_mean(&ir->shape[g->shape]), g->duration));
	ramps = ir_scale(ir, 0.5, ir_add(ir, g->rise, g->fall));
	return moment(w, g, ir_add(ir, g->flat, ramps));
}

static ir_scalar clamp(struct ir *ir, ir_scalar x, ir_scalar length)
{
	return ir_binary(ir, IR_MAX, 0, ir_binary(ir, IR_MIN, x, length));
}

/* x^2 / (2 length) for 0 <= x <= length, also for a length of 0. */
static ir_scalar ramp_area(struct ir *ir, ir_scalar x, ir_scalar length)
{
	ir_scalar divisor = ir_binary(ir, IR_MAX, length, ir_const(ir, 1e-15));

	return ir_scale(ir, 0.5, ir_div(ir, ir_mul(ir, x, x), divisor));
}

/* Area of a trapezoid of height 1 up to u seconds after its start, wherever that is. */
static ir_scalar trapezoid_until(struct ir *ir, const struct ir_event *g, ir_scalar u)
{
	ir_scalar past_rise = ir_sub(ir, u, g->rise), past_flat = ir_sub(ir, past_rise, g->flat);
	ir_scalar up = ramp_area(ir, clamp(ir, u, g->rise), g->rise);
	ir_scalar top = clamp(ir, past_rise, g->flat), down = clamp(ir, past_flat, g->fall);

	down = ir_sub(ir, down, ramp_area(ir, down, g->fall));
	return ir_add(ir, up, ir_add(ir, top, down));
}

/* The same for a shape, segment by segment. `u` in seconds, the shape in shares of its duration. */
static ir_scalar shape_until(struct ir *ir, const struct ir_event *g, ir_scalar u)
{
	const struct ir_shape *s = &ir->shape[g->shape];
	ir_scalar share = ir_div(ir, u, g->duration), sum = 0;
	double at = 0, from = s->first;

	for (uint32_t i = 0; i <= s->n; i++) {
		double next = i < s->n ? (i + 0.5) / s->n : 1;
		double to = i < s->n ? s->sample[i] : s->last;
		double slope = (to - from) / (next - at);
		ir_scalar x = ir_sub(ir, share, ir_const(ir, at));

		x = clamp(ir, x, ir_const(ir, next - at));
		sum = ir_add(ir, sum, ir_scale(ir, from, x));
		sum = ir_add(ir, sum, ir_scale(ir, 0.5 * slope, ir_mul(ir, x, x)));
		at = next;
		from = to;
	}
	return ir_mul(ir, sum, g->duration);
}

ir_scalar lower_moment_until(struct lowering *w, const struct ir_event *g, ir_scalar t)
{
	struct ir *ir = w->ir;
	ir_scalar end = ir_add(ir, g->start, g->duration), u = ir_sub(ir, t, g->start), top;

	if (lower_proved_le(w, t, g->start))
		return 0;
	if (lower_proved_le(w, end, t))
		return lower_moment(w, g);
	if (g->shape != IR_NO_SHAPE)
		return moment(w, g, shape_until(ir, g, u));
	top = ir_add(ir, g->rise, g->flat);
	if (lower_proved_le(w, g->rise, u) && lower_proved_le(w, u, top))
		return moment(w, g, ir_sub(ir, u, ir_scale(ir, 0.5, g->rise)));
	return moment(w, g, trapezoid_until(ir, g, u));
}

enum overlap lower_overlap(struct lowering *w, const struct ir_event *g, ir_scalar t0,
			   ir_scalar t1)
{
	struct ir *ir = w->ir;
	ir_scalar top = ir_add(ir, g->start, g->rise);

	if (g->amplitude == 0 || lower_proved_le(w, ir_add(ir, g->start, g->duration), t0) ||
	    lower_proved_le(w, t1, g->start))
		return OVERLAP_NONE;
	if (g->shape == IR_NO_SHAPE && lower_proved_le(w, top, t0) &&
	    lower_proved_le(w, t1, ir_add(ir, top, g->flat)))
		return OVERLAP_FLAT;
	return OVERLAP_PARTLY;
}
