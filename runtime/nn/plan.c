/* The plan: each tensor's layout and place in the one workspace.
 *
 * Layouts. Tensors joined by a convolution share one block. 16 fits AVX-512 and Winograd, but
 * pads: 8 channels cost as much as 16. So the block is the one with less work by the rates below.
 * Places. A buffer lives from the step that writes it to the last that reads it; steps are the
 * layers forwards 1 .. L, the loss L + 1, the layers backwards. Buffers whose lives do not meet
 * share memory: the largest is placed first, each at the lowest free address. */
#include "runtime/nn/internal.h"

#include <stdlib.h>
#include <string.h>

size_t nn_tensor_numbers(const struct nn *nn, const struct nn_tensor *t)
{
	return (size_t)nn->n * (size_t)t->blocks * (size_t)t->block * (size_t)t->h * (size_t)t->w;
}

size_t nn_tensor_bytes(const struct nn *nn, const struct nn_tensor *t)
{
	return nn_tensor_numbers(nn, t) * (t->type == NN_FLOAT ? sizeof(float) : sizeof(uint16_t));
}

/* --- layouts --- */

static uint32_t root(uint32_t *parent, uint32_t t)
{
	while (parent[t] != t)
		t = parent[t] = parent[parent[t]];
	return t;
}

static double padded(int c, int block)
{
	return (double)((c + block - 1) / block * block);
}

/* Time of a convolution, arbitrary unit. Measured on Zen 4 with oneDNN 2.6: direct AVX-512 code and
 * AVX2 code with blocks of 8 run at the same rate, Winograd at 2.2 times that, at 1.2 times where
 * there are fewer than 32 channels. */
static double cost(const struct nn_layer *l, int block)
{
	struct onednn_conv_shape s = {
		.in = l->in[0]->c,
		.out = l->out->c,
		.height = l->out->h,
		.width = l->out->w,
		.kernel = l->net->kernel,
		.block = block,
		.type = NN_FLOAT,
	};
	double work = padded(s.in, block) * padded(s.out, block) * s.height * s.width * s.kernel *
		      s.kernel;

	return !onednn_winograd(&s) ? work : s.in < 32 || s.out < 32 ? work / 1.2 : work / 2.2;
}

/* Cost of the convolutions of tensor t's component. */
static double cost_of(const struct nn *nn, uint32_t *parent, uint32_t t, int block)
{
	double sum = 0;

	for (uint32_t i = 0; i < nn->net->n_layer; i++) {
		const struct nn_layer *l = &nn->layer[i];

		if (l->net->kind == NET_conv2d && root(parent, l->net->output) == root(parent, t))
			sum += cost(l, block);
	}
	return sum;
}

static void choose_block(struct nn *nn, uint32_t *parent, uint32_t t)
{
	struct nn_tensor *tensor = &nn->tensor[t];
	int widest = onednn_block();
	double narrow, wide;

	if (widest == 8 || nn->o.precision == NN_BF16) {
		tensor->block = widest;
	} else {
		narrow = cost_of(nn, parent, t, 8);
		wide = cost_of(nn, parent, t, 16);
		if (wide == 0) /* no convolution: the less padding, the less traffic */
			tensor->block = tensor->c % 16 == 0 ? 16 : 8;
		else
			tensor->block = wide <= narrow ? 16 : 8;
	}
	tensor->type = nn->o.precision == NN_BF16 && widest == 16 ? NN_BFLOAT : NN_FLOAT;
}

precess_status nn_plan_layouts(struct nn *nn)
{
	const struct net *net = nn->net;
	uint32_t *parent = malloc(net->n_tensor * sizeof *parent);

	if (!parent)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t t = 0; t < net->n_tensor; t++)
		parent[t] = t;
	for (uint32_t i = 0; i < net->n_layer; i++) {
		const struct net_layer *l = &net->layer[i];

		if (l->kind == NET_conv2d)
			parent[root(parent, l->output)] = root(parent, l->input[0]);
	}
	for (uint32_t t = 0; t < net->n_tensor; t++)
		nn->tensor[t].block = 1;
	for (uint32_t i = 0; i < net->n_layer; i++) {
		const struct net_layer *l = &net->layer[i];

		if (!nn->layer[i].ops->blocked)
			continue;
		choose_block(nn, parent, l->output);
		for (uint32_t k = 0; k < l->n_input; k++)
			choose_block(nn, parent, l->input[k]);
	}
	for (uint32_t t = 0; t < net->n_tensor; t++) {
		struct nn_tensor *tensor = &nn->tensor[t];

		tensor->blocks = (tensor->c + tensor->block - 1) / tensor->block;
	}
	free(parent);
	return PRECESS_OK;
}

/* --- places --- */

struct buffer {
	size_t bytes, offset;
	int first, last;
	void **place;
};
struct plan {
	struct buffer *buffer;
	int n, end;
};

static void need(struct plan *p, void *place, size_t bytes, int first, int last)
{
	/* a cache line apart, so that threads do not write to one line */
	p->buffer[p->n++] = (struct buffer){
		.bytes = (bytes + 127) / 64 * 64, .first = first, .last = last, .place = place
	};
}

