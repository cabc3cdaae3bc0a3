/* The image of a result as a NIfTI volume. Slices lie on top of each other; other sets make a series:
 * echoes, repetitions and so on in the order of a result. */
#include "runtime/io/internal.h"

#include <stdlib.h>
#include <string.h>

static precess_status no_image(const char *path, const struct io_result *r)
{
	return precess_fail(PRECESS_ENOTSUP, "%s: %s has no image; %s is the format for its signal",
			    path, r->draw->program->name, "HDF5 (.h5) or ISMRMRD (.mrd)");
}

/* A map's pixel covers the spins that it shows: the grid of docs/physics.md. */
static void fill_place(struct io_volume *v, const struct program *p, const struct kspace *k)
{
	const double fov[3] = { p->fov[0], p->fov[1], p->fov[2] };
	const int n[3] = { k->nx, k->ny, 1 };
	int i;

	for (i = 0; i < 3; i++) {
		/* without a declared thickness a voxel is as deep as it is high */
		v->voxel[i] = fov[i] > 0 ? fov[i] / n[i] : v->voxel[1];
		v->origin[i] = (0.5 / n[i] - 0.5) * n[i] * v->voxel[i];
	}
}

precess_status io_write_image(const char *path, const struct io_result *r)
{
	const struct kspace *k = r->kspace;
	struct io_volume v = { .is_complex = true, .description = r->draw->program->name };
	struct sampling *sampling = NULL;
	struct sets sets = { .at = NULL };
	size_t plane, to;
	precess_status st;
	int s, series;

	if (!k || !r->image)
		return no_image(path, r);
	TRY(sampling_create(&sampling, r->draw));
	TRY(sets_create(&sets, r->draw, sampling));
	v.nx = k->nx;
	v.ny = k->ny;
	v.nz = sets.n == k->n_set && k->n_set % sets.size[SET_SLICE] == 0 ? sets.size[SET_SLICE]
									  : 1;
	series = k->n_set / v.nz;
	fill_place(&v, r->draw->program, k);
	v.origin[2] = -0.5 * (v.nz - 1) * v.voxel[2];
	plane = 2 * (size_t)k->nx * (size_t)k->ny;
	v.value = calloc((size_t)k->n_set, plane * sizeof *v.value);
	if (!v.value) {
		st = precess_fail(PRECESS_ENOMEM, "%s: out of memory", path);
		goto out;
	}
	for (s = 0; s < k->n_set; s++) {
		to = (size_t)s;
		if (v.nz > 1) { /* the how-manieth of its slice it is */
			int i, earlier = 0;

			for (i = 0; i < s; i++)
				earlier += sets.at[i][SET_SLICE] == sets.at[s][SET_SLICE];
			to = (size_t)(earlier % series) * (size_t)v.nz +
			     (size_t)sets.at[s][SET_SLICE];
		}
		memcpy(v.value + to * plane, r->image + (size_t)s * plane, plane * sizeof *v.value);
	}
	st = io_write_nifti_series(path, &v, series);
out:
	free(v.value);
	sets_free(&sets);
	sampling_free(sampling);
	return st;
}
