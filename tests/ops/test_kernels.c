/* runtime/cpu: every kernel of every instruction set against plain double arithmetic. */
#include "kernel_data.h"

#include <float.h>

/* ------------------------------------------------------------------ functions */

static void circle_is_accurate(void **state)
{
	static const double reach[] = { 0.6, 20, 3e4 };
	struct rng r = rng_make(1, 0);
	enum { N = 4096 };
	float *f = planes(8), *c = planes(8), *s = planes(8);
	double worst = 0, t, phase;
	size_t i, j;

	(void)state;
	for (j = 0; j < PRECESS_COUNT(reach); j++) {
		t = 0.0123456789;
		fill(f, N, &r, -reach[j] / t, reach[j] / t);
		f[0] = 0;
		f[1] = (float)(0.125 / t);
		f[2] = (float)(-0.5 / t);
		k->cossin(c, s, f, t, N);
		for (i = 0; i < N; i++) {
			phase = 2 * PI * fmod(f[i] * t, 1);
			worst = fmax(worst, fmax(fabs(c[i] - cos(phase)), fabs(s[i] - sin(phase))));
			assert_true(fabs(c[i] * c[i] + s[i] * s[i] - 1) < 4e-7);
		}
	}
	if (worst > 1.5e-7)
		fail_msg("%s: cos, sin wrong by %g", k->isa, worst);
	free(f);
	free(c);
	free(s);
}

static void decay_is_accurate(void **state)
{
	struct rng r = rng_make(2, 0);
	enum { N = 4096 };
	float *rate = planes(8), *e = planes(8);
	double worst = 0, truth;
	size_t i;

	(void)state;
	fill(rate, N, &r, 0, 8000);
	rate[0] = 0;
	rate[1] = 1e30f;
	rate[2] = FLT_MAX;
	k->decay(e, rate, 0.01, N);
	assert_true(e[0] == 1.0f && e[1] == 0.0f && e[2] == 0.0f);
	for (i = 3; i < N; i++) {
		truth = exp(-rate[i] * 0.01);
		worst = fmax(worst, fabs(e[i] / truth - 1));
	}
	if (worst > 1.5e-7)
		fail_msg("%s: exp wrong by %g", k->isa, worst);
	free(rate);
	free(e);
}

/* ------------------------------------------------------------------ maps */
static void maps_become_spins(void **state)
{
	float m0[20], t2[20], f[20];
	struct cpu_maps m = { .m0 = m0, .t2 = t2, .f = f, .fastest = 50 };
	struct cpu_spins *s = memory_aligned(sizeof *s);
	size_t i, at = CPU_LANES; /* second row */

	(void)state;
	for (i = 0; i < 20; i++) {
		m0[i] = i == 7 ? 0 : 0.5f;
		t2[i] = i == 7 ? NAN : i == 8 ? 0.001f : 0.1f;
		f[i] = i == 7 ? INFINITY : (float)i;
	}
	k->load(s, 1, &m, 4, 16);
	assert_true(s->m0[at] == 0.5f && s->f[at] == 4 && s->b1[at] == 1 && s->r1[at] == 0);
	assert_true(fabsf(s->r2[at] - 10) < 1e-5f && s->r2[at + 4] == 50);
	assert_true(s->m0[at + 3] == 0 && s->r2[at + 3] == 0 && s->f[at + 3] == 0);
	k->load(s, 1, &m, 16, 4);
	assert_true(s->m0[at + 3] == 0.5f && s->f[at + 3] == 19);
	assert_true(s->m0[at + 4] == 0 && s->r2[at + 4] == 0 && s->b1[at + 15] == 1);
	m.m0 = NULL;
	k->load(s, 1, &m, 16, 4);
	assert_true(s->m0[at + 3] == 1 && s->m0[at + 4] == 0);
	free(s);
}

/* ------------------------------------------------------------------ pulses */

