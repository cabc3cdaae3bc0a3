/* The text form of an IR: one line for each thing, scalars before what uses them.
 *
 *   precess-ir 1
 *   sequence fse "Fast spin echo"
 *   system custom ideal=0 max_grad=0.04 ...
 *   geometry fov=0.22,0.22,0 matrix=128,128,1
 *   param 0 ESP time [0.008, 0.015] = 0.01 dim=1,0,0,0 "echo spacing"
 *   map T2 T2 [0, 0.65]
 *   %3 = sum -0.0005 + 8 %2
 *   shape 0 "sinc(tbw=4)" complex n=2 first=0 last=0 : 1 0 1 0
 *   require %3
 *   block 0 play start=0 duration=%3 text="gx & adc" where="shot=0"
 *     grad x duration=%3 amplitude=0.01 rise=0.0001 flat=%2 fall=0.0001
 *   mark TE = %3 dim=1,0,0,0
 *   duration %3
 *
 * Constants stand where they are used; scalars that are 0 are left out. Spans are not printed: they
 * mean nothing without the sources. */
#include "compiler/ir/form.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

struct printer {
	struct text *out;
	const struct ir *ir;
	const uint64_t *digest;
};

static void put(struct printer *p, const char *s)
{
	text_add(p->out, s, strlen(s));
}

static void put_number(struct printer *p, double v)
{
	char buf[32];

	put(p, text_double(buf, v));
}

static void put_quoted(struct printer *p, const char *s)
{
	put(p, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			text_printf(p->out, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 127)
			text_printf(p->out, "\\x%02x", (unsigned)*s);
		else
			text_add(p->out, s, 1);
	}
	put(p, "\"");
}

/* Names are bare where the reader can see their end. */
static void put_name(struct printer *p, const char *s)
{
	size_t n = 0;

	s = s ? s : "";
	while (isalnum((unsigned char)s[n]) || (s[n] && strchr("_.[]", s[n])))
		n++;
	if (n && !s[n] && s[0] != '[')
		put(p, s);
	else
		put_quoted(p, s);
}

/* For people only, so not part of what is hashed. */
static void put_doc(struct printer *p, const char *key, const char *s)
{
	if (!s || p->digest)
		return;
	text_printf(p->out, " %s", key);
	put_quoted(p, s);
}

static void put_scalar(struct printer *p, ir_scalar e)
{
	double v;

	if (ir_is_const(p->ir, e, &v))
		put_number(p, v);
	else if (p->digest)
		text_printf(p->out, "%%%016llx", (unsigned long long)p->digest[e]);
	else
		text_printf(p->out, "%%%u", (unsigned)e);
}

static void put_dim(struct printer *p, struct dim d)
{
	text_printf(p->out, " dim=%d,%d,%d,%d", d.s, d.m, d.T, d.rad);
}

/* ------------------------------------------------------------------ declarations */
static void put_head(struct printer *p)
{
	const struct ir_system *s = &p->ir->system;
	const struct ir_geometry *g = &p->ir->geometry;
	const struct ir_field *f;

	put(p, IR_FORM_HEAD "\nsequence ");
	put_name(p, p->ir->name);
	put_doc(p, "", p->ir->doc);
	put(p, "\nsystem ");
	if (!p->digest)
		put_name(p, s->name);
	text_printf(p->out, " ideal=%d", s->ideal);
	for (f = ir_system_fields; f->name; f++) {
		text_printf(p->out, " %s=", f->name);
		put_number(p, *(const double *)((const char *)s + f->offset));
	}
	put(p, "\ngeometry fov=");
	put_number(p, g->fov[0]);
	put(p, ",");
	put_number(p, g->fov[1]);
	put(p, ",");
	put_number(p, g->fov[2]);
	text_printf(p->out, " matrix=%d,%d,%d\n", g->matrix[0], g->matrix[1], g->matrix[2]);
}

static void put_range(struct printer *p, double lo, double hi)
{
	put(p, " [");
	put_number(p, lo);
	put(p, ", ");
	put_number(p, hi);
	put(p, "]");
}

static void put_param(struct printer *p, uint32_t i)
{
	const struct ir_param *x = &p->ir->param[i];

	text_printf(p->out, "param %u ", (unsigned)i);
	put_name(p, x->name);
	put(p, " ");
	put_name(p, x->type);
	put_range(p, x->lo, x->hi);
	if (!p->digest) {
		put(p, " = ");
		put_number(p, x->value);
	}
	put_dim(p, x->dim);
	if (x->step != 0) {
		put(p, " step=");
		put_number(p, x->step);
	}
	if (x->group) {
		put(p, " group=");
		put_name(p, x->group);
	}
	if (x->index >= 0)
		text_printf(p->out, " index=%d", x->index);
	put_doc(p, "", x->doc);
	put(p, "\n");
}

/* A channel's default is not hashed: a network learns the whole range. */
static void put_map(struct printer *p, const struct ir_map *m)
{
	text_printf(p->out, "map %s ", ir_map_names[m->kind]);
	put_name(p, m->name);
	if (m->channel)
		put_range(p, m->lo, m->hi);
	if (!(m->channel && (p->digest || isnan(m->value)))) {
		put(p, " = ");
		put_number(p, m->value);
	}
	put_doc(p, "", m->doc);
	put(p, "\n");
}

