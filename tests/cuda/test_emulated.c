/* The CUDA kernels without a device: the same sources, launches as loops, against sums in double
 * and against the processor's methods. What this cannot see is said in docs/gpu.md. */
#include "tests/cuda/agree.h"

extern const struct backend backend_cuda_emulated;

static const double pi2 = 6.283185307179586476925;

/* ------------------------------------------------------------------ operations */
static void transform(void **state)
{
	enum { N = 12, BATCH = 5 };
	struct spin_complex in[BATCH * N], out[BATCH * N];
	struct rng r = rng_make(1, 1);

	(void)state;
	for (int i = 0; i < BATCH * N; i++) {
		in[i].re = (float)rng_uniform(&r, -1, 1);
		in[i].im = (float)rng_uniform(&r, -1, 1);
	}
	assert_int_equal(backend_cuda_emulated.ops.transform(out, in, N, BATCH), PRECESS_OK);
	for (int b = 0; b < BATCH; b++) {
		for (int k = 0; k < N; k++) {
			double re = 0, im = 0;

			for (int x = 0; x < N; x++) {
				double c = cos(pi2 * k * x / N), s = -sin(pi2 * k * x / N);
				double a = (double)in[b * N + x].re, d = (double)in[b * N + x].im;

				re += a * c - d * s;
				im += a * s + d * c;
			}
			assert_true(fabs(re - (double)out[b * N + k].re) < 1e-5);
			assert_true(fabs(im - (double)out[b * N + k].im) < 1e-5);
		}
	}
}

/* Phases of hundreds of turns, where a product rounded to single precision would show. */
static void direct(void **state)
{
	enum { NX = 9, NY = 7, N = NX * NY, SAMPLES = 6 };
	static float spins[BLOCH_MAPS * N];
	struct spin_complex view[N], scratch[64 * SAMPLES], out[SAMPLES];
	struct bloch_sample at[SAMPLES];
	double t[SAMPLES], k[SAMPLES][2];
	struct rng r = rng_make(2, 1);

	(void)state;
	for (int i = 0; i < N; i++) {
		spins[i] = i % 5 ? 1 : 0;
		spins[2 * N + i] = (float)rng_uniform(&r, 1, 20);
		spins[3 * N + i] = (float)rng_uniform(&r, -2000, 2000);
		view[i].re = (float)rng_uniform(&r, -1, 1);
		view[i].im = (float)rng_uniform(&r, -1, 1);
	}
	for (int j = 0; j < SAMPLES; j++) {
		t[j] = rng_uniform(&r, 0, 0.1);
		k[j][0] = rng_uniform(&r, -30, 30);
		k[j][1] = rng_uniform(&r, -30, 30);
		at[j].at = (struct spin_free){ spin_split(t[j]), spin_split(k[j][0]),
					       spin_split(k[j][1]), 0 };
	}
	assert_int_equal(backend_cuda_emulated.ops.direct(out, scratch, view, spins, at, SAMPLES, NX,
							  NY), PRECESS_OK);
	for (int j = 0; j < SAMPLES; j++) {
		double re = 0, im = 0;

		for (int i = 0; i < N; i++) {
			double turns = (double)spins[3 * N + i] * t[j] +
				       k[j][0] * (2 * (i % NX) + 1 - NX) +
				       k[j][1] * (2 * (i / NX) + 1 - NY);
			double g = (double)spins[i] * exp(-(double)spins[2 * N + i] * t[j]);
			double c = g * cos(pi2 * turns), s = -g * sin(pi2 * turns);

			re += c * (double)view[i].re - s * (double)view[i].im;
			im += c * (double)view[i].im + s * (double)view[i].re;
		}
		assert_true(fabs(re - (double)out[j].re) < 2e-5);
		assert_true(fabs(im - (double)out[j].im) < 2e-5);
	}
}

/* More than a launch takes, or than kernels are made for, is refused. */
static void refusals(void **state)
{
	struct bloch_schedule s = { .nx = 8, .ny = 8, .n_draw = 70000, .n_slot = 1, .terms = 13 };

	(void)state;
	assert_int_equal(backend_cuda_emulated.ops.state(NULL, NULL, NULL, &s), PRECESS_ENOTSUP);
	s.n_slot = BLOCH_SLOTS + 1;
	assert_int_equal(backend_cuda_emulated.ops.state(NULL, NULL, NULL, &s), PRECESS_ENOTSUP);
	assert_int_equal(backend_cuda_emulated.ops.sums(NULL, NULL, NULL, NULL, &s),
			 PRECESS_ENOTSUP);
}

