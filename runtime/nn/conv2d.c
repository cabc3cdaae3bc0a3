/* Convolution, zeros around the image, bias, optional relu: the library's (onednn.c). The relu's
 * gradient is a mask on the output's gradient, put on in place: nobody else reads it. */
#include "runtime/nn/internal.h"

static precess_status create(struct nn *nn, struct nn_layer *l)
{
	struct onednn_conv_shape shape = {
		.batch = nn->n,
		.in = l->in[0]->c,
		.out = l->out->c,
		.height = l->out->h,
		.width = l->out->w,
		.kernel = l->net->kernel,
		.block = l->out->block,
		.relu = l->net->relu,
		.training = nn->o.training,
		.wants_dx = l->in[0]->wants,
		.type = l->out->type,
	};
	struct onednn_conv *c;
	precess_status st = onednn_conv_create(&c, nn->library, &shape);

	if (st)
		return st;
	l->state = c;
	l->implementation = onednn_conv_name(c);
	l->scratch = onednn_conv_scratch(c);
	/* Where a gradient is to be added, the library first writes it apart. */
	if (l->in[0]->wants && l->add[0])
		l->scratch += nn_tensor_bytes(nn, l->in[0]);
	return PRECESS_OK;
}

static void free_state(struct nn_layer *l)
{
	onednn_conv_free(l->state);
}

static precess_status load(struct nn *nn, struct nn_layer *l)
{
	return onednn_conv_load(l->state, l->weight, l->bias, nn->scratch);
}

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	return onednn_conv_forward(l->state, l->out->x, l->in[0]->x, nn->scratch);
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	struct nn_tensor *in = l->in[0], *out = l->out;
	char *apart = nn->scratch + onednn_conv_scratch(l->state);
	precess_status st;

	if (l->net->relu)
		nn_mask(out->dx, out->x, nn_tensor_numbers(nn, out), out->type);
	TRY(onednn_conv_backward_weights(l->state, l->dweight, l->dbias, in->x, out->dx,
					 nn->scratch));
	if (!in->wants)
		return PRECESS_OK;
	TRY(onednn_conv_backward_data(l->state, l->add[0] ? apart : in->dx, out->dx, nn->scratch));
	if (l->add[0])
		nn_sum(in->dx, in->dx, apart, nn_tensor_numbers(nn, in), in->type);
out:
	return st;
}

const struct nn_layer_ops nn_layer_conv2d = {
	.name = "conv2d",
	.blocked = true,
	.create = create,
	.free = free_state,
	.load = load,
	.forward = forward,
	.backward = backward,
};
