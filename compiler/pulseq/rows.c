/* Rows of a file that is being written, each distinct text once. */
#include "compiler/pulseq/write.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const struct text *t)
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < t->n; i++)
		h = (h ^ (unsigned char)t->data[i]) * 1099511628211u;
	return h ^ h >> 32;
}

static void place(struct distinct *d, uint32_t i)
{
	size_t k = hash(&d->row[i]) & (d->n_slot - 1);

	while (d->slot[k])
		k = (k + 1) & (d->n_slot - 1);
	d->slot[k] = i + 1;
}

uint32_t pulseq_row(struct distinct *d, struct text *t, bool trap)
{
	if (2 * (d->n + 1) > d->n_slot) {
		free(d->slot);
		d->n_slot = d->n_slot ? 2 * d->n_slot : 64;
		d->slot = calloc(d->n_slot, sizeof *d->slot);
		for (uint32_t i = 0; d->slot && i < d->n; i++)
			place(d, i);
	}
	if (!d->slot)
		return 0;
	for (size_t k = hash(t) & (d->n_slot - 1); d->slot[k]; k = (k + 1) & (d->n_slot - 1)) {
		uint32_t i = d->slot[k] - 1;

		if (d->row[i].n == t->n && d->trap[i] == trap &&
		    memcmp(d->row[i].data, t->data, t->n) == 0) {
			text_free(t);
			return i + 1;
		}
	}
	struct text *row = pulseq_grow(d->row, d->n, &d->cap, sizeof *d->row);
	bool *flag = pulseq_grow(d->trap, d->n, &d->cap_trap, sizeof *d->trap);

	if (row)
		d->row = row;
	if (flag)
		d->trap = flag;
	if (!row || !flag)
		return 0;
	d->row[d->n] = *t;
	d->trap[d->n] = trap;
	place(d, (uint32_t)d->n);
	return (uint32_t)++d->n;
}
