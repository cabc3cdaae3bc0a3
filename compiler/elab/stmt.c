/* Statements: let, mark, require, for, if, return, reset, delay. `play` has a file of its own. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

void execute_body(struct evaluator *ev, const struct node *body)
{
	for (uint32_t i = 0; i < body->n_kid && !ev->has_returned && !ev->too_many; i++)
		execute(ev, body->kid[i]);
}

static void execute_let(struct evaluator *ev, const struct node *n)
{
	const struct node *type = n->kid[0];
	struct value v;

	ev->binding = n->name;
	v = evaluate(ev, n->kid[1]);
	ev->binding = NULL;
	grad_named(ev, &v, n->kid[1], n->name);
	if (type && !type->integer && type_known(type->name) &&
	    !value_convert(ev, &v, type->name, false, arena_printf(ev->arena, "`%s`", n->name)))
		v = value_error();
	name_bind(ev, n->name, n->name_span, v);
}

/* ------------------------------------------------------------------ marks */
static bool mark_known(struct evaluator *ev, const char *name)
{
	for (uint32_t i = 0; i < ev->ir->n_mark; i++)
		if (!strcmp(ev->ir->mark[i].name, name))
			return true;
	return false;
}

static const char *keep_text(struct evaluator *ev, const char *s)
{
	return s ? arena_copy(ev->ir->arena, s, strlen(s)) : NULL;
}

/* A block that repeats a mark of one it plays gives that instant a shorter name: the mark
 * `train.lines.k0` becomes `train.k0`. */
static bool mark_shortened(struct evaluator *ev, const char *full, const char *name, ir_scalar at)
{
	const char *stem = full + strlen(full) - strlen(name);

	for (uint32_t i = 0; i < ev->ir->n_mark; i++) {
		struct ir_mark *m = &ev->ir->mark[i];
		size_t n = strlen(m->name), k = strlen(name);

		if (m->value != at || n <= strlen(full) || strcmp(m->name + n - k, name) ||
		    m->name[n - k - 1] != '.' || strncmp(m->name, full, (size_t)(stem - full)))
			continue;
		m->name = keep_text(ev, full);
		return true;
	}
	return false;
}

/* Inside a block the name is qualified; of a mark in a loop the first one is reported. */
void mark_add(struct evaluator *ev, const char *name, const char *doc, struct value v)
{
	struct ir_mark m = {
		.doc = keep_text(ev, doc), .value = v.scalar, .dim = v.dim, .span = v.span
	};
	const char *full = name;

	if (ev->time.dry || v.kind != VALUE_NUMBER)
		return;
	for (struct frame *f = ev->frame; f && f->up; f = f->up)
		if (f->is_block)
			full = arena_printf(ev->arena, "%s.%s", f->name, full);
	if (mark_known(ev, full) || mark_shortened(ev, full, name, v.scalar))
		return;
	m.name = keep_text(ev, full);
	ir_add_mark(ev->ir, &m);
}

static void execute_mark(struct evaluator *ev, const struct node *n)
{
	const struct node *at = n->n_kid ? n->kid[0] : NULL;
	struct value v = value_scalar(ev->time.exact, dim_time, n->span);
	struct frame *f = ev->frame;
	struct mark *m;

	if (at) {
		v = evaluate(ev, at);
		if (!value_convert(ev, &v, "time", false, arena_printf(ev->arena, "`%s`", n->name)))
			v = value_error();
	}
	v.span = n->name_span;
	name_bind(ev, n->name, n->name_span, v);
	if (v.kind == VALUE_ERROR)
		return;
	mark_add(ev, n->name, NULL, v);
	while (f && !f->is_block)
		f = f->up;
	if (!f)
		return;
	m = arena_alloc(ev->arena, sizeof *m);
	*m = (struct mark){ n->name, v.scalar, f->mark };
	f->mark = m;
}

