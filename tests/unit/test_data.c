/* Training data: samples as functions of seed and number, the first-order image against the exact
 * one, packed fields against what HDF5 reads back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/data/internal.h"
#include "tests/unit/compile_file.h"

static const char small[] = "seq 1\n"
			    "sequence small\n"
			    "import std.epi (epi_train)\n"
			    "param TE : time in 20ms .. 30ms = 25ms\n"
			    "param ESP : time in 0.5ms .. 0.7ms = 0.6ms\n"
			    "map T2 : time in 0ms .. 650ms\n"
			    "map M0 : number in 0 .. 1\n"
			    "map dB0 : frequency in -60Hz .. 60Hz\n"
			    "geometry fov = [220mm, 220mm], matrix = [32, 32]\n"
			    "system = ideal\n"
			    "reset\n"
			    "play e = hard(90deg, 100us, use = excitation)\n"
			    "play epi_train(esp = ESP) with k0 at e.center + TE\n";

static struct data_source *source(const struct program *p, int total)
{
	const struct data_recipe r = { .seed = 5, .total = (uint64_t)total };
	struct data_source *s;

	if (data_source_create(&s, p, &r))
		fail_msg("%s", precess_error());
	return s;
}

static void same(const struct data_sample *a, const struct data_sample *b)
{
	struct data_field field[DATA_FIELDS];
	int n = data_fields(field, &a->shape);

	assert_true(data_shape_same(&a->shape, &b->shape));
	assert_int_equal(a->index, b->index);
	assert_true(a->largest == b->largest);
	assert_memory_equal(a->param, b->param, a->shape.n_param * sizeof *a->param);
	for (int i = 0; i < n; i++)
		assert_memory_equal(data_field_at(a, i), data_field_at(b, i),
				    field[i].n * field[i].size);
}

/* 20 log10 of the label's maximum over the root mean square difference of magnitudes. */
static double psnr(const float *x, const float *y, size_t n)
{
	double sum = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		double a = hypot(x[2 * i], x[2 * i + 1]), b = hypot(y[2 * i], y[2 * i + 1]);

		sum += (a - b) * (a - b);
		most = fmax(most, b);
	}
	return 10 * log10(most * most * (double)n / sum);
}

/* Of the complex difference, so that signs and phases count. */
static double complex_psnr(const float *x, const float *y, size_t n)
{
	double sum = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		sum += pow(x[2 * i] - y[2 * i], 2) + pow(x[2 * i + 1] - y[2 * i + 1], 2);
		most = fmax(most, hypot(y[2 * i], y[2 * i + 1]));
	}
	return 10 * log10(most * most * (double)n / sum);
}

/* A stream's samples are those made alone, in order, whatever the threads. */
static void streams(void **state)
{
	const struct data_stream_options o = { .first = 3, .count = 7, .threads = 3 };
	struct program *p = compile_program("small.seq", small);
	struct data_source *s = source(p, 100);
	struct data_stream *stream;
	struct data_maker *m;
	struct data_sample *mine;
	const struct data_sample *x;

	(void)state;
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&mine, data_source_shape(s)), 0);
	assert_int_equal(data_stream_create(&stream, s, &o), 0);
	for (uint64_t i = 3; i < 10; i++) {
		assert_int_equal(data_make(mine, m, i), 0);
		assert_int_equal(data_stream_next(&x, stream), 0);
		assert_non_null(x);
		same(x, mine);
	}
	assert_int_equal(data_stream_next(&x, stream), 0);
	assert_null(x);
	data_stream_free(stream);
	/* one that nobody empties ends, too */
	assert_int_equal(data_stream_create(&stream, s, &o), 0);
	data_stream_free(stream);
	data_sample_free(mine);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

