/* Batches from many threads. The caller's thread makes the tables of its draws, hands chunks of
 * draws that are alike to the device's thread, and makes results of what comes back. The device's thread
 * alone talks to the device: it fills one queue while the other computes, and keeps lanes for the
 * schedules that it saw last.
 *
 * A chunk always has SIM_BATCH draws, empty ones among them, and each draw its own number of terms:
 * kernels, their geometry and the order of sums do not depend on the company. */
#include "runtime/sim/device_lane.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Lanes of a queue: random draws come with a few schedules, as their fields ask for. */
enum { LANES = 4 };

/* A chunk on its way. */
struct chunk {
	struct device_item *x[SIM_BATCH];
	uint32_t n;
	bool back;
	precess_status st;
	char why[256];
	struct chunk *next;
};

/* A lane, and the fixed tables that it is for. */
struct kept {
	struct device_lane lane;
	struct device_tables *key;
	uint64_t used; /* when last; 0: there is none */
};

struct sim_batches {
	const struct backend *b;
	int device;
	char name[64], describe[96];
	struct kept kept[BACKEND_QUEUES][LANES];
	uint64_t clock;
	struct chunk *first, *last; /* waiting */
	bool stop;
	pthread_mutex_t lock;
	pthread_cond_t work, back;
	pthread_t thread;
};

/* ------------------------------------------------------------------ the device's thread: lanes */
static void forget(struct sim_batches *s, struct kept *k)
{
	for (uint32_t h = 0; k->key && h < k->lane.n_history; h++)
		device_tables_free(&k->key[h]);
	free(k->key);
	device_lane_close(&k->lane, s->b);
	*k = (struct kept){ .used = 0 };
}

static bool fits(const struct kept *k, const struct device_item *x)
{
	if (!k->used || k->lane.n_history != x->p->n_history)
		return false;
	for (uint32_t h = 0; h < x->p->n_history; h++)
		if (!device_tables_alike(&k->key[h], &x->t[h]))
			return false;
	return true;
}

static precess_status keep(struct sim_batches *s, struct kept *k, const struct chunk *c)
{
	uint32_t n = c->x[0]->p->n_history;
	precess_status st;

	TRY(device_lane_open(&k->lane, s->b, c->x, c->n, SIM_BATCH));
	k->key = calloc((size_t)n + 1, sizeof *k->key);
	if (!k->key)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t h = 0; h < n; h++)
		TRY(device_tables_join(&k->key[h], &c->x[0]->t[h], 1));
out:
	return st;
}

/* In place of the one not used for longest, where there is none like these. */
static precess_status find_lane(struct kept **out, struct sim_batches *s, int queue,
				const struct chunk *c)
{
	struct kept *all = s->kept[queue], *oldest = all;
	precess_status st = PRECESS_OK;

	for (int i = 0; i < LANES; i++) {
		*out = &all[i];
		if (fits(*out, c->x[0]))
			goto out;
		oldest = all[i].used < oldest->used ? &all[i] : oldest;
	}
	*out = oldest;
	forget(s, oldest);
	if ((st = keep(s, oldest, c)))
		forget(s, oldest);
out:
	(*out)->used = st ? 0 : ++s->clock;
	return st;
}

static void forget_all(struct sim_batches *s)
{
	for (int q = 0; q < BACKEND_QUEUES; q++) {
		s->b->queue(q);
		s->b->sync(); /* nothing is to write into what is freed */
		for (int i = 0; i < LANES; i++)
			forget(s, &s->kept[q][i]);
	}
}

/* ------------------------------------------------------------------ the device's thread: chunks */
struct flight {
	struct chunk *c;
	struct kept *k;
};

static void give_back(struct sim_batches *s, struct chunk *c, precess_status st)
{
	pthread_mutex_lock(&s->lock);
	c->st = st;
	if (st)
		snprintf(c->why, sizeof c->why, "%s", s->b->error());
	c->back = true;
	pthread_cond_broadcast(&s->back);
	pthread_mutex_unlock(&s->lock);
}

static void land(struct sim_batches *s, struct flight *f, int queue)
{
	if (!f->c)
		return;
	s->b->queue(queue);
	give_back(s, f->c, device_lane_collect(&f->k->lane, s->b));
	f->c = NULL;
}

static precess_status submit(struct sim_batches *s, struct flight *f, int queue, struct chunk *c)
{
	precess_status st;

	s->b->queue(queue);
	TRY(find_lane(&f->k, s, queue, c));
	TRY(device_lane_submit(&f->k->lane, s->b, c->x, c->n));
	f->c = c;
out:
	return st;
}

/* Once more with all memory, where it did not suffice beside other lanes. */
static void start(struct sim_batches *s, struct flight f[BACKEND_QUEUES], int queue,
		  struct chunk *c)
{
	precess_status st = submit(s, &f[queue], queue, c);

	if (!st)
		return;
	for (int q = 0; q < BACKEND_QUEUES; q++)
		land(s, &f[q], q);
	forget_all(s);
	if (st == PRECESS_ENOMEM)
		st = submit(s, &f[queue], queue, c);
	if (st)
		give_back(s, c, st);
}

static struct chunk *take(struct sim_batches *s, bool wait, bool *stop)
{
	struct chunk *c;

	pthread_mutex_lock(&s->lock);
	while (wait && !s->first && !s->stop)
		pthread_cond_wait(&s->work, &s->lock);
	c = s->first;
	if (c)
		s->first = c->next;
	*stop = !c && s->stop;
	pthread_mutex_unlock(&s->lock);
	return c;
}

