/* Glue of the network commands: a sample fills a place of a batch, a model brings its sequence. */
#include "compiler/driver/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ parameters */
bool learn_quantity(double *out, const char *text, const char *type)
{
	struct dim have = { 0 }, want = { 0 };
	double factor = 1;
	char *end;
	*out = strtod(text, &end);
	if (end == text || !isfinite(*out) ||
	    (*end && (!unit_find(end, strlen(end), &factor, &have) || !type_dim(type, &want) ||
		      !dim_equal(have, want))))
		return false;
	*out *= factor;
	return true;
}

int learn_parameter(int *index, const struct program *p, const char *text, const char *option)
{
	const char *eq = strchr(text, '=');
	char name[128] = "";
	if (!eq)
		return argument_error("%s wants NAME=VALUE; found '%s'", option, text);
	if ((size_t)(eq - text) < sizeof name)
		memcpy(name, text, (size_t)(eq - text));
	*index = program_param_find(p, name);
	if (*index >= 0)
		return EXIT_OK;
	struct text known;
	text_init(&known);
	for (uint32_t k = 0; k < p->n_param; k++)
		text_printf(&known, "%s%s", k ? ", " : "", p->param[k].name);
	argument_error("%s has no parameter '%s'; it has %s", p->name, name,
		       p->n_param ? known.data : "none");
	text_free(&known);
	return EXIT_USAGE;
}

int learn_set(double *param, const struct program *p, const char *text)
{
	int i, rc = learn_parameter(&i, p, text, "--set");
	if (rc)
		return rc;
	const char *value = strchr(text, '=') + 1;
	if (!learn_quantity(&param[i], value, p->param[i].type))
		return argument_error("--set %s: '%s' is no %s", text, value, p->param[i].type);
	return EXIT_OK;
}

/* ------------------------------------------------------------------ samples */
precess_status learn_fill(struct nn *nn, int at, struct data_extras *x, const struct program *p,
			  const struct data_sample *s)
{
	struct nn_sample in = { .param = s->param, .sub = s->shape.sub };
	precess_status st = data_extras_fill(&in.extra, x, p, s);
	if (st)
		return st;
	for (int k = 0; k < PROGRAM_MAPS; k++)
		in.map[k] = s->map[k];
	return nn_fill(nn, at, &in);
}

void learn_planes(float *out, const struct data_sample *s)
{
	size_t n = (size_t)s->shape.nx * (size_t)s->shape.ny;
	for (size_t i = 0; i < n; i++) {
		out[i] = s->image[2 * i];
		out[n + i] = s->image[2 * i + 1];
	}
}

int learn_sub(const struct net *net)
{
	int sub = 1;
	for (uint32_t i = 0; i < net->n_input; i++)
		for (uint32_t c = 0; c < net->input[i].n_channel; c++) {
			const struct net_channel *ch = &net->input[i].channel[c];
			if (ch->kind == NET_CHANNEL_MAP && ch->sub > sub)
				sub = ch->sub;
		}
	return sub;
}

precess_status learn_check_shape(const struct data_shape *h, const struct net *net,
				 const char *sequence)
{
	if (h->n_set != 1)
		return precess_fail(PRECESS_ENOTSUP, "%s makes %d images; a network learns one",
				    sequence, h->n_set);
	if (h->nx != net->matrix[0] || h->ny != net->matrix[1])
		return precess_fail(PRECESS_EINVAL, "images of %d x %d for a network of %d x %d",
				    h->nx, h->ny, net->matrix[0], net->matrix[1]);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ scores */
precess_status learn_mean_add(struct learn_mean *m, const float *image, const float *label, int ny,
			      int nx)
{
	struct train_scores s;
	precess_status st = train_score(&s, image, label, ny, nx);
	if (st)
		return st;
	m->sum.psnr += s.psnr;
	m->sum.ssim += s.ssim;
	m->sum.complex_psnr += s.complex_psnr;
	m->n++;
	return PRECESS_OK;
}

struct train_scores learn_mean_get(const struct learn_mean *m)
{
	double n = m->n ? m->n : NAN;
	return (struct train_scores){ m->sum.psnr / n, m->sum.ssim / n, m->sum.complex_psnr / n };
}

precess_status learn_samples(struct data_sample ***out, int *n_out, const struct program *p,
			     const struct net *net, const struct data_recipe *r, int n,
			     int threads)
{
	struct data_sample **sample = calloc((size_t)n, sizeof *sample);
	struct data_source *source = NULL;
	struct data_stream *stream = NULL;
	const struct data_sample *s;
	int made = 0;
	precess_status st;
	*out = NULL;
	if (!sample)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(data_source_create(&source, p, r));
	if (net)
		TRY(learn_check_shape(data_source_shape(source), net, p->name));
	TRY(data_stream_create(&stream, source,
			       &(struct data_stream_options){
				       .count = (uint64_t)n, .threads = threads, .ahead = n }));
	for (; made < n; made++) {
		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted");
			goto out;
		}
		TRY(data_stream_next(&s, stream));
		TRY(data_sample_create(&sample[made], &s->shape));
		data_sample_copy(sample[made], s);
	}
	*out = sample;
	*n_out = made;
	sample = NULL;
out:
	data_stream_free(stream);
	data_source_free(source);
	learn_samples_free(sample, made);
	return st;
}

