/* The sequence diagram: a lane per channel over one time axis.
 *
 * Long sequences have more corners than the page has points. A trace therefore keeps, for each half
 * point of width, only where it enters, its extremes, and where it leaves: what is drawn looks the
 * same, no pulse gets lost, and the file stays small. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double left = 86, right = 18, top = 58, bottom = 44, between = 7, lane_room = 0.86;
static const double pi = 3.14159265358979323846;

enum lane { LANE_RF, LANE_PHASE, LANE_X, LANE_Y, LANE_Z, LANE_ADC, LANES };
static const struct {
	const char *name, *unit;
	enum ink ink;
	double share; /* of the height */
	bool both;    /* negative values too */
} lanes[LANES] = {
	{ "RF", "\302\265T", INK_RF, 1.15, false }, { "phase", "deg", INK_PHASE, 0.75, true },
	{ "Gx", "mT/m", INK_X, 1, true },           { "Gy", "mT/m", INK_Y, 1, true },
	{ "Gz", "mT/m", INK_Z, 1, true },           { "ADC", "", INK_ADC, 0.45, false },
};

struct diagram {
	struct canvas *v;
	const struct draw *d;
	double from, to;                /* s */
	double x0, x1;                  /* of the plot, points */
	double y[LANES], height[LANES]; /* upper edge */
	double most[LANES];             /* amplitude that fills a lane, in its unit */
	double unit;                    /* seconds of one unit of the time axis */
	const char *unit_name;
};

static double x_of(const struct diagram *g, double t)
{
	return g->x0 + (t - g->from) / (g->to - g->from) * (g->x1 - g->x0);
}

static double y_of(const struct diagram *g, enum lane l, double value)
{
	double h = g->height[l], u = value / g->most[l] * lane_room;

	return lanes[l].both ? g->y[l] + h / 2 - u * h / 2 : g->y[l] + h - u * h - 1;
}

/* ------------------------------------------------------------------ traces */
static const double column = 0.5; /* points */

struct trace {
	cairo_t *c;
	bool begun;
	double at, first, least, most, last; /* of the column at `at` */
};

static void trace_flush(struct trace *t)
{
	cairo_line_to(t->c, t->at, t->first);
	if (t->least < fmin(t->first, t->last))
		cairo_line_to(t->c, t->at, t->least);
	if (t->most > fmax(t->first, t->last))
		cairo_line_to(t->c, t->at, t->most);
	if (t->last != t->first || t->least != t->most)
		cairo_line_to(t->c, t->at, t->last);
}

/* Points in order of x. Those nearer than a column are merged into it. */
static void trace_add(struct trace *t, double x, double y)
{
	if (t->begun && x - t->at < column) {
		t->least = fmin(t->least, y);
		t->most = fmax(t->most, y);
		t->last = y;
		return;
	}
	if (t->begun)
		trace_flush(t);
	t->begun = true;
	t->at = x;
	t->first = t->least = t->most = t->last = y;
}

static void trace_end(struct trace *t)
{
	if (t->begun)
		trace_flush(t);
	cairo_stroke(t->c);
}

/* ------------------------------------------------------------------ values */
static double seconds(int64_t ps)
{
	return (double)ps * 1e-12;
}

static bool outside(const struct diagram *g, const struct draw_event *e)
{
	return seconds(e->start) > g->to || seconds(e->start + e->duration) < g->from;
}

/* Of a pulse whose real part's mean is 1: flip = 2 pi gammabar B1 duration. In microtesla. */
static double pulse_scale(const struct diagram *g, const struct draw_event *e)
{
	double duration = fmax(seconds(e->duration), 1e-9), gammabar = g->d->program->gammabar;

	return gammabar > 0 ? fabs(e->flip) / (2 * pi * gammabar * duration) * 1e6 : 0;
}

static const struct program_shape *shape_of(const struct diagram *g, const struct draw_event *e)
{
	if (e->shape == PROGRAM_NO_SHAPE || e->shape >= g->d->program->n_shape)
		return NULL;
	return &g->d->program->shape[e->shape];
}

static double shape_most(const struct program_shape *s)
{
	double most = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		most = fmax(most, s->is_complex ? hypot(s->sample[2 * i], s->sample[2 * i + 1])
						: fabs(s->sample[i]));
	if (!s->is_complex)
		most = fmax(most, fmax(fabs(s->first), fabs(s->last)));
	return most;
}

