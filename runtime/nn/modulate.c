/* The sum of complex heads, head i times wave i, heads without a wave as they are:
 *   y = sum_i h_i w_i,   dh_i = dy conj(w_i),   dw_i = dy conj(h_i),
 * channels in pairs (re, im); d is the gradient with respect to (re, im) as re + i im. */
#include "runtime/nn/internal.h"

enum { TILE = 256 };

NN_CLONES static void add_head(float *yr, float *yi, const float *hr, const float *hi,
			       const float *wr, const float *wi, int pixels)
{
	for (int p = 0; p < pixels; p++) {
		yr[p] += hr[p] * wr[p] - hi[p] * wi[p];
		yi[p] += hr[p] * wi[p] + hi[p] * wr[p];
	}
}

/* g = d conj(w), in place of d's copy. */
NN_CLONES static void turn_back(float *gr, float *gi, const float *dr, const float *di,
				const float *wr, const float *wi, int pixels)
{
	for (int p = 0; p < pixels; p++) {
		gr[p] = dr[p] * wr[p] + di[p] * wi[p];
		gi[p] = di[p] * wr[p] - dr[p] * wi[p];
	}
}

static void forward_tile(const struct nn_layer *l, int n, int p, int pixels)
{
	const struct nn_tensor *heads = l->in[0], *waves = l->in[1];
	float y[2 * TILE] = { 0 }, h[2 * TILE], w[2 * TILE];

	for (int c = 0; c < heads->c; c += 2) {
		nn_tile_load(h, TILE, heads, heads->x, n, c, 2, p, pixels);
		if (c < waves->c) {
			nn_tile_load(w, TILE, waves, waves->x, n, c, 2, p, pixels);
			add_head(y, y + TILE, h, h + TILE, w, w + TILE, pixels);
		} else {
			for (int i = 0; i < pixels; i++) {
				y[i] += h[i];
				y[TILE + i] += h[TILE + i];
			}
		}
	}
	nn_tile_store(l->out, l->out->x, n, 0, 2, p, pixels, y, TILE, false);
}

static void backward_tile(const struct nn_layer *l, int n, int p, int pixels)
{
	const struct nn_tensor *heads = l->in[0], *waves = l->in[1];
	float d[2 * TILE], g[2 * TILE], other[2 * TILE];

	nn_tile_load(d, TILE, l->out, l->out->dx, n, 0, 2, p, pixels);
	for (int c = 0; heads->wants && c < heads->c; c += 2) {
		if (c < waves->c) {
			nn_tile_load(other, TILE, waves, waves->x, n, c, 2, p, pixels);
			turn_back(g, g + TILE, d, d + TILE, other, other + TILE, pixels);
		}
		nn_tile_store(heads, heads->dx, n, c, 2, p, pixels, c < waves->c ? g : d, TILE,
			      l->add[0]);
	}
	for (int c = 0; waves->wants && c < waves->c; c += 2) {
		nn_tile_load(other, TILE, heads, heads->x, n, c, 2, p, pixels);
		turn_back(g, g + TILE, d, d + TILE, other, other + TILE, pixels);
		nn_tile_store(waves, waves->dx, n, c, 2, p, pixels, g, TILE, l->add[1]);
	}
}

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	int size = l->out->h * l->out->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int p = 0; p < size; p += TILE)
			forward_tile(l, n, p, size - p < TILE ? size - p : TILE);
	}
	return PRECESS_OK;
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	int size = l->out->h * l->out->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int p = 0; p < size; p += TILE)
			backward_tile(l, n, p, size - p < TILE ? size - p : TILE);
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_modulate = {
	.name = "modulate",
	.forward = forward,
	.backward = backward,
};
