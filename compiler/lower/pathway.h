/* The two halves of the pathway search: states of an extended phase graph with symbolic moments
 * (pathway.c), and what of them is seen (echo.c). */
#ifndef COMPILER_LOWER_PATHWAY_H
#define COMPILER_LOWER_PATHWAY_H

#include "compiler/lower/lowering.h"

/* Parameter vectors at which flips and phases are looked at, each with three B1. */
enum { VECTORS = 9, SETTINGS = 3 * VECTORS };

/* A state F(k) or Z(k) of Mx + i My = sum F(k) exp(-2 pi i k.r), Mz likewise. */
struct state {
	ir_scalar k[3];      /* 1/m */
	ir_scalar key[3];    /* k on a lattice: equal keys are equal moments everywhere */
	ir_scalar life, off; /* s transverse; with signs */
	double re[SETTINGS], im[SETTINGS];
	char order[PROGRAM_ORDERS];
};

struct search {
	struct lowering *w;
	double *value;           /* all slots at the defaults */
	double *vector[VECTORS]; /* all slots at each vector; [0] is `value` */
	int n_vector, n_setting;
	double b1[SETTINGS]; /* of each setting; setting i is of vector i / 3 */
	/* echo.c */
	double lo[2], hi[2];   /* the window: grid moments sampled by any epoch, 1/m */
	ir_scalar (*shift)[2]; /* per epoch: grid moment minus moment since the pulse */
	ir_scalar (*place)[2]; /* per pathway found: the key of its k, 1/m */
	double *miss;          /* per pathway: how far the nearest line passes, 1/m */
	uint32_t n_place, n_miss;
};

/* Moments of rasterised gradients differ by rounding where they should cancel, by 1e-10 / m
 * each; a lattice of 1e-4 / m is far from both that and a cell. Only for comparing: rounding
 * what is added up would gather errors. */
ir_scalar pathway_key(struct lowering *w, ir_scalar k);
/* The epoch of the IR that epoch e of the program was made from. */
const struct epoch *pathway_epoch(const struct lowering *w, uint32_t e);
double pathway_size(const struct search *s, const struct state *f);

void echo_windows(struct search *s);
/* Adds what the readouts of epoch e see of the transverse states after its pulse. */
void echo_look(struct search *s, uint32_t e, const struct state *f, uint32_t n);

#endif
