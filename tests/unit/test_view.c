/* What a network that maps sees of an image: against direct sums, and echoes of known size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/data/data.h"
#include "tests/unit/compile_file.h"

static const double tau = 6.283185307179586476925;

struct bench {
	struct program *p;
	struct net_template t;
	struct data_view *view;
	int n, channels;
	const char *const *name;
	double param[32];
};

static void bench_create(struct bench *b, const char *path, const char *more)
{
	struct text text;

	memset(b, 0, sizeof *b);
	text_init(&text);
	text_printf(&text, "name t\nkind unet\ntarget T2\nscale 0.1\npad 2\n%s", more);
	assert_int_equal(net_template_parse(&b->t, text.data, "t"), PRECESS_OK);
	text_free(&text);
	b->p = compile_program(path, NULL);
	b->n = b->p->matrix[0];
	assert_int_equal(data_view_create(&b->view, b->p, &b->t, b->n, b->n, 1), PRECESS_OK);
	b->channels = data_view_channels(b->view, &b->name);
	for (uint32_t i = 0; i < b->p->n_param; i++)
		b->param[i] = b->p->param[i].value;
}

static void bench_free(struct bench *b)
{
	data_view_free(b->view);
	program_free(b->p);
}

static int channel(const struct bench *b, const char *name)
{
	for (int i = 0; i < b->channels; i++) {
		if (!strcmp(b->name[i], name))
			return i;
	}
	fail_msg("no channel %s", name);
	return -1;
}

/* Adds a Gaussian of the given height around the centre times exp(2 pi i k.r). */
static void add_wave(float *image, int n, double height, double kx, double ky)
{
	for (int i = 0; i < n * n; i++) {
		double x = (i % n + 0.5) / n - 0.5, y = (i / n + 0.5) / n - 0.5;
		double a = height * exp(-(x * x + y * y) / 0.02);

		image[2 * i] += (float)(a * cos(tau * (kx * x + ky * y)));
		image[2 * i + 1] += (float)(a * sin(tau * (kx * x + ky * y)));
	}
}

/* Sinc interpolation of the pixels: the sum over k-space of the sum over the image. */
static void interpolated(double out[2], const float *image, int n, int px, int py)
{
	double x = (px + 0.5) / (2 * n) - 0.5, y = (py + 0.5) / (2 * n) - 0.5;
	double wx[256][2] = { { 0 } }, wy[256][2] = { { 0 } };

	for (int i = 0; i < n; i++) {
		double r = (i + 0.5) / n - 0.5;

		for (int k = -n / 2; k < n / 2; k++) {
			wx[i][0] += cos(tau * k * (x - r)) / n;
			wx[i][1] += sin(tau * k * (x - r)) / n;
			wy[i][0] += cos(tau * k * (y - r)) / n;
			wy[i][1] += sin(tau * k * (y - r)) / n;
		}
	}
	out[0] = out[1] = 0;
	for (int i = 0; i < n * n; i++) {
		const double *a = wx[i % n], *b = wy[i / n];
		double re = a[0] * b[0] - a[1] * b[1], im = a[0] * b[1] + a[1] * b[0];

		out[0] += re * (double)image[2 * i] - im * (double)image[2 * i + 1];
		out[1] += re * (double)image[2 * i + 1] + im * (double)image[2 * i];
	}
}

static void zero_filling(void **state)
{
	const int at[2] = { 100, 37 }, size[2] = { 32, 16 };
	struct bench b;
	double largest = 0, want[2];

	(void)state;
	bench_create(&b, "sequences/moled.seq", "");
	assert_int_equal(b.channels, 2);
	float *image = calloc(2 * (size_t)(b.n * b.n), sizeof *image),
	      *out = calloc(2 * 32 * 16, sizeof *out);
	struct rng r = rng_make(5, 0);
	for (int i = 0; i < b.n * b.n; i++) {
		image[2 * i] = (float)rng_normal(&r);
		image[2 * i + 1] = (float)rng_normal(&r);
		largest = fmax(largest, hypot((double)image[2 * i], (double)image[2 * i + 1]));
	}
	data_view_set(b.view, image, b.param, 0, NULL);
	data_view_fill(out, b.view, at, size);
	for (int i = 0; i < 32 * 16; i += 41) {
		interpolated(want, image, b.n, at[0] + i % 32, at[1] + i / 32);
		assert_float_equal((double)out[i], want[0] / largest, 1e-5);
		assert_float_equal((double)out[32 * 16 + i], want[1] / largest, 1e-5);
	}
	free(image);
	free(out);
	bench_free(&b);
}

/* Echoes at their nominal places: the middle's magnitudes come apart in their logarithms, whatever
 * the phase; a displaced echo keeps its own while its window is flat there. */
