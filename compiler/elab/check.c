/* Checks of the whole sequence: every line of k-space once, every parameter and map of use. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* ------------------------------------------------------------------ coverage */
/* One ADC with a line label. Its group is (set, slice, rep, avg): each must fill the matrix. */
struct readout {
	const struct ir_event *e;
	uint32_t order;
};

static int compare_labels(const struct ir_event *a, const struct ir_event *b, bool echo)
{
	static const int group[] = { IR_LABEL_set, IR_LABEL_slice, IR_LABEL_rep,
				     IR_LABEL_avg, IR_LABEL_line,  IR_LABEL_echo };
	size_t n = PRECESS_COUNT(group) - !echo;

	for (size_t i = 0; i < n; i++)
		if (a->label[group[i]] != b->label[group[i]])
			return a->label[group[i]] < b->label[group[i]] ? -1 : 1;
	return 0;
}

static int by_labels(const void *a, const void *b)
{
	const struct readout *x = a, *y = b;
	int c = compare_labels(x->e, y->e, true);

	return c ? c : x->order < y->order ? -1 : 1;
}

static bool same_group(const struct ir_event *a, const struct ir_event *b)
{
	return a->label[IR_LABEL_set] == b->label[IR_LABEL_set] &&
	       a->label[IR_LABEL_slice] == b->label[IR_LABEL_slice] &&
	       a->label[IR_LABEL_rep] == b->label[IR_LABEL_rep] &&
	       a->label[IR_LABEL_avg] == b->label[IR_LABEL_avg];
}

/* "lines 9, 13 .. 15 are", "line 9 is": those of a group that nothing reads; NULL without any. */
static const char *missing_lines(struct evaluator *ev, const struct readout *r, size_t n)
{
	int lines = ev->ir->geometry.matrix[1], shown = 0, missing = 0;
	const char *out = NULL;
	size_t at = 0;

	for (int line = 0; line < lines; line++) {
		int end = line;

		while (at < n && r[at].e->label[IR_LABEL_line] < line)
			at++;
		if (at < n && r[at].e->label[IR_LABEL_line] == line)
			continue;
		while (end + 1 < lines && !(at < n && r[at].e->label[IR_LABEL_line] == end + 1))
			end++;
		if (++shown > 6)
			return arena_printf(ev->arena, "lines %s, ... are", out);
		out = arena_printf(ev->arena, end > line ? "%s%s%d .. %d" : "%s%s%d",
				   out ? out : "", out ? ", " : "", line, end);
		missing += end - line + 1;
		line = end;
	}
	if (!out)
		return NULL;
	return arena_printf(ev->arena, missing > 1 ? "lines %s are" : "line %s is", out);
}

static const char *who(struct evaluator *ev, const struct ir_event *e, bool with_echo)
{
	static const int labels[] = { IR_LABEL_shot, IR_LABEL_echo };
	static const char *const names[] = { "shot", "echo" };
	const char *out = "";

	for (int i = 0; i < 1 + with_echo; i++)
		if (e->label[labels[i]] >= 0)
			out = arena_printf(ev->arena, "%s%s%s %d", out, *out ? " " : "", names[i],
					   e->label[labels[i]]);
	return *out ? out : place_text(ev, e->span);
}

static void told_double(struct evaluator *ev, const struct ir_event *a, const struct ir_event *b,
			const char *missing)
{
	int echo = a->label[IR_LABEL_echo];
	bool same_echo = echo == b->label[IR_LABEL_echo];
	struct diag *d =
		error_at(ev, "E40", b->span, "k-space line %d%s is written twice: %s and %s%s%s%s",
			 a->label[IR_LABEL_line],
			 echo >= 0 && same_echo ? arena_printf(ev->arena, " (echo %d)", echo) : "",
			 who(ev, a, !same_echo), who(ev, b, !same_echo), missing ? "; " : "",
			 missing ? missing : "", missing ? " never read" : "");

	diag_label(ev->l, d, "line %d again", a->label[IR_LABEL_line]);
	if (a->label[IR_LABEL_shot] >= 0 && echo >= 0)
		diag_help(ev->l, d, "with interleaved shots: `line = shot + shots * echo`");
	else
		diag_help(ev->l, d,
			  "give repeated lines different `set`, `rep`, `avg` or `echo` labels");
}

/* Does every echo of the group read every line? Then echoes are contrasts, not parts of k-space. */
static bool echoes_are_contrasts(struct evaluator *ev, const struct readout *r, size_t n)
{
	size_t lines = (size_t)ev->ir->geometry.matrix[1], distinct = 0, echoes = 0;
	int32_t *seen = arena_alloc(ev->arena, (n + 1) * sizeof *seen);

	for (size_t i = 0; i < n; i++) {
		int32_t echo = r[i].e->label[IR_LABEL_echo];
		size_t k = 0;

		distinct += i == 0 ||
			    r[i].e->label[IR_LABEL_line] != r[i - 1].e->label[IR_LABEL_line] ||
			    echo != r[i - 1].e->label[IR_LABEL_echo];
		while (k < echoes && seen[k] != echo)
			k++;
		if (k == echoes)
			seen[echoes++] = echo;
	}
	return distinct == lines * echoes;
}

