/* Networks on other devices than the processor: the table of runtime/cudnn, found at run time. The
 * caller's arrays stay in main memory; weights live on the device between steps and come back when
 * somebody asks for them. */
#include "runtime/nn/internal.h"

#include <stdlib.h>
#include <string.h>

static const struct network_device *registered;

void nn_device_register(const struct network_device *d)
{
	registered = d;
}

/* With the table's own text, copied: one that is linked in keeps it where ours is. */
static precess_status failed(const struct network_device *d, precess_status st, const char *what)
{
	char text[512];

	snprintf(text, sizeof text, "%s", d->error());
	return precess_fail(st, "cuda: %s: %s", what, text);
}

static precess_status find(const struct network_device **out)
{
	network_entry entry;
	void *symbol;
	precess_status st;

	*out = registered;
	if (registered)
		return PRECESS_OK;
	if ((st = plugin_open(&symbol, "network_cuda.so", "precess_network")))
		return precess_wrap(st, "cuda");
	memcpy(&entry, &symbol, sizeof entry); /* a cast would not be C11 */
	*out = entry();
	if ((*out)->version != NETWORK_VERSION || (*out)->size != sizeof **out)
		return precess_fail(PRECESS_EDEVICE,
				    "cuda: network_cuda.so has version %u of its table, this "
				    "program needs %d: build both together",
				    (*out)->version, NETWORK_VERSION);
	return PRECESS_OK;
}

static precess_status parse(int *index, const char *device)
{
	char *end;
	long n = 0;

	*index = 0;
	if (!strcmp(device, "cuda"))
		return PRECESS_OK;
	if (!strncmp(device, "cuda:", 5)) {
		n = strtol(device + 5, &end, 10);
		if (*end || end == device + 5 || n < 0 || n > 1023)
			return precess_fail(PRECESS_EINVAL,
					    "device \"%s\": a number from 0 to 1023 follows the "
					    "colon",
					    device);
		*index = (int)n;
		return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL,
			    "no device \"%s\": there are auto, cpu, cuda and cuda:N", device);
}

static precess_status open_device(struct nn *nn, const char *device)
{
	const struct network_device *d;
	char name[128];
	int index, n;
	precess_status st;

	if ((st = parse(&index, device)) || (st = find(&d)))
		return st;
	n = d->devices();
	if (n <= 0)
		return failed(d, PRECESS_EDEVICE, "no device");
	if (index >= n)
		return precess_fail(PRECESS_EDEVICE, "%s: there %s %d of them", device,
				    n == 1 ? "is" : "are", n);
	if ((st = d->select(index)) || (st = d->describe(name, sizeof name, index)))
		return failed(d, st, "the device does not answer");
	snprintf(nn->device_name, sizeof nn->device_name, "cuda:%d (%s)", index, name);
	nn->device = d;
	return PRECESS_OK;
}

/* Plain arrays for what goes in and comes out. */
static precess_status allocate(struct nn *nn)
{
	size_t bytes, total = 0;
	char *at;

	for (uint32_t i = 0; i <= nn->net->n_input; i++) {
		uint32_t t = i < nn->net->n_input ? nn->net->input[i].tensor : nn->net->output;

		bytes = (size_t)nn->n * (size_t)NET_SIZE(&nn->net->tensor[t]) * sizeof(float);
		total += (bytes + 127) / 64 * 64;
	}
	nn->workspace = at = memory_aligned(total + (size_t)nn->n * sizeof(float));
	if (!at)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i <= nn->net->n_input; i++) {
		uint32_t t = i < nn->net->n_input ? nn->net->input[i].tensor : nn->net->output;

		bytes = (size_t)nn->n * (size_t)NET_SIZE(&nn->net->tensor[t]) * sizeof(float);
		*(i < nn->net->n_input ? &nn->input[i] : &nn->output) = (float *)(void *)at;
		at += (bytes + 127) / 64 * 64;
	}
	nn->ones = (float *)(void *)at;
	for (int i = 0; i < nn->n; i++)
		nn->ones[i] = 1;
	return PRECESS_OK;
}

