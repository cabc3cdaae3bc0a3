/* One layout for every file. The tokens stay as they are; blanks, indentation and columns are made
 * anew. What an author decides is kept: where lines of a statement break, blank lines (one at most),
 * whether braces stand on one line, the column of comments. Lines that are too long are broken, so a
 * second run finds nothing to do: every choice is a function of the tokens and of these decisions,
 * and all of them can be read back from the output. */
#include "lang/format.h"
#include "lang/state.h"
#include "lang/utf8.h"
#include "parser.h"

#include <string.h>

/* A bracket that opens further right than this would squeeze what it holds. */
#define HANG_LIMIT 60

/* ------------------------------------------------------------------ pieces */
static struct piece *add(struct format *f, int kind, const char *s, size_t n)
{
	f->piece = lang_grow(f->l, f->piece, f->n, &f->cap, sizeof *f->piece);
	struct piece *p = &f->piece[f->n++];
	*p = (struct piece){ .kind = kind, .s = s, .n = (uint32_t)n };
	p->width = (uint32_t)utf8_count(s, n);
	return p;
}

static uint8_t gap_of(int ends)
{
	return (uint8_t)(ends > 2 ? 2 : ends);
}

/* Comments between two tokens. Returns the line ends after the last one. */
static int comments(struct format *f, const char *text, uint32_t from, uint32_t to)
{
	int ends = 0;
	for (uint32_t i = from; i < to; i++) {
		if (text[i] == '\n')
			ends++;
		if (text[i] != '#')
			continue;
		const char *stop = memchr(text + i, '\n', to - i);
		uint32_t end = stop ? (uint32_t)(stop - text) : to, n = end - i, start = i;
		while (start > 0 && text[start - 1] != '\n')
			start--;
		while (n > 1 && strchr(" \t\r", text[i + n - 1]) && text[i + n - 1])
			n--;
		struct piece *p = add(f, PIECE_COMMENT, text + i, n);
		p->gap = gap_of(ends);
		p->column = (uint32_t)utf8_count(text + start, i - start);
		ends = 0;
		i = end - 1;
	}
	return ends;
}

static void collect(struct format *f, struct parse *p)
{
	const char *text = (const char *)p->begin;
	uint32_t at = 0;
	int ends = 0;
	bool begins = true, semi = false;
	struct token t;
	do {
		filter_next(p, &t);
		if (t.kind == TOK_NL && t.span.begin == t.span.end) {
			begins = true;
			continue;
		}
		size_t before = f->n;
		int more = comments(f, text, at, t.span.begin);
		ends = f->n > before ? more : ends + more;
		at = t.span.end;
		if (t.kind == TOK_NL) { /* `;` */
			semi = begins = true;
			continue;
		}
		if (t.kind == TOK_END)
			break;
		bool first = f->n == 0 || f->piece[f->n - 1].kind == PIECE_COMMENT;
		struct piece *q = add(f, t.kind, text + t.span.begin, t.span.end - t.span.begin);
		q->gap = gap_of(ends);
		q->begins = begins && t.kind != TOK_RBRACE;
		q->semi = semi && !first && ends == 0 && t.kind != TOK_RBRACE &&
			  q[-1].kind != TOK_LBRACE;
		begins = t.kind == TOK_LBRACE;
		semi = false;
		ends = 0;
	} while (t.kind != TOK_END);
}

/* Braces: partners, and whether the source has a line end between them. */
static void match(struct format *f)
{
	uint32_t *open = arena_alloc(lang_arena(f->l), (f->n + 1) * sizeof *open);
	size_t n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct piece *p = &f->piece[i];
		if (p->gap && n && (p->kind != TOK_RBRACE || open[n - 1] + 1 != i))
			f->piece[open[n - 1]].many = true;
		if (p->kind == TOK_LBRACE) {
			open[n++] = i;
		} else if (p->kind == TOK_RBRACE && n) {
			struct piece *o = &f->piece[open[--n]];
			p->partner = open[n];
			o->partner = i;
			if (n && o->many)
				f->piece[open[n - 1]].many = true;
		}
	}
}

