/* The extended phase graph: see epg.h. A list of transverse states F, one of longitudinal ones Z; a
 * pulse that rotates by R makes
 *     F'(k) = (Rxx + Ryy + i (Ryx - Rxy)) / 2 F(k) + (Rxx - Ryy + i (Ryx + Rxy)) / 2 F*(-k)
 *             + (Rxz + i Ryz) Z(k),
 *     Z'(k) = (Rzx - i Rzy) / 2 F(k) + (Rzx + i Rzy) / 2 F*(-k) + Rzz Z(k),
 * and states with equal moments are added. Off-resonance tilts the axis of R: a refocusing pulse
 * that is exact on resonance then leaves some of everything behind. */
#include "runtime/sim/epg.h"
#include "runtime/sim/internal.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double lattice = 1e4; /* keys per cycle over the extent */
static const double s_per_ps = 1e-12;
static const double tau = 6.283185307179586476925; /* 2 pi */

enum { STATES_LIMIT = 20000 };

struct list {
	struct epg_state *state;
	size_t n, capacity;
};
struct graph {
	const struct draw *d;
	double extent[3], floor;
	struct list f, z, f2, z2;
	bool failed; /* out of memory */
};

void epg_extent(double extent[3], const struct program *p)
{
	for (int a = 0; a < 3; a++)
		extent[a] = p->fov[a] > 0 ? p->fov[a] : a == 2 ? SIM_SLICE : 0.2;
}

/* ------------------------------------------------------------------ lists */
static struct epg_state *append(struct graph *g, struct list *l)
{
	if (l->n == l->capacity) {
		size_t capacity = l->capacity ? 2 * l->capacity : 64;
		struct epg_state *s = realloc(l->state, capacity * sizeof *s);

		if (!s) {
			g->failed = true;
			return NULL;
		}
		l->state = s;
		l->capacity = capacity;
	}
	return &l->state[l->n++];
}

static void set_key(struct epg_state *s, const double extent[3])
{
	for (int a = 0; a < 3; a++)
		s->key[a] = llround(s->k[a] * extent[a] * lattice);
}

