/* Calls: arguments to formals, then a built-in function, the body of a `def`, or a `block` that
 * waits to be played. */
#include <string.h>

#include "compiler/elab/evaluator.h"

struct function *function_of_node(struct evaluator *ev, const struct node *n, struct module *m)
{
	struct function *f = arena_alloc(ev->arena, sizeof *f);
	uint32_t first = n->kind == NODE_DEF ? 2 : 1;

	f->name = n->name;
	f->node = n;
	f->module = m;
	f->n_formal = n->n_kid > first ? (int)(n->n_kid - first) : 0;
	f->formal = arena_alloc(ev->arena, ((size_t)f->n_formal + 1) * sizeof *f->formal);
	for (int i = 0; i < f->n_formal; i++) {
		const struct node *k = n->kid[first + (uint32_t)i];
		struct formal *o = &f->formal[i];

		o->name = k->name;
		o->type = k->kid[0] ? k->kid[0]->name : "any";
		o->array = k->kid[0] && k->kid[0]->integer;
		o->fallback = k->n_kid > 1 ? k->kid[1] : NULL;
		o->optional = o->fallback && o->fallback->kind == NODE_NAME &&
			      !strcmp(o->fallback->name, "none");
		o->span = k->name_span;
		for (int j = 0; j < i; j++)
			if (f->formal[j].name == o->name)
				error_at(ev, "E18", o->span, "`%s` is declared twice", o->name);
		if (!type_known(o->type)) {
			error_at(ev, "E11", k->kid[0]->span, "no type `%s`", o->type);
			o->type = "any";
		}
	}
	return f;
}

/* ------------------------------------------------------------------ arguments */
static void error_argument(struct evaluator *ev, const struct function *f, const struct node *arg)
{
	const char *names[32], *near;
	struct diag *d;
	struct text t;
	size_t n = 0;

	text_init(&t);
	for (int i = 0; i < f->n_formal && n < PRECESS_COUNT(names); i++) {
		names[n++] = f->formal[i].name;
		text_printf(&t, "%s%s", i ? ", " : "", f->formal[i].name);
	}
	d = error_at(ev, "E13", arg->name ? arg->name_span : arg->span,
		     arg->name ? "`%s` has no argument `%s`; it takes %s"
			       : "`%s` has no room for another argument%s; it takes %s",
		     f->name, arg->name ? arg->name : "", f->n_formal ? t.data : "none");
	if (f->node)
		diag_note(ev->l, d, f->node->name_span, "`%s` is declared here", f->name);
	text_free(&t);
	near = arg->name ? lang_nearest(arg->name, names, n) : NULL;
	if (near) {
		diag_help(ev->l, d, "did you mean `%s`?", near);
		if (arg->name)
			d->replacement = near;
	}
}

/* A value for a formal of type `use` is a word of uses.def, which is no name elsewhere. */
static bool use_word(const struct node *n, const struct formal *f, struct value *v)
{
	static const char *const words[] = {
#define USE(name) #name,
#include "runtime/program/uses.def"
#undef USE
	};

	if (strcmp(f->type, "use") || n->kind != NODE_NAME)
		return false;
	for (size_t i = 0; i < PRECESS_COUNT(words); i++)
		if (!strcmp(words[i], n->name)) {
			*v = (struct value){ .kind = VALUE_TEXT,
					     .text = words[i],
					     .span = n->span };
			return true;
		}
	return false;
}

static bool convert_argument(struct evaluator *ev, struct value *v, const struct formal *f)
{
	const char *what = arena_printf(ev->arena, "`%s`", f->name);

	if (v->kind == VALUE_ERROR)
		return false;
	if (!f->array)
		return value_convert(ev, v, f->type, f->optional, what);
	if (f->optional && v->kind == VALUE_NONE)
		return true;
	if (v->kind != VALUE_ARRAY) {
		error_at(ev, "E11", v->span, "%s wants an array, found %s", what, describe(ev, v));
		return false;
	}
	for (uint32_t i = 0; i < v->array->n; i++)
		if (!value_convert(ev, &v->array->item[i], f->type, false, what))
			return false;
	return true;
}

static int formal_of(struct evaluator *ev, const struct function *f, const struct node *arg,
		     int position)
{
	if (!arg->name) {
		if (position < f->n_formal)
			return position;
	} else {
		for (int i = 0; i < f->n_formal; i++)
			if (!strcmp(f->formal[i].name, arg->name))
				return i;
	}
	error_argument(ev, f, arg);
	return -1;
}

/* Fills `value`; false after an error. Defaults are left for arguments_bind, which evaluates them
 * where earlier arguments are visible. */
static bool arguments(struct evaluator *ev, const struct function *f, const struct node *n,
		      struct value *value)
{
	bool ok = true;
	int position = 0;

