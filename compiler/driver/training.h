/* One training of `precess train`: what was asked for, and what it makes. */
#ifndef COMPILER_DRIVER_TRAINING_H
#define COMPILER_DRIVER_TRAINING_H

#include "compiler/driver/learn.h"

struct train_command {
	struct compile_options compile;
	const char *output, *checkpoint, *data, *net, *task, *engine, *precision, *device, *object,
		*time_limit, *curve;
	int width, epochs, samples, use, batch, seed, threads, makers, reuse, validate;
	double rate, smooth_mm;
	bool resume, compact, quiet, json;
};

/* One training under way. */
struct training {
	struct train_command *c;
	struct compiled *compiled;
	struct net_template t;
	struct net *net;
	struct nn *nn;
	struct learn_feed *feed;
	struct learn_test *test;
	/* of a task */
	struct data_view *view;
	struct learn_map_test *map_test;
	struct learn_fit fit; /* of the last validation */
	struct learn_model engine;
	struct train_model *model;
	struct train_options o;
	struct text record, checkpoint;
	double part; /* of the budget, at the last validation */
	json_t *looks;
};

/* The template with what the command says instead; then how many images; then the lines that decide
 * the result. */
precess_status training_template(struct training *r);
precess_status training_budget(struct training *r, uint64_t per_epoch);
void training_record(struct training *r);
/* A new model, or that of a checkpoint with the same lines. */
precess_status training_begin(struct training *r);
/* The held-out samples, and their scores. */
precess_status training_test(struct training *r, const struct learn_feed_options *fo);
precess_status training_validate(struct training *r);
/* The picture of the loss, where one is wanted. */
precess_status training_plot(const struct training *r);
/* Validates, and draws the loss, every so often: train_options.look, `context` a training. */
precess_status training_look(void *context, double part);
/* HDF5 is one thread's at a time. */
void training_lock(bool on);

#endif
