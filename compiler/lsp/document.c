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
	return c >= '0' && c <= '9'                 ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : -1;
}

char *document_path_of(const char *uri)
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

char *document_uri_of(const char *path)
{
	struct text t;
	text_init(&t);
	text_printf(&t, "file://");
	for (const char *c = path; *c; c++)
		if ((*c | 32) >= 'a' && (*c | 32) <= 'z')
			text_add(&t, c, 1);
		else if (strchr("0123456789/-._~", *c))
			text_add(&t, c, 1);
		else
			text_printf(&t, "%%%02X", (unsigned char)*c);
	return t.data;
}

struct document *document_new(struct server *s, const char *path)
{
	struct document *d = calloc(1, sizeof *d);
	if (!d || !(d->path = strdup(path)))
		abort();
	d->uri = document_uri_of(path);
	d->server = s;
	return d;
}

struct document *document_open(struct server *s, const char *uri)
{
	struct document *d = document_find(s, uri);
	if (d)
		return d;
	d = calloc(1, sizeof *d);
	if (!d || !(d->uri = strdup(uri)))
		abort();
	d->path = document_path_of(uri);
	d->server = s;
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

static json_t *position(const struct lang *l, uint32_t source, uint32_t byte)
{
	int line, column, units = 0;
	size_t n;
	const char *s = lang_source_text(l, source, &n);
	if (byte > n)
		byte = (uint32_t)n;
	lang_place(l, source, byte, &line, &column);
	uint32_t from = byte;
	while (from > 0 && s[from - 1] != '\n')
		from--;
	for (; from < byte; from++) {
		unsigned char c = (unsigned char)s[from];
		units += c >= 0xf0 ? 2 : (c & 0xc0) != 0x80;
	}
	return json_pack("{s:i, s:i}", "line", line - 1, "character", units);
}

json_t *document_position(const struct document *d, uint32_t byte)
{
	return position(d->lang, d->source, byte);
}

json_t *document_range(const struct document *d, struct span at)
{
	return json_pack("{s:o, s:o}", "start", position(d->lang, at.source, at.begin), "end",
			 position(d->lang, at.source, at.end));
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
/* Is the place in a file? One inside a library has no address before it is asked for. */
static bool is_file(const struct document *d, struct span at)
{
	if (at.source == UINT32_MAX)
		return false;
	return at.source == d->source || *lang_source_path(d->lang, at.source) == '/';
}

/* Notes that point into files; the others go into the text. */
static json_t *related(const struct document *d, const struct diag *g)
{
	json_t *list = json_array();
	for (int i = 0; i < g->n_note; i++) {
		const struct diag_note *n = &g->note[i];
		if (!is_file(d, n->span))
			continue;
		bool own = n->span.source == d->source;
		char *uri = own ? strdup(d->uri)
				: document_uri_of(lang_source_path(d->lang, n->span.source));
		json_array_append_new(list, json_pack("{s:{s:s, s:o}, s:s}", "location", "uri", uri,
						      "range", document_range(d, n->span),
						      "message", n->text));
		free(uri);
	}
	return list;
}

/* Where a mistake of another file shows here: at the import of that file, or at the first one. */
static struct span import_of(const struct document *d, uint32_t source)
{
	struct elab_options o = { 0 };
	struct elab_importer from = modules_importer(d);
	struct span first = { d->source, 0, 0 };
	modules_options(&o, d->server);
	for (uint32_t i = 0; d->tree && i < d->tree->n_kid; i++) {
		const struct node *n = d->tree->kid[i];
		struct elab_place place;
		if (n->kind != NODE_IMPORT)
			continue;
		elab_locate(&place, d->lang, &o, &from, n->name);
		if (place.path && !strcmp(place.path, lang_source_path(d->lang, source)))
			return n->name_span;
		if (!first.end)
			first = n->name_span;
	}
	return first;
}

static json_t *diagnostic(const struct document *d, const struct diag *g)
{
	bool own = g->span.source == d->source;
	struct span at = own ? g->span : import_of(d, g->span.source);
	struct text t;
	text_init(&t);
	if (!own) {
		int line, column;
		lang_place(d->lang, g->span.source, g->span.begin, &line, &column);
		text_printf(&t, "%s:%d:%d: ", lang_source_path(d->lang, g->span.source), line,
			    column);
	}
	text_printf(&t, "%s", g->text);
	for (int i = 0; i < g->n_note; i++)
		if (!is_file(d, g->note[i].span))
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

void document_stale(struct server *s, const struct document *but)
{
	for (struct document *d = s->document; d; d = d->next)
		for (uint32_t i = 0; d != but && d->tree && i < d->tree->n_kid; i++)
			d->dirty |= d->tree->kid[i]->kind == NODE_IMPORT;
}

void document_parse(struct document *d)
{
	d->dirty = false;
	lang_free(d->lang);
	d->lang = lang_create();
	d->index = (struct elab_index){ 0 };
	d->names = (struct lsp_names){ 0 };
	d->import = NULL;
	d->source = 0; /* the first file of a compilation */
	d->tree = lang_parse(d->lang, d->path, d->text, d->n);
	if (d->tree)
		names_find(&d->names, d->lang, d->tree);
}

void document_check(struct server *s, struct document *d)
{
	if (!d->dirty)
		return;
	struct elab_options o = { .index = &d->index };
	enum lang_kind kind = lang_sniff(d->text, d->n);
	d->foreign = kind == LANG_PULSEQ_TEXT || kind == LANG_PULSEQ_BINARY;
	document_parse(d);
	modules_options(&o, s);
	if (d->tree)
		ir_free(elab(d->lang, d->tree, &o));
	json_t *list = json_array();
	for (size_t i = 0; i < diag_n(d->lang) && !d->foreign; i++)
		json_array_append_new(list, diagnostic(d, diag_get(d->lang, i)));
	publish(s, d, list);
}
