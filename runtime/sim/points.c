/* Spins at any places instead of a grid: every spin times every sample, states and moments from
 * the kernel schedule, as the direct sum does. For phantoms that are lists. */
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

#define SINGLE 0
#include "runtime/sim/points.inc"
#undef SINGLE
#define SINGLE 1
#include "runtime/sim/points.inc"

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
			  size_t n, enum sim_precision precision, int threads)
{
	size_t length = 2 * (size_t)d->program->n_sample;
	int groups = sim_groups(d->program->n_sample);
	struct place place = { 0 };
	precess_status st = PRECESS_OK;
	double *sum = NULL;
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		for (uint32_t h = 0; h < d->program->n_history; h++) {
			if (point[i].t2p < INFINITY && sim_history_pulses(d->program, h) > 1)
				return precess_fail(PRECESS_ENOTSUP, "T2' of spins in a list works "
						    "after one pulse only");
		}
	}
	TRY(find_places(&place, d));
	sum = malloc(((size_t)groups * length + 1) * sizeof *sum);
	ok = sum;
#pragma omp parallel for schedule(dynamic) num_threads(threads > 0 ? threads : omp_get_max_threads())
	for (int g = 0; g < groups; g++) {
		if (!sum || !(precision == SIM_SINGLE ? play_single : play)(
				    sum + (size_t)g * length, d, &place, point, (size_t)g, n,
				    (size_t)groups)) {
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
			signal[i] += sum[(size_t)g * length + i];
	}
	receive(signal, d, n);
out:
	free(sum);
	free(place.k);
	free(place.t);
	return st;
}
