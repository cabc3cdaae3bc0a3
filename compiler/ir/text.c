/* Scalars as people write them: "8*ESP + 0.5ms". Constants are shown in the unit of what they are
 * added to; the dimension of an inner expression is derived from the parameters in it, and where
 * that does not tell, a number stands alone. */
#include "compiler/ir/tables.h"

#include <math.h>
#include <string.h>

enum { LENGTH = 240, DEPTH = 12 }; /* longer texts help nobody */
enum precedence { SUMS, PRODUCTS, POWERS };

struct writer {
	const struct ir *ir;
	struct lang *l;
	struct text out;
};

struct maybe_dim {
	bool known;
	struct dim d;
};

static const struct maybe_dim unknown;
static const struct maybe_dim plain = { .known = true };

static struct maybe_dim join(struct maybe_dim a, int sign, struct maybe_dim b)
{
	a.known = a.known && b.known;
	a.d.s = (int8_t)(a.d.s + sign * b.d.s);
	a.d.m = (int8_t)(a.d.m + sign * b.d.m);
	a.d.T = (int8_t)(a.d.T + sign * b.d.T);
	a.d.rad = (int8_t)(a.d.rad + sign * b.d.rad);
	return a.known ? a : unknown;
}

/* What the parameters inside tell. A coefficient of 1 carries no dimension, others may. */
static struct maybe_dim infer(const struct ir *ir, ir_scalar e, int depth)
{
	const struct ir_expr *x = &ir->expr[e];
	struct maybe_dim a, b;
	uint32_t i;

	if (depth == DEPTH || x->op == IR_CONST)
		return unknown;
	if (x->op == IR_PARAM)
		return (struct maybe_dim){ true, ir->param[x->param].dim };
	if (x->op == IR_SUM) {
		for (i = 0; i < x->n; i++) {
			a = fabs(x->coef[i]) == 1 ? infer(ir, x->term[i], depth + 1) : unknown;
			if (a.known)
				return a;
		}
		return unknown;
	}
	if (x->op >= IR_SIN)
		return plain;
	a = infer(ir, x->a, depth + 1);
	b = x->op < IR_ABS ? infer(ir, x->b, depth + 1) : unknown;
	if (x->op == IR_MUL)
		return join(a, 1, b);
	if (x->op == IR_DIV)
		return x->a == 1 ? join(plain, -1, b) : join(a, -1, b);
	if (x->op == IR_SQRT) {
		a.d = (struct dim){ (int8_t)(a.d.s / 2), (int8_t)(a.d.m / 2), (int8_t)(a.d.T / 2),
				    (int8_t)(a.d.rad / 2) };
		return a;
	}
	return x->op == IR_POW ? unknown : a.known ? a : b;
}

static void put(struct writer *w, const char *s)
{
	text_add(&w->out, s, strlen(s));
}

static void put_number(struct writer *w, double v, struct maybe_dim d)
{
	static const struct dim none;

	if (d.known && w->l && !dim_equal(d.d, none))
		put(w, dim_show(w->l, v, d.d));
	else
		text_printf(&w->out, "%.6g", v);
}

static void put_expr(struct writer *w, ir_scalar e, struct maybe_dim d, enum precedence around,
		     int depth);

/* |coef| * term, of dimension d: "ESP/128", "8*ESP", "20mT/m*SG" */
static void put_term(struct writer *w, double coef, ir_scalar term, struct maybe_dim d, int depth)
{
	struct maybe_dim inner = infer(w->ir, term, 0);
	struct maybe_dim k = coef == 1 ? plain : join(d, -1, inner);
	bool number = !k.known || dim_equal(k.d, plain.d);
	double whole = rint(1 / coef);

	if (coef == 1 && !inner.known)
		inner = d;
	if (coef == 1) {
		put_expr(w, term, inner, PRODUCTS, depth);
	} else if (number && whole > 1 && whole <= 1024 && fabs(coef * whole - 1) < 1e-14) {
		put_expr(w, term, inner, POWERS, depth);
		text_printf(&w->out, "/%.0f", whole);
	} else {
		put_number(w, coef, k);
		put(w, "*");
		put_expr(w, term, inner, POWERS, depth);
	}
}

