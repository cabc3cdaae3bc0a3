/* Where the readouts of a sequence lie on its Cartesian grid. */
#ifndef RUNTIME_SIM_GRID_H
#define RUNTIME_SIM_GRID_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sample i of row j stands for the moment (i - nx/2 + offset[0], j - ny/2 + offset[1]) dk. */
struct grid {
	int nx, ny, n_set;
	double offset[2];
	struct grid_row {     /* per readout of the program */
		int set, row;
		bool reverse;     /* sample 0 is the row's last */
		double shift[2];  /* grid moment minus moment since the epoch's pulse, 1/m */
	} *row;
};
/* PRECESS_ENOTSUP with the reason when the sequence is not Cartesian on its matrix. */
precess_status grid_create(struct grid **out, const struct draw *d);
void grid_free(struct grid *g);

#ifdef __cplusplus
}
#endif
#endif
