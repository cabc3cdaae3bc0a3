/* precess map: T2 and its companions from images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/map.h"
#include "runtime/train/train.h"

enum { MANY = 8 }; /* echo times that are all told */

struct map_command {
	const char *sequence, *model, *image[64]; /* of the files named */
	size_t n_image;
	const char *method, *te, *fov, *mask, *noise, *t2, *b1, *window, *output, *png;
	double size[2];  /* of `fov`, m */
	struct option_list phase;
	bool conjugate;
	double shown[2]; /* of the picture, s */
	enum mapping_method chosen;
	struct mapping_options o;
	struct compile_options compile;
};

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* Quartiles of T2 over the voxels that were fitted, s. */
static precess_status quartiles(double q[3], const struct mapping_maps *m)
{
	size_t n = MAPPING_VOXELS(m), count = 0;
	float *v = malloc((n + 1) * sizeof *v);

	if (!v)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (m->map[MAPPING_T2][i] > 0)
			v[count++] = m->map[MAPPING_T2][i];
	}
	qsort(v, count, sizeof *v, by_value);
	for (int i = 0; i < 3; i++)
		q[i] = count ? (double)v[(count - 1) * (size_t)(i + 1) / 4] : 0;
	free(v);
	return PRECESS_OK;
}

static const char *method_of(const struct map_command *c)
{
	return c->model ? "network" : mapping_method_name(c->chosen);
}

static void print_report(const struct map_command *c, const struct map_input *in,
			 const struct mapping_maps *m, const double q[3])
{
	const struct mapping_series *s = in->series;

	fputs(in->report.data, stdout);
	printf("method    %s\n", method_of(c));
	printf("images    %d of %d x %d", s->n_echo, s->nx, s->ny);
	for (int i = 0; i < s->n_echo && !isnan(s->te[i]); i++) {
		if (s->n_echo <= MANY || i < 2 || i == s->n_echo - 1)
			printf("%s %.6g", !i ? ", TE" : i > 1 && s->n_echo > MANY ? " .." : ",",
			       s->te[i] * 1e3);
	}
	printf("%s\n", isnan(s->te[0]) ? "" : " ms");
	printf("voxels    %zu in the mask", m->n_voxel);
	if (m->n_failed)
		printf(", %zu without a signal that could be fitted", m->n_failed);
	if (m->n_limit)
		printf(", %zu at a limit of T2", m->n_limit);
	printf("\nT2        median %.4g ms, quartiles %.4g and %.4g ms\n", q[1] * 1e3, q[0] * 1e3,
	       q[2] * 1e3);
	if (c->output)
		printf("wrote     %s\n", c->output);
	if (c->png)
		printf("wrote     %s.png\n", c->png);
}

static json_t *json_report(const struct map_command *c, const struct map_input *in,
			   const struct mapping_maps *m, const double q[3])
{
	const struct mapping_series *s = in->series;
	json_t *te = json_array(), *maps = json_array();

	for (int i = 0; i < s->n_echo; i++)
		json_array_append_new(te, isnan(s->te[i]) ? json_null() : json_real(s->te[i]));
	for (int k = 0; k < MAPPING_KINDS; k++) {
		if (m->map[k])
			json_array_append_new(maps,
					      json_string(mapping_kind_name((enum mapping_kind)k)));
	}
	json_t *j = json_pack("{s:b, s:s, s:[i,i,i], s:o, s:o, s:f, s:[f,f]}", "ok", 1, "method",
			      method_of(c), "matrix", m->nx, m->ny, m->nz, "te", te,
			      "maps", maps, "median_ms", q[1] * 1e3, "quartiles_ms", q[0] * 1e3,
			      q[2] * 1e3);
	json_object_set_new(j, "voxels", json_integer((json_int_t)m->n_voxel));
	json_object_set_new(j, "failed", json_integer((json_int_t)m->n_failed));
	json_object_set_new(j, "at_limit", json_integer((json_int_t)m->n_limit));
	json_object_set(j, "sources", in->source);
	json_object_set_new(j, "output", c->output ? json_string(c->output) : json_null());
	return j;
}

static precess_status finish(const struct map_command *c, const struct map_input *in,
			     const struct mapping_maps *m, const struct io_volume *place)
{
	double q[3];
	precess_status st;

	TRY(quartiles(q, m));
	if (c->output)
		TRY(map_write(c->output, m, method_of(c), place));
	if (c->png)
		TRY(map_picture(c->png, m, c->shown));
	if (c->compile.json)
		json_put(json_report(c, in, m, q));
	else
		print_report(c, in, m, q);
out:
	return st;
}

