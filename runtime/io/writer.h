/* What the HDF5 writers of this folder share; int64_t stands for hid_t, so that the library is not
 * needed to read this. Failures are collected: after the first, calls do nothing, and
 * writer_close tells. */
#ifndef RUNTIME_IO_WRITER_H
#define RUNTIME_IO_WRITER_H

#include "runtime/io/io.h"

struct writer {
	int64_t file;
	bool failed;
};
/* `path` only names the file in messages. */
precess_status writer_open(struct writer *w, const char *path);
/* Writes the file unless `st` is a failure, which is returned. */
precess_status writer_close(struct writer *w, const char *path, precess_status st);

/* Notes a failure when `id` is negative; returns it. */
int64_t writer_check(struct writer *w, int64_t id);
void writer_text(struct writer *w, int64_t at, const char *name, const char *value);
void writer_numbers(struct writer *w, int64_t at, const char *name, const double *v, uint64_t n);
void writer_number(struct writer *w, int64_t at, const char *name, double v);
/* { float32 r, float32 i }; H5Tclose it. */
int64_t writer_complex(struct writer *w);
/* A dataset of up to 4 dimensions, packed in chunks; units may be NULL. */
void writer_set(struct writer *w, int64_t at, const char *name, int64_t type, int rank,
		const uint64_t *dim, const void *data, const char *units);

#endif
