/* `precess import`: a Pulseq file as source in the language.
 *
 * What is written has been compiled and compared with the file: events, times, amplitudes, phases,
 * labels. The most readable form that plays the same is taken: loops, limits of a scanner and a
 * matrix whose lines are checked; else less of that. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

/* Files tell six digits: numbers on a formula may be off by half of the last one. */
#define SLACK 1e-5

struct import {
	const char *path, *to;
	struct ir *ir;
	char *data; /* the file of long samples */
	struct arena *arena;
	struct text source;
	struct pulseq_samples *samples;
	size_t n_samples;
};

static const struct import *now; /* whose samples read_back gives: elab's reader has no context */

static precess_status read_back(double **samples, size_t *n, bool *is_complex, const char *path,
				const char *dataset)
{
	for (size_t i = 0; i < now->n_samples; i++) {
		const struct pulseq_samples *s = &now->samples[i];
		size_t bytes = (s->is_complex ? 2 : 1) * s->n * sizeof *s->v;

		if (strcmp(dataset + (*dataset == '/'), s->name))
			continue;
		*samples = malloc(bytes + 1);
		if (!*samples)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		memcpy(*samples, s->v, bytes);
		*n = s->n;
		*is_complex = s->is_complex;
		return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL, "%s has no dataset %s", path, dataset);
}

/* Compiles what was written, and compares. */
static precess_status verify(const struct import *m, double tolerance)
{
	struct elab_options eo = { .reader = read_back };
	struct lang *l = lang_create();
	double a[64], b[64];
	struct ir *ir = NULL;
	precess_status st;

	now = m;
	struct node *tree = lang_parse(l, m->to, m->source.data, m->source.n);
	if (tree)
		ir = elab(l, tree, &eo);
	if (!ir || diag_count(l, SEVERITY_ERROR)) {
		struct text t;
		text_init(&t);
		diag_print(&t, l, false, 100);
		st = precess_fail(PRECESS_EINVAL, "%.300s", t.data);
		text_free(&t);
	} else {
		for (uint32_t i = 0; i < m->ir->n_param && i < PRECESS_COUNT(a); i++)
			a[i] = m->ir->param[i].value;
		for (uint32_t i = 0; i < ir->n_param && i < PRECESS_COUNT(b); i++)
			b[i] = ir->param[i].value;
		st = pulseq_same(m->ir, a, ir, b, tolerance);
	}
	ir_free(ir);
	lang_free(l);
	return st;
}

static precess_status write_source(struct import *m, const struct pulseq_source_options *o)
{
	struct text raw, *t = &m->source;
	struct lang *l = lang_create();
	precess_status st;

	text_free(t);
	text_init(t);
	text_init(&raw);
	st = pulseq_source(&raw, &m->samples, &m->n_samples, m->arena, m->ir, o);
	if (!st && !lang_format(t, l, m->to, raw.data, raw.n))
		text_printf(t, "%s", raw.data);
	text_free(&raw);
	lang_free(l);
	return st;
}

/* From the most readable form to the plainest: the first that plays the same. */
static precess_status find_form(struct import *m, bool unrolled)
{
	const char *slash = strrchr(m->path, '/');
	precess_status st = PRECESS_OK;

	for (int form = unrolled ? 4 : 0; form < 8; form++) {
		struct pulseq_source_options o = {
			.origin = slash ? slash + 1 : m->path,
			.data = strrchr(m->data, '/') ? strrchr(m->data, '/') + 1 : m->data,
			.loops = form < 4,
			.ideal = form & 2,
			.matrix = !(form & 1),
			.slack = form < 4 ? SLACK : 0,
		};

		if (o.matrix && !m->ir->geometry.matrix[0])
			continue;
		if ((st = write_source(m, &o)))
			return st;
		st = verify(m, o.loops ? 2 * SLACK : 1e-9);
		if (!st && form >= 4 && !unrolled)
			fprintf(stderr,
				"%s: no loops were found that play the same; every block "
				"stands for itself\n",
				m->path);
		if (!st || st == PRECESS_ENOMEM)
			return st;
	}
	return precess_wrap(st, "%s cannot be written as source", m->path);
}

static precess_status save(const struct import *m)
{
	struct io_samples *set = calloc(m->n_samples + 1, sizeof *set);
	precess_status st = PRECESS_OK;

	if (!set)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (size_t i = 0; i < m->n_samples; i++)
		set[i] = (struct io_samples){ m->samples[i].name, m->samples[i].v, m->samples[i].n,
					      m->samples[i].is_complex };
	if (m->n_samples)
		st = io_write_samples(m->data, set, m->n_samples);
	free(set);
	return st ? st : file_write(m->to, m->source.data, m->source.n);
}

/* ------------------------------------------------------------------ what the file does not tell */
static int geometry(struct ir *ir, const char *fov, const char *slice, const char *matrix)
{
	int rc = argument_lengths(ir->geometry.fov, 2, "--fov", fov);
	if (!rc)
		rc = argument_lengths(&ir->geometry.fov[2], 1, "--slice", slice);
	if (rc || !matrix)
		return rc;
	int *m = ir->geometry.matrix;
	char rest;
	if (sscanf(matrix, "%d,%d%c", &m[0], &m[1], &rest) != 2 || m[0] < 1 || m[1] < 1 ||
	    m[0] > 65536 || m[1] > 65536)
		return argument_error("--matrix wants two whole numbers, as in 128,128; found '%s'",
				      matrix);
	m[2] = 1;
	if (!(ir->geometry.fov[0] > 0))
		return argument_error(
			"--matrix without a field of view: the file tells none; add --fov");
	return EXIT_OK;
}

int cmd_import(int argc, char **argv)
{
	const char *fov = NULL, *slice = NULL, *matrix = NULL;
	struct option_list files = { 0 };
	struct import m = { 0 };
	bool unrolled = false;
	const struct option table[] = {
		{ "--output", "-o", OPTION_TEXT, &m.to, 0, 0, "the file to write" },
		{ "--fov", NULL, OPTION_TEXT, &fov, 0, 0, "field of view: 220mm, or 220mm,180mm" },
		{ "--slice", NULL, OPTION_TEXT, &slice, 0, 0, "thickness of the slice" },
		{ "--matrix", NULL, OPTION_TEXT, &matrix, 0, 0, "samples and lines: 128,128" },
		{ "--unrolled", NULL, OPTION_FLAG, &unrolled, 0, 0, "look for no loops" },
	};
	int rc = options_parse("import", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("import", files.n ? "one file at a time" : "which file?");
	m.path = files.item[0];
	if (!m.to)
		return usage_error("import", "where to? -o OURS.seq");
	if (!is_pulseq(m.path))
		return argument_error("%s is no Pulseq file; only those are imported", m.path);
	struct text warnings;
	text_init(&warnings);
	text_init(&m.source);
	m.arena = arena_create();
	size_t stem = strlen(m.to) -
		      (strlen(m.to) > 4 && !strcmp(m.to + strlen(m.to) - 4, ".seq") ? 4 : 0);
	m.data = arena_printf(m.arena, "%.*s.h5", (int)stem, m.to);
	precess_status st = pulseq_read(&m.ir, m.path, &warnings);
	fputs(warnings.data, stderr);
	if (!st)
		rc = geometry(m.ir, fov, slice, matrix);
	if (!st && !rc)
		st = find_form(&m, unrolled);
	if (!st && !rc)
		st = save(&m);
	if (st)
		rc = world_error(st);
	text_free(&warnings);
	text_free(&m.source);
	ir_free(m.ir);
	arena_free(m.arena);
	return rc;
}
