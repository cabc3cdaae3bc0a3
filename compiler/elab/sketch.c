/* A module on its own: nobody calls its functions and blocks yet, so they are tried. Those whose
 * arguments all have defaults run as they are. The others run with an example of each type, and
 * then only mistakes that do not depend on the example count: dimensions, kinds, names,
 * arguments. */
#include <string.h>

#include "compiler/elab/evaluator.h"

/* What a value of a type may look like. Nothing is proved of them. */
static const char examples[] =
	"seq 1\nmodule examples\n"
	"let number = 2\nlet int = 2\nlet bool = true\nlet text = \"\"\nlet axis = y\n"
	"let time = 2ms\nlet length = 5mm\nlet angle = 30deg\nlet frequency = 100Hz\n"
	"let field = 5uT\nlet gradient = 5mT/m\nlet slew = 100T/m/s\n"
	"let wavenumber = 100/m\nlet area = 100/m\n"
	"let rf = hard(30deg, 1ms)\nlet adc = adc(16, dwell = 10us)\n"
	"let grad = trapezoid(x, area = 100/m, duration = 1ms)\n";

static const struct node *example_of(const struct node *file, const char *type)
{
	for (uint32_t i = 0; i < file->n_kid; i++)
		if (file->kid[i]->kind == NODE_LET && !strcmp(file->kid[i]->name, type))
			return file->kid[i]->kid[1];
	return NULL; /* `block` and `any`: what they are for depends on what is given */
}

/* Fills what has no default; false where no example can stand for all values. */
static bool example_arguments(struct evaluator *ev, const struct function *f,
			      const struct node *file, struct value *argument)
{
	for (int i = 0; i < f->n_formal; i++) {
		const struct formal *o = &f->formal[i];
		const struct node *n = o->array ? NULL : example_of(file, o->type);

		argument[i] = value_none((struct span){ 0 });
		if (o->fallback)
			continue;
		if (!n)
			return false;
		argument[i] = evaluate(ev, n);
		if (argument[i].kind == VALUE_ERROR)
			return false;
		argument[i].span = o->span;
	}
	return true;
}

static bool all_default(const struct function *f)
{
	for (int i = 0; i < f->n_formal; i++)
		if (!f->formal[i].fallback)
			return false;
	return true;
}

static void try_function(struct evaluator *ev, const struct entry *e, const struct function *f,
			 const struct node *file)
{
	struct value *argument = arena_alloc(ev->arena,
					     (size_t)(f->n_formal + 1) * sizeof *argument);
	struct timeline saved = ev->time;
	struct value v;

	ev->sketch = !all_default(f);
	if (example_arguments(ev, f, file, argument)) {
		v = call_function(ev, f, argument, e->node);
		if (ev->sketch) {
			ev->time.dry = true;
			timeline_begin(ev, 0);
		}
		if (v.kind == VALUE_CALL)
			play_block(ev, v.call);
		if (ev->sketch)
			ev->time = saved;
	}
	ev->sketch = false;
}

void module_check(struct evaluator *ev, struct module *m)
{
	const struct node *file = lang_parse(ev->l, "<examples>", examples, sizeof examples - 1);

	for (struct entry *e = m->scope.first; e; e = e->next) {
		struct value v;

		if (e->module != m)
			continue;
		v = entry_value(ev, e, e->span);
		if (v.kind == VALUE_FUNCTION && v.function->node)
			try_function(ev, e, v.function, file);
	}
}

bool sketch_tells(const char *id)
{
	static const char *const ids[] = { "E10", "E11", "E12", "E13", "E16", "E17", "E18", "W04" };

	for (size_t i = 0; i < PRECESS_COUNT(ids); i++)
		if (!strcmp(ids[i], id))
			return true;
	return false;
}
