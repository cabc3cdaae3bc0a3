/* Text to tree: every form of the grammar, precedence, where lines end, and what is left of the
 * tree after errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lang/lang.h"

#define HEAD "seq 1\nsequence t\n"

/* The printed tree on one line, without the enclosing file. */
static char *flat(const struct node *tree)
{
	struct text t;
	text_init(&t);
	for (uint32_t i = 0; i < tree->n_kid; i++)
		node_print(&t, tree->kid[i]);
	char *out = malloc(t.n + 1), *to = out;
	for (const char *s = t.data; *s; s++) {
		if (*s == '\n') {
			while (s[1] == ' ' || s[1] == '\n')
				s++;
			*to++ = ' ';
		} else {
			*to++ = *s;
		}
	}
	while (to > out && to[-1] == ' ')
		to--;
	*to = 0;
	text_free(&t);
	return out;
}

static void print_diags(struct lang *l)
{
	struct text t;
	text_init(&t);
	diag_print(&t, l, false, 100);
	if (t.n)
		print_message("%s", t.data);
	text_free(&t);
}

/* `items` after the header parse to `want` with this many errors. */
static void expect(const char *items, const char *want, int errors)
{
	char source[4096];
	struct lang *l = lang_create();
	snprintf(source, sizeof source, HEAD "%s", items);
	struct node *tree = lang_parse(l, "t.seq", source, strlen(source));
	assert_non_null(tree);
	if (diag_count(l, SEVERITY_ERROR) != errors) {
		print_message("%s\n", items);
		print_diags(l);
	}
	assert_int_equal(diag_count(l, SEVERITY_ERROR), errors);
	if (want) {
		char *got = flat(tree);
		assert_string_equal(got, want);
		free(got);
	}
	lang_free(l);
}

static void good(const char *items, const char *want)
{
	expect(items, want, 0);
}

/* An expression, through `delay`. */
static void expression(const char *e, const char *want)
{
	char item[1024], tree[1024];
	snprintf(item, sizeof item, "delay %s\n", e);
	snprintf(tree, sizeof tree, "(delay %s)", want);
	good(item, tree);
}

static void test_header(void **state)
{
	(void)state;
	struct lang *l = lang_create();
	static const char module[] = "# c\n\nseq 1 # c\n\nmodule std.map \"doc\"\n";
	struct node *n = lang_parse(l, "m.seq", module, sizeof module - 1);
	assert_non_null(n);
	assert_int_equal(n->kind, NODE_MODULE);
	assert_string_equal(n->name, "std.map");
	assert_string_equal(n->doc, "doc");
	assert_int_equal(n->integer, 1);
	assert_int_equal(n->n_kid, 0);
	n = lang_parse(l, "t.seq", HEAD, sizeof HEAD - 1);
	assert_int_equal(n->kind, NODE_FILE);
	assert_string_equal(n->name, "t");
	assert_int_equal(n->span.source, 1);
	assert_ptr_equal(n->name, lang_intern(l, "t", 1));
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 0);
	lang_free(l);
}

static void test_declarations(void **state)
{
	(void)state;
	good("import std.epi", "(import std.epi)");
	good("import std.epi as e", "(import std.epi \"e\")");
	good("import std.map (a,\n b,)\n", "(import std.map (name a) (name b))");
	good("param A : time in 8ms .. 15ms step 1ms = 10ms \"d\"",
	     "(param A \"d\" (type time -) (range .. (quantity 8ms) (quantity 15ms)) (quantity 1ms)"
	     " (quantity 10ms))");
	good("param A : number[4] in 0 ..< 1",
	     "(param A (type number [] (int 4)) (range ..< (int 0) (int 1)) - -)");
	good("param A : number[] in -5% .. 5%",
	     "(param A (type number [] -) (range .. (neg (quantity 5%)) (quantity 5%)) - -)");
	good("const a = 1", "(const a - (int 1))");
	good("const a : int = 1_000 \"d\"", "(const a \"d\" (type int -) (int 1000))");
	good("map T2 : time in 0ms .. 650ms",
	     "(map T2 (type time -) (range .. (quantity 0ms) (quantity 650ms)) -)");
	good("map T1 : time = 2s", "(map T1 (type time -) - (quantity 2s))");
	good("map T1 : time in 0s .. 2s = 1s \"d\"",
	     "(map T1 \"d\" (type time -) (range .. (quantity 0s) (quantity 2s)) (quantity 1s))");
	good("geometry fov = [1mm, 2mm],\n matrix = [8, 8]",
	     "(geometry (setting fov (array (quantity 1mm) (quantity 2mm)))"
	     " (setting matrix (array (int 8) (int 8))))");
	good("system = ideal", "(system (name ideal))");
	good("system a = 1, b = 2", "(system (setting a (int 1)) (setting b (int 2)))");
	good("def f(a: axis, n: number = 2,) -> grad =\n  n",
	     "(def f (type grad -) (name n) (formal a (type axis -) -)"
	     " (formal n (type number -) (int 2)))");
	good("def f() -> block { return b }", "(def f (type block -) (body (return (name b))))");
	good("block b(e: time) { play e }",
	     "(block b (body (play (name e) -)) (formal e (type time -) -))");
	good("block b() {}", "(block b (body))");
}

