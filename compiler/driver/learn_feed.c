/* Batches for training. Which sample image number i shows is a function of i and the options, so
 * that a resumed run goes on as if it had never stopped.
 *
 * From the simulator: sample k is new at image (k - AHEAD) * reuse; at the images in between, one
 * of the last `ring` samples is drawn. Every sample is so shown `reuse` times on average, between
 * others, and the simulator runs beside the network at its own pace.
 * From a data set: every epoch shows each sample once, in an order drawn for it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/learn.h"

/* The ring: enough that neighbours in it seldom meet, within this much memory. */
#define RING_MOST 256
#define RING_LEAST 16
#define RING_BYTES (256.0 * (1 << 20))
/* Samples there before the first image: with fewer, training begins on one anatomy. */
#define AHEAD 16
/* Streams of the seed for choices; data_recipe seeds have samples in streams from 0. */
#define STREAM_RING ((uint64_t)3 << 61)
#define STREAM_EPOCH ((uint64_t)1 << 62)
#define STREAM_VIEW ((uint64_t)5 << 60)

struct learn_feed {
	const struct program *p;
	const struct net *net;
	struct learn_feed_options o;
	struct data_extras *extras;
	char *object;
	/* simulated */
	struct data_source *source;
	struct data_stream *stream;
	struct data_extras *engine_extras;
	struct data_sample **ring;
	uint64_t n_ring, next; /* next: number of the stream's next sample */
	/* read */
	struct data_file *file;
	struct data_sample *read;
	uint64_t *order, epoch, count;
};

/* ------------------------------------------------------------------ from the simulator */
static double sample_bytes(const struct data_shape *h)
{
	double pixels = (double)h->nx * h->ny, maps = 0;
	for (int k = 0; k < PROGRAM_MAPS; k++)
		maps += h->map[k];
	return pixels * 4 * (maps * h->sub * h->sub + 4);
}

static precess_status open_stream(struct learn_feed *f)
{
	const struct data_recipe r = {
		.object = f->o.object,
		.seed = f->o.seed,
		.sub = f->o.sub,
		.smooth = f->o.smooth,
		.spread = f->o.spread,
		.fine = f->o.sub > 4 || 4 % f->o.sub ? f->o.sub : 4,
		.no_image = f->o.engine != NULL,
		.device = f->o.device,
		.no_base = f->o.view && !f->o.engine,
	};
	precess_status st;
	TRY(data_source_create(&f->source, f->p, &r));
	const struct data_shape *h = data_source_shape(f->source);
	if (!f->o.view)
		TRY(learn_check_shape(h, f->net, f->p->name));
	if (f->o.engine) {
		TRY(learn_check_shape(h, f->o.engine->model->net, f->p->name));
		TRY(data_extras_create(&f->engine_extras, f->o.engine->model->net));
	}
	double fit = RING_BYTES / sample_bytes(h);
	f->n_ring = fit < RING_LEAST ? RING_LEAST : fit > RING_MOST ? RING_MOST : (uint64_t)fit;
	f->ring = calloc(f->n_ring, sizeof *f->ring);
	if (!f->ring)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint64_t i = 0; i < f->n_ring; i++)
		TRY(data_sample_create(&f->ring[i], h));
	/* The ring of image `first` holds the samples before its newest: they are made again. */
	uint64_t newest = AHEAD + f->o.first / (uint64_t)f->o.reuse;
	f->next = newest + 1 > f->n_ring ? newest + 1 - f->n_ring : 0;
	st = data_stream_create(&f->stream, f->source,
				&(struct data_stream_options){ .first = f->next,
							       .threads = f->o.makers,
							       .ahead = 2 * f->o.makers + 16 });
out:
	return st;
}

/* The image that the engine, a Simu-Net, makes of the sample. */
static precess_status imagine(struct learn_feed *f, struct data_sample *s)
{
	struct nn *nn = f->o.engine->nn;
	size_t n = (size_t)s->shape.nx * (size_t)s->shape.ny;
	precess_status st;
	TRY(learn_fill(nn, 0, f->engine_extras, f->p, s));
	TRY(nn_forward(nn));
	const float *y = nn_output(nn);
	s->largest = 0;
	for (size_t i = 0; i < n; i++) {
		s->image[2 * i] = y[i];
		s->image[2 * i + 1] = y[n + i];
		s->largest = fmax(s->largest, hypot((double)y[i], (double)y[n + i]));
	}
out:
	return st;
}

