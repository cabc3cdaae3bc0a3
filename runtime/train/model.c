/* Models in memory, and their HDF5 file:
 *
 *   attributes   kind "precess model", version, image, seconds, psnr, ssim, complex_psnr, sequence,
 *                sequence_hash, hash (of definition, source, record and all weights: a
 *                file put together from two is refused, too)
 *   definition, source, record     texts
 *   params/NAME  lo, hi (SI): for readers who do not parse the definition
 *   weights/NAME float32, shape as in net.h, chunked, shuffled, deflated, with checksums
 *   curve        (points, 5): image, loss, zero image's loss, rate, seconds;  curve_open (3)
 *   adam/m adam/v  one flat array each, adam/state: step, beta1, beta2, epsilon (checkpoints) */
#include "runtime/train/train.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char kind[] = "precess model";

void train_model_free(struct train_model *m)
{
	if (!m)
		return;
	train_adam_free(m->adam);
	net_free(m->net);
	free(m->net_text);
	free(m->weight);
	free(m->sequence);
	free(m->hash);
	free(m->source);
	free(m->record);
	free(m->curve.point);
	free(m);
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

precess_status train_model_create(struct train_model **out, const struct nn *nn,
				  const float *weight, const char *sequence, const char *hash,
				  const char *source, const char *record)
{
	struct train_model *m = calloc(1, sizeof *m);
	size_t bytes = nn_net(nn)->n_number * sizeof *weight;
	struct text text;
	precess_status st = PRECESS_OK;

	*out = NULL;
	text_init(&text);
	net_print(&text, nn_net(nn));
	if (m) {
		m->net_text = copy(text.data);
		m->weight = memory_aligned(bytes + 64);
		m->sequence = copy(sequence);
		m->hash = copy(hash);
		m->source = copy(source);
		m->record = copy(record);
		m->scores = (struct train_scores){ NAN, NAN, NAN };
	}
	if (!m || !m->net_text || !m->weight || !m->sequence || !m->hash || !m->source ||
	    !m->record) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	memcpy(m->weight, weight, bytes);
	TRY(net_parse(&m->net, m->net_text, nn_net(nn)->name));
	*out = m;
	m = NULL;
out:
	text_free(&text);
	train_model_free(m);
	return st;
}

precess_status train_model_check_params(const struct train_model *m, const double *param)
{
	struct text t;
	precess_status st = PRECESS_OK;
	char b[3][32];

	text_init(&t);
	for (uint32_t i = 0; i < m->net->n_param; i++) {
		const struct net_param *p = &m->net->param[i];

		if (param[i] >= p->lo && param[i] <= p->hi)
			continue;
		text_printf(&t, "%s%s = %s is outside %s .. %s", t.n ? ", " : "", p->name,
			    text_double(b[0], param[i]), text_double(b[1], p->lo),
			    text_double(b[2], p->hi));
	}
	if (t.n)
		st = precess_fail(PRECESS_EINVAL, "%s: the model was not trained there", t.data);
	text_free(&t);
	return st;
}

/* --- HDF5: a handle that is below zero makes every later call fail, so one check suffices --- */

struct file {
	hid_t id;
	const char *path;
	bool failed;
};

static void hash_of(char out[65], const struct train_model *m)
{
	char weights[65];
	struct text t;

	hash_hex(weights, m->weight, m->net->n_number * sizeof *m->weight);
	text_init(&t);
	text_printf(&t, "%s%s%s%s", m->net_text, m->source, m->record, weights);
	hash_hex(out, t.data, t.n);
	text_free(&t);
}

/* --- writing --- */

static hid_t string_type(size_t n)
{
	hid_t type = H5Tcopy(H5T_C_S1);

	H5Tset_size(type, n + 1);
	return type;
}

static void note(struct file *f, hid_t where, const char *name, hid_t type, const void *value)
{
	hid_t space = H5Screate(H5S_SCALAR);
	hid_t a = H5Acreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT);

	f->failed |= H5Awrite(a, type, value) < 0;
	H5Aclose(a);
	H5Sclose(space);
}

