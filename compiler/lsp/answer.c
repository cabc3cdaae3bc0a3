/* Answers about one name: what it is, what it is worth, how it is called. */
#include <stdlib.h>
#include <string.h>

#include "compiler/lsp/server.h"

static uint32_t asked(const struct document *d, const json_t *params)
{
	return document_byte(d, json_object_get(params, "position"));
}

static const struct lsp_builtin builtins[] = {
#define BUILTIN(name, formals, doc) { #name, formals, doc },
#include "compiler/elab/builtins.def"
#undef BUILTIN
};

const struct lsp_builtin *builtin_list(size_t *n)
{
	*n = PRECESS_COUNT(builtins);
	return builtins;
}

static const struct lsp_builtin *builtin_at(const struct document *d, struct span word)
{
	const char *s = lang_source_text(d->lang, word.source, NULL) + word.begin;
	size_t n = word.end - word.begin;
	for (size_t i = 0; i < PRECESS_COUNT(builtins); i++)
		if (strlen(builtins[i].name) == n && !memcmp(builtins[i].name, s, n))
			return &builtins[i];
	return NULL;
}

/* ------------------------------------------------------------------ hover */
static bool is_symbol(enum node_kind k)
{
	return k == NODE_DEF || k == NODE_BLOCK || k == NODE_LET || k == NODE_CONST;
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

static void add_header(struct text *t, const struct document *m)
{
	text_printf(t, "module %s", m->tree->name);
	if (m->tree->number)
		text_printf(t, " %.0f", m->tree->number);
}

/* What the target's declaration says, with the value it has in the document that asks. */
static void add_target(struct text *t, const struct document *d, const struct lsp_target *target,
		       struct span here)
{
	const struct node *n = target->o->node;
	if (n->kind == NODE_IMPORT) {
		add_line(t, d, n->span);
		return;
	}
	if (n->kind == NODE_DEF || n->kind == NODE_BLOCK ||
	    (target->d != d && is_symbol(n->kind))) {
		struct library_symbol s = library_symbol(target->d->lang, n);
		text_printf(t, "```seq\n%s\n```\n", s.signature);
		add_value(t, d, here);
		if (*s.doc)
			text_printf(t, "\n%s\n", s.doc);
	} else {
		add_line(t, target->d, n->span);
		add_value(t, d, target->d == d ? target->o->span : here);
		if (n->doc)
			text_printf(t, "\n%s\n", n->doc);
	}
	if (target->d != d) {
		text_printf(t, "\n*");
		add_header(t, target->d);
		text_printf(t, "*\n");
	}
}

static void add_module(struct text *t, struct document *m)
{
	const struct library_symbol *s;
	size_t n = library_symbols(&s, m->lang, m->tree);
	text_printf(t, "```seq\n");
	add_header(t, m);
	text_printf(t, "\n```\n%s\n", m->tree->doc ? m->tree->doc : "");
	for (size_t i = 0; i < n; i++)
		text_printf(t, "%s`%s`", i ? ", " : "\n", s[i].name);
	text_printf(t, "\n");
}

json_t *answer_hover(struct document *d, const json_t *params)
{
	uint32_t byte = asked(d, params);
	const struct node *import = target_import(d, byte);
	struct document *m = import ? modules_of(d, import) : NULL;
	struct span word = import ? import->name_span : document_word(d, byte);
	struct lsp_target target;
	struct text t;
	json_t *j = NULL;
	text_init(&t);
	if (m) {
		add_module(&t, m);
	} else if (target_at(&target, d, byte)) {
		add_target(&t, d, &target, word);
	} else {
		const struct lsp_builtin *b = builtin_at(d, word);
		if (b)
			text_printf(&t, "```seq\n%s(%s)\n```\n%s\n", b->name, b->formals, b->doc);
		add_value(&t, d, word);
	}
	if (t.n)
		j = json_pack("{s:{s:s, s:s}, s:o}", "contents", "kind", "markdown", "value",
			      t.data, "range", document_range(d, word));
	text_free(&t);
	return j;
}

/* ------------------------------------------------------------------ calls */
bool call_around(const struct document *d, uint32_t byte, struct span *callee, int *argument)
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

/* "axis: axis, area: area?" */
static const char *formals_text(struct lang *l, const struct node *f)
{
	const char *list = "";
	for (uint32_t i = f->kind == NODE_DEF ? 2 : 1; i < f->n_kid; i++) {
		const struct node *k = f->kid[i];
		list = arena_printf(lang_arena(l), "%s%s%s: %s%s", list, *list ? ", " : "", k->name,
				    k->kid[0] ? k->kid[0]->name : "any",
				    k->n_kid > 1 && k->kid[1] ? "?" : "");
	}
	return list;
}

const char *call_formals(struct document *d, struct span callee, const char **doc)
{
	struct lsp_target t;
	const struct lsp_builtin *b = builtin_at(d, callee);
	*doc = "";
	if (target_at(&t, d, callee.begin) &&
	    (t.o->node->kind == NODE_DEF || t.o->node->kind == NODE_BLOCK)) {
		*doc = library_symbol(t.d->lang, t.o->node).doc;
		return formals_text(d->lang, t.o->node);
	}
	if (b)
		*doc = b->doc;
	return b ? b->formals : "";
}

/* Which formal the argument at `byte` is for: the one it names, else the one of its place. */
static int active(const struct document *d, uint32_t byte, const char *formals, int place)
{
	const char *s = lang_source_text(d->lang, d->source, NULL);
	uint32_t from = byte;
	int depth = 0, i = 0;
	while (from && ((s[from - 1] != ',' && s[from - 1] != '(') || depth)) {
		from--;
		depth += (s[from] == ')' || s[from] == ']') - (s[from] == '(' || s[from] == '[');
	}
	from += (uint32_t)strspn(s + from, " \t\r\n");
	struct span word = document_word(d, from);
	const char *after = s + word.end + strspn(s + word.end, " \t");
	if (word.begin != from || *after != '=' || after[1] == '=')
		return place;
	for (const char *f = formals; *f; i++) {
		size_t n = strcspn(f, ":");
		if (n == word.end - word.begin && !strncmp(f, s + word.begin, n))
			return i;
		f += strcspn(f, ",");
		f += strspn(f, ", ");
	}
	return place;
}

json_t *answer_signature(struct document *d, const json_t *params)
{
	const char *s = lang_source_text(d->lang, d->source, NULL), *formals, *doc;
	uint32_t byte = asked(d, params);
	struct span callee;
	int argument;
	if (!call_around(d, byte, &callee, &argument) ||
	    !*(formals = call_formals(d, callee, &doc)))
		return NULL;
	json_t *list = json_array();
	for (const char *f = formals; *f;) {
		size_t n = strcspn(f, ",");
		json_array_append_new(list, json_pack("{s:s%}", "label", f, n));
		f += n;
		f += strspn(f, ", ");
	}
	const char *label = arena_printf(lang_arena(d->lang), "%.*s(%s)",
					 (int)(callee.end - callee.begin), s + callee.begin,
					 formals);
	json_t *signature = json_pack("{s:s, s:o}", "label", label, "parameters", list);
	if (*doc)
		json_object_set_new(signature, "documentation", json_string(doc));
	return json_pack("{s:[o], s:i, s:i}", "signatures", signature, "activeSignature", 0,
			 "activeParameter", active(d, byte, formals, argument));
}
