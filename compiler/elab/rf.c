/* RF pulses: hard, sinc, gauss, shape, and slice_select. A shape has mean 1, so that the flip angle
 * is 2 pi gammabar times the amplitude times the duration. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

static enum ir_use use_of(const struct value *v)
{
	static const char *const words[] = {
#define USE(name) #name,
#include "runtime/program/uses.def"
#undef USE
	};

	for (size_t i = 0; v && i < PRECESS_COUNT(words); i++)
		if (!strcmp(words[i], v->text))
			return (enum ir_use)i;
	return IR_USE_undefined;
}

/* B1 at the pulse's peak: flip / (2 pi gammabar duration) * peak. */
static void oblige_b1(struct evaluator *ev, const struct rf *p)
{
	struct ir *ir = ev->ir;
	struct obligation o = { .kind = OBLIGE_B1,
				.subject = p->name,
				.dim = dim_field,
				.limit = ir->system.max_b1,
				.slack = 1e-12 };

	if (isinf(o.limit))
		return;
	o.place = place_of(ev, p->span);
	o.need = ir_div(ir,
			ir_scale(ir, p->peak / (2 * M_PI * ir->system.gamma),
				 ir_unary(ir, IR_ABS, p->flip)),
			p->duration);
	o.e = ir_sub(ir, ir_const(ir, o.limit), o.need);
	oblige(ev, &o);
}

/* Nothing is rounded: the flip angle would change. Where the duration depends on parameters it is
 * whoever sets them who knows. */
static void warn_raster(struct evaluator *ev, const struct call *c, const struct rf *p)
{
	double raster = ev->ir->system.rf_raster, v;
	struct diag *d;

	if (raster <= 0 || !ir_is_const(ev->ir, p->duration, &v) ||
	    fabs(v / raster - round(v / raster)) < 1e-6)
		return;
	d = warning_at(ev, "W07", c->node->span,
		       "the duration %s of `%s` is not on the %s RF raster",
		       dim_show(ev->l, v, dim_time), p->name, dim_show(ev->l, raster, dim_time));
	diag_help(ev->l, d, "the nearest are %s and %s",
		  dim_show(ev->l, floor(v / raster) * raster, dim_time),
		  dim_show(ev->l, ceil(v / raster) * raster, dim_time));
}

static struct value pulse(struct evaluator *ev, struct call *c, uint32_t shape, double peak,
			  ir_scalar bandwidth)
{
	struct value v = { .kind = VALUE_RF, .span = c->node->span };
	struct rf *p = arena_alloc(ev->arena, sizeof *p);

	p->name = ev->binding ? ev->binding : c->function->name;
	p->span = c->node->span;
	p->flip = call_arg(c, "flip")->scalar;
	p->duration = call_arg(c, "duration")->scalar;
	p->phase = call_scalar(c, "phase", 0);
	p->freq = call_scalar(c, "freq", 0);
	p->center = ir_scale(ev->ir, 0.5, p->duration);
	p->bandwidth = bandwidth;
	p->shape = shape;
	p->peak = peak;
	p->use = use_of(call_arg(c, "use"));
	oblige_time(ev, p->duration, c->node->span, "the duration of `%s`", p->name);
	oblige_b1(ev, p);
	warn_raster(ev, c, p);
	v.rf = p;
	return v;
}

/* Steps of the RF raster (1 us when there is none), several together in a long pulse. */
static uint32_t sample_count(struct evaluator *ev, ir_scalar duration)
{
	double raster = ev->ir->system.rf_raster > 0 ? ev->ir->system.rf_raster : 1e-6;
	double steps = round(scalar_default(ev, duration) / raster);
	double k = ceil(steps / LIMIT_RF_SAMPLES);

	if (!(steps >= 1))
		return 1;
	while (k < steps && fmod(steps, k) != 0)
		k++;
	/* a prime number of steps has no such divisor: near the limit is good enough */
	if (steps / k < LIMIT_RF_SAMPLES / 4.0)
		return (uint32_t)fmin(steps, LIMIT_RF_SAMPLES);
	return (uint32_t)(steps / k);
}

