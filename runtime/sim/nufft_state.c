/* Spin states of the nufft method in double precision, columns of some pixels at a time, so that spins
 * at the same place through the slice can look up what a shaped pulse does to them side by side. */
#include "runtime/sim/nufft.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
/* Of the tolerance, for all pulses of a history; a number's error in a table, the most and the least
 * that is worth trying. */
static const double tables_share = 0.01, coarsest = 3e-8, finest = 1e-10;
enum {
	/* A component changes by the errors of three products and of the constant. */
	NUMBERS_OF_ONE = 4
};

/* ------------------------------------------------------------------ tables */
static struct pulse_range range_of(const struct nufft *j, uint32_t pulse)
{
	const struct sim_plan *plan = j->plan;
	struct pulse_range r;

	for (int k = 0; k < PULSE_AXES; k++) {
		r.lo[k] = INFINITY;
		r.hi[k] = -INFINITY;
	}
	for (size_t i = 0; i < plan->n_live; i++) {
		struct sim_spin s = sim_spin_at(plan, plan->live[i], 0);
		double v[PULSE_AXES];

		s.r[2] = 0;
		v[PULSE_B1] = s.b1;
		v[PULSE_W] = sim_pulse_offset(plan->draw, pulse, &s);
		v[PULSE_R2] = j->rate[plan->live[i]];
		v[PULSE_R1] = s.r1;
		for (int k = 0; k < PULSE_AXES; k++) {
			r.lo[k] = fmin(r.lo[k], v[k]);
			r.hi[k] = fmax(r.hi[k], v[k]);
		}
	}
	return r;
}

static precess_status add_table(struct nufft *j, uint32_t pulse, double error)
{
	const struct sim_plan *plan = j->plan;
	const struct pulse_range range = range_of(j, pulse);
	double *place = malloc((size_t)plan->nz * sizeof *place);
	struct sim_spin s = { 0 };
	struct pulse_shape shape;
	double middle = sim_pulse_offset(plan->draw, pulse, &s), *b = NULL;
	precess_status st;

	TRY(sim_pulse_shape(&shape, &b, plan->draw, pulse));
	if (!place) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d spins", plan->nz);
		goto out;
	}
	for (int iz = 0; iz < plan->nz; iz++) {
		s.r[2] = ((iz + 0.5) / plan->nz - 0.5) * plan->slice;
		place[iz] = sim_pulse_offset(plan->draw, pulse, &s) - middle;
	}
	TRY(pulse_table_create(&j->table[pulse], &shape, &range, place, plan->nz,
			       (double)plan->n_live * plan->nz, error, plan->threads));
out:
	free(b);
	free(place);
	return st;
}

precess_status nufft_add_tables(struct nufft *j)
{
	const struct draw *d = j->plan->draw;
	const struct program *p = d->program;
	uint32_t most = 1;
	double error;
	precess_status st = PRECESS_OK;

	for (uint32_t h = 0; h < p->n_history; h++) {
		uint32_t n = sim_history_pulses(p, h);

		most = n > most ? n : most;
	}
	error = fmin(coarsest, tables_share * j->plan->tolerance / most / NUMBERS_OF_ONE);
	j->table = calloc((size_t)p->n_pulse + 1, sizeof *j->table);
	if (!j->table)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (!j->n_group || !j->plan->n_live || error < finest)
		return PRECESS_OK;
	for (uint32_t i = 0; i < p->n_pulse; i++) {
		if (p->pulse[i].class_ == PROGRAM_PULSE_STEPPED ||
		    p->pulse[i].shape == PROGRAM_NO_SHAPE || !(sim_slot(d, p->pulse[i].duration) > 0))
			continue;
		TRY(add_table(j, i, error));
		if (j->table[i])
			j->tables = fmax(j->tables, NUMBERS_OF_ONE * most *
							    pulse_table_error(j->table[i]));
	}
out:
	return st;
}

void nufft_free_tables(struct nufft *j)
{
	for (uint32_t i = 0; j->table && i < j->plan->draw->program->n_pulse; i++)
		pulse_table_free(j->table[i]);
	free(j->table);
}

/* ------------------------------------------------------------------ columns */
struct columns {
	const uint32_t *pixel;
	size_t n;                /* pixels, up to PULSE_LANES */
	struct sim_spin *spin;   /* [pixel][nz] */
	double (*m)[3];          /* likewise */
	struct affine *pulses;   /* [spin][n_pulse] */
	bool *have;
};

