/* The Cartesian grid of a sequence. A readout knows its moment since the epoch's pulse; what was
 * there before is not part of it: a prephaser in front of a refocusing pulse. So two origins are
 * tried on each axis: the pulse's end, and the usual trajectory (an excitation starts at 0, a
 * refocusing pulse reverses the sign). The first is right when the prephaser comes after the last
 * pulse, also when gradients between earlier pulses shift echoes on purpose. */
#include "runtime/sim/grid.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double aligned = 0.02;  /* cells: rows and columns agree this well */
static const double level = 0.1;     /* cells along ky that a line's samples may stray */
static const double refocuses = 2.0; /* rad: a pulse of unknown use with more than this */

/* ------------------------------------------------------------------ the usual trajectory */
double *grid_trajectory(const struct draw *d)
{
	const struct program *p = d->program;
	double (*k)[3] = calloc((size_t)p->n_epoch + 1, sizeof *k);

	for (uint32_t h = 0; k && h < p->n_history; h++) {
		double now[3] = { 0 };
		const struct program_history *q = &p->history[h];

		for (uint32_t e = q->first_epoch; e < q->first_epoch + q->n_epoch; e++) {
			const struct program_epoch *x = &p->epoch[e];
			const struct program_pulse *pulse = x->pulse == UINT32_MAX ? NULL :
							    &p->pulse[x->pulse];
			const char *use = pulse && pulse->use ? pulse->use : "";
			double flip = pulse ? fabs(sim_slot(d, pulse->flip)) : 0;
			bool unknown = !strcmp(use, "undefined");
			bool reverses = !strcmp(use, "refocusing") || (unknown && flip > refocuses);
			bool excites = !strcmp(use, "excitation") || (unknown && !reverses);

			for (int a = 0; a < 3; a++) {
				now[a] = excites ? 0 : reverses ? -now[a] : now[a];
				k[e][a] = now[a];
				now[a] += sim_slot(d, x->moment[a]);
			}
		}
	}
	return k ? k[0] : NULL;
}

bool grid_leaves_out(const struct program *p, uint32_t r)
{
	const int32_t *l = p->event[p->readout[r].event].label;

	return l[PROGRAM_LABEL_nav] > 0 || l[PROGRAM_LABEL_noise] > 0;
}

/* ------------------------------------------------------------------ one readout */
struct place {
	const struct draw *d;
	struct grid *g;
	const double *before; /* grid_trajectory */
	double dk[2];
	bool first;
};

static const int32_t *labels(const struct place *s, uint32_t r)
{
	return s->d->program->event[s->d->program->readout[r].event].label;
}

static precess_status refuse(uint32_t r, const char *why)
{
	return precess_fail(PRECESS_ENOTSUP, "not Cartesian on its matrix: readout %u %s", r, why);
}

/* A line whose samples are those of the matrix. False: they must be regridded. */
static bool place_columns(struct place *s, uint32_t r, uint32_t epoch)
{
	const struct program *p = s->d->program;
	const struct program_readout *q = &p->readout[r];
	struct grid_row *row = &s->g->row[r];
	double step = sim_slot(s->d, q->step[0]) / s->dk[0], n = s->g->nx, at[2], k, lowest;

	if (p->event[q->event].n != (uint32_t)s->g->nx ||
	    q->class_ != PROGRAM_READOUT_LINE || q->step[0] == PROGRAM_NO_SLOT ||
	    fabs(fabs(step) * n - n) > 10 * aligned)
		return false;
	row->reverse = step < 0;
	at[0] = sim_slot(s->d, q->k[0]);
	at[1] = at[0] + s->before[3 * epoch];
	k = fabs(at[0] / s->dk[0] + 0.5 * step * (n - 1)) <= 1 ? at[0] : at[1];
	lowest = k / s->dk[0] + (row->reverse ? step * (n - 1) : 0) + s->g->nx / 2;
	if (s->first)
		s->g->offset[0] = lowest - floor(lowest + 0.25);
	row->shift[0] = (s->g->offset[0] - s->g->nx / 2 -
			 (row->reverse ? step * (n - 1) : 0)) * s->dk[0] - at[0];
	lowest -= s->g->offset[0];
	return fabs(lowest - round(lowest)) <= 5 * aligned;
}

