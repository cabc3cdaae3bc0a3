/* precess lsp: the language server on standard input and output. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"
#include "compiler/lsp/lsp.h"

int cmd_lsp(int argc, char **argv)
{
	struct option_list rest = { 0 };
	bool stdio;
	const struct option table[] = {
		{ "--stdio", NULL, OPTION_FLAG, &stdio, 0, 0, "accepted: editors like to say it" },
	};
	int rc = options_parse("lsp", argc, argv, table, PRECESS_COUNT(table), &rest);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (rest.n)
		return usage_error("lsp", "the editor sends the files");
	const char *path = getenv("PRECESS_PATH");
	const struct lsp_options o = { .path = &path, .n_path = path ? 1 : 0, .reader = io_read_samples };
	signal(SIGPIPE, SIG_IGN); /* an editor that is gone is no crash */
	return lsp_run(0, 1, &o) ? EXIT_OK : EXIT_DIAGNOSTICS;
}
