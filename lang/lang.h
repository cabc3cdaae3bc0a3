/* The language: text in, syntax tree and diagnostics out. Knows nothing of sequences' meaning
 * beyond their grammar; names, units of expressions and values are the elaborator's work.
 *
 * Ownership: a `struct lang` owns every source text, tree, name and diagnostic made through it;
 * all are freed by lang_free. Names are interned: equal names are equal pointers. */
#ifndef LANG_LANG_H
#define LANG_LANG_H

#include "runtime/base/base.h"

struct lang;

#define LANG_VERSION 1 /* of `seq 1` */

/* A stretch of source text, in bytes. `source` is the index of a file of this compilation. */
struct span {
	uint32_t source, begin, end;
};

/* ------------------------------------------------------------------ dimensions and units */
/* Exponents over second, metre, tesla, radian. 1/m is {0,-1,0,0}; Hz is {-1,0,0,0}. */
struct dim {
	int8_t s, m, T, rad;
};
bool dim_equal(struct dim a, struct dim b);
/* The type name users write for it ("time", "angle", "frequency", ...) or its unit ("1/m"). */
const char *dim_name(struct lang *l, struct dim d);
/* The unit a value of this dimension is best shown in, e.g. 0.0105 s -> "10.5ms". */
const char *dim_show(struct lang *l, double value, struct dim d);
/* `unit` such as "mT/m": factor to SI and dimension. False when unknown. */
bool unit_find(const char *unit, size_t n, double *factor, struct dim *d);
/* `type` such as "time": its dimension; false when it is not a quantity type. */
bool type_dim(const char *type, struct dim *d);

/* ------------------------------------------------------------------ the tree */
/* One node type for all; what `name`, `doc` and `kid` mean for each kind stands in nodes.def.
 * An absent optional kid is NULL. */
enum node_kind {
#define NODE(kind, meaning) NODE_##kind,
#include "lang/nodes.def"
#undef NODE
	NODE_KINDS
};

struct node {
	enum node_kind kind;
	struct span span;       /* the whole construct */
	struct span name_span;  /* of `name`, for "declared here" */
	const char *name;       /* interned, or NULL */
	const char *doc;        /* text literal after a declaration, or NULL */
	double number;          /* NUMBER, QUANTITY: value in SI; MODULE: its version */
	int64_t integer;        /* INT, BOOL; FILE: language version; IMPORT: version asked for */
	struct dim dim;         /* QUANTITY */
	struct node **kid;
	uint32_t n_kid;         /* kid[n_kid] is NULL, too */
	uint32_t depth;         /* levels of the tree from here down, <= LANG_DEPTH_LIMIT */
};

/* Deeper trees are refused (E06), so that whoever walks one may recurse. */
#define LANG_DEPTH_LIMIT 1000

const char *node_kind_name(enum node_kind k);
/* S-expression of a tree, one node a line, for tests and `--dump tree`. */
void node_print(struct text *out, const struct node *n);

/* ------------------------------------------------------------------ diagnostics */
enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diag_note {
	struct span span; /* begin == end == 0 and source == UINT32_MAX: no place */
	const char *text;
};

struct diag {
	const char *id; /* "E10" */
	enum severity severity;
	struct span span;
	const char *text;  /* one line, no full stop */
	const char *label; /* beside the carets, or NULL */
	struct diag_note note[6];
	int n_note;
	const char *help;        /* what to type, or NULL */
	const char *replacement; /* text that replaces `span` and mends it (editors), or NULL */
};

#define DIAG_LIMIT 20 /* errors of one run that are kept; more are counted */

/* Appends a diagnostic; the returned one may be given a label, notes, help. Never NULL. */
struct diag *diag_error(struct lang *l, const char *id, struct span at, const char *fmt, ...)
	PRECESS_PRINTF(4, 5);
struct diag *diag_warning(struct lang *l, const char *id, struct span at, const char *fmt, ...)
	PRECESS_PRINTF(4, 5);
void diag_label(struct lang *l, struct diag *d, const char *fmt, ...) PRECESS_PRINTF(3, 4);
void diag_note(struct lang *l, struct diag *d, struct span at, const char *fmt, ...)
	PRECESS_PRINTF(4, 5);
void diag_help(struct lang *l, struct diag *d, const char *fmt, ...) PRECESS_PRINTF(3, 4);
extern const struct span span_none;

int diag_count(const struct lang *l, enum severity s); /* all, also those over the limit */
size_t diag_n(const struct lang *l);                   /* kept ones */
const struct diag *diag_get(const struct lang *l, size_t i);
/* All diagnostics as a terminal shows them: place, source line, carets, notes, help; ordered by
 * place. `color` adds ANSI colours; lines are clipped to `columns` (0: no clipping). */
void diag_print(struct text *out, struct lang *l, bool color, int columns);
/* The nearest of `n` candidates by edit distance, or NULL when none is close: "did you mean". */
const char *lang_nearest(const char *name, const char *const *candidates, size_t n);

/* ------------------------------------------------------------------ parsing */
struct lang *lang_create(void);
void lang_free(struct lang *l);
struct arena *lang_arena(struct lang *l);
const char *lang_intern(struct lang *l, const char *s, size_t n);

/* What a file's first bytes say it is. */
enum lang_kind { LANG_SEQUENCE, LANG_PULSEQ_TEXT, LANG_PULSEQ_BINARY, LANG_UNKNOWN };
enum lang_kind lang_sniff(const char *bytes, size_t n);

/* Parses `text` (copied) under the name `path`. Returns the FILE node, also after errors (with what
 * could be understood), or NULL when it is no file of this language at all. Diagnostics say the
 * rest. */
struct node *lang_parse(struct lang *l, const char *path, const char *text, size_t n);
/* Reads and parses. A file that cannot be read is the world's failure (status). */
precess_status lang_parse_file(struct node **out, struct lang *l, const char *path);

/* Parses NAME=VALUE of a command line as a CONST node; diagnostics show `--set NAME=VALUE`. NULL
 * after errors. */
struct node *lang_parse_setting(struct lang *l, const char *name, const char *value);

/* ------------------------------------------------------------------ the text itself */
/* Appends `text` in the one layout that every file has. False, with diagnostics, when it has syntax
 * errors. The tree of the result is the same, and formatting it again changes nothing. */
bool lang_format(struct text *out, struct lang *l, const char *path, const char *text, size_t n);

enum token_class {
	TOKEN_COMMENT,
	TOKEN_KEYWORD,
	TOKEN_NAME,
	TOKEN_NUMBER,
	TOKEN_TEXT,
	TOKEN_OPERATOR,
	TOKEN_BAD
};
struct lang_token {
	enum token_class class;
	struct span span;
	bool begins; /* a keyword that begins a statement */
};
/* The tokens and comments of a source in order, made on demand; also of text that does not parse. */
size_t lang_tokens(const struct lang_token **out, struct lang *l, uint32_t source);

const char *lang_source_path(const struct lang *l, uint32_t source);
const char *lang_source_text(const struct lang *l, uint32_t source, size_t *n);
/* 1-based line and column (in characters, UTF-8 counted once) of a byte. */
void lang_place(const struct lang *l, uint32_t source, uint32_t byte, int *line, int *column);

#endif
