/* Reads the text form (print.c shows it). Scalars are made by the constructors, so a file written
 * by hand may hold what is not canonical; the numbers in the file are only names. Whatever the
 * bytes are, the answer is an IR that passes ir_verify or an error with file and line. */
#include "compiler/ir/form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *path;
	int line;
	char *p; /* NUL-terminated rest of the line */
	struct ir *ir;
	ir_scalar *number; /* scalar of each number in the file */
	uint32_t n_number, capacity;
};

static bool fail(const struct reader *r, const char *what)
{
	precess_fail(PRECESS_EINVAL, "%s:%d: expected %s, not \"%.24s\"", r->path, r->line, what,
		     r->p);
	return false;
}

/* ------------------------------------------------------------------ words */
static void skip_blanks(struct reader *r)
{
	r->p += strspn(r->p, " \t");
}

/* Takes the text if it comes next. */
static bool next(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	skip_blanks(r);
	if (strncmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

static bool want(struct reader *r, const char *text)
{
	return next(r, text) || fail(r, text);
}

static bool read_number(struct reader *r, double *v)
{
	char *end;

	skip_blanks(r);
	*v = strtod(r->p, &end);
	if (end == r->p)
		return fail(r, "a number");
	r->p = end;
	return true;
}

static bool read_integer(struct reader *r, long long lo, long long hi, long long *v)
{
	char *end;

	skip_blanks(r);
	*v = strtoll(r->p, &end, 10);
	if (end == r->p || *v < lo || *v > hi)
		return fail(r, "an integer in its range");
	r->p = end;
	return true;
}

static bool read_count(struct reader *r, uint32_t *n)
{
	long long v = 0;
	bool ok = read_integer(r, 0, UINT32_MAX - 1, &v);

	*n = (uint32_t)v;
	return ok;
}

static bool read_int(struct reader *r, int *n)
{
	long long v = 0;
	bool ok = read_integer(r, INT32_MIN, INT32_MAX, &v);

	*n = (int)v;
	return ok;
}

/* Its place in a list of names, whole words only. */
static bool find_name(struct reader *r, const char *const *names, int *index)
{
	size_t n;
	int i;

	skip_blanks(r);
	n = strcspn(r->p, " \t=");
	for (i = 0; names[i]; i++) {
		if (strlen(names[i]) != n || strncmp(r->p, names[i], n) != 0)
			continue;
		r->p += n;
		*index = i;
		return true;
	}
	return false;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the escapes in place. */
static bool read_quoted(struct reader *r, const char **s)
{
	char *to;

	skip_blanks(r);
	if (*r->p != '"')
		return fail(r, "a text");
	*s = to = ++r->p;
	for (; *r->p != '"'; r->p++) {
		if (!*r->p)
			return fail(r, "the end of a text");
		if (*r->p != '\\') {
			*to++ = *r->p;
			continue;
		}
		r->p++;
		if (*r->p == '"' || *r->p == '\\') {
			*to++ = *r->p;
		} else if (*r->p == 'x' && hex(r->p[1]) >= 0 && hex(r->p[2]) >= 0) {
			*to++ = (char)(hex(r->p[1]) * 16 + hex(r->p[2]));
			r->p += 2;
		} else {
			return fail(r, "\\\", \\\\ or \\xNN");
		}
	}
	r->p++;
	*to = '\0';
	return true;
}

static bool read_name(struct reader *r, const char **s)
{
	size_t n;

	skip_blanks(r);
	if (*r->p == '"')
		return read_quoted(r, s);
	n = strcspn(r->p, " \t\"=");
	if (n == 0)
		return fail(r, "a name");
	*s = arena_copy(r->ir->arena, r->p, n);
	r->p += n;
	return true;
}

/* A text at the end of the line, or NULL. */
static bool read_doc(struct reader *r, const char **s)
{
	*s = NULL;
	skip_blanks(r);
	return *r->p != '"' || read_quoted(r, s);
}

static bool read_scalar(struct reader *r, ir_scalar *e)
{
	uint32_t n;
	double v;

	if (next(r, "%")) {
		if (!read_count(r, &n))
			return false;
		if (n >= r->n_number)
			return fail(r, "a scalar that is defined above");
		*e = r->number[n];
		return true;
	}
	if (!read_number(r, &v))
		return false;
	*e = ir_const(r->ir, v);
	return true;
}

static bool read_dim(struct reader *r, struct dim *d)
{
	int8_t *part[] = { &d->s, &d->m, &d->T, &d->rad };
	long long v;
	size_t i;

	for (i = 0; i < PRECESS_COUNT(part); i++) {
		if ((i && !want(r, ",")) || !read_integer(r, INT8_MIN, INT8_MAX, &v))
			return false;
		*part[i] = (int8_t)v;
	}
	return true;
}

static bool read_range(struct reader *r, double *lo, double *hi)
{
	return read_number(r, lo) && want(r, ",") && read_number(r, hi) && want(r, "]");
}

/* ------------------------------------------------------------------ lines */
static bool read_sequence(struct reader *r)
{
	const char *name, *doc;

	if (!read_name(r, &name) || !read_doc(r, &doc))
		return false;
	r->ir->name = arena_copy(r->ir->arena, name, strlen(name));
	r->ir->doc = doc ? arena_copy(r->ir->arena, doc, strlen(doc)) : NULL;
	return true;
}

static bool read_system(struct reader *r)
{
	struct ir_system *s = &r->ir->system;
	const struct ir_field *f;
	const char *name;
	int ideal;

	if (!read_name(r, &name) || !want(r, "ideal=") || !read_int(r, &ideal))
		return false;
	s->name = arena_copy(r->ir->arena, name, strlen(name));
	s->ideal = ideal != 0;
	for (f = ir_system_fields; f->name; f++)
		if (!want(r, f->name) || !want(r, "=") ||
		    !read_number(r, (double *)(void *)((char *)s + f->offset)))
			return false;
	return true;
}

static bool read_geometry(struct reader *r)
{
	struct ir_geometry *g = &r->ir->geometry;
	int i;

	for (i = 0; i < 3; i++)
		if (!want(r, i ? "," : "fov=") || !read_number(r, &g->fov[i]))
			return false;
	for (i = 0; i < 3; i++)
		if (!want(r, i ? "," : "matrix=") || !read_int(r, &g->matrix[i]))
			return false;
	return true;
}

static bool read_param(struct reader *r)
{
	struct ir_param p = { .index = -1 };
	uint32_t n;

	if (!read_count(r, &n) || n != r->ir->n_param)
		return fail(r, "the next parameter's number");
	if (!read_name(r, &p.name) || !read_name(r, &p.type) || !want(r, "[") ||
	    !read_range(r, &p.lo, &p.hi) || !want(r, "=") || !read_number(r, &p.value) ||
	    !want(r, "dim=") || !read_dim(r, &p.dim))
		return false;
	if (next(r, "step=") && !read_number(r, &p.step))
		return false;
	if (next(r, "group=") && !read_name(r, &p.group))
		return false;
	if (next(r, "index=") && !read_int(r, &p.index))
		return false;
	if (!read_doc(r, &p.doc))
		return false;
	ir_add_param(r->ir, &p);
	return true;
}

static bool read_map(struct reader *r)
{
	struct ir_map m = { .value = NAN };
	int kind;

	if (!find_name(r, ir_map_names, &kind))
		return fail(r, "a map's kind");
	m.kind = (enum ir_map_kind)kind;
	if (!read_name(r, &m.name))
		return false;
	m.channel = next(r, "[");
	if (m.channel && !read_range(r, &m.lo, &m.hi))
		return false;
	if (next(r, "=") && !read_number(r, &m.value))
		return false;
	if (!read_doc(r, &m.doc))
		return false;
	ir_add_map(r->ir, &m);
	return true;
}

static bool ascends(const struct ir *ir, uint32_t n, const ir_scalar *term, const double *coef)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (coef[i] == 0 || ir->expr[term[i]].op == IR_SUM ||
		    ir->expr[term[i]].op == IR_CONST || (i && term[i] <= term[i - 1]))
			return false;
	return true;
}

/* 0.5 + 8 %2 - 1 %4; canonical ones become one node, others are added up. */
static bool read_sum(struct reader *r, ir_scalar *e)
{
	ir_scalar *term = NULL;
	double value, sign, *coef = NULL;
	uint32_t n = 0, i, room = 0, room_too = 0;
	bool ok = read_number(r, &value);

	while (ok && ((sign = next(r, "+") ? 1 : next(r, "-") ? -1 : 0) != 0)) {
		term = ir_grow(term, n + 1, &room, sizeof *term);
		coef = ir_grow(coef, n + 1, &room_too, sizeof *coef);
		ok = read_number(r, &coef[n]) && read_scalar(r, &term[n]);
		coef[n++] *= sign;
	}
	if (ok && ascends(r->ir, n, term, coef)) {
		*e = ir_sum(r->ir, value, n, term, coef);
	} else if (ok) {
		*e = ir_const(r->ir, value);
		for (i = 0; i < n; i++)
			*e = ir_add(r->ir, *e, ir_scale(r->ir, coef[i], term[i]));
	}
	free(term);
	free(coef);
	return ok;
}

/* %3 = sum ...; the leading % is taken */
static bool read_definition(struct reader *r)
{
	ir_scalar e = 0, a, b;
	uint32_t n, param;
	double v;
	int op;

	if (!read_count(r, &n) || n != r->n_number)
		return fail(r, "the next scalar's number");
	if (!want(r, "="))
		return false;
	if (!find_name(r, ir_op_names, &op))
		return fail(r, "an operator");
	if (op == IR_CONST) {
		if (!read_number(r, &v))
			return false;
		e = ir_const(r->ir, v);
	} else if (op == IR_PARAM) {
		if (!read_count(r, &param) || param >= r->ir->n_param)
			return fail(r, "a parameter's number");
		e = ir_param_scalar(r->ir, param);
	} else if (op == IR_SUM) {
		if (!read_sum(r, &e))
			return false;
	} else {
		if (!read_scalar(r, &a) || (op < IR_ABS && !read_scalar(r, &b)))
			return false;
		e = op < IR_ABS ? ir_binary(r->ir, (enum ir_op)op, a, b)
				: ir_unary(r->ir, (enum ir_op)op, a);
	}
	r->number = ir_grow(r->number, n + 1, &r->capacity, sizeof *r->number);
	r->number[r->n_number++] = e;
	return true;
}

static bool read_samples(struct reader *r, struct ir_shape *s)
{
	size_t i, n = (size_t)s->n * (s->complex ? 2 : 1);
	bool ok = n > 0 && n <= strlen(r->p) / 2; /* a blank and a digit each */

	if (!ok)
		return fail(r, "as many samples as n says");
	s->sample = ir_allocate(n, sizeof *s->sample);
	for (i = 0; i < n && ok; i++)
		ok = read_number(r, &s->sample[i]);
	if (ok)
		ir_add_shape(r->ir, s);
	free(s->sample);
	return ok;
}

static bool read_shape(struct reader *r)
{
	struct ir_shape s = { 0 };
	uint32_t n;

	if (!read_count(r, &n) || n != r->ir->n_shape)
		return fail(r, "the next shape's number");
	if (!read_quoted(r, &s.name))
		return false;
	s.complex = next(r, "complex");
	if (!s.complex && !next(r, "real"))
		return fail(r, "real or complex");
	return want(r, "n=") && read_count(r, &s.n) && want(r, "first=") &&
	       read_number(r, &s.first) && want(r, "last=") && read_number(r, &s.last) &&
	       want(r, ":") && read_samples(r, &s);
}

static bool read_block(struct reader *r)
{
	struct ir_block b = { .first_event = r->ir->n_event };
	uint32_t n;
	int kind;

	if (!read_count(r, &n) || n != r->ir->n_block)
		return fail(r, "the next block's number");
	if (!find_name(r, ir_block_names, &kind))
		return fail(r, "a kind of block");
	b.kind = (enum ir_block_kind)kind;
	if ((next(r, "start=") && !read_scalar(r, &b.start)) ||
	    (next(r, "duration=") && !read_scalar(r, &b.duration)) ||
	    (next(r, "residual=") && !read_scalar(r, &b.residual)) ||
	    (next(r, "text=") && !read_quoted(r, &b.text)) ||
	    (next(r, "where=") && !read_quoted(r, &b.where)))
		return false;
	ir_add_block(r->ir, &b);
	return true;
}

/* One name=value of an event, other than its scalars. */
static bool read_property(struct reader *r, struct ir_event *e)
{
	int i, value;

	if (e->kind != IR_ADC && next(r, "shape="))
		return read_count(r, &e->shape);
	if (e->kind == IR_RF && next(r, "use=")) {
		if (!find_name(r, ir_use_names, &i))
			return fail(r, "a use");
		e->use = (enum ir_use)i;
		return true;
	}
	if (e->kind == IR_ADC && next(r, "n="))
		return read_count(r, &e->n);
	if (e->kind == IR_ADC && find_name(r, ir_label_names, &i)) {
		if (!want(r, "=") || !read_int(r, &value))
			return false;
		e->label[i] = value;
		return true;
	}
	return fail(r, "a property of this event");
}

static bool read_event(struct reader *r, enum ir_event_kind kind)
{
	struct ir_event e = { .kind = kind, .shape = IR_NO_SHAPE };
	const struct ir_field *f;
	struct ir_block *b;
	size_t n;
	int i;

	if (r->ir->n_block == 0)
		return fail(r, "a block before the first event");
	for (i = 0; i < IR_LABELS; i++)
		e.label[i] = -1;
	skip_blanks(r);
	if (kind == IR_GRAD) {
		if (*r->p < 'x' || *r->p > 'z')
			return fail(r, "x, y or z");
		e.axis = *r->p++ - 'x';
	}
	for (skip_blanks(r); *r->p; skip_blanks(r)) {
		n = strcspn(r->p, "= ");
		for (f = ir_event_fields; f->name; f++)
			if (f->kind == (int)kind && strlen(f->name) == n &&
			    strncmp(f->name, r->p, n) == 0)
				break;
		if (!f->name) {
			if (!read_property(r, &e))
				return false;
			continue;
		}
		r->p += n;
		if (!want(r, "=") ||
		    !read_scalar(r, (ir_scalar *)(void *)((char *)&e + f->offset)))
			return false;
	}
	ir_add_event(r->ir, &e);
	b = &r->ir->block[r->ir->n_block - 1];
	b->n_event++;
	return true;
}

static bool read_mark(struct reader *r)
{
	struct ir_mark m = { 0 };

	if (!read_name(r, &m.name) || !want(r, "=") || !read_scalar(r, &m.value) ||
	    !want(r, "dim=") || !read_dim(r, &m.dim) || !read_doc(r, &m.doc))
		return false;
	ir_add_mark(r->ir, &m);
	return true;
}

static bool read_require(struct reader *r)
{
	ir_scalar e;

	if (!read_scalar(r, &e))
		return false;
	ir_add_require(r->ir, e);
	return true;
}

static bool read_duration(struct reader *r)
{
	return read_scalar(r, &r->ir->duration);
}

static bool read_line(struct reader *r)
{
	static const char *const word[] = { "sequence", "system", "geometry", "param",
					    "map",	"shape",  "require",  "block",
					    "mark",	"duration", NULL };
	static bool (*const read[])(struct reader *) = {
		read_sequence, read_system, read_geometry, read_param, read_map,
		read_shape,    read_require, read_block,   read_mark,  read_duration
	};
	int i;

	skip_blanks(r);
	if (!*r->p || *r->p == '#')
		return true;
	if (next(r, "%")) {
		if (!read_definition(r))
			return false;
	} else if (find_name(r, word, &i)) {
		if (!read[i](r))
			return false;
	} else if (find_name(r, ir_event_names, &i)) {
		if (!read_event(r, (enum ir_event_kind)i))
			return false;
	} else {
		return fail(r, "a line of an IR");
	}
	skip_blanks(r);
	return !*r->p || fail(r, "the end of the line");
}

/* Lines are cut out of `text` in place. The last one says the duration: a text without it was
 * truncated. */
static bool read_all(struct reader *r, char *text, size_t n)
{
	char *end = text + n, *line;
	bool ended = false;

	for (; text < end; text = line) {
		line = memchr(text, '\n', (size_t)(end - text));
		r->line++;
		r->p = text;
		if (!line)
			return fail(r, "a whole last line");
		*line++ = '\0';
		if (strlen(text) != (size_t)(line - text - 1))
			return fail(r, "text without NUL bytes");
		ended = strncmp(text, "duration ", 9) == 0;
		if (r->line > 1) {
			if (!read_line(r))
				return false;
		} else if (strcmp(text, IR_FORM_HEAD) != 0) {
			return fail(r, IR_FORM_HEAD);
		}
	}
	r->p = end;
	return ended || fail(r, "duration in the last line");
}

precess_status ir_parse(struct ir **out, const char *text, size_t n, const char *path)
{
	struct reader r = { .path = path, .ir = ir_create() };
	char *own = ir_allocate(n + 1, 1);
	precess_status st = PRECESS_EINVAL;

	*out = NULL;
	if (n)
		memcpy(own, text, n);
	if (read_all(&r, own, n))
		st = ir_verify(r.ir) ? precess_wrap(PRECESS_EINVAL, "%s", path) : PRECESS_OK;
	if (st == PRECESS_OK)
		ir_hash(r.ir);
	free(own);
	free(r.number);
	if (st == PRECESS_OK)
		*out = r.ir;
	else
		ir_free(r.ir);
	return st;
}
