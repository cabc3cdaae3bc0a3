/* kx against ky of every sample, coloured by time. Readouts are thin lines with a dot per sample as
 * long as there is room for dots. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>

enum {
	DOT_LIMIT = 20000, /* more would be a black square and a file of megabytes */
	SEGMENT_LIMIT = 20000
};
static const double left = 78, top = 52, bottom = 56, right = 96;

struct path {
	struct canvas *v;
	const struct draw *d;
	struct sampling *s;
	const double *k; /* of the readout at hand */
	uint32_t samples;
	double last;  /* s: time that has the last colour */
	double range; /* 1/m: the plot spans -range..range */
	double x0, y0, side;
};

static uint32_t length(const struct path *p, uint32_t r)
{
	return p->d->program->event[p->d->program->readout[r].event].n;
}

/* Positions as the image takes them: those of a spin echo count what came before the pulse. */
static void load(struct path *p, uint32_t r)
{
	p->k = p->s->k + 3 * (size_t)p->d->program->event[p->d->program->readout[r].event].first_sample;
}

/* A readout's ADC event; program events and draw events are ordered differently. */
static const struct draw_event *window(const struct path *p, uint32_t r)
{
	return &p->d->event[p->d->at[p->d->program->readout[r].event]];
}

static double begins(const struct path *p, uint32_t r)
{
	return (double)window(p, r)->start * 1e-12;
}

static void measure(struct path *p)
{
	const struct program *q = p->d->program;
	uint32_t r, i;

	for (r = 0; r < q->n_readout; r++) {
		load(p, r);
		for (i = 0; i < length(p, r); i++)
			p->range = fmax(p->range, fmax(fabs(p->k[3 * i]), fabs(p->k[3 * i + 1])));
		p->last = fmax(p->last, begins(p, r));
	}
	for (i = 0; i < 2; i++)
		if (q->matrix[i] > 0 && q->fov[i] > 0)
			p->range = fmax(p->range, 0.5 * q->matrix[i] / q->fov[i]);
	p->range = p->range > 0 && isfinite(p->range) ? 1.07 * p->range : 1;
}

static double x_of(const struct path *p, double k)
{
	return p->x0 + (k / p->range + 1) / 2 * p->side;
}

static double y_of(const struct path *p, double k)
{
	return p->y0 + (1 - k / p->range) / 2 * p->side;
}

static void draw_frame(struct path *p)
{
	struct ticks t = ticks_make(-p->range, p->range, 8);
	struct canvas *v = p->v;
	char label[32];
	double at;
	int i;

	canvas_ink(v, INK_LANE);
	cairo_rectangle(v->c, p->x0, p->y0, p->side, p->side);
	cairo_fill(v->c);
	for (i = 0; i < t.n; i++) {
		ticks_label(label, &t, i);
		at = ticks_at(&t, i);
		canvas_ink(v, INK_GRID);
		canvas_line(v, x_of(p, at), p->y0, x_of(p, at), p->y0 + p->side,
			    at == 0 ? 1.2 : 0.7);
		canvas_line(v, p->x0, y_of(p, at), p->x0 + p->side, y_of(p, at),
			    at == 0 ? 1.2 : 0.7);
		canvas_ink(v, INK_FAINT);
		canvas_text(v, x_of(p, at), p->y0 + p->side + 12, ALIGN_CENTER, 9, false, label);
		canvas_text(v, p->x0 - 6, y_of(p, at), ALIGN_RIGHT, 9, false, label);
	}
	canvas_ink(v, INK_TEXT);
	canvas_text(v, p->x0, 24, ALIGN_LEFT, 15, true,
		    p->d->program->name ? p->d->program->name : "sequence");
	canvas_text(v, p->x0 + p->side / 2, p->y0 + p->side + 32, ALIGN_CENTER, 10, false,
		    "kx [1/m]");
	cairo_save(v->c);
	cairo_translate(v->c, 18, p->y0 + p->side / 2);
	cairo_rotate(v->c, -1.5707963267948966);
	canvas_text(v, 0, 0, ALIGN_CENTER, 10, false, "ky [1/m]");
	cairo_restore(v->c);
}

static void draw_nyquist(struct path *p)
{
	static const double dash[] = { 5, 4 };
	const struct program *q = p->d->program;
	double kx, ky;

	if (!(q->matrix[0] > 0 && q->matrix[1] > 0 && q->fov[0] > 0 && q->fov[1] > 0))
		return;
	kx = 0.5 * q->matrix[0] / q->fov[0];
	ky = 0.5 * q->matrix[1] / q->fov[1];
	canvas_ink(p->v, INK_FAINT);
	cairo_set_line_width(p->v->c, 1);
	cairo_set_dash(p->v->c, dash, 2, 0);
	cairo_rectangle(p->v->c, x_of(p, -kx), y_of(p, ky), x_of(p, kx) - x_of(p, -kx),
			y_of(p, -ky) - y_of(p, ky));
	cairo_stroke(p->v->c);
	cairo_set_dash(p->v->c, NULL, 0, 0);
	canvas_text(p->v, x_of(p, kx) - 2, y_of(p, ky) - 7, ALIGN_RIGHT, 8.5, false,
		    "Nyquist window");
}

