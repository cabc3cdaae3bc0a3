/* From the kernel schedule to the work of the line method: lines of equal shape, the views that
 * epochs must give, pieces of lines whose weights follow from each other, tables over x and y. */
#include "runtime/sim/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

enum {
	RUN_LINES = 32, /* weights are computed afresh after so many: rounding grows with the run */
	RUN_SHORTEST = 3, /* below, afresh each time is as cheap */
	FAN_LINES = 64,
	CACHED_PLANES = 192
};

/* ------------------------------------------------------------------ shapes */
static bool same_list(const double *a, const double *b, uint32_t n, double tolerance)
{
	for (uint32_t i = 0; i < n; i++)
		if (fabs(a[i] - b[i]) > tolerance)
			return false;
	return true;
}

/* Whether the samples lie on the cells of the transform, moved by one shift. */
static void find_spacing(struct line_shape *s, double fov)
{
	double step = s->n > 1 ? (s->kx[s->n - 1] - s->kx[0]) * fov / (s->n - 1) : 0;

	s->dq = (int)lround(step);
	s->q = (long)floor(s->kx[0] * fov + 1e-9);
	s->shift = s->kx[0] * fov - (double)s->q;
	if (fabs(s->shift) < 1e-9)
		s->shift = 0;
	s->uniform = fabs(step) < 1e6;
	for (uint32_t i = 0; i < s->n && s->uniform; i++)
		s->uniform = fabs(s->kx[i] * fov - ((double)s->q + s->shift + (double)s->dq * i)) <
			     1e-8;
}

/* Index of the shape of these samples, found among the latest or new; takes kx and tau. */
static int take_shape(struct line_plan *p, double *kx, double *times, uint32_t n)
{
	struct line_shape *s;
	uint32_t i;

	for (i = 0; i < 8 && i < p->n_shape; i++) {
		s = &p->shape[p->n_shape - 1 - i];
		if (s->n == n && same_list(s->kx, kx, n, 1e-10 / p->sim->maps->fov[0]) &&
		    same_list(s->tau, times, n, 1e-13)) {
			free(kx);
			free(times);
			return (int)(p->n_shape - 1 - i);
		}
	}
	s = line_append(&p->shape, &p->n_shape, sizeof *s);
	if (!s) {
		free(kx);
		free(times);
		return -1;
	}
	s->n = n;
	s->kx = kx;
	s->tau = times;
	s->half = fmax(fabs(times[0]), fabs(times[n - 1]));
	find_spacing(s, p->sim->maps->fov[0]);
	return (int)(p->n_shape - 1);
}

static precess_status add_line(struct line_plan *p, uint32_t readout)
{
	const struct draw *d = p->sim->draw;
	uint32_t n = d->program->event[d->program->readout[readout].event].n, i;
	double *k = malloc(3 * (size_t)n * sizeof *k), *times = malloc((size_t)n * sizeof *times),
	       t;
	struct line_line *l = line_append(&p->line, &p->n_line, sizeof *l);
	int shape;

	if (!k || !times || !l) {
		free(k);
		free(times);
		return precess_fail(PRECESS_ENOMEM, "out of memory for readout %u", readout);
	}
	draw_readout(d, readout, k, times);
	t = 0.5 * (times[0] + times[n - 1]);
	*l = (struct line_line){ .readout = readout, .time = t, .ky = k[1], .kz = k[2] };
	for (i = 0; i < n; i++) {
		k[i] = k[3 * i];
		times[i] -= t;
	}
	shape = take_shape(p, k, times, n);
	if (shape < 0)
		return PRECESS_ENOMEM;
	l->shape = (uint32_t)shape;
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ pieces */
static int by_view(const void *a, const void *b)
{
	const struct line_line *x = a, *y = b;

	if (fabs(x->kz - y->kz) > 1e-9)
		return x->kz < y->kz ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->readout > y->readout) - (x->readout < y->readout);
}

static bool together(const struct line_line *a, const struct line_line *b)
{
	return fabs(a->time - b->time) < 1e-13;
}

/* How many lines from l on, of n, step evenly in time and ky. */
static uint32_t run_length(const struct line_line *l, uint32_t n, double fov)
{
	double period, dky;
	uint32_t i;

	if (n < 2)
		return n;
	period = l[1].time - l[0].time;
	dky = l[1].ky - l[0].ky;
	for (i = 1; i < n; i++)
		if (period < 1e-12 || fabs(l[i].time - l[0].time - i * period) > 1e-12 ||
		    fabs(l[i].ky - l[0].ky - i * dky) * fov > 1e-9)
			break;
	return i;
}

