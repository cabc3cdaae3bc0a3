/* What the ways to compute a train's lines cost, in core nanoseconds, measured on AVX-512 at
 * 2.6 GHz; other machines differ, the ratios much less. */
#include "runtime/sim/train.h"

#include <math.h>

static const struct {
	double line, line_term;   /* run: per spin and line, per spin, line and term */
	double spin, spin_tap, spin_term; /* train: per spin; and tap; and term */
	double cell;              /* per cell of a circle and factor of two in their number */
	double sample;            /* per line of a circle's transform that is kept */
} ns = { 0.12, 0.10, 2.5, 0.5, 2.2, 0.35, 1.0 };

double cost_run(double lines, int terms)
{
	return lines * (ns.line + ns.line_term * terms);
}

double cost_train(double lines, int cells, int terms, int taps, int groups, int rows)
{
	double circle = ns.cell * cells * log2(cells) + ns.sample * lines;

	return ns.spin + ns.spin_tap * taps + ns.spin_term * terms +
	       circle * terms * groups / fmax(rows, 1);
}
