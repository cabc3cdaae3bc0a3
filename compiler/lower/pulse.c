/* RF pulses: which closed form plays them, and which of them are the same. */
#include "compiler/lower/lowering.h"

#include <string.h>

/* HARD needs every gradient of the block proved to be elsewhere, SHAPED each one either elsewhere
 * or on its plateau all through the pulse; anything else is STEPPED through the event list. */
static void classify(struct lowering *w, struct pulse *q, const struct ir_block *b,
		     const struct ir_event *rf)
{
	ir_scalar end = ir_add(w->ir, rf->start, rf->duration);
	bool gradient = false;

	for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
		const struct ir_event *g = &w->ir->event[i];

		if (g->kind != IR_GRAD)
			continue;
		switch (lower_overlap(w, g, rf->start, end)) {
		case OVERLAP_NONE:
			break;
		case OVERLAP_FLAT:
			q->grad[g->axis] = g->amplitude;
			gradient = true;
			break;
		case OVERLAP_PARTLY:
			q->class_ = PROGRAM_PULSE_STEPPED;
			for (int a = 0; a < 3; a++)
				q->grad[a] = NO_SCALAR;
			return;
		}
	}
	if (gradient || rf->shape != IR_NO_SHAPE)
		q->class_ = PROGRAM_PULSE_SHAPED;
	else
		q->class_ = PROGRAM_PULSE_HARD;
}

/* Slots and nothing but slots: what the spins feel. A STEPPED pulse is its own event. */
static bool same_pulse(const struct pulse *a, const struct pulse *b)
{
	return a->class_ == b->class_ && a->class_ != PROGRAM_PULSE_STEPPED &&
	       a->shape == b->shape && a->use == b->use && a->duration == b->duration &&
	       a->flip == b->flip && a->freq == b->freq &&
	       memcmp(a->grad, b->grad, sizeof a->grad) == 0;
}

uint32_t lower_pulse(struct lowering *w, const struct ir_block *b, uint32_t event)
{
	const struct ir_event *rf = &w->ir->event[event];
	struct pulse q = {
		.event = event, .shape = rf->shape, .use = rf->use,
		.duration = rf->duration, .flip = rf->flip, .freq = rf->freq,
	};

	classify(w, &q, b, rf);
	for (uint32_t i = 0; i < w->n_pulse; i++) {
		if (same_pulse(&w->pulse[i], &q))
			return i;
	}
	*APPEND(w->pulse, w->n_pulse) = q;
	return w->n_pulse - 1;
}
