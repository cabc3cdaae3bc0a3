/* From raw data of several coils to an image, against the truth: a simulated MOLED image seen through
 * known sensitivities, with a known phase in every other line that was read, and every second line left
 * out. */
#include "multicoil.h"

enum { COILS = 8, CAL = 24, NAV = 3, FIRST = 1 };

static void put(float *v, size_t i, double complex z)
{
	v[2 * i] = (float)creal(z);
	v[2 * i + 1] = (float)cimag(z);
}

/* The field of a wire beside the head: smooth, of any phase. */
static double complex sensitivity(int c, int y, int x)
{
	double complex r = (x + 0.5) / N - 0.5 + I * ((y + 0.5) / N - 0.5);

	return 0.3 * cexp(I * c) / (r - 0.75 * cexp(2 * PI * I * c / COILS));
}

static float *moled_image(void)
{
	struct draw *d = compile_file("sequences/moled.seq");
	struct object *o;
	struct maps *m;
	struct sim_result *r;
	struct kspace *k;
	float *image;

	assert_int_equal(object_open(&o, "head:3"), 0);
	assert_int_equal(object_maps(&m, o, d->program, d->program->fov, 2 * N, 2 * N, NULL), 0);
	r = simulate(d, m, SIM_auto, 0);
	if (kspace_sort(&k, d, r) || kspace_image(&image, d, k))
		fail_msg("%s", precess_error());
	assert_true(k->nx == N && k->ny == N);
	kspace_free(k);
	sim_result_free(r);
	maps_free(m);
	object_free(o);
	drop(d);
	return image;
}

/* k-space of every coil; `absolute` sees the magnitude of the image, as a scan without echo shifts. */
static struct kspace coil_kspace(const float *image, bool absolute)
{
	struct kspace k = { .n_set = COILS, .ny = N, .nx = N };
	float *v = calloc((size_t)COILS * N * N, 2 * sizeof *v);

	k.data = calloc((size_t)COILS * N * N, 2 * sizeof *k.data);
	for (int c = 0; c < COILS; c++)
		for (int i = 0; i < N * N; i++) {
			double complex m = get(image, (size_t)i);

			put(v, (size_t)(c * N * N + i),
			    sensitivity(c, i / N, i % N) * (absolute ? cabs(m) : m));
		}
	assert_int_equal(kspace_of_image(&k, v), 0);
	free(v);
	return k;
}

static float *copy_rows(const float *k, int first, int count)
{
	float *v = calloc((size_t)COILS * (size_t)count * N, 2 * sizeof *v);

	for (int c = 0; c < COILS; c++)
		memcpy(v + 2 * (size_t)(c * count) * N, k + 2 * (size_t)(c * N + first) * N,
		       2 * (size_t)count * N * sizeof *v);
	return v;
}

/* Rows of negative polarity times exp(-i (constant + slope x)), x in pixels from the middle. */
static void plant(float *row, int n_row, const signed char *polarity, double constant, double slope)
{
	struct kspace k = { .n_set = n_row, .ny = 1, .nx = N, .data = row };
	float *v;

	assert_int_equal(kspace_image(&v, NULL, &k), 0);
	for (int i = 0; i < n_row; i++)
		for (int x = 0; x < N && polarity[i] < 0; x++)
			put(v, (size_t)(i * N + x),
			    get(v, (size_t)(i * N + x)) *
				    cexp(-I * (constant + slope * (x + 0.5 - N / 2))));
	assert_int_equal(kspace_of_image(&k, v), 0);
	free(v);
}

static struct recon_scan *simulated_scan(const struct kspace *k, const struct kspace *plain,
					 double constant, double slope)
{
	struct recon_scan *s = calloc(1, sizeof *s);
	int sign = 1;

	*s = (struct recon_scan){ .coils = COILS, .lines = N, .samples = N, .cal_lines = CAL,
				  .nav_lines = NAV, .acceleration = 2 };
	s->source = strdup("simulated");
	s->kspace = copy_rows(k->data, 0, N);
	s->cal = copy_rows(plain->data, N / 2 - CAL / 2, CAL);
	s->nav = calloc((size_t)COILS * NAV * N, 2 * sizeof *s->nav);
	s->polarity = calloc(N, 1);
	s->nav_polarity = calloc(NAV, 1);
	for (int y = FIRST; y < N; y += 2, sign = -sign)
		s->polarity[y] = (signed char)sign;
	for (int j = 0; j < NAV; j++)
		s->nav_polarity[j] = j % 2 ? -1 : 1;
	for (int c = 0; c < COILS; c++) {
		for (int y = 0; y < N; y++)
			if (!s->polarity[y])
				memset(s->kspace + 2 * (c * N + y) * N, 0, 2 * N * sizeof(float));
		for (int j = 0; j < NAV; j++)
			memcpy(s->nav + 2 * (c * NAV + j) * N,
			       plain->data + 2 * (c * N + N / 2) * N, 2 * N * sizeof(float));
		plant(s->kspace + 2 * c * N * N, N, s->polarity, constant, slope);
		plant(s->nav + 2 * c * NAV * N, NAV, s->nav_polarity, constant, slope);
	}
	return s;
}

static void simulated(void **state)
{
	static const int echo[][2] = { { -18, -48 }, { 6, -16 }, { -6, 16 }, { 18, 48 } };
	const double constant = 0.4, slope = 0.035;
	struct recon_options o = RECON_DEFAULTS;
	float *image = moled_image();
	struct kspace k = coil_kspace(image, false), plain = coil_kspace(image, true);
	struct recon_scan *s = simulated_scan(&k, &plain, constant, slope);
	struct recon_result *r;
	double filled, whole, d = 0, w = 0;

	(void)state;
	o.lambda = 1e-4; /* there is no noise */
	o.kernel[1] = 4;
	if (recon_run(&r, s, &o))
		fail_msg("%s", precess_error());
	near(r->phase.constant, constant, 1e-3, "constant phase between lines", 0);
	near(r->phase.slope, slope, 1e-3, "its slope", 0);
	assert_int_equal(r->phase.lines, 32);
	assert_int_equal(r->grappa.lines, 63);
	assert_true(difference(r->coil_kspace->data, k.data, COILS, FIRST, N - 1, 2) < 1e-3);
	filled = difference(r->coil_kspace->data, k.data, COILS, FIRST + 1, N - 2, 2);
	for (int i = 0; i < N * N; i++) {
		double length = 0, truth = cabs(get(image, (size_t)i));

		for (int c = 0; c < COILS; c++)
			length += pow(cabs(sensitivity(c, i / N, i % N)), 2);
		truth *= sqrt(length);
		d += pow(cabs(get(r->image, (size_t)i)) - truth, 2);
		w += truth * truth;
	}
	whole = sqrt(d / w);
	print_message("simulated: lines filled %.4f off, image %.4f off\n", filled, whole);
	assert_true(filled < 0.02);
	assert_true(whole < 0.02);
	for (size_t i = 0; i < PRECESS_COUNT(echo); i++) {
		int at[2];

		find_peak(at, r->kspace->data, echo[i][0], echo[i][1], 5);
		near(at[0], echo[i][0], 1.01, "echo along x", (int)i);
		near(at[1], echo[i][1], 1.01, "echo along y", (int)i);
	}
	recon_result_free(r);
	recon_scan_free(s);
	free(k.data);
	free(plain.data);
	free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(simulated) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
