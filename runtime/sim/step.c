/* The oracle: every spin through the event list, operator after operator, in double precision. It
 * shares with the other methods the definition of a spin and the propagator of a constant field,
 * and nothing of the kernel schedule: histories, epochs and moments are found anew from events. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double s_per_ps = 1e-12;

/* ------------------------------------------------------------------ the tape */
enum op_kind { OP_FREE, OP_PULSE, OP_SAMPLE, OP_RESET };
struct op {
	enum op_kind kind;
	double h, k[3];       /* FREE: duration and 2 pi moments */
	double phase, freq;   /* PULSE */
	const struct rf_step *step;
	size_t n_step;
	uint32_t sample;      /* SAMPLE */
	bool wanted;          /* SAMPLE: this method's */
	bool one_pulse;       /* PULSE, FREE, SAMPLE: at most one pulse since the last reset */
};
struct tape {
	struct op *op;
	size_t n;
	struct rf_step **steps; /* per event of the draw, NULL for all but RF */
};

static void free_to(struct tape *t, const struct draw *d, double *now, double until)
{
	struct op *o = &t->op[t->n];

	if (until <= *now)
		return;
	*o = (struct op){ .kind = OP_FREE, .h = until - *now };
	for (int a = 0; a < 3; a++)
		o->k[a] = tau * draw_moment(d, a, *now, until);
	t->n++;
	*now = until;
}

static void record_adc(struct tape *t, const struct draw *d, const struct draw_event *e,
		       double *now, bool wanted)
{
	for (uint32_t i = 0; i < e->n; i++) {
		free_to(t, d, now, (double)e->start * s_per_ps + (i + 0.5) * e->dwell);
		t->op[t->n++] = (struct op){ .kind = OP_SAMPLE, .sample = e->first_sample + i,
					     .wanted = wanted };
	}
}

static void mark_pulses(struct tape *t)
{
	for (size_t i = 0, first = 0, n_pulse = 0; i <= t->n; i++) {
		if (i == t->n || t->op[i].kind == OP_RESET) {
			for (; first < i; first++)
				t->op[first].one_pulse = n_pulse <= 1;
			n_pulse = 0;
		} else {
			n_pulse += t->op[i].kind == OP_PULSE;
		}
	}
}

/* Whether each event of the draw is an ADC whose readout is this method's. */
static bool *wanted_events(const struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	bool *wanted = calloc(p->n_event + 1, sizeof *wanted);

	for (uint32_t r = 0; wanted && r < p->n_readout; r++) {
		if (plan->method[r] == SIM_step)
			wanted[plan->draw->at[p->readout[r].event]] = true;
	}
	return wanted;
}

static precess_status record(struct tape *t, const struct sim_plan *plan)
{
	const struct draw *d = plan->draw;
	const struct program *p = d->program;
	const double reach[3] = { 0.5 * plan->maps->fov[0], 0.5 * plan->maps->fov[1],
				  0.5 * plan->slice };
	bool *wanted = wanted_events(plan);
	precess_status st = PRECESS_OK;
	double now = 0;

	t->op = calloc(2 * (size_t)p->n_sample + 2 * (size_t)p->n_event + 2, sizeof *t->op);
	t->steps = calloc(p->n_event + 1, sizeof *t->steps);
	if (!wanted || !t->op || !t->steps) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", p->n_sample);
		goto out;
	}
	for (uint32_t i = 0; i < p->n_event; i++) {
		const struct draw_event *e = &d->event[i];
		struct op o = { .kind = e->kind == PROGRAM_RF ? OP_PULSE : OP_RESET,
				.phase = e->phase, .freq = e->freq };

		if (e->kind == PROGRAM_GRAD)
			continue;
		if (e->kind == PROGRAM_ADC) {
			record_adc(t, d, e, &now, wanted[i]);
			continue;
		}
		free_to(t, d, &now, (double)e->start * s_per_ps);
		if (e->kind == PROGRAM_RF) {
			TRY(sim_rf_steps(&t->steps[i], &o.n_step, d, e, reach));
			o.step = t->steps[i];
			now = (double)(e->start + e->duration) * s_per_ps;
		}
		t->op[t->n++] = o;
	}
	mark_pulses(t);
out:
	free(wanted);
	return st;
}

