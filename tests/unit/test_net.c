/* runtime/program/net.h: shapes, counts, the text form, templates; and nn_fill. */
#include "runtime/nn/nn.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The paper's sequences: three maps, two (MOLED: nine) parameters. */
static struct net *paper(int n_param, int n_map)
{
	static const struct net_param param[] = {
		{ "te", 0.04, 0.08 }, { "esp", 0.000375, 0.00055 },
		{ "a", 0, 1 },        { "b", 0, 1 },
		{ "c", 0, 1 },        { "d", 0, 1 },
		{ "e", 0, 1 },        { "f", 0, 1 },
		{ "g", 0, 1 },
	};
	static const struct net_channel map[] = {
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_T2, .scale = 0.325 },
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_M0, .scale = 1 },
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_B1, .offset = 1, .scale = 0.3 },
	};
	struct net_interface in = { .name = "gre_epi",
				    .matrix = { 128, 128 },
				    .param = param,
				    .n_param = (uint32_t)n_param,
				    .channel = map,
				    .n_channel = (uint32_t)n_map };
	struct net_template t;
	struct net *net;
	char *text;
	size_t n;

	assert_int_equal(file_read(&text, &n, "models/simunet_paper.net", 1 << 16), PRECESS_OK);
	assert_int_equal(net_template_parse(&t, text, "models/simunet_paper.net"), PRECESS_OK);
	assert_int_equal(net_build_simunet(&net, &t, &in), PRECESS_OK);
	free(text);
	return net;
}

static const struct net_tensor *tensor(const struct net *net, const char *name)
{
	int i = net_find(net, name);

	assert_true(i >= 0);
	return &net->tensor[i];
}

/* 5 channels: (5 * 16 + 16) + (16 * 16 + 16) = 368 and 4 * 368 = 1472; 37 M weights, 33.0 GFLOP. */
static void paper_sizes(void **state)
{
	struct net *net = paper(2, 3);

	(void)state;
	assert_int_equal(tensor(net, "image")->channels, 5);
	assert_int_equal(tensor(net, "mlp3")->channels, 368);
	assert_int_equal(tensor(net, "mlp1")->channels, 1472);
	assert_int_equal(tensor(net, "mlp2")->channels, 1472);
	assert_int_equal(tensor(net, "enc5b")->channels, 1024);
	assert_int_equal(tensor(net, "enc5b")->height, 8);
	assert_int_equal(net->tensor[net->output].channels, 2);
	assert_float_equal(1e-6 * (double)net->n_number, 37.2, 0.1);
	assert_float_equal(1e-9 * net_flops(net), 33.0, 0.1);
	net_free(net);
}

static void other_sizes_just_work(void **state)
{
	struct net *net = paper(7, 2);

	(void)state;
	assert_int_equal(tensor(net, "mlp3")->channels, 4 * 16 + 16 + 16 * 16 + 16);
	assert_int_equal(tensor(net, "mlp1")->channels, 4 * 352);
	net_free(net);
	net = paper(0,
		    2); /* nothing to condition on: no perceptron, maps straight into the U-Net */
	assert_int_equal(net_find(net, "mlp1"), -1);
	net_free(net);
}

static void shipped_templates(void **state)
{
	static const char *const names[] = { "simunet", "simunet_paper", "t2map" };
	static const char *const channels[] = { "re", "im" };
	struct net_template t;
	struct net *net;
	char path[64], *text;
	size_t n;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(names); i++) {
		snprintf(path, sizeof path, "models/%s.net", names[i]);
		assert_int_equal(file_read(&text, &n, path, 1 << 16), PRECESS_OK);
		if (net_template_parse(&t, text, path))
			fail_msg("%s", precess_error());
		assert_string_equal(t.name, names[i]);
		free(text);
	}
	assert_int_equal(t.kind, NET_UNET);
	assert_int_equal(t.target, PROGRAM_MAP_T2);
	t.width = 64; /* the paper's */
	assert_int_equal(net_build_unet(&net, &t, 256, 256, channels, 2, 1), PRECESS_OK);
	assert_float_equal(1e-9 * net_flops(net), 131, 1);
	assert_float_equal(1e-6 * (double)net->n_number, 34.5, 0.1);
	net_free(net);
}

