/* precess evaluate: its options, and the part for networks that map. */
#ifndef COMPILER_DRIVER_EVALUATE_H
#define COMPILER_DRIVER_EVALUATE_H

#include "compiler/driver/learn.h"

struct evaluate_command {
	const char *object, *precision, *device, *png;
	struct option_list set, library;
	int samples, seed, threads;
	double smooth_mm, noise, spread; /* noise < 0: the default */
	bool quiet, json, only;
};
/* Returns an exit status, told. */
int evaluate_map(struct learn_model *m, struct evaluate_command *c);

/* A map instead of a model: `--truth` is among the options, and then all of it. */
bool evaluate_truth_asked(int argc, char **argv);
int evaluate_truth(int argc, char **argv);

#endif
