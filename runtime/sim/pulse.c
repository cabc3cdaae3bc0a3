/* Affine maps of shaped pulses: solved for a few spins, interpolated for the others.
 *
 * A map is entire in each of its arguments. On the real axis no number of it exceeds 1; with an
 * imaginary part v of the offset it grows as exp(T |v|) at most, of B1 as exp(v times the integral of
 * |B|); negative rates grow as exp(T |r|). On the ellipse around [-1, 1] with the sum of half axes
 * rho a function below M leaves 4 M rho^(1 - n) / (rho - 1) to the polynomial through n Chebyshev
 * nodes: the best rho gives the number of nodes (Trefethen, Approximation Theory, chapter 8). */
#include "runtime/sim/pulse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* One build per vector width; the order of additions is the same in all. */
#if defined(__x86_64__) && defined(__gnu_linux__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif
typedef double wide __attribute__((vector_size(8 * PULSE_LANES)));

enum {
	ORDERS = 24,       /* of the exponential series */
	NODES = 256,       /* the most along an axis */
	DEGREES = 32,      /* the most of a place's polynomial along an axis */
	SHORT = 8,         /* steps that are solved as fast as looked up */
	TERMS = 8,         /* looked up in the time of a step */
	TENSOR = 1 << 22   /* numbers in all that the nodes may have */
};
static const double longest_step = 2; /* rad: e^2 of the series' digits cancel */

/* ------------------------------------------------------------------ solving */
struct map {
	wide e[3][3], c[3];
};
/* Of one step: angles and decays. */
struct field {
	wide bx, by, w, r1, r2;
};

/* a after b */
static inline __attribute__((always_inline)) void after(struct map *o, const struct map *a,
							const struct map *b)
{
	struct map m;

	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			m.e[i][j] = a->e[i][0] * b->e[0][j] + a->e[i][1] * b->e[1][j] +
				    a->e[i][2] * b->e[2][j];
		m.c[i] = a->e[i][0] * b->c[0] + a->e[i][1] * b->c[1] + a->e[i][2] * b->c[2] +
			 a->c[i];
	}
	*o = m;
}

/* exp(M) and (exp(M) - 1) / M (0, 0, r1), everything times the step already, for
 *     M = [ -r2   w   -by ]
 *         [ -w   -r2   bx ]
 *         [  by  -bx  -r1 ].
 * By Cayley and Hamilton every power is a I + b M + c M^2: the series needs three numbers an order.
 * inverse[k] = 1 / k!. */
static inline __attribute__((always_inline)) void step(struct map *o, const struct field *f, int order,
						       const double *inverse)
{
	wide bx = f->bx, by = f->by, w = f->w, r1 = f->r1, r2 = f->r2;
	wide zero = { 0 }, perp = bx * bx + by * by, trace = -(r2 + r2 + r1);
	wide minors = r2 * r2 + w * w + 2 * r1 * r2 + perp;
	wide det = -(r1 * (r2 * r2 + w * w) + r2 * perp);
	wide a = zero + 1, b = zero, c = zero, old;
	wide ea = a, eb = zero, ec = zero, fa = a, fb = zero, fc = zero;

	for (int k = 1; k <= order; k++) {
		old = c;
		c = b + trace * old;
		b = a - minors * old;
		a = det * old;
		ea += a * inverse[k];
		eb += b * inverse[k];
		ec += c * inverse[k];
		fa += a * inverse[k + 1];
		fb += b * inverse[k + 1];
		fc += c * inverse[k + 1];
	}
	o->e[0][0] = ea - eb * r2 + ec * (r2 * r2 - w * w - by * by);
	o->e[0][1] = eb * w + ec * (bx * by - 2 * r2 * w);
	o->e[0][2] = ec * (w * bx + (r1 + r2) * by) - eb * by;
	o->e[1][0] = ec * (2 * r2 * w + bx * by) - eb * w;
	o->e[1][1] = ea - eb * r2 + ec * (r2 * r2 - w * w - bx * bx);
	o->e[1][2] = eb * bx + ec * (w * by - (r1 + r2) * bx);
	o->e[2][0] = eb * by + ec * (w * bx - (r1 + r2) * by);
	o->e[2][1] = ec * (w * by + (r1 + r2) * bx) - eb * bx;
	o->e[2][2] = ea - eb * r1 + ec * (r1 * r1 - perp);
	o->c[0] = r1 * (fc * (w * bx + (r1 + r2) * by) - fb * by);
	o->c[1] = r1 * (fb * bx + fc * (w * by - (r1 + r2) * bx));
	o->c[2] = r1 * (fa - fb * r1 + fc * (r1 * r1 - perp));
}

