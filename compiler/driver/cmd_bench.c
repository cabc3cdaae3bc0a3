/* precess bench: speed against a baseline measured in the same run, the spin grid against a finer
 * one, the network (cmd_bench_network.c), and what its parts are worth (cmd_bench_learning.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/bench.h"

struct bench_options {
	struct compile_options compile;
	struct scene_options scene;
	struct option_list files;
	const char *png, *folder, *device, *spins;
	int samples, images, repeats, batch, reference, width;
	bool pytorch;
};

/* ------------------------------------------------------------------ simulate */
static const char *const default_files[] = { "sequences/gre_epi.seq", "sequences/moled.seq",
					     "sequences/fse.seq" };

static json_t *json_row(const struct bench_row *r)
{
	json_t *measured = isnan(r->measured) ? json_null() : json_real(r->measured);
	return json_pack("{s:s, s:i, s:f, s:s, s:f, s:f, s:f, s:f, s:f, s:o, s:f, s:f, s:f}", "sequence",
			 r->sequence, "spins", r->spins, "tolerance", r->tolerance, "method", r->method,
			 "ms", r->ms, "model_ms", r->model_ms, "direct_ms", r->direct_ms, "ratio", r->ratio,
			 "error_bound", r->bound, "measured_error", measured, "direct_gflops",
			 r->direct_gflops, "peak_gflops", r->peak_gflops, "live_share", r->live_share);
}

static void print_heading(void)
{
	printf("direct: every spin of the grid times every sample, in single precision; live: spins with "
	       "M0 > 0;\nmodel: what the run should take by the costs that methods are chosen by\n"
	       "%-10s %6s %8s %10s %-8s %9s %9s %11s %8s %12s %15s %13s\n", "sequence", "spins", "live",
	       "tolerance", "method", "ms", "model ms", "direct ms", "ratio", "error bound",
	       "measured error", "direct/peak");
}

static void print_row(const struct bench_row *r)
{
	printf("%-10s %6d %6.0f %% %10.1e %-8s %9.2f %9.2f %11.1f %8.1f %12.2e ", r->sequence, r->spins,
	       100 * r->live_share, r->tolerance, r->method, r->ms, r->model_ms, r->direct_ms, r->ratio,
	       r->bound);
	if (isnan(r->measured))
		printf("%15s", "-");
	else
		printf("%15.2e", r->measured);
	printf(" %11.0f %%\n", 100 * r->direct_gflops / r->peak_gflops);
}

static int bench_one(const struct bench_options *o, const char *file, int spins, json_t *rows)
{
	struct scene s;
	struct scene_options so = o->scene;
	so.spins = spins;
	int rc = scene_open(&s, file, &o->compile, &so);
	if (!rc) {
		struct bench_row row;
		precess_status st = bench_simulate(&row, s.draw, s.maps, &so.sim, o->repeats);
		if (st)
			rc = o->compile.json ? EXIT_WORLD : world_error(st);
		else if (o->compile.json)
			json_array_append_new(rows, json_row(&row));
		else
			print_row(&row);
	}
	if (rc && o->compile.json)
		json_failure(s.compiled.lang, rc);
	scene_close(&s);
	return rc;
}

/* "256,512,1024" into the sizes of a sweep. */
static int read_sizes(struct bench_sizes *out, const char *text)
{
	static const int most = 16384; /* as everywhere where spins are asked for */
	const char *at = text ? text : "512";
	for (out->n = 0;; at++) {
		char *end;
		long v = strtol(at, &end, 10);
		if (end == at || (*end && *end != ','))
			return usage_error("bench", "--spins wants numbers, as in --spins 256,512; found '%s'",
					   text);
		if (v < 1 || v > most)
			return usage_error("bench", "--spins must be in 1 .. %d, found %.*s", most,
					   (int)(end - at), at);
		if (out->n == PRECESS_COUNT(out->item))
			return usage_error("bench", "too many numbers for --spins (limit %zu)", out->n);
		out->item[out->n++] = (int)v;
		at = end;
		if (!*at)
			return EXIT_OK;
	}
}

static int bench_all(struct bench_options *o)
{
	size_t n = o->files.n > 1 ? o->files.n - 1 : PRECESS_COUNT(default_files);
	const char *const *file = o->files.n > 1 ? o->files.item + 1 : default_files;
	struct bench_sizes sizes;
	int rc = read_sizes(&sizes, o->spins);
	if (rc)
		return rc;
	o->scene.sim.device = o->batch ? o->device : NULL;
	if (o->batch && !o->device)
		return usage_error("bench", "--batch is for a device: --device cuda");
	if (o->batch)
		return bench_batches(file, n, &sizes, &o->compile, &o->scene, o->batch, o->repeats);
	json_t *rows = json_array();
	if (!o->compile.json)
		print_heading();
	for (size_t i = 0; i < n * sizes.n && !rc; i++)
		rc = bench_one(o, file[i / sizes.n], sizes.item[i % sizes.n], rows);
	if (o->compile.json && !rc)
		json_put(json_pack("{s:b, s:O}", "ok", 1, "rows", rows));
	json_decref(rows);
	return rc;
}

