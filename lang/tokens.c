/* Tokens and comments of a text, for who wants to colour or complete it. The lexer skips comments
 * and keeps nothing of them; what lies between two tokens is looked at again. */
#include "lang/parse.h"
#include "lang/state.h"
#include "parser.h"

#include <string.h>

struct tokens {
	struct lang_token *item;
	size_t n, cap;
};

static void add(struct tokens *k, struct lang *l, struct lang_token t)
{
	k->item = lang_grow(l, k->item, k->n, &k->cap, sizeof *k->item);
	k->item[k->n++] = t;
}

static void comments(struct tokens *k, struct parse *p, uint32_t from, uint32_t to)
{
	const char *text = (const char *)p->begin;
	while (from < to) {
		const char *c = memchr(text + from, '#', to - from);
		if (!c)
			return;
		uint32_t at = (uint32_t)(c - text);
		const char *end = memchr(c, '\n', to - at);
		from = end ? (uint32_t)(end - text) : to;
		add(k, p->l, (struct lang_token){ TOKEN_COMMENT, { p->source, at, from }, false });
	}
}

static enum token_class class_of(const struct parse *p, const struct token *t)
{
	const char *s = (const char *)p->begin + t->span.begin;
	switch (t->kind) {
	case TOK_NAME:
		return TOKEN_NAME;
	case TOK_INT:
	case TOK_NUMBER:
	case TOK_QUANTITY:
		return TOKEN_NUMBER;
	case TOK_TEXT:
		return TOKEN_TEXT;
	case TOK_BADCHAR:
	case TOK_BADTEXT:
	case TOK_BADUNIT:
	case TOK_BADUNIT_ARRAY:
	case TOK_TOOLARGE:
		return TOKEN_BAD;
	default:
		return lexer_keyword(s, t->span.end - t->span.begin) ? TOKEN_KEYWORD : TOKEN_OPERATOR;
	}
}

size_t lang_tokens(const struct lang_token **out, struct lang *l, uint32_t source)
{
	struct tokens k = { 0 };
	struct parse p = { .l = l, .source = source, .unclosed = span_none };
	uint32_t at = 0;
	struct token t;
	size_t n;
	p.begin = p.cursor = (const unsigned char *)lang_source_text(l, source, &n);
	p.limit = p.begin + n;
	do {
		lexer_next(&p, &t);
		comments(&k, &p, at, t.span.begin);
		at = t.span.end;
		if (t.kind != TOK_END)
			add(&k, l, (struct lang_token){ class_of(&p, &t), t.span, t.begins });
	} while (t.kind != TOK_END);
	*out = k.item;
	return k.n;
}
