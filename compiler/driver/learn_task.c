/* Networks that map: the task in a model's record, its network, whole images through what was
 * trained on crops. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/learn.h"

/* ------------------------------------------------------------------ the task */
/* The lines of a template that a model needs to map. */
static const char *const keys[] = { "target", "scale", "knee", "pad",
				    "window", "known", "low",  "high" };

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

precess_status learn_makes_images(const struct train_model *m, const char *path)
{
	return learn_is_task(m)
		       ? precess_fail(PRECESS_EINVAL, "%s maps images, it makes none: `precess map %s IMAGE.h5` "
				      "uses it", path, path)
		       : PRECESS_OK;
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

precess_status learn_task_build(struct data_view **view, struct net **net, const struct program *p,
				const struct net_template *t)
{
	const struct data_recipe recipe = { .object = NULL };
	struct data_source *source = NULL;
	const char *const *channel;
	precess_status st;
	if (!p->map[t->target].channel)
		return precess_fail(PRECESS_EINVAL, "%s declares no map %s with a range to learn",
				    p->name, program_map_name((enum program_map_kind)t->target));
	TRY(data_source_create(&source, p, &recipe));
	const struct data_shape *h = data_source_shape(source);
	TRY(data_view_create(view, p, t, h->nx, h->ny, h->n_set));
	int n = data_view_channels(*view, &channel), nx = t->pad * h->nx, ny = t->pad * h->ny;
	if (t->crop) {
		nx = t->crop < nx ? t->crop : nx;
		ny = t->crop < ny ? t->crop : ny;
	}
	st = net_build_unet(net, t, nx, ny, channel, n, 1);
out:
	data_source_free(source);
	return st;
}

precess_status learn_check_engine(const struct train_model *m, const struct program *p,
				  const char *path)
{
	precess_status st = learn_makes_images(m, path);
	if (st)
		return st;
	if (strcmp(m->hash, p->hash))
		return precess_fail(PRECESS_EINVAL,
				    "%s was trained for another sequence (%s, program %.12s), not "
				    "for %s (program %.12s)",
				    path, m->sequence, m->hash, p->name, p->hash);
	return PRECESS_OK;
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
	TRY(nn_create(
		&m->nn, m->net,
		&(struct nn_options){ .batch = 1, .precision = precision, .threads = threads }));
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
