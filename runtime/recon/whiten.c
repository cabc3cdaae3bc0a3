/* Noise of the coils made independent and equal (Pruessmann et al., Magn Reson Med 46:638, 2001): with
 * the covariance of noise samples R = L L^H, the coils L^-1 s have the covariance 1. The energy is kept
 * by the factor sqrt(tr R / coils), so that k-space keeps its scale. */
#include "runtime/recon/internal.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

/* Lower triangle of the covariance, [n][n]; its mean diagonal in *scale. */
static double complex *covariance(double *scale, const struct recon_scan *s)
{
	size_t n = (size_t)s->coils, m = (size_t)s->noise_samples, a, b, i;
	double complex *r = calloc(n * n, sizeof *r), sum;

	*scale = 0;
	for (a = 0; r && a < n; a++) {
		for (b = 0; b <= a; b++) {
			for (sum = 0, i = 0; i < m; i++)
				sum += recon_get(s->noise, a * m + i) *
				       conj(recon_get(s->noise, b * m + i));
			r[a * n + b] = sum / (double)m;
		}
		*scale += creal(r[a * n + a]) / (double)n;
	}
	return r;
}

/* v [coils][n] becomes scale L^-1 v. */
static precess_status mix(float *v, const double complex *l, int coils, size_t n, double scale)
{
	double complex *work = v ? malloc((size_t)coils * n * sizeof *work) : NULL;
	const double complex factor = scale;
	size_t i;

	if (!v || !n)
		return PRECESS_OK;
	if (!work)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d coils", coils);
	for (i = 0; i < (size_t)coils * n; i++)
		work[i] = recon_get(v, i);
	cblas_ztrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, coils, (int)n,
		    &factor, l, coils, work, (int)n);
	for (i = 0; i < (size_t)coils * n; i++)
		recon_put(v, i, work[i]);
	free(work);
	return PRECESS_OK;
}

precess_status recon_whiten(struct recon_scan *s)
{
	int n = s->coils;
	double complex *l;
	double scale;
	precess_status st;

	if (!s->noise)
		return PRECESS_OK;
	l = covariance(&scale, s);
	if (!l)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d coils", n);
	if (LAPACKE_zpotrf(LAPACK_ROW_MAJOR, 'L', n, l, n) != 0) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s: %d noise samples do not tell the noise of %d coils apart; a "
				  "coil is silent, or two are the same",
				  s->source, s->noise_samples, n);
		goto out;
	}
	scale = sqrt(scale);
	TRY(mix(s->kspace, l, n, (size_t)s->lines * (size_t)s->samples, scale));
	TRY(mix(s->cal, l, n, (size_t)s->cal_lines * (size_t)s->samples, scale));
	st = mix(s->nav, l, n, (size_t)s->nav_lines * (size_t)s->samples, scale);
out:
	free(l);
	return st;
}
