/* The first-order image: every coherence pathway's magnetisation, relaxed until each line is read,
 * where the acquired window shows it.
 *
 * Pathway q gives spin r at time t of a shot, T its time spent transverse until the middle line,
 * which is read at t0,
 *
 *     a(B1) M0 exp(-T / T2) exp(2 pi i (k.r - f off)) sum_n (1 / n!) (1 / T2)^n (t0 - t)^n;
 *
 * the series is the decay along the lines. So a transform per term, cut to the matrix, gives all
 * lines; three terms are taken. a is the product of what each hard pulse does to the pathway at the
 * spin's own flip; of echoes that several refocusing pulses share, many pathways are one, and
 * refocusing is taken as ideal. Where off-resonance f bends a train, time runs with ky: a spin at y
 * looks like one at y + f period / dky. It is pushed there, not pulled, because folds are many to
 * one.
 *
 * What is left out: off-resonance inside a line and a pulse, weak pathways, what B1 does to shared
 * echoes. What convolutions cannot make is there: folds, the window's ringing, ghosts of the decay. */
#include "runtime/data/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
enum { TERMS = 3, FLIPS = 256, ORDERS = PROGRAM_ORDERS };

/* A pathway of this draw. */
struct path {
	double k[2], off, time, re, im;
	float gain[FLIPS + 1];  /* of a, over B1 from the first's `low` on */
	double *wave[2];        /* exp(2 pi i k r) along x and y, re im */
};

struct first {
	const struct draw *d;
	const struct maps *m;
	int nx, ny;             /* of the image */
	double *row_time;       /* [ny], NAN: not read */
	double rows_per_hz;     /* 0: nothing bends */
	double low, step;       /* of B1 */
	uint32_t n_path;
	struct path *path;
	float *density;         /* [TERMS][m->ny][m->nx] re im */
};

double push_pixels(const struct program *p, const double *value, int ny)
{
	const struct program_train *t = &p->train[0];
	double dky = value[t->dky] * p->fov[1];

	return dky != 0 ? value[t->period] / dky * ny : 0;
}

static double map_at(const struct first *s, enum program_map_kind k, size_t i)
{
	return s->m->map[k] ? (double)s->m->map[k][i] : s->d->program->map[k].value;
}

/* ------------------------------------------------------------------ pathways */
/* What a pulse of this flip passes from one order to another, but for its phase. */
static double passes(char from, char to, double flip)
{
	if (from == '0')
		return to == '0' ? cos(flip) : sin(flip);
	if (to == '0')
		return sin(flip);
	return from == to ? cos(flip / 2) * cos(flip / 2) : sin(flip / 2) * sin(flip / 2);
}

/* The epoch's pulse; NULL: it has none. */
static const struct program_pulse *pulse_of(const struct program *p, uint32_t epoch)
{
	uint32_t q = p->epoch[epoch].pulse;

	return q == UINT32_MAX ? NULL : &p->pulse[q];
}

static bool refocuses(const struct program_pulse *q)
{
	return q && q->use && strcmp(q->use, "refocusing") == 0;
}

/* The flips of the pulses before readouts of `epoch`, at a draw's values; 0 where a pulse is to count
 * as ideal. Returns how many; -1: more than orders are told. */
static int flips(double flip[ORDERS], const struct program *p, uint32_t epoch, const double *value)
{
	int n = 0, refocusing = 0;

	for (uint32_t i = 0; i <= epoch; i++)
		refocusing += refocuses(pulse_of(p, i));
	for (uint32_t i = 0; i <= epoch; i++) {
		const struct program_pulse *q = pulse_of(p, i);

		if (!q)
			continue;
		if (n == ORDERS - 1)
			return -1;
		flip[n++] = refocusing > 1 && refocuses(q) ? 0 : value[q->flip];
	}
	return n;
}

/* a at B1 over a at the defaults, in path->gain. */
static void fill_gain(struct path *to, const struct first *s, const struct program_pathway *q,
		      const double *usual)
{
	const struct program *p = s->d->program;
	double now[ORDERS], then[ORDERS];
	int n = flips(now, p, q->epoch, s->d->value);

	flips(then, p, q->epoch, usual);
	for (int b = 0; b <= FLIPS; b++) {
		double b1 = s->low + b * s->step, product = 1;
		char from = '0';

		for (int i = 0; i < n && (int)strlen(q->order) == n; from = q->order[i++]) {
			double before = passes(from, q->order[i], then[i]);

			if (then[i] != 0 && before != 0)
				product *= passes(from, q->order[i], b1 * now[i]) / before;
		}
		to->gain[b] = (float)product;
	}
}

