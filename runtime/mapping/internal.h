/* What the methods share: the loop over voxels and the fit. */
#ifndef RUNTIME_MAPPING_INTERNAL_H
#define RUNTIME_MAPPING_INTERNAL_H

#include "runtime/mapping/mapping.h"

#define METHOD(name, doc)                                                                 \
	precess_status mapping_##name(struct mapping_maps *m, const struct mapping_series *s, \
				      const struct mapping_options *o);
#include "runtime/mapping/methods.def"
#undef METHOD

/* ------------------------------------------------------------------ one voxel after the other */
/* What a method makes of one voxel; a kind of NAN is left out of its map. */
struct mapping_voxel {
	double value[MAPPING_KINDS];
	bool at_limit;
};
/* `magnitude` holds the echoes' magnitudes, finite and not all 0. False: it cannot be fitted. */
typedef bool mapping_voxel_fn(struct mapping_voxel *out, const double *magnitude, size_t voxel,
			      const void *context);
/* Fills the maps whose bits (1 << kind) are set in `kinds`. */
precess_status mapping_voxels(struct mapping_maps *m, const struct mapping_series *s,
			      const struct mapping_options *o, unsigned kinds,
			      mapping_voxel_fn *fit, const void *context);
/* Makes the mask; PRECESS_EINVAL unless there are `least` echoes with known times. `method` names the
 * method. */
precess_status mapping_prepare(struct mapping_maps *m, const struct mapping_series *s,
			       const struct mapping_options *o, int least, const char *method);
/* The T1 that methods assume, s: of the options, else of the sequence. */
precess_status mapping_t1(double *t1, const struct mapping_options *o);

/* ------------------------------------------------------------------ least squares */
enum { FIT_PARAMETERS = 4, FIT_ECHOES = 512 };
/* Signals without noise, value[n], and, unless NULL, their derivatives slope[n][FIT_PARAMETERS]. x[0]
 * is a factor of all of them. */
typedef void fit_model_fn(double *value, double *slope, const double *x, const void *context);
struct fit {
	fit_model_fn *model;
	const void *context;
	const double *data;
	int n, n_x;                      /* echoes, parameters of the model */
	enum mapping_noise noise;        /* offset: x[n_x] is one more */
	double sigma;                    /* of each part, for rician */
	double known;                    /* deviation of the data; 0: taken from the misfit */
	double x[FIT_PARAMETERS];        /* in: start; out: solution */
	double deviation[FIT_PARAMETERS];/* standard errors; NAN when data only suffice to solve */
	double rms;                      /* of the misfit */
};
/* Levenberg-Marquardt (MINPACK's lmder). False when no solution was found. */
bool fit_solve(struct fit *f);
/* The noise of a fit of n_x parameters as the options want it; adds to *kinds what then is known. */
precess_status fit_noise(struct fit *f, unsigned *kinds, const struct mapping_maps *m,
			 const struct mapping_series *s, const struct mapping_options *o);
/* What every fit tells. */
void fit_tell(struct mapping_voxel *out, const struct fit *f);

#endif
