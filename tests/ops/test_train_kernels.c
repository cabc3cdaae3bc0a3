/* runtime/cpu: the kernels of trains, mirrored fans, fused histories and surveys, for every
 * instruction set, against plain double arithmetic or a kernel that is tested in test_kernels. */
#include "kernel_data.h"

#include <complex.h>

static void near(const float *a, const float *b, size_t n, double tolerance, const char *what)
{
	double worst = 0;

	for (size_t i = 0; i < n; i++)
		worst = fmax(worst, fabs((double)a[i] - b[i]));
	if (!(worst <= tolerance))
		fail_msg("%s, %s: wrong by %g", k->isa, what, worst);
}

/* ------------------------------------------------------------------ deposit */
enum { CELLS = 48, PLANE = CELLS + 16, GROUPS = 3, TERMS = 3, NY = 40, STEPS = 2 * CPU_LEVELS + 1 };

/* What one spin adds, cell by cell. */
static void add_spin(double *grid, const struct cpu_deposit *t, double y, double f, double r,
		     double complex w)
{
	int group = (int)fmin(fmax(floor((r - t->lo) / t->width), 0), GROUPS - 1);
	double q = f * t->period + y, base;
	double complex z, tap;

	q = (q - rint(q)) * CELLS - 0.5 * (t->taps - 1);
	base = rint(q);
	z = q - base + I * (t->lo + (group + 0.5) * t->width - r) * t->drift;
	for (int j = 0; j < t->taps; j++) {
		int cell = (int)base + CELLS / 2 + t->taps + j;

		tap = 0;
		for (int d = t->taps; d >= 0; d--)
			tap = tap * z + (double)t->coef[d * CPU_TAPS + j];
		grid[2 * (group * PLANE + cell)] += creal(w * tap);
		grid[2 * (group * PLANE + cell) + 1] += cimag(w * tap);
	}
}

/* What the bound is made of. */
static void account(struct cpu_landed *to, const struct cpu_deposit *t, double r, double size)
{
	int group = (int)fmin(fmax(floor((r - t->lo) / t->width), 0), GROUPS - 1), step;
	double v = (t->lo + (group + 0.5) * t->width - r) * t->drift;

	step = (int)fmin(fmax((v + 1) * CPU_LEVELS, 0), 2 * CPU_LEVELS) + group * STEPS;
	if (r > t->cut) {
		to->dropped += size * exp(r * t->before);
		return;
	}
	to->wrong += size * (double)t->error[step];
	to->sum += size * (double)t->growth[step];
}

