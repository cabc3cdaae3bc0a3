/* The text of the last failure, one per thread, so that workers do not overwrite each other's. */
#include "runtime/base/base.h"

#include <string.h>

enum { TEXT_BYTES = 1024 }; /* a path of 255 bytes, a reason and a few layers of context */

static _Thread_local char last[TEXT_BYTES];

/* Formats aside first: the arguments may contain precess_error() itself. */
precess_status precess_fail(precess_status code, const char *fmt, ...)
{
	char text[TEXT_BYTES] = "";
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	memcpy(last, text, sizeof last);
	return code;
}

precess_status precess_wrap(precess_status code, const char *fmt, ...)
{
	char text[TEXT_BYTES] = "";
	va_list args;
	size_t n;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	n = strlen(text);
	if (snprintf(text + n, sizeof text - n, ": %s", last) < 0)
		text[n] = '\0';
	memcpy(last, text, sizeof last);
	return code;
}

const char *precess_error(void)
{
	return last;
}