static void ranges(void **state)
{
	struct program *p = compile_program("small.seq", small);
	struct data_source *s = source(p, 100);
	const struct data_shape *h = data_source_shape(s);
	size_t n = (size_t)(h->nx * h->ny * h->sub * h->sub), live = 0;
	struct data_maker *m;
	struct data_sample *a, *b;

	(void)state;
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&a, h), 0);
	assert_int_equal(data_sample_create(&b, h), 0);
	assert_int_equal(data_make(a, m, 0), 0);
	assert_int_equal(data_make(b, m, 1), 0);
	assert_true(a->param[0] != b->param[0]);
	for (size_t i = 0; i < n; i++) {
		live += a->map[PROGRAM_MAP_M0][i] > 0;
		assert_true(a->map[PROGRAM_MAP_T2][i] >= 0 && a->map[PROGRAM_MAP_T2][i] <= 0.65f);
		assert_true(fabsf(a->map[PROGRAM_MAP_dB0][i]) <= 60.0001f);
	}
	assert_true(live > n / 10 && live < n);
	assert_true(a->largest > 0.1 && a->largest < 2);
	for (uint32_t i = 0; i < p->n_param; i++)
		assert_true(a->param[i] >= p->param[i].lo && a->param[i] < p->param[i].hi);
	/* neighbours share the anatomy, not the field */
	assert_memory_not_equal(a->map[PROGRAM_MAP_dB0], b->map[PROGRAM_MAP_dB0],
				n * sizeof(float));
	data_sample_free(a);
	data_sample_free(b);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

/* The deposited image explains most of GRE-EPI, bent by up to 10 pixels, phase included. */
static void first_order_epi(void **state)
{
	struct program *p = compile_program("sequences/gre_epi.seq", NULL);
	struct data_source *s = source(p, 10);
	struct data_maker *m;
	struct data_sample *x;
	size_t n = 128 * 128;

	(void)state;
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&x, data_source_shape(s)), 0);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(data_make(x, m, i), 0);
		if (getenv("SHOW"))
			print_message("EPI %g dB, complex %g dB\n", psnr(x->base, x->image, n),
				      complex_psnr(x->base, x->image, n));
		/* what is left is off-resonance inside a line */
		assert_true(psnr(x->base, x->image, n) > 41);
		assert_true(complex_psnr(x->base, x->image, n) > 39);
	}
	data_sample_free(x);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

/* Navigators are no part of it, neither of the times nor of the train. */
static void first_order_navigators(void **state)
{
	static const char text[] =
		"seq 1\nsequence nav\nimport std.epi (epi_train)\n"
		"param TE : time in 20ms .. 40ms = 30ms\n"
		"map T2 : time in 0ms .. 650ms\nmap M0 : number in 0 .. 1\n"
		"map dB0 : frequency in -60Hz .. 60Hz\n"
		"geometry fov = [220mm, 220mm], matrix = [32, 32]\nsystem = ideal\n"
		"let gx = trapezoid(x, flat_area = matrix.x * dk.x, flat = 0.3ms)\nreset\n"
		"play e = hard(90deg, 100us, use = excitation)\n"
		"play trapezoid(x, area = -(gx.area + dk.x) / 2, duration = 0.5ms)\n"
		"for i in 0 ..< 3 {\n  let sign = (-1)^i\n"
		"  play sign * gx & adc(matrix.x, over = gx.flat, nav = true, reverse = sign < 0)\n}\n"
		"play trapezoid(x, area = -(gx.area - dk.x) / 2, duration = 0.5ms)\n"
		"play epi_train(esp = 0.5ms) with k0 at e.center + TE\n";
	struct program *p = compile_program("nav.seq", text);
	struct data_source *s = source(p, 10);
	struct data_maker *m;
	struct data_sample *x;

	(void)state;
	assert_true(program_first_order(p) && program_bends(p));
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&x, data_source_shape(s)), 0);
	assert_int_equal(data_make(x, m, 0), 0);
	if (getenv("SHOW"))
		print_message("navigators: complex %g dB\n", complex_psnr(x->base, x->image, 32 * 32));
	assert_true(complex_psnr(x->base, x->image, 32 * 32) > 52);
	data_sample_free(x);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

/* Spins that refocus ideally: where T2 is long it is the image itself, to the simulator's tolerance;
 * elsewhere three terms of the decay are. B1 spoils the echoes, flips are each spin's own. */
