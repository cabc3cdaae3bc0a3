/* What the files that write Pulseq share. */
#ifndef COMPILER_PULSEQ_WRITE_H
#define COMPILER_PULSEQ_WRITE_H

#include "compiler/pulseq/internal.h"

enum rows { ROWS_rf, ROWS_grad, ROWS_adc, ROWS_shape, ROWS_label, ROWS_delay, ROWS_link, ROWS };

/* Distinct texts in order of first use; an open-addressed table finds them. */
struct distinct {
	struct text *row;
	bool *trap; /* of the gradients: which section */
	uint32_t *slot;
	size_t n, n_slot, cap, cap_trap;
};

/* A block that lasts offset + param / factor. */
struct soft_delay {
	uint32_t param; /* of the IR, + 1; 0: this block is none */
	double offset, factor;
};

struct writer {
	const struct ir *ir;
	const double *param;
	int minor;
	double tr;               /* s between resets; 0: resets are left out */
	double since;            /* s since the last reset */
	struct soft_delay *soft; /* by block, 1.5 only; NULL: none */
	double grad_raster, rf_raster, block_raster;
	struct distinct of[ROWS];
	int32_t label[IR_LABELS];
	struct text blocks, *warnings;
	uint32_t block, n_written;
	bool told_reset, all_points;
	struct {
		double *t, *v;
		size_t n, cap_t, cap_v;
	} point; /* of the gradient being written: seconds, T/m */
};

/* rows.c: the number of the row, from 1; takes the text. 0: no memory. */
uint32_t pulseq_row(struct distinct *d, struct text *t, bool trap);
/* limits.c: gradients, slew rates and pulses against the system's limits, also where blocks
 * meet. */
precess_status pulseq_check_limits(struct writer *w);
/* soft.c: which blocks follow a parameter that nothing else depends on. NULL in *out: none. */
precess_status pulseq_soft_delays(struct soft_delay **out, const struct writer *w);
/* Fails for the block that is being written: what, and what to do. */
precess_status pulseq_refuse(const struct writer *w, const char *what);

#endif
