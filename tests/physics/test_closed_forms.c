/* The simulator against closed forms and against an independent extended phase graph. */
#include "build.h"

/* Each check runs by both double methods: they share little beyond the definition of a spin. */
static const enum sim_method both[] = { SIM_direct, SIM_step };

/* ------------------------------------------------------------------ one pulse */
static void fid(void **state)
{
	struct build b = build_begin(0.2, 0, 8);
	struct maps *m = uniform(2, 0.2, 1, 0.08, 1, 30);
	struct draw *d;

	(void)state;
	play_rf(&b, 0, 90 * deg, 0, IR_USE_excitation);
	play_adc(&b, 50, 1e-3);
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);

		for (int i = 0; i < 50; i++) { /* +i at first, then the phase falls */
			double t = (i + 0.5) * 1e-3, w = 2 * PI * 30 * t;
			double a = exp(-t / (double)0.08f);

			near(r->signal[2 * i], a * sin(w), 1e-9, "re", i);
			near(r->signal[2 * i + 1], a * cos(w), 1e-9, "im", i);
		}
		assert_true(r->bound < 1e-9);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* The receiver's phase and frequency are taken off, counted from the first sample. */
static void receiver(void **state)
{
	struct build b = build_begin(0.2, 0, 8);
	struct maps *m = uniform(1, 0.2, INFINITY, INFINITY, 1, -30);
	struct draw *d;

	(void)state;
	play_rf(&b, 0, 90 * deg, 0.4, IR_USE_excitation);
	play_delay(&b, 2e-3);
	build_open(&b);
	add_adc(&b, 0, 20, 1e-3, 0.4, 30, -1);
	build_close(&b, 0);
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);
		double w = 2 * PI * 30 * 2.5e-3; /* what went by until then stays */

		for (int i = 0; i < 20; i++) {
			near(r->signal[2 * i], -sin(w), 1e-9, "re", i);
			near(r->signal[2 * i + 1], cos(w), 1e-9, "im", i);
		}
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

static void gradient_sign(void **state)
{
	struct build b = build_begin(0.2, 0, 8);
	struct maps *m = uniform(2, 0.2, INFINITY, INFINITY, 1, 0);
	struct draw *d;

	(void)state;
	for (int i = 0; i < 3; i++)
		m->map[PROGRAM_MAP_M0][i] = 0; /* left: the spin at x = y = +fov/4 */
	play_rf(&b, 0, 90 * deg, -90 * deg, IR_USE_excitation); /* now along +x */
	play_moment(&b, 0, 1e-3, 1 / 0.2);
	play_moment(&b, 1, 1e-3, 0.5 / 0.2);
	play_adc(&b, 1, 1e-6);
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);
		double w = 2 * PI * (0.25 + 0.125);

		near(r->signal[0], 0.25 * cos(w), 1e-9, "re", 0);
		near(r->signal[1], -0.25 * sin(w), 1e-9, "im", 0);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

static void inversion_recovery(void **state)
{
	static const double ti[] = { 0.1, 0.3, 0.6, 1.5 };
	struct maps *m = uniform(1, 0.2, 0.7, 0.08, 1, 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct build b = build_begin(0.2, 0, 8);
		struct draw *d;

		play_rf(&b, 0, PI, 0, IR_USE_inversion);
		play_delay(&b, ti[i]);
		play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
		play_adc(&b, 1, 2e-6);
		d = build_end(&b);
		for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
			struct sim_result *r = simulate(d, m, both[k], 1);
			double decay = exp(-1e-6 / (double)0.08f);

			near(r->signal[1], decay * (1 - 2 * exp(-ti[i] / (double)0.7f)), 1e-9,
			     "im", i);
			sim_result_free(r);
		}
		drop(d);
	}
	maps_free(m);
}

/* A long pulse off resonance with fast relaxation against fourth-order Runge-Kutta. */
static void runge_kutta(double m[3], double b1, double w, double r1, double r2, double h, int n)
{
	for (int i = 0; i < n; i++) {
		double k[4][3], v[3] = { m[0], m[1], m[2] };

		for (int s = 0; s < 4; s++) {
			double f = s == 2 ? 1 : 0.5;

			k[s][0] = v[1] * w - r2 * v[0];
			k[s][1] = v[2] * b1 - v[0] * w - r2 * v[1];
			k[s][2] = -v[1] * b1 - r1 * (v[2] - 1);
			for (int a = 0; a < 3; a++)
				v[a] = m[a] + f * h * k[s][a];
		}
		for (int a = 0; a < 3; a++)
			m[a] += h / 6 * (k[0][a] + 2 * k[1][a] + 2 * k[2][a] + k[3][a]);
	}
}

