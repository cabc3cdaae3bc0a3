/* Networks that map: the task in a model's record, whole images through a network that was trained on
 * crops, and how near its maps come to the truth. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/learn.h"

/* Regions are squares of this many pixels each way whose truth varies by less than this part. */
#define REGION 12
#define UNIFORM 0.1
#define HELD_OUT_NOISE UINT64_C(998244353) /* seed */

/* ------------------------------------------------------------------ the task */
/* The lines of a template that a model needs to map. */
static const char *const keys[] = { "target", "scale", "knee", "pad", "window", "known", "low", "high" };

void learn_task_record(struct text *out, const struct net_template *t)
{
	char b[3][32];
	text_printf(out, "target %s\nscale %s\nknee %s\npad %d\nwindow %d\n",
		    program_map_name((enum program_map_kind)t->target), text_double(b[0], t->scale),
		    text_double(b[1], t->knee), t->pad, t->window);
	if (*t->known)
		text_printf(out, "known %s\n", t->known);
	text_printf(out, "low %s\nhigh %s\n", text_double(b[0], t->low),
		    text_double(b[1], t->high));
	text_printf(out, "crop %d\nnoise %s\n", t->crop, text_double(b[0], t->noise));
	text_printf(out, "spread %s\nphase %s\ngain %s\n", text_double(b[0], t->spread),
		    text_double(b[1], t->phase), text_double(b[2], t->gain));
}

bool learn_is_task(const struct train_model *m)
{
	char *target = learn_record(m->record, "target");
	free(target);
	return target != NULL;
}

precess_status learn_task_read(struct net_template *t, const struct train_model *m)
{
	struct text text;
	text_init(&text);
	text_printf(&text, "name task\nkind unet\n");
	for (size_t i = 0; i < PRECESS_COUNT(keys); i++) {
		char *value = learn_record(m->record, keys[i]);
		if (value)
			text_printf(&text, "%s %s\n", keys[i], value);
		free(value);
	}
	precess_status st = net_template_parse(t, text.data, "the model's record");
	text_free(&text);
	return st;
}

double learn_unit(const char **unit, enum program_map_kind k)
{
	bool is_time = k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
	*unit = is_time ? " ms" : k == PROGRAM_MAP_dB0 ? " Hz" : "";
	return is_time ? 1e3 : 1;
}

/* ------------------------------------------------------------------ scores */
void learn_fit_add(struct learn_fit *f, double truth, double value)
{
	f->n++;
	f->x += truth;
	f->y += value;
	f->xx += truth * truth;
	f->yy += value * value;
	f->xy += truth * value;
	f->absolute += fabs(value - truth);
}

/* The square of REGION pixels at `at`: true when it is one tissue, inside the range that counts. */
static bool region(double *truth, double *value, const float *t, const float *v, int nx,
		   const struct net_template *task)
{
	double x = 0, xx = 0, y = 0, n = REGION * REGION;
	for (int k = 0; k < REGION * REGION; k++) {
		int i = k / REGION * nx + k % REGION;
		if (t[i] == 0)
			return false;
		x += (double)t[i] / n;
		xx += (double)t[i] * (double)t[i] / n;
		y += (double)v[i] / n;
	}
	*truth = x;
	*value = y;
	return x >= task->low && x <= task->high && xx - x * x < UNIFORM * UNIFORM * x * x;
}

void learn_fit_regions(struct learn_fit *f, const float *truth, const float *value,
		       const int size[2], const struct net_template *task)
{
	double x, y;
	for (int j = 0; j + REGION <= size[1]; j += REGION)
		for (int i = 0; i + REGION <= size[0]; i += REGION)
			if (region(&x, &y, truth + j * size[0] + i, value + j * size[0] + i,
				   size[0], task))
				learn_fit_add(f, x, y);
}

void learn_fit_solve(struct learn_fit *f)
{
	double n = (double)f->n, vx = f->xx - f->x * f->x / n, vy = f->yy - f->y * f->y / n,
	       cov = f->xy - f->x * f->y / n;
	f->slope = cov / vx;
	f->intercept = (f->y - f->slope * f->x) / n;
	f->r2 = cov * cov / (vx * vy);
	f->mae = f->absolute / n;
	f->bias = (f->y - f->x) / n;
}