static void test_statements(void **state)
{
	(void)state;
	good("let a = 1", "(let a - (int 1))");
	good("let a : time = 1ms \"d\"", "(let a \"d\" (type time -) (quantity 1ms))");
	good("require a > 1 \"why\"", "(require \"why\" (gt (name a) (int 1)))");
	good("require a in 1 .. 2 \"why\"",
	     "(require \"why\" (name a) (range .. (int 1) (int 2)))");
	good("return a", "(return (name a))");
	good("reset\ndelay 2ms", "(reset) (delay (quantity 2ms))");
	good("mark a\nmark b = c.end", "(mark a -) (mark b (member end (name c)))");
	good("play a", "(play (name a) -)");
	good("play e = a with k0 at t", "(play e (name a) (with k0 (name t)))");
	good("for i in 0 ..< 8 step 2 { reset }",
	     "(for i (range ..< (int 0) (int 8)) (int 2) (body (reset)))");
	good("for a in [1, 2] { reset }", "(for a (array (int 1) (int 2)) - (body (reset)))");
	good("if a { reset }", "(if (name a) (body (reset)) -)");
	good("if a { reset } else { delay b }",
	     "(if (name a) (body (reset)) (body (delay (name b))))");
	good("if a { } else if b { } else { }", "(if (name a) (body) (if (name b) (body) (body)))");
}

static void test_leaves(void **state)
{
	(void)state;
	expression("true", "(bool true)");
	expression("false", "(bool false)");
	expression("\"a \\\"b\\\\\"", "(text \"a \\\"b\\\\\")");
	expression("0.5", "(number 0.5)");
	expression("1_000.25e-2", "(number 10.0025)");
	expression("x", "(name x)");
	expression("system.max_grad", "(member max_grad (name system))");
	expression("a.delay.mark", "(member mark (member delay (name a)))");
	expression("[]", "(array)");
	expression("[1, 2,]mT/m", "(array mT/m (int 1) (int 2))");
	expression("a[1][2]", "(index (index (name a) (int 1)) (int 2))");
	expression("f()", "(call (name f))");
	expression("f(1, b = 2,)", "(call (name f) (arg (int 1)) (arg b (int 2)))");
	expression("f(1)(2)", "(call (call (name f) (arg (int 1))) (arg (int 2)))");
	expression("\xCE\xB1_1", "(name \xCE\xB1_1)");
}

static void test_precedence(void **state)
{
	(void)state;
	expression("a ? b : c ? d : e",
		   "(cond (name a) (name b) (cond (name c) (name d) (name e)))");
	expression("a or b and not c == d",
		   "(or (name a) (and (name b) (not (eq (name c) (name d)))))");
	expression("a & b == c & d",
		   "(eq (together (name a) (name b)) (together (name c) (name d)))");
	expression("a & b @ c + d", "(together (name a) (shift (name b) (add (name c) (name d))))");
	expression("a - b - c", "(sub (sub (name a) (name b)) (name c))");
	expression("a + b * c % d", "(add (name a) (mod (mul (name b) (name c)) (name d)))");
	expression("-a ^ 2", "(neg (pow (name a) (int 2)))");
	expression("-a * b", "(mul (neg (name a)) (name b))");
	expression("a ^ -b ^ c", "(pow (name a) (neg (pow (name b) (name c))))");
	expression("a ^ b ^ c", "(pow (name a) (pow (name b) (name c)))");
	expression("-f(x).y", "(neg (member y (call (name f) (arg (name x)))))");
	expression("(a + b) * c", "(mul (add (name a) (name b)) (name c))");
	expression("s * g & adc(n)",
		   "(together (mul (name s) (name g)) (call (name adc) (arg (name n))))");
	expression("a < 1 and b >= 2 or c != 3",
		   "(or (and (lt (name a) (int 1)) (ge (name b) (int 2))) (ne (name c) (int 3)))");
	expression("a <= 1 or b > 2", "(or (le (name a) (int 1)) (gt (name b) (int 2)))");
}

