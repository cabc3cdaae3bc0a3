/* Replays recorded sessions with the language server and compares what it answers.
 *
 *   session FILE.session...   FILE.expect is what must come out; BLESS=1 writes it
 *
 * A session has one message a line, in JSON, or
 *   open PATH       opens the file at PATH as file:///PATH, or as file://PATH where that is absolute
 *   edit PATH OLD => NEW   changes the text of an open file
 *   ask METHOD PATH TEXT   a request at the `^` in TEXT, which stands somewhere in the open file;
 *                          ` :: {...}` behind it adds parameters
 *   copy PATH FILE  copies a file of the tree
 *   build FOLDER FILE   makes a library of a folder
 *   raw TEXT        these bytes, without a header; \r and \n are written so
 *   pad N           a message of N bytes of blanks
 *   # ...           says why
 * %t is a temporary folder; modules are searched in it and in %t/lib. The whole session is in the
 * server's input when it starts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "compiler/lsp/lsp.h"

#define OFFERS 5
#define DOCUMENTS 8
#define FILE_LIMIT ((size_t)16 << 20)

static void frame(struct text *in, const char *s, size_t n)
{
	text_printf(in, "Content-Length: %zu\r\n\r\n", n);
	text_add(in, s, n);
}

static struct document {
	char uri[1024], *text;
	int version;
} documents[DOCUMENTS];
static char folder[64]; /* of %t; "": not made yet */
static int asked;

static void die(const char *why, const char *what)
{
	fprintf(stderr, "session: %s: %s\n", why, what);
	exit(2);
}

static void send(struct text *in, json_t *m)
{
	char *body = json_dumps(m, JSON_COMPACT);
	frame(in, body, strlen(body));
	free(body);
	json_decref(m);
}

/* Appends `s` with every `from` replaced. */
static void add_replaced(struct text *out, const char *s, const char *from, const char *to)
{
	for (const char *hit; (hit = strstr(s, from)); s = hit + strlen(from)) {
		text_add(out, s, (size_t)(hit - s));
		text_add(out, to, strlen(to));
	}
	text_add(out, s, strlen(s));
}

static struct document *document_of(const char *path)
{
	char uri[1024];
	size_t i = 0;
	snprintf(uri, sizeof uri, *path == '/' ? "file://%s" : "file:///%s", path);
	while (i < DOCUMENTS && *documents[i].uri && strcmp(documents[i].uri, uri))
		i++;
	if (i == DOCUMENTS)
		die("too many documents", path);
	strcpy(documents[i].uri, uri);
	return &documents[i];
}

static void add_open(struct text *in, const char *path)
{
	struct document *d = document_of(path);
	free(d->text);
	if (file_read(&d->text, NULL, path, FILE_LIMIT))
		die("no such file", path);
	d->version = 1;
	send(in, json_pack("{s:s, s:s, s:{s:{s:s, s:i, s:s}}}", "jsonrpc", "2.0", "method",
			   "textDocument/didOpen", "params", "textDocument", "uri", d->uri,
			   "version", d->version, "text", d->text));
}

/* "PATH OLD => NEW" */
static void add_edit(struct text *in, char *line)
{
	char *old = strchr(line, ' '), *new = strstr(line, " => ");
	struct text t;
	if (!old || !new)
		die("edit PATH OLD => NEW", line);
	*old++ = *new = 0;
	struct document *d = document_of(line);
	if (!d->text || !strstr(d->text, old))
		die("nowhere", old);
	text_init(&t);
	char *hit = strstr(d->text, old);
	text_add(&t, d->text, (size_t)(hit - d->text));
	text_printf(&t, "%s%s", new + 4, hit + strlen(old));
	free(d->text);
	d->text = t.data;
	send(in, json_pack("{s:s, s:s, s:{s:{s:s, s:i}, s:[{s:s}]}}", "jsonrpc", "2.0", "method",
			   "textDocument/didChange", "params", "textDocument", "uri", d->uri,
			   "version", ++d->version, "contentChanges", "text", d->text));
}

/* "METHOD PATH TE^XT :: {...}" */
static void add_ask(struct text *in, char *line)
{
	char *path = strchr(line, ' '), *text = path ? strchr(path + 1, ' ') : NULL;
	char *more = strstr(line, " :: "), *mark = text ? strchr(text, '^') : NULL, *hit;
	int row = 0, column = 0;
	if (!mark)
		die("ask METHOD PATH TE^XT", line);
	*path++ = *text++ = 0;
	if (more)
		*more = 0;
	memmove(mark, mark + 1, strlen(mark));
	struct document *d = document_of(path);
	if (!d->text || !(hit = strstr(d->text, text)))
		die("nowhere", text);
	for (const char *c = d->text; c < hit + (mark - text); c++) {
		row += *c == '\n';
		column = *c == '\n' ? 0 : column + 1;
	}
	json_t *m = json_pack("{s:s, s:i, s:s, s:{s:{s:s}, s:{s:i, s:i}}}", "jsonrpc", "2.0", "id",
			      ++asked, "method", line, "params", "textDocument", "uri", d->uri,
			      "position", "line", row, "character", column);
	json_t *extra = more ? json_loads(more + 4, 0, NULL) : NULL;
	if (extra)
		json_object_update(json_object_get(m, "params"), extra);
	json_decref(extra);
	send(in, m);
}