static void check_deposit(int taps, struct rng *r)
{
	static double grid[CPU_LANES][TERMS][2 * GROUPS * PLANE];
	struct cpu_spins *s = spins(r);
	float *w = planes(2), *u = planes(2 * TERMS), coef[(CPU_TAPS + 1) * CPU_TAPS];
	size_t lane_size = GROUPS * TERMS * 2 * PLANE;
	float *grids = memory_aligned(CPU_LANES * lane_size * sizeof *grids);
	float error[GROUPS * STEPS], growth[GROUPS * STEPS];
	struct cpu_landed landed = { 0 }, want = { 0 };
	double y[NY], worst = 0;
	uint8_t used[GROUPS * CPU_LANES] = { 0 };
	uint32_t row[ROWS];
	struct cpu_deposit t = {
		.grid = grids, .lane_stride = lane_size, .group_stride = TERMS * 2 * PLANE,
		.plane = PLANE, .cells = CELLS, .taps = taps, .groups = GROUPS, .coef = coef,
		.lo = 1, .width = 60, .inverse = 1 / 60.f, .cut = 181, .drift = 0.01f,
		.period = 7e-4, .y = y, .row = row, .error = error, .growth = growth,
		.before = 0.01, .landed = &landed, .used = used,
	};

	fill(coef, PRECESS_COUNT(coef), r, -1, 1);
	fill(error, PRECESS_COUNT(error), r, 0, 1);
	fill(growth, PRECESS_COUNT(growth), r, 0, 1);
	for (int i = 0; i < (int)PRECESS_COUNT(coef); i++)
		if (i % CPU_TAPS >= taps || i / CPU_TAPS > taps)
			coef[i] = 0;
	for (int i = 0; i < NY; i++)
		y[i] = rng_uniform(r, -3, 3);
	for (uint32_t i = 0; i < ROWS; i++)
		row[i] = i + i / 4;
	fill(w, 2 * CPU_PLANE, r, -1, 1);
	w[3] = w[3 + CPU_PLANE] = 0;
	k->powers(u, s, 90, 3, 1000, TERMS, ROWS);
	k->deposit(&t, w, u, s, ROWS, TERMS);
	memset(grid, 0, sizeof grid);
	for (size_t i = 0; i < SPINS; i++) {
		double complex m = w[i] + I * (double)w[i + CPU_PLANE];

		account(&want, &t, s->r2[i], cabs(m));
		for (int j = 0; j < TERMS && s->r2[i] <= t.cut; j++) {
			add_spin(grid[i % CPU_LANES][j], &t, y[row[i / CPU_LANES]], s->f[i],
				 s->r2[i], m);
			m *= u[i] + I * (double)u[i + CPU_PLANE];
		}
	}
	for (int lane = 0; lane < CPU_LANES; lane++)
		for (int j = 0; j < TERMS; j++)
			for (int i = 0; i < GROUPS * PLANE; i++) {
				const float *g = grids + (size_t)lane * lane_size +
						 (i / PLANE * TERMS + j) * 2 * PLANE + i % PLANE;

				worst = fmax(worst, fabs(g[0] - grid[lane][j][2 * i]));
				worst = fmax(worst, fabs(g[PLANE] - grid[lane][j][2 * i + 1]));
			}
	if (worst > 1e-4) /* of random polynomials: values up to 10 */
		fail_msg("%s, %d taps: wrong by %g", k->isa, taps, worst);
	assert_true(used[0] == 1);
	/* from above, at most 8 % */
	assert_true(landed.wrong >= 0.9999 * want.wrong && landed.wrong <= 1.09 * want.wrong);
	assert_true(landed.sum >= 0.9999 * want.sum && landed.sum <= 1.09 * want.sum);
	assert_true(want.dropped > 0 && landed.dropped >= 0.9999 * want.dropped &&
		    landed.dropped <= 1.09 * want.dropped);
	free(s);
	free(w);
	free(u);
	free(grids);
}

static void spins_land_on_circles(void **state)
{
	struct rng r = rng_make(3, 0);

	(void)state;
	for (int taps = 4; taps <= CPU_TAPS; taps += 2)
		check_deposit(taps, &r);
}

/* ------------------------------------------------------------------ mirrored fans */
static void mirrors_are_fans(void **state)
{
	enum { LINES = 14 };
	static float acc[LINES * TERMS * 32] __attribute__((aligned(64)));
	static float fan[LINES * TERMS * 32] __attribute__((aligned(64)));
	static float whole[2 * LINES * NY], pairs[LINES * NY];
	struct rng r = rng_make(4, 0);
	struct cpu_spins *s = spins(&r);
	float *w = planes(2), *u = planes(2 * TERMS), *v = planes(2);
	uint32_t row[ROWS];

	(void)state;
	memset(acc, 0, sizeof acc);
	memset(fan, 0, sizeof fan);
	for (uint32_t i = 0; i < ROWS; i++)
		row[i] = i + i / 4;
	for (int y = 0; y < NY; y++)
		for (int l = 0; l < LINES; l++) {
			double ky = l - 0.5 * (LINES - 1), phase = -2 * PI * ky * (y + 0.5) / NY;
			float *p = pairs + y * LINES + 2 * l;

			whole[2 * (y * LINES + l)] = (float)cos(phase);
			whole[2 * (y * LINES + l) + 1] = (float)sin(phase);
			if (l < LINES / 2) {
				p[0] = (float)cos(phase);
				p[1] = (float)-sin(phase);
			}
		}
	fill(w, 2 * CPU_PLANE, &r, -1, 1);
	memcpy(v, w, 2 * CPU_PLANE * sizeof *v);
	k->powers(u, s, 90, 3, 1000, TERMS, ROWS);
	k->fan(fan, w, u, whole, row, ROWS, LINES, TERMS);
	k->mirror(acc, v, u, pairs, row, ROWS, LINES, TERMS);
	near(acc, fan, PRECESS_COUNT(acc), 1e-5, "mirrored fan");
	free(s);
	free(w);
	free(u);
	free(v);
}

