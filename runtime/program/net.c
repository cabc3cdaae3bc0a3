/* Construction of a net, inference of its shapes and weights, counts. */
#include "runtime/program/net.h"

#include <math.h>
#include <string.h>

/* Larger than any image network's tensor or matrix, small enough that sizes in bytes stay exact. */
static const double most_numbers = 1e9;

const char *net_layer_name(enum net_layer_kind k)
{
	static const char *const names[] = {
#define LAYER(name, ...) #name,
#include "runtime/nn/layers.def"
#undef LAYER
	};
	return (unsigned)k < NET_LAYERS ? names[k] : "?";
}

const char *net_layer_doc(enum net_layer_kind k)
{
	static const char *const docs[] = {
#define LAYER(name, least, most, channels, height, width, weights, flops, needs, rule, doc) doc,
#include "runtime/nn/layers.def"
#undef LAYER
	};
	return (unsigned)k < NET_LAYERS ? docs[k] : "?";
}

int net_channels(const struct net_tensor *const *in, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += in[i]->channels;
	return sum < most_numbers ? (int)sum : 0;
}

bool net_same_grid(const struct net_tensor *const *in, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		if (in[i]->height != in[0]->height || in[i]->width != in[0]->width)
			return false;
	}
	return true;
}

/* --- construction --- */

struct net *net_create(const char *name, int nx, int ny)
{
	struct arena *arena = arena_create();
	struct net *net = arena_alloc(arena, sizeof *net);

	net->arena = arena;
	net->name = arena_copy(arena, name, strlen(name));
	net->matrix[0] = nx;
	net->matrix[1] = ny;
	net->output = NET_NONE;
	return net;
}

void net_free(struct net *net)
{
	if (net)
		arena_free(net->arena);
}

/* The array with room for element n; it doubles at powers of two. */
static void *grow(struct net *net, void *array, uint32_t n, size_t element)
{
	void *bigger;

	if (n & (n - 1))
		return array;
	bigger = arena_alloc(net->arena, 2 * ((size_t)n + 1) * element);
	if (n)
		memcpy(bigger, array, n * element);
	return bigger;
}

static const char *keep(struct net *net, const char *s)
{
	return s ? arena_copy(net->arena, s, strlen(s)) : NULL;
}

uint32_t net_add_param(struct net *net, const char *name, double lo, double hi)
{
	net->param = grow(net, net->param, net->n_param, sizeof *net->param);
	net->param[net->n_param] = (struct net_param){ keep(net, name), lo, hi };
	return net->n_param++;
}

program_slot net_add_op(struct net *net, struct program_op op)
{
	net->op = grow(net, net->op, net->n_op, sizeof *net->op);
	net->op[net->n_op] = op;
	return net->n_op++;
}

uint32_t net_add_wave(struct net *net, const char *name, program_slot kx, program_slot ky)
{
	net->wave = grow(net, net->wave, net->n_wave, sizeof *net->wave);
	net->wave[net->n_wave] = (struct net_wave){ keep(net, name), { kx, ky } };
	return net->n_wave++;
}

static uint32_t add_tensor(struct net *net, const char *name)
{
	net->tensor = grow(net, net->tensor, net->n_tensor, sizeof *net->tensor);
	net->tensor[net->n_tensor] = (struct net_tensor){ .name = keep(net, name) };
	return net->n_tensor++;
}

uint32_t net_add_input(struct net *net, const char *name, const struct net_channel *channel,
		       uint32_t n)
{
	struct net_input *in;

	net->input = grow(net, net->input, net->n_input, sizeof *net->input);
	in = &net->input[net->n_input++];
	in->tensor = add_tensor(net, name);
	in->n_channel = n;
	in->channel = arena_alloc(net->arena, n * sizeof *in->channel + 1);
	for (uint32_t i = 0; i < n; i++) {
		in->channel[i] = channel[i];
		in->channel[i].name = keep(net, channel[i].name);
	}
	return in->tensor;
}

uint32_t net_add_layer(struct net *net, const char *name, struct net_layer layer)
{
	layer.output = add_tensor(net, name);
	layer.kernel = layer.kernel ? layer.kernel : 1;
	layer.gain = layer.gain != 0 ? layer.gain : 1;
	layer.weight = layer.bias = NET_NONE;
	net->layer = grow(net, net->layer, net->n_layer, sizeof *net->layer);
	net->layer[net->n_layer++] = layer;
	return layer.output;
}

/* --- inference --- */

struct inference {
	int channels, height, width, weights;
	double flops;
	bool fits;
	uint32_t least, most;
	const char *rule;
};

