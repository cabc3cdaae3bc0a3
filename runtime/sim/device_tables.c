/* From the line method's plan to flat tables (runtime/bloch/bloch.h). Builds become numbers, pieces
 * become groups of lines that step evenly: their weights follow from one factor, whether they are a
 * run of echoes or a fan of shots. */
#include "runtime/sim/device_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double time_slack = 1e-11, ky_slack = 2e-8;

enum { ALIGNED = 64, ENOUGH_THREADS = 1 << 18, LEAST_ROWS = 16 };

/* What is being made: growing tables, put into one block at the end. */
struct maker {
	const struct line_plan *p;
	const struct line_history *h;
	struct bloch_schedule *s;
	struct bloch_epoch *epoch;
	struct bloch_epoch_numbers *step;
	struct bloch_view_numbers *look;
	struct bloch_group *group;
	struct bloch_group_numbers *lines;
	struct bloch_pulse_numbers *pulse;
	struct spin_complex *field;
	int *build; /* of each pulse */
};

static float fraction(double turns)
{
	return (float)(turns - rint(turns));
}

static struct spin_free free_numbers(const struct line_plan *p, double t, double kx, double ky,
				     double phase)
{
	const double *fov = p->sim->maps->fov;

	return (struct spin_free){ .t = spin_split(t),
				   .kx = spin_split(kx * fov[0] / (2.0 * p->nx)),
				   .ky = spin_split(ky * fov[1] / (2.0 * p->ny)),
				   .phase = fraction(phase / tau) };
}

/* ------------------------------------------------------------------ pulses */
static int halvings(double reach)
{
	int n = 0;

	for (; reach > 1; reach /= 2)
		n++;
	return n;
}

static precess_status add_field(struct maker *m, double bx, double by)
{
	struct spin_complex *b = line_append(&m->field, &m->s->n_field, sizeof *b);

	if (!b)
		return PRECESS_ENOMEM;
	b->re = (float)bx;
	b->im = (float)by;
	return PRECESS_OK;
}

static precess_status fill_pulse(struct maker *m, struct bloch_pulse_numbers *q,
				 const struct line_build *b)
{
	const struct line_plan *p = m->p;
	const struct cpu_bloch *c = &b->bloch;
	precess_status st = PRECESS_OK;

	q->first = m->s->n_field;
	if (b->kind == LINE_RESONANT) {
		double most = fmax(fabs(p->b1[0]), fabs(p->b1[1]));

		q->n = 1;
		q->h = (float)b->t;
		q->halvings = halvings(tau * fabs(b->turns) * most + b->k[0] * b->t);
		return add_field(m, tau * b->turns, 0);
	}
	q->n = (uint32_t)c->n;
	q->h = (float)c->h;
	q->halvings = halvings(c->reach);
	q->offset = (float)(c->offset * c->h);
	q->g[0] = (float)(0.5 * (b->bx[1] - b->bx[0]) * c->h);
	q->g[1] = p->ny > 1 ? (float)(0.5 * (b->by[1] - b->by[0]) * c->h) : 0;
	q->g[2] = m->h->spins ? (float)(b->bz * p->sim->slice / (2.0 * m->h->spins) * c->h) : 0;
	for (size_t i = 0; i < c->n && !st; i++)
		st = add_field(m, c->b[2 * i] * c->h, c->b[2 * i + 1] * c->h);
	return st;
}

static precess_status set_pulse(struct maker *m, uint32_t i, const struct line_epoch *e)
{
	const struct line_build *b = e->pulse < 0 ? NULL : &m->p->build[e->pulse];
	struct bloch_epoch *to = &m->epoch[i];
	struct bloch_pulse_numbers *q;
	uint32_t n = m->s->n_pulse;
	int *build;

	to->pulse = -1;
	if (!b)
		return PRECESS_OK;
	if (b->kind == LINE_ROTATION) {
		to->kind = BLOCH_ROTATION;
		m->step[i].turns = spin_split(b->turns);
		return PRECESS_OK;
	}
	if (b->kind != LINE_BLOCH && b->kind != LINE_RESONANT)
		return precess_fail(PRECESS_ENOTSUP, "pulses during which gradients vary have no "
				    "kernel on this device");
	to->kind = b->through ? BLOCH_THROUGH : BLOCH_STORED;
	for (to->pulse = 0; (uint32_t)to->pulse < n; to->pulse++)
		if (m->build[to->pulse] == e->pulse)
			return PRECESS_OK;
	build = line_append(&m->build, &n, sizeof *build);
	q = build ? line_append(&m->pulse, &m->s->n_pulse, sizeof *q) : NULL;
	if (!q)
		return PRECESS_ENOMEM;
	*build = e->pulse;
	return fill_pulse(m, q, b);
}

