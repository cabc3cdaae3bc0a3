/* Files the runtime writes and reads besides objects: results and raw data in the formats of the field,
 * volumes, pictures, sample tables. Every writer leaves the whole file or none. */
#ifndef RUNTIME_IO_IO_H
#define RUNTIME_IO_IO_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A simulation's result. In HDF5: datasets /kspace and /image, compound {float32 r, float32 i},
 * [lines, samples] ([sets, lines, samples] when there are several sets), present when the sequence
 * is Cartesian; /signal [samples] and /trajectory [samples, 3] (1/m) and /time [samples] (s) always;
 * with several receive coils [coils, ...] of the first three, and /coils [coils, y, x], sensitivities;
 * /maps/M0 ... as used. Attributes of the root: sequence, every parameter by name (SI) , error_bound,
 * tolerance, methods, spins, device, threads, seconds, object, source_hash, program_hash, version,
 * command. */
/* What a result made of measured data has besides: attributes of these names, and the datasets
 * /coils/kspace and /coils/sensitivity [coils, lines, samples] where they are given. */
struct io_acquired {
	const char *object;  /* the file */
	const char *methods; /* the steps, in words */
	double fov[2], thickness; /* m; 0: not known */
	int coils, acceleration, threads;
	double seconds;
	const float *kspace, *sensitivity; /* may be NULL */
};
struct io_result {
	const struct draw *draw;         /* NULL: an acquisition whose sequence was not given */
	const struct maps *maps;
	const struct sim_result *result; /* NULL: not simulated; then no signal */
	const struct kspace *kspace; /* may be NULL, with image */
	const float *image;
	double tolerance;
	const char *command;         /* the command line */
	const struct io_acquired *acquired; /* NULL: not measured */
};
/* In the format of formats.def that the name's ending chooses; without an ending it is HDF5. The
 * probes refuse, before the work, what could not be written after it: a name, and a result of so
 * many coils in its format. */
precess_status io_save(const char *path, const struct io_result *r);
precess_status io_save_probe(const char *path);
precess_status io_save_probe_result(const char *path, const struct draw *d, int coils);
/* PRECESS_ENOTSUP, with the reason: no image will come of this draw. */
precess_status io_image_probe(const struct draw *d);
#define FORMAT(ending, name, holds, doc) \
	precess_status io_write_##name(const char *path, const struct io_result *r);
#include "runtime/io/formats.def"
#undef FORMAT

/* Images of a file: of a result, or of any HDF5 dataset of real or complex numbers. */
struct io_image {
	int n_set, nz, ny, nx;
	float *data;          /* re, im: [set][iz][iy][ix] */
	double voxel[3];      /* m; 0: not told */
	double *te;           /* s, per set; NULL: not told */
	char *program_hash;   /* of the sequence; NULL: not told */
	size_t n_param;       /* parameters of the sequence, SI */
	struct io_param {
		char *name;
		double value;
	} *param;
};
/* "FILE.h5": its dataset /image, and what the attributes of a result tell. "FILE.h5:/dataset": the
 * last two dimensions are y and x, others count as sets. */
precess_status io_read_image(struct io_image **out, const char *spec);
void io_image_free(struct io_image *m);

/* The names of a file's datasets, for messages: "/image, /maps/T2", or "none". */
void io_list_datasets(struct text *out, const char *path);

/* Maps as HDF5: /maps/NAME, [ny][nx] or [nz][ny][nx], with units, and attributes of the root, so that
 * what has M0, T1 and T2 can be an object. */
struct io_map {
	const char *name, *unit;
	const float *value; /* NULL: left out */
};
struct io_maps {
	int nx, ny, nz;
	double voxel[3];      /* m; 0: not known */
	const struct io_map *map;
	size_t n_map;
	const char *method, *command;
};
precess_status io_write_maps(const char *path, const struct io_maps *m);

/* An image or a map with its place in space; axes as in docs/physics.md: x to the subject's right, y
 * to the front, z to the head. `axes` turns an oblique volume: its column i is the direction of array
 * axis i; all 0 means the axes themselves. A volume that was read owns its memory. */
struct io_volume {
	int nx, ny, nz;
	double voxel[3];  /* m */
	double origin[3]; /* m, the centre of the first voxel */
	bool is_complex;
	float *value;     /* [nz][ny][nx]; re, im interleaved when complex */
	const char *description, *unit; /* of the values; NULL: none */
	double axes[3][3];
};
/* NIfTI-1 by the name, .nii or .nii.gz: float32 or complex64, millimetres, qform and sform alike. */
precess_status io_write_nifti(const char *path, const struct io_volume *v);
/* n volumes of this geometry, one behind the other in v->value. */
precess_status io_write_nifti_series(const char *path, const struct io_volume *v, int n);
/* NIfTI-1, NIfTI-2 or Analyze of any plain or complex type. Array axes are exchanged and turned so
 * that they run nearest to ours. "FILE.nii:3" is volume 3 of a series, counted from 0. */
precess_status io_read_nifti(struct io_volume *out, const char *path);
void io_volume_free(struct io_volume *v);

