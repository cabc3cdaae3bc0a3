/* The life of a `struct lang`: names, sources, parsing. */
#include "lang/parse.h"
#include "lang/state.h"
#include "parser.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LIMIT ((size_t)64 << 20) /* a sequence is kilobytes; places are 32-bit */

struct lang *lang_create(void)
{
	struct arena *arena = arena_create();
	struct lang *l = arena_alloc(arena, sizeof *l);
	l->arena = arena;
	return l;
}

void lang_free(struct lang *l)
{
	if (l)
		arena_free(l->arena);
}

struct arena *lang_arena(struct lang *l)
{
	return l->arena;
}

void *lang_grow(struct lang *l, void *array, size_t n, size_t *capacity, size_t element)
{
	if (n < *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 8;
	void *larger = arena_alloc(l->arena, *capacity * element);
	if (n)
		memcpy(larger, array, n * element);
	return larger;
}

const char *lang_vformat(struct lang *l, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	assert(n >= 0);
	char *s = arena_alloc(l->arena, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	return s;
}

/* --- names --- */

static size_t hash(const char *s, size_t n)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 32);
}

static void rehash(struct lang *l)
{
	size_t capacity = l->cap_name ? 2 * l->cap_name : 256;
	const char **name = arena_alloc(l->arena, capacity * sizeof *name);
	for (size_t i = 0; i < l->cap_name; i++) {
		if (!l->name[i])
			continue;
		size_t at = hash(l->name[i], strlen(l->name[i])) & (capacity - 1);
		while (name[at])
			at = (at + 1) & (capacity - 1);
		name[at] = l->name[i];
	}
	l->name = name;
	l->cap_name = capacity;
}

const char *lang_intern(struct lang *l, const char *s, size_t n)
{
	if (2 * l->n_name >= l->cap_name)
		rehash(l);
	size_t at = hash(s, n) & (l->cap_name - 1);
	for (; l->name[at]; at = (at + 1) & (l->cap_name - 1)) {
		if (strncmp(l->name[at], s, n) == 0 && l->name[at][n] == 0)
			return l->name[at];
	}
	l->n_name++;
	return l->name[at] = arena_copy(l->arena, n ? s : "", n);
}

/* --- parsing --- */

static struct node *file_node(struct parse *p)
{
	size_t n;
	lang_source_text(p->l, p->source, &n);
	struct span all = { p->source, 0, (uint32_t)n };
	struct node *file = tree_node(p->l, p->kind, all, NULL, 0, p->items);
	file->doc = p->doc;
	file->integer = p->version;
	file->number = (double)p->release;
	return p->name ? tree_name(file, p->name, p->name_span) : file;
}

struct node *lang_parse(struct lang *l, const char *path, const char *text, size_t n)
{
	struct parse p = { .l = l, .kind = NODE_FILE, .unclosed = span_none };
	if (n > TEXT_LIMIT) {
		struct span at = { source_add(l, path, "", 0), 0, 0 };
		diag_error(l, "E05", at,
			   "this file is too large to be a sequence file (limit 64 MiB)");
		return NULL;
	}
	p.source = source_add(l, path, text, n);
	text = lang_source_text(l, p.source, &n);
	enum lang_kind kind = lang_sniff(text, n);
	if (kind != LANG_SEQUENCE) {
		rule_foreign(&p, kind);
		return NULL;
	}
	p.begin = p.cursor = (const unsigned char *)text;
	p.limit = p.begin + n;
	/* Whether it succeeds is told by the diagnostics; what it understood is in `p`. */
	precess_yyparse(&p);
	return p.refused ? NULL : file_node(&p);
}

/* The parser sees `const xxx=VALUE` in a module; then the text becomes `--set NAME=VALUE`, which
 * has the same length, so that every place still fits. */
struct node *lang_parse_setting(struct lang *l, const char *name, const char *value)
{
	static const char head[] = "seq 1\nmodule x\n";
	size_t n = strlen(name);
	struct text t;
	text_init(&t);
	text_printf(&t, "%sconst ", head);
	for (size_t i = 0; i < n; i++)
		text_add(&t, "x", 1);
	text_printf(&t, "=%s\n", value);
	struct node *file = lang_parse(l, "command line", t.data, t.n), *found = NULL;
	struct source *s = &l->source[l->n_source - 1];
	char *shown = arena_copy(l->arena, s->text, s->n);
	memcpy(shown + strlen(head), "--set ", 6);
	memcpy(shown + strlen(head) + 6, name, n);
	s->text = shown;
	s->hidden = 2;
	text_free(&t);
	for (uint32_t i = 0; file && i < file->n_kid; i++) {
		if (file->kid[i]->kind == NODE_CONST)
			found = file->kid[i];
	}
	return found;
}

precess_status lang_parse_file(struct node **out, struct lang *l, const char *path)
{
	char *text;
	size_t n;
	*out = NULL;
	precess_status st = file_read(&text, &n, path, TEXT_LIMIT);
	if (st)
		return st;
	*out = lang_parse(l, path, text, n);
	free(text);
	return PRECESS_OK;
}
