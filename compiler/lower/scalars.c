/* Scalars of the IR become operations of the parameter program. A scalar that is never asked for
 * costs nothing; one that is gets exactly one slot, and equal operations are one operation. */
#include "compiler/lower/lowering.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ operations, hash-consed */
static uint32_t hash_op(const struct program_op *o)
{
	uint64_t bits, h;

	memcpy(&bits, &o->value, sizeof bits);
	h = (bits ^ ((uint64_t)o->a << 32 | o->b)) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 31 ^ (uint64_t)o->op) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)(h >> 32);
}

static bool same_op(const struct program_op *x, const struct program_op *y)
{
	return x->op == y->op && x->a == y->a && x->b == y->b &&
	       memcmp(&x->value, &y->value, sizeof x->value) == 0;
}

/* At most half full. */
static void widen(struct lowering *w)
{
	uint32_t n = w->n_op_table ? 2 * w->n_op_table : 256;

	if (w->n_op_table / 2 > w->p->n_op)
		return;
	free(w->op_table);
	w->op_table = lower_zeros(n, sizeof *w->op_table);
	w->n_op_table = n;
	for (uint32_t i = 0; i < w->p->n_op; i++) {
		uint32_t k = hash_op(&w->p->op[i]) & (n - 1);

		while (w->op_table[k])
			k = (k + 1) & (n - 1);
		w->op_table[k] = i + 1;
	}
}

static program_slot emit(struct lowering *w, enum program_opcode op, program_slot a, program_slot b,
			 double value)
{
	struct program_op o = { op, a, b, value == 0 ? 0 : value };
	uint32_t k, mask;

	widen(w);
	mask = w->n_op_table - 1;
	for (k = hash_op(&o) & mask; w->op_table[k]; k = (k + 1) & mask) {
		if (same_op(&w->p->op[w->op_table[k] - 1], &o))
			return w->op_table[k] - 1;
	}
	*APPEND(w->p->op, w->p->n_op) = o;
	w->op_table[k] = w->p->n_op;
	return w->p->n_op - 1;
}

/* ------------------------------------------------------------------ scalars */
static enum program_opcode opcode_of(enum ir_op op)
{
	static const enum program_opcode table[IR_OPS] = {
		[IR_MUL] = PROGRAM_MUL,	    [IR_DIV] = PROGRAM_DIV,	[IR_POW] = PROGRAM_POW,
		[IR_MOD] = PROGRAM_MOD,	    [IR_MIN] = PROGRAM_MIN,	[IR_MAX] = PROGRAM_MAX,
		[IR_ROUND] = PROGRAM_ROUND, [IR_CEIL] = PROGRAM_CEIL,	[IR_FLOOR] = PROGRAM_FLOOR,
		[IR_ATAN2] = PROGRAM_ATAN2, [IR_ABS] = PROGRAM_ABS,	[IR_SQRT] = PROGRAM_SQRT,
		[IR_SIN] = PROGRAM_SIN,	    [IR_COS] = PROGRAM_COS,	[IR_TAN] = PROGRAM_TAN,
		[IR_ASIN] = PROGRAM_ASIN,   [IR_ACOS] = PROGRAM_ACOS,	[IR_ATAN] = PROGRAM_ATAN,
		[IR_EXP] = PROGRAM_EXP,	    [IR_LOG] = PROGRAM_LOG,
	};

	assert(op >= IR_MUL && op < IR_OPS);
	return table[op];
}

static program_slot emit_sum(struct lowering *w, const struct ir_expr *e)
{
	program_slot s = PROGRAM_NO_SLOT;

	for (uint32_t i = 0; i < e->n; i++)
		s = emit(w, PROGRAM_SCALE_ADD, lower_scalar(w, e->term[i]), s, e->coef[i]);
	return e->value == 0 ? s : emit(w, PROGRAM_ADD_CONST, s, PROGRAM_NO_SLOT, e->value);
}

static program_slot emit_scalar(struct lowering *w, ir_scalar scalar)
{
	struct ir_expr e = w->ir->expr[scalar];
	program_slot a;

	switch (e.op) {
	case IR_CONST:
		return emit(w, PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, e.value);
	case IR_PARAM:
		return emit(w, PROGRAM_PARAM, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, e.param);
	case IR_SUM:
		return emit_sum(w, &e);
	default:
		a = lower_scalar(w, e.a);
		return emit(w, opcode_of(e.op), a,
			    e.op < IR_ABS ? lower_scalar(w, e.b) : PROGRAM_NO_SLOT, 0);
	}
}

program_slot lower_scalar(struct lowering *w, ir_scalar e)
{
	program_slot s;

	while (w->n_slot <= e)
		*APPEND(w->slot, w->n_slot) = PROGRAM_NO_SLOT;
	if (w->slot[e] != PROGRAM_NO_SLOT)
		return w->slot[e];
	s = emit_scalar(w, e);
	while (w->n_slot <= e)
		*APPEND(w->slot, w->n_slot) = PROGRAM_NO_SLOT;
	return w->slot[e] = s;
}
