/* The timeline of a draw, one block a line, loops folded: iterations that play the same blocks as
 * the one before are counted, not listed. */
#include "compiler/lower/explain.h"

#include <math.h>
#include <string.h>

enum { TEXT_COLUMNS = 34, WHAT_COLUMNS = 26, DEEPEST = 8 };

/* ------------------------------------------------------------------ where a block stands */
/* Word `depth` of "shot=0 echo=3"; its length, 0 when there is none. */
static size_t word(const char **at, const char *where, int depth)
{
	const char *s = where;

	for (;; depth--) {
		size_t n;

		s += strspn(s, " ");
		n = strcspn(s, " ");
		if (depth == 0 || n == 0) {
			*at = s;
			return n;
		}
		s += n;
	}
}

static bool same_word(const char *a, const char *b, int depth)
{
	const char *x, *y;
	size_t n = word(&x, a, depth), m = word(&y, b, depth);

	return n == m && memcmp(x, y, n) == 0;
}

/* The same loop, in whatever iteration: equal up to '='. */
static bool same_loop(const char *a, const char *b, int depth)
{
	const char *x, *y;
	size_t n = word(&x, a, depth), m = word(&y, b, depth);
	const char *end = memchr(x, '=', n);

	return end && (size_t)(end - x) < m && memcmp(x, y, (size_t)(end - x) + 1) == 0;
}

/* One past the last block from i on that stands in the same iteration. */
static uint32_t iteration_end(const struct program *p, uint32_t i, uint32_t end, int depth)
{
	uint32_t k = i + 1;

	while (k < end && same_word(p->block[k].where, p->block[i].where, depth))
		k++;
	return k;
}

/* Inner loop counters are the same in both, and so is everything but the amplitudes and times. */
static bool alike(const struct program *p, uint32_t a, uint32_t b, uint32_t n, int depth)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct program_block *x = &p->block[a + i], *y = &p->block[b + i];
		const char *u, *v;

		if (x->kind != y->kind || x->n_event != y->n_event || strcmp(x->text, y->text) != 0)
			return false;
		word(&u, x->where, depth + 1);
		word(&v, y->where, depth + 1);
		if (strcmp(u, v) != 0)
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ one block */
/* The same direction within a turn, 0 for what is 0 but for rounding: the phases of RF spoiling
 * grow with the square of the repetition. */
static double one_turn(double phase)
{
	const double turn = 2 * 3.14159265358979323846, slack = 1e-9;
	double within = fabs(phase) < turn ? phase : phase - turn * floor(phase / turn + slack);

	return fabs(within) < slack ? 0 : within;
}

static void describe_event(const struct explain *x, uint32_t event)
{
	const struct program_event *q = &x->d->program->event[event];
	const struct draw_event *e = &x->d->event[x->d->at[event]];
	double phase;

	switch (e->kind) {
	case PROGRAM_RF:
		text_printf(x->out, "%s %s", strcmp(q->use, "undefined") ? q->use : "pulse",
			    explain_show(x, e->flip, explain_angle));
		phase = one_turn(e->phase);
		if (phase != 0)
			text_printf(x->out, ", phase %s", explain_show(x, phase, explain_angle));
		break;
	case PROGRAM_GRAD:
		text_printf(x->out, "%c %.4g mT/m", "xyz"[e->axis],
			    e->amplitude == 0 ? 0 : e->amplitude * 1e3); /* never -0 */
		break;
	case PROGRAM_ADC:
		text_printf(x->out, "%u samples", e->n);
		break;
	case PROGRAM_RESET:
		text_printf(x->out, "equilibrium");
		break;
	}
}

/* Where the raster holds block i's end off the time that the sequence asks for, as a scalar. Only
 * waiting rounds: what is played after it keeps the distance, and a reset begins anew. */
