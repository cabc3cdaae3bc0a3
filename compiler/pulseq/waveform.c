/* RF pulses and arbitrary gradients: from rows and shapes to what the IR can say exactly.
 *
 * The IR's gradient shapes are linear between samples at the centres of equal cells; Pulseq's also
 * come with samples at raster edges, at half rasters, or at times of their own. Those are played as
 * pieces one after the other: few points as ramps and plateaus between two points each, many
 * equally spaced ones as half a step, a shape whose cells are centred on the points, and half a
 * step. RF with times of its own is linear between them; a cell gets the value at its middle. */
#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_POINTS = 24 };
static const double two_pi = 6.283185307179586476925;

precess_status pulseq_time(int64_t *out, const struct file *f, uint32_t line, double v, double ps)
{
	double t = v * ps;

	if (!(t >= 0 && t <= 1e17))
		return pulseq_fail(f, line, "a time of %g s; times lie in 0 .. 1e5 s", t * 1e-12);
	*out = llround(t);
	return PRECESS_OK;
}

precess_status pulseq_need_shape(const struct shape **out, const struct file *f,
				 const struct row *r, enum column column)
{
	double id = r->v[column];

	if (!(id >= 1 && id < UINT32_MAX && id == floor(id)))
		return pulseq_fail(f, r->line, "%g is no number of a shape", id);
	*out = pulseq_shape(f, (uint32_t)id);
	if (!*out)
		return pulseq_fail(f, r->line, "shape %u is not in [SHAPES]", (unsigned)id);
	return PRECESS_OK;
}

static precess_status same_length(const struct file *f, const struct row *r,
				  const struct shape *a, const struct shape *b)
{
	if (a->n == b->n)
		return PRECESS_OK;
	return pulseq_fail(f, r->line, "shape %u has %u samples, shape %u of the same event %u; "
				       "they must agree", a->id, a->n, b->id, b->n);
}

/* Times of a time shape, in rasters, must rise. */
static precess_status check_times(const struct file *f, const struct row *r, const struct shape *t)
{
	if (t->n < 2 || t->sample[0] < 0)
		return pulseq_fail(f, r->line, "time shape %u needs two times from 0 on", t->id);
	for (uint32_t i = 1; i < t->n; i++) {
		if (!(t->sample[i] > t->sample[i - 1]))
			return pulseq_fail(f, r->line, "time shape %u does not rise at sample %u",
					   t->id, i + 1);
	}
	return PRECESS_OK;
}

static double *scratch(struct builder *b, size_t n)
{
	if (n > b->n_scratch) {
		free(b->scratch);
		b->scratch = calloc(n, sizeof *b->scratch);
		b->n_scratch = b->scratch ? n : 0;
	}
	if (!b->scratch)
		precess_fail(PRECESS_ENOMEM, "out of memory for %zu samples", n);
	return b->scratch;
}

/* ------------------------------------------------------------------ RF */
/* Before 1.4 the time that the amplifier wakes and rings was silence in the pulse; it is none of it
 * here. What is nothing but rounding of differences is silence, too; a sinc that ends in a zero is
 * no silence. Returns how many cells stay, from *first on. */
enum { SILENCE = 10 };
static uint32_t trim(struct piece *out, uint32_t *first, const double *v, uint32_t n)
{
	double largest = 0, cell = (double)out->duration / n;
	uint32_t lo = 0, hi = n;

	for (uint32_t i = 0; i < n; i++)
		largest = fmax(largest, hypot(v[2 * i], v[2 * i + 1]));
	while (hi > 1 && hypot(v[2 * hi - 2], v[2 * hi - 1]) <= 9e-8 * largest)
		hi--;
	while (lo + 1 < hi && hypot(v[2 * lo], v[2 * lo + 1]) <= 9e-8 * largest)
		lo++;
	hi = n - hi < SILENCE ? n : hi;
	lo = lo < SILENCE ? 0 : lo;
	out->start = llround(cell * lo);
	out->duration = llround(cell * (hi - lo));
	*first = lo;
	return hi - lo;
}

