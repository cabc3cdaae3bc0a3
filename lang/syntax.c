/* The wording of syntax errors: what was expected, in the reader's words, what was found, and what
 * to type instead where a habit from another language shows. */
#include "lang/parse.h"
#include "lang/units.h"
#include "lang/utf8.h"
#include "parser.h"

#include <string.h>

#define SNIPPET 40 /* bytes of source quoted in a message */

_Static_assert(TOK_LAST - TOK_FIRST < TOKEN_KINDS, "TOKEN_KINDS is too small");

static const char *source_at(const struct parse *p, uint32_t byte, size_t *left)
{
	size_t n;
	const char *s = lang_source_text(p->l, p->source, &n);
	*left = n - byte;
	return s + byte;
}

/* Source text for a message: "`hard(FA`", cut when long. */
static const char *quote(struct parse *p, struct span at)
{
	size_t left;
	const char *s = source_at(p, at.begin, &left);
	size_t n = at.end - at.begin, cut = n < SNIPPET ? n : SNIPPET;
	while (cut < n && cut > 0 && ((unsigned char)s[cut] & 0xC0) == 0x80)
		cut--;
	return arena_printf(lang_arena(p->l), "`%.*s%s`", (int)cut, s, cut < n ? "..." : "");
}

static const char *found_text(struct parse *p, int found, struct span at)
{
	if (found == TOK_END)
		return "end of file";
	if (found != TOK_NL)
		return quote(p, at);
	/* The line end put in before a `}` that follows on the same line. */
	if (p->holds && p->held.kind == TOK_RBRACE && !p->held.first)
		return "`}`";
	return at.begin < at.end ? "`;`" : "end of line";
}

static bool can(const struct expected *e, int kind)
{
	return e->can[kind - TOK_FIRST];
}

static bool statement_expected(const struct expected *e)
{
	return can(e, TOK_PLAY) && can(e, TOK_LET);
}

static bool expression_expected(const struct expected *e)
{
	return can(e, TOK_QUANTITY) && can(e, TOK_LPAREN) && can(e, TOK_MINUS);
}

static bool operator_expected(const struct expected *e)
{
	return can(e, TOK_STAR) && can(e, TOK_CARET);
}

static bool begins_expression(int kind)
{
	switch (kind) {
	case TOK_NAME:
	case TOK_INT:
	case TOK_NUMBER:
	case TOK_QUANTITY:
	case TOK_TEXT:
	case TOK_TRUE:
	case TOK_FALSE:
	case TOK_NOT:
	case TOK_MINUS:
	case TOK_LPAREN:
	case TOK_LBRACKET:
	case TOK_SYSTEM:
	case TOK_BADUNIT:
	case TOK_TOOLARGE:
		return true;
	default:
		return false;
	}
}

static bool is_operator(int kind)
{
	switch (kind) {
	case TOK_PLUS:
	case TOK_MINUS:
	case TOK_STAR:
	case TOK_SLASH:
	case TOK_PERCENT:
	case TOK_CARET:
	case TOK_AMPERSAND:
	case TOK_SHIFT:
	case TOK_QUESTION:
	case TOK_DOT:
	case TOK_LPAREN:
	case TOK_LBRACKET:
	case TOK_EQ:
	case TOK_NE:
	case TOK_LT:
	case TOK_LE:
	case TOK_GT:
	case TOK_GE:
	case TOK_AND:
	case TOK_OR:
		return true;
	default:
		return false;
	}
}

