/* Values: constructors, and conversion to what a type wants. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

const struct dim dim_none = { 0, 0, 0, 0 }, dim_time = { 1, 0, 0, 0 }, dim_angle = { 0, 0, 0, 1 },
		 dim_frequency = { -1, 0, 0, 0 }, dim_wave = { 0, -1, 0, 0 },
		 dim_gradient = { 0, -1, 1, 0 }, dim_slew = { -1, -1, 1, 0 },
		 dim_moment = { 1, -1, 1, 0 }, dim_length = { 0, 1, 0, 0 },
		 dim_field = { 0, 0, 1, 0 };

struct value value_error(void)
{
	return (struct value){ .kind = VALUE_ERROR, .span = span_none };
}

struct value value_none(struct span at)
{
	return (struct value){ .kind = VALUE_NONE, .span = at };
}

struct value value_scalar(ir_scalar s, struct dim d, struct span at)
{
	return (struct value){ .kind = VALUE_NUMBER, .scalar = s, .dim = d, .span = at };
}

struct value value_finite(struct evaluator *ev, struct value v)
{
	const char *text;
	struct diag *d;
	double x;

	if (v.kind != VALUE_NUMBER || !ir_is_const(ev->ir, v.scalar, &x) || isfinite(x))
		return v;
	text = source_text(ev, v.span);
	d = error_at(ev, "E34", v.span, "`%s` is %s", text,
		     isnan(x) ? "not a number" : "infinite");
	if (!strncmp(text, "system.", 7))
		diag_help(ev->l, d,
			  "this system has no such limit; a line `system %s = ...` sets one",
			  text + 7);
	return value_error();
}

struct value value_number(struct evaluator *ev, double v, struct dim d, struct span at)
{
	return value_scalar(ir_const(ev->ir, v), d, at);
}

static int64_t gcd(int64_t a, int64_t b)
{
	while (b) {
		int64_t r = a % b;

		a = b;
		b = r;
	}
	return a < 0 ? -a : a;
}

struct value value_exact(struct evaluator *ev, int64_t num, int64_t den, struct span at)
{
	int64_t g = gcd(num, den);
	struct value v;

	if (g > 1) {
		num /= g;
		den /= g;
	}
	v = value_number(ev, (double)num / (double)den, dim_none, at);
	v.num = num;
	v.den = den;
	return v;
}

struct value value_bool(bool b, struct span at)
{
	return (struct value){ .kind = VALUE_BOOL, .boolean = b, .span = at };
}

struct value value_axis(int axis, struct span at)
{
	return (struct value){ .kind = VALUE_AXIS, .axis = axis, .span = at };
}

struct value value_array(struct evaluator *ev, uint32_t n, bool vector, struct span at)
{
	struct value v = { .kind = VALUE_ARRAY, .span = at };

	v.array = arena_alloc(ev->arena, sizeof *v.array);
	v.array->n = n;
	v.array->vector = vector;
	v.array->item = arena_alloc(ev->arena, (n ? n : 1) * sizeof *v.array->item);
	return v;
}

bool value_is_const(struct evaluator *ev, const struct value *v, double *out)
{
	return v->kind == VALUE_NUMBER && ir_is_const(ev->ir, v->scalar, out);
}

/* The first name in `n` whose value depends on parameters, or NULL. */
static const struct node *find_dependent(struct evaluator *ev, const struct node *n)
{
	double ignored;

	if (!n)
		return NULL;
	if (n->kind == NODE_NAME) {
		struct entry *e = name_find(ev, n->name);

		if (!e || e->state != ENTRY_DONE)
			return NULL;
		if (e->value.kind == VALUE_NUMBER && !value_is_const(ev, &e->value, &ignored))
			return n;
		return e->value.kind == VALUE_BOOL && e->value.condition ? n : NULL;
	}
	for (uint32_t i = 0; i < n->n_kid; i++) {
		const struct node *found = find_dependent(ev, n->kid[i]);

		if (found)
			return found;
	}
	return NULL;
}

