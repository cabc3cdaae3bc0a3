/* Sequences as users write them: text to draw. */
#ifndef TESTS_PHYSICS_COMPILE_H
#define TESTS_PHYSICS_COMPILE_H

#include "build.h"
#include "compiler/elab/elab.h"
#include "compiler/passes/passes.h"

static inline struct draw *compile_tree(struct lang *l, struct node *file, const char *path)
{
	struct elab_options options = { 0 };
	struct ir *ir = file && !diag_count(l, SEVERITY_ERROR) ? elab(l, file, &options) : NULL;
	struct program *p;
	struct draw *d;

	if (!ir || diag_count(l, SEVERITY_ERROR)) {
		struct text t;

		text_init(&t);
		diag_print(&t, l, false, 0);
		fail_msg("%s", t.data);
	}
	if (passes_run(ir, NULL, NULL) || lower(&p, ir, l, path) ||
	    draw_create(&d, p, NULL, false))
		fail_msg("%s", precess_error());
	ir_free(ir);
	lang_free(l);
	return d;
}

static inline struct draw *compile_text(const char *text)
{
	struct lang *l = lang_create();

	return compile_tree(l, lang_parse(l, "test.seq", text, strlen(text)), "test.seq");
}

/* `path` from the root of the tree, where tests run. */
static inline struct draw *compile_file(const char *path)
{
	struct lang *l = lang_create();
	struct node *file;

	if (lang_parse_file(&file, l, path))
		fail_msg("%s", precess_error());
	return compile_tree(l, file, path);
}

#endif
