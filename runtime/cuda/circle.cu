// Lines as transforms of circles: trains along y (a block per column and group of rates), fans along
// x (a block per row). A circle lies in shared memory, one copy per warp, each with a part of the
// spins. A warp lets 32 spins land at a time, a lane each, then drops one after another: a lane adds
// one tap on one channel (a term, or a fan), so no two lanes meet on a cell, nothing is atomic, and
// sums have a fixed order. Warps are added up in order.
#include "runtime/cuda/launch.h"

/* A warp's part of the shared memory; as bloch_warp_shared counts it. */
struct warp {
	struct spin_complex *circle; /* [channel][cell] */
	struct spin_complex *tap;    /* [spin][tap] */
	struct spin_complex *value;  /* [spin][channel] */
	int *at;                     /* [spin]: -1: nothing lands */
	float *wrong, *sum, *left;   /* [lane]: |weight| times its odds; of what was left out */
};

SPIN_HD struct warp warp_of(unsigned char *shared, unsigned w, unsigned channels, unsigned cells)
{
	unsigned char *base = shared + (size_t)w * bloch_warp_shared(channels, cells);
	struct warp o;

	o.circle = (struct spin_complex *)base;
	o.tap = o.circle + channels * cells;
	o.value = o.tap + BLOCH_WARP * BLOCH_TAPS;
	o.at = (int *)(o.value + BLOCH_WARP * channels);
	o.wrong = (float *)(o.at + BLOCH_WARP);
	o.sum = o.wrong + BLOCH_WARP;
	o.left = o.sum + BLOCH_WARP;
	return o;
}

SPIN_HD void empty(const struct warp *o, unsigned lane, unsigned channels, unsigned cells)
{
	struct spin_complex zero = { 0, 0 };

	for (unsigned i = lane; i < channels * cells; i += BLOCH_WARP)
		o->circle[i] = zero;
	o->wrong[lane] = o->sum[lane] = o->left[lane] = 0;
}

/* The taps of a spin at x, y whose rate is `center` at the middle of its group. */
SPIN_HD void land(const struct warp *o, unsigned lane, const struct bloch_circle *q,
		  const struct spin *me, float x, float y, float center, const float *coef,
		  unsigned cells, unsigned taps)
{
	struct spin_landing to = spin_land(&q->step, me, x, y, (center - me->r2) * q->drift,
					   (int)cells, (int)taps);
	struct spin_complex zero = { 0, 0 };

	o->at[lane] = to.at;
	for (unsigned j = 0; j < BLOCH_TAPS; j++)
		o->tap[lane * BLOCH_TAPS + j] =
			j < taps ? spin_tap(coef, BLOCH_TAPS, (int)j, (int)taps, to.u, to.v) : zero;
}

/* Lane: tap lane % 8 of channel lane / 8. */
SPIN_HD void drop(const struct warp *o, unsigned spin, unsigned lane, unsigned channels,
		  unsigned cells)
{
	unsigned j = lane % BLOCH_TAPS, c = lane / BLOCH_TAPS, m = (unsigned)o->at[spin] + j;
	struct spin_complex add;

	if (c >= channels)
		return;
	m = m >= cells ? m - cells : m;
	add = spin_times(o->tap[spin * BLOCH_TAPS + j], o->value[spin * channels + c]);
	o->circle[c * cells + m].re += add.re;
	o->circle[c * cells + m].im += add.im;
}

SPIN_HD struct spin_complex sum_warps(unsigned char *shared, unsigned i, unsigned warps,
				      unsigned channels, unsigned cells)
{
	struct spin_complex v = { 0, 0 };

	for (unsigned w = 0; w < warps; w++) {
		struct spin_complex c = warp_of(shared, w, channels, cells).circle[i];

		v.re += c.re;
		v.im += c.im;
	}
	return v;
}

/* ------------------------------------------------------------------ trains */
/* What the lanes of a block of k_deposit need to know. */
struct column {
	const struct bloch_schedule *s;
	const struct bloch_train *t;
	const struct bloch_circle *q;
	const struct bloch_odds *odds; /* of the group */
	const struct spin_complex *view;
	const float *spins;
	unsigned ix, rate, first, channels, draw;
};

