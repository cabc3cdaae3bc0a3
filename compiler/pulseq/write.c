/* An IR at one parameter vector as a Pulseq file.
 *
 * Rows are made as texts and shared where they are equal, so that a number is a row's place among
 * the distinct ones. Numbers are the shortest decimals that read back as the same doubles: what is
 * written and read again plays the same. Shapes are written plain, which 1.4 and 1.5 allow. */
#include "compiler/pulseq/write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925;

static double value(const struct writer *w, ir_scalar e)
{
	return ir_eval(w->ir, e, w->param);
}

precess_status pulseq_refuse(const struct writer *w, const char *what)
{
	const struct ir_block *b = &w->ir->block[w->block];

	return precess_fail(PRECESS_ENOTSUP, "block %u, `%s`%s%s%s, cannot be written as Pulseq "
			    "1.%d: %s", w->block + 1, b->text ? b->text : "",
			    b->where && *b->where ? " (" : "", b->where ? b->where : "",
			    b->where && *b->where ? ")" : "", w->minor, what);
}

static void add(struct text *t, double v)
{
	char buf[32];

	text_printf(t, " %s", text_double(buf, v));
}

/* Decimal noise of a sum of times or of a change of units goes: 1e-9 of the unit. */
static void add_time(struct text *t, double seconds, double unit)
{
	add(t, rint(seconds / unit * 1e9) / 1e9);
}

static uint32_t shape_number(struct writer *w, const double *v, size_t n, size_t stride,
			     double scale)
{
	struct text t;
	char buf[32];

	text_init(&t);
	text_printf(&t, "num_samples %zu\n", n);
	for (size_t i = 0; i < n; i++)
		text_printf(&t, "%s\n", text_double(buf, v[i * stride] * scale));
	return pulseq_row(&w->of[ROWS_shape], &t, false);
}

/* ------------------------------------------------------------------ RF */
static char use_letter(enum ir_use use)
{
	static const char letter[IR_USES] = {
		[IR_USE_undefined] = 'u', [IR_USE_excitation] = 'e', [IR_USE_refocusing] = 'r',
		[IR_USE_inversion] = 'i', [IR_USE_saturation] = 's', [IR_USE_preparation] = 'p',
		[IR_USE_other] = 'o',
	};

	return letter[use];
}

/* Numbers of the shapes of magnitude, phase and time; the largest magnitude becomes 1. */
static precess_status rf_shapes(uint32_t id[3], double *largest, struct writer *w,
				const struct ir_event *e, double length)
{
	static const double ones[] = { 1, 1 };
	double times[] = { 0, rint(length / w->rf_raster * 1e6) / 1e6 };
	const struct ir_shape *s;
	double *v;
	bool turns = false;

	id[1] = id[2] = 0;
	*largest = 1;
	if (e->shape == IR_NO_SHAPE) {
		id[0] = shape_number(w, ones, 2, 1, 1);
		id[2] = shape_number(w, times, 2, 1, 1);
		return PRECESS_OK;
	}
	s = &w->ir->shape[e->shape];
	v = calloc(3 * (size_t)s->n, sizeof *v);
	if (!v)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", s->n);
	*largest = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		double re = s->sample[2 * i], im = s->sample[2 * i + 1];

		v[3 * i] = hypot(re, im);
		v[3 * i + 1] = v[3 * i] > 0 ? atan2(im, re) / two_pi : 0;
		v[3 * i + 1] += v[3 * i + 1] < 0 ? 1 : 0;
		v[3 * i + 2] = rint((i + 0.5) * length / s->n / w->rf_raster * 1e6) / 1e6;
		*largest = fmax(*largest, v[3 * i]);
		turns = turns || v[3 * i + 1] != 0;
	}
	id[0] = shape_number(w, v, s->n, 3, *largest > 0 ? 1 / *largest : 1);
	if (turns)
		id[1] = shape_number(w, v + 1, s->n, 3, 1);
	if (fabs(length / s->n / w->rf_raster - 1) > 1e-9)
		id[2] = shape_number(w, v + 2, s->n, 3, 1);
	free(v);
	return PRECESS_OK;
}