/* ------------------------------------------------------------------ require */
static bool require_known(struct evaluator *ev, ir_scalar e)
{
	for (uint32_t i = 0; i < ev->ir->n_require; i++)
		if (ev->ir->require[i] == e)
			return true;
	return false;
}

static void unmet(struct evaluator *ev, const struct node *n, const char *why)
{
	struct diag *d = error_at(ev, "E32", n->kid[0]->span, "requirement not met%s%s%s",
				  n->doc ? ": " : "", n->doc ? n->doc : "", why);

	diag_label(ev->l, d, "%s", *why ? "no parameter value satisfies this" : "this is false");
}

static void require_nonnegative(struct evaluator *ev, const struct node *n, ir_scalar e)
{
	double lo, hi, v;

	if (ir_is_const(ev->ir, e, &v)) {
		if (v < 0)
			unmet(ev, n, "");
		return;
	}
	if (ev->time.dry || require_known(ev, e))
		return;
	ir_range(ev->ir, e, &lo, &hi);
	if (hi < 0)
		unmet(ev, n, " by any parameter value");
	else if (lo < 0)
		ir_add_require(ev->ir, e);
}

static void require_range(struct evaluator *ev, const struct node *n)
{
	const struct node *range = n->kid[1];
	struct value v = evaluate(ev, n->kid[0]), end[2];

	for (int i = 0; i < 2; i++) {
		end[i] = evaluate(ev, range->kid[i]);
		if (v.kind == VALUE_ERROR || end[i].kind == VALUE_ERROR)
			return;
		if (v.kind != VALUE_NUMBER || end[i].kind != VALUE_NUMBER ||
		    !dim_equal(v.dim, end[i].dim)) {
			error_at(ev, "E10", end[i].span, "cannot compare `%s` (%s) with `%s` (%s)",
				 source_text(ev, v.span), describe(ev, &v),
				 source_text(ev, end[i].span), describe(ev, &end[i]));
			return;
		}
	}
	require_nonnegative(ev, n, ir_sub(ev->ir, v.scalar, end[0].scalar));
	require_nonnegative(ev, n, ir_sub(ev->ir, end[1].scalar, v.scalar));
}

void execute_require(struct evaluator *ev, const struct node *n)
{
	struct value v;

	if (n->n_kid > 1 && n->kid[1]) {
		require_range(ev, n);
		return;
	}
	v = evaluate(ev, n->kid[0]);
	if (v.kind == VALUE_ERROR)
		return;
	if (v.kind != VALUE_BOOL) {
		error_at(ev, "E11", n->kid[0]->span, "`require` wants true or false, found %s",
			 describe(ev, &v));
		return;
	}
	if (!v.condition) {
		if (!v.boolean)
			unmet(ev, n, "");
		return;
	}
	if (!v.condition->usable) {
		struct diag *d = error_at(ev, "E37", n->kid[0]->span,
					  "this condition on parameters cannot be used");

		diag_help(ev->l, d, "write comparisons with <, <=, >, >=, joined by `and`");
		return;
	}
	for (int i = 0; i < v.condition->n; i++)
		require_nonnegative(ev, n, v.condition->nonnegative[i]);
}

/* ------------------------------------------------------------------ loops and choices */
static void iteration(struct evaluator *ev, const struct node *n, struct value v, const char *text)
{
	const char *outer = ev->where;
	struct scope scope;

	ev->where = arena_printf(ev->arena, "%s%s%s=%s", outer, *outer ? " " : "", n->name, text);
	scope_open(ev, &scope);
	name_bind(ev, n->name, n->name_span, v);
	execute_body(ev, n->kid[2]);
	scope_close(ev, &scope, arena_printf(ev->arena, "for %s", n->name), n->span);
	ev->where = outer;
}

