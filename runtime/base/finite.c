/* Values of files that are no finite numbers, told by their place. */
#include "runtime/base/base.h"

#include <math.h>

static precess_status refuse(const float *v, int parts, const struct finite_axis *axis,
			     const char *path, const char *what, size_t i)
{
	struct text place;
	size_t stride = 1, at = i / (size_t)parts;
	precess_status st;
	char number[32];
	int k;

	text_init(&place);
	for (k = 0; axis[k].name; k++)
		stride *= axis[k].n;
	for (k = 0; axis[k].name; k++) {
		stride /= axis[k].n;
		text_printf(&place, "[%s %zu]", axis[k].name, at / stride % axis[k].n);
	}
	st = precess_fail(PRECESS_EINVAL,
			  "%s: %s%s is not a finite number (%s); write 0 where nothing is known, in "
			  "raw data for the whole line",
			  path, what, place.data, text_double(number, (double)v[i]));
	text_free(&place);
	return st;
}

precess_status finite_check(const float *v, int parts, const struct finite_axis *axis,
			    const char *path, const char *what)
{
	size_t n = (size_t)parts, i;
	int k;

	for (k = 0; axis[k].name; k++)
		n *= axis[k].n;
	for (i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return refuse(v, parts, axis, path, what, i);
	return PRECESS_OK;
}
