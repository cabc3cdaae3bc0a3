/* The IR: a sequence as a list of blocks whose every number is a symbolic scalar of the free
 * parameters. Loops are unrolled (the shape of a sequence is static); the scalars are hash-consed
 * in a canonical form, so "equal for every parameter value" is "the same index". That identity
 * carries the proofs: shots that share a history, lines that are evenly spaced, moments that are
 * rewound.
 *
 * SI inside: seconds, T/m, rad, Hz, 1/m. Times are symbolic seconds until a draw makes them integer
 * picoseconds. An `struct ir` owns everything in it; ir_free frees it all. */
#ifndef COMPILER_IR_IR_H
#define COMPILER_IR_IR_H

#include "lang/lang.h"
#include "runtime/base/base.h"

/* ------------------------------------------------------------------ scalars */
/* A scalar: an index into ir->expr. 0 is the constant 0 and 1 the constant 1 in every IR. */
typedef uint32_t ir_scalar;

enum ir_op {
#define SCALAR(op, arity) IR_##op,
#include "compiler/ir/scalars.def"
#undef SCALAR
	IR_OPS
};

/* SUM is value + sum coef[i] * term[i], the terms sorted by index, not SUM themselves, no
 * coefficient 0: the canonical form of everything affine. All other operators have their operands
 * in a, b. A product of two non-constants is MUL with a <= b. */
struct ir_expr {
	enum ir_op op;
	ir_scalar a, b;
	double value; /* CONST, SUM */
	uint32_t param; /* PARAM: index into ir->param */
	uint32_t n;     /* SUM */
	ir_scalar *term;
	double *coef;
};

/* How a scalar depends on the parameters. */
enum ir_class { IR_CLASS_CONST, IR_CLASS_AFFINE, IR_CLASS_GENERAL };

/* ------------------------------------------------------------------ declarations */
struct ir_param {
	const char *name, *doc; /* array parameters are flattened: name "SGx[2]" */
	const char *group;      /* "SGx" for an element of an array, else NULL */
	int index;              /* element of the array, else -1 */
	const char *type;       /* type name as declared: "time", "angle", "number" */
	struct dim dim;
	double lo, hi, value, step; /* range, default (else its middle), step 0 = continuous */
	struct span span, range_span;
};

/* Tissue and field maps that a runtime knows: T1 T2 T2p (T2') M0 B1 dB0. */
enum ir_map_kind {
#define MAP(name, dim, neutral, doc) IR_MAP_##name,
#include "runtime/program/maps.def"
#undef MAP
	IR_MAPS
};
struct ir_map {
	enum ir_map_kind kind;
	const char *name, *doc;
	bool channel;         /* a range was declared: a network channel; else the fixed `value` */
	double lo, hi, value; /* value: fixed value, or the default inside the range (else NAN) */
	struct span span;
};

struct ir_system {
	bool ideal;           /* no limits, no rasters */
	const char *name;     /* "prisma", "ideal", "custom" */
	double max_grad;      /* T/m; INFINITY when ideal, like the next */
	double max_slew;      /* T/m/s */
	double max_b1;        /* T */
	double grad_raster, rf_raster, adc_raster; /* s; 0 when ideal */
	double rf_dead_time, rf_ringdown_time, adc_dead_time; /* s */
	double b0;            /* T */
	double gamma;         /* gyromagnetic ratio / 2 pi, Hz/T */
};

struct ir_geometry {
	double fov[3];   /* x, y, slice thickness: m; 0 = not declared */
	int matrix[3];   /* x, y, 1; 0 = not declared */
};

/* ------------------------------------------------------------------ events and blocks */
/* Amplitude samples shared by events: RF samples are complex (re, im interleaved), a gradient's are
 * real. Equally spaced over the event's duration, sample i at (i + 1/2) / n; RF is piecewise
 * constant, a gradient piecewise linear between the samples and its first and last value. */
struct ir_shape {
	const char *name; /* "sinc(tbw=4)", or the file's name */
	bool complex;
	uint32_t n;
	double *sample; /* RF: normalised so that the sum of re equals n, when that is not 0 */
	double first, last; /* gradients: values at the edges */
};
#define IR_NO_SHAPE UINT32_MAX

