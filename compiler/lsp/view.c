/* Answers about the whole file: colours, outline, hints, layout, repairs. */
#include <stdlib.h>
#include <string.h>

#include "compiler/lsp/server.h"

/* --- semantic tokens --- */
enum {
	T_COMMENT,
	T_KEYWORD,
	T_STRING,
	T_NUMBER,
	T_OPERATOR,
	T_VARIABLE,
	T_PARAMETER,
	T_FUNCTION,
	T_TYPE,
	T_PROPERTY,
	T_NAMESPACE
};

json_t *tokens_legend(void)
{
	return json_pack("{s:[s,s,s,s,s,s,s,s,s,s,s], s:[]}", "tokenTypes", "comment", "keyword",
			 "string", "number", "operator", "variable", "parameter", "function",
			 "type", "property", "namespace", "tokenModifiers");
}

static bool is_type(const char *s, size_t n)
{
	static const char *const names[] = {
#define QUANTITY_TYPE(name, s, m, T, rad, example) #name,
#define OTHER_TYPE(name, meaning) #name,
#include "lang/types.def"
#undef QUANTITY_TYPE
#undef OTHER_TYPE
	};
	for (size_t i = 0; i < PRECESS_COUNT(names); i++)
		if (strlen(names[i]) == n && !memcmp(names[i], s, n))
			return true;
	return false;
}

/* By where a name stands, and then by what declares it. Uses come in no order; they are sorted. */
static int name_type(struct document *d, const char *s, const struct lang_token *t, size_t i,
		     size_t n, const struct lsp_use *use)
{
	const struct span at = t[i].span;
	char before = i ? s[t[i - 1].span.begin] : 0;
	struct lsp_target target;
	if (before == '.' && t[i - 1].span.end - t[i - 1].span.begin == 1)
		return T_PROPERTY;
	if ((before == ':' || (before == '-' && s[t[i - 1].span.begin + 1] == '>')) &&
	    is_type(s + at.begin, at.end - at.begin))
		return T_TYPE;
	if (use && target_declared(&target, d, &d->names.declaration[use->declaration])) {
		enum node_kind k = target.o->node->kind;
		if (k == NODE_IMPORT)
			return T_NAMESPACE;
		if (k == NODE_DEF || k == NODE_BLOCK)
			return T_FUNCTION;
		if (k == NODE_PARAM || k == NODE_FORMAL)
			return T_PARAMETER;
	}
	return i + 1 < n && s[t[i + 1].span.begin] == '(' ? T_FUNCTION : T_VARIABLE;
}

static int by_place(const void *a, const void *b)
{
	const struct lsp_use *x = a, *y = b;
	return (x->span.begin > y->span.begin) - (x->span.begin < y->span.begin);
}

static int utf16(const char *s, size_t n)
{
	int units = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		units += c >= 0xf0 ? 2 : (c & 0xc0) != 0x80;
	}
	return units;
}

json_t *answer_tokens(struct document *d, const json_t *params)
{
	static const int types[] = { T_COMMENT, T_KEYWORD,  T_VARIABLE, T_NUMBER,
				     T_STRING,  T_OPERATOR, -1 };
	const char *s = lang_source_text(d->lang, d->source, NULL);
	const struct lang_token *t;
	size_t n = lang_tokens(&t, d->lang, d->source), u = 0;
	json_t *data = json_array();
	uint32_t at = 0;
	int column = 0;
	bool import = false; /* the path of an import, or its alias */
	(void)params;
	if (d->names.n_use)
		qsort(d->names.use, d->names.n_use, sizeof *d->names.use, by_place);
	for (size_t i = 0; i < n; i++) {
		const struct span k = t[i].span;
		int type = types[t[i].class], from = column, lines = 0;
		while (u < d->names.n_use && d->names.use[u].span.begin < k.begin)
			u++;
		const struct lsp_use *use = u < d->names.n_use &&
							    d->names.use[u].span.begin == k.begin
						    ? &d->names.use[u]
						    : NULL;
		if (t[i].begins)
			import = s[k.begin] == 'i' && s[k.begin + 1] == 'm';
		else if (s[k.begin] == '(')
			import = false; /* names of the module follow */
		if (t[i].class == TOKEN_NAME)
			type = import ? T_NAMESPACE : name_type(d, s, t, i, n, use);
		if (type < 0)
			continue;
		const char *last = s + at;
		for (const char *c = s + at; c < s + k.begin; c++)
			if (*c == '\n') {
				lines++;
				last = c + 1;
			}
		if (lines)
			from = 0;
		column = from + utf16(last, (size_t)(s + k.begin - last));
		json_array_append_new(data, json_integer(lines));
		json_array_append_new(data, json_integer(column - from));
		json_array_append_new(data, json_integer(utf16(s + k.begin, k.end - k.begin)));
		json_array_append_new(data, json_integer(type));
		json_array_append_new(data, json_integer(0));
		at = k.begin;
	}
	return json_pack("{s:o}", "data", data);
}

