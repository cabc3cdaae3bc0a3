/* T2 by a trained network, slice by slice, on the finer grid that it was trained for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/learn.h"
#include "compiler/driver/map.h"

/* Pixels to each side whose mean power decides on the mask: neighbouring ones show how the echoes
 * interfere. */
#define REACH 2
/* Of the network's unit: where there is no object it says 0, less or more. */
#define NOTHING 0.1

struct work {
	const struct map_network *o;
	const struct map_input *in;
	struct learn_model model;
	struct net_template task;
	struct data_view *view;
	struct learn_mapper *mapper;
	double *param;
	float *image, *power; /* of a slice: all sets; mean square around each pixel */
	struct mapping_maps *maps;
};

/* ------------------------------------------------------------------ what is given */
/* As set, else as the images tell, else the defaults. */
static int set_parameters(struct work *w)
{
	const struct program *p = w->model.compiled.program;
	const struct io_image *image = w->in->first;
	int rc = EXIT_OK;
	w->param = calloc(p->n_param + 1, sizeof *w->param);
	if (!w->param)
		return world_error(precess_fail(PRECESS_ENOMEM, "out of memory"));
	for (uint32_t i = 0; i < p->n_param; i++) {
		w->param[i] = p->param[i].value;
		for (size_t j = 0; j < image->n_param; j++)
			if (!strcmp(image->param[j].name, p->param[i].name))
				w->param[i] = image->param[j].value;
	}
	for (size_t i = 0; i < w->o->set->n && !rc; i++)
		rc = learn_set(w->param, p, w->o->set->item[i]);
	return rc;
}

