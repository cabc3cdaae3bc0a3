/* Arrays of BART: NAME.cfl has the numbers, complex float32, the first dimension fastest; NAME.hdr the
 * sizes of sixteen dimensions in the line after "# Dimensions". */
#include "runtime/io/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 1 << 20 }; /* bytes; BART appends its command lines */
#define COUNT_LIMIT ((size_t)1 << 32)

size_t cfl_count(const struct cfl *a)
{
	size_t n = 1;
	int i;

	for (i = 0; i < CFL_DIMS; i++)
		n *= a->dim[i];
	return n;
}

precess_status cfl_make(struct cfl *out, const size_t dim[CFL_DIMS])
{
	double n = 1;
	int i;

	for (i = 0; i < CFL_DIMS; i++) {
		out->dim[i] = dim[i] ? dim[i] : 1;
		n *= (double)out->dim[i];
	}
	if (n > (double)COUNT_LIMIT)
		return precess_fail(PRECESS_EINVAL, "an array of %.3g numbers (limit %zu)", n,
				    COUNT_LIMIT);
	out->v = calloc(cfl_count(out) + 1, 2 * sizeof *out->v);
	return out->v ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory");
}

float *cfl_at(const struct cfl *a, const size_t index[CFL_DIMS])
{
	size_t at = 0, stride = 1;
	int i;

	for (i = 0; i < CFL_DIMS; i++) {
		at += stride * index[i];
		stride *= a->dim[i];
	}
	return a->v + 2 * at;
}

static void make_name(struct text *name, const char *path, const char *addition, const char *ending)
{
	text_init(name);
	text_printf(name, "%.*s%s%s", (int)(strlen(path) - strlen(".cfl")), path, addition, ending);
}

/* ------------------------------------------------------------------ writing */
/* The numbers first: a reader that finds them without their sizes says so. */
precess_status cfl_write(const char *path, const char *addition, const struct cfl *a)
{
	struct text header, numbers, sizes;
	precess_status st;
	int i;

	make_name(&header, path, addition, ".hdr");
	make_name(&numbers, path, addition, ".cfl");
	text_init(&sizes);
	text_printf(&sizes, "# Dimensions\n");
	for (i = 0; i < CFL_DIMS; i++)
		text_printf(&sizes, "%zu%s", a->dim[i], i + 1 < CFL_DIMS ? " " : "\n");
	TRY(file_output_probe(header.data));
	TRY(file_write(numbers.data, a->v, 2 * cfl_count(a) * sizeof *a->v));
	TRY(file_write(header.data, sizes.data, sizes.n));
out:
	text_free(&sizes);
	text_free(&numbers);
	text_free(&header);
	return st;
}

/* ------------------------------------------------------------------ reading */
/* The sizes, one to sixteen of them; *n: their product. */
static precess_status parse_sizes(size_t dim[CFL_DIMS], size_t *n, const char *text,
				  const char *path)
{
	static const char title[] = "# Dimensions\n";
	const char *at = strstr(text, title);
	char *end;
	int i;

	*n = 1;
	at = at ? at + strlen(title) : "";
	for (i = 0;; i++) {
		at += strspn(at, " \t\r");
		if (!isdigit((unsigned char)*at))
			break;
		if (i < CFL_DIMS) {
			errno = 0;
			dim[i] = strtoull(at, &end, 10);
		}
		if (i == CFL_DIMS || errno || dim[i] < 1 || dim[i] > COUNT_LIMIT / *n)
			return precess_fail(PRECESS_EINVAL,
					    "%s: its sizes are not 1..%d numbers above 0 with a "
					    "product of at most %zu",
					    path, CFL_DIMS, COUNT_LIMIT);
		*n *= dim[i];
		at = end;
	}
	if (i == 0)
		return precess_fail(PRECESS_EINVAL, "%s has no line of sizes after # Dimensions",
				    path);
	return PRECESS_OK;
}

static precess_status check_finite(const struct cfl *a, const char *path)
{
	struct finite_axis axes[CFL_DIMS + 1] = { { NULL, 0 } };
	char name[CFL_DIMS][16];
	int i, d;

	for (i = 0, d = CFL_DIMS - 1; d >= 0; d--) {
		if (a->dim[d] == 1)
			continue;
		snprintf(name[d], sizeof name[d], "dimension %d:", d);
		axes[i++] = (struct finite_axis){ name[d], a->dim[d] };
	}
	return finite_check(a->v, 2, axes, path, "number");
}

precess_status cfl_read(struct cfl *out, const char *path)
{
	size_t dim[CFL_DIMS] = { 0 }, n, bytes, got;
	struct text header;
	char *text = NULL, *numbers = NULL;
	precess_status st;

	*out = (struct cfl){ .v = NULL };
	make_name(&header, path, "", ".hdr");
	TRY(file_read(&text, NULL, header.data, HEADER_LIMIT));
	TRY(parse_sizes(dim, &n, text, header.data));
	bytes = 2 * n * sizeof *out->v;
	TRY(file_read(&numbers, &got, path, bytes));
	if (got != bytes) {
		st = precess_fail(PRECESS_EINVAL,
				  "%s is cut short: %s declares %zu bytes, it has %zu", path,
				  header.data, bytes, got);
		goto out;
	}
	TRY(cfl_make(out, dim));
	memcpy(out->v, numbers, bytes);
	st = check_finite(out, path);
out:
	if (st) {
		free(out->v);
		out->v = NULL;
	}
	free(numbers);
	free(text);
	text_free(&header);
	return st;
}