static int by_key(const void *a, const void *b)
{
	const struct epg_state *x = a, *y = b;

	for (int i = 2; i >= 0; i--) { /* z first: users go through equal kz together */
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double x = hypot(((const struct epg_state *)a)->re, ((const struct epg_state *)a)->im);
	double y = hypot(((const struct epg_state *)b)->re, ((const struct epg_state *)b)->im);

	return (x < y) - (x > y);
}

/* Adds up states of equal moments, drops the small. */
static void merge(struct graph *g, struct list *l)
{
	size_t n = 0;

	if (l->n)
		qsort(l->state, l->n, sizeof *l->state, by_key);
	for (size_t i = 0, j; i < l->n; i = j) {
		struct epg_state s = l->state[i];
		double most = hypot(s.re, s.im);

		for (j = i + 1; j < l->n && !by_key(&l->state[i], &l->state[j]); j++) {
			const struct epg_state *o = &l->state[j];

			s.re += o->re;
			s.im += o->im;
			if (hypot(o->re, o->im) > most * (1 + 1e-9)) {
				most = hypot(o->re, o->im);
				s.life = o->life;
				memcpy(s.order, o->order, sizeof s.order);
			}
		}
		if (hypot(s.re, s.im) > g->floor)
			l->state[n++] = s;
	}
	l->n = n;
	if (n > STATES_LIMIT) {
		qsort(l->state, n, sizeof *l->state, by_size);
		l->n = STATES_LIMIT;
	}
}

/* ------------------------------------------------------------------ operators */
/* A child of `s` with amplitude times `factor`; conjugate ones stand at -k. */
static void branch(struct graph *g, struct list *l, const struct epg_state *s,
		   double complex factor, bool conjugate, char coherence)
{
	double complex v = factor * (conjugate ? s->re - I * s->im : s->re + I * s->im);
	struct epg_state *q;
	size_t n;

	if (cabs(v) <= g->floor || !(q = append(g, l)))
		return;
	*q = *s;
	q->re = creal(v);
	q->im = cimag(v);
	for (int a = 0; a < 3 && conjugate; a++) {
		q->k[a] = -s->k[a];
		q->key[a] = -s->key[a];
	}
	for (char *c = q->order; *c && conjugate; c++)
		*c = *c == '+' ? '-' : *c == '-' ? '+' : *c;
	n = strlen(q->order);
	if (n == EPG_ORDER - 1)
		memmove(q->order, q->order + 1, n--);
	q->order[n] = coherence;
	q->order[n + 1] = '\0';
}

static void swap(struct list *a, struct list *b)
{
	struct list t = *a;

	*a = *b;
	*b = t;
}

/* Rotation by `angle` about `axis` (a unit vector), in the sense of dM/dt = M x Omega. */
static void rotation(double r[3][3], const double axis[3], double angle)
{
	const double c = cos(angle), s = sin(angle);
	const double x = axis[0], y = axis[1], z = axis[2];
	const double cross[3][3] = { { 0, z, -y }, { -z, 0, x }, { y, -x, 0 } }; /* v x axis */

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			r[i][j] = (i == j) * c + s * cross[i][j] + (1 - c) * axis[i] * axis[j];
}

/* A rectangular pulse of this flip on resonance, `dB0` Hz off; a shaped one is taken for such. */
static void pulse(struct graph *g, double flip, double phase, double duration, double dB0)
{
	double off = tau * dB0 * duration, angle = hypot(flip, off);
	double axis[3] = { 1, 0, 0 }, r[3][3];
	double complex ff, fc, fz, zf;

	if (angle > 0) {
		axis[0] = flip * cos(phase) / angle;
		axis[1] = flip * sin(phase) / angle;
		axis[2] = off / angle;
	}
	rotation(r, axis, angle);
	ff = 0.5 * (r[0][0] + r[1][1] + I * (r[1][0] - r[0][1]));
	fc = 0.5 * (r[0][0] - r[1][1] + I * (r[1][0] + r[0][1]));
	fz = r[0][2] + I * r[1][2];
	zf = 0.5 * (r[2][0] - I * r[2][1]);
	g->f2.n = g->z2.n = 0;
	for (size_t i = 0; i < g->f.n; i++) {
		const struct epg_state *q = &g->f.state[i];

		branch(g, &g->f2, q, ff, false, '+');
		branch(g, &g->f2, q, fc, true, '+');
		branch(g, &g->z2, q, zf, false, '0');
		branch(g, &g->z2, q, conj(zf), true, '0');
	}
	for (size_t i = 0; i < g->z.n; i++) {
		const struct epg_state *q = &g->z.state[i];

		branch(g, &g->z2, q, r[2][2], false, '0');
		branch(g, &g->f2, q, fz, false, '+');
	}
	swap(&g->f, &g->f2);
	swap(&g->z, &g->z2);
	merge(g, &g->f);
	merge(g, &g->z);
}

static void precess(struct graph *g, double duration, const double moment[3])
{
	for (size_t i = 0; i < g->f.n; i++) {
		struct epg_state *s = &g->f.state[i];

		for (int a = 0; a < 3; a++)
			s->k[a] += moment[a];
		s->life += duration;
		set_key(s, g->extent);
	}
}

/* What a gradient during the pulse adds before its centre and after it; the pulse is taken as
 * acting at the centre. */
static void pulse_moments(double before[3], double after[3], double lengths[2],
			  const struct draw *d, uint32_t epoch)
{
	const struct program_epoch *x = &d->program->epoch[epoch];
	const struct program_pulse *q = &d->program->pulse[x->pulse];
	const struct draw_event *e = &d->event[d->at[q->event]];
	double start = (double)e->start * s_per_ps, center = start + (double)e->center * s_per_ps;
	double end = start + (double)e->duration * s_per_ps;

	lengths[0] = center - start;
	lengths[1] = end - center;
	for (int a = 0; a < 3; a++) {
		before[a] = draw_moment(d, a, start, center);
		after[a] = draw_moment(d, a, center, end);
	}
}

precess_status epg_run(const struct draw *d, uint32_t history, struct epg_field field, double floor,
		       epg_visit visit, void *context)
{
	const struct program_history *h = &d->program->history[history];
	struct graph g = { .d = d, .floor = floor };
	struct epg_state *s;

	epg_extent(g.extent, d->program);
	if ((s = append(&g, &g.z)))
		*s = (struct epg_state){ .re = 1 };
	for (uint32_t e = h->first_epoch; e < h->first_epoch + h->n_epoch && !g.failed; e++) {
		const struct program_epoch *q = &d->program->epoch[e];
		double moment[3], before[3], after[3], length[2];

		if (q->pulse != UINT32_MAX) {
			pulse_moments(before, after, length, d, e);
			precess(&g, length[0], before);
			merge(&g, &g.f);
			pulse(&g, field.b1 * sim_slot(d, d->program->pulse[q->pulse].flip),
			      sim_slot(d, q->phase), length[0] + length[1], field.dB0);
			precess(&g, length[1], after);
		}
		merge(&g, &g.f);
		visit(context, e, g.f.state, g.f.n);
		for (int a = 0; a < 3; a++)
			moment[a] = sim_slot(d, q->moment[a]);
		precess(&g, sim_slot(d, q->duration), moment);
	}
	free(g.f.state);
	free(g.z.state);
	free(g.f2.state);
	free(g.z2.state);
	return g.failed ? precess_fail(PRECESS_ENOMEM, "out of memory for coherence pathways")
			: PRECESS_OK;
}
