/* Maps as HDF5 (layout: io.h). */
#include "runtime/io/writer.h"

#include <hdf5.h>

static void put_geometry(struct writer *w, const struct io_maps *m)
{
	double fov[2] = { m->nx * m->voxel[0], m->ny * m->voxel[1] };
	double voxel[3] = { m->voxel[2], m->voxel[1], m->voxel[0] };

	if (m->nz > 1 && m->voxel[0] > 0 && m->voxel[1] > 0 && m->voxel[2] > 0)
		writer_numbers(w, w->file, "voxel_size_m", voxel, 3);
	else if (fov[0] > 0 && fov[1] > 0)
		writer_numbers(w, w->file, "fov", fov, 2);
}

precess_status io_write_maps(const char *path, const struct io_maps *m)
{
	uint64_t dim[3] = { (uint64_t)m->nz, (uint64_t)m->ny, (uint64_t)m->nx };
	int skip = m->nz == 1;
	struct writer w;
	precess_status st;
	hid_t group;

	TRY(writer_open(&w, path));
	writer_text(&w, w.file, "kind", "precess maps");
	writer_text(&w, w.file, "method", m->method);
	writer_text(&w, w.file, "command", m->command);
	writer_text(&w, w.file, "version", PRECESS_VERSION);
	put_geometry(&w, m);
	group = writer_check(&w, H5Gcreate2(w.file, "maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	for (size_t i = 0; i < m->n_map; i++)
		if (m->map[i].value)
			writer_set(&w, group, m->map[i].name, H5T_NATIVE_FLOAT, 3 - skip, dim + skip,
				   m->map[i].value, m->map[i].unit);
	if (group >= 0)
		H5Gclose(group);
	st = writer_close(&w, path, PRECESS_OK);
out:
	return st;
}
