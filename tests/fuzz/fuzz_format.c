/* Any bytes: what is formatted has the same tree, and formatting it again changes nothing.
 * clang -fsanitize=fuzzer,address,undefined */
#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool format(struct text *out, struct text *tree, const char *s, size_t n)
{
	struct lang *l = lang_create();
	bool ok = lang_format(out, l, "fuzz.seq", s, n);
	if (ok)
		node_print(tree, lang_parse(l, "fuzz.seq", s, n));
	else if (!diag_count(l, SEVERITY_ERROR))
		abort();
	lang_free(l);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text once, twice, a, b;
	text_init(&once);
	text_init(&twice);
	text_init(&a);
	text_init(&b);
	if (format(&once, &a, (const char *)data, size)) {
		if (!format(&twice, &b, once.data, once.n) || strcmp(a.data, b.data) ||
		    once.n != twice.n || memcmp(once.data, twice.data, once.n))
			abort();
	}
	text_free(&once);
	text_free(&twice);
	text_free(&a);
	text_free(&b);
	return 0;
}
