/* The simulator against signals of other programs (BART, JEMRIS); see refcases/README.md. Cases
 * that are not there are skipped; when none is, so is the test (exit status 77). */
#include "build.h"
#include "refcase.h"
#include "tests/refcases/report.h"

static int n_present;

/* Loads re and im, or skips the case. */
static void load(double *out[2], size_t *n, const char *which, const char *file)
{
	out[0] = refcase(which, file, "re", n);
	out[1] = out[0] ? refcase(which, file, "im", n) : NULL;
	if (!out[1]) {
		free(out[0]);
		print_message("%s: not there, skipped\n", which);
		skip();
	}
	n_present++;
}

/* || s - ref || / || ref || over samples [from, n), reference sample i at signal[2 (i - from)]. */
static double misfit(const double *signal, double *ref[2], size_t from, size_t n, double scale)
{
	double d = 0, r = 0;

	for (size_t i = from; i < n; i++) {
		double x = scale * signal[2 * (i - from)] - ref[0][i];
		double y = scale * signal[2 * (i - from) + 1] - ref[1][i];

		d += x * x + y * y;
		r += ref[0][i] * ref[0][i] + ref[1][i] * ref[1][i];
	}
	return sqrt(d / r);
}

/* The spins of a grid with nz through a slice of 5 mm, as a list. */
static struct sim_point *list(const struct maps *m, int nz)
{
	struct sim_point *p = calloc((size_t)(m->nx * m->ny * nz), sizeof *p);
	const float *t2p = m->map[PROGRAM_MAP_T2p];

	for (int i = 0; i < m->nx * m->ny * nz; i++) {
		int at = i / nz, ix = at % m->nx, iy = at / m->nx, iz = i % nz;

		p[i] = (struct sim_point){ .r = { ((ix + 0.5) / m->nx - 0.5) * m->fov[0],
						  ((iy + 0.5) / m->ny - 0.5) * m->fov[1],
						  ((iz + 0.5) / nz - 0.5) * 5e-3 },
					   .m0 = m->map[PROGRAM_MAP_M0][at],
					   .t1 = m->map[PROGRAM_MAP_T1][at],
					   .t2 = m->map[PROGRAM_MAP_T2][at],
					   .t2p = t2p ? t2p[at] : INFINITY,
					   .w = 2 * PI * m->map[PROGRAM_MAP_dB0][at],
					   .b1 = m->map[PROGRAM_MAP_B1][at] };
	}
	return p;
}

/* As a list in both precisions, a row of the table. */
static void as_list(const struct draw *d, const struct maps *m, int nz, double *ref[2], size_t n,
		    const double accept[SIM_PRECISIONS], double theirs, const char *which,
		    const char *what)
{
	double *signal = calloc(2 * n, sizeof *signal), error[SIM_PRECISIONS], seconds[SIM_PRECISIONS];
	struct sim_point *p = list(m, nz);

	for (int k = 0; k < SIM_PRECISIONS; k++) {
		double begun = clock_seconds();

		assert_int_equal(sim_points(signal, d, p, (size_t)(m->nx * m->ny * nz),
					    k, 0), 0);
		seconds[k] = clock_seconds() - begun;
		error[k] = misfit(signal, ref, 0, n, 1);
	}
	assert_true(report_row(which, what, error, accept, theirs, seconds));
	free(signal);
	free(p);
}

static void both(const struct draw *d, const struct maps *m, double *ref[2], size_t from, size_t n,
		 double scale, double accept, const char *what)
{
	static const enum sim_method method[] = { SIM_direct, SIM_step };

	for (int k = 0; k < 2; k++) {
		struct sim_result *r = simulate(d, m, method[k], 1);
		double e;

		assert_int_equal(r->n_sample, n - from);
		e = misfit(r->signal, ref, from, n, scale);
		if (!(e < accept))
			fail_msg("%s by %s: nRMSE %g, accepted %g", what,
				 sim_method_name(method[k]), e, accept);
		sim_result_free(r);
	}
}

