/* Images of what is not sampled on the matrix: known objects, and the same object read both ways. */
#include "tests/physics/compile.h"

enum { N = 32, OVER = 4 };
static const double fov = 0.22;

/* ------------------------------------------------------------------ lines along x */
enum kind { PLAIN, TWICE, RAMPS, PARTIAL };

/* A train with lines of N cells: as the matrix wants them; read twice as densely; on the ramps of a
 * trapezoid; only the upper three quarters of k-space. */
static struct draw *train(enum kind kind)
{
	struct build b = build_begin(fov, 0, N);
	double dk = 1 / fov, gamma = b.ir->system.gamma, dwell = 5e-6;
	int first = kind == PARTIAL ? N / 4 : 0, n = kind == PLAIN || kind == PARTIAL ? N : 3 * N;

	if (kind == TWICE)
		n = 2 * N;
	play_rf(&b, 100e-6, PI / 2, 0, IR_USE_excitation);
	build_open(&b);
	add_moment(&b, 0, 0, 1e-3, -N / 2 * dk);
	add_moment(&b, 1, 0, 1e-3, (first - N / 2) * dk);
	build_close(&b, 0);
	for (int i = first; i < N; i++) {
		double sign = (i - first) & 1 ? -1 : 1, time = n * dwell;

		build_open(&b);
		if (kind == RAMPS)
			add_trap(&b, 0, 0, sign * N * dk / (0.7 * time) / gamma, 0.3 * time,
				 0.4 * time, 0.3 * time);
		else
			add_moment(&b, 0, 0, time, sign * N * dk);
		add_adc(&b, 0, (uint32_t)n, dwell, 0, 0, i);
		build_close(&b, 0);
		play_moment(&b, 1, 5e-6, dk);
	}
	return build_end(&b);
}

/* ------------------------------------------------------------------ an object */
static bool inside(double x, double y) /* pixels of an n by n image, in units of n */
{
	return hypot(x - 0.55, y - 0.42) < 0.22 || (fabs(x - 0.3) < 0.08 && fabs(y - 0.7) < 0.12);
}

static struct maps *object(int n)
{
	struct maps *m = uniform(n, fov, INFINITY, INFINITY, 1, 0);

	for (int i = 0; i < n * n; i++)
		m->map[PROGRAM_MAP_M0][i] = inside((i % n + 0.5) / n, (i / n + 0.5) / n);
	return m;
}

static float *image_of(struct draw *d, enum sim_method method, int n, const char *regridded)
{
	struct maps *m = object(n * OVER);
	struct sim_result *r = simulate(d, m, method, 1);
	struct kspace *k;
	float *image;

	if (kspace_sort(&k, d, r) || kspace_image(&image, d, k))
		fail_msg("%s", precess_error());
	assert_int_equal(k->n_set, 1);
	if (regridded)
		assert_string_equal(k->regridded, regridded);
	else
		assert_null(k->regridded);
	kspace_free(k);
	sim_result_free(r);
	maps_free(m);
	drop(d);
	return image;
}

/* Root mean square difference of magnitudes, of the largest of `b`. */
static double difference(const float *a, const float *b, int n)
{
	double sum = 0, most = 0;

	for (int i = 0; i < n * n; i++) {
		double x = hypot((double)a[2 * i], (double)a[2 * i + 1]);
		double y = hypot((double)b[2 * i], (double)b[2 * i + 1]);

		sum += (x - y) * (x - y);
		most = fmax(most, y);
	}
	return sqrt(sum / (n * n)) / most;
}

/* Samples that lie on the matrix among others give its image; those of ramps stop half a sample
 * short of the line's ends, and the highest columns are estimated. */
static void lines(void **state)
{
	float *plain = image_of(train(PLAIN), SIM_direct, N, NULL);
	float *twice = image_of(train(TWICE), SIM_direct, N, "along x");
	float *ramps = image_of(train(RAMPS), SIM_direct, N, "along x");

	(void)state;
	near(difference(twice, plain, N), 0, 0.01, "read twice as densely", 0);
	near(difference(ramps, plain, N), 0, 0.01, "read on ramps", 0);
	free(plain);
	free(twice);
	free(ramps);
}

