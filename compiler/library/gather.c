/* From a folder of modules to a library. A module's name says where it stands: `b/epi.seq` in the
 * folder of `shapes` is `shapes.b.epi`, whatever the folder itself is called. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler/library/library.h"

#define DEPTH_LIMIT 16
#define FILE_LIMIT ((size_t)64 << 20)

/* ------------------------------------------------------------------ names and places */
const char *library_file(struct arena *a, const char *home, const char *module)
{
	const char *rest = strchr(module, '.');
	bool here = !strcmp(home, ".");
	char *path = arena_printf(a, "%s%s%s.seq", here ? "" : home, here ? "" : "/",
				  rest ? rest + 1 : module);
	size_t n = strlen(path);

	for (char *c = path + n - 4 - strlen(rest ? rest + 1 : module); c < path + n - 4; c++)
		if (*c == '.')
			*c = '/';
	return path;
}

const char *library_home(struct arena *a, const char *path, const char *module)
{
	const char *tail = strchr(module, '.') ? library_file(a, ".", module) : NULL;
	size_t n = strlen(path), k = tail ? strlen(tail) : 0;

	if (!tail || n < k || strcmp(path + n - k, tail))
		return NULL;
	if (n == k)
		return ".";
	if (path[n - k - 1] != '/')
		return NULL;
	return n - k == 1 ? "/" : arena_copy(a, path, n - k - 1);
}

/* ------------------------------------------------------------------ gathering */
struct gatherer {
	struct lang *l;
	struct library *lib;
	const char **file;
	size_t room;
	precess_status status;
};

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Not alphasort, whose order is the locale's. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* E54 unless the file is the module that its place says. */
static void check_name(struct gatherer *g, const struct node *file, const char *wanted)
{
	struct diag *d;

	if (file->kind == NODE_MODULE && file->name && !strcmp(file->name, wanted))
		return;
	if (!file->name) /* the header was told already */
		return;
	if (file->kind == NODE_MODULE) {
		d = diag_error(g->l, "E54", file->name_span,
			       "this file is `%s` in the library `%s`", wanted, g->lib->name);
		diag_help(g->l, d, "`module %s`, or move the file", wanted);
		d->replacement = wanted;
		return;
	}
	d = diag_error(g->l, "E54", file->name_span, "`%s` is a sequence, a library holds modules",
		       file->name);
	diag_help(g->l, d, "move it out of the folder, or begin it with `module %s`", wanted);
}

static void grow(struct gatherer *g)
{
	struct library *lib = g->lib;
	struct arena *a = lang_arena(g->l);
	size_t room = g->room ? 2 * g->room : 16;
	struct library_module *module = arena_alloc(a, room * sizeof *module);
	const char **file = arena_alloc(a, room * sizeof *file);

	for (size_t i = 0; i < lib->n_module; i++) {
		module[i] = lib->module[i];
		file[i] = g->file[i];
	}
	lib->module = module;
	g->file = file;
	g->room = room;
}

static void add_file(struct gatherer *g, const char *path, const char *name)
{
	struct library_module *m;
	const struct node *file;
	char *text;
	size_t n;

	g->status = file_read(&text, &n, path, FILE_LIMIT);
	if (g->status)
		return;
	if (g->lib->n_module == g->room)
		grow(g);
	g->file[g->lib->n_module] = path;
	m = &g->lib->module[g->lib->n_module++];
	*m = (struct library_module){ .name = name, .n = n };
	m->text = arena_copy(lang_arena(g->l), text, n);
	free(text);
	file = lang_parse(g->l, path, m->text, n);
	if (!file)
		return;
	m->version = (int64_t)file->number;
	check_name(g, file, name);
}

static void add_folder(struct gatherer *g, const char *folder, const char *name, int depth)
{
	struct arena *a = lang_arena(g->l);
	struct dirent **entry;
	int n = scandir(folder, &entry, visible, by_bytes);

	if (n < 0) {
		g->status = precess_fail(PRECESS_EIO, "cannot read the folder %s: %s", folder,
					 strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		const char *s = entry[i]->d_name, *path = arena_printf(a, "%s/%s", folder, s);
		size_t k = strlen(s);
		struct stat info;

		if (!g->status && !stat(path, &info)) {
			if (S_ISDIR(info.st_mode) && depth < DEPTH_LIMIT)
				add_folder(g, path, arena_printf(a, "%s.%s", name, s), depth + 1);
			else if (S_ISREG(info.st_mode) && k > 4 && !strcmp(s + k - 4, ".seq"))
				add_file(g, path, arena_printf(a, "%s.%.*s", name, (int)k - 4, s));
		}
		free(entry[i]);
	}
	free(entry);
}

precess_status library_gather(struct library **out, const char *const **file, struct lang *l,
			      const char *folder, const char *name)
{
	struct gatherer g = { .l = l };

	*out = g.lib = arena_alloc(lang_arena(l), sizeof *g.lib);
	g.lib->path = "";
	g.lib->name = name;
	add_folder(&g, folder, name, 0);
	*file = g.file;
	if (!g.status && !g.lib->n_module)
		return precess_fail(PRECESS_EINVAL, "%s holds no module: no file ends in .seq",
				    folder);
	return g.status;
}
