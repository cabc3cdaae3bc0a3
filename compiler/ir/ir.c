/* An IR's life: its arrays grow by appending, its texts and vectors live in its arena. */
#include "compiler/ir/tables.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *ir_allocate(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p) {
		fprintf(stderr, "precess: out of memory (%zu x %zu bytes)\n", n, size);
		abort();
	}
	return p;
}

void *ir_grow(void *array, uint32_t need, uint32_t *capacity, size_t size)
{
	uint32_t wide = *capacity ? *capacity : 16;

	if (need <= *capacity)
		return array;
	while (wide < need)
		wide = wide < UINT32_MAX / 2 ? 2 * wide : UINT32_MAX;
	array = realloc(array, wide * size);
	if (!array) {
		fprintf(stderr, "precess: out of memory (%u x %zu bytes)\n", (unsigned)wide, size);
		abort();
	}
	memset((char *)array + *capacity * size, 0, (wide - *capacity) * size);
	*capacity = wide;
	return array;
}

struct ir *ir_create(void)
{
	struct ir *ir = ir_allocate(1, sizeof *ir);
	ir_scalar zero, one;

	ir->arena = arena_create();
	ir->tables = ir_allocate(1, sizeof *ir->tables);
	ir->name = "";
	zero = ir_const(ir, 0);
	one = ir_const(ir, 1);
	assert(zero == 0 && one == 1);
	(void)zero;
	(void)one;
	return ir;
}

void ir_free(struct ir *ir)
{
	struct ir_tables *t;

	if (!ir)
		return;
	ir_forget(ir);
	t = ir->tables;
	free(t->slot);
	free(t->shape_slot);
	free(t->hash);
	free(t->term);
	free(t->coef);
	free(t->place);
	free(t->range);
	free(t->verdict);
	free(t);
	free(ir->param);
	free(ir->map);
	free(ir->expr);
	free(ir->shape);
	free(ir->block);
	free(ir->event);
	free(ir->mark);
	free(ir->require);
	arena_free(ir->arena);
	free(ir);
}

