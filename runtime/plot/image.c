/* An image and its k-space side by side: magnitude, and magnitude on a logarithmic scale. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>
#include <stdlib.h>

static const double panel = 420, margin = 56, top = 74, gap = 96, bottom = 40;
static const double decades =
	4; /* of k-space below its maximum: noise of single precision is at 7 */

struct panel {
	struct canvas *v;
	double x, y, w, h;
	int nx, ny;
};

static double magnitude(const float *v, size_t i)
{
	return hypot(v[2 * i], v[2 * i + 1]);
}

static double largest(const float *v, size_t n)
{
	double most = 0, m;
	size_t i;

	for (i = 0; i < n; i++) {
		m = magnitude(v, i);
		most = isfinite(m) ? fmax(most, m) : most;
	}
	return most;
}

/* What is drawn of every sample: its magnitude, or the decimal logarithm of that over the largest. */
static precess_status draw_pixels(const struct panel *p, const float *v, double most,
				  bool logarithm)
{
	size_t n = (size_t)p->nx * (size_t)p->ny;
	float *shown = malloc(n * sizeof *shown);
	precess_status st;

	if (!shown)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a picture of %d x %d", p->nx,
				    p->ny);
	for (size_t i = 0; i < n; i++)
		shown[i] = (float)(logarithm ? log10(fmax(magnitude(v, i) / most, 1e-30))
					     : magnitude(v, i));
	st = canvas_pixels(p->v, (double[]){ p->x, p->y, p->w, p->h }, shown, p->nx, p->ny,
			   logarithm ? -decades : 0, logarithm ? 0 : most);
	free(shown);
	return st;
}

/* Pixel numbers along two sides; `center` is the number that is called 0. */
static void draw_axes(const struct panel *p, int cx, int cy, const char *xname, const char *yname)
{
	struct ticks tx = ticks_make(-cx, p->nx - cx, 8), ty = ticks_make(-cy, p->ny - cy, 8);
	struct canvas *v = p->v;
	char label[32];
	double at;
	int i;

	canvas_ink(v, INK_FAINT);
	for (i = 0; i < tx.n; i++) {
		at = p->x + (ticks_at(&tx, i) + cx) / p->nx * p->w;
		canvas_line(v, at, p->y + p->h, at, p->y + p->h + 4, 0.8);
		ticks_label(label, &tx, i);
		canvas_text(v, at, p->y + p->h + 11, ALIGN_CENTER, 9, false, label);
	}
	for (i = 0; i < ty.n; i++) {
		at = p->y + p->h - (ticks_at(&ty, i) + cy) / p->ny * p->h;
		canvas_line(v, p->x - 4, at, p->x, at, 0.8);
		ticks_label(label, &ty, i);
		canvas_text(v, p->x - 7, at, ALIGN_RIGHT, 9, false, label);
	}
	canvas_text(v, p->x + p->w / 2, p->y + p->h + 27, ALIGN_CENTER, 10, false, xname);
	cairo_save(v->c);
	cairo_translate(v->c, p->x - 40, p->y + p->h / 2);
	cairo_rotate(v->c, -1.5707963267948966);
	canvas_text(v, 0, 0, ALIGN_CENTER, 10, false, yname);
	cairo_restore(v->c);
}

static void draw_grey_scale(const struct panel *p, double lo, double hi)
{
	double x = p->x + p->w + 10, g;
	struct ticks t;
	char label[32];
	int i;

	for (i = 0; i < 128; i++) {
		g = i / 127.0;
		cairo_set_source_rgb(p->v->c, g, g, g);
		cairo_rectangle(p->v->c, x, p->y + p->h * (1 - (i + 1) / 128.0), 10,
				p->h / 128 + (i ? 0.6 : 0));
		cairo_fill(p->v->c);
	}
	if (!(hi > lo))
		return;
	t = ticks_make(lo, hi, 5);
	canvas_ink(p->v, INK_FAINT);
	for (i = 0; i < t.n; i++) {
		g = p->y + p->h * (1 - (ticks_at(&t, i) - lo) / (hi - lo));
		ticks_label(label, &t, i);
		canvas_text(p->v, x + 14, g, ALIGN_LEFT, 9, false, label);
	}
}

static precess_status draw_image(struct panel *p, const float *image)
{
	double most = largest(image, (size_t)p->nx * p->ny);
	precess_status st;

	if ((st = draw_pixels(p, image, most, false)) != 0)
		return st;
	draw_axes(p, 0, 0, "x [pixel]", "y [pixel]");
	draw_grey_scale(p, 0, most);
	canvas_ink(p->v, INK_TEXT);
	canvas_text(p->v, p->x, p->y - 14, ALIGN_LEFT, 11, false, "image, magnitude");
	return PRECESS_OK;
}

static precess_status draw_kspace(struct panel *p, const float *kspace)
{
	double most = largest(kspace, (size_t)p->nx * p->ny);
	precess_status st;

	if ((st = draw_pixels(p, kspace, most, true)) != 0)
		return st;
	draw_axes(p, p->nx / 2, p->ny / 2, "kx [cells]", "ky [cells]");
	draw_grey_scale(p, -decades, 0);
	canvas_ink(p->v, INK_TEXT);
	canvas_text(p->v, p->x, p->y - 14, ALIGN_LEFT, 11, false,
		    "k-space, log10 of the magnitude over its maximum");
	return PRECESS_OK;
}

precess_status plot_image(const char *path, const char *title, const float *image,
			  const float *kspace, int nx, int ny)
{
	struct panel p = { .nx = nx, .ny = ny };
	double width, height;
	precess_status st;

	if (nx < 1 || ny < 1 || nx > 16384 || ny > 16384)
		return precess_fail(PRECESS_EINVAL, "a picture of %d x %d: 1..16384 can be drawn",
				    nx, ny);
	p.w = nx >= ny ? panel : panel * nx / ny;
	p.h = ny >= nx ? panel : panel * ny / nx;
	width = 2 * margin + p.w + (kspace ? gap + p.w : 0);
	height = top + p.h + bottom;
	if ((st = canvas_create(&p.v, path, width, height)) != 0)
		return st;
	p.x = margin;
	p.y = top;
	canvas_ink(p.v, INK_TEXT);
	canvas_text(p.v, p.x, 24, ALIGN_LEFT, 15, true, title ? title : "");
	st = draw_image(&p, image);
	p.x += p.w + gap;
	if (!st && kspace)
		st = draw_kspace(&p, kspace);
	if (st) {
		canvas_discard(p.v);
		return st;
	}
	return canvas_commit(p.v);
}
