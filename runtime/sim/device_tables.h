/* The tables of a history, packed into one block of memory. */
#ifndef RUNTIME_SIM_DEVICE_TABLES_H
#define RUNTIME_SIM_DEVICE_TABLES_H

#include "runtime/bloch/bloch.h"
#include "runtime/sim/line.h"

struct device_tables {
	struct bloch_schedule s; /* pointers are offsets into `data`, until device_tables_move */
	char *data;
	size_t size;
	double fan_error; /* of the kernel of fans, of a spin */
	double steps;     /* of all pulses, squarings counted as they round */
};

/* Tables of history `h` of one draw; free with device_tables_free. */
precess_status device_tables_create(struct device_tables *t, const struct line_plan *p,
				    const struct line_history *h);
/* Tables of n draws whose schedules are alike. */
precess_status device_tables_join(struct device_tables *out, const struct device_tables *t,
				  uint32_t n);
/* Whether the fixed tables are the same: such draws can share launches. */
bool device_tables_alike(const struct device_tables *a, const struct device_tables *b);
void device_tables_free(struct device_tables *t);
/* The schedule with its pointers as they are once `data` lies at `base`. */
struct bloch_schedule device_tables_move(const struct device_tables *t, const void *base);
/* Every index within its table; a failure is a bug. */
precess_status device_tables_verify(const struct device_tables *t);
/* spins[BLOCH_MAPS][n] of the plan's maps; [coil][re, im][n] of its coils, nothing without. */
void device_spins(float *to, const struct line_plan *p);
void device_coils(float *to, const struct line_plan *p);

/* ------------------------------------------------------------------ while they are made */
/* One growing array per table, `n` in the schedule where there is a count for it. */
struct device_maker {
	const struct line_plan *p;
	const struct line_history *h;
	struct bloch_schedule *s;
#define FIXED(type, name, count) type *name;
#define DRAWN(type, name, count) type *name;
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
	int *build; /* of each pulse */
	double fan_error;
};
/* Precession over t seconds with the moments kx, ky in 1/m and a phase in rad. */
struct spin_free device_free(const struct line_plan *p, double t, double kx, double ky,
			     double phase);
/* What a piece's lines see. */
uint32_t device_view(const struct device_maker *m, const struct line_piece *q);
/* The pulse of epoch i of the history (device_pulse.c). */
precess_status device_pulse(struct device_maker *m, uint32_t i);
/* Once all epochs have theirs: which are stored as maps, which stepped through where they act. */
void device_store_pulses(struct device_maker *m);
/* Trains, and which pieces become fans (device_circle.c); a fan's lines are marked in `line`. */
precess_status device_trains(struct device_maker *m);
precess_status device_fans(struct device_maker *m);
/* Rays of the direct sum (device_direct.c). */
precess_status device_rays(struct device_maker *m);

#endif
