/* Declarations of a sequence: predefined names, parameters, maps, geometry. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

static void predefine(struct evaluator *ev, const char *name, struct value v)
{
	struct entry *e = scope_add(ev, &ev->global, lang_intern(ev->l, name, strlen(name)),
				    span_none);

	e->module = NULL;
	e->value = v;
	e->state = ENTRY_DONE;
}

/* Before the system is known: what it may be made of. */
static void predefine_first(struct evaluator *ev)
{
	struct value system = { .kind = VALUE_SYSTEM, .span = span_none };

	for (int i = 0; i < 3; i++)
		predefine(ev, (const char *const[]){ "x", "y", "z" }[i], value_axis(i, span_none));
	predefine(ev, "pi", value_number(ev, M_PI, dim_none, span_none));
	predefine(ev, "none", value_none(span_none));
	predefine(ev, "system", system);
}

void declare_globals(struct evaluator *ev)
{
	if (!ev->global.first) {
		predefine_first(ev);
		return;
	}
	predefine(ev, "gamma",
		  value_number(ev, 2 * M_PI * ev->ir->system.gamma, (struct dim){ -1, 0, -1, 1 },
			       span_none));
	predefine(ev, "gammabar",
		  value_number(ev, ev->ir->system.gamma, (struct dim){ -1, 0, -1, 0 }, span_none));
}

