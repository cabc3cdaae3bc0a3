// From views to samples, the line method: per line and separable term a sum over y, a transform
// along x, the terms put together. Sums have a fixed order: a thread adds up the rows of its part,
// parts are added one after another; there are no atomic operations.
#include "runtime/cuda/launch.h"

/* Lines that one thread works on together: their weights follow from one factor, and each spin is
 * read once for all of them. The accumulators, GROUP x TERMS complex numbers, must stay in
 * registers. */
template <int TERMS> struct group_of {
	static const int lines = TERMS <= 4 ? 8 : TERMS <= 6 ? 4 : 2;
};

SPIN_HD struct spin_complex series_point(const struct bloch_series *q, const struct spin *s)
{
	struct spin_complex u;

	u.re = (s->r2 - q->r) * q->inverse;
	u.im = 6.28318530718f * ((s->f - q->f) * q->inverse);
	return u;
}

/* Thread: column x, lines [first, first + LINES) of a group, one part of the rows. */
template <int TERMS, int LINES>
__global__ void __launch_bounds__(BACKEND_THREADS)
k_sums(struct spin_complex *sum, float *weight, const struct spin_complex *view,
       const float *spins, struct bloch_schedule s)
{
	const unsigned slices = BLOCH_GROUP / LINES;
	unsigned ix = blockIdx.x * blockDim.x + threadIdx.x;
	unsigned slice = blockIdx.y % slices, index = blockIdx.y / slices % s.n_group;
	unsigned part = blockIdx.y / slices / s.n_group, draw = blockIdx.z;
	size_t n = (size_t)s.nx * (size_t)s.ny;
	const struct bloch_group g = s.group[index];
	const struct bloch_group_numbers q = s.lines[(size_t)draw * s.n_group + index];
	unsigned first = slice * LINES;
	struct spin_complex acc[LINES][TERMS];
	float total = 0, x;
	int begin = (int)((size_t)s.ny * part / s.parts);
	int end = (int)((size_t)s.ny * (part + 1) / s.parts);

	if (ix >= (unsigned)s.nx || first >= g.n)
		return;
	x = spin_position((int)ix, s.nx);
	view += ((size_t)draw * s.n_view + g.view) * n;
UNROLL
	for (int l = 0; l < LINES; l++)
UNROLL
		for (int j = 0; j < TERMS; j++)
			acc[l][j].re = acc[l][j].im = 0;
	for (int iy = begin; iy < end; iy++) {
		size_t at = (size_t)iy * (size_t)s.nx + ix;
		struct spin me = bloch_spin(spins, n, draw, at);
		struct spin_complex w = view[at], step, u;
		float y = spin_position(iy, s.ny);

		if (!(me.m0 > 0))
			continue;
		w = spin_times(w, spin_precession(&q.first, &me, x, y));
		step = spin_precession(&q.ratio, &me, x, y);
		u = series_point(&s.series[draw], &me);
		if (first == 0)
			total += sqrtf(w.re * w.re + w.im * w.im);
		for (unsigned l = 0; l < first; l++)
			w = spin_times(w, step);
UNROLL
		for (int l = 0; l < LINES; l++) {
			struct spin_complex v = w;

UNROLL
			for (int j = 0; j < TERMS; j++) {
				acc[l][j].re += v.re;
				acc[l][j].im += v.im;
				if (j + 1 < TERMS)
					v = spin_times(v, u);
			}
			w = spin_times(w, step);
		}
	}
UNROLL
	for (int l = 0; l < LINES; l++) {
		size_t line = ((size_t)draw * s.parts + part) * s.n_line + g.line + first + l;

		if (first + l >= g.n)
			break;
UNROLL
		for (int j = 0; j < TERMS; j++)
			sum[(line * TERMS + j) * (size_t)s.nx + ix] = acc[l][j];
	}
	if (first == 0 && g.piece >= 0)
		weight[(((size_t)draw * s.n_piece + (size_t)g.piece) * s.parts + part) *
			       (size_t)s.nx + ix] = total;
}

/* Thread: column x of one line and term. Samples that lie between the cells of the transform, all
 * by the same distance, are moved onto them. */