/* "an operator, `,` or `)`" */
static const char *expected_text(struct parse *p, const struct expected *e)
{
	const char *word[TOKEN_KINDS + 3];
	size_t n = 0;
	bool statement = statement_expected(e), binary = operator_expected(e);
	bool expression = !statement && expression_expected(e);
	if (statement)
		word[n++] = "a statement";
	if (expression)
		word[n++] = "an expression";
	if (binary)
		word[n++] = "an operator";
	for (int kind = TOK_FIRST; kind < TOK_BADUNIT; kind++) {
		bool grouped = (statement && kind != TOK_RBRACE) ||
			       (expression && begins_expression(kind)) ||
			       (binary && is_operator(kind));
		if (can(e, kind) && !grouped && kind != TOK_RBRACKET_UNIT && kind != TOK_NL)
			word[n++] = e->spelling[kind - TOK_FIRST];
	}
	if (can(e, TOK_NL) && !statement)
		word[n++] = "end of line";
	struct text t;
	text_init(&t);
	for (size_t i = 0; i < n; i++)
		text_printf(&t, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", word[i]);
	const char *s = arena_copy(lang_arena(p->l), t.data, t.n);
	text_free(&t);
	return s;
}

/* --- helps: each looks for one habit and returns what to type, or NULL --- */

struct mistake {
	struct parse *p;
	const struct expected *e;
	int found;
	struct span at;
	char before, after; /* the bytes around the token found */
};

static const char *help_comma(const struct mistake *m)
{
	if (!can(m->e, TOK_COMMA) || !begins_expression(m->found))
		return NULL;
	if (can(m->e, TOK_RBRACKET))
		return "put a comma between the elements";
	return can(m->e, TOK_RPAREN) ? "put a comma between the arguments" : NULL;
}

static const char *help_operator(const struct mistake *m)
{
	if (m->found == TOK_ASSIGN && operator_expected(m->e) && !can(m->e, TOK_ASSIGN))
		return can(m->e, TOK_EQ) ? "`==` compares, `=` gives a value to a name" : NULL;
	if (m->found >= TOK_EQ && m->found <= TOK_GT && operator_expected(m->e))
		return "join two comparisons with `and`: `a < b and b < c`";
	if (!expression_expected(m->e) || statement_expected(m->e))
		return NULL;
	if (m->found == TOK_SLASH && m->before == '/')
		return "a comment begins with `#`";
	if (m->found == TOK_STAR && m->before == '*')
		return "a power is written `a ^ b`";
	if (m->found == TOK_AMPERSAND && m->before == '&')
		return "write `and`";
	if (m->found == TOK_DOT && m->after >= '0' && m->after <= '9')
		return "write the nought before the point: `0.5`";
	return NULL;
}

static const char *help_keyword_as_name(const struct mistake *m)
{
	size_t left;
	const char *s = source_at(m->p, m->at.begin, &left);
	if (!can(m->e, TOK_NAME) || statement_expected(m->e))
		return NULL;
	if (!lexer_keyword(s, m->at.end - m->at.begin))
		return NULL;
	return arena_printf(lang_arena(m->p->l),
			    "%s is a word of the language and cannot be a name",
			    quote(m->p, m->at));
}

static const char *near_keyword(const char *name)
{
	static const char *const line_words[] = {
#define KEYWORD(word, token, place) #word,
#include "lang/keywords.def"
#undef KEYWORD
	};
	return lang_nearest(name, line_words, PRECESS_COUNT(line_words));
}

static const char *help_statement(const struct mistake *m)
{
	if (!statement_expected(m->e))
		return NULL;
	if (m->found == TOK_SLASH && m->after == '/')
		return "a comment begins with `#`";
	if (m->found == TOK_RBRACE)
		return "no `{` is open here";
	if (is_operator(m->found) && m->found != TOK_LPAREN && m->found != TOK_LBRACKET)
		return "to continue a line, end it in the operator or put the expression in "
		       "parentheses";
	if (m->found == TOK_ELSE)
		return "`else` follows the `}` of an `if`";
	if (m->found != TOK_NAME)
		return NULL;
	struct arena *arena = lang_arena(m->p->l);
	const char *name = m->p->word[0].value.name, *near = near_keyword(name);
	size_t left;
	const char *s = source_at(m->p, m->at.end, &left);
	while (left > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		left--;
	}
	if (left > 0 && *s == '=')
		return arena_printf(arena, "`let %s = ...` gives a value to a name", name);
	if (left > 0 && *s == '(')
		return arena_printf(arena, "`play %s(...)` plays it", name);
	return near ? arena_printf(arena, "did you mean `%s`?", near) : NULL;
}

static const char *help_header(const struct mistake *m)
{
	if (can(m->e, TOK_SEQUENCE) && can(m->e, TOK_MODULE))
		return "after `seq 1` the file says what it is: `sequence my_sequence` or"
		       " `module my_module`";
	return NULL;
}

static const char *help_part(const struct mistake *m)
{
	if (can(m->e, TOK_COLON) && m->found == TOK_IN)
		return "the type stands before the range: `param ESP : time in 8ms .. 15ms`";
	if (can(m->e, TOK_LBRACE) && (m->found == TOK_NL || m->found == TOK_COLON))
		return "the body stands between `{` and `}`";
	if (can(m->e, TOK_ARROW))
		return "a `def` says what it gives: `def f(a: time) -> time = 2 * a`";
	if (can(m->e, TOK_TO) && can(m->e, TOK_UNTIL) && m->found == TOK_NL &&
	    !can(m->e, TOK_LBRACE) && !can(m->e, TOK_NL))
		return "a range is `a .. b`, or `a ..< b` without b itself";
	if (can(m->e, TOK_AT))
		return "`with center at t` puts the centre at time t";
	return NULL;
}

static bool is_reported(int kind)
{
	return kind == TOK_BAD || kind == TOK_BADUNIT || kind == TOK_BADUNIT_ARRAY ||
	       kind == TOK_TOOLARGE;
}

void syntax_unexpected(struct parse *p, int found, struct span at, const struct expected *e)
{
	static const char *(*const helps[])(const struct mistake *) = {
		help_header,          help_comma,     help_operator,
		help_keyword_as_name, help_statement, help_part,
	};
	if (is_reported(found))
		return;
	size_t left;
	const char *s = source_at(p, at.end, &left);
	struct mistake m = { p, e, found, at, 0, left ? *s : '\0' };
	m.before = at.begin ? s[(ptrdiff_t)at.begin - (ptrdiff_t)at.end - 1] : '\0';
	struct diag *d = diag_error(p->l, "E02", at, "expected %s, found %s", expected_text(p, e),
				    found_text(p, found, at));
	if ((found == TOK_NL || found == TOK_LBRACE) && p->unclosed.source != span_none.source) {
		size_t ignored;
		diag_note(p->l, d, p->unclosed, "this `%c` is not closed",
			  *source_at(p, p->unclosed.begin, &ignored));
		return;
	}
	for (size_t i = 0; i < PRECESS_COUNT(helps) && !d->help; i++)
		d->help = helps[i](&m);
}

/* --- tokens that are wrong by themselves --- */

#define PLAIN_QUOTES "a text stands between plain double quotes: \"...\""

/* Characters that are typed from habit, or by an editor that means well. */
static const struct {
	uint32_t code;
	const char *help;
} typed[] = {
	{ '!', "write `not`" },
	{ '|', "write `or`" },
	{ '\\', "put the expression in parentheses to continue it" },
	{ '\'', PLAIN_QUOTES },
	{ 0x2018, PLAIN_QUOTES },
	{ 0x2019, PLAIN_QUOTES },
	{ 0x201C, PLAIN_QUOTES },
	{ 0x201D, PLAIN_QUOTES },
	{ 0x201E, PLAIN_QUOTES },
	{ 0x2212, "write the minus sign as `-`" },
	{ 0x2013, "write the minus sign as `-`" },
	{ 0xB7, "write `*`" },
	{ 0xD7, "write `*`" },
	{ 0xA0, "this blank is a no-break space; type a plain one" },
};

static void bad_character(struct parse *p, struct span at)
{
	uint32_t code;
	size_t left;
	const char *s = source_at(p, at.begin, &left);
	size_t used = utf8_decode(s, left, &code);
	struct diag *d;
	if (used == 0)
		d = diag_error(p->l, "E02", at, "unexpected byte 0x%02X: the text is not UTF-8",
			       (unsigned)(unsigned char)*s);
	else if (utf8_width(code) > 0 && code != 0xA0)
		d = diag_error(p->l, "E02", at, "unexpected character %s", quote(p, at));
	else
		d = diag_error(p->l, "E02", at, "unexpected character U+%04X", (unsigned)code);
	if (used == 0)
		return;
	for (size_t i = 0; i < PRECESS_COUNT(typed); i++) {
		if (typed[i].code == code)
			diag_help(p->l, d, "%s", typed[i].help);
	}
}

/* Bytes of the number at the start of a token that holds it and a word: `1.5e-3khz`. */
static size_t number_length(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && ((s[i] >= '0' && s[i] <= '9') || s[i] == '_' || s[i] == '.'))
		i++;
	size_t e = i + 1;
	if (i == n || (s[i] != 'e' && s[i] != 'E'))
		return i;
	e += e < n && (s[e] == '+' || s[e] == '-');
	if (e == n || s[e] < '0' || s[e] > '9')
		return i;
	while (e < n && s[e] >= '0' && s[e] <= '9')
		e++;
	return e;
}

