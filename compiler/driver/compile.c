/* The pipeline of every command that reads a sequence: parse, elaborate, passes, lower. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/driver/driver.h"

/* Elsewhere than on a terminal lines are clipped, too: a file that is no sequence may be one line of
 * megabytes. */
#define COLUMNS 240

static int terminal_columns(void)
{
	struct winsize w;
	if (isatty(2) && !ioctl(2, TIOCGWINSZ, &w) && w.ws_col > 20)
		return w.ws_col;
	return COLUMNS;
}

void print_diagnostics(struct lang *l)
{
	struct text t;
	text_init(&t);
	diag_print(&t, l, isatty(2) && !getenv("NO_COLOR"), terminal_columns());
	fputs(t.data, stderr);
	text_free(&t);
}

/* Prints one dump to standard output. */
static void dump(const struct compiled *c, const char *stage)
{
	struct text t;
	text_init(&t);
	if (!strcmp(stage, "tree"))
		node_print(&t, c->tree);
	else if (!strcmp(stage, "ir"))
		ir_print(&t, c->ir);
	else
		program_print(&t, c->program);
	fputs(t.data, stdout);
	text_free(&t);
}

/* "NAME=VALUE" texts to settings; the copies live in the compilation's arena. */
static int settings(struct elab_setting *out, struct lang *l, const struct option_list *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const char *eq = strchr(set->item[i], '=');
		if (!eq || eq == set->item[i] || !eq[1])
			return argument_error("--set wants NAME=VALUE, as in --set ESP=10ms; found '%s'",
					   set->item[i]);
		out[i].name = arena_copy(lang_arena(l), set->item[i], (size_t)(eq - set->item[i]));
		out[i].value = eq + 1;
		out[i].used = false;
	}
	return EXIT_OK;
}

static int elaborate(struct compiled *c, const struct compile_options *o)
{
	struct elab_setting set[64];
	int rc = settings(set, c->lang, &o->set);
	if (rc)
		return rc;
	struct elab_options eo = { .set = set, .n_set = o->set.n, .reader = io_read_samples };
	struct folder_list folders;
	library_folders(&folders, lang_arena(c->lang), &o->library);
	eo.path = folders.item;
	eo.n_path = folders.n;
	c->ir = elab(c->lang, c->tree, &eo);
	return c->ir ? EXIT_OK : EXIT_DIAGNOSTICS;
}

static int optimise(struct compiled *c, const struct compile_options *o)
{
	struct text t;
	text_init(&t);
	precess_status st = passes_run(c->ir, o->dump_after, &t);
	if (o->dump_after && !st)
		fputs(t.data, stdout);
	text_free(&t);
	if (st == PRECESS_EINVAL && o->dump_after)
		return argument_error("--dump-after: %s", precess_error());
	return st ? world_error(st) : EXIT_OK;
}

/* Without a readout there is nothing to compute. */
static int check_samples(struct compiled *c)
{
	if (c->program->n_sample)
		return EXIT_OK;
	struct span at = c->tree ? c->tree->name_span : span_none;
	struct diag *d = diag_error(c->lang, "E62", at, "this sequence has no readout");
	diag_help(c->lang, d, "`play adc(...)` samples the signal");
	return EXIT_DIAGNOSTICS;
}

static int back_end(struct compiled *c, const struct compile_options *o)
{
	int rc = optimise(c, o);
	if (rc)
		return rc;
	if (o->dump && !strcmp(o->dump, "ir"))
		dump(c, "ir");
	precess_status st = lower(&c->program, c->ir, c->lang, c->path);
	if (!st)
		st = program_verify(c->program);
	if (st)
		return world_error(st);
	if (o->dump && !strcmp(o->dump, "schedule"))
		dump(c, "schedule");
	return o->samples ? check_samples(c) : EXIT_OK;
}

/* ------------------------------------------------------------------ Pulseq */
/* Only files are looked into: what a pipe gives is gone once read. */
bool is_pulseq(const char *path)
{
	char head[4096];
	struct stat info;
	size_t n;
	FILE *f;
	if (stat(path, &info) || !S_ISREG(info.st_mode) || !(f = fopen(path, "rb")))
		return false;
	n = fread(head, 1, sizeof head, f);
	fclose(f);
	enum lang_kind kind = lang_sniff(head, n);
	return kind == LANG_PULSEQ_TEXT || kind == LANG_PULSEQ_BINARY;
}

