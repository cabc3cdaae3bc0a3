/* State evolution: what a thread does to its spin, shared by the kernel that reads tables
 * (state.cu) and by kernels made for one schedule (runtime/backend/special.c), which are compiled
 * at run time and see nothing but this, the tables and the arithmetic of a spin. */
#ifndef RUNTIME_CUDA_STATE_H
#define RUNTIME_CUDA_STATE_H

#include "runtime/bloch/bloch.h"

/* ------------------------------------------------------------------ pulses */
/* The map of a whole pulse: one step after another, each halved until its series is short. */
SPIN_HD struct spin_map pulse_map(const struct bloch_pulse_numbers *p,
				  const struct bloch_field *field, const struct spin *s, float x,
				  float y, float z)
{
	struct spin_map all = spin_map_none(), rest = spin_map_none(), one;

	rest.e[0] = rest.e[4] = rest.e[8] = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct bloch_field *q = &field[p->first + i];
		float half = ldexpf(1.0f, -q->halvings), h = q->h * half;
		float w = s->f * (6.28318530718f * q->h) + q->offset + q->g[0] * x + q->g[1] * y +
			  q->g[2] * z;
		float tilt = q->tilt[0] * x + q->tilt[1] * y + q->tilt[2] * z;
		float bx = s->b1 * q->re, by = s->b1 * q->im;

		one = spin_step((bx + tilt * by) * half, (by - tilt * bx) * half, w * half,
				s->r1 * h, s->r2 * h, s->m0);
		if (!q->halvings) {
			spin_step_after(&all, &rest, &one);
			continue;
		}
		one = spin_whole(one);
		for (int k = 0; k < q->halvings; k++)
			one = spin_after(&one, &one);
		all = spin_after(&one, &all);
		for (int k = 0; k < 3; k++)
			one.c[k] = 0; /* it has had its recovery */
		rest = spin_after(&one, &rest);
	}
	for (int k = 0; k < 9; k++)
		all.e[k] += rest.e[k];
	for (int k = 0; k < 3; k++)
		all.c[k] += rest.c[k];
	if (p->turn != 0) {
		struct spin_complex r = spin_circle(p->turn);

		one = spin_map_none();
		one.e[0] = one.e[4] = r.re;
		one.e[1] = -r.im;
		one.e[3] = r.im;
		all = spin_after(&one, &all);
	}
	return all;
}

/* ------------------------------------------------------------------ orders */
/* Order 0: Mx + i My in `f`, Mz in the real part of `z`. */
SPIN_HD void pulse_zero(struct spin_complex *f, struct spin_complex *z, const struct spin_map *p)
{
	float m[3];

	m[0] = f->re;
	m[1] = f->im;
	m[2] = z->re;
	spin_apply(m, p);
	f->re = m[0];
	f->im = m[1];
	z->re = m[2];
}

/* With A = F_k and B = conj F_-k the pulse acts on (A + B) / 2, (A - B) / 2i and Z as on the
 * components of a spin, once on the real and once on the imaginary parts. */
SPIN_HD void pulse_pair(struct spin_complex *plus, struct spin_complex *minus,
			struct spin_complex *z, const struct spin_map *p)
{
	float re[3], im[3];

	re[0] = 0.5f * (plus->re + minus->re);
	im[0] = 0.5f * (plus->im - minus->im);
	re[1] = 0.5f * (plus->im + minus->im);
	im[1] = 0.5f * (minus->re - plus->re);
	re[2] = z->re;
	im[2] = z->im;
	spin_turn(re, p);
	spin_turn(im, p);
	plus->re = re[0] - im[1];
	plus->im = im[0] + re[1];
	minus->re = re[0] + im[1];
	minus->im = re[1] - im[0];
	z->re = re[2];
	z->im = im[2];
}

/* Where a thread is: its spin, and the numbers of its draw. */
struct place {
	const struct bloch_schedule *s;
	struct spin me;
	size_t n, i;
	uint32_t draw;
	float x, y, z;
};

