/* Which coherence pathways are seen, and where: a state F(k) makes its echo where the readout's
 * moment is -k, on the sequence's grid where it has one, and on a grid of spins also where that
 * differs by a multiple of spins / fov. */
#include "runtime/sim/epg.h"
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double dephased = 0.5; /* cycles through the slice: no echo beyond */

/* What an epoch's readouts sample: moments since the pulse and the way from there to the grid. */
struct window {
	double lo[3], hi[3], shift[2];
	bool any;
};
struct search {
	const struct draw *d;
	struct window *window;    /* per epoch; lo, hi in x and y are those of all readouts */
	double fold[2];           /* 1/m: spins / fov; 0: none */
	double slice, threshold;
	struct pathway *found;
	size_t n, capacity;
	bool failed;
};

/* ------------------------------------------------------------------ windows */
static void widen(struct window *w, int axis, double k)
{
	w->lo[axis] = fmin(w->lo[axis], k);
	w->hi[axis] = fmax(w->hi[axis], k);
}

static precess_status find_window(struct window *w, struct window *all, const struct draw *d,
				  uint32_t epoch, const struct grid *g)
{
	const struct program *p = d->program;
	const struct program_epoch *x = &p->epoch[epoch];

	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		uint32_t n = p->event[p->readout[r].event].n;
		double *k;

		if (g && g->row[r].set < 0)
			continue;
		k = malloc(4 * ((size_t)n + 1) * sizeof *k);
		if (!k)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		draw_readout(d, r, k, k + 3 * (size_t)n);
		for (int a = 0; a < 2; a++)
			w->shift[a] = g ? g->row[r].shift[a] : 0;
		for (uint32_t i = 0; i < 3 * n; i++) {
			double v = k[i] + (i % 3 < 2 ? w->shift[i % 3] : 0);

			widen(w, i % 3, v);
			widen(all, i % 3, v);
		}
		w->any = w->any || n;
		free(k);
	}
	return PRECESS_OK;
}

static precess_status find_windows(struct search *s)
{
	const struct program *p = s->d->program;
	struct window all = { { INFINITY, INFINITY, INFINITY }, { -INFINITY, -INFINITY, -INFINITY },
			      { 0, 0 }, false };
	struct grid *g = NULL;
	precess_status st;

	s->window = malloc(((size_t)p->n_epoch + 1) * sizeof *s->window);
	if (!s->window)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (grid_create(&g, s->d))
		g = NULL; /* not Cartesian: moments since the pulse */
	st = PRECESS_OK;
	for (uint32_t e = 0; e < p->n_epoch && !st; e++) {
		s->window[e] = all;
		for (int a = 0; a < 3; a++) {
			s->window[e].lo[a] = INFINITY;
			s->window[e].hi[a] = -INFINITY;
		}
		st = find_window(&s->window[e], &all, s->d, e, g);
	}
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		for (int a = 0; a < 2; a++) {
			s->window[e].lo[a] = all.lo[a];
			s->window[e].hi[a] = all.hi[a];
		}
	}
	grid_free(g);
	return st;
}

/* ------------------------------------------------------------------ states seen */
/* The multiple of `period` that brings k nearest to the middle of lo .. hi. */
static int folds(double k, double lo, double hi, double period)
{
	return period > 0 ? (int)lround((0.5 * (lo + hi) - k) / period) : 0;
}

/* Seconds after the pulse at which the readout passes k (grid moments), nearest of all samples. */
static double echo_time(const struct search *s, uint32_t epoch, const double k[2])
{
	const struct program *p = s->d->program;
	const struct program_epoch *x = &p->epoch[epoch];
	const struct window *w = &s->window[epoch];
	double best = INFINITY, time = 0;

	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		const struct program_readout *q = &p->readout[r];
		double step = sim_slot(s->d, q->step[0]), n = p->event[q->event].n;
		double dx = k[0] - w->shift[0] - sim_slot(s->d, q->k[0]);
		double dy = k[1] - w->shift[1] - sim_slot(s->d, q->k[1]);
		double i = step != 0 ? fmin(fmax(dx / step, 0), n - 1) : 0.5 * (n - 1);
		double miss = hypot(dx - i * step, dy);

		if (miss < best - 1e-9) {
			best = miss;
			time = sim_slot(s->d, q->time) + i * sim_slot(s->d, q->dwell);
		}
	}
	return time;
}

static struct pathway *append(struct search *s)
{
	if (s->n == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 64;
		struct pathway *p = realloc(s->found, capacity * sizeof *p);

		if (!p) {
			s->failed = true;
			return NULL;
		}
		s->found = p;
		s->capacity = capacity;
	}
	return &s->found[s->n++];
}

