/* Smooth fields over the field of view: what a transmit coil and imperfect shimming look like.
 *
 * A surface is a polynomial of order 3 in x and y (coefficients in -0.5..0.5) plus Gaussian bumps,
 * with x and y in -1..1 over the field of view. Its extremes are taken on a fixed lattice, so that
 * the field is the same at every resolution. */
#include "runtime/object/internal.h"

#include <math.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

enum {
	ORDER = 3,
	TERMS = (ORDER + 1) * (ORDER + 2) / 2,
	BUMPS = 4,
	LATTICE = 65 /* finer than any bump is wide, so nothing is missed between its points */
};
enum { STREAM_B1 = 0xb1, STREAM_DB0 = 0xdb0, STREAM_COILS = 0xc011 };

struct surface {
	double coefficient[TERMS];
	struct {
		double x, y, width, height;
	} bump[BUMPS];
	int n_bump;
	double lo, hi; /* extremes over the field of view */
};

static double surface_at(const struct surface *s, double x, double y)
{
	double v = 0, dx, dy, width, px, py;
	int i, j, n = 0;

	for (i = 0, px = 1; i <= ORDER; i++, px *= x)
		for (j = 0, py = px; i + j <= ORDER; j++, py *= y)
			v += s->coefficient[n++] * py;
	for (i = 0; i < s->n_bump; i++) {
		dx = x - s->bump[i].x;
		dy = y - s->bump[i].y;
		width = s->bump[i].width;
		v += s->bump[i].height * exp(-(dx * dx + dy * dy) / (2 * width * width));
	}
	return v;
}

static void surface_draw(struct surface *s, struct rng *r, int n_bump)
{
	double v;
	int i, j;

	for (i = 0; i < TERMS; i++)
		s->coefficient[i] = rng_uniform(r, -0.5, 0.5);
	s->n_bump = n_bump;
	for (i = 0; i < n_bump; i++) {
		s->bump[i].x = rng_uniform(r, -0.6, 0.6);
		s->bump[i].y = rng_uniform(r, -0.6, 0.6);
		s->bump[i].width = rng_uniform(r, 0.15, 0.5);
		s->bump[i].height = rng_uniform(r, -1, 1);
	}
	s->lo = INFINITY;
	s->hi = -INFINITY;
	for (j = 0; j < LATTICE; j++)
		for (i = 0; i < LATTICE; i++) {
			v = surface_at(s, 2.0 * i / (LATTICE - 1) - 1, 2.0 * j / (LATTICE - 1) - 1);
			s->lo = fmin(s->lo, v);
			s->hi = fmax(s->hi, v);
		}
}

static void surface_fill(float *out, int nx, int ny, double lo, double hi, const struct surface *s)
{
	double scale = s->hi > s->lo ? (hi - lo) / (s->hi - s->lo) : 0;
	double x, y, v;
	int ix, iy;

	for (iy = 0; iy < ny; iy++)
		for (ix = 0; ix < nx; ix++) {
			x = 2 * (ix + 0.5) / nx - 1;
			y = 2 * (iy + 0.5) / ny - 1;
			v = lo + scale * (surface_at(s, x, y) - s->lo);
			out[(size_t)iy * nx + ix] = (float)fmin(fmax(v, lo), hi);
		}
}

void field_b1(float *out, int nx, int ny, double lo, double hi, uint64_t seed)
{
	struct rng r = rng_make(seed, STREAM_B1);
	struct surface s;

	surface_draw(&s, &r, 1);
	surface_fill(out, nx, ny, lo, hi, &s);
}

/* Shims differ: a field takes between half and all of the range. */
void field_db0(float *out, int nx, int ny, double lo, double hi, uint64_t seed)
{
	struct rng r = rng_make(seed, STREAM_DB0);
	double width = (hi - lo) * rng_uniform(&r, 0.5, 1);
	double from = lo + (hi - lo - width) * rng_uniform(&r, 0, 1);
	struct surface s;

	surface_draw(&s, &r, 2 + (int)(rng_u32(&r) % (BUMPS - 1)));
	surface_fill(out, nx, ny, from, from + width, &s);
}

/* No two rings are alike: it is turned, and each coil is off its place and turns its own phase. */
void field_coils(float *out, int n, int nx, int ny, uint64_t seed)
{
	struct rng r = rng_make(seed, STREAM_COILS);
	double start = rng_uniform(&r, 0, tau);

	for (int c = 0; c < n; c++) {
		double angle = start + tau * (c + rng_uniform(&r, -0.1, 0.1)) / n;
		double away = rng_uniform(&r, 1.1, 1.3), radius = rng_uniform(&r, 0.7, 0.9);
		double phase = rng_uniform(&r, 0, tau), slope = rng_uniform(&r, 0.3, 0.7);
		double cx = cos(angle), cy = sin(angle);

		for (int iy = 0; iy < ny; iy++)
			for (int ix = 0; ix < nx; ix++, out += 2) {
				double x = 2 * (ix + 0.5) / nx - 1, y = 2 * (iy + 0.5) / ny - 1;
				double q = hypot(x - away * cx, y - away * cy) / radius;
				double size = pow(1 + q * q, -1.5);
				double turn = phase + slope * (x * cx + y * cy);

				out[0] = (float)(size * cos(turn));
				out[1] = (float)(size * sin(turn));
			}
	}
}
