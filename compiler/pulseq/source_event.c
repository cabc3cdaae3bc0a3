/* One event as source: what stays the same under a name, what changes from repetition to repetition
 * as a formula of the loops' counters or as a table. */
#include "compiler/pulseq/source.h"

#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INLINE_SAMPLES = 64 };

static const double two_pi = 6.283185307179586476925;

double source_value(const struct source_writer *w, ir_scalar e)
{
	return ir_eval(w->ir, e, w->param);
}

void source_time(struct text *t, double seconds)
{
	double ps = rint(seconds * 1e12);

	formula_number(t, fabs(ps) >= 1e9 ? ps * 1e-9 : ps * 1e-6);
	text_printf(t, "%s", fabs(ps) >= 1e9 ? "ms" : "us");
}

/* `body` under a name that begins with `prefix`: one for equal bodies. */
static precess_status named(const char **out, struct source_writer *w, const char *prefix,
			    const char *body)
{
	struct source_name own = { NULL, body };
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
static const struct ir_event *event_at(const struct source_writer *w, uint32_t block,
				       uint32_t event, uint32_t i)
{
	const struct ir_block *b = &w->ir->block[block + loops_offset(&w->loops, i)];

	return &w->ir->event[b->first_event + event];
}

/* A scalar of event number `event` of the block, through all repetitions. */
static bool gather(struct source_writer *w, uint32_t block, uint32_t event, size_t member)
{
	uint32_t n = loops_size(&w->loops);
	bool changes = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct ir_event *e = event_at(w, block, event, i);

		w->v[i] = source_value(w, *(const ir_scalar *)((const char *)e + member));
		changes = changes || w->v[i] != w->v[0];
	}
	return changes;
}

static bool gather_label(struct source_writer *w, uint32_t block, uint32_t event, int label)
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
static precess_status put_option(struct text *t, bool *changes, struct source_writer *w,
				 uint32_t block, uint32_t event, size_t member, const char *name)
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
static precess_status put_samples(struct text *t, struct source_writer *w, uint32_t shape)
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
static precess_status put_rf(struct text *t, bool *changes, struct source_writer *w, uint32_t block,
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
	formula_number(t, source_value(w, e->flip) / two_pi * 360);
	text_printf(t, "deg, ");
	source_time(t, source_value(w, e->duration));
	TRY(OPTION(phase));
	TRY(OPTION(freq));
	text_printf(t, ", use = %s)", use[e->use]);
out:
	return st;
}

static precess_status put_trapezoid(struct text *t, bool *changes, struct source_writer *w,
				    uint32_t block, uint32_t event)
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
			source_time(t, w->v[0]);
			continue;
		}
		*changes = true;
		st = formula_write(t, &w->tables, w->v, &w->loops, FORMULA_NUMBER, 1e-6, "us",
				   1e-12);
	}
	text_printf(t, ")");
	return st;
}

static precess_status put_arbitrary(struct text *t, bool *changes, struct source_writer *w,
				    uint32_t block, uint32_t event)
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
	source_time(&wave, source_value(w, e->duration));
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

static precess_status put_adc(struct text *t, bool *changes, struct source_writer *w,
			      uint32_t block, uint32_t event)
{
	static const char *const label[] = {
#define LABEL(name, pulseq, doc) #name,
#include "runtime/program/labels.def"
#undef LABEL
	};
	const struct ir_event *e = event_at(w, block, event, 0);
	precess_status st;

	text_printf(t, "adc(%u, dwell = ", e->n);
	source_time(t, source_value(w, e->dwell));
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

precess_status source_event(struct text *t, struct source_writer *w, uint32_t block, uint32_t event)
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
	if (source_value(w, e->start) > 0) {
		text_printf(t, " @ ");
		source_time(t, source_value(w, e->start));
	}
out:
	text_free(&own);
	return st;
}