/* ------------------------------------------------------------------ pulses and histories */
static void resonant_pulses(void **state)
{
	static const double degrees[] = { 0.01, 3, 40, 90, 180, 270 };
	struct rng r = rng_make(6, 0);
	struct cpu_spins *s = spins(&r);
	float *e = planes(7), *full = planes(12);

	(void)state;
	memset(s->f, 0, sizeof s->f);
	s->b1[5] = 0;
	s->b1[6] = 1e-4f;
	s->r2[7] = 3000;
	s->r2[8] = s->r1[8] = 0;
	for (size_t i = 0; i < PRECESS_COUNT(degrees); i++) {
		double h = 500e-6, b[2] = { degrees[i] * PI / 180 / h, 0 };
		struct cpu_bloch p = { .n = 1, .b = b, .h = h, .reach = 1.3 * h * b[0] + 2 };
		static const int at[] = { 0, 4, 5, 7, 8, 10, 11 };

		k->plane(e, s, degrees[i] / 360, h, ROWS);
		k->bloch(full, s, &p, ROWS);
		for (int j = 0; j < 7; j++)
			near(e + j * CPU_PLANE, full + at[j] * CPU_PLANE, SPINS, 6e-7, "pulse");
	}
	free(s);
	free(e);
	free(full);
}

/* The first pulse alone, against its map. */
static void first_pulses(void **state)
{
	static const double degrees[] = { 0.01, 30, 90 };
	struct rng r = rng_make(8, 0);
	struct cpu_spins *s = spins(&r);
	float *m = planes(3), *full = planes(12);
	double x[CPU_LANES], y[NY];
	uint32_t row[ROWS];

	(void)state;
	s->b1[5] = 0;
	s->r2[7] = 3000;
	s->r2[8] = s->r1[8] = 0;
	for (uint32_t i = 0; i < ROWS; i++)
		row[i] = i + i / 4;
	for (int i = 0; i < CPU_LANES; i++)
		x[i] = 100.0 * i - 700;
	for (int i = 0; i < NY; i++)
		y[i] = 20.0 * i - 300;
	for (size_t i = 0; i < PRECESS_COUNT(degrees); i++) {
		double h = 100e-6, w1 = degrees[i] * PI / 180 / h, b[2] = { 0.8 * w1, 0.6 * w1 };
		struct cpu_bloch p = { .n = 1, .b = b, .h = h, .reach = 2, .offset = -50,
				       .x = i ? x : NULL, .y = i ? y : NULL, .row = row };

		k->excite(m, s, &p, ROWS);
		p.reach = 4;
		k->bloch(full, s, &p, ROWS);
		for (int j = 0; j < 3; j++)
			for (size_t n = 0; n < SPINS; n++) {
				double want = full[(3 * j + 2) * CPU_PLANE + n] * (double)s->m0[n] +
					      (double)full[(9 + j) * CPU_PLANE + n];

				if (!(fabs((double)m[j * CPU_PLANE + n] - want) <= 5e-7))
					fail_msg("%s: %g instead of %g", k->isa,
						 (double)m[j * CPU_PLANE + n], want);
			}
	}
	free(s);
	free(m);
	free(full);
}

