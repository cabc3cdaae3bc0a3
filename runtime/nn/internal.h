/* What the layers share.
 *
 * Layouts: a tensor's channels lie in blocks of `block`: number (n, c, y, x) is at
 *   ((n * blocks + c / block) * height * width + y * width + x) * block + c % block,
 * the last block padded with zeros. block 1 is the plain (n, c, y, x). Convolutions want 16
 * (AVX-512) or 8; thin layers read and write any layout through tiles of pixels, layers between
 * convolutions move octets of channels, which every block of 8 or 16 is made of, so they change
 * layouts on the way at no cost. */
#ifndef RUNTIME_NN_INTERNAL_H
#define RUNTIME_NN_INTERNAL_H

#include "runtime/nn/nn.h"

/* Vector code for what the processor has. Lanes are written out (arrays of 8 or 16), nothing is
 * reassociated or fused, so all clones give the same bits. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NN_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define NN_CLONES
#endif
#define NN_INLINE static inline __attribute__((always_inline))

enum nn_type { NN_FLOAT, NN_BFLOAT };

struct nn_tensor {
	const char *name;
	int c, h, w;         /* per sample */
	int block, blocks;   /* blocks * block >= c */
	enum nn_type type;   /* of x and dx */
	void *x, *dx;        /* dx: NULL when no gradient is wanted */
	bool wants;          /* depends on a weight (or input gradients are asked for) */
};

struct nn_layer;
struct nn_layer_ops {
	const char *name;
	bool blocked;        /* demands blocks for inputs and output; else takes any layout */
	/* Sets up `state` and `scratch`; tensors have their layouts, no memory yet. */
	precess_status (*create)(struct nn *nn, struct nn_layer *l);
	void (*free)(struct nn_layer *l);
	/* The weights have changed. NULL: nothing to do. */
	precess_status (*load)(struct nn *nn, struct nn_layer *l);
	precess_status (*forward)(struct nn *nn, struct nn_layer *l);
	/* From out->dx (which it may destroy) to the inputs' dx and the weights' gradients. dx of
	 * input i is overwritten, or added to when add[i]. */
	precess_status (*backward)(struct nn *nn, struct nn_layer *l);
};
#define LAYER(name, ...) extern const struct nn_layer_ops nn_layer_##name;
#include "runtime/nn/layers.def"
#undef LAYER

struct nn_layer {
	const struct net_layer *net;
	const struct nn_layer_ops *ops;
	struct nn_tensor *in[NET_LAYER_INPUTS], *out;
	bool add[NET_LAYER_INPUTS];
	const float *weight, *bias;  /* canonical; NULL: none */
	float *dweight, *dbias;
	void *state;
	size_t scratch;              /* bytes it needs in nn->scratch during a pass */
	double seconds[2];           /* of the last forward, backward */
	const char *implementation;  /* static text */
};

struct nn {
	const struct net *net;
	struct nn_options o;
	int n;                       /* batch */
	struct nn_tensor *tensor;
	struct nn_layer *layer;
	float *weight, *dweight;     /* canonical, n_number */
	bool stale;                  /* the weights may have changed since they were loaded */
	char *workspace;
	size_t workspace_bytes, scratch_bytes;
	char *scratch;
	float **input, **dinput;     /* plain copies per input */
	float *output;               /* plain copy */
	struct onednn *library;
	/* on a device; the layers' memory is there, too */
	const struct network_device *device;
	struct network *remote;
	bool remote_newer;           /* its weights have changed since `weight` was fetched */
	float *ones;
	char device_name[160];
};

/* --- device.c --- */
/* Leaves nn->remote NULL where "auto" finds nothing. */
precess_status nn_device_create(struct nn *nn);
void nn_device_free(struct nn *nn);
void nn_device_fetch(struct nn *nn);
precess_status nn_device_forward(struct nn *nn);
precess_status nn_device_backward(double *loss, struct nn *nn, const float *label,
				  const float *weight);

/* --- plan.c --- */
precess_status nn_plan_layouts(struct nn *nn);
precess_status nn_plan_memory(struct nn *nn);
size_t nn_tensor_numbers(const struct nn *nn, const struct nn_tensor *t); /* padded, whole batch */
size_t nn_tensor_bytes(const struct nn *nn, const struct nn_tensor *t);

/* --- tensor.c: tiles --- */
/* tile[i * stride + p] = channel first + i at pixel p0 + p of sample n, i < count, p < pixels. */
void nn_tile_load(float *tile, int stride, const struct nn_tensor *t, const void *x, int n,
		  int first, int count, int p0, int pixels);
