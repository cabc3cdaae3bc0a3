/* The training loop: fill, forward, loss, backward, step.
 *
 * The zero image is the trap of this problem: where the inputs do not determine the phase, the best
 * guess of an L1 loss is zero everywhere. Its loss is that of an output of zeros, mean |label|; the
 * guard compares. */
#include "runtime/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double guard_part = 0.8;

struct loop {
	struct train_model *m;
	struct nn *nn;
	const struct train_source *source;
	const struct train_options *o;
	struct train_batch batch;
	size_t per_sample; /* numbers of a label */
	uint64_t steps, point_every;
	double begun, shown, saved; /* begun: seconds of earlier runs taken off */
	double started;
	uint64_t begun_image;
	int percent; /* of the clock's budget, at the last point */
	double last_loss, last_zero;
	bool terminal;
};

/* Of the budget, 0..1. */
static double part_done(const struct loop *l)
{
	if (l->o->time_limit > 0)
		return fmin((clock_seconds() - l->begun) / l->o->time_limit, 1);
	return (double)l->m->image / ((double)l->steps * l->batch.n);
}

/* The loss of an output of zeros. */
static double zero_loss(const struct loop *l)
{
	bool l1 = l->m->net->loss == NET_LOSS_L1;
	double total = 0;

	for (int n = 0; n < l->batch.n; n++) {
		const float *label = l->batch.label + (size_t)n * l->per_sample;
		double sum = 0;

		for (size_t i = 0; i < l->per_sample; i++)
			sum += l1 ? fabs((double)label[i]) : (double)label[i] * label[i];
		total += (double)l->batch.weight[n] * sum;
	}
	return total / ((double)l->per_sample * l->batch.n);
}

static precess_status add_point(struct loop *l, double rate)
{
	struct train_curve *c = &l->m->curve;

	if (c->n == c->capacity) {
		uint64_t capacity = 2 * c->capacity + 64;
		struct train_point *p = realloc(c->point, capacity * sizeof *p);

		if (!p)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		c->point = p;
		c->capacity = capacity;
	}
	c->point[c->n++] = (struct train_point){
		.image = l->m->image,
		.loss = c->open_loss / (double)c->open_images,
		.zero = c->open_zero / (double)c->open_images,
		.rate = rate,
		.seconds = clock_seconds() - l->begun,
	};
	c->open_loss = c->open_zero = 0;
	c->open_images = 0;
	return PRECESS_OK;
}

/* Once, at the first point of the curve that is past `guard` images. */
static precess_status guard(const struct loop *l)
{
	const struct train_curve *c = &l->m->curve;
	const struct train_point *last = &c->point[c->n - 1];

	if (!l->o->guard || last->image < l->o->guard ||
	    (c->n > 1 && c->point[c->n - 2].image >= l->o->guard) ||
	    last->loss < guard_part * last->zero)
		return PRECESS_OK;
	return precess_fail(PRECESS_EINVAL,
			    "after %llu images the loss is %.4g, the zero image's is %.4g: the "
			    "inputs do not determine the image (its phase); training stopped",
			    (unsigned long long)last->image, last->loss, last->zero);
}

static void show(struct loop *l, bool last)
{
	double now = clock_seconds(), rate, left;
	uint64_t images = l->steps * (uint64_t)l->batch.n;
	char of[32] = "";

	if (l->o->progress_every <= 0 || (!last && now - l->shown < l->o->progress_every))
		return;
	l->shown = now;
	rate = (double)(l->m->image - l->begun_image) / fmax(now - l->started, 1e-9);
	left = (double)(images - l->m->image) / fmax(rate, 1e-9);
	if (l->o->time_limit > 0)
		left = fmax(l->o->time_limit - (now - l->begun), 0);
	else
		snprintf(of, sizeof of, "/%llu", (unsigned long long)images);
	fprintf(stderr,
		"%s%llu%s images, loss %.4g (%.2f of the zero image), %.1f images/s, %.0f s "
		"left%s",
		l->terminal ? "\r" : "", (unsigned long long)l->m->image, of, l->last_loss,
		l->last_zero > 0 ? l->last_loss / l->last_zero : 0, rate, left,
		l->terminal && !last ? "   " : "\n");
	fflush(stderr);
}

static precess_status save(struct loop *l, bool now)
{
	precess_status st;

	if (!l->o->checkpoint || (!now && clock_seconds() - l->saved < l->o->checkpoint_every))
		return PRECESS_OK;
	l->saved = clock_seconds();
	l->m->seconds = l->saved - l->begun;
	memcpy(l->m->weight, nn_parameters(l->nn), l->m->net->n_number * sizeof(float));
	if (nn_is_remote(l->nn) &&
	    (st = nn_remote_get_moments(l->m->adam->m, l->m->adam->v, l->nn)))
		return st;
	if (l->o->lock)
		l->o->lock(true);
	st = train_model_write(l->o->checkpoint, l->m);
	if (l->o->lock)
		l->o->lock(false);
	return st;
}

