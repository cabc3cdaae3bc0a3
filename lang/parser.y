/* The grammar, LALR(1) without conflicts. Actions only build nodes (tree.h); what the kids of each
 * kind are stands in nodes.def. Recovery is `error NL` in lists of statements and nowhere else:
 * filter.c promises an NL at the end of every statement, and a rule such as '(' error ')' would
 * skip over later errors. */
%require "3.8"
%define api.pure full
%define api.prefix {precess_yy}
%define api.location.type {struct span}
%define api.token.prefix {TOK_}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {struct parse *p}

%code requires {
#include "lang/parse.h"
}

%union {
	struct literal literal;
	const char *name;
	int64_t number;
	struct node *node;
	struct list *list;
}

%code provides {
/* Kinds of tokens lie between these; see struct expected. */
#define TOK_FIRST TOK_NL
#define TOK_LAST TOK_BADNEST
}

%code {
#include <string.h>

static int precess_yylex(YYSTYPE *v, YYLTYPE *at, struct parse *p);
static void precess_yyerror(const YYLTYPE *at, struct parse *p, const char *text);
static struct node *build(struct parse *p, enum node_kind kind, struct span at,
                          struct node *const *kid, size_t n, const struct list *more);
static struct node *broken(struct parse *p, struct span at);
static struct node *body(struct parse *p, struct span at, struct list *items);
static struct node *param(struct parse *p, struct node *n);
static struct node *flag(struct node *n, int64_t value);
static struct node *scaled(struct node *array, struct literal unit);
static struct node *documented(struct node *n, const char *doc);
static struct node *declared(struct parse *p, struct node *n, const char *name, struct span at);
static const char *join(struct parse *p, const char *path, const char *name);
static bool version(struct parse *p, int64_t number, struct span at);

/* NODE_AND(list, kind, at, kids...): the kids, then those of the list. */
#define NODE_AND(list, kind, at, ...)                                                            \
	build(p, NODE_##kind, at, (struct node *[]){ __VA_ARGS__ },                               \
	      sizeof((struct node *[]){ __VA_ARGS__ }) / sizeof(struct node *), list)
#define NODE(kind, at, ...) NODE_AND(NULL, kind, at, __VA_ARGS__)
#define NODE_OF(list, kind, at) build(p, NODE_##kind, at, NULL, 0, list)
#define LEAF(kind, at) NODE_OF(NULL, kind, at)

#define YYLLOC_DEFAULT(cur, rhs, n)                                                               \
	do {                                                                                      \
		(cur) = YYRHSLOC(rhs, (n) ? 1 : 0);                                               \
		(cur).end = YYRHSLOC(rhs, n).end;                                                 \
		if (!(n))                                                                         \
			(cur).begin = (cur).end;                                                  \
	} while (0)
}

%initial-action { @$ = (struct span){ p->source, 0, 0 }; }

%token END 0 "end of file"
%token NL "end of line"
%token SEQ "`seq`" SEQUENCE "`sequence`" MODULE "`module`" IMPORT "`import`" AS "`as`"
%token PARAM "`param`" CONST "`const`" LET "`let`" MAP "`map`" GEOMETRY "`geometry`"
%token SYSTEM "`system`" REQUIRE "`require`" DEF "`def`" BLOCK "`block`" RETURN "`return`"
%token PLAY "`play`" WITH "`with`" AT "`at`" FOR "`for`" IN "`in`" IF "`if`" ELSE "`else`"
%token RESET "`reset`" DELAY "`delay`" MARK "`mark`" AND "`and`" OR "`or`" NOT "`not`"
%token TRUE "`true`" FALSE "`false`" STEP "`step`"
%token TO "`..`" UNTIL "`..<`" ARROW "`->`" ASSIGN "`=`"
%token EQ "`==`" NE "`!=`" LE "`<=`" GE "`>=`" LT "`<`" GT "`>`"
%token PLUS "`+`" MINUS "`-`" STAR "`*`" SLASH "`/`" PERCENT "`%`" CARET "`^`"
%token AMPERSAND "`&`" SHIFT "`@`" QUESTION "`?`" COLON "`:`" COMMA "`,`" DOT "`.`"
%token LPAREN "`(`" RPAREN "`)`" LBRACKET "`[`" RBRACKET "`]`" LBRACE "`{`" RBRACE "`}`"
%token <name> TEXT "a text" NAME "a name"
%token <literal> INT "a whole number" NUMBER "a number" QUANTITY "a number with a unit"
%token <literal> RBRACKET_UNIT "`]` with a unit"
/* Wrong by themselves and reported already; BAD stands for those that fit nowhere. */
%token BADUNIT "an unknown unit" BADUNIT_ARRAY "`]` with an unknown unit"
%token TOOLARGE "a number that is too large"
%token BAD "something unknown" BADCHAR BADTEXT BADNEST

