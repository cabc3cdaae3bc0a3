/* The launch list of each history, and what comes back. Maps are uploaded once; everything between
 * them and the samples stays on the device. */
#include "runtime/sim/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim/device_tables.h"

/* Memory of the device that a history uses. */
struct buffers {
	void *tables, *map, *view, *sum, *weight, *row, *spectrum, *signal;
};

static void buffers_free(const struct backend *b, struct buffers *m)
{
	void *all[] = { m->tables, m->map, m->view,     m->sum,
			m->weight, m->row, m->spectrum, m->signal };

	for (size_t i = 0; i < PRECESS_COUNT(all); i++)
		if (all[i])
			b->release(all[i]);
}

static precess_status buffers_create(struct buffers *m, const struct backend *b,
				     const struct device_tables *t)
{
	const struct bloch_schedule *s = &t->s;
	size_t n = (size_t)s->nx * (size_t)s->ny, c = s->n_draw, pair = sizeof(struct spin_complex);
	size_t row = c * s->n_line * s->terms * (size_t)s->nx * pair;
	precess_status st;

	*m = (struct buffers){ 0 };
	TRY(b->alloc(&m->tables, t->size));
	TRY(b->alloc(&m->map, c * s->n_pulse * 12 * n * sizeof(float)));
	TRY(b->alloc(&m->view, c * s->n_view * n * pair));
	TRY(b->alloc(&m->sum, s->parts * row));
	TRY(b->alloc(&m->weight, c * s->n_piece * s->parts * (size_t)s->nx * sizeof(float)));
	TRY(b->alloc(&m->row, row));
	TRY(b->alloc(&m->spectrum, row));
	TRY(b->alloc(&m->signal, c * s->n_line * s->n_sample * pair));
	TRY(b->upload(m->tables, t->data, t->size));
out:
	return st;
}

static precess_status launch_readouts(const struct backend *b, const struct buffers *m,
				      const float *spins, const struct bloch_schedule *s)
{
	size_t rows = (size_t)s->n_draw * s->n_line * s->terms;
	precess_status st;

	TRY(b->ops.sums(m->sum, m->weight, m->view, spins, s));
	TRY(b->ops.gather(m->row, m->sum, s));
	TRY(b->ops.transform(m->spectrum, m->row, s->nx, rows));
	TRY(b->ops.combine(m->signal, m->spectrum, m->row, s));
	TRY(b->sync());
out:
	return st;
}

static precess_status launch(struct sim_plan *sim, const struct backend *b, const struct buffers *m,
			     const float *spins, const struct bloch_schedule *s)
{
	double begun = clock_seconds(), middle = begun;
	precess_status st;

	TRY(b->ops.pulses(m->map, spins, s));
	TRY(b->ops.state(m->view, spins, m->map, s));
	TRY(b->sync());
	middle = clock_seconds();
	TRY(launch_readouts(b, m, spins, s));
out:
	sim->seconds_state += middle - begun;
	sim->seconds_readout += clock_seconds() - middle;
	return st;
}

/* Samples of lines that no coherence reaches were not computed: they are 0. */
static void put_signal(struct line_plan *p, const struct line_history *h,
		       const struct bloch_schedule *s, const struct spin_complex *from)
{
	const struct program *prog = p->sim->draw->program;

	for (uint32_t i = h->first_piece; i < h->first_piece + h->n_piece; i++) {
		const struct line_piece *q = &p->piece[i];
		bool dark = p->view[q->view].dark;

		for (uint32_t l = q->first; l < q->first + q->n; l++) {
			uint32_t event = prog->readout[p->line[l].readout].event;
			double *to = p->sim->signal + 2 * (size_t)prog->event[event].first_sample;
			const struct spin_complex *v =
				from + (size_t)(l - h->first_line) * s->n_sample;

			for (uint32_t k = 0; k < p->shape[p->line[l].shape].n; k++) {
				to[2 * k] = dark ? 0 : (double)v[k].re;
				to[2 * k + 1] = dark ? 0 : (double)v[k].im;
			}
		}
	}
}