static void check_group(struct evaluator *ev, const struct readout *r, size_t n)
{
	const char *missing = missing_lines(ev, r, n);
	bool contrasts = echoes_are_contrasts(ev, r, n);
	struct diag *d;

	for (size_t i = 1; i < n; i++) {
		bool same_line = r[i].e->label[IR_LABEL_line] == r[i - 1].e->label[IR_LABEL_line];
		bool same_echo = r[i].e->label[IR_LABEL_echo] == r[i - 1].e->label[IR_LABEL_echo];

		/* a line in several echoes is fine when all lines are, wrong when others lack */
		if (same_line && (same_echo || (!contrasts && missing))) {
			told_double(ev, r[i - 1].e, r[i].e, missing);
			return;
		}
	}
	if (!missing)
		return;
	d = warning_at(ev, "W05", r[0].e->span, "k-space %s never read", missing);
	diag_note(ev->l, d, ev->geometry_span, "`matrix` has %d lines", ev->ir->geometry.matrix[1]);
}

void check_coverage(struct evaluator *ev)
{
	int lines = ev->ir->geometry.matrix[1];
	struct readout *r;
	size_t n = 0, from = 0;
	bool outside = false; /* told: what is missing then follows from it */

	if (lines <= 0)
		return;
	r = malloc((ev->time.n_event + 1) * sizeof *r);
	if (!r)
		abort();
	for (uint32_t i = 0; i < ev->time.n_event; i++) {
		const struct ir_event *e = &ev->event[i];

		if (e->kind != IR_ADC || e->label[IR_LABEL_line] < 0 ||
		    e->label[IR_LABEL_nav] > 0 || e->label[IR_LABEL_noise] > 0)
			continue;
		if (e->label[IR_LABEL_line] >= lines) {
			error_at(ev, "E41", e->span, "line %d is outside 0 .. %d",
				 e->label[IR_LABEL_line], lines - 1);
			outside = true;
			continue;
		}
		r[n++] = (struct readout){ e, i };
	}
	qsort(r, n, sizeof *r, by_labels);
	for (size_t i = 1; i <= n && !outside; i++)
		if (i == n || !same_group(r[i].e, r[from].e)) {
			check_group(ev, r + from, i - from);
			from = i;
		}
	free(r);
}

/* ------------------------------------------------------------------ what has no effect */
static void uses_of(struct evaluator *ev, ir_scalar e, bool *done, bool *uses)
{
	const struct ir_expr *x = &ev->ir->expr[e];

	if (done[e])
		return;
	done[e] = true;
	switch (x->op) {
	case IR_CONST:
		return;
	case IR_PARAM:
		uses[x->param] = true;
		return;
	case IR_SUM:
		for (uint32_t i = 0; i < x->n; i++)
			uses_of(ev, x->term[i], done, uses);
		return;
	default:
		uses_of(ev, x->a, done, uses);
		uses_of(ev, x->b, done, uses);
	}
}

static void warn_unused_params(struct evaluator *ev, const bool *uses)
{
	const struct ir *ir = ev->ir;

	for (uint32_t i = 0; i < ir->n_param; i++) {
		const struct ir_param *p = &ir->param[i];
		bool used = uses[i];
		struct diag *d;

		for (uint32_t k = 0; p->group && k < ir->n_param; k++)
			used |= uses[k] && ir->param[k].group == p->group;
		if (used)
			continue;
		d = warning_at(ev, "W01", p->span, "parameter `%s` never reaches a played event",
			       p->group ? p->group : p->name);
		diag_label(ev->l, d, "no value of it changes the sequence");
	}
}

void check_unused(struct evaluator *ev)
{
	bool *done = calloc(ev->ir->n_expr, 1), *uses = calloc(ev->ir->n_param + 1, 1);
	double lo = 0, hi = 0;

	if (!done || !uses)
		abort();
	for (uint32_t i = 0; i < ev->time.n_event; i++) {
		const struct ir_event *e = &ev->event[i];
		const ir_scalar s[] = { e->start,     e->duration, e->flip, e->phase, e->freq,
					e->amplitude, e->rise,     e->flat, e->fall,  e->dwell };

		for (size_t k = 0; k < PRECESS_COUNT(s); k++)
			uses_of(ev, s[k], done, uses);
	}
	for (uint32_t i = 0; i < ev->time.n_block; i++)
		uses_of(ev, ev->block[i].block.duration, done, uses);
	warn_unused_params(ev, uses);
	free(done);
	free(uses);
	ir_range(ev->ir, ev->time.rounded, &lo, &hi);
	for (uint32_t i = 0; i < ev->ir->n_map; i++) {
		const struct ir_map *m = &ev->ir->map[i];

		if (m->kind == IR_MAP_dB0 && hi < 1e-3)
			warning_at(ev, "W02", m->span,
				   "`map dB0` has no effect: no free precession longer than 1ms");
	}
}
