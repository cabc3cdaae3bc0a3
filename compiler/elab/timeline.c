/* The timeline: staged blocks, the two clocks, solved delays.
 *
 * `exact` is the time that the sequence asks for; `rounded` is where the scanner can play it. They
 * differ only on systems with rasters: an anchored start is rounded once, counted from the last
 * reset (so that shots that begin alike stay alike), and what follows it adds its durations. Proofs
 * are about exact times; the residual says how far rounding moved an anchor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

void timeline_begin(struct evaluator *ev, ir_scalar start)
{
	struct timeline *t = &ev->time;

	t->exact = t->rounded = t->reset_exact = t->reset_rounded = start;
	t->part_from = start;
	t->n_part = 0;
	t->part_overflow = false;
	t->off_raster = false;
	memset(t->edge, 0, sizeof t->edge);
}

/* ------------------------------------------------------------------ staging */
static void *grown(void *items, uint32_t *capacity, size_t size)
{
	uint32_t more = *capacity ? 2 * *capacity : 256;
	void *p = realloc(items, (size_t)more * size);

	if (!p)
		abort(); /* like the arena: a compiler without memory has nothing better to do */
	*capacity = more;
	return p;
}

static struct staged_block *stage(struct evaluator *ev, enum ir_block_kind kind, ir_scalar duration,
				  struct span at, const char *text)
{
	struct timeline *t = &ev->time;
	struct staged_block *b;

	if (t->n_block == LIMIT_BLOCKS) {
		if (!ev->too_many)
			error_at(ev, "E28", at, "too many blocks (limit %d)", LIMIT_BLOCKS);
		ev->too_many = true;
		t->n_block--; /* the rest overwrites the last one; nothing is made of it */
	}
	if (t->n_block == ev->block_capacity)
		ev->block = grown(ev->block, &ev->block_capacity, sizeof *ev->block);
	b = &ev->block[t->n_block++];
	*b = (struct staged_block){ { .kind = kind,
				      .start = t->rounded,
				      .duration = duration,
				      .span = at,
				      .text = text,
				      .where = ev->where },
				    t->n_event };
	return b;
}

static void stage_event(struct evaluator *ev, const struct ir_event *e)
{
	if (ev->time.n_event == ev->event_capacity)
		ev->event = grown(ev->event, &ev->event_capacity, sizeof *ev->event);
	ev->event[ev->time.n_event++] = *e;
}

/* Texts go into the IR's arena; neighbours usually share them. */
static const char *keep(struct ir *ir, const char *text, const char **last, const char **last_copy)
{
	if (text != *last || !*last_copy) {
		*last = text;
		*last_copy = arena_copy(ir->arena, text ? text : "", text ? strlen(text) : 0);
	}
	return *last_copy;
}

void timeline_flush(struct evaluator *ev)
{
	const char *where = NULL, *where_copy = NULL, *text = NULL, *text_copy = NULL;

	for (uint32_t i = 0; i < ev->time.n_block; i++) {
		struct ir_block b = ev->block[i].block;
		uint32_t end = i + 1 < ev->time.n_block ? ev->block[i + 1].first_event
							: ev->time.n_event;

		b.first_event = ev->ir->n_event;
		b.n_event = end - ev->block[i].first_event;
		for (uint32_t k = ev->block[i].first_event; k < end; k++)
			ir_add_event(ev->ir, &ev->event[k]);
		b.text = keep(ev->ir, b.text, &text, &text_copy);
		b.where = keep(ev->ir, b.where, &where, &where_copy);
		ir_add_block(ev->ir, &b);
	}
	ev->ir->duration = ev->time.rounded;
}

/* ------------------------------------------------------------------ clocks */
static ir_scalar round_exact(struct evaluator *ev, ir_scalar exact)
{
	struct timeline *t = &ev->time;
	double raster = ev->ir->system.grad_raster;
	ir_scalar since;

	if (raster <= 0)
		return exact;
	since = ir_sub(ev->ir, exact, t->reset_exact);
	since = ir_binary(ev->ir, IR_ROUND, since, ir_const(ev->ir, raster));
	return ir_add(ev->ir, t->reset_rounded, since);
}

static bool is_zero(struct evaluator *ev, ir_scalar e)
{
	double v;

	return ir_is_const(ev->ir, e, &v) && fabs(v) <= SLACK_TIME;
}

/* A delay until `exact`, where a raster is in the way until the nearest instant on it. */
static void wait_until(struct evaluator *ev, enum ir_block_kind kind, ir_scalar exact,
		       struct span at, const char *text)
{
	struct timeline *t = &ev->time;
	ir_scalar rounded = round_exact(ev, exact), duration = ir_sub(ev->ir, rounded, t->rounded);

