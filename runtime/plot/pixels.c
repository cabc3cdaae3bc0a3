/* Arrays as grey pixels, and montages of them. */
#include "runtime/plot/canvas.h"

#include <cairo.h>
#include <math.h>

static const double tile = 150, between = 8, left = 24, top = 48, caption_height = 18, bottom = 8;

static unsigned grey(double value, double lo, double hi)
{
	double g = hi > lo ? (value - lo) / (hi - lo) : 0;

	return g > 0 ? (unsigned)(255 * fmin(g, 1) + 0.5) : 0;
}

/* Pixels are repeated until there are about 800 along a side: viewers smooth what they enlarge. */
precess_status canvas_pixels(struct canvas *v, const double box[4], const float *value, int nx,
			     int ny, double lo, double hi)
{
	int zoom = 1 + 800 / (nx > ny ? nx : ny);
	cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, nx * zoom, ny * zoom);
	unsigned char *data = cairo_image_surface_get_data(s);

	if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS || !data) {
		cairo_surface_destroy(s);
		return precess_fail(PRECESS_ENOMEM, "out of memory for a picture of %d x %d", nx,
				    ny);
	}
	size_t stride = (size_t)cairo_image_surface_get_stride(s);
	for (int y = 0; y < ny * zoom; y++) {
		uint32_t *row = (uint32_t *)(void *)(data + (size_t)y * stride);

		for (int x = 0; x < nx * zoom; x++) {
			unsigned g = grey(
				(double)value[(size_t)(ny - 1 - y / zoom) * (size_t)nx + (size_t)(x / zoom)],
				lo, hi);
			row[x] = g << 16 | g << 8 | g;
		}
	}
	cairo_surface_mark_dirty(s);
	cairo_save(v->c);
	cairo_translate(v->c, box[0], box[1]);
	cairo_scale(v->c, box[2] / (nx * zoom), box[3] / (ny * zoom));
	cairo_set_source_surface(v->c, s, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(v->c), CAIRO_FILTER_GOOD);
	cairo_paint(v->c);
	cairo_restore(v->c);
	cairo_surface_destroy(s);
	return PRECESS_OK;
}

/* Along the side of its row, read from below. */
static void draw_name(struct canvas *v, double y, const char *name)
{
	cairo_save(v->c);
	cairo_translate(v->c, left / 2, y);
	cairo_rotate(v->c, -1.5707963267948966);
	canvas_text(v, 0, 0, ALIGN_CENTER, 10, true, name);
	cairo_restore(v->c);
}

precess_status plot_montage(const char *path, const char *title, const struct plot_row *row,
			    int rows, int columns, int nx, int ny)
{
	double w = nx >= ny ? tile : tile * nx / ny, h = ny >= nx ? tile : tile * ny / nx;
	double width = left + columns * (w + between),
	       height = top + rows * (h + caption_height + between) + bottom;
	struct canvas *v;
	precess_status st = canvas_create(&v, path, width, height);

	if (st)
		return st;
	canvas_ink(v, INK_TEXT);
	canvas_text(v, left, 20, ALIGN_LEFT, 13, true, title);
	for (int r = 0; r < rows && !st; r++) {
		double y = top + r * (h + caption_height + between);

		canvas_ink(v, INK_TEXT);
		draw_name(v, y + h / 2, row[r].name);
		for (int c = 0; c < columns && !st; c++) {
			double x = left + c * (w + between);

			st = canvas_pixels(v, (double[]){ x, y, w, h }, row[r].value[c], nx, ny, 0,
					   row[r].most);
			canvas_ink(v, INK_FAINT);
			canvas_text(v, x + w / 2, y + h + caption_height / 2, ALIGN_CENTER, 9, false,
				    row[r].caption[c]);
		}
	}
	if (st) {
		canvas_discard(v);
		return st;
	}
	return canvas_commit(v);
}
