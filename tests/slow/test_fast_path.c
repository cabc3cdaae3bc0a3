/* The three sequences as users run them, fast against direct double sums: the measured error lies
 * below the reported bound, and the bound below the tolerance wherever the method does not say
 * otherwise. Objects: off resonance by +-150 Hz, B1 0.7 .. 1.3, T2 down to 5 ms, and the objects
 * that polynomials in time like least: all spins at one edge of the range, half of them at each,
 * one spin, noise (its signal is small next to the sum of all spins' magnitudes, which errors
 * follow). At smaller size, against operator stepping. */
#include "tests/physics/compile.h"

static const double tolerances[] = { 1e-3, 1e-4, 1e-5 };

/* ------------------------------------------------------------------ objects */
static struct maps *fields(int n, double fov)
{
	struct maps *m = random_maps(n, n, fov, 150, 21);

	field_b1(m->map[PROGRAM_MAP_B1], n, n, 0.7, 1.3, 21);
	field_db0(m->map[PROGRAM_MAP_dB0], n, n, -150, 150, 22);
	return m;
}

static struct maps *noise(int n, double fov)
{
	struct maps *m = random_maps(n, n, fov, 150, 5);
	struct rng r = rng_make(9, 1);

	for (int i = 0; i < n * n; i++)
		m->map[PROGRAM_MAP_T2][i] = (float)rng_uniform(&r, 5e-3, 0.65);
	return m;
}

static struct maps *high(int n, double fov)
{
	return uniform(n, fov, 2, 80e-3, 0.7, 150);
}

static struct maps *low_short(int n, double fov)
{
	return uniform(n, fov, 2, 5e-3, 1.3, -150);
}

/* Both edges of all ranges side by side, in squares of `side` spins. */
static struct maps *edges(int n, double fov, int side)
{
	struct maps *m = uniform(n, fov, 2, 0.65, 1, 0);

	for (int i = 0; i < n * n; i++) {
		int x = i % n / side, y = i / n / side;

		m->map[PROGRAM_MAP_dB0][i] = (x + y) % 2 ? 150 : -150;
		m->map[PROGRAM_MAP_T2][i] = x % 3 ? 0.65F : 5e-3F;
		m->map[PROGRAM_MAP_B1][i] = y % 2 ? 0.7F : 1.3F;
	}
	return m;
}

static struct maps *checkerboard(int n, double fov)
{
	return edges(n, fov, 1);
}

static struct maps *squares(int n, double fov)
{
	return edges(n, fov, n / 8);
}

static struct maps *corner(int n, double fov)
{
	struct maps *m = uniform(n, fov, 2, 20e-3, 1.1, -150);

	set_map(m, PROGRAM_MAP_M0, 0);
	m->map[PROGRAM_MAP_M0][n - 1] = 1;
	return m;
}

/* One spin that lives against many that have long died: the bound is in units of the first. */
static struct maps *survivor(int n, double fov)
{
	struct maps *m = uniform(n, fov, 2, 5e-3, 1, 150);

	m->map[PROGRAM_MAP_T2][n * n / 3] = 0.65F;
	m->map[PROGRAM_MAP_dB0][n * n / 3] = -150;
	return m;
}

static struct maps *head(int n, double fov)
{
	const double size[2] = { fov, fov };
	struct object *o;
	struct maps *m;

	if (object_open(&o, "head:4") || object_maps(&m, o, NULL, size, n, n, NULL))
		fail_msg("%s", precess_error());
	object_free(o);
	free(m->map[PROGRAM_MAP_T2p]); /* T2' with several pulses has a bound of its own */
	m->map[PROGRAM_MAP_T2p] = NULL;
	set_map(m, PROGRAM_MAP_B1, 1);
	set_map(m, PROGRAM_MAP_dB0, 0);
	field_b1(m->map[PROGRAM_MAP_B1], n, n, 0.7, 1.3, 2);
	field_db0(m->map[PROGRAM_MAP_dB0], n, n, -150, 150, 3);
	return m;
}