/* exp of the 4 x 4 matrix of the Bloch equations over h seconds: Taylor of 1/64 of it, squared. */
static void bloch_exponential(double out[4][4], double bx, double by, double w, double r1,
			      double r2, double m0, double h)
{
	double m[4][4] = {
		{ -r2, w, -by, 0 }, { -w, -r2, bx, 0 }, { by, -bx, -r1, r1 * m0 }, { 0, 0, 0, 0 }
	};
	double term[4][4] = { { 0 } }, next[4][4];
	int i, j, q, n;

	for (i = 0; i < 4; i++)
		for (j = 0; j < 4; j++) {
			term[i][j] = out[i][j] = i == j;
			m[i][j] *= h / 64;
		}
	for (n = 1; n < 16; n++) {
		for (i = 0; i < 4; i++)
			for (j = 0; j < 4; j++) {
				next[i][j] = 0;
				for (q = 0; q < 4; q++)
					next[i][j] += m[i][q] * term[q][j] / n;
			}
		memcpy(term, next, sizeof term);
		for (i = 0; i < 4; i++)
			for (j = 0; j < 4; j++)
				out[i][j] += term[i][j];
	}
	for (n = 0; n < 6; n++) {
		for (i = 0; i < 4; i++)
			for (j = 0; j < 4; j++) {
				next[i][j] = 0;
				for (q = 0; q < 4; q++)
					next[i][j] += out[i][q] * out[q][j];
			}
		memcpy(out, next, sizeof next);
	}
}

static void pulses_are_exponentials(void **state)
{
	/* angle in turns, seconds, steps */
	static const struct {
		double turns, h;
		int n;
	} pulse[] = { { 0.5, 500e-6, 1 }, { 0.25, 100e-6, 1 }, { 0.02, 20e-6, 1 },
		      { 1.5, 4e-3, 1 },   { 0, 1e-3, 1 },      { 0.25, 1e-3, 50 } };
	struct rng r = rng_make(3, 0);
	struct cpu_spins *s = spins(&r);
	double b[100], x[CPU_LANES], y[ROWS], all[4][4], one[4][4], next[4][4], worst = 0;
	uint32_t row[ROWS];
	float *e = planes(12);
	size_t p, i, j, q, n, at;

	(void)state;
	s->r2[17] = 0;
	s->r1[17] = 0;
	for (i = 0; i < ROWS; i++) {
		row[i] = (uint32_t)(ROWS - 1 - i);
		y[i] = 10.0 * (double)i;
	}
	for (i = 0; i < CPU_LANES; i++)
		x[i] = 300.0 - 40.0 * (double)i;
	for (p = 0; p < PRECESS_COUNT(pulse); p++) {
		double h = pulse[p].h / pulse[p].n, w1 = 2 * PI * pulse[p].turns / pulse[p].h;
		struct cpu_bloch in = { .n = (size_t)pulse[p].n,
					.b = b,
					.h = h,
					.offset = 77,
					.x = x,
					.y = y,
					.row = row };

		for (n = 0; n < in.n; n++) {
			b[2 * n] = w1 * cos(0.3 * (double)n);
			b[2 * n + 1] = w1 * sin(0.3 * (double)n);
		}
		in.reach = h * (1.3 * w1 + 2 * PI * 150 + 77 + 300 + 300 + 200);
		k->bloch(e, s, &in, ROWS);
		for (at = 0; at < SPINS; at++) {
			double w = 2 * PI * s->f[at] + 77 + x[at % CPU_LANES] +
				   y[row[at / CPU_LANES]];

			for (n = 0; n < in.n; n++) {
				bloch_exponential(one, s->b1[at] * b[2 * n],
						  s->b1[at] * b[2 * n + 1], w, s->r1[at], s->r2[at],
						  s->m0[at], h);
				for (i = 0; n && i < 4; i++)
					for (j = 0; j < 4; j++) {
						next[i][j] = 0;
						for (q = 0; q < 4; q++)
							next[i][j] += one[i][q] * all[q][j];
					}
				memcpy(all, n ? next : one, sizeof all);
			}
			for (i = 0; i < 3; i++)
				for (j = 0; j < 4; j++) {
					float got = j < 3 ? e[(3 * i + j) * CPU_PLANE + at]
							  : e[(9 + i) * CPU_PLANE + at];

					worst = fmax(worst, fabs(got - all[i][j]));
				}
		}
		if (worst > 1.2e-7)
			fail_msg("%s: pulse %zu wrong by %g", k->isa, p, worst);
	}
	free(e);
	free(s);
}

/* Spins on resonance need no phase of their own. */
static void still_factors(void **state)
{
	enum { NY = ROWS + ROWS / 4 };
	struct rng r = rng_make(5, 0);
	struct cpu_spins *s = spins(&r);
	float x[2 * CPU_LANES], y[2 * NY], *a = planes(2), *b = planes(2);
	uint32_t row[ROWS];
	struct cpu_factor p = { .t = 0.02, .x = x, .y = y, .row = row };

	(void)state;
	fill(x, 2 * CPU_LANES, &r, -0.7, 0.7);
	fill(y, 2 * NY, &r, -0.7, 0.7);
	for (uint32_t i = 0; i < ROWS; i++)
		row[i] = i + i / 4;
	memset(s->f, 0, sizeof s->f);
	k->factor(a, s, &p, ROWS);
	p.still = true;
	k->factor(b, s, &p, ROWS);
	for (size_t i = 0; i < SPINS; i++)
		for (size_t j = i; j < 2 * CPU_PLANE; j += CPU_PLANE)
			assert_true(fabsf(a[j] - b[j]) <= 1e-7f && a[j] != 0);
	free(s);
	free(a);
	free(b);
}

