/* Vector kernels of the single-precision simulator, one build per instruction set, chosen at run
 * time.
 *
 * A kernel works on a chunk: up to CPU_ROWS rows of CPU_LANES spins that are neighbours along x.
 * Every quantity of a chunk is a plane, quantity[row * CPU_LANES + lane]; a complex one is two
 * planes, real then imaginary. A plane is one row longer than its content: planes a power of two
 * apart would all fall into the same sets of the first-level cache.
 *
 * Everything is 64-byte aligned. Rows are not neighbours along y: `row[i]` is where row i finds
 * itself in tables over y, which are interleaved (cos, sin) pairs. */
#ifndef RUNTIME_CPU_CPU_H
#define RUNTIME_CPU_CPU_H

#include "runtime/base/base.h"

#define CPU_LANES 16
#define CPU_ROWS 32
#define CPU_PLANE (CPU_LANES * (CPU_ROWS + 1))
#define CPU_TERMS 12 /* most separable terms of a line */

/* Rates in 1/s, f in Hz. Spins that are not there: m0 = 0 and everything finite. */
struct cpu_spins {
	float r1[CPU_PLANE], r2[CPU_PLANE], f[CPU_PLANE], b1[CPU_PLANE], m0[CPU_PLANE];
};

/* Maps with the spins of one row next to each other; NULL: neutral (no decay, m0 = b1 = 1, f = 0).
 * Rates above `fastest` count as that. */
struct cpu_maps {
	const float *m0, *t1, *t2, *t2p, *b1, *f;
	float fastest;
};

/* What some spins of maps are like: those with m0 > 0 count. Starts as all zeros but lo = INFINITY,
 * hi = -INFINITY. */
enum { CPU_M0, CPU_T1, CPU_T2, CPU_T2P, CPU_B1, CPU_F, CPU_MAPS };
struct cpu_survey {
	float lo[CPU_MAPS], hi[CPU_MAPS];
	double m0;  /* sum */
	size_t live;
	bool bad;   /* a negative or infinite m0, a time that is not positive, anything else infinite */
};

/* exp(-(r2 + 2 pi i f) t) x[lane] y[row]: precession for t seconds and the phase of a moment, a
 * product over the axes. x: CPU_LANES real parts, then as many imaginary parts. */
struct cpu_factor {
	double t;
	const float *x, *y;
	const uint32_t *row;
	bool still; /* f is 0 for every spin */
};

/* The RF pulse of one spin: none, the state of order 0 that a first pulse leaves (3 planes: Mx, My,
 * Mz), a rotation around x (2 planes: cos, sin), an affine map that
 * leaves x to itself (7 planes: xx, yy, yz, zy, zz, constant y and z) or any (12 planes: the 3 x 3
 * matrix by rows, then the constant). */
enum cpu_pulse {
	CPU_PULSE_NONE, CPU_PULSE_START, CPU_PULSE_ROTATION, CPU_PULSE_PLANE, CPU_PULSE_AFFINE
};

/* One coherence order k along z of the spins' state, Mx + i My = sum_k F_k exp(-2 pi i k u z) and
 * Mz likewise with Z_-k = conj Z_k: a pulse mixes F_k, F_-k and Z_k, the same for every k. Order 0
 * alone is an ordinary spin: F_0 = Mx + i My, Z_0 = Mz real. */
struct cpu_order {
	float *plus, *minus, *z; /* F_k, F_-k, Z_k; order 0: minus is NULL, z one plane */
	enum cpu_pulse kind;
	const float *pulse;
	const float *factor;     /* what F is multiplied with afterwards; NULL: nothing happens */
	const float *recover;    /* E1 and m0 (1 - E1) over the same time */
	float turn[2];           /* order 0: one more factor, the same for all spins */
};

/* A whole history of orders at once. Slots are complex numbers of CPU_LANES spins; slot 0 begins as
 * m0, others where they are cleared. minus < 0: order 0. Views get `view` times F, NULL for none. */
struct cpu_step {
	int plus, minus, z;
	bool clear_plus, clear_minus, clear_z;
	float *view_plus, *view_minus;
};
struct cpu_epoch {
	enum cpu_pulse kind;
	const float *pulse, *factor, *recover; /* as in cpu_order */
	float view[2];
	const struct cpu_step *step;
	size_t n_step;
};

/* A piecewise constant RF field seen by every spin: n steps of h seconds with (bx, by) in rad/s at
 * B1 = 1. The offset of a spin is 2 pi f + offset + x[lane] + y[row] rad/s. `reach` bounds the
 * angle and decay of one step over all spins and decides about the length of the series. */
struct cpu_bloch {
	size_t n;
	const double *b;          /* bx, by interleaved */
	double h, offset, reach;
	const double *x, *y;      /* CPU_LANES; per y; NULL: none */
	const uint32_t *row;
};

/* Circular grids of a train, per lane [group][term][re, im][cell]: cell b stands for b - cells / 2 -
 * taps modulo `cells`, so that eight taps never leave the `plane` = cells + 16 floats. Rates from
 * lo in steps of `width` = 1 / inverse are a group each, with its middle as centre; the rest of a
 * spin's rate displaces it by -drift times it. Spins faster than `cut` are left out. */
struct cpu_deposit {
	float *grid;
	size_t lane_stride;
	int32_t group_stride, plane, cells, taps, groups;
	const float *coef;        /* [taps + 1][CPU_TAPS]: degree by degree, zero beyond the taps */
	float lo, width, inverse, cut, drift;
	double period;            /* s from line to line */
	const double *y;          /* turns from line to line by ky, per y */
	const uint32_t *row;
	/* By group and displacement from -1 to 1 cell, in 2 CPU_LEVELS steps and all beyond: from |w|
	 * to the kernel's error and the spin's size at the first line */
	const float *error, *growth;
	double before;            /* s from the first line to the one that w belongs to */
	struct cpu_landed {
		double wrong, sum; /* of |w| error and |w| growth, |w| as of weigh */
		double dropped;    /* of those left out: |w| exp(r2 before) */
	} *landed;                /* added to */
	uint8_t *used;            /* [group][lane]: set where a spin arrived */
};
enum { CPU_TAPS = 8, CPU_LEVELS = 16 };