static void test_numbers_and_units(void **state)
{
	(void)state;
	good("for i in 3..5 { }", "(for i (range .. (int 3) (int 5)) - (body))");
	good("for i in 4 ..< n { }", "(for i (range ..< (int 4) (name n)) - (body))");
	good("for i in 8ms..9ms { }", "(for i (range .. (quantity 8ms) (quantity 9ms)) - (body))");
	expression("10ms / m", "(div (quantity 10ms) (name m))");
	expression("10mT/m", "(quantity 10mT/m)");
	expression("2ms*n", "(mul (quantity 2ms) (name n))");
	expression("2ms/n.x", "(div (quantity 2ms) (member x (name n)))");
	expression("1/min(a)", "(div (int 1) (call (name min) (arg (name a))))");
	expression("4.5/m", "(quantity 4.5/m)");
	expression("4/n", "(div (int 4) (name n))");
	expression("4mm^2", "(quantity 4mm^2)");
	expression("4mm^n", "(pow (quantity 4mm) (name n))");
	expression("4s^-1", "(quantity 4s^-1)");
	expression("7%2", "(mod (int 7) (int 2))");
	expression("7 % 2", "(mod (int 7) (int 2))");
	expression("7% * 2", "(mul (quantity 7%) (int 2))");
	expression("a[0]", "(index (name a) (int 0))");
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{ "0.45ms", 0.45e-3 },
		{ "15ms", 15e-3 },
		{ "2min", 120 },
		{ "1_0us", 1e-5 },
		{ "3\xC2\xB5s", 3e-6 },
		{ "3\xCE\xBCs", 3e-6 },
		{ "40mT/m", 40e-3 },
		{ "5%", 0.05 },
		{ "3ppm", 3e-6 },
		{ "1.5e2kHz", 150e3 },
		{ "1mT*ms/m", 1e-6 },
		{ "1turn", 6.283185307179586 },
		{ "180deg", 3.141592653589793 },
		{ "20/m", 20 },
		{ "2cm^2", 2e-4 },
		{ "5G", 5e-4 },
	};
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		char source[100];
		struct lang *l = lang_create();
		snprintf(source, sizeof source, HEAD "delay %s\n", cases[i].text);
		struct node *q = lang_parse(l, "t", source, strlen(source))->kid[0]->kid[0];
		assert_int_equal(q->kind, NODE_QUANTITY);
		assert_string_equal(q->name, cases[i].text);
		assert_true(q->number == cases[i].value);
		lang_free(l);
	}
}

static void test_array_unit(void **state)
{
	(void)state;
	static const char source[] = HEAD "delay [1, 2]mT/m\ndelay [1]\n";
	struct lang *l = lang_create();
	struct node *tree = lang_parse(l, "t", source, sizeof source - 1);
	struct node *a = tree->kid[0]->kid[0], *b = tree->kid[1]->kid[0];
	assert_true(a->number == 1e-3);
	assert_true(dim_equal(a->dim, (struct dim){ 0, -1, 1, 0 }));
	assert_true(b->number == 1);
	assert_true(dim_equal(b->dim, (struct dim){ 0, 0, 0, 0 }));
	lang_free(l);
}

static void test_line_ends(void **state)
{
	(void)state;
	static const char sum[] = "(let a - (add (name b) (name c))) (reset)";
	good("let a = b +\n c\nreset", sum);
	good("let a = b + # comment\n\n# comment\n c\nreset", sum);
	good("let a =\n b + c\nreset\n", sum);
	good("let a = (b\n + c\n)\nreset", sum);
	good("let a = b + c; reset;\n;", sum);
	good("let a = b +\r\n c\r\nreset\r\n", sum);
	good("play a\n  & b\n\n # c\n  with center at t\nreset",
	     "(play (together (name a) (name b)) (with center (name t))) (reset)");
	good("if a {\nreset }\nelse\n{ reset\n}\n", "(if (name a) (body (reset)) (body (reset)))");
	good("if a { reset; reset }", "(if (name a) (body (reset) (reset)) -)");
	good("let a = f(1,\n  2,\n)\nreset",
	     "(let a - (call (name f) (arg (int 1)) (arg (int 2)))) (reset)");
}

