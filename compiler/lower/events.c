/* Blocks, events and shapes: the list that a scanner would play. */
#include "compiler/lower/lowering.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *use_name(enum ir_use use)
{
	static const char *const names[] = {
#define USE(name) #name,
#include "runtime/program/uses.def"
#undef USE
	};
	return names[use];
}

static void lower_shapes(struct lowering *w)
{
	for (uint32_t i = 0; i < w->ir->n_shape; i++) {
		const struct ir_shape *s = &w->ir->shape[i];
		struct program_shape *o = APPEND(w->p->shape, w->p->n_shape);
		size_t n = (size_t)s->n * (s->complex ? 2 : 1);

		o->name = lower_text(s->name);
		o->is_complex = s->complex;
		o->n = s->n;
		o->first = s->first;
		o->last = s->last;
		o->sample = lower_zeros(n, sizeof *o->sample);
		memcpy(o->sample, s->sample, n * sizeof *o->sample);
	}
}

static struct program_event empty_event(uint32_t block, enum program_event_kind kind)
{
	struct program_event e = {
		.kind = kind, .block = block, .shape = PROGRAM_NO_SHAPE,
		.start = PROGRAM_NO_SLOT, .duration = PROGRAM_NO_SLOT, .flip = PROGRAM_NO_SLOT,
		.phase = PROGRAM_NO_SLOT, .freq = PROGRAM_NO_SLOT, .center = PROGRAM_NO_SLOT,
		.amplitude = PROGRAM_NO_SLOT, .rise = PROGRAM_NO_SLOT, .flat = PROGRAM_NO_SLOT,
		.fall = PROGRAM_NO_SLOT, .dwell = PROGRAM_NO_SLOT,
	};

	for (int k = 0; k < PROGRAM_LABELS; k++)
		e.label[k] = -1;
	return e;
}

static void fill_rf(struct lowering *w, struct program_event *o, const struct ir_event *e)
{
	o->flip = lower_scalar(w, e->flip);
	o->phase = lower_scalar(w, e->phase);
	o->freq = lower_scalar(w, e->freq);
	o->center = lower_scalar(w, e->center);
	o->use = use_name(e->use);
	o->shape = e->shape;
}

static void fill_grad(struct lowering *w, struct program_event *o, const struct ir_event *e)
{
	o->axis = e->axis;
	o->amplitude = lower_scalar(w, e->amplitude);
	o->shape = e->shape;
	if (e->shape != IR_NO_SHAPE)
		return;
	o->rise = lower_scalar(w, e->rise);
	o->flat = lower_scalar(w, e->flat);
	o->fall = lower_scalar(w, e->fall);
}

static void fill_adc(struct lowering *w, struct program_event *o, const struct ir_event *e)
{
	o->phase = lower_scalar(w, e->phase);
	o->freq = lower_scalar(w, e->freq);
	o->dwell = lower_scalar(w, e->dwell);
	o->n = e->n;
	o->first_sample = w->p->n_sample;
	w->p->n_sample += e->n;
	for (int k = 0; k < PROGRAM_LABELS; k++)
		o->label[k] = e->label[k];
}

static void lower_event(struct lowering *w, uint32_t block, uint32_t event)
{
	static const enum program_event_kind kinds[] = {
		[IR_RF] = PROGRAM_RF, [IR_GRAD] = PROGRAM_GRAD, [IR_ADC] = PROGRAM_ADC
	};
	const struct ir_event *e = &w->ir->event[event];
	struct program_event o = empty_event(block, kinds[e->kind]);

	o.start = lower_scalar(w, ir_add(w->ir, w->ir->block[block].start, e->start));
	o.duration = lower_scalar(w, e->duration);
	if (e->kind == IR_RF)
		fill_rf(w, &o, e);
	else if (e->kind == IR_GRAD)
		fill_grad(w, &o, e);
	else
		fill_adc(w, &o, e);
	w->number_of[event] = w->p->n_event;
	*APPEND(w->p->event, w->p->n_event) = o;
}

/* Samples are numbered in order of time, so the few events of a block are put in order of start
 * wherever that is the same for all parameter values. */
static void lower_block_events(struct lowering *w, uint32_t block)
{
	const struct ir_block b = w->ir->block[block];
	uint32_t *order = lower_zeros(b.n_event, sizeof *order);

	for (uint32_t i = 0; i < b.n_event; i++) {
		uint32_t j = i, e = b.first_event + i;

		for (; j > 0; j--) {
			ir_scalar mine = w->ir->event[e].start;
			ir_scalar before = w->ir->event[order[j - 1]].start;

			if (mine == before || !lower_proved_le(w, mine, before))
				break;
			order[j] = order[j - 1];
		}
		order[j] = e;
	}
	for (uint32_t i = 0; i < b.n_event; i++)
		lower_event(w, block, order[i]);
	free(order);
}

static char *block_text(const struct ir_block *b)
{
	static const char *const names[] = {
		[IR_PLAY] = "play", [IR_DELAY] = "delay", [IR_SOLVED] = "delay",
		[IR_RESET] = "reset",
	};

	return lower_text(b->text && *b->text ? b->text : names[b->kind]);
}

void lower_events(struct lowering *w)
{
	struct program *p = w->p;

	lower_shapes(w);
	w->number_of = lower_zeros(w->ir->n_event, sizeof *w->number_of);
	for (uint32_t i = 0; i < w->ir->n_block; i++) {
		const struct ir_block b = w->ir->block[i];
		uint32_t first = p->n_event;
		struct program_block *o;
		int column;

		lower_block_events(w, i);
		if (b.kind == IR_RESET) {
			struct program_event e = empty_event(i, PROGRAM_RESET);

			e.start = lower_scalar(w, b.start);
			e.duration = lower_scalar(w, 0);
			*APPEND(p->event, p->n_event) = e;
		}
		o = APPEND(p->block, p->n_block);
		o->kind = b.kind == IR_PLAY    ? PROGRAM_BLOCK_PLAY
			  : b.kind == IR_DELAY ? PROGRAM_BLOCK_DELAY
			  : b.kind == IR_RESET ? PROGRAM_BLOCK_RESET
					       : PROGRAM_BLOCK_SOLVED;
		o->start = lower_scalar(w, b.start);
		o->duration = lower_scalar(w, b.duration);
		o->first_event = first;
		o->n_event = p->n_event - first;
		o->text = block_text(&b);
		o->where = lower_text(b.where);
		if (w->lang && b.span.source != UINT32_MAX)
			lang_place(w->lang, b.span.source, b.span.begin, &o->line, &column);
	}
}
