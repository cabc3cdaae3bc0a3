/* Blocks to the IR: times are summed in picoseconds, so that a block begins where the one before
 * ends however many there are, and equal numbers are equal scalars. */
#include "compiler/pulseq/internal.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925;
static const double default_b0 = 3; /* T, for offsets in ppm */
#define TIME_LIMIT ((int64_t)8000000 * 1000000000000) /* what 64 bits of picoseconds hold */

/* The columns of a block. */
enum { NUMBER, LENGTH, RF, GX, GY, GZ, ADC, EXT, BLOCK_COLUMNS };

struct state {
	struct builder b;
	struct file *f;
	struct ir *ir;
	int64_t now;             /* ps */
	double edge[3];          /* Hz/m where the gradients of the block before ended, at its end */
	int32_t label[IR_LABELS];
	const char *text[64];    /* by which of the six columns are there */
	uint32_t line;
	int64_t length, longest; /* of the block: as told (or 0), and of its events */
	uint32_t n_adc, adc_samples, last_label;
	uint64_t n_sample;
	bool even_adc;
};

static ir_scalar seconds(struct ir *ir, int64_t ps)
{
	return ir_const(ir, (double)ps / 1e12);
}

static const char *block_text(struct state *s, const int64_t *column)
{
	static const char *const name[] = { "rf", "gx", "gy", "gz", "adc" };
	unsigned mask = 0;
	struct text t;

	for (int i = 0; i < 5; i++)
		mask |= (unsigned)(column[RF + i] > 0) << i;
	if (s->text[mask])
		return s->text[mask];
	text_init(&t);
	for (int i = 0; i < 5; i++) {
		if (mask >> i & 1)
			text_printf(&t, "%s%s", t.n ? " & " : "", name[i]);
	}
	s->text[mask] = arena_copy(s->ir->arena, mask ? t.data : "delay", mask ? t.n : 5);
	text_free(&t);
	return s->text[mask];
}

static struct ir_event blank_event(enum ir_event_kind kind)
{
	struct ir_event e = { .kind = kind, .span = span_none, .shape = IR_NO_SHAPE };

	for (int i = 0; i < IR_LABELS; i++)
		e.label[i] = -1;
	return e;
}

static precess_status missing(const struct state *s, const char *what, int64_t id)
{
	return pulseq_fail(s->f, s->line, "the block plays %s %lld, which the file does not have",
			   what, (long long)id);
}

static void reach(struct state *s, int64_t end)
{
	s->longest = end > s->longest ? end : s->longest;
}

/* Offsets in parts per million of the Larmor frequency. */
static double ppm(struct state *s, const struct row *r, enum column column)
{
	if (r->v[column] != 0 && s->f->b0 == 0 && !s->f->told[1]) {
		s->f->told[1] = true;
		pulseq_warn(s->f, r->line, "an offset in ppm, and no definition B0: taken at %g T",
			    default_b0);
	}
	return r->v[column] * 1e-6 * s->ir->system.gamma * (s->f->b0 > 0 ? s->f->b0 : default_b0);
}

/* ------------------------------------------------------------------ RF */
/* Before 1.5 files do not tell: up to 90 degrees excite. */
static enum ir_use use_of(const struct file *f, const struct row *r, double flip)
{
	if (f->version < 1005)
		return fabs(flip) < 1.6 ? IR_USE_excitation : IR_USE_refocusing;
	switch ((int)r->v[COLUMN_use]) {
	case 'e': return IR_USE_excitation;
	case 'r': return IR_USE_refocusing;
	case 'i': return IR_USE_inversion;
	case 's': return IR_USE_saturation;
	case 'p': return IR_USE_preparation;
	case 'o': return IR_USE_other;
	default:  return IR_USE_undefined;
	}
}

