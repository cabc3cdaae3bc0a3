/* The loss of the output against a label, and its gradient. Rows are summed one by one, in double,
 * then added up in order: the same sum with any number of threads. */
#include "runtime/nn/internal.h"

#include <math.h>

enum { TILE = 256, ROWS = 256 };

struct task {
	const struct nn *nn;
	const float *label, *weight;
	const struct nn_tensor *to;
};

/* Channel c of sample n: sum of |e| or e^2, gradient into to->dx. */
static double one_channel(const struct task *t, int n, int c)
{
	const struct nn_tensor *out = &t->nn->tensor[t->nn->net->output];
	bool l1 = t->nn->net->loss == NET_LOSS_L1;
	int size = out->h * out->w;
	size_t at = ((size_t)n * (size_t)out->c + (size_t)c) * (size_t)size;
	double w = t->weight ? t->weight[n] : 1, sum = 0;
	float scale = (float)(w / ((double)t->nn->n * out->c * size)), d[TILE];

	for (int p = 0; p < size; p += TILE) {
		int pixels = size - p < TILE ? size - p : TILE;

		for (int i = 0; i < pixels; i++) {
			float e = t->nn->output[at + (size_t)(p + i)] -
				  t->label[at + (size_t)(p + i)];

			sum += l1 ? fabs((double)e) : (double)e * e;
			d[i] = l1 ? (float)((e > 0) - (e < 0)) * scale : 2 * e * scale;
		}
		if (t->to)
			nn_tile_store(t->to, t->to->dx, n, c, 1, p, pixels, d, TILE, false);
	}
	return sum * w;
}

double nn_loss_gradient(const struct nn *nn, const float *label, const float *weight,
			const struct nn_tensor *to)
{
	const struct nn_tensor *out = &nn->tensor[nn->net->output];
	struct task t = { nn, label, weight, to };
	int rows = nn->n * out->c;
	double part[ROWS], sum = 0;

	for (int first = 0; first < rows; first += ROWS) {
		int n = rows - first < ROWS ? rows - first : ROWS;

#pragma omp parallel for schedule(static)
		for (int i = 0; i < n; i++)
			part[i] = one_channel(&t, (first + i) / out->c, (first + i) % out->c);
		for (int i = 0; i < n; i++)
			sum += part[i];
	}
	return sum / ((double)rows * out->h * out->w);
}
