/* Answers that follow from a draw alone and take long, kept for the next run of the same draw: many
 * objects go through one draw when training data are made. A question is the program's hash, all of
 * the draw's values, and what else the answer depends on. */
#include <stdlib.h>
#include <string.h>

#include "runtime/sim/internal.h"

enum { KEPT = 16 };

static struct memo {
	char *key;
	size_t size;
	double value;
	char *text;
} memo[KEPT];
static unsigned next;

static char *make_key(size_t *size, const struct draw *d, const double *more, size_t n)
{
	size_t values = d->program->n_op * sizeof *d->value, name = sizeof d->program->hash;
	char *key;

	*size = name + values + n * sizeof *more;
	key = malloc(*size);
	if (!key)
		return NULL;
	memcpy(key, d->program->hash, name);
	memcpy(key + name, d->value, values);
	memcpy(key + name + values, more, n * sizeof *more);
	return key;
}

bool sim_memo_find(double *value, struct text *text, const struct draw *d, const double *more, size_t n)
{
	size_t size;
	char *key = d->program->hash[0] ? make_key(&size, d, more, n) : NULL;
	bool found = false;

#pragma omp critical(sim_memo)
	for (int i = 0; key && i < KEPT && !found; i++) {
		found = memo[i].size == size && !memcmp(memo[i].key, key, size);
		if (found) {
			*value = memo[i].value;
			if (text)
				text_printf(text, "%s", memo[i].text);
		}
	}
	free(key);
	return found;
}

void sim_memo_keep(double value, const char *text, const struct draw *d, const double *more, size_t n)
{
	struct memo m = { .value = value };

	if (!d->program->hash[0])
		return;
	m.key = make_key(&m.size, d, more, n);
	m.text = strdup(text);
	if (!m.key || !m.text) {
		free(m.key);
		free(m.text);
		return;
	}
#pragma omp critical(sim_memo)
	{
		struct memo old = memo[next % KEPT];

		memo[next++ % KEPT] = m;
		m = old;
	}
	free(m.key);
	free(m.text);
}
