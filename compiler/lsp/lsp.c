/* The server's loop: requests to answers, changes to diagnostics. */
#include "compiler/lsp/lsp.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/lsp/server.h"

/* Error codes of JSON-RPC and the protocol. */
enum {
	PARSE_ERROR = -32700,
	INVALID_REQUEST = -32600,
	METHOD_NOT_FOUND = -32601,
	INVALID_PARAMS = -32602,
	NOT_INITIALIZED = -32002,
	REQUEST_FAILED = -32803
};

static const struct {
	const char *method;
	lsp_answer *answer;
} answers[] = {
	{ "textDocument/codeAction", answer_action },
	{ "textDocument/completion", answer_completion },
	{ "textDocument/definition", answer_definition },
	{ "textDocument/documentHighlight", answer_highlight },
	{ "textDocument/documentSymbol", answer_symbols },
	{ "textDocument/formatting", answer_format },
	{ "textDocument/hover", answer_hover },
	{ "textDocument/inlayHint", answer_hints },
	{ "textDocument/prepareRename", answer_prepare },
	{ "textDocument/references", answer_references },
	{ "textDocument/rename", answer_rename },
	{ "textDocument/semanticTokens/full", answer_tokens },
	{ "textDocument/signatureHelp", answer_signature },
};

static void reply(struct server *s, const json_t *id, json_t *result)
{
	json_t *m = json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
	if (m)
		message_write(s, m);
}

static void reply_error(struct server *s, const json_t *id, int code, const char *text)
{
	json_t *m = json_pack("{s:s, s:o, s:{s:i, s:s}}", "jsonrpc", "2.0", "id",
			      id ? json_incref((json_t *)id) : json_null(), "error", "code", code,
			      "message", text);
	if (m)
		message_write(s, m);
}

static json_t *capabilities(void)
{
	return json_pack(
		"{s:{s:i, s:b, s:b, s:b, s:b, s:{s:b}, s:b, s:b, s:b, s:b, s:{s:[s,s,s]}, "
		"s:{s:[s,s]},"
		" s:{s:o, s:b}}, s:{s:s, s:s}}",
		"capabilities", "textDocumentSync", 1, "hoverProvider", 1, "definitionProvider", 1,
		"referencesProvider", 1, "documentHighlightProvider", 1, "renameProvider",
		"prepareProvider", 1, "documentSymbolProvider", 1, "documentFormattingProvider", 1,
		"codeActionProvider", 1, "inlayHintProvider", 1, "completionProvider",
		"triggerCharacters", ".", "(", ",", "signatureHelpProvider", "triggerCharacters",
		"(", ",", "semanticTokensProvider", "legend", tokens_legend(), "full", 1,
		"serverInfo", "name", "precess", "version", PRECESS_VERSION);
}

static const char *uri_of(const json_t *params)
{
	return json_string_value(json_object_get(json_object_get(params, "textDocument"), "uri"));
}

static void check_all(struct server *s)
{
	for (struct document *d = s->document; d; d = d->next)
		document_check(s, d);
}

/* The text of a didOpen or of the last change of a didChange. */
static void change(struct server *s, const json_t *params, bool open)
{
	const json_t *document = json_object_get(params, "textDocument"), *holder = document;
	const char *uri = uri_of(params);
	if (!open) {
		const json_t *list = json_object_get(params, "contentChanges");
		holder = json_array_get(list, json_array_size(list) - 1);
	}
	const json_t *text = json_object_get(holder, "text");
	struct document *d = document_find(s, uri);
	if (!uri || !json_is_string(text) || (!open && (!d || json_object_get(holder, "range"))))
		return;
	d = document_open(s, uri);
	if (!d->tree || d->tree->kind == NODE_MODULE) /* nobody imports a sequence */
		document_stale(s, d);
	document_text(d, json_string_value(text), json_string_length(text),
		      json_integer_value(json_object_get(document, "version")));
}

/* Folders whose files may use what is renamed. */
static void workspace(struct server *s, const json_t *params)
{
	const json_t *list = json_object_get(params, "workspaceFolders");
	const json_t *files = json_object_get(
		json_object_get(json_object_get(params, "capabilities"), "workspace"),
		"didChangeWatchedFiles");
	s->watches = json_is_true(json_object_get(files, "dynamicRegistration"));
	for (size_t i = 0; i < json_array_size(list) && s->n_root < PRECESS_COUNT(s->root); i++) {
		const char *uri =
			json_string_value(json_object_get(json_array_get(list, i), "uri"));
		if (uri)
			s->root[s->n_root++] = document_path_of(uri);
	}
	const char *uri = json_string_value(json_object_get(params, "rootUri"));
	if (!s->n_root && uri)
		s->root[s->n_root++] = document_path_of(uri);
}