static void note_text(struct file *f, const char *name, const char *value)
{
	hid_t type = string_type(strlen(value));

	note(f, f->id, name, type, value);
	H5Tclose(type);
}

static void write_text(struct file *f, const char *name, const char *value)
{
	hid_t type = string_type(strlen(value)), space = H5Screate(H5S_SCALAR);
	hid_t d = H5Dcreate2(f->id, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

	f->failed |= H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0;
	H5Dclose(d);
	H5Sclose(space);
	H5Tclose(type);
}

/* Chunks of up to a megabyte of the first dimension. */
static void write_array(struct file *f, const char *name, hid_t type, const hsize_t *dims, int rank,
			const void *value)
{
	hid_t links = H5Pcreate(H5P_LINK_CREATE), how = H5Pcreate(H5P_DATASET_CREATE), space, d;
	hsize_t chunk[4], row = 4;

	H5Pset_create_intermediate_group(links, 1);
	memcpy(chunk, dims, (size_t)rank * sizeof *dims);
	for (int i = 1; i < rank; i++)
		row *= dims[i];
	chunk[0] = chunk[0] * row > 1 << 20 ? (1 << 20) / row + 1 : chunk[0];
	if (dims[0]) {
		H5Pset_chunk(how, rank, chunk);
		H5Pset_shuffle(how);
		H5Pset_deflate(how, 1);
		H5Pset_fletcher32(how);
	}
	space = H5Screate_simple(rank, dims, NULL);
	d = H5Dcreate2(f->id, name, type, space, links, how, H5P_DEFAULT);
	f->failed |= H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0;
	H5Dclose(d);
	H5Sclose(space);
	H5Pclose(how);
	H5Pclose(links);
}

static void write_weights(struct file *f, const struct train_model *m)
{
	for (uint32_t i = 0; i < m->net->n_weight; i++) {
		const struct net_weight *w = &m->net->weight[i];
		hsize_t dims[4];
		char name[128];
		int rank = w->dims[1] * w->dims[2] * w->dims[3] == 1 ? 1 : 4;

		for (int k = 0; k < 4; k++)
			dims[k] = (hsize_t)w->dims[k];
		snprintf(name, sizeof name, "weights/%s", w->name);
		write_array(f, name, H5T_NATIVE_FLOAT, dims, rank, m->weight + w->first);
	}
}

static void write_state(struct file *f, const struct train_model *m)
{
	const struct train_curve *c = &m->curve;
	double open[3] = { c->open_loss, c->open_zero, (double)c->open_images };
	double *rows = calloc(c->n + 1, 5 * sizeof *rows);

	for (uint64_t i = 0; rows && i < c->n; i++) {
		const struct train_point *p = &c->point[i];
		double row[5] = { (double)p->image, p->loss, p->zero, p->rate, p->seconds };

		memcpy(rows + 5 * i, row, sizeof row);
	}
	f->failed |= !rows;
	if (rows)
		write_array(f, "curve", H5T_NATIVE_DOUBLE, (hsize_t[]){ c->n, 5 }, 2, rows);
	write_array(f, "curve_open", H5T_NATIVE_DOUBLE, (hsize_t[]){ 3 }, 1, open);
	free(rows);
	if (m->adam) {
		const struct train_adam *a = m->adam;
		double state[4] = { (double)a->step, a->beta1, a->beta2, a->epsilon };

		write_array(f, "adam/m", H5T_NATIVE_FLOAT, (hsize_t[]){ a->n }, 1, a->m);
		write_array(f, "adam/v", H5T_NATIVE_FLOAT, (hsize_t[]){ a->n }, 1, a->v);
		write_array(f, "adam/state", H5T_NATIVE_DOUBLE, (hsize_t[]){ 4 }, 1, state);
	}
}

static void write_all(struct file *f, const struct train_model *m)
{
	double image = (double)m->image;
	int version = TRAIN_FORMAT;
	char hash[65], name[128];

	hash_of(hash, m);
	note_text(f, "kind", kind);
	note(f, f->id, "version", H5T_NATIVE_INT, &version);
	note_text(f, "sequence", m->sequence);
	note_text(f, "sequence_hash", m->hash);
	note_text(f, "hash", hash);
	note(f, f->id, "image", H5T_NATIVE_DOUBLE, &image);
	note(f, f->id, "seconds", H5T_NATIVE_DOUBLE, &m->seconds);
	note(f, f->id, "psnr", H5T_NATIVE_DOUBLE, &m->scores.psnr);
	note(f, f->id, "ssim", H5T_NATIVE_DOUBLE, &m->scores.ssim);
	note(f, f->id, "complex_psnr", H5T_NATIVE_DOUBLE, &m->scores.complex_psnr);
	write_text(f, "definition", m->net_text);
	write_text(f, "source", m->source);
	write_text(f, "record", m->record);
	for (uint32_t i = 0; i < m->net->n_param; i++) {
		const struct net_param *p = &m->net->param[i];

		snprintf(name, sizeof name, "params/%s", p->name);
		write_array(f, name, H5T_NATIVE_DOUBLE, (hsize_t[]){ 2 }, 1,
			    (double[]){ p->lo, p->hi });
	}
	write_weights(f, m);
	write_state(f, m);
}

precess_status train_model_write(const char *path, const struct train_model *m)
{
	struct file_output *o = NULL;
	struct file f = { .id = -1, .path = path };
	precess_status st = file_output_create(&o, path);
	hid_t how;

	if (st)
		return st;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	/* HDF5's newest layout has checksums in its metadata; with the old one, a byte turned over there
	 * makes the library itself read past its buffers. */
	how = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_libver_bounds(how, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
	f.id = H5Fcreate(o->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, how);
	H5Pclose(how);
	f.failed = f.id < 0;
	if (!f.failed)
		write_all(&f, m);
	if (f.id >= 0)
		f.failed |= H5Fclose(f.id) < 0;
	if (f.failed) {
		file_output_discard(o);
		return precess_fail(PRECESS_EIO, "%s: the model could not be written", path);
	}
	return file_output_commit(o);
}

/* --- reading --- */

static precess_status damaged(const struct file *f, const char *what)
{
	return precess_fail(PRECESS_EINVAL, "%s: %s is missing or damaged", f->path, what);
}

static precess_status read_number(double *out, const struct file *f, const char *name)
{
	hid_t a = H5Aopen(f->id, name, H5P_DEFAULT), space = H5Aget_space(a);
	bool ok = H5Sget_simple_extent_npoints(space) == 1 &&
		  H5Aread(a, H5T_NATIVE_DOUBLE, out) >= 0;

	H5Sclose(space);
	H5Aclose(a);
	return ok ? PRECESS_OK : damaged(f, name);
}

enum { TEXT_LIMIT = 1 << 26 }; /* a sequence's source of 64 MB is a damaged file */

/* Attribute or dataset; both hold one string of fixed length. */
static precess_status read_text(char **out, const struct file *f, const char *name, bool attribute)
{
	hid_t d = attribute ? H5Aopen(f->id, name, H5P_DEFAULT)
			    : H5Dopen2(f->id, name, H5P_DEFAULT);
	hid_t file_type = attribute ? H5Aget_type(d) : H5Dget_type(d);
	hid_t space = attribute ? H5Aget_space(d) : H5Dget_space(d), type;
	size_t n = H5Tget_size(file_type);
	bool ok = H5Tget_class(file_type) == H5T_STRING && H5Tis_variable_str(file_type) == 0 &&
		  n > 0 && n < TEXT_LIMIT && H5Sget_simple_extent_npoints(space) == 1;

	*out = ok ? calloc(n + 1, 1) : NULL;
	type = string_type(ok ? n : 1);
	if (*out)
		ok = (attribute ? H5Aread(d, type, *out)
				: H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out)) >= 0;
	H5Tclose(type);
	H5Sclose(space);
	H5Tclose(file_type);
	if (attribute)
		H5Aclose(d);
	else
		H5Dclose(d);
	if (ok && *out)
		return PRECESS_OK;
	free(*out);
	*out = NULL;
	return damaged(f, name);
}

/* An array that must have n numbers. */
static precess_status read_array(void *out, const struct file *f, const char *name, hid_t type,
				 hssize_t n)
{
	hid_t d = H5Dopen2(f->id, name, H5P_DEFAULT), space = H5Dget_space(d);
	bool ok = H5Sget_simple_extent_npoints(space) == n &&
		  H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;

	H5Sclose(space);
	H5Dclose(d);
	return ok ? PRECESS_OK : damaged(f, name);
}

static precess_status check_hash(const struct train_model *m, const struct file *f)
{
	char *stored, hash[65];
	precess_status st = read_text(&stored, f, "hash", true);

	if (st)
		return st;
	hash_of(hash, m);
	if (strcmp(stored, hash) != 0)
		st = precess_fail(
			PRECESS_EINVAL,
			"%s: its content does not match its checksum: the file is damaged",
			f->path);
	free(stored);
	return st;
}

static precess_status read_weights(struct train_model *m, const struct file *f)
{
	precess_status st;
	char name[128];

	m->weight = memory_aligned(m->net->n_number * sizeof *m->weight + 64);
	if (!m->weight)
		return precess_wrap(PRECESS_ENOMEM, "%s", f->path);
	for (uint32_t i = 0; i < m->net->n_weight; i++) {
		const struct net_weight *w = &m->net->weight[i];

		snprintf(name, sizeof name, "weights/%s", w->name);
		st = read_array(m->weight + w->first, f, name, H5T_NATIVE_FLOAT, (hssize_t)w->n);
		if (st)
			return st;
	}
	for (size_t i = 0; i < m->net->n_number; i++) {
		if (!isfinite(m->weight[i]))
			return precess_fail(PRECESS_EINVAL, "%s: weight %zu is %g", f->path, i,
					    (double)m->weight[i]);
	}
	return check_hash(m, f);
}

static precess_status read_curve(struct train_model *m, const struct file *f)
{
	hid_t d = H5Dopen2(f->id, "curve", H5P_DEFAULT), space = H5Dget_space(d);
	hssize_t n = H5Sget_simple_extent_npoints(space);
	struct train_curve *c = &m->curve;
	double *rows = NULL, open[3];
	precess_status st;

	H5Sclose(space);
	H5Dclose(d);
	if (n < 0 || n % 5 || n > TEXT_LIMIT)
		return damaged(f, "curve");
	rows = calloc((size_t)n + 1, sizeof *rows);
	c->n = c->capacity = (uint64_t)n / 5;
	c->point = calloc(c->n + 1, sizeof *c->point);
	if (!rows || !c->point) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(read_array(rows, f, "curve", H5T_NATIVE_DOUBLE, n));
	TRY(read_array(open, f, "curve_open", H5T_NATIVE_DOUBLE, 3));
	for (uint64_t i = 0; i < c->n; i++)
		c->point[i] = (struct train_point){ (uint64_t)rows[5 * i], rows[5 * i + 1],
						    rows[5 * i + 2], rows[5 * i + 3],
						    rows[5 * i + 4] };
	c->open_loss = open[0];
	c->open_zero = open[1];
	c->open_images = (uint64_t)open[2];
out:
	free(rows);
	return st;
}

static precess_status read_adam(struct train_model *m, const struct file *f)
{
	size_t n = m->net->n_number;
	double state[4];
	precess_status st;

	if (H5Lexists(f->id, "adam", H5P_DEFAULT) <= 0)
		return PRECESS_OK;
	TRY(read_array(state, f, "adam/state", H5T_NATIVE_DOUBLE, 4));
	TRY(train_adam_create(&m->adam, n, state[1], state[2]));
	m->adam->step = (uint64_t)state[0];
	m->adam->epsilon = state[3];
	TRY(read_array(m->adam->m, f, "adam/m", H5T_NATIVE_FLOAT, (hssize_t)n));
	TRY(read_array(m->adam->v, f, "adam/v", H5T_NATIVE_FLOAT, (hssize_t)n));
out:
	return st;
}

static precess_status read_texts(struct train_model *m, const struct file *f)
{
	precess_status st;

	TRY(read_text(&m->sequence, f, "sequence", true));
	TRY(read_text(&m->hash, f, "sequence_hash", true));
	TRY(read_text(&m->net_text, f, "definition", false));
	TRY(read_text(&m->source, f, "source", false));
	TRY(read_text(&m->record, f, "record", false));
out:
	return st;
}

static precess_status read_kind(const struct file *f)
{
	char *text = NULL;
	double version;
	bool ours;

	ours = read_text(&text, f, "kind", true) == PRECESS_OK && strcmp(text, kind) == 0;
	free(text);
	if (!ours)
		return precess_fail(PRECESS_EINVAL, "%s: an HDF5 file, but not a precess model: name one that "
				    "`precess train` wrote",
				    f->path);
	if (read_number(&version, f, "version") || version != TRAIN_FORMAT)
		return precess_fail(PRECESS_EINVAL,
				    "%s: a model of format %g; this program reads format %d",
				    f->path, version, TRAIN_FORMAT);
	return PRECESS_OK;
}

bool train_model_is(const char *path)
{
	struct file f = { .path = path };
	char *text = NULL;
	bool ours;

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	f.id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	ours = f.id >= 0 && read_text(&text, &f, "kind", true) == PRECESS_OK &&
	       strcmp(text, kind) == 0;
	free(text);
	if (f.id >= 0)
		H5Fclose(f.id);
	return ours;
}

static precess_status read_all(struct train_model *m, const struct file *f, const char *hash)
{
	double image;
	precess_status st;

	TRY(read_kind(f));
	TRY(read_texts(m, f));
	if (hash && strcmp(hash, m->hash) != 0) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s: trained for another sequence (%s, hash %.12s, not %.12s)",
				  f->path, m->sequence, m->hash, hash);
		goto out;
	}
	TRY(net_parse(&m->net, m->net_text, f->path));
	TRY(read_number(&image, f, "image"));
	TRY(read_number(&m->seconds, f, "seconds"));
	TRY(read_number(&m->scores.psnr, f, "psnr"));
	TRY(read_number(&m->scores.ssim, f, "ssim"));
	TRY(read_number(&m->scores.complex_psnr, f, "complex_psnr"));
	if (!(image >= 0 && image < 1e15))
		return damaged(f, "image");
	if (!(m->seconds >= 0 && isfinite(m->seconds)))
		return damaged(f, "seconds");
	m->image = (uint64_t)image;
	TRY(read_weights(m, f));
	TRY(read_curve(m, f));
	TRY(read_adam(m, f));
out:
	return st;
}

precess_status train_model_read(struct train_model **out, const char *path, const char *hash)
{
	struct train_model *m = calloc(1, sizeof *m);
	struct file f = { .path = path };
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (!m)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	f.id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (f.id < 0) {
		st = file_input_probe(path);
		st = st ? st
			: precess_fail(PRECESS_EINVAL,
				       "%s: not an HDF5 file, or truncated; name a model that `precess "
				       "train` wrote", path);
	} else {
		st = read_all(m, &f, hash);
		H5Fclose(f.id);
	}
	if (st) {
		train_model_free(m);
		return st;
	}
	*out = m;
	return PRECESS_OK;
}
