/* The schedule of each shot: epochs of one pulse and the free precession after it. Blocks without a
 * pulse add their whole moments; in a block with one, each gradient's moment is split at the
 * pulse's edges, and what it does during the pulse belongs to the pulse. */
#include "compiler/lower/lowering.h"

#include <stdlib.h>

static struct epoch *last_epoch(struct lowering *w)
{
	return &w->epoch[w->n_epoch - 1];
}

static void begin_epoch(struct lowering *w, uint32_t pulse, uint32_t block, ir_scalar phase,
			ir_scalar start, ir_scalar free)
{
	*APPEND(w->epoch, w->n_epoch) = (struct epoch){
		.pulse = pulse, .block = block, .phase = phase, .start = start, .free = free,
		.first_readout = w->n_readout,
	};
}

/* Free precession ends at `end`, an instant of the sequence. */
static void end_epoch(struct lowering *w, ir_scalar end)
{
	struct epoch *e = last_epoch(w);

	e->duration = ir_sub(w->ir, end, e->free);
	e->n_readout = w->n_readout - e->first_readout;
	for (int a = 0; a < 3; a++)
		e->moment[a] = lower_settle(w, e->moment[a]);
}

/* Before its first pulse the magnetisation is at equilibrium and feels nothing; such an epoch stays
 * only when samples are taken in it. A shot with neither is none at all. */
static void end_shot(struct lowering *w, uint32_t first_epoch, ir_scalar end)
{
	struct epoch *e = &w->epoch[first_epoch];

	end_epoch(w, end);
	if (e->pulse == UINT32_MAX && e->n_readout == 0) {
		for (uint32_t i = first_epoch + 1; i < w->n_epoch; i++)
			w->epoch[i - 1] = w->epoch[i];
		w->n_epoch--;
	}
	if (w->n_epoch > first_epoch)
		*APPEND(w->shot, w->n_shot) = (struct shot){
			.first_epoch = first_epoch, .n_epoch = w->n_epoch - first_epoch,
		};
}

/* ------------------------------------------------------------------ one block */
/* Adds what the block's gradients do between block times t0 and t1; t1 == NO_SCALAR: to its end. */
static void add_moments(struct lowering *w, const struct ir_block *b, ir_scalar t0, ir_scalar t1)
{
	for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
		const struct ir_event g = w->ir->event[i];
		struct epoch *e = last_epoch(w);
		ir_scalar m;

		if (g.kind != IR_GRAD)
			continue;
		m = t1 == NO_SCALAR ? lower_moment(w, &g) : lower_moment_until(w, &g, t1);
		if (t0 != 0)
			m = ir_sub(w->ir, m, lower_moment_until(w, &g, t0));
		e->moment[g.axis] = ir_add(w->ir, e->moment[g.axis], m);
	}
}

/* `t0`: the block time at which the epoch's free precession (or the block) began. */
static void add_readout(struct lowering *w, const struct ir_block *b, uint32_t event, ir_scalar t0)
{
	struct ir *ir = w->ir;
	const struct ir_event adc = ir->event[event];
	ir_scalar first = ir_add(ir, adc.start, ir_scale(ir, 0.5, adc.dwell));
	struct readout r = lower_readout(w, b, event);
	struct epoch *e = last_epoch(w), before = *e;

	add_moments(w, b, t0, first);
	for (int a = 0; a < 3; a++)
		r.k[a] = lower_settle(w, e->moment[a]);
	*e = before;
	r.time = ir_sub(ir, ir_add(ir, b->start, first), e->free);
	*APPEND(w->readout, w->n_readout) = r;
}

/* Events of a kind in order of start, as far as that is decided; returns how many. */
static uint32_t pick(struct lowering *w, const struct ir_block *b, enum ir_event_kind kind,
		     uint32_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
		uint32_t j = n;

		if (w->ir->event[i].kind != kind)
			continue;
		for (; j > 0 && lower_proved_le(w, w->ir->event[i].start,
						w->ir->event[out[j - 1]].start); j--)
			out[j] = out[j - 1];
		out[j] = i;
		n++;
	}
	return n;
}

static void walk_block(struct lowering *w, uint32_t block)
{
	struct ir *ir = w->ir;
	const struct ir_block b = ir->block[block];
	uint32_t *rf = lower_zeros(2 * (size_t)b.n_event, sizeof *rf), *adc = rf + b.n_event;
	uint32_t n_rf = pick(w, &b, IR_RF, rf), n_adc = pick(w, &b, IR_ADC, adc), next = 0;
	ir_scalar t0 = 0;

	for (uint32_t i = 0; i < n_rf; i++) {
		const struct ir_event q = ir->event[rf[i]];
		ir_scalar start = ir_add(ir, b.start, q.start);
		ir_scalar end = ir_add(ir, q.start, q.duration);

		while (next < n_adc && lower_proved_le(w, ir->event[adc[next]].start, q.start))
			add_readout(w, &b, adc[next++], t0);
		add_moments(w, &b, t0, q.start);
		end_epoch(w, start);
		begin_epoch(w, lower_pulse(w, &b, rf[i]), block, q.phase, start,
			    ir_add(ir, b.start, end));
		t0 = end;
	}
	while (next < n_adc)
		add_readout(w, &b, adc[next++], t0);
	add_moments(w, &b, t0, NO_SCALAR);
	free(rf);
}

void lower_schedule(struct lowering *w)
{
	uint32_t first_epoch = 0;

	begin_epoch(w, UINT32_MAX, 0, NO_SCALAR, 0, 0);
	for (uint32_t i = 0; i < w->ir->n_block; i++) {
		const struct ir_block b = w->ir->block[i];

		if (b.kind != IR_RESET) {
			walk_block(w, i);
			continue;
		}
		end_shot(w, first_epoch, b.start);
		first_epoch = w->n_epoch;
		begin_epoch(w, UINT32_MAX, i, NO_SCALAR, b.start, b.start);
	}
	end_shot(w, first_epoch, w->ir->duration);
}
