/* A library of another version, as an upgrade of the program alone leaves it behind. */
#include "runtime/backend/backend.h"

const struct backend *precess_backend(void);
const struct backend *precess_backend(void)
{
	static const struct backend old = { .version = BACKEND_VERSION + 1, .size = sizeof old };

	return &old;
}