/* The spin of row iy lands, with its weight times powers of u from `first` on. */
SPIN_HD void land_row(const struct warp *o, unsigned lane, const struct column *c, int iy, int end)
{
	const struct bloch_schedule *s = c->s;
	size_t n = (size_t)s->nx * (size_t)s->ny, i = (size_t)iy * (size_t)s->nx + c->ix;
	struct spin_complex w, u;
	struct spin me;
	float x, y, size, group, center;
	int level;

	o->at[lane] = -1;
	if (iy >= end)
		return;
	me = bloch_spin(c->spins, n, c->draw, i);
	if (!(me.m0 > 0))
		return;
	group = rintf((me.r2 - c->q->lo) * c->q->inverse - 0.5f);
	group = group < 0 ? 0 : group > (float)(s->rates - 1) ? (float)(s->rates - 1) : group;
	if (c->rate != (unsigned)group)
		return;
	x = spin_position((int)c->ix, s->nx);
	y = spin_position(iy, s->ny);
	w = spin_times(c->view[i], spin_precession(&c->q->to, &me, x, y));
	size = sqrtf(w.re * w.re + w.im * w.im);
	if (!(me.r2 <= c->q->cut)) {
		o->left[lane] += size * expf(me.r2 * c->q->before);
		return;
	}
	center = c->q->lo + (group + 0.5f) * c->q->width;
	level = (int)(((center - me.r2) * c->q->drift + 1) * BLOCH_LEVELS);
	level = level < 0 ? 0 : level > 2 * BLOCH_LEVELS ? 2 * BLOCH_LEVELS : level;
	o->wrong[lane] += size * c->odds[level].error;
	o->sum[lane] += size * c->odds[level].growth;
	land(o, lane, c->q, &me, x, y, center, s->taps, c->t->cells, s->taps_train);
	u.re = (me.r2 - s->series[c->draw].r) * s->series[c->draw].inverse;
	u.im = 6.28318530718f * ((me.f - s->series[c->draw].f) * s->series[c->draw].inverse);
	for (unsigned j = 0; j < c->first; j++)
		w = spin_times(w, u);
	for (unsigned j = 0; j < c->channels; j++) {
		o->value[lane * c->channels + j] = w;
		w = spin_times(w, u);
	}
}

/* Shared memory leaves room for this many blocks, or fewer: registers need not be saved for more. */
enum { RESIDENT = 4 };

/* Block: column x, a group of rates, up to 4 terms. */
__global__ void __launch_bounds__(BACKEND_THREADS, RESIDENT)
	k_deposit(struct spin_complex *circle, float *total, const struct spin_complex *view,
		  const float *spins, struct bloch_schedule s, unsigned index, unsigned channels)
{
	SHARED(shared);
	const struct bloch_train t = s.train[index];
	const unsigned slices = (s.terms + channels - 1) / channels,
		       warps = blockDim.x / BLOCH_WARP;
	const unsigned ix = blockIdx.x, draw = blockIdx.z;
	const unsigned rate = blockIdx.y / slices, first = blockIdx.y % slices * channels;
	struct column c;

	c.s = &s;
	c.t = &t;
	c.q = &s.circles[(size_t)draw * s.n_train + index];
	c.odds = s.odds + (((size_t)draw * s.n_train + index) * s.rates + rate) * BLOCH_ODDS;
	c.view = view + ((size_t)draw * s.n_view + t.view) * (size_t)s.nx * (size_t)s.ny;
	c.spins = spins;
	c.ix = ix;
	c.rate = rate;
	c.first = first;
	c.channels = channels;
	c.draw = draw;
	EACH_WARP(w)
	{
		const struct warp o = warp_of(shared, w, channels, t.cells);
		const int end = (int)((size_t)s.ny * (w + 1) / warps);

		EACH_LANE(lane)
		empty(&o, lane, channels, t.cells);
		for (int iy = (int)((size_t)s.ny * w / warps); iy < end; iy += BLOCH_WARP) {
			EACH_LANE(lane)
			land_row(&o, lane, &c, iy + (int)lane, end);
			WARP_SYNC();
			for (unsigned i = 0; i < BLOCH_WARP; i++) {
				if (o.at[i] < 0)
					continue;
				EACH_LANE(lane)
				drop(&o, i, lane, channels, t.cells);
				WARP_SYNC();
			}
			WARP_SYNC();
		}
	}
	BLOCK_SYNC();
	EACH_THREAD(i)
	{
		const size_t row = ((size_t)draw * s.rates + rate) * s.terms;
		float *to = total + (((size_t)draw * s.n_train + index) * s.rates + rate) * 3 *
					    (size_t)s.nx;
		float sum = 0;

		for (unsigned k = i; k < channels * t.cells; k += blockDim.x) {
			unsigned term = first + k / t.cells;

			if (term < s.terms)
				circle[((row + term) * (size_t)s.nx + ix) * t.cells + k % t.cells] =
					sum_warps(shared, k, warps, channels, t.cells);
		}
		if (i < 3 && first == 0) {
			for (unsigned k = 0; k < blockDim.x; k++) {
				const struct warp o = warp_of(shared, k / BLOCH_WARP, channels,
							      t.cells);

				/* the three lie one after another */
				sum += o.wrong[i * BLOCH_WARP + k % BLOCH_WARP];
			}
			to[i * (size_t)s.nx + ix] = sum;
		}
	}
}

