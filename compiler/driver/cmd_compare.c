/* precess compare: a trained network beside the exact simulator on one object, while one of its
 * fields grows or one parameter sweeps its range (the experiments of Huang et al., Fig. 4). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/learn.h"

/* Spins per pixel along x and y, as in training. */
#define FINE 4
/* A region is a square of so many pixels along a side, brighter than this part of the image's
 * maximum. */
#define REGION 5
#define DARK 0.1
#define MOST_REGIONS 16
#define MOST_STEPS 64
/* The difference is drawn so much brighter than the images. */
#define BRIGHTER 5.0

struct compare_command {
	struct option_list set, library;
	const char *object, *scale, *sweep, *png;
	int regions, threads;
	bool force, json;
};

/* What varies: `n` values of a map's largest magnitude, or of a parameter. */
struct series {
	int index; /* of the map or parameter; -1: not asked for */
	int n;
	double value[MOST_STEPS];
};

struct region {
	int x, y; /* its lowest pixel */
	double exact[MOST_STEPS], network[MOST_STEPS];
};

struct comparison {
	const struct compare_command *c;
	struct learn_model m;
	struct object *object;
	struct maps *maps;
	struct data_source *source;
	struct data_maker *maker;
	struct data_sample *sample;
	struct data_extras *extras;
	double *param;
	int nx, ny;
	float *label; /* exact image as planes re, im */
	struct series scale, sweep;
	struct region region[MOST_REGIONS];
	int regions;
	float *shown; /* per value of the map: exact, network, difference; magnitudes */
	struct train_scores score[MOST_STEPS];
};

/* ------------------------------------------------------------------ what varies */
/* "-50Hz,50Hz": as many values as there are; told when one is none. */
static int read_list(struct series *s, const char *text, const char *type, const char *option)
{
	char *copy = strdup(text), *rest = copy, *word;
	int rc = EXIT_OK;
	while (copy && !rc && (word = strsep(&rest, ","))) {
		if (s->n == MOST_STEPS)
			rc = argument_error("%s: too many values (limit %d)", option, MOST_STEPS);
		else if (!learn_quantity(&s->value[s->n++], word, type))
			rc = argument_error("%s %s: '%s' is no %s", option, text, word, type);
	}
	free(copy);
	return rc;
}

static int read_scale(struct comparison *k)
{
	static const char *const type[] = {
#define MAP(name, type, neutral, doc) type,
#include "runtime/program/maps.def"
#undef MAP
	};
	const struct program *p = k->m.compiled.program;
	const char *text = k->c->scale, *eq = strchr(text, '=');
	struct text known;
	text_init(&known);
	for (int i = 0; i < PROGRAM_MAPS; i++) {
		const char *name = program_map_name((enum program_map_kind)i);
		if (!p->map[i].channel)
			continue;
		text_printf(&known, "%s%s", known.n ? ", " : "", name);
		if (eq && strlen(name) == (size_t)(eq - text) && !strncmp(name, text, strlen(name)))
			k->scale.index = i;
	}
	int rc = EXIT_OK;
	if (k->scale.index < 0)
		rc = argument_error("--scale wants a map of %s and its largest values, as in "
				    "--scale dB0=-50Hz,50Hz; found '%s'; its maps are %s",
				    p->name, text, known.data ? known.data : "none");
	text_free(&known);
	rc = rc ? rc : read_list(&k->scale, eq + 1, type[k->scale.index], "--scale");
	for (int j = 0; j < k->scale.n && !rc; j++)
		if (k->scale.value[j] <= 0 && k->scale.index != PROGRAM_MAP_B1 &&
		    k->scale.index != PROGRAM_MAP_dB0)
			rc = argument_error("--scale %s: only a field can be turned round or zero", text);
	return rc;
}