static ir_scalar residual_after(const struct explain *x, uint32_t i)
{
	for (uint32_t k = i + 1; k-- > 0;) {
		const struct ir_block *b = &x->ir->block[k];

		if (b->kind == IR_RESET)
			return 0;
		if (b->kind != IR_PLAY)
			return b->residual;
	}
	return 0;
}

/* The delay as it was solved, before rounding: the rounded one hides what it depends on, and its
 * enclosure would be wide. It was proved not to be negative. */
static void describe_range(const struct explain *x, uint32_t block)
{
	const struct ir_block *b = &x->ir->block[block];
	ir_scalar before = block ? residual_after(x, block - 1) : 0;
	ir_scalar wanted = ir_add(x->ir, ir_sub(x->ir, b->duration, b->residual), before);
	double lo, hi;

	if (ir_is_const(x->ir, wanted, &lo))
		hi = lo;
	else
		ir_range(x->ir, wanted, &lo, &hi);
	lo = fmax(lo, 0);
	text_printf(x->out, "%s", explain_show(x, lo, explain_time));
	if (hi > lo)
		text_printf(x->out, " .. %s", explain_show(x, hi, explain_time));
}

static void describe_delay(const struct explain *x, uint32_t block)
{
	const struct ir_block *b = &x->ir->block[block];
	const bool constant = ir_is_const(x->ir, b->duration, NULL);
	const double half = x->ir->system.grad_raster / 2;
	double lo, hi, off;

	if (b->kind == IR_SOLVED)
		text_printf(x->out, "solved%s", constant ? "" : ": ");
	if (!constant)
		describe_range(x, block);
	if (b->kind != IR_SOLVED || b->residual == 0)
		return;
	/* Rounding moves an instant by half a raster at most; the enclosure forgets that where
	 * several roundings meet. */
	ir_range(x->ir, b->residual, &lo, &hi);
	off = fmin(fmax(fabs(lo), fabs(hi)), half);
	if (off > 1e-12)
		text_printf(x->out, " (raster: within %.2gus)", 1e6 * off);
}

/* Characters, not bytes: UTF-8 continuation bytes take no column. */
static int clipped(const char *s, int columns)
{
	int n = 0, c = 0;

	for (; s[n] && (c < columns || ((unsigned char)s[n] & 0xc0) == 0x80); n++)
		c += ((unsigned char)s[n] & 0xc0) != 0x80;
	return n;
}

static void print_block(const struct explain *x, uint32_t block, int depth)
{
	const struct program_block *b = &x->d->program->block[block];
	double start = x->d->value[b->start], duration = x->d->value[b->duration];
	int n = clipped(b->text, TEXT_COLUMNS);
	bool whole = !b->text[n];

	if (!whole)
		n = clipped(b->text, TEXT_COLUMNS - 3);
	text_printf(x->out, "  %10s", explain_show(x, start, explain_time));
	text_printf(x->out, " %10s  %*s%.*s%s", explain_show(x, duration, explain_time), 2 * depth,
		    "", n, b->text, whole ? "" : "...");
	n += 2 * depth + (whole ? 0 : 3);
	if (b->n_event || b->kind == PROGRAM_BLOCK_SOLVED ||
	    !ir_is_const(x->ir, x->ir->block[block].duration, NULL))
		text_printf(x->out, "%*s ", n < WHAT_COLUMNS ? WHAT_COLUMNS - n : 0, "");
	if (b->kind == PROGRAM_BLOCK_DELAY || b->kind == PROGRAM_BLOCK_SOLVED)
		describe_delay(x, block);
	for (uint32_t i = 0; i < b->n_event; i++) {
		text_printf(x->out, "%s", i ? "; " : "");
		describe_event(x, b->first_event + i);
	}
	text_printf(x->out, "\n");
}

/* ------------------------------------------------------------------ loops */
static void print_blocks(const struct explain *x, uint32_t first, uint32_t end, int depth);

