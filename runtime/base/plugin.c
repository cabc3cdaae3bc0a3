/* Libraries that are found at run time, beside the program or in the folder that
 * PRECESS_BACKEND_PATH names. */
#include "runtime/base/base.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_LIMIT = 4096 };

static bool find(char *out, const char *file)
{
	const char *folder = getenv("PRECESS_BACKEND_PATH");
	char program[PATH_LIMIT];
	ssize_t n;
	int length;

	if (!folder || !*folder) {
		n = readlink("/proc/self/exe", program, sizeof program - 1);
		if (n <= 0)
			return false;
		program[n] = '\0';
		*strrchr(program, '/') = '\0';
		folder = program;
	}
	length = snprintf(out, PATH_LIMIT, "%s/%s", folder, file);
	return length > 0 && length < PATH_LIMIT;
}

/* dlopen takes no path of data: a file that is absent is told from one that does not load. */
precess_status plugin_open(void **symbol, const char *file, const char *entry)
{
	char path[PATH_LIMIT];
	void *library;

	if (!find(path, file))
		return precess_fail(PRECESS_EDEVICE, "no folder to look for %s", file);
	if (access(path, F_OK))
		return precess_fail(PRECESS_EDEVICE,
				    "no library %s: this build has none (it needs the CUDA "
				    "toolkit), or set PRECESS_BACKEND_PATH to its folder",
				    path);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return precess_fail(PRECESS_EDEVICE, "%s", dlerror());
	*symbol = dlsym(library, entry);
	if (!*symbol)
		return precess_fail(PRECESS_EDEVICE, "%s is no library of precess", path);
	return PRECESS_OK;
}