static void find_amplitudes(struct diagram *g)
{
	const struct program_shape *s;
	const struct draw_event *e;
	double rf = 0, gradient = 0, v;
	uint32_t i;
	int k;

	for (i = 0; i < g->d->program->n_event; i++) {
		e = &g->d->event[i];
		if (outside(g, e))
			continue;
		s = shape_of(g, e);
		v = s ? shape_most(s) : 1;
		if (e->kind == PROGRAM_RF)
			rf = fmax(rf, v * pulse_scale(g, e));
		if (e->kind == PROGRAM_GRAD)
			gradient = fmax(gradient, v * fabs(e->amplitude) * 1e3);
	}
	for (k = 0; k < LANES; k++)
		g->most[k] = k == LANE_RF      ? rf
			     : k == LANE_PHASE ? 180
			     : k == LANE_ADC   ? 1
					       : gradient;
	for (k = 0; k < LANES; k++)
		if (!(g->most[k] > 0) || !isfinite(g->most[k]))
			g->most[k] = 1;
}

/* ------------------------------------------------------------------ lanes */
static void trace_gradient(struct trace *t, const struct diagram *g, const struct draw_event *e,
			   enum lane l)
{
	const struct program_shape *s = shape_of(g, e);
	double start = seconds(e->start), end = start + seconds(e->duration),
	       a = e->amplitude * 1e3;
	uint32_t i;

	if (!s) {
		trace_add(t, x_of(g, start), y_of(g, l, 0));
		trace_add(t, x_of(g, start + seconds(e->rise)), y_of(g, l, a));
		trace_add(t, x_of(g, end - seconds(e->fall)), y_of(g, l, a));
		trace_add(t, x_of(g, end), y_of(g, l, 0));
		return;
	}
	trace_add(t, x_of(g, start), y_of(g, l, a * s->first));
	for (i = 0; i < s->n; i++)
		trace_add(t, x_of(g, start + (end - start) * (i + 0.5) / s->n),
			  y_of(g, l, a * s->sample[i]));
	trace_add(t, x_of(g, end), y_of(g, l, a * s->last));
}

static void draw_gradients(struct diagram *g, int axis)
{
	enum lane l = (enum lane)(LANE_X + axis);
	struct trace t = { .c = g->v->c };
	const struct draw_event *e;
	int64_t previous = INT64_MIN;
	uint32_t i;

	canvas_ink(g->v, lanes[l].ink);
	cairo_set_line_width(g->v->c, 1.2);
	trace_add(&t, g->x0 - 1, y_of(g, l, 0));
	for (i = 0; i < g->d->program->n_event; i++) {
		e = &g->d->event[i];
		if (e->kind != PROGRAM_GRAD || e->axis != axis || outside(g, e))
			continue;
		if (e->start != previous) {
			if (previous != INT64_MIN)
				trace_add(&t, x_of(g, seconds(previous)), y_of(g, l, 0));
			trace_add(&t, x_of(g, seconds(e->start)), y_of(g, l, 0));
		}
		trace_gradient(&t, g, e, l);
		previous = e->start + e->duration;
	}
	if (previous != INT64_MIN)
		trace_add(&t, x_of(g, seconds(previous)), y_of(g, l, 0));
	trace_add(&t, g->x1 + 1, y_of(g, l, 0));
	trace_end(&t);
}

static void sample_of(double *re, double *im, const struct program_shape *s, uint32_t i)
{
	*re = !s ? 1 : s->is_complex ? s->sample[2 * i] : s->sample[i];
	*im = s && s->is_complex ? s->sample[2 * i + 1] : 0;
}

static void trace_magnitude(struct trace *t, const struct diagram *g, const struct draw_event *e)
{
	const struct program_shape *s = shape_of(g, e);
	double start = seconds(e->start), length = seconds(e->duration), scale = pulse_scale(g, e);
	uint32_t i, n = s ? s->n : 1;
	double re, im;

	trace_add(t, x_of(g, start), y_of(g, LANE_RF, 0));
	for (i = 0; i < n; i++) {
		sample_of(&re, &im, s, i);
		trace_add(t, x_of(g, start + length * (i + (s ? 0.5 : 0)) / n),
			  y_of(g, LANE_RF, hypot(re, im) * scale));
	}
	if (!s)
		trace_add(t, x_of(g, start + length), y_of(g, LANE_RF, scale));
	trace_add(t, x_of(g, start + length), y_of(g, LANE_RF, 0));
}

