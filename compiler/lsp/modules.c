/* Other files: the modules that a document imports, and the files of the workspace that may import
 * it. Open ones are as the editor shows them. A module in a library is written, read-only, into a
 * folder of the cache that is named by the library's hash, so that every editor can open it like
 * any file: documents of a scheme of our own would need help from each editor. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler/lsp/server.h"

#define FILE_LIMIT ((size_t)4 << 20) /* larger ones are data */
#define WORKSPACE_LIMIT 5000
#define DEPTH_LIMIT 12

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	if (!strcmp(a, b))
		return true;
	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

const char *modules_text(void *server, const char *path, size_t *n)
{
	for (struct document *d = ((struct server *)server)->document; d; d = d->next)
		if (same_file(d->path, path)) {
			*n = d->n;
			return d->text;
		}
	return NULL;
}

/* ------------------------------------------------------------------ libraries as files */
static bool folders_of(char *path)
{
	for (char *c = path + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = 0;
		bool ok = !mkdir(path, 0755) || errno == EEXIST;
		*c = '/';
		if (!ok)
			return false;
	}
	return true;
}

/* "CACHE/<hash>/shapes/lobes.seq", with the module's text in it; NULL when that cannot be. */
static char *extract(const struct server *s, struct arena *a, const struct library *lib,
		     const struct library_module *m)
{
	struct stat info;
	if (!s->options->cache)
		return NULL;
	char *home = arena_printf(a, "%s/%.16s/%s", s->options->cache, lib->hash, lib->name);
	char *path = arena_printf(a, "%s", library_file(a, home, m->name));
	if (!stat(path, &info) && (size_t)info.st_size == m->n)
		return path;
	if (!folders_of(path) || file_write(path, m->text, m->n) || chmod(path, 0444))
		return NULL;
	return path;
}

bool modules_read_only(const struct document *d)
{
	const char *cache = d->server->options->cache;
	return cache && !strncmp(d->path, cache, strlen(cache)) && d->path[strlen(cache)] == '/';
}

/* ------------------------------------------------------------------ other documents */
struct document *modules_open(struct server *s, const char *path)
{
	struct document *d;
	struct stat info;
	char *text, *full;
	size_t n;
	for (d = s->document; d; d = d->next)
		if (same_file(d->path, path)) {
			document_check(s, d);
			return d;
		}
	if (stat(path, &info))
		return NULL;
	for (d = s->loaded; d; d = d->next)
		if (d->device == info.st_dev && d->file == info.st_ino)
			return d;
	if (file_read(&text, &n, path, FILE_LIMIT))
		return NULL;
	full = *path == '/' ? strdup(path)
			    : realpath(path, NULL); /* an address needs the whole path */
	d = document_new(s, full ? full : path);
	d->device = info.st_dev;
	d->file = info.st_ino;
	free(full);
	d->next = s->loaded;
	s->loaded = d;
	document_text(d, text, n, 0);
	document_parse(d);
	free(text);
	return d;
}

void modules_forget(struct server *s)
{
	while (s->loaded) {
		struct document *d = s->loaded;
		s->loaded = d->next;
		document_free(d);
	}
}

void modules_options(struct elab_options *o, struct server *s)
{
	o->path = s->options->path;
	o->n_path = s->options->n_path;
	o->reader = s->options->reader;
	o->texts = modules_text;
	o->texts_context = s;
}

struct elab_importer modules_importer(const struct document *d)
{
	bool module = d->tree && d->tree->kind == NODE_MODULE;
	return (struct elab_importer){ .path = d->path, .module = module ? d->tree->name : NULL };
}

struct lsp_import {
	const struct node *node;
	struct document *module;
	struct lsp_import *next;
};

struct document *modules_find(struct document *d, const struct node *import)
{
	struct elab_options o = { 0 };
	struct elab_importer from = modules_importer(d);
	struct elab_place place;
	modules_options(&o, d->server);
	elab_locate(&place, d->lang, &o, &from, import->name);
	const char *path = place.path;
	if (place.module)
		path = extract(d->server, lang_arena(d->lang), place.library, place.module);
	struct document *m = path && !place.fault ? modules_open(d->server, path) : NULL;
	return m && m->tree ? m : NULL;
}

/* Names ask often; the answer holds as long as no document changes. */
struct document *modules_of(struct document *d, const struct node *import)
{
	if (d->request != d->server->request)
		d->import = NULL;
	d->request = d->server->request;
	for (const struct lsp_import *i = d->import; i; i = i->next)
		if (i->node == import)
			return i->module;
	struct lsp_import *found = arena_alloc(lang_arena(d->lang), sizeof *found);
	*found = (struct lsp_import){ import, modules_find(d, import), d->import };
	d->import = found;
	return found->module;
}

/* ------------------------------------------------------------------ the workspace */
struct walk {
	struct server *s;
	modules_visit *visit;
	void *context;
	int left;
};

static bool is_sequence(const char *name, size_t n)
{
	return n > 4 && !strcmp(name + n - 4, ".seq");
}

static void walk(struct walk *w, const char *folder, int depth)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = entry[i]->d_name;
		char path[4096];
		struct stat info;
		int k = snprintf(path, sizeof path, "%s/%s", folder, name);
		if (*name != '.' && k < (int)sizeof path && !lstat(path, &info)) {
			if (S_ISDIR(info.st_mode) && depth < DEPTH_LIMIT && strcmp(name, "build") &&
			    strcmp(name, "node_modules"))
				walk(w, path, depth + 1);
			else if (S_ISREG(info.st_mode) && is_sequence(name, strlen(name)) &&
				 w->left-- > 0) {
				struct document *d = modules_open(w->s, path);
				if (d && d->tree)
					w->visit(w->context, d);
			}
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

void modules_each(struct document *d, modules_visit *visit, void *context)
{
	struct server *s = d->server;
	struct walk w = { s, visit, context, WORKSPACE_LIMIT };
	char folder[4096];
	const char *slash = strrchr(d->path, '/');
	for (size_t i = 0; i < s->n_root; i++)
		walk(&w, s->root[i], 0);
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - d->path) : 0, d->path);
	if (!s->n_root && *folder)
		walk(&w, folder, DEPTH_LIMIT);
	for (struct document *o = s->document; o; o = o->next) {
		document_check(s, o);
		if (o->tree)
			visit(context, o);
	}
}
