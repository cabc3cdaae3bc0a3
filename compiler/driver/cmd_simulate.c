/* precess simulate: sequence and object in, k-space, image and an error bound out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

struct outputs {
	const char *result, *png;
	bool verbose; /* tell how each group of readouts was computed */
};

/* Everything one simulation produced. */
struct finished {
	struct sim_result *result;
	struct kspace *kspace; /* NULL: the sequence is not Cartesian on its matrix ... */
	float *image;
	struct text why; /* ... and for this reason */
};

static void finished_free(struct finished *f)
{
	sim_result_free(f->result);
	kspace_free(f->kspace);
	free(f->image);
	text_free(&f->why);
}

static precess_status compute(struct finished *f, const struct scene *s, const struct sim_options *o)
{
	precess_status st;
	TRY(sim_run(&f->result, s->draw, s->maps, o));
	st = kspace_sort(&f->kspace, s->draw, f->result);
	if (st == PRECESS_ENOTSUP) {
		text_printf(&f->why, "%s", precess_error());
		return PRECESS_OK;
	}
	if (st)
		goto out;
	TRY(kspace_image(&f->image, s->draw, f->kspace));
out:
	return st;
}

/* Of n numbers, re, im, from each coil; those of one coil as they are. */
static float *sum_of_squares(const float *v, int coils, size_t n)
{
	float *sum = calloc(n + 1, sizeof *sum);
	for (size_t i = 0; sum && i < n; i += 2) {
		double square = 0;
		sum[i] = v[i];
		sum[i + 1] = v[i + 1];
		for (int c = 0; c < coils; c++)
			square += pow(v[(size_t)c * n + i], 2) + pow(v[(size_t)c * n + i + 1], 2);
		if (coils > 1) {
			sum[i] = (float)sqrt(square);
			sum[i + 1] = 0;
		}
	}
	return sum;
}

/* PREFIX.png (PREFIX-1.png, ... for further sets): image and log k-space side by side. */
static precess_status write_pictures(const char *prefix, const struct scene *s, const struct finished *f)
{
	if (!f->kspace)
		return precess_fail(PRECESS_ENOTSUP,
				    "no image of %s for --png: %s; `precess plot` draws the sequence",
				    s->compiled.program->name, f->why.data);
	const struct kspace *k = f->kspace;
	size_t set = (size_t)k->nx * (size_t)k->ny * 2, all = set * (size_t)k->n_set;
	float *image = sum_of_squares(f->image, k->n_coil, all);
	float *kspace = sum_of_squares(k->data, k->n_coil, all);
	precess_status st = PRECESS_OK;
	if (!image || !kspace)
		st = precess_fail(PRECESS_ENOMEM, "out of memory for pictures");
	for (int i = 0; i < k->n_set && !st; i++) {
		struct text name;
		text_init(&name);
		text_printf(&name, i ? "%s-%d.png" : "%s.png", prefix, i);
		st = plot_image(name.data, s->compiled.program->name, image + set * (size_t)i,
				kspace + set * (size_t)i, k->nx, k->ny);
		text_free(&name);
	}
	free(image);
	free(kspace);
	return st;
}

static precess_status write_outputs(const struct outputs *out, const struct scene *s,
				    const struct finished *f, double tolerance)
{
	precess_status st = PRECESS_OK;
	if (out->result) {
		const struct io_result r = {
			.draw = s->draw,
			.maps = s->maps,
			.result = f->result,
			.kspace = f->kspace,
			.image = f->image,
			.tolerance = tolerance,
			.command = command_line(),
		};
		st = io_save(out->result, &r);
	}
	if (!st && out->png)
		st = write_pictures(out->png, s, f);
	return st;
}

/* How the readouts were computed, under the method's line: what kept some of them from the fast
 * method, and with `verbose` everything that the methods say of their terms and bounds. */
static void print_reasons(const char *report, bool verbose)
{
	static const char refused[] = "direct: ", device[] = "device: ";
	for (size_t n; *report; report += n + (report[n] == '\n')) {
		n = strcspn(report, "\n");
		if (verbose || !strncmp(report, refused, strlen(refused)) ||
		    !strncmp(report, device, strlen(device)))
			printf("          %.*s\n", (int)n, report);
	}
}

