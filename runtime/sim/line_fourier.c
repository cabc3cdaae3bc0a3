/* From sums over y to samples: per line and term a transform along x, then the terms put together
 * at each sample's time. */
#include "runtime/sim/line.h"

#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */

/* Transforms by length, kept for the life of the process. Estimated, not measured: a choice by
 * timing would make results differ in their last bits from run to run. */
static fftwf_plan make_transform(int n, int apart)
{
	size_t size = 2 * (size_t)(n > apart ? n : apart);
	float *a = memory_aligned(size * sizeof *a), *b = memory_aligned(size * sizeof *b);
	fftwf_iodim along = { .n = n, .is = 1, .os = 1 };
	fftwf_plan plan = NULL;

	if (a && b && apart)
		plan = fftwf_plan_guru_split_dft(1, &along, 0, NULL, a, a + apart, b, b + apart,
						 FFTW_ESTIMATE);
	else if (a && b)
		plan = fftwf_plan_dft_1d(n, (fftwf_complex *)a, (fftwf_complex *)b, FFTW_FORWARD,
					 FFTW_ESTIMATE);
	free(a);
	free(b);
	return plan;
}

precess_status line_transform(fftwf_plan *out, int n, int apart)
{
	struct known {
		int n, apart;
		fftwf_plan plan;
	};
	static struct known *known;
	static uint32_t n_known;
	precess_status st = PRECESS_OK;

	*out = NULL;
#pragma omp critical(line_fftw)
	{
		for (uint32_t i = 0; i < n_known && !*out; i++)
			if (known[i].n == n && known[i].apart == apart)
				*out = known[i].plan;
		if (!*out) {
			fftwf_plan plan = make_transform(n, apart);
			struct known *k = plan ? line_append(&known, &n_known, sizeof *k) : NULL;

			if (k) {
				*k = (struct known){ n, apart, plan };
				*out = plan;
			} else {
				st = precess_fail(PRECESS_ENOMEM, "no transform of length %d", n);
			}
		}
	}
	return st;
}

/* ------------------------------------------------------------------ shapes */
static precess_status prepare_tables(struct line_shape *s, int nx, double fov)
{
	if (!s->uniform) {
		s->matrix = memory_aligned((size_t)s->n * 2 * (size_t)nx * sizeof *s->matrix);
		for (uint32_t i = 0; s->matrix && i < s->n; i++)
			line_phases(s->matrix + (size_t)i * 2 * (size_t)nx, 2, 1, nx,
				    s->kx[i] * fov, 1, 0);
		return s->matrix ? PRECESS_OK : PRECESS_ENOMEM;
	}
	s->cell = malloc(s->n * sizeof *s->cell);
	if (!s->cell)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < s->n; i++) {
		long cell = (s->q + (long)s->dq * (long)i) % nx;

		s->cell[i] = (uint32_t)(cell < 0 ? cell + nx : cell);
	}
	if (s->shift != 0) {
		s->twist = memory_aligned(2 * (size_t)nx * sizeof *s->twist);
		if (!s->twist)
			return PRECESS_ENOMEM;
		line_phases(s->twist, 2, 1, nx, s->shift, 1, 0);
	}
	return PRECESS_OK;
}

/* The transform starts at its first cell, not at the middle of the field of view. */
static void prepare_coefficients(struct line_shape *s, const struct line_series *series, int nx,
				 double scale)
{
	double c[2 * CPU_TERMS], phase, re, im;

	s->gain = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		double sum = 0;

		line_coefficients(c, series, s->tau[i]);
		phase = s->uniform ? -tau * fmod((double)(s->q + (long)s->dq * (long)i) *
							 (0.5 / nx - 0.5),
						 1)
				   : 0;
		re = scale * cos(phase);
		im = scale * sin(phase);
		for (int j = 0; j < series->terms; j++) {
			double *to = s->coef + 2 * ((size_t)j * s->n + i);

			sum += hypot(c[2 * j], c[2 * j + 1]);
			to[0] = re * c[2 * j] - im * c[2 * j + 1];
			to[1] = re * c[2 * j + 1] + im * c[2 * j];
		}
		s->gain = fmax(s->gain, sum);
	}
}

