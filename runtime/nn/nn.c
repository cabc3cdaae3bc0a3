/* Creation, the passes, weights, the profile. */
#include "runtime/nn/internal.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const struct nn_layer_ops *const all_ops[] = {
#define LAYER(name, ...) &nn_layer_##name,
#include "runtime/nn/layers.def"
#undef LAYER
};

/* --- creation --- */

static precess_status allocate(struct nn *nn)
{
	const struct net *net = nn->net;

	nn->tensor = calloc(net->n_tensor, sizeof *nn->tensor);
	nn->layer = calloc(net->n_layer, sizeof *nn->layer);
	nn->input = calloc(net->n_input + 1, sizeof *nn->input);
	nn->dinput = calloc(net->n_input + 1, sizeof *nn->dinput);
	nn->weight = memory_aligned((net->n_number + 16) * sizeof(float));
	nn->dweight = memory_aligned(nn->o.training ? (net->n_number + 16) * sizeof(float) : 64);
	if (!nn->tensor || !nn->layer || !nn->input || !nn->dinput || !nn->weight || !nn->dweight)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	return PRECESS_OK;
}

static void connect_layer(struct nn *nn, uint32_t i)
{
	struct nn_layer *l = &nn->layer[i];
	const struct net_weight *w = nn->net->weight;

	l->net = &nn->net->layer[i];
	l->ops = all_ops[l->net->kind];
	l->out = &nn->tensor[l->net->output];
	for (uint32_t k = 0; k < l->net->n_input; k++) {
		l->in[k] = &nn->tensor[l->net->input[k]];
		l->out->wants |= l->in[k]->wants;
	}
	if (l->net->weight == NET_NONE)
		return;
	l->weight = nn->weight + w[l->net->weight].first;
	l->bias = nn->weight + w[l->net->bias].first;
	l->dweight = nn->dweight + w[l->net->weight].first;
	l->dbias = nn->dweight + w[l->net->bias].first;
	l->out->wants = nn->o.training;
}

/* Backward passes run from the last layer to the first: whoever comes to a tensor first overwrites
 * its gradient, later ones add. */
static void share_gradients(struct nn *nn)
{
	for (uint32_t i = nn->net->n_layer; i-- > 0;) {
		struct nn_layer *l = &nn->layer[i];

		for (uint32_t k = 0; k < l->net->n_input; k++) {
			for (uint32_t j = i; j < nn->net->n_layer; j++) {
				const struct net_layer *o = &nn->net->layer[j];
				uint32_t n = j == i ? k : o->n_input;

				for (uint32_t m = 0; m < n; m++)
					l->add[k] |= o->input[m] == l->net->input[k];
			}
		}
	}
}

static precess_status connect(struct nn *nn)
{
	const struct net *net = nn->net;

	for (uint32_t t = 0; t < net->n_tensor; t++) {
		const struct net_tensor *from = &net->tensor[t];

		nn->tensor[t] = (struct nn_tensor){
			.name = from->name, .c = from->channels, .h = from->height, .w = from->width
		};
	}
	for (uint32_t i = 0; i < net->n_input; i++)
		nn->tensor[net->input[i].tensor].wants = nn->o.input_gradients && nn->o.training;
	for (uint32_t i = 0; i < net->n_layer; i++)
		connect_layer(nn, i);
	for (uint32_t i = 0; i < net->n_layer; i++) {
		for (uint32_t k = 0; k < net->layer[i].n_input; k++) {
			if (net->layer[i].input[k] == net->output)
				return precess_fail(PRECESS_EINVAL,
						    "net %s: a layer reads the output", net->name);
		}
	}
	share_gradients(nn);
	return nn_plan_layouts(nn);
}

static precess_status create_layers(struct nn *nn)
{
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < nn->net->n_layer && st == PRECESS_OK; i++) {
		struct nn_layer *l = &nn->layer[i];

		if (l->ops->create)
			st = l->ops->create(nn, l);
		if (st)
			return precess_wrap(st, "layer %s", l->out->name);
		if (l->scratch > nn->scratch_bytes)
			nn->scratch_bytes = l->scratch;
	}
	return st;
}

precess_status nn_create(struct nn **out, const struct net *net, const struct nn_options *o)
{
	struct nn *nn = calloc(1, sizeof *nn);
	int before = omp_get_max_threads();
	precess_status st;

	*out = NULL;
	if (!nn)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	nn->net = net;
	nn->o = *o;
	nn->n = o->batch;
	nn->o.threads = o->threads > 0 ? o->threads : before;
	nn->stale = true;
	omp_set_num_threads(nn->o.threads);
	if (o->batch < 1) {
		st = precess_fail(PRECESS_EINVAL, "a batch of %d", o->batch);
		goto out;
	}
	TRY(allocate(nn));
	if (o->device && strcmp(o->device, "cpu"))
		TRY(nn_device_create(nn));
	if (nn->remote) {
		*out = nn;
		nn = NULL;
		goto out;
	}
	TRY(onednn_create(&nn->library));
	TRY(connect(nn));
	TRY(create_layers(nn));
	TRY(nn_plan_memory(nn));
	*out = nn;
	nn = NULL;
out:
	omp_set_num_threads(before);
	nn_free(nn);
	return st;
}