static void bad_unit(struct parse *p, struct span at)
{
	size_t left;
	const char *s = source_at(p, at.begin, &left);
	size_t n = at.end - at.begin, number = number_length(s, n);
	struct diag *d = diag_error(p->l, "E01", at, "unknown unit in %s", quote(p, at));
	const char *near = unit_near(arena_copy(lang_arena(p->l), s + number, n - number));
	if (near && n <= SNIPPET) {
		d->replacement = arena_printf(lang_arena(p->l), "%.*s%s", (int)number, s, near);
		diag_help(p->l, d, "did you mean `%s`?", d->replacement);
		return;
	}
	struct text known;
	text_init(&known);
#define UNIT(name, scale, power, s, m, T, rad, meaning) \
	if ((unsigned char)name[0] < 0x80)              \
		text_printf(&known, " %s", name);
#include "lang/units.def"
#undef UNIT
	diag_help(p->l, d, "the units are%s", known.data);
	text_free(&known);
}

void syntax_bad_token(struct parse *p, const struct token *t)
{
	struct diag *d;
	struct span word = t->span;
	switch (t->kind) {
	case TOK_BADUNIT_ARRAY:
		word.begin++; /* after the bracket */
		bad_unit(p, word);
		break;
	case TOK_BADUNIT:
		bad_unit(p, word);
		break;
	case TOK_BADTEXT:
		diag_error(p->l, "E03", t->span, "the text opened here is not closed on this line");
		break;
	case TOK_TOOLARGE:
		d = diag_error(p->l, "E07", t->span, "the number %s is too large",
			       quote(p, t->span));
		diag_help(p->l, d, "whole numbers go up to %lld, others to about 1.8e308",
			  (long long)INT64_MAX);
		break;
	case TOK_BADNEST:
		diag_error(p->l, "E06", t->span, "too many brackets are open here (limit %d)",
			   NEST_LIMIT);
		break;
	default:
		bad_character(p, t->span);
		break;
	}
}

void syntax_too_deep(struct parse *p, struct span at)
{
	if (!p->too_deep)
		diag_error(p->l, "E06", at, "this is nested too deeply (limit %d levels)",
			   LANG_DEPTH_LIMIT);
	p->too_deep = true;
}
