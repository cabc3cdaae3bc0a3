/* A program bound to one parameter vector: the parameter program is run, times become integer
 * picoseconds, events are put in order of start. */
#include "runtime/program/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ps_per_s = 1e12;
static const double longest = 9e6;  /* seconds; an int64 of picoseconds holds 9.2e6 */
static const double rounding = 1e-12; /* seconds of negative duration forgiven; also the share of a
				       * range by which a value given in decimal may miss its end */

/* ------------------------------------------------------------------ the parameter vector */
static precess_status check_param(const struct program_param *q, double v, bool force)
{
	double slack = rounding * fmax(fabs(q->lo), fabs(q->hi));

	if (!isfinite(v))
		return precess_fail(PRECESS_EINVAL, "%s = %g is not a finite number", q->name, v);
	if (force || (v >= q->lo - slack && v <= q->hi + slack))
		return PRECESS_OK;
	return precess_fail(PRECESS_EINVAL,
			    "%s = %.6g%s is outside %.6g%s .. %.6g%s; choose a value inside (or "
			    "force it)",
			    q->name, v / q->show, q->unit, q->lo / q->show, q->unit,
			    q->hi / q->show, q->unit);
}

/* "ESP = 20ms, FA = 45deg" for messages about a whole vector. */
static void describe(struct text *t, const struct program *p, const double *param)
{
	for (uint32_t i = 0; i < p->n_param; i++)
		text_printf(t, "%s%s = %.6g%s", i ? ", " : "", p->param[i].name,
			    param[i] / p->param[i].show, p->param[i].unit);
}

static precess_status not_playable(const struct draw *d, const struct program_block *b,
				   const char *why, double v)
{
	const struct program *p = d->program;
	struct text t;

	text_init(&t);
	describe(&t, p, d->param);
	precess_fail(PRECESS_EINVAL, "line %d, `%s`%s%s%s: %s %.6gms at %s: not playable", b->line,
		     b->text, *b->where ? " (" : "", b->where, *b->where ? ")" : "", why, v * 1e3,
		     t.data);
	text_free(&t);
	return PRECESS_EINVAL;
}

/* Every slot finite, no negative duration: what a forced vector may break. */
static precess_status check_values(const struct draw *d)
{
	const struct program *p = d->program;

	for (uint32_t i = 0; i < p->n_op; i++) {
		if (isfinite(d->value[i]))
			continue;
		struct text t;

		text_init(&t);
		describe(&t, p, d->param);
		precess_fail(PRECESS_EINVAL,
			     "the sequence has no finite numbers at %s (slot %u, %s)",
			     *t.data ? t.data : "its constants", i,
			     program_opcode_name(p->op[i].op));
		text_free(&t);
		return PRECESS_EINVAL;
	}
	for (uint32_t i = 0; i < p->n_block; i++) {
		const struct program_block *b = &p->block[i];
		double v = d->value[b->duration];

		if (v < -rounding)
			return not_playable(d, b, "it would last", v);
		if (fabs(d->value[b->start]) > longest || v > longest)
			return precess_fail(PRECESS_EINVAL, "the sequence lasts longer than %g s",
					    longest);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ events */
static double value(const struct draw *d, program_slot s)
{
	return s == PROGRAM_NO_SLOT ? 0 : d->value[s];
}

static int64_t picoseconds(const struct draw *d, program_slot s)
{
	return llround(value(d, s) * ps_per_s);
}

static precess_status make_event(struct draw_event *e, const struct draw *d,
				const struct program_event *q)
{
	const struct program_block *b = &d->program->block[q->block];
	const program_slot span[] = { q->duration, q->rise, q->flat, q->fall };

	for (size_t i = 0; i < PRECESS_COUNT(span); i++) {
		if (value(d, span[i]) < -rounding)
			return not_playable(d, b, "a duration would be", value(d, span[i]));
	}
	*e = (struct draw_event){
		.kind = q->kind, .start = picoseconds(d, q->start),
		.duration = picoseconds(d, q->duration),
		.flip = value(d, q->flip), .phase = value(d, q->phase), .freq = value(d, q->freq),
		.center = picoseconds(d, q->center), .shape = q->shape, .axis = q->axis,
		.amplitude = value(d, q->amplitude), .rise = picoseconds(d, q->rise),
		.flat = picoseconds(d, q->flat), .fall = picoseconds(d, q->fall),
		.dwell = value(d, q->dwell), .n = q->n, .first_sample = q->first_sample,
		.label = q->label,
	};
	/* Three rounded parts and a rounded whole could differ by a picosecond. */
	if (q->kind == PROGRAM_GRAD && q->shape == PROGRAM_NO_SHAPE)
		e->duration = e->rise + e->flat + e->fall;
	return PRECESS_OK;
}

/* Insertion sort: events come block after block, so they are nearly in order, and a stable sort
 * without memory keeps a reset before the pulse that starts with it. */
static void sort_events(struct draw *d)
{
	const struct program *p = d->program;
	uint32_t *from = d->axis[0].event; /* not in use yet: program's index per position */

	for (uint32_t i = 0; i < p->n_event; i++) {
		struct draw_event e = d->event[i];
		uint32_t j = i;

		for (; j > 0 && d->event[j - 1].start > e.start; j--) {
			d->event[j] = d->event[j - 1];
			from[j] = from[j - 1];
		}
		d->event[j] = e;
		from[j] = i;
	}
	for (uint32_t i = 0; i < p->n_event; i++)
		d->at[from[i]] = i;
}

/* gammabar * area of a whole gradient event. */
static double event_moment(const struct draw *d, const struct draw_event *e)
{
	double area;

	if (e->shape == PROGRAM_NO_SHAPE)
		area = 0.5 * (double)(e->rise + 2 * e->flat + e->fall);
	else
		area = (double)e->duration *
		       d->integral[e->shape][d->program->shape[e->shape].n + 1];
	return d->program->gammabar * e->amplitude * area / ps_per_s;
}

static void index_axes(struct draw *d)
{
	for (int a = 0; a < 3; a++) {
		d->axis[a].n = 0;
		d->axis[a].before[0] = 0;
	}
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];
		struct draw_axis *x;

		if (e->kind != PROGRAM_GRAD)
			continue;
		x = &d->axis[e->axis];
		x->event[x->n] = i;
		x->before[x->n + 1] = x->before[x->n] + event_moment(d, e);
		x->n++;
	}
}