static void echoes_apart(void **state)
{
	static const double height[4] = { 1, 0.5, 0.2, 0.05 },
			    place[4][2] = { { 18, 48 }, { -6, 16 }, { 6, -16 }, { -18, -48 } };
	const int at[2] = { 126, 126 }, size[2] = { 4, 4 };
	struct bench b;

	(void)state;
	bench_create(&b, "sequences/moled.seq", "window 24\nknown ESP TE\n");
	assert_true(b.channels >= 2 + 4 + 1);
	float *image = calloc(2 * (size_t)(b.n * b.n), sizeof *image),
	      *out = calloc((size_t)b.channels * 16, sizeof *out);
	for (double shift = 0; shift < 5; shift += 4) {
		memset(image, 0, 2 * sizeof *image * (size_t)(b.n * b.n));
		for (int k = 0; k < 4; k++)
			add_wave(image, b.n, height[k], place[k][0] + shift, place[k][1]);
		data_view_set(b.view, image, b.param, 0, NULL);
		data_view_fill(out, b.view, at, size);
		for (int k = 0; k < 4; k++) {
			char name[32];
			/* the largest echo is 1 there; logarithms end at 0.01 of it */
			double want = 1 + log(height[k] + 0.01) / log(100);

			snprintf(name, sizeof name, "image1_echo%d", k + 1);
			for (int i = 0; i < 16; i++)
				assert_float_equal((double)out[16 * channel(&b, name) + i], want,
						   0.02);
		}
	}
	/* ESP in -1..1 of its range */
	b.param[0] = 0.375e-3 + 0.75 * 0.165e-3;
	data_view_set(b.view, image, b.param, 0, NULL);
	data_view_fill(out, b.view, at, size);
	assert_float_equal((double)out[16 * channel(&b, "param_ESP") + 3], 0.5, 1e-6);
	free(image);
	free(out);
	bench_free(&b);
}

static void noise_and_phase(void **state)
{
	const int at[2] = { 0, 0 }, size[2] = { 256, 256 };
	struct bench b;
	double square = 0, clean = 0;
	struct rng r = rng_make(1, 2);

	(void)state;
	bench_create(&b, "sequences/moled.seq", "noise 0.05\nphase 3\n");
	float *image = calloc(2 * (size_t)(b.n * b.n), sizeof *image),
	      *out = calloc(2 * 256 * 256, sizeof *out);
	add_wave(image, b.n, 7, 3, 0);
	data_view_set(b.view, image, b.param, 0, NULL);
	data_view_fill(out, b.view, at, size);
	float *was = malloc(2 * 256 * 256 * sizeof *was);
	memcpy(was, out, 2 * 256 * 256 * sizeof *was);
	data_view_set(b.view, image, b.param, 0.02, &r);
	data_view_fill(out, b.view, at, size);
	/* zero filling keeps the deviation of each pixel */
	for (int i = 0; i < 2 * 256 * 256; i++)
		square += pow((double)(out[i] - was[i]), 2) / (2 * 256 * 256);
	assert_float_equal(sqrt(square), 0.02, 0.0006);
	/* a smooth phase leaves magnitudes: compare where the object is bright */
	b.t.noise = 0;
	data_view_free(b.view);
	assert_int_equal(data_view_create(&b.view, b.p, &b.t, b.n, b.n, 1), PRECESS_OK);
	data_view_set(b.view, image, b.param, -1, &r);
	data_view_fill(out, b.view, at, size);
	square = 0;
	for (int i = 0; i < 256 * 256; i++) {
		double a = hypot((double)out[i], (double)out[256 * 256 + i]),
		       c = hypot((double)was[i], (double)was[256 * 256 + i]);

		square += (a - c) * (a - c);
		clean += c * c;
	}
	assert_true(square < 1e-4 * clean);
	assert_true(fabs((double)(out[128 * 256 + 128] - was[128 * 256 + 128])) > 1e-3);
	free(was);
	free(image);
	free(out);
	bench_free(&b);
}

static void truth_and_codes(void **state)
{
	const int at[2] = { 40, 60 }, size[2] = { 8, 4 };
	const struct data_recipe recipe = { .object = "head:4", .sub = 4 };
	struct data_source *source;
	struct data_maker *maker;
	struct data_sample *s;
	struct bench b;
	float truth[32], code[32];

	(void)state;
	bench_create(&b, "sequences/moled.seq", "knee 2\n");
	assert_int_equal(data_source_create(&source, b.p, &recipe), PRECESS_OK);
	assert_int_equal(data_sample_create(&s, data_source_shape(source)), PRECESS_OK);
	assert_int_equal(data_maker_create(&maker, source), PRECESS_OK);
	assert_int_equal(data_make(s, maker, 0), PRECESS_OK);
	assert_int_equal(data_view_truth(truth, b.view, s, at, size), PRECESS_OK);
	for (int i = 0; i < 32; i++) { /* two by two sub-pixels, weighted by what gives signal */
		double sum = 0, weight = 0;

		for (int j = 0; j < 4; j++) {
			int x = 2 * (at[0] + i % 8) + j % 2, y = 2 * (at[1] + i / 8) + j / 2;
			double m0 = (double)s->map[PROGRAM_MAP_M0][y * 512 + x];

			sum += m0 * (double)s->map[PROGRAM_MAP_T2][y * 512 + x];
			weight += m0;
		}
		assert_float_equal((double)truth[i], weight > 0 ? sum / weight : 0, 1e-6);
	}
	truth[0] = 0.08f;
	truth[1] = 0;
	truth[2] = 0.6f;
	memcpy(code, truth, sizeof code);
	data_view_encode(code, b.view, 32);
	assert_float_equal((double)code[0], 0.8 / 1.4, 1e-6);
	data_view_decode(code, b.view, 32);
	for (int i = 0; i < 32; i++)
		assert_float_equal((double)code[i], (double)truth[i], 1e-5);
	code[0] = 5; /* beyond any value: the end of the map's range */
	data_view_decode(code, b.view, 1);
	assert_float_equal((double)code[0], 0.65, 1e-5);
	data_sample_free(s);
	data_maker_free(maker);
	data_source_free(source);
	bench_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_filling),
		cmocka_unit_test(echoes_apart),
		cmocka_unit_test(noise_and_phase),
		cmocka_unit_test(truth_and_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
