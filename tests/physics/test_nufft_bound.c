/* The nufft method against sums in double precision: the error stays below the bound, the bound
 * below the tolerance. Spirals and spokes, some with kz moving too, objects far off resonance and of
 * very short T2, grids of odd numbers of spins, receive coils, moments beyond what the spins resolve. */
#include "tests/physics/build.h"

enum { MATRIX = 24 };
static const double fov = 0.22, slice = 5e-3;

/* ------------------------------------------------------------------ sequences */
/* A gradient from samples: `k` at times (i + 1) dwell, straight lines between its slopes. */
static void add_path(struct build *b, int axis, const double *k, int n, double dwell)
{
	struct ir_event e = { .kind = IR_GRAD, .axis = axis };
	struct ir_shape s = { .name = axis ? "y" : "x", .n = (uint32_t)n };
	double *g = calloc((size_t)n, sizeof *g), most = 0;

	for (int i = 0; i < n; i++) {
		g[i] = (k[i] - (i ? k[i - 1] : 0)) / dwell / b->ir->system.gamma;
		most = fmax(most, fabs(g[i]));
	}
	for (int i = 0; i < n; i++)
		g[i] /= most;
	s.sample = g;
	e.shape = ir_add_shape(b->ir, &s);
	e.amplitude = ir_const(b->ir, most);
	e.rise = e.fall = ir_const(b->ir, 0);
	e.flat = ir_const(b->ir, n * dwell);
	add_event(b, e, 0, n * dwell);
	free(g);
}

/* Out to `edge` cells in `turns` turns and n samples. */
static void play_spiral(struct build *b, int n, double dwell, double turns, double edge, double turn)
{
	double *k = calloc(2 * (size_t)n, sizeof *k);

	for (int i = 0; i < n; i++) {
		double u = sqrt((i + 1.0) / n), a = 2 * PI * turns * u + turn;

		k[i] = edge / fov * u * cos(a);
		k[n + i] = edge / fov * u * sin(a);
	}
	build_open(b);
	add_path(b, 0, k, n, dwell);
	add_path(b, 1, k + n, n, dwell);
	add_adc(b, 0, (uint32_t)n, dwell, 0, 0, -1);
	build_close(b, 0);
	free(k);
}

static struct draw *spiral(void)
{
	struct build b = build_begin(fov, slice, MATRIX);

	play_rf(&b, 300e-6, 70 * deg, 0.3, IR_USE_excitation);
	play_delay(&b, 3e-3);
	play_spiral(&b, 1500, 20e-6, 12, 12, 0);
	return build_end(&b);
}

/* Interleaves, each after a reset, at different lengths. */
static struct draw *interleaved(void)
{
	struct build b = build_begin(fov, slice, MATRIX);

	for (int i = 0; i < 4; i++) {
		play_reset(&b);
		play_rf(&b, 0, 90 * deg, 0, IR_USE_excitation);
		play_delay(&b, 2e-3);
		play_spiral(&b, 400, 10e-6, 3, 12, 0.5 * PI * i);
	}
	return build_end(&b);
}

/* A spin echo between crushers in the middle of a spiral's readout; and a moment that folds. */
static struct draw *echo(void)
{
	struct build b = build_begin(fov, slice, MATRIX);

	play_rf(&b, 200e-6, 90 * deg, 0, IR_USE_excitation);
	play_moment(&b, 0, 1e-3, 70 / fov);
	play_delay(&b, 8e-3);
	play_moment(&b, 2, 0.5e-3, 1 / slice);
	play_rf(&b, 400e-6, 180 * deg, 90 * deg, IR_USE_refocusing);
	play_moment(&b, 2, 0.5e-3, 1 / slice);
	play_moment(&b, 0, 1e-3, 70 / fov);
	play_spiral(&b, 800, 12e-6, 8, 12, 1);
	return build_end(&b);
}

/* Spokes, one after each of many pulses. */
static struct draw *radial(void)
{
	struct build b = build_begin(fov, slice, MATRIX);

