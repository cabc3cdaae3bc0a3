/* Passes: transformations of the IR that keep what it means, run in the order of passes.def, the
 * invariants checked after each. */
#ifndef COMPILER_PASSES_PASSES_H
#define COMPILER_PASSES_PASSES_H

#include "compiler/ir/ir.h"

struct pass {
	const char *name, *doc;
	void (*run)(struct ir *ir);
};
/* All passes in their order; the last has no name. */
extern const struct pass passes[];

/* Runs all. When `dump_after` is the name of a pass, the IR after it is appended to *dump; NULL: no
 * dump. A name that no pass has is PRECESS_EINVAL. Sets the IR's hash. */
precess_status passes_run(struct ir *ir, const char *dump_after, struct text *dump);

#define PASS(name, doc) void pass_##name(struct ir *ir);
#include "compiler/passes/passes.def"
#undef PASS

#endif