static void template_errors(void **state)
{
	static const char *const bad[][2] = {
		{ "name a\nwidht 8\n", "t:2: unknown key 'widht'" },
		{ "name a\nwidth 8\nwidth 8\n", "t:3: 'width' is given twice" },
		{ "name a\nwidth 0\n", "t:2: no value for width: '0'" },
		{ "name a\nwidth 8.5\n", "t:2: no value for width: '8.5'" },
		{ "name a\nwidth\n", "t:2: no value for width: ''" },
		{ "name a\nloss l3\n", "t:2: no value for loss: 'l3'" },
		{ "name a\nhidden 3n\n", "t:2: no value for hidden: '3n'" },
		{ "name a\ndynamic 1 2 3 4 5\n", "t:2: no value for dynamic: '1'" },
		{ "name a\ntarget T3\n", "t:2: no value for target: 'T3'" },
		{ "name a\nkind unet\n",
		  "t: a network of the kind unet has a target, and no other" },
		{ "name a\ntarget T2\n",
		  "t: a network of the kind unet has a target, and no other" },
		{ "# nothing\n", "t: a template needs a name" },
	};
	struct net_template t;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(bad); i++) {
		assert_int_equal(net_template_parse(&t, bad[i][0], "t"), PRECESS_EINVAL);
		assert_string_equal(precess_error(), bad[i][1]);
	}
}

/* --- text --- */

static const char everything[] = "net all\n"
				 "matrix 16 8\n"
				 "param esp 0.000375 0.00054\n"
				 "param sg -0.05 0.05\n"
				 "slot param sg\n"
				 "slot const 18\n"
				 "slot scale_add 2.5 $0 $1\n"
				 "slot mul $2 $1\n"
				 "slot neg $0\n"
				 "wave echo1 $2 $3\n"
				 "input image\n"
				 "channel position 4 re\n"
				 "channel position 4 im\n"
				 "channel map T2 offset 0 scale 0.325 sub 2 1 0\n"
				 "channel map B1 offset 1 scale 0.3\n"
				 "channel wave echo1 cos\n"
				 "channel wave echo1 sin\n"
				 "channel extra push\n"
				 "input params\n"
				 "channel param esp\n"
				 "channel param sg scale 0\n"
				 "input waves\n"
				 "channel wave echo1 cos\n"
				 "channel wave echo1 sin\n"
				 "layer linear w from params filters 40 gain 0.1 spread 0.25\n"
				 "layer dynconv d from image w filters 4 first 8 relu\n"
				 "layer conv2d a from d filters 8 kernel 3 relu\n"
				 "layer maxpool2 p from a\n"
				 "layer upsample2 u from p\n"
				 "layer concat c from a u d\n"
				 "layer relu r from c\n"
				 "layer conv2d h from r filters 4\n"
				 "layer modulate m from h waves\n"
				 "layer modulate n from h waves\n"
				 "layer add s from m n\n"
				 "output s loss l2\n";

static struct net *parse(const char *text)
{
	struct net *net;

	if (net_parse(&net, text, "t"))
		fail_msg("%s", precess_error());
	return net;
}

/* Text without the line that begins with `start`. */
static char *without(const char *text, const char *start)
{
	char *copy = strdup(text), *at = strstr(copy, start), *end;

	assert_non_null(at);
	end = strchr(at, '\n') + 1;
	memmove(at, end, strlen(end) + 1);
	return copy;
}