static precess_status add_rf(struct state *s, int64_t id)
{
	const struct table *t = &s->f->table[PULSEQ_rf];
	const struct row *r = pulseq_find(t, (uint32_t)id);
	struct ir_event e = blank_event(IR_RF);
	precess_status st = PRECESS_OK;
	struct piece *p;
	int64_t delay;

	if (!r)
		return missing(s, "RF", id);
	p = &s->b.rf[r - t->row];
	if (p->duration == 0)
		TRY(pulseq_rf(p, &s->b, r));
	TRY(pulseq_time(&delay, s->f, r->line, r->v[COLUMN_delay], 1e6));
	e.start = seconds(s->ir, delay + p->start);
	e.duration = seconds(s->ir, p->duration);
	e.center = seconds(s->ir, p->center);
	e.flip = ir_const(s->ir, p->amplitude);
	e.phase = ir_const(s->ir, r->v[COLUMN_phase] + ppm(s, r, COLUMN_phase_ppm) + p->phase);
	e.freq = ir_const(s->ir, r->v[COLUMN_freq] + ppm(s, r, COLUMN_freq_ppm));
	e.shape = p->shape;
	e.use = use_of(s->f, r, p->amplitude);
	ir_add_event(s->ir, &e);
	reach(s, delay + p->reach);
out:
	return st;
}

/* ------------------------------------------------------------------ gradients */
static void add_piece(struct state *s, int axis, int64_t delay, const struct piece *p)
{
	struct ir_event e = blank_event(IR_GRAD);

	e.axis = axis;
	e.start = seconds(s->ir, delay + p->start);
	e.duration = seconds(s->ir, p->duration);
	e.amplitude = ir_const(s->ir, p->amplitude);
	e.shape = p->shape;
	if (p->shape == IR_NO_SHAPE) {
		e.rise = seconds(s->ir, p->rise);
		e.flat = seconds(s->ir, p->flat);
		e.fall = seconds(s->ir, p->fall);
	}
	ir_add_event(s->ir, &e);
	reach(s, delay + p->start + p->duration);
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
		add_piece(s, axis, delay, &p);
	reach(s, delay);
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
		add_piece(s, axis, delay, &s->b.piece[i]);
	reach(s, delay + w->end);
	*last = w->last;
	*end = delay + w->end;
out:
	return st;
}

static precess_status add_gradient(struct state *s, int axis, int64_t id, double *last,
				   int64_t *end)
{
	const struct row *r = pulseq_find(&s->f->table[PULSEQ_trap], (uint32_t)id);

	if (r)
		return add_trapezoid(s, axis, r);
	r = pulseq_find(&s->f->table[PULSEQ_grad], (uint32_t)id);
	return r ? add_arbitrary(s, axis, r, last, end) : missing(s, "gradient", id);
}

/* ------------------------------------------------------------------ ADC and labels */
static precess_status add_adc(struct state *s, int64_t id)
{
	const struct row *r = pulseq_find(&s->f->table[PULSEQ_adc], (uint32_t)id);
	struct ir_event e = blank_event(IR_ADC);
	precess_status st = PRECESS_OK;
	int64_t delay, dwell;
	double n, freq;

	if (!r)
		return missing(s, "ADC", id);
	n = r->v[COLUMN_number];
	if (!(n >= 1 && n <= INT32_MAX && n == floor(n)))
		return pulseq_fail(s->f, r->line, "a readout of %g samples; it wants 1 .. 2^31", n);
	if (r->v[COLUMN_phase_shape] != 0)
		return pulseq_fail(s->f, r->line, "a phase shape in a readout (shape %g) is not "
				   "supported; demodulate after the simulation",
				   r->v[COLUMN_phase_shape]);
	TRY(pulseq_time(&delay, s->f, r->line, r->v[COLUMN_delay], 1e6));
	TRY(pulseq_time(&dwell, s->f, r->line, r->v[COLUMN_dwell], 1e3));
	if (dwell <= 0 || n * (double)dwell > 1e17)
		return pulseq_fail(s->f, r->line, "%g samples of %g ns cannot be played", n,
				   r->v[COLUMN_dwell]);
	if ((s->n_sample += (uint64_t)n) > INT32_MAX)
		return pulseq_fail(s->f, s->line, "too many samples in all (limit 2^31)");
	freq = r->v[COLUMN_freq] + ppm(s, r, COLUMN_freq_ppm);
	e.start = seconds(s->ir, delay);
	e.n = (uint32_t)n;
	e.dwell = seconds(s->ir, dwell);
	e.duration = seconds(s->ir, dwell * (int64_t)n);
	e.freq = ir_const(s->ir, freq);
	/* The file's phase holds where the window opens, the IR's at the first sample. */
	e.phase = ir_const(s->ir, r->v[COLUMN_phase] + ppm(s, r, COLUMN_phase_ppm) +
				  two_pi * freq * 0.5e-12 * (double)dwell);
	for (int i = 0; i < IR_LABELS; i++)
		e.label[i] = s->f->uses_label[i] ? s->label[i] : -1;
	ir_add_event(s->ir, &e);
	reach(s, delay + dwell * (int64_t)n);
	s->even_adc = s->n_adc == 0 || (s->even_adc && s->adc_samples == e.n);
	s->adc_samples = e.n;
	s->n_adc++;
	if (e.label[IR_LABEL_line] > (int32_t)s->last_label)
		s->last_label = (uint32_t)e.label[IR_LABEL_line];
out:
	return st;
}

