/* What the files of compiler/ir share and nobody else sees: the tables beside the arrays of an IR,
 * linear forms, and the search for the smallest value over the domain. */
#ifndef COMPILER_IR_TABLES_H
#define COMPILER_IR_TABLES_H

#include "compiler/ir/ir.h"

/* ------------------------------------------------------------------ tables */
struct ir_known_range;
struct ir_known_verdict;
struct ir_tape;

struct ir_tables {
	/* capacities of the arrays in struct ir */
	uint32_t param, map, expr, shape, block, event, mark, require;

	/* open addressing: slot[hash & (n_slot - 1)] is a scalar + 1, or 0 */
	uint32_t *slot, n_slot;
	uint32_t *shape_slot, n_shape_slot;
	uint32_t *hash; /* of each scalar; capacity as expr */

	/* scratch of constructors */
	ir_scalar *term;
	double *coef;
	uint32_t n_scratch;

	/* tape.c: position + 1 of each scalar on the tape being built, else 0; capacity n_place */
	uint32_t *place, n_place;
	struct ir_tape *tape; /* of the general scalar that ir_eval was last asked for */
	ir_scalar tape_of;

	/* answers already found: valid for one set of parameters and requires */
	struct ir_known_range *range;
	struct ir_known_verdict **verdict;
	uint32_t n_range, n_verdict;
	bool *reach; /* search.c: [require][param], which parameters each require depends on */
	uint32_t remedies; /* given so far */
};

/* Capacity doubles, so that n additions cost O(n). */
void *ir_grow(void *array, uint32_t need, uint32_t *capacity, size_t size);
void *ir_allocate(size_t n, size_t size); /* zeroed malloc that cannot fail */
/* The scalar of this very node, which must be canonical; term and coef are copied when it is new. */
ir_scalar ir_intern(struct ir *ir, const struct ir_expr *e);
/* Forgets cached tapes, ranges and verdicts. */
void ir_forget(struct ir *ir);
void ir_rehash(struct ir *ir);
/* value + sum coef term for terms that ascend and are not sums. */
ir_scalar ir_sum(struct ir *ir, double value, uint32_t n, const ir_scalar *term,
		 const double *coef);
/* (e - its constant) over its leading coefficient, which *k is multiplied by. */
ir_scalar ir_normal(struct ir *ir, ir_scalar e, double *k);
ir_scalar ir_power(struct ir *ir, ir_scalar a, ir_scalar b);
/* Rounding noise of a result whose largest operand was `scale`: see scalar.c. */
double ir_settle(double x, double scale);

/* ------------------------------------------------------------------ linear forms */
/* value + sum coef * term, terms ascending: what a SUM is, without being one of the IR. */
struct ir_form {
	double value;
	uint32_t n;
	const ir_scalar *term;
	const double *coef;
};
/* Borrowed from the IR, or from *e when it is its own only term. */
struct ir_form ir_form_of(const struct ir *ir, const ir_scalar *e);
/* a + k b, in one allocation: free((void *)term). */
struct ir_form ir_form_merge(struct ir_form a, double k, struct ir_form b);

/* ------------------------------------------------------------------ tapes */
struct ir_interval {
	double lo, hi;
};

/* The scalars that some forms need, operands first, with the parameters renumbered 0 .. n_var - 1.
 * Operands are positions on the tape, so that a sweep touches nothing else. */
struct ir_tape {
	const struct ir *ir;
	uint32_t n;
	ir_scalar *node;
	uint32_t *first;  /* of each node: operands are arg[first] ..; a PARAM's is its variable */
	uint32_t *arg;
	uint32_t n_var, *var; /* parameter of each variable */
	double *point; /* room for n_var numbers */
	double *value;
	struct ir_interval *range, *slope;
};
struct ir_tape *ir_tape_create(const struct ir *ir, const struct ir_form *form, size_t n);
void ir_tape_free(struct ir_tape *t);
/* Position of a scalar that is on it. */
uint32_t ir_tape_place(const struct ir_tape *t, ir_scalar e);
/* Fills value[] for a point of n_var numbers. */
void ir_tape_eval(struct ir_tape *t, const double *x);
/* Fills range[] for a box. False when an operator may be undefined somewhere in it. */
bool ir_tape_bound(struct ir_tape *t, const struct ir_interval *box);
/* After ir_tape_bound: adds up slope[] backwards from the slopes set at some positions. An interval
 * that encloses every difference quotient, so steps (ROUND) have one too: [0, inf]. */
void ir_tape_slope(struct ir_tape *t);

struct ir_interval ir_interval_apply(enum ir_op op, struct ir_interval a, struct ir_interval b,
				     bool same, bool *partial);
void ir_interval_slope(struct ir_interval *da, struct ir_interval *db, enum ir_op op,
		       struct ir_interval a, struct ir_interval b, struct ir_interval r);
struct ir_interval ir_interval_mul(struct ir_interval a, struct ir_interval b);
struct ir_interval ir_interval_add(struct ir_interval a, struct ir_interval b);

/* ------------------------------------------------------------------ search */
/* The smallest value of a form over the domain: branch and bound. */
struct ir_search;
/* The form is borrowed until ir_search_free. */
struct ir_search *ir_search_create(const struct ir *ir, struct ir_form objective);
void ir_search_free(struct ir_search *s);
/* The parameters it ranges over; `own` where the objective depends on it, not just a require. */
struct ir_variable {
	uint32_t param;
	bool own;
	struct ir_interval range;
};
/* Changing a range narrows the following runs. */
struct ir_variable *ir_search_variables(struct ir_search *s, uint32_t *n);
struct ir_minimum {
	double bound;     /* nothing in the domain is smaller; INFINITY for an empty domain */
	double best;      /* smallest value found (-INFINITY: undefined there); INFINITY: none */
	const double *at; /* there: of each variable; the search's own */
	uint32_t boxes;   /* looked at */
};
/* Ends when the bound reaches target, when a value below target was found and `refine` more boxes
 * were looked at, when bound and best agree, or after `boxes` boxes. */
struct ir_minimum ir_search_run(struct ir_search *s, double target, uint32_t boxes,
				uint32_t refine);
/* Whether requires cut the domain of the parameters that the form depends on. */
bool ir_form_is_cut(const struct ir *ir, struct ir_form f);
/* A lower bound from the range of each term on its own and Lagrange multipliers for the requires;
 * exact for an affine form that no require cuts. Ends early at `enough`. */
double ir_quick_bound(const struct ir *ir, struct ir_form f, double enough);

#define IR_SEARCH_BOXES 4096 /* the most work for one question: about a millisecond */

#endif
