/* What the elaborator says of settings from outside, of names, infinite values, modules. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/elab_run.h"

#define PICOSECOND 1e-12
#define HEAD "seq 1\nsequence t\nsystem = ideal\n"

static void says(const char *text, const char *what)
{
	struct run r = run_text("t.seq", text, NULL);

	assert_says(&r, what);
	run_end(&r);
}

/* Elaborates `text` with --set NAME=VALUE. */
static struct run set_one(const char *text, const char *name, const char *value)
{
	struct elab_setting set[] = { { name, value, false } };
	struct elab_options o = { .set = set, .n_set = 1 };

	return run_text("t.seq", text, &o);
}

/* ------------------------------------------------------------------ --set */
static void test_set(void **state)
{
	struct elab_setting set[] = { { "ETL", "8", false }, { "ESP", "12ms", false } };
	struct elab_options o = { .set = set, .n_set = 2 };
	struct elab_setting element[] = { { "SGx[2]", "3%", false }, { "SGy", "-1%", false } };
	struct run r = run_file("sequences/fse.seq", &o);

	(void)state;
	assert_clean(&r);
	assert_near(mark_value(r.ir, "TE"), 5 * 12e-3, PICOSECOND);
	run_end(&r);
	o.set = element;
	r = run_file("sequences/moled.seq", &o);
	assert_clean(&r);
	assert_near(r.ir->param[param_index(r.ir, "SGx[2]")].value, 0.03, 1e-15);
	assert_near(r.ir->param[param_index(r.ir, "SGx[1]")].value, 0, 0);
	assert_near(r.ir->param[param_index(r.ir, "SGy[3]")].value, -0.01, 1e-15);
	run_end(&r);
	set[0] = (struct elab_setting){ "ESP", "20ms", false };
	set[1] = (struct elab_setting){ "ETLL", "8", false };
	o.set = set;
	r = run_file("sequences/fse.seq", &o);
	assert_null(r.ir);
	assert_says(&r, "E60]");
	assert_says(&r, "E61]: no parameter or constant `ETLL`");
	run_end(&r);
}

/* The user's own words are the source line. */
static void test_set_is_shown(void **state)
{
	static const char text[] = HEAD "param ESP : time in 8ms .. 15ms\nmap T2 : time = 1s\n"
					"play hard(90deg, ESP)\n";
	struct run r = set_one(text, "ESP", "20ms");

	(void)state;
	assert_says(&r, "command line:1:11: error[E60]: ESP 20ms is outside 8ms .. 15ms\n"
			"  1 | --set ESP=20ms\n"
			"    |           ^^^^\n");
	run_end(&r);
	r = set_one(text, "ESP", "20 +");
	assert_says(&r, "error[E02]");
	assert_says(&r, "  1 | --set ESP=20 +\n");
	run_end(&r);
	r = set_one(text, "T2", "80ms");
	assert_says(&r, "help: `T2` is a map of the object: simulate with `--map T2=80ms`");
	assert_says(&r, "  1 | --set T2=80ms\n    |       ^^\n");
	run_end(&r);
}

/* Parameters are declared after what shapes the sequence; nothing before can be made of them. */
static void test_too_early(void **state)
{
	(void)state;
	says(HEAD "param A : time in 1ms .. 2ms = B\nparam B : time in 1ms .. 2ms\n",
	     "t.seq:4:32: error[E30]: `B` is a parameter");
	says(HEAD "param L : length in 1mm .. 2mm\ngeometry fov = L\n", "E30]: `L` is a parameter");
	says("seq 1\nsequence t\nsystem max_b1 = B\nparam B : field in 1uT .. 2uT\n",
	     "E30]: `B` is a parameter");
}

/* ------------------------------------------------------------------ steps of parameters */
static void test_step(void **state)
{
	static const char text[] = HEAD "param TE : time in 1ms .. 9.7ms step 0.5ms\n"
					"play hard(90deg, TE)\n";
	struct run r = run_text("t.seq", text, NULL);

	(void)state;
	assert_clean(&r);
	/* the middle of the range, 5.35 ms, is between two */
	assert_near(r.ir->param[0].value, 5.5e-3, 1e-15);
	run_end(&r);
	r = set_one(text, "TE", "9.5ms");
	assert_clean(&r);
	assert_near(r.ir->param[0].value, 9.5e-3, 1e-15);
	run_end(&r);
	r = set_one(text, "TE", "9.7ms");
	assert_null(r.ir);
	assert_says(&r, "E63]: `TE` goes in steps of 0.5ms from 1ms: 9.7ms is between two");
	assert_says(&r, "help: the nearest is 9.5ms"); /* 10 ms would be outside */
	run_end(&r);
	says(HEAD "param TE : time in 1ms .. 9ms step 2ms = 4ms\nplay hard(90deg, TE)\n", "E63]");
	says(HEAD "param TE : time in 1ms .. 9ms step 0ms\nplay hard(90deg, TE)\n",
	     "E34]: `step` must be above 0");
}

