/* Many draws through one schedule. Draws whose fixed tables are the same share launches, in chunks:
 * while the device works on one chunk, the next one's maps and numbers are filled in and copied, in
 * a queue of its own. A queue's memory, tables and recorded list serve all its chunks; only numbers
 * change. */
#include "runtime/sim/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One draw on its way. */
struct item {
	struct sim_plan sim;
	struct line_plan *p;
	struct device_tables *t; /* of each history */
	bool ready, done;        /* may go to the device; has its samples */
};

/* What a queue works with: chunks of `n` draws. */
struct lane {
	struct item *const *items; /* of the chunk on its way; NULL: idle */
	uint32_t n, n_history;
	struct device_history *h;
	struct device_results *r;
	void **recorded;
	void **tables;       /* page-locked, of each history */
	float *spins, *host; /* of the device; page-locked */
	size_t per_draw;     /* numbers of a draw's maps */
};

/* ------------------------------------------------------------------ draws */
static void erase_item(struct item *x)
{
	for (uint32_t h = 0; x->t && h < x->p->n_history; h++)
		device_tables_free(&x->t[h]);
	free(x->t);
	line_plan_free(x->p);
	sim_plan_erase(&x->sim);
}

/* Ready when every readout is a line, and its tables can be made. */
static precess_status open_item(struct item *x, const struct draw *d, const struct maps *m,
				const struct sim_options *o)
{
	precess_status st;

	if ((st = sim_plan_create(&x->sim, d, m, o)))
		return st;
	for (uint32_t r = 0; r < d->program->n_readout; r++)
		if (x->sim.method[r] != SIM_line)
			return PRECESS_OK;
	if (!x->sim.backend || (st = line_prepare(&x->p, &x->sim, o->method != SIM_line)))
		return st;
	x->ready = x->p->n_line > 0;
	return PRECESS_OK;
}

/* With as many terms as the most demanding draw: one list serves all. */
static precess_status make_tables(struct item *x, int terms)
{
	struct line_plan *p = x->p;
	double half = 0;
	precess_status st;

	for (uint32_t i = 0; i < p->n_shape; i++)
		half = fmax(half, p->shape[i].half);
	if (p->series.terms < terms)
		line_set_terms(&p->series, terms, half);
	if ((st = line_fourier_prepare(p)) || (p->n_train && (st = train_begin(p))))
		return st;
	x->t = calloc((size_t)p->n_history + 1, sizeof *x->t);
	p->weight = calloc((size_t)(p->blocks * p->parts) * p->n_piece + 1, sizeof *p->weight);
	if (!x->t || !p->weight)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u histories", p->n_history);
	for (uint32_t h = 0; h < p->n_history && !st; h++)
		st = device_tables_create(&x->t[h], p, &p->history[h]);
	x->ready = st != PRECESS_ENOTSUP;
	return st == PRECESS_ENOTSUP ? PRECESS_OK : st;
}

static bool alike(const struct item *a, const struct item *b)
{
	if (a->p->n_history != b->p->n_history || a->p->nx != b->p->nx || a->p->ny != b->p->ny)
		return false;
	for (uint32_t h = 0; h < a->p->n_history; h++)
		if (!device_tables_alike(&a->t[h], &b->t[h]))
			return false;
	return true;
}

/* ------------------------------------------------------------------ a lane */
static precess_status join(struct device_tables *t, struct item *const *x, uint32_t n, uint32_t h)
{
	struct device_tables *all = calloc(n, sizeof *all);
	precess_status st;

	if (!all)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u draws", n);
	for (uint32_t i = 0; i < n; i++)
		all[i] = x[i]->t[h];
	st = device_tables_join(t, all, n);
	free(all);
	return st;
}

