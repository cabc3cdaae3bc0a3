/* precess check: every mistake of a sequence, and nothing else. */
#include <string.h>

#include "compiler/driver/driver.h"

static void print_count(const char *join, uint32_t n, const char *what)
{
	printf("%s%u %s%s", join, n, what, n == 1 ? "" : "s");
}

static void print_summary(const struct compiled *c)
{
	if (!c->program) {
		printf("%s: ok\n", c->path);
		return;
	}
	const struct program *p = c->program;
	const uint32_t warnings = (uint32_t)diag_count(c->lang, SEVERITY_WARNING);
	printf("%s: ok", c->path);
	print_count(": ", p->n_param, "parameter");
	print_count(", ", p->n_block, "block");
	print_count(", ", p->n_pulse, "pulse");
	print_count(", ", p->n_readout, "readout");
	print_count(", ", p->n_sample, "sample");
	if (warnings)
		print_count(", ", warnings, "warning");
	putchar('\n');
}

static json_t *json_check(const struct compiled *c, int rc)
{
	json_t *j = json_pack("{s:s, s:b, s:o}", "file", c->path, "ok", rc == EXIT_OK, "diagnostics",
			      json_diagnostics(c->lang));
	if (c->program) {
		json_object_set_new(j, "sequence", json_string(c->program->name));
		json_object_set_new(j, "hash", json_string(c->program->hash));
		json_object_set_new(j, "blocks", json_integer(c->program->n_block));
		json_object_set_new(j, "readouts", json_integer(c->program->n_readout));
		json_object_set_new(j, "samples", json_integer(c->program->n_sample));
	}
	if (rc > EXIT_DIAGNOSTICS)
		json_object_set_new(j, "error", json_string(precess_error()));
	return j;
}

int cmd_check(int argc, char **argv)
{
	struct compile_options o = { 0 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--dump", NULL, OPTION_TEXT, &o.dump, 0, 0, "print a stage: tree, ir, schedule" },
		{ "--dump-after", NULL, OPTION_TEXT, &o.dump_after, 0, 0, "print the IR after a pass" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("check", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (!files.n)
		return usage_error("check", "which file?");
	int worst = EXIT_OK;
	json_t *list = json_array();
	for (size_t i = 0; i < files.n; i++) {
		struct compiled c;
		rc = compile(&c, files.item[i], &o);
		if (rc > worst)
			worst = rc;
		if (o.json)
			json_array_append_new(list, json_check(&c, rc));
		else if (rc == EXIT_OK && !o.dump && !o.dump_after)
			print_summary(&c);
		compiled_free(&c);
	}
	if (o.json)
		json_put(json_pack("{s:b, s:O}", "ok", worst == EXIT_OK, "files", list));
	json_decref(list);
	return worst;
}
