/* The direct sum on a device: states as for the line method, then every spin times every sample. A
 * ray is a stretch of a readout whose samples step evenly; any other readout is rays of two. */
#include "runtime/sim/device.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Samples of a readout that step evenly, up to a ray's length. */
static uint32_t ray_length(const double *k, const double *t, uint32_t n, const double *fov)
{
	uint32_t i;

	for (i = 2; i < n && i < BLOCH_RAY; i++)
		if (fabs(t[i] - t[0] - i * (t[1] - t[0])) > 1e-11 ||
		    fabs(k[3 * i] - k[0] - i * (k[3] - k[0])) * fov[0] > 1e-8 ||
		    fabs(k[3 * i + 1] - k[1] - i * (k[4] - k[1])) * fov[1] > 1e-8)
			break;
	return i < n ? i : n;
}

static precess_status add_rays(struct device_maker *m, const struct line_line *l, uint32_t view)
{
	const struct line_plan *p = m->p;
	const struct draw *d = p->sim->draw;
	uint32_t n = d->program->event[d->program->readout[l->readout].event].n, length;
	double *k = malloc(4 * (size_t)n * sizeof *k), *t = k + 3 * (size_t)n;
	precess_status st = PRECESS_OK;

	if (!k)
		return precess_fail(PRECESS_ENOMEM, "out of memory for readout %u", l->readout);
	draw_readout(d, l->readout, k, t);
	for (uint32_t i = 0; i < n && !st; i += length) {
		const double *from = k + 3 * (size_t)i;
		uint32_t index = m->s->n_ray;
		struct bloch_ray *ray = line_append(&m->ray, &index, sizeof *ray);
		struct bloch_group_numbers *to =
			ray ? line_append(&m->rays, &m->s->n_ray, sizeof *to) : NULL;

		length = ray_length(from, t + i, n - i, p->sim->maps->fov);
		if (!to) {
			st = PRECESS_ENOMEM;
			break;
		}
		*ray = (struct bloch_ray){ .view = view, .sample = m->s->n_signal, .n = length };
		to->first = device_free(p, t[i], from[0], from[1], 0);
		if (length > 1)
			to->ratio = device_free(p, t[i + 1] - t[i], from[3] - from[0],
						from[4] - from[1], 0);
		m->s->n_signal += length;
	}
	free(k);
	return st;
}

precess_status device_rays(struct device_maker *m)
{
	const struct line_plan *p = m->p;
	const struct line_history *h = m->h;
	precess_status st = PRECESS_OK;

	for (int c = 0; c < p->sim->n_coil; c++)
		for (uint32_t i = h->first_piece; i < h->first_piece + h->n_piece; i++) {
			struct line_piece q = p->piece[i];

			q.coil = c;
			for (uint32_t l = q.first; l < q.first + q.n && !st; l++)
				st = add_rays(m, &p->line[l], device_view(m, &q));
		}
	return st;
}

/* ------------------------------------------------------------------ readouts */
/* Whether a view of one kz is all that the readout sees, with one rate per spin. */
static bool applies(const struct sim_plan *sim, uint32_t readout, uint32_t epoch, const char **why)
{
	const struct program *prog = sim->draw->program;
	const struct program_readout *q = &prog->readout[readout];
	uint32_t n = prog->event[q->event].n;
	double *k, *t;
	bool flat = true;

	*why = "T2' under several pulses is not one rate per spin";
	if (sim->decays_t2p && sim_history_pulses(prog, sim_epoch_history(prog, epoch)) > 1)
		return false;
	*why = "it moves along z";
	if (sim->nz == 1)
		return true;
	k = malloc(4 * (size_t)n * sizeof *k);
	if (!k)
		return false;
	t = k + 3 * (size_t)n;
	draw_readout(sim->draw, readout, k, t);
	for (uint32_t i = 1; i < n; i++)
		flat = flat && fabs(k[3 * i + 2] - k[2]) < 1e-9;
	free(k);
	return flat;
}