/* ------------------------------------------------------------------ whole images */
struct learn_mapper {
	struct data_view *view; /* borrowed */
	struct net *net;
	struct nn *nn;
	int size[2];
	float *map;
};

precess_status learn_mapper_create(struct learn_mapper **out, const struct net *net,
				   struct data_view *view, int nx, int ny,
				   enum nn_precision precision, int threads)
{
	struct learn_mapper *m = calloc(1, sizeof *m);
	precess_status st;
	*out = NULL;
	if (!m)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	m->view = view;
	m->size[0] = nx;
	m->size[1] = ny;
	TRY(net_resized(&m->net, net, nx, ny));
	TRY(nn_create(&m->nn, m->net,
		      &(struct nn_options){
			      .batch = 1, .precision = precision, .threads = threads }));
	m->map = memory_aligned((size_t)nx * (size_t)ny * sizeof *m->map);
	if (!m->map) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	*out = m;
	m = NULL;
out:
	learn_mapper_free(m);
	return st;
}

void learn_mapper_free(struct learn_mapper *m)
{
	if (!m)
		return;
	nn_free(m->nn);
	net_free(m->net);
	free(m->map);
	free(m);
}

void learn_mapper_weights(struct learn_mapper *m, const float *weight)
{
	memcpy(nn_parameters(m->nn), weight, m->net->n_number * sizeof *weight);
}

precess_status learn_mapper_run(const float **map, struct learn_mapper *m)
{
	static const int origin[2] = { 0, 0 };
	precess_status st;
	data_view_fill(nn_input(m->nn, 0), m->view, origin, m->size);
	TRY(nn_forward(m->nn));
	size_t n = (size_t)m->size[0] * (size_t)m->size[1];
	memcpy(m->map, nn_output(m->nn), n * sizeof *m->map);
	data_view_decode(m->map, m->view, n);
	*map = m->map;
out:
	return st;
}

/* ------------------------------------------------------------------ held-out samples */
struct learn_map_test {
	struct data_view *view; /* borrowed */
	struct learn_mapper *mapper;
	struct data_sample **sample;
	int n, size[2];
	float *truth;
};

precess_status learn_map_test_create(struct learn_map_test **out, const struct program *p,
				     const struct net *net, struct data_view *view,
				     const struct data_recipe *r, int n, int threads)
{
	struct learn_map_test *t = calloc(1, sizeof *t);
	int pad = data_view_template(view)->pad;
	precess_status st;
	*out = NULL;
	if (!t)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	t->view = view;
	TRY(learn_samples(&t->sample, &t->n, p, NULL, r, n, threads));
	for (int a = 0; a < 2; a++)
		t->size[a] = pad * (a ? t->sample[0]->shape.ny : t->sample[0]->shape.nx);
	t->truth = memory_aligned((size_t)t->size[0] * (size_t)t->size[1] * sizeof *t->truth);
	if (!t->truth) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(learn_mapper_create(&t->mapper, net, view, t->size[0], t->size[1], NN_F32, threads));
	*out = t;
	t = NULL;
out:
	learn_map_test_free(t);
	return st;
}

void learn_map_test_free(struct learn_map_test *t)
{
	if (!t)
		return;
	learn_samples_free(t->sample, t->n);
	learn_mapper_free(t->mapper);
	free(t->truth);
	free(t);
}

precess_status learn_map_test_score(struct learn_fit *out, struct learn_map_test *t,
				    const float *weight)
{
	const struct net_template *task = data_view_template(t->view);
	static const int origin[2] = { 0, 0 };
	const float *map;
	precess_status st = PRECESS_OK;
	*out = (struct learn_fit){ .n = 0 };
	learn_mapper_weights(t->mapper, weight);
	for (int k = 0; k < t->n; k++) {
		const struct data_sample *s = t->sample[k];
		struct rng r = rng_make(HELD_OUT_NOISE, s->index);
		data_view_set(t->view, s->image, s->param, LEARN_NOISE, &r);
		TRY(learn_mapper_run(&map, t->mapper));
		TRY(data_view_truth(t->truth, t->view, s, origin, t->size));
		learn_fit_regions(out, t->truth, map, t->size, task);
	}
	learn_fit_solve(out);
out:
	return st;
}
