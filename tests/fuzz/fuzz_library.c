/* Any bytes as a library: read or refused. Few bytes have the hash that they name, so the same are
 * tried with the right one, too; what is read must be found and be fit for documentation.
 * clang -fsanitize=fuzzer,address,undefined */
#include "compiler/library/library.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *bytes, size_t n)
{
	struct lang *l = lang_create();
	struct library *lib;
	struct text out;
	text_init(&out);
	if (library_parse(&lib, lang_arena(l), bytes, n, "fuzz.seqlib") == PRECESS_OK) {
		for (size_t i = 0; i < lib->n_module; i++) {
			const struct library_module *m = &lib->module[i];
			const struct node *file = lang_parse(l, m->name, m->text, m->n);
			const struct library_symbol *s;
			if (!library_find(lib, m->name))
				abort();
			if (file)
				library_symbols(&s, l, file);
		}
		library_write(&out, lib);
	}
	text_free(&out);
	lang_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "seqlib 1\nlanguage 1\nhash ";
	char hash[65];
	struct text t;
	check((const char *)data, size);
	text_init(&t);
	hash_hex(hash, data, size);
	text_printf(&t, "%s%s\n", head, hash);
	text_add(&t, (const char *)data, size);
	check(t.data, t.n);
	text_free(&t);
	return 0;
}
