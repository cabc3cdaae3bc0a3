/* precess evaluate of a map: T2 of a file against the object that was imaged, over regions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/evaluate.h"
#include "compiler/driver/map.h"

/* The object is looked at on so many points per pixel and axis: a pixel that holds an edge shows. */
#define FINE 4
#define LEAST_REGIONS 3 /* that a line is drawn through */

struct truth_command {
	const char *truth, *range, *png;
	struct net_template within; /* its low and high, s */
	bool json;
};
struct truth_evaluation {
	const struct truth_command *c;
	struct io_image *map;
	const char *name;
	float *truth;              /* of a slice; 0: no object, or part of it */
	float *found, *error;      /* s; error: NAN where either is absent */
	size_t n_object, n_mapped; /* pixels wholly in the object, and those of them with a value */
	struct learn_fit fit;
};

bool evaluate_truth_asked(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--truth", 7) && (!argv[i][7] || argv[i][7] == '='))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ reading */
/* T2 in seconds: /maps/T2 of a map file, or a NIfTI volume in milliseconds. */
static precess_status read_map(struct truth_evaluation *e)
{
	struct text spec;
	precess_status st;

	text_init(&spec);
	text_printf(&spec, "%s%s", e->name,
		    map_is_nifti(e->name) || strstr(e->name, ":/") ? "" : ":/maps/T2");
	st = map_read_image(&e->map, spec.data);
	text_free(&spec);
	if (!st && !(e->map->voxel[0] > 0 && e->map->voxel[1] > 0))
		st = precess_fail(PRECESS_EINVAL,
				  "%s does not tell the size of its voxels (attribute "
				  "fov)",
				  e->name);
	return st;
}

static precess_status open_truth(struct object **o, const struct truth_evaluation *e, int slice)
{
	struct text spec;
	precess_status st = object_open(o, e->c->truth);

	if (st || e->map->n_set * e->map->nz == 1)
		return st;
	if (object_slices(*o) == e->map->n_set * e->map->nz) {
		text_init(&spec);
		text_printf(&spec, "%s:%d", e->c->truth, object_first_slice(*o) + slice);
		object_free(*o);
		st = object_open(o, spec.data);
		text_free(&spec);
		return st;
	}
	st = precess_fail(PRECESS_EINVAL, "%s has %d slices, %s has %d", e->name,
			  e->map->n_set * e->map->nz, e->c->truth, object_slices(*o));
	object_free(*o);
	*o = NULL;
	return st;
}

/* Means of T2 over the points of every pixel, weighted with M0; 0 where some of them are empty. */
static precess_status sample_truth(struct truth_evaluation *e, int slice)
{
	const struct io_image *map = e->map;
	double fov[2] = { map->nx * map->voxel[0], map->ny * map->voxel[1] };
	struct object *o = NULL;
	struct maps *m = NULL;
	precess_status st;

	TRY(open_truth(&o, e, slice));
	TRY(object_maps(&m, o, NULL, fov, FINE * map->nx, FINE * map->ny, NULL));
	if (!m->map[PROGRAM_MAP_T2] || !m->map[PROGRAM_MAP_M0]) {
		st = precess_fail(PRECESS_EINVAL, "%s has no T2 to compare with", e->c->truth);
		goto out;
	}
	for (int i = 0; i < map->nx * map->ny; i++) {
		double sum = 0, weight = 0;
		bool full = true;

		for (int k = 0; k < FINE * FINE; k++) {
			int x = i % map->nx * FINE + k % FINE, y = i / map->nx * FINE + k / FINE;
			size_t at = (size_t)y * (size_t)m->nx + (size_t)x;
			double w = (double)m->map[PROGRAM_MAP_M0][at];

			full = full && w > 0;
			sum += w * (double)m->map[PROGRAM_MAP_T2][at];
			weight += w;
		}
		e->truth[i] = full ? (float)(sum / weight) : 0;
	}
out:
	maps_free(m);
	object_free(o);
	return st;
}

/* ------------------------------------------------------------------ comparing */
static precess_status one_slice(struct truth_evaluation *e, int slice)
{
	const struct io_image *map = e->map;
	size_t n = (size_t)map->nx * (size_t)map->ny, from = (size_t)slice * n;
	double scale = map_is_nifti(e->name) ? 1e-3 : 1;
	precess_status st;

	TRY(sample_truth(e, slice));
	for (size_t i = 0; i < n; i++) {
		double v = scale * (double)map->data[2 * (from + i)];
		bool mapped = isfinite(v) && v > 0;

		e->n_object += e->truth[i] > 0;
		e->n_mapped += e->truth[i] > 0 && mapped;
		if (!mapped)
			e->truth[i] = 0;
		e->found[i] = mapped ? (float)v : 0;
		e->error[from + i] = e->truth[i] > 0 ? e->found[i] - e->truth[i] : NAN;
	}
	st = learn_fit_regions(&e->fit, e->truth, e->found, (int[]){ map->nx, map->ny },
			       map->voxel[0], &e->c->within);
out:
	return st;
}

static precess_status compare(struct truth_evaluation *e)
{
	size_t n;
	int slices;
	precess_status st;

	TRY(read_map(e));
	n = (size_t)e->map->nx * (size_t)e->map->ny;
	slices = e->map->n_set * e->map->nz;
	e->truth = malloc((n + 1) * sizeof *e->truth);
	e->found = malloc((n + 1) * sizeof *e->found);
	e->error = malloc((n * (size_t)slices + 1) * sizeof *e->error);
	if (!e->truth || !e->found || !e->error)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int z = 0; z < slices; z++)
		TRY(one_slice(e, z));
	if (e->fit.n < LEAST_REGIONS)
		return precess_fail(PRECESS_EINVAL,
				    "%zu regions of one tissue with T2 in %g .. %g ms lie "
				    "in both %s and %s: too few for a line",
				    e->fit.n, e->c->within.low * 1e3, e->c->within.high * 1e3,
				    e->name, e->c->truth);
	learn_fit_solve(&e->fit);
out:
	return st;
}

