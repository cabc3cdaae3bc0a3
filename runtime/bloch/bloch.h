/* The kernel schedule of one history as flat tables: what a device needs to run it.
 *
 * The tables of struct bloch_schedule's first part say what happens and are the same for every draw
 * of a batch; those of the second hold the numbers, [draw][...]. So a batch is one launch list.
 * Pointers are of the device that runs it; nothing here owns anything.
 *
 *     spins    [draw][5][spin]        m0, r1, r2, f, b1; spin = iy nx + ix
 *     map      [draw][pulse][12][spin] pulses that do not see z, as struct spin_map
 *     view     [draw][view][spin]     what the readouts of an epoch see
 *     sum      [draw][part][line][term][x]
 *     weight   [draw][piece][part][x] sums of |weight|, for the error bound
 *     row      [draw][line][term][x]  parts added up; spectrum: its transform
 *     signal   [draw][line][sample] */
#ifndef RUNTIME_BLOCH_BLOCH_H
#define RUNTIME_BLOCH_BLOCH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/bloch/spin.h"

enum { BLOCH_MAPS = 5, BLOCH_TERMS = 12, BLOCH_SLOTS = 64 };

/* The pulse of an epoch: none; a rotation; a stored map; steps through the slice, spin by spin. */
enum bloch_pulse_kind { BLOCH_NONE, BLOCH_ROTATION, BLOCH_STORED, BLOCH_THROUGH };

struct bloch_epoch {
	int kind, pulse;      /* index of the stored map or of the steps */
	int free_;            /* precession follows */
	uint32_t first_order, n_order, first_view, n_view;
};

/* A pulse mixes F_k, F_-k and Z_k (slots of two numbers); order 0 has minus = -1. */
struct bloch_order {
	int plus, minus, z, clear_plus, clear_minus, clear_z, view_plus, view_minus;
};

/* Up to BLOCH_GROUP lines of one view whose weights follow from each other by one factor. */
#define BLOCH_GROUP 8
struct bloch_group {
	uint32_t view, line, n;
	int piece; /* whose sum of |weight| this group's first line gives; -1: none */
};

struct bloch_line {
	uint32_t shape;
};
struct bloch_shape {
	uint32_t n;
	int uniform; /* samples lie on cells of the transform */
};

/* ------------------------------------------------------------------ numbers of a draw */
struct bloch_epoch_numbers {
	struct spin_free free_;
	struct spin_twice turns; /* of a rotation */
	struct spin_twice kz;    /* of the free precession, per half distance of the spins along z */
};
struct bloch_view_numbers {
	float phase, weight;     /* turns */
	struct spin_twice kz;
};
struct bloch_group_numbers {
	struct spin_free first, ratio;
};
/* Steps of equal length; everything is times the step: field in rad at B1 = 1, offset in rad, g in
 * rad per half distance, h in s. Steps are halved `halvings` times, their maps squared as often. */
struct bloch_pulse_numbers {
	uint32_t first, n;
	int halvings;
	float h, offset, g[3];
};
/* u = (r2 - r + 2 pi i (f - center)) / scale */
struct bloch_series {
	float r, f, inverse;
};

struct bloch_schedule {
	int nx, ny, nz;        /* nz = 0: coherence orders */
	uint32_t n_draw, n_slot, n_epoch, n_order, n_view, n_pulse, n_field;
	uint32_t n_line, n_shape, n_group, n_piece, n_sample, terms, parts;

	const struct bloch_epoch *epoch;
	const struct bloch_order *order;
	const struct bloch_group *group;
	const struct bloch_line *line;
	const struct bloch_shape *shape;
	const uint32_t *cell;                       /* [shape][sample] */

	const struct bloch_epoch_numbers *step;     /* [draw][epoch] and so on */
	const struct bloch_view_numbers *look;
	const struct bloch_group_numbers *lines;
	const struct bloch_pulse_numbers *pulse;
	const struct spin_complex *field;           /* [draw][n_field] */
	const struct bloch_series *series;          /* [draw] */
	const struct spin_twice *shift;             /* [draw][shape], cycles per half distance */
	const struct spin_twice *kx;                /* [draw][shape][sample], likewise */
	const struct spin_complex *coef;            /* [draw][shape][term][sample] */
};

/* A place to look from, for the direct sum: phase k.r and time after the view. */
struct bloch_sample {
	struct spin_free at;
};

#endif
