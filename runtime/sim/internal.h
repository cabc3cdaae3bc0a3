/* What the files of this folder share: the plan of one run, and the methods that carry it out.
 *
 * sim_run fills a plan, each method adds the readouts that are its own to plan->signal, sim_run
 * applies the receiver's phase and makes the result. The plan borrows the draw and the maps. */
#ifndef RUNTIME_SIM_INTERNAL_H
#define RUNTIME_SIM_INTERNAL_H

#include "runtime/cpu/cpu.h"
#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The Lorentzian of T2' by discrete frequencies: sum_j w[j] exp(-i x[j] u) = exp(-|u|) within
 * `error` for |u| <= reach; member j precesses at x[j] / T2p (rad/s) more. None: n = 1, x = 0. */
struct sim_ensemble {
	int n;
	double *x, *w;
	double reach, error;
};

/* Memory kept from one run to the next (store.c). */
struct sim_store {
	struct sim_block {
		void *data;
		size_t size;
	} *block;
	uint32_t n;
};
/* Block `at`, of at least so many bytes, aligned: zero when new, else as it was left. NULL: out of
 * memory. */
void *sim_store_get(struct sim_store *s, uint32_t at, size_t bytes);
void sim_store_clear(struct sim_store *s);
enum { SIM_SUMS, SIM_PROBE, SIM_THREADS /* then SIM_PER_THREAD each */ };
enum { SIM_WORK, SIM_GRIDS, SIM_ROWS, SIM_PER_THREAD };

struct sim_plan {
	const struct draw *draw;
	const struct maps *maps;
	double tolerance;      /* resolved: > 0 */
	int threads, nz;       /* resolved: >= 1 */
	bool quiet, fast;
	double slice;          /* thickness in m; 0 only when nothing happens along z */
	double scale;          /* 1 / (nx ny nz): the signal is a mean */
	int n_coil;            /* >= 1 */
	double sees;           /* the mean of |sensitivity| over M0, of the coil with most; 1 without */

	struct cpu_survey survey; /* of the live pixels: those with M0 > 0 */
	size_t n_live;
	uint32_t *live;        /* their indices iy * nx + ix, rising; only where a method needs them */
	bool decays_t2p;       /* a live spin has a finite T2p. In a history of one pulse its rate
	                        * adds to 1/T2 (exact); elsewhere `ensemble` is needed */
	struct sim_ensemble ensemble;

	struct sim_store *store; /* NULL: nothing is kept */
	const struct backend *backend; /* of the line method; NULL: the processor */
	enum sim_method asked;
	uint8_t *method;       /* enum sim_method per readout of the program, never SIM_auto */
	double nufft_ns;       /* what the readouts of the nufft method will cost, of one core */

	/* Results. Methods add scale * sum over spins, without the receiver's phase. */
	double *signal;        /* [coil] re, im per sample, at the event's first_sample */
	double bound;          /* on the absolute error of any sample; methods raise it to theirs */
	int terms;
	double seconds_state, seconds_readout;
	struct text report;    /* methods append lines about their readouts */
	char device[96];       /* "cpu avx512 (AMD EPYC ...)"; the line method may write it */
};

/* What sim_run is made of, for batches: the plan with its methods chosen (erase it whatever comes), and
 * the result of what they left in it. */
precess_status sim_plan_create(struct sim_plan *plan, const struct draw *d, const struct maps *m,
			       const struct sim_options *o);
