/* Building the tree; for the parser. All memory is the arena's. */
#ifndef LANG_TREE_H
#define LANG_TREE_H

#include "lang/lang.h"

/* A list that grows while the parser reads it. */
struct list {
	struct node **item;
	size_t n, capacity;
};

/* A number as the lexer read it; `name` is its text. */
struct literal {
	double number;
	int64_t integer;
	struct dim dim;
	const char *name;
};

struct list *list_make(struct lang *l);
/* Appends and returns the list; a NULL item is left out. */
struct list *list_add(struct lang *l, struct list *list, struct node *item);

/* A node with `n` kids (copied) followed by those of `more`, if any. */
struct node *tree_node(struct lang *l, enum node_kind kind, struct span at, struct node *const *kid,
		       size_t n, const struct list *more);
/* The same for a leaf that is a number. */
struct node *tree_literal(struct lang *l, enum node_kind kind, struct span at, struct literal v);
/* Sets the name and returns `n`. */
struct node *tree_name(struct node *n, const char *name, struct span at);

#endif
