/* Draws and queues of batches (device_batch.c, batches.c). */
#ifndef RUNTIME_SIM_DEVICE_LANE_H
#define RUNTIME_SIM_DEVICE_LANE_H

#include "runtime/sim/device.h"

/* One draw on its way. */
struct device_item {
	struct sim_plan sim;
	struct line_plan *p;
	struct device_tables *t; /* of each history */
	bool ready, sent, done;  /* may go to the device; went there; has its samples */
};
/* Ready when every readout is a line, and its tables can be made; `b` replaces the device of the
 * options. Erase it whatever comes. */
precess_status device_item_open(struct device_item *x, const struct backend *b, const struct draw *d,
				const struct maps *m, const struct sim_options *o);
/* With so many terms, or its own where it has more; once more after line_improve. */
precess_status device_item_tables(struct device_item *x, int terms);
void device_item_erase(struct device_item *x);
/* Whether they can share launches. */
bool device_items_alike(const struct device_item *a, const struct device_item *b);

/* What a queue works with: chunks of up to `n` draws that are alike. */
struct device_lane {
	struct device_item *const *items; /* of the chunk on its way; NULL: idle */
	uint32_t n, used, n_history;
	struct device_history *h;
	struct device_results *r;
	void **recorded;
	void **tables;       /* page-locked, of each history */
	float *spins, *host; /* of the device; page-locked */
	size_t per_draw, per_coils; /* numbers of a draw's maps, and of its coils, after all maps */
};
/* Everything but numbers, for chunks of up to `room` draws like these n. All of a lane happens in the
 * queue chosen by its caller. Close it whatever comes. */
precess_status device_lane_open(struct device_lane *l, const struct backend *b,
				struct device_item *const *x, uint32_t n, uint32_t room);
/* Numbers and maps of n draws, the launches, the results; `x` is borrowed until collected. Launches
 * are those of `room` draws however many there are: what a draw gives does not depend on n. */
precess_status device_lane_submit(struct device_lane *l, const struct backend *b,
				  struct device_item *const *x, uint32_t n);
/* Waits; nothing where nothing is on its way. */
precess_status device_lane_collect(struct device_lane *l, const struct backend *b);
void device_lane_close(struct device_lane *l, const struct backend *b);

#endif
