/* Which states make an echo that is sampled, where and when. A state F(k) is refocused where the
 * readout's moment is -k; on the sequence's grid that is `shift` - k. The grid's origin is the
 * end of the epoch's pulse or the usual trajectory, whichever puts the lines where they are
 * labelled, as in runtime/sim/grid.c. */
#include "compiler/lower/pathway.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double threshold = 0.01;     /* of M0: weaker pathways are not told */
static const double dephased = 0.5;       /* cycles through the slice: no echo beyond */
static const double default_slice = 5e-3; /* m, where a sequence declares none: as the simulator */
static const double refocuses = 2.0;      /* rad: a pulse of unknown use with more than this */

static const struct readout *readout_of(const struct lowering *w, uint32_t r)
{
	return &w->readout[w->readout_of[r]];
}

static double slot(const struct search *s, program_slot v)
{
	return v == PROGRAM_NO_SLOT ? 0 : s->value[v];
}

/* Navigators and noise are no part of an image: what they see is no echo of it. */
static bool of_image(const struct program *p, uint32_t r)
{
	const int32_t *label = p->event[p->readout[r].event].label;

	return label[PROGRAM_LABEL_nav] <= 0 && label[PROGRAM_LABEL_noise] <= 0;
}

/* The epoch's first readout that is part of an image; the end of its readouts: none is. */
static uint32_t first_of_image(const struct program *p, uint32_t e)
{
	const struct program_epoch *x = &p->epoch[e];
	uint32_t r = x->first_readout;

	while (r < x->first_readout + x->n_readout && !of_image(p, r))
		r++;
	return r;
}

static bool sees_image(const struct program *p, uint32_t e)
{
	return first_of_image(p, e) < p->epoch[e].first_readout + p->epoch[e].n_readout;
}

/* ------------------------------------------------------------------ the grid */
/* Moments at the end of each epoch's pulse, counted from the last excitation. */
static void trajectory(const struct search *s, ir_scalar (*k)[2])
{
	struct lowering *w = s->w;

	for (uint32_t h = 0; h < w->p->n_history; h++) {
		const struct program_history *q = &w->p->history[h];
		ir_scalar now[2] = { 0, 0 };

		for (uint32_t e = q->first_epoch; e < q->first_epoch + q->n_epoch; e++) {
			const struct epoch x = *pathway_epoch(w, e);
			bool pulse = x.pulse != UINT32_MAX;
			enum ir_use use = pulse ? w->pulse[x.pulse].use : IR_USE_other;
			bool large = pulse && fabs(slot(s, w->p->pulse[x.pulse].flip)) > refocuses;
			bool unknown = use == IR_USE_undefined;
			bool reverses = use == IR_USE_refocusing || (unknown && large);
			bool excites = use == IR_USE_excitation || (unknown && !large);

			for (int a = 0; a < 2; a++) {
				now[a] = excites ? 0 : reverses ? ir_neg(w->ir, now[a]) : now[a];
				k[e][a] = now[a];
				now[a] = ir_add(w->ir, now[a], x.moment[a]);
			}
		}
	}
}

/* Which origin puts the epoch's first readout of an image where it belongs. */
static void choose_origin(struct search *s, uint32_t e, const ir_scalar before[2])
{
	const struct program *p = s->w->p;
	const struct program_readout *r = &p->readout[first_of_image(p, e)];
	const struct program_event *adc = &p->event[r->event];
	double middle, target, off, away;

	middle = slot(s, r->k[0]) + 0.5 * slot(s, r->step[0]) * (adc->n - 1.0);
	if (r->step[0] == PROGRAM_NO_SLOT || fabs(middle) * p->fov[0] > 1)
		s->shift[e][0] = before[0];
	s->shift[e][1] = before[1];
	if (adc->label[PROGRAM_LABEL_line] < 0 || p->matrix[1] < 1)
		return;
	target = (adc->label[PROGRAM_LABEL_line] - p->matrix[1] / 2) / p->fov[1];
	off = fabs(slot(s, r->k[1]) - target);
	away = fabs(slot(s, r->k[1]) - target + slot(s, lower_scalar(s->w, before[1])));
	if (off * p->fov[1] <= away * p->fov[1] + 1e-6)
		s->shift[e][1] = 0;
}

