/* A sequence of the language, from a file or a text, as an IR. */
#ifndef TESTS_REFCASES_ELABORATE_H
#define TESTS_REFCASES_ELABORATE_H

#include "compiler/elab/elab.h"
#include "tests/refcases/suite.h"

/* NULL, with the diagnostics as the failure's text, when it has errors. `text` NULL: the file. The
 * places of what it plays are in `l`. */
static inline struct ir *elaborated(struct lang *l, const char *path, const char *text,
				    elab_reader reader)
{
	struct elab_options o = { .reader = reader };
	struct node *tree = NULL;
	struct ir *ir = NULL;
	struct text t;

	if (text)
		tree = lang_parse(l, path, text, strlen(text));
	else if (lang_parse_file(&tree, l, path))
		fail_msg("%s", precess_error());
	if (tree)
		ir = elab(l, tree, &o);
	if (ir && diag_count(l, SEVERITY_ERROR)) {
		ir_free(ir);
		ir = NULL;
	}
	text_init(&t);
	diag_print(&t, l, false, 100);
	if (!ir)
		precess_fail(PRECESS_EINVAL, "%s", t.data);
	text_free(&t);
	return ir;
}

static inline void defaults(double *param, const struct ir *ir)
{
	for (uint32_t i = 0; i < ir->n_param; i++)
		param[i] = ir->param[i].value;
}

#endif
