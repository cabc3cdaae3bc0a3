/* Diagnostics and their printed form, units, dimensions, file kinds, nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lang/lang.h"

#define HEAD "seq 1\nsequence t\n"

static char *printed(struct lang *l, bool color, int columns)
{
	struct text t;
	text_init(&t);
	diag_print(&t, l, color, columns);
	return t.data;
}

/* What a file's diagnostics print. */
static void expect(const char *source, const char *want)
{
	struct lang *l = lang_create();
	lang_parse(l, "t.seq", source, strlen(source));
	char *got = printed(l, false, 80);
	assert_string_equal(got, want);
	free(got);
	lang_free(l);
}

/* The first diagnostic of a statement after the header: id, text, help. */
static void first(const char *statement, const char *id, const char *text, const char *help)
{
	char source[1024];
	struct lang *l = lang_create();
	snprintf(source, sizeof source, HEAD "%s\n", statement);
	lang_parse(l, "t.seq", source, strlen(source));
	assert_true(diag_n(l) > 0);
	const struct diag *d = diag_get(l, 0);
	assert_string_equal(d->id, id);
	assert_string_equal(d->text, text);
	if (help)
		assert_string_equal(d->help, help);
	else
		assert_null(d->help);
	lang_free(l);
}

static void test_wording(void **state)
{
	(void)state;
	first("param A : time in 8ms .. 15mss", "E01", "unknown unit in `15mss`",
	      "did you mean `15ms`?");
	first("let a = 90\xC2\xB0", "E01", "unknown unit in `90\xC2\xB0`", "did you mean `90deg`?");
	first("let a = 2msec", "E01", "unknown unit in `2msec`", "did you mean `2ms`?");
	first("let a = 1.5e-3khz", "E01", "unknown unit in `1.5e-3khz`",
	      "did you mean `1.5e-3kHz`?");
	first("let a = [1]mTT", "E01", "unknown unit in `mTT`", "did you mean `mT`?");
	first("let a = 2furlong", "E01", "unknown unit in `2furlong`",
	      "the units are ns us ms s min nm um mm cm m uT mT T G Hz kHz MHz deg rad turn ppm %");
	first("let x = 3 +", "E02", "expected an expression, found end of line", NULL);
	first("play hard(90deg 1ms)", "E02", "expected an operator, `,` or `)`, found `1ms`",
	      "put a comma between the arguments");
	first("let a = [1 2]", "E02", "expected an operator, `,` or `]`, found `2`",
	      "put a comma between the elements");
	first("let s1 = \"abc", "E03", "the text opened here is not closed on this line", NULL);
	first("param ESP : time", "E04", "a parameter needs a range",
	      "`param ESP : time in 8ms .. 15ms`");
	first("param FA : angle = 3deg", "E04", "a parameter needs a range",
	      "`param FA : angle in 20deg .. 70deg`");
	first("let a = 99999999999999999999", "E07",
	      "the number `99999999999999999999` is too large",
	      "whole numbers go up to 9223372036854775807, others to about 1.8e308");
	first("let a = \x01", "E02", "unexpected character U+0001", NULL);
	first("let a = \xFF", "E02", "unexpected byte 0xFF: the text is not UTF-8", NULL);
	first("let a = b | c", "E02", "unexpected character `|`", "write `or`");
	first("let a = \xE2\x88\x92"
	      "3",
	      "E02", "unexpected character `\xE2\x88\x92`", "write the minus sign as `-`");
	first("if a = b { }", "E02", "expected an operator or `{`, found `=`",
	      "`==` compares, `=` gives a value to a name");
	first("let a = b < c < d", "E02", "expected an operator, a text or end of line, found `<`",
	      "join two comparisons with `and`: `a < b and b < c`");
	first("a = 3", "E02", "expected a statement, found `a`",
	      "`let a = ...` gives a value to a name");
	first("plya a", "E02", "expected a statement, found `plya`", "did you mean `play`?");
	first("hard(3)", "E02", "expected a statement, found `hard`", "`play hard(...)` plays it");
	first("// c", "E02", "expected a statement, found `/`", "a comment begins with `#`");
	first("let a = b && c", "E02", "expected an expression, found `&`", "write `and`");
	first("let a = b ** c", "E02", "expected an expression, found `*`",
	      "a power is written `a ^ b`");
	first("let delay = 3", "E02", "expected a name, found `delay`",
	      "`delay` is a word of the language and cannot be a name");
	first("for i in 0 .. 3", "E02", "expected an operator, `step` or `{`, found end of line",
	      "the body stands between `{` and `}`");
	first("def f() = 3", "E02", "expected `->`, found `=`",
	      "a `def` says what it gives: `def f(a: time) -> time = 2 * a`");
	first("param A in 1 .. 2", "E02", "expected `:`, found `in`",
	      "the type stands before the range: `param ESP : time in 8ms .. 15ms`");
	first("for i in 0 .. 3 { play + }", "E02", "expected an expression, found `+`", NULL);
	first("for i in 0 .. 3 { play }", "E02", "expected an expression, found `}`", NULL);
	first("if a { param A : time in 1s .. 2s }", "E02", "`param` cannot stand inside `{ }`",
	      "move it out of the braces");
	first("for i in 0 .. 3 {", "E02", "this `{` is not closed", "the file ends before its `}`");
	first("let mm = 3", "W03", "the name `mm` is also a unit",
	      "`1/mm` is a number with a unit, `1 / mm` divides; another name avoids the trap");
}

