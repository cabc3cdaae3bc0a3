/* Answers about names: where they come from, what they are worth, what may stand here. */
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
	const struct lsp_declaration *o = names_at(d, asked(d, params));
	return o ? location(d, o->span) : NULL;
}

/* --- all places of one name --- */
static json_t *places(struct document *d, const json_t *params,
		      json_t *(*make)(const struct document *, struct span, const char *),
		      const char *text)
{
	const struct lsp_declaration *o = names_at(d, asked(d, params));
	json_t *list = json_array();
	for (size_t i = 0; o && i < d->names.n_use; i++)
		if (&d->names.declaration[d->names.use[i].declaration] == o)
			json_array_append_new(list, make(d, d->names.use[i].span, text));
	return list;
}

static json_t *as_location(const struct document *d, struct span at, const char *text)
{
	(void)text;
	return location(d, at);
}

static json_t *as_highlight(const struct document *d, struct span at, const char *text)
{
	(void)text;
	return json_pack("{s:o}", "range", document_range(d, at));
}

json_t *answer_references(struct document *d, const json_t *params)
{
	return places(d, params, as_location, NULL);
}

json_t *answer_highlight(struct document *d, const json_t *params)
{
	return places(d, params, as_highlight, NULL);
}

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
		if (!((*s | 32) >= 'a' && (*s | 32) <= 'z') && !(*s >= '0' && *s <= '9') && *s != '_')
			return false;
	return true;
}

/* What comes from another module keeps its name. */
json_t *answer_rename(struct document *d, const json_t *params)
{
	const char *name = json_string_value(json_object_get(params, "newName"));
	const struct lsp_declaration *o = names_at(d, asked(d, params));
	if (!o || !name || !is_name(name) || o->node->kind == NODE_NAME)
		return NULL;
	json_t *changes = json_object();
	json_object_set_new(changes, d->uri, places(d, params, document_edit, name));
	return json_pack("{s:o}", "changes", changes);
}

/* --- hover --- */
static const struct {
	const char *name, *formals, *doc;
} builtins[] = {
#define BUILTIN(name, formals, doc) { #name, formals, doc },
#include "compiler/elab/builtins.def"
#undef BUILTIN
};

static void add_builtin(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < PRECESS_COUNT(builtins); i++)
		if (strlen(builtins[i].name) == n && !memcmp(builtins[i].name, s, n))
			text_printf(t, "```seq\n%s(%s)\n```\n%s\n", builtins[i].name,
				    builtins[i].formals, builtins[i].doc);
}

/* The first line of a declaration. */
static void add_line(struct text *t, const struct document *d, struct span at)
{
	const char *s = lang_source_text(d->lang, at.source, NULL) + at.begin;
	size_t n = 0;
	while (n < at.end - at.begin && s[n] != '\n' && s[n] != '\r')
		n++;
	text_printf(t, "```seq\n%.*s\n```\n", (int)n, s);
}

static void add_value(struct text *t, const struct document *d, struct span at)
{
	for (uint32_t i = 0; i < d->index.n; i++) {
		const struct elab_fact *f = &d->index.fact[i];
		if (f->kind == ELAB_VALUE && f->span.begin == at.begin && f->span.end == at.end) {
			text_printf(t, "%s\n", f->text);
			return;
		}
	}
}

json_t *answer_hover(struct document *d, const json_t *params)
{
	uint32_t byte = asked(d, params);
	const struct lsp_declaration *o = names_at(d, byte);
	struct span word = document_word(d, byte);
	const char *s = lang_source_text(d->lang, d->source, NULL);
	struct text t;
	json_t *j = NULL;
	text_init(&t);
	if (o && o->node->kind != NODE_NAME)
		add_line(&t, d, o->node->span);
	else
		add_builtin(&t, s + word.begin, word.end - word.begin);
	add_value(&t, d, o ? o->span : word);
	if (o && o->node->doc)
		text_printf(&t, "\n%s\n", o->node->doc);
	if (t.n)
		j = json_pack("{s:{s:s, s:s}, s:o}", "contents", "kind", "markdown", "value", t.data,
			      "range", document_range(d, word));
	text_free(&t);
	return j;
}

/* --- completion --- */
enum { KIND_FUNCTION = 3, KIND_VARIABLE = 6, KIND_UNIT = 11, KIND_KEYWORD = 14, KIND_ARGUMENT = 5 };

static void offer(json_t *list, const char *label, int kind, const char *detail)
{
	json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "label", label, "kind", kind,
					      "detail", detail));
}

static void offer_units(json_t *list)
{
#define UNIT(name, scale, power, s, m, T, rad, meaning) offer(list, name, KIND_UNIT, meaning);
#include "lang/units.def"
#undef UNIT
}

