/* runtime/object: the head, fields, the rules that make maps, and map files that are not what they
 * claim. */
#include "runtime/object/object.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 64 };
static const double fov[2] = { 0.22, 0.22 };

static struct maps *sample(const char *spec, const struct program *p, int nx, int ny)
{
	struct object *o = NULL;
	struct maps *m = NULL;

	if (object_open(&o, spec))
		fail_msg("%s", precess_error());
	if (object_maps(&m, o, p, fov, nx, ny, NULL))
		fail_msg("%s", precess_error());
	object_free(o);
	return m;
}

static void refused(const char *spec, precess_status st, const char *part)
{
	struct object *o = NULL;

	assert_int_equal(object_open(&o, spec), st);
	assert_null(o);
	if (!strstr(precess_error(), part))
		fail_msg("\"%s\" lacks \"%s\"", precess_error(), part);
}

/* Everything neutral but what the test changes. */
static struct program plain_program(void)
{
	struct program p = { .name = NULL };
	int k;

	for (k = 0; k < PROGRAM_MAPS; k++)
		p.map[k].kind = (enum program_map_kind)k;
	p.map[PROGRAM_MAP_M0].value = p.map[PROGRAM_MAP_B1].value = 1;
	p.map[PROGRAM_MAP_T1].value = p.map[PROGRAM_MAP_T2].value = INFINITY;
	p.map[PROGRAM_MAP_T2p].value = INFINITY;
	return p;
}

static void channel(struct program *p, enum program_map_kind k, double lo, double hi)
{
	p->map[k].channel = true;
	p->map[k].lo = lo;
	p->map[k].hi = hi;
}

/* ------------------------------------------------------------------ head */
static void head_is_physiological(void **state)
{
	static const double lo[4] = { 0, 0.2, 0.02, 0.005 }, hi[4] = { 1, 5, 0.65, 2 };
	char spec[32];
	struct maps *m;
	double a, b, inside;
	int seed, k, i;

	(void)state;
	for (seed = 0; seed < 40; seed++) {
		snprintf(spec, sizeof spec, "head:%d", seed);
		m = sample(spec, NULL, N, N);
		for (k = 0; k < 4; k++) {
			maps_range(m, (enum program_map_kind)k, &a, &b);
			assert_true(a >= lo[k] - 1e-7 && b <= hi[k] + 1e-7 && a < b);
		}
		for (i = 0, inside = 0; i < N * N; i++) {
			for (k = 0; k < 4; k++)
				assert_true(isfinite(m->map[k][i]));
			inside += m->map[PROGRAM_MAP_M0][i] > 0;
		}
		/* a head fills 30..75 % of 220 mm, and does not touch the rim */
		assert_true(inside > 0.3 * N * N && inside < 0.75 * N * N);
		for (i = 0; i < N; i++)
			assert_true(m->map[0][i] == 0 && m->map[0][(N - 1) * N + i] == 0);
		assert_null(m->map[PROGRAM_MAP_B1]);
		maps_free(m);
	}
}

static void seeds_differ_and_repeat(void **state)
{
	struct maps *a = sample("head:7", NULL, N, N), *b = sample("head:7", NULL, N, N);
	struct maps *c = sample("head:8", NULL, N, N), *d = sample("head", NULL, N, N);
	struct maps *one = sample("head:1", NULL, N, N);
	size_t bytes = N * N * sizeof(float);
	int k;

	(void)state;
	for (k = 0; k < 4; k++) {
		assert_memory_equal(a->map[k], b->map[k], bytes);
		assert_memory_not_equal(a->map[k], c->map[k], bytes);
		assert_memory_equal(d->map[k], one->map[k], bytes);
	}
	assert_non_null(strstr(a->source, "7"));
	maps_free(a);
	maps_free(b);
	maps_free(c);
	maps_free(d);
	maps_free(one);
}

/* The same anatomy at every grid: 3N points include those of N. */
static void resolutions_agree(void **state)
{
	struct maps *a = sample("head:3", NULL, N, N), *b = sample("head:3", NULL, 3 * N, 3 * N);
	int ix, iy, k;

	(void)state;
	for (k = 0; k < 4; k++)
		for (iy = 0; iy < N; iy++)
			for (ix = 0; ix < N; ix++)
				assert_float_equal(a->map[k][iy * N + ix],
						   b->map[k][(3 * iy + 1) * 3 * N + 3 * ix + 1],
						   1e-3 * (k == 1 ? 5 : 1));
	maps_free(a);
	maps_free(b);
}

/* ------------------------------------------------------------------ fields */
static void fields_fill_their_range(void **state)
{
	static float a[N * N], b[N * N], c[4 * N * N];
	double least, most, jump;
	uint64_t seed;
	int i;

	(void)state;
	for (seed = 0; seed < 30; seed++) {
		field_b1(a, N, N, 0.7, 1.3, seed);
		field_db0(b, N, N, -150, 150, seed);
		least = most = a[0];
		jump = 0;
		for (i = 0; i < N * N; i++) {
			least = fmin(least, a[i]);
			most = fmax(most, a[i]);
			assert_true(a[i] >= 0.7f && a[i] <= 1.3f);
			assert_true(b[i] >= -150 && b[i] <= 150);
			if (i % N)
				jump = fmax(jump, fabs(b[i] - b[i - 1]));
		}
		assert_true(least < 0.75 && most > 1.25);
		assert_true(jump < 40); /* smooth: no step across a sixtieth of the plane */
	}
	field_b1(b, N, N, 0.7, 1.3, 29);
	assert_memory_equal(a, b, sizeof a);
	field_b1(b, N, N, 0.7, 1.3, 28);
	assert_memory_not_equal(a, b, sizeof a);
	field_b1(c, 2 * N, 2 * N, 0.7, 1.3, 29);
	assert_float_equal(a[10 * N + 10], 0.5 * (c[20 * 2 * N + 20] + c[21 * 2 * N + 21]), 2e-3);
	field_b1(b, N, N, 1, 1, 5);
	assert_true(b[7] == 1);
}