precess_status sim_plan_result(struct sim_result **out, struct sim_plan *plan);
void sim_plan_erase(struct sim_plan *plan);
/* Sensitivity of a coil at a pixel, times (x, y): what it sees of them; (x, y) without coils. */
static inline void sim_receive(double seen[2], const struct maps *m, int coil, size_t pixel,
			       double x, double y)
{
	const float *s;

	seen[0] = x;
	seen[1] = y;
	if (!m->sensitivity)
		return;
	s = m->sensitivity + 2 * ((size_t)coil * (size_t)m->nx * (size_t)m->ny + pixel);
	seen[0] = x * (double)s[0] - y * (double)s[1];
	seen[1] = x * (double)s[1] + y * (double)s[0];
}
/* The largest of n complex numbers, by magnitude. */
double sim_largest(const double *signal, size_t n);
/* Fills survey and n_live, checks the maps. */
precess_status sim_survey(struct sim_plan *plan);
/* Fills `live` if it is not there. */
precess_status sim_list_live(struct sim_plan *plan);
/* Each computes the readouts whose method is its own. */
precess_status sim_direct(struct sim_plan *plan);
precess_status sim_step(struct sim_plan *plan);
precess_status sim_nufft(struct sim_plan *plan);
/* Gives the nufft method those readouts of the direct sum for which it is cheaper; all of them when
 * it is asked for, or PRECESS_ENOTSUP. */
precess_status sim_nufft_choose(struct sim_plan *plan);
/* Why it cannot compute the readout, static text; NULL: it can. */
const char *sim_nufft_refuses(const struct sim_plan *plan, uint32_t readout);
precess_status sim_line(struct sim_plan *plan); /* lines and trains; tells which in `method` */
/* Whether the line method can compute the readout (an index into program->readout); if not, `why`
 * is static text. */
bool sim_line_applies(const struct draw *d, const struct maps *m, uint32_t readout,
		      const char **why);
/* ------------------------------------------------------------------ cost (cost.c) */
/* Core nanoseconds of the direct sum per spin in the plane and coil for a readout. */
double cost_direct(const struct sim_plan *plan, uint32_t readout);
/* Transforms of one plane of spins through so many segments, to n samples, for all coils. */
double cost_transforms(const struct sim_plan *plan, double segments, double n);
/* About how long the run will take by its methods, within a factor of two or three. */
double cost_seconds(const struct sim_plan *plan);
/* One line for people when that is `patience` or more: how long, which methods, and how many spins
 * would not take so long. */
void cost_tell(struct text *t, const struct sim_plan *plan, double patience);

/* No bound below this is promised in single precision: `auto` takes the direct sum there. */
#define SIM_LINE_FLOOR 2e-6

/* What was kept for this draw and these numbers (memo.c); `text` may be NULL. */
bool sim_memo_find(double *value, struct text *text, const struct draw *d, const double *more,
		   size_t n);
void sim_memo_keep(double value, const char *text, const struct draw *d, const double *more,
		   size_t n);
enum { SIM_MEMO_SLICE, SIM_MEMO_ALIAS }; /* the first number: what is asked */

/* Thickness over which spins lie through the slice, in m: the declared one, else SIM_SLICE; 0 when
 * nothing happens along z. */
double sim_slice_thickness(const struct draw *d);
#define SIM_SLICE 5e-3
/* Fills plan->ensemble for the T2p present (see decays_t2p). */
precess_status sim_ensemble_create(struct sim_plan *plan);

/* Number of RF pulses of a history. */
uint32_t sim_history_pulses(const struct program *p, uint32_t history);
/* The history that an epoch belongs to. */
uint32_t sim_epoch_history(const struct program *p, uint32_t epoch);

/* ------------------------------------------------------------------ one spin in double */
/* A spin at a place (m): rates in 1/s, off-resonance w in rad/s. r2p = 1/T2p acts only through what
 * its user makes of it: added to r2, or r2p * x[j] added to w. */
struct sim_spin {
	double r[3];
	double m0, r1, r2, r2p, w, b1;
};
/* Spin `iz` of the nz through the slice at pixel `pixel`. */
struct sim_spin sim_spin_at(const struct sim_plan *plan, uint32_t pixel, int iz);
/* The same for a draw's slot: value, or 0 for PROGRAM_NO_SLOT. */
double sim_slot(const struct draw *d, program_slot s);

/* An affine map of (Mx, My, Mz): M -> e M + c. */
struct affine {
	double e[3][3], c[3];
};
/* `a` after `b`. */
struct affine affine_after(const struct affine *a, const struct affine *b);
void affine_apply(double m[3], const struct affine *a);
/* Exact solution over h seconds in the field (bx, by, w) rad/s (see sim.h for signs) with
 * relaxation towards m0; relative error about 1e-14. h = 0 with a rotation is not meant here. */
