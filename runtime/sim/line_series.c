/* exp(-(z - zc) tau) as a polynomial in z, with a bound that holds for every z of the rectangle.
 *
 * With d = z - zc, three expansions:
 *   Taylor        sum (-d tau)^k / k!, with the remainder sum_{k >= L} |d tau|^k / k!
 *   oscillation   d = i h v: sum (2 - [k = 0]) (-i)^k J_k(h tau) T_k(v)   along the imaginary axis
 *   decay         d = h v:   sum (2 - [k = 0]) (-1)^k I_k(h tau) T_k(v)   along the real axis
 * Chebyshev's remainder is sum_{k >= L} 2 |J_k| |T_k(v)|. For complex v on the ellipse with foci
 * +-1 that passes through it, |T_k(v)| <= kappa^k, kappa the sum of the ellipse's half axes; of a
 * rectangle the corners lie farthest out. |J_k(x)| <= (x/2)^k / k! and
 * I_k(x) <= (x/2)^k / k! exp(x^2 / (4 k + 4)) grow with x: the bound at the end of the line holds
 * everywhere on it. */
#include "runtime/sim/line.h"

#include <math.h>

static const double tau_ = 6.283185307179586476925; /* 2 pi */

/* sum_{k >= L} x^k / k!, x >= 0 */
static double exponential_tail(double x, int terms)
{
	double term = 1, sum = 0;
	int k;

	for (k = 1; k <= terms; k++)
		term *= x / k;
	for (k = terms; term > 1e-18 * sum && k < terms + 400; term *= x / ++k)
		sum += term;
	return sum;
}

/* Sum of the half axes of the ellipse with foci +-1 through (1, t). */
static double ellipse(double t)
{
	double a = 0.5 * (t + sqrt(4 + t * t));

	return a + sqrt(a * a - 1);
}

static double axis_error(const struct line_series *s, enum line_axis axis, int terms, double half)
{
	double along = axis == LINE_DECAY ? s->half_r : tau_ * s->half_f;
	double across = axis == LINE_DECAY ? tau_ * s->half_f : s->half_r;
	double x = along * half, grow;

	if (axis == LINE_TAYLOR)
		return exponential_tail(s->scale * half, terms);
	if (along == 0)
		return INFINITY;
	grow = axis == LINE_DECAY ? exp(x * x / (4.0 * terms + 4)) : 1;
	return 2 * grow * exponential_tail(0.5 * x * ellipse(across / along), terms);
}

double line_error(const struct line_series *s, double half)
{
	return axis_error(s, s->axis, s->terms, half) * exp(s->r * half);
}

void line_set_terms(struct line_series *s, int terms, double half)
{
	enum line_axis axis;

	s->terms = terms;
	s->axis = LINE_TAYLOR;
	for (axis = LINE_OSCILLATION; axis <= LINE_DECAY; axis++)
		if (axis_error(s, axis, terms, half) < axis_error(s, s->axis, terms, half))
			s->axis = axis;
}

/* J_k(x) for sign = -1, I_k(x) for sign = 1, by the series (x is a few at most). */
static double bessel(int k, double x, double sign)
{
	double term = 1, sum = 0;
	int j;

	for (j = 1; j <= k; j++)
		term *= 0.5 * x / j;
	for (j = 1; j < 200 && fabs(term) > 1e-20 * fabs(sum); j++) {
		sum += term;
		term *= sign * 0.25 * x * x / (j * (double)(j + k));
	}
	return sum;
}

/* Multiplies (re, im) by i^n. */
static void quarter_turns(double *re, double *im, int n)
{
	double t = *re;

	switch (n & 3) {
	case 1:
		*re = -*im;
		*im = t;
		break;
	case 2:
		*re = -*re;
		*im = -*im;
		break;
	case 3:
		*re = *im;
		*im = -t;
		break;
	}
}

void line_coefficients(double *c, const struct line_series *s, double tau)
{
	bool decay = s->axis == LINE_DECAY;
	double along = decay ? s->half_r : tau_ * s->half_f, e = exp(-s->r * tau);
	double phase = -tau_ * fmod(s->f * tau, 1), power = 1, t;
	double cheb[3][CPU_TERMS + 1] = { { 1 }, { 0, 1 } }, a, re, im;
	int k, j, n = s->terms;

	for (j = 0; j < 2 * n; j++)
		c[j] = 0;
	if (s->axis == LINE_TAYLOR) {
		for (j = 0, t = 1; j < n; t *= -s->scale * tau / ++j)
			c[2 * j] = t;
	} else {
		/* sum over k of a_k T_k(v); T_k = 2 v T_k-1 - T_k-2 in powers of v */
		for (k = 0; k < n; k++) {
			double *p = cheb[k % 3];

			for (j = 0; k > 1 && j <= k; j++)
				p[j] = 2 * (j ? cheb[(k + 2) % 3][j - 1] : 0) -
				       (j <= k - 2 ? cheb[(k + 1) % 3][j] : 0);
			a = (k ? 2 : 1) * bessel(k, along * tau, decay ? 1 : -1);
			re = a;
			im = 0;
			quarter_turns(&re, &im, decay ? 2 * k : 3 * k);
			for (j = 0; j <= k; j++) {
				c[2 * j] += re * p[j];
				c[2 * j + 1] += im * p[j];
			}
		}
		/* v = u scale / h, over i for the imaginary axis */
		for (j = 0; j < n; j++, power *= s->scale / along) {
			c[2 * j] *= power;
			c[2 * j + 1] *= power;
			if (!decay)
				quarter_turns(&c[2 * j], &c[2 * j + 1], 3 * j);
		}
	}
	for (j = 0; j < n; j++) {
		re = c[2 * j];
		im = c[2 * j + 1];
		c[2 * j] = e * (re * cos(phase) - im * sin(phase));
		c[2 * j + 1] = e * (re * sin(phase) + im * cos(phase));
	}
}
