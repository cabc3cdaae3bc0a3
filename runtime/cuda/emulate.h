/* What a C++ compiler is told of CUDA: launches are loops, memory is the heap's, queues are done at
 * once. Shared memory is as large as the launch says and not a byte more, and is no number at
 * first. */
#ifndef RUNTIME_CUDA_EMULATE_H
#define RUNTIME_CUDA_EMULATE_H

#include <stdlib.h>
#include <string.h>

#define CUDA_NAME "cuda-emulated"
#define CUDA_TABLE backend_cuda_emulated
#define __global__ static
#define __restrict__
#define __launch_bounds__(...)
#define UNROLL
struct dim3 {
	unsigned x, y, z;
};
static thread_local dim3 blockIdx, threadIdx, blockDim, gridDim;
static thread_local unsigned char *emulated_shared;
/* Threads of a block in falling order. */
static bool emulated_falling;

static inline unsigned emulated_at(unsigned i, unsigned n)
{
	return emulated_falling ? n - 1 - i : i;
}

#define EMULATED_GRID(l)                                                                           \
	gridDim = { (l)->grid[0], (l)->grid[1], (l)->grid[2] };                                    \
	blockDim = { (l)->block, 1, 1 };                                                           \
	for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)                                 \
		for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)                         \
			for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++)
#define LAUNCH_THREADS_RUN(kernel, l, ...)                                                         \
	EMULATED_GRID(l)                                                                           \
	for (unsigned i_ = 0; i_ < blockDim.x; i_++) {                                             \
		threadIdx.x = emulated_at(i_, blockDim.x);                                         \
		kernel(__VA_ARGS__);                                                               \
	}
#define LAUNCH_BLOCKS_RUN(kernel, l, ...)                                                          \
	EMULATED_GRID(l)                                                                           \
	{                                                                                          \
		emulated_shared = (unsigned char *)malloc((l)->shared ? (l)->shared : 1);          \
		if (!emulated_shared)                                                              \
			return precess_fail(PRECESS_ENOMEM, "out of memory");                      \
		memset(emulated_shared, 0xff, (l)->shared);                                        \
		kernel(__VA_ARGS__);                                                               \
		free(emulated_shared);                                                             \
	}
#define SHARED(name) unsigned char *const name = emulated_shared
#define EMULATED_EACH(t, n)                                                                        \
	for (unsigned t##_ = 0, t = emulated_at(0, n); t##_ < (n);                                 \
	     t = ++t##_ < (n) ? emulated_at(t##_, n) : 0)
#define EACH_THREAD(t) EMULATED_EACH(t, blockDim.x)
#define EACH_WARP(w) EMULATED_EACH(w, blockDim.x / BLOCH_WARP)
#define EACH_LANE(l) EMULATED_EACH(l, (unsigned)BLOCH_WARP)
#define EACH_OWN(n) (n)
#define EACH_AT(t) (t)
#define BLOCK_SYNC() (void)0
#define WARP_SYNC() (void)0

typedef int cudaError_t;
enum { cudaSuccess, cudaErrorMemoryAllocation };
static inline cudaError_t cudaGetLastError(void)
{
	return cudaSuccess;
}
static inline const char *cudaGetErrorString(cudaError_t e)
{
	return e == cudaErrorMemoryAllocation ? "out of memory" : "no error";
}

#endif
