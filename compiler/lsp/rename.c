/* Answers about places: where a name is declared and used, in this file and in others, and what
 * changes when it gets another name. */
#include <stdlib.h>
#include <string.h>

#include "compiler/lsp/server.h"

static uint32_t asked(const struct document *d, const json_t *params)
{
	return document_byte(d, json_object_get(params, "position"));
}

static json_t *location(const struct document *d, struct span at)
{
	return json_pack("{s:s, s:o}", "uri", d->uri, "range", document_range(d, at));
}

json_t *answer_definition(struct document *d, const json_t *params)
{
	uint32_t byte = asked(d, params);
	const struct node *import = target_import(d, byte);
	struct document *m = import ? modules_of(d, import) : NULL;
	struct lsp_target t;
	if (m)
		return location(m, m->tree->name_span);
	return target_at(&t, d, byte) ? location(t.d, t.o->span) : NULL;
}

/* ------------------------------------------------------------------ uses */
struct list {
	json_t *all;
	const struct document *only;  /* NULL: in every file */
	const struct lsp_target *but; /* leave its declaration out */
};

static void add_location(void *context, struct document *d, struct span at)
{
	const struct list *l = context;
	if (!l->but || d != l->but->d || at.begin != l->but->o->span.begin)
		json_array_append_new(l->all, location(d, at));
}

static void add_highlight(void *context, struct document *d, struct span at)
{
	const struct list *l = context;
	if (d == l->only)
		json_array_append_new(l->all, json_pack("{s:o}", "range", document_range(d, at)));
}

json_t *answer_references(struct document *d, const json_t *params)
{
	const json_t *wish = json_object_get(json_object_get(params, "context"),
					     "includeDeclaration");
	struct list l = { json_array(), NULL, NULL };
	struct lsp_target t;
	if (target_at(&t, d, asked(d, params))) {
		if (json_is_false(wish))
			l.but = &t;
		target_each(&t, add_location, &l);
	}
	return l.all;
}

json_t *answer_highlight(struct document *d, const json_t *params)
{
	const struct lsp_declaration *o = names_at(d, asked(d, params));
	struct list l = { json_array(), d, NULL };
	struct lsp_target t;
	for (size_t i = 0; o && i < d->names.n_use; i++)
		if (&d->names.declaration[d->names.use[i].declaration] == o)
			add_highlight(&l, d, d->names.use[i].span);
	if (!o && target_at(&t, d, asked(d, params)))
		target_each(&t, add_highlight, &l);
	return l.all;
}

/* ------------------------------------------------------------------ renaming */
static bool is_name(const char *s)
{
	static const char *const words[] = {
#define KEYWORD(word, token, place) #word,
#include "lang/keywords.def"
#undef KEYWORD
	};
	for (size_t i = 0; i < PRECESS_COUNT(words); i++)
		if (!strcmp(words[i], s))
			return false;
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!((*s | 32) >= 'a' && (*s | 32) <= 'z') && !(*s >= '0' && *s <= '9') &&
		    *s != '_')
			return false;
	return true;
}

static void refuse(struct document *d, const char *text)
{
	d->server->refusal = text;
}

/* What may be renamed at the asked place; else the server says why not. */
static bool renamed(struct lsp_target *t, struct document *d, uint32_t byte)
{
	if (!target_at(t, d, byte)) {
		refuse(d, "no declaration of this name is known");
		return false;
	}
	if (modules_read_only(t->d)) {
		refuse(d, arena_printf(lang_arena(d->lang),
				       "`%s` comes from the library module %s and keeps its name",
				       t->o->name, t->d->tree->name));
		return false;
	}
	return true;
}

json_t *answer_prepare(struct document *d, const json_t *params)
{
	uint32_t byte = asked(d, params);
	struct lsp_target t;
	if (!renamed(&t, d, byte))
		return NULL;
	return json_pack("{s:o, s:s}", "range", document_range(d, document_word(d, byte)),
			 "placeholder", t.o->name);
}

struct change {
	const struct lsp_target *target;
	const char *name;
	json_t *files;
	struct document *asking;
};

/* The top-level item that holds `at`. */
static const struct node *item_of(const struct document *d, struct span at)
{
	for (uint32_t i = 0; i < d->tree->n_kid; i++)
		if (d->tree->kid[i]->span.begin <= at.begin && at.end <= d->tree->kid[i]->span.end)
			return d->tree->kid[i];
	return NULL;
}

/* Would the new name mean something else at `at`? A top-level name meets every other of its file, a
 * local one those of its function and the top level. */
static bool taken(const struct change *c, const struct document *d, struct span at)
{
	bool wide = c->target->o->top || d != c->target->d;
	for (size_t i = 0; i < d->names.n_declaration; i++) {
		const struct lsp_declaration *o = &d->names.declaration[i];
		if (strcmp(o->name, c->name))
			continue;
		if (wide || o->top || item_of(d, o->span) == item_of(d, at))
			return true;
	}
	return false;
}

static void add_edit(void *context, struct document *d, struct span at)
{
	struct change *c = context;
	json_t *edits = json_object_get(c->files, d->uri);
	bool argument = c->target->o->node->kind == NODE_FORMAL && d != c->target->d;
	if (!argument && taken(c, d, at))
		refuse(c->asking, arena_printf(lang_arena(c->asking->lang),
					       "`%s` is declared already in %s", c->name, d->path));
	if (!edits) {
		edits = json_array();
		json_object_set_new(c->files, d->uri, edits);
	}
	json_array_append_new(edits, document_edit(d, at, c->name));
}

json_t *answer_rename(struct document *d, const json_t *params)
{
	const char *name = json_string_value(json_object_get(params, "newName"));
	struct lsp_target t;
	struct change c = { &t, name, NULL, d };
	if (!name || !is_name(name)) {
		refuse(d, "a name consists of letters, digits and _, and is no keyword");
		return NULL;
	}
	if (!renamed(&t, d, asked(d, params)))
		return NULL;
	c.files = json_object();
	if (strcmp(name, t.o->name))
		target_each(&t, add_edit, &c);
	return json_pack("{s:o}", "changes", c.files);
}
