/* Diagnostics of the elaborator: told once per place, and pointing at the user's own text when the
 * mistake shows inside a library. */
#include <string.h>

#include "compiler/elab/evaluator.h"

enum { LIMIT_SNIPPET = 48 };

const char *source_text(struct evaluator *ev, struct span at)
{
	size_t n;
	const char *text;
	char *copy;

	if (at.source == UINT32_MAX)
		return "";
	text = lang_source_text(ev->l, at.source, &n);
	if (!text || at.end > n || at.begin > at.end)
		return "";
	n = at.end - at.begin;
	if (n <= LIMIT_SNIPPET)
		copy = arena_copy(ev->arena, text + at.begin, n);
	else
		copy = arena_printf(ev->arena, "%.*s...", LIMIT_SNIPPET - 3, text + at.begin);
	for (char *c = copy; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return copy;
}

static const char *callee_text(struct evaluator *ev, const struct node *n)
{
	if (n->kind == NODE_NAME)
		return n->name;
	if (n->kind == NODE_MEMBER)
		return n->name;
	return source_text(ev, n->span);
}

const char *expression_text(struct evaluator *ev, const struct node *n)
{
	switch (n->kind) {
	case NODE_NAME:
		return n->name;
	case NODE_CALL:
		return callee_text(ev, n->kid[0]);
	case NODE_TOGETHER:
		return arena_printf(ev->arena, "%s & %s", expression_text(ev, n->kid[0]),
				    expression_text(ev, n->kid[1]));
	case NODE_SHIFT:
		return expression_text(ev, n->kid[0]);
	case NODE_NEG:
		return arena_printf(ev->arena, "-%s", expression_text(ev, n->kid[0]));
	case NODE_MUL:
		return arena_printf(ev->arena, "%s * %s", expression_text(ev, n->kid[0]),
				    expression_text(ev, n->kid[1]));
	default:
		return source_text(ev, n->span);
	}
}

const char *place_text(struct evaluator *ev, struct span at)
{
	int line, column;

	if (at.source == UINT32_MAX)
		return "built in";
	lang_place(ev->l, at.source, at.begin, &line, &column);
	return arena_printf(ev->arena, "%d:%d", line, column);
}

const char *with_article(struct evaluator *ev, const char *noun)
{
	return arena_printf(ev->arena, "%s %s", strchr("aeiou", noun[0]) ? "an" : "a", noun);
}

const char *describe_dim(struct evaluator *ev, struct dim d)
{
	const char *name = dim_name(ev->l, d);
	struct dim same;

	if (type_dim(name, &same))
		return with_article(ev, name);
	return arena_printf(ev->arena, "a value in %s", name);
}

const char *describe(struct evaluator *ev, const struct value *v)
{
	static const char *const text[] = {
#define KIND(name, what) what,
#include "compiler/elab/kinds.def"
#undef KIND
	};

	if (v->kind == VALUE_NUMBER)
		return describe_dim(ev, v->dim);
	return text[v->kind];
}

static bool is_library(struct evaluator *ev, struct span at)
{
	for (struct module *m = ev->modules; m; m = m->next)
		if (m->library && m->file && m->file->span.source == at.source)
			return true;
	return false;
}

struct place place_of(struct evaluator *ev, struct span at)
{
	struct place p = { at, at, NULL, NULL };

	if (!is_library(ev, at))
		return p;
	for (struct frame *f = ev->frame; f; f = f->up) {
		if (!p.inside) {
			p.inside = f->name;
			p.module = f->module->name;
		}
		if (f->call.source != UINT32_MAX && !is_library(ev, f->call)) {
			p.span = f->call;
			return p;
		}
	}
	p.inside = NULL;
	return p;
}

static bool same_span(struct span a, struct span b)
{
	return a.source == b.source && a.begin == b.begin && a.end == b.end;
}

/* True the first time. */
static bool tell(struct evaluator *ev, const char *id, const struct place *p)
{
	struct told *t;

	for (t = ev->told; t; t = t->next)
		if (!strcmp(t->id, id) && same_span(t->at, p->span) &&
		    same_span(t->inner, p->inner))
			return false;
	t = arena_alloc(ev->arena, sizeof *t);
	*t = (struct told){ id, p->span, p->inner, ev->told };
	ev->told = t;
	return true;
}

static struct diag *finish(struct evaluator *ev, struct diag *d, const struct place *p)
{
	if (p->inside)
		diag_note(ev->l, d, p->inner, "inside `%s` of %s", p->inside, p->module);
	return d;
}

static struct diag *ignore(struct evaluator *ev)
{
	memset(&ev->ignored, 0, sizeof ev->ignored);
	return &ev->ignored;
}

/* The formatted text, in the arena. */
static const char *format(struct evaluator *ev, const char *fmt, va_list args)
{
	va_list again;
	char *out;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	out = arena_alloc(ev->arena, (size_t)n + 1);
	vsnprintf(out, (size_t)n + 1, fmt, args);
	return out;
}

struct diag *error_at(struct evaluator *ev, const char *id, struct span at, const char *fmt, ...)
{
	struct place p = place_of(ev, at);
	const char *message;
	va_list args;

	if ((ev->sketch && !sketch_tells(id)) || !tell(ev, id, &p))
		return ignore(ev);
	va_start(args, fmt);
	message = format(ev, fmt, args);
	va_end(args);
	return finish(ev, diag_error(ev->l, id, p.span, "%s", message), &p);
}

struct diag *warning_at(struct evaluator *ev, const char *id, struct span at, const char *fmt, ...)
{
	struct place p = place_of(ev, at);
	const char *message;
	va_list args;

	if ((ev->sketch && !sketch_tells(id)) || !tell(ev, id, &p))
		return ignore(ev);
	va_start(args, fmt);
	message = format(ev, fmt, args);
	va_end(args);
	return finish(ev, diag_warning(ev->l, id, p.span, "%s", message), &p);
}
