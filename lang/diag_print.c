/* Diagnostics as a terminal shows them:
 *
 *   fse.seq:12:15: error[E10]: cannot add `FA` (an angle) to `ESP` (a time)
 *    12 | let d = ESP + FA
 *       |               ^^
 *   fse.seq:7:7: note: declared here
 *     7 | param FA : angle in 20deg .. 70deg
 *       |       ^^
 *   help: both sides of `+` need the same dimension
 *
 * Source text is shown cell by cell: tabs become blanks, and what a terminal would obey instead of
 * show becomes U+FFFD. */
#include "lang/state.h"
#include "lang/utf8.h"

#include <stdlib.h>
#include <string.h>

#define TAB 4
#define LEAST_COLUMNS 24 /* a narrower terminal wraps; there is no room to clip */

struct printer {
	struct text *out;
	struct lang *l;
	bool color;
	int columns;
	int gutter; /* digits of the largest line number of the diagnostic */
};

static const char bold[] = "\033[1m", red[] = "\033[1;31m", yellow[] = "\033[1;33m",
		  blue[] = "\033[1;34m", green[] = "\033[1;32m", plain[] = "\033[0m";

static void put(struct printer *p, const char *s)
{
	text_add(p->out, s, strlen(s));
}

static void put_color(struct printer *p, const char *color)
{
	if (p->color)
		put(p, color);
}

static void put_clean(struct printer *p, const char *s)
{
	utf8_add(p->out, s, strlen(s));
}

static bool has_place(const struct printer *p, struct span at)
{
	return at.source < p->l->n_source;
}

/* One character of a line at cell `at`: its bytes and its width. */
static size_t cell(const char *s, size_t n, int at, int *width)
{
	uint32_t code;
	size_t used = utf8_decode(s, n, &code);
	*width = s[0] == '\t' ? TAB - at % TAB : used ? utf8_width(code) : 1;
	if (*width < 0)
		*width = 1;
	return used ? used : 1;
}

static int cells(const char *s, size_t n)
{
	int at = 0, width;
	for (size_t i = 0; i < n; at += width)
		i += cell(s + i, n - i, at, &width);
	return at;
}

/* The cells [from, to) of a line. */
static void put_cells(struct printer *p, const char *s, size_t n, int from, int to)
{
	int at = 0, width;
	for (size_t i = 0; i < n && at < to; at += width) {
		size_t used = cell(s + i, n - i, at, &width);
		if (at < from || at + width > to) {
			int shown_from = at > from ? at : from,
			    shown_to = at + width < to ? at + width : to;
			if (shown_to > shown_from)
				text_printf(p->out, "%*s", shown_to - shown_from, "");
		} else if (s[i] == '\t') {
			text_printf(p->out, "%*s", width, "");
		} else {
			utf8_add(p->out, s + i, used);
		}
		i += used;
	}
}

struct window {
	int from, to, total;
};

/* The part of a line of `total` cells that is shown so that `begin` is in it. */
static struct window clip(const struct printer *p, int begin, int total)
{
	int room = p->columns - p->gutter - 4;
	struct window w = { 0, total, total };
	if (p->columns == 0 || total <= room)
		return w;
	if (room < LEAST_COLUMNS)
		room = LEAST_COLUMNS;
	if (begin >= room - 6) {
		w.from = begin - room / 3;
		/* No more is cut on the left than is needed to see the end of the line. */
		if (w.from + room > total)
			w.from = total > room ? total - room : 0;
	}
	if (w.from + room < total)
		w.to = w.from + room;
	return w;
}

static void put_source_line(struct printer *p, int line, const char *s, size_t n, struct window w)
{
	static const char dots[] = "...";
	bool left = w.from > 0, right = w.to < w.total;
	put_color(p, blue);
	text_printf(p->out, " %*d | ", p->gutter, line);
	put_color(p, plain);
	put(p, left ? dots : "");
	put_cells(p, s, n, w.from + (left ? 3 : 0), w.to - (right ? 3 : 0));
	put(p, right ? dots : "");
	put(p, "\n");
}

