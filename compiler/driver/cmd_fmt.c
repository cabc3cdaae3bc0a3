/* precess fmt: the one layout of sequence files. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/driver/driver.h"

#define INPUT_LIMIT ((size_t)64 << 20) /* as for a file of the language */

static precess_status read_input(struct text *in, const char *path)
{
	char part[65536], *all;
	size_t n;
	if (strcmp(path, "-")) {
		precess_status st = file_read(&all, &n, path, INPUT_LIMIT);
		if (!st) {
			text_add(in, all, n);
			free(all);
		}
		return st;
	}
	while ((n = fread(part, 1, sizeof part, stdin)) > 0 && in->n <= INPUT_LIMIT)
		text_add(in, part, n);
	return ferror(stdin) ? precess_fail(PRECESS_EIO, "cannot read standard input") : PRECESS_OK;
}

static int write_output(const char *path, const struct text *out, bool changed)
{
	precess_status st = PRECESS_OK;
	if (!strcmp(path, "-"))
		fwrite(out->data, 1, out->n, stdout);
	else if (changed)
		st = file_write(path, out->data, out->n);
	return st ? world_error(st) : EXIT_OK;
}

static int format_one(const char *path, bool check, const char *to)
{
	const char *shown = strcmp(path, "-") ? path : "standard input";
	struct text in, out;
	struct lang *l = lang_create();
	int rc;
	text_init(&in);
	text_init(&out);
	precess_status st = read_input(&in, path);
	if (st) {
		rc = world_error(st);
	} else if (!lang_format(&out, l, shown, in.data, in.n)) {
		print_diagnostics(l);
		rc = EXIT_DIAGNOSTICS;
	} else {
		bool changed = in.n != out.n || memcmp(in.data, out.data, in.n);
		if (check && changed)
			printf("%s\n", shown);
		rc = check ? changed ? EXIT_DIAGNOSTICS : EXIT_OK
			   : write_output(to ? to : path, &out, changed || to);
	}
	text_free(&in);
	text_free(&out);
	lang_free(l);
	return rc;
}

int cmd_fmt(int argc, char **argv)
{
	struct option_list files = { 0 };
	const char *to = NULL;
	bool check = false;
	const struct option table[] = {
		{ "--check", NULL, OPTION_FLAG, &check, 0, 0,
		  "change nothing; list the files whose layout differs and exit with 1" },
		{ "--output", "-o", OPTION_TEXT, &to, 0, 0, "write there instead (one file)" },
	};
	int rc = options_parse("fmt", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (!files.n)
		return usage_error("fmt", "which file?");
	if (to && (files.n > 1 || check))
		return usage_error("fmt", check ? "--check writes nothing" : "-o is for one file");
	int worst = EXIT_OK;
	for (size_t i = 0; i < files.n; i++) {
		rc = format_one(files.item[i], check, to);
		worst = rc > worst ? rc : worst;
	}
	return worst;
}
