/* Every layer of layers.def, forwards and backwards, against a naive reference in double written
 * here, and its gradients against finite differences of that reference; then whole networks.
 *
 * Tolerances are relative to the largest number of the array. float: sums of up to a few thousand
 * products, 24 bits each: 2e-5; Winograd F(4x4, 3x3) loses another digit in its transforms: 3e-4.
 * bf16 rounds every activation to 8 bits, 2^-9 each: 3e-2 for one layer. Central differences of a
 * piecewise quadratic are exact but for rounding, 1e-16 / 1e-6. */
#include "runtime/nn/nn.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the reference: one sample, plain (c, y, x), double --- */

struct sizes {
	int c, h, w;
};
typedef void reference(double *y, const struct net_layer *l, struct sizes out,
		       const double *const *x, const struct sizes *in, const double *w,
		       const double *b);

static size_t count(struct sizes s)
{
	return (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

static double *pixel(const double *x, struct sizes s, int c, int y, int xx)
{
	return (double *)(uintptr_t)x + ((size_t)c * (size_t)s.h + (size_t)y) * (size_t)s.w +
	       (size_t)xx;
}

static double rectify(const struct net_layer *l, double v)
{
	return l->relu && v < 0 ? 0 : v;
}

static void ref_conv2d(double *y, const struct net_layer *l, struct sizes out,
		       const double *const *x, const struct sizes *in, const double *w,
		       const double *b)
{
	int k = l->kernel, r = k / 2;

	for (int f = 0; f < out.c; f++) {
		double *plane = pixel(y, out, f, 0, 0);

		for (int i = 0; i < out.h * out.w; i++)
			plane[i] = b[f];
		for (int j = 0; j < in->c * k * k; j++) {
			int c = j / (k * k), dy = j / k % k - r, dx = j % k - r;
			double weight = w[f * in->c * k * k + j];

			for (int py = dy < 0 ? -dy : 0; py < out.h && py + dy < in->h; py++) {
				const double *row = pixel(x[0], *in, c, py + dy, 0);

				for (int px = dx < 0 ? -dx : 0; px < out.w && px + dx < in->w; px++)
					plane[py * out.w + px] += weight * row[px + dx];
			}
		}
		for (int i = 0; i < out.h * out.w; i++)
			plane[i] = rectify(l, plane[i]);
	}
}

static void ref_dynconv(double *y, const struct net_layer *l, struct sizes out,
			const double *const *x, const struct sizes *in, const double *w,
			const double *b)
{
	const double *weight = x[1] + l->first, *bias = weight + out.c * in->c;

	(void)w, (void)b;
	for (int f = 0; f < out.c; f++) {
		for (int i = 0; i < out.h * out.w; i++) {
			double v = bias[f];

			for (int c = 0; c < in->c; c++)
				v += weight[f * in->c + c] * x[0][c * out.h * out.w + i];
			y[f * out.h * out.w + i] = rectify(l, v);
		}
	}
}

static void ref_linear(double *y, const struct net_layer *l, struct sizes out,
		       const double *const *x, const struct sizes *in, const double *w,
		       const double *b)
{
	for (int f = 0; f < out.c; f++) {
		double v = b[f];

		for (size_t i = 0; i < count(*in); i++)
			v += w[(size_t)f * count(*in) + i] * x[0][i];
		y[f] = rectify(l, v);
	}
}

static void ref_relu(double *y, const struct net_layer *l, struct sizes out, const double *const *x,
		     const struct sizes *in, const double *w, const double *b)
{
	(void)l, (void)in, (void)w, (void)b;
	for (size_t i = 0; i < count(out); i++)
		y[i] = x[0][i] > 0 ? x[0][i] : 0;
}

static void ref_maxpool2(double *y, const struct net_layer *l, struct sizes out,
			 const double *const *x, const struct sizes *in, const double *w,
			 const double *b)
{
	(void)l, (void)w, (void)b;
	for (size_t i = 0; i < count(out); i++) {
		int c = (int)i / (out.h * out.w), py = (int)i / out.w % out.h, px = (int)i % out.w;

		y[i] = -INFINITY;
		for (int k = 0; k < 4; k++)
			y[i] = fmax(y[i], *pixel(x[0], *in, c, 2 * py + k / 2, 2 * px + k % 2));
	}
}

static void ref_upsample2(double *y, const struct net_layer *l, struct sizes out,
			  const double *const *x, const struct sizes *in, const double *w,
			  const double *b)
{
	(void)l, (void)w, (void)b;
	for (size_t i = 0; i < count(out); i++) {
		int c = (int)i / (out.h * out.w), py = (int)i / out.w % out.h, px = (int)i % out.w;

		y[i] = *pixel(x[0], *in, c, py / 2, px / 2);
	}
}

static void ref_concat(double *y, const struct net_layer *l, struct sizes out,
		       const double *const *x, const struct sizes *in, const double *w,
		       const double *b)
{
	(void)out, (void)w, (void)b;
	for (uint32_t i = 0; i < l->n_input; y += count(in[i++]))
		memcpy(y, x[i], count(in[i]) * sizeof *y);
}

static void ref_modulate(double *y, const struct net_layer *l, struct sizes out,
			 const double *const *x, const struct sizes *in, const double *w,
			 const double *b)
{
	int n = out.h * out.w;

	(void)l, (void)w, (void)b;
	memset(y, 0, count(out) * sizeof *y);
	for (int c = 0; c < in[0].c; c += 2) {
		for (int i = 0; i < n; i++) {
			double hr = x[0][c * n + i], hi = x[0][(c + 1) * n + i];
			double wr = c < in[1].c ? x[1][c * n + i] : 1;
			double wi = c < in[1].c ? x[1][(c + 1) * n + i] : 0;

			y[i] += hr * wr - hi * wi;
			y[n + i] += hr * wi + hi * wr;
		}
	}
}

static void ref_add(double *y, const struct net_layer *l, struct sizes out, const double *const *x,
		    const struct sizes *in, const double *w, const double *b)
{
	(void)l, (void)in, (void)w, (void)b;
	for (size_t i = 0; i < count(out); i++)
		y[i] = x[0][i] + x[1][i];
}

static reference *const references[] = {
#define LAYER(name, ...) ref_##name,
#include "runtime/nn/layers.def"
#undef LAYER
};

/* --- a net in double --- */

struct model {
	const struct net *net;
	int batch;
	double **value; /* per tensor, whole batch */
	double *weight, *label, *scale;
};

static struct sizes sizes_of(const struct net *net, uint32_t t)
{
	return (struct sizes){ net->tensor[t].channels, net->tensor[t].height,
			       net->tensor[t].width };
}

static void evaluate(const struct model *m)
{
	for (int n = 0; n < m->batch; n++) {
		for (uint32_t i = 0; i < m->net->n_layer; i++) {
			const struct net_layer *l = &m->net->layer[i];
			struct sizes out = sizes_of(m->net, l->output), in[NET_LAYER_INPUTS];
			const double *x[NET_LAYER_INPUTS], *w = NULL, *b = NULL;

			for (uint32_t k = 0; k < l->n_input; k++) {
				in[k] = sizes_of(m->net, l->input[k]);
				x[k] = m->value[l->input[k]] + (size_t)n * count(in[k]);
			}
			if (l->weight != NET_NONE) {
				w = m->weight + m->net->weight[l->weight].first;
				b = m->weight + m->net->weight[l->bias].first;
			}
			references[l->kind](m->value[l->output] + (size_t)n * count(out), l, out, x,
					    in, w, b);
		}
	}
}

static double loss(const struct model *m)
{
	size_t per = count(sizes_of(m->net, m->net->output));
	double sum = 0;

	for (size_t i = 0; i < per * (size_t)m->batch; i++) {
		double e = m->value[m->net->output][i] - m->label[i];

		sum += m->scale[i / per] * (m->net->loss == NET_LOSS_L1 ? fabs(e) : e * e);
	}
	return sum / (double)(per * (size_t)m->batch);
}

static double probe(const struct model *m, double *at)
{
	const double h = 1e-6;
	double old = *at, up, down;

	*at = old + h;
	evaluate(m);
	up = loss(m);
	*at = old - h;
	evaluate(m);
	down = loss(m);
	*at = old;
	return (up - down) / (2 * h);
}

/* Random numbers that float holds exactly. */
static void randomise(double *v, size_t n, struct rng *r, double size)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (double)(float)(size * rng_normal(r));
}

static void model_create(struct model *m, const struct net *net, int batch)
{
	struct rng r = rng_make(7, 1);
	size_t out = count(sizes_of(net, net->output)) * (size_t)batch;

	*m = (struct model){ .net = net, .batch = batch };
	m->value = calloc(net->n_tensor, sizeof *m->value);
	m->weight = calloc(net->n_number + 1, sizeof *m->weight);
	m->label = calloc(out, sizeof *m->label);
	m->scale = calloc((size_t)batch, sizeof *m->scale);
	for (uint32_t t = 0; t < net->n_tensor; t++) {
		size_t n = count(sizes_of(net, t)) * (size_t)batch;

		m->value[t] = calloc(n, sizeof **m->value);
		if (t < net->n_input)
			randomise(m->value[t], n, &r, 1);
	}
	for (uint32_t i = 0; i < net->n_weight; i++) {
		const struct net_weight *w = &net->weight[i];

		randomise(m->weight + w->first, w->n, &r, w->deviation > 0 ? w->deviation : 0.3);
	}
	randomise(m->label, out, &r, 1);
	for (int n = 0; n < batch; n++)
		m->scale[n] = 0.5 + n;
}

static void model_free(struct model *m)
{
	for (uint32_t t = 0; t < m->net->n_tensor; t++)
		free(m->value[t]);
	free(m->value);
	free(m->weight);
	free(m->label);
	free(m->scale);
}

/* --- comparison --- */

struct demand {
	const char *what;
	double tolerance;
	int failures;
};

static double largest(const double *v, size_t n)
{
	double m = 0;

	for (size_t i = 0; i < n; i++)
		m = fmax(m, fabs(v[i]));
	return m;
}

static void compare(struct demand *d, const char *array, size_t i, double got, double want,
		    double scale)
{
	if (fabs(got - want) <= d->tolerance * scale)
		return;
	if (d->failures++ < 5)
		print_message("%s: %s[%zu] is %.8g, not %.8g (off by %.2g of %.3g)\n", d->what,
			      array, i, got, want, fabs(got - want) / scale, scale);
}

static float *to_float(const double *v, size_t n)
{
	float *f = calloc(n, sizeof *f);

	for (size_t i = 0; i < n; i++)
		f[i] = (float)v[i];
	return f;
}

/* Gradient `got` of the n numbers at `v`, at most `most` of them, evenly spread. */
static void compare_gradient(struct demand *d, const struct model *m, const char *array, double *v,
			     const float *got, size_t n, size_t most)
{
	size_t step = n > most ? n / most | 1 : 1;
	double scale = 0;

	for (size_t i = 0; i < n; i++)
		scale = fmax(scale, fabs((double)got[i]));
	for (size_t i = 0; i < n; i += step)
		compare(d, array, i, (double)got[i], probe(m, &v[i]), scale);
}

static void run(struct demand *d, const struct model *m, enum nn_precision precision, int threads,
		size_t probes)
{
	const struct net *net = m->net;
	struct nn_options o = { .batch = m->batch,
				.precision = precision,
				.threads = threads,
				.training = true,
				.input_gradients = true };
	size_t n_out = count(sizes_of(net, net->output)) * (size_t)m->batch;
	float *label = to_float(m->label, n_out), *scale = to_float(m->scale, (size_t)m->batch);
	double got = 0, size;
	struct nn *nn;

	if (nn_create(&nn, net, &o))
		fail_msg("%s", precess_error());
	for (size_t i = 0; i < net->n_number; i++)
		nn_parameters(nn)[i] = (float)m->weight[i];
	for (uint32_t t = 0; t < net->n_input; t++) {
		size_t n = count(sizes_of(net, t)) * (size_t)m->batch;

		for (size_t i = 0; i < n; i++)
			nn_input(nn, t)[i] = (float)m->value[t][i];
	}
	assert_int_equal(nn_forward(nn), PRECESS_OK);
	evaluate(m);
	size = largest(m->value[net->output], n_out);
	for (size_t i = 0; i < n_out; i++)
		compare(d, "output", i, (double)nn_output(nn)[i], m->value[net->output][i], size);
	assert_int_equal(nn_loss_backward(&got, nn, label, scale), PRECESS_OK);
	compare(d, "loss", 0, got, loss(m), loss(m));
	for (uint32_t i = 0; i < net->n_weight; i++) {
		const struct net_weight *w = &net->weight[i];

		compare_gradient(d, m, w->name, m->weight + w->first, nn_gradients(nn) + w->first,
				 w->n, probes);
	}
	for (uint32_t t = 0; t < net->n_input; t++)
		compare_gradient(d, m, net->tensor[t].name, m->value[t], nn_input_gradient(nn, t),
				 count(sizes_of(net, t)) * (size_t)m->batch, probes);
	nn_free(nn);
	free(label);
	free(scale);
}

/* --- cases --- */

static const struct layer_case {
	const char *what;
	struct net_layer layer;
	int size;         /* height; the width is 2 more (Winograd's tiles do not fit) */
	int in[3];        /* channels of the inputs; negative: a vector */
	double tolerance; /* float */
} cases[] = {
	{ "conv2d 3 to 5", { .kind = NET_conv2d, .filters = 5, .kernel = 3 }, 6, { 3 }, 2e-5 },
	{ "conv2d 8 to 8, relu",
	  { .kind = NET_conv2d, .filters = 8, .kernel = 3, .relu = true },
	  6,
	  { 8 },
	  2e-5 },
	{ "conv2d 20 to 24",
	  { .kind = NET_conv2d, .filters = 24, .kernel = 3, .relu = true },
	  4,
	  { 20 },
	  2e-5 },
	{ "conv2d 64 to 32, Winograd",
	  { .kind = NET_conv2d, .filters = 32, .kernel = 3, .relu = true },
	  18,
	  { 64 },
	  3e-4 },
	{ "conv2d 1 x 1", { .kind = NET_conv2d, .filters = 6, .kernel = 1 }, 6, { 16 }, 2e-5 },
	{ "dynconv",
	  { .kind = NET_dynconv, .filters = 4, .first = 3, .relu = true },
	  14,
	  { 5, -30 },
	  2e-5 },
	{ "linear", { .kind = NET_linear, .filters = 37, .relu = true }, 2, { -45 }, 2e-5 },
	{ "linear of an image", { .kind = NET_linear, .filters = 3 }, 4, { 2 }, 2e-5 },
	{ "relu", { .kind = NET_relu }, 6, { 3 }, 2e-5 },
	{ "maxpool2", { .kind = NET_maxpool2 }, 6, { 11 }, 2e-5 },
	{ "upsample2", { .kind = NET_upsample2 }, 6, { 11 }, 2e-5 },
	{ "concat 8 16 3", { .kind = NET_concat }, 4, { 8, 16, 3 }, 2e-5 },
	{ "concat 3 5", { .kind = NET_concat }, 4, { 3, 5 }, 2e-5 },
	{ "modulate", { .kind = NET_modulate }, 18, { 6, 4 }, 2e-5 },
	{ "add", { .kind = NET_add }, 6, { 3, 3 }, 2e-5 },
};

static uint32_t add_input(struct net *net, int channels, int i)
{
	struct net_channel c[64];
	char name[32];

	for (int k = 0; k < abs(channels); k++) {
		snprintf(name, sizeof name, "p%d_%d", i, k);
		c[k] = (struct net_channel){
			.kind = NET_CHANNEL_EXTRA, .name = "x", .sub = 1, .scale = 1
		};
		if (channels < 0) {
			c[k].kind = NET_CHANNEL_PARAM;
			c[k].index = net_add_param(net, name, 0, 1);
		}
	}
	snprintf(name, sizeof name, "in%d", i);
	return net_add_input(net, name, c, (uint32_t)abs(channels));
}

static struct net *case_net(const struct layer_case *c)
{
	struct net *net = net_create("case", c->size + 2, c->size);
	struct net_layer l = c->layer;

	for (int i = 0; i < 3 && c->in[i]; i++)
		l.input[l.n_input++] = add_input(net, c->in[i], i);
	net_add_layer(net, "y", l);
	net->loss = NET_LOSS_L2;
	if (net_finish(net))
		fail_msg("%s: %s", c->what, precess_error());
	return net;
}

static void every_layer(void **state)
{
	struct net *net;
	struct model m;
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		net = case_net(&cases[i]);
		model_create(&m, net, 2);
		for (int threads = 1; threads <= 2; threads++) {
			struct demand f = { cases[i].what, cases[i].tolerance, 0 };

			run(&f, &m, NN_F32, threads, threads == 1 ? 8 : 2);
			failures += f.failures;
		}
		model_free(&m);
		net_free(net);
	}
	assert_int_equal(failures, 0);
}

