/* Kaiser-Bessel: shape parameter by Beatty et al., IEEE TMI 24 (2005). */
#include "runtime/sim/kernel.h"

#include <math.h>
#include <pthread.h>

static const double pi = 3.14159265358979323846;

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

struct kernel kernel_make(int width, double over)
{
	double a = width / over * (over - 0.5);

	return (struct kernel){ width, pi * sqrt(fmax(a * a - 0.8, 1)) };
}

/* I0 by its power series: no cancellation, all terms are positive. */
static double bessel_i0(double x)
{
	double sum = 1, term = 1, q = 0.25 * x * x;

	for (int k = 1; term > 1e-17 * sum; k++) {
		term *= q / ((double)k * k);
		sum += term;
	}
	return sum;
}

int kernel_taps(double *tap, const struct kernel *k, double x)
{
	int first = (int)ceil(x - 0.5 * k->width);

	for (int i = 0; i < k->width; i++) {
		double u = 2 * (first + i - x) / k->width;

		tap[i] = bessel_i0(k->beta * sqrt(fmax(1 - u * u, 0)));
	}
	return first;
}

double kernel_transform(const struct kernel *k, double f)
{
	double q = pi * k->width * f, s = k->beta * k->beta - q * q, r = sqrt(fabs(s));

	if (r < 1e-6)
		return k->width;
	return k->width * (s > 0 ? sinh(r) : sin(r)) / r;
}

/* ------------------------------------------------------------------ plans */
fftw_plan fourier_plan_1d(int n, fftw_complex *in, fftw_complex *out, int sign)
{
	fftw_plan plan;

	pthread_mutex_lock(&planner);
	plan = fftw_plan_dft_1d(n, in, out, sign, FFTW_ESTIMATE);
	pthread_mutex_unlock(&planner);
	return plan;
}

fftw_plan fourier_plan_2d(int ny, int nx, fftw_complex *data, int sign)
{
	fftw_plan plan;

	pthread_mutex_lock(&planner);
	plan = fftw_plan_dft_2d(ny, nx, data, data, sign, FFTW_ESTIMATE);
	pthread_mutex_unlock(&planner);
	return plan;
}

void fourier_destroy(fftw_plan plan)
{
	pthread_mutex_lock(&planner);
	if (plan)
		fftw_destroy_plan(plan);
	pthread_mutex_unlock(&planner);
}
