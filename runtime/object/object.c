/* Opening what `--object` names, and looking at it on a grid. */
#include "runtime/object/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECTS "an object is head, head:SEED, uniform, FILE.h5 or FILE.h5:SLICE"

/* The uniform object: one tissue in a disc over most of the field of view. */
static const double uniform_m0 = 1, uniform_t1 = 1, uniform_t2 = 0.1, uniform_radius = 0.4;

static precess_status describe(struct object *o, const char *fmt, ...) PRECESS_PRINTF(2, 3);
static precess_status describe(struct object *o, const char *fmt, ...)
{
	char line[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	o->description = strdup(line);
	return o->description ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory");
}

static bool parse_whole(uint64_t *out, const char *s)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return !*end && !errno;
}

static precess_status open_head(struct object *o, const char *spec)
{
	precess_status st;

	o->kind = OBJECT_HEAD;
	o->seed = 1;
	if (spec[4] == ':' && !parse_whole(&o->seed, spec + 5))
		return precess_fail(PRECESS_EINVAL,
				    "object %s: the seed must be a whole number 0, 1, 2, ... as in "
				    "head:7",
				    spec);
	st = head_create(&o->head, o->seed);
	return st ? st : describe(o, "head drawn from seed %" PRIu64, o->seed);
}

/* A number that names the content, so that a file's generated fields do not depend on its name. */
static uint64_t content_seed(const struct slice *s)
{
	char hex[65];

	hash_hex(hex, s->map[PROGRAM_MAP_M0], (size_t)s->nx * s->ny * sizeof(float));
	hex[16] = '\0';
	return strtoull(hex, NULL, 16);
}

static precess_status open_slice(struct object *o, const char *spec)
{
	char *path = strdup(spec), *colon, *end;
	long long index = -1;
	precess_status st;

	if (!path)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	colon = strrchr(path, ':');
	if (colon && access(path, F_OK) != 0) {
		*colon = '\0';
		errno = 0;
		index = strtoll(colon + 1, &end, 10);
		if (*end || end == colon + 1 || errno || strchr(colon + 1, ' ')) {
			st = precess_fail(PRECESS_EINVAL,
					  "object %s: \"%s\" is not a slice number; " OBJECTS, spec,
					  colon + 1);
			goto out;
		}
		if (index < 0)
			index = INT64_MAX; /* refused with the range that the file has */
	}
	if (access(path, F_OK) != 0) {
		st = precess_fail(PRECESS_EIO, "object %s: no file of this name; " OBJECTS, spec);
		goto out;
	}
	TRY(slice_read(&o->slice, path, index));
	o->kind = OBJECT_SLICE;
	o->seed = content_seed(o->slice);
	TRY(describe(o, "%s slice %d of %d, %d x %d voxels", path, o->slice->index + o->slice->first, o->slice->count,
		     o->slice->nx, o->slice->ny));
out:
	free(path);
	return st;
}

precess_status object_open(struct object **out, const char *spec)
{
	struct object *o = calloc(1, sizeof *o);
	precess_status st;

	if (!o)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (strcmp(spec, "head") == 0 || strncmp(spec, "head:", 5) == 0) {
		st = open_head(o, spec);
	} else if (strcmp(spec, "uniform") == 0) {
		o->kind = OBJECT_UNIFORM;
		st = describe(o, "uniform disc, M0 %g, T1 %g s, T2 %g s", uniform_m0, uniform_t1,
			      uniform_t2);
	} else {
		st = open_slice(o, spec);
	}
	if (st) {
		object_free(o);
		return st;
	}
	*out = o;
	return PRECESS_OK;
}

void object_free(struct object *o)
{
	if (!o)
		return;
	head_free(o->head);
	slice_free(o->slice);
	free(o->description);
	free(o);
}

const char *object_describe(const struct object *o)
{
	return o->description;
}

int object_slices(const struct object *o)
{
	return o->kind == OBJECT_SLICE ? o->slice->count : 1;
}

int object_first_slice(const struct object *o)
{
	return o->kind == OBJECT_SLICE ? o->slice->first : 0;
}

bool object_has(const struct object *o, enum program_map_kind k)
{
	switch (o->kind) {
	case OBJECT_HEAD:
		return k != PROGRAM_MAP_B1 && k != PROGRAM_MAP_dB0;
	case OBJECT_UNIFORM:
		return true;
	case OBJECT_SLICE:
		return o->slice->map[k] != NULL;
	}
	return false;
}

/* ------------------------------------------------------------------ on a grid */
static double position(int i, int n, double fov)
{
	return ((i + 0.5) / n - 0.5) * fov;
}

