/* Between lexer and parser: decides which line ends end a statement, and keeps brackets in step
 * with what the parser does after an error, so that one mistake costs one message.
 *
 * A line end counts unless a bracket is open, the line ends in an operator, or the next one begins
 * with `with`, `&`, `else` or `{`. A keyword that begins a statement cannot continue anything:
 * before it brackets are taken as closed. Before `}` and at the end of the file a line end is put
 * in, so every statement ends in one and the parser can always skip to it. */
#include "lang/parse.h"
#include "lang/state.h"
#include "parser.h"

static bool continues(int kind)
{
	switch (kind) {
	case TOK_COMMA:
	case TOK_AMPERSAND:
	case TOK_PLUS:
	case TOK_MINUS:
	case TOK_STAR:
	case TOK_SLASH:
	case TOK_PERCENT:
	case TOK_CARET:
	case TOK_SHIFT:
	case TOK_ASSIGN:
	case TOK_EQ:
	case TOK_NE:
	case TOK_LT:
	case TOK_GT:
	case TOK_LE:
	case TOK_GE:
	case TOK_AND:
	case TOK_OR:
	case TOK_NOT:
	case TOK_QUESTION:
	case TOK_COLON:
	case TOK_TO:
	case TOK_UNTIL:
	case TOK_ARROW:
	case TOK_DOT:
		return true;
	default:
		return false;
	}
}

static bool joins(int kind)
{
	return kind == TOK_WITH || kind == TOK_AMPERSAND || kind == TOK_ELSE || kind == TOK_LBRACE;
}

/* Whether the parser is where a statement may begin, needing no line end. A `{` that it skips while
 * recovering begins nothing. */
static bool at_start(const struct parse *p)
{
	return p->last == 0 || p->last == TOK_NL || (p->last == TOK_LBRACE && !p->recovering);
}

static bool ends_before(const struct parse *p, const struct token *t)
{
	if (at_start(p) || t->kind == TOK_NL)
		return false;
	if (t->kind == TOK_END || t->kind == TOK_RBRACE)
		return true;
	if (!t->first)
		return false;
	if (t->begins)
		return p->last != TOK_ELSE;
	return p->n_open == 0 && !continues(p->last) && !joins(t->kind);
}

static void close_brackets(struct parse *p)
{
	p->unclosed = p->n_open ? p->open[p->n_open - 1] : span_none;
	p->n_open = 0;
}

static void hold(struct parse *p, const struct token *t)
{
	p->held = *t;
	p->holds = true;
}

static void push_brace(struct parse *p, struct span at, bool orphan)
{
	p->brace = lang_grow(p->l, p->brace, p->n_brace, &p->cap_brace, sizeof *p->brace);
	p->brace[p->n_brace++] = (struct brace){ at, orphan };
}

/* The `}` of a `{` the parser never saw goes unseen too, and so does a following `else {`. */
static bool drop_orphan(struct parse *p)
{
	struct token t;
	if (p->n_brace == 0 || !p->brace[p->n_brace - 1].orphan)
		return false;
	p->n_brace--;
	lexer_next(p, &t);
	if (t.kind == TOK_ELSE) {
		lexer_next(p, &t);
		if (t.kind == TOK_LBRACE) {
			push_brace(p, t.span, true);
			return true;
		}
	}
	hold(p, &t);
	return true;
}

/* At the end of the file: false when nothing is open, else `t` becomes a closing brace. */
static bool close_brace(struct parse *p, struct token *t)
{
	while (p->n_brace > 0) {
		struct brace b = p->brace[--p->n_brace];
		if (b.orphan)
			continue;
		if (!p->cut)
			rule_unclosed_brace(p, b.span);
		p->cut = true;
		hold(p, t);
		t->kind = TOK_RBRACE;
		return true;
	}
	return false;
}

static void bad(struct parse *p, struct token *t)
{
	if (!p->recovering)
		syntax_bad_token(p, t);
	/* A bad unit leaves the statement whole; the others stop the parser. */
	if (t->kind != TOK_BADUNIT && t->kind != TOK_BADUNIT_ARRAY && t->kind != TOK_TOOLARGE)
		t->kind = TOK_BAD;
}

static void open_bracket(struct parse *p, struct token *t)
{
	if (p->n_open < NEST_LIMIT) {
		p->open[p->n_open++] = t->span;
		return;
	}
	t->kind = TOK_BADNEST;
	bad(p, t);
}

static void open_brace(struct parse *p, struct token *t)
{
	close_brackets(p);
	bool fits = p->n_brace < NEST_LIMIT;
	push_brace(p, t->span, p->recovering || !fits);
	if (!fits) {
		t->kind = TOK_BADNEST;
		bad(p, t);
	}
}

/* Keeps count of brackets; false when the token is not for the parser. */
static bool account(struct parse *p, struct token *t)
{
	switch (t->kind) {
	case TOK_LPAREN:
	case TOK_LBRACKET:
		open_bracket(p, t);
		break;
	case TOK_RPAREN:
	case TOK_RBRACKET:
	case TOK_RBRACKET_UNIT:
	case TOK_BADUNIT_ARRAY:
		p->n_open -= p->n_open > 0;
		if (t->kind == TOK_BADUNIT_ARRAY)
			bad(p, t);
		break;
	case TOK_LBRACE:
		open_brace(p, t);
		break;
	case TOK_RBRACE:
		if (drop_orphan(p))
			return false;
		p->n_brace -= p->n_brace > 0;
		break;
	case TOK_END:
		close_brace(p, t);
		break;
	case TOK_NL: /* `;` */
		if (p->n_open) {
			t->kind = TOK_BADCHAR;
			bad(p, t);
		}
		break;
	case TOK_BADCHAR:
	case TOK_BADTEXT:
	case TOK_BADUNIT:
	case TOK_TOOLARGE:
		bad(p, t);
		break;
	}
	return true;
}

static void deliver(struct parse *p, const struct token *t)
{
	if (t->kind == TOK_NL) {
		p->recovering = false;
	} else {
		if (at_start(p))
			p->n_word = 0;
		if (p->n_word < (int)PRECESS_COUNT(p->word))
			p->word[p->n_word++] = *t;
	}
	p->last = t->kind;
	p->last_end = t->span.end;
}

void filter_next(struct parse *p, struct token *t)
{
	do {
		if (p->holds)
			*t = p->held;
		else
			lexer_next(p, t);
		p->holds = false;
		if (ends_before(p, t)) {
			hold(p, t);
			close_brackets(p);
			*t = (struct token){ .kind = TOK_NL };
			t->span = (struct span){ p->source, p->last_end, p->last_end };
			break;
		}
	} while (!account(p, t));
	deliver(p, t);
}

void filter_recover(struct parse *p, int found)
{
	/* At a line end there is nothing left to skip. */
	p->recovering = found != TOK_NL;
	if (found == TOK_LBRACE && p->n_brace)
		p->brace[p->n_brace - 1].orphan = true;
}

const struct token *filter_declared(const struct parse *p)
{
	const struct token *w = p->word;
	if (p->n_word < 2 || w[1].kind != TOK_NAME)
		return NULL;
	switch (w[0].kind) {
	case TOK_PARAM:
	case TOK_CONST:
	case TOK_LET:
	case TOK_MAP:
	case TOK_DEF:
	case TOK_BLOCK:
	case TOK_MARK:
		return &w[1];
	case TOK_PLAY:
		return p->n_word > 2 && w[2].kind == TOK_ASSIGN ? &w[1] : NULL;
	default:
		return NULL;
	}
}
