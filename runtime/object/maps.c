/* Maps on a spin grid, and the rules by which a sequence's declarations turn an object into
 * them. */
#include "runtime/object/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Spins are counted in int elsewhere, and a grid above this has no use: 0.01 mm in a head. */
enum { GRID_LIMIT = 32768 };

static const double neutral[PROGRAM_MAPS] = {
#define MAP(name, type, value, doc) [PROGRAM_MAP_##name] = value,
#include "runtime/program/maps.def"
#undef MAP
};

precess_status maps_create(struct maps **out, int nx, int ny, const double fov[2])
{
	struct maps *m;

	if (nx < 1 || ny < 1 || nx > GRID_LIMIT || ny > GRID_LIMIT)
		return precess_fail(PRECESS_EINVAL, "%d x %d spins: each must be in 1..%d", nx, ny,
				    GRID_LIMIT);
	if (!(fov[0] > 0 && fov[1] > 0 && isfinite(fov[0]) && isfinite(fov[1])))
		return precess_fail(PRECESS_EINVAL, "field of view %g x %g m: must be positive",
				    fov[0], fov[1]);
	m = calloc(1, sizeof *m);
	if (!m)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	m->nx = nx;
	m->ny = ny;
	m->fov[0] = fov[0];
	m->fov[1] = fov[1];
	*out = m;
	return PRECESS_OK;
}

void maps_free(struct maps *m)
{
	int k;

	if (!m)
		return;
	for (k = 0; k < PROGRAM_MAPS; k++)
		free(m->map[k]);
	free(m->sensitivity);
	free(m->source);
	free(m);
}

precess_status maps_add(struct maps *m, enum program_map_kind k, double value)
{
	size_t i, n = (size_t)m->nx * m->ny;

	if (!m->map[k])
		m->map[k] = memory_aligned(n * sizeof(float));
	if (!m->map[k])
		return PRECESS_ENOMEM;
	for (i = 0; i < n; i++)
		m->map[k][i] = (float)value;
	return PRECESS_OK;
}

void maps_range(const struct maps *m, enum program_map_kind k, double *lo, double *hi)
{
	const float *map = m->map[k], *m0 = m->map[PROGRAM_MAP_M0];
	size_t i, n = (size_t)m->nx * m->ny;
	double least = INFINITY, most = -INFINITY;

	for (i = 0; map && i < n; i++) {
		if (m0 && !(m0[i] > 0))
			continue;
		least = fmin(least, map[i]);
		most = fmax(most, map[i]);
	}
	if (least > most)
		least = most = neutral[k];
	*lo = least;
	*hi = most;
}

static bool is_relaxation(int k)
{
	return k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
}

static bool is_field(int k)
{
	return k == PROGRAM_MAP_B1 || k == PROGRAM_MAP_dB0;
}

static precess_status missing(const struct object *o, const struct program *p, int k)
{
	struct text has;
	int i;

	text_init(&has);
	for (i = 0; i < PROGRAM_MAPS; i++)
		if (object_has(o, (enum program_map_kind)i))
			text_printf(&has, "%s%s", has.n ? ", " : "",
				    program_map_name((enum program_map_kind)i));
	precess_fail(PRECESS_EINVAL,
		     "sequence %s takes the map %s from the object, but %s has only %s; give an "
		     "object with %s or a fixed value in the sequence",
		     p->name ? p->name : "", program_map_name((enum program_map_kind)k),
		     o->description, has.data, program_map_name((enum program_map_kind)k));
	text_free(&has);
	return PRECESS_EINVAL;
}

/* Which maps come out: every one of the object without a program; else M0, the channels, and
 * what is fixed at something else than neutral. */
