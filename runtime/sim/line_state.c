/* From maps to sums over y. A task is a block of CPU_LANES columns and a part of the rows; rows
 * without spins are skipped, the others go through all histories in chunks of CPU_ROWS that stay in
 * the cache from the first pulse to the last line. Tasks do not depend on the number of threads and
 * each has its own sums, which line_fourier adds in order. */
#include "runtime/sim/line.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

enum { FETCH_ROWS = 24 };

float *line_plane(const struct line_work *w, uint32_t i)
{
	return w->plane + (size_t)i * CPU_PLANE;
}

static float *slot(const struct line_work *w, int i)
{
	return w->plane + (size_t)i * 2 * CPU_PLANE;
}

/* ------------------------------------------------------------------ maps */
static struct cpu_maps maps_of(const struct line_plan *p)
{
	float *const *map = p->sim->maps->map;

	return (struct cpu_maps){ .m0 = map[PROGRAM_MAP_M0],
				  .t1 = map[PROGRAM_MAP_T1],
				  .t2 = map[PROGRAM_MAP_T2],
				  .b1 = map[PROGRAM_MAP_B1],
				  .t2p = p->sim->decays_t2p ? map[PROGRAM_MAP_T2p] : NULL,
				  .f = map[PROGRAM_MAP_dB0],
				  .fastest = (float)fmin(p->fastest, 1e30) };
}

static void load_row(struct line_work *w, const struct cpu_maps *m, int y)
{
	size_t first = (size_t)w->block * CPU_LANES, n = (size_t)w->p->nx - first;

	w->row[w->rows] = (uint32_t)y;
	w->p->cpu->load(w->spins, w->rows++, m, (size_t)y * (size_t)w->p->nx + first,
			n < CPU_LANES ? n : CPU_LANES);
}

/* Columns of a power of two are the worst case of a cache: rows are asked for before they are due. */
static void fetch_row(const struct line_plan *p, const struct cpu_maps *m, int block, int y)
{
	const float *const map[] = { m->m0, m->t1, m->t2, m->t2p, m->b1, m->f };
	size_t at = (size_t)(y < p->ny ? y : p->ny - 1) * (size_t)p->nx + (size_t)block * CPU_LANES;

	for (size_t i = 0; i < PRECESS_COUNT(map); i++)
		if (map[i])
			__builtin_prefetch(map[i] + at);
}

static bool row_lives(const struct line_plan *p, int block, int row)
{
	const float *m0 = p->sim->maps->map[PROGRAM_MAP_M0];
	int first = block * CPU_LANES, last = first + CPU_LANES < p->nx ? first + CPU_LANES : p->nx;
	uint64_t pair[CPU_LANES / 2] = { 0 }, any = 0;

	if (!m0)
		return true;
	m0 += (size_t)row * (size_t)p->nx + (size_t)first;
	if (last - first == CPU_LANES)
		memcpy(pair, m0, sizeof pair);
	else
		memcpy(pair, m0, (size_t)(last - first) * sizeof *m0);
	for (int i = 0; i < CPU_LANES / 2; i++)
		any |= pair[i]; /* 0 is all bits 0 */
	return any;
}

/* ------------------------------------------------------------------ builds */
/* A pulse that only the event list tells, spin by spin. */
static void stepped(struct line_work *w, float *e, const struct line_build *b, double z)
{
	const struct line_plan *p = w->p;
	const struct maps *m = p->sim->maps;
	size_t i, j, k, at;

	for (i = 0; i < w->rows; i++)
		for (j = 0; j < CPU_LANES; j++) {
			const struct cpu_spins *s = w->spins;
			struct sim_spin q = { .r = { 0, 0, z } };
			struct affine a;

			at = i * CPU_LANES + j;
			if (s->m0[at] == 0) {
				for (k = 0; k < 12; k++)
					e[k * CPU_PLANE + at] = 0;
				continue;
			}
			q.r[0] = ((w->block * CPU_LANES + (int)j + 0.5) / p->nx - 0.5) * m->fov[0];
			q.r[1] = ((w->row[i] + 0.5) / p->ny - 0.5) * m->fov[1];
			q.m0 = s->m0[at];
			q.r1 = s->r1[at];
			q.r2 = s->r2[at];
			q.w = tau * s->f[at];
			q.b1 = s->b1[at];
			a = sim_pulse(p->sim->draw, b->pulse, &q);
			for (k = 0; k < 9; k++)
				e[k * CPU_PLANE + at] = (float)a.e[k / 3][k % 3];
			for (k = 0; k < 3; k++)
				e[(9 + k) * CPU_PLANE + at] = (float)a.c[k];
		}
}

