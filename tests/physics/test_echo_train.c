/* Echo trains: dictionaries made by the simulator against the extended phase graph of instant pulses,
 * written out here, and against a simulation of one spin. */
#include "runtime/mapping/mapping.h"
#include "runtime/sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/compile_file.h"

#include <complex.h> /* last: the IR has a word `complex` */

enum { ECHOES = 12, SIDE = 12, VOXELS = SIDE * SIDE };
static const double pi = 3.14159265358979323846, esp = 10e-3, t1 = 1;

/* Pulses of a microsecond. */
static const char train[] =
	"seq 1\n"
	"sequence train \"CPMG\"\n"
	"import std.grads (phase_encode, prephaser, readout, spoiler)\n"
	"param ESP : time in 5ms .. 20ms = 10ms \"echo spacing\"\n"
	"map T2 : time in 0ms .. 5s\n"
	"map B1 : number in 0.5 .. 1.5\n"
	"map T1 : time = 1s\n"
	"geometry fov = [220mm, 220mm], matrix = [4, 4], slice = 5mm\n"
	"system = ideal\n"
	"let exc = hard(90deg, 1us, use = excitation)\n"
	"let ref = hard(180deg, 1us, phase = 90deg, use = refocusing)\n"
	"let gx = readout(20us)\n"
	"for line in 0 ..< matrix.y {\n"
	"  reset\n"
	"  play e = exc\n"
	"  play -prephaser(gx, 1ms)\n"
	"  for echo in 0 ..< 12 {\n"
	"    play spoiler(z, cycles = 4, duration = 1ms)\n"
	"    play ref with center at e.center + (echo + 0.5) * ESP\n"
	"    play spoiler(z, cycles = 4, duration = 1ms)\n"
	"    play phase_encode(y, line, 500us)\n"
	"    play gx & adc(matrix.x, over = gx.flat, dwell = 20us, line = line, echo = echo)\n"
	"         with center at e.center + (echo + 1) * ESP\n"
	"    play phase_encode(y, matrix.y - line, 500us)\n"
	"  }\n"
	"}\n";

/* ------------------------------------------------------------------ the phase graph */
/* F+(k), F-(k) and Z(k), k in steps of one crusher; a refocusing pulse is about y, as the echoes of
 * an excitation about x lie along y. */
struct graph {
	double complex f[2 * ECHOES + 2], g[2 * ECHOES + 2], z[2 * ECHOES + 2];
};

static void rotate(struct graph *s, double flip, double phase)
{
	double c = cos(flip / 2), q = sin(flip / 2);
	double complex e = cexp(I * phase);

	for (int k = 0; k < 2 * ECHOES + 2; k++) {
		double complex f = s->f[k], g = s->g[k], z = s->z[k];

		s->f[k] = c * c * f + q * q * e * e * g - I * e * sin(flip) * z;
		s->g[k] = q * q * conj(e * e) * f + c * c * g + I * conj(e) * sin(flip) * z;
		s->z[k] = -0.5 * I * conj(e) * sin(flip) * f + 0.5 * I * e * sin(flip) * g +
			  cos(flip) * z;
	}
}

/* Half an echo spacing: decay, recovery and one crusher. */
static void wait(struct graph *s, double t2)
{
	double e2 = exp(-0.5 * esp / t2), e1 = exp(-0.5 * esp / t1);

	for (int k = 2 * ECHOES + 1; k > 0; k--)
		s->f[k] = e2 * s->f[k - 1];
	for (int k = 0; k < 2 * ECHOES + 1; k++)
		s->g[k] = e2 * s->g[k + 1];
	s->f[0] = conj(s->g[0]);
	for (int k = 0; k < 2 * ECHOES + 2; k++)
		s->z[k] = e1 * s->z[k] + (k ? 0 : 1 - e1);
}

static void phase_graph(double echo[ECHOES], double t2, double b1)
{
	struct graph s = { .z = { 1 } };

	rotate(&s, b1 * pi / 2, 0);
	for (int i = 0; i < ECHOES; i++) {
		wait(&s, t2);
		rotate(&s, b1 * pi, pi / 2);
		wait(&s, t2);
		echo[i] = cabs(s.f[0]);
	}
}

