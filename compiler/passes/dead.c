/* dead: drops scalars and shapes that nothing uses. Proofs and anchors leave many behind. */
#include "compiler/passes/passes.h"

#include <stdlib.h>

static void mark(ir_scalar *use, void *context)
{
	bool *keep = context;

	keep[*use] = true;
}

/* Operands stand before their users, so one sweep downwards reaches everything. */
static void dead_scalars(struct ir *ir)
{
	bool *keep = calloc(ir->n_expr, sizeof *keep);
	const struct ir_expr *x;
	uint32_t i, j;

	if (!keep)
		return; /* nothing is lost by keeping all */
	ir_visit(ir, mark, keep);
	for (i = ir->n_expr; i-- > 0;) {
		x = &ir->expr[i];
		if (!keep[i])
			continue;
		keep[x->a] = keep[x->b] = true; /* 0 where an operator has none: always kept */
		for (j = 0; j < x->n; j++)
			keep[x->term[j]] = true;
	}
	ir_compact_scalars(ir, keep);
	free(keep);
}

static void dead_shapes(struct ir *ir)
{
	bool *keep = calloc(ir->n_shape + 1, sizeof *keep);
	uint32_t i;

	if (!keep)
		return;
	for (i = 0; i < ir->n_event; i++)
		if (ir->event[i].shape < ir->n_shape)
			keep[ir->event[i].shape] = true;
	ir_compact_shapes(ir, keep);
	free(keep);
}

void pass_dead(struct ir *ir)
{
	dead_scalars(ir);
	dead_shapes(ir);
}
