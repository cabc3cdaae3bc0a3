/* A block's extensions: labels, rotations, shims, soft delays. */
#include "compiler/pulseq/build.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static precess_status apply_label(struct state *s, const struct link *l, bool increment)
{
	const struct label_row *r = pulseq_label(s->f, l->ref, increment);
	int64_t v;

	if (!r)
		return pulseq_fail(s->f, l->line, "label %u is not in the file", l->ref);
	if (r->label < 0)
		return PRECESS_OK;
	v = r->value + (increment ? (int64_t)s->label[r->label] : 0);
	if (v < INT32_MIN || v > INT32_MAX)
		return pulseq_fail(s->f, s->line, "a label counts beyond 32 bits");
	s->label[r->label] = (int32_t)v;
	return PRECESS_OK;
}

static precess_status once(const struct state *s, const char *name, bool there, bool already,
			   uint32_t id)
{
	if (!there)
		return pulseq_missing(s, name, id);
	if (already)
		return pulseq_fail(s->f, s->line, "the block has two %ss", name);
	return PRECESS_OK;
}

/* One link of a block's extensions; LABELSET comes before LABELINC whatever the order. */
static precess_status apply_link(struct state *s, const struct link *l, bool increment)
{
	const char *name = s->f->type_name[l->type];
	enum extension kind = s->f->type[l->type];
	const void *before;

	if (kind == EXTENSION_LABELSET || kind == EXTENSION_LABELINC)
		return (kind == EXTENSION_LABELINC) == increment ? apply_label(s, l, increment)
								 : PRECESS_OK;
	if (increment)
		return PRECESS_OK; /* done in the first pass */
	switch (kind) {
	case EXTENSION_ROTATIONS:
		before = s->rotation;
		s->rotation = pulseq_rotation(s->f, l->ref);
		return once(s, "rotation", s->rotation, before, l->ref);
	case EXTENSION_RF_SHIMS:
		before = s->shim;
		s->shim = pulseq_shim(s->f, l->ref);
		return once(s, "RF shim", s->shim, before, l->ref);
	case EXTENSION_DELAYS:
		before = s->delay;
		s->delay = pulseq_delay(s->f, l->ref);
		return once(s, "soft delay", s->delay, before, l->ref);
	case EXTENSION_none:
		if (!s->f->told[3])
			pulseq_warn(s->f, s->line, "extension %s is not known and left out",
				    name ? name : "without a name");
		s->f->told[3] = true;
		return PRECESS_OK;
	default:
		return PRECESS_OK;
	}
}

precess_status pulseq_extend(struct state *s, int64_t id)
{
	const struct link *l;
	precess_status st;

	for (int increment = 0; increment < 2; increment++) {
		uint32_t at = (uint32_t)id, steps = 0;

		for (; at; at = l->next) {
			l = pulseq_link(s->f, at);
			if (!l)
				return pulseq_missing(s, "extension", at);
			if (++steps > 1000)
				return pulseq_fail(s->f, l->line,
						   "extension %u leads back to "
						   "itself",
						   l->id);
			if ((st = apply_link(s, l, increment)))
				return st;
		}
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ soft delays */
/* Letters and digits of the hint; another hint's name gets the number. */
static const char *param_name(struct state *s, const struct delay_row *r)
{
	char *name = arena_copy(s->ir->arena, r->hint, strlen(r->hint));

	for (char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p))
			*p = '_';
	}
	for (uint32_t i = 0; i < s->ir->n_param; i++) {
		if (strcmp(s->ir->param[i].name, name) == 0)
			return arena_printf(s->ir->arena, "%s_%u", name, r->number);
	}
	return isalpha((unsigned char)*name) ? name : arena_printf(s->ir->arena, "D%s", name);
}

/* What the value must be for the block to last as long as the file tells, on its raster. */
static void narrow(struct state *s, const struct delay_row *r, int64_t length)
{
	double half = 0.5 * s->f->block_raster + 1e-9;
	double at = (1e-12 * (double)length - r->offset) * r->factor,
	       reach = half * fabs(r->factor);

	if (r->number >= PRECESS_COUNT(s->soft_value))
		return;
	struct soft_value *v = &s->soft_value[r->number];

	v->lo = v->used ? fmax(v->lo, at - reach) : at - reach;
	v->hi = v->used ? fmin(v->hi, at + reach) : at + reach;
	v->first = v->used ? v->first : at;
	v->used = true;
}