/* ------------------------------------------------------------------ pictures */
static precess_status curve(const struct truth_evaluation *e, const char *what, const char *title,
			    const struct plot_axes *axes, const struct plot_line *line, int n)
{
	struct text path;
	precess_status st;

	text_init(&path);
	text_printf(&path, "%s-%s.png", e->c->png, what);
	st = plot_curve(path.data, title, axes, line, n);
	text_free(&path);
	return st;
}

/* PREFIX-regression.png and PREFIX-bland-altman.png; x and y have room for the regions. */
static precess_status draw_regions(const struct truth_evaluation *e, double *x, double *y)
{
	const struct learn_fit *f = &e->fit;
	double end[2] = { INFINITY, 0 }, line[2], middle[2], edge[2][2];
	struct text title;
	precess_status st;
	int n = (int)f->n;

	for (int i = 0; i < n; i++) {
		x[i] = 1e3 * f->point[i].truth;
		y[i] = 1e3 * f->point[i].value;
		end[0] = fmin(end[0], x[i]);
		end[1] = fmax(end[1], x[i]);
	}
	for (int i = 0; i < 2; i++)
		line[i] = 1e3 * f->intercept + f->slope * end[i];
	text_init(&title);
	text_printf(&title, "T2 of %d regions, R2 = %.4f", n, f->r2);
	TRY(curve(e, "regression", title.data,
		  &(struct plot_axes){ .x = "truth, ms", .y = "map, ms", .is_linear = true },
		  (struct plot_line[]){ { "", x, y, n, .dots = true, .ink = 1 },
					{ "identity", end, end, 2, .ink = 2 },
					{ "fit", end, line, 2, .ink = 3 } },
		  3));
	for (int i = 0; i < n; i++) {
		double a = x[i], b = y[i];

		x[i] = 0.5 * (a + b);
		y[i] = b - a;
		end[0] = i ? fmin(end[0], x[i]) : x[i];
		end[1] = i ? fmax(end[1], x[i]) : x[i];
	}
	for (int i = 0; i < 2; i++) {
		middle[i] = 1e3 * f->bias;
		edge[0][i] = 1e3 * (f->bias - 1.96 * f->deviation);
		edge[1][i] = 1e3 * (f->bias + 1.96 * f->deviation);
	}
	st = curve(e, "bland-altman", "T2 of regions: difference over mean",
		   &(struct plot_axes){ .x = "mean of truth and map, ms",
					.y = "map - truth, ms",
					.is_linear = true },
		   (struct plot_line[]){ { "", x, y, n, .dots = true, .ink = 1 },
					 { "bias", end, middle, 2, .ink = 2 },
					 { "-1.96 SD", end, edge[0], 2, .ink = 3 },
					 { "+1.96 SD", end, edge[1], 2, .ink = 3 } },
		   4);
out:
	text_free(&title);
	return st;
}

/* PREFIX-error.png of the middle slice, to three deviations of the regions, 1 ms at least. */
static precess_status draw_error(const struct truth_evaluation *e)
{
	const struct io_image *map = e->map;
	size_t middle = (size_t)(map->n_set * map->nz / 2) * (size_t)map->nx * (size_t)map->ny;
	double most = fmax(1, 1e3 * (fabs(e->fit.bias) + 3 * e->fit.deviation));
	struct plot_map p = { .title = "T2, map - truth",
			      .unit = "ms",
			      .value = e->error + middle,
			      .nx = map->nx,
			      .ny = map->ny,
			      .scale = 1e3,
			      .lo = -most,
			      .hi = most };
	struct text path;
	precess_status st;

	text_init(&path);
	text_printf(&path, "%s-error.png", e->c->png);
	st = plot_map(path.data, &p);
	text_free(&path);
	return st;
}