	if (t->off_raster) { /* the block before may have ended past the rounded instant */
		duration = ir_binary(ev->ir, IR_MAX, duration, 0);
		rounded = ir_add(ev->ir, t->rounded, duration);
	}
	if (!is_zero(ev, duration)) {
		struct staged_block *b = stage(ev, kind, duration, at, text);

		b->block.residual = ir_sub(ev->ir, ir_sub(ev->ir, rounded, t->reset_rounded),
					   ir_sub(ev->ir, exact, t->reset_exact));
	}
	t->exact = exact;
	t->rounded = rounded;
	t->off_raster = false;
}

/* ------------------------------------------------------------------ gradients across blocks */
static void error_edge(struct evaluator *ev, int axis, struct span at)
{
	struct diag *d = error_at(
		ev, "E21", at, "the gradient on %c jumps here: an infinite slew rate", "xyz"[axis]);

	diag_help(ev->l, d,
		  "a gradient without a ramp must join one that ends, or goes on, at the "
		  "same strength");
}

static void edges_closed(struct evaluator *ev)
{
	for (int i = 0; i < 3; i++)
		if (ev->time.edge[i]) {
			error_edge(ev, i, ev->time.edge_span);
			ev->time.edge[i] = 0;
		}
}

void timeline_end(struct evaluator *ev)
{
	edges_closed(ev);
}

/* What a gradient begins, or ends, with: 0 where a ramp leads there. */
static ir_scalar strength_at(struct evaluator *ev, const struct grad *g, bool end)
{
	const struct ir_shape *s = g->shape == IR_NO_SHAPE ? NULL : &ev->ir->shape[g->shape];

	if (s)
		return ir_scale(ev->ir, end ? s->last : s->first, g->amplitude);
	return is_zero(ev, end ? g->fall : g->rise) ? g->amplitude : 0;
}

/* Samples are stored relative to their largest, which costs a rounding. */
static bool same_strength(struct evaluator *ev, ir_scalar a, ir_scalar b)
{
	double v;

	return a == b || (ir_is_const(ev->ir, ir_sub(ev->ir, a, b), &v) &&
			  fabs(v) <= 1e-9 * ev->ir->system.max_grad);
}

/* Gradients that begin or end at full strength must meet their like in the next block. Inside a
 * block nothing can meet them: of a trapezoid that is an infinite slew rate, which is owed. */
static void edges(struct evaluator *ev, const struct bundle *b, ir_scalar duration, struct span at)
{
	struct ir *ir = ev->ir;
	ir_scalar open[3] = { 0, 0, 0 };
	bool met[3] = { false, false, false };

	if (ir->system.ideal)
		return;
	for (int i = 0; i < b->n; i++) {
		const struct grad *g = b->item[i].kind == VALUE_GRAD ? b->item[i].grad : NULL;
		ir_scalar begin, end, stop;
		bool rise_joined, fall_joined;

		if (!g || is_zero(ev, grad_duration(ev, g)))
			continue;
		begin = strength_at(ev, g, false);
		end = strength_at(ev, g, true);
		stop = ir_add(ir, g->start, grad_duration(ev, g));
		rise_joined = begin && is_zero(ev, g->start);
		fall_joined = end && is_zero(ev, ir_sub(ir, stop, duration));
		if (rise_joined && !same_strength(ev, begin, ev->time.edge[g->axis]))
			error_edge(ev, g->axis, at);
		if (g->shape != IR_NO_SHAPE &&
		    ((begin && !rise_joined) || (end && !fall_joined)))
			error_edge(ev, g->axis, at);
		met[g->axis] |= rise_joined;
		if (fall_joined)
			open[g->axis] = end;
		oblige_limits(ev, g, at, rise_joined, fall_joined);
	}
	for (int i = 0; i < 3; i++)
		if (!met[i] && ev->time.edge[i])
			error_edge(ev, i, ev->time.edge_span);
	memcpy(ev->time.edge, open, sizeof open);
	ev->time.edge_span = at;
}

/* ------------------------------------------------------------------ what statements do */
void timeline_part(struct evaluator *ev, const char *text, ir_scalar duration, struct span at)
{
	struct timeline *t = &ev->time;

	if (is_zero(ev, duration))
		return;
	if (t->n_part < LIMIT_PARTS) {
		t->part[t->n_part++] = (struct part){ text, duration, at };
		return;
	}
	t->part[LIMIT_PARTS - 1].duration = ir_add(ev->ir, t->part[LIMIT_PARTS - 1].duration,
						   duration);
	t->part_overflow = true;
}

static void parts_restart(struct evaluator *ev, ir_scalar from)
{
	ev->time.n_part = 0;
	ev->time.part_overflow = false;
	ev->time.part_from = from;
}