static precess_status check(const struct work *w)
{
	const struct program *p = w->model.compiled.program;
	const struct mapping_series *s = w->in->series;
	const char *hash = w->in->first->program_hash, *const * name;
	if (w->task.target != PROGRAM_MAP_T2)
		return precess_fail(PRECESS_ENOTSUP, "%s gives %s; precess map makes maps of T2",
				    w->o->model,
				    program_map_name((enum program_map_kind)w->task.target));
	/* a reconstruction has no program: "-" */
	if (hash && strcmp(hash, "-") && strcmp(hash, w->model.model->hash))
		return precess_fail(PRECESS_EINVAL,
				    "%s was made by another sequence than %s was trained for (%s), "
				    "or by another version of it",
				    w->in->first_name, w->o->model, p->name);
	if (s->nx != p->matrix[0] || s->ny != p->matrix[1])
		return precess_fail(
			PRECESS_EINVAL, "%s is %d x %d, %s was trained for images of %d x %d",
			w->in->first_name, s->nx, s->ny, w->o->model, p->matrix[0], p->matrix[1]);
	if ((uint32_t)data_view_channels(w->view, &name) != w->model.model->net->input[0].n_channel)
		return precess_fail(PRECESS_EINVAL,
				    "%d images for %s, which was trained for others", s->n_echo,
				    w->o->model);
	for (uint32_t i = 0; i < p->n_param; i++)
		if (!(w->param[i] >= p->param[i].lo && w->param[i] <= p->param[i].hi))
			fprintf(stderr,
				"precess: warning: %s = %.6g is outside the range of training, "
				"%.6g .. %.6g\n",
				p->param[i].name, w->param[i], p->param[i].lo, p->param[i].hi);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ the mask */
static void local_power(float *power, const float *image, int nx, int ny, int n_set)
{
	for (int i = 0; i < nx * ny; i++) {
		double sum = 0;
		int n = 0;
		for (int y = i / nx - REACH; y <= i / nx + REACH; y++)
			for (int x = i % nx - REACH; x <= i % nx + REACH; x++) {
				if (x < 0 || y < 0 || x >= nx || y >= ny)
					continue;
				for (int s = 0; s < n_set; s++) {
					const float *v =
						image +
						2 * ((size_t)(s * ny + y) * (size_t)nx + (size_t)x);
					sum += (double)v[0] * (double)v[0] +
					       (double)v[1] * (double)v[1];
				}
				n++;
			}
		power[i] = (float)(sum / n);
	}
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? -1 : x > y;
}

/* The power above which a pixel is in the mask; `scratch` has as many numbers. */
static float threshold(const float *power, float *scratch, size_t n, double fraction)
{
	memcpy(scratch, power, n * sizeof *scratch);
	qsort(scratch, n, sizeof *scratch, by_value);
	return fraction < 0 ? -1 : (float)(fraction * fraction) * scratch[(n - 1) * 99 / 100];
}

/* ------------------------------------------------------------------ slices */
static void take_slice(struct work *w, int z)
{
	const struct mapping_series *s = w->in->series;
	size_t pixels = (size_t)s->nx * (size_t)s->ny;
	for (int e = 0; e < s->n_echo; e++)
		memcpy(w->image + 2 * pixels * (size_t)e,
		       s->image + 2 * pixels * (size_t)(e * s->nz + z),
		       2 * pixels * sizeof *w->image);
}

static precess_status map_slice(struct work *w, int z)
{
	const struct mapping_series *s = w->in->series;
	struct mapping_maps *m = w->maps;
	int pad = w->task.pad;
	size_t pixels = (size_t)s->nx * (size_t)s->ny, fine = (size_t)m->nx * (size_t)m->ny;
	const float *map;
	precess_status st;
	take_slice(w, z);
	local_power(w->power, w->image, s->nx, s->ny, s->n_echo);
	float least = threshold(w->power, w->power + pixels, pixels, w->o->fraction);
	data_view_set(w->view, w->image, w->param, 0, NULL);
	TRY(learn_mapper_run(&map, w->mapper));
	for (size_t i = 0; i < fine; i++) {
		size_t at = i / (size_t)m->nx / (size_t)pad * (size_t)s->nx +
			    i % (size_t)m->nx / (size_t)pad;
		bool in = w->power[at] > least &&
			  (!w->o->mask || w->o->mask[pixels * (size_t)z + at]) &&
			  map[i] > NOTHING * w->task.scale;
		m->map[MAPPING_T2][fine * (size_t)z + i] = in ? map[i] : 0;
		m->n_voxel += in;
	}
out:
	return st;
}

static precess_status allocate(struct work *w)
{
	const struct mapping_series *s = w->in->series;
	const struct program *p = w->model.compiled.program;
	struct mapping_maps *m = calloc(1, sizeof *m);
	size_t pixels = (size_t)s->nx * (size_t)s->ny;
	w->maps = m;
	w->image = memory_aligned(2 * pixels * (size_t)s->n_echo * sizeof *w->image);
	w->power = memory_aligned(2 * pixels * sizeof *w->power);
	if (!m || !w->image || !w->power)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	m->nx = w->task.pad * s->nx;
	m->ny = w->task.pad * s->ny;
	m->nz = s->nz;
	for (int a = 0; a < 3; a++) {
		double n = a ? s->ny : s->nx;
		m->voxel[a] = s->voxel[a] > 0 ? s->voxel[a] : a < 2 ? p->fov[a] / n : p->fov[2];
		m->voxel[a] /= a < 2 ? w->task.pad : 1;
	}
	m->map[MAPPING_T2] = calloc(MAPPING_VOXELS(m) + 1, sizeof(float));
	return m->map[MAPPING_T2] ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory");
}

/* The same slab of space in smaller voxels. */
static void refine(struct io_volume *place, const struct mapping_maps *m)
{
	static const double straight[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };
	bool oblique = false;
	for (int i = 0; i < 9; i++)
		oblique |= place->axes[i / 3][i % 3] != 0;
	const double(*axes)[3] = oblique ? (const double(*)[3])place->axes : straight;
	int n[3] = { m->nx, m->ny, m->nz }, was[3] = { place->nx, place->ny, place->nz };
	for (int a = 0; a < 3; a++) {
		double shift = 0.5 * (was[a] - 1) * place->voxel[a] -
			       0.5 * (n[a] - 1) * m->voxel[a];
		for (int i = 0; i < 3; i++)
			place->origin[i] += axes[i][a] * shift;
		place->voxel[a] = m->voxel[a];
	}
	place->nx = m->nx;
	place->ny = m->ny;
}

static precess_status run(struct work *w)
{
	const struct mapping_series *s = w->in->series;
	precess_status st;
	TRY(check(w));
	TRY(allocate(w));
	TRY(learn_mapper_create(&w->mapper, w->model.model->net, w->view, w->maps->nx, w->maps->ny,
				NN_F32, w->o->threads));
	learn_mapper_weights(w->mapper, w->model.model->weight);
	for (int z = 0; z < s->nz; z++) {
		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted after %d slices", z);
			goto out;
		}
		TRY(map_slice(w, z));
	}
out:
	return st;
}

int map_network(struct mapping_maps **out, struct io_volume *place, const struct map_input *in,
		const struct map_network *o)
{
	const struct mapping_series *s = in->series;
	struct work w = { .o = o, .in = in };
	int rc = learn_model_open(&w.model, o->model, NULL, o->library,
				  &(struct nn_options){ .batch = 1, .threads = o->threads },
				  o->json);
	precess_status st = PRECESS_OK;
	*out = NULL;
	if (rc)
		return rc;
	if (!learn_is_task(w.model.model)) {
		st = precess_fail(PRECESS_EINVAL, "%s makes images, it maps none: `precess predict %s` uses it",
				  o->model, o->model);
		goto out;
	}
	if ((rc = set_parameters(&w)))
		goto out;
	TRY(learn_task_read(&w.task, w.model.model));
	TRY(data_view_create(&w.view, w.model.compiled.program, &w.task, s->nx, s->ny, s->n_echo));
	TRY(run(&w));
	*place = in->place;
	refine(place, w.maps);
	*out = w.maps;
	w.maps = NULL;
out:
	rc = st ? learn_failed(NULL, o->json, st) : rc;
	mapping_maps_free(w.maps);
	learn_mapper_free(w.mapper);
	data_view_free(w.view);
	learn_model_close(&w.model);
	free(w.param);
	free(w.image);
	free(w.power);
	return rc;
}
