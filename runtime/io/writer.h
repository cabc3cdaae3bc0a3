/* Attributes and datasets of an HDF5 file. Failures are collected: after the first, calls do nothing,
 * and hdf5_write is told. */
#ifndef RUNTIME_IO_WRITER_H
#define RUNTIME_IO_WRITER_H

#include "runtime/io/internal.h"

struct writer {
	hid_t file;
	bool failed;
};
/* Notes a failure when `id` is negative; returns it. */
hid_t writer_check(struct writer *w, hid_t id);
void writer_text(struct writer *w, hid_t at, const char *name, const char *value);
void writer_numbers(struct writer *w, hid_t at, const char *name, const double *v, hsize_t n);
void writer_number(struct writer *w, hid_t at, const char *name, double v);
/* { float32 r, float32 i }; H5Tclose it. */
hid_t writer_complex(struct writer *w);
/* A dataset of up to 3 dimensions, packed in chunks; units may be NULL. */
void writer_set(struct writer *w, hid_t at, const char *name, hid_t type, int rank,
		const hsize_t *dim, const void *data, const char *units);

#endif
