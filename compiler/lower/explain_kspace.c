/* The order in which k-space is read: lines of each shot, direction along kx, the centre. */
#include "compiler/lower/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct line {
	uint32_t event;   /* of the draw */
	int shot;
	int line;         /* 0 at the lowest ky */
	int echo;
	double ky, kx[2]; /* 1/m, since the last pulse; first and last kx */
	double time;      /* of sample n/2, the centre of the line */
	double after;     /* since the excitation's centre; NAN without one */
};

/* ------------------------------------------------------------------ collecting */
/* What it is for, if somebody said so; else up to 90 degrees. */
static bool excites(const char *use, double flip)
{
	if (strcmp(use, "undefined") != 0)
		return strcmp(use, "excitation") == 0;
	return fabs(flip) < 1.6;
}

/* Per event of the draw: centre of the last excitation before it, NAN when there is none. */
static double *excitations(const struct draw *d)
{
	const struct program *p = d->program;
	double *at = calloc(p->n_event + 1, sizeof *at), last = NAN;

	for (uint32_t i = 0; at && i < p->n_event; i++)
		at[d->at[i]] = d->event[d->at[i]].kind == PROGRAM_RF &&
			       excites(p->event[i].use, d->event[d->at[i]].flip);
	for (uint32_t i = 0; at && i < p->n_event; i++) {
		const struct draw_event *e = &d->event[i];
		bool excited = at[i] != 0;

		if (e->kind == PROGRAM_RESET)
			last = NAN;
		at[i] = last;
		if (excited)
			last = (double)(e->start + e->center) * 1e-12;
	}
	return at;
}

static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return (x->event > y->event) - (x->event < y->event);
}

static void locate(struct line *o, const struct draw *d, uint32_t r, double *k, double *tau,
		   const double *excited)
{
	const struct program_readout *q = &d->program->readout[r];
	const struct draw_event *e = &d->event[d->at[q->event]];
	double dk = d->program->fov[1] > 0 ? 1 / d->program->fov[1] : 0;

	draw_readout(d, r, k, tau);
	o->event = d->at[q->event];
	o->ky = k[1];
	o->kx[0] = k[0];
	o->kx[1] = k[3 * (e->n - 1)];
	o->time = (double)e->start * 1e-12 + (e->n / 2 + 0.5) * e->dwell;
	o->after = o->time - excited[o->event];
	o->echo = e->label[PROGRAM_LABEL_echo];
	o->shot = e->label[PROGRAM_LABEL_shot] >= 0 ? e->label[PROGRAM_LABEL_shot] : (int)q->shot;
	o->line = e->label[PROGRAM_LABEL_line];
	if (o->line < 0 && dk > 0)
		o->line = (int)lround(o->ky / dk) + d->program->matrix[1] / 2;
}

/* All line readouts in order of time; NULL when there are none. */
static struct line *collect(const struct explain *x, uint32_t *n)
{
	const struct program *p = x->d->program;
	struct line *a = calloc(p->n_readout + 1, sizeof *a);
	double *k, *excited = excitations(x->d);
	uint32_t longest = 1;

	*n = 0;
	for (uint32_t i = 0; i < p->n_event; i++)
		longest = p->event[i].n > longest ? p->event[i].n : longest;
	k = calloc(4 * (size_t)longest, sizeof *k);
	for (uint32_t r = 0; a && k && excited && r < p->n_readout; r++) {
		const int32_t *label = p->event[p->readout[r].event].label;

		if (p->readout[r].class_ == PROGRAM_READOUT_LINE &&
		    label[PROGRAM_LABEL_nav] <= 0 && label[PROGRAM_LABEL_noise] <= 0)
			locate(&a[(*n)++], x->d, r, k, k + 3 * (size_t)longest, excited);
	}
	free(excited);
	free(k);
	qsort(a, a ? *n : 0, sizeof *a, by_time);
	return a;
}