/* The longest angle and decay of a step, over its spins. */
static double reach_of(const struct pulse_shape *s, pulse_spins at)
{
	double field = 0, most = 0;

	for (size_t i = 0; i < s->n; i++)
		field = fmax(field, s->b[2 * i] * s->b[2 * i] + s->b[2 * i + 1] * s->b[2 * i + 1]);
	field = sqrt(field);
	for (int l = 0; l < PULSE_LANES; l++)
		most = fmax(most, field * fabs(at[PULSE_B1][l]) + fabs(at[PULSE_W][l]) +
				  at[PULSE_R1][l] + at[PULSE_R2][l]);
	return most * s->h;
}

WIDE static void solve(pulse_maps out, const struct pulse_shape *s, pulse_spins at, int order,
		       int doublings)
{
	double inverse[ORDERS + 2] = { 1, 1 }, h = ldexp(s->h, -doublings);
	wide b1, zero = { 0 };
	struct map all = { 0 }, one;
	struct field f;

	for (int k = 2; k <= order + 1; k++)
		inverse[k] = inverse[k - 1] / k;
	memcpy(&b1, at[PULSE_B1], sizeof b1);
	memcpy(&f.w, at[PULSE_W], sizeof f.w);
	memcpy(&f.r1, at[PULSE_R1], sizeof f.r1);
	memcpy(&f.r2, at[PULSE_R2], sizeof f.r2);
	b1 *= h;
	f.w *= h;
	f.r1 *= h;
	f.r2 *= h;
	for (int i = 0; i < 3; i++)
		all.e[i][i] = zero + 1;
	for (size_t i = 0; i < s->n; i++) {
		f.bx = b1 * s->b[2 * i];
		f.by = b1 * s->b[2 * i + 1];
		step(&one, &f, order, inverse);
		for (int k = 0; k < doublings; k++)
			after(&one, &one, &one);
		after(&all, &one, &all);
	}
	memcpy(out, &all, sizeof all);
}

void pulse_solve(pulse_maps out, const struct pulse_shape *s, pulse_spins at)
{
	double reach = reach_of(s, at), rest;
	int order = 1, doublings = 0;

	for (; reach > longest_step; reach /= 2)
		doublings++;
	for (rest = reach; rest > 1e-15 && order < ORDERS; rest *= reach / order)
		order++;
	solve(out, s, at, order, doublings);
}

/* ------------------------------------------------------------------ how many nodes */
struct axis {
	double middle, half;
	double type;      /* growth beside the real axis; T for rates, which grow on its negative side */
	bool rate;
	int nodes;
	double error;
};

static double node_error(const struct axis *a, int n)
{
	double least = INFINITY;

	if (a->half == 0)
		return 0;
	for (double rho = 1.05; rho < 1e6; rho *= 1.1) {
		double wide_half = 0.5 * a->half * (rho + 1 / rho);
		double grow = a->rate ? fmax(0, wide_half - a->middle)
				      : 0.5 * a->half * (rho - 1 / rho);

		least = fmin(least, log(4 / (rho - 1)) + a->type * grow - (n - 1) * log(rho));
	}
	return exp(least);
}

static void choose_nodes(struct axis *a, double error)
{
	a->nodes = 1;
	while ((a->error = node_error(a, a->nodes)) > error && a->nodes < NODES)
		a->nodes++;
}

static struct axis make_axis(const struct pulse_range *r, enum pulse_axis k, double type)
{
	return (struct axis){ .middle = 0.5 * (r->lo[k] + r->hi[k]),
			      .half = 0.5 * (r->hi[k] - r->lo[k]),
			      .type = type,
			      .rate = k == PULSE_R1 || k == PULSE_R2 };
}