static void sample_head(const struct head *h, float *const map[PROGRAM_MAPS], const double fov[2],
			int nx, int ny)
{
	static const enum program_map_kind order[4] = { PROGRAM_MAP_M0, PROGRAM_MAP_T1,
							PROGRAM_MAP_T2, PROGRAM_MAP_T2p };
	float v[4];
	int ix, iy, j;

	for (iy = 0; iy < ny; iy++)
		for (ix = 0; ix < nx; ix++) {
			head_at(h, position(ix, nx, fov[0]), position(iy, ny, fov[1]), v);
			for (j = 0; j < 4; j++)
				if (map[order[j]])
					map[order[j]][(size_t)iy * nx + ix] = v[j];
		}
}

static void sample_uniform(float *const map[PROGRAM_MAPS], const double fov[2], int nx, int ny)
{
	static const struct {
		double inside, outside;
	} value[PROGRAM_MAPS] = {
		[PROGRAM_MAP_M0] = { uniform_m0, 0 }, [PROGRAM_MAP_T1] = { uniform_t1, 0 },
		[PROGRAM_MAP_T2] = { uniform_t2, 0 }, [PROGRAM_MAP_T2p] = { INFINITY, 0 },
		[PROGRAM_MAP_B1] = { 1, 1 },
	};
	double radius = uniform_radius * fmin(fov[0], fov[1]);
	bool inside;
	int ix, iy, k;

	for (iy = 0; iy < ny; iy++)
		for (ix = 0; ix < nx; ix++) {
			inside = hypot(position(ix, nx, fov[0]), position(iy, ny, fov[1])) < radius;
			for (k = 0; k < PROGRAM_MAPS; k++)
				if (map[k])
					map[k][(size_t)iy * nx + ix] =
						(float)(inside ? value[k].inside
							       : value[k].outside);
		}
}

static float nearest(const struct slice *s, const float *map, double u, double v)
{
	double i = floor(u), j = floor(v);

	if (!(i >= 0 && i < s->nx && j >= 0 && j < s->ny))
		return 0;
	return map[(size_t)j * s->nx + (size_t)i];
}

/* Fields go on beyond the slice with the value of its edge. */
static float linear(const struct slice *s, const float *map, double u, double v)
{
	double i, j, a, b;
	size_t x0, x1, y0, y1, n = (size_t)s->nx;

	u = fmin(fmax(u - 0.5, 0), s->nx - 1);
	v = fmin(fmax(v - 0.5, 0), s->ny - 1);
	a = modf(u, &i);
	b = modf(v, &j);
	x0 = (size_t)i;
	y0 = (size_t)j;
	x1 = a > 0 ? x0 + 1 : x0;
	y1 = b > 0 ? y0 + 1 : y0;
	return (float)((1 - b) * ((1 - a) * map[y0 * n + x0] + a * map[y0 * n + x1]) +
		       b * ((1 - a) * map[y1 * n + x0] + a * map[y1 * n + x1]));
}

static void sample_slice(const struct slice *s, float *const map[PROGRAM_MAPS], const double fov[2],
			 int nx, int ny)
{
	double size[2] = { s->size[0], s->size[1] }, u, v;
	bool field;
	int ix, iy, k;

	if (!(size[0] > 0 && size[1] > 0)) {
		size[0] = fov[0] / s->nx;
		size[1] = fov[1] / s->ny;
	}
	for (iy = 0; iy < ny; iy++)
		for (ix = 0; ix < nx; ix++) {
			/* voxel coordinates: voxel i spans i..i+1; the shift by a millionth of a
			 * voxel keeps the rounding of equal grids from picking neighbours at
			 * borders */
			u = position(ix, nx, fov[0]) / size[0] + 0.5 * s->nx + 1e-6;
			v = position(iy, ny, fov[1]) / size[1] + 0.5 * s->ny + 1e-6;
			for (k = 0; k < PROGRAM_MAPS; k++) {
				if (!map[k])
					continue;
				field = k == PROGRAM_MAP_B1 || k == PROGRAM_MAP_dB0;
				map[k][(size_t)iy * nx + ix] = field ? linear(s, s->map[k],
									      u - 1e-6, v - 1e-6)
								     : nearest(s, s->map[k], u, v);
			}
		}
}

void object_sample(const struct object *o, float *const map[PROGRAM_MAPS], const double fov[2],
		   int nx, int ny)
{
	switch (o->kind) {
	case OBJECT_HEAD:
		sample_head(o->head, map, fov, nx, ny);
		break;
	case OBJECT_UNIFORM:
		sample_uniform(map, fov, nx, ny);
		break;
	case OBJECT_SLICE:
		sample_slice(o->slice, map, fov, nx, ny);
		break;
	}
}
