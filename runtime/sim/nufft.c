/* Any readout in which only kx and ky move: spirals, spokes, lines with blips.
 *
 * With s the time since the first sample, W the spins at that moment and z = 1/T2 + i w,
 *
 *     S(s) = sum W exp(-z s) exp(-2 pi i k(s) r) = sum_l c_l(s) sum (W exp(-z s_l)) exp(-2 pi i k r)
 *
 * (segments.c), and each inner sum is a Fourier transform of the grid of spins, read off the grid at
 * the k of the samples: a transform of twice the points, of which only what the samples touch is
 * made, and a Kaiser-Bessel kernel. Readouts of one epoch share all transforms.
 *
 * The bound is the measured error of the segments, plus the measured error of the kernel times the
 * sum of the segments' weights, both relative to sum |W|; all is computed in double precision. */
#include "runtime/sim/nufft.h"
#include "runtime/sim/internal.h"
#include "runtime/sim/kernel.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double rounding = 1e-12;              /* of double sums and transforms, of sum |W| */
static const double finest = 1e-10;                /* tolerance that is promised */

enum {
	BLOCK = 16,         /* pixels of one piece of work on states */
	STATE_BYTES = 1 << 29 /* memory for the spins of all groups that are made at once */
};

/* Readouts of one epoch with the same kz. */
struct group {
	uint32_t epoch;
	uint32_t *sample;   /* index into the signal */
	double (*k)[2], *s; /* 1/m; seconds since `begin` */
	size_t n;
	double kz, begin, length;
	fftw_complex *w;    /* [ny][nx]: spins at `begin` */
};

struct job {
	struct sim_plan *plan;
	struct group *group;
	size_t n_group;
	double *rate, *freq;             /* per pixel; rad/s, from the middle */
	double r_lo, r_hi, w_half, w_mid;
	struct segments segments;        /* of the latest group: the next is often as long */
	double asked;
};

/* ------------------------------------------------------------------ which readouts */
static bool fixed_kz(const struct draw *d, uint32_t readout, double *kz)
{
	const struct program_readout *q = &d->program->readout[readout];
	uint32_t n = d->program->event[q->event].n;
	double *k = malloc(4 * (size_t)n * sizeof *k), lo, hi;

	*kz = sim_slot(d, q->k[2]);
	if (q->step[2] != PROGRAM_NO_SLOT || !k) {
		free(k);
		return q->step[2] != PROGRAM_NO_SLOT && sim_slot(d, q->step[2]) == 0;
	}
	draw_readout(d, readout, k, k + 3 * n);
	lo = hi = k[2];
	for (uint32_t i = 0; i < n; i++) {
		lo = fmin(lo, k[3 * i + 2]);
		hi = fmax(hi, k[3 * i + 2]);
	}
	free(k);
	return hi - lo <= 1e-9 * (fabs(*kz) + 1);
}

static bool applies(const struct sim_plan *plan, uint32_t readout, const char **why)
{
	const struct draw *d = plan->draw;
	uint32_t epoch = program_readout_epoch(d->program, readout);
	double kz;

	if (plan->tolerance < finest)
		*why = "the tolerance is below what its kernel can promise";
	else if (plan->decays_t2p &&
		 sim_history_pulses(d->program, sim_epoch_history(d->program, epoch)) > 1)
		*why = "T2' with more than one pulse";
	else if (!fixed_kz(d, readout, &kz))
		*why = "kz moves while sampling";
	else
		return true;
	return false;
}

static void find_ranges(struct job *j)
{
	const struct sim_plan *plan = j->plan;
	double lo = INFINITY, hi = -INFINITY;

	j->r_lo = INFINITY;
	j->r_hi = 0;
	for (size_t i = 0; i < plan->n_live; i++) {
		struct sim_spin s = sim_spin_at(plan, plan->live[i], 0);
		double r = s.r2 + s.r2p;

		j->r_lo = fmin(j->r_lo, r);
		j->r_hi = fmax(j->r_hi, r);
		lo = fmin(lo, s.w);
		hi = fmax(hi, s.w);
		if (j->rate) {
			j->rate[plan->live[i]] = r;
			j->freq[plan->live[i]] = s.w;
		}
	}
	if (!plan->n_live)
		j->r_lo = lo = hi = 0;
	j->w_mid = 0.5 * (lo + hi);
	j->w_half = 0.5 * (hi - lo);
	for (size_t i = 0; j->freq && i < plan->n_live; i++)
		j->freq[plan->live[i]] -= j->w_mid;
}

