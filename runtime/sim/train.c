/* Trains of a plan: kernel and groups, from weights to circles, from circles to lines, bounds. */
#include "runtime/sim/train.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim/line.h"

static const double tau = 6.283185307179586476925; /* 2 pi */

/* A spin that has decayed to this part of the tolerance when its train begins is left out, and what
 * it would have given is added to the bound. */
static const double faint = 1.0 / 400;

enum { CELLS_LEAST = 32, PAD = 16 };

bool train_proved(const struct line_plan *p, uint32_t first, uint32_t n)
{
	const struct program *prog = p->sim->draw->program;

	for (uint32_t t = 0; t < prog->n_train; t++) {
		const struct program_train *q = &prog->train[t];
		uint32_t i = 0;

		while (i < n && p->line[first + i].readout - q->first_readout < q->n_readout)
			i++;
		if (i == n)
			return true;
	}
	return false;
}

/* An even product of small primes. */
int train_cells(uint32_t lines)
{
	for (int n = 2 * (int)((TRAIN_OVERSAMPLING * lines + 1) / 2);; n += 2) {
		int rest = n;

		for (int q = 2; q <= 5; q++)
			while (rest % q == 0)
				rest /= q;
		if (rest == 1 && n >= CELLS_LEAST)
			return n;
	}
}

bool train_pays(const struct line_plan *p, uint32_t n)
{
	/* terms, taps and groups of the usual cases: the choice comes later */
	return cost_train(n, train_cells(n), 4, CPU_TAPS, 1, p->ny) < cost_run(n, 4);
}

precess_status train_add(struct line_plan *p, uint32_t piece)
{
	const struct line_piece *q = &p->piece[piece];
	const struct line_line *l = &p->line[q->first];
	struct line_train *t = line_append(&p->train, &p->n_train, sizeof *t);
	double dky = (l[q->n - 1].ky - l[0].ky) / (q->n - 1);

	if (!t)
		return PRECESS_ENOMEM;
	*t = (struct line_train){ .piece = piece,
				  .first = q->first,
				  .n = q->n,
				  .center = q->n / 2,
				  .period = (l[q->n - 1].time - l[0].time) / (q->n - 1),
				  .cells = train_cells(q->n) };
	t->before = t->center * t->period;
	t->y = malloc((size_t)p->ny * sizeof *t->y);
	if (!t->y)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d rows", p->ny);
	for (int i = 0; i < p->ny; i++)
		t->y[i] = remainder(dky * p->sim->maps->fov[1] * ((i + 0.5) / p->ny - 0.5), 1);
	for (uint32_t i = 0; i < q->n; i++)
		p->sim->method[l[i].readout] = SIM_train;
	p->piece[piece].train = (int)(p->n_train - 1);
	return PRECESS_OK;
}

void train_free(struct line_plan *p)
{
	for (uint32_t i = 0; i < p->n_train; i++) {
		free(p->train[i].y);
		free(p->train[i].divide);
	}
	free(p->train);
	free(p->choice.total);
	free(p->choice.dropped);
}

/* ------------------------------------------------------------------ choice */
static double drift_of(const struct line_train *t)
{
	return t->period * t->cells / tau;
}

static double cost_of(const struct line_plan *p, int terms, int taps, int groups)
{
	double sum = 0;

	for (uint32_t i = 0; i < p->n_train; i++)
		sum += cost_train(p->train[i].n, p->train[i].cells, terms, taps, groups, p->ny);
	return sum;
}

