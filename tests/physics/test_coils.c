/* Receive coils: each sees the magnetisation times its sensitivity. As everything is linear in M0,
 * a coil's signal is also that of spins with M0 times the sensitivity's real part, plus i times that
 * of its imaginary part: lists of spins in double precision tell what it must be. */
#include "compile.h"
#include "runtime/io/io.h"

#include <complex.h>

enum { SIDE = 32, FINE = 256, SEED = 5, COILS = 3, PLANE = SIDE * SIDE };

static struct maps *head_maps(const struct draw *d, int coils, int side)
{
	struct object *o;
	struct maps *m;

	if (object_open(&o, "head:5") ||
	    object_maps(&m, o, d->program, d->program->fov, side, side, NULL) ||
	    object_coils(m, o, coils))
		fail_msg("%s", precess_error());
	object_free(o);
	return m;
}

static struct sim_result *run(const struct draw *d, const struct maps *m, enum sim_method method)
{
	struct sim_options o = { .method = method, .nz = 1, .quiet = true };
	struct sim_result *r;

	if (sim_run(&r, d, m, &o))
		fail_msg("%s: %s", d->program->name, precess_error());
	return r;
}

static double complex at(const double *signal, size_t i)
{
	return signal[2 * i] + I * signal[2 * i + 1];
}

/* ------------------------------------------------------------------ lists of spins */
static double value(const struct maps *m, enum program_map_kind k, int i, double neutral)
{
	return m->map[k] ? (double)m->map[k][i] : neutral;
}

/* The signal of spins with M0 (1 + part of the sensitivity), never negative; part 2: of M0. */
static double *points(const struct draw *d, const struct maps *m, int coil, int part)
{
	double *signal = calloc(2 * (size_t)d->program->n_sample, sizeof *signal);
	struct sim_point *p = calloc(PLANE, sizeof *p);

	for (int i = 0; i < PLANE; i++) {
		double s = part < 2 ? (double)m->sensitivity[2 * (coil * PLANE + i) + part] : 0;
		double m0 = value(m, PROGRAM_MAP_M0, i, 1);

		p[i] = (struct sim_point){ .m0 = m0 * (1 + s), .t1 = INFINITY, .t2 = INFINITY,
					   .t2p = INFINITY, .b1 = value(m, PROGRAM_MAP_B1, i, 1),
					   .w = 2 * PI * value(m, PROGRAM_MAP_dB0, i, 0) };
		p[i].r[0] = ((i % SIDE + 0.5) / SIDE - 0.5) * m->fov[0];
		p[i].r[1] = ((i / SIDE + 0.5) / SIDE - 0.5) * m->fov[1];
		if (m0 > 0) {
			p[i].t1 = value(m, PROGRAM_MAP_T1, i, INFINITY);
			p[i].t2 = value(m, PROGRAM_MAP_T2, i, INFINITY);
		}
	}
	if (sim_points(signal, d, p, PLANE, SIM_DOUBLE, 0))
		fail_msg("%s", precess_error());
	free(p);
	return signal;
}

static void against(const struct draw *d, const struct sim_result *r, double *const *truth,
		    enum sim_method method)
{
	size_t n = r->n_sample;
	/* the oracle steps through shaped pulses */
	double limit = method == SIM_direct ? 1e-9 : method == SIM_step ? 1e-5 : r->bound;
	double worst = 0;

	assert_int_equal(r->n_coil, COILS);
	for (size_t c = 0; c < COILS; c++)
		for (size_t i = 0; i < n; i++) {
			double complex none = at(truth[2 * COILS], i);
			double complex want = at(truth[2 * c], i) - none +
					      I * (at(truth[2 * c + 1], i) - none);

			worst = fmax(worst, cabs(at(r->signal, c * n + i) - want) / r->largest);
		}
	print_message("%s by %s: %.1e off, bound %.1e\n", d->program->name, sim_method_name(method),
		      worst, r->bound);
	assert_true(worst <= limit);
	assert_true(r->bound <= 1e-4);
}