/* Nanoseconds of one core for the epoch's readouts that `direct` has now; the nufft method's. */
static void costs(double *direct, double *fast, const struct job *j, uint32_t epoch)
{
	const struct sim_plan *plan = j->plan;
	const struct program *p = plan->draw->program;
	const struct program_epoch *x = &p->epoch[epoch];
	double lo = INFINITY, hi = 0, n = 0, segments, pixels, grid;

	*direct = 0;
	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		const struct program_readout *q = &p->readout[r];
		double t = sim_slot(plan->draw, q->time), count = p->event[q->event].n;

		if (plan->method[r] != SIM_direct)
			continue;
		lo = fmin(lo, t);
		hi = fmax(hi, t + (count - 1) * sim_slot(plan->draw, q->dwell));
		n += count;
		*direct += (double)plan->n_live * cost_direct(q, count, plan->nz);
	}
	segments = 8 + 0.5 * fmax(hi - lo, 0) * j->w_half +
		   sqrt(fmax(hi - lo, 0) * (j->r_hi - j->r_lo));
	pixels = (double)plan->maps->nx * plan->maps->ny;
	grid = 3 * pixels; /* of 4, where samples touch */
	*fast = segments < SEGMENTS / 2 ?
		segments * (45.0 * (double)plan->n_live + 2 * grid * log2(4 * pixels) + 90 * n) :
		INFINITY;
}

precess_status sim_nufft_choose(struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	struct job j = { .plan = plan };
	precess_status st = PRECESS_OK;
	uint32_t taken = 0;
	const char *why;

	if (plan->maps->sensitivity)
		return plan->asked != SIM_nufft
			       ? PRECESS_OK
			       : precess_fail(PRECESS_ENOTSUP, "the nufft method has no receive "
					      "coils; use `auto` or `direct`");
	TRY(sim_list_live(plan));
	find_ranges(&j);
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];
		double direct, fast;

		costs(&direct, &fast, &j, e);
		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
			if (plan->asked == SIM_nufft && !applies(plan, r, &why))
				return precess_fail(PRECESS_ENOTSUP, "the nufft method cannot compute "
						    "readout %u: %s; use `auto` or `direct`", r, why);
			if (plan->asked != SIM_nufft &&
			    (plan->method[r] != SIM_direct || fast >= direct ||
			     !applies(plan, r, &why)))
				continue;
			plan->method[r] = SIM_nufft;
			taken++;
		}
	}
	if (taken)
		text_printf(&plan->report, "nufft: %u of %u readouts: time segments and transforms "
			    "are cheaper than sums over spins\n", taken, p->n_readout);
out:
	return st;
}

/* ------------------------------------------------------------------ groups */
static precess_status add_readout(struct job *j, uint32_t epoch, uint32_t r)
{
	const struct draw *d = j->plan->draw;
	const struct program_event *e = &d->program->event[d->program->readout[r].event];
	double *k = malloc(4 * (size_t)e->n * sizeof *k), *t = k + 3 * e->n, kz;
	struct group *g = j->n_group ? &j->group[j->n_group - 1] : NULL;
	precess_status st = PRECESS_OK;

	if (!k)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", e->n);
	fixed_kz(d, r, &kz);
	if (!g || g->epoch != epoch || fabs(g->kz - kz) > 1e-9 * (fabs(kz) + 1)) {
		g = &j->group[j->n_group++];
		*g = (struct group){ .epoch = epoch, .kz = kz };
	}
	size_t n = g->n + e->n;
	uint32_t *sample = realloc(g->sample, n * sizeof *sample);
	double(*where)[2] = realloc(g->k, n * sizeof *where), *s = realloc(g->s, n * sizeof *s);

	g->sample = sample ? sample : g->sample;
	g->k = where ? where : g->k;
	g->s = s ? s : g->s;
	if (!sample || !where || !s) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %zu samples", n);
		goto out;
	}
	draw_readout(d, r, k, t);
	for (uint32_t i = 0; i < e->n; i++) {
		g->sample[g->n] = e->first_sample + i;
		g->k[g->n][0] = k[3 * i];
		g->k[g->n][1] = k[3 * i + 1];
		g->s[g->n++] = t[i];
	}
out:
	free(k);
	return st;
}

