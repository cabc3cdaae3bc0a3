// The direct sum: every spin times every sample, for any trajectory. A thread owns a sample and one
// part of the spins; threads of a warp read the same spin. Parts are added in order.
#include "runtime/cuda/launch.h"

enum { PARTS = 64 };

__global__ void __launch_bounds__(LAUNCH_THREADS)
k_direct(struct spin_complex *scratch, const struct spin_complex *view, const float *spins,
	 const struct bloch_sample *sample, uint32_t n_sample, int nx, int ny)
{
	unsigned k = blockIdx.x * blockDim.x + threadIdx.x, part = blockIdx.y;
	size_t n = (size_t)nx * (size_t)ny, end = n * (part + 1) / PARTS;
	struct spin_complex v = { 0, 0 }, t;
	struct spin_free at;

	if (k >= n_sample)
		return;
	at = sample[k].at;
	for (size_t i = n * part / PARTS; i < end; i++) {
		struct spin me = launch_spin(spins, n, 0, i);

		if (!(me.m0 > 0))
			continue;
		t = spin_precession(&at, &me, spin_position((int)(i % (size_t)nx), nx),
				    spin_position((int)(i / (size_t)nx), ny));
		t = spin_times(view[i], t);
		v.re += t.re;
		v.im += t.im;
	}
	scratch[(size_t)part * n_sample + k] = v;
}

__global__ void __launch_bounds__(LAUNCH_THREADS)
k_add_parts(struct spin_complex *signal, const struct spin_complex *scratch, uint32_t n_sample)
{
	unsigned k = blockIdx.x * blockDim.x + threadIdx.x;
	struct spin_complex v = { 0, 0 };

	if (k >= n_sample)
		return;
	for (unsigned part = 0; part < PARTS; part++) {
		v.re += scratch[(size_t)part * n_sample + k].re;
		v.im += scratch[(size_t)part * n_sample + k].im;
	}
	signal[k] = v;
}

precess_status cuda_direct(struct spin_complex *signal, struct spin_complex *scratch,
			   const struct spin_complex *view, const float *spins,
			   const struct bloch_sample *sample, uint32_t n_sample, int nx, int ny)
{
	LAUNCH(k_direct, dim3(launch_blocks(n_sample), PARTS), LAUNCH_THREADS, scratch, view, spins,
	       sample, n_sample, nx, ny);
	LAUNCH(k_add_parts, launch_blocks(n_sample), LAUNCH_THREADS, signal, scratch, n_sample);
	return PRECESS_OK;
}
