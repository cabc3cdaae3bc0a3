/* The parameter program: straight-line code over doubles. The same operators as the compiler's
 * scalars have, computed the same way, so that what was proved there holds here. */
#include "runtime/program/program.h"

#include <math.h>

/* A quotient this close to a whole number is that number: rasters meet decimal fractions. */
static const double whole = 1e-9;

static double multiple_up(double a, double b)
{
	return b == 0 ? a : ceil(a / b - whole) * b;
}

static double multiple_down(double a, double b)
{
	return b == 0 ? a : floor(a / b + whole) * b;
}

static double evaluate(const struct program_op *op, const double *v, const double *param)
{
	double a = op->a != PROGRAM_NO_SLOT ? v[op->a] : 0;
	double b = op->b != PROGRAM_NO_SLOT ? v[op->b] : 0;

	switch (op->op) {
	case PROGRAM_CONST:     return op->value;
	case PROGRAM_PARAM:     return param[(uint32_t)op->value];
	case PROGRAM_SCALE_ADD: return op->value * a + b;
	case PROGRAM_ADD_CONST: return a + op->value;
	case PROGRAM_MUL:       return a * b;
	case PROGRAM_DIV:       return a / b;
	case PROGRAM_POW:       return pow(a, b);
	case PROGRAM_MOD:       return a - b * floor(a / b);
	case PROGRAM_MIN:       return fmin(a, b);
	case PROGRAM_MAX:       return fmax(a, b);
	case PROGRAM_ROUND:     return b == 0 ? a : round(a / b) * b;
	case PROGRAM_CEIL:      return multiple_up(a, b);
	case PROGRAM_FLOOR:     return multiple_down(a, b);
	case PROGRAM_ATAN2:     return atan2(a, b);
	case PROGRAM_ABS:       return fabs(a);
	case PROGRAM_SQRT:      return sqrt(a);
	case PROGRAM_SIN:       return sin(a);
	case PROGRAM_COS:       return cos(a);
	case PROGRAM_TAN:       return tan(a);
	case PROGRAM_ASIN:      return asin(a);
	case PROGRAM_ACOS:      return acos(a);
	case PROGRAM_ATAN:      return atan(a);
	case PROGRAM_EXP:       return exp(a);
	case PROGRAM_LOG:       return log(a);
	case PROGRAM_OPCODES:   break;
	}
	return NAN;
}

void program_evaluate(double *value, const struct program *p, const double *param)
{
	for (uint32_t i = 0; i < p->n_op; i++)
		value[i] = evaluate(&p->op[i], value, param);
}