/* "TE=40ms..80ms:9". */
static int read_sweep(struct comparison *k)
{
	const struct program *p = k->m.compiled.program;
	const char *text = k->c->sweep;
	int i, n = 9, rc = learn_parameter(&i, p, text, "--sweep");
	if (rc)
		return rc;
	char *copy = strdup(strchr(text, '=') + 1), *dots = copy ? strstr(copy, "..") : NULL;
	char *colon = dots ? strchr(dots, ':') : NULL;
	double lo = 0, hi = 0;
	bool good = dots;
	if (colon) {
		n = atoi(colon + 1);
		*colon = 0;
	}
	if (good) {
		*dots = 0;
		good = n >= 2 && n <= MOST_STEPS && learn_quantity(&lo, copy, p->param[i].type) &&
		       learn_quantity(&hi, dots + 2, p->param[i].type);
	}
	free(copy);
	if (!good)
		return argument_error("--sweep wants NAME=A..B:N, as in --sweep TE=40ms..80ms:9 "
				      "(2 to %d points); found '%s'",
				      MOST_STEPS, text);
	k->sweep.index = i;
	k->sweep.n = n;
	for (int j = 0; j < n; j++)
		k->sweep.value[j] = lo + (hi - lo) * j / (n - 1);
	return EXIT_OK;
}

static int read_command(struct comparison *k)
{
	const struct program *p = k->m.compiled.program;
	int rc = EXIT_OK;
	k->scale.index = k->sweep.index = -1;
	k->param = calloc(p->n_param + 1, sizeof *k->param);
	if (!k->param)
		return world_error(precess_fail(PRECESS_ENOMEM, "out of memory"));
	for (uint32_t i = 0; i < p->n_param; i++)
		k->param[i] = p->param[i].value;
	for (size_t i = 0; i < k->c->set.n && !rc; i++)
		rc = learn_set(k->param, p, k->c->set.item[i]);
	if (!rc && k->c->scale)
		rc = read_scale(k);
	if (!rc && k->c->sweep)
		rc = read_sweep(k);
	return rc;
}

/* ------------------------------------------------------------------ one image, both ways */
static precess_status image_both_ways(struct comparison *k)
{
	precess_status st = train_model_check_params(k->m.model, k->param);
	if (st && !k->c->force) {
		char why[512];
		snprintf(why, sizeof why, "%s", precess_error());
		return precess_fail(st, "%s; --force compares nevertheless", why);
	}
	TRY(data_make_from(k->sample, k->maker, k->maps, k->param, true));
	learn_planes(k->label, k->sample);
	TRY(learn_fill(k->m.nn, 0, k->extras, k->m.compiled.program, k->sample));
	st = nn_forward(k->m.nn);
out:
	return st;
}

static double magnitude(const float *planes, size_t i, size_t n)
{
	return hypot((double)planes[i], (double)planes[n + i]);
}

/* The object's own pattern of the map, brought to a largest magnitude; a negative one turns it
 * round. A field that is about one, as B1 is, keeps its mean. */
static precess_status scale_map(float *map, const float *pattern, size_t n, double about,
				double largest)
{
	double most = 0;
	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs((double)pattern[i] - about));
	if (!(most > 0))
		return precess_fail(PRECESS_EINVAL, "--scale: the object's map is the same "
						    "everywhere; there is no pattern to scale");
	for (size_t i = 0; i < n; i++)
		map[i] = (float)(about + ((double)pattern[i] - about) * largest / most);
	return PRECESS_OK;
}

static precess_status run_scale(struct comparison *k)
{
	const enum program_map_kind kind = (enum program_map_kind)k->scale.index;
	size_t spins = (size_t)k->maps->nx * (size_t)k->maps->ny, n = (size_t)k->nx * (size_t)k->ny;
	float *map = k->maps->map[kind], *pattern = malloc(spins * sizeof *pattern);
	precess_status st = PRECESS_OK;
	k->shown = calloc(3 * n * (size_t)k->scale.n, sizeof *k->shown);
	if (!k->shown || !pattern) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	memcpy(pattern, map, spins * sizeof *pattern);
	for (int j = 0; j < k->scale.n; j++) {
		float *exact = k->shown + 3 * n * (size_t)j, *network = exact + n,
		      *difference = network + n;
		TRY(scale_map(map, pattern, spins, kind == PROGRAM_MAP_B1, k->scale.value[j]));
		TRY(image_both_ways(k));
		const float *y = nn_output(k->m.nn);
		TRY(train_score(&k->score[j], y, k->label, k->ny, k->nx));
		for (size_t i = 0; i < n; i++) {
			exact[i] = (float)magnitude(k->label, i, n);
			network[i] = (float)magnitude(y, i, n);
			difference[i] = fabsf(network[i] - exact[i]);
		}
	}
	memcpy(map, pattern, spins * sizeof *pattern);
out:
	free(pattern);
	return st;
}

