/* What the files of this folder share: the state of one lowering. */
#ifndef COMPILER_LOWER_LOWERING_H
#define COMPILER_LOWER_LOWERING_H

#include "compiler/lower/lower.h"

#define NO_SCALAR UINT32_MAX

/* One readout while the schedule is still symbolic; fields as in program_readout. */
struct readout {
	enum program_readout_class class_;
	uint32_t event;     /* of the IR */
	uint32_t gx;        /* the IR's x gradient that moves it, UINT32_MAX: none or several */
	ir_scalar time, dwell, k[3], step[3];
};
struct epoch {
	uint32_t pulse;     /* index into lowering.pulse, UINT32_MAX: none */
	uint32_t block;     /* of the pulse */
	ir_scalar phase, start, free; /* `free`: end of the pulse */
	ir_scalar duration, moment[3];
	uint32_t first_readout, n_readout;
};
/* The stretch from one reset to the next. */
struct shot {
	uint32_t first_epoch, n_epoch;
	uint32_t history;   /* that it belongs to */
	uint32_t number;    /* within its history */
	/* When it could not join history 0: the first epoch that differs and how; axis 0 1 2 is a
	 * moment. */
	uint32_t differs;
	enum difference { SAME, DIFFERENT_COUNT, DIFFERENT_PULSE, DIFFERENT_PHASE,
			  DIFFERENT_DURATION, DIFFERENT_MOMENT } why;
	int axis;
};
struct pulse {
	enum program_pulse_class class_;
	uint32_t event, shape;
	enum ir_use use;
	ir_scalar duration, flip, freq, grad[3];
};

struct lowering {
	struct ir *ir;
	struct lang *lang;
	struct program *p;
	/* scalars.c */
	program_slot *slot;   uint32_t n_slot;   /* per scalar of the IR */
	uint32_t *op_table;   uint32_t n_op_table; /* open hash over p->op, entries are index + 1 */
	/* overlap.c: per scalar of the IR, 0 = not asked, 1 = proved >= 0, 2 = not */
	unsigned char *proof; uint32_t n_proof;
	ir_scalar *expanded;  uint32_t n_expanded; /* likewise; NO_SCALAR = not asked */
	/* events.c: event i of the IR is event number_of[i] of the program */
	uint32_t *number_of;
	/* schedule.c */
	struct pulse *pulse;     uint32_t n_pulse;
	struct readout *readout; uint32_t n_readout;
	struct epoch *epoch;     uint32_t n_epoch;
	struct shot *shot;       uint32_t n_shot;
	uint32_t n_history;
	/* merge.c: readout i of the program is readout[readout_of[i]] */
	uint32_t *readout_of;    uint32_t n_readout_of;
};

/* --- lower.c --- */
/* Room for one more element behind `n`: the capacity is the next power of two. Exhaustion aborts,
 * as with arenas. */
void *lower_grow(void *array, uint32_t n, size_t size);
#define APPEND(array, n) ((array) = lower_grow((array), (n), sizeof *(array)), &(array)[(n)++])
void *lower_zeros(size_t n, size_t size);
char *lower_text(const char *s); /* a copy; NULL gives "" */
char *lower_printf(const char *fmt, ...) PRECESS_PRINTF(1, 2);

/* --- scalars.c --- */
/* The slot of a scalar, one per scalar. */
program_slot lower_scalar(struct lowering *w, ir_scalar e);

/* --- declare.c, events.c --- */
void lower_declarations(struct lowering *w, const char *source);
void lower_events(struct lowering *w);

/* --- overlap.c: proofs about intervals, areas up to an instant --- */
bool lower_proved_le(struct lowering *w, ir_scalar a, ir_scalar b); /* times: a <= b everywhere */
/* Equal for every parameter value, to `slack` in the constant term. */
bool lower_same(struct lowering *w, ir_scalar a, ir_scalar b, double slack);
extern const double time_slack;   /* s */
extern const double moment_slack; /* 1/m */
/* Rounds the constant term to multiples of 2^-33 / m, so that what cancels in exact arithmetic is
 * the scalar 0. */
ir_scalar lower_settle(struct lowering *w, ir_scalar moment);
/* The same for multiples of 1 / grid. */
ir_scalar lower_settle_on(struct lowering *w, ir_scalar moment, double grid);
/* Moment of a gradient event in cycles/m, whole or up to block time t. */
ir_scalar lower_moment(struct lowering *w, const struct ir_event *g);
ir_scalar lower_moment_until(struct lowering *w, const struct ir_event *g, ir_scalar t);
enum overlap { OVERLAP_NONE, OVERLAP_FLAT, OVERLAP_PARTLY };
/* How a gradient event meets the block times [t0, t1], for all parameter values. */
enum overlap lower_overlap(struct lowering *w, const struct ir_event *g, ir_scalar t0,
			   ir_scalar t1);

/* --- pulse.c, readout.c, schedule.c, merge.c, train.c, pathway.c, notes.c --- */
uint32_t lower_pulse(struct lowering *w, const struct ir_block *b, uint32_t event);
struct readout lower_readout(struct lowering *w, const struct ir_block *b, uint32_t event);
void lower_schedule(struct lowering *w);
void lower_histories(struct lowering *w);
void lower_trains(struct lowering *w);
void lower_pathways(struct lowering *w);
void lower_notes(struct lowering *w);

#endif