bool train_choose(struct line_plan *p, double limit, int terms)
{
	static const int groups[] = { 1, 2, 3, 4, 6, 8, 12, TRAIN_GROUPS };
	struct train_choice *c = &p->choice;
	double lo = p->series.r - p->series.half_r, hi = p->series.r + p->series.half_r;
	double first = INFINITY, drift = 0, best = INFINITY, least = INFINITY;

	for (uint32_t i = 0; i < p->n_train; i++) {
		first = fmin(first, p->line[p->train[i].first].time);
		drift = fmax(drift, drift_of(&p->train[i]));
	}
	c->cut = log(1 / (faint * p->sim->tolerance)) / first;
	c->cut = hi < c->cut ? 2 * hi + 1 : c->cut;
	hi = fmax(lo, fmin(hi, c->cut));
	c->lo = lo;
	c->kernel = NULL;
	for (size_t i = 0; i < PRECESS_COUNT(groups); i++)
		for (int taps = 4; taps <= CPU_TAPS; taps += 2) {
			const struct train_kernel *k = train_kernel(taps);
			double width = (hi - lo) / groups[i];
			double error = train_kernel_error(k, 0.5 * width * drift);
			double cost = cost_of(p, terms, taps, groups[i]);
			bool good = error <= limit;

			if (!isfinite(error) || (good ? cost >= best : error >= least))
				continue;
			best = good ? cost : best;
			least = good ? 0 : error;
			c->kernel = k;
			c->groups = groups[i];
			c->width = width > 0 ? width : 1;
			c->error = error;
		}
	return c->kernel;
}

/* ------------------------------------------------------------------ a run */
static size_t lane_size(const struct line_plan *p, const struct line_train *t)
{
	return (size_t)p->choice.groups * (size_t)p->series.terms * 2 * (size_t)(t->cells + PAD);
}

size_t train_place(struct line_plan *p, uint32_t first, uint32_t last)
{
	const struct line_history *end = &p->history[last - 1];
	uint32_t from = p->history[first].first_line, to = end->first_line + end->n_line;
	size_t size = 0;

	for (uint32_t i = 0; i < p->n_train; i++) {
		struct line_train *t = &p->train[i];

		if (t->first < from || t->first >= to)
			continue;
		t->offset = size;
		size += CPU_LANES * lane_size(p, t);
	}
	return size;
}

precess_status train_begin(struct line_plan *p)
{
	struct train_choice *c = &p->choice;
	size_t tasks = (size_t)(p->blocks * p->parts), n = tasks * p->n_train;

	free(c->total);
	free(c->dropped);
	c->total = calloc(n * TRAIN_GROUPS + 1, sizeof *c->total);
	c->dropped = calloc(n + 1, sizeof *c->dropped);
	if (!c->total || !c->dropped)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->n_train; i++) {
		struct line_train *t = &p->train[i];

		free(t->divide);
		t->divide = malloc(2 * (size_t)c->groups * t->n * sizeof *t->divide);
		if (!t->divide)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		for (int g = 0; g < c->groups; g++)
			for (uint32_t l = 0; l < t->n; l++) {
				double k = (double)l - t->center, r = c->lo + (g + 0.5) * c->width;
				double size = exp(-r * t->period * k) /
					      train_kernel_transform(c->kernel, k / t->cells);
				double phase = tau * k * (0.5 + (double)c->kernel->taps / t->cells);
				float *to = t->divide + 2 * ((size_t)g * t->n + l);

				to[0] = (float)(size * cos(phase));
				to[1] = (float)(size * sin(phase));
			}
	}
	return PRECESS_OK;
}

void train_deposit(struct line_work *w, uint32_t index, const float *weights)
{
	const struct line_plan *p = w->p;
	const struct line_train *t = &p->train[index];
	const struct train_choice *c = &p->choice;
	size_t at = (size_t)w->task * p->n_train + index, lane = lane_size(p, t);
	struct cpu_deposit d = {
		.grid = w->grid + t->offset,
		.lane_stride = lane,
		.group_stride = (int32_t)(lane / (size_t)c->groups),
		.plane = t->cells + PAD,
		.cells = t->cells,
		.taps = c->kernel->taps,
		.groups = c->groups,
		.coef = c->kernel->coef,
		.lo = (float)c->lo,
		.width = (float)c->width,
		.inverse = (float)(1 / c->width),
		.cut = (float)c->cut,
		.drift = (float)drift_of(t),
		.period = t->period,
		.y = t->y,
		.row = w->row,
		.total = c->total + at * TRAIN_GROUPS,
		.dropped = c->dropped + at,
		.before = t->before,
		.used = w->used + (size_t)index * TRAIN_GROUPS * CPU_LANES,
	};

	p->cpu->deposit(&d, weights, w->u, w->spins, w->rows, p->series.terms);
}

