/* Source texts and places in them. A place is a byte offset until someone wants to read it; lines
 * are then found by bisection in a table made when the text was added. */
#include "lang/state.h"
#include "lang/utf8.h"

#include <assert.h>
#include <string.h>

static void find_lines(struct lang *l, struct source *s)
{
	size_t n = 1;
	for (const char *p = s->text; (p = memchr(p, '\n', s->n - (size_t)(p - s->text))); p++)
		n++;
	s->line = arena_alloc(l->arena, n * sizeof *s->line);
	s->n_line = n;
	n = 1;
	for (const char *p = s->text; (p = memchr(p, '\n', s->n - (size_t)(p - s->text))); p++)
		s->line[n++] = (uint32_t)(p - s->text) + 1;
}

uint32_t source_add(struct lang *l, const char *path, const char *text, size_t n)
{
	if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
		text += 3;
		n -= 3;
	}
	l->source = lang_grow(l, l->source, l->n_source, &l->cap_source, sizeof *l->source);
	struct source *s = &l->source[l->n_source];
	s->path = arena_copy(l->arena, path, strlen(path));
	s->text = arena_copy(l->arena, n ? text : "", n);
	s->n = n;
	find_lines(l, s);
	return (uint32_t)l->n_source++;
}

static size_t line_index(const struct source *s, uint32_t byte)
{
	size_t lo = 0, hi = s->n_line;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->line[mid] <= byte)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

const char *source_line(const struct lang *l, uint32_t source, uint32_t byte, size_t *n)
{
	assert(source < l->n_source);
	const struct source *s = &l->source[source];
	size_t i = line_index(s, byte);
	size_t end = i + 1 < s->n_line ? s->line[i + 1] - 1 : s->n;
	if (end > s->line[i] && s->text[end - 1] == '\r')
		end--;
	*n = end - s->line[i];
	return s->text + s->line[i];
}

const char *lang_source_path(const struct lang *l, uint32_t source)
{
	assert(source < l->n_source);
	return l->source[source].path;
}

const char *lang_source_text(const struct lang *l, uint32_t source, size_t *n)
{
	assert(source < l->n_source);
	if (n)
		*n = l->source[source].n;
	return l->source[source].text;
}

void lang_place(const struct lang *l, uint32_t source, uint32_t byte, int *line, int *column)
{
	assert(source < l->n_source);
	const struct source *s = &l->source[source];
	if (byte > s->n)
		byte = (uint32_t)s->n;
	size_t i = line_index(s, byte);
	*line = (int)i + 1 - s->hidden;
	*column = (int)utf8_count(s->text + s->line[i], byte - s->line[i]) + 1;
}
