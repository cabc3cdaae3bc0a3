/* Columns of the formatter: declarations of one kind that follow each other are set as a table, a
 * cell ending where the next begins; comments behind consecutive lines stand below each other. */
#include "lang/format.h"
#include "parser.h"

#define CELLS 6
/* A comment's column is the author's choice up to here. */
#define COMMENT_COLUMN 60

static bool is_statement(const struct format *f, size_t i)
{
	return f->piece[f->line[i].first].begins;
}

/* Lines of one kind share a table; 0: none. Statements of several lines have none. */
static int table_of(const struct format *f, size_t i)
{
	if (!is_statement(f, i))
		return 0;
	const struct format_line *line = &f->line[i];
	if (i + 1 < f->n_line) {
		const struct piece *next = &f->piece[f->line[i + 1].first];
		if (!next->begins && next->kind != TOK_RBRACE && next->kind != PIECE_COMMENT)
			return 0;
	}
	int kind = f->piece[line->first].kind;
	switch (kind) {
	case TOK_PARAM:
	case TOK_MAP:
		return kind;
	case TOK_LET:
	case TOK_CONST:
		return TOK_LET;
	case TOK_IF: /* without `else`: the braces are the first and the last thing of a cell */
		for (uint32_t k = line->first; k < line->end; k++)
			if (f->piece[k].kind == TOK_LBRACE)
				return f->piece[k].partner + 1 == line->end ? kind : 0;
		return 0;
	default:
		return 0;
	}
}

/* First pieces of the cells after the first. */
static int cells(const struct format *f, const struct format_line *line, int table, uint32_t *at)
{
	int n = 0;
	bool value = false;
	for (uint32_t i = line->first + 1; i < line->end && n < CELLS; i++) {
		const struct piece *p = &f->piece[i];
		bool starts = false;
		if (p->depth)
			continue;
		if (table == TOK_IF) {
			starts = p->kind == TOK_LBRACE && n == 0;
		} else if (i == line->first + 1) {
			starts = true;
		} else if (p->kind == TOK_ASSIGN && !value) {
			starts = value = true;
		} else if (table != TOK_LET && !value) {
			starts = (p->kind == TOK_COLON && n == 1) || p->kind == TOK_IN;
		}
		if (p->kind == TOK_TEXT && i + 1 == line->end && i > line->first + 2)
			starts = starts || format_operand(p[-1].kind);
		if (starts)
			at[n++] = i;
	}
	return n;
}

static void set_table(struct format *f, size_t from, size_t to, int table)
{
	uint32_t at[CELLS];
	bool fits = true;
	for (int c = 0; c < CELLS; c++) {
		int column = 0;
		for (size_t i = from; i < to; i++)
			if (cells(f, &f->line[i], table, at) > c) {
				int w = format_width(f, &f->line[i], at[c]);
				column = w > column ? w : column;
			}
		for (size_t i = from; i < to; i++)
			if (cells(f, &f->line[i], table, at) > c)
				f->piece[at[c]].pad = (uint32_t)(column - format_width(f, &f->line[i],
										       at[c]));
	}
	for (size_t i = from; i < to; i++)
		fits = fits && format_width(f, &f->line[i], f->line[i].end) <= FORMAT_COLUMNS;
	for (size_t i = from; i < to && !fits; i++)
		for (uint32_t k = f->line[i].first; k < f->line[i].end; k++)
			f->piece[k].pad = 0;
}

static void set_comments(struct format *f, size_t from, size_t to)
{
	int least = 0, column = (int)f->piece[f->line[from].comment].column;
	for (size_t i = from; i < to; i++) {
		int w = format_width(f, &f->line[i], f->line[i].end) + 2;
		least = w > least ? w : least;
	}
	column = column > COMMENT_COLUMN ? COMMENT_COLUMN : column;
	column = column > least ? column : least;
	for (size_t i = from; i < to; i++)
		if (column + (int)f->piece[f->line[i].comment].width > FORMAT_COLUMNS)
			column = least;
	for (size_t i = from; i < to; i++) {
		int w = format_width(f, &f->line[i], f->line[i].end);
		f->piece[f->line[i].comment].pad = (uint32_t)(column - w);
	}
}

void format_align(struct format *f)
{
	for (size_t i = 0, end; i < f->n_line; i = end) {
		int table = table_of(f, i);
		for (end = i + 1; table && end < f->n_line; end++)
			if (f->line[end].blank || f->line[end].indent != f->line[i].indent ||
			    table_of(f, end) != table)
				break;
		if (table && end > i + 1)
			set_table(f, i, end, table);
	}
	for (size_t i = 0, end; i < f->n_line; i = end) {
		for (end = i + 1; f->line[i].comment && end < f->n_line; end++)
			if (f->line[end].blank || f->line[end].indent != f->line[i].indent ||
			    !f->line[end].comment)
				break;
		if (f->line[i].comment)
			set_comments(f, i, end);
	}
}