/* The way back. Whoever writes the last channel also clears the padding. */
void nn_tile_store(const struct nn_tensor *t, void *x, int n, int first, int count, int p0,
		   int pixels, const float *tile, int stride, bool add);
/* Whole tensors between their layout and the plain one. */
void nn_to_plain(float *plain, const struct nn *nn, const struct nn_tensor *t, const void *x);
void nn_from_plain(const struct nn *nn, const struct nn_tensor *t, void *x, const float *plain);

/* --- loss.c: the loss; when to != NULL also its gradient, into to->dx --- */
double nn_loss_gradient(const struct nn *nn, const float *label, const float *weight,
			const struct nn_tensor *to);

/* --- tensor.c: flat arrays of one type, all threads --- */
/* dy = 0 where y <= 0. */
void nn_mask(void *dy, const void *y, size_t n, enum nn_type type);
/* y = a + b, elementwise; y may be a. */
void nn_sum(void *y, const void *a, const void *b, size_t n, enum nn_type type);

/* --- octets --- */
NN_INLINE float nn_from_bf16(uint16_t v)
{
	union {
		uint32_t u;
		float f;
	} b = { (uint32_t)v << 16 };

	return b.f;
}

/* To nearest, ties to even. A NaN stays one: its lowest bits may not carry into the exponent. */
NN_INLINE uint16_t nn_to_bf16(float v)
{
	union {
		float f;
		uint32_t u;
	} b = { v };

	return v == v ? (uint16_t)((b.u + 0x7fff + (b.u >> 16 & 1)) >> 16) :
			(uint16_t)(b.u >> 16 | 0x40);
}

NN_INLINE void nn_load8(float v[8], const void *x, size_t at, enum nn_type type)
{
	for (int i = 0; i < 8; i++)
		v[i] = type == NN_FLOAT ? ((const float *)x)[at + (size_t)i] :
					  nn_from_bf16(((const uint16_t *)x)[at + (size_t)i]);
}

NN_INLINE void nn_store8(void *x, size_t at, const float v[8], enum nn_type type)
{
	for (int i = 0; i < 8; i++) {
		if (type == NN_FLOAT)
			((float *)x)[at + (size_t)i] = v[i];
		else
			((uint16_t *)x)[at + (size_t)i] = nn_to_bf16(v[i]);
	}
}

/* Where octet `o` (channels 8 o .. 8 o + 7) of sample n begins; pixels follow `block` apart. */
NN_INLINE size_t nn_octet(const struct nn_tensor *t, int n, int o)
{
	int per = t->block / 8;

	return (((size_t)n * (size_t)t->blocks + (size_t)(o / per)) * (size_t)t->h *
		(size_t)t->w) * (size_t)t->block + (size_t)(o % per) * 8;
}

NN_INLINE int nn_octets(const struct nn_tensor *t)
{
	return t->blocks * t->block / 8;
}

/* --- onednn.c: convolutions (and a matrix product for the benchmark) --- */
struct onednn;
struct onednn_conv;
struct onednn_conv_shape {
	int batch, in, out, height, width, kernel; /* in, out: channels, not padded */
	int block;
	bool relu, training, wants_dx;
	enum nn_type type;
};
precess_status onednn_create(struct onednn **out);
void onednn_free(struct onednn *o);
/* The widest block convolutions are fast with here: 16 or 8. */
int onednn_block(void);
/* Whether a convolution of this shape runs by Winograd's algorithm. */
bool onednn_winograd(const struct onednn_conv_shape *s);
precess_status onednn_conv_create(struct onednn_conv **out, struct onednn *o,
				  const struct onednn_conv_shape *shape);
void onednn_conv_free(struct onednn_conv *c);
size_t onednn_conv_scratch(const struct onednn_conv *c);
const char *onednn_conv_name(const struct onednn_conv *c);
/* Packs canonical weights (out, in, k, k) and biases (out). */
precess_status onednn_conv_load(struct onednn_conv *c, const float *weight, const float *bias,
				void *scratch);
precess_status onednn_conv_forward(struct onednn_conv *c, void *y, const void *x, void *scratch);
precess_status onednn_conv_backward_data(struct onednn_conv *c, void *dx, const void *dy,
					 void *scratch);
precess_status onednn_conv_backward_weights(struct onednn_conv *c, float *dweight, float *dbias,
					    const void *x, const void *dy, void *scratch);
/* c = a b, row-major n x n. */
precess_status onednn_sgemm(float *c, const float *a, const float *b, int n);

#endif
