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
	free(p->choice.landed);
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

/* The train whose displacements are largest. */
static const struct line_train *widest(const struct line_plan *p)
{
	const struct line_train *t = p->train;

	for (uint32_t i = 1; i < p->n_train; i++)
		t = drift_of(&p->train[i]) > drift_of(t) ? &p->train[i] : t;
	return t;
}

/* Ways to part the rates present: one group around a middle, or several of equal width. */
static void divide_rates(struct train_choice *c, const struct line_plan *p, int way)
{
	static const double middle[] = { 0.5, 0.4, 0.3, 0.2 };
	static const int groups[] = { 2, 3, 4, 6, 8, 12, TRAIN_GROUPS };
	const int ones = PRECESS_COUNT(middle);
	double lo = p->series.r - p->series.half_r, hi = p->series.r + p->series.half_r, part;

	_Static_assert(TRAIN_WAYS == PRECESS_COUNT(middle) + PRECESS_COUNT(groups), "ways");
	hi = fmax(lo, fmin(hi, p->choice.cut));
	part = way < ones ? middle[way] : 0.5;
	c->groups = way < ones ? 1 : groups[way - ones];
	c->width = 2 * (1 - part) * (hi - lo) / c->groups;
	c->lo = way < ones ? lo + part * (hi - lo) - 0.5 * c->width : lo;
	c->width = c->width > 0 ? c->width : 1;
}

/* Mean errors of a spin at the first line, relative to its own size there, by kernel. */
static void expect(double *error, const struct line_plan *p, const struct train_choice *c,
		   const double *share)
{
	const struct line_train *t = widest(p);
	double lo = p->series.r - p->series.half_r, step = 2 * p->series.half_r / TRAIN_SHARES;
	double drift = drift_of(t);

	for (int k = 0; k < TRAIN_KERNELS; k++)
		error[k] = train_kernel_error(train_kernel(4 + 2 * k), 0.5 * c->width * drift);
	if (!share || !isfinite(error[0]))
		return;
	memset(error, 0, TRAIN_KERNELS * sizeof *error);
	for (int i = 0; i < TRAIN_SHARES; i++) {
		double r = lo + (i + 0.5) * step, at = floor((r - c->lo) / c->width), away, size;

		if (share[i] <= 0 || r > p->choice.cut)
			continue;
		at = fmin(fmax(at, 0), c->groups - 1);
		away = c->lo + (at + 0.5) * c->width - r;
		size = share[i] * exp(away * t->before);
		for (int k = 0; k < TRAIN_KERNELS; k++)
			error[k] += size * train_kernel_error(train_kernel(4 + 2 * k),
							      fmin(fabs(away) * drift, 1));
	}
}

/* Parts of the signal at the first line by rate, of what the spins of every few rows and columns are
 * like, as if pulses had treated all of them the same; false where there are none. */
static bool find_shares(double *share, const struct line_plan *p, double first)
{
	enum { EVERY = 8 };
	const struct maps *m = p->sim->maps;
	const float *m0 = m->map[PROGRAM_MAP_M0], *t2 = m->map[PROGRAM_MAP_T2];
	const float *tp = p->sim->decays_t2p ? m->map[PROGRAM_MAP_T2p] : NULL;
	double lo = p->series.r - p->series.half_r, sum = 0;
	double inverse = p->series.half_r > 0 ? TRAIN_SHARES / (2 * p->series.half_r) : 0;

	memset(share, 0, TRAIN_SHARES * sizeof *share);
	for (int y = EVERY / 2; y < p->ny; y += EVERY)
		for (int x = EVERY / 2; x < p->nx; x += EVERY) {
			size_t i = (size_t)y * (size_t)p->nx + (size_t)x;
			double size = m0 ? (double)m0[i] : 1, r;

			if (!(size > 0))
				continue;
			r = (t2 ? 1 / (double)t2[i] : 0) + (tp ? 1 / (double)tp[i] : 0);
			r = fmin(r, p->fastest);
			size *= exp(-r * first);
			share[(int)fmin(fmax((r - lo) * inverse, 0), TRAIN_SHARES - 1)] += size;
			sum += size;
		}
	for (int i = 0; i < TRAIN_SHARES && sum > 0; i++)
		share[i] /= sum;
	return sum > 0;
}

