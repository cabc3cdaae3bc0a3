/* Coherence pathways by extended phase graphs (Hennig 1988; Weigel, JMRI 2015), over all three axes
 * and without relaxation; off-resonance acts during pulses only: Mx + i My = sum_k F(k) exp(-2 pi i k r) and
 * Mz = sum_k Z(k) exp(-2 pi i k r). Pathways that arrive at the same moment are one state. */
#ifndef RUNTIME_SIM_EPG_H
#define RUNTIME_SIM_EPG_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EPG_ORDER = 64 };

struct epg_state {
	double k[3];           /* 1/m */
	int64_t key[3];        /* k on a fine lattice: equal keys are equal moments */
	double re, im;         /* relative to M0 */
	double life;           /* s spent transverse, of the largest pathway in it */
	char order[EPG_ORDER]; /* its coherence after each of the last 63 pulses: '+' as detected,
				* '-' conjugate, '0' along z */
};

/* Called after the pulse of each epoch of the history with its transverse states. */
typedef void (*epg_visit)(void *context, uint32_t epoch, const struct epg_state *f, size_t n);

/* What one kind of spin sees: B1 relative to nominal, off-resonance in Hz. */
struct epg_field {
	double b1, dB0;
};
/* Pathways below `floor` are dropped; where more than a fixed number are left, the smallest. */
precess_status epg_run(const struct draw *d, uint32_t history, struct epg_field field, double floor,
		       epg_visit visit, void *context);

/* Moments of one cycle per `extent` metres are told apart to 1e-4 of it. */
void epg_extent(double extent[3], const struct program *p);

#ifdef __cplusplus
}
#endif
#endif