struct cpu_kernels {
	const char *isa; /* "baseline", "avx2", "avx512" */

	/* cos and sin of 2 pi f t. The product is reduced modulo 1 in double precision, so only the
	 * result is rounded: absolute error below 1.5e-7 while |f t| < 2^20. */
	void (*cossin)(float *c, float *s, const float *f, double t, size_t n);
	/* exp(-r t), r t >= 0: relative error below 1.5e-7; 0 where it is below 1e-37. */
	void (*decay)(float *e, const float *r, double t, size_t n);

	/* Adds n spins from index `at`. */
	void (*survey)(struct cpu_survey *s, const struct cpu_maps *m, size_t at, size_t n);
	/* n spins from index `at` of the maps become the lanes of a row, the other lanes empty. */
	void (*load)(struct cpu_spins *s, size_t row, const struct cpu_maps *m, size_t at,
		     size_t n);

	void (*factor)(float *z, const struct cpu_spins *s, const struct cpu_factor *p,
		       size_t rows);
	void (*recover)(float *e, const struct cpu_spins *s, double t, size_t rows);
	/* The rotation by `turns` times B1. */
	void (*rotation)(float *cs, const struct cpu_spins *s, double turns, size_t rows);
	/* The affine map of a pulse, solved in double precision to about 1e-9. */
	void (*bloch)(float *e, const struct cpu_spins *s, const struct cpu_bloch *p, size_t rows);
	/* What a pulse of one step with a reach of at most 2 makes of (0, 0, m0): CPU_PULSE_START, to
	 * about 5e-7. */
	void (*excite)(float *m, const struct cpu_spins *s, const struct cpu_bloch *p, size_t rows);
	/* The pulse, then the factor. */
	void (*order)(const struct cpu_order *o, size_t rows);
	/* view (+)= (wr + i wi) slot. */
	void (*see)(float *view, const float *slot, float wr, float wi, bool add, size_t rows);

	/* n epochs, one after the other; `state` has room for all slots. */
	void (*evolve)(float *state, const struct cpu_epoch *e, size_t n,
		       const struct cpu_spins *s, size_t rows);
	/* The pulse of `turns` times B1 in h seconds, a rectangle along x, on resonance for every
	 * spin, whose own f is not looked at: CPU_PULSE_PLANE, to about 3e-7. */
	void (*plane)(float *e, const struct cpu_spins *s, double turns, double h, size_t rows);

	/* w = view times a factor times (y not NULL) a table over y; returns the sum of
	 * |w|, at most 8 % too large. */
	double (*weigh)(float *w, const float *view, const float *factor, const float *y,
			const uint32_t *row, size_t rows);
	/* Powers 1 .. terms - 1 of the complex u = (r2 - rc + 2 pi i (f - fc)) / scale, 2 planes
	 * each; rates of spins that are not there count as rc, fc. */
	void (*powers)(float *u, const struct cpu_spins *s, double rc, double fc, double scale,
		       int terms, size_t rows);
	/* Sums over the rows, for every lane, into acc[line][term][re, im][lane]:
	 * run: lines whose weights are w, w q, w q^2, ...: acc[l][j] += sum_rows w q^l u^j;
	 * fan: lines whose weights are w times a table over y: acc[l][j] += sum_rows w u^j
	 * table[row[i]][l], `lines` (cos, sin) pairs per y. Both spoil w. */
	void (*run)(float *acc, float *w, const float *q, const float *u, size_t rows, size_t lines,
		    int terms);
	void (*fan)(float *acc, float *w, const float *u, const float *table, const uint32_t *row,
		    size_t rows, size_t lines, int terms);

	/* As fan, for an even number of lines that mirror each other, l and lines - 1 - l at -d_l and
	 * d_l: the table has lines / 2 pairs exp(-2 pi i d_l y). */
	void (*mirror)(float *acc, float *w, const float *u, const float *table,
		       const uint32_t *row, size_t rows, size_t lines, int terms);
	/* Drops w u^j, for every term j, onto the grids. Taps are 4, 6 or 8. */
	void (*deposit)(const struct cpu_deposit *t, const float *w, const float *u,
			const struct cpu_spins *s, size_t rows, int terms);

	/* out = a b y[row[i]], complex; out may be a. */
	void (*product)(float *out, const float *a, const float *b, const float *y,
			const uint32_t *row, size_t rows);
	/* The plain direct sum that the benchmark compares with: `n` spins, a multiple of 64, with
	 * state m and factor q per sample: out[k] += sum over spins m q^k, for `samples` samples;
	 * out is [sample][re, im][lane], lanes still to be added up. m is left as it is. */
	void (*direct)(float *out, const float *mr, const float *mi, const float *qr,
		       const float *qi, size_t n, size_t samples);
	/* Independent fused multiply-adds, as many as the machine takes; returns the floating-point
	 * operations done. */
	double (*peak)(float *sink, size_t n);
};

/* The widest one that this processor runs. */
const struct cpu_kernels *cpu_kernels(void);
/* All built-in ones that this processor runs, narrowest first; NULL when i is past the last. */
const struct cpu_kernels *cpu_kernels_at(int i);
/* "AMD EPYC 9R14", or the architecture's name. */
const char *cpu_name(void);

#endif