/* ------------------------------------------------------------------ epochs and views */
static precess_status set_epoch(struct maker *m, uint32_t i)
{
	const struct line_plan *p = m->p;
	const struct line_history *h = m->h;
	const struct line_epoch *e = &p->epoch[h->first_epoch + i];
	const struct line_build *b = e->factor < 0 ? NULL : &p->build[e->factor];
	struct bloch_epoch *to = &m->epoch[i];

	to->free_ = b != NULL;
	to->first_order = e->first_order - p->epoch[h->first_epoch].first_order;
	to->n_order = e->n_order;
	if (b)
		m->step[i].free_ = free_numbers(p, b->t, b->k[0], b->k[1], b->phase);
	if (h->spins)
		m->step[i].kz = spin_split(e->kz * p->sim->slice / (2.0 * h->spins));
	for (uint32_t v = 0; v < h->n_view; v++) {
		const struct line_view *view = &p->view[h->first_view + v];

		if (view->epoch != i)
			continue;
		if (!to->n_view++)
			to->first_view = v;
		m->look[v].phase = fraction(e->turn_out / tau);
		m->look[v].weight = h->spins ? (float)(1.0 / h->spins) : 1;
		if (h->spins)
			m->look[v].kz = spin_split(view->kz * p->sim->slice / (2.0 * h->spins));
	}
	return set_pulse(m, i, e);
}

/* ------------------------------------------------------------------ groups */
static uint32_t even(const struct line_line *l, uint32_t n, double fov)
{
	uint32_t i;

	for (i = 2; i < n; i++)
		if (fabs(l[i].time - l[0].time - i * (l[1].time - l[0].time)) > time_slack ||
		    fabs(l[i].ky - l[0].ky - i * (l[1].ky - l[0].ky)) * fov > ky_slack)
			break;
	return i < n ? i : n;
}

