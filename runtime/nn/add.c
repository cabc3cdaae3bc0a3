/* a + b. */
#include "runtime/nn/internal.h"

enum { TILE = 256 };

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	const struct nn_tensor *a = l->in[0], *b = l->in[1];
	int size = l->out->h * l->out->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int c = 0; c < a->c; c++) {
			for (int p = 0; p < size; p += TILE) {
				int pixels = size - p < TILE ? size - p : TILE;
				float u[TILE], v[TILE];

				nn_tile_load(u, TILE, a, a->x, n, c, 1, p, pixels);
				nn_tile_load(v, TILE, b, b->x, n, c, 1, p, pixels);
				for (int i = 0; i < pixels; i++)
					u[i] += v[i];
				nn_tile_store(l->out, l->out->x, n, c, 1, p, pixels, u, TILE,
					      false);
			}
		}
	}
	return PRECESS_OK;
}

static void hand_back(struct nn *nn, const struct nn_layer *l, int input)
{
	const struct nn_tensor *in = l->in[input];
	int size = in->h * in->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int c = 0; c < in->c; c++) {
			for (int p = 0; p < size; p += TILE) {
				int pixels = size - p < TILE ? size - p : TILE;
				float d[TILE];

				nn_tile_load(d, TILE, l->out, l->out->dx, n, c, 1, p, pixels);
				nn_tile_store(in, in->dx, n, c, 1, p, pixels, d, TILE,
					      l->add[input]);
			}
		}
	}
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->in[i]->wants)
			hand_back(nn, l, i);
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_add = {
	.name = "add",
	.forward = forward,
	.backward = backward,
};
