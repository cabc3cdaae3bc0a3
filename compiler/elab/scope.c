/* Names: who sees what, when it is evaluated, and what to say when nobody does. */
#include <string.h>

#include "compiler/elab/evaluator.h"

struct entry *scope_find_here(struct scope *s, const char *name)
{
	for (struct entry *e = s->first; e; e = e->next)
		if (e->name == name)
			return e;
	return NULL;
}

struct entry *scope_add(struct evaluator *ev, struct scope *s, const char *name, struct span at)
{
	struct entry *e = arena_alloc(ev->arena, sizeof *e);

	e->name = name;
	e->span = at;
	e->module = ev->module;
	e->next = s->first;
	s->first = e;
	return e;
}

struct entry *name_find(struct evaluator *ev, const char *name)
{
	for (struct scope *s = ev->scope; s; s = s->up) {
		struct entry *e = scope_find_here(s, name);

		if (e)
			return e;
	}
	return NULL;
}

void scope_open(struct evaluator *ev, struct scope *s)
{
	*s = (struct scope){ .up = ev->scope };
	ev->scope = s;
}

/* One ghost per declaration is enough, whatever the number of iterations. */
static bool is_ghost(struct evaluator *ev, const struct entry *e)
{
	for (struct ghost *g = ev->ghost; g; g = g->next)
		if (g->name == e->name && g->span.begin == e->span.begin &&
		    g->span.source == e->span.source)
			return true;
	return false;
}

void scope_close(struct evaluator *ev, struct scope *s, const char *inside, struct span at)
{
	for (struct entry *e = s->first; e && inside; e = e->next) {
		struct ghost *g;

		if (is_ghost(ev, e))
			continue;
		g = arena_alloc(ev->arena, sizeof *g);
		*g = (struct ghost){ e->name, inside, e->span, at, ev->ghost };
		ev->ghost = g;
	}
	ev->scope = s->up;
}