/* ------------------------------------------------------------------ BART: balanced SSFP */
/* Its own error is 3e-6 to 6e-5: it computes in single precision. */
static const double hard[] = { 2e-4, 2e-4 };

static struct draw *bssfp(size_t n)
{
	const double tr = 5e-3, flip = 40 * deg;
	struct build b = build_begin(0.2, 0, 8);

	play_rf(&b, 0, flip / 2, PI, IR_USE_excitation);
	play_delay(&b, tr / 2);
	for (size_t i = 0; i < n; i++) {
		double phase = i % 2 ? PI : 0;

		play_rf(&b, 0, flip, phase, IR_USE_excitation);
		play_delay(&b, tr / 2 - 1e-9);
		build_open(&b);
		add_adc(&b, 0, 1, 2e-9, phase, 0, -1);
		build_close(&b, tr / 2 + 1e-9);
	}
	return build_end(&b);
}

static void b01(void **state)
{
	struct maps *m = uniform(1, 0.2, 1, 0.1, 1, 0);
	struct draw *d;
	double *ref[2];
	size_t n;

	(void)state;
	load(ref, &n, "b01_bssfp_hard_onres", "signal.h5");
	d = bssfp(n);
	both(d, m, ref, 0, n, 1, 2e-4, "b01");
	as_list(d, m, 1, ref, n, hard, 6e-5, "b01_bssfp_hard_onres", "0 rad/s");
	drop(d);
	maps_free(m);
	free(ref[0]);
	free(ref[1]);
}

static void b02(void **state)
{
	double *ref[2], *offset, *one[2];
	size_t n, n_offset = 0;
	struct draw *d;
	char what[32];

	(void)state;
	load(ref, &n, "b02_bssfp_hard_offres", "signal.h5");
	offset = refcase("b02_bssfp_hard_offres", "signal.h5", "offset_rad_s", &n_offset);
	assert_true(offset && n_offset);
	n /= n_offset;
	d = bssfp(n);
	for (size_t i = 0; i < n_offset; i++) {
		struct maps *m = uniform(1, 0.2, 1, 0.1, 1, offset[i] / (2 * PI));

		one[0] = ref[0] + i * n;
		one[1] = ref[1] + i * n;
		both(d, m, one, 0, n, 1, 2e-4, "b02");
		snprintf(what, sizeof what, "%.3g rad/s", offset[i]);
		as_list(d, m, 1, one, n, hard, 6e-5, "b02_bssfp_hard_offres", what);
		maps_free(m);
	}
	drop(d);
	free(offset);
	free(ref[0]);
	free(ref[1]);
}

/* FLASH with a Hamming-filtered sinc of 1 ms; TE and TR count from the pulse's start. The reference
 * spoils ideally; here gradients do, so that of many pulses some pathways come back. Moments of
 * 1, 3, 9, ... cycles keep all apart for the first few. */
