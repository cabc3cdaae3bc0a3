/* From trees to the IR: names, dimensions, stages, functions, blocks and anchors are resolved,
 * loops unrolled, delays solved, and everything a scanner could not play refused with a diagnostic
 * that names the part of the parameter range which works. */
#ifndef COMPILER_ELAB_ELAB_H
#define COMPILER_ELAB_ELAB_H

#include "compiler/ir/ir.h"
#include "compiler/library/library.h"
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

/* The text that an editor shows of a file instead of the one on disk; NULL: it is not open. */
typedef const char *(*elab_texts)(void *context, const char *path, size_t *n);

struct elab_options {
	struct elab_setting *set;
	size_t n_set;
	const char *const *path; /* folders searched for modules, after the file's own folder */
	size_t n_path;
	elab_texts texts; /* NULL: files are as they are on disk */
	void *texts_context;
	elab_reader reader;       /* NULL: such shapes are refused */
	struct elab_index *index; /* filled, also after errors; NULL: nobody asks */
};

/* Elaborates the sequence in `file` (from lang_parse; a module is checked on its own: its defs and
 * blocks are elaborated with their defaults, or with examples of what has none). Returns NULL when
 * there were errors; the diagnostics are in `l`. A setting outside a parameter's range is error E60,
 * between its steps E63, an unknown name E61. The IR is the caller's (ir_free). */
struct ir *elab(struct lang *l, struct node *file, struct elab_options *options);

/* ------------------------------------------------------------------ modules */
/* Who imports: a file, or (library set) a module in a library. */
struct elab_importer {
	const char *path, *module; /* the module's name; NULL: a sequence */
	const struct library *library;
};
/* Where a module is. A file: `path`. In a library: `module`, or NULL where the library lacks it. A
 * library that cannot be used: `fault`, its `path` and why. Nowhere: nothing of these. */
struct elab_place {
	const char *path;
	const struct library *library;
	const struct library_module *module;
	precess_status fault;
	const char *why;
	const char *searched; /* "a/b.seq, a.seqlib, " */
};
void elab_locate(struct elab_place *out, struct lang *l, const struct elab_options *options,
		 const struct elab_importer *from, const char *name);
/* Modules that an import may name, in the order of their names: those of the standard library, of
 * every folder that is searched, and of the folder in it that `name` begins with. */
size_t elab_modules(const char *const **out, struct lang *l, const struct elab_options *options,
		    const struct elab_importer *from, const char *name);
/* The module that was meant by a name that is nowhere, or NULL. */
const char *elab_near(struct lang *l, const struct elab_options *options,
		      const struct elab_importer *from, const char *name);
/* The library that is part of the program; its path is "". */
const struct library *elab_standard(struct lang *l);

#endif
