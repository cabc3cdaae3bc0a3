/* The line method: one plan for all its readouts, made of histories, and what carries it out.
 *
 * For spins on a product grid a readout that moves along x only is
 *     S_n = sum_x exp(-2 pi i kx_n x) sum_y W(x, y) exp(-(z - zc) tau_n) exp(-zc tau_n),
 * W the spins at the readout's reference time with the phase of ky, tau the time from there,
 * z = 1/T2 + 2 pi i dB0. The exponential is a polynomial in u = (z - zc) / scale with `terms` terms
 * (line_series.c), so per line there are `terms` sums over y and as many Fourier transforms over x.
 * Each receive coil has lines and pieces of its own, after those of the one before; states and views
 * are common.
 *
 *     line.c         number of terms, bound, report
 *     line_probe.c   how large errors are beside the signal, before
 *     line_series.c  the polynomial and its error
 *     line_plan.c    readouts into lines, lines into pieces that share their weights; tables
 *     line_build.c   pulses and precession: which there are, tables for them
 *     line_table.c   shaped pulses interpolated
 *     line_orders.c  through the slice: coherence orders instead of spins, where exact
 *     line_state.c   from maps to weights to sums over y, chunk by chunk
 *     line_fourier.c from sums over y to samples
 *     train.c        many lines at once where their times and ky are affine (train.h) */
#ifndef RUNTIME_SIM_LINE_H
#define RUNTIME_SIM_LINE_H

#include "runtime/cpu/cpu.h"
#include "runtime/sim/internal.h"
#include "runtime/sim/pulse.h"
#include "runtime/sim/train.h"

/* ------------------------------------------------------------------ series */
/* The rates present: a rectangle in the plane of z with its centre and half widths, r in 1/s, f in
 * Hz; scale is the distance of its corners from the centre. */
struct line_series {
	double r, f, half_r, half_f, scale;
	int terms;
	enum line_axis { LINE_TAYLOR, LINE_OSCILLATION, LINE_DECAY } axis;
};
/* Bound on |polynomial - exp(-(z - zc) tau)| |exp(-zc tau)| over the rectangle and |tau| <=
 * half. */
double line_error(const struct line_series *s, double half);
/* Sets terms, and the axis whose expansion is best for them. */
void line_set_terms(struct line_series *s, int terms, double half);
/* Coefficients of 1, u, u^2, ... at tau, times exp(-zc tau): re, im interleaved. */
void line_coefficients(double *c, const struct line_series *s, double tau);

/* ------------------------------------------------------------------ plan */
/* Lines with the same kx and times: uniform ones sit at (q + dq n + shift) / fov. */
struct line_shape {
	uint32_t n;
	double *kx, *tau, half; /* tau from the reference time, |tau| <= half */
	bool uniform;
	long q;
	int dq;
	double shift;
	uint32_t *cell;         /* n: where the transform has q + dq n */
	float *twist;           /* exp(-2 pi i shift x), nx pairs; NULL when shift = 0 */
	float *matrix;          /* not uniform: exp(-2 pi i kx_n x), [n][nx] pairs */
	double *coef;           /* [term][n] complex, with the phase that the transform lacks */
	double gain;            /* largest sum of |coefficients| of a sample */
};

struct line_line {
	uint32_t readout;
	uint32_t shape;
	int coil;
	double time, ky, kz;    /* at the reference time, since the end of the pulse */
};

/* Lines first .. first + n of one view: a run (the weights of each are those of the one before
 * times the same factor), a fan (the same time, a table over y each) or a train. */
struct line_piece {
	uint32_t view, first, n;
	bool run;
	int train;         /* index, or -1 */
	int coil;          /* that sees the view; tables are those of the first coil's piece */
	int weight, ratio; /* builds: from the pulse to the first line (of a train, the line in its
			    * middle); of a run, line to line */
	bool mirror;       /* a fan whose lines mirror each other, with the middle in `shift` */
	bool fan;          /* a device made its lines as transforms of circles: no polynomial in z */
	float *table, *shift; /* of a fan, owned; shift NULL: none */
	double half, gain; /* the most of its lines' shapes */
};

/* Planes computed from the maps alone. A cached one lives for a whole chunk, the others are made
 * when an epoch asks for them, in planes of their kind. */
