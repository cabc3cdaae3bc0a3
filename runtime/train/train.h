/* Training: an optimiser, schedules, the loop, what measures an image, and the model file.
 *
 * A data source fills batches by sample number, so that training continues from a checkpoint
 * exactly where it stopped: weights, optimiser, sample number are all its state. With the same
 * number of threads a resumed run equals an uninterrupted one bit for bit.
 * Ownership: creators free; train_run borrows everything. */
#ifndef RUNTIME_TRAIN_TRAIN_H
#define RUNTIME_TRAIN_TRAIN_H

#include "runtime/nn/nn.h"

/* --- Adam (Kingma and Ba, 2015), moments without bias as in PyTorch --- */
struct train_adam {
	double beta1, beta2, epsilon;
	uint64_t step;      /* done */
	float *m, *v;
	size_t n;
};
precess_status train_adam_create(struct train_adam **out, size_t n, double beta1, double beta2);
void train_adam_free(struct train_adam *a);
/* Counts a step and gives its factors. */
struct network_adam train_adam_next(struct train_adam *a, double rate);
void train_adam_step(struct train_adam *a, float *weight, const float *gradient, double rate,
		     int threads);

/* --- learning rate of a step: step in [0, steps), image the number shown so far --- */
double train_rate(const struct net_template *t, uint64_t step, uint64_t steps, uint64_t image,
		  uint64_t images_per_epoch);

/* --- metrics (definitions of Huang et al.) on complex images: re plane, im plane --- */
struct train_scores {
	double psnr, ssim, complex_psnr; /* dB, 1, dB */
};
/* Both images are divided by the reference's largest magnitude; PSNR with peak 1 and SSIM (11 x 11
 * Gaussian window, deviation 1.5, C1 1e-4, C2 9e-4, only windows inside the image) on magnitudes,
 * complex PSNR on the complex difference. Equal images: PSNR INFINITY. */
precess_status train_score(struct train_scores *out, const float *image, const float *reference,
			   int ny, int nx);

/* --- model file (HDF5) --- */
#define TRAIN_FORMAT 1 /* of the file; raised when an old reader would misread a new file */

struct train_curve {
	uint64_t n, capacity;
	struct train_point {
		uint64_t image;      /* shown so far */
		double loss, zero;   /* mean since the last point; the same of the zero image */
		double rate, seconds; /* since training began, pauses left out */
	} *point;
	double open_loss, open_zero; /* sums of the point that is not complete yet */
	uint64_t open_images;
};

struct train_model {
	struct net *net;             /* parsed from the definition; has the parameters' ranges */
	char *net_text;
	float *weight;               /* net->n_number */
	char *sequence, *hash, *source; /* name, source hash (program.h), text; may be "" */
	char *record;                /* "key value" lines: command, seed, data, time, threads ... */
	struct train_curve curve;
	struct train_scores scores;  /* NAN: not evaluated */
	struct train_adam *adam;     /* only in checkpoints */
	uint64_t image;              /* shown so far */
	double seconds;              /* trained so far */
};
/* Whole or absent. */
precess_status train_model_write(const char *path, const struct train_model *m);
/* Whether `path` is a model at all; quiet. */
bool train_model_is(const char *path);
/* hash != NULL: the model must be of that sequence. Refuses files that are truncated, of another
 * format or version, inconsistent, or not finite. */
precess_status train_model_read(struct train_model **out, const char *path, const char *hash);
void train_model_free(struct train_model *m);
/* A model of nn's net with copies of its weights and of the texts; curve and scores empty. */
precess_status train_model_create(struct train_model **out, const struct nn *nn,
				  const float *weight, const char *sequence, const char *hash,
				  const char *source, const char *record);
/* SI values against the declared ranges; a text of all that are outside, naming each. */
precess_status train_model_check_params(const struct train_model *m, const double *param);

/* Inputs and output of nn's last forward pass as HDF5, whole or absent (see tensors.c). */
precess_status train_tensors_write(const char *path, struct nn *nn);

/* --- the loop --- */
struct train_batch {
	struct nn *nn;       /* nn_input, nn_fill */
	float *label;        /* (batch, channels, height, width) */
	float *weight;       /* per sample: 1 / max |label| or 1 */
	uint64_t first;      /* number of the batch's first sample, from 0 on without end */
	int n;
};
struct train_source {
	precess_status (*fill)(void *context, struct train_batch *b);
	void *context;
	uint64_t images_per_epoch; /* 0: a stream */
};
struct train_options {
	const struct net_template *t;
	uint64_t images;           /* budget; rounded up to whole batches */
	double time_limit;         /* seconds, a budget instead of `images`; 0: none. The schedule
				    * then follows the clock: no two runs are equal */
	uint64_t stop_at;          /* images shown after which to return; 0: the budget */
	uint64_t guard;            /* images after which the zero-image guard looks; 0: off */
	const char *checkpoint;    /* path; NULL: none */
	double checkpoint_every;   /* seconds */
	double progress_every;     /* seconds; 0: quiet */
	uint64_t point_every;      /* images a point of the curve covers; 0: 1 % of the budget */
	/* Called after every point of the curve, `part` of the budget spent, m's weights up to
	 * date; may use nn. NULL: nothing. */
	precess_status (*look)(void *context, double part);
	void *context;
	void (*lock)(bool on);     /* held while a checkpoint is written; NULL: nobody else uses HDF5 */
};
/* Trains nn from m's state (weights, adam, image, curve) and leaves the new one there. m->adam
 * NULL: a fresh start from the weights in m. Stops with PRECESS_EINVAL when the loss is not a
 * number, or when it is not below 0.8 of the zero image's after `guard` images; with
 * PRECESS_ECANCEL when interrupted, m being valid. */
precess_status train_run(struct train_model *m, struct nn *nn, const struct train_source *source,
			 const struct train_options *o);

#endif
