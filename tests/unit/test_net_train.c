/* runtime/train: the optimiser, schedules, metrics, the model file, and learning itself. */
#include "runtime/train/train.h"
#include "tests/unit/folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>


/* --- optimiser and schedules --- */

/* By hand, in double. The first step of Adam is rate * sign(gradient). */
static void adam_steps(void **state)
{
	float w[3] = { 1, -2, 0 };
	double m[3] = { 0 }, v[3] = { 0 }, want[3] = { 1, -2, 0 };
	struct train_adam *a;

	(void)state;
	assert_int_equal(train_adam_create(&a, 3, 0.9, 0.99), PRECESS_OK);
	for (int t = 1; t <= 50; t++) {
		float g[3] = { w[0], (float)sin(t), 0 };

		for (int i = 0; i < 3; i++) {
			double gi = (double)g[i];

			m[i] = 0.9 * m[i] + 0.1 * gi;
			v[i] = 0.99 * v[i] + 0.01 * gi * gi;
			want[i] -= 0.01 * (m[i] / (1 - pow(0.9, t))) /
				   (sqrt(v[i] / (1 - pow(0.99, t))) + 1e-8);
		}
		train_adam_step(a, w, g, 0.01, 1);
		if (t == 1)
			assert_float_equal(w[0], 0.99, 1e-6);
		for (int i = 0; i < 3; i++)
			assert_float_equal(w[i], want[i], 1e-5);
	}
	assert_true(w[2] == 0);
	train_adam_free(a);
}

static void schedules(void **state)
{
	struct net_template t = {
		.rate = 1.2e-4, .schedule = NET_SCHEDULE_STEP, .decay = 0.8, .every = 25
	};

	(void)state;
	assert_float_equal(train_rate(&t, 0, 1000, 0, 2000), 1.2e-4, 1e-12);
	assert_float_equal(train_rate(&t, 0, 1000, 24 * 2000 + 1999, 2000), 1.2e-4, 1e-12);
	assert_float_equal(train_rate(&t, 0, 1000, 25 * 2000, 2000), 0.96e-4, 1e-12);
	assert_float_equal(train_rate(&t, 0, 1000, 299 * 2000, 2000), 1.2e-4 * pow(0.8, 11), 1e-12);
	t = (struct net_template){ .rate = 1, .schedule = NET_SCHEDULE_COSINE, .warmup = 0.04 };
	assert_float_equal(train_rate(&t, 0, 1000, 0, 0), 0.0125, 1e-9);
	assert_float_equal(train_rate(&t, 519, 1000, 0, 0), 0.5, 2e-3);
	assert_true(train_rate(&t, 40, 1000, 0, 0) > 0.999);
	assert_true(train_rate(&t, 999, 1000, 0, 0) < 1e-5);
}

/* --- metrics --- */

enum { SIZE = 32 };