void learn_samples_free(struct data_sample **sample, int n)
{
	for (int i = 0; sample && i < n; i++)
		data_sample_free(sample[i]);
	free(sample);
}

struct learn_test {
	const struct program *p;
	struct data_extras *extras;
	struct data_sample **sample;
	int n;
	float *label;
};

precess_status learn_test_create(struct learn_test **out, const struct program *p,
				 const struct net *net, const struct data_recipe *r, int n,
				 int threads)
{
	struct learn_test *t = calloc(1, sizeof *t);
	precess_status st;
	*out = NULL;
	if (!t)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	t->p = p;
	t->label =
		memory_aligned(2 * sizeof(float) * (size_t)net->matrix[0] * (size_t)net->matrix[1]);
	if (!t->label) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(data_extras_create(&t->extras, net));
	TRY(learn_samples(&t->sample, &t->n, p, net, r, n, threads));
	*out = t;
	t = NULL;
out:
	learn_test_free(t);
	return st;
}

void learn_test_free(struct learn_test *t)
{
	if (!t)
		return;
	learn_samples_free(t->sample, t->n);
	free(t->label);
	data_extras_free(t->extras);
	free(t);
}

precess_status learn_test_score(struct train_scores *out, struct learn_test *t, struct nn *nn)
{
	const int batch = nn_get_options(nn)->batch, *matrix = nn_net(nn)->matrix;
	size_t size = 2 * (size_t)matrix[0] * (size_t)matrix[1];
	struct learn_mean m = { .n = 0 };
	precess_status st = PRECESS_OK;
	for (int first = 0; first < t->n; first += batch) {
		int n = t->n - first < batch ? t->n - first : batch;
		for (int i = 0; i < n; i++)
			TRY(learn_fill(nn, i, t->extras, t->p, t->sample[first + i]));
		TRY(nn_forward(nn));
		for (int i = 0; i < n; i++) {
			learn_planes(t->label, t->sample[first + i]);
			TRY(learn_mean_add(&m, nn_output(nn) + size * (size_t)i, t->label,
					   matrix[1], matrix[0]));
		}
	}
	*out = learn_mean_get(&m);
out:
	return st;
}

precess_status learn_plot(const char *path, const char *title, const struct train_curve *c)
{
	double *x = calloc(3 * c->n + 1, sizeof *x), *loss = x ? x + c->n : NULL,
	       *zero = x ? loss + c->n : NULL;
	precess_status st = PRECESS_OK;
	if (!x)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint64_t i = 0; i < c->n; i++) {
		x[i] = (double)c->point[i].image;
		loss[i] = c->point[i].loss;
		zero[i] = c->point[i].zero;
	}
	if (c->n > 1)
		st = plot_curve(
			path, title, &(struct plot_axes){ "images", "loss", false },
			(struct plot_line[]){
				{ .name = "training", .x = x, .y = loss, .n = (int)c->n },
				{ .name = "zero image", .x = x, .y = zero, .n = (int)c->n } },
			2);
	free(x);
	return st;
}

/* ------------------------------------------------------------------ words */
int learn_failed(struct lang *l, bool json, precess_status st)
{
	if (!json)
		return world_error(st);
	return json_failure(l, st == PRECESS_EDEVICE ? EXIT_DEVICE : EXIT_WORLD);
}

