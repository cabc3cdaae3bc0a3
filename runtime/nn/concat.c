/* The channels of all inputs, one after another. Inputs of a multiple of eight channels are moved
 * octet by octet, others by tiles. */
#include "runtime/nn/internal.h"

#include <string.h>

/* Octet `from` of sample n of a, to octet `to` of b, row y; NULL clears. */
NN_INLINE void move_row(const struct nn_tensor *b, void *bx, int to, const struct nn_tensor *a,
			const void *ax, int from, int n, int y, bool add, enum nn_type type)
{
	size_t i = nn_octet(b, n, to) + (size_t)y * (size_t)b->w * (size_t)b->block, k = 0;
	float v[8] = { 0 }, old[8];

	if (ax)
		k = nn_octet(a, n, from) + (size_t)y * (size_t)a->w * (size_t)a->block;
	for (int x = 0; x < b->w; x++, i += (size_t)b->block) {
		if (ax) {
			nn_load8(v, ax, k + (size_t)x * (size_t)a->block, type);
			if (add) {
				nn_load8(old, bx, i, type);
				for (int j = 0; j < 8; j++)
					v[j] += old[j];
			}
		}
		nn_store8(bx, i, v, type);
	}
}

NN_CLONES static void move_any(const struct nn_tensor *b, void *bx, int to,
			       const struct nn_tensor *a, const void *ax, int from, int n, int y,
			       bool add)
{
	if (b->type == NN_FLOAT)
		move_row(b, bx, to, a, ax, from, n, y, add, NN_FLOAT);
	else
		move_row(b, bx, to, a, ax, from, n, y, add, NN_BFLOAT);
}

static void move_octets(struct nn *nn, const struct nn_tensor *b, void *bx, int to,
			const struct nn_tensor *a, const void *ax, int from, int count, bool add)
{
#pragma omp parallel for collapse(3) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int o = 0; o < count; o++) {
			for (int y = 0; y < b->h; y++)
				move_any(b, bx, to + o, a, ax, from + o, n, y, add);
		}
	}
}

enum { TILE = 256 };

static void move_channels(struct nn *nn, const struct nn_tensor *b, void *bx, int to,
			  const struct nn_tensor *a, const void *ax, int from, int count, bool add)
{
	int size = a->h * a->w;

#pragma omp parallel for schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int p = 0; p < size; p += TILE) {
			int pixels = size - p < TILE ? size - p : TILE;
			float tile[TILE];

			for (int c = 0; c < count; c++) {
				nn_tile_load(tile, TILE, a, ax, n, from + c, 1, p, pixels);
				nn_tile_store(b, bx, n, to + c, 1, p, pixels, tile, TILE, add);
			}
		}
	}
}

/* All inputs but the last end at an octet's end. */
static bool in_octets(const struct nn_layer *l)
{
	for (uint32_t i = 0; i + 1 < l->net->n_input; i++) {
		if (l->in[i]->c % 8)
			return false;
	}
	return true;
}

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	int c = 0, octet = 0, count;

	if (!in_octets(l)) {
		for (uint32_t i = 0; i < l->net->n_input; c += l->in[i++]->c)
			move_channels(nn, l->out, l->out->x, c, l->in[i], l->in[i]->x, 0,
				      l->in[i]->c, false);
		return PRECESS_OK;
	}
	for (uint32_t i = 0; i < l->net->n_input; i++, octet += count) {
		count = (l->in[i]->c + 7) / 8;
		move_octets(nn, l->out, l->out->x, octet, l->in[i], l->in[i]->x, 0, count, false);
	}
	move_octets(nn, l->out, l->out->x, octet, NULL, NULL, 0, nn_octets(l->out) - octet, false);
	return PRECESS_OK;
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	bool octets = in_octets(l);
	int c = 0;

	for (uint32_t i = 0; i < l->net->n_input; c += l->in[i++]->c) {
		struct nn_tensor *in = l->in[i];
		int count = (in->c + 7) / 8;

		if (!in->wants)
			continue;
		if (!octets) {
			move_channels(nn, in, in->dx, 0, l->out, l->out->dx, c, in->c, l->add[i]);
			continue;
		}
		move_octets(nn, in, in->dx, 0, l->out, l->out->dx, c / 8, count, l->add[i]);
		if (!l->add[i])
			move_octets(nn, in, in->dx, count, NULL, NULL, 0, nn_octets(in) - count,
				    false);
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_concat = {
	.name = "concat",
	.blocked = true,
	.forward = forward,
	.backward = backward,
};