/* In bf16 the reference sees the rounded weights, but neither the rounded inputs nor the rounded
 * gradients: hence the coarse bound. */
static void every_layer_bf16(void **state)
{
	struct net *net;
	struct model m;
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		struct demand f = { cases[i].what, 3e-2, 0 };

		/* a maximum or a sign that rounding turns over moves a gradient elsewhere */
		if (cases[i].layer.relu || cases[i].layer.kind == NET_maxpool2)
			continue;
		net = case_net(&cases[i]);
		model_create(&m, net, 2);
		run(&f, &m, NN_BF16, 1, 4);
		failures += f.failures;
		model_free(&m);
		net_free(net);
	}
	assert_int_equal(failures, 0);
}

static void every_layer_has_a_case(void **state)
{
	(void)state;
	for (int k = 0; k < NET_LAYERS; k++) {
		size_t i = 0;

		while (i < PRECESS_COUNT(cases) && (int)cases[i].layer.kind != k)
			i++;
		if (i == PRECESS_COUNT(cases))
			fail_msg("no case for %s", net_layer_name((enum net_layer_kind)k));
	}
}

/* --- whole networks --- */

static struct net *small_simunet(const char *template)
{
	static const struct net_param param[] = { { "a", 0, 1 }, { "b", -1, 1 } };
	static const struct net_wave wave[] = { { "w", { 0, 0 } }, { "v", { 0, 0 } } };
	static const struct program_op op[] = {
		{ .op = PROGRAM_CONST, .a = PROGRAM_NO_SLOT, .b = PROGRAM_NO_SLOT, .value = 2 }
	};
	static const struct net_channel channel[] = {
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_M0, .sub = 1, .scale = 1 },
		{ .kind = NET_CHANNEL_EXTRA, .name = "push", .sub = 1, .scale = 1 },
	};
	static const char *const base[] = { "base.re", "base.im" };
	struct net_interface in = {
		.name = "small",
		.matrix = { 16, 8 },
		.param = param,
		.n_param = 2,
		.op = op,
		.n_op = 1,
		.wave = wave,
		.n_wave = 2,
		.channel = channel,
		.n_channel = 2,
		.base = base,
	};
	struct net_template t;
	struct net *net;

	assert_int_equal(net_template_parse(&t, template, "test"), PRECESS_OK);
	if (net_build_simunet(&net, &t, &in))
		fail_msg("%s", precess_error());
	return net;
}

