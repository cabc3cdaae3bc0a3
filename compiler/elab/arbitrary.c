/* arbitrary(axis, samples): a gradient waveform from numbers, in the file or in a data file.
 * Samples are equally spaced, sample i at (i + 1/2) / n of the duration, straight lines between. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

/* Splits "file:/dataset" and reads it relative to the folder of the module's own file. */
static bool read_file(struct evaluator *ev, const struct value *v, double **out, size_t *n,
		      bool *is_complex)
{
	const char *colon = strrchr(v->text, ':'), *file, *slash;
	const char *own = ev->module->path;

	if (!ev->options || !ev->options->reader) {
		error_at(ev, "E36", v->span, "this program cannot read data files");
		return false;
	}
	file = colon ? arena_copy(ev->arena, v->text, (size_t)(colon - v->text)) : v->text;
	slash = own ? strrchr(own, '/') : NULL;
	if (slash && file[0] != '/')
		file = arena_printf(ev->arena, "%.*s/%s", (int)(slash - own), own, file);
	if (ev->options->reader(out, n, is_complex, file, colon ? colon + 1 : "")) {
		error_at(ev, "E36", v->span, "%s", precess_error());
		return false;
	}
	return true;
}

static bool read_array(struct evaluator *ev, const struct value *v, double **out, size_t *n)
{
	*n = v->array->n;
	*out = malloc((*n + 1) * sizeof **out);
	for (size_t i = 0; *out && i < *n; i++) {
		const struct value *item = &v->array->item[i];

		if (!value_is_const(ev, item, &(*out)[i]) || !isfinite((*out)[i])) {
			free(*out);
			error_at(ev, "E30", item->span,
				 "a sample must be a number known at compile time");
			return false;
		}
	}
	return *out != NULL;
}

bool samples_read(struct evaluator *ev, const struct value *v, double **out, size_t *n,
		  bool *is_complex)
{
	bool ok;

	*is_complex = false;
	if (v->kind == VALUE_TEXT) {
		ok = read_file(ev, v, out, n, is_complex);
	} else if (v->kind == VALUE_ARRAY) {
		ok = read_array(ev, v, out, n);
	} else {
		error_at(ev, "E11", v->span,
			 "`samples` wants an array or a \"file:/dataset\", found %s",
			 describe(ev, v));
		return false;
	}
	if (ok && (*n == 0 || *n > 1000000)) {
		free(*out);
		error_at(ev, "E36", v->span, "%zu samples; 1 to 1000000 are possible", *n);
		return false;
	}
	return ok;
}

/* Normalises to a largest magnitude of 1; returns that magnitude. */
static double normalise(double *s, size_t n, double *first, double *last)
{
	double most = fmax(fabs(*first), fabs(*last));

	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs(s[i]));
	if (most == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		s[i] /= most;
	*first /= most;
	*last /= most;
	return most;
}

static void measure(struct grad *g, const struct ir_shape *s)
{
	double before = s->first, step = 0.5;

	for (uint32_t i = 0; i <= s->n; i++) {
		double here = i < s->n ? s->sample[i] : s->last;

		if (i == s->n)
			step = 0.5;
		g->shape_area += step / s->n * (before + here) / 2;
		g->shape_slew = fmax(g->shape_slew, fabs(here - before) * s->n / step);
		before = here;
		step = 1;
	}
}

/* `first` or `last`; 0 when not given. */
static bool edge_value(struct evaluator *ev, struct call *c, const char *name, double *out)
{
	struct value *v = call_arg(c, name);

	if (!v || value_is_const(ev, v, out))
		return true;
	error_at(ev, "E30", v->span, "`%s` needs a value known at compile time", name);
	return false;
}

struct value builtin_arbitrary(struct evaluator *ev, struct call *c)
{
	struct value *samples = call_arg(c, "samples"), *dwell = call_arg(c, "dwell");
	struct value *duration = call_arg(c, "duration");
	struct grad g = { .name = ev->binding ? ev->binding : "arbitrary" };
	struct ir_shape shape = { .name = g.name };
	bool is_complex;
	size_t n;
	double most, *data;

	if (!samples || !samples_read(ev, samples, &data, &n, &is_complex))
		return value_error();
	if (is_complex || (samples->kind == VALUE_ARRAY &&
			   !dim_equal(samples->array->item[0].dim, dim_gradient))) {
		struct diag *d = error_at(ev, "E11", samples->span, "`samples` wants gradients");

		diag_help(ev->l, d, "write the unit after the array: `[0, 10, 0]mT/m`");
		free(data);
		return value_error();
	}
	if (!dwell == !duration) {
		error_at(ev, "E13", c->node->span,
			 "`arbitrary` wants either `dwell` or `duration`");
		free(data);
		return value_error();
	}
	if (!edge_value(ev, c, "first", &shape.first) || !edge_value(ev, c, "last", &shape.last)) {
		free(data);
		return value_error();
	}
	most = normalise(data, n, &shape.first, &shape.last);
	shape.n = (uint32_t)n;
	shape.sample = arena_alloc(ev->ir->arena, n * sizeof *shape.sample);
	memcpy(shape.sample, data, n * sizeof *data);
	free(data);
	g.axis = call_arg(c, "axis")->axis;
	g.amplitude = ir_const(ev->ir, most);
	g.flat = duration ? duration->scalar : ir_scale(ev->ir, (double)n, dwell->scalar);
	g.shape = ir_add_shape(ev->ir, &shape);
	measure(&g, &shape);
	return value_grad(&g, ev, c->node->span);
}
