/* The Lorentzian distribution of frequencies behind T2', by equispaced ones. Dephased for u (in
 * T2') a spin's signal is to be exp(-|u|); continued with period P = 2 U that is a Fourier series,
 *     exp(-|u|) = sum_k c_k exp(-i x_k u),  x_k = 2 pi k / P,
 *     c_k = (2 / P) (1 - (-1)^k exp(-P / 2)) / (1 + x_k^2),
 * cut at |k| <= K and scaled so that the top of an echo, u = 0, is exact. Its sharp tip converges
 * as 1 / x_K only, whatever the weights: the error is measured and told. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double least_reach = 4; /* exp(-4): the period's other end should be small */

enum {
	MOST = 64,         /* frequencies on each side */
	CHECKS = 20        /* places per fastest oscillation where the error is measured */
};

/* The longest way from a pulse to a sample, over histories with more than one pulse. */
static double longest_dephasing(const struct draw *d)
{
	const struct program *p = d->program;
	double longest = 0;

	for (uint32_t h = 0; h < p->n_history; h++) {
		double t = 0;

		for (uint32_t i = 0; i < p->history[h].n_epoch; i++) {
			const struct program_epoch *e = &p->epoch[p->history[h].first_epoch + i];

			if (e->pulse != UINT32_MAX)
				t += sim_slot(d, p->pulse[e->pulse].duration);
			t += sim_slot(d, e->duration);
		}
		if (sim_history_pulses(p, h) > 1)
			longest = fmax(longest, t);
	}
	return longest;
}

static double error_at(const struct sim_ensemble *q, double u)
{
	double sum = 0;

	for (int i = 0; i < q->n; i++)
		sum += q->w[i] * cos(q->x[i] * u);
	return fabs(sum - exp(-u));
}

static void fill(struct sim_ensemble *q, int most)
{
	double period = 2 * q->reach, sum = 0, step;

	q->n = 2 * most + 1;
	for (int k = -most; k <= most; k++) {
		double x = tau * k / period;

		q->x[k + most] = x;
		q->w[k + most] = (1 - (k % 2 ? -1 : 1) * exp(-q->reach)) / (1 + x * x);
		sum += q->w[k + most];
	}
	for (int i = 0; i < q->n; i++)
		q->w[i] /= sum;
	step = period / most / CHECKS;
	q->error = 0;
	for (double u = 0; u <= q->reach; u += step)
		q->error = fmax(q->error, error_at(q, u));
}

precess_status sim_ensemble_create(struct sim_plan *plan)
{
	struct sim_ensemble *q = &plan->ensemble;
	double longest = longest_dephasing(plan->draw), shortest = INFINITY;

	q->x = calloc(2 * MOST + 1, sizeof *q->x);
	q->w = calloc(2 * MOST + 1, sizeof *q->w);
	if (!q->x || !q->w)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	q->n = 1;
	q->w[0] = 1;
	if (!plan->decays_t2p || longest == 0)
		return PRECESS_OK;
	for (size_t i = 0; i < plan->n_live; i++)
		shortest = fmin(shortest, (double)plan->maps->map[PROGRAM_MAP_T2p][plan->live[i]]);
	q->reach = fmax(least_reach, longest / shortest);
	for (int most = 4; most <= MOST; most *= 2) {
		fill(q, most);
		if (q->error <= 0.5 * plan->tolerance)
			break;
	}
	text_printf(&plan->report, "T2': %d frequencies a spin, within %.1e for dephasing up to "
		    "%.3g ms\n", q->n, q->error, longest * 1e3);
	return PRECESS_OK;
}
