/* One spin through a history by the kernel schedule: pulses as affine maps, free precession as
 * rotation, decay and recovery. */
#include "runtime/sim/internal.h"
#include "runtime/sim/pulse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

double sim_slot(const struct draw *d, program_slot s)
{
	return s == PROGRAM_NO_SLOT ? 0 : d->value[s];
}

uint32_t sim_epoch_history(const struct program *p, uint32_t epoch)
{
	uint32_t lo = 0, hi = p->n_history;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->history[mid].first_epoch <= epoch)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

uint32_t sim_history_pulses(const struct program *p, uint32_t history)
{
	const struct program_history *h = &p->history[history];
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n_epoch; i++)
		n += p->epoch[h->first_epoch + i].pulse != UINT32_MAX;
	return n;
}

/* ------------------------------------------------------------------ a spin */
static double map_value(const struct maps *m, enum program_map_kind k, uint32_t pixel)
{
	static const double neutral[] = {
#define MAP(name, dim, value, doc) value,
#include "runtime/program/maps.def"
#undef MAP
	};

	return m->map[k] ? (double)m->map[k][pixel] : neutral[k];
}

struct sim_spin sim_spin_at(const struct sim_plan *plan, uint32_t pixel, int iz)
{
	const struct maps *m = plan->maps;
	uint32_t ix = pixel % (uint32_t)m->nx, iy = pixel / (uint32_t)m->nx;

	return (struct sim_spin){
		.r = { ((ix + 0.5) / m->nx - 0.5) * m->fov[0],
		       ((iy + 0.5) / m->ny - 0.5) * m->fov[1],
		       ((iz + 0.5) / plan->nz - 0.5) * plan->slice },
		.m0 = map_value(m, PROGRAM_MAP_M0, pixel),
		.r1 = 1 / map_value(m, PROGRAM_MAP_T1, pixel),
		.r2 = 1 / map_value(m, PROGRAM_MAP_T2, pixel),
		.r2p = 1 / map_value(m, PROGRAM_MAP_T2p, pixel),
		.w = tau * map_value(m, PROGRAM_MAP_dB0, pixel),
		.b1 = map_value(m, PROGRAM_MAP_B1, pixel),
	};
}

/* ------------------------------------------------------------------ pulses */
/* A pulse of no duration turns by its flip angle around its mean direction. */
static struct affine instant(const struct draw *d, const struct program_pulse *q, double b1)
{
	double flip = sim_slot(d, q->flip) * b1, re = 1, im = 0;

	if (q->shape != PROGRAM_NO_SHAPE) {
		const struct program_shape *s = &d->program->shape[q->shape];

		re = 0;
		for (uint32_t i = 0; i < s->n; i++) {
			re += s->sample[s->is_complex ? 2 * i : i] / s->n;
			im += s->is_complex ? s->sample[2 * i + 1] / s->n : 0;
		}
	}
	return affine_rotation(flip * re, flip * im, 0);
}

static double offset_of(const struct draw *d, const struct program_pulse *q, const struct sim_spin *s)
{
	double w = s->w + tau * sim_slot(d, q->freq);

	for (int a = 0; a < 3; a++)
		w += tau * d->program->gammabar * sim_slot(d, q->grad[a]) * s->r[a];
	return w;
}

/* In the frame that turns with the RF its field stands still and a frequency f acts as an
 * off-resonance of f; leaving the frame turns the phase by all of 2 pi f T. */
static struct affine constant_gradient(const struct draw *d, const struct program_pulse *q,
				       const struct sim_spin *s, double duration)
{
	double w1 = sim_slot(d, q->flip) * s->b1 / duration, w = offset_of(d, q, s);
	struct affine m, step;

	if (q->shape == PROGRAM_NO_SHAPE) {
		m = affine_bloch(w1, 0, w, s->r1, s->r2, s->m0, duration);
	} else {
		const struct program_shape *p = &d->program->shape[q->shape];
		double h = duration / p->n, re, im, last_re = NAN, last_im = NAN;

		m = affine_phase(0);
		for (uint32_t i = 0; i < p->n; i++) {
			re = w1 * p->sample[p->is_complex ? 2 * i : i];
			im = p->is_complex ? w1 * p->sample[2 * i + 1] : 0;
			if (re != last_re || im != last_im)
				step = affine_bloch(re, im, w, s->r1, s->r2, s->m0, h);
			last_re = re;
			last_im = im;
			m = affine_after(&step, &m);
		}
	}
	step = affine_phase(tau * sim_slot(d, q->freq) * duration);
	return affine_after(&step, &m);
}