/* ------------------------------------------------------------------ ranges */
/* The ends of a range as constants of `type`; false after an error. */
static bool range_ends(struct evaluator *ev, const struct node *n, const char *type, double *lo,
		       double *hi)
{
	const struct node *range = n->kid[1];
	const char *what = arena_printf(ev->arena, "the range of `%s`", n->name);
	struct value v[2];
	struct dim d;
	double *out[2] = { lo, hi };

	for (int i = 0; i < 2; i++) {
		v[i] = evaluate(ev, range->kid[i]);
		if (v[i].kind == VALUE_ERROR)
			return false;
	}
	if (type_dim(type, &d) && !dim_equal(d, dim_none) && v[0].kind == VALUE_NUMBER &&
	    v[1].kind == VALUE_NUMBER && dim_equal(v[0].dim, dim_none) &&
	    dim_equal(v[1].dim, dim_none)) {
		const char *unit = !strcmp(type, "time")        ? "ms"
				   : !strcmp(type, "angle")     ? "deg"
				   : !strcmp(type, "frequency") ? "Hz"
				   : !strcmp(type, "length")    ? "mm"
				   : !strcmp(type, "field")     ? "uT"
				   : !strcmp(type, "gradient")  ? "mT/m"
				   : !strcmp(type, "slew")      ? "T/m/s"
								: "/m";
		struct diag *e = error_at(ev, "E11", range->span,
					  "range ends are numbers, `%s` wanted", type);
		const char *text = arena_printf(ev->arena, "%s%s .. %s%s",
						source_text(ev, range->kid[0]->span), unit,
						source_text(ev, range->kid[1]->span), unit);

		diag_label(ev->l, e, "plain numbers");
		diag_help(ev->l, e, "`%s`", text);
		e->replacement = text;
		return false;
	}
	for (int i = 0; i < 2; i++) {
		if (!value_convert(ev, &v[i], type, false, what))
			return false;
		if (!value_is_const(ev, &v[i], out[i])) {
			error_stage(ev, range->kid[i], what);
			return false;
		}
	}
	if (*lo > *hi) {
		struct diag *e = error_at(ev, "E14", range->span, "empty range: %s > %s",
					  source_text(ev, range->kid[0]->span),
					  source_text(ev, range->kid[1]->span));

		diag_help(ev->l, e, "swap the ends");
		e->replacement = arena_printf(ev->arena, "%s .. %s",
					      source_text(ev, range->kid[1]->span),
					      source_text(ev, range->kid[0]->span));
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ parameters */
/* The value of a stepped parameter nearest to `v`. */
static double stepped(const struct ir_param *p, double v)
{
	double steps = p->step > 0 ? round((v - p->lo) / p->step) : 0;

	if (p->step <= 0)
		return v;
	if (p->lo + steps * p->step > p->hi + 1e-9 * p->step)
		steps--;
	return p->lo + steps * p->step;
}

/* A value that is a step but for rounding becomes it; E63 for any other. */
static bool on_step(struct evaluator *ev, const struct node *n, const struct node *from,
		    struct ir_param *p)
{
	double nearest = stepped(p, p->value);
	struct diag *d;

	if (fabs(nearest - p->value) <= 1e-9 * p->step) {
		p->value = nearest;
		return true;
	}
	d = error_at(ev, "E63", from->span, "`%s` goes in steps of %s from %s: %s is between two",
		     n->name, dim_show(ev->l, p->step, p->dim), dim_show(ev->l, p->lo, p->dim),
		     source_text(ev, from->span));
	diag_help(ev->l, d, "the nearest is %s", dim_show(ev->l, nearest, p->dim));
	diag_note(ev->l, d, n->kid[2]->span, "the step is declared here");
	return false;
}

/* The default of element `i`: of --set, of the declaration, or the middle. */
static bool default_value(struct evaluator *ev, const struct node *n, const struct node *from,
			  bool is_setting, int i, struct ir_param *p)
{
	struct value v = evaluate(ev, from);
	struct diag *d;
	double slack = 1e-12 * fmax(fabs(p->lo), fabs(p->hi));

	if (v.kind == VALUE_ARRAY && i >= 0) {
		if ((uint32_t)i >= v.array->n) {
			error_at(ev, "E34", from->span, "`%s` has more elements than its default",
				 n->name);
			return false;
		}
		v = v.array->item[i];
	}
	if (!value_convert(ev, &v, p->type, false, arena_printf(ev->arena, "`%s`", p->name)))
		return false;
	if (!value_is_const(ev, &v, &p->value)) {
		error_stage(ev, from, "a default");
		return false;
	}
	if (p->value >= p->lo - slack && p->value <= p->hi + slack)
		return on_step(ev, n, from, p);
	d = error_at(ev, is_setting ? "E60" : "E15", from->span, "%s %s is outside %s .. %s",
		     is_setting ? p->name : "default", source_text(ev, from->span),
		     dim_show(ev->l, p->lo, p->dim), dim_show(ev->l, p->hi, p->dim));
	diag_note(ev->l, d, p->range_span, "the range of `%s`", n->name);
	return false;
}

static void add_param(struct evaluator *ev, const struct node *n, struct ir_param *p, int i,
		      struct value *out)
{
	const struct node *set = setting_of(ev, n->name),
			  *one = i >= 0 ? setting_of(ev, p->name) : NULL;
	bool ok = true;

	p->value = stepped(p, (p->lo + p->hi) / 2);
	if (n->kid[3])
		ok = default_value(ev, n, n->kid[3], false, i, p);
	if (ok && (one || set))
		ok = default_value(ev, n, one ? one : set, true, i, p);
	p->index = i;
	*out = value_scalar(ir_param_scalar(ev->ir, ir_add_param(ev->ir, p)), p->dim, n->name_span);
}

static const char *keep(struct evaluator *ev, const char *s)
{
	return s ? arena_copy(ev->ir->arena, s, strlen(s)) : NULL;
}

void declare_param(struct evaluator *ev, const struct node *n)
{
	struct entry *e = scope_find_here(&ev->main->scope, n->name);
	struct ir_param p = { .doc = keep(ev, n->doc), .span = n->name_span };
	const struct node *type = n->kid[0];
	int64_t count = 0;
	struct value v;
	double step;

	if (!e || e->node != n)
		return;
	e->state = ENTRY_DONE;
	e->value = value_error();
	if (!type || !n->kid[1])
		return; /* told by the parser */
	if (!type_dim(type->name, &p.dim)) {
		struct diag *d = error_at(ev, "E11", type->span,
					  type_known(type->name)
						  ? "a parameter is a quantity, not `%s`"
						  : "no type `%s`",
					  type->name);

		diag_help(ev->l, d,
			  "time, angle, number, frequency, length, gradient, ...; what shapes "
			  "the schedule is a `const`");
		return;
	}
	if (!range_ends(ev, n, type->name, &p.lo, &p.hi))
		return;
	if (type->integer) {
		v = type->kid[0] ? evaluate(ev, type->kid[0]) : value_error();
		if (!type->kid[0])
			error_at(ev, "E04", type->span,
				 "an array of parameters needs a length: `%s[4]`", type->name);
		if (!type->kid[0] || !value_whole(ev, &v, type->kid[0], "array length", &count))
			return;
		if (count < 1 || count > 4096) {
			error_at(ev, "E34", type->kid[0]->span,
				 "%" PRId64 " elements; 1 to 4096 are possible", count);
			return;
		}
	}
	p.type = keep(ev, type->name);
	p.range_span = n->kid[1]->span;
	p.name = keep(ev, n->name);
	if (n->kid[2]) {
		v = evaluate(ev, n->kid[2]);
		if (!value_convert(ev, &v, type->name, false, "`step`") ||
		    !value_is_const(ev, &v, &step))
			return;
		if (!(step > 0)) {
			error_at(ev, "E34", n->kid[2]->span, "`step` must be above 0");
			return;
		}
		p.step = step;
	}
	if (!count) {
		add_param(ev, n, &p, -1, &e->value);
		return;
	}
	e->value = value_array(ev, (uint32_t)count, false, n->name_span);
	p.group = p.name;
	for (int i = 0; i < count; i++) {
		p.name = arena_printf(ev->ir->arena, "%s[%d]", p.group, i);
		add_param(ev, n, &p, i, &e->value.array->item[i]);
	}
}

/* ------------------------------------------------------------------ maps */
static const struct map_kind {
	const char *name, *type, *doc;
} map_kinds[] = {
#define MAP(name, type, neutral, doc) { #name, type, doc },
#include "runtime/program/maps.def"
#undef MAP
};

static void error_map(struct evaluator *ev, const struct node *n)
{
	const char *names[PRECESS_COUNT(map_kinds)];
	struct diag *d = error_at(ev, "E12", n->name_span, "no map `%s`", n->name);
	struct text t;

	text_init(&t);
	for (size_t i = 0; i < PRECESS_COUNT(map_kinds); i++) {
		names[i] = map_kinds[i].name;
		text_printf(&t, "%s%s (%s)", i ? ", " : "the maps are ", names[i],
			    map_kinds[i].doc);
	}
	if (lang_nearest(n->name, names, PRECESS_COUNT(names)))
		d->replacement = lang_nearest(n->name, names, PRECESS_COUNT(names));
	diag_help(ev->l, d, "%s", t.data);
	text_free(&t);
}

static const struct node *duplicate_map(struct evaluator *ev, const struct node *n)
{
	for (uint32_t i = 0; i < ev->main->file->n_kid; i++) {
		const struct node *k = ev->main->file->kid[i];

		if (k == n)
			return NULL;
		if (k->kind == NODE_MAP && k->name == n->name)
			return k;
	}
	return NULL;
}

void declare_map(struct evaluator *ev, const struct node *n)
{
	struct ir_map m = {
		.kind = IR_MAPS, .doc = keep(ev, n->doc), .span = n->name_span, .value = NAN
	};
	const struct node *first = duplicate_map(ev, n);
	struct dim have, want;
	struct value v;

	for (int i = 0; i < IR_MAPS; i++)
		if (!strcmp(map_kinds[i].name, n->name))
			m.kind = (enum ir_map_kind)i;
	if (m.kind == IR_MAPS) {
		error_map(ev, n);
		return;
	}
	if (first) {
		struct diag *d = error_at(ev, "E18", n->name_span, "`%s` is declared twice",
					  n->name);

		diag_note(ev->l, d, first->name_span, "first declared here");
		return;
	}
	if (!n->kid[0] || !type_dim(map_kinds[m.kind].type, &want))
		return;
	if (!type_dim(n->kid[0]->name, &have) || !dim_equal(have, want)) {
		struct diag *d = error_at(ev, "E11", n->kid[0]->span, "map `%s` is %s, not `%s`",
					  n->name, with_article(ev, map_kinds[m.kind].type),
					  n->kid[0]->name);

		d->replacement = map_kinds[m.kind].type;
		return;
	}
	m.name = keep(ev, n->name);
	if (n->kid[1]) {
		m.channel = true;
		if (!range_ends(ev, n, n->kid[0]->name, &m.lo, &m.hi))
			return;
	}
	if (n->n_kid > 2 && n->kid[2]) {
		v = evaluate(ev, n->kid[2]);
		if (!value_convert(ev, &v, n->kid[0]->name, false,
				   arena_printf(ev->arena, "`%s`", n->name)))
			return;
		if (!value_is_const(ev, &v, &m.value)) {
			error_stage(ev, n->kid[2], "a map's value");
			return;
		}
		if (m.channel && (m.value < m.lo || m.value > m.hi)) {
			error_at(ev, "E15", n->kid[2]->span, "default %s is outside %s .. %s",
				 source_text(ev, n->kid[2]->span), dim_show(ev->l, m.lo, want),
				 dim_show(ev->l, m.hi, want));
			return;
		}
	}
	if (!m.channel)
		m.lo = m.hi = m.value;
	ir_add_map(ev->ir, &m);
}

/* ------------------------------------------------------------------ geometry */
/* One or two lengths, or whole numbers, into out[0..1]. */
static bool geometry_pair(struct evaluator *ev, const struct node *s, bool whole, double *out)
{
	struct value v = evaluate(ev, s->kid[0]);
	const struct value *item[2] = { &v, &v };

	if (v.kind == VALUE_ERROR)
		return false;
	if (v.kind == VALUE_ARRAY) {
		if (v.array->n != 2) {
			error_at(ev, "E11", s->kid[0]->span, "`%s` wants two numbers, x and y",
				 s->name);
			return false;
		}
		item[0] = &v.array->item[0];
		item[1] = &v.array->item[1];
	}
	for (int i = 0; i < 2; i++) {
		struct value one = *item[i];
		int64_t n;

		if (whole) {
			if (!value_whole(ev, &one, s->kid[0], "`matrix`", &n))
				return false;
			out[i] = (double)n;
		} else {
			if (!value_convert(ev, &one, "length", false,
					   arena_printf(ev->arena, "`%s`", s->name)))
				return false;
			if (!value_is_const(ev, &one, &out[i])) {
				error_stage(ev, s->kid[0], "`geometry`");
				return false;
			}
		}
		if (!(out[i] > 0) || (whole && out[i] > 65536)) {
			error_at(ev, "E34", s->kid[0]->span, "`%s` must be above 0%s", s->name,
				 whole ? " and at most 65536" : "");
			return false;
		}
	}
	return true;
}

static void geometry_names(struct evaluator *ev)
{
	const struct ir_geometry *g = &ev->ir->geometry;
	uint32_t n = g->fov[2] > 0 ? 3 : 2;
	struct value fov = value_array(ev, n, true, span_none);
	struct value dk = value_array(ev, n, true, span_none);
	struct value matrix = value_array(ev, 2, true, span_none);

	for (uint32_t i = 0; i < n && g->fov[0] > 0; i++) {
		fov.array->item[i] = value_number(ev, g->fov[i], dim_length, span_none);
		dk.array->item[i] = value_number(ev, 1 / g->fov[i], dim_wave, span_none);
	}
	for (uint32_t i = 0; i < 2 && g->matrix[0] > 0; i++)
		matrix.array->item[i] = value_exact(ev, g->matrix[i], 1, span_none);
	if (g->fov[0] > 0) {
		predefine(ev, "fov", fov);
		predefine(ev, "dk", dk);
	}
	if (g->matrix[0] > 0)
		predefine(ev, "matrix", matrix);
	if (g->fov[2] > 0)
		predefine(ev, "slice", fov.array->item[2]);
}

void declare_geometry(struct evaluator *ev, const struct node *n)
{
	static const char *const names[] = { "fov", "matrix", "slice" };
	struct ir_geometry *g = &ev->ir->geometry;
	double pair[2];

	if (ev->has_geometry) {
		error_at(ev, "E18", n->span, "`geometry` is declared twice");
		return;
	}
	ev->has_geometry = true;
	ev->geometry_span = n->span;
	for (uint32_t i = 0; i < n->n_kid; i++) {
		const struct node *s = n->kid[i];

		if (s->kind != NODE_SETTING)
			continue;
		if (!strcmp(s->name, "fov")) {
			if (geometry_pair(ev, s, false, pair)) {
				g->fov[0] = pair[0];
				g->fov[1] = pair[1];
			}
		} else if (!strcmp(s->name, "matrix")) {
			if (geometry_pair(ev, s, true, pair)) {
				g->matrix[0] = (int)pair[0];
				g->matrix[1] = (int)pair[1];
				g->matrix[2] = 1;
			}
		} else if (!strcmp(s->name, "slice")) {
			if (geometry_pair(ev, s, false, pair))
				g->fov[2] = pair[0];
		} else {
			const char *near = lang_nearest(s->name, names, PRECESS_COUNT(names));
			struct diag *d = error_at(ev, "E12", s->name_span,
						  "`geometry` has no setting `%s`", s->name);

			diag_help(ev->l, d,
				  near ? "did you mean `%s`?" : "it has fov, matrix, slice%s",
				  near ? near : "");
		}
	}
	geometry_names(ev);
}