/* The call around `byte`: the callee's word, and how many commas lie between. */
static bool call_around(const struct document *d, uint32_t byte, struct span *callee, int *argument)
{
	const struct lang_token *t;
	size_t n = lang_tokens(&t, d->lang, d->source);
	const char *s = lang_source_text(d->lang, d->source, NULL);
	int depth = 0;
	*argument = 0;
	while (n > 0 && t[n - 1].span.begin >= byte)
		n--;
	for (; n > 1; n--) {
		const struct lang_token *k = &t[n - 1];
		char c = s[k->span.begin];
		if (k->begins || c == '{' || c == '}')
			return false;
		if (k->class != TOKEN_OPERATOR)
			continue;
		if (c == ')' || c == ']')
			depth++;
		else if (c == ',' && !depth)
			++*argument;
		else if (c == '(' && !depth) {
			*callee = k[-1].span;
			return k[-1].class == TOKEN_NAME;
		} else if ((c == '(' || c == '[') && depth-- == 0)
			return false;
	}
	return false;
}

/* "axis: axis, area: area?" of what is called, built in or the file's own; "" if unknown. */
static const char *formals_of(const struct document *d, struct span callee)
{
	const char *s = lang_source_text(d->lang, d->source, NULL);
	const struct lsp_declaration *o = names_at(d, callee.begin);
	size_t n = callee.end - callee.begin;
	if (o && (o->node->kind == NODE_DEF || o->node->kind == NODE_BLOCK)) {
		const struct node *b = o->node;
		const char *list = "";
		for (uint32_t i = b->kind == NODE_DEF ? 2 : 1; i < b->n_kid; i++) {
			const struct node *k = b->kid[i];
			list = arena_printf(lang_arena(d->lang), "%s%s%s: %s%s", list,
					    *list ? ", " : "", k->name,
					    k->kid[0] ? k->kid[0]->name : "any",
					    k->n_kid > 1 && k->kid[1] ? "?" : "");
		}
		return list;
	}
	for (size_t i = 0; i < PRECESS_COUNT(builtins); i++)
		if (strlen(builtins[i].name) == n && !memcmp(builtins[i].name, s + callee.begin, n))
			return builtins[i].formals;
	return "";
}

static void offer_arguments(json_t *list, const struct document *d, uint32_t byte)
{
	struct span callee;
	int argument;
	if (!call_around(d, byte, &callee, &argument))
		return;
	for (const char *f = formals_of(d, callee); *f;) {
		size_t name = strcspn(f, ":"), all = strcspn(f, ",");
		char label[64], type[64];
		snprintf(label, sizeof label, "%.*s", (int)name, f);
		snprintf(type, sizeof type, "%.*s", (int)(all - name - 1), f + name + 1);
		offer(list, label, KIND_ARGUMENT, type + strspn(type, " "));
		f += all;
		f += strspn(f, ", ");
	}
}

static void offer_names(json_t *list, const struct document *d)
{
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
			      o->node->doc ? o->node->doc : "");
	}
	for (size_t i = 0; i < PRECESS_COUNT(builtins); i++)
		offer(list, builtins[i].name, KIND_FUNCTION, builtins[i].doc);
#define PREDEFINED(name) offer(list, #name, KIND_VARIABLE, "predefined");
#include "compiler/elab/predefined.def"
#undef PREDEFINED
#define KEYWORD(word, token, place) offer(list, #word, KIND_KEYWORD, "");
#include "lang/keywords.def"
#undef KEYWORD
}

/* Members of any kind: what the object is shows only when the file compiles. */
static void offer_members(json_t *list)
{
	static const char *const members[] = {
#define MEMBER(kind, name, dim, scalar) #name,
#include "compiler/elab/members.def"
#undef MEMBER
		"start", "end", "axis", "x", "y", "z",
	};
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
	uint32_t byte = asked(d, params);
	struct span word = document_word(d, byte);
	const char *s = lang_source_text(d->lang, d->source, NULL);
	json_t *list = json_array();
	if (word.begin < word.end && s[word.begin] >= '0' && s[word.begin] <= '9') {
		offer_units(list);
	} else if (word.begin > 0 && s[word.begin - 1] == '.') {
		offer_members(list);
	} else {
		offer_arguments(list, d, byte);
		offer_names(list, d);
	}
	return json_pack("{s:b, s:o}", "isIncomplete", 0, "items", list);
}

json_t *answer_signature(struct document *d, const json_t *params)
{
	const char *s = lang_source_text(d->lang, d->source, NULL), *formals;
	struct span callee;
	int argument;
	if (!call_around(d, asked(d, params), &callee, &argument) ||
	    !*(formals = formals_of(d, callee)))
		return NULL;
	json_t *list = json_array();
	for (const char *f = formals; *f;) {
		size_t n = strcspn(f, ",");
		json_array_append_new(list,
				      json_pack("{s:s%}", "label", f, n));
		f += n;
		f += strspn(f, ", ");
	}
	const char *label = arena_printf(lang_arena(d->lang), "%.*s(%s)",
					 (int)(callee.end - callee.begin), s + callee.begin, formals);
	return json_pack("{s:[{s:s, s:o}], s:i, s:i}", "signatures", "label", label, "parameters",
			 list, "activeSignature", 0, "activeParameter", argument);
}
