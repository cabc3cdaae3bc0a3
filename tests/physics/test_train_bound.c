/* The train method against sums in double precision: the error stays below the bound, and the bound
 * below the tolerance unless the method says that it cannot. Trains are full, with every second line,
 * partial, backwards; objects decay fast, are far off resonance, all alike or all different. */
#include "tests/physics/build.h"

#include "runtime/sim/internal.h"

enum { MATRIX = 48 };
static int spins = 72; /* each way */
static const double fov = 0.22, slice = 5e-3;

/* ------------------------------------------------------------------ sequences */
/* Lines from ky0 in steps of dky; `first` seconds from the pulse to the train. */
static struct draw *epi(double first, double esp, double ky0, double dky, int lines, double pulse)
{
	struct build b = build_begin(fov, slice, MATRIX);
	double dk = 1 / fov, dwell = esp / (MATRIX + 1);

	play_rf(&b, pulse, 90 * deg, 0.3, IR_USE_excitation);
	play_delay(&b, first - 1e-3);
	build_open(&b);
	add_moment(&b, 0, 0, 1e-3, -MATRIX / 2 * dk);
	add_moment(&b, 1, 0, 1e-3, ky0 * dk);
	build_close(&b, 0);
	for (int i = 0; i < lines; i++) {
		build_open(&b);
		add_moment(&b, 0, 0, MATRIX * dwell, (i & 1 ? -MATRIX : MATRIX) * dk);
		add_adc(&b, 0, MATRIX, dwell, 0, 0, i);
		build_close(&b, 0);
		play_moment(&b, 1, dwell, dky * dk);
	}
	return build_end(&b);
}

static struct draw *full(void)
{
	return epi(30e-3, 0.45e-3, -MATRIX / 2, 1, MATRIX, 0);
}

static struct draw *early(void)
{
	return epi(5e-3, 0.45e-3, -MATRIX / 2, 1, MATRIX, 100e-6);
}

static struct draw *every_second(void)
{
	return epi(20e-3, 0.9e-3, -MATRIX / 2, 2, MATRIX / 2, 0);
}

static struct draw *partial(void)
{
	return epi(12e-3, 0.5e-3, -5, 1, MATRIX / 2 + 5, 0);
}

static struct draw *backwards(void)
{
	return epi(25e-3, 0.6e-3, MATRIX / 2 - 1, -1, MATRIX - 1, 0);
}

/* ------------------------------------------------------------------ objects */
static struct maps *smooth(double t2, double db0)
{
	struct maps *m = random_maps(spins, spins, fov, 0, 5);

	for (int iy = 0; iy < spins; iy++)
		for (int ix = 0; ix < spins; ix++) {
			double x = (ix + 0.5) / spins - 0.5, y = (iy + 0.5) / spins - 0.5;
			size_t at = (size_t)iy * spins + (size_t)ix;

			m->map[PROGRAM_MAP_B1][at] = (float)(1 + 0.3 * cos(5 * x - 3 * y));
			m->map[PROGRAM_MAP_dB0][at] = (float)(db0 * sin(6 * x + 4 * y + 3 * x * y));
			m->map[PROGRAM_MAP_T2][at] = (float)(t2 + 0.6 * fabs(x * y * 4));
			if (4 * x * x + 5 * y * y > 0.9)
				m->map[PROGRAM_MAP_M0][at] = 0;
		}
	return m;
}

static struct maps *usual(void)
{
	return smooth(20e-3, 150);
}

static struct maps *fast(void)
{
	return smooth(5e-3, 150);
}

static struct maps *faster(void)
{
	return smooth(1e-3, 150);
}

static struct maps *far_off(void)
{
	return smooth(20e-3, 500);
}

static struct maps *aside(void)
{
	return uniform(spins, fov, 1, 0.07, 0.93, 150);
}

static struct maps *noise(void)
{
	return random_maps(spins, spins, fov, 150, 7);
}

static struct maps *neutral(void)
{
	return uniform(spins, fov, 1, 1e6, 1, 0);
}

/* ------------------------------------------------------------------ the claim */
static const struct {
	const char *name;
	struct draw *(*create)(void);
} sequences[] = { { "full", full },       { "early", early },         { "second", every_second },
		  { "partial", partial }, { "backwards", backwards } };
