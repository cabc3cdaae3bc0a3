/* Methods on another device (runtime/backend): histories as launch lists. */
#ifndef RUNTIME_SIM_DEVICE_H
#define RUNTIME_SIM_DEVICE_H

#include "runtime/backend/backend.h"
#include "runtime/sim/device_tables.h"
#include "runtime/sim/line.h"

/* Draws of a batch that share a submission. */
enum { DEVICE_CHUNK = SIM_BATCH };

/* A history of some draws on its way: tables, launches, memory of the device. */
struct device_history {
	const struct backend *b;
	struct device_tables t;
	struct bloch_schedule s; /* its pointers are the device's */
	struct bloch_launch *launch;
	uint32_t n_launch;
	struct bloch_memory m;
	void *tables, *special;
};
/* Takes the tables. `spins` lie on the device. */
precess_status device_history_create(struct device_history *h, const struct backend *b,
				     struct device_tables *t, float *spins);
/* For many draws: a state kernel for this schedule alone, where that pays and the device takes it;
 * `why` gets a line where it was tried in vain. PRECESS_SPECIAL=0 in the environment forbids it. */
void device_specialise(struct device_history *h, struct text *why);
void device_history_free(struct device_history *h);
/* The maps of a plan on its device; the caller releases them. */
precess_status device_upload_spins(float **out, const struct line_plan *p);
/* Runs the list, and adds to the plan's times. */
precess_status device_run(struct sim_plan *sim, const struct device_history *h);
/* What comes back of all draws, in memory of the host. */
struct device_results {
	struct spin_complex *signal;
	float *weight, *total;
};
precess_status device_results_create(struct device_results *r, const struct device_history *h);
void device_results_free(struct device_results *r, const struct device_history *h);
precess_status device_fetch(struct device_results *r, const struct device_history *h);
/* Of draw `draw`: samples of its lines into the plan's signal, sums of |weight| into the plan. */
void device_put(struct line_plan *p, const struct line_history *h, const struct device_history *d,
		const struct device_results *r, uint32_t draw);

/* Histories of the plan that the device has kernels for, once line_fourier_prepare has made its
 * shapes; they are marked `elsewhere`, the report tells of the others. */
precess_status device_line(struct line_plan *p);
/* The readouts of the direct sum that the device can compute are added to the signal and marked in
 * `done`; raises the bound. */
precess_status device_direct(struct sim_plan *sim, bool *done);

#endif
