/* A sequence as a file or a text, compiled to a program. */
#ifndef TESTS_UNIT_COMPILE_FILE_H
#define TESTS_UNIT_COMPILE_FILE_H

#include "compiler/elab/elab.h"
#include "compiler/lower/lower.h"
#include "compiler/passes/passes.h"

#include <string.h>

/* `text` NULL: the file `path`. */
static inline struct program *compile_program(const char *path, const char *text)
{
	struct elab_options options = { 0 };
	struct lang *l = lang_create();
	struct node *file = NULL;
	struct program *p = NULL;
	struct ir *ir;

	if (text)
		file = lang_parse(l, path, text, strlen(text));
	else if (lang_parse_file(&file, l, path))
		fail_msg("%s", precess_error());
	ir = file && !diag_count(l, SEVERITY_ERROR) ? elab(l, file, &options) : NULL;
	if (!ir || diag_count(l, SEVERITY_ERROR)) {
		struct text t;

		text_init(&t);
		diag_print(&t, l, false, 0);
		fail_msg("%s", t.data);
	}
	if (passes_run(ir, NULL, NULL) || lower(&p, ir, l, path))
		fail_msg("%s", precess_error());
	ir_free(ir);
	lang_free(l);
	return p;
}

#endif
