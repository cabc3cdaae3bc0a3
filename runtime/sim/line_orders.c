/* Through the slice: coherence orders, or spins.
 *
 * The maps do not depend on z. When every moment along z is a whole number of cycles over the slice
 * and no pulse sees z, the state is a Fourier series along z, and what a readout sees is one of its
 * coefficients: exact, as if the spins through the slice were infinitely many. An order can be left
 * out when nothing sends it back to a readout in time. Spins through the slice agree with this as
 * long as no order is a non-zero multiple of their number. Where one is, what it holds counts as an
 * error, and when that is much the spins themselves are what was asked for, and are simulated. */
#include "runtime/sim/epg.h"
#include "runtime/sim/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS_LIMIT = 1024 };
static const double alias_share = 0.15; /* of the tolerance, in M0 */

/* Which orders exist after the pulse of each epoch, and which of them matter. */
struct orders {
	const struct line_plan *p;
	struct line_history *h;
	long *moment, *target; /* of each epoch; of each view; in units */
	long unit, k;          /* cycles; largest |order| */
	uint8_t *f, *z;        /* [epoch][order + k], [epoch][order]: exists */
	uint8_t *need_f, *need_z;
	int *slot_f, *slot_z, *next_f;
	uint8_t *taken; /* slots */
	double alias;
};

static bool whole(long *out, double cycles)
{
	*out = lround(cycles);
	return fabs(cycles - (double)*out) < 1e-9 * (1 + fabs(cycles));
}

static long gcd(long a, long b)
{
	while (b) {
		long t = a % b;

		a = b;
		b = t;
	}
	return labs(a);
}

static uint8_t *row_f(const struct orders *o, uint8_t *base, uint32_t e)
{
	return base + (size_t)e * (size_t)(2 * o->k + 1) + o->k;
}

static uint8_t *row_z(const struct orders *o, uint8_t *base, uint32_t e)
{
	return base + (size_t)e * (size_t)(o->k + 1);
}

/* Moments in units; false when they are not whole, or a pulse sees z. */
static bool measure(struct orders *o)
{
	const struct line_history *h = o->h;
	double slice = o->p->sim->slice;
	long sum = 0;

	o->unit = 0;
	for (uint32_t i = 0; i < h->n_epoch; i++) {
		const struct line_epoch *e = &o->p->epoch[h->first_epoch + i];

		if (e->pulse >= 0 && o->p->build[e->pulse].through)
			return false;
		if (!whole(&o->moment[i], e->kz * slice))
			return false;
		o->unit = gcd(o->unit, o->moment[i]);
	}
	for (uint32_t i = 0; i < h->n_view; i++) {
		if (!whole(&o->target[i], -o->p->view[h->first_view + i].kz * slice))
			return false;
		o->unit = gcd(o->unit, o->target[i]);
	}
	o->unit = o->unit ? o->unit : 1;
	for (uint32_t i = 0; i < h->n_epoch; i++) {
		o->moment[i] /= o->unit;
		sum += labs(o->moment[i]);
	}
	o->k = sum;
	for (uint32_t i = 0; i < h->n_view; i++) {
		o->target[i] /= o->unit;
		o->k = labs(o->target[i]) > o->k ? labs(o->target[i]) : o->k;
	}
	return o->k <= ORDERS_LIMIT;
}

static void find_existing(struct orders *o)
{
	const struct line_history *h = o->h;
	long j, k = o->k;

	for (uint32_t i = 0; i < h->n_epoch; i++) {
		uint8_t *f = row_f(o, o->f, i), *z = row_z(o, o->z, i);

		if (i == 0)
			z[0] = 1;
		else
			memcpy(z, row_z(o, o->z, i - 1), (size_t)k + 1);
		for (j = -k; i && j <= k; j++) {
			long from = j - o->moment[i - 1];

			f[j] = labs(from) <= k && row_f(o, o->f, i - 1)[from];
		}
		if (o->p->epoch[h->first_epoch + i].pulse < 0)
			continue;
		for (j = 0; j <= k; j++)
			f[j] = f[-j] = z[j] = f[j] | f[-j] | z[j];
	}
}

/* Fills what each epoch's readouts and later epochs need, from the end. */
static void find_needed(struct orders *o)
{
	const struct line_history *h = o->h;
	long j, k = o->k;

	for (uint32_t i = h->n_epoch; i-- > 0;) {
		uint8_t *f = row_f(o, o->need_f, i), *z = row_z(o, o->need_z, i);

		for (uint32_t v = 0; v < h->n_view; v++)
			if (o->p->view[h->first_view + v].epoch == i)
				f[o->target[v]] = 1;
		for (j = -k; i + 1 < h->n_epoch && j <= k; j++) {
			long to = j + o->moment[i], order = labs(to);
			const uint8_t *later = row_f(o, o->need_f, i + 1);
			const uint8_t *later_z = row_z(o, o->need_z, i + 1);
			bool mixes = o->p->epoch[h->first_epoch + i + 1].pulse >= 0;

			if (order <= k && (later[to] || (mixes && (later[-to] || later_z[order]))))
				f[j] = 1;
			if (j >= 0 && (later_z[j] || (mixes && (later[j] || later[-j]))))
				z[j] = 1;
		}
		for (j = -k; j <= k; j++) {
			f[j] &= row_f(o, o->f, i)[j];
			if (j >= 0)
				z[j] &= row_z(o, o->z, i)[j];
		}
	}
}