static precess_status write_rf(uint32_t *out, struct writer *w, const struct ir_event *e)
{
	double length = value(w, e->duration), flip = value(w, e->flip), largest, b1;
	double phase = value(w, e->phase) + (flip < 0 ? two_pi / 2 : 0);
	uint32_t id[3];
	precess_status st;
	struct text t;

	if (!(length > 0))
		return pulseq_refuse(w, "its RF pulse has no duration; give it one, as in `hard(90deg, "
				 "duration = 0.5ms)`");
	if ((st = rf_shapes(id, &largest, w, e, length)))
		return st;
	b1 = fabs(flip) / (two_pi * length) * largest;
	text_init(&t);
	add(&t, b1);
	text_printf(&t, " %u %u %u", id[0], id[1], id[2]);
	if (w->minor >= 5)
		add_time(&t, value(w, e->center), 1e-6);
	add_time(&t, value(w, e->start), 1e-6);
	if (w->minor >= 5)
		text_printf(&t, " 0 0");
	add(&t, value(w, e->freq));
	add(&t, phase);
	if (w->minor >= 5)
		text_printf(&t, " %c", use_letter(e->use));
	*out = pulseq_row(&w->of[ROWS_rf], &t, false);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ gradients */
static bool is_line(const struct writer *w, size_t i, double t, double v)
{
	double t0 = w->point.t[i - 2], t1 = w->point.t[i - 1], v0 = w->point.v[i - 2];
	double straight = v0 + (v - v0) * (t1 - t0) / (t - t0);

	return fabs(w->point.v[i - 1] - straight) <= 1e-12 * (fabs(v) + fabs(v0));
}

/* Points in the middle of a straight line go, where that is wanted. */
static precess_status add_point(struct writer *w, double t, double v)
{
	size_t n = w->point.n;
	double *a, *b;

	if (n && t <= w->point.t[n - 1] + 1e-12) {
		if (fabs(v - w->point.v[n - 1]) <= 1e-9 * (fabs(v) + fabs(w->point.v[n - 1])))
			return PRECESS_OK;
		return pulseq_refuse(w, "a gradient that jumps; give it ramps");
	}
	if (n > 1 && !w->all_points && is_line(w, n, t, v))
		n = --w->point.n;
	a = pulseq_grow(w->point.t, n, &w->point.cap_t, sizeof *a);
	b = pulseq_grow(w->point.v, n, &w->point.cap_v, sizeof *b);
	w->point.t = a ? a : w->point.t;
	w->point.v = b ? b : w->point.v;
	if (!a || !b)
		return PRECESS_ENOMEM;
	w->point.t[n] = t;
	w->point.v[n] = v;
	w->point.n++;
	return PRECESS_OK;
}

static precess_status add_points(struct writer *w, const struct ir_event *e)
{
	double t = value(w, e->start), a = value(w, e->amplitude), length = value(w, e->duration);
	double rise, flat, fall;
	precess_status st = PRECESS_OK;

	if (e->shape != IR_NO_SHAPE) {
		const struct ir_shape *s = &w->ir->shape[e->shape];

		TRY(add_point(w, t, a * s->first));
		for (uint32_t i = 0; i < s->n; i++)
			TRY(add_point(w, t + (i + 0.5) / s->n * length, a * s->sample[i]));
		st = add_point(w, t + length, a * s->last);
		goto out;
	}
	rise = value(w, e->rise);
	flat = value(w, e->flat);
	fall = value(w, e->fall);
	if (rise > 0)
		TRY(add_point(w, t, 0));
	TRY(add_point(w, t + rise, a));
	if (flat > 0)
		TRY(add_point(w, t + rise + flat, a));
	if (fall > 0)
		TRY(add_point(w, t + rise + flat + fall, 0));
out:
	return st;
}

/* The points as one gradient with times of its own. */
static precess_status write_points(uint32_t *out, struct writer *w)
{
	double gamma = w->ir->system.gamma, largest = 0, start = w->point.t[0];
	size_t n = w->point.n;
	uint32_t shape, time;
	struct text t;

	for (size_t i = 0; i < n; i++)
		largest = fmax(largest, fabs(w->point.v[i]));
	for (size_t i = 0; i < n; i++)
		w->point.t[i] = rint((w->point.t[i] - start) / w->grad_raster * 1e6) / 1e6;
	shape = shape_number(w, w->point.v, n, 1, largest > 0 ? 1 / largest : 1);
	time = shape_number(w, w->point.t, n, 1, 1);
	text_init(&t);
	add(&t, largest * gamma);
	if (w->minor >= 5) {
		add(&t, w->point.v[0] * gamma);
		add(&t, w->point.v[n - 1] * gamma);
	}
	text_printf(&t, " %u %u", shape, time);
	add_time(&t, start, 1e-6);
	*out = pulseq_row(&w->of[ROWS_grad], &t, false);
	return PRECESS_OK;
}

/* One event that a row can say as it is; false when it takes points. */
static bool write_simple(uint32_t *out, struct writer *w, const struct ir_event *e)
{
	double a = value(w, e->amplitude) * w->ir->system.gamma, length = value(w, e->duration);
	const struct ir_shape *s;
	struct text t;

	text_init(&t);
	add(&t, a);
	if (e->shape == IR_NO_SHAPE) {
		add_time(&t, value(w, e->rise), 1e-6);
		add_time(&t, value(w, e->flat), 1e-6);
		add_time(&t, value(w, e->fall), 1e-6);
	} else {
		s = &w->ir->shape[e->shape];
		if (w->minor < 5 || fabs(length / s->n / w->grad_raster - 1) > 1e-9) {
			text_free(&t);
			return false;
		}
		add(&t, a * s->first);
		add(&t, a * s->last);
		text_printf(&t, " %u 0", shape_number(w, s->sample, s->n, 1, 1));
	}
	add_time(&t, value(w, e->start), 1e-6);
	*out = pulseq_row(&w->of[ROWS_grad], &t, e->shape == IR_NO_SHAPE);
	return true;
}

static int by_start(const void *a, const void *b)
{
	double x = ((const double *)a)[0], y = ((const double *)b)[0];

	return (x > y) - (x < y);
}

static precess_status write_gradient(uint32_t *out, struct writer *w, const struct ir_block *b,
				     int axis)
{
	double (*order)[2] = calloc(b->n_event + 1, sizeof *order);
	const struct ir_event *e = b->n_event ? &w->ir->event[b->first_event] : NULL;
	precess_status st = PRECESS_OK;
	uint32_t n = 0;

	if (!order)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < b->n_event; i++) {
		if (e[i].kind != IR_GRAD || e[i].axis != axis)
			continue;
		order[n][0] = value(w, e[i].start);
		order[n++][1] = i;
	}
	qsort(order, n, sizeof *order, by_start);
	*out = 0;
	if (n == 0 || (n == 1 && write_simple(out, w, &e[(uint32_t)order[0][1]])))
		goto out;
	w->point.n = 0;
	w->all_points = n == 1; /* a shape, to be read as one again */
	for (uint32_t i = 0; i < n; i++)
		TRY(add_points(w, &e[(uint32_t)order[i][1]]));
	if (w->point.n > 1)
		st = write_points(out, w);
out:
	free(order);
	return st;
}

