/* Everything that decides the result of a training stands in the model's record, line by line; a
 * checkpoint goes on only under the same lines. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/driver/training.h"

#define RATE_WIDE 5e-4 /* from this width up the rate of a narrow network diverges */
#define WIDE 32

precess_status training_template(struct training *r)
{
	const struct train_command *c = r->c;
	struct net_template *t = &r->t;
	precess_status st = network_template(t, c->net ? c->net : c->task ? c->task : "derived");
	if (st)
		return st;
	if (c->engine && t->target < 0)
		return precess_fail(PRECESS_EINVAL,
				    "--engine makes the images of a --task; %s learns images",
				    t->name);
	if (c->width) {
		if (c->width >= WIDE && t->rate > RATE_WIDE)
			t->rate = RATE_WIDE;
		t->width = c->width;
	}
	if (c->batch)
		t->batch = c->batch;
	if (c->rate > 0)
		t->rate = c->rate;
	return PRECESS_OK;
}

/* Images to show; a time limit replaces them. */
precess_status training_budget(struct training *r, uint64_t per_epoch)
{
	const struct train_command *c = r->c;
	struct train_options *o = &r->o;
	int epochs = c->epochs ? c->epochs : r->t.images ? 0 : r->t.epochs;
	if (c->time_limit)
		return learn_time(&o->time_limit, c->time_limit);
	if (c->samples)
		o->images = (uint64_t)c->samples;
	else if (epochs && per_epoch)
		o->images = (uint64_t)epochs * per_epoch;
	else if (c->epochs)
		return precess_fail(PRECESS_EINVAL,
				    "--epochs counts passes over --data; fresh samples have "
				    "none: say --samples N");
	else if (r->t.images)
		o->images = (uint64_t)r->t.images;
	else
		return precess_fail(PRECESS_EINVAL,
				    "network %s counts epochs, fresh samples have none: say "
				    "--samples N or --time-limit",
				    r->t.name);
	return PRECESS_OK;
}

void training_record(struct training *r)
{
	const struct train_command *c = r->c;
	const struct net_template *t = &r->t;
	const char *slash = strrchr(r->compiled->path, '/');
	struct text *x = &r->record;
	char b[5][32];
	text_printf(x, "file %s\n", slash ? slash + 1 : r->compiled->path);
	for (size_t i = 0; i < c->compile.set.n; i++)
		text_printf(x, "set %s\n", c->compile.set.item[i]);
	text_printf(x, "network %s\nwidth %d\nbatch %d\nseed %d\n", t->name, t->width, t->batch,
		    c->seed);
	text_printf(x, "optimiser adam %s %s %s %s, rate %s\n", text_double(b[0], t->beta1),
		    text_double(b[1], t->beta2),
		    t->schedule == NET_SCHEDULE_COSINE ? "cosine" : "step",
		    text_double(b[2], t->warmup), text_double(b[3], t->rate));
	text_printf(x, "device %s\n", nn_is_remote(r->nn) ? "cuda" : "cpu");
	text_printf(x, "precision %s\n", c->precision ? c->precision : "f32");
	text_printf(x, "data %s\nobject %s\n", c->data ? c->data : "simulated while training",
		    learn_feed_object(r->feed));
	if (t->target >= 0)
		learn_task_record(x, t);
	if (c->engine)
		text_printf(x, "engine %s, %s weights %" PRIu64 " images\n", c->engine,
			    r->engine.model->sequence, r->engine.model->image);
	if (c->use)
		text_printf(x, "use %d\n", c->use);
	if (strcmp(learn_feed_backend(r->feed), "cpu"))
		text_printf(x, "images of %s\n", learn_feed_backend(r->feed));
	if (!c->data)
		text_printf(x, "reuse %d\nsmooth_mm %s\n", c->reuse,
			    text_double(b[4], c->smooth_mm));
	if (r->o.time_limit > 0)
		text_printf(x, "time_limit %s s\n", text_double(b[4], r->o.time_limit));
	else
		text_printf(x, "images %" PRIu64 "\n", r->o.images);
	text_printf(x, "threads %d\ncommand %s\n", c->threads, command_line());
}

/* ------------------------------------------------------------------ going on */
static precess_status go_on(struct training *r)
{
	const char *path = r->checkpoint.data, *other;
	struct text text;
	char *key, *was;
	precess_status st = train_model_read(&r->model, path, r->compiled->program->hash);
	if (st)
		return st;
	if (!r->model->adam)
		return precess_fail(PRECESS_EINVAL, "%s is a finished model, no checkpoint", path);
	other = learn_other_line(r->record.data, r->model->record);
	if (other) {
		key = strndup(other, strcspn(other, " "));
		was = learn_record(r->model->record, key);
		precess_fail(PRECESS_EINVAL, "%s was begun with `%s %s`, not `%s`", path, key,
			     was ? was : "none", other);
		free(key);
		free(was);
		return PRECESS_EINVAL;
	}
	text_init(&text);
	net_print(&text, r->net);
	if (strcmp(text.data, r->model->net_text))
		st = precess_fail(PRECESS_EINVAL,
				  "%s holds another network: its template has changed", path);
	text_free(&text);
	was = learn_record(r->model->record, "threads");
	if (was && atoi(was) != r->c->threads)
		fprintf(stderr,
			"precess: warning: begun with %s threads, going on with %d: the last digits "
			"will differ\n",
			was, r->c->threads);
	free(was);
	return st;
}

precess_status training_begin(struct training *r)
{
	const struct program *p = r->compiled->program;
	bool there = access(r->checkpoint.data, F_OK) == 0;
	size_t n;
	if (r->c->resume && there)
		return go_on(r);
	if (r->c->resume)
		return precess_fail(PRECESS_EIO, "%s: there is no checkpoint to resume",
				    r->checkpoint.data);
	if (there)
		return precess_fail(PRECESS_EINVAL,
				    "%s: the checkpoint of an earlier run; --resume goes on "
				    "from it, or remove it",
				    r->checkpoint.data);
	nn_initialise(r->nn, (uint64_t)r->c->seed);
	return train_model_create(&r->model, r->nn, nn_parameters(r->nn), p->name, p->hash,
				  lang_source_text(r->compiled->lang, 0, &n), r->record.data);
}