/* The phase is drawn only while the pulse plays, and at least 3 points wide. */
static void draw_phase(struct diagram *g, const struct draw_event *e)
{
	const struct program_shape *s = shape_of(g, e);
	double start = seconds(e->start), length = seconds(e->duration), y = 0, re, im;
	struct trace t = { .c = g->v->c };
	uint32_t i, n = s ? s->n : 1;

	for (i = 0; i < n; i++) {
		sample_of(&re, &im, s, i);
		y = y_of(g, LANE_PHASE, remainder(e->phase + atan2(im, re), 2 * pi) * 180 / pi);
		trace_add(&t, x_of(g, start + length * (i + (s ? 0.5 : 0)) / n), y);
	}
	trace_add(&t, fmax(x_of(g, start + length), x_of(g, start) + 3), y);
	trace_end(&t);
}

static void label_pulse(struct diagram *g, const struct draw_event *e, double *free_from)
{
	double x = x_of(g, seconds(e->start) + seconds(e->duration) / 2), width;
	char label[32];

	snprintf(label, sizeof label, "%.4g\302\260", e->flip * 180 / pi);
	width = canvas_text_width(g->v, 8.5, false, label);
	if (x - width / 2 < *free_from || x < g->x0 || x > g->x1)
		return;
	x = fmin(fmax(x, g->x0 + width / 2 + 2), g->x1 - width / 2 - 2);
	canvas_ink(g->v, INK_FAINT);
	canvas_text(g->v, x, g->y[LANE_RF] + 6, ALIGN_CENTER, 8.5, false, label);
	*free_from = x + width / 2 + 5;
}

static void draw_pulses(struct diagram *g)
{
	double label_from = -1e9, phase_from = -1e9;
	struct trace t = { .c = g->v->c };
	const struct draw_event *e;
	uint32_t i, n = g->d->program->n_event;

	canvas_ink(g->v, INK_RF);
	cairo_set_line_width(g->v->c, 1.2);
	trace_add(&t, g->x0 - 1, y_of(g, LANE_RF, 0));
	for (i = 0; i < n; i++) {
		e = &g->d->event[i];
		if (e->kind == PROGRAM_RF && !outside(g, e))
			trace_magnitude(&t, g, e);
	}
	trace_add(&t, g->x1 + 1, y_of(g, LANE_RF, 0));
	trace_end(&t);
	for (i = 0; i < n; i++) {
		e = &g->d->event[i];
		if (e->kind != PROGRAM_RF || outside(g, e))
			continue;
		label_pulse(g, e, &label_from);
		if (x_of(g, seconds(e->start)) < phase_from)
			continue;
		phase_from = x_of(g, seconds(e->start)) + column;
		canvas_ink(g->v, INK_PHASE);
		cairo_set_line_width(g->v->c, 2);
		draw_phase(g, e);
	}
}

/* Acquisitions as boxes; those closer than a column grow together. */
static void draw_acquisitions(struct diagram *g)
{
	double y0 = y_of(g, LANE_ADC, 1), y1 = y_of(g, LANE_ADC, 0), x0, x1, begin = 0, end = -1e9;
	const struct draw_event *e;
	cairo_t *c = g->v->c;
	uint32_t i;

	for (i = 0; i < g->d->program->n_event; i++) {
		e = &g->d->event[i];
		if (e->kind != PROGRAM_ADC || outside(g, e))
			continue;
		x0 = fmax(x_of(g, seconds(e->start)), g->x0 - 2);
		x1 = fmin(x_of(g, seconds(e->start + e->duration)), g->x1 + 2);
		if (x0 - end < column && end > begin) {
			end = x1;
			continue;
		}
		if (end > begin)
			cairo_rectangle(c, begin, y0, end - begin, y1 - y0);
		begin = x0;
		end = fmax(x1, x0 + 0.6);
	}
	if (end > begin)
		cairo_rectangle(c, begin, y0, end - begin, y1 - y0);
	cairo_set_source_rgba(c, 0.28, 0.32, 0.39, 0.35);
	cairo_fill_preserve(c);
	canvas_ink(g->v, INK_ADC);
	cairo_set_line_width(c, 0.7);
	cairo_stroke(c);
}

