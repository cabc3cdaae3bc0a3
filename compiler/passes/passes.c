/* The pass manager. */
#include "compiler/passes/passes.h"

#include <string.h>

const struct pass passes[] = {
#define PASS(name, doc) { #name, doc, pass_##name },
#include "compiler/passes/passes.def"
#undef PASS
	{ NULL, NULL, NULL }
};

static precess_status no_such_pass(const char *name)
{
	const struct pass *p;
	precess_status st;
	struct text t;

	text_init(&t);
	for (p = passes; p->name; p++)
		text_printf(&t, "%s%s", p == passes ? "" : ", ", p->name);
	st = precess_fail(PRECESS_EINVAL, "no pass \"%s\" (there are: %s)", name, t.data);
	text_free(&t);
	return st;
}

precess_status passes_run(struct ir *ir, const char *dump_after, struct text *dump)
{
	const struct pass *p;

	for (p = passes; dump_after && p->name && strcmp(p->name, dump_after) != 0; p++)
		;
	if (dump_after && !p->name)
		return no_such_pass(dump_after);
	for (p = passes; p->name; p++) {
		p->run(ir);
		if (ir_verify(ir))
			return precess_wrap(PRECESS_EINVAL, "after pass %s", p->name);
		if (dump_after && strcmp(p->name, dump_after) == 0)
			ir_print(dump, ir);
	}
	ir_hash(ir);
	return PRECESS_OK;
}
