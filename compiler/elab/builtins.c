/* The table of built-in functions, and those of mathematics. Shapes have files of their own. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

static const struct builtin builtins[] = {
#define BUILTIN(name, formals, doc) { #name, formals, doc, builtin_##name },
#include "compiler/elab/builtins.def"
#undef BUILTIN
};

const struct builtin *builtin_find(const char *name)
{
	for (size_t i = 0; i < PRECESS_COUNT(builtins); i++)
		if (!strcmp(builtins[i].name, name))
			return &builtins[i];
	return NULL;
}

const char *const *builtin_names(size_t *n)
{
	static const char *const names[] = {
#define BUILTIN(name, formals, doc) #name,
#include "compiler/elab/builtins.def"
#undef BUILTIN
	};

	*n = PRECESS_COUNT(names);
	return names;
}

/* One "name: type?" of a formals text; returns what follows it. */
static const char *formal_parse(struct evaluator *ev, const char *s, struct formal *f)
{
	size_t n = strcspn(s, ":");

	f->name = lang_intern(ev->l, s, n);
	s += n + 1;
	s += strspn(s, " ");
	n = strcspn(s, "?,");
	f->type = arena_copy(ev->arena, s, n);
	f->optional = s[n] == '?';
	f->span = span_none;
	s += n + f->optional;
	return s + strspn(s, ", ");
}

struct value builtin_value(struct evaluator *ev, const struct builtin *b, struct span at)
{
	struct value v = { .kind = VALUE_FUNCTION, .span = at };
	struct function *f = arena_alloc(ev->arena, sizeof *f);
	struct entry *e;
	int n = 1;

	for (const char *c = b->formals; *c; c++)
		n += *c == ',';
	f->name = b->name;
	f->builtin = b;
	f->formal = arena_alloc(ev->arena, (size_t)n * sizeof *f->formal);
	for (const char *s = b->formals; *s;)
		s = formal_parse(ev, s, &f->formal[f->n_formal++]);
	/* Kept among the predefined names, so that the formals are read once. */
	e = scope_add(ev, &ev->global, lang_intern(ev->l, b->name, strlen(b->name)), span_none);
	e->module = NULL;
	e->state = ENTRY_DONE;
	e->weak = true;
	v.function = f;
	e->value = v;
	return v;
}

/* ------------------------------------------------------------------ mathematics */
static struct value *number_arg(struct evaluator *ev, struct call *c, const char *name)
{
	struct value *v = call_arg(c, name);

	if (v && v->kind != VALUE_NUMBER) {
		error_at(ev, "E11", v->span, "`%s` wants a number, found %s", c->function->name,
			 describe(ev, v));
		return NULL;
	}
	return v;
}

static struct value unary(struct evaluator *ev, struct call *c, enum ir_op op, struct dim d)
{
	struct value *x = number_arg(ev, c, "x");

	if (!x)
		return value_error();
	return value_finite(ev, value_scalar(ir_unary(ev->ir, op, x->scalar), d, c->node->span));
}