/* ------------------------------------------------------------------ sequences */
static void emulate(struct draw *d, int nx, double db0)
{
	agree(d, "cuda-emulated", nx, nx - 2, db0);
}

static void sequence_fse(void **state)
{
	(void)state;
	emulate(compile_file("sequences/fse.seq"), 36, 40);
}

static void sequence_gre_epi(void **state)
{
	(void)state;
	emulate(compile_file("sequences/gre_epi.seq"), 36, 80);
}

static void sequence_moled(void **state)
{
	(void)state;
	emulate(compile_file("sequences/moled.seq"), 36, 80);
}

/* Pulses that see z: a thread steps through each, spin after spin through the slice. */
static void sequence_slice_select(void **state)
{
	(void)state;
	emulate(compile_text("seq 1\n"
			   "sequence sliced\n"
			   "map T2 : time in 10ms .. 650ms\n"
			   "map M0 : number in 0 .. 1\n"
			   "map B1 : number in 0.7 .. 1.3\n"
			   "map dB0 : frequency in -150Hz .. 150Hz\n"
			   "map T1 : time = 1s\n"
			   "geometry fov = [220mm, 220mm], matrix = [32, 32], slice = 5mm\n"
			   "system = default\n"
			   "let pulse = sinc(60deg, 3ms, tbw = 4, apodization = 0.5, "
			   "use = excitation)\n"
			   "let exc = slice_select(pulse, thickness = slice)\n"
			   "let gx = trapezoid(x, flat_area = 32 / 220mm, flat = 3.2ms)\n"
			   "reset\n"
			   "play e = exc\n"
			   "play exc.rephase\n"
			   "play trapezoid(x, area = -gx.area / 2)\n"
			   "play gx & adc(32, over = gx.flat)\n"), 10, 20);
}

/* Trains of pulses without a reset: many coherence orders, hard and shaped pulses. */
static void sequence_others(void **state)
{
	(void)state;
	emulate(compile_file("sequences/02_spin_echo.seq"), 36, 30);
	emulate(compile_file("sequences/05_multi_echo.seq"), 36, 30);
	emulate(compile_file("sequences/06_bssfp.seq"), 36, 5);
}

/* ------------------------------------------------------------------ choosing a device */
static void choose(const char *device, precess_status want, const char *says)
{
	const struct backend *b;
	struct text why;

	text_init(&why);
	assert_int_equal(backend_open(&b, &why, device), want);
	if (!strstr(want ? precess_error() : why.data, says))
		fail_msg("%s: \"%s\" does not say \"%s\"", device,
			 want ? precess_error() : why.data, says);
	text_free(&why);
}

static void devices(void **state)
{
	(void)state;
	choose("cpu", PRECESS_OK, "as asked");
	choose("cuda-emulated:0", PRECESS_OK, "launches as loops");
	choose("cuda-emulated:1", PRECESS_EDEVICE, "there is 1");
	choose("cuda-emulated:x", PRECESS_EINVAL, "a number");
	choose("abacus", PRECESS_EINVAL, "there are auto, cpu, cuda");
	setenv("PRECESS_BACKEND_PATH", "/nonexistent", 1);
	choose("cuda", PRECESS_EDEVICE, "no library /nonexistent/backend_cuda.so");
	choose("auto", PRECESS_OK, "cpu: ");
	setenv("PRECESS_BACKEND_PATH", STALE_FOLDER, 1);
	choose("cuda:0", PRECESS_EDEVICE, "build both together");
	choose("auto", PRECESS_OK, "cpu: ");
	unsetenv("PRECESS_BACKEND_PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transform),
		cmocka_unit_test(direct),
		cmocka_unit_test(refusals),
		cmocka_unit_test(sequence_fse),
		cmocka_unit_test(sequence_gre_epi),
		cmocka_unit_test(sequence_moled),
		cmocka_unit_test(sequence_slice_select),
		cmocka_unit_test(sequence_others),
		cmocka_unit_test(devices),
	};

	backend_register(&backend_cuda_emulated);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
