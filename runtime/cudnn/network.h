/* What the files of this folder share.
 *
 * Activations lie as (batch, height, width, channels), which cuDNN's tensor cores want; number
 * (n, c, y, x) is at ((n height + y) width + x) channels + c. */
#ifndef RUNTIME_CUDNN_NETWORK_H
#define RUNTIME_CUDNN_NETWORK_H

#include "runtime/cudnn/convolution.h"
#include "runtime/cudnn/cudnn.h"
#include "runtime/cudnn/each.h"

/* An array on the device; `n` is the batch. */
struct view {
	void *p;
	bool is_bf16;
	int n, c, h, w;
};
static inline size_t view_size(struct view v)
{
	return (size_t)v.n * (size_t)v.c * (size_t)v.h * (size_t)v.w;
}

DEVICE static inline float bits_float(uint32_t u)
{
	union {
		uint32_t u;
		float f;
	} b;
	b.u = u;
	return b.f;
}
DEVICE static inline uint32_t float_bits(float f)
{
	union {
		float f;
		uint32_t u;
	} b;
	b.f = f;
	return b.u;
}
DEVICE static inline float view_get(struct view v, size_t i)
{
	return v.is_bf16 ? bits_float((uint32_t)((const uint16_t *)v.p)[i] << 16)
			 : ((const float *)v.p)[i];
}
/* To nearest, ties to even; a NaN stays one. */
DEVICE static inline void view_put(struct view v, size_t i, float value)
{
	uint32_t u = float_bits(value);

	if (!v.is_bf16)
		((float *)v.p)[i] = value;
	else
		((uint16_t *)v.p)[i] = value == value ? (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16)
						      : (uint16_t)(u >> 16 | 0x40);
}
DEVICE static inline void view_add(struct view v, size_t i, float value)
{
	view_put(v, i, view_get(v, i) + value);
}

/* A tensor and its gradient, which is zeroed before layers add to it. */
struct tensor {
	struct view x, dx;
	bool wants; /* a gradient: it depends on a weight */
};

struct layer {
	const struct net_layer *net;
	struct tensor *in[NET_LAYER_INPUTS], *out;
	const float *weight, *bias; /* canonical, on the device; NULL: none */
	float *dweight, *dbias;
	/* convolutions */
	struct convolution *conv;   /* NULL: the plain kernels */
	struct view packed, packed_bias, packed_gradient; /* (out, k, k, in), as x */
};

struct network {
	const struct net *net;
	struct network_options o;
	struct tensor *tensor;
	struct layer *layer;
	float *weight, *gradient, *m, *v; /* net->n_number each */
	float *staging;                   /* a plain copy of the largest host array */
	float *label, *sample_weight;
	double *loss;                     /* LOSS_PARTS partial sums */
	struct network_adam *adam;        /* on the device: a graph reads it anew every time */
	float *part;                      /* partial sums of weight gradients */
	void *workspace;                  /* cuDNN's */
	struct cudnn *library;
	void **owned;                     /* all of the above that cudaFree frees */
	int n_owned;
	size_t bytes;
	bool stale;                       /* the weights have changed since they were packed */
	void *graph;                      /* of a step, once it was captured */
	bool graph_has_adam;
	int steps;
};
enum { LOSS_PARTS = 256, BIAS_PARTS = 256, DYN_PARTS = 64 };

/* --- layers.cu and conv.cu: forward; backward adds to the gradients of what is wanted --- */
precess_status layer_forward(struct network *n, struct layer *l);
precess_status layer_backward(struct network *n, struct layer *l);
precess_status conv_pack(struct network *n, struct layer *l);
precess_status conv_forward(struct network *n, struct layer *l);
precess_status conv_backward(struct network *n, struct layer *l);
/* out[c] += sum over rows of x[row][c], in a fixed order. */
precess_status sum_rows(float *out, float *part, struct view x);

#endif
