/* Expressions: operators with dimensions, exact whole-number arithmetic where it is possible. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* ------------------------------------------------------------------ exact rationals */
/* The exact result of an operator on two exact numbers; false when there is none in 64 bits. */
static bool exact_arithmetic(enum node_kind op, const struct value *a, const struct value *b,
			     int64_t *num, int64_t *den)
{
	int64_t x, y, z;

	if (a->den <= 0 || b->den <= 0)
		return false;
	switch (op) {
	case NODE_ADD:
	case NODE_SUB:
		if (__builtin_mul_overflow(a->num, b->den, &x) ||
		    __builtin_mul_overflow(b->num, a->den, &y) ||
		    __builtin_mul_overflow(a->den, b->den, den))
			return false;
		return op == NODE_ADD ? !__builtin_add_overflow(x, y, num)
				      : !__builtin_sub_overflow(x, y, num);
	case NODE_MUL:
		return !__builtin_mul_overflow(a->num, b->num, num) &&
		       !__builtin_mul_overflow(a->den, b->den, den);
	case NODE_DIV:
		if (b->num == 0 || __builtin_mul_overflow(a->num, b->den, num) ||
		    __builtin_mul_overflow(a->den, b->num, den) || *den == INT64_MIN ||
		    *num == INT64_MIN)
			return false;
		if (*den < 0) {
			*num = -*num;
			*den = -*den;
		}
		return true;
	case NODE_MOD:
		if (a->den != 1 || b->den != 1 || b->num == 0 || b->num == -1)
			return false;
		z = a->num % b->num;
		*num = z != 0 && (z < 0) != (b->num < 0) ? z + b->num : z;
		*den = 1;
		return true;
	case NODE_POW:
		if (b->den != 1 || b->num < 0 || b->num > 1000000)
			return false;
		*num = *den = 1;
		if (a->den == 1 && (a->num == 1 || a->num == -1)) {
			*num = a->num == -1 && b->num % 2 ? -1 : 1;
			return true;
		}
		for (int64_t i = 0; i < b->num; i++)
			if (__builtin_mul_overflow(*num, a->num, num) ||
			    __builtin_mul_overflow(*den, a->den, den))
				return false;
		return true;
	default:
		return false;
	}
}

/* ------------------------------------------------------------------ arithmetic */
static struct value error_operands(struct evaluator *ev, const struct value *a,
				   const struct value *b, const char *fmt_verb, bool swap,
				   const char *join, const char *op)
{
	const struct value *first = swap ? b : a, *second = swap ? a : b;
	struct diag *d;

	d = error_at(ev, "E10", b->span, "cannot %s `%s` (%s) %s `%s` (%s)", fmt_verb,
		     source_text(ev, first->span), describe(ev, first), join,
		     source_text(ev, second->span), describe(ev, second));
	diag_label(ev->l, d, "%s", describe(ev, b));
	diag_note(ev->l, d, a->span, "`%s` is %s", source_text(ev, a->span), describe(ev, a));
	if (a->kind == VALUE_NUMBER && b->kind == VALUE_NUMBER)
		diag_help(ev->l, d, "both sides of `%s` need the same dimension", op);
	return value_error();
}

static struct dim dim_combine(struct dim a, struct dim b, int sign)
{
	return (struct dim){ (int8_t)(a.s + sign * b.s), (int8_t)(a.m + sign * b.m),
			     (int8_t)(a.T + sign * b.T), (int8_t)(a.rad + sign * b.rad) };
}

/* Gradients scale; everything else that is no number cannot be calculated with. */
static struct value scale_grad(struct evaluator *ev, const struct value *g, const struct value *k,
			       ir_scalar factor, struct span at)
{
	if (k->kind != VALUE_NUMBER || !dim_equal(k->dim, dim_none)) {
		struct diag *d = error_at(ev, "E10", k->span,
					  "a gradient is scaled by a plain number, `%s` is %s",
					  source_text(ev, k->span), describe(ev, k));

		diag_label(ev->l, d, "%s", describe(ev, k));
		return value_error();
	}
	return value_grad(grad_scaled(ev, g->grad, factor, at), ev, at);
}

