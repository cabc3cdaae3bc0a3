/* Other simulators' signals of Pulseq files and lists of spins: JEMRIS (run with tight tolerances
 * where that is there), at the tolerances that the cases' README states. */
#include "tests/refcases/suite.h"

static const struct signal_case {
	const char *name;
	double tight, loose; /* accepted against signal_tight.h5, against signal.h5 */
} cases[] = {
	{ "j01_gre_rfspoil_hard", 5e-4, 5e-4 },
	{ "j02_epi_hard", 5e-4, 5e-4 },
	{ "j10_radial_hard", 5e-4, 5e-4 },
	{ "j04_trap_readout_freqphase", 2e-4, 2e-4 },
	{ "m01_gre_mixed", 2e-4, 2e-4 },
	{ "m03_epi_mixed", 2e-4, 2e-4 },
	{ "k01_epi_column1d", 2e-4, 1.2e-2 },
	{ "k02_epi_sphere_offres", 8e-3, 8e-3 },
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

static bool run(const struct signal_case *c)
{
	double begun = clock_seconds(), *signal, tight, loose;
	struct draw *d = case_draw(c->name, "sequence.seq");
	struct sim_point *p;
	bool good;
	size_t n;

	if (!d) {
		print_message("%-28s not there, skipped\n", c->name);
		return true;
	}
	p = phantom(c->name, &n);
	signal = calloc(2 * (size_t)d->program->n_sample + 1, sizeof *signal);
	assert_int_equal(sim_points(signal, d, p, n, 0), 0);
	tight = misfit(signal, d->program->n_sample, c->name, "signal_tight.h5");
	loose = misfit(signal, d->program->n_sample, c->name, "signal.h5");
	good = !isnan(tight) ? tight <= c->tight : loose <= c->loose;
	if (!isnan(tight))
		report(c->name, "tight", tight, c->tight, clock_seconds() - begun);
	if (!isnan(loose))
		report(c->name, "signal", loose, c->loose, clock_seconds() - begun);
	free(signal);
	free(p);
	case_drop(d);
	return good && !(isnan(tight) && isnan(loose));
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(all) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : n_present ? 0 : 77;
}
