/* What the text form's writer and reader share: the names of things, and the writer itself with
 * another way to write scalars, for the hash. */
#ifndef COMPILER_IR_FORM_H
#define COMPILER_IR_FORM_H

#include "compiler/ir/tables.h"

#define IR_FORM_HEAD "precess-ir 1"

/* Lower-case names by value; NULL-terminated. */
extern const char *const ir_op_names[], *const ir_map_names[], *const ir_use_names[],
	*const ir_label_names[], *const ir_event_names[], *const ir_block_names[];

struct ir_field {
	const char *name;
	int kind; /* events: the kind that has it */
	size_t offset;
};
extern const struct ir_field ir_system_fields[], ir_event_fields[]; /* end at name NULL */

/* With digests, one for each scalar: a scalar is written as its digest, and what does not change
 * the schedule (texts, defaults, the list of scalars) is left out. */
void ir_write(struct text *out, const struct ir *ir, const uint64_t *digest);

#endif
