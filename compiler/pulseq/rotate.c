/* ROTATIONS: the gradients of a block, turned by a quaternion. An axis that gets parts of several
 * gradients plays their sum: of equal timing amplitude by amplitude or sample by sample, of other
 * timing as straight lines between all the points of both. */
#include "compiler/pulseq/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

precess_status pulseq_play_piece(struct played *p, const struct piece *piece)
{
	return pulseq_append((void **)&p->piece, &p->n, &p->capacity, piece, sizeof *piece);
}

/* v' = R v. */
static void matrix(double r[3][3], const double q[4])
{
	double w = q[0], x = q[1], y = q[2], z = q[3];
	const double m[3][3] = {
		{ 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y) },
		{ 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x) },
		{ 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y) },
	};

	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++) /* rounding of the file's digits is none */
			r[i][j] = fabs(m[i][j]) < 1e-12 ? 0 : m[i][j];
	}
}

/* ------------------------------------------------------------------ equal timing */
static bool same_timing(const struct state *s, const struct piece *a, const struct piece *b)
{
	if (a->start != b->start || a->duration != b->duration)
		return false;
	if (a->shape == IR_NO_SHAPE || b->shape == IR_NO_SHAPE)
		return a->shape == b->shape && a->rise == b->rise && a->flat == b->flat &&
		       a->fall == b->fall;
	return s->ir->shape[a->shape].n == s->ir->shape[b->shape].n;
}

static precess_status add_samples(struct state *s, struct piece *sum, const struct piece *p,
				  double k)
{
	const struct ir_shape *a = &s->ir->shape[sum->shape], *b = &s->ir->shape[p->shape];
	struct ir_shape both = { .name = "pulseq", .n = a->n };
	double u = sum->amplitude, v = k * p->amplitude, largest = fmax(fabs(u), fabs(v));

	if (sum->shape == p->shape || largest == 0) {
		sum->amplitude = u + v;
		return PRECESS_OK;
	}
	both.sample = calloc(both.n, sizeof *both.sample);
	if (!both.sample)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", both.n);
	for (uint32_t i = 0; i < both.n; i++)
		both.sample[i] = (u * a->sample[i] + v * b->sample[i]) / largest;
	both.first = (u * a->first + v * b->first) / largest;
	both.last = (u * a->last + v * b->last) / largest;
	sum->amplitude = largest;
	sum->shape = ir_add_shape(s->ir, &both);
	free(both.sample);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ other timing */
/* The corners of a piece: n of them, number i at time t, value v (share of the amplitude). */
static uint32_t corners(const struct state *s, const struct piece *p)
{
	return p->shape == IR_NO_SHAPE ? 4 : s->ir->shape[p->shape].n + 2;
}

static void corner(int64_t *t, double *v, const struct state *s, const struct piece *p, uint32_t i)
{
	const struct ir_shape *f;

	if (p->shape == IR_NO_SHAPE) {
		*t = p->start + (i > 0 ? p->rise : 0) + (i > 1 ? p->flat : 0) +
		     (i > 2 ? p->fall : 0);
		*v = i == 1 || i == 2;
		return;
	}
	f = &s->ir->shape[p->shape];
	*t = i == 0     ? p->start
	     : i > f->n ? p->start + p->duration
			: p->start + llround((i - 0.5) / f->n * (double)p->duration);
	*v = i == 0 ? f->first : i > f->n ? f->last : f->sample[i - 1];
}

/* Adds to u, v what the pieces are worth at both ends of [t0, t1], within which none has a corner.
 * Pieces are in order of time; *at, *edge remember where the last call was. */
static void add_values(double *u, double *v, const struct state *s, const struct played *p,
		       double k, int64_t t0, int64_t t1, size_t *at, uint32_t *edge)
{
	int64_t a, b;
	double x, y;

	for (; *at < p->n && p->piece[*at].start + p->piece[*at].duration <= t0; (*at)++)
		*edge = 0;
	if (*at == p->n || p->piece[*at].start >= t1)
		return;
	for (;; (*edge)++) {
		corner(&a, &x, s, &p->piece[*at], *edge);
		corner(&b, &y, s, &p->piece[*at], *edge + 1);
		if (b > t0)
			break;
	}
	k *= p->piece[*at].amplitude;
	*u += k * (x + (y - x) * (double)(t0 - a) / (double)(b - a));
	*v += k * (x + (y - x) * (double)(t1 - a) / (double)(b - a));
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static precess_status add_lines(struct state *s, struct played *out, const double k[3])
{
	size_t n = 0, at[3] = { 0 };
	uint32_t edge[3] = { 0 };
	precess_status st = PRECESS_OK;
	int64_t *t;
	double v;

	for (int a = 0; a < 3; a++) {
		for (size_t i = 0; k[a] != 0 && i < s->played[a].n; i++)
			n += corners(s, &s->played[a].piece[i]);
	}
	t = calloc(n + 1, sizeof *t);
	if (!t)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu points", n);
	n = 0;
	for (int a = 0; a < 3; a++) {
		for (size_t i = 0; k[a] != 0 && i < s->played[a].n; i++) {
			for (uint32_t c = 0; c < corners(s, &s->played[a].piece[i]); c++)
				corner(&t[n++], &v, s, &s->played[a].piece[i], c);
		}
	}
	qsort(t, n, sizeof *t, by_time);
	for (size_t i = 0; i + 1 < n; i++) {
		double u0 = 0, u1 = 0, largest;
		struct piece p;

		if (t[i] == t[i + 1])
			continue;
		for (int a = 0; a < 3; a++) {
			if (k[a] != 0)
				add_values(&u0, &u1, s, &s->played[a], k[a], t[i], t[i + 1], &at[a],
					   &edge[a]);
		}
		largest = fmax(fabs(u0), fabs(u1));
		if (largest > 0 && pulseq_line_piece(&p, s->ir, t[i], t[i + 1], u0 / largest,
						     u1 / largest, largest))
			TRY(pulseq_play_piece(out, &p));
	}
out:
	free(t);
	return st;
}

/* ------------------------------------------------------------------ an axis */
static precess_status turn_axis(struct state *s, struct played *out, const double k[3])
{
	int first = -1;

	out->n = 0;
	for (int a = 0; a < 3; a++) {
		const struct played *p = &s->played[a];
		bool fits = first >= 0 && p->n == out->n;
		precess_status st;

		if (k[a] == 0 || p->n == 0)
			continue;
		for (size_t i = 0; fits && i < p->n; i++)
			fits = same_timing(s, &p->piece[i], &out->piece[i]);
		if (first >= 0 && !fits) {
			out->n = 0;
			return add_lines(s, out, k);
		}
		for (size_t i = 0; i < p->n; i++) {
			struct piece own = p->piece[i];

			own.amplitude *= k[a];
			if (first < 0)
				st = pulseq_play_piece(out, &own);
			else if (own.shape == IR_NO_SHAPE)
				out->piece[i].amplitude += own.amplitude, st = PRECESS_OK;
			else
				st = add_samples(s, &out->piece[i], &p->piece[i], k[a]);
			if (st)
				return st;
		}
		first = first < 0 ? a : first;
	}
	return PRECESS_OK;
}

precess_status pulseq_rotate(struct state *s, const double q[4])
{
	precess_status st = PRECESS_OK;
	double r[3][3];

	matrix(r, q);
	for (int a = 0; a < 3; a++)
		TRY(turn_axis(s, &s->turned[a], r[a]));
out:
	return st;
}