struct affine affine_bloch(double bx, double by, double w, double r1, double r2, double m0,
			   double h);
/* The rotation by the angles ax, ay, az (rad) around their common axis: a pulse of no duration. */
struct affine affine_rotation(double ax, double ay, double az);
/* Around z: phase of Mx + i My rises by `phase`. */
struct affine affine_phase(double phase);

/* The whole pulse `pulse` of the program with phase 0 for one spin. */
struct affine sim_pulse(const struct draw *d, uint32_t pulse, const struct sim_spin *s);

/* The same for n spins at once, into pulses[i * n_pulse + pulse] of spin i; nothing where the first
 * spin has it. */
void sim_pulses(struct affine *pulses, bool *have, const struct draw *d, uint32_t pulse,
		const struct sim_spin *s, size_t n);

/* What a shaped pulse under a constant gradient is to a spin: its offset, rad/s; and to all: free *b. */
struct pulse_shape;
struct pulse_table;
double sim_pulse_offset(const struct draw *d, uint32_t pulse, const struct sim_spin *s);
precess_status sim_pulse_shape(struct pulse_shape *out, double **b, const struct draw *d,
			       uint32_t pulse);
/* As sim_pulses by a table, for n <= PULSE_LANES spins s[0], s[apart], ... at one place through the
 * slice; pulses and have are those of s[0]. */
void sim_pulses_look(struct affine *pulses, bool *have, const struct draw *d, uint32_t pulse,
		     const struct sim_spin *s, size_t n, size_t apart, const struct pulse_table *t,
		     int place);

/* Pulse of an epoch (none: nothing) applied to m = Mx, My, Mz; free precession after it. `pulses`
 * holds the propagators by pulse index, have[] false where not yet made; both n_pulse long. */
void sim_epoch_pulse(double m[3], const struct draw *d, uint32_t epoch, const struct sim_spin *s,
		     struct affine *pulses, bool *have);
void sim_epoch_free(double m[3], const struct draw *d, uint32_t epoch, const struct sim_spin *s);
/* A whole history from equilibrium: m[3 * i] are Mx, My, Mz right after the pulse of epoch i. */
void sim_history(double *m, const struct draw *d, uint32_t history, const struct sim_spin *s,
		 struct affine *pulses, bool *have);
/* The same with the state in single precision. */
void sim_epoch_pulse_single(float m[3], const struct draw *d, uint32_t epoch,
			    const struct sim_spin *s, struct affine *pulses, bool *have);
void sim_epoch_free_single(float m[3], const struct draw *d, uint32_t epoch,
			   const struct sim_spin *s);
void sim_history_single(float *m, const struct draw *d, uint32_t history, const struct sim_spin *s,
			struct affine *pulses, bool *have);

/* ------------------------------------------------------------------ stepping through RF */
/* One step of an RF event: the field over h seconds. A gradient that varies is taken at the two
 * Gauss points; g in rad/s/m. bx, by in rad/s at B1 = 1 and RF phase 0. */
struct rf_step {
	double h, bx, by, g[2][3];
};
/* The steps of an RF event, fine enough for spins out to |r[a]| <= reach[a] (m) and for what other
 * events play meanwhile. free() them. */
precess_status sim_rf_steps(struct rf_step **out, size_t *n, const struct draw *d,
			    const struct draw_event *e, const double reach[3]);
/* Their propagator for one spin, RF phase 0; `freq` in Hz. */
struct affine sim_rf_propagate(const struct rf_step *step, size_t n, double freq,
			       const struct sim_spin *s);

/* ------------------------------------------------------------------ work shared among threads */
/* Spins are summed in groups of fixed size and order: a signal does not depend on the number of
 * threads. Groups for a signal of n samples: fewer where each would need much memory. */
int sim_groups(size_t n_sample);

#ifdef __cplusplus
}
#endif
#endif