void train_expect(struct line_plan *p, bool by_share)
{
	double share[TRAIN_SHARES], first = INFINITY, hi = p->series.r + p->series.half_r;
	struct train_choice c;

	for (uint32_t i = 0; i < p->n_train; i++)
		first = fmin(first, p->line[p->train[i].first].time);
	p->choice.cut = log(1 / (faint * p->sim->tolerance)) / first;
	p->choice.cut = hi < p->choice.cut ? 2 * hi + 1 : p->choice.cut;
	by_share = by_share && find_shares(share, p, first);
	for (int way = 0; way < TRAIN_WAYS; way++) {
		divide_rates(&c, p, way);
		expect(p->choice.expected[way], p, &c, by_share ? share : NULL);
	}
}

bool train_choose(struct line_plan *p, double limit, int terms)
{
	struct train_choice *c = &p->choice;
	double least = INFINITY;
	int best = -1;

	c->cost = INFINITY;
	for (int i = 0; i < TRAIN_WAYS * TRAIN_KERNELS; i++) {
		double error = c->expected[i / TRAIN_KERNELS][i % TRAIN_KERNELS], cost;
		bool good = error <= limit;

		if (!isfinite(error))
			continue;
		divide_rates(c, p, i / TRAIN_KERNELS);
		cost = good ? cost_of(p, terms, 4 + 2 * (i % TRAIN_KERNELS), c->groups) : INFINITY;
		if (cost > c->cost || (cost == c->cost && error >= least))
			continue;
		c->cost = cost;
		least = error;
		best = i;
	}
	if (best < 0)
		return false;
	divide_rates(c, p, best / TRAIN_KERNELS);
	c->kernel = train_kernel(4 + 2 * (best % TRAIN_KERNELS));
	c->error = least;
	return true;
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

/* Step i of a group ends i - CPU_LEVELS and i + 1 - CPU_LEVELS levels from its middle; slower spins
 * are at the upper end. `middle` is the size that a rate in the middle has had at the first line. */
static void fill_steps(struct line_train *t, const struct train_choice *c, int group, double middle)
{
	for (int i = 0; i < TRAIN_STEPS; i++) {
		int end = i < CPU_LEVELS ? CPU_LEVELS - i : i + 1 - CPU_LEVELS;
		double v = (double)i / CPU_LEVELS - 1;
		double error = c->kernel->error[end < CPU_LEVELS ? end : CPU_LEVELS];

		t->error[group * TRAIN_STEPS + i] = (float)(middle * error);
		t->growth[group * TRAIN_STEPS + i] =
			(float)fmin(middle * exp(-v / drift_of(t) * t->before), 1e30);
	}
}

/* What the choice makes of one train. */
static precess_status fill_train(struct line_train *t, const struct train_choice *c)
{
	free(t->divide);
	t->divide = malloc(2 * (size_t)c->groups * t->n * sizeof *t->divide);
	if (!t->divide)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int g = 0; g < c->groups; g++) {
		double r = c->lo + (g + 0.5) * c->width;

		fill_steps(t, c, g, exp(r * t->before));
		for (uint32_t l = 0; l < t->n; l++) {
			double k = (double)l - t->center;
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

precess_status train_begin(struct line_plan *p)
{
	struct train_choice *c = &p->choice;
	precess_status st;

	free(c->landed);
	c->landed = calloc((size_t)(p->blocks * p->parts) * p->n_train + 1, sizeof *c->landed);
	if (!c->landed)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->n_train; i++)
		if ((st = fill_train(&p->train[i], c)))
			return st;
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
		.error = t->error,
		.growth = t->growth,
		.before = t->before,
		.landed = c->landed + at,
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
static struct cpu_landed all_landed(const struct line_plan *p, uint32_t train)
{
	struct cpu_landed all = { 0 };

	for (int task = 0; task < p->blocks * p->parts; task++) {
		const struct cpu_landed *q =
			&p->choice.landed[(size_t)task * p->n_train + train];

		all.wrong += q->wrong;
		all.sum += q->sum;
		all.dropped += q->dropped;
	}
	return all;
}

double train_weight(const struct line_plan *p, uint32_t train)
{
	return all_landed(p, train).sum / ((double)p->nx * p->ny);
}

double train_bound(const struct line_plan *p)
{
	double most = 0;

	for (uint32_t i = 0; i < p->n_train; i++) {
		struct cpu_landed l = all_landed(p, i);

		most = fmax(most, (l.wrong + l.dropped) / ((double)p->nx * p->ny));
	}
	return most;
}
