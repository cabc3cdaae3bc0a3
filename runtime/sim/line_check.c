/* How far a signal is from sums in double precision over all spins, at some of its samples. */
#include "runtime/sim/line.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

enum { CHECKED = 320, FEWEST = 24 };
/* Samples times pixels, and states of spins after pulses: some seconds of a processor each. */
static const double most_sums = 1.5e7, most_states = 6e7;

/* What a pixel's spins, summed over the slice, are to lines of one epoch and kz. */
struct sight {
	uint32_t epoch;
	double kz;
};

struct check {
	struct line_plan *p;
	int n;                         /* samples */
	uint32_t line[CHECKED], sample[CHECKED];
	struct sight sight[CHECKED];
	int n_sight, of[CHECKED];      /* a sample's */
	bool *history;                 /* of the program: has a checked line */
	uint32_t longest;              /* epochs of a history */
};

/* The samples to check: the largest, every line's first and last in turn, the rest at random. */
static void choose(struct check *c, const double *signal)
{
	const struct line_plan *p = c->p;
	const struct program *prog = p->sim->draw->program;
	struct rng r = rng_make(1, 0);
	double most = -1;

	for (uint32_t l = 0; l < p->n_line; l++) {
		uint32_t event = prog->readout[p->line[l].readout].event;
		const double *s = signal + 2 * (size_t)prog->event[event].first_sample;

		for (uint32_t i = 0; i < p->shape[p->line[l].shape].n; i++)
			if (hypot(s[2 * i], s[2 * i + 1]) > most) {
				most = hypot(s[2 * i], s[2 * i + 1]);
				c->line[0] = l;
				c->sample[0] = i;
			}
	}
	for (int i = 1; i < c->n; i++) {
		uint32_t size;

		c->line[i] = (uint32_t)((uint64_t)i * 7919 % p->n_line);
		size = p->shape[p->line[c->line[i]].shape].n;
		c->sample[i] = i % 4 == 1 ? 0 : i % 4 == 2 ? size - 1 : rng_u32(&r) % size;
	}
}

static void find_sights(struct check *c)
{
	const struct program *prog = c->p->sim->draw->program;

	for (int i = 0; i < c->n; i++) {
		const struct line_line *l = &c->p->line[c->line[i]];
		struct sight s = { program_readout_epoch(prog, l->readout), l->kz };
		int at = 0;

		while (at < c->n_sight &&
		       (c->sight[at].epoch != s.epoch || c->sight[at].kz != s.kz))
			at++;
		if (at == c->n_sight)
			c->sight[c->n_sight++] = s;
		c->of[i] = at;
		c->history[sim_epoch_history(prog, s.epoch)] = true;
	}
}

/* Epochs that all spins must go through. */
static double count_states(struct check *c)
{
	const struct sim_plan *sim = c->p->sim;
	const struct program *prog = sim->draw->program;
	double n = 0;

	for (uint32_t h = 0; h < prog->n_history; h++) {
		n += c->history[h] ? prog->history[h].n_epoch : 0;
		if (prog->history[h].n_epoch > c->longest)
			c->longest = prog->history[h].n_epoch;
	}
	return n * (double)sim->n_live * sim->nz;
}

/* ------------------------------------------------------------------ sums */
struct pixel {
	double *m;                     /* of one spin after every epoch's pulse */
	struct affine *pulses;
	bool *have;
	double seen[CHECKED][2], sum[CHECKED][2];
};

