/* The hash of an IR: over its text form with each scalar written as a digest of its structure, so
 * that neither the numbering of scalars nor ones that nothing uses matter, and without what is for
 * people only: texts, spans, and defaults (weights trained on the ranges fit every value in them).
 */
#include "compiler/ir/form.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t bits(double v)
{
	uint64_t b;

	memcpy(&b, &v, sizeof b);
	return b;
}

/* Sums, products, MIN and MAX do not depend on the order of their operands, which is that of their
 * numbers. A product's digest is the product of its factors', so nesting does not matter either. */
static uint64_t digest_of(const struct ir_expr *x, const uint64_t *digest)
{
	uint64_t h = mix(x->op + 1);
	uint32_t i;

	switch (x->op) {
	case IR_CONST:
		return mix(h ^ bits(x->value)) | 1;
	case IR_PARAM:
		return mix(h ^ x->param) | 1;
	case IR_SUM:
		h = mix(h ^ bits(x->value));
		for (i = 0; i < x->n; i++)
			h += mix(digest[x->term[i]] ^ mix(bits(x->coef[i])));
		return mix(h) | 1;
	case IR_MUL:
		return digest[x->a] * digest[x->b]; /* odd numbers: no factor is lost */
	case IR_MIN:
	case IR_MAX:
		return mix(h ^ (mix(digest[x->a]) + mix(digest[x->b]))) | 1;
	default:
		return mix(mix(h ^ digest[x->a]) + digest[x->b]) | 1;
	}
}

void ir_hash(struct ir *ir)
{
	uint64_t *digest = ir_allocate(ir->n_expr, sizeof *digest);
	struct text t;
	uint32_t i;

	for (i = 0; i < ir->n_expr; i++)
		digest[i] = digest_of(&ir->expr[i], digest);
	text_init(&t);
	ir_write(&t, ir, digest);
	hash_hex(ir->hash, t.data, t.n);
	text_free(&t);
	free(digest);
}
