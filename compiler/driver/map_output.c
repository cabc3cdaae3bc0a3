/* Maps to files and pictures. */
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/map.h"

static precess_status write_hdf5(const char *path, const struct mapping_maps *m, const char *method)
{
	struct io_map map[MAPPING_KINDS];
	struct io_maps file = { .nx = m->nx,
				.ny = m->ny,
				.nz = m->nz,
				.map = map,
				.n_map = MAPPING_KINDS,
				.method = method,
				.command = command_line() };

	memcpy(file.voxel, m->voxel, sizeof file.voxel);
	for (int k = 0; k < MAPPING_KINDS; k++)
		map[k] = (struct io_map){ mapping_kind_name((enum mapping_kind)k),
					  mapping_kind_unit((enum mapping_kind)k), m->map[k] };
	return io_write_maps(path, &file);
}

/* One map; `v` has its place and room for its values. */
static precess_status write_volume(const char *path, struct io_volume *v,
				   const struct mapping_maps *m, enum mapping_kind k)
{
	bool is_time = !strcmp(mapping_kind_unit(k), "s");
	size_t dot = strlen(path) - (strstr(path, ".nii.gz") ? 7 : 4);
	struct text name;
	precess_status st;

	for (size_t i = 0; i < MAPPING_VOXELS(m); i++)
		v->value[i] = m->map[k][i] * (is_time ? 1e3f : 1);
	v->description = mapping_kind_name(k);
	v->unit = is_time ? "ms" : NULL;
	text_init(&name);
	if (k == MAPPING_T2)
		text_printf(&name, "%s", path);
	else
		text_printf(&name, "%.*s-%s%s", (int)dot, path, mapping_kind_name(k), path + dot);
	st = io_write_nifti(name.data, v);
	text_free(&name);
	return st;
}

static precess_status write_niftis(const char *path, const struct mapping_maps *m,
				   const struct io_volume *place)
{
	struct io_volume v = *place;
	precess_status st = PRECESS_OK;

	v.nx = m->nx;
	v.ny = m->ny;
	v.nz = m->nz;
	v.is_complex = false;
	v.value = malloc((MAPPING_VOXELS(m) + 1) * sizeof *v.value);
	if (!v.value)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int k = 0; k < MAPPING_KINDS && !st; k++) {
		if (m->map[k])
			st = write_volume(path, &v, m, (enum mapping_kind)k);
	}
	free(v.value);
	return st;
}

precess_status map_write_probe(const char *path)
{
	static const char *const endings[] = { ".h5", ".hdf5", ".nii", ".nii.gz" };
	const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
	size_t n = name ? strlen(name) : 0;

	if (!name || !strchr(name, '.'))
		return PRECESS_OK;
	for (size_t i = 0; i < PRECESS_COUNT(endings); i++) {
		size_t m = strlen(endings[i]);
		if (n > m && !strcmp(name + n - m, endings[i]))
			return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL, "%s: maps are written as .h5, .nii or .nii.gz", path);
}

precess_status map_write(const char *path, const struct mapping_maps *m, const char *method,
			 const struct io_volume *place)
{
	return map_is_nifti(path) ? write_niftis(path, m, place) : write_hdf5(path, m, method);
}

precess_status map_picture(const char *prefix, const struct mapping_maps *m, const double window[2])
{
	size_t slice = (size_t)m->nx * (size_t)m->ny * (size_t)(m->nz / 2);
	struct plot_map p = { .title = "T2",
			      .unit = "ms",
			      .value = m->map[MAPPING_T2] + slice,
			      .nx = m->nx,
			      .ny = m->ny,
			      .scale = 1e3,
			      .lo = window[0] * 1e3,
			      .hi = window[1] * 1e3 };
	struct text name;
	precess_status st;

	text_init(&name);
	text_printf(&name, "%s.png", prefix);
	st = plot_map(name.data, &p);
	text_free(&name);
	return st;
}
