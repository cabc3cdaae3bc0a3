// The table of operations, and what surrounds them: devices, memory, queues, recorded lists, time.
#include "runtime/cuda/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

thread_local const void **cuda_probe;

/* A list that was recorded; what it needs to run is copied. */
struct recorded {
	struct bloch_launch *l;
	uint32_t n, held; /* held: launches whose plans are */
	struct bloch_memory m;
	struct bloch_schedule s;
#ifdef __CUDACC__
	cudaGraph_t graph;
	cudaGraphExec_t exec;
#endif
};

static precess_status run_list(const struct bloch_launch *l, uint32_t n,
			       const struct bloch_memory *m, const struct bloch_schedule *s)
{
	static const backend_op op[] = {
#define OP(name, doc) cuda_##name,
#include "runtime/backend/ops.def"
#undef OP
	};
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < n && !st; i++)
		st = op[l[i].op](&l[i], m, s);
	return st;
}

static bool is_transform(int op)
{
	return op == BACKEND_OP_transform || op == BACKEND_OP_turn || op == BACKEND_OP_swing;
}

/* Plans take memory, and a list that is being recorded may not. */
static precess_status hold_plans(struct recorded *r)
{
	precess_status st = PRECESS_OK;

	for (; r->held < r->n && !st; r->held += !st)
		if (is_transform(r->l[r->held].op))
			st = cuda_transform_hold(r->l[r->held].length, r->l[r->held].batch);
	return st;
}

static void release_plans(struct recorded *r)
{
	for (uint32_t i = 0; i < r->held; i++)
		if (is_transform(r->l[i].op))
			cuda_transform_release(r->l[i].length, r->l[i].batch);
}

#ifdef __CUDACC__

/* Streams of each device that was selected; they live as long as the process. */
enum { DEVICES = 64 };
static cudaStream_t stream[DEVICES][BACKEND_QUEUES];
static thread_local int current_device, current_queue;

cudaStream_t cuda_queue(void)
{
	return stream[current_device][current_queue];
}

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
	return n < DEVICES ? n : DEVICES;
}

static precess_status choose(int device)
{
	CU(cudaSetDevice(device));
	for (int i = 0; i < BACKEND_QUEUES; i++)
		if (!stream[device][i])
			CU(cudaStreamCreateWithFlags(&stream[device][i], cudaStreamNonBlocking));
	current_device = device;
	current_queue = 0;
	return PRECESS_OK;
}

static precess_status describe(char *out, size_t size, int device)
{
	cudaDeviceProp p;

	CU(cudaGetDeviceProperties(&p, device));
	snprintf(out, size, "%s, sm_%d%d, %.0f GiB", p.name, p.major, p.minor,
		 (double)p.totalGlobalMem / 1073741824.0);
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

static precess_status host_alloc(void **out, size_t bytes)
{
	CU(cudaMallocHost(out, bytes ? bytes : 1));
	return PRECESS_OK;
}

static void host_release(void *p)
{
	cudaFreeHost(p);
}

static precess_status upload(void *to, const void *from, size_t bytes)
{
	CU(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cuda_queue()));
	return PRECESS_OK;
}

static precess_status download(void *to, const void *from, size_t bytes)
{
	CU(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda_queue()));
	return PRECESS_OK;
}

static precess_status synchronize(void)
{
	CU(cudaStreamSynchronize(cuda_queue()));
	return PRECESS_OK;
}

static precess_status timer(double *seconds, int begin)
{
	static thread_local cudaEvent_t event[2];
	float ms;

	if (!event[0]) {
		CU(cudaEventCreate(&event[0]));
		CU(cudaEventCreate(&event[1]));
	}
	CU(cudaEventRecord(event[begin ? 0 : 1], cuda_queue()));
	if (begin)
		return PRECESS_OK;
	CU(cudaEventSynchronize(event[1]));
	CU(cudaEventElapsedTime(&ms, event[0], event[1]));
	*seconds = 1e-3 * (double)ms;
	return PRECESS_OK;
}

static precess_status capture(struct recorded *r)
{
	precess_status st;

	CU(cudaStreamBeginCapture(cuda_queue(), cudaStreamCaptureModeThreadLocal));
	st = run_list(r->l, r->n, &r->m, &r->s);
	if (st) { /* leave the stream as it was; the first failure counts */
		cudaStreamEndCapture(cuda_queue(), &r->graph);
		return st;
	}
	CU(cudaStreamEndCapture(cuda_queue(), &r->graph));
	CU(cudaGraphInstantiate(&r->exec, r->graph, 0));
	return PRECESS_OK;
}

static precess_status replay(void *recorded)
{
	struct recorded *r = (struct recorded *)recorded;

	CU(cudaGraphLaunch(r->exec, cuda_queue()));
	return PRECESS_OK;
}

static void forget_graph(struct recorded *r)
{
	if (r->exec)
		cudaGraphExecDestroy(r->exec);
	if (r->graph)
		cudaGraphDestroy(r->graph);
}

static int architecture(void)
{
	int device = 0, major = 0, minor = 0;

	if (cudaGetDevice(&device) != cudaSuccess ||
	    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) !=
		    cudaSuccess ||
	    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) !=
		    cudaSuccess)
		return 0;
	return 10 * major + minor;
}

/* A library and its one kernel. */
struct special {
	cudaLibrary_t library;
	cudaKernel_t kernel;
};

static precess_status load(void **out, const void *binary, const char *name)
{
	struct special *x = (struct special *)calloc(1, sizeof *x);
	cudaError_t e;

	*out = NULL;
	if (!x)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	e = cudaLibraryLoadData(&x->library, binary, NULL, NULL, 0, NULL, NULL, 0);
	if (e == cudaSuccess)
		e = cudaLibraryGetKernel(&x->kernel, x->library, name);
	if (e != cudaSuccess) {
		if (x->library)
			cudaLibraryUnload(x->library);
		free(x);
		return precess_fail(PRECESS_EDEVICE, "kernel %s: %s", name, cudaGetErrorString(e));
	}
	*out = x;
	return PRECESS_OK;
}