static precess_status map(const struct map_command *c, const struct map_input *in)
{
	struct mapping_maps *m = NULL;
	precess_status st;

	TRY(mapping_run(&m, c->chosen, in->series, &c->o));
	st = finish(c, in, m, &in->place);
out:
	mapping_maps_free(m);
	return st;
}

static int map_by_network(struct map_command *c, struct map_input *in)
{
	struct map_network o = { .model = c->model, .set = &c->compile.set,
				 .library = &c->compile.library,
				 .threads = c->o.threads, .json = c->compile.json };
	struct mapping_maps *m = NULL;
	struct io_volume place;
	int rc = map_mask(&c->o, in, c->mask);

	o.fraction = c->o.threshold;
	o.mask = c->o.mask;
	rc = rc ? rc : map_network(&m, &place, in, &o);
	precess_status st = rc ? PRECESS_OK : finish(c, in, m, &place);
	mapping_maps_free(m);
	return st ? world_error(st) : rc;
}

static int choices(const char *option, const char *found, const char *(*name)(int), int n)
{
	struct text t;
	int rc;

	text_init(&t);
	for (int i = 0; i < n; i++)
		text_printf(&t, "%s %s", i ? "," : "", name(i));
	rc = argument_error("%s knows%s; not '%s'", option, t.data, found);
	text_free(&t);
	return rc;
}

static const char *method_name(int i)
{
	return mapping_method_name((enum mapping_method)i);
}

static const char *noise_name(int i)
{
	return mapping_noise_name((enum mapping_noise)i);
}

static int set_options(struct map_command *c)
{
	double t2[2] = { 1e-3, 5 };
	char *end = NULL;
	int noise = c->noise ? mapping_noise_find(c->noise) : MAPPING_NOISE_none;
	int method = c->method ? mapping_method_find(c->method) : MAPPING_mono;

	if (method < 0)
		return choices("--method", c->method, method_name, MAPPING_METHODS);
	if (noise < 0)
		return choices("--noise", c->noise, noise_name, MAPPING_NOISES);
	if ((c->t2 && !map_range(t2, "--t2", c->t2)) ||
	    (c->window && !map_range(c->shown, "--window", c->window)))
		return EXIT_USAGE;
	if (!(t2[0] > 0))
		return argument_error("--t2 wants times above 0; found '%s'", c->t2);
	if (c->b1) {
		c->o.b1_lo = strtod(c->b1, &end);
		c->o.b1_hi = *end == ',' ? strtod(end + 1, &end) : c->o.b1_lo;
		if (*end || end == c->b1 || !(c->o.b1_lo > 0 && c->o.b1_hi >= c->o.b1_lo))
			return argument_error("--b1 wants one number or two rising ones above 0, as in "
					      "--b1 0.5,1; found '%s'", c->b1);
	}
	c->chosen = (enum mapping_method)method;
	c->o.noise = (enum mapping_noise)noise;
	c->o.t2_lo = t2[0];
	c->o.t2_hi = t2[1];
	return argument_lengths(c->size, 2, "--fov", c->fov);
}

/* Sequences apart from images, by their ending. */
static int sort_files(struct map_command *c, const struct option_list *files)
{
	for (size_t i = 0; i < files->n; i++) {
		const char *name = files->item[i];
		size_t n = strlen(name);

		if (!c->model && train_model_is(name))
			c->model = name;
		else if (n < 4 || strcmp(name + n - 4, ".seq") != 0)
			c->image[c->n_image++] = name;
		else if (c->sequence)
			return usage_error("map", "one sequence at a time");
		else
			c->sequence = name;
	}
	if (c->n_image)
		return EXIT_OK;
	return usage_error("map", c->phase.n ? "--phase wants the magnitude beside it, as in MAG.nii "
					       "--phase PHASE.nii" : "which images?");
}

