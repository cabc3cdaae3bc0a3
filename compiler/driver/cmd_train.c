/* precess train: a network for a sequence, from fresh simulations or a data set. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/driver/training.h"

#define GUARD_IMAGES 2000 /* by then every sound training was below 0.8 of the zero image */
#define CHECKPOINT_EVERY 60.0
#define PROGRESS_EVERY 10.0

void training_lock(bool on)
{
	if (on)
		data_hdf5_lock();
	else
		data_hdf5_unlock();
}

/* Training and making samples share the threads; the result depends on the first number only. */
static void share_threads(struct train_command *c)
{
	if (!c->threads)
		c->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (c->data)
		return;
	if (!c->makers && c->device && !strncmp(c->device, "cuda", 4))
		c->makers = c->threads > 1 ? c->threads - 1 : 1; /* the network needs but one */
	else if (!c->makers)
		c->makers = (c->threads + 1) / 3 > 1 ? (c->threads + 1) / 3 : 1;
	c->threads = c->threads > c->makers ? c->threads - c->makers : 1;
}

/* Sub-pixels per pixel of the samples. */
static int samples_sub(const struct training *r)
{
	int sub = r->view ? r->t.pad : learn_sub(r->net), both = sub;
	while (r->c->engine && both % learn_sub(r->engine.model->net))
		both += sub;
	return both;
}

static precess_status open_all(struct training *r)
{
	struct train_command *c = r->c;
	const struct program *p = r->compiled->program;
	enum nn_precision precision;
	precess_status st;
	TRY(learn_precision(&precision, c->precision));
	TRY(training_template(r));
	if (r->t.target < 0)
		TRY(lower_network(&r->net, p, &r->t));
	else
		TRY(learn_task_build(&r->view, &r->net, p, &r->t));
	if (c->engine)
		TRY(learn_check_engine(r->engine.model, p, c->engine));
	TRY(nn_create(&r->nn, r->net,
		      &(struct nn_options){ .batch = r->t.batch,
					    .precision = precision,
					    .threads = c->threads,
					    .training = true,
					    .device = c->device }));
	struct learn_feed_options fo = {
		.data = c->data,
		.use = (uint64_t)c->use,
		.object = c->object,
		.seed = (uint64_t)c->seed,
		.sub = samples_sub(r),
		.reuse = c->reuse,
		.makers = c->makers,
		.device = c->device,
		.smooth = c->smooth_mm * 1e-3,
		.spread = r->t.spread,
		.view = r->view,
		.engine = c->engine ? &r->engine : NULL,
	};
	/* Where the feed begins is known only from the checkpoint, whose lines name the feed's
	 * object: open it twice when going on. */
	TRY(learn_feed_create(&r->feed, p, r->net, &fo));
	TRY(training_budget(r, learn_feed_source(r->feed).images_per_epoch));
	training_record(r);
	training_lock(true);
	st = training_begin(r);
	training_lock(false);
	if (st)
		goto out;
	if (r->model->image) {
		learn_feed_free(r->feed);
		r->feed = NULL;
		fo.first = r->model->image;
		TRY(learn_feed_create(&r->feed, p, r->net, &fo));
	}
	st = training_test(r, &fo);
out:
	return st;
}

static precess_status train(struct training *r)
{
	const struct train_source source = learn_feed_source(r->feed);
	r->o.t = &r->t;
	r->o.guard = GUARD_IMAGES;
	r->o.checkpoint = r->checkpoint.data;
	r->o.checkpoint_every = CHECKPOINT_EVERY;
	r->o.progress_every = r->c->quiet ? 0 : PROGRESS_EVERY;
	r->o.look = training_look;
	r->o.context = r;
	r->o.lock = training_lock;
	if (r->o.time_limit > 0)
		r->part = r->model->seconds / r->o.time_limit;
	else
		r->part = (double)r->model->image / (double)r->o.images;
	return train_run(r->model, r->nn, &source, &r->o);
}

/* To the 8 bits of mantissa of bfloat16: the zeros below take no room in the file. */
static void round_weights(float *weight, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, &weight[i], sizeof bits);
		bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
		memcpy(&weight[i], &bits, sizeof bits);
	}
}

/* The model as it is shipped: without the optimiser, with what training has cost. */
static precess_status finish(struct training *r)
{
	struct train_model *m = r->model;
	struct train_adam *adam = m->adam;
	struct text record;
	char b[2][32];
	precess_status st;
	if (r->c->compact) {
		round_weights(nn_parameters(r->nn), m->net->n_number);
		round_weights(m->weight, m->net->n_number);
	}
	TRY(training_validate(r));
	TRY(training_plot(r));
	text_init(&record);
	text_printf(&record, "%simages_shown %" PRIu64 "\nminutes %.2f\nversion %s\n", m->record,
		    m->image, m->seconds / 60, PRECESS_VERSION);
	if (r->c->compact)
		text_printf(&record, "weights rounded to bfloat16\n");
	if (r->map_test)
		text_printf(&record, "held_out_mae %s\nheld_out_r2 %s\n",
			    text_double(b[0], r->fit.mae), text_double(b[1], r->fit.r2));
	free(m->record);
	m->record = record.data;
	m->adam = NULL;
	training_lock(true);
	st = train_model_write(r->c->output, m);
	training_lock(false);
	m->adam = adam;
	if (!st && !r->c->checkpoint)
		remove(r->checkpoint.data);
out:
	return st;
}

