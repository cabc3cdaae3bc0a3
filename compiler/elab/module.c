/* Modules: where they are searched, what an import brings into scope. */
#include <string.h>

#include "compiler/elab/evaluator.h"
#include "compiler/elab/stdlib.h"

/* ------------------------------------------------------------------ finding */
/* "std.epi" -> "std/epi.seq" below `folder`. */
static const char *module_path(struct evaluator *ev, const char *folder, const char *name)
{
	char *path = arena_printf(ev->arena, "%s/%s.seq", folder, name);
	size_t n = strlen(folder) + 1;

	for (char *c = path + n; c < path + n + strlen(name); c++)
		if (*c == '.')
			*c = '/';
	return path;
}

static bool file_exists(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f)
		fclose(f);
	return f != NULL;
}

static struct module *module_new(struct evaluator *ev, const char *name, const char *path)
{
	struct module *m = arena_alloc(ev->arena, sizeof *m);

	m->name = name;
	m->path = path;
	m->scope.up = &ev->global;
	m->next = ev->modules;
	ev->modules = m;
	return m;
}

static struct module *module_loaded(struct evaluator *ev, const char *name, const char *path)
{
	for (struct module *m = ev->modules; m; m = m->next)
		if (path ? (m->path && !strcmp(m->path, path))
			 : (m->standard && !strcmp(m->name, name)))
			return m;
	return NULL;
}

/* Declares a fresh module's names; it is `loading` meanwhile, so that import cycles show. */
static struct module *module_fill(struct evaluator *ev, struct module *m)
{
	m->loading = true;
	if (m->file)
		module_declare(ev, m);
	m->loading = false;
	return m;
}

struct module *module_standard(struct evaluator *ev, const char *name)
{
	for (const struct stdlib_module *s = stdlib_modules; s->name; s++) {
		struct module *m;

		if (name && strcmp(s->name, name))
			continue;
		m = module_loaded(ev, s->name, NULL);
		if (!m) {
			m = module_new(ev, s->name, NULL);
			m->standard = true;
			m->file = lang_parse(ev->l, arena_printf(ev->arena, "<%s>", s->name),
					     s->text, strlen(s->text));
			module_fill(ev, m);
		}
		if (name)
			return m;
	}
	return NULL;
}

static struct module *module_from_file(struct evaluator *ev, const char *name, const char *path,
				       struct span at)
{
	struct module *m = module_loaded(ev, name, path);
	precess_status st;

	if (m)
		return m;
	m = module_new(ev, name, path);
	st = lang_parse_file(&m->file, ev->l, path);
	if (st) {
		error_at(ev, "E17", at, "module `%s` cannot be read: %s", name, precess_error());
		m->file = NULL;
	}
	return module_fill(ev, m);
}

static const char *own_folder(struct evaluator *ev)
{
	const char *path = ev->module->path, *slash = path ? strrchr(path, '/') : NULL;

	return slash ? arena_copy(ev->arena, path, (size_t)(slash - path)) : ".";
}

static void error_no_module(struct evaluator *ev, const char *name, struct span at,
			    const char *searched)
{
	const char *names[64];
	const char *near;
	size_t n = 0;
	struct diag *d = error_at(ev, "E17", at, "no module `%s`", name);

	for (const struct stdlib_module *s = stdlib_modules; s->name && n < 64; s++)
		names[n++] = s->name;
	diag_note(ev->l, d, span_none, "searched: %sthe standard library", searched);
	near = lang_nearest(name, names, n);
	if (near)
		diag_help(ev->l, d, "did you mean `%s`?", near);
	else
		diag_help(ev->l, d, "the standard library has std.epi, std.fse, std.grads, ...");
}

static struct module *module_find(struct evaluator *ev, const char *name, struct span at)
{
	const char *searched = "", *path;
	struct module *m;
	size_t n_path = ev->options ? ev->options->n_path : 0;

	if (!ev->module->standard) {
		for (size_t i = 0; i <= n_path; i++) {
			path = module_path(ev, i ? ev->options->path[i - 1] : own_folder(ev), name);
			if (file_exists(path))
				return module_from_file(ev, name, path, at);
			searched = arena_printf(ev->arena, "%s%s, ", searched, path);
		}
	}
	m = module_standard(ev, name);
	if (!m)
		error_no_module(ev, name, at, searched);
	return m;
}

/* ------------------------------------------------------------------ declaring */
static bool is_declaration(enum node_kind k)
{
	return k == NODE_CONST || k == NODE_LET || k == NODE_DEF || k == NODE_BLOCK ||
	       k == NODE_PARAM || k == NODE_ERROR;
}

