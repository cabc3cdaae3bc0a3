/* What the object is like: which spins there are, the range of every map, and that they make sense. */
#include <math.h>
#include <stdlib.h>

#include "runtime/sim/internal.h"

enum { PARTS = 32 }; /* surveyed apart and put together in order */

static precess_status bad_spin(const struct maps *m, size_t i, const char *what, double v,
			       const char *want)
{
	return precess_fail(PRECESS_EINVAL, "%s%s%s = %g at spin (%zu, %zu) of %d x %d: %s",
			    m->source ? m->source : "", m->source ? ": " : "", what, v,
			    i % (size_t)m->nx, i / (size_t)m->nx, m->nx, m->ny, want);
}

/* The first bad one, slowly. */
static precess_status find_bad(const struct maps *m, size_t n)
{
	const float *m0 = m->map[PROGRAM_MAP_M0];

	for (size_t i = 0; i < n; i++)
		if (m0 && !(m0[i] >= 0 && m0[i] < INFINITY))
			return bad_spin(m, i, "M0", (double)m0[i], "must be 0 or positive");
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		bool time = k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
		const float *map = m->map[k];

		for (size_t i = 0; map && i < n; i++) {
			if ((m0 && !(m0[i] > 0)) || (time ? map[i] > 0 : isfinite(map[i])))
				continue;
			return bad_spin(m, i, program_map_name((enum program_map_kind)k),
					(double)map[i],
					time ? "a relaxation time must be positive"
					     : "must be finite");
		}
	}
	return PRECESS_OK;
}

static void merge(struct cpu_survey *to, const struct cpu_survey *from)
{
	for (int k = 0; k < CPU_MAPS; k++) {
		to->lo[k] = fminf(to->lo[k], from->lo[k]);
		to->hi[k] = fmaxf(to->hi[k], from->hi[k]);
	}
	to->m0 += from->m0;
	to->live += from->live;
	to->bad |= from->bad;
}

precess_status sim_survey(struct sim_plan *plan)
{
	const struct maps *m = plan->maps;
	const struct cpu_kernels *cpu = cpu_kernels();
	const struct cpu_maps maps = { .m0 = m->map[PROGRAM_MAP_M0],
				       .t1 = m->map[PROGRAM_MAP_T1],
				       .t2 = m->map[PROGRAM_MAP_T2],
				       .t2p = m->map[PROGRAM_MAP_T2p],
				       .b1 = m->map[PROGRAM_MAP_B1],
				       .f = m->map[PROGRAM_MAP_dB0] };
	size_t n = (size_t)m->nx * (size_t)m->ny;
	struct cpu_survey part[PARTS] = { 0 };

#pragma omp parallel for num_threads(plan->threads) schedule(static)
	for (int i = 0; i < PARTS; i++) {
		size_t from = n * (size_t)i / PARTS, to = n * (size_t)(i + 1) / PARTS;

		for (int k = 0; k < CPU_MAPS; k++) {
			part[i].lo[k] = INFINITY;
			part[i].hi[k] = -INFINITY;
		}
		cpu->survey(&part[i], &maps, from, to - from);
	}
	for (int i = 1; i < PARTS; i++)
		merge(&part[0], &part[i]);
	plan->survey = part[0];
	plan->n_live = part[0].live;
	plan->decays_t2p = maps.t2p && plan->n_live && part[0].lo[CPU_T2P] < INFINITY;
	return part[0].bad ? find_bad(m, n) : PRECESS_OK;
}

precess_status sim_list_live(struct sim_plan *plan)
{
	const float *m0 = plan->maps->map[PROGRAM_MAP_M0];
	size_t n = (size_t)plan->maps->nx * (size_t)plan->maps->ny, found = 0;

	if (plan->live)
		return PRECESS_OK;
	plan->live = malloc((plan->n_live + 1) * sizeof *plan->live);
	if (!plan->live)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu spins", plan->n_live);
	for (size_t i = 0; i < n; i++)
		if (!m0 || m0[i] > 0)
			plan->live[found++] = (uint32_t)i;
	return PRECESS_OK;
}
