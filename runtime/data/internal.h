/* What the files of this folder share: sources from inside, fields of a sample, packed samples, the
 * journal, HDF5. */
#ifndef RUNTIME_DATA_INTERNAL_H
#define RUNTIME_DATA_INTERNAL_H

#include "runtime/data/data.h"

struct data_source {
	const struct program *program;
	struct data_recipe recipe; /* defaults filled in */
	struct data_shape shape;
	double fov[2];
	char **object; /* what object_open takes; a folder's files */
	int *n_slice;  /* of each; 1: none to choose from */
	int *first;    /* number of each one's first slice */
	uint32_t n_object;
	bool head;  /* drawn afresh: object is empty */
	struct sim_batches *batches; /* of the device; NULL: the processor */
	char *text; /* the recipe, for files: equal texts are one set */
};

/* Samples first, first + 1, ... at once: on a device they share launches. n <= SIM_BATCH. */
precess_status data_make_some(struct data_sample *const *out, struct data_maker *m, uint64_t first,
			      int n);

/* One kind of datum of a sample, a dataset of a file. */
struct data_field {
	char name[32];     /* "/maps/T2" */
	size_t n, size;    /* elements per sample, bytes of one */
	bool is_complex;   /* an element is { r, i } */
	int rank, dims[3]; /* of one sample */
};
enum { DATA_FIELDS = 2 + PROGRAM_MAPS };
/* Fills field[], returns how many. */
int data_fields(struct data_field field[DATA_FIELDS], const struct data_shape *shape);
bool data_shape_same(const struct data_shape *a, const struct data_shape *b);
/* Where field number i of a sample lies. */
float *data_field_at(const struct data_sample *s, int i);

/* A sample as it lies in a file: each field shuffled and deflated as HDF5's filters do it. */
struct data_packed {
	uint64_t index;
	uint32_t n_param;
	double *number; /* parameters, then `largest` */
	int n_field;
	size_t size[DATA_FIELDS];
	unsigned char *bytes[DATA_FIELDS];
};
enum { DATA_LEVEL = 4 }; /* of deflate: more costs twice the time for 1 % */
precess_status data_pack(struct data_packed **out, const struct data_sample *s);
void data_packed_free(struct data_packed *p);

/* What a stream's threads make of a sample besides; kept with it. */
precess_status data_stream_next_packed(const struct data_packed **out, struct data_stream *s);
precess_status data_stream_create_packed(struct data_stream **out, const struct data_source *s,
					 const struct data_stream_options *o);

/* --- the journal: path.partial --- */
struct journal;
/* Opens or creates; `n` counts the whole samples in it, first, first + 1, ... A damaged end is
 * cut off. Another process's journal is refused. */
precess_status journal_open(struct journal **out, uint64_t *n, const char *path, const char *recipe,
			    uint64_t first, const struct data_shape *shape);
precess_status journal_add(struct journal *j, const struct data_packed *p);
/* Sample i of those in the journal; data_packed_free it. */
precess_status journal_read(struct data_packed **out, struct journal *j, uint64_t i);
const char *journal_path(const struct journal *j);
void journal_close(struct journal *j, bool remove);

/* --- HDF5 files --- */
struct data_writer;
struct data_facts {
	const char *recipe, *sequence, *program_hash, *source_hash;
	uint64_t first, n, total, seed;
	const char *const *param_name;
	const double *param_range; /* lo, hi of each */
};
precess_status data_writer_create(struct data_writer **out, const char *path,
				  const struct data_shape *shape, const struct data_facts *facts);
precess_status data_writer_put(struct data_writer *w, uint64_t at, const struct data_packed *p);
precess_status data_writer_commit(struct data_writer *w, double *bytes);
void data_writer_discard(struct data_writer *w);

struct data_file {
	char *path;
	int64_t file, field[DATA_FIELDS], parameters, largest; /* hid_t */
	int n_field;
	struct data_field layout[DATA_FIELDS];
	struct data_shape shape;
	struct data_facts facts;
	char **param_name;
	double *param_range;
};
/* Sample i without unpacking its fields. */
precess_status data_file_read_packed(struct data_packed **out, const struct data_file *f,
				     uint64_t i);

/* --- first.c --- */
/* base [ny][nx] re, im from spins; all of d's numbers are taken from its slots. */
precess_status first_order_image(float *base, const struct draw *d, const struct maps *m, int nx,
				 int ny);
/* Pixels per Hz along y. */
double push_pixels(const struct program *p, const double *value, int ny);

#endif
