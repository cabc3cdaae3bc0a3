/* Libraries: the modules of a folder in one file, NAME.seqlib, from which `import NAME.module`
 * takes them; and what a module's text says about itself. The file is text:
 *
 *	seqlib 1
 *	language 1                             what its modules are written in
 *	hash <SHA-256 of all that follows this line>
 *	library shapes
 *	module shapes.lobes 2 412 <SHA-256>    version (0: none), bytes, hash of the text
 *	texts
 *	...                                    one after the other
 *
 * It holds sources, because functions and blocks have their meaning only where they are called:
 * there the shapes are known. The same folder gives the same bytes, whoever builds them where.
 *
 * Ownership: everything here lives in the arena that is given. */
#ifndef COMPILER_LIBRARY_LIBRARY_H
#define COMPILER_LIBRARY_LIBRARY_H

#include "lang/lang.h"
#include "runtime/base/base.h"

struct library_module {
	const char *name; /* "shapes.lobes" */
	const char *text; /* ends with a NUL */
	size_t n;
	int64_t version;
	char hash[65];
};

struct library {
	const char *name, *path;       /* path "": not read from a file */
	struct library_module *module; /* by name */
	size_t n_module;
	char hash[65];
};

#define LIBRARY_ENDING ".seqlib"

/* PRECESS_EINVAL: not a library, damaged or cut short; PRECESS_ENOTSUP: of another version of the
 * format or the language; PRECESS_EIO. The failure's text names the file. */
precess_status library_read(struct library **out, struct arena *a, const char *path);
precess_status library_parse(struct library **out, struct arena *a, const char *bytes, size_t n,
			     const char *path);
/* The module of this full name, or NULL. */
const struct library_module *library_find(const struct library *lib, const char *module);

/* The modules of a folder and the folders in it, parsed; each must be named by its place: `epi.seq`
 * is `module NAME.epi` (E54). NULL and a status when the folder cannot be read; otherwise
 * diagnostics tell what is wrong with the texts. `file`: the modules' paths, in the same order. */
precess_status library_gather(struct library **out, const char *const **file, struct lang *l,
			      const char *folder, const char *name);
/* Fills in the hashes and appends the bytes of the file. */
void library_write(struct text *out, struct library *lib);

/* "a/b/epi.seq" is module "shapes.b.epi" of the folder "a". NULL where the file's path does not end
 * as the module's name does. */
const char *library_home(struct arena *a, const char *path, const char *module);
/* The file of a module below its home: "shapes.b.epi" -> "a/b/epi.seq". */
const char *library_file(struct arena *a, const char *home, const char *module);

/* --- what a module declares --- */
struct library_symbol {
	const char *name, *kind; /* "def", "block", "const", "let" */
	const char *signature;   /* "def shift(axis: axis, cells: number) -> grad", on one line */
	const char *doc;         /* the comment above it, or its text; "" for none */
	const struct node *node;
};
size_t library_symbols(const struct library_symbol **out, struct lang *l, const struct node *file);
struct library_symbol library_symbol(struct lang *l, const struct node *declaration);

#endif