/* ------------------------------------------------------------------ regions */
struct candidate {
	int x, y;
	double mean, spread; /* of the exact image in the square */
};

static int by_mean(const void *a, const void *b)
{
	const struct candidate *p = a, *q = b;
	return p->mean != q->mean ? (p->mean > q->mean) - (p->mean < q->mean)
				  : p->y != q->y ? p->y - q->y : p->x - q->x;
}

static struct candidate look_at(const struct comparison *k, int x, int y)
{
	size_t n = (size_t)k->nx * (size_t)k->ny;
	double sum = 0, square = 0;
	for (int j = 0; j < REGION * REGION; j++) {
		double v = magnitude(k->label,
				     (size_t)(y + j / REGION) * (size_t)k->nx +
					     (size_t)(x + j % REGION),
				     n);
		sum += v;
		square += v * v;
	}
	double mean = sum / (REGION * REGION);
	return (struct candidate){ x, y, mean,
				   sqrt(fmax(square / (REGION * REGION) - mean * mean, 0)) / mean };
}

/* From each of as many ranges of brightness, equal in pixels, the most even square of the exact
 * image. Of the image and not of the maps: off-resonance may have moved tissue away. */
static precess_status choose_regions(struct comparison *k)
{
	size_t n_pixel = (size_t)k->nx * (size_t)k->ny;
	struct candidate *list = malloc(n_pixel * sizeof *list);
	int n = 0, wanted = k->c->regions;
	double most = 0;
	if (!list)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (size_t i = 0; i < n_pixel; i++)
		most = fmax(most, magnitude(k->label, i, n_pixel));
	for (int y = 0; y + REGION <= k->ny; y++)
		for (int x = 0; x + REGION <= k->nx; x++) {
			list[n] = look_at(k, x, y);
			n += list[n].mean > DARK * most;
		}
	qsort(list, (size_t)n, sizeof *list, by_mean);
	for (int r = 0; r < wanted && n >= wanted; r++) {
		int first = (int)((long)n * r / wanted), last = (int)((long)n * (r + 1) / wanted);
		int best = first;
		for (int i = first; i < last; i++)
			if (list[i].spread < list[best].spread)
				best = i;
		k->region[k->regions++] = (struct region){ .x = list[best].x, .y = list[best].y };
	}
	free(list);
	if (!k->regions)
		return precess_fail(PRECESS_EINVAL,
				    "--sweep: the image has no %d squares of %d x %d pixels with "
				    "signal",
				    wanted, REGION, REGION);
	return PRECESS_OK;
}

static double region_mean(const float *planes, const struct comparison *k, const struct region *r)
{
	size_t n = (size_t)k->nx * (size_t)k->ny;
	double sum = 0;
	for (int j = 0; j < REGION * REGION; j++)
		sum += magnitude(planes,
				 (size_t)(r->y + j / REGION) * (size_t)k->nx +
					 (size_t)(r->x + j % REGION),
				 n);
	return sum / (REGION * REGION);
}