%right QUESTION
%left OR
%left AND
%precedence NOT
%nonassoc EQ NE LE GE LT GT
%left AMPERSAND
%left SHIFT
%left PLUS MINUS
%left STAR SLASH PERCENT
%precedence NEGATE
%right CARET
%precedence DOT LPAREN LBRACKET

%type <node> item declaration statement simple compound if import param_range default step
%type <node> type type_opt body formal setting with range expr arg name_node
%type <list> items names settings formals formal_list args arg_list elements element_list
%type <name> path doc
%type <number> release

%%

file: version header items ;

version: SEQ INT NL { if (!version(p, $2.integer, @2)) YYABORT; }
       | SEQ INT error NL { yyerrok; if (!version(p, $2.integer, @2)) YYABORT; } ;

header: SEQUENCE NAME doc NL { p->kind = NODE_FILE; p->name = $2; p->name_span = @2; p->doc = $3; }
      | MODULE path release doc NL
	{ p->kind = NODE_MODULE; p->name = $2; p->name_span = @2; p->release = $3; p->doc = $4; }
      | error NL { yyerrok; } ;

/* The first list begun is that of the file itself: it is kept even if parsing has to stop. */
items: %empty { $$ = list_make(p->l); if (!p->items) p->items = $$; }
     | items item { $$ = list_add(p->l, $1, $2); } ;

item: NL { $$ = NULL; }
    | declaration NL
    | statement NL
    | error NL { yyerrok; $$ = broken(p, @1); } ;

declaration:
  IMPORT import { $$ = $2; $$->span = @$; }
| PARAM NAME COLON type param_range step default doc
	{ $$ = param(p, declared(p, documented(NODE(PARAM, @$, $4, $5, $6, $7), $8), $2, @2)); }
| CONST NAME type_opt ASSIGN expr doc
	{ $$ = declared(p, documented(NODE(CONST, @$, $3, $5), $6), $2, @2); }
| MAP NAME COLON type IN range default doc
	{ $$ = tree_name(documented(NODE(MAP, @$, $4, $6, $7), $8), $2, @2); }
| MAP NAME COLON type ASSIGN expr doc
	{ $$ = tree_name(documented(NODE(MAP, @$, $4, NULL, $6), $7), $2, @2); }
| GEOMETRY settings { $$ = NODE_OF($2, GEOMETRY, @$); }
| SYSTEM settings { $$ = NODE_OF($2, SYSTEM, @$); }
| SYSTEM ASSIGN expr { $$ = NODE(SYSTEM, @$, $3); }
| DEF NAME LPAREN formals RPAREN ARROW type ASSIGN expr
	{ $$ = declared(p, NODE_AND($4, DEF, @$, $7, $9), $2, @2); }
| DEF NAME LPAREN formals RPAREN ARROW type body
	{ $$ = declared(p, NODE_AND($4, DEF, @$, $7, $8), $2, @2); }
| BLOCK NAME LPAREN formals RPAREN body
	{ $$ = declared(p, NODE_AND($4, BLOCK, @$, $6), $2, @2); } ;

