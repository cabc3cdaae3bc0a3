/* The launch list of each history, and what comes back. Maps are uploaded once; everything between
 * them and the samples stays on the device. */
#include "runtime/sim/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ a history */
static precess_status memory_create(struct bloch_memory *m, const struct backend *b,
				    const struct bloch_schedule *s)
{
	struct backend_sizes size = backend_measure(s);
	precess_status st = PRECESS_OK;

	size.spins = 0;
#define MEMORY(type, name)                     \
	if (!st && size.name) {                \
		void *at = NULL;               \
                                               \
		st = b->alloc(&at, size.name); \
		m->name = at;                  \
	}
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
	return st;
}

precess_status device_history_create(struct device_history *h, const struct backend *b,
				     struct device_tables *t, float *spins)
{
	struct bloch_schedule here = device_tables_move(t, t->data);
	precess_status st;

	*h = (struct device_history){ .b = b, .t = *t };
	*t = (struct device_tables){ 0 };
	if ((st = backend_plan(&h->launch, &h->n_launch, &here)))
		return st;
	if ((st = memory_create(&h->m, b, &here)) || (st = b->alloc(&h->tables, h->t.size)) ||
	    (st = b->upload(h->tables, h->t.data, h->t.size)))
		return backend_failed(b, st, "history");
	h->m.spins = spins;
	h->s = device_tables_move(&h->t, h->tables);
	return PRECESS_OK;
}

void device_specialise(struct device_history *h, struct text *why)
{
	struct bloch_schedule here = device_tables_move(&h->t, h->t.data);
	const char *wanted = getenv("PRECESS_SPECIAL");
	int arch = h->b->architecture();
	struct text source;
	void *binary;
	size_t n;

	if (!arch || (wanted && !strcmp(wanted, "0")) || !backend_special_pays(&here))
		return;
	text_init(&source);
	backend_special_source(&source, &here);
	if (backend_compile(&binary, &n, source.data, arch)) {
		text_printf(why, "device: %s\n", precess_error());
	} else {
		if (h->b->load(&h->special, binary, "state"))
			text_printf(why, "device: %s\n", h->b->error());
		free(binary);
	}
	for (uint32_t i = 0; i < h->n_launch; i++)
		if (h->launch[i].op == BACKEND_OP_state)
			h->launch[i].special = h->special;
	text_free(&source);
}

void device_history_free(struct device_history *h)
{
	if (h->special)
		h->b->unload(h->special);
	h->m.spins = NULL;
#define MEMORY(type, name) \
	if (h->m.name)     \
		h->b->release(h->m.name);
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
	if (h->tables)
		h->b->release(h->tables);
	free(h->launch);
	device_tables_free(&h->t);
	*h = (struct device_history){ 0 };
}

/* ------------------------------------------------------------------ results */
precess_status device_results_create(struct device_results *r, const struct device_history *h)
{
	struct backend_sizes size;
	struct bloch_schedule here = device_tables_move(&h->t, h->t.data);
	void *at[3] = { NULL };
	precess_status st;

	*r = (struct device_results){ 0 };
	size = backend_measure(&here);
	TRY(h->b->host_alloc(&at[0], size.signal));
	TRY(h->b->host_alloc(&at[1], size.weight));
	TRY(h->b->host_alloc(&at[2], size.total));
out:
	r->signal = at[0];
	r->weight = at[1];
	r->total = at[2];
	return st;
}

void device_results_free(struct device_results *r, const struct device_history *h)
{
	if (r->signal)
		h->b->host_release(r->signal);
	if (r->weight)
		h->b->host_release(r->weight);
	if (r->total)
		h->b->host_release(r->total);
	*r = (struct device_results){ 0 };
}

precess_status device_fetch(struct device_results *r, const struct device_history *h)
{
	struct bloch_schedule here = device_tables_move(&h->t, h->t.data);
	struct backend_sizes size = backend_measure(&here);
	precess_status st;

	TRY(h->b->download(r->signal, h->m.signal, size.signal));
	if (h->m.weight && here.n_group)
		TRY(h->b->download(r->weight, h->m.weight, size.weight));
	if (h->m.total)
		TRY(h->b->download(r->total, h->m.total, size.total));
out:
	return st;
}

static void put_line(struct line_plan *p, const struct line_line *l,
		     const struct spin_complex *from)
{
	const struct program *prog = p->sim->draw->program;
	uint32_t event = prog->readout[l->readout].event;
	double *to = p->sim->signal + 2 * ((size_t)l->coil * prog->n_sample +
					   prog->event[event].first_sample);

	for (uint32_t k = 0; k < p->shape[l->shape].n; k++) {
		to[2 * k] = from ? (double)from[k].re : 0;
		to[2 * k + 1] = from ? (double)from[k].im : 0;
	}
}

/* |weight| of a piece of groups; of a fan it is not known, but not above M0. */
static void put_weights(struct line_plan *p, const struct line_history *h,
			const struct bloch_schedule *s, const float *from)
{
	size_t n = (size_t)s->parts * (size_t)s->nx;

	for (uint32_t i = 0; i < s->n_group; i++) {
		double sum = 0;

		if (s->group[i].piece < 0)
			continue;
		for (size_t k = 0; k < n; k++)
			sum += (double)from[(size_t)s->group[i].piece * n + k];
		p->weight[h->first_piece + (uint32_t)s->group[i].piece] = sum;
	}
	for (uint32_t i = 0; i < s->n_fan; i++) {
		p->weight[h->first_piece + (uint32_t)s->fan[i].piece] = p->mean_m0 * p->nx * p->ny;
		p->piece[h->first_piece + (uint32_t)s->fan[i].piece].fan = true;
	}
}