static void heading(const struct explain *x, uint32_t block, int depth)
{
	const char *w;
	size_t n = word(&w, x->d->program->block[block].where, depth);

	text_printf(x->out, "  %10s %10s  %*s%.*s:\n", "", "", 2 * depth, "", (int)n, w);
}

/* An iteration that was listed; later ones are compared with it. */
struct listed {
	uint32_t first, n;
};
enum { LISTED = 8 };

static bool known(const struct program *p, const struct listed *a, uint32_t n_listed,
		  uint32_t first, uint32_t n, int depth)
{
	for (uint32_t i = 0; i < n_listed; i++) {
		if (a[i].n == n && alike(p, a[i].first, first, n, depth))
			return true;
	}
	return false;
}

/* Iterations that are counted instead of listed. */
struct folded {
	uint32_t count, last; /* `last`: first block of the last of them */
	double gap[2];        /* smallest and largest from one end to the next */
};

/* "... 5 more like these, to echo=7, one every 10ms" */
static void print_fold(const struct explain *x, const struct folded *f, uint32_t n_listed,
		       int depth)
{
	const char *w;
	size_t n = word(&w, x->d->program->block[f->last].where, depth);

	if (!f->count)
		return;
	text_printf(x->out, "  %10s %10s  %*s... %u more like %s, to %.*s, ", "", "", 2 * depth, "",
		    f->count, n_listed > 1 ? "these" : "this", (int)n, w);
	if (f->gap[1] - f->gap[0] < 1e-9) {
		text_printf(x->out, "one every %s\n", explain_show(x, f->gap[0], explain_time));
		return;
	}
	text_printf(x->out, "%s .. ", explain_show(x, f->gap[0], explain_time));
	text_printf(x->out, "%s apart\n", explain_show(x, f->gap[1], explain_time));
}

static double block_end(const struct explain *x, uint32_t block)
{
	const struct program_block *b = &x->d->program->block[block];

	return x->d->value[b->start] + x->d->value[b->duration];
}

static void add_fold(struct folded *f, uint32_t block, double gap)
{
	f->gap[0] = f->count ? fmin(f->gap[0], gap) : gap;
	f->gap[1] = f->count ? fmax(f->gap[1], gap) : gap;
	f->last = block;
	f->count++;
}

/* All iterations of the loop that block i begins; returns what comes after it. */
static uint32_t print_loop(const struct explain *x, uint32_t i, uint32_t end, int depth)
{
	const struct program *p = x->d->program;
	struct listed listed[LISTED];
	struct folded f = { 0 };
	uint32_t n_listed = 0, first = i;

	for (uint32_t next; i < end; i = next) {
		if (i > first && !same_loop(p->block[first].where, p->block[i].where, depth))
			break;
		next = iteration_end(p, i, end, depth);
		if (known(p, listed, n_listed, i, next - i, depth)) {
			add_fold(&f, i, block_end(x, next - 1) - block_end(x, i - 1));
		} else {
			print_fold(x, &f, n_listed, depth);
			f.count = 0;
			heading(x, i, depth);
			print_blocks(x, i, next, depth + 1);
			if (n_listed < LISTED)
				listed[n_listed++] = (struct listed){ i, next - i };
		}
	}
	print_fold(x, &f, n_listed, depth);
	return i;
}

static void print_blocks(const struct explain *x, uint32_t first, uint32_t end, int depth)
{
	const char *w;

	for (uint32_t i = first; i < end;) {
		if (depth == DEEPEST || word(&w, x->d->program->block[i].where, depth) == 0)
			print_block(x, i++, depth);
		else
			i = print_loop(x, i, end, depth);
	}
}

void explain_timeline(const struct explain *x)
{
	const struct program *p = x->d->program;

	text_printf(x->out, "\ntimeline: %s in all\n",
		    explain_show(x, (double)x->d->duration * 1e-12, explain_time));
	text_printf(x->out, "  %10s %10s  what\n", "at", "lasts");
	print_blocks(x, 0, p->n_block, 0);
}