/* Thread: column x of one line and term of a train. */
__global__ void __launch_bounds__(BACKEND_THREADS)
	k_unroll(struct spin_complex *row, const struct spin_complex *circle,
		 struct bloch_schedule s, unsigned index)
{
	const struct bloch_train t = s.train[index];
	unsigned ix = blockIdx.x * blockDim.x + threadIdx.x, draw = blockIdx.z;
	unsigned term = blockIdx.y % s.terms, k = blockIdx.y / s.terms;
	unsigned m = t.cells - t.center + k, line = t.line + k;
	const struct spin_complex *divide = s.divide + (size_t)draw * s.n_divide + t.divide + k;
	struct spin_complex v = { 0, 0 };
	uint32_t shape = s.line[line].shape;

	if (ix >= (unsigned)s.nx)
		return;
	m = m >= t.cells ? m - t.cells : m;
	for (unsigned g = 0; g < s.rates; g++) {
		size_t at = ((size_t)draw * s.rates + g) * s.terms + term;
		struct spin_complex part =
			spin_times(divide[g * t.n], circle[(at * (size_t)s.nx + ix) * t.cells + m]);

		v.re += part.re;
		v.im += part.im;
	}
	if (s.shape[shape].uniform) {
		float turns = spin_turns(spin_position((int)ix, s.nx),
					 s.shift[(size_t)draw * s.n_shape + shape]);

		v = spin_times(v, spin_circle(-turns));
	}
	row[(((size_t)draw * s.n_line + line) * s.terms + term) * (size_t)s.nx + ix] = v;
}

/* ------------------------------------------------------------------ fans */
/* The spin of column ix lands, with its weights for `channels` fans from `first` on. */
SPIN_HD void land_column(const struct warp *o, unsigned lane, const struct bloch_schedule *s,
			 const struct spin_complex *view, const float *spins, unsigned draw, int ix,
			 int iy, int end, unsigned first, unsigned channels)
{
	const size_t n = (size_t)s->nx * (size_t)s->ny, i = (size_t)iy * (size_t)s->nx + (size_t)ix;
	const struct bloch_circle *q = &s->strip[draw];
	struct spin_complex zero = { 0, 0 };
	struct spin me;
	float x, y;

	o->at[lane] = -1;
	if (ix >= end)
		return;
	me = bloch_spin(spins, n, draw, i);
	if (!(me.m0 > 0))
		return;
	x = spin_position(ix, s->nx);
	y = spin_position(iy, s->ny);
	land(o, lane, q, &me, x, y, q->lo + 0.5f * q->width, s->taps + BLOCH_TAP_TABLE,
	     s->fan_cells, s->taps_fan);
	for (unsigned c = 0; c < channels; c++) {
		struct spin_complex w = zero;

		if (first + c < s->n_fan) {
			w = view[((size_t)draw * s->n_view + s->fan[first + c].view) * n + i];
			w = spin_times(
				w, spin_precession(&s->fans[(size_t)draw * s->n_fan + first + c].to,
						   &me, x, y));
		}
		o->value[lane * channels + c] = w;
	}
}

/* Block: row y, up to 4 fans. */
__global__ void __launch_bounds__(BACKEND_THREADS, RESIDENT)
	k_spread(struct spin_complex *strip, const struct spin_complex *view, const float *spins,
		 struct bloch_schedule s, unsigned channels)
{
	SHARED(shared);
	const unsigned warps = blockDim.x / BLOCH_WARP, first = blockIdx.y * channels;
	const unsigned draw = blockIdx.z, cells = s.fan_cells;
	const int iy = (int)blockIdx.x;

	EACH_WARP(w)
	{
		const struct warp o = warp_of(shared, w, channels, cells);
		const int end = (int)((size_t)s.nx * (w + 1) / warps);

		EACH_LANE(lane)
		empty(&o, lane, channels, cells);
		for (int ix = (int)((size_t)s.nx * w / warps); ix < end; ix += BLOCH_WARP) {
			EACH_LANE(lane)
			land_column(&o, lane, &s, view, spins, draw, ix + (int)lane, iy, end, first,
				    channels);
			WARP_SYNC();
			for (unsigned i = 0; i < BLOCH_WARP; i++) {
				if (o.at[i] < 0)
					continue;
				EACH_LANE(lane)
				drop(&o, i, lane, channels, cells);
				WARP_SYNC();
			}
			WARP_SYNC();
		}
	}
	BLOCK_SYNC();
	EACH_THREAD(i)
	for (unsigned k = i; k < channels * cells; k += blockDim.x) {
		unsigned fan = first + k / cells;

		if (fan < s.n_fan)
			strip[(((size_t)draw * s.n_fan + fan) * (size_t)s.ny + (size_t)iy) * cells +
			      k % cells] = sum_warps(shared, k, warps, channels, cells);
	}
}

