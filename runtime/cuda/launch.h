/* The one door to a kernel launch. Under nvcc it is a launch; under a C++ compiler it is a loop over
 * the same grid, so that the kernels' own index arithmetic can be run, under sanitizers, where there
 * is no device (emulate.h).
 *
 * Two kinds of kernels. In one, threads know nothing of each other. In the other a block works
 * together through SHARED memory: its body is written for the whole block, in phases
 *
 *     EACH_THREAD(t) { ... }   BLOCK_SYNC();   EACH_WARP(w) { EACH_LANE(lane) { ... } WARP_SYNC(); }
 *
 * and what a phase leaves to the next lies in shared memory, or in EACH_OWN arrays. Under
 * nvcc each phase runs once per thread; in the emulation it is a loop, in rising or falling order,
 * which must make no difference to a single bit. */
#ifndef RUNTIME_CUDA_LAUNCH_H
#define RUNTIME_CUDA_LAUNCH_H

#include "runtime/backend/backend.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>
#define CUDA_NAME "cuda"
#define CUDA_TABLE backend_cuda
/* The queue that this thread's launches and copies go to. */
cudaStream_t cuda_queue(void);
#define LAUNCH_THREADS_RUN(kernel, l, ...)                                                         \
	kernel<<<dim3((l)->grid[0], (l)->grid[1], (l)->grid[2]), (l)->block, 0, cuda_queue()>>>(   \
		__VA_ARGS__)
#define LAUNCH_BLOCKS_RUN(kernel, l, ...)                                                          \
	kernel<<<dim3((l)->grid[0], (l)->grid[1], (l)->grid[2]), (l)->block, (l)->shared,          \
		 cuda_queue()>>>(__VA_ARGS__)
#define SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#define EACH_THREAD(t) for (unsigned t = threadIdx.x, t##_ = 1; t##_; t##_ = 0, (void)t)
#define EACH_WARP(w) for (unsigned w = threadIdx.x / BLOCH_WARP, w##_ = 1; w##_; w##_ = 0, (void)w)
#define EACH_LANE(l) for (unsigned l = threadIdx.x % BLOCH_WARP, l##_ = 1; l##_; l##_ = 0, (void)l)
/* An array of EACH_OWN(threads) things, indexed by EACH_AT(thread), is one thing of each thread. */
#define EACH_OWN(n) 1
#define EACH_AT(t) (0 * (t))
#define BLOCK_SYNC() __syncthreads()
#define WARP_SYNC() __syncwarp()
#define UNROLL _Pragma("unroll")

#elif defined(PRECESS_CUDA_EMULATED)
#include "runtime/cuda/emulate.h"
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

/* Where it points, a launch leaves its kernel's address instead of running it. */
extern thread_local const void **cuda_probe;

/* In a function that returns a status. */
#define LAUNCH_AS(run, kernel, l, ...)                                                             \
	do {                                                                                       \
		if (cuda_probe) {                                                                  \
			*cuda_probe = (const void *)(kernel);                                      \
			return PRECESS_OK;                                                         \
		}                                                                                  \
		run(kernel, l, __VA_ARGS__);                                                       \
		CU(cudaGetLastError());                                                            \
	} while (0)
#define LAUNCH_THREADS(kernel, l, ...) LAUNCH_AS(LAUNCH_THREADS_RUN, kernel, l, __VA_ARGS__)
#define LAUNCH_BLOCKS(kernel, l, ...) LAUNCH_AS(LAUNCH_BLOCKS_RUN, kernel, l, __VA_ARGS__)

#ifdef __cplusplus
extern "C" {
#endif
#define OP(name, doc) precess_status cuda_##name OP_ARGS;
#include "runtime/backend/ops.def"
#undef OP
/* Makes the plan of a transform, or finds it, for a list in this queue: not possible while it is being
 * recorded. It stays until released as often. */
precess_status cuda_transform_hold(uint32_t length, size_t batch);
void cuda_transform_release(uint32_t length, size_t batch);
/* The kernel of l->special, with the arguments of a state kernel. */
precess_status cuda_launch_special(const struct bloch_launch *l, const struct bloch_memory *m,
				   const struct bloch_schedule *s);
precess_status cuda_ceilings(double *bytes, double *flops);
#ifdef __cplusplus
}
#endif
#endif