/* Samples re, im of n equal cells; places its centre; normalises as the IR wants it. */
static void finish_rf(struct piece *out, struct builder *b, const struct row *r, double *v,
		      uint32_t n, bool center_told)
{
	struct ir_shape s = { .name = "pulseq", .complex = true, .n = n, .sample = v };
	double re = 0, largest = 0, seconds = (double)out->duration * 1e-12, at = 0;
	bool same = true;
	uint32_t peaks = 0;

	for (uint32_t i = 0; i < n; i++) {
		re += v[2 * i];
		largest = fmax(largest, hypot(v[2 * i], v[2 * i + 1]));
		same = same && v[2 * i] == v[0] && v[2 * i + 1] == v[1];
	}
	for (uint32_t i = 0; i < n; i++) {
		if (hypot(v[2 * i], v[2 * i + 1]) >= largest * (1 - 1e-5)) {
			at += (i + 0.5) / n;
			peaks++;
		}
	}
	if (!center_told)
		out->center = llround((double)out->duration * at / peaks);
	out->amplitude = two_pi * r->v[COLUMN_amplitude] * seconds;
	out->shape = IR_NO_SHAPE;
	if (same) {
		bool turned = v[1] != 0;

		out->amplitude *= turned ? hypot(v[0], v[1]) : v[0];
		out->phase = turned ? atan2(v[1], v[0]) : 0;
		return;
	}
	if (fabs(re) > 1e-9 * n * largest) {
		out->amplitude *= re / n;
		for (uint32_t i = 0; i < 2 * n; i++)
			v[i] *= n / re;
	}
	out->shape = ir_add_shape(b->ir, &s);
}

static void sample_rf(double *v, const struct shape *mag, const struct shape *phase, uint32_t i)
{
	double turn = phase ? two_pi * phase->sample[i] : 0;

	v[0] = mag->sample[i] * (turn == 0 ? 1 : cos(turn));
	v[1] = mag->sample[i] * (turn == 0 ? 0 : sin(turn));
}

/* Whether all samples of both shapes are the same. */
static bool constant(const struct shape *mag, const struct shape *phase)
{
	for (uint32_t i = 1; i < mag->n; i++) {
		if (mag->sample[i] != mag->sample[0] ||
		    (phase && phase->sample[i] != phase->sample[0]))
			return false;
	}
	return true;
}

/* With times of its own: cells of one raster, the first from the first time on. */
static precess_status timed_rf(struct piece *out, struct builder *b, const struct row *r,
			       const struct shape *mag, const struct shape *phase)
{
	struct file *f = b->file;
	const struct shape *t;
	precess_status st;
	double raster = f->rf_raster * 1e12, begin, end, gap, *v;
	uint32_t n, at = 0;

	TRY(pulseq_need_shape(&t, f, r, COLUMN_time));
	TRY(same_length(f, r, mag, t));
	TRY(check_times(f, r, t));
	gap = t->sample[1] - t->sample[0];
	begin = t->sample[0];
	end = t->sample[t->n - 1];
	if (begin == 0.5 * gap) { /* centres of equal cells? */
		for (uint32_t i = 1; i < t->n && gap > 0; i++)
			gap = fabs(t->sample[i] - t->sample[i - 1] - gap) < 1e-6 ? gap : 0;
		begin = gap > 0 ? 0 : begin;
		end = gap > 0 ? gap * t->n : end;
	} else {
		gap = 0;
	}
	TRY(pulseq_time(&out->start, f, r->line, begin, raster));
	TRY(pulseq_time(&out->duration, f, r->line, end - begin, raster));
	n = gap > 0 ? mag->n : constant(mag, phase) ? 1 : 0;
	if (n == 0) {
		if (ceil(end - begin) > PULSEQ_SHAPE_LIMIT)
			return pulseq_fail(f, r->line, "an RF pulse of %g rasters (limit %u)",
					   end - begin, PULSEQ_SHAPE_LIMIT);
		n = (uint32_t)ceil(end - begin);
	}
	v = scratch(b, 2 * (size_t)n);
	if (!v)
		return PRECESS_ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		double x = begin + (i + 0.5) / n * (end - begin), lo[2], hi[2], share;

		if (gap > 0) {
			sample_rf(v + 2 * i, mag, phase, i);
			continue;
		}
		while (at + 2 < t->n && t->sample[at + 1] < x)
			at++;
		sample_rf(lo, mag, phase, at);
		sample_rf(hi, mag, phase, at + 1);
		share = (x - t->sample[at]) / (t->sample[at + 1] - t->sample[at]);
		v[2 * i] = lo[0] + share * (hi[0] - lo[0]);
		v[2 * i + 1] = lo[1] + share * (hi[1] - lo[1]);
	}
	finish_rf(out, b, r, v, n, f->version >= 1005);
