/* MOLED on real anatomy (slice 60 of a BrainWeb phantom, 512 x 512 spins): where its echoes and
 * ghosts fall and how high they are, by two other routes.
 *
 * Configuration states: at the centre of an echo the object's shape does not matter, so that its
 * height is the sum over tissues of (number of spins) x M0 x (what an extended phase graph with
 * states on a plane of cells says for this T2). What is left out are the flanks of the other echoes.
 *
 * A table of heights from an earlier simulation by a program of its own. Echo 1, 110 ms after its
 * pulse, is the hardest: a third of it is cerebrospinal fluid, so that it hangs on how voxels of long
 * T2 are clipped and sampled.
 *
 * The phantom is read from $PRECESS_SHARED (../shared when unset); the test is skipped without it.
 * A peak is the largest magnitude in the 3 x 3 cells around the place where the pathway's echo must
 * lie, so that samples may fall on the cells or half way between them. */
#include "compile.h"

#include <complex.h> /* last: it makes `complex` a macro, and structs have fields of that name */

#define PHANTOM "data/phantoms/mni_brainweb_1mm.h5"
#define SLICE 60
#define SPINS 512
#define WITHIN_STATES 0.02 /* of echo 4: half a cell, and the flanks of other echoes */
#define WITHIN_TABLE 0.03

static const struct peak {
	const char *name;
	int kx, ky;
	double table; /* relative to echo 4 */
} peaks[] = {
	{ "echo 4", -18, -48, 1 },
	{ "echo 3", 6, -16, 0.740 },
	{ "echo 2", -6, 16, 0.585 },
	{ "echo 1", 18, 48, 0.550 },
	{ "ghost (-30, -16)", -30, -16, 0.192 },
	{ "ghost (30, 16)", 30, 16, 0.104 },
	{ "ghost (18, -48)", 18, -48, 0.059 },
};

/* ------------------------------------------------------------------ configuration states */
enum { KX = 80, KY = 150 }; /* beyond the sum of all shifts */
typedef double complex plane[2 * KY + 1][2 * KX + 1];

/* Transverse (exp(-i k r)) and longitudinal states. */
struct states {
	plane f, z;
};

static void pulse(struct states *s, double flip, double phase)
{
	static struct states n;
	const double complex e = cexp(I * phase);
	const double c = cos(flip / 2), b = sin(flip / 2);

	for (int y = 0; y <= 2 * KY; y++)
		for (int x = 0; x <= 2 * KX; x++) {
			double complex f = s->f[y][x], g = conj(s->f[2 * KY - y][2 * KX - x]);
			double complex z = s->z[y][x];

			n.f[y][x] = c * c * f + b * b * e * e * g + I * e * sin(flip) * z;
			n.z[y][x] = 0.5 * I * sin(flip) * (conj(e) * f - e * g) + cos(flip) * z;
		}
	*s = n;
}

/* Precession for t, over which a gradient plays (kx, ky) cells. */
static void precess(struct states *s, double t, double t1, double t2, int kx, int ky)
{
	static plane f;

	memset(f, 0, sizeof f);
	for (int y = 0; y <= 2 * KY; y++)
		for (int x = 0; x <= 2 * KX; x++) {
			if (s->f[y][x] != 0)
				f[y + ky][x + kx] = s->f[y][x] * exp(-t / t2);
			s->z[y][x] *= exp(-t / t1);
		}
	memcpy(s->f, f, sizeof f);
	s->z[KY][KX] += 1 - exp(-t / t1);
}

/* Adds a tissue's echoes, read at their lines' times, to `height`. */
static void add_tissue(double complex *height, double weight, double t1, double t2)
{
	static const double tau[] = { 55e-3, 41e-3, 26e-3, 11e-3, 0 };
	static const int gx[] = { 24, -12, 24, -18 }, gy[] = { 32, 32, 32, -48 };
	static struct states s;
	const double esp = 0.465e-3;

	memset(&s, 0, sizeof s);
	s.z[KY][KX] = 1;
	for (int n = 0; n < 4; n++) {
		pulse(&s, 30 * deg, 0);
		precess(&s, tau[n] - tau[n + 1], t1, t2, gx[n], gy[n]);
	}
	pulse(&s, PI, PI / 2);
	for (size_t i = 0; i < PRECESS_COUNT(peaks); i++) {
		double t = 11e-3 + (peaks[i].ky + 64 + 0.5 - 16.5) * esp;

		height[i] += weight * exp(-t / t2) * s.f[KY - peaks[i].ky][KX - peaks[i].kx];
	}
}

