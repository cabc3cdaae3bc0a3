/* Large arrays of the runtime. */
#include "runtime/base/base.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64 }; /* a cache line, and the widest vector */

void *memory_aligned(size_t bytes)
{
	size_t rounded = bytes ? (bytes + LINE - 1) / LINE * LINE : LINE;
	void *p = rounded < bytes ? NULL : aligned_alloc(LINE, rounded);

	if (!p) {
		precess_fail(PRECESS_ENOMEM, "out of memory: %.3g MB were needed at once",
			     (double)bytes / 1e6);
		return NULL;
	}
	return memset(p, 0, rounded);
}