static double lebesgue(int n)
{
	return 1 + 2 / pi * log(n);
}

/* ------------------------------------------------------------------ tables */
struct term {
	int degree[PULSE_AXES];
	double coef[PULSE_NUMBERS];
};
struct pulse_table {
	struct axis axis[PULSE_AXES]; /* of a place */
	struct term *term;            /* place after place */
	size_t *first;                /* per place, and the end */
	int places;
	double error;
};

static double node(int i, int n)
{
	return cos(pi * (i + 0.5) / n);
}

/* out[o][r][i] = sum over c of m[r][c] in[o][c][i] */
static void along(double *out, const double *in, const double *m, size_t outer, int rows, int columns,
		  size_t inner)
{
	memset(out, 0, outer * (size_t)rows * inner * sizeof *out);
	for (size_t o = 0; o < outer; o++)
		for (int r = 0; r < rows; r++)
			for (int c = 0; c < columns; c++) {
				double f = m[r * columns + c];
				double *restrict to = out + (o * (size_t)rows + (size_t)r) * inner;
				const double *restrict from =
					in + (o * (size_t)columns + (size_t)c) * inner;

				for (size_t i = 0; i < inner; i++)
					to[i] += f * from[i];
			}
}

/* From values at n nodes to coefficients of the Chebyshev polynomials. */
static void coefficients(double *m, int n)
{
	for (int k = 0; k < n; k++)
		for (int i = 0; i < n; i++)
			m[k * n + i] = (k ? 2.0 : 1.0) / n * cos(pi * k * (i + 0.5) / n);
}

/* From coefficients on `whole` to those on `part` moved by `shift`. */
static void restrict_to(double *m, double *work, const struct axis *part, const struct axis *whole,
			double shift)
{
	int n = part->nodes, w = whole->nodes;
	double *transform = work, *value = work + n * n;

	coefficients(transform, n);
	for (int i = 0; i < n; i++) {
		double x = part->middle + shift + part->half * node(i, n), t[2] = { 1, 0 };

		x = whole->half > 0 ? (x - whole->middle) / whole->half : 0;
		x = fmax(-1, fmin(1, x));
		t[1] = x;
		for (int k = 0; k < w; k++) {
			value[i * w + k] = t[0];
			double next = 2 * x * t[1] - t[0];

			t[0] = t[1];
			t[1] = next;
		}
	}
	along(m, value, transform, 1, n, n, (size_t)w);
}

/* Solves at all nodes: value[b1][w][r2][r1][number]. */
static void solve_nodes(double *value, const struct pulse_shape *s, const struct axis a[PULSE_AXES],
			int threads)
{
	const int n2 = a[PULSE_R2].nodes, n3 = a[PULSE_R1].nodes, nw = a[PULSE_W].nodes;
	const long n = (long)a[PULSE_B1].nodes * nw * n2 * n3;

#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (long first = 0; first < n; first += PULSE_LANES) {
		_Alignas(64) pulse_spins at;
		_Alignas(64) pulse_maps map;

		for (int l = 0; l < PULSE_LANES; l++) {
			long i = first + l < n ? first + l : n - 1;
			int index[PULSE_AXES] = { (int)(i / n3 / n2 / nw), (int)(i / n3 / n2 % nw),
						  (int)(i / n3 % n2), (int)(i % n3) };

			for (int k = 0; k < PULSE_AXES; k++)
				at[k][l] = a[k].middle + a[k].half * node(index[k], a[k].nodes);
		}
		pulse_solve(map, s, at);
		for (int l = 0; l < PULSE_LANES && first + l < n; l++)
			for (int k = 0; k < PULSE_NUMBERS; k++)
				value[(first + l) * PULSE_NUMBERS + k] = map[k][l];
	}
}