/* A dashed line through all lanes at time t. */
static void draw_upright(struct diagram *g, double t, enum ink ink)
{
	static const double dash[] = { 3, 3 };
	double x = x_of(g, t);

	canvas_ink(g->v, ink);
	cairo_set_dash(g->v->c, dash, 2, 0);
	canvas_line(g->v, x, top - 3, x, g->v->height - bottom, 0.8);
	cairo_set_dash(g->v->c, NULL, 0, 0);
}

/* Labels appear where the one before left room; in order of declaration, which is mostly time. */
static void draw_mark(struct diagram *g, double t, const char *name, double *free_from)
{
	double x = x_of(g, t), width = canvas_text_width(g->v, 9, false, name);

	if (t < g->from || t > g->to)
		return;
	draw_upright(g, t, INK_TEXT);
	if (x - width / 2 < *free_from)
		return;
	canvas_text(g->v, x, top - 9, ALIGN_CENTER, 9, false, name);
	*free_from = x + width / 2 + 5;
}

static void draw_reset(struct diagram *g, double t, double *free_from)
{
	double x = x_of(g, t);

	if (t < g->from || t > g->to || x < *free_from)
		return;
	draw_upright(g, t, INK_FAINT);
	canvas_text(g->v, x + 3, g->y[LANE_ADC] + 7, ALIGN_LEFT, 8, false, "reset");
	*free_from = x + 30;
}

static bool is_time(const char *unit)
{
	return unit && (strcmp(unit, "s") == 0 || strcmp(unit, "ms") == 0 ||
			strcmp(unit, "us") == 0 || strcmp(unit, "ns") == 0);
}

static void draw_marks(struct diagram *g)
{
	const struct program *p = g->d->program;
	double mark_from = -1e9, reset_from = -1e9;
	uint32_t i;

	for (i = 0; i < p->n_event; i++)
		if (g->d->event[i].kind == PROGRAM_RESET)
			draw_reset(g, seconds(g->d->event[i].start), &reset_from);
	for (i = 0; i < p->n_mark; i++)
		if (is_time(p->mark[i].unit))
			draw_mark(g, g->d->value[p->mark[i].value], p->mark[i].name, &mark_from);
}

/* ------------------------------------------------------------------ frame */
static void place_lanes(struct diagram *g)
{
	double room = g->v->height - top - bottom - between * (LANES - 1), shares = 0, y = top;
	int k;

	for (k = 0; k < LANES; k++)
		shares += lanes[k].share;
	for (k = 0; k < LANES; k++) {
		g->y[k] = y;
		g->height[k] = room * lanes[k].share / shares;
		y += g->height[k] + between;
	}
	g->x0 = left;
	g->x1 = g->v->width - right;
}

static void choose_unit(struct diagram *g)
{
	double span = g->to - g->from;

	g->unit = span >= 2 ? 1 : span >= 1e-3 ? 1e-3 : 1e-6;
	g->unit_name = span >= 2 ? "s" : span >= 1e-3 ? "ms" : "\302\265s";
}

static void draw_lane_frame(struct diagram *g, enum lane l)
{
	double y = g->y[l], h = g->height[l], at;
	struct ticks t;
	char label[32];
	int i;

	canvas_ink(g->v, INK_LANE);
	cairo_rectangle(g->v->c, g->x0, y, g->x1 - g->x0, h);
	cairo_fill(g->v->c);
	canvas_ink(g->v, lanes[l].ink);
	canvas_text(g->v, 12, y + h / 2 - (*lanes[l].unit ? 6 : 0), ALIGN_LEFT, 11.5, true,
		    lanes[l].name);
	canvas_ink(g->v, INK_FAINT);
	canvas_text(g->v, 12, y + h / 2 + 8, ALIGN_LEFT, 9, false, lanes[l].unit);
	if (l == LANE_ADC)
		return;
	t = ticks_make(lanes[l].both ? -g->most[l] : 0, g->most[l], h > 60 ? 4 : 2);
	for (i = 0; i < t.n; i++) {
		at = y_of(g, l, ticks_at(&t, i));
		canvas_ink(g->v, INK_GRID);
		canvas_line(g->v, g->x0, at, g->x1, at, ticks_at(&t, i) == 0 ? 1.2 : 0.7);
		canvas_ink(g->v, INK_FAINT);
		ticks_label(label, &t, i);
		canvas_text(g->v, g->x0 - 5, at, ALIGN_RIGHT, 8.5, false, label);
	}
}

