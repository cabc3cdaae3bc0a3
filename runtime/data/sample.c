/* Samples as memory: what they hold, and packed as HDF5's shuffle and deflate filters would
 * store it, so that threads can compress and files take the bytes as they are. */
#include "runtime/data/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static size_t pixels(const struct data_shape *h)
{
	return (size_t)h->nx * (size_t)h->ny;
}

bool data_shape_same(const struct data_shape *a, const struct data_shape *b)
{
	return a->nx == b->nx && a->ny == b->ny && a->sub == b->sub && a->n_set == b->n_set &&
	       a->n_param == b->n_param && a->base == b->base &&
	       memcmp(a->map, b->map, sizeof a->map) == 0;
}

precess_status data_sample_create(struct data_sample **out, const struct data_shape *shape)
{
	struct data_sample *s = calloc(1, sizeof *s);
	size_t n = pixels(shape);
	bool ok = s != NULL;

	*out = NULL;
	if (ok) {
		s->shape = *shape;
		s->param = calloc(shape->n_param + 1, sizeof *s->param);
		s->image = memory_aligned(2 * n * (size_t)shape->n_set * sizeof(float));
		s->base = shape->base ? memory_aligned(2 * n * sizeof(float)) : NULL;
		ok = s->param && s->image && (s->base || !shape->base);
	}
	for (int k = 0; ok && k < PROGRAM_MAPS; k++) {
		if (!shape->map[k])
			continue;
		s->map[k] = memory_aligned(n * (size_t)(shape->sub * shape->sub) * sizeof(float));
		ok = s->map[k] != NULL;
	}
	if (!ok) {
		data_sample_free(s);
		return precess_fail(PRECESS_ENOMEM, "out of memory for a sample");
	}
	*out = s;
	return PRECESS_OK;
}

void data_sample_free(struct data_sample *s)
{
	if (!s)
		return;
	for (int k = 0; k < PROGRAM_MAPS; k++)
		free(s->map[k]);
	free(s->param);
	free(s->image);
	free(s->base);
	free(s);
}

/* ------------------------------------------------------------------ fields */
static struct data_field *add(struct data_field *f, const char *name, bool is_complex, int sets,
			      int ny, int nx)
{
	*f = (struct data_field){ .is_complex = is_complex, .size = is_complex ? 8 : 4 };
	snprintf(f->name, sizeof f->name, "%s", name);
	if (sets)
		f->dims[f->rank++] = sets;
	f->dims[f->rank++] = ny;
	f->dims[f->rank++] = nx;
	f->n = (size_t)(sets ? sets : 1) * (size_t)ny * (size_t)nx;
	return f + 1;
}

int data_fields(struct data_field field[DATA_FIELDS], const struct data_shape *h)
{
	struct data_field *f = field;
	char name[32];

	f = add(f, "/image", true, h->n_set, h->ny, h->nx);
	if (h->base)
		f = add(f, "/base", true, 0, h->ny, h->nx);
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		snprintf(name, sizeof name, "/maps/%s", program_map_name((enum program_map_kind)k));
		if (h->map[k])
			f = add(f, name, false, 0, h->sub * h->ny, h->sub * h->nx);
	}
	return (int)(f - field);
}

float *data_field_at(const struct data_sample *s, int i)
{
	if (i-- == 0)
		return s->image;
	if (s->base && i-- == 0)
		return s->base;
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (s->map[k] && i-- == 0)
			return s->map[k];
	}
	return NULL;
}

void data_sample_copy(struct data_sample *out, const struct data_sample *s)
{
	struct data_field field[DATA_FIELDS];
	int n = data_fields(field, &s->shape);

	assert(data_shape_same(&out->shape, &s->shape));
	for (int i = 0; i < n; i++)
		memcpy(data_field_at(out, i), data_field_at(s, i), field[i].n * field[i].size);
	memcpy(out->param, s->param, s->shape.n_param * sizeof *s->param);
	out->index = s->index;
	out->largest = s->largest;
}

/* ------------------------------------------------------------------ packing */
/* Byte b of every element together: neighbouring numbers share their high bytes. */
static void shuffle(unsigned char *out, const unsigned char *in, size_t n, size_t size)
{
	for (size_t b = 0; b < size; b++) {
		for (size_t i = 0; i < n; i++)
			out[b * n + i] = in[i * size + b];
	}
}

/* The low bytes of numbers are noise, but where numbers repeat: looking for anything but repeats
 * costs much and finds nothing. */
static bool deflate_planes(unsigned char *out, uLongf *size, unsigned char *in, size_t n, size_t bytes)
{
	z_stream z = { .next_in = in, .next_out = out, .avail_out = (uInt)*size };
	int st = deflateInit2(&z, DATA_LEVEL, Z_DEFLATED, MAX_WBITS, MAX_MEM_LEVEL, Z_RLE);

	for (size_t b = 0; b < bytes && st == Z_OK; b++) {
		st = deflateParams(&z, DATA_LEVEL, b % sizeof(float) < 2 ? Z_RLE : Z_DEFAULT_STRATEGY);
		z.avail_in = (uInt)n;
		if (st == Z_OK)
			st = deflate(&z, b + 1 < bytes ? Z_NO_FLUSH : Z_FINISH);
	}
	*size = z.total_out;
	return deflateEnd(&z) == Z_OK && st == Z_STREAM_END;
}

static precess_status pack_field(struct data_packed *p, int i, const struct data_field *f,
				 const float *values, unsigned char *work)
{
	uLongf size = compressBound((uLong)(f->n * f->size)) + 64 * (uLong)f->size;

	p->bytes[i] = malloc(size);
	if (!p->bytes[i])
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	shuffle(work, (const unsigned char *)values, f->n, f->size);
	if (!deflate_planes(p->bytes[i], &size, work, f->n, f->size))
		return precess_fail(PRECESS_ENOMEM, "cannot compress a sample");
	p->size[i] = size;
	return PRECESS_OK;
}

precess_status data_pack(struct data_packed **out, const struct data_sample *s)
{
	struct data_packed *p = calloc(1, sizeof *p);
	struct data_field field[DATA_FIELDS];
	unsigned char *work = NULL;
	size_t most = 0;
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (!p)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	p->index = s->index;
	p->n_param = s->shape.n_param;
	p->n_field = data_fields(field, &s->shape);
	p->number = malloc((p->n_param + 1) * sizeof *p->number);
	for (int i = 0; i < p->n_field; i++)
		most = field[i].n * field[i].size > most ? field[i].n * field[i].size : most;
	work = malloc(most);
	if (!p->number || !work) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	memcpy(p->number, s->param, p->n_param * sizeof *p->number);
	p->number[p->n_param] = s->largest;
	for (int i = 0; i < p->n_field; i++)
		TRY(pack_field(p, i, &field[i], data_field_at(s, i), work));
	*out = p;
	p = NULL;
out:
	free(work);
	data_packed_free(p);
	return st;
}

void data_packed_free(struct data_packed *p)
{
	if (!p)
		return;
	for (int i = 0; i < DATA_FIELDS; i++)
		free(p->bytes[i]);
	free(p->number);
	free(p);
}
