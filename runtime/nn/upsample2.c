/* Every pixel becomes 2 x 2; its gradient is the sum over them. */
#include "runtime/nn/internal.h"

#include <string.h>

NN_INLINE void forward_row(const struct nn_tensor *out, const struct nn_tensor *in, int n, int o,
			   int y, enum nn_type type)
{
	size_t b = (size_t)out->block, w = (size_t)out->w;
	size_t to = nn_octet(out, n, o) + 2 * (size_t)y * w * b;
	float v[8] = { 0 };

	for (int x = 0; x < in->w; x++, to += 2 * b) {
		if (o < nn_octets(in))
			nn_load8(v, in->x,
				 nn_octet(in, n, o) + ((size_t)y * (size_t)in->w + (size_t)x) *
							      (size_t)in->block,
				 type);
		nn_store8(out->x, to, v, type);
		nn_store8(out->x, to + b, v, type);
		nn_store8(out->x, to + w * b, v, type);
		nn_store8(out->x, to + w * b + b, v, type);
	}
}

NN_INLINE void backward_row(const struct nn_tensor *out, const struct nn_tensor *in, int n, int o,
			    int y, bool add, enum nn_type type)
{
	size_t b = (size_t)out->block, w = (size_t)out->w;
	size_t from = nn_octet(out, n, o) + 2 * (size_t)y * w * b;
	size_t to = nn_octet(in, n, o) + (size_t)y * (size_t)in->w * (size_t)in->block;
	float s[8], v[4][8];

	for (int x = 0; x < in->w; x++, from += 2 * b, to += (size_t)in->block) {
		nn_load8(v[0], out->dx, from, type);
		nn_load8(v[1], out->dx, from + b, type);
		nn_load8(v[2], out->dx, from + w * b, type);
		nn_load8(v[3], out->dx, from + w * b + b, type);
		for (int i = 0; i < 8; i++)
			s[i] = (v[0][i] + v[1][i]) + (v[2][i] + v[3][i]);
		if (add) {
			nn_load8(v[0], in->dx, to, type);
			for (int i = 0; i < 8; i++)
				s[i] += v[0][i];
		}
		nn_store8(in->dx, to, s, type);
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
			for (int y = 0; y < l->in[0]->h; y++)
				forward_any(l->out, l->in[0], n, o, y);
		}
	}
	return PRECESS_OK;
}

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
			for (int y = 0; y < in->h; y++)
				backward_any(l->out, in, n, o, y, l->add[0]);
		}
	}
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_upsample2 = {
	.name = "upsample2",
	.blocked = true,
	.forward = forward,
	.backward = backward,
};
