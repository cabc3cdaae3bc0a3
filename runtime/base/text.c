/* A growing string. Capacity doubles, so that n additions cost O(n). */
#include "runtime/base/base.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* Room for n more bytes and the NUL. */
static void reserve(struct text *t, size_t n)
{
	size_t capacity = t->capacity ? t->capacity : FIRST_CAPACITY;

	while (capacity - t->n <= n && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	if (capacity == t->capacity)
		return;
	t->data = capacity - t->n > n ? realloc(t->data, capacity) : NULL;
	if (!t->data) {
		fprintf(stderr, "precess: out of memory (%zu bytes)\n", capacity);
		abort();
	}
	t->capacity = capacity;
}

void text_init(struct text *t)
{
	*t = (struct text){ 0 };
	reserve(t, 0);
	t->data[0] = '\0';
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

void text_add(struct text *t, const char *s, size_t n)
{
	reserve(t, n);
	if (n)
		memcpy(t->data + t->n, s, n);
	t->n += n;
	t->data[t->n] = '\0';
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	reserve(t, (size_t)n);
	va_start(args, fmt);
	vsnprintf(t->data + t->n, (size_t)n + 1, fmt, args);
	va_end(args);
	t->n += (size_t)n;
}

/* Any decimal of up to 15 digits survives the trip through a normal double, and %g drops trailing
 * zeros: 15 digits that read back are the shortest. Subnormals carry fewer, so they start at 1. */
const char *text_double(char *buf, double v)
{
	int digits = fabs(v) < DBL_MIN ? 1 : 15;

	if (isnan(v)) /* printf may write -nan */
		return strcpy(buf, "nan");
	do
		snprintf(buf, 32, "%.*g", digits, v);
	while (strtod(buf, NULL) != v && ++digits <= 17);
	return buf;
}
