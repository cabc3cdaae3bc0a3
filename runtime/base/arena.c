/* A bump allocator: a list of zeroed blocks, the newest first. An object larger than a quarter of
 * a block gets a block of its own behind the newest, so that the rest of the newest is not lost. */
#include "runtime/base/base.h"

#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_BYTES = 64 * 1024,
	ALIGNMENT = 16 /* of every type that C11 has on the machines we build for */
};

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct block *blocks;
};

static void *zeroed(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p) {
		fprintf(stderr, "precess: out of memory (%zu bytes)\n", bytes);
		abort();
	}
	return p;
}

static struct block *block_create(size_t size)
{
	struct block *b = zeroed(sizeof *b + size);

	b->size = size;
	return b;
}

struct arena *arena_create(void)
{
	struct arena *a = zeroed(sizeof *a);

	a->blocks = block_create(BLOCK_BYTES);
	return a;
}

void arena_free(struct arena *a)
{
	struct block *b, *next;

	if (!a)
		return;
	for (b = a->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	struct block *b = a->blocks;
	void *p;

	if (bytes > SIZE_MAX / 2) {
		fprintf(stderr, "precess: out of memory (%zu bytes)\n", bytes);
		abort();
	}
	/* no two objects share an address, not even empty ones */
	bytes = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
	if (bytes > BLOCK_BYTES / 4) {
		b = block_create(bytes);
		b->used = bytes;
		b->next = a->blocks->next;
		a->blocks->next = b;
		return b->bytes;
	}
	if (bytes > b->size - b->used) {
		b = block_create(BLOCK_BYTES);
		b->next = a->blocks;
		a->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += bytes;
	return p;
}

char *arena_copy(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n)
		memcpy(copy, text, n);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *out;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return arena_copy(a, "", 0);
	out = arena_alloc(a, (size_t)n + 1);
	va_start(args, fmt);
	vsnprintf(out, (size_t)n + 1, fmt, args);
	va_end(args);
	return out;
}