static precess_status make_groups(struct job *j)
{
	const struct program *p = j->plan->draw->program;
	precess_status st = PRECESS_OK;

	j->group = calloc((size_t)p->n_readout + 1, sizeof *j->group);
	if (!j->group)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];

		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++)
			if (j->plan->method[r] == SIM_nufft)
				TRY(add_readout(j, e, r));
	}
	for (size_t i = 0; i < j->n_group; i++) {
		struct group *g = &j->group[i];
		double lo = INFINITY, hi = -INFINITY;

		for (size_t n = 0; n < g->n; n++) {
			lo = fmin(lo, g->s[n]);
			hi = fmax(hi, g->s[n]);
		}
		g->begin = lo;
		g->length = hi - lo;
		for (size_t n = 0; n < g->n; n++)
			g->s[n] -= lo;
	}
out:
	return st;
}

/* ------------------------------------------------------------------ spin states */
struct column {
	struct sim_spin *spin;
	double (*m)[3];
	struct affine *pulses;
	bool *have;
};

/* One pixel through `history`, its spins at the groups from .. to left in their w. */
static void run_column(struct job *j, struct column *c, uint32_t history, size_t from, size_t to,
		       uint32_t pixel)
{
	const struct sim_plan *plan = j->plan;
	const struct draw *d = plan->draw;
	const struct program *p = d->program;
	uint32_t last = j->group[to - 1].epoch;
	size_t g = from;

	memset(c->have, 0, (size_t)plan->nz * p->n_pulse * sizeof *c->have);
	for (int z = 0; z < plan->nz; z++) {
		c->spin[z] = sim_spin_at(plan, pixel, z);
		c->spin[z].r2 = j->rate[pixel]; /* T2' too: it is infinite unless one pulse is all */
		c->m[z][0] = c->m[z][1] = 0;
		c->m[z][2] = c->spin[z].m0;
	}
	for (uint32_t e = p->history[history].first_epoch; e <= last; e++) {
		if (p->epoch[e].pulse != UINT32_MAX)
			sim_pulses(c->pulses, c->have, d, p->epoch[e].pulse, c->spin, (size_t)plan->nz);
		for (int z = 0; z < plan->nz; z++) {
			const struct sim_spin s = c->spin[z];

			sim_epoch_pulse(c->m[z], d, e, &s, c->pulses + (size_t)z * p->n_pulse,
					c->have + (size_t)z * p->n_pulse);
			for (size_t i = g; i < to && j->group[i].epoch == e; i++) {
				const struct group *q = &j->group[i];
				double phase = s.w * q->begin + tau * q->kz * s.r[2];
				double f = exp(-s.r2 * q->begin), co = f * cos(phase),
				       si = -f * sin(phase);

				q->w[pixel][0] += c->m[z][0] * co - c->m[z][1] * si;
				q->w[pixel][1] += c->m[z][0] * si + c->m[z][1] * co;
			}
			sim_epoch_free(c->m[z], d, e, &s);
		}
		while (g < to && j->group[g].epoch == e)
			g++;
	}
}

static precess_status run_states(struct job *j, uint32_t history, size_t from, size_t to)
{
	const struct sim_plan *plan = j->plan;
	size_t nz = (size_t)plan->nz, n_pulse = plan->draw->program->n_pulse;
	bool ok = true;

#pragma omp parallel num_threads(plan->threads)
	{
		struct column c = { malloc(nz * sizeof *c.spin), malloc(nz * sizeof *c.m),
				    malloc(nz * n_pulse * sizeof *c.pulses + 1),
				    malloc(nz * n_pulse * sizeof *c.have + 1) };
		bool here = c.spin && c.m && c.pulses && c.have;

#pragma omp for schedule(dynamic, BLOCK)
		for (size_t i = 0; i < plan->n_live; i++) {
			if (here)
				run_column(j, &c, history, from, to, plan->live[i]);
		}
		if (!here) {
#pragma omp atomic write
			ok = false;
		}
		free(c.spin);
		free(c.m);
		free(c.pulses);
		free(c.have);
	}
	return ok ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory for spins");
}

/* sum |W|, and how much of it the sample nearest to k = 0 holds, told from every seventh spin. */
static double total(const struct job *j, const struct group *g, double *coherent)
{
	const struct sim_plan *plan = j->plan;
	double sum = 0, re = 0, im = 0, part = 0;
	size_t best = 0;

	for (size_t i = 1; i < g->n; i++) {
		if (hypot(g->k[i][0], g->k[i][1]) < hypot(g->k[best][0], g->k[best][1]))
			best = i;
	}
	for (size_t i = 0; i < plan->n_live; i++) {
		const double *w = g->w[plan->live[i]];
		double a = hypot(w[0], w[1]), phase, f;
		struct sim_spin s;

		sum += a;
		if (i % 7)
			continue;
		s = sim_spin_at(plan, plan->live[i], 0);
		f = exp(-j->rate[plan->live[i]] * g->s[best]);
		phase = s.w * g->s[best] + tau * (g->k[best][0] * s.r[0] + g->k[best][1] * s.r[1]);
		part += a;
		re += f * (w[0] * cos(phase) + w[1] * sin(phase));
		im += f * (w[1] * cos(phase) - w[0] * sin(phase));
	}
	*coherent = part > 0 ? fmax(hypot(re, im) / part, 1e-3) : 1;
	return sum;
}