#define PULSEQ_HELP                                                                          \
	"help: `precess check`, `explain`, `plot` and `simulate` read it as it is; a file "   \
	"of this language begins with `seq 1` and `sequence my_sequence`\n"

static void test_foreign_files(void **state)
{
	(void)state;
	expect("# Pulseq\n[VERSION]\nmajor 1\nminor 4\nrevision 1\n",
	       "t.seq:2:1: error[E50]: this is a Pulseq file (1.4.1)\n"
	       "  2 | [VERSION]\n"
	       "    | ^^^^^^^^^\n"
	       PULSEQ_HELP);
	expect("[DEFINITIONS]\n", "t.seq:1:1: error[E50]: this is a Pulseq file\n"
				  "  1 | [DEFINITIONS]\n"
				  "    | ^^^^^^^^^^^^^\n"
				  PULSEQ_HELP);
	expect("seq 2\nanything\n",
	       "t.seq:1:5: error[E51]: this compiler knows language version 1, not 2\n"
	       "  1 | seq 2\n"
	       "    |     ^\n"
	       "help: this is precess " PRECESS_VERSION "; a newer one may know `seq 2`\n");
	expect("play x\n", "t.seq:1:1: error[E05]: this is not a sequence file\n"
			   "  1 | play x\n"
			   "    | ^^^^^^\n"
			   "help: the first line of a sequence file is `seq 1`, the second "
			   "`sequence my_sequence`\n");
	expect("", "t.seq:1:1: error[E05]: this file is empty\n"
		   "  1 | \n"
		   "    | ^\n"
		   "help: the first line of a sequence file is `seq 1`, the second `sequence "
		   "my_sequence`\n");
	expect("seq 1\nreset\n",
	       "t.seq:2:1: error[E02]: expected `sequence` or `module`, found `reset`\n"
	       "  2 | reset\n"
	       "    | ^^^^^\n"
	       "help: after `seq 1` the file says what it is: `sequence my_sequence` or `module "
	       "my_module`\n");
}

static void test_print(void **state)
{
	(void)state;
	expect(HEAD "\tlet \xCE\xB1 =\t$\nlet q = (2 *\nlet z = 4\n",
	       "t.seq:3:10: error[E02]: unexpected character `$`\n"
	       "  3 |     let \xCE\xB1 = $\n"
	       "    |             ^\n"
	       "\n"
	       "t.seq:4:13: error[E02]: expected an expression, found end of line\n"
	       "  4 | let q = (2 *\n"
	       "    |             ^\n"
	       "t.seq:4:9: note: this `(` is not closed\n"
	       "  4 | let q = (2 *\n"
	       "    |         ^\n");
}

