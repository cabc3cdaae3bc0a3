/* Names by the rules of scope, from the tree alone: also in branches that are never taken and in
 * files that do not compile. */
#include <string.h>

#include "compiler/lsp/server.h"

/* A name that is visible; hidden again when its scope ends. */
struct visible {
	const char *name;
	uint32_t declaration;
};

struct finder {
	struct lsp_names *out;
	struct lang *l;
	struct visible *stack;
	size_t n, cap;
	struct pending {
		const struct node *arg;
		uint32_t declaration;
	} * pending;
	size_t n_pending, cap_pending;
};

static void *grow(struct lang *l, void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	*cap = *cap ? 2 * *cap : 64;
	void *new = arena_alloc(lang_arena(l), *cap * size);
	if (n)
		memcpy(new, old, n * size);
	return new;
}

static void use(struct finder *f, struct span at, uint32_t declaration)
{
	struct lsp_names *o = f->out;
	o->use = grow(f->l, o->use, o->n_use, &o->cap_use, sizeof *o->use);
	o->use[o->n_use++] = (struct lsp_use){ at, declaration };
}

static void foreign(struct finder *f, struct span at, const char *name, const char *callee,
		    const struct node *import)
{
	struct lsp_names *o = f->out;
	o->foreign = grow(f->l, o->foreign, o->n_foreign, &o->cap_foreign, sizeof *o->foreign);
	o->foreign[o->n_foreign++] = (struct lsp_foreign){ at, name, callee, import };
}

static void add(struct finder *f, struct lsp_declaration d)
{
	struct lsp_names *o = f->out;
	if (!d.name)
		return;
	o->declaration = grow(f->l, o->declaration, o->n_declaration, &o->cap_declaration,
			      sizeof *o->declaration);
	uint32_t at = (uint32_t)o->n_declaration++;
	o->declaration[at] = d;
	use(f, d.span, at);
	f->stack = grow(f->l, f->stack, f->n, &f->cap, sizeof *f->stack);
	f->stack[f->n++] = (struct visible){ d.name, at };
}

static void declare(struct finder *f, const struct node *n)
{
	add(f, (struct lsp_declaration){ n->name, n->name_span, n, NULL, false });
}

/* Selected names, or the alias, which ends the line. */
static void declare_import(struct finder *f, const struct node *n)
{
	struct span at = n->span;
	for (uint32_t k = 0; k < n->n_kid; k++)
		if (n->kid[k])
			add(f, (struct lsp_declaration){ n->kid[k]->name, n->kid[k]->name_span,
							 n->kid[k], n, true });
	if (!n->doc)
		return;
	at.begin = at.end - (uint32_t)strlen(n->doc);
	add(f, (struct lsp_declaration){ n->doc, at, n, n, true });
}

static const struct visible *find(const struct finder *f, const char *name)
{
	for (size_t i = f->n; i-- > 0;)
		if (f->stack[i].name == name)
			return &f->stack[i];
	return NULL;
}

static void visit(struct finder *f, const struct node *n);

static void visit_kids(struct finder *f, const struct node *n, uint32_t from)
{
	for (uint32_t i = from; i < n->n_kid; i++)
		if (n->kid[i])
			visit(f, n->kid[i]);
}

/* The import behind `g` in `g.spoiler`, or NULL. */
static const struct node *alias_of(const struct finder *f, const struct node *member)
{
	const struct node *object = member->kid[0];
	const struct visible *v = object->kind == NODE_NAME ? find(f, object->name) : NULL;
	const struct lsp_declaration *o = v ? &f->out->declaration[v->declaration] : NULL;
	return o && o->node->kind == NODE_IMPORT ? o->import : NULL;
}