static void print_report(const struct scene *s, const struct finished *f, double tolerance,
			 const struct outputs *out)
{
	const struct program *p = s->compiled.program;
	const struct sim_result *r = f->result;
	printf("sequence  %s", p->name);
	for (uint32_t i = 0; i < p->n_param; i++)
		printf("%s %s = %.6g%s", i ? "," : " ", p->param[i].name,
		       s->draw->param[i] / p->param[i].show, p->param[i].unit);
	printf("\nobject    %s\n", s->maps->source);
	printf("spins     %d x %d x %d, %llu of them with M0 > 0\n", s->maps->nx, s->maps->ny, r->nz,
	       (unsigned long long)r->n_spin);
	if (s->maps->n_coil)
		printf("coils     %d\n", s->maps->n_coil);
	printf("method   ");
	for (int i = 0; i < SIM_METHODS; i++)
		if (r->used[i])
			printf(" %s (%u readout%s)", sim_method_name((enum sim_method)i),
			       r->used[i], r->used[i] == 1 ? "" : "s");
	if (r->terms)
		printf(", %d terms", r->terms);
	printf("\n");
	print_reasons(r->report, out->verbose);
	printf("error     below %.2g of the largest sample (tolerance %.2g)\n", r->bound, tolerance);
	printf("device    %s, %d thread%s\n", r->device, r->threads, r->threads == 1 ? "" : "s");
	printf("time      %.4g ms (spin states %.4g, readouts %.4g)\n", r->seconds * 1e3,
	       r->seconds_state * 1e3, r->seconds_readout * 1e3);
	if (s->clipped)
		printf("note      %zu spins lay outside a declared map range and were clipped\n", s->clipped);
	if (out->result)
		printf("wrote     %s\n", out->result);
	if (out->png)
		printf("wrote     %s.png\n", out->png);
}

static json_t *json_report(const struct scene *s, const struct finished *f, double tolerance,
			   const struct outputs *out, json_t *warnings)
{
	const struct sim_result *r = f->result;
	json_t *methods = json_object();
	for (int i = 0; i < SIM_METHODS; i++)
		if (r->used[i])
			json_object_set_new(methods, sim_method_name((enum sim_method)i),
					    json_integer(r->used[i]));
	json_t *j = json_pack("{s:b, s:s, s:o, s:o, s:s, s:i, s:[i,i,i], s:f, s:f, s:f, s:f, s:s, s:O}",
			      "ok", 1, "sequence", s->compiled.program->name, "parameters",
			      json_parameters(s->compiled.program, s->draw->param), "methods", methods,
			      "device", r->device, "threads", r->threads, "spins", s->maps->nx, s->maps->ny,
			      r->nz, "seconds", r->seconds, "seconds_state", r->seconds_state,
			      "seconds_readout", r->seconds_readout, "error_bound", r->bound, "object",
			      s->maps->source, "warnings", warnings);
	json_object_set_new(j, "tolerance", json_real(tolerance));
	json_object_set_new(j, "coils", json_integer(r->n_coil));
	json_object_set_new(j, "terms", json_integer(r->terms));
	json_object_set_new(j, "diagnostics", json_diagnostics(s->compiled.lang));
	json_object_set_new(j, "output", out->result ? json_string(out->result) : json_null());
	if (out->png)
		json_object_set_new(j, "png", json_string(out->png));
	return j;
}

/* Warns, on standard error unless `list` is given, where the tolerance could not be kept. */
static void bound_warning(const struct sim_result *r, double tolerance, json_t *list)
{
	if (r->bound <= tolerance)
		return;
	struct text t;
	text_init(&t);
	text_printf(&t, "the error is only known to lie below %.2g of the largest sample, not %.2g", r->bound,
		    tolerance);
	if (list)
		json_array_append_new(list, json_string(t.data));
	else
		fprintf(stderr, "precess: warning: %s\n", t.data);
	text_free(&t);
}

