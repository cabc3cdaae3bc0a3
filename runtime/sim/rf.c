/* An RF event as steps of constant RF, from the event list: what the oracle runs, and the only way
 * where gradients vary during a pulse. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double s_per_ps = 1e-12;

/* The fourth-order Magnus step below errs by about (w h)^4 / 720 times the relative change of the
 * gradient within the step (itself h over the ramp's duration). */
static const double finest = 0.02; /* rad per step while a gradient varies */
static const double gauss = 0.28867513459481288225; /* sqrt(3) / 6: Gauss points at 1/2 -+ this */

/* ------------------------------------------------------------------ edges */
struct edges {
	double *t;
	size_t n, capacity;
};

static void add_edge(struct edges *e, double t, double lo, double hi)
{
	if (t > lo && t < hi && e->n < e->capacity)
		e->t[e->n++] = t;
}

static bool plays_during(const struct draw_event *g, const struct draw_event *e)
{
	return g->kind == PROGRAM_GRAD && g->start < e->start + e->duration &&
	       g->start + g->duration > e->start;
}

static size_t knots_of(const struct draw *d, const struct draw_event *g)
{
	return g->shape == PROGRAM_NO_SHAPE ? 4 : d->program->shape[g->shape].n + 2;
}

static void add_knots(struct edges *out, const struct draw *d, const struct draw_event *g,
		      double lo, double hi)
{
	double start = (double)g->start * s_per_ps, length = (double)g->duration * s_per_ps;

	add_edge(out, start, lo, hi);
	add_edge(out, start + length, lo, hi);
	if (g->shape == PROGRAM_NO_SHAPE) {
		add_edge(out, start + (double)g->rise * s_per_ps, lo, hi);
		add_edge(out, start + (double)(g->rise + g->flat) * s_per_ps, lo, hi);
		return;
	}
	uint32_t n = d->program->shape[g->shape].n;

	for (uint32_t i = 0; i < n; i++)
		add_edge(out, start + (i + 0.5) / n * length, lo, hi);
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Edges of RF samples and knots of the gradients meanwhile, rising, from the event's start to its
 * end. */
static precess_status find_edges(struct edges *out, const struct draw *d,
				 const struct draw_event *e)
{
	double lo = (double)e->start * s_per_ps, hi = lo + (double)e->duration * s_per_ps;
	uint32_t n = e->shape == PROGRAM_NO_SHAPE ? 1 : d->program->shape[e->shape].n;
	size_t k = 1;

	*out = (struct edges){ .capacity = n + 1 };
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		if (plays_during(&d->event[i], e))
			out->capacity += knots_of(d, &d->event[i]);
	}
	out->t = malloc(out->capacity * sizeof *out->t);
	if (!out->t)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	out->t[out->n++] = lo;
	for (uint32_t i = 1; i < n; i++)
		add_edge(out, lo + (hi - lo) * i / n, lo, hi);
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		if (plays_during(&d->event[i], e))
			add_knots(out, d, &d->event[i], lo, hi);
	}
	qsort(out->t, out->n, sizeof *out->t, by_time);
	for (size_t i = 1; i < out->n; i++) { /* sums of times agree to rounding only */
		if (out->t[i] - out->t[k - 1] > 1e-9 * (hi - lo) / n)
			out->t[k++] = out->t[i];
	}
	out->n = k;
	out->t = realloc(out->t, (k + 1) * sizeof *out->t);
	if (!out->t)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	out->t[out->n++] = hi;
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ steps */
/* Field of the RF at place u in 0 .. 1 of the event, phase 0 and B1 = 1, times its duration. */
static void rf_field(double *re, double *im, const struct draw *d, const struct draw_event *e,
		     double u)
{
	*re = e->flip;
	*im = 0;
	if (e->shape == PROGRAM_NO_SHAPE)
		return;
	const struct program_shape *s = &d->program->shape[e->shape];
	uint32_t i = (uint32_t)fmin(u * s->n, s->n - 1.0);

	*re = e->flip * s->sample[s->is_complex ? 2 * i : i];
	*im = s->is_complex ? e->flip * s->sample[2 * i + 1] : 0;
}