static struct value elementwise(struct evaluator *ev, enum node_kind op, const struct value *a,
				const struct value *b, struct span at);

static const char *op_text(enum node_kind op)
{
	return op == NODE_ADD   ? "+"
	       : op == NODE_SUB ? "-"
	       : op == NODE_MUL ? "*"
	       : op == NODE_DIV ? "/"
	       : op == NODE_MOD ? "%"
				: "^";
}

static struct value power(struct evaluator *ev, const struct value *a, const struct value *b,
			  struct span at)
{
	struct dim d = a->dim;
	double e;

	if (!dim_equal(b->dim, dim_none)) {
		error_at(ev, "E10", b->span, "an exponent is a plain number, `%s` is %s",
			 source_text(ev, b->span), describe(ev, b));
		return value_error();
	}
	if (dim_equal(d, dim_none))
		return value_scalar(ir_binary(ev->ir, IR_POW, a->scalar, b->scalar), d, at);
	if (!ir_is_const(ev->ir, b->scalar, &e) || fabs(e * 2 - round(e * 2)) > 1e-12 ||
	    fabs(e) > 8 || fmod(d.s * e, 1) || fmod(d.m * e, 1) || fmod(d.T * e, 1) ||
	    fmod(d.rad * e, 1)) {
		error_at(ev, "E10", at, "%s cannot be raised to the power %s", describe(ev, a),
			 source_text(ev, b->span));
		return value_error();
	}
	d = (struct dim){ (int8_t)(d.s * e), (int8_t)(d.m * e), (int8_t)(d.T * e),
			  (int8_t)(d.rad * e) };
	return value_scalar(ir_binary(ev->ir, IR_POW, a->scalar, b->scalar), d, at);
}

static struct value calculate(struct evaluator *ev, enum node_kind op, const struct value *a,
			      const struct value *b, struct span at)
{
	struct ir *ir = ev->ir;
	int64_t num, den;
	double c;

	if (a->kind == VALUE_ERROR || b->kind == VALUE_ERROR)
		return value_error();
	if (a->kind == VALUE_ARRAY || b->kind == VALUE_ARRAY)
		return elementwise(ev, op, a, b, at);
	if (op == NODE_MUL && b->kind == VALUE_GRAD)
		return scale_grad(ev, b, a, a->scalar, at);
	if ((op == NODE_MUL || op == NODE_DIV) && a->kind == VALUE_GRAD)
		return scale_grad(ev, a, b,
				  op == NODE_MUL || b->kind != VALUE_NUMBER
					  ? b->scalar
					  : ir_div(ir, ir_const(ir, 1), b->scalar),
				  at);
	if (a->kind == VALUE_GRAD && b->kind == VALUE_GRAD && op == NODE_ADD) {
		struct diag *d = error_at(ev, "E10", at, "gradients are not added with `+`");

		diag_help(ev->l, d,
			  "`a & b` plays them together, `combine(a, b)` sums two of one axis");
		return value_error();
	}
	if (a->kind != VALUE_NUMBER || b->kind != VALUE_NUMBER) {
		const struct value *bad = a->kind != VALUE_NUMBER ? a : b;

		error_at(ev, "E10", bad->span, "`%s` wants numbers, `%s` is %s", op_text(op),
			 source_text(ev, bad->span), describe(ev, bad));
		return value_error();
	}
	if (exact_arithmetic(op, a, b, &num, &den))
		return value_exact(ev, num, den, at);
	switch (op) {
	case NODE_ADD:
	case NODE_SUB:
	case NODE_MOD:
		if (!dim_equal(a->dim, b->dim))
			return op == NODE_ADD ? error_operands(ev, a, b, "add", true, "to", "+")
			       : op == NODE_SUB
				       ? error_operands(ev, a, b, "subtract", true, "from", "-")
				       : error_operands(ev, a, b, "divide", false, "by", "%");
		return value_scalar(op == NODE_ADD   ? ir_add(ir, a->scalar, b->scalar)
				    : op == NODE_SUB ? ir_sub(ir, a->scalar, b->scalar)
						     : ir_binary(ir, IR_MOD, a->scalar, b->scalar),
				    a->dim, at);
	case NODE_MUL:
		return value_scalar(ir_mul(ir, a->scalar, b->scalar),
				    dim_combine(a->dim, b->dim, 1), at);
	case NODE_DIV:
		if (ir_is_const(ir, b->scalar, &c) && c == 0) {
			error_at(ev, "E33", b->span, "division by zero");
			return value_error();
		}
		return value_scalar(ir_div(ir, a->scalar, b->scalar),
				    dim_combine(a->dim, b->dim, -1), at);
	default:
		return power(ev, a, b, at);
	}
}