/* All tissues of the maps; there are few. */
static void states_heights(double complex *height, const struct maps *m)
{
	struct tissue {
		float m0, t2;
		int n;
	} tissue[64];
	size_t n = 0;

	for (int i = 0; i < m->nx * m->ny; i++) {
		float m0 = m->map[PROGRAM_MAP_M0][i], t2 = m->map[PROGRAM_MAP_T2][i];
		size_t k = 0;

		while (m0 > 0 && k < n && (tissue[k].m0 != m0 || tissue[k].t2 != t2))
			k++;
		if (m0 > 0 && k == n) {
			assert_true(n < PRECESS_COUNT(tissue));
			tissue[n++] = (struct tissue){ m0, t2, 0 };
		}
		if (m0 > 0)
			tissue[k].n++;
	}
	for (size_t k = 0; k < n; k++)
		add_tissue(height, (double)tissue[k].m0 * tissue[k].n, 2, (double)tissue[k].t2);
}

/* ------------------------------------------------------------------ the program */
static double magnitude(const struct kspace *k, int kx, int ky)
{
	const float *v = k->data + 2 * ((ky + k->ny / 2) * k->nx + kx + k->nx / 2);

	return hypot((double)v[0], (double)v[1]);
}

static double height(const struct kspace *k, const struct peak *p)
{
	double best = 0;

	for (int dy = -1; dy <= 1; dy++)
		for (int dx = -1; dx <= 1; dx++)
			best = fmax(best, magnitude(k, p->kx + dx, p->ky + dy));
	return best;
}

static struct maps *brain(const struct program *p)
{
	const char *root = getenv("PRECESS_SHARED");
	struct object *o;
	struct maps *m;
	struct text spec;
	FILE *f;

	text_init(&spec);
	text_printf(&spec, "%s/" PHANTOM, root ? root : "../shared");
	f = fopen(spec.data, "rb");
	if (!f) {
		text_free(&spec);
		return NULL;
	}
	fclose(f);
	text_printf(&spec, ":%d", SLICE);
	if (object_open(&o, spec.data) || object_maps(&m, o, p, p->fov, SPINS, SPINS, NULL))
		fail_msg("%s", precess_error());
	object_free(o);
	text_free(&spec);
	return m;
}

static bool present;

static void constellation(void **state)
{
	struct draw *d = compile_file("sequences/moled.seq");
	struct program *p = (struct program *)(uintptr_t)d->program;
	struct maps *m;
	struct sim_result *r;
	struct kspace *k;
	double complex states[PRECESS_COUNT(peaks)] = { 0 };
	double echo4;

	(void)state;
	near(d->param[program_param_find(p, "ESP")], 0.465e-3, 1e-12, "the default of ESP", 0);
	p->map[PROGRAM_MAP_B1].channel = false;
	m = brain(p);
	if (!m) {
		drop(d);
		skip();
	}
	present = true;
	r = simulate(d, m, SIM_auto, 0);
	assert_int_equal(kspace_sort(&k, d, r), PRECESS_OK);
	assert_int_equal(k->n_set, 1);
	assert_int_equal(k->nx, 128);
	assert_int_equal(k->ny, 128);
	echo4 = height(k, &peaks[0]);
	states_heights(states, m);
	for (size_t i = 0; i < PRECESS_COUNT(peaks); i++) {
		double h = height(k, &peaks[i]) / echo4;

		print_message("%-16s %.3f, states %.3f, table %.3f\n", peaks[i].name, h,
			      cabs(states[i] / states[0]), peaks[i].table);
		near(h, cabs(states[i] / states[0]), WITHIN_STATES, peaks[i].name, 0);
		near(h, peaks[i].table, WITHIN_TABLE, peaks[i].name, 1);
	}
	kspace_free(k);
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(constellation) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : present ? 0 : 77;
}