/* Depth multiplies the rounding errors, and a hidden unit whose sign rounding turns over moves a
 * gradient by more than rounding: 2e-4, 3 probes per array, fixed seed. */
static void whole_networks(void **state)
{
	static const char *const templates[] = {
		"name small\nwidth 8\nlevels 3\nhidden 8\nposition 2\nloss l2\nbypass yes\n",
		"name small\nwidth 6\nlevels 2\nhidden 4\nposition 0\nsub 2\nloss l2\ndynamic 5\n",
		"name small\nwidth 12\nlevels 2\nhidden 8\nposition 2\nloss l2\ndynamic 4 4 4\n",
	};
	struct model m;
	struct net *net;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(templates); i++) {
		struct demand f = { "network", 2e-4, 0 };

		net = small_simunet(templates[i]);
		model_create(&m, net, 2);
		run(&f, &m, NN_F32, 1, 3);
		assert_int_equal(f.failures, 0);
		model_free(&m);
		net_free(net);
	}
}

/* Inference is planned without gradients, in less memory, and gives the same image. */
static void inference_is_training_forward(void **state)
{
	struct net *net = small_simunet("name s\nwidth 32\nlevels 3\nhidden 8\nposition 2\n");
	struct nn_options o = { .batch = 2, .threads = 1, .training = true };
	struct nn *a, *b;
	size_t n = 2 * 2 * 16 * 8;

	(void)state;
	assert_int_equal(nn_create(&a, net, &o), PRECESS_OK);
	o.training = false;
	assert_int_equal(nn_create(&b, net, &o), PRECESS_OK);
	assert_true(nn_workspace(b) < nn_workspace(a));
	nn_initialise(a, 3);
	nn_initialise(b, 3);
	for (uint32_t i = 0; i < net->n_input; i++) {
		struct rng r = rng_make(1, i);

		for (size_t k = 0; k < 2 * count(sizes_of(net, i)); k++)
			nn_input(a, i)[k] = nn_input(b, i)[k] = (float)rng_normal(&r);
	}
	for (int pass = 0; pass < 2; pass++) { /* the second: buffers were used before */
		assert_int_equal(nn_forward(a), PRECESS_OK);
		assert_int_equal(nn_forward(b), PRECESS_OK);
		for (size_t i = 0; i < n; i++)
			assert_true(fabsf(nn_output(a)[i] - nn_output(b)[i]) <= 1e-5F);
	}
	nn_free(a);
	nn_free(b);
	net_free(net);
}

/* Figures are for `precess bench network`; here they need only make sense. */
static void benchmark(void **state)
{
	struct nn_bench_peak peak;
	struct nn_bench_row row = { .width = 8, .batch = 2, .training = true };
	struct text t;

	(void)state;
	assert_int_equal(nn_bench_measure_peak(&peak, 1), PRECESS_OK);
	assert_int_equal(nn_bench(&row, &peak, 1, 0.01), PRECESS_OK);
	assert_true(peak.sgemm > 0 && row.ms_per_image > 0 && row.gflops > 0);
	text_init(&t);
	nn_bench_print(&t, &row, 1, &peak);
	print_message("%s", t.data);
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layer_has_a_case),
		cmocka_unit_test(every_layer),
		cmocka_unit_test(every_layer_bf16),
		cmocka_unit_test(whole_networks),
		cmocka_unit_test(inference_is_training_forward),
		cmocka_unit_test(benchmark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
