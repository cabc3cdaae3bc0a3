/* Parameters that are pure delays: blocks without events last a constant plus a share of one of
 * them, and nothing else of the sequence depends on it but when things happen. All other parameters
 * have their values. Roundings to rasters are left out of the formulas: whoever plays the file
 * rounds again. */
#include "compiler/pulseq/write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS = 64 }; /* as many as fit a mask; more are no soft delays */

/* The parameters that each scalar depends on. */
static uint64_t *dependences(const struct ir *ir)
{
	uint64_t *on = calloc((size_t)ir->n_expr + 1, sizeof *on);

	for (uint32_t i = 0; on && i < ir->n_expr; i++) {
		const struct ir_expr *e = &ir->expr[i];

		on[i] = e->op == IR_PARAM && e->param < PARAMS ? (uint64_t)1 << e->param : 0;
		if (e->op != IR_CONST && e->op != IR_PARAM)
			on[i] |= on[e->a] | on[e->b];
		for (uint32_t k = 0; k < e->n; k++)
			on[i] |= on[e->term[k]];
	}
	return on;
}

/* What events play depends on; their blocks' durations, too. */
static uint64_t played(const struct ir *ir, const uint64_t *on)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < ir->n_event; i++) {
		const struct ir_event *e = &ir->event[i];

		all |= on[e->start] | on[e->duration] | on[e->flip] | on[e->phase] | on[e->freq] |
		       on[e->center] | on[e->amplitude] | on[e->rise] | on[e->flat] | on[e->fall] |
		       on[e->dwell];
	}
	for (uint32_t i = 0; i < ir->n_block; i++) {
		if (ir->block[i].n_event)
			all |= on[ir->block[i].duration];
	}
	return all;
}

/* Adds k times the scalar as offset + slope * param, without rounding; other parameters have their
 * values. False: it is no line. */
static bool add_line(double *offset, double *slope, const struct writer *w, uint32_t param,
		     ir_scalar e, double k)
{
	const struct ir_expr *x = &w->ir->expr[e];

	switch (x->op) {
	case IR_CONST:
		*offset += k * x->value;
		return true;
	case IR_PARAM:
		*(x->param == param ? slope
				    : offset) += k * (x->param == param ? 1 : w->param[x->param]);
		return true;
	case IR_ROUND:
	case IR_CEIL:
	case IR_FLOOR:
		return add_line(offset, slope, w, param, x->a, k);
	case IR_SUM:
		*offset += k * x->value;
		for (uint32_t i = 0; i < x->n; i++) {
			if (!add_line(offset, slope, w, param, x->term[i], k * x->coef[i]))
				return false;
		}
		return true;
	default:
		return false;
	}
}

/* `on`: of the parameters that may be soft delays, those that the block depends on. False when it
 * does as no soft delay can. */
static bool soft_block(struct soft_delay *d, const struct writer *w, const struct ir_block *b,
		       uint64_t on)
{
	double offset = 0, slope = 0;
	uint32_t param = 0;

	*d = (struct soft_delay){ 0 };
	if (on == 0)
		return true;
	while (!(on >> param & 1))
		param++;
	if (on != (uint64_t)1 << param || !add_line(&offset, &slope, w, param, b->duration, 1))
		return false;
	offset = rint(offset * 1e12) * 1e-12;
	if (fabs(slope) < 1e-9) /* all that is left is rounding */
		return true;
	if (fabs(offset * 1e6 - rint(offset * 1e6)) > 1e-5) /* files tell it in us */
		return false;
	*d = (struct soft_delay){ param + 1, offset, rint(1e9 / slope) * 1e-9 };
	return true;
}

precess_status pulseq_soft_delays(struct soft_delay **out, const struct writer *w)
{
	struct soft_delay *d = calloc((size_t)w->ir->n_block + 1, sizeof *d);
	uint64_t *on = dependences(w->ir), bad, good = 0;

	*out = NULL;
	if (!d || !on) {
		free(d);
		free(on);
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u blocks", w->ir->n_block);
	}
	bad = played(w->ir, on);
	for (uint32_t i = 0; i < w->ir->n_param && i < PARAMS; i++) {
		if (strcmp(w->ir->param[i].type, "time") != 0)
			bad |= (uint64_t)1 << i;
	}
	for (uint64_t before = ~bad; before != bad;) { /* one that drops out may free another */
		before = bad;
		good = 0;
		for (uint32_t i = 0; i < w->ir->n_block; i++) {
			const struct ir_block *b = &w->ir->block[i];
			uint64_t by = on[b->duration] & ~bad;

			if (!b->n_event && !soft_block(&d[i], w, b, by))
				bad |= by;
			good |= d[i].param ? by : 0;
		}
	}
	free(on);
	if (good)
		*out = d;
	else
		free(d);
	return PRECESS_OK;
}