enum ir_event_kind { IR_RF, IR_GRAD, IR_ADC };
enum ir_use {
#define USE(name) IR_USE_##name,
#include "runtime/program/uses.def"
#undef USE
	IR_USES
};
enum ir_label {
#define LABEL(name, pulseq, doc) IR_LABEL_##name,
#include "runtime/program/labels.def"
#undef LABEL
	IR_LABELS
};

struct ir_event {
	enum ir_event_kind kind;
	ir_scalar start;    /* after the block's start */
	ir_scalar duration; /* RF: of the pulse; GRAD: rise + flat + fall or of the shape; ADC: n dwell */
	struct span span;   /* the expression that made it */
	/* RF */
	ir_scalar flip, phase, freq; /* rad, rad, Hz */
	ir_scalar center;            /* after the event's start */
	uint32_t shape;              /* IR_NO_SHAPE: rectangular RF, trapezoid gradient */
	enum ir_use use;
	/* GRAD */
	int axis;                    /* 0 1 2 = x y z */
	ir_scalar amplitude;         /* T/m of the plateau, or of the shape's value 1 */
	ir_scalar rise, flat, fall;  /* trapezoid */
	/* ADC: phase, freq as for RF */
	ir_scalar dwell;
	uint32_t n;
	int32_t label[IR_LABELS];    /* -1 = not given; reverse: 0 or 1 */
};

enum ir_block_kind {
	IR_PLAY,  /* events together */
	IR_DELAY, /* `delay` */
	IR_SOLVED,/* the delay that `with ... at` inserted before the next block */
	IR_RESET  /* magnetisation back to equilibrium; no duration */
};

struct ir_block {
	enum ir_block_kind kind;
	ir_scalar start;    /* after the sequence's start */
	ir_scalar duration;
	uint32_t first_event, n_event;
	struct span span;   /* the statement */
	const char *text;   /* what people call it: "gx & adc", "ref" */
	const char *where;  /* loop iterations and calls around it: "shot=0 echo=3", "" */
	ir_scalar residual; /* SOLVED, DELAY: rounding to the raster moves its end by this much */
};

/* A named instant, or a named derived value (`let TE = ... "doc"` with a text is reported too). */
struct ir_mark {
	const char *name, *doc;
	ir_scalar value;
	struct dim dim;
	struct span span;
};

struct ir {
	struct arena *arena;
	const char *name, *doc;
	char hash[65]; /* SHA-256 over the printed IR: the same schedule has the same hash */
	struct ir_param *param;  uint32_t n_param;
	struct ir_map *map;      uint32_t n_map;
	struct ir_system system;
	struct ir_geometry geometry;
	struct ir_expr *expr;    uint32_t n_expr;
	struct ir_shape *shape;  uint32_t n_shape;
	struct ir_block *block;  uint32_t n_block;
	struct ir_event *event;  uint32_t n_event;
	struct ir_mark *mark;    uint32_t n_mark;
	ir_scalar *require;      uint32_t n_require; /* each >= 0 narrows the parameter domain */
	ir_scalar duration;      /* of the whole sequence */
	struct ir_tables *tables;/* hash tables and capacities: ir.c's own */
};

/* ------------------------------------------------------------------ building */
struct ir *ir_create(void);
void ir_free(struct ir *ir);

/* All return the canonical scalar: constants fold, sums merge, x - x is 0, x * 1 is x. A sum whose
 * terms cancel to rounding error is 0 exactly (a coefficient below 1e-13 of the largest that went
 * in is dropped). */
