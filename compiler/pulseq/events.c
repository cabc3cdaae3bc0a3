/* What a block plays: events of the file's tables become events of the IR. */
#include "compiler/pulseq/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925;

static struct ir_event blank_event(enum ir_event_kind kind)
{
	struct ir_event e = { .kind = kind, .span = span_none, .shape = IR_NO_SHAPE };

	for (int i = 0; i < IR_LABELS; i++)
		e.label[i] = -1;
	return e;
}

/* Offsets in parts per million of the Larmor frequency. */
static double ppm(struct state *s, const struct row *r, enum column column)
{
	if (r->v[column] != 0 && s->f->b0 == 0 && !s->f->told[1]) {
		s->f->told[1] = true;
		pulseq_warn(s->f, r->line, "an offset in ppm, and no definition B0: taken at %g T",
			    PULSEQ_B0);
	}
	return r->v[column] * 1e-6 * s->ir->system.gamma * (s->f->b0 > 0 ? s->f->b0 : PULSEQ_B0);
}

/* ------------------------------------------------------------------ RF */
/* Before 1.5 files do not tell: up to 90 degrees excite. */
static enum ir_use use_of(const struct file *f, const struct row *r, double flip)
{
	if (f->version < 1005)
		return fabs(flip) < 1.6 ? IR_USE_excitation : IR_USE_refocusing;
	switch ((int)r->v[COLUMN_use]) {
	case 'e':
		return IR_USE_excitation;
	case 'r':
		return IR_USE_refocusing;
	case 'i':
		return IR_USE_inversion;
	case 's':
		return IR_USE_saturation;
	case 'p':
		return IR_USE_preparation;
	case 'o':
		return IR_USE_other;
	default:
		return IR_USE_undefined;
	}
}

/* Magnitude and phase that all transmit channels have. */
static precess_status one_channel(double *magnitude, double *turn, const struct state *s)
{
	const struct shim_row *r = s->shim;

	*magnitude = r->v[0];
	*turn = r->v[1];
	for (uint32_t i = 1; i < r->n; i++) {
		if (r->v[2 * i] != r->v[0] || r->v[2 * i + 1] != r->v[1])
			return pulseq_fail(
				s->f, s->line,
				"the block plays its pulse with RF shim %u, "
				"which differs among its %u channels; parallel transmission "
				"is not supported",
				r->id, r->n);
	}
	return PRECESS_OK;
}

precess_status pulseq_add_rf(struct state *s, int64_t id)
{
	const struct table *t = &s->f->table[PULSEQ_rf];
	const struct row *r = pulseq_find(t, (uint32_t)id);
	struct ir_event e = blank_event(IR_RF);
	precess_status st = PRECESS_OK;
	double magnitude = 1, turn = 0;
	struct piece *p;
	int64_t delay;

	if (!r)
		return pulseq_missing(s, "RF", id);
	p = &s->b.rf[r - t->row];
	if (p->duration == 0)
		TRY(pulseq_rf(p, &s->b, r));
	TRY(pulseq_time(&delay, s->f, r->line, r->v[COLUMN_delay], 1e6));
	if (s->shim)
		TRY(one_channel(&magnitude, &turn, s));
	e.start = pulseq_seconds(s->ir, delay + p->start);
	e.duration = pulseq_seconds(s->ir, p->duration);
	e.center = pulseq_seconds(s->ir, p->center);
	e.flip = ir_const(s->ir, p->amplitude * magnitude);
	e.phase = ir_const(s->ir,
			   r->v[COLUMN_phase] + ppm(s, r, COLUMN_phase_ppm) + p->phase + turn);
	e.freq = ir_const(s->ir, r->v[COLUMN_freq] + ppm(s, r, COLUMN_freq_ppm));
	e.shape = p->shape;
	e.use = use_of(s->f, r, p->amplitude);
	ir_add_event(s->ir, &e);
	pulseq_reach(s, delay + p->reach);
out:
	return st;
}

/* ------------------------------------------------------------------ gradients */
static precess_status play(struct state *s, int axis, int64_t delay, const struct piece *p)
{
	struct piece own = *p;

	own.start += delay;
	pulseq_reach(s, own.start + own.duration);
	return pulseq_play_piece(&s->played[axis], &own);
}