static void report(const struct training *r)
{
	const struct train_model *m = r->model;
	const struct train_curve *c = &m->curve;
	double loss = c->n ? c->point[c->n - 1].loss : NAN,
	       zero = c->n ? c->point[c->n - 1].zero : NAN;
	if (!r->c->json) {
		printf("wrote %s: %s of width %d for %s, %zu weights, %" PRIu64
		       " images in %.1f min\n",
		       r->c->output, r->t.name, r->t.width, m->sequence, m->net->n_number, m->image,
		       m->seconds / 60);
		if (r->test)
			printf("held out: PSNR %.2f dB, SSIM %.4f, complex PSNR %.2f dB\n",
			       m->scores.psnr, m->scores.ssim, m->scores.complex_psnr);
		if (r->map_test) {
			const char *unit;
			double show = learn_unit(&unit, (enum program_map_kind)r->t.target);
			printf("held out: mean absolute error of regions %.3g%s, R2 %.3f\n",
			       r->fit.mae * show, unit, r->fit.r2);
		}
		return;
	}
	json_t *j = json_pack("{s:b, s:s, s:s, s:i, s:I, s:I, s:f, s:i, s:f, s:f, s:O, s:s}", "ok",
			      1, "sequence", m->sequence, "network", r->t.name, "width", r->t.width,
			      "weights", (json_int_t)m->net->n_number, "images",
			      (json_int_t)m->image, "seconds", m->seconds, "threads", r->c->threads,
			      "loss", loss, "zero_loss", zero, "validation", r->looks, "output",
			      r->c->output);
	char hash[65];
	hash_hex(hash, m->weight, m->net->n_number * sizeof *m->weight);
	json_object_set_new(j, "weights_hash", json_string(hash));
	json_t *rows = json_array();
	for (uint64_t i = 0; i < c->n; i++)
		json_array_append_new(rows, json_pack("{s:I, s:f, s:f}", "images",
						      (json_int_t)c->point[i].image, "loss",
						      c->point[i].loss, "rate", c->point[i].rate));
	json_object_set_new(j, "curve", rows);
	json_put(j);
}

static void training_free(struct training *r)
{
	learn_test_free(r->test);
	learn_map_test_free(r->map_test);
	learn_fit_erase(&r->fit);
	learn_feed_free(r->feed);
	train_model_free(r->model);
	nn_free(r->nn);
	net_free(r->net);
	data_view_free(r->view);
	learn_model_close(&r->engine);
	text_free(&r->record);
	text_free(&r->checkpoint);
	json_decref(r->looks);
}

static int run(struct train_command *c, struct compiled *compiled)
{
	struct training r = { .c = c, .compiled = compiled, .looks = json_array() };
	precess_status st;
	text_init(&r.record);
	text_init(&r.checkpoint);
	if (c->checkpoint)
		text_printf(&r.checkpoint, "%s", c->checkpoint);
	else
		text_printf(&r.checkpoint, "%s.checkpoint", c->output);
	share_threads(c);
	if (c->engine) {
		int rc = learn_model_open(
			&r.engine, c->engine, NULL, &c->compile.library,
			&(struct nn_options){ .batch = 1, .threads = c->threads }, c->json);
		if (rc) {
			training_free(&r);
			return rc;
		}
	}
	TRY(file_output_probe(c->output));
	TRY(file_output_probe(r.checkpoint.data));
	if (c->curve)
		TRY(plot_probe(c->curve));
	TRY(open_all(&r));
	st = train(&r);
	if (st == PRECESS_ECANCEL)
		precess_wrap(st, "%s keeps the state; --resume goes on", r.checkpoint.data);
	if (st)
		goto out;
	TRY(finish(&r));
	report(&r);
out:
	training_free(&r);
	return st ? learn_failed(compiled->lang, c->json, st) : EXIT_OK;
}

static int compile_and_run(struct train_command *c, const char *path)
{
	struct compiled compiled;
	interrupt_watch();
	int rc = compile(&compiled, path, &c->compile);
	if (rc)
		rc = c->json ? json_failure(compiled.lang, rc) : rc;
	else if (!compiled.program)
		rc = usage_error("train", "%s is a module: it plays nothing by itself", path);
	else
		rc = run(c, &compiled);
	compiled_free(&compiled);
	return rc;
}

