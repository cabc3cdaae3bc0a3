/* Readouts: how an ADC window lies on the gradients of its block. What counts is the time from the
 * first to the last sample, half a dwell inside the window at both ends. */
#include "compiler/lower/lowering.h"

/* Step of one axis: 0 at rest, the plateau's, NO_SCALAR for anything else. `*mover`: the event. */
static ir_scalar axis_step(struct lowering *w, const struct ir_block *b, const struct ir_event *adc,
			   int axis, uint32_t *mover)
{
	struct ir *ir = w->ir;
	ir_scalar half = ir_scale(ir, 0.5, adc->dwell), step = 0;
	ir_scalar first = ir_add(ir, adc->start, half);
	ir_scalar last = ir_add(ir, first, ir_scale(ir, adc->n - 1.0, adc->dwell));

	*mover = UINT32_MAX;
	for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
		const struct ir_event g = ir->event[i];
		enum overlap how;

		if (g.kind != IR_GRAD || g.axis != axis)
			continue;
		how = lower_overlap(w, &g, first, last);
		if (how == OVERLAP_NONE)
			continue;
		if (how == OVERLAP_FLAT) {
			*mover = i;
			return ir_scale(ir, ir->system.gamma, ir_mul(ir, g.amplitude, adc->dwell));
		}
		*mover = step == 0 ? i : UINT32_MAX;
		step = NO_SCALAR;
	}
	return step;
}

/* All that the block alone decides; time and moments become the epoch's in schedule.c. */
struct readout lower_readout(struct lowering *w, const struct ir_block *b, uint32_t event)
{
	const struct ir_event adc = w->ir->event[event];
	struct readout r = { .event = event, .dwell = adc.dwell };
	uint32_t mover;

	r.step[0] = axis_step(w, b, &adc, 0, &r.gx);
	r.step[1] = axis_step(w, b, &adc, 1, &mover);
	r.step[2] = axis_step(w, b, &adc, 2, &mover);
	if (r.step[1] != 0 || r.step[2] != 0)
		r.class_ = PROGRAM_READOUT_GENERAL;
	else
		r.class_ = r.step[0] ? PROGRAM_READOUT_LINE : PROGRAM_READOUT_POINT;
	return r;
}