static void put_excerpt(struct printer *p, struct span at, const char *color, const char *label)
{
	size_t n;
	int line, column;
	const char *s = source_line(p->l, at.source, at.begin, &n);
	size_t offset = (size_t)(lang_source_text(p->l, at.source, NULL) + at.begin - s);
	size_t length = at.end > at.begin ? at.end - at.begin : 0;
	if (offset > n)
		offset = n;
	if (length > n - offset)
		length = n - offset;
	int begin = cells(s, offset), end = cells(s, offset + length);
	int total = cells(s, n);
	struct window w = clip(p, begin, total > begin ? total : begin + 1);
	lang_place(p->l, at.source, at.begin, &line, &column);
	put_source_line(p, line, s, n, w);
	if (end > w.to)
		end = w.to;
	put_color(p, blue);
	text_printf(p->out, " %*s | ", p->gutter, "");
	text_printf(p->out, "%*s", begin - w.from, "");
	put_color(p, color);
	for (int i = begin; i < end || i == begin; i++)
		put(p, "^");
	if (label) {
		put(p, " ");
		put_clean(p, label);
	}
	put_color(p, plain);
	put(p, "\n");
}

static void put_place(struct printer *p, struct span at)
{
	int line, column;
	if (!has_place(p, at))
		return;
	lang_place(p->l, at.source, at.begin, &line, &column);
	put_clean(p, lang_source_path(p->l, at.source));
	text_printf(p->out, ":%d:%d: ", line, column);
}

static void put_note(struct printer *p, const struct diag_note *n)
{
	put_color(p, bold);
	put_place(p, n->span);
	put_color(p, blue);
	put(p, "note: ");
	put_color(p, plain);
	put_clean(p, n->text);
	put(p, "\n");
	if (has_place(p, n->span))
		put_excerpt(p, n->span, blue, NULL);
}

static void widen(struct printer *p, struct span at)
{
	int line, column, digits = 1;
	if (!has_place(p, at))
		return;
	for (lang_place(p->l, at.source, at.begin, &line, &column); line > 9; line /= 10)
		digits++;
	if (digits > p->gutter)
		p->gutter = digits;
}

static void put_diag(struct printer *p, const struct diag *d)
{
	bool error = d->severity == SEVERITY_ERROR;
	const char *color = error ? red : yellow;
	p->gutter = 2;
	widen(p, d->span);
	for (int i = 0; i < d->n_note; i++)
		widen(p, d->note[i].span);
	put_color(p, bold);
	put_place(p, d->span);
	put_color(p, color);
	text_printf(p->out, "%s[%s]: ", error ? "error" : "warning", d->id);
	put_color(p, plain);
	put_color(p, bold);
	put_clean(p, d->text);
	put_color(p, plain);
	put(p, "\n");
	if (has_place(p, d->span))
		put_excerpt(p, d->span, color, d->label);
	for (int i = 0; i < d->n_note; i++)
		put_note(p, &d->note[i]);
	if (d->help) {
		put_color(p, green);
		put(p, "help: ");
		put_color(p, plain);
		put_clean(p, d->help);
		put(p, "\n");
	}
}

/* By file, then by place; what has no place comes last. */
static bool after(const struct diag *a, const struct diag *b)
{
	if (a->span.source != b->span.source)
		return a->span.source > b->span.source;
	return a->span.begin > b->span.begin;
}

void diag_print(struct text *out, struct lang *l, bool color, int columns)
{
	struct printer p = { .out = out, .l = l, .color = color, .columns = columns };
	const struct diag *order[2 * DIAG_LIMIT];
	size_t n = 0;
	for (size_t i = 0; i < l->n_diag; i++) {
		size_t at = n++;
		for (; at > 0 && after(order[at - 1], l->diag[i]); at--)
			order[at] = order[at - 1];
		order[at] = l->diag[i];
	}
	for (size_t i = 0; i < n; i++) {
		put(&p, i ? "\n" : "");
		put_diag(&p, order[i]);
	}
	for (int s = 0; s <= SEVERITY_WARNING; s++) {
		int more = l->count[s] - DIAG_LIMIT;
		if (more > 0)
			text_printf(out, "\n%d more %s%s not shown\n", more,
				    s == SEVERITY_ERROR ? "error" : "warning",
				    more == 1 ? "" : "s");
	}
}
