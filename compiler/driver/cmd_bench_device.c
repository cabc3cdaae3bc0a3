/* precess bench simulate --device D --batch N: a batch of draws through one list of launches. */
#include "compiler/driver/bench.h"

static void print_heading(void)
{
	printf("| sequence | method | spins | batch | launches | us per image: launches | all | bound | "
	       "GB/s | of copy | Gflop/s | of multiply-add |\n"
	       "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
}

/* A part of what the device's own kernels reach, or nothing where that is not known. */
static void print_share(double v, double most)
{
	if (most > 0)
		printf(" %.0f | %.0f %% |", v * 1e-9, 100 * v / most);
	else
		printf(" %.2f | |", v * 1e-9);
}

static void print_times(const char *name, int spins, const struct sim_device_times *t)
{
	printf("| %s | %s | %d | %d | %d | %.1f | %.1f | %.1e |", name, t->method, spins, t->batch,
	       t->launches, 1e6 * t->launched, 1e6 * t->all, t->bound);
	print_share(t->bytes, t->most_bytes);
	print_share(t->flops, t->most_flops);
	printf("\n");
	fflush(stdout); /* the next may take long */
}

static json_t *json_times(const char *name, int spins, const struct sim_device_times *t)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "sequence", name,
			 "method", t->method, "device", t->device, "spins", spins, "batch", t->batch,
			 "launches", t->launches, "seconds_launches", t->launched, "seconds_all", t->all,
			 "error_bound", t->bound, "bytes_per_second", t->bytes, "flops", t->flops,
			 "ceiling_bytes", t->most_bytes, "ceiling_flops", t->most_flops);
}

static int bench_one(const char *file, int spins, const struct compile_options *c,
		     const struct scene_options *o, int batch, int repeats, bool first, json_t *rows)
{
	struct scene s;
	struct scene_options so = *o;
	struct sim_device_times t;
	so.spins = spins;
	so.sim.quiet = true;
	int rc = scene_open(&s, file, c, &so);
	if (!rc) {
		precess_status st = bench_device(&t, s.draw, s.maps, &so.sim, batch, repeats);
		if (st)
			rc = c->json ? EXIT_WORLD : world_error(st);
		else if (c->json)
			json_array_append_new(rows, json_times(s.compiled.program->name, so.spins, &t));
		else {
			if (first) {
				printf("%s\n\n", t.device);
				print_heading();
			}
			print_times(s.compiled.program->name, so.spins, &t);
		}
	}
	if (rc && c->json)
		json_failure(s.compiled.lang, rc);
	scene_close(&s);
	return rc;
}

int bench_batches(const char *const *file, size_t n, const struct bench_sizes *sizes,
		  const struct compile_options *c, const struct scene_options *o, int batch,
		  int repeats)
{
	json_t *rows = json_array();
	int rc = EXIT_OK;
	for (size_t i = 0; i < n * sizes->n && !rc; i++)
		rc = bench_one(file[i / sizes->n], sizes->item[i % sizes->n], c, o, batch, repeats,
			       i == 0, rows);
	if (c->json && !rc)
		json_put(json_pack("{s:b, s:O}", "ok", 1, "rows", rows));
	json_decref(rows);
	return rc;
}
