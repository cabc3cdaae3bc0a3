/* Gradients and their moments from the event list of a draw. Each event is piecewise linear, so the
 * integral up to any instant is a closed form; whole events before it are summed beforehand. */
#include "runtime/program/program.h"

#include <math.h>

static const double s_per_ps = 1e-12;

/* ------------------------------------------------------------------ one event */
/* Value and integral of a shape at u in 0 .. 1; `c` is its integral at the nodes. */
static double shape_value(const struct program_shape *s, double u)
{
	double place = u * s->n - 0.5;

	if (place <= 0)
		return s->first + (s->sample[0] - s->first) * (2 * place + 1);
	if (place >= s->n - 1.0)
		return s->sample[s->n - 1] +
		       (s->last - s->sample[s->n - 1]) * 2 * (place - (s->n - 1.0));
	uint32_t i = (uint32_t)place;

	return s->sample[i] + (s->sample[i + 1] - s->sample[i]) * (place - i);
}

static double shape_integral(const struct program_shape *s, const double *c, double u)
{
	double place = u * s->n - 0.5, v = shape_value(s, u), h = 1.0 / s->n;

	if (place <= 0)
		return 0.5 * u * (s->first + v);
	if (place >= s->n)
		place = s->n - 1.0;
	uint32_t i = (uint32_t)place;

	return c[i + 1] + 0.5 * (u - (i + 0.5) * h) * (s->sample[i] + v);
}

/* Trapezoid of height 1, `t` seconds after its start and inside it. */
static double trapezoid_value(const struct draw_event *e, double t)
{
	double rise = (double)e->rise * s_per_ps, fall = (double)e->fall * s_per_ps;
	double end = (double)e->duration * s_per_ps;

	if (t < rise)
		return t / rise;
	if (t > end - fall)
		return (end - t) / fall;
	return 1;
}

static double trapezoid_integral(const struct draw_event *e, double t)
{
	double rise = (double)e->rise * s_per_ps, flat = (double)e->flat * s_per_ps;
	double fall = (double)e->fall * s_per_ps, f;

	if (t < rise)
		return 0.5 * t * t / rise;
	if (t <= rise + flat)
		return t - 0.5 * rise;
	f = t - rise - flat;
	return 0.5 * rise + flat + (fall > 0 ? f - 0.5 * f * f / fall : 0);
}

/* ------------------------------------------------------------------ an axis */
/* Number of events of the axis that start at or before t [s]. */
static uint32_t started(const struct draw *d, const struct draw_axis *x, double t)
{
	uint32_t lo = 0, hi = x->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if ((double)d->event[x->event[mid]].start * s_per_ps <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

double draw_gradient(const struct draw *d, int axis, double t)
{
	const struct draw_axis *x = &d->axis[axis];
	uint32_t n = started(d, x, t);
	const struct draw_event *e;
	double length;

	if (!n)
		return 0;
	e = &d->event[x->event[n - 1]];
	t -= (double)e->start * s_per_ps;
	length = (double)e->duration * s_per_ps;
	if (t >= length)
		return 0;
	if (e->shape == PROGRAM_NO_SHAPE)
		return e->amplitude * trapezoid_value(e, t);
	return e->amplitude * shape_value(&d->program->shape[e->shape], t / length);
}

/* The moment of event number n - 1 of the axis up to t, without the whole events before it. */
static double last_moment(const struct draw *d, const struct draw_axis *x, uint32_t n, double t)
{
	const struct draw_event *e = &d->event[x->event[n - 1]];
	double length = (double)e->duration * s_per_ps, area;

	t -= (double)e->start * s_per_ps;
	if (t >= length)
		return x->before[n] - x->before[n - 1];
	if (e->shape == PROGRAM_NO_SHAPE)
		area = trapezoid_integral(e, t);
	else
		area = length * shape_integral(&d->program->shape[e->shape],
					       d->integral[e->shape], t / length);
	return d->program->gammabar * e->amplitude * area;
}

double draw_moment(const struct draw *d, int axis, double t0, double t1)
{
	const struct draw_axis *x = &d->axis[axis];
	uint32_t n0 = started(d, x, t0), n1 = started(d, x, t1);
	double m0 = n0 ? last_moment(d, x, n0, t0) : 0;
	double m1 = n1 ? last_moment(d, x, n1, t1) : 0;
	double whole = x->before[n1 ? n1 - 1 : 0] - x->before[n0 ? n0 - 1 : 0];

	return whole + (m1 - m0);
}

/* ------------------------------------------------------------------ readouts */
/* Where the step of an axis is not uniform, the way from sample 0 comes from the event list. */
void draw_readout(const struct draw *d, uint32_t r, double *k, double *tau)
{
	const struct program_readout *q = &d->program->readout[r];
	const struct draw_event *e = &d->event[d->at[q->event]];
	double dwell = d->value[q->dwell], first = d->value[q->time];
	double t0 = (double)e->start * s_per_ps + 0.5 * dwell;

	for (uint32_t i = 0; i < e->n; i++)
		tau[i] = first + i * dwell;
	for (int a = 0; a < 3; a++) {
		double k0 = d->value[q->k[a]];

		if (q->step[a] != PROGRAM_NO_SLOT) {
			for (uint32_t i = 0; i < e->n; i++)
				k[3 * i + a] = k0 + i * d->value[q->step[a]];
		} else {
			for (uint32_t i = 0; i < e->n; i++)
				k[3 * i + a] = k0 + draw_moment(d, a, t0, t0 + i * dwell);
		}
	}
}
