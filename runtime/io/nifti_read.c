/* Volumes from NIfTI and Analyze files, their axes exchanged and turned so that they run nearest to
 * ours. */
#include "runtime/io/io.h"
#include "runtime/volume/volume.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void fill_geometry(struct io_volume *v, const struct volume *s)
{
	bool oblique = false;
	int i, j;

	v->nx = s->side[s->axis[0]];
	v->ny = s->side[s->axis[1]];
	v->nz = s->side[s->axis[2]];
	for (i = 0; i < 3; i++)
		v->origin[i] = s->to_m[i][3];
	for (j = 0; j < 3; j++) {
		v->voxel[j] = s->voxel[s->axis[j]];
		for (i = 0; i < 3; i++) {
			if (s->turn[j])
				v->origin[i] += (s->side[s->axis[j]] - 1) * s->to_m[i][s->axis[j]];
			v->axes[i][j] = s->to_m[i][s->axis[j]] / v->voxel[j] * (s->turn[j] ? -1 : 1);
			oblique |= fabs(v->axes[i][j] - (i == j)) > 1e-6;
		}
	}
	if (!oblique) /* all 0: along ours */
		memset(v->axes, 0, sizeof v->axes);
}

static precess_status fill_values(struct io_volume *v, const struct volume *s)
{
	const size_t stride[3] = { 1, (size_t)s->side[0], (size_t)s->side[0] * (size_t)s->side[1] };
	const int side[3] = { v->nx, v->ny, v->nz };
	size_t parts = v->is_complex ? 2 : 1, from;
	float *to;
	int at[3], i;

	to = v->value = malloc(stride[2] * (size_t)s->side[2] * parts * sizeof *to);
	if (!to)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a volume");
	for (at[2] = 0; at[2] < v->nz; at[2]++)
		for (at[1] = 0; at[1] < v->ny; at[1]++)
			for (at[0] = 0; at[0] < v->nx; at[0]++, to += parts) {
				for (i = 0, from = 0; i < 3; i++)
					from += stride[s->axis[i]] *
						(size_t)(s->turn[i] ? side[i] - 1 - at[i] : at[i]);
				memcpy(to, s->value + from * parts, parts * sizeof *to);
			}
	return PRECESS_OK;
}

/* "T2 map (ms)" is a description and a unit. */
static precess_status fill_texts(struct io_volume *v, const struct volume *s)
{
	char *text = strdup(s->description);
	char *open = text ? strrchr(text, '(') : NULL;
	size_t end = text ? strlen(text) : 0;

	if (open > text && open[-1] == ' ' && text[end - 1] == ')') {
		text[end - 1] = '\0';
		v->unit = strdup(open + 1);
		open[-1] = '\0';
	} else {
		v->unit = strdup("");
	}
	v->description = text;
	return v->description && v->unit ? PRECESS_OK
					 : precess_fail(PRECESS_ENOMEM, "out of memory");
}

precess_status io_read_nifti(struct io_volume *out, const char *path)
{
	struct volume s;
	precess_status st;

	memset(out, 0, sizeof *out);
	TRY(volume_read(&s, path));
	out->is_complex = s.is_complex;
	fill_geometry(out, &s);
	TRY(fill_values(out, &s));
	st = fill_texts(out, &s);
out:
	volume_free(&s);
	if (st)
		io_volume_free(out);
	return st;
}

void io_volume_free(struct io_volume *v)
{
	free(v->value);
	free((char *)v->description);
	free((char *)v->unit);
	memset(v, 0, sizeof *v);
}