static precess_status run_sweep(struct comparison *k)
{
	double *value = &k->param[k->sweep.index], before = *value;
	precess_status st;
	*value = k->sweep.value[k->sweep.n / 2];
	TRY(image_both_ways(k));
	TRY(choose_regions(k));
	for (int j = 0; j < k->sweep.n; j++) {
		*value = k->sweep.value[j];
		TRY(image_both_ways(k));
		for (int r = 0; r < k->regions; r++) {
			k->region[r].exact[j] = region_mean(k->label, k, &k->region[r]);
			k->region[r].network[j] =
				region_mean(nn_output(k->m.nn), k, &k->region[r]);
		}
	}
	*value = before;
out:
	return st;
}

/* ------------------------------------------------------------------ pictures */
/* "50 Hz": in the unit that the sequence's own declarations would use. */
static void show_value(char out[32], double value, double show, const char *unit)
{
	snprintf(out, 32, "%.4g%s%s", value / show, *unit ? " " : "", unit);
}

static const char *map_unit(const struct comparison *k)
{
	return k->scale.index == PROGRAM_MAP_dB0 ? "Hz" : k->scale.index == PROGRAM_MAP_B1 ||
			       k->scale.index == PROGRAM_MAP_M0 ? "" : "s";
}

static precess_status draw_scale(const struct comparison *k)
{
	size_t n = (size_t)k->nx * (size_t)k->ny;
	const char *name = program_map_name((enum program_map_kind)k->scale.index);
	const float *image[3][MOST_STEPS];
	const char *caption[3][MOST_STEPS];
	char text[2][MOST_STEPS][48];
	double most = 0;
	struct text path, title;
	for (int j = 0; j < k->scale.n; j++) {
		show_value(text[0][j], k->scale.value[j], 1, map_unit(k));
		snprintf(text[1][j], sizeof text[1][j], "%.1f dB, %.3f", k->score[j].psnr,
			 k->score[j].ssim);
		caption[0][j] = text[0][j];
		caption[1][j] = text[1][j];
		caption[2][j] = "";
		for (int r = 0; r < 3; r++)
			image[r][j] = k->shown + n * (size_t)(3 * j + r);
		for (size_t i = 0; i < n; i++)
			most = fmax(most, (double)image[0][j][i]);
	}
	char brighter[48];
	snprintf(brighter, sizeof brighter, "difference x %g", BRIGHTER);
	const struct plot_row row[] = { { "exact", image[0], caption[0], most },
					{ "network", image[1], caption[1], most },
					{ brighter, image[2], caption[2], most / BRIGHTER } };
	text_init(&path);
	text_init(&title);
	text_printf(&path, "%s-%s.png", k->c->png, name);
	text_printf(&title, "%s: largest %s", k->m.compiled.program->name, name);
	precess_status st =
		plot_montage(path.data, title.data, row, 3, k->scale.n, k->nx, k->ny);
	text_free(&path);
	text_free(&title);
	return st;
}

static precess_status draw_sweep(const struct comparison *k)
{
	const struct program_param *q = &k->m.compiled.program->param[k->sweep.index];
	struct plot_line line[2 * MOST_REGIONS];
	char name[MOST_REGIONS][32];
	double x[MOST_STEPS];
	struct text path, title, axis;
	for (int j = 0; j < k->sweep.n; j++)
		x[j] = k->sweep.value[j] / q->show;
	for (int r = 0; r < k->regions; r++) {
		const struct region *g = &k->region[r];
		snprintf(name[r], sizeof name[r], "at (%d, %d)", g->x, g->y);
		line[2 * r] = (struct plot_line){
			.name = name[r], .x = x, .y = g->exact, .n = k->sweep.n, .ink = r + 1
		};
		line[2 * r + 1] = (struct plot_line){
			.x = x, .y = g->network, .n = k->sweep.n, .ink = r + 1, .dots = true
		};
	}
	text_init(&path);
	text_init(&title);
	text_init(&axis);
	text_printf(&path, "%s-%s.png", k->c->png, q->name);
	text_printf(&title, "%s: exact (lines) and network (dots)", k->m.compiled.program->name);
	text_printf(&axis, "%s [%s]", q->name, *q->unit ? q->unit : "1");
	precess_status st = plot_curve(path.data, title.data,
				       &(struct plot_axes){ axis.data, "signal", true }, line,
				       2 * k->regions);
	text_free(&path);
	text_free(&title);
	text_free(&axis);
	return st;
}

