/* `explain`: what was declared, what follows from it, and how it will be simulated. */
#include "compiler/lower/explain.h"

#include <math.h>
#include <string.h>

const struct dim explain_time = { 1, 0, 0, 0 }, explain_angle = { 0, 0, 0, 1 };

enum { MARKS_SHOWN = 16, NOTE_COLUMNS = 96 };

const char *explain_show(const struct explain *x, double v, struct dim d)
{
	return dim_show(x->l, v, d);
}

void explain_range(const struct explain *x, ir_scalar e, struct dim d)
{
	double lo, hi, v;

	if (ir_is_const(x->ir, e, &v)) {
		text_printf(x->out, "%s", explain_show(x, v, d));
		return;
	}
	ir_range(x->ir, e, &lo, &hi);
	text_printf(x->out, "%s .. ", explain_show(x, lo, d));
	text_printf(x->out, "%s", explain_show(x, hi, d));
}

/* ------------------------------------------------------------------ declarations */
/* Elements of an array from i on with one range and value. */
static uint32_t equal_elements(const struct explain *x, uint32_t i)
{
	const struct ir_param *a = &x->ir->param[i];
	uint32_t n = 1;

	for (; a->group && i + n < x->ir->n_param; n++) {
		const struct ir_param *b = &x->ir->param[i + n];

		if (!b->group || strcmp(a->group, b->group) != 0 || a->lo != b->lo ||
		    a->hi != b->hi || a->value != b->value ||
		    x->d->param[i] != x->d->param[i + n])
			break;
	}
	return n;
}

static void explain_params(const struct explain *x)
{
	const struct program *p = x->d->program;
	uint32_t n;

	if (p->n_param)
		text_printf(x->out, "\nparameters\n");
	for (uint32_t i = 0; i < p->n_param; i += n) {
		const struct program_param *q = &p->param[i];
		const struct ir_param *a = &x->ir->param[i];
		char range[64], now[64], name[96];

		n = equal_elements(x, i);
		snprintf(name, sizeof name, "%s", q->name);
		if (n > 1)
			snprintf(name, sizeof name, "%s[%d..%d]", a->group, a->index,
				 a->index + (int)n - 1);

		snprintf(range, sizeof range, "%.6g%s .. %.6g%s", q->lo / q->show, q->unit,
			 q->hi / q->show, q->unit);
		if (a->step > 0)
			snprintf(range + strlen(range), sizeof range - strlen(range),
				 " step %.6g%s", a->step / q->show, q->unit);
		snprintf(now, sizeof now, "%.6g%s", x->d->param[i] / q->show, q->unit);
		text_printf(x->out, "  %-10s %-22s now %s", name, range, now);
		if (x->d->param[i] != q->value)
			text_printf(x->out, " (default %.6g%s)", q->value / q->show, q->unit);
		if (q->doc && *q->doc)
			text_printf(x->out, "%*s %s", strlen(now) < 10 ? 10 - (int)strlen(now) : 0,
				    "", q->doc);
		text_printf(x->out, "\n");
	}
}

static void explain_maps(const struct explain *x)
{
	static const char *const types[] = {
#define MAP(name, dim, neutral, doc) dim,
#include "runtime/program/maps.def"
#undef MAP
	};
	static const char *const docs[] = {
#define MAP(name, dim, neutral, doc) doc,
#include "runtime/program/maps.def"
#undef MAP
	};

	if (x->ir->n_map)
		text_printf(x->out, "\nmaps of the object\n");
	for (uint32_t i = 0; i < x->ir->n_map; i++) {
		const struct ir_map *m = &x->ir->map[i];
		struct dim d = { 0, 0, 0, 0 };
		char range[96];

		type_dim(types[m->kind], &d);
		if (m->channel)
			snprintf(range, sizeof range, "%s .. %s", explain_show(x, m->lo, d),
				 explain_show(x, m->hi, d));
		else
			snprintf(range, sizeof range, "%s everywhere",
				 explain_show(x, m->value, d));
		text_printf(x->out, "  %-10s %-22s %s\n", x->ir->map[i].name, range,
			    m->doc && *m->doc ? m->doc : docs[m->kind]);
	}
}

static void explain_geometry(const struct explain *x)
{
	const struct program *p = x->d->program;

	if (p->fov[0] <= 0)
		return;
	text_printf(x->out, "geometry  %g x %g mm", p->fov[0] * 1e3, p->fov[1] * 1e3);
	if (p->fov[2] > 0)
		text_printf(x->out, ", slice %g mm", p->fov[2] * 1e3);
	if (p->matrix[0] > 0)
		text_printf(x->out, ", matrix %d x %d: pixels of %.4g x %.4g mm", p->matrix[0],
			    p->matrix[1], p->fov[0] * 1e3 / p->matrix[0],
			    p->fov[1] * 1e3 / p->matrix[1]);
	text_printf(x->out, "\n");
}

