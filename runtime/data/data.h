/* Training data: random parameters, objects and fields, and what the exact simulator makes of
 * them.
 *
 * Sample i is a function of (recipe, seed, i) and nothing else: not of threads, shards, or of
 * what was made before it. Images that a device makes differ in their last bits, so recipes name
 * it. It holds the image (a label), the parameters, the maps brought down to `sub` x `sub` sub-pixels
 * per pixel, and, where it can be told (program_first_order), the first-order image that a network
 * starts from. Axes as in object.h. Ownership: a source borrows its
 * program; samples, streams and files are freed by their *_free. */
#ifndef RUNTIME_DATA_DATA_H
#define RUNTIME_DATA_DATA_H

#include "runtime/object/object.h"
#include "runtime/program/net.h"
#include "runtime/program/program.h"
#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Planes besides maps and waves that a network can ask for (NET_CHANNEL_EXTRA, by name). */
enum data_plane {
#define PLANE(name, doc) DATA_##name,
#include "runtime/program/planes.def"
#undef PLANE
	DATA_PLANES
};

/* ------------------------------------------------------------------ recipes and samples */
struct data_recipe {
	const char *object; /* "head": drawn afresh; a folder of map files; or as in object_open */
	uint64_t seed;
	uint64_t total;   /* samples of the whole set; 0: no end (streams only) */
	int fine;         /* spins per pixel along x and y; 0: 4 */
	int sub;          /* stored sub-pixels per pixel along x and y; 0: 2; divides `fine` */
	int reuse;        /* consecutive samples that share an anatomy, each with its own turn,
			     * flip, fields and parameters; 0: 4 */
	double smooth;    /* FWHM in m of a blur of the object; 0: sharp */
	double spread;    /* T2 is multiplied by exp(a smooth field), which ends at two numbers drawn
			   * from +-spread, so that anatomy does not tell it; 0: not */
	bool no_image;    /* leave the images zero: someone else makes them */
	bool no_base;     /* without first-order images: nobody starts from them */
	double tolerance; /* of the simulation; 0: 1e-4 */
	const char *device; /* that makes the images, as in sim_options; NULL: the processor */
};

struct data_source;
/* Fails for a sequence that makes no images, or when the object lacks what it needs. */
precess_status data_source_create(struct data_source **out, const struct program *p,
				  const struct data_recipe *r);
void data_source_free(struct data_source *s);

struct data_shape {
	int nx, ny, sub, n_set; /* images per sample */
	uint32_t n_param;
	bool map[PROGRAM_MAPS]; /* which are there: the sequence's channels */
	bool base;
};
const struct data_shape *data_source_shape(const struct data_source *s);
/* What makes the images: "cpu", or the backend, as recipes name it. */
const char *data_source_backend(const struct data_source *s);

struct data_sample {
	struct data_shape shape;
	uint64_t index;
	double *param;            /* SI */
	float *map[PROGRAM_MAPS]; /* [sub * ny][sub * nx]; fields: means; times: weighted by M0 */
	float *image;             /* [n_set][ny][nx], re im interleaved */
	float *base;              /* [ny][nx], re im; NULL: none */
	double largest;           /* of |image| */
};
precess_status data_sample_create(struct data_sample **out, const struct data_shape *shape);
void data_sample_free(struct data_sample *s);
/* Between samples of one shape. */
void data_sample_copy(struct data_sample *out, const struct data_sample *s);

/* Whoever makes samples, one per thread: its draw and its spins. */
struct data_maker;
precess_status data_maker_create(struct data_maker **out, const struct data_source *s);
void data_maker_free(struct data_maker *m);
precess_status data_make(struct data_sample *out, struct data_maker *m, uint64_t index);
/* The same from maps at `fine` spins per pixel and parameters of the caller's; `simulate` false
 * leaves the image zero. */
precess_status data_make_from(struct data_sample *out, struct data_maker *m,
			      const struct maps *maps, const double *param, bool simulate);

/* ------------------------------------------------------------------ streams */
/* Samples first, first + step, ... in order, made ahead by threads of their own. */
struct data_stream;
struct data_stream_options {
	uint64_t first, count; /* count 0: no end */
	int threads;           /* 0: as many as processors */
	int ahead;             /* samples kept ready; 0: two per thread */
};
precess_status data_stream_create(struct data_stream **out, const struct data_source *s,
				  const struct data_stream_options *o);
