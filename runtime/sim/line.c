/* The line method: how many terms, how large the error can be. */
#include "runtime/sim/device.h"
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
/* The same for the kernel of trains, whose groups are dearer than a term; and how much more than
 * estimated it may turn out to be. */
static const double kernel_guess = 6, slack = 1.1;
/* The parts of the tolerance that the series may take; and beside a train's kernel, which takes what
 * is left but for a reserve. Rounding is about so many epsilons of the weight. */
static const double share = 0.8, share_with_trains = 0.45, kernel_share = 0.4, reserve = 0.1,
		    roundings = 10;

enum {
	CIRCLE_PRODUCTS = 3 /* roundings of a train's sums, against one of a line's */
};

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

double line_weight(const struct line_plan *p, uint32_t piece)
{
	double sum = 0;

	if (p->piece[piece].train >= 0)
		return train_weight(p, (uint32_t)p->piece[piece].train);
	for (int t = 0; t < p->blocks * p->parts; t++)
		sum += p->weight[(size_t)t * p->n_piece + piece];
	return sum / ((double)p->nx * p->ny);
}

static double series_bound(const struct line_plan *p)
{
	double most = 0;

	for (uint32_t i = 0; i < p->n_piece; i++)
		if (!p->piece[i].fan)
			most = fmax(most, line_error(&p->series, p->piece[i].half) *
						  line_weight(p, i));
	return p->series.scale > 0 ? most : 0;
}

/* Single precision. A pulse or factor rounds phases and sizes by half an epsilon or so; different
 * operations are independent, but spins may all be alike: the square root of their number, times
 * the mean of the spins. A run multiplies rounded factors, which drift in one direction. What a
 * weight is wrong by, the line's samples are wrong by, times the growth of exp(-z tau) before the
 * reference time; circles of a train add as much as a few lines of a run; what products with
 * powers of u and sums of them round is multiplied with the
 * polynomial's coefficients instead, which cancel when the readout is long. The worst error
 * measured, all spins alike, is 0.6 of this (tests/physics/test_line_bound). */
static double rounding_bound(const struct line_plan *p)
{
	double most = 0, fastest = p->series.r + p->series.half_r;

	for (uint32_t h = 0; h < p->n_history; h++) {
		const struct line_history *q = &p->history[h];
		double state = (1 + sqrt(2.0 * q->n_epoch + p->steps)) * p->mean_m0;

		for (uint32_t i = q->first_piece; i < q->first_piece + q->n_piece; i++) {
			const struct line_piece *c = &p->piece[i];
			double mean = line_weight(p, i), steps = c->run ? c->n : 1;
			double products = c->train >= 0 || c->fan ? CIRCLE_PRODUCTS : 1;
			double coil = p->sim->maps->sensitivity ? 1 : 0; /* the product */
			double weights = state + (0.5 + coil + 0.15 * steps) * mean;

			most = fmax(most, weights * exp(fastest * c->half) + products * c->gain * mean);
		}
	}
	return FLT_EPSILON * most;
}

/* Bytes of a history's grids, of all threads. */
static double grids(struct line_plan *p, uint32_t history)
{
	if (!p->n_train)
		return 0;
	return (double)train_place(p, history, history + 1) * sizeof(float) * p->sim->threads;
}

precess_status line_run(struct line_plan *p)
{
	uint32_t first, last;
	precess_status st;

	if ((st = line_fourier_prepare(p)) || (p->n_train && (st = train_begin(p))))
		return st;
	p->per_line = (size_t)p->series.terms * 2 * CPU_LANES;
	if (!p->weight)
		p->weight = calloc((size_t)(p->blocks * p->parts) * p->n_piece + 1, sizeof *p->weight);
	if (!p->weight)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u pieces", p->n_piece);
	memset(p->weight, 0, (size_t)(p->blocks * p->parts) * p->n_piece * sizeof *p->weight);
	if (p->sim->backend && (st = device_line(p)))
		return st;
	for (first = 0; first < p->n_history; first = last) {
		double per_line = (double)(p->blocks * p->parts) * (double)p->per_line *
				  sizeof(float);
		double size = p->history[first].n_line * per_line + grids(p, first);

		last = first + 1;
		if (p->history[first].elsewhere)
			continue;
		for (; last < p->n_history && !p->history[last].elsewhere; last++) {
			size += p->history[last].n_line * per_line + grids(p, last);
			if (size > sums_limit)
				break;
		}
		if ((st = line_state(p, first, last, line_look_sums)) ||
		    (st = line_fourier(p, first, last)))
			return st;
	}
	return PRECESS_OK;
}

