/* The steps in their order, and how long each took. */
#include "runtime/recon/internal.h"

#include <stdlib.h>
#include <string.h>

static struct kspace *kspace_make(int n_set, int ny, int nx)
{
	struct kspace *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	*k = (struct kspace){ .n_set = n_set, .ny = ny, .nx = nx };
	k->data = calloc(2 * (size_t)n_set * (size_t)ny * (size_t)nx, sizeof *k->data);
	if (k->data)
		return k;
	free(k);
	return NULL;
}

static precess_status check_options(const struct recon_options *o)
{
	if (o->kernel[0] < 1 || o->kernel[0] % 2 == 0 || o->kernel[1] < 2 || o->kernel[1] % 2 ||
	    o->kernel[0] > RECON_KERNEL_LIMIT || o->kernel[1] > RECON_KERNEL_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "a kernel has an odd number of samples and an even number of "
				    "lines, up to %d, as in 5x2 or 5x4; not %dx%d",
				    RECON_KERNEL_LIMIT, o->kernel[0], o->kernel[1]);
	if (o->window < 1 || o->window % 2 == 0)
		return precess_fail(PRECESS_EINVAL,
				    "the window of the coils' covariance has an odd side, as in 9; "
				    "not %d",
				    o->window);
	if (!(o->lambda >= 0))
		return precess_fail(PRECESS_EINVAL, "lambda must be 0 or above, not %g", o->lambda);
	return PRECESS_OK;
}

static precess_status combine(struct recon_result *r, const struct recon_options *o)
{
	const struct kspace *k = r->coil_kspace;
	size_t n = 2 * (size_t)k->ny * (size_t)k->nx;
	float *coil_image = NULL;
	precess_status st;

	TRY(kspace_image(&coil_image, NULL, k));
	r->image = calloc(n, sizeof *r->image);
	r->sensitivity = calloc(n * (size_t)r->coils, sizeof *r->sensitivity);
	r->kspace = kspace_make(1, k->ny, k->nx);
	if (!r->image || !r->sensitivity || !r->kspace) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for images of %d coils", r->coils);
		goto out;
	}
	TRY(recon_combine(r->image, r->sensitivity, coil_image, r->coils, k->ny, k->nx, o));
	st = kspace_of_image(r->kspace, r->image);
out:
	free(coil_image);
	return st;
}

precess_status recon_run(struct recon_result **out, struct recon_scan *s,
			 const struct recon_options *o)
{
	struct recon_result *r = calloc(1, sizeof *r);
	double begun = clock_seconds(), mark = begun;
	precess_status st;

	if (!r)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	*r = (struct recon_result){ .coils = s->coils, .threads = recon_threads(o->threads),
				    .phase_model = o->phase };
	TRY(check_options(o));
	TRY(recon_mask_find(&r->mask, s, o->acceleration));
	TRY(recon_whiten(s));
	r->whitened = s->noise != NULL;
	TRY(recon_phase_correct(&r->phase, s, o->phase));
	r->seconds_phase = clock_seconds() - mark;
	mark += r->seconds_phase;
	TRY(recon_grappa(&r->grappa, s, &r->mask, o));
	r->seconds_grappa = clock_seconds() - mark;
	mark += r->seconds_grappa;
	r->coil_kspace = kspace_make(s->coils, s->lines, s->samples);
	if (!r->coil_kspace) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %d coils", s->coils);
		goto out;
	}
	memcpy(r->coil_kspace->data, s->kspace,
	       2 * (size_t)s->coils * (size_t)s->lines * (size_t)s->samples * sizeof *s->kspace);
	TRY(combine(r, o));
	r->seconds_combine = clock_seconds() - mark;
	r->seconds = clock_seconds() - begun;
	*out = r;
	r = NULL;
out:
	recon_result_free(r);
	return st;
}

void recon_result_free(struct recon_result *r)
{
	if (!r)
		return;
	kspace_free(r->coil_kspace);
	kspace_free(r->kspace);
	free(r->image);
	free(r->sensitivity);
	free(r);
}