/* A piece with its factor from the pulse to line `first`. */
static struct line_piece *add_piece(struct line_plan *p, struct line_history *h, uint32_t first,
				    uint32_t n, uint32_t view, double ky)
{
	struct line_build weight = {
		.kind = LINE_FACTOR, .t = p->line[first].time, .k = { 0, ky }, .pulse = UINT32_MAX
	};
	struct line_piece *q = line_append(&p->piece, &p->n_piece, sizeof *q);

	if (!q)
		return NULL;
	*q = (struct line_piece){ .view = view, .first = first, .n = n, .ratio = -1 };
	q->weight = line_add_build(p, h, &weight);
	return q->weight == -2 ? NULL : q;
}

static precess_status add_run(struct line_plan *p, struct line_history *h, uint32_t first,
			      uint32_t n, uint32_t view)
{
	const struct line_line *l = &p->line[first];
	struct line_build ratio = { .kind = LINE_FACTOR,
				    .cached = true,
				    .t = l[1].time - l[0].time,
				    .k = { 0, l[1].ky - l[0].ky },
				    .pulse = UINT32_MAX };
	int build = line_add_build(p, h, &ratio);

	for (uint32_t i = 0; i < n; i += RUN_LINES) {
		struct line_piece *q = add_piece(
			p, h, first + i, n - i < RUN_LINES ? n - i : RUN_LINES, view, l[i].ky);

		if (!q || build == -2)
			return PRECESS_ENOMEM;
		q->run = true;
		q->ratio = build;
	}
	return PRECESS_OK;
}

static precess_status add_fan(struct line_plan *p, struct line_history *h, uint32_t first,
			      uint32_t n, uint32_t view)
{
	struct line_piece *q = add_piece(p, h, first, n, view, 0);

	if (!q)
		return PRECESS_ENOMEM;
	q->table = memory_aligned(2 * (size_t)n * (size_t)p->ny * sizeof *q->table);
	if (!q->table)
		return PRECESS_ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		line_phases(q->table + 2 * i, 2 * (size_t)n, 1, p->ny,
			    p->line[first + i].ky * p->sim->maps->fov[1], 1, 0);
	return PRECESS_OK;
}