/* Scales to mean 1 (of the real parts) and stores; the largest magnitude goes to `peak`. */
static uint32_t store(struct evaluator *ev, const char *name, double *s, uint32_t n, double *peak)
{
	struct ir_shape shape = { .name = name, .complex = true, .n = n };
	double sum = 0;

	shape.sample = s;
	*peak = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += s[2 * i];
	for (uint32_t i = 0; i < 2 * n && fabs(sum) > 1e-9 * n; i++)
		s[i] *= n / sum;
	for (uint32_t i = 0; i < n; i++)
		*peak = fmax(*peak, hypot(s[2 * i], s[2 * i + 1]));
	return ir_add_shape(ev->ir, &shape);
}

/* Pulse shapes over t in -1/2 .. 1/2. */
static double sinc_at(double t, double tbw, double apodization)
{
	double x = M_PI * tbw * t, window = 1 - apodization + apodization * cos(2 * M_PI * t);

	return window * (fabs(x) < 1e-12 ? 1 : sin(x) / x);
}

static double gauss_at(double t, double tbw, double unused)
{
	(void)unused;
	return exp(-M_PI * tbw * tbw * t * t);
}

static struct value shaped(struct evaluator *ev, struct call *c, const char *name, double tbw,
			   double apodization, double at(double, double, double))
{
	ir_scalar duration = call_arg(c, "duration")->scalar;
	uint32_t n = sample_count(ev, duration), shape;
	double *s = arena_alloc(ev->ir->arena, 2 * n * sizeof *s), peak;
	ir_scalar bandwidth = ir_div(ev->ir, ir_const(ev->ir, tbw), duration);

	for (uint32_t i = 0; i < n; i++)
		s[2 * i] = at((i + 0.5) / n - 0.5, tbw, apodization);
	shape = store(ev, name, s, n, &peak);
	return pulse(ev, c, shape, peak, bandwidth);
}

/* A number that shapes the samples must be known at compile time. */
static bool shape_number(struct evaluator *ev, struct call *c, const char *name, double fallback,
			 double *out)
{
	struct value *v = call_arg(c, name);

	*out = fallback;
	if (!v || value_is_const(ev, v, out))
		return true;
	error_at(ev, "E30", v->span, "`%s` needs a value known at compile time", name);
	return false;
}

struct value builtin_hard(struct evaluator *ev, struct call *c)
{
	ir_scalar duration = call_arg(c, "duration")->scalar;

	return pulse(ev, c, IR_NO_SHAPE, 1, ir_div(ev->ir, 1, duration));
}

struct value builtin_sinc(struct evaluator *ev, struct call *c)
{
	double tbw, apodization;

	if (!shape_number(ev, c, "tbw", 4, &tbw) ||
	    !shape_number(ev, c, "apodization", 0.5, &apodization))
		return value_error();
	return shaped(ev, c,
		      arena_printf(ev->ir->arena, "sinc(tbw=%g, apodization=%g)", tbw, apodization),
		      tbw, apodization, sinc_at);
}

struct value builtin_gauss(struct evaluator *ev, struct call *c)
{
	double tbw, sigma, duration = scalar_default(ev, call_arg(c, "duration")->scalar);

	if (!shape_number(ev, c, "tbw", 3, &tbw) || !shape_number(ev, c, "sigma", 0, &sigma))
		return value_error();
	if (sigma > 0) /* exp(-t^2 / 2 sigma^2) = exp(-pi tbw^2 (t / duration)^2) */
		tbw = duration / sigma / sqrt(2 * M_PI);
	return shaped(ev, c, arena_printf(ev->ir->arena, "gauss(tbw=%g)", tbw), tbw, 0, gauss_at);
}

struct value builtin_shape(struct evaluator *ev, struct call *c)
{
	struct value *samples = call_arg(c, "samples");
	ir_scalar duration = call_arg(c, "duration")->scalar;
	bool is_complex;
	double *data, *s, peak;
	uint32_t shape;
	size_t n;

	if (!samples || !samples_read(ev, samples, &data, &n, &is_complex))
		return value_error();
	s = arena_alloc(ev->ir->arena, 2 * n * sizeof *s);
	for (size_t i = 0; i < n; i++) {
		s[2 * i] = data[is_complex ? 2 * i : i];
		s[2 * i + 1] = is_complex ? data[2 * i + 1] : 0;
	}
	free(data);
	shape = store(ev, samples->kind == VALUE_TEXT ? samples->text : "shape", s, (uint32_t)n,
		      &peak);
	return pulse(ev, c, shape, peak, call_scalar(c, "bandwidth", ir_div(ev->ir, 1, duration)));
}