/* ------------------------------------------------------------------ ADC and labels */
static uint32_t write_labels(struct writer *w, const struct ir_event *e)
{
	static const char *const name[] = {
#define LABEL(name, pulseq, doc) pulseq,
#include "runtime/program/labels.def"
#undef LABEL
	};
	uint32_t next = 0;
	struct text t;

	for (int i = IR_LABELS - 1; i >= 0; i--) {
		if (e->label[i] < 0 || e->label[i] == w->label[i])
			continue;
		w->label[i] = e->label[i];
		text_init(&t);
		text_printf(&t, " %d %s", (int)e->label[i], name[i]);
		uint32_t label = pulseq_row(&w->of[ROWS_label], &t, false);

		text_init(&t);
		text_printf(&t, " 1 %u %u", label, next);
		next = pulseq_row(&w->of[ROWS_link], &t, false);
	}
	return next;
}

static uint32_t write_adc(struct writer *w, const struct ir_event *e)
{
	double freq = value(w, e->freq), dwell = value(w, e->dwell);
	struct text t;

	text_init(&t);
	text_printf(&t, " %u", e->n);
	add_time(&t, dwell, 1e-9);
	add_time(&t, value(w, e->start), 1e-6);
	if (w->minor >= 5)
		text_printf(&t, " 0 0");
	add(&t, freq);
	add(&t, value(w, e->phase) - two_pi * freq * 0.5 * dwell);
	if (w->minor >= 5)
		text_printf(&t, " 0");
	return pulseq_row(&w->of[ROWS_adc], &t, false);
}

/* ------------------------------------------------------------------ blocks */
/* A file cannot say that magnetisation has recovered: it waits until the time since the last reset
 * is w->tr, where that is given. The first reset is where a file begins. */
