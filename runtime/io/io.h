/* Files the runtime writes and reads besides objects: results in HDF5, volumes in NIfTI, pictures in
 * PNG, sample tables. Every writer leaves the whole file or none. */
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
/* NIfTI-1, NIfTI-2 or Analyze of any plain or complex type. Array axes are exchanged and turned so
 * that they run nearest to ours. "FILE.nii:3" is volume 3 of a series, counted from 0. */
precess_status io_read_nifti(struct io_volume *out, const char *path);
void io_volume_free(struct io_volume *v);

/* 8-bit grey PNG of `value` [ny][nx] scaled lo..hi, row ny-1 on top (y upwards), each pixel drawn
 * `zoom` x `zoom`. */
precess_status io_write_png(const char *path, const float *value, int nx, int ny, double lo, double hi,
			    int zoom);

/* Samples of "FILE.h5:/dataset" or a text file of numbers (one or two per line): see elab_reader. */
precess_status io_read_samples(double **samples, size_t *n, bool *is_complex, const char *path,
			       const char *dataset);

#ifdef __cplusplus
}
#endif
#endif