static struct value arithmetic(struct evaluator *ev, enum node_kind op, const struct value *a,
			       const struct value *b, struct span at)
{
	return value_finite(ev, calculate(ev, op, a, b, at));
}

/* Arrays of equal length, or an array and a number. */
static struct value elementwise(struct evaluator *ev, enum node_kind op, const struct value *a,
				const struct value *b, struct span at)
{
	bool both = a->kind == VALUE_ARRAY && b->kind == VALUE_ARRAY;
	const struct array *shape = a->kind == VALUE_ARRAY ? a->array : b->array;
	struct value v;

	if (both && a->array->n != b->array->n) {
		error_at(ev, "E10", at, "arrays of %u and %u elements cannot be combined",
			 a->array->n, b->array->n);
		return value_error();
	}
	v = value_array(ev, shape->n, shape->vector, at);
	for (uint32_t i = 0; i < shape->n; i++) {
		v.array->item[i] = arithmetic(ev, op,
					      a->kind == VALUE_ARRAY ? &a->array->item[i] : a,
					      b->kind == VALUE_ARRAY ? &b->array->item[i] : b, at);
		if (v.array->item[i].kind == VALUE_ERROR)
			return value_error();
	}
	return v;
}

static struct value negate(struct evaluator *ev, const struct value *a, struct span at)
{
	struct value minus;

	if (a->kind == VALUE_BUNDLE) {
		error_at(ev, "E10", at, "only a gradient can be negated, this is %s",
			 describe(ev, a));
		return value_error();
	}
	minus = value_exact(ev, -1, 1, at);
	return arithmetic(ev, NODE_MUL, &minus, a, at);
}

/* ------------------------------------------------------------------ truth */
static struct value symbolic(struct evaluator *ev, bool usable, struct span at)
{
	struct value v = value_bool(false, at);

	v.condition = arena_alloc(ev->arena, sizeof *v.condition);
	v.condition->usable = usable;
	return v;
}

/* The conditions of both: what `and` means. */
static struct value conjunction(struct evaluator *ev, const struct value *a, const struct value *b,
				struct span at)
{
	const struct condition *x = a->condition, *y = b->condition;
	struct value v;

	if (!x && !a->boolean)
		return value_bool(false, at);
	if (!y && !b->boolean)
		return value_bool(false, at);
	if (!x && !y)
		return value_bool(true, at);
	v = symbolic(ev, (!x || x->usable) && (!y || y->usable), at);
	v.condition->n = (x ? x->n : 0) + (y ? y->n : 0);
	v.condition->nonnegative = arena_alloc(ev->arena,
					       (size_t)v.condition->n * sizeof(ir_scalar) + 1);
	if (x)
		memcpy(v.condition->nonnegative, x->nonnegative, (size_t)x->n * sizeof(ir_scalar));
	if (y)
		memcpy(v.condition->nonnegative + (x ? x->n : 0), y->nonnegative,
		       (size_t)y->n * sizeof(ir_scalar));
	return v;
}

static bool equal_kind(const struct value *a, const struct value *b, bool *equal)
{
	if (a->kind == VALUE_NONE || b->kind == VALUE_NONE) {
		*equal = a->kind == b->kind;
		return true;
	}
	if (a->kind != b->kind)
		return false;
	if (a->kind == VALUE_AXIS)
		*equal = a->axis == b->axis;
	else if (a->kind == VALUE_TEXT)
		*equal = !strcmp(a->text, b->text);
	else if (a->kind == VALUE_BOOL && !a->condition && !b->condition)
		*equal = a->boolean == b->boolean;
	else
		return false;
	return true;
}

