/* precess evaluate: a trained network against the exact simulator on samples it never saw, beside
 * two images that need no network. A score says little alone: how smooth the objects are decides
 * over ten decibels, and these two rows feel it, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/evaluate.h"

/* Spins per pixel along x and y of the box means. */
#define FINE 4
#define TIMED 20 /* forward passes */
#define DEFAULT_SEED 2147483647

struct evaluation {
	struct learn_model m;
	struct evaluate_command *c;
	struct data_source *source;
	struct data_stream *stream;
	struct data_maker *maker;
	struct data_extras *extras;
	struct maps *means;
	struct data_sample *coarse;
	float *label, *image;
	struct learn_mean network, box, first, zero;
	double seconds, inputs, exact; /* of a forward pass, of what goes in, of that and a simulation */
};

/* ------------------------------------------------------------------ exact, from means */
static bool is_relaxation(int k)
{
	return k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
}

static float pixel_mean(const struct data_sample *s, int k, int x, int y)
{
	int sub = s->shape.sub, width = sub * s->shape.nx;
	const float *m0 = is_relaxation(k) ? s->map[PROGRAM_MAP_M0] : NULL;
	double sum = 0, weight = 0;
	for (int j = 0; j < sub * sub; j++) {
		int i = (y * sub + j / sub) * width + x * sub + j % sub;
		double w = m0 ? (double)m0[i] : 1;
		sum += w > 0 ? w * (double)s->map[k][i] : 0;
		weight += w;
	}
	return weight > 0 ? (float)(sum / weight) : 0;
}

/* Every pixel's mean in all its spins; fields, which are smooth, as planes between the pixels. */
static precess_status box_means(struct maps *to, const struct data_sample *s,
				const struct program *p)
{
	int nx = s->shape.nx, ny = s->shape.ny, fine = to->nx / nx;
	float *mean = malloc(sizeof *mean * (size_t)nx * (size_t)ny);
	precess_status st = PRECESS_OK;
	if (!mean)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		bool is_field = k == PROGRAM_MAP_B1 || k == PROGRAM_MAP_dB0;
		double value = p->map[k].value;
		if (!s->map[k] && !(isfinite(value) && !is_field && k != PROGRAM_MAP_M0))
			continue;
		if (!to->map[k])
			TRY(maps_add(to, (enum program_map_kind)k, value));
		for (int i = 0; s->map[k] && i < nx * ny; i++)
			mean[i] = pixel_mean(s, k, i % nx, i / nx);
		for (int y = 0; s->map[k] && y < to->ny; y++)
			for (int x = 0; x < to->nx; x++) {
				double u = is_field ? (x + 0.5) / fine - 0.5 : x / fine;
				double v = is_field ? (y + 0.5) / fine - 0.5 : y / fine;
				u = fmin(fmax(u, 0), nx - 1);
				v = fmin(fmax(v, 0), ny - 1);
				int x0 = (int)u, y0 = (int)v, x1 = x0 + (x0 + 1 < nx),
				    y1 = y0 + (y0 + 1 < ny);
				double a = u - x0, b = v - y0;
				to->map[k][y * to->nx + x] =
					(float)((1 - b) * ((1 - a) * (double)mean[y0 * nx + x0] +
							   a * (double)mean[y0 * nx + x1]) +
						b * ((1 - a) * (double)mean[y1 * nx + x0] +
						     a * (double)mean[y1 * nx + x1]));
			}
	}
out:
	free(mean);
	return st;
}

/* ------------------------------------------------------------------ closed form */
/* Every pathway's M0 exp(-time / T2) exp(2 pi i k.r), without B1 and what bends: at sub-pixels. */
static void first_order(float *image, const struct data_sample *s, const struct program *p,
			const double *value)
{
	const double tau = 6.283185307179586476925;
	int sub = s->shape.sub, nx = s->shape.nx, ny = s->shape.ny, width = nx * sub;
	memset(image, 0, 2 * sizeof *image * (size_t)nx * (size_t)ny);
	for (int i = 0; i < width * ny * sub; i++) {
		double m0 = s->map[PROGRAM_MAP_M0] ? (double)s->map[PROGRAM_MAP_M0][i] : 1;
		double t2 = s->map[PROGRAM_MAP_T2] ? (double)s->map[PROGRAM_MAP_T2][i]
						   : p->map[PROGRAM_MAP_T2].value;
		double x = (i % width + 0.5) / width - 0.5,
		       y = (i / width + 0.5) / (ny * sub) - 0.5;
		double f = s->map[PROGRAM_MAP_dB0] ? (double)s->map[PROGRAM_MAP_dB0][i] : 0;
		size_t at = (size_t)(i / width / sub) * (size_t)nx + (size_t)(i % width / sub);
		for (uint32_t k = 0; m0 > 0 && k < p->n_pathway; k++) {
			const struct program_pathway *q = &p->pathway[k];
			double size = m0 * exp(-value[q->time] / t2) / (sub * sub);
			double a = tau *
				   (value[q->k[0]] * x + value[q->k[1]] * y - f * value[q->off]);
			image[at] += (float)(size * (q->re * cos(a) - q->im * sin(a)));
			image[at + (size_t)nx * (size_t)ny] +=
				(float)(size * (q->re * sin(a) + q->im * cos(a)));
		}
	}
}

