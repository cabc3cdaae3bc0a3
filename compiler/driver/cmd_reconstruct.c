/* precess reconstruct: raw data of several coils in, one complex image out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/reconstruct.h"

/* Echoes of the sequence that are looked for in k-space: those of at least this part of the strongest,
 * within so many cells of their place (a head that moves shifts them). */
#define STRONG 0.5
enum { REACH = 6, MOST_ECHOES = 8 };

struct echo {
	double time, height; /* height: relative to the strongest of all */
	int place[2], found[2];
};

struct reconstruct {
	struct compile_options compile;
	struct recon_options recon;
	struct recon_names names;
	const char *sequence, *phase, *kernel, *combine, *fov, *output, *png;
	double size[2]; /* of `fov`, m */
	int slice, repetition; /* -1: not named */
	bool coils, json;
};

struct reconstructed {
	struct reconstruction made;
	struct compiled compiled;
	struct draw *draw; /* NULL: no sequence was named */
	struct echo echo[MOST_ECHOES];
	int n_echo;        /* 0: unknown, or too many to tell apart */
};

/* ------------------------------------------------------------------ options */
static bool ends(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);
	return n > m && !strcmp(name + n - m, ending);
}

static bool is_nifti(const char *name)
{
	return ends(name, ".nii") || ends(name, ".nii.gz");
}

static bool is_hdf5(const char *name)
{
	const char *slash = strrchr(name, '/');
	return ends(name, ".h5") || !strchr(slash ? slash : name, '.');
}

static int set_choices(struct reconstruct *c)
{
	char rest;
	int found;
	if (c->kernel &&
	    sscanf(c->kernel, "%dx%d%c", &c->recon.kernel[0], &c->recon.kernel[1], &rest) != 2)
		return argument_error("--kernel wants samples x lines, as in 5x2; found '%s'", c->kernel);
	if (c->phase) {
		if ((found = recon_phase_find(c->phase)) < 0)
			return argument_error("--phase is line, coil, pixel or none; not '%s'", c->phase);
		c->recon.phase = (enum recon_phase)found;
	}
	if (c->combine) {
		if ((found = recon_combine_find(c->combine)) < 0)
			return argument_error("--combine is walsh or rss; not '%s'", c->combine);
		c->recon.combine = (enum recon_combine)found;
	}
	if (c->output && !is_hdf5(c->output) && !is_nifti(c->output))
		return argument_error("-o wants a name that ends in .h5, .nii or .nii.gz; found '%s'", c->output);
	return argument_lengths(c->size, 2, "--fov", c->fov);
}

/* ------------------------------------------------------------------ the sequence that was played */
/* Its matrix and field of view must be the image's, or maps made with it would be wrong. */
static precess_status check_sequence(const struct reconstructed *r)
{
	const struct program *p = r->compiled.program;
	const struct recon_scan *s = r->made.scan;
	if (p->matrix[0] != s->samples || p->matrix[1] != s->lines)
		return precess_fail(PRECESS_EINVAL,
				    "%s has a matrix of %d x %d, but %s holds %d samples x %d lines",
				    r->compiled.path, p->matrix[0], p->matrix[1], s->source, s->samples,
				    s->lines);
	for (int i = 0; i < 2; i++)
		if (s->fov[i] > 0 && p->fov[i] > 0 && fabs(s->fov[i] / p->fov[i] - 1) > 1e-3)
			return precess_fail(PRECESS_EINVAL,
					    "%s has a field of view of %g m along %c, but %s says %g m",
					    r->compiled.path, p->fov[i], 'x' + i, s->source, s->fov[i]);
	return PRECESS_OK;
}

static int open_sequence(struct reconstructed *r, const struct reconstruct *c)
{
	int rc = compile(&r->compiled, c->sequence, &c->compile);
	if (rc)
		return c->json ? json_failure(r->compiled.lang, rc) : rc;
	if (!r->compiled.program) {
		rc = argument_error("%s is a module: it plays nothing by itself", c->sequence);
		return c->json ? json_failure(NULL, rc) : rc;
	}
	return EXIT_OK;
}