static void first_order_fse(void **state)
{
	static const struct {
		double t2, b1, least; /* s, 0: the head's; dB */
	} object[] = { { 30, 1, 65 }, { 0, 1, 48 }, { 0, 0.9, 45 } };
	struct program *p = compile_program("sequences/fse.seq", NULL);
	double *param = malloc(p->n_param * sizeof *param);
	struct data_source *s = source(p, 10);
	struct data_maker *m;
	struct data_sample *x;

	(void)state;
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].lo;
	assert_true(program_first_order(p) && !program_bends(p));
	assert_true(data_source_shape(s)->base);
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&x, data_source_shape(s)), 0);
	for (size_t i = 0; i < PRECESS_COUNT(object); i++) {
		struct object *o;
		struct maps *maps;
		double complex_db, db;

		assert_int_equal(object_open(&o, "head:3"), 0);
		assert_int_equal(object_maps(&maps, o, p, p->fov, 512, 512, NULL), 0);
		assert_int_equal(maps_add(maps, PROGRAM_MAP_B1, object[i].b1), 0);
		for (int k = 0; k < 512 * 512 && object[i].t2 > 0; k++)
			maps->map[PROGRAM_MAP_T2][k] = (float)object[i].t2;
		assert_int_equal(data_make_from(x, m, maps, param, true), 0);
		complex_db = complex_psnr(x->base, x->image, 128 * 128);
		db = psnr(x->base, x->image, 128 * 128);
		if (getenv("SHOW"))
			print_message("FSE, B1 = %g: %g dB, complex %g dB\n", object[i].b1, db,
				      complex_db);
		assert_true(complex_db > object[i].least);
		maps_free(maps);
		object_free(o);
	}
	free(param);
	data_sample_free(x);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

/* Fourteen pathways, each with its place, phase, decay and flips, add up to a MOLED image. */
static void first_order_moled(void **state)
{
	static const char *const spec[] = { "head:3" };
	struct program *p = compile_program("sequences/moled.seq", NULL);
	size_t n = 128 * 128;
	static const double b1[] = { 1, 0.75, 1.25 };
	double *param = malloc(p->n_param * sizeof *param);
	struct data_source *s = source(p, 10);
	struct data_maker *m;
	struct data_sample *x;
	struct object *o;
	struct maps *maps;

	(void)state;
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = i % 2 ? p->param[i].lo : p->param[i].hi;
	assert_int_equal(object_open(&o, spec[0]), 0);
	assert_int_equal(object_maps(&maps, o, p, p->fov, 512, 512, NULL), 0);
	assert_int_equal(maps_add(maps, PROGRAM_MAP_B1, 1), 0);
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&x, data_source_shape(s)), 0);
	for (size_t i = 0; i < PRECESS_COUNT(b1); i++) {
		for (int k = 0; k < 512 * 512; k++) /* from one side to the other */
			maps->map[PROGRAM_MAP_B1][k] =
				(float)(b1[i] + (1 - b1[i]) * (k % 512) / 511);
		assert_int_equal(data_make_from(x, m, maps, param, true), 0);
		if (getenv("SHOW"))
			print_message("MOLED, B1 from %g: %g dB, complex %g dB\n", b1[i],
				      psnr(x->base, x->image, n),
				      complex_psnr(x->base, x->image, n));
		assert_true(complex_psnr(x->base, x->image, n) > 41);
	}
	maps_free(maps);
	object_free(o);
	free(param);
	data_sample_free(x);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

