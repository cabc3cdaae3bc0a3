/* Convolutions by cuDNN's graph API: host code only. A library made for a device's description
 * instead of a device makes the same plans and cannot run them: so the plans can be checked where
 * there is no device. */
#ifndef RUNTIME_CUDNN_CONVOLUTION_H
#define RUNTIME_CUDNN_CONVOLUTION_H

#include "runtime/cudnn/cudnn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cudnn;
/* `description` NULL: the current device; else its properties in cuDNN's JSON. */
precess_status cudnn_open(struct cudnn **out, const char *description);
void cudnn_close(struct cudnn *c);

struct convolution_shape {
	int batch, in, out, height, width, kernel;
	enum network_precision precision;
	bool relu, training, wants_dx;
};
struct convolution;
/* Plans the passes. PRECESS_ENOTSUP: cuDNN has no engine for one. */
precess_status convolution_create(struct convolution **out, struct cudnn *c,
				  const struct convolution_shape *s);
void convolution_destroy(struct convolution *v);
size_t convolution_workspace(const struct convolution *v);
/* Whether bias and relu are part of the forward plan; else the caller applies them. */
bool convolution_is_fused(const struct convolution *v);
/* Candidates that cuDNN offered for each pass: forward, data, weights. */
void convolution_engines(int out[3], const struct convolution *v);
/* Tensors (batch, height, width, channels), weights (out, k, k, in), all of the shape's type. */
precess_status convolution_forward(struct convolution *v, void *y, const void *x, const void *w,
				   const void *bias, void *workspace);
precess_status convolution_data(struct convolution *v, void *dx, const void *dy, const void *w,
				void *workspace);
precess_status convolution_weights(struct convolution *v, void *dw, const void *x, const void *dy,
				   void *workspace);

#ifdef __cplusplus
}
#endif
#endif
