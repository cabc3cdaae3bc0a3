/* What the pictures of this folder share: a page in one of three formats, text, axes, colours. */
#ifndef RUNTIME_PLOT_CANVAS_H
#define RUNTIME_PLOT_CANVAS_H

#include "runtime/plot/plot.h"

struct canvas {
	struct _cairo *c; /* cairo_t, named so that no header needs cairo's folder */
	struct _cairo_surface *surface;
	struct text bytes; /* the file as it grows */
	char *path;
	bool is_png;
	double width, height; /* points */
};
/* The format follows the ending of `path`: .svg, .pdf or .png. */
precess_status canvas_create(struct canvas **out, const char *path, double width, double height);
/* Writes the file, whole or not at all, and frees the canvas. */
precess_status canvas_commit(struct canvas *v);
void canvas_discard(struct canvas *v);

enum ink {
	INK_TEXT,
	INK_FAINT,
	INK_GRID,
	INK_LANE,
	INK_RF,
	INK_PHASE,
	INK_X,
	INK_Y,
	INK_Z,
	INK_ADC
};
void canvas_ink(struct canvas *v, enum ink ink);
/* Colour of t in 0..1 on a scale that also reads in grey (Matplotlib's viridis, five points). */
void canvas_scale_color(double rgb[3], double t);

enum align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };
/* Text with its middle height at y. */
void canvas_text(struct canvas *v, double x, double y, enum align align, double size, bool bold,
		 const char *text);
double canvas_text_width(struct canvas *v, double size, bool bold, const char *text);
/* A straight line, sharp when it lies along an axis. */
void canvas_line(struct canvas *v, double x0, double y0, double x1, double y1, double width);

/* `value` [ny][nx] in greys from lo (black) to hi (white), the lowest y at the bottom, into the
 * rectangle x, y, width, height. What is not a number is black. */
precess_status canvas_pixels(struct canvas *v, const double box[4], const float *value, int nx,
			     int ny, double lo, double hi);

/* Round tick positions: at most `most` of them in [lo, hi] (lo < hi). */
struct ticks {
	double first, step;
	int n;
};
struct ticks ticks_make(double lo, double hi, int most);
double ticks_at(const struct ticks *t, int i);
/* The value as short as its step allows. */
void ticks_label(char out[32], const struct ticks *t, int i);

#endif