/* Three epochs of orders 0 and 1, one by one and at once. */
static void histories_are_orders(void **state)
{
	struct rng r = rng_make(7, 0);
	struct cpu_spins *s = spins(&r);
	float *pulse[4] = { planes(2), planes(2), planes(7), planes(12) };
	float *factor = planes(2), *recover = planes(2), *slot = planes(12), *view = planes(4);
	float *state_ = memory_aligned(6 * 2 * CPU_LANES * sizeof *state_), *seen = planes(4);
	struct cpu_step step[2];
	struct cpu_epoch epoch[3];

	(void)state;
	for (int i = 1; i < 4; i++)
		fill(pulse[i], (i == 1 ? 2 : i == 2 ? 7 : 12) * CPU_PLANE, &r, -1, 1);
	fill(factor, 2 * CPU_PLANE, &r, -1, 1);
	fill(recover, 2 * CPU_PLANE, &r, 0, 1);
	memcpy(slot, s->m0, sizeof s->m0);
	memset(slot + CPU_PLANE, 0, sizeof s->m0);
	for (int i = 0; i < 3; i++) {
		struct cpu_order o = { .kind = CPU_PULSE_ROTATION + i, .pulse = pulse[i + 1],
				       .turn = { 1, 0 } }, free_ = o;

		free_.kind = CPU_PULSE_NONE;
		free_.factor = factor;
		free_.recover = recover;
		for (int j = 0; j < 2; j++) {
			o.z = free_.z = slot + (j ? 6 : 0) * CPU_PLANE;
			o.plus = free_.plus = slot + (j ? 8 : 2) * CPU_PLANE;
			o.minus = free_.minus = j ? slot + 4 * CPU_PLANE : NULL;
			k->order(&o, ROWS);
			k->see(view + 2 * j * CPU_PLANE, j ? o.minus : o.plus, 0.6f, -0.8f, false,
			       ROWS);
			k->order(&free_, ROWS);
		}
		epoch[i] = (struct cpu_epoch){ .kind = o.kind, .pulse = o.pulse, .factor = factor,
					       .recover = recover, .view = { 0.6f, -0.8f },
					       .step = step, .n_step = 2 };
	}
	step[0] = (struct cpu_step){ .plus = 1, .minus = -1, .z = 0, .view_plus = seen };
	step[1] = (struct cpu_step){ .plus = 4, .minus = 2, .z = 3,
				     .view_minus = seen + 2 * CPU_PLANE };
	memset(state_, 0, 6 * 2 * CPU_LANES * sizeof *state_);
	/* slots are not cleared here: a vector of lanes finds what the one before it left */
	struct cpu_step first[2] = { step[0], step[1] };

	first[0].clear_plus = first[1].clear_plus = first[1].clear_minus = first[1].clear_z = true;
	epoch[0].step = first;
	k->evolve(state_, epoch, 3, s, ROWS);
	near(seen, view, SPINS, 1e-5, "order 0");
	near(seen + CPU_PLANE, view + CPU_PLANE, SPINS, 1e-5, "order 0");
	near(seen + 2 * CPU_PLANE, view + 2 * CPU_PLANE, SPINS, 1e-5, "order 1");
	near(seen + 3 * CPU_PLANE, view + 3 * CPU_PLANE, SPINS, 1e-5, "order 1");
	for (int i = 0; i < 4; i++)
		free(pulse[i]);
	free(s);
	free(factor);
	free(recover);
	free(slot);
	free(view);
	free(seen);
	free(state_);
}

/* ------------------------------------------------------------------ surveys */
static void surveys_see_the_living(void **state)
{
	enum { N = 2777 };
	static float m0[N], t2[N], f[N];
	struct rng r = rng_make(8, 0);
	struct cpu_maps m = { .m0 = m0, .t2 = t2, .f = f };
	struct cpu_survey s = { 0 };

	(void)state;
	fill(m0, N, &r, 0, 1);
	fill(t2, N, &r, 0.02, 0.6);
	fill(f, N, &r, -100, 100);
	for (int i = 0; i < N; i += 3)
		m0[i] = 0;
	m0[0] = 0;
	t2[0] = NAN; /* nobody's business */
	f[3] = -1e9f;
	t2[1] = 0.7f;
	f[N - 2] = -101;
	m0[N - 2] = 1;
	for (int j = 0; j < CPU_MAPS; j++) {
		s.lo[j] = INFINITY;
		s.hi[j] = -INFINITY;
	}
	k->survey(&s, &m, 0, N);
	assert_int_equal(s.live, N - (N + 2) / 3 + 1);
	assert_true(s.hi[CPU_T2] == 0.7f && s.lo[CPU_F] == -101 && !s.bad);
	assert_true(s.lo[CPU_T1] == INFINITY);
	t2[1] = 0;
	k->survey(&s, &m, 0, N);
	assert_true(s.bad);
	s.bad = false;
	t2[1] = INFINITY;
	f[1] = NAN;
	k->survey(&s, &m, 0, N);
	assert_true(s.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spins_land_on_circles), cmocka_unit_test(mirrors_are_fans),
		cmocka_unit_test(resonant_pulses),       cmocka_unit_test(histories_are_orders),
		cmocka_unit_test(first_pulses),          cmocka_unit_test(surveys_see_the_living),
	};
	int failed = 0;

	for (int i = 0; (k = cpu_kernels_at(i)); i++)
		failed += cmocka_run_group_tests_name(k->isa, tests, NULL, NULL);
	return failed;
}