static void put_expr(struct printer *p, ir_scalar e)
{
	const struct ir_expr *x = &p->ir->expr[e];
	uint32_t i;

	text_printf(p->out, "%%%u = %s", (unsigned)e, ir_op_names[x->op]);
	if (x->op == IR_PARAM)
		text_printf(p->out, " %u", (unsigned)x->param);
	if (x->op == IR_CONST || x->op == IR_SUM) {
		put(p, " ");
		put_number(p, x->value);
	}
	for (i = 0; i < x->n; i++) {
		put(p, signbit(x->coef[i]) ? " - " : " + ");
		put_number(p, fabs(x->coef[i]));
		text_printf(p->out, " %%%u", (unsigned)x->term[i]);
	}
	if (x->op >= IR_MUL) {
		put(p, " ");
		put_scalar(p, x->a);
	}
	if (x->op >= IR_MUL && x->op < IR_ABS) {
		put(p, " ");
		put_scalar(p, x->b);
	}
	put(p, "\n");
}

static void put_shape(struct printer *p, uint32_t i)
{
	const struct ir_shape *s = &p->ir->shape[i];
	size_t k, n = (size_t)s->n * (s->complex ? 2 : 1);

	text_printf(p->out, "shape %u ", (unsigned)i);
	if (!p->digest)
		put_quoted(p, s->name ? s->name : "");
	text_printf(p->out, " %s n=%u first=", s->complex ? "complex" : "real", (unsigned)s->n);
	put_number(p, s->first);
	put(p, " last=");
	put_number(p, s->last);
	put(p, " :");
	for (k = 0; k < n; k++) {
		put(p, " ");
		put_number(p, s->sample[k]);
	}
	put(p, "\n");
}

/* ------------------------------------------------------------------ blocks */
static void put_field(struct printer *p, const char *name, ir_scalar e)
{
	if (e == 0)
		return;
	text_printf(p->out, " %s=", name);
	put_scalar(p, e);
}

static void put_event(struct printer *p, const struct ir_event *e)
{
	const struct ir_field *f;
	int i;

	text_printf(p->out, "  %s", ir_event_names[e->kind]);
	if (e->kind == IR_GRAD)
		text_printf(p->out, " %c", "xyz"[e->axis]);
	for (f = ir_event_fields; f->name; f++)
		if (f->kind == (int)e->kind)
			put_field(p, f->name,
				  *(const ir_scalar *)((const char *)e + f->offset));
	if (e->kind != IR_ADC && e->shape != IR_NO_SHAPE)
		text_printf(p->out, " shape=%u", (unsigned)e->shape);
	if (e->kind == IR_RF)
		text_printf(p->out, " use=%s", ir_use_names[e->use]);
	if (e->kind == IR_ADC) {
		text_printf(p->out, " n=%u", (unsigned)e->n);
		for (i = 0; i < IR_LABELS; i++)
			if (e->label[i] != -1)
				text_printf(p->out, " %s=%d", ir_label_names[i], (int)e->label[i]);
	}
	put(p, "\n");
}

static void put_block(struct printer *p, uint32_t i)
{
	const struct ir_block *b = &p->ir->block[i];
	uint32_t k;

	text_printf(p->out, "block %u %s", (unsigned)i, ir_block_names[b->kind]);
	put_field(p, "start", b->start);
	put_field(p, "duration", b->duration);
	put_field(p, "residual", b->residual);
	put_doc(p, "text=", b->text);
	put_doc(p, "where=", b->where);
	put(p, "\n");
	for (k = 0; k < b->n_event; k++)
		put_event(p, &p->ir->event[b->first_event + k]);
}

static void put_mark(struct printer *p, const struct ir_mark *m)
{
	put(p, "mark ");
	put_name(p, m->name);
	put(p, " = ");
	put_scalar(p, m->value);
	put_dim(p, m->dim);
	put_doc(p, "", m->doc);
	put(p, "\n");
}

void ir_write(struct text *out, const struct ir *ir, const uint64_t *digest)
{
	struct printer p = { out, ir, digest };
	uint32_t i;

	put_head(&p);
	for (i = 0; i < ir->n_param; i++)
		put_param(&p, i);
	for (i = 0; i < ir->n_map; i++)
		put_map(&p, &ir->map[i]);
	for (i = 0; i < ir->n_expr && !digest; i++)
		put_expr(&p, i);
	for (i = 0; i < ir->n_shape; i++)
		put_shape(&p, i);
	for (i = 0; i < ir->n_require; i++) {
		put(&p, "require ");
		put_scalar(&p, ir->require[i]);
		put(&p, "\n");
	}
	for (i = 0; i < ir->n_block; i++)
		put_block(&p, i);
	for (i = 0; i < ir->n_mark; i++)
		put_mark(&p, &ir->mark[i]);
	put(&p, "duration ");
	put_scalar(&p, ir->duration);
	put(&p, "\n");
}

void ir_print(struct text *out, const struct ir *ir)
{
	ir_write(out, ir, NULL);
}
