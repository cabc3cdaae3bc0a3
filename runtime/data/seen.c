/* The first-order image of one excitation whose magnetisation is refocused for every line.
 *
 * What a line at time t shows is M0 exp(-t / T2) of all spins. With TE the time of the middle one,
 *
 *     exp(-t / T2) = exp(-TE / T2) sum_n (1 / n!) (TE / T2)^n (1 - t / TE)^n,
 *
 * so a transform per term, cut to the acquired window, gives every line; three terms are taken. The
 * flip of the excitation is each spin's own, refocusing is taken as ideal: what B1 does to the
 * echoes is left to the network. The ringing of the window, which no small convolution can make, is
 * there. */
#include "runtime/data/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TERMS = 3 };

struct seen {
	const struct draw *d;
	const struct maps *m;
	double te, off, flip; /* of this draw */
	double scale, phase;  /* M0 sin(flip) times these at the defaults */
};

static double map_at(const struct seen *s, enum program_map_kind k, size_t i)
{
	return s->m->map[k] ? (double)s->m->map[k][i] : s->d->program->map[k].value;
}

static const struct program_pulse *excitation(const struct program *p)
{
	for (uint32_t i = 0; i < p->n_epoch; i++) {
		if (p->epoch[i].pulse != UINT32_MAX)
			return &p->pulse[p->epoch[i].pulse];
	}
	return NULL;
}

static precess_status begin(struct seen *s)
{
	const struct program *p = s->d->program;
	const struct program_pathway *q = &p->pathway[0];
	double *value = malloc((p->n_op + 1) * sizeof *value),
	       *param = malloc((p->n_param + 1) * sizeof *param), usual;

	if (!value || !param) {
		free(value);
		free(param);
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].value;
	program_evaluate(value, p, param);
	usual = fabs(sin(value[excitation(p)->flip]));
	free(value);
	free(param);
	s->te = s->d->value[q->time];
	s->off = s->d->value[q->off];
	s->flip = s->d->value[excitation(p)->flip];
	s->scale = usual > 0 ? hypot(q->re, q->im) / usual : 0;
	s->phase = atan2(q->im, q->re);
	return PRECESS_OK;
}

/* The magnetisation at TE, [ny][nx] re, im. */
static void fill(double *density, const struct seen *s)
{
	const double tau = 6.283185307179586476925; /* 2 pi */

	for (size_t i = 0; i < (size_t)s->m->nx * (size_t)s->m->ny; i++) {
		double m0 = map_at(s, PROGRAM_MAP_M0, i), t2 = map_at(s, PROGRAM_MAP_T2, i);
		double f = map_at(s, PROGRAM_MAP_dB0, i), size = 0, angle;

		if (m0 > 0 && t2 > 0)
			size = s->scale * m0 * sin(s->flip * map_at(s, PROGRAM_MAP_B1, i)) *
			       exp(-s->te / t2);
		angle = s->phase - (f != 0 ? tau * f * s->off : 0);
		density[2 * i] = size * cos(angle);
		density[2 * i + 1] = size * sin(angle);
	}
}

/* From a term of the series to the next, without the lines' part. */
static void next_term(double *density, const struct seen *s, int n)
{
	for (size_t i = 0; i < (size_t)s->m->nx * (size_t)s->m->ny; i++) {
		double t2 = map_at(s, PROGRAM_MAP_T2, i), rate = t2 > 0 ? s->te / (n * t2) : 0;

		density[2 * i] *= rate;
		density[2 * i + 1] *= rate;
	}
}

/* Lines that are not read stay 0. */
static void add_term(struct kspace *sum, const struct kspace *k, const double *time, double te,
		     int n)
{
	for (int j = 0; j < k->ny; j++) {
		double early = (time[k->ny / 2] - time[j]) / te;
		size_t first = 2 * (size_t)j * (size_t)k->nx;
		float weight = isfinite(early) ? (float)pow(early, n) : 0;

		for (size_t i = first; i < first + 2 * (size_t)k->nx; i++)
			sum->data[i] += weight * k->data[i];
	}
}

precess_status seen_image(float *base, const struct draw *d, const struct maps *m, int nx, int ny)
{
	struct seen s = { .d = d, .m = m };
	size_t pixels = (size_t)nx * (size_t)ny;
	double *density = malloc(2 * (size_t)m->nx * (size_t)m->ny * sizeof *density);
	double *time = malloc((size_t)ny * sizeof *time);
	float *data = calloc(4 * pixels, sizeof *data), *image = NULL;
	struct kspace sum = { .n_set = 1, .nx = nx, .ny = ny, .data = data }, k;
	precess_status st;

	if (!density || !time || !data) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(begin(&s));
	TRY(kspace_rows(time, sum.offset, d));
	k = sum;
	k.data = data + 2 * pixels;
	fill(density, &s);
	for (int n = 0; n < TERMS; n++) {
		if (n)
			next_term(density, &s, n);
		TRY(kspace_of_density(&k, density, m->nx, m->ny));
		add_term(&sum, &k, time, s.te, n);
	}
	TRY(kspace_image(&image, d, &sum));
	memcpy(base, image, 2 * pixels * sizeof *base);
out:
	free(density);
	free(time);
	free(data);
	free(image);
	return st;
}