/* --- outline --- */
static int symbol_kind(enum node_kind k)
{
	switch (k) {
	case NODE_PARAM:
	case NODE_MAP:
		return 7; /* Property */
	case NODE_CONST:
		return 14;
	case NODE_LET:
	case NODE_PLAY:
	case NODE_MARK:
		return 13; /* Variable */
	case NODE_DEF:
	case NODE_BLOCK:
		return 12; /* Function */
	default:
		return 0;
	}
}

json_t *answer_symbols(struct document *d, const json_t *params)
{
	json_t *list = json_array();
	(void)params;
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *n = d->tree->kid[i];
		if (!n->name || !symbol_kind(n->kind))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:o, s:o}", "name", n->name,
						      "detail", n->doc ? n->doc : "", "kind",
						      symbol_kind(n->kind), "range",
						      document_range(d, n->span), "selectionRange",
						      document_range(d, n->name_span)));
	}
	return list;
}

/* --- hints --- */
static bool is_let(const struct document *d, struct span at)
{
	for (size_t i = 0; i < d->names.n_declaration; i++) {
		const struct lsp_declaration *o = &d->names.declaration[i];
		if (o->span.begin == at.begin)
			return o->node->kind == NODE_LET && o->node->doc;
	}
	return false;
}

/* Behind each `play`: how long it waited for its anchor and how long it lasts, the first time it is
 * played. Behind a documented `let`, such as TE: its value. */
json_t *answer_hints(struct document *d, const json_t *params)
{
	const json_t *range = json_object_get(params, "range");
	uint32_t from = document_byte(d, json_object_get(range, "start"));
	uint32_t to = range ? document_byte(d, json_object_get(range, "end")) : UINT32_MAX;
	json_t *list = json_array();
	for (uint32_t i = 0; i < d->index.n; i++) {
		const struct elab_fact *f = &d->index.fact[i];
		const char *label;
		if (f->span.end < from || f->span.end > to)
			continue;
		if (f->kind == ELAB_VALUE) {
			if (!is_let(d, f->span))
				continue;
			label = arena_printf(lang_arena(d->lang), ": %s", f->text);
		} else {
			label = arena_printf(lang_arena(d->lang), "%s %s",
					     f->kind == ELAB_WAIT ? "waits" : "lasts", f->text);
		}
		json_array_append_new(list, json_pack("{s:o, s:s, s:b}", "position",
						      document_position(d, f->span.end), "label",
						      label, "paddingLeft", f->kind != ELAB_VALUE));
	}
	return list;
}

/* --- layout --- */
json_t *answer_format(struct document *d, const json_t *params)
{
	size_t n;
	const char *s = lang_source_text(d->lang, d->source, &n);
	struct lang *l = lang_create();
	struct text t;
	json_t *edits = NULL;
	(void)params;
	text_init(&t);
	if (lang_format(&t, l, d->path, s, n)) {
		edits = json_array();
		struct span all = { d->source, 0, (uint32_t)n };
		if (t.n != n || memcmp(t.data, s, n))
			json_array_append_new(edits, document_edit(d, all, t.data));
	}
	text_free(&t);
	lang_free(l);
	return edits;
}