/* After `point_every` images; under a time limit after every percent of it. */
static bool point_due(struct loop *l)
{
	int percent = (int)(100 * part_done(l));

	if (l->o->time_limit <= 0 || l->o->point_every)
		return l->m->curve.open_images >= l->point_every;
	if (percent == l->percent)
		return false;
	l->percent = percent;
	return true;
}

/* In billionths: the schedule of a time limit. */
enum { TIME_STEPS = 1000000000 };

static double rate_now(const struct loop *l)
{
	uint64_t step = l->m->adam->step, steps = l->steps;

	if (l->o->time_limit > 0) {
		steps = TIME_STEPS;
		step = (uint64_t)(part_done(l) * (TIME_STEPS - 1));
	}
	return train_rate(l->o->t, step, steps, l->m->image, l->source->images_per_epoch);
}

static precess_status one_step(struct loop *l)
{
	struct train_model *m = l->m;
	double loss, rate = rate_now(l);
	precess_status st;

	l->batch.first = m->image;
	TRY(l->source->fill(l->source->context, &l->batch));
	if (nn_is_remote(l->nn)) {
		struct network_adam f = train_adam_next(m->adam, rate);

		TRY(nn_remote_step(&loss, l->nn, l->batch.label, l->batch.weight, &f));
	} else {
		TRY(nn_forward(l->nn));
		TRY(nn_loss_backward(&loss, l->nn, l->batch.label, l->batch.weight));
	}
	if (!isfinite(loss))
		return precess_fail(
			PRECESS_EINVAL,
			"the loss is %g at image %llu: the learning rate %g is too high, "
			"or the data hold a value that is not finite",
			loss, (unsigned long long)m->image, rate);
	if (!nn_is_remote(l->nn))
		train_adam_step(m->adam, nn_parameters(l->nn), nn_gradients(l->nn), rate,
				nn_get_options(l->nn)->threads);
	m->image += (uint64_t)l->batch.n;
	l->last_loss = loss;
	l->last_zero = zero_loss(l);
	m->curve.open_loss += loss * l->batch.n;
	m->curve.open_zero += l->last_zero * l->batch.n;
	m->curve.open_images += (uint64_t)l->batch.n;
	if (point_due(l)) {
		TRY(add_point(l, rate));
		TRY(guard(l));
		if (l->o->look) {
			memcpy(m->weight, nn_parameters(l->nn), m->net->n_number * sizeof(float));
			TRY(l->o->look(l->o->context, part_done(l)));
		}
	}
	show(l, false);
	st = save(l, false);
out:
	return st;
}

static precess_status begin(struct loop *l)
{
	const struct net_tensor *out = &l->m->net->tensor[l->m->net->output];
	const struct nn_options *o = nn_get_options(l->nn);
	uint64_t images, n = (uint64_t)o->batch;

	if (nn_net(l->nn)->n_number != l->m->net->n_number)
		return precess_fail(PRECESS_EINVAL, "the model is of another network");
	l->per_sample = (size_t)NET_SIZE(out);
	l->batch = (struct train_batch){ .nn = l->nn, .n = o->batch };
	l->batch.label = memory_aligned(l->per_sample * n * sizeof(float));
	l->batch.weight = memory_aligned(n * sizeof(float));
	if (!l->batch.label || !l->batch.weight)
		return precess_wrap(PRECESS_ENOMEM, "training batch");
	l->steps = (l->o->images + n - 1) / n;
	images = l->steps * n;
	l->point_every = l->o->point_every ? l->o->point_every : images / 100 + 1;
	l->started = l->saved = l->shown = clock_seconds();
	l->begun = l->started - l->m->seconds;
	l->percent = (int)(100 * part_done(l));
	l->begun_image = l->m->image;
	l->terminal = isatty(STDERR_FILENO) == 1;
	memcpy(nn_parameters(l->nn), l->m->weight, l->m->net->n_number * sizeof(float));
	precess_status st = PRECESS_OK;
	if (!l->m->adam)
		st = train_adam_create(&l->m->adam, l->m->net->n_number, l->o->t->beta1,
				       l->o->t->beta2);
	if (!st && nn_is_remote(l->nn))
		st = nn_remote_set_moments(l->nn, l->m->adam->m, l->m->adam->v);
	return st;
}

precess_status train_run(struct train_model *m, struct nn *nn, const struct train_source *source,
			 const struct train_options *o)
{
	struct loop l = { .m = m, .nn = nn, .source = source, .o = o };
	uint64_t end;
	precess_status st, saved;

	TRY(begin(&l));
	end = l.steps * (uint64_t)l.batch.n;
	if (o->stop_at && o->stop_at < end)
		end = o->stop_at;
	while (o->time_limit > 0 ? part_done(&l) < 1 : m->image < end) {
		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted after %llu images",
					  (unsigned long long)m->image);
			break;
		}
		TRY(one_step(&l));
	}
	memcpy(m->weight, nn_parameters(nn), m->net->n_number * sizeof(float));
	m->seconds = clock_seconds() - l.begun;
	show(&l, true);
	saved = save(&l, true);
	st = saved ? saved : st;
out:
	free(l.batch.label);
	free(l.batch.weight);
	return st;
}
