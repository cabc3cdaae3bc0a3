/* The line method: how many terms, how large the error can be. */
#include "runtime/sim/line.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Memory for the sums over y of all lines that are worked on together. */
static const double sums_limit = 1 << 29;
/* Mean |weight| over the largest sample: a guess, for the first choice of terms. A term too many
 * costs far less than doing all again with one more. */
static const double guess = 16;
/* The part of the tolerance that the series may take; rounding has the rest. */
static const double share = 0.8;

bool sim_line_applies(const struct draw *d, const struct maps *m, uint32_t readout,
		      const char **why)
{
	const struct program *p = d->program;
	const struct program_readout *r = &p->readout[readout];
	const float *t2p = m->map[PROGRAM_MAP_T2p];
	size_t n = (size_t)m->nx * (size_t)m->ny, i;
	uint32_t e;

	if (r->class_ != PROGRAM_READOUT_LINE) {
		*why = "not a line along x";
		return false;
	}
	if (!t2p)
		return true;
	for (e = 0; e < p->n_epoch; e++)
		if (readout - p->epoch[e].first_readout < p->epoch[e].n_readout)
			break;
	if (e == p->n_epoch || sim_history_pulses(p, sim_epoch_history(p, e)) <= 1)
		return true;
	for (i = 0; i < n; i++)
		if (isfinite(t2p[i])) {
			*why = "T2' under several pulses is not one rate per spin";
			return false;
		}
	return true;
}

static double longest(const struct line_plan *p)
{
	double half = 0;

	for (uint32_t i = 0; i < p->n_shape; i++)
		half = fmax(half, p->shape[i].half);
	return half;
}

/* Fewest terms with an error per unit of weight within `limit`; CPU_TERMS where none has. */
static void choose_terms(struct line_series *s, double limit, double half)
{
	for (int n = 1; n <= CPU_TERMS; n++) {
		line_set_terms(s, n, half);
		if (s->scale == 0 || line_error(s, half) <= limit)
			break;
	}
}

static double mean_weight(const struct line_plan *p, uint32_t piece)
{
	double sum = 0;

	for (int t = 0; t < p->blocks * p->parts; t++)
		sum += p->weight[(size_t)t * p->n_piece + piece];
	return sum / ((double)p->nx * p->ny);
}

static double series_bound(const struct line_plan *p)
{
	double most = 0;

	for (uint32_t i = 0; i < p->n_piece; i++)
		most = fmax(most, line_error(&p->series, p->piece[i].half) * mean_weight(p, i));
	return p->series.scale > 0 ? most : 0;
}

/* Single precision. A pulse or factor rounds phases and sizes by half an epsilon or so; different
 * operations are independent, but spins may all be alike: the square root of their number, times
 * the mean of the spins. A run multiplies rounded factors, which drift in one direction. What a
 * weight is wrong by, the line's samples are wrong by, times the growth of exp(-z tau) before the
 * reference time; what products with powers of u and sums of them round is multiplied with the
 * polynomial's coefficients instead, which cancel when the readout is long. The worst error
 * measured, all spins alike, is 0.6 of this (tests/physics/test_line_bound). */
static double rounding_bound(const struct line_plan *p)
{
	double most = 0, fastest = p->series.r + p->series.half_r;

	for (uint32_t h = 0; h < p->n_history; h++) {
		const struct line_history *q = &p->history[h];
		double state = (1 + sqrt(2.0 * q->n_epoch)) * p->mean_m0;

		for (uint32_t i = q->first_piece; i < q->first_piece + q->n_piece; i++) {
			const struct line_piece *c = &p->piece[i];
			double mean = mean_weight(p, i), steps = c->run ? c->n : 1;
			double weights = state + (0.5 + 0.15 * steps) * mean;

			most = fmax(most, weights * exp(fastest * c->half) + c->gain * mean);
		}
	}
	return FLT_EPSILON * most;
}