precess_status line_fourier_prepare(struct line_plan *p)
{
	double scale = 1 / ((double)p->nx * p->ny);
	precess_status st;

	for (uint32_t i = 0; i < p->n_shape; i++) {
		struct line_shape *s = &p->shape[i];

		if (!s->cell && !s->matrix && (st = prepare_tables(s, p->nx, p->sim->maps->fov[0])))
			return st;
		free(s->coef);
		s->coef = malloc(2 * (size_t)s->n * (size_t)p->series.terms * sizeof *s->coef);
		if (!s->coef)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		prepare_coefficients(s, &p->series, p->nx, scale);
	}
	for (uint32_t i = 0; i < p->n_piece; i++) {
		struct line_piece *q = &p->piece[i];

		q->half = q->gain = 0;
		for (uint32_t l = q->first; l < q->first + q->n; l++) {
			const struct line_shape *s = &p->shape[p->line[l].shape];

			q->half = fmax(q->half, s->half);
			q->gain = fmax(q->gain, s->gain);
		}
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ lines */
/* Sums of all parts of the rows, in order, as one row along x of complex numbers. */
static void collect(float *in, const struct line_plan *p, const float *sum, size_t task_size)
{
	for (int b = 0; b < p->blocks; b++) {
		const float *from = sum + (size_t)b * (size_t)p->parts * task_size;
		float *to = in + 2 * CPU_LANES * b, v[2 * CPU_LANES];

		memcpy(v, from, sizeof v);
		for (int part = 1; part < p->parts; part++)
			for (int i = 0; i < 2 * CPU_LANES; i++)
				v[i] += from[(size_t)part * task_size + (size_t)i];
		for (int i = 0; i < CPU_LANES; i++) {
			to[2 * i] = v[i];
			to[2 * i + 1] = v[CPU_LANES + i];
		}
	}
}

static void add_term(double *signal, const struct line_shape *s, const double *coef,
		     const float *out)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const float *v = out + 2 * (size_t)s->cell[i];

		signal[2 * i] += coef[2 * i] * v[0] - coef[2 * i + 1] * v[1];
		signal[2 * i + 1] += coef[2 * i] * v[1] + coef[2 * i + 1] * v[0];
	}
}

static void add_term_slowly(double *signal, const struct line_shape *s, const double *coef,
			    const float *in, int nx)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const float *m = s->matrix + (size_t)i * 2 * (size_t)nx;
		double re = 0, im = 0;

		for (int x = 0; x < 2 * nx; x += 2) {
			re += (double)(in[x] * m[x] - in[x + 1] * m[x + 1]);
			im += (double)(in[x] * m[x + 1] + in[x + 1] * m[x]);
		}
		signal[2 * i] += coef[2 * i] * re - coef[2 * i + 1] * im;
		signal[2 * i + 1] += coef[2 * i] * im + coef[2 * i + 1] * re;
	}
}

static void twist(float *in, const float *by, int nx)
{
	for (int x = 0; x < 2 * nx; x += 2) {
		float re = in[x] * by[x] - in[x + 1] * by[x + 1];

		in[x + 1] = in[x] * by[x + 1] + in[x + 1] * by[x];
		in[x] = re;
	}
}

/* The block of a thread's rows, before and after the transform. */
static uint32_t rows_of(int thread)
{
	return SIM_THREADS + (uint32_t)thread * SIM_PER_THREAD + SIM_ROWS;
}

precess_status line_fourier(struct line_plan *p, uint32_t first, uint32_t last)
{
	const struct draw *d = p->sim->draw;
	const struct line_history *end = &p->history[last - 1];
	uint32_t line0 = p->history[first].first_line,
		 n_line = end->first_line + end->n_line - line0;
	size_t terms = (size_t)p->series.terms, row = terms * 2 * CPU_LANES, size = n_line * row;
	double begun = clock_seconds();
	fftwf_plan plan;
	size_t wide = 2 * CPU_LANES * (size_t)p->blocks;
	int threads = p->threads;
	precess_status st;

	if ((st = line_transform(&plan, p->nx, 0)))
		return st;
	for (int i = 0; i < threads; i++)
		if (!sim_store_get(p->store, rows_of(i), 2 * wide * sizeof(float)))
			return precess_fail(PRECESS_ENOMEM, "out of memory for %d columns", p->nx);
#pragma omp parallel num_threads(threads)
	{
		float *in = p->store->block[rows_of(omp_get_thread_num())].data, *out = in + wide;

#pragma omp for schedule(static)
		for (uint32_t i = 0; i < n_line; i++) {
			const struct line_line *l = &p->line[line0 + i];
			const struct line_shape *s = &p->shape[l->shape];
			uint32_t event = d->program->readout[l->readout].event;
			double *signal = p->sim->signal +
					 2 * ((size_t)l->coil * d->program->n_sample +
					      d->program->event[event].first_sample);

			memset(signal, 0, 2 * (size_t)s->n * sizeof *signal);
			for (size_t j = 0; j < terms; j++) {
				const double *coef = s->coef + 2 * j * s->n;

				collect(in, p, p->sum + i * row + j * 2 * CPU_LANES, size);
				if (!s->uniform) {
					add_term_slowly(signal, s, coef, in, p->nx);
					continue;
				}
				if (s->twist)
					twist(in, s->twist, p->nx);
				fftwf_execute_dft(plan, (fftwf_complex *)in, (fftwf_complex *)out);
				add_term(signal, s, coef, out);
			}
		}
	}
	p->sim->seconds_readout += clock_seconds() - begun;
	return PRECESS_OK;
}