/* Arguments by name lead to formals, which may be declared further down. */
static void visit_call(struct finder *f, const struct node *n)
{
	const struct node *callee = n->kid[0], *import = NULL;
	const struct visible *v = callee->kind == NODE_NAME ? find(f, callee->name) : NULL;
	bool other = callee->kind == NODE_NAME && !v;
	if (v)
		import = f->out->declaration[v->declaration].import;
	else if (callee->kind == NODE_MEMBER)
		import = alias_of(f, callee);
	visit_kids(f, n, 0);
	for (uint32_t i = 1; (v || other || import) && i < n->n_kid; i++) {
		if (!n->kid[i] || n->kid[i]->kind != NODE_ARG || !n->kid[i]->name)
			continue;
		if (other || import) {
			foreign(f, n->kid[i]->name_span, n->kid[i]->name, callee->name, import);
			continue;
		}
		f->pending = grow(f->l, f->pending, f->n_pending, &f->cap_pending,
				  sizeof *f->pending);
		f->pending[f->n_pending++] = (struct pending){ n->kid[i], v->declaration };
	}
}

static void visit(struct finder *f, const struct node *n)
{
	size_t outer = f->n;
	const struct visible *v;
	switch (n->kind) {
	case NODE_NAME:
		v = find(f, n->name);
		if (v)
			use(f, n->span, v->declaration);
		else
			foreign(f, n->span, n->name, NULL, NULL);
		return;
	case NODE_MEMBER:
		visit_kids(f, n, 0);
		if (alias_of(f, n))
			foreign(f, n->name_span, n->name, NULL, alias_of(f, n));
		return;
	case NODE_CALL:
		visit_call(f, n);
		return;
	case NODE_DEF:
	case NODE_BLOCK:
		for (uint32_t i = n->kind == NODE_DEF ? 2 : 1; i < n->n_kid; i++) {
			visit_kids(f, n->kid[i], 0);
			declare(f, n->kid[i]);
		}
		visit(f, n->kid[n->kind == NODE_DEF ? 1 : 0]);
		f->n = outer;
		return;
	case NODE_BODY:
		visit_kids(f, n, 0);
		f->n = outer;
		return;
	case NODE_FOR:
		if (n->kid[0])
			visit(f, n->kid[0]);
		if (n->kid[1])
			visit(f, n->kid[1]);
		declare(f, n);
		if (n->kid[2])
			visit(f, n->kid[2]);
		f->n = outer;
		return;
	case NODE_LET:
	case NODE_PLAY:
	case NODE_MARK:
		visit_kids(f, n, 0);
		declare(f, n);
		return;
	default:
		visit_kids(f, n, 0);
	}
}

static bool declares(enum node_kind k)
{
	return k == NODE_PARAM || k == NODE_CONST || k == NODE_LET || k == NODE_DEF ||
	       k == NODE_BLOCK || k == NODE_PLAY || k == NODE_MARK || k == NODE_ERROR;
}

void names_find(struct lsp_names *out, struct lang *l, const struct node *file)
{
	struct finder f = { .out = out, .l = l };
	for (uint32_t i = 0; i < file->n_kid; i++) {
		const struct node *n = file->kid[i];
		if (declares(n->kind))
			add(&f, (struct lsp_declaration){ n->name, n->name_span, n, NULL, true });
		else if (n->kind == NODE_IMPORT)
			declare_import(&f, n);
	}
	for (uint32_t i = 0; i < file->n_kid; i++) {
		const struct node *n = file->kid[i];
		if (n->kind == NODE_LET || n->kind == NODE_PLAY || n->kind == NODE_MARK)
			visit_kids(&f, n, 0);
		else if (n->kind != NODE_IMPORT)
			visit(&f, n);
	}
	for (size_t i = 0; i < f.n_pending; i++) {
		const struct node *d = out->declaration[f.pending[i].declaration].node;
		if (d->kind != NODE_DEF && d->kind != NODE_BLOCK)
			continue;
		for (uint32_t k = 0; k < out->n_declaration; k++) {
			const struct lsp_declaration *o = &out->declaration[k];
			if (o->node->kind == NODE_FORMAL && o->name == f.pending[i].arg->name &&
			    o->span.begin > d->span.begin && o->span.end < d->span.end)
				use(&f, f.pending[i].arg->name_span, k);
		}
	}
}

const struct lsp_declaration *names_at(const struct document *d, uint32_t byte)
{
	for (size_t i = 0; i < d->names.n_use; i++) {
		const struct lsp_use *u = &d->names.use[i];
		if (u->span.begin <= byte && byte <= u->span.end)
			return &d->names.declaration[u->declaration];
	}
	return NULL;
}