static void files(void **state)
{
	char path[64], first[64], second[64], journal[80];
	const char *part[2] = { first, second };
	struct program *p = compile_program("small.seq", small), *other;
	struct data_source *s = source(p, 5);
	struct data_generate g = { .path = path, .n_shard = 1, .threads = 2, .quiet = true };
	struct data_generated done;
	struct data_file *f;
	struct data_maker *m;
	struct data_sample *a, *b;

	(void)state;
	snprintf(path, sizeof path, "/tmp/precess-data-%ld.h5", (long)getpid());
	snprintf(first, sizeof first, "/tmp/precess-data-%ld-0.h5", (long)getpid());
	snprintf(second, sizeof second, "/tmp/precess-data-%ld-1.h5", (long)getpid());
	snprintf(journal, sizeof journal, "%s.partial", path);
	assert_int_equal(data_generate(&done, s, &g), 0);
	assert_int_equal(done.n, 5);
	assert_true(access(journal, F_OK) != 0);
	if (data_file_open(&f, path))
		fail_msg("%s", precess_error());
	assert_int_equal(data_file_count(f), 5);
	assert_int_equal(data_file_check(f, p), 0);
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&a, data_source_shape(s)), 0);
	assert_int_equal(data_sample_create(&b, data_file_shape(f)), 0);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(data_make(a, m, i), 0);
		if (data_file_read(b, f, i))
			fail_msg("%s", precess_error());
		same(a, b);
	}
	assert_int_equal(data_file_read(b, f, 5), PRECESS_EINVAL);
	other = compile_program("sequences/gre_epi.seq", NULL);
	assert_int_equal(data_file_check(f, other), PRECESS_EINVAL);
	data_file_free(f);
	for (int i = 0; i < 2; i++) {
		g = (struct data_generate){
			.path = part[i], .shard = i, .n_shard = 2, .threads = 1, .quiet = true
		};
		assert_int_equal(data_generate(&done, s, &g), 0);
	}
	/* parts in any order; one alone is not the set */
	assert_int_equal(data_join(&done, path, (const char *const[]){ part[1], part[0] }, 2), 0);
	assert_int_equal(done.n, 5);
	assert_int_equal(data_join(&done, path, part, 1), PRECESS_EINVAL);
	assert_int_equal(truncate(part[0], 4000), 0);
	assert_int_equal(data_file_open(&f, part[0]), PRECESS_EIO);
	unlink(path);
	unlink(part[0]);
	unlink(part[1]);
	data_sample_free(a);
	data_sample_free(b);
	data_maker_free(m);
	data_source_free(s);
	program_free(other);
	program_free(p);
}

/* What a network asks for beside maps. */
static void planes(void **state)
{
	struct program *p = compile_program("small.seq", small);
	struct data_source *s = source(p, 5);
	const float *const *plane;
	struct net_template t;
	struct data_extras *x;
	struct data_maker *m;
	struct data_sample *a;
	struct net *net;
	double size = 0;

	(void)state;
	assert_int_equal(net_template_parse(&t, "name x\nlevels 2\n", "x"), 0);
	assert_int_equal(lower_network(&net, p, &t), 0);
	assert_int_equal(data_extras_create(&x, net), 0);
	assert_int_equal(data_maker_create(&m, s), 0);
	assert_int_equal(data_sample_create(&a, data_source_shape(s)), 0);
	assert_int_equal(data_make(a, m, 0), 0);
	if (data_extras_fill(&plane, x, p, a))
		fail_msg("%s", precess_error());
	assert_non_null(plane);
	for (int i = 0; i < 32 * 32; i++) {
		/* shift, base: in the order of compiler/lower/simunet.c */
		size = fmax(size, hypot(plane[1][i], plane[2][i]));
		assert_true(plane[1][i] == a->base[2 * i] && plane[2][i] == a->base[2 * i + 1]);
		/* 60 Hz x 32 lines x 0.7 ms = 1.3 pixels */
		assert_true(fabsf(plane[0][i]) < 1.4f / 8);
	}
	assert_true(size > 0.1);
	data_extras_free(x);
	net_free(net);
	data_sample_free(a);
	data_maker_free(m);
	data_source_free(s);
	program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),         cmocka_unit_test(ranges),
		cmocka_unit_test(files),           cmocka_unit_test(planes),
		cmocka_unit_test(first_order_epi),
		cmocka_unit_test(first_order_navigators),
		cmocka_unit_test(first_order_fse), cmocka_unit_test(first_order_moled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
