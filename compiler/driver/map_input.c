/* Images for `precess map`: from files to a series in order of echo times. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/map.h"
#include "runtime/recon/recon.h"

/* ------------------------------------------------------------------ times */
/* A time at the start of `text`, up to a comma or the end; NULL, told, when it is none. */
static const char *read_time(double *t, const char *option, const char *text)
{
	size_t n = strcspn(text, ",");
	double factor = 0;
	char *end;
	struct dim d;

	*t = strtod(text, &end);
	if (end == text || end >= text + n || !isfinite(*t) ||
	    !unit_find(end, (size_t)(text + n - end), &factor, &d) || d.s != 1 || d.m || d.T ||
	    d.rad) {
		argument_error("%s wants times with units, as in %s 35ms,50ms; found '%s'", option,
			       option, text);
		return NULL;
	}
	*t *= factor;
	return text + n + (text[n] == ',');
}

bool map_range(double range[2], const char *option, const char *text)
{
	const char *s = read_time(&range[0], option, text);

	if (s)
		s = read_time(&range[1], option, s);
	if (s && (*s || !(range[0] >= 0 && range[1] > range[0]))) {
		argument_error("%s wants two rising times, as in %s 10ms,2s; found '%s'", option,
			       option, text);
		s = NULL;
	}
	return s != NULL;
}

/* ------------------------------------------------------------------ files */
bool map_is_nifti(const char *path)
{
	static const char *const endings[] = { ".nii", ".nii.gz", ".hdr", ".img" };
	size_t n = strlen(path), digits = 0, m;

	while (digits < n && strchr("0123456789", path[n - 1 - digits]))
		digits++;
	if (digits && digits < n && path[n - 1 - digits] == ':')
		n -= digits + 1;
	for (size_t i = 0; i < PRECESS_COUNT(endings); i++) {
		m = strlen(endings[i]);
		if (n > m && !strncmp(path + n - m, endings[i], m))
			return true;
	}
	return false;
}

/* Real values become complex ones. */
static precess_status image_of_volume(struct io_image **out, const struct io_volume *v)
{
	size_t n = (size_t)v->nx * (size_t)v->ny * (size_t)v->nz;
	struct io_image *m = calloc(1, sizeof *m);

	*out = m;
	if (m)
		m->data = calloc(2 * n, sizeof *m->data);
	if (!m || !m->data)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	m->n_set = 1;
	m->nx = v->nx;
	m->ny = v->ny;
	m->nz = v->nz;
	memcpy(m->voxel, v->voxel, sizeof m->voxel);
	for (size_t i = 0; i < n; i++) {
		m->data[2 * i] = v->value[v->is_complex ? 2 * i : i];
		m->data[2 * i + 1] = v->is_complex ? v->value[2 * i + 1] : 0;
	}
	return PRECESS_OK;
}

/* What has no place of its own lies around the origin. */
static struct io_volume centred(const struct io_image *m)
{
	struct io_volume v = { .nx = m->nx, .ny = m->ny, .nz = m->nz };
	int n[3] = { m->nx, m->ny, m->nz };

	for (int i = 0; i < 3; i++) {
		v.voxel[i] = m->voxel[i] > 0 ? m->voxel[i] : 1e-3;
		v.origin[i] = -0.5 * (n[i] - 1) * v.voxel[i];
	}
	return v;
}

static precess_status read_image(struct io_image **out, struct io_volume *place, const char *name)
{
	struct io_volume v;
	precess_status st;

	*out = NULL;
	if (!map_is_nifti(name)) {
		TRY(io_read_image(out, name));
		*place = centred(*out);
		return PRECESS_OK;
	}
	TRY(io_read_nifti(&v, name));
	st = image_of_volume(out, &v);
	*place = v;
	place->value = NULL;
	place->description = place->unit = NULL;
	io_volume_free(&v);
	if (st) {
		io_image_free(*out);
		*out = NULL;
	}
out:
	return st;
}

precess_status map_read_image(struct io_image **out, const char *name)
{
	struct io_volume place;

	return read_image(out, &place, name);
}

/* ------------------------------------------------------------------ a series */
static precess_status add_image(struct map_input *in, const struct io_image *m, const char *name)
{
	struct mapping_series *s = in->series;
	size_t size = 2 * (size_t)m->nx * (size_t)m->ny * (size_t)m->nz;
	precess_status st;

	if (!s) {
		TRY(mapping_series_create(&in->series, m->nx, m->ny, m->nz));
		s = in->series;
		memcpy(s->voxel, m->voxel, sizeof s->voxel);
	}
	if (m->nx != s->nx || m->ny != s->ny || m->nz != s->nz)
		return precess_fail(PRECESS_EINVAL,
				    "%s is %d x %d x %d, %s %d x %d x %d: all images must "
				    "have one matrix",
				    name, m->nx, m->ny, m->nz, in->first_name, s->nx, s->ny, s->nz);
	for (int i = 0; i < m->n_set; i++) {
		double te = m->te ? m->te[i] : NAN;

		if (isnan(te) && s->n_echo)
			return precess_fail(PRECESS_EINVAL,
					    "%s does not tell the echo time of image %d: "
					    "name those of all images with --te",
					    name, i + 1);
		TRY(mapping_series_add(s, te, m->data + (size_t)i * size));
	}
out:
	return st ? precess_wrap(st, "%s", name) : st;
}

