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

static float fraction(double turns)
{
	return (float)(turns - rint(turns));
}

struct spin_free device_free(const struct line_plan *p, double t, double kx, double ky,
			     double phase)
{
	const double *fov = p->sim->maps->fov;

	return (struct spin_free){ .t = spin_split(t),
				   .kx = spin_split(kx * fov[0] / (2.0 * p->nx)),
				   .ky = spin_split(ky * fov[1] / (2.0 * p->ny)),
				   .phase = fraction(phase / tau) };
}

/* ------------------------------------------------------------------ epochs and views */
static precess_status set_epoch(struct device_maker *m, uint32_t i)
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
		m->step[i].free_ = device_free(p, b->t, b->k[0], b->k[1], b->phase);
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
	return device_pulse(m, i);
}

uint32_t device_view(const struct device_maker *m, const struct line_piece *q)
{
	return bloch_view(m->s, q->view - m->h->first_view, m->s->n_coil ? q->coil : -1);
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

static precess_status add_groups(struct device_maker *m, uint32_t piece)
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
		*g = (struct bloch_group){ .view = device_view(m, q),
					   .line = q->first + i - m->h->first_line,
					   .n = n,
					   .piece = i ? -1 : (int)(piece - m->h->first_piece) };
		to->first = device_free(p, l->time, 0, l->ky, 0);
		if (n > 1)
			to->ratio = device_free(p, l[1].time - l->time, 0, l[1].ky - l->ky, 0);
		for (uint32_t k = 0; k < n; k++)
			m->line[g->line + k].maker = BLOCH_GROUPED;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ shapes */
static void fill_shape(struct device_maker *m, uint32_t i)
{
	const struct line_plan *p = m->p;
	const struct line_shape *f = &p->shape[i];
	const struct bloch_schedule *s = m->s;
	double fov = p->sim->maps->fov[0];

	m->shape[i] = (struct bloch_shape){ .n = f->n, .uniform = f->uniform };
	m->shift[i] = spin_split(f->uniform ? f->shift / (2.0 * p->nx) : 0);
	for (uint32_t k = 0; k < f->n; k++) {
		size_t at = (size_t)i * s->n_sample + k;

		m->cell[at] = f->uniform ? f->cell[k] : 0;
		m->kx[at] = spin_split(f->kx[k] * fov / (2.0 * p->nx));
		for (uint32_t j = 0; j < s->terms; j++) {
			const double *c = f->coef + 2 * ((size_t)j * f->n + k);
			struct spin_complex *to =
				&m->coef[((size_t)i * s->terms + j) * s->n_sample + k];

			to->re = (float)c[0];
			to->im = (float)c[1];
		}
	}
}

static void fill_orders(struct device_maker *m)
{
	const struct line_plan *p = m->p;
	uint32_t first = p->epoch[m->h->first_epoch].first_order;

	for (uint32_t i = 0; i < m->s->n_order; i++) {
		const struct line_order *q = &p->order[first + i];
		int base = (int)m->h->first_view;

		m->order[i] = (struct bloch_order){ q->plus,
						    q->minus,
						    q->z,
						    q->clear_plus,
						    q->clear_minus,
						    q->clear_z,
						    q->view_plus < 0 ? -1 : q->view_plus - base,
						    q->view_minus < 0 ? -1 : q->view_minus - base };
	}
}

/* ------------------------------------------------------------------ one block */
/* Offsets as pointers, device_tables_move adds where they begin. `from` holds the arrays of `n_from`
 * draws in turn, each in a block of its own; only counts as long as there is no block. */
static void place_all(struct device_tables *t, const struct device_maker *from, uint32_t n_from)
{
	struct bloch_schedule *s = &t->s;

	t->size = 0;
#define PLACE(type, name, items, copies)                                                    \
	{                                                                                   \
		size_t bytes = sizeof(type) * (size_t)(items);                              \
                                                                                            \
		s->name = (const type *)(uintptr_t)t->size;                                 \
		for (uint32_t i = 0; i < (copies) && bytes; i++) {                          \
			if (t->data && from[i].name)                                        \
				memcpy(t->data + t->size + i * bytes, from[i].name, bytes); \
		}                                                                           \
		t->size = (t->size + bytes * (copies) + ALIGNED - 1) / ALIGNED * ALIGNED;   \
	}
#define FIXED(type, name, count) PLACE(type, name, count, 1)
#define DRAWN(type, name, count) PLACE(type, name, count, n_from)
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
#undef PLACE
}

static precess_status pack(struct device_tables *t, const struct device_maker *from, uint32_t n)
{
	place_all(t, from, n);
	t->data = memory_aligned(t->size);
	if (!t->data)
		return PRECESS_ENOMEM;
	place_all(t, from, n);
	return device_tables_verify(t);
}

static void count(struct bloch_schedule *s, const struct line_plan *p, const struct line_history *h)
{
	const struct line_epoch *last = &p->epoch[h->first_epoch + h->n_epoch - 1];

	*s = (struct bloch_schedule){ .nx = p->nx,
				      .ny = p->ny,
				      .nz = h->spins,
				      .n_draw = 1,
				      .n_slot = h->n_slot,
				      .n_epoch = h->n_epoch,
				      .n_look = h->n_view,
				      .n_coil = p->sim->maps->sensitivity
							? (uint32_t)p->sim->n_coil
							: 0 };
	s->n_view = h->n_view * (1 + s->n_coil);
	s->n_order = last->first_order + last->n_order - p->epoch[h->first_epoch].first_order;
	if (p->views_only)
		return;
	s->n_line = h->n_line;
	s->n_shape = p->n_shape;
	s->n_piece = h->n_piece;
	s->terms = (uint32_t)p->series.terms;
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

static precess_status make_lines(struct device_maker *m)
{
	const struct line_plan *p = m->p;
	const struct line_history *h = m->h;
	precess_status st;

	for (uint32_t i = 0; i < m->s->n_shape; i++)
		fill_shape(m, i);
	for (uint32_t i = 0; i < m->s->n_line; i++)
		m->line[i].shape = p->line[h->first_line + i].shape;
	if ((st = device_trains(m)) || (st = device_fans(m)))
		return st;
	for (uint32_t i = h->first_piece; i < h->first_piece + h->n_piece; i++) {
		const struct line_piece *q = &p->piece[i];

		if (!p->view[q->view].dark &&
		    m->line[q->first - h->first_line].maker == BLOCH_DARK &&
		    (st = add_groups(m, i)))
			return st;
	}
	return PRECESS_OK;
}

static precess_status make(struct device_maker *m)
{
	const struct line_plan *p = m->p;
	const struct line_series *z = &p->series;
	precess_status st;

	*m->series = (struct bloch_series){ (float)z->r, (float)z->f,
					    z->scale > 0 ? (float)(1 / z->scale) : 1 };
	fill_orders(m);
	for (uint32_t i = 0; i < m->h->n_epoch; i++)
		if ((st = set_epoch(m, i)))
			return st;
	device_store_pulses(m);
	st = p->views_only ? device_rays(m) : make_lines(m);
	m->s->parts = parts(m->s);
	return st;
}

/* The arrays whose sizes are known beforehand; the others grow. */
static bool reserve(struct device_maker *m)
{
	const struct bloch_schedule *s = m->s;
	size_t samples = (size_t)s->n_shape * s->n_sample;

#define ARRAY(name, n) (m->name = calloc((size_t)(n) + 1, sizeof *m->name))
	return ARRAY(epoch, s->n_epoch) && ARRAY(step, s->n_epoch) && ARRAY(look, s->n_look) &&
	       ARRAY(order, s->n_order) && ARRAY(line, s->n_line) && ARRAY(shape, s->n_shape) &&
	       ARRAY(shift, s->n_shape) && ARRAY(cell, samples) && ARRAY(kx, samples) &&
	       ARRAY(coef, samples * s->terms) && ARRAY(series, 1) &&
	       ARRAY(taps, BLOCH_TAP_TABLES * BLOCH_TAP_TABLE);
#undef ARRAY
}

static void erase(struct device_maker *m)
{
#define FIXED(type, name, count) free(m->name);
#define DRAWN(type, name, count) free(m->name);
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
	free(m->build);
}

/* A map that is squared doubles what it is wrong by, and errors of different steps add up as
 * squares. */
static double rounding_steps(const struct device_maker *m)
{
	double sum = 0;

	for (uint32_t i = 0; i < m->s->n_epoch; i++) {
		const struct bloch_pulse_numbers *q = m->epoch[i].pulse < 0
							      ? NULL
							      : &m->pulse[m->epoch[i].pulse];

		for (uint32_t k = 0; q && k < q->n; k++)
			sum += ldexp(1, 2 * m->field[q->first + k].halvings);
	}
	return sum;
}

precess_status device_tables_create(struct device_tables *t, const struct line_plan *p,
				    const struct line_history *h)
{
	struct device_maker m = { .p = p, .h = h, .s = &t->s };
	precess_status st;

	*t = (struct device_tables){ 0 };
	count(&t->s, p, h);
	if (!reserve(&m)) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u epochs", h->n_epoch);
		goto out;
	}
	TRY(make(&m));
	TRY(pack(t, &m, 1));
	t->fan_error = m.fan_error;
	t->steps = rounding_steps(&m);
out:
	erase(&m);
	if (st)
		device_tables_free(t);
	return st;
}

/* ------------------------------------------------------------------ batches */
/* The counts and the sizes alone. */
static struct bloch_schedule bare(const struct device_tables *t)
{
	struct bloch_schedule s = t->s;

#define FIXED(type, name, count) s.name = NULL;
#define DRAWN(type, name, count) s.name = NULL;
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
	return s;
}

bool device_tables_alike(const struct device_tables *a, const struct device_tables *b)
{
	struct bloch_schedule x = bare(a), y = bare(b), *s = &x;
	struct bloch_schedule u = device_tables_move(a, a->data),
			      v = device_tables_move(b, b->data);

	if (memcmp(&x, &y, sizeof x))
		return false;
#define FIXED(type, name, count)                                    \
	if (memcmp(u.name, v.name, sizeof(type) * (size_t)(count))) \
		return false;
#define DRAWN(type, name, count)
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
	return true;
}

precess_status device_tables_join(struct device_tables *out, const struct device_tables *t,
				  uint32_t n)
{
	struct device_maker *from = calloc(n, sizeof *from);
	precess_status st;

	*out = (struct device_tables){ .s = bare(t) };
	if (!from)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u draws", n);
	for (uint32_t i = 0; i < n; i++) {
		struct bloch_schedule s = device_tables_move(&t[i], t[i].data);

#define FIXED(type, name, count) from[i].name = (type *)(uintptr_t)s.name;
#define DRAWN(type, name, count) from[i].name = (type *)(uintptr_t)s.name;
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
		out->fan_error = fmax(out->fan_error, t[i].fan_error);
		out->steps = fmax(out->steps, t[i].steps);
	}
	out->s.n_draw = n;
	out->s.parts = parts(&out->s);
	st = pack(out, from, n);
	free(from);
	if (st)
		device_tables_free(out);
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

#define FIXED(type, name, count) \
	s.name = (const type *)(const void *)((const char *)base + (uintptr_t)t->s.name);
#define DRAWN(type, name, count) FIXED(type, name, count)
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
	return s;
}

/* ------------------------------------------------------------------ verification */
static bool order_fits(const struct bloch_schedule *s, const struct bloch_order *o)
{
	int slots = (int)s->n_slot, views = (int)s->n_look;

	return o->plus >= 0 && o->plus < slots && o->minus < slots && o->z >= 0 && o->z < slots &&
	       o->view_plus < views && o->view_minus < views;
}

static bool epoch_fits(const struct bloch_schedule *s, const struct bloch_epoch *e)
{
	bool map = e->kind == BLOCH_STORED || e->kind == BLOCH_STEPS;

	return e->first_order + e->n_order <= s->n_order &&
	       e->first_view + e->n_view <= s->n_look &&
	       (!map || (e->pulse >= 0 && (uint32_t)e->pulse < s->n_pulse)) &&
	       (e->kind != BLOCH_STORED || (uint32_t)e->pulse < s->n_map);
}

/* Lines [line, line + n) of a view, all made by `maker`. */
static bool lines_fit(const struct bloch_schedule *s, uint32_t view, uint32_t line, uint32_t n,
		      int maker)
{
	if (view >= s->n_view || line + n > s->n_line || !n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (s->line[line + i].maker != maker)
			return false;
	return true;
}

static bool lists_fit(const struct bloch_schedule *s)
{
	bool fits = true;

	for (uint32_t i = 0; i < s->n_order; i++)
		fits &= order_fits(s, &s->order[i]);
	for (uint32_t i = 0; i < s->n_epoch; i++)
		fits &= epoch_fits(s, &s->epoch[i]);
	for (uint32_t i = 0; i < s->n_group; i++)
		fits &= lines_fit(s, s->group[i].view, s->group[i].line, s->group[i].n,
				  BLOCH_GROUPED) &&
			s->group[i].n <= BLOCH_GROUP && s->group[i].piece < (int)s->n_piece;
	for (uint32_t i = 0; i < s->n_train; i++) {
		const struct bloch_train *t = &s->train[i];

		fits &= lines_fit(s, t->view, t->line, t->n, BLOCH_TRAIN) && t->center < t->cells &&
			t->n <= t->cells / 2 && t->cells % 2 == 0 && t->cells >= 2 * BLOCH_TAPS &&
			t->divide + s->rates * t->n <= s->n_divide;
	}
	for (uint32_t i = 0; i < s->n_fan; i++)
		fits &= lines_fit(s, s->fan[i].view, s->fan[i].line, s->fan[i].n, BLOCH_FAN) &&
			s->line[s->fan[i].line].shape == s->fan_shape;
	for (uint32_t i = 0; i < s->n_ray; i++)
		fits &= s->ray[i].view < s->n_view && s->ray[i].n <= BLOCH_RAY &&
			s->ray[i].sample + s->ray[i].n <= s->n_signal;
	return fits;
}

precess_status device_tables_verify(const struct device_tables *t)
{
	struct bloch_schedule s = device_tables_move(t, t->data);
	bool fits = s.n_draw && s.parts && s.n_slot &&
		    (s.n_ray || (s.terms && s.terms <= BLOCH_TERMS)) && lists_fit(&s);

	for (uint32_t i = 0; i < s.n_line; i++)
		fits &= s.line[i].shape < s.n_shape && s.shape[s.line[i].shape].n <= s.n_sample;
	for (uint32_t i = 0; i < s.n_shape * s.n_sample; i++)
		fits &= s.cell[i] < (uint32_t)s.nx;
	for (uint32_t i = 0; i < s.n_pulse * s.n_draw; i++)
		fits &= s.pulse[i].first + s.pulse[i].n <= s.n_field;
	if (s.n_fan)
		fits &= s.fan_shape < s.n_shape && s.fan_cells % 2 == 0 &&
			s.fan_cells >= 2 * BLOCH_TAPS && s.shape[s.fan_shape].n <= s.fan_cells / 2;
	return fits ? PRECESS_OK
		    : precess_fail(PRECESS_EINVAL,
				   "an index of the launch tables is out of bounds");
}

/* ------------------------------------------------------------------ maps */
void device_coils(float *to, const struct line_plan *p)
{
	const struct maps *m = p->sim->maps;
	const float *m0 = m->map[PROGRAM_MAP_M0], *from = m->sensitivity;
	size_t n = (size_t)p->nx * (size_t)p->ny;

	for (int c = 0; from && c < m->n_coil; c++, from += 2 * n, to += 2 * n)
		for (size_t i = 0; i < n; i++) {
			bool there = !m0 || m0[i] > 0;

			to[i] = there ? from[2 * i] : 0;
			to[n + i] = there ? from[2 * i + 1] : 0;
		}
}

void device_spins(float *to, const struct line_plan *p)
{
	float *const *map = p->sim->maps->map;
	const float *m0 = map[PROGRAM_MAP_M0], *t1 = map[PROGRAM_MAP_T1];
	const float *t2 = map[PROGRAM_MAP_T2], *b1 = map[PROGRAM_MAP_B1];
	const float *tp = p->sim->decays_t2p ? map[PROGRAM_MAP_T2p] : NULL;
	const float *f = map[PROGRAM_MAP_dB0];
	size_t n = (size_t)p->nx * (size_t)p->ny;

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
}
