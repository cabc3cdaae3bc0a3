// State evolution: one thread owns a spin from equilibrium to its history's last readout. Tables of
// epochs are read by all threads of a warp at once, maps and views by neighbours side by side.
#include "runtime/cuda/launch.h"
#include "runtime/cuda/state.h"

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
	me = bloch_spin(spins, n, draw, i);
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

/* One spin through the slice: every view of the epoch sees it, and the moment along z turns it. */
SPIN_HD void run_spin(struct spin_complex *slot, size_t apart, struct spin_complex *view,
		      const struct place *p, const struct bloch_epoch *e,
		      const struct bloch_epoch_numbers *q, const struct spin_map *pulse,
		      const struct stride *step, bool add)
{
	struct spin_complex *z = slot, *m = slot + apart;

	if (e->kind != BLOCH_NONE)
		pulse_zero(m, z, pulse);
	for (uint32_t v = e->first_view; v < e->first_view + e->n_view; v++)
		show(view, p, v, *m, add);
	if (!e->free_)
		return;
	*m = spin_times(*m, spin_times(step->f, spin_circle(-spin_turns(p->z, q->kz))));
	z->re = z->re * step->e1 + p->me.m0 * (1 - step->e1);
}

/* One epoch of the spin that `p` is at, from the tables; `first`: the first spin of those through the
 * slice. Slots lie `apart` from each other. */
SPIN_HD void run_epoch(struct spin_complex *slot, size_t apart, struct spin_complex *view,
		       struct held *held, const struct place *p, uint32_t i, const float *map,
		       bool first)
{
	const struct bloch_schedule *s = p->s;
	const struct bloch_epoch *e = &s->epoch[i];
	const struct stride step = enter(held, p, i, e->kind, e->pulse, e->free_, map);
	struct spin_complex zero = { 0, 0 }, nobody = zero;

	if (s->nz) {
		run_spin(slot, apart, view, p, e, &s->step[(size_t)p->draw * s->n_epoch + i],
			 &held->pulse, &step, !first);
		return;
	}
	for (uint32_t j = e->first_order; j < e->first_order + e->n_order; j++) {
		struct bloch_order o = s->order[j];
		struct spin_complex *plus = slot + (size_t)o.plus * apart;
		struct spin_complex *minus = o.minus < 0 ? &nobody : slot + (size_t)o.minus * apart;
		struct spin_complex *z = slot + (size_t)o.z * apart;

		if (o.clear_plus)
			*plus = zero;
		if (o.clear_minus)
			*minus = zero;
		if (o.clear_z)
			*z = zero;
		run_order(plus, minus, z, view, p, &held->pulse, &step, e->kind != BLOCH_NONE,
			  o.minus < 0, o.view_plus, o.view_minus, e->free_);
	}
}

/* SLOTS = 0: they lie in `far`, [draw][slot][spin]. */
template <int SLOTS>
__global__ void __launch_bounds__(BACKEND_THREADS)
	k_state(struct spin_complex *view, struct spin_complex *far, const float *spins,
		const float *map, struct bloch_schedule s)
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

/* Thread: a spin and a coil. */
__global__ void __launch_bounds__(BACKEND_THREADS)
	k_receive(struct spin_complex *view, const float *spins, struct bloch_schedule s)
{
	size_t n = (size_t)s.nx * (size_t)s.ny;
	size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
	uint32_t coil = blockIdx.y, draw = blockIdx.z;
	struct spin_complex by;

	if (i >= n)
		return;
	by = bloch_coil(spins, n, &s, draw, coil, i);
	view += (size_t)draw * s.n_view * n + i;
	for (uint32_t v = 0; v < s.n_look; v++)
		view[bloch_view(&s, v, (int)coil) * n] = spin_times(view[v * n], by);
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
	state_kernel *kernel = l->variant == 4             ? k_state<4>
			       : l->variant == 16          ? k_state<16>
			       : l->variant == BLOCH_SLOTS ? k_state<BLOCH_SLOTS>
							   : k_state<0>;

	if (l->special)
		return cuda_launch_special(l, m, s);
	LAUNCH_THREADS(kernel, l, m->view, m->slot, m->spins, m->map, *s);
	return PRECESS_OK;
}

precess_status cuda_receive OP_ARGS
{
	LAUNCH_THREADS(k_receive, l, m->view, m->spins, *s);
	return PRECESS_OK;
}
