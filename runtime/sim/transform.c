/* The Fourier transform of a grid of spins at any k (one segment of the nufft method).
 *
 * Spin i of n lies at (i - n/2) d + r0. With u = k d M, M >= 2 n,
 *
 *     exp(-2 pi i k (i - n/2) d) = exp(-2 pi i u x), x = (i - n/2) / M in -1/4 .. 1/4,
 *                                = sum_j phi(j - u) exp(-2 pi i j x) / transform of phi at x
 *
 * with an error that is measured for all x that occur and u at all places between points. Points
 * are counted modulo M: moments beyond what the spins resolve fold as they do in the sum. */
#include "runtime/sim/nufft.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double between = 1.2; /* the largest error lies between those measured */
enum { PLACES = 24, NARROWEST = 4, WIDEST = 14 };

/* The next number of 2, 3 and 5 that is even. */
static int good_size(int n)
{
	for (n += n & 1;; n += 2) {
		int m = n;

		while (m % 2 == 0)
			m /= 2;
		while (m % 3 == 0)
			m /= 3;
		while (m % 5 == 0)
			m /= 5;
		if (m == 1)
			return n;
	}
}

static double kernel_error(const struct kernel *k, int n, int size)
{
	double worst = 0, tap[KERNEL_WIDTH];

	for (int p = 0; p < PLACES; p++) {
		double u = (double)p / PLACES;
		int first = kernel_taps(tap, k, u);

		for (int i = 0; i < n; i++) {
			double x = (double)(i - n / 2) / size, flat = kernel_transform(k, x);
			double re = -cos(tau * u * x), im = sin(tau * u * x);

			for (int j = 0; j < k->width; j++) {
				re += tap[j] / flat * cos(tau * (first + j) * x);
				im -= tap[j] / flat * sin(tau * (first + j) * x);
			}
			worst = fmax(worst, hypot(re, im));
		}
	}
	return between * worst;
}

static struct kernel choose_kernel(struct transform *t, double error)
{
	struct kernel k;

	for (int width = NARROWEST; width <= WIDEST; width++) {
		double e[2];

		k = kernel_make(width, 2);
		for (int a = 0; a < 2; a++)
			e[a] = kernel_error(&k, t->n[a], t->size[a]);
		t->error = (1 + e[0]) * (1 + e[1]) - 1;
		if (t->error <= error)
			break;
	}
	t->width = k.width;
	return k;
}

/* Taps of all samples along axis a, and which points they touch. */
static void place(struct transform *t, const struct kernel *k, const double (*at)[2], double d,
		  int a)
{
	int lo = INT32_MAX, hi = INT32_MIN;

	for (size_t i = 0; i < t->n_sample; i++) {
		int first = kernel_taps(t->tap[a] + i * (size_t)k->width, k,
					at[i][a] * d * t->size[a]);

		t->first[a][i] = first;
		lo = first < lo ? first : lo;
		hi = first > hi ? first : hi;
	}
	t->count[a] = hi - lo + k->width < t->size[a] ? hi - lo + k->width : t->size[a];
	t->from[a] = ((lo % t->size[a]) + t->size[a]) % t->size[a];
	for (size_t i = 0; i < t->n_sample; i++)
		t->first[a][i] = (t->first[a][i] - lo) % t->size[a];
	for (int i = 0; i < t->n[a]; i++)
		t->flat[a][i] = 1 / kernel_transform(k, (double)(i - t->n[a] / 2) / t->size[a]);
}

precess_status transform_make(struct transform *t, const struct maps *m, int n_coil,
			      const double (*k)[2], size_t n, double error, int threads)
{
	double d[2] = { m->fov[0] / m->nx, m->fov[1] / m->ny }, r0[2];
	fftw_complex *probe[2] = { NULL, NULL };
	bool ok = true;

	*t = (struct transform){ .n = { m->nx, m->ny },
				 .threads = threads, .n_sample = n, .n_coil = n_coil,
				 .size = { good_size(2 * m->nx), good_size(2 * m->ny) } };
	struct kernel kernel = choose_kernel(t, error);

	t->phase = fftw_alloc_complex(n);
	t->out = fftw_alloc_complex((size_t)n_coil * n);
	t->now = fftw_alloc_complex((size_t)m->nx * (size_t)m->ny);
	for (int a = 0; a < 2; a++) {
		t->tap[a] = calloc(n * (size_t)kernel.width + 1, sizeof *t->tap[a]);
		t->first[a] = calloc(n + 1, sizeof *t->first[a]);
		t->flat[a] = calloc((size_t)t->n[a] + 1, sizeof *t->flat[a]);
		ok = ok && t->tap[a] && t->first[a] && t->flat[a];
		r0[a] = (t->n[a] / 2 + 0.5) * d[a] - 0.5 * m->fov[a];
	}
	if (!ok || !t->phase || !t->out || !t->now)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu samples", n);
	for (int a = 0; a < 2; a++) {
		place(t, &kernel, k, d[a], a);
		probe[0] = fftw_alloc_complex((size_t)t->size[a]);
		probe[1] = fftw_alloc_complex((size_t)t->size[a]);
		if (probe[0] && probe[1])
			t->plan[a] = fourier_plan_1d(t->size[a], probe[0], probe[1], FFTW_FORWARD);
		ok = ok && t->plan[a];
		fftw_free(probe[0]);
		fftw_free(probe[1]);
	}
	t->half = fftw_alloc_complex((size_t)t->count[0] * (size_t)t->n[1]);
	t->whole = fftw_alloc_complex((size_t)t->count[0] * (size_t)t->count[1]);
	if (!ok || !t->half || !t->whole)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a transform");
	for (size_t i = 0; i < n; i++) {
		double p = tau * (k[i][0] * r0[0] + k[i][1] * r0[1]);

		t->phase[i][0] = cos(p);
		t->phase[i][1] = -sin(p);
	}
	return PRECESS_OK;
}

