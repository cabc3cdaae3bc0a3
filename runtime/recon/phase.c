/* Even/odd phase of echo-planar lines, from lines without phase encoding read to and fro.
 *
 * A shift of the echo between readouts of opposite polarity is a phase linear along x, a
 * difference of their phase a constant; either puts a ghost half the field of view away. With
 * navigators n_j (transformed along x) of alternating polarity,
 *
 *     r(x) = sum over neighbours of n_forward conj(n_backward), phase constant + slope x.
 *
 * An even number of neighbours is taken: the field's own phase grows from line to line, with one sign
 * in forward-backward pairs and the other in backward-forward ones, and drops out (Heid, Robust EPI
 * phase correction, ISMRM 1997, 2014: three lines). The slope comes from the phase of the sum of
 * r(x + 1) conj(r(x)), which no wrap can hurt (Ahn and Cho, IEEE Trans Med Imaging 6:32, 1987), then
 * a weighted straight line through what is left of the phase refines both. */
#include "runtime/recon/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REFINEMENTS = 3 };

int recon_phase_find(const char *name)
{
#define PHASE(id, doc)               \
	if (strcmp(name, #id) == 0)  \
		return RECON_PHASE_##id;
#include "runtime/recon/phase.def"
#undef PHASE
	return -1;
}

const char *recon_phase_name(enum recon_phase p)
{
	static const char *const names[] = {
#define PHASE(id, doc) #id,
#include "runtime/recon/phase.def"
#undef PHASE
	};
	return names[p];
}

/* ------------------------------------------------------------------ estimate */
struct straight {
	double constant, slope;
};

static struct straight fit_straight(const double complex *r, int n)
{
	struct straight p = { 0 };
	double complex step = 0, sum;
	double w, sw, swx, swxx, swp, swxp, x, d, det;
	int i, round;

	for (i = 0; i + 1 < n; i++)
		step += r[i + 1] * conj(r[i]);
	p.slope = carg(step);
	for (i = 0, sum = 0; i < n; i++)
		sum += r[i] * cexp(-I * (p.slope * recon_place(i, n)));
	p.constant = carg(sum);
	for (round = 0; round < REFINEMENTS; round++) {
		sw = swx = swxx = swp = swxp = 0;
		for (i = 0; i < n; i++) {
			x = recon_place(i, n);
			w = cabs(r[i]);
			d = carg(r[i] * cexp(-I * (p.constant + p.slope * x)));
			sw += w;
			swx += w * x;
			swxx += w * x * x;
			swp += w * d;
			swxp += w * x * d;
		}
		det = sw * swxx - swx * swx;
		if (!(det > 0))
			break; /* one pixel or none: what was found stays */
		p.constant += (swxx * swp - swx * swxp) / det;
		p.slope += (sw * swxp - swx * swp) / det;
	}
	return p;
}

/* r [coils][n] */
static precess_status navigator_phase(double complex **out, const struct recon_scan *s)
{
	int n = s->samples, pairs = s->nav_lines - 1, c, j, i;
	float *image = NULL;
	double complex *r = calloc((size_t)s->coils * (size_t)n, sizeof *r), a, b;
	precess_status st;

	if (pairs > 1)
		pairs -= pairs & 1;
	if (!r)
		return precess_fail(PRECESS_ENOMEM, "out of memory for navigators");
	TRY(recon_rows_to_image(&image, s->nav, s->coils * s->nav_lines, n));
	for (c = 0; c < s->coils; c++)
		for (j = 0; j < pairs; j++)
			for (i = 0; i < n; i++) {
				size_t at = ((size_t)c * s->nav_lines + j) * n + i;

				a = recon_get(image, at);
				b = recon_get(image, at + n);
				r[(size_t)c * n + i] += s->nav_polarity[j] > 0 ? a * conj(b)
									   : b * conj(a);
			}
	*out = r;
	r = NULL;
out:
	free(image);
	free(r);
	return st;
}

static precess_status check(const struct recon_scan *s)
{
	double energy = 0;
	size_t i, n = 2 * (size_t)s->coils * (size_t)s->nav_lines * (size_t)s->samples;
	int j;

	if (!s->nav)
		return precess_fail(PRECESS_EINVAL,
				    "%s has no navigator for the phase of lines read backward; name "
				    "its dataset with --navigator, or use --phase none",
				    s->source);
	if (s->nav_lines < 2)
		return precess_fail(PRECESS_EINVAL,
				    "%s: the navigator has 1 line; 2 of opposite polarity are "
				    "needed, 3 are better",
				    s->source);
	for (j = 0; j + 1 < s->nav_lines; j++)
		if (s->nav_polarity[j] == s->nav_polarity[j + 1])
			return precess_fail(PRECESS_EINVAL,
					    "%s: lines %d and %d of the navigator have the same "
					    "polarity; they must alternate",
					    s->source, j, j + 1);
	for (i = 0; i < n; i++)
		energy += (double)s->nav[i] * (double)s->nav[i];
	if (!(energy > 0))
		return precess_fail(PRECESS_EINVAL,
				    "%s: the navigator is 0 everywhere; --phase none does without",
				    s->source);
	return PRECESS_OK;
}

/* The phase to be taken out, [coils][samples], as unit vectors. */
static precess_status estimate(double complex **out, struct recon_phase_fit *fit,
			       const struct recon_scan *s, enum recon_phase model)
{
	int n = s->samples, c, i;
	double complex *r = NULL, *sum = calloc((size_t)n, sizeof *sum);
	double d, w = 0, square = 0;
	struct straight all, p;
	precess_status st;

	if (!sum)
		return precess_fail(PRECESS_ENOMEM, "out of memory for navigators");
	TRY(navigator_phase(&r, s));
	for (c = 0; c < s->coils; c++)
		for (i = 0; i < n; i++)
			sum[i] += r[(size_t)c * n + i];
	all = fit_straight(sum, n);
	for (i = 0; i < n; i++) {
		d = carg(sum[i] * cexp(-I * (all.constant + all.slope * recon_place(i, n))));
		w += cabs(sum[i]);
		square += cabs(sum[i]) * d * d;
	}
	fit->constant = all.constant;
	fit->slope = all.slope;
	fit->residual = w > 0 ? sqrt(square / w) : 0;
	for (c = 0; c < s->coils; c++) {
		double complex *v = r + (size_t)c * n;

		p = model == RECON_PHASE_coil ? fit_straight(v, n) : all;
		for (i = 0; i < n; i++)
			v[i] = model == RECON_PHASE_pixel
				       ? cexp(I * carg(v[i]))
				       : cexp(I * (p.constant + p.slope * recon_place(i, n)));
	}
	*out = r;
	r = NULL;
out:
	free(r);
	free(sum);
	return st;
}

/* ------------------------------------------------------------------ correction */
static int count_backward(const signed char *polarity, int rows)
{
	int n = 0, y;

	for (y = 0; polarity && y < rows; y++)
		n += polarity[y] < 0;
	return n;
}

/* Copies the backward rows of [coils][rows] out of `all`, or back into it. */
static void move_backward(float *part, float *all, const signed char *polarity, int coils, int rows,
			  size_t n, bool back)
{
	int c, y;

	for (c = 0; c < coils; c++)
		for (y = 0; y < rows; y++) {
			float *row = all + 2 * n * ((size_t)c * (size_t)rows + (size_t)y);

			if (polarity[y] >= 0)
				continue;
			memcpy(back ? row : part, back ? part : row, 2 * n * sizeof *row);
			part += 2 * n;
		}
}

/* Multiplies the backward rows by turn [coils][samples] along x. */
static precess_status turn_rows(float *all, const signed char *polarity, int rows,
				const struct recon_scan *s, const double complex *turn)
{
	size_t n = (size_t)s->samples, at, i;
	int lines = count_backward(polarity, rows), c, l;
	float *part, *image = NULL;
	precess_status st;

	if (!lines)
		return PRECESS_OK;
	part = malloc(2 * (size_t)s->coils * (size_t)lines * n * sizeof *part);
	if (!part)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d lines", lines);
	move_backward(part, all, polarity, s->coils, rows, n, false);
	TRY(recon_rows_to_image(&image, part, s->coils * lines, s->samples));
	for (c = 0; c < s->coils; c++)
		for (l = 0; l < lines; l++)
			for (i = 0; i < n; i++) {
				at = ((size_t)c * (size_t)lines + (size_t)l) * n + i;
				recon_put(image, at, recon_get(image, at) * turn[(size_t)c * n + i]);
			}
	TRY(recon_rows_to_kspace(part, image, s->coils * lines, s->samples));
	move_backward(part, all, polarity, s->coils, rows, n, true);
out:
	free(image);
	free(part);
	return st;
}

precess_status recon_phase_correct(struct recon_phase_fit *fit, struct recon_scan *s,
				   enum recon_phase model)
{
	int lines = count_backward(s->polarity, s->lines);
	double complex *turn = NULL;
	precess_status st;

	*fit = (struct recon_phase_fit){ 0 };
	if (model == RECON_PHASE_none || !lines)
		return PRECESS_OK;
	if ((st = check(s)) != 0)
		return st;
	TRY(estimate(&turn, fit, s, model));
	fit->lines = lines;
	TRY(turn_rows(s->kspace, s->polarity, s->lines, s, turn));
	if (s->cal)
		st = turn_rows(s->cal, s->cal_polarity, s->cal_lines, s, turn);
out:
	free(turn);
	return st;
}