/* ------------------------------------------------------------------ report */
/* Largest difference of a region's two curves over the largest of the exact one. */
static double worst(const struct region *r, int n)
{
	double difference = 0, most = 0;
	for (int j = 0; j < n; j++) {
		difference = fmax(difference, fabs(r->network[j] - r->exact[j]));
		most = fmax(most, r->exact[j]);
	}
	return difference / most;
}

static void report_text(const struct comparison *k)
{
	const struct program *p = k->m.compiled.program;
	char value[32];
	printf("%s, network of %zu weights, object %s\n", p->name, k->m.model->net->n_number,
	       k->maps->source);
	if (k->scale.n)
		printf("%-12s %9s %10s %8s\n",
		       program_map_name((enum program_map_kind)k->scale.index), "PSNR dB",
		       "complex dB", "SSIM");
	for (int j = 0; j < k->scale.n; j++) {
		show_value(value, k->scale.value[j], 1, map_unit(k));
		printf("%-12s %9.2f %10.2f %8.4f\n", value, k->score[j].psnr,
		       k->score[j].complex_psnr, k->score[j].ssim);
	}
	if (!k->sweep.n)
		return;
	const struct program_param *q = &p->param[k->sweep.index];
	printf("signal of %d regions against %s, exact and network\n%-12s", k->regions, q->name,
	       q->name);
	for (int r = 0; r < k->regions; r++)
		printf("   at (%3d, %3d)  ", k->region[r].x, k->region[r].y);
	for (int j = 0; j < k->sweep.n; j++) {
		show_value(value, k->sweep.value[j], q->show, q->unit);
		printf("\n%-12s", value);
		for (int r = 0; r < k->regions; r++)
			printf("  %.4f  %.4f  ", k->region[r].exact[j], k->region[r].network[j]);
	}
	printf("\n%-12s", "off by up to");
	for (int r = 0; r < k->regions; r++)
		printf("  %6.1f %%          ", 100 * worst(&k->region[r], k->sweep.n));
	putchar('\n');
}

static void report_json(const struct comparison *k)
{
	const struct program *p = k->m.compiled.program;
	json_t *scale = json_array(), *regions = json_array(), *values = json_array();
	for (int j = 0; j < k->scale.n; j++)
		json_array_append_new(scale, json_pack("{s:f, s:f, s:f, s:f}", "value",
						       k->scale.value[j], "psnr_db",
						       k->score[j].psnr, "complex_psnr_db",
						       k->score[j].complex_psnr, "ssim",
						       k->score[j].ssim));
	for (int j = 0; j < k->sweep.n; j++)
		json_array_append_new(values, json_real(k->sweep.value[j]));
	for (int r = 0; r < k->regions; r++) {
		const struct region *g = &k->region[r];
		json_t *exact = json_array(), *network = json_array();
		for (int j = 0; j < k->sweep.n; j++) {
			json_array_append_new(exact, json_real(g->exact[j]));
			json_array_append_new(network, json_real(g->network[j]));
		}
		json_array_append_new(regions,
				      json_pack("{s:[i,i], s:i, s:o, s:o, s:f}", "pixel", g->x,
						g->y, "side", REGION, "exact", exact,
						"network", network, "off_by",
						worst(g, k->sweep.n)));
	}
	json_put(json_pack("{s:b, s:s, s:o, s:s, s:o, s:o, s:o}", "ok", 1, "sequence", p->name,
			   "parameters", json_parameters(p, k->param), "object", k->maps->source,
			   "scale", scale, "sweep", values, "regions", regions));
}

