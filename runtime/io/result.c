/* Results as HDF5 (layout: io.h). */
#include "runtime/io/writer.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ attributes */
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
		writer_number(w, w->file, name.data, d->param[i]);
		text_printf(&units, "%s%s", i ? " " : "", p->param[i].name);
	}
	writer_text(w, w->file, "parameters", units.data);
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
	writer_text(w, w->file, "methods", t.data);
	text_free(&t);
}

static void put_acquired(struct writer *w, const struct io_acquired *a)
{
	writer_text(w, w->file, "methods", a->methods);
	writer_number(w, w->file, "threads", a->threads);
	writer_number(w, w->file, "seconds", a->seconds);
	writer_number(w, w->file, "coils", a->coils);
	writer_number(w, w->file, "acceleration", a->acceleration);
	if (a->fov[0] > 0)
		writer_numbers(w, w->file, "fov", a->fov, 2);
}

/* None where the sets are of no Cartesian sequence. */
static void put_echo_times(struct writer *w, const struct draw *d)
{
	struct kspace_center *c;
	double *te;
	int n;

	if (kspace_centers(&c, &n, d))
		return;
	te = malloc(((size_t)n + 1) * sizeof *te);
	for (int i = 0; te && i < n; i++)
		te[i] = c[i].te;
	if (te)
		writer_numbers(w, w->file, "echo_times", te, (uint64_t)n);
	else
		w->failed = true;
	free(te);
	free(c);
}

static void put_attributes(struct writer *w, const struct io_result *r)
{
	const struct program *p = r->draw ? r->draw->program : NULL;
	double thickness;

	writer_text(w, w->file, "sequence", p ? p->name : NULL);
	if (r->acquired) {
		put_acquired(w, r->acquired);
	} else if (r->result) {
		writer_number(w, w->file, "error_bound", r->result->bound);
		writer_number(w, w->file, "tolerance", r->tolerance);
		put_methods(w, r->result);
		writer_number(w, w->file, "spins", (double)r->result->n_spin);
		writer_text(w, w->file, "device", r->result->device);
		writer_number(w, w->file, "threads", r->result->threads);
		writer_number(w, w->file, "seconds", r->result->seconds);
	} else {
		writer_text(w, w->file, "methods", "network");
	}
	writer_text(w, w->file, "object",
		    r->maps ? r->maps->source : r->acquired ? r->acquired->object : NULL);
	writer_text(w, w->file, "source_hash", p ? p->source_hash : NULL);
	writer_text(w, w->file, "program_hash", p ? p->hash : NULL);
	writer_text(w, w->file, "version", PRECESS_VERSION);
	writer_text(w, w->file, "command", r->command);
	if (r->kspace)
		writer_text(w, w->file, "regridded",
			 r->kspace->regridded ? r->kspace->regridded : "no");
	if (r->maps)
		writer_numbers(w, w->file, "fov", r->maps->fov, 2);
	if (r->kspace && r->result)
		put_echo_times(w, r->draw);
	thickness = p && p->fov[2] > 0 ? p->fov[2] : r->acquired ? r->acquired->thickness : 0;
	if (thickness > 0)
		writer_number(w, w->file, "slice_thickness", thickness);
	if (r->draw)
		put_parameters(w, r->draw);
}

/* ------------------------------------------------------------------ datasets */
static void put_kspace(struct writer *w, const struct io_result *r)
{
	const struct kspace *k = r->kspace;
	uint64_t dim[4];
	int rank = 0;
	hid_t type;

	if (!k)
		return;
	if (k->n_coil > 1)
		dim[rank++] = (uint64_t)k->n_coil;
	if (k->n_set > 1)
		dim[rank++] = (uint64_t)k->n_set;
	dim[rank++] = (uint64_t)k->ny;
	dim[rank++] = (uint64_t)k->nx;
	type = writer_complex(w);
	writer_set(w, w->file, "kspace", type, rank, dim, k->data, NULL);
	if (r->image)
		writer_set(w, w->file, "image", type, rank, dim, r->image, NULL);
	if (type >= 0)
		H5Tclose(type);
}

static void put_sensitivity(struct writer *w, const struct maps *m)
{
	uint64_t dim[3];
	hid_t type;

	if (!m || !m->sensitivity)
		return;
	dim[0] = (uint64_t)m->n_coil;
	dim[1] = (uint64_t)m->ny;
	dim[2] = (uint64_t)m->nx;
	type = writer_complex(w);
	writer_set(w, w->file, "coils", type, 3, dim, m->sensitivity, NULL);
	if (type >= 0)
		H5Tclose(type);
}

static void put_coils(struct writer *w, const struct io_result *r)
{
	const struct io_acquired *a = r->acquired;
	uint64_t dim[3];
	hid_t type, group;

	if (!a || (!a->kspace && !a->sensitivity))
		return;
	dim[0] = (uint64_t)a->coils;
	dim[1] = (uint64_t)r->kspace->ny;
	dim[2] = (uint64_t)r->kspace->nx;
	type = writer_complex(w);
	group = writer_check(w,
			     H5Gcreate2(w->file, "coils", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	if (a->kspace)
		writer_set(w, group, "kspace", type, 3, dim, a->kspace, NULL);
	if (a->sensitivity)
		writer_set(w, group, "sensitivity", type, 3, dim, a->sensitivity, NULL);
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
	int coils = r->result->n_coil > 1 ? r->result->n_coil : 1, rank = coils > 1 ? 2 : 1;
	uint64_t dim[2] = { r->result->n_sample, 3 };
	uint64_t all[2] = { (uint64_t)coils, r->result->n_sample };
	size_t i, n = r->result->n_sample;
	float *signal = malloc((2 * (size_t)coils * n + 1) * sizeof *signal);
	double *k = calloc(3 * n + 1, sizeof *k), *time = calloc(n + 1, sizeof *time);
	precess_status st = PRECESS_OK;
	hid_t type;

	if (!signal || !k || !time) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (i = 0; i < 2 * (size_t)coils * n; i++)
		signal[i] = (float)r->result->signal[i];
	if (n == r->draw->program->n_sample)
		fill_path(r->draw, k, time);
	type = writer_complex(w);
	writer_set(w, w->file, "signal", type, rank, all + 2 - rank, signal, NULL);
	if (type >= 0)
		H5Tclose(type);
	writer_set(w, w->file, "trajectory", H5T_NATIVE_DOUBLE, 2, dim, k, "1/m");
	writer_set(w, w->file, "time", H5T_NATIVE_DOUBLE, 1, dim, time, "s");
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
	uint64_t dim[2];
	hid_t group;
	int k;

	if (!m || w->failed)
		return;
	dim[0] = (uint64_t)m->ny;
	dim[1] = (uint64_t)m->nx;
	group = writer_check(w, H5Gcreate2(w->file, "maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	for (k = 0; k < PROGRAM_MAPS; k++)
		if (m->map[k])
			writer_set(w, group, program_map_name((enum program_map_kind)k),
				H5T_NATIVE_FLOAT, 2, dim, m->map[k], units[k] ? units[k] : "1");
	if (group >= 0)
		H5Gclose(group);
}

/* ------------------------------------------------------------------ the file */
precess_status io_write_result(const char *path, const struct io_result *r)
{
	struct writer w;
	precess_status st;

	TRY(writer_open(&w, path));
	put_attributes(&w, r);
	put_kspace(&w, r);
	put_coils(&w, r);
	put_sensitivity(&w, r->maps);
	st = r->result ? put_signal(&w, r) : PRECESS_OK;
	if (!st)
		put_maps(&w, r->maps);
	st = writer_close(&w, path, st);
out:
	return st;
}