/* Values become coefficients along all axes. */
static precess_status transform(double *value, const struct axis a[PULSE_AXES])
{
	size_t outer = 1, inner = PULSE_NUMBERS, n;
	double *copy, *m;

	for (int k = 0; k < PULSE_AXES; k++)
		inner *= (size_t)a[k].nodes;
	n = inner;
	copy = malloc(n * sizeof *copy);
	m = malloc((size_t)NODES * NODES * sizeof *m);
	for (int k = 0; k < PULSE_AXES && copy && m; k++) {
		inner /= (size_t)a[k].nodes;
		memcpy(copy, value, n * sizeof *copy);
		coefficients(m, a[k].nodes);
		along(value, copy, m, outer, a[k].nodes, a[k].nodes, inner);
		outer *= (size_t)a[k].nodes;
	}
	n = copy && m;
	free(copy);
	free(m);
	return n ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory for a table of a pulse");
}

static double size_of(const double *coef)
{
	double most = 0;

	for (int k = 0; k < PULSE_NUMBERS; k++)
		most = fmax(most, fabs(coef[k]));
	return most;
}

static int by_size(const void *a, const void *b)
{
	double x = size_of(((const struct term *)a)->coef), y = size_of(((const struct term *)b)->coef);

	return (x < y) - (x > y);
}

/* The terms of one place, the largest; what the others can add up to stays below `drop`. */
static size_t keep(struct term *out, const double *coef, const struct axis a[PULSE_AXES], double drop)
{
	size_t n = 0;
	double sum = 0;

	for (int i = 0; i < a[0].nodes; i++)
		for (int j = 0; j < a[1].nodes; j++)
			for (int k = 0; k < a[2].nodes; k++)
				for (int l = 0; l < a[3].nodes; l++, coef += PULSE_NUMBERS) {
					out[n] = (struct term){ .degree = { i, j, k, l } };
					memcpy(out[n++].coef, coef, sizeof out->coef);
				}
	qsort(out, n, sizeof *out, by_size);
	while (n > 1 && (sum += size_of(out[n - 1].coef)) <= drop)
		n--;
	return n;
}

static precess_status make_place(struct pulse_table *t, const double *whole,
				 const struct axis a[PULSE_AXES], int place, double shift, double drop)
{
	const struct axis *part = &t->axis[PULSE_W];
	size_t inner = (size_t)a[PULSE_R2].nodes * (size_t)a[PULSE_R1].nodes * PULSE_NUMBERS;
	size_t n = (size_t)a[PULSE_B1].nodes * (size_t)part->nodes * inner, rows = (size_t)part->nodes;
	size_t columns = (size_t)a[PULSE_W].nodes;
	double *coef = malloc((n + 2 * rows * columns + rows * rows) * sizeof *coef), *m = coef + n;
	struct term *term = malloc(n / PULSE_NUMBERS * sizeof *term), *grown = NULL;
	size_t kept = 0, at = t->first[place];

	if (coef && term) {
		restrict_to(m, m + rows * columns, part, &a[PULSE_W], shift);
		along(coef, whole, m, (size_t)a[PULSE_B1].nodes, part->nodes, a[PULSE_W].nodes, inner);
		kept = keep(term, coef, t->axis, drop);
		grown = realloc(t->term, (at + kept) * sizeof *grown);
	}
	if (grown) {
		t->term = grown;
		memcpy(grown + at, term, kept * sizeof *grown);
		t->first[place + 1] = at + kept;
	}
	free(term);
	free(coef);
	return grown ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory for a table of a pulse");
}

