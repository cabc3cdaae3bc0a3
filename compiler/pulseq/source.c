/* An IR as source in the language: loops found again, what stays the same under a name, what
 * changes as a formula of the loops' counters or as a table. The driver compiles the result and
 * compares it with the IR, so that a mistake here is no wrong sequence. */
#include "compiler/pulseq/source.h"

#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EVENTS = 16 /* the language's own limit in a block */ };

/* ------------------------------------------------------------------ blocks */
static void indent(struct text *t, int depth)
{
	text_printf(t, "%*s", 2 * depth, "");
}

/* A soft delay's is a line in its parameter, maybe on a raster. */
static void put_line(struct source_writer *w, ir_scalar duration)
{
	const struct ir_expr *e = &w->ir->expr[duration];
	struct text *t = &w->body;
	double offset = e->op == IR_PARAM ? 0 : e->value;

	if (e->op == IR_ROUND) {
		text_printf(t, "round(");
		put_line(w, e->a);
		text_printf(t, ", to = ");
		source_time(t, source_value(w, e->b));
		text_printf(t, ")");
		return;
	}
	for (uint32_t i = 0; e->op == IR_SUM && i < e->n; i++) {
		text_printf(t, i ? " + " : "");
		formula_number(t, e->coef[i]);
		text_printf(t, " * %s", w->ir->param[w->ir->expr[e->term[i]].param].name);
	}
	if (e->op == IR_PARAM)
		text_printf(t, "%s", w->ir->param[e->param].name);
	if (offset != 0) {
		text_printf(t, e->op == IR_CONST ? "" : offset < 0 ? " - " : " + ");
		source_time(t, e->op == IR_CONST ? offset : fabs(offset));
	}
}

static void put_delay(struct source_writer *w, ir_scalar duration)
{
	indent(&w->body, w->loops.n);
	text_printf(&w->body, "delay ");
	put_line(w, duration);
	text_printf(&w->body, "\n");
}

/* What is left of the block after its last event. */
static precess_status put_rest(struct source_writer *w, uint32_t block)
{
	uint32_t n = loops_size(&w->loops);
	precess_status st = PRECESS_OK;
	bool none = true;

	for (uint32_t i = 0; i < n; i++) {
		const struct ir_block *b = &w->ir->block[block + loops_offset(&w->loops, i)];
		double end = 0;

		for (uint32_t k = b->first_event; k < b->first_event + b->n_event; k++)
			end = fmax(end, source_value(w, w->ir->event[k].start) +
						source_value(w, w->ir->event[k].duration));
		w->v[i] = rint((source_value(w, b->duration) - end) * 1e12) * 1e-12;
		none = none && w->v[i] <= 0;
	}
	if (none)
		return PRECESS_OK;
	indent(&w->body, w->loops.n);
	text_printf(&w->body, "delay ");
	if (w->loops.n)
		st = formula_write(&w->body, &w->tables, w->v, &w->loops, FORMULA_NUMBER, 1e-6,
				   "us", 1e-12);
	else
		source_time(&w->body, w->v[0]);
	text_printf(&w->body, "\n");
	return st;
}

static precess_status put_block(struct source_writer *w, uint32_t block)
{
	const struct ir_block *b = &w->ir->block[block];
	struct text *t = &w->body;
	precess_status st = PRECESS_OK;

	if (b->n_event > MOST_EVENTS)
		return precess_fail(PRECESS_ENOTSUP,
				    "block %u plays %u pieces at once; the language "
				    "has room for %d",
				    block + 1, b->n_event, MOST_EVENTS);
	if (b->n_event == 0) {
		if (b->duration != 0)
			put_delay(w, b->duration);
		return PRECESS_OK;
	}
	indent(t, w->loops.n);
	text_printf(t, "play ");
	for (uint32_t i = 0; i < b->n_event; i++) {
		text_printf(t, i ? " & " : "");
		TRY(source_event(t, w, block, i));
	}
	text_printf(t, "\n");
	st = put_rest(w, block);
out:
	return st;
}

static precess_status put_node(struct source_writer *w, uint32_t node)
{
	const struct reroll_node n = w->roll.node[node];
	precess_status st = PRECESS_OK;

	if (n.count == 0)
		return put_block(w, n.block);
	indent(&w->body, w->loops.n);
	text_printf(&w->body, "for %s in 0 ..< %u {\n", loop_name[w->loops.n], n.count);
	w->loops.name[w->loops.n] = loop_name[w->loops.n];
	w->loops.count[w->loops.n] = n.count;
	w->loops.stride[w->loops.n++] = n.stride;
	for (uint32_t i = 0; i < n.n; i++)
		TRY(put_node(w, w->roll.child[n.first + i]));
out:
	w->loops.n--;
	indent(&w->body, w->loops.n);
	text_printf(&w->body, "}\n");
	return st;
}

/* ------------------------------------------------------------------ the head */
/* What the gradients need, rounded up to two digits, but no less than any scanner has. */
static double limit(double v, double least)
{
	double digit = pow(10, floor(log10(fmax(v, 1e-12))) - 1);

	return v <= least ? least : ceil(v / digit - 1e-9) * digit;
}