/* ------------------------------------------------------------------ blanks */
bool format_operand(int kind)
{
	switch (kind) {
	case TOK_NAME:
	case TOK_TEXT:
	case TOK_INT:
	case TOK_NUMBER:
	case TOK_QUANTITY:
	case TOK_RPAREN:
	case TOK_RBRACKET:
	case TOK_RBRACKET_UNIT:
	case TOK_TRUE:
	case TOK_FALSE:
	case TOK_SYSTEM:
	case TOK_BLOCK:
		return true;
	default:
		return false;
	}
}

/* `2m^2` is a unit, `2m ^ 2` a power: a number with a unit keeps its distance. */
static bool power_apart(const struct piece *a)
{
	return a->kind == TOK_QUANTITY || a->kind == TOK_RBRACKET_UNIT;
}

struct context {
	int statement; /* its first token */
	int depth, questions;
};

static bool blank_between(const struct piece *a, const struct piece *b, const struct context *c)
{
	switch (b->kind) {
	case TOK_RPAREN:
	case TOK_RBRACKET:
	case TOK_RBRACKET_UNIT:
	case TOK_COMMA:
	case TOK_DOT:
		return false;
	case TOK_LPAREN:
	case TOK_LBRACKET:
		if (format_operand(a->kind) && c->statement != TOK_IMPORT)
			return false;
		break;
	case TOK_COLON:
		if (!c->questions && c->depth)
			return false;
		break;
	case TOK_CARET:
		return power_apart(a);
	}
	if (a->kind == TOK_CARET)
		return a->space;
	return a->kind != TOK_LPAREN && a->kind != TOK_LBRACKET && a->kind != TOK_DOT && !a->unary;
}

static void space(struct format *f)
{
	struct context c = { 0 };
	const struct piece *last = NULL;
	for (size_t i = 0; i < f->n; i++) {
		struct piece *p = &f->piece[i];
		if (p->kind == PIECE_COMMENT) {
			p->depth = c.depth;
			continue;
		}
		if (p->begins || p->kind == TOK_LBRACE || p->kind == TOK_RBRACE)
			c = (struct context){ .statement = p->kind };
		if (p->kind == TOK_RPAREN || p->kind == TOK_RBRACKET || p->kind == TOK_RBRACKET_UNIT)
			c.depth -= c.depth > 0;
		p->unary = p->kind == TOK_MINUS && (p->begins || !last || !format_operand(last->kind));
		p->space = last && blank_between(last, p, &c);
		p->depth = c.depth;
		if (p->kind == TOK_LPAREN || p->kind == TOK_LBRACKET)
			c.depth++;
		if (p->kind == TOK_QUESTION)
			c.questions++;
		else if (p->kind == TOK_COLON)
			c.questions -= c.questions > 0;
		last = p;
	}
}

/* ------------------------------------------------------------------ lines */
/* What begins a line before any is broken for its length. */
static void plan(struct format *f)
{
	bool alone = true; /* not between braces that stand on one line */
	uint32_t until = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct piece *p = &f->piece[i];
		const struct piece *a = i ? p - 1 : NULL;
		if (!alone && i == until)
			alone = true;
		if (!a || a->kind == PIECE_COMMENT)
			p->line = true;
		else if (p->kind == PIECE_COMMENT)
			p->line = p->gap > 0;
		else if (p->kind == TOK_LBRACE || p->kind == TOK_ELSE)
			p->line = false;
		else if (p->kind == TOK_RBRACE)
			p->line = f->piece[p->partner].many;
		else
			p->line = alone && (p->begins || p->gap || (a->kind == TOK_LBRACE && a->many));
		if (p->kind == TOK_LBRACE && !p->many && alone) {
			alone = false;
			until = p->partner;
		}
	}
}

int format_width(const struct format *f, const struct format_line *line, uint32_t end)
{
	int w = line->indent;
	for (uint32_t i = line->first; i < end; i++) {
		const struct piece *p = &f->piece[i];
		w += (int)(p->width + p->pad) + (i > line->first ? p->semi + p->space : 0);
	}
	return w;
}

struct brackets {
	struct {
		int column, indent;
		bool hangs; /* something follows it on its line, and what it holds is put below that */
	} open[NEST_LIMIT];
	int n, base; /* base: indentation of the statement */
};

