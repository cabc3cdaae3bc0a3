/* The elaborator's inside: values, names, the timeline, obligations.
 *
 * One evaluator walks the tree. An expression gives a `struct value`; statements move the timeline.
 * After an error a value of kind ERROR goes on through the evaluation and silences everything it
 * touches, so that each mistake is told once.
 *
 * Everything lives in the arena of the `struct lang` except the staged blocks and events, which are
 * freed after they went into the IR. */
#ifndef COMPILER_ELAB_EVALUATOR_H
#define COMPILER_ELAB_EVALUATOR_H

#include "compiler/elab/elab.h"

/* ------------------------------------------------------------------ limits */
/* A block costs about 500 bytes here and again in the IR: 4 million fill 4 GB. */
#define LIMIT_BLOCKS 4000000
/* Depth of def and block calls; C's stack holds about ten times as many. */
#define LIMIT_CALLS 64
/* Seconds that count as none in a proof: below every raster, above the rounding of sums. */
#define SLACK_TIME 1e-13
/* RF shape samples: enough for 1 us steps over a millisecond, few enough to simulate. */
#define LIMIT_RF_SAMPLES 1000

/* ------------------------------------------------------------------ values */
enum value_kind {
#define KIND(name, text) VALUE_##name,
#include "compiler/elab/kinds.def"
#undef KIND
	VALUE_KINDS
};

/* A truth that depends on parameters: all of `nonnegative` are >= 0. `usable` is false for forms
 * (or, not, !=) that no proof can use. */
struct condition {
	bool usable;
	int n;
	ir_scalar *nonnegative;
};

struct value {
	enum value_kind kind;
	struct span span; /* the expression that made it */
	ir_scalar scalar; /* NUMBER */
	struct dim dim;
	int64_t num, den;    /* NUMBER: exactly num/den when den > 0 */
	struct grad *window; /* NUMBER: the flat top of this gradient, for adc(over = gx.flat) */
	union {
		bool boolean;
		int axis;
		const char *text;
		struct array *array;
		struct rf *rf;
		struct grad *grad;
		struct adc *adc;
		struct bundle *bundle;
		struct block_call *call;
		struct played *played;
		struct function *function;
		struct module *module;
	};
	struct condition *condition; /* BOOL: depends on parameters; else NULL */
};

struct array {
	uint32_t n;
	struct value *item;
	bool vector; /* x, y[, z]: indexed by an axis, members .x .y .z */
};

/* Shapes carry their own start, counted from the start of the block that plays them. */
struct grad {
	const char *name; /* the name it was bound to, or "trapezoid" */
	struct span span;
	int axis;
	ir_scalar start, amplitude, rise, flat, fall;
	uint32_t shape;    /* index into ev->shape, or IR_NO_SHAPE; then `flat` is the duration */
	double shape_area; /* integral of the shape over unit duration */
	double shape_slew; /* steepest slope of the shape over unit duration */
	const void
		*identity; /* kept by scaling and negation: adc(over =) finds its gradient by it */
	bool checked;      /* its limits are obligations already */
};

struct rf {
	const char *name;
	struct span span;
	ir_scalar start, duration, flip, phase, freq, center, bandwidth;
	uint32_t shape;
	double peak; /* largest magnitude of the shape, which has mean 1 */
	enum ir_use use;
};

struct adc {
	struct span span;
	ir_scalar start, duration, dwell, phase, freq;
	uint32_t n;
	const void *over; /* identity of the gradient whose window it fills, or NULL */
	bool inside;      /* its gradient is in the bundle: it cannot outlast that */
	int32_t label[IR_LABELS];
};

#define LIMIT_EVENTS 16 /* in one block; three axes, an RF and an ADC are the usual most */
struct bundle {
	struct value item[LIMIT_EVENTS]; /* RF, GRAD, ADC */
	int n;
	struct {
		const char *name;
		struct value value;
	} member[4];
	int n_member;
};

/* A block called but not yet played: its body runs when it is. */
struct block_call {
	struct function *function;
	struct value *argument;
	struct span span;
};

struct mark {
	const char *name;
	ir_scalar at;
	struct mark *next;
};

