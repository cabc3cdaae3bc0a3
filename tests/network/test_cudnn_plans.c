/* cuDNN accepts every convolution of every shipped network, and of the templates at their full width,
 * forwards and backwards, on four generations of devices, none of which has to be there. It proves
 * neither speed nor results. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/cudnn/convolution.h"
#include "runtime/train/train.h"

static const struct card {
	const char *name;
	int version, processors, shared_kib, l2_mib, threads;
} cards[] = {
	{ "RTX 2080 Ti", 750, 68, 64, 6, 1024 },
	{ "A100", 800, 108, 163, 40, 2048 },
	{ "H200", 900, 132, 227, 50, 2048 },
	{ "RTX 5090", 1200, 170, 99, 96, 1536 },
};

static void describe(char *out, size_t size, const struct card *c)
{
	snprintf(out, size,
		 "{\"deviceVer\":%d,\"multiProcessorCount\":%d,\"warpSize\":32,"
		 "\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":%d,"
		 "\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,"
		 "\"maxCtasPerSM\":16,\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":%d,"
		 "\"regsPerBlock\":65536,\"totalGlobalMem\":11000000000,\"smClockRateKHz\":1500000,"
		 "\"l2CacheSize\":%d,\"maxBlockSize\":[1024,1024,64],\"memClockRateKHz\":7000000,"
		 "\"maxGridSize\":[2147483647,65535,65535],\"supportCoopLaunch\":1,"
		 "\"pciDeviceId\":0,\"isTccDriver\":0,\"cudaDeviceId\":0,\"driverVer\":13000,"
		 "\"deviceName\":\"%s\"}",
		 c->version, c->processors, c->shared_kib * 1024, c->threads, c->l2_mib << 20, c->name);
}

struct tally {
	int convolutions, plain, unfused;
};

/* No bf16 before sm_80: the plain kernels would do it. */
static bool expected(const struct card *c, enum network_precision p)
{
	return p == NETWORK_F32 || c->version >= 800;
}

static void plan_net(struct tally *t, struct cudnn *library, const struct card *card,
		     const struct net *net, enum network_precision precision, int batch)
{
	for (uint32_t i = 0; i < net->n_layer; i++) {
		const struct net_layer *l = &net->layer[i];
		const struct net_tensor *in = &net->tensor[l->input[0]], *out = &net->tensor[l->output];
		struct convolution_shape s = { .batch = batch, .in = in->channels, .out = out->channels,
					       .height = out->height, .width = out->width,
					       .kernel = l->kernel, .precision = precision,
					       .relu = l->relu, .training = true, .wants_dx = true };
		struct convolution *v;
		int engines[3];

		if (l->kind != NET_conv2d)
			continue;
		t->convolutions++;
		precess_status st = convolution_create(&v, library, &s);
		if (st == PRECESS_ENOTSUP) {
			t->plain++;
			if (expected(card, precision))
				print_message("%s, %s, layer %s: %s\n", card->name, net->name, out->name,
					      precess_error());
			continue;
		}
		assert_int_equal(st, PRECESS_OK);
		convolution_engines(engines, v);
		assert_true(engines[0] > 0 && engines[1] > 0 && engines[2] > 0);
		t->unfused += !convolution_is_fused(v);
		convolution_destroy(v);
	}
}

static struct net *full_width(const char *text)
{
	const struct net_param param[] = { { "TE", 0, 1 }, { "ESP", 0, 1 } };
	const struct net_channel map[] = { { .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_M0, .scale = 1, .sub = 1 },
					   { .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_T2, .scale = 1, .sub = 1 } };
	const struct net_interface in = { .name = "width64", .matrix = { 128, 128 }, .param = param,
					  .n_param = 2, .channel = map, .n_channel = 2 };
	struct net_template t;
	struct net *net;

	assert_int_equal(net_template_parse(&t, text, "t"), PRECESS_OK);
	assert_int_equal(net_build_simunet(&net, &t, &in), PRECESS_OK);
	return net;
}

static void every_card(const struct net *net, int batch)
{
	static const enum network_precision precisions[] = { NETWORK_F32, NETWORK_TF32, NETWORK_BF16 };
	static const char *const names[] = { "f32", "tf32", "bf16" };
	char text[2048];

	for (size_t c = 0; c < PRECESS_COUNT(cards); c++)
		for (size_t p = 0; p < PRECESS_COUNT(precisions); p++) {
			struct tally t = { 0 };
			struct cudnn *library;

			describe(text, sizeof text, &cards[c]);
			assert_int_equal(cudnn_open(&library, text), PRECESS_OK);
			plan_net(&t, library, &cards[c], net, precisions[p], batch);
			cudnn_close(library);
			print_message("%-12s %-8s %-4s %2d convolutions, %d with plain kernels, %d "
				      "with bias and relu apart\n", cards[c].name, net->name, names[p],
				      t.convolutions, t.plain, t.unfused);
			assert_true(t.convolutions > 0);
			if (expected(&cards[c], precisions[p]))
				assert_int_equal(t.plain, 0);
		}
}

static void shipped_models(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("models/*.h5", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct train_model *m;

		assert_int_equal(train_model_read(&m, found.gl_pathv[i], NULL), PRECESS_OK);
		every_card(m->net, 4);
		train_model_free(m);
	}
	globfree(&found);
}

static void full_widths(void **state)
{
	struct net *net = full_width("name width64\nwidth 64\nderived no\n");

	(void)state;
	every_card(net, 1);
	every_card(net, 4);
	net_free(net);
}

static void a_broken_description_is_refused(void **state)
{
	struct cudnn *library;

	(void)state;
	assert_int_not_equal(cudnn_open(&library, "{ no json"), PRECESS_OK);
	assert_null(library);
	assert_non_null(strstr(precess_error(), "cuDNN"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_models),
		cmocka_unit_test(full_widths),
		cmocka_unit_test(a_broken_description_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
