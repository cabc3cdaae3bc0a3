/* What a program declares: parameters, maps, marks, geometry and limits. */
#include "compiler/lower/lowering.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The unit in which dim_show would write `value`, and its size in SI. */
static char *unit_for(struct lowering *w, double value, struct dim dim, double *show)
{
	const char *shown = w->lang && isfinite(value) ? dim_show(w->lang, value, dim) : "";
	struct dim d;
	char *unit;

	strtod(shown, &unit);
	while (*unit == ' ')
		unit++;
	if (*unit && unit_find(unit, strlen(unit), show, &d) && dim_equal(d, dim))
		return lower_text(unit);
	*show = 1;
	return lower_text("");
}

static void declare_params(struct lowering *w)
{
	struct program *p = w->p;

	for (uint32_t i = 0; i < w->ir->n_param; i++) {
		const struct ir_param *q = &w->ir->param[i];
		struct program_param *o = APPEND(p->param, p->n_param);

		o->name = lower_text(q->name);
		o->doc = lower_text(q->doc);
		o->type = lower_text(q->type);
		o->lo = q->lo;
		o->hi = q->hi;
		o->value = q->value;
		o->unit = unit_for(w, fmax(fabs(q->lo), fabs(q->hi)), q->dim, &o->show);
	}
}

/* A channel always has a value inside its range, for those who want one without a map. */
static double channel_value(const struct ir_map *m, double neutral)
{
	if (!isnan(m->value))
		return m->value;
	return neutral >= m->lo && neutral <= m->hi ? neutral : 0.5 * (m->lo + m->hi);
}

static void declare_maps(struct lowering *w)
{
	static const double neutral[] = {
#define MAP(name, dim, neutral, doc) neutral,
#include "runtime/program/maps.def"
#undef MAP
	};

	for (int k = 0; k < PROGRAM_MAPS; k++) {
		struct program_map *o = &w->p->map[k];

		o->kind = (enum program_map_kind)k;
		o->lo = o->hi = o->value = neutral[k];
	}
	for (uint32_t i = 0; i < w->ir->n_map; i++) {
		const struct ir_map *m = &w->ir->map[i];
		struct program_map *o = &w->p->map[m->kind];

		o->channel = m->channel;
		o->value = m->channel ? channel_value(m, neutral[m->kind]) : m->value;
		o->lo = m->channel ? m->lo : o->value;
		o->hi = m->channel ? m->hi : o->value;
	}
}

static void declare_marks(struct lowering *w)
{
	struct program *p = w->p;
	double *param = lower_zeros(w->ir->n_param, sizeof *param);

	for (uint32_t i = 0; i < w->ir->n_param; i++)
		param[i] = w->ir->param[i].value;
	for (uint32_t i = 0; i < w->ir->n_mark; i++) {
		const struct ir_mark *m = &w->ir->mark[i];
		double v = ir_eval(w->ir, m->value, param);
		struct program_mark *o = APPEND(p->mark, p->n_mark);

		o->name = lower_text(m->name);
		o->doc = lower_text(m->doc);
		o->unit = unit_for(w, v, m->dim, &o->show);
		o->value = lower_scalar(w, m->value);
	}
	free(param);
}

/* Empty when the file cannot be read again (standard input). */
static void hash_source(char out[65], const char *source)
{
	char *bytes;
	size_t n;

	out[0] = '\0';
	if (!source || file_read(&bytes, &n, source, 64u << 20) != PRECESS_OK)
		return;
	hash_hex(out, bytes, n);
	free(bytes);
}

void lower_declarations(struct lowering *w, const char *source)
{
	const struct ir *ir = w->ir;
	const struct ir_system *s = &ir->system;
	struct program *p = w->p;

	p->name = lower_text(ir->name);
	p->doc = lower_text(ir->doc);
	p->path = lower_text(source);
	memcpy(p->hash, ir->hash, sizeof p->hash);
	hash_source(p->source_hash, source);
	p->gammabar = s->gamma;
	for (int a = 0; a < 3; a++)
		p->fov[a] = ir->geometry.fov[a];
	p->matrix[0] = ir->geometry.matrix[0];
	p->matrix[1] = ir->geometry.matrix[1];
	p->ideal = s->ideal;
	p->max_grad = s->max_grad;
	p->max_slew = s->max_slew;
	p->grad_raster = s->grad_raster;
	p->rf_raster = s->rf_raster;
	p->adc_raster = s->adc_raster;
	declare_params(w);
	declare_maps(w);
	declare_marks(w);
	p->duration = lower_scalar(w, ir->duration);
}
