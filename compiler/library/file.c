/* The bytes of a library; library.h has the layout. */
#include <stdlib.h>
#include <string.h>

#include "compiler/library/library.h"

#define FORMAT_VERSION 1
#define SIZE_LIMIT ((size_t)64 << 20) /* of one file of the language, too */
#define MODULE_LIMIT 4096
#define NAME_LIMIT 256

const struct library_module *library_find(const struct library *lib, const char *module)
{
	for (size_t i = 0; i < lib->n_module; i++)
		if (!strcmp(lib->module[i].name, module))
			return &lib->module[i];
	return NULL;
}

/* ------------------------------------------------------------------ writing */
void library_write(struct text *out, struct library *lib)
{
	struct text rest;

	text_init(&rest);
	text_printf(&rest, "library %s\n", lib->name);
	for (size_t i = 0; i < lib->n_module; i++) {
		struct library_module *m = &lib->module[i];

		hash_hex(m->hash, m->text, m->n);
		text_printf(&rest, "module %s %lld %zu %s\n", m->name, (long long)m->version, m->n,
			    m->hash);
	}
	text_printf(&rest, "texts\n");
	for (size_t i = 0; i < lib->n_module; i++)
		text_add(&rest, lib->module[i].text, lib->module[i].n);
	hash_hex(lib->hash, rest.data, rest.n);
	text_printf(out, "seqlib %d\nlanguage %d\nhash %s\n", FORMAT_VERSION, LANG_VERSION,
		    lib->hash);
	text_add(out, rest.data, rest.n);
	text_free(&rest);
}

/* ------------------------------------------------------------------ reading */
struct reader {
	struct library *lib;
	struct arena *arena;
	const char *at, *end;
	char line[NAME_LIMIT + 128];
};

/* The next line without its end; false when there is none, or none of this format. */
static bool next_line(struct reader *r)
{
	const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
	size_t n = end ? (size_t)(end - r->at) : 0;

	if (!end || n >= sizeof r->line)
		return false;
	memcpy(r->line, r->at, n);
	r->line[n] = 0;
	r->at = end + 1;
	return strlen(r->line) == n;
}

/* A line that is `word` and a rest. */
static const char *next_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	return next_line(r) && !strncmp(r->line, word, n) && r->line[n] == ' ' ? r->line + n + 1
									       : NULL;
}

static precess_status damaged(const struct reader *r, const char *why)
{
	return precess_fail(PRECESS_EINVAL, "%s %s", r->lib->path, why);
}

static precess_status version(struct reader *r, const char *word, int known)
{
	const char *s = next_word(r, word);
	char *end;
	long v = s ? strtol(s, &end, 10) : 0;

	if (!s || end == s || *end || v < 1)
		return damaged(r, *word == 's' ? "is not a library of modules" : "is damaged");
	if (v == known)
		return PRECESS_OK;
	return precess_fail(PRECESS_ENOTSUP, "%s is %s version %ld, this compiler knows %d",
			    r->lib->path,
			    *word == 's' ? "of library format" : "written in language", v, known);
}

/* Lines up to the hash. They say whether this program can read the rest at all. */
static precess_status read_head(struct reader *r)
{
	const char *s;
	precess_status st = version(r, "seqlib", FORMAT_VERSION);

	if (st)
		return st;
	st = version(r, "language", LANG_VERSION);
	if (st)
		return st;
	s = next_word(r, "hash");
	if (!s || strlen(s) != 64)
		return damaged(r, "is damaged: it has no hash");
	memcpy(r->lib->hash, s, sizeof r->lib->hash);
	return PRECESS_OK;
}

static bool read_module(struct reader *r, struct library_module *m)
{
	char name[NAME_LIMIT + 1];
	long long v;
	int used = 0;

	if (sscanf(r->line, "module %256s %lld %zu %64s%n", name, &v, &m->n, m->hash, &used) != 4 ||
	    r->line[used] || v < 0 || m->n > SIZE_LIMIT || strlen(m->hash) != 64)
		return false;
	m->name = arena_copy(r->arena, name, strlen(name));
	m->version = v;
	return true;
}

/* The table, with the places of the texts behind it. */
static precess_status read_table(struct reader *r, size_t *total)
{
	struct library *lib = r->lib;
	const char *s = next_word(r, "library");
	bool closed = false;
	size_t room = 0;

	*total = 0;
	if (!s || !*s || strlen(s) > NAME_LIMIT)
		return damaged(r, "is damaged: it does not say its name");
	lib->name = arena_copy(r->arena, s, strlen(s));
	while (next_line(r)) {
		closed = !strcmp(r->line, "texts");
		if (closed)
			break;
		if (lib->n_module == room) {
			struct library_module *more;

			room = room ? 2 * room : 16;
			more = arena_alloc(r->arena, room * sizeof *more);
			if (lib->n_module)
				memcpy(more, lib->module, lib->n_module * sizeof *more);
			lib->module = more;
		}
		if (lib->n_module == MODULE_LIMIT || !read_module(r, &lib->module[lib->n_module]))
			return damaged(r, "is damaged: its table of modules cannot be read");
		*total += lib->module[lib->n_module++].n;
	}
	return closed ? PRECESS_OK : damaged(r, "is cut short: its table of modules has no end");
}

precess_status library_parse(struct library **out, struct arena *a, const char *bytes, size_t n,
			     const char *path)
{
	struct reader r = { .arena = a, .at = bytes, .end = bytes + n };
	const char *covered;
	char hash[65];
	size_t total;
	precess_status st;

	*out = NULL;
	r.lib = arena_alloc(a, sizeof *r.lib);
	r.lib->path = arena_copy(a, path, strlen(path));
	st = read_head(&r);
	if (st)
		return st;
	covered = r.at;
	st = read_table(&r, &total);
	if (st)
		return st;
	if ((size_t)(r.end - r.at) < total)
		return precess_fail(PRECESS_EINVAL,
				    "%s is cut short: %zu of %zu bytes of text are there",
				    r.lib->path, (size_t)(r.end - r.at), total);
	hash_hex(hash, covered, (size_t)(r.end - covered));
	if (strcmp(hash, r.lib->hash))
		return damaged(&r, "is damaged: its content does not have the hash that it names");
	for (size_t i = 0; i < r.lib->n_module; i++) {
		struct library_module *m = &r.lib->module[i];

		m->text = arena_copy(a, r.at, m->n);
		r.at += m->n;
	}
	*out = r.lib;
	return PRECESS_OK;
}

precess_status library_read(struct library **out, struct arena *a, const char *path)
{
	char *bytes;
	size_t n;
	precess_status st = file_read(&bytes, &n, path, SIZE_LIMIT);

	*out = NULL;
	if (st)
		return st;
	st = library_parse(out, a, bytes, n, path);
	free(bytes);
	return st;
}
