/* Pulses as steps of a field in single precision, everything times the step. */
#include "runtime/sim/device_tables.h"

#include <math.h>
#include <stdlib.h>

static const double tau = 6.283185307179586476925;  /* 2 pi */
static const double gauss = 0.28867513459481288225; /* sqrt(3) / 6: Gauss points at 1/2 -+ this */

/* Steps of a gradient that varies may be longer than the oracle's: their own error stays below what
 * single precision rounds. */
enum { LONGER = 8 };

/* The series of a step wants |M| <= 1. */
static int halvings(double reach)
{
	int n = 0;

	for (; reach > 1; reach /= 2)
		n++;
	return n;
}

static precess_status add_field(struct device_maker *m, const struct bloch_field *f)
{
	struct bloch_field *to = line_append(&m->field, &m->s->n_field, sizeof *to);

	if (!to)
		return PRECESS_ENOMEM;
	*to = *f;
	return PRECESS_OK;
}

/* Half the distance of two spins along an axis, in m. */
static double half_distance(const struct device_maker *m, int axis)
{
	const struct line_plan *p = m->p;
	const double *fov = p->sim->maps->fov;

	if (axis == 2)
		return m->h->spins ? p->sim->slice / (2.0 * m->h->spins) : 0;
	return axis ? (p->ny > 1 ? fov[1] / (2.0 * p->ny) : 0) : fov[0] / (2.0 * p->nx);
}

static precess_status fill_resonant(struct device_maker *m, const struct line_build *b)
{
	const struct line_plan *p = m->p;
	double most = fmax(fabs(p->b1[0]), fabs(p->b1[1]));
	struct bloch_field f = { .re = (float)(tau * b->turns), .h = (float)b->t };

	f.halvings = halvings(tau * fabs(b->turns) * most + b->k[0] * b->t);
	return add_field(m, &f);
}

static precess_status fill_bloch(struct device_maker *m, const struct line_build *b)
{
	const struct cpu_bloch *c = &b->bloch;
	const double slope[3] = { 0.5 * (b->bx[1] - b->bx[0]),
				  m->p->ny > 1 ? 0.5 * (b->by[1] - b->by[0]) : 0,
				  b->bz * half_distance(m, 2) };
	struct bloch_field f = { .h = (float)c->h,
				 .offset = (float)(c->offset * c->h),
				 .halvings = halvings(c->reach) };
	precess_status st = PRECESS_OK;

	for (int a = 0; a < 3; a++)
		f.g[a] = (float)(slope[a] * c->h);
	for (size_t i = 0; i < c->n && !st; i++) {
		f.re = (float)(c->b[2 * i] * c->h);
		f.im = (float)(c->b[2 * i + 1] * c->h);
		st = add_field(m, &f);
	}
	return st;
}

/* A bound on the rates of all spins, rad/s and 1/s together. */
static double rates(const struct line_plan *p)
{
	const struct line_series *z = &p->series;
	bool t1 = p->sim->maps->map[PROGRAM_MAP_T1] && p->sim->n_live;

	return tau * (fabs(z->f) + z->half_f) + z->r + z->half_r +
	       (t1 ? 1 / (double)p->sim->survey.lo[CPU_T1] : 0);
}

/* Gradients that vary meanwhile: the fourth-order Magnus step of sim_rf_propagate, whose tilt of
 * the field is linear in place too. */
