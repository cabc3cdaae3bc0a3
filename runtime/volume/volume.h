/* Volumes of NIfTI and Analyze files, as they are stored: who shows or imports them decides what their
 * axes become. The caller frees what volume_read gives. */
#ifndef RUNTIME_VOLUME_VOLUME_H
#define RUNTIME_VOLUME_VOLUME_H

#include "runtime/base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct volume {
	int side[3];       /* of the array; the first axis is fastest */
	bool is_complex;
	float *value;      /* scaled, all finite; re, im interleaved when complex */
	double to_m[3][4]; /* array indices to metres; axes as in docs/physics.md */
	double voxel[3];   /* m along the array axes */
	int axis[3];       /* the array axis that runs nearest to our axis i ... */
	bool turn[3];      /* ... the other way */
	char description[81];
};
/* NIfTI-1, NIfTI-2 or Analyze of any plain or complex type. "FILE.nii:3" is volume 3 of a series,
 * counted from 0. */
precess_status volume_read(struct volume *out, const char *path);
void volume_free(struct volume *v);

#ifdef __cplusplus
}
#endif
#endif
