/* Is a scalar >= 0 over the whole domain? Affine scalars that no require cuts are decided at one
 * corner of the box; for others a quick bound is tried before the search. Verdicts are kept: many
 * blocks ask the same. */
#include "compiler/ir/remedy.h"

#include <math.h>
#include <stdlib.h>

/* Errors shown are few (DIAG_LIMIT); a remedy costs many searches. Later failures get none. */
enum { REMEDIES = 32, REFINE = 256 };

struct ir_known_verdict {
	struct ir_verdict verdict;
	double slack;
};

void ir_forget(struct ir *ir)
{
	struct ir_tables *t = ir->tables;

	ir_tape_free(t->tape);
	free(t->range);
	free(t->verdict);
	free(t->reach);
	t->tape = NULL;
	t->range = NULL;
	t->verdict = NULL;
	t->reach = NULL;
	t->n_range = t->n_verdict = 0;
}

static double *defaults(const struct ir *ir)
{
	double *at = arena_alloc(ir->arena, ir->n_param * sizeof *at);
	uint32_t i;

	for (i = 0; i < ir->n_param; i++)
		at[i] = ir->param[i].value;
	return at;
}

static struct ir_verdict affine(const struct ir *ir, struct ir_form f, double slack)
{
	struct ir_verdict v = { .worst = f.value, .at = defaults(ir), .param = -1 };
	const struct ir_param *p;
	uint32_t i, param;

	for (i = 0; i < f.n; i++) {
		param = ir->expr[f.term[i]].param;
		p = &ir->param[param];
		v.at[param] = f.coef[i] > 0 ? p->lo : p->hi;
		v.worst += f.coef[i] * v.at[param];
	}
	v.proved = v.worst >= -slack;
	v.fails = !v.proved;
	if (v.fails && ir->tables->remedies++ < REMEDIES)
		ir_remedy_affine(&v, ir, f, slack);
	return v;
}

static struct ir_verdict general(const struct ir *ir, struct ir_form f, double slack)
{
	struct ir_verdict v = { .at = defaults(ir), .param = -1 };
	struct ir_variable *variable;
	struct ir_search *s;
	struct ir_minimum m;
	uint32_t i, n;

	v.worst = ir_quick_bound(ir, f, -slack);
	v.proved = v.worst >= -slack;
	if (v.proved)
		return v;
	s = ir_search_create(ir, f);
	variable = ir_search_variables(s, &n);
	m = ir_search_run(s, -slack, IR_SEARCH_BOXES, REFINE);
	v.proved = m.bound >= -slack;
	v.fails = m.best < -slack;
	v.worst = m.best < INFINITY ? m.best : m.bound;
	for (i = 0; i < n && m.best < INFINITY; i++)
		v.at[variable[i].param] = m.at[i];
	if (!v.proved && ir->tables->remedies++ < REMEDIES)
		ir_remedy_search(&v, ir, s, slack);
	ir_search_free(s);
	return v;
}

struct ir_verdict ir_prove(const struct ir *ir, ir_scalar e, double slack)
{
	struct ir_tables *t = ir->tables;
	struct ir_form f = ir_form_of(ir, &e);
	struct ir_known_verdict *k = e < t->n_verdict ? t->verdict[e] : NULL;

	if (k && k->slack == slack)
		return k->verdict;
	k = arena_alloc(ir->arena, sizeof *k);
	k->slack = slack;
	if (ir_classify(ir, e) != IR_CLASS_GENERAL && !ir_form_is_cut(ir, f))
		k->verdict = affine(ir, f, slack);
	else
		k->verdict = general(ir, f, slack);
	t->verdict = ir_grow(t->verdict, e + 1, &t->n_verdict, sizeof *t->verdict);
	t->verdict[e] = k;
	return k->verdict;
}
