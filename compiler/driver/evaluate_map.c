/* precess evaluate of a network that maps: means over regions against the truth, on samples it
 * never saw, simulated exactly, with noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/evaluate.h"

#define TIMED 5
#define NOISE_STREAM ((uint64_t)7 << 60)

struct map_evaluation {
	const struct evaluate_command *c;
	struct learn_model *m;
	struct net_template task;
	struct data_view *view;
	struct data_source *source;
	struct data_stream *stream;
	struct learn_mapper *mapper;
	struct learn_fit squares, tissues;
	float *truth;
	int size[2];
	enum nn_precision precision;
	double seconds;
};

/* A parameter that is set is no longer drawn. */
static int fix_parameters(const struct evaluate_command *c, struct program *p)
{
	double *param = calloc(p->n_param + 1, sizeof *param);
	int rc = param ? EXIT_OK : world_error(precess_fail(PRECESS_ENOMEM, "out of memory"));
	for (uint32_t i = 0; i < p->n_param && !rc; i++)
		param[i] = NAN;
	for (size_t i = 0; i < c->set.n && !rc; i++)
		rc = learn_set(param, p, c->set.item[i]);
	for (uint32_t i = 0; i < p->n_param && !rc; i++) {
		if (isnan(param[i]))
			continue;
		if (!(param[i] >= p->param[i].lo && param[i] <= p->param[i].hi))
			rc = argument_error("--set %s: %g%s is outside %g%s .. %g%s", p->param[i].name,
					    param[i] / p->param[i].show, p->param[i].unit,
					    p->param[i].lo / p->param[i].show, p->param[i].unit,
					    p->param[i].hi / p->param[i].show, p->param[i].unit);
		p->param[i].lo = p->param[i].hi = p->param[i].value = param[i];
	}
	free(param);
	return rc;
}

static precess_status prepare(struct map_evaluation *e)
{
	const struct evaluate_command *c = e->c;
	const struct program *p = e->m->compiled.program;
	const int pad = e->task.pad;
	const struct data_recipe r = {
		.object = c->object,
		.seed = (uint64_t)c->seed,
		.sub = pad,
		.fine = pad > 4 || 4 % pad ? pad : 4,
		.reuse = 1,
		.smooth = c->smooth_mm * 1e-3,
		.spread = c->spread,
		.no_base = true,
	};
	precess_status st;
	TRY(data_source_create(&e->source, p, &r));
	const struct data_shape *h = data_source_shape(e->source);
	e->size[0] = pad * h->nx;
	e->size[1] = pad * h->ny;
	TRY(data_view_create(&e->view, p, &e->task, h->nx, h->ny, h->n_set));
	e->truth = memory_aligned((size_t)e->size[0] * (size_t)e->size[1] * sizeof *e->truth);
	if (!e->truth) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(learn_mapper_create(&e->mapper, e->m->model->net, e->view, e->size[0], e->size[1],
				e->precision, c->threads));
	learn_mapper_weights(e->mapper, e->m->model->weight);
out:
	return st;
}

static precess_status one_sample(struct map_evaluation *e, const struct data_sample *s)
{
	static const int origin[2] = { 0, 0 };
	struct rng r = rng_make((uint64_t)e->c->seed, NOISE_STREAM | s->index);
	const double pixel = e->m->compiled.program->fov[0] / e->size[0];
	const float *map;
	precess_status st;
	data_view_set(e->view, s->image, s->param, e->c->noise, &r);
	TRY(learn_mapper_run(&map, e->mapper));
	TRY(data_view_truth(e->truth, e->view, s, origin, e->size));
	TRY(learn_fit_regions(&e->squares, e->truth, map, e->size, pixel, &e->task));
	st = learn_fit_tissues(&e->tissues, e->truth, map, e->size, pixel, &e->task);
out:
	return st;
}

/* From an image to its map, alone on the machine. */
static precess_status time_map(struct map_evaluation *e, const struct data_sample *s)
{
	const float *map;
	double begun = clock_seconds();
	for (int i = 0; i < TIMED; i++) {
		data_view_set(e->view, s->image, s->param, 0, NULL);
		precess_status st = learn_mapper_run(&map, e->mapper);
		if (st)
			return st;
	}
	e->seconds = (clock_seconds() - begun) / TIMED;
	return PRECESS_OK;
}

static precess_status all_samples(struct map_evaluation *e)
{
	const struct evaluate_command *c = e->c;
	const struct data_sample *s = NULL;
	struct progress bar;
	precess_status st;
	TRY(data_stream_create(&e->stream, e->source,
			       &(struct data_stream_options){ .count = (uint64_t)c->samples,
							      .threads = c->threads }));
	progress_begin(&bar, "evaluate", (size_t)c->samples, c->quiet);
	for (int i = 0; i < c->samples && !st; i++) {
		if (interrupted())
			st = precess_fail(PRECESS_ECANCEL, "interrupted after %d samples", i);
		st = st ? st : data_stream_next(&s, e->stream);
		st = st ? st : one_sample(e, s);
		progress_at(&bar, (size_t)i + 1);
	}
	progress_end(&bar);
	if (!st && (e->squares.n < 3 || e->tissues.n < 3))
		st = precess_fail(PRECESS_EINVAL,
				  "%zu regions and %zu tissues in %d samples: too few for a line",
				  e->squares.n, e->tissues.n, c->samples);
	if (!st) {
		learn_fit_solve(&e->squares);
		learn_fit_solve(&e->tissues);
	}
	st = st ? st : time_map(e, s);
out:
	return st;
}