static precess_status add_groups(struct maker *m, uint32_t piece)
{
	const struct line_plan *p = m->p;
	const struct line_piece *q = &p->piece[piece];
	uint32_t n;

	for (uint32_t i = 0; i < q->n; i += n) {
		const struct line_line *l = &p->line[q->first + i];
		uint32_t left = q->n - i, index = m->s->n_group;
		struct bloch_group *g = line_append(&m->group, &index, sizeof *g);
		struct bloch_group_numbers *to =
			g ? line_append(&m->lines, &m->s->n_group, sizeof *to) : NULL;

		if (!to)
			return PRECESS_ENOMEM;
		n = even(l, left < BLOCH_GROUP ? left : BLOCH_GROUP, p->sim->maps->fov[1]);
		*g = (struct bloch_group){ .view = q->view - m->h->first_view,
					   .line = q->first + i - m->h->first_line,
					   .n = n,
					   .piece = i ? -1 : (int)(piece - m->h->first_piece) };
		to->first = free_numbers(p, l->time, 0, l->ky, 0);
		if (n > 1)
			to->ratio = free_numbers(p, l[1].time - l->time, 0, l[1].ky - l->ky, 0);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ one block */
/* Room for `copies` times `n` items; their offset. Only counts as long as there is no block. */
static size_t place(struct device_tables *t, const void *from, size_t size, uint32_t n,
		    uint32_t copies)
{
	size_t at = t->size, bytes = size * n;

	for (uint32_t i = 0; i < copies && t->data && from && bytes; i++)
		memcpy(t->data + at + i * bytes, from, bytes);
	t->size = (at + bytes * copies + ALIGNED - 1) / ALIGNED * ALIGNED;
	return at;
}

struct shape_tables {
	struct bloch_shape *shape;
	uint32_t *cell;
	struct spin_twice *shift, *kx;
	struct spin_complex *coef;
	struct bloch_line *line;
	struct bloch_order *order;
};

static void fill_shape(struct shape_tables *t, const struct maker *m, uint32_t i)
{
	const struct line_plan *p = m->p;
	const struct line_shape *f = &p->shape[i];
	const struct bloch_schedule *s = m->s;
	double fov = p->sim->maps->fov[0];

	t->shape[i] = (struct bloch_shape){ .n = f->n, .uniform = f->uniform };
	t->shift[i] = spin_split(f->uniform ? f->shift / (2.0 * p->nx) : 0);
	for (uint32_t k = 0; k < f->n; k++) {
		size_t at = (size_t)i * s->n_sample + k;

		t->cell[at] = f->uniform ? f->cell[k] : 0;
		t->kx[at] = spin_split(f->kx[k] * fov / (2.0 * p->nx));
		for (uint32_t j = 0; j < s->terms; j++) {
			const double *c = f->coef + 2 * ((size_t)j * f->n + k);
			struct spin_complex *to =
				&t->coef[((size_t)i * s->terms + j) * s->n_sample + k];

			to->re = (float)c[0];
			to->im = (float)c[1];
		}
	}
}

static precess_status make_shapes(struct shape_tables *t, const struct maker *m)
{
	const struct line_plan *p = m->p;
	const struct bloch_schedule *s = m->s;
	size_t n = (size_t)s->n_shape * s->n_sample;
	uint32_t order = p->epoch[m->h->first_epoch].first_order;

	t->shape = calloc((size_t)s->n_shape + 1, sizeof *t->shape);
	t->shift = calloc((size_t)s->n_shape + 1, sizeof *t->shift);
	t->cell = calloc(n + 1, sizeof *t->cell);
	t->kx = calloc(n + 1, sizeof *t->kx);
	t->coef = calloc(n * s->terms + 1, sizeof *t->coef);
	t->line = calloc((size_t)s->n_line + 1, sizeof *t->line);
	t->order = calloc((size_t)s->n_order + 1, sizeof *t->order);
	if (!t->shape || !t->shift || !t->cell || !t->kx || !t->coef || !t->line || !t->order)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u lines", s->n_line);
	for (uint32_t i = 0; i < s->n_shape; i++)
		fill_shape(t, m, i);
	for (uint32_t i = 0; i < s->n_line; i++)
		t->line[i].shape = p->line[m->h->first_line + i].shape;
	for (uint32_t i = 0; i < s->n_order; i++) {
		const struct line_order *q = &p->order[order + i];
		int base = (int)m->h->first_view;

		t->order[i] = (struct bloch_order){
			q->plus, q->minus, q->z, q->clear_plus, q->clear_minus, q->clear_z,
			q->view_plus < 0 ? -1 : q->view_plus - base,
			q->view_minus < 0 ? -1 : q->view_minus - base
		};
	}
	return PRECESS_OK;
}

static void free_shapes(struct shape_tables *t)
{
	free(t->shape);
	free(t->shift);
	free(t->cell);
	free(t->kx);
	free(t->coef);
	free(t->line);
	free(t->order);
}

/* Offsets as pointers: device_tables_move adds where they begin. */
static void place_all(struct device_tables *t, const struct maker *m, const struct shape_tables *f,
		      const struct bloch_series *series)
{
	struct bloch_schedule *s = &t->s;
	uint32_t c = s->n_draw, samples = s->n_shape * s->n_sample;

#define PUT(field, from, n, copies) \
	s->field = (const void *)(uintptr_t)place(t, from, sizeof *(from), n, copies)
	t->size = 0;
	PUT(epoch, m->epoch, s->n_epoch, 1);
	PUT(order, f->order, s->n_order, 1);
	PUT(group, m->group, s->n_group, 1);
	PUT(line, f->line, s->n_line, 1);
	PUT(shape, f->shape, s->n_shape, 1);
	PUT(cell, f->cell, samples, 1);
	PUT(step, m->step, s->n_epoch, c);
	PUT(look, m->look, s->n_view, c);
	PUT(lines, m->lines, s->n_group, c);
	PUT(pulse, m->pulse, s->n_pulse, c);
	PUT(field, m->field, s->n_field, c);
	PUT(series, series, 1, c);
	PUT(shift, f->shift, s->n_shape, c);
	PUT(kx, f->kx, samples, c);
	PUT(coef, f->coef, samples * s->terms, c);
#undef PUT
}

static void count(struct bloch_schedule *s, const struct line_plan *p, const struct line_history *h,
		  uint32_t copies)
{
	const struct line_epoch *last = &p->epoch[h->first_epoch + h->n_epoch - 1];

	*s = (struct bloch_schedule){ .nx = p->nx,
				      .ny = p->ny,
				      .nz = h->spins,
				      .n_draw = copies,
				      .n_slot = h->n_slot,
				      .n_epoch = h->n_epoch,
				      .n_view = h->n_view,
				      .n_line = h->n_line,
				      .n_shape = p->n_shape,
				      .n_piece = h->n_piece,
				      .terms = (uint32_t)p->series.terms };
	s->n_order = last->first_order + last->n_order - p->epoch[h->first_epoch].first_order;
	for (uint32_t i = 0; i < p->n_shape; i++)
		s->n_sample = p->shape[i].n > s->n_sample ? p->shape[i].n : s->n_sample;
}

/* As many parts as fill a device, none of fewer rows than repay the partial sums. */
static uint32_t parts(const struct bloch_schedule *s)
{
	size_t threads = (size_t)s->nx * (s->n_group ? s->n_group : 1) * s->n_draw;
	size_t n = (ENOUGH_THREADS + threads - 1) / threads, most = (size_t)s->ny / LEAST_ROWS;

	n = n > most ? most : n;
	return n ? (uint32_t)n : 1;
}

static precess_status make(struct maker *m)
{
	precess_status st;

	for (uint32_t i = 0; i < m->h->n_epoch; i++)
		if ((st = set_epoch(m, i)))
			return st;
	for (uint32_t i = m->h->first_piece; i < m->h->first_piece + m->h->n_piece; i++)
		if (!m->p->view[m->p->piece[i].view].dark && (st = add_groups(m, i)))
			return st;
	m->s->parts = parts(m->s);
	return PRECESS_OK;
}

precess_status device_tables_create(struct device_tables *t, const struct line_plan *p,
				    const struct line_history *h, uint32_t copies)
{
	struct maker m = { .p = p, .h = h, .s = &t->s };
	struct shape_tables f = { 0 };
	const struct line_series *z = &p->series;
	struct bloch_series series = { (float)z->r, (float)z->f,
				       z->scale > 0 ? (float)(1 / z->scale) : 1 };
	precess_status st;

	*t = (struct device_tables){ 0 };
	count(&t->s, p, h, copies);
	m.epoch = calloc(h->n_epoch, sizeof *m.epoch);
	m.step = calloc(h->n_epoch, sizeof *m.step);
	m.look = calloc((size_t)h->n_view + 1, sizeof *m.look);
	if (!m.epoch || !m.step || !m.look) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u epochs", h->n_epoch);
		goto out;
	}
	TRY(make(&m));
	TRY(make_shapes(&f, &m));
	place_all(t, &m, &f, &series);
	t->data = memory_aligned(t->size);
	if (!t->data) {
		st = PRECESS_ENOMEM;
		goto out;
	}
	place_all(t, &m, &f, &series);
	st = device_tables_verify(t);
out:
	free_shapes(&f);
	free(m.epoch);
	free(m.step);
	free(m.look);
	free(m.group);
	free(m.lines);
	free(m.pulse);
	free(m.field);
	free(m.build);
	if (st)
		device_tables_free(t);
	return st;
}

void device_tables_free(struct device_tables *t)
{
	free(t->data);
	t->data = NULL;
}

struct bloch_schedule device_tables_move(const struct device_tables *t, const void *base)
{
	struct bloch_schedule s = t->s;

#define MOVE(field) s.field = (const void *)((const char *)base + (uintptr_t)t->s.field)
	MOVE(epoch);
	MOVE(order);
	MOVE(group);
	MOVE(line);
	MOVE(shape);
	MOVE(cell);
	MOVE(step);
	MOVE(look);
	MOVE(lines);
	MOVE(pulse);
	MOVE(field);
	MOVE(series);
	MOVE(shift);
	MOVE(kx);
	MOVE(coef);
#undef MOVE
	return s;
}

/* ------------------------------------------------------------------ verification */
static bool order_fits(const struct bloch_schedule *s, const struct bloch_order *o)
{
	int slots = (int)s->n_slot, views = (int)s->n_view;

	return o->plus >= 0 && o->plus < slots && o->minus < slots && o->z >= 0 && o->z < slots &&
	       o->view_plus < views && o->view_minus < views;
}

static bool epoch_fits(const struct bloch_schedule *s, const struct bloch_epoch *e)
{
	bool map = e->kind == BLOCH_STORED || e->kind == BLOCH_THROUGH;

	return e->first_order + e->n_order <= s->n_order && e->first_view + e->n_view <= s->n_view &&
	       (!map || (e->pulse >= 0 && (uint32_t)e->pulse < s->n_pulse));
}

precess_status device_tables_verify(const struct device_tables *t)
{
	struct bloch_schedule s = device_tables_move(t, t->data);
	bool fits = s.n_draw && s.parts && s.terms && s.terms <= BLOCH_TERMS && s.n_slot;

	for (uint32_t i = 0; i < s.n_order; i++)
		fits &= order_fits(&s, &s.order[i]);
	for (uint32_t i = 0; i < s.n_epoch; i++)
		fits &= epoch_fits(&s, &s.epoch[i]);
	for (uint32_t i = 0; i < s.n_group; i++)
		fits &= s.group[i].view < s.n_view && s.group[i].n <= BLOCH_GROUP &&
			s.group[i].line + s.group[i].n <= s.n_line &&
			s.group[i].piece < (int)s.n_piece;
	for (uint32_t i = 0; i < s.n_line; i++)
		fits &= s.line[i].shape < s.n_shape && s.shape[s.line[i].shape].n <= s.n_sample;
	for (uint32_t i = 0; i < s.n_shape * s.n_sample; i++)
		fits &= s.cell[i] < (uint32_t)s.nx;
	for (uint32_t i = 0; i < s.n_pulse; i++)
		fits &= s.pulse[i].first + s.pulse[i].n <= s.n_field;
	return fits ? PRECESS_OK :
		      precess_fail(PRECESS_EINVAL, "an index of the launch tables is out of bounds");
}

/* ------------------------------------------------------------------ maps */
precess_status device_spins(float **out, const struct line_plan *p, uint32_t copies)
{
	float *const *map = p->sim->maps->map;
	const float *m0 = map[PROGRAM_MAP_M0], *t1 = map[PROGRAM_MAP_T1];
	const float *t2 = map[PROGRAM_MAP_T2], *b1 = map[PROGRAM_MAP_B1];
	const float *tp = p->sim->decays_t2p ? map[PROGRAM_MAP_T2p] : NULL;
	const float *f = map[PROGRAM_MAP_dB0];
	size_t n = (size_t)p->nx * (size_t)p->ny;
	float *to = *out = memory_aligned(copies * BLOCH_MAPS * n * sizeof *to);

	if (!to)
		return PRECESS_ENOMEM;
	/* what maps hold where M0 = 0 is nobody's business: it may be no number */
	for (size_t i = 0; i < n; i++) {
		bool there = !m0 || m0[i] > 0;
		float r2 = there ? (t2 ? 1 / t2[i] : 0) + (tp ? 1 / tp[i] : 0) : 0;

		to[i] = there ? (m0 ? m0[i] : 1) : 0;
		to[n + i] = there && t1 ? 1 / t1[i] : 0;
		to[2 * n + i] = (double)r2 < p->fastest ? r2 : (float)p->fastest;
		to[3 * n + i] = there && f ? f[i] : 0;
		to[4 * n + i] = there && b1 ? b1[i] : 1;
	}
	for (uint32_t c = 1; c < copies; c++)
		memcpy(to + c * BLOCH_MAPS * n, to, BLOCH_MAPS * n * sizeof *to);
	return PRECESS_OK;
}
