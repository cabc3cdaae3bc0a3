/* Any readout without RF: spirals, spokes, lines with blips.
 *
 * With s the time since the first sample, W the spins at that moment and z = 1/T2 + i w,
 *
 *     S(s) = sum W exp(-z s) exp(-2 pi i k(s) r) = sum_l c_l(s) sum (W exp(-z s_l)) exp(-2 pi i k r)
 *
 * (segments.c), and each inner sum is a Fourier transform of the grid of spins, read off the grid at
 * the k of the samples: a transform of twice the points, of which only what the samples touch is
 * made, and a Kaiser-Bessel kernel. Readouts of one epoch share all transforms; while kz moves there
 * are several planes of spins (nufft_groups.c). Each coil has transforms of its own, of the same
 * spins times its sensitivity.
 *
 * The bound is the measured error of the segments, plus the measured error of the kernel times the
 * sum of the segments' weights, both relative to sum |W|; plus that of the planes, relative to the
 * sum over all places through the slice; plus that of the tables of pulses. |W| is as the coil sees
 * it: the sums are those of the coil with most. All is computed in double precision. */
#include "runtime/sim/nufft.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double rounding = 1e-12;              /* of double sums and transforms, of sum |W| */

enum {
	POLLED = 50000,
	STATE_BYTES = 1 << 29 /* memory for the spins of all groups that are made at once */
};

/* ------------------------------------------------------------------ sizes */
/* Sums over all spins of what the coil with most sees: |W| of all planes, |W| of all places. How
 * much of it the sample nearest to k = 0 holds, told from about POLLED spins. */
struct sizes {
	double sum, thick, coherent;
};

struct coil_sizes {
	double sum, thick, part, re, im;
};

static struct coil_sizes coil_sizes(const struct nufft *j, const struct nufft_group *g, int coil,
				    size_t best)
{
	const struct sim_plan *plan = j->plan;
	const size_t stride = 1 + plan->n_live / POLLED;
	struct coil_sizes out = { 0 };

	for (size_t i = 0; i < plan->n_live; i++) {
		uint32_t pixel = plan->live[i];
		struct sim_spin s = { 0 };
		double see[2], all = 0, f = 0, phase = 0;

		sim_receive(see, plan->maps, coil, pixel, 1, 0);
		if (i % stride == 0) {
			s = sim_spin_at(plan, pixel, 0);
			f = exp(-j->rate[pixel] * g->s[best]);
			phase = s.w * g->s[best] +
				tau * (g->k[best][0] * s.r[0] + g->k[best][1] * s.r[1]);
		}
		for (int p = 0; p < g->planes.n; p++) {
			const double *w = g->w[(size_t)p * nufft_pixels(j) + pixel];
			double turn = phase + tau * (g->kz[best] - g->middle) * g->planes.z[p];
			double re = w[0] * see[0] - w[1] * see[1], im = w[0] * see[1] + w[1] * see[0];

			all += hypot(re, im);
			if (i % stride)
				continue;
			out.re += f * (re * cos(turn) + im * sin(turn));
			out.im += f * (im * cos(turn) - re * sin(turn));
		}
		out.sum += all;
		out.part += i % stride ? 0 : all;
		out.thick += g->thick ? g->thick[pixel] * hypot(see[0], see[1]) : 0;
	}
	return out;
}

