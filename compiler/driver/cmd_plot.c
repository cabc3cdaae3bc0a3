/* precess plot: the sequence diagram and the k-space trajectory. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static precess_status draw_pictures(const struct program *p, const char *diagram,
				    const char *trajectory, struct plot_options *po)
{
	struct draw *d;
	precess_status st;
	TRY(draw_create(&d, p, NULL, false));
	const double end = (double)d->duration * 1e-12;
	po->to = fmin(po->to, end);
	if (po->from > 0 && po->from >= po->to)
		st = precess_fail(PRECESS_EINVAL, "--from %gms --to %gms shows nothing of %s, which lasts %gms",
				  po->from * 1e3, po->to * 1e3, p->name, end * 1e3);
	if (!st && diagram)
		st = plot_sequence(diagram, d, po);
	if (!st && trajectory)
		st = plot_trajectory(trajectory, d, po);
out:
	draw_free(d);
	return st;
}

int cmd_plot(int argc, char **argv)
{
	struct compile_options o = { 0 };
	struct option_list files = { 0 };
	struct plot_options po = { .to = INFINITY };
	const char *diagram = NULL, *trajectory = NULL, *from = NULL, *to = NULL;
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--output", "-o", OPTION_TEXT, &diagram, 0, 0, "sequence diagram: .svg, .pdf or .png" },
		{ "--trajectory", NULL, OPTION_TEXT, &trajectory, 0, 0, "k-space trajectory: .svg, .pdf or .png" },
		{ "--from", NULL, OPTION_TEXT, &from, 0, 0, "first time drawn, as in 12ms" },
		{ "--to", NULL, OPTION_TEXT, &to, 0, 0, "last time drawn (default: the end)" },
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
		precess_status st = draw_pictures(c.program, diagram, trajectory, &po);
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
