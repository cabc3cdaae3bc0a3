/* Any bytes through the whole compiler: it may complain, it may not crash or hang. What it accepts
 * must verify, and either draw or say why not. */
#include "compiler/elab/elab.h"
#include "compiler/lower/lower.h"
#include "compiler/passes/passes.h"
#include "lang/lang.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void back_end(struct ir *ir, struct lang *l)
{
	struct program *program = NULL;
	struct draw *d = NULL;
	struct text t;

	if (passes_run(ir, NULL, NULL) || lower(&program, ir, l, "fuzz.seq") ||
	    program_verify(program))
		abort();
	text_init(&t);
	if (draw_create(&d, program, NULL, false) == PRECESS_OK)
		lower_explain(&t, ir, l, d);
	draw_free(d);
	text_free(&t);
	program_free(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct elab_options options = { 0 };
	struct lang *l = lang_create();
	struct node *file = lang_parse(l, "fuzz.seq", (const char *)data, n);
	struct ir *ir = NULL;
	struct text t;

	text_init(&t);
	if (file) {
		node_print(&t, file);
		ir = elab(l, file, &options);
	}
	if (ir && !diag_count(l, SEVERITY_ERROR) && file->kind == NODE_FILE)
		back_end(ir, l);
	diag_print(&t, l, true, 80);
	text_free(&t);
	ir_free(ir);
	lang_free(l);
	return 0;
}
