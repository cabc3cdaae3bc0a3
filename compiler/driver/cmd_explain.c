/* precess explain: what the compiler understood and proved. */
#include "compiler/driver/driver.h"

static json_t *json_marks(const struct draw *d)
{
	json_t *j = json_object();
	for (uint32_t i = 0; i < d->program->n_mark; i++)
		json_object_set_new(j, d->program->mark[i].name,
				    json_real(d->value[d->program->mark[i].value]));
	return j;
}

static json_t *json_notes(const struct program *p)
{
	json_t *j = json_array();
	for (uint32_t i = 0; i < p->n_note; i++)
		json_array_append_new(j, json_string(p->note[i].text));
	return j;
}

static json_t *json_pathways(const struct draw *d)
{
	json_t *j = json_array();
	for (uint32_t i = 0; i < d->program->n_pathway; i++) {
		const struct program_pathway *q = &d->program->pathway[i];
		json_array_append_new(j, json_pack("{s:s, s:[f,f], s:f, s:f}", "order", q->order, "k",
						   d->value[q->k[0]], d->value[q->k[1]], "time",
						   d->value[q->time], "amplitude", q->amplitude));
	}
	return j;
}

static json_t *json_blocks(const struct draw *d)
{
	const struct program *p = d->program;
	json_t *j = json_array();
	for (uint32_t i = 0; i < p->n_block; i++)
		json_array_append_new(j, json_pack("{s:f, s:f, s:s, s:s, s:i}", "start",
						   d->value[p->block[i].start], "duration",
						   d->value[p->block[i].duration], "text",
						   p->block[i].text ? p->block[i].text : "", "where",
						   p->block[i].where ? p->block[i].where : "", "line",
						   p->block[i].line));
	return j;
}

static int report(const struct compiled *c, bool json)
{
	struct draw *d;
	precess_status st = draw_create(&d, c->program, NULL, false);
	if (st)
		return json ? json_failure(c->lang, EXIT_WORLD) : world_error(st);
	if (json) {
		json_put(json_pack("{s:b, s:s, s:s, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "ok", 1, "sequence",
				   c->program->name, "hash", c->program->hash, "duration",
				   (double)d->duration * 1e-12, "parameters",
				   json_parameters(c->program, d->param), "marks", json_marks(d), "pathways",
				   json_pathways(d), "notes", json_notes(c->program), "blocks", json_blocks(d), "diagnostics",
				   json_diagnostics(c->lang)));
	} else {
		struct text t;
		text_init(&t);
		lower_explain(&t, c->ir, c->lang, d);
		fputs(t.data, stdout);
		text_free(&t);
	}
	draw_free(d);
	return EXIT_OK;
}

/* Layers, weights and FLOPs of the network that a template becomes for this sequence. */
static int report_network(const struct compiled *c, const char *name, int width, bool json)
{
	struct net_template t;
	struct net *net = NULL;
	struct text text;
	precess_status st;
	text_init(&text);
	TRY(network_template(&t, name));
	if (width)
		t.width = width;
	TRY(lower_network(&net, c->program, &t));
	net_describe(&text, net);
	if (json)
		json_put(json_pack("{s:b, s:s, s:s, s:i, s:I, s:f, s:i, s:s}", "ok", 1, "sequence",
				   c->program->name, "network", t.name, "width", t.width, "weights",
				   (json_int_t)net->n_number, "flops", net_flops(net), "waves",
				   (int)net->n_wave, "table", text.data));
	else
		printf("%s for %s\n%s", t.name, c->program->name, text.data);
out:
	net_free(net);
	text_free(&text);
	if (!st)
		return EXIT_OK;
	return json ? json_failure(c->lang, EXIT_WORLD) : world_error(st);
}

int cmd_explain(int argc, char **argv)
{
	const char *network = NULL;
	int width = 0;
	struct compile_options o = { 0 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--dump", NULL, OPTION_TEXT, &o.dump, 0, 0, "print a stage instead: tree, ir, schedule" },
		{ "--dump-after", NULL, OPTION_TEXT, &o.dump_after, 0, 0, "print the IR after a pass" },
		{ "--network", NULL, OPTION_TEXT, &network, 0, 0, "its layers, weights and FLOPs instead: derived, paper, FILE.net" },
		{ "--width", NULL, OPTION_INT, &width, 1, 1024, "of the network's U-Net (the template's)" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("explain", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("explain", files.n ? "one file at a time" : "which file?");
	struct compiled c;
	rc = compile(&c, files.item[0], &o);
	if (rc)
		rc = o.json ? json_failure(c.lang, rc) : rc;
	else if (!c.program)
		rc = usage_error("explain", "%s is a module: it plays nothing by itself", files.item[0]);
	else if (network)
		rc = report_network(&c, network, width, o.json);
	else if (!o.dump && !o.dump_after)
		rc = report(&c, o.json);
	compiled_free(&c);
	return rc;
}