static precess_status add_trapezoid(struct state *s, int axis, const struct row *r)
{
	struct piece p = { .shape = IR_NO_SHAPE,
			   .amplitude = r->v[COLUMN_amplitude] / s->ir->system.gamma };
	precess_status st;
	int64_t delay;

	TRY(pulseq_time(&p.rise, s->f, r->line, r->v[COLUMN_rise], 1e6));
	TRY(pulseq_time(&p.flat, s->f, r->line, r->v[COLUMN_flat], 1e6));
	TRY(pulseq_time(&p.fall, s->f, r->line, r->v[COLUMN_fall], 1e6));
	TRY(pulseq_time(&delay, s->f, r->line, r->v[COLUMN_delay], 1e6));
	p.duration = p.rise + p.flat + p.fall;
	if (p.duration > 0) /* JEMRIS writes empty ones */
		TRY(play(s, axis, delay, &p));
	pulseq_reach(s, delay);
out:
	return st;
}

/* `*last`: the value at the event's end, `*end`: that time. */
static precess_status add_arbitrary(struct state *s, int axis, const struct row *r, double *last,
				    int64_t *end)
{
	struct waveform *w = &s->b.grad[r - s->f->table[PULSEQ_grad].row];
	double first = r->v[COLUMN_delay] > 0 ? 0 : s->edge[axis];
	precess_status st = PRECESS_OK;
	int64_t delay;

	if (!w->made || (s->f->version < 1005 && w->from != first))
		TRY(pulseq_gradient(w, &s->b, r, first));
	TRY(pulseq_time(&delay, s->f, r->line, r->v[COLUMN_delay], 1e6));
	for (size_t i = w->first; i < w->first + w->n; i++)
		TRY(play(s, axis, delay, &s->b.piece[i]));
	pulseq_reach(s, delay + w->end);
	*last = w->last;
	*end = delay + w->end;
out:
	return st;
}

precess_status pulseq_add_gradient(struct state *s, int axis, int64_t id, double *last,
				   int64_t *end)
{
	const struct row *r = pulseq_find(&s->f->table[PULSEQ_trap], (uint32_t)id);

	if (r)
		return add_trapezoid(s, axis, r);
	r = pulseq_find(&s->f->table[PULSEQ_grad], (uint32_t)id);
	return r ? add_arbitrary(s, axis, r, last, end) : pulseq_missing(s, "gradient", id);
}

static void emit(struct state *s, int axis, const struct piece *p)
{
	struct ir_event e = blank_event(IR_GRAD);

	e.axis = axis;
	e.start = pulseq_seconds(s->ir, p->start);
	e.duration = pulseq_seconds(s->ir, p->duration);
	e.amplitude = ir_const(s->ir, p->amplitude);
	e.shape = p->shape;
	if (p->shape == IR_NO_SHAPE) {
		e.rise = pulseq_seconds(s->ir, p->rise);
		e.flat = pulseq_seconds(s->ir, p->flat);
		e.fall = pulseq_seconds(s->ir, p->fall);
	}
	ir_add_event(s->ir, &e);
}