import: path release { $$ = flag(tree_name(LEAF(IMPORT, @$), $1, @1), $2); }
      | path release AS NAME
	{ $$ = flag(documented(tree_name(LEAF(IMPORT, @$), $1, @1), $4), $2); }
      | path release LPAREN names comma RPAREN
	{ $$ = flag(tree_name(NODE_OF($4, IMPORT, @$), $1, @1), $2); } ;
path: NAME
    | path DOT NAME { $$ = join(p, $1, $3); } ;
/* The version of a module: its own, or the one that is asked for. */
release: %empty { $$ = 0; } | INT { $$ = $1.integer; } ;
names: name_node { $$ = list_add(p->l, list_make(p->l), $1); }
     | names COMMA name_node { $$ = list_add(p->l, $1, $3); } ;
name_node: NAME { $$ = tree_name(LEAF(NAME, @1), $1, @1); } ;

/* A parameter without a range is read, to say what it lacks. */
param_range: %empty { $$ = NULL; } | IN range { $$ = $2; } ;
default: %empty { $$ = NULL; } | ASSIGN expr { $$ = $2; } ;
step: %empty { $$ = NULL; } | STEP expr { $$ = $2; } ;
doc: %empty { $$ = NULL; } | TEXT ;

type_opt: %empty { $$ = NULL; } | COLON type { $$ = $2; } ;
type: NAME { $$ = tree_name(NODE(TYPE, @$, NULL), $1, @1); }
    | NAME LBRACKET RBRACKET { $$ = flag(tree_name(NODE(TYPE, @$, NULL), $1, @1), 1); }
    | NAME LBRACKET expr RBRACKET { $$ = flag(tree_name(NODE(TYPE, @$, $3), $1, @1), 1); }
    | BLOCK { $$ = tree_name(NODE(TYPE, @$, NULL), lang_intern(p->l, "block", 5), @1); } ;

settings: setting { $$ = list_add(p->l, list_make(p->l), $1); }
        | settings COMMA setting { $$ = list_add(p->l, $1, $3); } ;
setting: NAME ASSIGN expr { $$ = tree_name(NODE(SETTING, @$, $3), $1, @1); } ;

formals: %empty { $$ = NULL; } | formal_list comma ;
formal_list: formal { $$ = list_add(p->l, list_make(p->l), $1); }
           | formal_list COMMA formal { $$ = list_add(p->l, $1, $3); } ;
formal: NAME COLON type default { $$ = declared(p, NODE(FORMAL, @$, $3, $4), $1, @1); } ;

body: LBRACE items RBRACE { $$ = body(p, @$, $2); } ;

statement: simple | compound ;

simple:
  LET NAME type_opt ASSIGN expr doc
	{ $$ = declared(p, documented(NODE(LET, @$, $3, $5), $6), $2, @2); }
| REQUIRE expr doc { $$ = documented(NODE(REQUIRE, @$, $2), $3); }
| REQUIRE expr IN range doc { $$ = documented(NODE(REQUIRE, @$, $2, $4), $5); }
| RETURN expr { $$ = NODE(RETURN, @$, $2); }
| RESET { $$ = LEAF(RESET, @$); }
| DELAY expr { $$ = NODE(DELAY, @$, $2); }
| MARK NAME default { $$ = tree_name(NODE(MARK, @$, $3), $2, @2); }
| PLAY expr with { $$ = NODE(PLAY, @$, $2, $3); }
| PLAY NAME ASSIGN expr with { $$ = tree_name(NODE(PLAY, @$, $4, $5), $2, @2); } ;
with: %empty { $$ = NULL; }
    | WITH NAME AT expr { $$ = tree_name(NODE(WITH, @$, $4), $2, @2); } ;

compound: FOR NAME IN range step body { $$ = declared(p, NODE(FOR, @$, $4, $5, $6), $2, @2); }
        | FOR NAME IN expr body { $$ = declared(p, NODE(FOR, @$, $4, NULL, $5), $2, @2); }
        | if ;
if: IF expr body { $$ = NODE(IF, @$, $2, $3, NULL); }
  | IF expr body ELSE body { $$ = NODE(IF, @$, $2, $3, $5); }
  | IF expr body ELSE if { $$ = NODE(IF, @$, $2, $3, $5); } ;

