/* The kernel schedule of one history as flat data: tables, memory and launches, what a device needs
 * to run it.
 *
 * Tables (tables.def) are of two kinds: some say what happens and are the same for every draw of a
 * batch, others hold the numbers of each draw. So a batch is one list of launches. Pointers are of
 * the device that runs it; nothing here owns anything. */
#ifndef RUNTIME_BLOCH_BLOCH_H
#define RUNTIME_BLOCH_BLOCH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/bloch/spin.h"

enum {
	BLOCH_MAPS = 5,
	BLOCH_TERMS = 12,
	BLOCH_SLOTS = 64,  /* numbers of state that a thread keeps to itself */
	BLOCH_GROUP = 8,   /* lines of a group */
	BLOCH_RAY = 16,    /* samples of a ray */
	BLOCH_RAY_PARTS = 64, /* of the spins, summed apart */
	BLOCH_TAPS = 8,
	BLOCH_CHANNELS = 4 /* what a spin leaves on as many circles at a time: a lane per tap of each */
};

/* The pulse of an epoch: none; a rotation; a stored map; steps at once, because they differ through the
 * slice or are so few that a map would cost more. */
enum bloch_pulse_kind { BLOCH_NONE, BLOCH_ROTATION, BLOCH_STORED, BLOCH_STEPS };

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
struct bloch_group {
	uint32_t view, line, n;
	int piece; /* whose sum of |weight| this group's first line gives; -1: none */
};

/* Who makes a line: nobody (no coherence arrives), its group, its train, its fan. */
enum bloch_maker { BLOCH_DARK, BLOCH_GROUPED, BLOCH_TRAIN, BLOCH_FAN };
struct bloch_line {
	uint32_t shape;
	int maker;
};
struct bloch_shape {
	uint32_t n;
	int uniform; /* samples lie on cells of the transform */
};

/* Lines that are one transform along y (runtime/sim/train.h). */
struct bloch_train {
	uint32_t view, line, n, cells, center;
	uint32_t divide; /* where its factors begin: [group][line] */
};
/* Lines of one view and time, made as transforms along x of evenly spaced samples. */
struct bloch_fan {
	uint32_t view, line, n;
	int piece;
};
/* Up to BLOCH_RAY samples of one readout, evenly spaced, for the direct sum. */
struct bloch_ray {
	uint32_t view, sample, n; /* sample: of the history's signal */
};

/* Polynomials of the taps: [degree][tap], for trains and for fans. */
enum { BLOCH_TAP_TABLES = 2, BLOCH_TAP_TABLE = (BLOCH_TAPS + 1) * BLOCH_TAPS };

/* Displacements across a circle of up to one cell to either side, and all beyond. */
enum { BLOCH_LEVELS = 16, BLOCH_ODDS = 2 * BLOCH_LEVELS + 1 };

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
/* From the pulse to the first, and from each to the next. */
struct bloch_group_numbers {
	struct spin_free first, ratio;
};
/* Steps of a pulse; everything is times the step: field in rad at B1 = 1, offset in rad, g in rad
 * per half distance, h in s. A gradient that varies within the step tilts the field: tilt, per half
 * distance. Steps are halved `halvings` times, their maps squared as often. */
struct bloch_pulse_numbers {
	uint32_t first, n;
	float turn; /* phase at its end, in turns */
};
struct bloch_field {
	float re, im, h, offset, g[3], tilt[3];
	int halvings;
};
/* u = (r2 - r + 2 pi i (f - center)) / scale */
struct bloch_series {
	float r, f, inverse;
};
/* Where a spin falls on a circle, and its size there: weight times `to`, displaced by one `step`. Of
 * groups of rates from `lo` on, `width` wide; what decays faster than `cut` is left out, and what
 * it would have given, exp(r2 before) times its size, added up. */
struct bloch_circle {
	struct spin_free to, step;
	float lo, width, inverse, cut, drift, before;
};
/* What the kernel of a train may do wrong with a spin, and its size at the first line, of its |weight|. */
struct bloch_odds {
	float error, growth;
};
struct bloch_fan_numbers {
	struct spin_free to;
};

struct bloch_schedule {
	int nx, ny, nz;        /* nz = 0: coherence orders */
	uint32_t n_draw, n_slot, n_epoch, n_order, n_pulse, n_map, n_field;
	/* What readouts see: of all spins alike, n_look; then, with coils, the same by each of them. */
	uint32_t n_look, n_view, n_coil;
	uint32_t n_line, n_shape, n_group, n_piece, n_sample, terms, parts;
	uint32_t n_train, n_divide, rates, taps_train; /* rates: groups of trains */
	uint32_t n_fan, fan_cells, fan_center, fan_shape, taps_fan;
	uint32_t n_ray, n_signal;                      /* samples that rays give */
#define FIXED(type, name, count) const type *name;
#define DRAWN(type, name, count) const type *name;
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
};