/* Appends *item to the array `name` of the IR and returns its index. */
#define APPEND(ir, name, item)                                                               \
	((ir)->name = ir_grow((ir)->name, (ir)->n_##name + 1, &(ir)->tables->name,           \
			      sizeof *(ir)->name),                                           \
	 (ir)->name[(ir)->n_##name] = (item), (ir)->n_##name++)

static const char *copy(struct ir *ir, const char *s)
{
	return s ? arena_copy(ir->arena, s, strlen(s)) : NULL;
}

uint32_t ir_add_param(struct ir *ir, const struct ir_param *p)
{
	struct ir_param own = *p;

	own.name = copy(ir, p->name);
	own.doc = copy(ir, p->doc);
	own.group = copy(ir, p->group);
	own.type = copy(ir, p->type);
	ir_forget(ir);
	return APPEND(ir, param, own);
}

uint32_t ir_add_map(struct ir *ir, const struct ir_map *m)
{
	struct ir_map own = *m;

	own.name = copy(ir, m->name);
	own.doc = copy(ir, m->doc);
	return APPEND(ir, map, own);
}

static bool shape_equal(const struct ir_shape *a, const struct ir_shape *b)
{
	size_t n = (size_t)a->n * (a->complex ? 2 : 1);

	return a->complex == b->complex && a->n == b->n && a->first == b->first &&
	       a->last == b->last && memcmp(a->sample, b->sample, n * sizeof *a->sample) == 0 &&
	       strcmp(a->name ? a->name : "", b->name ? b->name : "") == 0;
}

static uint32_t shape_hash(const struct ir_shape *s)
{
	size_t n = (size_t)s->n * (s->complex ? 2 : 1);
	uint64_t h = s->n, bits;

	for (size_t i = 0; i < n; i++) {
		memcpy(&bits, &s->sample[i], sizeof bits);
		h = (h ^ bits) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

static void place_shape(struct ir_tables *t, uint32_t hash, uint32_t i)
{
	uint32_t k = hash & (t->n_shape_slot - 1);

	while (t->shape_slot[k])
		k = (k + 1) & (t->n_shape_slot - 1);
	t->shape_slot[k] = i + 1;
}

/* At most half full; compaction empties it. */
static void widen_shapes(struct ir *ir)
{
	struct ir_tables *t = ir->tables;
	uint32_t n = 64;

	if (t->n_shape_slot / 2 > ir->n_shape)
		return;
	while (n / 2 <= ir->n_shape)
		n *= 2;
	free(t->shape_slot);
	t->shape_slot = ir_allocate(n, sizeof *t->shape_slot);
	t->n_shape_slot = n;
	for (uint32_t i = 0; i < ir->n_shape; i++)
		place_shape(t, shape_hash(&ir->shape[i]), i);
}

uint32_t ir_add_shape(struct ir *ir, const struct ir_shape *s)
{
	struct ir_shape own = *s;
	size_t n = (size_t)s->n * (s->complex ? 2 : 1);
	uint32_t hash = shape_hash(s), k;
	struct ir_tables *t = ir->tables;

	widen_shapes(ir);
	for (k = hash & (t->n_shape_slot - 1); t->shape_slot[k]; k = (k + 1) & (t->n_shape_slot - 1))
		if (shape_equal(&ir->shape[t->shape_slot[k] - 1], s))
			return t->shape_slot[k] - 1;
	place_shape(t, hash, ir->n_shape);
	own.name = copy(ir, s->name);
	own.sample = arena_alloc(ir->arena, n * sizeof *own.sample);
	if (n)
		memcpy(own.sample, s->sample, n * sizeof *own.sample);
	return APPEND(ir, shape, own);
}

uint32_t ir_add_event(struct ir *ir, const struct ir_event *e)
{
	return APPEND(ir, event, *e);
}

/* A hundred thousand blocks share few texts: the last block's is shared when equal. */
static const char *copy_shared(struct ir *ir, const char *s, const char *last)
{
	return s && last && strcmp(s, last) == 0 ? last : copy(ir, s);
}

uint32_t ir_add_block(struct ir *ir, const struct ir_block *b)
{
	const struct ir_block *last = ir->n_block ? &ir->block[ir->n_block - 1] : NULL;
	struct ir_block own = *b;

	own.text = copy_shared(ir, b->text, last ? last->text : NULL);
	own.where = copy_shared(ir, b->where, last ? last->where : NULL);
	return APPEND(ir, block, own);
}

uint32_t ir_add_mark(struct ir *ir, const struct ir_mark *m)
{
	struct ir_mark own = *m;

	own.name = copy(ir, m->name);
	own.doc = copy(ir, m->doc);
	return APPEND(ir, mark, own);
}

void ir_add_require(struct ir *ir, ir_scalar nonnegative)
{
	ir_forget(ir);
	(void)APPEND(ir, require, nonnegative);
}

void ir_visit(struct ir *ir, void (*visit)(ir_scalar *use, void *context), void *context)
{
	struct ir_event *e;
	uint32_t i;

	for (i = 0; i < ir->n_block; i++) {
		visit(&ir->block[i].start, context);
		visit(&ir->block[i].duration, context);
		visit(&ir->block[i].residual, context);
	}
	for (i = 0; i < ir->n_event; i++) {
		e = &ir->event[i];
		visit(&e->start, context);
		visit(&e->duration, context);
		visit(&e->flip, context);
		visit(&e->phase, context);
		visit(&e->freq, context);
		visit(&e->center, context);
		visit(&e->amplitude, context);
		visit(&e->rise, context);
		visit(&e->flat, context);
		visit(&e->fall, context);
		visit(&e->dwell, context);
	}
	for (i = 0; i < ir->n_mark; i++)
		visit(&ir->mark[i].value, context);
	for (i = 0; i < ir->n_require; i++)
		visit(&ir->require[i], context);
	visit(&ir->duration, context);
}

static void renumber(ir_scalar *use, void *context)
{
	const ir_scalar *to = context;

	*use = to[*use];
}

/* The order stays, so terms stay sorted and products keep a <= b. */
void ir_compact_scalars(struct ir *ir, const bool *keep)
{
	ir_scalar *to = ir_allocate(ir->n_expr, sizeof *to);
	struct ir_expr *e;
	uint32_t i, j, n = 0;

	for (i = 0; i < ir->n_expr; i++) {
		if (i > 1 && !keep[i])
			continue;
		to[i] = n;
		e = &ir->expr[n];
		*e = ir->expr[i];
		e->a = to[e->a];
		e->b = to[e->b];
		for (j = 0; j < e->n; j++)
			e->term[j] = to[e->term[j]];
		n++;
	}
	ir->n_expr = n;
	ir_visit(ir, renumber, to);
	free(to);
	ir_rehash(ir);
	ir_forget(ir);
}

void ir_compact_shapes(struct ir *ir, const bool *keep)
{
	uint32_t *to = ir_allocate(ir->n_shape, sizeof *to);
	uint32_t i, n = 0;

	for (i = 0; i < ir->n_shape; i++) {
		if (!keep[i])
			continue;
		to[i] = n;
		ir->shape[n++] = ir->shape[i];
	}
	ir->n_shape = n;
	ir->tables->n_shape_slot = 0;
	for (i = 0; i < ir->n_event; i++)
		if (ir->event[i].shape != IR_NO_SHAPE)
			ir->event[i].shape = to[ir->event[i].shape];
	free(to);
}