static void metrics(void **state)
{
	float a[2 * SIZE * SIZE], b[2 * SIZE * SIZE];
	struct train_scores s;

	(void)state;
	for (int i = 0; i < SIZE * SIZE; i++) {
		b[i] = i == 7 ? 2.0F : 1.0F; /* the peak: all is divided by 2 */
		b[SIZE * SIZE + i] = 0;
		a[i] = b[i] * 0.6F; /* a magnitude of 0.6 and a phase of 90 degrees less some */
		a[SIZE * SIZE + i] = b[i] * 0.8F;
	}
	assert_int_equal(train_score(&s, b, b, SIZE, SIZE), PRECESS_OK);
	assert_true(isinf(s.psnr) && isinf(s.complex_psnr));
	assert_float_equal(s.ssim, 1, 1e-12);
	/* Equal magnitudes, other phase: only the complex score sees it. |0.6 + 0.8i - 1|^2 = 0.8;
	 * half the peak everywhere but in one pixel. */
	assert_int_equal(train_score(&s, a, b, SIZE, SIZE), PRECESS_OK);
	assert_true(s.psnr > 130);
	assert_float_equal(s.ssim, 1, 1e-6);
	assert_float_equal(s.complex_psnr, -10 * log10(0.8 * (1023 * 0.25 + 1) / 1024), 1e-4);
	/* A constant against a constant away from the peak's window: variances vanish, SSIM is
	 * (2 ab + C1) / (a^2 + b^2 + C1). */
	for (int i = 0; i < SIZE * SIZE; i++) {
		b[i] = 1;
		a[i] = 0.9F;
		a[SIZE * SIZE + i] = b[SIZE * SIZE + i] = 0;
	}
	assert_int_equal(train_score(&s, a, b, SIZE, SIZE), PRECESS_OK);
	assert_float_equal(s.psnr, 20, 1e-4);
	assert_float_equal(s.complex_psnr, 20, 1e-4);
	assert_float_equal(s.ssim, (1.8 + 1e-4) / (1.81 + 1e-4), 1e-6);
	memset(b, 0, sizeof b);
	assert_int_equal(train_score(&s, a, b, SIZE, SIZE), PRECESS_EINVAL);
	assert_int_equal(train_score(&s, a, b, 10, SIZE), PRECESS_EINVAL);
}

/* A direct evaluation of the windows on an image of noise. */
static void similarity_by_hand(void **state)
{
	float a[2 * 12 * 13] = { 0 }, b[2 * 12 * 13] = { 0 };
	struct rng r = rng_make(5, 0);
	struct train_scores s;
	double peak = 0, sum = 0;

	(void)state;
	for (int i = 0; i < 12 * 13; i++) {
		b[i] = (float)rng_uniform(&r, 0, 1);
		a[i] = b[i] + (float)rng_uniform(&r, 0, 0.2);
		peak = fmax(peak, (double)b[i]);
	}
	for (int y = 0; y < 2; y++) {
		for (int x = 0; x < 3; x++) {
			double w = 0, ma = 0, mb = 0, va = 0, vb = 0, c = 0;

			for (int pass = 0; pass < 2; pass++) {
				for (int k = 0; k < 121; k++) {
					int dy = k / 11, dx = k % 11, i = (y + dy) * 13 + x + dx;
					double g =
						exp(-((dy - 5) * (dy - 5) + (dx - 5) * (dx - 5)) /
						    (2 * 1.5 * 1.5));
					double p = (double)a[i] / peak, q = (double)b[i] / peak;

					if (pass == 0) {
						w += g;
						ma += g * p;
						mb += g * q;
					} else {
						va += g / w * (p - ma) * (p - ma);
						vb += g / w * (q - mb) * (q - mb);
						c += g / w * (p - ma) * (q - mb);
					}
				}
				if (pass == 0) {
					ma /= w;
					mb /= w;
				}
			}
			sum += (2 * ma * mb + 1e-4) * (2 * c + 9e-4) /
			       ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4));
		}
	}
	assert_int_equal(train_score(&s, a, b, 12, 13), PRECESS_OK);
	assert_float_equal(s.ssim, sum / 6, 1e-9);
}

/* --- a small task: an object blurred by as much as the parameter says, on a plane wave --- */

enum { NX = 16, NY = 16 };

static const char template_text[] = "name tiny\nwidth 8\nlevels 2\nhidden 16\nposition 4\n"
				    "rate 0.004\nbatch 4\nwarmup 0.05\n";

static struct net *tiny_net(void)
{
	static const struct net_param param[] = { { "blur", 0, 0.25 } };
	static const struct program_op op[] = {
		{ .op = PROGRAM_CONST, .a = PROGRAM_NO_SLOT, .b = PROGRAM_NO_SLOT, .value = 3 },
		{ .op = PROGRAM_PARAM, .a = PROGRAM_NO_SLOT, .b = PROGRAM_NO_SLOT, .value = 0 },
		{ .op = PROGRAM_SCALE_ADD, .a = 1, .b = 0, .value = 4 },
	};
	static const struct net_wave wave[] = { { "echo", { 2, 0 } } }; /* k = (3 + 4 blur, 3) */
	static const struct net_channel map[] = {
		{ .kind = NET_CHANNEL_MAP, .map = PROGRAM_MAP_M0, .sub = 1, .scale = 1 },
	};
	struct net_interface in = { .name = "tiny",
				    .matrix = { NX, NY },
				    .param = param,
				    .n_param = 1,
				    .op = op,
				    .n_op = 3,
				    .wave = wave,
				    .n_wave = 1,
				    .channel = map,
				    .n_channel = 1 };
	struct net_template t;
	struct net *net;