/* The spins of a pixel right after the pulse, as the group finds them. */
static void add_pixel(struct nufft_group *g, const struct columns *c, size_t pixel, size_t nz,
		      size_t n_pixel)
{
	const struct nufft_planes *p = &g->planes;
	const uint32_t to = c->pixel[pixel];
	double sum[SEGMENTS][2], thick = 0; /* planes lie far apart in memory */

	memset(sum, 0, (size_t)p->n * sizeof *sum);
	for (size_t z = 0; z < nz; z++) {
		const struct sim_spin *s = &c->spin[pixel * nz + z];
		const double *m = c->m[pixel * nz + z], *share = p->share + z * (size_t)p->n;
		double phase = s->w * g->begin + tau * g->middle * s->r[2];
		double f = exp(-s->r2 * g->begin), co = f * cos(phase), si = -f * sin(phase);
		double re = m[0] * co - m[1] * si, im = m[0] * si + m[1] * co;

		for (int i = 0; i < p->n; i++) {
			sum[i][0] += share[i] * re;
			sum[i][1] += share[i] * im;
		}
		thick += hypot(re, im);
	}
	for (int i = 0; i < p->n; i++) {
		g->w[(size_t)i * n_pixel + to][0] = sum[i][0];
		g->w[(size_t)i * n_pixel + to][1] = sum[i][1];
	}
	if (g->thick)
		g->thick[to] = thick;
}

static void begin(const struct nufft *j, struct columns *c)
{
	const struct sim_plan *plan = j->plan;

	memset(c->have, 0, c->n * (size_t)plan->nz * plan->draw->program->n_pulse * sizeof *c->have);
	for (size_t i = 0; i < c->n * (size_t)plan->nz; i++) {
		uint32_t pixel = c->pixel[i / (size_t)plan->nz];

		c->spin[i] = sim_spin_at(plan, pixel, (int)(i % (size_t)plan->nz));
		c->spin[i].r2 = j->rate[pixel]; /* T2' too: it is infinite unless one pulse is all */
		c->m[i][0] = c->m[i][1] = 0;
		c->m[i][2] = c->spin[i].m0;
	}
}

static void make_pulse(const struct nufft *j, struct columns *c, uint32_t pulse)
{
	const struct sim_plan *plan = j->plan;
	size_t nz = (size_t)plan->nz, n_pulse = plan->draw->program->n_pulse;

	if (!j->table[pulse] || c->have[pulse]) {
		sim_pulses(c->pulses, c->have, plan->draw, pulse, c->spin, c->n * nz);
		return;
	}
	for (size_t z = 0; z < nz; z++)
		sim_pulses_look(c->pulses + z * n_pulse, c->have + z * n_pulse, plan->draw, pulse,
				c->spin + z, c->n, nz, j->table[pulse], (int)z);
}

static void run_columns(struct nufft *j, struct columns *c, uint32_t history, size_t from, size_t to)
{
	const struct draw *d = j->plan->draw;
	const struct program *p = d->program;
	const size_t nz = (size_t)j->plan->nz;
	uint32_t last = j->group[to - 1].epoch;
	size_t g = from;

	begin(j, c);
	for (uint32_t e = p->history[history].first_epoch; e <= last; e++) {
		if (p->epoch[e].pulse != UINT32_MAX)
			make_pulse(j, c, p->epoch[e].pulse);
		for (size_t s = 0; s < c->n * nz; s++)
			sim_epoch_pulse(c->m[s], d, e, &c->spin[s], c->pulses + s * p->n_pulse,
					c->have + s * p->n_pulse);
		for (; g < to && j->group[g].epoch == e; g++)
			for (size_t i = 0; i < c->n; i++)
				add_pixel(&j->group[g], c, i, nz, nufft_pixels(j));
		for (size_t s = 0; s < c->n * nz; s++)
			sim_epoch_free(c->m[s], d, e, &c->spin[s]);
	}
}

precess_status nufft_states(struct nufft *j, uint32_t history, size_t from, size_t to)
{
	const struct sim_plan *plan = j->plan;
	size_t spins = (size_t)plan->nz * PULSE_LANES, n_pulse = plan->draw->program->n_pulse;
	bool ok = true;

#pragma omp parallel num_threads(plan->threads)
	{
		struct columns c = { .spin = malloc(spins * sizeof *c.spin),
				     .m = malloc(spins * sizeof *c.m),
				     .pulses = malloc(spins * n_pulse * sizeof *c.pulses + 1),
				     .have = malloc(spins * n_pulse * sizeof *c.have + 1) };
		bool here = c.spin && c.m && c.pulses && c.have;

#pragma omp for schedule(dynamic, 2)
		for (size_t i = 0; i < plan->n_live; i += PULSE_LANES) {
			c.pixel = plan->live + i;
			c.n = plan->n_live - i < PULSE_LANES ? plan->n_live - i : PULSE_LANES;
			if (here && !interrupted())
				run_columns(j, &c, history, from, to);
		}
		if (!here) {
#pragma omp atomic write
			ok = false;
		}
		free(c.spin);
		free(c.m);
		free(c.pulses);
		free(c.have);
	}
	return ok ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory for spins");
}
