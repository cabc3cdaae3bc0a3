/* Tapes: the part of the scalar graph that some forms need, laid out for repeated sweeps. The graph
 * shares nodes and may be deep, so nothing here recurses: operands have smaller indices than their
 * users, and ascending indices are an order of evaluation. */
#include "compiler/ir/tables.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

struct list {
	ir_scalar *e;
	uint32_t n, capacity;
};

static void want(struct ir_tables *t, struct list *l, ir_scalar e)
{
	if (t->place[e])
		return;
	t->place[e] = 1;
	l->e = ir_grow(l->e, l->n + 1, &l->capacity, sizeof *l->e);
	l->e[l->n++] = e;
}

static int ascending(const void *a, const void *b)
{
	ir_scalar x = *(const ir_scalar *)a, y = *(const ir_scalar *)b;

	return (x > y) - (x < y);
}

static uint32_t n_operands(const struct ir_expr *x)
{
	return x->op == IR_SUM ? x->n : x->op < IR_MUL ? 0 : x->op < IR_ABS ? 2 : 1;
}

static ir_scalar operand(const struct ir_expr *x, uint32_t i)
{
	return x->op == IR_SUM ? x->term[i] : i ? x->b : x->a;
}

/* Nodes are known: lays out operand positions and variables. */
static void lay_out(struct ir_tape *t, const struct ir_tables *tables, size_t args)
{
	const struct ir_expr *x;
	uint32_t i, j, n = 0;

	t->first = ir_allocate(t->n, sizeof *t->first);
	t->arg = ir_allocate(args, sizeof *t->arg);
	t->var = ir_allocate(t->n, sizeof *t->var);
	for (i = 0; i < t->n; i++) {
		x = &t->ir->expr[t->node[i]];
		t->first[i] = n;
		if (x->op == IR_PARAM) {
			t->var[t->n_var] = x->param;
			t->arg[n++] = t->n_var++;
		}
		for (j = 0; j < n_operands(x); j++)
			t->arg[n++] = tables->place[operand(x, j)] - 1;
	}
}

struct ir_tape *ir_tape_create(const struct ir *ir, const struct ir_form *form, size_t n)
{
	struct ir_tables *tables = ir->tables;
	struct ir_tape *t = ir_allocate(1, sizeof *t);
	struct list l = { 0 };
	size_t args = 0, f;
	uint32_t i, j;

	tables->place = ir_grow(tables->place, ir->n_expr, &tables->n_place, sizeof *tables->place);
	for (f = 0; f < n; f++)
		for (i = 0; i < form[f].n; i++)
			want(tables, &l, form[f].term[i]);
	for (i = 0; i < l.n; i++) {
		const struct ir_expr *x = &ir->expr[l.e[i]];

		args += n_operands(x) + (x->op == IR_PARAM);
		for (j = 0; j < n_operands(x); j++)
			want(tables, &l, operand(x, j));
	}
	if (l.n)
		qsort(l.e, l.n, sizeof *l.e, ascending);
	t->ir = ir;
	t->n = l.n;
	t->node = l.e;
	for (i = 0; i < t->n; i++)
		tables->place[t->node[i]] = i + 1;
	lay_out(t, tables, args);
	for (i = 0; i < t->n; i++)
		tables->place[t->node[i]] = 0;
	t->point = ir_allocate(t->n_var, sizeof *t->point);
	t->value = ir_allocate(t->n, sizeof *t->value);
	t->range = ir_allocate(t->n, sizeof *t->range);
	t->slope = ir_allocate(t->n, sizeof *t->slope);
	return t;
}

void ir_tape_free(struct ir_tape *t)
{
	if (!t)
		return;
	free(t->node);
	free(t->first);
	free(t->arg);
	free(t->var);
	free(t->point);
	free(t->value);
	free(t->range);
	free(t->slope);
	free(t);
}