	assert_int_equal(net_template_parse(&t, template_text, "tiny"), PRECESS_OK);
	assert_int_equal(net_build_simunet(&net, &t, &in), PRECESS_OK);
	return net;
}

enum fault { NONE, NOISE, BROKEN }; /* NOISE: labels that no input determines */

static void label(float *out, const float *m0, double blur, struct rng *r, enum fault fault)
{
	for (int i = 0; i < NX * NY; i++) {
		int x = i % NX, y = i / NX, right = x + 1 < NX ? i + 1 : i,
		    left = x > 0 ? i - 1 : i;
		double v = (1 - 2 * blur) * (double)m0[i] +
			   blur * ((double)m0[left] + (double)m0[right]);
		double a = 2 * M_PI *
			   ((3 + 4 * blur) * ((x + 0.5) / NX - 0.5) + 3 * ((y + 0.5) / NY - 0.5));

		if (fault == NOISE)
			a = rng_uniform(r, 0, 2 * M_PI);
		out[i] = (float)(v * cos(a));
		out[NX * NY + i] = (float)(v * sin(a));
	}
	if (fault == BROKEN)
		out[17] = NAN;
}

static precess_status fill(void *context, struct train_batch *b)
{
	const enum fault *fault = context;
	precess_status st;

	for (int n = 0; n < b->n; n++) {
		struct rng r = rng_make(11, b->first + (uint64_t)n);
		double blur = rng_uniform(&r, 0, 0.25), cx = rng_uniform(&r, 4, 12),
		       cy = rng_uniform(&r, 4, 12), radius = rng_uniform(&r, 2, 5);
		float m0[NX * NY];
		struct nn_sample s = { .param = &blur, .sub = 1 };

		for (int i = 0; i < NX * NY; i++)
			m0[i] = hypot(i % NX - cx, i / NX - cy) < radius ? 1 : 0;
		s.map[PROGRAM_MAP_M0] = m0;
		st = nn_fill(b->nn, n, &s);
		if (st)
			return st;
		label(b->label + 2 * NX * NY * n, m0, blur, &r,
		      *fault == BROKEN && b->first < 40 ? NONE : *fault);
		b->weight[n] = 1;
	}
	return PRECESS_OK;
}

struct bench {
	struct net *net;
	struct net_template t;
	struct nn *nn;
	struct train_model *model;
	struct train_source source;
	struct train_options o;
	enum fault fault;
};

static void bench_create(struct bench *b, enum nn_precision precision, uint64_t images)
{
	struct nn_options o = {
		.batch = 4, .precision = precision, .threads = 1, .training = true
	};

	memset(b, 0, sizeof *b);
	b->net = tiny_net();
	assert_int_equal(net_template_parse(&b->t, template_text, "tiny"), PRECESS_OK);
	assert_int_equal(nn_create(&b->nn, b->net, &o), PRECESS_OK);
	nn_initialise(b->nn, 1);
	assert_int_equal(train_model_create(&b->model, b->nn, nn_parameters(b->nn), "tiny",
					    "abc123", "sequence tiny\n", "seed 1\n"),
			 PRECESS_OK);
	b->source = (struct train_source){ .fill = fill, .context = &b->fault };
	b->o = (struct train_options){ .t = &b->t, .images = images };
}

static void bench_free(struct bench *b)
{
	train_model_free(b->model);
	nn_free(b->nn);
	net_free(b->net);
}