void transform_free(struct transform *t)
{
	for (int a = 0; a < 2; a++) {
		free(t->tap[a]);
		free(t->first[a]);
		free(t->flat[a]);
		fourier_destroy(t->plan[a]);
	}
	fftw_free(t->phase);
	fftw_free(t->out);
	fftw_free(t->now);
	fftw_free(t->half);
	fftw_free(t->whole);
}

/* ------------------------------------------------------------------ one segment */
/* Row y of the spins at time `s`. */
static void evolve(struct transform *t, const struct transform_spins *v, double s, int y)
{
	for (int x = 0; x < t->n[0]; x++) {
		size_t i = (size_t)y * (size_t)t->n[0] + (size_t)x;
		double re = v->w[i][0], im = v->w[i][1], f, c, q;

		t->now[i][0] = t->now[i][1] = 0;
		if (re == 0 && im == 0)
			continue;
		f = exp(-v->rate[i] * s) * t->flat[0][x] * t->flat[1][y];
		c = f * cos(v->freq[i] * s);
		q = -f * sin(v->freq[i] * s);
		t->now[i][0] = re * c - im * q;
		t->now[i][1] = re * q + im * c;
	}
}

/* Row y, as the coil sees it, to the points along x. */
static void along_x(struct transform *t, const struct maps *m, int coil, int y, fftw_complex *in,
		    fftw_complex *out)
{
	const int n = t->n[0], size = t->size[0];
	bool any = false;

	memset(in, 0, (size_t)size * sizeof *in);
	for (int x = 0; x < n; x++) {
		size_t i = (size_t)y * (size_t)n + (size_t)x;
		int at = x < n / 2 ? x - n / 2 + size : x - n / 2;

		if (t->now[i][0] == 0 && t->now[i][1] == 0)
			continue;
		any = true;
		sim_receive(in[at], m, coil, i, t->now[i][0], t->now[i][1]);
	}
	if (any)
		fftw_execute_dft(t->plan[0], in, out);
	for (int i = 0, at = t->from[0]; i < t->count[0]; i++, at = at + 1 == size ? 0 : at + 1) {
		double *to = t->half[(size_t)i * (size_t)t->n[1] + (size_t)y];

		to[0] = any ? out[at][0] : 0;
		to[1] = any ? out[at][1] : 0;
	}
}

static void along_y(struct transform *t, int column, fftw_complex *in, fftw_complex *out)
{
	const int n = t->n[1], size = t->size[1], low = n / 2;
	const fftw_complex *from = t->half + (size_t)column * (size_t)n;
	fftw_complex *to = t->whole + (size_t)column * (size_t)t->count[1];

	memset(in, 0, (size_t)size * sizeof *in);
	memcpy(in + size - low, from, (size_t)low * sizeof *in);
	memcpy(in, from + low, (size_t)(n - low) * sizeof *in);
	fftw_execute_dft(t->plan[1], in, out);
	for (int i = 0, at = t->from[1]; i < t->count[1]; i++, at = at + 1 == size ? 0 : at + 1)
		memcpy(to[i], out[at], sizeof *to);
}

static void read_sample(struct transform *t, fftw_complex *out, size_t i, double weight)
{
	const double *tx = t->tap[0] + i * (size_t)t->width;
	const double *ty = t->tap[1] + i * (size_t)t->width;
	double re = 0, im = 0;

	for (int x = 0, at = t->first[0][i]; x < t->width; x++, at++) {
		const fftw_complex *column;
		double a = 0, b = 0;

		if (at >= t->count[0])
			at -= t->count[0];
		column = t->whole + (size_t)at * (size_t)t->count[1];
		for (int y = 0, row = t->first[1][i]; y < t->width; y++, row++) {
			if (row >= t->count[1])
				row -= t->count[1];
			a += ty[y] * column[row][0];
			b += ty[y] * column[row][1];
		}
		re += tx[x] * a;
		im += tx[x] * b;
	}
	re *= weight;
	im *= weight;
	out[i][0] += re * t->phase[i][0] - im * t->phase[i][1];
	out[i][1] += re * t->phase[i][1] + im * t->phase[i][0];
}

void transform_run(struct transform *t, const struct transform_spins *spins,
		   const struct segments *g, const double *s, const double *scale, int l)
{
	int longest = t->size[0] > t->size[1] ? t->size[0] : t->size[1];
	size_t bytes = (size_t)longest * sizeof(fftw_complex);

#pragma omp parallel num_threads(t->threads)
	{
		fftw_complex *in = memory_aligned(2 * bytes), *out = in + longest;

		assert(in);
#pragma omp for schedule(static, 4)
		for (int y = 0; y < t->n[1]; y++)
			evolve(t, spins, g->node[l], y);
		for (int c = 0; c < t->n_coil; c++) {
			fftw_complex *sum = t->out + (size_t)c * t->n_sample;

#pragma omp for schedule(static, 4)
			for (int y = 0; y < t->n[1]; y++)
				along_x(t, spins->maps, c, y, in, out);
#pragma omp for schedule(static, 4)
			for (int x = 0; x < t->count[0]; x++)
				along_y(t, x, in, out);
#pragma omp for schedule(static)
			for (size_t i = 0; i < t->n_sample; i++)
				read_sample(t, sum, i, segments_weight(g, s[i], l, scale[i]));
		}
		free(in);
	}
}
