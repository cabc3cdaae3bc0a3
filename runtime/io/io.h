/* Files the runtime writes and reads besides objects: results in HDF5, pictures in PNG, sample
 * tables. Every writer leaves the whole file or none. */
#ifndef RUNTIME_IO_IO_H
#define RUNTIME_IO_IO_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A simulation's result. Datasets: /kspace and /image, compound {float32 r, float32 i},
 * [lines, samples] ([sets, lines, samples] when there are several sets), present when the sequence
 * is Cartesian; /signal [samples] and /trajectory [samples, 3] (1/m) and /time [samples] (s) always;
 * /maps/M0 ... as used. Attributes of the root: sequence, every parameter by name (SI) , error_bound,
 * tolerance, methods, spins, device, threads, seconds, object, source_hash, program_hash, version,
 * command. */
struct io_result {
	const struct draw *draw;
	const struct maps *maps;
	const struct sim_result *result; /* NULL: predicted, not simulated; then no signal */
	const struct kspace *kspace; /* may be NULL, with image */
	const float *image;
	double tolerance;
	const char *command;         /* the command line */
};
precess_status io_write_result(const char *path, const struct io_result *r);

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