static void test_byte_order_mark(void **state)
{
	(void)state;
	static const char source[] = "\xEF\xBB\xBF" HEAD "reset";
	struct lang *l = lang_create();
	struct node *tree = lang_parse(l, "t", source, sizeof source - 1);
	assert_non_null(tree);
	assert_int_equal(tree->n_kid, 1);
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 0);
	lang_free(l);
}

static void test_spans(void **state)
{
	(void)state;
	static const char source[] = HEAD "param ESP : time in 8ms .. 15ms\nplay -(a + b)\n";
	struct lang *l = lang_create();
	struct node *tree = lang_parse(l, "t", source, sizeof source - 1);
	struct node *param = tree->kid[0], *neg = tree->kid[1]->kid[0];
	assert_int_equal(param->span.begin, strlen(HEAD));
	assert_int_equal(param->span.end, strlen(HEAD) + 31);
	assert_memory_equal(source + param->name_span.begin, "ESP", 3);
	assert_int_equal(param->name_span.end - param->name_span.begin, 3);
	assert_memory_equal(source + neg->span.begin, "-(a + b)", neg->span.end - neg->span.begin);
	assert_int_equal(neg->kid[0]->span.end - neg->kid[0]->span.begin, 7);
	assert_null(neg->kid[1]);
	lang_free(l);
}

static void test_recovery(void **state)
{
	(void)state;
	expect("let x = 3 +\nlet y = 1", "(error x) (let y - (int 1))", 1);
	expect("let y = (2 *\nlet z = 4", "(error y) (let z - (int 4))", 1);
	expect("let y = f(a,\n b c,\n d)\nlet z = 4", "(error y) (let z - (int 4))", 1);
	expect("play f(\"abc)\nlet z = 4", "(error) (let z - (int 4))", 1);
	expect("for i in 0 .. 3 { play f(x }\nreset",
	       "(for i (range .. (int 0) (int 3)) - (body (error))) (reset)", 1);
	/* A body whose head is broken still has its own errors found, and ends where it ends. */
	expect("block b(a time) {\n play a\n play +\n}\nreset",
	       "(error b) (play (name a) -) (error) (reset)", 2);
	expect("if a = b {\n reset\n} else {\n reset\n}\nreset", "(error) (reset) (reset) (reset)",
	       1);
	expect("for i in 0 ..< {\n for j in 0 .. 1 { reset }\n}\nreset",
	       "(error) (for j (range .. (int 0) (int 1)) - (body (reset))) (reset)", 1);
	expect("for i in { reset }\nreset", "(error) (reset)", 1);
	expect("}\nreset", "(error) (reset)", 1);
	expect("reset\nfor i in 0 .. 3 {\n reset\n", NULL, 1);
	expect("for i in 0 .. 3 {\n reset\nparam A : time in 1s .. 2s\nmap M0 : number in 0 .. 1\n",
	       NULL, 1);
	expect("if a {\n const b = 1\n reset\n}", "(if (name a) (body (error b) (reset)) -)", 1);
	/* A wrong unit leaves the declaration whole. */
	expect("param A : time in 8ms .. 15mss",
	       "(param A (type time -) (range .. (quantity 8ms) (error)) - -)", 1);
	expect("param A : time = 1ms", "(param A (type time -) - - (quantity 1ms))", 1);
	expect("let a = [1, 2]mTT\nreset", "(let a - (error)) (reset)", 1);
	expect("let a = 99999999999999999999\nlet b = 1e999", "(let a - (error)) (let b - (error))",
	       2);
	expect("let a = $ $ $ 5q\nreset", "(error a) (reset)", 1);
}

static void test_six_errors(void **state)
{
	(void)state;
	expect("param ESP : time in 8ms .. 15mss\n"
	       "let x = 3 +\n"
	       "let y = hard(90deg 1ms)\n"
	       "for i in 0 ..< 3 {\n"
	       "  let s1 = \"abc\n"
	       "  play f(1\n"
	       "}\n"
	       "param Q : time\n"
	       "let z = 4\n",
	       NULL, 6);
}