/* The complex factor that brings `image` nearest to `label`: amplitudes belong to the defaults. */
static void scale_to(float *image, const float *label, size_t n)
{
	double re = 0, im = 0, square = 0;
	for (size_t i = 0; i < n; i++) {
		double a = (double)image[i], b = (double)image[n + i];
		re += a * (double)label[i] + b * (double)label[n + i];
		im += a * (double)label[n + i] - b * (double)label[i];
		square += a * a + b * b;
	}
	for (size_t i = 0; square > 0 && i < n; i++) {
		double a = (double)image[i], b = (double)image[n + i];
		image[i] = (float)((re * a - im * b) / square);
		image[n + i] = (float)((re * b + im * a) / square);
	}
}

/* ------------------------------------------------------------------ one sample */
static precess_status without_network(struct evaluation *e, const struct data_sample *s)
{
	const struct program *p = e->m.compiled.program;
	int nx = s->shape.nx, ny = s->shape.ny;
	size_t n = (size_t)nx * (size_t)ny;
	double *value = malloc((p->n_op + 1) * sizeof *value);
	precess_status st = PRECESS_OK;
	if (!value)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(box_means(e->means, s, p));
	TRY(data_make_from(e->coarse, e->maker, e->means, s->param, true));
	learn_planes(e->image, e->coarse);
	TRY(learn_mean_add(&e->box, e->image, e->label, ny, nx));
	program_evaluate(value, p, s->param);
	if (s->base)
		for (size_t i = 0; i < n; i++) {
			e->image[i] = s->base[2 * i];
			e->image[n + i] = s->base[2 * i + 1];
		}
	else
		first_order(e->image, s, p, value);
	scale_to(e->image, e->label, n);
	st = learn_mean_add(&e->first, e->image, e->label, ny, nx);
out:
	free(value);
	return st;
}

static precess_status one_sample(struct evaluation *e, const struct data_sample *s)
{
	precess_status st;
	learn_planes(e->label, s);
	TRY(learn_fill(e->m.nn, 0, e->extras, e->m.compiled.program, s));
	TRY(nn_forward(e->m.nn));
	TRY(learn_mean_add(&e->network, nn_output(e->m.nn), e->label, s->shape.ny, s->shape.nx));
	memset(e->image, 0, 2 * sizeof *e->image * (size_t)s->shape.nx * (size_t)s->shape.ny);
	TRY(learn_mean_add(&e->zero, e->image, e->label, s->shape.ny, s->shape.nx));
	if (!e->c->only)
		st = without_network(e, s);
out:
	return st;
}

/* ------------------------------------------------------------------ all */
static precess_status prepare(struct evaluation *e)
{
	const struct evaluate_command *c = e->c;
	const struct program *p = e->m.compiled.program;
	const struct net *net = e->m.model->net;
	int sub = learn_sub(net), fine = sub > FINE || FINE % sub ? sub : FINE;
	const struct data_recipe r = {
		.object = c->object,
		.seed = (uint64_t)c->seed,
		.sub = sub,
		.fine = fine,
		.reuse = 1,
		.smooth = c->smooth_mm * 1e-3,
		.spread = c->spread,
	};
	size_t n = 2 * (size_t)net->matrix[0] * (size_t)net->matrix[1];
	precess_status st;
	TRY(data_source_create(&e->source, p, &r));
	const struct data_shape *h = data_source_shape(e->source);
	TRY(learn_check_shape(h, net, p->name));
	TRY(data_maker_create(&e->maker, e->source));
	TRY(data_extras_create(&e->extras, net));
	TRY(maps_create(&e->means, fine * h->nx, fine * h->ny, p->fov));
	TRY(data_sample_create(&e->coarse, h));
	e->label = memory_aligned(n * sizeof *e->label);
	e->image = memory_aligned(n * sizeof *e->image);
	if (!e->label || !e->image) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	st = data_stream_create(&e->stream, e->source,
				&(struct data_stream_options){ .count = (uint64_t)c->samples,
							       .threads = c->threads });
out:
	return st;
}

