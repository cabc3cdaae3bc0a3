/* How long the language server takes for a change of a file of 2000 lines: to check it anew, and to
 * answer what editors ask after every change. CPU time, so that other work on the machine does not
 * count. 50 ms is what typing does not feel; with sanitizers the times are only printed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "compiler/lsp/lsp.h"

#define LINES 2000
#define CHANGES 10
#define LIMIT_MS 50.0

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Echoes with a function, a value and an anchor each; `n` makes every version another one. */
static void add_file(struct text *t, int n)
{
	text_printf(t,
		    "seq 1\nsequence large\nimport std.grads (spoiler)\n"
		    "param ESP : time in 8ms .. 15ms = 10ms\nsystem = default\n"
		    "geometry fov = 220mm, matrix = 64, slice = 5mm\n"
		    "let exc = hard(90deg, 500us, use = excitation)\nlet version = %d\n",
		    n);
	for (int line = 8, i = 0; line + 6 <= LINES; line += 6, i++)
		text_printf(t,
			    "let wait_%d = ESP * %d / 3 \"wait %d\"\n"
			    "def twice_%d(t: time, n: int = 2) -> time = t * n\nreset\n"
			    "play e_%d = exc\nplay spoiler(z, cycles = %d)\n"
			    "play adc(64, dwell = 20us, line = %d, rep = %d) "
			    "with start at e_%d.center + twice_%d(wait_%d)\n",
			    i, i % 7 + 2, i, i, i, i % 5 + 1, i % 64, i / 64, i, i, i);
}

static void add(struct text *in, json_t *m)
{
	char *s = json_dumps(m, JSON_COMPACT);
	text_printf(in, "Content-Length: %zu\r\n\r\n%s", strlen(s), s);
	free(s);
	json_decref(m);
}

static void add_change(struct text *in, int n)
{
	struct text t;
	text_init(&t);
	add_file(&t, n);
	if (n)
		add(in,
		    json_pack("{s:s, s:s, s:{s:{s:s, s:i}, s:[{s:s}]}}", "jsonrpc", "2.0", "method",
			      "textDocument/didChange", "params", "textDocument", "uri",
			      "file:///large.seq", "version", n, "contentChanges", "text", t.data));
	else
		add(in, json_pack("{s:s, s:s, s:{s:{s:s, s:i, s:s}}}", "jsonrpc", "2.0", "method",
				  "textDocument/didOpen", "params", "textDocument", "uri",
				  "file:///large.seq", "version", n, "text", t.data));
	text_free(&t);
}

static void add_request(struct text *in, const char *method)
{
	add(in,
	    json_pack("{s:s, s:i, s:s, s:{s:{s:s}, s:{s:i, s:i}, s:{s:{s:i, s:i}, s:{s:i, s:i}}}}",
		      "jsonrpc", "2.0", "id", 1, "method", method, "params", "textDocument", "uri",
		      "file:///large.seq", "position", "line", 6, "character", 5, "range", "start",
		      "line", 0, "character", 0, "end", "line", 60, "character", 0));
}

/* Seconds of the processor for a session of so many changes, each with these requests. */
static double session(int changes, const char *const *method, size_t n)
{
	struct lsp_options options = { 0 };
	struct timespec a, b;
	struct text in;
	FILE *from = tmpfile(), *to = tmpfile();
	if (!from || !to)
		exit(77);
	text_init(&in);
	add(&in, json_pack("{s:s, s:i, s:s, s:{}}", "jsonrpc", "2.0", "id", 0, "method",
			   "initialize", "params"));
	for (int i = 0; i <= changes; i++) {
		add_change(&in, i);
		for (size_t k = 0; k < n; k++)
			add_request(&in, method[k]);
	}
	fwrite(in.data, 1, in.n, from);
	rewind(from);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	lsp_run(fileno(from), fileno(to), &options);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	text_free(&in);
	fclose(from);
	fclose(to);
	return (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
}

static double milliseconds(const char *const *method, size_t n)
{
	return 1e3 * (session(CHANGES, method, n) - session(0, method, n)) / CHANGES;
}

int main(void)
{
	static const char *const methods[] = {
		"textDocument/documentHighlight", /* cheap; it makes the server check at once */
		"textDocument/semanticTokens/full", "textDocument/inlayHint",
		"textDocument/documentSymbol",      "textDocument/codeAction",
	};
	double check = milliseconds(methods, 1),
	       all = milliseconds(methods, PRECESS_COUNT(methods));
	printf("%d lines: checked again in %.1f ms, with all answers in %.1f ms (limit %.0f ms)\n",
	       LINES, check, all, LIMIT_MS);
	return !SANITIZED && check > LIMIT_MS;
}
