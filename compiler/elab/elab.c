/* The order of elaboration: names, system and geometry, parameters and maps, requirements, then the
 * statements in order; last the proofs and the checks of the whole. */
#include "compiler/elab/elab.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

static void each(struct evaluator *ev, enum node_kind kind,
		 void (*declare)(struct evaluator *, const struct node *))
{
	const struct node *f = ev->main->file;

	for (uint32_t i = 0; i < f->n_kid; i++)
		if (f->kid[i]->kind == kind)
			declare(ev, f->kid[i]);
}

/* Does `n` use a name that a statement binds later on? Lets are looked through. */
static bool waits(struct evaluator *ev, const struct node *n, int depth)
{
	struct entry *e;

	if (!n || depth > LIMIT_CALLS)
		return false;
	if (n->kind == NODE_NAME) {
		e = scope_find_here(&ev->main->scope, n->name);
		if (e && e->state == ENTRY_LATER)
			return true;
		return e && e->state == ENTRY_NEW && e->node && e->node->kind == NODE_LET &&
		       waits(ev, e->node->kid[1], depth + 1);
	}
	for (uint32_t i = 0; i < n->n_kid; i++)
		if (waits(ev, n->kid[i], depth))
			return true;
	return false;
}

/* Requirements come first, so that shapes are made for the domain that is left. */
static void run_statements(struct evaluator *ev)
{
	const struct node *f = ev->main->file;
	bool *done = arena_alloc(ev->arena, f->n_kid + 1);

	for (uint32_t i = 0; i < f->n_kid; i++)
		if (f->kid[i]->kind == NODE_REQUIRE && !waits(ev, f->kid[i], 0)) {
			execute_require(ev, f->kid[i]);
			done[i] = true;
		}
	for (uint32_t i = 0; i < f->n_kid && !ev->too_many; i++) {
		const struct node *n = f->kid[i];

		if (!done[i] && n->kind > NODE_BODY && n->kind < NODE_RANGE && n->kind != NODE_LET)
			execute(ev, n);
	}
}

static void report_one(struct evaluator *ev, const struct node *n, const char *name,
		       struct value v)
{
	v.span = n->kid[1]->span;
	v = value_finite(ev, v);
	v.span = n->name_span;
	if (v.kind == VALUE_NUMBER)
		mark_add(ev, name, n->doc, v);
}

static void report_value(struct evaluator *ev, const struct node *n, struct value v)
{
	report_one(ev, n, n->name, v);
	for (uint32_t i = 0; v.kind == VALUE_ARRAY && i < v.array->n; i++)
		report_one(ev, n, arena_printf(ev->arena, "%s[%u]", n->name, i),
			   v.array->item[i]);
}

/* What no statement used is evaluated too: mistakes show, and documented values are reported. */
static void evaluate_rest(struct evaluator *ev)
{
	const struct node *f = ev->main->file;

	for (uint32_t i = 0; i < f->n_kid; i++) {
		const struct node *n = f->kid[i];
		struct entry *e;
		struct value v;

		if (n->kind != NODE_LET && n->kind != NODE_CONST && n->kind != NODE_DEF &&
		    n->kind != NODE_BLOCK)
			continue;
		e = scope_find_here(&ev->main->scope, n->name);
		if (!e || e->node != n)
			continue;
		v = entry_value(ev, e, n->name_span);
		if (n->kind == NODE_LET && n->doc)
			report_value(ev, n, v);
	}
}

static void elaborate_sequence(struct evaluator *ev)
{
	struct frame top = {
		.name = ev->main->name, .call = span_none, .module = ev->main, .is_block = true
	};

	ev->frame = &top;
	each(ev, NODE_SYSTEM, declare_system);
	declare_globals(ev);
	if (!ev->has_system) {
		struct diag *d =
			warning_at(ev, "W06", ev->main->file->name_span,
				   "no `system` line: a scanner of 40mT/m and 150T/m/s is assumed");

		diag_help(ev->l, d, "`system = default` says so, `system = ideal` has no limits");
	}
	each(ev, NODE_GEOMETRY, declare_geometry);
	each(ev, NODE_PARAM, declare_param);
	each(ev, NODE_MAP, declare_map);
	timeline_begin(ev, 0);
	run_statements(ev);
	timeline_end(ev);
	evaluate_rest(ev);
	settings_check(ev);
	obligations_report(ev);
	check_coverage(ev);
	check_step(ev);
	if (!diag_count(ev->l, SEVERITY_ERROR))
		check_unused(ev);
	ev->frame = NULL;
}

/* A module has no system and no geometry of its own: it is tried with common ones. */
static void elaborate_module(struct evaluator *ev)
{
	struct frame top = {
		.name = ev->main->name, .call = span_none, .module = ev->main, .is_block = true
	};
	static const char geometry[] =
		"seq 1\nsequence x\ngeometry fov = 220mm, matrix = 64, slice = 5mm\n";
	const struct node *f = lang_parse(ev->l, "<geometry>", geometry, sizeof geometry - 1);

	ev->frame = &top;
	declare_globals(ev);
	for (uint32_t i = 0; i < f->n_kid; i++)
		if (f->kid[i]->kind == NODE_GEOMETRY)
			declare_geometry(ev, f->kid[i]);
	timeline_begin(ev, 0);
	module_check(ev, ev->main);
	obligations_report(ev);
	ev->frame = NULL;
}

static void finish(struct evaluator *ev)
{
	struct ir *ir = ev->ir;

	ir->name = ev->main->name ? arena_copy(ir->arena, ev->main->name, strlen(ev->main->name))
				  : "";
	ir->doc = ev->main->file->doc
			  ? arena_copy(ir->arena, ev->main->file->doc, strlen(ev->main->file->doc))
			  : NULL;
	timeline_flush(ev);
	ir_hash(ir);
}

struct ir *elab(struct lang *l, struct node *file, struct elab_options *options)
{
	struct evaluator *ev = calloc(1, sizeof *ev);
	struct module *main;
	struct ir *ir;

	if (!ev)
		abort();
	ev->l = l;
	ev->arena = lang_arena(l);
	ev->ir = ir = ir_create();
	ev->options = options;
	ev->where = "";
	system_default(ev);
	declare_globals(ev);
	main = arena_alloc(ev->arena, sizeof *main);
	main->name = file->name;
	main->path = lang_source_path(l, file->span.source);
	main->file = file;
	main->scope.up = &ev->global;
	ev->main = ev->module = ev->modules = main;
	ev->scope = &main->scope;
	main->loading = true;
	module_declare(ev, main);
	main->loading = false;
	if (file->kind == NODE_MODULE)
		elaborate_module(ev);
	else
		elaborate_sequence(ev);
	if (diag_count(l, SEVERITY_ERROR)) {
		ir_free(ir);
		ir = NULL;
	} else {
		finish(ev);
	}
	free(ev->block);
	free(ev->event);
	free(ev->proved);
	free(ev->limits);
	free(ev);
	return ir;
}