/* The strongest gradient and the steepest ramp of the draw; shapes count by their samples. */
static void used(const struct draw *d, double *strongest, double *steepest)
{
	*strongest = *steepest = 0;
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];
		double g = fabs(e->amplitude);
		int64_t ramp = e->rise && (!e->fall || e->rise < e->fall) ? e->rise : e->fall;

		if (e->kind != PROGRAM_GRAD)
			continue;
		if (e->shape != PROGRAM_NO_SHAPE) {
			const struct program_shape *s = &d->program->shape[e->shape];
			double peak = fmax(fabs(s->first), fabs(s->last));

			for (uint32_t k = 0; k < s->n; k++)
				peak = fmax(peak, fabs(s->sample[k]));
			*strongest = fmax(*strongest, g * peak);
			continue;
		}
		*strongest = fmax(*strongest, g);
		if (ramp)
			*steepest = fmax(*steepest, g / ((double)ramp * 1e-12));
	}
}

static void explain_system(const struct explain *x)
{
	const struct ir_system *s = &x->ir->system;
	double g, slew;

	used(x->d, &g, &slew);
	if (s->ideal) {
		text_printf(x->out,
			    "system    ideal: no limits, no rasters; gradients reach %.3g mT/m\n",
			    g * 1e3);
		return;
	}
	text_printf(x->out, "system    %s: %.4g mT/m (used: %.4g), %.4g T/m/s (used: %.4g)\n",
		    s->name && *s->name ? s->name : "custom", s->max_grad * 1e3, g * 1e3,
		    s->max_slew, slew);
	text_printf(x->out, "          rasters: gradient %s, ",
		    explain_show(x, s->grad_raster, explain_time));
	text_printf(x->out, "RF %s, ", explain_show(x, s->rf_raster, explain_time));
	text_printf(x->out, "ADC %s\n", explain_show(x, s->adc_raster, explain_time));
}

/* ------------------------------------------------------------------ derived values */
static void explain_mark(const struct explain *x, uint32_t i)
{
	const struct ir_mark *m = &x->ir->mark[i];
	bool constant = ir_is_const(x->ir, m->value, NULL);

	text_printf(x->out, "  %s", m->name);
	if (!constant)
		text_printf(x->out, " = %s", ir_text(x->ir, x->l, m->value, m->dim));
	text_printf(x->out, " = ");
	explain_range(x, m->value, m->dim);
	if (!constant)
		text_printf(x->out, ", now %s",
			    explain_show(x, x->d->value[x->d->program->mark[i].value], m->dim));
	if (m->doc && *m->doc)
		text_printf(x->out, "  (%s)", m->doc);
	text_printf(x->out, "\n");
}

static void explain_marks(const struct explain *x)
{
	const uint32_t n = x->d->program->n_mark;

	if (n)
		text_printf(x->out, "\nderived values\n");
	for (uint32_t i = 0; i < n && i < MARKS_SHOWN; i++)
		explain_mark(x, i);
	if (n > MARKS_SHOWN)
		text_printf(x->out, "  ... %u more\n", n - MARKS_SHOWN);
}

/* ------------------------------------------------------------------ the schedule */
/* Words wrapped at NOTE_COLUMNS, continued under the first. */
static void wrap(struct text *out, const char *text)
{
	size_t column = 4;

	text_printf(out, "  - ");
	while (*text) {
		size_t n = strcspn(text, " ");
		bool next = column + n + 1 > NOTE_COLUMNS;

		if (column > 4)
			text_printf(out, next ? "\n    " : " ");
		text_add(out, text, n);
		column = (next ? 4 : column + (column > 4)) + n;
		text += n + strspn(text + n, " ");
	}
	text_printf(out, "\n");
}

static void explain_schedule(const struct explain *x)
{
	enum { NOTES_SHOWN = 14 };
	const struct program *p = x->d->program;
	uint32_t pulses = 0;

	for (uint32_t i = 0; i < p->n_epoch; i++)
		pulses += p->epoch[i].pulse != UINT32_MAX;
	text_printf(x->out,
		    "\nhow the spins are computed\n"
		    "  %u histor%s with %u pulse%s (%u different); %u readout%s, %u samples;\n"
		    "  %u operations turn the parameters into all numbers of the sequence\n",
		    p->n_history, p->n_history == 1 ? "y" : "ies", pulses,
		    pulses == 1 ? "" : "s", p->n_pulse,
		    p->n_readout, p->n_readout == 1 ? "" : "s", p->n_sample, p->n_op);
	for (uint32_t i = 0; i < p->n_note && i < NOTES_SHOWN; i++)
		wrap(x->out, p->note[i].text);
	if (p->n_note > NOTES_SHOWN)
		text_printf(x->out, "  ... %u more notes\n", p->n_note - NOTES_SHOWN);
}

void lower_explain(struct text *out, struct ir *ir, struct lang *l, const struct draw *d)
{
	struct explain x = { out, ir, l, d };
	const struct program *p = d->program;

	text_printf(out, "%s%s%s\n", p->name, p->doc && *p->doc ? ": " : "", p->doc ? p->doc : "");
	explain_params(&x);
	explain_maps(&x);
	text_printf(out, "\n");
	explain_geometry(&x);
	explain_system(&x);
	explain_timeline(&x);
	explain_marks(&x);
	explain_kspace(&x);
	explain_pathways(&x);
	explain_schedule(&x);
}
