/* The contract between compiler and runtime: one compiled sequence as plain data.
 *
 * A program has a parameter program (straight-line code that computes every number of the sequence
 * from a parameter vector), an event list (what a scanner would play; oracles, pictures and file
 * writers read it) and a kernel schedule (what the Bloch kernels run). A `struct draw` is a program
 * bound to one parameter vector: all numbers concrete, times in integer picoseconds.
 *
 * SI inside. k-space and gradient moments are in cycles per metre, k(t) = gammabar * integral of G.
 * Ownership: program_free and draw_free free all that hangs below; a draw borrows its program. */
#ifndef RUNTIME_PROGRAM_PROGRAM_H
#define RUNTIME_PROGRAM_PROGRAM_H

#include "runtime/base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ the parameter program */
/* Operation i computes slot i from earlier slots. */
typedef uint32_t program_slot;
#define PROGRAM_NO_SLOT UINT32_MAX

enum program_opcode {
#define OPCODE(name, text) PROGRAM_##name,
#include "runtime/program/opcodes.def"
#undef OPCODE
	PROGRAM_OPCODES
};
struct program_op {
	enum program_opcode op;
	program_slot a, b;
	double value; /* CONST; the factor of SCALE_ADD; PARAM: index as a number */
};

/* ------------------------------------------------------------------ declarations */
struct program_param {
	char *name, *doc, *type; /* type: "time", "angle", ... */
	char *unit;              /* unit that suits its values: "ms"; `show` = SI value of 1 unit */
	double show;
	double lo, hi, value;    /* range and default, SI */
};

enum program_map_kind {
#define MAP(name, dim, neutral, doc) PROGRAM_MAP_##name,
#include "runtime/program/maps.def"
#undef MAP
	PROGRAM_MAPS
};
struct program_map {
	enum program_map_kind kind;
	bool channel;         /* taken from the object and a network channel; else `value` everywhere */
	double lo, hi, value;
};

/* ------------------------------------------------------------------ events */
enum program_event_kind { PROGRAM_RF, PROGRAM_GRAD, PROGRAM_ADC, PROGRAM_RESET };
enum program_label {
#define LABEL(name, pulseq, doc) PROGRAM_LABEL_##name,
#include "runtime/program/labels.def"
#undef LABEL
	PROGRAM_LABELS
};
#define PROGRAM_NO_SHAPE UINT32_MAX

struct program_shape {
	char *name;
	bool is_complex;
	uint32_t n;      /* samples equally spaced over the event: i at (i + 1/2) / n */
	double *sample;  /* complex: re, im interleaved; RF normalised so that sum re = n */
	double first, last;
};

struct program_event {
	enum program_event_kind kind;
	uint32_t block;
	program_slot start, duration; /* start: after the sequence's start */
	program_slot flip, phase, freq, center; /* RF; ADC: phase, freq */
	uint32_t shape;               /* PROGRAM_NO_SHAPE: rectangle or trapezoid */
	const char *use;              /* RF: static text, "excitation" */
	int axis;                     /* GRAD: 0 1 2 */
	program_slot amplitude, rise, flat, fall;
	program_slot dwell;
	uint32_t n;                   /* ADC samples */
	uint32_t first_sample;        /* ADC: index of its first sample in the signal */
	int32_t label[PROGRAM_LABELS];/* ADC; -1 = not given */
};

struct program_block {
	program_slot start, duration;
	uint32_t first_event, n_event;
	int line;          /* of the source */
	char *text, *where;/* "gx & adc", "shot=0 echo=3" */
	enum { PROGRAM_BLOCK_PLAY, PROGRAM_BLOCK_DELAY, PROGRAM_BLOCK_SOLVED, PROGRAM_BLOCK_RESET } kind;
};

struct program_mark {
	char *name, *doc, *unit;
	double show; /* SI value of one unit */
	program_slot value;
};

