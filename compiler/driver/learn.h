/* What train, predict and evaluate share: samples into networks, a model's own sequence, scores. */
#ifndef COMPILER_DRIVER_LEARN_H
#define COMPILER_DRIVER_LEARN_H

#include "compiler/driver/driver.h"
#include "runtime/data/data.h"
#include "runtime/train/train.h"

/* "10ms" as a value of `type`; a plain number is in SI. */
bool learn_quantity(double *out, const char *text, const char *type);
/* The parameter that `text` begins with, up to its '='; EXIT_USAGE, told, when there is none. */
int learn_parameter(int *index, const struct program *p, const char *text, const char *option);
/* "ESP=10ms": into param[n_param]. Returns an exit status, told. */
int learn_set(double *param, const struct program *p, const char *text);
/* Sample s into place `at` of nn's batch. */
precess_status learn_fill(struct nn *nn, int at, struct data_extras *x, const struct program *p,
			  const struct data_sample *s);
/* Its image as planes re, im, [2][ny][nx]. */
void learn_planes(float *out, const struct data_sample *s);
/* The fine grid that gives a network its sub-pixels, spins per pixel; and those sub-pixels. */
int learn_sub(const struct net *net);
/* One image of the network's matrix per sample, and it alone. */
precess_status learn_check_shape(const struct data_shape *h, const struct net *net,
				 const char *sequence);

/* ------------------------------------------------------------------ batches for training */
struct learn_feed_options {
	const char *data; /* a data set; NULL: samples are made while training */
	const char *object;
	uint64_t seed, first; /* first: image that training goes on with */
	uint64_t use;     /* samples of `data`, from its first on; 0: all */
	int sub, reuse, makers;
	double smooth;
};
struct learn_feed;
precess_status learn_feed_create(struct learn_feed **out, const struct program *p,
				 const struct net *net, const struct learn_feed_options *o);
void learn_feed_free(struct learn_feed *f);
/* The object its samples are drawn from. */
const char *learn_feed_object(const struct learn_feed *f);
struct train_source learn_feed_source(struct learn_feed *f);

/* ------------------------------------------------------------------ scores */
/* Means over samples; PSNR in dB, so the mean is one of decibels, as in the paper. */
struct learn_mean {
	struct train_scores sum;
	int n;
};
precess_status learn_mean_add(struct learn_mean *m, const float *image, const float *label, int ny,
			      int nx);
struct train_scores learn_mean_get(const struct learn_mean *m);

/* Samples kept to be scored again and again. */
struct learn_test;
precess_status learn_test_create(struct learn_test **out, const struct program *p,
				 const struct net *net, const struct data_recipe *r, int n,
				 int threads);
void learn_test_free(struct learn_test *t);
precess_status learn_test_score(struct train_scores *out, struct learn_test *t, struct nn *nn);

/* ------------------------------------------------------------------ models */
/* A model with its sequence compiled from the source inside it. */
struct learn_model {
	struct train_model *model;
	struct compiled compiled;
	char *path;
	struct nn *nn;
};
/* `sequence` not NULL: the model must be of that file. Returns an exit status, told; all has been
 * released then. */
int learn_model_open(struct learn_model *m, const char *path, const char *sequence, int batch,
		     enum nn_precision precision, int threads, bool json);
void learn_model_close(struct learn_model *m);
/* The value of line "key value" of a record, copied; NULL: none. */
char *learn_record(const char *record, const char *key);
/* Exit status for a failure of the world, told as --json wants it. */
int learn_failed(struct lang *l, bool json, precess_status st);
precess_status learn_precision(enum nn_precision *out, const char *name);
/* "20min", "90s", "1.5h": seconds, > 0. */
precess_status learn_time(double *out, const char *text);

#endif
