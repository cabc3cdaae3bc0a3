// A network on the device: memory, the passes, the loss, Adam, and the graph of a training step.
#include "runtime/cudnn/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPH_AFTER = 2 }; /* steps that run plainly first: libraries set themselves up in them */

/* --- memory --- */

static precess_status take(struct network *n, void **out, size_t bytes)
{
	CU(cudaMalloc(out, bytes + 64));
	n->owned[n->n_owned++] = *out;
	n->bytes += bytes;
	return PRECESS_OK;
}

static precess_status take_view(struct network *n, struct view *v)
{
	return take(n, &v->p, view_size(*v) * (v->is_bf16 ? 2 : 4));
}

static precess_status upload(void *to, const void *from, size_t bytes)
{
	CU(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, EACH_STREAM));
	return PRECESS_OK;
}

static precess_status download(void *to, const void *from, size_t bytes)
{
	CU(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, EACH_STREAM));
	CU(cudaStreamSynchronize(EACH_STREAM));
	return PRECESS_OK;
}

static size_t number_bytes(const struct network *n)
{
	return n->net->n_number * sizeof(float);
}

/* --- creation --- */

/* Tensors that a convolution reads or writes have its precision, all others are float. */
static void connect(struct network *n)
{
	bool bf16 = n->o.precision == NETWORK_BF16;

	for (uint32_t t = 0; t < n->net->n_tensor; t++) {
		const struct net_tensor *from = &n->net->tensor[t];

		n->tensor[t].x = { NULL, false, n->o.batch, from->channels, from->height, from->width };
	}
	for (uint32_t i = 0; i < n->net->n_layer; i++) {
		struct layer *l = &n->layer[i];

		l->net = &n->net->layer[i];
		l->out = &n->tensor[l->net->output];
		for (uint32_t k = 0; k < l->net->n_input; k++) {
			l->in[k] = &n->tensor[l->net->input[k]];
			l->out->wants |= l->in[k]->wants;
		}
		if (l->net->weight != NET_NONE)
			l->out->wants = n->o.training;
		if (l->net->kind == NET_conv2d)
			l->in[0]->x.is_bf16 = l->out->x.is_bf16 = bf16;
	}
	for (uint32_t t = 0; t < n->net->n_tensor; t++)
		n->tensor[t].dx = n->tensor[t].x;
}

static precess_status create_convolution(struct network *n, struct layer *l)
{
	bool bf16 = n->o.precision == NETWORK_BF16;
	int k = l->net->kernel, in = l->in[0]->x.c, out = l->out->x.c;
	precess_status st = PRECESS_OK;

	l->packed = { NULL, bf16, out, in, k, k };
	l->packed_bias = { NULL, bf16, 1, out, 1, 1 };
	l->packed_gradient = l->packed;
	TRY(take_view(n, &l->packed));
	TRY(take_view(n, &l->packed_bias));
	if (n->o.training)
		TRY(take_view(n, &l->packed_gradient));
#ifdef __CUDACC__
	{
		struct convolution_shape s = {};

		s.batch = n->o.batch;
		s.in = in;
		s.out = out;
		s.height = l->out->x.h;
		s.width = l->out->x.w;
		s.kernel = k;
		s.precision = n->o.precision;
		s.relu = l->net->relu;
		s.training = n->o.training;
		s.wants_dx = l->in[0]->wants;
		st = convolution_create(&l->conv, n->library, &s);
		if (st == PRECESS_ENOTSUP) /* the plain kernels do it */
			st = PRECESS_OK;
	}
#endif
out:
	return st;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static precess_status create_buffers(struct network *n)
{
	const struct net *net = n->net;
	size_t workspace = 0, part = 0, staging = 0, bytes = number_bytes(n);
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < net->n_layer; i++) {
		struct layer *l = &n->layer[i];
		size_t c = (size_t)l->out->x.c;

		part = larger(part, c * BIAS_PARTS);
		if (l->net->kind == NET_dynconv)
			part = larger(part, (size_t)n->o.batch * DYN_PARTS * c *
						    (size_t)(l->in[0]->x.c + 1));
#ifdef __CUDACC__
		if (l->conv)
			workspace = larger(workspace, convolution_workspace(l->conv));
#endif
	}
	for (uint32_t t = 0; t < net->n_tensor; t++) {
		struct tensor *x = &n->tensor[t];

		staging = larger(staging, view_size(x->x));
		TRY(take_view(n, &x->x));
		if (x->wants)
			TRY(take_view(n, &x->dx));
	}
	TRY(take(n, (void **)&n->staging, staging * sizeof(float)));
	TRY(take(n, (void **)&n->weight, bytes));
	TRY(take(n, &n->workspace, workspace));
	if (!n->o.training)
		return PRECESS_OK;
	TRY(take(n, (void **)&n->part, part * sizeof(float)));
	TRY(take(n, (void **)&n->gradient, bytes));
	TRY(take(n, (void **)&n->m, bytes));
	TRY(take(n, (void **)&n->v, bytes));
	CU(cudaMemsetAsync(n->m, 0, bytes, EACH_STREAM));
	CU(cudaMemsetAsync(n->v, 0, bytes, EACH_STREAM));
	TRY(take(n, (void **)&n->label, view_size(n->tensor[net->output].x) * sizeof(float)));
	TRY(take(n, (void **)&n->sample_weight, (size_t)n->o.batch * sizeof(float)));
	TRY(take(n, (void **)&n->loss, LOSS_PARTS * sizeof(double)));
	TRY(take(n, (void **)&n->adam, sizeof *n->adam));
out:
	return st;
}

