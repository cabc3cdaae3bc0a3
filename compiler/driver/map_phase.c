/* Magnitude and phase, as scanners give them, to complex images. */
#include <math.h>
#include <stdlib.h>

#include "compiler/driver/map.h"

#define PI 3.14159265358979323846
#define SLACK 1e-3 /* of phases in radians that were rounded */

/* What a phase image counts in, by its range: radian = factor * (value - zero). */
struct phase_unit {
	double lo, hi, factor, zero;
	bool whole; /* integers that use half the range at least: less may be anything */
	const char *name;
};
static const struct phase_unit unit_table[] = {
	{ -PI - SLACK, PI + SLACK, 1, 0, false, "radians" },
	{ -SLACK, 2 * PI + SLACK, 1, 0, false, "radians" },
	{ 0, 4095, PI / 2048, 2048, true, "integers 0 .. 4095, a turn" },
	{ -4096, 4096, PI / 4096, 0, true, "integers -4096 .. 4095, a turn" },
};

static size_t size_of(const struct io_image *m)
{
	return (size_t)m->n_set * (size_t)m->nz * (size_t)m->ny * (size_t)m->nx;
}

/* Real values; `what` for messages. */
static precess_status check_values(const struct io_image *m, const char *name, const char *what)
{
	for (size_t i = 0; i < size_of(m); i++) {
		if (m->data[2 * i + 1] != 0)
			return precess_fail(PRECESS_EINVAL,
					    "%s, the %s, is complex: a complex image has its phase and "
					    "needs no --phase", name, what);
	}
	return PRECESS_OK;
}

static precess_status check_magnitude(const struct io_image *m, const char *name)
{
	precess_status st = check_values(m, name, "magnitude");

	for (size_t i = 0; i < size_of(m) && !st; i++)
		if (m->data[2 * i] < 0)
			st = precess_fail(PRECESS_EINVAL,
					  "%s has values below 0 (%g), it is no magnitude: name the "
					  "magnitude first and the phase behind --phase",
					  name, (double)m->data[2 * i]);
	return st;
}

static precess_status find_unit(const struct phase_unit **out, const struct io_image *p,
				const char *name)
{
	double lo = INFINITY, hi = -INFINITY;
	bool whole = true;

	for (size_t i = 0; i < size_of(p); i++) {
		double v = (double)p->data[2 * i];
		lo = fmin(lo, v);
		hi = fmax(hi, v);
		whole &= v == floor(v);
	}
	for (size_t i = 0; i < PRECESS_COUNT(unit_table); i++) {
		const struct phase_unit *u = *out = &unit_table[i];
		if (lo >= u->lo && hi <= u->hi &&
		    (!u->whole || (whole && hi - lo >= 0.5 * (u->hi - u->lo))))
			return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL,
			    "%s has values of %g .. %g, neither radians (-pi .. pi or 0 .. 2 pi) nor a "
			    "scanner's integers (0 .. 4095 or -4096 .. 4095): rescale it to radians",
			    name, lo, hi);
}

static precess_status turn(struct io_image *m, const struct io_image *p, struct map_input *in,
			   const char *name, const char *phase)
{
	const struct phase_unit *u;
	precess_status st;

	if (p->n_set != m->n_set || p->nz != m->nz || p->ny != m->ny || p->nx != m->nx)
		return precess_fail(PRECESS_EINVAL,
				    "the phase %s is %d x %d x %d, the magnitude %s %d x %d x %d: name "
				    "the two images of one scan",
				    phase, p->nx, p->ny, p->nz * p->n_set, name, m->nx, m->ny,
				    m->nz * m->n_set);
	TRY(check_magnitude(m, name));
	TRY(check_values(p, phase, "phase"));
	TRY(find_unit(&u, p, phase));
	for (size_t i = 0; i < size_of(m); i++) {
		double size = (double)m->data[2 * i];
		double angle = u->factor * ((double)p->data[2 * i] - u->zero);
		m->data[2 * i] = (float)(size * cos(angle));
		m->data[2 * i + 1] = (float)(size * sin(angle));
	}
	text_printf(&in->report, "phase     %s: %s\n", phase, u->name);
	json_array_append_new(in->source, json_pack("{s:s, s:s, s:s}", "magnitude", name, "phase",
						    phase, "unit", u->name));
out:
	return st;
}

precess_status map_add_phase(struct io_image *m, struct map_input *in, const char *name,
			     const char *phase)
{
	struct io_image *p;
	precess_status st = map_read_image(&p, phase);

	st = st ? st : turn(m, p, in, name, phase);
	io_image_free(p);
	return st;
}
