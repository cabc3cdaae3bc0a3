/* Raw tokens. Line ends are not tokens here: a token knows whether it is the first on its line, and
 * filter.c decides which line ends end a statement. Errors are tokens too (BADCHAR, BADTEXT,
 * BADUNIT, TOOLARGE); filter.c has them reported.
 *
 * The text ends with a NUL that does not belong to it (`re2c:eof`); NULs before that are ordinary
 * bad characters. */
#include "lang/parse.h"
#include "lang/units.h"
#include "lang/utf8.h"
#include "parser.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum place { INNER, LINE };

static const struct keyword {
	const char *word;
	int token;
	enum place place;
} keywords[] = {
#define KEYWORD(word, token, place) { #word, TOK_##token, place },
#include "lang/keywords.def"
#undef KEYWORD
};

static const struct keyword *find_keyword(const char *s, size_t n)
{
	for (size_t i = 0; i < PRECESS_COUNT(keywords); i++) {
		const char *w = keywords[i].word;
		if (w[0] == s[0] && strlen(w) == n && memcmp(w, s, n) == 0)
			return &keywords[i];
	}
	return NULL;
}

int lexer_keyword(const char *s, size_t n)
{
	const struct keyword *k = n ? find_keyword(s, n) : NULL;
	return k ? k->token : 0;
}

static const char *here(const struct parse *p)
{
	return (const char *)p->cursor;
}

static size_t left(const struct parse *p)
{
	return (size_t)(p->limit - p->cursor);
}

/* `block` also names a type and `system` a value; only what follows tells. */
static bool begins_statement(const struct parse *p, const struct keyword *k)
{
	const unsigned char *c = p->cursor;
	if (k->place != LINE)
		return false;
	while (c < p->limit && (*c == ' ' || *c == '\t'))
		c++;
	if (k->token == TOK_SYSTEM)
		return c == p->limit || *c != '.';
	if (k->token == TOK_BLOCK)
		return c < p->limit && unit_word((const char *)c, 1) == 1;
	return true;
}

static int word(struct parse *p, struct token *t, const unsigned char *start)
{
	const char *s = (const char *)start;
	size_t n = (size_t)(p->cursor - start);
	const struct keyword *k = p->lexed == TOK_DOT ? NULL : find_keyword(s, n);
	t->value.name = lang_intern(p->l, s, n);
	t->begins = k && begins_statement(p, k);
	return k ? k->token : TOK_NAME;
}

static void skip_comment(struct parse *p)
{
	const unsigned char *end = memchr(p->cursor, '\n', left(p));
	p->cursor = end ? end : p->limit;
}

/* After the opening quote. `\"` and `\\` are the only escapes; a text ends on its line. The tree
 * holds texts as C strings, so a NUL cannot be part of one. */
static int text(struct parse *p, struct token *t)
{
	struct text value;
	const unsigned char *c = p->cursor;
	text_init(&value);
	while (c < p->limit && *c != '"' && *c != '\n' && *c) {
		if (*c == '\\' && c + 1 < p->limit && (c[1] == '"' || c[1] == '\\'))
			c++;
		text_add(&value, (const char *)c++, 1);
	}
	bool closed = c < p->limit && *c == '"';
	p->cursor = c + closed;
	t->value.name = lang_intern(p->l, value.data, value.n);
	text_free(&value);
	return closed ? TOK_TEXT : TOK_BADTEXT;
}

/* The digits without `_`, times ten to the power of the unit, rounded to a double once. */
static double decimal(struct parse *p, const unsigned char *s, size_t n, int power)
{
	char *digits = arena_alloc(lang_arena(p->l), n + 16);
	size_t used = 0;
	int exponent = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == 'e' || s[i] == 'E') {
			long e = strtol((const char *)s + i + 1, NULL, 10);
			exponent = e > 100000 ? 100000 : e < -100000 ? -100000 : (int)e;
			break;
		}
		if (s[i] != '_')
			digits[used++] = (char)s[i];
	}
	snprintf(digits + used, 16, "e%d", exponent + power);
	return strtod(digits, NULL);
}

static int64_t integer(const unsigned char *s, size_t n, bool *fits)
{
	int64_t v = 0;
	*fits = true;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '_')
			continue;
		int digit = s[i] - '0';
		if (v > (INT64_MAX - digit) / 10) {
			*fits = false;
			return 0;
		}
		v = v * 10 + digit;
	}
	return v;
}

