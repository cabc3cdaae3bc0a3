/* What the lexer, the token filter, the parser and the wording of syntax errors share. */
#ifndef LANG_PARSE_H
#define LANG_PARSE_H

#include "lang/tree.h"

/* Open brackets. A parser needs stack for each; no sequence needs a tenth of it. */
#define NEST_LIMIT 200

struct token {
	int kind; /* TOK_... of parser.h */
	struct span span;
	bool first;  /* first on its line */
	bool begins; /* a keyword that begins a statement: cannot stand inside an expression */
	struct literal value;
};

struct brace {
	struct span span;
	bool orphan; /* the parser skipped the `{` while recovering, so the `}` is skipped, too */
};

/* One file being parsed. */
struct parse {
	struct lang *l;
	uint32_t source;

	/* lexer.re; unsigned char throughout: casting the cursor of a `char *` would break the
	 * compiler's aliasing rules */
	const unsigned char *begin, *cursor, *limit;
	int lexed; /* kind of the last token read */

	/* filter.c */
	struct token held; /* read but not yet delivered, when `holds` */
	bool holds;
	int last;             /* kind of the last token delivered, 0 at the start */
	uint32_t last_end;    /* where it ended */
	struct token word[3]; /* the first tokens of the current statement */
	int n_word;
	struct span open[NEST_LIMIT]; /* ( and [ not yet closed */
	int n_open;
	struct span unclosed; /* the innermost of them, when a statement began too early */
	struct brace *brace;
	size_t n_brace, cap_brace;
	bool recovering; /* the parser skips to the end of this line */
	bool cut;        /* the file ended inside `{` */

	/* parser.y */
	enum node_kind kind;
	const char *name, *doc;
	struct span name_span;
	int64_t version, release; /* of the language; of the module, 0: none */
	struct list *items; /* of the file itself */
	bool refused;       /* not a file this compiler understands */
	bool too_deep;      /* said once */
};

/* --- lexer.re --- */
/* Reads the next token, comments and blanks skipped, line ends told by `first`. */
void lexer_next(struct parse *p, struct token *t);
/* Keyword of this spelling: its token, 0 when it is none. */
int lexer_keyword(const char *s, size_t n);

/* --- filter.c --- */
/* The next token as the parser wants it: line ends only where a statement ends. */
void filter_next(struct parse *p, struct token *t);
/* The parser met a token it cannot use and will skip to the end of the statement. */
void filter_recover(struct parse *p, int found);
/* The name the current statement declares, or NULL; a broken statement lends it to its node. */
const struct token *filter_declared(const struct parse *p);

/* --- syntax.c: errors that tokens show --- */
/* A token that is wrong by itself: unknown character or unit, text or nesting without end. */
void syntax_bad_token(struct parse *p, const struct token *t);
void syntax_too_deep(struct parse *p, struct span at);
/* can[k - TOK_FIRST] says whether token kind k could stand here, spelling how it is called. */
#define TOKEN_KINDS 96
struct expected {
	bool can[TOKEN_KINDS];
	const char *spelling[TOKEN_KINDS];
};
void syntax_unexpected(struct parse *p, int found, struct span at, const struct expected *e);

/* --- rules.c: errors that the grammar lets pass in order to name them --- */
void rule_no_range(struct parse *p, const struct node *param);
/* A declaration inside braces. */
void rule_misplaced(struct parse *p, const struct node *declaration);
void rule_unclosed_brace(struct parse *p, struct span brace);
void rule_version(struct parse *p, int64_t version, struct span at);
/* A declared name that is also a unit: a warning. */
void rule_unit_name(struct parse *p, const struct node *declaration);
/* A file that is not of this language. */
void rule_foreign(struct parse *p, enum lang_kind kind);

/* --- sniff.c --- */
/* The version a Pulseq file claims, as "1.5.0"; false when it claims none. */
bool sniff_pulseq_version(char *out, size_t size, const char *bytes, size_t n);
/* The first line that is neither blank nor a comment. */
const char *sniff_first_line(const char *bytes, size_t n, size_t *length);

#endif