static void put_system(struct text *t, const struct source_writer *w)
{
	const struct ir_system *s = &w->ir->system;
	double grad = 0, slew = 0, amplitude;

	if (w->o->ideal) {
		text_printf(t, "system = ideal\n");
		return;
	}
	for (uint32_t i = 0; i < w->ir->n_event; i++) {
		const struct ir_event *e = &w->ir->event[i];

		if (e->kind != IR_GRAD)
			continue;
		amplitude = fabs(source_value(w, e->amplitude));
		grad = fmax(grad, amplitude);
		slew = fmax(slew, amplitude * pulseq_steepest(w->ir, w->param, e));
	}
	text_printf(t, "system max_grad = ");
	formula_number(t, limit(grad * 1e3, 40));
	text_printf(t, "mT/m, max_slew = ");
	formula_number(t, limit(slew, 150));
	text_printf(t, "T/m/s, grad_raster = ");
	source_time(t, s->grad_raster);
	text_printf(t, ", rf_raster = ");
	source_time(t, s->rf_raster);
	text_printf(t, ", adc_raster = ");
	source_time(t, s->adc_raster);
	text_printf(t, ", b0 = ");
	formula_number(t, s->b0);
	text_printf(t, "T\n");
}

static void put_geometry(struct text *t, const struct source_writer *w)
{
	const struct ir_geometry *g = &w->ir->geometry;

	if (!(g->fov[0] > 0))
		return;
	text_printf(t, "geometry fov = [");
	formula_number(t, g->fov[0] * 1e3);
	text_printf(t, ", ");
	formula_number(t, g->fov[1] * 1e3);
	text_printf(t, "]mm");
	if (w->o->matrix && g->matrix[0] > 0)
		text_printf(t, ", matrix = [%d, %d]", g->matrix[0], g->matrix[1]);
	if (g->fov[2] > 0) {
		text_printf(t, ", slice = ");
		formula_number(t, g->fov[2] * 1e3);
		text_printf(t, "mm");
	}
	text_printf(t, "\n");
}

static void put_head(struct text *t, const struct source_writer *w)
{
	static const char *const map[] = {
#define MAP(name, type, neutral, doc) type,
#include "runtime/program/maps.def"
#undef MAP
	};
	const struct ir *ir = w->ir;

	text_printf(t, "seq 1\nsequence %s \"from %s\"\n\n", ir->name, w->o->origin);
	for (uint32_t i = 0; i < ir->n_param; i++) {
		const struct ir_param *p = &ir->param[i];

		text_printf(t, "param %s : time in ", p->name);
		source_time(t, p->lo);
		text_printf(t, " .. ");
		source_time(t, p->hi);
		text_printf(t, " = ");
		source_time(t, p->value);
		text_printf(t, "\n");
	}
	for (uint32_t i = 0; i < ir->n_map; i++) {
		const struct ir_map *m = &ir->map[i];
		bool time = strcmp(map[m->kind], "time") == 0;

		text_printf(t, "map %s : %s in ", m->name, map[m->kind]);
		formula_number(t, time ? m->lo * 1e3 : m->lo);
		text_printf(t, "%s .. ", time ? "ms" : "");
		formula_number(t, time ? m->hi * 1e3 : m->hi);
		text_printf(t, "%s\n", time ? "ms" : "");
	}
	put_geometry(t, w);
	put_system(t, w);
	text_printf(t, "\n");
}

/* ------------------------------------------------------------------ the whole */
/* Times that change make long lines: only where that is worth it. */
static precess_status roll(struct source_writer *w)
{
	struct reroll relaxed;
	precess_status st;

	if ((st = reroll_make(&w->roll, w->ir, w->o->loops, false)) || !w->o->loops ||
	    (st = reroll_make(&relaxed, w->ir, true, true)))
		return st;
	if (2 * reroll_leaves(&relaxed) < reroll_leaves(&w->roll)) {
		reroll_free(&w->roll);
		w->roll = relaxed;
	} else {
		reroll_free(&relaxed);
	}
	return PRECESS_OK;
}

static precess_status write_all(struct text *out, struct source_writer *w)
{
	precess_status st;
	double largest = 0;

	for (uint32_t i = 0; i < w->ir->n_param; i++)
		w->param[i] = w->ir->param[i].value;
	for (uint32_t i = 0; i < w->ir->n_event; i++) {
		if (w->ir->event[i].kind == IR_GRAD)
			largest = fmax(largest, fabs(source_value(w, w->ir->event[i].amplitude)));
	}
	w->grad_slack = w->o->slack * largest;
	TRY(roll(w));
	for (uint32_t i = 0; i < w->roll.n_top; i++)
		TRY(put_node(w, w->roll.top[i]));
	put_head(out, w);
	for (size_t i = 0; i < w->n_name; i++)
		text_printf(out, "let %s = %s\n", w->name[i].name, w->name[i].body);
	text_printf(out, "%s\n%s", w->tables.text.data, w->body.data);
out:
	return st;
}

precess_status pulseq_source(struct text *out, struct pulseq_samples **samples, size_t *n_samples,
			     struct arena *arena, const struct ir *ir,
			     const struct pulseq_source_options *o)
{
	struct source_writer w = { .ir = ir, .o = o, .arena = arena };
	precess_status st;

	w.tables.arena = arena;
	text_init(&w.body);
	text_init(&w.tables.text);
	w.v = calloc((size_t)ir->n_block + 1, sizeof *w.v);
	w.param = calloc((size_t)ir->n_param + 1, sizeof *w.param);
	w.shape = calloc((size_t)ir->n_shape + 1, sizeof *w.shape);
	st = w.v && w.param && w.shape
		     ? write_all(out, &w)
		     : precess_fail(PRECESS_ENOMEM, "out of memory for %u blocks", ir->n_block);
	*n_samples = w.n_samples;
	*samples = arena_alloc(arena, (w.n_samples + 1) * sizeof **samples);
	if (w.n_samples)
		memcpy(*samples, w.samples, w.n_samples * sizeof **samples);
	text_free(&w.body);
	text_free(&w.tables.text);
	free(w.tables.name);
	free(w.tables.body);
	free(w.name);
	free(w.samples);
	free(w.shape);
	free(w.param);
	free(w.v);
	reroll_free(&w.roll);
	return st;
}
