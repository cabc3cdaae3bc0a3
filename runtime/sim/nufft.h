/* The parts of the nufft method.
 *
 *     nufft.c         transforms, bound
 *     nufft_state.c   spins at the groups, by tables of shaped pulses
 *     nufft_groups.c  which readouts, in which groups, what they cost
 *     segments.c      time segments
 *     transform.c     transforms of a grid of spins
 *
 * Segments: exp(-z s) over 0 <= s <= T as a sum of L products of a function of s and exp(-z s_l) at
 * the nodes s_l, for all z = r + i w of a rectangle. Transforms: of a grid of spins, at any k. */
#ifndef RUNTIME_SIM_NUFFT_H
#define RUNTIME_SIM_NUFFT_H

#include "runtime/sim/internal.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/pulse.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SEGMENTS = 256 }; /* the most: beyond, sums over spins are no slower */

struct segments {
	int n;
	double length;         /* T */
	double node[SEGMENTS], factor[SEGMENTS]; /* of the interpolation, barycentric */
	double error;          /* largest |error| over the rectangle and all s */
	double amplified;      /* largest sum over l of |weight|: by it grow errors at the nodes */
};
/* As few nodes as `error` needs, for |w| <= w_half and r_lo <= r <= r_hi (1/s, >= 0). */
void segments_make(struct segments *out, double length, double w_half, double r_lo, double r_hi,
		   double error);
/* What all weights at s are multiplied with, for segments_weight. */
double segments_scale(const struct segments *g, double s);
double segments_weight(const struct segments *g, double s, int l, double scale);

/* The Fourier transform of a grid of spins at any k, as each coil sees them. */
struct transform_spins {
	const fftw_complex *w;      /* [ny][nx] */
	const double *rate, *freq;  /* likewise: 1/s, rad/s */
	const struct maps *maps;    /* their coils */
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
	fftw_complex *now;          /* [ny][nx]: the spins at a node, over the kernel's transform */
	fftw_complex *half, *whole; /* [count x][ny] after x, [count x][count y] after both */
	fftw_plan plan[2];
	size_t n_sample;
	int n_coil;
	fftw_complex *out;          /* [coil][sample]: sum over segments so far */
};
/* For samples at k[n] (1/m) of spins on the grid of `m`; the kernel is as wide as `error` asks. */
precess_status transform_make(struct transform *t, const struct maps *m, int n_coil,
			      const double (*k)[2], size_t n, double error, int threads);
void transform_free(struct transform *t);
/* out += weight of segment l at each s * the transform of w exp(-(rate + i freq) node[l]); scale as
 * segments_scale says of each s. */
void transform_run(struct transform *t, const struct transform_spins *spins,
		   const struct segments *g, const double *s, const double *scale, int l);

/* ------------------------------------------------------------------ groups */
/* Samples that share transforms: of readouts of one epoch, at one kz or while kz moves. What a spin
 * at z sees of kz - `kz` is the sum over planes of share[iz][plane] exp(-2 pi i (kz - `kz`) z of the
 * plane), within `error` of it. */
struct nufft_group {
	uint32_t epoch;
	bool moves;
	uint32_t *sample;   /* index into the signal */
	double (*k)[2], *kz, *s; /* 1/m; seconds since `begin` */
	size_t n;
	double middle, half;     /* of kz: middle - half .. middle + half */
	double begin, length;
	struct nufft_planes {
		int n;
		double *z, *share, error;
	} planes;
	fftw_complex *w;    /* [plane][ny][nx]: spins at `begin` */
	double *thick;      /* [ny][nx]: sum over z of |w|; NULL: the planes are exact */
};

struct nufft {
	struct sim_plan *plan;
	struct nufft_group *group;
	size_t n_group;
	double *rate, *freq;             /* per pixel; rad/s, from the middle */
	double r_lo, r_hi, w_half, w_mid;
	struct segments segments;        /* of the latest group: the next is often as long */
	double asked;
	struct pulse_table **table;      /* of the program's pulses; NULL: each spin's is solved */
	double tables;                   /* what they leave out, of M0 */
};
static inline size_t nufft_pixels(const struct nufft *j)
{
	return (size_t)j->plan->maps->nx * (size_t)j->plan->maps->ny;
}

/* Ranges of rates and frequencies, and of each pixel where there is memory for them. */
void nufft_ranges(struct nufft *j);
/* The groups of an epoch's readouts that are the method's, after those there are. */
precess_status nufft_add_groups(struct nufft *j, uint32_t epoch);
precess_status nufft_add_planes(struct nufft *j, struct nufft_group *g);
void nufft_free_groups(struct nufft *j);
/* Tables of shaped pulses where they are worth it. */
precess_status nufft_add_tables(struct nufft *j);
void nufft_free_tables(struct nufft *j);
/* All spins through a history: the groups from .. to get their w. */
precess_status nufft_states(struct nufft *j, uint32_t history, size_t from, size_t to);

#ifdef __cplusplus
}
#endif
#endif
