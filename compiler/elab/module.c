/* Modules: how they are loaded, what an import brings into scope. */
#include <string.h>

#include "compiler/elab/evaluator.h"

/* ------------------------------------------------------------------ loading */
static struct module *module_new(struct evaluator *ev, const char *name)
{
	struct module *m = arena_alloc(ev->arena, sizeof *m);

	m->name = name;
	m->scope.up = &ev->global;
	m->next = ev->modules;
	ev->modules = m;
	return m;
}

/* One that is loaded from the same place. */
static struct module *module_loaded(struct evaluator *ev, const char *path,
				    const struct library *lib, const char *name)
{
	for (struct module *m = ev->modules; m; m = m->next)
		if (path ? m->path && !strcmp(m->path, path)
			 : m->library && !strcmp(m->library->path, lib->path) &&
				    !strcmp(m->name, name))
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

static struct module *module_from_library(struct evaluator *ev, const struct library *lib,
					  const struct library_module *text)
{
	struct module *m = module_loaded(ev, NULL, lib, text->name);

	if (m)
		return m;
	m = module_new(ev, text->name);
	m->library = lib;
	m->standard = !*lib->path;
	m->file = lang_parse(
		ev->l,
		arena_printf(ev->arena, m->standard ? "%s<%s>" : "%s(%s)", lib->path, text->name),
		text->text, text->n);
	return module_fill(ev, m);
}

void module_standard(struct evaluator *ev)
{
	const struct library *lib = elab_standard(ev->l);

	for (size_t i = 0; i < lib->n_module; i++)
		module_from_library(ev, lib, &lib->module[i]);
}

static struct module *module_from_file(struct evaluator *ev, const char *name, const char *path,
				       struct span at)
{
	struct module *m = module_loaded(ev, path, NULL, name);
	const struct elab_options *o = ev->options;
	const char *text;
	size_t n;

	if (m)
		return m;
	m = module_new(ev, name);
	m->path = path;
	text = o && o->texts ? o->texts(o->texts_context, path, &n) : NULL;
	if (text)
		m->file = lang_parse(ev->l, path, text, n);
	else if (lang_parse_file(&m->file, ev->l, path)) {
		error_at(ev, "E17", at, "module `%s` cannot be read: %s", name, precess_error());
		m->file = NULL;
	}
	return module_fill(ev, m);
}

/* ------------------------------------------------------------------ what cannot be loaded */
static void suggest(struct evaluator *ev, struct diag *d, const struct elab_importer *from,
		    const char *name)
{
	const char *near = elab_near(ev->l, ev->options, from, name);

	if (near)
		diag_help(ev->l, d, "did you mean `%s`?", near);
	d->replacement = near;
}

static void error_no_module(struct evaluator *ev, const struct elab_importer *from,
			    const char *name, struct span at, const char *searched)
{
	struct diag *d = error_at(ev, "E17", at, "no module `%s`", name);

	diag_note(ev->l, d, span_none, "searched: %sthe standard library", searched);
	suggest(ev, d, from, name);
	if (!d->help)
		diag_help(ev->l, d,
			  "`--library-path FOLDER` or PRECESS_PATH name the folder that "
			  "holds `%s`",
			  name);
}

static void error_lacking(struct evaluator *ev, const struct elab_importer *from, const char *name,
			  struct span at, const struct library *lib)
{
	size_t n = strcspn(name, ".");
	struct diag *d;
	struct text t;

	if (strlen(lib->name) != n || strncmp(lib->name, name, n)) {
		d = error_at(ev, "E17", at, "%s holds the library `%s`, not `%.*s`", lib->path,
			     lib->name, (int)n, name);
		diag_help(ev->l, d, "a library's file has its name: %s" LIBRARY_ENDING, lib->name);
		return;
	}
	d = error_at(ev, "E17", at, "the library `%s` has no module `%s`", lib->name, name);
	text_init(&t);
	for (size_t i = 0; i < lib->n_module; i++)
		text_printf(&t, "%s%s", i ? ", " : "", lib->module[i].name);
	diag_note(ev->l, d, span_none, "%s holds %s", lib->path, t.data);
	text_free(&t);
	if (lib->name[n] == name[n] && lib->n_module)
		diag_help(ev->l, d, "a library is imported module by module: `import %s`",
			  lib->module[0].name);
	else
		suggest(ev, d, from, name);
}

static void error_unusable(struct evaluator *ev, const char *name, struct span at,
			   const struct elab_place *place)
{
	bool newer = place->fault == PRECESS_ENOTSUP;
	struct diag *d = error_at(ev, newer ? "E51" : "E52", at, "no `%s`: %s", name, place->why);

	if (newer)
		diag_help(ev->l, d,
			  "this is precess " PRECESS_VERSION
			  "; use a newer one, or build the library "
			  "again with this one");
	else
		diag_help(ev->l, d, "build it again: `precess build FOLDER -o %s`", place->path);
}

/* E53 when another version was asked for than the one that was found. */
static bool version_fits(struct evaluator *ev, const struct node *n, const struct module *m)
{
	long long has = (long long)m->file->number, wanted = (long long)n->integer;
	struct diag *d;

	if (!wanted || wanted == has)
		return true;
	if (has)
		d = error_at(ev, "E53", n->name_span, "`%s` is here in version %lld, not %lld",
			     m->name, has, wanted);
	else
		d = error_at(ev, "E53", n->name_span, "`%s` has no version, %lld is asked for",
			     m->name, wanted);
	if (m->library)
		diag_note(ev->l, d, span_none, "it comes from %s",
			  m->standard ? "the standard library" : m->library->path);
	else
		diag_note(ev->l, d, m->file->name_span, "it comes from here");
	if (has)
		diag_help(ev->l, d,
			  "`import %s %lld` if it fits this file, or put version %lld first on the "
			  "search path",
			  m->name, has, wanted);
	else
		diag_help(ev->l, d, "its header would say `module %s %lld`", m->name, wanted);
	return false;
}

static struct module *module_find(struct evaluator *ev, const char *name, struct span at)
{
	const struct module *m = ev->module;
	const struct elab_importer from = {
		.path = m->path,
		.module = m->file->kind == NODE_MODULE ? m->file->name : NULL,
		.library = m->library,
	};
	struct elab_place place;

	elab_locate(&place, ev->l, ev->options, &from, name);
	if (place.fault)
		error_unusable(ev, name, at, &place);
	else if (place.module)
		return module_from_library(ev, place.library, place.module);
	else if (place.library)
		error_lacking(ev, &from, name, at, place.library);
	else if (place.path)
		return module_from_file(ev, name, place.path, at);
	else
		error_no_module(ev, &from, name, at, place.searched);
	return NULL;
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
	if (!scope_find_here(&ev->module->scope, name->name)) /* its uses are innocent */
		name_bind(ev, name->name, name->span, value_error());
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
	ev->module->incomplete |= !n->n_kid && !n->doc;
}

static void error_cycle(struct evaluator *ev, const struct node *n, const struct module *m)
{
	struct diag *d;

	if (m == ev->module)
		d = error_at(ev, "E16", n->name_span, "cycle: %s imports itself", m->name);
	else
		d = error_at(ev, "E16", n->name_span, "cycle: %s imports itself through %s",
			     m->name, ev->module->name);
	diag_help(ev->l, d, "put what both need into a module of its own, or leave this line out");
}

void module_import(struct evaluator *ev, const struct node *n)
{
	struct module *m = module_find(ev, n->name, n->name_span);

	if (!m || !m->file || m->file->kind == NODE_ERROR) {
		import_missing(ev, n);
		return;
	}
	if (m->loading) /* its names are declared already, so that they need not be missed */
		error_cycle(ev, n, m);
	if (m->file->kind != NODE_MODULE) {
		error_at(ev, "E17", n->name_span,
			 "`%s` is a sequence, only a module can be imported", n->name);
		return;
	}
	if (!version_fits(ev, n, m)) {
		import_missing(ev, n);
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
