/* Planes that follow from the maps alone: pulses, precession, recovery. Equal ones are shared; what
 * a plane needs besides the maps, tables over x and y and the steps of a pulse, is made here. */
#include "runtime/sim/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

static const double excite_least = 3e-5;
enum { EXCITE_STEPS = 9 }; /* its error, 5e-7, as roundings of a pulse (line.c) */

void *line_append(void *array, uint32_t *n, size_t size)
{
	void **base = array, *grown = *base;

	/* the capacity is the next power of two */
	if ((*n & (*n - 1)) == 0) {
		grown = realloc(*base, (*n ? 2 * (size_t)*n : 1) * size);
		if (!grown) {
			precess_fail(PRECESS_ENOMEM, "out of memory for %u items of a plan", *n);
			return NULL;
		}
		*base = grown;
	}
	memset((char *)grown + *n * size, 0, size);
	return (char *)grown + (*n)++ * size;
}

/* By recurrence in double, started afresh now and then. */
void line_phases(float *out, size_t stride, size_t apart, int n, double cycles, double re,
		 double im)
{
	double step = -tau * cycles / n, c = cos(step), s = sin(step), x = 0, y = 0, t, phase;
	int i;

	for (i = 0; i < n; i++, out += stride) {
		if (i % 32 == 0) {
			phase = -tau * fmod(cycles * ((i + 0.5) / n - 0.5), 1);
			x = re * cos(phase) - im * sin(phase);
			y = re * sin(phase) + im * cos(phase);
		}
		out[0] = (float)x;
		out[apart] = (float)y;
		t = x * c - y * s;
		y = x * s + y * c;
		x = t;
	}
}

/* ------------------------------------------------------------------ builds */
static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * fmax(fabs(a), fabs(b));
}

static int find_build(const struct line_plan *p, const struct line_history *h,
		      const struct line_build *b)
{
	for (uint32_t i = h->first_build; i < p->n_build; i++) {
		const struct line_build *q = &p->build[i];

		if (q->kind == b->kind && q->pulse == b->pulse && near(q->t, b->t) &&
		    near(q->turns, b->turns) && fabs(q->phase - b->phase) < 1e-12 &&
		    near(q->k[0], b->k[0]) && near(q->k[1], b->k[1]))
			return (int)i;
	}
	return -1;
}

static precess_status fill_factor(struct line_plan *p, struct line_build *b)
{
	const struct maps *m = p->sim->maps;
	float *wide = memory_aligned(2 * (size_t)p->nx * sizeof *wide);
	int i;

	b->x = memory_aligned((size_t)p->blocks * 2 * CPU_LANES * sizeof *b->x);
	b->y = memory_aligned(2 * (size_t)p->ny * sizeof *b->y);
	if (!wide || !b->x || !b->y) {
		free(wide);
		return PRECESS_ENOMEM;
	}
	line_phases(wide, 1, (size_t)p->nx, p->nx, b->k[0] * m->fov[0], cos(b->phase),
		    sin(b->phase));
	for (i = 0; i < p->nx; i++) {
		float *x = b->x + (i / CPU_LANES) * 2 * CPU_LANES + i % CPU_LANES;

		x[0] = wide[i];
		x[CPU_LANES] = wide[i + p->nx];
	}
	line_phases(b->y, 2, 1, p->ny, b->k[1] * m->fov[1], 1, 0);
	free(wide);
	return PRECESS_OK;
}

/* The field of a pulse as steps; reach from the widest of everything. */
static precess_status fill_bloch(struct line_plan *p, struct line_build *b)
{
	const struct draw *d = p->sim->draw;
	const struct program_pulse *q = &d->program->pulse[b->pulse];
	const struct program_shape *s = q->shape == PROGRAM_NO_SHAPE ? NULL
								     : &d->program->shape[q->shape];
	double duration = sim_slot(d, q->duration), w1 = sim_slot(d, q->flip) / duration;
	double w = tau * d->program->gammabar, most = 0, g[3], *at[2];
	uint32_t n = s ? s->n : 1, i;

	for (i = 0; i < 3; i++)
		g[i] = w * sim_slot(d, q->grad[i]);
	b->through = g[2] != 0 && p->sim->nz > 1;
	b->bz = g[2];
	b->b = malloc(2 * (size_t)n * sizeof *b->b);
	b->bx = malloc((size_t)p->blocks * CPU_LANES * sizeof *b->bx);
	b->by = malloc((size_t)p->ny * sizeof *b->by);
	if (!b->b || !b->bx || !b->by)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a pulse of %u samples", n);
	for (i = 0; i < n; i++) {
		b->b[2 * i] = w1 * (s ? s->sample[s->is_complex ? 2 * i : i] : 1);
		b->b[2 * i + 1] = s && s->is_complex ? w1 * s->sample[2 * i + 1] : 0;
		most = fmax(most, hypot(b->b[2 * i], b->b[2 * i + 1]));
	}
	at[0] = b->bx;
	at[1] = b->by;
	for (int a = 0; a < 2; a++) {
		int size = a ? p->ny : p->nx, end = a ? p->ny : p->blocks * CPU_LANES;

		for (int j = 0; j < end; j++)
			at[a][j] = g[a] * ((j + 0.5) / size - 0.5) * p->sim->maps->fov[a];
	}
	b->bloch = (struct cpu_bloch){ .n = n,
				       .b = b->b,
				       .h = duration / n,
				       .x = b->bx,
				       .y = b->by,
				       .offset = tau * sim_slot(d, q->freq) };
	/* `turns` and `k` carry the maps' widest B1 and rates, see line_add_pulse */
	b->bloch.reach =
		b->bloch.h *
		(most * b->turns + b->k[0] + fabs(b->bloch.offset) +
		 0.5 * fabs(g[0]) * (p->sim->maps->fov[0] * (p->blocks * CPU_LANES + 1) / p->nx) +
		 0.5 * fabs(g[1]) * p->sim->maps->fov[1] + 0.5 * fabs(g[2]) * p->sim->slice);
	return PRECESS_OK;
}

