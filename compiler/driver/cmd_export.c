/* precess export: a sequence at its parameters' values, for other programs and scanners. */
#include <string.h>

#include "compiler/driver/driver.h"

int cmd_export(int argc, char **argv)
{
	const char *to = "pulseq15", *path = NULL;
	double tr = 0;
	struct compile_options o = { 0 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--to", NULL, OPTION_TEXT, &to, 0, 0, "pulseq15 (the default) or pulseq14" },
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		{ "--tr", NULL, OPTION_REAL, &tr, 1e-6, 1e4,
		  "seconds from one reset to the next, which a file cannot hold" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--output", "-o", OPTION_TEXT, &path, 0, 0, "the file to write" },
	};
	int rc = options_parse("export", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("export", files.n ? "one file at a time" : "which file?");
	if (strcmp(to, "pulseq14") && strcmp(to, "pulseq15"))
		return argument_error("--to knows pulseq14 and pulseq15, not '%s'", to);
	if (!path)
		return usage_error("export", "where to? -o OUT.seq");
	struct compiled c;
	struct text out, warnings;
	text_init(&out);
	text_init(&warnings);
	rc = compile(&c, files.item[0], &o);
	if (!rc && !c.program) {
		rc = argument_error("%s is a module: it plays nothing by itself", files.item[0]);
	} else if (!rc) {
		precess_status st = pulseq_write(&out, c.ir, NULL, to[7] - '0', tr, &warnings);
		if (!st)
			st = file_write(path, out.data, out.n);
		fputs(warnings.data, stderr);
		rc = st ? world_error(st) : EXIT_OK;
	}
	text_free(&out);
	text_free(&warnings);
	compiled_free(&c);
	return rc;
}
