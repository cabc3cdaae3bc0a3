/* The coherence pathways that reach the window: where their echoes lie, when, how strong. */
#include "compiler/lower/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 14 };

/* How far slot k moves over the parameter ranges, one parameter after another: exact where it is
 * affine, as gradient moments mostly are. */
static void reach(const struct explain *x, program_slot k, double *lo, double *hi)
{
	const struct program *p = x->d->program;
	double *param = malloc((p->n_param + 1) * sizeof *param);
	double *value = malloc((p->n_op + 1) * sizeof *value), at[2];

	*lo = *hi = x->d->value[k];
	for (uint32_t i = 0; param && value && i < p->n_param; i++) {
		for (uint32_t j = 0; j < p->n_param; j++)
			param[j] = x->d->param[j];
		for (int side = 0; side < 2; side++) {
			param[i] = side ? p->param[i].hi : p->param[i].lo;
			program_evaluate(value, p, param);
			at[side] = value[k] - x->d->value[k];
		}
		*lo += fmin(fmin(at[0], at[1]), 0);
		*hi += fmax(fmax(at[0], at[1]), 0);
	}
	free(param);
	free(value);
}

static void show_place(const struct explain *x, program_slot k)
{
	char text[48];
	double lo, hi;

	reach(x, k, &lo, &hi);
	if (hi - lo < 1e-3)
		snprintf(text, sizeof text, "%.4g", lo + 0.5 * (hi - lo));
	else
		snprintf(text, sizeof text, "%.4g .. %.4g", lo, hi);
	text_printf(x->out, "  %-16s", text);
}

void explain_pathways(const struct explain *x)
{
	const struct program *p = x->d->program;

	if (!p->n_pathway)
		return;
	text_printf(x->out,
		    "\ncoherence pathways above 1 %% of M0 in the window (after each pulse: + "
		    "transverse, - conjugate,\n0 along z), centre of the echo in cells of "
		    "k-space over the parameter ranges\n");
	text_printf(x->out, "  %-10s  %-16s  %-16s  %-8s amplitude\n", "pathway", "kx", "ky",
		    "time");
	for (uint32_t i = 0; i < p->n_pathway && i < ROWS; i++) {
		const struct program_pathway *q = &p->pathway[i];
		size_t n = strlen(q->order), cut = n > 10 ? n - 8 : 0;

		text_printf(x->out, "  %s%-*s", cut ? ".." : "", cut ? 8 : 10, q->order + cut);
		show_place(x, q->k[0]);
		show_place(x, q->k[1]);
		text_printf(x->out, "  %-8s", explain_show(x, x->d->value[q->time], explain_time));
		text_printf(x->out, " %.3g\n", q->amplitude);
	}
	if (p->n_pathway > ROWS)
		text_printf(x->out, "  ... and %u weaker ones\n", p->n_pathway - ROWS);
}
