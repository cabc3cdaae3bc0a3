// The direct sum: every spin times every sample, for any trajectory. A thread owns a ray, some evenly
// spaced samples of a readout, and one part of the spins; threads of a warp read the same spin. Parts
// are added in order.
#include "runtime/cuda/launch.h"

enum { TOGETHER = 64 };

__global__ void __launch_bounds__(BACKEND_THREADS)
	k_direct(struct spin_complex *sum, const struct spin_complex *view, const float *spins,
		 struct bloch_schedule s)
{
	unsigned k = blockIdx.x * blockDim.x + threadIdx.x, part = blockIdx.y, draw = blockIdx.z;
	size_t n = (size_t)s.nx * (size_t)s.ny, end = n * (part + 1) / BLOCH_RAY_PARTS;
	struct spin_complex acc[BLOCH_RAY], all[BLOCH_RAY], zero = { 0, 0 };
	struct bloch_group_numbers q;
	struct bloch_ray ray;

	if (k >= s.n_ray)
		return;
	ray = s.ray[k];
	q = s.rays[(size_t)draw * s.n_ray + k];
	view += ((size_t)draw * s.n_view + ray.view) * n;
	/* sums of sums: alike spins would round in one direction */
	UNROLL
	for (int j = 0; j < BLOCH_RAY; j++)
		all[j] = acc[j] = zero;
	for (size_t i = n * part / BLOCH_RAY_PARTS; i < end; i++) {
		struct spin me = bloch_spin(spins, n, draw, i);
		float x = spin_position((int)(i % (size_t)s.nx), s.nx);
		float y = spin_position((int)(i / (size_t)s.nx), s.ny);
		struct spin_complex w = zero, step = zero;

		if (me.m0 > 0) {
			w = spin_times(view[i], spin_precession(&q.first, &me, x, y));
			step = spin_precession(&q.ratio, &me, x, y);
		}
		UNROLL
		for (int j = 0; j < BLOCH_RAY; j++) {
			acc[j].re += w.re;
			acc[j].im += w.im;
			w = spin_times(w, step);
		}
		if (i % TOGETHER != TOGETHER - 1 && i + 1 != end)
			continue;
		UNROLL
		for (int j = 0; j < BLOCH_RAY; j++) {
			all[j].re += acc[j].re;
			all[j].im += acc[j].im;
			acc[j] = zero;
		}
	}
	sum += ((size_t)draw * BLOCH_RAY_PARTS + part) * s.n_signal + ray.sample;
	UNROLL
	for (int j = 0; j < BLOCH_RAY; j++)
		if ((unsigned)j < ray.n)
			sum[j] = all[j];
}

__global__ void __launch_bounds__(BACKEND_THREADS)
	k_add(struct spin_complex *signal, const struct spin_complex *sum, struct bloch_schedule s)
{
	unsigned k = blockIdx.x * blockDim.x + threadIdx.x, draw = blockIdx.z;
	struct spin_complex v = { 0, 0 };

	if (k >= s.n_signal)
		return;
	for (unsigned part = 0; part < BLOCH_RAY_PARTS; part++) {
		const struct spin_complex *from =
			sum + ((size_t)draw * BLOCH_RAY_PARTS + part) * s.n_signal + k;

		v.re += from->re;
		v.im += from->im;
	}
	signal[(size_t)draw * s.n_signal + k] = v;
}

precess_status cuda_direct OP_ARGS
{
	LAUNCH_THREADS(k_direct, l, m->sum, m->view, m->spins, *s);
	return PRECESS_OK;
}

precess_status cuda_add OP_ARGS
{
	LAUNCH_THREADS(k_add, l, m->signal, m->sum, *s);
	return PRECESS_OK;
}
