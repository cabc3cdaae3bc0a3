/* The simulator: a draw and the maps of an object in, the signal and a bound on its error out.
 *
 * What is solved: the Bloch equations for piecewise constant RF and gradients, dM/dt = M x gamma B -
 * relaxation. A positive off-resonance, or gradient times position, makes the phase of Mx + i My
 * fall. RF of phase phi points along (cos phi, sin phi): 90 degrees of phase 0 turn +z into +i.
 * B1 scales the RF amplitude. The signal is the mean of Mx + i My over all spins of the grid (those
 * with M0 = 0 count), times exp(-i (ADC phase + 2 pi ADC frequency (t - first sample's time))). Where
 * the maps have receive coils, each coil sees Mx + i My times its sensitivity.
 * Spins form a product grid nx x ny x nz; z is through the slice, (iz + 1/2) / nz - 1/2 of it, with
 * the maps of the plane. */
#ifndef RUNTIME_SIM_SIM_H
#define RUNTIME_SIM_SIM_H

#include "runtime/object/object.h"
#include "runtime/program/program.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sim_method {
#define METHOD(name, doc) SIM_##name,
#include "runtime/sim/methods.def"
#undef METHOD
	SIM_METHODS
};
const char *sim_method_name(enum sim_method m);
int sim_method_find(const char *name); /* -1 */

struct sim_options {
	enum sim_method method;
	double tolerance; /* of the signal, relative to its largest sample; 0 means 1e-4 */
	int threads;      /* 0: all */
	int nz;           /* spins through the slice; 0: as many as the schedule needs */
	bool quiet;       /* no progress */
	bool fast;        /* auto: keep lines and trains even where their bound misses the tolerance */
	const char *device; /* of the line method: "auto", "cpu", "cuda:N"; NULL: cpu */
};

struct sim_result {
	uint32_t n_sample;
	int n_coil;            /* those of the maps, or 1 */
	double *signal;        /* [coil][sample] re, im interleaved; ADC after ADC in order of time */
	double largest;        /* largest |sample| */
	double bound;          /* on |error| of any sample, relative to `largest` */
	int threads, nz;
	double seconds;        /* all of it; and its parts: */
	double seconds_state, seconds_readout;
	uint64_t n_spin;       /* simulated: M0 > 0, times nz */
	uint32_t used[SIM_METHODS]; /* readouts computed by each method */
	int terms;             /* largest number of separable terms of the line method */
	char *report;          /* text for people: per group of readouts, method, terms, bound */
	char *device;          /* "cpu avx512 (AMD EPYC ...)" */
};
precess_status sim_run(struct sim_result **out, const struct draw *d, const struct maps *m,
		       const struct sim_options *options);
void sim_result_free(struct sim_result *r);

/* For many runs: memory, transforms and kernels of one are kept for the next, of other draws of the
 * program and other objects. One run at a time; results are those of sim_run, bit for bit. */
struct sim_prepared;
precess_status sim_prepare(struct sim_prepared **out, const struct program *p);
precess_status sim_prepared_run(struct sim_result **out, struct sim_prepared *s, const struct draw *d,
				const struct maps *m, const struct sim_options *options);
void sim_prepared_free(struct sim_prepared *s);

/* n draws of one program, each with its maps, as sim_run computes each alone: where a device is chosen
 * in the options, draws with the same schedule share its launches. out[n]; nothing on failure. */
precess_status sim_run_batch(struct sim_result **out, const struct draw *const *d,
			     const struct maps *const *m, size_t n,
			     const struct sim_options *options);
/* Batch after batch on a device, from many threads at once. A thread of its own copies and launches:
 * while one batch is computed the next is uploaded, and memory and recorded lists serve batches to
 * come. What a draw gives depends on the draw and its maps alone, not on what shares its launches. */
struct sim_batches;
/* NULL where the device turns out to be the processor, of "auto". */
precess_status sim_batches_create(struct sim_batches **out, const char *device);
/* The backend whose bits these are: "cuda 90". */
const char *sim_batches_backend(const struct sim_batches *b);
/* out[n]; NULL for a draw that is the processor's: a readout that is no line, or an error bound above
 * the tolerance. Best in multiples of SIM_BATCH. The method and device of the options do not count. */
