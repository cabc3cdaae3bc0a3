/* An IR as source in the language: loops found again, what stays the same under a name, what
 * changes as a formula of the loops' counters or as a table. The driver compiles the result and
 * compares it with the IR, so that a mistake here is no wrong sequence. */
#include "compiler/pulseq/source.h"

#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INLINE_SAMPLES = 64, MOST_EVENTS = 16 /* the language's own limit in a block */ };

static const double two_pi = 6.283185307179586476925;

struct name {
	const char *name, *body;
};
struct writer {
	const struct ir *ir;
	const struct pulseq_source_options *o;
	double *param;
	struct reroll roll;
	struct arena *arena;
	struct loops loops;
	struct text body;
	struct tables tables;
	struct name *name;
	size_t n_name, cap_name;
	const char **shape; /* of the IR: its name, or NULL */
	struct pulseq_samples *samples;
	size_t n_samples, cap_samples;
	double *v;         /* room for one number of every block */
	double grad_slack; /* T/m */
};

static double value(const struct writer *w, ir_scalar e)
{
	return ir_eval(w->ir, e, w->param);
}

static void put_time(struct text *t, double seconds)
{
	double ps = rint(seconds * 1e12);

	formula_number(t, fabs(ps) >= 1e9 ? ps * 1e-9 : ps * 1e-6);
	text_printf(t, "%s", fabs(ps) >= 1e9 ? "ms" : "us");
}

/* `body` under a name that begins with `prefix`: one for equal bodies. */
static precess_status named(const char **out, struct writer *w, const char *prefix,
			    const char *body)
{
	struct name own = { NULL, body };
	unsigned n = 1;

	for (size_t i = 0; i < w->n_name; i++) {
		if (strcmp(w->name[i].body, body) == 0) {
			*out = w->name[i].name;
			return PRECESS_OK;
		}
		n += strncmp(w->name[i].name, prefix, strlen(prefix)) == 0;
	}
	own.body = arena_copy(w->arena, body, strlen(body));
	own.name = *out = arena_printf(w->arena, "%s%u", prefix, n);
	return pulseq_append((void **)&w->name, &w->n_name, &w->cap_name, &own, sizeof own);
}

/* ------------------------------------------------------------------ numbers that change */
static const struct ir_event *event_at(const struct writer *w, uint32_t block, uint32_t event,
				       uint32_t i)
{
	const struct ir_block *b = &w->ir->block[block + loops_offset(&w->loops, i)];

	return &w->ir->event[b->first_event + event];
}

/* A scalar of event number `event` of the block, through all repetitions. */
static bool gather(struct writer *w, uint32_t block, uint32_t event, size_t member)
{
	uint32_t n = loops_size(&w->loops);
	bool changes = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct ir_event *e = event_at(w, block, event, i);

		w->v[i] = value(w, *(const ir_scalar *)((const char *)e + member));
		changes = changes || w->v[i] != w->v[0];
	}
	return changes;
}

static bool gather_label(struct writer *w, uint32_t block, uint32_t event, int label)
{
	uint32_t n = loops_size(&w->loops);
	bool changes = false;

	for (uint32_t i = 0; i < n; i++) {
		w->v[i] = event_at(w, block, event, i)->label[label];
		changes = changes || w->v[i] != w->v[0];
	}
	return changes;
}

/* ", name = formula", nothing when it is 0 throughout. */
static precess_status put_option(struct text *t, bool *changes, struct writer *w, uint32_t block,
				 uint32_t event, size_t member, const char *name)
{
	bool angle = strcmp(name, "phase") == 0, moves = gather(w, block, event, member);
	double largest = 0;

	if (!moves && w->v[0] == 0)
		return PRECESS_OK;
	*changes = *changes || moves;
	text_printf(t, ", %s = ", name);
	if (angle)
		return formula_write(t, &w->tables, w->v, &w->loops, FORMULA_ANGLE, two_pi / 360,
				     "deg", 2e-6);
	for (uint32_t i = 0; i < loops_size(&w->loops); i++)
		largest = fmax(largest, fabs(w->v[i]));
	return formula_write(t, &w->tables, w->v, &w->loops, FORMULA_NUMBER, 1, "Hz",
			     fmax(w->o->slack * largest, 1e-6));
}
#define OPTION(name) put_option(t, changes, w, block, event, offsetof(struct ir_event, name), #name)