/* Axes of a place and, into `whole`, of all places together; false where there are too many nodes. */
static bool make_axes(struct pulse_table *t, struct axis whole[PULSE_AXES], const struct pulse_shape *s,
		      const struct pulse_range *range, const double *place, double error)
{
	double type[PULSE_AXES] = { 0 }, length = s->h * (double)s->n, lo = INFINITY, hi = -INFINITY;
	double size = PULSE_NUMBERS, gain = 1;
	struct pulse_range all = *range;

	for (size_t i = 0; i < s->n; i++)
		type[PULSE_B1] += s->h * hypot(s->b[2 * i], s->b[2 * i + 1]);
	type[PULSE_W] = type[PULSE_R1] = type[PULSE_R2] = length;
	for (int i = 0; i < t->places; i++) {
		lo = fmin(lo, place[i]);
		hi = fmax(hi, place[i]);
	}
	all.lo[PULSE_W] += lo;
	all.hi[PULSE_W] += hi;
	/* each polynomial carries the errors of those inside it, amplified */
	for (int k = 0; k < PULSE_AXES; k++) {
		t->axis[k] = make_axis(range, k, type[k]);
		choose_nodes(&t->axis[k], error / 16 / gain);
		if (t->axis[k].nodes > DEGREES)
			return false;
		t->error += gain * t->axis[k].error;
		gain *= lebesgue(t->axis[k].nodes);
		whole[k] = t->axis[k];
		if (k == PULSE_W) {
			whole[k] = make_axis(&all, k, type[k]);
			choose_nodes(&whole[k], error / 16 / gain);
			t->error += gain * whole[k].error;
			gain *= lebesgue(whole[k].nodes);
		}
		size *= whole[k].nodes;
		if (whole[k].nodes >= NODES || size > TENSOR)
			return false;
	}
	t->error *= fmax(1, range->hi[PULSE_R1] * length); /* of the recovery */
	return true;
}

precess_status pulse_table_create(struct pulse_table **out, const struct pulse_shape *s,
				  const struct pulse_range *range, const double *place, int places,
				  double spins, double error, int threads)
{
	struct axis whole[PULSE_AXES];
	struct pulse_table *t = calloc(1, sizeof *t);
	double *value = NULL;
	size_t nodes = 1;
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (!t)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a table of a pulse");
	t->places = places;
	if (s->n < SHORT || !make_axes(t, whole, s, range, place, error))
		goto out;
	for (int k = 0; k < PULSE_AXES; k++)
		nodes *= (size_t)whole[k].nodes;
	if ((double)nodes > 0.5 * spins)
		goto out;
	value = malloc(nodes * PULSE_NUMBERS * sizeof *value);
	t->first = calloc((size_t)places + 1, sizeof *t->first);
	if (!value || !t->first) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a table of a pulse");
		goto out;
	}
	solve_nodes(value, s, whole, threads);
	TRY(transform(value, whole));
	for (int i = 0; i < places; i++)
		TRY(make_place(t, value, whole, i, place[i], 0.5 * error));
	if (t->first[places] > TERMS * s->n * (size_t)places)
		goto out;
	t->error += 0.5 * error;
	*out = t;
	t = NULL;
out:
	free(value);
	pulse_table_free(t);
	return st;
}

void pulse_table_free(struct pulse_table *t)
{
	if (!t)
		return;
	free(t->term);
	free(t->first);
	free(t);
}

double pulse_table_error(const struct pulse_table *t)
{
	return t->error;
}

/* ------------------------------------------------------------------ looking up */
WIDE static void look(pulse_maps out, const struct pulse_table *t, const struct term *term, size_t n,
		      pulse_spins at)
{
	wide power[PULSE_AXES][DEGREES], sum[PULSE_NUMBERS] = { 0 }, zero = { 0 };

	for (int k = 0; k < PULSE_AXES; k++) {
		const struct axis *a = &t->axis[k];
		double inverse = a->half > 0 ? 1 / a->half : 0;
		wide x;

		for (int l = 0; l < PULSE_LANES; l++)
			x[l] = fmax(-1, fmin(1, (at[k][l] - a->middle) * inverse));
		power[k][0] = zero + 1;
		power[k][1] = x;
		for (int i = 2; i < a->nodes; i++)
			power[k][i] = 2 * x * power[k][i - 1] - power[k][i - 2];
	}
	for (size_t i = 0; i < n; i++) {
		const struct term *q = &term[i];
		wide p = power[0][q->degree[0]] * power[1][q->degree[1]] * power[2][q->degree[2]] *
			 power[3][q->degree[3]];

		for (int k = 0; k < PULSE_NUMBERS; k++)
			sum[k] += p * q->coef[k];
	}
	memcpy(out, sum, sizeof sum);
}

void pulse_table_look(pulse_maps out, const struct pulse_table *t, int place, pulse_spins at)
{
	look(out, t, t->term + t->first[place], t->first[place + 1] - t->first[place], at);
}