static void text_round_trip(void **state)
{
	char *text = without(everything, "slot neg"); /* no such operation; for the errors below */
	struct net *net = parse(text), *big = paper(2, 3), *again;
	struct text a, b;

	(void)state;
	text_init(&a);
	text_init(&b);
	net_print(&a, net);
	assert_string_equal(a.data, text);
	net_print(&b, big);
	again = parse(b.data);
	a.n = 0;
	net_print(&a, again);
	assert_string_equal(a.data, b.data);
	assert_int_equal(again->n_number, big->n_number);
	net_free(net);
	net_free(big);
	net_free(again);
	text_free(&a);
	text_free(&b);
	free(text);
}

static void text_errors(void **state)
{
	static const struct {
		const char *from, *to, *error;
	} bad[] = {
		{ "slot neg $0\n", "slot neg $0\n", "t:9: unknown operation 'neg'" },
		{ "slot neg $0\n", "slot mul $0 $9\n", "t:9: no such slot: '$9'" },
		{ "matrix 16 8", "matrix 16 x", "t:2: not a number: 'x'" },
		{ "matrix 16 8", "matrix 16 7",
		  "net all: layer p: maxpool2 needs an even height and width" },
		{ "channel wave echo1 cos\nchannel wave echo1 sin\nlayer",
		  "channel param esp\nlayer",
		  "net all: layer m: modulate needs pairs (re, im) of channels, no more waves than "
		  "heads" },
		{ "from d filters 8", "from dd filters 8",
		  "t:26: unknown tensor or attribute 'dd'" },
		{ "conv2d a", "conv3d a", "t:26: unknown layer 'conv3d'" },
		{ "first 8", "first 9",
		  "net all: layer d: dynconv needs a second input that holds filters * (channels + "
		  "1) "
		  "numbers from `first` on" },
		{ "kernel 3", "kernel 2",
		  "net all: layer a: conv2d needs filters > 0 and a kernel of 1 or 3" },
		{ "layer add s from m n", "layer add s from m",
		  "net all: layer s: add takes 2 to 2 inputs, not 1" },
		{ "channel param sg scale 0", "channel extra sg",
		  "net all: input params mixes parameters and images" },
		{ "layer relu r from c", "layer relu m from c",
		  "t:31: unknown tensor or attribute 'r'" },
		{ "filters 40", "filters 4000000000", "t:24: not an integer: '4000000000'" },
		{ "filters 40", "filters 999999999",
		  "net all: layer w: too many weights (limit 1e+09)" },
		{ "net all\n", "nett all\n", "t:1: a net begins with 'net NAME', not 'nett'" },
	};
	struct net *net;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(bad); i++) {
		char *base = i < 2 ? strdup(everything) : without(everything, "slot neg"), *at;
		struct text t;

		text_init(&t);
		at = strstr(base, bad[i].from);
		assert_non_null(at);
		text_printf(&t, "%.*s%s%s", (int)(at - base), base, bad[i].to,
			    at + strlen(bad[i].from));
		assert_int_equal(net_parse(&net, t.data, "t"), PRECESS_EINVAL);
		assert_null(net);
		assert_string_equal(precess_error(), bad[i].error);
		text_free(&t);
		free(base);
	}
	assert_int_equal(net_parse(&net, "", "t"), PRECESS_EINVAL);
}

/* Cut anywhere, a text is refused or is a shorter net, and nothing crashes. */
static void truncated_text(void **state)
{
	char *text = without(everything, "slot neg");
	struct net *net;

	(void)state;
	for (size_t n = strlen(text); n-- > 0;) {
		text[n] = '\0';
		if (net_parse(&net, text, "t") == PRECESS_OK)
			net_free(net);
	}
	free(text);
}

/* --- filling --- */