/* Exact times (before rounding to the raster), from the sequence's start. */
struct played {
	const char *name;
	ir_scalar start, duration, center;
	struct mark *mark;
	const struct bundle *bundle; /* NULL for a block with a body */
};

/* ------------------------------------------------------------------ names */
struct formal {
	const char *name;
	const char *type; /* "time", "int", "area", "use", "any", ... */
	bool array, optional;
	const struct node *fallback; /* the default's expression */
	struct span span;
};

struct call;
struct evaluator;
struct builtin {
	const char *name, *formals, *doc;
	struct value (*run)(struct evaluator *, struct call *);
};

struct function {
	const char *name;
	const struct node *node; /* DEF or BLOCK; NULL: built in */
	struct module *module;
	const struct builtin *builtin;
	struct formal *formal;
	int n_formal;
};

/* One call with its arguments in the order of the formals; NONE where none was given. */
struct call {
	const struct node *node;
	const struct function *function;
	struct value *value;
};

enum entry_state { ENTRY_NEW, ENTRY_BUSY, ENTRY_DONE, ENTRY_LATER };
struct entry {
	const char *name;
	struct span span;
	const struct node *node; /* what to evaluate on first use */
	struct module *module;
	enum entry_state state; /* LATER: a statement further down binds it */
	bool weak;              /* from `import m` without a selection: gives way to others */
	struct value value;
	struct entry *next;
};

struct scope {
	struct scope *up;
	struct entry *first;
};

/* A name whose scope has closed: for "is played inside `for shot`". */
struct ghost {
	const char *name, *inside;
	struct span span, inside_span;
	struct ghost *next;
};

struct module {
	const char *name, *path;       /* path NULL: in `library` */
	const struct library *library; /* NULL: a file */
	struct node *file;
	struct scope scope;
	bool standard, loading;
	bool incomplete; /* what an import was to bring is unknown */
	struct module *next;
};

/* ------------------------------------------------------------------ frames and time */
/* Calls in progress, innermost first. */
struct frame {
	struct frame *up;
	const char *name;
	struct span call;
	struct module *module;
	bool is_block;
	ir_scalar start; /* exact start of a block */
	struct mark *mark;
	int n_rf, n_adc; /* played in it so far, and the centres of the last ones */
	ir_scalar rf_center, adc_center;
};

/* What stands between the last anchor and now: for the notes of E20. */
struct part {
	const char *text;
	ir_scalar duration;
	struct span span;
};
#define LIMIT_PARTS 5
/* Failures kept of one place: the worst ones; loops make many that differ little. */
#define LIMIT_FAILURES 8

struct staged_block {
	struct ir_block block;
	uint32_t first_event;
};

struct timeline {
	ir_scalar exact, rounded;             /* now */
	ir_scalar reset_exact, reset_rounded; /* the last reset: rasters count from there */
	bool off_raster;                      /* a parameter-dependent duration since then */
	ir_scalar edge[3];                    /* gradient still on at the end of the last block */
	struct span edge_span;
	struct part part[LIMIT_PARTS];
	int n_part;
	ir_scalar part_from; /* exact time at which the parts begin */
	bool part_overflow;
	uint32_t n_block, n_event;
	bool dry; /* only the anchors' places are wanted */
};

enum obligation_kind {
	OBLIGE_DELAY,     /* E20 */
	OBLIGE_SLEW,      /* E21 */
	OBLIGE_AMPLITUDE, /* E21 */
	OBLIGE_TIME,      /* E20: a duration of an event */
	OBLIGE_B1         /* E27 */
};

/* Where a diagnostic points: in the user's own text when there is any on the call chain. */
struct place {
	struct span span, inner;
	const char *inside; /* name of the library function around `inner`, or NULL */
	const char *module;
};

struct obligation {
	enum obligation_kind kind;
	ir_scalar e, need;
	double limit, slack;
	struct dim dim;
	const char *subject, *text;
	struct place place;
	struct part *part;
	int n_part;
	ir_scalar room; /* DELAY: what the parts must fit into */
	double bound;   /* lower bound of e */
	struct obligation *next;
};

