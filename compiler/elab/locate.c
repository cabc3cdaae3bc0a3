/* Where a module is: a file or in a library, beside who imports it or in a folder of the search
 * path, last in the standard library. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"
#include "compiler/elab/stdlib.h"

#define LIMIT_NEAR 256 /* names that may be meant */
#define LIMIT_DEPTH 8  /* folders in each other that are searched for them */

const struct library *elab_standard(struct lang *l)
{
	struct library *lib;

	if (library_parse(&lib, lang_arena(l), (const char *)stdlib_bytes, stdlib_size, ""))
		abort(); /* the build made it */
	return lib;
}

static bool file_exists(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f)
		fclose(f);
	return f != NULL;
}

/* "shapes.lobes", "shapes" -> true */
static bool of_library(const char *module, const char *library)
{
	size_t n = strlen(library);

	return !strncmp(module, library, n) && (module[n] == '.' || !module[n]);
}

static const char *folder_of(struct arena *a, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return !slash ? "." : slash == path ? "/" : arena_copy(a, path, (size_t)(slash - path));
}

static const char *in_folder(struct arena *a, const char *folder, const char *name,
			     const char *ending)
{
	bool here = !strcmp(folder, ".");

	return arena_printf(a, "%s%s%s%s", here ? "" : folder, here ? "" : "/", name, ending);
}

/* "std.epi" -> "std/epi.seq" in `folder`. */
static const char *module_path(struct arena *a, const char *folder, const char *name)
{
	char *below = arena_copy(a, name, strlen(name));

	for (char *c = below; *c; c++)
		if (*c == '.')
			*c = '/';
	return in_folder(a, folder, below, ".seq");
}

/* Found, or a library that should have it: then the search ends, too. */
static bool in_library(struct elab_place *out, const struct library *lib, const char *name)
{
	out->library = lib;
	out->module = library_find(lib, name);
	return true;
}

static bool search_folder(struct elab_place *out, struct lang *l, const char *folder,
			  const char *name)
{
	struct arena *a = lang_arena(l);
	const char *path = module_path(a, folder, name);
	struct library *lib;

	if (file_exists(path)) {
		out->path = path;
		return true;
	}
	out->searched = arena_printf(a, "%s%s, ", out->searched, path);
	path = in_folder(a, folder, arena_copy(a, name, strcspn(name, ".")), LIBRARY_ENDING);
	if (!file_exists(path)) {
		out->searched = arena_printf(a, "%s%s, ", out->searched, path);
		return false;
	}
	out->fault = library_read(&lib, a, path);
	if (!out->fault)
		return in_library(out, lib, name);
	out->path = path;
	out->why = arena_copy(a, precess_error(), strlen(precess_error()));
	return true;
}

/* The module's neighbours, wherever its library's folder is and whatever it is called. */
static bool search_home(struct elab_place *out, struct lang *l, const struct elab_importer *from,
			const char *name)
{
	struct arena *a = lang_arena(l);
	const char *home, *path;

	if (!from->module || !from->path ||
	    !of_library(name, arena_copy(a, from->module, strcspn(from->module, "."))))
		return false;
	home = library_home(a, from->path, from->module);
	path = home ? library_file(a, home, name) : NULL;
	if (!path || !file_exists(path))
		return false;
	out->path = path;
	return true;
}

void elab_locate(struct elab_place *out, struct lang *l, const struct elab_options *options,
		 const struct elab_importer *from, const char *name)
{
	const struct library *standard = elab_standard(l), *own = from->library;
	bool is_standard = own && !*own->path; /* it is closed: what it uses is in it */

	*out = (struct elab_place){ .searched = "" };
	if (own && of_library(name, own->name) && in_library(out, own, name))
		return;
	if (!own && search_home(out, l, from, name))
		return;
	if (!is_standard &&
	    search_folder(out, l, folder_of(lang_arena(l), own ? own->path : from->path), name))
		return;
	for (size_t i = 0; options && !is_standard && i < options->n_path; i++)
		if (search_folder(out, l, options->path[i], name))
			return;
	if (library_find(standard, name))
		in_library(out, standard, name);
}

/* ------------------------------------------------------------------ what may be meant */
struct near {
	struct lang *l;
	const char *name[LIMIT_NEAR];
	size_t n;
};

static void near_add(struct near *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->name[i], name))
			return;
	if (c->n < LIMIT_NEAR)
		c->name[c->n++] = name;
}

static void near_library(struct near *c, const struct library *lib)
{
	for (size_t i = 0; i < lib->n_module; i++)
		near_add(c, lib->module[i].name);
}

/* Modules and libraries in a folder. `prefix` is what their names begin with, "" or "shapes."; of a
 * library the folders inside count, too. */
static void near_folder(struct near *c, const char *folder, const char *prefix, int depth)
{
	struct arena *a = lang_arena(c->l);
	const struct dirent *e;
	DIR *d = opendir(folder);

	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name), k = strlen(LIBRARY_ENDING);
		struct library *lib;

		if (n > 4 && !strcmp(e->d_name + n - 4, ".seq"))
			near_add(c, arena_printf(a, "%s%.*s", prefix, (int)n - 4, e->d_name));
		else if (!*prefix && n > k && !strcmp(e->d_name + n - k, LIBRARY_ENDING) &&
			 !library_read(&lib, a, in_folder(a, folder, e->d_name, "")))
			near_library(c, lib);
		else if (*prefix && !strchr(e->d_name, '.') && depth < LIMIT_DEPTH)
			near_folder(c, in_folder(a, folder, e->d_name, ""),
				    arena_printf(a, "%s%s.", prefix, e->d_name), depth + 1);
	}
	if (d)
		closedir(d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t elab_modules(const char *const **out, struct lang *l, const struct elab_options *options,
		    const struct elab_importer *from, const char *name)
{
	struct arena *a = lang_arena(l);
	const char *first = arena_copy(a, name, strcspn(name, "."));
	const char *prefix = arena_printf(a, "%s.", first);
	struct near *c = arena_alloc(a, sizeof *c);
	const char *folder = folder_of(a, from->library ? from->library->path : from->path);
	const char *home = from->module && from->path ? library_home(a, from->path, from->module)
						      : NULL;

	c->l = l;
	near_library(c, elab_standard(l));
	if (home && of_library(from->module, first))
		near_folder(c, home, prefix, 0);
	for (size_t i = 0; i <= (options ? options->n_path : 0); i++) {
		if (i)
			folder = options->path[i - 1];
		near_folder(c, folder, "", 0);
		near_folder(c, in_folder(a, folder, first, ""), prefix, 0);
	}
	qsort(c->name, c->n, sizeof *c->name, by_name); /* folders have no order */
	*out = c->name;
	return c->n;
}

const char *elab_near(struct lang *l, const struct elab_options *options,
		      const struct elab_importer *from, const char *name)
{
	const char *const *list;
	size_t n = elab_modules(&list, l, options, from, name);

	return lang_nearest(name, list, n);
}