static uint32_t choose(bool *take, struct sim_plan *sim)
{
	const struct program *prog = sim->draw->program;
	const char *why = "", *reason = "";
	uint32_t n = 0, left = 0;

	for (uint32_t e = 0; e < prog->n_epoch; e++) {
		uint32_t first = prog->epoch[e].first_readout;

		for (uint32_t r = first; r < first + prog->epoch[e].n_readout; r++) {
			take[r] = sim->method[r] == SIM_direct && applies(sim, r, e, &why);
			n += take[r];
			if (sim->method[r] != SIM_direct || take[r])
				continue;
			left++;
			reason = why;
		}
	}
	if (left)
		text_printf(&sim->report, "device: cpu for %u readouts of the direct sum: %s\n",
			    left, reason);
	return n;
}

/* Samples of a coil in the order in which device_rays made them; where those of the next begin. */
static const struct spin_complex *put(struct line_plan *p, const struct line_history *h, int coil,
				      const struct spin_complex *from)
{
	const struct program *prog = p->sim->draw->program;
	double scale = 1 / ((double)p->nx * p->ny);

	for (uint32_t i = h->first_piece; i < h->first_piece + h->n_piece; i++)
		for (uint32_t l = p->piece[i].first; l < p->piece[i].first + p->piece[i].n; l++) {
			const struct program_event *e =
				&prog->event[prog->readout[p->line[l].readout].event];
			double *to = p->sim->signal +
				     2 * ((size_t)coil * prog->n_sample + e->first_sample);

			for (uint32_t k = 0; k < e->n; k++, from++) {
				to[2 * k] += scale * (double)from->re;
				to[2 * k + 1] += scale * (double)from->im;
			}
		}
	return from;
}

static precess_status run_history(struct line_plan *p, const struct line_history *h, float *spins)
{
	struct sim_plan *sim = p->sim;
	struct device_history d = { .b = sim->backend };
	struct device_results r = { 0 };
	struct device_tables t;
	const struct spin_complex *from;
	double steps, coil;
	precess_status st = device_tables_create(&t, p, h);

	if (st)
		return st;
	steps = t.steps;
	if ((st = device_history_create(&d, sim->backend, &t, spins)))
		goto out;
	if ((st = device_results_create(&r, &d)) || (st = device_run(sim, &d)) ||
	    (st = device_fetch(&r, &d)) || (st = sim->backend->sync())) {
		st = backend_failed(sim->backend, st, "direct sum");
		goto out;
	}
	from = r.signal;
	for (int c = 0; c < sim->n_coil; c++)
		from = put(p, h, c, from);
	coil = sim->maps->sensitivity ? 0.5 : 0; /* the product */
	/* a ray's factors drift in one direction; else as line.c has it, no weight being above M0 */
	sim->bound =
		fmax(sim->bound,
		     p->mean_m0 * (p->alias + FLT_EPSILON * (2.5 + coil + sqrt(2.0 * h->n_epoch + steps) +
							     0.15 * BLOCH_RAY)));
out:
	device_results_free(&r, &d);
	device_history_free(&d);
	return st;
}

static void mark(bool *done, const struct line_plan *p, const struct line_history *h)
{
	for (uint32_t l = h->first_line; l < h->first_line + h->n_line; l++)
		done[p->line[l].readout] = true;
}

precess_status device_direct(struct sim_plan *sim, bool *done)
{
	bool *take = calloc((size_t)sim->draw->program->n_readout + 1, sizeof *take);
	struct line_plan *p = NULL;
	float *spins = NULL;
	precess_status st = PRECESS_OK;

	if (!take)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (!choose(take, sim))
		goto out;
	TRY(line_plan_create_views(&p, sim, take));
	TRY(device_upload_spins(&spins, p));
	for (uint32_t i = 0; i < p->n_history; i++) {
		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL, "interrupted");
			goto out;
		}
		st = run_history(p, &p->history[i], spins);
		if (!st)
			mark(done, p, &p->history[i]);
		else if (st != PRECESS_ENOTSUP)
			goto out;
		else
			text_printf(&sim->report,
				    "device: cpu for %u readouts of the direct sum: %s\n",
				    p->history[i].n_line, precess_error());
		st = PRECESS_OK;
	}
out:
	if (spins)
		sim->backend->release(spins);
	line_plan_free(p);
	free(take);
	return st;
}
