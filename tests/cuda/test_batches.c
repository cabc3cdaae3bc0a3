/* Training data through a device: the processor's samples within rounding, the same bits whatever
 * shares the launches, whoever asks, and wherever a run begins. Built twice: with launches as loops,
 * and (ON_DEVICE) for a real one, skipped where there is none. */
#include "tests/cuda/agree.h"

#include "runtime/data/internal.h"

#include <pthread.h>

#ifdef ON_DEVICE
#define DEVICE "cuda"
#else
#define DEVICE "cuda-emulated"
extern const struct backend backend_cuda_emulated;
#endif

static const char small[] = "seq 1\n"
			    "sequence small\n"
			    "import std.epi (epi_train)\n"
			    "param ESP : time in 0.5ms .. 0.7ms = 0.6ms\n"
			    "map T2 : time in 0ms .. 650ms\n"
			    "map M0 : number in 0 .. 1\n"
			    "map dB0 : frequency in -60Hz .. 60Hz\n"
			    "geometry fov = [220mm, 220mm], matrix = [16, 16]\n"
			    "system = ideal\n"
			    "reset\n"
			    "play e = hard(90deg, 100us, use = excitation)\n"
			    "play epi_train(esp = ESP) with k0 at e.center + 20ms\n";

enum { SAMPLES = 43, MOST = 4 * SIM_BATCH };

/* ------------------------------------------------------------------ batches */
/* Draws with their own parameters, objects and spreads of fields: several schedules. */
struct drawn {
	struct draw *first, *own[MOST];
	struct maps *maps[MOST];
	const struct draw *d[MOST];
	const struct maps *m[MOST];
};

static void draw_all(struct drawn *x)
{
	x->first = compile_text(small);
	for (int i = 0; i < MOST; i++) {
		double esp = 0.5e-3 + 0.2e-3 * i / MOST;

		if (draw_create(&x->own[i], x->first->program, &esp, false))
			fail_msg("%s", precess_error());
		x->d[i] = x->own[i];
		x->m[i] = x->maps[i] = random_maps(32, 30, x->first->program->fov[0], 5 + 3 * i % 50,
						   (uint64_t)i + 1);
	}
}

static void erase_all(struct drawn *x)
{
	for (int i = 0; i < MOST; i++) {
		draw_free(x->own[i]);
		maps_free(x->maps[i]);
	}
	drop(x->first);
}

static const struct sim_options options = { .threads = 1, .quiet = true };

static void run_some(struct sim_result **r, struct sim_batches *b, const struct drawn *x, int first,
		     int n)
{
	if (sim_batches_run(r, b, x->d + first, x->m + first, (size_t)n, &options))
		fail_msg("%s", precess_error());
}

struct caller {
	struct sim_batches *b;
	const struct drawn *x;
	int first, n;
	struct sim_result *r[MOST];
};

static void *call(void *argument)
{
	struct caller *c = argument;

	run_some(c->r, c->b, c->x, c->first, c->n);
	return NULL;
}

