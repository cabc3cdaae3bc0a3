/* The server's inside. Places of the protocol are lines and UTF-16 units; inside they are bytes. */
#ifndef COMPILER_LSP_SERVER_H
#define COMPILER_LSP_SERVER_H

#include <sys/types.h>

#include <jansson.h>

#include "compiler/lsp/lsp.h"
#include "lang/lang.h"

/* A name that the file declares. */
struct lsp_declaration {
	const char *name;
	struct span span;
	const struct node *node;   /* what declares it; a NAME for an import, IMPORT for an alias */
	const struct node *import; /* of these two: the import */
	bool top;                  /* not inside a body */
};
struct lsp_use {
	struct span span;
	uint32_t declaration;
};
/* A name that another file may declare: in the module of `import`, or (NULL) of any import that
 * brings all names; with a callee, an argument of that function. */
struct lsp_foreign {
	struct span span;
	const char *name, *callee;
	const struct node *import;
};
struct lsp_names {
	struct lsp_declaration *declaration;
	struct lsp_use *use; /* declarations are uses, too */
	struct lsp_foreign *foreign;
	size_t n_declaration, cap_declaration, n_use, cap_use, n_foreign, cap_foreign;
};

struct document {
	char *uri, *path, *text;
	size_t n;
	json_int_t version;
	bool dirty;        /* changed since it was checked */
	bool foreign;      /* Pulseq's, left alone */
	struct lang *lang; /* NULL before the first check */
	struct node *tree;
	uint32_t source;
	struct elab_index index;
	struct lsp_names names;
	struct server *server;
	dev_t device; /* of a loaded one, which may be found by several paths */
	ino_t file;
	unsigned visited;          /* by the search of this number */
	struct lsp_import *import; /* what modules_of found, while `request` is the server's */
	unsigned request;
	struct document *next;
};

struct server {
	int in, out;
	const struct lsp_options *options;
	struct document *document;
	struct document *loaded; /* not open: read for the request that is being answered */
	char *root[8];           /* folders of the workspace */
	size_t n_root;
	unsigned round, request; /* of target_each; of the request that is being answered */
	const char *refusal;     /* why the request cannot be answered, in its document's arena */
	bool watches;            /* the editor tells of files that change, if asked */
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
/* One that is not in the list of open ones. */
struct document *document_new(struct server *s, const char *path);
/* The tree and the names, without elaboration. */
void document_parse(struct document *d);
/* "file:///a%20b.seq" <-> "/a b.seq"; the caller frees. */
char *document_path_of(const char *uri);
char *document_uri_of(const char *path);
/* After a change on disk or in another document: everything that imports is checked again. */
void document_stale(struct server *s, const struct document *but);
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

/* --- modules.c --- */
/* The document of an imported module, or NULL; for an import of the tree, and for any. */
struct document *modules_of(struct document *d, const struct node *import);
struct document *modules_find(struct document *d, const struct node *import);
/* An open document, or one that is loaded until modules_forget; NULL when it cannot be read. */
struct document *modules_open(struct server *s, const char *path);
void modules_forget(struct server *s);
bool modules_read_only(const struct document *d); /* extracted from a library */
void modules_options(struct elab_options *o, struct server *s);
struct elab_importer modules_importer(const struct document *d);
const char *modules_text(void *server, const char *path, size_t *n);
/* Every sequence file of the workspace (without one: of the folder of `d`), then all open ones: a
 * document may come twice. */
typedef void modules_visit(void *context, struct document *d);
void modules_each(struct document *d, modules_visit *visit, void *context);

/* --- target.c --- */
struct lsp_target {
	struct document *d;
	const struct lsp_declaration *o;
};
bool target_at(struct lsp_target *t, struct document *d, uint32_t byte);
bool target_declared(struct lsp_target *t, struct document *d, const struct lsp_declaration *o);
bool target_foreign(struct lsp_target *t, struct document *d, const struct lsp_foreign *f);
/* The import whose module's name is at `byte`, or NULL. */
const struct node *target_import(const struct document *d, uint32_t byte);
/* Every place that means the target, each once. */
typedef void lsp_place(void *context, struct document *d, struct span at);
void target_each(const struct lsp_target *t, lsp_place *place, void *context);

/* --- answer.c --- */
struct lsp_builtin {
	const char *name, *formals, *doc;
};
const struct lsp_builtin *builtin_list(size_t *n);
/* The call around `byte`: the callee's word, and how many commas lie between. */
bool call_around(const struct document *d, uint32_t byte, struct span *callee, int *argument);
/* "axis: axis, area: area?" of what is called, wherever it is declared; "" if unknown. */
const char *call_formals(struct document *d, struct span callee, const char **doc);

/* --- answers: params in, result out (new reference), NULL for an internal `null` --- */
typedef json_t *lsp_answer(struct document *d, const json_t *params);
lsp_answer answer_action, answer_completion, answer_definition, answer_format, answer_highlight,
	answer_hints, answer_hover, answer_prepare, answer_references, answer_rename,
	answer_signature, answer_symbols, answer_tokens;
json_t *tokens_legend(void);

#endif
