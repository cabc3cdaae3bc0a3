/* Whether two IRs play the same: every event at the same time with the same numbers, whatever
 * blocks and delays they stand in. The centres of pulses and texts are for people and do not
 * count. */
#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct timed {
	double start;
	uint32_t event;
	int axis; /* -1: no gradient */
	enum ir_event_kind kind;
};

static int by_start(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (fabs(x->start - y->start) > 1e-9) /* clear of rounding, below any event's length */
		return x->start < y->start ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->axis > y->axis) - (x->axis < y->axis);
}

static double largest_gradient(const struct ir *ir, const double *param)
{
	double largest = 0;

	for (uint32_t i = 0; i < ir->n_event; i++) {
		if (ir->event[i].kind == IR_GRAD)
			largest = fmax(largest, fabs(ir_eval(ir, ir->event[i].amplitude, param)));
	}
	return largest;
}

/* A gradient of no amplitude, and a pulse of no flip, are nothing. */
static struct timed *collect(uint32_t *n, const struct ir *ir, const double *param, double nothing)
{
	struct timed *t = calloc((size_t)ir->n_event + 1, sizeof *t);

	*n = 0;
	for (uint32_t b = 0; t && b < ir->n_block; b++) {
		const struct ir_block *k = &ir->block[b];
		double begin = ir_eval(ir, k->start, param);

		for (uint32_t i = k->first_event; i < k->first_event + k->n_event; i++) {
			const struct ir_event *e = &ir->event[i];

			if ((e->kind == IR_GRAD &&
			     fabs(ir_eval(ir, e->amplitude, param)) <= nothing) ||
			    (e->kind == IR_RF && ir_eval(ir, e->flip, param) == 0))
				continue;
			t[(*n)++] = (struct timed){ begin + ir_eval(ir, e->start, param), i,
						    e->kind == IR_GRAD ? e->axis : -1, e->kind };
		}
	}
	if (t)
		qsort(t, *n, sizeof *t, by_start);
	return t;
}

static bool near(double a, double b, double relative, double absolute)
{
	return fabs(a - b) <= relative * fmax(fabs(a), fabs(b)) + absolute;
}

/* Angles that differ by whole turns are the same. */
static bool same_angle(double a, double b, double tolerance)
{
	return fabs(remainder(a - b, 6.283185307179586476925)) < 100 * tolerance;
}

/* `slack`: of the amplitudes ax, ay times the samples. */
static bool same_shape(const struct ir *a, const struct ir_event *x, double ax, const struct ir *b,
		       const struct ir_event *y, double ay, double slack)
{
	const struct ir_shape *s, *t;

	if ((x->shape == IR_NO_SHAPE) != (y->shape == IR_NO_SHAPE))
		return false;
	if (x->shape == IR_NO_SHAPE)
		return near(ax, ay, 0, slack);
	s = &a->shape[x->shape];
	t = &b->shape[y->shape];
	if (s->n != t->n || s->complex != t->complex)
		return false;
	for (uint32_t i = 0; i < s->n * (s->complex ? 2 : 1); i++) {
		if (!near(ax * s->sample[i], ay * t->sample[i], 0, slack))
			return false;
	}
	return s->complex || (near(ax * s->first, ay * t->first, 0, slack) &&
			      near(ax * s->last, ay * t->last, 0, slack));
}

#define SCALAR(name) ir_eval(a, x->name, pa), ir_eval(b, y->name, pb)
static const char *difference(const struct ir *a, const struct ir_event *x, const double *pa,
			      const struct ir *b, const struct ir_event *y, const double *pb,
			      double tolerance, double slack)
{
	if (!near(SCALAR(duration), 0, 1e-12))
		return "duration";
	if (x->kind == IR_RF) {
		double u = ir_eval(a, x->flip, pa), v = ir_eval(b, y->flip, pb);
		double turn = u * v < 0 ? 3.14159265358979323846 : 0; /* -90 degrees of phase 0 */

		if (!same_shape(a, x, fabs(u), b, y, fabs(v), tolerance * fabs(u)))
			return "flip angle or shape";
		if (!same_angle(ir_eval(a, x->phase, pa) + turn, ir_eval(b, y->phase, pb),
				tolerance))
			return "phase";
		return near(SCALAR(freq), tolerance, 1e-6) ? NULL : "frequency";
	}
	if (x->kind == IR_GRAD) {
		if (x->shape == IR_NO_SHAPE &&
		    (!near(SCALAR(rise), 0, 1e-12) || !near(SCALAR(flat), 0, 1e-12)))
			return "ramps";
		return same_shape(a, x, ir_eval(a, x->amplitude, pa), b, y,
				  ir_eval(b, y->amplitude, pb), slack)
			       ? NULL
			       : "amplitude";
	}
	if (x->n != y->n)
		return "number of samples";
	if (!same_angle(SCALAR(phase), tolerance))
		return "phase";
	for (int k = 0; k < IR_LABELS; k++) {
		if (x->label[k] != y->label[k])
			return "labels";
	}
	return near(SCALAR(freq), tolerance, 1e-6) ? NULL : "frequency";
}

precess_status pulseq_same(const struct ir *a, const double *pa, const struct ir *b,
			   const double *pb, double tolerance)
{
	static const char *const kind[] = { "pulse", "gradient", "readout" };
	precess_status st = PRECESS_OK;
	uint32_t n, m;
	double slack = tolerance * largest_gradient(a, pa);
	struct timed *x = collect(&n, a, pa, slack), *y = collect(&m, b, pb, slack);
	double u = ir_eval(a, a->duration, pa), v = ir_eval(b, b->duration, pb);

	if (!x || !y)
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u events", a->n_event);
	else if (n != m)
		st = precess_fail(PRECESS_EINVAL, "%u events against %u", n, m);
	else if (!near(u, v, 0, 1e-9))
		st = precess_fail(PRECESS_EINVAL, "%.12g s against %.12g s", u, v);
	for (uint32_t i = 0; !st && i < n; i++) {
		const struct ir_event *e = &a->event[x[i].event], *f = &b->event[y[i].event];
		const char *what = NULL;

		if (e->kind != f->kind || x[i].axis != y[i].axis)
			what = "kind";
		else if (!near(x[i].start, y[i].start, 0, 1e-9))
			what = "start";
		else
			what = difference(a, e, pa, b, f, pb, tolerance, slack);
		if (what)
			st = precess_fail(PRECESS_EINVAL, "event %u, a %s at %.12g s: another %s",
					  i, kind[e->kind], x[i].start, what);
	}
	free(x);
	free(y);
	return st;
}
