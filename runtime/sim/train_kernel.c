/* The kernel that spreads a spin over cells: Kaiser and Bessel's, cut into one polynomial per cell,
 * which is what is used for complex places too.
 *
 * Its error is measured, not derived: for fixed k the difference of both sides of the formula in
 * train.h is an entire function of s, so its modulus is largest on the rim of the rectangle |Re s|
 * <= 1/2, |Im s| <= v that remains after whole cells are taken off. On the rim it is sampled; the
 * functions are of so low degree that between the samples it cannot be much larger: `margin`. */
#include "runtime/sim/train.h"

#include <complex.h>
#include <math.h>

static const double pi = 3.14159265358979323846;
static const double margin = 1.15;

enum { RIM = 16, SIDE = 2, TURNS = 24 }; /* samples along the rim, per level of the sides, in k */

/* I0 by its series; x is 20 at most. */
static double bessel_i0(double x)
{
	double term = 1, sum = 1;

	for (int k = 1; term > 1e-18 * sum; k++) {
		term *= 0.25 * x * x / ((double)k * k);
		sum += term;
	}
	return sum;
}

static double phi(const struct train_kernel *k, double x)
{
	double t = 1 - 4 * x * x / ((double)k->taps * k->taps);

	return k->scale * bessel_i0(k->beta * sqrt(t > 0 ? t : 0));
}

/* Tap j of a spin at u: phi(j - (taps - 1) / 2 - u), through the Chebyshev points of |u| <= 1/2. */
static void fit_tap(double *p, const struct train_kernel *k, int j)
{
	enum { MOST = CPU_TAPS + 1 };
	int n = k->taps + 1;
	double x[MOST], c[MOST], q[MOST];

	for (int i = 0; i < n; i++) {
		x[i] = 0.5 * cos(pi * (i + 0.5) / n);
		c[i] = phi(k, j - 0.5 * (k->taps - 1) - x[i]);
	}
	for (int d = 1; d < n; d++)
		for (int i = n - 1; i >= d; i--)
			c[i] = (c[i] - c[i - 1]) / (x[i] - x[i - d]);
	for (int i = 0; i < n; i++)
		p[i] = 0;
	for (int d = n - 1; d >= 0; d--) { /* p = p (u - x_d) + c_d */
		for (int i = 0; i < n; i++)
			q[i] = (i ? p[i - 1] : 0) - x[d] * p[i];
		for (int i = 0; i < n; i++)
			p[i] = q[i];
		p[0] += c[d];
	}
}

double train_kernel_transform(const struct train_kernel *k, double turns)
{
	double w = pi * k->taps * turns, q = sqrt(k->beta * k->beta - w * w);

	return k->scale * k->taps * sinh(q) / q;
}

/* Largest error over k for a spin at z, as the polynomials in single precision have it. */
static double error_at(const struct train_kernel *k, const double complex *shift, double complex z)
{
	double complex tap[CPU_TAPS], turn = cexp(-0.5 * pi * I / TURNS * z);
	double complex exact = cexp(0.5 * pi * I * z);
	double most = 0;

	for (int j = 0; j < k->taps; j++) {
		tap[j] = 0;
		for (int d = k->taps; d >= 0; d--)
			tap[j] = tap[j] * z + (double)k->coef[d * CPU_TAPS + j];
	}
	for (int i = -TURNS; i <= TURNS; i++, exact *= turn, shift += 2) {
		double complex sum = 0;

		for (int j = k->taps - 1; j >= 0; j--)
			sum = sum * shift[0] + tap[j];
		most = fmax(most, cabs(sum * shift[1] - exact));
	}
	return most;
}

/* One half of the rim is enough: coefficients are real, and both signs of k are looked at. */
static void measure(struct train_kernel *k)
{
	double complex shift[2 * (2 * TURNS + 1)]; /* by a cell; to the spin's, and 1 / phi^ */
	double most = 0;

	for (int i = -TURNS; i <= TURNS; i++) {
		double turns = 0.25 * i / TURNS;

		shift[2 * (i + TURNS)] = cexp(-2 * pi * I * turns);
		shift[2 * (i + TURNS) + 1] = cexp(pi * I * turns * (k->taps - 1)) /
					     train_kernel_transform(k, turns);
	}
	for (int l = 0; l <= CPU_LEVELS; l++) {
		for (int i = 0; i <= RIM; i++)
			most = fmax(most, error_at(k, shift, (double)i / RIM - 0.5 +
							     I * l / (double)CPU_LEVELS));
		for (int i = 1; l && i < SIDE; i++) {
			double v = (l - (double)i / SIDE) / CPU_LEVELS;

			most = fmax(most, error_at(k, shift, 0.5 + I * v));
			most = fmax(most, error_at(k, shift, -0.5 + I * v));
		}
		k->error[l] = margin * most;
	}
}

const struct train_kernel *train_kernel(int taps)
{
	static struct train_kernel known[CPU_TAPS + 1];
	struct train_kernel *k = &known[taps];

#pragma omp critical(train_kernel)
	if (!k->taps) {
		const double over = 1 - 0.5 / TRAIN_OVERSAMPLING;

		k->taps = taps;
		k->scale = 1;
		k->beta = pi * sqrt(taps * taps * over * over - 0.8);
		k->scale = 1 / bessel_i0(k->beta);
		for (int j = 0; j < taps; j++) {
			double p[CPU_TAPS + 1];

			fit_tap(p, k, j);
			for (int d = 0; d <= taps; d++)
				k->coef[d * CPU_TAPS + j] = (float)p[d];
		}
		measure(k);
	}
	return k;
}

double train_kernel_error(const struct train_kernel *k, double v)
{
	int level = v > 0 && v <= 1 ? (int)ceil(v * CPU_LEVELS) : 0;

	return v > 1 ? INFINITY : k->error[level];
}