#define UNARY(name, op, dim)                                              \
	struct value builtin_##name(struct evaluator *ev, struct call *c) \
	{                                                                 \
		return unary(ev, c, IR_##op, dim);                        \
	}
UNARY(sin, SIN, dim_none)
UNARY(cos, COS, dim_none)
UNARY(tan, TAN, dim_none)
UNARY(asin, ASIN, dim_angle)
UNARY(acos, ACOS, dim_angle)
UNARY(atan, ATAN, dim_angle)
UNARY(exp, EXP, dim_none)
UNARY(log, LOG, dim_none)

struct value builtin_sqrt(struct evaluator *ev, struct call *c)
{
	struct value *x = number_arg(ev, c, "x");
	struct dim d;

	if (!x)
		return value_error();
	d = x->dim;
	if (d.s % 2 || d.m % 2 || d.T % 2 || d.rad % 2) {
		error_at(ev, "E10", x->span, "%s has no square root", describe(ev, x));
		return value_error();
	}
	d = (struct dim){ (int8_t)(d.s / 2), (int8_t)(d.m / 2), (int8_t)(d.T / 2),
			  (int8_t)(d.rad / 2) };
	return value_finite(ev, value_scalar(ir_unary(ev->ir, IR_SQRT, x->scalar), d,
					     c->node->span));
}

struct value builtin_abs(struct evaluator *ev, struct call *c)
{
	struct value *x = number_arg(ev, c, "x"), v;

	if (!x)
		return value_error();
	if (x->den > 0 && x->num != INT64_MIN)
		return value_exact(ev, x->num < 0 ? -x->num : x->num, x->den, c->node->span);
	v = value_scalar(ir_unary(ev->ir, IR_ABS, x->scalar), x->dim, c->node->span);
	return v;
}

static struct value pair(struct evaluator *ev, struct call *c, const char *first,
			 const char *second, enum ir_op op, bool angle)
{
	struct value *a = number_arg(ev, c, first), *b = number_arg(ev, c, second);

	if (!a || !b)
		return value_error();
	if (!dim_equal(a->dim, b->dim)) {
		struct diag *d = error_at(ev, "E10", b->span, "`%s` of `%s` (%s) and `%s` (%s)",
					  c->function->name, source_text(ev, a->span),
					  describe(ev, a), source_text(ev, b->span),
					  describe(ev, b));

		diag_help(ev->l, d, "both need the same dimension");
		return value_error();
	}
	if (!angle && a->den > 0 && b->den > 0) {
		double x = (double)a->num / (double)a->den, y = (double)b->num / (double)b->den;
		const struct value *r = (op == IR_MIN) == (x < y) ? a : b;

		return value_exact(ev, r->num, r->den, c->node->span);
	}
	return value_scalar(ir_binary(ev->ir, op, a->scalar, b->scalar), angle ? dim_angle : a->dim,
			    c->node->span);
}

struct value builtin_min(struct evaluator *ev, struct call *c)
{
	return pair(ev, c, "a", "b", IR_MIN, false);
}

struct value builtin_max(struct evaluator *ev, struct call *c)
{
	return pair(ev, c, "a", "b", IR_MAX, false);
}

struct value builtin_atan2(struct evaluator *ev, struct call *c)
{
	return pair(ev, c, "y", "x", IR_ATAN2, true);
}

/* The exact whole number that a constant rounds to. */
static struct value rounded(struct evaluator *ev, struct call *c, enum ir_op op)
{
	struct value *x = number_arg(ev, c, "x"), *to = number_arg(ev, c, "to");
	ir_scalar unit;
	double v;

	if (!x || (call_arg(c, "to") && !to))
		return value_error();
	if (to ? !dim_equal(x->dim, to->dim) : !dim_equal(x->dim, dim_none)) {
		struct diag *d = error_at(ev, "E10", x->span, "`%s` of %s", c->function->name,
					  describe(ev, x));

		diag_help(ev->l, d,
			  to ? "`to` needs the same dimension"
			     : "say to which multiple, as in `%s(x, to = 10us)`",
			  c->function->name);
		return value_error();
	}
	unit = to ? to->scalar : ir_const(ev->ir, 1);
	unit = ir_binary(ev->ir, op, x->scalar, unit);
	if (!to && ir_is_const(ev->ir, unit, &v) && fabs(v) < 9e15)
		return value_exact(ev, (int64_t)llround(v), 1, c->node->span);
	return value_scalar(unit, x->dim, c->node->span);
}

struct value builtin_round(struct evaluator *ev, struct call *c)
{
	return rounded(ev, c, IR_ROUND);
}

struct value builtin_floor(struct evaluator *ev, struct call *c)
{
	return rounded(ev, c, IR_FLOOR);
}

struct value builtin_ceil(struct evaluator *ev, struct call *c)
{
	return rounded(ev, c, IR_CEIL);
}

struct value builtin_length(struct evaluator *ev, struct call *c)
{
	struct value *v = call_arg(c, "array");

	if (v->kind != VALUE_ARRAY) {
		error_at(ev, "E11", v->span, "`length` wants an array, found %s", describe(ev, v));
		return value_error();
	}
	return value_exact(ev, v->array->n, 1, c->node->span);
}