/* --- repairs --- */
/* `param ESP : time in 9ms .. 15ms` typed over the declaration's head: what a help text quotes. */
static const char *quoted(const struct document *d, const char *help, const char *prefix)
{
	const char *from = help ? strstr(help, prefix) : NULL;
	const char *end = from ? strchr(from + 1, '`') : NULL;
	return end ? arena_copy(lang_arena(d->lang), from + 1, (size_t)(end - from - 1)) : NULL;
}

/* The stretch of `param NAME : type in a .. b` that a quoted head replaces. */
static bool param_head(const struct document *d, const char *head, struct span *out)
{
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *n = d->tree->kid[i];
		size_t k = n->name ? strlen(n->name) : 0;
		if (n->kind != NODE_PARAM || n->n_kid < 2 || !n->kid[1] ||
		    strncmp(head + 6, n->name, k) || (head[6 + k] != ' ' && head[6 + k] != ':'))
			continue;
		*out = (struct span){ d->source, n->span.begin, n->kid[1]->span.end };
		return true;
	}
	return false;
}

static void action(json_t *list, const struct document *d, const char *title, struct span at,
		   const char *text)
{
	json_t *changes = json_object(), *edits = json_array();
	json_array_append_new(edits, document_edit(d, at, text));
	json_object_set_new(changes, d->uri, edits);
	json_array_append_new(list, json_pack("{s:s, s:s, s:{s:o}}", "title", title, "kind",
					      "quickfix", "edit", "changes", changes));
}

/* `import std.grads (spoiler)` for a name that is not there: into the import of that module which
 * is there already, or on a line of its own below the last one. */
static void import_action(json_t *list, const struct document *d, const char *line)
{
	struct arena *a = lang_arena(d->lang);
	size_t n = strcspn(line + 7, " ");
	const char *module = arena_copy(a, line + 7, n), *name = line + 7 + n;
	struct span at = d->tree->name_span;
	const char *s = lang_source_text(d->lang, d->source, NULL), *text;
	text = arena_printf(a, "\n\n%s", line);
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *k = d->tree->kid[i];
		if (k->kind != NODE_IMPORT)
			continue;
		at = k->span;
		text = arena_printf(a, "\n%s", line);
		if (k->n_kid && !strcmp(k->name, module)) {
			at.begin = at.end = k->kid[k->n_kid - 1]->span.end;
			name += strspn(name, " (");
			text = arena_printf(a, ", %.*s", (int)strcspn(name, ")"), name);
			action(list, d, arena_printf(a, "Add `%s`", line), at, text);
			return;
		}
	}
	at.end += (uint32_t)strcspn(s + at.end, "\r\n");
	at.begin = at.end;
	action(list, d, arena_printf(a, "Add `%s`", line), at, text);
}

json_t *answer_action(struct document *d, const json_t *params)
{
	const json_t *range = json_object_get(params, "range");
	uint32_t from = document_byte(d, json_object_get(range, "start"));
	uint32_t to = document_byte(d, json_object_get(range, "end"));
	json_t *list = json_array();
	for (size_t i = 0; i < diag_n(d->lang); i++) {
		const struct diag *g = diag_get(d->lang, i);
		const char *head = quoted(d, g->help, "`param ");
		const char *import = quoted(d, g->help, "`import ");
		struct span at;
		if (g->span.source != d->source || g->span.end < from || g->span.begin > to)
			continue;
		if (g->replacement)
			action(list, d,
			       arena_printf(lang_arena(d->lang), "Write %s", g->replacement),
			       g->span, g->replacement);
		else if (import && !strcmp(g->id, "E12"))
			import_action(list, d, import);
		else if (head && param_head(d, head, &at))
			action(list, d, arena_printf(lang_arena(d->lang), "Narrow to %s", head), at,
			       head);
	}
	return list;
}
