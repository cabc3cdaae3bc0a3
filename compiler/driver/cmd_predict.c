/* precess predict: what a trained network says a sequence would give, from the model file alone. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/learn.h"

/* Spins per pixel along x and y of which the maps are means, as in training. */
#define FINE 4

struct predict_command {
	struct option_list set, library;
	const char *object, *output, *png, *tensors, *device;
	int threads;
	bool force, json;
};

struct prediction {
	struct draw *draw;
	struct maps *maps;
	struct data_sample *sample;
	struct kspace kspace; /* of the image */
	float *image;         /* [ny][nx] re, im */
	size_t clipped;
	double seconds; /* of the network */
	double largest;
};

/* ------------------------------------------------------------------ parameters */
static int set_params(double *param, const struct learn_model *m, const struct predict_command *c)
{
	const struct program *p = m->compiled.program;
	int rc = EXIT_OK;
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].value;
	for (size_t i = 0; i < c->set.n && !rc; i++)
		rc = learn_set(param, p, c->set.item[i]);
	if (rc)
		return c->json ? json_failure(NULL, rc) : rc;
	precess_status st = train_model_check_params(m->model, param);
	if (st && !c->force) {
		char *why = strdup(precess_error());
		precess_fail(st, "%s; --force predicts nevertheless", why ? why : "");
		free(why);
		return learn_failed(NULL, c->json, st);
	}
	if (st)
		fprintf(stderr, "precess: warning: %s\n", precess_error());
	return EXIT_OK;
}

/* ------------------------------------------------------------------ prediction */
static precess_status sample_object(struct prediction *r, const struct learn_model *m,
				    const struct predict_command *c, const double *param)
{
	const struct program *p = m->compiled.program;
	int sub = learn_sub(m->model->net), fine = sub > FINE || FINE % sub ? sub : FINE;
	const struct data_recipe recipe = { .object = "head", .sub = sub, .fine = fine };
	struct data_source *source = NULL;
	struct data_maker *maker = NULL;
	struct object *object = NULL;
	precess_status st;
	TRY(draw_create(&r->draw, p, param, true));
	TRY(data_source_create(&source, p, &recipe));
	const struct data_shape *h = data_source_shape(source);
	TRY(learn_check_shape(h, m->model->net, p->name));
	TRY(object_open(&object, c->object ? c->object : "head:1"));
	TRY(object_maps(&r->maps, object, p, p->fov, fine * h->nx, fine * h->ny, &r->clipped));
	TRY(data_sample_create(&r->sample, h));
	TRY(data_maker_create(&maker, source));
	TRY(data_make_from(r->sample, maker, r->maps, param, false));
out:
	data_maker_free(maker);
	data_source_free(source);
	object_free(object);
	return st;
}

