/* What to say about obligations that do not hold: E20 E21 E27, with the playable range. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* The remedies of all failures, per parameter: the range in which everything works. */
struct remedy {
	bool any;
	double lo, hi;
};

struct failure {
	const struct obligation *o;
	struct ir_verdict verdict;
	bool failed;
};

static bool same_spot(const struct obligation *a, const struct obligation *b)
{
	return a->kind == b->kind && a->place.span.source == b->place.span.source &&
	       a->place.span.begin == b->place.span.begin &&
	       a->place.inner.source == b->place.inner.source &&
	       a->place.inner.begin == b->place.inner.begin;
}

/* "for ESP < 4.02ms": the part of the range that fails, from the range that works. */
static const char *fails_for(struct evaluator *ev, const struct failure *f)
{
	const struct ir_verdict *v = &f->verdict;
	const struct ir_param *p;

	if (!v->fails)
		return ", as far as can be proved";
	if (v->param < 0)
		return v->at && *point_text(ev, f->o->e, v->at)
			       ? arena_printf(ev->arena, " at %s", point_text(ev, f->o->e, v->at))
			       : "";
	p = &ev->ir->param[v->param];
	if (v->lo > p->lo && v->hi < p->hi)
		return arena_printf(ev->arena, " for %s outside %s .. %s", p->name,
				    dim_show(ev->l, v->lo, p->dim), dim_show(ev->l, v->hi, p->dim));
	if (v->lo > p->lo)
		return arena_printf(ev->arena, " for %s < %s", p->name,
				    dim_show(ev->l, v->lo, p->dim));
	return arena_printf(ev->arena, " for %s > %s", p->name, dim_show(ev->l, v->hi, p->dim));
}

static const char *playable_for(struct evaluator *ev, const struct remedy *r, uint32_t param)
{
	const struct ir_param *p = &ev->ir->param[param];

	if (r->lo > p->lo && r->hi < p->hi)
		return arena_printf(ev->arena, "%s in %s .. %s", p->name,
				    dim_show(ev->l, r->lo, p->dim), dim_show(ev->l, r->hi, p->dim));
	return arena_printf(ev->arena, "%s %s %s", p->name, r->lo > p->lo ? ">=" : "<=",
			    dim_show(ev->l, r->lo > p->lo ? r->lo : r->hi, p->dim));
}

/* The declaration with its range narrowed, ready to be typed. */
static void help_range(struct evaluator *ev, struct diag *d, const struct remedy *r, int param,
		       const char *or_else)
{
	const struct ir_param *p;

	if (param < 0 || !r[param].any || r[param].lo > r[param].hi) {
		if (*or_else)
			diag_help(ev->l, d, "%s", or_else + strspn(or_else, ", or"));
		return;
	}
	p = &ev->ir->param[param];
	diag_help(ev->l, d, "`param %s : %s in %s .. %s`%s", p->group ? p->group : p->name, p->type,
		  dim_show(ev->l, r[param].lo, p->dim), dim_show(ev->l, r[param].hi, p->dim),
		  or_else);
}

static struct diag *begin(struct evaluator *ev, const struct obligation *o, const char *id,
			  const char *text)
{
	struct diag *d = error_at(ev, id, o->place.span, "%s", text);

	if (o->place.inside)
		diag_note(ev->l, d, o->place.inner, "inside `%s` of %s", o->place.inside,
			  o->place.module);
	return d;
}

static void note_parts(struct evaluator *ev, struct diag *d, const struct failure *f)
{
	const struct obligation *o = f->o;
	double *at = f->verdict.at, sum = 0;
	const char *point;

	for (int i = 0; i < o->n_part; i++) {
		double v = ir_eval(ev->ir, o->part[i].duration, at);

		sum += v;
		if (i < 4)
			diag_note(ev->l, d, o->part[i].span, "%s: %s", o->part[i].text,
				  dim_show(ev->l, v, dim_time));
	}
	point = point_text(ev, o->e, at);
	diag_note(ev->l, d, span_none, "together %s, but there is %s%s%s",
		  dim_show(ev->l, sum, dim_time),
		  dim_show(ev->l, ir_eval(ev->ir, o->room, at), dim_time), *point ? " at " : "",
		  point);
}

static void report_delay(struct evaluator *ev, const struct failure *f, const struct remedy *r)
{
	const struct obligation *o = f->o;
	const char *text;
	struct diag *d;

	if (o->kind == OBLIGE_DELAY)
		text = arena_printf(ev->arena, "the delay before `play %s` is negative%s", o->text,
				    fails_for(ev, f));
	else
		text = arena_printf(ev->arena, "%s is negative%s", o->text, fails_for(ev, f));
	d = begin(ev, o, "E20", text);
	diag_label(ev->l, d, "%s at worst", dim_show(ev->l, f->verdict.worst, dim_time));
	if (o->kind == OBLIGE_DELAY)
		note_parts(ev, d, f);
	help_range(ev, d, r, f->verdict.param,
		   o->kind == OBLIGE_DELAY ? ", or make what plays before it shorter" : "");
}