out:
	return st;
}

precess_status pulseq_rf(struct piece *out, struct builder *b, const struct row *r)
{
	struct file *f = b->file;
	const struct shape *mag, *phase = NULL;
	precess_status st;
	uint32_t first = 0, n;
	int64_t reach = 0;
	double *v;

	*out = (struct piece){ .shape = IR_NO_SHAPE };
	TRY(pulseq_need_shape(&mag, f, r, COLUMN_magnitude));
	if (r->v[COLUMN_phase_shape] != 0) {
		TRY(pulseq_need_shape(&phase, f, r, COLUMN_phase_shape));
		TRY(same_length(f, r, mag, phase));
	}
	if (f->version >= 1005)
		TRY(pulseq_time(&out->center, f, r->line, r->v[COLUMN_center], 1e6));
	if (r->v[COLUMN_time] != 0) {
		TRY(timed_rf(out, b, r, mag, phase));
	} else {
		TRY(pulseq_time(&out->duration, f, r->line, mag->n, f->rf_raster * 1e12));
		v = scratch(b, 2 * (size_t)mag->n);
		if (!v)
			return PRECESS_ENOMEM;
		for (uint32_t i = 0; i < mag->n; i++)
			sample_rf(v + 2 * i, mag, phase, i);
		reach = out->duration;
		n = mag->n;
		if (f->version < 1004)
			n = trim(out, &first, v, mag->n);
		finish_rf(out, b, r, v + 2 * first, n, f->version >= 1005);
	}
	out->reach = reach ? reach : out->start + out->duration;
	if (out->duration <= 0)
		st = pulseq_fail(f, r->line, "RF pulse %u has no duration", r->id);
	else if (out->center > out->duration + 1000000)
		st = pulseq_fail(f, r->line, "RF pulse %u has its centre behind its end", r->id);
	else if (out->center > out->duration)
		out->center = out->duration;
out:
	return st;
}

/* ------------------------------------------------------------------ gradients */
/* Ramp, plateau and ramp of one height are a trapezoid. */
static bool join(struct piece *last, const struct piece *p)
{
	if (last->shape != IR_NO_SHAPE || p->shape != IR_NO_SHAPE || last->fall || p->rise ||
	    last->amplitude != p->amplitude || last->start + last->duration != p->start)
		return false;
	last->flat += p->flat;
	last->fall = p->fall;
	last->duration += p->duration;
	return true;
}

static precess_status add_piece(struct builder *b, struct waveform *w, const struct piece *p)
{
	struct piece *old = b->piece;

	if (w->n && join(&b->piece[b->n_piece - 1], p))
		return PRECESS_OK;
	b->piece = pulseq_grow(b->piece, b->n_piece, &b->cap_piece, sizeof *b->piece);
	if (!b->piece) {
		b->piece = old;
		return PRECESS_ENOMEM;
	}
	b->piece[b->n_piece++] = *p;
	w->n++;
	return PRECESS_OK;
}