/* "TE=20ms": a soft delay of the file gets another default. */
static int set_soft_delay(struct ir *ir, const char *item)
{
	const char *eq = strchr(item, '=');
	double v, factor;
	struct dim d;
	char *end;
	if (!ir->n_param)
		return argument_error("--set %s: this Pulseq file has no soft delays", item);
	if (!eq || eq == item || !eq[1])
		return argument_error("--set wants NAME=VALUE, as in --set TE=10ms; found '%s'", item);
	for (uint32_t i = 0; i < ir->n_param; i++) {
		struct ir_param *p = &ir->param[i];
		if (strlen(p->name) != (size_t)(eq - item) || strncmp(p->name, item, strlen(p->name)))
			continue;
		v = strtod(eq + 1, &end);
		if (end == eq + 1 || !unit_find(end, strlen(end), &factor, &d) ||
		    !dim_equal(d, p->dim))
			return argument_error("--set %s: a soft delay wants a time, as in %s=10ms", item,
					      p->name);
		if (!(v * factor >= p->lo && v * factor <= p->hi))
			return argument_error("--set %s: the file's delays allow %g ms .. %g ms", item,
					      p->lo * 1e3, p->hi * 1e3);
		p->value = v * factor;
		return EXIT_OK;
	}
	return argument_error("--set %s: the file has no soft delay of this name; it has %s%s", item,
			      ir->param[0].name, ir->n_param > 1 ? " and others" : "");
}

static int compile_pulseq(struct compiled *c, const struct compile_options *o)
{
	struct text warnings;
	if (o->dump && !strcmp(o->dump, "tree"))
		return argument_error("--dump tree: a Pulseq file has none; ir and schedule can be "
				      "shown");
	text_init(&warnings);
	precess_status st = pulseq_read(&c->ir, c->path, &warnings);
	if (!o->json)
		fputs(warnings.data, stderr);
	text_free(&warnings);
	if (st)
		return world_error(st);
	int rc = EXIT_OK;
	for (size_t i = 0; !rc && i < o->set.n; i++)
		rc = set_soft_delay(c->ir, o->set.item[i]);
	if (rc)
		return rc;
	rc = back_end(c, o);
	if (!o->json)
		print_diagnostics(c->lang);
	return rc;
}

int compile(struct compiled *c, const char *path, const struct compile_options *o)
{
	memset(c, 0, sizeof *c);
	c->path = path;
	c->lang = lang_create();
	if (o->dump && strcmp(o->dump, "tree") && strcmp(o->dump, "ir") && strcmp(o->dump, "schedule"))
		return argument_error("--dump knows tree, ir and schedule, not '%s'", o->dump);
	if (o->json && (o->dump || o->dump_after))
		return argument_error("--json keeps standard output for one object; leave %s out",
				   o->dump ? "--dump" : "--dump-after");
	if (!o->text && is_pulseq(path))
		return compile_pulseq(c, o);
	precess_status st = PRECESS_OK;
	if (o->text)
		c->tree = lang_parse(c->lang, path, o->text, strlen(o->text));
	else
		st = lang_parse_file(&c->tree, c->lang, path);
	if (st)
		return world_error(st);
	int rc = EXIT_DIAGNOSTICS;
	if (c->tree) {
		if (o->dump && !strcmp(o->dump, "tree"))
			dump(c, "tree");
		/* A tree with syntax errors is still elaborated: one run reports what it can. */
		rc = elaborate(c, o);
	}
	if (rc == EXIT_OK && diag_count(c->lang, SEVERITY_ERROR))
		rc = EXIT_DIAGNOSTICS;
	if (rc == EXIT_OK && c->tree->kind == NODE_FILE)
		rc = back_end(c, o);
	if (!o->json)
		print_diagnostics(c->lang);
	return rc;
}

void compiled_free(struct compiled *c)
{
	program_free(c->program);
	ir_free(c->ir);
	lang_free(c->lang);
	memset(c, 0, sizeof *c);
}
