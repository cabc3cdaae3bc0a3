/* Why the schedule is what it is, in the words of whoever wrote the sequence. */
#include "compiler/lower/lowering.h"

#include <math.h>
#include <stdlib.h>

static const struct dim per_metre = { 0, -1, 0, 0 };
static const struct dim seconds = { 1, 0, 0, 0 };

static void note(struct lowering *w, uint32_t history, uint32_t epoch, uint32_t readout, char *text)
{
	*APPEND(w->p->note, w->p->n_note) = (struct program_note){ history, epoch, readout, text };
}

static const char *show(struct lowering *w, ir_scalar e, struct dim d)
{
	return w->lang ? ir_text(w->ir, w->lang, e, d) : "a scalar";
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* ------------------------------------------------------------------ histories */
static bool is_zero(const struct lowering *w, program_slot s)
{
	return w->p->op[s].op == PROGRAM_CONST && w->p->op[s].value == 0;
}

/* Do the shots read different ky in one epoch? Then something was rewound. */
static bool shots_differ(const struct lowering *w, const struct program_history *h)
{
	for (uint32_t i = h->first_epoch; i < h->first_epoch + h->n_epoch; i++) {
		const struct program_epoch *e = &w->p->epoch[i];

		for (uint32_t r = 1; r < e->n_readout; r++) {
			const struct program_readout *a = &w->p->readout[e->first_readout];

			if (a[r].shot != a->shot && (a[r].k[1] != a->k[1] || a[r].k[2] != a->k[2]))
				return true;
		}
	}
	return false;
}

static void note_shared(struct lowering *w, uint32_t h)
{
	const struct program_history *o = &w->p->history[h];
	const char *why;

	if (o->n_shot == 1)
		return;
	if (!shots_differ(w, o))
		why = "all shots play the same pulses, delays and moments";
	else if (o->n_epoch > 1)
		why = "phase encodes are rewound before every next pulse (the moments between "
		      "pulses are equal in all shots)";
	else
		why = "phase encodes act only after the last pulse";
	note(w, h, UINT32_MAX, UINT32_MAX,
	     lower_printf("%u shots share one spin history: %s", o->n_shot, why));
}

static const struct shot *first_shot(const struct lowering *w, uint32_t h)
{
	const struct shot *s = w->shot;

	while (s->history != h)
		s++;
	return s;
}

/* "the y moment after pulse 3 is 4.5/m, 0/m in the first" */
static char *difference_text(struct lowering *w, const struct shot *s)
{
	const struct shot *f = first_shot(w, 0);
	const struct epoch *a, *b;

	if (s->why == DIFFERENT_COUNT)
		return lower_printf("it has %u pulses, the first %u", s->n_epoch, f->n_epoch);
	a = &w->epoch[f->first_epoch + s->differs];
	b = &w->epoch[s->first_epoch + s->differs];
	switch (s->why) {
	case DIFFERENT_PULSE:
		return lower_printf("pulse %u is another one", s->differs + 1);
	case DIFFERENT_PHASE:
		return lower_printf("pulse %u has another phase", s->differs + 1);
	case DIFFERENT_DURATION:
		return lower_printf("pulse %u is followed by %s until the next, %s in the first",
				    s->differs + 1, show(w, b->duration, seconds),
				    show(w, a->duration, seconds));
	default:
		return lower_printf("the %c moment between pulses %u and %u is %s, %s in the "
				    "first: not rewound",
				    "xyz"[s->axis], s->differs + 1, s->differs + 2,
				    show(w, b->moment[s->axis], per_metre),
				    show(w, a->moment[s->axis], per_metre));
	}
}

/* Told for the second history; the others of the same reason are counted. */
static void note_split(struct lowering *w)
{
	const struct shot *s;
	uint32_t more = 0;
	char *why, also[40] = "";

	if (w->n_history < 2)
		return;
	s = first_shot(w, 1);
	for (uint32_t h = 2; h < w->n_history; h++) {
		const struct shot *t = first_shot(w, h);

		more += t->why == s->why && t->differs == s->differs && t->axis == s->axis;
	}
	why = difference_text(w, s);
	if (more)
		snprintf(also, sizeof also, " (likewise in %u more)", more);
	note(w, 1, w->p->history[1].first_epoch + s->differs, UINT32_MAX,
	     lower_printf("%u spin histories for %u shots: in shot %u %s%s", w->n_history,
			  w->n_shot, (uint32_t)(s - w->shot), why, also));
	free(why);
}

/* ------------------------------------------------------------------ pulses, readouts, trains */
static void note_pulses(struct lowering *w)
{
	static const char *const why[] = {
		[PROGRAM_PULSE_HARD] = "rectangular, no gradient meanwhile: one rotation each",
		[PROGRAM_PULSE_SHAPED] = "constant gradient or none meanwhile: one rotation per "
					 "sample of the shape",
		[PROGRAM_PULSE_STEPPED] = "a gradient changes during the pulse: stepped in time",
	};
	uint32_t n[3] = { 0 };

	for (uint32_t i = 0; i < w->p->n_epoch; i++) {
		if (w->p->epoch[i].pulse != UINT32_MAX)
			n[w->p->pulse[w->p->epoch[i].pulse].class_]++;
	}
	for (int c = 0; c < 3; c++) {
		if (n[c])
			note(w, UINT32_MAX, UINT32_MAX, UINT32_MAX,
			     lower_printf("%u pulse%s: %s", n[c], plural(n[c]), why[c]));
	}
}

enum { LINE_EVEN, LINE_UNEVEN, POINT, GENERAL_PLANE, GENERAL_THROUGH, READOUT_GROUPS };

static int group_of(const struct lowering *w, const struct program_readout *r)
{
	switch (r->class_) {
	case PROGRAM_READOUT_LINE:
		return r->step[0] == PROGRAM_NO_SLOT ? LINE_UNEVEN : LINE_EVEN;
	case PROGRAM_READOUT_POINT:
		return POINT;
	default:
		return r->step[2] != PROGRAM_NO_SLOT && is_zero(w, r->step[2]) ? GENERAL_PLANE
									       : GENERAL_THROUGH;
	}
}

static void note_readouts(struct lowering *w)
{
	static const char *const why[READOUT_GROUPS] = {
		"ky, kz constant while sampling, kx uniform: separable line method",
		"ky, kz constant while sampling, kx uneven (ramps are sampled): separable line "
		"method at the true kx",
		"no gradient while sampling: decay and off-resonance only",
		"ky moves while sampling: Fourier transforms or a sum over spins",
		"a gradient through the slice while sampling: Fourier transforms for planes of spins, "
		"or a sum over spins",
	};
	uint32_t n[READOUT_GROUPS] = { 0 }, first[READOUT_GROUPS] = { 0 };

	for (uint32_t i = 0; i < w->p->n_readout; i++) {
		int g = group_of(w, &w->p->readout[i]);

		if (!n[g]++)
			first[g] = i;
	}
	for (int g = 0; g < READOUT_GROUPS; g++) {
		const char *what = g <= LINE_UNEVEN ? "line" : "readout";

		if (n[g])
			note(w, UINT32_MAX, UINT32_MAX, first[g],
			     lower_printf("%u %s%s: %s", n[g], what, plural(n[g]), why[g]));
	}
}

static void note_trains(struct lowering *w)
{
	for (uint32_t i = 0; i < w->p->n_train; i++) {
		const struct program_train *t = &w->p->train[i];
		const struct readout *a = &w->readout[w->readout_of[t->first_readout]];
		const struct readout *b = &w->readout[w->readout_of[t->first_readout + 1]];
		ir_scalar period = ir_sub(w->ir, b->time, a->time);
		ir_scalar dky = lower_settle(w, ir_sub(w->ir, b->k[1], a->k[1]));

		note(w, UINT32_MAX, t->epoch, t->first_readout,
		     lower_printf("%u lines form a train: one every %s, each %s further in ky%s",
				  t->n_readout, show(w, period, seconds), show(w, dky, per_metre),
				  a->step[0] == b->step[0] ? "" : ", kx to and fro"));
	}
}

void lower_notes(struct lowering *w)
{
	note_pulses(w);
	note_readouts(w);
	note_split(w);
	for (uint32_t h = 0; h < w->n_history; h++)
		note_shared(w, h);
	note_trains(w);
}