struct evaluator {
	struct lang *l;
	struct arena *arena;
	struct ir *ir;
	struct elab_options *options;
	struct module *main, *modules;
	struct scope global; /* names of every module: x, pi, matrix, ... */
	struct scope *scope;
	struct module *module;
	struct frame *frame;
	struct ghost *ghost;
	struct entry *busy[LIMIT_CALLS];
	int n_busy, n_call;
	const char *binding; /* the name that `let` is about to bind: shapes take it */
	const char *where;
	struct node *body_return; /* set while a def's body may `return` */
	struct value returned;
	bool has_returned;
	bool has_system, has_geometry, too_many;
	bool sketch; /* arguments are mere examples: what depends on their values is kept silent */
	struct span geometry_span;

	struct timeline time;
	struct staged_block *block;
	uint32_t block_capacity;
	struct ir_event *event;
	uint32_t event_capacity;

	struct obligation *obligation;
	struct told {
		const char *id;
		struct span at, inner;
		struct told *next;
	} * told;
	struct diag ignored;                         /* what a repeated diagnostic is written to */
	uint32_t *proved, proved_capacity, n_proved; /* hash set of obligations known to hold */
	struct limit_key {
		ir_scalar amplitude, rise, fall;
	} * limits; /* hash set, checked ones */
	uint32_t limits_capacity, n_limits;
	struct param_use {
		struct entry *entry;
		uint32_t first, n;
	} * param;
	uint32_t n_param;
};

/* ------------------------------------------------------------------ report.c */
struct place place_of(struct evaluator *ev, struct span at);
/* Each (id, place) is told once: loops and trial runs repeat it. Never NULL. */
struct diag *error_at(struct evaluator *ev, const char *id, struct span at, const char *fmt, ...)
	PRECESS_PRINTF(4, 5);
struct diag *warning_at(struct evaluator *ev, const char *id, struct span at, const char *fmt, ...)
	PRECESS_PRINTF(4, 5);
/* Source text of a span, on one line, clipped. */
const char *source_text(struct evaluator *ev, struct span at);
/* What a block plays, in people's words: "gx & adc". */
const char *expression_text(struct evaluator *ev, const struct node *n);
/* "a time", "an angle", "a gradient"; "the plain number" for E11. */
const char *describe(struct evaluator *ev, const struct value *v);
const char *describe_dim(struct evaluator *ev, struct dim d);
const char *with_article(struct evaluator *ev, const char *noun);
const char *place_text(struct evaluator *ev, struct span at); /* "14:8" */

/* ------------------------------------------------------------------ value.c */
extern const struct dim dim_none, dim_time, dim_angle, dim_frequency, dim_wave, dim_gradient,
	dim_slew, dim_moment, dim_length, dim_field;
struct value value_error(void);
struct value value_none(struct span at);
struct value value_scalar(ir_scalar s, struct dim d, struct span at);
struct value value_number(struct evaluator *ev, double v, struct dim d, struct span at);
struct value value_exact(struct evaluator *ev, int64_t num, int64_t den, struct span at);
/* The value, or E34 where it is a constant that is infinite or no number: what a missing limit of
 * `system` is, and may be compared with, but what nothing can be made of. */
struct value value_finite(struct evaluator *ev, struct value v);
struct value value_bool(bool b, struct span at);
struct value value_axis(int axis, struct span at);
struct value value_array(struct evaluator *ev, uint32_t n, bool vector, struct span at);
bool value_is_const(struct evaluator *ev, const struct value *v, double *out);
/* A whole number known at compile time, or E30/E31 naming `what`; false after an error. */
bool value_whole(struct evaluator *ev, const struct value *v, const struct node *n,
		 const char *what, int64_t *out);
bool value_truth(struct evaluator *ev, const struct value *v, const struct node *n,
		 const char *what, bool *out);
/* E30 at `n`, naming the parameter in it. */
void error_stage(struct evaluator *ev, const struct node *n, const char *what);
/* Makes `v` a value of `type`, or tells E11 with `what` as subject ("`flip`"); false after errors
 * (also when v is an ERROR already). `none` passes when `optional`. */
