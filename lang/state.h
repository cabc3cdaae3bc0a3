/* What a `struct lang` holds; for the files of this folder only. */
#ifndef LANG_STATE_H
#define LANG_STATE_H

#include "lang/lang.h"

struct source {
	const char *path, *text; /* the text lacks a byte order mark and ends with a NUL */
	size_t n;
	uint32_t *line; /* first byte of every line; line[0] is 0 */
	size_t n_line;
	int hidden; /* lines at the top that nobody wrote and that do not count */
};

struct lang {
	struct arena *arena;
	struct source *source;
	size_t n_source, cap_source;
	const char **name; /* open-addressed hash table of interned names, NULL is free */
	size_t n_name, cap_name;
	struct diag **diag; /* the kept ones, as they came */
	size_t n_diag, cap_diag;
	int count[2];      /* by severity, with those that were not kept */
	struct diag spare; /* handed out for a diagnostic that is not kept */
};

/* Room for one more element of an array that grows in the arena. */
void *lang_grow(struct lang *l, void *array, size_t n, size_t *capacity, size_t element);

uint32_t source_add(struct lang *l, const char *path, const char *text, size_t n);
/* The line that holds `byte`, without its end. */
const char *source_line(const struct lang *l, uint32_t source, uint32_t byte, size_t *n);
/* vprintf into the arena. */
const char *lang_vformat(struct lang *l, const char *fmt, va_list ap);

#endif
