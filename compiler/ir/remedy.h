/* The remedy for an obligation that does not hold: which part of one parameter's range works. */
#ifndef COMPILER_IR_REMEDY_H
#define COMPILER_IR_REMEDY_H

#include "compiler/ir/tables.h"

/* Sets param, lo, hi of the verdict; param -1 when narrowing no single parameter helps. */
void ir_remedy_affine(struct ir_verdict *v, const struct ir *ir, struct ir_form f, double slack);
void ir_remedy_search(struct ir_verdict *v, const struct ir *ir, struct ir_search *s, double slack);

#endif
