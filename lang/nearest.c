/* "Did you mean": the optimal string alignment distance (insert, delete, replace, swap two
 * neighbours), blind to case. A name is near when a third of it at most is wrong. */
#include "lang/lang.h"

#include <string.h>

#define NEAREST_LENGTH 48 /* longer names are compared by their first bytes */

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t length(const char *s)
{
	return least(strlen(s), NEAREST_LENGTH);
}

static size_t distance(const char *a, const char *b)
{
	size_t row[3][NEAREST_LENGTH + 1];
	size_t n = length(a), m = length(b);
	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = row[i % 3], *before = row[(i + 2) % 3], *older = row[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			unsigned char x = lower(a[i - 1]), y = lower(b[j - 1]);
			now[j] = least(before[j - 1] + (x != y), least(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
				now[j] = least(now[j], older[j - 2] + 1);
		}
	}
	return row[n % 3][m];
}

const char *lang_nearest(const char *name, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		size_t longer = length(name) > length(candidates[i]) ? length(name)
								     : length(candidates[i]);
		size_t d = distance(name, candidates[i]);
		if (d <= longer / 3 && d < best_distance) {
			best = candidates[i];
			best_distance = d;
		}
	}
	return best;
}
