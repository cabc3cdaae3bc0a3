/* Open files: their text, places in it, and what the compiler says about them. */
#include <stdlib.h>
#include <string.h>

#include "compiler/lsp/server.h"

struct document *document_find(struct server *s, const char *uri)
{
	struct document *d = s->document;
	while (d && (!uri || strcmp(d->uri, uri)))
		d = d->next;
	return d;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
										 : -1;
}

/* "file:///a%20b.seq" -> "/a b.seq": where modules are looked for. */
static char *path_of(const char *uri)
{
	size_t n = 0;
	if (!strncmp(uri, "file://", 7))
		uri += 7;
	char *path = malloc(strlen(uri) + 1);
	if (!path)
		abort();
	for (; *uri; uri++) {
		if (*uri == '%' && hex(uri[1]) >= 0 && hex(uri[2]) >= 0) {
			path[n++] = (char)(16 * hex(uri[1]) + hex(uri[2]));
			uri += 2;
		} else {
			path[n++] = *uri;
		}
	}
	path[n] = 0;
	return path;
}

struct document *document_open(struct server *s, const char *uri)
{
	struct document *d = document_find(s, uri);
	if (d)
		return d;
	d = calloc(1, sizeof *d);
	if (!d || !(d->uri = strdup(uri)))
		abort();
	d->path = path_of(uri);
	d->next = s->document;
	return s->document = d;
}

void document_text(struct document *d, const char *text, size_t n, json_int_t version)
{
	char *copy = malloc(n + 1);
	if (!copy)
		abort();
	memcpy(copy, text, n);
	copy[n] = 0;
	free(d->text);
	d->text = copy;
	d->n = n;
	d->version = version;
	d->dirty = true;
}

void document_free(struct document *d)
{
	lang_free(d->lang);
	free(d->uri);
	free(d->path);
	free(d->text);
	free(d);
}

static void publish(struct server *s, const struct document *d, json_t *list)
{
	message_write(s, json_pack("{s:s, s:s, s:{s:s, s:I, s:o}}", "jsonrpc", "2.0", "method",
				   "textDocument/publishDiagnostics", "params", "uri", d->uri,
				   "version", d->version, "diagnostics", list));
}

void document_close(struct server *s, struct document *d)
{
	struct document **at = &s->document;
	publish(s, d, json_array());
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	document_free(d);
}

/* ------------------------------------------------------------------ places */
uint32_t document_byte(const struct document *d, const json_t *position)
{
	json_int_t line = json_integer_value(json_object_get(position, "line"));
	json_int_t units = json_integer_value(json_object_get(position, "character"));
	size_t n;
	const char *s = lang_source_text(d->lang, d->source, &n), *p = s, *end = s + n;
	while (line-- > 0) {
		const char *next = memchr(p, '\n', (size_t)(end - p));
		if (!next)
			return (uint32_t)n;
		p = next + 1;
	}
	while (p < end && *p != '\n' && units > 0) {
		unsigned char c = (unsigned char)*p++;
		units -= c >= 0xf0 ? 2 : 1;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
	}
	return (uint32_t)(p - s);
}

json_t *document_position(const struct document *d, uint32_t byte)
{
	int line, column, units = 0;
	size_t n;
	const char *s = lang_source_text(d->lang, d->source, &n);
	if (byte > n)
		byte = (uint32_t)n;
	lang_place(d->lang, d->source, byte, &line, &column);
	uint32_t from = byte;
	while (from > 0 && s[from - 1] != '\n')
		from--;
	for (; from < byte; from++) {
		unsigned char c = (unsigned char)s[from];
		units += c >= 0xf0 ? 2 : (c & 0xc0) != 0x80;
	}
	return json_pack("{s:i, s:i}", "line", line - 1, "character", units);
}

json_t *document_range(const struct document *d, struct span at)
{
	return json_pack("{s:o, s:o}", "start", document_position(d, at.begin), "end",
			 document_position(d, at.end));
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

struct span document_word(const struct document *d, uint32_t byte)
{
	size_t n;
	const char *s = lang_source_text(d->lang, d->source, &n);
	struct span w = { d->source, byte, byte };
	while (w.begin > 0 && is_word(s[w.begin - 1]))
		w.begin--;
	while (w.end < n && is_word(s[w.end]))
		w.end++;
	return w;
}

json_t *document_edit(const struct document *d, struct span at, const char *text)
{
	return json_pack("{s:o, s:s}", "range", document_range(d, at), "newText", text);
}

/* ------------------------------------------------------------------ diagnostics */
/* Notes that point into this file; those of others go into the text. */
static json_t *related(const struct document *d, const struct diag *g)
{
	json_t *list = json_array();
	for (int i = 0; i < g->n_note; i++) {
		const struct diag_note *n = &g->note[i];
		if (n->span.source == d->source)
			json_array_append_new(
				list, json_pack("{s:{s:s, s:o}, s:s}", "location", "uri", d->uri,
						"range", document_range(d, n->span), "message",
						n->text));
	}
	return list;
}

static json_t *diagnostic(const struct document *d, const struct diag *g)
{
	struct span at = g->span.source == d->source ? g->span : (struct span){ d->source, 0, 0 };
	struct text t;
	text_init(&t);
	text_printf(&t, "%s", g->text);
	for (int i = 0; i < g->n_note; i++)
		if (g->note[i].span.source != d->source)
			text_printf(&t, "\n%s", g->note[i].text);
	if (g->help)
		text_printf(&t, "\nhelp: %s", g->help);
	json_t *j = json_pack("{s:o, s:i, s:s, s:s, s:o}", "range", document_range(d, at),
			      "severity", g->severity == SEVERITY_ERROR ? 1 : 2, "code", g->id,
			      "source", "precess", "relatedInformation", related(d, g));
	json_t *message = json_string(t.data); /* NULL: quotes text that is no UTF-8 */
	json_object_set_new(j, "message", message ? message : json_string(g->id));
	text_free(&t);
	return j;
}

static void check(struct server *s, struct document *d)
{
	struct elab_options o = { .path = s->options->path, .n_path = s->options->n_path,
				  .reader = s->options->reader, .index = &d->index };
	lang_free(d->lang);
	d->lang = lang_create();
	d->index = (struct elab_index){ 0 };
	d->names = (struct lsp_names){ 0 };
	d->source = 0; /* the first file of a compilation */
	d->tree = lang_parse(d->lang, d->path, d->text, d->n);
	if (d->tree) {
		names_find(&d->names, d->lang, d->tree);
		ir_free(elab(d->lang, d->tree, &o));
	}
}

void document_check(struct server *s, struct document *d)
{
	if (!d->dirty)
		return;
	d->dirty = false;
	enum lang_kind kind = lang_sniff(d->text, d->n);
	d->foreign = kind == LANG_PULSEQ_TEXT || kind == LANG_PULSEQ_BINARY;
	check(s, d);
	json_t *list = json_array();
	for (size_t i = 0; i < diag_n(d->lang) && !d->foreign; i++)
		json_array_append_new(list, diagnostic(d, diag_get(d->lang, i)));
	publish(s, d, list);
}