/* Splits [t0, t1] of constant RF finely enough; writes to `out` unless NULL. */
static size_t split(struct rf_step *out, const struct draw *d, double bx, double by, double t0,
		    double t1, const double reach[3])
{
	double g0 = tau * d->program->gammabar, angle = hypot(bx, by) * (t1 - t0), h;
	bool varies = false;
	size_t n = 1;

	for (int a = 0; a < 3; a++) {
		double u = g0 * draw_gradient(d, a, 0.999 * t0 + 0.001 * t1);
		double v = g0 * draw_gradient(d, a, 0.001 * t0 + 0.999 * t1);

		angle += fmax(fabs(u), fabs(v)) * reach[a] * (t1 - t0);
		if (fabs(u - v) * reach[a] * (t1 - t0) > 1e-12)
			varies = true;
	}
	if (varies)
		n = (size_t)ceil(fmax(1, angle / finest));
	if (!out)
		return n;
	h = (t1 - t0) / (double)n;
	for (size_t i = 0; i < n; i++) {
		double middle = t0 + ((double)i + 0.5) * h;

		out[i] = (struct rf_step){ .h = h, .bx = bx, .by = by };
		for (int a = 0; a < 3; a++) {
			out[i].g[0][a] = g0 * draw_gradient(d, a, middle - gauss * h);
			out[i].g[1][a] = g0 * draw_gradient(d, a, middle + gauss * h);
		}
	}
	return n;
}

/* A pulse of no duration: one step of h = 0 whose field is the angle. */
static precess_status instant(struct rf_step **out, size_t *n, const struct draw *d,
			      const struct draw_event *e)
{
	uint32_t n_shape = e->shape == PROGRAM_NO_SHAPE ? 1 : d->program->shape[e->shape].n;
	double re, im;

	*out = calloc(1, sizeof **out);
	if (!*out)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	*n = 1;
	for (uint32_t i = 0; i < n_shape; i++) {
		rf_field(&re, &im, d, e, (i + 0.5) / n_shape);
		(*out)->bx += re / n_shape;
		(*out)->by += im / n_shape;
	}
	return PRECESS_OK;
}

precess_status sim_rf_steps(struct rf_step **out, size_t *n, const struct draw *d,
			    const struct draw_event *e, const double reach[3])
{
	double lo = (double)e->start * s_per_ps, length = (double)e->duration * s_per_ps;
	struct edges edge = { 0 };
	precess_status st;

	*out = NULL;
	*n = 0;
	if (e->duration <= 0)
		return instant(out, n, d, e);
	TRY(find_edges(&edge, d, e));
	for (int pass = 0; pass < 2; pass++) {
		size_t total = 0;

		for (size_t i = 0; i + 1 < edge.n; i++) {
			double re, im, t0 = edge.t[i], t1 = edge.t[i + 1];

			rf_field(&re, &im, d, e, (0.5 * (t0 + t1) - lo) / length);
			total += split(*out ? *out + total : NULL, d, re / length, im / length, t0,
				       t1, reach);
		}
		*n = total;
		if (pass == 0 && !(*out = malloc(total * sizeof **out)))
			st = precess_fail(PRECESS_ENOMEM, "out of memory for %zu RF steps", total);
		if (st)
			break;
	}
out:
	free(edge.t);
	return st;
}

/* Magnus with two Gauss points: the mean generator plus sqrt(3)/12 h [A2, A1]. Only the gradient
 * differs between them, dw = w2 - w1, and [dw K(z), K(B)] = dw K(B x z) adds (by, -bx, 0) dw: the
 * RF is seen turned a little. Relaxation commutes with K(z), recovery is along it. */
struct affine sim_rf_propagate(const struct rf_step *step, size_t n, double freq,
			       const struct sim_spin *s)
{
	struct affine m = affine_phase(0), a;
	double t = 0;

	for (size_t i = 0; i < n; i++) {
		const struct rf_step *q = &step[i];
		double w1 = s->w + tau * freq, w2 = w1, bx = q->bx * s->b1, by = q->by * s->b1, f;

		if (q->h == 0) {
			m = affine_rotation(bx, by, 0);
			continue;
		}
		for (int k = 0; k < 3; k++) {
			w1 += q->g[0][k] * s->r[k];
			w2 += q->g[1][k] * s->r[k];
		}
		f = 0.5 * gauss * q->h * (w2 - w1);
		a = affine_bloch(bx + f * by, by - f * bx, 0.5 * (w1 + w2), s->r1, s->r2, s->m0,
				 q->h);
		m = affine_after(&a, &m);
		t += q->h;
	}
	a = affine_phase(tau * freq * t);
	return affine_after(&a, &m);
}