	for (uint32_t i = 1; i < n->n_kid; i++) {
		const struct node *arg = n->kid[i];
		int at;

		if (arg->kind != NODE_ARG)
			return false;
		at = formal_of(ev, f, arg, position);
		if (!arg->name)
			position++;
		if (at < 0) {
			ok = false;
			continue;
		}
		if (value[at].kind != VALUE_NONE || value[at].span.end) {
			error_at(ev, "E13", arg->span, "`%s` is given twice", f->formal[at].name);
			ok = false;
			continue;
		}
		if (!use_word(arg->kid[0], &f->formal[at], &value[at]))
			value[at] = evaluate(ev, arg->kid[0]);
		value[at].span = arg->kid[0]->span;
		ok &= convert_argument(ev, &value[at], &f->formal[at]);
	}
	for (int i = 0; i < f->n_formal && ok; i++) {
		const struct formal *o = &f->formal[i];
		struct diag *d;

		if (value[i].kind != VALUE_NONE || value[i].span.end || o->fallback || o->optional)
			continue;
		d = error_at(ev, "E13", n->span, "`%s` wants `%s`", f->name, o->name);
		if (f->node)
			diag_note(ev->l, d, o->span, "declared here");
		ok = false;
	}
	return ok;
}

void arguments_bind(struct evaluator *ev, const struct function *f, const struct value *argument)
{
	for (int i = 0; i < f->n_formal; i++) {
		const struct formal *o = &f->formal[i];
		struct value v = argument[i];
		struct entry *e;

		if (v.kind == VALUE_NONE && !v.span.end && o->fallback) {
			v = evaluate(ev, o->fallback);
			if (!convert_argument(ev, &v, o))
				v = value_error();
		}
		e = scope_add(ev, ev->scope, o->name, o->span);
		e->value = v;
		e->state = ENTRY_DONE;
	}
}

/* ------------------------------------------------------------------ calling */
static struct value run_def(struct evaluator *ev, const struct function *f)
{
	const struct node *body = f->node->kid[1], *type = f->node->kid[0];
	struct node *outer = ev->body_return;
	bool returned = ev->has_returned;
	struct value v;

	if (body->kind != NODE_BODY) {
		v = evaluate(ev, body);
	} else {
		ev->body_return = (struct node *)body;
		ev->has_returned = false;
		for (uint32_t i = 0; i < body->n_kid && !ev->has_returned; i++)
			execute(ev, body->kid[i]);
		v = ev->has_returned ? ev->returned : value_error();
		if (!ev->has_returned && !diag_count(ev->l, SEVERITY_ERROR))
			error_at(ev, "E35", f->node->name_span, "`%s` ends without `return`",
				 f->name);
		ev->body_return = outer;
		ev->has_returned = returned;
	}
	if (type && !type->integer && type_known(type->name) &&
	    !value_convert(ev, &v, type->name, true, arena_printf(ev->arena, "`%s`", f->name)))
		return value_error();
	return v;
}

struct value call_function(struct evaluator *ev, const struct function *f, struct value *argument,
			   const struct node *n)
{
	struct frame frame = {
		.up = ev->frame, .name = f->name, .call = n->span, .module = f->module
	};
	struct scope scope, *outer = ev->scope;
	struct module *module = ev->module;
	struct value v;

	if (f->builtin) {
		struct call c = { n, f, argument };

		v = f->builtin->run(ev, &c);
		v.span = n->span;
		return v;
	}
	if (f->node->kind == NODE_BLOCK) {
		v = (struct value){ .kind = VALUE_CALL, .span = n->span };
		v.call = arena_alloc(ev->arena, sizeof *v.call);
		*v.call = (struct block_call){ (struct function *)f, argument, n->span };
		return v;
	}
	if (ev->n_call == LIMIT_CALLS) {
		error_at(ev, "E19", n->span, "`%s` calls itself more than %d deep", f->name,
			 LIMIT_CALLS);
		return value_error();
	}
	frame.start = frame.up ? frame.up->start : 0;
	ev->n_call++;
	ev->frame = &frame;
	ev->module = f->module;
	ev->scope = &f->module->scope;
	scope_open(ev, &scope);
	arguments_bind(ev, f, argument);
	v = run_def(ev, f);
	ev->scope = outer;
	ev->module = module;
	ev->frame = frame.up;
	ev->n_call--;
	v.span = n->span;
	return v;
}

struct value evaluate_call(struct evaluator *ev, const struct node *n)
{
	const char *binding = ev->binding;
	struct value callee, v;
	struct value *argument;

	ev->binding = NULL;
	callee = evaluate(ev, n->kid[0]);
	if (callee.kind == VALUE_ERROR)
		return callee;
	if (callee.kind != VALUE_FUNCTION) {
		error_at(ev, "E11", n->kid[0]->span, "`%s` is %s, not a function",
			 source_text(ev, n->kid[0]->span), describe(ev, &callee));
		return value_error();
	}
	argument = arena_alloc(ev->arena,
			       ((size_t)callee.function->n_formal + 1) * sizeof *argument);
	for (int i = 0; i < callee.function->n_formal; i++)
		argument[i] = (struct value){ .kind = VALUE_NONE };
	if (!arguments(ev, callee.function, n, argument))
		return value_error();
	ev->binding = binding;
	v = call_function(ev, callee.function, argument, n);
	ev->binding = NULL;
	return v;
}

struct value *call_arg(struct call *c, const char *name)
{
	for (int i = 0; i < c->function->n_formal; i++)
		if (!strcmp(c->function->formal[i].name, name))
			return c->value[i].kind == VALUE_NONE ? NULL : &c->value[i];
	return NULL;
}

ir_scalar call_scalar(struct call *c, const char *name, ir_scalar fallback)
{
	struct value *v = call_arg(c, name);

	return v ? v->scalar : fallback;
}