/* ------------------------------------------------------------------ orders */

/* Orders are Fourier coefficients of isochromats: a pulse and a factor on orders -1, 0, 1 against
 * the same on many spins along z. */
static void orders_are_isochromats(void **state)
{
	enum { NZ = 8 };
	static const enum cpu_pulse kinds[] = { CPU_PULSE_NONE, CPU_PULSE_ROTATION,
						CPU_PULSE_AFFINE };
	struct rng r = rng_make(4, 0);
	float *pulse = planes(12), *f = planes(2), *rec = planes(2);
	float *F0 = planes(2), *P = planes(2), *M = planes(2), *Z0 = planes(1), *Z = planes(2);
	double worst = 0;
	size_t v, z, at;

	(void)state;
	for (v = 0; v < PRECESS_COUNT(kinds); v++) {
		double m[SPINS][NZ][3];

		fill(pulse, 12 * CPU_PLANE, &r, -0.5, 0.5);
		fill(f, 2 * CPU_PLANE, &r, -0.7, 0.7);
		fill(rec, 2 * CPU_PLANE, &r, 0, 1);
		fill(F0, 2 * CPU_PLANE, &r, -1, 1);
		fill(P, 2 * CPU_PLANE, &r, -1, 1);
		fill(M, 2 * CPU_PLANE, &r, -1, 1);
		fill(Z0, CPU_PLANE, &r, -1, 1);
		fill(Z, 2 * CPU_PLANE, &r, -1, 1);
		for (at = 0; at < SPINS; at++)
			for (z = 0; z < NZ; z++) {
				double c = cos(2 * PI * (double)z / NZ),
				       s = sin(2 * PI * (double)z / NZ);
				double *q = m[at][z], a[3], fr = f[at], fi = f[at + CPU_PLANE];
				const float *e = pulse + at;

				/* F_1 exp(-i p) + F_0 + F_-1 exp(i p); Z_0 + 2 Re(Z_1 exp(-i p)) */
				q[0] = F0[at] + P[at] * c + P[at + CPU_PLANE] * s + M[at] * c -
				       M[at + CPU_PLANE] * s;
				q[1] = F0[at + CPU_PLANE] + P[at + CPU_PLANE] * c - P[at] * s +
				       M[at + CPU_PLANE] * c + M[at] * s;
				q[2] = Z0[at] + 2 * (Z[at] * c + Z[at + CPU_PLANE] * s);
				memcpy(a, q, sizeof a);
				if (kinds[v] == CPU_PULSE_ROTATION) {
					q[1] = e[0] * a[1] + e[CPU_PLANE] * a[2];
					q[2] = e[0] * a[2] - e[CPU_PLANE] * a[1];
				} else if (kinds[v] == CPU_PULSE_AFFINE) {
					for (int i = 0; i < 3; i++)
						q[i] = e[3 * i * CPU_PLANE] * a[0] +
						       e[(3 * i + 1) * CPU_PLANE] * a[1] +
						       e[(3 * i + 2) * CPU_PLANE] * a[2] +
						       e[(9 + i) * CPU_PLANE];
				}
				a[0] = q[0] * fr - q[1] * fi;
				q[1] = q[0] * fi + q[1] * fr;
				q[0] = a[0];
				q[2] = q[2] * rec[at] + rec[at + CPU_PLANE];
			}
		k->order(
			&(struct cpu_order){
				F0, NULL, Z0, kinds[v], pulse, f, rec, { 0.6f, 0.8f } },
			ROWS);
		k->order(&(struct cpu_order){ P, M, Z, kinds[v], pulse, NULL, NULL, { 0 } }, ROWS);
		k->order(&(struct cpu_order){ P, M, Z, CPU_PULSE_NONE, NULL, f, rec, { 0 } }, ROWS);
		for (at = 0; at < SPINS; at++) {
			double sum[6] = { 0 };

			for (z = 0; z < NZ; z++) {
				double c = cos(2 * PI * (double)z / NZ),
				       s = sin(2 * PI * (double)z / NZ);

				sum[0] += m[at][z][0] / NZ;
				sum[5] += m[at][z][1] / NZ;
				sum[1] += (m[at][z][0] * c - m[at][z][1] * s) / NZ; /* Re F_1 */
				sum[2] += (m[at][z][1] * c - m[at][z][0] * s) / NZ; /* Im F_-1 */
				sum[3] += m[at][z][2] / NZ;
				sum[4] += m[at][z][2] * s / NZ; /* Im Z_1 */
			}
			/* order 0 was turned by 0.6 + 0.8 i more */
			worst = fmax(worst, fabs(0.6 * sum[0] - 0.8 * sum[5] - F0[at]));
			worst = fmax(worst, fabs(sum[1] - P[at]));
			worst = fmax(worst, fabs(sum[2] - M[at + CPU_PLANE]));
			worst = fmax(worst, fabs(sum[3] - Z0[at]));
			worst = fmax(worst, fabs(sum[4] - Z[at + CPU_PLANE]));
		}
		if (worst > 1e-6)
			fail_msg("%s: orders, pulse kind %zu: wrong by %g", k->isa, v, worst);
	}
	free(pulse);
	free(f);
	free(rec);
	free(F0);
	free(P);
	free(M);
	free(Z0);
	free(Z);
}