/* ------------------------------------------------------------------ all */
static precess_status prepare(struct comparison *k)
{
	const struct program *p = k->m.compiled.program;
	const struct net *net = k->m.model->net;
	int sub = learn_sub(net), fine = sub > FINE || FINE % sub ? sub : FINE;
	const struct data_recipe recipe = { .object = "head", .sub = sub, .fine = fine };
	precess_status st;
	TRY(data_source_create(&k->source, p, &recipe));
	const struct data_shape *h = data_source_shape(k->source);
	TRY(learn_check_shape(h, net, p->name));
	k->nx = h->nx;
	k->ny = h->ny;
	TRY(object_open(&k->object, k->c->object ? k->c->object : "head:1"));
	TRY(object_maps(&k->maps, k->object, p, p->fov, fine * h->nx, fine * h->ny, NULL));
	TRY(data_sample_create(&k->sample, h));
	TRY(data_maker_create(&k->maker, k->source));
	TRY(data_extras_create(&k->extras, net));
	k->label = memory_aligned(2 * sizeof(float) * (size_t)h->nx * (size_t)h->ny);
	if (!k->label)
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
out:
	return st;
}

static int compare(struct comparison *k)
{
	precess_status st;
	int rc = read_command(k);
	if (rc)
		return k->c->json ? json_failure(NULL, rc) : rc;
	TRY(prepare(k));
	if (k->scale.n)
		TRY(run_scale(k));
	if (k->sweep.n)
		TRY(run_sweep(k));
	if (k->c->png && k->scale.n)
		TRY(draw_scale(k));
	if (k->c->png && k->sweep.n)
		TRY(draw_sweep(k));
	if (k->c->json)
		report_json(k);
	else
		report_text(k);
out:
	return st ? learn_failed(NULL, k->c->json, st) : EXIT_OK;
}

static void comparison_free(struct comparison *k)
{
	data_extras_free(k->extras);
	data_maker_free(k->maker);
	data_sample_free(k->sample);
	data_source_free(k->source);
	maps_free(k->maps);
	object_free(k->object);
	free(k->param);
	free(k->label);
	free(k->shown);
	learn_model_close(&k->m);
}

int cmd_compare(int argc, char **argv)
{
	struct compare_command c = { .regions = 5 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &c.set, 0, 0, "NAME=VALUE of a parameter" },
		OPTION_LIBRARY_PATH(c.library),
		{ "--object", NULL, OPTION_TEXT, &c.object, 0, 0,
		  "head[:SEED], uniform, or FILE.h5[:SLICE] (head:1)" },
		{ "--scale", NULL, OPTION_TEXT, &c.scale, 0, 0,
		  "MAP=V1,V2...: the map's pattern at these largest values" },
		{ "--sweep", NULL, OPTION_TEXT, &c.sweep, 0, 0,
		  "NAME=A..B[:N]: a parameter at N values (9)" },
		{ "--regions", NULL, OPTION_INT, &c.regions, 1, MOST_REGIONS,
		  "regions whose signal is followed along the sweep (5)" },
		{ "--force", NULL, OPTION_FLAG, &c.force, 0, 0,
		  "also outside the range of training" },
		{ "--threads", NULL, OPTION_INT, &c.threads, 1, 256, "threads (default: all)" },
		{ "--png", NULL, OPTION_TEXT, &c.png, 0, 0,
		  "pictures PREFIX-MAP.png and PREFIX-NAME.png" },
		{ "--json", NULL, OPTION_FLAG, &c.json, 0, 0,
		  "one JSON object on standard output" },
	};
	int rc = options_parse("compare", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("compare", files.n ? "one model at a time" : "which model?");
	if (!c.scale && !c.sweep)
		return usage_error("compare", "--scale, --sweep, or both");
	struct comparison k = { .c = &c };
	precess_status st = outputs_probe(NULL, c.png);
	if (st)
		return learn_failed(NULL, c.json, st);
	rc = learn_model_open(&k.m, files.item[0], NULL, &c.library,
			      &(struct nn_options){ .batch = 1, .threads = c.threads }, c.json);
	if (rc)
		return rc;
	st = learn_makes_images(k.m.model, files.item[0]);
	rc = st ? learn_failed(NULL, c.json, st) : compare(&k);
	comparison_free(&k);
	return rc;
}
