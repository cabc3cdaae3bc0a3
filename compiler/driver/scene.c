/* A scene: a compiled sequence bound to parameters, and an object sampled on its spin grid. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

/* Where a sequence declares no field of view, spins fill this one. */
#define DEFAULT_FOV 0.22
#define SPINS_PER_PIXEL 4
#define LEAST_SPINS 64
#define MOST_SPINS 16384

/* Whether a number of dimension `d` is a value of the map. */
static bool map_wants(enum program_map_kind kind, struct dim d)
{
	static const char *const type[] = {
#define MAP(name, type, neutral, doc) type,
#include "runtime/program/maps.def"
#undef MAP
	};
	int s = !strcmp(type[kind], "time") ? 1 : !strcmp(type[kind], "frequency") ? -1 : 0;
	return d.s == s && !d.m && !d.T && !d.rad;
}

/* "B1=1" or "dB0=50Hz" makes that map one value; a plain number is in SI. */
static int fix_map(struct program *p, const char *text)
{
	const char *eq = strchr(text, '=');
	int kind = -1;
	for (int i = 0; i < PROGRAM_MAPS && eq; i++) {
		const char *name = program_map_name((enum program_map_kind)i);
		if (strlen(name) == (size_t)(eq - text) && !strncmp(name, text, strlen(name)))
			kind = i;
	}
	char *end = NULL;
	double value = eq ? strtod(eq + 1, &end) : 0, factor = 1;
	struct dim d;
	if (kind < 0 || end == eq + 1 ||
	    (*end && (!unit_find(end, strlen(end), &factor, &d) || !map_wants((enum program_map_kind)kind, d))))
		return argument_error("--map wants a map's name and value, as in --map B1=1 or --map dB0=50Hz; found '%s'",
				   text);
	p->map[kind].channel = false;
	p->map[kind].value = value * factor;
	return EXIT_OK;
}

static precess_status open_world(struct scene *s, struct scene_options *o)
{
	const struct program *p = s->compiled.program;
	precess_status st = PRECESS_OK;
	for (int i = 0; i < 2; i++)
		s->fov[i] = p->fov[i] > 0 ? p->fov[i] : DEFAULT_FOV;
	int n = o->spins;
	if (!n) {
		int matrix = p->matrix[0] > p->matrix[1] ? p->matrix[0] : p->matrix[1];
		n = SPINS_PER_PIXEL * matrix > LEAST_SPINS ? SPINS_PER_PIXEL * matrix : LEAST_SPINS;
	}
	if (n > MOST_SPINS)
		return precess_fail(PRECESS_EINVAL, "%d spins along an axis are too many (limit %d)", n,
				    MOST_SPINS);
	o->spins = n;
	TRY(draw_create(&s->draw, p, NULL, false));
	TRY(object_open(&s->object, o->object ? o->object : "head:1"));
	TRY(object_maps(&s->maps, s->object, p, s->fov, n, n, &s->clipped));
	TRY(object_coils(s->maps, s->object, o->coils));
out:
	return st;
}

int scene_open(struct scene *s, const char *path, const struct compile_options *c,
	       struct scene_options *o)
{
	memset(s, 0, sizeof *s);
	if (o->method) {
		int m = sim_method_find(o->method);
		if (m < 0) {
			struct text t;
			text_init(&t);
			for (int i = 0; i < SIM_METHODS; i++)
				text_printf(&t, "%s %s", i ? "," : "", sim_method_name((enum sim_method)i));
			argument_error("--method knows%s; not '%s'", t.data, o->method);
			text_free(&t);
			return EXIT_USAGE;
		}
		o->sim.method = (enum sim_method)m;
	}
	int rc = compile(&s->compiled, path, c);
	if (rc)
		return rc;
	if (!s->compiled.program)
		return argument_error("%s is a module: it plays nothing by itself", path);
	for (size_t i = 0; i < o->map.n; i++)
		if ((rc = fix_map(s->compiled.program, o->map.item[i])))
			return rc;
	precess_status st = open_world(s, o);
	if (st && c->json)
		return EXIT_WORLD;
	return st ? world_error(st) : EXIT_OK;
}

void scene_close(struct scene *s)
{
	maps_free(s->maps);
	object_free(s->object);
	draw_free(s->draw);
	compiled_free(&s->compiled);
}

/* ------------------------------------------------------------------ aliasing */
/* A pathway weaker than this, relative to M0, is not worth a warning. */
#define ALIAS_THRESHOLD 0.01

/* The strongest folded pathway on an n by n grid; false when none folds into the window. */
static precess_status strongest_alias(bool *found, struct pathway *worst, const struct scene *s, int n)
{
	double lo = 1, hi = 1;
	if (s->maps->map[PROGRAM_MAP_B1])
		maps_range(s->maps, PROGRAM_MAP_B1, &lo, &hi);
	struct pathway *list;
	size_t count;
	precess_status st = pathways_find(&list, &count, s->draw, n, n, lo, hi, ALIAS_THRESHOLD);
	if (st)
		return st;
	*found = false;
	for (size_t i = 0; i < count; i++)
		if ((list[i].alias[0] || list[i].alias[1]) &&
		    (!*found || list[i].amplitude > worst->amplitude)) {
			*found = true;
			*worst = list[i];
		}
	free(list);
	return PRECESS_OK;
}

precess_status scene_alias_warning(const struct scene *s, json_t *list)
{
	struct pathway worst, other;
	bool found, still = true;
	int n = s->maps->nx, cure = n;
	precess_status st = strongest_alias(&found, &worst, s, n);
	if (st || !found)
		return st;
	for (int step = 0; step < 4 && still; step++) {
		cure *= 2;
		if ((st = strongest_alias(&still, &other, s, cure)))
			return st;
	}
	struct text t;
	text_init(&t);
	text_printf(&t,
		    "%d x %d spins fold the coherence pathway %s into the sampled window: its echo "
		    "lies at (%.4g, %.4g) cells, amplitude up to %.2g of M0",
		    n, n, worst.order, worst.k[0] * s->fov[0], worst.k[1] * s->fov[1], worst.amplitude);
	if (still)
		text_printf(&t, "; finer grids up to %d fold one too", cure);
	else
		text_printf(&t, "; --spins %d does not", cure);
	if (list)
		json_array_append_new(list, json_string(t.data));
	else
		fprintf(stderr, "precess: warning: %s\n", t.data);
	text_free(&t);
	return PRECESS_OK;
}