/* Whether the spins that were asked for could see something else: an order that is a multiple of
 * their number. */
static bool may_alias(const struct orders *o)
{
	for (uint32_t v = 0; v < o->h->n_view; v++) {
		const uint8_t *f = row_f(o, o->f, o->p->view[o->h->first_view + v].epoch);

		for (long j = -o->k; j <= o->k; j++)
			if (f[j] && j != o->target[v] &&
			    (j - o->target[v]) * o->unit % o->p->sim->nz == 0)
				return true;
	}
	return false;
}

static void add_aliases(void *context, uint32_t epoch, const struct epg_state *f, size_t n)
{
	struct orders *o = context;
	const struct line_history *h = o->h;
	uint32_t first = o->p->sim->draw->program->history[h->index].first_epoch;

	for (uint32_t v = 0; v < h->n_view; v++) {
		double sum = 0;

		if (o->p->view[h->first_view + v].epoch != epoch - first)
			continue;
		for (size_t i = 0; i < n; i++) {
			long j = lround(f[i].k[2] * o->p->sim->slice) - o->target[v] * o->unit;

			if (j && j % o->p->sim->nz == 0)
				sum += hypot(f[i].re, f[i].im);
		}
		o->alias = fmax(o->alias, sum);
	}
}

/* How much of M0 those orders hold, by extended phase graphs without relaxation. Recovery between
 * pulses feeds the same orders again: twice is more than it can. */
static double aliased(struct orders *o)
{
	enum { STEPS = 4 };
	const struct sim_plan *sim = o->p->sim;
	const struct cpu_survey *v = &sim->survey;
	double off = sim->maps->map[PROGRAM_MAP_dB0] && sim->n_live
			     ? (double)fmaxf(fabsf(v->lo[CPU_F]), fabsf(v->hi[CPU_F])) : 0;
	const double question[] = { SIM_MEMO_ALIAS, o->h->index, sim->nz, o->p->b1[0], o->p->b1[1],
				    off };

	o->alias = 0;
	if (!may_alias(o) ||
	    sim_memo_find(&o->alias, NULL, sim->draw, question, PRECESS_COUNT(question)))
		return o->alias;
	for (int i = 0; i <= STEPS; i++) {
		struct epg_field f = { .b1 = o->p->b1[0] + (o->p->b1[1] - o->p->b1[0]) * i / STEPS };

		for (int k = 0; k < (off > 0 ? 2 : 1); k++, f.dB0 = off)
			if (epg_run(o->p->sim->draw, o->h->index, f, 1e-8, add_aliases, o))
				return INFINITY;
	}
	o->alias *= 2;
	sim_memo_keep(o->alias, "", sim->draw, question, PRECESS_COUNT(question));
	return o->alias;
}

static bool order_needed(const struct orders *o, uint32_t i, long j)
{
	return row_f(o, o->need_f, i)[j] || row_f(o, o->need_f, i)[-j] || row_z(o, o->need_z, i)[j];
}

/* ------------------------------------------------------------------ slots */
static int take_slot(struct orders *o, bool *clear)
{
	int s = 0;

	*clear = true;
	while (o->taken[s])
		s++;
	o->taken[s] = 1;
	o->h->n_slot = (uint32_t)s + 1 > o->h->n_slot ? (uint32_t)s + 1 : o->h->n_slot;
	return s;
}

static void drop_slot(struct orders *o, int *slot)
{
	if (*slot >= 0)
		o->taken[*slot] = 0;
	*slot = -1;
}

static precess_status add_order(struct orders *o, struct line_plan *p, uint32_t i, long j)
{
	struct line_order *q = line_append(&p->order, &p->n_order, sizeof *q);
	const struct line_history *h = o->h;

	if (!q)
		return PRECESS_ENOMEM;
	*q = (struct line_order){ .minus = -1, .view_plus = -1, .view_minus = -1 };
	if (o->slot_f[j] < 0)
		o->slot_f[j] = take_slot(o, &q->clear_plus);
	if (j && o->slot_f[-j] < 0)
		o->slot_f[-j] = take_slot(o, &q->clear_minus);
	if (o->slot_z[j] < 0)
		o->slot_z[j] = take_slot(o, &q->clear_z);
	q->plus = o->slot_f[j];
	q->minus = j ? o->slot_f[-j] : -1;
	q->z = o->slot_z[j];
	for (uint32_t v = 0; v < h->n_view; v++) {
		struct line_view *view = &p->view[h->first_view + v];

		if (view->epoch != i || labs(o->target[v]) != j)
			continue;
		view->dark = false;
		if (o->target[v] >= 0)
			q->view_plus = (int)(h->first_view + v);
		else
			q->view_minus = (int)(h->first_view + v);
	}
	return PRECESS_OK;
}