struct line_build {
	enum line_build_kind { LINE_ROTATION, LINE_RESONANT, LINE_EXCITE, LINE_BLOCH, LINE_STEPPED,
			       LINE_FACTOR, LINE_RECOVER, LINE_BUILDS } kind;
	bool cached, through; /* through: differs along z */
	uint32_t plane, pulse;
	double t, turns, phase, k[2];
	float *x, *y;           /* tables over all columns (16 re, 16 im per block) and rows */
	struct cpu_bloch bloch;
	double *b, *bx, *by, bz;/* what bloch points to; offset along z in rad/s/m */
	const struct pulse_table *table; /* of a shaped pulse; NULL: solved for every spin */
};

/* One order of one epoch: slots of the state, -1 for no minus; what to clear first; the views that
 * F_k and F_-k feed, -1 for none. */
struct line_order {
	int plus, minus, z;
	bool clear_plus, clear_minus, clear_z;
	int view_plus, view_minus;
};

struct line_epoch {
	int pulse, factor, recover; /* builds, -1: none */
	double turn_in, turn_out;   /* phase before and after the pulse, rad */
	double kz;                  /* moment along z of the free precession, 1/m */
	uint32_t first_order, n_order;
};

/* What readouts of one epoch and kz see: the sum over the slice. */
struct line_view {
	uint32_t epoch;             /* of the history */
	double kz;
	bool dark;                  /* no coherence arrives */
	uint32_t plane;
};

struct line_history {
	uint32_t index;             /* of the program */
	uint32_t first_line, n_line, first_view, n_view, first_piece, n_piece;
	uint32_t first_epoch, n_epoch, first_build, n_build;
	int spins;                  /* through the slice; 0: coherence orders */
	uint32_t n_slot, n_plane, n_step;
	int orders;                 /* the most at one time, for the report */
	bool fused;                 /* evolve() runs all of it */
	bool elsewhere;             /* a device has done it */
};

/* A pulse of the program whose maps are interpolated; no table: it is not worth one. */
struct line_table {
	uint32_t pulse;
	double error;
	struct pulse_table *table;
};

struct line_plan {
	struct sim_plan *sim;
	const struct cpu_kernels *cpu;
	struct line_series series;
	double fastest;             /* decay rates are clipped here: no signal is left */
	double mean_m0, b1[2];      /* M0 as the coil with most sees it; least and most */
	double steps;               /* of pulses in single precision: they round */
	double fan_error, fan_limit;/* of the kernel of a device's fans: of a spin; to be met */
	bool views_only;            /* lines are readouts of any kind: no shapes, pieces are views */
	const bool *take;           /* readouts, where not those of the line and train methods */
	double alias;               /* what orders leave out of the spins asked for, of M0 */
	double tables;              /* what tables of pulses leave out, likewise */
	int nx, ny, blocks, parts;  /* blocks of lanes, parts of the rows: tasks */
	struct line_shape *shape;       uint32_t n_shape;
	struct line_line *line;         uint32_t n_line;
	struct line_view *view;         uint32_t n_view;
	struct line_piece *piece;       uint32_t n_piece;
	struct line_build *build;       uint32_t n_build;
	struct line_table *table;       uint32_t n_table;
	struct line_epoch *epoch;       uint32_t n_epoch;
	struct line_order *order;       uint32_t n_order;
	struct line_history *history;   uint32_t n_history;
	struct line_train *train;       uint32_t n_train;
	struct train_choice choice;
	bool trains;                    /* may be used */
	struct sim_store *store, own;   /* the run's; of a plan without one */
	int threads;
	float *sum;                     /* [task][line][term][re, im][lane] of the current batch */
	size_t per_line;                /* floats: terms x 2 x lanes */
	bool every_row;                 /* those without spins too: for the benchmark */
	const void *context;            /* of a `look` other than the usual one */
	double *weight;                 /* [task][piece]: sums of |weight| */
};

/* Index of an equal build of the history, or a new one; -2 when out of memory. */
int line_add_build(struct line_plan *p, struct line_history *h, const struct line_build *want);
/* The pulse of a program's epoch: build and phases of `out`. `rates` bounds all rates in 1/s. */
precess_status line_add_pulse(struct line_plan *p, struct line_history *h, uint32_t epoch,
			      struct line_epoch *out, double rates);
