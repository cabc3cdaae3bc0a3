/* [SHAPES]: samples, plain or compressed.
 *
 * Compressed samples are differences; two equal ones in a row are followed by how often the value
 * comes again. From 1.4 on a shape with as many numbers as samples is plain; before, all were
 * compressed, but a writer that gained nothing by it stored them plain, too. */
#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Differences to samples, in place. */
static void integrate(double *v, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		v[i] += v[i - 1];
}

/* Where numbers come from: lines up to the next shape or section, or floats. */
struct source {
	const struct file *f;
	struct cursor c;
	uint64_t left;  /* floats */
	uint32_t line;  /* of the last number */
	struct word word;
};

static bool next_value(double *v, struct source *s, bool *bad)
{
	struct cursor before = s->c;
	const char *from, *to;

	*bad = false;
	if (s->f->binary) {
		if (s->left == 0)
			return false;
		s->left--;
		s->line = s->c.line;
		*v = pulseq_float(s->f, s->c.p);
		*bad = !isfinite(*v);
		s->word = (struct word){ "nan or inf", 10 };
		s->c.p += 4;
		s->c.line += 4;
		return true;
	}
	if (!pulseq_line(&s->c, &from, &to, &s->line))
		return false;
	if (*from == '[' || *from == 's') {
		s->c = before;
		return false;
	}
	s->word = (struct word){ from, (size_t)(to - from) };
	*bad = !pulseq_number(v, s->word);
	return true;
}

static precess_status wrong_length(const struct file *f, const struct shape *s, uint64_t have)
{
	return pulseq_fail(f, s->line,
			   "shape %u declares %u samples, its numbers make %s%llu; mend num_samples, "
			   "or write the file again",
			   s->id, s->n, have > s->n ? "at least " : "", (unsigned long long)have);
}

/* How many numbers follow, and whether they can make s->n samples: known before any memory is
 * asked for. */
static precess_status measure(bool *plain, struct source from, const struct shape *s)
{
	const struct file *f = from.f;
	double v, last = 0, before = 0;
	uint64_t made = 0, stored = 0;
	uint32_t run = 0;
	bool bad;

	while (next_value(&v, &from, &bad)) {
		if (bad)
			return pulseq_fail(f, from.line,
					   "'%.*s' in shape %u is not a finite number",
					   (int)(from.word.n < 40 ? from.word.n : 40), from.word.p,
					   s->id);
		stored++;
		run++;
		if (run > 2 && last == before) {
			if (!(v >= 0 && v == floor(v) && v <= PULSEQ_SHAPE_LIMIT))
				made = UINT64_MAX / 2; /* no count: plain numbers */
			else
				made += (uint64_t)v;
			run = 0;
		} else {
			made++;
		}
		before = last;
		last = v;
		if (run == 0)
			before = NAN;
	}
	*plain = stored == s->n && (f->version >= 1004 || made != s->n);
	if (*plain || made == s->n)
		return PRECESS_OK;
	return wrong_length(f, s, made > UINT64_MAX / 4 ? stored : made);
}

/* `plain`: as many numbers as samples. */
static void fill(struct shape *s, struct source *from, bool plain)
{
	uint32_t n = 0, run = 0;
	double v, last = 0, before = 0;
	bool bad;

	while (next_value(&v, from, &bad)) {
		run++;
		if (!plain && run > 2 && last == before) {
			for (double k = 0; k < v && n < s->n; k++)
				s->sample[n++] = last;
			run = 0;
			before = NAN;
		} else {
			if (n < s->n)
				s->sample[n++] = v;
			before = last;
		}
		last = v;
	}
	if (!plain)
		integrate(s->sample, s->n);
}

precess_status pulseq_shape_read(struct file *f, struct cursor *c, struct shape *s, uint64_t stored)
{
	struct source from = { .f = f, .c = *c, .left = stored };
	precess_status st;
	bool plain;

	if ((st = measure(&plain, from, s)))
		return st;
	s->sample = arena_alloc(f->arena, s->n * sizeof *s->sample);
	fill(s, &from, plain);
	*c = from.c;
	for (uint32_t i = 0; i < s->n; i++) {
		if (!isfinite(s->sample[i]))
			return pulseq_fail(f, s->line, "shape %u: its numbers add up beyond all "
						       "bounds", s->id);
	}
	return PRECESS_OK;
}
