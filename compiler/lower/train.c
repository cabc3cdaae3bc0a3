/* Trains: runs of lines of one shot, evenly spaced in time and ky, that sample kx alike (every
 * second one backwards, if they alternate). */
#include "compiler/lower/lowering.h"

enum { TRAIN_LINES = 8 }; /* fewer are not worth a transform along y */

static const struct readout *line(const struct lowering *w, uint32_t r)
{
	return &w->readout[w->readout_of[r]];
}

/* Equal, or equal but for the sign. */
static bool same_size(struct lowering *w, ir_scalar a, ir_scalar b)
{
	return a == b || (a != NO_SCALAR && b != NO_SCALAR && a == ir_neg(w->ir, b));
}

/* Ramp-sampled lines: the same gradient, maybe reversed, at the same place around the window. */
static bool same_gradient(struct lowering *w, const struct readout *a, const struct readout *b)
{
	struct ir *ir = w->ir;
	struct ir_event g, h;

	if (a->gx == UINT32_MAX || b->gx == UINT32_MAX)
		return false;
	g = ir->event[a->gx];
	h = ir->event[b->gx];
	return g.shape == h.shape && g.duration == h.duration &&
	       (g.shape != IR_NO_SHAPE ||
		(g.rise == h.rise && g.flat == h.flat && g.fall == h.fall)) &&
	       same_size(w, g.amplitude, h.amplitude) &&
	       lower_same(w, ir_sub(ir, ir->event[a->event].start, g.start),
			  ir_sub(ir, ir->event[b->event].start, h.start), time_slack);
}

/* Lines whose samples of kx form the same set of steps. */
static bool alike(struct lowering *w, const struct readout *a, const struct readout *b)
{
	if (a->class_ != PROGRAM_READOUT_LINE || b->class_ != PROGRAM_READOUT_LINE ||
	    a->dwell != b->dwell || w->ir->event[a->event].n != w->ir->event[b->event].n ||
	    !lower_same(w, a->k[2], b->k[2], moment_slack))
		return false;
	if (a->step[0] == NO_SCALAR || b->step[0] == NO_SCALAR)
		return a->step[0] == b->step[0] && same_gradient(w, a, b);
	return same_size(w, a->step[0], b->step[0]);
}

/* Every second line starts at the same kx and runs the same way. */
static bool returns(struct lowering *w, const struct readout *a, const struct readout *b)
{
	return lower_same(w, a->k[0], b->k[0], moment_slack) && a->step[0] == b->step[0] &&
	       (a->step[0] != NO_SCALAR ||
		w->ir->event[a->gx].amplitude == w->ir->event[b->gx].amplitude);
}

/* The number of lines of the train that begins at r; at most `n`. */
static uint32_t run_length(struct lowering *w, uint32_t r, uint32_t n, struct program_train *t)
{
	const struct readout *a = line(w, r), *b;
	ir_scalar period, dky;
	uint32_t i;

	if (n < TRAIN_LINES)
		return 1;
	b = line(w, r + 1);
	period = ir_sub(w->ir, b->time, a->time);
	dky = lower_settle(w, ir_sub(w->ir, b->k[1], a->k[1]));
	for (i = 1; i < n; i++) {
		a = line(w, r + i - 1);
		b = line(w, r + i);
		if (w->p->readout[r + i].shot != w->p->readout[r].shot || !alike(w, a, b) ||
		    !lower_same(w, ir_sub(w->ir, b->time, a->time), period, time_slack) ||
		    !lower_same(w, ir_sub(w->ir, b->k[1], a->k[1]), dky, moment_slack) ||
		    (i >= 2 && !returns(w, line(w, r + i - 2), b)))
			break;
	}
	if (i >= TRAIN_LINES)
		*t = (struct program_train){
			.first_readout = r, .n_readout = i,
			.period = lower_scalar(w, period), .dky = lower_scalar(w, dky),
		};
	return i;
}

void lower_trains(struct lowering *w)
{
	for (uint32_t e = 0; e < w->p->n_epoch; e++) {
		const struct program_epoch *o = &w->p->epoch[e];
		uint32_t r = o->first_readout, end = r + o->n_readout;

		while (r < end) {
			struct program_train t;
			uint32_t n = run_length(w, r, end - r, &t);

			if (n >= TRAIN_LINES) {
				t.epoch = e;
				*APPEND(w->p->train, w->p->n_train) = t;
			}
			r += n >= TRAIN_LINES ? n : 1;
		}
	}
}
