/* A source text through the parser and the elaborator, for the tests of the latter. Include after
 * cmocka.h. */
#ifndef TESTS_UNIT_ELAB_RUN_H
#define TESTS_UNIT_ELAB_RUN_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/elab.h"

struct run {
	struct lang *l;
	struct ir *ir;
	struct text text; /* the diagnostics as printed */
};

static inline struct run run_text(const char *path, const char *text, struct elab_options *o)
{
	struct run r = { lang_create(), NULL, { 0 } };
	struct node *f = lang_parse(r.l, path, text, strlen(text));

	r.ir = f ? elab(r.l, f, o) : NULL;
	text_init(&r.text);
	diag_print(&r.text, r.l, false, 0);
	return r;
}

static inline struct run run_file(const char *path, struct elab_options *o)
{
	size_t n;
	char *text;
	struct run r;

	assert_int_equal(file_read(&text, &n, path, 1 << 24), PRECESS_OK);
	r = run_text(path, text, o);
	free(text);
	return r;
}

static inline void run_end(struct run *r)
{
	ir_free(r->ir);
	lang_free(r->l);
	text_free(&r->text);
}

/* A file with `from` replaced by `to`. */
static inline struct run run_edited(const char *path, const char *from, const char *to)
{
	struct text t;
	size_t n;
	char *text, *at;
	struct run r;

	assert_int_equal(file_read(&text, &n, path, 1 << 24), PRECESS_OK);
	at = strstr(text, from);
	assert_non_null(at);
	text_init(&t);
	text_add(&t, text, (size_t)(at - text));
	text_printf(&t, "%s%s", to, at + strlen(from));
	r = run_text(path, t.data, NULL);
	text_free(&t);
	free(text);
	return r;
}

static inline void assert_clean(const struct run *r)
{
	if (!r->ir || r->text.n)
		print_error("%s", r->text.data);
	assert_non_null(r->ir);
	assert_int_equal(r->text.n, 0);
	assert_int_equal(ir_verify(r->ir), PRECESS_OK);
}

static inline void assert_says(const struct run *r, const char *what)
{
	if (!strstr(r->text.data, what))
		print_error("wanted: %s\nfound:\n%s", what, r->text.data);
	assert_non_null(strstr(r->text.data, what));
}

static inline uint32_t param_index(const struct ir *ir, const char *name)
{
	for (uint32_t i = 0; i < ir->n_param; i++)
		if (!strcmp(ir->param[i].name, name))
			return i;
	fail();
	return 0;
}

static inline double *draw(const struct ir *ir)
{
	double *p = calloc(ir->n_param + 1, sizeof *p);

	for (uint32_t i = 0; i < ir->n_param; i++)
		p[i] = ir->param[i].value;
	return p;
}

/* What `explain` calls `name`, at the default parameters. */
static inline double mark_value(const struct ir *ir, const char *name)
{
	double *p = draw(ir), v = NAN;

	for (uint32_t i = 0; i < ir->n_mark; i++)
		if (!strcmp(ir->mark[i].name, name))
			v = ir_eval(ir, ir->mark[i].value, p);
	free(p);
	return v;
}

static inline void assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		print_error("%.17g, wanted %.17g within %g\n", a, b, tolerance);
	assert_true(fabs(a - b) <= tolerance);
}

#endif
