/* One exponential through the echoes of a voxel: M0 exp(-TE R2), alone, over a fitted constant, or as
 * the mean of a Rician magnitude. The start is the straight line through log S, each point weighted
 * with S^2, which is what noise of equal size in S makes of log S.
 *
 * A magnitude of a true signal A with noise sigma in both parts has the mean
 *     sigma sqrt(pi/2) L(-A^2 / (2 sigma^2)),  L(-2u) = exp(-u) ((1 + 2u) I0(u) + 2u I1(u)),
 * with u = A^2 / (4 sigma^2) (Rice 1944; Gudbjartsson and Patz 1995): fitted instead of A, late
 * echoes no longer pull T2 up. */
#include "runtime/mapping/internal.h"

#include <math.h>

struct decay {
	const double *te;
	int n;
	enum mapping_noise noise;
	double sigma, r2_lo, r2_hi, data_sigma;
};

/* ------------------------------------------------------------------ Rice's mean */
/* exp(-u) I0(u) and exp(-u) I1(u), u >= 0: Abramowitz and Stegun 9.8.1 .. 9.8.4, 2e-7. */
static void scaled_bessel(double *i0, double *i1, double u)
{
	double t = u / 3.75, s = t * t, e = exp(-u);

	if (u < 3.75) {
		*i0 = e * (1 + s * (3.5156229 + s * (3.0899424 + s * (1.2067492 + s * (0.2659732 +
			   s * (0.0360768 + s * 0.0045813))))));
		*i1 = e * u * (0.5 + s * (0.87890594 + s * (0.51498869 + s * (0.15084934 +
			   s * (0.02658733 + s * (0.00301532 + s * 0.00032411))))));
		return;
	}
	t = 1 / t;
	*i0 = (0.39894228 + t * (0.01328592 + t * (0.00225319 + t * (-0.00157565 + t * (0.00916281 +
	       t * (-0.02057706 + t * (0.02635537 + t * (-0.01647633 + t * 0.00392377)))))))) /
	      sqrt(u);
	*i1 = (0.39894228 + t * (-0.03988024 + t * (-0.00362018 + t * (0.00163801 + t * (-0.01031555 +
	       t * (0.02282967 + t * (-0.02895312 + t * (0.01787654 - t * 0.00420059)))))))) /
	      sqrt(u);
}

/* The mean magnitude of a signal `a`, and its derivative. */
static double rice_mean(double *slope, double a, double sigma)
{
	double u = a * a / (4 * sigma * sigma), i0, i1, root = sqrt(1.5707963267948966);

	scaled_bessel(&i0, &i1, u);
	*slope = root * a / (2 * sigma) * (i0 + i1);
	return sigma * root * ((1 + 2 * u) * i0 + 2 * u * i1);
}

/* ------------------------------------------------------------------ the model */
/* x: M0, R2 and, over a constant, the constant. */
static void model(double *value, double *jacobian, const double *x, const void *context)
{
	const struct decay *d = context;
	int n_x = d->noise == MAPPING_NOISE_offset ? 3 : 2;

	for (int i = 0; i < d->n; i++) {
		double e = exp(-d->te[i] * x[1]), slope = 1;

		value[i] = x[0] * e;
		if (d->noise == MAPPING_NOISE_offset)
			value[i] += x[2];
		if (d->noise == MAPPING_NOISE_rician)
			value[i] = rice_mean(&slope, value[i], d->sigma);
		if (!jacobian)
			continue;
		jacobian[i * n_x] = slope * e;
		jacobian[i * n_x + 1] = -slope * d->te[i] * x[0] * e;
		if (n_x == 3)
			jacobian[i * n_x + 2] = 1;
	}
}

/* False when fewer than two echoes have a signal. */
static bool straight_line(double x[2], const double *s, const struct decay *d)
{
	double w = 0, t = 0, tt = 0, l = 0, tl = 0, det;
	int n = 0;

	for (int i = 0; i < d->n; i++) {
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
	struct fit f = { .model = model, .context = d, .data = magnitude, .n = d->n, .n_x = 2,
			 .sigma = d->data_sigma };
	double r2;

	(void)voxel;
	if (!straight_line(f.x, magnitude, d))
		return false;
	if (d->noise == MAPPING_NOISE_offset)
		f.n_x = 3;
	if (!fit_solve(&f) || !(f.x[0] > 0))
		return false;
	r2 = fmin(fmax(f.x[1], d->r2_lo), d->r2_hi);
	out->at_limit = r2 != f.x[1];
	out->value[MAPPING_T2] = 1 / r2;
	out->value[MAPPING_M0] = f.x[0];
	out->value[MAPPING_T2_error] = f.deviation[1] / (r2 * r2);
	out->value[MAPPING_residual] = f.rms / f.x[0];
	if (f.n_x == 3)
		out->value[MAPPING_floor] = f.x[2];
	return true;
}

precess_status mapping_mono(struct mapping_maps *m, const struct mapping_series *s,
			    const struct mapping_options *o)
{
	struct decay d = { .te = s->te, .n = s->n_echo, .noise = o->noise, .sigma = o->sigma,
			   .r2_lo = 1 / o->t2_hi, .r2_hi = 1 / o->t2_lo, .data_sigma = o->sigma };
	int n_x = d.noise == MAPPING_NOISE_offset ? 3 : 2;
	unsigned kinds = 1u << MAPPING_T2 | 1u << MAPPING_M0 | 1u << MAPPING_residual;
	precess_status st;

	TRY(mapping_need_echoes(s, n_x, "mono"));
	if (d.noise == MAPPING_NOISE_rician && !(d.sigma > 0))
		TRY(mapping_noise_estimate(&d.sigma, s));
	if (d.data_sigma > 0 || d.n > n_x)
		kinds |= 1u << MAPPING_T2_error;
	if (n_x == 3)
		kinds |= 1u << MAPPING_floor;
	st = mapping_voxels(m, s, o, kinds, fit_voxel, &d);
out:
	return st;
}
