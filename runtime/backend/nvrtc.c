/* NVRTC, opened at run time, and what it made before: binaries by the hash of everything that they
 * are made from. */
#include "runtime/backend/backend.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HEADERS = 16, LOG_LIMIT = 400, BINARY_LIMIT = 1 << 26 };

/* What is not of the system's own when no host compiler is there. */
static const struct backend_header system_headers[] = {
	{ "math.h", "" },
	{ "stddef.h", "" },
	{ "stdint.h", "typedef unsigned char uint8_t;\ntypedef int int32_t;\n"
		      "typedef unsigned int uint32_t;\ntypedef unsigned long long uint64_t;\n" },
};

struct nvrtc {
	int (*version)(int *major, int *minor);
	int (*create)(void **program, const char *source, const char *name, int n,
		      const char *const *text, const char *const *header);
	int (*compile)(void *program, int n, const char *const *option);
	int (*log_size)(void *program, size_t *n);
	int (*log)(void *program, char *out);
	int (*size)(void *program, size_t *n);
	int (*binary)(void *program, char *out);
	int (*destroy)(void **program);
};

static precess_status open_library(struct nvrtc *r)
{
	static const char *const name[] = { "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so" };
	const struct {
		const char *name;
		void *to;
	} symbol[] = {
		{ "nvrtcVersion", &r->version },        { "nvrtcCreateProgram", &r->create },
		{ "nvrtcCompileProgram", &r->compile }, { "nvrtcGetProgramLogSize", &r->log_size },
		{ "nvrtcGetProgramLog", &r->log },      { "nvrtcGetCUBINSize", &r->size },
		{ "nvrtcGetCUBIN", &r->binary },        { "nvrtcDestroyProgram", &r->destroy },
	};
	void *library = NULL;

	for (size_t i = 0; i < PRECESS_COUNT(name) && !library; i++)
		library = dlopen(name[i], RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return precess_fail(PRECESS_ENOTSUP, "no kernels for one schedule: %s", dlerror());
	for (size_t i = 0; i < PRECESS_COUNT(symbol); i++) {
		void *at = dlsym(library, symbol[i].name);

		if (!at)
			return precess_fail(PRECESS_ENOTSUP, "NVRTC lacks %s", symbol[i].name);
		memcpy(symbol[i].to, &at, sizeof at); /* a cast would not be C11 */
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ the cache */
static bool make_folders(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0777) && errno != EEXIST) {
			*p = '/';
			return false;
		}
		*p = '/';
	}
	return true;
}

/* False where the user has no folder for such things. */
static bool cache_path(struct text *out, const char *source, int arch, int major, int minor)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct text all;
	char hash[65];

	text_init(&all);
	text_printf(&all, "%d %d.%d\n%s", arch, major, minor, source);
	for (const struct backend_header *h = backend_headers; h->name; h++)
		text_printf(&all, "%s\n%s", h->name, h->text);
	hash_hex(hash, all.data, all.n);
	text_free(&all);
	if (cache && *cache == '/')
		text_printf(out, "%s/precess/kernels/%s.cubin", cache, hash);
	else if (home && *home == '/')
		text_printf(out, "%s/.cache/precess/kernels/%s.cubin", home, hash);
	else
		return false;
	return make_folders(out->data);
}

/* ------------------------------------------------------------------ compiling */
static precess_status failed(const struct nvrtc *r, void *program, int arch)
{
	char *log = NULL;
	size_t n = 0;
	precess_status st;

	if (!r->log_size(program, &n) && n && (log = malloc(n)))
		r->log(program, log);
	st = precess_fail(PRECESS_ENOTSUP, "NVRTC compiles no kernel for sm_%d: %.*s", arch,
			  LOG_LIMIT, log ? log : "?");
	free(log);
	return st;
}

static precess_status compile(void **out, size_t *n, const struct nvrtc *r, const char *source,
			      int arch)
{
	const char *text[HEADERS], *name[HEADERS];
	char target[32];
	const char *const option[] = { target, "-std=c++17", "-DPRECESS_SPECIAL" };
	void *program = NULL;
	int headers = 0;
	precess_status st = PRECESS_OK;

	for (size_t i = 0; i < PRECESS_COUNT(system_headers); i++, headers++) {
		name[headers] = system_headers[i].name;
		text[headers] = system_headers[i].text;
	}
	for (const struct backend_header *h = backend_headers; h->name && headers < HEADERS; h++) {
		name[headers] = h->name;
		text[headers++] = h->text;
	}
	snprintf(target, sizeof target, "-arch=sm_%d", arch);
	if (r->create(&program, source, "state.cu", headers, text, name))
		return precess_fail(PRECESS_ENOTSUP, "NVRTC takes no program");
	if (r->compile(program, PRECESS_COUNT(option), option) || r->size(program, n) || !*n)
		st = failed(r, program, arch);
	else if (!(*out = malloc(*n)))
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a kernel of %zu bytes", *n);
	else if (r->binary(program, *out))
		st = failed(r, program, arch);
	r->destroy(&program);
	if (st) {
		free(*out);
		*out = NULL;
	}
	return st;
}

precess_status backend_compile(void **out, size_t *n, const char *source, int arch)
{
	struct nvrtc r = { 0 };
	int major = 0, minor = 0;
	struct text path;
	char *bytes;
	bool cached;
	precess_status st;

	*out = NULL;
	if ((st = open_library(&r)))
		return st;
	r.version(&major, &minor);
	text_init(&path);
	cached = cache_path(&path, source, arch, major, minor);
	if (cached && !file_read(&bytes, n, path.data, BINARY_LIMIT)) {
		*out = bytes;
		goto out;
	}
	st = compile(out, n, &r, source, arch);
	if (!st && cached)
		file_write(path.data, *out, *n); /* the next time is slow again if that fails */
out:
	text_free(&path);
	return st;
}