/* ------------------------------------------------------------------ lines */

static void lines_are_sums(void **state)
{
	enum { LINES = 13, NY = 40 };
	struct rng r = rng_make(5, 0);
	struct cpu_spins *s = spins(&r);
	float *view = planes(2), *w = planes(2), *z = planes(2), *q = planes(2),
	      *u = planes(2 * CPU_TERMS);
	float *acc = memory_aligned(LINES * CPU_TERMS * 32 * sizeof *acc);
	float *fan = memory_aligned(LINES * CPU_TERMS * 32 * sizeof *fan);
	float x[2 * CPU_LANES], y[2 * NY], table[2 * LINES * NY];
	double rc = 100, fc = 7, scale = 1100, norm, worst = 0, sum, truth;
	uint32_t row[ROWS];
	int terms, j;
	size_t i, l, at;

	(void)state;
	fill(view, 2 * CPU_PLANE, &r, -1, 1);
	fill(q, 2 * CPU_PLANE, &r, -0.7, 0.7);
	fill(x, 2 * CPU_LANES, &r, -0.7, 0.7);
	fill(y, 2 * NY, &r, -0.7, 0.7);
	fill(table, 2 * LINES * NY, &r, -0.7, 0.7);
	for (i = 0; i < ROWS; i++)
		row[i] = (uint32_t)(i + i / 4);
	for (terms = 1; terms <= CPU_TERMS; terms++) {
		struct cpu_factor p = { .t = 0.01, .x = x, .y = y, .row = row };

		k->powers(u, s, rc, fc, scale, terms, ROWS);
		k->factor(z, s, &p, ROWS);
		norm = k->weigh(w, view, z, NULL, row, ROWS);
		memset(acc, 0, LINES * CPU_TERMS * 32 * sizeof *acc);
		memset(fan, 0, LINES * CPU_TERMS * 32 * sizeof *fan);
		k->run(acc, w, q, u, ROWS, LINES, terms);
		k->weigh(w, view, z, NULL, row, ROWS);
		k->fan(fan, w, u, table, row, ROWS, LINES, terms);
		truth = 0;
		for (size_t lane = 0; lane < CPU_LANES; lane++) {
			static double a[LINES][CPU_TERMS][4];

			memset(a, 0, sizeof a);
			for (i = 0; i < ROWS; i++) {
				double e, ph, cr, ci, tr, ti, wr, wi, ur = 1, ui = 0;
				double dr, di;

				at = i * CPU_LANES + lane;
				e = exp(-s->r2[at] * 0.01);
				ph = -2 * PI * s->f[at] * 0.01;
				cr = x[lane] * y[2 * row[i]] - x[lane + 16] * y[2 * row[i] + 1];
				ci = x[lane] * y[2 * row[i] + 1] + x[lane + 16] * y[2 * row[i]];
				tr = e * (cr * cos(ph) - ci * sin(ph));
				ti = e * (cr * sin(ph) + ci * cos(ph));
				wr = view[at] * tr - view[at + CPU_PLANE] * ti;
				wi = view[at] * ti + view[at + CPU_PLANE] * tr;
				truth += hypot(wr, wi);
				dr = s->m0[at] > 0 ? (s->r2[at] - rc) / scale : 0;
				di = s->m0[at] > 0 ? 2 * PI * (s->f[at] - fc) / scale : 0;
				for (j = 0; j < terms; j++) {
					double vr = wr * ur - wi * ui, vi = wr * ui + wi * ur;
					double fr = vr, fi = vi;

					for (l = 0; l < LINES; l++) {
						const float *t = table + 2 * (LINES * row[i] + l);

						a[l][j][0] += vr;
						a[l][j][1] += vi;
						a[l][j][2] += fr * t[0] - fi * t[1];
						a[l][j][3] += fr * t[1] + fi * t[0];
						sum = vr * q[at] - vi * q[at + CPU_PLANE];
						vi = vr * q[at + CPU_PLANE] + vi * q[at];
						vr = sum;
					}
					sum = ur * dr - ui * di;
					ui = ur * di + ui * dr;
					ur = sum;
				}
			}
			for (l = 0; l < LINES; l++)
				for (j = 0; j < terms; j++) {
					at = (l * (size_t)terms + (size_t)j) * 32 + lane;
					worst = fmax(worst, fabs(acc[at] - a[l][j][0]));
					worst = fmax(worst, fabs(acc[at + 16] - a[l][j][1]));
					worst = fmax(worst, fabs(fan[at] - a[l][j][2]));
					worst = fmax(worst, fabs(fan[at + 16] - a[l][j][3]));
				}
		}
		if (norm < truth * (1 - 1e-6) || norm > 1.09 * truth || worst > 3e-6)
			fail_msg("%s, %d terms: wrong by %g, sum of |w| by %g", k->isa, terms,
				 worst, norm / truth - 1);
	}
	free(s);
	free(view);
	free(z);
	free(w);
	free(q);
	free(u);
	free(acc);
	free(fan);
}