bool value_convert(struct evaluator *ev, struct value *v, const char *type, bool optional,
		   const char *what);
bool type_known(const char *type);

/* ------------------------------------------------------------------ scope.c */
struct entry *scope_add(struct evaluator *ev, struct scope *s, const char *name, struct span at);
struct entry *scope_find_here(struct scope *s, const char *name);
struct entry *name_find(struct evaluator *ev, const char *name);
/* Binds `name` in the innermost scope, with E18 and W04. */
void name_bind(struct evaluator *ev, const char *name, struct span at, struct value v);
/* W04 when `name` is predefined. */
bool warn_predefined(struct evaluator *ev, const char *name, struct span at);
void scope_open(struct evaluator *ev, struct scope *s);
/* Names of the closing scope become ghosts, described by `inside` at `at`. */
void scope_close(struct evaluator *ev, struct scope *s, const char *inside, struct span at);
struct value name_value(struct evaluator *ev, const struct node *n);
struct value entry_value(struct evaluator *ev, struct entry *e, struct span at);
void error_unknown(struct evaluator *ev, const char *name, struct span at);

/* ------------------------------------------------------------------ module.c */
bool module_declare(struct evaluator *ev, struct module *m);
void module_import(struct evaluator *ev, const struct node *import);
/* Every module of the standard library. */
void module_standard(struct evaluator *ev);

/* ------------------------------------------------------------------ sketch.c */
void module_check(struct evaluator *ev, struct module *m);
/* Does this diagnostic mean something while `ev->sketch` is set? */
bool sketch_tells(const char *id);

/* ------------------------------------------------------------------ expr.c, call.c, member.c */
struct value evaluate(struct evaluator *ev, const struct node *n);
struct value evaluate_call(struct evaluator *ev, const struct node *n);
struct value evaluate_member(struct evaluator *ev, const struct node *n);
struct value call_function(struct evaluator *ev, const struct function *f, struct value *argument,
			   const struct node *n);
struct function *function_of_node(struct evaluator *ev, const struct node *n, struct module *m);
struct value *call_arg(struct call *c, const char *name); /* the argument, NULL when not given */
/* Scalar of an argument, or `fallback` when not given. */
ir_scalar call_scalar(struct call *c, const char *name, ir_scalar fallback);
/* The anchor of a played block: start, center, end or a mark. */
bool played_anchor(struct evaluator *ev, const struct played *p, const char *name, ir_scalar *at);
void arguments_bind(struct evaluator *ev, const struct function *f, const struct value *argument);

/* ------------------------------------------------------------------ builtins.c and shapes */
const struct builtin *builtin_find(const char *name);
struct value builtin_value(struct evaluator *ev, const struct builtin *b, struct span at);
const char *const *builtin_names(size_t *n);
#define BUILTIN(name, formals, doc) struct value builtin_##name(struct evaluator *, struct call *);
#include "compiler/elab/builtins.def"
#undef BUILTIN
struct value value_grad(const struct grad *g, struct evaluator *ev, struct span at);
struct grad *grad_scaled(struct evaluator *ev, const struct grad *g, ir_scalar k, struct span at);
/* A scaled gradient that `let` binds is called by its new name. */
void grad_named(struct evaluator *ev, struct value *v, const struct node *n, const char *name);
/* Do they differ in strength only, so that `combine` can add them? */
bool grad_same_timing(const struct grad *a, const struct grad *b);
ir_scalar grad_duration(struct evaluator *ev, const struct grad *g); /* rise + flat + fall */
ir_scalar grad_area(struct evaluator *ev, const struct grad *g);     /* 1/m */
/* Samples of "file:/dataset" through the driver's reader; false after an error. */
bool samples_read(struct evaluator *ev, const struct value *v, double **out, size_t *n,
		  bool *is_complex);
/* When sample n/2, the centre of k-space, is taken: after the start of the first dwell. */
ir_scalar adc_center(struct evaluator *ev, const struct adc *a);
/* `v` up to / to a raster; unchanged when the raster is 0. */
double raster_up(double v, double raster);

