/* From a schedule to its launches: which, with what geometry, at what cost. Plain data that follow
 * from the fixed tables alone, so that they can be looked at, and checked, where there is no device;
 * kernels take their geometry from here. */
#include "runtime/backend/backend.h"

#include <stdlib.h>
#include <string.h>

/* Floating-point operations of the pieces of spin.h, a multiply-add counted as two. */
static const struct {
	double precession, rotation, zero, pair, show, step, after, land, tap;
} flops = { 60, 45, 18, 70, 30, 260, 78, 45, 60 };

enum { WARPS = 4, GRID_X = 0x7fffffff, GRID_YZ = 65535, BLOCK_THREADS = 1024 };

const char *backend_op_name(int op)
{
	static const char *const name[] = {
#define OP(name, doc) #name,
#include "runtime/backend/ops.def"
#undef OP
	};

	return op >= 0 && op < BACKEND_OPS ? name[op] : "?";
}

backend_op backend_op_of(const struct backend *b, int op)
{
	switch (op) {
#define OP(name, doc)           \
	case BACKEND_OP_##name: \
		return b->ops.name;
#include "runtime/backend/ops.def"
#undef OP
	}
	return NULL;
}

precess_status backend_run(const struct backend *b, const struct bloch_launch *l, uint32_t n,
			   const struct bloch_memory *m, const struct bloch_schedule *s)
{
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < n && !st; i++)
		st = backend_op_of(b, l[i].op)(&l[i], m, s);
	return st;
}

/* ------------------------------------------------------------------ sizes */
static size_t spins_of(const struct bloch_schedule *s)
{
	return (size_t)s->nx * (size_t)s->ny;
}

/* Whether any line is made by `maker`. */
static bool has(const struct bloch_schedule *s, int maker)
{
	for (uint32_t i = 0; i < s->n_line; i++)
		if (s->line[i].maker == maker)
			return true;
	return false;
}

static bool has_rows(const struct bloch_schedule *s)
{
	return has(s, BLOCH_GROUPED) || has(s, BLOCH_TRAIN);
}

static uint32_t most_cells(const struct bloch_schedule *s)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < s->n_train; i++)
		most = s->train[i].cells > most ? s->train[i].cells : most;
	return most;
}

struct backend_sizes backend_measure(const struct bloch_schedule *s)
{
	size_t n = spins_of(s), c = s->n_draw, pair = sizeof(struct spin_complex);
	size_t nx = (size_t)s->nx, ny = (size_t)s->ny, word = sizeof(float);
	size_t row = has_rows(s) ? c * s->n_line * s->terms * nx * pair : 0;
	struct backend_sizes z = { 0 };

	z.spins = c * (BLOCH_MAPS + 2 * (size_t)s->n_coil) * n * word;
	z.map = c * s->n_map * 12 * n * word;
	z.slot = s->n_slot > BLOCH_SLOTS ? c * s->n_slot * n * pair : 0;
	z.view = c * s->n_view * n * pair;
	z.sum = s->n_ray     ? c * BLOCH_RAY_PARTS * s->n_signal * pair
		: s->n_group ? s->parts * row
			     : 0;
	z.weight = c * s->n_piece * s->parts * nx * word;
	z.circle = c * s->rates * s->terms * nx * most_cells(s) * pair;
	z.total = c * s->n_train * s->rates * 3 * nx * word;
	z.strip = c * s->n_fan * ny * s->fan_cells * pair;
	z.arc = s->n_fan ? c * s->n_line * s->fan_cells * pair : 0;
	z.row = row;
	z.spectrum = row;
	z.signal = c * (s->n_ray ? s->n_signal : (size_t)s->n_line * s->n_sample) * pair;
	return z;
}

/* ------------------------------------------------------------------ the list */
struct list {
	struct bloch_launch *l;
	uint32_t n;
	const struct bloch_schedule *s;
	struct backend_sizes size;
};

static uint32_t blocks(size_t threads)
{
	return (uint32_t)((threads + BACKEND_THREADS - 1) / BACKEND_THREADS);
}

static struct bloch_launch *add(struct list *a, int op, size_t x, size_t y, uint32_t block)
{
	struct bloch_launch *l = &a->l[a->n++];

	/* more than 32 bits would have wrapped: 0 is refused later, with the limits */
	*l = (struct bloch_launch){ .op = op, .block = block };
	l->grid[0] = x > GRID_X ? 0 : (uint32_t)x;
	l->grid[1] = y > GRID_YZ ? 0 : (uint32_t)y;
	l->grid[2] = a->s->n_draw;
	return l;
}

