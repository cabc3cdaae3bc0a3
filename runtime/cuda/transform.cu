// Fourier transforms, exp(-2 pi i k x / n): cuFFT; where launches are loops, the sum as it stands.
#include "runtime/cuda/launch.h"

#ifdef __CUDACC__
#include <cufft.h>

/* Plans by length and number, kept for those to come; a run uses a few. Each queue has its own: the
 * work space of a plan is not to be used twice at a time. Recorded lists hold theirs. */
enum { PLANS = 64 };
static struct known {
	int device, n, batch, held;
	cudaStream_t queue;
	cufftHandle plan;
} known[PLANS];
static int n_known;

static struct known *find(const struct known *k)
{
	for (int i = 0; i < (n_known < PLANS ? n_known : PLANS); i++)
		if (known[i].device == k->device && known[i].n == k->n &&
		    known[i].batch == k->batch && known[i].queue == k->queue)
			return &known[i];
	return NULL;
}

/* Where a new one goes: in turn, but not over one that is held. */
static struct known *room(void)
{
	for (int i = 0; i < PLANS; i++) {
		struct known *k = &known[n_known++ % PLANS];

		if (n_known > PLANS && k->held)
			continue;
		if (n_known > PLANS)
			cufftDestroy(k->plan);
		return k;
	}
	return NULL;
}

static precess_status plan_of(struct known **out, uint32_t n, size_t batch)
{
	struct known k = { 0, (int)n, (int)batch, 0, cuda_queue(), 0 };
	cufftResult r;

	CU(cudaGetDevice(&k.device));
	if ((*out = find(&k)))
		return PRECESS_OK;
	r = cufftPlan1d(&k.plan, k.n, CUFFT_C2C, k.batch);
	if (r == CUFFT_SUCCESS)
		r = cufftSetStream(k.plan, k.queue);
	if (r != CUFFT_SUCCESS)
		return precess_fail(r == CUFFT_ALLOC_FAILED ? PRECESS_ENOMEM : PRECESS_EDEVICE,
				    "cuFFT: no plan for %zu transforms of length %u "
				    "(status %d)",
				    batch, n, (int)r);
	if (!(*out = room())) {
		cufftDestroy(k.plan);
		return precess_fail(PRECESS_ENOMEM, "cuFFT: too many plans at a time (limit %d)",
				    PLANS);
	}
	**out = k;
	return PRECESS_OK;
}

precess_status cuda_transform_hold(uint32_t length, size_t batch)
{
	struct known *k;
	precess_status st = plan_of(&k, length, batch);

	if (!st)
		k->held++;
	return st;
}

void cuda_transform_release(uint32_t length, size_t batch)
{
	struct known k = { 0, (int)length, (int)batch, 0, cuda_queue(), 0 }, *found;

	cudaGetDevice(&k.device);
	if ((found = find(&k)) && found->held)
		found->held--;
}

static precess_status run(struct spin_complex *out, struct spin_complex *in,
			  const struct bloch_launch *l)
{
	struct known *k;
	precess_status st;
	cufftResult r;

	if ((st = plan_of(&k, l->length, l->batch)))
		return st;
	/* cuFFT leaves the input of an out-of-place transform alone */
	r = cufftExecC2C(k->plan, (cufftComplex *)in, (cufftComplex *)out, CUFFT_FORWARD);
	if (r != CUFFT_SUCCESS)
		return precess_fail(PRECESS_EDEVICE, "cuFFT: status %d", (int)r);
	return PRECESS_OK;
}

#else

precess_status cuda_transform_hold(uint32_t, size_t)
{
	return PRECESS_OK;
}

void cuda_transform_release(uint32_t, size_t)
{
}

/* k x modulo n is whole, so no phase is rounded. */
static precess_status run(struct spin_complex *out, struct spin_complex *in,
			  const struct bloch_launch *l)
{
	const uint32_t n = l->length;
	struct spin_complex *factor = (struct spin_complex *)malloc(2 * n * sizeof *factor);
	struct spin_complex *row = factor + n;

	if (!factor)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t k = 0; k < n; k++)
		factor[k] = spin_circle(-(float)k / (float)n);
	for (size_t b = 0; b < l->batch; b++, in += n, out += n) {
		memcpy(row, in, n * sizeof *row);
		for (uint32_t k = 0; k < n; k++) {
			struct spin_complex v = { 0, 0 };

			for (uint32_t x = 0; x < n; x++) {
				struct spin_complex t = spin_times(row[x],
								   factor[(uint64_t)k * x % n]);

				v.re += t.re;
				v.im += t.im;
			}
			out[k] = v;
		}
	}
	free(factor);
	return PRECESS_OK;
}

#endif

precess_status cuda_transform OP_ARGS
{
	(void)s;
	return run(m->spectrum, m->row, l);
}

precess_status cuda_turn OP_ARGS
{
	(void)s;
	return run(m->circle, m->circle, l);
}

precess_status cuda_swing OP_ARGS
{
	(void)s;
	return run(m->arc, m->arc, l);
}
