/* Planes of a sample that networks ask for by name. */
#include "runtime/data/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double shift_unit = 8;                /* pixels: planes are of order one */

int data_plane_find(const char *name)
{
	static const char *const names[] = {
#define PLANE(name, doc) #name,
#include "runtime/program/planes.def"
#undef PLANE
	};

	for (int i = 0; i < DATA_PLANES; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* The mean of dB0 over each pixel's sub-pixels times pixels per Hz. */
static precess_status fill_shift(float *out, const struct program *p, const struct data_sample *s)
{
	const struct data_shape *h = &s->shape;
	double *value = malloc((p->n_op + 1) * sizeof *value), scale;

	if (!value)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	program_evaluate(value, p, s->param);
	scale = push_pixels(p, value, h->ny) / shift_unit / (h->sub * h->sub);
	free(value);
	for (int y = 0; y < h->ny; y++) {
		for (int x = 0; x < h->nx; x++) {
			double sum = 0;

			for (int k = 0; k < h->sub * h->sub; k++) {
				size_t row = (size_t)(y * h->sub + k / h->sub);

				sum += s->map[PROGRAM_MAP_dB0][row * (size_t)(h->nx * h->sub) +
							       (size_t)(x * h->sub + k % h->sub)];
			}
			out[y * h->nx + x] = (float)(sum * scale);
		}
	}
	return PRECESS_OK;
}

precess_status data_plane_fill(float *out, enum data_plane k, const struct program *p,
			       const struct data_sample *s)
{
	if (!s->base || (k == DATA_shift && !s->map[PROGRAM_MAP_dB0]))
		return precess_fail(
			PRECESS_EINVAL,
			"the sample has no first-order image, which the network asks for");
	if (k == DATA_shift)
		return fill_shift(out, p, s);
	for (int i = 0; i < s->shape.nx * s->shape.ny; i++)
		out[i] = s->base[2 * i + (k == DATA_base_im)];
	return PRECESS_OK;
}
