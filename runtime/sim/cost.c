/* What the methods cost, in core nanoseconds, measured on AVX-512 at 2.6 GHz; other machines differ,
 * the ratios much less. Ratios choose between methods; sums tell how long a run will take. */
#include "runtime/sim/train.h"

#include <math.h>
#include <omp.h>

static const struct {
	double line, line_term;   /* run: per spin and line, per spin, line and term */
	double spin, spin_tap, spin_term; /* train: per spin; and tap; and term */
	double cell;              /* per cell of a circle and factor of two in their number */
	double sample;            /* per line of a circle's transform that is kept */
	double epoch;             /* per spin: its state from one pulse to the next */
	double step;              /* in double: per spin and sample stepped through */
	double state;             /* in double: per spin and readout, its state */
	double even, uneven;      /* direct: per spin and sample, with even steps or without */
	double segment;           /* nufft: per segment and spin; */
	double grid, tap;         /* point of the grid and factor of two in their number; sample */
} ns = { 0.12, 0.10, 1.2, 0.35, 1.85, 0.12, 0.6, 4, 35, 100, 1.2, 70, 45, 2, 90 };

enum { USUAL_TERMS = 4, ORDERS_OFTEN = 8 };

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

double cost_direct(const struct sim_plan *plan, uint32_t readout)
{
	const struct program *p = plan->draw->program;
	const struct program_readout *r = &p->readout[readout];
	double samples = p->event[r->event].n, nz = plan->nz;
	bool even = r->step[0] != PROGRAM_NO_SLOT && r->step[1] != PROGRAM_NO_SLOT &&
		    r->step[2] != PROGRAM_NO_SLOT;
	bool together = sim_slot(plan->draw, r->step[2]) == 0;

	return even ? ns.even * samples * (together ? 1 : nz) + ns.state * nz
		    : ns.uneven * samples * nz;
}

double cost_transforms(const struct sim_plan *plan, double segments, double n)
{
	double pixels = (double)plan->maps->nx * plan->maps->ny;
	double grid = 3 * pixels; /* of 4, where samples touch */

	return segments * (ns.segment * (double)plan->n_live +
			   plan->n_coil * (ns.grid * grid * log2(4 * pixels) + ns.tap * n));
}

/* ------------------------------------------------------------------ before a run */
/* One readout of one spin in the plane; trains are not known yet, so lines count as trains only where
 * the compiler proved one. */
static double cost_readout(const struct sim_plan *plan, uint32_t readout)
{
	const struct program *p = plan->draw->program;
	const struct program_readout *r = &p->readout[readout];
	double samples = p->event[r->event].n;

	switch (plan->method[readout]) {
	case SIM_line:
		for (uint32_t t = 0; t < p->n_train; t++)
			if (readout - p->train[t].first_readout < p->train[t].n_readout)
				return cost_train(1, 2, USUAL_TERMS, CPU_TAPS, 1, 1) /
				       p->train[t].n_readout;
		return cost_run(1, USUAL_TERMS);
	case SIM_step:
		return ns.step * samples * plan->nz;
	case SIM_nufft: /* sim_plan.nufft_ns */
		return 0;
	default:
		return cost_direct(plan, readout);
	}
}

double cost_seconds(const struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	int threads = plan->threads < omp_get_num_procs() ? plan->threads : omp_get_num_procs();
	double spin = p->n_epoch * ns.epoch * fmin(plan->nz, ORDERS_OFTEN);

	for (uint32_t r = 0; r < p->n_readout; r++)
		spin += plan->n_coil * cost_readout(plan, r);
	return 1e-9 * (spin * (double)plan->n_live + plan->nufft_ns) / threads;
}

/* "45 s", "3 min", "2.5 h". */
static void print_time(struct text *t, double seconds)
{
	if (seconds < 100)
		text_printf(t, "%.0f s", fmax(seconds, 1));
	else if (seconds < 6000)
		text_printf(t, "%.0f min", seconds / 60);
	else
		text_printf(t, "%.1f h", seconds / 3600);
}

void cost_tell(struct text *t, const struct sim_plan *plan, double patience)
{
	double seconds = cost_seconds(plan);
	int side = plan->maps->nx > plan->maps->ny ? plan->maps->nx : plan->maps->ny, fewer = side;
	uint32_t n[SIM_METHODS] = { 0 };
	const char *separator = "";

	if (seconds < patience)
		return;
	text_printf(t, "simulate: about ");
	print_time(t, seconds);
	text_printf(t, ": ");
	for (uint32_t r = 0; r < plan->draw->program->n_readout; r++)
		n[plan->method[r]]++;
	for (int m = 0; m < SIM_METHODS; m++) {
		if (!n[m])
			continue;
		text_printf(t, "%s%u readouts by %s", separator, n[m],
			    sim_method_name((enum sim_method)m));
		separator = ", ";
	}
	text_printf(t, " for %zu spins", plan->n_live * (size_t)plan->nz);
	while (fewer > 128 && seconds * fewer * fewer > patience * side * side)
		fewer /= 2;
	if (fewer < side) {
		text_printf(t, "; --spins %d would take ", fewer);
		print_time(t, seconds * fewer * fewer / ((double)side * side));
	}
	text_printf(t, "\n");
}
