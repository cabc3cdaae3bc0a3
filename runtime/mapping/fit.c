/* Nonlinear least squares for a handful of parameters, by MINPACK's lmder. */
#include "runtime/mapping/internal.h"

#include <cminpack.h>
#include <math.h>

static const double tolerance = 1e-10; /* relative, of sum and solution */
static const int most_calls = 200;

/* MINPACK's matrices are by columns. */
static int evaluate(void *context, int n, int n_x, const double *x, double *residual, double *columns,
		    int stride, int flag)
{
	const struct fit *f = context;
	double value[FIT_ECHOES], derivative[FIT_ECHOES * FIT_PARAMETERS];

	f->model(value, flag == 2 ? derivative : NULL, x, f->context);
	for (int i = 0; i < n && flag != 2; i++)
		residual[i] = value[i] - f->data[i];
	for (int i = 0; i < n && flag == 2; i++) {
		for (int j = 0; j < n_x; j++)
			columns[i + j * stride] = derivative[i * n_x + j];
	}
	return 0;
}

/* From the triangle that lmder leaves: (J^T J)^-1 times the variance of the data. */
static void find_deviations(struct fit *f, double *r, const int *pivot)
{
	double work[FIT_PARAMETERS], variance = f->sigma * f->sigma;
	int spare = f->n - f->n_x;

	if (!(f->sigma > 0))
		variance = spare > 0 ? f->rms * f->rms * f->n / spare : NAN;
	covar(f->n_x, r, f->n, pivot, 1e-14, work);
	for (int j = 0; j < f->n_x; j++)
		f->deviation[j] = sqrt(variance * r[j + j * f->n]);
}

bool fit_solve(struct fit *f)
{
	double residual[FIT_ECHOES], r[FIT_ECHOES * FIT_PARAMETERS];
	double scale[FIT_PARAMETERS], qtf[FIT_PARAMETERS], w1[FIT_PARAMETERS], w2[FIT_PARAMETERS],
		w3[FIT_PARAMETERS], w4[FIT_ECHOES], sum = 0;
	int pivot[FIT_PARAMETERS], calls, derivatives;
	int info = lmder(evaluate, f, f->n, f->n_x, f->x, residual, r, f->n, tolerance, tolerance, 0,
			 most_calls, scale, 1, 100, 0, &calls, &derivatives, pivot, qtf, w1, w2, w3,
			 w4);

	for (int i = 0; i < f->n; i++)
		sum += residual[i] * residual[i];
	f->rms = sqrt(sum / f->n);
	find_deviations(f, r, pivot);
	for (int j = 0; j < f->n_x; j++) {
		if (!isfinite(f->x[j]))
			return false;
	}
	return info > 0 && isfinite(sum);
}