precess_status pulseq_emit_gradients(struct state *s)
{
	const struct played *from = s->rotation ? s->turned : s->played;
	precess_status st;

	if (s->rotation && (st = pulseq_rotate(s, s->rotation->q)))
		return st;
	for (int a = 0; a < 3; a++) {
		for (size_t i = 0; i < from[a].n; i++)
			emit(s, a, &from[a].piece[i]);
		s->played[a].n = 0;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ ADC */
/* How many samples from `i` on have phases on one line through the first; *slope: rad per sample.
 * Files tell phases to some 1e-7 rad. */
static const double straightness = 1e-6;
static uint32_t straight(double *slope, const struct shape *p, uint32_t i)
{
	double lo = -INFINITY, hi = INFINITY;
	uint32_t n = 1;

	for (; i + n < p->n; n++) {
		double rise = p->sample[i + n] - p->sample[i];
		double l = fmax(lo, (rise - straightness) / n);
		double h = fmin(hi, (rise + straightness) / n);

		if (l > h)
			break;
		lo = l;
		hi = h;
	}
	*slope = n > 1 ? 0.5 * (lo + hi) : 0;
	return n;
}

/* Samples [i, i + n) of a readout, whose phase changes by `slope` per sample. */
static void emit_adc(struct state *s, const struct row *r, int64_t delay, int64_t dwell, uint32_t i,
		     uint32_t n, double phase, double slope)
{
	double freq = r->v[COLUMN_freq] + ppm(s, r, COLUMN_freq_ppm), d = 1e-12 * (double)dwell;
	struct ir_event e = blank_event(IR_ADC);

	/* The file's phase holds where the window opens, the IR's at the first sample. */
	phase += r->v[COLUMN_phase] + ppm(s, r, COLUMN_phase_ppm) + two_pi * freq * (i + 0.5) * d;
	e.start = pulseq_seconds(s->ir, delay + i * dwell);
	e.n = n;
	e.dwell = pulseq_seconds(s->ir, dwell);
	e.duration = pulseq_seconds(s->ir, dwell * n);
	e.freq = ir_const(s->ir, freq + slope / (two_pi * d));
	e.phase = ir_const(s->ir, phase);
	for (int k = 0; k < IR_LABELS; k++)
		e.label[k] = s->f->uses_label[k] ? s->label[k] : -1;
	ir_add_event(s->ir, &e);
}

/* A phase shape is played as windows in which the phase is straight. */
static precess_status emit_windows(struct state *s, const struct row *r, int64_t delay,
				   int64_t dwell)
{
	uint32_t n = (uint32_t)r->v[COLUMN_number], m;
	const struct shape *p = NULL;
	precess_status st = PRECESS_OK;
	double slope = 0;

	if (r->v[COLUMN_phase_shape] != 0) {
		TRY(pulseq_need_shape(&p, s->f, r, COLUMN_phase_shape));
		if (p->n != n)
			return pulseq_fail(s->f, r->line,
					   "a readout of %u samples, whose phase shape "
					   "%u has %u",
					   n, p->id, p->n);
	}
	for (uint32_t i = 0; i < n; i += m) {
		m = p ? straight(&slope, p, i) : n;
		if (m < n && !s->f->told[4]) {
			s->f->told[4] = true;
			pulseq_warn(s->f, r->line,
				    "a readout's phase shape is no straight line: its "
				    "samples are taken in several windows");
		}
		emit_adc(s, r, delay, dwell, i, m, p ? p->sample[i] : 0, slope);
	}
out:
	return st;
}

precess_status pulseq_add_adc(struct state *s, int64_t id)
{
	const struct row *r = pulseq_find(&s->f->table[PULSEQ_adc], (uint32_t)id);
	precess_status st = PRECESS_OK;
	int64_t delay, dwell;
	double n;

	if (!r)
		return pulseq_missing(s, "ADC", id);
	n = r->v[COLUMN_number];
	if (!(n >= 1 && n <= INT32_MAX && n == floor(n)))
		return pulseq_fail(s->f, r->line, "a readout of %g samples; it wants 1 .. 2^31", n);
	TRY(pulseq_time(&delay, s->f, r->line, r->v[COLUMN_delay], 1e6));
	TRY(pulseq_time(&dwell, s->f, r->line, r->v[COLUMN_dwell], 1e3));
	if (dwell <= 0 || n * (double)dwell > 1e17)
		return pulseq_fail(s->f, r->line, "%g samples of %g ns cannot be played", n,
				   r->v[COLUMN_dwell]);
	if ((s->n_sample += (uint64_t)n) > INT32_MAX)
		return pulseq_fail(s->f, s->line, "too many samples in all (limit 2^31)");
	TRY(emit_windows(s, r, delay, dwell));
	pulseq_reach(s, delay + dwell * (int64_t)n);
	s->even_adc = s->n_adc == 0 || (s->even_adc && s->adc_samples == (uint32_t)n);
	s->adc_samples = (uint32_t)n;
	s->n_adc++;
	if (s->label[IR_LABEL_line] > (int32_t)s->last_label)
		s->last_label = (uint32_t)s->label[IR_LABEL_line];
out:
	return st;
}
