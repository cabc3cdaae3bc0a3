/* What the files of this folder share: the tables of a file while it is read. */
#ifndef COMPILER_PULSEQ_INTERNAL_H
#define COMPILER_PULSEQ_INTERNAL_H

#include "compiler/pulseq/pulseq.h"

/* ------------------------------------------------------------------ text */
struct cursor {
	const char *path, *p, *end;
	uint32_t line;      /* of `p`, from 1 */
};
/* The next line that is neither empty nor a comment, without its ends, from the cursor on; false at
 * the end of the file. `*line` is its number. */
bool pulseq_line(struct cursor *c, const char **from, const char **to, uint32_t *line);
/* Splits at blanks into at most `most` words; returns how many there are. */
struct word {
	const char *p;
	size_t n;
};
int pulseq_words(struct word *w, int most, const char *from, const char *to);
bool pulseq_word_is(struct word w, const char *name);
/* A finite number, all of the word. */
bool pulseq_number(double *out, struct word w);
bool pulseq_integer(int64_t *out, struct word w, int64_t lo, int64_t hi);

/* ------------------------------------------------------------------ tables */
enum kind {
#define TABLE(name, section, doc) PULSEQ_##name,
#include "compiler/pulseq/tables.def"
#undef TABLE
	PULSEQ_KINDS
};

enum column {
	COLUMN_amplitude, COLUMN_first, COLUMN_last, COLUMN_magnitude, COLUMN_phase_shape,
	COLUMN_shape, COLUMN_time, COLUMN_center, COLUMN_rise, COLUMN_flat, COLUMN_fall,
	COLUMN_number, COLUMN_dwell, COLUMN_delay, COLUMN_freq_ppm, COLUMN_phase_ppm, COLUMN_freq,
	COLUMN_phase, COLUMN_use, COLUMNS
};

/* A row as it stands in the file: Hz, Hz/m, us, ns. What its version has no column for is 0. */
struct row {
	uint32_t id, line;
	double v[COLUMNS];
};
struct table {
	struct row *row;
	size_t n, capacity;
};

struct shape {
	uint32_t id, line, n;
	double *sample;
};

/* [EXTENSIONS]: entry `id` is extension `type`'s row `ref`, then entry `next`. */
struct link {
	uint32_t id, line, type, ref, next;
};
enum extension {
	EXTENSION_none,
#define EXTENSION(name, honoured, doc) EXTENSION_##name,
#include "compiler/pulseq/extensions.def"
#undef EXTENSION
	EXTENSIONS
};
struct label_row {
	uint32_t id, line; /* id: twice the number, plus `increment` */
	bool increment;
	int label; /* enum ir_label; -1: one that the IR does not keep */
	int32_t value;
};

struct file {
	const char *path;
	struct text *warnings;
	int version;              /* 1004 is 1.4; without a [VERSION] the oldest, 1002 */
	struct arena *arena;
	struct table table[PULSEQ_KINDS];
	struct shape *shape;
	size_t n_shape, cap_shape, n_sample;
	struct link *link;
	size_t n_link, cap_link;
	struct label_row *label;
	size_t n_label, cap_label;
	enum extension type[64];  /* of the extension numbers of this file */
	const char *type_name[64];
	char *name, *required;
	double fov[3], b0;
	double block_raster, grad_raster, rf_raster, adc_raster; /* s */
	double total;             /* TotalDuration, s; 0: not told */
	struct cursor blocks;     /* the [BLOCKS] section's body */
	bool uses_label[IR_LABELS];
	bool told[8];             /* warnings given once */
};

/* "path:line: ..." */
precess_status pulseq_fail(const struct file *f, uint32_t line, const char *fmt, ...)
	PRECESS_PRINTF(3, 4);
void pulseq_warn(struct file *f, uint32_t line, const char *fmt, ...) PRECESS_PRINTF(3, 4);
/* Room for one more element. NULL when there is no memory (the failure is set). */
void *pulseq_grow(void *array, size_t n, size_t *capacity, size_t size);

/* tables.c: all sections but [BLOCKS], which is kept for build.c. */
precess_status pulseq_tables(struct file *f, const char *bytes, size_t n);
void pulseq_tables_free(struct file *f);
/* NULL: no such row. */
const struct row *pulseq_find(const struct table *t, uint32_t id);
const struct shape *pulseq_shape(const struct file *f, uint32_t id);
const struct link *pulseq_link(const struct file *f, uint32_t id);
const struct label_row *pulseq_label(const struct file *f, uint32_t id, bool increment);

/* shape.c: a [SHAPES] entry, uncompressed. */
precess_status pulseq_shape_read(struct file *f, struct cursor *c, struct shape *s);

/* ------------------------------------------------------------------ events */
/* A stretch of a gradient, or an RF pulse; times in picoseconds after the event's delay. */
struct piece {
	int64_t start, duration, rise, flat, fall, center;
	uint32_t shape;           /* of the IR */
	double amplitude;         /* T/m; RF: flip angle, rad */
	double phase;             /* RF */
	int64_t reach;            /* RF: its end in the file, which counts for the block */
};
/* A gradient as pieces that follow each other. */
struct waveform {
	size_t first, n;          /* entries of builder.piece */
	bool made;
	double from;              /* the edge value that it was made with, Hz/m */
	double last;              /* value at its end, Hz/m */
	int64_t end;
};
struct builder {
	struct file *file;
	struct ir *ir;
	struct piece *piece;
	size_t n_piece, cap_piece;
	struct waveform *grad;    /* per row of the gradients' table */
	struct piece *rf;         /* per row; duration 0: not made yet */
	double *scratch;
	size_t n_scratch;
};
/* waveform.c. `first`: the value where the gradient before ended, for versions that do not tell. */
precess_status pulseq_rf(struct piece *out, struct builder *b, const struct row *r);
precess_status pulseq_gradient(struct waveform *out, struct builder *b, const struct row *r,
			       double first);
/* A time of the file, in units of `ps` picoseconds, 0 .. 1e5 s. */
precess_status pulseq_time(int64_t *out, const struct file *f, uint32_t line, double v, double ps);

/* build.c */
precess_status pulseq_build(struct ir **out, struct file *f);

#endif