/* ------------------------------------------------------------------ the kernel schedule */
/* Spins start a history at equilibrium. A history is a list of epochs; an epoch is one RF pulse (or
 * none, for the first) followed by a stretch of free precession in which samples may be taken. The
 * stretch is one affine map per spin: its duration and its total gradient moment are all it needs.
 * Readouts do not move the spins; they look at them, at times and moments counted from the end of
 * the epoch's pulse. Shots whose epochs agree slot for slot share one history (slots are canonical:
 * the same slot means equal for every parameter value), their readouts side by side. */

enum program_pulse_class {
	PROGRAM_PULSE_HARD,   /* rectangular, no gradient meanwhile: closed form */
	PROGRAM_PULSE_SHAPED, /* samples of constant field, constant gradient (maybe none) meanwhile */
	PROGRAM_PULSE_STEPPED /* gradients vary meanwhile: stepped through the event list */
};
struct program_pulse {
	enum program_pulse_class class_;
	program_slot duration, flip, freq;
	program_slot grad[3]; /* T/m, constant during the pulse; NO_SLOT when STEPPED */
	uint32_t shape;
	uint32_t event;       /* one event that plays it (STEPPED: the only one) */
	const char *use;
};

enum program_readout_class {
	PROGRAM_READOUT_LINE,   /* ky, kz constant while sampling, only kx moves: R1 */
	PROGRAM_READOUT_POINT,  /* no gradient while sampling: a FID or spectrum */
	PROGRAM_READOUT_GENERAL /* anything else without RF: direct sum */
};
struct program_readout {
	enum program_readout_class class_;
	uint32_t event;        /* the ADC event */
	program_slot time;     /* of sample 0, after the end of the epoch's pulse */
	program_slot dwell;
	program_slot k[3];     /* moment at sample 0 since the end of the epoch's pulse, 1/m */
	program_slot step[3];  /* moment per sample when uniform, else PROGRAM_NO_SLOT */
	uint32_t shot;         /* which of the shots that share this history */
};

struct program_epoch {
	uint32_t pulse;        /* UINT32_MAX: none */
	program_slot phase;    /* of the pulse, rad */
	program_slot start;    /* of the pulse (or of the history), after the sequence's start */
	program_slot duration; /* free precession after the pulse */
	program_slot moment[3];/* total over the free precession, 1/m */
	uint32_t first_readout, n_readout;
};
struct program_history {
	uint32_t first_epoch, n_epoch;
	uint32_t n_shot;       /* shots that share it */
};

/* Even spacing of a run of readouts, proved for all parameter values (equal slots): readouts
 * [first, first + n) of one epoch have time = t0 + i * period and ky = ky0 + i * dky. */
struct program_train {
	uint32_t epoch, first_readout, n_readout;
	program_slot period, dky;
};

/* A coherence pathway that makes an echo inside the sampled window for some parameter values: one of
 * +1, 0, -1 per pulse. Its part of the image is the object times exp(+2 pi i k.r), k in cycles over
 * the field of view. Pathways whose k is the same for all parameters are one. */
#define PROGRAM_ORDERS 64
struct program_pathway {
	char order[PROGRAM_ORDERS]; /* its coherence after each pulse, "+0-", '+' as detected; the last
				     * 63 pulses */
	uint32_t epoch;        /* whose readouts pass nearest to k */
	program_slot k[2];     /* x, y: where its echo lies on the grid */
	program_slot time;     /* s spent transverse until the middle of the line at k: T2 acts */
	program_slot off;      /* the same with signs: off-resonance f turns it by -2 pi f off */
	double amplitude;      /* of M0: the largest over flips, phases and the declared B1 */
	double re, im;         /* of M0, at the defaults and B1 = 1 or the nearest declared */
};

/* Why the compiler chose what it chose, for `explain`. */
struct program_note {
	uint32_t history, epoch, readout; /* UINT32_MAX: of the whole */
	char *text;
};