/* A shaped pulse from its table. */
static void tabled(struct line_work *w, float *e, const struct line_build *b, double z)
{
	const struct line_plan *p = w->p;
	const struct cpu_spins *s = w->spins;
	double place = b->through ? (z / p->sim->slice + 0.5) * p->sim->nz - 0.5 : 0;
	const double *bx = b->bloch.x + w->block * CPU_LANES;

	for (size_t at = 0; at < w->rows * CPU_LANES; at += PULSE_LANES) {
		double by = b->bloch.y[w->row[at / CPU_LANES]];
		_Alignas(64) pulse_spins spins;
		_Alignas(64) pulse_maps map;

		for (size_t l = 0; l < PULSE_LANES; l++) {
			spins[PULSE_B1][l] = s->b1[at + l];
			spins[PULSE_W][l] = tau * s->f[at + l] + b->bloch.offset +
					    bx[(at + l) % CPU_LANES] + by;
			spins[PULSE_R2][l] = s->r2[at + l];
			spins[PULSE_R1][l] = s->r1[at + l];
		}
		pulse_table_look(map, b->table, (int)lround(place), spins);
		for (size_t k = 0; k < PULSE_NUMBERS; k++)
			for (size_t l = 0; l < PULSE_LANES; l++)
				e[k * CPU_PLANE + at + l] =
					(float)(k < 9 ? map[k][l] : map[k][l] * s->m0[at + l]);
	}
}

static void make(struct line_work *w, int index, double z)
{
	const struct line_build *b = &w->p->build[index];
	const struct cpu_kernels *k = w->p->cpu;
	float *to = line_plane(w, b->plane);
	struct cpu_bloch bloch = b->bloch;
	struct cpu_factor factor = { .t = b->t, .x = b->x, .y = b->y, .row = w->row,
				     .still = !w->p->sim->maps->map[PROGRAM_MAP_dB0] };

	switch (b->kind) {
	case LINE_ROTATION:
		k->rotation(to, w->spins, b->turns, w->rows);
		break;
	case LINE_RESONANT:
		k->plane(to, w->spins, b->turns, b->t, w->rows);
		break;
	case LINE_EXCITE:
	case LINE_BLOCH:
		if (b->table) {
			tabled(w, to, b, z);
			break;
		}
		bloch.offset += b->bz * z;
		bloch.x += w->block * CPU_LANES;
		bloch.row = w->row;
		(b->kind == LINE_EXCITE ? k->excite : k->bloch)(to, w->spins, &bloch, w->rows);
		break;
	case LINE_STEPPED:
		stepped(w, to, b, z);
		break;
	case LINE_FACTOR:
		factor.x += w->block * 2 * CPU_LANES;
		k->factor(to, w->spins, &factor, w->rows);
		break;
	case LINE_RECOVER:
		k->recover(to, w->spins, b->t, w->rows);
		break;
	case LINE_BUILDS:
		break;
	}
}

/* Where build `index` is, made now if it is not there. */
static const float *need(struct line_work *w, int index, double z)
{
	const struct line_build *b;

	if (index < 0)
		return NULL;
	b = &w->p->build[index];
	if (!b->cached && w->made[b->kind] != index) {
		make(w, index, z);
		w->made[b->kind] = index;
	}
	return line_plane(w, b->plane);
}