/* --- raw data, as ISMRMRD has it: an acquisition is one readout of all coils --- */
enum io_counter { /* limits of the encoding and indices of an acquisition */
	IO_LINE,      /* kspace_encode_step_1 */
	IO_PARTITION, /* kspace_encode_step_2 */
	IO_AVERAGE,
	IO_SLICE,
	IO_CONTRAST,
	IO_PHASE, /* of the heart */
	IO_REPETITION,
	IO_SET,
	IO_SEGMENT,
	IO_COUNTERS
};
enum io_flag { /* of an acquisition; the format's bits */
	IO_FIRST_IN_LINES = 1 << 0,
	IO_LAST_IN_LINES = 1 << 1,
	IO_FIRST_IN_SLICE = 1 << 6,
	IO_LAST_IN_SLICE = 1 << 7,
	IO_FIRST_IN_REPETITION = 1 << 12,
	IO_LAST_IN_REPETITION = 1 << 13,
	IO_NOISE = 1 << 18,
	IO_CALIBRATION = 1 << 19,
	IO_CALIBRATION_AND_IMAGING = 1 << 20,
	IO_REVERSE = 1 << 21, /* samples run towards lower k; they stand as acquired */
	IO_NAVIGATION = 1 << 22,
	IO_PHASE_CORRECTION = 1 << 23,
	IO_LAST = 1 << 24, /* of the measurement */
	IO_NO_IMAGE = IO_NOISE | IO_CALIBRATION | IO_NAVIGATION | IO_PHASE_CORRECTION
};
struct io_acquisition {
	uint64_t flags; /* of io_flag, and whatever else the file has */
	int counter[IO_COUNTERS], user[8];
	int encoding; /* which of the raw data's */
	int n_coil, n_sample;
	int n_dim; /* of the trajectory; 0: none */
	int center; /* sample at the centre of k-space */
	int discard_first, discard_last; /* samples that are not to be used */
	uint32_t time_stamp; /* ticks of 2.5 ms by convention */
	double dwell;        /* s */
	double position[3];  /* of the volume's centre, m; as the directions, in our axes */
	double read[3], phase[3], slice[3]; /* directions; all 0 where the file has none */
	float *data;       /* [n_coil][n_sample] re, im */
	float *trajectory; /* [n_sample][n_dim]; the format sets no unit: ours is cells, 1 / encoded fov */
};
struct io_space {
	int matrix[3];
	double fov[3]; /* m */
};
struct io_limit {
	int minimum, maximum, center; /* all 0: not stated */
};
struct io_encoding {
	struct io_space encoded, recon; /* encoded is larger along x by the oversampling */
	struct io_limit samples, limit[IO_COUNTERS];
	char trajectory[16];  /* cartesian, epi, radial, goldenangle, spiral, other */
	int acceleration[2];  /* along lines and partitions; 0: not stated */
	char calibration[16]; /* embedded, interleaved, separate, external, other; "": not stated */
	int train;            /* echoes; 0: not stated */
};
struct io_list {
	double *v;
	int n;
};
struct io_raw {
	struct io_encoding *encoding;
	int n_encoding;
	struct io_acquisition *acquisition; /* in order of time */
	size_t n;
	int n_coil;       /* the most that an acquisition has */
	double frequency; /* of protons, Hz */
	double field;     /* T; 0: not stated */
	struct io_list tr, te, ti; /* s */
	struct io_list flip;       /* rad */
	char *sequence;            /* its name, or NULL */
	struct io_parameter {
		char *name;
		double value; /* SI when the sequence is ours */
	} *parameter; /* the numbers among the header's user parameters */
	int n_parameter;
	char *xml; /* the header as it was read; NULL before */
};
/* The readouts of a simulation, labels where the format wants them (docs/formats.md). */
precess_status io_raw_create(struct io_raw **out, const struct io_result *r);
precess_status io_read_raw(struct io_raw **out, const char *path);
precess_status io_write_raw(const char *path, const struct io_raw *raw);
void io_raw_free(struct io_raw *raw);

/* The file `from` as the file `to`, formats by their names: images among .h5, .nii, .nii.gz and .cfl, raw
 * data of ISMRMRD (.mrd) to .cfl. */
precess_status io_convert(const char *to, const char *from);

/* 8-bit grey PNG of `value` [ny][nx] scaled lo..hi, row ny-1 on top (y upwards), each pixel drawn
 * `zoom` x `zoom`. */
precess_status io_write_png(const char *path, const float *value, int nx, int ny, double lo, double hi,
			    int zoom);

/* Samples of "FILE.h5:/dataset" or a text file of numbers (one or two per line): see elab_reader. */
precess_status io_read_samples(double **samples, size_t *n, bool *is_complex, const char *path,
			       const char *dataset);
/* Datasets that io_read_samples reads. */
struct io_samples {
	const char *name;
	const double *v; /* complex ones interleaved */
	size_t n;
	bool is_complex;
};
precess_status io_write_samples(const char *path, const struct io_samples *set, size_t n);

#ifdef __cplusplus
}
#endif
#endif