static void run(struct bench *b)
{
	if (train_run(b->model, b->nn, &b->source, &b->o))
		fail_msg("%s", precess_error());
}

/* The regression of learning: 3200 images, a tenth of the zero image's loss. */
static void learns(void **state)
{
	struct bench b;
	const struct train_point *last;
	struct train_scores s;
	struct train_batch batch;
	float labels[4 * 2 * NX * NY], weights[4];

	(void)state;
	bench_create(&b, NN_F32, 3200);
	run(&b);
	last = &b.model->curve.point[b.model->curve.n - 1];
	print_message("loss %.4f of the zero image's %.4f\n", last->loss, last->zero);
	assert_true(last->loss < 0.1 * last->zero);
	assert_int_equal(b.model->image, 3200);
	batch = (struct train_batch){
		.nn = b.nn, .label = labels, .weight = weights, .n = 4, .first = 1 << 20
	};
	assert_int_equal(fill(&b.fault, &batch), PRECESS_OK);
	assert_int_equal(nn_forward(b.nn), PRECESS_OK);
	assert_int_equal(train_score(&s, nn_output(b.nn), labels, NY, NX), PRECESS_OK);
	print_message("unseen: PSNR %.1f dB, complex %.1f dB, SSIM %.3f\n", s.psnr, s.complex_psnr,
		      s.ssim);
	assert_true(s.psnr > 22 && s.complex_psnr > 20);
	bench_free(&b);
}

static void learns_in_bf16(void **state)
{
	struct bench b;
	const struct train_point *last;

	(void)state;
	bench_create(&b, NN_BF16, 3200);
	run(&b);
	last = &b.model->curve.point[b.model->curve.n - 1];
	assert_true(last->loss < 0.12 * last->zero);
	bench_free(&b);
}

/* 120 images at once, or 52, a checkpoint, another process's worth of objects, and the rest. */
static void resumes_bit_exactly(void **state)
{
	struct bench a, b, c;
	size_t bytes;

	(void)state;
	bench_create(&a, NN_F32, 120);
	run(&a);
	bench_create(&b, NN_F32, 120);
	b.o.stop_at = 52;
	b.o.checkpoint = in_folder("half.h5");
	run(&b);
	bench_create(&c, NN_F32, 120);
	nn_initialise(c.nn, 77);
	train_model_free(c.model);
	assert_int_equal(train_model_read(&c.model, b.o.checkpoint, "abc123"), PRECESS_OK);
	assert_int_equal(c.model->image, 52);
	run(&c);
	bytes = a.net->n_number * sizeof(float);
	assert_memory_equal(a.model->weight, c.model->weight, bytes);
	assert_memory_equal(a.model->adam->v, c.model->adam->v, bytes);
	assert_memory_not_equal(a.model->weight, b.model->weight, bytes);
	assert_int_equal(a.model->curve.n, c.model->curve.n);
	for (uint64_t i = 0; i < a.model->curve.n; i++)
		assert_true(a.model->curve.point[i].loss == c.model->curve.point[i].loss);
	unlink(b.o.checkpoint);
	bench_free(&a);
	bench_free(&b);
	bench_free(&c);
}

static void gives_up(void **state)
{
	struct bench b;

	(void)state;
	bench_create(&b, NN_F32, 400);
	b.fault = NOISE;
	b.o.guard = 200;
	assert_int_equal(train_run(b.model, b.nn, &b.source, &b.o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "the inputs do not determine the image"));
	assert_true(b.model->image < 250);
	bench_free(&b);
	bench_create(&b, NN_F32, 400);
	b.fault = BROKEN;
	assert_int_equal(train_run(b.model, b.nn, &b.source, &b.o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "the loss is nan at image 40"));
	bench_free(&b);
}

/* --- the model file --- */