static void erase(struct tape *t, uint32_t n_event)
{
	for (uint32_t i = 0; t->steps && i < n_event; i++)
		free(t->steps[i]);
	free(t->steps);
	free(t->op);
}

/* ------------------------------------------------------------------ one spin */
static void turn(double m[3], double phase)
{
	double c = cos(phase), s = sin(phase), x = m[0];

	m[0] = c * x - s * m[1];
	m[1] = s * x + c * m[1];
}

static void record_sample(double *sum, uint32_t sample, const struct sim_plan *plan, uint32_t pixel,
			  double weight, const double m[3])
{
	for (int c = 0; c < plan->n_coil; c++) {
		double *to = sum + 2 * ((size_t)c * plan->draw->program->n_sample + sample), seen[2];

		sim_receive(seen, plan->maps, c, pixel, m[0], m[1]);
		to[0] += weight * seen[0];
		to[1] += weight * seen[1];
	}
}

/* Member j of the ensemble; member 0 alone plays parts with one pulse, with T2' as a rate. */
static void play(double *sum, const struct tape *t, const struct sim_plan *plan, int j,
		 uint32_t pixel, struct sim_spin s)
{
	const struct sim_ensemble *q = &plan->ensemble;
	double m[3] = { 0, 0, s.m0 }, w = s.w, r2 = s.r2;

	for (size_t i = 0; i < t->n; i++) {
		const struct op *o = &t->op[i];
		double weight = o->one_pulse ? j == 0 : q->w[j];

		s.w = w + (o->one_pulse ? 0 : q->x[j] * s.r2p);
		s.r2 = r2 + (o->one_pulse ? s.r2p : 0);
		if (o->kind == OP_RESET) {
			m[0] = m[1] = 0;
			m[2] = s.m0;
		} else if (o->kind == OP_SAMPLE) {
			record_sample(sum, o->sample, plan, pixel, o->wanted ? weight : 0, m);
		} else if (o->kind == OP_PULSE) {
			struct affine a = sim_rf_propagate(o->step, o->n_step, o->freq, &s);

			turn(m, -o->phase);
			affine_apply(m, &a);
			turn(m, o->phase);
		} else {
			double decay = exp(-s.r2 * o->h), e1 = exp(-s.r1 * o->h);

			turn(m, -(s.w * o->h + o->k[0] * s.r[0] + o->k[1] * s.r[1] +
				  o->k[2] * s.r[2]));
			m[0] *= decay;
			m[1] *= decay;
			m[2] = s.m0 + (m[2] - s.m0) * e1;
		}
	}
}

precess_status sim_step(struct sim_plan *plan)
{
	size_t n = 2 * (size_t)plan->n_coil * plan->draw->program->n_sample, done = 0;
	int groups = sim_groups(n / 2);
	double *sums = calloc(n * (size_t)groups + 1, sizeof *sums), begun = clock_seconds();
	struct tape tape = { 0 };
	struct progress bar;
	precess_status st;
	atomic_bool stop = false;

	if (!sums)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d sums of %zu numbers",
				    groups, n);
	TRY(record(&tape, plan));
	progress_begin(&bar, "stepping", plan->n_live, plan->quiet);
#pragma omp parallel for schedule(dynamic) num_threads(plan->threads)
	for (int g = 0; g < groups; g++) {
		double *sum = sums + n * (size_t)g;

		for (size_t i = (size_t)g; i < plan->n_live && !stop; i += (size_t)groups) {
			for (int z = 0; z < plan->nz; z++) {
				struct sim_spin s = sim_spin_at(plan, plan->live[i], z);

				for (int j = 0; j < plan->ensemble.n; j++)
					play(sum, &tape, plan, j, plan->live[i], s);
			}
			size_t now;
#pragma omp atomic capture
			now = ++done;
			if (omp_get_thread_num() == 0) {
				progress_at(&bar, now);
				stop = interrupted();
			}
		}
	}
	progress_end(&bar);
	for (int g = 0; g < groups; g++) {
		for (size_t i = 0; i < n; i++)
			plan->signal[i] += plan->scale * sums[n * (size_t)g + i];
	}
	plan->seconds_readout += clock_seconds() - begun;
	if (stop)
		st = precess_fail(PRECESS_ECANCEL, "interrupted");
out:
	erase(&tape, plan->draw->program->n_event);
	free(sums);
	return st;
}
