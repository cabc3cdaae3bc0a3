/* How large errors are beside the signal, before a run: bounds are in units of the mean size of the
 * spins' signals, tolerances in units of the largest sample. Both are estimated with a few of the
 * spins and one term; a run that finds the estimate too low is made again with more. */
#include "runtime/sim/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 72, WORTH = 3 * SIDE }; /* spins each way; grids below are not worth it */

/* SIDE x SIDE spins that stand for their neighbours. */
static precess_status thin_make(struct maps *out, const struct maps *m, struct sim_store *store)
{
	float *values = sim_store_get(store, SIM_PROBE,
				      (size_t)(PROGRAM_MAPS * SIDE * SIDE) * sizeof *values);

	if (!values)
		return PRECESS_ENOMEM;
	*out = (struct maps){ .nx = SIDE, .ny = SIDE, .fov = { m->fov[0], m->fov[1] } };
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (!m->map[k])
			continue;
		out->map[k] = values + k * SIDE * SIDE;
		for (int i = 0; i < SIDE * SIDE; i++) {
			int y = i / SIDE * m->ny / SIDE, x = i % SIDE * m->nx / SIDE;

			out->map[k][i] = m->map[k][(size_t)y * (size_t)m->nx + (size_t)x];
		}
	}
	return PRECESS_OK;
}

precess_status line_probe(double *ratio, const struct sim_plan *sim, struct sim_store *store)
{
	const struct program *prog = sim->draw->program;
	struct maps thin = { 0 };
	struct sim_plan few = { .draw = sim->draw, .maps = &thin, .tolerance = sim->tolerance,
				.threads = sim->threads, .nz = sim->nz, .slice = sim->slice,
				.asked = SIM_line, .quiet = true, .store = store,
				.n_coil = 1, .sees = 1 };
	struct line_plan *p = NULL;
	double most = 0, weight = 0;
	precess_status st;

	*ratio = 0;
	if (sim->maps->nx < WORTH || sim->maps->ny < WORTH)
		return PRECESS_OK;
	text_init(&few.report);
	few.method = malloc((size_t)prog->n_readout + 1);
	few.signal = calloc(2 * (size_t)prog->n_sample + 1, sizeof *few.signal);
	if (!few.method || !few.signal) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	memcpy(few.method, sim->method, prog->n_readout);
	TRY(thin_make(&thin, sim->maps, store));
	TRY(sim_survey(&few));
	TRY(line_plan_create(&p, &few, false));
	line_set_terms(&p->series, 1, 0);
	TRY(line_run(p));
	most = line_largest(p);
	for (uint32_t i = 0; i < p->n_piece; i++)
		weight = fmax(weight, line_weight(p, i));
	*ratio = most > 0 ? weight / most : 0;
out:
	line_plan_free(p);
	free(few.method);
	free(few.signal);
	text_free(&few.report);
	return st;
}