/* Alone on the machine: while samples are made the threads would wait for each other. */
static precess_status time_network(struct evaluation *e)
{
	double begun = clock_seconds();
	for (int i = 0; i < TIMED; i++) {
		precess_status st = nn_forward(e->m.nn);
		if (st)
			return st;
	}
	e->seconds = (clock_seconds() - begun) / TIMED;
	return PRECESS_OK;
}

/* The best times from the object's maps to the network's inputs, and to the exact image as well. */
static precess_status time_inputs(struct evaluation *e, const double *param)
{
	precess_status st = PRECESS_OK;
	e->inputs = e->exact = INFINITY;
	for (int i = 0; i < 2 * TIMED && !e->c->only && !st; i++) {
		double begun = clock_seconds(), *best = i & 1 ? &e->exact : &e->inputs;
		st = data_make_from(e->coarse, e->maker, e->means, param, i & 1);
		*best = fmin(*best, clock_seconds() - begun);
	}
	return st;
}

static void seed_warning(const struct evaluation *e)
{
	char *seed = learn_record(e->m.model->record, "seed");
	char *object = learn_record(e->m.model->record, "object");
	if (seed && object && atoll(seed) == e->c->seed && !strcmp(object, e->c->object))
		fprintf(stderr,
			"precess: warning: seed %s is the training's: these samples were seen\n",
			seed);
	free(seed);
	free(object);
}

static precess_status evaluate(struct evaluation *e)
{
	const struct data_sample *s;
	struct progress bar;
	precess_status st;
	seed_warning(e);
	TRY(prepare(e));
	progress_begin(&bar, "evaluate", (size_t)e->c->samples, e->c->quiet);
	for (int i = 0; i < e->c->samples && !st; i++) {
		if (interrupted())
			st = precess_fail(PRECESS_ECANCEL, "interrupted after %d samples", i);
		st = st ? st : data_stream_next(&s, e->stream);
		st = st ? st : one_sample(e, s);
		progress_at(&bar, (size_t)i + 1);
	}
	progress_end(&bar);
	data_stream_free(e->stream);
	e->stream = NULL;
	st = st ? st : time_network(e);
	st = st ? st : time_inputs(e, e->coarse->param);
out:
	return st;
}

static json_t *json_scores(const struct learn_mean *m)
{
	struct train_scores s = learn_mean_get(m);
	return json_pack("{s:f, s:f, s:f}", "psnr_db", s.psnr, "ssim", s.ssim, "complex_psnr_db",
			 s.complex_psnr);
}

static void print_scores(const char *what, const struct learn_mean *m)
{
	struct train_scores s = learn_mean_get(m);
	printf("%-42s %8.2f %10.2f %8.4f\n", what, s.psnr, s.complex_psnr, s.ssim);
}

static void report(const struct evaluation *e)
{
	const struct evaluate_command *c = e->c;
	double ms = e->seconds * 1e3;
	if (c->json) {
		json_t *scores = json_scores(&e->network);
		json_t *j = json_pack("{s:b, s:s, s:i, s:i, s:s, s:f}", "ok", 1, "sequence",
				      e->m.compiled.program->name, "samples", c->samples, "seed",
				      c->seed, "object", c->object, "ms_per_image", ms);
		json_object_update(j, scores);
		json_decref(scores);
		json_object_set_new(j, "zero_image", json_scores(&e->zero));
		if (!c->only) {
			json_object_set_new(j, "box_means", json_scores(&e->box));
			json_object_set_new(j, "first_order", json_scores(&e->first));
			json_object_set_new(j, "ms_inputs", json_real(e->inputs * 1e3));
			json_object_set_new(j, "ms_exact", json_real(fmax(e->exact - e->inputs, 0) * 1e3));
		}
		json_put(j);
		return;
	}
	printf("%s, %d samples of %s, seed %d\n%-42s %8s %10s %8s\n", e->m.compiled.program->name,
	       c->samples, c->object, c->seed, "", "PSNR dB", "complex dB", "SSIM");
	print_scores("network", &e->network);
	if (!c->only) {
		print_scores("no network: exact, from a mean per pixel", &e->box);
		print_scores("no network: first-order image", &e->first);
	}
	print_scores("no network: zero", &e->zero);
	printf("network: %.3g ms per image", ms);
	if (!c->only)
		printf("; its inputs: %.3g ms; the exact image instead: %.3g ms more",
		       e->inputs * 1e3, fmax(e->exact - e->inputs, 0) * 1e3);
	printf("\n");
}

