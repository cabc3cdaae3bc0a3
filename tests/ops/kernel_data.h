/* What tests of the kernels share: the set under test and random spins. */
#ifndef TESTS_OPS_KERNEL_DATA_H
#define TESTS_OPS_KERNEL_DATA_H

#include "runtime/cpu/cpu.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PI 3.14159265358979323846
#define ROWS 29 /* not a multiple of anything */
#define SPINS (ROWS * CPU_LANES)

static const struct cpu_kernels *k; /* under test */

static float *planes(size_t n)
{
	float *p = memory_aligned(n * CPU_PLANE * sizeof *p);

	assert_non_null(p);
	return p;
}

static void fill(float *p, size_t n, struct rng *r, double lo, double hi)
{
	while (n--)
		*p++ = (float)rng_uniform(r, lo, hi);
}

static struct cpu_spins *spins(struct rng *r)
{
	struct cpu_spins *s = memory_aligned(sizeof *s);

	assert_non_null(s);
	fill(s->r1, CPU_PLANE, r, 0.2, 5);
	fill(s->r2, CPU_PLANE, r, 1, 200);
	fill(s->f, CPU_PLANE, r, -150, 150);
	fill(s->b1, CPU_PLANE, r, 0.7, 1.3);
	fill(s->m0, CPU_PLANE, r, 0.1, 1);
	s->m0[3] = s->m0[40] = 0;
	return s;
}

#endif