static void *serve(void *argument)
{
	struct sim_batches *s = argument;
	struct flight f[BACKEND_QUEUES] = { { NULL, NULL } };
	bool stop = false;

	s->b->select(s->device); /* a failure comes back with the first call that matters */
	for (int q = 0; !stop; q = (q + 1) % BACKEND_QUEUES) {
		bool idle = true;
		struct chunk *c;

		for (int i = 0; i < BACKEND_QUEUES; i++)
			idle &= !f[i].c;
		c = take(s, idle, &stop);
		land(s, &f[q], q);
		if (c)
			start(s, f, q, c);
	}
	for (int q = 0; q < BACKEND_QUEUES; q++)
		land(s, &f[q], q);
	forget_all(s);
	return NULL;
}

/* ------------------------------------------------------------------ the callers' threads */
static void send(struct sim_batches *s, struct chunk *c)
{
	pthread_mutex_lock(&s->lock);
	c->next = NULL;
	if (s->first)
		s->last->next = c;
	else
		s->first = c;
	s->last = c;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

/* The first of those that wait, and what is like it. */
static void fill(struct chunk *c, struct device_item *x, size_t n)
{
	c->n = 0;
	for (size_t i = 0; i < n && c->n < SIM_BATCH; i++)
		if (x[i].ready && !x[i].done && !x[i].sent &&
		    (!c->n || device_items_alike(c->x[0], &x[i]))) {
			x[i].sent = true;
			c->x[c->n++] = &x[i];
		}
}

/* All that are ready, through the device once. */
static precess_status run_once(struct sim_batches *s, struct device_item *x, size_t n)
{
	struct chunk *c = calloc(n + 1, sizeof *c);
	precess_status st = PRECESS_OK;
	size_t sent = 0;

	if (!c)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu draws", n);
	for (size_t i = 0; i < n; i++)
		x[i].sent = false;
	for (fill(&c[0], x, n); c[sent].n; fill(&c[sent], x, n))
		send(s, &c[sent++]);
	for (size_t i = 0; i < sent; i++) {
		pthread_mutex_lock(&s->lock);
		while (!c[i].back)
			pthread_cond_wait(&s->back, &s->lock);
		pthread_mutex_unlock(&s->lock);
		if (c[i].st == PRECESS_ENOTSUP) /* no device that we know takes these launches */
			for (uint32_t k = 0; k < c[i].n; k++)
				c[i].x[k]->ready = false;
		else if (c[i].st && !st)
			st = precess_fail(c[i].st, "%s: %s", s->describe, c[i].why);
	}
	free(c);
	return st;
}

/* As the processor does it: what misses the tolerance goes again, with more terms. */
static precess_status run_all(struct sim_batches *s, struct device_item *x, size_t n)
{
	precess_status st = PRECESS_OK;
	bool again = true;

	for (int attempt = 1; again; attempt++) {
		TRY(run_once(s, x, n));
		again = false;
		for (size_t i = 0; i < n && attempt < LINE_ATTEMPTS; i++) {
			if (!x[i].ready || !x[i].sent || !line_improve(x[i].p))
				continue;
			x[i].done = false;
			TRY(device_item_tables(&x[i], 0));
			again |= x[i].ready;
		}
	}
out:
	return st;
}

precess_status sim_batches_run(struct sim_result **out, struct sim_batches *s,
			       const struct draw *const *d, const struct maps *const *m, size_t n,
			       const struct sim_options *options)
{
	struct device_item *x = calloc(n + 1, sizeof *x);
	struct sim_options o = *options;
	double begun = clock_seconds();
	precess_status st = PRECESS_OK;

	o.device = NULL;
	o.method = SIM_auto;
	if (!x)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu draws", n);
	for (size_t i = 0; i < n; i++)
		out[i] = NULL;
	for (size_t i = 0; i < n; i++) {
		TRY(device_item_open(&x[i], s->b, d[i], m[i], &o));
		snprintf(x[i].sim.device, sizeof x[i].sim.device, "%s", s->describe);
		if (x[i].ready)
			TRY(device_item_tables(&x[i], 0));
	}
	TRY(run_all(s, x, n));
	for (size_t i = 0; i < n; i++) {
		if (!x[i].done || !line_settle(x[i].p))
			continue;
		TRY(sim_plan_result(&out[i], &x[i].sim));
		out[i]->seconds = (clock_seconds() - begun) / (double)n;
	}
out:
	for (size_t i = 0; i < n; i++) {
		device_item_erase(&x[i]);
		if (st && out[i]) {
			sim_result_free(out[i]);
			out[i] = NULL;
		}
	}
	free(x);
	return st;
}

/* ------------------------------------------------------------------ making and freeing */
precess_status sim_batches_create(struct sim_batches **out, const char *device)
{
	const char *colon = device ? strchr(device, ':') : NULL;
	const struct backend *b;
	struct sim_batches *s;
	struct text why;
	precess_status st;
	int arch;

	*out = NULL;
	text_init(&why);
	if ((st = backend_open(&b, &why, device)) || !b)
		goto out;
	s = calloc(1, sizeof *s);
	if (!s) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	s->b = b;
	s->device = colon ? atoi(colon + 1) : 0;
	arch = b->architecture();
	snprintf(s->describe, sizeof s->describe, "%s", why.data);
	snprintf(s->name, sizeof s->name, arch ? "%s %d" : "%s", b->name, arch);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->back, NULL);
	if (pthread_create(&s->thread, NULL, serve, s)) {
		free(s);
		st = precess_fail(PRECESS_ENOMEM, "cannot start a thread");
		goto out;
	}
	*out = s;
out:
	text_free(&why);
	return st;
}

const char *sim_batches_backend(const struct sim_batches *s)
{
	return s->name;
}

void sim_batches_free(struct sim_batches *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->back);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
