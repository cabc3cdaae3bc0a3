// State evolution: one thread owns a spin from equilibrium to its history's last readout. Tables of
// epochs are read by all threads of a warp at once, maps and views by neighbours side by side.
#include "runtime/cuda/launch.h"

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

		one = spin_step((bx + tilt * by) * half, (by - tilt * bx) * half, w * half, s->r1 * h,
				s->r2 * h, s->m0);
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

__global__ void __launch_bounds__(BACKEND_THREADS)
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
	to = map + ((size_t)draw * s.n_map + pulse) * 12 * n + i;
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
	if (e->kind == BLOCH_STEPS)
		return pulse_map(&s->pulse[pulse], s->field + (size_t)p->draw * s->n_field, &p->me,
				 p->x, p->y, p->z);
	map += ((size_t)p->draw * s->n_map + (size_t)e->pulse) * 12 * p->n + p->i;
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

/* The orders of an epoch: pulse, views, precession. Slots lie `apart` from each other. */
SPIN_HD void run_orders(struct spin_complex *slot, size_t apart, struct spin_complex *view,
			const struct place *p, const struct bloch_epoch *e,
			const struct spin_map *pulse, struct spin_complex f, float e1)
{
	struct spin_complex none = { 0, 0 };

	for (uint32_t j = e->first_order; j < e->first_order + e->n_order; j++) {
		struct bloch_order o = p->s->order[j];
		struct spin_complex plus = o.clear_plus ? none : slot[(size_t)o.plus * apart];
		struct spin_complex minus = o.minus < 0 || o.clear_minus ? none : slot[(size_t)o.minus * apart];
		struct spin_complex z = o.clear_z ? none : slot[(size_t)o.z * apart];

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
		slot[(size_t)o.plus * apart] = plus;
		if (o.minus >= 0)
			slot[(size_t)o.minus * apart] = minus;
		slot[(size_t)o.z * apart] = z;
	}
}

/* One spin through the slice: every view of the epoch sees it, and the moment along z turns it. */
SPIN_HD void run_spin(struct spin_complex *slot, size_t apart, struct spin_complex *view,
		      const struct place *p, const struct bloch_epoch *e,
		      const struct bloch_epoch_numbers *q, const struct spin_map *pulse,
		      struct spin_complex f, float e1, bool add)
{
	struct spin_complex *z = slot, *m = slot + apart;

	if (e->kind != BLOCH_NONE)
		pulse_zero(m, z, pulse);
	for (uint32_t v = e->first_view; v < e->first_view + e->n_view; v++)
		show(view, p, v, *m, add);
	if (!e->free_)
		return;
	f = spin_times(f, spin_circle(-spin_turns(p->z, q->kz)));
	*m = spin_times(*m, f);
	z->re = z->re * e1 + p->me.m0 * (1 - e1);
}

/* A pulse, and which: echoes in a row ask for the same one. */
struct held {
	struct spin_map pulse;
	int index;
};

/* One epoch of the spin that `p` is at; `first`: the first one of those through the slice. */
SPIN_HD void run_epoch(struct spin_complex *slot, size_t apart, struct spin_complex *view,
		       struct held *held, const struct place *p, uint32_t i, const float *map,
		       bool first)
{
	const struct bloch_schedule *s = p->s;
	const struct bloch_epoch *e = &s->epoch[i];
	const struct bloch_epoch_numbers *q = &s->step[(size_t)p->draw * s->n_epoch + i];
	struct spin_complex f = { 1, 0 };
	float e1 = 1;

	if (e->kind == BLOCH_ROTATION || (e->kind != BLOCH_NONE && e->pulse != held->index)) {
		held->pulse = epoch_pulse(p, e, q, map);
		held->index = e->pulse;
	}
	if (e->free_) {
		f = spin_precession(&q->free_, &p->me, p->x, p->y);
		e1 = expf(-p->me.r1 * q->free_.t.hi);
	}
	if (s->nz)
		run_spin(slot, apart, view, p, e, q, &held->pulse, f, e1, !first);
	else
		run_orders(slot, apart, view, p, e, &held->pulse, f, e1);
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
	p->me = launch_spin(spins, p->n, draw, i);
	p->x = spin_position((int)(i % (size_t)s->nx), s->nx);
	p->y = spin_position((int)(i / (size_t)s->nx), s->ny);
	p->z = 0;
	for (uint32_t v = 0; v < s->n_view; v++)
		view[((size_t)draw * s->n_view + v) * p->n + i] = zero;
	return p->me.m0 > 0;
}

/* SLOTS = 0: they lie in `far`, [draw][slot][spin]. */
template <int SLOTS>
__global__ void __launch_bounds__(BACKEND_THREADS)
k_state(struct spin_complex *view, struct spin_complex *far, const float *spins, const float *map,
	struct bloch_schedule s)
{
	struct spin_complex near[SLOTS ? SLOTS : 1], *slot = near, zero = { 0, 0 };
	struct held held = { spin_map_none(), -1 };
	struct place p;
	size_t apart = 1;

	if (!begin(&p, view, spins, &s, (size_t)blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y))
		return;
	if (!SLOTS) {
		apart = p.n;
		slot = far + (size_t)p.draw * s.n_slot * p.n + p.i;
	}
	for (int iz = 0; iz < (s.nz ? s.nz : 1); iz++) {
		for (uint32_t k = 0; k < (SLOTS ? (uint32_t)SLOTS : s.n_slot); k++)
			slot[k * apart] = zero;
		slot[0].re = p.me.m0;
		p.z = s.nz ? spin_position(iz, s.nz) : 0;
		held.index = -1;
		for (uint32_t i = 0; i < s.n_epoch; i++)
			run_epoch(slot, apart, view, &held, &p, i, map, iz == 0);
	}
}

/* ------------------------------------------------------------------ operations */
precess_status cuda_pulses OP_ARGS
{
	LAUNCH_THREADS(k_pulses, l, m->map, m->spins, *s);
	return PRECESS_OK;
}

/* The slots of a thread are indexed by the table and so lie in its local memory, which the first
 * level cache serves; fewer of them leave more room there. */
precess_status cuda_state OP_ARGS
{
	typedef void state_kernel(struct spin_complex *, struct spin_complex *, const float *,
				  const float *, struct bloch_schedule);
	state_kernel *kernel = l->variant == 4		   ? k_state<4> :
			       l->variant == 16		   ? k_state<16> :
			       l->variant == BLOCH_SLOTS ? k_state<BLOCH_SLOTS> :
							   k_state<0>;

	LAUNCH_THREADS(kernel, l, m->view, m->slot, m->spins, m->map, *s);
	return PRECESS_OK;
}
