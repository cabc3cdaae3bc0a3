/* Results as HDF5 (layout: io.h). */
#include "runtime/io/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	GZIP = 4,         /* beyond this level maps shrink no further */
	CHUNK_SIDE = 512,
	CHUNK_LENGTH = 65536
};

/* Failures are collected: after the first, calls do nothing. */
struct writer {
	hid_t file;
	bool failed;
};

static hid_t check(struct writer *w, hid_t id)
{
	if (id < 0)
		w->failed = true;
	return id;
}

/* ------------------------------------------------------------------ attributes */
static void put(struct writer *w, hid_t at, const char *name, hid_t type, hid_t space,
		const void *value)
{
	hid_t a;

	if (w->failed)
		return;
	a = check(w, H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
	if (a < 0)
		return;
	if (H5Awrite(a, type, value) < 0)
		w->failed = true;
	H5Aclose(a);
}

static void put_text(struct writer *w, hid_t at, const char *name, const char *value)
{
	hid_t type = check(w, H5Tcopy(H5T_C_S1)), space = check(w, H5Screate(H5S_SCALAR));

	if (!value || !*value)
		value = "-"; /* strings of length 0 cannot be stored */
	if (type >= 0) {
		H5Tset_size(type, strlen(value));
		H5Tset_cset(type, H5T_CSET_UTF8);
		put(w, at, name, type, space, value);
		H5Tclose(type);
	}
	if (space >= 0)
		H5Sclose(space);
}

static void put_numbers(struct writer *w, hid_t at, const char *name, const double *v, hsize_t n)
{
	hid_t space = check(w, n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL));

	put(w, at, name, H5T_NATIVE_DOUBLE, space, v);
	if (space >= 0)
		H5Sclose(space);
}

static void put_number(struct writer *w, hid_t at, const char *name, double v)
{
	put_numbers(w, at, name, &v, 1);
}

/* A parameter may be named like one of ours; its own name then gets a prefix. */
static void put_parameters(struct writer *w, const struct draw *d)
{
	const struct program *p = d->program;
	struct text units, name;
	uint32_t i;

	text_init(&units);
	text_init(&name);
	for (i = 0; i < p->n_param; i++) {
		name.n = 0;
		text_printf(&name, "%s%s", H5Aexists(w->file, p->param[i].name) > 0 ? "param." : "",
			    p->param[i].name);
		put_number(w, w->file, name.data, d->param[i]);
		text_printf(&units, "%s%s", i ? " " : "", p->param[i].name);
	}
	put_text(w, w->file, "parameters", units.data);
	text_free(&name);
	text_free(&units);
}

static void put_methods(struct writer *w, const struct sim_result *s)
{
	struct text t;
	int i;

	text_init(&t);
	for (i = 0; i < SIM_METHODS; i++)
		if (s->used[i])
			text_printf(&t, "%s%s %u", t.n ? ", " : "",
				    sim_method_name((enum sim_method)i), (unsigned)s->used[i]);
	put_text(w, w->file, "methods", t.data);
	text_free(&t);
}

static void put_acquired(struct writer *w, const struct io_acquired *a)
{
	put_text(w, w->file, "methods", a->methods);
	put_number(w, w->file, "threads", a->threads);
	put_number(w, w->file, "seconds", a->seconds);
	put_number(w, w->file, "coils", a->coils);
	put_number(w, w->file, "acceleration", a->acceleration);
	if (a->fov[0] > 0)
		put_numbers(w, w->file, "fov", a->fov, 2);
}