static void against_points(void **state)
{
	static const char *const path[] = { "sequences/03_gradient_echo.seq",
					    "sequences/gre_epi.seq",
					    "sequences/09_radial.seq", "sequences/10_spiral.seq",
					    "sequences/moled.seq" };
	static const enum sim_method method[] = { SIM_auto, SIM_direct, SIM_step, SIM_nufft };
	uint32_t trains = 0, lines = 0, transforms = 0;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(path); i++) {
		struct draw *d = compile_file(path[i]);
		struct maps *m = head_maps(d, COILS, SIDE);
		double *truth[2 * COILS + 1];

		for (int c = 0; c <= 2 * COILS; c++)
			truth[c] = points(d, m, c / 2, c == 2 * COILS ? 2 : c % 2);
		for (size_t j = 0; j < PRECESS_COUNT(method); j++) {
			struct sim_result *r = run(d, m, method[j]);

			against(d, r, truth, method[j]);
			if (!j) {
				trains += r->used[SIM_train];
				lines += r->used[SIM_line];
				transforms += r->used[SIM_nufft];
			}
			sim_result_free(r);
		}
		for (int c = 0; c <= 2 * COILS; c++)
			free(truth[c]);
		maps_free(m);
		drop(d);
	}
	assert_true(trains && lines && transforms);
}

/* ------------------------------------------------------------------ by linearity */
static void constant(void **state)
{
	static const enum sim_method method[] = { SIM_auto, SIM_direct, SIM_step };
	const double complex see[COILS] = { 1, 0.5 - 2 * I, -0.25 };
	struct draw *d = compile_file("sequences/gre_epi.seq");
	struct maps *one = head_maps(d, 1, SIDE), *m = head_maps(d, COILS, SIDE);

	(void)state;
	assert_null(one->sensitivity);
	for (int i = 0; i < COILS * PLANE; i++) {
		m->sensitivity[2 * i] = (float)creal(see[i / PLANE]);
		m->sensitivity[2 * i + 1] = (float)cimag(see[i / PLANE]);
	}
	for (size_t j = 0; j < PRECESS_COUNT(method); j++) {
		struct sim_result *a = run(d, one, method[j]), *b = run(d, m, method[j]);
		size_t n = a->n_sample;
		double limit = method[j] == SIM_auto ? 2e-6 : 1e-12;

		assert_int_equal(a->n_coil, 1);
		near(b->largest, cabs(see[1]) * a->largest, 1e-5 * b->largest, "largest", 0);
		for (size_t i = 0; i < COILS * n; i++)
			if (!(cabs(at(b->signal, i) - see[i / n] * at(a->signal, i % n)) <=
			      limit * b->largest))
				fail_msg("%s: sample %zu of coil %zu is not the one coil's times "
					 "its sensitivity", sim_method_name(method[j]), i % n, i / n);
		if (method[j] != SIM_auto) /* times 1 */
			assert_memory_equal(a->signal, b->signal, 2 * n * sizeof *a->signal);
		sim_result_free(a);
		sim_result_free(b);
	}
	maps_free(one);
	maps_free(m);
	drop(d);
}

/* Images of the coils put together by their sensitivities, against the image of one that sees all
 * alike: the correlation. They differ where a sensitivity changes over a pixel of the image. */
static double put_together(const float *image, const float *whole, int nx, int ny)
{
	size_t n = (size_t)nx * (size_t)ny;
	float *s = calloc(2 * COILS * n, sizeof *s);
	double complex product = 0;
	double a = 0, b = 0;

	field_coils(s, COILS, nx, ny, SEED);
	for (size_t i = 0; i < n; i++) {
		double complex sum = 0, want = (double)whole[2 * i] + I * (double)whole[2 * i + 1];
		double square = 0;

		for (size_t c = 0; c < COILS; c++) {
			const float *u = s + 2 * (c * n + i), *v = image + 2 * (c * n + i);
			double complex see = (double)u[0] + I * (double)u[1];

			sum += conj(see) * ((double)v[0] + I * (double)v[1]);
			square += pow(cabs(see), 2);
		}
		sum /= square;
		product += sum * conj(want);
		a += pow(cabs(sum), 2);
		b += pow(cabs(want), 2);
	}
	free(s);
	return creal(product) / sqrt(a * b);
}