static precess_status apply_label(struct state *s, const struct link *l, bool increment)
{
	const struct label_row *r = pulseq_label(s->f, l->ref, increment);
	int64_t v;

	if (!r)
		return pulseq_fail(s->f, l->line, "label %u is not in the file", l->ref);
	if (r->label < 0)
		return PRECESS_OK;
	v = r->value + (increment ? (int64_t)s->label[r->label] : 0);
	if (v < INT32_MIN || v > INT32_MAX)
		return pulseq_fail(s->f, s->line, "a label counts beyond 32 bits");
	s->label[r->label] = (int32_t)v;
	return PRECESS_OK;
}

/* One link of a block's extensions; LABELSET comes before LABELINC whatever the order. */
static precess_status apply_link(struct state *s, const struct link *l, bool increment)
{
	const char *name = s->f->type_name[l->type];

	switch (s->f->type[l->type]) {
	case EXTENSION_LABELSET:
	case EXTENSION_LABELINC:
		if ((s->f->type[l->type] == EXTENSION_LABELINC) == increment)
			return apply_label(s, l, increment);
		return PRECESS_OK;
	case EXTENSION_TRIGGERS:
		return PRECESS_OK;
	case EXTENSION_DELAYS:
		if (!s->f->told[2])
			pulseq_warn(s->f, s->line, "soft delays stay as the blocks tell them");
		s->f->told[2] = true;
		return PRECESS_OK;
	case EXTENSION_none:
		if (!s->f->told[3])
			pulseq_warn(s->f, s->line, "extension %s is not known and left out",
				    name ? name : "without a name");
		s->f->told[3] = true;
		return PRECESS_OK;
	default:
		return pulseq_fail(s->f, s->line, "extension %s is not supported: without it the "
				   "sequence would be another one", name);
	}
}

