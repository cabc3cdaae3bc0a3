/* What the methods cost, in core nanoseconds, measured on AVX-512 at 2.6 GHz; other machines differ,
 * the ratios much less. Ratios choose between methods; sums tell how long a run will take. */
#include "runtime/sim/train.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static const struct {
	double fixed;             /* plan and choices, of a run */
	double pixel;             /* reading a pixel's maps, empty ones too */
	double line, line_term;   /* run: per spin and line, per spin, line and term */
	double fan;               /* lines at one time: of that, per line */
	double piece;             /* weights of lines, per spin and piece */
	double transform;         /* per line, term, point of the row and factor of two in their number */
	double spin, spin_tap, spin_term; /* train: per spin; and tap; and term */
	double cell;              /* per cell of a circle and factor of two in their number */
	double sample;            /* per line of a circle's transform that is kept */
	double epoch, order;      /* per spin: its state from one pulse to the next; per coherence order */
	double again, order_again; /* the same where what happens to it is one of few things; */
	double build;             /* which are found out once */
	double step;              /* in double: per spin and sample stepped through */
	double state;             /* in double: per spin and readout, its state */
	double epoch_double;      /* in double: per spin, its state from one pulse to the next */
	double pulse_sample;      /* in double: per spin and sample of a shaped pulse */
	double even, uneven;      /* direct: per spin and sample, with even steps or without */
	double segment;           /* nufft: per segment and spin; */
	double grid, tap;         /* point of the grid and factor of two in their number; sample */
} ns = {
	.fixed = 9e5, .pixel = 6, .line = 0.12, .line_term = 0.10, .fan = 0.5, .piece = 2.3,
	.transform = 0.12, .spin = 1.2, .spin_tap = 0.35, .spin_term = 1.85, .cell = 0.12,
	.sample = 0.6, .epoch = 4, .order = 0.6, .again = 0.5, .order_again = 0.1, .build = 3,
	.step = 35, .state = 100, .epoch_double = 500, .pulse_sample = 50, .even = 1.2,
	.uneven = 70, .segment = 45, .grid = 2, .tap = 90,
};

enum {
	USUAL_TERMS = 3,
	FEW = 8,          /* different epochs of a history whose effects are kept */
	PLACES_PER_ORDER = 3 /* through the slice: about as many spins as come per order */
};

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
static bool same_epoch(const struct draw *d, const struct program_epoch *a,
		       const struct program_epoch *b)
{
	bool same = a->pulse == b->pulse &&
		    sim_slot(d, a->duration) == sim_slot(d, b->duration);

	for (int i = 0; i < 3; i++)
		same = same && sim_slot(d, a->moment[i]) == sim_slot(d, b->moment[i]);
	return same;
}

/* Epochs of the history that are not like one of the FEW before. */
static uint32_t different_epochs(const struct draw *d, const struct program_history *h)
{
	const struct program_epoch *e = d->program->epoch + h->first_epoch;
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n_epoch; i++) {
		uint32_t j = i > FEW ? i - FEW : 0;

		while (j < i && !same_epoch(d, &e[i], &e[j]))
			j++;
		n += j == i;
	}
	return n;
}

/* A spin of the plane in single precision, through a history. */
static double cost_single(const struct sim_plan *plan, const struct program_history *h)
{
	double orders = 1 + (plan->nz - 1) / PLACES_PER_ORDER, n = h->n_epoch;
	uint32_t different = different_epochs(plan->draw, h);

	return different <= FEW ? n * (ns.again + ns.order_again * orders) + different * ns.build
				: n * (ns.epoch + ns.order * orders);
}

/* The same in double precision: every place through the slice. */
static double cost_double(const struct sim_plan *plan, const struct program_history *h)
{
	const struct program *p = plan->draw->program;
	double sum = h->n_epoch * ns.epoch_double;
	bool *solved = calloc(p->n_pulse + 1, sizeof *solved);

	for (uint32_t e = h->first_epoch; e < h->first_epoch + h->n_epoch && solved; e++) {
		uint32_t pulse = p->epoch[e].pulse, shape;

		if (pulse == UINT32_MAX || solved[pulse])
			continue;
		solved[pulse] = true;
		shape = p->pulse[pulse].shape;
		sum += shape == PROGRAM_NO_SHAPE ? 0 : ns.pulse_sample * p->shape[shape].n;
	}
	free(solved);
	return plan->nz * sum;
}

/* Lines of an epoch for one spin and coil; those of a train are one piece. */
static double cost_lines(const struct sim_plan *plan, const struct program_epoch *x)
{
	const struct program *p = plan->draw->program;
	double sum = 0, last = NAN, rows = (double)plan->n_live / plan->maps->nx;

	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		double t = sim_slot(plan->draw, p->readout[r].time);
		uint32_t n = 0;

		if (plan->method[r] != SIM_line && plan->method[r] != SIM_train)
			continue;
		for (uint32_t i = 0; i < p->n_train; i++)
			if (p->train[i].first_readout == r)
				n = p->train[i].n_readout;
		if (n) {
			sum += cost_train(n, 2 * (int)n, USUAL_TERMS, CPU_TAPS, 1, (int)rows);
			r += n - 1;
			continue;
		}
		sum += (t == last ? 0 : ns.piece) +
		       cost_run(1, USUAL_TERMS) * (x->n_readout > 1 ? ns.fan : 1);
		last = t;
	}
	return sum;
}

/* What does not depend on which spins there are, of one readout and coil. */
static double cost_row(const struct sim_plan *plan, uint32_t readout)
{
	double nx = plan->maps->nx;

	return plan->method[readout] == SIM_line || plan->method[readout] == SIM_train
		       ? ns.transform * USUAL_TERMS * nx * log2(nx + 1)
		       : 0;
}

static double cost_sums(const struct sim_plan *plan, uint32_t readout)
{
	const struct program *p = plan->draw->program;

	if (plan->method[readout] == SIM_step)
		return ns.step * p->event[p->readout[readout].event].n * plan->nz;
	return plan->method[readout] == SIM_direct ? cost_direct(plan, readout) : 0;
}

double cost_seconds(const struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	int threads = plan->threads < omp_get_num_procs() ? plan->threads : omp_get_num_procs();
	double shared = ns.pixel * plan->maps->nx * plan->maps->ny + plan->nufft_ns, spin = 0;

	for (uint32_t i = 0; i < p->n_history; i++) {
		const struct program_history *h = &p->history[i];
		bool single = false, doubles = false;

		for (uint32_t e = h->first_epoch; e < h->first_epoch + h->n_epoch; e++) {
			const struct program_epoch *x = &p->epoch[e];

			spin += plan->n_coil * cost_lines(plan, x);
			for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
				enum sim_method m = (enum sim_method)plan->method[r];

				single = single || m == SIM_line || m == SIM_train;
				doubles = doubles || m == SIM_nufft || m == SIM_direct;
				spin += plan->n_coil * cost_sums(plan, r);
				shared += plan->n_coil * cost_row(plan, r);
			}
		}
		spin += (single ? cost_single(plan, h) : 0) + (doubles ? cost_double(plan, h) : 0);
	}
	return 1e-9 * (ns.fixed + (shared + spin * (double)plan->n_live) / threads);
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
