/* Spins at any places instead of a grid: every spin times every sample in double precision, states
 * and moments from the kernel schedule, as the direct sum does. For phantoms that are lists. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* Where and when each sample is taken, counted from its epoch's pulse. */
struct place {
	double *k, *t;           /* [sample][3], [sample] */
};

static precess_status find_places(struct place *p, const struct draw *d)
{
	const struct program *q = d->program;

	p->k = calloc(3 * (size_t)q->n_sample + 1, sizeof *p->k);
	p->t = calloc((size_t)q->n_sample + 1, sizeof *p->t);
	if (!p->k || !p->t)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", q->n_sample);
	for (uint32_t r = 0; r < q->n_readout; r++) {
		uint32_t first = q->event[q->readout[r].event].first_sample;

		draw_readout(d, r, p->k + 3 * (size_t)first, p->t + first);
	}
	return PRECESS_OK;
}

static struct sim_spin spin_of(const struct sim_point *p)
{
	return (struct sim_spin){
		.r = { p->r[0], p->r[1], p->r[2] }, .m0 = p->m0, .r1 = 1 / p->t1,
		.r2 = 1 / p->t2 + 1 / p->t2p, .w = p->w, .b1 = p->b1,
	};
}

static void sample_epoch(double *sum, const struct draw *d, const struct place *p, uint32_t epoch,
			 const double m[3], const struct sim_spin *s)
{
	const struct program *q = d->program;
	const struct program_epoch *e = &q->epoch[epoch];

	for (uint32_t r = e->first_readout; r < e->first_readout + e->n_readout; r++) {
		const struct program_event *adc = &q->event[q->readout[r].event];

		for (uint32_t i = adc->first_sample; i < adc->first_sample + adc->n; i++) {
			const double *k = p->k + 3 * (size_t)i;
			double phase = s->w * p->t[i] +
				       tau * (k[0] * s->r[0] + k[1] * s->r[1] + k[2] * s->r[2]);
			double g = exp(-s->r2 * p->t[i]), c = g * cos(phase), y = -g * sin(phase);

			sum[2 * i] += m[0] * c - m[1] * y;
			sum[2 * i + 1] += m[0] * y + m[1] * c;
		}
	}
}

/* Room of one thread. */
struct room {
	double *sum, *m;
	struct affine *pulse;
	bool *have;
};

static bool room_create(struct room *w, const struct program *p)
{
	w->sum = calloc(2 * (size_t)p->n_sample + 1, sizeof *w->sum);
	w->m = calloc(3 * (size_t)p->n_epoch + 1, sizeof *w->m);
	w->pulse = calloc((size_t)p->n_pulse + 1, sizeof *w->pulse);
	w->have = calloc((size_t)p->n_pulse + 1, sizeof *w->have);
	return w->sum && w->m && w->pulse && w->have;
}

static void room_free(struct room *w)
{
	free(w->sum);
	free(w->m);
	free(w->pulse);
	free(w->have);
}

static void play(struct room *w, const struct draw *d, const struct place *p,
		 const struct sim_spin *s)
{
	const struct program *q = d->program;

	memset(w->have, 0, q->n_pulse * sizeof *w->have);
	for (uint32_t h = 0; h < q->n_history; h++) {
		const struct program_history *o = &q->history[h];

		sim_history(w->m, d, h, s, w->pulse, w->have);
		for (uint32_t i = 0; i < o->n_epoch; i++)
			sample_epoch(w->sum, d, p, o->first_epoch + i, w->m + 3 * i, s);
	}
}

/* The mean, and what the receiver makes of it. */
static void receive(double *signal, const struct draw *d, size_t n)
{
	for (uint32_t e = 0; e < d->program->n_event; e++) {
		const struct draw_event *a = &d->event[e];

		if (a->kind != PROGRAM_ADC)
			continue;
		for (uint32_t i = 0; i < a->n; i++) {
			double *v = signal + 2 * ((size_t)a->first_sample + i), x = v[0], y = v[1];
			double phase = a->phase + tau * a->freq * i * a->dwell;

			v[0] = (cos(phase) * x + sin(phase) * y) / (double)n;
			v[1] = (cos(phase) * y - sin(phase) * x) / (double)n;
		}
	}
}

precess_status sim_points(double *signal, const struct draw *d, const struct sim_point *point,
			  size_t n, int threads)
{
	size_t length = 2 * (size_t)d->program->n_sample;
	int groups = sim_groups(d->program->n_sample);
	struct place place = { 0 };
	struct room *room = calloc((size_t)groups, sizeof *room);
	precess_status st = PRECESS_OK;
	bool ok = room != NULL;

	for (size_t i = 0; i < n; i++) {
		for (uint32_t h = 0; h < d->program->n_history; h++) {
			if (point[i].t2p < INFINITY && sim_history_pulses(d->program, h) > 1)
				return free(room), precess_fail(PRECESS_ENOTSUP, "T2' of spins in "
						"a list works after one pulse only");
		}
	}
	TRY(find_places(&place, d));
#pragma omp parallel for schedule(dynamic) num_threads(threads > 0 ? threads : omp_get_max_threads())
	for (int g = 0; g < groups; g++) {
		bool mine = room && room_create(&room[g], d->program);

		for (size_t i = (size_t)g; mine && i < n; i += (size_t)groups) {
			struct sim_spin s = spin_of(&point[i]);

			play(&room[g], d, &place, &s);
		}
		if (!mine) {
#pragma omp atomic write
			ok = false;
		}
	}
	if (!ok) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d sums", groups);
		goto out;
	}
	memset(signal, 0, length * sizeof *signal);
	for (int g = 0; g < groups; g++) {
		for (size_t i = 0; i < length; i++)
			signal[i] += room[g].sum[i];
	}
	receive(signal, d, n);
out:
	for (int g = 0; room && g < groups; g++)
		room_free(&room[g]);
	free(room);
	free(place.k);
	free(place.t);
	return st;
}