precess_status learn_precision(enum nn_precision *out, const char *name)
{
	if (!name || !strcmp(name, "f32"))
		*out = NN_F32;
	else if (!strcmp(name, "bf16"))
		*out = NN_BF16;
	else if (!strcmp(name, "tf32"))
		*out = NN_TF32;
	else
		return precess_fail(PRECESS_EINVAL,
				    "--precision knows f32, bf16 and tf32, not '%s'", name);
	return PRECESS_OK;
}

precess_status learn_time(double *out, const char *text)
{
	static const struct {
		const char *name;
		double seconds;
	} unit[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 } };
	char *end;
	*out = strtod(text, &end);
	for (size_t i = 0; end != text && i < PRECESS_COUNT(unit); i++)
		if (!strcmp(end, unit[i].name) && isfinite(*out) && *out > 0) {
			*out *= unit[i].seconds;
			return PRECESS_OK;
		}
	return precess_fail(PRECESS_EINVAL,
			    "--time-limit wants a time, as in 90s, 20min or 2h; found '%s'", text);
}

char *learn_record(const char *record, const char *key)
{
	size_t n = strlen(key);
	for (const char *line = record; line && *line; line += *line == '\n') {
		size_t length = strcspn(line, "\n");
		if (length > n && !strncmp(line, key, n) && line[n] == ' ')
			return strndup(line + n + 1, length - n - 1);
		line += length;
	}
	return NULL;
}

const char *learn_other_line(const char *now, const char *was)
{
	static char line[512];
	for (const char *end; *now; now = end + (*end == '\n')) {
		struct text found;
		end = now + strcspn(now, "\n");
		if (!strncmp(now, "threads ", 8) || !strncmp(now, "command ", 8))
			continue;
		text_init(&found);
		text_printf(&found, "\n%s", was);
		snprintf(line, sizeof line, "\n%.*s\n", (int)(end - now), now);
		bool there = strstr(found.data, line) != NULL;
		text_free(&found);
		if (!there) {
			line[strlen(line) - 1] = 0;
			return line + 1;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------ models */
/* The record's "set NAME=VALUE" lines, under which the sequence was compiled. */
static void recorded_settings(struct option_list *set, const char *record, char **copy)
{
	*copy = strdup(record);
	for (char *line = *copy, *end; line && *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = 0;
		if (!strncmp(line, "set ", 4) && set->n < PRECESS_COUNT(set->item))
			set->item[set->n++] = line + 4;
	}
}

static int compile_inside(struct learn_model *m, const char *sequence,
			  const struct option_list *library, bool json)
{
	struct compile_options co = { .json = json, .samples = true, .library = *library };
	const char *hash = m->model->hash;
	char *copy;
	recorded_settings(&co.set, m->model->record, &copy);
	m->path = learn_record(m->model->record, "file");
	if (!sequence)
		co.text = m->model->source;
	int rc = compile(&m->compiled, sequence ? sequence : m->path ? m->path : "model", &co);
	free(copy);
	if (rc)
		return json ? json_failure(m->compiled.lang, rc) : rc;
	const struct program *p = m->compiled.program;
	if (p && !strcmp(p->hash, hash))
		return EXIT_OK;
	if (sequence)
		precess_fail(PRECESS_EINVAL,
			     "the model was trained for another sequence (%s, program %.12s), "
			     "not for %s (program %.12s)",
			     m->model->sequence, hash, sequence, p ? p->hash : "none");
	else
		precess_fail(
			PRECESS_EINVAL,
			"the source inside the model compiles to program %.12s, it was trained for "
			"%.12s: libraries have changed since",
			p ? p->hash : "none", hash);
	return learn_failed(m->compiled.lang, json, PRECESS_EINVAL);
}

int learn_model_open(struct learn_model *m, const char *path, const char *sequence,
		     const struct option_list *library, const struct nn_options *o, bool json)
{
	memset(m, 0, sizeof *m);
	precess_status st = train_model_read(&m->model, path, NULL);
	if (st)
		return learn_failed(NULL, json, st);
	int rc = compile_inside(m, sequence, library, json);
	if (!rc && (st = nn_create(&m->nn, m->model->net, o)))
		rc = learn_failed(m->compiled.lang, json, st);
	if (rc) {
		learn_model_close(m);
		return rc;
	}
	memcpy(nn_parameters(m->nn), m->model->weight, m->model->net->n_number * sizeof(float));
	return EXIT_OK;
}

void learn_model_close(struct learn_model *m)
{
	nn_free(m->nn);
	compiled_free(&m->compiled);
	train_model_free(m->model);
	free(m->path);
	memset(m, 0, sizeof *m);
}