/* The indentation of a line that goes on with a statement. */
static int continued(const struct format *f, const struct brackets *b, uint32_t i)
{
	const struct piece *p = &f->piece[i];
	uint32_t k = i;
	while (k > 0 && f->piece[k - 1].kind == PIECE_COMMENT)
		k--;
	if (b->n) {
		int top = b->n - 1;
		bool closes = p->kind == TOK_RPAREN || p->kind == TOK_RBRACKET ||
			      p->kind == TOK_RBRACKET_UNIT;
		if (b->open[top].hangs && b->open[top].column <= HANG_LIMIT)
			return b->open[top].column;
		return b->open[top].indent + (closes ? 0 : b->open[top].hangs ? 4 : FORMAT_INDENT);
	}
	if (p->kind == TOK_LBRACE || p->kind == TOK_ELSE)
		return b->base;
	if (p->kind == TOK_WITH || p->kind == TOK_AMPERSAND)
		return b->base + (int)sizeof "play " - 1;
	return b->base + (k > 0 && f->piece[k - 1].kind == TOK_ASSIGN ? FORMAT_INDENT : 4);
}

static void track(const struct format *f, struct brackets *b, const struct format_line *line)
{
	for (uint32_t i = line->first; i < line->end; i++) {
		int kind = f->piece[i].kind;
		if (kind == TOK_LBRACE || kind == TOK_RBRACE) {
			b->n = 0;
		} else if ((kind == TOK_LPAREN || kind == TOK_LBRACKET) && b->n < NEST_LIMIT) {
			b->open[b->n].column = format_width(f, line, i + 1);
			b->open[b->n].indent = line->indent;
			b->open[b->n++].hangs = i + 1 < line->end;
		} else if (kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACKET_UNIT) {
			b->n -= b->n > 0;
		}
	}
}

/* Classes of places where a line may be broken, best first. */
enum { AT_WITH, AT_VALUE, AT_AND, AT_COMMA, AT_OPERATOR, AT_NOWHERE };

/* Whether a line may end before piece `i`, and how well. */
static int break_class(const struct format *f, uint32_t i, int statement)
{
	const struct piece *p = &f->piece[i], *a = p - 1;
	if (p->kind == TOK_WITH && !p->depth)
		return AT_WITH;
	if (a->kind == TOK_ASSIGN && !p->depth && statement == TOK_DEF)
		return AT_VALUE;
	if (p->kind == TOK_AMPERSAND && !p->depth)
		return AT_AND;
	if (a->kind == TOK_COMMA)
		return AT_COMMA;
	if (statement == TOK_PARAM || statement == TOK_MAP || a->unary)
		return AT_NOWHERE;
	switch (a->kind) {
	case TOK_PLUS:
	case TOK_MINUS:
	case TOK_STAR:
	case TOK_SLASH:
	case TOK_AND:
	case TOK_OR:
	case TOK_QUESTION:
		return AT_OPERATOR;
	default:
		return AT_NOWHERE;
	}
}

/* The best class wins, then the outermost brackets, then the last place that fits, or else the
 * first. 0 when the line cannot be broken. */
static uint32_t break_place(const struct format *f, const struct format_line *line, int statement)
{
	uint32_t best = 0;
	int best_class = AT_NOWHERE, best_depth = 0, width = line->indent;
	for (uint32_t i = line->first; i < line->end; i++) {
		const struct piece *p = &f->piece[i];
		int class = i > line->first ? break_class(f, i, statement) : AT_NOWHERE;
		bool better = class < best_class || (class == best_class && p->depth < best_depth);
		bool later = class == best_class && p->depth == best_depth &&
			     width <= FORMAT_COLUMNS && class > AT_VALUE;
		if (class < AT_NOWHERE && (better || later)) {
			best = i;
			best_class = class;
			best_depth = p->depth;
		}
		width += (int)p->width + (i > line->first ? p->semi + p->space : 0);
	}
	return best;
}

/* Opens braces on a line that is too long; false when it has none. */
static bool open_braces(struct format *f, const struct format_line *line)
{
	for (uint32_t i = line->first; i < line->end; i++) {
		struct piece *p = &f->piece[i];
		if (p->kind == TOK_LBRACE && !p->many && p->partner > i + 1) {
			p->many = true;
			return true;
		}
	}
	return false;
}