/* ------------------------------------------------------------------ epochs */
static void clear(float *s)
{
	memset(s, 0, 2 * CPU_PLANE * sizeof *s);
}

static void show(struct line_work *w, int view, const float *s, const struct line_epoch *e,
		 double z, int spins, bool add)
{
	const struct line_view *v = &w->p->view[view];
	double phase = e->turn_out - (spins ? tau * fmod(v->kz * z, 1) : 0);
	double weight = spins ? 1.0 / spins : 1;

	w->p->cpu->see(line_plane(w, v->plane), s, (float)(weight * cos(phase)),
		       (float)(weight * sin(phase)), add, w->rows);
}

static void run_order(struct line_work *w, const struct line_order *q, struct cpu_order *o,
		      const struct line_epoch *e)
{
	const struct cpu_kernels *k = w->p->cpu;

	o->plus = slot(w, q->plus);
	o->minus = q->minus < 0 ? NULL : slot(w, q->minus);
	o->z = slot(w, q->z);
	if (q->clear_plus)
		clear(o->plus);
	if (q->clear_minus)
		clear(o->minus);
	if (q->clear_z)
		clear(o->z);
	if (q->view_plus < 0 && q->view_minus < 0) {
		k->order(o, w->rows);
		return;
	}
	struct cpu_order pulse = *o, free_precession = *o;

	pulse.factor = pulse.recover = NULL;
	k->order(&pulse, w->rows);
	if (q->view_plus >= 0)
		show(w, q->view_plus, o->plus, e, 0, 0, false);
	if (q->view_minus >= 0)
		show(w, q->view_minus, o->minus, e, 0, 0, false);
	free_precession.kind = CPU_PULSE_NONE;
	if (o->factor)
		k->order(&free_precession, w->rows);
}

/* One spin through the slice: the pulse, every view of the epoch, what follows. */
static void run_spin(struct line_work *w, const struct line_history *h, uint32_t i,
		     struct cpu_order *o, const struct line_epoch *e, int iz, double z)
{
	const struct cpu_kernels *k = w->p->cpu;
	const float *factor = o->factor;
	double phase = -tau * fmod(e->kz * z, 1);

	o->z = slot(w, 0);
	o->plus = slot(w, 1);
	o->minus = NULL;
	o->turn[0] = (float)cos(phase);
	o->turn[1] = (float)sin(phase);
	o->factor = NULL;
	k->order(o, w->rows);
	for (uint32_t v = h->first_view; v < h->first_view + h->n_view; v++)
		if (w->p->view[v].epoch == i)
			show(w, (int)v, o->plus, e, z, h->spins, iz > 0);
	o->factor = factor;
	o->kind = CPU_PULSE_NONE;
	if (factor)
		k->order(o, w->rows);
}

static enum cpu_pulse pulse_kind(const struct line_plan *p, const struct line_epoch *e)
{
	if (e->pulse < 0)
		return CPU_PULSE_NONE;
	switch (p->build[e->pulse].kind) {
	case LINE_ROTATION:
		return CPU_PULSE_ROTATION;
	case LINE_RESONANT:
		return CPU_PULSE_PLANE;
	case LINE_EXCITE:
		return CPU_PULSE_START;
	default:
		return CPU_PULSE_AFFINE;
	}
}

