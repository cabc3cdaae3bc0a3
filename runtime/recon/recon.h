/* From what several coils read of a slice to one complex image: the phase between lines read forward
 * and backward, the lines that were left out, the coils combined. Complex numbers are pairs re, im of
 * float. Rows are lines in increasing ky, columns samples in increasing kx (readouts that ran backward
 * are already turned round); row n/2 and column n/2 are k = 0.
 *
 * Ownership: recon_read and recon_run create, recon_scan_free and recon_result_free free. */
#ifndef RUNTIME_RECON_RECON_H
#define RUNTIME_RECON_RECON_H

#include "runtime/sim/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ raw data */
struct recon_scan {
	char *source;                 /* the file */
	int coils, lines, samples;
	float *kspace;                /* [coils][lines][samples]; lines that were not read are 0 */
	signed char *polarity;        /* [lines]: +1 read forward, -1 backward, 0 not read */
	int cal_lines;                /* calibration: neighbouring lines around ky = 0 ... */
	float *cal;                   /* ... [coils][cal_lines][samples]; NULL: none of their own */
	signed char *cal_polarity;    /* [cal_lines]: +1 or -1; NULL: all read alike, or corrected */
	int nav_lines;                /* navigators: lines without phase encoding ... */
	float *nav;                   /* ... [coils][nav_lines][samples]; NULL: none */
	signed char *nav_polarity;    /* [nav_lines]: +1 or -1 */
	int noise_samples;
	float *noise;                 /* [coils][noise_samples], read without a signal; NULL: none */
	double fov[2];                /* x, y in m; 0: the file does not say, also below */
	double thickness;             /* of the slice, m */
	double position[3];           /* of the slice's centre, m */
	double direction[3][3];       /* of the samples, the lines and the slice, unit vectors */
	int acceleration;             /* as the file declares it; 0: it does not */
	int n_param;                  /* numbers among the header's user parameters */
	struct recon_parameter {
		char *name;
		double value;         /* SI when the sequence is ours */
	} *param;
};
/* Datasets to read instead of those the file is searched for, and which image of an ISMRMRD file; each
 * may be NULL. */
struct recon_names {
	const char *kspace, *calibration, *navigator;
	const int *slice, *repetition;
};
struct io_raw;
/* Raw data of one slice in HDF5, in the layout of docs/reconstruct.md or as ISMRMRD. */
precess_status recon_read(struct recon_scan **out, const char *path, const struct recon_names *names);
/* The same from ISMRMRD readouts in memory; `path` is for messages. */
precess_status recon_scan_of_raw(struct recon_scan **out, const struct io_raw *raw, const char *path,
				 const struct recon_names *names);
void recon_scan_free(struct recon_scan *s);
/* Whether the file holds raw data and no image made of them. */
bool recon_is_raw(const char *path);

/* ------------------------------------------------------------------ reconstruction */
enum recon_phase {
#define PHASE(name, doc) RECON_PHASE_##name,
#include "runtime/recon/phase.def"
#undef PHASE
	RECON_PHASES
};
enum recon_combine {
#define COMBINE(name, doc) RECON_COMBINE_##name,
#include "runtime/recon/combine.def"
#undef COMBINE
	RECON_COMBINES
};
/* -1 when there is no such name. */
int recon_phase_find(const char *name);
int recon_combine_find(const char *name);
const char *recon_phase_name(enum recon_phase p);
const char *recon_combine_name(enum recon_combine c);

struct recon_options {
	enum recon_phase phase;
	int kernel[2];      /* of GRAPPA: samples along x (odd), lines read along y (even) */
	double lambda;      /* its regularisation, relative to the mean size of the normal equations */
	int acceleration;   /* what the file should declare; 0: as it does */
	enum recon_combine combine;
	int window;         /* side of the patch whose coil covariance is taken, pixels (odd) */
	int threads;        /* 0: all */
};
enum { RECON_KERNEL_LIMIT = 16 }; /* samples, and lines */
#define RECON_DEFAULTS { .kernel = { 5, 2 }, .lambda = 0.01, .window = 9 }

/* How the lines lie that were read: every `spacing`-th row from `first` to `last`, and all `block`
 * rows from `block_first` on. */
struct recon_mask {
	int first, last, spacing, block_first, block, n;
};
/* PRECESS_EINVAL when the lines lie otherwise, or not as `acceleration` (0: any) says. */
precess_status recon_mask_find(struct recon_mask *m, const struct recon_scan *s, int acceleration);

/* Mixes the coils so that their noise becomes independent and equal, keeping its mean energy; nothing
 * when the scan has no noise readouts. */
precess_status recon_whiten(struct recon_scan *s);

/* A line read backward is, at pixel x from the middle, the line read forward times
 * exp(-i (constant + slope x)). Mean over the coils, weighted by their energy. */
struct recon_phase_fit {
	double constant, slope; /* rad, rad per pixel */
	double residual;        /* rms of what the straight line leaves, rad, weighted by energy */
	int lines;              /* that were turned */
};
/* Estimates the phase from the scan's navigators and takes it out of its lines read backward, calibration
 * included. */
precess_status recon_phase_correct(struct recon_phase_fit *fit, struct recon_scan *s,
				   enum recon_phase model);

struct recon_grappa_fit {
	int lines;       /* filled */
	int equations;   /* of the calibration, per kernel */
	int unknowns;    /* per kernel and coil */
	double residual; /* of the calibration lines from each other, relative */
};
/* Fills the missing rows between the mask's first and last, in place. */
precess_status recon_grappa(struct recon_grappa_fit *fit, struct recon_scan *s,
			    const struct recon_mask *m, const struct recon_options *o);

/* image [ny][nx] = sum over coils of conj(sensitivity) coil image, both [coils][ny][nx]; the
 * sensitivities are found from the coil images and have sum |.|^2 = 1. With RECON_COMBINE_rss the
 * image is the root of the sum of squares and the sensitivities are coil image / image. */
precess_status recon_combine(float *image, float *sensitivity, const float *coil_image, int coils,
			     int ny, int nx, const struct recon_options *o);

struct recon_result {
	int coils;
	struct kspace *coil_kspace; /* a set for each coil, all lines filled */
	struct kspace *kspace;      /* of the image */
	float *image, *sensitivity;
	struct recon_mask mask;
	struct recon_phase_fit phase;
	struct recon_grappa_fit grappa;
	enum recon_phase phase_model;
	bool whitened;
	int threads;
	double seconds, seconds_phase, seconds_grappa, seconds_combine;
};
/* The whole way; `s` is changed. */
precess_status recon_run(struct recon_result **out, struct recon_scan *s,
			 const struct recon_options *o);
void recon_result_free(struct recon_result *r);

#ifdef __cplusplus
}
#endif
#endif