/* ------------------------------------------------------------------ samples */
static bool is_real(const struct ir_shape *s)
{
	for (uint32_t i = 0; s->complex && i < s->n; i++) {
		if (s->sample[2 * i + 1] != 0)
			return false;
	}
	return true;
}

/* Short ones stand in the source, long and complex ones in the data file beside it. A gradient's
 * are for an amplitude of 1 mT/m. */
static precess_status put_samples(struct text *t, struct writer *w, uint32_t shape)
{
	const struct ir_shape *s = &w->ir->shape[shape];
	struct pulseq_samples own = { .n = s->n, .is_complex = s->complex && !is_real(s) };
	uint32_t step = s->complex ? 2 : 1;
	double scale = s->complex ? 1 : 1e-3;

	if (!own.is_complex && s->n <= INLINE_SAMPLES) {
		text_printf(t, "[");
		for (uint32_t i = 0; i < s->n; i++) {
			text_printf(t, "%s", i == 0 ? "" : i % 8 ? ", " : ",\n  ");
			formula_number(t, s->sample[i * step]);
		}
		text_printf(t, "]%s", s->complex ? "" : "mT/m");
		return PRECESS_OK;
	}
	if (!w->shape[shape]) {
		own.name = arena_printf(w->arena, "s%zu", w->n_samples + 1);
		own.v = arena_alloc(w->arena, 2 * own.n * sizeof *own.v);
		for (size_t i = 0; i < (own.is_complex ? 2 : 1) * own.n; i++)
			own.v[i] = scale * s->sample[own.is_complex ? i : i * step];
		w->shape[shape] = own.name;
		if (pulseq_append((void **)&w->samples, &w->n_samples, &w->cap_samples, &own,
				  sizeof own))
			return PRECESS_ENOMEM;
	}
	text_printf(t, "\"%s:/%s\"", w->o->data, w->shape[shape]);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ events */
static precess_status put_rf(struct text *t, bool *changes, struct writer *w, uint32_t block,
			     uint32_t event)
{
	static const char *const use[] = {
#define USE(name) #name,
#include "runtime/program/uses.def"
#undef USE
	};
	const struct ir_event *e = event_at(w, block, event, 0);
	precess_status st;

	text_printf(t, e->shape == IR_NO_SHAPE ? "hard(" : "shape(");
	if (e->shape != IR_NO_SHAPE) {
		TRY(put_samples(t, w, e->shape));
		text_printf(t, ", ");
	}
	formula_number(t, value(w, e->flip) / two_pi * 360);
	text_printf(t, "deg, ");
	put_time(t, value(w, e->duration));
	TRY(OPTION(phase));
	TRY(OPTION(freq));
	text_printf(t, ", use = %s)", use[e->use]);
out:
	return st;
}

static precess_status put_trapezoid(struct text *t, bool *changes, struct writer *w, uint32_t block,
				    uint32_t event)
{
	static const struct {
		const char *name;
		size_t member;
	} time[] = {
		{ "rise", offsetof(struct ir_event, rise) },
		{ "flat", offsetof(struct ir_event, flat) },
		{ "fall", offsetof(struct ir_event, fall) },
	};
	const struct ir_event *e = event_at(w, block, event, 0);
	precess_status st;

	*changes = gather(w, block, event, offsetof(struct ir_event, amplitude));
	text_printf(t, "trapezoid(%c, amplitude = ", "xyz"[e->axis]);
	st = formula_write(t, &w->tables, w->v, &w->loops, FORMULA_NUMBER, 1e-3, "mT/m",
			   w->grad_slack);
	for (size_t i = 0; !st && i < PRECESS_COUNT(time); i++) {
		text_printf(t, ", %s = ", time[i].name);
		if (!gather(w, block, event, time[i].member)) {
			put_time(t, w->v[0]);
			continue;
		}
		*changes = true;
		st = formula_write(t, &w->tables, w->v, &w->loops, FORMULA_NUMBER, 1e-6, "us",
				   1e-12);
	}
	text_printf(t, ")");
	return st;
}

static precess_status put_arbitrary(struct text *t, bool *changes, struct writer *w, uint32_t block,
				    uint32_t event)
{
	const struct ir_event *e = event_at(w, block, event, 0);
	const struct ir_shape *s = &w->ir->shape[e->shape];
	char prefix[] = { 'w', "xyz"[e->axis], '\0' };
	precess_status st;
	struct text wave;
	const char *name;

	text_init(&wave);
	text_printf(&wave, "arbitrary(%c, ", "xyz"[e->axis]);
	TRY(put_samples(&wave, w, e->shape));
	text_printf(&wave, ", duration = ");
	put_time(&wave, value(w, e->duration));
	if (s->first != 0) {
		text_printf(&wave, ", first = ");
		formula_number(&wave, s->first);
		text_printf(&wave, "mT/m");
	}
	if (s->last != 0) {
		text_printf(&wave, ", last = ");
		formula_number(&wave, s->last);
		text_printf(&wave, "mT/m");
	}
	text_printf(&wave, ")");
	TRY(named(&name, w, prefix, wave.data));
	gather(w, block, event, offsetof(struct ir_event, amplitude));
	text_printf(t, "(");
	st = formula_write(t, &w->tables, w->v, &w->loops, FORMULA_NUMBER, 1e-3, "", w->grad_slack);
	text_printf(t, ") * %s", name);
	*changes = true; /* has its name already */
out:
	text_free(&wave);
	return st;
}

static precess_status put_adc(struct text *t, bool *changes, struct writer *w, uint32_t block,
			      uint32_t event)
{
	static const char *const label[] = {
#define LABEL(name, pulseq, doc) #name,
#include "runtime/program/labels.def"
#undef LABEL
	};
	const struct ir_event *e = event_at(w, block, event, 0);
	precess_status st;

	text_printf(t, "adc(%u, dwell = ", e->n);
	put_time(t, value(w, e->dwell));
	TRY(OPTION(phase));
	TRY(OPTION(freq));
	for (int k = 0; k < IR_LABELS; k++) {
		if (e->label[k] < 0)
			continue;
		*changes = gather_label(w, block, event, k) || *changes;
		text_printf(t, ", %s = %s", label[k], k == IR_LABEL_reverse ? "(" : "");
		TRY(formula_write(t, &w->tables, w->v, &w->loops, FORMULA_INTEGER, 1, "", 0));
		if (k == IR_LABEL_reverse)
			text_printf(t, ") == 1");
	}
	text_printf(t, ")");
out:
	return st;
}

static precess_status put_event(struct text *t, struct writer *w, uint32_t block, uint32_t event)
{
	const struct ir_event *e = event_at(w, block, event, 0);
	char prefix[4] = "rf";
	bool changes = false;
	const char *name;
	struct text own;
	precess_status st;

	text_init(&own);
	if (e->kind == IR_RF) {
		TRY(put_rf(&own, &changes, w, block, event));
	} else if (e->kind == IR_GRAD) {
		snprintf(prefix, sizeof prefix, "g%c", "xyz"[e->axis]);
		TRY(e->shape == IR_NO_SHAPE ? put_trapezoid(&own, &changes, w, block, event)
					    : put_arbitrary(&own, &changes, w, block, event));
	} else {
		snprintf(prefix, sizeof prefix, "ro");
		TRY(put_adc(&own, &changes, w, block, event));
	}
	name = own.data;
	if (!changes)
		TRY(named(&name, w, prefix, own.data));
	text_printf(t, "%s", name);
	if (value(w, e->start) > 0) {
		text_printf(t, " @ ");
		put_time(t, value(w, e->start));
	}
out:
	text_free(&own);
	return st;
}

/* ------------------------------------------------------------------ blocks */
static void indent(struct text *t, int depth)
{
	text_printf(t, "%*s", 2 * depth, "");
}

/* A soft delay's is a line in its parameter, maybe on a raster. */
static void put_line(struct writer *w, ir_scalar duration)
{
	const struct ir_expr *e = &w->ir->expr[duration];
	struct text *t = &w->body;
	double offset = e->op == IR_PARAM ? 0 : e->value;

	if (e->op == IR_ROUND) {
		text_printf(t, "round(");
		put_line(w, e->a);
		text_printf(t, ", to = ");
		put_time(t, value(w, e->b));
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
		put_time(t, e->op == IR_CONST ? offset : fabs(offset));
	}
}

static void put_delay(struct writer *w, ir_scalar duration)
{
	indent(&w->body, w->loops.n);
	text_printf(&w->body, "delay ");
	put_line(w, duration);
	text_printf(&w->body, "\n");
}

/* What is left of the block after its last event. */
static precess_status put_rest(struct writer *w, uint32_t block)
{
	uint32_t n = loops_size(&w->loops);
	precess_status st = PRECESS_OK;
	bool none = true;

	for (uint32_t i = 0; i < n; i++) {
		const struct ir_block *b = &w->ir->block[block + loops_offset(&w->loops, i)];
		double end = 0;

		for (uint32_t k = b->first_event; k < b->first_event + b->n_event; k++)
			end = fmax(end, value(w, w->ir->event[k].start) +
						value(w, w->ir->event[k].duration));
		w->v[i] = rint((value(w, b->duration) - end) * 1e12) * 1e-12;
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
		put_time(&w->body, w->v[0]);
	text_printf(&w->body, "\n");
	return st;
}

static precess_status put_block(struct writer *w, uint32_t block)
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
		TRY(put_event(t, w, block, i));
	}
	text_printf(t, "\n");
	st = put_rest(w, block);
out:
	return st;
}

