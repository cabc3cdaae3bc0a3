/* precess build: a folder of modules becomes one file that `import` finds by its name. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

/* "lib/shapes.seqlib" -> "shapes"; NULL where that is no name. */
static const char *name_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/'), *s = slash ? slash + 1 : path;
	size_t n = strlen(s), k = strlen(LIBRARY_ENDING);
	if (n <= k || strcmp(s + n - k, LIBRARY_ENDING))
		return NULL;
	n -= k;
	if (*s >= '0' && *s <= '9')
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
		    s[i] != '_')
			return NULL;
	return arena_copy(a, s, n);
}

/* Every module through the whole elaborator, each in a compilation of its own. */
static int check(const struct library *lib, const char *const *file, const struct option_list *path,
		 json_t *diagnostics)
{
	int worst = EXIT_OK;
	for (size_t i = 0; i < lib->n_module; i++) {
		struct compile_options o = { .json = diagnostics != NULL, .library = *path };
		struct compiled c;
		int rc = compile(&c, file[i], &o);
		if (diagnostics) {
			json_t *list = json_diagnostics(c.lang);
			json_array_extend(diagnostics, list);
			json_decref(list);
		}
		compiled_free(&c);
		worst = rc > worst ? rc : worst;
	}
	return worst;
}

static json_t *json_library(const struct library *lib, const char *path)
{
	json_t *modules = json_array();
	for (size_t i = 0; i < lib->n_module; i++) {
		const struct library_module *m = &lib->module[i];
		json_array_append_new(modules,
				      json_pack("{s:s, s:I, s:s}", "name", m->name, "version",
						(json_int_t)m->version, "hash", m->hash));
	}
	return json_pack("{s:b, s:s, s:s, s:i, s:s, s:o}", "ok", 1, "file", path, "library",
			 lib->name, "language", LANG_VERSION, "hash", lib->hash, "modules",
			 modules);
}

static int write_library(struct library *lib, const char *path, bool json)
{
	struct text t;
	text_init(&t);
	library_write(&t, lib);
	precess_status st = file_write(path, t.data, t.n);
	text_free(&t);
	if (st)
		return world_error(st);
	if (json)
		json_put(json_library(lib, path));
	else
		printf("%s: %zu module%s, hash %.12s\n", path, lib->n_module,
		       lib->n_module == 1 ? "" : "s", lib->hash);
	return EXIT_OK;
}

static int build(struct lang *l, const char *folder, const char *to, const struct option_list *path,
		 bool json)
{
	const char *name = name_of(lang_arena(l), to), *const *file;
	struct library *lib;
	if (!name)
		return argument_error("-o wants NAME" LIBRARY_ENDING
				      ", where NAME stands before the "
				      "dot in `import NAME.module`; found '%s'",
				      to);
	precess_status st = library_gather(&lib, &file, l, folder, name);
	if (st)
		return world_error(st);
	json_t *diagnostics = json ? json_array() : NULL;
	int rc;
	if (diag_count(l, SEVERITY_ERROR)) {
		rc = EXIT_DIAGNOSTICS;
		if (json)
			json_failure(l, rc);
		else
			print_diagnostics(l);
	} else {
		rc = check(lib, file, path, diagnostics);
		if (rc && json)
			json_put(json_pack("{s:b, s:O}", "ok", 0, "diagnostics", diagnostics));
		else if (!rc)
			rc = write_library(lib, to, json);
	}
	json_decref(diagnostics);
	return rc;
}

int cmd_build(int argc, char **argv)
{
	struct option_list rest = { 0 }, path = { 0 };
	const char *to = NULL;
	bool json = false;
	const struct option table[] = {
		{ "--output", "-o", OPTION_TEXT, &to, 0, 0, "the library, NAME.seqlib" },
		OPTION_LIBRARY_PATH(path),
		{ "--json", NULL, OPTION_FLAG, &json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("build", argc, argv, table, PRECESS_COUNT(table), &rest);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (rest.n != 1)
		return usage_error("build", rest.n ? "one folder at a time" : "which folder?");
	if (!to)
		return usage_error("build", "-o names the library");
	struct lang *l = lang_create();
	rc = build(l, rest.item[0], to, &path, json);
	lang_free(l);
	return rc;
}
