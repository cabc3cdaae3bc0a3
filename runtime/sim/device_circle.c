/* Trains and fans as circles (runtime/cuda/circle.cu).
 *
 * A train's are the processor's (train.h). A fan is several lines of one view and time, FSE's shots:
 * where samples are evenly spaced, kx and the time are affine in the sample's number k,
 *     sum_x W exp(-(z dwell + 2 pi i dkx x) k),
 * the sum of a train with x for y and the dwell time for the period. Precession and decay within
 * the line are then displacements along x, whole, and no polynomial in z is needed. The spins of a
 * row land once for all fans; each line is a weighted sum of rows and one transform. */
#include "runtime/sim/device_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
/* A spin that lands costs about as much as this many terms of lines. */
static const uint32_t worth = 24;

static void fill_taps(struct device_maker *m, int table, const struct train_kernel *k)
{
	float *to = m->taps + table * BLOCH_TAP_TABLE;

	for (int d = 0; d < k->taps + 1; d++)
		memcpy(to + d * BLOCH_TAPS, k->coef + d * CPU_TAPS, BLOCH_TAPS * sizeof *to);
}

/* ------------------------------------------------------------------ trains */
static precess_status add_odds(struct device_maker *m, const struct line_train *t)
{
	uint32_t n = m->s->n_train * m->s->rates * BLOCH_ODDS; /* of the trains before */

	for (uint32_t i = 0; i < m->s->rates * BLOCH_ODDS; i++) {
		struct bloch_odds *to = line_append(&m->odds, &n, sizeof *to);

		if (!to)
			return PRECESS_ENOMEM;
		to->error = t->error[i];
		to->growth = t->growth[i];
	}
	return PRECESS_OK;
}

static precess_status add_divide(struct device_maker *m, const struct line_train *t)
{
	size_t n = (size_t)m->p->choice.groups * t->n;

	for (size_t i = 0; i < n; i++) {
		struct spin_complex *to = line_append(&m->divide, &m->s->n_divide, sizeof *to);

		if (!to)
			return PRECESS_ENOMEM;
		to->re = t->divide[2 * i];
		to->im = t->divide[2 * i + 1];
	}
	return PRECESS_OK;
}

static precess_status add_train(struct device_maker *m, const struct line_train *t)
{
	const struct line_plan *p = m->p;
	const struct train_choice *c = &p->choice;
	const struct line_line *l = &p->line[t->first];
	double dky = (l[t->n - 1].ky - l[0].ky) / (t->n - 1);
	uint32_t n = m->s->n_train;
	precess_status st = add_odds(m, t);
	struct bloch_train *to = st ? NULL : line_append(&m->train, &n, sizeof *to);
	struct bloch_circle *q = to ? line_append(&m->circles, &m->s->n_train, sizeof *q) : NULL;

	if (!q)
		return PRECESS_ENOMEM;
	*to = (struct bloch_train){ .view = device_view(m, &p->piece[t->piece]),
				    .line = t->first - m->h->first_line,
				    .n = t->n,
				    .cells = (uint32_t)t->cells,
				    .center = t->center,
				    .divide = m->s->n_divide };
	*q = (struct bloch_circle){
		.to = device_free(p, l[t->center].time, 0, l[t->center].ky, 0),
		.step = device_free(p, t->period, 0, dky, 0),
		.lo = (float)c->lo,
		.width = (float)c->width,
		.inverse = (float)(1 / c->width),
		.cut = (float)c->cut,
		.drift = (float)(t->period * t->cells / tau),
		.before = (float)t->before,
	};
	for (uint32_t i = 0; i < t->n; i++)
		m->line[to->line + i].maker = BLOCH_TRAIN;
	return add_divide(m, t);
}

precess_status device_trains(struct device_maker *m)
{
	const struct line_plan *p = m->p;
	precess_status st = PRECESS_OK;

	m->s->rates = p->n_train ? (uint32_t)p->choice.groups : 0;
	for (uint32_t i = 0; i < p->n_train && !st; i++) {
		uint32_t piece = p->train[i].piece;

		if (piece - m->h->first_piece < m->h->n_piece &&
		    !p->view[p->piece[piece].view].dark)
			st = add_train(m, &p->train[i]);
	}
	if (m->s->n_train) {
		m->s->taps_train = (uint32_t)p->choice.kernel->taps;
		fill_taps(m, 0, p->choice.kernel);
	}
	return st;
}

/* ------------------------------------------------------------------ fans */
static bool evenly(const struct line_plan *p, const struct line_shape *s)
{
	double dk = (s->kx[s->n - 1] - s->kx[0]) / (s->n - 1);
	double dt = (s->tau[s->n - 1] - s->tau[0]) / (s->n - 1);

	if (s->n < 2)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (fabs(s->kx[i] - s->kx[0] - dk * i) * p->sim->maps->fov[0] > 1e-8 ||
		    fabs(s->tau[i] - s->tau[0] - dt * i) > 1e-12)
			return false;
	return true;
}