precess_status nn_device_create(struct nn *nn)
{
	struct network_options o = { .batch = nn->n, .training = nn->o.training };
	precess_status st;

	if (!strcmp(nn->o.device, "auto")) {
		/* for lack of a device, the processor */
		if (open_device(nn, "cuda"))
			return PRECESS_OK;
	} else if ((st = open_device(nn, nn->o.device))) {
		return st;
	}
	if (nn->o.input_gradients)
		return precess_fail(PRECESS_ENOTSUP, "%s gives no gradients of inputs",
				    nn->device_name);
	o.precision = nn->o.precision == NN_BF16   ? NETWORK_BF16
		      : nn->o.precision == NN_TF32 ? NETWORK_TF32
						   : NETWORK_F32;
	for (uint32_t t = 0; t < nn->net->n_tensor; t++) {
		const struct net_tensor *from = &nn->net->tensor[t];

		nn->tensor[t] = (struct nn_tensor){
			.name = from->name, .c = from->channels, .h = from->height, .w = from->width
		};
	}
	if ((st = allocate(nn)))
		return st;
	if ((st = nn->device->create(&nn->remote, nn->net, &o)))
		return failed(nn->device, st, "the network");
	nn->workspace_bytes = nn->device->bytes(nn->remote);
	return PRECESS_OK;
}

void nn_device_free(struct nn *nn)
{
	if (nn->remote)
		nn->device->destroy(nn->remote);
}

static precess_status send_weights(struct nn *nn)
{
	precess_status st = PRECESS_OK;

	if (nn->stale)
		st = nn->device->set_weights(nn->remote, nn->weight);
	nn->stale = st != PRECESS_OK;
	return st;
}

void nn_device_fetch(struct nn *nn)
{
	if (nn->remote_newer && nn->device->get_weights(nn->weight, nn->remote))
		memset(nn->weight, 0xff, nn->net->n_number * sizeof *nn->weight); /* NaN: told */
	nn->remote_newer = false;
}

precess_status nn_device_forward(struct nn *nn)
{
	precess_status st = send_weights(nn);

	if (!st)
		st = nn->device->forward(nn->output, nn->remote, (const float *const *)nn->input);
	return st ? failed(nn->device, st, "forward pass") : PRECESS_OK;
}

static precess_status step(double *loss, struct nn *nn, const float *label, const float *weight,
			   const struct network_adam *adam)
{
	precess_status st = send_weights(nn);

	if (!st)
		st = nn->device->step(loss, nn->remote, (const float *const *)nn->input, label,
				      weight ? weight : nn->ones, adam);
	return st ? failed(nn->device, st, "training step") : PRECESS_OK;
}

precess_status nn_device_backward(double *loss, struct nn *nn, const float *label,
				  const float *weight)
{
	precess_status st = step(loss, nn, label, weight, NULL);

	if (!st && (st = nn->device->get_gradients(nn->dweight, nn->remote)))
		return failed(nn->device, st, "gradients");
	return st;
}

/* --- the face --- */

const char *nn_device_name(const struct nn *nn)
{
	return nn->remote ? nn->device_name : "cpu";
}

bool nn_is_remote(const struct nn *nn)
{
	return nn->remote != NULL;
}

precess_status nn_remote_step(double *loss, struct nn *nn, const float *label, const float *weight,
			      const struct network_adam *adam)
{
	precess_status st = step(loss, nn, label, weight, adam);

	nn->remote_newer = true;
	return st;
}

precess_status nn_remote_set_moments(struct nn *nn, const float *m, const float *v)
{
	precess_status st = nn->device->set_moments(nn->remote, m, v);

	return st ? failed(nn->device, st, "optimiser") : PRECESS_OK;
}

precess_status nn_remote_get_moments(float *m, float *v, struct nn *nn)
{
	precess_status st = nn->device->get_moments(m, v, nn->remote);

	return st ? failed(nn->device, st, "optimiser") : PRECESS_OK;
}
