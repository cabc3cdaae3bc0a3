// State evolution: one thread owns a spin from equilibrium to its history's last readout. Tables of
// epochs are read by all threads of a warp at once, maps and views by neighbours side by side.
#include "runtime/cuda/launch.h"

/* ------------------------------------------------------------------ pulses */
/* The map of a whole pulse: one step after another, each halved until its series is short. */
SPIN_HD struct spin_map pulse_map(const struct bloch_pulse_numbers *p,
				  const struct spin_complex *field, const struct spin *s, float x,
				  float y, float z)
{
	struct spin_map all = spin_map_none(), one;
	float half = ldexpf(1.0f, -p->halvings);
	float w = s->f * (6.28318530718f * p->h) + p->offset + p->g[0] * x + p->g[1] * y +
		  p->g[2] * z;
	float r1 = s->r1 * p->h * half, r2 = s->r2 * p->h * half, b1 = s->b1 * half;

	for (uint32_t i = 0; i < p->n; i++) {
		struct spin_complex b = field[p->first + i];

		one = spin_step(b1 * b.re, b1 * b.im, w * half, r1, r2, s->m0);
		for (int k = 0; k < p->halvings; k++)
			one = spin_after(&one, &one);
		all = i ? spin_after(&one, &all) : one;
	}
	return all;
}