static void evaluation_free(struct evaluation *e)
{
	data_stream_free(e->stream);
	data_maker_free(e->maker);
	data_source_free(e->source);
	data_extras_free(e->extras);
	data_sample_free(e->coarse);
	maps_free(e->means);
	free(e->label);
	free(e->image);
	learn_model_close(&e->m);
}

int cmd_evaluate(int argc, char **argv)
{
	struct evaluate_command c = {
		.object = "head", .samples = 100, .seed = DEFAULT_SEED, .noise = -1
	};
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--samples", "-n", OPTION_INT, &c.samples, 1, 1000000, "samples (100)" },
		{ "--seed", NULL, OPTION_INT, &c.seed, 0, 2147483647,
		  "of the samples (2147483647)" },
		{ "--object", NULL, OPTION_TEXT, &c.object, 0, 0,
		  "head (drawn afresh), a folder of map files, or as for simulate" },
		{ "--smooth", NULL, OPTION_REAL, &c.smooth_mm, 0, 100,
		  "FWHM in mm of a blur of the object (0)" },
		{ "--set", NULL, OPTION_LIST, &c.set, 0, 0,
		  "NAME=VALUE of a parameter, of a network that maps (drawn from its range)" },
		OPTION_LIBRARY_PATH(c.library),
		{ "--noise", NULL, OPTION_REAL, &c.noise, 0, 10,
		  "deviation in each part, the largest pixel being 1, of a network that maps "
		  "(0.02)" },
		{ "--spread", NULL, OPTION_REAL, &c.spread, 0, 10,
		  "T2 times exp(a smooth field in +-SPREAD) (0)" },
		{ "--png", NULL, OPTION_TEXT, &c.png, 0, 0,
		  "picture PREFIX.png of regions, of a network that maps" },
		{ "--precision", NULL, OPTION_TEXT, &c.precision, 0, 0,
		  "of activations: f32 or bf16; on a GPU also tf32 (f32)" },
		{ "--device", NULL, OPTION_TEXT, &c.device, 0, 0,
		  "that runs the network: auto, cpu, cuda[:N] (cpu)" },
		{ "--network-only", NULL, OPTION_FLAG, &c.only, 0, 0,
		  "leave out the rows without a network" },
		{ "--threads", NULL, OPTION_INT, &c.threads, 1, 256, "threads (default: all)" },
		{ "--quiet", "-q", OPTION_FLAG, &c.quiet, 0, 0, "no progress" },
		{ "--json", NULL, OPTION_FLAG, &c.json, 0, 0,
		  "one JSON object on standard output" },
	};
	if (evaluate_truth_asked(argc, argv))
		return evaluate_truth(argc, argv);
	int rc = options_parse("evaluate", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n < 1 || files.n > 2)
		return usage_error("evaluate",
				   files.n ? "one model, and a sequence to check it against"
					   : "which model?");
	struct evaluation e = { .c = &c };
	enum nn_precision precision;
	precess_status st = learn_precision(&precision, c.precision);
	st = st ? st : outputs_probe(NULL, c.png);
	if (st)
		return learn_failed(NULL, c.json, st);
	interrupt_watch();
	rc = learn_model_open(&e.m, files.item[0], files.n > 1 ? files.item[1] : NULL, &c.library,
			      &(struct nn_options){ .batch = 1,
						    .precision = precision,
						    .threads = c.threads,
						    .device = c.device },
			      c.json);
	if (rc)
		return rc;
	if (learn_is_task(e.m.model)) {
		rc = evaluate_map(&e.m, &c);
		learn_model_close(&e.m);
		return rc;
	}
	if (c.set.n || c.png || c.noise >= 0)
		st = precess_fail(PRECESS_EINVAL,
				  "--set, --noise and --png are for networks that map; %s makes images, of "
				  "parameters drawn from their ranges", files.item[0]);
	st = st ? st : evaluate(&e);
	if (!st)
		report(&e);
	evaluation_free(&e);
	return st ? learn_failed(NULL, c.json, st) : EXIT_OK;
}
