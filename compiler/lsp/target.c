/* What a name means, across files: the declaration and the document that holds it. */
#include <string.h>

#include "compiler/lsp/server.h"

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* What others can import from a module. */
static const struct lsp_declaration *exported(const struct document *m, const char *name)
{
	for (size_t i = 0; i < m->names.n_declaration; i++) {
		const struct lsp_declaration *o = &m->names.declaration[i];
		if (o->top && !o->import && same(o->name, name))
			return o;
	}
	return NULL;
}

static const struct lsp_declaration *formal(const struct document *m,
					    const struct lsp_declaration *function,
					    const char *name)
{
	const struct node *f = function ? function->node : NULL;
	for (size_t i = 0; f && i < m->names.n_declaration; i++) {
		const struct lsp_declaration *o = &m->names.declaration[i];
		if (o->node->kind == NODE_FORMAL && same(o->name, name) &&
		    o->span.begin > f->span.begin && o->span.end < f->span.end)
			return o;
	}
	return NULL;
}

static bool in_module(struct lsp_target *t, struct document *d, const struct node *import,
		      const char *name, const char *callee)
{
	struct document *m = modules_of(d, import);
	if (!m)
		return false;
	t->d = m;
	t->o = exported(m, callee ? callee : name);
	if (callee)
		t->o = formal(m, t->o, name);
	return t->o != NULL;
}

bool target_foreign(struct lsp_target *t, struct document *d, const struct lsp_foreign *f)
{
	if (f->import)
		return in_module(t, d, f->import, f->name, f->callee);
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *n = d->tree->kid[i];
		if (n->kind == NODE_IMPORT && !n->n_kid && !n->doc &&
		    in_module(t, d, n, f->name, f->callee))
			return true;
	}
	return false;
}

bool target_declared(struct lsp_target *t, struct document *d, const struct lsp_declaration *o)
{
	*t = (struct lsp_target){ d, o };
	if (o->node->kind == NODE_NAME && o->import)
		return in_module(t, d, o->import, o->name, NULL);
	return true;
}

const struct node *target_import(const struct document *d, uint32_t byte)
{
	for (uint32_t i = 0; i < d->tree->n_kid; i++) {
		const struct node *n = d->tree->kid[i];
		if (n->kind == NODE_IMPORT && n->name_span.begin <= byte &&
		    byte <= n->name_span.end)
			return n;
	}
	return NULL;
}

bool target_at(struct lsp_target *t, struct document *d, uint32_t byte)
{
	const struct lsp_declaration *o = names_at(d, byte);
	if (o)
		return target_declared(t, d, o);
	for (size_t i = 0; i < d->names.n_foreign; i++) {
		const struct lsp_foreign *f = &d->names.foreign[i];
		if (f->span.begin <= byte && byte <= f->span.end)
			return target_foreign(t, d, f);
	}
	return false;
}

/* ------------------------------------------------------------------ every use */
struct search {
	const struct lsp_target *target;
	lsp_place *place;
	void *context;
};

static bool is_target(const struct search *s, const struct lsp_target *t)
{
	return t->d == s->target->d && t->o == s->target->o;
}

static void uses_of(const struct search *s, struct document *d, size_t declaration)
{
	for (size_t i = 0; i < d->names.n_use; i++)
		if (d->names.use[i].declaration == declaration)
			s->place(s->context, d, d->names.use[i].span);
}

static void visit(void *context, struct document *d)
{
	const struct search *s = context;
	struct lsp_target t;
	if (d == s->target->d || d->visited == d->server->round ||
	    !strstr(d->text, s->target->d->tree->name))
		return;
	d->visited = d->server->round;
	for (size_t i = 0; i < d->names.n_declaration; i++) {
		const struct lsp_declaration *o = &d->names.declaration[i];
		if (o->node->kind == NODE_NAME && o->import && same(o->name, s->target->o->name) &&
		    target_declared(&t, d, o) && is_target(s, &t))
			uses_of(s, d, i);
	}
	for (size_t i = 0; i < d->names.n_foreign; i++) {
		const struct lsp_foreign *f = &d->names.foreign[i];
		if (same(f->name, s->target->o->name) && target_foreign(&t, d, f) &&
		    is_target(s, &t))
			s->place(s->context, d, f->span);
	}
}

void target_each(const struct lsp_target *t, lsp_place *place, void *context)
{
	struct search s = { t, place, context };
	struct document *d = t->d;
	uses_of(&s, d, (size_t)(t->o - d->names.declaration));
	d->server->round++;
	if (d->tree->kind == NODE_MODULE && d->tree->name &&
	    (t->o->top || t->o->node->kind == NODE_FORMAL))
		modules_each(d, visit, &s);
}
