/* What the files of this folder share. */
#ifndef RUNTIME_IO_INTERNAL_H
#define RUNTIME_IO_INTERNAL_H

#include <hdf5.h>

#include "runtime/io/io.h"

bool has_ending(const char *path, const char *ending);

/* Where the sets of a result stand in an array with one dimension per label. */
enum { SET_ECHO, SET_REPETITION, SET_SET, SET_SLICE, SET_AVERAGE, SET_LABELS };
struct sets {
	int n;
	int size[SET_LABELS];   /* values of each label */
	int (*at)[SET_LABELS];  /* of each set */
};
precess_status sets_create(struct sets *out, const struct draw *d, const struct sampling *s);
void sets_free(struct sets *s);

/* --- BART --- */
enum {
	CFL_COIL = 3,
	CFL_ECHO = 5,
	CFL_REPETITION = 10,
	CFL_SET = 11,
	CFL_SLICE = 13,
	CFL_AVERAGE = 14,
	CFL_DIMS = 16
};
/* Complex numbers, the first dimension fastest. */
struct cfl {
	size_t dim[CFL_DIMS];
	float *v; /* re, im; to be freed */
};
/* Zeros; a size of 0 counts as 1. */
precess_status cfl_make(struct cfl *out, const size_t dim[CFL_DIMS]);
size_t cfl_count(const struct cfl *a);
float *cfl_at(const struct cfl *a, const size_t index[CFL_DIMS]);
/* To NAME<addition>.cfl and .hdr, where `path` is NAME.cfl. */
precess_status cfl_write(const char *path, const char *addition, const struct cfl *a);
precess_status cfl_read(struct cfl *out, const char *path);

/* --- HDF5 --- */
/* An HDF5 file in memory; negative on failure. */
hid_t hdf5_create(void);
/* Its bytes to `path`, whole or not at all; closes it. `failed`: something could not be built. */
precess_status hdf5_write(const char *path, hid_t file, bool failed);
/* An existing file for reading. */
precess_status hdf5_open(hid_t *out, const char *path);
/* Is there such a link, and does it lead to something? */
bool hdf5_has(hid_t at, const char *name);

/* --- ISMRMRD --- */
/* An acquisition as it stands in the file; the names are the format's. */
struct ismrmrd_index {
#define FIELD(name, type, hdf5)
#define ARRAY(name, type, hdf5, n)
#define INDEX(name) uint16_t name;
#include "runtime/io/ismrmrd.def"
#undef INDEX
	uint16_t user[8];
};
struct ismrmrd_head {
#undef FIELD
#undef ARRAY
#define FIELD(name, type, hdf5) type name;
#define ARRAY(name, type, hdf5, n) type name[n];
#define INDEX(name)
#include "runtime/io/ismrmrd.def"
#undef FIELD
#undef ARRAY
#undef INDEX
	struct ismrmrd_index idx;
};
struct ismrmrd_record {
	struct ismrmrd_head head;
	hvl_t traj, data; /* of float */
};
/* Of the record in memory; negative on failure. */
hid_t ismrmrd_type(void);
/* The header between XML and the fields of `raw`. */
precess_status ismrmrd_header_read(struct io_raw *raw, const char *xml, const char *path);
void ismrmrd_header_write(struct text *xml, const struct io_raw *raw);
extern const char *const ismrmrd_limit[IO_COUNTERS]; /* names in the header */

#endif