static void b05(void **state)
{
	enum { N = 100, FIRST = 7 };
	const double length = 1e-3, te = 2.5e-3, tr = 4.1e-3;
	struct build b = build_begin(0.2, 5e-3, 8);
	struct maps *m = uniform(1, 0.2, 1, 0.08, 1, 0);
	double *rf = arena_alloc(b.ir->arena, 2 * N * sizeof *rf), *ref[2], sum = 0;
	struct ir_shape shape = { .name = "sinc", .complex = true, .n = N, .sample = rf };
	struct sim_result *got;
	struct draw *d;
	uint32_t s;
	size_t n;

	(void)state;
	load(ref, &n, "b05_flash_hamming_sinc_onres", "signal.h5");
	for (int i = 0; i < N; i++) {
		double t = (i + 0.5) / N - 0.5, x = 4 * PI * t;

		rf[2 * i] = sin(x) / x * (0.54 + 0.46 * cos(2 * PI * t));
		sum += rf[2 * i];
	}
	for (int i = 0; i < N; i++)
		rf[2 * i] *= N / sum;
	s = ir_add_shape(b.ir, &shape);
	for (int i = 0; i < FIRST; i++) {
		build_open(&b);
		add_rf(&b, 0, length, 15 * deg, 0, 0, s, IR_USE_excitation);
		build_close(&b, te - 1e-9);
		build_open(&b);
		add_adc(&b, 0, 1, 2e-9, 0, 0, -1);
		add_moment(&b, 2, 2e-9, 1e-3, pow(3, i) / 5e-3);
		build_close(&b, tr - te + 1e-9);
	}
	d = build_end(&b);
	got = simulate(d, m, SIM_direct, 2203);
	assert_true(n > FIRST);
	near(misfit(got->signal, ref, 0, FIRST, 1), 0, 5e-5, "b05", 0);
	as_list(d, m, 2203, ref, FIRST, (double[]){ 5e-5, 5e-5 }, NAN,
		"b05_flash_hamming_sinc_onres", "shaped RF");
	sim_result_free(got);
	drop(d);
	maps_free(m);
	free(ref[0]);
	free(ref[1]);
}

/* Analytic exponentials with the opposite sign of rotation. The range 0:60:4 of its command
 * excludes its end: the phases of the signals are those of 0, 15, 30, 45 Hz, not of offset_Hz. */
static void b06(void **state)
{
	static const double offset[] = { 0, 15, 30, 45 };
	size_t n, n_offset = PRECESS_COUNT(offset);
	double *ref[2];
	char what[32];

	(void)state;
	load(ref, &n, "b06_multi_gre_t2star_offres", "signal.h5");
	for (size_t k = 0; k < n_offset; k++) {
		struct build b = build_begin(0.2, 0, 8);
		struct maps *m = uniform(1, 0.2, INFINITY, 0.08, 1, offset[k]);
		double *one[2] = { calloc(n, sizeof **one), calloc(n, sizeof **one) };
		struct draw *d;

		set_map(m, PROGRAM_MAP_T2p, 0.08); /* 1/T2* = 1/T2 + 1/T2' */
		play_rf(&b, 0, PI / 2, -PI / 2, IR_USE_excitation);
		for (size_t i = 0; i < n / n_offset; i++) {
			build_open(&b);
			add_adc(&b, 0, 1, 2e-12, 0, 0, -1);
			build_close(&b, 2e-3);
			one[0][i] = ref[0][i * n_offset + k];
			one[1][i] = -ref[1][i * n_offset + k];
		}
		d = build_end(&b);
		both(d, m, one, 0, n / n_offset, 1, 1e-5, "b06");
		snprintf(what, sizeof what, "%g Hz", offset[k]);
		as_list(d, m, 1, one, n / n_offset, (double[]){ 1e-5, 1e-5 }, NAN,
			"b06_multi_gre_t2star_offres", what);
		drop(d);
		maps_free(m);
		free(one[0]);
		free(one[1]);
	}
	free(ref[0]);
	free(ref[1]);
}

/* ------------------------------------------------------------------ JEMRIS */
/* The 5 x 5 spins of its sample.h5, 1 mm apart from -2.5 mm on: a 6 x 6 grid without the last row
 * and column. Its signal is the mean over 25. */
static struct maps *sample(void)
{
	struct maps *m = uniform(6, 6e-3, 1, 0.1, 1, 0);

	for (int i = 0; i < 6; i++)
		m->map[PROGRAM_MAP_M0][6 * i + 5] = m->map[PROGRAM_MAP_M0][6 * 5 + i] = 0;
	return m;
}

