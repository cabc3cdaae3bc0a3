/* Collecting diagnostics. Everything they point at lives in the arena, so callers may pass texts
 * that do not last. */
#include "lang/state.h"

#include <string.h>

const struct span span_none = { UINT32_MAX, 0, 0 };

static bool same_place(struct span a, struct span b)
{
	return a.source == b.source && a.begin == b.begin && a.end == b.end;
}

static bool is_known(const struct lang *l, const char *id, struct span at)
{
	for (size_t i = 0; i < l->n_diag; i++) {
		if (strcmp(l->diag[i]->id, id) == 0 && same_place(l->diag[i]->span, at))
			return true;
	}
	return false;
}

static struct diag *append(struct lang *l, const char *id, enum severity s, struct span at,
			   const char *fmt, va_list ap)
{
	struct diag *d = &l->spare;
	if (!is_known(l, id, at) && l->count[s]++ < DIAG_LIMIT) {
		l->diag = lang_grow(l, l->diag, l->n_diag, &l->cap_diag, sizeof *l->diag);
		d = arena_alloc(l->arena, sizeof *d);
		l->diag[l->n_diag++] = d;
	}
	*d = (struct diag){ .id = id, .severity = s, .span = at };
	d->text = d == &l->spare ? "" : lang_vformat(l, fmt, ap);
	return d;
}

struct diag *diag_error(struct lang *l, const char *id, struct span at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct diag *d = append(l, id, SEVERITY_ERROR, at, fmt, ap);
	va_end(ap);
	return d;
}

struct diag *diag_warning(struct lang *l, const char *id, struct span at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct diag *d = append(l, id, SEVERITY_WARNING, at, fmt, ap);
	va_end(ap);
	return d;
}

void diag_label(struct lang *l, struct diag *d, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	d->label = lang_vformat(l, fmt, ap);
	va_end(ap);
}

void diag_note(struct lang *l, struct diag *d, struct span at, const char *fmt, ...)
{
	va_list ap;
	if (d->n_note == (int)PRECESS_COUNT(d->note))
		return;
	va_start(ap, fmt);
	d->note[d->n_note++] = (struct diag_note){ at, lang_vformat(l, fmt, ap) };
	va_end(ap);
}

void diag_help(struct lang *l, struct diag *d, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	d->help = lang_vformat(l, fmt, ap);
	va_end(ap);
}

int diag_count(const struct lang *l, enum severity s)
{
	return l->count[s];
}

size_t diag_n(const struct lang *l)
{
	return l->n_diag;
}

const struct diag *diag_get(const struct lang *l, size_t i)
{
	return l->diag[i];
}