/* What the simulation gives must fit the files. */
static precess_status probe(const struct scene *s, const struct outputs *out)
{
	precess_status st;
	TRY(io_save_probe_result(out->result, s->draw, s->maps->n_coil));
	if (out->png && (st = io_image_probe(s->draw)) == PRECESS_ENOTSUP)
		precess_wrap(st, "%s has no image for --png, `precess plot` draws the sequence",
			     s->compiled.program->name);
out:
	return st;
}

static int simulate(struct scene *s, const struct scene_options *so, const struct outputs *out, bool json)
{
	struct finished f = { 0 };
	text_init(&f.why);
	double tolerance = so->sim.tolerance;
	json_t *warnings = json_array();
	precess_status st;
	TRY(probe(s, out));
	TRY(scene_alias_warning(s, json ? warnings : NULL));
	TRY(compute(&f, s, &so->sim));
	bound_warning(f.result, tolerance, json ? warnings : NULL);
	TRY(write_outputs(out, s, &f, tolerance));
	if (json)
		json_put(json_report(s, &f, tolerance, out, warnings));
	else
		print_report(s, &f, tolerance, out);
out:
	finished_free(&f);
	json_decref(warnings);
	if (!st)
		return EXIT_OK;
	return json ? json_failure(s->compiled.lang, EXIT_WORLD) : world_error(st);
}

int cmd_simulate(int argc, char **argv)
{
	struct compile_options o = { .samples = true };
	struct scene_options so = { .sim.tolerance = 1e-4 };
	struct option_list files = { 0 };
	struct outputs out = { 0 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &o.set, 0, 0, "NAME=VALUE of a const or a parameter, as in ESP=10ms" },
		OPTION_LIBRARY_PATH(o.library),
		{ "--object", NULL, OPTION_TEXT, &so.object, 0, 0, "head[:SEED], uniform, or FILE.h5[:SLICE]" },
		{ "--map", NULL, OPTION_LIST, &so.map, 0, 0, "NAME=VALUE: one value instead of the object's map, as in B1=1" },
		{ "--spins", NULL, OPTION_INT, &so.spins, 1, 16384, "spins along x and y (default 4 per pixel)" },
		{ "--coils", NULL, OPTION_INT, &so.coils, 1, 128, "receive coils around the field of view (default: the object's, or one that sees all alike)" },
		{ "--nz", NULL, OPTION_INT, &so.sim.nz, 1, 4096, "spins through the slice (default: as many as needed)" },
		{ "--method", NULL, OPTION_TEXT, &so.method, 0, 0, "auto, train, line, nufft, direct or step" },
		{ "--tolerance", NULL, OPTION_REAL, &so.sim.tolerance, 1e-14, 1, "error allowed, relative to the largest sample (1e-4)" },
		{ "--threads", NULL, OPTION_INT, &so.sim.threads, 1, 1024, "threads (default: all)" },
		{ "--device", NULL, OPTION_TEXT, &so.sim.device, 0, 0, "auto, cpu, cuda or cuda:N, for the line method (cpu)" },
		{ "--output", "-o", OPTION_TEXT, &out.result, 0, 0, "result: .h5, .nii, .nii.gz, .mrd (ISMRMRD) or .cfl (BART), by the name" },
		{ "--png", NULL, OPTION_TEXT, &out.png, 0, 0, "picture PREFIX.png of image and k-space" },
		{ "--verbose", "-v", OPTION_FLAG, &out.verbose, 0, 0, "say how each group of readouts was computed" },
		{ "--quiet", "-q", OPTION_FLAG, &so.sim.quiet, 0, 0, "no progress" },
		{ "--json", NULL, OPTION_FLAG, &o.json, 0, 0, "one JSON object on standard output" },
	};
	int rc = options_parse("simulate", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n != 1)
		return usage_error("simulate", files.n ? "one file at a time" : "which file?");
	precess_status st = io_save_probe(out.result);
	if (st || (st = outputs_probe(NULL, out.png)))
		return o.json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
	interrupt_watch();
	struct scene s;
	rc = scene_open(&s, files.item[0], &o, &so);
	if (!rc)
		rc = simulate(&s, &so, &out, o.json);
	else if (o.json)
		json_failure(s.compiled.lang, rc);
	scene_close(&s);
	return rc;
}