static void for_range(struct evaluator *ev, const struct node *n, const struct node *range)
{
	struct value a = evaluate(ev, range->kid[0]), b = evaluate(ev, range->kid[1]);
	int64_t from, to, step = 1;

	if (!value_whole(ev, &a, range->kid[0], "loop bound", &from) ||
	    !value_whole(ev, &b, range->kid[1], "loop bound", &to))
		return;
	if (n->kid[1]) {
		struct value s = evaluate(ev, n->kid[1]);

		if (!value_whole(ev, &s, n->kid[1], "loop step", &step))
			return;
		if (step == 0) {
			error_at(ev, "E34", n->kid[1]->span, "a loop step of 0 never ends");
			return;
		}
	}
	if (range->integer == 0) /* a .. b holds b, a ..< b does not */
		to += step > 0 ? 1 : -1;
	for (int64_t i = from; (step > 0 ? i < to : i > to) && !ev->too_many && !ev->has_returned;
	     i += step)
		iteration(ev, n, value_exact(ev, i, 1, n->name_span),
			  arena_printf(ev->arena, "%" PRId64, i));
}

static void execute_for(struct evaluator *ev, const struct node *n)
{
	struct value v;

	if (n->kid[0]->kind == NODE_RANGE) {
		for_range(ev, n, n->kid[0]);
		return;
	}
	v = evaluate(ev, n->kid[0]);
	if (v.kind == VALUE_ERROR)
		return;
	if (v.kind != VALUE_ARRAY) {
		error_at(ev, "E11", n->kid[0]->span, "`for` wants a range or an array, found %s",
			 describe(ev, &v));
		return;
	}
	for (uint32_t i = 0; i < v.array->n && !ev->too_many; i++)
		iteration(ev, n, v.array->item[i], arena_printf(ev->arena, "[%u]", i));
}

static void execute_if(struct evaluator *ev, const struct node *n)
{
	struct value c = evaluate(ev, n->kid[0]);
	const struct node *body;
	struct scope scope;
	bool truth;

	if (!value_truth(ev, &c, n->kid[0], "`if`", &truth))
		return;
	body = truth ? n->kid[1] : n->n_kid > 2 ? n->kid[2] : NULL;
	if (!body)
		return;
	if (body->kind == NODE_IF) {
		execute_if(ev, body);
		return;
	}
	scope_open(ev, &scope);
	execute_body(ev, body);
	scope_close(ev, &scope, "if", n->span);
}

static void execute_delay(struct evaluator *ev, const struct node *n)
{
	struct value v = evaluate(ev, n->kid[0]);

	if (value_convert(ev, &v, "time", false, "`delay`"))
		timeline_delay(ev, v.scalar, n->span, "delay");
}

static bool in_def(struct evaluator *ev, const struct node *n)
{
	struct diag *d;

	if (!ev->body_return)
		return false;
	d = error_at(ev, "E35", n->span, "a `def` computes a value, it cannot play");
	diag_help(ev->l, d, "make it a `block`");
	return true;
}

void execute(struct evaluator *ev, const struct node *n)
{
	switch (n->kind) {
	case NODE_LET:
		execute_let(ev, n);
		break;
	case NODE_MARK:
		execute_mark(ev, n);
		break;
	case NODE_REQUIRE:
		execute_require(ev, n);
		break;
	case NODE_FOR:
		execute_for(ev, n);
		break;
	case NODE_IF:
		execute_if(ev, n);
		break;
	case NODE_RETURN:
		if (!ev->body_return) {
			error_at(ev, "E35", n->span, "`return` belongs in a `def`");
			break;
		}
		ev->returned = evaluate(ev, n->kid[0]);
		ev->has_returned = true;
		break;
	case NODE_RESET:
		if (!in_def(ev, n))
			timeline_reset(ev, n->span);
		break;
	case NODE_DELAY:
		if (!in_def(ev, n))
			execute_delay(ev, n);
		break;
	case NODE_PLAY:
		if (!in_def(ev, n))
			execute_play(ev, n);
		break;
	default: /* ERROR: told by the parser */
		break;
	}
}
