/* Objects: what the sequence acts on. A head drawn from a seed, map files, label volumes, fields.
 *
 * An object knows its maps at any resolution; object_maps samples it on a spin grid. Spin (ix, iy)
 * of an nx by ny grid over the field of view sits at x = ((ix + 1/2) / nx - 1/2) fov_x, y likewise;
 * maps are stored [iy][ix], iy = 0 at the lowest y. SI: T1, T2, T2p in s, dB0 in Hz. */
#ifndef RUNTIME_OBJECT_OBJECT_H
#define RUNTIME_OBJECT_OBJECT_H

#include "runtime/base/base.h"
#include "runtime/program/program.h"

#ifdef __cplusplus
extern "C" {
#endif

struct object;

/* Opens what `--object` names: "head", "head:SEED", "FILE.h5", "FILE.h5:SLICE", "uniform"
 * (M0 = 1, T1 = 1 s, T2 = 100 ms over a disc). A file that is truncated, lacks M0, holds NaN or
 * negative relaxation times is refused with file, dataset, index and value. */
precess_status object_open(struct object **out, const char *spec);
void object_free(struct object *o);
const char *object_describe(const struct object *o); /* one line for reports */
int object_slices(const struct object *o); /* of its file; 1 where it is no file */
int object_first_slice(const struct object *o); /* the number that names the first of them */

/* Maps on a grid; a map that is absent is NULL and means its neutral value (maps.def). */
struct maps {
	int nx, ny;
	double fov[2];               /* m */
	float *map[PROGRAM_MAPS];    /* [iy * nx + ix]; 64-byte aligned */
	int n_coil;                  /* receive coils; 0: one that sees all spins alike */
	float *sensitivity;          /* of each: [coil][iy][ix] re, im; NULL without coils */
	char *source;                /* object_describe */
};
/* Samples `o` over fov[2] on nx by ny spins (a file's voxels by nearest neighbour for tissue, by
 * linear interpolation for fields; the head is evaluated afresh at every resolution), then applies
 * the sequence's map declarations: a fixed map is its value wherever M0 > 0, an undeclared one
 * neutral, a channel missing in the object is filled (B1, dB0: generated from the object's seed
 * inside the declared range; T1, T2, M0: an error). Values outside a declared range are clipped,
 * the number of clipped spins is in `clipped` when not NULL. Where M0 = 0 relaxation maps hold 0.
 * p == NULL: every map of the object as it is. */
precess_status object_maps(struct maps **out, const struct object *o, const struct program *p,
			   const double fov[2], int nx, int ny, size_t *clipped);
/* All maps absent. */
precess_status maps_create(struct maps **out, int nx, int ny, const double fov[2]);
/* Makes the map present, `value` everywhere. */
precess_status maps_add(struct maps *m, enum program_map_kind k, double value);
void maps_free(struct maps *m);
/* Receive coils of these maps: n > 1 drawn from the object's seed; 1 none; 0 those of the object's
 * file (its dataset coils, interpolated linearly), none where it has none. */
precess_status object_coils(struct maps *m, const struct object *o, int n);
/* min and max of a map over spins with M0 > 0. */
void maps_range(const struct maps *m, enum program_map_kind k, double *lo, double *hi);

/* A smooth transmit field (third-order polynomial and a Gaussian bump) scaled into [lo, hi]; a
 * smooth off-resonance (the same kind of surface and Gaussians) scaled into [lo, hi]. [iy][ix]. */
void field_b1(float *out, int nx, int ny, double lo, double hi, uint64_t seed);
void field_db0(float *out, int nx, int ny, double lo, double hi, uint64_t seed);
/* Sensitivities of n coils in a ring around the field of view, [coil][iy][ix] re, im, at most 1: the
 * field of a loop of radius a on its axis, (1 + r^2 / a^2)^-3/2, with r the distance from the middle
 * of the coil, and a phase that is linear in x and y. */
void field_coils(float *out, int n, int nx, int ny, uint64_t seed);

/* Writes an object's maps at nx by ny as an HDF5 map file (datasets M0 T1 T2 ... with unit
 * attributes, attribute fov), which object_open reads back. */
precess_status object_write(const struct object *o, const char *path, int nx, int ny, const double fov[2]);

/* Imports: a NIfTI label volume with a tissue table (text: label name M0 T1 T2, seconds), or a PD and
 * a T2-weighted NIfTI volume by M0 = PD / max PD, T2 = |-TE / ln(T2w / PD)|, into an HDF5 map file
 * with one slice per volume slice along the third axis. te <= 0: drawn per slice in 30..90 ms from
 * `seed`. */
precess_status object_import_labels(const char *out, const char *labels, const char *table);
precess_status object_import_weighted(const char *out, const char *pd, const char *t2w, double te,
				      uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