bool pulseq_line_piece(struct piece *out, struct ir *ir, int64_t t0, int64_t t1, double u, double v,
		       double amplitude)
{
	struct piece p = { .start = t0, .duration = t1 - t0, .shape = IR_NO_SHAPE };

	if (t1 <= t0 || (u == 0 && v == 0))
		return false;
	if (u == v) {
		p.flat = t1 - t0;
		p.amplitude = amplitude * u;
	} else if (u == 0) {
		p.rise = t1 - t0;
		p.amplitude = amplitude * v;
	} else if (v == 0) {
		p.fall = t1 - t0;
		p.amplitude = amplitude * u;
	} else {
		double middle = 0.5 * (u + v);
		struct ir_shape s = { .name = "pulseq", .n = 1, .sample = &middle, .first = u,
				      .last = v };

		p.amplitude = amplitude;
		p.shape = ir_add_shape(ir, &s);
	}
	*out = p;
	return true;
}

static precess_status add_line(struct builder *b, struct waveform *w, int64_t t0, int64_t t1,
			       double u, double v, double amplitude)
{
	struct piece p;

	if (!pulseq_line_piece(&p, b->ir, t0, t1, u, v, amplitude))
		return PRECESS_OK;
	return add_piece(b, w, &p);
}

static precess_status add_shape(struct builder *b, struct waveform *w, int64_t t0, int64_t t1,
				double first, const double *v, uint32_t n, double last,
				double amplitude)
{
	struct ir_shape s = { .name = "pulseq", .n = n, .sample = (double *)v, .first = first,
			      .last = last };
	struct piece p = { .start = t0, .duration = t1 - t0, .amplitude = amplitude };

	p.shape = ir_add_shape(b->ir, &s);
	return add_piece(b, w, &p);
}

/* Points `step` rasters apart, from point 0 at t0 on. */
static precess_status add_grid(struct builder *b, struct waveform *w, int64_t t0, double step,
			       const double *v, uint32_t n, double amplitude)
{
	int64_t h0 = t0 + llround(0.5 * step), h1 = t0 + llround((n - 1.5) * step);
	int64_t end = t0 + llround((n - 1) * step);
	double a = 0.5 * (v[0] + v[1]), z = 0.5 * (v[n - 2] + v[n - 1]);
	precess_status st;

	TRY(add_line(b, w, t0, h0, v[0], a, amplitude));
	TRY(add_shape(b, w, h0, h1, a, v + 1, n - 2, z, amplitude));
	TRY(add_line(b, w, h1, end, z, v[n - 1], amplitude));
out:
	return st;
}

/* Centres of equal cells, and both edges: half a cell, cells, half a cell. Fewer are a
 * trapezoid. */
static bool is_cells(const struct shape *t)
{
	double half = t->sample[1] - t->sample[0];

	for (uint32_t i = 2; i + 1 < t->n; i++) {
		if (fabs(t->sample[i] - t->sample[i - 1] - 2 * half) > 1e-6)
			return false;
	}
	return t->n > 4 && fabs(t->sample[t->n - 1] - t->sample[t->n - 2] - half) < 1e-6;
}

/* Times of its own: `t` in rasters. */
static precess_status timed_gradient(struct waveform *w, struct builder *b, const struct row *r,
				     const struct shape *s, double amplitude)
{
	struct file *f = b->file;
	const struct shape *t;
	double raster = f->grad_raster * 1e12, gap, *v;
	precess_status st;
	bool even = true;
	int64_t t0 = 0, t1;

	TRY(pulseq_need_shape(&t, f, r, COLUMN_time));
	TRY(same_length(f, r, s, t));
	TRY(check_times(f, r, t));
	TRY(pulseq_time(&w->end, f, r->line, t->sample[t->n - 1], raster));
	TRY(pulseq_time(&t0, f, r->line, t->sample[0], raster));
	if (is_cells(t)) {
		st = add_shape(b, w, t0, w->end, s->sample[0], s->sample + 1, s->n - 2,
			       s->sample[s->n - 1], amplitude);
		goto out;
	}
	gap = t->sample[1] - t->sample[0];
	for (uint32_t i = 1; i < t->n && even; i++)
		even = fabs(t->sample[i] - t->sample[i - 1] - gap) < 1e-6;
	if (even && s->n > FEW_POINTS) {
		st = add_grid(b, w, t0, gap * raster, s->sample, s->n, amplitude);
		goto out;
	}
	/* Many points on the raster: that, filled up, unless it makes far more of them. */
	double span = t->sample[t->n - 1] - t->sample[0];
	uint32_t at = 0;

	even = s->n > FEW_POINTS && span < 16.0 * s->n;
	for (uint32_t i = 0; i < t->n && even; i++)
		even = t->sample[i] == floor(t->sample[i]);
	if (!even) {
		for (uint32_t i = 0; i + 1 < s->n; i++) {
			t1 = llround(t->sample[i + 1] * raster);
			TRY(add_line(b, w, t0, t1, s->sample[i], s->sample[i + 1], amplitude));
			t0 = t1;
		}
		goto out;
	}
	v = scratch(b, (size_t)span + 1);
	if (!v)
		return PRECESS_ENOMEM;
	for (uint32_t i = 0; i <= (uint32_t)span; i++) {
		double x = t->sample[0] + i, u;

		while (at + 2 < t->n && t->sample[at + 1] < x)
			at++;
		u = (x - t->sample[at]) / (t->sample[at + 1] - t->sample[at]);
		v[i] = s->sample[at] + u * (s->sample[at + 1] - s->sample[at]);
	}
	st = add_grid(b, w, t0, raster, v, (uint32_t)span + 1, amplitude);
out:
	return st;
}

