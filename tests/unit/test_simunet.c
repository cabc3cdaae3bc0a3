/* From sequences to networks: the paper's sizes, derived inputs, other parameters and maps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/compile_file.h"

static const char *const three[] = { "sequences/fse.seq", "sequences/gre_epi.seq",
				     "sequences/moled.seq" };

static struct net *build(const struct program *p, const char *template)
{
	struct net_template t;
	struct net *net;
	char *text;

	assert_int_equal(file_read(&text, NULL, template, 1 << 20), 0);
	assert_int_equal(net_template_parse(&t, text, template), 0);
	free(text);
	if (lower_network(&net, p, &t))
		fail_msg("%s", precess_error());
	return net;
}

static int outputs(const struct net *net, const char *tensor)
{
	int i = net_find(net, tensor);

	assert_true(i >= 0);
	return net->tensor[i].channels;
}

static uint32_t channels_of(const struct net *net, enum net_channel_kind kind)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < net->input[0].n_channel; c++)
		n += net->input[0].channel[c].kind == kind;
	return n;
}

/* 3 maps + 2 = 5 inputs; 5 * 16 + 16 + 16 * 16 + 16 = 368, four times that is 1472. */
static void paper(void **state)
{
	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(three); i++) {
		struct program *p = compile_program(three[i], NULL);
		struct net *net = build(p, "models/simunet_paper.net");

		assert_int_equal(net->input[0].n_channel, 5);
		assert_int_equal(net->n_wave, 0);
		assert_int_equal(net->n_op, 0);
		assert_int_equal(net->n_param, p->n_param);
		assert_int_equal(outputs(net, "mlp1"), 1472);
		assert_int_equal(outputs(net, "mlp2"), 1472);
		assert_int_equal(outputs(net, "mlp3"), 368);
		assert_int_equal(net->tensor[net->output].channels, 2);
		assert_int_equal(net->tensor[net->output].width, 128);
		net_free(net);
		program_free(p);
	}
}

static void derived(void **state)
{
	/* the base's two, and where it bends the shift */
	static const uint32_t waves[] = { 0, 0, 14 }, extras[] = { 2, 3, 2 };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(three); i++) {
		struct program *p = compile_program(three[i], NULL);
		struct net *net = build(p, "models/simunet.net");

		assert_int_equal(net->n_wave, waves[i]);
		assert_int_equal(channels_of(net, NET_CHANNEL_WAVE), 2 * waves[i]);
		assert_int_equal(channels_of(net, NET_CHANNEL_EXTRA), extras[i]);
		assert_int_equal(outputs(net, "heads"), 2 * (waves[i] + 1 + 1));
		assert_true(net_find(net, "base") >= 0);
		net_free(net);
		program_free(p);
	}
}

/* A wave's k is the program's, through the operations that were copied. */
static void waves_follow_parameters(void **state)
{
	struct program *p = compile_program("sequences/moled.seq", NULL);
	struct net *net = build(p, "models/simunet.net");
	double *param = malloc(p->n_param * sizeof *param);
	double *slot = malloc(p->n_op * sizeof *slot), *mine = malloc(net->n_op * sizeof *mine);

	(void)state;
	assert_true(net->n_op < p->n_op / 4);
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < p->n_param; i++)
			param[i] = side ? p->param[i].hi : p->param[i].lo;
		program_evaluate(slot, p, param);
		net_evaluate(mine, net, param);
		for (uint32_t i = 0; i < net->n_wave; i++) {
			for (int a = 0; a < 2; a++)
				assert_true(mine[net->wave[i].k[a]] == slot[p->pathway[i].k[a]]);
		}
	}
	free(param);
	free(slot);
	free(mine);
	net_free(net);
	program_free(p);
}

/* Seven parameters, two maps, another matrix: sizes follow. */
static void another_sequence(void **state)
{
	static const char text[] =
		"seq 1\n"
		"sequence seven\n"
		"import std.epi (epi_train)\n"
		"param TE : time in 20ms .. 30ms = 25ms\n"
		"param FA : angle in 20deg .. 90deg = 60deg\n"
		"param a : number[5] in 0.9 .. 1.1 = 1\n"
		"map T2 : time in 0ms .. 650ms\n"
		"map M0 : number in 0 .. 1\n"
		"geometry fov = [200mm, 200mm], matrix = [32, 48]\n"
		"system = ideal\n"
		"reset\n"
		"play e = hard(FA * a[0] * a[1] * a[2] * a[3] * a[4], 100us, use = excitation)\n"
		"play epi_train(esp = 0.5ms) with k0 at e.center + TE\n";
	struct program *p = compile_program("seven.seq", text);
	struct net *net = build(p, "models/simunet_paper.net");

	(void)state;
	assert_int_equal(net->n_param, 7);
	assert_int_equal(net->input[0].n_channel, 4);
	assert_int_equal(outputs(net, "mlp3"), 4 * 16 + 16 + 272);
	assert_int_equal(net->matrix[0], 32);
	assert_int_equal(net->matrix[1], 48);
	net_free(net);
	net = build(p, "models/simunet.net");
	assert_int_equal(net->n_wave, 0);
	assert_int_equal(channels_of(net, NET_CHANNEL_MAP), 8); /* two maps, 2 x 2 sub-pixels */
	net_free(net);
	program_free(p);
}

static void refused(void **state)
{
	static const char text[] = "seq 1\nsequence bare\nmap M0 : number = 1\n"
				   "geometry fov = [200mm, 200mm], matrix = [32, 32]\n"
				   "system = ideal\nreset\nplay hard(90deg, 100us)\n"
				   "play adc(8, dwell = 10us)\n";
	struct program *p = compile_program("bare.seq", text);
	struct net_template t;
	struct net *net;

	(void)state;
	assert_int_equal(net_template_parse(&t, "name x\n", "x"), 0);
	assert_int_equal(lower_network(&net, p, &t), PRECESS_ENOTSUP);
	assert_non_null(strstr(precess_error(), "no map with a range"));
	program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paper),
		cmocka_unit_test(derived),
		cmocka_unit_test(waves_follow_parameters),
		cmocka_unit_test(another_sequence),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
