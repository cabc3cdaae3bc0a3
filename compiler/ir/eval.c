/* What the operators mean, and the value of a scalar at one point. */
#include "compiler/ir/tables.h"

#include <assert.h>
#include <math.h>

/* A value this share of a step beside a multiple is that multiple: 2.56ms / 10us is 256 whatever
 * the doubles say. */
#define STEP_NOISE 1e-9

double ir_apply(enum ir_op op, double a, double b)
{
	switch (op) {
	case IR_MUL:
		return a * b;
	case IR_DIV:
		return a / b;
	case IR_POW:
		return pow(a, b);
	case IR_MOD:
		return a - b * floor(a / b);
	case IR_MIN:
		return a < b ? a : b;
	case IR_MAX:
		return a > b ? a : b;
	case IR_ROUND:
		return b == 0 ? a : b * round(a / b);
	case IR_CEIL:
		return b == 0 ? a : b * ceil(a / b - STEP_NOISE);
	case IR_FLOOR:
		return b == 0 ? a : b * floor(a / b + STEP_NOISE);
	case IR_ATAN2:
		return atan2(a, b);
	case IR_ABS:
		return fabs(a);
	case IR_SQRT:
		return sqrt(a);
	case IR_SIN:
		return sin(a);
	case IR_COS:
		return cos(a);
	case IR_TAN:
		return tan(a);
	case IR_ASIN:
		return asin(a);
	case IR_ACOS:
		return acos(a);
	case IR_ATAN:
		return atan(a);
	case IR_EXP:
		return exp(a);
	case IR_LOG:
		return log(a);
	case IR_CONST:
	case IR_PARAM:
	case IR_SUM:
	case IR_OPS:
		break;
	}
	assert(!"an operator without operands has no value of its own");
	return NAN;
}

double ir_eval(const struct ir *ir, ir_scalar e, const double *param)
{
	struct ir_tables *t = ir->tables;
	struct ir_form f = ir_form_of(ir, &e);
	double v = f.value;
	uint32_t i;

	if (ir_classify(ir, e) != IR_CLASS_GENERAL) {
		for (i = 0; i < f.n; i++)
			v += f.coef[i] * param[ir->expr[f.term[i]].param];
		return v;
	}
	if (!t->tape || t->tape_of != e) {
		ir_tape_free(t->tape);
		t->tape = ir_tape_create(ir, &f, 1);
		t->tape_of = e;
	}
	for (i = 0; i < t->tape->n_var; i++)
		t->tape->point[i] = param[t->tape->var[i]];
	ir_tape_eval(t->tape, t->tape->point);
	for (i = 0; i < f.n; i++)
		v += f.coef[i] * t->tape->value[ir_tape_place(t->tape, f.term[i])];
	return v;
}
