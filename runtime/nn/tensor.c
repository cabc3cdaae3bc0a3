/* Tiles between layouts, and flat arrays. */
#include "runtime/nn/internal.h"

#include <string.h>

enum { PIECE = 1 << 13 }; /* numbers of a flat array a thread takes at once */

static size_t at(const struct nn_tensor *t, int n, int c, int p)
{
	return (((size_t)n * (size_t)t->blocks + (size_t)(c / t->block)) * (size_t)t->h *
			(size_t)t->w +
		(size_t)p) *
		       (size_t)t->block +
	       (size_t)(c % t->block);
}

NN_INLINE float get(const void *x, size_t i, enum nn_type type)
{
	return type == NN_FLOAT ? ((const float *)x)[i] : nn_from_bf16(((const uint16_t *)x)[i]);
}

NN_INLINE void put(void *x, size_t i, float v, enum nn_type type)
{
	if (type == NN_FLOAT)
		((float *)x)[i] = v;
	else
		((uint16_t *)x)[i] = nn_to_bf16(v);
}

NN_INLINE void load_channel(float *row, const void *x, size_t i, size_t step, int pixels,
			    enum nn_type type)
{
	for (int p = 0; p < pixels; p++)
		row[p] = get(x, i + (size_t)p * step, type);
}

void nn_tile_load(float *tile, int stride, const struct nn_tensor *t, const void *x, int n,
		  int first, int count, int p0, int pixels)
{
	for (int c = 0; c < count; c++) {
		float *row = tile + (size_t)c * (size_t)stride;
		size_t i = at(t, n, first + c, p0);

		if (t->block == 1 && t->type == NN_FLOAT)
			memcpy(row, (const float *)x + i, (size_t)pixels * sizeof *row);
		else if (t->type == NN_FLOAT)
			load_channel(row, x, i, (size_t)t->block, pixels, NN_FLOAT);
		else
			load_channel(row, x, i, (size_t)t->block, pixels, NN_BFLOAT);
	}
}

NN_INLINE void store_channel(void *x, size_t i, size_t step, const float *row, int pixels, bool add,
			     enum nn_type type)
{
	for (int p = 0; p < pixels; p++) {
		size_t k = i + (size_t)p * step;

		put(x, k, add ? get(x, k, type) + row[p] : row[p], type);
	}
}

NN_INLINE void clear_channel(void *x, size_t i, size_t step, int pixels, enum nn_type type)
{
	for (int p = 0; p < pixels; p++)
		put(x, i + (size_t)p * step, 0, type);
}

void nn_tile_store(const struct nn_tensor *t, void *x, int n, int first, int count, int p0,
		   int pixels, const float *tile, int stride, bool add)
{
	size_t step = (size_t)t->block;

	for (int c = 0; c < count; c++) {
		const float *row = tile + (size_t)c * (size_t)stride;
		size_t i = at(t, n, first + c, p0);

		if (t->type == NN_FLOAT)
			store_channel(x, i, step, row, pixels, add, NN_FLOAT);
		else
			store_channel(x, i, step, row, pixels, add, NN_BFLOAT);
	}
	if (first + count < t->c || add)
		return;
	for (int c = t->c; c < t->blocks * t->block; c++)
		clear_channel(x, at(t, n, c, p0), step, pixels, t->type);
}

enum { TILE = 256 };

void nn_to_plain(float *plain, const struct nn *nn, const struct nn_tensor *t, const void *x)
{
	int size = t->h * t->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int c = 0; c < t->c; c++)
			nn_tile_load(plain + ((size_t)n * (size_t)t->c + (size_t)c) * (size_t)size,
				     size, t, x, n, c, 1, 0, size);
	}
}

void nn_from_plain(const struct nn *nn, const struct nn_tensor *t, void *x, const float *plain)
{
	int size = t->h * t->w;

#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int p = 0; p < size; p += TILE)
			nn_tile_store(t, x, n, 0, t->c, p, size - p < TILE ? size - p : TILE,
				      plain + (size_t)n * (size_t)t->c * (size_t)size + p, size,
				      false);
	}
}

/* --- flat arrays; their lengths are multiples of 8 --- */

NN_CLONES static void mask_piece(void *dy, const void *y, size_t from, size_t to, enum nn_type type)
{
	float v[8], d[8];

	if (type == NN_FLOAT) {
		for (size_t i = from; i < to; i++)
			((float *)dy)[i] = ((const float *)y)[i] > 0 ? ((float *)dy)[i] : 0;
		return;
	}
	for (size_t i = from; i < to; i += 8) {
		nn_load8(v, y, i, NN_BFLOAT);
		nn_load8(d, dy, i, NN_BFLOAT);
		for (int k = 0; k < 8; k++)
			d[k] = v[k] > 0 ? d[k] : 0;
		nn_store8(dy, i, d, NN_BFLOAT);
	}
}

void nn_mask(void *dy, const void *y, size_t n, enum nn_type type)
{
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < n; i += PIECE)
		mask_piece(dy, y, i, n - i < PIECE ? n : i + PIECE, type);
}

NN_CLONES static void sum_piece(void *y, const void *a, const void *b, size_t from, size_t to,
				enum nn_type type)
{
	float u[8], v[8];

	if (type == NN_FLOAT) {
		for (size_t i = from; i < to; i++)
			((float *)y)[i] = ((const float *)a)[i] + ((const float *)b)[i];
		return;
	}
	for (size_t i = from; i < to; i += 8) {
		nn_load8(u, a, i, NN_BFLOAT);
		nn_load8(v, b, i, NN_BFLOAT);
		for (int k = 0; k < 8; k++)
			u[k] += v[k];
		nn_store8(y, i, u, NN_BFLOAT);
	}
}

void nn_sum(void *y, const void *a, const void *b, size_t n, enum nn_type type)
{
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < n; i += PIECE)
		sum_piece(y, a, b, i, n - i < PIECE ? n : i + PIECE, type);
}
