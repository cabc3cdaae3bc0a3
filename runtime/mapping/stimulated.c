/* Echo trains whose refocusing is not perfect: stimulated echoes join, and the decay is no longer one
 * exponential (Hennig 1988). Every voxel is matched with a dictionary over T2 and B1 (Lebel and Wilman
 * 2010; Ben-Eliezer et al. 2015), and the match refined between its nodes by least squares. */
#include "runtime/mapping/dictionary.h"

#include <math.h>

/* An edge of the grid is met within this part of a step. */
static const double on_edge = 1e-6;

struct train {
	const struct dictionary *d;
	struct fit fit;
};

/* x: M0, log T2 and, unless it is known, B1. */
static void model(double *value, double *slope, const double *x, const void *context)
{
	const struct train *t = context;
	double at[2] = { x[1], t->fit.n_x == 3 ? x[2] : t->d->first[1] };
	double by_t2[FIT_ECHOES], by_b1[FIT_ECHOES];

	dictionary_at(value, by_t2, by_b1, t->d, at);
	for (int i = 0; i < t->fit.n; i++) {
		if (slope) {
			slope[i * FIT_PARAMETERS] = value[i];
			slope[i * FIT_PARAMETERS + 1] = x[0] * by_t2[i];
			if (t->fit.n_x == 3)
				slope[i * FIT_PARAMETERS + 2] = x[0] * by_b1[i];
		}
		value[i] *= x[0];
	}
}

static double inside(double x, const struct dictionary *d, int axis)
{
	double last = d->first[axis] + d->step[axis] * (d->n[axis] - 1);

	return fmin(fmax(x, d->first[axis]), last);
}

static bool fit_voxel(struct mapping_voxel *out, const double *magnitude, size_t voxel,
		      const void *context)
{
	const struct train *t = context;
	const struct dictionary *d = t->d;
	struct fit f = t->fit;
	double sum = 0, square = 0, value[FIT_ECHOES], t2;
	int at[2] = { 0 };

	(void)voxel;
	f.context = t;
	f.data = magnitude;
	dictionary_match(at, d, magnitude);
	for (int axis = 0; axis < 2; axis++)
		f.x[axis + 1] = d->first[axis] + d->step[axis] * at[axis];
	dictionary_at(value, NULL, NULL, d, f.x + 1);
	for (int e = 0; e < f.n; e++) {
		sum += value[e] * magnitude[e];
		square += value[e] * value[e];
	}
	f.x[0] = sum / square;
	if (f.n_x == 2)
		f.x[2] = 0; /* the offset, where one is fitted */
	if (!fit_solve(&f))
		return false;
	t2 = exp(inside(f.x[1], d, 0));
	out->at_limit = fabs(f.x[1] - inside(f.x[1], d, 0)) > on_edge;
	out->value[MAPPING_T2] = t2;
	out->value[MAPPING_T2_error] = f.deviation[1] * t2;
	out->value[MAPPING_B1] = f.n_x == 3 ? inside(f.x[2], d, 1) : d->first[1];
	fit_tell(out, &f);
	return true;
}

precess_status mapping_stimulated(struct mapping_maps *m, const struct mapping_series *s,
				  const struct mapping_options *o)
{
	struct train t = { .fit = { .model = model, .n_x = o->b1_hi > o->b1_lo ? 3 : 2 } };
	struct dictionary *d = NULL;
	unsigned kinds = 1u << MAPPING_B1;
	precess_status st;

	if (!o->program)
		return precess_fail(PRECESS_EINVAL,
				    "stimulated needs the sequence of the images beside "
				    "them, as in precess map sequences/cpmg.seq IMAGE.h5");
	TRY(mapping_prepare(m, s, o, t.fit.n_x + (o->noise == MAPPING_NOISE_offset), "stimulated"));
	TRY(fit_noise(&t.fit, &kinds, m, s, o));
	TRY(dictionary_create(&d, s, o));
	t.d = d;
	st = mapping_voxels(m, s, o, kinds, fit_voxel, &t);
out:
	dictionary_free(d);
	return st;
}
