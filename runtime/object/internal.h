/* What the files of this folder share: the object behind the face, the head, a slice of a file. */
#ifndef RUNTIME_OBJECT_INTERNAL_H
#define RUNTIME_OBJECT_INTERNAL_H

#include "runtime/object/object.h"

/* One slice of a map file. Row 0 is the lowest y, column 0 the lowest x, nothing is flipped; the
 * slice is centred in any field of view. map[k] == NULL: the file has none. */
struct slice {
	int nx, ny;
	int index, count;         /* slice `index` of `count`, counted from 0 */
	int first;                /* what the file calls its first slice */
	double size[2];           /* of a voxel, m; 0: the slice fills the field of view */
	float *map[PROGRAM_MAPS]; /* [ny][nx] */
	struct coils {
		int n, nx, ny;    /* n = 0: none; as large as the slice whatever their grid */
		float *value;     /* [n][ny][nx] re, im */
	} coils;
};
/* index < 0: the middle one. */
precess_status slice_read(struct slice **out, const char *path, int64_t index);
void slice_free(struct slice *s);
/* Dataset coils of an open HDF5 file, where it has one. */
precess_status coils_read(struct coils *out, int64_t file, const char *path);

struct head;
precess_status head_create(struct head **out, uint64_t seed);
void head_free(struct head *h);
/* M0, T1, T2, T2p at a point (m, from the centre of the field of view); all 0 outside the head. */
void head_at(const struct head *h, double x, double y, float value[4]);

enum object_kind { OBJECT_HEAD, OBJECT_UNIFORM, OBJECT_SLICE };
struct object {
	enum object_kind kind;
	uint64_t seed; /* of generated fields; of the head too */
	struct head *head;
	struct slice *slice;
	char *description;
};
bool object_has(const struct object *o, enum program_map_kind k);
/* Fills map[k] for those that are not NULL; the object must have them. */
void object_sample(const struct object *o, float *const map[PROGRAM_MAPS], const double fov[2],
		   int nx, int ny);

/* Gradient noise (Perlin 2002) on a lattice of pitch 1, about -1..1, continuous to the second
 * derivative. */
float noise2(float x, float y, uint32_t seed);

/* --- HDF5 with one clear message per failure instead of the library's stack --- */
/* Several writers fill one map file: datasets of [nz][ny][nx], slice by slice. */
struct map_file;
precess_status map_file_create(struct map_file **out, const char *path, int nz, int ny, int nx,
			       const double voxel[3], const char *source);
/* Datasets appear on first use; a dataset that misses slices holds 0 there. */
precess_status map_file_put(struct map_file *f, enum program_map_kind k, int z, const float *map);
precess_status map_file_commit(struct map_file *f);
void map_file_discard(struct map_file *f);

#endif
