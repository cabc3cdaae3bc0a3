/* Images in order of their echo times, the mask and the noise outside it. */
#include "runtime/mapping/mapping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two images nearer than this in time are one echo given twice. */
static const double same_time = 1e-9;
/* Voxels outside the mask that tell the noise. */
enum { NOISE_VOXELS = 100 };

precess_status mapping_series_create(struct mapping_series **out, int nx, int ny, int nz)
{
	struct mapping_series *s = calloc(1, sizeof *s);

	*out = s;
	if (!s)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	s->nx = nx;
	s->ny = ny;
	s->nz = nz;
	return PRECESS_OK;
}

void mapping_series_free(struct mapping_series *s)
{
	if (!s)
		return;
	free(s->te);
	free(s->image);
	free(s);
}

precess_status mapping_series_add(struct mapping_series *s, double te, const float *image)
{
	size_t size = 2 * MAPPING_VOXELS(s), n = (size_t)s->n_echo;
	double *times = realloc(s->te, (n + 1) * sizeof *times);
	float *images;
	int at = s->n_echo;

	if (times)
		s->te = times;
	images = times ? realloc(s->image, (n + 1) * size * sizeof *images) : NULL;
	if (!images)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d echoes", s->n_echo + 1);
	s->image = images;
	if (!isnan(te) && !(te > 0 && te < INFINITY))
		return precess_fail(PRECESS_EINVAL, "an echo time of %g ms: it must be positive",
				    te * 1e3);
	for (int i = 0; i < s->n_echo; i++) {
		if (fabs(s->te[i] - te) < same_time)
			return precess_fail(PRECESS_EINVAL, "two images have the echo time %g ms",
					    te * 1e3);
	}
	while (at > 0 && s->te[at - 1] > te)
		at--;
	memmove(s->te + at + 1, s->te + at, (n - (size_t)at) * sizeof *s->te);
	memmove(images + ((size_t)at + 1) * size, images + (size_t)at * size,
		(n - (size_t)at) * size * sizeof *images);
	s->te[at] = te;
	memcpy(images + (size_t)at * size, image, size * sizeof *images);
	s->n_echo++;
	return PRECESS_OK;
}

static double magnitude(const struct mapping_series *s, size_t i)
{
	return hypot((double)s->image[2 * i], (double)s->image[2 * i + 1]);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

precess_status mapping_mask_threshold(bool *mask, const struct mapping_series *s, double fraction)
{
	size_t n = MAPPING_VOXELS(s), finite = 0;
	double *v = malloc((n + 1) * sizeof *v), limit;

	if (!v)
		return precess_fail(PRECESS_ENOMEM, "out of memory for a mask");
	for (size_t i = 0; i < n; i++) {
		v[finite] = magnitude(s, i);
		finite += isfinite(v[finite]) != 0;
	}
	qsort(v, finite, sizeof *v, by_value);
	limit = finite ? fraction * v[(finite - 1) * 99 / 100] : 0;
	for (size_t i = 0; i < n; i++)
		mask[i] = magnitude(s, i) > limit;
	free(v);
	return PRECESS_OK;
}

precess_status mapping_noise_estimate(double *sigma, const struct mapping_series *s,
				      const bool *mask)
{
	size_t n = MAPPING_VOXELS(s), count = 0;
	double sum = 0;

	for (size_t e = 0; e < (size_t)s->n_echo; e++) {
		for (size_t i = 0; i < n; i++) {
			double m = magnitude(s, e * n + i);

			if (mask[i] || !isfinite(m))
				continue;
			sum += m * m;
			count++;
		}
	}
	if (count < NOISE_VOXELS || !(sum > 0))
		return precess_fail(PRECESS_EINVAL,
				    "the noise cannot be told from %zu values outside "
				    "the mask: give its deviation with --sigma",
				    count);
	*sigma = sqrt(sum / (2 * (double)count));
	return PRECESS_OK;
}
