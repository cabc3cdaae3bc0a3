/* `system`: the scanner's limits, by name or by settings, and `system.x` in expressions. */
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

static const struct dim dim_gyromagnetic = { -1, 0, -1, 0 };

static const struct ir_system named[] = {
#define NAMED_SYSTEM(n, grad, slew, b1, g_raster, r_raster, a_raster, field, doc) \
	{ .name = #n,                                                             \
	  .max_grad = grad,                                                       \
	  .max_slew = slew,                                                       \
	  .max_b1 = b1,                                                           \
	  .grad_raster = g_raster,                                                \
	  .rf_raster = r_raster,                                                  \
	  .adc_raster = a_raster,                                                 \
	  .b0 = field,                                                            \
	  .gamma = PRECESS_GAMMABAR },
#include "compiler/elab/systems.def"
#undef NAMED_SYSTEM
	{ .name = "ideal",
	  .ideal = true,
	  .max_grad = INFINITY,
	  .max_slew = INFINITY,
	  .max_b1 = INFINITY,
	  .b0 = 3.0,
	  .gamma = PRECESS_GAMMABAR },
};

static const char *const settings[] = {
#define SYSTEM_SETTING(name, dim) #name,
#include "compiler/elab/settings.def"
#undef SYSTEM_SETTING
	"base",
};

static double *setting_field(struct ir_system *s, const char *name, struct dim *d)
{
#define SYSTEM_SETTING(n, dim)   \
	if (!strcmp(name, #n)) { \
		*d = (dim);      \
		return &s->n;    \
	}
#include "compiler/elab/settings.def"
#undef SYSTEM_SETTING
	return NULL;
}

void system_default(struct evaluator *ev)
{
	ev->ir->system = named[0];
}

static bool take_named(struct evaluator *ev, const struct node *n)
{
	const char *names[PRECESS_COUNT(named)], *near;
	struct diag *d;
	struct text t;

	for (size_t i = 0; i < PRECESS_COUNT(named); i++) {
		names[i] = named[i].name;
		if (n->kind == NODE_NAME && !strcmp(n->name, names[i])) {
			ev->ir->system = named[i];
			return true;
		}
	}
	if (n->kind == NODE_ERROR)
		return false;
	d = error_at(ev, "E12", n->span, "no system `%s`", source_text(ev, n->span));
	near = n->kind == NODE_NAME ? lang_nearest(n->name, names, PRECESS_COUNT(names)) : NULL;
	if (near) {
		diag_help(ev->l, d, "did you mean `%s`?", near);
		return false;
	}
	text_init(&t);
	for (size_t i = 0; i < PRECESS_COUNT(named); i++)
		text_printf(&t, "%s%s", i ? ", " : "", names[i]);
	diag_help(ev->l, d, "known: %s; or settings such as `max_grad = 40mT/m`", t.data);
	text_free(&t);
	return false;
}

static void error_setting(struct evaluator *ev, const struct node *s)
{
	const char *near = lang_nearest(s->name, settings, PRECESS_COUNT(settings));
	struct diag *d = error_at(ev, "E12", s->name_span, "`system` has no setting `%s`", s->name);
	struct text t;

	if (near) {
		diag_help(ev->l, d, "did you mean `%s`?", near);
		d->replacement = near;
		return;
	}
	text_init(&t);
	for (size_t i = 0; i < PRECESS_COUNT(settings); i++)
		text_printf(&t, "%s%s", i ? ", " : "it has ", settings[i]);
	diag_help(ev->l, d, "%s", t.data);
	text_free(&t);
}

static void take_setting(struct evaluator *ev, const struct node *s)
{
	struct ir_system *sys = &ev->ir->system;
	struct dim want;
	double *field = setting_field(sys, s->name, &want), v;
	struct value value;

	if (!field) {
		error_setting(ev, s);
		return;
	}
	value = evaluate(ev, s->kid[0]);
	if (value.kind == VALUE_ERROR)
		return;
	if (value.kind != VALUE_NUMBER || !dim_equal(value.dim, want)) {
		error_at(ev, "E11", s->kid[0]->span, "`%s` wants %s, found %s", s->name,
			 describe_dim(ev, want), describe(ev, &value));
		return;
	}
	if (!value_is_const(ev, &value, &v)) {
		error_stage(ev, s->kid[0], arena_printf(ev->arena, "`%s`", s->name));
		return;
	}
	if (!(v >= 0) || (v == 0 && strstr(s->name, "max_"))) {
		error_at(ev, "E34", s->kid[0]->span, "`%s` must be above 0", s->name);
		return;
	}
	*field = v;
}

void declare_system(struct evaluator *ev, const struct node *n)
{
	if (ev->has_system) {
		error_at(ev, "E18", n->span, "`system` is declared twice");
		return;
	}
	ev->has_system = true;
	if (n->n_kid == 1 && n->kid[0]->kind != NODE_SETTING) {
		take_named(ev, n->kid[0]);
		return;
	}
	for (uint32_t i = 0; i < n->n_kid; i++)
		if (n->kid[i]->kind == NODE_SETTING && !strcmp(n->kid[i]->name, "base"))
			take_named(ev, n->kid[i]->kid[0]);
	for (uint32_t i = 0; i < n->n_kid; i++)
		if (n->kid[i]->kind == NODE_SETTING && strcmp(n->kid[i]->name, "base"))
			take_setting(ev, n->kid[i]);
	ev->ir->system.name = "custom";
}

struct value system_member(struct evaluator *ev, const char *name, struct span at)
{
	struct ir_system *s = &ev->ir->system;
	struct dim d;
	double *field;
	struct node setting = { .name = name, .name_span = at };

	if (!strcmp(name, "ideal"))
		return value_bool(s->ideal, at);
	field = setting_field(s, name, &d);
	if (field)
		return value_number(ev, *field, d, at);
	error_setting(ev, &setting);
	return value_error();
}
