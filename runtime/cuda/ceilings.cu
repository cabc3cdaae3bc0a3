// What a device reaches at best, measured by kernels that do nothing else: a copy, and multiply-adds
// that depend on nothing but themselves. The best of some runs.
#include "runtime/cuda/launch.h"

#ifdef __CUDACC__

enum { COPIED = 1 << 28, BLOCKS = 4096, CHAINS = 8, ROUNDS = 4096, REPEATS = 10 };

__global__ void k_copy(float4 *to, const float4 *from, size_t n)
{
	size_t step = (size_t)gridDim.x * blockDim.x;

	for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
		to[i] = from[i];
}

__global__ void k_multiply_add(float *sink, float a, float b)
{
	float x[CHAINS];

	UNROLL
	for (int i = 0; i < CHAINS; i++)
		x[i] = (float)(threadIdx.x + i);
	for (int r = 0; r < ROUNDS; r++)
		UNROLL
	for (int i = 0; i < CHAINS; i++)
		x[i] = fmaf(x[i], a, b);
	UNROLL
	for (int i = 1; i < CHAINS; i++)
		x[0] += x[i];
	if (x[0] == 1.25f) /* never, but the compiler does not know */
		*sink = x[0];
}

static precess_status time_one(double *best, bool copy, char *memory)
{
	cudaEvent_t event[2];
	float ms;

	CU(cudaEventCreate(&event[0]));
	CU(cudaEventCreate(&event[1]));
	for (int i = 0; i < REPEATS; i++) {
		CU(cudaEventRecord(event[0], cuda_queue()));
		if (copy)
			k_copy<<<BLOCKS, 256, 0, cuda_queue()>>>((float4 *)memory,
								 (const float4 *)(memory + COPIED),
								 COPIED / sizeof(float4));
		else
			k_multiply_add<<<BLOCKS, 256, 0, cuda_queue()>>>((float *)memory, 0.5f, 1);
		CU(cudaGetLastError());
		CU(cudaEventRecord(event[1], cuda_queue()));
		CU(cudaEventSynchronize(event[1]));
		CU(cudaEventElapsedTime(&ms, event[0], event[1]));
		*best = i && *best < 1e-3 * (double)ms ? *best : 1e-3 * (double)ms;
	}
	cudaEventDestroy(event[0]);
	cudaEventDestroy(event[1]);
	return PRECESS_OK;
}

precess_status cuda_ceilings(double *bytes, double *flops)
{
	double copy = 0, add = 0;
	char *memory = NULL;
	precess_status st;

	CU(cudaMalloc((void **)&memory, 2 * (size_t)COPIED));
	if (!(st = time_one(&copy, true, memory)))
		st = time_one(&add, false, memory);
	cudaFree(memory);
	if (st)
		return st;
	*bytes = 2.0 * COPIED / copy;
	*flops = 2.0 * CHAINS * ROUNDS * BLOCKS * 256 / add;
	return PRECESS_OK;
}

#else

precess_status cuda_ceilings(double *, double *)
{
	return precess_fail(PRECESS_ENOTSUP, "loops on the processor have no ceilings of a device");
}

#endif
