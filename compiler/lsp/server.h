/* The server's inside. Places of the protocol are lines and UTF-16 units; inside they are bytes. */
#ifndef COMPILER_LSP_SERVER_H
#define COMPILER_LSP_SERVER_H

#include <jansson.h>

#include "compiler/lsp/lsp.h"
#include "lang/lang.h"

/* A name that the file declares. */
struct lsp_declaration {
	const char *name;
	struct span span;
	const struct node *node; /* what declares it; a NAME for an import */
};
struct lsp_use {
	struct span span;
	uint32_t declaration;
};
struct lsp_names {
	struct lsp_declaration *declaration;
	struct lsp_use *use; /* declarations are uses, too */
	size_t n_declaration, cap_declaration, n_use, cap_use;
};

struct document {
	char *uri, *path, *text;
	size_t n;
	json_int_t version;
	bool dirty;   /* changed since it was checked */
	bool foreign; /* Pulseq's, left alone */
	struct lang *lang; /* NULL before the first check */
	struct node *tree;
	uint32_t source;
	struct elab_index index;
	struct lsp_names names;
	struct document *next;
};

struct server {
	int in, out;
	const struct lsp_options *options;
	struct document *document;
	char *buffer;
	size_t begin, end, capacity;
	bool initialized, shutdown, exit, failed;
};

/* --- message.c --- */
enum { LSP_END, LSP_MESSAGE, LSP_BROKEN };
/* The next message: LSP_MESSAGE with `*out` (new reference), LSP_BROKEN, or LSP_END. */
int message_read(json_t **out, struct server *s);
/* Is there nothing to read at this moment? */
bool message_idle(struct server *s);
void message_write(struct server *s, json_t *message); /* takes the reference */

/* --- document.c --- */
struct document *document_find(struct server *s, const char *uri);
struct document *document_open(struct server *s, const char *uri);
void document_text(struct document *d, const char *text, size_t n, json_int_t version);
void document_close(struct server *s, struct document *d);
void document_free(struct document *d);
/* Checks a changed document and publishes what was found. */
void document_check(struct server *s, struct document *d);
uint32_t document_byte(const struct document *d, const json_t *position);
json_t *document_position(const struct document *d, uint32_t byte);
json_t *document_range(const struct document *d, struct span at);
/* The word that holds or ends at `byte`. */
struct span document_word(const struct document *d, uint32_t byte);
json_t *document_edit(const struct document *d, struct span at, const char *text);

/* --- names.c --- */
/* Who is declared where, and used where, by the rules of scope; of broken files what is there. */
void names_find(struct lsp_names *out, struct lang *l, const struct node *file);
/* The declaration of the name at `byte`, or NULL. */
const struct lsp_declaration *names_at(const struct document *d, uint32_t byte);

/* --- answers: params in, result out (new reference), NULL for an internal `null` --- */
typedef json_t *lsp_answer(struct document *d, const json_t *params);
lsp_answer answer_action, answer_completion, answer_definition, answer_format, answer_highlight,
	answer_hints, answer_hover, answer_references, answer_rename, answer_signature,
	answer_symbols, answer_tokens;
json_t *tokens_legend(void);

#endif
