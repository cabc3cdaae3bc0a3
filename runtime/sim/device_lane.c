/* Draws on their way through a device, and what a queue keeps for them: memory, tables and recorded
 * lists that serve one chunk after another; only numbers change. */
#include "runtime/sim/device_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ draws */
static void free_tables(struct device_item *x)
{
	for (uint32_t h = 0; x->t && h < x->p->n_history; h++)
		device_tables_free(&x->t[h]);
	free(x->t);
	x->t = NULL;
}

void device_item_erase(struct device_item *x)
{
	free_tables(x);
	line_plan_free(x->p);
	sim_plan_erase(&x->sim);
}

precess_status device_item_open(struct device_item *x, const struct backend *b,
				const struct draw *d, const struct maps *m,
				const struct sim_options *o)
{
	precess_status st;

	if ((st = sim_plan_create(&x->sim, d, m, o)))
		return st;
	if (b)
		x->sim.backend = b;
	for (uint32_t r = 0; r < d->program->n_readout; r++)
		if (x->sim.method[r] != SIM_line)
			return PRECESS_OK;
	if (!x->sim.backend || (st = line_prepare(&x->p, &x->sim, o->method != SIM_line)))
		return st;
	x->ready = x->p->n_line > 0;
	return PRECESS_OK;
}

precess_status device_item_tables(struct device_item *x, int terms)
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
	free_tables(x);
	free(p->weight);
	x->t = calloc((size_t)p->n_history + 1, sizeof *x->t);
	p->weight = calloc((size_t)(p->blocks * p->parts) * p->n_piece + 1, sizeof *p->weight);
	if (!x->t || !p->weight)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u histories", p->n_history);
	for (uint32_t h = 0; h < p->n_history && !st; h++)
		st = device_tables_create(&x->t[h], p, &p->history[h]);
	x->ready = st != PRECESS_ENOTSUP;
	return st == PRECESS_ENOTSUP ? PRECESS_OK : st;
}

bool device_items_alike(const struct device_item *a, const struct device_item *b)
{
	if (a->p->n_history != b->p->n_history || a->p->nx != b->p->nx || a->p->ny != b->p->ny)
		return false;
	for (uint32_t h = 0; h < a->p->n_history; h++)
		if (!device_tables_alike(&a->t[h], &b->t[h]))
			return false;
	return true;
}

/* ------------------------------------------------------------------ a lane */
/* Of n draws, the last one again and again to make it `wanted`. */
static precess_status join(struct device_tables *t, struct device_item *const *x, uint32_t n,
			   uint32_t wanted, uint32_t h)
{
	struct device_tables *all = calloc(wanted, sizeof *all);
	precess_status st;

	if (!all)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u draws", wanted);
	for (uint32_t i = 0; i < wanted; i++)
		all[i] = x[i < n ? i : n - 1]->t[h];
	st = device_tables_join(t, all, wanted);
	free(all);
	return st;
}

void device_lane_close(struct device_lane *l, const struct backend *b)
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
	*l = (struct device_lane){ 0 };
}

static bool arrives(const struct bloch_schedule *s)
{
	return s->n_group || s->n_train || s->n_fan;
}

precess_status device_lane_open(struct device_lane *l, const struct backend *b,
				struct device_item *const *x, uint32_t n, uint32_t room)
{
	const struct line_plan *p = x[0]->p;
	size_t bytes;
	void *at = NULL;
	precess_status st;

	*l = (struct device_lane){ .n = room, .n_history = p->n_history };
	l->per_draw = BLOCH_MAPS * (size_t)p->nx * (size_t)p->ny;
	l->per_coils = 2 * (size_t)p->sim->maps->n_coil * (size_t)p->nx * (size_t)p->ny;
	bytes = room * (l->per_draw + l->per_coils) * sizeof(float);
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

		TRY(join(&t, x, n, room, h));
		TRY(device_history_create(&l->h[h], b, &t, l->spins));
		if (!arrives(&l->h[h].t.s))
			continue;
		if (room >= DEVICE_CHUNK)
			device_specialise(&l->h[h], &x[0]->sim.report);
		TRY(b->host_alloc(&l->tables[h], l->h[h].t.size));
		TRY(device_results_create(&l->r[h], &l->h[h]));
		TRY(b->record(&l->recorded[h], l->h[h].launch, l->h[h].n_launch, &l->h[h].m,
			      &l->h[h].s));
	}
out:
	return st;
}

static precess_status upload_spins(struct device_lane *l, const struct backend *b,
				   struct device_item *const *x, uint32_t n)
{
	size_t plane = l->per_draw / BLOCH_MAPS * sizeof(float), coils = l->n * l->per_draw;
	precess_status st;

	for (uint32_t i = 0; i < n; i++) {
		device_spins(l->host + i * l->per_draw, x[i]->p);
		device_coils(l->host + coils + i * l->per_coils, x[i]->p);
	}
	st = b->upload(l->spins, l->host, n * l->per_draw * sizeof(float));
	if (!st && l->per_coils)
		st = b->upload(l->spins + coils, l->host + coils,
			       n * l->per_coils * sizeof(float));
	for (uint32_t i = n; i < l->n && !st; i++) {
		memset(l->host + i * l->per_draw, 0, plane); /* M0, the first map */
		st = b->upload(l->spins + i * l->per_draw, l->host + i * l->per_draw, plane);
	}
	return st;
}

precess_status device_lane_submit(struct device_lane *l, const struct backend *b,
				  struct device_item *const *x, uint32_t n)
{
	precess_status st;

	TRY(upload_spins(l, b, x, n));
	for (uint32_t h = 0; h < l->n_history; h++) {
		struct device_tables t;

		if (!l->recorded[h])
			continue;
		TRY(join(&t, x, n, l->n, h));
		memcpy(l->tables[h], t.data, t.size);
		device_tables_free(&t);
		TRY(b->upload(l->h[h].tables, l->tables[h], l->h[h].t.size));
		TRY(b->replay(l->recorded[h]));
		TRY(device_fetch(&l->r[h], &l->h[h]));
	}
	l->items = x;
	l->used = n;
out:
	return st;
}

precess_status device_lane_collect(struct device_lane *l, const struct backend *b)
{
	precess_status st;

	if (!l->items)
		return PRECESS_OK;
	if ((st = b->sync()))
		return st;
	for (uint32_t i = 0; i < l->used; i++) {
		struct device_item *x = l->items[i];

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