range: expr TO expr { $$ = NODE(RANGE, @$, $1, $3); }
     | expr UNTIL expr { $$ = flag(NODE(RANGE, @$, $1, $3), 1); } ;

expr: expr QUESTION expr COLON expr %prec QUESTION { $$ = NODE(COND, @$, $1, $3, $5); }
    | expr OR expr { $$ = NODE(OR, @$, $1, $3); }
    | expr AND expr { $$ = NODE(AND, @$, $1, $3); }
    | NOT expr { $$ = NODE(NOT, @$, $2); }
    | expr EQ expr { $$ = NODE(EQ, @$, $1, $3); }
    | expr NE expr { $$ = NODE(NE, @$, $1, $3); }
    | expr LT expr { $$ = NODE(LT, @$, $1, $3); }
    | expr LE expr { $$ = NODE(LE, @$, $1, $3); }
    | expr GT expr { $$ = NODE(GT, @$, $1, $3); }
    | expr GE expr { $$ = NODE(GE, @$, $1, $3); }
    | expr AMPERSAND expr { $$ = NODE(TOGETHER, @$, $1, $3); }
    | expr SHIFT expr { $$ = NODE(SHIFT, @$, $1, $3); }
    | expr PLUS expr { $$ = NODE(ADD, @$, $1, $3); }
    | expr MINUS expr { $$ = NODE(SUB, @$, $1, $3); }
    | expr STAR expr { $$ = NODE(MUL, @$, $1, $3); }
    | expr SLASH expr { $$ = NODE(DIV, @$, $1, $3); }
    | expr PERCENT expr { $$ = NODE(MOD, @$, $1, $3); }
    | MINUS expr %prec NEGATE { $$ = NODE(NEG, @$, $2); }
    | expr CARET expr { $$ = NODE(POW, @$, $1, $3); }
    | expr DOT NAME { $$ = tree_name(NODE(MEMBER, @$, $1), $3, @3); }
    | expr LPAREN args RPAREN { $$ = NODE_AND($3, CALL, @$, $1); }
    | expr LBRACKET expr RBRACKET { $$ = NODE(INDEX, @$, $1, $3); }
    | LPAREN expr RPAREN { $$ = $2; $$->span = @$; }
    | LBRACKET elements RBRACKET
	{ $$ = scaled(NODE_OF($2, ARRAY, @$), (struct literal){ .number = 1 }); }
    | LBRACKET elements RBRACKET_UNIT
	{ $$ = scaled(NODE_OF($2, ARRAY, @$), $3); }
    | LBRACKET elements BADUNIT_ARRAY { $$ = LEAF(ERROR, @$); }
    | NAME { $$ = tree_name(LEAF(NAME, @$), $1, @1); }
    | SYSTEM { $$ = tree_name(LEAF(NAME, @$), lang_intern(p->l, "system", 6), @1); }
    | INT { $$ = tree_literal(p->l, NODE_INT, @$, $1); }
    | NUMBER { $$ = tree_literal(p->l, NODE_NUMBER, @$, $1); }
    | QUANTITY { $$ = tree_literal(p->l, NODE_QUANTITY, @$, $1); }
    | TEXT { $$ = tree_name(LEAF(TEXT, @$), $1, @1); }
    | TRUE { $$ = flag(LEAF(BOOL, @$), 1); }
    | FALSE { $$ = flag(LEAF(BOOL, @$), 0); }
    | BADUNIT { $$ = LEAF(ERROR, @$); }
    | TOOLARGE { $$ = LEAF(ERROR, @$); } ;

args: %empty { $$ = NULL; } | arg_list comma ;
arg_list: arg { $$ = list_add(p->l, list_make(p->l), $1); }
        | arg_list COMMA arg { $$ = list_add(p->l, $1, $3); } ;
arg: expr { $$ = NODE(ARG, @$, $1); }
   | NAME ASSIGN expr { $$ = tree_name(NODE(ARG, @$, $3), $1, @1); } ;