double line_largest(const struct line_plan *p)
{
	const struct program *prog = p->sim->draw->program;
	double most = 0;

	for (uint32_t i = 0; i < p->n_line; i++) {
		uint32_t event = prog->readout[p->line[i].readout].event;
		const double *s = p->sim->signal +
				  2 * ((size_t)p->line[i].coil * prog->n_sample +
				       prog->event[event].first_sample);

		most = fmax(most, sim_largest(s, p->shape[p->line[i].shape].n));
	}
	return most;
}

struct errors {
	double most, series, kernel, rounding; /* the largest sample; bounds on absolute errors */
};

static double total(const struct line_plan *p, const struct errors *e)
{
	return e->series + e->kernel + e->rounding + (p->alias + p->tables) * p->mean_m0;
}

static void report_trains(struct text *t, const struct line_plan *p)
{
	const struct train_choice *c = &p->choice;
	uint32_t lines = 0;

	for (uint32_t i = 0; i < p->n_train; i++)
		lines += p->train[i].n;
	if (p->n_train)
		text_printf(t,
			    "train: %u lines in %u train%s on circles of %d cells, %d taps, %d "
			    "group%s of rates (error %.1e of a spin)\n",
			    lines, p->n_train, p->n_train == 1 ? "" : "s", p->train[0].cells,
			    c->kernel->taps, c->groups, c->groups == 1 ? "" : "s", c->error);
}

static void report_fans(struct text *t, const struct line_plan *p)
{
	uint32_t fans = 0, lines = 0;

	for (uint32_t i = 0; i < p->n_piece; i++) {
		fans += p->piece[i].fan;
		lines += p->piece[i].fan ? p->piece[i].n : 0;
	}
	if (fans)
		text_printf(t, "fan: %u lines in %u fans on circles along x (error %.1e of a spin)\n",
			    lines, fans, p->fan_error);
}

static void report(const struct line_plan *p, const struct errors *e)
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
	report_trains(t, p);
	report_fans(t, p);
	text_printf(t, "line: %u lines in %u pieces (%u runs), %d terms (%s)", p->n_line,
		    p->n_piece, runs, p->series.terms, axis[p->series.axis]);
	if (orders)
		text_printf(t,
			    ", up to %d coherence orders through the slice (the %d spins differ by "
			    "%.1e of M0)",
			    orders, p->sim->nz, p->alias);
	if (spins > 1)
		text_printf(t, ", %d spins through the slice", spins);
	if (p->tables > 0)
		text_printf(t, ", shaped pulses from tables (within %.1e of M0)", p->tables);
	if (e->most > 0) {
		text_printf(t, "; bound %.1e of the largest sample (series %.1e, ",
			    total(p, e) / e->most, e->series / e->most);
		if (p->n_train)
			text_printf(t, "kernel %.1e, ", e->kernel / e->most);
		text_printf(t, "rounding %.1e)", e->rounding / e->most);
	}
	text_printf(t, "\n");
}

static struct errors errors_of(const struct line_plan *p)
{
	return (struct errors){ .most = line_largest(p),
				.series = series_bound(p),
				.kernel = fmax(train_bound(p), p->fan_error * p->mean_m0),
				.rounding = rounding_bound(p) };
}

static void settle(struct line_plan *p, const struct errors *e)
{
	struct sim_plan *sim = p->sim;

	report(p, e);
	sim->bound = fmax(sim->bound, total(p, e));
	sim->terms = p->series.terms > sim->terms ? p->series.terms : sim->terms;
}

bool line_settle(struct line_plan *p)
{
	struct errors e = errors_of(p);

	settle(p, &e);
	return total(p, &e) <= p->sim->tolerance * e.most;
}

/* After a run the weights are known: more terms, a better kernel; false where that cannot help. */
static bool improve(struct line_plan *p, const struct errors *e, double half)
{
	double limit = p->sim->tolerance * e->most - e->rounding - (p->alias + p->tables) * p->mean_m0;
	double part = p->n_train ? 0.5 : 1, weight;
	int terms = p->series.terms;
	bool better = false;

	if (limit <= 0)
		return false;
	if (e->series > part * limit) {
		weight = e->series / line_error(&p->series, half);
		choose_terms(&p->series, 0.8 * part * limit / weight, half);
		better = p->series.terms > terms;
		if (!better)
			line_set_terms(&p->series, terms, half);
	}
	if (p->fan_error * p->mean_m0 > part * limit) {
		p->fan_limit = 0.8 * part * limit / p->mean_m0;
		better = true;
	}
	if (p->n_train && e->kernel > part * limit) {
		double error = p->choice.error;

		weight = e->kernel / error;
		train_choose(p, 0.8 * part * limit / weight, p->series.terms);
		better |= p->choice.error < error;
	}
	return better;
}

