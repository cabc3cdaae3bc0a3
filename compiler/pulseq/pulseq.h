/* Pulseq files, versions 1.2 to 1.5 as text and 1.5 in binary: read straight into an IR whose
 * scalars are constants, but for the parameters that soft delays are, and written from one.
 *
 * The format: tables of events, each with a number; a block names up to six of them. Conventions
 * that differ between versions are columns.def's and shape.c's; what the files leave out (rasters
 * before 1.4, gradients' edge values before 1.5) is restored as Pulseq's own toolbox does.
 *
 * Failures name the line, or the byte of a binary file: "scan.seq:17: what; what to do". The
 * caller frees what it gets. */
#ifndef COMPILER_PULSEQ_PULSEQ_H
#define COMPILER_PULSEQ_PULSEQ_H

#include "compiler/ir/ir.h"

/* Largest file, largest shape and most samples over all shapes: a file that declares more than
 * its bytes can mean is damaged, and must not cost memory. */
#define PULSEQ_FILE_LIMIT ((size_t)1 << 30)
#define PULSEQ_SHAPE_LIMIT (1u << 24)
#define PULSEQ_SAMPLES_LIMIT ((size_t)1 << 27)

/* Reads a file's n bytes, which end in a NUL beyond them; `path` is for messages. What was left out
 * without harm is told in `warnings`, a line each, where that is not NULL. */
precess_status pulseq_parse(struct ir **out, const char *bytes, size_t n, const char *path,
			    struct text *warnings);
precess_status pulseq_read(struct ir **out, const char *path, struct text *warnings);

/* Writes version 1.`minor` (4 or 5) at the parameters' values (NULL: the defaults), signed. The
 * system's limits are checked first. In 1.5 parameters on which nothing but pure delays depends are
 * soft delays. Between resets `tr` seconds pass; 0: resets are left out. What the format cannot
 * hold is refused by name; what it can do without is told in `warnings`. */
precess_status pulseq_write(struct text *out, const struct ir *ir, const double *param, int minor,
			    double tr, struct text *warnings);

/* Whether both play the same events at the same times (to a nanosecond), at these parameter values;
 * gradients agree to a tolerance such as 1e-9 of the largest one, pulses to that of their own,
 * phases to 100 times that in rad. The failure's text tells the first difference. */
precess_status pulseq_same(const struct ir *a, const double *param_a, const struct ir *b,
			   const double *param_b, double tolerance);

/* ------------------------------------------------------------------ as source */
struct pulseq_source_options {
	const char *origin;  /* the file it came from, for people */
	const char *data;    /* the file of long samples, as the source names it */
	bool loops;          /* re-roll; else every block stands for itself */
	bool ideal;          /* `system = ideal`; else limits that the gradients keep */
	bool matrix;         /* state the matrix, so that lines of k-space are checked */
	double slack;        /* formulas may be off by this share of the largest gradient */
};
/* Samples that stand in the data file. */
struct pulseq_samples {
	const char *name;
	double *v;           /* complex ones interleaved */
	size_t n;
	bool is_complex;
};
/* The language's source of what the IR plays; everything else lives in `arena`. */
precess_status pulseq_source(struct text *out, struct pulseq_samples **samples, size_t *n_samples,
			     struct arena *arena, const struct ir *ir,
			     const struct pulseq_source_options *o);

#endif