/* Also of names that this file does not have: `slice` means something to every reader. */
static bool is_predefined(const char *name)
{
	static const char *const names[] = {
#define PREDEFINED(name) #name,
#include "compiler/elab/predefined.def"
#undef PREDEFINED
	};

	for (size_t i = 0; i < PRECESS_COUNT(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

bool warn_predefined(struct evaluator *ev, const char *name, struct span at)
{
	struct diag *d;

	if (!is_predefined(name))
		return false;
	d = warning_at(ev, "W04", at, "`%s` hides the predefined `%s`", name, name);
	diag_help(ev->l, d, "choose another name");
	return true;
}

static void warn_shadow(struct evaluator *ev, const char *name, struct span at)
{
	struct entry *outer = NULL;
	struct diag *d;

	for (struct scope *s = ev->scope->up; s && !outer; s = s->up)
		outer = scope_find_here(s, name);
	if (warn_predefined(ev, name, at) || !outer || outer->weak)
		return;
	d = warning_at(ev, "W04", at, "`%s` hides another `%s`", name, name);
	diag_note(ev->l, d, outer->span, "the other one is declared here");
}

static void error_again(struct evaluator *ev, const char *name, struct span at,
			const struct entry *first)
{
	struct diag *d = error_at(ev, "E18", at, "`%s` is declared twice", name);

	diag_note(ev->l, d, first->span, "first declared here");
}

void name_bind(struct evaluator *ev, const char *name, struct span at, struct value v)
{
	struct entry *e = scope_find_here(ev->scope, name);

	index_value(ev, at, &v);
	if (e && e->state == ENTRY_LATER) {
		e->value = v;
		e->state = ENTRY_DONE;
		return;
	}
	if (e && !e->weak) {
		error_again(ev, name, at, e);
		return;
	}
	warn_shadow(ev, name, at);
	e = scope_add(ev, ev->scope, name, at);
	e->value = v;
	e->state = ENTRY_DONE;
}

/* ------------------------------------------------------------------ evaluation on first use */
static void error_cycle(struct evaluator *ev, const struct entry *e)
{
	int first = ev->n_busy - 1;
	struct diag *d;
	struct text t;

	while (first > 0 && ev->busy[first] != e)
		first--;
	text_init(&t);
	for (int i = first; i < ev->n_busy; i++)
		text_printf(&t, "%s -> ", ev->busy[i]->name);
	d = error_at(ev, "E16", ev->busy[first]->span, "cycle: %s%s", t.data, e->name);
	for (int i = first + 1; i < ev->n_busy; i++)
		diag_note(ev->l, d, ev->busy[i]->span, "`%s` is declared here", ev->busy[i]->name);
	text_free(&t);
}

/* A top-level declaration is evaluated in its module's scope, outside every call. */
static struct value evaluate_entry(struct evaluator *ev, struct entry *e)
{
	struct scope *scope = ev->scope;
	struct module *module = ev->module;
	struct frame *frame = ev->frame, *top = frame;
	const char *binding = ev->binding;
	const struct node *n = e->node, *set, *type = NULL;
	struct value v;

	while (top && top->up)
		top = top->up;
	ev->scope = &e->module->scope;
	ev->module = e->module;
	ev->frame = top;
	ev->binding = e->name;
	switch (n->kind) {
	case NODE_CONST:
	case NODE_LET:
		set = n->kind == NODE_CONST && e->module == ev->main ? setting_of(ev, e->name)
								     : NULL;
		v = evaluate(ev, set ? set : n->kid[1]);
		grad_named(ev, &v, n->kid[1], e->name);
		type = n->kid[0];
		if (type && !type->integer && type_known(type->name) &&
		    !value_convert(ev, &v, type->name, false,
				   arena_printf(ev->arena, "`%s`", e->name)))
			v = value_error();
		if (n->kind == NODE_CONST && v.kind == VALUE_NUMBER) {
			double ignored;

			if (!value_is_const(ev, &v, &ignored)) {
				error_stage(ev, n->kid[1], "`const`");
				v = value_error();
			}
		}
		break;
	case NODE_DEF:
	case NODE_BLOCK:
		v = (struct value){ .kind = VALUE_FUNCTION, .span = e->span };
		v.function = function_of_node(ev, n, e->module);
		break;
	default:
		v = value_error();
	}
	ev->scope = scope;
	ev->module = module;
	ev->frame = frame;
	ev->binding = binding;
	return v;
}

struct value entry_value(struct evaluator *ev, struct entry *e, struct span at)
{
	struct value v;

	if (e->state == ENTRY_BUSY) {
		error_cycle(ev, e);
		return value_error();
	}
	if (e->state == ENTRY_LATER) {
		struct diag *d = error_at(ev, "E12", at, "`%s` is played only further down",
					  e->name);

		diag_note(ev->l, d, e->span, "here");
		return value_error();
	}
	if (e->state == ENTRY_NEW && e->node && e->node->kind == NODE_PARAM) {
		error_at(ev, "E30", at,
			 "`%s` is a parameter; a value known at compile time is needed here",
			 e->name);
		return value_error();
	}
	if (e->state == ENTRY_NEW) {
		if (ev->n_busy == LIMIT_CALLS) {
			error_at(ev, "E19", at,
				 "declarations depend on each other more than %d deep",
				 LIMIT_CALLS);
			return value_error();
		}
		e->state = ENTRY_BUSY;
		ev->busy[ev->n_busy++] = e;
		e->value = evaluate_entry(ev, e);
		if (e->node)
			index_value(ev, e->node->name_span, &e->value);
		ev->n_busy--;
		e->state = ENTRY_DONE;
	}
	v = e->value;
	v.span = at;
	return v;
}

struct value name_value(struct evaluator *ev, const struct node *n)
{
	struct entry *e = name_find(ev, n->name);
	const struct builtin *b;

	if (e)
		return entry_value(ev, e, n->span);
	if (!strcmp(n->name, "start") && ev->frame)
		return value_scalar(ev->frame->start, dim_time, n->span);
	b = builtin_find(n->name);
	if (b)
		return builtin_value(ev, b, n->span);
	error_unknown(ev, n->name, n->span);
	return value_error();
}

/* ------------------------------------------------------------------ names that are not there */
struct names {
	const char *name[512], *module[512];
	size_t n;
};

static void names_add(struct names *c, const char *name, const char *module)
{
	if (c->n < PRECESS_COUNT(c->name)) {
		c->name[c->n] = name;
		c->module[c->n++] = module;
	}
}

static void names_visible(struct evaluator *ev, struct names *c)
{
	const char *const *b;
	size_t n;

	for (struct scope *s = ev->scope; s; s = s->up)
		for (struct entry *e = s->first; e; e = e->next)
			names_add(c, e->name,
				  e->module && e->module->standard ? e->module->name : NULL);
	b = builtin_names(&n);
	for (size_t i = 0; i < n; i++)
		names_add(c, b[i], NULL);
}

static void names_standard(struct evaluator *ev, struct names *c)
{
	for (const struct module *m = ev->modules; m; m = m->next)
		for (const struct entry *e = m->scope.first; m->standard && e; e = e->next)
			if (e->module == m)
				names_add(c, e->name, m->name);
}

static bool told_ghost(struct evaluator *ev, const char *name, struct span at)
{
	for (struct ghost *g = ev->ghost; g; g = g->next) {
		struct diag *d;

		if (g->name != name)
			continue;
		d = error_at(ev, "E24", at,
			     "`%s` is played inside `%s` (%s) and is not visible here", name,
			     g->inside, place_text(ev, g->inside_span));
		diag_label(ev->l, d, "not visible here");
		diag_note(ev->l, d, g->span, "`%s` is bound here", name);
		diag_help(ev->l, d, "bind a `mark` outside, or play this inside `%s`", g->inside);
		return true;
	}
	return false;
}

/* Names that `geometry` brings. */
static bool told_geometry(struct evaluator *ev, const char *name, struct span at)
{
	static const char *const lines[][2] = {
		{ "matrix", "matrix = [128, 128]" },
		{ "fov", "fov = [220mm, 220mm]" },
		{ "dk", "fov = [220mm, 220mm]" },
		{ "slice", "slice = 5mm" },
	};

	for (size_t i = 0; i < PRECESS_COUNT(lines); i++) {
		struct diag *d;

		if (strcmp(name, lines[i][0]))
			continue;
		d = error_at(ev, "E12", at, "`%s` is not known: `geometry` does not say", name);
		diag_help(ev->l, d, "add `%s` to `geometry`", lines[i][1]);
		return true;
	}
	return false;
}

void error_unknown(struct evaluator *ev, const char *name, struct span at)
{
	struct names *c;
	const char *near;
	struct diag *d;

	if (ev->module->incomplete || told_ghost(ev, name, at) || told_geometry(ev, name, at))
		return;
	d = error_at(ev, "E12", at, "no `%s` here", name);
	if (d == &ev->ignored)
		return;
	c = arena_alloc(ev->arena, sizeof *c);
	names_visible(ev, c);
	module_standard(ev);
	names_standard(ev, c);
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->name[i], name) && c->module[i]) {
			diag_help(ev->l, d, "add `import %s (%s)`", c->module[i], name);
			return;
		}
	near = lang_nearest(name, c->name, c->n);
	if (!near)
		return;
	d->replacement = near;
	for (size_t i = 0; i < c->n; i++) {
		if (c->name[i] != near)
			continue;
		if (c->module[i])
			diag_help(ev->l, d, "did you mean `%s` (%s)?", near, c->module[i]);
		else
			diag_help(ev->l, d, "did you mean `%s`?", near);
		return;
	}
}
