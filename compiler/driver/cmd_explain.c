/* precess explain: what the compiler understood and proved. */
#include <string.h>

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

static json_t *or_null(bool known, json_t *j)
{
	if (known)
		return j;
	json_decref(j);
	return json_null();
}

static json_t *json_launches(const struct sim_launches *a)
{
	json_t *j = json_array();
	for (size_t i = 0; i < a->n; i++) {
		const struct sim_launch *l = &a->row[i];
		bool known = l->registers >= 0;
		json_t *row = json_pack("{s:i, s:s, s:i, s:b, s:b, s:i, s:f, s:f, s:f, s:s}", "history",
					(int)l->history, "launch", l->op, "variant", (int)l->variant, "transform",
					l->transform, "compiled_at_run_time", l->specialised, "shared",
					(int)l->shared, "bytes", l->bytes, "flops", l->flops, "seconds",
					l->seconds, "limit", l->memory_bound ? "memory" : "arithmetic");
		if (l->transform)
			json_object_update_new(row, json_pack("{s:i, s:I}", "length", (int)l->length, "batch",
							      (json_int_t)l->batch));
		else
			json_object_update_new(row, json_pack("{s:[i,i,i], s:i}", "grid", (int)l->grid[0],
							      (int)l->grid[1], (int)l->grid[2], "block",
							      (int)l->block));
		json_object_set_new(row, "registers", or_null(known, json_integer(l->registers)));
		json_object_set_new(row, "static_shared", or_null(known, json_integer(l->static_shared)));
		json_object_set_new(row, "local", or_null(known, json_integer(l->stack)));
		json_object_set_new(row, "occupancy", or_null(known, json_real(l->occupancy)));
		json_array_append_new(j, row);
	}
	return j;
}

/* What a batch of draws of an object is on a device; no device is needed. */
struct launch_options {
	const char *device, *card;
	int batch;
	struct scene_options scene;
};

static int report_launches(const char *file, const struct compile_options *o, struct launch_options *l)
{
	struct scene s;
	struct sim_launches t = { 0 };
	if (strncmp(l->device, "cuda", 4))
		return usage_error("explain", "--device cuda is the only one that has launches");
	if (!l->scene.spins)
		l->scene.spins = 512;
	int rc = scene_open(&s, file, o, &l->scene);
	if (!rc) {
		precess_status st = sim_explain_launches(&t, s.draw, s.maps, &l->scene.sim, l->batch, l->card);
		if (!st && o->json)
			json_put(json_pack("{s:b, s:s, s:o, s:s}", "ok", 1, "sequence",
					   s.compiled.program->name, "launches", json_launches(&t), "table",
					   t.table.data));
		else if (!st)
			fputs(t.table.data, stdout);
		else
			rc = o->json ? EXIT_WORLD : world_error(st);
	}
	if (rc && o->json)
		json_failure(s.compiled.lang, rc);
	sim_launches_free(&t);
	scene_close(&s);
	return rc;
}

int cmd_explain(int argc, char **argv)
{
	const char *network = NULL;
	int width = 0;
	struct compile_options o = { 0 };
	struct launch_options l = { .batch = 64 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--dump", NULL, OPTION_TEXT, &o.dump, 0, 0, "print a stage instead: tree, ir, schedule" },
		{ "--dump-after", NULL, OPTION_TEXT, &o.dump_after, 0, 0, "print the IR after a pass" },
		{ "--network", NULL, OPTION_TEXT, &network, 0, 0, "its layers, weights and FLOPs instead: derived, paper, FILE.net" },
		{ "--width", NULL, OPTION_INT, &width, 1, 1024, "of the network's U-Net (the template's)" },
		{ "--device", NULL, OPTION_TEXT, &l.device, 0, 0, "cuda: its launches instead, with estimated times" },
		{ "--batch", NULL, OPTION_INT, &l.batch, 1, 4096, "draws in these launches (64)" },
		{ "--card", NULL, OPTION_TEXT, &l.card, 0, 0, "whose limits the estimates are of (H200)" },
		{ "--spins", NULL, OPTION_INT, &l.scene.spins, 1, 16384, "along x and y, of a head, in these launches (512)" },
		{ "--tolerance", NULL, OPTION_REAL, &l.scene.sim.tolerance, 1e-12, 1, "error allowed in these launches (1e-4)" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("explain", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("explain", files.n ? "one file at a time" : "which file?");
	if (l.device)
		return report_launches(files.item[0], &o, &l);
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
