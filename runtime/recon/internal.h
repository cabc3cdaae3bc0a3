/* What the steps share: complex numbers in pairs of floats, transforms of rows. */
#ifndef RUNTIME_RECON_INTERNAL_H
#define RUNTIME_RECON_INTERNAL_H

#include "runtime/recon/recon.h"

#include <complex.h>

static inline double complex recon_get(const float *v, size_t i)
{
	return CMPLX((double)v[2 * i], (double)v[2 * i + 1]);
}

static inline void recon_put(float *v, size_t i, double complex z)
{
	v[2 * i] = (float)creal(z);
	v[2 * i + 1] = (float)cimag(z);
}

enum { RECON_SIDE_LIMIT = 16384 }; /* samples and lines */

/* Pixel i of n from the middle of the field of view, in pixels. */
static inline double recon_place(int i, int n)
{
	return i + 0.5 - 0.5 * n;
}

int recon_threads(int wanted);

/* n_row rows of n samples, each by itself, to pixels along x and back. */
precess_status recon_rows_to_image(float **image, const float *row, int n_row, int n);
precess_status recon_rows_to_kspace(float *row, const float *image, int n_row, int n);

#endif
