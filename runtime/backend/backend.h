/* Devices other than the processor: one table of operations each, found at run time.
 *
 * A table lives in a shared library, backend_<name>.so, beside the program or in the folder that
 * PRECESS_BACKEND_PATH names; the program neither links a driver nor needs one. Tables are never
 * freed; memory from alloc is the caller's, to be given to release. */
#ifndef RUNTIME_BACKEND_BACKEND_H
#define RUNTIME_BACKEND_BACKEND_H

#include "runtime/base/base.h"
#include "runtime/bloch/bloch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rises with every change of struct backend, ops.def or the tables of runtime/bloch. */
#define BACKEND_VERSION 1

struct backend {
	uint32_t version;
	size_t size;                          /* of this struct */
	const char *name;
	/* A library has its own text of the last failure. */
	const char *(*error)(void);
	/* Devices that answer now; 0 with the reason in error(). */
	int (*devices)(void);
	precess_status (*select)(int device); /* for this thread */
	precess_status (*describe)(char *out, size_t size, int device);
	precess_status (*alloc)(void **out, size_t bytes);
	void (*release)(void *p);
	precess_status (*upload)(void *to, const void *from, size_t bytes);
	precess_status (*download)(void *to, const void *from, size_t bytes);
	precess_status (*sync)(void);
	/* Seconds between two calls on the device's own clock; begin != 0 starts it. */
	precess_status (*timer)(double *seconds, int begin);
	struct backend_ops {
#define OP(name, args, doc) precess_status(*name) args;
#include "runtime/backend/ops.def"
#undef OP
	} ops;
};
enum {
#define OP(name, args, doc) BACKEND_OP_##name,
#include "runtime/backend/ops.def"
#undef OP
	BACKEND_OPS
};

/* What a library exports under the name "precess_backend". */
typedef const struct backend *(*backend_entry)(void);

/* "auto", "cpu", "cuda", "cuda:1", or a name that was registered. *out is NULL for the processor;
 * `why` gets one line: what was chosen, and for "auto" what stood against the others. A device that
 * was asked for by name and is not there is PRECESS_EDEVICE. */
precess_status backend_open(const struct backend **out, struct text *why, const char *device);
/* Makes a table known by its name; for tests. */
void backend_register(const struct backend *b);
/* Fails with the table's own text in front of what was being done. */
precess_status backend_failed(const struct backend *b, precess_status st, const char *what);

#ifdef __cplusplus
}
#endif
#endif