/* Orders of a whole history, everything they need being there. */
static void evolve(struct line_work *w, const struct line_history *h)
{
	const struct line_plan *p = w->p;
	struct cpu_step *next = w->step;

	for (uint32_t i = 0; i < h->n_epoch; i++) {
		const struct line_epoch *e = &p->epoch[h->first_epoch + i];
		struct cpu_epoch *to = &w->epoch[i];

		*to = (struct cpu_epoch){ .kind = pulse_kind(p, e),
					  .pulse = need(w, e->pulse, 0),
					  .factor = need(w, e->factor, 0),
					  .recover = need(w, e->recover, 0),
					  .view = { (float)cos(e->turn_out), (float)sin(e->turn_out) },
					  .step = next,
					  .n_step = e->n_order };
		for (uint32_t j = e->first_order; j < e->first_order + e->n_order; j++) {
			const struct line_order *q = &p->order[j];
			struct line_view *view = p->view;

			*next++ = (struct cpu_step){
				.plus = q->plus,
				.minus = q->minus,
				.z = q->z,
				.clear_plus = q->clear_plus,
				.clear_minus = q->clear_minus,
				.clear_z = q->clear_z,
				.view_plus = q->view_plus < 0 ? NULL
					: line_plane(w, view[q->view_plus].plane),
				.view_minus = q->view_minus < 0 ? NULL
					: line_plane(w, view[q->view_minus].plane),
			};
		}
	}
	p->cpu->evolve(w->state, w->epoch, h->n_epoch, w->spins, w->rows);
}

static void run_epochs(struct line_work *w, const struct line_history *h, int iz, double z)
{
	const struct line_plan *p = w->p;

	w->made[LINE_BLOCH] = w->made[LINE_STEPPED] = w->made[LINE_EXCITE] = -1; /* of another z */
	memcpy(slot(w, 0), w->spins->m0, sizeof w->spins->m0);
	memset(slot(w, 0) + CPU_PLANE, 0, sizeof w->spins->m0);
	if (h->spins)
		clear(slot(w, 1));
	for (uint32_t i = 0; i < h->n_epoch; i++) {
		const struct line_epoch *e = &p->epoch[h->first_epoch + i];
		struct cpu_order o = { .kind = CPU_PULSE_NONE, .turn = { 1, 0 } };

		o.pulse = need(w, e->pulse, z);
		o.kind = pulse_kind(p, e);
		o.factor = need(w, e->factor, z);
		o.recover = need(w, e->recover, z);
		for (uint32_t j = e->first_order; j < e->first_order + e->n_order; j++) {
			if (h->spins)
				run_spin(w, h, i, &o, e, iz, z);
			else
				run_order(w, &p->order[j], &o, e);
		}
	}
}

/* A view as a coil sees it. */
static const float *seen(struct line_work *w, uint32_t plane, int coil)
{
	const struct maps *m = w->p->sim->maps;
	size_t first = (size_t)w->block * CPU_LANES, nx = (size_t)m->nx;
	size_t n = nx - first < CPU_LANES ? nx - first : CPU_LANES;
	const float *from = line_plane(w, plane);

	if (!m->sensitivity)
		return from;
	clear(w->seen);
	for (size_t i = 0; i < w->rows; i++) {
		size_t pixel = ((size_t)coil * (size_t)m->ny + w->row[i]) * nx + first;
		const float *s = m->sensitivity + 2 * pixel;

		for (size_t at = i * CPU_LANES; at < i * CPU_LANES + n; at++, s += 2) {
			float re = from[at], im = from[at + CPU_PLANE];

			w->seen[at] = re * s[0] - im * s[1];
			w->seen[at + CPU_PLANE] = re * s[1] + im * s[0];
		}
	}
	return w->seen;
}

void line_look_sums(struct line_work *w, const struct line_history *h, float *sum)
{
	const struct line_plan *p = w->p;
	double *total = p->weight + (size_t)w->task * p->n_piece;
	float *weights = line_plane(w, h->n_plane - 2);
	int terms = p->series.terms;

	for (uint32_t i = h->first_piece; i < h->first_piece + h->n_piece; i++) {
		const struct line_piece *q = &p->piece[i];
		float *to = sum + (q->first - w->first_line) * p->per_line;

		if (p->view[q->view].dark)
			continue;
		total[i] += p->cpu->weigh(weights, seen(w, p->view[q->view].plane, q->coil),
					  need(w, q->weight, 0), q->shift, w->row, w->rows);
		if (q->train >= 0)
			train_deposit(w, (uint32_t)q->train, weights);
		else if (q->run)
			p->cpu->run(to, weights, line_plane(w, p->build[q->ratio].plane), w->u,
				    w->rows, q->n, terms);
		else if (q->mirror)
			p->cpu->mirror(to, weights, w->u, q->table, w->row, w->rows, q->n, terms);
		else
			p->cpu->fan(to, weights, w->u, q->table, w->row, w->rows, q->n, terms);
	}
}