/* When row y, between rows perhaps, is read, since the middle one. */
static double late(const struct first *s, double row)
{
	double v = fmin(fmax(row, 0), s->ny - 1), part = v - floor(v);
	int lo = (int)v, hi = lo + (part > 0);

	return (1 - part) * s->row_time[lo] + part * s->row_time[hi] - s->row_time[s->ny / 2];
}

static precess_status fill_wave(double **out, double k, int n)
{
	double *v = *out = malloc(2 * (size_t)n * sizeof *v);

	if (!v)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int i = 0; i < n; i++) {
		double turns = k * ((i + 0.5) / n - 0.5);

		v[2 * i] = cos(tau * turns);
		v[2 * i + 1] = sin(tau * turns);
	}
	return PRECESS_OK;
}

static precess_status fill_path(struct path *to, const struct first *s,
				const struct program_pathway *q, const double *usual)
{
	const double *v = s->d->value;
	double wait;
	precess_status st;

	*to = (struct path){ .k = { v[q->k[0]], v[q->k[1]] }, .re = q->re, .im = q->im };
	wait = late(s, to->k[1] + s->ny / 2);
	to->time = v[q->time] - (isfinite(wait) ? wait : 0);
	to->off = v[q->off];
	fill_gain(to, s, q, usual);
	TRY(fill_wave(&to->wave[0], to->k[0], s->m->nx));
	TRY(fill_wave(&to->wave[1], to->k[1], s->m->ny));
out:
	return st;
}

static void find_b1(struct first *s)
{
	double lo = map_at(s, PROGRAM_MAP_B1, 0), hi = lo;
	size_t n = s->m->map[PROGRAM_MAP_B1] ? (size_t)s->m->nx * (size_t)s->m->ny : 0;

	for (size_t i = 1; i < n; i++) {
		lo = fmin(lo, (double)s->m->map[PROGRAM_MAP_B1][i]);
		hi = fmax(hi, (double)s->m->map[PROGRAM_MAP_B1][i]);
	}
	s->low = lo;
	s->step = hi > lo ? (hi - lo) / FLIPS : 1;
}

static precess_status fill_paths(struct first *s)
{
	const struct program *p = s->d->program;
	double *usual = malloc((p->n_op + 1) * sizeof *usual),
	       *param = malloc((p->n_param + 1) * sizeof *param);
	precess_status st = PRECESS_OK;

	if (!usual || !param) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].value;
	program_evaluate(usual, p, param);
	find_b1(s);
	for (uint32_t i = 0; i < p->n_pathway; i++) {
		const struct program_pathway *q = &p->pathway[i];

		if (s->rows_per_hz != 0 && q->epoch != p->train[0].epoch)
			continue;
		TRY(fill_path(&s->path[s->n_path++], s, q, usual));
	}
out:
	free(usual);
	free(param);
	return st;
}

/* ------------------------------------------------------------------ depositing */
/* Both rows that share it; what leaves on one side of the field of view comes in on the other. */
static void deposit(struct first *s, int x, double row, const double v[2], double rate)
{
	int n = s->m->ny, low = (int)row - (row < (int)row), at;
	size_t plane = 2 * (size_t)s->m->nx * (size_t)n;
	double part = row - low;

	for (int side = 0; side < 2; side++) {
		double weight = side ? part : 1 - part;
		float *to;

		for (at = low + side; at < 0; at += n)
			;
		for (; at >= n; at -= n)
			;
		to = s->density + 2 * ((size_t)at * (size_t)s->m->nx + (size_t)x);
		for (int t = 0; t < TERMS && weight != 0; t++, to += plane) {
			to[0] += (float)(weight * v[0]);
			to[1] += (float)(weight * v[1]);
			weight *= rate / (t + 1);
		}
	}
}