/* "389": three digits are enough to compare with a limit. */
static const char *measure_text(struct evaluator *ev, double v, struct dim d)
{
	if (isinf(v))
		return "an infinite number of";
	if (dim_equal(d, dim_slew))
		return arena_printf(ev->arena, "%.3g T/m/s", v);
	if (dim_equal(d, dim_gradient))
		return arena_printf(ev->arena, "%.3g mT/m", 1e3 * v);
	return arena_printf(ev->arena, "%.3g uT", 1e6 * v);
}

static const char *limit_text(struct evaluator *ev, double v, struct dim d)
{
	return arena_printf(ev->arena, "%.4g",
			    dim_equal(d, dim_slew)       ? v
			    : dim_equal(d, dim_gradient) ? 1e3 * v
							 : 1e6 * v);
}

static void report_limit(struct evaluator *ev, const struct failure *f, const struct remedy *r)
{
	const struct obligation *o = f->o;
	const char *point = f->verdict.at ? point_text(ev, o->e, f->verdict.at) : "", *text;
	int param = f->verdict.param;
	struct diag *d;

	text = arena_printf(ev->arena, "`%s` needs %s%s%s%s, the limit is %s", o->subject,
			    measure_text(ev, ir_eval(ev->ir, o->need, f->verdict.at), o->dim),
			    o->kind == OBLIGE_B1 ? " of B1" : "", *point ? " at " : "", point,
			    limit_text(ev, o->limit, o->dim));
	if (param >= 0 && r[param].any && r[param].lo <= r[param].hi)
		text = arena_printf(ev->arena, "%s; playable for %s", text,
				    playable_for(ev, &r[param], (uint32_t)param));
	d = begin(ev, o, o->kind == OBLIGE_B1 ? "E27" : "E21", text);
	diag_label(ev->l, d, "the %s limit of `system` %s is exceeded",
		   o->kind == OBLIGE_B1     ? "B1"
		   : o->kind == OBLIGE_SLEW ? "slew"
					    : "amplitude",
		   ev->ir->system.name);
	help_range(ev, d, r, param,
		   o->kind == OBLIGE_B1 ? ", or a longer pulse"
					: ", or fewer cells, or `system = ideal`");
}

/* ------------------------------------------------------------------ all of them */
static size_t prove_all(struct evaluator *ev, struct failure *f, struct remedy *r)
{
	size_t n = 0;

	for (const struct obligation *o = ev->obligation; o; o = o->next) {
		struct ir_verdict v = ir_prove(ev->ir, o->e, o->slack);

		if (v.proved)
			continue;
		f[n].o = o;
		f[n++].verdict = v;
		if (v.param < 0)
			continue;
		if (!r[v.param].any) {
			r[v.param] = (struct remedy){ true, ev->ir->param[v.param].lo,
						      ev->ir->param[v.param].hi };
		}
		r[v.param].lo = fmax(r[v.param].lo, v.lo);
		r[v.param].hi = fmin(r[v.param].hi, v.hi);
	}
	return n;
}

/* Of several failures at one place the one that narrows most speaks for all. */
static bool narrower(const struct failure *a, const struct failure *b)
{
	if ((a->verdict.param < 0) != (b->verdict.param < 0))
		return a->verdict.param < 0;
	if (a->verdict.param >= 0 && a->verdict.param == b->verdict.param)
		return a->verdict.hi - a->verdict.lo < b->verdict.hi - b->verdict.lo;
	return a->verdict.worst < b->verdict.worst;
}

void obligations_report(struct evaluator *ev)
{
	struct remedy *r = arena_alloc(ev->arena, (ev->ir->n_param + 1) * sizeof *r);
	struct failure *f;
	size_t n = 0;

	for (const struct obligation *o = ev->obligation; o; o = o->next)
		n++;
	f = arena_alloc(ev->arena, (n + 1) * sizeof *f);
	n = prove_all(ev, f, r);
	for (size_t i = 0; i < n; i++) {
		bool spoken = false;

		for (size_t j = 0; j < n && !spoken; j++)
			spoken = j != i && same_spot(f[i].o, f[j].o) &&
				 (narrower(&f[j], &f[i]) || (!narrower(&f[i], &f[j]) && j > i));
		if (spoken)
			continue;
		if (f[i].o->kind == OBLIGE_DELAY || f[i].o->kind == OBLIGE_TIME)
			report_delay(ev, &f[i], r);
		else
			report_limit(ev, &f[i], r);
	}
}