static precess_status run_all(struct line_plan *p)
{
	uint32_t first, last;
	precess_status st;

	if ((st = line_fourier_prepare(p)))
		return st;
	p->per_line = (size_t)p->series.terms * 2 * CPU_LANES;
	if (p->weight)
		memset(p->weight, 0,
		       (size_t)(p->blocks * p->parts) * p->n_piece * sizeof *p->weight);
	for (first = 0; first < p->n_history; first = last) {
		double per_line = (double)(p->blocks * p->parts) * (double)p->per_line *
				  sizeof(float);
		double lines = p->history[first].n_line;

		for (last = first + 1; last < p->n_history; last++) {
			lines += p->history[last].n_line;
			if (lines * per_line > sums_limit)
				break;
		}
		if ((st = line_state(p, first, last, line_look_sums)) ||
		    (st = line_fourier(p, first, last)))
			return st;
	}
	return PRECESS_OK;
}

static double largest(const struct line_plan *p)
{
	const struct program *prog = p->sim->draw->program;
	double most = 0;

	for (uint32_t i = 0; i < p->n_line; i++) {
		uint32_t event = prog->readout[p->line[i].readout].event;
		const double *s = p->sim->signal + 2 * (size_t)prog->event[event].first_sample;

		for (uint32_t n = 0; n < p->shape[p->line[i].shape].n; n++)
			most = fmax(most, s[2 * n] * s[2 * n] + s[2 * n + 1] * s[2 * n + 1]);
	}
	return sqrt(most);
}

static void report(const struct line_plan *p, double series, double rounding, double most)
{
	static const char *const axis[] = { "Taylor", "Chebyshev along the frequencies",
					    "Chebyshev along the rates" };
	struct text *t = &p->sim->report;
	uint32_t runs = 0;
	int orders = 0, spins = 0;

	for (uint32_t i = 0; i < p->n_piece; i++)
		runs += p->piece[i].run;
	for (uint32_t i = 0; i < p->n_history; i++) {
		orders = p->history[i].orders > orders ? p->history[i].orders : orders;
		spins = p->history[i].spins > spins ? p->history[i].spins : spins;
	}
	text_printf(t, "line: %u lines in %u pieces (%u runs), %d terms (%s)", p->n_line,
		    p->n_piece, runs, p->series.terms, axis[p->series.axis]);
	if (orders)
		text_printf(t,
			    ", up to %d coherence orders through the slice (the %d spins differ by "
			    "%.1e of M0)",
			    orders, p->sim->nz, p->alias);
	if (spins > 1)
		text_printf(t, ", %d spins through the slice", spins);
	if (most > 0)
		text_printf(t, "; bound %.1e of the largest sample (series %.1e, rounding %.1e)",
			    (series + rounding) / most, series / most, rounding / most);
	text_printf(t, "\n");
}

precess_status sim_line(struct sim_plan *sim)
{
	struct line_plan *p;
	double half, series = 0, rounding = 0, most = 0, limit, weight;
	precess_status st;

	TRY(line_plan_create(&p, sim));
	half = longest(p);
	choose_terms(&p->series, share * sim->tolerance / guess, half);
	for (int attempt = 0; attempt < 3 && p->n_line; attempt++) {
		int terms = p->series.terms;

		TRY(run_all(p));
		most = largest(p);
		series = series_bound(p);
		rounding = rounding_bound(p);
		limit = sim->tolerance * most - rounding - p->alias * p->mean_m0;
		if (series <= limit || series <= 0)
			break;
		/* now the weights are known; once more if that can help */
		weight = series / line_error(&p->series, half);
		choose_terms(&p->series, share * limit / weight, half);
		if (p->series.terms <= terms || limit <= 0) {
			line_set_terms(&p->series, terms, half);
			break;
		}
	}
	report(p, series, rounding, most);
	sim->bound = fmax(sim->bound, series + rounding + p->alias * p->mean_m0);
	sim->terms = p->series.terms > sim->terms ? p->series.terms : sim->terms;
	snprintf(sim->device, sizeof sim->device, "cpu %s (%.70s)", p->cpu->isa, cpu_name());
out:
	line_plan_free(p);
	return st;
}