static int run(struct map_command *c)
{
	struct map_sequence q = { .param = NULL };
	struct map_input in;
	precess_status st;
	const struct map_files files = { .image = c->image,
					 .n = c->n_image,
					 .phase = &c->phase,
					 .te = c->te,
					 .fov = { c->size[0], c->size[1] },
					 .conjugate = c->conjugate,
					 .threads = c->o.threads };
	if ((st = map_write_probe(c->output)) || (st = outputs_probe(c->output, c->png)))
		return c->compile.json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
	int rc = map_input_open(&in, &files);

	if (!rc && c->sequence && !c->method)
		c->chosen = in.series->n_echo > 1 ? MAPPING_stimulated : MAPPING_demodulate;
	if (!rc && in.is_real && (c->model || c->chosen == MAPPING_demodulate))
		fprintf(stderr,
			"precess: warning: %s has no phase, without which echoes cannot be told "
			"apart: name the phase image with --phase\n", in.first_name);
	if (!rc && c->model) {
		rc = map_by_network(c, &in);
		map_input_close(&in);
		return rc;
	}
	if (!rc)
		rc = map_mask(&c->o, &in, c->mask);
	if (!rc && c->sequence)
		rc = map_sequence_open(&q, c->sequence, &c->compile, in.first, in.first_name);
	if (!rc) {
		c->o.program = q.compiled.program;
		c->o.param = q.param;
		st = map(c, &in);
		rc = st ? world_error(st) : EXIT_OK;
	}
	if (rc && c->compile.json)
		json_failure(q.compiled.lang, rc);
	map_sequence_close(&q);
	map_input_close(&in);
	return rc;
}

int cmd_map(int argc, char **argv)
{
	struct map_command c = { .mask = "0.05", .shown = { 0, 0.2 },
				 .o = { .b1_lo = 0.5, .b1_hi = 1 }, .compile.samples = true };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--method", NULL, OPTION_TEXT, &c.method, 0, 0, "mono, stimulated or demodulate (by the files given)" },
		{ "--set", NULL, OPTION_LIST, &c.compile.set, 0, 0, "NAME=VALUE of the sequence (what the images tell)" },
		OPTION_LIBRARY_PATH(c.compile.library),
		{ "--phase", NULL, OPTION_LIST, &c.phase, 0, 0, "PHASE.nii of a magnitude: radians, 0..4095 or -4096..4095; one for each, in order" },
		{ "--conjugate", NULL, OPTION_FLAG, &c.conjugate, 0, 0, "the images' phase runs the other way" },
		{ "--te", NULL, OPTION_TEXT, &c.te, 0, 0, "echo times of all images, as in 35ms,50ms (what the files tell)" },
		{ "--fov", NULL, OPTION_TEXT, &c.fov, 0, 0, "field of view that raw data do not tell: 220mm, or 220mm,180mm" },
		{ "--mask", NULL, OPTION_TEXT, &c.mask, 0, 0, "part of the first echo's magnitude (0.05), none, or FILE.h5[:/dataset] or FILE.nii" },
		{ "--noise", NULL, OPTION_TEXT, &c.noise, 0, 0, "under the decay: none, offset or rician (none)" },
		{ "--sigma", NULL, OPTION_REAL, &c.o.sigma, 1e-300, 1e300, "noise of real and imaginary part (rician: from outside the mask)" },
		{ "--t2", NULL, OPTION_TEXT, &c.t2, 0, 0, "limits of T2 (1ms,5s)" },
		{ "--b1", NULL, OPTION_TEXT, &c.b1, 0, 0, "limits of B1 for stimulated echoes, or one known value (0.5,1)" },
		{ "--t1", NULL, OPTION_REAL, &c.o.t1, 1e-6, 1e6, "T1 assumed, s (what the sequence says)" },
		{ "--threads", NULL, OPTION_INT, &c.o.threads, 1, 1024, "threads (default: all)" },
		{ "--output", "-o", OPTION_TEXT, &c.output, 0, 0, "OUT.h5 of all maps, or OUT.nii[.gz] of T2 in ms with OUT-M0.nii ... beside it" },
		{ "--png", NULL, OPTION_TEXT, &c.png, 0, 0, "picture PREFIX.png of T2 with its scale" },
		{ "--window", NULL, OPTION_TEXT, &c.window, 0, 0, "T2 at the ends of the picture's scale (0ms,200ms)" },
		{ "--quiet", "-q", OPTION_FLAG, &c.o.quiet, 0, 0, "no progress" },
		{ "--json", NULL, OPTION_FLAG, &c.compile.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("map", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if ((rc = sort_files(&c, &files)) || (rc = set_options(&c)))
		return rc;
	interrupt_watch();
	return run(&c);
}