static void release_graph(struct network *n)
{
#ifdef __CUDACC__
	if (n->graph)
		cudaGraphExecDestroy((cudaGraphExec_t)n->graph);
#endif
	n->graph = NULL;
}

static void destroy(struct network *n)
{
	if (!n)
		return;
	release_graph(n);
#ifdef __CUDACC__
	for (uint32_t i = 0; n->layer && i < n->net->n_layer; i++)
		convolution_destroy(n->layer[i].conv);
	cudnn_close(n->library);
#endif
	for (int i = 0; i < n->n_owned; i++)
		cudaFree(n->owned[i]);
	free(n->owned);
	free(n->layer);
	free(n->tensor);
	free(n);
}

static precess_status create(struct network **out, const struct net *net,
			     const struct network_options *o)
{
	struct network *n = (struct network *)calloc(1, sizeof *n);
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (!n)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	n->net = net;
	n->o = *o;
	n->stale = true;
	n->tensor = (struct tensor *)calloc(net->n_tensor, sizeof *n->tensor);
	n->layer = (struct layer *)calloc(net->n_layer, sizeof *n->layer);
	n->owned = (void **)calloc(2 * net->n_tensor + 3 * net->n_layer + 16, sizeof *n->owned);
	if (!n->tensor || !n->layer || !n->owned) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
#ifdef __CUDACC__
	TRY(cudnn_open(&n->library, NULL));
#endif
	connect(n);
	for (uint32_t i = 0; i < net->n_layer; i++)
		if (net->layer[i].kind == NET_conv2d)
			TRY(create_convolution(n, &n->layer[i]));
	TRY(create_buffers(n));
	for (uint32_t i = 0; i < net->n_layer; i++) {
		struct layer *l = &n->layer[i];

		if (l->net->weight == NET_NONE)
			continue;
		l->weight = n->weight + net->weight[l->net->weight].first;
		l->bias = n->weight + net->weight[l->net->bias].first;
		l->dweight = n->gradient + net->weight[l->net->weight].first;
		l->dbias = n->gradient + net->weight[l->net->bias].first;
	}
	*out = n;
	n = NULL;
out:
	destroy(n);
	return st;
}

/* --- weights --- */

static precess_status set_weights(struct network *n, const float *weight)
{
	n->stale = true;
	return upload(n->weight, weight, number_bytes(n));
}

static precess_status get_weights(float *weight, struct network *n)
{
	return download(weight, n->weight, number_bytes(n));
}

static precess_status get_gradients(float *gradient, struct network *n)
{
	return download(gradient, n->gradient, number_bytes(n));
}

