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
#define EXTENSION(name, doc) EXTENSION_##name,
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
/* A soft delay: the block lasts offset + value / factor, the value being asked for by its hint. */
struct delay_row {
	uint32_t id, line, number;
	double offset, factor; /* s */
	const char *hint;
};
/* A unit quaternion, the real part first. */
struct rotation_row {
	uint32_t id, line;
	double q[4];
};
/* Magnitude and phase of each transmit channel. */
struct shim_row {
	uint32_t id, line, n;
	double *v;
};

struct file {
	const char *path;
	struct text *warnings;
	bool binary, swapped;     /* `line`s are byte offsets; the file's byte order is not ours */
	int version;              /* 1004 is 1.4; without a [VERSION] the oldest, 1002 */
	struct arena *arena;
	struct table table[PULSEQ_KINDS];
	struct shape *shape;
	size_t n_shape, cap_shape, n_sample;
	struct link *link;
	size_t n_link, cap_link;
	struct label_row *label;
	size_t n_label, cap_label;
	struct delay_row *delay;
	size_t n_delay, cap_delay;
	struct rotation_row *rotation;
	size_t n_rotation, cap_rotation;
	struct shim_row *shim;
	size_t n_shim, cap_shim;
	enum extension type[64];  /* of the extension numbers of this file */
	const char *type_name[64];
	char *name, *required;
	double fov[3], b0;
	double block_raster, grad_raster, rf_raster, adc_raster; /* s */
	double total;             /* TotalDuration, s; 0: not told */
	struct cursor blocks;     /* the [BLOCKS] section's body */
	struct text unkept;       /* labels that are not kept, by name */
	bool uses_label[IR_LABELS];
	bool told[8];             /* warnings given once */
};

/* "path:line: ..." */
precess_status pulseq_fail(const struct file *f, uint32_t line, const char *fmt, ...)
	PRECESS_PRINTF(3, 4);
void pulseq_warn(struct file *f, uint32_t line, const char *fmt, ...) PRECESS_PRINTF(3, 4);
/* Room for one more element. NULL when there is no memory (the failure is set). */
void *pulseq_grow(void *array, size_t n, size_t *capacity, size_t size);

/* Appends *item to the array `name` of the file. PRECESS_ENOMEM without memory. */
#define PULSEQ_APPEND(f, name, item)                                                          \
	pulseq_append((void **)&(f)->name, &(f)->n_##name, &(f)->cap_##name, item,            \
		      sizeof *(f)->name)
precess_status pulseq_append(void **array, size_t *n, size_t *capacity, const void *item,
			     size_t size);

/* tables.c: all sections of a text but [BLOCKS], which is kept for build.c. */
precess_status pulseq_tables(struct file *f, const char *bytes, size_t n);
/* Orders all tables by number, and refuses numbers that are there twice. */
precess_status pulseq_sort(struct file *f);
void pulseq_tables_free(struct file *f);
precess_status pulseq_read_id(uint32_t *id, const struct file *f, struct word w, uint32_t line,
			      const char *what);
/* At the end of a section: no further line before the next heading. */
bool pulseq_section_ends(struct cursor *c, const char **from, const char **to, uint32_t *line);
/* One line of [DEFINITIONS], from its words on to `to`. */
precess_status pulseq_define(struct file *f, const struct word *w, int n, const char *to,
			     uint32_t line);
/* Whether there may be a shape of this size; it is counted. */
precess_status pulseq_shape_room(struct file *f, int64_t n, uint32_t line);
precess_status pulseq_set_version(struct file *f, int64_t major, int64_t minor, uint32_t line);

/* extensions.c */
precess_status pulseq_extensions(struct file *f, struct cursor *c);
enum extension pulseq_extension_of(struct word name);
precess_status pulseq_add_label(struct file *f, uint32_t id, bool increment, int64_t value,
				struct word name, uint32_t line);
precess_status pulseq_add_rotation(struct file *f, struct rotation_row r);
precess_status pulseq_add_delay(struct file *f, struct delay_row r);
const struct delay_row *pulseq_delay(const struct file *f, uint32_t id);
const struct rotation_row *pulseq_rotation(const struct file *f, uint32_t id);
const struct shim_row *pulseq_shim(const struct file *f, uint32_t id);

/* binary.c: all sections of a binary file. */
precess_status pulseq_binary(struct file *f, const char *bytes, size_t n);
/* The next block's columns; *place says where it stands. False after the last. */
bool pulseq_binary_block(int64_t *column, struct file *f, struct cursor *c, uint32_t *place);

/* limits.c: the steepest ramp in 1/s, for an amplitude of 1. A ramp of no duration belongs to what
 * joins it. */
double pulseq_steepest(const struct ir *ir, const double *param, const struct ir_event *e);

/* signature.c: warns when what is signed is not what is there. */
void pulseq_check_signature(struct file *f, const char *bytes, size_t n);
void pulseq_check_hash(struct file *f, const char *bytes, size_t n, const char *hash);
void pulseq_md5(char out[33], const void *bytes, size_t n);
/* NULL: no such row. */
const struct row *pulseq_find(const struct table *t, uint32_t id);
const struct shape *pulseq_shape(const struct file *f, uint32_t id);
const struct link *pulseq_link(const struct file *f, uint32_t id);
const struct label_row *pulseq_label(const struct file *f, uint32_t id, bool increment);

/* shape.c: the numbers of a [SHAPES] entry from the cursor on, uncompressed. In a binary file they
 * are `stored` floats. */
precess_status pulseq_shape_read(struct file *f, struct cursor *c, struct shape *s,
				 uint64_t stored);
/* A little-endian file's float, whatever this machine is. */
double pulseq_float(const struct file *f, const char *p);

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

precess_status pulseq_need_shape(const struct shape **out, const struct file *f,
				 const struct row *r, enum column column);
/* From value u to v (shares of `amplitude`): a ramp, a plateau, or a shape of one sample. False: it
 * is nothing. */
bool pulseq_line_piece(struct piece *out, struct ir *ir, int64_t t0, int64_t t1, double u, double v,
		       double amplitude);

/* build.c */
precess_status pulseq_build(struct ir **out, struct file *f);

#endif
