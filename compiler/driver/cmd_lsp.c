/* precess lsp: the language server on standard input and output. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"
#include "compiler/lsp/lsp.h"

/* Where modules of libraries are put for editors to open. */
static const char *cache_folder(struct arena *a)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (cache && *cache == '/')
		return arena_printf(a, "%s/precess", cache);
	return home && *home == '/' ? arena_printf(a, "%s/.cache/precess", home) : NULL;
}

int cmd_lsp(int argc, char **argv)
{
	struct option_list rest = { 0 }, path = { 0 };
	bool stdio;
	const struct option table[] = {
		{ "--stdio", NULL, OPTION_FLAG, &stdio, 0, 0, "accepted: editors like to say it" },
		OPTION_LIBRARY_PATH(path),
	};
	int rc = options_parse("lsp", argc, argv, table, PRECESS_COUNT(table), &rest);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (rest.n)
		return usage_error("lsp", "the editor sends the files");
	struct arena *a = arena_create();
	struct folder_list folders;
	library_folders(&folders, a, &path);
	const struct lsp_options o = { .path = folders.item,
				       .n_path = folders.n,
				       .cache = cache_folder(a),
				       .reader = io_read_samples };
	signal(SIGPIPE, SIG_IGN); /* an editor that is gone is no crash */
	bool clean = lsp_run(0, 1, &o);
	arena_free(a);
	return clean ? EXIT_OK : EXIT_DIAGNOSTICS;
}
