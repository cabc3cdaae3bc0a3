/* Adam (Kingma and Ba, 2015):
 *   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
 *   w = w - rate / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps). */
#include "runtime/train/train.h"

#include <math.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

precess_status train_adam_create(struct train_adam **out, size_t n, double beta1, double beta2)
{
	struct train_adam *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	*a = (struct train_adam){ .beta1 = beta1, .beta2 = beta2, .epsilon = 1e-8, .n = n };
	a->m = memory_aligned((n + 1) * sizeof *a->m);
	a->v = memory_aligned((n + 1) * sizeof *a->v);
	if (!a->m || !a->v) {
		train_adam_free(a);
		return precess_wrap(PRECESS_ENOMEM, "optimiser");
	}
	*out = a;
	return PRECESS_OK;
}

void train_adam_free(struct train_adam *a)
{
	if (!a)
		return;
	free(a->m);
	free(a->v);
	free(a);
}

CLONES static void step_piece(float *restrict w, float *restrict m, float *restrict v,
			      const float *restrict g, size_t n, struct network_adam f)
{
	for (size_t i = 0; i < n; i++) {
		m[i] = f.b1 * m[i] + f.c1 * g[i];
		v[i] = f.b2 * v[i] + f.c2 * (g[i] * g[i]);
		w[i] -= f.step * m[i] / (sqrtf(v[i]) * f.root + f.epsilon);
	}
}

struct network_adam train_adam_next(struct train_adam *a, double rate)
{
	double t = (double)++a->step;

	return (struct network_adam){
		.b1 = (float)a->beta1,
		.c1 = (float)(1 - a->beta1),
		.b2 = (float)a->beta2,
		.c2 = (float)(1 - a->beta2),
		.step = (float)(rate / (1 - pow(a->beta1, t))),
		.root = (float)(1 / sqrt(1 - pow(a->beta2, t))),
		.epsilon = (float)a->epsilon,
	};
}

enum { PIECE = 1 << 14 };

void train_adam_step(struct train_adam *a, float *weight, const float *gradient, double rate,
		     int threads)
{
	struct network_adam f = train_adam_next(a, rate);

	(void)threads; /* where there is no OpenMP */
#pragma omp parallel for num_threads(threads) schedule(static)
	for (size_t i = 0; i < a->n; i += PIECE)
		step_piece(weight + i, a->m + i, a->v + i, gradient + i,
			   a->n - i < PIECE ? a->n - i : PIECE, f);
}
