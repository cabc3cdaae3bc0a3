/* precess object: make, import and look at what sequences act on. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

struct object_options {
	const char *output, *png, *labels, *table, *pd, *t2w;
	double te, fov;
	int spins, seed;
	bool json;
};

static int make(const struct object_options *o, const char *spec)
{
	struct object *obj = NULL;
	const double fov[2] = { o->fov, o->fov };
	precess_status st;
	TRY(object_open(&obj, spec));
	TRY(object_write(obj, o->output, o->spins, o->spins, fov));
	if (o->json)
		json_put(json_pack("{s:b, s:s, s:s}", "ok", 1, "object", object_describe(obj), "output",
				   o->output));
	else
		printf("%s\nwrote %s (%d x %d)\n", object_describe(obj), o->output, o->spins, o->spins);
out:
	object_free(obj);
	if (!st)
		return EXIT_OK;
	return o->json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
}

/* M0, T1 and T2 side by side, as an object's picture. */
static precess_status picture(const char *path, const struct maps *m)
{
	static const struct {
		enum program_map_kind kind;
		double hi;
	} shown[] = { { PROGRAM_MAP_M0, 1 }, { PROGRAM_MAP_T1, 3 }, { PROGRAM_MAP_T2, 0.25 } };
	const int columns = (int)PRECESS_COUNT(shown);
	float *all = memory_aligned((size_t)m->nx * (size_t)m->ny * (size_t)columns * sizeof *all);
	if (!all)
		return precess_fail(PRECESS_ENOMEM, "no memory for a picture");
	for (int c = 0; c < columns; c++) {
		const float *map = m->map[shown[c].kind], *m0 = m->map[PROGRAM_MAP_M0];
		for (int y = 0; y < m->ny; y++)
			for (int x = 0; x < m->nx && map; x++) {
				size_t i = (size_t)y * (size_t)m->nx + (size_t)x;
				all[((size_t)y * (size_t)columns + (size_t)c) * (size_t)m->nx + (size_t)x] =
					m0[i] > 0 ? (float)(map[i] / shown[c].hi) : 0;
			}
	}
	precess_status st = io_write_png(path, all, m->nx * columns, m->ny, 0, 1, 1);
	free(all);
	return st;
}

static int show(const struct object_options *o, const char *spec)
{
	struct object *obj = NULL;
	struct maps *m = NULL;
	struct program plain = { 0 };
	const double fov[2] = { o->fov, o->fov };
	precess_status st;
	for (int i = 0; i < PROGRAM_MAPS; i++)
		plain.map[i].kind = (enum program_map_kind)i;
	for (int i = PROGRAM_MAP_M0; i <= PROGRAM_MAP_T2; i++)
		plain.map[i].channel = true, plain.map[i].hi = 1e9;
	TRY(object_open(&obj, spec));
	TRY(object_maps(&m, obj, &plain, fov, o->spins, o->spins, NULL));
	if (o->png)
		TRY(picture(o->png, m));
	json_t *ranges = json_object();
	for (int i = PROGRAM_MAP_M0; i <= PROGRAM_MAP_T2; i++) {
		double lo = 0, hi = 0;
		maps_range(m, (enum program_map_kind)i, &lo, &hi);
		json_object_set_new(ranges, program_map_name((enum program_map_kind)i),
				    json_pack("[f, f]", lo, hi));
		if (!o->json)
			printf("%-4s %.4g .. %.4g\n", program_map_name((enum program_map_kind)i), lo, hi);
	}
	if (o->json)
		json_put(json_pack("{s:b, s:s, s:O}", "ok", 1, "object", object_describe(obj), "ranges",
				   ranges));
	else
		printf("%s\n", object_describe(obj));
	json_decref(ranges);
out:
	maps_free(m);
	object_free(obj);
	if (!st)
		return EXIT_OK;
	return o->json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
}

static int import(const struct object_options *o)
{
	precess_status st;
	if (o->labels && o->table)
		st = object_import_labels(o->output, o->labels, o->table);
	else if (o->pd && o->t2w)
		st = object_import_weighted(o->output, o->pd, o->t2w, o->te, (uint64_t)o->seed);
	else
		return usage_error("object", "import wants --labels with --table, or --pd with --t2w");
	if (st)
		return o->json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
	if (o->json)
		json_put(json_pack("{s:b, s:s}", "ok", 1, "output", o->output));
	else
		printf("wrote %s\n", o->output);
	return EXIT_OK;
}

int cmd_object(int argc, char **argv)
{
	struct object_options o = { .spins = 512, .fov = 0.22, .seed = 1 };
	struct option_list rest = { 0 };
	const struct option table[] = {
		{ "--output", "-o", OPTION_TEXT, &o.output, 0, 0, "map file to write, HDF5" },
		{ "--spins", NULL, OPTION_INT, &o.spins, 1, 16384, "resolution along x and y (512)" },
		{ "--fov", NULL, OPTION_REAL, &o.fov, 1e-3, 10, "field of view in metres (0.22)" },
		{ "--labels", NULL, OPTION_TEXT, &o.labels, 0, 0, "NIfTI label volume" },
		{ "--table", NULL, OPTION_TEXT, &o.table, 0, 0, "tissue table: label name M0 T1 T2 (s)" },
		{ "--pd", NULL, OPTION_TEXT, &o.pd, 0, 0, "NIfTI proton-density volume" },
		{ "--t2w", NULL, OPTION_TEXT, &o.t2w, 0, 0, "NIfTI T2-weighted volume" },
		{ "--te", NULL, OPTION_REAL, &o.te, 0, 1, "echo time of the T2-weighted volume in seconds (drawn per slice)" },
		{ "--seed", NULL, OPTION_INT, &o.seed, 0, 2147483647, "seed of what is drawn (1)" },
		{ "--png", NULL, OPTION_TEXT, &o.png, 0, 0, "picture of M0, T1 and T2" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("object", argc, argv, table, PRECESS_COUNT(table), &rest);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	const char *verb = rest.n ? rest.item[0] : "";
	bool writes = !strcmp(verb, "make") || !strcmp(verb, "import");
	if (writes && !o.output)
		return usage_error("object", "%s wants -o FILE.h5", verb);
	if (!strcmp(verb, "make") && rest.n == 2)
		return make(&o, rest.item[1]);
	if (!strcmp(verb, "show") && rest.n == 2)
		return show(&o, rest.item[1]);
	if (!strcmp(verb, "import") && rest.n == 1)
		return import(&o);
	return usage_error("object", "make SPEC, show SPEC or import?");
}