/* ------------------------------------------------------------------ grid */
/* One sequence on the same object with ever more spins (the experiment of Huang et al., Fig. 5). */
struct grid_run {
	int n;
	float *image, *kspace;
	int nx, ny;
	double seconds;
};

static void grid_run_free(struct grid_run *g)
{
	free(g->image);
	free(g->kspace);
}

static precess_status grid_simulate(struct grid_run *g, const struct scene *s, const struct sim_options *o)
{
	struct sim_result *r = NULL;
	struct kspace *k = NULL;
	precess_status st;
	TRY(sim_run(&r, s->draw, s->maps, o));
	TRY(kspace_sort(&k, s->draw, r));
	TRY(kspace_image(&g->image, s->draw, k));
	g->nx = k->nx;
	g->ny = k->ny;
	g->seconds = r->seconds;
	g->kspace = k->data;
	k->data = NULL;
out:
	kspace_free(k);
	sim_result_free(r);
	return st;
}

struct grid_score {
	double psnr, complex_psnr; /* dB, peak 1, images divided by the reference's largest magnitude */
	double difference;         /* largest in k-space, relative to its largest sample */
	int at[2];                 /* where, in cells from the centre */
};

static struct grid_score grid_compare(const struct grid_run *g, const struct grid_run *ref)
{
	struct grid_score s = { 0 };
	size_t n = (size_t)g->nx * (size_t)g->ny;
	double top = 0, square = 0, square_complex = 0, ktop = 0;
	for (size_t i = 0; i < n; i++) {
		top = fmax(top, hypot(ref->image[2 * i], ref->image[2 * i + 1]));
		ktop = fmax(ktop, hypot(ref->kspace[2 * i], ref->kspace[2 * i + 1]));
	}
	for (size_t i = 0; i < n; i++) {
		double re = g->image[2 * i] - ref->image[2 * i], im = g->image[2 * i + 1] - ref->image[2 * i + 1];
		double m = hypot(g->image[2 * i], g->image[2 * i + 1]) -
			   hypot(ref->image[2 * i], ref->image[2 * i + 1]);
		square += m * m;
		square_complex += re * re + im * im;
		double d = hypot(g->kspace[2 * i] - ref->kspace[2 * i], g->kspace[2 * i + 1] - ref->kspace[2 * i + 1]) / ktop;
		if (d > s.difference) {
			s.difference = d;
			s.at[0] = (int)(i % (size_t)g->nx) - g->nx / 2;
			s.at[1] = (int)(i / (size_t)g->nx) - g->ny / 2;
		}
	}
	s.psnr = -10 * log10(square / (double)n / (top * top));
	s.complex_psnr = -10 * log10(square_complex / (double)n / (top * top));
	return s;
}

static precess_status grid_picture(const struct bench_options *o, const struct scene *s,
				   const struct grid_run *g)
{
	if (!o->png)
		return PRECESS_OK;
	struct text name, title;
	text_init(&name);
	text_init(&title);
	text_printf(&name, "%s-%d.png", o->png, g->n);
	text_printf(&title, "%s, %d x %d spins", s->compiled.program->name, g->n, g->n);
	precess_status st = plot_image(name.data, title.data, g->image, g->kspace, g->nx, g->ny);
	text_free(&name);
	text_free(&title);
	return st;
}

/* Simulates at n spins; compares unless it is the reference itself. */
static int grid_one(struct bench_options *o, int n, struct grid_run *ref, json_t *rows)
{
	struct scene s;
	struct scene_options so = o->scene;
	so.spins = n;
	struct grid_run g = { .n = n };
	struct grid_score score;
	json_t *warnings = json_array();
	precess_status st = PRECESS_OK;
	int rc = scene_open(&s, o->files.item[1], &o->compile, &so);
	if (rc)
		goto out;
	TRY(grid_simulate(&g, &s, &so.sim));
	TRY(grid_picture(o, &s, &g));
	if (!ref->image) {
		*ref = g;
		goto out;
	}
	TRY(scene_alias_warning(&s, warnings));
	score = grid_compare(&g, ref);
	if (o->compile.json) {
		json_array_append_new(rows, json_pack("{s:i, s:i, s:f, s:f, s:f, s:[i,i], s:f, s:O}", "spins", n,
						      "reference", ref->n, "psnr_db", score.psnr,
						      "complex_psnr_db", score.complex_psnr, "largest_difference",
						      score.difference, "at", score.at[0], score.at[1],
						      "seconds", g.seconds, "warnings", warnings));
	} else {
		printf("%6d %9.1f dB %9.1f dB %14.2e at (%d, %d)\n", n, score.psnr, score.complex_psnr,
		       score.difference, score.at[0], score.at[1]);
		for (size_t i = 0; i < json_array_size(warnings); i++)
			printf("       %s\n", json_string_value(json_array_get(warnings, i)));
	}
out:
	if (g.image != ref->image)
		grid_run_free(&g);
	json_decref(warnings);
	if (st)
		rc = o->compile.json ? EXIT_WORLD : world_error(st);
	if (rc && o->compile.json)
		json_failure(s.compiled.lang, rc);
	scene_close(&s);
	return rc;
}