/* ------------------------------------------------------------------ telling */
/* "lines 0, 8 .. 120" for an even run, "line 3, 8 times" for one line, else the first few. */
static void print_run(struct text *out, const struct line *a, uint32_t n)
{
	uint32_t even = 1;
	int step = n > 1 ? a[1].line - a[0].line : 0;

	while (even < n && a[even].line - a[even - 1].line == step)
		even++;
	if (even == n && step == 0) {
		text_printf(out, "line %d", a[0].line);
		if (n > 1)
			text_printf(out, ", %u times", n);
	} else if (even == n && n > 3) {
		text_printf(out, "lines %d, %d .. %d", a[0].line, a[1].line, a[n - 1].line);
	} else {
		for (uint32_t i = 0; i < n && i < 8; i++)
			text_printf(out, "%s%d", i ? ", " : "lines ", a[i].line);
		text_printf(out, n > 8 ? ", ..." : "");
	}
}

static void print_order(const struct explain *x, const struct line *a, uint32_t n)
{
	enum { SHOTS_SHOWN = 2 };
	uint32_t shots = 0, last = 0;

	for (uint32_t i = 0; i < n;) {
		uint32_t k = i + 1;

		while (k < n && a[k].shot == a[i].shot)
			k++;
		if (i == 0 && k == n) {
			text_printf(x->out, "  ");
			print_run(x->out, a, n);
			text_printf(x->out, "\n");
		} else if (shots++ < SHOTS_SHOWN) {
			text_printf(x->out, "  shot %d reads ", a[i].shot);
			print_run(x->out, a + i, k - i);
			text_printf(x->out, "\n");
		}
		last = i;
		i = k;
	}
	if (shots > SHOTS_SHOWN) {
		text_printf(x->out, "  ... %u more; shot %d reads ", shots - SHOTS_SHOWN,
			    a[last].shot);
		print_run(x->out, a + last, n - last);
		text_printf(x->out, "\n");
	}
}

static void print_direction(const struct explain *x, const struct line *a, uint32_t n)
{
	uint32_t back = 0, turns = 0;

	for (uint32_t i = 0; i < n; i++) {
		back += a[i].kx[1] < a[i].kx[0];
		turns += i && (a[i].kx[1] < a[i].kx[0]) != (a[i - 1].kx[1] < a[i - 1].kx[0]);
	}
	text_printf(x->out, "  kx runs %s\n",
		    back == 0	     ? "upwards in every line"
		    : back == n      ? "downwards in every line"
		    : turns == n - 1 ? "to and fro: every second line is read backwards"
				     : "upwards in some lines, downwards in others");
}

/* From the centre of k-space, in lines or 1/m. What the sequence says of its lines counts: the
 * moments since the last pulse say nothing of phase encoding before it. */
static double distance(const struct explain *x, const struct line *a)
{
	if (a->line >= 0)
		return abs(a->line - x->d->program->matrix[1] / 2);
	return fabs(a->ky);
}

static void print_centre(const struct explain *x, const struct line *a, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++) {
		if (distance(x, &a[i]) < distance(x, &a[best]) - 1e-6)
			best = i;
	}
	text_printf(x->out, distance(x, &a[best]) < 1e-6 ? "  ky = 0" : "  nearest to ky = 0");
	if (a[best].line >= 0)
		text_printf(x->out, " (line %d)", a[best].line);
	text_printf(x->out, ":");
	if (a[best].echo >= 0)
		text_printf(x->out, " echo %d of shot %d,", a[best].echo, a[best].shot);
	text_printf(x->out, " centre at %s", explain_show(x, a[best].time, explain_time));
	if (isfinite(a[best].after))
		text_printf(x->out, ", %s after the last excitation",
			    explain_show(x, a[best].after, explain_time));
	text_printf(x->out, "\n");
}

void explain_kspace(const struct explain *x)
{
	const struct draw *d = x->d;
	uint32_t n;
	struct line *a = collect(x, &n);

	if (n) {
		const struct draw_event *e = &d->event[a[0].event];

		text_printf(x->out, "\nk-space: %u line%s of %u samples, dwell %s", n,
			    n == 1 ? "" : "s", e->n,
			    explain_show(x, e->dwell, explain_time));
		text_printf(x->out, " (%.4g kHz, %.4g Hz per pixel)\n", 1e-3 / e->dwell,
			    1 / (e->dwell * e->n));
		if (a[0].line >= 0)
			print_order(x, a, n);
		print_direction(x, a, n);
		print_centre(x, a, n);
	}
	free(a);
}