static void put_weights(struct line_plan *p, const struct line_history *h,
			const struct bloch_schedule *s, const float *from)
{
	size_t n = (size_t)s->parts * (size_t)s->nx;

	for (uint32_t i = 0; i < h->n_piece; i++) {
		double sum = 0;

		for (size_t k = 0; k < n; k++)
			sum += (double)from[i * n + k];
		if (!p->view[p->piece[h->first_piece + i].view].dark)
			p->weight[h->first_piece + i] = sum;
	}
}

static precess_status fetch(struct line_plan *p, const struct line_history *h,
			    const struct backend *b, const struct buffers *m,
			    const struct bloch_schedule *s)
{
	size_t signal = (size_t)s->n_line * s->n_sample * sizeof(struct spin_complex);
	size_t weight = (size_t)s->n_piece * s->parts * (size_t)s->nx * sizeof(float);
	void *to = malloc(signal + 1), *sums = malloc(weight + 1);
	precess_status st;

	if (!to || !sums) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u lines", s->n_line);
		goto out;
	}
	TRY(b->download(to, m->signal, signal));
	TRY(b->download(sums, m->weight, weight));
	put_signal(p, h, s, to);
	put_weights(p, h, s, sums);
out:
	free(to);
	free(sums);
	return st;
}

/* Steps of all pulses of a history. A map that is squared doubles what it is wrong by, and errors
 * of different steps add up as squares. */
static double pulse_steps(const struct device_tables *t)
{
	struct bloch_schedule s = device_tables_move(t, t->data);
	double sum = 0;

	for (uint32_t i = 0; i < s.n_epoch; i++) {
		int pulse = s.epoch[i].pulse;

		if (pulse >= 0)
			sum += ldexp(s.pulse[pulse].n, 2 * s.pulse[pulse].halvings);
	}
	return sum;
}

static precess_status run_history(struct line_plan *p, const struct line_history *h,
				  const float *spins)
{
	const struct backend *b = p->sim->backend;
	struct buffers m = { 0 };
	struct device_tables t;
	struct bloch_schedule s;
	precess_status st = device_tables_create(&t, p, h, 1);

	if (st)
		return st;
	p->steps = fmax(p->steps, pulse_steps(&t));
	if (!t.s.n_group) { /* nothing arrives */
		device_tables_free(&t);
		return PRECESS_OK;
	}
	if (!(st = buffers_create(&m, b, &t))) {
		s = device_tables_move(&t, m.tables);
		st = launch(p->sim, b, &m, spins, &s);
		if (!st)
			st = fetch(p, h, b, &m, &t.s);
	}
	if (st)
		st = backend_failed(b, st, "line method");
	buffers_free(b, &m);
	device_tables_free(&t);
	return st;
}

precess_status device_line(struct line_plan *p)
{
	const struct backend *b = p->sim->backend;
	size_t bytes = BLOCH_MAPS * (size_t)p->nx * (size_t)p->ny * sizeof(float);
	size_t tasks = (size_t)p->blocks * (size_t)p->parts;
	float *spins = NULL;
	void *device = NULL;
	precess_status st;

	if (!p->weight)
		p->weight = calloc(tasks * p->n_piece + 1, sizeof *p->weight);
	if (!p->weight)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u pieces", p->n_piece);
	memset(p->weight, 0, tasks * p->n_piece * sizeof *p->weight);
	TRY(device_spins(&spins, p, 1));
	if ((st = b->alloc(&device, bytes)) || (st = b->upload(device, spins, bytes))) {
		st = backend_failed(b, st, "maps");
		goto out;
	}
	for (uint32_t h = 0; h < p->n_history && !st; h++) {
		if (interrupted())
			st = precess_fail(PRECESS_ECANCEL, "interrupted");
		else
			st = run_history(p, &p->history[h], device);
	}
out:
	if (device)
		b->release(device);
	free(spins);
	return st;
}
