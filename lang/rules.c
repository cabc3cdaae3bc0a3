/* Errors of the grammar that are no matter of tokens: a part that is missing, a declaration in the
 * wrong place, a file that is of another kind. */
#include "lang/parse.h"
#include "lang/units.h"

#include <string.h>

void rule_no_range(struct parse *p, const struct node *param)
{
	const char *type = param->kid[0]->name;
	const char *example = type ? type_example(type) : NULL;
	struct diag *d = diag_error(p->l, "E04", param->name_span, "a parameter needs a range");
	diag_help(p->l, d, "`param %s : %s in %s`", param->name, type ? type : "time",
		  example ? example : "a .. b");
}

void rule_misplaced(struct parse *p, const struct node *n)
{
	size_t left;
	const char *s = lang_source_text(p->l, p->source, &left) + n->span.begin;
	size_t word = unit_word(s, left - n->span.begin);
	struct span at = { p->source, n->span.begin, n->span.begin + (uint32_t)word };
	struct diag *d = diag_error(p->l, "E02", at, "`%.*s` cannot stand inside `{ }`", (int)word,
				    s);
	if (n->kind == NODE_CONST)
		diag_help(p->l, d, "write `let`, or move it out of the braces");
	else
		diag_help(p->l, d, "move it out of the braces");
}

void rule_unclosed_brace(struct parse *p, struct span brace)
{
	struct diag *d = diag_error(p->l, "E02", brace, "this `{` is not closed");
	diag_help(p->l, d, "the file ends before its `}`");
}

void rule_version(struct parse *p, int64_t version, struct span at)
{
	struct diag *d = diag_error(p->l, "E51", at,
				    "this compiler knows language version %d, not %lld",
				    LANG_VERSION, (long long)version);
	diag_help(p->l, d, "this is precess %s; a newer one may know `seq %lld`", PRECESS_VERSION,
		  (long long)version);
}

void rule_unit_name(struct parse *p, const struct node *n)
{
	double factor;
	struct dim dim;
	if (!n->name || !unit_find(n->name, strlen(n->name), &factor, &dim))
		return;
	struct diag *d = diag_warning(p->l, "W03", n->name_span, "the name `%s` is also a unit",
				      n->name);
	diag_help(p->l, d,
		  "`1/%s` is a number with a unit, `1 / %s` divides; another name avoids the trap",
		  n->name, n->name);
}

void rule_foreign(struct parse *p, enum lang_kind kind)
{
	size_t n, length;
	char version[32];
	const char *text = lang_source_text(p->l, p->source, &n);
	const char *line = sniff_first_line(text, n, &length);
	struct span at = { p->source, (uint32_t)(line - text),
			   (uint32_t)(line - text + (ptrdiff_t)length) };
	struct diag *d;
	if (kind == LANG_UNKNOWN) {
		d = diag_error(p->l, "E05", at,
			       n ? "this is not a sequence file" : "this file is empty");
		diag_help(p->l, d,
			  "the first line of a sequence file is `seq %d`, the second"
			  " `sequence my_sequence`",
			  LANG_VERSION);
		return;
	}
	if (sniff_pulseq_version(version, sizeof version, text, n))
		d = diag_error(p->l, "E50", at, "this is a Pulseq file (%s)", version);
	else
		d = diag_error(p->l, "E50", at, "this is a Pulseq file");
	diag_help(p->l, d,
		  "`precess check`, `explain`, `plot` and `simulate` read it as it is; a file of"
		  " this language begins with `seq %d` and `sequence my_sequence`",
		  LANG_VERSION);
}
