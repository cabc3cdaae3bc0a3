/* From the IR to the runtime's program: the parameter program, the event list, the kernel schedule
 * with its proofs. The last place that knows both worlds. */
#ifndef COMPILER_LOWER_LOWER_H
#define COMPILER_LOWER_LOWER_H

#include "compiler/ir/ir.h"
#include "runtime/program/net.h"
#include "runtime/program/program.h"

/* The program is the caller's (program_free). `source` names the file, its bytes give source_hash.
 * Appends scalars to the IR (sums of times and of gradient moments, so that equality of what the
 * spins feel is equality of indices); its blocks, events and hash stay as they are. Block numbers
 * are the IR's. Fails only on our own bugs. */
precess_status lower(struct program **out, struct ir *ir, struct lang *l, const char *source);

/* The network that a template becomes for this sequence. A sequence without images or maps, or whose
 * matrix does not fit the template's levels, is refused with the reason. */
precess_status lower_network(struct net **out, const struct program *p,
			     const struct net_template *t);

/* What `explain` prints: parameters and ranges, the timeline of a draw (blocks with times, loops
 * folded where iterations repeat), solved delays with their range over the parameters, marks such
 * as TE, k-space order, and per group of readouts the proved method and why. */
void lower_explain(struct text *out, struct ir *ir, struct lang *l, const struct draw *d);

#endif
