/* The standard library as `precess build` writes libraries, embedded in the program. */
#ifndef COMPILER_ELAB_STDLIB_H
#define COMPILER_ELAB_STDLIB_H
#include <stddef.h>
extern const unsigned char stdlib_bytes[];
extern const size_t stdlib_size;
#endif
