/* k-space of several coils, compared and searched. */
#ifndef TESTS_PHYSICS_MULTICOIL_H
#define TESTS_PHYSICS_MULTICOIL_H

#include "compile.h"
#include "runtime/recon/recon.h"

#include <complex.h> /* last: it makes `complex` a macro, and structs have fields of that name */

enum { N = 128 };

static inline double complex get(const float *v, size_t i)
{
	return (double)v[2 * i] + I * (double)v[2 * i + 1];
}

/* |a - b| / |b| over rows lo, lo + step, ... hi of all coils. */
static inline double difference(const float *a, const float *b, int coils, int lo, int hi, int step)
{
	double d = 0, w = 0;

	for (int c = 0; c < coils; c++)
		for (int y = lo; y <= hi; y += step)
			for (int x = 0; x < N; x++) {
				size_t at = ((size_t)c * N + (size_t)y) * N + (size_t)x;

				d += pow(cabs(get(a, at) - get(b, at)), 2);
				w += pow(cabs(get(b, at)), 2);
			}
	return sqrt(d / w);
}

/* The strongest cell within `reach` of (kx, ky). */
static inline void find_peak(int at[2], const float *k, int kx, int ky, int reach)
{
	double best = -1;

	at[0] = kx;
	at[1] = ky;
	for (int y = ky - reach; y <= ky + reach; y++)
		for (int x = kx - reach; x <= kx + reach; x++) {
			double m = cabs(get(k, (size_t)((y + N / 2) * N + x + N / 2)));

			if (m > best) {
				best = m;
				at[0] = x;
				at[1] = y;
			}
		}
}

#endif