/* ------------------------------------------------------------------ values that are no number */
static void test_infinite(void **state)
{
	struct run r = run_text("t.seq",
				HEAD "require system.max_slew >= 100T/m/s\n"
				     "let least = min(system.max_grad, 40mT/m) \"\"\n"
				     "let rise = 20mT/m / system.max_slew \"\"\n"
				     "play hard(90deg, 1ms)\n",
				NULL);

	(void)state;
	assert_clean(&r); /* a missing limit may be compared with, and divided by */
	assert_near(mark_value(r.ir, "least"), 40e-3, 0);
	assert_near(mark_value(r.ir, "rise"), 0, 0);
	run_end(&r);
	says(HEAD "let b = system.max_b1 \"x\"\n",
	     "t.seq:4:9: error[E34]: `system.max_b1` is infinite");
	says(HEAD "let b = system.max_b1 \"x\"\n", "a line `system max_b1 = ...` sets one");
	says(HEAD "play trapezoid(x, amplitude = system.max_grad, flat = 1ms)\n",
	     "E34]: `system.max_grad` is infinite");
	says(HEAD "let a = sqrt(-1)\n", "E34]: `sqrt(-1)` is not a number");
	says(HEAD "let a = 1e300 * 1e300\n", "E34]: `1e300 * 1e300` is infinite");
}

/* ------------------------------------------------------------------ names */
static void test_predefined(void **state)
{
	static const char *const names[] = {
#define PREDEFINED(name) #name,
#include "compiler/elab/predefined.def"
#undef PREDEFINED
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(names); i++) {
		char text[128], what[64];

		if (!strcmp(names[i], "system")) /* a keyword: the grammar refuses it */
			continue;
		snprintf(what, sizeof what, "W04]: `%s` hides the predefined `%s`", names[i],
			 names[i]);
		snprintf(text, sizeof text, HEAD "let %s = 3\nplay hard(90deg, 1ms)\n", names[i]);
		says(text, what);
		snprintf(text, sizeof text, HEAD "for %s in 0 ..< 2 { play hard(90deg, 1ms) }\n",
			 names[i]);
		says(text, what);
	}
}

/* A mark that the caller repeats is known by the caller's name, once. */
static void test_marks(void **state)
{
	struct run r = run_file("sequences/gre_epi.seq", NULL);

	(void)state;
	assert_clean(&r);
	assert_int_equal(r.ir->n_mark, 2);
	assert_string_equal(r.ir->mark[0].name, "epi_train.first");
	assert_string_equal(r.ir->mark[1].name, "epi_train.k0");
	run_end(&r);
}

static void test_lines_missing(void **state)
{
	(void)state;
	says(HEAD "geometry fov = 220mm, matrix = 4\n"
		  "for l in 0 ..< 3 { play adc(4, dwell = 1ms, line = l) }\n",
	     "W05]: k-space line 3 is never read");
	says(HEAD "geometry fov = 220mm, matrix = 6\n"
		  "for l in [0, 3, 4] { play adc(4, dwell = 1ms, line = l) }\n",
	     "W05]: k-space lines 1 .. 2, 5 are never read");
}

/* `combine` is offered only where it would be accepted. */
static void test_overlap_help(void **state)
{
	(void)state;
	says("seq 1\nsequence t\nsystem = default\nlet a = trapezoid(x, area = 100/m)\n"
	     "let b = 2 * a\nplay a & b\n",
	     "help: put them on separate lines, or `combine(");
	says("seq 1\nsequence t\nsystem = default\nlet a = trapezoid(x, area = 100/m)\n"
	     "let b = trapezoid(x, area = 200/m)\nplay a & b\n",
	     "help: put them on separate lines, or shift one with `@`");
}

/* ------------------------------------------------------------------ modules */
static void test_modules_check(void **state)
{
	static const char *const files[] = { "grads", "epi", "fse", "prep", "rf" };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(files); i++) {
		char path[64];
		struct run r;

		snprintf(path, sizeof path, "stdlib/%s.seq", files[i]);
		r = run_file(path, NULL);
		assert_clean(&r);
		run_end(&r);
	}
}

#define MODULE "seq 1\nmodule m\n"

/* Functions are tried with examples of their arguments; what depends on those is not told. */
static void test_modules_tried(void **state)
{
	struct run r = run_text("m.seq",
				MODULE "def half(n: int) -> int = n / 4\n"
				       "def pick(a: number[], i: int) -> number = a[i + 9]\n"
				       "block late(te: time, g: grad) {\n"
				       "  require te > 1s\n"
				       "  play e = g & trapezoid(x, area = 1/m)\n"
				       "  play hard(90deg, 100ms) with start at e.start - te\n"
				       "}\n"
				       "block inner(b: block) { play b with k0 at start + 1ms }\n",
				NULL);

	(void)state;
	assert_clean(&r);
	run_end(&r);
	says(MODULE "def f(t: time, n: int) -> time = t + n\n", "E10]: cannot add");
	says(MODULE "block b(t: time) { play hard(90, t) }\n", "E11]: `flip` wants an angle");
	says(MODULE "block b(p: rf) { play e = p\nplay p with center at e.middle }\n", "E12]");
	says(MODULE "def g(a: axis) -> grad = trapezoid(a, area = 1/m, durtion = 1ms)\n", "E13]");
	says(MODULE "def f(n: int) -> angle = n\n", "E11]: `f` wants an angle");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_is_shown),
		cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_infinite),
		cmocka_unit_test(test_predefined),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_lines_missing),
		cmocka_unit_test(test_overlap_help),
		cmocka_unit_test(test_modules_check),
		cmocka_unit_test(test_modules_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
