// The table of operations, and what surrounds them: devices, memory, time.
#include "runtime/cuda/launch.h"

#include <stdio.h>
#include <string.h>

static int devices(void)
{
	int n = 0; /* stays untouched when there is no driver */
	cudaError_t e = cudaGetDeviceCount(&n);

	if (e != cudaSuccess) {
		precess_fail(PRECESS_EDEVICE, "%s", cudaGetErrorString(e));
		return 0;
	}
	if (n == 0)
		precess_fail(PRECESS_EDEVICE, "the driver knows of no device");
	return n;
}

static precess_status choose(int device)
{
	CU(cudaSetDevice(device));
	return PRECESS_OK;
}

static precess_status describe(char *out, size_t size, int device)
{
#ifdef __CUDACC__
	cudaDeviceProp p;

	CU(cudaGetDeviceProperties(&p, device));
	snprintf(out, size, "%s, sm_%d%d, %.0f GiB", p.name, p.major, p.minor,
		 (double)p.totalGlobalMem / 1073741824.0);
#else
	snprintf(out, size, "launches as loops on the processor, device %d", device);
#endif
	return PRECESS_OK;
}

static precess_status alloc(void **out, size_t bytes)
{
	CU(cudaMalloc(out, bytes ? bytes : 1));
	return PRECESS_OK;
}

static void release(void *p)
{
	cudaFree(p);
}

static precess_status upload(void *to, const void *from, size_t bytes)
{
	CU(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice));
	return PRECESS_OK;
}

static precess_status download(void *to, const void *from, size_t bytes)
{
	CU(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost));
	return PRECESS_OK;
}

static precess_status synchronize(void)
{
	CU(cudaDeviceSynchronize());
	return PRECESS_OK;
}

static precess_status timer(double *seconds, int begin)
{
#ifdef __CUDACC__
	static cudaEvent_t event[2];
	float ms;

	if (!event[0]) {
		CU(cudaEventCreate(&event[0]));
		CU(cudaEventCreate(&event[1]));
	}
	CU(cudaEventRecord(event[begin ? 0 : 1], 0));
	if (begin)
		return PRECESS_OK;
	CU(cudaEventSynchronize(event[1]));
	CU(cudaEventElapsedTime(&ms, event[0], event[1]));
	*seconds = 1e-3 * (double)ms;
#else
	static double begun;

	if (begin)
		begun = clock_seconds();
	else
		*seconds = clock_seconds() - begun;
#endif
	return PRECESS_OK;
}

extern "C" const struct backend CUDA_TABLE;
extern "C" const struct backend CUDA_TABLE = {
	BACKEND_VERSION, sizeof(struct backend), CUDA_NAME, precess_error, devices, choose, describe,
	alloc, release, upload, download, synchronize, timer,
	{
#define OP(name, args, doc) cuda_##name,
#include "runtime/backend/ops.def"
#undef OP
	},
};

#ifdef __CUDACC__
extern "C" const struct backend *precess_backend(void)
{
	return &CUDA_TABLE;
}
#endif