uint32_t ir_tape_place(const struct ir_tape *t, ir_scalar e)
{
	uint32_t low = 0, high = t->n, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (t->node[middle] <= e)
			low = middle;
		else
			high = middle;
	}
	assert(t->node[low] == e);
	return low;
}

/* A sum that cancels to rounding noise is 0: the root of what should be 0 exists. */
static double quiet(double sum, double scale)
{
	return fabs(sum) < 4 * DBL_EPSILON * scale ? 0 : sum;
}

static double sum_at(const struct ir_tape *t, const struct ir_expr *e, const uint32_t *arg)
{
	double v = e->value, scale = fabs(v), part;
	uint32_t j;

	for (j = 0; j < e->n; j++) {
		part = e->coef[j] * t->value[arg[j]];
		scale = fmax(scale, fabs(part));
		v += part;
	}
	return quiet(v, scale);
}

static struct ir_interval sum_over(const struct ir_tape *t, const struct ir_expr *e,
				   const uint32_t *arg)
{
	struct ir_interval v = { e->value, e->value }, part;
	double scale = fabs(e->value);
	uint32_t j;

	for (j = 0; j < e->n; j++) {
		part = (struct ir_interval){ e->coef[j], e->coef[j] };
		part = ir_interval_mul(part, t->range[arg[j]]);
		scale = fmax(scale, fmax(fabs(part.lo), fabs(part.hi)));
		v = ir_interval_add(v, part);
	}
	return (struct ir_interval){ quiet(v.lo, scale), quiet(v.hi, scale) };
}

void ir_tape_eval(struct ir_tape *t, const double *x)
{
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		const struct ir_expr *e = &t->ir->expr[t->node[i]];
		const uint32_t *arg = t->arg + t->first[i];
		double v = e->value;

		if (e->op == IR_PARAM)
			v = x[arg[0]];
		else if (e->op == IR_SUM)
			v = sum_at(t, e, arg);
		else if (e->op != IR_CONST)
			v = ir_apply(e->op, t->value[arg[0]],
				     e->op < IR_ABS ? t->value[arg[1]] : 0);
		t->value[i] = v;
	}
}

bool ir_tape_bound(struct ir_tape *t, const struct ir_interval *box)
{
	bool partial = false;
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		const struct ir_expr *e = &t->ir->expr[t->node[i]];
		const uint32_t *arg = t->arg + t->first[i];
		struct ir_interval v = { e->value, e->value };

		if (e->op == IR_PARAM)
			v = box[arg[0]];
		else if (e->op == IR_SUM)
			v = sum_over(t, e, arg);
		else if (e->op != IR_CONST)
			v = ir_interval_apply(e->op, t->range[arg[0]],
					      e->op < IR_ABS ? t->range[arg[1]] : v,
					      e->op < IR_ABS && arg[0] == arg[1], &partial);
		partial |= isnan(v.lo) || isnan(v.hi);
		t->range[i] = v;
	}
	return !partial;
}

void ir_tape_slope(struct ir_tape *t)
{
	uint32_t i, j;

	for (i = t->n; i-- > 0;) {
		const struct ir_expr *e = &t->ir->expr[t->node[i]];
		const uint32_t *arg = t->arg + t->first[i];
		struct ir_interval *s = t->slope, d[2];

		if (e->op == IR_CONST || e->op == IR_PARAM || (s[i].lo == 0 && s[i].hi == 0))
			continue;
		for (j = 0; e->op == IR_SUM && j < e->n; j++) {
			d[0] = (struct ir_interval){ e->coef[j], e->coef[j] };
			s[arg[j]] = ir_interval_add(s[arg[j]], ir_interval_mul(s[i], d[0]));
		}
		if (e->op == IR_SUM)
			continue;
		ir_interval_slope(&d[0], &d[1], e->op, t->range[arg[0]],
				  t->range[e->op < IR_ABS ? arg[1] : arg[0]], t->range[i]);
		for (j = 0; j < n_operands(e); j++)
			s[arg[j]] = ir_interval_add(s[arg[j]], ir_interval_mul(s[i], d[j]));
	}
}