static void j04(void **state)
{
	struct build b = build_begin(0.2, 0, 64);
	double *ref[2], gamma = b.ir->system.gamma;
	struct maps *m = sample();
	struct draw *d;
	size_t n;

	(void)state;
	load(ref, &n, "j04_trap_readout_freqphase", "signal_tight.h5");
	play_rf(&b, 100e-6, PI / 2, 0, IR_USE_excitation);
	build_open(&b);
	add_trap(&b, 0, 0, -0.5 * 80000 * 4.1e-3 / 1.04e-3 / gamma, 100e-6, 940e-6, 100e-6);
	build_close(&b, 0);
	build_open(&b);
	add_trap(&b, 0, 0, 80000 / gamma, 100e-6, 4e-3, 100e-6);
	/* The phase counts from the start of the flat top, half a dwell before the first sample. */
	add_adc(&b, 100e-6, 64, 62.5e-6, PI + 2 * PI * 500 * 31.25e-6, 500, -1);
	build_close(&b, 0);
	d = build_end(&b);
	both(d, m, ref, 0, n, 36 / 25., 2e-4, "j04");
	drop(d);
	maps_free(m);
	free(ref[0]);
	free(ref[1]);
}

/* Two apodised sinc pulses with a gradient, the second off the carrier, each with a rephaser;
 * samples during the rephasers and after. */
static void j03(void **state)
{
	enum { N = 1000 };
	const double length = 8 / 3e3, half[] = { 0, 2247.19 };
	struct build b = build_begin(0.05, 0, 2);
	double *ref[2], *flat[2], gamma = b.ir->system.gamma, sum = 0;
	double *rf = arena_alloc(b.ir->arena, 2 * N * sizeof *rf);
	struct ir_shape shape = { .name = "sinc", .complex = true, .n = N, .sample = rf };
	struct maps *m = sample();
	struct draw *d;
	size_t n, from[] = { 5, 16 };
	uint32_t s;

	(void)state;
	load(ref, &n, "j03_slice_select_sinc", "signal_tight.h5");
	for (int i = 0; i < N; i++) {
		double t = (i + 0.5) / N - 0.5, x = PI * 8 * t;

		rf[2 * i] = sin(x) / x * (0.5 + 0.5 * cos(2 * PI * t));
		sum += rf[2 * i];
	}
	for (int i = 0; i < N; i++)
		rf[2 * i] *= N / sum;
	s = ir_add_shape(b.ir, &shape);
	for (int i = 0; i < 2; i++) {
		build_open(&b);
		add_trap(&b, 0, 0, 89887.64 / gamma, 60e-6, 2.67e-3, 60e-6);
		/* Its phase starts from 2/3 of its raster of 2.5 us. */
		add_rf(&b, 60e-6, length, PI / 2, 2 * PI * half[i] * 1.6667e-6, half[i], s,
		       IR_USE_excitation);
		build_close(&b, 0);
		build_open(&b);
		add_trap(&b, 0, 0, -438202.2 / gamma, 280e-6, 0, 280e-6);
		add_adc(&b, 0, 5, 112e-6, 0, 0, -1);
		build_close(&b, 0);
		play_delay(&b, 50e-6 - 1e-9);
		build_open(&b);
		add_adc(&b, 0, 1, 2e-9, 0, 0, -1);
		build_close(&b, 50e-6 + 1e-9);
	}
	d = build_end(&b);
	flat[0] = calloc(12, sizeof **flat);
	flat[1] = calloc(12, sizeof **flat);
	for (int i = 0; i < 12; i++) {
		flat[0][i] = ref[0][from[i / 6] + (size_t)i % 6];
		flat[1][i] = ref[1][from[i / 6] + (size_t)i % 6];
	}
	both(d, m, flat, 0, 12, 36 / 25., 5e-3, "j03");
	drop(d);
	maps_free(m);
	for (int i = 0; i < 2; i++) {
		free(ref[i]);
		free(flat[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b01), cmocka_unit_test(b02), cmocka_unit_test(b05),
		cmocka_unit_test(b06), cmocka_unit_test(j04), cmocka_unit_test(j03),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : n_present ? 0 : 77;
}
