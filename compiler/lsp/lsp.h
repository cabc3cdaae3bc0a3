/* The language server: JSON-RPC over two file descriptors, as the Language Server Protocol 3.17
 * wants it. Whole texts are sent at every change and checked anew; a burst of changes is checked
 * once. Nothing an editor sends ends the server but `exit` or the end of its input.
 *
 * Ownership: the caller keeps the descriptors open during the call and owns everything it gives. */
#ifndef COMPILER_LSP_LSP_H
#define COMPILER_LSP_LSP_H

#include "compiler/elab/elab.h"

struct lsp_options {
	const char *const *path; /* folders searched for modules */
	size_t n_path;
	const char
		*cache; /* folder for modules of libraries, which editors open; NULL: they cannot */
	elab_reader reader;
};

/* Serves until `exit` or the end of `in`. Returns true when `shutdown` came before it. */
bool lsp_run(int in, int out, const struct lsp_options *options);

#endif