static void push_spin(struct first *s, int x, int y)
{
	size_t i = (size_t)y * (size_t)s->m->nx + (size_t)x;
	double m0 = map_at(s, PROGRAM_MAP_M0, i), t2 = map_at(s, PROGRAM_MAP_T2, i);
	double f = map_at(s, PROGRAM_MAP_dB0, i), shift = f * s->rows_per_hz;
	double b1 = (map_at(s, PROGRAM_MAP_B1, i) - s->low) / s->step, v[2] = { 0, 0 };
	int b = (int)b1 < FLIPS ? (int)b1 : FLIPS - 1;

	if (!(m0 > 0) || !(t2 > 0))
		return;
	for (uint32_t k = 0; k < s->n_path; k++) {
		const struct path *q = &s->path[k];
		const double *u = q->wave[0] + 2 * x, *w = q->wave[1] + 2 * y;
		double part = b1 - b, gain = (1 - part) * (double)q->gain[b] +
					     part * (double)q->gain[b + 1];
		double size = gain * m0 * (double)expf((float)(-q->time / t2));
		double re = u[0] * w[0] - u[1] * w[1], im = u[0] * w[1] + u[1] * w[0];

		if (f != 0) {
			double turns = q->k[1] * shift / s->m->ny - f * q->off, was = re;
			float angle = (float)(tau * (turns - (double)(int64_t)turns));
			double c = (double)cosf(angle), d = (double)sinf(angle);

			re = re * c - im * d;
			im = was * d + im * c;
		}
		v[0] += size * (q->re * re - q->im * im);
		v[1] += size * (q->re * im + q->im * re);
	}
	deposit(s, x, y + shift, v, 1 / t2);
}

/* ------------------------------------------------------------------ lines */
/* Lines that are not read stay 0. What is shared between two rows is a tent wide: it is undone. */
static void add_term(struct kspace *sum, const struct kspace *k, const struct first *s, int n)
{
	for (int j = 0; j < k->ny; j++) {
		double wait = s->row_time[j] - s->row_time[k->ny / 2], scale = pow(-wait, n);
		double u = 0.5 * tau * (j - k->ny / 2 + k->offset[1]) / s->m->ny;
		size_t first = 2 * (size_t)j * (size_t)k->nx;

		if (s->rows_per_hz != 0 && u != 0)
			scale *= u * u / (sin(u) * sin(u));
		for (size_t i = first; isfinite(scale) && i < first + 2 * (size_t)k->nx; i++)
			sum->data[i] += (float)scale * k->data[i];
	}
}

static precess_status see(float *base, const struct first *s, double offset[2])
{
	size_t pixels = (size_t)s->nx * (size_t)s->ny,
	       plane = 2 * (size_t)s->m->nx * (size_t)s->m->ny;
	float *data = calloc(4 * pixels, sizeof *data), *image = NULL;
	struct kspace sum = { .n_set = 1, .nx = s->nx, .ny = s->ny, .data = data,
			      .offset = { offset[0], offset[1] } },
		      k = sum;
	precess_status st;

	if (!data)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	k.data = data + 2 * pixels;
	for (int n = 0; n < TERMS; n++) {
		TRY(kspace_of_density(&k, s->density + (size_t)n * plane, s->m->nx, s->m->ny));
		add_term(&sum, &k, s, n);
	}
	TRY(kspace_image(&image, s->d, &sum));
	memcpy(base, image, 2 * pixels * sizeof *base);
out:
	free(data);
	free(image);
	return st;
}

precess_status first_order_image(float *base, const struct draw *d, const struct maps *m, int nx,
				 int ny)
{
	const struct program *p = d->program;
	struct first s = { .d = d, .m = m, .nx = nx, .ny = ny };
	double offset[2];
	precess_status st;

	s.row_time = malloc((size_t)ny * sizeof *s.row_time);
	s.path = calloc(p->n_pathway + 1, sizeof *s.path);
	s.density = calloc(2 * TERMS * (size_t)m->nx * (size_t)m->ny, sizeof *s.density);
	if (!s.row_time || !s.path || !s.density) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	if (program_bends(p) || (p->n_train > 0 && p->map[PROGRAM_MAP_dB0].value != 0))
		s.rows_per_hz = push_pixels(p, d->value, m->ny);
	TRY(kspace_rows(s.row_time, offset, d));
	TRY(fill_paths(&s));
	for (int y = 0; y < m->ny; y++) {
		for (int x = 0; x < m->nx; x++)
			push_spin(&s, x, y);
	}
	TRY(see(base, &s, offset));
out:
	for (uint32_t i = 0; i < s.n_path; i++) {
		free(s.path[i].wave[0]);
		free(s.path[i].wave[1]);
	}
	free(s.row_time);
	free(s.path);
	free(s.density);
	return st;
}