/* The value at the end, as Pulseq's toolbox restores it for files before 1.5: samples are the means
 * of the values at their cells' edges. Where rounding has eaten that, straight on. */
static double restore_last(const struct shape *s, double first)
{
	uint32_t n = s->n;
	double edge = first, straight, step;

	for (uint32_t i = 0; i < n; i++)
		edge = 2 * s->sample[i] - edge;
	step = n > 1 ? s->sample[n - 1] - s->sample[n - 2] : 0;
	straight = s->sample[n - 1] + 0.5 * step;
	return fabs(edge - straight) <= 2 * fabs(step) + 1e-3 ? edge : straight;
}

/* Half rasters: sample i at (i + 1) / 2. */
static precess_status half_gradient(struct waveform *w, struct builder *b, const struct row *r,
				    const struct shape *s, const double edge[2], double amplitude)
{
	double raster = b->file->grad_raster * 1e12, *v = scratch(b, (size_t)s->n + 2);
	precess_status st;

	if (!v)
		return PRECESS_ENOMEM;
	TRY(pulseq_time(&w->end, b->file, r->line, 0.5 * (s->n + 1.0), raster));
	v[0] = edge[0];
	v[s->n + 1] = edge[1];
	memcpy(v + 1, s->sample, s->n * sizeof *v);
	st = add_grid(b, w, 0, 0.5 * raster, v, s->n + 2, amplitude);
out:
	return st;
}

precess_status pulseq_gradient(struct waveform *out, struct builder *b, const struct row *r,
			       double first)
{
	struct file *f = b->file;
	double full = r->v[COLUMN_amplitude], amplitude = full / b->ir->system.gamma, edge[2];
	const struct shape *s;
	precess_status st;

	*out = (struct waveform){ .first = b->n_piece, .made = true, .from = first };
	TRY(pulseq_need_shape(&s, f, r, COLUMN_shape));
	edge[0] = full == 0 ? 0 : first / full;
	edge[1] = 0;
	if (f->version >= 1005) {
		edge[0] = full == 0 ? 0 : r->v[COLUMN_first] / full;
		edge[1] = full == 0 ? 0 : r->v[COLUMN_last] / full;
	}
	if (r->v[COLUMN_time] == -1) {
		TRY(half_gradient(out, b, r, s, edge, amplitude));
		out->last = edge[1] * full;
	} else if (r->v[COLUMN_time] != 0) {
		TRY(timed_gradient(out, b, r, s, amplitude));
		out->last = s->sample[s->n - 1] * full;
	} else {
		if (f->version < 1005)
			edge[1] = restore_last(s, edge[0]);
		TRY(pulseq_time(&out->end, f, r->line, s->n, f->grad_raster * 1e12));
		TRY(add_shape(b, out, 0, out->end, edge[0], s->sample, s->n, edge[1], amplitude));
		out->last = edge[1] * full;
	}
out:
	return st;
}
