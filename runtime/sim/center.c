/* Where and when each set passes the middle of k-space, which is what a large object shows: the row
 * ky = 0 where kx = 0, counted from the middle of the excitation. With several there is no one time.
 * And the same of every row of a single image. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double refocuses = 2.0; /* rad: a pulse of unknown use with more than this */
static const double s_per_ps = 1e-12;

static bool excites(const char *use, double flip)
{
	return use && strcmp(use, "undefined") ? !strcmp(use, "excitation")
					       : fabs(flip) <= refocuses;
}

/* Excitations of the epoch's history up to it. */
static int excitations(const struct draw *d, uint32_t epoch)
{
	const struct program *p = d->program;
	int n = 0;

	for (uint32_t i = p->history[sim_epoch_history(p, epoch)].first_epoch; i <= epoch; i++) {
		uint32_t q = p->epoch[i].pulse;

		n += q != UINT32_MAX && excites(p->pulse[q].use, sim_slot(d, p->pulse[q].flip));
	}
	return n;
}

/* Middle of the latest excitation that begins before `t`, both in s after the start. */
static double excitation_before(const struct draw *d, double t)
{
	const struct program *p = d->program;
	double last = NAN;
	int64_t begun = -1;

	for (uint32_t i = 0; i < p->n_event; i++) {
		const struct draw_event *e = &d->event[d->at[i]];

		if (e->kind != PROGRAM_RF || (double)e->start * s_per_ps >= t ||
		    e->start <= begun || !excites(p->event[i].use, e->flip))
			continue;
		begun = e->start;
		last = (double)(e->start + e->center) * s_per_ps;
	}
	return last;
}

/* Sample of the readout nearest to kx = 0 and its time after the start of the sequence. */
static precess_status middle_of(uint32_t *sample, double *t, const struct draw *d, uint32_t r,
				double shift)
{
	const struct draw_event *e = &d->event[d->at[d->program->readout[r].event]];
	uint32_t n = e->n, at = 0;
	double *k = malloc(4 * ((size_t)n + 1) * sizeof *k);

	if (!k)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	draw_readout(d, r, k, k + 3 * (size_t)n);
	for (uint32_t i = 1; i < n; i++) {
		if (fabs(k[3 * i] + shift) < fabs(k[3 * at] + shift))
			at = i;
	}
	*sample = e->first_sample + at;
	*t = (double)e->start * s_per_ps + (at + 0.5) * e->dwell;
	free(k);
	return PRECESS_OK;
}

precess_status kspace_centers(struct kspace_center **out, int *n_set, const struct draw *d)
{
	const struct program *p = d->program;
	struct kspace_center *c = NULL;
	struct grid *g = NULL;
	precess_status st;
	double t = 0;

	*out = NULL;
	if (gridding_applies(d))
		return precess_fail(PRECESS_ENOTSUP, "readouts move along x and y");
	TRY(grid_create(&g, d));
	c = malloc(((size_t)g->n_set + 1) * sizeof *c);
	if (!c) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (int i = 0; i < g->n_set; i++)
		c[i] = (struct kspace_center){ UINT32_MAX, NAN };
	for (uint32_t r = 0; r < p->n_readout; r++) {
		struct kspace_center *o = &c[g->row[r].set];

		if (g->row[r].row != g->ny / 2)
			continue;
		TRY(middle_of(&o->sample, &t, d, r, g->row[r].shift[0]));
		if (excitations(d, program_readout_epoch(p, r)) == 1)
			o->te = round((t - excitation_before(d, t)) / s_per_ps) * s_per_ps;
	}
	*n_set = g->n_set;
	*out = c;
	c = NULL;
out:
	free(c);
	grid_free(g);
	return st;
}

precess_status kspace_rows(double *time, double offset[2], const struct draw *d)
{
	const struct program *p = d->program;
	struct grid *g = NULL;
	precess_status st;
	uint32_t sample;
	double t = 0;

	if (gridding_applies(d))
		return precess_fail(PRECESS_ENOTSUP, "readouts move along x and y");
	TRY(grid_create(&g, d));
	for (int j = 0; j < g->ny; j++)
		time[j] = NAN;
	memcpy(offset, g->offset, sizeof g->offset);
	for (uint32_t r = 0; r < p->n_readout && g->n_set == 1; r++) {
		uint32_t epoch = program_readout_epoch(p, r), q = p->epoch[epoch].pulse;
		const struct draw_event *e = &d->event[d->at[p->readout[r].event]];

		if (g->row[r].set < 0)
			continue;
		TRY(middle_of(&sample, &t, d, r, g->row[r].shift[0]));
		/* the event's time is of its own shot, the epoch's of the first */
		t += sim_slot(d, p->readout[r].time) - (double)e->start * s_per_ps -
		     0.5 * e->dwell;
		t += sim_slot(d, p->epoch[epoch].start) -
		     sim_slot(d, p->epoch[p->history[sim_epoch_history(p, epoch)].first_epoch].start);
		time[g->row[r].row] =
			t + (q == UINT32_MAX ? 0 : sim_slot(d, p->pulse[q].duration));
	}
out:
	grid_free(g);
	return st;
}
