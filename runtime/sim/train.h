/* Trains: lines whose times and ky are affine in their number l, as in echo-planar imaging.
 *
 * Counted from line c in the middle, with k = l - c, P the time and dky the step from line to line,
 *     sum_y W exp(-(z P + 2 pi i dky y) k) = sum_y W exp(-2 pi i k s / G),
 *     s = G (dky y + f P - i r P / 2 pi):
 * precession and decay displace the spin along y, by a complex number of cells of a circle of G
 * cells. The sum for all lines is then a Fourier transform of spins at uneven places: each is spread
 * over the nearest `taps` cells with a kernel phi, the circle is transformed, and the transform of
 * the kernel divided out,
 *     exp(-2 pi i k s / G) = 1 / phi^(k / G) sum_m phi(m - s) exp(-2 pi i k m / G),
 * with an error that depends on taps and |Im s| and grows fast with the latter. Only the distance of
 * a rate from the centre of its group counts: rates are divided into groups, each with its own
 * circle, and the centre's decay exp(-r P k) is put back line by line. Decay and precession inside
 * the line remain a polynomial in z (line.h): a circle per term. */
#ifndef RUNTIME_SIM_TRAIN_H
#define RUNTIME_SIM_TRAIN_H

#include "runtime/cpu/cpu.h"
#include "runtime/sim/internal.h"

/* ------------------------------------------------------------------ kernels */
enum { TRAIN_OVERSAMPLING = 2 };
struct train_kernel {
	int taps;
	double beta, scale;        /* phi(x) = scale I0(beta sqrt(1 - (2 x / taps)^2)) */
	float coef[(CPU_TAPS + 1) * CPU_TAPS];
	double error[CPU_LEVELS + 1]; /* for |Im s| up to i / CPU_LEVELS */
};
/* Taps 4, 6 or 8; made once and kept for the life of the process. */
const struct train_kernel *train_kernel(int taps);
/* Integral of phi(x) exp(-2 pi i turns x). */
double train_kernel_transform(const struct train_kernel *k, double turns);
/* Bound on |error| of the formula above for |k| / G <= 1/4, |Im s| <= v, as a multiple of 1; infinite
 * where no kernel is good enough to be used: v > 1. */
double train_kernel_error(const struct train_kernel *k, double v);

/* ------------------------------------------------------------------ trains of a plan */
struct line_plan;
struct line_work;
struct line_history;

enum {
	TRAIN_GROUPS = 16, TRAIN_STEPS = 2 * CPU_LEVELS + 1, TRAIN_SHARES = 64,
	TRAIN_WAYS = 11, TRAIN_KERNELS = 3 /* to part the rates; of 4, 6, 8 taps */
};
struct line_train {
	uint32_t piece, first, n, center; /* lines of the plan; `center` counts from `first` */
	double period, before;            /* s; before = center * period */
	int cells;
	double *y;                        /* turns from line to line by ky, per row */
	float *divide;                    /* [group][line] pairs: the centre's decay over phi^,
					   * times the phase of where a grid begins */
	float error[TRAIN_GROUPS * TRAIN_STEPS], growth[TRAIN_GROUPS * TRAIN_STEPS];
	size_t offset;                    /* floats, into a thread's grids */
};
/* What the trains of a plan have in common. */
struct train_choice {
	const struct train_kernel *kernel;
	int groups;
	double lo, width, cut;            /* of rates, 1/s */
	double error;                     /* of the kernel, expected mean over the spins */
	double cost;                      /* ns per spin; infinite where the error is above the limit */
	double expected[TRAIN_WAYS][TRAIN_KERNELS];
	struct cpu_landed *landed;        /* [task][train] */
};

/* Whether lines [first, first + n) are part of one train that the compiler proved, and whether n
 * lines are cheaper as a train than as a run. */
bool train_proved(const struct line_plan *p, uint32_t first, uint32_t n);
bool train_pays(const struct line_plan *p, uint32_t n);
/* Of a circle for so many lines. */
int train_cells(uint32_t lines);
/* Makes a train of the piece; its readouts' method becomes SIM_train. */
precess_status train_add(struct line_plan *p, uint32_t piece);
/* Fills choice.expected, the errors of all choices, by the shares of the rates present; else the most
 * displaced spin counts for all. */
void train_expect(struct line_plan *p, bool by_share);
/* The cheapest kernel and groups with an error within `limit`, else the most accurate ones; false
 * where there are none at all. */
bool train_choose(struct line_plan *p, double limit, int terms);
/* Before a run. */
precess_status train_begin(struct line_plan *p);
/* Places the grids of histories [first, last); returns the floats that a thread needs for them. */
size_t train_place(struct line_plan *p, uint32_t first, uint32_t last);
/* Weights of a chunk, at line `center`, onto the grids; the grids into the task's sums. */
void train_deposit(struct line_work *w, uint32_t index, const float *weights);
precess_status train_finish(struct line_work *w, const struct line_history *h, float *sum);
/* Mean |weight| at the first line. */
double train_weight(const struct line_plan *p, uint32_t train);
/* On the absolute error of any sample: kernel, and spins left out. */
double train_bound(const struct line_plan *p);
void train_free(struct line_plan *p);

/* ------------------------------------------------------------------ cost */
/* Core nanoseconds per spin of the grid: lines of a run; a train, `rows` spins sharing a column. */
double cost_run(double lines, int terms);
double cost_train(double lines, int cells, int terms, int taps, int groups, int rows);

#endif