static int backward_step(const struct nn *nn, uint32_t layer)
{
	return 2 * (int)nn->net->n_layer + 1 - (int)layer;
}

struct life {
	int first, last, first_user, last_user; /* layers; -1: none */
	int producer;
};

static struct life life_of(const struct nn *nn, uint32_t t)
{
	struct life l = { .first_user = -1, .last_user = -1, .producer = -1 };

	for (uint32_t i = 0; i < nn->net->n_layer; i++) {
		const struct net_layer *layer = &nn->net->layer[i];

		if (layer->output == t)
			l.producer = (int)i;
		for (uint32_t k = 0; k < layer->n_input; k++) {
			if (layer->input[k] != t)
				continue;
			l.last_user = (int)i;
			if (l.first_user < 0)
				l.first_user = (int)i;
		}
	}
	return l;
}

static void need_tensor(struct plan *p, struct nn *nn, uint32_t t)
{
	int n_layer = (int)nn->net->n_layer;
	struct nn_tensor *tensor = &nn->tensor[t];
	struct life l = life_of(nn, t);
	bool output = t == nn->net->output;
	int first = l.producer + 1, last;

	if (nn->o.training)
		last = l.producer >= 0 ? backward_step(nn, (uint32_t)l.producer) : p->end;
	else
		last = output ? n_layer + 1 : l.last_user + 1;
	/* A plain input or output is the caller's copy, too. */
	if (tensor->block == 1 && (l.producer < 0 || output)) {
		first = 0;
		last = p->end;
	}
	need(p, &tensor->x, nn_tensor_bytes(nn, tensor), first, last);
	if (!tensor->wants || !nn->o.training)
		return;
	first = output ? n_layer + 1 : backward_step(nn, (uint32_t)l.last_user);
	need(p, &tensor->dx, nn_tensor_bytes(nn, tensor), first, l.producer >= 0 ? last : p->end);
}

static size_t plain_bytes(const struct nn *nn, const struct nn_tensor *t)
{
	return (size_t)nn->n * (size_t)t->c * (size_t)t->h * (size_t)t->w * sizeof(float);
}

static int larger_first(const void *a, const void *b)
{
	const struct buffer *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->first - y->first;
}

/* The end of a placed buffer that buffer i at its offset would run into; 0: none. */
static size_t obstacle(const struct plan *p, int i)
{
	const struct buffer *b = &p->buffer[i];

	for (int k = 0; k < i; k++) {
		const struct buffer *o = &p->buffer[k];

		if (o->first <= b->last && b->first <= o->last &&
		    o->offset < b->offset + b->bytes && b->offset < o->offset + o->bytes)
			return o->offset + o->bytes;
	}
	return 0;
}

static precess_status place(struct nn *nn, struct plan *p)
{
	size_t end;

	qsort(p->buffer, (size_t)p->n, sizeof *p->buffer, larger_first);
	for (int i = 0; i < p->n; i++) {
		struct buffer *b = &p->buffer[i];

		while ((end = obstacle(p, i)))
			b->offset = end;
		if (b->offset + b->bytes > nn->workspace_bytes)
			nn->workspace_bytes = b->offset + b->bytes;
	}
	nn->workspace = memory_aligned(nn->workspace_bytes);
	if (!nn->workspace)
		return precess_wrap(PRECESS_ENOMEM, "workspace of the network");
	for (int i = 0; i < p->n; i++)
		*p->buffer[i].place = nn->workspace + p->buffer[i].offset;
	return PRECESS_OK;
}

precess_status nn_plan_memory(struct nn *nn)
{
	const struct net *net = nn->net;
	struct plan p = { .end = 2 * (int)net->n_layer + 2 };
	struct nn_tensor *out = &nn->tensor[net->output];
	precess_status st;

	p.buffer = calloc(2 * (size_t)net->n_tensor + 2 * (size_t)net->n_input + 2,
			  sizeof *p.buffer);
	if (!p.buffer)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t t = 0; t < net->n_tensor; t++)
		need_tensor(&p, nn, t);
	for (uint32_t i = 0; i < net->n_input; i++) {
		struct nn_tensor *t = &nn->tensor[net->input[i].tensor];

		if (t->block != 1)
			need(&p, &nn->input[i], plain_bytes(nn, t), 0, p.end);
		if (t->block != 1 && t->wants)
			need(&p, &nn->dinput[i], plain_bytes(nn, t), 0, p.end);
	}
	if (out->block != 1)
		need(&p, &nn->output, plain_bytes(nn, out), 0, p.end);
	need(&p, &nn->scratch, nn->scratch_bytes, 0, p.end);
	TRY(place(nn, &p));
	for (uint32_t i = 0; i < net->n_input; i++) {
		struct nn_tensor *t = &nn->tensor[net->input[i].tensor];

		nn->input[i] = t->block == 1 ? t->x : nn->input[i];
		nn->dinput[i] = t->block == 1 ? t->dx : nn->dinput[i];
	}
	nn->output = out->block == 1 ? out->x : nn->output;
out:
	free(p.buffer);
	return st;
}