static void look(void *context, uint32_t epoch, const struct epg_state *f, size_t n)
{
	struct search *s = context;
	const struct window *w = &s->window[epoch];

	for (size_t i = 0; w->any && i < n; i++) {
		double size = hypot(f[i].re, f[i].im), k[3], margin;
		struct pathway *p;
		int alias[2];
		bool seen = true;

		if (size < s->threshold || (f[i].k[2] + w->lo[2]) * s->slice > dephased ||
		    (f[i].k[2] + w->hi[2]) * s->slice < -dephased)
			continue;
		for (int a = 0; a < 2; a++) {
			margin = 1e-6 * (w->hi[a] - w->lo[a]);
			k[a] = w->shift[a] - f[i].k[a];
			alias[a] = folds(k[a], w->lo[a], w->hi[a], s->fold[a]);
			k[a] += alias[a] * s->fold[a];
			seen = seen && k[a] >= w->lo[a] - margin && k[a] <= w->hi[a] + margin;
		}
		k[2] = -f[i].k[2];
		if (!seen || !(p = append(s)))
			continue;
		*p = (struct pathway){ .epoch = epoch, .k = { k[0], k[1], k[2] }, .amplitude = size,
				       .time = f[i].life + echo_time(s, epoch, k),
				       .alias = { alias[0], alias[1] } };
		memcpy(p->order, f[i].order, sizeof p->order);
	}
}

/* ------------------------------------------------------------------ all */
/* Same epoch and place, the larger first. */
static int by_place(const void *a, const void *b)
{
	const struct pathway *x = a, *y = b;

	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	for (int i = 0; i < 3; i++) {
		if (fabs(x->k[i] - y->k[i]) > 1e-3)
			return x->k[i] < y->k[i] ? -1 : 1;
	}
	for (int i = 0; i < 2; i++) {
		if (x->alias[i] != y->alias[i])
			return x->alias[i] < y->alias[i] ? -1 : 1;
	}
	return (x->amplitude < y->amplitude) - (x->amplitude > y->amplitude);
}

static int by_amplitude(const void *a, const void *b)
{
	const struct pathway *x = a, *y = b;

	if (x->amplitude != y->amplitude)
		return x->amplitude < y->amplitude ? 1 : -1;
	return by_place(a, b);
}

/* The same pathway at several B1: the largest stays. */
static void keep_largest(struct search *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->found, s->n, sizeof *s->found, by_place);
	for (size_t i = 0; i < s->n; i++) {
		struct pathway p = s->found[i], *last = n ? &s->found[n - 1] : NULL;

		if (last && last->epoch == p.epoch && fabs(last->k[0] - p.k[0]) <= 1e-3 &&
		    fabs(last->k[1] - p.k[1]) <= 1e-3 && fabs(last->k[2] - p.k[2]) <= 1e-3 &&
		    !memcmp(last->alias, p.alias, sizeof p.alias))
			continue;
		s->found[n++] = p;
	}
	s->n = n;
	if (n)
		qsort(s->found, n, sizeof *s->found, by_amplitude);
}

precess_status pathways_find(struct pathway **out, size_t *n, const struct draw *d, int nx, int ny,
			     double b1_lo, double b1_hi, double threshold)
{
	const struct program *p = d->program;
	const double b1[3] = { b1_lo, 0.5 * (b1_lo + b1_hi), b1_hi };
	struct search s = { .d = d, .threshold = threshold };
	precess_status st;

	*out = NULL;
	*n = 0;
	if (!(b1_lo <= b1_hi) || !(threshold >= 0))
		return precess_fail(PRECESS_EINVAL, "pathways: B1 %g .. %g, threshold %g", b1_lo,
				    b1_hi, threshold);
	s.slice = sim_slice_thickness(d);
	s.fold[0] = nx > 0 && p->fov[0] > 0 ? nx / p->fov[0] : 0;
	s.fold[1] = ny > 0 && p->fov[1] > 0 ? ny / p->fov[1] : 0;
	TRY(find_windows(&s));
	for (uint32_t h = 0; h < p->n_history; h++) {
		for (int i = 0; i < (b1_lo < b1_hi ? 3 : 1); i++)
			TRY(epg_run(d, h, (struct epg_field){ .b1 = b1[i] }, 1e-2 * threshold, look,
				    &s));
	}
	if (s.failed) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for coherence pathways");
		goto out;
	}
	keep_largest(&s);
	*out = s.found;
	*n = s.n;
	s.found = NULL;
out:
	free(s.window);
	free(s.found);
	return st;
}