void error_stage(struct evaluator *ev, const struct node *n, const char *what)
{
	const struct node *at = find_dependent(ev, n);
	struct entry *e = at ? name_find(ev, at->name) : NULL;
	struct diag *d;

	if (!e) {
		d = error_at(ev, "E30", n->span,
			     "%s needs a value known at compile time, this depends on a parameter",
			     what);
	} else {
		bool is_param = e->node && e->node->kind == NODE_PARAM;

		d = error_at(ev, "E30", at->span, "%s needs a value known at compile time, `%s` %s",
			     what, at->name,
			     is_param ? "is a parameter" : "depends on a parameter");
		diag_label(ev->l, d, "%s", is_param ? "a parameter" : "depends on a parameter");
		diag_note(ev->l, d, e->span, "`%s` is declared here", at->name);
	}
	diag_help(ev->l, d,
		  "the schedule's shape cannot depend on a parameter; use `const` and "
		  "`--set`, or two sequences");
}

bool value_whole(struct evaluator *ev, const struct value *v, const struct node *n,
		 const char *what, int64_t *out)
{
	double d;

	if (v->kind == VALUE_ERROR)
		return false;
	if (v->kind != VALUE_NUMBER || !dim_equal(v->dim, dim_none)) {
		error_at(ev, "E11", n->span, "%s must be a whole number, found %s", what,
			 describe(ev, v));
		return false;
	}
	if (!ir_is_const(ev->ir, v->scalar, &d)) {
		error_stage(ev, n, what);
		return false;
	}
	if (v->den == 1) {
		*out = v->num;
		return true;
	}
	if (v->den == 0 && fabs(d) < 9e15 && fabs(d - round(d)) < 1e-9 * fmax(1, fabs(d))) {
		*out = (int64_t)llround(d);
		return true;
	}
	if (v->den > 1)
		error_at(ev, "E31", n->span, "%s is %" PRId64 "/%" PRId64 ", not a whole number",
			 what, v->num, v->den);
	else
		error_at(ev, "E31", n->span, "%s is %g, not a whole number", what, d);
	return false;
}

bool value_truth(struct evaluator *ev, const struct value *v, const struct node *n,
		 const char *what, bool *out)
{
	if (v->kind == VALUE_ERROR)
		return false;
	if (v->kind != VALUE_BOOL) {
		error_at(ev, "E11", n->span, "%s wants true or false, found %s", what,
			 describe(ev, v));
		return false;
	}
	if (v->condition) {
		error_stage(ev, n, what);
		return false;
	}
	*out = v->boolean;
	return true;
}

/* ------------------------------------------------------------------ types */
/* Types without a dimension, and which kind of value they want. */
static const struct kind_type {
	const char *name;
	enum value_kind kind;
	const char *text;
} kind_types[] = {
	{ "bool", VALUE_BOOL, "true or false" },        { "text", VALUE_TEXT, "a text" },
	{ "axis", VALUE_AXIS, "an axis (x, y or z)" },  { "rf", VALUE_RF, "an RF pulse" },
	{ "grad", VALUE_GRAD, "a gradient" },           { "adc", VALUE_ADC, "a sampling window" },
	{ "use", VALUE_TEXT, "what the pulse is for" },
};

/* Units to offer when a plain number was given. */
static const struct unit_hint {
	const char *type, *first, *second;
} unit_hints[] = {
	{ "time", "ms", "us" },   { "angle", "deg", "rad" },     { "frequency", "Hz", "kHz" },
	{ "length", "mm", "cm" }, { "gradient", "mT/m", "T/m" }, { "slew", "T/m/s", NULL },
	{ "field", "uT", "mT" },  { "area", "/m", "mT*ms/m" },   { "wavenumber", "/m", NULL },
};

static const struct kind_type *kind_type_find(const char *type)
{
	for (size_t i = 0; i < PRECESS_COUNT(kind_types); i++)
		if (!strcmp(kind_types[i].name, type))
			return &kind_types[i];
	return NULL;
}