void timeline_reset(struct evaluator *ev, struct span at)
{
	edges_closed(ev);
	stage(ev, IR_RESET, 0, at, "reset");
	ev->time.reset_exact = ev->time.exact;
	ev->time.reset_rounded = ev->time.rounded;
	ev->time.off_raster = false;
	parts_restart(ev, ev->time.exact);
}

void timeline_delay(struct evaluator *ev, ir_scalar duration, struct span at, const char *text)
{
	if (is_zero(ev, duration))
		return;
	edges_closed(ev);
	oblige_time(ev, duration, at, "this delay");
	timeline_part(ev, text, duration, at);
	wait_until(ev, IR_DELAY, ir_add(ev->ir, ev->time.exact, duration), at, text);
}

void timeline_wait(struct evaluator *ev, ir_scalar start, struct span at, const char *text,
		   ir_scalar anchor, ir_scalar offset)
{
	struct timeline *t = &ev->time;
	ir_scalar wait = ir_sub(ev->ir, start, t->exact);
	struct obligation o = {
		.kind = OBLIGE_DELAY, .e = wait, .slack = SLACK_TIME, .text = text
	};

	timeline_part(ev, arena_printf(ev->arena, "%s, up to its anchor", text), offset, at);
	index_time(ev, ELAB_WAIT, at, wait);
	o.place = place_of(ev, at);
	o.part = t->part;
	o.n_part = t->n_part;
	o.room = ir_sub(ev->ir, anchor, t->part_from);
	oblige(ev, &o);
	if (!is_zero(ev, wait))
		edges_closed(ev);
	wait_until(ev, IR_SOLVED, start, at, text);
	parts_restart(ev, anchor);
}

static struct ir_event event_of(struct evaluator *ev, const struct value *v)
{
	struct ir_event e = { .span = v->span, .shape = IR_NO_SHAPE };

	for (int i = 0; i < IR_LABELS; i++)
		e.label[i] = -1;
	if (v->kind == VALUE_RF) {
		const struct rf *p = v->rf;

		e.kind = IR_RF;
		e.start = p->start, e.duration = p->duration, e.flip = p->flip, e.phase = p->phase;
		e.freq = p->freq, e.center = p->center, e.shape = p->shape, e.use = p->use;
	} else if (v->kind == VALUE_GRAD) {
		const struct grad *g = v->grad;

		e.kind = IR_GRAD;
		e.start = g->start, e.duration = grad_duration(ev, g), e.axis = g->axis;
		e.amplitude = g->amplitude, e.shape = g->shape;
		e.rise = g->rise, e.flat = g->flat, e.fall = g->fall;
	} else {
		const struct adc *a = v->adc;

		e.kind = IR_ADC;
		e.start = a->start, e.duration = a->duration, e.dwell = a->dwell, e.n = a->n;
		e.phase = a->phase, e.freq = a->freq;
		memcpy(e.label, a->label, sizeof e.label);
	}
	return e;
}

/* Blocks with a body have the centre of their only pulse, or window. */
static void count_centers(struct evaluator *ev, const struct bundle *b, ir_scalar center)
{
	bool rf = false, adc = false;

	for (int i = 0; i < b->n; i++) {
		rf |= b->item[i].kind == VALUE_RF;
		adc |= b->item[i].kind == VALUE_ADC;
	}
	for (struct frame *f = ev->frame; f; f = f->up) {
		if (rf) {
			f->n_rf++;
			f->rf_center = center;
		} else if (adc) {
			f->n_adc++;
			f->adc_center = center;
		}
	}
}

/* A pulse of no duration still turns the spins; anything else of no duration does nothing. */
static bool does_nothing(struct evaluator *ev, const struct ir_event *e)
{
	return e->kind != IR_RF && is_zero(ev, e->duration);
}

static bool plays_pulse(const struct bundle *b)
{
	for (int i = 0; i < b->n; i++) {
		if (b->item[i].kind == VALUE_RF)
			return true;
	}
	return false;
}

void timeline_play(struct evaluator *ev, const struct bundle *b, const struct layout *y,
		   struct span at, const char *text)
{
	struct timeline *t = &ev->time;
	double ignored;

	if (is_zero(ev, y->duration) && !plays_pulse(b))
		return;
	edges(ev, b, y->duration, at);
	stage(ev, IR_PLAY, y->duration, at, text);
	for (int i = 0; i < b->n; i++) {
		struct ir_event e = event_of(ev, &b->item[i]);

		if (!does_nothing(ev, &e))
			stage_event(ev, &e);
	}
	count_centers(ev, b, ir_add(ev->ir, t->exact, y->center));
	t->exact = ir_add(ev->ir, t->exact, y->duration);
	t->rounded = ir_add(ev->ir, t->rounded, y->duration);
	t->off_raster |= ev->ir->system.grad_raster > 0 &&
			 !ir_is_const(ev->ir, y->duration, &ignored);
}
