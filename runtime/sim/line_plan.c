/* From the kernel schedule to the work of the line method: lines of equal shape, the views that
 * epochs must give, pieces of lines whose weights follow from each other, tables over x and y. */
#include "runtime/sim/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double time_slack = 1e-11, ky_slack = 2e-8;

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

/* Of a plan of views: nothing but where along z it is seen. */
static precess_status add_readout(struct line_plan *p, uint32_t readout)
{
	const struct draw *d = p->sim->draw;
	struct line_line *l = line_append(&p->line, &p->n_line, sizeof *l);

	if (!l)
		return PRECESS_ENOMEM;
	*l = (struct line_line){ .readout = readout,
				 .kz = sim_slot(d, d->program->readout[readout].k[2]) };
	return PRECESS_OK;
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

static int by_ky(const void *a, const void *b)
{
	const struct line_line *x = a, *y = b;

	return (x->ky > y->ky) - (x->ky < y->ky);
}

static bool together(const struct line_line *a, const struct line_line *b)
{
	return fabs(a->time - b->time) < 1e-13;
}

/* How many lines from l on, of n, step evenly in time and ky: what they may be off (s, cells) turns
 * no spin by more than single precision can tell. */
static uint32_t run_length(const struct line_line *l, uint32_t n, double fov)
{
	double period, dky;
	uint32_t i;

	if (n < 2)
		return n;
	period = l[1].time - l[0].time;
	dky = l[1].ky - l[0].ky;
	for (i = 1; i < n; i++)
		if (period < 1e-9 || fabs(l[i].time - l[0].time - i * period) > time_slack ||
		    fabs(l[i].ky - l[0].ky - i * dky) * fov > ky_slack)
			break;
	return i;
}

/* A piece with its factor from the pulse to line `at`. */
static struct line_piece *add_piece(struct line_plan *p, struct line_history *h, uint32_t first,
				    uint32_t n, uint32_t view, uint32_t at, double ky)
{
	struct line_build weight = {
		.kind = LINE_FACTOR, .t = p->line[at].time, .k = { 0, ky }, .pulse = UINT32_MAX
	};
	struct line_piece *q = line_append(&p->piece, &p->n_piece, sizeof *q);

	if (!q)
		return NULL;
	*q = (struct line_piece){
		.view = view, .first = first, .n = n, .ratio = -1, .train = -1
	};
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
		struct line_piece *q = add_piece(p, h, first + i,
						 n - i < RUN_LINES ? n - i : RUN_LINES, view,
						 first + i, l[i].ky);

		if (!q || build == -2)
			return PRECESS_ENOMEM;
		q->run = true;
		q->ratio = build;
	}
	return PRECESS_OK;
}

static precess_status add_train(struct line_plan *p, struct line_history *h, uint32_t first,
				uint32_t n, uint32_t view)
{
	uint32_t center = first + n / 2;

	if (!add_piece(p, h, first, n, view, center, p->line[center].ky))
		return PRECESS_ENOMEM;
	return train_add(p, p->n_piece - 1);
}

/* A train where that is proved and pays, or asked for. */
static bool is_train(const struct line_plan *p, uint32_t first, uint32_t n)
{
	return p->trains && train_proved(p, first, n) &&
	       (p->sim->asked == SIM_train || train_pays(p, n));
}

/* Lines of a fan by rising ky; whether each has one at the same distance beyond their middle. */
static bool mirrors(struct line_plan *p, uint32_t first, uint32_t n)
{
	struct line_line *l = &p->line[first];
	double fov = p->sim->maps->fov[1];

	qsort(l, n, sizeof *l, by_ky);
	for (uint32_t i = 0; i < n / 2; i++)
		if (fabs(l[i].ky + l[n - 1 - i].ky - l[0].ky - l[n - 1].ky) * fov > ky_slack)
			return false;
	return n % 2 == 0;
}

static precess_status fill_mirror(struct line_plan *p, struct line_piece *q)
{
	const struct line_line *l = &p->line[q->first];
	double fov = p->sim->maps->fov[1], middle = 0.5 * (l[0].ky + l[q->n - 1].ky);

	q->shift = memory_aligned(2 * (size_t)p->ny * sizeof *q->shift);
	if (!q->shift)
		return PRECESS_ENOMEM;
	line_phases(q->shift, 2, 1, p->ny, middle * fov, 1, 0);
	for (uint32_t i = 0; i < q->n / 2; i++)
		line_phases(q->table + 2 * i, q->n, 1, p->ny, (middle - l[i].ky) * fov, 1, 0);
	return PRECESS_OK;
}