/* The k-space whose image is `image`: the inverse of kspace_image, one axis after the other. */
static precess_status transform(struct kspace *k, const float *image)
{
	const double tau = 6.283185307179586476925;
	int nx = k->nx, ny = k->ny;
	double *rows = calloc(2 * (size_t)nx * (size_t)ny, sizeof *rows);
	k->data = calloc(2 * (size_t)nx * (size_t)ny, sizeof *k->data);
	if (!rows || !k->data) {
		free(rows);
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	for (int j = 0; j < nx; j++)
		for (int x = 0; x < nx; x++) {
			double a = -tau * (j - nx / 2) * ((x + 0.5) / nx - 0.5), c = cos(a),
			       s = sin(a);
			for (int y = 0; y < ny; y++) {
				const float *v = image + 2 * (y * nx + x);
				rows[2 * (y * nx + j)] += c * (double)v[0] - s * (double)v[1];
				rows[2 * (y * nx + j) + 1] += s * (double)v[0] + c * (double)v[1];
			}
		}
	for (int i = 0; i < ny; i++)
		for (int y = 0; y < ny; y++) {
			double a = -tau * (i - ny / 2) * ((y + 0.5) / ny - 0.5),
			       c = cos(a) / (nx * ny), s = sin(a) / (nx * ny);
			for (int j = 0; j < nx; j++) {
				const double *v = rows + 2 * (y * nx + j);
				k->data[2 * (i * nx + j)] += (float)(c * v[0] - s * v[1]);
				k->data[2 * (i * nx + j) + 1] += (float)(s * v[0] + c * v[1]);
			}
		}
	free(rows);
	return PRECESS_OK;
}

static precess_status compute(struct prediction *r, struct learn_model *m)
{
	const struct net *net = m->model->net;
	size_t n = (size_t)net->matrix[0] * (size_t)net->matrix[1];
	struct data_extras *extras = NULL;
	precess_status st;
	TRY(data_extras_create(&extras, net));
	TRY(learn_fill(m->nn, 0, extras, m->compiled.program, r->sample));
	double begun = clock_seconds();
	TRY(nn_forward(m->nn));
	r->seconds = clock_seconds() - begun;
	r->image = calloc(2 * n, sizeof *r->image);
	if (!r->image) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	const float *y = nn_output(m->nn);
	for (size_t i = 0; i < n; i++) {
		r->image[2 * i] = y[i];
		r->image[2 * i + 1] = y[n + i];
		r->largest = fmax(r->largest, hypot((double)y[i], (double)y[n + i]));
	}
	r->kspace = (struct kspace){ .n_set = 1, .nx = net->matrix[0], .ny = net->matrix[1] };
	st = transform(&r->kspace, r->image);
out:
	data_extras_free(extras);
	return st;
}

static precess_status write_outputs(const struct prediction *r, const struct predict_command *c,
				    struct nn *nn)
{
	precess_status st = PRECESS_OK;
	if (c->tensors)
		st = train_tensors_write(c->tensors, nn);
	if (!st && c->output) {
		const struct io_result io = {
			.draw = r->draw,
			.maps = r->maps,
			.kspace = &r->kspace,
			.image = r->image,
			.command = command_line(),
		};
		st = io_save(c->output, &io);
	}
	if (st || !c->png)
		return st;
	struct text name;
	text_init(&name);
	text_printf(&name, "%s.png", c->png);
	st = plot_image(name.data, r->draw->program->name, r->image, r->kspace.data, r->kspace.nx,
			r->kspace.ny);
	text_free(&name);
	return st;
}

static void report(const struct prediction *r, const struct predict_command *c,
		   const struct learn_model *m)
{
	const struct program *p = m->compiled.program;
	if (c->json) {
		json_t *j = json_pack("{s:b, s:s, s:o, s:s, s:f, s:f}", "ok", 1, "sequence",
				      p->name, "parameters", json_parameters(p, r->draw->param),
				      "object", r->maps->source, "ms", r->seconds * 1e3, "largest",
				      r->largest);
		json_object_set_new(j, "clipped", json_integer((json_int_t)r->clipped));
		json_object_set_new(j, "output", c->output ? json_string(c->output) : json_null());
		if (c->png)
			json_object_set_new(j, "png", json_string(c->png));
		if (c->tensors)
			json_object_set_new(j, "tensors", json_string(c->tensors));
		json_put(j);
		return;
	}
	printf("sequence  %s", p->name);
	for (uint32_t i = 0; i < p->n_param; i++)
		printf("%s %s = %.6g%s", i ? "," : " ", p->param[i].name,
		       r->draw->param[i] / p->param[i].show, p->param[i].unit);
	printf("\nobject    %s\nmethod    network of %zu weights, %llu images of training\n",
	       r->maps->source, m->model->net->n_number, (unsigned long long)m->model->image);
	if (isfinite(m->model->scores.psnr))
		printf("held out  PSNR %.2f dB, SSIM %.4f in training\n", m->model->scores.psnr,
		       m->model->scores.ssim);
	printf("time      %.4g ms\n", r->seconds * 1e3);
	if (r->clipped)
		printf("note      %zu spins lay outside a declared map range and were clipped\n",
		       r->clipped);
	if (c->output)
		printf("wrote     %s\n", c->output);
	if (c->png)
		printf("wrote     %s.png\n", c->png);
	if (c->tensors)
		printf("wrote     %s\n", c->tensors);
}

static int predict(struct learn_model *m, const struct predict_command *c)
{
	struct prediction r = { .largest = 0 };
	double *param = calloc(m->compiled.program->n_param + 1, sizeof *param);
	precess_status st;
	if (!param)
		return learn_failed(NULL, c->json, precess_fail(PRECESS_ENOMEM, "out of memory"));
	int rc = set_params(param, m, c);
	if (rc) {
		free(param);
		return rc;
	}
	TRY(io_save_probe(c->output));
	TRY(outputs_probe(c->tensors, c->png));
	TRY(sample_object(&r, m, c, param));
	TRY(compute(&r, m));
	TRY(write_outputs(&r, c, m->nn));
	report(&r, c, m);
out:
	free(param);
	free(r.image);
	free(r.kspace.data);
	data_sample_free(r.sample);
	maps_free(r.maps);
	draw_free(r.draw);
	return st ? learn_failed(m->compiled.lang, c->json, st) : EXIT_OK;
}

int cmd_predict(int argc, char **argv)
{
	struct predict_command c = { 0 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--set", NULL, OPTION_LIST, &c.set, 0, 0,
		  "NAME=VALUE of a parameter, as in ESP=0.5ms" },
		OPTION_LIBRARY_PATH(c.library),
		{ "--object", NULL, OPTION_TEXT, &c.object, 0, 0,
		  "head[:SEED], uniform, or FILE.h5[:SLICE]" },
		{ "--force", NULL, OPTION_FLAG, &c.force, 0, 0,
		  "only warn of parameters outside the range of training" },
		{ "--threads", NULL, OPTION_INT, &c.threads, 1, 256, "threads (default: all)" },
		{ "--device", NULL, OPTION_TEXT, &c.device, 0, 0,
		  "that runs the network: auto, cpu, cuda[:N] (cpu)" },
		{ "--output", "-o", OPTION_TEXT, &c.output, 0, 0,
		  "result file, HDF5, as of simulate" },
		{ "--png", NULL, OPTION_TEXT, &c.png, 0, 0,
		  "picture PREFIX.png of image and k-space" },
		{ "--tensors", NULL, OPTION_TEXT, &c.tensors, 0, 0,
		  "what goes into the network and comes out, HDF5" },
		{ "--json", NULL, OPTION_FLAG, &c.json, 0, 0,
		  "one JSON object on standard output" },
	};
	int rc = options_parse("predict", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	if (files.n < 1 || files.n > 2)
		return usage_error("predict",
				   files.n ? "one model, and a sequence to check it against"
					   : "which model?");
	struct learn_model m;
	rc = learn_model_open(&m, files.item[0], files.n > 1 ? files.item[1] : NULL, &c.library,
			      &(struct nn_options){
				      .batch = 1, .threads = c.threads, .device = c.device },
			      c.json);
	if (rc)
		return rc;
	precess_status st = learn_makes_images(m.model, files.item[0]);
	rc = st ? learn_failed(NULL, c.json, st) : predict(&m, &c);
	learn_model_close(&m);
	return rc;
}