/* ------------------------------------------------------------------ bundle.c */
/* The playable value as events that start together; false after an error. */
bool bundle_make(struct evaluator *ev, struct bundle *out, const struct value *v);
struct value bundle_join(struct evaluator *ev, const struct value *a, const struct value *b,
			 struct span at);
struct value bundle_shift(struct evaluator *ev, const struct value *a, const struct value *t,
			  struct span at);
struct layout {
	ir_scalar duration, center;
};
/* Places windows and dead times, proves E22 and E23, and gives duration and centre. */
struct layout bundle_layout(struct evaluator *ev, struct bundle *b, struct span at);

/* ------------------------------------------------------------------ timeline.c, stmt.c */
void timeline_begin(struct evaluator *ev, ir_scalar start);
/* Nothing follows: gradients are off. */
void timeline_end(struct evaluator *ev);
void timeline_reset(struct evaluator *ev, struct span at);
void timeline_delay(struct evaluator *ev, ir_scalar duration, struct span at, const char *text);
/* Inserts the delay after which `start` (exact) is now; its proof is owed. */
void timeline_wait(struct evaluator *ev, ir_scalar start, struct span at, const char *text,
		   ir_scalar anchor, ir_scalar offset);
void timeline_play(struct evaluator *ev, const struct bundle *b, const struct layout *y,
		   struct span at, const char *text);
void timeline_part(struct evaluator *ev, const char *text, ir_scalar duration, struct span at);
void timeline_flush(struct evaluator *ev); /* staged blocks into the IR */
void execute(struct evaluator *ev, const struct node *n);
void execute_body(struct evaluator *ev, const struct node *body);
void execute_play(struct evaluator *ev, const struct node *n);
/* Runs a block's body from now on. */
struct played play_block(struct evaluator *ev, const struct block_call *c);
void execute_require(struct evaluator *ev, const struct node *n);
void mark_add(struct evaluator *ev, const char *name, const char *doc, struct value v);

/* ------------------------------------------------------------------ oblige.c */
/* Owes the proof of o->e >= 0; what is proved at once is forgotten. */
void oblige(struct evaluator *ev, const struct obligation *o);
void oblige_time(struct evaluator *ev, ir_scalar nonnegative, struct span at, const char *fmt, ...)
	PRECESS_PRINTF(4, 5);
void obligations_report(struct evaluator *ev);
bool proved_nonnegative(struct evaluator *ev, ir_scalar e, double slack);
/* "ESP = 0.375ms, TE = 40ms": the parameters in `e` at a parameter vector. */
const char *point_text(struct evaluator *ev, ir_scalar e, const double *param);
void scalar_params(struct evaluator *ev, ir_scalar e, bool *uses);
double scalar_default(struct evaluator *ev, ir_scalar e); /* at the parameters' defaults */
double scalar_worst(struct evaluator *ev, ir_scalar e);   /* largest magnitude over the domain */
/* Amplitude and slew limits of a gradient that is played. */
void oblige_limits(struct evaluator *ev, const struct grad *g, struct span at, bool rise_joined,
		   bool fall_joined);

/* ------------------------------------------------------------------ declare.c, system.c, set.c */
void declare_globals(struct evaluator *ev);
void declare_param(struct evaluator *ev, const struct node *n);
void declare_map(struct evaluator *ev, const struct node *n);
void declare_geometry(struct evaluator *ev, const struct node *n);
void declare_system(struct evaluator *ev, const struct node *n);
void system_default(struct evaluator *ev);
struct value system_member(struct evaluator *ev, const char *name, struct span at);
/* The expression that `--set` gives for `name`, or NULL. */
const struct node *setting_of(struct evaluator *ev, const char *name);
void settings_check(struct evaluator *ev);

/* ------------------------------------------------------------------ index.c */
/* Notes what a name is worth, or how long something takes, when an editor asked for it. */
void index_value(struct evaluator *ev, struct span at, const struct value *v);
void index_time(struct evaluator *ev, enum elab_fact_kind kind, struct span at, ir_scalar t);

/* ------------------------------------------------------------------ check.c */
void check_coverage(struct evaluator *ev);
void check_step(struct evaluator *ev); /* W08 */
void check_unused(struct evaluator *ev);

#endif
