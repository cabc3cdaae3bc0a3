/* The formatter's inside: pieces of text, the lines made of them, and their columns. */
#ifndef LANG_FORMAT_H
#define LANG_FORMAT_H

#include "lang/parse.h"

#define FORMAT_COLUMNS 100
#define FORMAT_INDENT 2
/* Kinds of pieces that are no tokens of the parser; its own are positive. */
#define PIECE_COMMENT (-1)

/* A token or a comment with its place in the new layout. */
struct piece {
	int kind;
	const char *s;
	uint32_t n, width; /* bytes and characters */
	uint32_t column;   /* comments: where they stood, in characters */
	uint32_t partner;  /* braces: the other one */
	int depth;         /* open ( and [ of the statement around it */
	uint8_t gap;       /* line ends before it in the source, 2 for more */
	bool begins;       /* a statement */
	bool semi;         /* a `;` is written before it */
	bool space;        /* a blank is written before it, unless it begins a line */
	bool unary;        /* a sign */
	bool line;         /* begins a line in the new layout */
	bool many;         /* `{`: its statements stand on lines of their own */
	uint32_t pad;      /* more blanks before it, for columns */
};

/* Pieces [first, end); `comment` is the index of one behind them, or 0. */
struct format_line {
	uint32_t first, end, comment;
	int indent;
	bool blank; /* an empty line comes before it */
};

struct format {
	struct lang *l;
	struct piece *piece;
	size_t n, cap;
	struct format_line *line;
	size_t n_line, cap_line;
};

/* Is the piece the end of an operand, so that a `-` behind it is a difference? */
bool format_operand(int kind);
/* Columns of a line up to piece `end`, padding and indentation included. */
int format_width(const struct format *f, const struct format_line *line, uint32_t end);
/* Puts declarations that follow each other into columns, and the comments behind lines. */
void format_align(struct format *f);

#endif