/* Lines that were not read are zero: the object is there, smoother along y. */
static void partial(void **state)
{
	float *plain = image_of(train(PLAIN), SIM_direct, N, NULL);
	float *part = image_of(train(PARTIAL), SIM_direct, N, NULL);

	(void)state;
	near(difference(part, plain, N), 0, 0.06, "three quarters of the lines", 0);
	free(plain);
	free(part);
}

/* ------------------------------------------------------------------ non-Cartesian */
static void known(const char *text, int n, const char *what)
{
	float *image = image_of(compile_text(text), SIM_auto, n, "gridding");
	double sum = 0, scale = 0, in = 0;

	for (int i = 0; i < n * n; i++) {
		bool deep = hypot((i % n + 0.5) / n - 0.55, (i / n + 0.5) / n - 0.42) < 0.15;

		if (deep) {
			scale += hypot((double)image[2 * i], (double)image[2 * i + 1]);
			in++;
		}
	}
	/* Gridded weights are areas of k-space: the same size as from a matrix of lines. */
	near(scale / in, 1, 0.03, what, 0);
	for (int i = 0; i < n * n; i++) {
		double a = hypot((double)image[2 * i], (double)image[2 * i + 1]), want = 0;
		double x = (i % n + 0.5) / n, y = (i / n + 0.5) / n;

		for (int s = 0; s < OVER * OVER; s++)
			want += inside(x + ((s % OVER + 0.5) / OVER - 0.5) / n,
				       y + ((s / OVER + 0.5) / OVER - 0.5) / n);
		want /= OVER * OVER;
		sum += (a - want) * (a - want);
	}
	near(sqrt(sum / (n * n)), 0, 0.09, what, 1); /* rings at the edges, as of any image */
	free(image);
}

static void spiral(void **state)
{
	(void)state;
	known("seq 1\nsequence s\nimport std.spiral (spiral_out)\nmap T2 : time = 10s\n"
	      "geometry fov = 220mm, matrix = 64\nsystem = prisma\n"
	      "for i in 0 ..< 8 {\n reset\n play hard(90deg, 100us, use = excitation)\n"
	      " play spiral_out(i, 8)\n}\n", 64, "spiral");
}

static void radial(void **state)
{
	(void)state;
	known("seq 1\nsequence s\nimport std.radial (spoke, golden_angle)\nmap T2 : time = 10s\n"
	      "geometry fov = 220mm, matrix = 64\nsystem = prisma\n"
	      "for i in 0 ..< 101 {\n reset\n play hard(90deg, 100us, use = excitation)\n"
	      " play spoke(i, golden_angle(i), dwell = 5us)\n}\n", 64, "radial");
}

/* ------------------------------------------------------------------ a density in the window */
/* Against the double sum, for points and moments of odd and even number and moments between. */
static void density(void **state)
{
	enum { NX = 21, NY = 16, KX = 9, KY = 12 };
	static float at[2 * NX * NY], data[2 * KX * KY];
	struct kspace k = { .n_set = 1, .nx = KX, .ny = KY, .data = data, .offset = { 0.5, -0.3 } };
	uint32_t r = 12345;

	(void)state;
	for (int i = 0; i < 2 * NX * NY; i++)
		at[i] = (float)((r = r * 1664525u + 1013904223u) >> 8) / (1 << 24) - 0.5f;
	assert_int_equal(kspace_of_density(&k, at, NX, NY), 0);
	for (int j = 0; j < KY; j++) {
		for (int i = 0; i < KX; i++) {
			double kx = i - KX / 2 + 0.5, ky = j - KY / 2 - 0.3, re = 0, im = 0;

			for (int n = 0; n < NX * NY; n++) {
				double x = (n % NX + 0.5) / NX - 0.5, y = (n / NX + 0.5) / NY - 0.5,
				       a = -2 * PI * (kx * x + ky * y);

				re += (double)at[2 * n] * cos(a) - (double)at[2 * n + 1] * sin(a);
				im += (double)at[2 * n] * sin(a) + (double)at[2 * n + 1] * cos(a);
			}
			assert_true(fabs((double)data[2 * (j * KX + i)] - re / (NX * NY)) < 1e-7);
			assert_true(fabs((double)data[2 * (j * KX + i) + 1] - im / (NX * NY)) <
				    1e-7);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(density),
		cmocka_unit_test(lines),
		cmocka_unit_test(partial),
		cmocka_unit_test(spiral),
		cmocka_unit_test(radial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