static void draw_time_axis(struct diagram *g)
{
	struct ticks t = ticks_make(g->from / g->unit, g->to / g->unit,
				    (int)((g->x1 - g->x0) / 80));
	double y = g->v->height - bottom, x;
	char label[48];
	int i;

	for (i = 0; i < t.n; i++) {
		x = x_of(g, ticks_at(&t, i) * g->unit);
		canvas_ink(g->v, INK_GRID);
		canvas_line(g->v, x, top, x, y, 0.7);
		canvas_ink(g->v, INK_FAINT);
		canvas_line(g->v, x, y, x, y + 4, 0.8);
		ticks_label(label, &t, i);
		canvas_text(g->v, x, y + 12, ALIGN_CENTER, 9, false, label);
	}
	canvas_ink(g->v, INK_FAINT);
	canvas_line(g->v, g->x0, y, g->x1, y, 0.8);
	canvas_ink(g->v, INK_TEXT);
	snprintf(label, sizeof label, "time [%s]", g->unit_name);
	canvas_text(g->v, (g->x0 + g->x1) / 2, y + 30, ALIGN_CENTER, 10, false, label);
}

/* Name and parameters, as many as fit. */
static void draw_title(struct diagram *g)
{
	const struct program *p = g->d->program;
	const char *name = p->name ? p->name : "sequence";
	double x = left + canvas_text_width(g->v, 15, true, name) + 16, width, show;
	char label[128];
	uint32_t i;

	canvas_ink(g->v, INK_TEXT);
	canvas_text(g->v, left, 22, ALIGN_LEFT, 15, true, name);
	canvas_ink(g->v, INK_FAINT);
	for (i = 0; i < p->n_param; i++) {
		show = p->param[i].show > 0 ? p->param[i].show : 1;
		snprintf(label, sizeof label, "%.40s = %.6g %.12s", p->param[i].name,
			 g->d->param[i] / show, p->param[i].unit ? p->param[i].unit : "");
		width = canvas_text_width(g->v, 10, false, label);
		if (x + width > g->x1 - 12) {
			canvas_text(g->v, x, 22, ALIGN_LEFT, 10, false, "...");
			break;
		}
		canvas_text(g->v, x, 22, ALIGN_LEFT, 10, false, label);
		x += width + 14;
	}
}

static void draw_diagram(struct diagram *g)
{
	cairo_t *c = g->v->c;
	int k;

	draw_title(g);
	for (k = 0; k < LANES; k++)
		draw_lane_frame(g, (enum lane)k);
	draw_time_axis(g);
	cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
	draw_marks(g);
	cairo_save(c);
	cairo_rectangle(c, g->x0, top - 20, g->x1 - g->x0, g->v->height - top - bottom + 20);
	cairo_clip(c);
	draw_pulses(g);
	for (k = 0; k < 3; k++)
		draw_gradients(g, k);
	draw_acquisitions(g);
	cairo_restore(c);
}

precess_status plot_sequence(const char *path, const struct draw *d, const struct plot_options *o)
{
	struct diagram g = { .d = d };
	precess_status st;

	g.from = o && o->to > o->from ? o->from : 0;
	g.to = o && o->to > o->from ? o->to : seconds(d->duration);
	if (!(g.to > g.from))
		return precess_fail(PRECESS_EINVAL, "%s: a sequence of no duration has no diagram",
				    d->program->name ? d->program->name : "");
	st = canvas_create(&g.v, path, o && o->width ? o->width : 1120,
			   o && o->height ? o->height : 620);
	if (st)
		return st;
	place_lanes(&g);
	choose_unit(&g);
	find_amplitudes(&g);
	draw_diagram(&g);
	return canvas_commit(g.v);
}
