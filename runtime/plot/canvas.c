/* A page in one of three formats. Files grow in memory and are written in one piece. */
#include "runtime/plot/canvas.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const double png_scale = 2;      /* pixels per point: sharp on today's screens */
static const double side_limit = 16000; /* points: cairo's pictures end at 32767 pixels */

static const double inks[][3] = {
	[INK_TEXT] = { 0.16, 0.18, 0.22 }, [INK_FAINT] = { 0.47, 0.50, 0.55 },
	[INK_GRID] = { 0.89, 0.90, 0.92 }, [INK_LANE] = { 0.975, 0.978, 0.984 },
	[INK_RF] = { 0.80, 0.22, 0.30 },   [INK_PHASE] = { 0.55, 0.38, 0.66 },
	[INK_X] = { 0.13, 0.42, 0.75 },    [INK_Y] = { 0.12, 0.56, 0.40 },
	[INK_Z] = { 0.80, 0.49, 0.08 },    [INK_ADC] = { 0.28, 0.32, 0.39 },
};

static cairo_status_t collect(void *closure, const unsigned char *data, unsigned int n)
{
	text_add(closure, (const char *)data, n);
	return CAIRO_STATUS_SUCCESS;
}

void canvas_discard(struct canvas *v)
{
	if (!v)
		return;
	if (v->c)
		cairo_destroy(v->c);
	if (v->surface)
		cairo_surface_destroy(v->surface);
	text_free(&v->bytes);
	free(v->path);
	free(v);
}

static cairo_surface_t *create_surface(struct canvas *v, const char *ending)
{
	if (strcasecmp(ending, ".svg") == 0)
		return cairo_svg_surface_create_for_stream(collect, &v->bytes, v->width, v->height);
	if (strcasecmp(ending, ".pdf") == 0)
		return cairo_pdf_surface_create_for_stream(collect, &v->bytes, v->width, v->height);
	v->is_png = true;
	return cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(v->width * png_scale),
					  (int)ceil(v->height * png_scale));
}

precess_status plot_probe(const char *path)
{
	const char *ending = strrchr(path, '.');

	if (!ending || (strcasecmp(ending, ".svg") != 0 && strcasecmp(ending, ".pdf") != 0 &&
			strcasecmp(ending, ".png") != 0))
		return precess_fail(
			PRECESS_EINVAL,
			"%s: the file's ending chooses the format; it must be .svg, .pdf "
			"or .png",
			path);
	return file_output_probe(path);
}

precess_status canvas_create(struct canvas **out, const char *path, double width, double height)
{
	struct canvas *v;
	precess_status st = plot_probe(path);

	if (st)
		return st;
	if (!(width >= 1 && height >= 1 && width <= side_limit && height <= side_limit))
		return precess_fail(PRECESS_EINVAL,
				    "a picture of %g x %g points: each must be in 1..%g", width,
				    height, side_limit);
	v = calloc(1, sizeof *v);
	if (!v || !(v->path = strdup(path))) {
		free(v);
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	text_init(&v->bytes);
	v->width = width;
	v->height = height;
	v->surface = create_surface(v, strrchr(path, '.'));
	v->c = cairo_create(v->surface);
	if (cairo_status(v->c) != CAIRO_STATUS_SUCCESS) {
		st = precess_fail(PRECESS_EIO, "cannot draw %s: %s", path,
				  cairo_status_to_string(cairo_status(v->c)));
		canvas_discard(v);
		return st;
	}
	if (v->is_png)
		cairo_scale(v->c, png_scale, png_scale);
	cairo_set_source_rgb(v->c, 1, 1, 1);
	cairo_paint(v->c);
	*out = v;
	return PRECESS_OK;
}

precess_status canvas_commit(struct canvas *v)
{
	cairo_status_t status = cairo_status(v->c);
	precess_status st;

	if (status == CAIRO_STATUS_SUCCESS && v->is_png)
		status = cairo_surface_write_to_png_stream(v->surface, collect, &v->bytes);
	cairo_surface_finish(v->surface);
	if (status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_status(v->surface);
	if (status != CAIRO_STATUS_SUCCESS)
		st = precess_fail(PRECESS_EIO, "cannot draw %s: %s", v->path,
				  cairo_status_to_string(status));
	else
		st = file_write(v->path, v->bytes.data, v->bytes.n);
	canvas_discard(v);
	return st;
}

/* ------------------------------------------------------------------ ink and text */
void canvas_ink(struct canvas *v, enum ink ink)
{
	cairo_set_source_rgb(v->c, inks[ink][0], inks[ink][1], inks[ink][2]);
}

void canvas_scale_color(double rgb[3], double t)
{
	static const double point[5][3] = { { 0.267, 0.005, 0.329 },
					    { 0.230, 0.322, 0.546 },
					    { 0.128, 0.567, 0.551 },
					    { 0.369, 0.789, 0.383 },
					    { 0.960, 0.860, 0.140 } };
	double u = fmin(fmax(t, 0), 1) * 4;
	int i = u < 4 ? (int)u : 3, k;

	for (k = 0; k < 3; k++)
		rgb[k] = point[i][k] + (u - i) * (point[i + 1][k] - point[i][k]);
}

static void select_font(struct canvas *v, double size, bool bold)
{
	cairo_select_font_face(v->c, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
			       bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(v->c, size);
}

double canvas_text_width(struct canvas *v, double size, bool bold, const char *text)
{
	cairo_text_extents_t e;

	select_font(v, size, bold);
	cairo_text_extents(v->c, text, &e);
	return e.x_advance;
}

void canvas_text(struct canvas *v, double x, double y, enum align align, double size, bool bold,
		 const char *text)
{
	double width = canvas_text_width(v, size, bold, text);

	x -= align == ALIGN_RIGHT ? width : align == ALIGN_CENTER ? width / 2 : 0;
	cairo_move_to(v->c, x, y + 0.36 * size); /* digits are about 0.72 of the size high */
	cairo_show_text(v->c, text);
	cairo_new_path(v->c);
}

void canvas_line(struct canvas *v, double x0, double y0, double x1, double y1, double width)
{
	if (x0 == x1)
		x0 = x1 = floor(x0) + 0.5;
	if (y0 == y1)
		y0 = y1 = floor(y0) + 0.5;
	cairo_set_line_width(v->c, width);
	cairo_move_to(v->c, x0, y0);
	cairo_line_to(v->c, x1, y1);
	cairo_stroke(v->c);
}

/* ------------------------------------------------------------------ ticks */
struct ticks ticks_make(double lo, double hi, int most)
{
	double rough = (hi - lo) / (most > 0 ? most : 1), unit = pow(10, floor(log10(rough)));
	double step = rough / unit;
	struct ticks t;

	step = unit * (step <= 1 ? 1 : step <= 2 ? 2 : step <= 5 ? 5 : 10);
	t.step = step;
	t.first = ceil(lo / step - 1e-9) * step;
	t.n = (int)floor((hi - t.first) / step + 1e-9) + 1;
	if (t.n < 0)
		t.n = 0;
	return t;
}

double ticks_at(const struct ticks *t, int i)
{
	double v = t->first + i * t->step;

	return fabs(v) < 1e-9 * t->step ? 0 : v;
}

void ticks_label(char out[32], const struct ticks *t, int i)
{
	int digits = (int)fmax(0, ceil(-log10(t->step) - 1e-9));
	double v = ticks_at(t, i);

	if (digits > 6 || fabs(v) >= 1e7)
		snprintf(out, 32, "%g", v);
	else
		snprintf(out, 32, "%.*f", digits, v);
}
