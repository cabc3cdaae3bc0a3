/* Numbers that change from repetition to repetition, as people would write them: a constant, a line
 * in the counters, a change of sign or of value with every second one, a parabola of an angle (RF
 * spoiling); else a table. */
#include "compiler/pulseq/source.h"

#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925;

void formula_number(struct text *out, double v)
{
	char buf[40];

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(buf, sizeof buf, "%.*g", digits, v);
		if (fabs(strtod(buf, NULL) - v) <= 1e-11 * fabs(v) &&
		    (!strchr(buf, 'e') || fabs(v) < 1e-4 || fabs(v) > 1e15))
			break; /* 20, not 2e+01 */
	}
	text_printf(out, "%s", buf);
}

static void quantity(struct text *out, double v, double scale, const char *unit)
{
	formula_number(out, v / scale);
	text_printf(out, "%s", unit);
}

/* The counters of iteration i. */
static void counters(uint32_t c[REROLL_DEPTH], const struct loops *l, uint32_t i)
{
	for (int d = l->n; d-- > 0; i /= l->count[d])
		c[d] = i % l->count[d];
}

/* The place of counter d = x, all others 0. */
static uint32_t along(const struct loops *l, int d, uint32_t x)
{
	for (int k = l->n - 1; k > d; k--)
		x *= l->count[k];
	return x;
}

/* Which counters the numbers depend on. */
static int depends(bool on[REROLL_DEPTH], const double *v, const struct loops *l, double slack)
{
	uint32_t size = loops_size(l);
	int n = 0;

	for (int d = 0; d < l->n; d++) {
		uint32_t step = along(l, d, 1), c[REROLL_DEPTH];

		on[d] = false;
		for (uint32_t i = 0; i < size && !on[d]; i++) {
			counters(c, l, i);
			on[d] = c[d] && fabs(v[i] - v[i - c[d] * step]) > slack;
		}
		n += on[d];
	}
	return n;
}

/* ------------------------------------------------------------------ lines */
static bool is_line(double slope[REROLL_DEPTH], const double *v, const struct loops *l,
		    double slack)
{
	uint32_t size = loops_size(l), c[REROLL_DEPTH];

	for (int d = 0; d < l->n; d++) {
		uint32_t last = l->count[d] - 1;

		slope[d] = last ? (v[along(l, d, last)] - v[0]) / last : 0;
	}
	for (uint32_t i = 0; i < size; i++) {
		double line = v[0];

		counters(c, l, i);
		for (int d = 0; d < l->n; d++)
			line += slope[d] * c[d];
		if (fabs(v[i] - line) > slack)
			return false;
	}
	return true;
}

static void write_line(struct text *out, const double *v, const double *slope, const bool *on,
		       const struct loops *l, double scale, const char *unit)
{
	bool first = fabs(v[0]) / scale < 1e-12;

	if (!first)
		quantity(out, v[0], scale, unit);
	for (int d = 0; d < l->n; d++) {
		double s = slope[d];

		if (!on[d])
			continue;
		if (!first)
			text_printf(out, s < 0 ? " - " : " + ");
		else if (s < 0)
			text_printf(out, "-");
		first = false;
		if (fabs(s) != scale || *unit) {
			quantity(out, fabs(s), scale, unit);
			text_printf(out, " * ");
		}
		text_printf(out, "%s", l->name[d]);
	}
}

/* ------------------------------------------------------------------ every second one */
static bool alternates(const double *v, const struct loops *l, int d, double slack)
{
	uint32_t size = loops_size(l), step = along(l, d, 1), c[REROLL_DEPTH];

	for (uint32_t i = 0; i < size; i++) {
		counters(c, l, i);
		if (fabs(v[i] - v[c[d] % 2 * step]) > slack)
			return false;
	}
	return true;
}

static void write_alternating(struct text *out, double a, double b, const char *name, double scale,
			      const char *unit, double slack)
{
	if (fabs(a + b) <= slack) {
		text_printf(out, "(-1)^%s * ", name);
		quantity(out, a, scale, unit);
		return;
	}
	text_printf(out, "(%s %% 2 == 0 ? ", name);
	quantity(out, a, scale, unit);
	text_printf(out, " : ");
	quantity(out, b, scale, unit);
	text_printf(out, ")");
}

/* ------------------------------------------------------------------ parabolas */
/* RF spoiling: phases a + b n + c n^2 modulo a turn, of as few decimals in degrees as will do. */
static bool fits_parabola(double p[3], const double *v, const struct loops *l, int d, double digit)
{
	uint32_t size = loops_size(l), step = along(l, d, 1), c[REROLL_DEPTH];
	double x[3], n;

	digit *= two_pi / 360;
	for (int k = 0; k < 3; k++)
		x[k] = v[(uint32_t)k * step];
	p[0] = rint(x[0] / digit) * digit;
	p[2] = rint(remainder(x[2] - 2 * x[1] + x[0], two_pi) / digit) * digit / 2;
	p[1] = remainder(rint((x[1] - x[0] - p[2]) / digit * 2) * digit / 2, two_pi);
	for (uint32_t i = 0; i < size; i++) {
		counters(c, l, i);
		n = c[d];
		if (fabs(remainder(v[i] - (p[0] + p[1] * n + p[2] * n * n), two_pi)) > 3e-5)
			return false;
	}
	return true;
}

static bool is_parabola(double p[3], const double *v, const struct loops *l, int d)
{
	for (double digit = 1; l->count[d] > 3 && digit > 0.9e-4; digit /= 10) {
		if (fits_parabola(p, v, l, d, digit))
			return true;
	}
	return false;
}

