/* JSON for programs: diagnostics and parameters. */
#include <string.h>

#include "compiler/driver/driver.h"

static json_t *json_span(struct lang *l, struct span s)
{
	int line, column, end_line, end_column;
	lang_place(l, s.source, s.begin, &line, &column);
	lang_place(l, s.source, s.end, &end_line, &end_column);
	return json_pack("{s:s, s:i, s:i, s:i, s:i}", "file", lang_source_path(l, s.source), "line", line,
			 "column", column, "end_line", end_line, "end_column", end_column);
}

static json_t *json_diagnostic(struct lang *l, const struct diag *d)
{
	json_t *notes = json_array();
	for (int i = 0; i < d->n_note; i++) {
		json_t *n = d->note[i].span.source == UINT32_MAX ? json_object()
								 : json_span(l, d->note[i].span);
		json_object_set_new(n, "message", json_string(d->note[i].text));
		json_array_append_new(notes, n);
	}
	json_t *j = json_span(l, d->span);
	json_object_set_new(j, "id", json_string(d->id));
	json_object_set_new(j, "severity",
			    json_string(d->severity == SEVERITY_ERROR ? "error" : "warning"));
	json_object_set_new(j, "message", json_string(d->text));
	if (d->label)
		json_object_set_new(j, "label", json_string(d->label));
	json_object_set_new(j, "notes", notes);
	if (d->help)
		json_object_set_new(j, "help", json_string(d->help));
	if (d->replacement)
		json_object_set_new(j, "replacement", json_string(d->replacement));
	return j;
}

json_t *json_diagnostics(struct lang *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < diag_n(l); i++)
		json_array_append_new(list, json_diagnostic(l, diag_get(l, i)));
	return list;
}

json_t *json_parameters(const struct program *p, const double *value)
{
	json_t *j = json_object();
	for (uint32_t i = 0; i < p->n_param; i++)
		json_object_set_new(j, p->param[i].name, json_real(value ? value[i] : p->param[i].value));
	return j;
}

static bool was_put;

bool json_was_put(void)
{
	return was_put;
}

void json_put(json_t *j)
{
	was_put = true;
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
	putchar('\n');
	json_decref(j);
}

int json_failure(struct lang *l, int rc)
{
	json_t *j = json_object();
	json_object_set_new(j, "ok", json_false());
	if (l)
		json_object_set_new(j, "diagnostics", json_diagnostics(l));
	if (rc != EXIT_DIAGNOSTICS)
		json_object_set_new(j, "error", json_string(precess_error()));
	json_put(j);
	return rc;
}
