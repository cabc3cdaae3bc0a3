/* Which lines were read: every `spacing`-th, and perhaps a block of neighbours for the calibration. */
#include "runtime/recon/internal.h"

#include <stdlib.h>

/* The commonest distance above 1 between neighbours; 1 when all are neighbours. */
static precess_status find_spacing(int *spacing, const struct recon_scan *s)
{
	int *count = calloc((size_t)s->lines + 1, sizeof *count), y, last = -1, best = 1;

	if (!count)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d lines", s->lines);
	for (y = 0; y < s->lines; y++)
		if (s->polarity[y]) {
			if (last >= 0 && y - last > 1)
				count[y - last]++;
			last = y;
		}
	for (y = 2; y <= s->lines; y++)
		if (count[y] > (best > 1 ? count[best] : 0))
			best = y;
	free(count);
	*spacing = best;
	return PRECESS_OK;
}

static void find_block(struct recon_mask *m, const struct recon_scan *s)
{
	int y, run = 0;

	for (y = 0; y < s->lines; y++) {
		run = s->polarity[y] ? run + 1 : 0;
		if (run > m->block) {
			m->block = run;
			m->block_first = y + 1 - run;
		}
	}
}

static precess_status check(const struct recon_mask *m, const struct recon_scan *s,
			    int acceleration)
{
	bool regular, block;
	int y;

	if (acceleration && acceleration != m->spacing)
		return precess_fail(PRECESS_EINVAL,
				    "%s: acceleration %d was declared, but the lines that are not 0 "
				    "lie %d apart (from row %d on); correct the attribute "
				    "acceleration, or use --acceleration %d",
				    s->source, acceleration, m->spacing, m->first, m->spacing);
	for (y = m->first; y <= m->last; y++) {
		regular = (y - m->first) % m->spacing == 0;
		block = y >= m->block_first && y < m->block_first + m->block;
		if (regular && !s->polarity[y])
			return precess_fail(PRECESS_EINVAL,
					    "%s: row %d was not read, though every %d%s row from %d "
					    "to %d should be; GRAPPA needs evenly spaced lines",
					    s->source, y, m->spacing,
					    m->spacing == 1   ? "st"
					    : m->spacing == 2 ? "nd"
					    : m->spacing == 3 ? "rd"
							      : "th",
					    m->first, m->last);
		if (!regular && !block && s->polarity[y])
			return precess_fail(PRECESS_EINVAL,
					    "%s: row %d was read, but lies neither on the regular "
					    "rows %d, %d, ... nor in the block %d .. %d",
					    s->source, y, m->first, m->first + m->spacing,
					    m->block_first, m->block_first + m->block - 1);
	}
	return PRECESS_OK;
}

precess_status recon_mask_find(struct recon_mask *m, const struct recon_scan *s, int acceleration)
{
	precess_status st;
	int y;

	*m = (struct recon_mask){ .first = -1 };
	for (y = 0; y < s->lines; y++)
		if (s->polarity[y]) {
			m->first = m->first < 0 ? y : m->first;
			m->last = y;
			m->n++;
		}
	if (m->n < 2)
		return precess_fail(PRECESS_EINVAL,
				    "%s: %d of %d lines of k-space differ from 0; that is no image",
				    s->source, m->n, s->lines);
	if ((st = find_spacing(&m->spacing, s)) != 0)
		return st;
	find_block(m, s);
	return check(m, s, acceleration ? acceleration : s->acceleration);
}
