/* The first-order image of a train that off-resonance bends.
 *
 * On a train, time runs with ky: a spin of frequency f at y looks like one at y + f period /
 * dky, and turns by -2 pi f t, t the signed time of its echo. So every spin's transverse
 * magnetisation, one pathway after another, is deposited where it will be seen: pushed, not
 * pulled, because folds are many to one. What is left out: decay along the train, B1, the
 * residual inside a line. On GRE-EPI a network that starts from this image is 11 dB better than
 * one told phase and displacement. */
#include "runtime/data/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double shift_unit = 8;                /* pixels: planes are of order one */
static const double dark = 1e-3;                   /* of M0: below, a phase means nothing */

double push_pixels(const struct program *p, const double *value, int ny)
{
	const struct program_train *t = &p->train[0];

	return value[t->period] / (value[t->dky] * p->fov[1]) * ny;
}

/* ------------------------------------------------------------------ depositing */
struct push {
	const struct draw *d;
	const struct maps *m;
	int nx, fine_x;
	double rows_per_hz;
	double *line; /* [m->ny][nx] re, im: fine along y only */
};

static float map_at(const struct push *s, enum program_map_kind k, size_t i)
{
	return s->m->map[k] ? s->m->map[k][i] : (float)s->d->program->map[k].value;
}

/* Both rows that share it; what leaves on one side of the field of view comes in on the other. */
static void deposit(struct push *s, int x, double row, double re, double im)
{
	int n = s->m->ny, low = (int)row - (row < (int)row), at;
	double part = row - low;

	for (int side = 0; side < 2; side++) {
		double weight = side ? part : 1 - part, *to;

		for (at = low + side; at < 0; at += n)
			;
		for (; at >= n; at -= n)
			;
		to = s->line + 2 * ((size_t)at * (size_t)s->nx + (size_t)(x / s->fine_x));
		to[0] += weight * re;
		to[1] += weight * im;
	}
}

static void push_spin(struct push *s, int x, int y)
{
	const struct program *p = s->d->program;
	size_t i = (size_t)y * (size_t)s->m->nx + (size_t)x;
	double m0 = map_at(s, PROGRAM_MAP_M0, i), t2 = map_at(s, PROGRAM_MAP_T2, i);
	double f = map_at(s, PROGRAM_MAP_dB0, i), row = y + f * s->rows_per_hz;
	double px = (x + 0.5) / s->m->nx - 0.5, py = (row + 0.5) / s->m->ny - 0.5;
	const double *v = s->d->value;

	if (!(m0 > 0))
		return;
	for (uint32_t k = 0; k < p->n_pathway; k++) {
		const struct program_pathway *q = &p->pathway[k];
		double size = m0 * (double)expf((float)(-v[q->time] / t2));
		double turns = v[q->k[0]] * px + v[q->k[1]] * py - f * v[q->off];
		float angle = (float)(tau * (turns - (double)(int64_t)turns));
		double c = (double)cosf(angle), d = (double)sinf(angle);

		if (q->epoch == p->train[0].epoch)
			deposit(s, x, row, size * (q->re * c - q->im * d),
				size * (q->re * d + q->im * c));
	}
}

precess_status push_image(float *base, const struct draw *d, const struct maps *m, int nx, int ny)
{
	struct push s = { .d = d, .m = m, .nx = nx, .fine_x = m->nx / nx };
	int fine = m->ny / ny;
	double scale = 1.0 / ((double)fine * s.fine_x);

	s.rows_per_hz = push_pixels(d->program, d->value, m->ny);
	s.line = calloc(2 * (size_t)m->ny * (size_t)nx, sizeof *s.line);
	if (!s.line)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int y = 0; y < m->ny; y++) {
		for (int x = 0; x < m->nx; x++)
			push_spin(&s, x, y);
	}
	for (int y = 0; y < ny; y++) {
		for (int x = 0; x < 2 * nx; x++) {
			double sum = 0;

			for (int j = y * fine; j < (y + 1) * fine; j++)
				sum += s.line[2 * (size_t)j * (size_t)nx + (size_t)x];
			base[2 * (size_t)y * (size_t)nx + (size_t)x] = (float)(sum * scale);
		}
	}
	free(s.line);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ planes */
int data_plane_find(const char *name)
{
	static const char *const names[] = {
#define PLANE(name, doc) #name,
#include "runtime/program/planes.def"
#undef PLANE
	};

	for (int i = 0; i < DATA_PLANES; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* The mean of dB0 over each pixel's sub-pixels times pixels per Hz. */
static precess_status fill_shift(float *out, const struct program *p, const struct data_sample *s)
{
	const struct data_shape *h = &s->shape;
	double *value = malloc((p->n_op + 1) * sizeof *value), scale;

	if (!value)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	program_evaluate(value, p, s->param);
	scale = push_pixels(p, value, h->ny) / shift_unit / (h->sub * h->sub);
	free(value);
	for (int y = 0; y < h->ny; y++) {
		for (int x = 0; x < h->nx; x++) {
			double sum = 0;

			for (int k = 0; k < h->sub * h->sub; k++) {
				size_t row = (size_t)(y * h->sub + k / h->sub);

				sum += s->map[PROGRAM_MAP_dB0][row * (size_t)(h->nx * h->sub) +
							       (size_t)(x * h->sub + k % h->sub)];
			}
			out[y * h->nx + x] = (float)(sum * scale);
		}
	}
	return PRECESS_OK;
}

/* Phase from one neighbour to the other, over two pixels (one at the border). */
static float slope(const struct data_sample *s, int x, int y, bool along_y)
{
	int nx = s->shape.nx, n = along_y ? s->shape.ny : nx, at = along_y ? y : x;
	int lo = at > 0 ? at - 1 : at, hi = at + 1 < n ? at + 1 : at;
	const float *a = s->base + 2 * (along_y ? lo * nx + x : y * nx + lo);
	const float *b = s->base + 2 * (along_y ? hi * nx + x : y * nx + hi);
	double re = (double)b[0] * a[0] + (double)b[1] * a[1];
	double im = (double)b[1] * a[0] - (double)b[0] * a[1];

	if (hypot(re, im) < dark * dark)
		return 0;
	return (float)(atan2(im, re) * 2 / tau / (hi - lo));
}

static float base_plane(enum data_plane k, const struct data_sample *s, int x, int y)
{
	const float *v = s->base + 2 * (y * s->shape.nx + x);
	float size = hypotf(v[0], v[1]);

	switch (k) {
	case DATA_size:
		return size;
	case DATA_slope_x:
		return slope(s, x, y, false);
	case DATA_slope_y:
		return slope(s, x, y, true);
	case DATA_base_re:
		return v[0];
	case DATA_base_im:
		return v[1];
	case DATA_turn_re:
		return size > (float)dark ? v[0] / size : 1;
	case DATA_turn_im:
		return size > (float)dark ? v[1] / size : 0;
	default:
		return 0;
	}
}

precess_status data_plane_fill(float *out, enum data_plane k, const struct program *p,
			       const struct data_sample *s)
{
	if (!s->base || (k == DATA_shift && !s->map[PROGRAM_MAP_dB0]))
		return precess_fail(
			PRECESS_EINVAL,
			"the sample has no first-order image, which the network asks for");
	if (k == DATA_shift)
		return fill_shift(out, p, s);
	for (int y = 0; y < s->shape.ny; y++) {
		for (int x = 0; x < s->shape.nx; x++)
			out[y * s->shape.nx + x] = base_plane(k, s, x, y);
	}
	return PRECESS_OK;
}