precess_status pulseq_survey(struct state *s, const int64_t *column)
{
	uint32_t at = (uint32_t)column[EXT], steps = 0;
	precess_status st;
	int64_t length;

	while (at && steps++ < 1000) {
		const struct link *l = pulseq_link(s->f, at);
		const struct delay_row *r = NULL;

		if (!l)
			return PRECESS_OK; /* told when it is played */
		if (s->f->type[l->type] == EXTENSION_DELAYS)
			r = pulseq_delay(s->f, l->ref);
		if (r && (st = pulseq_time(&length, s->f, s->line, (double)column[LENGTH],
					   s->f->block_raster * 1e12)))
			return st;
		if (r)
			narrow(s, r, length);
		at = l->next;
	}
	return PRECESS_OK;
}

/* The roundest of the values that fit all blocks: files do not tell it. */
static double choose(const struct soft_value *v)
{
	if (v->lo > v->hi)
		return v->first;
	for (double digit = 0.1; digit > 0.9e-7; digit /= 10) {
		double round = rint(0.5 * (v->lo + v->hi) / digit) * digit;

		if (round >= v->lo && round <= v->hi)
			return round;
	}
	return 0.5 * (v->lo + v->hi);
}

/* The range in which no soft delay of this number is negative; upwards ten times the value where
 * nothing else limits it. */
static uint32_t declare_param(struct state *s, const struct delay_row *r, double value)
{
	struct ir_param p = { .index = -1,
			      .type = "time",
			      .dim = { .s = 1 },
			      .value = value,
			      .span = span_none,
			      .range_span = span_none,
			      .lo = 0 };
	double hi = INFINITY;

	for (size_t i = 0; i < s->f->n_delay; i++) {
		const struct delay_row *d = &s->f->delay[i];

		if (d->number != r->number)
			continue;
		if (d->factor > 0)
			p.lo = fmax(p.lo, -d->offset * d->factor);
		else
			hi = fmin(hi, -d->offset * d->factor);
	}
	p.hi = isinf(hi) ? fmax(10 * value, p.lo + 1) : hi;
	if (!(value >= p.lo - 1e-12 && value <= p.hi + 1e-12 && p.lo < p.hi))
		return UINT32_MAX;
	p.value = fmin(fmax(value, p.lo), p.hi);
	p.name = param_name(s, r);
	p.doc = arena_printf(s->ir->arena, "soft delay \"%s\" of the file", r->hint);
	return ir_add_param(s->ir, &p);
}

/* Whoever plays the file rounds to the block's raster; where the file's value lies on it, so do all
 * that people type, and the line stays without. */
precess_status pulseq_soft_delay(ir_scalar *out, struct state *s)
{
	const struct delay_row *r = s->delay;
	double told = (double)s->length * 1e-12, exact;
	struct soft_value *v;

	*out = PULSEQ_FIXED;
	if (s->longest > 0)
		return pulseq_fail(s->f, s->line,
				   "soft delay %s is in a block that plays something; "
				   "it wants one of its own",
				   r->hint);
	if (r->number >= PRECESS_COUNT(s->soft_value))
		return pulseq_fail(s->f, s->line,
				   "soft delay %s has the number %u; numbers are at "
				   "most %zu",
				   r->hint, r->number, PRECESS_COUNT(s->soft_value) - 1);
	v = &s->soft_value[r->number];
	if (!v->param)
		v->param = declare_param(s, r, choose(v)) + 1;
	exact = v->param ? r->offset + s->ir->param[v->param - 1].value / r->factor : INFINITY;
	if (fabs(exact - told) <= 0.5 * s->f->block_raster + 1e-9) {
		*out = ir_add(s->ir, ir_const(s->ir, r->offset),
			      ir_scale(s->ir, 1 / r->factor, ir_param_scalar(s->ir, v->param - 1)));
		if (fabs(exact - told) > 1e-9)
			*out = ir_binary(s->ir, IR_ROUND, *out,
					 ir_const(s->ir, s->f->block_raster));
		return PRECESS_OK;
	}
	if (!s->f->told[2])
		pulseq_warn(
			s->f, s->line,
			"soft delay %s: the block's duration belongs to another "
			"value than that of other blocks, or to one out of its range; it stays as "
			"it is",
			r->hint);
	s->f->told[2] = true;
	return PRECESS_OK;
}