static precess_status set_moments(struct network *n, const float *m, const float *v)
{
	precess_status st = upload(n->m, m, number_bytes(n));

	return st ? st : upload(n->v, v, number_bytes(n));
}

static precess_status get_moments(float *m, float *v, struct network *n)
{
	precess_status st = download(m, n->m, number_bytes(n));

	return st ? st : download(v, n->v, number_bytes(n));
}

static precess_status pack(struct network *n)
{
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < n->net->n_layer; i++)
		if (n->net->layer[i].kind == NET_conv2d)
			TRY(conv_pack(n, &n->layer[i]));
	n->stale = false;
out:
	return st;
}

/* --- passes --- */

/* Between the plain (n, c, y, x) and the device's (n, y, x, c). */
DEVICE static inline size_t plain_place(struct view v, size_t i)
{
	size_t c = i % (size_t)v.c, p = i / (size_t)v.c, pixels = (size_t)v.h * (size_t)v.w;

	return (p / pixels * (size_t)v.c + c) * pixels + p % pixels;
}

static precess_status load_inputs(struct network *n, const float *const *input)
{
	precess_status st = PRECESS_OK;
	const float *from = n->staging;

	for (uint32_t k = 0; k < n->net->n_input; k++) {
		struct view x = n->tensor[n->net->input[k].tensor].x;

		TRY(upload(n->staging, input[k], view_size(x) * sizeof(float)));
		EACH(view_size(x), { view_put(x, i, from[plain_place(x, i)]); });
	}
out:
	return st;
}

static precess_status run_forward(struct network *n)
{
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < n->net->n_layer; i++)
		TRY(layer_forward(n, &n->layer[i]));
out:
	return st;
}

static precess_status forward(float *output, struct network *n, const float *const *input)
{
	struct view y = n->tensor[n->net->output].x;
	float *to = n->staging;
	precess_status st = PRECESS_OK;

	if (n->stale)
		TRY(pack(n));
	TRY(load_inputs(n, input));
	TRY(run_forward(n));
	EACH(view_size(y), { to[plain_place(y, i)] = view_get(y, i); });
	st = download(output, n->staging, view_size(y) * sizeof(float));
out:
	return st;
}

/* Partial sums in double, and the gradient; the label is plain. */
static precess_status run_loss(struct network *n)
{
	struct view y = n->tensor[n->net->output].x, dy = n->tensor[n->net->output].dx;
	const float *label = n->label, *weight = n->sample_weight;
	bool l1 = n->net->loss == NET_LOSS_L1;
	size_t size = view_size(y), sample = size / (size_t)y.n;
	double *loss = n->loss;

	EACH(LOSS_PARTS, {
		double sum = 0;
		for (size_t j = size * i / LOSS_PARTS; j < size * (i + 1) / LOSS_PARTS; j++) {
			float e = view_get(y, j) - label[plain_place(y, j)], w = weight[j / sample],
			      s = w / (float)size;
			sum += (double)w * (l1 ? (double)(e < 0 ? -e : e) : (double)e * (double)e);
			view_add(dy, j, l1 ? (float)((e > 0) - (e < 0)) * s : 2 * e * s);
		}
		loss[i] = sum;
	});
	return PRECESS_OK;
}

static precess_status run_backward(struct network *n)
{
	precess_status st = PRECESS_OK;

	CU(cudaMemsetAsync(n->gradient, 0, number_bytes(n), EACH_STREAM));
	for (uint32_t t = 0; t < n->net->n_tensor; t++) {
		struct view dx = n->tensor[t].dx;

		if (n->tensor[t].wants)
			CU(cudaMemsetAsync(dx.p, 0, view_size(dx) * (dx.is_bf16 ? 2 : 4),
					   EACH_STREAM));
	}
	TRY(run_loss(n));
	for (uint32_t i = n->net->n_layer; i-- > 0;)
		if (n->layer[i].out->wants)
			TRY(layer_backward(n, &n->layer[i]));
out:
	return st;
}