static void unload(void *special)
{
	struct special *x = (struct special *)special;

	if (x)
		cudaLibraryUnload(x->library);
	free(x);
}

precess_status cuda_launch_special(const struct bloch_launch *l, const struct bloch_memory *m,
				   const struct bloch_schedule *s)
{
	const void *kernel = (const void *)((const struct special *)l->special)->kernel;
	struct bloch_memory at = *m;
	struct bloch_schedule tables = *s;
	void *args[] = { &at.view, &at.slot, &at.spins, &at.map, &tables };

	if (cuda_probe) {
		*cuda_probe = kernel;
		return PRECESS_OK;
	}
	CU(cudaLaunchKernel(kernel, dim3(l->grid[0], l->grid[1], l->grid[2]), dim3(l->block), args,
			    0, cuda_queue()));
	return PRECESS_OK;
}

static precess_status resources(int *registers, int *local, const struct bloch_launch *l,
				const struct bloch_schedule *s)
{
	struct bloch_memory none = {};
	const void *kernel = NULL;
	cudaFuncAttributes a = {};

	if (is_transform(l->op)) {
		*registers = *local = 0;
		return PRECESS_OK;
	}
	cuda_probe = &kernel;
	run_list(l, 1, &none, s);
	cuda_probe = NULL;
	CU(cudaFuncGetAttributes(&a, kernel));
	*registers = a.numRegs;
	*local = (int)a.localSizeBytes;
	return PRECESS_OK;
}

#else

static int devices(void)
{
	return 1;
}

static precess_status choose(int)
{
	return PRECESS_OK;
}

static precess_status describe(char *out, size_t size, int device)
{
	snprintf(out, size, "launches as loops on the processor, device %d", device);
	return PRECESS_OK;
}

static precess_status alloc(void **out, size_t bytes)
{
	/* as a device leaves it: whatever was there, which is no number here */
	*out = malloc(bytes ? bytes : 1);
	if (!*out)
		return precess_fail(PRECESS_ENOMEM, "out of memory: %zu bytes", bytes);
	memset(*out, 0xff, bytes);
	return PRECESS_OK;
}

static void release(void *p)
{
	free(p);
}

static precess_status host_alloc(void **out, size_t bytes)
{
	return alloc(out, bytes);
}

static void host_release(void *p)
{
	free(p);
}

static precess_status upload(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return PRECESS_OK;
}

static precess_status download(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return PRECESS_OK;
}

static precess_status synchronize(void)
{
	return PRECESS_OK;
}

static precess_status timer(double *seconds, int begin)
{
	static double begun;

	if (begin)
		begun = clock_seconds();
	else
		*seconds = clock_seconds() - begun;
	return PRECESS_OK;
}

static thread_local int current_queue;

static precess_status capture(struct recorded *)
{
	return PRECESS_OK;
}

static precess_status replay(void *recorded)
{
	struct recorded *r = (struct recorded *)recorded;

	return run_list(r->l, r->n, &r->m, &r->s);
}

static void forget_graph(struct recorded *)
{
}

static int architecture(void)
{
	return 0;
}

static precess_status load(void **, const void *, const char *)
{
	return precess_fail(PRECESS_ENOTSUP, "loops load no kernels");
}

static void unload(void *)
{
}

precess_status cuda_launch_special(const struct bloch_launch *, const struct bloch_memory *,
				   const struct bloch_schedule *)
{
	return precess_fail(PRECESS_ENOTSUP, "loops have no kernels of their own");
}

static precess_status resources(int *, int *, const struct bloch_launch *,
				const struct bloch_schedule *)
{
	return precess_fail(PRECESS_ENOTSUP, "loops have no registers of their own");
}

#endif

static precess_status queue(int which)
{
	if (which < 0 || which >= BACKEND_QUEUES)
		return precess_fail(PRECESS_EINVAL, "queue %d: there are %d", which,
				    BACKEND_QUEUES);
	current_queue = which;
	return PRECESS_OK;
}

static void forget(void *recorded)
{
	struct recorded *r = (struct recorded *)recorded;

	if (!r)
		return;
	forget_graph(r);
	release_plans(r);
	free(r->l);
	free(r);
}

static precess_status record(void **out, const struct bloch_launch *l, uint32_t n,
			     const struct bloch_memory *m, const struct bloch_schedule *s)
{
	struct recorded *r = (struct recorded *)calloc(1, sizeof *r);
	precess_status st;

	*out = NULL;
	if (r)
		r->l = (struct bloch_launch *)malloc((n + 1) * sizeof *l);
	if (!r || !r->l) {
		free(r);
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u launches", n);
	}
	memcpy(r->l, l, n * sizeof *l);
	r->n = n;
	r->m = *m;
	r->s = *s;
	if ((st = hold_plans(r)) || (st = capture(r))) {
		forget(r);
		return st;
	}
	*out = r;
	return PRECESS_OK;
}

extern "C" const struct backend CUDA_TABLE;
extern "C" const struct backend CUDA_TABLE = {
	BACKEND_VERSION,
	sizeof(struct backend),
	CUDA_NAME,
	precess_error,
	devices,
	choose,
	describe,
	alloc,
	release,
	host_alloc,
	host_release,
	queue,
	upload,
	download,
	synchronize,
	timer,
	record,
	replay,
	forget,
	cuda_ceilings,
	resources,
	architecture,
	load,
	unload,
	{
#define OP(name, doc) cuda_##name,
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