/* Any other line along x: where its samples lie, in cells; its weights, from an earlier line of the
 * same shape where there is one. *ky: moment along y in the middle, 1/m. */
static precess_status place_uneven(struct place *s, uint32_t r, uint32_t epoch, double *ky)
{
	const struct program *p = s->d->program;
	uint32_t n = p->event[p->readout[r].event].n;
	struct grid_row *row = &s->g->row[r];
	double *k = malloc(5 * (size_t)n * sizeof *k), *x = k + 3 * n, *tau = x + n;
	double c = s->before[3 * epoch] / s->dk[0], near[2] = { INFINITY, INFINITY }, lo, hi;
	precess_status st = PRECESS_OK;
	uint32_t used = 0;

	if (!k)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", n);
	draw_readout(s->d, r, k, tau);
	*ky = k[3 * (n / 2) + 1];
	lo = hi = k[0] / s->dk[0];
	for (uint32_t i = 0; i < n; i++) {
		x[i] = k[3 * i] / s->dk[0];
		lo = fmin(lo, x[i]);
		hi = fmax(hi, x[i]);
		near[0] = fmin(near[0], fabs(x[i]));
		near[1] = fmin(near[1], fabs(x[i] + c));
	}
	if (hi - lo < 0.5 * s->g->nx) {
		st = p->event[p->readout[r].event].n == (uint32_t)s->g->nx ?
		     refuse(r, "is no line along x") :
		     precess_fail(PRECESS_ENOTSUP, "not Cartesian on its matrix: readout %u has %u "
				  "samples, matrix.x is %d", r, n, s->g->nx);
		goto out;
	}
	/* The origin that the line passes more nearly through the middle. */
	if (fabs(lo + hi + 2 * c) + near[1] < fabs(lo + hi) + near[0] - 1e-6)
		row->shift[0] = c * s->dk[0];
	else
		row->shift[0] = c = 0;
	/* A blip may begin before the line's last samples are taken: those are left out. */
	for (uint32_t i = 0; i < n; i++) {
		bool on = fabs(k[3 * i + 1] - *ky) <= level * s->dk[1];

		x[i] = on ? x[i] + c : NAN;
		used += on;
	}
	if (2 * used < n) {
		st = refuse(r, "moves along ky");
		goto out;
	}
	st = regrid_shape(&row->shape, s->g, x, n, r);
out:
	free(k);
	return st;
}