static void test_print_parts(void **state)
{
	(void)state;
	struct lang *l = lang_create();
	static const char source[] = HEAD "reset\r\nlet a = 1 +\n  2\n";
	struct node *tree = lang_parse(l, "t.seq", source, sizeof source - 1);
	struct node *add = tree->kid[1]->kid[1];
	struct diag *d = diag_error(l, "E10", add->span, "cannot add %s to %s", "a", "b");
	diag_label(l, d, "a label");
	diag_note(l, d, tree->kid[0]->span, "declared here");
	diag_note(l, d, span_none, "no place");
	diag_help(l, d, "type %d", 3);
	diag_warning(l, "W01", span_none, "nowhere \033[31m");
	/* The same again is dropped. */
	diag_error(l, "E10", add->span, "other words");
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 1);
	assert_int_equal(diag_count(l, SEVERITY_WARNING), 1);
	char *got = printed(l, false, 0);
	assert_string_equal(got, "t.seq:4:9: error[E10]: cannot add a to b\n"
				 "  4 | let a = 1 +\n"
				 "    |         ^^^ a label\n"
				 "t.seq:3:1: note: declared here\n"
				 "  3 | reset\n"
				 "    | ^^^^^\n"
				 "note: no place\n"
				 "help: type 3\n"
				 "\n"
				 "warning[W01]: nowhere \xEF\xBF\xBD[31m\n");
	free(got);
	got = printed(l, true, 0);
	assert_non_null(strstr(got, "\033[1;31merror[E10]: \033[0m"));
	free(got);
	lang_free(l);
}

static void test_clip(void **state)
{
	(void)state;
	char source[600] = HEAD "let a = \"";
	size_t n = strlen(source);
	memset(source + n, 'x', 500);
	strcpy(source + n + 500, "\" $\n");
	for (int columns = 30; columns < 600; columns += 7) {
		struct lang *l = lang_create();
		lang_parse(l, "t", source, strlen(source));
		char *got = printed(l, false, columns);
		char *line = strchr(got, '\n') + 1, *carets = strchr(line, '\n') + 1;
		assert_in_range(carets - line - 1, 1, columns);
		size_t at = (size_t)(strchr(carets, '^') - carets);
		assert_int_equal(line[at], '$');
		free(got);
		lang_free(l);
	}
}

static void test_huge_line(void **state)
{
	(void)state;
	struct text t;
	struct lang *l = lang_create();
	text_init(&t);
	text_printf(&t, HEAD "let a = [");
	for (int i = 0; i < 200000; i++)
		text_add(&t, "1, ", 3);
	text_printf(&t, "$]\n");
	lang_parse(l, "t", t.data, t.n);
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 1);
	char *got = printed(l, false, 100);
	assert_true(strlen(got) < 300);
	free(got);
	lang_free(l);
	text_free(&t);
}

static void test_limit(void **state)
{
	(void)state;
	struct text t;
	struct lang *l = lang_create();
	text_init(&t);
	text_printf(&t, HEAD);
	for (int i = 0; i < DIAG_LIMIT + 3; i++)
		text_printf(&t, "let a = $\n");
	lang_parse(l, "t", t.data, t.n);
	assert_int_equal(diag_count(l, SEVERITY_ERROR), DIAG_LIMIT + 3);
	assert_int_equal(diag_n(l), DIAG_LIMIT);
	char *got = printed(l, false, 100);
	assert_non_null(strstr(got, "\n3 more errors not shown\n"));
	free(got);
	lang_free(l);
	text_free(&t);
}

static void test_places(void **state)
{
	(void)state;
	struct lang *l = lang_create();
	static const char source[] = HEAD "# \xC2\xB5\xE2\x82\xAC x\n\ty";
	int line, column;
	lang_parse(l, "t.seq", source, sizeof source - 1);
	lang_place(l, 0, 0, &line, &column);
	assert_int_equal(line, 1);
	assert_int_equal(column, 1);
	lang_place(l, 0, (uint32_t)(strchr(source, 'x') - source), &line, &column);
	assert_int_equal(line, 3);
	assert_int_equal(column, 6);
	lang_place(l, 0, sizeof source - 2, &line, &column);
	assert_int_equal(line, 4);
	assert_int_equal(column, 2);
	lang_place(l, 0, 100000, &line, &column);
	assert_int_equal(line, 4);
	assert_int_equal(column, 3);
	assert_string_equal(lang_source_path(l, 0), "t.seq");
	lang_free(l);
}