/* The cells past the end belong to the first ones. */
static void close_circle(float *re, int cells)
{
	float *im = re + cells + PAD;

	for (int i = 0; i < PAD; i++) {
		re[i] += re[cells + i];
		im[i] += im[cells + i];
	}
}

/* One circle, transformed, into one lane of the lines. Transforms of all lanes with their results
 * side by side cost far more than the scattered stores here. */
static void unroll(float *sum, size_t per_line, const float *re, const struct line_train *t,
		   const float *divide)
{
	const float *im = re + t->cells + PAD;
	uint32_t m = (uint32_t)t->cells - t->center;

	for (uint32_t l = 0; l < t->n; l++, sum += per_line) {
		float a = divide[2 * l], b = divide[2 * l + 1];

		sum[0] += a * re[m] - b * im[m];
		sum[CPU_LANES] += a * im[m] + b * re[m];
		m = m + 1 < (uint32_t)t->cells ? m + 1 : 0;
	}
}

/* One group of one lane; leaves its grids empty. */
static void finish_group(struct line_work *w, const struct line_train *t, size_t lane, int group,
			 float *sum, fftwf_plan plan)
{
	const struct line_plan *p = w->p;
	size_t terms = (size_t)p->series.terms, circle = 2 * (size_t)(t->cells + PAD);
	float *from = w->grid + t->offset + lane * lane_size(p, t) + (size_t)group * terms * circle;

	for (size_t j = 0; j < terms; j++) {
		float *re = from + j * circle, *im = re + t->cells + PAD;

		close_circle(re, t->cells);
		fftwf_execute_split_dft(plan, re, im, w->circle, w->circle + t->cells + PAD);
		unroll(sum + j * 2 * CPU_LANES + lane, p->per_line, w->circle, t,
		       t->divide + 2 * (size_t)group * t->n);
	}
	memset(from, 0, terms * circle * sizeof *from);
}

precess_status train_finish(struct line_work *w, const struct line_history *h, float *sum)
{
	const struct line_plan *p = w->p;
	precess_status st;

	for (uint32_t i = 0; i < p->n_train; i++) {
		const struct line_train *t = &p->train[i];
		uint8_t *used = w->used + (size_t)i * TRAIN_GROUPS * CPU_LANES;
		fftwf_plan plan;

		if (t->piece - h->first_piece >= h->n_piece)
			continue;
		if ((st = line_transform(&plan, t->cells, t->cells + PAD)))
			return st;
		for (size_t at = 0; at < (size_t)p->choice.groups * CPU_LANES; at++)
			if (used[at])
				finish_group(w, t, at % CPU_LANES, (int)(at / CPU_LANES),
					     sum + (t->first - w->first_line) * p->per_line, plan);
		memset(used, 0, TRAIN_GROUPS * CPU_LANES);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ bounds */
/* Sum over the groups of mean |w| exp(r before), at a rate `part` of the way through its group. */
static double mean_first(const struct line_plan *p, uint32_t train, double part)
{
	const struct train_choice *c = &p->choice;
	double sum = 0;

	for (int g = 0; g < c->groups; g++) {
		double group = 0;

		for (int task = 0; task < p->blocks * p->parts; task++)
			group += c->total[((size_t)task * p->n_train + train) * TRAIN_GROUPS +
					  (size_t)g];
		sum += group * exp((c->lo + (g + part) * c->width) * p->train[train].before);
	}
	return sum / ((double)p->nx * p->ny);
}

double train_weight(const struct line_plan *p, uint32_t train)
{
	return mean_first(p, train, 1);
}

double train_bound(const struct line_plan *p)
{
	double most = 0;

	for (uint32_t i = 0; i < p->n_train; i++) {
		double dropped = 0;

		for (int task = 0; task < p->blocks * p->parts; task++)
			dropped += p->choice.dropped[(size_t)task * p->n_train + i];
		dropped /= (double)p->nx * p->ny;
		most = fmax(most, p->choice.error * mean_first(p, i, 0.5) + dropped);
	}
	return most;
}