	for (int i = 0; i < 15; i++) {
		double kx = MATRIX * cos(PI * i / 15) / fov, ky = MATRIX * sin(PI * i / 15) / fov;

		play_rf(&b, 100e-6, 25 * deg, 117 * deg * i * (i + 1) / 2, IR_USE_excitation);
		for (int part = 0; part < 3; part++) {
			double share = part == 1 ? 1 : -0.5, time = part == 1 ? 1.28e-3 : 0.5e-3;

			build_open(&b);
			add_moment(&b, 0, 0, time, share * kx);
			add_moment(&b, 1, 0, time, share * ky);
			if (part == 1)
				add_adc(&b, 0, 2 * MATRIX, time / (2 * MATRIX), 0, 0, -1);
			build_close(&b, 0);
		}
		play_moment(&b, 2, 0.5e-3, 1 / slice);
	}
	return build_end(&b);
}

/* A spiral whose readout begins while the slice is rephased and ends while it is spoiled. */
static struct draw *rephased(void)
{
	struct build b = build_begin(fov, slice, MATRIX);

	for (int i = 0; i < 2; i++) {
		play_rf(&b, 100e-6, 60 * deg, 0, IR_USE_excitation);
		play_moment(&b, 2, 0.5e-3, 1.5 / slice);
		build_open(&b);
		add_moment(&b, 2, 0, 0.8e-3, -1.5 / slice);
		add_moment(&b, 2, 5e-3, 1e-3, 2 / slice);
		add_moment(&b, 0, 1e-3, 3e-3, 10 / fov);
		add_moment(&b, 1, 1e-3, 4e-3, -7 / fov);
		add_adc(&b, 0, 300, 20e-6, 0, 0, -1);
		build_close(&b, 0);
	}
	return build_end(&b);
}

/* Spokes all over a ball, in shots that share their spins. */
static struct draw *ball(void)
{
	struct build b = build_begin(fov, slice, MATRIX);

	for (int i = 0; i < 8; i++) {
		double k[3] = { 12 * cos(i) / fov, 12 * sin(i) / fov, 0.5 * (i - 3.5) / slice };

		play_reset(&b);
		play_rf(&b, 0, 90 * deg, 0, IR_USE_excitation);
		build_open(&b);
		for (int a = 0; a < 3; a++)
			add_moment(&b, a, 0, 1.28e-3, k[a]);
		add_adc(&b, 0, 32, 40e-6, 0, 0, -1);
		build_close(&b, 0);
	}
	return build_end(&b);
}

/* A shaped pulse that selects a slice, off its middle; a spiral while that is rephased. */
static struct draw *selective(void)
{
	enum { SAMPLES = 128 };
	struct build b = build_begin(fov, slice, MATRIX);
	double v[2 * SAMPLES];
	struct ir_shape shape = { .name = "bell", .complex = true, .n = SAMPLES, .sample = v };
	uint32_t bell;

	for (int i = 0; i < SAMPLES; i++) {
		v[2 * i] = 2 * pow(sin(PI * (i + 0.5) / SAMPLES), 2);
		v[2 * i + 1] = 0;
	}
	bell = ir_add_shape(b.ir, &shape);
	build_open(&b);
	add_moment(&b, 2, 0, 2e-3, 4 / slice);
	add_rf(&b, 0, 2e-3, 80 * deg, 0.4, 300, bell, IR_USE_excitation);
	build_close(&b, 0);
	build_open(&b);
	add_moment(&b, 2, 0, 1e-3, -2 / slice);
	add_moment(&b, 0, 0, 3e-3, 9 / fov);
	add_moment(&b, 1, 0.5e-3, 2e-3, -9 / fov);
	add_adc(&b, 0, 150, 20e-6, 0, 0, -1);
	build_close(&b, 0);
	return build_end(&b);
}

/* ------------------------------------------------------------------ objects */
static struct maps *noise(int nx, int ny, uint64_t seed, double t2)
{
	struct maps *m = random_maps(nx, ny, fov, 150, seed);

