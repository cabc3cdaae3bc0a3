/* EPG-X's coherence states of an RF-spoiled gradient echo against spins: 512 of them, evenly over
 * one cycle of the gradient, whose Fourier transform right after each pulse are the transverse
 * states. 200 pulses dephase by 199 cycles at most, so nothing folds. */
#include "tests/refcases/elaborate.h"

enum { SPINS = 512, PULSES = 200, ORDERS = 100 };

/* Readouts of a nanosecond: relaxation in half of it is 1e-8. */
static const char source[] =
	"seq 1\nsequence e01\nsystem = ideal\nfor i in 0 ..< 200 {\n"
	"  play hard(10deg, 0us, phase = 58.5deg * i * (i + 1), use = excitation)\n"
	"  play adc(1, dwell = 1ns)\n"
	"  play trapezoid(x, area = 1/m, duration = 1ms)\n  delay 3.999999ms\n}\n";

static double *spins(enum sim_precision precision)
{
	struct lang *l = lang_create();
	struct ir *ir = elaborated(l, "e01.seq", source, NULL);
	double *m = calloc(2 * SPINS * PULSES, sizeof *m);
	struct program *p;
	struct draw *d;

	if (!ir || passes_run(ir, NULL, NULL) || lower(&p, ir, l, "e01.seq") ||
	    draw_create(&d, p, NULL, false))
		fail_msg("%s", precess_error());
	assert_int_equal(p->n_sample, PULSES);
	for (int j = 0; j < SPINS; j++) {
		struct sim_point s = { .r = { (double)j / SPINS },
				       .m0 = 1,
				       .t1 = 0.779,
				       .t2 = 0.045,
				       .t2p = INFINITY,
				       .b1 = 1 };

		assert_int_equal(sim_points(m + 2 * PULSES * j, d, &s, 1, precision, 0), 0);
	}
	case_drop(d);
	ir_free(ir);
	lang_free(l);
	return m;
}

/* State k after pulse n: its states are turned the other way, F = - sum M exp(2 pi i k x) / N. */
static void state_of(double f[2], const double *m, int k, int n)
{
	f[0] = f[1] = 0;
	for (int j = 0; j < SPINS; j++) {
		const double *v = m + 2 * (PULSES * j + n);
		double a = 2 * 3.14159265358979323846 * ((k * j) % SPINS) / SPINS;

		f[0] -= (v[0] * cos(a) - v[1] * sin(a)) / SPINS;
		f[1] -= (v[0] * sin(a) + v[1] * cos(a)) / SPINS;
	}
}

/* As the reference compares: states with |k| + n < 100, and beyond that the signal, k = 0. */
static double worst_state(const double *m, const double *re, const double *im)
{
	double worst = 0;

	for (int n = 0; n < PULSES; n++) {
		for (int k = -ORDERS; k <= ORDERS; k++) {
			size_t at = (size_t)(k + ORDERS) * PULSES + (size_t)n;
			double f[2];

			if (n + abs(k) >= 100 && k)
				continue;
			state_of(f, m, k, n);
			worst = fmax(worst, hypot(f[0] - re[at], f[1] - im[at]));
		}
	}
	return worst;
}

/* The reference's own 1e-7 is for double. In single precision each of the up to 200 pulses may
 * round by half a unit, 6e-8 of states below 1; they forget over T2, 45 ms. */
static void transverse_states(void **state)
{
	static const double accept[] = { 1e-7, 2e-6 };
	double error[SIM_PRECISIONS], seconds[SIM_PRECISIONS];
	size_t n_re, n_im;
	double *re = refcase("e01_epgx_spgr_single_pool", "epg_states.h5", "Fn0_re", &n_re);
	double *im = refcase("e01_epgx_spgr_single_pool", "epg_states.h5", "Fn0_im", &n_im);

	(void)state;
	if (!re || !im)
		skip();
	n_present++;
	assert_true(n_re == (2 * ORDERS + 1) * PULSES && n_im == n_re);
	for (int p = 0; p < SIM_PRECISIONS; p++) {
		double begun = clock_seconds(), *m = spins(p);

		seconds[p] = clock_seconds() - begun;
		error[p] = worst_state(m, re, im);
		free(m);
	}
	assert_true(report_row("e01_epgx_spgr_single_pool", "F states", error, accept, NAN,
			       seconds));
	free(re);
	free(im);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(transverse_states) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : n_present ? 0 : 77;
}
