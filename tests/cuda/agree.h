/* A device against the processor: the line method of both on the same sequence and maps. */
#ifndef TESTS_CUDA_AGREE_H
#define TESTS_CUDA_AGREE_H

#include "tests/physics/compile.h"

#include "runtime/backend/backend.h"

/* Of the largest signal. */
static const double same = 1e-5;

/* With receive coils: drawn ones, seen by no two alike. */
static inline struct maps *coil_maps(int nx, int ny, double fov, double db0, int coils)
{
	struct maps *m = random_maps(nx, ny, fov, db0, 7);

	m->sensitivity = memory_aligned(2 * (size_t)coils * (size_t)nx * (size_t)ny * sizeof(float));
	m->n_coil = coils;
	field_coils(m->sensitivity, coils, nx, ny, 11);
	return m;
}

static inline struct sim_result *run_on(const char *device, const struct draw *d,
					const struct maps *m, enum sim_method method)
{
	struct sim_options o = { .method = method,
				 .quiet = true,
				 .tolerance = method == SIM_auto || method == SIM_train ? 1e-4
											: 1e-5,
				 .device = device };
	struct sim_result *r;

	if (sim_run(&r, d, m, &o))
		fail_msg("%s", precess_error());
	return r;
}

static inline double apart(const char *what, const struct sim_result *a, const struct sim_result *b)
{
	double difference = compare(a, b);

	if (!(difference <= a->bound + b->bound))
		fail_msg("%s: %g apart, bounds %g and %g", what, difference, a->bound, b->bound);
	return difference;
}

/* A row: device and processor; and, where that is not too much work, both and every spin times every
 * sample in double. With the tolerance that people use, or one that brings out many terms; trains and
 * fans err alike on both. `says`: what the device's report must say. Frees the draw. */
static inline void agree(struct draw *d, const char *device, enum sim_method method, int nx, int ny,
			 double db0, int coils, const char *says)
{
	struct maps *m = coils > 1 ? coil_maps(nx, ny, d->program->fov[0], db0, coils)
				   : random_maps(nx, ny, d->program->fov[0], db0, 7);
	struct sim_result *cpu = run_on(NULL, d, m, method), *other = run_on(device, d, m, method);
	double difference = apart("device and processor", cpu, other);

	if (strncmp(other->device, device, strlen(device)))
		fail_msg("%s ran on %s", d->program->name, other->device);
	assert_int_equal(other->n_coil, coils);
	printf("| %s | %s | %d x %d | %d | %.1e |", d->program->name, sim_method_name(method), nx,
	       ny, coils, difference);
	if (nx <= 128 && method != SIM_direct) {
		struct sim_result *oracle = run_on(NULL, d, m, SIM_direct);

		printf(" %.1e | %.1e |", apart("device and double", other, oracle),
		       apart("processor and double", cpu, oracle));
		sim_result_free(oracle);
	} else {
		printf(" | |");
	}
	printf(" %.1e | %.3f | %.3f |\n", other->bound, 1e3 * other->seconds_state,
	       1e3 * other->seconds_readout);
	if (strstr(other->report, "device: cpu") || (says && !strstr(other->report, says)))
		fail_msg("%s: %s", d->program->name, other->report);
	assert_true(cpu->largest > 0);
	assert_true(difference < same);
	sim_result_free(cpu);
	sim_result_free(other);
	maps_free(m);
	drop(d);
}

#endif
