/* Libraries: what is written is read again; what is cut or changed anywhere is refused; names and
 * places of modules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/elab/elab.h"
#include "compiler/library/library.h"

/* The library of the parts of a golden test, as bytes. */
static struct library *written(struct text *out, struct lang *l)
{
	const char *const *file;
	struct library *lib;
	assert_int_equal(
		library_gather(&lib, &file, l, "tests/golden/library/parts/shapes", "shapes"),
		PRECESS_OK);
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 0);
	assert_string_equal(file[0], "tests/golden/library/parts/shapes/deep/soft.seq");
	library_write(out, lib);
	return lib;
}

static void test_round_trip(void **state)
{
	struct lang *l = lang_create();
	struct library *lib, *read;
	struct text t;
	(void)state;
	text_init(&t);
	lib = written(&t, l);
	assert_int_equal(library_parse(&read, lang_arena(l), t.data, t.n, "x"), PRECESS_OK);
	assert_string_equal(read->name, "shapes");
	assert_string_equal(read->hash, lib->hash);
	assert_int_equal(read->n_module, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct library_module *a = &lib->module[i];
		const struct library_module *b = library_find(read, a->name);
		assert_non_null(b);
		assert_string_equal(a->text, b->text);
		assert_string_equal(a->hash, b->hash);
		assert_int_equal(a->version, b->version);
	}
	assert_int_equal(library_find(read, "shapes.lobes")->version, 2);
	assert_null(library_find(read, "shapes"));
	text_free(&t);
	lang_free(l);
}

/* A library that is cut, longer, or other in one byte anywhere does not pass for one. */
static void test_damage(void **state)
{
	struct lang *l = lang_create();
	struct library *read;
	struct text t;
	(void)state;
	text_init(&t);
	written(&t, l);
	for (size_t n = 0; n < t.n; n++)
		assert_int_not_equal(library_parse(&read, lang_arena(l), t.data, n, "x"),
				     PRECESS_OK);
	for (size_t i = 0; i < t.n; i++) {
		t.data[i] ^= 1;
		assert_int_not_equal(library_parse(&read, lang_arena(l), t.data, t.n, "x"),
				     PRECESS_OK);
		t.data[i] ^= 1;
	}
	text_add(&t, "\n", 1);
	assert_int_equal(library_parse(&read, lang_arena(l), t.data, t.n, "x"), PRECESS_EINVAL);
	text_free(&t);
	lang_free(l);
}

static void test_places(void **state)
{
	struct arena *a = arena_create();
	(void)state;
	assert_string_equal(library_home(a, "a/src/deep/soft.seq", "shapes.deep.soft"), "a/src");
	assert_string_equal(library_home(a, "deep/soft.seq", "shapes.deep.soft"), ".");
	assert_string_equal(library_home(a, "/soft.seq", "shapes.soft"), "/");
	assert_null(library_home(a, "a/firm.seq", "shapes.soft"));
	assert_null(library_home(a, "a/microsoft.seq", "shapes.soft"));
	assert_null(library_home(a, "a/soft.seq", "soft"));
	assert_string_equal(library_file(a, "a/src", "shapes.deep.soft"), "a/src/deep/soft.seq");
	assert_string_equal(library_file(a, ".", "shapes.soft"), "soft.seq");
	arena_free(a);
}

/* What the program has inside is what the folder holds. */
static void test_standard(void **state)
{
	struct lang *l = lang_create();
	const struct library *inside = elab_standard(l);
	const char *const *file;
	struct library *lib;
	struct text t;
	(void)state;
	text_init(&t);
	assert_int_equal(library_gather(&lib, &file, l, "stdlib", "std"), PRECESS_OK);
	library_write(&t, lib);
	assert_string_equal(lib->hash, inside->hash);
	text_free(&t);
	lang_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_standard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