static struct inference infer(const struct net_layer *l, const struct net_tensor *const *in)
{
	switch (l->kind) {
#define LAYER(name, least, most, channels, height, width, weights, flops, needs, rule, doc)  \
	case NET_##name:                                                                     \
		if (l->n_input < (least) || l->n_input > (most))                             \
			return (struct inference){ 0, 0, 0, 0, 0, true, least, most, rule }; \
		return (struct inference){ channels, height, width, weights, flops,          \
					   needs,    least,  most,  rule };
#include "runtime/nn/layers.def"
#undef LAYER
	default:
		return (struct inference){ .rule = "a known kind" };
	}
}

static struct inference infer_layer(const struct net *net, const struct net_layer *l)
{
	const struct net_tensor *in[NET_LAYER_INPUTS];
	uint32_t n = l->n_input < NET_LAYER_INPUTS ? l->n_input : NET_LAYER_INPUTS;

	for (uint32_t i = 0; i < n; i++)
		in[i] = &net->tensor[l->input[i]];
	return infer(l, in);
}

static uint32_t add_weight(struct net *net, uint32_t layer, const char *suffix, const int dims[4],
			   double deviation)
{
	const char *name = net->tensor[net->layer[layer].output].name;
	struct net_weight *w;

	net->weight = grow(net, net->weight, net->n_weight, sizeof *net->weight);
	w = &net->weight[net->n_weight];
	w->name = arena_printf(net->arena, "%s.%s", name, suffix);
	w->layer = layer;
	memcpy(w->dims, dims, sizeof w->dims);
	w->first = net->n_number;
	w->n = (size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2] * (size_t)dims[3];
	w->deviation = deviation;
	net->n_number += w->n;
	return net->n_weight++;
}

static precess_status finish_layer(struct net *net, uint32_t i)
{
	struct net_layer *l = &net->layer[i];
	struct net_tensor *out = &net->tensor[l->output];
	struct inference s;
	double fan_in;

	if ((unsigned)l->kind >= NET_LAYERS)
		return precess_fail(PRECESS_EINVAL, "layer %s: unknown kind", out->name);
	for (uint32_t k = 0; k < l->n_input && k < NET_LAYER_INPUTS; k++) {
		if (l->input[k] >= l->output)
			return precess_fail(PRECESS_EINVAL,
					    "layer %s: input %u is not computed yet", out->name,
					    k + 1);
	}
	if (!isfinite(l->gain) || !isfinite(l->spread))
		return precess_fail(PRECESS_EINVAL, "layer %s: infinite initial values", out->name);
	s = infer_layer(net, l);
	if (l->n_input < s.least || l->n_input > s.most)
		return precess_fail(PRECESS_EINVAL, "layer %s: %s takes %u to %u inputs, not %u",
				    out->name, net_layer_name(l->kind), s.least, s.most,
				    l->n_input);
	if (!s.fits)
		return precess_fail(PRECESS_EINVAL, "layer %s: %s needs %s", out->name,
				    net_layer_name(l->kind), s.rule);
	out->channels = s.channels;
	out->height = s.height;
	out->width = s.width;
	if (s.channels <= 0 || s.height <= 0 || s.width <= 0 || NET_SIZE(out) > most_numbers)
		return precess_fail(PRECESS_EINVAL, "layer %s: %d x %d x %d is no size", out->name,
				    s.channels, s.height, s.width);
	if (s.weights == 0)
		return PRECESS_OK;
	fan_in = (double)s.weights * l->kernel * l->kernel;
	if (fan_in * l->filters > most_numbers)
		return precess_fail(PRECESS_EINVAL, "layer %s: too many weights (limit %g)",
				    out->name, most_numbers);
	l->weight = add_weight(net, i, "weight",
			       (int[]){ l->filters, s.weights, l->kernel, l->kernel },
			       l->gain * sqrt(2 / fan_in));
	l->bias = add_weight(net, i, "bias", (int[]){ l->filters, 1, 1, 1 }, l->spread);
	return PRECESS_OK;
}

static precess_status check_channel(const struct net *net, const struct net_channel *c,
				    const char *input, bool vector)
{
	bool ok = true;

	switch (c->kind) {
	case NET_CHANNEL_POSITION:
		ok = c->part >= 0 && c->part <= 1 && c->cells > 0;
		break;
	case NET_CHANNEL_MAP:
		ok = (unsigned)c->map < PROGRAM_MAPS && c->scale != 0 && isfinite(c->scale) &&
		     isfinite(c->offset) && c->sub >= 1 && c->sub <= 64 && c->sub_y >= 0 &&
		     c->sub_y < c->sub && c->sub_x >= 0 && c->sub_x < c->sub;
		break;
	case NET_CHANNEL_WAVE:
		ok = c->part >= 0 && c->part <= 1 && c->index < net->n_wave;
		break;
	case NET_CHANNEL_PARAM:
		ok = c->index < net->n_param;
		break;
	case NET_CHANNEL_EXTRA:
		ok = c->name != NULL;
	}
	if (vector != (c->kind == NET_CHANNEL_PARAM))
		return precess_fail(PRECESS_EINVAL, "input %s mixes parameters and images", input);
	if (!ok)
		return precess_fail(PRECESS_EINVAL, "input %s: a channel is out of range", input);
	return PRECESS_OK;
}