static void test_unit_find(void **state)
{
	(void)state;
	static const struct {
		const char *unit;
		double factor;
		struct dim dim;
	} cases[] = {
		{ "ms", 1e-3, { 1, 0, 0, 0 } },       { "mT/m", 1e-3, { 0, -1, 1, 0 } },
		{ "T/m/s", 1, { -1, -1, 1, 0 } },     { "1/m", 1, { 0, -1, 0, 0 } },
		{ "/m", 1, { 0, -1, 0, 0 } },         { "mm^-2", 1e6, { 0, -2, 0, 0 } },
		{ "mT*ms/m", 1e-6, { 1, -1, 1, 0 } }, { "kHz", 1e3, { -1, 0, 0, 0 } },
		{ "%", 1e-2, { 0, 0, 0, 0 } },        { "s/mm^2", 1e6, { 1, -2, 0, 0 } },
		{ "rad/s/T", 1, { -1, 0, -1, 1 } },   { "min", 60, { 1, 0, 0, 0 } },
	};
	double factor;
	struct dim d;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		assert_true(unit_find(cases[i].unit, strlen(cases[i].unit), &factor, &d));
		assert_true(factor > cases[i].factor * (1 - 1e-15) &&
			    factor < cases[i].factor * (1 + 1e-15));
		assert_true(dim_equal(d, cases[i].dim));
	}
	static const char *const wrong[] = { "",   "x",   "mss", "ms/", "ms/x",
					     "m^", "mm2", "1",   "1/",  "ms ms" };
	for (size_t i = 0; i < PRECESS_COUNT(wrong); i++)
		assert_false(unit_find(wrong[i], strlen(wrong[i]), &factor, &d));
}

static void test_types(void **state)
{
	(void)state;
	struct lang *l = lang_create();
	struct dim d;
	static const char *const names[] = { "number",   "time",      "length",
					     "angle",    "frequency", "field",
					     "gradient", "slew",      "wavenumber" };
	for (size_t i = 0; i < PRECESS_COUNT(names); i++) {
		assert_true(type_dim(names[i], &d));
		assert_string_equal(dim_name(l, d), names[i]);
	}
	assert_false(type_dim("axis", &d));
	assert_false(type_dim("int", &d));
	assert_string_equal(dim_name(l, (struct dim){ -1, 0, -1, 1 }), "rad/s/T");
	assert_string_equal(dim_name(l, (struct dim){ -2, 0, 0, 0 }), "1/s^2");
	assert_string_equal(dim_name(l, (struct dim){ 1, -1, 1, 0 }), "T*s/m");
	lang_free(l);
}

static void test_dim_show(void **state)
{
	(void)state;
	static const struct {
		double value;
		struct dim dim;
		const char *text;
	} cases[] = {
		{ 0.0105, { 1, 0, 0, 0 }, "10.5ms" },
		{ 0.785398163397448, { 0, 0, 0, 1 }, "45deg" },
		{ 0.04, { 0, -1, 1, 0 }, "40mT/m" },
		{ 0.22, { 0, 1, 0, 0 }, "220mm" },
		{ 0.000523, { 1, 0, 0, 0 }, "0.523ms" },
		{ -150, { -1, 0, 0, 0 }, "-150Hz" },
		{ 389, { -1, -1, 1, 0 }, "389T/m/s" },
		{ 2, { 1, 0, 0, 0 }, "2s" },
		{ 1e-5, { 1, 0, 0, 0 }, "10us" },
		{ 1e-7, { 1, 0, 0, 0 }, "100ns" },
		{ 0, { 1, 0, 0, 0 }, "0ms" },
		{ -0.0, { 0, 0, 0, 1 }, "0deg" },
		{ 0.99999999, { 1, 0, 0, 0 }, "1s" },
		{ 100e3, { -1, 0, 0, 0 }, "100kHz" },
		{ 4.5454545, { 0, -1, 0, 0 }, "4.54545/m" },
		{ 0.05, { 0, 0, 0, 0 }, "0.05" },
		{ 1.35e-5, { 0, 0, 1, 0 }, "13.5uT" },
		{ 3, { 0, 0, 1, 0 }, "3T" },
		{ 2.5, { -1, 0, 0, 1 }, "2.5rad/s" },
		{ 16, { 0, 0, 0, 0 }, "16" },
		{ 1e-5, { 1, -1, 1, 0 }, "1e-05T*s/m" },
	};
	struct lang *l = lang_create();
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		const char *shown = dim_show(l, cases[i].value, cases[i].dim);
		assert_string_equal(shown, cases[i].text);
		/* It can be typed back. */
		char source[100];
		snprintf(source, sizeof source, HEAD "delay %s\n", shown);
		struct node *v = lang_parse(l, "t", source, strlen(source))->kid[0]->kid[0];
		bool minus = v->kind == NODE_NEG;
		v = minus ? v->kid[0] : v;
		double back = minus ? -v->number : v->number;
		double size = cases[i].value < 0 ? -cases[i].value : cases[i].value;
		assert_true(back - cases[i].value <= 2e-6 * size &&
			    cases[i].value - back <= 2e-6 * size);
		assert_true(dim_equal(v->dim, cases[i].dim));
	}
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 0);
	lang_free(l);
}