bool type_known(const char *type)
{
	struct dim d;

	return type_dim(type, &d) || kind_type_find(type) || !strcmp(type, "int") ||
	       !strcmp(type, "block") || !strcmp(type, "any");
}

static bool refuse(struct evaluator *ev, const struct value *v, const char *wanted,
		   const char *what)
{
	struct diag *d = error_at(ev, "E11", v->span, "%s wants %s, found %s", what, wanted,
				  describe(ev, v));

	diag_label(ev->l, d, "%s", describe(ev, v));
	return false;
}

static bool convert_quantity(struct evaluator *ev, struct value *v, const char *type,
			     struct dim want, const char *what)
{
	const char *wanted = with_article(ev, type), *text;
	struct diag *d;

	if (v->kind != VALUE_NUMBER)
		return refuse(ev, v, wanted, what);
	if (dim_equal(v->dim, want))
		return value_finite(ev, *v).kind != VALUE_ERROR;
	if (!strcmp(type, "area") && dim_equal(v->dim, dim_moment)) {
		*v = value_scalar(ir_scale(ev->ir, ev->ir->system.gamma, v->scalar), dim_wave,
				  v->span);
		return true;
	}
	if (!dim_equal(v->dim, dim_none))
		return refuse(ev, v, wanted, what);
	text = source_text(ev, v->span);
	d = error_at(ev, "E11", v->span, "%s wants %s, found the plain number `%s`", what, wanted,
		     text);
	diag_label(ev->l, d, "a plain number");
	for (size_t i = 0; i < PRECESS_COUNT(unit_hints); i++) {
		const struct unit_hint *h = &unit_hints[i];
		bool literal = text[0] && strspn(text, "0123456789.-") == strlen(text);

		if (strcmp(h->type, type))
			continue;
		if (!literal) {
			diag_help(ev->l, d, "give it a unit, such as %s", h->first);
		} else if (h->second) {
			diag_help(ev->l, d, "write `%s%s` (or `%s%s`)", text, h->first, text,
				  h->second);
		} else {
			diag_help(ev->l, d, "write `%s%s`", text, h->first);
		}
		if (literal)
			d->replacement = arena_printf(ev->arena, "%s%s", text, h->first);
	}
	return false;
}

static bool is_playable(const struct value *v)
{
	return v->kind == VALUE_RF || v->kind == VALUE_GRAD || v->kind == VALUE_ADC ||
	       v->kind == VALUE_BUNDLE || v->kind == VALUE_CALL;
}

bool value_convert(struct evaluator *ev, struct value *v, const char *type, bool optional,
		   const char *what)
{
	const struct kind_type *k;
	struct dim want;
	double c;

	if (v->kind == VALUE_ERROR)
		return false;
	if (!strcmp(type, "any") || (optional && v->kind == VALUE_NONE))
		return true;
	if (!strcmp(type, "int")) {
		if (v->kind != VALUE_NUMBER || !dim_equal(v->dim, dim_none))
			return refuse(ev, v, "a whole number", what);
		if (v->den > 1 ||
		    (ir_is_const(ev->ir, v->scalar, &c) && fabs(c - round(c)) > 1e-9)) {
			error_at(ev, "E31", v->span, "%s wants a whole number, found %s", what,
				 v->den > 1 ? arena_printf(ev->arena, "%" PRId64 "/%" PRId64,
							   v->num, v->den)
					    : arena_printf(ev->arena, "%g", c));
			return false;
		}
		if (v->den == 0 && ir_is_const(ev->ir, v->scalar, &c) && fabs(c) < 9e15)
			*v = value_exact(ev, (int64_t)llround(c), 1, v->span);
		return true;
	}
	if (!strcmp(type, "block"))
		return is_playable(v) ? true : refuse(ev, v, "something to play", what);
	k = kind_type_find(type);
	if (k)
		return v->kind == k->kind ? true : refuse(ev, v, k->text, what);
	if (type_dim(type, &want))
		return convert_quantity(ev, v, type, want, what);
	return refuse(ev, v, type, what); /* unknown types are told where they are declared */
}