static void declare_name(struct evaluator *ev, struct module *m, const struct node *n)
{
	struct entry *e = scope_find_here(&m->scope, n->name);
	struct scope *scope = ev->scope;

	if (e && !e->weak) {
		struct diag *d = error_at(ev, "E18", n->name_span, "`%s` is declared twice",
					  n->name);

		diag_note(ev->l, d, e->span, "first declared here");
		return;
	}
	if (!m->standard)
		warn_predefined(ev, n->name, n->name_span);
	ev->scope = &m->scope;
	e = scope_add(ev, &m->scope, n->name, n->name_span);
	e->node = n;
	e->module = m;
	e->state = n->kind == NODE_PLAY || n->kind == NODE_MARK ? ENTRY_LATER : ENTRY_NEW;
	if (n->kind ==
	    NODE_ERROR) { /* a declaration that could not be read: its uses are innocent */
		e->value = value_error();
		e->state = ENTRY_DONE;
	}
	ev->scope = scope;
}

bool module_declare(struct evaluator *ev, struct module *m)
{
	struct module *module = ev->module;
	struct scope *scope = ev->scope;

	ev->module = m;
	ev->scope = &m->scope;
	for (uint32_t i = 0; i < m->file->n_kid; i++) {
		const struct node *n = m->file->kid[i];

		if (is_declaration(n->kind) && n->name)
			declare_name(ev, m, n);
		else if ((n->kind == NODE_PLAY || n->kind == NODE_MARK) && n->name &&
			 m == ev->main && !scope_find_here(&m->scope, n->name))
			declare_name(ev, m, n);
		else if (m != ev->main && n->kind > NODE_BLOCK && n->kind != NODE_ERROR)
			error_at(ev, "E05", n->span, "a module holds declarations only");
	}
	for (uint32_t i = 0; i < m->file->n_kid; i++)
		if (m->file->kid[i]->kind == NODE_IMPORT)
			module_import(ev, m->file->kid[i]);
	ev->module = module;
	ev->scope = scope;
	return true;
}

/* ------------------------------------------------------------------ importing */
static void import_entry(struct evaluator *ev, const struct entry *from, struct span at, bool weak)
{
	struct entry *e = scope_find_here(&ev->module->scope, from->name);

	if (e && (weak || e->node == from->node))
		return;
	if (e && !e->weak) {
		struct diag *d = error_at(ev, "E18", at, "`%s` is declared twice", from->name);

		diag_note(ev->l, d, e->span, "first declared here");
		return;
	}
	e = scope_add(ev, &ev->module->scope, from->name, at);
	e->node = from->node;
	e->module = from->module;
	e->weak = weak;
	e->state = ENTRY_NEW;
}

static void import_selected(struct evaluator *ev, struct module *m, const struct node *name)
{
	struct entry *e = scope_find_here(&m->scope, name->name);
	const char *names[256];
	const char *near;
	struct diag *d;
	size_t n = 0;

	if (e && e->module == m) {
		import_entry(ev, e, name->span, false);
		return;
	}
	/* Shapes that the language has built in may be imported like the others. */
	if (m->standard && builtin_find(name->name))
		return;
	d = error_at(ev, "E12", name->span, "no `%s` in %s", name->name, m->name);
	for (e = m->scope.first; e && n < PRECESS_COUNT(names); e = e->next)
		if (e->module == m)
			names[n++] = e->name;
	near = lang_nearest(name->name, names, n);
	if (near) {
		diag_help(ev->l, d, "did you mean `%s`?", near);
		d->replacement = near;
	}
}

/* What a module that is not there was to bring: told once, its uses are innocent. */
static void import_missing(struct evaluator *ev, const struct node *n)
{
	for (uint32_t i = 0; i < n->n_kid; i++)
		if (n->kid[i] && n->kid[i]->name &&
		    !scope_find_here(&ev->module->scope, n->kid[i]->name))
			name_bind(ev, n->kid[i]->name, n->kid[i]->span, value_error());
	if (n->doc)
		name_bind(ev, n->doc, n->span, value_error());
}

void module_import(struct evaluator *ev, const struct node *n)
{
	struct module *m = module_find(ev, n->name, n->name_span);

	if (!m || !m->file || m->file->kind == NODE_ERROR) {
		import_missing(ev, n);
		return;
	}
	if (m->loading) /* its names are declared already, so that they need not be missed */
		error_at(ev, "E16", n->name_span, "cycle: %s imports itself through %s", m->name,
			 ev->module->name);
	if (m->file->kind != NODE_MODULE) {
		error_at(ev, "E17", n->name_span,
			 "`%s` is a sequence, only a module can be imported", n->name);
		return;
	}
	if (n->doc) { /* import x as y */
		struct value v = { .kind = VALUE_MODULE, .span = n->span };

		v.module = m;
		name_bind(ev, n->doc, n->span, v);
		return;
	}
	for (uint32_t i = 0; i < n->n_kid; i++)
		if (n->kid[i] && n->kid[i]->name)
			import_selected(ev, m, n->kid[i]);
	if (!n->n_kid)
		for (const struct entry *e = m->scope.first; e; e = e->next)
			if (e->module == m)
				import_entry(ev, e, n->span, true);
}