/* The next sample, borrowed until the next call; NULL at the end. */
precess_status data_stream_next(const struct data_sample **out, struct data_stream *s);
void data_stream_free(struct data_stream *s);

/* ------------------------------------------------------------------ files */
/* A data set, HDF5: /image [n][sets][ny][nx] {r, i}, /base [n][ny][nx] {r, i}, /maps/T2 ...
 * [n][sub ny][sub nx], one compressed chunk per sample; /parameters [n][parameters], /largest [n].
 * Attributes: recipe (text; sets of one recipe can be joined), first, sequence, program_hash, seed,
 * total, matrix, sub, sets, parameter_names, parameter_range, version. Neither times nor names of
 * machines: equal recipes give equal files, byte for byte. */
struct data_generate {
	const char *path;
	int shard, n_shard; /* samples total * shard / n_shard up to that of shard + 1 */
	int threads;
	bool quiet;
};
struct data_generated {
	uint64_t n, resumed; /* samples in the file; how many an earlier run had made */
	double seconds, bytes;
};
/* Samples go to path.partial, a journal of whole compressed samples, and from there into the
 * file in one piece. A run that was killed goes on where the journal ends; a journal of another
 * recipe is refused. */
precess_status data_generate(struct data_generated *out, const struct data_source *s,
			     const struct data_generate *g);
/* Files of one recipe that together hold every sample, in any order. */
precess_status data_join(struct data_generated *out, const char *path, const char *const *part,
			 size_t n);

struct data_file;
precess_status data_file_open(struct data_file **out, const char *path);
void data_file_free(struct data_file *f);
const struct data_shape *data_file_shape(const struct data_file *f);
uint64_t data_file_count(const struct data_file *f);
const char *data_file_recipe(const struct data_file *f);
/* Refuses a file made from another sequence than `p`. */
precess_status data_file_check(const struct data_file *f, const struct program *p);
precess_status data_file_read(struct data_sample *out, const struct data_file *f, uint64_t i);

/* HDF5 is not built for threads: every call of this folder happens under one lock, which others
 * must hold for theirs while a stream lives. */
void data_hdf5_lock(void);
void data_hdf5_unlock(void);

/* ------------------------------------------------------------------ planes */
int data_plane_find(const char *name); /* -1 */
/* Writes plane k, [ny][nx], of a sample of program p. */
precess_status data_plane_fill(float *out, enum data_plane k, const struct program *p,
			       const struct data_sample *s);

/* The EXTRA channels of a network, in its order, for one sample after another. */
struct data_extras;
precess_status data_extras_create(struct data_extras **out, const struct net *net);
void data_extras_free(struct data_extras *x);
/* The planes, borrowed until the next call; NULL when the network asks for none. */
precess_status data_extras_fill(const float *const **planes, struct data_extras *x,
				const struct program *p, const struct data_sample *s);

/* ------------------------------------------------------------------ from images back to a map */
/* What a network of the kind unet sees of a sample's images, and what it should say of them, by the
 * lines of its template (net.h). Its pixels: `pad` each way for one of the image. */
struct data_view;
precess_status data_view_create(struct data_view **out, const struct program *p,
				const struct net_template *t, int nx, int ny, int n_set);
void data_view_free(struct data_view *v);
const struct net_template *data_view_template(const struct data_view *v);
int data_view_channels(const struct data_view *v, const char *const **names);
/* Takes images [n_set][ny][nx] re, im (any scale) and parameters, SI. With `r`, noise of deviation
 * `noise` in each part, the largest pixel being 1; noise < 0: of a random deviation, under a random
 * smooth phase and gain, as for training. */
void data_view_set(struct data_view *v, const float *image, const double *param, double noise,
		   struct rng *r);
/* All channels of the window of size[0] x size[1] pixels from at[0], at[1] on: [channel][y][x]. */
void data_view_fill(float *out, struct data_view *v, const int at[2], const int size[2]);
/* The sample's map there, SI, [y][x]; 0 where there is no M0. */
precess_status data_view_truth(float *out, const struct data_view *v, const struct data_sample *s,
			       const int at[2], const int size[2]);
/* Values of the map as the network says them, and back. */
void data_view_encode(float *map, const struct data_view *v, size_t n);
void data_view_decode(float *map, const struct data_view *v, size_t n);

#ifdef __cplusplus
}
#endif
#endif