static void fill(void **state)
{
	char *text = without(everything, "slot neg");
	struct net *net = parse(text);
	struct nn_options o = { .batch = 2, .threads = 1 };
	float t2[32 * 16], b1[32 * 16], m0[32 * 16], push[16 * 8];
	const float *extra[] = { push };
	double param[] = { 0.00054, 0.01 }, k[2];
	struct nn_sample s = { .param = param, .sub = 2, .extra = extra };
	const float *image, *params;
	struct nn *nn;

	(void)state;
	assert_int_equal(nn_create(&nn, net, &o), PRECESS_OK);
	for (int i = 0; i < 32 * 16; i++) {
		t2[i] = (float)i;
		b1[i] = i % 2 ? 1.3F : 1.0F;
		m0[i] = 1;
	}
	for (int i = 0; i < 16 * 8; i++)
		push[i] = (float)-i;
	s.map[PROGRAM_MAP_T2] = t2;
	s.map[PROGRAM_MAP_B1] = b1;
	assert_int_equal(nn_fill(nn, 1, &s), PRECESS_OK);
	s.map[PROGRAM_MAP_M0] = m0;
	assert_int_equal(nn_fill(nn, 1, &s), PRECESS_OK);
	image = nn_input(nn, 0) + 7 * 128;     /* sample 1: planes of 8 x 16 */
	assert_float_equal(image[0], 1, 1e-6); /* cos(-4 pi) cos(-4 pi) */
	assert_float_equal(image[1], 0, 1e-6); /* a quarter wave on */
	assert_float_equal(image[128 + 2], -1, 1e-6);
	assert_float_equal(image[2 * 128 + 16 * 3 + 5], (7 * 32 + 10) / 0.325,
			   1e-3);                          /* sub (1, 0) */
	assert_float_equal(image[3 * 128 + 9], 0.5, 1e-5); /* mean B1 1.15 */
	k[0] = 2.5 * 0.01 + 18;
	k[1] = k[0] * 18;
	for (int y = 0; y < 8; y++) {
		for (int x = 0; x < 16; x++) {
			double a = 2 * M_PI *
				   (k[0] * ((x + 0.5) / 16 - 0.5) + k[1] * ((y + 0.5) / 8 - 0.5));

			assert_float_equal(image[4 * 128 + y * 16 + x], cos(a), 1e-5);
			assert_float_equal(image[5 * 128 + y * 16 + x], sin(a), 1e-5);
		}
	}
	assert_float_equal(image[6 * 128 + 77], -77, 0);
	params = nn_input(nn, 1) + 2;
	assert_float_equal(params[0], 1, 1e-6);
	assert_float_equal(params[1], 0, 0); /* scale 0 */
	s.map[PROGRAM_MAP_B1] = NULL;
	assert_int_equal(nn_fill(nn, 0, &s), PRECESS_EINVAL);
	assert_string_equal(precess_error(), "the sample has no map B1");
	nn_free(nn);
	net_free(net);
	free(text);
}

static void relaxation_times_weigh_with_m0(void **state)
{
	struct net *net = parse("net n\nmatrix 1 1\ninput i\nchannel map T2 offset 0 scale 1\n"
				"channel map dB0 offset 0 scale 150\nlayer relu y from i\n"
				"output y loss l1\n");
	struct nn_options o = { .batch = 1, .threads = 1 };
	float t2[4] = { 0.1F, 0.3F, 0, 0 }, m0[4] = { 1, 3, 0, 0 }, db0[4] = { 150, 0, 0, 0 };
	struct nn_sample s = { .sub = 2 };
	struct nn *nn;

	(void)state;
	s.map[PROGRAM_MAP_T2] = t2;
	s.map[PROGRAM_MAP_M0] = m0;
	s.map[PROGRAM_MAP_dB0] = db0;
	assert_int_equal(nn_create(&nn, net, &o), PRECESS_OK);
	assert_int_equal(nn_fill(nn, 0, &s), PRECESS_OK);
	assert_float_equal(nn_input(nn, 0)[0], 0.25, 1e-6);
	assert_float_equal(nn_input(nn, 0)[1], 0.25, 1e-6);
	nn_free(nn);
	net_free(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paper_sizes),
		cmocka_unit_test(other_sizes_just_work),
		cmocka_unit_test(shipped_templates),
		cmocka_unit_test(template_errors),
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(text_errors),
		cmocka_unit_test(truncated_text),
		cmocka_unit_test(fill),
		cmocka_unit_test(relaxation_times_weigh_with_m0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