static precess_status put_node(struct writer *w, uint32_t node)
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

static void put_system(struct text *t, const struct writer *w)
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
		amplitude = fabs(value(w, e->amplitude));
		grad = fmax(grad, amplitude);
		slew = fmax(slew, amplitude * pulseq_steepest(w->ir, w->param, e));
	}
	text_printf(t, "system max_grad = ");
	formula_number(t, limit(grad * 1e3, 40));
	text_printf(t, "mT/m, max_slew = ");
	formula_number(t, limit(slew, 150));
	text_printf(t, "T/m/s, grad_raster = ");
	put_time(t, s->grad_raster);
	text_printf(t, ", rf_raster = ");
	put_time(t, s->rf_raster);
	text_printf(t, ", adc_raster = ");
	put_time(t, s->adc_raster);
	text_printf(t, ", b0 = ");
	formula_number(t, s->b0);
	text_printf(t, "T\n");
}

static void put_geometry(struct text *t, const struct writer *w)
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

static void put_head(struct text *t, const struct writer *w)
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
		put_time(t, p->lo);
		text_printf(t, " .. ");
		put_time(t, p->hi);
		text_printf(t, " = ");
		put_time(t, p->value);
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
static precess_status roll(struct writer *w)
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

static precess_status write_all(struct text *out, struct writer *w)
{
	precess_status st;
	double largest = 0;

	for (uint32_t i = 0; i < w->ir->n_param; i++)
		w->param[i] = w->ir->param[i].value;
	for (uint32_t i = 0; i < w->ir->n_event; i++) {
		if (w->ir->event[i].kind == IR_GRAD)
			largest = fmax(largest, fabs(value(w, w->ir->event[i].amplitude)));
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
	struct writer w = { .ir = ir, .o = o, .arena = arena };
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
