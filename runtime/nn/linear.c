/* y = W x + b on all numbers of a sample, optional relu; W (filters, numbers).
 * A weight is read once for the whole batch: with batches of a few samples the product is bound by
 * reading W, so a matrix library has nothing to gain. */
#include "runtime/nn/internal.h"

#include <stdlib.h>
#include <string.h>

/* The scratch holds x (batch, inputs), y and dy (batch, filters), plain. */
static precess_status create(struct nn *nn, struct nn_layer *l)
{
	size_t inputs = (size_t)l->in[0]->c * (size_t)l->in[0]->h * (size_t)l->in[0]->w;

	l->scratch = (size_t)nn->n * (inputs + 2 * (size_t)l->out->c) * sizeof(float);
	return PRECESS_OK;
}

NN_CLONES static float dot(const float *a, const float *b, size_t n)
{
	float lane[16] = { 0 }, s = 0;
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		for (size_t k = 0; k < 16; k++)
			lane[k] += a[i + k] * b[i + k];
	}
	for (; i < n; i++)
		s += a[i] * b[i];
	for (size_t k = 0; k < 16; k++)
		s += lane[k];
	return s;
}

NN_CLONES static void add_scaled(float *y, const float *x, float a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	size_t inputs = (size_t)l->in[0]->c * (size_t)l->in[0]->h * (size_t)l->in[0]->w;
	float *x = (float *)nn->scratch, *y = x + (size_t)nn->n * inputs;
	int filters = l->out->c;

	nn_to_plain(x, nn, l->in[0], l->in[0]->x);
#pragma omp parallel for schedule(static)
	for (int f = 0; f < filters; f++) {
		for (int n = 0; n < nn->n; n++) {
			float v = l->bias[f] + dot(l->weight + (size_t)f * inputs,
						   x + (size_t)n * inputs, inputs);

			y[(size_t)n * (size_t)filters + (size_t)f] = l->net->relu && v < 0 ? 0 : v;
		}
	}
	nn_from_plain(nn, l->out, l->out->x, y);
	return PRECESS_OK;
}

enum { SLICE = 256 }; /* inputs of dx a thread takes at once: a cache line of every row of W */

static void backward_data(struct nn *nn, struct nn_layer *l, float *dx, const float *dy,
			  size_t inputs)
{
	int filters = l->out->c;

#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < inputs; i += SLICE) {
		size_t n_slice = inputs - i < SLICE ? inputs - i : SLICE;

		for (int n = 0; n < nn->n; n++)
			memset(dx + (size_t)n * inputs + i, 0, n_slice * sizeof *dx);
		for (int f = 0; f < filters; f++) {
			for (int n = 0; n < nn->n; n++)
				add_scaled(dx + (size_t)n * inputs + i,
					   l->weight + (size_t)f * inputs + i,
					   dy[(size_t)n * (size_t)filters + (size_t)f], n_slice);
		}
	}
}

static void hand_back(struct nn *nn, const struct nn_layer *l, const float *dx, size_t inputs)
{
	const struct nn_tensor *in = l->in[0];
	int size = in->h * in->w;

	for (int n = 0; n < nn->n; n++)
		nn_tile_store(in, in->dx, n, 0, in->c, 0, size, dx + (size_t)n * inputs, size,
			      l->add[0]);
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	size_t inputs = (size_t)l->in[0]->c * (size_t)l->in[0]->h * (size_t)l->in[0]->w;
	size_t filters = (size_t)l->out->c;
	float *x = (float *)nn->scratch, *y = x + (size_t)nn->n * inputs;
	float *dy = y + (size_t)nn->n * filters;

	nn_to_plain(x, nn, l->in[0], l->in[0]->x);
	nn_to_plain(y, nn, l->out, l->out->x);
	nn_to_plain(dy, nn, l->out, l->out->dx);
	for (size_t i = 0; l->net->relu && i < (size_t)nn->n * filters; i++)
		dy[i] = y[i] > 0 ? dy[i] : 0;
#pragma omp parallel for schedule(static)
	for (size_t f = 0; f < filters; f++) {
		float *dw = l->dweight + f * inputs, db = 0;

		memset(dw, 0, inputs * sizeof *dw);
		for (size_t n = 0; n < (size_t)nn->n; n++) {
			add_scaled(dw, x + n * inputs, dy[n * filters + f], inputs);
			db += dy[n * filters + f];
		}
		l->dbias[f] = db;
	}
	if (l->in[0]->wants) {
		backward_data(nn, l, x, dy, inputs);
		hand_back(nn, l, x, inputs);
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_linear = {
	.name = "linear",
	.create = create,
	.forward = forward,
	.backward = backward,
};