static struct bloch_launch *add_threads(struct list *a, int op, size_t threads, size_t y)
{
	return add(a, op, blocks(threads), y, BACKEND_THREADS);
}

static void add_transform(struct list *a, int op, uint32_t length, size_t batch, double bytes)
{
	struct bloch_launch *l = add(a, op, 1, 1, 1);
	double log2n = 0;

	for (uint32_t n = length; n > 1; n /= 2)
		log2n++;
	l->length = length;
	l->batch = batch;
	l->bytes = bytes;
	l->flops = 5 * log2n * length * (double)batch;
}

/* Of the steps of a pulse, per spin; their squarings are numbers of a draw and not seen here. */
static double pulse_flops(const struct bloch_schedule *s, int i)
{
	return s->pulse[i].n * (flops.step + flops.after);
}

static void add_state(struct list *a, double n)
{
	const struct bloch_schedule *s = a->s;
	struct bloch_launch *l;
	double spin = 0, stored = 0, loads = 0;
	int held = -1;

	for (uint32_t i = 0; i < s->n_map; i++)
		stored += pulse_flops(s, (int)i);
	if (s->n_map) {
		l = add_threads(a, BACKEND_OP_pulses, spins_of(s), s->n_map);
		l->flops = n * stored;
		l->bytes = (double)a->size.map + n * BLOCH_MAPS * sizeof(float);
	}
	for (uint32_t i = 0; i < s->n_epoch; i++) {
		const struct bloch_epoch *e = &s->epoch[i];

		spin += e->free_ ? flops.precession : 0;
		spin += e->kind == BLOCH_ROTATION ? flops.rotation : 0;
		if (e->pulse >= 0 && e->pulse != held) {
			spin += e->kind == BLOCH_STEPS ? pulse_flops(s, e->pulse) : 0;
			loads += e->kind == BLOCH_STORED;
			held = e->pulse;
		}
		spin += e->n_view * flops.show;
		spin += e->n_order ? flops.zero + (e->n_order - 1) * flops.pair : flops.zero;
	}
	l = add(a, BACKEND_OP_state, blocks(spins_of(s)), 1, BACKEND_THREADS);
	l->grid[1] = s->n_draw;
	l->grid[2] = 1;
	l->variant = s->n_slot <= 4             ? 4
		     : s->n_slot <= 16          ? 16
		     : s->n_slot <= BLOCH_SLOTS ? BLOCH_SLOTS
						: 0;
	l->flops = n * spin * (s->nz ? s->nz : 1);
	l->bytes = n * (BLOCH_MAPS * sizeof(float) + s->n_look * sizeof(struct spin_complex)) +
		   n * loads * 12 * sizeof(float) * (s->nz ? s->nz : 1);
	for (uint32_t i = 0; i < s->n_order && a->size.slot; i++)
		l->bytes += n * 2.0 * 3 * sizeof(struct spin_complex);
}

static void add_receive(struct list *a, double n)
{
	const struct bloch_schedule *s = a->s;
	struct bloch_launch *l = add_threads(a, BACKEND_OP_receive, spins_of(s), s->n_coil);

	/* a view is read by all coils */
	l->bytes = n * sizeof(struct spin_complex) *
		   (s->n_coil + s->n_look * (1.0 + s->n_coil));
	l->flops = n * 6.0 * s->n_look * s->n_coil;
}

/* Lines that one thread works on together: the accumulators must stay in registers. */
static uint32_t lines_at_once(uint32_t terms)
{
	return terms <= 4 ? 8 : terms <= 6 ? 4 : 2;
}

static void add_sums(struct list *a, double n)
{
	const struct bloch_schedule *s = a->s;
	uint32_t slices = BLOCH_GROUP / lines_at_once(s->terms);
	struct bloch_launch *l;
	double lines = 0;

	for (uint32_t i = 0; i < s->n_group; i++)
		lines += s->group[i].n;
	l = add_threads(a, BACKEND_OP_sums, (size_t)s->nx, (size_t)slices * s->n_group * s->parts);
	l->variant = s->terms;
	l->flops = n * (s->n_group * slices * 2 * flops.precession + lines * (6 + s->terms * 8.0));
	l->bytes = (double)(a->size.view + a->size.sum) + n * 4 * sizeof(float);
	l = add_threads(a, BACKEND_OP_gather, (size_t)s->nx, (size_t)s->n_line * s->terms);
	l->bytes = (double)(a->size.sum + a->size.row);
	l->flops = 2.0 * (double)a->size.sum / sizeof(float);
}