static precess_status from_stream(const struct data_sample **out, struct learn_feed *f,
				  uint64_t image)
{
	uint64_t newest = AHEAD + image / (uint64_t)f->o.reuse, back = 0;
	const struct data_sample *s;
	precess_status st;
	for (; f->next <= newest; f->next++) {
		if (interrupted())
			return precess_fail(PRECESS_ECANCEL, "interrupted");
		if ((st = data_stream_next(&s, f->stream)))
			return st;
		data_sample_copy(f->ring[f->next % f->n_ring], s);
		if (f->o.engine && (st = imagine(f, f->ring[f->next % f->n_ring])))
			return st;
	}
	if (image % (uint64_t)f->o.reuse) {
		struct rng r = rng_make(f->o.seed, STREAM_RING | image);
		uint64_t n = newest + 1 < f->n_ring ? newest + 1 : f->n_ring;
		back = (uint64_t)rng_uniform(&r, 0, (double)n);
		back = back < n ? back : n - 1;
	}
	*out = f->ring[(newest - back) % f->n_ring];
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ from a data set */
static precess_status open_file(struct learn_feed *f)
{
	precess_status st;
	TRY(data_file_open(&f->file, f->o.data));
	TRY(data_file_check(f->file, f->p));
	if (!f->o.view)
		TRY(learn_check_shape(data_file_shape(f->file), f->net, f->p->name));
	if (data_file_shape(f->file)->sub % f->o.sub) {
		st = precess_fail(
			PRECESS_EINVAL,
			"%s has %d sub-pixels per pixel, the network wants %d: generate with "
			"--sub %d",
			f->o.data, data_file_shape(f->file)->sub, f->o.sub, f->o.sub);
		goto out;
	}
	f->count = data_file_count(f->file);
	if (f->o.use > f->count) {
		st = precess_fail(PRECESS_EINVAL, "%s has %llu samples; --use wants %llu",
				  f->o.data, (unsigned long long)f->count,
				  (unsigned long long)f->o.use);
		goto out;
	}
	if (f->o.use)
		f->count = f->o.use;
	f->epoch = UINT64_MAX;
	f->order = calloc(f->count + 1, sizeof *f->order);
	if (!f->order)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	st = data_sample_create(&f->read, data_file_shape(f->file));
out:
	return st;
}

/* Fisher and Yates. */
static void draw_order(struct learn_feed *f, uint64_t epoch)
{
	struct rng r = rng_make(f->o.seed, STREAM_EPOCH | epoch);
	for (uint64_t i = 0; i < f->count; i++)
		f->order[i] = i;
	for (uint64_t i = f->count; i-- > 1;) {
		uint64_t j = (uint64_t)rng_uniform(&r, 0, (double)(i + 1)), was = f->order[i];
		j = j < i ? j : i;
		f->order[i] = f->order[j];
		f->order[j] = was;
	}
	f->epoch = epoch;
}

static precess_status from_file(const struct data_sample **out, struct learn_feed *f,
				uint64_t image)
{
	if (f->epoch != image / f->count)
		draw_order(f, image / f->count);
	*out = f->read;
	return data_file_read(f->read, f->file, f->order[image % f->count]);
}

/* ------------------------------------------------------------------ both */
/* A crop of the image as a task's network sees it, and of the map it should say. */
static precess_status fill_view(struct learn_feed *f, struct train_batch *b, int i,
				const struct data_sample *s)
{
	struct data_view *v = f->o.view;
	const int pad = data_view_template(v)->pad, *size = f->net->matrix;
	size_t pixels = (size_t)size[0] * (size_t)size[1];
	struct rng r = rng_make(f->o.seed, STREAM_VIEW | (b->first + (uint64_t)i));
	int at[2] = { (int)rng_uniform(&r, 0, pad * s->shape.nx - size[0] + 1),
		      (int)rng_uniform(&r, 0, pad * s->shape.ny - size[1] + 1) };
	data_view_set(v, s->image, s->param, -1, &r);
	data_view_fill(nn_input(b->nn, 0) + pixels * (size_t)i * f->net->input[0].n_channel, v, at,
		       size);
	b->weight[i] = 1;
	precess_status st = data_view_truth(b->label + pixels * (size_t)i, v, s, at, size);
	data_view_encode(b->label + pixels * (size_t)i, v, pixels);
	return st;
}

static precess_status fill(void *context, struct train_batch *b)
{
	struct learn_feed *f = context;
	size_t size = 2 * (size_t)f->net->matrix[0] * (size_t)f->net->matrix[1];
	const struct data_sample *s = NULL;
	precess_status st = PRECESS_OK;
	for (int i = 0; i < b->n; i++) {
		uint64_t image = b->first + (uint64_t)i;
		TRY(f->file ? from_file(&s, f, image) : from_stream(&s, f, image));
		if (f->o.view) {
			TRY(fill_view(f, b, i, s));
			continue;
		}
		TRY(learn_fill(b->nn, i, f->extras, f->p, s));
		learn_planes(b->label + size * (size_t)i, s);
		b->weight[i] = s->largest > 0 ? (float)(1 / s->largest) : 1;
	}
out:
	return st;
}

precess_status learn_feed_create(struct learn_feed **out, const struct program *p,
				 const struct net *net, const struct learn_feed_options *o)
{
	struct learn_feed *f = calloc(1, sizeof *f);
	precess_status st;
	*out = NULL;
	if (!f)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	f->p = p;
	f->net = net;
	f->o = *o;
	if (!o->view)
		TRY(data_extras_create(&f->extras, net));
	TRY(o->data ? open_file(f) : open_stream(f));
	if (o->data && !o->object)
		f->object = learn_record(data_file_recipe(f->file), "object");
	if (!f->object)
		f->object = strdup(o->object ? o->object : "head");
	*out = f;
	f = NULL;
out:
	learn_feed_free(f);
	return st;
}

void learn_feed_free(struct learn_feed *f)
{
	if (!f)
		return;
	data_stream_free(f->stream);
	data_source_free(f->source);
	for (uint64_t i = 0; f->ring && i < f->n_ring; i++)
		data_sample_free(f->ring[i]);
	free(f->ring);
	if (f->file)
		data_file_free(f->file);
	data_sample_free(f->read);
	free(f->order);
	data_extras_free(f->extras);
	data_extras_free(f->engine_extras);
	free(f->object);
	free(f);
}

const char *learn_feed_object(const struct learn_feed *f)
{
	return f->object;
}

const char *learn_feed_backend(const struct learn_feed *f)
{
	return f->source ? data_source_backend(f->source) : "cpu";
}

struct train_source learn_feed_source(struct learn_feed *f)
{
	return (struct train_source){ .fill = fill, .context = f, .images_per_epoch = f->count };
}