static void lane_close(struct lane *l, const struct backend *b)
{
	for (uint32_t h = 0; h < l->n_history; h++) {
		if (l->recorded && l->recorded[h])
			b->forget(l->recorded[h]);
		if (l->tables && l->tables[h])
			b->host_release(l->tables[h]);
		if (l->r && l->h[h].b)
			device_results_free(&l->r[h], &l->h[h]);
		if (l->h && l->h[h].b)
			device_history_free(&l->h[h]);
	}
	if (l->spins)
		b->release(l->spins);
	if (l->host)
		b->host_release(l->host);
	free(l->h);
	free(l->r);
	free(l->recorded);
	free(l->tables);
	*l = (struct lane){ 0 };
}

static bool arrives(const struct bloch_schedule *s)
{
	return s->n_group || s->n_train || s->n_fan;
}

/* Everything but numbers. */
static precess_status lane_open(struct lane *l, const struct backend *b, struct item *const *x,
				uint32_t n)
{
	const struct line_plan *p = x[0]->p;
	size_t bytes;
	void *at = NULL;
	precess_status st;

	*l = (struct lane){ .n = n, .n_history = p->n_history };
	l->per_draw = BLOCH_MAPS * (size_t)p->nx * (size_t)p->ny;
	bytes = n * l->per_draw * sizeof(float);
	l->h = calloc(p->n_history, sizeof *l->h);
	l->r = calloc(p->n_history, sizeof *l->r);
	l->recorded = calloc(p->n_history, sizeof *l->recorded);
	l->tables = calloc(p->n_history, sizeof *l->tables);
	if (!l->h || !l->r || !l->recorded || !l->tables)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(b->alloc(&at, bytes));
	l->spins = at;
	TRY(b->host_alloc(&at, bytes));
	l->host = at;
	for (uint32_t h = 0; h < p->n_history; h++) {
		struct device_tables t;

		TRY(join(&t, x, n, h));
		TRY(device_history_create(&l->h[h], b, &t, l->spins));
		if (!arrives(&l->h[h].t.s))
			continue;
		if (n >= DEVICE_CHUNK)
			device_specialise(&l->h[h], &x[0]->sim.report);
		TRY(b->host_alloc(&l->tables[h], l->h[h].t.size));
		TRY(device_results_create(&l->r[h], &l->h[h]));
		TRY(b->record(&l->recorded[h], l->h[h].launch, l->h[h].n_launch, &l->h[h].m,
			      &l->h[h].s));
	}
out:
	return st;
}

/* Numbers and maps of a chunk, its launches, its results: all in the lane's queue. */
static precess_status lane_submit(struct lane *l, const struct backend *b, struct item *const *x)
{
	precess_status st;

	for (uint32_t i = 0; i < l->n; i++)
		device_spins(l->host + i * l->per_draw, x[i]->p);
	TRY(b->upload(l->spins, l->host, l->n * l->per_draw * sizeof(float)));
	for (uint32_t h = 0; h < l->n_history; h++) {
		struct device_tables t;

		if (!l->recorded[h])
			continue;
		TRY(join(&t, x, l->n, h));
		memcpy(l->tables[h], t.data, t.size);
		device_tables_free(&t);
		TRY(b->upload(l->h[h].tables, l->tables[h], l->h[h].t.size));
		TRY(b->replay(l->recorded[h]));
		TRY(device_fetch(&l->r[h], &l->h[h]));
	}
	l->items = x;
out:
	return st;
}

static precess_status lane_collect(struct lane *l, const struct backend *b)
{
	precess_status st;

	if (!l->items)
		return PRECESS_OK;
	if ((st = b->sync()))
		return st;
	for (uint32_t i = 0; i < l->n; i++) {
		struct item *x = l->items[i];

		for (uint32_t h = 0; h < l->n_history; h++) {
			x->p->history[h].elsewhere = true;
			if (l->recorded[h])
				device_put(x->p, &x->p->history[h], &l->h[h], &l->r[h], i);
		}
		x->done = true;
	}
	l->items = NULL;
	return PRECESS_OK;
}

