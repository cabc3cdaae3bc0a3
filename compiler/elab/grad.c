/* What all gradients share: area, duration, scaling, sums. */
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

double raster_up(double v, double raster)
{
	return raster > 0 ? ceil(v / raster - 1e-9) * raster : v;
}

struct value value_grad(const struct grad *g, struct evaluator *ev, struct span at)
{
	struct value v = { .kind = VALUE_GRAD, .span = at };

	v.grad = arena_alloc(ev->arena, sizeof *v.grad);
	*v.grad = *g;
	v.grad->span = at;
	if (!v.grad->identity)
		v.grad->identity = v.grad;
	return v;
}

struct grad *grad_scaled(struct evaluator *ev, const struct grad *g, ir_scalar k, struct span at)
{
	struct grad *out = arena_alloc(ev->arena, sizeof *out);
	double c;

	*out = *g;
	out->span = at;
	out->amplitude = ir_mul(ev->ir, k, g->amplitude);
	/* Limits that hold for a gradient hold for a weaker one. */
	out->checked = g->checked && ir_is_const(ev->ir, k, &c) && fabs(c) <= 1;
	return out;
}

ir_scalar grad_duration(struct evaluator *ev, const struct grad *g)
{
	return ir_add(ev->ir, ir_add(ev->ir, g->rise, g->flat), g->fall);
}

ir_scalar grad_area(struct evaluator *ev, const struct grad *g)
{
	struct ir *ir = ev->ir;
	ir_scalar time = ir_add(ir, g->flat, ir_scale(ir, 0.5, ir_add(ir, g->rise, g->fall)));

	if (g->shape != IR_NO_SHAPE)
		time = ir_scale(ir, g->shape_area, g->flat);
	return ir_scale(ir, ir->system.gamma, ir_mul(ir, g->amplitude, time));
}

void grad_named(struct evaluator *ev, struct value *v, const struct node *n, const char *name)
{
	bool scaled = n->kind == NODE_MUL || n->kind == NODE_DIV || n->kind == NODE_NEG;

	if (v->kind != VALUE_GRAD || !scaled)
		return;
	*v = value_grad(v->grad, ev, v->span);
	v->grad->name = name;
}

bool grad_same_timing(const struct grad *a, const struct grad *b)
{
	return a->shape == b->shape && a->rise == b->rise && a->flat == b->flat &&
	       a->fall == b->fall && a->start == b->start;
}

struct value builtin_combine(struct evaluator *ev, struct call *c)
{
	struct grad *a = call_arg(c, "a")->grad, *b = call_arg(c, "b")->grad, sum = *a;
	struct diag *d;

	if (a->axis == b->axis && grad_same_timing(a, b)) {
		sum.amplitude = ir_add(ev->ir, a->amplitude, b->amplitude);
		sum.checked = false;
		return value_grad(&sum, ev, c->node->span);
	}
	d = error_at(ev, "E29", c->node->span,
		     a->axis == b->axis ? "`%s` and `%s` have different timing"
					: "`%s` and `%s` lie on different axes",
		     a->name, b->name);
	diag_help(ev->l, d,
		  a->axis == b->axis ? "give both the same `rise`, `flat` and `fall`"
				     : "gradients of different axes play together with `&`");
	return value_error();
}
