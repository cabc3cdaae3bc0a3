/* Many draws through one schedule. Draws whose fixed tables are the same share launches, in chunks:
 * while the device works on one chunk, the next one's maps and numbers are filled in and copied, in
 * a queue of its own. One list serves all: they get as many terms as the most demanding draw. */
#include "runtime/sim/device_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* n draws that are alike, in chunks of `size`; a remainder is left. */
static precess_status run_chunks(const struct backend *b, struct device_item *const *x, uint32_t n,
				 uint32_t size)
{
	struct device_lane lane[BACKEND_QUEUES] = { { 0 } };
	uint32_t chunks = n / size;
	precess_status st = PRECESS_OK;

	for (uint32_t k = 0; k < chunks; k++) {
		struct device_lane *l = &lane[k % BACKEND_QUEUES];

		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted");
			goto out;
		}
		TRY(b->queue((int)(k % BACKEND_QUEUES)));
		TRY(device_lane_collect(l, b));
		if (!l->n)
			TRY(device_lane_open(l, b, x + k * size, size, size));
		TRY(device_lane_submit(l, b, x + k * size, size));
	}
	for (uint32_t k = chunks; k < chunks + BACKEND_QUEUES; k++) {
		TRY(b->queue((int)(k % BACKEND_QUEUES)));
		TRY(device_lane_collect(&lane[k % BACKEND_QUEUES], b));
	}
out:
	for (int i = 0; i < BACKEND_QUEUES; i++) {
		b->queue(i);
		if (st)
			b->sync(); /* nothing is to write into what is freed */
		device_lane_close(&lane[i], b);
	}
	b->queue(0);
	return st;
}

/* Smaller chunks where the memory of a device does not hold two of this size. */
static precess_status run_class(const struct backend *b, struct device_item *const *x, uint32_t n)
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
static precess_status run_ready(struct device_item *x, size_t n)
{
	struct device_item **like = calloc(n + 1, sizeof *like);
	precess_status st = PRECESS_OK;

	if (!like)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu draws", n);
	for (size_t i = 0; i < n && !st; i++) {
		uint32_t found = 0;

		for (size_t k = i; k < n && x[i].ready && !x[i].done; k++)
			if (x[k].ready && !x[k].done && device_items_alike(&x[i], &x[k]))
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
static precess_status prepare_all(struct device_item *x, const struct draw *const *d,
				  const struct maps *const *m, size_t n,
				  const struct sim_options *o)
{
	precess_status st = PRECESS_OK;
	int terms = 0;

	for (size_t i = 0; i < n && !st; i++) {
		st = device_item_open(&x[i], NULL, d[i], m[i], o);
		if (x[i].ready && x[i].p->series.terms > terms)
			terms = x[i].p->series.terms;
	}
	for (size_t i = 0; i < n && !st; i++)
		if (x[i].ready)
			st = device_item_tables(&x[i], terms);
	return st;
}

static precess_status finish(struct sim_result **out, struct device_item *x, const struct draw *d,
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
	struct device_item *x = calloc(n + 1, sizeof *x);
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
		device_item_erase(&x[i]);
	for (size_t i = 0; st && i < made; i++)
		sim_result_free(out[i]);
	free(x);
	return st;
}

/* ------------------------------------------------------------------ benchmark */
/* The launches of one lane again and again, by the device's clock. */
static precess_status time_launches(struct sim_device_times *out, struct device_item *x, uint32_t n,
				    int repeats)
{
	const struct backend *b = x->sim.backend;
	struct device_item **same = calloc(n, sizeof *same);
	struct device_lane lane = { 0 };
	double seconds, bytes = 0, flops = 0;
	precess_status st = PRECESS_OK;

	if (!same)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u draws", n);
	for (uint32_t i = 0; i < n; i++)
		same[i] = x;
	out->launched = INFINITY;
	TRY(b->queue(0));
	TRY(device_lane_open(&lane, b, same, n, n));
	TRY(device_lane_submit(&lane, b, same, n));
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
	device_lane_close(&lane, b);
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
	struct device_item x = { 0 };
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
	device_item_erase(&x);
	free(draws);
	free(maps);
	free(r);
	return st;
}
