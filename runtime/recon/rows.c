/* Rows as images of one line. */
#include "runtime/recon/internal.h"

#include <omp.h>

precess_status recon_rows_to_image(float **image, const float *row, int n_row, int n)
{
	const struct kspace k = { .n_set = n_row, .ny = 1, .nx = n, .data = (float *)row };

	return kspace_image(image, NULL, &k);
}

precess_status recon_rows_to_kspace(float *row, const float *image, int n_row, int n)
{
	struct kspace k = { .n_set = n_row, .ny = 1, .nx = n, .data = row };

	return kspace_of_image(&k, image);
}

int recon_threads(int wanted)
{
	return wanted > 0 ? wanted : omp_get_max_threads();
}
