/* Philox 4x32-10: a block of four numbers is a keyed scramble of a 128-bit counter. Ours is
 * (counter, stream) under the key `seed`, so any number of any stream is reachable at once. */
#include "runtime/base/base.h"

#include <Random123/philox.h>
#include <math.h>

struct rng rng_make(uint64_t seed, uint64_t stream)
{
	return (struct rng){ .seed = seed, .stream = stream };
}

static void next_block(struct rng *r)
{
	philox4x32_ctr_t counter = { { (uint32_t)r->counter, (uint32_t)(r->counter >> 32),
				       (uint32_t)r->stream, (uint32_t)(r->stream >> 32) } };
	philox4x32_key_t key = { { (uint32_t)r->seed, (uint32_t)(r->seed >> 32) } };
	philox4x32_ctr_t block = philox4x32(counter, key);
	int i;

	for (i = 0; i < 4; i++)
		r->block[i] = block.v[i];
	r->counter++;
	r->left = 4;
}

uint32_t rng_u32(struct rng *r)
{
	if (r->left == 0)
		next_block(r);
	return r->block[4 - r->left--];
}

/* 53 bits in [0, 1): as many as a double can tell apart with equal steps. */
static double unit(struct rng *r)
{
	uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6;

	return (double)(high << 26 | low) * 0x1p-53;
}

double rng_uniform(struct rng *r, double lo, double hi)
{
	double v = lo + (hi - lo) * unit(r);

	return v < hi || !(lo < hi) ? v : nextafter(hi, lo); /* the sum may round up to hi */
}

/* Box-Muller. The second normal of the pair is thrown away: keeping it would be state that is not
 * a function of the counter. */
double rng_normal(struct rng *r)
{
	static const double two_pi = 6.283185307179586476925286766559;
	double u = 1 - unit(r); /* (0, 1]: the logarithm of 0 is not a number we want */
	double angle = two_pi * unit(r);

	return sqrt(-2 * log(u)) * cos(angle);
}
