/* Maps to files and pictures. */
#include <string.h>

#include "compiler/driver/map.h"

precess_status map_write(const char *path, const struct mapping_maps *m, const char *method)
{
	struct io_map map[MAPPING_KINDS];
	struct io_maps file = { .nx = m->nx, .ny = m->ny, .nz = m->nz, .map = map,
				.n_map = MAPPING_KINDS, .method = method, .command = command_line() };

	memcpy(file.voxel, m->voxel, sizeof file.voxel);
	for (int k = 0; k < MAPPING_KINDS; k++)
		map[k] = (struct io_map){ mapping_kind_name((enum mapping_kind)k),
					  mapping_kind_unit((enum mapping_kind)k), m->map[k] };
	return io_write_maps(path, &file);
}

precess_status map_picture(const char *prefix, const struct mapping_maps *m, const double window[2])
{
	size_t slice = (size_t)m->nx * (size_t)m->ny * (size_t)(m->nz / 2);
	struct plot_map p = { .title = "T2", .unit = "ms", .value = m->map[MAPPING_T2] + slice,
			      .nx = m->nx, .ny = m->ny, .scale = 1e3, .lo = window[0] * 1e3,
			      .hi = window[1] * 1e3 };
	struct text name;
	precess_status st;

	text_init(&name);
	text_printf(&name, "%s.png", prefix);
	st = plot_map(name.data, &p);
	text_free(&name);
	return st;
}