static void put_attributes(struct writer *w, const struct io_result *r)
{
	const struct program *p = r->draw ? r->draw->program : NULL;

	put_text(w, w->file, "sequence", p ? p->name : NULL);
	if (r->acquired) {
		put_acquired(w, r->acquired);
	} else if (r->result) {
		put_number(w, w->file, "error_bound", r->result->bound);
		put_number(w, w->file, "tolerance", r->tolerance);
		put_methods(w, r->result);
		put_number(w, w->file, "spins", (double)r->result->n_spin);
		put_text(w, w->file, "device", r->result->device);
		put_number(w, w->file, "threads", r->result->threads);
		put_number(w, w->file, "seconds", r->result->seconds);
	} else {
		put_text(w, w->file, "methods", "network");
	}
	put_text(w, w->file, "object",
		 r->maps ? r->maps->source : r->acquired ? r->acquired->object : NULL);
	put_text(w, w->file, "source_hash", p ? p->source_hash : NULL);
	put_text(w, w->file, "program_hash", p ? p->hash : NULL);
	put_text(w, w->file, "version", PRECESS_VERSION);
	put_text(w, w->file, "command", r->command);
	if (r->kspace)
		put_text(w, w->file, "regridded",
			 r->kspace->regridded ? r->kspace->regridded : "no");
	if (r->maps)
		put_numbers(w, w->file, "fov", r->maps->fov, 2);
	if (r->draw)
		put_parameters(w, r->draw);
}

/* ------------------------------------------------------------------ datasets */
static hid_t complex_type(struct writer *w)
{
	hid_t type = check(w, H5Tcreate(H5T_COMPOUND, 2 * sizeof(float)));

	if (type >= 0) {
		H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
		H5Tinsert(type, "i", sizeof(float), H5T_NATIVE_FLOAT);
	}
	return type;
}

