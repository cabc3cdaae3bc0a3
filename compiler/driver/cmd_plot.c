/* precess plot: the sequence diagram and the k-space trajectory, as pictures or as a page to explore. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compiler/driver/driver.h"

/* "12ms" or "0.012" to seconds; false when neither. NULL leaves *out as it is. */
static bool time_value(double *out, const char *text)
{
	if (!text)
		return true;
	char *end;
	double v = strtod(text, &end), factor = 1;
	struct dim d = { 1, 0, 0, 0 };
	if (end == text || (*end && (!unit_find(end, strlen(end), &factor, &d) || d.s != 1 || d.m ||
				     d.T || d.rad)))
		return false;
	*out = v * factor;
	return true;
}

/* ------------------------------------------------------------------ iterations of loops */
/* The word of `where`, a block's "slice=0 shot=2", that is `item`; when item's n bytes end with '=',
 * the loop in whatever iteration. NULL: not there. */
static const char *find_iteration(const char *where, const char *item, size_t n)
{
	for (const char *s = where; s && *s; s += strspn(s, " ")) {
		size_t length = strcspn(s, " ");
		if (!strncmp(s, item, n) && (length == n || item[n - 1] == '='))
			return s;
		s += length;
	}
	return NULL;
}

/* What could have been meant: the loop's first and last iteration, or the loops there are. */
static precess_status no_iteration(const struct program *p, const char *item)
{
	size_t n = strcspn(item, "=") + 1;
	const char *first = NULL, *last = NULL, *at, *deepest = "";
	for (uint32_t i = 0; i < p->n_block; i++) {
		const char *where = p->block[i].where ? p->block[i].where : "";
		if ((at = find_iteration(where, item, n))) {
			first = first ? first : at + n;
			last = at + n;
		}
		if (strlen(where) > strlen(deepest))
			deepest = where;
	}
	if (first)
		return precess_fail(PRECESS_EINVAL, "--loop %s: %s plays %.*s from %.*s to %.*s", item,
				    p->name, (int)n - 1, item, (int)strcspn(first, " "), first,
				    (int)strcspn(last, " "), last);
	if (!*deepest)
		return precess_fail(PRECESS_EINVAL, "--loop %s: %s has no loops", item, p->name);
	return precess_fail(PRECESS_EINVAL, "--loop %s: %s has no loop of this name; a block of it is at %s",
			    item, p->name, deepest);
}

/* From the first to the last block that stands in all the given iterations. */
static precess_status loop_window(struct plot_options *po, const struct draw *d,
				  const struct option_list *loop)
{
	const struct program *p = d->program;
	double from = INFINITY, to = -INFINITY;
	for (uint32_t i = 0; i < p->n_block; i++) {
		const struct program_block *b = &p->block[i];
		size_t k = 0;
		while (k < loop->n && find_iteration(b->where, loop->item[k], strlen(loop->item[k])))
			k++;
		if (k < loop->n)
			continue;
		from = fmin(from, d->value[b->start]);
		to = fmax(to, d->value[b->start] + d->value[b->duration]);
	}
	if (to > from) {
		po->from = from;
		po->to = to;
		return PRECESS_OK;
	}
	for (size_t k = 0; k < loop->n; k++) {
		bool found = false;
		for (uint32_t i = 0; i < p->n_block && !found; i++)
			found = find_iteration(p->block[i].where, loop->item[k],
					       strlen(loop->item[k])) != NULL;
		if (!found)
			return no_iteration(p, loop->item[k]);
	}
	return precess_fail(PRECESS_EINVAL, "no block of %s that lasts stands in all of these iterations",
			    p->name);
}

static int check_loops(const struct option_list *loop, bool times)
{
	if (loop->n && times)
		return usage_error("plot", "--loop and --from, --to both choose what is drawn; give one");
	for (size_t k = 0; k < loop->n; k++) {
		const char *eq = strchr(loop->item[k], '='), *digits = eq ? eq + 1 : "";
		digits += *digits == '-';
		if (!eq || eq == loop->item[k] || !*digits || digits[strspn(digits, "0123456789")])
			return usage_error("plot", "--loop wants NAME=NUMBER, as in --loop shot=2; found '%s'",
					   loop->item[k]);
	}
	return EXIT_OK;
}

