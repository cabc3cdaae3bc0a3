/* One exponential through the echoes of a voxel. The start is the straight line through log S, each
 * point weighted with S^2, which is what noise of equal size in S makes of log S. */
#include "runtime/mapping/internal.h"

#include <math.h>

struct decay {
	const double *te;
	double r2_lo, r2_hi;
	struct fit fit; /* what it is for all voxels */
};

/* x: M0, R2. */
static void model(double *value, double *slope, const double *x, const void *context)
{
	const struct decay *d = context;

	for (int i = 0; i < d->fit.n; i++) {
		double e = exp(-d->te[i] * x[1]);

		value[i] = x[0] * e;
		if (!slope)
			continue;
		slope[i * FIT_PARAMETERS] = e;
		slope[i * FIT_PARAMETERS + 1] = -d->te[i] * x[0] * e;
	}
}

/* False when fewer than two echoes have a signal. */
static bool straight_line(double x[2], const double *s, const struct decay *d)
{
	double w = 0, t = 0, tt = 0, l = 0, tl = 0, det;
	int n = 0;

	for (int i = 0; i < d->fit.n; i++) {
		double v = s[i] * s[i];

		if (!(s[i] > 0))
			continue;
		n++;
		w += v;
		t += v * d->te[i];
		tt += v * d->te[i] * d->te[i];
		l += v * log(s[i]);
		tl += v * d->te[i] * log(s[i]);
	}
	det = w * tt - t * t;
	if (n < 2 || !(det > 0))
		return false;
	x[1] = (t * l - w * tl) / det;
	x[1] = fmin(fmax(x[1], d->r2_lo), d->r2_hi);
	x[0] = exp((l + x[1] * t) / w);
	return isfinite(x[0]);
}

static bool fit_voxel(struct mapping_voxel *out, const double *magnitude, size_t voxel,
		      const void *context)
{
	const struct decay *d = context;
	struct fit f = d->fit;
	double r2;

	(void)voxel;
	f.context = d;
	f.data = magnitude;
	if (!straight_line(f.x, magnitude, d) || !fit_solve(&f))
		return false;
	r2 = fmin(fmax(f.x[1], d->r2_lo), d->r2_hi);
	out->at_limit = r2 != f.x[1];
	out->value[MAPPING_T2] = 1 / r2;
	out->value[MAPPING_T2_error] = f.deviation[1] / (r2 * r2);
	fit_tell(out, &f);
	return true;
}

precess_status mapping_mono(struct mapping_maps *m, const struct mapping_series *s,
			    const struct mapping_options *o)
{
	struct decay d = { .te = s->te,
			   .r2_lo = 1 / o->t2_hi,
			   .r2_hi = 1 / o->t2_lo,
			   .fit = { .model = model, .n_x = 2 } };
	unsigned kinds = 0;
	precess_status st;

	TRY(mapping_prepare(m, s, o, o->noise == MAPPING_NOISE_offset ? 3 : 2, "mono"));
	TRY(fit_noise(&d.fit, &kinds, m, s, o));
	st = mapping_voxels(m, s, o, kinds, fit_voxel, &d);
out:
	return st;
}