static void color_at(struct path *p, double time)
{
	double rgb[3];

	canvas_scale_color(rgb, p->last > 0 ? time / p->last : 0);
	cairo_set_source_rgb(p->v->c, rgb[0], rgb[1], rgb[2]);
}

/* Lines in pieces of one colour, corners thinned so that the whole stays below the limit. */
static void draw_readout_line(struct path *p, uint32_t r)
{
	uint32_t n = length(p, r), i, share, step;
	double start = begins(p, r), dwell = window(p, r)->dwell;
	cairo_t *c = p->v->c;

	load(p, r);
	if (n < 2)
		return;
	share = SEGMENT_LIMIT / p->d->program->n_readout + 1;
	step = n > share ? n / share : 1;
	cairo_set_line_width(c, 0.8);
	for (i = 0; i < n - 1; i += step) {
		uint32_t j = i + step < n ? i + step : n - 1;

		if (i % (16 * step) == 0) { /* a new colour begins where the last one ended */
			cairo_stroke(c);
			color_at(p, start + i * dwell);
			cairo_move_to(c, x_of(p, p->k[3 * i]), y_of(p, p->k[3 * i + 1]));
		}
		cairo_line_to(c, x_of(p, p->k[3 * j]), y_of(p, p->k[3 * j + 1]));
	}
	cairo_stroke(c);
}

static void draw_readout_dots(struct path *p, uint32_t r)
{
	double radius = p->samples > 4000 ? 0.7 : 1.2, start = begins(p, r),
	       dwell = window(p, r)->dwell;
	uint32_t i, n = length(p, r);
	cairo_t *c = p->v->c;

	load(p, r);
	for (i = 0; i < n; i++) {
		if (i % 16 == 0) {
			cairo_fill(c);
			color_at(p, start + i * dwell);
		}
		cairo_rectangle(c, x_of(p, p->k[3 * i]) - radius, y_of(p, p->k[3 * i + 1]) - radius,
				2 * radius, 2 * radius);
	}
	cairo_fill(c);
}

static void draw_scale(struct path *p)
{
	double x = p->x0 + p->side + 18, h = p->side * 0.6, y = p->y0 + p->side * 0.2, unit = 1,
	       rgb[3];
	struct canvas *v = p->v;
	struct ticks t;
	char label[32];
	int i;

	if (!(p->last > 0))
		return;
	if (p->last < 2)
		unit = 1e-3;
	for (i = 0; i < 100; i++) {
		canvas_scale_color(rgb, i / 99.0);
		cairo_set_source_rgb(v->c, rgb[0], rgb[1], rgb[2]);
		cairo_rectangle(v->c, x, y + h * (1 - (i + 1) / 100.0), 12, h / 100 + 0.5);
		cairo_fill(v->c);
	}
	t = ticks_make(0, p->last / unit, 6);
	canvas_ink(v, INK_FAINT);
	for (i = 0; i < t.n; i++) {
		ticks_label(label, &t, i);
		canvas_text(v, x + 17, y + h * (1 - ticks_at(&t, i) * unit / p->last), ALIGN_LEFT,
			    9, false, label);
	}
	canvas_text(v, x, y - 14, ALIGN_LEFT, 9, false, unit < 1 ? "time [ms]" : "time [s]");
}

static void draw_path(struct path *p)
{
	uint32_t r;

	draw_frame(p);
	cairo_save(p->v->c);
	cairo_rectangle(p->v->c, p->x0, p->y0, p->side, p->side);
	cairo_clip(p->v->c);
	for (r = 0; r < p->d->program->n_readout; r++)
		draw_readout_line(p, r);
	for (r = 0; p->samples <= DOT_LIMIT && r < p->d->program->n_readout; r++)
		draw_readout_dots(p, r);
	cairo_restore(p->v->c);
	draw_nyquist(p);
	draw_scale(p);
}

precess_status plot_trajectory(const char *path, const struct draw *d, const struct plot_options *o)
{
	struct path p = { .d = d };
	precess_status st;
	uint32_t r;

	for (r = 0; r < d->program->n_readout; r++)
		p.samples += length(&p, r);
	if (p.samples == 0)
		return precess_fail(PRECESS_EINVAL, "%s takes no samples: there is no trajectory",
				    d->program->name ? d->program->name : "the sequence");
	TRY(sampling_create(&p.s, d));
	TRY(canvas_create(&p.v, path, o && o->width ? o->width : 720,
			  o && o->height ? o->height : 660));
	p.x0 = left;
	p.y0 = top;
	p.side = fmax(20, fmin(p.v->width - left - right, p.v->height - top - bottom));
	measure(&p);
	draw_path(&p);
	st = canvas_commit(p.v);
out:
	sampling_free(p.s);
	return st;
}