/* n draws that are alike, in chunks of `size`; a remainder is left. */
static precess_status run_chunks(const struct backend *b, struct item *const *x, uint32_t n,
				 uint32_t size)
{
	struct lane lane[BACKEND_QUEUES] = { { 0 } };
	uint32_t chunks = n / size;
	precess_status st = PRECESS_OK;

	for (uint32_t k = 0; k < chunks; k++) {
		struct lane *l = &lane[k % BACKEND_QUEUES];

		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted");
			goto out;
		}
		TRY(b->queue((int)(k % BACKEND_QUEUES)));
		TRY(lane_collect(l, b));
		if (!l->n)
			TRY(lane_open(l, b, x + k * size, size));
		TRY(lane_submit(l, b, x + k * size));
	}
	for (uint32_t k = chunks; k < chunks + BACKEND_QUEUES; k++) {
		TRY(b->queue((int)(k % BACKEND_QUEUES)));
		TRY(lane_collect(&lane[k % BACKEND_QUEUES], b));
	}
out:
	for (int i = 0; i < BACKEND_QUEUES; i++) {
		b->queue(i);
		if (st)
			b->sync(); /* nothing is to write into what is freed */
		lane_close(&lane[i], b);
	}
	b->queue(0);
	return st;
}

/* Smaller chunks where the memory of a device does not hold two of this size. */
static precess_status run_class(const struct backend *b, struct item *const *x, uint32_t n)
{
	uint32_t size = n < DEVICE_CHUNK ? n : DEVICE_CHUNK;
	precess_status st;

	for (;;) {
		st = run_chunks(b, x, n, size);
		if (!st && n % size)
			st = run_chunks(b, x + n - n % size, n % size, n % size);
		if (st != PRECESS_ENOMEM || size == 1)
			return st ? backend_failed(b, st, "batch") : PRECESS_OK;
		size /= 2;
	}
}

/* Classes of draws that are alike, one after another. */
static precess_status run_ready(struct item *x, size_t n)
{
	struct item **like = calloc(n + 1, sizeof *like);
	precess_status st = PRECESS_OK;

	if (!like)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu draws", n);
	for (size_t i = 0; i < n && !st; i++) {
		uint32_t found = 0;

		for (size_t k = i; k < n && x[i].ready && !x[i].done; k++)
			if (x[k].ready && !x[k].done && alike(&x[i], &x[k]))
				like[found++] = &x[k];
		if (found)
			st = run_class(x[i].sim.backend, like, found);
		if (st ==
		    PRECESS_ENOTSUP) { /* one by one, the histories that no device takes here */
			for (uint32_t k = 0; k < found; k++)
				like[k]->ready = false;
			st = PRECESS_OK;
		}
	}
	free(like);
	return st;
}

/* ------------------------------------------------------------------ all */
static precess_status prepare_all(struct item *x, const struct draw *const *d,
				  const struct maps *const *m, size_t n,
				  const struct sim_options *o)
{
	precess_status st = PRECESS_OK;
	int terms = 0;

	for (size_t i = 0; i < n && !st; i++) {
		st = open_item(&x[i], d[i], m[i], o);
		if (x[i].ready && x[i].p->series.terms > terms)
			terms = x[i].p->series.terms;
	}
	for (size_t i = 0; i < n && !st; i++)
		if (x[i].ready)
			st = make_tables(&x[i], terms);
	return st;
}

static precess_status finish(struct sim_result **out, struct item *x, const struct draw *d,
			     const struct maps *m, const struct sim_options *o, double seconds)
{
	precess_status st;

	/* alone, a draw is tried again with more terms, or by other methods */
	if (!x->done || (!line_settle(x->p) && o->method == SIM_auto))
		return sim_run(out, d, m, o);
	if (!(st = sim_plan_result(out, &x->sim)))
		(*out)->seconds = seconds;
	return st;
}

