/* `--set NAME=VALUE`: the value is an expression of the language. */
#include <string.h>

#include "compiler/elab/evaluator.h"

/* The setting as a declaration, with the value as its second kid. NULL after errors. */
static const struct node *parse_setting(struct evaluator *ev, const struct elab_setting *s)
{
	return lang_parse_setting(ev->l, s->name, s->value);
}

const struct node *setting_of(struct evaluator *ev, const char *name)
{
	static const struct node broken = { .kind = NODE_ERROR };
	const struct node *found = NULL, *n;

	for (size_t i = ev->options ? ev->options->n_set : 0; i-- > 0;) {
		struct elab_setting *s = &ev->options->set[i];

		if (strcmp(s->name, name))
			continue;
		s->used = true; /* the last one counts */
		if (found)
			continue;
		n = parse_setting(ev, s);
		found = n ? n->kid[1] : &broken;
	}
	return found;
}

static struct span setting_span(struct evaluator *ev, const struct elab_setting *s)
{
	const struct node *n = parse_setting(ev, s);

	return n ? n->name_span : span_none;
}

static bool is_map(const char *name)
{
	static const char *const names[] = {
#define MAP(name, type, neutral, doc) #name,
#include "runtime/program/maps.def"
#undef MAP
	};

	for (size_t i = 0; i < PRECESS_COUNT(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

void settings_check(struct evaluator *ev)
{
	for (size_t i = 0; ev->options && i < ev->options->n_set; i++) {
		struct elab_setting *s = &ev->options->set[i];
		const char *names[256], *near;
		struct diag *d;
		size_t n = 0;

		if (s->used)
			continue;
		for (const struct entry *e = ev->main->scope.first; e; e = e->next) {
			if (!e->node || e->module != ev->main)
				continue;
			if (!strcmp(e->name, s->name) && e->node->kind == NODE_LET) {
				d = error_at(ev, "E61", setting_span(ev, s),
					     "`%s` is derived; only `param` and `const` can be set",
					     s->name);
				diag_note(ev->l, d, e->span, "declared here");
				return;
			}
			if ((e->node->kind == NODE_PARAM || e->node->kind == NODE_CONST) &&
			    n < PRECESS_COUNT(names))
				names[n++] = e->name;
		}
		d = error_at(ev, "E61", setting_span(ev, s), "no parameter or constant `%s`",
			     s->name);
		near = lang_nearest(s->name, names, n);
		if (is_map(s->name))
			diag_help(ev->l, d,
				  "`%s` is a map of the object: simulate with `--map %s=%s`",
				  s->name, s->name, s->value);
		else if (near)
			diag_help(ev->l, d, "did you mean `%s`?", near);
	}
}