ir_scalar ir_const(struct ir *ir, double v);
ir_scalar ir_param_scalar(struct ir *ir, uint32_t param);
ir_scalar ir_add(struct ir *ir, ir_scalar a, ir_scalar b);
ir_scalar ir_sub(struct ir *ir, ir_scalar a, ir_scalar b);
ir_scalar ir_neg(struct ir *ir, ir_scalar a);
ir_scalar ir_scale(struct ir *ir, double k, ir_scalar a);
ir_scalar ir_mul(struct ir *ir, ir_scalar a, ir_scalar b);
ir_scalar ir_div(struct ir *ir, ir_scalar a, ir_scalar b);
ir_scalar ir_unary(struct ir *ir, enum ir_op op, ir_scalar a);                /* SQRT SIN ... */
ir_scalar ir_binary(struct ir *ir, enum ir_op op, ir_scalar a, ir_scalar b);  /* any two-operand op */

bool ir_is_const(const struct ir *ir, ir_scalar e, double *value);
enum ir_class ir_classify(const struct ir *ir, ir_scalar e);
/* What an operator means: the value of `op` for operand values a, b (b ignored by unary ones; not
 * for CONST, PARAM, SUM). ROUND, CEIL and FLOOR to the multiple 0 are the identity. */
double ir_apply(enum ir_op op, double a, double b);
/* Value at a parameter vector of ir->n_param numbers. Like everything here, not for two threads on
 * one IR at once. */
double ir_eval(const struct ir *ir, ir_scalar e, const double *param);
/* "8*ESP + 0.5ms": readable, in the unit that suits `dim`. In `arena`. */
const char *ir_text(const struct ir *ir, struct lang *l, ir_scalar e, struct dim dim);

/* Append (copying the struct); return the index. */
uint32_t ir_add_param(struct ir *ir, const struct ir_param *p);
uint32_t ir_add_map(struct ir *ir, const struct ir_map *m);
uint32_t ir_add_shape(struct ir *ir, const struct ir_shape *s); /* equal shapes are shared */
uint32_t ir_add_event(struct ir *ir, const struct ir_event *e);
uint32_t ir_add_block(struct ir *ir, const struct ir_block *b);
uint32_t ir_add_mark(struct ir *ir, const struct ir_mark *m);
void ir_add_require(struct ir *ir, ir_scalar nonnegative);

/* Calls visit for every scalar that something other than a scalar holds: blocks, events, marks,
 * requires and the duration. The visitor may change it. */
void ir_visit(struct ir *ir, void (*visit)(ir_scalar *use, void *context), void *context);
/* Drops the scalars, or shapes, whose `keep` is false and renumbers the rest; nothing that is kept
 * may use one that is not. The constants 0 and 1 stay. */
void ir_compact_scalars(struct ir *ir, const bool *keep);
void ir_compact_shapes(struct ir *ir, const bool *keep);

/* ------------------------------------------------------------------ proofs over the domain */
/* The domain: the box of all parameter ranges, cut by ir->require. */

/* Enclosure of a scalar over the whole domain: interval arithmetic with subdivision; exact for
 * affine scalars without requires. */
void ir_range(const struct ir *ir, ir_scalar e, double *lo, double *hi);

struct ir_verdict {
	bool proved;      /* e >= -slack everywhere in the domain */
	bool fails;       /* a parameter vector with e < -slack was found (else: could not decide) */
	double worst;     /* smallest value found */
	double *at;       /* where: n_param values, in ir->arena */
	/* The remedy: narrowing only this parameter's range makes it true; param < 0 when no single
	 * parameter does. Ends are rounded inwards to four significant digits. */
	int param;
	double lo, hi;
};
/* Is e >= 0 over the domain? `slack` forgives rounding, e.g. 1e-13 for times in seconds. */
struct ir_verdict ir_prove(const struct ir *ir, ir_scalar e, double slack);

/* ------------------------------------------------------------------ text form and invariants */
/* Prints the whole IR; what ir_print writes ir_parse reads back to the same hash. */
void ir_print(struct text *out, const struct ir *ir);
precess_status ir_parse(struct ir **out, const char *text, size_t n, const char *path);
/* Invariants: indices in range, operands before users, canonical sums, blocks contiguous in time,
 * events inside their blocks, no two events of one axis overlapping. Failure is our bug. */
precess_status ir_verify(const struct ir *ir);
/* Sets ir->hash. Texts, spans, defaults, the numbering of scalars and unused ones do not matter. */
void ir_hash(struct ir *ir);

#endif
