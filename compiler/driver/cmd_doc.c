/* precess doc: what a library, a module or one of its functions is for. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

enum style { PLAIN, MARKDOWN, JSON };

struct page {
	struct lang *l;
	enum style style;
	const char *symbol; /* NULL: all */
	size_t found;
	const char *near[1024]; /* names that were passed over */
	size_t n_near;
	json_t *modules;
};

/* Lines of a text, each behind `indent`. */
static void put_lines(const char *indent, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "\n");
		printf("%s%.*s\n", n ? indent : "", (int)n, s);
		s += n + (s[n] == '\n');
	}
}

static void put_symbol(const struct page *p, const struct library_symbol *s)
{
	if (p->style == MARKDOWN) {
		printf("\n### %s\n\n```seq\n%s\n```\n", s->name, s->signature);
		if (*s->doc)
			putchar('\n');
		put_lines("", s->doc);
	} else {
		printf("\n  %s\n", s->signature);
		put_lines("      ", s->doc);
	}
}

static json_t *json_symbol(const struct library_symbol *s)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "name", s->name, "kind", s->kind, "signature",
			 s->signature, "doc", s->doc);
}

static void put_header(const struct page *p, const char *name, int64_t version, const char *doc)
{
	printf(p->style == MARKDOWN ? "## %s" : "%s", name);
	if (version)
		printf(p->style == MARKDOWN ? ", version %lld" : " %lld", (long long)version);
	if (*doc)
		printf(p->style == MARKDOWN ? "\n\n%s." : ": %s", doc);
	putchar('\n');
}

static void put_module(struct page *p, const struct library_module *m, const char *path, bool more)
{
	const struct node *file = lang_parse(p->l, path, m->text, m->n);
	const struct library_symbol *s;
	size_t n = file ? library_symbols(&s, p->l, file) : 0, here = 0;
	const char *doc = file && file->doc ? file->doc : "";
	json_t *symbols = json_array();
	for (size_t i = 0; i < n; i++) {
		if (p->symbol && strcmp(p->symbol, s[i].name)) {
			if (p->n_near < PRECESS_COUNT(p->near))
				p->near[p->n_near++] = s[i].name;
			continue;
		}
		if (p->style == JSON)
			json_array_append_new(symbols, json_symbol(&s[i]));
		else if (!here && more)
			putchar('\n');
		if (p->style != JSON && !here++)
			put_header(p, m->name, m->version, doc);
		if (p->style != JSON)
			put_symbol(p, &s[i]);
		p->found++;
	}
	if (p->style == JSON && (!p->symbol || json_array_size(symbols)))
		json_array_append_new(p->modules,
				      json_pack("{s:s, s:I, s:s, s:s, s:O}", "name", m->name,
						"version", (json_int_t)m->version, "hash", m->hash,
						"doc", doc, "symbols", symbols));
	json_decref(symbols);
}

/* What the language has built in belongs to no module; people look for it in the standard one. */
static void put_builtin(struct page *p)
{
	static const char *const builtins[][3] = {
#define BUILTIN(name, formals, doc) { #name, formals, doc },
#include "compiler/elab/builtins.def"
#undef BUILTIN
	};
	for (size_t i = 0; i < PRECESS_COUNT(builtins); i++) {
		if (strcmp(builtins[i][0], p->symbol)) {
			if (p->n_near < PRECESS_COUNT(p->near))
				p->near[p->n_near++] = builtins[i][0];
			continue;
		}
		struct library_symbol s = { .name = builtins[i][0],
					    .kind = "def",
					    .doc = builtins[i][2] };
		s.signature = arena_printf(lang_arena(p->l), "%s(%s)", s.name, builtins[i][1]);
		if (p->style == JSON)
			json_array_append_new(p->modules, json_pack("{s:n, s:[o]}", "name",
								    "symbols", json_symbol(&s)));
		else
			put_symbol(p, &s);
		p->found++;
	}
}

