/* Samples ahead of need: threads make sample i into slot i modulo the number of slots, so the
 * order in which they come out is that of their numbers whatever the threads do. A thread takes
 * the next anatomy's worth of samples at a time: the anatomy is drawn once. On a device it takes as
 * many anatomies as fill a batch, and makes them together. */
#include "runtime/data/internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_LIMIT = 256 };

enum slot_state { EMPTY, MAKING, READY };
struct slot {
	enum slot_state state;
	uint64_t index;
	struct data_sample *sample;
	struct data_packed *packed;
};

struct data_stream {
	const struct data_source *source;
	uint64_t next_make, next_take, end; /* end: UINT64_MAX is none */
	bool pack, stop, held;              /* held: slot next_take - 1 is the caller's */
	precess_status status;              /* of the first failure */
	char why[512];
	struct slot *slot;
	int n_slot, n_thread;
	pthread_mutex_t lock;
	pthread_cond_t room, ready;
	pthread_t thread[THREADS_LIMIT];
};

static struct slot *slot_of(struct data_stream *s, uint64_t index)
{
	return &s->slot[index % (uint64_t)s->n_slot];
}

/* Samples that a thread takes at a time: those of an anatomy; on a device up to a batch. */
static uint64_t group_size(const struct data_source *s)
{
	uint64_t reuse = (uint64_t)s->recipe.reuse;

	if (!s->batches)
		return reuse;
	return reuse < SIM_BATCH ? SIM_BATCH / reuse * reuse : SIM_BATCH;
}

/* The next of them, as far as they are asked for. */
static bool take_group(struct data_stream *s, uint64_t *first, uint64_t *end)
{
	uint64_t size = group_size(s->source);

	pthread_mutex_lock(&s->lock);
	*first = s->next_make;
	*end = (*first / size + 1) * size;
	*end = *end < s->end ? *end : s->end;
	s->next_make = *end;
	pthread_mutex_unlock(&s->lock);
	return *first < *end;
}

static struct slot *wait_for_room(struct data_stream *s, uint64_t index)
{
	struct slot *to = slot_of(s, index);

	pthread_mutex_lock(&s->lock);
	while (!s->stop && !(to->state == EMPTY && index < s->next_take + (uint64_t)s->n_slot))
		pthread_cond_wait(&s->room, &s->lock);
	to = s->stop ? NULL : to;
	if (to) {
		to->state = MAKING;
		to->index = index;
	}
	pthread_mutex_unlock(&s->lock);
	return to;
}

static void finish_slot(struct data_stream *s, struct slot *to, precess_status st)
{
	pthread_mutex_lock(&s->lock);
	to->state = READY;
	if (st && !s->status) {
		s->status = st;
		snprintf(s->why, sizeof s->why, "%s", precess_error());
	}
	pthread_cond_broadcast(&s->ready);
	pthread_mutex_unlock(&s->lock);
}

static precess_status pack(struct data_stream *s, struct slot *to)
{
	if (!s->pack)
		return PRECESS_OK;
	data_packed_free(to->packed);
	to->packed = NULL;
	return data_pack(&to->packed, to->sample);
}

static void fail(struct data_stream *s, precess_status st)
{
	pthread_mutex_lock(&s->lock);
	if (!s->status) {
		s->status = st;
		snprintf(s->why, sizeof s->why, "%s", precess_error());
	}
	pthread_cond_broadcast(&s->ready);
	pthread_mutex_unlock(&s->lock);
}

/* Samples first ... first + n - 1; false where the stream was stopped. */
static bool make(precess_status *st, struct data_stream *s, struct data_maker *m, uint64_t first,
		 int n)
{
	struct data_sample *sample[SIM_BATCH];
	struct slot *to[SIM_BATCH];

	for (int i = 0; i < n; i++) {
		if (!(to[i] = wait_for_room(s, first + (uint64_t)i)))
			return false;
		sample[i] = to[i]->sample;
	}
	*st = data_make_some(sample, m, first, n);
	for (int i = 0; i < n; i++) {
		if (!*st)
			*st = pack(s, to[i]);
		finish_slot(s, to[i], *st);
	}
	return true;
}