/* ------------------------------------------------------------------ pictures */
static bool is_page(const char *path)
{
	const char *ending = strrchr(path, '.');
	return ending && (!strcasecmp(ending, ".html") || !strcasecmp(ending, ".htm"));
}

static precess_status draw_pictures(const struct program *p, const char *diagram, const char *trajectory,
				    const struct option_list *loop, struct plot_options *po)
{
	struct draw *d;
	precess_status st;
	TRY(draw_create(&d, p, NULL, false));
	const double end = (double)d->duration * 1e-12;
	if (loop->n)
		TRY(loop_window(po, d, loop));
	po->to = fmin(po->to, end);
	if (po->from > 0 && po->from >= po->to)
		st = precess_fail(PRECESS_EINVAL, "--from %gms --to %gms shows nothing of %s, which lasts %gms",
				  po->from * 1e3, po->to * 1e3, p->name, end * 1e3);
	if (!st && diagram)
		st = (is_page(diagram) ? plot_page : plot_sequence)(diagram, d, po);
	if (!st && trajectory)
		st = plot_trajectory(trajectory, d, po);
out:
	draw_free(d);
	return st;
}

int cmd_plot(int argc, char **argv)
{
	struct compile_options o = { 0 };
	struct option_list files = { 0 }, loop = { 0 };
	struct plot_options po = { .to = INFINITY };
	const char *diagram = NULL, *trajectory = NULL, *from = NULL, *to = NULL;
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--output", "-o", OPTION_TEXT, &diagram, 0, 0, "sequence diagram: .svg, .pdf, .png, or .html to zoom and pan" },
		{ "--trajectory", NULL, OPTION_TEXT, &trajectory, 0, 0, "k-space trajectory: .svg, .pdf or .png" },
		{ "--from", NULL, OPTION_TEXT, &from, 0, 0, "first time drawn, as in 12ms" },
		{ "--to", NULL, OPTION_TEXT, &to, 0, 0, "last time drawn (default: the end)" },
		{ "--loop", NULL, OPTION_LIST, &loop, 0, 0, "NAME=NUMBER: draw this iteration of a loop" },
		{ "--width", NULL, OPTION_INT, &po.width, 200, 20000, "width of the picture in points" },
		{ "--height", NULL, OPTION_INT, &po.height, 200, 20000, "height of the picture in points" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("plot", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("plot", files.n ? "one file at a time" : "which file?");
	if (!time_value(&po.from, from) || !time_value(&po.to, to))
		return usage_error("plot", "--from and --to want times such as 12ms");
	if ((rc = check_loops(&loop, from || to)))
		return rc;
	struct compiled c;
	rc = compile(&c, files.item[0], &o);
	if (!rc && !c.program)
		rc = usage_error("plot", "%s is a module: it plays nothing by itself", files.item[0]);
	char *standard = NULL;
	if (!rc && !diagram && !trajectory) {
		struct text t;
		text_init(&t);
		text_printf(&t, "%s.svg", c.program->name);
		diagram = standard = t.data;
	}
	if (!rc) {
		precess_status st = draw_pictures(c.program, diagram, trajectory, &loop, &po);
		if (st)
			rc = o.json ? EXIT_WORLD : world_error(st);
	}
	if (rc && o.json)
		json_failure(c.lang, rc);
	else if (!rc && o.json)
		json_put(json_pack("{s:b, s:s, s:s*, s:s*}", "ok", 1, "sequence", c.program->name,
				   "output", diagram, "trajectory", trajectory));
	else if (!rc)
		printf("%s%s%s%s\n", diagram ? "wrote " : "", diagram ? diagram : "",
		       trajectory ? (diagram ? " and " : "wrote ") : "", trajectory ? trajectory : "");
	free(standard);
	compiled_free(&c);
	return rc;
}
