/* The arithmetic of one spin in single precision, for C, C++ and CUDA: phases, free precession,
 * pulses as affine maps of (Mx, My, Mz). Axes and signs as in runtime/sim/sim.h.
 *
 * A phase is f t + kx x + ky y turns, thousands of them, and only its fraction counts. Each product
 * is made of a float and a number that is known to twice the precision (struct spin_twice), so that
 * nothing but the result is rounded: absolute error below 1e-7 turns while |a b| < 2^22. */
#ifndef RUNTIME_BLOCH_SPIN_H
#define RUNTIME_BLOCH_SPIN_H

#include <math.h>

#ifdef __CUDACC__
#define SPIN_HD __host__ __device__ static inline
#else
#define SPIN_HD static inline
#endif

struct spin_complex {
	float re, im;
};

/* hi + lo, |lo| below half a unit in the last place of hi. */
struct spin_twice {
	float hi, lo;
};

/* What one spin is: rates in 1/s, f in Hz. One that is not there has m0 = 0. */
struct spin {
	float m0, r1, r2, f, b1;
};

/* M -> e M + c; e by rows. */
struct spin_map {
	float e[9], c[3];
};

/* Free precession over t seconds with the moments kx, ky, in cycles per half spin distance, and a
 * phase in turns: F times exp(-r2 t) exp(2 pi i (phase - f t - kx x - ky y)). */
struct spin_free {
	struct spin_twice t, kx, ky;
	float phase;
};

SPIN_HD struct spin_twice spin_split(double v)
{
	struct spin_twice s;

	s.hi = (float)v;
	s.lo = (float)(v - (double)s.hi);
	return s;
}

SPIN_HD struct spin_complex spin_times(struct spin_complex a, struct spin_complex b)
{
	struct spin_complex o;

	o.re = a.re * b.re - a.im * b.im;
	o.im = a.re * b.im + a.im * b.re;
	return o;
}

/* The fraction of a b. The product must be rounded by itself: contracted into p - k it would be
 * exact there, and its error e would count twice. */
SPIN_HD float spin_turns(float a, struct spin_twice b)
{
#ifdef __CUDA_ARCH__
	float p = __fmul_rn(a, b.hi);
#else
	float p = a * b.hi;
#endif
	float e = fmaf(a, b.hi, -p);

	return (p - rintf(p)) + fmaf(a, b.lo, e);
}

/* The same, its rounding kept apart. */
SPIN_HD struct spin_twice spin_turns_twice(float a, struct spin_twice b)
{
#ifdef __CUDA_ARCH__
	float p = __fmul_rn(a, b.hi);
#else
	float p = a * b.hi;
#endif
	struct spin_twice o;

	o.hi = p - rintf(p);
	o.lo = fmaf(a, b.lo, fmaf(a, b.hi, -p));
	return o;
}

/* The fraction of a sum of two such: the first part is what is left of whole turns, exact. */
SPIN_HD struct spin_twice spin_add_turns(struct spin_twice a, struct spin_twice b)
{
#ifdef __CUDA_ARCH__
	float sum = __fadd_rn(a.hi, b.hi), back = __fsub_rn(sum, a.hi);
	float rest = __fadd_rn(__fsub_rn(a.hi, __fsub_rn(sum, back)), __fsub_rn(b.hi, back));
#else
	float sum = a.hi + b.hi, back = sum - a.hi, rest = (a.hi - (sum - back)) + (b.hi - back);
#endif
	struct spin_twice o;

	o.hi = sum - rintf(sum);
	o.lo = rest + (a.lo + b.lo);
	return o;
}

/* exp(2 pi i turns): to the nearest quarter, then polynomials over an eighth to both sides. */
SPIN_HD struct spin_complex spin_circle(float turns)
{
	float q = rintf(4 * turns), x = (turns - 0.25f * q) * 6.28318530718f, y = x * x, s, c;
	struct spin_complex o;
	int n = (int)q & 3;

	s = x + x * y * (-1.6666654611e-1f + y * (8.3321608736e-3f - y * 1.9515295891e-4f));
	c = 1 - 0.5f * y +
	    y * y * (4.166664568e-2f + y * (-1.388731625e-3f + y * 2.443315712e-5f));
	o.re = n & 1 ? s : c;
	o.im = n & 1 ? c : s;
	o.re = n == 1 || n == 2 ? -o.re : o.re;
	o.im = n == 2 || n == 3 ? -o.im : o.im;
	return o;
}