static precess_status write_reset(struct writer *w)
{
	double wait = w->tr - w->since, units = rint(wait / w->block_raster);
	bool first = w->n_written == 0;

	w->since = 0;
	if (first)
		return PRECESS_OK;
	if (w->tr > 0 && wait < -1e-9)
		return pulseq_refuse(w, "what is played since the last reset takes longer than --tr");
	if (w->tr > 0 && units > 0)
		text_printf(&w->blocks, "%u %.0f 0 0 0 0 0 0\n", ++w->n_written, units);
	if (w->tr == 0 && w->warnings && !w->told_reset)
		text_printf(w->warnings, "block %u: resets cannot be written and are left out; give "
			    "--tr to wait instead\n", w->block + 1);
	w->told_reset = true;
	return PRECESS_OK;
}

static uint32_t write_delay(struct writer *w, const struct soft_delay *d)
{
	const char *hint = w->ir->param[d->param - 1].name;
	struct text t;

	text_init(&t);
	text_printf(&t, " %u", d->param - 1);
	add_time(&t, d->offset, 1e-6);
	add(&t, d->factor);
	text_printf(&t, " %s", hint);
	uint32_t row = pulseq_row(&w->of[ROWS_delay], &t, false);

	text_init(&t);
	text_printf(&t, " 2 %u 0", row);
	return pulseq_row(&w->of[ROWS_link], &t, false);
}

static precess_status write_block(struct writer *w, const struct ir_block *b)
{
	double length = value(w, b->duration), units = rint(length / w->block_raster);
	uint32_t id[6] = { 0 };
	precess_status st = PRECESS_OK;

	if (b->kind == IR_RESET)
		return write_reset(w);
	w->since += length;
	if (units == 0 && b->n_event == 0)
		return PRECESS_OK;
	for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
		const struct ir_event *e = &w->ir->event[i];

		if (e->kind == IR_RF) {
			if (id[0])
				return pulseq_refuse(w, "two RF pulses in a block; play them in blocks of "
						 "their own");
			TRY(write_rf(&id[0], w, e));
		} else if (e->kind == IR_ADC) {
			if (id[4])
				return pulseq_refuse(w, "two readouts in a block; play them in blocks of "
						 "their own");
			id[4] = write_adc(w, e);
			id[5] = write_labels(w, e);
		}
	}
	for (int a = 0; a < 3; a++)
		TRY(write_gradient(&id[1 + a], w, b, a));
	if (w->soft && w->soft[w->block].param)
		id[5] = write_delay(w, &w->soft[w->block]);
	text_printf(&w->blocks, "%u %.0f %u %u %u %u %u %u\n", ++w->n_written, units, id[0], id[1],
		    id[2], id[3], id[4], id[5]);
out:
	return st;
}

/* The coarsest raster that all blocks' durations are multiples of. */
static precess_status choose_raster(struct writer *w)
{
	static const double raster[] = { 10e-6, 5e-6, 2e-6, 1e-6, 100e-9, 10e-9, 1e-9 };

	for (size_t k = 0; k < PRECESS_COUNT(raster); k++) {
		w->block_raster = raster[k];
		for (w->block = 0; w->block < w->ir->n_block; w->block++) {
			double x = value(w, w->ir->block[w->block].duration) / raster[k];

			if (fabs(x - rint(x)) > 1e-5)
				break;
		}
		if (w->block < w->ir->n_block)
			continue;
		if (k && w->warnings)
			text_printf(w->warnings, "blocks last multiples of %g us, not of 10 us: "
				    "scanners may refuse them\n", raster[k] * 1e6);
		return PRECESS_OK;
	}
	return pulseq_refuse(w, "it lasts no whole number of nanoseconds");
}

/* ------------------------------------------------------------------ the file */
static void put(struct text *out, const struct distinct *d, const char *section, const char *head,
		bool trap)
{
	bool any = false;

	for (size_t i = 0; i < d->n; i++) {
		if (d->trap[i] != trap)
			continue;
		if (!any)
			text_printf(out, "\n%s%s\n", head, section);
		any = true;
		text_printf(out, "%zu%s\n", i + 1, d->row[i].data);
	}
}