/* After the pulse of epoch i only what a later epoch needs keeps its slot; then F moves on. */
static void advance(struct orders *o, uint32_t i)
{
	long j, k = o->k;

	for (j = -k; j <= k; j++)
		o->next_f[j] = -1;
	for (j = -k; j <= k; j++) {
		long to = j + o->moment[i];

		if (labs(to) > k || !order_needed(o, i + 1, labs(to)))
			drop_slot(o, &o->slot_f[j]);
		else
			o->next_f[to] = o->slot_f[j];
	}
	memcpy(o->slot_f - k, o->next_f - k, (size_t)(2 * k + 1) * sizeof *o->slot_f);
	for (j = 0; j <= k; j++)
		if (!order_needed(o, i + 1, j))
			drop_slot(o, &o->slot_z[j]);
}

static precess_status assign(struct orders *o, struct line_plan *p)
{
	struct line_history *h = o->h;
	precess_status st;
	bool clear;

	for (long j = -o->k; j <= o->k; j++)
		o->slot_f[j] = -1;
	for (long j = 0; j <= o->k; j++)
		o->slot_z[j] = -1;
	o->slot_z[0] = take_slot(o, &clear); /* slot 0 starts as M0 */
	for (uint32_t i = 0; i < h->n_epoch; i++) {
		struct line_epoch *e = &p->epoch[h->first_epoch + i];

		e->first_order = p->n_order;
		for (long j = 0; j <= o->k; j++)
			if (order_needed(o, i, j) && (st = add_order(o, p, i, j)))
				return st;
		e->n_order = p->n_order - e->first_order;
		h->orders = (int)e->n_order > h->orders ? (int)e->n_order : h->orders;
		if (i + 1 < h->n_epoch)
			advance(o, i);
	}
	return PRECESS_OK;
}

static double cost(const struct orders *o)
{
	double sum = 0;

	for (uint32_t i = 0; i < o->h->n_epoch; i++)
		for (long j = 0; j <= o->k; j++)
			sum += order_needed(o, i, j) ? (j ? 2 : 1) : 0;
	return sum;
}

/* One ordinary spin after another: slot 0 is Mz, slot 1 the transverse part. */
static precess_status spins(struct line_plan *p, struct line_history *h)
{
	h->spins = p->sim->nz;
	h->n_slot = 2;
	for (uint32_t i = 0; i < h->n_epoch; i++) {
		struct line_order *q = line_append(&p->order, &p->n_order, sizeof *q);

		if (!q)
			return PRECESS_ENOMEM;
		*q = (struct line_order){ .plus = 1,
					  .minus = -1,
					  .clear_plus = i == 0,
					  .view_plus = -1,
					  .view_minus = -1 };
		p->epoch[h->first_epoch + i].first_order = p->n_order - 1;
		p->epoch[h->first_epoch + i].n_order = 1;
	}
	for (uint32_t v = 0; v < h->n_view; v++)
		p->view[h->first_view + v].dark = false;
	return PRECESS_OK;
}

precess_status line_orders(struct line_plan *p, struct line_history *h)
{
	struct orders o = { .p = p, .h = h };
	precess_status st = PRECESS_OK;
	uint8_t *sets = NULL;
	int *slots = NULL;
	size_t n = h->n_epoch, nf, nz;
	double alias;

	o.moment = malloc((n + h->n_view + 1) * sizeof *o.moment);
	if (!o.moment)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	o.target = o.moment + n;
	if (p->sim->nz == 1 || !measure(&o)) {
		st = spins(p, h);
		goto out;
	}
	nf = (size_t)(2 * o.k + 1);
	nz = (size_t)(o.k + 1);
	sets = calloc(2 * n * (nf + nz) + 3 * nf, 1);
	slots = malloc((2 * nf + nz) * sizeof *slots);
	if (!sets || !slots) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %ld coherence orders", o.k);
		goto out;
	}
	o.f = sets;
	o.need_f = o.f + n * nf;
	o.z = o.need_f + n * nf;
	o.need_z = o.z + n * nz;
	o.taken = o.need_z + n * nz;
	o.slot_f = slots + o.k;
	o.next_f = slots + nf + o.k;
	o.slot_z = slots + 2 * nf;
	find_existing(&o);
	find_needed(&o);
	alias = aliased(&o);
	if (alias > alias_share * p->sim->tolerance || cost(&o) > (double)p->sim->nz * (double)n) {
		st = spins(p, h);
	} else {
		p->alias = fmax(p->alias, alias);
		st = assign(&o, p);
	}
out:
	free(o.moment);
	free(sets);
	free(slots);
	return st;
}
