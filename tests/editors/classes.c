/* classes FILE.seq...: for each line of the files its characters' classes as the compiler's lexer sees
 * them, one letter a character: c comment, k keyword, d number with its unit, t text, . anything else.
 * The editors' grammars are asked for the same (vim.vim, emacs.el, textmate.js). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/lang.h"

#define FILE_LIMIT ((size_t)1 << 20)

static char letter(const struct lang_token *t, const char *text, uint32_t at)
{
	switch (t->class) {
	case TOKEN_COMMENT:
		return 'c';
	case TOKEN_KEYWORD:
		return 'k';
	case TOKEN_NUMBER:
		return 'd';
	case TOKEN_TEXT:
		return 't';
	case TOKEN_OPERATOR: /* `]mT/m` is one token: its unit looks as a number's does */
		return text[t->span.begin] == ']' && at > t->span.begin ? 'd' : '.';
	case TOKEN_NAME:
		return '.';
	case TOKEN_BAD:
		break;
	}
	return '!';
}

static bool print_classes(const char *path)
{
	const struct lang_token *t;
	struct lang *l = lang_create();
	char *text = NULL, *class = NULL;
	bool ok = false;
	size_t n;
	if (file_read(&text, &n, path, FILE_LIMIT)) {
		fprintf(stderr, "classes: %s\n", precess_error());
		goto out;
	}
	struct node *file = lang_parse(l, path, text, n);
	if (!file || diag_count(l, SEVERITY_ERROR) || !(class = malloc(n + 1))) {
		fprintf(stderr, "classes: %s is no correct sequence\n", path);
		goto out;
	}
	memset(class, '.', n);
	size_t count = lang_tokens(&t, l, file->span.source);
	for (size_t i = 0; i < count; i++)
		for (uint32_t at = t[i].span.begin; at < t[i].span.end; at++)
			class[at] = letter(&t[i], text, at);
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\n')
			putchar('\n');
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			putchar(class[i]);
	ok = true;
out:
	free(text);
	free(class);
	lang_free(l);
	return ok;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!print_classes(argv[i]))
			return 1;
	return argc < 2 ? 2 : 0;
}
