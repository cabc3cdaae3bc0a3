/* Networks on a device against the processor's: outputs, losses, gradients and a few steps of
 * training. Built twice: with the device's kernels as loops, and (ON_DEVICE) for a real one, where
 * the sums of cuDNN round in another order and TF32 rounds products to 10 bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/train/train.h"

#ifdef ON_DEVICE
#define DEVICE_FACTOR 10
static const struct network_device *precess_network(void)
{
	return NULL; /* the library that is found */
}
#else
#define DEVICE_FACTOR 1
const struct network_device *precess_network(void);
#endif

enum { BATCH = 3 };

/* Every kind of layer, tensors that several layers read, and a pooling with equal numbers. */
static const char everything[] =
	"net everything\n"
	"matrix 8 4\n"
	"param a 0 1\n"
	"param b 0 2\n"
	"slot const 1.5\n"
	"wave w $0 $0\n"
	"input image\n"
	"channel extra one\n"
	"channel extra two\n"
	"channel extra three\n"
	"input waves\n"
	"channel wave w cos\n"
	"channel wave w sin\n"
	"input params\n"
	"channel param a\n"
	"channel param b\n"
	"layer linear mlp1 from params filters 9 relu\n"
	"layer linear mlp2 from mlp1 filters 54\n"
	"layer dynconv dyn1 from image mlp2 filters 6 relu\n"
	"layer dynconv dyn2 from dyn1 mlp2 filters 4 first 24\n"
	"layer conv2d c1 from dyn2 filters 5 kernel 3 relu\n"
	"layer relu r1 from c1\n"
	"layer maxpool2 p1 from r1\n"
	"layer conv2d c2 from p1 filters 5 kernel 1\n"
	"layer upsample2 u1 from c2\n"
	"layer add s1 from u1 c1\n"
	"layer concat cat from s1 c1 dyn2\n"
	"layer conv2d heads from cat filters 4 kernel 3\n"
	"layer modulate out from heads waves\n"
	"output out loss l1\n";

struct pair {
	struct net *net;
	struct nn *cpu, *device;
	float *label, weight[BATCH];
	size_t n_out;
};

static void open_pair(struct pair *p, const char *text, enum nn_precision precision)
{
	struct nn_options o = { .batch = BATCH, .threads = 1, .training = true, .precision = precision };

	assert_int_equal(net_parse(&p->net, text, "test"), PRECESS_OK);
	o.precision = NN_F32;
	assert_int_equal(nn_create(&p->cpu, p->net, &o), PRECESS_OK);
	o.precision = precision;
	o.device = "cuda";
	nn_device_register(precess_network());
	assert_int_equal(nn_create(&p->device, p->net, &o), PRECESS_OK);
	nn_device_register(NULL);
	assert_true(nn_is_remote(p->device));
	assert_non_null(strstr(nn_device_name(p->device), "cuda:0"));
	nn_initialise(p->cpu, 7);
	nn_initialise(p->device, 7);

	struct rng r = rng_make(3, 1);
	for (uint32_t i = 0; i < p->net->n_input; i++) {
		size_t n = BATCH * (size_t)NET_SIZE(&p->net->tensor[p->net->input[i].tensor]);

		for (size_t k = 0; k < n; k++)
			nn_input(p->cpu, i)[k] = nn_input(p->device, i)[k] = (float)rng_normal(&r);
	}
	p->n_out = BATCH * (size_t)NET_SIZE(&p->net->tensor[p->net->output]);
	p->label = malloc(p->n_out * sizeof *p->label);
	for (size_t k = 0; k < p->n_out; k++)
		p->label[k] = (float)rng_normal(&r);
	for (int i = 0; i < BATCH; i++)
		p->weight[i] = 0.5F + (float)i;
}

static void close_pair(struct pair *p)
{
	nn_free(p->cpu);
	nn_free(p->device);
	net_free(p->net);
	free(p->label);
}