static void hard_pulse(void **state)
{
	const double length = 4e-3, flip = 200 * deg, b1 = 0.8, f = 90;
	struct maps *m = uniform(1, 0.2, 0.02, 0.005, b1, f);
	struct build b = build_begin(0.2, 0, 8);
	double v[3] = { 0, 0, 1 };
	struct draw *d;

	(void)state;
	play_rf(&b, length, flip, 0, IR_USE_excitation);
	play_adc(&b, 1, 2e-9);
	d = build_end(&b);
	runge_kutta(v, (double)(float)b1 * flip / length, 2 * PI * f, 1 / (double)0.02f,
		    1 / (double)0.005f, length / 4000, 4000);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);

		near(r->signal[0], v[0], 1e-6, "re", 0); /* 1 ns of precession follows */
		near(r->signal[1], v[1], 1e-6, "im", 0);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* ------------------------------------------------------------------ echoes */
static void spin_echo(void **state)
{
	struct maps *m = uniform(4, 0.2, INFINITY, 0.06, 1, 0);
	struct build b = build_begin(0.2, 0, 8);
	const double te = 40e-3;
	struct draw *d;

	(void)state;
	for (int i = 0; i < 16; i++)
		m->map[PROGRAM_MAP_dB0][i] = (float)(17.3 * (i - 7));
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	play_delay(&b, te / 2);
	play_rf(&b, 0, PI, PI / 2, IR_USE_refocusing);
	play_delay(&b, te / 2 - 1e-6);
	play_adc(&b, 1, 2e-6);
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);

		near(r->signal[0], 0, 1e-9, "re", 0);
		near(r->signal[1], exp(-te / (double)0.06f), 1e-9, "im", 0);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* An extended phase graph of its own: orders -N..N, real amplitudes suffice for CPMG; the state is
 * kept as complex F(k), Z(k). */
#include <complex.h>
enum { ORDERS = 64 };
struct graph {
	double complex f[2 * ORDERS + 1], z[2 * ORDERS + 1];
};

static void graph_pulse(struct graph *g, double flip, double phase)
{
	double c = cos(flip / 2), s = sin(flip / 2);
	double complex e = cexp(I * phase);
	struct graph q = *g;

	for (int k = -ORDERS; k <= ORDERS; k++) {
		double complex f = q.f[ORDERS + k], fm = conj(q.f[ORDERS - k]), z = q.z[ORDERS + k];

		g->f[ORDERS + k] = c * c * f + e * e * s * s * fm + I * e * sin(flip) * z;
		g->z[ORDERS + k] = cos(flip) * z + 0.5 * I * sin(flip) * (conj(e) * f - e * fm);
	}
}

static void graph_wait(struct graph *g, double t, double t1, double t2, int shift)
{
	struct graph q = *g;

	for (int k = -ORDERS; k <= ORDERS; k++) {
		int from = k - shift;

		g->f[ORDERS + k] = abs(from) <= ORDERS ? q.f[ORDERS + from] * exp(-t / t2) : 0;
		g->z[ORDERS + k] *= exp(-t / t1);
	}
	g->z[ORDERS] += 1 - exp(-t / t1);
}

static void cpmg(void **state)
{
	const double esp = 10e-3, b1 = 0.75, t1 = (double)0.9f, t2 = (double)0.07f;
	struct maps *m = uniform(1, 0.2, t1, t2, b1, 0);
	struct build b = build_begin(0.2, 5e-3, 8);
	struct graph g = { .z = { [ORDERS] = 1 } };
	struct draw *d;

	(void)state;
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	for (int i = 0; i < 12; i++) { /* crushers of 4 cycles on both sides */
		play_delay(&b, i ? 3e-3 - 1e-6 : 4e-3);
		play_moment(&b, 2, 1e-3, 4 / 5e-3);
		if (i)
			play_delay(&b, 1e-3);
		play_rf(&b, 0, PI, PI / 2, IR_USE_refocusing);
		play_moment(&b, 2, 1e-3, 4 / 5e-3);
		play_delay(&b, 4e-3 - 1e-6);
		play_adc(&b, 1, 2e-6);
	}
	d = build_end(&b);
	graph_pulse(&g, b1 * PI / 2, 0);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 0);
		struct graph q = g;

		assert_true(r->nz > 1);
		for (int i = 0; i < 12; i++) {
			graph_wait(&q, esp / 2, t1, t2, 1);
			graph_pulse(&q, b1 * PI, PI / 2);
			graph_wait(&q, esp / 2, t1, t2, 1);
			near(r->signal[2 * i], creal(q.f[ORDERS]), 2e-5, "re", i);
			near(r->signal[2 * i + 1], cimag(q.f[ORDERS]), 2e-5, "im", i);
		}
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* ------------------------------------------------------------------ steady states */
static void ernst(void **state)
{
	const double tr = 20e-3, flip = 15 * deg, t1 = (double)0.3f;
	struct maps *m = uniform(1, 0.2, t1, 0.5e-3, 1, 0); /* T2 << TR spoils */
	struct build b = build_begin(0.2, 0, 8);
	double e = exp(-tr / t1), want = sin(flip) * (1 - e) / (1 - e * cos(flip));
	struct draw *d;

	(void)state;
	for (int i = 0; i < 120; i++) {
		play_rf(&b, 0, flip, 0, IR_USE_excitation);
		build_open(&b);
		add_adc(&b, 0, 1, 2e-9, 0, 0, -1);
		build_close(&b, tr);
	}
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);

		near(r->signal[1], sin(flip), 1e-5, "im", 0);
		near(r->signal[2 * 119 + 1], want, 1e-5, "im", 119);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* T2' of a FID is a rate. */
