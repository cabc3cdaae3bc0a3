/* Whole sequences: the two double methods against each other, images, spins through the slice,
 * coherence pathways. */
#include "protocols.h"

/* The largest difference two routes may have: events have times in picoseconds, in which the phase
 * of a readout of 1 MHz moves by 1e-6 rad; times here are whole picoseconds. */
static const double same = 1e-9;

static void agree(struct draw *d, double db0, int nz)
{
	struct maps *m = random_maps(13, 11, fov, db0, 7);
	struct sim_result *a = simulate(d, m, SIM_direct, nz), *b = simulate(d, m, SIM_step, nz);

	near(compare(a, b), 0, same, "direct against step", 0);
	assert_true(a->largest > 0 && a->n_spin == b->n_spin);
	sim_result_free(a);
	sim_result_free(b);
	maps_free(m);
	drop(d);
}

static void epi_routes(void **state)
{
	(void)state;
	agree(epi(12), 150, 0);
}

static void fse_routes(void **state)
{
	struct draw *d = fse(8, 4, 9e-3, 2);

	(void)state;
	assert_int_equal(d->program->n_history, 1); /* both shots */
	agree(d, 40, 3);
}

static void moled_routes(void **state)
{
	(void)state;
	agree(moled(12, 3), 40, 2);
}

/* A signal must not depend on the number of threads, to the last bit. */
static void threads(void **state)
{
	struct maps *m = random_maps(40, 30, fov, 50, 3);
	struct draw *d = epi(8);
	struct sim_options o = { .method = SIM_direct, .threads = 1, .quiet = true };
	struct sim_result *a, *b;

	(void)state;
	assert_int_equal(sim_run(&a, d, m, &o), PRECESS_OK);
	o.threads = 3;
	assert_int_equal(sim_run(&b, d, m, &o), PRECESS_OK);
	assert_memory_equal(a->signal, b->signal, 2 * a->n_sample * sizeof *a->signal);
	sim_result_free(a);
	sim_result_free(b);
	maps_free(m);
	drop(d);
}

/* Nothing sampled, and samples without a pulse: no signal, no failure. */
static void silent(void **state)
{
	struct maps *m = uniform(3, fov, 1, 0.1, 1, 0);

	(void)state;
	for (int samples = 0; samples < 2; samples++) {
		struct build b = build_begin(fov, 0, 8);
		struct draw *d;

		if (!samples)
			play_rf(&b, 1e-3, PI / 2, 0, IR_USE_excitation);
		else
			play_adc(&b, 5, 1e-3);
		d = build_end(&b);
		for (int method = 0; method < SIM_METHODS; method++) {
			struct sim_result *r;

			if (method == SIM_line || method == SIM_train)
				continue;
			r = simulate(d, m, (enum sim_method)method, 0);
			assert_int_equal(r->n_sample, samples ? 5 : 0);
			assert_true(r->largest == 0 && r->bound == 0);
			sim_result_free(r);
		}
		drop(d);
	}
	maps_free(m);
}

/* ------------------------------------------------------------------ pulses with gradients */
static struct ir_shape sinc(struct ir *ir, uint32_t n)
{
	double *v = arena_alloc(ir->arena, 2 * n * sizeof *v), sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		double t = (i + 0.5) / n - 0.5, x = 4 * PI * t;

		v[2 * i] = sin(x + 1e-300) / (x + 1e-300) * (0.5 + 0.5 * cos(2 * PI * t));
		v[2 * i + 1] = 0.1 * sin(7 * t);
		sum += v[2 * i];
	}
	for (uint32_t i = 0; i < 2 * n; i++)
		v[i] *= n / sum;
	return (struct ir_shape){ .name = "sinc", .complex = true, .n = n, .sample = v };
}

static void shaped(void **state)
{
	for (int kind = 0; kind < 3; kind++) { /* no gradient, constant, with ramps */
		struct build b = build_begin(fov, 5e-3, 8);
		struct ir_shape shape = sinc(b.ir, 50);
		uint32_t s = ir_add_shape(b.ir, &shape);

		(void)state;
		for (int i = 0; i < 2; i++) {
			build_open(&b);
			add_rf(&b, kind == 1 ? 100e-6 : 0, 2e-3, 70 * deg, 0.3 + i, 120, s,
			       IR_USE_excitation);
			if (kind == 1)
				add_trap(&b, 2, 0, 10e-3, 100e-6, 2e-3, 100e-6);
			if (kind == 2)
				add_trap(&b, 2, 0, 10e-3, 0.7e-3, 1e-3, 0.5e-3);
			if (kind == 2)
				add_trap(&b, 0, 0.3e-3, 1e-3, 0.2e-3, 0, 0.2e-3);
			build_close(&b, 0);
			build_open(&b);
			add_trap(&b, 2, 0, -5e-3, 100e-6, 2e-3, 100e-6);
			build_close(&b, 0);
			play_adc(&b, 16, 20e-6);
		}
		agree(build_end(&b), 60, 5);
	}
}

