/* Shaped pulses for many spins: solved side by side as one by one; tables never further off than
 * they say, at the corners of their range and between the nodes; slice-selective sequences through
 * tables against the double sums, which know none. */
#include "tests/physics/build.h"

#include "runtime/sim/internal.h"
#include "runtime/sim/pulse.h"

enum { STEPS = 400, PLACES = 9, SPINS = 400 };
static const double length = 3e-3;

/* A filtered sinc with the mean 1. */
static void fill_sinc(double *re)
{
	double sum = 0;

	for (int i = 0; i < STEPS; i++) {
		double t = (i + 0.5) / STEPS - 0.5, x = 4 * PI * t;

		re[i] = sin(x) / x * (0.54 + 0.46 * cos(2 * PI * t));
		sum += re[i] / STEPS;
	}
	for (int i = 0; i < STEPS; i++)
		re[i] /= sum;
}

/* `flip` in `length`; a phase that runs makes it complex. */
static void fill_field(double *b, double flip)
{
	double re[STEPS];

	fill_sinc(re);
	for (int i = 0; i < STEPS; i++) {
		b[2 * i] = flip / length * re[i] * cos(0.02 * i);
		b[2 * i + 1] = flip / length * re[i] * sin(0.02 * i);
	}
}

static struct affine one_by_one(const struct pulse_shape *s, const double x[PULSE_AXES])
{
	struct affine m = affine_phase(0), a;

	for (size_t i = 0; i < s->n; i++) {
		a = affine_bloch(x[PULSE_B1] * s->b[2 * i], x[PULSE_B1] * s->b[2 * i + 1], x[PULSE_W],
				 x[PULSE_R1], x[PULSE_R2], 1, s->h);
		m = affine_after(&a, &m);
	}
	return m;
}

static double misfit(pulse_maps map, int lane, const struct affine *a)
{
	double most = 0;

	for (int k = 0; k < 9; k++)
		most = fmax(most, fabs(map[k][lane] - a->e[k / 3][k % 3]));
	for (int k = 0; k < 3; k++)
		most = fmax(most, fabs(map[9 + k][lane] - a->c[k]));
	return most;
}

static const struct pulse_range ranges[] = {
	{ { 0.7, -950, 1.5, 0.3 }, { 1.3, 950, 50, 2 } },
	{ { 0.5, -3200, 1.5, 0.3 }, { 1.5, 3200, 1000, 10 } },
	{ { 1, 0, 10, 1 }, { 1, 0, 10, 1 } },
	{ { 0.9, 100, 0, 0 }, { 1.1, 200, 0, 0 } },
};

static void check(const struct pulse_shape *s, const struct pulse_range *r, double error)
{
	double place[PLACES], worst = 0, solved = 0;
	struct rng rng = rng_make(3, 7);
	struct pulse_table *t;

	for (int i = 0; i < PLACES; i++)
		place[i] = 2e3 * PI * (i - 4.0) / 4;
	if (pulse_table_create(&t, s, r, place, PLACES, 1e9, error, 2))
		fail_msg("%s", precess_error());
	assert_non_null(t);
	assert_true(pulse_table_error(t) <= error);
	for (int i = 0; i < SPINS; i++) {
		pulse_spins at;
		pulse_maps map, exact;
		double x[PULSE_AXES];
		int where = i % PLACES;

		for (int k = 0; k < PULSE_AXES; k++) {
			double u = i < 16 * PLACES ? i / PLACES >> k & 1 : rng_uniform(&rng, 0, 1);

			x[k] = r->lo[k] + u * (r->hi[k] - r->lo[k]);
			for (int l = 0; l < PULSE_LANES; l++)
				at[k][l] = l ? 0.5 * (r->lo[k] + r->hi[k]) : x[k];
		}
		pulse_table_look(map, t, where, at);
		for (int l = 0; l < PULSE_LANES; l++)
			at[PULSE_W][l] += place[where];
		pulse_solve(exact, s, at);
		x[PULSE_W] += place[where];
		struct affine a = one_by_one(s, x);

		worst = fmax(worst, misfit(map, 0, &a));
		solved = fmax(solved, misfit(exact, 0, &a));
	}
	near(solved, 0, 1e-12, "solved side by side", error);
	near(worst, 0, pulse_table_error(t) + 1e-12, "table", error);
	pulse_table_free(t);
}