static void test_sniff(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t n;
		enum lang_kind kind;
	} cases[] = {
#define CASE(text, kind) { text, sizeof text - 1, LANG_##kind }
		CASE("seq 1\n", SEQUENCE),
		CASE("# a\r\n\r\n  # b\nseq\t2", SEQUENCE),
		CASE("\xEF\xBB\xBFseq 1", SEQUENCE),
		CASE("seq one", UNKNOWN),
		CASE("seq", UNKNOWN),
		CASE("seq1", UNKNOWN),
		CASE("sequence t", UNKNOWN),
		CASE("", UNKNOWN),
		CASE("\n\n", UNKNOWN),
		CASE("# only", UNKNOWN),
		CASE("# x\n[VERSION]\n", PULSEQ_TEXT),
		CASE("[DEFINITIONS]", PULSEQ_TEXT),
		CASE("[1, 2", UNKNOWN),
		CASE("\1pulseq\2", PULSEQ_BINARY),
		CASE("\2qeslup\1", PULSEQ_BINARY),
		CASE("\1pulseq", UNKNOWN),
		CASE("\0\0\0", UNKNOWN),
#undef CASE
	};
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++)
		assert_int_equal(lang_sniff(cases[i].text, cases[i].n), cases[i].kind);
}

static void test_pulseq_binary(void **state)
{
	(void)state;
	static const char little[] = "\1pulseq\2\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0";
	struct lang *l = lang_create();
	assert_null(lang_parse(l, "t.seq", little, sizeof little - 1));
	assert_string_equal(diag_get(l, 0)->id, "E50");
	assert_string_equal(diag_get(l, 0)->text, "this is a Pulseq file (1.5.1)");
	lang_free(l);
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const names[] = { "epi_train", "line", "lines", "esp", "TE", "x" };
	const size_t n = PRECESS_COUNT(names);
	assert_string_equal(lang_nearest("epi_trian", names, n), "epi_train");
	assert_string_equal(lang_nearest("ESP", names, n), "esp");
	assert_string_equal(lang_nearest("lnes", names, n), "lines");
	assert_string_equal(lang_nearest("TE2", names, n), "TE");
	assert_null(lang_nearest("y", names, n));
	assert_null(lang_nearest("spoiler", names, n));
	assert_null(lang_nearest("", names, n));
	assert_null(lang_nearest("x", names, 0));
}

static void test_intern(void **state)
{
	(void)state;
	struct lang *l = lang_create();
	const char *kept[2000];
	for (int i = 0; i < 2000; i++) {
		char name[16];
		int length = snprintf(name, sizeof name, "n%d", i);
		kept[i] = lang_intern(l, name, (size_t)length);
	}
	for (int i = 0; i < 2000; i++)
		assert_ptr_equal(kept[i], lang_intern(l, kept[i], strlen(kept[i])));
	assert_ptr_equal(lang_intern(l, "n12x", 3), kept[12]);
	lang_free(l);
}

static void test_file(void **state)
{
	(void)state;
	struct lang *l = lang_create();
	struct node *tree;
	assert_int_not_equal(lang_parse_file(&tree, l, "/nonexistent/t.seq"), PRECESS_OK);
	assert_null(tree);
	assert_int_equal(diag_count(l, SEVERITY_ERROR), 0);
	lang_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wording),       cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_print),         cmocka_unit_test(test_print_parts),
		cmocka_unit_test(test_clip),          cmocka_unit_test(test_huge_line),
		cmocka_unit_test(test_limit),         cmocka_unit_test(test_places),
		cmocka_unit_test(test_unit_find),     cmocka_unit_test(test_types),
		cmocka_unit_test(test_dim_show),      cmocka_unit_test(test_sniff),
		cmocka_unit_test(test_pulseq_binary), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_intern),        cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
