/* The tables of a history, packed into one block of memory. */
#ifndef RUNTIME_SIM_DEVICE_TABLES_H
#define RUNTIME_SIM_DEVICE_TABLES_H

#include "runtime/bloch/bloch.h"
#include "runtime/sim/line.h"

struct device_tables {
	struct bloch_schedule s; /* pointers into `data`, until device_tables_move */
	char *data;
	size_t size;
};

/* Tables of history `h` for `copies` equal draws; free with device_tables_free. */
precess_status device_tables_create(struct device_tables *t, const struct line_plan *p,
				    const struct line_history *h, uint32_t copies);
void device_tables_free(struct device_tables *t);
/* The schedule with its pointers as they are once `data` lies at `base`. */
struct bloch_schedule device_tables_move(const struct device_tables *t, const void *base);
/* Every index within its table, launches within what a device takes; a failure is a bug. */
precess_status device_tables_verify(const struct device_tables *t);
/* spins[copies][BLOCH_MAPS][n] of the plan's maps; free() it. */
precess_status device_spins(float **out, const struct line_plan *p, uint32_t copies);

#endif