static const struct object_kind {
	const char *name;
	struct maps *(*make)(int n, double fov);
} objects[] = {
	{ "smooth fields", fields },
	{ "noise", noise },
	{ "all at +150 Hz", high },
	{ "short T2", low_short },
	{ "checkerboard", checkerboard },
	{ "squares", squares },
	{ "one spin", corner },
	{ "one survivor", survivor },
	{ "head", head },
};

/* ------------------------------------------------------------------ */
static struct sim_result *run(const struct draw *d, const struct maps *m, enum sim_method method,
			      double tolerance, int nz)
{
	struct sim_options o = {
		.method = method, .tolerance = tolerance, .nz = nz, .threads = 2, .quiet = true
	};
	struct sim_result *r;

	if (sim_run(&r, d, m, &o))
		fail_msg("%s", precess_error());
	return r;
}

/* Against one oracle; at most `worst` of the bound was used. */
static void against(const struct draw *d, const struct maps *m, const struct sim_result *oracle,
		    double apart, const char *what, int nz, double *worst)
{
	for (size_t i = 0; i < PRECESS_COUNT(tolerances); i++) {
		struct sim_result *fast = run(d, m, SIM_auto, tolerances[i], nz);
		double error = compare(fast, oracle) * fmax(fast->largest, oracle->largest) /
			       fast->largest;

		if (!(error <= fast->bound + oracle->bound + apart))
			fail_msg("%s on %s at %g: measured %g, bound %g", d->program->name, what,
				 tolerances[i], error, fast->bound);
		if (!(fast->bound <= tolerances[i]))
			fail_msg("%s on %s at %g: bound %g", d->program->name, what, tolerances[i],
				 fast->bound);
		*worst = fmax(*worst, error / fast->bound);
		sim_result_free(fast);
	}
}

/* At the parameters' defaults, both ends of their ranges and between. `apart`: events that are
 * stepped through have times in whole picoseconds, in which the phase of a readout of 1 MHz moves by
 * 1e-6; relative to the signal that is more where spins cancel. */
static void sequence(const char *path, int n, enum sim_method oracle, double apart, int nz,
		     int draws)
{
	struct draw *d = compile_file(path);
	const struct program *p = d->program;
	struct rng r = rng_make(17, 0);
	double *value = calloc(p->n_param, sizeof *value), worst = 0;

	for (int k = 0; k < draws; k++) {
		for (uint32_t i = 0; i < p->n_param; i++) {
			const double u = k == 1 ? 0 : k == 2 ? 1 : rng_uniform(&r, 0, 1);

			value[i] = k ? p->param[i].lo + u * (p->param[i].hi - p->param[i].lo)
				     : p->param[i].value;
		}
		if (draw_set(d, value, false))
			fail_msg("%s", precess_error());
		for (size_t i = 0; i < PRECESS_COUNT(objects); i++) {
			struct maps *m = objects[i].make(n, p->fov[0]);
			struct sim_result *exact = run(d, m, oracle, 1e-4, nz);

			against(d, m, exact, apart, objects[i].name, nz, &worst);
			sim_result_free(exact);
			maps_free(m);
		}
	}
	if (apart == 0)
		print_message("%s, %d x %d spins: at most %.2f of the bound\n", p->name, n, n,
			      worst);
	free(value);
	drop(d);
}

static void direct(void **state)
{
	(void)state;
	sequence("sequences/gre_epi.seq", 64, SIM_direct, 0, 0, 4);
	sequence("sequences/gre_epi.seq", 128, SIM_direct, 0, 0, 1);
	sequence("sequences/moled.seq", 64, SIM_direct, 0, 0, 4);
	sequence("sequences/moled.seq", 128, SIM_direct, 0, 0, 1);
	sequence("sequences/fse.seq", 64, SIM_direct, 0, 3, 4);
}

static void step(void **state)
{
	(void)state;
	sequence("sequences/gre_epi.seq", 16, SIM_step, 3e-5, 0, 2);
	sequence("sequences/moled.seq", 16, SIM_step, 3e-5, 0, 2);
	sequence("sequences/fse.seq", 16, SIM_step, 3e-5, 3, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(direct), cmocka_unit_test(step) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