__global__ void __launch_bounds__(BACKEND_THREADS)
k_gather(struct spin_complex *row, const struct spin_complex *sum, struct bloch_schedule s)
{
	unsigned ix = blockIdx.x * blockDim.x + threadIdx.x, draw = blockIdx.z;
	size_t rows = (size_t)s.n_line * s.terms, r = blockIdx.y;
	struct spin_complex v = { 0, 0 };
	uint32_t shape;

	if (ix >= (unsigned)s.nx || s.line[r / s.terms].maker != BLOCH_GROUPED)
		return;
	for (uint32_t part = 0; part < s.parts; part++) {
		const struct spin_complex *from =
			sum + (((size_t)draw * s.parts + part) * rows + r) * (size_t)s.nx + ix;

		v.re += from->re;
		v.im += from->im;
	}
	shape = s.line[r / s.terms].shape;
	if (s.shape[shape].uniform) {
		float turns = spin_turns(spin_position((int)ix, s.nx),
					 s.shift[(size_t)draw * s.n_shape + shape]);

		v = spin_times(v, spin_circle(-turns));
	}
	row[((size_t)draw * rows + r) * (size_t)s.nx + ix] = v;
}

/* Thread: one sample of one line. Where the samples are no cells of the transform the sum over x is
 * made here. */
__global__ void __launch_bounds__(BACKEND_THREADS)
k_combine(struct spin_complex *signal, const struct spin_complex *spectrum,
	  const struct spin_complex *row, struct bloch_schedule s)
{
	unsigned i = blockIdx.x * blockDim.x + threadIdx.x, line = blockIdx.y, draw = blockIdx.z;
	uint32_t shape = s.line[line].shape;
	int maker = s.line[line].maker;
	size_t first = ((size_t)draw * s.n_line + line) * s.terms * (size_t)s.nx;
	const struct spin_complex *coef;
	struct spin_complex v = { 0, 0 };

	if (i >= s.shape[shape].n || (maker != BLOCH_GROUPED && maker != BLOCH_TRAIN))
		return;
	coef = s.coef + ((size_t)draw * s.n_shape + shape) * s.terms * s.n_sample + i;
	if (s.shape[shape].uniform) {
		uint32_t cell = s.cell[(size_t)shape * s.n_sample + i];

		for (uint32_t j = 0; j < s.terms; j++) {
			struct spin_complex t =
				spin_times(coef[(size_t)j * s.n_sample],
					   spectrum[first + (size_t)j * (size_t)s.nx + cell]);

			v.re += t.re;
			v.im += t.im;
		}
	} else {
		struct spin_twice k = s.kx[((size_t)draw * s.n_shape + shape) * s.n_sample + i];

		for (int ix = 0; ix < s.nx; ix++) {
			struct spin_complex t = { 0, 0 }, c;

			for (uint32_t j = 0; j < s.terms; j++) {
				c = spin_times(coef[(size_t)j * s.n_sample],
					       row[first + (size_t)j * (size_t)s.nx + (size_t)ix]);
				t.re += c.re;
				t.im += c.im;
			}
			t = spin_times(t, spin_circle(-spin_turns(spin_position(ix, s.nx), k)));
			v.re += t.re;
			v.im += t.im;
		}
	}
	signal[((size_t)draw * s.n_line + line) * s.n_sample + i] = v;
}

/* ------------------------------------------------------------------ operations */
typedef void sums_kernel(struct spin_complex *, float *, const struct spin_complex *, const float *,
			 struct bloch_schedule);

static sums_kernel *sums_of(uint32_t terms)
{
	switch (terms) {
#define CASE(n)                                                                                    \
	case n:                                                                                    \
		return k_sums<n, group_of<n>::lines>;
		CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
		CASE(7) CASE(8) CASE(9) CASE(10) CASE(11)
#undef CASE
	default:
		return k_sums<BLOCH_TERMS, group_of<BLOCH_TERMS>::lines>;
	}
}

precess_status cuda_sums OP_ARGS
{
	sums_kernel *kernel = sums_of(l->variant);

	if (l->variant < 1 || l->variant > BLOCH_TERMS)
		return precess_fail(PRECESS_ENOTSUP, "%u separable terms (limit %d)", l->variant,
				    BLOCH_TERMS);
	LAUNCH_THREADS(kernel, l, m->sum, m->weight, m->view, m->spins, *s);
	return PRECESS_OK;
}

precess_status cuda_gather OP_ARGS
{
	LAUNCH_THREADS(k_gather, l, m->row, m->sum, *s);
	return PRECESS_OK;
}

precess_status cuda_combine OP_ARGS
{
	LAUNCH_THREADS(k_combine, l, m->signal, m->spectrum, m->row, *s);
	return PRECESS_OK;
}
