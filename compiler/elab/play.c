/* `play X with A at T`. A bundle's anchors are known from its layout; a block's body is first run
 * on trial from time 0, which gives the anchor's offset, and then for good. */
#include <math.h>
#include <string.h>

#include "compiler/elab/evaluator.h"

struct anchor {
	const struct node *node; /* WITH, or NULL */
	ir_scalar at;
};

static void bind_played(struct evaluator *ev, const struct node *n, const struct played *p)
{
	struct value v = { .kind = VALUE_PLAYED, .span = n->name_span };

	index_time(ev, ELAB_DURATION, n->span, p->duration);
	if (!n->name)
		return;
	v.played = arena_alloc(ev->arena, sizeof *v.played);
	*v.played = *p;
	v.played->name = n->name;
	name_bind(ev, n->name, n->name_span, v);
}

static void error_anchor(struct evaluator *ev, const struct node *with, const struct played *p,
			 const char *text)
{
	const char *names[32], *near;
	struct diag *d = error_at(ev, "E12", with->name_span, "`%s` has no anchor `%s`", text,
				  with->name);
	struct text t;
	size_t n = 0;

	names[n++] = "start";
	names[n++] = "center";
	names[n++] = "end";
	for (const struct mark *m = p->mark; m && n < PRECESS_COUNT(names); m = m->next)
		names[n++] = m->name;
	near = lang_nearest(with->name, names, n);
	if (near) {
		diag_help(ev->l, d, "did you mean `%s`?", near);
		d->replacement = near;
		return;
	}
	text_init(&t);
	for (size_t i = 0; i < n; i++)
		text_printf(&t, "%s%s", i ? ", " : "it has ", names[i]);
	diag_help(ev->l, d, "%s", t.data);
	text_free(&t);
}

/* ------------------------------------------------------------------ events */
static void play_bundle(struct evaluator *ev, const struct node *n, const struct value *v,
			const struct anchor *with)
{
	const char *text = expression_text(ev, n->kid[0]);
	struct played p = { .name = text };
	struct bundle *b = arena_alloc(ev->arena, sizeof *b);
	struct layout y;
	ir_scalar offset;

	bundle_make(ev, b, v);
	y = bundle_layout(ev, b, n->kid[0]->span);
	p.bundle = b;
	p.duration = y.duration;
	p.center = y.center;
	if (with->node) {
		if (!played_anchor(ev, &p, with->node->name, &offset)) {
			error_anchor(ev, with->node, &p, text);
			return;
		}
		timeline_wait(ev, ir_sub(ev->ir, with->at, offset), n->span, text, with->at,
			      offset);
	} else {
		offset = 0;
	}
	p.start = ev->time.exact;
	p.center = ir_add(ev->ir, p.start, y.center);
	timeline_play(ev, b, &y, n->span, text);
	timeline_part(ev, text, with->node ? ir_sub(ev->ir, y.duration, offset) : y.duration,
		      n->span);
	bind_played(ev, n, &p);
}

/* ------------------------------------------------------------------ blocks with a body */
struct played play_block(struct evaluator *ev, const struct block_call *c)
{
	const struct function *f = c->function;
	struct frame frame = { .up = ev->frame,
			       .name = f->name,
			       .call = c->span,
			       .module = f->module,
			       .is_block = true,
			       .start = ev->time.exact };
	struct scope scope, *outer = ev->scope;
	struct module *module = ev->module;
	struct played p = { .name = f->name, .start = frame.start };
	const char *where = ev->where;

	ev->where = arena_printf(ev->arena, "%s%s%s", where, *where ? " " : "", f->name);
	ev->frame = &frame;
	ev->module = f->module;
	ev->scope = &f->module->scope;
	ev->n_call++;
	scope_open(ev, &scope);
	arguments_bind(ev, f, c->argument);
	execute_body(ev, f->node->kid[0]);
	scope_close(ev, &scope, NULL, c->span);
	ev->n_call--;
	ev->scope = outer;
	ev->module = module;
	ev->frame = frame.up;
	ev->where = where;
	p.duration = ir_sub(ev->ir, ev->time.exact, frame.start);
	p.mark = frame.mark;
	p.center = frame.n_rf == 1 ? frame.rf_center
		   : !frame.n_rf && frame.n_adc == 1
			   ? frame.adc_center
			   : ir_add(ev->ir, frame.start, ir_scale(ev->ir, 0.5, p.duration));
	return p;
}

/* Where the block's anchor lies after its start. */
static bool trial(struct evaluator *ev, const struct block_call *c, const struct node *with,
		  ir_scalar *offset)
{
	struct timeline saved = ev->time;
	struct played p;
	bool found;

	ev->time.dry = true;
	timeline_begin(ev, 0);
	p = play_block(ev, c);
	ev->time = saved;
	found = played_anchor(ev, &p, with->name, offset);
	if (!found)
		error_anchor(ev, with, &p, c->function->name);
	return found;
}

static void play_call(struct evaluator *ev, const struct node *n, const struct block_call *c,
		      const struct anchor *with)
{
	const char *text = expression_text(ev, n->kid[0]);
	ir_scalar offset = 0, at;
	struct played p;
	double v;

	if (ev->n_call == LIMIT_CALLS) {
		error_at(ev, "E19", n->span, "`%s` plays itself more than %d deep",
			 c->function->name, LIMIT_CALLS);
		return;
	}
	if (with->node) {
		if (!trial(ev, c, with->node, &offset))
			return;
		timeline_wait(ev, ir_sub(ev->ir, with->at, offset), n->span, text, with->at,
			      offset);
	}
	p = play_block(ev, c);
	if (with->node) {
		if (played_anchor(ev, &p, with->node->name, &at) &&
		    (!ir_is_const(ev->ir, ir_sub(ev->ir, at, with->at), &v) ||
		     fabs(v) > SLACK_TIME)) {
			struct diag *d =
				error_at(ev, "E24", with->node->span,
					 "the place of `%s` in `%s` depends on when it starts",
					 with->node->name, c->function->name);

			diag_help(ev->l, d, "anchor what is inside the block instead");
		}
	}
	bind_played(ev, n, &p);
}

void execute_play(struct evaluator *ev, const struct node *n)
{
	struct anchor with = { n->n_kid > 1 ? n->kid[1] : NULL, 0 };
	struct value v, at;

	ev->binding = NULL;
	v = evaluate(ev, n->kid[0]);
	if (with.node) {
		at = evaluate(ev, with.node->kid[0]);
		if (!value_convert(ev, &at, "time", false, "`at`")) {
			with.node = NULL; /* goes on without an anchor, so that names get bound */
			if (n->name)
				name_bind(ev, n->name, n->name_span, value_error());
			return;
		}
		with.at = at.scalar;
	}
	switch (v.kind) {
	case VALUE_RF:
	case VALUE_GRAD:
	case VALUE_ADC:
	case VALUE_BUNDLE:
		play_bundle(ev, n, &v, &with);
		return;
	case VALUE_CALL:
		play_call(ev, n, v.call, &with);
		return;
	case VALUE_NONE:
		return;
	case VALUE_ERROR:
		break;
	default:
		error_at(ev, "E11", n->kid[0]->span,
			 "`play` wants a pulse, a gradient, a window or a "
			 "block, found %s",
			 describe(ev, &v));
	}
	if (n->name)
		name_bind(ev, n->name, n->name_span, value_error());
}
