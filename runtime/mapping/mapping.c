/* Methods by name, and the loop over voxels that they share. */
#include "runtime/mapping/internal.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_names[] = {
#define METHOD(name, doc) #name,
#include "runtime/mapping/methods.def"
#undef METHOD
};
static const char *const kind_names[] = {
#define MAP(name, unit, doc) #name,
#include "runtime/mapping/maps.def"
#undef MAP
};
static const char *const kind_units[] = {
#define MAP(name, unit, doc) unit,
#include "runtime/mapping/maps.def"
#undef MAP
};
static const char *const noise_names[] = {
#define NOISE(name, doc) #name,
#include "runtime/mapping/noise.def"
#undef NOISE
};

static int find(const char *const *names, int n, const char *name)
{
	while (n-- > 0 && strcmp(names[n], name) != 0)
		;
	return n;
}

const char *mapping_method_name(enum mapping_method m)
{
	return method_names[m];
}

int mapping_method_find(const char *name)
{
	return find(method_names, MAPPING_METHODS, name);
}

const char *mapping_kind_name(enum mapping_kind k)
{
	return kind_names[k];
}

const char *mapping_kind_unit(enum mapping_kind k)
{
	return kind_units[k];
}

const char *mapping_noise_name(enum mapping_noise n)
{
	return noise_names[n];
}

int mapping_noise_find(const char *name)
{
	return find(noise_names, MAPPING_NOISES, name);
}

precess_status mapping_run(struct mapping_maps **out, enum mapping_method m,
			   const struct mapping_series *s, const struct mapping_options *o)
{
	static precess_status (*const run[])(struct mapping_maps *, const struct mapping_series *,
					     const struct mapping_options *) = {
#define METHOD(name, doc) mapping_##name,
#include "runtime/mapping/methods.def"
#undef METHOD
	};
	struct mapping_maps *maps = calloc(1, sizeof *maps);
	precess_status st;

	*out = NULL;
	if (!maps)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	maps->nx = s->nx;
	maps->ny = s->ny;
	maps->nz = s->nz;
	memcpy(maps->voxel, s->voxel, sizeof maps->voxel);
	TRY(run[m](maps, s, o));
	*out = maps;
	maps = NULL;
out:
	mapping_maps_free(maps);
	return st;
}

void mapping_maps_free(struct mapping_maps *m)
{
	if (!m)
		return;
	for (int k = 0; k < MAPPING_KINDS; k++)
		free(m->map[k]);
	free(m->mask);
	free(m);
}

static precess_status make_mask(struct mapping_maps *m, const struct mapping_series *s,
				const struct mapping_options *o)
{
	size_t n = MAPPING_VOXELS(s);

	m->mask = malloc((n + 1) * sizeof *m->mask);
	if (!m->mask)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a mask");
	if (!o->mask && o->threshold >= 0)
		return mapping_mask_threshold(m->mask, s, o->threshold);
	for (size_t i = 0; i < n; i++)
		m->mask[i] = !o->mask || o->mask[i];
	return PRECESS_OK;
}

precess_status mapping_prepare(struct mapping_maps *m, const struct mapping_series *s,
			       const struct mapping_options *o, int least, const char *method)
{
	for (int i = 0; i < s->n_echo; i++) {
		if (isnan(s->te[i]))
			return precess_fail(PRECESS_EINVAL,
					    "image %d has no echo time: name the times "
					    "of all images with --te, as in --te 35ms,50ms",
					    i + 1);
	}
	if (s->n_echo < least)
		return precess_fail(PRECESS_EINVAL, "%s needs %d echoes or more; there %s %d",
				    method, least, s->n_echo == 1 ? "is" : "are", s->n_echo);
	if (s->n_echo > FIT_ECHOES)
		return precess_fail(PRECESS_EINVAL, "too many echoes: %d (limit %d)", s->n_echo,
				    FIT_ECHOES);
	return make_mask(m, s, o);
}

precess_status mapping_t1(double *t1, const struct mapping_options *o)
{
	const struct program_map *m = &o->program->map[PROGRAM_MAP_T1];

	*t1 = o->t1 > 0 ? o->t1 : m->value;
	if (!(o->t1 > 0) && m->channel)
		return precess_fail(PRECESS_EINVAL,
				    "%s takes T1 from the object: name one, as in "
				    "--t1 1",
				    o->program->name);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ voxels */
struct loop {
	struct mapping_maps *m;
	const struct mapping_series *s;
	unsigned kinds;
	mapping_voxel_fn *fit;
	const void *context;
};

/* The magnitudes of a voxel's echoes; false where there is nothing to fit. */
static bool gather(double *out, const struct mapping_series *s, size_t voxel)
{
	size_t n = MAPPING_VOXELS(s);
	double sum = 0;

	for (int e = 0; e < s->n_echo; e++) {
		const float *v = s->image + 2 * ((size_t)e * n + voxel);

		out[e] = hypot((double)v[0], (double)v[1]);
		sum += out[e];
	}
	return isfinite(sum) && sum > 0;
}

/* 0 fitted, 1 not, 2 at a limit. */
static int one_voxel(const struct loop *l, size_t voxel)
{
	struct mapping_voxel v = { .at_limit = false };
	double magnitude[FIT_ECHOES];

	for (int k = 0; k < MAPPING_KINDS; k++)
		v.value[k] = NAN;
	if (!gather(magnitude, l->s, voxel) || !l->fit(&v, magnitude, voxel, l->context))
		return 1;
	for (int k = 0; k < MAPPING_KINDS; k++) {
		if (l->kinds & 1u << k && isfinite(v.value[k]))
			l->m->map[k][voxel] = (float)v.value[k];
	}
	return v.at_limit ? 2 : 0;
}

precess_status mapping_voxels(struct mapping_maps *m, const struct mapping_series *s,
			      const struct mapping_options *o, unsigned kinds,
			      mapping_voxel_fn *fit, const void *context)
{
	struct loop l = { m, s, kinds, fit, context };
	size_t n = MAPPING_VOXELS(s), row = (size_t)s->nx, in = 0, failed = 0, limit = 0, done = 0;
	int threads = o->threads > 0 ? o->threads : omp_get_max_threads();
	struct progress p;

	for (int k = 0; k < MAPPING_KINDS; k++) {
		if (kinds & 1u << k && !(m->map[k] = calloc(n + 1, sizeof *m->map[k])))
			return precess_fail(PRECESS_ENOMEM, "out of memory for maps of %zu voxels",
					    n);
	}
	progress_begin(&p, "fitting", n, o->quiet);
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(+ : in, failed, limit)
	for (size_t r = 0; r < n / row; r++) {
		for (size_t i = r * row; i < (r + 1) * row && !interrupted(); i++) {
			int outcome = !m->mask[i] ? -1 : one_voxel(&l, i);

			in += outcome >= 0;
			failed += outcome == 1;
			limit += outcome == 2;
		}
#pragma omp critical
		progress_at(&p, done += row);
	}
	progress_end(&p);
	if (interrupted())
		return precess_fail(PRECESS_ECANCEL, "interrupted");
	if (in == failed)
		return precess_fail(PRECESS_EINVAL,
				    in ? "none of %zu voxels in the mask has a signal "
					 "that can be fitted"
				       : "no voxel is in the mask: lower --mask",
				    in);
	m->n_voxel = in;
	m->n_failed = failed;
	m->n_limit = limit;
	return PRECESS_OK;
}
