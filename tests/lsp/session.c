/* Replays recorded sessions with the language server and compares what it answers.
 *
 *   session FILE.session...   FILE.expect is what must come out; BLESS=1 writes it
 *
 * A session has one message a line, in JSON, or
 *   open PATH       opens the file at PATH as file:///PATH
 *   raw TEXT        these bytes, without a header; \r and \n are written so
 *   pad N           a message of N bytes of blanks
 *   # ...           says why
 * The whole session is in the server's input when it starts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "compiler/lsp/lsp.h"

#define OFFERS 5
#define FILE_LIMIT ((size_t)16 << 20)

static void frame(struct text *in, const char *s, size_t n)
{
	text_printf(in, "Content-Length: %zu\r\n\r\n", n);
	text_add(in, s, n);
}

static void add_open(struct text *in, const char *path)
{
	char *s, uri[1024];
	if (file_read(&s, NULL, path, FILE_LIMIT))
		exit((fprintf(stderr, "session: %s\n", precess_error()), 2));
	snprintf(uri, sizeof uri, "file:///%s", path);
	json_t *m = json_pack("{s:s, s:s, s:{s:{s:s, s:i, s:s}}}", "jsonrpc", "2.0", "method",
			      "textDocument/didOpen", "params", "textDocument", "uri", uri,
			      "version", 1, "text", s);
	char *body = json_dumps(m, JSON_COMPACT);
	frame(in, body, strlen(body));
	free(body);
	json_decref(m);
	free(s);
}

static void add_raw(struct text *in, const char *s)
{
	for (; *s; s++) {
		bool escape = s[0] == '\\' && (s[1] == 'r' || s[1] == 'n');
		text_add(in, escape ? s[1] == 'r' ? "\r" : "\n" : s, 1);
		s += escape;
	}
}

static void add_line(struct text *in, char *line)
{
	if (!strncmp(line, "open ", 5)) {
		add_open(in, line + 5);
	} else if (!strncmp(line, "raw ", 4)) {
		add_raw(in, line + 4);
	} else if (!strncmp(line, "pad ", 4)) {
		int n = atoi(line + 4);
		text_printf(in, "Content-Length: %d\r\n\r\n%*s", n, n, "");
	} else if (*line && *line != '#') {
		frame(in, line, strlen(line));
	}
}

/* Of a list of offers the beginning: the rest are the language's words, and grow with it. */
static void clip(json_t *message)
{
	json_t *items = json_object_get(json_object_get(message, "result"), "items");
	while (json_array_size(items) > OFFERS)
		json_array_remove(items, json_array_size(items) - 1);
}

/* Answers, one JSON value a paragraph. */
static bool unframe(struct text *out, const char *s, size_t n)
{
	while (n) {
		char *end;
		size_t length = strncmp(s, "Content-Length: ", 16) ? 0 : strtoul(s + 16, &end, 10);
		if (!length || strncmp(end, "\r\n\r\n", 4) || length > n - (size_t)(end + 4 - s))
			return false;
		json_t *m = json_loadb(end + 4, length, 0, NULL);
		clip(m);
		char *body = m ? json_dumps(m, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
		if (!body)
			return false;
		text_printf(out, "%s\n", body);
		free(body);
		json_decref(m);
		n -= (size_t)(end + 4 - s) + length;
		s = end + 4 + length;
	}
	return true;
}

static bool serve(struct text *out, const struct text *in)
{
	struct lsp_options options = { 0 };
	FILE *from = tmpfile(), *to = tmpfile();
	char *s;
	if (!from || !to)
		return false;
	fwrite(in->data, 1, in->n, from);
	fflush(from);
	lseek(fileno(from), 0, SEEK_SET);
	bool clean = lsp_run(fileno(from), fileno(to), &options);
	size_t n = (size_t)lseek(fileno(to), 0, SEEK_END);
	s = malloc(n + 1);
	bool ok = s && pread(fileno(to), s, n, 0) == (ssize_t)n;
	if (ok) {
		s[n] = 0;
		ok = unframe(out, s, n);
	}
	text_printf(out, "%s\n", clean ? "shut down" : "not shut down");
	free(s);
	fclose(from);
	fclose(to);
	return ok;
}

static bool compare(const char *path, const struct text *got)
{
	char expect[1024], *want;
	const char *wish = getenv("BLESS");
	snprintf(expect, sizeof expect, "%.*s.expect", (int)(strlen(path) - strlen(".session")), path);
	if (wish && !strcmp(wish, "1"))
		return file_write(expect, got->data, got->n) == PRECESS_OK;
	if (file_read(&want, NULL, expect, FILE_LIMIT)) {
		printf("FAIL %s: no %s (BLESS=1 writes it)\n", path, expect);
		return false;
	}
	size_t i = 0, line = 1;
	while (want[i] && want[i] == got->data[i])
		line += want[i++] == '\n';
	bool same = want[i] == got->data[i];
	if (same)
		printf("ok   %s\n", path);
	else
		printf("FAIL %s: differs in line %zu of %s; it came out:\n%.2000s\n", path, line,
		       expect, got->data + (i > 200 ? i - 200 : 0));
	free(want);
	return same;
}

int main(int argc, char **argv)
{
	int failed = 0;
	for (int i = 1; i < argc; i++) {
		struct text in, out;
		char *s, *line, *rest;
		if (file_read(&s, NULL, argv[i], FILE_LIMIT))
			return fprintf(stderr, "session: %s\n", precess_error()), 2;
		text_init(&in);
		text_init(&out);
		for (rest = s; (line = strsep(&rest, "\n"));)
			add_line(&in, line);
		if (!serve(&out, &in))
			printf("FAIL %s: the answers are no messages\n", argv[i]), failed++;
		else if (!compare(argv[i], &out))
			failed++;
		text_free(&in);
		text_free(&out);
		free(s);
	}
	return failed ? 1 : argc > 1 ? 0 : 77;
}