/* Largest difference over the largest value. */
static double apart(const float *a, const float *b, size_t n)
{
	double most = 0, worst = 0;

	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fabs((double)b[i]));
		worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
		if (!(fabs((double)a[i]) < INFINITY))
			return INFINITY;
	}
	return worst / most;
}

static void check(const char *text, enum nn_precision precision, double forward, double backward)
{
	struct pair p;
	double loss[2];

	open_pair(&p, text, precision);
	assert_int_equal(nn_forward(p.cpu), PRECESS_OK);
	assert_int_equal(nn_forward(p.device), PRECESS_OK);
	double error = apart(nn_output(p.device), nn_output(p.cpu), p.n_out);
	print_message("output %.1e", error);
	forward *= DEVICE_FACTOR;
	backward *= DEVICE_FACTOR;
	assert_true(error < forward);
	assert_int_equal(nn_loss_backward(&loss[0], p.cpu, p.label, p.weight), PRECESS_OK);
	assert_int_equal(nn_loss_backward(&loss[1], p.device, p.label, p.weight), PRECESS_OK);
	assert_true(fabs(loss[1] - loss[0]) < forward * loss[0]);
	error = 0;
	for (uint32_t i = 0; i < p.net->n_weight; i++) {
		const struct net_weight *w = &p.net->weight[i];

		error = fmax(error, apart(nn_gradients(p.device) + w->first,
					  nn_gradients(p.cpu) + w->first, w->n));
	}
	print_message(", gradients %.1e of each weight's largest\n", error);
	assert_true(error < backward);
	close_pair(&p);
}

static void layers_agree(void **state)
{
	(void)state;
	check(everything, NN_F32, 2e-6, 2e-5);
#ifdef ON_DEVICE
	check(everything, NN_TF32, 2e-3, 2e-2);
#else
	check(everything, NN_TF32, 2e-6, 2e-5); /* the plain kernels do not round */
#endif
}

/* Activations have 8 bits of mantissa: 4e-3 each; the L1 loss's gradient jumps where a difference
 * changes its sign, so an L2 loss. */
static void layers_agree_in_bf16(void **state)
{
	char text[sizeof everything];

	(void)state;
	memcpy(text, everything, sizeof text);
	memcpy(strstr(text, "loss l1"), "loss l2", 7);
	check(text, NN_BF16, 2e-2, 5e-2);
}

static void simunet_agrees(void **state)
{
	struct net_template t;
	const struct net_param param[] = { { "TE", 0, 1 }, { "ESP", 0, 1 } };
	const struct net_channel map[] = { { .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_M0, .scale = 1, .sub = 1 },
					   { .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_T2, .scale = 1, .sub = 1 } };
	const struct net_interface in = { .name = "small", .matrix = { 16, 16 }, .param = param, .n_param = 2,
					  .channel = map, .n_channel = 2 };
	struct net *net;
	struct text text;

	(void)state;
	assert_int_equal(net_template_parse(&t, "name small\nwidth 4\nlevels 3\nhidden 16\nderived no\n", "t"),
			 PRECESS_OK);
	assert_int_equal(net_build_simunet(&net, &t, &in), PRECESS_OK);
	text_init(&text);
	net_print(&text, net);
	check(text.data, NN_F32, 5e-6, 1e-4);
	text_free(&text);
	net_free(net);
}

