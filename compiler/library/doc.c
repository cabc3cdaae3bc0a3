/* What a module says about itself: signatures as they stand in its text, and the comments above. */
#include <string.h>

#include "compiler/library/library.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The text of a stretch on one line, comments left out. */
static const char *one_line(struct lang *l, struct span at)
{
	const char *s = lang_source_text(l, at.source, NULL), *result;
	struct text t;

	text_init(&t);
	for (uint32_t i = at.begin; i < at.end; i++) {
		if (s[i] == '#')
			while (i + 1 < at.end && s[i + 1] != '\n')
				i++;
		else if (!blank(s[i]))
			text_add(&t, s + i, 1);
		else if (t.n && t.data[t.n - 1] != ' ' && t.data[t.n - 1] != '(')
			text_add(&t, " ", 1);
	}
	while (t.n && t.data[t.n - 1] == ' ')
		t.n--;
	result = arena_copy(lang_arena(l), t.data, t.n);
	text_free(&t);
	return result;
}

/* The line that ends before `end`; false when the text begins there. */
static bool line_before(const char *s, uint32_t *begin, uint32_t *end)
{
	if (!*end)
		return false;
	*end = *end - 1; /* its line end */
	for (*begin = *end; *begin && s[*begin - 1] != '\n';)
		--*begin;
	return true;
}

/* Comment lines directly above `byte`, without their `#`. */
static const char *comment_above(struct lang *l, uint32_t source, uint32_t byte)
{
	const char *s = lang_source_text(l, source, NULL), *result = "";
	uint32_t begin, end = byte;

	while (end && s[end - 1] != '\n')
		end--;
	while (line_before(s, &begin, &end)) {
		uint32_t from = begin, to = end;

		while (from < to && blank(s[from]))
			from++;
		if (from == to || s[from] != '#')
			break;
		from++;
		if (from < to && s[from] == ' ')
			from++;
		while (to > from && blank(s[to - 1]))
			to--;
		result = arena_printf(lang_arena(l), "%.*s%s%s", (int)(to - from), s + from,
				      *result ? "\n" : "", result);
		end = begin;
	}
	return result;
}

static const char *kind_of(const struct node *n)
{
	switch (n->kind) {
	case NODE_DEF:
		return "def";
	case NODE_BLOCK:
		return "block";
	case NODE_CONST:
		return "const";
	case NODE_LET:
		return "let";
	default:
		return NULL;
	}
}

struct library_symbol library_symbol(struct lang *l, const struct node *n)
{
	struct library_symbol s = { .name = n->name, .kind = kind_of(n), .node = n };
	struct span head = n->span;

	if (n->kind == NODE_DEF)
		head.end = n->kid[0]->span.end;
	else if (n->kind == NODE_BLOCK)
		head.end = n->kid[0]->span.begin;
	else if (n->kind == NODE_CONST || n->kind == NODE_LET)
		head.end = n->kid[1]->span.end;
	s.signature = one_line(l, head);
	s.doc = comment_above(l, n->span.source, n->span.begin);
	if (n->doc && *s.doc)
		s.doc = arena_printf(lang_arena(l), "%s\n%s", n->doc, s.doc);
	else if (n->doc)
		s.doc = n->doc;
	return s;
}

size_t library_symbols(const struct library_symbol **out, struct lang *l, const struct node *file)
{
	struct library_symbol *list = arena_alloc(lang_arena(l), (file->n_kid + 1) * sizeof *list);
	size_t n = 0;

	for (uint32_t i = 0; i < file->n_kid; i++)
		if (file->kid[i]->name && kind_of(file->kid[i]))
			list[n++] = library_symbol(l, file->kid[i]);
	*out = list;
	return n;
}