static precess_status place_row(struct place *s, uint32_t r, uint32_t epoch, double ky)
{
	struct grid_row *row = &s->g->row[r];
	double k[2], off[2], o;

	k[0] = ky / s->dk[1];
	k[1] = k[0] + s->before[3 * epoch + 1] / s->dk[1];
	row->row = labels(s, r)[PROGRAM_LABEL_line];
	if (row->row < 0)
		row->row = (int)lround(k[1]) + s->g->ny / 2;
	if (row->row < 0 || row->row >= s->g->ny)
		return precess_fail(PRECESS_ENOTSUP, "not Cartesian on its matrix: readout %u is "
				    "line %d of %d", r, row->row, s->g->ny);
	for (int i = 0; i < 2; i++)
		off[i] = k[i] - (row->row - s->g->ny / 2);
	o = fabs(off[0]) <= fabs(off[1]) + 1e-6 ? off[0] : off[1];
	if (s->first)
		s->g->offset[1] = o;
	row->shift[1] = (s->g->offset[1] - off[0]) * s->dk[1];
	if (fabs(o) > 1 || fabs(o - s->g->offset[1]) > 5 * aligned)
		return precess_fail(PRECESS_ENOTSUP, "not Cartesian on its matrix: readout %u of "
				    "line %d lies at ky = %.4g cells", r, row->row, k[1]);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ sets */
struct set_key {
	int32_t label[5];
};

static struct set_key key_of(const struct place *s, uint32_t r, bool echoes)
{
	const int32_t *l = labels(s, r);

	return (struct set_key){ { l[PROGRAM_LABEL_set], l[PROGRAM_LABEL_slice],
				   l[PROGRAM_LABEL_rep], l[PROGRAM_LABEL_avg],
				   echoes ? l[PROGRAM_LABEL_echo] : -1 } };
}

/* Numbers the sets in order of appearance; *twice: a readout whose cell was already filled. */
static precess_status number_sets(struct place *s, bool echoes, uint32_t *twice)
{
	uint32_t n = s->d->program->n_readout;
	struct set_key *key = calloc((size_t)n + 1, sizeof *key);
	bool *filled = NULL;

	*twice = UINT32_MAX;
	s->g->n_set = 0;
	for (uint32_t r = 0; key && r < n; r++) {
		struct set_key k = key_of(s, r, echoes);
		int i = s->g->n_set - 1; /* mostly the latest */

		s->g->row[r].set = -1;
		if (grid_leaves_out(s->d->program, r))
			continue;
		while (i >= 0 && memcmp(&key[i], &k, sizeof k))
			i--;
		if (i < 0) {
			i = s->g->n_set++;
			key[i] = k;
		}
		s->g->row[r].set = i;
	}
	if (key)
		filled = calloc((size_t)s->g->n_set * (size_t)s->g->ny + 1, 1);
	for (uint32_t r = 0; filled && r < n; r++) {
		const struct grid_row *w = &s->g->row[r];

		if (w->set < 0)
			continue;

		size_t cell = (size_t)w->set * (size_t)s->g->ny + (size_t)w->row;

		if (filled[cell] && *twice == UINT32_MAX)
			*twice = r;
		filled[cell] = true;
	}
	bool ok = key && filled;

	free(key);
	free(filled);
	return ok ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory");
}

precess_status grid_create(struct grid **out, const struct draw *d)
{
	const struct program *p = d->program;
	struct grid *g = calloc(1, sizeof *g);
	struct place s = { .d = d, .g = g, .first = true };
	double *before = NULL;
	precess_status st = PRECESS_OK;
	uint32_t twice;

	*out = NULL;
	if (!g || !(g->row = calloc((size_t)p->n_readout + 1, sizeof *g->row)) ||
	    !(s.before = before = grid_trajectory(d))) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	if (p->matrix[0] < 1 || p->matrix[1] < 1 || !(p->fov[0] > 0 && p->fov[1] > 0) ||
	    !p->n_readout) {
		st = precess_fail(PRECESS_ENOTSUP, "the sequence has no %s to sort into",
				  p->n_readout ? "matrix and field of view" : "samples");
		goto out;
	}
	g->nx = p->matrix[0];
	g->ny = p->matrix[1];
	for (int a = 0; a < 2; a++)
		s.dk[a] = 1 / p->fov[a];
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];

		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
			double ky = sim_slot(d, p->readout[r].k[1]);

			g->row[r].shape = -1;
			if (grid_leaves_out(p, r))
				continue;
			if (!place_columns(&s, r, e))
				TRY(place_uneven(&s, r, e, &ky));
			TRY(place_row(&s, r, e, ky));
			s.first = false;
		}
	}
	TRY(number_sets(&s, false, &twice));
	if (twice != UINT32_MAX)
		TRY(number_sets(&s, true, &twice));
	if (!g->n_set) {
		st = precess_fail(PRECESS_ENOTSUP, "all readouts are navigators or noise");
		goto out;
	}
	if (twice != UINT32_MAX) {
		st = precess_fail(PRECESS_ENOTSUP, "line %d is read twice in one set (readout %u): "
				  "tell them apart by set, rep, avg or echo", g->row[twice].row,
				  twice);
		goto out;
	}
	*out = g;
	g = NULL;
out:
	free(before);
	grid_free(g);
	return st;
}

void grid_free(struct grid *g)
{
	if (!g)
		return;
	for (int i = 0; i < g->n_shape; i++) {
		free(g->shape[i].x);
		free(g->shape[i].weight);
	}
	free(g->shape);
	free(g->row);
	free(g);
}