/* A dataset of `rank` dimensions, packed in chunks; units may be NULL. */
static void put_set(struct writer *w, hid_t at, const char *name, hid_t type, int rank,
		    const hsize_t *dim, const void *data, const char *units)
{
	hsize_t chunk[3], limit = rank > 1 && dim[rank - 1] > 3 ? CHUNK_SIDE : CHUNK_LENGTH;
	hid_t space, plist, set;
	bool empty = false;
	int i;

	if (w->failed)
		return;
	for (i = 0; i < rank; i++) {
		empty |= dim[i] == 0;
		chunk[i] = i < rank - 2 ? 1 : dim[i] < limit ? dim[i] : limit;
	}
	space = check(w, H5Screate_simple(rank, dim, NULL));
	plist = check(w, H5Pcreate(H5P_DATASET_CREATE));
	if (!empty) {
		H5Pset_chunk(plist, rank, chunk);
		H5Pset_shuffle(plist);
		H5Pset_deflate(plist, GZIP);
		H5Pset_fletcher32(plist);
	}
	set = check(w, H5Dcreate2(at, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT));
	if (set >= 0) {
		if (!empty && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
			w->failed = true;
		if (units)
			put_text(w, set, "units", units);
		H5Dclose(set);
	}
	if (plist >= 0)
		H5Pclose(plist);
	if (space >= 0)
		H5Sclose(space);
}

static void put_kspace(struct writer *w, const struct io_result *r)
{
	const struct kspace *k = r->kspace;
	hsize_t dim[3];
	int rank;
	hid_t type;

	if (!k)
		return;
	rank = k->n_set > 1 ? 3 : 2;
	dim[0] = (hsize_t)k->n_set;
	dim[rank - 2] = (hsize_t)k->ny;
	dim[rank - 1] = (hsize_t)k->nx;
	type = complex_type(w);
	put_set(w, w->file, "kspace", type, rank, dim, k->data, NULL);
	if (r->image)
		put_set(w, w->file, "image", type, rank, dim, r->image, NULL);
	if (type >= 0)
		H5Tclose(type);
}

static void put_coils(struct writer *w, const struct io_result *r)
{
	const struct io_acquired *a = r->acquired;
	hsize_t dim[3];
	hid_t type, group;

	if (!a || (!a->kspace && !a->sensitivity))
		return;
	dim[0] = (hsize_t)a->coils;
	dim[1] = (hsize_t)r->kspace->ny;
	dim[2] = (hsize_t)r->kspace->nx;
	type = complex_type(w);
	group = check(w, H5Gcreate2(w->file, "coils", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	if (a->kspace)
		put_set(w, group, "kspace", type, 3, dim, a->kspace, NULL);
	if (a->sensitivity)
		put_set(w, group, "sensitivity", type, 3, dim, a->sensitivity, NULL);
	if (group >= 0)
		H5Gclose(group);
	if (type >= 0)
		H5Tclose(type);
}

/* Times come from the events; k-space from the schedule, which alone knows where it starts: at
 * the end of the epoch's pulse. */
static void fill_path(const struct draw *d, double *k, double *time)
{
	const struct program *p = d->program;
	const struct draw_event *e;
	const struct program_event *ev;
	double *tau = malloc(((size_t)p->n_sample + 1) * sizeof *tau);
	uint32_t i, j;

	for (i = 0; i < p->n_event; i++) {
		e = &d->event[i];
		for (j = 0; e->kind == PROGRAM_ADC && j < e->n; j++)
			if (e->first_sample + j < p->n_sample)
				time[e->first_sample + j] = (double)e->start * 1e-12 +
							    (j + 0.5) * e->dwell;
	}
	for (i = 0; tau && i < p->n_readout; i++) {
		ev = &p->event[p->readout[i].event];
		if ((uint64_t)ev->first_sample + ev->n <= p->n_sample)
			draw_readout(d, i, k + 3 * (size_t)ev->first_sample, tau);
	}
	free(tau);
}

static precess_status put_signal(struct writer *w, const struct io_result *r)
{
	hsize_t dim[2] = { r->result->n_sample, 3 };
	size_t i, n = r->result->n_sample;
	float *signal = malloc((2 * n + 1) * sizeof *signal);
	double *k = calloc(3 * n + 1, sizeof *k), *time = calloc(n + 1, sizeof *time);
	precess_status st = PRECESS_OK;
	hid_t type;

	if (!signal || !k || !time) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (i = 0; i < 2 * n; i++)
		signal[i] = (float)r->result->signal[i];
	if (n == r->draw->program->n_sample)
		fill_path(r->draw, k, time);
	type = complex_type(w);
	put_set(w, w->file, "signal", type, 1, dim, signal, NULL);
	if (type >= 0)
		H5Tclose(type);
	put_set(w, w->file, "trajectory", H5T_NATIVE_DOUBLE, 2, dim, k, "1/m");
	put_set(w, w->file, "time", H5T_NATIVE_DOUBLE, 1, dim, time, "s");
out:
	free(time);
	free(k);
	free(signal);
	return st;
}

static void put_maps(struct writer *w, const struct maps *m)
{
	static const char *const units[PROGRAM_MAPS] = {
		[PROGRAM_MAP_T1] = "s",
		[PROGRAM_MAP_T2] = "s",
		[PROGRAM_MAP_T2p] = "s",
		[PROGRAM_MAP_dB0] = "Hz",
	};
	hsize_t dim[2];
	hid_t group;
	int k;

	if (!m || w->failed)
		return;
	dim[0] = (hsize_t)m->ny;
	dim[1] = (hsize_t)m->nx;
	group = check(w, H5Gcreate2(w->file, "maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	for (k = 0; k < PROGRAM_MAPS; k++)
		if (m->map[k])
			put_set(w, group, program_map_name((enum program_map_kind)k),
				H5T_NATIVE_FLOAT, 2, dim, m->map[k], units[k] ? units[k] : "1");
	if (group >= 0)
		H5Gclose(group);
}

/* ------------------------------------------------------------------ the file */
precess_status io_write_result(const char *path, const struct io_result *r)
{
	struct writer w = { .file = hdf5_create() };
	precess_status st;

	if (w.file < 0)
		return precess_fail(PRECESS_EIO, "cannot build %s: HDF5 failed", path);
	put_attributes(&w, r);
	put_kspace(&w, r);
	put_coils(&w, r);
	st = r->result ? put_signal(&w, r) : PRECESS_OK;
	if (st) {
		H5Fclose(w.file);
		return st;
	}
	put_maps(&w, r->maps);
	return hdf5_write(path, w.file, w.failed);
}
