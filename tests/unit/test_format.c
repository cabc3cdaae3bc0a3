/* The formatter over every file of the tree: the tree and the IR stay, and a second run finds
 * nothing to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "compiler/elab/elab.h"
#include "lang/lang.h"

static bool format(struct text *out, const char *s, size_t n)
{
	struct lang *l = lang_create();
	bool ok = lang_format(out, l, "x.seq", s, n);
	lang_free(l);
	return ok;
}

/* The tree, and the IR's hash where there is one. */
static void meaning(struct text *out, const char *path, const char *s, size_t n)
{
	struct elab_options options = { 0 };
	struct lang *l = lang_create();
	struct node *tree = lang_parse(l, path, s, n);
	assert_non_null(tree);
	node_print(out, tree);
	struct ir *ir = elab(l, tree, &options);
	text_printf(out, "%s\n", ir ? ir->hash : "refused");
	ir_free(ir);
	lang_free(l);
}

static int check(const char *path)
{
	char *s;
	size_t n;
	struct text once, twice, a, b;
	assert_int_equal(file_read(&s, &n, path, 1 << 20), PRECESS_OK);
	text_init(&once);
	text_init(&twice);
	text_init(&a);
	text_init(&b);
	bool ok = format(&once, s, n);
	if (ok) {
		assert_true(format(&twice, once.data, once.n));
		assert_string_equal(once.data, twice.data);
		meaning(&a, path, s, n);
		meaning(&b, path, once.data, once.n);
		assert_string_equal(a.data, b.data);
	}
	text_free(&once);
	text_free(&twice);
	text_free(&a);
	text_free(&b);
	free(s);
	return ok;
}

static int check_all(const char *pattern)
{
	glob_t g;
	int n = 0;
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		n += check(g.gl_pathv[i]);
	globfree(&g);
	printf("%s: %d\n", pattern, n);
	return n;
}

static void test_corpus(void **state)
{
	(void)state;
	assert_true(check_all("sequences/*.seq") >= 10);
	assert_true(check_all("stdlib/*.seq") >= 5);
	assert_true(check_all("tests/golden/*/*.seq") >= 40);
	assert_true(check_all("tests/golden/*/*/*/*.seq") >= 5);
	assert_true(check_all("tests/golden/*/*/*/*/*.seq") >= 1);
	assert_true(check_all("tests/lsp/parts/*.seq") >= 1);
	assert_true(check_all("tests/lsp/parts/*/*.seq") >= 1);
}

static void same(const char *in, const char *out)
{
	struct text t;
	text_init(&t);
	assert_true(format(&t, in, strlen(in)));
	assert_string_equal(t.data, out);
	text_free(&t);
}

static void test_layout(void **state)
{
	(void)state;
	same("seq 1\nsequence a\nlet x=-1+ 2*( 3 ) ; let yy = [1,2 ]ms\n# c\n\n\n\nif x==1{reset}\n",
	     "seq 1\nsequence a\nlet x  = -1 + 2 * (3)\nlet yy = [1, 2]ms\n# c\n\n"
	     "if x == 1 { reset }\n");
	same("seq 1\nmodule a\ndef f(a:int,b : time = 1ms)->time=b^2*2m^ -1/a\n",
	     "seq 1\nmodule a\ndef f(a: int, b: time = 1ms) -> time = b^2 * 2m ^ -1 / a\n");
	same("seq 1\nmodule  a.b  2\nimport std.grads 1( spoiler,shift )\nimport a . c 3 as  d\n",
	     "seq 1\nmodule a.b 2\nimport std.grads 1 (spoiler, shift)\nimport a.c 3 as d\n");
	same("seq 1\r\nsequence a\r\nfor i in 0..3\r\n{\r\n\r\nreset # r\r\n# end\r\n\r\n}\r\n# last",
	     "seq 1\nsequence a\nfor i in 0 .. 3 {\n  reset  # r\n  # end\n}\n# last\n");
	same("seq 1\nsequence a\nplay a&b\nwith start at t\nif a {\nreset }\nelse { reset }\n",
	     "seq 1\nsequence a\nplay a & b\n     with start at t\nif a {\n  reset\n} else { reset }\n");
}

static void test_columns(void **state)
{
	(void)state;
	same("seq 1\nsequence a\nplay first_operand_long(1, 2, 3) & second_operand_long(4, 5, 6) & "
	     "third_operand_long(7, 8, 9, 10, 11, 12) with center at e.center\n",
	     "seq 1\nsequence a\n"
	     "play first_operand_long(1, 2, 3) & second_operand_long(4, 5, 6)\n"
	     "     & third_operand_long(7, 8, 9, 10, 11, 12)\n     with center at e.center\n");
}

static void test_refuses(void **state)
{
	struct text t;
	(void)state;
	text_init(&t);
	assert_false(format(&t, "seq 1\nsequence a\nlet = 1\n", 26));
	assert_false(format(&t, "[VERSION]\nmajor 1\n", 18));
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
