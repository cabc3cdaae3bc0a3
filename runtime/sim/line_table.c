/* Tables of shaped pulses: which are worth it, over what range, and what they leave out. */
#include "runtime/sim/line.h"

#include <math.h>
#include <stdlib.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double share = 0.01;  /* of the tolerance, for all pulses of a history */
static const double finest = 1e-10, coarsest = 3e-8;
/* A component changes by the errors of three products and of the constant. */
enum { NUMBERS_OF_ONE = 4 };

/* Everything but gradients through the slice, which set places apart. */
static struct pulse_range range_of(const struct line_plan *p, const struct line_build *b)
{
	const struct cpu_survey *s = &p->sim->survey;
	float *const *map = p->sim->maps->map;
	struct pulse_range r = { 0 };
	double lo = INFINITY, hi = -INFINITY;

	r.lo[PULSE_B1] = p->b1[0];
	r.hi[PULSE_B1] = p->b1[1];
	r.lo[PULSE_R2] = p->series.r - p->series.half_r;
	r.hi[PULSE_R2] = p->series.r + p->series.half_r;
	if (map[PROGRAM_MAP_T1]) {
		r.lo[PULSE_R1] = fmin(1 / (double)s->hi[CPU_T1], p->fastest);
		r.hi[PULSE_R1] = fmin(1 / (double)s->lo[CPU_T1], p->fastest);
	}
	for (int i = 0; i < p->nx; i++) {
		lo = fmin(lo, b->bx[i]);
		hi = fmax(hi, b->bx[i]);
	}
	r.lo[PULSE_W] = lo + fmin(b->by[0], b->by[p->ny - 1]) + b->bloch.offset;
	r.hi[PULSE_W] = hi + fmax(b->by[0], b->by[p->ny - 1]) + b->bloch.offset;
	r.lo[PULSE_W] += tau * (p->series.f - p->series.half_f);
	r.hi[PULSE_W] += tau * (p->series.f + p->series.half_f);
	return r;
}

static uint32_t pulses_of(const struct line_plan *p, const struct line_history *h)
{
	uint32_t n = sim_history_pulses(p->sim->draw->program, h->index);

	return n ? n : 1;
}

static precess_status make(struct pulse_table **out, const struct line_plan *p, const struct line_build *b,
			   double error)
{
	const struct pulse_shape shape = { b->bloch.n, b->b, b->bloch.h };
	const struct pulse_range range = range_of(p, b);
	int places = b->through ? p->sim->nz : 1;
	double *place = malloc((size_t)places * sizeof *place);
	precess_status st;

	if (!place)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d spins", places);
	for (int i = 0; i < places; i++)
		place[i] = b->through ? b->bz * ((i + 0.5) / places - 0.5) * p->sim->slice : 0;
	st = pulse_table_create(out, &shape, &range, place, places,
				(double)p->sim->n_live * p->sim->nz, error, p->sim->threads);
	free(place);
	return st;
}

precess_status line_add_table(struct line_plan *p, const struct line_history *h, struct line_build *b)
{
	uint32_t n = pulses_of(p, h), i = 0;
	double error = fmin(coarsest, fmax(finest, share * p->sim->tolerance / n / NUMBERS_OF_ONE));
	struct line_table *t;

	if (!p->sim->n_live || p->sim->backend)
		return PRECESS_OK;
	for (; i < p->n_table; i++)
		if (p->table[i].pulse == b->pulse && p->table[i].error <= error)
			break;
	if (i == p->n_table) {
		precess_status st;

		if (!(t = line_append(&p->table, &p->n_table, sizeof *t)))
			return PRECESS_ENOMEM;
		*t = (struct line_table){ .pulse = b->pulse, .error = error };
		if ((st = make(&t->table, p, b, error)))
			return st;
	}
	b->table = p->table[i].table;
	if (b->table)
		p->tables = fmax(p->tables, NUMBERS_OF_ONE * n * pulse_table_error(b->table));
	return PRECESS_OK;
}