void nn_free(struct nn *nn)
{
	if (!nn)
		return;
	for (uint32_t i = 0; nn->layer && i < nn->net->n_layer; i++) {
		if (nn->layer[i].ops && nn->layer[i].ops->free)
			nn->layer[i].ops->free(&nn->layer[i]);
	}
	nn_device_free(nn);
	onednn_free(nn->library);
	free(nn->workspace);
	free(nn->dweight);
	free(nn->weight);
	free(nn->dinput);
	free(nn->input);
	free(nn->layer);
	free(nn->tensor);
	free(nn);
}

/* --- questions --- */

const struct net *nn_net(const struct nn *nn)
{
	return nn->net;
}

const struct nn_options *nn_get_options(const struct nn *nn)
{
	return &nn->o;
}

size_t nn_workspace(const struct nn *nn)
{
	return nn->workspace_bytes;
}

float *nn_parameters(struct nn *nn)
{
	nn_device_fetch(nn);
	nn->stale = true;
	return nn->weight;
}

const float *nn_gradients(const struct nn *nn)
{
	return nn->dweight;
}

float *nn_input(struct nn *nn, uint32_t i)
{
	return nn->input[i];
}

const float *nn_input_gradient(const struct nn *nn, uint32_t i)
{
	return nn->dinput[i];
}

const float *nn_output(const struct nn *nn)
{
	return nn->output;
}

void nn_initialise(struct nn *nn, uint64_t seed)
{
	float *weight = nn_parameters(nn);

	for (uint32_t i = 0; i < nn->net->n_weight; i++) {
		const struct net_weight *w = &nn->net->weight[i];
		struct rng r = rng_make(seed, i);

		for (size_t k = 0; k < w->n; k++)
			weight[w->first + k] = w->deviation > 0
						       ? (float)(w->deviation * rng_normal(&r))
						       : 0;
	}
}

/* --- passes --- */

static precess_status load(struct nn *nn)
{
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < nn->net->n_layer && st == PRECESS_OK; i++) {
		if (nn->layer[i].ops->load)
			st = nn->layer[i].ops->load(nn, &nn->layer[i]);
	}
	nn->stale = st != PRECESS_OK;
	return st;
}

precess_status nn_forward(struct nn *nn)
{
	const struct net *net = nn->net;
	const struct nn_tensor *out = &nn->tensor[net->output];
	int before = omp_get_max_threads();
	precess_status st = PRECESS_OK;
	double begun;

	if (nn->remote)
		return nn_device_forward(nn);
	omp_set_num_threads(nn->o.threads);
	if (nn->stale)
		TRY(load(nn));
	for (uint32_t i = 0; i < net->n_input; i++) {
		struct nn_tensor *t = &nn->tensor[net->input[i].tensor];

		if (t->block != 1)
			nn_from_plain(nn, t, t->x, nn->input[i]);
	}
	for (uint32_t i = 0; i < net->n_layer; i++) {
		begun = clock_seconds();
		TRY(nn->layer[i].ops->forward(nn, &nn->layer[i]));
		nn->layer[i].seconds[0] = clock_seconds() - begun;
	}
	if (out->block != 1)
		nn_to_plain(nn->output, nn, out, out->x);
out:
	omp_set_num_threads(before);
	return st;
}

/* The loss's gradient is in the output's dx. */
static precess_status backward(struct nn *nn)
{
	precess_status st = PRECESS_OK;
	double begun;

	for (uint32_t i = nn->net->n_layer; i-- > 0;) {
		if (!nn->layer[i].out->wants)
			continue;
		begun = clock_seconds();
		TRY(nn->layer[i].ops->backward(nn, &nn->layer[i]));
		nn->layer[i].seconds[1] = clock_seconds() - begun;
	}
	for (uint32_t i = 0; i < nn->net->n_input; i++) {
		const struct nn_tensor *t = &nn->tensor[nn->net->input[i].tensor];

		if (t->wants && t->block != 1)
			nn_to_plain(nn->dinput[i], nn, t, t->dx);
	}
out:
	return st;
}

precess_status nn_loss_backward(double *loss, struct nn *nn, const float *label,
				const float *weight)
{
	int before = omp_get_max_threads();
	precess_status st;

	if (!nn->o.training)
		return precess_fail(PRECESS_EINVAL, "this network was planned without gradients");
	if (nn->remote)
		return nn_device_backward(loss, nn, label, weight);
	omp_set_num_threads(nn->o.threads);
	*loss = nn_loss_gradient(nn, label, weight, &nn->tensor[nn->net->output]);
	st = backward(nn);
	omp_set_num_threads(before);
	return st;
}

double nn_loss(const struct nn *nn, const float *label, const float *weight)
{
	return nn_loss_gradient(nn, label, weight, NULL);
}

void nn_profile(struct text *out, const struct nn *nn)
{
	text_printf(out, "%-12s %-10s %5s %-26s %9s %9s %8s\n", "layer", "kind", "block",
		    "implementation", "forward", "backward", "GFLOP/s");
	for (uint32_t i = 0; i < nn->net->n_layer && !nn->remote; i++) {
		const struct nn_layer *l = &nn->layer[i];
		double flops = net_layer_flops(nn->net, i) * nn->n;

		text_printf(out, "%-12s %-10s %5d %-26s %9.3f %9.3f %8.1f\n", l->out->name,
			    l->ops->name, l->out->block,
			    l->implementation ? l->implementation : "-", 1e3 * l->seconds[0],
			    1e3 * l->seconds[1], 1e-9 * flops / l->seconds[0]);
	}
}
