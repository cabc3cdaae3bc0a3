/* Does one sample of a k-space line step one cell along x? */
#include <math.h>

#include "compiler/elab/evaluator.h"

#define SLACK_STEP 1e-6 /* of a cell */

static bool never_negative(struct evaluator *ev, ir_scalar e)
{
	double lo, hi;

	ir_range(ev->ir, e, &lo, &hi);
	return lo >= -SLACK_TIME;
}

/* Ramps are sampled unevenly on purpose; only a flat top has a step. */
static bool on_flat(struct evaluator *ev, const struct ir_event *adc, const struct ir_event *g)
{
	struct ir *ir = ev->ir;
	ir_scalar from = ir_add(ir, g->start, g->rise), to = ir_add(ir, from, g->flat);
	ir_scalar end = ir_add(ir, adc->start, adc->duration);

	return g->shape == IR_NO_SHAPE && never_negative(ev, ir_sub(ir, adc->start, from)) &&
	       never_negative(ev, ir_sub(ir, to, end));
}

/* A step of 1 / n of a cell is n-fold oversampling. */
static bool whole_fraction(double step)
{
	double n = step > 0 ? round(1 / step) : 0;

	return n >= 1 && fabs(step * n - 1) <= SLACK_STEP * n;
}

static bool told(struct evaluator *ev, const struct ir_event *adc, const struct ir_event *g)
{
	struct ir *ir = ev->ir;
	double cell = ir->system.gamma * ir->geometry.fov[0], lo, hi, amplitude;
	struct diag *d;

	ir_range(ir, ir_scale(ir, cell, ir_mul(ir, g->amplitude, adc->dwell)), &lo, &hi);
	if (lo < 0 && hi <= 0) {
		double swap = -lo;

		lo = -hi;
		hi = swap;
	}
	if (whole_fraction(lo) && hi - lo <= SLACK_STEP)
		return false;
	d = warning_at(ev, "W08", adc->span, "one sample steps %.4g cells of k-space along x",
		       lo);
	diag_note(ev->l, d, ev->geometry_span, "a cell is 1 / %s",
		  dim_show(ev->l, ir->geometry.fov[0], dim_length));
	if (ir_is_const(ir, g->amplitude, &amplitude) && amplitude != 0)
		diag_help(ev->l, d, "`dwell = %s` steps one cell",
			  dim_show(ev->l, 1 / fabs(cell * amplitude), dim_time));
	return true;
}

void check_step(struct evaluator *ev)
{
	const struct ir_event *event = ev->event;

	if (ev->ir->geometry.fov[0] <= 0)
		return;
	for (uint32_t b = 0; b < ev->time.n_block; b++) {
		uint32_t from = ev->block[b].first_event;
		uint32_t to = b + 1 < ev->time.n_block ? ev->block[b + 1].first_event
						       : ev->time.n_event;

		for (uint32_t i = from; i < to; i++) {
			if (event[i].kind != IR_ADC || event[i].label[IR_LABEL_line] < 0)
				continue;
			for (uint32_t k = from; k < to; k++)
				if (event[k].kind == IR_GRAD && event[k].axis == 0 &&
				    on_flat(ev, &event[i], &event[k]) && told(ev, &event[i], &event[k]))
					return;
		}
	}
}
