/* merge: adjacent delays become one block, and delays that are 0 for every parameter value go, so
 * that what the later stages see does not depend on how the waiting was written. A delay that
 * begins at a marked instant stays apart: the mark names that border. */
#include "compiler/passes/passes.h"

#include <stdlib.h>

static bool waits(const struct ir_block *b)
{
	return b->kind == IR_DELAY || b->kind == IR_SOLVED;
}

/* marked[e]: some mark's value is the scalar e. */
static bool *find_marked(const struct ir *ir)
{
	bool *marked = calloc(ir->n_expr, sizeof *marked);
	uint32_t i;

	for (i = 0; marked && i < ir->n_mark; i++)
		marked[ir->mark[i].value] = true;
	return marked;
}

/* The solved delay comes last and its residual is that of the anchor behind it. */
static void join(struct ir *ir, struct ir_block *into, const struct ir_block *b)
{
	into->duration = ir_add(ir, into->duration, b->duration);
	if (into->kind == IR_DELAY || b->kind == IR_DELAY)
		into->kind = IR_DELAY;
	into->residual = b->residual;
}

void pass_merge(struct ir *ir)
{
	bool *marked = find_marked(ir);
	struct ir_block *b, *last = NULL;
	uint32_t i, n = 0, n_expr = ir->n_expr;

	if (!marked)
		return;
	for (i = 0; i < ir->n_block; i++) {
		b = &ir->block[i];
		if (waits(b) && b->duration == 0)
			continue;
		/* sums made here (index n_expr and up) carry no marks: starts are never new */
		if (last && waits(last) && waits(b) && b->start < n_expr && !marked[b->start]) {
			join(ir, last, b);
			continue;
		}
		last = &ir->block[n++];
		*last = *b;
	}
	ir->n_block = n;
	free(marked);
}
