/* Other simulators' signals of Pulseq files and lists of spins: JEMRIS (run with tight tolerances
 * where that is there), at the tolerances that the cases' README states. */
#include "tests/refcases/suite.h"

static const struct signal_case {
	const char *name;
	/* accepted against signal_tight.h5, signal.h5 */
	double tight[SIM_PRECISIONS], loose[SIM_PRECISIONS];
	double tight_floor, loose_floor; /* of the exact solution against both */
} cases[] = {
#define HARD { 2e-4, 5e-4 }
#define FINE { 2e-4, 2e-4 }
	{ "j01_gre_rfspoil_hard", HARD, HARD, 2.5e-5, 6e-5 },
	{ "j02_epi_hard", HARD, HARD, 3e-5, 1.4e-4 },
	{ "j10_radial_hard", HARD, HARD, 1.3e-4, 1.3e-4 },
	{ "j04_trap_readout_freqphase", FINE, FINE, NAN, 8e-6 },
	{ "m01_gre_mixed", FINE, FINE, NAN, 2.5e-5 },
	{ "m03_epi_mixed", FINE, FINE, NAN, 2.9e-5 },
	{ "k01_epi_column1d", { 2e-4, 1e-3 }, { 1.2e-2, 1.2e-2 }, 5.85e-4, 1.066e-2 },
	{ "k02_epi_sphere_offres", { 8e-3, 8e-3 }, { 8e-3, 8e-3 }, NAN, 6.74e-3 },
};

static double *column(const char *which, const char *name, size_t *n)
{
	double *v = refcase(which, "phantom.h5", name, n);

	if (!v)
		fail_msg("%s: phantom.h5 has no %s", which, name);
	return v;
}

/* T2s is INFINITY, or T2 itself, where there is no T2'. */
static struct sim_point *phantom(const char *which, size_t *n)
{
	static const char *const name[] = { "x", "y", "z", "rho", "T1", "T2", "T2s", "dw" };
	double *v[PRECESS_COUNT(name)];
	struct sim_point *p;

	for (size_t i = 0; i < PRECESS_COUNT(name); i++)
		v[i] = column(which, name[i], n);
	p = calloc(*n, sizeof *p);
	for (size_t i = 0; i < *n; i++) {
		double r2p = isinf(v[6][i]) ? 0 : 1 / v[6][i] - 1 / v[5][i];

		p[i] = (struct sim_point){ .r = { v[0][i], v[1][i], v[2][i] }, .m0 = v[3][i],
					   .t1 = v[4][i], .t2 = v[5][i],
					   .t2p = r2p > 1e-6 ? 1 / r2p : INFINITY,
					   .w = v[7][i], .b1 = 1 };
	}
	for (size_t i = 0; i < PRECESS_COUNT(name); i++)
		free(v[i]);
	return p;
}

/* || s - ref || / || ref ||; NAN when the reference is not there or has other samples. */
static double misfit(const double *signal, size_t n_sample, const char *which, const char *file)
{
	size_t n = 0, m = 0;
	double *re = refcase(which, file, "re", &n), *im = refcase(which, file, "im", &m);
	double e = 0, r = 0;

	if (!re || !im || n != n_sample || m != n_sample) {
		free(re);
		free(im);
		return NAN;
	}
	for (size_t i = 0; i < n; i++) {
		e += pow(signal[2 * i] - re[i], 2) + pow(signal[2 * i + 1] - im[i], 2);
		r += re[i] * re[i] + im[i] * im[i];
	}
	free(re);
	free(im);
	return sqrt(e / r);
}

/* Single precision is neither double nor far from it. */
static void rounded(const double *single, const double *in_double, size_t n)
{
	double e = 0, r = 0;

	for (size_t i = 0; i < n; i++) {
		e += pow(single[i] - in_double[i], 2);
		r += in_double[i] * in_double[i];
	}
	print_message("%-28s single is %.2g from double\n", "", sqrt(e / r));
	assert_true(sqrt(e / r) > 1e-9 && sqrt(e / r) < 1e-5);
}

static bool run(const struct signal_case *c)
{
	double tight[SIM_PRECISIONS], loose[SIM_PRECISIONS], seconds[SIM_PRECISIONS];
	double *signal, *in_double;
	struct draw *d = case_draw(c->name, "sequence.seq");
	bool good = true;
	struct sim_point *p;
	size_t n, length;

	if (!d) {
		print_message("%-28s not there, skipped\n", c->name);
		return true;
	}
	p = phantom(c->name, &n);
	length = 2 * (size_t)d->program->n_sample;
	signal = calloc(length + 1, sizeof *signal);
	in_double = calloc(length + 1, sizeof *signal);
	for (int k = 0; k < SIM_PRECISIONS; k++) {
		double begun = clock_seconds();

		assert_int_equal(sim_points(signal, d, p, n, k, 0), 0);
		seconds[k] = clock_seconds() - begun;
		tight[k] = misfit(signal, d->program->n_sample, c->name, "signal_tight.h5");
		loose[k] = misfit(signal, d->program->n_sample, c->name, "signal.h5");
		if (k == SIM_DOUBLE)
			memcpy(in_double, signal, length * sizeof *signal);
	}
	rounded(signal, in_double, length);
	assert_false(isnan(tight[SIM_DOUBLE]) && isnan(loose[SIM_DOUBLE]));
	if (!isnan(tight[SIM_DOUBLE]))
		good = report_row(c->name, "tight", tight, c->tight, c->tight_floor, seconds);
	if (!isnan(loose[SIM_DOUBLE]))
		good = report_row(c->name, "signal", loose, c->loose, c->loose_floor, seconds) &&
		       good;
	free(in_double);
	free(signal);
	free(p);
	case_drop(d);
	return good;
}