bool line_improve(struct line_plan *p)
{
	struct errors e = errors_of(p);

	return total(p, &e) > p->sim->tolerance * e.most && improve(p, &e, longest(p));
}

/* The first choice of terms, kernel and groups, for errors of one spin: `ratio` is the mean weight
 * over the largest sample, 0 where that is not known. False: no kernel will do. */
static bool choose(struct line_plan *p, double ratio)
{
	double tolerance = p->sim->tolerance, half = longest(p), all, left, least = INFINITY;
	int fewest, best = 1;

	if (!p->n_train) {
		choose_terms(&p->series, share * tolerance / guess, half);
		return true;
	}
	if (ratio <= 0) {
		choose_terms(&p->series, share_with_trains * tolerance / guess, half);
		return train_choose(p, kernel_share * tolerance / kernel_guess, p->series.terms);
	}
	all = (1 - reserve) * tolerance / (slack * ratio);
	left = fmax(all - roundings * FLT_EPSILON, 0.2 * all);
	choose_terms(&p->series, 0.9 * left, half);
	fewest = p->series.terms;
	/* more terms leave more to the kernel */
	for (int terms = fewest; terms <= CPU_TERMS && terms < fewest + 3; terms++) {
		double series;

		line_set_terms(&p->series, terms, half);
		series = p->series.scale > 0 ? line_error(&p->series, half) : 0;
		if (train_choose(p, fmax(left - series, 0.1 * all), terms) &&
		    p->choice.cost < least) {
			least = p->choice.cost;
			best = terms;
		}
	}
	line_set_terms(&p->series, best, half);
	left -= p->series.scale > 0 ? line_error(&p->series, half) : 0;
	return train_choose(p, fmax(left, 0.1 * all), best);
}

precess_status line_prepare(struct line_plan **out, struct sim_plan *sim, bool trains)
{
	struct line_plan *p;
	double ratio = 0;
	precess_status st;

	TRY(line_plan_create(out, sim, trains));
	p = *out;
	p->fan_limit = kernel_share * sim->tolerance / kernel_guess;
	if (p->n_train) {
		TRY(line_probe(&ratio, sim, p->store));
		train_expect(p, ratio > 0);
	}
	if (choose(p, ratio))
		return PRECESS_OK;
	line_plan_free(p);
	*out = NULL;
	if (sim->asked == SIM_train)
		return precess_fail(PRECESS_ENOTSUP, "the train method cannot compute this: decay "
				    "displaces spins too far; use `auto` or `line`");
	text_printf(&sim->report, "line: decay displaces spins too far for trains\n");
	return line_prepare(out, sim, false);
out:
	return st;
}

static precess_status all_trains(const struct sim_plan *sim)
{
	for (uint32_t r = 0; r < sim->draw->program->n_readout; r++)
		if (sim->method[r] != SIM_train)
			return precess_fail(PRECESS_ENOTSUP, "the train method cannot compute "
					    "readout %u: not part of a train; use `auto` or `line`",
					    r);
	return PRECESS_OK;
}

precess_status sim_line(struct sim_plan *sim)
{
	struct line_plan *p = NULL;
	struct errors e = { 0 };
	precess_status st;

	TRY(line_prepare(&p, sim, sim->asked != SIM_line));
	if (sim->asked == SIM_train)
		TRY(all_trains(sim));
	for (int attempt = 1; p->n_line; attempt++) {
		TRY(line_run(p));
		e = errors_of(p);
		if (total(p, &e) <= sim->tolerance * e.most || attempt == LINE_ATTEMPTS)
			break;
		if (improve(p, &e, longest(p)))
			continue;
		if (!p->n_train || sim->asked == SIM_train)
			break;
		line_plan_free(p);
		TRY(line_prepare(&p, sim, false));
	}
	settle(p, &e);
	if (!sim->backend)
		snprintf(sim->device, sizeof sim->device, "cpu %s (%.70s)", p->cpu->isa,
			 cpu_name());
out:
	line_plan_free(p);
	return st;
}
