/* Curves over a common axis, the ordinate logarithmic: what a loss needs. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>

static const double width = 640, height = 400, left = 70, right = 110, top = 44, bottom = 52;
static const enum ink inks[] = { INK_X, INK_FAINT, INK_Y, INK_Z, INK_PHASE, INK_RF };

struct frame {
	double lo[2], hi[2]; /* abscissa; log10 of the ordinate */
};

static bool shown(const struct plot_line *l, int i)
{
	return isfinite(l->x[i]) && isfinite(l->y[i]) && l->y[i] > 0;
}

static precess_status find_frame(struct frame *f, const struct plot_line *line, int n)
{
	*f = (struct frame){ { INFINITY, INFINITY }, { -INFINITY, -INFINITY } };
	for (int k = 0; k < n; k++) {
		for (int i = 0; i < line[k].n; i++) {
			if (!shown(&line[k], i))
				continue;
			f->lo[0] = fmin(f->lo[0], line[k].x[i]);
			f->hi[0] = fmax(f->hi[0], line[k].x[i]);
			f->lo[1] = fmin(f->lo[1], log10(line[k].y[i]));
			f->hi[1] = fmax(f->hi[1], log10(line[k].y[i]));
		}
	}
	if (!(f->hi[0] >= f->lo[0]))
		return precess_fail(PRECESS_EINVAL, "no positive number to draw");
	f->hi[0] += f->hi[0] == f->lo[0];
	f->lo[1] -= 0.05;
	f->hi[1] += 0.05;
	return PRECESS_OK;
}

static double at_x(const struct frame *f, double x)
{
	return left + (x - f->lo[0]) / (f->hi[0] - f->lo[0]) * (width - left - right);
}

static double at_y(const struct frame *f, double y)
{
	return height - bottom - (y - f->lo[1]) / (f->hi[1] - f->lo[1]) * (height - top - bottom);
}

/* 1, 2 and 5 of every decade. */
static void draw_ordinate(struct canvas *v, const struct frame *f)
{
	static const double digit[] = { 1, 2, 5 };
	char label[32];

	for (int decade = (int)floor(f->lo[1]); decade <= (int)ceil(f->hi[1]); decade++) {
		for (int i = 0; i < 3; i++) {
			double value = digit[i] * pow(10, decade), y = at_y(f, log10(value));

			if (log10(value) < f->lo[1] || log10(value) > f->hi[1])
				continue;
			canvas_ink(v, INK_GRID);
			canvas_line(v, left, y, width - right, y, 0.8);
			canvas_ink(v, INK_FAINT);
			snprintf(label, sizeof label, "%.3g", value);
			canvas_text(v, left - 7, y, ALIGN_RIGHT, 9, false, label);
		}
	}
}

static void draw_axes(struct canvas *v, const struct frame *f, const char *xname, const char *yname)
{
	struct ticks t = ticks_make(f->lo[0], f->hi[0], 7);
	char label[32];

	draw_ordinate(v, f);
	canvas_ink(v, INK_FAINT);
	canvas_line(v, left, height - bottom, width - right, height - bottom, 0.8);
	for (int i = 0; i < t.n; i++) {
		double x = at_x(f, ticks_at(&t, i));

		canvas_line(v, x, height - bottom, x, height - bottom + 4, 0.8);
		ticks_label(label, &t, i);
		canvas_text(v, x, height - bottom + 13, ALIGN_CENTER, 9, false, label);
	}
	canvas_text(v, (left + width - right) / 2, height - bottom + 32, ALIGN_CENTER, 10, false,
		    xname);
	canvas_text(v, left - 7, top - 12, ALIGN_RIGHT, 10, false, yname);
}

static void draw_line(struct canvas *v, const struct frame *f, const struct plot_line *l,
		      enum ink ink)
{
	double y = 0;
	bool on = false;

	canvas_ink(v, ink);
	for (int i = 0; i < l->n; i++) {
		if (!shown(l, i))
			continue;
		y = at_y(f, log10(l->y[i]));
		if (on)
			cairo_line_to(v->c, at_x(f, l->x[i]), y);
		else
			cairo_move_to(v->c, at_x(f, l->x[i]), y);
		on = true;
	}
	cairo_set_line_width(v->c, 1.5);
	cairo_stroke(v->c);
	if (on)
		canvas_text(v, width - right + 8, y, ALIGN_LEFT, 10, false, l->name);
}

precess_status plot_curve(const char *path, const char *title, const char *xname, const char *yname,
			  const struct plot_line *line, int n)
{
	struct canvas *v;
	struct frame f;
	precess_status st = find_frame(&f, line, n);

	if (!st)
		st = canvas_create(&v, path, width, height);
	if (st)
		return st;
	canvas_ink(v, INK_TEXT);
	canvas_text(v, left, 18, ALIGN_LEFT, 13, true, title);
	draw_axes(v, &f, xname, yname);
	for (int k = 0; k < n; k++)
		draw_line(v, &f, &line[k], inks[(size_t)k % PRECESS_COUNT(inks)]);
	return canvas_commit(v);
}