static void widen(struct search *s, int axis, double k)
{
	s->lo[axis] = fmin(s->lo[axis], k);
	s->hi[axis] = fmax(s->hi[axis], k);
}

/* What one readout covers; where its way is not simple, all of the matrix. */
static void widen_by(struct search *s, uint32_t e, const struct program_readout *r)
{
	const struct program *p = s->w->p;
	double n = p->event[r->event].n;

	for (int a = 0; a < 2; a++) {
		double half = 0.5 * p->matrix[a] / p->fov[a];
		double from = slot(s, r->k[a]) + slot(s, lower_scalar(s->w, s->shift[e][a]));

		if (r->step[a] == PROGRAM_NO_SLOT) {
			widen(s, a, half > 0 ? -half : -INFINITY);
			widen(s, a, half > 0 ? half : INFINITY);
		} else {
			widen(s, a, from);
			widen(s, a, from + (n - 1) * slot(s, r->step[a]));
		}
	}
}

/* Slots are made on the way, so the defaults are evaluated again. */
static void evaluate(struct search *s)
{
	const struct program *p = s->w->p;
	double *param = lower_zeros(p->n_param, sizeof *param);

	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].value;
	free(s->value);
	s->value = lower_zeros(p->n_op, sizeof *s->value);
	program_evaluate(s->value, p, param);
	s->vector[0] = s->value;
	free(param);
}

void echo_windows(struct search *s)
{
	const struct program *p = s->w->p;
	ir_scalar(*before)[2] = lower_zeros(p->n_epoch, sizeof *before);

	s->shift = lower_zeros(p->n_epoch, sizeof *s->shift);
	trajectory(s, before);
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		lower_scalar(s->w, before[e][0]);
		lower_scalar(s->w, before[e][1]);
	}
	evaluate(s);
	for (int a = 0; a < 2; a++) {
		s->lo[a] = INFINITY;
		s->hi[a] = -INFINITY;
	}
	for (uint32_t e = 0; e < p->n_epoch; e++) {
		const struct program_epoch *x = &p->epoch[e];

		if (sees_image(p, e))
			choose_origin(s, e, before[e]);
		for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++)
			if (of_image(p, r))
				widen_by(s, e, &p->readout[r]);
	}
	free(before);
}

/* ------------------------------------------------------------------ one state */
/* Does some sample see it in phase through the slice, for some parameter values? */
static bool in_phase(const struct search *s, uint32_t e, ir_scalar kz)
{
	struct lowering *w = s->w;
	const struct program_epoch *x = &w->p->epoch[e];
	double slice = w->p->fov[2] > 0 ? w->p->fov[2] : default_slice, lo, hi;
	ir_scalar last = NO_SCALAR;

	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		const struct readout q = *readout_of(w, r);

		if (q.k[2] == last)
			continue;
		last = q.k[2];
		if (q.step[2] != 0)
			return true; /* z is encoded */
		ir_range(w->ir, ir_add(w->ir, kz, q.k[2]), &lo, &hi);
		if (lo * slice <= dephased && hi * slice >= -dephased)
			return true;
	}
	return false;
}

/* The grid's cells are half a step wide on either side of the outermost samples. */
static bool in_window(const struct search *s, const ir_scalar k[2])
{
	double lo, hi;

	for (int a = 0; a < 2; a++) {
		double margin = 0.5 / s->w->p->fov[a];

		ir_range(s->w->ir, k[a], &lo, &hi);
		if (!(lo <= s->hi[a] + margin && hi >= s->lo[a] - margin))
			return false;
	}
	return true;
}

/* Defaults of a scalar that may have no slot yet. */
static double at_defaults(struct search *s, ir_scalar e)
{
	double *param = lower_zeros(s->w->ir->n_param, sizeof *param), v;

	for (uint32_t i = 0; i < s->w->ir->n_param; i++)
		param[i] = s->w->ir->param[i].value;
	v = ir_eval(s->w->ir, e, param);
	free(param);
	return v;
}

