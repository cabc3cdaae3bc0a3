/* Every method on what is hardest for it, against operator stepping, which knows neither histories
 * nor moments: the error stays below the bound that is reported, `auto` keeps the tolerance, and who
 * cannot says so. */
#include "tests/physics/build.h"

enum { N = 24, SPINS = 14, THROUGH = 4 };
static const double fov = 0.2, slice = 5e-3;
static const double dwell = 10e-6;

/* ------------------------------------------------------------------ sequences */
/* Lines of N samples from kx0 in alternating directions, ky from `first` in steps of `step`. */
static struct draw *train(double kx0, double first, double step, int lines, double wait)
{
	struct build b = build_begin(fov, slice, N);

	play_rf(&b, 200e-6, 90 * deg, 0.4, IR_USE_excitation);
	play_delay(&b, wait);
	build_open(&b);
	add_moment(&b, 0, 0, 1e-3, kx0 / fov);
	add_moment(&b, 1, 0, 1e-3, first / fov);
	build_close(&b, 0);
	for (int i = 0; i < lines; i++) {
		build_open(&b);
		add_moment(&b, 0, 0, N * dwell, (i & 1 ? -N : N) / fov);
		add_adc(&b, 0, N, dwell, 0, 0, i);
		build_close(&b, 0);
		play_moment(&b, 1, 2 * dwell, step / fov);
	}
	return build_end(&b);
}

static struct draw *epi(void)
{
	return train(-N / 2, -N / 2, 1, N, 8e-3);
}

/* The echo, where the signal is largest, at the line's edge, where the series is worst. */
static struct draw *edge(void)
{
	return train(0, -N / 2, 1, N, 3e-3);
}

static struct draw *every_second(void)
{
	return train(-N / 2, -N / 2, 2, N / 2, 8e-3);
}

static struct draw *partial(void)
{
	return train(-N / 2, -4, 1, N / 2 + 4, 2e-3);
}

static struct draw *on_ramps(void)
{
	struct build b = build_begin(fov, slice, N);
	const double ramp = 80e-6, flat = 160e-6, area = N / fov;

	play_rf(&b, 0, 90 * deg, 0, IR_USE_excitation);
	play_delay(&b, 4e-3);
	build_open(&b);
	add_moment(&b, 0, 0, 1e-3, -0.5 * area);
	add_moment(&b, 1, 0, 1e-3, -N / 2 / fov);
	build_close(&b, 0);
	for (int i = 0; i < N; i++) {
		double g = (i & 1 ? -area : area) / (flat + ramp) / b.ir->system.gamma;

		build_open(&b);
		add_trap(&b, 0, 0, g, ramp, flat, ramp);
		add_adc(&b, 0, 32, dwell, 0, 0, i);
		build_close(&b, 0);
		play_moment(&b, 1, 2 * dwell, 1 / fov);
	}
	return build_end(&b);
}

/* Shots of four echoes; the phase encoding is undone before the next pulse, or forgotten: then
 * every shot has echoes of its own, and stimulated echoes that no two shots share. */
static struct draw *echoes(bool rewind)
{
	enum { ETL = 4, SHOTS = N / ETL };
	struct build b = build_begin(fov, slice, N);

	for (int shot = 0; shot < SHOTS; shot++) {
		play_reset(&b);
		play_rf(&b, 100e-6, 90 * deg, 0, IR_USE_excitation);
		play_moment(&b, 0, 1e-3, 0.5 * N / fov);
		for (int echo = 0; echo < ETL; echo++) {
			int line = shot + SHOTS * echo;

			play_moment(&b, 2, 0.5e-3, 1 / slice);
			play_rf(&b, 100e-6, 180 * deg, 90 * deg, IR_USE_refocusing);
			play_moment(&b, 2, 0.5e-3, 1 / slice);
			play_moment(&b, 1, 0.5e-3, (line - N / 2 + 0.25) / fov);
			build_open(&b);
			add_moment(&b, 0, 0, 4 * N * dwell, N / fov);
			add_adc(&b, 0, N, 4 * dwell, 0, 0, line);
			build_close(&b, 0);
			if (rewind)
				play_moment(&b, 1, 0.5e-3, -(line - N / 2 + 0.25) / fov);
			else
				play_delay(&b, 0.5e-3);
		}
	}
	return build_end(&b);
}

static struct draw *rewound(void)
{
	return echoes(true);
}

static struct draw *not_rewound(void)
{
	return echoes(false);
}

static struct draw *spokes(void)
{
	struct build b = build_begin(fov, slice, N);

	for (int i = 0; i < N / 2; i++) {
		double x = cos(i * 1.9), y = sin(i * 1.9);

		play_reset(&b);
		play_rf(&b, 200e-6, 60 * deg, 0, IR_USE_excitation);
		build_open(&b);
		add_moment(&b, 0, 0, 1e-3, -0.5 * N * x / fov);
		add_moment(&b, 1, 0, 1e-3, -0.5 * N * y / fov);
		build_close(&b, 0);
		build_open(&b);
		add_moment(&b, 0, 0, 2 * N * dwell, N * x / fov);
		add_moment(&b, 1, 0, 2 * N * dwell, N * y / fov);
		add_adc(&b, 0, 2 * N, dwell, 0, 0, -1);
		build_close(&b, 0);
	}
	return build_end(&b);
}

/* Its way around as straight pieces: a sample in the middle of each, the field changing between. */
static struct draw *spiral(void)
{
	enum { SAMPLES = 600 };
	struct build b = build_begin(fov, slice, N);
	double at[2] = { 0, 0 };