/* Adam on the device, the weights fetched at the end, against Adam here. */
static void training_agrees(void **state)
{
	struct train_adam *a[2];
	struct pair p;
	double loss[2];

	(void)state;
	open_pair(&p, everything, NN_F32);
	for (int i = 0; i < 2; i++)
		assert_int_equal(train_adam_create(&a[i], p.net->n_number, 0.9, 0.99), PRECESS_OK);
	for (size_t i = 0; i < p.net->n_number; i++) {
		a[0]->m[i] = a[1]->m[i] = 1e-3F;
		a[0]->v[i] = a[1]->v[i] = 1e-3F; /* far from 0, where a step's sign is a coin's */
	}
	assert_int_equal(nn_remote_set_moments(p.device, a[1]->m, a[1]->v), PRECESS_OK);
	for (int step = 0; step < 5; step++) {
		assert_int_equal(nn_forward(p.cpu), PRECESS_OK);
		assert_int_equal(nn_loss_backward(&loss[0], p.cpu, p.label, p.weight), PRECESS_OK);
		train_adam_step(a[0], nn_parameters(p.cpu), nn_gradients(p.cpu), 1e-2, 1);
		struct network_adam f = train_adam_next(a[1], 1e-2);
		assert_int_equal(nn_remote_step(&loss[1], p.device, p.label, p.weight, &f), PRECESS_OK);
		assert_true(fabs(loss[1] - loss[0]) < 1e-4 * loss[0]);
	}
	assert_int_equal(nn_remote_get_moments(a[1]->m, a[1]->v, p.device), PRECESS_OK);
	assert_true(apart(a[1]->m, a[0]->m, p.net->n_number) < 1e-3);
	assert_true(apart(nn_parameters(p.device), nn_parameters(p.cpu), p.net->n_number) < 1e-4);
	/* and what the next forward pass uses are those weights */
	assert_int_equal(nn_forward(p.cpu), PRECESS_OK);
	assert_int_equal(nn_forward(p.device), PRECESS_OK);
	assert_true(apart(nn_output(p.device), nn_output(p.cpu), p.n_out) < 1e-4);
	for (int i = 0; i < 2; i++)
		train_adam_free(a[i]);
	close_pair(&p);
}

#ifndef ON_DEVICE
static precess_status try_device(const char *device)
{
	struct nn_options o = { .batch = 1, .threads = 1, .device = device };
	struct net *net;
	struct nn *nn = NULL;

	assert_int_equal(net_parse(&net, everything, "test"), PRECESS_OK);
	precess_status st = nn_create(&nn, net, &o);
	if (!st)
		assert_false(nn_is_remote(nn));
	nn_free(nn);
	net_free(net);
	return st;
}

static void absent_devices_are_told(void **state)
{
	(void)state;
	setenv("PRECESS_BACKEND_PATH", "/nonexistent", 1);
	assert_int_equal(try_device(NULL), PRECESS_OK);
	assert_int_equal(try_device("cpu"), PRECESS_OK);
	assert_int_equal(try_device("auto"), PRECESS_OK);
	assert_int_equal(try_device("cuda"), PRECESS_EDEVICE);
	assert_non_null(strstr(precess_error(), "PRECESS_BACKEND_PATH"));
	assert_int_equal(try_device("cuda:x"), PRECESS_EINVAL);
	assert_int_equal(try_device("tpu"), PRECESS_EINVAL);
	nn_device_register(precess_network());
	assert_int_equal(try_device("cuda:9"), PRECESS_EDEVICE);
	assert_non_null(strstr(precess_error(), "there is 1 of them"));
	nn_device_register(NULL);
}
#else
static bool is_there(void)
{
	struct nn_options o = { .batch = 1, .threads = 1, .device = "cuda" };
	struct net *net;
	struct nn *nn = NULL;
	bool there = !net_parse(&net, everything, "test") && !nn_create(&nn, net, &o);

	if (!there)
		print_message("skipped: %s\n", precess_error());
	nn_free(nn);
	net_free(net);
	return there;
}
#endif

int main(void)
{
#ifdef ON_DEVICE
	if (!is_there())
		return 77;
#endif
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_agree),
		cmocka_unit_test(layers_agree_in_bf16),
		cmocka_unit_test(simunet_agrees),
		cmocka_unit_test(training_agrees),
#ifndef ON_DEVICE
		cmocka_unit_test(absent_devices_are_told),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