/* A slice-selective pulse: profile and refocused phase. */
static void slice_profile(void **state)
{
	struct build b = build_begin(fov, 20e-3, 8);
	struct ir_shape shape = sinc(b.ir, 200);
	struct maps *m = uniform(1, fov, INFINITY, INFINITY, 1, 0);
	struct sim_result *r;
	struct draw *d;
	uint32_t s;
	double g;

	(void)state;
	for (uint32_t i = 0; i < shape.n; i++)
		shape.sample[2 * i + 1] = 0;
	s = ir_add_shape(b.ir, &shape);
	g = 8 / 2e-3 / 20e-3 / b.ir->system.gamma; /* bandwidth 4 / 2 ms: about 10 mm excited */
	build_open(&b);
	add_rf(&b, 0, 2e-3, 30 * deg, 0, 0, s, IR_USE_excitation);
	add_trap(&b, 2, 0, g, 0, 2e-3, 0);
	build_close(&b, 0);
	play_moment(&b, 2, 1e-3, -4 / 20e-3);
	play_adc(&b, 1, 2e-9);
	d = build_end(&b);
	r = simulate(d, m, SIM_direct, 0);
	assert_true(r->nz >= 64);
	near(r->signal[0], 0, 2e-3, "re", 0); /* refocused */
	near(r->signal[1], 0.25, 0.03, "im", 0);
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

/* ------------------------------------------------------------------ images */
/* One spin per pixel of an n by n grid, one pixel bright: its image, and where it must be. */
static void point_of(struct draw *d, double t2, const char *what, double least)
{
	const int n = d->program->matrix[0], x = n / 2 + 2, y = 1;
	struct maps *m = uniform(n, fov, INFINITY, t2, 1, 0);
	struct sim_result *r;
	struct kspace *k;
	double best = 0;
	float *image;
	int at = 0;

	for (int i = 0; i < n * n; i++)
		m->map[PROGRAM_MAP_M0][i] = i == y * n + x;
	r = simulate(d, m, SIM_direct, 0);
	if (kspace_sort(&k, d, r) || kspace_image(&image, d, k))
		fail_msg("%s: %s", what, precess_error());
	assert_int_equal(k->n_set, 1);
	assert_int_equal(k->nx, n);
	assert_int_equal(k->ny, n);
	for (int i = 0; i < n * n; i++) {
		double a = hypot((double)image[2 * i], (double)image[2 * i + 1]);

		if (a > best) {
			best = a;
			at = i;
		}
	}
	near(at % n, x, 0, what, 0);
	near(at / n, y, 0, what, 1);
	near(best, least, 0.02 * least, what, 2);
	free(image);
	kspace_free(k);
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

static void point(void **state)
{
	(void)state;
	point_of(epi(16), INFINITY, "epi", 1);
	point_of(fse(16, 4, 9e-3, 2), INFINITY, "fse", sin(50 * deg));
}

/* Sampled exactly at the spins' own spacing a point has the same phase everywhere: +i for EPI. */
static void point_phase(void **state)
{
	const int n = 16;
	struct draw *d = epi(n);

	(void)state;
	for (int i = 0; i < n * n; i += 37) {
		struct maps *m = uniform(n, fov, INFINITY, INFINITY, 1, 0);
		struct sim_result *r;
		struct kspace *k;
		float *image;

		set_map(m, PROGRAM_MAP_M0, 0);
		m->map[PROGRAM_MAP_M0][i] = 1;
		r = simulate(d, m, SIM_direct, 0);
		assert_int_equal(kspace_sort(&k, d, r), PRECESS_OK);
		assert_int_equal(kspace_image(&image, d, k), PRECESS_OK);
		near((double)image[2 * i], 0, 1e-4, "re", i);
		near((double)image[2 * i + 1], 1, 1e-4, "im", i);
		free(image);
		kspace_free(k);
		sim_result_free(r);
		maps_free(m);
	}
	drop(d);
}

static void not_cartesian(void **state)
{
	struct build b = build_begin(fov, 0, 8);
	struct maps *m = uniform(2, fov, 1, 0.1, 1, 0);
	struct sim_result *r;
	struct kspace *k;
	struct draw *d;

	(void)state;
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	play_adc(&b, 20, 1e-3);
	d = build_end(&b);
	r = simulate(d, m, SIM_direct, 0);
	assert_int_equal(kspace_sort(&k, d, r), PRECESS_ENOTSUP);
	assert_null(k);
	assert_non_null(strstr(precess_error(), "20 samples"));
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

/* ------------------------------------------------------------------ slice and pathways */
/* As many spins through the slice as were chosen give what many more give. */
static void enough_spins(void **state)
{
	struct maps *m = random_maps(6, 6, fov, 0, 5);
	struct draw *d = fse(8, 8, 9e-3, 4);
	struct sim_result *a = simulate(d, m, SIM_direct, 0), *b = simulate(d, m, SIM_direct, 131);
	struct sim_result *c = simulate(d, m, SIM_direct, 1);
	struct text why;

	(void)state;
	text_init(&why);
	assert_int_equal(sim_slice_spins(d, &why), a->nz);
	assert_true(a->nz > 1 && a->nz < 40);
	near(compare(a, b), 0, 1e-4, "spins chosen against 131", 0);
	assert_true(compare(b, c) > 0.05); /* one spin cannot dephase */
	text_free(&why);
	sim_result_free(a);
	sim_result_free(b);
	sim_result_free(c);
	maps_free(m);
	drop(d);
}

static void no_slice(void **state)
{
	struct draw *d = epi(8);

	(void)state;
	assert_int_equal(sim_slice_spins(d, NULL), 1);
	drop(d);
}

static const struct pathway *find(const struct pathway *p, size_t n, double x, double y)
{
	for (size_t i = 0; i < n; i++) {
		if (fabs(p[i].k[0] * fov - x) < 0.1 && fabs(p[i].k[1] * fov - y) < 0.1 &&
		    !p[i].alias[0] && !p[i].alias[1])
			return &p[i];
	}
	fail_msg("no pathway at (%g, %g)", x, y);
	return NULL;
}

/* Amplitude of what a uniform object without relaxation sends at a moment, from spins. */
static double probe(double x, double y, double b1)
{
	struct build b = build_begin(fov, 5e-3, 128);
	struct maps *m = uniform(256, fov, INFINITY, INFINITY, b1, 0);
	struct sim_result *r;
	struct draw *d;
	double a;

	play_moled_pulses(&b, 128, 4);
	play_moment(&b, 0, 1e-3, x / fov);
	play_moment(&b, 1, 1e-3, y / fov);
	play_adc(&b, 1, 2e-9);
	d = build_end(&b);
	r = simulate(d, m, SIM_direct, 3);
	a = hypot(r->signal[0], r->signal[1]);
	sim_result_free(r);
	maps_free(m);
	drop(d);
	return a;
}

/* The table of sequences.md: echoes and ghosts of MOLED, their order largest pathway's. */
static void moled_pathways(void **state)
{
	static const struct {
		double x, y, time;
		const char *order;
	} want[] = { { -18, -48, 22e-3, "000-+" }, { 6, -16, 52e-3, "00--+" },
		     { -6, 16, 82e-3, "0---+" }, { 18, 48, 110e-3, "----+" },
		     { -30, -16, 52e-3, "0-0-+" }, { 30, 16, 82e-3, "-0--+" },
		     { 18, -48, 52e-3, "0+--+" } };
	struct draw *d = moled(128, 4);
	struct pathway *p;
	size_t n;

	(void)state;
	if (pathways_find(&p, &n, d, 0, 0, 0.9, 0.9, 2e-3))
		fail_msg("%s", precess_error());
	for (size_t i = 0; i < PRECESS_COUNT(want); i++) {
		const struct pathway *q = find(p, n, want[i].x, want[i].y);

		near(q->time, want[i].time, 10e-3, "echo time", (int)i);
		assert_string_equal(q->order, want[i].order);
	}
	for (size_t i = 0; i < n; i++) {
		near(p[i].amplitude, probe(p[i].k[0] * fov, p[i].k[1] * fov, (double)0.9f), 1e-6,
		     p[i].order, (int)i);
		assert_true(i == 0 || p[i].amplitude <= p[i - 1].amplitude);
	}
	free(p);
	drop(d);
}

/* Spins too far apart fold what leaves the window back into it. */
static void folded(void **state)
{
	struct draw *d = moled(128, 0);
	struct pathway *p;
	size_t n, n_folded = 0;

	(void)state;
	if (pathways_find(&p, &n, d, 130, 130, 0.7, 1.3, 1e-3))
		fail_msg("%s", precess_error());
	for (size_t i = 0; i < n; i++)
		n_folded += p[i].alias[0] || p[i].alias[1];
	assert_true(n_folded > 0 && n_folded < n);
	free(p);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(epi_routes), cmocka_unit_test(fse_routes),
		cmocka_unit_test(moled_routes), cmocka_unit_test(threads), cmocka_unit_test(silent),
		cmocka_unit_test(shaped), cmocka_unit_test(slice_profile),
		cmocka_unit_test(point), cmocka_unit_test(point_phase),
		cmocka_unit_test(not_cartesian),
		cmocka_unit_test(enough_spins), cmocka_unit_test(no_slice),
		cmocka_unit_test(moled_pathways), cmocka_unit_test(folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