/* ------------------------------------------------------------------ one group */
static precess_status run_group(struct job *j, const struct group *g)
{
	const struct sim_plan *plan = j->plan;
	double coherent, sum = total(j, g, &coherent), error;
	double want = 0.4 * plan->tolerance * coherent;
	struct transform t;
	precess_status st;

	if (j->asked != want || j->segments.length != g->length) {
		segments_make(&j->segments, g->length, j->w_half, j->r_lo, j->r_hi, want);
		j->asked = want;
	}
	const struct transform_spins spins = { .w = g->w, .rate = j->rate, .freq = j->freq };

	TRY(transform_make(&t, plan->maps, (const double(*)[2])g->k, g->n,
			   want / j->segments.amplified, plan->threads));
	for (int l = 0; l < j->segments.n; l++)
		transform_run(&t, &spins, &j->segments, g->s, l);
	for (size_t i = 0; i < g->n; i++) {
		double phase = j->w_mid * g->s[i], c = cos(phase), s = sin(phase);
		double *to = plan->signal + 2 * (size_t)g->sample[i];

		to[0] += plan->scale * (t.out[i][0] * c + t.out[i][1] * s);
		to[1] += plan->scale * (t.out[i][1] * c - t.out[i][0] * s);
	}
	error = j->segments.error + j->segments.amplified * t.error + rounding;
	j->plan->bound = fmax(j->plan->bound, plan->scale * sum * error);
	if (j->segments.n > plan->terms)
		j->plan->terms = j->segments.n;
	text_printf(&j->plan->report, "nufft: %zu samples over %.3g ms: %d segments to %.1e, kernel of "
		    "%d points to %.1e\n", g->n, g->length * 1e3, j->segments.n, j->segments.error,
		    t.width, t.error);
out:
	transform_free(&t);
	return st;
}

/* The groups from .. to of one history, as many at once as memory holds. */
static precess_status run_groups(struct job *j, uint32_t history, size_t from, size_t to)
{
	size_t pixels = (size_t)j->plan->maps->nx * (size_t)j->plan->maps->ny;
	double begun = clock_seconds();
	precess_status st = PRECESS_OK;

	for (size_t i = from; i < to; i++) {
		j->group[i].w = calloc(pixels, sizeof *j->group[i].w);
		if (!j->group[i].w)
			return precess_fail(PRECESS_ENOMEM, "out of memory for %zu spins", pixels);
	}
	TRY(run_states(j, history, from, to));
	j->plan->seconds_state += clock_seconds() - begun;
	begun = clock_seconds();
	for (size_t i = from; i < to; i++) {
		if (interrupted())
			return precess_fail(PRECESS_ECANCEL, "interrupted");
		TRY(run_group(j, &j->group[i]));
		free(j->group[i].w);
		j->group[i].w = NULL;
	}
	j->plan->seconds_readout += clock_seconds() - begun;
out:
	return st;
}

precess_status sim_nufft(struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	size_t pixels = (size_t)plan->maps->nx * (size_t)plan->maps->ny;
	size_t most = STATE_BYTES / (pixels * sizeof(fftw_complex)) + 1;
	struct job j = { .plan = plan };
	precess_status st;

	TRY(sim_list_live(plan));
	j.rate = calloc(pixels, sizeof *j.rate);
	j.freq = calloc(pixels, sizeof *j.freq);
	if (!j.rate || !j.freq) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %zu spins", pixels);
		goto out;
	}
	find_ranges(&j);
	TRY(make_groups(&j));
	for (size_t from = 0, to; from < j.n_group; from = to) {
		uint32_t h = sim_epoch_history(p, j.group[from].epoch);

		for (to = from + 1; to < j.n_group && to - from < most &&
				    sim_epoch_history(p, j.group[to].epoch) == h;
		     to++)
			;
		TRY(run_groups(&j, h, from, to));
	}
out:
	for (size_t i = 0; i < j.n_group; i++) {
		free(j.group[i].sample);
		free(j.group[i].k);
		free(j.group[i].s);
		free(j.group[i].w);
	}
	free(j.group);
	free(j.rate);
	free(j.freq);
	return st;
}
