/* Where the readouts of a sequence lie on its Cartesian grid. A line whose samples are not those of
 * the matrix (sampled on ramps, oversampled, shorter) is regridded along x. */
#ifndef RUNTIME_SIM_GRID_H
#define RUNTIME_SIM_GRID_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One arrangement of samples along x and what makes the matrix's columns of them: column c is
 * sum_i weight[c * n + i] s[i]. */
struct grid_shape {
	uint32_t n;
	double *x;      /* in cells; NAN: not to be used */
	double *weight; /* [nx][n] */
};

/* Sample i of row j stands for the moment (i - nx/2 + offset[0], j - ny/2 + offset[1]) dk. */
struct grid {
	int nx, ny, n_set; /* a readout that is no part of an image is of set -1 */
	double offset[2];
	struct grid_row {     /* per readout of the program */
		int set, row;
		int shape;        /* of a line to be regridded; -1: its samples are the row's */
		bool reverse;     /* sample 0 is the row's last */
		double shift[2];  /* grid moment minus moment since the epoch's pulse, 1/m */
	} *row;
	struct grid_shape *shape;
	int n_shape;
};
/* Is the readout a navigator or noise? */
bool grid_leaves_out(const struct program *p, uint32_t r);
/* PRECESS_ENOTSUP with the reason when the sequence is not Cartesian on its matrix. */
precess_status grid_create(struct grid **out, const struct draw *d);
void grid_free(struct grid *g);
/* The number of the shape x[n] (cells) among the grid's, added if new; PRECESS_ENOTSUP, naming
 * readout `r`, when it leaves holes in the line. */
precess_status regrid_shape(int *out, struct grid *g, const double *x, uint32_t n, uint32_t r);
/* Columns of one line: out[2 nx] from the samples s[2 n]. */
void regrid_line(float *out, const struct grid_shape *shape, int nx, const double *s);

/* Non-Cartesian sequences, by gridding. Applies when a readout moves along x and y. */
bool gridding_applies(const struct draw *d);
/* Does a readout of n samples with the moments k[n][3] since the pulse come nearer to the centre along
 * the usual trajectory, which was at `before` at the pulse's end? */
bool gridding_takes_usual(const struct draw *d, const double *k, uint32_t n, const double *before);
/* The number of the set that a readout belongs to, in order of appearance: a new one is added to
 * key[*n_set]. -1: to none. */
struct gridding_key {
	int32_t label[5];
};
int gridding_set(struct gridding_key *key, int *n_set, const struct program *p, uint32_t r);
precess_status gridding_sort(struct kspace **out, const struct draw *d, const struct sim_result *r);
/* Moment at the end of each epoch's pulse along the usual trajectory, 1/m: [n_epoch][3], to be
 * freed; NULL without memory. */
double *grid_trajectory(const struct draw *d);

#ifdef __cplusplus
}
#endif
#endif