static struct affine stepped(const struct draw *d, const struct program_pulse *q,
			     const struct sim_spin *s)
{
	const struct draw_event *e = &d->event[d->at[q->event]];
	double reach[3] = { fabs(s->r[0]), fabs(s->r[1]), fabs(s->r[2]) };
	struct affine m = affine_phase(0);
	struct rf_step *step;
	size_t n;

	if (sim_rf_steps(&step, &n, d, e, reach) == PRECESS_OK)
		m = sim_rf_propagate(step, n, e->freq, s);
	free(step);
	return m;
}

struct affine sim_pulse(const struct draw *d, uint32_t pulse, const struct sim_spin *s)
{
	const struct program_pulse *q = &d->program->pulse[pulse];
	double duration = sim_slot(d, q->duration);

	if (duration <= 0)
		return instant(d, q, s->b1);
	if (q->class_ == PROGRAM_PULSE_STEPPED)
		return stepped(d, q, s);
	return constant_gradient(d, q, s, duration);
}

/* ------------------------------------------------------------------ pulses of many spins */
double sim_pulse_offset(const struct draw *d, uint32_t pulse, const struct sim_spin *s)
{
	return offset_of(d, &d->program->pulse[pulse], s);
}

precess_status sim_pulse_shape(struct pulse_shape *out, double **b, const struct draw *d, uint32_t pulse)
{
	const struct program_pulse *q = &d->program->pulse[pulse];
	const struct program_shape *p = &d->program->shape[q->shape];
	double duration = sim_slot(d, q->duration), w1 = sim_slot(d, q->flip) / duration;

	*b = malloc(2 * (size_t)p->n * sizeof **b);
	if (!*b)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a pulse of %u samples", p->n);
	for (uint32_t i = 0; i < p->n; i++) {
		(*b)[2 * i] = w1 * p->sample[p->is_complex ? 2 * i : i];
		(*b)[2 * i + 1] = p->is_complex ? w1 * p->sample[2 * i + 1] : 0;
	}
	*out = (struct pulse_shape){ p->n, *b, duration / p->n };
	return PRECESS_OK;
}

/* Spins s[0], s[apart], ... in lanes, the last one in those that are left. */
static void put_lanes(pulse_spins at, const struct sim_spin *s, size_t n, size_t apart)
{
	for (size_t l = 0; l < PULSE_LANES; l++) {
		const struct sim_spin *x = &s[(l < n ? l : n - 1) * apart];

		at[PULSE_B1][l] = x->b1;
		at[PULSE_R2][l] = x->r2;
		at[PULSE_R1][l] = x->r1;
	}
}

/* The map of a lane, and out of the frame of the RF. */
static struct affine lane(pulse_maps map, size_t l, double m0, const struct affine *leave)
{
	struct affine m;

	for (int k = 0; k < 9; k++)
		m.e[k / 3][k % 3] = map[k][l];
	for (int k = 0; k < 3; k++)
		m.c[k] = map[9 + k][l] * m0;
	return affine_after(leave, &m);
}

