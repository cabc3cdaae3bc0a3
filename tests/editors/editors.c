/* Writes the editors' files from their templates, FILE.in beside FILE, so that every word in them
 * comes from the compiler's own lists.
 *
 *   editors ROOT     compares; exit status 1 when a file is not what its template gives
 *   BLESS=1          writes them
 *
 * In a template `@LIST:SEPARATOR@` stands for the words of a list, as in `@units:|@`. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/base.h"

#define FILE_LIMIT ((size_t)1 << 20)

static const char *const files[] = {
	"editors/vscode/syntaxes/precess.tmLanguage.json",
	"editors/vim/syntax/precess.vim",
	"editors/emacs/precess-mode.el",
	"editors/bash/precess",
	"editors/zsh/_precess",
	"editors/fish/precess.fish",
};

static const char *const keywords[] = {
#define KEYWORD(word, token, place) #word,
#include "lang/keywords.def"
#undef KEYWORD
};
static const char *const types[] = {
#define QUANTITY_TYPE(name, s, m, T, rad, example) #name,
#define OTHER_TYPE(name, meaning) #name,
#include "lang/types.def"
#undef QUANTITY_TYPE
#undef OTHER_TYPE
};
static const char *const units[] = {
#define UNIT(name, scale, power, s, m, T, rad, meaning) name,
#include "lang/units.def"
#undef UNIT
};
static const char *const builtins[] = {
#define BUILTIN(name, formals, doc) #name,
#include "compiler/elab/builtins.def"
#undef BUILTIN
};
static const char *const predefined[] = {
#define PREDEFINED(name) #name,
#include "compiler/elab/predefined.def"
#undef PREDEFINED
};
static const char *const commands[] = {
#define COMMAND(name, usage, doc) #name,
#include "compiler/driver/commands.def"
#undef COMMAND
};
/* With what they do, quoted as these shells want it. */
static const char *const commands_zsh[] = {
#define COMMAND(name, usage, doc) "'" #name ":" doc "'",
#include "compiler/driver/commands.def"
#undef COMMAND
};
static const char *const commands_fish[] = {
#define COMMAND(name, usage, doc) #name " '" doc "'",
#include "compiler/driver/commands.def"
#undef COMMAND
};

#define LIST(name) { #name, name, PRECESS_COUNT(name) }
static const struct {
	const char *name;
	const char *const *word;
	size_t n;
} lists[] = { LIST(keywords), LIST(types),	LIST(units),
	      LIST(builtins), LIST(predefined), LIST(commands),
	      LIST(commands_zsh), LIST(commands_fish) };

/* The placeholder at `s`, which begins with `@`; bytes used, 0 when it is none. */
static size_t expand(struct text *out, const char *s)
{
	for (size_t i = 0; i < PRECESS_COUNT(lists); i++) {
		size_t n = strlen(lists[i].name);
		const char *end;
		if (strncmp(s + 1, lists[i].name, n) || s[n + 1] != ':' ||
		    !(end = strchr(s + n + 2, '@')))
			continue;
		for (size_t k = 0; k < lists[i].n; k++) {
			if (k)
				text_add(out, s + n + 2, (size_t)(end - s - n) - 2);
			text_printf(out, "%s", lists[i].word[k]);
		}
		return (size_t)(end + 1 - s);
	}
	return 0;
}

static bool check(const char *root, const char *file)
{
	char path[2048], from[2048], *in = NULL, *have = NULL;
	const char *wish = getenv("BLESS");
	struct text out;
	bool ok = false;
	snprintf(path, sizeof path, "%s/%s", root, file);
	snprintf(from, sizeof from, "%s/%s.in", root, file);
	text_init(&out);
	if (file_read(&in, NULL, from, FILE_LIMIT)) {
		printf("%s\n", precess_error());
		goto out;
	}
	for (const char *s = in; *s;) {
		size_t used = *s == '@' ? expand(&out, s) : 0;
		if (!used)
			text_add(&out, s, used = 1);
		s += used;
	}
	if (wish && !strcmp(wish, "1"))
		ok = file_write(path, out.data, out.n) == PRECESS_OK;
	else
		ok = !file_read(&have, NULL, path, FILE_LIMIT) && !strcmp(have, out.data);
	printf("%s %s\n", ok ? "ok  " : "FAIL", file);
	if (!ok)
		printf("     a list has changed; BLESS=1 writes the file anew\n");
out:
	text_free(&out);
	free(in);
	free(have);
	return ok;
}

int main(int argc, char **argv)
{
	int failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: editors ROOT\n");
		return 2;
	}
	for (size_t i = 0; i < PRECESS_COUNT(files); i++)
		failed += !check(argv[1], files[i]);
	return failed > 0;
}