/* Warps and channels of a block whose circles have `cells` cells; false where none fit. */
static bool fit_circles(uint32_t *warps, uint32_t *channels, uint32_t cells, uint32_t wanted)
{
	*channels = wanted < BLOCH_CHANNELS ? wanted : BLOCH_CHANNELS;
	for (; *channels; *channels = *channels == 3 ? 2 : *channels / 2)
		for (*warps = WARPS; *warps; *warps /= 2)
			if (*warps * bloch_warp_shared(*channels, cells) <= BACKEND_SHARED)
				return true;
	return false;
}

static precess_status add_circles(struct list *a, int op, uint32_t at, uint32_t cells,
				  uint32_t wanted, uint32_t copies, double n)
{
	const struct bloch_schedule *s = a->s;
	uint32_t warps, channels, slices;
	struct bloch_launch *l;

	if (!fit_circles(&warps, &channels, cells, wanted))
		return precess_fail(PRECESS_ENOTSUP,
				    "circles of %u cells do not fit into the %d KiB "
				    "that a block shares",
				    cells, BACKEND_SHARED / 1024);
	slices = (wanted + channels - 1) / channels;
	l = add(a, op, (size_t)(op == BACKEND_OP_deposit ? s->nx : s->ny), (size_t)slices * copies,
		warps * BLOCH_WARP);
	l->variant = channels;
	l->index = at;
	l->shared = warps * bloch_warp_shared(channels, cells);
	l->flops = n * slices * copies * (flops.precession + flops.land + BLOCH_TAPS * flops.tap) +
		   n * wanted * (BLOCH_TAPS * 8 + (op == BACKEND_OP_spread ? flops.precession : 6));
	return PRECESS_OK;
}

static precess_status add_train(struct list *a, uint32_t at, double n)
{
	const struct bloch_schedule *s = a->s;
	const struct bloch_train *t = &s->train[at];
	double circle = (double)s->n_draw * s->rates * s->terms * s->nx * t->cells *
			sizeof(struct spin_complex);
	double rows = (double)s->n_draw * t->n * s->terms * s->nx * sizeof(struct spin_complex);
	struct bloch_launch *l;
	precess_status st = add_circles(a, BACKEND_OP_deposit, at, t->cells, s->terms, s->rates, n);

	if (st)
		return st;
	a->l[a->n - 1].bytes = circle + n * (sizeof(struct spin_complex) + 3 * sizeof(float));
	add_transform(a, BACKEND_OP_turn, t->cells,
		      (size_t)s->n_draw * s->rates * s->terms * (size_t)s->nx, 2 * circle);
	l = add_threads(a, BACKEND_OP_unroll, (size_t)s->nx, (size_t)t->n * s->terms);
	l->index = at;
	l->flops = rows / sizeof(struct spin_complex) * 8 * s->rates;
	l->bytes = circle * t->n / t->cells + rows;
	return PRECESS_OK;
}

static precess_status add_fans(struct list *a, double n)
{
	const struct bloch_schedule *s = a->s;
	double strip = (double)a->size.strip, arc = (double)a->size.arc;
	uint32_t most = 0, slices;
	struct bloch_launch *l;
	precess_status st = add_circles(a, BACKEND_OP_spread, 0, s->fan_cells, s->n_fan, 1, n);

	if (st)
		return st;
	a->l[a->n - 1].bytes = strip +
			       n * (s->n_fan * sizeof(struct spin_complex) + 3 * sizeof(float));
	for (uint32_t i = 0; i < s->n_fan; i++)
		most = s->fan[i].n > most ? s->fan[i].n : most;
	slices = (most + BLOCH_GROUP - 1) / BLOCH_GROUP;
	l = add_threads(a, BACKEND_OP_arcs, s->fan_cells, (size_t)slices * s->n_fan);
	l->variant = slices;
	l->shared = BACKEND_THREADS * sizeof(struct spin_complex);
	l->flops = arc / sizeof(struct spin_complex) * s->ny * 8;
	l->bytes = strip + arc;
	add_transform(a, BACKEND_OP_swing, s->fan_cells, (size_t)s->n_draw * s->n_line, 2 * arc);
	l = add_threads(a, BACKEND_OP_pick, s->n_sample, s->n_line);
	l->bytes = arc / 2 + (double)a->size.signal;
	l->flops = (double)a->size.signal / sizeof(struct spin_complex) * 6;
	return PRECESS_OK;
}