static int bench_grid(struct bench_options *o)
{
	if (o->files.n != 2)
		return usage_error("bench", "grid wants one sequence");
	struct grid_run ref = { .n = o->reference };
	json_t *rows = json_array();
	int rc = grid_one(o, o->reference, &ref, rows);
	if (!rc && !o->compile.json)
		printf("against %d x %d spins\n%6s %12s %12s   largest k-space difference\n", ref.n, ref.n,
		       "spins", "PSNR", "complex");
	for (int n = o->reference / 8; n < o->reference && !rc; n *= 2)
		rc = grid_one(o, n, &ref, rows);
	if (!rc && o->compile.json)
		json_put(json_pack("{s:b, s:s, s:O}", "ok", 1, "sequence", o->files.item[1], "rows", rows));
	json_decref(rows);
	grid_run_free(&ref);
	return rc;
}

int cmd_bench(int argc, char **argv)
{
	struct bench_options o = { .compile.samples = true, .scene.sim.tolerance = 1e-4, .repeats = 5, .reference = 1024, .samples = 2000, .images = 8000 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.compile.set, 0, 0, "NAME=VALUE of a const or a parameter" },
		OPTION_LIBRARY_PATH(o.compile.library),
		{ "--object", NULL, OPTION_TEXT, &o.scene.object, 0, 0, "head[:SEED], uniform, or FILE.h5[:SLICE]" },
		{ "--map", NULL, OPTION_LIST, &o.scene.map, 0, 0, "NAME=VALUE: one value instead of the object's map, as in B1=1" },
		{ "--spins", NULL, OPTION_TEXT, &o.spins, 0, 0, "simulate: spins along x and y (512); several for a sweep: 256,512" },
		{ "--reference", NULL, OPTION_INT, &o.reference, 64, 16384, "grid: spins of the reference (1024)" },
		{ "--tolerance", NULL, OPTION_REAL, &o.scene.sim.tolerance, 1e-14, 1, "error allowed (1e-4)" },
		{ "--threads", NULL, OPTION_INT, &o.scene.sim.threads, 1, 1024, "threads (default: all)" },
		{ "--batch", NULL, OPTION_INT, &o.batch, 1, 65535, "simulate: draws through one list of launches of a device" },
		{ "--repeats", NULL, OPTION_INT, &o.repeats, 1, 1000, "timings of which the best is printed (5)" },
		{ "--png", NULL, OPTION_TEXT, &o.png, 0, 0, "grid: pictures PREFIX-N.png" },
		{ "--width", NULL, OPTION_INT, &o.width, 1, 1024, "network: of the U-Net (32 and 64); learning: (8)" },
		{ "--samples", NULL, OPTION_INT, &o.samples, 1, 1000000, "learning: of the data set (2000)" },
		{ "--images", NULL, OPTION_INT, &o.images, 1, 1000000000, "learning: shown to each network (8000)" },
		{ "--output", "-o", OPTION_TEXT, &o.folder, 0, 0, "learning: folder of the data set and the models" },
		{ "--device", NULL, OPTION_TEXT, &o.device, 0, 0, "simulate --batch, network: that runs it, cpu or cuda[:N] (cpu)" },
		{ "--pytorch", NULL, OPTION_FLAG, &o.pytorch, 0, 0, "network: measure PyTorch, too, if python3 has it" },
		{ "--json", NULL, OPTION_FLAG, &o.compile.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("bench", argc, argv, table, PRECESS_COUNT(table), &o.files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	o.scene.sim.quiet = true;
	const char *what = o.files.n ? o.files.item[0] : "";
	if (!strcmp(what, "simulate"))
		return bench_all(&o);
	if (!strcmp(what, "grid"))
		return bench_grid(&o);
	if (!strcmp(what, "network"))
		return bench_network(o.width, o.scene.sim.threads, o.pytorch, o.device, o.compile.json);
	if (!strcmp(what, "learning")) {
		if (o.files.n != 2 || !o.folder)
			return usage_error("bench", "learning wants one sequence and -o FOLDER");
		return bench_learning(&(struct bench_learning){
			.file = o.files.item[1], .folder = o.folder, .width = o.width ? o.width : 8, .samples = o.samples,
			.images = o.images, .threads = o.scene.sim.threads, .json = o.compile.json });
	}
	return usage_error("bench", "simulate, grid, network or learning?");
}
