/* Networks on a CUDA device: a table of operations in a library of its own, network_cuda.so, found at
 * run time (runtime/nn/device.c). Convolutions are cuDNN's, everything else kernels of this folder.
 *
 * Weights, their gradients and the optimiser's moments stay on the device, as float; activations
 * between convolutions have the precision asked for. Host arrays are plain (batch, channels, height,
 * width), weights in the order of net->weight. Ownership: `create` gives, `destroy` takes. */
#ifndef RUNTIME_CUDNN_CUDNN_H
#define RUNTIME_CUDNN_CUDNN_H

#include "runtime/base/base.h"
#include "runtime/program/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rises with every change of the structs below or of runtime/program/net.h. */
#define NETWORK_VERSION 1

struct network;
/* TF32: float whose products have 10 bits of mantissa, on tensor cores. */
enum network_precision { NETWORK_F32, NETWORK_TF32, NETWORK_BF16 };
struct network_options {
	int batch;
	enum network_precision precision;
	bool training; /* room for gradients and the optimiser */
};
/* One step of Adam: m = b1 m + c1 g, v = b2 v + c2 g^2, w -= step m / (sqrt(v) root + epsilon). */
struct network_adam {
	float b1, c1, b2, c2, step, root, epsilon;
};

struct network_device {
	uint32_t version;
	size_t size;                          /* of this struct */
	const char *(*error)(void);           /* a library has its own text of the last failure */
	int (*devices)(void);                 /* that answer now; 0 with the reason in error() */
	precess_status (*select)(int device);
	precess_status (*describe)(char *out, size_t size, int device);
	precess_status (*create)(struct network **out, const struct net *net,
				 const struct network_options *o);
	void (*destroy)(struct network *n);
	size_t (*bytes)(const struct network *n); /* of the device's memory */
	precess_status (*set_weights)(struct network *n, const float *weight);
	precess_status (*get_weights)(float *weight, struct network *n);
	precess_status (*forward)(float *output, struct network *n, const float *const *input);
	/* Forward, loss (as nn_loss_backward defines it), gradients, and with `adam` a step of it;
	 * the whole is one CUDA graph from the third call on. */
	precess_status (*step)(double *loss, struct network *n, const float *const *input,
			       const float *label, const float *weight,
			       const struct network_adam *adam);
	precess_status (*get_gradients)(float *gradient, struct network *n);
	precess_status (*set_moments)(struct network *n, const float *m, const float *v);
	precess_status (*get_moments)(float *m, float *v, struct network *n);
};

/* What the library exports under the name "precess_network". */
typedef const struct network_device *(*network_entry)(void);

#ifdef __cplusplus
}
#endif
#endif