/* ------------------------------------------------------------------ slice selection */
/* The sequence by its XML: the shipped file's phase shape is 0.595 turns where it should be 0.5, so
 * that its pulses turn by 93 degrees. Two apodised sinc pulses of 8/3 ms under a gradient, the
 * second off the carrier, each with a rephaser; samples in the rephasers, 10 of the 22. JEMRIS's
 * phase starts from 2/3 of its raster of 2.5 us. */
static void slice_file(struct text *t)
{
	enum { N = 1000 };
	const double length = 8 / 3e3, offset = 2247.19, pi = 3.14159265358979323846;
	double v[N], sum = 0;

	for (int i = 0; i < N; i++) {
		double at = (i + 0.5) / N - 0.5, x = 8 * pi * at;

		v[i] = sin(x) / x * (0.5 + 0.5 * cos(2 * pi * at));
		sum += v[i];
	}
	text_printf(t, "[VERSION]\nmajor 1\nminor 4\nrevision 0\n[DEFINITIONS]\n"
		       "RadiofrequencyRasterTime %.17g\nBlockDurationRaster 1e-05\n[BLOCKS]\n",
		    length / N);
	for (int i = 0; i < 2; i++)
		text_printf(t, "%d 279 %d 1 0 0 0 0\n%d 56 0 2 0 0 1 0\n%d 10 0 0 0 0 0 0\n", 3 * i + 1,
			    i + 1, 3 * i + 2, 3 * i + 3);
	text_printf(t, "[RF]\n1 %.17g 1 0 0 60 0 0\n2 %.17g 1 0 0 60 %.17g %.17g\n",
		    0.25 * N / (sum * length), 0.25 * N / (sum * length), offset,
		    2 * pi * offset * 1.6667e-6);
	text_printf(t, "[TRAP]\n1 89887.64 60 2670 60 0\n2 -438202.2 280 0 280 0\n[ADC]\n"
		       "1 5 112000 0 0 0\n[SHAPES]\nshape_id 1\nnum_samples %d\n", N);
	for (int i = 0; i < N; i++)
		text_printf(t, "%.17g\n", v[i]);
}

static struct draw *text_draw(const char *text)
{
	struct lang *l = lang_create();
	struct program *p;
	struct draw *d;
	struct ir *ir;

	if (pulseq_parse(&ir, text, strlen(text), "slice.seq", NULL) || passes_run(ir, NULL, NULL) ||
	    lower(&p, ir, l, "slice.seq") || draw_create(&d, p, NULL, false))
		fail_msg("%s", precess_error());
	ir_free(ir);
	lang_free(l);
	return d;
}

static void slices(void **state)
{
	static const char *const name[][2] = { { "j03_slice_select_sinc", "signal_tight.h5" },
					       { "m05_sli_sel_mixed", "signal.h5" } };
	static const int from[] = { 5, 16 };

	(void)state;
	for (size_t k = 0; k < PRECESS_COUNT(name); k++) {
		double *re, *im, signal[20], error[SIM_PRECISIONS], seconds[SIM_PRECISIONS];
		struct sim_point *p;
		struct text text;
		struct draw *d;
		char path[512];
		size_t n, m;

		case_path(path, sizeof path, name[k][0], name[k][1]);
		if (access(path, R_OK))
			continue;
		n_present++;
		text_init(&text);
		slice_file(&text);
		d = text_draw(text.data);
		assert_int_equal(d->program->n_sample, 10);
		p = phantom(name[k][0], &n);
		re = refcase(name[k][0], name[k][1], "re", &m);
		im = refcase(name[k][0], name[k][1], "im", &m);
		assert_true(re && im && m == 22);
		for (int q = 0; q < SIM_PRECISIONS; q++) {
			double begun = clock_seconds(), e = 0, r = 0;

			assert_int_equal(sim_points(signal, d, p, n, q, 0), 0);
			seconds[q] = clock_seconds() - begun;
			for (int i = 0; i < 10; i++) {
				int at = from[i / 5] + i % 5;

				e += pow(signal[2 * i] - re[at], 2) +
				     pow(signal[2 * i + 1] - im[at], 2);
				r += re[at] * re[at] + im[at] * im[at];
			}
			error[q] = sqrt(e / r);
		}
		assert_true(report_row(name[k][0], "shaped RF", error, (double[]){ 5e-3, 5e-3 },
				       k ? NAN : 3.2e-3, seconds));
		free(re);
		free(im);
		free(p);
		text_free(&text);
		case_drop(d);
	}
}

static void all(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++)
		good = run(&cases[i]) && good;
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all), cmocka_unit_test(slices) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : n_present ? 0 : 77;
}