static precess_status draw(const struct truth_evaluation *e)
{
	double *x = malloc(2 * (e->fit.n + 1) * sizeof *x);
	precess_status st;

	if (!x)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(draw_regions(e, x, x + e->fit.n));
	st = draw_error(e);
out:
	free(x);
	return st;
}

/* ------------------------------------------------------------------ report */
static void report_json(const struct truth_evaluation *e)
{
	const struct learn_fit *f = &e->fit;
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(list,
				      json_pack("{s:f, s:f}", "truth_ms", 1e3 * f->point[i].truth,
						"mean_ms", 1e3 * f->point[i].value));
	json_put(json_pack("{s:b, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "ok", 1,
			   "map", e->name, "truth", e->c->truth, "r2", f->r2, "slope", f->slope,
			   "intercept", 1e3 * f->intercept, "mae_ms", 1e3 * f->mae, "bias_ms",
			   1e3 * f->bias, "deviation_ms", 1e3 * f->deviation, "mapped",
			   (double)e->n_mapped / (double)e->n_object, "regions", list));
}

static void report(const struct truth_evaluation *e)
{
	/* Regions by their true T2, in steps that resolve tissues. */
	static const double edge[] = { 0,      20e-3,  40e-3,  60e-3,  80e-3,
				       100e-3, 150e-3, 250e-3, 500e-3, INFINITY };
	const struct learn_fit *f = &e->fit;

	printf("%s against %s\n", e->name, e->c->truth);
	printf("true T2, ms     regions   truth     map\n");
	for (size_t b = 0; b + 1 < PRECESS_COUNT(edge); b++) {
		double truth = 0, value = 0;
		int n = 0;

		for (size_t i = 0; i < f->n; i++) {
			if (!(f->point[i].truth >= edge[b] && f->point[i].truth < edge[b + 1]))
				continue;
			truth += f->point[i].truth;
			value += f->point[i].value;
			n++;
		}
		if (n)
			printf("%5g .. %-5g  %8d  %6.1f  %6.1f\n", edge[b] * 1e3, edge[b + 1] * 1e3,
			       n, 1e3 * truth / n, 1e3 * value / n);
	}
	printf("R2              %.4f\nslope           %.4f\nintercept       %.3f ms\n", f->r2,
	       f->slope, 1e3 * f->intercept);
	printf("absolute error  %.3f ms, bias %.3f ms, 95 %% of differences within %.3f ms of it\n",
	       1e3 * f->mae, 1e3 * f->bias, 1e3 * 1.96 * f->deviation);
	printf("mapped          %.1f %% of the object\n",
	       100 * (double)e->n_mapped / (double)e->n_object);
	if (e->c->png)
		printf("wrote           %s-regression.png, %s-bland-altman.png, %s-error.png\n",
		       e->c->png, e->c->png, e->c->png);
}

int evaluate_truth(int argc, char **argv)
{
	struct truth_command c = { .within = { .low = 20e-3, .high = 500e-3 } };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--truth", NULL, OPTION_TEXT, &c.truth, 0, 0,
		  "the object that was imaged, as for simulate" },
		{ "--t2", NULL, OPTION_TEXT, &c.range, 0, 0,
		  "regions that count, by their true T2 (20ms,500ms)" },
		{ "--png", NULL, OPTION_TEXT, &c.png, 0, 0,
		  "pictures PREFIX-regression.png, PREFIX-bland-altman.png, PREFIX-error.png" },
		{ "--json", NULL, OPTION_FLAG, &c.json, 0, 0,
		  "one JSON object on standard output" },
	};
	int rc = options_parse("evaluate", argc, argv, table, PRECESS_COUNT(table), &files);
	double range[2];
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("evaluate", files.n ? "one map at a time" : "which map?");
	if (c.range) {
		if (!map_range(range, "--t2", c.range))
			return EXIT_USAGE;
		c.within.low = range[0];
		c.within.high = range[1];
	}
	struct truth_evaluation e = { .c = &c, .name = files.item[0] };
	precess_status st = compare(&e);
	if (!st && c.png)
		st = draw(&e);
	if (!st && c.json)
		report_json(&e);
	else if (!st)
		report(&e);
	io_image_free(e.map);
	free(e.truth);
	free(e.found);
	free(e.error);
	learn_fit_erase(&e.fit);
	return st ? learn_failed(NULL, c.json, st) : EXIT_OK;
}