/* Replaces what the file tells. */
static int set_times(struct io_image *m, const char **te)
{
	if (!m->te && !(m->te = calloc((size_t)m->n_set, sizeof *m->te)))
		return world_error(precess_fail(PRECESS_ENOMEM, "out of memory"));
	for (int i = 0; i < m->n_set; i++) {
		if (!**te)
			return argument_error("--te names fewer times than there are images");
		if (!(*te = read_time(&m->te[i], "--te", *te)))
			return EXIT_USAGE;
	}
	return EXIT_OK;
}

static precess_status read_one(struct io_image **out, struct io_volume *place,
			       struct map_input *in, const struct map_files *f, size_t i)
{
	const char *name = f->image[i];
	const bool raw = recon_is_raw(name), phased = f->phase->n > 0;
	struct io_image *m;
	size_t n;
	precess_status st;

	*out = NULL;
	if (raw && phased)
		return precess_fail(PRECESS_EINVAL, "%s is raw data, which have their phase: "
				    "leave out --phase", name);
	TRY(raw ? map_read_raw(out, place, in, name, f) : read_image(out, place, name));
	m = *out;
	if (phased)
		TRY(map_add_phase(m, in, name, f->phase->item[i]));
	n = (size_t)m->n_set * (size_t)m->nx * (size_t)m->ny * (size_t)m->nz;
	for (size_t k = 0; k < n; k++) {
		in->is_real &= m->data[2 * k + 1] == 0;
		if (f->conjugate)
			m->data[2 * k + 1] = -m->data[2 * k + 1];
	}
out:
	return st;
}

static int check_files(const struct map_files *f)
{
	if (f->phase->n && f->phase->n != f->n)
		return argument_error("%zu phase%s for %zu magnitude%s: name one --phase for each, in "
				      "the same order", f->phase->n, f->phase->n == 1 ? "" : "s", f->n,
				      f->n == 1 ? "" : "s");
	return EXIT_OK;
}

int map_input_open(struct map_input *in, const struct map_files *f)
{
	const char *rest = f->te;
	int rc;

	*in = (struct map_input){ .first_name = f->n ? f->image[0] : NULL, .is_real = true };
	text_init(&in->report);
	in->source = json_array();
	if ((rc = check_files(f)) != 0)
		return rc;
	for (size_t i = 0; i < f->n; i++) {
		struct io_volume place;
		struct io_image *m;
		precess_status st = read_one(&m, &place, in, f, i);

		rc = st ? world_error(st) : f->te ? set_times(m, &rest) : EXIT_OK;
		if (!rc && (st = add_image(in, m, f->image[i])) != 0)
			rc = world_error(st);
		if (!in->first) {
			in->first = m;
			in->place = place;
		} else {
			io_image_free(m);
		}
		if (rc)
			return rc;
	}
	if (rest && *rest)
		return argument_error("--te names more times than there are images (%d)",
				      in->series ? in->series->n_echo : 0);
	return EXIT_OK;
}

void map_input_close(struct map_input *in)
{
	mapping_series_free(in->series);
	text_free(&in->report);
	json_decref(in->source);
	free(in->mask);
	io_image_free(in->first);
}

/* ------------------------------------------------------------------ the mask */
static int mask_file(struct map_input *in, const char *name)
{
	const struct mapping_series *s = in->series;
	size_t n = MAPPING_VOXELS(s);
	struct io_volume place;
	struct io_image *m;
	precess_status st = read_image(&m, &place, name);

	if (st)
		return world_error(st);
	if ((size_t)m->n_set * (size_t)m->nz != (size_t)s->nz || m->ny != s->ny || m->nx != s->nx)
		st = precess_fail(PRECESS_EINVAL,
				  "the mask %s is %d x %d x %d, the images are %d x %d x "
				  "%d",
				  name, m->nx, m->ny, m->nz * m->n_set, s->nx, s->ny, s->nz);
	else if (!(in->mask = calloc(n + 1, sizeof *in->mask)))
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a mask");
	for (size_t i = 0; i < n && !st; i++)
		in->mask[i] = m->data[2 * i] != 0;
	io_image_free(m);
	return st ? world_error(st) : EXIT_OK;
}

int map_mask(struct mapping_options *o, struct map_input *in, const char *text)
{
	char *end;
	int rc;

	o->threshold = strtod(text, &end);
	if (!strcmp(text, "none")) {
		o->threshold = -1;
	} else if (*end || end == text) {
		if ((rc = mask_file(in, text)) != 0)
			return rc;
		o->mask = in->mask;
	} else if (!(o->threshold >= 0 && o->threshold < 1)) {
		return argument_error(
			"--mask wants a part of the first echo's magnitude in 0..1, \"none\" "
			"or a file; found '%s'",
			text);
	}
	return EXIT_OK;
}
