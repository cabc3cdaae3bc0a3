/* From trees to the IR: names, dimensions, stages, functions, blocks and anchors are resolved,
 * loops unrolled, delays solved, and everything a scanner could not play refused with a diagnostic
 * that names the part of the parameter range which works. */
#ifndef COMPILER_ELAB_ELAB_H
#define COMPILER_ELAB_ELAB_H

#include "compiler/ir/ir.h"
#include "lang/lang.h"
#include "runtime/base/base.h"

/* Samples of a file named in `shape("pulse.h5:/rf", ...)` or `arbitrary(x, "g.h5:/gx")`: the
 * driver gives a reader, so that the compiler needs no file library. Complex samples come
 * interleaved; the caller frees. */
typedef precess_status (*elab_reader)(double **samples, size_t *n, bool *is_complex,
				      const char *path, const char *dataset);

/* `--set NAME=VALUE`: a const's value or a parameter's default; `value` is an expression text. */
struct elab_setting {
	const char *name, *value;
	bool used; /* out */
};

/* What editors show, by place in the elaborated file; lives as long as the `struct lang`. */
enum elab_fact_kind {
	ELAB_VALUE,    /* of the name at `span`: value, unit, range over the domain */
	ELAB_DURATION, /* of the `play` statement at `span` */
	ELAB_WAIT      /* the delay that was solved before it */
};
struct elab_fact {
	enum elab_fact_kind kind;
	struct span span;
	const char *text;
};
struct elab_index {
	struct elab_fact *fact;
	uint32_t n;
	uint32_t *slot, n_slot; /* the elaborator's own */
};

struct elab_options {
	struct elab_setting *set;
	size_t n_set;
	const char *const *path; /* folders searched for modules, after the file's own folder */
	size_t n_path;
	elab_reader reader;      /* NULL: such shapes are refused */
	struct elab_index *index; /* filled, also after errors; NULL: nobody asks */
};

/* Elaborates the sequence in `file` (from lang_parse; a module is checked on its own: its defs and
 * blocks are elaborated with their defaults, or with examples of what has none). Returns NULL when
 * there were errors; the diagnostics are in `l`. A setting outside a parameter's range is error E60,
 * between its steps E63, an unknown name E61. The IR is the caller's (ir_free). */
struct ir *elab(struct lang *l, struct node *file, struct elab_options *options);

#endif
