// Fourier transforms along x: cuFFT; where launches are loops, the sum as it stands.
#include "runtime/cuda/launch.h"

#ifdef __CUDACC__
#include <cufft.h>

/* Plans by length and number, kept for the life of the process; a run uses a few. */
enum { PLANS = 16 };
static struct known {
	int device, n, batch;
	cufftHandle plan;
} known[PLANS];
static int n_known;

static precess_status plan_of(cufftHandle *out, int n, int batch)
{
	struct known k = { 0, n, batch, 0 };
	cufftResult r;

	CU(cudaGetDevice(&k.device));
	for (int i = 0; i < (n_known < PLANS ? n_known : PLANS); i++) {
		if (known[i].device == k.device && known[i].n == n && known[i].batch == batch) {
			*out = known[i].plan;
			return PRECESS_OK;
		}
	}
	r = cufftPlan1d(&k.plan, n, CUFFT_C2C, batch);
	if (r != CUFFT_SUCCESS)
		return precess_fail(PRECESS_EDEVICE, "cuFFT: no plan for %d transforms of length %d "
				    "(status %d)", batch, n, (int)r);
	if (n_known >= PLANS)
		cufftDestroy(known[n_known % PLANS].plan);
	known[n_known++ % PLANS] = k;
	*out = k.plan;
	return PRECESS_OK;
}

precess_status cuda_transform(struct spin_complex *out, const struct spin_complex *in, int n,
			      size_t batch)
{
	cufftHandle plan = 0;
	precess_status st;
	cufftResult r;

	if (batch > 0x7fffffff / (size_t)n)
		return precess_fail(PRECESS_ENOTSUP, "%zu transforms of length %d at a time", batch,
				    n);
	if ((st = plan_of(&plan, n, (int)batch)))
		return st;
	/* cuFFT leaves the input of an out-of-place transform alone */
	r = cufftExecC2C(plan, (cufftComplex *)in, (cufftComplex *)out, CUFFT_FORWARD);
	if (r != CUFFT_SUCCESS)
		return precess_fail(PRECESS_EDEVICE, "cuFFT: status %d", (int)r);
	return PRECESS_OK;
}

#else

/* Thread: cell k of one transform. k x modulo n is whole, so no phase is rounded. */
__global__ void k_transform(struct spin_complex *out, const struct spin_complex *in, int n)
{
	unsigned k = blockIdx.x * blockDim.x + threadIdx.x;
	struct spin_complex v = { 0, 0 };

	if (k >= (unsigned)n)
		return;
	in += (size_t)blockIdx.y * (size_t)n;
	for (int x = 0; x < n; x++) {
		float part = (float)((size_t)k * (size_t)x % (size_t)n) / (float)n;
		struct spin_complex t = spin_times(in[x], spin_circle(-part));

		v.re += t.re;
		v.im += t.im;
	}
	out[(size_t)blockIdx.y * (size_t)n + k] = v;
}

precess_status cuda_transform(struct spin_complex *out, const struct spin_complex *in, int n,
			      size_t batch)
{
	const size_t most = 65535;

	for (size_t done = 0; done < batch; done += most) {
		size_t now = batch - done < most ? batch - done : most;

		LAUNCH(k_transform, dim3(launch_blocks((size_t)n), (unsigned)now), LAUNCH_THREADS,
		       out + done * (size_t)n, in + done * (size_t)n, n);
	}
	return PRECESS_OK;
}

#endif
