/* max(x, 0). Convolutions and dynamic layers have their own; this one is for everything else. */
#include "runtime/nn/internal.h"

enum { TILE = 256 };

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	int size = l->out->h * l->out->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int c = 0; c < l->out->c; c++) {
			for (int p = 0; p < size; p += TILE) {
				int pixels = size - p < TILE ? size - p : TILE;
				float x[TILE];

				nn_tile_load(x, TILE, l->in[0], l->in[0]->x, n, c, 1, p, pixels);
				for (int i = 0; i < pixels; i++)
					x[i] = x[i] > 0 ? x[i] : 0;
				nn_tile_store(l->out, l->out->x, n, c, 1, p, pixels, x, TILE,
					      false);
			}
		}
	}
	return PRECESS_OK;
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	int size = l->out->h * l->out->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int c = 0; c < l->out->c; c++) {
			for (int p = 0; p < size; p += TILE) {
				int pixels = size - p < TILE ? size - p : TILE;
				float y[TILE], d[TILE];

				nn_tile_load(y, TILE, l->out, l->out->x, n, c, 1, p, pixels);
				nn_tile_load(d, TILE, l->out, l->out->dx, n, c, 1, p, pixels);
				for (int i = 0; i < pixels; i++)
					d[i] = y[i] > 0 ? d[i] : 0;
				nn_tile_store(l->in[0], l->in[0]->dx, n, c, 1, p, pixels, d, TILE,
					      l->add[0]);
			}
		}
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_relu = {
	.name = "relu",
	.forward = forward,
	.backward = backward,
};
