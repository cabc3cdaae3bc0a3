/* The samples of a sequence in k-space, for those who store or reconstruct them elsewhere. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>

static const int32_t *labels(const struct program *p, uint32_t r)
{
	return p->event[p->readout[r].event].label;
}

/* Adds to the moments of one readout. */
static void shift(struct sampling *s, const struct program_event *e, double x, double y, double z)
{
	for (uint32_t i = 0; i < e->n; i++) {
		double *k = s->k + 3 * ((size_t)e->first_sample + i);

		k[0] += x;
		k[1] += y;
		k[2] += z;
	}
}

static void place(struct sampling *s, const struct draw *d, const struct grid *g, uint32_t r,
		  const double *before)
{
	const struct program *p = d->program;
	const struct program_event *e = &p->event[p->readout[r].event];
	const double *k = s->k + 3 * (size_t)e->first_sample;
	int32_t line = labels(p, r)[PROGRAM_LABEL_line];

	if (g && g->row[r].set >= 0) {
		const struct grid_row *w = &g->row[r];

		shift(s, e, w->shift[0], w->shift[1], before[2]);
		s->line[r] = (struct sampling_line){ .set = w->set, .row = w->row };
	} else {
		if (s->kind == SAMPLING_OTHER || gridding_takes_usual(d, k, e->n, before))
			shift(s, e, before[0], before[1], before[2]);
		s->line[r] = (struct sampling_line){ .set = grid_leaves_out(p, r) ? -1 : 0,
						     .row = line >= 0 ? (int)line : -1 };
	}
	s->line[r].reverse = k[3 * ((size_t)e->n - 1)] < k[0];
}

/* Two readouts of different sets that agree in all labels but one differ in that: the echo. */
static bool differ_in_echo(const struct program *p, const struct sampling *s)
{
	static const enum program_label other[] = { PROGRAM_LABEL_set, PROGRAM_LABEL_slice,
						    PROGRAM_LABEL_rep, PROGRAM_LABEL_avg };
	uint32_t first = 0;

	while (first < p->n_readout && s->line[first].set < 0)
		first++;
	for (uint32_t r = first + 1; r < p->n_readout; r++) {
		bool same = s->line[r].set >= 0 && s->line[r].set != s->line[first].set;

		for (size_t i = 0; i < PRECESS_COUNT(other); i++)
			same &= labels(p, r)[other[i]] == labels(p, first)[other[i]];
		if (same)
			return true;
	}
	return false;
}

static precess_status number_sets(struct sampling *s, const struct program *p)
{
	struct gridding_key *key = calloc((size_t)p->n_readout + 1, sizeof *key);

	if (!key)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u readouts", p->n_readout);
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];

		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++)
			s->line[r].set = gridding_set(key, &s->n_set, p, r);
	}
	free(key);
	return PRECESS_OK;
}

precess_status sampling_create(struct sampling **out, const struct draw *d)
{
	const struct program *p = d->program;
	struct sampling *s = calloc(1, sizeof *s);
	double *before = grid_trajectory(d), *tau = calloc((size_t)p->n_sample + 1, sizeof *tau);
	struct grid *g = NULL;
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (s) {
		s->k = calloc(3 * (size_t)p->n_sample + 1, sizeof *s->k);
		s->line = calloc((size_t)p->n_readout + 1, sizeof *s->line);
	}
	if (!s || !s->k || !s->line || !before || !tau) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", p->n_sample);
		goto out;
	}
	s->n_set = 1;
	s->kind = gridding_applies(d) ? SAMPLING_GRIDDED : SAMPLING_OTHER;
	if (s->kind == SAMPLING_OTHER && (st = grid_create(&g, d)) == PRECESS_OK) {
		s->kind = SAMPLING_CARTESIAN;
		s->n_set = g->n_set;
	} else if (st && st != PRECESS_ENOTSUP) {
		goto out;
	}
	st = PRECESS_OK;
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];

		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
			const struct program_event *q = &p->event[p->readout[r].event];

			draw_readout(d, r, s->k + 3 * (size_t)q->first_sample, tau);
			place(s, d, g, r, before + 3 * (size_t)e);
		}
	}
	if (s->kind == SAMPLING_GRIDDED) {
		s->n_set = 0;
		TRY(number_sets(s, p));
	}
	s->echoes = s->n_set > 1 && differ_in_echo(p, s);
	*out = s;
	s = NULL;
out:
	grid_free(g);
	free(tau);
	free(before);
	sampling_free(s);
	return st;
}

void sampling_free(struct sampling *s)
{
	if (!s)
		return;
	free(s->k);
	free(s->line);
	free(s);
}