static uint32_t line_end(const struct format *f, uint32_t i)
{
	do
		i++;
	while (i < f->n && !f->piece[i].line && f->piece[i].kind != PIECE_COMMENT);
	return i;
}

/* Comments above something are indented like it; before `}` like what is in the braces. */
static uint32_t described(const struct format *f, uint32_t i)
{
	while (i < f->n && f->piece[i].kind == PIECE_COMMENT)
		i++;
	return i;
}

/* Cuts the pieces into lines; false when braces were opened and it must begin anew. */
static bool cut(struct format *f)
{
	struct brackets b = { .n = 0 };
	int level = 0, statement = 0;
	f->n_line = 0;
	for (uint32_t i = 0; i < f->n;) {
		uint32_t k = described(f, i);
		const struct piece *p = &f->piece[i], *next = k < f->n ? &f->piece[k] : NULL;
		bool inside = next && !next->begins && next->kind != TOK_RBRACE;
		struct format_line line = { .first = i, .end = line_end(f, i) };
		if (p->kind == TOK_RBRACE)
			level--;
		line.indent = inside ? continued(f, &b, k) : level * FORMAT_INDENT;
		if (p->begins) {
			statement = p->kind;
			b.n = 0;
			b.base = line.indent;
		} else if (p->kind == TOK_RBRACE) {
			b.base = line.indent;
		}
		line.blank = i > 0 && p->gap > 1 && !inside && p->kind != TOK_RBRACE &&
			     !(next && next->kind == TOK_RBRACE && next == p) &&
			     f->piece[i - 1].kind != TOK_LBRACE;
		while (p->kind != PIECE_COMMENT && format_width(f, &line, line.end) > FORMAT_COLUMNS) {
			if (open_braces(f, &line))
				return false;
			uint32_t at = break_place(f, &line, statement);
			if (!at)
				break;
			f->piece[at].line = true;
			line.end = at;
		}
		if (p->kind != PIECE_COMMENT)
			track(f, &b, &line);
		for (uint32_t j = i; j < line.end; j++) {
			const struct piece *q = &f->piece[j];
			level += q->kind == TOK_LBRACE && q->many;
			level -= q->kind == TOK_RBRACE && j > i && f->piece[q->partner].many;
		}
		i = line.end;
		if (p->kind != PIECE_COMMENT && i < f->n && !f->piece[i].line)
			line.comment = i++;
		f->line = lang_grow(f->l, f->line, f->n_line, &f->cap_line, sizeof *f->line);
		f->line[f->n_line++] = line;
	}
	return true;
}

/* ------------------------------------------------------------------ output */
static void blanks(struct text *out, int n)
{
	text_printf(out, "%*s", n, "");
}

static void print(struct text *out, const struct format *f, const struct format_line *line)
{
	if (line->blank)
		text_add(out, "\n", 1);
	blanks(out, line->indent);
	for (uint32_t i = line->first; i < line->end; i++) {
		const struct piece *p = &f->piece[i];
		if (p->semi && i > line->first)
			text_add(out, ";", 1);
		blanks(out, (int)p->pad + (p->space && i > line->first));
		text_add(out, p->s, p->n);
	}
	if (line->comment) {
		const struct piece *c = &f->piece[line->comment];
		blanks(out, (int)c->pad);
		text_add(out, c->s, c->n);
	}
	text_add(out, "\n", 1);
}

bool lang_format(struct text *out, struct lang *l, const char *path, const char *text, size_t n)
{
	struct node *tree = lang_parse(l, path, text, n);
	if (!tree || diag_count(l, SEVERITY_ERROR))
		return false;
	struct format f = { .l = l };
	struct parse p = { .l = l, .source = tree->span.source, .unclosed = span_none };
	text = lang_source_text(l, p.source, &n);
	p.begin = p.cursor = (const unsigned char *)text;
	p.limit = p.begin + n;
	collect(&f, &p);
	match(&f);
	space(&f);
	do
		plan(&f);
	while (!cut(&f));
	format_align(&f);
	for (size_t i = 0; i < f.n_line; i++)
		print(out, &f, &f.line[i]);
	return true;
}