/* All spins of a pixel as each sight has them at the pulse's end. */
static void see(struct pixel *w, const struct check *c, uint32_t pixel)
{
	const struct sim_plan *sim = c->p->sim;
	const struct program *prog = sim->draw->program;

	memset(w->seen, 0, (size_t)c->n_sight * sizeof *w->seen);
	for (int iz = 0; iz < sim->nz; iz++) {
		struct sim_spin s = sim_spin_at(sim, pixel, iz);

		memset(w->have, 0, prog->n_pulse);
		for (uint32_t h = 0; h < prog->n_history; h++) {
			const struct program_history *q = &prog->history[h];

			if (!c->history[h])
				continue;
			sim_history(w->m, sim->draw, h, &s, w->pulses, w->have);
			for (int i = 0; i < c->n_sight; i++) {
				uint32_t e = c->sight[i].epoch - q->first_epoch;
				double phase = tau * c->sight[i].kz * s.r[2], re = cos(phase),
				       im = -sin(phase);

				if (e >= q->n_epoch)
					continue;
				w->seen[i][0] += w->m[3 * e] * re - w->m[3 * e + 1] * im;
				w->seen[i][1] += w->m[3 * e] * im + w->m[3 * e + 1] * re;
			}
		}
	}
}

static void add_pixel(struct pixel *w, const struct check *c, uint32_t pixel)
{
	const struct sim_spin s = sim_spin_at(c->p->sim, pixel, 0);

	see(w, c, pixel);
	for (int i = 0; i < c->n; i++) {
		const struct line_line *l = &c->p->line[c->line[i]];
		const struct line_shape *q = &c->p->shape[l->shape];
		const double *v = w->seen[c->of[i]];
		double t = l->time + q->tau[c->sample[i]];
		double phase = -s.w * t -
			       tau * (q->kx[c->sample[i]] * s.r[0] + l->ky * s.r[1]);
		double g = exp(-s.r2 * t), re = g * cos(phase), im = g * sin(phase);

		w->sum[i][0] += v[0] * re - v[1] * im;
		w->sum[i][1] += v[0] * im + v[1] * re;
	}
}

static precess_status add_all(double (*sum)[2], const struct check *c)
{
	const struct sim_plan *sim = c->p->sim;
	const uint32_t n_pulse = sim->draw->program->n_pulse;
	bool failed = false;

#pragma omp parallel num_threads(sim->threads)
	{
		struct pixel *w = calloc(1, sizeof *w);
		bool ok = w != NULL;

		if (ok) {
			w->m = malloc(3 * ((size_t)c->longest + 1) * sizeof *w->m);
			w->pulses = malloc((n_pulse + 1) * sizeof *w->pulses);
			w->have = malloc(n_pulse + 1);
			ok = w->m && w->pulses && w->have;
		}
#pragma omp for schedule(dynamic, 64)
		for (size_t i = 0; i < sim->n_live; i++)
			if (ok)
				add_pixel(w, c, sim->live[i]);
#pragma omp critical(line_check_sum)
		{
			failed = failed || !ok;
			for (int i = 0; ok && i < c->n; i++) {
				sum[i][0] += w->sum[i][0];
				sum[i][1] += w->sum[i][1];
			}
		}
		if (w) {
			free(w->m);
			free(w->pulses);
			free(w->have);
		}
		free(w);
	}
	return failed ? precess_fail(PRECESS_ENOMEM, "out of memory") : PRECESS_OK;
}

precess_status line_check(double *error, struct line_plan *p, const double *signal, double largest)
{
	const struct sim_plan *sim = p->sim;
	const struct program *prog = sim->draw->program;
	struct check c = { .p = p };
	double sum[CHECKED][2] = { { 0 } }, most = 0;
	precess_status st = PRECESS_OK;

	*error = NAN;
	c.n = (int)fmin(CHECKED, fmax(FEWEST, most_sums / fmax((double)sim->n_live, 1)));
	c.history = calloc(prog->n_history, sizeof *c.history);
	if (!c.history)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	choose(&c, signal);
	find_sights(&c);
	if (count_states(&c) > most_states)
		goto out;
	TRY(add_all(sum, &c));
	for (int i = 0; i < c.n; i++) {
		uint32_t event = prog->readout[p->line[c.line[i]].readout].event;
		const double *s = signal +
				  2 * (size_t)(prog->event[event].first_sample + c.sample[i]);

		most = fmax(most, hypot(sum[i][0] * sim->scale - s[0],
					sum[i][1] * sim->scale - s[1]));
	}
	*error = largest > 0 ? most / largest : 0;
out:
	free(c.history);
	return st;
}