/* A single rectangle that sees neither gradient nor offset is a rotation in a plane, where none of
 * the spins is off resonance. Very fast decay during it is beyond the closed form. */
static bool resonant(const struct line_plan *p, const struct line_build *b)
{
	const struct draw *d = p->sim->draw;
	const struct program_pulse *q = &d->program->pulse[b->pulse];
	const struct cpu_survey *s = &p->sim->survey;
	const float *f = p->sim->maps->map[PROGRAM_MAP_dB0];

	if (q->shape != PROGRAM_NO_SHAPE || sim_slot(d, q->freq) != 0 ||
	    (f && p->sim->n_live && (s->lo[CPU_F] != 0 || s->hi[CPU_F] != 0)))
		return false;
	for (int i = 0; i < 3; i++)
		if (sim_slot(d, q->grad[i]) != 0)
			return false;
	return b->k[0] * sim_slot(d, q->duration) < 3;
}

/* Whether the first pulse alone may be computed, in single precision. Devices have no kernel for
 * that, and tight tolerances leave nothing for its rounding. */
static bool starts(const struct line_plan *p, const struct line_history *h, uint32_t epoch)
{
	const struct program *prog = p->sim->draw->program;

	return !p->sim->backend && p->sim->tolerance >= excite_least &&
	       prog->history[h->index].first_epoch == epoch;
}

int line_add_build(struct line_plan *p, struct line_history *h, const struct line_build *want)
{
	int i = find_build(p, h, want);
	struct line_build *b;
	precess_status st = PRECESS_OK;

	if (i >= 0)
		return i;
	b = line_append(&p->build, &p->n_build, sizeof *b);
	if (!b)
		return -2;
	*b = *want;
	if (b->kind == LINE_FACTOR)
		st = fill_factor(p, b);
	else if (b->kind == LINE_BLOCH || b->kind == LINE_EXCITE)
		st = fill_bloch(p, b);
	else if (b->kind == LINE_STEPPED)
		b->through = p->sim->nz > 1;
	if (b->kind == LINE_EXCITE && (b->bloch.n > 1 || b->bloch.reach > 2))
		b->kind = LINE_BLOCH;
	if (b->kind == LINE_BLOCH && !st)
		st = line_add_table(p, h, b);
	if (b->kind == LINE_EXCITE)
		p->steps = fmax(p->steps, EXCITE_STEPS);
	return st ? -2 : (int)(p->n_build - 1);
}

/* A pulse without duration is a rotation around an axis in the plane: its angle, and the axis as
 * one more phase. Otherwise the frame that turns with the RF is left at its end. */
precess_status line_add_pulse(struct line_plan *p, struct line_history *h, uint32_t epoch,
			      struct line_epoch *out, double rates)
{
	const struct draw *d = p->sim->draw;
	const struct program_epoch *e = &d->program->epoch[epoch];
	struct line_build b = { .pulse = e->pulse };
	const struct program_pulse *q;
	double phase = sim_slot(d, e->phase);

	out->pulse = -1;
	if (e->pulse == UINT32_MAX)
		return PRECESS_OK;
	q = &d->program->pulse[e->pulse];
	out->turn_in = -phase;
	out->turn_out = phase;
	if (sim_slot(d, q->duration) <= 0) {
		double re = 1, im = 0;

		if (q->shape != PROGRAM_NO_SHAPE) {
			const struct program_shape *s = &d->program->shape[q->shape];

			re = 0;
			for (uint32_t i = 0; i < s->n; i++) {
				re += s->sample[s->is_complex ? 2 * i : i] / s->n;
				im += s->is_complex ? s->sample[2 * i + 1] / s->n : 0;
			}
		}
		b.kind = LINE_ROTATION;
		b.pulse = UINT32_MAX;
		b.turns = sim_slot(d, q->flip) * hypot(re, im) / tau;
		out->turn_in -= atan2(im, re);
		out->turn_out += atan2(im, re);
	} else if (q->class_ == PROGRAM_PULSE_STEPPED) {
		b.kind = LINE_STEPPED;
	} else {
		b.kind = starts(p, h, epoch) ? LINE_EXCITE : LINE_BLOCH;
		b.turns = fmax(fabs(p->b1[0]), fabs(p->b1[1]));
		b.k[0] = rates;
		if (resonant(p, &b)) {
			b.kind = LINE_RESONANT;
			b.turns = sim_slot(d, q->flip) / tau;
			b.t = sim_slot(d, q->duration);
			b.pulse = UINT32_MAX;
		}
		out->turn_out += tau * sim_slot(d, q->freq) * sim_slot(d, q->duration);
	}
	out->pulse = line_add_build(p, h, &b);
	return out->pulse == -2 ? PRECESS_ENOMEM : PRECESS_OK;
}
