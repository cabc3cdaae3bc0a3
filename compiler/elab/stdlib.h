/* The standard library's modules, embedded in the program; ends with a NULL name. */
#ifndef COMPILER_ELAB_STDLIB_H
#define COMPILER_ELAB_STDLIB_H
struct stdlib_module {
	const char *name; /* "std.epi" */
	const char *text;
};
extern const struct stdlib_module stdlib_modules[];
#endif