static int no_symbol(const struct page *p, const char *name)
{
	const char *near = lang_nearest(p->symbol, p->near, p->n_near);
	if (near)
		return argument_error("there is no `%s` in %s; did you mean `%s`?", p->symbol, name,
				      near);
	return argument_error("there is no `%s` in %s", p->symbol, name);
}

/* The library, or the one module, that `name` means: a file, or what `import` would find. */
static int find(const struct library **lib, const struct library_module **module, struct lang *l,
		const char *name, const struct option_list *path)
{
	struct elab_options o = { 0 };
	struct elab_importer from = { 0 };
	struct elab_place place;
	struct folder_list folders;
	struct library *read;
	size_t n = strlen(name), k = strlen(LIBRARY_ENDING);
	*module = NULL;
	if (n > k && !strcmp(name + n - k, LIBRARY_ENDING)) {
		precess_status st = library_read(&read, lang_arena(l), name);
		*lib = read;
		return st ? world_error(st) : EXIT_OK;
	}
	library_folders(&folders, lang_arena(l), path);
	o.path = folders.item;
	o.n_path = folders.n;
	*lib = elab_standard(l);
	if (!strcmp(name, (*lib)->name))
		return EXIT_OK;
	elab_locate(&place, l, &o, &from, name);
	*lib = place.library;
	*module = place.module;
	if (place.fault)
		return world_error(precess_fail(place.fault, "%s", place.why));
	if (place.path) {
		struct library_module *m = arena_alloc(lang_arena(l), sizeof *m);
		char *text;
		precess_status st = file_read(&text, &m->n, place.path, (size_t)64 << 20);
		if (st)
			return world_error(st);
		m->name = name;
		m->text = arena_copy(lang_arena(l), text, m->n);
		free(text);
		hash_hex(m->hash, m->text, m->n);
		*module = m;
		return EXIT_OK;
	}
	if (*module || (*lib && !strchr(name, '.')))
		return EXIT_OK;
	const char *near = elab_near(l, &o, &from, name);
	if (near)
		return argument_error("there is no library or module `%s`; did you mean `%s`?",
				      name, near);
	return argument_error(
		"there is no library or module `%s` (searched: %sthe standard library)", name,
		place.searched);
}

static int show(struct page *p, const char *name, const struct option_list *path)
{
	const struct library *lib;
	const struct library_module *module;
	int rc = find(&lib, &module, p->l, name, path);
	if (rc)
		return rc;
	if (p->style == JSON)
		p->modules = json_array();
	if (module)
		put_module(p, module, name, false);
	for (size_t i = 0; !module && i < lib->n_module; i++)
		put_module(p, &lib->module[i], lib->module[i].name, p->found > 0);
	if (p->symbol && !p->found && lib && !*lib->path)
		put_builtin(p);
	if (p->symbol && !p->found) {
		json_decref(p->modules);
		return no_symbol(p, name);
	}
	if (p->style == JSON)
		json_put(json_pack("{s:b, s:o}", "ok", 1, "modules", p->modules));
	return EXIT_OK;
}

int cmd_doc(int argc, char **argv)
{
	struct option_list rest = { 0 }, path = { 0 };
	bool json = false, markdown = false;
	const struct option table[] = {
		{ "--markdown", NULL, OPTION_FLAG, &markdown, 0, 0,
		  "headings and code for a web page" },
		OPTION_LIBRARY_PATH(path),
		{ "--json", NULL, OPTION_FLAG, &json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("doc", argc, argv, table, PRECESS_COUNT(table), &rest);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (!rest.n || rest.n > 2)
		return usage_error("doc",
				   rest.n ? "one library and one name at a time"
					  : "which library? `std` is the one that is always there");
	struct page *p = calloc(1, sizeof *p);
	if (!p)
		return world_error(precess_fail(PRECESS_ENOMEM, "out of memory"));
	p->l = lang_create();
	p->style = json ? JSON : markdown ? MARKDOWN : PLAIN;
	p->symbol = rest.n > 1 ? rest.item[1] : NULL;
	rc = show(p, rest.item[0], &path);
	lang_free(p->l);
	free(p);
	return rc;
}
