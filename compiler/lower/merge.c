/* Histories: shots that the spins cannot tell apart are one, with their readouts side by side.
 *
 * Two shots agree when, epoch by epoch, the pulse, its phase, the duration and the total moments
 * are the same scalars. Where samples are taken is not compared: looking does not move a spin.
 * Neither is the free precession of the last epoch: nothing follows it but equilibrium. */
#include "compiler/lower/lowering.h"

#include <stdlib.h>

static enum difference compare_epoch(struct lowering *w, const struct epoch *a,
				     const struct epoch *b, bool last, int *axis)
{
	if (a->pulse != b->pulse)
		return DIFFERENT_PULSE;
	if (!lower_same(w, a->phase, b->phase, 1e-12))
		return DIFFERENT_PHASE;
	if (last)
		return SAME;
	if (!lower_same(w, a->duration, b->duration, time_slack))
		return DIFFERENT_DURATION;
	for (*axis = 0; *axis < 3; ++*axis) {
		if (!lower_same(w, a->moment[*axis], b->moment[*axis], moment_slack))
			return DIFFERENT_MOMENT;
	}
	return SAME;
}

/* Says in b where it differs. */
static bool agree(struct lowering *w, const struct shot *a, struct shot *b)
{
	b->differs = 0;
	b->why = DIFFERENT_COUNT;
	if (a->n_epoch != b->n_epoch)
		return false;
	for (uint32_t i = 0; i < a->n_epoch; i++) {
		const struct epoch *x = &w->epoch[a->first_epoch + i];
		const struct epoch *y = &w->epoch[b->first_epoch + i];

		b->differs = i;
		b->why = compare_epoch(w, x, y, i + 1 == a->n_epoch, &b->axis);
		if (b->why != SAME)
			return false;
	}
	return true;
}

/* first[h] is the shot that stands for history h. */
static uint32_t *sort_shots(struct lowering *w, uint32_t *n_shot)
{
	uint32_t *first = lower_zeros(w->n_shot, sizeof *first);

	for (uint32_t i = 0; i < w->n_shot; i++) {
		struct shot *s = &w->shot[i], told = *s;
		uint32_t h;

		for (h = 0; h < w->n_history && !agree(w, &w->shot[first[h]], s); h++)
			told = h == 0 ? *s : told;
		s->history = h;
		if (h == w->n_history) {
			s->differs = told.differs; /* from the first history, for the notes */
			s->why = told.why;
			s->axis = told.axis;
			first[w->n_history++] = i;
		}
		s->number = n_shot[h]++;
	}
	return first;
}

/* ------------------------------------------------------------------ into the program */
static program_slot slot(struct lowering *w, ir_scalar e)
{
	return e == NO_SCALAR ? PROGRAM_NO_SLOT : lower_scalar(w, e);
}

static void emit_pulses(struct lowering *w)
{
	for (uint32_t i = 0; i < w->n_pulse; i++) {
		const struct pulse *q = &w->pulse[i];
		struct program_pulse *o = APPEND(w->p->pulse, w->p->n_pulse);

		o->class_ = q->class_;
		o->duration = slot(w, q->duration);
		o->flip = slot(w, q->flip);
		o->freq = slot(w, q->freq);
		for (int a = 0; a < 3; a++)
			o->grad[a] = slot(w, q->grad[a]);
		o->shape = q->shape;
		o->event = w->number_of[q->event];
		o->use = w->p->event[o->event].use;
	}
}

static void emit_readout(struct lowering *w, uint32_t readout, uint32_t shot)
{
	const struct readout *r = &w->readout[readout];
	struct program_readout *o = APPEND(w->p->readout, w->p->n_readout);

	*APPEND(w->readout_of, w->n_readout_of) = readout;
	o->class_ = r->class_;
	o->event = w->number_of[r->event];
	o->time = slot(w, r->time);
	o->dwell = slot(w, r->dwell);
	for (int a = 0; a < 3; a++) {
		o->k[a] = slot(w, r->k[a]);
		o->step[a] = slot(w, r->step[a]);
	}
	o->shot = shot;
}

/* Epoch `number` of history h: the first shot's, with the readouts of all its shots. */
static void emit_epoch(struct lowering *w, uint32_t h, uint32_t first, uint32_t number)
{
	struct epoch e = w->epoch[w->shot[first].first_epoch + number];
	struct program_epoch o = {
		.pulse = e.pulse, .phase = slot(w, e.phase), .start = slot(w, e.start),
		.duration = slot(w, e.duration), .first_readout = w->p->n_readout,
	};

	for (int a = 0; a < 3; a++)
		o.moment[a] = slot(w, e.moment[a]);
	for (uint32_t s = first; s < w->n_shot; s++) {
		if (w->shot[s].history != h)
			continue;
		e = w->epoch[w->shot[s].first_epoch + number];
		for (uint32_t r = 0; r < e.n_readout; r++)
			emit_readout(w, e.first_readout + r, w->shot[s].number);
	}
	o.n_readout = w->p->n_readout - o.first_readout;
	*APPEND(w->p->epoch, w->p->n_epoch) = o;
}

void lower_histories(struct lowering *w)
{
	uint32_t *n_shot = lower_zeros(w->n_shot, sizeof *n_shot), *first = sort_shots(w, n_shot);

	emit_pulses(w);
	for (uint32_t h = 0; h < w->n_history; h++) {
		uint32_t n_epoch = w->shot[first[h]].n_epoch;

		*APPEND(w->p->history, w->p->n_history) = (struct program_history){
			.first_epoch = w->p->n_epoch, .n_epoch = n_epoch, .n_shot = n_shot[h],
		};
		for (uint32_t i = 0; i < n_epoch; i++)
			emit_epoch(w, h, first[h], i);
	}
	free(n_shot);
	free(first);
}
