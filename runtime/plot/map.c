/* A map in colour with its scale. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>

static const double panel = 420, margin = 24, top = 48, bottom = 24, right = 84;
static const double bar = 12, gap = 12;
enum { BAR_STEPS = 128, SIDE_LIMIT = 16384, LEAST_PIXELS = 800 };

static uint32_t color_of(double t)
{
	double rgb[3];

	canvas_scale_color(rgb, t);
	return (uint32_t)(255 * rgb[0] + 0.5) << 16 | (uint32_t)(255 * rgb[1] + 0.5) << 8 |
	       (uint32_t)(255 * rgb[2] + 0.5);
}

/* Pixels are repeated: viewers smooth what they enlarge. What is no number is black,
 * and exactly 0 on a scale that does not pass it. */
static precess_status draw_pixels(struct canvas *v, const struct plot_map *m, double w, double h)
{
	int zoom = 1 + LEAST_PIXELS / (m->nx > m->ny ? m->nx : m->ny);
	cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, m->nx * zoom,
							m->ny * zoom);
	unsigned char *data = cairo_image_surface_get_data(s);

	if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS || !data) {
		cairo_surface_destroy(s);
		return precess_fail(PRECESS_ENOMEM, "out of memory for a picture of %d x %d", m->nx,
				    m->ny);
	}
	for (int y = 0; y < m->ny * zoom; y++) {
		uint32_t *row =
			(uint32_t *)(void *)(data +
					     (size_t)y * (size_t)cairo_image_surface_get_stride(s));

		for (int x = 0; x < m->nx * zoom; x++) {
			/* the lowest y at the bottom */
			double value =
				(double)m->value[(size_t)(m->ny - 1 - y / zoom) * (size_t)m->nx +
						 (size_t)(x / zoom)];

			row[x] = isnan(value) || (value == 0 && m->lo >= 0)
					 ? 0
					 : color_of((value * m->scale - m->lo) / (m->hi - m->lo));
		}
	}
	cairo_surface_mark_dirty(s);
	cairo_save(v->c);
	cairo_translate(v->c, margin, top);
	cairo_scale(v->c, w / (m->nx * zoom), h / (m->ny * zoom));
	cairo_set_source_surface(v->c, s, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(v->c), CAIRO_FILTER_GOOD);
	cairo_paint(v->c);
	cairo_restore(v->c);
	cairo_surface_destroy(s);
	return PRECESS_OK;
}

static void draw_bar(struct canvas *v, const struct plot_map *m, double x, double h)
{
	struct ticks t = ticks_make(m->lo, m->hi, 8);
	char label[32];
	double rgb[3], y;

	for (int i = 0; i < BAR_STEPS; i++) {
		canvas_scale_color(rgb, (double)i / (BAR_STEPS - 1));
		cairo_set_source_rgb(v->c, rgb[0], rgb[1], rgb[2]);
		cairo_rectangle(v->c, x, top + h * (1 - (i + 1.0) / BAR_STEPS), bar,
				h / BAR_STEPS + (i ? 0.6 : 0));
		cairo_fill(v->c);
	}
	canvas_ink(v, INK_FAINT);
	for (int i = 0; i < t.n; i++) {
		y = top + h * (1 - (ticks_at(&t, i) - m->lo) / (m->hi - m->lo));
		canvas_line(v, x + bar, y, x + bar + 3, y, 0.8);
		ticks_label(label, &t, i);
		canvas_text(v, x + bar + 6, y, ALIGN_LEFT, 9, false, label);
	}
	canvas_ink(v, INK_TEXT);
	canvas_text(v, x, top - 12, ALIGN_LEFT, 10, false, m->unit);
}

precess_status plot_map(const char *path, const struct plot_map *m)
{
	double w, h;
	struct canvas *v;
	precess_status st;

	if (m->nx < 1 || m->ny < 1 || m->nx > SIDE_LIMIT || m->ny > SIDE_LIMIT)
		return precess_fail(PRECESS_EINVAL, "a picture of %d x %d: 1..%d can be drawn",
				    m->nx, m->ny, SIDE_LIMIT);
	if (!(m->hi > m->lo))
		return precess_fail(PRECESS_EINVAL,
				    "a colour scale from %g to %g %s: the end must be "
				    "above the beginning",
				    m->lo, m->hi, m->unit);
	w = m->nx >= m->ny ? panel : panel * m->nx / m->ny;
	h = m->ny >= m->nx ? panel : panel * m->ny / m->nx;
	if ((st = canvas_create(&v, path, margin + w + gap + right, top + h + bottom)) != 0)
		return st;
	canvas_ink(v, INK_TEXT);
	canvas_text(v, margin, 20, ALIGN_LEFT, 13, true, m->title);
	if ((st = draw_pixels(v, m, w, h)) != 0) {
		canvas_discard(v);
		return st;
	}
	draw_bar(v, m, margin + w + gap, h);
	return canvas_commit(v);
}