/* Spin i of a draw. */
SPIN_HD struct spin bloch_spin(const float *spins, size_t n, uint32_t draw, size_t i)
{
	const float *p = spins + (size_t)draw * BLOCH_MAPS * n + i;
	struct spin s;

	s.m0 = p[0];
	s.r1 = p[n];
	s.r2 = p[2 * n];
	s.f = p[3 * n];
	s.b1 = p[4 * n];
	return s;
}

/* View `look` as a coil sees it, the first being 0; coil < 0: as it is. */
SPIN_HD uint32_t bloch_view(const struct bloch_schedule *s, uint32_t look, int coil)
{
	return look + s->n_look * (uint32_t)(coil + 1);
}

/* The sensitivity of a coil at spin i. */
SPIN_HD struct spin_complex bloch_coil(const float *spins, size_t n, const struct bloch_schedule *s,
				       uint32_t draw, uint32_t coil, size_t i)
{
	const float *p = spins + (size_t)s->n_draw * BLOCH_MAPS * n +
			 ((size_t)draw * s->n_coil + coil) * 2 * n + i;
	struct spin_complex v;

	v.re = p[0];
	v.im = p[n];
	return v;
}

/* ------------------------------------------------------------------ memory and launches */
/* MEMORY(type, name, count): what a history needs besides its tables, in numbers per draw.
 *
 *     spins    [5][spin]               m0, r1, r2, f, b1; spin = iy nx + ix. After those of all
 *                                      draws the sensitivities: [coil][re, im][spin]
 *     map      [pulse][12][spin]       of the first n_map pulses, as struct spin_map
 *     slot     [slot][spin]            only where a thread cannot keep them
 *     view     [view][spin]            what the readouts of an epoch see
 *     sum      [part][line][term][x]   or of rays: [part][sample]
 *     weight   [piece][part][x]        sums of |weight|, for the error bound
 *     circle   [rate][term][x][cell]   of one train at a time
 *     total    [train][rate][3][x]     sums of |weight| times both odds; what was left out
 *     strip    [fan][y][cell]
 *     arc      [line][cell]            of fans, summed over y; then its transform
 *     row      [line][term][x]         parts added up; spectrum: its transform
 *     signal   [line][sample], or of rays: [sample] */
#define BLOCH_MEMORY(MEMORY)                                    \
	MEMORY(float, spins)                                    \
	MEMORY(float, map)                                      \
	MEMORY(struct spin_complex, slot)                       \
	MEMORY(struct spin_complex, view)                       \
	MEMORY(struct spin_complex, sum)                        \
	MEMORY(float, weight)                                   \
	MEMORY(struct spin_complex, circle)                     \
	MEMORY(float, total)                                    \
	MEMORY(struct spin_complex, strip)                      \
	MEMORY(struct spin_complex, arc)                        \
	MEMORY(struct spin_complex, row)                        \
	MEMORY(struct spin_complex, spectrum)                   \
	MEMORY(struct spin_complex, signal)

struct bloch_memory {
#define MEMORY(type, name) type *name;
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
};

/* Bytes of shared memory of one warp that lets spins land on circles (runtime/cuda/circle.cu): the
 * circles, and a warp of spins on their way. */
enum { BLOCH_WARP = 32 };
SPIN_HD uint32_t bloch_warp_shared(uint32_t channels, uint32_t cells)
{
	uint32_t pair = (uint32_t)sizeof(struct spin_complex), word = (uint32_t)sizeof(float);

	return channels * cells * pair + BLOCH_WARP * (BLOCH_TAPS + channels) * pair +
	       4 * BLOCH_WARP * word;
}

/* One launch: the operation (runtime/backend/ops.def), its geometry, what it costs. */
struct bloch_launch {
	int op;
	uint32_t variant;      /* which build of the kernel: slots, terms, channels */
	uint32_t index;        /* which train */
	uint32_t length;       /* of transforms; their number is `batch` */
	size_t batch;
	uint32_t grid[3], block, shared; /* bytes of shared memory */
	void *special;         /* a kernel made for this schedule, instead (backend.h); NULL: none */
	double bytes, flops;   /* to and from the device's memory, each counted once */
};

#endif