/* The readout that passes nearest to ky at the defaults, and by how much it misses. */
static uint32_t nearest(struct search *s, uint32_t e, ir_scalar ky, double *miss)
{
	const struct program *p = s->w->p;
	const struct program_epoch *x = &p->epoch[e];
	double target = at_defaults(s, ir_sub(s->w->ir, ky, s->shift[e][1]));
	uint32_t best = first_of_image(p, e);

	*miss = INFINITY;
	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		double d = fabs(slot(s, p->readout[r].k[1]) - target);

		if (of_image(p, r) && d < *miss - 1e-9) {
			*miss = d;
			best = r;
		}
	}
	return best;
}

/* Seconds after the pulse of the middle of the line at ky: of a train by its spacing, so that it
 * moves with the parameters; else of readout r. */
static ir_scalar line_time(struct search *s, uint32_t e, uint32_t r, ir_scalar ky)
{
	struct lowering *w = s->w;
	struct ir *ir = w->ir;
	const struct readout q = *readout_of(w, r);
	double n = ir->event[q.event].n;
	ir_scalar half = ir_scale(ir, 0.5 * (n - 1), q.dwell);

	for (uint32_t t = 0; t < w->p->n_train; t++) {
		uint32_t first = w->p->train[t].first_readout;

		if (r < first || r >= first + w->p->train[t].n_readout)
			continue;
		const struct readout a = *readout_of(w, first), b = *readout_of(w, first + 1);
		ir_scalar period = ir_sub(ir, b.time, a.time);
		ir_scalar dky = lower_settle(w, ir_sub(ir, b.k[1], a.k[1]));
		ir_scalar from = ir_add(ir, a.k[1], s->shift[e][1]);
		ir_scalar lines;

		if (dky == 0)
			break;
		lines = ir_div(ir, lower_settle(w, ir_sub(ir, ky, from)), dky);
		return ir_add(ir, ir_add(ir, a.time, half), ir_mul(ir, lines, period));
	}
	return ir_add(ir, q.time, half);
}

/* Entry i is, or becomes, this pathway as epoch e sees it. */
static void tell(struct search *s, uint32_t i, uint32_t e, const struct state *f, uint32_t r)
{
	struct lowering *w = s->w;
	ir_scalar after = line_time(s, e, r, s->place[i][1]);
	program_slot time = lower_scalar(w, ir_add(w->ir, f->life, after));
	program_slot off = lower_scalar(w, ir_add(w->ir, f->off, after));
	struct program_pathway *q = &w->p->pathway[i];

	q->epoch = e;
	q->time = time;
	q->off = off;
	q->re = f->re[0];
	q->im = f->im[0];
	memcpy(q->order, f->order, sizeof q->order);
}

static void look(struct search *s, uint32_t e, const struct state *f)
{
	struct lowering *w = s->w;
	double size = pathway_size(s, f), miss;
	ir_scalar k[2], key[2];
	uint32_t i, r;

	if (size < threshold || !in_phase(s, e, f->k[2]))
		return;
	for (int a = 0; a < 2; a++) {
		k[a] = ir_sub(w->ir, s->shift[e][a], f->k[a]);
		key[a] = pathway_key(w, k[a]);
		k[a] = key[a] == 0 ? 0 : k[a]; /* what cancels but for rounding is the slot 0 */
	}
	if (!in_window(s, k))
		return;
	r = nearest(s, e, k[1], &miss);
	for (i = 0; i < s->n_place; i++) {
		if (s->place[i][0] == key[0] && s->place[i][1] == key[1])
			break;
	}
	if (i == s->n_place) {
		struct program_pathway *q;

		memcpy(*APPEND(s->place, s->n_place), key, sizeof key);
		*APPEND(s->miss, s->n_miss) = INFINITY;
		q = APPEND(w->p->pathway, w->p->n_pathway);
		for (int a = 0; a < 2; a++)
			q->k[a] = lower_scalar(w, ir_scale(w->ir, w->p->fov[a], k[a]));
	}
	/* Several epochs may see it: the one that passes nearest tells when, the largest how
	 * much. */
	if (miss < s->miss[i] - 1e-9) {
		s->miss[i] = miss;
		tell(s, i, e, f, r);
	}
	w->p->pathway[i].amplitude = fmax(w->p->pathway[i].amplitude, size);
}

void echo_look(struct search *s, uint32_t e, const struct state *f, uint32_t n)
{
	if (!sees_image(s->w->p, e))
		return;
	for (uint32_t i = 0; i < n; i++)
		look(s, e, &f[i]);
}
