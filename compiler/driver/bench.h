/* The parts of `precess bench` that have files of their own. */
#ifndef COMPILER_DRIVER_BENCH_H
#define COMPILER_DRIVER_BENCH_H

#include "compiler/driver/driver.h"

/* width 0: 32 and 64; threads 0: all. Returns an exit status. */
int bench_network(int width, int threads, bool pytorch, const char *device, bool json);

/* Variants of the network and of the data set on one sequence, trained in `folder`. */
struct bench_learning {
	const char *file, *folder;
	int width, samples, images, threads;
	bool json;
};
int bench_learning(const struct bench_learning *o);

/* Spins along an axis, one after the other. */
struct bench_sizes {
	int item[32];
	size_t n;
};
/* A batch of each file's sequence, at each size, on the device of the options. */
int bench_batches(const char *const *file, size_t n, const struct bench_sizes *sizes,
		  const struct compile_options *c, const struct scene_options *o, int batch,
		  int repeats);

#endif