static void write_parabola(struct text *out, const double p[3], const char *name)
{
	static const char *const power[] = { "", " * %s", " * %s^2" };
	bool first = true;

	for (int k = 0; k < 3; k++) {
		if (fabs(p[k]) < 1e-9)
			continue;
		text_printf(out, "%s", first ? (p[k] < 0 ? "-" : "") : p[k] < 0 ? " - " : " + ");
		first = false;
		quantity(out, fabs(p[k]), two_pi / 360, "deg");
		if (k == 1)
			text_printf(out, power[1], name);
		else if (k == 2)
			text_printf(out, power[2], name);
	}
	if (first)
		text_printf(out, "0deg");
}

/* ------------------------------------------------------------------ tables */
static precess_status keep_table(const char **name, struct tables *t, const char *body, size_t n)
{
	precess_status st;

	for (size_t i = 0; i < t->n_body; i++) {
		if (strcmp(t->body[i], body) == 0) {
			*name = t->name[i];
			return PRECESS_OK;
		}
	}
	*name = arena_printf(t->arena, "t%u", ++t->n);
	body = arena_copy(t->arena, body, n);
	text_printf(&t->text, "let %s = %s\n", *name, body);
	TRY(pulseq_append((void **)&t->body, &t->n_body, &t->cap_body, &body, sizeof body));
	t->n_body--; /* both grow together */
	st = pulseq_append((void **)&t->name, &t->n_body, &t->cap_name, name, sizeof *name);
out:
	return st;
}

static precess_status write_table(struct text *out, struct tables *t, const double *v,
				  const struct loops *l, const bool *on, double scale,
				  const char *unit)
{
	uint32_t size = loops_size(l), c[REROLL_DEPTH], n = 0;
	const char *name = "", *times = "";
	precess_status st;
	struct text body;

	text_init(&body);
	text_printf(&body, "[");
	for (uint32_t i = 0; i < size; i++) {
		bool zero = true;

		counters(c, l, i);
		for (int d = 0; d < l->n; d++)
			zero = zero && (on[d] || c[d] == 0);
		if (!zero)
			continue;
		text_printf(&body, "%s", n == 0 ? "" : n % 8 ? ", " : ",\n  ");
		formula_number(&body, v[i] / scale);
		n++;
	}
	text_printf(&body, "]%s", unit);
	st = keep_table(&name, t, body.data, body.n);
	text_free(&body);
	text_printf(out, "%s[", name);
	for (int d = 0; d < l->n; d++) {
		uint32_t step = 1;

		for (int k = d + 1; k < l->n; k++)
			step *= on[k] ? l->count[k] : 1;
		if (!on[d])
			continue;
		text_printf(out, "%s", times);
		if (step > 1)
			text_printf(out, "%u * ", step);
		text_printf(out, "%s", l->name[d]);
		times = " + ";
	}
	text_printf(out, "]");
	return st;
}

/* ------------------------------------------------------------------ periods */
/* The smallest period of n numbers (Knuth, Morris, Pratt), n without one; 0 without memory. */
static uint32_t period(const double *v, uint32_t n, double slack)
{
	uint32_t *border = calloc((size_t)n + 1, sizeof *border), k = 0, p;

	if (!border)
		return 0;
	for (uint32_t i = 1; i < n; i++) {
		while (k && fabs(v[i] - v[k]) > slack)
			k = border[k - 1];
		k += fabs(v[i] - v[k]) <= slack;
		border[i] = k;
	}
	p = n - border[n - 1];
	free(border);
	return p;
}

/* As a formula of the counter modulo the period; false when there is no short one. Only counter d
 * changes anything. */
static bool is_periodic(double **cycle, struct loops *sub, const double *v, const struct loops *l,
			int d, struct arena *arena, double slack)
{
	uint32_t n = l->count[d], step = along(l, d, 1), p;
	double *own = calloc(n, sizeof *own);

	for (uint32_t i = 0; own && i < n; i++)
		own[i] = v[i * step];
	p = own ? period(own, n, slack) : 0;
	*sub = (struct loops){ .n = 1, .count = { p } };
	*cycle = own;
	if (p == 0 || p > n / 2 || n < 16) {
		free(own);
		return false;
	}
	sub->name[0] = arena_printf(arena, "(%s %% %u)", l->name[d], p);
	return true;
}

precess_status formula_write(struct text *out, struct tables *t, const double *v,
			     const struct loops *l, enum formula_kind kind, double scale,
			     const char *unit, double slack)
{
	double slope[REROLL_DEPTH], p[3], *cycle;
	bool on[REROLL_DEPTH];
	struct loops sub;
	int n = depends(on, v, l, slack), d = 0;

	if (n == 0) {
		quantity(out, v[0], scale, unit);
		return PRECESS_OK;
	}
	while (!on[d])
		d++;
	if (n == 1 && l->count[d] > 2 && alternates(v, l, d, slack)) {
		write_alternating(out, v[0], v[along(l, d, 1)], l->name[d], scale, unit, slack);
		return PRECESS_OK;
	}
	if (is_line(slope, v, l, slack)) {
		write_line(out, v, slope, on, l, scale, unit);
		return PRECESS_OK;
	}
	if (n == 1 && kind == FORMULA_ANGLE && is_parabola(p, v, l, d)) {
		write_parabola(out, p, l->name[d]);
		return PRECESS_OK;
	}
	if (n == 1 && is_periodic(&cycle, &sub, v, l, d, t->arena, slack)) {
		precess_status st = formula_write(out, t, cycle, &sub, kind, scale, unit, slack);

		free(cycle);
		return st;
	}
	return write_table(out, t, v, l, on, scale, unit);
}