struct program {
	char *name, *doc, *path;
	char hash[65];           /* of the IR */
	char source_hash[65];    /* of the file's bytes */
	double gammabar;         /* Hz/T */
	double fov[3];           /* x, y, slice: m; 0 = not declared */
	int matrix[2];           /* 0 = not declared */
	double max_grad, max_slew, grad_raster, rf_raster, adc_raster; /* INFINITY / 0 when ideal */
	bool ideal;
	struct program_param *param;     uint32_t n_param;
	struct program_map map[PROGRAM_MAPS];
	struct program_op *op;           uint32_t n_op;
	struct program_shape *shape;     uint32_t n_shape;
	struct program_block *block;     uint32_t n_block;
	struct program_event *event;     uint32_t n_event;
	struct program_mark *mark;       uint32_t n_mark;
	struct program_pulse *pulse;     uint32_t n_pulse;
	struct program_epoch *epoch;     uint32_t n_epoch;
	struct program_history *history; uint32_t n_history;
	struct program_readout *readout; uint32_t n_readout;
	struct program_train *train;     uint32_t n_train;
	struct program_pathway *pathway; uint32_t n_pathway; /* the strongest first */
	struct program_note *note;       uint32_t n_note;
	program_slot duration;
	uint32_t n_sample;               /* over all ADC events */
};

void program_free(struct program *p);
/* Index, classes and slot checks; a failure is a bug of the compiler or a damaged file. */
precess_status program_verify(const struct program *p);
/* Text form of all of it, for `--dump schedule`. */
void program_print(struct text *out, const struct program *p);
int program_param_find(const struct program *p, const char *name); /* -1 */
/* Runs the parameter program: value[n_op] from param[n_param]. */
void program_evaluate(double *value, const struct program *p, const double *param);
const char *program_map_name(enum program_map_kind k);
const char *program_label_name(enum program_label l);
const char *program_opcode_name(enum program_opcode op);
/* Does off-resonance, as a map, bend a train? */
bool program_bends(const struct program *p);
/* Is its image one of lines from a single history, all read in one epoch or from one excitation whose
 * only pathway every pulse refocuses to the middle of k-space? Then its first-order image can be
 * told from the pathways. */
bool program_first_order(const struct program *p);
/* The epoch that readout `r` belongs to. */
uint32_t program_readout_epoch(const struct program *p, uint32_t r);

/* ------------------------------------------------------------------ a draw */
/* A concrete event. Times in picoseconds after the sequence's start. */
struct draw_event {
	enum program_event_kind kind;
	int64_t start, duration;
	double flip, phase, freq;        /* RF; ADC: phase, freq */
	int64_t center;                  /* RF: after start */
	uint32_t shape;
	int axis;
	double amplitude;                /* GRAD: T/m */
	int64_t rise, flat, fall;        /* trapezoid */
	double dwell;                    /* ADC: seconds */
	uint32_t n, first_sample;
	const int32_t *label;
};

/* The gradient events of one axis in order of time, and the moment played before each: what makes
 * draw_moment a binary search. */
struct draw_axis {
	uint32_t n, *event;
	double *before;              /* n + 1, in 1/m */
};

struct draw {
	const struct program *program;
	double *param;               /* n_param */
	double *value;               /* n_op: all slots */
	struct draw_event *event;    /* n_event, in order of start */
	uint32_t *at;                /* event i of the program is event[at[i]] */
	struct draw_axis axis[3];
	double **integral;           /* per real shape, at its n + 2 nodes; over a duration of 1 */
	int64_t duration;
};

/* Binds; refuses parameters outside their ranges unless `force`, and anything not finite: the text
 * names the parameter, its value and its range. param == NULL: the defaults. */
precess_status draw_create(struct draw **out, const struct program *p, const double *param,
			   bool force);
/* Binds again without allocating. */
precess_status draw_set(struct draw *d, const double *param, bool force);
void draw_free(struct draw *d);

/* From the event list, independently of the kernel schedule (the oracles' route): */
/* Gradient in T/m at time t [s] after the start of the sequence. */
double draw_gradient(const struct draw *d, int axis, double t);
/* gammabar * integral of the gradient over [t0, t1], cycles per metre; exact for trapezoids. */
double draw_moment(const struct draw *d, int axis, double t0, double t1);
/* k-space positions of every sample of readout `r` since the end of its epoch's pulse: k[3*n],
 * and times tau[n] likewise. From the schedule when uniform, else by draw_moment. */
void draw_readout(const struct draw *d, uint32_t r, double *k, double *tau);

#ifdef __cplusplus
}
#endif
#endif
