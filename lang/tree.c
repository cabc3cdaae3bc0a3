/* Constructors and the printed form of the tree. */
#include "lang/tree.h"
#include "lang/state.h"

#include <string.h>

const char *node_kind_name(enum node_kind k)
{
	static const char *const name[] = {
#define NODE(kind, meaning) #kind,
#include "lang/nodes.def"
#undef NODE
	};
	return (unsigned)k < NODE_KINDS ? name[k] : "?";
}

struct list *list_make(struct lang *l)
{
	return arena_alloc(l->arena, sizeof(struct list));
}

struct list *list_add(struct lang *l, struct list *list, struct node *item)
{
	if (!item)
		return list;
	list->item = lang_grow(l, list->item, list->n, &list->capacity, sizeof *list->item);
	list->item[list->n++] = item;
	return list;
}

struct node *tree_node(struct lang *l, enum node_kind kind, struct span at, struct node *const *kid,
		       size_t n, const struct list *more)
{
	struct node *node = arena_alloc(l->arena, sizeof *node);
	size_t n_more = more ? more->n : 0;
	node->kind = kind;
	node->span = at;
	node->name_span = at;
	node->n_kid = (uint32_t)(n + n_more);
	node->kid = arena_alloc(l->arena, (n + n_more + 1) * sizeof *node->kid);
	if (n)
		memcpy(node->kid, kid, n * sizeof *kid);
	if (n_more)
		memcpy(node->kid + n, more->item, n_more * sizeof *kid);
	for (uint32_t i = 0; i < node->n_kid; i++) {
		if (node->kid[i] && node->kid[i]->depth > node->depth)
			node->depth = node->kid[i]->depth;
	}
	node->depth++;
	return node;
}

struct node *tree_literal(struct lang *l, enum node_kind kind, struct span at, struct literal v)
{
	struct node *node = tree_node(l, kind, at, NULL, 0, NULL);
	node->number = v.number;
	node->integer = v.integer;
	node->dim = v.dim;
	node->name = v.name;
	return node;
}

struct node *tree_name(struct node *n, const char *name, struct span at)
{
	n->name = name;
	n->name_span = at;
	return n;
}

/* --- printing --- */

static void print_quoted(struct text *out, const char *s)
{
	text_add(out, " \"", 2);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			text_add(out, "\\", 1);
		text_add(out, s, 1);
	}
	text_add(out, "\"", 1);
}

static void print_attributes(struct text *out, const struct node *n)
{
	char number[32];
	if (n->name && n->kind == NODE_TEXT)
		print_quoted(out, n->name);
	else if (n->name)
		text_printf(out, " %s", n->name);
	if (n->kind == NODE_INT || n->kind == NODE_FILE || n->kind == NODE_MODULE ||
	    (n->kind == NODE_IMPORT && n->integer))
		text_printf(out, " %lld", (long long)n->integer);
	if (n->kind == NODE_BOOL)
		text_printf(out, " %s", n->integer ? "true" : "false");
	if (n->kind == NODE_RANGE)
		text_printf(out, " %s", n->integer ? "..<" : "..");
	if (n->kind == NODE_TYPE && n->integer)
		text_add(out, " []", 3);
	if (n->kind == NODE_NUMBER || (n->kind == NODE_MODULE && n->number))
		text_printf(out, " %s", text_double(number, n->number));
	if (n->doc)
		print_quoted(out, n->doc);
}

static void print(struct text *out, const struct node *n, int indent)
{
	text_printf(out, "%*s", indent, "");
	if (!n) {
		text_add(out, "-", 1);
		return;
	}
	text_add(out, "(", 1);
	for (const char *k = node_kind_name(n->kind); *k; k++)
		text_printf(out, "%c", *k - 'A' + 'a');
	print_attributes(out, n);
	for (uint32_t i = 0; i < n->n_kid; i++) {
		text_add(out, "\n", 1);
		print(out, n->kid[i], indent + 2);
	}
	text_add(out, ")", 1);
}

void node_print(struct text *out, const struct node *n)
{
	print(out, n, 0);
	text_add(out, "\n", 1);
}
