/* The one door to a kernel launch. Under nvcc it is a launch; under a C++ compiler it is a loop
 * over the same grid, with the runtime's calls on the heap, so that the kernels' own index
 * arithmetic can be run, under sanitizers, where there is no device. Threads run one after another: a kernel that
 * waits for its neighbours does not belong here. */
#ifndef RUNTIME_CUDA_LAUNCH_H
#define RUNTIME_CUDA_LAUNCH_H

#include "runtime/backend/backend.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>
#define CUDA_NAME "cuda"
#define CUDA_TABLE backend_cuda
#define LAUNCH_RUN(kernel, grid, block, ...) kernel<<<(grid), (block)>>>(__VA_ARGS__)

#elif defined(PRECESS_CUDA_EMULATED)

#include <stdlib.h>
#include <string.h>
#define CUDA_NAME "cuda-emulated"
#define CUDA_TABLE backend_cuda_emulated
#define __global__ static
#define __restrict__
#define __launch_bounds__(...)
struct dim3 {
	unsigned x, y, z;
	constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
static thread_local dim3 blockIdx, threadIdx, blockDim, gridDim;
#define LAUNCH_RUN(kernel, grid, block, ...)                                                       \
	do {                                                                                       \
		gridDim = (grid);                                                                  \
		blockDim = (block);                                                                \
		for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)                         \
			for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)                 \
				for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++)         \
					for (threadIdx.x = 0; threadIdx.x < blockDim.x;            \
					     threadIdx.x++)                                        \
						kernel(__VA_ARGS__);                               \
	} while (0)

typedef int cudaError_t;
enum { cudaSuccess, cudaErrorMemoryAllocation, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
static inline cudaError_t cudaMalloc(void **p, size_t n)
{
	*p = memory_aligned(n);
	return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
static inline cudaError_t cudaFree(void *p)
{
	free(p);
	return cudaSuccess;
}
static inline cudaError_t cudaMemcpy(void *to, const void *from, size_t n, int)
{
	memcpy(to, from, n);
	return cudaSuccess;
}
static inline cudaError_t cudaGetDeviceCount(int *n)
{
	*n = 1;
	return cudaSuccess;
}
static inline cudaError_t cudaSetDevice(int)
{
	return cudaSuccess;
}
static inline cudaError_t cudaDeviceSynchronize(void)
{
	return cudaSuccess;
}
static inline cudaError_t cudaGetLastError(void)
{
	return cudaSuccess;
}
static inline const char *cudaGetErrorString(cudaError_t e)
{
	return e == cudaErrorMemoryAllocation ? "out of memory" : "no error";
}

#else
#error "a .cu file reached a compiler that is not nvcc"
#endif

#define CU(call)                                                                                   \
	do {                                                                                       \
		cudaError_t e_ = (call);                                                           \
		if (e_ != cudaSuccess)                                                             \
			return precess_fail(e_ == cudaErrorMemoryAllocation ? PRECESS_ENOMEM :     \
									      PRECESS_EDEVICE,     \
					    "%s: %s", #call, cudaGetErrorString(e_));              \
	} while (0)

/* What every device of compute capability 7.5 and later takes. */
#define LAUNCH_THREADS 128
static inline precess_status launch_check(const char *kernel, dim3 grid, dim3 block)
{
	if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 ||
	    grid.z > 65535 || !block.x || block.x * block.y * block.z > 1024)
		return precess_fail(PRECESS_ENOTSUP, "%s: %u x %u x %u blocks of %u threads is more "
				    "than a launch takes", kernel, grid.x, grid.y, grid.z,
				    block.x * block.y * block.z);
	return PRECESS_OK;
}

/* In a function that returns a status. */
#define LAUNCH(kernel, grid, block, ...)                                                           \
	do {                                                                                       \
		dim3 grid_ = (grid), block_ = (block);                                             \
		precess_status st_ = launch_check(#kernel, grid_, block_);                         \
		if (st_)                                                                           \
			return st_;                                                                \
		LAUNCH_RUN(kernel, grid_, block_, __VA_ARGS__);                                    \
		CU(cudaGetLastError());                                                            \
	} while (0)

static inline unsigned launch_blocks(size_t threads)
{
	return (unsigned)((threads + LAUNCH_THREADS - 1) / LAUNCH_THREADS);
}

/* Spin i of a draw. */
SPIN_HD struct spin launch_spin(const float *spins, size_t n, uint32_t draw, size_t i)
{
	const float *p = spins + (size_t)draw * BLOCH_MAPS * n + i;
	struct spin s;

	s.m0 = p[0];
	s.r1 = p[n];
	s.r2 = p[2 * n];
	s.f = p[3 * n];
	s.b1 = p[4 * n];
	return s;
}

#ifdef __cplusplus
extern "C" {
#endif
#define OP(name, args, doc) precess_status cuda_##name args;
#include "runtime/backend/ops.def"
#undef OP
#ifdef __cplusplus
}
#endif
#endif