static void make_room(const char *path)
{
	char command[1200];
	const char *slash = strrchr(path, '/');
	snprintf(command, sizeof command, "mkdir -p '%.*s'", (int)(slash - path), path);
	if (system(command))
		die("cannot make the folder of", path);
}

static void copy(char *line)
{
	char *to = strchr(line, ' '), *s;
	size_t n;
	if (!to)
		die("copy PATH FILE", line);
	*to++ = 0;
	make_room(to);
	if (file_read(&s, &n, line, FILE_LIMIT) || file_write(to, s, n))
		die("cannot copy", line);
	free(s);
}

static void build(char *line)
{
	char *to = strchr(line, ' '), name[256];
	struct lang *l = lang_create();
	const char *const *file;
	struct library *lib;
	struct text t;
	if (!to)
		die("build FOLDER FILE", line);
	*to++ = 0;
	make_room(to);
	const char *base = strrchr(to, '/') + 1;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
	text_init(&t);
	if (library_gather(&lib, &file, l, line, name) || diag_count(l, SEVERITY_ERROR))
		die("cannot build", line);
	library_write(&t, lib);
	if (file_write(to, t.data, t.n))
		die("cannot write", to);
	text_free(&t);
	lang_free(l);
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
	} else if (!strncmp(line, "edit ", 5)) {
		add_edit(in, line + 5);
	} else if (!strncmp(line, "ask ", 4)) {
		add_ask(in, line + 4);
	} else if (!strncmp(line, "copy ", 5)) {
		copy(line + 5);
	} else if (!strncmp(line, "build ", 6)) {
		build(line + 6);
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
	char lib[80], cache[80];
	const char *const path[] = { folder, lib };
	struct lsp_options options = { .path = path, .n_path = *folder ? 2 : 0, .cache = cache };
	snprintf(lib, sizeof lib, "%s/lib", folder);
	snprintf(cache, sizeof cache, "%s/cache", folder);
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
	snprintf(expect, sizeof expect, "%.*s.expect", (int)(strlen(path) - strlen(".session")),
		 path);
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

/* %t in the session becomes the folder, and the other way in what comes out. */
static char *placed(char *session)
{
	const char *scratch = getenv("TMPDIR");
	struct text t;
	*folder = 0;
	memset(documents, 0, sizeof documents);
	asked = 0;
	if (!strstr(session, "%t"))
		return session;
	snprintf(folder, sizeof folder, "%s/precess-session-XXXXXX",
		 scratch && strlen(scratch) < 32 ? scratch : "/tmp");
	if (!mkdtemp(folder))
		die("cannot make", folder);
	text_init(&t);
	add_replaced(&t, session, "%t", folder);
	free(session);
	return t.data;
}

/* The folder is gone again; the hash of a library, which names one of the cache, is left out. */
static void cleaned(struct text *out)
{
	struct text t;
	char *s, command[128];
	if (!*folder)
		return;
	text_init(&t);
	add_replaced(&t, out->data, folder, "%t");
	for (s = t.data; (s = strstr(s, "%t/cache/")); s++)
		memcpy(s + 9, "HASH____________", 16);
	text_free(out);
	*out = t;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command))
		die("cannot remove", folder);
	for (size_t i = 0; i < DOCUMENTS; i++)
		free(documents[i].text);
}

int main(int argc, char **argv)
{
	int failed = 0;
	for (int i = 1; i < argc; i++) {
		struct text in, out;
		char *s, *line, *rest;
		if (file_read(&s, NULL, argv[i], FILE_LIMIT))
			return fprintf(stderr, "session: %s\n", precess_error()), 2;
		s = placed(s);
		text_init(&in);
		text_init(&out);
		for (rest = s; (line = strsep(&rest, "\n"));)
			add_line(&in, line);
		bool served = serve(&out, &in);
		cleaned(&out);
		if (!served)
			printf("FAIL %s: the answers are no messages\n", argv[i]), failed++;
		else if (!compare(argv[i], &out))
			failed++;
		text_free(&in);
		text_free(&out);
		free(s);
	}
	return failed ? 1 : argc > 1 ? 0 : 77;
}
