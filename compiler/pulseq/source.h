/* What the files that write an IR as source share: blocks re-rolled into loops, and numbers as
 * functions of the loops' counters. */
#ifndef COMPILER_PULSEQ_SOURCE_H
#define COMPILER_PULSEQ_SOURCE_H

#include "compiler/pulseq/pulseq.h"

/* A block, or a loop over blocks and loops. All repetitions of a loop have the same structure, so
 * that repetition r of a loop at depth d begins r * stride blocks after the first. */
struct reroll_node {
	uint64_t key;      /* equal structures have equal keys */
	uint32_t block;    /* the first one */
	uint32_t count;    /* repetitions; 0: a single block */
	uint32_t stride;   /* blocks of one repetition */
	uint32_t first, n; /* children: entries of `child` */
};
struct reroll {
	struct reroll_node *node;
	size_t n_node, cap_node;
	uint32_t *child;
	size_t n_child, cap_child;
	uint32_t *top; /* the whole: n_top nodes */
	uint32_t n_top;
};
/* `loops` false: every block on its own. `relaxed`: the times of trapezoids may change from
 * repetition to repetition, too. */
precess_status reroll_make(struct reroll *out, const struct ir *ir, bool loops, bool relaxed);
/* How many blocks are left to write. */
uint32_t reroll_leaves(const struct reroll *r);
void reroll_free(struct reroll *r);

/* The loops around a block, outermost first. */
#define REROLL_DEPTH 8
struct loops {
	int n;
	uint32_t count[REROLL_DEPTH], stride[REROLL_DEPTH];
	const char *name[REROLL_DEPTH]; /* of the counters */
};
uint32_t loops_size(const struct loops *l);
/* Of iteration `i`, counted in order of time: blocks after the first. */
uint32_t loops_offset(const struct loops *l, uint32_t i);
extern const char *const loop_name[REROLL_DEPTH];

/* formula.c: numbers v[0 .. loops_size(l)) as an expression of the loops' counters. */
enum formula_kind { FORMULA_NUMBER, FORMULA_ANGLE, FORMULA_INTEGER };
struct tables {
	struct text text; /* `let t1 = [...]deg` */
	uint32_t n;
	const char **name, **body;
	size_t cap_name, cap_body, n_body;
	struct arena *arena;
};
/* `unit` is written behind each number, which counts in `scale` SI units. A number lies on a
 * formula when it is off by no more than `slack` (SI). */
precess_status formula_write(struct text *out, struct tables *t, const double *v,
			     const struct loops *l, enum formula_kind kind, double scale,
			     const char *unit, double slack);
/* The shortest decimal to 1e-11. */
void formula_number(struct text *out, double v);

/* The source as it grows. */
struct source_writer {
	const struct ir *ir;
	const struct pulseq_source_options *o;
	double *param;
	struct reroll roll;
	struct arena *arena;
	struct loops loops;
	struct text body;
	struct tables tables;
	struct source_name {
		const char *name, *body;
	} *name; /* of what is written once */
	size_t n_name, cap_name;
	const char **shape; /* of the IR: its name, or NULL */
	struct pulseq_samples *samples;
	size_t n_samples, cap_samples;
	double *v;         /* room for one number of every block */
	double grad_slack; /* T/m */
};
/* At the parameters of the IR. */
double source_value(const struct source_writer *w, ir_scalar e);
/* "10us", "1.5ms". */
void source_time(struct text *t, double seconds);
/* Event number `event` of a block through all repetitions of its loops: by its name when it stays the
 * same, else as a call whose arguments are formulas or tables; then where it starts. */
precess_status source_event(struct text *t, struct source_writer *w, uint32_t block, uint32_t event);

#endif