/* Each coil's k-space and images are what its signal alone gives. */
static void images(void **state)
{
	struct draw *d = compile_file("sequences/gre_epi.seq");
	struct maps *m = head_maps(d, COILS, FINE), *plain = head_maps(d, 1, FINE);
	struct sim_result *r = run(d, m, SIM_auto), *all = run(d, plain, SIM_auto), one = *r;
	struct kspace *k, *alone;
	float *image, *whole;
	double same;
	size_t n;

	(void)state;
	if (kspace_sort(&k, d, r) || kspace_image(&image, d, k))
		fail_msg("%s", precess_error());
	assert_int_equal(k->n_coil, COILS);
	n = 2 * (size_t)k->n_set * (size_t)k->nx * (size_t)k->ny;
	one.n_coil = 1;
	for (size_t c = 0; c < COILS; c++) {
		float *its;

		one.signal = r->signal + 2 * c * r->n_sample;
		if (kspace_sort(&alone, d, &one) || kspace_image(&its, d, alone))
			fail_msg("%s", precess_error());
		assert_memory_equal(k->data + c * n, alone->data, n * sizeof *k->data);
		assert_memory_equal(image + c * n, its, n * sizeof *its);
		kspace_free(alone);
		free(its);
	}
	if (kspace_sort(&alone, d, all) || kspace_image(&whole, d, alone))
		fail_msg("%s", precess_error());
	same = put_together(image, whole, k->nx, k->ny);
	print_message("put together: correlation %.5f\n", same);
	assert_true(same > 0.99);
	kspace_free(alone);
	free(whole);
	kspace_free(k);
	free(image);
	sim_result_free(r);
	sim_result_free(all);
	maps_free(plain);
	maps_free(m);
	drop(d);
}

/* A result is an object with coils: they come back as they were, on a finer grid between. */
static void file(void **state)
{
	char folder[] = "/tmp/precess_coils_XXXXXX", path[64];
	struct draw *d = compile_file("sequences/03_gradient_echo.seq");
	struct maps *m = head_maps(d, COILS, SIDE), *back, *fine;
	const struct io_result result = { .draw = d, .maps = m, .command = "test",
					  .result = run(d, m, SIM_direct) };
	struct object *o;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/coils.h5", folder);
	if (io_save(path, &result) || object_open(&o, path) ||
	    object_maps(&back, o, d->program, m->fov, SIDE, SIDE, NULL) || object_coils(back, o, 0) ||
	    object_maps(&fine, o, d->program, m->fov, 3 * SIDE, 3 * SIDE, NULL) ||
	    object_coils(fine, o, 0))
		fail_msg("%s", precess_error());
	remove(path);
	remove(folder);
	assert_true(back->n_coil == COILS && fine->n_coil == COILS);
	for (int i = 0; i < 2 * COILS * PLANE; i++) {
		int c = i / 2 / PLANE, y = i / 2 % PLANE / SIDE, x = i / 2 % SIDE;
		size_t at = 2 * (((size_t)c * 3 * SIDE + 3 * (size_t)y + 1) * 3 * SIDE +
				 3 * (size_t)x + 1) + (size_t)(i % 2);

		near((double)back->sensitivity[i], (double)m->sensitivity[i], 1e-6, "own grid", i);
		near((double)fine->sensitivity[at], (double)m->sensitivity[i], 1e-6, "finer", i);
		if (x + 1 < SIDE) /* two thirds of the way to the next is one third of this */
			near((double)fine->sensitivity[at + 4],
			     ((double)m->sensitivity[i] + 2 * (double)m->sensitivity[i + 2]) / 3, 1e-6,
			     "between", i);
	}
	assert_int_equal(object_coils(back, o, 1), 0);
	assert_null(back->sensitivity);
	sim_result_free((struct sim_result *)result.result);
	object_free(o);
	maps_free(m);
	maps_free(back);
	maps_free(fine);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(against_points),
					    cmocka_unit_test(constant), cmocka_unit_test(images),
					    cmocka_unit_test(file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