precess_status sim_run_batch(struct sim_result **out, const struct draw *const *d,
			     const struct maps *const *m, size_t n,
			     const struct sim_options *options)
{
	struct item *x = calloc(n + 1, sizeof *x);
	double begun = clock_seconds();
	size_t made = 0;
	precess_status st;

	if (!x)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu draws", n);
	if (options->device && strcmp(options->device, "cpu")) {
		TRY(prepare_all(x, d, m, n, options));
		TRY(run_ready(x, n));
	}
	for (; made < n; made++)
		TRY(finish(&out[made], &x[made], d[made], m[made], options,
			   (clock_seconds() - begun) / (double)n));
out:
	for (size_t i = 0; i < n; i++)
		erase_item(&x[i]);
	for (size_t i = 0; st && i < made; i++)
		sim_result_free(out[i]);
	free(x);
	return st;
}

/* ------------------------------------------------------------------ benchmark */
/* The launches of one lane again and again, by the device's clock. */
static precess_status time_launches(struct sim_device_times *out, struct item *x, uint32_t n,
				    int repeats)
{
	const struct backend *b = x->sim.backend;
	struct item **same = calloc(n, sizeof *same);
	struct lane lane = { 0 };
	double seconds, bytes = 0, flops = 0;
	precess_status st = PRECESS_OK;

	if (!same)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u draws", n);
	for (uint32_t i = 0; i < n; i++)
		same[i] = x;
	out->launched = INFINITY;
	TRY(b->queue(0));
	TRY(lane_open(&lane, b, same, n));
	TRY(lane_submit(&lane, b, same));
	TRY(b->sync());
	for (int i = 0; i < repeats; i++) {
		TRY(b->timer(&seconds, 1));
		for (uint32_t h = 0; h < lane.n_history; h++)
			if (lane.recorded[h])
				TRY(b->replay(lane.recorded[h]));
		TRY(b->timer(&seconds, 0));
		out->launched = fmin(out->launched, seconds / n);
	}
	for (uint32_t h = 0; h < lane.n_history; h++)
		for (uint32_t i = 0; i < lane.h[h].n_launch; i++, out->launches++) {
			bytes += lane.h[h].launch[i].bytes;
			flops += lane.h[h].launch[i].flops;
		}
	out->bytes = bytes / n / out->launched;
	out->flops = flops / n / out->launched;
out:
	lane_close(&lane, b);
	free(same);
	return st;
}

precess_status bench_device(struct sim_device_times *out, const struct draw *d,
			    const struct maps *m, const struct sim_options *options, int batch,
			    int repeats)
{
	size_t n = (size_t)batch;
	const struct draw **draws = calloc(n, sizeof *draws);
	const struct maps **maps = calloc(n, sizeof *maps);
	struct sim_result **r = calloc(n, sizeof(struct sim_result *));
	struct item x = { 0 };
	precess_status st = PRECESS_OK;

	*out = (struct sim_device_times){ .batch = batch, .all = INFINITY };
	if (!draws || !maps || !r) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d draws", batch);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		draws[i] = d;
		maps[i] = m;
	}
	TRY(prepare_all(&x, &d, &m, 1, options));
	if (!x.sim.backend || !x.ready) {
		st = precess_fail(
			PRECESS_ENOTSUP, "%s is no batch of a device: %s", d->program->name,
			x.sim.backend ? "not every readout is a line" : "it runs on the processor");
		goto out;
	}
	TRY(time_launches(out, &x, (uint32_t)n, repeats));
	for (int i = 0; i < repeats; i++) {
		double begun = clock_seconds();

		TRY(sim_run_batch(r, draws, maps, n, options));
		out->all = fmin(out->all, (clock_seconds() - begun) / batch);
		out->bound = r[0]->bound;
		snprintf(out->device, sizeof out->device, "%s", r[0]->device);
		snprintf(out->method, sizeof out->method, "%s",
			 sim_method_name(r[0]->used[SIM_train] ? SIM_train : SIM_line));
		for (size_t k = 0; k < n; k++)
			sim_result_free(r[k]);
	}
	if (x.sim.backend->ceilings(&out->most_bytes, &out->most_flops))
		out->most_bytes = out->most_flops = 0;
out:
	erase_item(&x);
	free(draws);
	free(maps);
	free(r);
	return st;
}
