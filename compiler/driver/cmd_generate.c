/* precess generate: training data, random samples of a sequence by exact simulation. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"
#include "runtime/data/data.h"

struct generate_options {
	const char *output, *object, *shard, *device;
	int n, seed, threads, spins, sub, reuse;
	double smooth_mm, tolerance;
	bool join, quiet, json;
};

static int failed(struct lang *l, bool json, precess_status st)
{
	return json ? json_failure(l, EXIT_WORLD) : world_error(st);
}

static void report(const struct generate_options *o, const struct program *p,
		   const struct data_generated *g, const char *backend)
{
	double fresh = (double)(g->n - g->resumed), rate = g->seconds > 0 ? fresh / g->seconds : 0;
	if (o->json) {
		json_t *j = json_pack("{s:b, s:I, s:I, s:f, s:f, s:f, s:s}", "ok", 1, "samples",
				      (json_int_t)g->n, "resumed", (json_int_t)g->resumed, "seconds",
				      g->seconds, "samples_per_second", rate, "bytes", g->bytes, "output",
				      o->output);
		if (p)
			json_object_update_new(j, json_pack("{s:s, s:s}", "sequence", p->name, "backend",
							    backend));
		json_put(j);
		return;
	}
	printf("wrote %s: %llu samples%s%s, %.3g MB", o->output, (unsigned long long)g->n, p ? " of " : "",
	       p ? p->name : "", g->bytes / 1e6);
	if (g->resumed)
		printf(", %llu of them by an earlier run", (unsigned long long)g->resumed);
	if (p)
		printf(", %.3g samples/s on %s", rate, backend);
	printf("\n");
}

static int join(const struct generate_options *o, const struct option_list *files)
{
	struct data_generated g;
	precess_status st = data_join(&g, o->output, files->item, files->n);
	if (st)
		return failed(NULL, o->json, st);
	report(o, NULL, &g, NULL);
	return EXIT_OK;
}

/* "1/4": the second of four. */
static bool parse_shard(int *shard, int *n, const char *text)
{
	char rest;
	*shard = 0;
	*n = 1;
	return !text || (sscanf(text, "%d/%d%c", shard, n, &rest) == 2 && *shard >= 0 && *shard < *n);
}

static int generate(const struct generate_options *o, const struct program *p, struct lang *l,
		    const struct data_generate *g)
{
	const struct data_recipe r = {
		.object = o->object,
		.seed = (uint64_t)o->seed,
		.total = (uint64_t)o->n,
		.fine = o->spins,
		.sub = o->sub,
		.reuse = o->reuse,
		.smooth = o->smooth_mm * 1e-3,
		.tolerance = o->tolerance,
		.device = o->device,
	};
	struct data_source *s;
	struct data_generated done;
	precess_status st = file_output_probe(o->output);
	st = st ? st : data_source_create(&s, p, &r);
	if (st)
		return failed(l, o->json, st);
	st = data_generate(&done, s, g);
	int rc = st ? failed(l, o->json, st) : EXIT_OK;
	if (!st)
		report(o, p, &done, data_source_backend(s));
	data_source_free(s);
	return rc;
}

static int open_and_generate(struct generate_options *o, const char *path,
			     const struct compile_options *co)
{
	struct data_generate g = {
		.path = o->output, .threads = o->threads, .quiet = o->quiet,
	};
	if (!parse_shard(&g.shard, &g.n_shard, o->shard))
		return usage_error("generate", "--shard wants I/N with I from 0 to N-1, found '%s'", o->shard);
	interrupt_watch();
	struct compiled c;
	int rc = compile(&c, path, co);
	if (rc)
		rc = o->json ? json_failure(c.lang, rc) : rc;
	else if (!c.program)
		rc = usage_error("generate", "%s is a module: it plays nothing by itself", path);
	else
		rc = generate(o, c.program, c.lang, &g);
	compiled_free(&c);
	return rc;
}

int cmd_generate(int argc, char **argv)
{
	struct compile_options co = { 0 };
	struct generate_options o = { .seed = 1, .spins = 4, .sub = 2, .reuse = 4, .tolerance = 1e-4 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "-n", "--samples", OPTION_INT, &o.n, 1, 100000000, "samples of the whole set" },
		{ "--seed", NULL, OPTION_INT, &o.seed, 0, 2147483647, "seed; sample i depends on it and i alone (1)" },
		{ "--object", NULL, OPTION_TEXT, &o.object, 0, 0, "head (drawn afresh), a folder of map files, or as for simulate" },
		{ "--shard", NULL, OPTION_TEXT, &o.shard, 0, 0, "I/N: only part I of N, from 0" },
		{ "--join", NULL, OPTION_FLAG, &o.join, 0, 0, "join shards instead: --join A.h5 B.h5 -o ALL.h5" },
		{ "--set", NULL, OPTION_LIST, &co.set, 0, 0, "NAME=VALUE of a const" },
		OPTION_LIBRARY_PATH(co.library),
		{ "--spins", NULL, OPTION_INT, &o.spins, 1, 64, "spins per pixel along x and y (4)" },
		{ "--sub", NULL, OPTION_INT, &o.sub, 1, 64, "stored sub-pixels of the maps per pixel along x and y (2)" },
		{ "--reuse", NULL, OPTION_INT, &o.reuse, 1, 1000000, "samples that share an anatomy, turned, with other fields and parameters (4)" },
		{ "--smooth", NULL, OPTION_REAL, &o.smooth_mm, 0, 100, "FWHM in mm of a blur of the object (0)" },
		{ "--tolerance", NULL, OPTION_REAL, &o.tolerance, 1e-14, 1, "error of the simulation, relative to the largest sample (1e-4)" },
		{ "--threads", NULL, OPTION_INT, &o.threads, 1, 256, "threads (default: all); the data do not depend on it" },
		{ "--device", NULL, OPTION_TEXT, &o.device, 0, 0, "that makes the images: auto, cpu, cuda[:N] (cpu)" },
		{ "--output", "-o", OPTION_TEXT, &o.output, 0, 0, "data set to write, HDF5; kept as FILE.partial until complete" },
		{ "--quiet", "-q", OPTION_FLAG, &o.quiet, 0, 0, "no progress" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("generate", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	co.json = o.json;
	if (!o.output)
		return usage_error("generate", "which file? -o DATA.h5");
	if (o.join)
		return files.n ? join(&o, &files) : usage_error("generate", "--join wants files");
	if (files.n != 1)
		return usage_error("generate", files.n ? "one sequence at a time" : "which sequence?");
	if (!o.n)
		return usage_error("generate", "how many samples? -n N");
	return open_and_generate(&o, files.item[0], &co);
}