static void *work(void *argument)
{
	struct data_stream *s = argument;
	struct data_maker *m;
	uint64_t first, end;
	precess_status st = data_maker_create(&m, s->source);

	if (st) {
		fail(s, st);
		return NULL;
	}
	while (!st && take_group(s, &first, &end)) {
		uint64_t step = s->source->batches ? end - first : 1;

		for (; !st && first < end; first += step)
			if (!make(&st, s, m, first, (int)step))
				goto out;
	}
out:
	data_maker_free(m);
	return NULL;
}

/* ------------------------------------------------------------------ the consumer's side */
static precess_status create(struct data_stream **out, const struct data_source *source,
			     const struct data_stream_options *o, bool pack)
{
	struct data_stream *s = calloc(1, sizeof *s);
	int threads = o->threads > 0 ? o->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (!s)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	threads = threads < 1 ? 1 : threads > THREADS_LIMIT ? THREADS_LIMIT : threads;
	s->source = source;
	s->pack = pack;
	s->next_make = s->next_take = o->first;
	s->end = o->count ? o->first + o->count : UINT64_MAX;
	/* A thread holds up to `reuse` numbers; with fewer slots the others would wait for it. */
	s->n_slot = o->ahead > 0 ? o->ahead : 2 * threads;
	if (s->n_slot < threads * (int)group_size(source) + 1)
		s->n_slot = threads * (int)group_size(source) + 1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->room, NULL);
	pthread_cond_init(&s->ready, NULL);
	s->slot = calloc((size_t)s->n_slot, sizeof *s->slot);
	if (!s->slot) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (int i = 0; i < s->n_slot; i++)
		TRY(data_sample_create(&s->slot[i].sample, &source->shape));
	for (; s->n_thread < threads; s->n_thread++) {
		if (pthread_create(&s->thread[s->n_thread], NULL, work, s)) {
			st = precess_fail(PRECESS_ENOMEM, "cannot start a thread");
			goto out;
		}
	}
	*out = s;
	s = NULL;
out:
	data_stream_free(s);
	return st;
}

precess_status data_stream_create(struct data_stream **out, const struct data_source *s,
				  const struct data_stream_options *o)
{
	return create(out, s, o, false);
}

precess_status data_stream_create_packed(struct data_stream **out, const struct data_source *s,
					 const struct data_stream_options *o)
{
	return create(out, s, o, true);
}

/* NULL at the end. */
static precess_status next(struct slot **out, struct data_stream *s)
{
	precess_status st = PRECESS_OK;

	*out = NULL;
	pthread_mutex_lock(&s->lock);
	if (s->held) {
		slot_of(s, s->next_take - 1)->state = EMPTY;
		s->held = false;
		pthread_cond_broadcast(&s->room);
	}
	if (s->next_take < s->end) {
		struct slot *from = slot_of(s, s->next_take);

		while (!s->status && !(from->state == READY && from->index == s->next_take))
			pthread_cond_wait(&s->ready, &s->lock);
		if (s->status) {
			st = precess_fail(s->status, "%s", s->why);
		} else {
			*out = from;
			s->next_take++;
			s->held = true;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

precess_status data_stream_next(const struct data_sample **out, struct data_stream *s)
{
	struct slot *from;
	precess_status st = next(&from, s);

	*out = from ? from->sample : NULL;
	return st;
}

precess_status data_stream_next_packed(const struct data_packed **out, struct data_stream *s)
{
	struct slot *from;
	precess_status st = next(&from, s);

	*out = from ? from->packed : NULL;
	return st;
}

void data_stream_free(struct data_stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < s->n_thread; i++)
		pthread_join(s->thread[i], NULL);
	for (int i = 0; s->slot && i < s->n_slot; i++) {
		data_sample_free(s->slot[i].sample);
		data_packed_free(s->slot[i].packed);
	}
	free(s->slot);
	pthread_cond_destroy(&s->room);
	pthread_cond_destroy(&s->ready);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
