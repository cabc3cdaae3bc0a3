/* Curves over a common axis: the ordinate logarithmic, as a loss needs it, or linear from zero. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>

static const double width = 640, height = 400, left = 70, right = 110, top = 44, bottom = 52;
static const enum ink inks[] = { INK_X, INK_FAINT, INK_Y, INK_Z, INK_PHASE, INK_RF };

#define MOST_NAMES 64 /* that are kept from covering each other */

struct frame {
	bool is_linear;
	double lo[2], hi[2]; /* abscissa; ordinate, its log10 unless linear */
};

static bool shown(const struct frame *f, const struct plot_line *l, int i)
{
	return isfinite(l->x[i]) && isfinite(l->y[i]) && (f->is_linear || l->y[i] > 0);
}

static double ordinate(const struct frame *f, double y)
{
	return f->is_linear ? y : log10(y);
}

static precess_status find_frame(struct frame *f, bool is_linear, const struct plot_line *line,
				 int n)
{
	*f = (struct frame){ is_linear,
			     { INFINITY, is_linear ? 0 : INFINITY },
			     { -INFINITY, is_linear ? 0 : -INFINITY } };
	for (int k = 0; k < n; k++) {
		for (int i = 0; i < line[k].n; i++) {
			if (!shown(f, &line[k], i))
				continue;
			f->lo[0] = fmin(f->lo[0], line[k].x[i]);
			f->hi[0] = fmax(f->hi[0], line[k].x[i]);
			f->lo[1] = fmin(f->lo[1], ordinate(f, line[k].y[i]));
			f->hi[1] = fmax(f->hi[1], ordinate(f, line[k].y[i]));
		}
	}
	if (!(f->hi[0] >= f->lo[0]))
		return precess_fail(PRECESS_EINVAL,
				    is_linear ? "no number to draw" : "no positive number to draw");
	f->hi[0] += f->hi[0] == f->lo[0];
	f->hi[1] += f->hi[1] == f->lo[1];
	if (!is_linear)
		f->lo[1] -= 0.05;
	f->hi[1] += is_linear ? 0.05 * (f->hi[1] - f->lo[1]) : 0.05;
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

static void draw_level(struct canvas *v, double y, const char *label)
{
	canvas_ink(v, INK_GRID);
	canvas_line(v, left, y, width - right, y, 0.8);
	canvas_ink(v, INK_FAINT);
	canvas_text(v, left - 7, y, ALIGN_RIGHT, 9, false, label);
}

static void draw_linear(struct canvas *v, const struct frame *f)
{
	struct ticks t = ticks_make(f->lo[1], f->hi[1], 6);
	char label[32];

	for (int i = 0; i < t.n; i++) {
		ticks_label(label, &t, i);
		draw_level(v, at_y(f, ticks_at(&t, i)), label);
	}
}

/* 1, 2 and 5 of every decade. */
static void draw_decades(struct canvas *v, const struct frame *f)
{
	static const double digit[] = { 1, 2, 5 };
	char label[32];

	for (int decade = (int)floor(f->lo[1]); decade <= (int)ceil(f->hi[1]); decade++) {
		for (int i = 0; i < 3; i++) {
			double value = digit[i] * pow(10, decade), y = at_y(f, log10(value));

			if (log10(value) < f->lo[1] || log10(value) > f->hi[1])
				continue;
			snprintf(label, sizeof label, "%.3g", value);
			draw_level(v, y, label);
		}
	}
}

static void draw_axes(struct canvas *v, const struct frame *f, const struct plot_axes *axes)
{
	struct ticks t = ticks_make(f->lo[0], f->hi[0], 7);
	char label[32];

	if (f->is_linear)
		draw_linear(v, f);
	else
		draw_decades(v, f);
	canvas_ink(v, INK_FAINT);
	canvas_line(v, left, height - bottom, width - right, height - bottom, 0.8);
	for (int i = 0; i < t.n; i++) {
		double x = at_x(f, ticks_at(&t, i));

		canvas_line(v, x, height - bottom, x, height - bottom + 4, 0.8);
		ticks_label(label, &t, i);
		canvas_text(v, x, height - bottom + 13, ALIGN_CENTER, 9, false, label);
	}
	canvas_text(v, (left + width - right) / 2, height - bottom + 32, ALIGN_CENTER, 10, false,
		    axes->x);
	canvas_text(v, left - 7, top - 12, ALIGN_RIGHT, 10, false, axes->y);
}

struct names {
	double at[MOST_NAMES];
	int n;
};

/* The height nearest below `y` that no name above has taken. */
static double free_height(double y, struct names *taken)
{
	for (int i = 0; i < taken->n; i++) {
		if (fabs(y - taken->at[i]) < 11) {
			y = taken->at[i] + 11;
			i = -1;
		}
	}
	if (taken->n < MOST_NAMES)
		taken->at[taken->n++] = y;
	return y;
}

static void draw_line(struct canvas *v, const struct frame *f, const struct plot_line *l,
		      enum ink ink, struct names *names)
{
	double y = 0;
	bool on = false;

	canvas_ink(v, ink);
	for (int i = 0; i < l->n; i++) {
		if (!shown(f, l, i))
			continue;
		y = at_y(f, ordinate(f, l->y[i]));
		if (l->dots) {
			cairo_new_sub_path(v->c);
			cairo_arc(v->c, at_x(f, l->x[i]), y, 3, 0, 6.2831853071795865);
		} else if (on)
			cairo_line_to(v->c, at_x(f, l->x[i]), y);
		else
			cairo_move_to(v->c, at_x(f, l->x[i]), y);
		on = true;
	}
	cairo_set_line_width(v->c, 1.5);
	cairo_stroke(v->c);
	if (on && l->name)
		canvas_text(v, width - right + 8, free_height(y, names), ALIGN_LEFT,
			    10, false, l->name);
}

precess_status plot_curve(const char *path, const char *title, const struct plot_axes *axes,
			  const struct plot_line *line, int n)
{
	struct names names = { .n = 0 };
	struct canvas *v;
	struct frame f;
	precess_status st = find_frame(&f, axes->is_linear, line, n);

	if (!st)
		st = canvas_create(&v, path, width, height);
	if (st)
		return st;
	canvas_ink(v, INK_TEXT);
	canvas_text(v, left, 18, ALIGN_LEFT, 13, true, title);
	draw_axes(v, &f, axes);
	for (int k = 0; k < n; k++)
		draw_line(v, &f, &line[k],
			  inks[(size_t)(line[k].ink ? line[k].ink - 1 : k) % PRECESS_COUNT(inks)], &names);
	return canvas_commit(v);
}