static precess_status measure(struct sizes *out, const struct nufft *j, const struct nufft_group *g)
{
	struct coil_sizes *of = calloc((size_t)j->plan->n_coil, sizeof *of);
	double part = 0, most = 0;
	size_t best = 0;

	*out = (struct sizes){ 0 };
	if (!of)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (size_t i = 1; i < g->n; i++) {
		if (hypot(g->k[i][0], g->k[i][1]) < hypot(g->k[best][0], g->k[best][1]))
			best = i;
	}
#pragma omp parallel for num_threads(j->plan->threads) schedule(dynamic)
	for (int c = 0; c < j->plan->n_coil; c++)
		of[c] = coil_sizes(j, g, c, best);
	for (int c = 0; c < j->plan->n_coil; c++) {
		out->sum = fmax(out->sum, of[c].sum);
		out->thick = fmax(out->thick, of[c].thick);
		part = fmax(part, of[c].part);
		most = fmax(most, hypot(of[c].re, of[c].im));
	}
	out->coherent = part > 0 ? fmax(most / part, 1e-3) : 1;
	free(of);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ one group */
/* What the transforms of a plane give, to the signal of all coils. */
static void add_signal(const struct nufft *j, const struct nufft_group *g, const struct transform *t,
		       int plane)
{
	const struct sim_plan *plan = j->plan;

	for (int coil = 0; coil < plan->n_coil; coil++) {
		double *signal = plan->signal + 2 * (size_t)coil * plan->draw->program->n_sample;

		for (size_t i = 0; i < g->n; i++) {
			double phase = j->w_mid * g->s[i] +
				       tau * (g->kz[i] - g->middle) * g->planes.z[plane];
			double c = cos(phase), s = sin(phase), *to = signal + 2 * (size_t)g->sample[i];
			const double *v = t->out[(size_t)coil * g->n + i];

			to[0] += plan->scale * (v[0] * c + v[1] * s);
			to[1] += plan->scale * (v[1] * c - v[0] * s);
		}
	}
}

static precess_status run_planes(struct nufft *j, const struct nufft_group *g, struct transform *t)
{
	struct transform_spins spins = { .rate = j->rate, .freq = j->freq, .maps = j->plan->maps };
	double *scale = malloc(g->n * sizeof *scale);
	precess_status st = PRECESS_OK;

	if (!scale)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu samples", g->n);
	for (size_t i = 0; i < g->n; i++)
		scale[i] = segments_scale(&j->segments, g->s[i]);
	for (int p = 0; p < g->planes.n; p++) {
		spins.w = g->w + (size_t)p * nufft_pixels(j);
		memset(t->out, 0, (size_t)t->n_coil * t->n_sample * sizeof *t->out);
		for (int l = 0; l < j->segments.n; l++) {
			if (interrupted()) {
				st = precess_fail(PRECESS_ECANCEL, "interrupted");
				goto out;
			}
			transform_run(t, &spins, &j->segments, g->s, scale, l);
		}
		add_signal(j, g, t, p);
	}
out:
	free(scale);
	return st;
}

static void report_group(struct nufft *j, const struct nufft_group *g, const struct transform *t)
{
	struct text *r = &j->plan->report;

	text_printf(r, "nufft: %zu samples over %.3g ms: %d segments to %.1e, kernel of %d points to "
		    "%.1e", g->n, g->length * 1e3, j->segments.n, j->segments.error, t->width,
		    t->error);
	if (g->moves)
		text_printf(r, "; kz moves: %d planes to %.1e", g->planes.n, g->planes.error);
	text_printf(r, "\n");
}

static precess_status run_group(struct nufft *j, const struct nufft_group *g)
{
	const struct sim_plan *plan = j->plan;
	struct transform t = { 0 };
	struct sizes sizes;
	double want, error;
	precess_status st;

	TRY(measure(&sizes, j, g));
	want = 0.4 * plan->tolerance * sizes.coherent;
	if (j->asked != want || j->segments.length != g->length) {
		segments_make(&j->segments, g->length, j->w_half, j->r_lo, j->r_hi, want);
		j->asked = want;
	}
	TRY(transform_make(&t, plan->maps, plan->n_coil, (const double(*)[2])g->k, g->n,
			   want / j->segments.amplified, plan->threads));
	TRY(run_planes(j, g, &t));
	error = sizes.sum * (j->segments.error + j->segments.amplified * t.error + rounding) +
		sizes.thick * g->planes.error;
	j->plan->bound = fmax(j->plan->bound, plan->scale * error);
	if (j->segments.n > plan->terms)
		j->plan->terms = j->segments.n;
	report_group(j, g, &t);
out:
	transform_free(&t);
	return st;
}

static precess_status make_room(struct nufft *j, struct nufft_group *g)
{
	precess_status st = nufft_add_planes(j, g);

	if (st)
		return st;
	g->w = calloc((size_t)g->planes.n * nufft_pixels(j), sizeof *g->w);
	g->thick = g->planes.error > 0 ? calloc(nufft_pixels(j), sizeof *g->thick) : NULL;
	if (!g->w || (g->planes.error > 0 && !g->thick))
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu spins",
				    (size_t)g->planes.n * nufft_pixels(j));
	return PRECESS_OK;
}

/* The groups from .. to of one history. */
static precess_status run_groups(struct nufft *j, uint32_t history, size_t from, size_t to)
{
	double begun = clock_seconds();
	precess_status st;

	TRY(nufft_states(j, history, from, to));
	j->plan->seconds_state += clock_seconds() - begun;
	begun = clock_seconds();
	for (size_t i = from; i < to; i++) {
		TRY(run_group(j, &j->group[i]));
		free(j->group[i].w);
		free(j->group[i].thick);
		j->group[i].w = NULL;
		j->group[i].thick = NULL;
	}
	j->plan->seconds_readout += clock_seconds() - begun;
out:
	return st;
}

/* Groups from the first on, of one history and as many as memory holds at once: one past the last. */
static precess_status next_groups(size_t *to, struct nufft *j, size_t from)
{
	const struct program *p = j->plan->draw->program;
	uint32_t h = sim_epoch_history(p, j->group[from].epoch);
	size_t bytes = 0;
	precess_status st = PRECESS_OK;

	for (*to = from; *to < j->n_group && bytes < STATE_BYTES; ++*to) {
		struct nufft_group *g = &j->group[*to];

		if (sim_epoch_history(p, g->epoch) != h)
			break;
		TRY(make_room(j, g));
		bytes += (size_t)g->planes.n * nufft_pixels(j) * sizeof *g->w;
	}
out:
	return st;
}

precess_status sim_nufft(struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	struct nufft j = { .plan = plan };
	precess_status st;

	TRY(sim_list_live(plan));
	j.rate = calloc(nufft_pixels(&j), sizeof *j.rate);
	j.freq = calloc(nufft_pixels(&j), sizeof *j.freq);
	if (!j.rate || !j.freq) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %zu spins", nufft_pixels(&j));
		goto out;
	}
	nufft_ranges(&j);
	for (uint32_t e = 0; e < p->n_epoch; e++)
		TRY(nufft_add_groups(&j, e));
	TRY(nufft_add_tables(&j));
	for (size_t from = 0, to; from < j.n_group; from = to) {
		TRY(next_groups(&to, &j, from));
		TRY(run_groups(&j, sim_epoch_history(p, j.group[from].epoch), from, to));
	}
	if (j.tables > 0)
		text_printf(&plan->report, "nufft: shaped pulses from tables (within %.1e of M0)\n",
			    j.tables);
	plan->bound += j.tables * plan->survey.m0 * plan->nz * plan->scale * plan->sees;
out:
	nufft_free_groups(&j);
	nufft_free_tables(&j);
	free(j.rate);
	free(j.freq);
	return st;
}
