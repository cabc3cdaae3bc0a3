/* Spins one by one at a few samples: what a dictionary of signals is made of. Each is `nz` spins at
 * one place of the plane, spread over the slice as in sim_run, so that crushers act. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* A sample that is asked for: where and when, counted from its epoch's pulse. */
struct moment {
	uint32_t epoch, history;
	double k[3], t;
};
struct task {
	const struct draw *d;
	struct moment *at;
	size_t n;
	int nz;
	double slice;
};

static precess_status find_moment(struct moment *m, const struct draw *d, uint32_t sample)
{
	const struct program *p = d->program;

	for (uint32_t r = 0; r < p->n_readout; r++) {
		const struct program_event *e = &p->event[p->readout[r].event];
		uint32_t i = sample - e->first_sample;
		double *k;

		if (sample < e->first_sample || i >= e->n)
			continue;
		k = malloc(4 * (size_t)e->n * sizeof *k);
		if (!k)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		draw_readout(d, r, k, k + 3 * (size_t)e->n);
		memcpy(m->k, k + 3 * i, sizeof m->k);
		m->t = k[3 * (size_t)e->n + i];
		m->epoch = program_readout_epoch(p, r);
		m->history = sim_epoch_history(p, m->epoch);
		free(k);
		return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL, "there is no sample %u", sample);
}

static void look(double *value, const struct task *w, const struct moment *a, const double *m,
		 const struct sim_spin *s)
{
	const double *v = m + 3 * (a->epoch - w->d->program->history[a->history].first_epoch);
	double phase = s->w * a->t +
		       tau * (a->k[0] * s->r[0] + a->k[1] * s->r[1] + a->k[2] * s->r[2]);
	double g = exp(-s->r2 * a->t) / w->nz, c = g * cos(phase), y = -g * sin(phase);

	value[0] += v[0] * c - v[1] * y;
	value[1] += v[0] * y + v[1] * c;
}

/* Pulses without gradients are the same all through the slice. */
static void forget(bool *have, const struct draw *d)
{
	for (uint32_t i = 0; i < d->program->n_pulse; i++) {
		const struct program_pulse *q = &d->program->pulse[i];
		bool same = q->class_ != PROGRAM_PULSE_STEPPED;

		for (int a = 0; a < 3 && same; a++)
			same = sim_slot(d, q->grad[a]) == 0;
		have[i] = have[i] && same;
	}
}

/* `m` and `pulse` are room for the epochs and pulses of the program. */
static void play(double *value, const struct task *w, const struct sim_point *p, double *m,
		 struct affine *pulse, bool *have)
{
	struct sim_spin s = { .r = { p->r[0], p->r[1], 0 },
			      .m0 = p->m0,
			      .r1 = 1 / p->t1,
			      .r2 = 1 / p->t2 + 1 / p->t2p,
			      .w = p->w,
			      .b1 = p->b1 };

	memset(value, 0, 2 * w->n * sizeof *value);
	memset(have, 0, w->d->program->n_pulse * sizeof *have);
	for (int z = 0; z < w->nz; z++) {
		uint32_t played = UINT32_MAX;

		s.r[2] = ((z + 0.5) / w->nz - 0.5) * w->slice;
		forget(have, w->d);
		for (size_t i = 0; i < w->n; i++) {
			if (w->at[i].history != played)
				sim_history(m, w->d, w->at[i].history, &s, pulse, have);
			played = w->at[i].history;
			look(value + 2 * i, w, &w->at[i], m, &s);
		}
	}
}

precess_status sim_point_samples(double *value, const struct draw *d, const struct sim_point *point,
				 size_t n, const uint32_t *sample, size_t n_sample, int threads)
{
	struct task w = { .d = d,
			  .n = n_sample,
			  .nz = sim_slice_spins(d, NULL),
			  .slice = sim_slice_thickness(d) };
	precess_status st = PRECESS_OK;
	bool ok = true;

	w.at = calloc(n_sample + 1, sizeof *w.at);
	if (!w.at)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (size_t i = 0; i < n_sample; i++)
		TRY(find_moment(&w.at[i], d, sample[i]));
#pragma omp parallel num_threads(threads > 0 ? threads : omp_get_max_threads())
	{
		double *m = calloc(3 * (size_t)d->program->n_epoch + 1, sizeof *m);
		struct affine *pulse = calloc((size_t)d->program->n_pulse + 1, sizeof *pulse);
		bool *have = calloc((size_t)d->program->n_pulse + 1, sizeof *have);

		if (!m || !pulse || !have) {
#pragma omp atomic write
			ok = false;
		}
#pragma omp for schedule(dynamic)
		for (size_t i = 0; i < n; i++) {
			if (m && pulse && have && !interrupted())
				play(value + 2 * n_sample * i, &w, &point[i], m, pulse, have);
		}
		free(m);
		free(pulse);
		free(have);
	}
	if (!ok)
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
	else if (interrupted())
		st = precess_fail(PRECESS_ECANCEL, "interrupted");
out:
	free(w.at);
	return st;
}
