/* Maximum over 2 x 2 pixels. The gradient goes to the first of equal maxima, in reading order. */
#include "runtime/nn/internal.h"

#include <string.h>

/* The four pixels under output pixel x of row y: places of their octets. */
NN_INLINE void corners(size_t at[4], const struct nn_tensor *in, size_t octet, int y, int x)
{
	size_t w = (size_t)in->w, b = (size_t)in->block;

	at[0] = octet + (2 * (size_t)y * w + 2 * (size_t)x) * b;
	at[1] = at[0] + b;
	at[2] = at[0] + w * b;
	at[3] = at[2] + b;
}

NN_INLINE void forward_row(const struct nn_tensor *out, const struct nn_tensor *in, int n, int o,
			   int y, enum nn_type type)
{
	size_t to = nn_octet(out, n, o) + (size_t)y * (size_t)out->w * (size_t)out->block, from[4];
	float m[8], v[8];

	for (int x = 0; x < out->w; x++, to += (size_t)out->block) {
		memset(m, 0, sizeof m);
		for (int k = 0; k < 4 && o < nn_octets(in); k++) {
			corners(from, in, nn_octet(in, n, o), y, x);
			nn_load8(v, in->x, from[k], type);
			for (int i = 0; i < 8; i++)
				m[i] = k == 0 || v[i] > m[i] ? v[i] : m[i];
		}
		nn_store8(out->x, to, m, type);
	}
}

NN_INLINE void backward_row(const struct nn_tensor *out, const struct nn_tensor *in, int n, int o,
			    int y, bool add, enum nn_type type)
{
	size_t from = nn_octet(out, n, o) + (size_t)y * (size_t)out->w * (size_t)out->block, to[4];
	float v[4][8], d[8], g[4][8], old[8];
	int best[8];

	for (int x = 0; x < out->w; x++, from += (size_t)out->block) {
		corners(to, in, nn_octet(in, n, o), y, x);
		for (int k = 0; k < 4; k++)
			nn_load8(v[k], in->x, to[k], type);
		nn_load8(d, out->dx, from, type);
		for (int i = 0; i < 8; i++) {
			int upper = v[1][i] > v[0][i], lower = v[3][i] > v[2][i];
			float a = upper ? v[1][i] : v[0][i], b = lower ? v[3][i] : v[2][i];

			best[i] = b > a ? 2 + lower : upper;
		}
		for (int k = 0; k < 4; k++) {
			for (int i = 0; i < 8; i++)
				g[k][i] = best[i] == k ? d[i] : 0;
			if (add) {
				nn_load8(old, in->dx, to[k], type);
				for (int i = 0; i < 8; i++)
					g[k][i] += old[i];
			}
			nn_store8(in->dx, to[k], g[k], type);
		}
	}
}

NN_CLONES static void forward_any(const struct nn_tensor *out, const struct nn_tensor *in, int n,
				  int o, int y)
{
	if (in->type == NN_FLOAT)
		forward_row(out, in, n, o, y, NN_FLOAT);
	else
		forward_row(out, in, n, o, y, NN_BFLOAT);
}

NN_CLONES static void backward_any(const struct nn_tensor *out, const struct nn_tensor *in, int n,
				   int o, int y, bool add)
{
	if (in->type == NN_FLOAT)
		backward_row(out, in, n, o, y, add, NN_FLOAT);
	else
		backward_row(out, in, n, o, y, add, NN_BFLOAT);
}

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	int octets = nn_octets(l->out);

#pragma omp parallel for collapse(3) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int o = 0; o < octets; o++) {
			for (int y = 0; y < l->out->h; y++)
				forward_any(l->out, l->in[0], n, o, y);
		}
	}
	return PRECESS_OK;
}

/* Octets of padding have x = 0 and get the gradient 0 that the padding of out->dx holds; where the
 * output has fewer octets than the input (another block), the rest is cleared. */
static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	int octets = nn_octets(l->in[0]), theirs = nn_octets(l->out);
	struct nn_tensor *in = l->in[0];

	if (theirs < octets && !l->add[0])
		memset(in->dx, 0, nn_tensor_bytes(nn, in));
	if (theirs < octets)
		octets = theirs;
#pragma omp parallel for collapse(3) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int o = 0; o < octets; o++) {
			for (int y = 0; y < l->out->h; y++)
				backward_any(l->out, in, n, o, y, l->add[0]);
		}
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_maxpool2 = {
	.name = "maxpool2",
	.blocked = true,
	.forward = forward,
	.backward = backward,
};