static void direct_sum(void **state)
{
	enum { N = 128, SAMPLES = 50 };
	struct rng r = rng_make(6, 0);
	float *m = planes(4), *out = planes(8);
	double worst = 0;
	size_t i, j;

	(void)state;
	fill(m, N, &r, -1, 1);
	fill(m + CPU_PLANE, N, &r, -1, 1);
	fill(m + 2 * CPU_PLANE, N, &r, -0.7, 0.7);
	fill(m + 3 * CPU_PLANE, N, &r, -0.7, 0.7);
	k->direct(out, m, m + CPU_PLANE, m + 2 * CPU_PLANE, m + 3 * CPU_PLANE, N, SAMPLES);
	double a[N][2];
	for (i = 0; i < N; i++) {
		a[i][0] = m[i];
		a[i][1] = m[i + CPU_PLANE];
	}
	for (j = 0; j < SAMPLES; j++) {
		double got[2] = { 0 }, want[2] = { 0 }, t;

		for (i = 0; i < 16; i++) {
			got[0] += out[j * 32 + i];
			got[1] += out[j * 32 + 16 + i];
		}
		for (i = 0; i < N; i++) {
			double c = m[i + 2 * CPU_PLANE], d = m[i + 3 * CPU_PLANE];

			want[0] += a[i][0];
			want[1] += a[i][1];
			t = a[i][0] * c - a[i][1] * d;
			a[i][1] = a[i][0] * d + a[i][1] * c;
			a[i][0] = t;
		}
		worst = fmax(worst, fmax(fabs(got[0] - want[0]), fabs(got[1] - want[1])));
	}
	if (worst > 1e-5)
		fail_msg("%s: direct sum wrong by %g", k->isa, worst);
	free(m);
	free(out);
}

static void names(void **state)
{
	float *sink = planes(1);

	(void)state;
	assert_non_null(cpu_kernels());
	assert_true(strlen(cpu_name()) > 0);
	assert_string_equal(cpu_kernels_at(0)->isa, "baseline");
	assert_true(k->peak(sink, 1000) > 0);
	free(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(circle_is_accurate),
		cmocka_unit_test(decay_is_accurate),
		cmocka_unit_test(maps_become_spins),
		cmocka_unit_test(pulses_are_exponentials),
		cmocka_unit_test(still_factors),
		cmocka_unit_test(orders_are_isochromats),
		cmocka_unit_test(lines_are_sums),
		cmocka_unit_test(direct_sum),
		cmocka_unit_test(names),
	};
	int i, failed = 0;

	for (i = 0; (k = cpu_kernels_at(i)); i++)
		failed += cmocka_run_group_tests_name(k->isa, tests, NULL, NULL);
	return failed;
}