static precess_status run_adam(struct network *n)
{
	const struct network_adam *a = n->adam;
	float *w = n->weight, *m = n->m, *v = n->v;
	const float *g = n->gradient;

	EACH(n->net->n_number, {
		m[i] = a->b1 * m[i] + a->c1 * g[i];
		v[i] = a->b2 * v[i] + a->c2 * (g[i] * g[i]);
		w[i] -= a->step * m[i] / (sqrtf(v[i]) * a->root + a->epsilon);
	});
	return PRECESS_OK;
}

/* Everything of a step that needs no host: what the graph holds. */
static precess_status run_step(struct network *n, bool adam)
{
	precess_status st = PRECESS_OK;

	TRY(run_forward(n));
	TRY(run_backward(n));
	if (adam) {
		TRY(run_adam(n));
		st = pack(n);
	}
out:
	return st;
}

/* Captures the step the first time it may, launches it from then on. */
static precess_status run_graph(struct network *n, bool adam)
{
#ifdef __CUDACC__
	cudaGraph_t graph = NULL;
	cudaGraphExec_t ready = NULL;
	precess_status st;

	if (n->steps++ < GRAPH_AFTER)
		return run_step(n, adam);
	if (n->graph && n->graph_has_adam != adam)
		release_graph(n);
	if (!n->graph) {
		CU(cudaStreamBeginCapture(EACH_STREAM, cudaStreamCaptureModeThreadLocal));
		st = run_step(n, adam);
		CU(cudaStreamEndCapture(EACH_STREAM, &graph));
		if (st)
			return st;
		CU(cudaGraphInstantiate(&ready, graph, 0));
		CU(cudaGraphDestroy(graph));
		n->graph = ready;
		n->graph_has_adam = adam;
	}
	CU(cudaGraphLaunch((cudaGraphExec_t)n->graph, EACH_STREAM));
	return PRECESS_OK;
#else
	return run_step(n, adam);
#endif
}

static precess_status step(double *loss, struct network *n, const float *const *input,
			   const float *label, const float *weight, const struct network_adam *adam)
{
	struct view y = n->tensor[n->net->output].x;
	double part[LOSS_PARTS];
	precess_status st = PRECESS_OK;

	if (!n->o.training)
		return precess_fail(PRECESS_EINVAL, "this network was planned without gradients");
	if (n->stale)
		TRY(pack(n));
	TRY(upload(n->label, label, view_size(y) * sizeof(float)));
	TRY(upload(n->sample_weight, weight, (size_t)n->o.batch * sizeof(float)));
	if (adam)
		TRY(upload(n->adam, adam, sizeof *adam));
	TRY(load_inputs(n, input));
	TRY(run_graph(n, adam != NULL));
	TRY(download(part, n->loss, sizeof part));
	*loss = 0;
	for (int i = 0; i < LOSS_PARTS; i++)
		*loss += part[i];
	*loss /= (double)view_size(y);
out:
	return st;
}

/* --- the table --- */

static size_t bytes(const struct network *n)
{
	return n->bytes;
}

static int devices(void)
{
	int n = 0; /* stays untouched when there is no driver */
	cudaError_t e = cudaGetDeviceCount(&n);

	if (e != cudaSuccess) {
		precess_fail(PRECESS_EDEVICE, "%s", cudaGetErrorString(e));
		return 0;
	}
	if (n == 0)
		precess_fail(PRECESS_EDEVICE, "the driver knows of no device");
	return n;
}

static precess_status select_device(int device)
{
	CU(cudaSetDevice(device));
	return PRECESS_OK;
}

static precess_status describe(char *out, size_t size, int device)
{
#ifdef __CUDACC__
	cudaDeviceProp p;

	CU(cudaGetDeviceProperties(&p, device));
	snprintf(out, size, "%s, sm_%d%d", p.name, p.major, p.minor);
#else
	snprintf(out, size, "layers as loops on the processor, device %d", device);
#endif
	return PRECESS_OK;
}

static const struct network_device table = {
	NETWORK_VERSION, sizeof(struct network_device), precess_error, devices, select_device, describe,
	create, destroy, bytes, set_weights, get_weights, forward, step, get_gradients, set_moments,
	get_moments,
};

extern "C" const struct network_device *precess_network(void);
extern "C" const struct network_device *precess_network(void)
{
	return &table;
}
