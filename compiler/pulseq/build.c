/* Blocks to the IR: times are summed in picoseconds, so that a block begins where the one before
 * ends however many there are, and equal numbers are equal scalars. */
#include "compiler/pulseq/build.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIME_LIMIT ((int64_t)8000000 * 1000000000000) /* what 64 bits of picoseconds hold */

ir_scalar pulseq_seconds(struct ir *ir, int64_t ps)
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

precess_status pulseq_missing(const struct state *s, const char *what, int64_t id)
{
	return pulseq_fail(s->f, s->line, "the block plays %s %lld, which the file does not have",
			   what, (long long)id);
}

void pulseq_reach(struct state *s, int64_t end)
{
	s->longest = end > s->longest ? end : s->longest;
}

/* ------------------------------------------------------------------ a block */
static precess_status read_columns(int64_t *column, struct state *s, const char *from,
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

/* False in *more after the last block. */
static precess_status read_block(bool *more, int64_t *column, struct state *s, struct cursor *c)
{
	const char *from, *to;

	if (!s->f->binary) {
		*more = pulseq_line(c, &from, &to, &s->line);
		return *more ? read_columns(column, s, from, to) : PRECESS_OK;
	}
	*more = pulseq_binary_block(column, s->f, c, &s->line);
	for (int i = LENGTH; *more && i < BLOCK_COLUMNS; i++) {
		if (column[i] < 0 || column[i] > 1000000000000)
			return pulseq_fail(s->f, s->line, "block %lld has %lld among its numbers",
					   (long long)column[NUMBER], (long long)column[i]);
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
		return pulseq_missing(s, "delay", v);
	return pulseq_time(&s->longest, s->f, r->line, r->v[COLUMN_delay], 1e6);
}

static precess_status add_block(struct state *s, const int64_t *column)
{
	struct ir_block block = { .span = span_none, .where = "" };
	double last[3] = { 0 };
	int64_t end[3] = { 0 };
	ir_scalar soft = PULSEQ_FIXED;
	precess_status st;

	s->rotation = NULL;
	s->shim = NULL;
	s->delay = NULL;
	block.first_event = s->ir->n_event;
	TRY(read_length(s, column[LENGTH]));
	if (column[EXT])
		TRY(pulseq_extend(s, column[EXT]));
	if (column[RF])
		TRY(pulseq_add_rf(s, column[RF]));
	for (int a = 0; a < 3; a++) {
		if (column[GX + a])
			TRY(pulseq_add_gradient(s, a, column[GX + a], &last[a], &end[a]));
	}
	TRY(pulseq_emit_gradients(s));
	if (column[ADC])
		TRY(pulseq_add_adc(s, column[ADC]));
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
	block.start = ir_add(s->ir, pulseq_seconds(s->ir, s->now), s->soft);
	block.duration = pulseq_seconds(s->ir, s->length);
	if (s->delay)
		TRY(pulseq_soft_delay(&soft, s));
	if (soft != PULSEQ_FIXED) {
		block.duration = soft;
		s->soft = ir_add(s->ir, s->soft, soft);
		s->length = 0;
	}
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
		if (pulseq_extension_of(w[i]) == EXTENSION_none)
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
		.adc_raster = f->adc_raster, .b0 = f->b0 > 0 ? f->b0 : PULSEQ_B0,
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
	precess_status st;
	bool more = true;

	TRY(check_required(s->f));
	declare(s->ir, s->f);
	while (more && s->f->n_delay) {
		TRY(read_block(&more, column, s, &c));
		if (more && column[EXT])
			TRY(pulseq_survey(s, column));
	}
	c = s->f->blocks;
	for (;;) {
		TRY(read_block(&more, column, s, &c));
		if (!more)
			break;
		TRY(add_block(s, column));
	}
	if (!s->ir->n_block)
		return pulseq_fail(s->f, s->f->blocks.line, "[BLOCKS] has no blocks");
	s->ir->duration = ir_add(s->ir, pulseq_seconds(s->ir, s->now), s->soft);
	guess_matrix(s);
	if (s->f->unkept.n)
		pulseq_warn(s->f, 1, "labels without effect here:%s", s->f->unkept.data);
	if (s->f->total > 0 && !s->soft && fabs(s->f->total - (double)s->now * 1e-12) > 1e-5)
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
	for (int a = 0; a < 3; a++) {
		free(s.played[a].piece);
		free(s.turned[a].piece);
	}
	if (st)
		ir_free(s.ir);
	else
		*out = s.ir;
	return st;
}
