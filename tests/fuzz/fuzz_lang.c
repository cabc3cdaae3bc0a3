/* Any bytes: parsing and printing must neither crash nor leak, and every span must lie in its text.
 * clang -fsanitize=fuzzer,address,undefined */
#include "lang/lang.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct lang *l, const struct node *n, int depth)
{
	size_t length;
	if (!n)
		return;
	lang_source_text(l, n->span.source, &length);
	if (n->span.begin > n->span.end || n->span.end > length || depth > LANG_DEPTH_LIMIT + 1)
		abort();
	for (uint32_t i = 0; i < n->n_kid; i++)
		check(l, n->kid[i], depth + 1);
	if (n->kid[n->n_kid])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text out;
	struct lang *l = lang_create();
	struct node *tree = lang_parse(l, "fuzz.seq", (const char *)data, size);
	text_init(&out);
	check(l, tree, 0);
	if (tree)
		node_print(&out, tree);
	else if (diag_count(l, SEVERITY_ERROR) == 0)
		abort();
	diag_print(&out, l, size % 2, (int)(size % 130));
	text_free(&out);
	lang_free(l);
	return 0;
}