static void tables(void **state)
{
	double b[2 * STEPS];

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(ranges); i++)
		for (double error = 1e-4; error > (i == 1 ? 1e-8 : 1e-11); error *= 1e-3) {
			const struct pulse_shape s = { STEPS, b, length / STEPS };

			fill_field(b, i % 2 ? PI : 0.5 * PI);
			check(&s, &ranges[i], error);
		}
}

/* No table where it would cost more than the spins. */
static void not_worth_it(void **state)
{
	double b[2 * STEPS], place = 0;
	const struct pulse_shape s = { STEPS, b, length / STEPS };
	struct pulse_table *t;

	(void)state;
	fill_field(b, 1);
	assert_int_equal(pulse_table_create(&t, &s, &ranges[0], &place, 1, 50, 1e-6, 1), PRECESS_OK);
	assert_null(t);
}

/* ------------------------------------------------------------------ whole runs */
/* Spoiled gradient echoes or spin echoes without resets: one history through which the pulses go on
 * and on; the slice along a direction that tilts towards x. */
static struct draw *selective(bool echoes, double tilt)
{
	enum { N = 8 };
	struct build b = build_begin(0.2, 5e-3, N);
	double *rf = arena_alloc(b.ir->arena, 2 * STEPS * sizeof *rf), re[STEPS];
	struct ir_shape shape = { .name = "sinc", .complex = true, .n = STEPS, .sample = rf };
	double g = 4 / length / 3e-3 / b.ir->system.gamma, k = 4 / 3e-3;
	uint32_t s;

	fill_sinc(re);
	for (int i = 0; i < STEPS; i++) {
		rf[2 * i] = re[i];
		rf[2 * i + 1] = 0;
	}
	s = ir_add_shape(b.ir, &shape);
	for (int line = 0; line < N; line++) {
		for (int pulse = 0; pulse <= (int)echoes; pulse++) {
			build_open(&b);
			add_trap(&b, 2, 0, g, 100e-6, length, 100e-6);
			add_trap(&b, 0, 0, tilt * g, 100e-6, length, 100e-6);
			add_rf(&b, 100e-6, length, (pulse ? 150 : 40) * deg, line * line, 120, s,
			       IR_USE_excitation);
			build_close(&b, 0);
			build_open(&b);
			add_moment(&b, 2, 0, 1e-3, (pulse ? 0.9 : -0.5) * k);
			add_moment(&b, 0, 0, 1e-3, -0.5 * tilt * k - (pulse == (int)echoes) * N / 0.4);
			if (pulse == (int)echoes && line != N / 2)
				add_moment(&b, 1, 0, 1e-3, (line - N / 2) / 0.2);
			build_close(&b, 0);
		}
		build_open(&b);
		add_moment(&b, 0, 0, N * 10e-6, N / 0.2);
		add_adc(&b, 0, N, 10e-6, 0, 0, line);
		build_close(&b, 0);
		play_delay(&b, 4e-3);
	}
	return build_end(&b);
}

static struct sim_result *run(const struct draw *d, const struct maps *m, enum sim_method method,
			      double tolerance, int nz)
{
	const struct sim_options o = { .method = method, .tolerance = tolerance, .nz = nz,
				       .quiet = true, .fast = true };
	struct sim_result *r;

	if (sim_run(&r, d, m, &o))
		fail_msg("%s", precess_error());
	return r;
}

static struct maps *object(bool harsh)
{
	enum { N = 24 };
	struct maps *m = random_maps(N, N, 0.2, harsh ? 500 : 150, 5);

	for (int i = 0; harsh && i < N * N; i++) {
		m->map[PROGRAM_MAP_B1][i] = 0.5F + (float)(i % 11) / 10;
		m->map[PROGRAM_MAP_T2][i] = i % 7 ? m->map[PROGRAM_MAP_T2][i] : 2e-3F;
	}
	return m;
}

static void runs(void **state)
{
	(void)state;
	for (int which = 0; which < 4; which++) {
		struct draw *d = selective(which & 1, which & 2 ? 0.004 : 0);
		struct maps *m = object(which == 3);
		struct sim_result *exact = run(d, m, SIM_direct, 0, 96);

		for (double tolerance = 1e-3; tolerance > 5e-6; tolerance *= 0.1) {
			struct sim_result *fast = run(d, m, SIM_line, tolerance, 96);

			assert_true(which == 3 || strstr(fast->report, "tables"));
			near(compare(fast, exact), 0, fast->bound, "slice-selective", which);
			assert_true(compare(fast, exact) <= tolerance);
			sim_result_free(fast);
		}
		sim_result_free(exact);
		maps_free(m);
		drop(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(not_worth_it),
		cmocka_unit_test(runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