static void run_history(struct line_work *w, const struct line_history *h, line_look look,
			float *sum)
{
	const struct line_plan *p = w->p;
	double begun = clock_seconds(), middle;

	for (int k = 0; k < LINE_BUILDS; k++)
		w->made[k] = -1;
	for (uint32_t i = h->first_build; i < h->first_build + h->n_build; i++)
		if (p->build[i].cached)
			make(w, (int)i, 0);
	if (h->fused)
		evolve(w, h);
	for (int iz = 0; !h->fused && iz < (h->spins ? h->spins : 1); iz++)
		run_epochs(w, h, iz, h->spins ? ((iz + 0.5) / h->spins - 0.5) * p->sim->slice : 0);
	middle = clock_seconds();
	look(w, h, sum);
	w->seconds[0] += middle - begun;
	w->seconds[1] += clock_seconds() - middle;
}

/* ------------------------------------------------------------------ tasks */
static precess_status finish_trains(struct line_work *w, uint32_t first, uint32_t last, float *sum)
{
	double begun = clock_seconds();
	precess_status st = PRECESS_OK;

	for (uint32_t h = first; h < last && w->grid && !st; h++)
		st = train_finish(w, &w->p->history[h], sum);
	w->seconds[1] += clock_seconds() - begun;
	return st;
}

static precess_status run_task(struct line_work *w, int task, uint32_t first, uint32_t last,
			       uint32_t n_line,			       line_look look)
{
	const struct line_plan *p = w->p;
	const struct cpu_maps maps = maps_of(p);
	size_t line = p->per_line;
	int part = task % p->parts, end = p->ny * (part + 1) / p->parts,
	    y = p->ny * part / p->parts;
	float *sum = p->sum + (size_t)task * n_line * line;

	memset(sum, 0, n_line * line * sizeof *sum);
	w->first_line = p->history[first].first_line;
	w->task = task;
	w->block = task / p->parts;
	for (int i = 0; i < FETCH_ROWS; i++)
		fetch_row(p, &maps, w->block, y + i);
	while (y < end) {
		for (w->rows = 0; y < end && w->rows < CPU_ROWS; y++) {
			fetch_row(p, &maps, w->block, y + FETCH_ROWS);
			if (!p->every_row && !row_lives(p, w->block, y))
				continue;
			load_row(w, &maps, y);
		}
		if (!w->rows)
			break;
		p->cpu->powers(w->u, w->spins, p->series.r, p->series.f,
			       p->series.scale > 0 ? p->series.scale : 1, p->series.terms, w->rows);
		for (uint32_t h = first; h < last; h++)
			run_history(w, &p->history[h], look, sum);
	}
	return finish_trains(w, first, last, sum);
}

/* ------------------------------------------------------------------ threads */
/* Of one thread's work. */
struct need {
	size_t planes, slots, epochs, steps, grid, cells;
};

static struct need find_need(struct line_plan *p, uint32_t first, uint32_t last)
{
	struct need n = { .grid = p->n_train ? train_place(p, first, last) : 0 };

	for (uint32_t h = first; h < last; h++) {
		const struct line_history *q = &p->history[h];

		n.planes = q->n_plane > n.planes ? q->n_plane : n.planes;
		n.slots = q->n_slot > n.slots ? q->n_slot : n.slots;
		n.epochs = q->n_epoch > n.epochs ? q->n_epoch : n.epochs;
		n.steps = q->n_step > n.steps ? q->n_step : n.steps;
	}
	for (uint32_t i = 0; i < p->n_train; i++)
		n.cells = (size_t)p->train[i].cells > n.cells ? (size_t)p->train[i].cells : n.cells;
	return n;
}

