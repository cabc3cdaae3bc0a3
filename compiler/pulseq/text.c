/* Lines, words and numbers of a Pulseq file, and what is said about them. */
#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ messages */
precess_status pulseq_fail(const struct file *f, uint32_t line, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return precess_fail(PRECESS_EINVAL, "%s:%s%u: %s", f->path, f->binary ? "byte " : "",
			    (unsigned)line, what);
}

void pulseq_warn(struct file *f, uint32_t line, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	if (!f->warnings)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	text_printf(f->warnings, "%s:%s%u: %s\n", f->path, f->binary ? "byte " : "",
		    (unsigned)line, what);
}

void *pulseq_grow(void *array, size_t n, size_t *capacity, size_t size)
{
	size_t wide = *capacity ? 2 * *capacity : 64;

	if (n < *capacity)
		return array;
	array = realloc(array, wide * size);
	if (!array) {
		precess_fail(PRECESS_ENOMEM, "out of memory for %zu x %zu bytes", wide, size);
		return NULL;
	}
	*capacity = wide;
	return array;
}

precess_status pulseq_append(void **array, size_t *n, size_t *capacity, const void *item,
			     size_t size)
{
	void *wide = pulseq_grow(*array, *n, capacity, size);

	if (!wide)
		return PRECESS_ENOMEM;
	*array = wide;
	memcpy((char *)wide + (*n)++ * size, item, size);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ lines and words */
static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool pulseq_line(struct cursor *c, const char **from, const char **to, uint32_t *line)
{
	while (c->p < c->end) {
		const char *p = c->p, *q = memchr(p, '\n', (size_t)(c->end - p));

		if (!q)
			q = c->end;
		c->p = q < c->end ? q + 1 : q;
		*line = c->line++;
		while (p < q && blank(*p))
			p++;
		while (q > p && blank(q[-1]))
			q--;
		if (p == q || *p == '#')
			continue;
		*from = p;
		*to = q;
		return true;
	}
	return false;
}

int pulseq_words(struct word *w, int most, const char *from, const char *to)
{
	int n = 0;

	while (from < to) {
		while (from < to && blank(*from))
			from++;
		if (from == to)
			break;
		const char *begin = from;

		while (from < to && !blank(*from))
			from++;
		if (n < most)
			w[n] = (struct word){ begin, (size_t)(from - begin) };
		n++;
	}
	return n;
}

bool pulseq_word_is(struct word w, const char *name)
{
	return strlen(name) == w.n && memcmp(w.p, name, w.n) == 0;
}

/* ------------------------------------------------------------------ numbers */
/* Up to 15 digits and a power of ten up to 22 are exact in doubles, so that one rounding is all
 * there is: most numbers of a file, and much faster than strtod. */
static bool plain(double *out, struct word w)
{
	static const double power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	int64_t v = 0;
	int digits = 0, places = 0;
	bool point = false, negative = false;
	size_t i = 0;

	if (w.n && (w.p[0] == '-' || w.p[0] == '+'))
		negative = w.p[i++] == '-';
	for (; i < w.n; i++) {
		if (w.p[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (w.p[i] < '0' || w.p[i] > '9' || ++digits > 15)
			return false;
		v = 10 * v + (w.p[i] - '0');
		places += point;
	}
	if (!digits)
		return false;
	*out = (double)v / power[places];
	if (negative)
		*out = -*out;
	return true;
}

bool pulseq_number(double *out, struct word w)
{
	char copy[64], *end;

	if (plain(out, w))
		return true;
	if (w.n == 0 || w.n >= sizeof copy)
		return false;
	memcpy(copy, w.p, w.n);
	copy[w.n] = '\0';
	*out = strtod(copy, &end);
	return end == copy + w.n && isfinite(*out);
}

bool pulseq_integer(int64_t *out, struct word w, int64_t lo, int64_t hi)
{
	double v;

	if (!pulseq_number(&v, w) || v != floor(v) || v < (double)lo || v > (double)hi)
		return false;
	*out = (int64_t)v;
	return true;
}