enum { SIM_BATCH = 16 };
precess_status sim_batches_run(struct sim_result **out, struct sim_batches *b,
			       const struct draw *const *d, const struct maps *const *m, size_t n,
			       const struct sim_options *options);
void sim_batches_free(struct sim_batches *b);
/* The launches that a batch of such draws is on a device: geometry, memory, work, and the time that a
 * card (runtime/backend/cards.def; NULL: the first) needs at its limits. No device is needed. As a
 * table, and as rows: free() them. */
struct sim_launch {
	uint32_t history;
	const char *op;
	bool transform;        /* cuFFT's: length times batch, no grid */
	bool specialised;      /* compiled at run time, for this schedule */
	uint32_t variant, grid[3], block, length;
	size_t batch;
	uint32_t shared;       /* bytes that the launch asks for; static_shared: those of the kernel */
	int registers, static_shared, stack; /* of the build's kernel for the card; -1: not known */
	double occupancy;      /* of a multiprocessor's warps, at most; 0: not known */
	double bytes, flops, seconds; /* of all draws */
	bool memory_bound;
};
struct sim_launches {
	struct text table;
	struct sim_launch *row;
	size_t n;
};
void sim_launches_free(struct sim_launches *l);
precess_status sim_explain_launches(struct sim_launches *out, const struct draw *d,
				    const struct maps *m, const struct sim_options *options,
				    int batch, const char *card);
/* Seconds per image of a batch on a device: the launches by its own clock; everything, with copies
 * and the tables of each draw. */
struct sim_device_times {
	char device[96], method[16];
	int batch, launches;
	double launched, all, bound;
	double bytes, flops; /* per second, of the launches, as they are counted for estimates */
	double most_bytes, most_flops; /* what copy and multiply-add kernels reach; 0: not known */
};
precess_status bench_device(struct sim_device_times *out, const struct draw *d,
			    const struct maps *m, const struct sim_options *options, int batch,
			    int repeats);

/* A spin of a list, for phantoms that are no grid: place in m, times in s, off-resonance in rad/s.
 * No relaxation: INFINITY. */
struct sim_point {
	double r[3], m0, t1, t2, t2p, w, b1;
};
/* The signal of n spins as sim_run defines it, their mean; `signal` holds re, im of every sample.
 * The precision is that of states and sums: phases and pulses are reduced and solved in double.
 * threads 0: all. A finite t2p is refused where a history has several pulses. */
enum sim_precision { SIM_DOUBLE, SIM_SINGLE, SIM_PRECISIONS };
precess_status sim_points(double *signal, const struct draw *d, const struct sim_point *point,
			  size_t n, enum sim_precision precision, int threads);
/* What each of n spins gives by itself at some samples, its mean over the slice: re, im of value[i *
 * n_sample + j] for spin i and sample[j], without the receiver's phase. r[2] is not used. */
precess_status sim_point_samples(double *value, const struct draw *d, const struct sim_point *point,
				 size_t n, const uint32_t *sample, size_t n_sample, int threads);

/* How many spins through the slice (and why) so that no coherence pathway that the slice dephases
 * comes back by aliasing; 1 when no gradient acts along z. `why` is written (may be NULL). */
int sim_slice_spins(const struct draw *d, struct text *why);

/* ------------------------------------------------------------------ coherence pathways */
/* A pathway: one of +1, 0, -1 per RF pulse; its moment in cycles over the field of view at the
 * readout's reference time, its largest amplitude over the B1 present, its echo time. */
struct pathway {
	uint32_t epoch;       /* the epoch whose readouts see it */
	double k[3];          /* 1/m at the pulse's end plus what the readout adds: where its echo lies */
	double amplitude;     /* relative to M0, at the worst B1 in [b1_lo, b1_hi] */
	double time;          /* seconds of transverse life with sign: echo time */
	char order[64];       /* "+0-..." one character per pulse of the history */
	int alias[2];         /* times the grid that it folds in x and y on an nx by ny grid; 0 0: none */
};
/* Pathways of each history that end in a readout window (|kx|, |ky| inside what is sampled) on the
 * grid nx x ny, either truly or by folding, above `threshold`; sorted by amplitude. A grid of 0
 * means none (true positions only). The number of pathways is capped by merging equal moments. */
