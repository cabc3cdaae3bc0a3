/* Runs the examples of a manual page: docs PROGRAM_FOLDER ROOT PAGE.md...
 *
 *   ```seq                 the text must pass `precess check`
 *   ```seq error E20       `precess check` must refuse it with that error, or warn with that id
 *   ```seq file=my.seq     it must pass, and is kept for the commands that follow
 *   ```console             lines `$ command` are run; what follows must be their output, where a
 *                          line `...` stands for any lines and `...` in a line for any text
 *
 * Each page has its own temporary folder in which sequences/ and models/ are the repository's;
 * `precess` is found in PROGRAM_FOLDER. Other fences are not run. `docs --self-test` tries the comparison itself. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/base.h"

struct page {
	const char *name, *root;
	char folder[64];
	int n, failed;
};

static void fail(struct page *p, int line, const char *what, const char *detail)
{
	printf("%s:%d: %s\n%s\n", p->name, line, what, detail);
	p->failed++;
}

/* Output (both streams) and exit status of a command in the page's folder. */
static char *run(const struct page *p, const char *command, int *status)
{
	struct text script, out;
	text_init(&script);
	text_init(&out);
	text_printf(&script, "cd %s && { %s ; } 2>&1", p->folder, command);
	FILE *f = popen(script.data, "r");
	char buffer[4096];
	for (size_t n; f && (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
		text_add(&out, buffer, n);
	*status = f ? pclose(f) : -1;
	text_free(&script);
	return out.data;
}

/* `pattern` with `...` standing for any text, against one line of n bytes. */
static bool line_matches(const char *pattern, size_t np, const char *line, size_t n)
{
	while (np && (pattern[np - 1] == ' '))
		np--;
	while (n && line[n - 1] == ' ')
		n--;
	for (;;) {
		if (np >= 3 && !strncmp(pattern, "...", 3)) {
			for (size_t skip = 0; skip <= n; skip++)
				if (line_matches(pattern + 3, np - 3, line + skip, n - skip))
					return true;
			return false;
		}
		if (!np || !n)
			return np == n;
		if (*pattern != *line)
			return false;
		pattern++, line++, np--, n--;
	}
}

static bool text_matches(const char *pattern, const char *end, const char *text)
{
	if (pattern >= end)
		return text[strspn(text, "\n ")] == 0;
	size_t np = strcspn(pattern, "\n"), n = strcspn(text, "\n");
	const char *rest = pattern + np + (pattern[np] == '\n');
	if (np == 3 && !strncmp(pattern, "...", 3)) {
		for (const char *t = text;; t += strcspn(t, "\n") + 1) {
			if (text_matches(rest, end, t))
				return true;
			if (!t[strcspn(t, "\n")])
				return rest >= end;
		}
	}
	if (!*text || !line_matches(pattern, np, text, n))
		return false;
	return text_matches(rest, end, text + n + (text[n] == '\n'));
}

/* Blank lines between what a command said and the next command are layout of the page. */
static const char *without_blank_end(const char *from, const char *end)
{
	while (end > from && end[-1] == '\n' && (end - 1 == from || end[-2] == '\n'))
		end--;
	return end;
}

static void console(struct page *p, int line, const char *at, const char *end)
{
	while (at < end) {
		size_t n = strcspn(at, "\n");
		if (strncmp(at, "$ ", 2)) {
			at += n + 1;
			continue;
		}
		char *command = strndup(at + 2, n - 2);
		const char *expected = at += n + 1;
		while (at < end && strncmp(at, "$ ", 2))
			at += strcspn(at, "\n") + 1;
		int status;
		char *out = run(p, command, &status);
		p->n++;
		/* Shown without output it must succeed; with output it may be an error. */
		const char *stop = without_blank_end(expected, at < end ? at : end);
		bool silent = stop <= expected;
		if (silent ? status != 0 : !text_matches(expected, stop, out)) {
			fail(p, line, command, out);
		}
		free(out);
		free(command);
	}
}

/* An error must also show in the exit status, a warning must not. */
static bool told(const char *out, const char *id, int status)
{
	char error[32], warning[32];
	snprintf(error, sizeof error, "error[%s]", id);
	snprintf(warning, sizeof warning, "warning[%s]", id);
	return status ? strstr(out, error) != NULL : strstr(out, warning) != NULL;
}

static void sequence(struct page *p, int line, const char *info, const char *at, const char *end)
{
	char file[64] = "example.seq", id[16] = "";
	sscanf(info, " file=%63s", file);
	sscanf(info, " error %15s", id);
	struct text path, command;
	text_init(&path);
	text_printf(&path, "%s/%s", p->folder, file);
	file_write(path.data, at, (size_t)(end - at));
	text_init(&command);
	text_printf(&command, "precess check %s", file);
	int status;
	char *out = run(p, command.data, &status);
	p->n++;
	if (id[0] ? !told(out, id, status) : status != 0)
		fail(p, line,
		     id[0] ? "this should have been refused, or warned of" : "this should pass",
		     out);
	free(out);
	text_free(&path);
	text_free(&command);
}

static void read_page(struct page *p, const char *text)
{
	int line = 1;
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\n");
		const char *next = at + n + (at[n] == '\n');
		if (strncmp(at, "```", 3)) {
			at = next, line++;
			continue;
		}
		char info[128] = "";
		snprintf(info, sizeof info, "%.*s", (int)n - 3, at + 3);
		const char *end = strstr(next, "\n```");
		if (!end) {
			fail(p, line, "a fence that does not end", "");
			return;
		}
		end++;
		if (!strncmp(info, "seq", 3))
			sequence(p, line, info + 3, next, end);
		else if (!strncmp(info, "console", 7))
			console(p, line, next, end);
		for (; at < end; at++)
			line += *at == '\n';
		at = end + strcspn(end, "\n");
		at += *at == '\n', line++;
	}
}

static void link_folder(struct page *p, const char *folder)
{
	struct text target, link;
	text_init(&target);
	text_init(&link);
	text_printf(&target, "%s/%s", p->root, folder);
	text_printf(&link, "%s/%s", p->folder, folder);
	if (symlink(target.data, link.data))
		fail(p, 0, "cannot link", link.data);
	text_free(&target);
	text_free(&link);
}

static int page(const char *root, const char *name)
{
	struct page p = { .name = name, .root = root, .folder = "/tmp/precess-docs-XXXXXX" };
	char *text, command[1024];
	size_t size;
	if (file_read(&text, &size, name, 1 << 24) || !mkdtemp(p.folder)) {
		printf("%s: %s\n", name, precess_error());
		return 1;
	}
	link_folder(&p, "sequences");
	link_folder(&p, "models");
	read_page(&p, text);
	printf("%s: %d examples, %d failed\n", name, p.n, p.failed);
	snprintf(command, sizeof command, "rm -rf %s", p.folder);
	if (system(command))
		p.failed++;
	free(text);
	return p.failed != 0;
}

/* Whether a pattern is taken for what it is. */
static int self_test(void)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{ "a\n\nb\n", "a\n\nb\n", true },   { "a\n\nb\n", "a\nb\n", false },
		{ "a\nb\n", "a\n\nb\n", false },    { "a\n\n", "a\n", true },
		{ "\na\n", "a\n", false },           { "\na\n", "\na\n", true },
		{ "...\nb\n", "a\n\nb\n", true },   { "a\n...\n", "a\n\nb\n", true },
		{ "a\n...\n\nb\n", "a\nx\n\nb\n", true }, { "x ... z\n", "x y z\n", true },
		{ "a\n", "a\nb\n", false },          { "a\nb\n", "a\n", false },
	};
	int failed = 0;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		const char *p = cases[i].pattern, *end = without_blank_end(p, p + strlen(p));
		if (text_matches(p, end, cases[i].text) != cases[i].matches) {
			printf("case %zu is taken for the contrary\n", i);
			failed = 1;
		}
	}
	if (!told("x: error[E10]: y", "E10", 256) || told("x: error[E10]: y", "E10", 0) ||
	    told("x: error[E100]: y", "E10", 256) || !told("x: warning[W01]: y", "W01", 0) ||
	    told("x: warning[W01]: y", "W01", 256)) {
		printf("an error is taken for something else\n");
		failed = 1;
	}
	return failed;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--self-test"))
		return self_test();
	if (argc < 4) {
		fprintf(stderr, "usage: docs PROGRAM_FOLDER ROOT PAGE.md...\n");
		return 2;
	}
	struct text path;
	text_init(&path);
	text_printf(&path, "%s:%s", argv[1], getenv("PATH"));
	setenv("PATH", path.data, 1);
	setenv("NO_COLOR", "1", 1);
	text_free(&path);
	int failed = 0;
	for (int i = 3; i < argc; i++)
		failed += page(argv[2], argv[i]);
	return failed != 0;
}
