/* Loops found again: neighbouring stretches of the same structure become one, shortest stretches
 * first, until nothing repeats. What a loop's repetitions may differ in is left out of the keys:
 * amplitudes, phases, frequency offsets of pulses and windows, labels. */
#include "compiler/pulseq/source.h"

#include "compiler/pulseq/internal.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 600 }; /* blocks or loops in one repetition */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* Equal scalars are the same index. `relaxed`: the times of ramps and plateaus may change, too. */
static uint64_t block_key(const struct ir *ir, const struct ir_block *b, bool relaxed)
{
	uint64_t h = mix(b->kind + 1, b->duration);

	for (uint32_t i = b->first_event; i < b->first_event + b->n_event; i++) {
		const struct ir_event *e = &ir->event[i];

		h = mix(mix(mix(h, e->kind), e->start), e->shape);
		if (relaxed && e->kind == IR_GRAD && e->shape == IR_NO_SHAPE) {
			h = mix(h, (uint64_t)e->axis);
			continue;
		}
		h = mix(h, e->duration);
		if (e->kind == IR_RF)
			h = mix(mix(h, e->use), e->flip);
		else if (e->kind == IR_GRAD)
			h = mix(mix(mix(h, (uint64_t)e->axis), e->rise), e->flat);
		else
			h = mix(mix(h, e->n), e->dwell);
		for (int k = 0; e->kind == IR_ADC && k < IR_LABELS; k++)
			h = mix(h, e->label[k] >= 0);
	}
	return h;
}

static precess_status add_node(uint32_t *index, struct reroll *r, const struct reroll_node *n)
{
	*index = (uint32_t)r->n_node;
	return pulseq_append((void **)&r->node, &r->n_node, &r->cap_node, n, sizeof *n);
}

/* `n` repetitions of the `p` nodes at `at`. */
static precess_status make_loop(uint32_t *index, struct reroll *r, const uint32_t *at, uint32_t p,
				uint32_t n)
{
	struct reroll_node loop = { .key = mix(n, p),
				    .block = r->node[at[0]].block,
				    .count = n,
				    .first = (uint32_t)r->n_child,
				    .n = p };
	precess_status st = PRECESS_OK;

	for (uint32_t i = 0; i < p; i++) {
		const struct reroll_node *c = &r->node[at[i]];

		loop.key = mix(loop.key, c->key);
		loop.stride += c->count ? c->count * c->stride : 1;
		TRY(pulseq_append((void **)&r->child, &r->n_child, &r->cap_child, &at[i],
				  sizeof at[i]));
	}
	st = add_node(index, r, &loop);
out:
	return st;
}

static int depth(const struct reroll *r, uint32_t node)
{
	const struct reroll_node *n = &r->node[node];
	int most = 0;

	for (uint32_t i = 0; i < n->n; i++) {
		int d = depth(r, r->child[n->first + i]);

		most = d > most ? d : most;
	}
	return most + (n->count > 0);
}

/* One sweep for stretches of `p` nodes. */
static precess_status roll(bool *changed, struct reroll *r, uint32_t p)
{
	precess_status st = PRECESS_OK;
	uint32_t n = 0, i = 0;

	*changed = false;
	while (i < r->n_top) {
		uint32_t same = 0, times;
		bool shallow = true;

		while (i + same + p < r->n_top &&
		       r->node[r->top[i + same]].key == r->node[r->top[i + same + p]].key)
			same++;
		times = same / p + 1;
		if (times < 2 || (times < 3 && p < 3)) {
			r->top[n++] = r->top[i++];
			continue;
		}
		for (uint32_t k = 0; k < p && shallow; k++)
			shallow = depth(r, r->top[i + k]) < REROLL_DEPTH;
		if (!shallow) {
			r->top[n++] = r->top[i++];
			continue;
		}
		TRY(make_loop(&r->top[n++], r, &r->top[i], p, times));
		i += p * times;
		*changed = true;
	}
	r->n_top = n;
out:
	return st;
}

static uint32_t leaves(const struct reroll *r, uint32_t node)
{
	const struct reroll_node *n = &r->node[node];
	uint32_t all = n->count == 0;

	for (uint32_t i = 0; i < n->n; i++)
		all += leaves(r, r->child[n->first + i]);
	return all;
}

uint32_t reroll_leaves(const struct reroll *r)
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < r->n_top; i++)
		all += leaves(r, r->top[i]);
	return all;
}

precess_status reroll_make(struct reroll *out, const struct ir *ir, bool loops, bool relaxed)
{
	struct reroll r = { .n_top = ir->n_block };
	precess_status st = PRECESS_OK;
	bool changed = false;

	r.top = calloc((size_t)ir->n_block + 1, sizeof *r.top);
	if (!r.top)
		TRY(precess_fail(PRECESS_ENOMEM, "out of memory for %u blocks", ir->n_block));
	for (uint32_t i = 0; i < ir->n_block; i++) {
		struct reroll_node n = { .key = block_key(ir, &ir->block[i], relaxed), .block = i };

		TRY(add_node(&r.top[i], &r, &n));
	}
	for (uint32_t p = 1; loops && p <= LONGEST && 2 * p <= r.n_top; p = changed ? 1 : p + 1)
		TRY(roll(&changed, &r, p));
out:
	if (st)
		reroll_free(&r);
	*out = r;
	return st;
}

void reroll_free(struct reroll *r)
{
	free(r->node);
	free(r->child);
	free(r->top);
	*r = (struct reroll){ 0 };
}

/* ------------------------------------------------------------------ counters */
const char *const loop_name[REROLL_DEPTH] = { "i", "j", "k", "n", "p", "q", "u", "v" };

uint32_t loops_size(const struct loops *l)
{
	uint32_t n = 1;

	for (int d = 0; d < l->n; d++)
		n *= l->count[d];
	return n;
}

uint32_t loops_offset(const struct loops *l, uint32_t i)
{
	uint32_t offset = 0;

	for (int d = l->n; d-- > 0; i /= l->count[d])
		offset += i % l->count[d] * l->stride[d];
	return offset;
}
