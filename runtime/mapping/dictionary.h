/* The echoes' magnitudes of a voxel with M0 = 1 over log T2 and B1: simulated at the nodes of a grid,
 * smooth between them. */
#ifndef RUNTIME_MAPPING_DICTIONARY_H
#define RUNTIME_MAPPING_DICTIONARY_H

#include "runtime/mapping/internal.h"

struct dictionary {
	int n_echo, n[2];         /* nodes along log T2, along B1 */
	double first[2], step[2]; /* ln(s) and 1; one node: step 1 */
	double *atom;             /* [B1][T2][echo] */
	double *norm;             /* [B1][T2] */
};
/* Of the sequence's images at the series' echo times. */
precess_status dictionary_create(struct dictionary **out, const struct mapping_series *s,
				 const struct mapping_options *o);
void dictionary_free(struct dictionary *d);
/* The node whose echoes are most nearly proportional to `data`. */
void dictionary_match(int at[2], const struct dictionary *d, const double *data);
/* Echoes at x (in units of `first` and `step`) and, unless NULL, their derivatives by log T2 and by
 * B1. Outside the grid it is what it is on its edge. */
void dictionary_at(double *value, double *by_t2, double *by_b1, const struct dictionary *d,
		   const double x[2]);

#endif