static precess_status apply_extensions(struct state *s, int64_t id)
{
	const struct link *l;
	precess_status st;

	for (int increment = 0; increment < 2; increment++) {
		uint32_t at = (uint32_t)id, steps = 0;

		for (; at; at = l->next) {
			l = pulseq_link(s->f, at);
			if (!l)
				return missing(s, "extension", at);
			if (++steps > 1000)
				return pulseq_fail(s->f, l->line, "extension %u leads back to "
						   "itself", l->id);
			if ((st = apply_link(s, l, increment)))
				return st;
		}
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ a block */
static precess_status read_block(int64_t *column, struct state *s, const char *from,
				 const char *to)
{
	struct word w[BLOCK_COLUMNS];
	int n = pulseq_words(w, BLOCK_COLUMNS, from, to);

	column[EXT] = 0;
	if (n != BLOCK_COLUMNS && !(n == BLOCK_COLUMNS - 1 && s->f->version < 1004))
		return pulseq_fail(s->f, s->line, "a block has 8 columns (number, %s, RF, GX, GY, "
				   "GZ, ADC, EXT), found %d; is the [VERSION] right?",
				   s->f->version < 1004 ? "delay" : "duration", n);
	for (int i = 0; i < n; i++) {
		if (!pulseq_integer(&column[i], w[i], 0, i == LENGTH ? 1000000000000 : UINT32_MAX - 1))
			return pulseq_fail(s->f, s->line, "'%.*s' is no whole number from 0 on",
					   (int)(w[i].n < 40 ? w[i].n : 40), w[i].p);
	}
	return PRECESS_OK;
}

/* What the block's second column says: a duration in rasters, before 1.4 the number of a delay. */
static precess_status read_length(struct state *s, int64_t v)
{
	const struct row *r;

	s->length = s->longest = 0;
	if (s->f->version >= 1004)
		return pulseq_time(&s->length, s->f, s->line, (double)v,
				   s->f->block_raster * 1e12);
	if (v == 0)
		return PRECESS_OK;
	r = pulseq_find(&s->f->table[PULSEQ_delay], (uint32_t)v);
	if (!r)
		return missing(s, "delay", v);
	return pulseq_time(&s->longest, s->f, r->line, r->v[COLUMN_delay], 1e6);
}

static precess_status add_block(struct state *s, const int64_t *column)
{
	struct ir_block block = { .span = span_none, .where = "" };
	double last[3] = { 0 };
	int64_t end[3] = { 0 };
	precess_status st;

	block.first_event = s->ir->n_event;
	TRY(read_length(s, column[LENGTH]));
	if (column[EXT])
		TRY(apply_extensions(s, column[EXT]));
	if (column[RF])
		TRY(add_rf(s, column[RF]));
	for (int a = 0; a < 3; a++) {
		if (column[GX + a])
			TRY(add_gradient(s, a, column[GX + a], &last[a], &end[a]));
	}
	if (column[ADC])
		TRY(add_adc(s, column[ADC]));
	if (s->f->version < 1004)
		s->length = s->longest;
	if (s->longest > s->length + 1000) /* a nanosecond of rounding */
		return pulseq_fail(s->f, s->line, "block %lld lasts %.9g us, its events until "
				   "%.9g us: they would overlap the next block",
				   (long long)column[NUMBER], (double)s->length * 1e-6,
				   (double)s->longest * 1e-6);
	s->length = s->longest > s->length ? s->longest : s->length;
	for (int a = 0; a < 3; a++)
		s->edge[a] = end[a] == s->length ? last[a] : 0;
	block.n_event = s->ir->n_event - block.first_event;
	block.kind = block.n_event ? IR_PLAY : IR_DELAY;
	block.text = block_text(s, column);
	block.start = seconds(s->ir, s->now);
	block.duration = seconds(s->ir, s->length);
	if ((s->now += s->length) > TIME_LIMIT)
		return pulseq_fail(s->f, s->line, "the sequence lasts longer than %g s",
				   (double)TIME_LIMIT * 1e-12);
	if (s->ir->n_block >= INT32_MAX || s->ir->n_event >= INT32_MAX)
		return pulseq_fail(s->f, s->line, "too many blocks (limit 2^31)");
	ir_add_block(s->ir, &block);
out:
	return st;
}

/* ------------------------------------------------------------------ the whole */
/* Extensions that must be understood, by name. */
static precess_status check_required(const struct file *f)
{
	struct word w[32];
	int n = f->required ? pulseq_words(w, 32, f->required, f->required + strlen(f->required))
			    : 0;

	for (int i = 0; i < n && i < 32; i++) {
		bool known = false;
#define EXTENSION(name, honoured, doc) known = known || (honoured && pulseq_word_is(w[i], #name));
#include "compiler/pulseq/extensions.def"
#undef EXTENSION
		if (!known)
			return pulseq_fail(f, 1, "the file requires the extension %.*s, which is "
					   "not supported", (int)w[i].n, w[i].p);
	}
	return PRECESS_OK;
}

/* The name as one word. */
static const char *identifier(struct ir *ir, const char *name)
{
	char *s = name && *name ? arena_copy(ir->arena, name, strlen(name)) : NULL;

	for (char *p = s; p && *p; p++) {
		if (!isalnum((unsigned char)*p))
			*p = '_';
	}
	return s ? s : "pulseq";
}

static void declare(struct ir *ir, const struct file *f)
{
	static const struct {
		enum ir_map_kind kind;
		const char *name;
		double lo, hi, value;
	} map[] = {
		{ IR_MAP_M0, "M0", 0, 2, 1 }, { IR_MAP_T1, "T1", 1e-3, 20, 1 },
		{ IR_MAP_T2, "T2", 1e-4, 20, 0.1 },
	};

	ir->name = identifier(ir, f->name);
	ir->doc = f->name ? arena_copy(ir->arena, f->name, strlen(f->name)) : "";
	ir->system = (struct ir_system){
		.name = "pulseq", .max_grad = INFINITY, .max_slew = INFINITY,
		.max_b1 = INFINITY, .grad_raster = f->grad_raster, .rf_raster = f->rf_raster,
		.adc_raster = f->adc_raster, .b0 = f->b0 > 0 ? f->b0 : default_b0,
		.gamma = PRECESS_GAMMABAR,
	};
	memcpy(ir->geometry.fov, f->fov, sizeof f->fov);
	for (size_t i = 0; i < PRECESS_COUNT(map); i++) {
		struct ir_map m = { .kind = map[i].kind, .name = map[i].name, .channel = true,
				    .lo = map[i].lo, .hi = map[i].hi, .value = map[i].value,
				    .span = span_none };

		ir_add_map(ir, &m);
	}
}

/* Samples of a readout by lines: told by the labels, else as many as there are readouts. */
static void guess_matrix(struct state *s)
{
	uint32_t lines = s->f->uses_label[IR_LABEL_line] ? s->last_label + 1 : s->n_adc;

	if (!(s->f->fov[0] > 0 && s->even_adc) || s->adc_samples > 4096 || lines > 4096 ||
	    lines < 2)
		return;
	s->ir->geometry.matrix[0] = (int)s->adc_samples;
	s->ir->geometry.matrix[1] = (int)lines;
	s->ir->geometry.matrix[2] = 1;
}

static precess_status build(struct state *s)
{
	struct cursor c = s->f->blocks;
	int64_t column[BLOCK_COLUMNS];
	const char *from, *to;
	precess_status st;

	TRY(check_required(s->f));
	declare(s->ir, s->f);
	while (pulseq_line(&c, &from, &to, &s->line)) {
		TRY(read_block(column, s, from, to));
		TRY(add_block(s, column));
	}
	if (!s->ir->n_block)
		return pulseq_fail(s->f, s->f->blocks.line, "[BLOCKS] has no blocks");
	s->ir->duration = seconds(s->ir, s->now);
	guess_matrix(s);
	if (s->f->total > 0 && fabs(s->f->total - (double)s->now * 1e-12) > 1e-5)
		pulseq_warn(s->f, 1, "TotalDuration says %.9g s, the blocks last %.9g s",
			    s->f->total, (double)s->now * 1e-12);
out:
	return st;
}

precess_status pulseq_build(struct ir **out, struct file *f)
{
	struct state s = { .f = f };
	precess_status st;

	*out = NULL;
	s.b.file = f;
	s.ir = s.b.ir = ir_create();
	s.b.grad = calloc(f->table[PULSEQ_grad].n + 1, sizeof *s.b.grad);
	s.b.rf = calloc(f->table[PULSEQ_rf].n + 1, sizeof *s.b.rf);
	if (s.b.grad && s.b.rf)
		st = build(&s);
	else
		st = precess_fail(PRECESS_ENOMEM, "out of memory for the events of %s", f->path);
	free(s.b.grad);
	free(s.b.rf);
	free(s.b.piece);
	free(s.b.scratch);
	if (st)
		ir_free(s.ir);
	else
		*out = s.ir;
	return st;
}
