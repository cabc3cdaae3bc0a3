/* Hardware limits, at the parameters' values: amplitudes, slew rates within gradients and where one
 * block meets the next, B1. */
#include "compiler/pulseq/write.h"

#include <math.h>

#define MARGIN (1 + 1e-6) /* rounding of files' digits */

static double value(const struct writer *w, ir_scalar e)
{
	return ir_eval(w->ir, e, w->param);
}

static precess_status above(const struct writer *w, const char *what, double have, double limit,
			    const char *unit, double scale)
{
	char text[200];

	snprintf(text, sizeof text, "%s of %.5g %s exceeds the system's %.5g %s", what,
		 have / scale, unit, limit / scale, unit);
	return pulseq_refuse(w, text);
}

double pulseq_steepest(const struct ir *ir, const double *param, const struct ir_event *e)
{
	double rise, fall, before, most = 0;
	const struct ir_shape *s;

	if (e->shape == IR_NO_SHAPE) {
		rise = ir_eval(ir, e->rise, param);
		fall = ir_eval(ir, e->fall, param);
		return fmax(rise > 0 ? 1 / rise : 0, fall > 0 ? 1 / fall : 0);
	}
	s = &ir->shape[e->shape];
	before = s->first;
	for (uint32_t i = 0; i <= s->n; i++) {
		double here = i < s->n ? s->sample[i] : s->last;

		most = fmax(most, fabs(here - before) * (i == 0 || i == s->n ? 2 : 1));
		before = here;
	}
	return most * s->n / ir_eval(ir, e->duration, param);
}

static void ends(double *first, double *last, const struct writer *w, const struct ir_event *e)
{
	double a = value(w, e->amplitude);

	if (e->shape == IR_NO_SHAPE) {
		*first = value(w, e->rise) > 0 ? 0 : a;
		*last = value(w, e->fall) > 0 ? 0 : a;
	} else {
		*first = a * w->ir->shape[e->shape].first;
		*last = a * w->ir->shape[e->shape].last;
	}
}

static double peak(const struct writer *w, const struct ir_event *e)
{
	const struct ir_shape *s;
	double most = 0;

	if (e->shape == IR_NO_SHAPE)
		return 1;
	s = &w->ir->shape[e->shape];
	for (uint32_t i = 0; i < s->n; i++)
		most = fmax(most, s->complex ? hypot(s->sample[2 * i], s->sample[2 * i + 1])
					     : fabs(s->sample[i]));
	return s->complex ? most : fmax(most, fmax(fabs(s->first), fabs(s->last)));
}

static precess_status check_event(const struct writer *w, const struct ir_event *e)
{
	const struct ir_system *s = &w->ir->system;
	double have;

	if (e->kind == IR_RF) {
		have = fabs(value(w, e->flip)) /
		       (6.283185307179586476925 * s->gamma * value(w, e->duration)) * peak(w, e);
		if (have > s->max_b1 * MARGIN)
			return above(w, "a pulse", have, s->max_b1, "uT", 1e-6);
	} else if (e->kind == IR_GRAD) {
		have = fabs(value(w, e->amplitude)) * peak(w, e);
		if (have > s->max_grad * MARGIN)
			return above(w, "a gradient", have, s->max_grad, "mT/m", 1e-3);
		have = fabs(value(w, e->amplitude)) * pulseq_steepest(w->ir, w->param, e);
		if (have > s->max_slew * MARGIN)
			return above(w, "a slew rate", have, s->max_slew, "T/m/s", 1);
	}
	return PRECESS_OK;
}

/* Gradients of one axis in order of time: each begins where the one before ends, or at 0. */
struct edge {
	double time, value;
};

static precess_status check_edge(struct edge *edge, const struct writer *w, double start,
				 const struct ir_event *e)
{
	double first, last, before;

	ends(&first, &last, w, e);
	before = fabs(start - edge->time) < 1e-9 ? edge->value : 0;
	if (fabs(first - before) > 1e-4 * w->ir->system.max_grad ||
	    (before == 0 && edge->value != 0 && fabs(edge->value) > 1e-4 * w->ir->system.max_grad))
		return pulseq_refuse(w, "a gradient jumps where it begins or where the one before "
					"ends; give it ramps");
	*edge = (struct edge){ start + value(w, e->duration), last };
	return PRECESS_OK;
}

precess_status pulseq_check_limits(struct writer *w)
{
	struct edge edge[3] = { { -1, 0 }, { -1, 0 }, { -1, 0 } };
	precess_status st = PRECESS_OK;

	for (w->block = 0; w->block < w->ir->n_block; w->block++) {
		const struct ir_block *b = &w->ir->block[w->block];
		double begin = value(w, b->start);

		for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
			const struct ir_event *e = &w->ir->event[i];

			TRY(check_event(w, e));
			if (e->kind == IR_GRAD && isfinite(w->ir->system.max_slew))
				TRY(check_edge(&edge[e->axis], w, begin + value(w, e->start), e));
		}
	}
out:
	return st;
}