/* Alone, with 63 others, from three threads at once: not a bit differs. */
static void company(void **state)
{
	struct caller part[3] = { { .first = 0, .n = 30 }, { .first = 30, .n = 3 },
				  { .first = 33, .n = MOST - 33 } };
	struct sim_result *all[MOST], *one;
	struct sim_batches *b;
	pthread_t thread[3];
	struct drawn x;

	(void)state;
	draw_all(&x);
	assert_int_equal(sim_batches_create(&b, DEVICE), 0);
	assert_int_equal(strncmp(sim_batches_backend(b), DEVICE, strlen(DEVICE)), 0);
	run_some(all, b, &x, 0, MOST);
	for (int i = 0; i < 3; i++) {
		part[i].b = b;
		part[i].x = &x;
		assert_int_equal(pthread_create(&thread[i], NULL, call, &part[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0, k = 0; i < MOST; i++) {
		size_t bytes = 2 * all[i]->n_sample * sizeof *all[i]->signal;
		struct sim_result *other;

		k += k < 2 && i == part[k].first + part[k].n;
		other = part[k].r[i - part[k].first];
		run_some(&one, b, &x, i, 1);
		assert_non_null(strstr(all[i]->device, DEVICE));
		assert_memory_equal(all[i]->signal, one->signal, bytes);
		assert_memory_equal(all[i]->signal, other->signal, bytes);
		assert_true(all[i]->bound == one->bound);
		sim_result_free(one);
		sim_result_free(other);
		if (sim_run(&one, x.d[i], x.m[i], &options))
			fail_msg("%s", precess_error());
		assert_true(compare(all[i], one) < same);
		assert_true(compare(all[i], one) > 0); /* this was not the processor */
		sim_result_free(one);
		sim_result_free(all[i]);
	}
	sim_batches_free(b);
	erase_all(&x);
}

/* What is no line is left to the caller; a device that is not there is told. */
static void refusals(void **state)
{
	struct draw *d = compile_file("sequences/10_spiral.seq");
	struct maps *m = random_maps(12, 12, d->program->fov[0], 30, 7);
	const struct draw *draws = d;
	const struct maps *maps = m;
	struct sim_batches *b;
	struct sim_result *r;

	(void)state;
	assert_int_equal(sim_batches_create(&b, DEVICE), 0);
	assert_int_equal(sim_batches_run(&r, b, &draws, &maps, 1, &options), 0);
	assert_null(r);
	sim_batches_free(b);
	assert_int_equal(sim_batches_create(&b, DEVICE ":999"), PRECESS_EDEVICE);
	assert_int_equal(sim_batches_create(&b, "cpu"), 0);
	assert_null(b);
	assert_int_equal(sim_batches_create(&b, NULL), 0);
	assert_null(b);
	maps_free(m);
	drop(d);
}

/* ------------------------------------------------------------------ samples */
static struct data_source *source(const struct program *p, const char *device, double spread)
{
	const struct data_recipe r = { .seed = 5, .total = 1000, .fine = 2, .device = device,
				       .spread = spread };
	struct data_source *s;

	if (data_source_create(&s, p, &r))
		fail_msg("%s", precess_error());
	return s;
}

static struct data_stream *stream_of(const struct data_source *s, uint64_t first, int threads)
{
	const struct data_stream_options o = { .first = first, .count = SAMPLES - first,
					       .threads = threads };
	struct data_stream *stream;

	assert_int_equal(data_stream_create(&stream, s, &o), 0);
	return stream;
}

static const struct data_sample *next_of(struct data_stream *s)
{
	const struct data_sample *x;

	if (data_stream_next(&x, s))
		fail_msg("%s", precess_error());
	assert_non_null(x);
	return x;
}

static double image_difference(const struct data_sample *a, const struct data_sample *b)
{
	size_t n = (size_t)(a->shape.nx * a->shape.ny * a->shape.n_set);
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, hypot((double)(a->image[2 * i] - b->image[2 * i]),
					(double)(a->image[2 * i + 1] - b->image[2 * i + 1])));
	return most / fmax(a->largest, 1e-30);
}

/* Labels, maps and parameters to the bit, images within the tolerance of a device. */
static void samples(void **state)
{
	struct draw *d = compile_text(small);
	struct data_source *cpu = source(d->program, NULL, 0.3);
	struct data_source *device = source(d->program, DEVICE, 0.3);
	struct data_stream *a = stream_of(cpu, 0, 2), *b = stream_of(device, 0, 1),
			   *c = stream_of(device, 0, 3), *late = stream_of(device, 5, 2);
	struct data_field field[DATA_FIELDS];
	struct data_sample *mine;
	struct data_maker *m;
	int n = data_fields(field, data_source_shape(cpu)), differ = 0;

	(void)state;
	assert_string_equal(data_source_backend(cpu), "cpu");
	assert_non_null(strstr(device->text, "backend " DEVICE));
	assert_null(strstr(cpu->text, "backend"));
	assert_int_equal(data_maker_create(&m, device), 0);
	assert_int_equal(data_sample_create(&mine, data_source_shape(device)), 0);
	for (uint64_t i = 0; i < SAMPLES; i++) {
		const struct data_sample *x = next_of(a), *y = next_of(b), *z = next_of(c);
		const struct data_sample *w = i >= 5 ? next_of(late) : z;

		if (i % 7 == 0)
			assert_int_equal(data_make(mine, m, i), 0);
		for (int k = 0; k < n; k++) {
			size_t bytes = field[k].n * field[k].size;

			if (k)
				assert_memory_equal(data_field_at(x, k), data_field_at(y, k), bytes);
			else
				differ += memcmp(x->image, y->image, bytes) != 0;
			assert_memory_equal(data_field_at(z, k), data_field_at(y, k), bytes);
			assert_memory_equal(data_field_at(w, k), data_field_at(y, k), bytes);
			if (i % 7 == 0)
				assert_memory_equal(data_field_at(mine, k), data_field_at(y, k), bytes);
		}
		assert_memory_equal(x->param, y->param, x->shape.n_param * sizeof *x->param);
		assert_true(y->largest > 0 && y->largest == z->largest);
		assert_true(image_difference(x, y) < same);
	}
	assert_true(differ > SAMPLES / 2); /* the device made most of them */
	data_stream_free(a);
	data_stream_free(b);
	data_stream_free(c);
	data_stream_free(late);
	/* one that nobody empties ends, too */
	data_stream_free(stream_of(device, 0, 3));
	data_sample_free(mine);
	data_maker_free(m);
	data_source_free(cpu);
	data_source_free(device);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(company),
		cmocka_unit_test(refusals),
		cmocka_unit_test(samples),
	};

#ifdef ON_DEVICE
	struct sim_batches *b;

	if (sim_batches_create(&b, DEVICE)) {
		printf("skipped: %s\n", precess_error());
		return 77;
	}
	printf("%s\n", sim_batches_backend(b));
	sim_batches_free(b);
#else
	backend_register(&backend_cuda_emulated);
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