/* ------------------------------------------------------------------ rules */
static void declarations_rule(void **state)
{
	struct program p = plain_program();
	size_t clipped = 0, air = 0;
	struct object *o;
	struct maps *m;
	double lo, hi;
	int i;

	(void)state;
	channel(&p, PROGRAM_MAP_M0, 0, 1);
	channel(&p, PROGRAM_MAP_T2, 0.03, 0.2);
	channel(&p, PROGRAM_MAP_dB0, -150, 150);
	p.map[PROGRAM_MAP_T1].value = 2;
	assert_int_equal(object_open(&o, "head:2"), PRECESS_OK);
	assert_int_equal(object_maps(&m, o, &p, fov, N, N, &clipped), PRECESS_OK);
	assert_non_null(strstr(object_describe(o), "seed 2"));
	assert_true(clipped > 0 && clipped < N * N);
	maps_range(m, PROGRAM_MAP_T2, &lo, &hi);
	assert_true(lo >= 0.03f && hi <= 0.2f);
	assert_null(m->map[PROGRAM_MAP_T2p]);
	assert_null(m->map[PROGRAM_MAP_B1]);
	assert_int_equal((uintptr_t)m->map[PROGRAM_MAP_M0] % 64, 0);
	for (i = 0; i < N * N; i++) {
		assert_true(m->map[PROGRAM_MAP_T1][i] == (m->map[0][i] > 0 ? 2 : 0));
		assert_true(fabsf(m->map[PROGRAM_MAP_dB0][i]) <= 150);
		air += m->map[0][i] == 0;
	}
	assert_true(air > 0);
	maps_range(m, PROGRAM_MAP_B1, &lo, &hi);
	assert_true(lo == 1 && hi == 1); /* absent: neutral */
	maps_free(m);
	object_free(o);
}

static void grids_are_checked(void **state)
{
	static const double bad[2] = { 0.22, 0 };
	struct maps *m = NULL;

	(void)state;
	assert_int_equal(maps_create(&m, 0, 4, fov), PRECESS_EINVAL);
	assert_int_equal(maps_create(&m, 4, 1 << 20, fov), PRECESS_EINVAL);
	assert_int_equal(maps_create(&m, 4, 4, bad), PRECESS_EINVAL);
	assert_int_equal(maps_create(&m, 4, 3, fov), PRECESS_OK);
	assert_int_equal(maps_add(m, PROGRAM_MAP_T2, 0.5), PRECESS_OK);
	assert_true(m->map[PROGRAM_MAP_T2][11] == 0.5f);
	maps_free(m);
	maps_free(NULL);
	object_free(NULL);
}

static void uniform_is_uniform(void **state)
{
	struct program p = plain_program();
	struct maps *m;
	double lo, hi;

	(void)state;
	channel(&p, PROGRAM_MAP_M0, 0, 1);
	channel(&p, PROGRAM_MAP_T1, 0, 5);
	channel(&p, PROGRAM_MAP_T2, 0, 1);
	channel(&p, PROGRAM_MAP_B1, 0.7, 1.3);
	channel(&p, PROGRAM_MAP_dB0, -150, 150);
	m = sample("uniform", &p, N, N);
	maps_range(m, PROGRAM_MAP_T1, &lo, &hi);
	assert_true(lo == 1 && hi == 1);
	maps_range(m, PROGRAM_MAP_T2, &lo, &hi);
	assert_true(lo == 0.1f && hi == 0.1f);
	maps_range(m, PROGRAM_MAP_dB0, &lo, &hi);
	assert_true(lo == 0 && hi == 0);
	assert_true(m->map[0][0] == 0 && m->map[0][N / 2 * N + N / 2] == 1);
	maps_free(m);
}

static void names_are_checked(void **state)
{
	(void)state;
	refused("head:", PRECESS_EINVAL, "whole number");
	refused("head:-3", PRECESS_EINVAL, "head:7");
	refused("head:x", PRECESS_EINVAL, "seed");
	refused("head:99999999999999999999999", PRECESS_EINVAL, "seed");
	refused("haed", PRECESS_EIO, "head:SEED");
	refused("/nonexistent/a.h5", PRECESS_EIO, "no file of this name");
	refused("/nonexistent/a.h5:3", PRECESS_EIO, "no file of this name");
	refused("a.h5:b", PRECESS_EINVAL, "not a slice number");
	refused("", PRECESS_EIO, "an object is");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_is_physiological), cmocka_unit_test(seeds_differ_and_repeat),
		cmocka_unit_test(resolutions_agree),     cmocka_unit_test(fields_fill_their_range),
		cmocka_unit_test(declarations_rule),     cmocka_unit_test(grids_are_checked),
		cmocka_unit_test(uniform_is_uniform),    cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