/* A number with what is glued to it. */
static int number(struct parse *p, struct token *t, const unsigned char *start, bool whole)
{
	struct unit_scale unit;
	size_t n = (size_t)(p->cursor - start);
	size_t used = unit_scan(here(p), left(p), &unit);
	bool fits = true;
	t->value.number = decimal(p, start, n, unit.power) * unit.scale;
	t->value.dim = unit.dim;
	if (used == 0 && (used = unit_word(here(p), left(p))) > 0) {
		p->cursor += used;
		return TOK_BADUNIT;
	}
	p->cursor += used;
	t->value.name = used ? arena_copy(lang_arena(p->l), (const char *)start, n + used) : NULL;
	if (whole && !used)
		t->value.integer = integer(start, n, &fits);
	if (!fits || !isfinite(t->value.number))
		return TOK_TOOLARGE;
	return used ? TOK_QUANTITY : whole ? TOK_INT : TOK_NUMBER;
}

/* `]` or `]mT/m`. A keyword may follow directly; any other word can only be meant as a unit. */
static int bracket(struct parse *p, struct token *t)
{
	struct unit_scale unit;
	size_t n = unit_word(here(p), left(p));
	if (n == 0 || lexer_keyword(here(p), n))
		return TOK_RBRACKET;
	size_t used = unit_scan(here(p), left(p), &unit);
	if (used == 0) {
		p->cursor += n;
		return TOK_BADUNIT_ARRAY;
	}
	t->value.name = lang_intern(p->l, here(p), used);
	unit_find(here(p), used, &t->value.number, &t->value.dim);
	p->cursor += used;
	return TOK_RBRACKET_UNIT;
}

/* The whole character, so that the message can name it; a byte that is no UTF-8 stays alone. */
static int bad_character(struct parse *p, const unsigned char *start)
{
	uint32_t code;
	size_t used = utf8_decode((const char *)start, (size_t)(p->limit - start), &code);
	p->cursor = start + (used ? used : 1);
	return TOK_BADCHAR;
}

static int scan(struct parse *p, struct token *t)
{
	const unsigned char *YYMARKER, *start;
#define YYCURSOR p->cursor
#define YYLIMIT p->limit
again:
	start = p->cursor;
	t->span.begin = (uint32_t)(start - p->begin);
/*!re2c
	re2c:define:YYCTYPE = "unsigned char";
	re2c:flags:8 = 1;
	re2c:yyfill:enable = 0;
	re2c:eof = 0;

	digits = [0-9]+ ("_" [0-9]+)*;
	real   = digits ("." digits)? ([eE] [+-]? [0-9]+)?;
	name   = [A-Za-z_\u0370-\u03ff] [A-Za-z0-9_\u0370-\u03ff]*;

	*        { return bad_character(p, start); }
	$        { p->cursor = p->limit; return TOK_END; }
	[ \t\r]+ { goto again; }
	"\n"     { t->first = true; goto again; }
	"#"      { skip_comment(p); goto again; }
	["]      { return text(p, t); }
	digits   { return number(p, t, start, true); }
	real     { return number(p, t, start, false); }
	name     { return word(p, t, start); }
	";"      { return TOK_NL; }
	"..<"    { return TOK_UNTIL; }
	".."     { return TOK_TO; }
	"->"     { return TOK_ARROW; }
	"=="     { return TOK_EQ; }
	"!="     { return TOK_NE; }
	"<="     { return TOK_LE; }
	">="     { return TOK_GE; }
	"<"      { return TOK_LT; }
	">"      { return TOK_GT; }
	"="      { return TOK_ASSIGN; }
	"+"      { return TOK_PLUS; }
	"-"      { return TOK_MINUS; }
	"*"      { return TOK_STAR; }
	"/"      { return TOK_SLASH; }
	"%"      { return TOK_PERCENT; }
	"^"      { return TOK_CARET; }
	"&"      { return TOK_AMPERSAND; }
	"@"      { return TOK_SHIFT; }
	"?"      { return TOK_QUESTION; }
	":"      { return TOK_COLON; }
	","      { return TOK_COMMA; }
	"."      { return TOK_DOT; }
	"("      { return TOK_LPAREN; }
	")"      { return TOK_RPAREN; }
	"["      { return TOK_LBRACKET; }
	"]"      { return bracket(p, t); }
	"{"      { return TOK_LBRACE; }
	"}"      { return TOK_RBRACE; }
*/
#undef YYCURSOR
#undef YYLIMIT
}

void lexer_next(struct parse *p, struct token *t)
{
	*t = (struct token){ .span.source = p->source, .first = p->cursor == p->begin };
	t->kind = p->lexed = scan(p, t);
	t->span.end = (uint32_t)(p->cursor - p->begin);
}