	for (int i = 0; i < nx * ny; i++) {
		if (i % 3 == 0)
			m->map[PROGRAM_MAP_T2][i] = (float)t2;
	}
	return m;
}

static struct maps *mixed(void)
{
	return noise(40, 40, 3, 0.005);
}

static struct maps *odd(void)
{
	return noise(37, 26, 4, 0.03);
}

static struct maps *alike(void)
{
	return uniform(32, fov, 1, 0.05, 0.95, 150);
}

static struct maps *fading(void)
{
	struct maps *m = uniform(32, fov, 1, 0.005, 1, -150);

	m->map[PROGRAM_MAP_dB0][3] = 150;
	return m;
}

static struct maps *see(struct maps *m, float gain)
{
	size_t n = 2 * 4 * (size_t)m->nx * (size_t)m->ny;

	m->n_coil = 4;
	m->sensitivity = memory_aligned(n * sizeof *m->sensitivity);
	field_coils(m->sensitivity, 4, m->nx, m->ny, 2);
	for (size_t i = 0; i < n; i++)
		m->sensitivity[i] *= gain;
	return m;
}

static struct maps *coiled(void)
{
	return see(mixed(), 1);
}

static struct maps *loud(void)
{
	return see(fading(), 20);
}

/* ------------------------------------------------------------------ the claim */
static const struct {
	const char *name;
	struct draw *(*create)(void);
	int nz;
} sequences[] = { { "spiral", spiral, 1 }, { "interleaved", interleaved, 1 }, { "echo", echo, 5 },
		  { "radial", radial, 6 }, { "rephased", rephased, 24 }, { "flat", rephased, 1 },
		  { "ball", ball, 3 }, { "thick", ball, 24 },
		  { "selective", selective, 24 } };
static const struct {
	const char *name;
	struct maps *(*create)(void);
} objects[] = { { "mixed", mixed }, { "odd", odd }, { "alike", alike }, { "fading", fading },
	      { "coiled", coiled }, { "loud", loud } };

static void claim(const struct draw *d, const struct maps *m, int nz, const char *s, const char *o)
{
	static const double tolerances[] = { 1e-3, 1e-4, 1e-5 };
	struct sim_result *truth = simulate(d, m, SIM_direct, nz), *r;

	for (size_t i = 0; i < PRECESS_COUNT(tolerances); i++) {
		struct sim_options options = { .method = SIM_nufft, .tolerance = tolerances[i],
					       .nz = nz, .threads = 2, .quiet = true };

		if (sim_run(&r, d, m, &options))
			fail_msg("%s on %s: %s", s, o, precess_error());
		error_below(r, truth, tolerances[i], s, o);
		if (!(r->bound <= tolerances[i]))
			fail_msg("%s on %s: bound %g above the tolerance %g", s, o, r->bound,
				 tolerances[i]);
		assert_int_equal(r->used[SIM_nufft], d->program->n_readout);
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

			claim(d, m, sequences[s].nz, sequences[s].name, objects[o].name);
			maps_free(m);
		}
		drop(d);
	}
}

static void threads_do_not_matter(void **state)
{
	struct draw *d = rephased();
	struct maps *m = coiled();

	(void)state;
	same_on_threads(d, m, SIM_nufft, 20);
	maps_free(m);
	drop(d);
}

/* Where many spins see a shaped pulse they look it up. */
static void looked_up(void **state)
{
	struct draw *d = selective();
	struct maps *m = alike();
	struct sim_result *r = simulate(d, m, SIM_nufft, 24);

	(void)state;
	assert_non_null(strstr(r->report, "shaped pulses from tables"));
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

/* Many samples of uneven steps: `auto` finds out that transforms are cheaper. */
static void chosen(void **state)
{
	struct draw *d = spiral();
	struct maps *m = mixed();
	struct sim_result *r = simulate(d, m, SIM_auto, 1);

	(void)state;
	assert_int_equal(r->used[SIM_nufft], 1);
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_below_bound),
		cmocka_unit_test(threads_do_not_matter),
		cmocka_unit_test(looked_up),
		cmocka_unit_test(chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