static void model_round_trip(void **state)
{
	const char *path = in_folder("m.h5");
	struct train_model *m;
	struct bench b;

	(void)state;
	bench_create(&b, NN_F32, 40);
	run(&b);
	b.model->scores = (struct train_scores){ 31, 0.9, 29 };
	if (train_model_write(path, b.model))
		fail_msg("%s", precess_error());
	if (train_model_read(&m, path, NULL))
		fail_msg("%s", precess_error());
	assert_string_equal(m->net_text, b.model->net_text);
	assert_string_equal(m->sequence, "tiny");
	assert_string_equal(m->hash, "abc123");
	assert_string_equal(m->source, "sequence tiny\n");
	assert_string_equal(m->record, "seed 1\n");
	assert_string_equal(m->net->param[0].name, "blur");
	assert_memory_equal(m->weight, b.model->weight, b.net->n_number * sizeof(float));
	assert_int_equal(m->curve.n, b.model->curve.n);
	assert_true(m->scores.psnr == 31 && m->scores.ssim == 0.9 && m->scores.complex_psnr == 29);
	assert_int_equal(m->adam->step, 10);
	assert_int_equal(train_model_check_params(m, (double[]){ 0.1 }), PRECESS_OK);
	assert_int_equal(train_model_check_params(m, (double[]){ 0.5 }), PRECESS_EINVAL);
	assert_string_equal(precess_error(),
			    "blur = 0.5 is outside 0 .. 0.25: the model was not trained there");
	train_model_free(m);
	unlink(path);
	bench_free(&b);
}

static void refuse(const char *path, const char *hash, const char *error)
{
	struct train_model *m;

	assert_int_equal(train_model_read(&m, path, hash), PRECESS_EINVAL);
	assert_null(m);
	if (!strstr(precess_error(), error))
		fail_msg("'%s' lacks '%s'", precess_error(), error);
}

enum { FLIPS = 300 };

/* Cut at many places, or with a byte turned over: refused, or the very model. */
static void damaged_files(void **state)
{
	const char *path = in_folder("m.h5"), *other = in_folder("cut.h5");
	struct train_model *m;
	struct bench b;
	char *bytes;
	size_t n;

	(void)state;
	bench_create(&b, NN_F32, 8);
	assert_int_equal(train_model_write(path, b.model), PRECESS_OK);
	refuse(path, "another", "trained for another sequence (tiny, hash abc123, not another)");
	assert_int_equal(file_read(&bytes, &n, path, 1 << 26), PRECESS_OK);
	for (size_t i = 0; i < 40; i++) {
		assert_int_equal(file_write(other, bytes, n * i / 40), PRECESS_OK);
		refuse(other, NULL, "truncated");
	}
	for (size_t i = 0; i < FLIPS; i++) {
		size_t at = n * i / FLIPS;

		bytes[at] ^= 0x20;
		assert_int_equal(file_write(other, bytes, n), PRECESS_OK);
		bytes[at] ^= 0x20;
		if (train_model_read(&m, other, NULL) == PRECESS_OK) {
			assert_memory_equal(m->weight, b.model->weight,
					    b.net->n_number * sizeof(float));
			assert_string_equal(m->net_text, b.model->net_text);
			train_model_free(m);
		}
	}
	assert_int_equal(file_write(other, "no HDF5", 7), PRECESS_OK);
	refuse(other, NULL, "not an HDF5 file");
	unlink(other);
	unlink(path);
	assert_int_equal(train_model_read(&m, path, NULL), PRECESS_EIO);
	b.model->weight[3] = NAN;
	assert_int_equal(train_model_write(path, b.model), PRECESS_OK);
	refuse(path, NULL, "weight 3 is nan");
	unlink(path);
	free(bytes);
	bench_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adam_steps),
		cmocka_unit_test(schedules),
		cmocka_unit_test(metrics),
		cmocka_unit_test(similarity_by_hand),
		cmocka_unit_test(learns),
		cmocka_unit_test(learns_in_bf16),
		cmocka_unit_test(resumes_bit_exactly),
		cmocka_unit_test(gives_up),
		cmocka_unit_test(model_round_trip),
		cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests(tests, folder_create, folder_remove);
}