static precess_status finish_input(struct net *net, const struct net_input *in)
{
	struct net_tensor *t = &net->tensor[in->tensor];
	bool vector = in->n_channel && in->channel[0].kind == NET_CHANNEL_PARAM;
	precess_status st;

	for (uint32_t i = 0; i < in->n_channel; i++) {
		st = check_channel(net, &in->channel[i], t->name, vector);
		if (st)
			return st;
	}
	t->channels = (int)in->n_channel;
	t->height = vector ? 1 : net->matrix[1];
	t->width = vector ? 1 : net->matrix[0];
	if (t->channels < 1 || NET_SIZE(t) > most_numbers)
		return precess_fail(PRECESS_EINVAL, "input %s: %d channels of %d x %d are no size",
				    t->name, t->channels, t->height, t->width);
	return PRECESS_OK;
}

static precess_status check_declarations(const struct net *net)
{
	if (net->matrix[0] < 1 || net->matrix[1] < 1)
		return precess_fail(PRECESS_EINVAL, "a net needs a matrix");
	if (net->n_layer == 0)
		return precess_fail(PRECESS_EINVAL, "a net needs a layer");
	for (uint32_t i = 0; i < net->n_param; i++) {
		if (!(net->param[i].lo <= net->param[i].hi))
			return precess_fail(PRECESS_EINVAL, "parameter %s has no range",
					    net->param[i].name);
	}
	for (uint32_t i = 0; i < net->n_op; i++) {
		const struct program_op *o = &net->op[i];

		if ((unsigned)o->op >= PROGRAM_OPCODES || (o->a != PROGRAM_NO_SLOT && o->a >= i) ||
		    (o->b != PROGRAM_NO_SLOT && o->b >= i) ||
		    (o->op == PROGRAM_PARAM && !(o->value >= 0 && o->value < net->n_param)))
			return precess_fail(PRECESS_EINVAL, "slot %u is damaged", i);
	}
	for (uint32_t i = 0; i < net->n_wave; i++) {
		if (net->wave[i].k[0] >= net->n_op || net->wave[i].k[1] >= net->n_op)
			return precess_fail(PRECESS_EINVAL, "wave %s has no slot",
					    net->wave[i].name);
	}
	for (uint32_t i = 0; i < net->n_tensor; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(net->tensor[i].name, net->tensor[k].name) == 0)
				return precess_fail(PRECESS_EINVAL, "two tensors are named %s",
						    net->tensor[i].name);
		}
	}
	return PRECESS_OK;
}

/* A tensor nobody reads would have a gradient nobody wrote. */
static precess_status check_uses(const struct net *net)
{
	for (uint32_t t = 0; t < net->n_tensor; t++) {
		bool used = t == net->output;

		for (uint32_t i = 0; i < net->n_layer; i++) {
			for (uint32_t k = 0; k < net->layer[i].n_input; k++)
				used |= net->layer[i].input[k] == t;
		}
		if (!used)
			return precess_fail(PRECESS_EINVAL, "nothing uses %s", net->tensor[t].name);
	}
	return PRECESS_OK;
}

precess_status net_finish(struct net *net)
{
	precess_status st;

	TRY(check_declarations(net));
	for (uint32_t i = 0; i < net->n_input; i++)
		TRY(finish_input(net, &net->input[i]));
	net->n_weight = 0;
	net->n_number = 0;
	for (uint32_t i = 0; i < net->n_layer; i++)
		TRY(finish_layer(net, i));
	if (net->output == NET_NONE)
		net->output = net->n_tensor - 1;
	st = check_uses(net);
out:
	return st ? precess_wrap(st, "net %s", net->name) : PRECESS_OK;
}

/* --- questions --- */

int net_find(const struct net *net, const char *tensor)
{
	for (uint32_t i = 0; i < net->n_tensor; i++) {
		if (strcmp(net->tensor[i].name, tensor) == 0)
			return (int)i;
	}
	return -1;
}

double net_layer_flops(const struct net *net, uint32_t layer)
{
	return infer_layer(net, &net->layer[layer]).flops;
}

double net_flops(const struct net *net)
{
	double sum = 0;

	for (uint32_t i = 0; i < net->n_layer; i++)
		sum += net_layer_flops(net, i);
	return sum;
}

void net_evaluate(double *value, const struct net *net, const double *param)
{
	struct program p = { .op = net->op, .n_op = net->n_op };

	program_evaluate(value, &p, param);
}
