/* Any bytes: what is formatted has the same tree and means the same, and formatting it again
 * changes nothing.
 * clang -fsanitize=fuzzer,address,undefined */
#include "compiler/elab/elab.h"
#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The tree of `s`, and its IR where it has one. */
static bool format(struct text *out, struct text *tree, struct text *meaning, const char *s,
		   size_t n)
{
	struct lang *l = lang_create();
	bool ok = lang_format(out, l, "fuzz.seq", s, n);
	if (ok) {
		struct elab_options options = { 0 };
		struct node *file = lang_parse(l, "fuzz.seq", s, n);
		node_print(tree, file);
		struct ir *ir = elab(l, file, &options);
		if (ir)
			ir_print(meaning, ir);
		ir_free(ir);
	} else if (!diag_count(l, SEVERITY_ERROR)) {
		abort();
	}
	lang_free(l);
	return ok;
}

static bool same(const struct text *a, const struct text *b)
{
	return a->n == b->n && !memcmp(a->data, b->data, a->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text once, twice, tree[2], meaning[2];
	text_init(&once);
	text_init(&twice);
	for (int i = 0; i < 2; i++) {
		text_init(&tree[i]);
		text_init(&meaning[i]);
	}
	if (format(&once, &tree[0], &meaning[0], (const char *)data, size) &&
	    (!format(&twice, &tree[1], &meaning[1], once.data, once.n) || !same(&once, &twice) ||
	     !same(&tree[0], &tree[1]) || !same(&meaning[0], &meaning[1])))
		abort();
	for (int i = 0; i < 2; i++) {
		text_free(&tree[i]);
		text_free(&meaning[i]);
	}
	text_free(&once);
	text_free(&twice);
	return 0;
}