static precess_status fill_stepped(struct device_maker *m, struct bloch_pulse_numbers *to,
				   uint32_t pulse)
{
	const struct line_plan *p = m->p;
	const struct draw *d = p->sim->draw;
	const struct draw_event *e = &d->event[d->at[d->program->pulse[pulse].event]];
	const double *fov = p->sim->maps->fov;
	const double reach[3] = { 0.5 * fov[0], 0.5 * fov[1], 0.5 * p->sim->slice };
	const double near[3] = { reach[0] / LONGER, reach[1] / LONGER, reach[2] / LONGER };
	const double b1 = fmax(fabs(p->b1[0]), fabs(p->b1[1])), slow = rates(p);
	struct rf_step *step;
	double t = 0;
	size_t n;
	precess_status st = sim_rf_steps(&step, &n, d, e, near);

	for (size_t i = 0; i < n && !st; i++) {
		const struct rf_step *q = &step[i];
		struct bloch_field f = { .re = (float)(q->bx * q->h),
					 .im = (float)(q->by * q->h),
					 .h = (float)q->h,
					 .offset = (float)(tau * e->freq * q->h) };
		double most = b1 * hypot(q->bx, q->by) + slow + tau * fabs(e->freq);

		for (int a = 0; a < 3; a++) {
			double half = half_distance(m, a) * q->h;

			f.g[a] = (float)(0.5 * (q->g[0][a] + q->g[1][a]) * half);
			f.tilt[a] = (float)(0.5 * gauss * (q->g[1][a] - q->g[0][a]) * half);
			most += 0.5 * fabs(q->g[0][a] + q->g[1][a]) * reach[a];
		}
		f.halvings = halvings(1.1 * most * q->h); /* and the tilt */
		t += q->h;
		st = add_field(m, &f);
	}
	to->turn = (float)remainder(e->freq * t, 1);
	free(step);
	return st;
}

precess_status device_pulse(struct device_maker *m, uint32_t i)
{
	const struct line_plan *p = m->p;
	int index = p->epoch[m->h->first_epoch + i].pulse;
	const struct line_build *b = index < 0 ? NULL : &p->build[index];
	struct bloch_epoch *to = &m->epoch[i];
	struct bloch_pulse_numbers *q;
	uint32_t n = m->s->n_pulse;
	precess_status st;
	int *build;

	to->pulse = -1;
	if (!b)
		return PRECESS_OK;
	if (b->kind == LINE_ROTATION) {
		to->kind = BLOCH_ROTATION;
		m->step[i].turns = spin_split(b->turns);
		return PRECESS_OK;
	}
	to->kind = b->through ? BLOCH_STEPS : BLOCH_STORED;
	for (to->pulse = 0; (uint32_t)to->pulse < n; to->pulse++)
		if (m->build[to->pulse] == index)
			return PRECESS_OK;
	build = line_append(&m->build, &n, sizeof *build);
	q = build ? line_append(&m->pulse, &m->s->n_pulse, sizeof *q) : NULL;
	if (!q)
		return PRECESS_ENOMEM;
	*build = index;
	q->first = m->s->n_field;
	st = b->kind == LINE_RESONANT  ? fill_resonant(m, b)
	     : b->kind == LINE_STEPPED ? fill_stepped(m, q, b->pulse)
				       : fill_bloch(m, b);
	q->n = m->s->n_field - q->first;
	return st;
}

/* A map in memory costs as much as so many operations, written or read. */
static const double map_flops = 672, step_flops = 340, halving_flops = 78;

static double work(const struct device_maker *m, int pulse)
{
	const struct bloch_pulse_numbers *q = &m->pulse[pulse];
	double sum = 0;

	for (uint32_t i = 0; i < q->n; i++)
		sum += step_flops + halving_flops * m->field[q->first + i].halvings;
	return sum;
}

/* How often a thread that holds one pulse must get this one. */
static int loads(const struct device_maker *m, int pulse)
{
	int n = 0, held = -1;

	for (uint32_t i = 0; i < m->s->n_epoch; i++) {
		if (m->epoch[i].pulse < 0)
			continue;
		n += m->epoch[i].pulse == pulse && held != pulse;
		held = m->epoch[i].pulse;
	}
	return n;
}

void device_store_pulses(struct device_maker *m)
{
	for (uint32_t i = 0; i < m->s->n_epoch; i++) {
		struct bloch_epoch *e = &m->epoch[i];
		int n;

		if (e->kind != BLOCH_STORED)
			continue;
		n = loads(m, e->pulse);
		if (work(m, e->pulse) * n < map_flops * (n + 1))
			e->kind = BLOCH_STEPS;
		else if ((uint32_t)e->pulse >= m->s->n_map)
			m->s->n_map = (uint32_t)e->pulse + 1;
	}
}