static void assemble(struct text *out, const struct writer *w)
{
	const struct ir *ir = w->ir;

	text_printf(out, "# Pulseq sequence file\n# Created by precess %s\n\n[VERSION]\nmajor 1\n"
			 "minor %d\nrevision 0\n\n[DEFINITIONS]\nAdcRasterTime 1e-07\n",
		    PRECESS_VERSION, w->minor);
	text_printf(out, "BlockDurationRaster");
	add(out, w->block_raster);
	if (ir->geometry.fov[0] > 0) {
		text_printf(out, "\nFOV");
		for (int i = 0; i < 3; i++)
			add(out, ir->geometry.fov[i]);
	}
	text_printf(out, "\nGradientRasterTime");
	add(out, w->grad_raster);
	text_printf(out, "\nName %s\nRadiofrequencyRasterTime", ir->name);
	add(out, w->rf_raster);
	text_printf(out, "\nTotalDuration");
	add(out, rint(value(w, ir->duration) * 1e12) / 1e12);
	text_printf(out, "\n\n# NUM DUR RF GX GY GZ ADC EXT\n[BLOCKS]\n%s", w->blocks.data);
	put(out, &w->of[ROWS_rf], "[RF]", w->minor < 5
	    ? "# id amplitude mag_id phase_id time_shape_id delay freq phase\n"
	    : "# id amplitude mag_id phase_id time_shape_id center delay freqPPM phasePPM freq "
	      "phase use\n", false);
	put(out, &w->of[ROWS_grad], "[GRADIENTS]", w->minor < 5
	    ? "# id amplitude shape_id time_shape_id delay\n"
	    : "# id amplitude first last shape_id time_shape_id delay\n", false);
	put(out, &w->of[ROWS_grad], "[TRAP]", "# id amplitude rise flat fall delay\n", true);
	put(out, &w->of[ROWS_adc], "[ADC]", w->minor < 5
	    ? "# id num dwell delay freq phase\n"
	    : "# id num dwell delay freqPPM phasePPM freq phase phase_id\n", false);
	put(out, &w->of[ROWS_link], "[EXTENSIONS]", "# id type ref next_id\n", false);
	if (w->of[ROWS_label].n)
		put(out, &w->of[ROWS_label], "extension LABELSET 1", "", false);
	if (w->of[ROWS_delay].n)
		put(out, &w->of[ROWS_delay], "extension DELAYS 2", "# id num offset factor hint\n",
		    false);
	text_printf(out, "\n[SHAPES]\n");
	for (size_t i = 0; i < w->of[ROWS_shape].n; i++)
		text_printf(out, "\nshape_id %zu\n%s", i + 1, w->of[ROWS_shape].row[i].data);
}

/* The sum over all before it, without the end of line in front of it. */
static void sign(struct text *out)
{
	char sum[33];

	pulseq_md5(sum, out->data, out->n);
	text_printf(out, "\n[SIGNATURE]\n# The MD5 sum of the file before this section, without the "
			 "line's end in front of it\nType md5\nHash %s\n", sum);
}

precess_status pulseq_write(struct text *out, const struct ir *ir, const double *param, int minor,
			    double tr, struct text *warnings)
{
	double *defaults = calloc(ir->n_param + 1, sizeof *defaults);
	struct writer w = { .ir = ir, .minor = minor, .tr = tr,
			    .warnings = warnings };
	precess_status st = PRECESS_OK;

	if (!defaults)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < ir->n_param; i++)
		defaults[i] = ir->param[i].value;
	w.param = param ? param : defaults;
	w.grad_raster = ir->system.grad_raster > 0 ? ir->system.grad_raster : 10e-6;
	w.rf_raster = ir->system.rf_raster > 0 ? ir->system.rf_raster : 1e-6;
	text_init(&w.blocks);
	if (minor != 4 && minor != 5)
		TRY(precess_fail(PRECESS_EINVAL, "Pulseq 1.%d cannot be written, 1.4 and 1.5 can",
				 minor));
	if (ir->system.ideal)
		TRY(precess_fail(PRECESS_ENOTSUP, "`system ideal` has no limits and no rasters; "
				 "write `system = default` or a scanner's name "
				 "to make a Pulseq file"));
	TRY(pulseq_check_limits(&w));
	TRY(choose_raster(&w));
	if (minor >= 5)
		TRY(pulseq_soft_delays(&w.soft, &w));
	for (w.block = 0; w.block < ir->n_block; w.block++)
		TRY(write_block(&w, &ir->block[w.block]));
	assemble(out, &w);
	sign(out);
out:
	for (int k = 0; k < ROWS; k++) {
		for (size_t i = 0; i < w.of[k].n; i++)
			text_free(&w.of[k].row[i]);
		free(w.of[k].row);
		free(w.of[k].trap);
		free(w.of[k].slot);
	}
	free(w.point.t);
	free(w.point.v);
	free(w.soft);
	text_free(&w.blocks);
	free(defaults);
	return st;
}