static precess_status choose(struct maps *m, const struct object *o, const struct program *p)
{
	precess_status st;
	bool wanted;
	int k;

	for (k = 0; k < PROGRAM_MAPS; k++) {
		wanted = p ? p->map[k].channel || p->map[k].value != neutral[k]
			   : object_has(o, (enum program_map_kind)k);
		if (p && p->map[k].channel && !is_field(k) &&
		    !object_has(o, (enum program_map_kind)k))
			return missing(o, p, k);
		if (!wanted && k != PROGRAM_MAP_M0)
			continue;
		if ((st = maps_add(m, (enum program_map_kind)k, 0)) != 0)
			return st;
	}
	return PRECESS_OK;
}

static void fix(struct maps *m, int k, double value)
{
	const float *m0 = m->map[PROGRAM_MAP_M0];
	size_t i, n = (size_t)m->nx * m->ny;

	for (i = 0; i < n; i++)
		m->map[k][i] = m0[i] > 0 ? (float)value : is_field(k) ? (float)neutral[k] : 0;
}

static void clip(struct maps *m, const struct program_map *d, unsigned char *clipped)
{
	float *map = m->map[d->kind], v, lo = (float)d->lo, hi = (float)d->hi;
	const float *m0 = m->map[PROGRAM_MAP_M0];
	size_t i, n = (size_t)m->nx * m->ny;

	/* M0 is clipped last, by its own range, which must not make spins of nothing */
	for (i = 0; i < n; i++) {
		if (!(m0[i] > 0))
			continue;
		v = map[i] < lo ? lo : map[i] > hi ? hi : map[i];
		clipped[i] |= v != map[i];
		map[i] = v;
	}
}

static precess_status apply(struct maps *m, const struct object *o, const struct program *p,
			    size_t *count)
{
	unsigned char *clipped;
	size_t i, n = (size_t)m->nx * m->ny;
	struct program_map d;
	int k;

	clipped = calloc(n, 1);
	if (!clipped)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (k = PROGRAM_MAPS - 1; k >= 0; k--) { /* M0 last: the others ask where it is */
		d = p->map[k];
		d.kind = (enum program_map_kind)k;
		if (!m->map[k])
			continue;
		if (!d.channel)
			fix(m, k, d.value);
		else if (!object_has(o, d.kind) && k == PROGRAM_MAP_B1)
			field_b1(m->map[k], m->nx, m->ny, d.lo, d.hi, o->seed);
		else if (!object_has(o, d.kind) && k == PROGRAM_MAP_dB0)
			field_db0(m->map[k], m->nx, m->ny, d.lo, d.hi, o->seed);
		else if (d.lo < d.hi)
			clip(m, &d, clipped);
	}
	*count = 0;
	for (i = 0; i < n; i++)
		*count += clipped[i];
	free(clipped);
	return PRECESS_OK;
}

precess_status object_maps(struct maps **out, const struct object *o, const struct program *p,
			   const double fov[2], int nx, int ny, size_t *clipped)
{
	float *map[PROGRAM_MAPS] = { NULL };
	struct maps *m = NULL;
	precess_status st;
	size_t i, n, count = 0;
	int k;

	if ((st = maps_create(&m, nx, ny, fov)) != 0)
		return st;
	TRY(choose(m, o, p));
	for (k = 0; k < PROGRAM_MAPS; k++)
		if (object_has(o, (enum program_map_kind)k) && (!p || p->map[k].channel || !k))
			map[k] = m->map[k];
	object_sample(o, map, fov, nx, ny);
	if (p)
		TRY(apply(m, o, p, &count));
	n = (size_t)nx * ny;
	for (k = 0; k < PROGRAM_MAPS; k++) /* one meaning for relaxation where there is nothing */
		for (i = 0; m->map[k] && is_relaxation(k) && i < n; i++)
			if (!(m->map[PROGRAM_MAP_M0][i] > 0))
				m->map[k][i] = 0;
	m->source = strdup(object_describe(o));
	if (!m->source) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	if (clipped)
		*clipped = count;
	*out = m;
	return PRECESS_OK;
out:
	maps_free(m);
	return st;
}
