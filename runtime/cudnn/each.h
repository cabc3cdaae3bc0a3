/* The one kind of kernel this folder has: the same body for every i below n, each independent of the
 * others. Under nvcc a launch on this thread's stream, under a C++ compiler a loop with the runtime's
 * calls on the heap, so that the index arithmetic can be run, under sanitizers, where there is no
 * device. */
#ifndef RUNTIME_CUDNN_EACH_H
#define RUNTIME_CUDNN_EACH_H

#include "runtime/base/base.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>
#define DEVICE __device__
#define EACH_STREAM cudaStreamPerThread

template <class Body> __global__ void each_kernel(size_t n, Body body)
{
	size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		body(i);
}

template <class Body> cudaError_t each(size_t n, Body body)
{
	const unsigned block = 128;

	if (n)
		each_kernel<<<(unsigned)((n + block - 1) / block), block, 0, EACH_STREAM>>>(n, body);
	return cudaGetLastError();
}

#elif defined(PRECESS_CUDA_EMULATED)

#include <stdlib.h>
#include <string.h>
#define DEVICE
#define EACH_STREAM 0
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
static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n, int, int)
{
	memcpy(to, from, n);
	return cudaSuccess;
}
static inline cudaError_t cudaMemsetAsync(void *to, int value, size_t n, int)
{
	memset(to, value, n);
	return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(int)
{
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
static inline const char *cudaGetErrorString(cudaError_t e)
{
	return e == cudaErrorMemoryAllocation ? "out of memory" : "no error";
}

template <class Body> cudaError_t each(size_t n, Body body)
{
	for (size_t i = 0; i < n; i++)
		body(i);
	return cudaSuccess;
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
					    "%s", cudaGetErrorString(e_));                         \
	} while (0)
/* In a function that returns a status: EACH(n, { ... i ... }); captured by value. */
#define EACH(n, ...) CU(each((n), [=] DEVICE(size_t i) __VA_ARGS__))

#endif