/* ------------------------------------------------------------------ life */
/* The integral of a shape's piecewise linear curve at its nodes: 0, the samples' places, 1. */
static precess_status integrate_shape(double **out, const struct program_shape *s)
{
	double *c = malloc((s->n + 2) * sizeof *c), h = 1.0 / s->n;

	if (!c)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	c[0] = 0;
	c[1] = 0.25 * h * (s->first + s->sample[0]);
	for (uint32_t i = 1; i < s->n; i++)
		c[i + 1] = c[i] + 0.5 * h * (s->sample[i - 1] + s->sample[i]);
	c[s->n + 1] = c[s->n] + 0.25 * h * (s->sample[s->n - 1] + s->last);
	*out = c;
	return PRECESS_OK;
}

static precess_status allocate(struct draw *d)
{
	const struct program *p = d->program;
	bool ok;

	d->param = calloc(p->n_param + 1, sizeof *d->param);
	d->value = calloc(p->n_op + 1, sizeof *d->value);
	d->event = calloc(p->n_event + 1, sizeof *d->event);
	d->at = calloc(p->n_event + 1, sizeof *d->at);
	d->integral = calloc(p->n_shape + 1, sizeof *d->integral);
	ok = d->param && d->value && d->event && d->at && d->integral;
	for (int a = 0; a < 3; a++) {
		d->axis[a].event = calloc(p->n_event + 1, sizeof *d->axis[a].event);
		d->axis[a].before = calloc(p->n_event + 2, sizeof *d->axis[a].before);
		ok = ok && d->axis[a].event && d->axis[a].before;
	}
	if (!ok)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u events", p->n_event);
	for (uint32_t i = 0; i < p->n_shape; i++) {
		precess_status st;

		if (p->shape[i].is_complex)
			continue;
		if ((st = integrate_shape(&d->integral[i], &p->shape[i])))
			return st;
	}
	return PRECESS_OK;
}

precess_status draw_set(struct draw *d, const double *param, bool force)
{
	const struct program *p = d->program;
	precess_status st;

	for (uint32_t i = 0; i < p->n_param; i++) {
		double v = param ? param[i] : p->param[i].value;

		if ((st = check_param(&p->param[i], v, force)))
			return st;
		d->param[i] = v;
	}
	program_evaluate(d->value, p, d->param);
	if ((st = check_values(d)))
		return st;
	for (uint32_t i = 0; i < p->n_event; i++) {
		if ((st = make_event(&d->event[i], d, &p->event[i])))
			return st;
	}
	sort_events(d);
	index_axes(d);
	d->duration = picoseconds(d, p->duration);
	return PRECESS_OK;
}

precess_status draw_create(struct draw **out, const struct program *p, const double *param,
			   bool force)
{
	struct draw *d = calloc(1, sizeof *d);
	precess_status st;

	*out = NULL;
	if (!d)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	d->program = p;
	TRY(allocate(d));
	TRY(draw_set(d, param, force));
	*out = d;
	return PRECESS_OK;
out:
	draw_free(d);
	return st;
}

void draw_free(struct draw *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; i < d->program->n_shape && d->integral; i++)
		free(d->integral[i]);
	for (int a = 0; a < 3; a++) {
		free(d->axis[a].event);
		free(d->axis[a].before);
	}
	free(d->integral);
	free(d->at);
	free(d->event);
	free(d->value);
	free(d->param);
	free(d);
}