static bool is_fan(const struct device_maker *m, const struct line_piece *q)
{
	const struct line_plan *p = m->p;
	uint32_t shape = p->line[q->first].shape;

	if (q->run || q->train >= 0 || p->view[q->view].dark ||
	    q->n * (uint32_t)p->series.terms < worth || !evenly(p, &p->shape[shape]) ||
	    (m->s->n_fan && shape != m->s->fan_shape))
		return false;
	for (uint32_t i = 1; i < q->n; i++)
		if (p->line[q->first + i].shape != shape)
			return false;
	return true;
}

/* The fewest taps whose error a spin of this shape may have; NULL where none does. */
static const struct train_kernel *choose(double *error, const struct line_plan *p,
					 const struct line_shape *s, int cells)
{
	double dwell = (s->tau[s->n - 1] - s->tau[0]) / (s->n - 1), half = p->series.half_r;
	double grow = exp(half * dwell * (s->n / 2));

	for (int taps = 4; taps <= CPU_TAPS; taps += 2) {
		const struct train_kernel *k = train_kernel(taps);

		*error = grow * train_kernel_error(k, half * dwell * cells / tau);
		if (*error <= p->fan_limit)
			return k;
	}
	return NULL;
}

/* What all fans have in common: the circle, and the factors of its samples. */
static precess_status fill_strip(struct device_maker *m, const struct train_kernel *k)
{
	const struct line_plan *p = m->p;
	struct bloch_schedule *s = m->s;
	const struct line_shape *f = &p->shape[s->fan_shape];
	double dwell = (f->tau[f->n - 1] - f->tau[0]) / (f->n - 1);
	double width = p->series.half_r > 0 ? 2 * p->series.half_r : 1;
	double scale = 1 / ((double)p->nx * p->ny);

	m->strip = calloc(1, sizeof *m->strip);
	m->pick = calloc((size_t)s->n_sample + 1, sizeof *m->pick);
	if (!m->strip || !m->pick)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	*m->strip = (struct bloch_circle){
		.step = device_free(p, dwell, (f->kx[f->n - 1] - f->kx[0]) / (f->n - 1), 0, 0),
		.lo = (float)(p->series.r - 0.5 * width),
		.width = (float)width,
		.inverse = (float)(1 / width),
		.drift = (float)(dwell * s->fan_cells / tau),
	};
	for (uint32_t i = 0; i < f->n; i++) {
		double at = (double)i - s->fan_center, cells = s->fan_cells;
		double size = scale * exp(-p->series.r * dwell * at) /
			      train_kernel_transform(k, at / cells);
		double phase = tau * at * (0.5 + k->taps / cells);

		m->pick[i].re = (float)(size * cos(phase));
		m->pick[i].im = (float)(size * sin(phase));
	}
	s->taps_fan = (uint32_t)k->taps;
	fill_taps(m, 1, k);
	return PRECESS_OK;
}

static precess_status add_fan(struct device_maker *m, uint32_t piece)
{
	const struct line_plan *p = m->p;
	const struct line_piece *q = &p->piece[piece];
	const struct line_line *l = &p->line[q->first];
	const struct line_shape *f = &p->shape[l->shape];
	uint32_t n = m->s->n_fan, center = f->n / 2, first = q->first - m->h->first_line;
	struct bloch_fan *to = line_append(&m->fan, &n, sizeof *to);
	struct bloch_fan_numbers *numbers =
		to ? line_append(&m->fans, &m->s->n_fan, sizeof *numbers) : NULL;

	if (!numbers)
		return PRECESS_ENOMEM;
	m->s->fan_shape = l->shape;
	*to = (struct bloch_fan){ .view = device_view(m, q),
				  .line = first,
				  .n = q->n,
				  .piece = (int)(piece - m->h->first_piece) };
	numbers->to = device_free(p, l->time + f->tau[center], f->kx[center], 0, 0);
	for (uint32_t i = 0; i < q->n; i++)
		m->line[first + i].maker = BLOCH_FAN;
	return PRECESS_OK;
}

static void undo_fans(struct device_maker *m)
{
	for (uint32_t i = 0; i < m->s->n_line; i++)
		if (m->line[i].maker == BLOCH_FAN)
			m->line[i].maker = BLOCH_DARK;
	m->s->n_fan = 0;
}

precess_status device_fans(struct device_maker *m)
{
	const struct line_plan *p = m->p;
	const struct line_history *h = m->h;
	const struct train_kernel *k;
	precess_status st = PRECESS_OK;

	for (uint32_t i = h->first_piece; i < h->first_piece + h->n_piece && !st; i++)
		if (is_fan(m, &p->piece[i]))
			st = add_fan(m, i);
	if (st || !m->s->n_fan)
		return st;
	m->s->fan_cells = (uint32_t)train_cells(p->shape[m->s->fan_shape].n);
	m->s->fan_center = p->shape[m->s->fan_shape].n / 2;
	k = choose(&m->fan_error, p, &p->shape[m->s->fan_shape], (int)m->s->fan_cells);
	if (!k) {
		m->fan_error = 0;
		undo_fans(m);
		return PRECESS_OK;
	}
	m->ky = calloc(h->n_line, sizeof *m->ky);
	if (!m->ky)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u lines", h->n_line);
	for (uint32_t i = 0; i < h->n_line; i++)
		m->ky[i] = spin_split(p->line[h->first_line + i].ky * p->sim->maps->fov[1] /
				      (2.0 * p->ny));
	return fill_strip(m, k);
}
