/* The steps of lowering, in order, and memory for all of them. */
#include "compiler/lower/lowering.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ memory */
static void *or_abort(void *p)
{
	if (!p) {
		fprintf(stderr, "precess: out of memory\n");
		abort();
	}
	return p;
}

void *lower_grow(void *array, uint32_t n, size_t size)
{
	char *a = array;

	if (n & (n - 1)) /* neither 0 nor a power of two: there is room */
		return a;
	a = or_abort(realloc(a, (n ? 2 * (size_t)n : 1) * size));
	memset(a + n * size, 0, (n ? n : 1) * size);
	return a;
}

void *lower_zeros(size_t n, size_t size)
{
	return or_abort(calloc(n ? n : 1, size));
}

char *lower_text(const char *s)
{
	return or_abort(strdup(s ? s : ""));
}

char *lower_printf(const char *fmt, ...)
{
	va_list args, again;
	char *s;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	assert(n >= 0);
	s = lower_zeros((size_t)n + 1, 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(args);
	return s;
}

static void finish(struct lowering *w)
{
	free(w->slot);
	free(w->op_table);
	free(w->proof);
	free(w->expanded);
	free(w->number_of);
	free(w->pulse);
	free(w->readout);
	free(w->epoch);
	free(w->shot);
	free(w->readout_of);
}

/* ------------------------------------------------------------------ the pipeline */
precess_status lower(struct program **out, struct ir *ir, struct lang *l, const char *source)
{
	struct lowering w = { .ir = ir, .lang = l };
	precess_status st;

	*out = NULL;
	w.p = lower_zeros(1, sizeof *w.p);
	if (!*ir->hash)
		ir_hash(ir);
	lower_scalar(&w, 0); /* slot 0 is zero in every program */
	lower_declarations(&w, source);
	lower_events(&w);
	lower_schedule(&w);
	lower_histories(&w);
	lower_trains(&w);
	lower_pathways(&w);
	lower_notes(&w);
	finish(&w);
	st = program_verify(w.p);
	if (st) {
		program_free(w.p);
		return precess_wrap(st, "bug in the compiler: lowering %s",
				    ir->name ? ir->name : "?");
	}
	*out = w.p;
	return PRECESS_OK;
}
