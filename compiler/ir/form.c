/* The names of the text form, from the lists. */
#include "compiler/ir/form.h"

const char *const ir_op_names[] = {
	"const", "param", "sum",   "mul", "div",  "pow",  "mod",  "min", "max", "round",
	"ceil",	 "floor", "atan2", "abs", "sqrt", "sin",  "cos",  "tan", "asin", "acos",
	"atan",	 "exp",	  "log",   NULL,
};
_Static_assert(PRECESS_COUNT(ir_op_names) == IR_OPS + 1, "a name for each of scalars.def");

const char *const ir_map_names[] = {
#define MAP(name, type, neutral, doc) #name,
#include "runtime/program/maps.def"
#undef MAP
	NULL
};

const char *const ir_use_names[] = {
#define USE(name) #name,
#include "runtime/program/uses.def"
#undef USE
	NULL
};

const char *const ir_label_names[] = {
#define LABEL(name, pulseq, doc) #name,
#include "runtime/program/labels.def"
#undef LABEL
	NULL
};

const char *const ir_event_names[] = { "rf", "grad", "adc", NULL };
const char *const ir_block_names[] = { "play", "delay", "solved", "reset", NULL };

const struct ir_field ir_system_fields[] = {
#define SYSTEM_FIELD(member) { #member, 0, offsetof(struct ir_system, member) },
#include "compiler/ir/fields.def"
#undef SYSTEM_FIELD
	{ NULL, 0, 0 }
};

const struct ir_field ir_event_fields[] = {
#define EVENT_FIELD(kind, member) { #member, IR_##kind, offsetof(struct ir_event, member) },
#include "compiler/ir/fields.def"
#undef EVENT_FIELD
	{ NULL, 0, 0 }
};
