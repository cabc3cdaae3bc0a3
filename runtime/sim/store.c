/* Memory that outlives a run: what a run of the same kind asked for is there for the next one, its
 * pages mapped and warm. */
#include <stdlib.h>
#include <string.h>

#include "runtime/sim/internal.h"

void *sim_store_get(struct sim_store *s, uint32_t at, size_t bytes)
{
	if (at >= s->n) {
		struct sim_block *grown = realloc(s->block, (at + 1) * sizeof *grown);

		if (!grown)
			return NULL;
		memset(grown + s->n, 0, (at + 1 - s->n) * sizeof *grown);
		s->block = grown;
		s->n = at + 1;
	}
	if (s->block[at].size < bytes) {
		free(s->block[at].data);
		s->block[at].data = memory_aligned(bytes);
		s->block[at].size = s->block[at].data ? bytes : 0;
	}
	return s->block[at].data;
}

void sim_store_clear(struct sim_store *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->block[i].data);
	free(s->block);
	*s = (struct sim_store){ 0 };
}
