/* Every spin times every sample, in double precision, the states from the kernel schedule. Along a
 * readout with even steps each spin is multiplied by a constant factor from sample to sample;
 * others evaluate the exponential anew. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* One build per vector width; the order of additions is the same in all. */
#if defined(__x86_64__) && defined(__gnu_linux__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

enum {
	LANES = 8,        /* partial sums side by side: the order of additions is fixed by this */
	SPINS_AT_ONCE = 256
};

/* ------------------------------------------------------------------ readouts */
struct view {
	uint32_t first_sample, n;
	bool uniform;
	double t0, dwell, k0[3], step[3];
	double *k, *tau;  /* of every sample when not uniform */
};

static precess_status make_view(struct view *v, const struct draw *d, uint32_t readout)
{
	const struct program_readout *q = &d->program->readout[readout];
	const struct program_event *e = &d->program->event[q->event];

	*v = (struct view){ .first_sample = e->first_sample, .n = e->n, .uniform = true,
			    .t0 = sim_slot(d, q->time), .dwell = sim_slot(d, q->dwell) };
	for (int a = 0; a < 3; a++) {
		v->k0[a] = sim_slot(d, q->k[a]);
		v->step[a] = sim_slot(d, q->step[a]);
		v->uniform = v->uniform && q->step[a] != PROGRAM_NO_SLOT;
	}
	if (v->uniform)
		return PRECESS_OK;
	v->k = calloc(3 * (size_t)v->n + 1, sizeof *v->k);
	v->tau = calloc((size_t)v->n + 1, sizeof *v->tau);
	if (!v->k || !v->tau)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", v->n);
	draw_readout(d, readout, v->k, v->tau);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ sums over a batch of spins */
/* sum[n] += sum over spins of a f^n; a is consumed. `count` is a multiple of LANES. */
WIDE static void sum_powers(double *sum, uint32_t n, double *restrict are, double *restrict aim,
		       const double *restrict fre, const double *restrict fim, int count)
{
	for (uint32_t i = 0; i < n; i++) {
		double re[LANES] = { 0 }, im[LANES] = { 0 };

		for (int s = 0; s < count; s += LANES) {
#pragma omp simd
			for (int l = 0; l < LANES; l++) {
				double x = are[s + l], y = aim[s + l];

				re[l] += x;
				im[l] += y;
				are[s + l] = x * fre[s + l] - y * fim[s + l];
				aim[s + l] = x * fim[s + l] + y * fre[s + l];
			}
		}
		for (int l = 1; l < LANES; l++) {
			re[0] += re[l];
			im[0] += im[l];
		}
		sum[2 * i] += re[0];
		sum[2 * i + 1] += im[0];
	}
}

struct batch {
	struct sim_spin *spin;   /* [column][nz] */
	double (*m)[3];          /* likewise */
	double (*seen)[2];       /* by a coil, likewise */
	size_t from;             /* the first column, of the live pixels */
	struct affine *pulses;   /* [spin][n_pulse] */
	bool *have;
	double *are, *aim, *fre, *fim; /* per column, or per spin */
	int columns, nz;
};

static double moment_phase(const double k[3], const double r[3])
{
	return tau * (k[0] * r[0] + k[1] * r[1] + k[2] * r[2]);
}

static void view_uniform(double *sum, const struct view *v, const struct batch *b)
{
	/* Without a step along z the spins of a column go on in step: sum them first. */
	bool together = v->step[2] == 0;
	int n = together ? b->columns : b->columns * b->nz;
	int padded = (n + LANES - 1) / LANES * LANES;

	memset(b->are, 0, (size_t)padded * sizeof *b->are);
	memset(b->aim, 0, (size_t)padded * sizeof *b->aim);
	for (int i = 0; i < b->columns * b->nz; i++) {
		const struct sim_spin *s = &b->spin[i];
		int at = together ? i / b->nz : i;
		double phase = s->w * v->t0 + moment_phase(v->k0, s->r), g = exp(-s->r2 * v->t0);
		double c = g * cos(phase), q = -g * sin(phase);

		b->are[at] += b->seen[i][0] * c - b->seen[i][1] * q;
		b->aim[at] += b->seen[i][0] * q + b->seen[i][1] * c;
		if (together && i % b->nz)
			continue;
		phase = s->w * v->dwell + moment_phase(v->step, s->r);
		g = exp(-s->r2 * v->dwell);
		b->fre[at] = g * cos(phase);
		b->fim[at] = -g * sin(phase);
	}
	for (int i = n; i < padded; i++)
		b->fre[i] = b->fim[i] = 0;
	sum_powers(sum, v->n, b->are, b->aim, b->fre, b->fim, padded);
}

static void view_general(double *sum, const struct view *v, const struct batch *b)
{
	for (uint32_t n = 0; n < v->n; n++) {
		double re = 0, im = 0;

		for (int i = 0; i < b->columns * b->nz; i++) {
			const struct sim_spin *s = &b->spin[i];
			double phase = s->w * v->tau[n] + moment_phase(v->k + 3 * n, s->r);
			double g = exp(-s->r2 * v->tau[n]), c = g * cos(phase), q = -g * sin(phase);

			re += b->seen[i][0] * c - b->seen[i][1] * q;
			im += b->seen[i][0] * q + b->seen[i][1] * c;
		}
		sum[2 * n] += re;
		sum[2 * n + 1] += im;
	}
}

/* ------------------------------------------------------------------ histories */
struct job {
	struct sim_plan *plan;
	struct view *view;        /* per readout; n = 0 where it is another method's */
	uint32_t *last;           /* per history: one past its last epoch with a view */
	int columns;              /* per batch */
	size_t done;
	atomic_bool stop;
	double seconds_state, seconds_readout;
};

/* The readouts of an epoch as one coil sees them. */
static void view_epoch(double *sum, const struct job *j, struct batch *b,
		       const struct program_epoch *q, int coil)
{
	for (int i = 0; i < b->columns * b->nz; i++)
		sim_receive(b->seen[i], j->plan->maps, coil,
			    j->plan->live[b->from + (size_t)(i / b->nz)], b->m[i][0], b->m[i][1]);
	for (uint32_t r = q->first_readout; r < q->first_readout + q->n_readout; r++) {
		const struct view *v = &j->view[r];

		if (v->n && v->uniform)
			view_uniform(sum + 2 * (size_t)v->first_sample, v, b);
		else if (v->n)
			view_general(sum + 2 * (size_t)v->first_sample, v, b);
	}
}

static void run_history(double *sum, double seconds[2], const struct job *j, struct batch *b,
			uint32_t history, double weight)
{
	const struct draw *d = j->plan->draw;
	const struct program *p = d->program;
	const uint32_t first = p->history[history].first_epoch;
	int n = b->columns * b->nz;
	double begun = clock_seconds(), now;

	for (int i = 0; i < n; i++) {
		b->m[i][0] = b->m[i][1] = 0;
		b->m[i][2] = b->spin[i].m0 *= weight; /* everything is linear in M0 */
	}
	for (uint32_t e = first; e < j->last[history]; e++) {
		const struct program_epoch *q = &p->epoch[e];

		if (q->pulse != UINT32_MAX)
			sim_pulses(b->pulses, b->have, d, q->pulse, b->spin, (size_t)n);
		for (int i = 0; i < n; i++)
			sim_epoch_pulse(b->m[i], d, e, &b->spin[i],
					b->pulses + (size_t)i * p->n_pulse,
					b->have + (size_t)i * p->n_pulse);
		seconds[0] += (now = clock_seconds()) - begun;
		for (int c = 0; c < j->plan->n_coil; c++)
			view_epoch(sum + 2 * (size_t)c * p->n_sample, j, b, q, c);
		seconds[1] += (begun = clock_seconds()) - now;
		for (int i = 0; i < n; i++)
			sim_epoch_free(b->m[i], d, e, &b->spin[i]);
	}
	seconds[0] += clock_seconds() - begun;
}

/* Live pixels [from, from + columns). */
static void run_batch(double *sum, double seconds[2], const struct job *j, struct batch *b,
		      size_t from)
{
	const struct sim_plan *plan = j->plan;
	const struct sim_ensemble *q = &plan->ensemble;
	const size_t n = (size_t)b->columns * (size_t)b->nz * plan->draw->program->n_pulse;

	b->from = from;
	memset(b->have, 0, n * sizeof *b->have);
	for (uint32_t h = 0; h < plan->draw->program->n_history; h++) {
		bool one_pulse = sim_history_pulses(plan->draw->program, h) <= 1;

		if (j->last[h] == 0)
			continue;
		for (int member = 0; member < (one_pulse ? 1 : q->n); member++) {
			for (int i = 0; i < b->columns * b->nz; i++) {
				struct sim_spin *s = &b->spin[i];

				*s = sim_spin_at(plan, plan->live[from + (size_t)(i / b->nz)],
						 i % b->nz);
				if (one_pulse)
					s->r2 += s->r2p;
				else
					s->w += q->x[member] * s->r2p;
			}
			if (plan->decays_t2p) /* other spins than before */
				memset(b->have, 0, n * sizeof *b->have);
			run_history(sum, seconds, j, b, h, one_pulse ? 1 : q->w[member]);
		}
	}
}

static bool batch_create(struct batch *b, int columns, int nz, uint32_t n_pulse)
{
	size_t n = (size_t)columns * (size_t)nz, padded = n + LANES;

	*b = (struct batch){ .nz = nz };
	b->spin = calloc(n, sizeof *b->spin);
	b->m = calloc(n, sizeof *b->m);
	b->seen = calloc(n, sizeof *b->seen);
	b->pulses = calloc(n * n_pulse + 1, sizeof *b->pulses);
	b->have = calloc(n * n_pulse + 1, sizeof *b->have);
	b->are = memory_aligned(4 * padded * sizeof *b->are);
	if (!b->spin || !b->m || !b->seen || !b->pulses || !b->have || !b->are)
		return false;
	b->aim = b->are + padded;
	b->fre = b->aim + padded;
	b->fim = b->fre + padded;
	return true;
}

static void batch_free(struct batch *b)
{
	free(b->spin);
	free(b->m);
	free(b->seen);
	free(b->pulses);
	free(b->have);
	free(b->are);
}

static precess_status run_groups(double *sums, size_t stride, int groups, struct job *j)
{
	struct sim_plan *plan = j->plan;
	precess_status st = PRECESS_OK;
	struct progress bar;

	progress_begin(&bar, "direct sum", plan->n_live, plan->quiet);
#pragma omp parallel num_threads(plan->threads)
	{
		struct batch b;
		double seconds[2] = { 0, 0 };
		bool ok = batch_create(&b, j->columns, plan->nz, plan->draw->program->n_pulse);

#pragma omp for schedule(dynamic)
		for (int g = 0; g < groups; g++) {
			size_t batch = (size_t)g * (size_t)j->columns;

			for (; ok && batch < plan->n_live && !j->stop;
			     batch += (size_t)groups * (size_t)j->columns) {
				size_t left = plan->n_live - batch, now;

				b.columns = left < (size_t)j->columns ? (int)left : j->columns;
				run_batch(sums + stride * (size_t)g, seconds, j, &b, batch);
#pragma omp atomic capture
				now = j->done += (size_t)b.columns;
				if (omp_get_thread_num() == 0) {
					progress_at(&bar, now);
					j->stop = interrupted();
				}
			}
		}
#pragma omp critical
		{
			j->seconds_state = fmax(j->seconds_state, seconds[0]);
			j->seconds_readout = fmax(j->seconds_readout, seconds[1]);
			if (!ok)
				st = PRECESS_ENOMEM;
		}
		batch_free(&b);
	}
	progress_end(&bar);
	if (st)
		return precess_fail(st, "out of memory for the states of %d spins a thread",
				    j->columns * plan->nz);
	return j->stop ? precess_fail(PRECESS_ECANCEL, "interrupted") : PRECESS_OK;
}

/* ------------------------------------------------------------------ all */
/* False when nothing is to do. */
static bool find_work(struct job *j)
{
	const struct program *p = j->plan->draw->program;
	bool any = false;

	for (uint32_t h = 0; h < p->n_history; h++) {
		const struct program_history *q = &p->history[h];

		for (uint32_t e = q->first_epoch; e < q->first_epoch + q->n_epoch; e++) {
			uint32_t r = p->epoch[e].first_readout, end = r + p->epoch[e].n_readout;

			for (; r < end; r++) {
				if (j->plan->method[r] == SIM_direct) {
					j->last[h] = e + 1;
					any = true;
				}
			}
		}
	}
	return any;
}

precess_status sim_direct(struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	size_t n = 2 * (size_t)plan->n_coil * p->n_sample;
	int groups = sim_groups(n / 2);
	struct job j = { .plan = plan };
	precess_status st = PRECESS_OK;
	double *sums = NULL;

	j.columns = plan->nz >= SPINS_AT_ONCE ? 1 : SPINS_AT_ONCE / plan->nz;
	j.view = calloc((size_t)p->n_readout + 1, sizeof *j.view);
	j.last = calloc((size_t)p->n_history + 1, sizeof *j.last);
	sums = calloc(n * (size_t)groups + 1, sizeof *sums);
	if (!j.view || !j.last || !sums) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d sums of %zu numbers",
				  groups, n);
		goto out;
	}
	if (!find_work(&j))
		goto out;
	for (uint32_t r = 0; r < p->n_readout; r++) {
		if (plan->method[r] == SIM_direct)
			TRY(make_view(&j.view[r], plan->draw, r));
	}
	TRY(run_groups(sums, n, groups, &j));
	for (int g = 0; g < groups; g++) {
		for (size_t i = 0; i < n; i++)
			plan->signal[i] += plan->scale * sums[n * (size_t)g + i];
	}
	plan->seconds_state += j.seconds_state;
	plan->seconds_readout += j.seconds_readout;
out:
	for (uint32_t r = 0; j.view && r < p->n_readout; r++) {
		free(j.view[r].k);
		free(j.view[r].tau);
	}
	free(j.view);
	free(j.last);
	free(sums);
	return st;
}