static struct value compare(struct evaluator *ev, const struct node *n, const struct value *a,
			    const struct value *b)
{
	enum node_kind op = n->kind;
	bool equal;
	struct value v;
	ir_scalar difference;
	double d;

	if (a->kind == VALUE_ERROR || b->kind == VALUE_ERROR)
		return value_error();
	if ((op == NODE_EQ || op == NODE_NE) && equal_kind(a, b, &equal))
		return value_bool(equal == (op == NODE_EQ), n->span);
	if (a->kind != VALUE_NUMBER || b->kind != VALUE_NUMBER || !dim_equal(a->dim, b->dim))
		return error_operands(ev, a, b, "compare", false, "with",
				      op == NODE_EQ   ? "=="
				      : op == NODE_NE ? "!="
				      : op == NODE_LT ? "<"
				      : op == NODE_LE ? "<="
				      : op == NODE_GT ? ">"
						      : ">=");
	/* b - a for < and <=, else a - b */
	difference = op == NODE_LT || op == NODE_LE ? ir_sub(ev->ir, b->scalar, a->scalar)
						    : ir_sub(ev->ir, a->scalar, b->scalar);
	if (ir_is_const(ev->ir, difference, &d)) {
		bool truth = op == NODE_EQ                    ? d == 0
			     : op == NODE_NE                  ? d != 0
			     : op == NODE_LT || op == NODE_GT ? d > 0
							      : d >= 0;

		return value_bool(truth, n->span);
	}
	v = symbolic(ev, op != NODE_NE && op != NODE_EQ, n->span);
	v.condition->n = 1;
	v.condition->nonnegative = arena_alloc(ev->arena, sizeof(ir_scalar));
	v.condition->nonnegative[0] = difference;
	return v;
}

static struct value logic(struct evaluator *ev, const struct node *n)
{
	struct value a = evaluate(ev, n->kid[0]), b;

	if (a.kind != VALUE_BOOL) {
		if (a.kind != VALUE_ERROR)
			error_at(ev, "E11", n->kid[0]->span, "`%s` wants true or false, found %s",
				 n->kind == NODE_AND  ? "and"
				 : n->kind == NODE_OR ? "or"
						      : "not",
				 describe(ev, &a));
		return value_error();
	}
	if (n->kind == NODE_NOT)
		return a.condition ? symbolic(ev, false, n->span) : value_bool(!a.boolean, n->span);
	/* Decided by the first operand: the second may not even make sense then. */
	if (!a.condition && a.boolean == (n->kind == NODE_OR))
		return value_bool(a.boolean, n->span);
	b = evaluate(ev, n->kid[1]);
	if (b.kind != VALUE_BOOL) {
		if (b.kind != VALUE_ERROR)
			error_at(ev, "E11", n->kid[1]->span, "`%s` wants true or false, found %s",
				 n->kind == NODE_AND ? "and" : "or", describe(ev, &b));
		return value_error();
	}
	if (n->kind == NODE_AND)
		return conjunction(ev, &a, &b, n->span);
	if (!a.condition)
		return b;
	if (!b.condition && b.boolean)
		return value_bool(true, n->span);
	return symbolic(ev, false, n->span);
}

/* ------------------------------------------------------------------ the rest */
static struct value array_literal(struct evaluator *ev, const struct node *n)
{
	bool scaled = n->name != NULL;
	struct value v = value_array(ev, n->n_kid, false, n->span);

	for (uint32_t i = 0; i < n->n_kid; i++) {
		struct value item = evaluate(ev, n->kid[i]);

		if (item.kind == VALUE_ERROR)
			return item;
		if (scaled) {
			struct value unit = value_number(ev, n->number, n->dim, n->span);

			if (item.kind == VALUE_NUMBER && !dim_equal(item.dim, dim_none)) {
				error_at(ev, "E10", item.span,
					 "`%s` has a unit of its own, and the array has one too",
					 source_text(ev, item.span));
				return value_error();
			}
			item = arithmetic(ev, NODE_MUL, &item, &unit, n->kid[i]->span);
		}
		v.array->item[i] = item;
	}
	return v;
}