/* As constant_gradient, of PULSE_LANES spins at a time; false: no memory. */
static bool side_by_side(struct affine *out, size_t stride, const struct draw *d, uint32_t pulse,
			 const struct sim_spin *s, size_t n)
{
	const struct program_pulse *q = &d->program->pulse[pulse];
	const struct affine leave =
		affine_phase(tau * sim_slot(d, q->freq) * sim_slot(d, q->duration));
	struct pulse_shape shape;
	double *b;

	if (sim_pulse_shape(&shape, &b, d, pulse))
		return false;
	for (size_t first = 0; first < n; first += PULSE_LANES) {
		size_t left = n - first < PULSE_LANES ? n - first : PULSE_LANES;
		_Alignas(64) pulse_spins at;
		_Alignas(64) pulse_maps map;

		put_lanes(at, s + first, left, 1);
		for (size_t l = 0; l < PULSE_LANES; l++)
			at[PULSE_W][l] = offset_of(d, q, &s[first + (l < left ? l : left - 1)]);
		pulse_solve(map, &shape, at);
		for (size_t l = 0; l < left; l++)
			out[(first + l) * stride] = lane(map, l, s[first + l].m0, &leave);
	}
	free(b);
	return true;
}

void sim_pulses_look(struct affine *pulses, bool *have, const struct draw *d, uint32_t pulse,
		     const struct sim_spin *s, size_t n, size_t apart, const struct pulse_table *t,
		     int place)
{
	const struct program_pulse *q = &d->program->pulse[pulse];
	const struct affine leave =
		affine_phase(tau * sim_slot(d, q->freq) * sim_slot(d, q->duration));
	_Alignas(64) pulse_spins at;
	_Alignas(64) pulse_maps map;

	put_lanes(at, s, n, apart);
	for (size_t l = 0; l < PULSE_LANES; l++) {
		struct sim_spin x = s[(l < n ? l : n - 1) * apart];

		x.r[2] = 0;
		at[PULSE_W][l] = offset_of(d, q, &x);
	}
	pulse_table_look(map, t, place, at);
	for (size_t l = 0; l < n; l++) {
		size_t i = l * apart * d->program->n_pulse + pulse;

		pulses[i] = lane(map, l, s[l * apart].m0, &leave);
		have[i] = true;
	}
}

/* As stepped, with the steps that the widest of the spins needs. */
static void stepped_all(struct affine *out, size_t stride, const struct draw *d,
			const struct program_pulse *q, const struct sim_spin *s, size_t n)
{
	const struct draw_event *e = &d->event[d->at[q->event]];
	double reach[3] = { 0 };
	struct rf_step *step;
	size_t steps;

	for (size_t i = 0; i < 3 * n; i++)
		reach[i % 3] = fmax(reach[i % 3], fabs(s[i / 3].r[i % 3]));
	if (sim_rf_steps(&step, &steps, d, e, reach) == PRECESS_OK)
		for (size_t i = 0; i < n; i++)
			out[i * stride] = sim_rf_propagate(step, steps, e->freq, &s[i]);
	free(step);
}

void sim_pulses(struct affine *pulses, bool *have, const struct draw *d, uint32_t pulse,
		const struct sim_spin *s, size_t n)
{
	const struct program *p = d->program;
	const struct program_pulse *q = &p->pulse[pulse];

	if (have[pulse])
		return;
	if (sim_slot(d, q->duration) > 0 && q->class_ == PROGRAM_PULSE_STEPPED)
		stepped_all(pulses + pulse, p->n_pulse, d, q, s, n);
	else if (!(sim_slot(d, q->duration) > 0 && q->shape != PROGRAM_NO_SHAPE &&
		   side_by_side(pulses + pulse, p->n_pulse, d, pulse, s, n)))
		for (size_t i = 0; i < n; i++)
			pulses[i * p->n_pulse + pulse] = sim_pulse(d, pulse, &s[i]);
	for (size_t i = 0; i < n; i++)
		have[i * p->n_pulse + pulse] = true;
}

/* ------------------------------------------------------------------ epochs */
static void affine_apply_single(float m[3], const struct affine *a)
{
	float x = m[0], y = m[1], z = m[2];

	for (int i = 0; i < 3; i++)
		m[i] = (float)a->e[i][0] * x + (float)a->e[i][1] * y + (float)a->e[i][2] * z +
		       (float)a->c[i];
}

#define SINGLE 0
#include "runtime/sim/epoch.inc"
#undef SINGLE
#define SINGLE 1
#include "runtime/sim/epoch.inc"