/* What is added first, so that the text begins with a minus only when all of it is subtracted. */
static void put_sum(struct writer *w, ir_scalar e, struct maybe_dim d, int depth)
{
	const struct ir_expr *x = &w->ir->expr[e];
	size_t begin = w->out.n;
	uint32_t i;

	for (i = 0; i < x->n; i++) {
		if (!(x->coef[i] > 0))
			continue;
		put(w, w->out.n > begin ? " + " : "");
		put_term(w, x->coef[i], x->term[i], d, depth);
	}
	if (x->value > 0) {
		put(w, w->out.n > begin ? " + " : "");
		put_number(w, x->value, d);
	}
	for (i = 0; i < x->n && w->out.n < LENGTH; i++) {
		if (x->coef[i] > 0)
			continue;
		put(w, w->out.n > begin ? " - " : "-");
		put_term(w, -x->coef[i], x->term[i], d, depth);
	}
	if (!(x->value > 0) && x->value != 0) {
		put(w, w->out.n > begin ? " - " : "-");
		put_number(w, -x->value, d);
	}
}

static void put_product(struct writer *w, ir_scalar e, struct maybe_dim d, int depth)
{
	const struct ir_expr *x = &w->ir->expr[e];
	bool over = x->op == IR_DIV;
	struct maybe_dim a = infer(w->ir, x->a, 0), b = infer(w->ir, x->b, 0);

	if (!a.known)
		a = join(d, over ? 1 : -1, b);
	if (!b.known)
		b = over ? join(a, -1, d) : join(d, -1, a);
	put_expr(w, x->a, a, PRODUCTS, depth);
	put(w, over ? "/" : "*");
	put_expr(w, x->b, b, over ? POWERS : PRODUCTS, depth);
}

static void put_call(struct writer *w, ir_scalar e, struct maybe_dim d, int depth)
{
	static const char *const name[] = {
#define SCALAR(op, arity) #op,
#include "compiler/ir/scalars.def"
#undef SCALAR
	};
	const struct ir_expr *x = &w->ir->expr[e];
	struct maybe_dim a = infer(w->ir, x->a, 0);
	const char *s;

	for (s = name[x->op]; *s; s++)
		text_printf(&w->out, "%c", *s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s);
	if (!a.known && x->op < IR_ABS)
		a = infer(w->ir, x->b, 0);
	if (!a.known && (x->op <= IR_FLOOR || x->op == IR_ABS))
		a = d;
	put(w, "(");
	put_expr(w, x->a, a, SUMS, depth);
	if (x->op < IR_ABS) {
		put(w, ", ");
		put_expr(w, x->b, x->op == IR_POW ? plain : a, SUMS, depth);
	}
	put(w, ")");
}

static void put_expr(struct writer *w, ir_scalar e, struct maybe_dim d, enum precedence around,
		     int depth)
{
	const struct ir_expr *x = &w->ir->expr[e];
	bool bracket = (x->op == IR_SUM && around > SUMS) ||
		       ((x->op == IR_MUL || x->op == IR_DIV) && around > PRODUCTS);

	if (depth == DEPTH || w->out.n > LENGTH) {
		put(w, "...");
		return;
	}
	put(w, bracket ? "(" : "");
	if (x->op == IR_CONST)
		put_number(w, x->value, d);
	else if (x->op == IR_PARAM)
		put(w, w->ir->param[x->param].name);
	else if (x->op == IR_SUM)
		put_sum(w, e, d, depth + 1);
	else if (x->op == IR_MUL || x->op == IR_DIV)
		put_product(w, e, d, depth + 1);
	else
		put_call(w, e, d, depth + 1);
	put(w, bracket ? ")" : "");
}

const char *ir_text(const struct ir *ir, struct lang *l, ir_scalar e, struct dim dim)
{
	struct writer w = { .ir = ir, .l = l };
	const char *s;

	text_init(&w.out);
	put_expr(&w, e, (struct maybe_dim){ true, dim }, SUMS, 0);
	if (w.out.n > LENGTH) {
		w.out.n = LENGTH;
		text_add(&w.out, "...", 3);
	}
	s = arena_copy(ir->arena, w.out.data, w.out.n);
	text_free(&w.out);
	return s;
}