precess_status pathways_find(struct pathway **out, size_t *n, const struct draw *d, int nx, int ny,
			     double b1_lo, double b1_hi, double threshold);

/* ------------------------------------------------------------------ k-space and image */
/* Samples sorted into [set][line][sample]: line 0 at the lowest ky, samples in increasing kx, by the
 * ADC labels and the sign of the readout's kx. n_set counts distinct (set, slice, rep, avg and, if
 * lines repeat, echo). Lines sampled otherwise than the matrix are regridded along x; lines not read
 * are 0. Of a sequence whose readouts move along x and y, the k-space of its gridded image; sets then
 * differ in set, slice, rep, avg or echo. PRECESS_ENOTSUP when there is no image to make. */
struct kspace {
	int n_set, ny, nx;
	int n_coil;            /* data is [coil][set][line][sample]; 0 or 1: one */
	float *data;           /* re, im */
	double offset[2];      /* column i stands for (i - nx/2 + offset[0]) / fov; rows likewise */
	const char *regridded; /* how samples came onto the matrix: "along x" or "gridding"; NULL: not needed */
};
precess_status kspace_sort(struct kspace **out, const struct draw *d, const struct sim_result *r);
void kspace_free(struct kspace *k);
/* image[set][iy][ix] = sum over k of S(k) exp(+i 2 pi k r) at the pixel centres
 * r = ((i + 1/2) / n - 1/2) fov: no half-pixel slip against the maps; coils as in kspace. d: the draw
 * whose matrix it is; NULL for k-space from elsewhere. */
precess_status kspace_image(float **image, const struct draw *d, const struct kspace *k);
/* The way back: fills k->data from the images of all its sets. */
precess_status kspace_of_image(struct kspace *k, const float *image);
/* The middle of k-space of each set: the sample nearest to it, and its time since the middle of the
 * excitation, in s; NAN where a history has none or several. PRECESS_ENOTSUP for sequences that are
 * not Cartesian. */
struct kspace_center {
	uint32_t sample; /* of the signal; UINT32_MAX: the set does not read it */
	double te;
};
precess_status kspace_centers(struct kspace_center **out, int *n_set, const struct draw *d);
/* When each row of a sequence's only image is read at kx = 0, since its history began: time[matrix[1]],
 * s; NAN where a row is not read, or there are several images. And the offsets of its k-space. */
precess_status kspace_rows(double *time, double offset[2], const struct draw *d);
/* Fills k->data, one set, with what nx x ny spins of that magnetisation (re, im) give at once, without
 * decay, pulses or receiver: sum of density exp(-i 2 pi k r) / (nx ny). */
precess_status kspace_of_density(struct kspace *k, const float *density, int nx, int ny);

/* Where the samples lie in k-space, what was played before the epoch's pulse included, as the image
 * takes them; and to which image each readout belongs. A sequence without an image has one set. */
struct sampling {
	double *k; /* [n_sample][3], 1/m; in the order of the signal */
	struct sampling_line {
		int set; /* -1: navigators and noise, no part of an image */
		int row; /* -1: no line of the matrix */
		bool reverse; /* runs towards lower kx */
	} *line; /* per readout of the program */
	int n_set;
	bool echoes; /* sets differ in the label `echo` */
	enum { SAMPLING_CARTESIAN, SAMPLING_GRIDDED, SAMPLING_OTHER } kind;
};
precess_status sampling_create(struct sampling **out, const struct draw *d);
void sampling_free(struct sampling *s);

/* ------------------------------------------------------------------ benchmark */
struct bench_row {
	char sequence[64], method[16];
	int spins;
	double tolerance, ms, direct_ms, ratio, bound;
	double model_ms;   /* what the cost model says of the run, on the processors there are */
	double measured;   /* NAN: sums in double precision would take too long */
	double direct_gflops, peak_gflops;
	double live_share; /* of the grid's spins: M0 > 0. The direct sum goes through all of them */
};
/* Times the fast path against the built-in plain vectorised direct sum (every spin x every sample,
 * single precision), in one run; `measured` compares with double direct sums at a sample of
 * k-space points. */
precess_status bench_simulate(struct bench_row *out, const struct draw *d, const struct maps *m,
			      const struct sim_options *options, int repeats);

#ifdef __cplusplus
}
#endif
#endif
