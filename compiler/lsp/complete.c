/* What may stand here: units behind a number, members behind a dot, modules and their names in an
 * import, arguments in a call, names everywhere else. */
#include <stdlib.h>
#include <string.h>

#include "compiler/lsp/server.h"

enum {
	KIND_FUNCTION = 3,
	KIND_VARIABLE = 6,
	KIND_MODULE = 9,
	KIND_UNIT = 11,
	KIND_KEYWORD = 14,
	KIND_ARGUMENT = 5
};

static void offer(json_t *list, const char *label, int kind, const char *detail)
{
	json_array_append_new(
		list, json_pack("{s:s, s:i, s:s}", "label", label, "kind", kind, "detail", detail));
}

static void offer_units(json_t *list)
{
#define UNIT(name, scale, power, s, m, T, rad, meaning) offer(list, name, KIND_UNIT, meaning);
#include "lang/units.def"
#undef UNIT
}

static void offer_arguments(json_t *list, struct document *d, uint32_t byte)
{
	struct span callee;
	const char *doc;
	int argument;
	if (!call_around(d, byte, &callee, &argument))
		return;
	for (const char *f = call_formals(d, callee, &doc); *f;) {
		size_t name = strcspn(f, ":"), all = strcspn(f, ",");
		char label[64], type[64];
		snprintf(label, sizeof label, "%.*s", (int)name, f);
		snprintf(type, sizeof type, "%.*s", (int)(all - name - 1), f + name + 1);
		offer(list, label, KIND_ARGUMENT, type + strspn(type, " "));
		f += all;
		f += strspn(f, ", ");
	}
}

/* ------------------------------------------------------------------ modules */
static void offer_module(json_t *list, const struct document *m)
{
	const struct library_symbol *s;
	size_t n = library_symbols(&s, m->lang, m->tree);
	for (size_t i = 0; i < n; i++)
		offer(list, s[i].name,
		      s[i].node->kind == NODE_DEF || s[i].node->kind == NODE_BLOCK ? KIND_FUNCTION
										   : KIND_VARIABLE,
		      s[i].signature);
}

static void offer_imported(json_t *list, struct document *d)
{
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *n = d->tree->kid[i];
		struct document *m = n->kind == NODE_IMPORT && !n->n_kid && !n->doc
					     ? modules_of(d, n)
					     : NULL;
		if (m)
			offer_module(list, m);
	}
}

/* Modules by their full names; editors match and replace them as one word. */
static void offer_modules(json_t *list, struct document *d, const char *path, struct span at)
{
	struct elab_options o = { 0 };
	struct elab_importer from = modules_importer(d);
	const char *const *name;
	modules_options(&o, d->server);
	size_t n = elab_modules(&name, d->lang, &o, &from, path);
	for (int begun = 1; begun >= 0; begun--) /* first those that begin as what is typed */
		for (size_t i = 0; i < n; i++)
			if ((strncmp(name[i], path, strlen(path)) == 0) == begun)
				json_array_append_new(
					list, json_pack("{s:s, s:i, s:s, s:o}", "label", name[i],
							"kind", KIND_MODULE, "filterText", name[i],
							"textEdit", document_edit(d, at, name[i])));
}

/* On a line that begins with `import`: what may stand at `byte`. A line that is being typed is no
 * tree yet, so its text is read. */
static bool complete_import(json_t *list, struct document *d, uint32_t byte)
{
	const char *s = lang_source_text(d->lang, d->source, NULL);
	uint32_t begin = byte;
	while (begin && s[begin - 1] != '\n')
		begin--;
	begin += (uint32_t)strspn(s + begin, " \t");
	if (begin + 7 > byte || strncmp(s + begin, "import ", 7))
		return false;
	begin += 7;
	begin += (uint32_t)strspn(s + begin, " ");
	if (begin > byte)
		begin = byte;
	size_t n = strcspn(s + begin, " \t\r\n(#");
	const char *path = arena_copy(lang_arena(d->lang), s + begin, n);
	if (byte <= begin + n) {
		struct span at = { d->source, begin, begin + (uint32_t)n };
		offer_modules(list, d, path, at);
	} else if (memchr(s + begin + n, '(', byte - begin - n)) {
		struct node import = { .kind = NODE_IMPORT, .name = path };
		struct document *m = modules_find(d, &import);
		if (m)
			offer_module(list, m);
	} else {
		offer(list, "as", KIND_KEYWORD, "");
	}
	return true;
}

/* ------------------------------------------------------------------ names */
static void offer_names(json_t *list, struct document *d)
{
	size_t n;
	const struct lsp_builtin *builtin = builtin_list(&n);
	for (size_t i = 0; i < d->names.n_declaration; i++) {
		const struct lsp_declaration *o = &d->names.declaration[i];
		bool again = false;
		for (size_t k = 0; k < i && k < 500; k++)
			again |= d->names.declaration[k].name == o->name;
		if (!again)
			offer(list, o->name,
			      o->node->kind == NODE_DEF || o->node->kind == NODE_BLOCK
				      ? KIND_FUNCTION
				      : KIND_VARIABLE,
			      o->node->doc && o->node->kind != NODE_IMPORT ? o->node->doc : "");
	}
	offer_imported(list, d);
	for (size_t i = 0; i < n; i++)
		offer(list, builtin[i].name, KIND_FUNCTION, builtin[i].doc);
#define PREDEFINED(name) offer(list, #name, KIND_VARIABLE, "predefined");
#include "compiler/elab/predefined.def"
#undef PREDEFINED
#define KEYWORD(word, token, place) offer(list, #word, KIND_KEYWORD, "");
#include "lang/keywords.def"
#undef KEYWORD
}

/* Of an alias the module's names; else members of any kind: what the object is shows only when the
 * file compiles. */
static void offer_members(json_t *list, struct document *d, uint32_t dot)
{
	static const char *const members[] = {
#define MEMBER(kind, name, dim, scalar) #name,
#include "compiler/elab/members.def"
#undef MEMBER
		"start", "end", "axis", "x", "y", "z",
	};
	struct span object = document_word(d, dot);
	const char *s = lang_source_text(d->lang, d->source, NULL) + object.begin;
	size_t n = object.end - object.begin;
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *k = d->tree->kid[i];
		if (k->kind != NODE_IMPORT || !k->doc || strlen(k->doc) != n ||
		    memcmp(k->doc, s, n))
			continue;
		struct document *m = modules_of(d, k);
		if (m)
			offer_module(list, m);
		return;
	}
	for (size_t i = 0; i < PRECESS_COUNT(members); i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= !strcmp(members[k], members[i]);
		if (!again)
			offer(list, members[i], KIND_ARGUMENT, "");
	}
}

json_t *answer_completion(struct document *d, const json_t *params)
{
	uint32_t byte = document_byte(d, json_object_get(params, "position"));
	struct span word = document_word(d, byte);
	const char *s = lang_source_text(d->lang, d->source, NULL);
	json_t *list = json_array();
	if (complete_import(list, d, byte)) {
		/* nothing else may stand there */
	} else if (word.begin < word.end && s[word.begin] >= '0' && s[word.begin] <= '9') {
		offer_units(list);
	} else if (word.begin > 0 && s[word.begin - 1] == '.') {
		offer_members(list, d, word.begin - 1);
	} else {
		offer_arguments(list, d, byte);
		offer_names(list, d);
	}
	return json_pack("{s:b, s:o}", "isIncomplete", 0, "items", list);
}
