/* The parts of the nufft method.
 *
 * Time segments: exp(-z s) over 0 <= s <= T as a sum of L products of a function of s and exp(-z s_l)
 * at the nodes s_l, for all z = r + i w of a rectangle. Transforms: of a grid of spins, at any k. */
#ifndef RUNTIME_SIM_NUFFT_H
#define RUNTIME_SIM_NUFFT_H

#include "runtime/sim/internal.h"
#include "runtime/sim/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SEGMENTS = 256 }; /* the most: beyond, sums over spins are no slower */

struct segments {
	int n;
	double length;         /* T */
	double node[SEGMENTS];
	double error;          /* largest |error| over the rectangle and all s */
	double amplified;      /* largest sum over l of |weight|: by it grow errors at the nodes */
};
/* As few nodes as `error` needs, for |w| <= w_half and r_lo <= r <= r_hi (1/s, >= 0). */
void segments_make(struct segments *out, double length, double w_half, double r_lo, double r_hi,
		   double error);
void segments_weights(double *weight, const struct segments *g, double s);

/* The Fourier transform of a grid of spins at any k. */
struct transform_spins {
	const fftw_complex *w;      /* [ny][nx] */
	const double *rate, *freq;  /* likewise: 1/s, rad/s */
};
struct transform {
	int n[2], size[2];          /* spins; points of the transform, twice as many or more */
	int from[2], count[2];      /* points that samples touch: from, from + 1, ... modulo size */
	int width, threads;
	double error;               /* largest |error| of one spin's factor */
	double *flat[2];            /* per spin: 1 / transform of the kernel */
	double *tap[2];             /* [sample][width] */
	int *first[2];              /* of a sample's points, counted from `from` */
	fftw_complex *phase;        /* per sample */
	fftw_complex *half, *whole; /* [count x][ny] after x, [count x][count y] after both */
	fftw_plan plan[2];
	size_t n_sample;
	fftw_complex *out;          /* [n_sample]: sum over segments so far */
};
/* For samples at k[n] (1/m) of spins on the grid of `m`; the kernel is as wide as `error` asks. */
precess_status transform_make(struct transform *t, const struct maps *m, const double (*k)[2],
			      size_t n, double error, int threads);
void transform_free(struct transform *t);
/* out += weight of segment l at each s * the transform of w exp(-(rate + i freq) node[l]). */
void transform_run(struct transform *t, const struct transform_spins *spins,
		   const struct segments *g, const double *s, int l);

#ifdef __cplusplus
}
#endif
#endif
