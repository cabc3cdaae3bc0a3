/* Members: gx.area, e.center, matrix.x, system.max_grad, epi.epi_train. */
#include <string.h>

#include "compiler/elab/evaluator.h"

/* ------------------------------------------------------------------ numbers of shapes */
struct member_line {
	enum value_kind kind;
	const char *name;
};
static const struct member_line member_lines[] = {
#define MEMBER(kind, name, dim, scalar) { VALUE_##kind, #name },
#include "compiler/elab/members.def"
#undef MEMBER
};

static bool number_member(struct evaluator *ev, const struct value *v, const char *name,
			  struct span at, struct value *out)
{
#define MEMBER(k, n, dimension, s)                                  \
	if (v->kind == VALUE_##k && !strcmp(name, #n)) {            \
		*out = value_scalar((s), (dimension), at);          \
		if (v->kind == VALUE_GRAD && !strcmp(name, "flat")) \
			out->window = v->grad;                      \
		return true;                                        \
	}
#include "compiler/elab/members.def"
#undef MEMBER
	return false;
}

/* ------------------------------------------------------------------ others */
struct choices {
	const char *name[64];
	size_t n;
};

static void choice(struct choices *c, const char *name)
{
	if (c->n < PRECESS_COUNT(c->name))
		c->name[c->n++] = name;
}

bool played_anchor(struct evaluator *ev, const struct played *p, const char *name, ir_scalar *at)
{
	for (const struct mark *m = p->mark; m; m = m->next)
		if (!strcmp(m->name, name)) {
			*at = m->at;
			return true;
		}
	if (!strcmp(name, "start"))
		*at = p->start;
	else if (!strcmp(name, "end"))
		*at = ir_add(ev->ir, p->start, p->duration);
	else if (!strcmp(name, "center"))
		*at = p->center;
	else
		return false;
	return true;
}

static bool played_member(struct evaluator *ev, const struct value *v, const char *name,
			  struct span at, struct value *out)
{
	ir_scalar s;

	if (!strcmp(name, "duration"))
		s = v->played->duration;
	else if (!played_anchor(ev, v->played, name, &s))
		return false;
	*out = value_scalar(s, dim_time, at);
	return true;
}

static void played_choices(struct choices *c, const struct played *p)
{
	for (const struct mark *m = p->mark; m; m = m->next)
		choice(c, m->name);
	choice(c, "start");
	choice(c, "center");
	choice(c, "end");
	choice(c, "duration");
}

static bool bundle_member(struct evaluator *ev, struct value *v, const char *name, struct span at,
			  struct value *out)
{
	struct bundle copy;

	bundle_make(ev, &copy, v);
	for (int i = 0; i < copy.n_member; i++)
		if (!strcmp(copy.member[i].name, name)) {
			*out = copy.member[i].value;
			out->span = at;
			return true;
		}
	if (!strcmp(name, "duration") || !strcmp(name, "center")) {
		struct layout y = bundle_layout(ev, &copy, v->span);

		*out = value_scalar(name[0] == 'd' ? y.duration : y.center, dim_time, at);
		return true;
	}
	return false;
}

static bool vector_member(struct value *v, const char *name, struct span at, struct value *out)
{
	int axis = name[0] - 'x';

	if (!v->array->vector || name[1] || axis < 0 || axis > 2 || (uint32_t)axis >= v->array->n)
		return false;
	*out = v->array->item[axis];
	out->span = at;
	return true;
}

static bool module_member(struct evaluator *ev, struct value *v, const char *name, struct span at,
			  struct value *out)
{
	for (struct entry *e = v->module->scope.first; e; e = e->next)
		if (e->module == v->module && !strcmp(e->name, name)) {
			*out = entry_value(ev, e, at);
			return true;
		}
	return false;
}

static void member_choices(const struct value *v, struct choices *c)
{
	for (size_t i = 0; i < PRECESS_COUNT(member_lines); i++)
		if (member_lines[i].kind == v->kind)
			choice(c, member_lines[i].name);
	if (v->kind == VALUE_GRAD)
		choice(c, "axis");
	if (v->kind == VALUE_PLAYED)
		played_choices(c, v->played);
	if (v->kind == VALUE_BUNDLE) {
		for (int i = 0; i < v->bundle->n_member; i++)
			choice(c, v->bundle->member[i].name);
		choice(c, "duration");
		choice(c, "center");
	}
	if (v->kind == VALUE_ARRAY && v->array->vector)
		for (uint32_t i = 0; i < v->array->n && i < 3; i++)
			choice(c, i == 0 ? "x" : i == 1 ? "y" : "z");
	if (v->kind == VALUE_MODULE)
		for (const struct entry *e = v->module->scope.first; e; e = e->next)
			if (e->module == v->module)
				choice(c, e->name);
}

static struct value no_member(struct evaluator *ev, const struct node *n, const struct value *v)
{
	struct choices c = { { 0 }, 0 };
	const char *near;
	struct diag *d;
	struct text t;

	member_choices(v, &c);
	d = error_at(ev, "E12", n->name_span, "%s has no member `%s`", describe(ev, v), n->name);
	near = lang_nearest(n->name, c.name, c.n);
	if (near) {
		diag_help(ev->l, d, "did you mean `%s`?", near);
		d->replacement = near;
		return value_error();
	}
	text_init(&t);
	for (size_t i = 0; i < c.n; i++)
		text_printf(&t, "%s%s", i ? ", " : "it has ", c.name[i]);
	if (c.n)
		diag_help(ev->l, d, "%s", t.data);
	text_free(&t);
	return value_error();
}

static struct value member_of(struct evaluator *ev, const struct node *n)
{
	struct value v = evaluate(ev, n->kid[0]), out;

	switch (v.kind) {
	case VALUE_ERROR:
		return v;
	case VALUE_SYSTEM:
		return system_member(ev, n->name, n->name_span);
	case VALUE_PLAYED:
		return played_member(ev, &v, n->name, n->span, &out) ? out : no_member(ev, n, &v);
	case VALUE_BUNDLE:
		return bundle_member(ev, &v, n->name, n->span, &out) ? out : no_member(ev, n, &v);
	case VALUE_ARRAY:
		return vector_member(&v, n->name, n->span, &out) ? out : no_member(ev, n, &v);
	case VALUE_MODULE:
		return module_member(ev, &v, n->name, n->span, &out) ? out : no_member(ev, n, &v);
	case VALUE_GRAD:
		if (!strcmp(n->name, "axis"))
			return value_axis(v.grad->axis, n->span);
		return number_member(ev, &v, n->name, n->span, &out) ? out : no_member(ev, n, &v);
	default:
		return number_member(ev, &v, n->name, n->span, &out) ? out : no_member(ev, n, &v);
	}
}

struct value evaluate_member(struct evaluator *ev, const struct node *n)
{
	struct value v = member_of(ev, n);

	index_value(ev, n->name_span, &v);
	return v;
}