SPIN_HD struct spin_map epoch_pulse(const struct place *p, int kind, int index,
				    const struct bloch_epoch_numbers *q, const float *map)
{
	const struct bloch_schedule *s = p->s;
	struct spin_map m;

	if (kind == BLOCH_ROTATION)
		return spin_rotation(q->turns, p->me.b1);
	if (kind == BLOCH_STEPS)
		return pulse_map(&s->pulse[(size_t)p->draw * s->n_pulse + (size_t)index],
				 s->field + (size_t)p->draw * s->n_field, &p->me, p->x, p->y, p->z);
	map += ((size_t)p->draw * s->n_map + (size_t)index) * 12 * p->n + p->i;
	for (int k = 0; k < 9; k++)
		m.e[k] = map[(size_t)k * p->n];
	for (int k = 0; k < 3; k++)
		m.c[k] = map[(size_t)(9 + k) * p->n];
	return m;
}

SPIN_HD void show(struct spin_complex *view, const struct place *p, uint32_t index,
		  struct spin_complex v, bool add)
{
	const struct bloch_view_numbers *q = &p->s->look[(size_t)p->draw * p->s->n_look + index];
	struct spin_complex *to = view + ((size_t)p->draw * p->s->n_view + index) * p->n + p->i, w;
	float turns = q->phase - spin_turns(p->z, q->kz);

	w = spin_times(v, spin_circle(turns - rintf(turns)));
	w.re *= q->weight;
	w.im *= q->weight;
	to->re = add ? to->re + w.re : w.re;
	to->im = add ? to->im + w.im : w.im;
}

/* What an epoch does to a spin after its pulse. */
struct stride {
	struct spin_complex f;
	float e1;
};

/* One order of an epoch: pulse, views, precession; view -1: none. Order 0 has no minus. Everything
 * that comes from a table is an argument: kernels made for one schedule give numbers. */
SPIN_HD void run_order(struct spin_complex *plus, struct spin_complex *minus,
		       struct spin_complex *z, struct spin_complex *view, const struct place *p,
		       const struct spin_map *pulse, const struct stride *step, bool mixes,
		       bool zero, int view_plus, int view_minus, bool free_)
{
	if (mixes && zero)
		pulse_zero(plus, z, pulse);
	else if (mixes)
		pulse_pair(plus, minus, z, pulse);
	if (view_plus >= 0)
		show(view, p, (uint32_t)view_plus, *plus, false);
	if (view_minus >= 0)
		show(view, p, (uint32_t)view_minus, *minus, false);
	if (!free_)
		return;
	*plus = spin_times(*plus, step->f);
	if (!zero)
		*minus = spin_times(*minus, step->f);
	z->re = z->re * step->e1 + (zero ? p->me.m0 * (1 - step->e1) : 0);
	z->im *= step->e1;
}

/* A pulse, and which: echoes in a row ask for the same one. */
struct held {
	struct spin_map pulse;
	int index;
};

/* Epoch i begins: its pulse is held, the rest comes back. */
SPIN_HD struct stride enter(struct held *held, const struct place *p, uint32_t i, int kind,
			    int pulse, bool free_, const float *map)
{
	const struct bloch_epoch_numbers *q = &p->s->step[(size_t)p->draw * p->s->n_epoch + i];
	struct stride o = { { 1, 0 }, 1 };

	if (kind == BLOCH_ROTATION || (kind != BLOCH_NONE && pulse != held->index)) {
		held->pulse = epoch_pulse(p, kind, pulse, q, map);
		held->index = pulse;
	}
	if (free_) {
		o.f = spin_precession(&q->free_, &p->me, p->x, p->y);
		o.e1 = expf(-p->me.r1 * q->free_.t.hi);
	}
	return o;
}

/* Where a thread begins; false where it has no spin to follow. */
SPIN_HD bool begin(struct place *p, struct spin_complex *view, const float *spins,
		   const struct bloch_schedule *s, size_t i, uint32_t draw)
{
	struct spin_complex zero = { 0, 0 };

	p->s = s;
	p->n = (size_t)s->nx * (size_t)s->ny;
	p->i = i;
	p->draw = draw;
	if (i >= p->n)
		return false;
	p->me = bloch_spin(spins, p->n, draw, i);
	p->x = spin_position((int)(i % (size_t)s->nx), s->nx);
	p->y = spin_position((int)(i / (size_t)s->nx), s->ny);
	p->z = 0;
	for (uint32_t v = 0; v < s->n_look; v++)
		view[((size_t)draw * s->n_view + v) * p->n + i] = zero;
	return p->me.m0 > 0;
}

#endif