/* Position i of n: an odd or even whole number, exact, -(n - 1) .. n - 1 half distances. */
SPIN_HD float spin_position(int i, int n)
{
	return (float)(2 * i + 1 - n);
}

SPIN_HD struct spin_complex spin_precession(const struct spin_free *p, const struct spin *s,
					    float x, float y)
{
	float turns = spin_turns(s->f, p->t) + spin_turns(x, p->kx) + spin_turns(y, p->ky);
	float e = expf(-s->r2 * p->t.hi), fraction = p->phase - turns;
	struct spin_complex o = spin_circle(fraction - rintf(fraction));

	o.re *= e;
	o.im *= e;
	return o;
}

/* ------------------------------------------------------------------ pulses */
/* The rotation around x by `turns` B1: +z towards +y. */
SPIN_HD struct spin_map spin_rotation(struct spin_twice turns, float b1)
{
	float part = spin_turns(b1, turns);
	struct spin_complex r = spin_circle(part - rintf(part));
	struct spin_map o = { { 1, 0, 0, 0, r.re, r.im, 0, -r.im, r.re }, { 0, 0, 0 } };

	return o;
}

SPIN_HD struct spin_map spin_map_none(void)
{
	struct spin_map o = { { 1, 0, 0, 0, 1, 0, 0, 0, 1 }, { 0, 0, 0 } };

	return o;
}

/* The linear part alone on three numbers: coherence orders k > 0 see no recovery. */
SPIN_HD void spin_turn(float m[3], const struct spin_map *a)
{
	float x = m[0], y = m[1], z = m[2];

	m[0] = a->e[0] * x + a->e[1] * y + a->e[2] * z;
	m[1] = a->e[3] * x + a->e[4] * y + a->e[5] * z;
	m[2] = a->e[6] * x + a->e[7] * y + a->e[8] * z;
}

SPIN_HD void spin_apply(float m[3], const struct spin_map *a)
{
	spin_turn(m, a);
	m[0] += a->c[0];
	m[1] += a->c[1];
	m[2] += a->c[2];
}

/* `a` after `b`. */
SPIN_HD struct spin_map spin_after(const struct spin_map *a, const struct spin_map *b)
{
	struct spin_map o;

	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			o.e[3 * i + j] = a->e[3 * i] * b->e[j] + a->e[3 * i + 1] * b->e[3 + j] +
					 a->e[3 * i + 2] * b->e[6 + j];
		o.c[i] = a->e[3 * i] * b->c[0] + a->e[3 * i + 1] * b->c[1] +
			 a->e[3 * i + 2] * b->c[2] + a->c[i];
	}
	return o;
}

/* exp(M) - 1 for a field that is constant over a step, everything times the step already, and its
 * effect on the recovery towards m0:
 *     M = [ -r2   w   -by ]
 *         [ -w   -r2   bx ]
 *         [  by  -bx  -r1 ]
 * By Cayley and Hamilton every power of M is a + b M + c M^2, so exp M and (exp M - 1) / M are
 * three numbers each. Meant for |M| <= 1, where SPIN_ORDERS terms leave 1e-9. */
#define SPIN_ORDERS 12
SPIN_HD struct spin_map spin_step(float bx, float by, float w, float r1, float r2, float m0)
{
	float perp = bx * bx + by * by, trace = -(r2 + r2 + r1), g = r1 * m0;
	float minors = r2 * r2 + w * w + 2 * r1 * r2 + perp;
	float det = -(r1 * (r2 * r2 + w * w) + r2 * perp), inverse = 1;
	float a = 1, b = 0, c = 0, ea = 0, eb = 0, ec = 0, fa = 1, fb = 0, fc = 0;
	struct spin_map o;

	for (int k = 1; k <= SPIN_ORDERS; k++) {
		float old = c, next;

		c = b + trace * old;
		b = a - minors * old;
		a = det * old;
		inverse /= (float)k;
		next = inverse / (float)(k + 1);
		ea += a * inverse;
		eb += b * inverse;
		ec += c * inverse;
		fa += a * next;
		fb += b * next;
		fc += c * next;
	}
	o.e[0] = ea - eb * r2 + ec * (r2 * r2 - w * w - by * by);
	o.e[1] = eb * w + ec * (bx * by - 2 * r2 * w);
	o.e[2] = ec * (w * bx + (r1 + r2) * by) - eb * by;
	o.e[3] = ec * (2 * r2 * w + bx * by) - eb * w;
	o.e[4] = ea - eb * r2 + ec * (r2 * r2 - w * w - bx * bx);
	o.e[5] = eb * bx + ec * (w * by - (r1 + r2) * bx);
	o.e[6] = eb * by + ec * (w * bx - (r1 + r2) * by);
	o.e[7] = ec * (w * by + (r1 + r2) * bx) - eb * bx;
	o.e[8] = ea - eb * r1 + ec * (r1 * r1 - perp);
	o.c[0] = g * (fc * (w * bx + (r1 + r2) * by) - fb * by);
	o.c[1] = g * (fb * bx + fc * (w * by - (r1 + r2) * bx));
	o.c[2] = g * (fa - fb * r1 + fc * (r1 * r1 - perp));
	return o;
}