__global__ void __launch_bounds__(LAUNCH_THREADS)
k_pulses(float *map, const float *spins, struct bloch_schedule s)
{
	size_t n = (size_t)s.nx * (size_t)s.ny;
	size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
	uint32_t pulse = blockIdx.y, draw = blockIdx.z;
	struct spin_map m;
	struct spin me;
	float *to;

	if (i >= n)
		return;
	me = launch_spin(spins, n, draw, i);
	to = map + ((size_t)draw * s.n_pulse + pulse) * 12 * n + i;
	if (me.m0 > 0) {
		int ix = (int)(i % (size_t)s.nx), iy = (int)(i / (size_t)s.nx);

		m = pulse_map(&s.pulse[(size_t)draw * s.n_pulse + pulse],
			      s.field + (size_t)draw * s.n_field, &me, spin_position(ix, s.nx),
			      spin_position(iy, s.ny), 0);
	} else {
		m = spin_map_none();
	}
	for (int k = 0; k < 9; k++)
		to[(size_t)k * n] = m.e[k];
	for (int k = 0; k < 3; k++)
		to[(size_t)(9 + k) * n] = m.c[k];
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

SPIN_HD struct spin_map epoch_pulse(const struct place *p, const struct bloch_epoch *e,
				    const struct bloch_epoch_numbers *q, const float *map)
{
	const struct bloch_schedule *s = p->s;
	size_t pulse = (size_t)p->draw * s->n_pulse + (size_t)(e->pulse < 0 ? 0 : e->pulse);
	struct spin_map m;

	if (e->kind == BLOCH_ROTATION)
		return spin_rotation(q->turns, p->me.b1);
	if (e->kind == BLOCH_THROUGH)
		return pulse_map(&s->pulse[pulse], s->field + (size_t)p->draw * s->n_field, &p->me,
				 p->x, p->y, p->z);
	map += pulse * 12 * p->n + p->i;
	for (int k = 0; k < 9; k++)
		m.e[k] = map[(size_t)k * p->n];
	for (int k = 0; k < 3; k++)
		m.c[k] = map[(size_t)(9 + k) * p->n];
	return m;
}

SPIN_HD void show(struct spin_complex *view, const struct place *p, uint32_t index,
		  struct spin_complex v, bool add)
{
	const struct bloch_view_numbers *q = &p->s->look[(size_t)p->draw * p->s->n_view + index];
	struct spin_complex *to = view + ((size_t)p->draw * p->s->n_view + index) * p->n + p->i, w;
	float turns = q->phase - spin_turns(p->z, q->kz);

	w = spin_times(v, spin_circle(turns - rintf(turns)));
	w.re *= q->weight;
	w.im *= q->weight;
	to->re = add ? to->re + w.re : w.re;
	to->im = add ? to->im + w.im : w.im;
}

/* The orders of an epoch: pulse, views, precession. */
SPIN_HD void run_orders(struct spin_complex *slot, struct spin_complex *view,
			const struct place *p, const struct bloch_epoch *e,
			const struct spin_map *pulse, struct spin_complex f, float e1)
{
	struct spin_complex none = { 0, 0 };

	for (uint32_t j = e->first_order; j < e->first_order + e->n_order; j++) {
		struct bloch_order o = p->s->order[j];
		struct spin_complex plus = o.clear_plus ? none : slot[o.plus];
		struct spin_complex minus = o.minus < 0 || o.clear_minus ? none : slot[o.minus];
		struct spin_complex z = o.clear_z ? none : slot[o.z];

		if (e->kind != BLOCH_NONE && o.minus < 0)
			pulse_zero(&plus, &z, pulse);
		else if (e->kind != BLOCH_NONE)
			pulse_pair(&plus, &minus, &z, pulse);
		if (o.view_plus >= 0)
			show(view, p, (uint32_t)o.view_plus, plus, false);
		if (o.view_minus >= 0)
			show(view, p, (uint32_t)o.view_minus, minus, false);
		if (e->free_) {
			plus = spin_times(plus, f);
			minus = spin_times(minus, f);
			z.re = z.re * e1 + (o.minus < 0 ? p->me.m0 * (1 - e1) : 0);
			z.im *= e1;
		}
		slot[o.plus] = plus;
		if (o.minus >= 0)
			slot[o.minus] = minus;
		slot[o.z] = z;
	}
}

/* One spin through the slice: every view of the epoch sees it, and the moment along z turns it. */
SPIN_HD void run_spin(struct spin_complex *slot, struct spin_complex *view, const struct place *p,
		      const struct bloch_epoch *e, const struct bloch_epoch_numbers *q,
		      const struct spin_map *pulse, struct spin_complex f, float e1, bool add)
{
	if (e->kind != BLOCH_NONE)
		pulse_zero(&slot[1], &slot[0], pulse);
	for (uint32_t v = e->first_view; v < e->first_view + e->n_view; v++)
		show(view, p, v, slot[1], add);
	if (!e->free_)
		return;
	f = spin_times(f, spin_circle(-spin_turns(p->z, q->kz)));
	slot[1] = spin_times(slot[1], f);
	slot[0].re = slot[0].re * e1 + p->me.m0 * (1 - e1);
}

template <int SLOTS>
__global__ void __launch_bounds__(LAUNCH_THREADS)
k_state(struct spin_complex *view, const float *spins, const float *map, struct bloch_schedule s)
{
	struct spin_complex slot[SLOTS], f, zero = { 0, 0 };
	struct spin_map pulse = spin_map_none();
	struct place p;
	int layers = s.nz ? s.nz : 1;

	p.s = &s;
	p.n = (size_t)s.nx * (size_t)s.ny;
	p.i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
	p.draw = blockIdx.y;
	if (p.i >= p.n)
		return;
	p.me = launch_spin(spins, p.n, p.draw, p.i);
	p.x = spin_position((int)(p.i % (size_t)s.nx), s.nx);
	p.y = spin_position((int)(p.i / (size_t)s.nx), s.ny);
	p.z = 0;
	for (uint32_t v = 0; v < s.n_view; v++)
		view[((size_t)p.draw * s.n_view + v) * p.n + p.i] = zero;
	if (!(p.me.m0 > 0))
		return;
	for (int iz = 0; iz < layers; iz++) {
		for (int k = 0; k < SLOTS; k++)
			slot[k] = zero;
		slot[0].re = p.me.m0;
		p.z = s.nz ? spin_position(iz, s.nz) : 0;
		for (uint32_t i = 0; i < s.n_epoch; i++) {
			const struct bloch_epoch *e = &s.epoch[i];
			const struct bloch_epoch_numbers *q =
				&s.step[(size_t)p.draw * s.n_epoch + i];
			float e1 = 1;

			f.re = 1;
			f.im = 0;
			if (e->kind != BLOCH_NONE)
				pulse = epoch_pulse(&p, e, q, map);
			if (e->free_) {
				f = spin_precession(&q->free_, &p.me, p.x, p.y);
				e1 = expf(-p.me.r1 * q->free_.t.hi);
			}
			if (s.nz)
				run_spin(slot, view, &p, e, q, &pulse, f, e1, iz > 0);
			else
				run_orders(slot, view, &p, e, &pulse, f, e1);
		}
	}
}

/* ------------------------------------------------------------------ operations */
precess_status cuda_pulses(float *map, const float *spins, const struct bloch_schedule *s)
{
	size_t n = (size_t)s->nx * (size_t)s->ny;

	if (!s->n_pulse)
		return PRECESS_OK;
	LAUNCH(k_pulses, dim3(launch_blocks(n), s->n_pulse, s->n_draw), LAUNCH_THREADS, map, spins,
	       *s);
	return PRECESS_OK;
}

/* The slots of a thread are indexed by the table and so lie in its local memory, which the first
 * level cache serves; fewer of them leave more room there. */
precess_status cuda_state(struct spin_complex *view, const float *spins, const float *map,
			  const struct bloch_schedule *s)
{
	size_t n = (size_t)s->nx * (size_t)s->ny;
	dim3 grid(launch_blocks(n), s->n_draw);

	if (s->n_slot > BLOCH_SLOTS)
		return precess_fail(PRECESS_ENOTSUP, "too many coherence orders at a time: %u "
				    "numbers per spin (limit %d)", s->n_slot, BLOCH_SLOTS);
	if (s->n_slot <= 4)
		LAUNCH(k_state<4>, grid, LAUNCH_THREADS, view, spins, map, *s);
	else if (s->n_slot <= 16)
		LAUNCH(k_state<16>, grid, LAUNCH_THREADS, view, spins, map, *s);
	else
		LAUNCH(k_state<BLOCH_SLOTS>, grid, LAUNCH_THREADS, view, spins, map, *s);
	return PRECESS_OK;
}
