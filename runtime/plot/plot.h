/* Pictures: sequence diagram and k-space trajectory as SVG, PDF or PNG by the file name's ending, or
 * both on an interactive HTML page. */
#ifndef RUNTIME_PLOT_PLOT_H
#define RUNTIME_PLOT_PLOT_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

struct plot_options {
	double from, to;   /* seconds; to <= from: the whole sequence */
	int width, height; /* points; 0: chosen */
};
/* Refuses, before any work, a picture whose ending or place will not do. */
precess_status plot_probe(const char *path);
/* Lanes RF (magnitude, phase), Gx, Gy, Gz, ADC with shared time axis, amplitudes and marks. */
precess_status plot_sequence(const char *path, const struct draw *d, const struct plot_options *o);
/* kx against ky of every sample, coloured by time, the Nyquist window drawn. */
precess_status plot_trajectory(const char *path, const struct draw *d, const struct plot_options *o);
/* Both on one page that zooms and pans, in a browser without a network. `o` is what it shows first. */
precess_status plot_page(const char *path, const struct draw *d, const struct plot_options *o);
/* Images and log k-space of one set side by side with a grey scale and a title. */
precess_status plot_image(const char *path, const char *title, const float *image,
			  const float *kspace, int nx, int ny);
/* A map in colour, `scale` times its values from lo to hi, with a bar in `unit`. NAN is black, and so
 * is exactly 0 (no object) where lo is not negative. */
struct plot_map {
	const char *title, *unit;
	const float *value; /* [iy][ix] */
	int nx, ny;
	double scale, lo, hi;
};
precess_status plot_map(const char *path, const struct plot_map *m);
/* Images in rows and columns, each row with a name and a grey scale from 0 to `most` of its own.
 * `value` holds rows * columns images [ny][nx], `caption` a line for each. */
struct plot_row {
	const char *name;
	const float *const *value;
	const char *const *caption;
	double most;
};
precess_status plot_montage(const char *path, const char *title, const struct plot_row *row,
			    int rows, int columns, int nx, int ny);
/* n lines named at their ends. `dots`: marks at the points instead of a line. On a logarithmic
 * ordinate what is not positive is left out. */
struct plot_line {
	const char *name;
	const double *x, *y;
	int n;
	bool dots;
	int ink; /* lines of the same number have the same colour; 0: by their order */
};
struct plot_axes {
	const char *x, *y; /* their names */
	bool is_linear;    /* the ordinate, from 0; else logarithmic */
};
precess_status plot_curve(const char *path, const char *title, const struct plot_axes *axes,
			  const struct plot_line *line, int n);

#ifdef __cplusplus
}
#endif
#endif