static const struct {
	const char *name;
	struct maps *(*create)(void);
	double met; /* the smallest tolerance that must be met */
} objects[] = { { "usual", usual, 1e-4 }, { "fast", fast, 1e-4 },   { "faster", faster, 1 },
		{ "far", far_off, 1e-3 }, { "aside", aside, 1e-4 }, { "noise", noise, 1e-3 },
		{ "neutral", neutral, 1e-4 } };

static double worst; /* error over bound */

static struct sim_result *run(const struct draw *d, const struct maps *m, enum sim_method method,
			      double tolerance)
{
	struct sim_options o = {
		.method = method, .tolerance = tolerance, .nz = 1, .threads = 2, .quiet = true
	};
	struct sim_result *r;

	return sim_run(&r, d, m, &o) ? NULL : r;
}

static void claim(const struct draw *d, const struct maps *m, size_t s, size_t o)
{
	static const double tolerances[] = { 1e-3, 1e-4, 1e-5 };
	struct sim_result *truth = simulate(d, m, SIM_direct, 1), *r;

	for (size_t i = 0; i < PRECESS_COUNT(tolerances); i++) {
		double error;

		r = run(d, m, SIM_train, tolerances[i]);
		if (!r) { /* declined: nothing else may be the matter */
			assert_non_null(strstr(precess_error(), "too far"));
			assert_true(objects[o].met > tolerances[i]);
			continue;
		}
		assert_int_equal(r->used[SIM_train], d->program->n_readout);
		error = error_below(r, truth, tolerances[i], sequences[s].name, objects[o].name);
		worst = fmax(worst, error / r->bound);
		if (tolerances[i] >= objects[o].met && !(r->bound <= tolerances[i]))
			fail_msg("%s on %s: bound %g misses the tolerance %g", sequences[s].name,
				 objects[o].name, r->bound, tolerances[i]);
		sim_result_free(r);
		/* whatever it takes, `auto` keeps what it promises */
		r = run(d, m, SIM_auto, tolerances[i]);
		assert_non_null(r);
		assert_true(compare(r, truth) <= r->bound && r->bound <= tolerances[i]);
		sim_result_free(r);
	}
	sim_result_free(truth);
}

static void error_below_bound(void **state)
{
	(void)state;
	for (size_t s = 0; s < PRECESS_COUNT(sequences); s++) {
		struct draw *d = sequences[s].create();

		for (size_t o = 0; o < PRECESS_COUNT(objects); o++) {
			struct maps *m = objects[o].create();

			claim(d, m, s, o);
			maps_free(m);
		}
		drop(d);
	}
	print_message("error at most %.2g of the bound\n", worst);
}

/* Grids that are worth a probe before. */
static void error_below_bound_after_a_probe(void **state)
{
	struct draw *d = full();
	const int few = spins;

	(void)state;
	spins = 224;
	for (size_t o = 0; o < PRECESS_COUNT(objects); o++) {
		struct maps *m = objects[o].create();

		claim(d, m, 0, o);
		maps_free(m);
	}
	spins = few;
	drop(d);
}

/* Kept memory changes nothing, whatever was run before. */
static void prepared_runs_are_runs(void **state)
{
	static const struct sim_options options[] = {
		{ .method = SIM_train, .tolerance = 1e-4, .nz = 1, .threads = 2, .quiet = true },
		{ .method = SIM_line, .tolerance = 1e-5, .nz = 1, .threads = 1, .quiet = true },
		{ .method = SIM_train, .tolerance = 1e-3, .nz = 1, .threads = 3, .quiet = true },
		{ .method = SIM_train, .tolerance = -1, .quiet = true }, /* refused */
		{ .tolerance = 1e-4, .nz = 1, .threads = 2, .quiet = true },
	};
	struct draw *d = full();
	struct sim_prepared *s;

	(void)state;
	assert_int_equal(sim_prepare(&s, d->program), PRECESS_OK);
	for (size_t i = 0; i < 3 * PRECESS_COUNT(options); i++) {
		const struct sim_options *o = &options[i % PRECESS_COUNT(options)];
		struct maps *m = objects[i % 4].create();
		struct sim_result *a = NULL, *b = NULL;

		assert_int_equal(sim_run(&a, d, m, o), sim_prepared_run(&b, s, d, m, o));
		assert_true(!a == !b && !a == (o->tolerance < 0));
		if (a)
			assert_memory_equal(a->signal, b->signal,
					    2 * a->n_sample * sizeof *a->signal);
		assert_true(!a || a->bound == b->bound);
		sim_result_free(a);
		sim_result_free(b);
		maps_free(m);
	}
	sim_prepared_free(s);
	drop(d);
}