int cmd_train(int argc, char **argv)
{
	struct train_command c = { .compile.samples = true, .seed = 1, .reuse = 4, .validate = 20 };
	struct option_list files = { 0 };
	const struct option table[] = {
		{ "--data", NULL, OPTION_TEXT, &c.data, 0, 0,
		  "data set of `precess generate` (default: samples simulated while training)" },
		{ "--net", NULL, OPTION_TEXT, &c.net, 0, 0,
		  "derived, paper, or FILE.net (derived)" },
		{ "--task", NULL, OPTION_TEXT, &c.task, 0, 0,
		  "learn a map from the images instead: t2, or FILE.net with a target" },
		{ "--engine", NULL, OPTION_TEXT, &c.engine, 0, 0,
		  "MODEL.h5 of this sequence that makes a task's images (default: simulated)" },
		{ "--width", NULL, OPTION_INT, &c.width, 1, 1024,
		  "of the network's U-Net (the template's)" },
		{ "--samples", NULL, OPTION_INT, &c.samples, 1, 2147483647,
		  "images to show, repeated ones counted (the template's)" },
		{ "--use", NULL, OPTION_INT, &c.use, 1, 1000000000,
		  "samples of --data to use, the first so many (all)" },
		{ "--epochs", NULL, OPTION_INT, &c.epochs, 1, 1000000,
		  "passes over --data instead" },
		{ "--time-limit", NULL, OPTION_TEXT, &c.time_limit, 0, 0,
		  "train for this long instead: 90s, 20min, 2h; the learning rate follows the "
		  "clock" },
		{ "--batch", NULL, OPTION_INT, &c.batch, 1, 1024,
		  "images per step (the template's)" },
		{ "--lr", NULL, OPTION_REAL, &c.rate, 0, 1, "learning rate (the template's)" },
		{ "--seed", NULL, OPTION_INT, &c.seed, 0, 2147483647,
		  "of weights, samples and their order (1)" },
		{ "--object", NULL, OPTION_TEXT, &c.object, 0, 0,
		  "head (drawn afresh), a folder of map files, or as for simulate" },
		{ "--reuse", NULL, OPTION_INT, &c.reuse, 1, 1000,
		  "times a simulated sample is shown, between others (4)" },
		{ "--smooth", NULL, OPTION_REAL, &c.smooth_mm, 0, 100,
		  "FWHM in mm of a blur of the object (0)" },
		{ "--precision", NULL, OPTION_TEXT, &c.precision, 0, 0,
		  "of activations: f32 or bf16; on a GPU also tf32 (f32)" },
		{ "--device", NULL, OPTION_TEXT, &c.device, 0, 0,
		  "that trains and makes the images: auto, cpu, cuda[:N] (cpu)" },
		{ "--threads", NULL, OPTION_INT, &c.threads, 1, 256,
		  "threads, those that simulate counted (default: all)" },
		{ "--makers", NULL, OPTION_INT, &c.makers, 1, 255,
		  "threads of them that make samples (a third; with --device cuda all but one)" },
		{ "--set", NULL, OPTION_LIST, &c.compile.set, 0, 0, "NAME=VALUE of a const" },
		OPTION_LIBRARY_PATH(c.compile.library),
		{ "--validate", NULL, OPTION_INT, &c.validate, 0, 100000,
		  "held-out samples scored ten times on the way; 0: none (20)" },
		{ "--checkpoint", NULL, OPTION_TEXT, &c.checkpoint, 0, 0,
		  "state to resume from (MODEL.h5.checkpoint, removed at the end)" },
		{ "--resume", NULL, OPTION_FLAG, &c.resume, 0, 0, "go on from the checkpoint" },
		{ "--compact", NULL, OPTION_FLAG, &c.compact, 0, 0,
		  "weights of 8 bits mantissa in the model: half the file" },
		{ "--curve", NULL, OPTION_TEXT, &c.curve, 0, 0,
		  "picture of the loss, svg, pdf or png" },
		{ "--output", "-o", OPTION_TEXT, &c.output, 0, 0, "model to write, HDF5" },
		{ "--quiet", "-q", OPTION_FLAG, &c.quiet, 0, 0, "no progress" },
		{ "--json", NULL, OPTION_FLAG, &c.json, 0, 0,
		  "one JSON object on standard output" },
	};
	int rc = options_parse("train", argc, argv, table, PRECESS_COUNT(table), &files);
	if (rc)
		return rc < 0 ? EXIT_OK : rc;
	c.compile.json = c.json;
	if (files.n != 1)
		return usage_error("train", files.n ? "one sequence at a time" : "which sequence?");
	if (!c.output)
		return usage_error("train", "which model? -o MODEL.h5");
	if (c.use && !c.data)
		return usage_error("train", "--use takes samples of --data; which data set?");
	if (!!c.samples + !!c.epochs + !!c.time_limit > 1)
		return usage_error("train", "one of --samples, --epochs and --time-limit");
	if (c.task && c.net)
		return usage_error("train", "one of --net and --task");
	if (c.engine && c.data)
		return usage_error("train", "one of --data and --engine");
	return compile_and_run(&c, files.item[0]);
}