static double magnitude(const struct kspace *k, int x, int y)
{
	bool inside = x >= 0 && x < k->nx && y >= 0 && y < k->ny;
	const float *v = k->data + 2 * ((size_t)y * (size_t)k->nx + (size_t)x);
	return inside ? hypot((double)v[0], (double)v[1]) : 0;
}

static void find_echo(struct echo *e, const struct kspace *k)
{
	for (int y = e->place[1] - REACH; y <= e->place[1] + REACH; y++)
		for (int x = e->place[0] - REACH; x <= e->place[0] + REACH; x++) {
			double m = magnitude(k, x + k->nx / 2, y + k->ny / 2);
			if (m > e->height) {
				e->height = m;
				e->found[0] = x;
				e->found[1] = y;
			}
		}
}

/* Where the sequence puts its echoes, and where the strongest cells near these places are. */
static precess_status find_echoes(struct reconstructed *r)
{
	const struct program *p = r->compiled.program;
	struct pathway *list;
	double most = 0;
	size_t n;
	precess_status st = pathways_find(&list, &n, r->draw, 0, 0, 1, 1, 0.01);
	if (st)
		return st;
	for (size_t i = 0; i < n && list[i].amplitude >= STRONG * list[0].amplitude; i++) {
		struct echo e = { .time = list[i].time };
		for (int a = 0; a < 2; a++)
			e.place[a] = (int)lround(list[i].k[a] * p->fov[a]);
		int k = 0;
		while (k < r->n_echo && memcmp(r->echo[k].place, e.place, sizeof e.place))
			k++;
		if (k < r->n_echo)
			continue;
		if (k == MOST_ECHOES) {
			r->n_echo = 0;
			break;
		}
		find_echo(&e, r->made.result->kspace);
		most = fmax(most, e.height);
		r->echo[r->n_echo++] = e;
	}
	for (int i = 0; i < r->n_echo; i++)
		r->echo[i].height /= most > 0 ? most : 1;
	free(list);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ work */
static precess_status work(struct reconstructed *r, struct reconstruct *c, const char *path)
{
	precess_status st;
	TRY(outputs_probe(c->output, c->png));
	TRY(reconstruction_read(&r->made, path, &c->names));
	TRY(reconstruction_fov(&r->made, c->size));
	if (c->sequence) {
		TRY(check_sequence(r));
		TRY(draw_create(&r->draw, r->compiled.program, NULL, false));
		if (!(r->made.fov[0] > 0))
			memcpy(r->made.fov, r->compiled.program->fov, sizeof r->made.fov);
		if (!(r->made.thickness > 0))
			r->made.thickness = r->compiled.program->fov[2];
	}
	TRY(reconstruction_run(&r->made, &c->recon, c->phase != NULL));
	if (r->draw)
		st = find_echoes(r);
out:
	return st;
}

static precess_status write_nifti(const struct reconstruction *m, const char *path)
{
	struct io_volume v;
	if (!(m->fov[0] > 0))
		return precess_fail(PRECESS_EINVAL,
				    "%s does not say its field of view, which NIfTI needs: name it, as in "
				    "--fov 220mm, or the sequence with --sequence",
				    m->scan->source);
	reconstruction_place(&v, m);
	v.is_complex = true;
	v.value = m->result->image;
	v.description = m->steps.data;
	return io_write_nifti(path, &v);
}

static precess_status write_outputs(const struct reconstructed *r, const struct reconstruct *c)
{
	const struct recon_result *p = r->made.result;
	precess_status st = PRECESS_OK;
	const struct io_acquired a = {
		.object = r->made.scan->source,
		.methods = r->made.steps.data,
		.fov = { r->made.fov[0], r->made.fov[1] },
		.thickness = r->made.scan->thickness,
		.coils = p->coils,
		.acceleration = p->mask.spacing,
		.threads = p->threads,
		.seconds = p->seconds,
		.kspace = c->coils ? p->coil_kspace->data : NULL,
		.sensitivity = c->coils ? p->sensitivity : NULL,
	};
	const struct io_result io = {
		.draw = r->draw,
		.acquired = &a,
		.kspace = p->kspace,
		.image = p->image,
		.command = command_line(),
	};
	if (c->output)
		st = is_nifti(c->output) ? write_nifti(&r->made, c->output) : io_write_result(c->output, &io);
	if (st || !c->png)
		return st;
	struct text name;
	text_init(&name);
	text_printf(&name, "%s.png", c->png);
	st = plot_image(name.data, r->draw ? r->compiled.program->name : "reconstruction", p->image,
			p->kspace->data, p->kspace->nx, p->kspace->ny);
	text_free(&name);
	return st;
}

/* ------------------------------------------------------------------ report */
static void print_parameters(const struct reconstructed *r)
{
	const struct program *p = r->compiled.program;
	printf("sequence  %s", p->name);
	for (uint32_t i = 0; i < p->n_param; i++)
		printf("%s %s = %.6g%s", i ? "," : " ", p->param[i].name,
		       r->draw->param[i] / p->param[i].show, p->param[i].unit);
	printf("\n");
}

static void print_report(const struct reconstructed *r, const struct reconstruct *c)
{
	const struct recon_result *p = r->made.result;
	struct text t;
	if (r->draw)
		print_parameters(r);
	text_init(&t);
	reconstruction_tell(&t, &r->made);
	fputs(t.data, stdout);
	text_free(&t);
	for (int i = 0; i < r->n_echo; i++)
		printf("echo      %.4g ms at (%d, %d) cells, expected at (%d, %d); height %.3g\n",
		       r->echo[i].time * 1e3, r->echo[i].found[0], r->echo[i].found[1],
		       r->echo[i].place[0], r->echo[i].place[1], r->echo[i].height);
	printf("time      %.4g ms (phase %.4g, lines %.4g, coils %.4g), %d thread%s; read in %.4g ms\n",
	       p->seconds * 1e3, p->seconds_phase * 1e3, p->seconds_grappa * 1e3,
	       p->seconds_combine * 1e3, p->threads, p->threads == 1 ? "" : "s", r->made.seconds_read * 1e3);
	if (c->output)
		printf("wrote     %s\n", c->output);
	if (c->png)
		printf("wrote     %s.png\n", c->png);
}

static json_t *json_echoes(const struct reconstructed *r)
{
	json_t *list = json_array();
	for (int i = 0; i < r->n_echo; i++) {
		const struct echo *e = &r->echo[i];
		json_array_append_new(list, json_pack("{s:f, s:[i,i], s:[i,i], s:f}", "time", e->time,
						      "found", e->found[0], e->found[1], "expected",
						      e->place[0], e->place[1], "height", e->height));
	}
	return list;
}

static json_t *json_report(const struct reconstructed *r, const struct reconstruct *c)
{
	json_t *j = json_pack("{s:b}", "ok", 1), *made = reconstruction_json(&r->made);
	json_object_update(j, made);
	json_decref(made);
	if (r->draw) {
		json_object_set_new(j, "sequence", json_string(r->compiled.program->name));
		json_object_set_new(j, "parameters",
				    json_parameters(r->compiled.program, r->draw->param));
		json_object_set_new(j, "echoes", json_echoes(r));
	}
	json_object_set_new(j, "output", c->output ? json_string(c->output) : json_null());
	if (c->png)
		json_object_set_new(j, "png", json_string(c->png));
	return j;
}

static int reconstruct(struct reconstruct *c, const char *path)
{
	struct reconstructed r = { 0 };
	precess_status st = PRECESS_OK;
	int rc = c->sequence ? open_sequence(&r, c) : EXIT_OK;
	if (rc)
		goto out;
	TRY(work(&r, c, path));
	TRY(write_outputs(&r, c));
	if (c->json)
		json_put(json_report(&r, c));
	else
		print_report(&r, c);
out:
	reconstruction_free(&r.made);
	draw_free(r.draw);
	if (c->sequence)
		compiled_free(&r.compiled);
	if (!st)
		return rc;
	return c->json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
}

int cmd_reconstruct(int argc, char **argv)
{
	struct reconstruct c = { .recon = RECON_DEFAULTS, .slice = -1, .repetition = -1 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--sequence", NULL, OPTION_TEXT, &c.sequence, 0, 0, "FILE.seq that was played: the result gets its name and parameters" },
		{ "--set", NULL, OPTION_LIST, &c.compile.set, 0, 0, "NAME=VALUE of a parameter of the sequence, as in ESP=0.465ms" },
		OPTION_LIBRARY_PATH(c.compile.library),
		{ "--fov", NULL, OPTION_TEXT, &c.fov, 0, 0, "field of view that the raw data do not tell: 220mm, or 220mm,180mm" },
		{ "--phase", NULL, OPTION_TEXT, &c.phase, 0, 0, "phase between forward and backward lines: line, coil, pixel or none" },
		{ "--kernel", NULL, OPTION_TEXT, &c.kernel, 0, 0, "of GRAPPA, samples x lines (5x2)" },
		{ "--lambda", NULL, OPTION_REAL, &c.recon.lambda, 0, 1e6, "regularisation of GRAPPA (0.01)" },
		{ "--acceleration", NULL, OPTION_INT, &c.recon.acceleration, 1, 64, "what the lines must show (default: as the file says)" },
		{ "--combine", NULL, OPTION_TEXT, &c.combine, 0, 0, "walsh (complex) or rss (magnitude)" },
		{ "--window", NULL, OPTION_INT, &c.recon.window, 1, 255, "side of the patch for walsh, pixels, odd (9)" },
		{ "--kspace", NULL, OPTION_TEXT, &c.names.kspace, 0, 0, "dataset of the lines (kspace or raw/kspace)" },
		{ "--calibration", NULL, OPTION_TEXT, &c.names.calibration, 0, 0, "dataset of calibration lines (calibration or acs)" },
		{ "--navigator", NULL, OPTION_TEXT, &c.names.navigator, 0, 0, "dataset of lines without phase encoding (navigator)" },
		{ "--slice", NULL, OPTION_INT, &c.slice, 0, 65535, "of an ISMRMRD file with several" },
		{ "--repetition", NULL, OPTION_INT, &c.repetition, 0, 65535, "of an ISMRMRD file with several" },
		{ "--threads", NULL, OPTION_INT, &c.recon.threads, 1, 1024, "threads (default: all)" },
		{ "--coils", NULL, OPTION_FLAG, &c.coils, 0, 0, "also write k-space and sensitivity of every coil" },
		{ "--output", "-o", OPTION_TEXT, &c.output, 0, 0, "result, HDF5 as of simulate, or NIfTI by its name" },
		{ "--png", NULL, OPTION_TEXT, &c.png, 0, 0, "picture PREFIX.png of image and k-space" },
		{ "--json", NULL, OPTION_FLAG, &c.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("reconstruct", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("reconstruct", files.n ? "one file at a time" : "which file?");
	if (c.compile.set.n && !c.sequence)
		return usage_error("reconstruct", "--set wants a --sequence");
	c.compile.json = c.json;
	if ((rc = set_choices(&c)) != 0)
		return rc;
	c.names.slice = c.slice >= 0 ? &c.slice : NULL;
	c.names.repetition = c.repetition >= 0 ? &c.repetition : NULL;
	interrupt_watch();
	return reconstruct(&c, files.item[0]);
}