elements: %empty { $$ = NULL; } | element_list comma ;
element_list: expr { $$ = list_add(p->l, list_make(p->l), $1); }
            | element_list COMMA expr { $$ = list_add(p->l, $1, $3); } ;

comma: %empty | COMMA ;

%%

static int precess_yylex(YYSTYPE *v, YYLTYPE *at, struct parse *p)
{
	struct token t;
	filter_next(p, &t);
	*at = t.span;
	if (t.kind == TOK_NAME || t.kind == TOK_TEXT)
		v->name = t.value.name;
	else
		v->literal = t.value;
	return t.kind;
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parse *p)
{
	yysymbol_kind_t possible[YYNTOKENS];
	struct expected e = { { 0 }, { 0 } };
	int n = yypcontext_expected_tokens(context, possible, YYNTOKENS);
	for (int kind = TOK_FIRST; kind <= TOK_LAST; kind++) {
		e.spelling[kind - TOK_FIRST] = yysymbol_name(YYTRANSLATE(kind));
		for (int i = 0; i < n; i++)
			e.can[kind - TOK_FIRST] |= possible[i] == YYTRANSLATE(kind);
	}
	/* The token that does not fit is always the last one delivered. */
	syntax_unexpected(p, p->last, *yypcontext_location(context), &e);
	filter_recover(p, p->last);
	return 0;
}

/* Syntax errors come through yyreport_syntax_error; what is left is the parser's stack limit. */
static void precess_yyerror(const YYLTYPE *at, struct parse *p, const char *text)
{
	(void)text;
	syntax_too_deep(p, *at);
}

static struct node *build(struct parse *p, enum node_kind kind, struct span at,
                          struct node *const *kid, size_t n, const struct list *more)
{
	struct node *node = tree_node(p->l, kind, at, kid, n, more);
	if (node->depth <= LANG_DEPTH_LIMIT)
		return node;
	syntax_too_deep(p, at);
	return tree_node(p->l, NODE_ERROR, at, NULL, 0, NULL);
}

static struct node *flag(struct node *n, int64_t value)
{
	n->integer = value;
	return n;
}

static struct node *scaled(struct node *array, struct literal unit)
{
	array->number = unit.number;
	array->dim = unit.dim;
	array->name = unit.name;
	return array;
}

static struct node *documented(struct node *n, const char *doc)
{
	n->doc = doc;
	return n;
}

static struct node *declared(struct parse *p, struct node *n, const char *name, struct span at)
{
	tree_name(n, name, at);
	rule_unit_name(p, n);
	return n;
}

static const char *join(struct parse *p, const char *path, const char *name)
{
	const char *both = arena_printf(lang_arena(p->l), "%s.%s", path, name);
	return lang_intern(p->l, both, strlen(both));
}

static struct node *broken(struct parse *p, struct span at)
{
	struct node *n = LEAF(ERROR, at);
	const struct token *name = filter_declared(p);
	return name ? tree_name(n, name->value.name, name->span) : n;
}

static struct node *param(struct parse *p, struct node *n)
{
	if (n->kind == NODE_PARAM && !n->kid[1])
		rule_no_range(p, n);
	return n;
}

static bool is_declaration(const struct node *n)
{
	return n->kind > NODE_MODULE && n->kind < NODE_BODY; /* their place in nodes.def */
}

/* Declarations are read here too, so that one that lost its way gets a message of its own. */
static struct node *body(struct parse *p, struct span at, struct list *items)
{
	bool said = p->cut; /* in a body without end they are not misplaced, only unlucky */
	for (size_t i = 0; i < items->n; i++) {
		struct node *n = items->item[i];
		if (is_declaration(n)) {
			if (!said)
				rule_misplaced(p, n);
			said = true;
			items->item[i] = tree_name(LEAF(ERROR, n->span), n->name, n->name_span);
		}
	}
	return NODE_OF(items, BODY, at);
}

static bool version(struct parse *p, int64_t number, struct span at)
{
	p->version = number;
	p->refused = number != LANG_VERSION;
	if (p->refused)
		rule_version(p, number, at);
	return !p->refused;
}