/* Thread: a cell, up to 8 lines of a fan. The phases of 16 rows of them are made together. */
__global__ void __launch_bounds__(BACKEND_THREADS)
	k_arcs(struct spin_complex *arc, const struct spin_complex *strip, struct bloch_schedule s,
	       unsigned slices)
{
	SHARED(shared);
	struct spin_complex *const phase = (struct spin_complex *)shared; /* [row][line] */
	const unsigned rows = BACKEND_THREADS / BLOCH_GROUP, draw = blockIdx.z;
	const struct bloch_fan f = s.fan[blockIdx.y / slices];
	const unsigned first = blockIdx.y % slices * BLOCH_GROUP, cells = s.fan_cells;
	const struct spin_complex *from = strip + ((size_t)draw * s.n_fan + blockIdx.y / slices) *
							  (size_t)s.ny * cells;
	const struct spin_twice *ky = s.ky + (size_t)draw * s.n_line + f.line + first;
	struct spin_complex own[EACH_OWN(BACKEND_THREADS)][BLOCH_GROUP]; /* a thread's */
	struct spin_complex zero = { 0, 0 };

	if (first >= f.n)
		return;
	EACH_THREAD(i)
	UNROLL
	for (int l = 0; l < BLOCH_GROUP; l++)
		own[EACH_AT(i)][l] = zero;
	for (unsigned iy = 0; iy < (unsigned)s.ny; iy += rows) {
		EACH_THREAD(i)
		{
			unsigned y = iy + i / BLOCH_GROUP, l = i % BLOCH_GROUP;
			float turns = first + l < f.n
					      ? spin_turns(spin_position((int)y, s.ny), ky[l])
					      : 0;

			phase[i] = spin_circle(-(turns - rintf(turns)));
		}
		BLOCK_SYNC();
		EACH_THREAD(i)
		{
			unsigned m = blockIdx.x * blockDim.x + i;

			for (unsigned y = 0; y < rows && iy + y < (unsigned)s.ny && m < cells;
			     y++) {
				struct spin_complex v = from[(size_t)(iy + y) * cells + m];

				UNROLL
				for (int l = 0; l < BLOCH_GROUP; l++) {
					struct spin_complex t =
						spin_times(v, phase[y * BLOCH_GROUP + l]);

					own[EACH_AT(i)][l].re += t.re;
					own[EACH_AT(i)][l].im += t.im;
				}
			}
		}
		BLOCK_SYNC();
	}
	EACH_THREAD(i)
	{
		unsigned m = blockIdx.x * blockDim.x + i;

		UNROLL
		for (int l = 0; l < BLOCH_GROUP; l++)
			if (m < cells && first + l < f.n)
				arc[((size_t)draw * s.n_line + f.line + first + l) * cells + m] =
					own[EACH_AT(i)][l];
	}
}

/* Thread: one sample of one line. */
__global__ void __launch_bounds__(BACKEND_THREADS)
	k_pick(struct spin_complex *signal, const struct spin_complex *arc, struct bloch_schedule s)
{
	unsigned i = blockIdx.x * blockDim.x + threadIdx.x, line = blockIdx.y, draw = blockIdx.z;
	unsigned m = s.fan_cells - s.fan_center + i;
	size_t at = (size_t)draw * s.n_line + line;

	if (s.line[line].maker != BLOCH_FAN || i >= s.shape[s.line[line].shape].n)
		return;
	m = m >= s.fan_cells ? m - s.fan_cells : m;
	signal[at * s.n_sample + i] = spin_times(s.pick[(size_t)draw * s.n_sample + i],
						 arc[at * s.fan_cells + m]);
}

/* ------------------------------------------------------------------ operations */
precess_status cuda_deposit OP_ARGS
{
	LAUNCH_BLOCKS(k_deposit, l, m->circle, m->total, m->view, m->spins, *s, l->index,
		      l->variant);
	return PRECESS_OK;
}

precess_status cuda_unroll OP_ARGS
{
	LAUNCH_THREADS(k_unroll, l, m->row, m->circle, *s, l->index);
	return PRECESS_OK;
}

precess_status cuda_spread OP_ARGS
{
	LAUNCH_BLOCKS(k_spread, l, m->strip, m->view, m->spins, *s, l->variant);
	return PRECESS_OK;
}

precess_status cuda_arcs OP_ARGS
{
	LAUNCH_BLOCKS(k_arcs, l, m->arc, m->strip, *s, l->variant);
	return PRECESS_OK;
}

precess_status cuda_pick OP_ARGS
{
	LAUNCH_THREADS(k_pick, l, m->signal, m->arc, *s);
	return PRECESS_OK;
}