static void test_nesting(void **state)
{
	(void)state;
	static const char *const open[] = { "(", "[", "-", "f(", "not ", "1+(", "a?", "2^", "a[" };
	for (size_t i = 0; i < PRECESS_COUNT(open); i++) {
		struct text t;
		struct lang *l = lang_create();
		text_init(&t);
		text_printf(&t, HEAD "let a = ");
		for (int k = 0; k < 20000; k++)
			text_add(&t, open[i], strlen(open[i]));
		text_printf(&t, "\nreset\n");
		assert_non_null(lang_parse(l, "t", t.data, t.n));
		assert_in_range(diag_count(l, SEVERITY_ERROR), 1, 2);
		assert_string_equal(diag_get(l, 0)->id, "E06");
		lang_free(l);
		text_free(&t);
	}
}

static void test_long_chains(void **state)
{
	(void)state;
	static const char *const part[] = { "+ a ", ".a", "(1)", "[0]", "== b and c " };
	for (size_t i = 0; i < PRECESS_COUNT(part); i++) {
		struct text t;
		struct lang *l = lang_create();
		text_init(&t);
		text_printf(&t, HEAD "let a = b");
		for (int k = 0; k < 5000; k++)
			text_printf(&t, "%s", part[i]);
		struct node *tree = lang_parse(l, "t", t.data, t.n);
		assert_int_equal(diag_count(l, SEVERITY_ERROR), 1);
		assert_string_equal(diag_get(l, 0)->id, "E06");
		assert_in_range(tree->depth, 1, LANG_DEPTH_LIMIT);
		lang_free(l);
		text_free(&t);
	}
}

static void test_deep_braces(void **state)
{
	(void)state;
	struct text t;
	struct lang *l = lang_create();
	text_init(&t);
	text_printf(&t, HEAD);
	for (int k = 0; k < 5000; k++)
		text_printf(&t, "if a {\n");
	for (int k = 0; k < 5000; k++)
		text_printf(&t, "}\n");
	text_printf(&t, "reset\n");
	struct node *tree = lang_parse(l, "t", t.data, t.n);
	assert_non_null(tree);
	assert_string_equal(diag_get(l, 0)->id, "E06");
	assert_int_equal(tree->kid[tree->n_kid - 1]->kind, NODE_RESET);
	lang_free(l);
	text_free(&t);
}

static void test_odd_bytes(void **state)
{
	(void)state;
	static const char source[] = HEAD
		"let a = 1\0 2\nlet b = \"x\0y\"\nlet c = \xFF\n# \xFF\0\nreset";
	struct lang *l = lang_create();
	struct node *tree = lang_parse(l, "t", source, sizeof source - 1);
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 3);
	assert_int_equal(tree->n_kid, 4);
	assert_int_equal(tree->kid[3]->kind, NODE_RESET);
	lang_free(l);
}

static void test_truncations(void **state)
{
	(void)state;
	static const char source[] = HEAD
		"import a.b (c)\nparam A : time[2] in 1ms .. 2ms = 1ms \"d\"\n"
		"block b(a: time = 3) {\n  if a { play e = f(1, [2]mT) with k at 3 }"
		" else { mark q }\n}\ndef f() -> grad = a ? b : -c ^ 2\n";
	for (size_t n = 0; n < sizeof source; n++) {
		struct lang *l = lang_create();
		struct text t;
		text_init(&t);
		struct node *tree = lang_parse(l, "t", source, n);
		assert_true(tree || diag_count(l, SEVERITY_ERROR) > 0);
		assert_in_range(diag_count(l, SEVERITY_ERROR), 0, 3);
		diag_print(&t, l, true, 60);
		text_free(&t);
		lang_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),      cmocka_unit_test(test_declarations),
		cmocka_unit_test(test_statements),  cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_precedence),  cmocka_unit_test(test_numbers_and_units),
		cmocka_unit_test(test_values),      cmocka_unit_test(test_array_unit),
		cmocka_unit_test(test_line_ends),   cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_spans),       cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_six_errors),  cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_long_chains), cmocka_unit_test(test_deep_braces),
		cmocka_unit_test(test_odd_bytes),   cmocka_unit_test(test_truncations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