static void t2_prime_fid(void **state)
{
	struct maps *m = uniform(1, 0.2, 1, 0.08, 1, 0);
	struct build b = build_begin(0.2, 0, 8);
	struct draw *d;

	(void)state;
	set_map(m, PROGRAM_MAP_T2p, 0.03);
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	play_adc(&b, 30, 1e-3);
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);

		for (int i = 0; i < 30; i++)
			near(r->signal[2 * i + 1],
			     exp(-(i + 0.5) * 1e-3 * (1 / (double)0.08f + 1 / (double)0.03f)), 1e-9,
			     "im", i);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* An ideal refocusing pulse leaves exp(-|t - TE| / T2') around its echo, within the bound. */
static void t2_prime_echo(void **state)
{
	struct maps *m = uniform(1, 0.2, INFINITY, INFINITY, 1, 0);
	struct build b = build_begin(0.2, 0, 8);
	struct draw *d;

	(void)state;
	set_map(m, PROGRAM_MAP_T2p, 0.02);
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	play_delay(&b, 20e-3);
	play_rf(&b, 0, PI, PI / 2, IR_USE_refocusing);
	play_adc(&b, 41, 1e-3); /* sample 20 is 0.5 ms late */
	d = build_end(&b);
	for (size_t k = 0; k < PRECESS_COUNT(both); k++) {
		struct sim_result *r = simulate(d, m, both[k], 1);

		assert_true(r->bound > 1e-4 && r->bound < 0.02);
		for (int i = 0; i < 41; i++) {
			double u = fabs((i + 0.5) * 1e-3 - 20e-3) / (double)0.02f;

			near(r->signal[2 * i + 1], exp(-u), r->bound * r->largest, "im", i);
		}
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

/* ------------------------------------------------------------------ what is refused */
static void bad_maps(void **state)
{
	static const struct {
		enum program_map_kind map;
		double value;
		const char *name;
	} bad[] = { { PROGRAM_MAP_T2, 0, "T2 = 0 at spin (1, 2)" },
		    { PROGRAM_MAP_T1, -1, "T1 = -1 at spin (1, 2)" },
		    { PROGRAM_MAP_B1, NAN, "B1 = nan at spin (1, 2)" },
		    { PROGRAM_MAP_dB0, INFINITY, "dB0 = inf at spin (1, 2)" },
		    { PROGRAM_MAP_M0, -0.5, "M0 = -0.5 at spin (1, 2)" } };
	struct build b = build_begin(0.2, 0, 8);
	struct draw *d;

	(void)state;
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	play_adc(&b, 3, 1e-3);
	d = build_end(&b);
	for (size_t i = 0; i < PRECESS_COUNT(bad); i++) {
		struct maps *m = uniform(3, 0.2, 1, 0.1, 1, 0);
		struct sim_options o = { .quiet = true };
		struct sim_result *r;

		m->map[bad[i].map][2 * 3 + 1] = (float)bad[i].value;
		assert_int_equal(sim_run(&r, d, m, &o), PRECESS_EINVAL);
		if (!strstr(precess_error(), bad[i].name))
			fail_msg("%s", precess_error());
		assert_null(r);
		m->map[PROGRAM_MAP_M0][2 * 3 + 1] = 0; /* nobody there: no harm */
		assert_int_equal(sim_run(&r, d, m, &o), PRECESS_OK);
		sim_result_free(r);
		maps_free(m);
	}
	drop(d);
}

static void empty_object(void **state)
{
	struct maps *m = uniform(3, 0.2, 1, 0.1, 1, 0);
	struct build b = build_begin(0.2, 0, 8);
	struct sim_result *r;
	struct draw *d;

	(void)state;
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	play_adc(&b, 3, 1e-3);
	d = build_end(&b);
	set_map(m, PROGRAM_MAP_M0, 0);
	for (int method = 0; method < SIM_METHODS; method++) {
		if (method == SIM_line || method == SIM_train)
			continue;
		r = simulate(d, m, (enum sim_method)method, 0);
		for (int i = 0; i < 6; i++)
			assert_true(r->signal[i] == 0);
		assert_true(r->bound == 0 && r->n_spin == 0);
		sim_result_free(r);
	}
	maps_free(m);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fid), cmocka_unit_test(receiver), cmocka_unit_test(gradient_sign),
		cmocka_unit_test(inversion_recovery), cmocka_unit_test(hard_pulse),
		cmocka_unit_test(spin_echo), cmocka_unit_test(cpmg), cmocka_unit_test(ernst),
		cmocka_unit_test(t2_prime_fid), cmocka_unit_test(t2_prime_echo),
		cmocka_unit_test(bad_maps), cmocka_unit_test(empty_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