/* ------------------------------------------------------------------ fits */
static double t2_of(int i)
{
	return 15e-3 * pow(1.35, i % SIDE); /* 15 ms .. 407 ms */
}

static double b1_of(int i)
{
	return 0.55 + 0.036 * (i / SIDE); /* to 0.946: at 1 the train does not tell B1 */
}

static struct mapping_series *trains(void)
{
	struct mapping_series *s;
	static float image[ECHOES][2 * VOXELS];
	double echo[ECHOES];

	for (int i = 0; i < VOXELS; i++) {
		phase_graph(echo, t2_of(i), b1_of(i));
		for (int e = 0; e < ECHOES; e++)
			image[e][2 * i] = (float)(3 * echo[e]);
	}
	assert_int_equal(mapping_series_create(&s, SIDE, SIDE, 1), PRECESS_OK);
	for (int e = 0; e < ECHOES; e++)
		assert_int_equal(mapping_series_add(s, (e + 1) * esp, image[e]), PRECESS_OK);
	return s;
}

static struct mapping_maps *run(enum mapping_method m, const struct mapping_series *s,
				const struct mapping_options *o)
{
	struct mapping_maps *maps;

	if (mapping_run(&maps, m, s, o))
		fail_msg("%s", precess_error());
	return maps;
}

static void near(double found, double wanted, double relative)
{
	if (!(fabs(found - wanted) <= relative * fabs(wanted)))
		fail_msg("%.9g, wanted %.9g", found, wanted);
}

static const struct mapping_options wide = {
	.t2_lo = 5e-3, .t2_hi = 3, .b1_lo = 0.5, .b1_hi = 1, .quiet = true
};

/* The dictionary's pulses last 1 us and its cubics are off by 1e-4. */
static void phase_graph_is_matched(void **state)
{
	struct program *p = compile_program("train.seq", train);
	struct mapping_series *s = trains();
	struct mapping_options o = wide;
	struct mapping_maps *m, *plain;

	(void)state;
	o.program = p;
	m = run(MAPPING_stimulated, s, &o);
	plain = run(MAPPING_mono, s, &o);
	for (int i = 0; i < VOXELS; i++) {
		near((double)m->map[MAPPING_T2][i], t2_of(i), 1e-3);
		near((double)m->map[MAPPING_B1][i], b1_of(i), 2e-3);
		near((double)m->map[MAPPING_M0][i], 3, 2e-3);
		assert_true(m->map[MAPPING_residual][i] < 1e-3f);
		if (b1_of(i) < 0.85 && t2_of(i) > 40e-3) /* what one exponential makes of it */
			assert_true((double)plain->map[MAPPING_T2][i] > 1.04 * t2_of(i));
	}
	mapping_maps_free(plain);
	mapping_maps_free(m);
	mapping_series_free(s);
	program_free(p);
}

static void known_b1(void **state)
{
	struct program *p = compile_program("train.seq", train);
	struct mapping_series *s = trains();
	struct mapping_options o = wide;
	struct mapping_maps *m;
	int row = 5;

	(void)state;
	o.program = p;
	o.b1_lo = o.b1_hi = b1_of(row * SIDE);
	m = run(MAPPING_stimulated, s, &o);
	for (int i = row * SIDE; i < (row + 1) * SIDE; i++) {
		near((double)m->map[MAPPING_T2][i], t2_of(i), 1e-3);
		near((double)m->map[MAPPING_B1][i], o.b1_lo, 1e-6);
	}
	mapping_maps_free(m);
	mapping_series_free(s);
	program_free(p);
}

static void limits_and_refusals(void **state)
{
	struct program *p = compile_program("train.seq", train);
	struct mapping_series *s = trains();
	struct mapping_options o = wide;
	struct mapping_maps *m;
	double param[] = { 12e-3 };

	(void)state;
	assert_int_equal(mapping_run(&m, MAPPING_stimulated, s, &o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "sequence"));
	o.program = p;
	o.param = param; /* another echo spacing */
	assert_int_equal(mapping_run(&m, MAPPING_stimulated, s, &o), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "12, 24, 36"));
	o.param = NULL;
	o.t2_hi = 0.2;
	m = run(MAPPING_stimulated, s, &o);
	for (int i = 0; i < VOXELS; i++) {
		if (t2_of(i) > 0.22)
			near((double)m->map[MAPPING_T2][i], 0.2, 1e-6);
	}
	assert_in_range(m->n_limit, 1, VOXELS / 4);
	mapping_maps_free(m);
	mapping_series_free(s);
	program_free(p);
}

