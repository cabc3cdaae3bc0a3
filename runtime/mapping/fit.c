/* Nonlinear least squares for a handful of parameters, by MINPACK's lmder, of a signal under noise.
 *
 * A magnitude of a true signal A with noise sigma in both parts has the mean
 *     sigma sqrt(pi/2) L(-A^2 / (2 sigma^2)),  L(-2u) = exp(-u) ((1 + 2u) I0(u) + 2u I1(u)),
 * with u = A^2 / (4 sigma^2) (Rice 1944; Gudbjartsson and Patz 1995): fitted instead of A, late
 * echoes no longer pull T2 up. */
#include "runtime/mapping/internal.h"

#include <cminpack.h>
#include <math.h>

static const double tolerance = 1e-10; /* relative, of sum and solution */
static const int most_calls = 200;

/* ------------------------------------------------------------------ noise */
static double polynomial(const double *c, int n, double x)
{
	double v = c[n - 1];

	for (int i = n - 2; i >= 0; i--)
		v = c[i] + x * v;
	return v;
}

/* exp(-u) I0(u) and exp(-u) I1(u), u >= 0: Abramowitz and Stegun 9.8.1 .. 9.8.4, 2e-7. */
static void scaled_bessel(double *i0, double *i1, double u)
{
	static const double near[2][7] = { { 1, 3.5156229, 3.0899424, 1.2067492, 0.2659732,
					     0.0360768, 0.0045813 },
					   { 0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733,
					     0.00301532, 0.00032411 } };
	static const double far[2][9] = { { 0.39894228, 0.01328592, 0.00225319, -0.00157565,
					    0.00916281, -0.02057706, 0.02635537, -0.01647633,
					    0.00392377 },
					  { 0.39894228, -0.03988024, -0.00362018, 0.00163801,
					    -0.01031555, 0.02282967, -0.02895312, 0.01787654,
					    -0.00420059 } };
	double t = u / 3.75;

	if (t < 1) {
		*i0 = exp(-u) * polynomial(near[0], 7, t * t);
		*i1 = exp(-u) * u * polynomial(near[1], 7, t * t);
	} else {
		*i0 = polynomial(far[0], 9, 1 / t) / sqrt(u);
		*i1 = polynomial(far[1], 9, 1 / t) / sqrt(u);
	}
}

/* The mean magnitude of a signal `a`, and its derivative. */
static double rice_mean(double *slope, double a, double sigma)
{
	double u = a * a / (4 * sigma * sigma), i0, i1, root = sqrt(1.5707963267948966);

	scaled_bessel(&i0, &i1, u);
	*slope = root * a / (2 * sigma) * (i0 + i1);
	return sigma * root * ((1 + 2 * u) * i0 + 2 * u * i1);
}

static int unknowns(const struct fit *f)
{
	return f->n_x + (f->noise == MAPPING_NOISE_offset);
}

precess_status fit_noise(struct fit *f, unsigned *kinds, const struct mapping_maps *m,
			 const struct mapping_series *s, const struct mapping_options *o)
{
	precess_status st = PRECESS_OK;

	f->n = s->n_echo;
	f->noise = o->noise;
	f->known = f->sigma = o->sigma;
	if (f->noise == MAPPING_NOISE_rician && !(f->sigma > 0))
		TRY(mapping_noise_estimate(&f->sigma, s, m->mask));
	*kinds |= 1u << MAPPING_T2 | 1u << MAPPING_M0 | 1u << MAPPING_residual;
	if (f->known > 0 || f->n > unknowns(f))
		*kinds |= 1u << MAPPING_T2_error;
	if (f->noise == MAPPING_NOISE_offset)
		*kinds |= 1u << MAPPING_floor;
out:
	return st;
}

void fit_tell(struct mapping_voxel *out, const struct fit *f)
{
	out->value[MAPPING_M0] = f->x[0];
	out->value[MAPPING_residual] = f->rms / f->x[0];
	if (f->noise == MAPPING_NOISE_offset)
		out->value[MAPPING_floor] = f->x[f->n_x];
}

/* ------------------------------------------------------------------ the solver */
/* MINPACK's matrices are by columns. */
static int evaluate(void *context, int n, int n_x, const double *x, double *residual,
		    double *columns, int stride, int flag)
{
	const struct fit *f = context;
	double value[FIT_ECHOES], slope[FIT_ECHOES * FIT_PARAMETERS], factor = 1;

	f->model(value, flag == 2 ? slope : NULL, x, f->context);
	for (int i = 0; i < n; i++) {
		if (f->noise == MAPPING_NOISE_rician)
			value[i] = rice_mean(&factor, value[i], f->sigma);
		if (f->noise == MAPPING_NOISE_offset)
			value[i] += x[f->n_x];
		if (flag != 2)
			residual[i] = value[i] - f->data[i];
		for (int j = 0; j < n_x && flag == 2; j++)
			columns[i + j * stride] = j < f->n_x
							  ? factor * slope[i * FIT_PARAMETERS + j]
							  : 1;
	}
	return 0;
}

/* From the triangle that lmder leaves: (J^T J)^-1 times the variance of the data. */
static void find_deviations(struct fit *f, double *r, const int *pivot)
{
	double work[FIT_PARAMETERS], variance = f->known * f->known;
	int n_x = unknowns(f), spare = f->n - n_x;

	if (!(f->known > 0))
		variance = spare > 0 ? f->rms * f->rms * f->n / spare : NAN;
	covar(n_x, r, f->n, pivot, 1e-14, work);
	for (int j = 0; j < n_x; j++)
		f->deviation[j] = sqrt(variance * r[j + j * f->n]);
}

bool fit_solve(struct fit *f)
{
	double residual[FIT_ECHOES], r[FIT_ECHOES * FIT_PARAMETERS];
	double scale[FIT_PARAMETERS], qtf[FIT_PARAMETERS], w1[FIT_PARAMETERS], w2[FIT_PARAMETERS],
		w3[FIT_PARAMETERS], w4[FIT_ECHOES], sum = 0;
	int pivot[FIT_PARAMETERS], calls, derivatives, n_x = unknowns(f);
	int info = lmder(evaluate, f, f->n, n_x, f->x, residual, r, f->n, tolerance, tolerance, 0,
			 most_calls, scale, 1, 100, 0, &calls, &derivatives, pivot, qtf, w1, w2, w3,
			 w4);

	for (int i = 0; i < f->n; i++)
		sum += residual[i] * residual[i];
	f->rms = sqrt(sum / f->n);
	find_deviations(f, r, pivot);
	for (int j = 0; j < n_x; j++) {
		if (!isfinite(f->x[j]))
			return false;
	}
	return info > 0 && isfinite(sum) && f->x[0] > 0;
}
