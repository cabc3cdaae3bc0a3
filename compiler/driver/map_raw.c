/* Raw data for `precess map`: reconstructed as `precess reconstruct` does without options. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/map.h"
#include "compiler/driver/reconstruct.h"

/* The parameters that the raw data tell go with the image. */
static precess_status take_parameters(struct io_image *m, const struct recon_scan *s)
{
	m->param = calloc((size_t)s->n_param + 1, sizeof *m->param);
	if (!m->param)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int i = 0; i < s->n_param; i++) {
		m->param[i].value = s->param[i].value;
		if (!(m->param[i].name = strdup(s->param[i].name)))
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		m->n_param++;
	}
	return PRECESS_OK;
}

static precess_status take_image(struct io_image **out, struct io_volume *place,
				 const struct reconstruction *r)
{
	const struct kspace *k = r->result->kspace;
	size_t size = 2 * (size_t)k->nx * (size_t)k->ny * sizeof(float);
	struct io_image *m = calloc(1, sizeof *m);

	*out = m;
	if (!m || !(m->data = malloc(size)))
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	memcpy(m->data, r->result->image, size);
	m->n_set = m->nz = 1;
	m->nx = k->nx;
	m->ny = k->ny;
	for (int a = 0; a < 2; a++)
		m->voxel[a] = r->fov[a] / (a ? k->ny : k->nx);
	m->voxel[2] = r->thickness;
	reconstruction_place(place, r);
	return take_parameters(m, r->scan);
}

precess_status map_read_raw(struct io_image **out, struct io_volume *place, struct map_input *in,
			    const char *name, const struct map_files *f)
{
	const struct recon_names names = { .slice = NULL };
	struct recon_options o = RECON_DEFAULTS;
	struct reconstruction r;
	precess_status st;

	*out = NULL;
	o.threads = f->threads;
	TRY(reconstruction_read(&r, name, &names));
	TRY(reconstruction_fov(&r, f->fov));
	if (!(r.fov[0] > 0)) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s does not say its field of view: name it, as in --fov 220mm", name);
		goto out;
	}
	TRY(reconstruction_run(&r, &o, false));
	TRY(take_image(out, place, &r));
	reconstruction_tell(&in->report, &r);
	json_array_append_new(in->source, reconstruction_json(&r));
out:
	reconstruction_free(&r);
	if (st) {
		io_image_free(*out);
		*out = NULL;
	}
	return st;
}