static void put_totals(struct line_plan *p, const struct line_history *h,
		       const struct bloch_schedule *s, const float *from)
{
	size_t nx = (size_t)s->nx;

	for (uint32_t i = 0; i < p->n_train; i++) {
		uint32_t piece = p->train[i].piece;

		if (piece - h->first_piece >= h->n_piece || p->view[p->piece[piece].view].dark)
			continue;
		struct cpu_landed *to = &p->choice.landed[i];

		*to = (struct cpu_landed){ 0 };
		for (uint32_t g = 0; g < s->rates; g++, from += 3 * nx)
			for (size_t k = 0; k < nx; k++) {
				to->wrong += (double)from[k];
				to->sum += (double)from[nx + k];
				to->dropped += (double)from[2 * nx + k];
			}
	}
}

void device_put(struct line_plan *p, const struct line_history *h, const struct device_history *d,
		const struct device_results *r, uint32_t draw)
{
	struct bloch_schedule s = device_tables_move(&d->t, d->t.data);
	size_t weights = (size_t)s.n_piece * s.parts * (size_t)s.nx;

	for (uint32_t i = 0; i < s.n_line; i++) {
		const struct spin_complex *from = r->signal +
						  ((size_t)draw * s.n_line + i) * s.n_sample;

		put_line(p, &p->line[h->first_line + i],
			 s.line[i].maker == BLOCH_DARK ? NULL : from);
	}
	put_weights(p, h, &s, r->weight + draw * weights);
	if (s.n_train)
		put_totals(p, h, &s,
			   r->total + (size_t)draw * s.n_train * s.rates * 3 * (size_t)s.nx);
	p->steps = fmax(p->steps, d->t.steps);
	p->fan_error = fmax(p->fan_error, d->t.fan_error);
}

/* ------------------------------------------------------------------ one draw */
/* Up to the views, then the rest: each is told apart in the report. */
precess_status device_run(struct sim_plan *sim, const struct device_history *h)
{
	double begun = clock_seconds(), middle = begun;
	uint32_t first = 0;
	precess_status st;

	while (first < h->n_launch && h->launch[first].op <= BACKEND_OP_state)
		first++;
	TRY(backend_run(h->b, h->launch, first, &h->m, &h->s));
	TRY(h->b->sync());
	middle = clock_seconds();
	TRY(backend_run(h->b, h->launch + first, h->n_launch - first, &h->m, &h->s));
	TRY(h->b->sync());
out:
	sim->seconds_state += middle - begun;
	sim->seconds_readout += clock_seconds() - middle;
	return st;
}

static bool arrives(const struct bloch_schedule *s)
{
	return s->n_group || s->n_train || s->n_fan || s->n_ray;
}

static precess_status run_history(struct line_plan *p, const struct line_history *h, float *spins)
{
	const struct backend *b = p->sim->backend;
	struct device_history d = { .b = b };
	struct device_results r = { 0 };
	struct device_tables t;
	precess_status st = device_tables_create(&t, p, h);

	if (st)
		return st;
	if (!arrives(&t.s)) {
		for (uint32_t i = 0; i < h->n_line; i++)
			put_line(p, &p->line[h->first_line + i], NULL);
		device_tables_free(&t);
		return PRECESS_OK;
	}
	if ((st = device_history_create(&d, b, &t, spins)))
		goto out;
	if ((st = device_results_create(&r, &d)) || (st = device_run(p->sim, &d)) ||
	    (st = device_fetch(&r, &d)) || (st = b->sync())) {
		st = backend_failed(b, st, "line method");
		goto out;
	}
	device_put(p, h, &d, &r, 0);
out:
	device_results_free(&r, &d);
	device_history_free(&d);
	return st;
}

precess_status device_upload_spins(float **out, const struct line_plan *p)
{
	const struct backend *b = p->sim->backend;
	size_t n = (size_t)p->nx * (size_t)p->ny, coils = 2 * (size_t)p->sim->maps->n_coil;
	size_t bytes = (BLOCH_MAPS + coils) * n * sizeof(float);
	float *spins = memory_aligned(bytes);
	void *device = NULL;
	precess_status st;

	*out = NULL;
	if (!spins)
		return PRECESS_ENOMEM;
	device_spins(spins, p);
	device_coils(spins + BLOCH_MAPS * n, p);
	if ((st = b->alloc(&device, bytes)) || (st = b->upload(device, spins, bytes)) ||
	    (st = b->sync())) {
		st = backend_failed(b, st, "maps");
		if (device)
			b->release(device);
		device = NULL;
	}
	free(spins);
	*out = device;
	return st;
}

precess_status device_line(struct line_plan *p)
{
	float *spins;
	precess_status st = device_upload_spins(&spins, p);

	p->steps = p->fan_error = 0;
	for (uint32_t i = 0; i < p->n_history && !st; i++) {
		struct line_history *h = &p->history[i];

		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted");
			break;
		}
		st = run_history(p, h, spins);
		h->elsewhere = !st;
		if (st != PRECESS_ENOTSUP)
			continue;
		text_printf(&p->sim->report, "device: cpu for %u lines: %s\n", h->n_line,
			    precess_error());
		st = PRECESS_OK;
	}
	if (spins)
		p->sim->backend->release(spins);
	return st;
}