/* Lines [first, n_line) of one epoch into views and pieces. */
static precess_status add_pieces(struct line_plan *p, struct line_history *h, uint32_t epoch,
				 uint32_t first)
{
	uint32_t n = p->n_line, i, j, k;
	precess_status st;

	qsort(p->line + first, n - first, sizeof *p->line, by_view);
	for (i = first; i < n; i = j) {
		struct line_view *v = line_append(&p->view, &p->n_view, sizeof *v);

		if (!v)
			return PRECESS_ENOMEM;
		*v = (struct line_view){ .epoch = epoch, .kz = p->line[i].kz, .dark = true };
		for (j = i; j < n && fabs(p->line[j].kz - p->line[i].kz) <= 1e-9; j++)
			;
		for (k = i; k < j;) {
			const struct line_line *l = &p->line[k];
			uint32_t same = 1, run = run_length(l, j - k, p->sim->maps->fov[1]);

			while (k + same < j && same < FAN_LINES && together(l, l + same))
				same++;
			if (same == 1 && run >= RUN_SHORTEST) {
				/* the last may be the first of a fan */
				while (k + run < j && run && together(&l[run - 1], &l[run]))
					run--;
				st = add_run(p, h, k, run, p->n_view - 1);
				k += run;
			} else {
				st = add_fan(p, h, k, same, p->n_view - 1);
				k += same;
			}
			if (st)
				return st;
		}
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ histories */
static precess_status add_epochs(struct line_plan *p, struct line_history *h, double rates)
{
	const struct draw *d = p->sim->draw;
	const struct program_history *ph = &d->program->history[h->index];
	precess_status st;

	for (uint32_t i = 0; i < h->n_epoch; i++) {
		struct line_epoch *e = line_append(&p->epoch, &p->n_epoch, sizeof *e);

		if (!e)
			return PRECESS_ENOMEM;
		e->factor = e->recover = -1;
		e->kz = sim_slot(d, d->program->epoch[ph->first_epoch + i].moment[2]);
		if ((st = line_add_pulse(p, h, ph->first_epoch + i, e, rates)))
			return st;
	}
	for (uint32_t i = 0; i + 1 < h->n_epoch; i++) {
		const struct program_epoch *pe = &d->program->epoch[ph->first_epoch + i];
		struct line_epoch *e = &p->epoch[h->first_epoch + i];
		struct line_build b = { .kind = LINE_FACTOR,
					.t = sim_slot(d, pe->duration),
					.pulse = UINT32_MAX };

		b.k[0] = sim_slot(d, pe->moment[0]);
		b.k[1] = sim_slot(d, pe->moment[1]);
		b.phase = remainder(e->turn_out + e[1].turn_in, tau);
		if ((e->factor = line_add_build(p, h, &b)) == -2)
			return PRECESS_ENOMEM;
		b = (struct line_build){ .kind = LINE_RECOVER, .t = b.t, .pulse = UINT32_MAX };
		if ((e->recover = line_add_build(p, h, &b)) == -2)
			return PRECESS_ENOMEM;
	}
	return PRECESS_OK;
}

/* Planes: slots, cached builds, scratch by kind, views, weights, then the powers of u (the plan
 * does not know their number). */
static void place(struct line_plan *p, struct line_history *h)
{
	static const uint32_t size[LINE_BUILDS] = { 2, 12, 12, 2, 2 };
	uint32_t next = 2 * h->n_slot, cached = 0, scratch[LINE_BUILDS];

	for (int k = 0; k < LINE_BUILDS; k++) {
		scratch[k] = next;
		next += size[k];
	}
	for (uint32_t i = h->first_build; i < h->first_build + h->n_build; i++) {
		struct line_build *b = &p->build[i];

		if (!b->through && cached + size[b->kind] <= CACHED_PLANES) {
			b->cached = true;
			cached += size[b->kind];
		}
		b->plane = b->cached ? next : scratch[b->kind];
		next += b->cached ? size[b->kind] : 0;
	}
	for (uint32_t i = 0; i < h->n_view; i++) {
		p->view[h->first_view + i].plane = next;
		next += 2;
	}
	h->n_plane = next + 2;
}

static precess_status add_history(struct line_plan *p, uint32_t index, double rates)
{
	const struct program *prog = p->sim->draw->program;
	const struct program_history *ph = &prog->history[index];
	struct line_history h = { .index = index,
				  .first_line = p->n_line,
				  .first_view = p->n_view,
				  .first_piece = p->n_piece,
				  .first_epoch = p->n_epoch,
				  .first_build = p->n_build },
			    *kept;
	precess_status st;

	for (uint32_t i = 0; i < ph->n_epoch; i++) {
		const struct program_epoch *e = &prog->epoch[ph->first_epoch + i];
		uint32_t first = p->n_line;

		for (uint32_t r = e->first_readout; r < e->first_readout + e->n_readout; r++)
			if (p->sim->method[r] == SIM_line && (st = add_line(p, r)))
				return st;
		if (p->n_line == first)
			continue;
		h.n_epoch = i + 1; /* nothing after the last line matters */
		if ((st = add_pieces(p, &h, i, first)))
			return st;
	}
	if (p->n_line == h.first_line)
		return PRECESS_OK;
	h.n_line = p->n_line - h.first_line;
	h.n_view = p->n_view - h.first_view;
	h.n_piece = p->n_piece - h.first_piece;
	if ((st = add_epochs(p, &h, rates)))
		return st;
	h.n_build = p->n_build - h.first_build;
	if ((st = line_orders(p, &h)))
		return st;
	place(p, &h);
	kept = line_append(&p->history, &p->n_history, sizeof *kept);
	if (!kept)
		return PRECESS_ENOMEM;
	*kept = h;
	return PRECESS_OK;
}

/* The rates present, the range of B1, the mean of M0; returns a bound on all rates in 1/s. */
static double survey(struct line_plan *p)
{
	const struct sim_plan *sim = p->sim;
	const struct maps *m = sim->maps;
	const float *t2 = m->map[PROGRAM_MAP_T2], *f = m->map[PROGRAM_MAP_dB0];
	const float *tp = sim->decays_t2p ? m->map[PROGRAM_MAP_T2p] : NULL;
	const float *b = m->map[PROGRAM_MAP_B1], *m0 = m->map[PROGRAM_MAP_M0];
	const float *t1 = m->map[PROGRAM_MAP_T1];
	float r_lo = INFINITY, r_hi = 0, f_lo = INFINITY, f_hi = -INFINITY, b_lo = INFINITY;
	float b_hi = -INFINITY, r1 = 0;
	double sum = 0;
	size_t n = sim->n_live, i;

#pragma omp parallel for num_threads(sim->threads) schedule(static) reduction(min                 \
									      : r_lo, f_lo, b_lo) \
	reduction(max                                                                             \
		  : r_hi, f_hi, b_hi, r1)
	for (i = 0; i < n; i++) {
		uint32_t at = sim->live[i];
		float r = (t2 ? 1 / t2[at] : 0) + (tp ? 1 / tp[at] : 0), v = f ? f[at] : 0;
		float a = b ? b[at] : 1, s = t1 ? 1 / t1[at] : 0;

		r_lo = r < r_lo ? r : r_lo;
		r_hi = r > r_hi ? r : r_hi;
		f_lo = v < f_lo ? v : f_lo;
		f_hi = v > f_hi ? v : f_hi;
		b_lo = a < b_lo ? a : b_lo;
		b_hi = a > b_hi ? a : b_hi;
		r1 = s > r1 ? s : r1;
	}
	for (i = 0; i < n; i++)
		sum += m0 ? (double)m0[sim->live[i]] : 1;
	p->mean_m0 = sum / ((double)p->nx * p->ny);
	r_lo = fminf(r_lo, (float)p->fastest);
	r_hi = fminf(r_hi, (float)p->fastest);
	if (!n)
		r_lo = r_hi = f_lo = f_hi = b_lo = b_hi = 0;
	p->series.r = 0.5 * ((double)r_lo + (double)r_hi);
	p->series.f = 0.5 * ((double)f_lo + (double)f_hi);
	p->series.half_r = 0.5 * ((double)r_hi - (double)r_lo);
	p->series.half_f = 0.5 * ((double)f_hi - (double)f_lo);
	p->series.scale = hypot(p->series.half_r, tau * p->series.half_f);
	p->b1[0] = (double)b_lo;
	p->b1[1] = (double)b_hi;
	return tau * fmax(fabs(f_lo), fabs(f_hi)) + fmax(r_hi, r1);
}

/* A spin that decays by e^-18 between its pulse and the first sample is below what single precision
 * sees, however much faster it decays: its rate may be clipped. */
static double fastest_of(const struct sim_plan *sim)
{
	const struct program *p = sim->draw->program;
	double first = INFINITY;

	for (uint32_t r = 0; r < p->n_readout; r++)
		if (sim->method[r] == SIM_line)
			first = fmin(first, sim_slot(sim->draw, p->readout[r].time));
	return first > 0 ? 18 / first : 1e30;
}

precess_status line_plan_create(struct line_plan **out, struct sim_plan *sim)
{
	struct line_plan *p = *out = calloc(1, sizeof *p);
	double rates;
	precess_status st = PRECESS_OK;

	if (!p)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	p->sim = sim;
	p->cpu = cpu_kernels();
	p->nx = sim->maps->nx;
	p->ny = sim->maps->ny;
	p->blocks = (p->nx + CPU_LANES - 1) / CPU_LANES;
	p->parts = p->blocks >= 32 ? 1 : p->blocks >= 16 ? 2 : 4;
	p->fastest = fastest_of(sim);
	rates = survey(p);
	for (uint32_t h = 0; h < sim->draw->program->n_history && !st; h++)
		st = add_history(p, h, rates);
	return st;
}

void line_plan_free(struct line_plan *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n_shape; i++) {
		free(p->shape[i].kx);
		free(p->shape[i].tau);
		free(p->shape[i].cell);
		free(p->shape[i].twist);
		free(p->shape[i].matrix);
		free(p->shape[i].coef);
	}
	for (uint32_t i = 0; i < p->n_piece; i++) {
		free(p->piece[i].table);
	}
	for (uint32_t i = 0; i < p->n_build; i++) {
		free(p->build[i].x);
		free(p->build[i].y);
		free(p->build[i].b);
		free(p->build[i].bx);
		free(p->build[i].by);
	}
	free(p->shape);
	free(p->line);
	free(p->view);
	free(p->piece);
	free(p->build);
	free(p->epoch);
	free(p->order);
	free(p->history);
	free(p->sum);
	free(p->weight);
	free(p);
}
