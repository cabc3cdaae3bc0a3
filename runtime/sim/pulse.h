/* Shaped pulses under a constant gradient, for many spins.
 *
 * In the frame of the RF a spin sees such a pulse by four numbers: its B1, its offset w (off-resonance,
 * gradient times place and the RF's frequency together, rad/s) and its rates. What the pulse does to
 * the magnetisation is an entire function of all four, so that polynomials through few Chebyshev
 * nodes hold it to any error, with a bound known before. */
#ifndef RUNTIME_SIM_PULSE_H
#define RUNTIME_SIM_PULSE_H

#include "runtime/base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* n steps of h seconds with the field b = bx, by interleaved, in rad/s at B1 = 1. */
struct pulse_shape {
	size_t n;
	const double *b;
	double h;
};

enum pulse_axis { PULSE_B1, PULSE_W, PULSE_R2, PULSE_R1, PULSE_AXES };
/* Spins side by side, [axis][lane]; and the affine maps that they get: the 3 x 3 matrix by rows, then
 * the constant of M0 = 1. */
enum { PULSE_LANES = 8, PULSE_NUMBERS = 12 };
typedef double pulse_spins[PULSE_AXES][PULSE_LANES];
typedef double pulse_maps[PULSE_NUMBERS][PULSE_LANES];

/* Exact to about 1e-13. */
void pulse_solve(pulse_maps out, const struct pulse_shape *s, pulse_spins at);

struct pulse_range {
	double lo[PULSE_AXES], hi[PULSE_AXES];
};
struct pulse_table;
/* For spins within `range`, whose offset at place i is place[i] more. Every number is right to
 * `error` or better. `spins` in all are to be asked for: *out stays NULL where it is cheaper to solve
 * for each. */
precess_status pulse_table_create(struct pulse_table **out, const struct pulse_shape *s,
				  const struct pulse_range *range, const double *place, int places,
				  double spins, double error, int threads);
void pulse_table_free(struct pulse_table *t);
double pulse_table_error(const struct pulse_table *t); /* the bound that it has */
/* `at` without the place's offset; what is outside the range counts as its nearest end. */
void pulse_table_look(pulse_maps out, const struct pulse_table *t, int place, pulse_spins at);

#ifdef __cplusplus
}
#endif
#endif