/* ------------------------------------------------------------------ report */
static precess_status scatter(const struct map_evaluation *e)
{
	const struct learn_fit *f = &e->squares;
	const char *unit, *name = program_map_name((enum program_map_kind)e->task.target);
	double show = learn_unit(&unit, (enum program_map_kind)e->task.target);
	double *x = malloc(2 * f->n * sizeof *x), *y = x ? x + f->n : NULL;
	double end[2] = { 0, 0 }, line[2];
	struct text path, title, axis[2];
	if (!x)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (size_t i = 0; i < f->n; i++) {
		x[i] = show * f->point[i].truth;
		y[i] = show * f->point[i].value;
		end[1] = fmax(end[1], x[i]);
	}
	for (int i = 0; i < 2; i++) {
		line[i] = show * f->intercept + f->slope * end[i];
		text_init(&axis[i]);
		text_printf(&axis[i], "%s%s%s", i ? "network," : "truth,", unit,
			    i ? "" : ", mean of a region");
	}
	text_init(&path);
	text_init(&title);
	text_printf(&path, "%s.png", e->c->png);
	text_printf(&title, "%s of %zu regions, R2 = %.3f", name, f->n, f->r2);
	precess_status st = plot_curve(
		path.data, title.data,
		&(struct plot_axes){ .x = axis[0].data, .y = axis[1].data, .is_linear = true },
		(struct plot_line[]){ { "", x, y, (int)f->n, .dots = true, .ink = 1 },
				      { "identity", end, end, 2, .ink = 2 },
				      { "fit", end, line, 2, .ink = 3 } },
		3);
	text_free(&path);
	text_free(&title);
	text_free(&axis[0]);
	text_free(&axis[1]);
	free(x);
	return st;
}

/* Into `j`: a regression and its points [truth, network]; keys of times end in _ms, points and the
 * intercept are as they are shown. */
static void json_fit(json_t *j, const struct learn_fit *f, double show)
{
	const struct {
		const char *key;
		double value;
	} entry[] = { { "mae", f->mae },
		      { "bias", f->bias },
		      { "deviation", f->deviation } };
	char key[32];
	json_object_set_new(j, "regions", json_integer((json_int_t)f->n));
	json_object_set_new(j, "r2", json_real(f->r2));
	json_object_set_new(j, "slope", json_real(f->slope));
	json_object_set_new(j, "intercept", json_real(show * f->intercept));
	for (size_t i = 0; i < PRECESS_COUNT(entry); i++) {
		snprintf(key, sizeof key, "%s%s", entry[i].key, show == 1 ? "" : "_ms");
		json_object_set_new(j, key, json_real(show * entry[i].value));
	}
	json_t *points = json_array();
	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(points, json_pack("[f, f]", show * f->point[i].truth,
							show * f->point[i].value));
	json_object_set_new(j, "points", points);
}

static void print_fit(const char *what, const struct learn_fit *f, double show)
{
	printf("%-18s %7zu %8.4f %8.4f %10.3f %8.3f %8.3f %10.3f\n", what, f->n, f->r2, f->slope,
	       show * f->intercept, show * f->mae, show * f->bias, 1.96 * show * f->deviation);
}

static void report(const struct map_evaluation *e)
{
	const struct evaluate_command *c = e->c;
	const char *unit, *name = program_map_name((enum program_map_kind)e->task.target);
	double show = learn_unit(&unit, (enum program_map_kind)e->task.target);
	if (c->json) {
		json_t *j = json_pack("{s:b, s:s, s:s, s:i, s:i, s:s, s:f, s:f, s:f}", "ok", 1,
				      "sequence", e->m->compiled.program->name, "target", name,
				      "samples", c->samples, "seed", c->seed, "object", c->object,
				      "noise", c->noise, "spread", c->spread, "ms_per_slice",
				      e->seconds * 1e3);
		json_t *tissues = json_object();
		json_fit(j, &e->squares, show);
		json_fit(tissues, &e->tissues, show);
		json_object_set_new(j, "tissues", tissues);
		json_put(j);
		return;
	}
	printf("%s of %s, %.4g..%.4g%s, %d samples of %s, seed %d, noise %.3g\n", name,
	       e->m->compiled.program->name, show * e->task.low, show * e->task.high, unit,
	       c->samples, c->object, c->seed, c->noise);
	printf("%-18s %7s %8s %8s %10s %8s %8s %10s\n", *unit ? unit + 1 : "", "number", "R2",
	       "slope", "intercept", "|error|", "bias", "95 %");
	print_fit("squares of 10 mm", &e->squares, show);
	print_fit("tissues of a slice", &e->tissues, show);
	printf("network: %.3g ms per slice of %d x %d\n", e->seconds * 1e3, e->size[0], e->size[1]);
}

int evaluate_map(struct learn_model *m, struct evaluate_command *c)
{
	struct map_evaluation e = { .c = c, .m = m };
	int rc = EXIT_OK;
	precess_status st;
	if (c->noise < 0)
		c->noise = LEARN_NOISE;
	TRY(learn_precision(&e.precision, c->precision));
	TRY(learn_task_read(&e.task, m->model));
	/* first the view, which knows the ranges of training */
	TRY(prepare(&e));
	if ((rc = fix_parameters(c, m->compiled.program)))
		goto out;
	TRY(all_samples(&e));
	if (c->png)
		TRY(scatter(&e));
	report(&e);
out:
	data_stream_free(e.stream);
	data_source_free(e.source);
	learn_mapper_free(e.mapper);
	data_view_free(e.view);
	free(e.truth);
	learn_fit_erase(&e.squares);
	learn_fit_erase(&e.tissues);
	if (rc)
		return c->json ? json_failure(NULL, rc) : rc;
	return st ? learn_failed(NULL, c->json, st) : EXIT_OK;
}