/* Pieces of one block, each on lines of the cache of its own. */
static void *piece(char **from, size_t bytes)
{
	void *at = *from;

	*from += (bytes + 63) / 64 * 64;
	return at;
}

/* Lays a thread's work out in a block that begins at `from`; NULL only counts. */
static size_t lay_out(struct line_work *w, const struct need *n, char *from)
{
	char *at = from;

	w->plane = piece(&at, n->planes * CPU_PLANE * sizeof *w->plane);
	w->u = piece(&at, 2 * CPU_TERMS * CPU_PLANE * sizeof *w->u);
	w->seen = piece(&at, 2 * CPU_PLANE * sizeof *w->seen);
	w->spins = piece(&at, sizeof *w->spins);
	w->state = piece(&at, (n->slots + 1) * 2 * CPU_LANES * sizeof *w->state);
	w->epoch = piece(&at, (n->epochs + 1) * sizeof *w->epoch);
	w->step = piece(&at, (n->steps + 1) * sizeof *w->step);
	w->circle = piece(&at, 4 * (n->cells + 16) * sizeof *w->circle);
	return (size_t)(at - from);
}

/* Grids are empty between runs: train_finish leaves them so. */
static bool make_work(struct line_work *w, struct line_plan *p, const struct need *n, int thread)
{
	uint32_t first = SIM_THREADS + (uint32_t)thread * SIM_PER_THREAD;
	size_t used = p->n_train * (size_t)(TRAIN_GROUPS * CPU_LANES);
	static char nowhere[1];
	char *work = sim_store_get(p->store, first + SIM_WORK, lay_out(w, n, nowhere));

	*w = (struct line_work){ .p = p };
	if (!work)
		return false;
	lay_out(w, n, work);
	if (!n->grid)
		return true;
	w->used = sim_store_get(p->store, first + SIM_GRIDS, used + n->grid * sizeof *w->grid + 64);
	if (w->used)
		w->grid = (float *)(void *)(w->used + (used + 63) / 64 * 64);
	return w->used;
}

precess_status line_state(struct line_plan *p, uint32_t first, uint32_t last, line_look look)
{
	const struct line_history *end = &p->history[last - 1];
	uint32_t n_line = end->first_line + end->n_line - p->history[first].first_line;
	int tasks = p->blocks * p->parts, threads = p->threads;
	const struct need need = find_need(p, first, last);
	struct line_work *work = calloc((size_t)threads, sizeof *work);
	bool failed = false;

	p->sum = sim_store_get(p->store, SIM_SUMS,
			       (size_t)tasks * n_line * p->per_line * sizeof *p->sum);
	if (!p->weight)
		p->weight = calloc((size_t)tasks * p->n_piece + 1, sizeof *p->weight);
	failed = !work || !p->sum || !p->weight;
	for (int i = 0; i < threads && !failed; i++)
		failed = !make_work(&work[i], p, &need, i);
	if (failed) {
		free(work);
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u lines", n_line);
	}
#pragma omp parallel num_threads(threads)
	{
		struct line_work *w = &work[omp_get_thread_num()];

#pragma omp for schedule(dynamic)
		for (int task = 0; task < tasks; task++)
			if (!failed && !interrupted() &&
			    run_task(w, task, first, last, n_line, look)) {
#pragma omp atomic write
				failed = true;
			}
	}
	for (int i = 0; i < threads; i++) {
		p->sim->seconds_state += work[i].seconds[0] / threads;
		p->sim->seconds_readout += work[i].seconds[1] / threads;
	}
	free(work);
	if (interrupted())
		return precess_fail(PRECESS_ECANCEL, "interrupted");
	return failed ? precess_fail(PRECESS_ENOMEM, "out of memory") : PRECESS_OK;
}
