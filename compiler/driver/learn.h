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
	const char *device; /* that makes the images; NULL: the processor */
	double smooth, spread;
	struct data_view *view;     /* a task: what its network sees; NULL: Simu-Net */
	struct learn_model *engine; /* makes the images of a task; NULL: the simulator */
};
struct learn_feed;
precess_status learn_feed_create(struct learn_feed **out, const struct program *p,
				 const struct net *net, const struct learn_feed_options *o);
void learn_feed_free(struct learn_feed *f);
/* The object its samples are drawn from. */
const char *learn_feed_object(const struct learn_feed *f);
/* Whose bits its images have (data.h); "cpu" also where they are not made here. */
const char *learn_feed_backend(const struct learn_feed *f);
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

/* A picture of a training's loss beside the zero image's, when there are two points of it. */
precess_status learn_plot(const char *path, const char *title, const struct train_curve *c);

/* The first n samples of a recipe; net not NULL: they must fit it. */
precess_status learn_samples(struct data_sample ***out, int *n_out, const struct program *p,
			     const struct net *net, const struct data_recipe *r, int n,
			     int threads);
void learn_samples_free(struct data_sample **sample, int n);

/* Samples kept to be scored again and again. */
struct learn_test;
precess_status learn_test_create(struct learn_test **out, const struct program *p,
				 const struct net *net, const struct data_recipe *r, int n,
				 int threads);
void learn_test_free(struct learn_test *t);
precess_status learn_test_score(struct train_scores *out, struct learn_test *t, struct nn *nn);

/* ------------------------------------------------------------------ networks that map */
/* A model whose record has a target maps images; others make them. */
bool learn_is_task(const struct train_model *m);
precess_status learn_makes_images(const struct train_model *m, const char *path);
/* The task's lines into a record, and back. */
void learn_task_record(struct text *out, const struct net_template *t);
precess_status learn_task_read(struct net_template *t, const struct train_model *m);
/* What the task's network sees of the sequence's images, and that network, on crops. */
precess_status learn_task_build(struct data_view **view, struct net **net, const struct program *p,
				const struct net_template *t);
/* Whether the model `path` makes images of this sequence. */
precess_status learn_check_engine(const struct train_model *m, const struct program *p,
				  const char *path);

/* What to multiply a map's value by to show it, and the unit behind it: " ms" for times. */
double learn_unit(const char **unit, enum program_map_kind k);

/* Values against the truth, and their regression on it. */
#define LEARN_NOISE 0.02 /* of scores: deviation of each part, the largest pixel being 1 */
struct learn_fit {
	size_t n, capacity;
	struct learn_point {
		double truth, value;
	} *point;
	/* learn_fit_solve; bias and deviation: of value - truth */
	double slope, intercept, r2, mae, bias, deviation;
};
precess_status learn_fit_add(struct learn_fit *f, double truth, double value);
/* Means over squares of 10 mm, as regions are drawn by hand: wholly inside the object, the truth
 * nearly the same everywhere, between the template's low and high. `pixel` in m. */
precess_status learn_fit_regions(struct learn_fit *f, const float *truth, const float *value,
				 const int size[2], double pixel, const struct net_template *task);
/* Means over the tissues of the slice: all pixels of nearly the same truth that are not near an
 * edge. */
precess_status learn_fit_tissues(struct learn_fit *f, const float *truth, const float *value,
				 const int size[2], double pixel, const struct net_template *task);
void learn_fit_solve(struct learn_fit *f);
void learn_fit_erase(struct learn_fit *f);

/* Whole images through a network trained on crops. */
struct learn_mapper;
precess_status learn_mapper_create(struct learn_mapper **out, const struct net *net,
				   struct data_view *view, int nx, int ny,
				   enum nn_precision precision, int threads);
void learn_mapper_free(struct learn_mapper *m);
void learn_mapper_weights(struct learn_mapper *m, const float *weight);
/* The map, SI, [y][x], of the image last set in the view; borrowed until the next call. */
precess_status learn_mapper_run(const float **map, struct learn_mapper *m);

/* Held-out samples of a task, simulated, with noise of 2 % of the largest pixel. */
struct learn_map_test;
precess_status learn_map_test_create(struct learn_map_test **out, const struct program *p,
				     const struct net *net, struct data_view *view,
				     const struct data_recipe *r, int n, int threads);
void learn_map_test_free(struct learn_map_test *t);
/* Over regions; `out` is used again, learn_fit_erase it. */
precess_status learn_map_test_score(struct learn_fit *out, struct learn_map_test *t,
				    const float *weight);

/* ------------------------------------------------------------------ models */
/* A model with its sequence compiled from the source inside it. */
struct learn_model {
	struct train_model *model;
	struct compiled compiled;
	char *path;
	struct nn *nn;
};
/* `sequence` not NULL: the model must be of that file. Either finds its modules in the folders of
 * `library`, too. Returns an exit status, told; all has been released then. */
int learn_model_open(struct learn_model *m, const char *path, const char *sequence,
		     const struct option_list *library, const struct nn_options *o, bool json);
void learn_model_close(struct learn_model *m);
/* The value of line "key value" of a record, copied; NULL: none. */
char *learn_record(const char *record, const char *key);
/* The first line of the record `now` that `was` lacks; threads and command may differ. NULL:
 * none. */
const char *learn_other_line(const char *now, const char *was);
/* Exit status for a failure of the world, told as --json wants it. */
int learn_failed(struct lang *l, bool json, precess_status st);
precess_status learn_precision(enum nn_precision *out, const char *name);
/* "20min", "90s", "1.5h": seconds, > 0. */
precess_status learn_time(double *out, const char *text);

#endif
