/* Spins through the slice. n equispaced spins see a pathway dephased by q cycles with the weight
 * D(q) = sin(pi q) / (n sin(pi q / n)) where the slice itself has sinc(q) = sin(pi q) / (pi q): a
 * whole number of cycles vanishes unless it is a multiple of n, and then all of it comes back. The
 * smallest n is taken for which the differences, times the pathways' amplitudes, are small. */
#include "runtime/sim/epg.h"
#include "runtime/sim/internal.h"

#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;
static const double enough = 1e-5;  /* of M0, over all pathways of one readout */
static const double floor_amplitude = 1e-7;
static const double whole = 1e-4;   /* cycles: nearer to a whole number is one */

enum {
	MOST = 512,           /* spins; the best up to here is taken where none is enough */
	PROFILE = 64,         /* at least, where a pulse selects a slice */
	PER_CYCLE = 4         /* at least, of a gradient's phase during a pulse */
};


static bool acts_along_z(const struct draw *d)
{
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];

		if (e->kind == PROGRAM_GRAD && e->axis == 2 && e->amplitude != 0)
			return true;
	}
	return false;
}

double sim_slice_thickness(const struct draw *d)
{
	if (!acts_along_z(d))
		return 0;
	return d->program->fov[2] > 0 ? d->program->fov[2] : SIM_SLICE;
}

/* ------------------------------------------------------------------ dephased pathways */
struct dephased {
	double q, amplitude; /* cycles through the slice; the largest over B1 and readouts */
};
struct collection {
	const struct draw *d;
	double slice;
	struct dephased *at;
	size_t n, capacity;
	bool failed;
};

static void add(struct collection *c, double q, double amplitude)
{
	size_t i;

	q = fabs(q); /* D and sinc are even */
	if (q < whole || amplitude < floor_amplitude)
		return;
	for (i = 0; i < c->n && fabs(c->at[i].q - q) > whole; i++)
		;
	if (i == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 64;
		struct dephased *at = realloc(c->at, capacity * sizeof *at);

		if (!at) {
			c->failed = true;
			return;
		}
		c->at = at;
		c->capacity = capacity;
	}
	if (i == c->n)
		c->at[c->n++] = (struct dephased){ .q = q };
	c->at[i].amplitude = fmax(c->at[i].amplitude, amplitude);
}

static void collect(void *context, uint32_t epoch, const struct epg_state *f, size_t n)
{
	struct collection *c = context;
	const struct program_epoch *e = &c->d->program->epoch[epoch];
	double last = NAN;

	for (uint32_t r = e->first_readout; r < e->first_readout + e->n_readout; r++) {
		double k = sim_slot(c->d, c->d->program->readout[r].k[2]);

		if (k == last)
			continue;
		last = k;
		for (size_t i = 0, j; i < n; i = j) { /* sorted by kz */
			double most = 0;

			for (j = i; j < n && f[j].key[2] == f[i].key[2]; j++)
				most = fmax(most, hypot(f[j].re, f[j].im));
			add(c, (f[i].k[2] + k) * c->slice, most);
		}
	}
}

static double difference(double q, int n)
{
	double nearest = round(q), below = n * sin(pi * q / n), sinc = sin(pi * q) / (pi * q);

	if (fabs(q - nearest) < whole)
		return fmod(nearest, n) == 0 ? 1 : 0;
	return fabs(below) > 1e-12 ? fabs(sin(pi * q) / below - sinc) : 1;
}

static double total_difference(const struct collection *c, int n, double stop)
{
	double sum = 0;

	for (size_t i = 0; i < c->n && sum <= stop; i++)
		sum += c->at[i].amplitude * difference(c->at[i].q, n);
	return sum;
}

static int by_amplitude(const void *a, const void *b)
{
	double x = ((const struct dephased *)a)->amplitude;
	double y = ((const struct dephased *)b)->amplitude;

	return (x < y) - (x > y);
}

/* ------------------------------------------------------------------ slice-selective pulses */
/* Spins that resolve the largest phase a z gradient makes during a pulse; 0 when there is none. */
static int profile_spins(const struct draw *d, double slice)
{
	double most = 0;

	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];
		double t = (double)e->start * 1e-12, h = (double)e->duration * 1e-12;

		if (e->kind == PROGRAM_RF && h > 0)
			most = fmax(most, fabs(draw_moment(d, 2, t, t + h)) * slice);
	}
	if (most < whole)
		return 0;
	return (int)fmin(4096, fmax(PROFILE, ceil(PER_CYCLE * most)));
}

int sim_slice_spins(const struct draw *d, struct text *why)
{
	const struct program *p = d->program;
	const struct program_map *b1 = &p->map[PROGRAM_MAP_B1];
	const struct program_map *off = &p->map[PROGRAM_MAP_dB0];
	const double factor[3] = { b1->value, b1->lo, b1->hi };
	const double far = off->channel ? fmax(fabs(off->lo), fabs(off->hi)) : fabs(off->value);
	struct collection c = { .d = d, .slice = sim_slice_thickness(d) };
	double least = INFINITY, most = 0;
	int n = 1, best = 1, profile;

	if (c.slice == 0) {
		if (why)
			text_printf(why, "no gradient acts along z");
		return 1;
	}
	profile = profile_spins(d, c.slice);
	for (uint32_t h = 0; h < p->n_history && !c.failed; h++) {
		for (int i = 0; i < (b1->channel ? 6 : 2) && !c.failed; i++) {
			struct epg_field f = { factor[i / 2], i % 2 ? far : 0 };

			c.failed |= epg_run(d, h, f, floor_amplitude, collect, &c) != 0;
		}
	}
	if (c.n)
		qsort(c.at, c.n, sizeof *c.at, by_amplitude);
	for (size_t i = 0; i < c.n; i++)
		most = fmax(most, c.at[i].q);
	for (n = profile > 1 ? profile : 1; n <= MOST || n == profile; n++) {
		double t = total_difference(&c, n, fmin(least, 1e9));

		if (t < least) {
			least = t;
			best = n;
		}
		if (t <= enough)
			break;
	}
	if (why && profile)
		text_printf(why, "slice profile and ");
	if (why)
		text_printf(why, "%zu pathways dephased by up to %.4g cycles over %.3g mm%s return "
			    "with %.1e of M0 at most%s", c.n, most, c.slice * 1e3,
			    p->fov[2] > 0 ? "" : " (no thickness declared)", least,
			    c.failed ? " (not all: out of memory)" : "");
	free(c.at);
	return best;
}