	play_rf(&b, 200e-6, 60 * deg, 0, IR_USE_excitation);
	build_open(&b);
	for (int i = 0; i < SAMPLES; i++) {
		double u = sqrt((i + 1.0) / SAMPLES), angle = 2 * PI * N / 2 * u;
		double to[2] = { 0.5 * N * u * cos(angle), 0.5 * N * u * sin(angle) };

		for (int a = 0; a < 2; a++) {
			add_moment(&b, a, i * dwell, dwell, (to[a] - at[a]) / fov);
			at[a] = to[a];
		}
	}
	add_adc(&b, 0, SAMPLES, dwell, 0, 0, -1);
	build_close(&b, 0);
	return build_end(&b);
}

/* ------------------------------------------------------------------ objects */
static struct maps *smooth(double db0, double b1, double t2)
{
	struct maps *m = random_maps(SPINS, SPINS, fov, 0, 3);

	for (int i = 0; i < SPINS * SPINS; i++) {
		double x = (i % SPINS + 0.5) / SPINS - 0.5, y = (i / SPINS + 0.5) / SPINS - 0.5;

		m->map[PROGRAM_MAP_B1][i] = (float)(1 + b1 * cos(5 * x - 4 * y));
		m->map[PROGRAM_MAP_dB0][i] = (float)(db0 * sin(7 * x + 5 * y));
		m->map[PROGRAM_MAP_T2][i] = (float)(t2 * exp(8 * fabs(x)));
	}
	return m;
}

static struct maps *usual(void)
{
	return smooth(150, 0.3, 20e-3);
}

static struct maps *far(void)
{
	return smooth(500, 0.5, 30e-3);
}

static struct maps *aside(void)
{
	return uniform(SPINS, fov, 1, 0.08, 1, 150);
}

static struct maps *brief(void)
{
	return smooth(150, 0.5, 1e-3);
}

static struct maps *all_of_it(void)
{
	struct maps *m = random_maps(SPINS, SPINS, fov, 500, 8);
	struct rng r = rng_make(2, 2);

	for (int i = 0; i < SPINS * SPINS; i++) {
		m->map[PROGRAM_MAP_B1][i] = (float)rng_uniform(&r, 0.5, 1.5);
		m->map[PROGRAM_MAP_T2][i] = (float)(1e-3 * exp(rng_uniform(&r, 0, 6)));
	}
	return m;
}

/* ------------------------------------------------------------------ the claim */
static const struct {
	const char *name;
	struct draw *(*create)(void);
	bool line; /* the line method must take it */
} sequences[] = {
	{ "epi", epi, true },           { "echo at the edge", edge, true },
	{ "every second", every_second, true }, { "partial", partial, true },
	{ "on ramps", on_ramps, true }, { "rewound", rewound, true },
	{ "not rewound", not_rewound, true },   { "spokes", spokes, false },
	{ "spiral", spiral, false },
};
static const struct {
	const char *name;
	struct maps *(*create)(void);
} objects[] = {
	{ "usual", usual }, { "far", far }, { "aside", aside }, { "brief", brief },
	{ "all of it", all_of_it },
};

static double worst[SIM_METHODS];

static void claim(const struct draw *d, const struct maps *m, const struct sim_result *truth,
		  enum sim_method method, size_t s, size_t o)
{
	for (double tolerance = 1e-3; tolerance > 5e-6; tolerance *= 0.1) {
		const struct sim_options options = { .method = method, .tolerance = tolerance,
						     .nz = THROUGH, .threads = 2, .quiet = true };
		struct sim_result *r;
		double error;

		if (sim_run(&r, d, m, &options)) {
			if (method == SIM_auto || method == SIM_direct ||
			    (method == SIM_line && sequences[s].line) ||
			    !strstr(precess_error(), "cannot compute"))
				fail_msg("%s: %s", sequences[s].name, precess_error());
			continue;
		}
		error = compare(r, truth) * fmax(r->largest, truth->largest) / r->largest;
		worst[method] = fmax(worst[method], error / (r->bound + truth->bound));
		if (!(error <= r->bound + truth->bound))
			fail_msg("%s of %s by %s at %g: error %g, bound %g", sequences[s].name,
				 objects[o].name, sim_method_name(method), tolerance, error,
				 r->bound);
		if (method == SIM_auto && !(r->bound <= tolerance))
			fail_msg("%s of %s at %g: bound %g", sequences[s].name, objects[o].name,
				 tolerance, r->bound);
		sim_result_free(r);
	}
}

static void every_method(void **state)
{
	(void)state;
	for (size_t s = 0; s < PRECESS_COUNT(sequences); s++) {
		struct draw *d = sequences[s].create();

		for (size_t o = 0; o < PRECESS_COUNT(objects); o++) {
			struct maps *m = objects[o].create();
			struct sim_result *truth = simulate(d, m, SIM_step, THROUGH);

			for (int k = 0; k < SIM_METHODS; k++)
				if (k != SIM_step)
					claim(d, m, truth, (enum sim_method)k, s, o);
			sim_result_free(truth);
			maps_free(m);
		}
		drop(d);
	}
	for (int k = 0; k < SIM_METHODS; k++)
		print_message("%s: error at most %.2g of the bound\n",
			      sim_method_name((enum sim_method)k), worst[k]);
}

/* What one history for all shots would have made of the forgotten rewinding. */
static void shots_are_not_shared(void **state)
{
	struct draw *d = not_rewound(), *shared = rewound();

	(void)state;
	assert_int_equal(d->program->n_history, N / 4);
	assert_int_equal(shared->program->n_history, 1);
	drop(d);
	drop(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method),
		cmocka_unit_test(shots_are_not_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
