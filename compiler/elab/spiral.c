/* spiral(interleaves, ...): the fastest Archimedean spiral that the scanner can play.
 *
 * k = l t exp(i t) with l = interleaves / (2 pi fov): neighbouring turns of all interleaves are one
 * cell apart. With v = dt/dtime and a = dv/dtime
 *
 *     |dk/dtime|^2   = l^2 v^2 (1 + t^2)                                    <= (gamma max_grad)^2
 *     |d2k/dtime2|^2 = l^2 ((1 + t^2) a^2 + 2 t v^2 a + (4 + t^2) v^4)      <= (gamma max_slew)^2
 *
 * so each instant takes the largest a of the quadratic, until the gradient is at its limit. Going
 * forward greedily is safe: as the turns open, the largest v falls more slowly than the scanner can
 * brake. Magnitudes are limited, not axes, so that a turned spiral is as good. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* Straight lines between samples cut corners: limits are approached, not touched. */
static const double margin = 0.98;
enum {
	FINE = 64,       /* steps of the integration per sample */
	LENGTH = 100000  /* samples: a second at 10 us */
};
static const double pi = 3.14159265358979323846;

struct wave {
	double *g;      /* x, y per raster time (i + 1/2): T/m, before turning */
	size_t n, read; /* all samples; those before the ramp down */
};

/* The largest angular acceleration within the slew rate `s` (rad/s^2: gamma max_slew / l). */
static double acceleration(double t, double v, double s)
{
	double q = 1 + t * t, b = t * v * v, c = (4 + t * t) * v * v * v * v - s * s;

	return (-b + sqrt(fmax(b * b - q * c, 0))) / q;
}

/* False: too long. `limit` and `slew` in T/m and T/m/s; `gamma` in Hz/T; `reach` in 1/m. */
static bool integrate(struct wave *w, double limit, double slew, double gamma, double l,
		      double reach, double raster)
{
	double h = raster / FINE, t = 0, v = 0, fastest = gamma * limit / l, g[2] = { 0 };
	size_t ramp;

	for (long step = 1; l * t < reach; step++) {
		v += h * acceleration(t, v, gamma * slew / l);
		v = fmin(v, fastest / sqrt(1 + t * t));
		t += h * v;
		if (step % FINE != FINE / 2)
			continue;
		if (w->n + 4 > LENGTH)
			return false;
		g[0] = w->g[2 * w->n] = l / gamma * v * (cos(t) - t * sin(t));
		g[1] = w->g[2 * w->n + 1] = l / gamma * v * (sin(t) + t * cos(t));
		w->n++;
	}
	w->read = w->n;
	ramp = (size_t)ceil(hypot(g[0], g[1]) / (slew * raster));
	if (w->n + ramp > LENGTH)
		return false;
	for (size_t i = 1; i <= ramp; i++) {
		double f = 1 - (double)i / ((double)ramp + 0.5);

		w->g[2 * w->n] = f * g[0];
		w->g[2 * w->n + 1] = f * g[1];
		w->n++;
	}
	return true;
}

/* One axis of the wave, turned by `angle`. */
static struct value along(struct evaluator *ev, const struct wave *w, int axis, double angle,
			  struct span at)
{
	const struct ir_system *sys = &ev->ir->system;
	struct grad g = { .name = axis ? "spiral.gy" : "spiral.gx", .axis = axis };
	struct ir_shape shape = { .name = g.name, .n = (uint32_t)w->n };
	double c = cos(angle), s = sin(angle), most = 0, before = 0;

	shape.sample = arena_alloc(ev->ir->arena, w->n * sizeof *shape.sample);
	for (size_t i = 0; i < w->n; i++) {
		double x = w->g[2 * i], y = w->g[2 * i + 1];

		shape.sample[i] = axis ? s * x + c * y : c * x - s * y;
		most = fmax(most, fabs(shape.sample[i]));
	}
	for (size_t i = 0; i <= w->n; i++) {
		double here = i < w->n ? shape.sample[i] /= most : 0;
		double step = i == 0 || i == w->n ? 0.5 : 1;

		g.shape_area += step / (double)w->n * (before + here) / 2;
		g.shape_slew = fmax(g.shape_slew, fabs(here - before) * (double)w->n / step);
		before = here;
	}
	g.amplitude = ir_const(ev->ir, most);
	g.flat = ir_const(ev->ir, (double)w->n * sys->grad_raster);
	g.shape = ir_add_shape(ev->ir, &shape);
	return value_grad(&g, ev, at);
}

static bool constant(struct evaluator *ev, struct call *c, const char *name, double *out)
{
	struct value *v = call_arg(c, name);

	if (!v || value_is_const(ev, v, out))
		return true;
	error_at(ev, "E30", v->span, "`%s` needs a value known at compile time", name);
	return false;
}

struct value builtin_spiral(struct evaluator *ev, struct call *c)
{
	const struct ir_system *sys = &ev->ir->system;
	const struct ir_geometry *geo = &ev->ir->geometry;
	struct value *count = call_arg(c, "interleaves");
	struct value v = { .kind = VALUE_BUNDLE, .span = c->node->span };
	struct node at = { .kind = NODE_ERROR, .span = c->node->span };
	double angle = 0, limit = sys->max_grad, slew = sys->max_slew;
	struct wave w = { 0 };
	struct bundle *b;
	int64_t n = 1;

	if (count && !value_whole(ev, count, &at, "`interleaves`", &n))
		return value_error();
	if (!constant(ev, c, "rotate", &angle) || !constant(ev, c, "max_grad", &limit) ||
	    !constant(ev, c, "max_slew", &slew))
		return value_error();
	if (n < 1 || geo->fov[0] <= 0 || geo->matrix[0] < 1) {
		error_at(ev, "E13", c->node->span, n < 1 ?
			 "`spiral` wants one interleave or more" :
			 "`spiral` wants `geometry` with a field of view and a matrix");
		return value_error();
	}
	if (!(limit > 0 && limit < INFINITY && slew > 0 && slew < INFINITY) ||
	    sys->grad_raster <= 0) {
		struct diag *d = error_at(ev, "E13", c->node->span,
					  "`spiral` wants a scanner: the limits of its gradients");

		diag_help(ev->l, d, "name one, as in `system = prisma`");
		return value_error();
	}
	w.g = malloc(2 * LENGTH * sizeof *w.g);
	if (!w.g || !integrate(&w, margin * fmin(limit, sys->max_grad),
			       margin * fmin(slew, sys->max_slew), sys->gamma,
			       (double)n / (2 * pi * geo->fov[0]),
			       geo->matrix[0] / (2 * geo->fov[0]), sys->grad_raster)) {
		free(w.g);
		error_at(ev, "E36", c->node->span, "a spiral of more than %d gradient samples",
			 LENGTH);
		return value_error();
	}
	b = arena_alloc(ev->arena, sizeof *b);
	memset(b, 0, sizeof *b);
	b->n = 2;
	b->n_member = 3;
	for (int axis = 0; axis < 2; axis++) {
		b->item[axis] = along(ev, &w, axis, angle, c->node->span);
		b->member[axis].name = axis ? "gy" : "gx";
		b->member[axis].value = b->item[axis];
	}
	b->member[2].name = "read";
	b->member[2].value = value_scalar(ir_const(ev->ir, (double)w.read * sys->grad_raster),
					  dim_time, c->node->span);
	free(w.g);
	v.bundle = b;
	return v;
}