/* ------------------------------------------------------------------ the simulator's part */
/* One spin in the plane by sim_run, whose signal is the mean over the slice. */
static void one_spin_agrees(void **state)
{
	static const uint32_t sample[] = { 2, 17, 50, 190 };
	static const double fov[2] = { 0.22, 0.22 };
	struct sim_point point[2] = {
		{ .m0 = 1, .t1 = t1, .t2 = 60e-3, .t2p = INFINITY, .b1 = 0.8 },
		{ .m0 = 0.5, .t1 = t1, .t2 = 200e-3, .t2p = INFINITY, .b1 = 1.1, .w = 20 },
	};
	struct program *p = compile_program("train.seq", train);
	double value[2][2 * PRECESS_COUNT(sample)];
	struct draw *d;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	assert_int_equal(sim_point_samples(value[0], d, point, 2, sample, PRECESS_COUNT(sample), 2),
			 PRECESS_OK);
	for (int i = 0; i < 2; i++) {
		struct sim_options o = { .method = SIM_direct, .quiet = true };
		struct sim_result *r;
		struct maps *m;

		assert_int_equal(maps_create(&m, 1, 1, fov), PRECESS_OK);
		assert_int_equal(maps_add(m, PROGRAM_MAP_M0, point[i].m0), PRECESS_OK);
		assert_int_equal(maps_add(m, PROGRAM_MAP_T1, t1), PRECESS_OK);
		assert_int_equal(maps_add(m, PROGRAM_MAP_T2, point[i].t2), PRECESS_OK);
		assert_int_equal(maps_add(m, PROGRAM_MAP_B1, point[i].b1), PRECESS_OK);
		assert_int_equal(maps_add(m, PROGRAM_MAP_dB0, point[i].w / (2 * pi)), PRECESS_OK);
		assert_int_equal(sim_run(&r, d, m, &o), PRECESS_OK);
		for (size_t j = 0; j < 2 * PRECESS_COUNT(sample); j++)
			assert_true(fabs(value[i][j] - r->signal[2 * sample[j / 2] + j % 2]) <
				    1e-6);
		sim_result_free(r);
		maps_free(m);
	}
	assert_int_equal(sim_point_samples(value[0], d, point, 1, &(uint32_t){ 192 }, 1, 1),
			 PRECESS_EINVAL);
	draw_free(d);
	program_free(p);
}

static void centers(const char *path, const double *te, int n)
{
	struct program *p = compile_program(path, NULL);
	struct kspace_center *c;
	struct draw *d;
	int found;

	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	assert_int_equal(kspace_centers(&c, &found, d), PRECESS_OK);
	assert_int_equal(found, n);
	for (int i = 0; i < n; i++) {
		assert_true(isnan(te[i]) ? isnan(c[i].te) : fabs(c[i].te - te[i]) < 1e-9);
		assert_true(c[i].sample < p->n_sample);
	}
	free(c);
	draw_free(d);
	program_free(p);
}

static void echo_times(void **state)
{
	static const double eight[] = { 12e-3, 24e-3, 36e-3, 48e-3, 60e-3, 72e-3, 84e-3, 96e-3 };
	static const double fse = 90e-3, epi = 60e-3, se = 35e-3, several = NAN;

	(void)state;
	centers("sequences/05_multi_echo.seq", eight, 8);
	centers("sequences/se_multi.seq", &se, 1);
	centers("sequences/fse.seq", &fse, 1);
	centers("sequences/gre_epi.seq", &epi, 1);
	centers("sequences/moled.seq", &several, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phase_graph_is_matched),
		cmocka_unit_test(known_b1),
		cmocka_unit_test(limits_and_refusals),
		cmocka_unit_test(one_spin_agrees),
		cmocka_unit_test(echo_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
