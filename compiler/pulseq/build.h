/* What the files that turn blocks into an IR share. */
#ifndef COMPILER_PULSEQ_BUILD_H
#define COMPILER_PULSEQ_BUILD_H

#include "compiler/pulseq/internal.h"

#define PULSEQ_B0 3.0 /* T, where the file does not tell */

/* The columns of a block. */
enum { NUMBER, LENGTH, RF, GX, GY, GZ, ADC, EXT, BLOCK_COLUMNS };

/* The pieces that a block plays on one axis; times after the block's start. */
struct played {
	struct piece *piece;
	size_t n, capacity;
};

struct state {
	struct builder b;
	struct file *f;
	struct ir *ir;
	int64_t now;    /* ps, without soft delays */
	ir_scalar soft; /* what soft delays add to it */
	double edge[3]; /* Hz/m where the gradients of the block before ended, at its end */
	int32_t label[IR_LABELS];
	const char *text[64]; /* by which of the six columns are there */
	uint32_t line;
	int64_t length, longest; /* of the block: as told (or 0), and of its events */
	struct played played[3], turned[3];
	const struct rotation_row *rotation; /* of the block; NULL: none */
	const struct shim_row *shim;
	const struct delay_row *delay;
	struct soft_value {
		bool used;
		double lo, hi, first; /* what its blocks' durations allow; that of the first */
		uint32_t param;       /* of the IR, + 1 */
	} soft_value[64];             /* by the soft delay's number */
	uint32_t n_adc, adc_samples, last_label;
	uint64_t n_sample;
	bool even_adc;
};

ir_scalar pulseq_seconds(struct ir *ir, int64_t ps);
/* The block names an event that is not there. */
precess_status pulseq_missing(const struct state *s, const char *what, int64_t id);
/* The block lasts until `end` at least. */
void pulseq_reach(struct state *s, int64_t end);

/* events.c: what a block plays. */
precess_status pulseq_add_rf(struct state *s, int64_t id);
/* To s->played. `*last`: the value at the event's end in Hz/m, `*end`: that time. */
precess_status pulseq_add_gradient(struct state *s, int axis, int64_t id, double *last,
				   int64_t *end);
/* s->played, turned by the block's rotation, to the IR. */
precess_status pulseq_emit_gradients(struct state *s);
precess_status pulseq_add_adc(struct state *s, int64_t id);

/* rotate.c: s->turned from s->played. */
precess_status pulseq_rotate(struct state *s, const double q[4]);
precess_status pulseq_play_piece(struct played *p, const struct piece *piece);

/* extend.c: a block's extensions. */
precess_status pulseq_extend(struct state *s, int64_t id);
/* Learns what a block tells of the values of soft delays, before any is played. */
precess_status pulseq_survey(struct state *s, const int64_t *column);
/* How long the block's soft delay lasts; PULSEQ_FIXED: as the file tells. */
#define PULSEQ_FIXED UINT32_MAX
precess_status pulseq_soft_delay(ir_scalar *out, struct state *s);

#endif
