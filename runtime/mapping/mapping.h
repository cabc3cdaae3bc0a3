/* Maps of the object from images of it: what an echo train or a set of echo times tells of T2.
 *
 * Images are stored [echo][iz][iy][ix], complex; axes as in runtime/object/object.h. A voxel outside
 * the mask, with a value that is no number or with no signal at all is 0 in every map. SI: T2 in s.
 *
 * Ownership: *_free frees all that hangs below; options borrow the program. */
#ifndef RUNTIME_MAPPING_MAPPING_H
#define RUNTIME_MAPPING_MAPPING_H

#include "runtime/program/program.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mapping_method {
#define METHOD(name, doc) MAPPING_##name,
#include "runtime/mapping/methods.def"
#undef METHOD
	MAPPING_METHODS
};
enum mapping_kind {
#define MAP(name, unit, doc) MAPPING_##name,
#include "runtime/mapping/maps.def"
#undef MAP
	MAPPING_KINDS
};
enum mapping_noise {
#define NOISE(name, doc) MAPPING_NOISE_##name,
#include "runtime/mapping/noise.def"
#undef NOISE
	MAPPING_NOISES
};
const char *mapping_method_name(enum mapping_method m);
int mapping_method_find(const char *name); /* -1 */
const char *mapping_kind_name(enum mapping_kind k);
const char *mapping_kind_unit(enum mapping_kind k);
const char *mapping_noise_name(enum mapping_noise n);
int mapping_noise_find(const char *name); /* -1 */

/* ------------------------------------------------------------------ images */
/* Echoes of one object in order of their times. */
struct mapping_series {
	int nx, ny, nz, n_echo;
	double voxel[3];  /* m; 0: not known */
	double *te;       /* s; NAN: not known */
	float *image;     /* re, im */
};
#define MAPPING_VOXELS(s) ((size_t)(s)->nx * (size_t)(s)->ny * (size_t)(s)->nz)
precess_status mapping_series_create(struct mapping_series **out, int nx, int ny, int nz);
void mapping_series_free(struct mapping_series *s);
/* Puts a copy of `image` where its echo time belongs. te may be NAN while it is the only one. */
precess_status mapping_series_add(struct mapping_series *s, double te, const float *image);
/* True where the first echo exceeds `fraction` of its 99th percentile. */
precess_status mapping_mask_threshold(bool *mask, const struct mapping_series *s, double fraction);
/* Noise of each part, from the magnitudes of voxels outside the mask: Rayleigh's mean square is
 * twice its variance. PRECESS_EINVAL when there are too few. */
precess_status mapping_noise_estimate(double *sigma, const struct mapping_series *s,
				      const bool *mask);

/* ------------------------------------------------------------------ maps */
struct mapping_options {
	const bool *mask;             /* per voxel; NULL: by threshold */
	double threshold;             /* part of the first echo's magnitude; negative: all voxels */
	enum mapping_noise noise;
	double sigma;                 /* of each part; 0: unknown */
	double t2_lo, t2_hi;          /* s */
	double b1_lo, b1_hi;          /* for stimulated echoes; equal: known */
	double t1;                    /* s; 0: as the sequence says */
	const struct program *program;/* of the sequence, for methods that need it */
	const double *param;          /* its parameters; NULL: the defaults */
	int threads;                  /* 0: all */
	bool quiet;                   /* no progress */
};
struct mapping_maps {
	int nx, ny, nz;
	double voxel[3];
	float *map[MAPPING_KINDS];    /* NULL: not estimated */
	bool *mask;
	size_t n_voxel;               /* in the mask */
	size_t n_failed;              /* of these, without a signal that could be fitted */
	size_t n_limit;               /* of these, with T2 at an end of its range */
};
precess_status mapping_run(struct mapping_maps **out, enum mapping_method m,
			   const struct mapping_series *s, const struct mapping_options *o);
void mapping_maps_free(struct mapping_maps *m);

#ifdef __cplusplus
}
#endif
#endif
