/* The Kaiser-Bessel kernel, with which samples off a grid are spread onto it or read from it, and
 * plans of transforms in double precision.
 *
 * phi(x) = I0(beta sqrt(1 - (2 x / width)^2)) for |x| < width / 2, x in points of the grid, has the
 * transform width sinh(s) / s, s = sqrt(beta^2 - (pi width f)^2). */
#ifndef RUNTIME_SIM_KERNEL_H
#define RUNTIME_SIM_KERNEL_H

#include <fftw3.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KERNEL_WIDTH = 16 }; /* the most */

struct kernel {
	int width;   /* points that one sample touches */
	double beta;
};
/* For a grid `over` times as fine as the field of view asks for: over > 1. */
struct kernel kernel_make(int width, double over);
/* Values at the `width` points first, first + 1, ... around x; returns first. */
int kernel_taps(double *tap, const struct kernel *k, double x);
/* The transform at f cycles per point. */
double kernel_transform(const struct kernel *k, double f);

/* FFTW's planner keeps global tables: all plans are made and destroyed here. Null: no memory. */
fftw_plan fourier_plan_1d(int n, fftw_complex *in, fftw_complex *out, int sign);
fftw_plan fourier_plan_2d(int ny, int nx, fftw_complex *data, int sign); /* in place */
void fourier_destroy(fftw_plan plan);

#ifdef __cplusplus
}
#endif
#endif
