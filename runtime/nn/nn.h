/* Networks at work: a net (runtime/program/net.h) with weights and a batch size, run forwards and
 * backwards on the processor.
 *
 * Everything is planned at creation: layouts, one workspace for all activations, gradients and
 * scratch. Afterwards nothing is allocated. Results are a function of the weights, the inputs, the
 * batch size and the number of threads (the convolution library sums weight gradients per thread).
 * Ownership: an nn borrows its net; arrays it hands out are its own. */
#ifndef RUNTIME_NN_NN_H
#define RUNTIME_NN_NN_H

#include "runtime/cudnn/cudnn.h"
#include "runtime/program/net.h"

struct nn;

/* NN_BF16: activations and their gradients between convolutions have 8 bits of mantissa, half the
 * memory traffic; weights, weight gradients, sums and everything outside the U-Net stay float.
 * NN_TF32: a GPU's fast float; the same as NN_F32 on the processor. */
enum nn_precision { NN_F32, NN_BF16, NN_TF32 };
struct nn_options {
	int batch;
	enum nn_precision precision;
	int threads;          /* 0: as many as OpenMP offers */
	bool training;        /* plan gradients, too */
	bool input_gradients; /* also those of the inputs */
	const char *device;   /* "cpu" (also NULL), "cuda", "cuda:N"; "auto": cuda where there is one */
};

precess_status nn_create(struct nn **out, const struct net *net, const struct nn_options *o);
void nn_free(struct nn *nn);
const struct net *nn_net(const struct nn *nn);
const struct nn_options *nn_get_options(const struct nn *nn); /* threads as used */
size_t nn_workspace(const struct nn *nn); /* bytes, without weights */

/* All weights, n_number of them in the order of net->weight. Asking for them announces a change:
 * the next forward pass packs them anew. */
float *nn_parameters(struct nn *nn);
const float *nn_gradients(const struct nn *nn);
/* Fresh weights: weight i of the net from stream i of `seed`. */
void nn_initialise(struct nn *nn, uint64_t seed);

/* Input i of the net, (batch, channels, height, width); the caller writes, passes only read. */
float *nn_input(struct nn *nn, uint32_t i);
const float *nn_input_gradient(const struct nn *nn, uint32_t i);
precess_status nn_forward(struct nn *nn);
/* (batch, channels, height, width) of the last forward pass. */
const float *nn_output(const struct nn *nn);
/* The loss of the last forward pass against `label`, and its gradients in nn_gradients.
 *   l1: mean over the batch of weight_n mean |y - label|;  l2: of weight_n mean (y - label)^2
 * where the inner mean is over the numbers of a sample; weight NULL: 1. */
precess_status nn_loss_backward(double *loss, struct nn *nn, const float *label,
				const float *weight);
/* The same without gradients. */
double nn_loss(const struct nn *nn, const float *label, const float *weight);

/* --- on a device --- */
/* "cpu", or "cuda:0 (name)". */
const char *nn_device_name(const struct nn *nn);
bool nn_is_remote(const struct nn *nn);
/* Forward, loss, gradients and a step of Adam whose moments are on the device, too: weights change
 * there, and come back with nn_parameters. */
precess_status nn_remote_step(double *loss, struct nn *nn, const float *label, const float *weight,
			      const struct network_adam *adam);
precess_status nn_remote_set_moments(struct nn *nn, const float *m, const float *v);
precess_status nn_remote_get_moments(float *m, float *v, struct nn *nn);
/* Takes this table instead of looking for the library; for tests. NULL: look again. */
void nn_device_register(const struct network_device *d);

/* Where the time goes: a line per layer with its implementation, milliseconds of the last forward
 * and backward pass, GFLOP/s. */
void nn_profile(struct text *out, const struct nn *nn);

/* --- filling inputs --- */
/* What is known of one sample. Maps are [sub * ny][sub * nx]; a map that a channel with a smaller
 * `sub` asks for is averaged (T1, T2, T2p with weights M0). */
struct nn_sample {
	const double *param;               /* SI, in the order of net->param */
	const float *map[PROGRAM_MAPS];
	int sub;
	const float *const *extra;         /* planes [ny][nx] in the order of EXTRA channels */
};
/* Writes sample `at` of the batch into every input. */
precess_status nn_fill(struct nn *nn, int at, const struct nn_sample *s);

/* --- benchmark --- */
struct nn_bench_row {
	int width, batch;
	enum nn_precision precision;
	bool training;       /* a forward and backward pass; else forward only, planned for that */
	const char *device;  /* as in nn_options */
	double ms_per_image, gflops, peak_share; /* effective: FLOPs of the direct algorithm */
};
struct nn_bench_peak {
	double fma, sgemm;   /* GFLOP/s of all threads together */
};
precess_status nn_bench_measure_peak(struct nn_bench_peak *out, int threads);
/* Completes row: width, batch, precision and training are given; 128 x 128, three maps. */
precess_status nn_bench(struct nn_bench_row *row, const struct nn_bench_peak *peak, int threads,
			double seconds);
void nn_bench_print(struct text *out, const struct nn_bench_row *row, int n,
		    const struct nn_bench_peak *peak);

#endif