/* ------------------------------------------------------------------ slice selection */
/* The plateau lasts as long as the pulse, up to the raster; the pulse begins with it. */
static struct grad plateau(struct evaluator *ev, const struct rf *p, int axis, ir_scalar amplitude)
{
	const struct ir_system *s = &ev->ir->system;
	struct grad g = { .name = "slice_select",
			  .axis = axis,
			  .shape = IR_NO_SHAPE,
			  .amplitude = amplitude,
			  .flat = p->duration };
	double rise = 0, flat;

	if (!s->ideal)
		rise = raster_up(scalar_worst(ev, amplitude) / s->max_slew, s->grad_raster);
	if (!s->ideal && ir_is_const(ev->ir, p->duration, &flat))
		g.flat = ir_const(ev->ir, raster_up(flat, s->grad_raster));
	g.rise = g.fall = ir_const(ev->ir, rise);
	return g;
}

/* The area from the pulse's centre to the gradient's end, undone by a lobe of its own. */
static bool rephaser(struct evaluator *ev, struct call *c, const struct rf *p, const struct grad *g,
		     struct value *out)
{
	struct ir *ir = ev->ir;
	struct value *given = call_arg(c, "rephase");
	const struct builtin *b = builtin_find("trapezoid");
	struct value function = builtin_value(ev, b, c->node->span), argument[16];
	ir_scalar after = ir_add(ir, ir_sub(ir, g->flat, p->center), ir_scale(ir, 0.5, g->fall));
	ir_scalar area = ir_scale(ir, -ir->system.gamma, ir_mul(ir, g->amplitude, after));
	struct call call = { c->node, function.function, argument };

	for (int i = 0; i < function.function->n_formal; i++) {
		const char *name = function.function->formal[i].name;

		argument[i] = (struct value){ .kind = VALUE_NONE };
		if (!strcmp(name, "axis"))
			argument[i] = value_axis(g->axis, c->node->span);
		else if (!strcmp(name, "area"))
			argument[i] = value_scalar(area, dim_wave, c->node->span);
		else if (!strcmp(name, "duration") && given)
			argument[i] = *given;
		else if (!strcmp(name, "duration") && ir->system.ideal)
			argument[i] = value_scalar(ir_scale(ir, 0.5, p->duration), dim_time,
						   c->node->span);
	}
	ev->binding = "rephase";
	*out = b->run(ev, &call);
	return out->kind == VALUE_GRAD;
}

struct value builtin_slice_select(struct evaluator *ev, struct call *c)
{
	struct value *thickness = call_arg(c, "thickness"), *axis = call_arg(c, "axis");
	struct value v = { .kind = VALUE_BUNDLE, .span = c->node->span }, rephase;
	const struct rf *given = call_arg(c, "rf")->rf;
	struct rf *p = arena_alloc(ev->arena, sizeof *p);
	struct bundle *b = arena_alloc(ev->arena, sizeof *b);
	ir_scalar thick;
	struct grad g;

	if (!thickness && ev->ir->geometry.fov[2] <= 0) {
		struct diag *d = error_at(ev, "E13", c->node->span,
					  "`slice_select` wants `thickness`");

		diag_help(ev->l, d, "give it, or add `slice = 5mm` to `geometry`");
		return value_error();
	}
	thick = thickness ? thickness->scalar : ir_const(ev->ir, ev->ir->geometry.fov[2]);
	g = plateau(
		ev, given, axis ? axis->axis : 2,
		ir_div(ev->ir, given->bandwidth, ir_scale(ev->ir, ev->ir->system.gamma, thick)));
	if (!rephaser(ev, c, given, &g, &rephase))
		return value_error();
	*p = *given;
	p->start = g.rise;
	b->n = 2;
	b->item[0] = (struct value){ .kind = VALUE_RF, .span = c->node->span };
	b->item[0].rf = p;
	b->item[1] = value_grad(&g, ev, c->node->span);
	b->n_member = 3;
	b->member[0].name = "rf";
	b->member[0].value = b->item[0];
	b->member[1].name = "grad";
	b->member[1].value = b->item[1];
	b->member[2].name = "rephase";
	b->member[2].value = rephase;
	v.bundle = b;
	return v;
}