/* Asks to be told of modules and libraries that change without being open. */
static void watch(struct server *s)
{
	if (s->watches)
		message_write(s, json_pack("{s:s, s:s, s:s, s:{s:[{s:s, s:s, s:{s:[{s:s}]}}]}}",
					   "jsonrpc", "2.0", "id", "watch", "method",
					   "client/registerCapability", "params", "registrations",
					   "id", "watch", "method",
					   "workspace/didChangeWatchedFiles", "registerOptions",
					   "watchers", "globPattern", "**/*.{seq,seqlib}"));
}

static void notify(struct server *s, const char *method, const json_t *params)
{
	struct document *d;
	if (!strcmp(method, "exit")) {
		s->exit = true;
	} else if (!strcmp(method, "initialized")) {
		watch(s);
	} else if (!strcmp(method, "workspace/didChangeWatchedFiles")) {
		document_stale(s, NULL);
	} else if (!strcmp(method, "textDocument/didOpen")) {
		change(s, params, true);
	} else if (!strcmp(method, "textDocument/didChange")) {
		change(s, params, false);
	} else if (!strcmp(method, "textDocument/didClose")) {
		d = document_find(s, uri_of(params));
		if (d) {
			document_close(s, d);
			document_stale(s, NULL); /* others see the file on disk again */
		}
	}
}

static void answer(struct server *s, const json_t *id, struct document *d, lsp_answer *f,
		   const json_t *params)
{
	s->refusal = NULL;
	s->request++;
	json_t *result = d->tree ? f(d, params) : NULL;
	if (s->refusal) {
		json_decref(result);
		reply_error(s, id, REQUEST_FAILED, s->refusal);
	} else {
		reply(s, id, result ? result : json_null());
	}
	modules_forget(s);
	s->request++; /* what was found of modules is gone */
}

static void request(struct server *s, const json_t *id, const char *method, const json_t *params)
{
	if (!strcmp(method, "initialize")) {
		s->initialized = true;
		workspace(s, params);
		reply(s, id, capabilities());
		return;
	}
	if (!s->initialized || s->shutdown) {
		reply_error(s, id, s->shutdown ? INVALID_REQUEST : NOT_INITIALIZED,
			    s->shutdown ? "the server is shut down" : "`initialize` comes first");
		return;
	}
	if (!strcmp(method, "shutdown")) {
		s->shutdown = true;
		reply(s, id, json_null());
		return;
	}
	for (size_t i = 0; i < PRECESS_COUNT(answers); i++) {
		if (strcmp(answers[i].method, method))
			continue;
		struct document *d = document_find(s, uri_of(params));
		if (!d) {
			reply_error(s, id, INVALID_PARAMS, "this document is not open");
			return;
		}
		document_check(s, d);
		answer(s, id, d, answers[i].answer, params);
		return;
	}
	reply_error(s, id, METHOD_NOT_FOUND, "no such request");
}

static void dispatch(struct server *s, const json_t *m)
{
	const json_t *id = json_object_get(m, "id");
	const char *method = json_string_value(json_object_get(m, "method"));
	const json_t *params = json_object_get(m, "params");
	bool known = !id || json_is_integer(id) || json_is_string(id);
	if (!json_is_object(m) || !known)
		reply_error(s, NULL, INVALID_REQUEST, "not a request");
	else if (method && id)
		request(s, id, method, params);
	else if (method)
		notify(s, method, params);
	else if (!json_object_get(m, "result") && !json_object_get(m, "error"))
		reply_error(s, id, INVALID_REQUEST, "a request has a method");
}

bool lsp_run(int in, int out, const struct lsp_options *options)
{
	struct server s = { .in = in, .out = out, .options = options };
	while (!s.exit && !s.failed) {
		json_t *m;
		if (message_idle(&s))
			check_all(&s);
		int got = message_read(&m, &s);
		if (got == LSP_END)
			break;
		if (got == LSP_BROKEN)
			reply_error(&s, NULL, PARSE_ERROR, "this is not a message");
		else
			dispatch(&s, m);
		json_decref(m);
	}
	if (!s.failed && !s.exit)
		check_all(&s);
	while (s.document) {
		struct document *d = s.document;
		s.document = d->next;
		document_free(d);
	}
	while (s.n_root)
		free(s.root[--s.n_root]);
	free(s.buffer);
	return s.shutdown;
}