/* Gives a shaped pulse its table, the one there is where another history has it already. */
precess_status line_add_table(struct line_plan *p, const struct line_history *h, struct line_build *b);
/* Appends to one of the arrays above; NULL when out of memory. */
void *line_append(void *array, uint32_t *n, size_t size);

precess_status line_plan_create(struct line_plan **out, struct sim_plan *sim, bool trains);
/* What the readouts in `take`, of any kind but at one kz each, see: a plan without shapes. */
precess_status line_plan_create_views(struct line_plan **out, struct sim_plan *sim,
				      const bool *take);
/* A plan with its first choices of terms, kernel and groups. */
precess_status line_prepare(struct line_plan **out, struct sim_plan *sim, bool trains);
/* Once its samples and weights are there: bound and report; whether the tolerance is met. */
bool line_settle(struct line_plan *p);
/* The same, where the tolerance is not met: whether the next run, with other choices, may meet it. Runs
 * are to be LINE_ATTEMPTS at most. */
bool line_improve(struct line_plan *p);
enum { LINE_ATTEMPTS = 4 };
void line_plan_free(struct line_plan *p);
/* Orders, slots and clearings of a history, or spins through the slice where orders are not exact
 * or dearer. */
precess_status line_orders(struct line_plan *p, struct line_history *h);
/* exp(-2 pi i cycles ((i + 1/2) / n - 1/2)) times (re, im): out[i * stride], im `apart` further. */
void line_phases(float *out, size_t stride, size_t apart, int n, double cycles, double re,
		 double im);

/* A forward transform of length n, out of place, for arrays of memory_aligned: of complex numbers,
 * or (apart > 0) of real and imaginary parts that lie so many floats apart. */
struct fftwf_plan_s;
precess_status line_transform(struct fftwf_plan_s **out, int n, int apart);
/* Makes the shapes' coefficients for series.terms and the tables of their transforms. */
precess_status line_fourier_prepare(struct line_plan *p);
/* One chunk on its way: planes of its state, views and builds by index. */
struct line_work {
	const struct line_plan *p;
	float *plane, *u;
	float *seen;           /* a view by a coil */
	float *state;          /* of evolve() */
	struct cpu_epoch *epoch;
	struct cpu_step *step;
	float *grid, *circle;  /* of trains: see cpu_deposit; room for one
				* transform */
	uint8_t *used;         /* [train][group][lane] */
	struct cpu_spins *spins;
	uint32_t row[CPU_ROWS];
	size_t rows;
	int block, task;
	uint32_t first_line;   /* which line `sum` starts with */
	int made[LINE_BUILDS]; /* which build the scratch planes of a kind hold */
	double seconds[2];
};
float *line_plane(const struct line_work *w, uint32_t i);
/* Adds what a chunk's views give to its task's `sum`, `p->per_line` floats per line from
 * w->first_line on. */
typedef void (*line_look)(struct line_work *w, const struct line_history *h, float *sum);
/* Histories [first, last) through `look` into p->sum; the usual one adds sums over y, and sums of
 * |weight| into p->weight. */
precess_status line_state(struct line_plan *p, uint32_t first, uint32_t last, line_look look);
void line_look_sums(struct line_work *w, const struct line_history *h, float *sum);
/* Samples of their lines into sim->signal. */
precess_status line_fourier(struct line_plan *p, uint32_t first, uint32_t last);
/* All histories. Then: mean |weight| of a piece at its first line, the largest sample. */
precess_status line_run(struct line_plan *p);
double line_weight(const struct line_plan *p, uint32_t piece);
double line_largest(const struct line_plan *p);
/* The largest mean |weight| over the largest sample, about; 0: not known, the grid is small. */
precess_status line_probe(double *ratio, const struct sim_plan *sim, struct sim_store *store);

/* ------------------------------------------------------------------ benchmark */
/* The largest difference between a signal and sums in double precision over all spins, at some of its
 * samples, relative to `largest`. Fewer samples where there are many spins, so that it takes seconds;
 * NAN where their states alone would take longer. */
precess_status line_check(double *error, struct line_plan *p, const double *signal, double largest);

#endif