static struct value index_array(struct evaluator *ev, const struct node *n)
{
	struct value a = evaluate(ev, n->kid[0]), i = evaluate(ev, n->kid[1]), v;
	int64_t at;

	if (a.kind == VALUE_ERROR || i.kind == VALUE_ERROR)
		return value_error();
	if (a.kind != VALUE_ARRAY) {
		error_at(ev, "E11", n->kid[0]->span, "only an array has elements, this is %s",
			 describe(ev, &a));
		return value_error();
	}
	if (i.kind == VALUE_AXIS && a.array->vector)
		at = i.axis;
	else if (!value_whole(ev, &i, n->kid[1], "an index", &at))
		return value_error();
	if (at < 0 || at >= a.array->n) {
		if (i.kind == VALUE_AXIS)
			error_at(ev, "E34", n->kid[1]->span, "`%s` has no %c component",
				 source_text(ev, n->kid[0]->span), "xyz"[at]);
		else
			error_at(ev, "E34", n->kid[1]->span,
				 "index %" PRId64 " is outside 0 .. %d of `%s`", at,
				 (int)a.array->n - 1, source_text(ev, n->kid[0]->span));
		return value_error();
	}
	v = a.array->item[at];
	v.span = n->span;
	return v;
}

static struct value conditional(struct evaluator *ev, const struct node *n)
{
	struct value c = evaluate(ev, n->kid[0]);
	bool truth;

	if (!value_truth(ev, &c, n->kid[0], "`?`", &truth))
		return value_error();
	return evaluate(ev, n->kid[truth ? 1 : 2]);
}

/* Operators with two operands; RANGE and the like never get here: the grammar keeps them out. */
static struct value binary(struct evaluator *ev, const struct node *n)
{
	struct value a = evaluate(ev, n->kid[0]), b = evaluate(ev, n->kid[1]);

	switch (n->kind) {
	case NODE_EQ:
	case NODE_NE:
	case NODE_LT:
	case NODE_LE:
	case NODE_GT:
	case NODE_GE:
		return compare(ev, n, &a, &b);
	case NODE_TOGETHER:
		return bundle_join(ev, &a, &b, n->span);
	case NODE_SHIFT:
		return bundle_shift(ev, &a, &b, n->span);
	default:
		return arithmetic(ev, n->kind, &a, &b, n->span);
	}
}

struct value evaluate(struct evaluator *ev, const struct node *n)
{
	struct value a;

	/* A name bound by `let` belongs to the outermost call only. */
	if (n->kind != NODE_CALL && n->kind != NODE_COND)
		ev->binding = NULL;
	switch (n->kind) {
	case NODE_INT:
		return value_exact(ev, n->integer, 1, n->span);
	case NODE_NUMBER:
		return value_number(ev, n->number, dim_none, n->span);
	case NODE_QUANTITY:
		return value_number(ev, n->number, n->dim, n->span);
	case NODE_BOOL:
		return value_bool(n->integer != 0, n->span);
	case NODE_TEXT:
		return (struct value){ .kind = VALUE_TEXT, .text = n->name, .span = n->span };
	case NODE_NAME:
		return name_value(ev, n);
	case NODE_ARRAY:
		return array_literal(ev, n);
	case NODE_INDEX:
		return index_array(ev, n);
	case NODE_MEMBER:
		return evaluate_member(ev, n);
	case NODE_CALL:
		return evaluate_call(ev, n);
	case NODE_COND:
		return conditional(ev, n);
	case NODE_AND:
	case NODE_OR:
	case NODE_NOT:
		return logic(ev, n);
	case NODE_NEG:
		a = evaluate(ev, n->kid[0]);
		return a.kind == VALUE_ERROR ? a : negate(ev, &a, n->span);
	case NODE_ERROR: /* told by the parser */
		return value_error();
	default:
		return n->n_kid == 2 ? binary(ev, n) : value_error();
	}
}