static precess_status add_fan(struct line_plan *p, struct line_history *h, uint32_t first,
			      uint32_t n, uint32_t view)
{
	struct line_piece *q = add_piece(p, h, first, n, view, first, 0);

	if (!q)
		return PRECESS_ENOMEM;
	q->table = memory_aligned(2 * (size_t)n * (size_t)p->ny * sizeof *q->table);
	if (!q->table)
		return PRECESS_ENOMEM;
	if ((q->mirror = mirrors(p, first, n)))
		return fill_mirror(p, q);
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
		if (p->views_only) {
			struct line_piece *q = line_append(&p->piece, &p->n_piece, sizeof *q);

			if (!q)
				return PRECESS_ENOMEM;
			*q = (struct line_piece){ .view = p->n_view - 1, .first = i, .n = j - i,
						  .weight = -1, .ratio = -1, .train = -1 };
			continue;
		}
		for (k = i; k < j;) {
			const struct line_line *l = &p->line[k];
			uint32_t same = 1, run = run_length(l, j - k, p->sim->maps->fov[1]);

			while (k + same < j && same < FAN_LINES && together(l, l + same))
				same++;
			if (same == 1 && run >= RUN_SHORTEST) {
				/* the last may be the first of a fan */
				while (k + run < j && run && together(&l[run - 1], &l[run]))
					run--;
				st = is_train(p, k, run) ? add_train(p, h, k, run, p->n_view - 1)
							 : add_run(p, h, k, run, p->n_view - 1);
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

static bool ready(const struct line_plan *p, int build)
{
	return build < 0 || p->build[build].cached;
}

/* Planes: slots, cached builds, scratch by kind, views, weights, then the powers of u (the plan
 * does not know their number). */
static void place(struct line_plan *p, struct line_history *h)
{
	static const uint32_t size[LINE_BUILDS] = { 2, 7, 3, 12, 12, 2, 2 };
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
	h->fused = !h->spins;
	for (uint32_t i = 0; i < h->n_epoch; i++) {
		const struct line_epoch *e = &p->epoch[h->first_epoch + i];

		h->n_step += e->n_order;
		h->fused &= ready(p, e->pulse) && ready(p, e->factor) && ready(p, e->recover);
	}
}

static bool is_mine(const struct line_plan *p, uint32_t readout)
{
	const struct sim_plan *sim = p->sim;

	if (p->take)
		return p->take[readout];
	return sim->method[readout] == SIM_line || sim->method[readout] == SIM_train;
}

/* The lines and pieces of the history once more for every further coil. */
static precess_status add_coils(struct line_plan *p, const struct line_history *h)
{
	uint32_t n_line = p->n_line - h->first_line, n_piece = p->n_piece - h->first_piece;
	precess_status st;

	for (int c = 1; c < p->sim->n_coil && !p->views_only; c++) {
		for (uint32_t i = 0; i < n_line; i++) {
			struct line_line *l = line_append(&p->line, &p->n_line, sizeof *l);

			if (!l)
				return PRECESS_ENOMEM;
			*l = p->line[h->first_line + i];
			l->coil = c;
		}
		for (uint32_t i = 0; i < n_piece; i++) {
			struct line_piece *q = line_append(&p->piece, &p->n_piece, sizeof *q);

			if (!q)
				return PRECESS_ENOMEM;
			*q = p->piece[h->first_piece + i];
			q->first += (uint32_t)c * n_line;
			q->coil = c;
			if (q->train >= 0 && (st = train_add(p, p->n_piece - 1)))
				return st;
		}
	}
	return PRECESS_OK;
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
			if (is_mine(p, r) &&
			    (st = p->views_only ? add_readout(p, r) : add_line(p, r)))
				return st;
		if (p->n_line == first)
			continue;
		h.n_epoch = i + 1; /* nothing after the last line matters */
		if ((st = add_pieces(p, &h, i, first)))
			return st;
	}
	if (p->n_line == h.first_line)
		return PRECESS_OK;
	if ((st = add_coils(p, &h)))
		return st;
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
	const struct cpu_survey *s = &sim->survey;
	float *const *map = sim->maps->map;
	bool tp = sim->decays_t2p;
	double r[2] = { 0 }, f[2] = { 0 }, r1 = 0;

	p->mean_m0 = sim->sees * s->m0 / ((double)p->nx * p->ny);
	p->b1[0] = p->b1[1] = 1;
	if (sim->n_live) {
		if (map[PROGRAM_MAP_B1]) {
			p->b1[0] = (double)s->lo[CPU_B1];
			p->b1[1] = (double)s->hi[CPU_B1];
		}
		for (int i = 0; i < 2; i++) {
			const float *at = i ? s->lo : s->hi; /* the longest time: the least rate */

			r[i] = (map[PROGRAM_MAP_T2] ? 1 / (double)at[CPU_T2] : 0) +
			       (tp ? 1 / (double)at[CPU_T2P] : 0);
			r[i] = fmin(r[i], p->fastest);
			f[i] = map[PROGRAM_MAP_dB0] ? (double)(i ? s->hi : s->lo)[CPU_F] : 0;
		}
		r1 = map[PROGRAM_MAP_T1] ? 1 / (double)s->lo[CPU_T1] : 0;
	}
	p->series.r = 0.5 * (r[0] + r[1]);
	p->series.f = 0.5 * (f[0] + f[1]);
	p->series.half_r = 0.5 * (r[1] - r[0]);
	p->series.half_f = 0.5 * (f[1] - f[0]);
	p->series.scale = hypot(p->series.half_r, tau * p->series.half_f);
	return tau * fmax(fabs(f[0]), fabs(f[1])) + fmax(r[1], r1);
}

/* A spin that decays by e^-18 between its pulse and the first sample is below what single precision
 * sees, however much faster it decays: its rate may be clipped. */
static double fastest_of(const struct line_plan *plan)
{
	const struct sim_plan *sim = plan->sim;
	const struct program *p = sim->draw->program;
	double first = INFINITY;

	for (uint32_t r = 0; r < p->n_readout; r++)
		if (is_mine(plan, r))
			first = fmin(first, sim_slot(sim->draw, p->readout[r].time));
	return first > 0 ? 18 / first : 1e30;
}

static precess_status create(struct line_plan **out, struct sim_plan *sim, bool trains,
			     const bool *take)
{
	struct line_plan *p = *out = calloc(1, sizeof *p);
	double rates;
	precess_status st = PRECESS_OK;

	if (!p)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	p->sim = sim;
	p->store = sim->store ? sim->store : &p->own;
	p->threads = sim->threads > 0 ? sim->threads : 1;
	p->trains = trains;
	p->take = take;
	p->views_only = take;
	for (uint32_t r = 0; !take && r < sim->draw->program->n_readout; r++)
		if (is_mine(p, r))
			sim->method[r] = SIM_line;
	p->cpu = cpu_kernels();
	p->nx = sim->maps->nx;
	p->ny = sim->maps->ny;
	p->blocks = (p->nx + CPU_LANES - 1) / CPU_LANES;
	p->parts = p->blocks >= 32 ? 1 : p->blocks >= 16 ? 2 : 4;
	p->fastest = fastest_of(p);
	rates = survey(p);
	for (uint32_t h = 0; h < sim->draw->program->n_history && !st; h++)
		st = add_history(p, h, rates);
	return st;
}

precess_status line_plan_create(struct line_plan **out, struct sim_plan *sim, bool trains)
{
	return create(out, sim, trains, NULL);
}

precess_status line_plan_create_views(struct line_plan **out, struct sim_plan *sim,
				      const bool *take)
{
	return create(out, sim, false, take);
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
		if (p->piece[i].coil)
			continue;
		free(p->piece[i].table);
		free(p->piece[i].shift);
	}
	for (uint32_t i = 0; i < p->n_build; i++) {
		free(p->build[i].x);
		free(p->build[i].y);
		free(p->build[i].b);
		free(p->build[i].bx);
		free(p->build[i].by);
	}
	for (uint32_t i = 0; i < p->n_table; i++)
		pulse_table_free(p->table[i].table);
	train_free(p);
	free(p->shape);
	free(p->line);
	free(p->view);
	free(p->piece);
	free(p->build);
	free(p->table);
	free(p->epoch);
	free(p->order);
	free(p->history);
	sim_store_clear(&p->own);
	free(p->weight);
	free(p);
}