/* exp(M) itself, of such a step. */
SPIN_HD struct spin_map spin_whole(struct spin_map d)
{
	d.e[0] += 1;
	d.e[4] += 1;
	d.e[8] += 1;
	return d;
}

SPIN_HD void spin_add_exactly(float *sum, float *rest, float v)
{
#ifdef __CUDA_ARCH__
	float s = __fadd_rn(*sum, v), back = __fsub_rn(s, *sum);

	*rest += __fadd_rn(__fsub_rn(*sum, __fsub_rn(s, back)), __fsub_rn(v, back));
#else
	float s = *sum + v, back = s - *sum;

	*rest += (*sum - (s - back)) + (v - back);
#endif
	*sum = s;
}

/* A step `d` after `all`, whose rounding is kept in `rest`: steps of a pulse are many, small and
 * alike, and so are their roundings. */
SPIN_HD void spin_step_after(struct spin_map *all, struct spin_map *rest, const struct spin_map *d)
{
	struct spin_map old = *all;

	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			spin_add_exactly(&all->e[3 * i + j], &rest->e[3 * i + j],
					 d->e[3 * i] * old.e[j] + d->e[3 * i + 1] * old.e[3 + j] +
						 d->e[3 * i + 2] * old.e[6 + j]);
		spin_add_exactly(&all->c[i], &rest->c[i],
				 d->e[3 * i] * old.c[0] + d->e[3 * i + 1] * old.c[1] +
					 d->e[3 * i + 2] * old.c[2] + d->c[i]);
	}
}

/* ------------------------------------------------------------------ circles */
/* The taps of a spin begin at cell `at` of a circle; u to both sides of that cell's place, v across
 * it (runtime/sim/train.h). */
struct spin_landing {
	int at;
	float u, v;
};

/* `step` displaces it along the circle, its rate, v cells, across. Half a circle and as many cells
 * as there are taps further: the factors that undo it know (`divide`). */
SPIN_HD struct spin_landing spin_land(const struct spin_free *step, const struct spin *s, float x,
				      float y, float v, int cells, int taps)
{
	struct spin_twice turns = spin_add_turns(spin_turns_twice(x, step->kx),
						 spin_turns_twice(y, step->ky));
	float middle = 0.5f * (float)(taps - 1), base;
	struct spin_landing o;

	turns = spin_add_turns(turns, spin_turns_twice(s->f, step->t));
	base = rintf(turns.hi * (float)cells - middle);
	o.u = fmaf(turns.hi, (float)cells, -(base + middle)) + turns.lo * (float)cells;
	o.v = v;
	o.at = (int)base + cells / 2 + taps;
	if (o.at >= cells)
		o.at -= cells;
	return o;
}

/* What tap `tap` gets: its polynomial of real coefficients, [degree][stride], at u + i v. */
SPIN_HD struct spin_complex spin_tap(const float *coef, int stride, int tap, int taps, float u,
				     float v)
{
	float p = 2 * u, q = -(u * u + v * v), b1, b2 = 0, h;
	struct spin_complex o;

	coef += tap;
	b1 = coef[taps * stride];
	for (int d = taps - 1; d > 0; d--) {
		h = p * b1 + (q * b2 + coef[d * stride]);
		b2 = b1;
		b1 = h;
	}
	o.re = u * b1 + (q * b2 + coef[0]);
	o.im = v * b1;
	return o;
}

#endif