static void add_rays(struct list *a, double n)
{
	const struct bloch_schedule *s = a->s;
	struct bloch_launch *l = add_threads(a, BACKEND_OP_direct, s->n_ray, BLOCH_RAY_PARTS);

	l->flops = n * (2 * flops.precession * s->n_ray + 8.0 * s->n_signal);
	l->bytes = (double)(a->size.view + a->size.sum) + n * 3 * sizeof(float);
	l = add_threads(a, BACKEND_OP_add, s->n_signal, 1);
	l->bytes = (double)(a->size.sum + a->size.signal);
	l->flops = (double)a->size.sum / sizeof(float);
}

static precess_status make(struct list *a)
{
	const struct bloch_schedule *s = a->s;
	double n = (double)spins_of(s) * s->n_draw;
	struct bloch_launch *l;
	precess_status st;

	add_state(a, n);
	if (s->n_coil)
		add_receive(a, n);
	if (s->n_ray)
		add_rays(a, n);
	if (s->n_group)
		add_sums(a, n);
	for (uint32_t i = 0; i < s->n_train; i++)
		if ((st = add_train(a, i, n)))
			return st;
	if (s->n_fan && (st = add_fans(a, n)))
		return st;
	if (!has_rows(s))
		return PRECESS_OK;
	add_transform(a, BACKEND_OP_transform, (uint32_t)s->nx,
		      (size_t)s->n_draw * s->n_line * s->terms, 2.0 * (double)a->size.row);
	l = add_threads(a, BACKEND_OP_combine, s->n_sample, s->n_line);
	l->bytes = (double)s->n_draw * s->n_line * s->n_sample * (s->terms + 1) *
		   sizeof(struct spin_complex);
	l->flops = (double)s->n_draw * s->n_line * s->n_sample * s->terms * 8;
	return PRECESS_OK;
}

precess_status backend_plan(struct bloch_launch **out, uint32_t *n, const struct bloch_schedule *s)
{
	struct list a = { .s = s, .size = backend_measure(s) };
	precess_status st;

	*out = NULL;
	a.l = calloc(16 + 3 * (size_t)s->n_train, sizeof *a.l);
	if (!a.l)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u trains", s->n_train);
	if (!(st = make(&a)))
		st = backend_plan_verify(a.l, a.n, s);
	if (st) {
		free(a.l);
		return st;
	}
	*out = a.l;
	*n = a.n;
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ verification */
static uint32_t shared_of(const struct bloch_launch *l, const struct bloch_schedule *s)
{
	switch (l->op) {
	case BACKEND_OP_deposit:
		return l->block / BLOCH_WARP *
		       bloch_warp_shared(l->variant, s->train[l->index].cells);
	case BACKEND_OP_spread:
		return l->block / BLOCH_WARP * bloch_warp_shared(l->variant, s->fan_cells);
	case BACKEND_OP_arcs:
		return BACKEND_THREADS * sizeof(struct spin_complex);
	default:
		return 0;
	}
}

precess_status backend_plan_verify(const struct bloch_launch *l, uint32_t n,
				   const struct bloch_schedule *s)
{
	for (uint32_t i = 0; i < n; i++, l++) {
		if (!l->grid[0] || !l->grid[1] || !l->grid[2] || l->grid[0] > GRID_X ||
		    l->grid[1] > GRID_YZ || l->grid[2] > GRID_YZ || !l->block ||
		    l->block > BLOCK_THREADS || (size_t)l->length * l->batch > GRID_X)
			return precess_fail(PRECESS_ENOTSUP,
					    "%s: %u x %u x %u blocks of %u threads, "
					    "or %zu transforms of %u, is more than a launch takes",
					    backend_op_name(l->op), l->grid[0], l->grid[1],
					    l->grid[2], l->block, l->batch, l->length);
		if (l->shared > BACKEND_SHARED || l->shared != shared_of(l, s) || l->shared % 8)
			return precess_fail(PRECESS_EINVAL, "%s: %u bytes of shared memory",
					    backend_op_name(l->op), l->shared);
		if (l->op == BACKEND_OP_sums && (!s->terms || s->terms > BLOCH_TERMS))
			return precess_fail(PRECESS_ENOTSUP, "%u separable terms (limit %d)",
					    s->terms, BLOCH_TERMS);
	}
	return PRECESS_OK;
}