/* The same spins through runs of lines: what differs is single precision and the kernel. */
static void trains_are_lines(void **state)
{
	struct draw *d = full();
	struct maps *m = usual();
	struct sim_result *a = run(d, m, SIM_train, 1e-4), *b = run(d, m, SIM_line, 1e-4);

	(void)state;
	assert_true(compare(a, b) <= a->bound + b->bound);
	assert_int_equal(b->used[SIM_line], d->program->n_readout);
	sim_result_free(a);
	sim_result_free(b);
	maps_free(m);
	drop(d);
}

static void not_a_train(void **state)
{
	struct build b = build_begin(fov, slice, MATRIX);
	struct maps *m = neutral();
	struct draw *d;

	(void)state;
	play_rf(&b, 0, PI / 2, 0, IR_USE_excitation);
	build_open(&b);
	add_moment(&b, 0, 0, 1e-3, MATRIX / fov);
	add_adc(&b, 0, MATRIX, 1e-3 / MATRIX, 0, 0, 0);
	build_close(&b, 0);
	d = build_end(&b);
	assert_null(run(d, m, SIM_train, 1e-4));
	assert_non_null(strstr(precess_error(), "not part of a train"));
	maps_free(m);
	drop(d);
}

static void threads_do_not_matter(void **state)
{
	struct draw *d = full();
	struct maps *m = fast();

	(void)state;
	same_on_threads(d, m, SIM_train, 1);
	maps_free(m);
	drop(d);
}

/* What a run will cost: a part that spins do not change, the rest in proportion to them, with the methods in their order, in the right decade,
 * and told in time. */
static void costs_are_told(void **state)
{
	struct draw *d = full();
	struct maps *m = usual();
	uint8_t method[MATRIX];
	struct sim_plan plan = { .draw = d, .maps = m, .threads = 1, .nz = 1, .n_live = 200000,
				 .n_coil = 1, .method = method };
	struct sim_result *r;
	struct text t;
	double line, direct, fixed;

	(void)state;
	memset(method, SIM_line, sizeof method);
	line = cost_seconds(&plan);
	memset(method, SIM_direct, sizeof method);
	direct = cost_seconds(&plan);
	plan.n_live = 0;
	fixed = cost_seconds(&plan);
	plan.n_live = 600000;
	assert_true(fixed > 0 && direct > 10 * line &&
		    fabs(cost_seconds(&plan) - fixed - 3 * (direct - fixed)) < 1e-9 * direct);
	memset(method, SIM_step, sizeof method);
	assert_true(cost_seconds(&plan) > 10 * direct);
	text_init(&t);
	cost_tell(&t, &plan, 2 * cost_seconds(&plan));
	assert_int_equal(t.n, 0);
	m->nx = m->ny = 4096;
	cost_tell(&t, &plan, 0.01 * cost_seconds(&plan));
	assert_non_null(strstr(t.data, "48 readouts by step for 600000 spins; --spins 256 would"));
	m->nx = m->ny = spins;
	text_free(&t);
	r = simulate(d, m, SIM_direct, 1);
	plan.n_live = r->n_spin;
	memset(method, SIM_direct, sizeof method);
	if (!(cost_seconds(&plan) < 10 * r->seconds && cost_seconds(&plan) > 0.02 * r->seconds))
		fail_msg("%g s instead of %g", r->seconds, cost_seconds(&plan));
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_below_bound),
		cmocka_unit_test(error_below_bound_after_a_probe),
		cmocka_unit_test(prepared_runs_are_runs),
		cmocka_unit_test(trains_are_lines),
		cmocka_unit_test(not_a_train),
		cmocka_unit_test(threads_do_not_matter),
		cmocka_unit_test(costs_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
