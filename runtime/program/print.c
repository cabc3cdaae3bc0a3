/* The text form of a program, one thing a line; slots are written $17. */
#include "runtime/program/program.h"

#include <string.h>

static const char *number(char *buf, double v)
{
	return text_double(buf, v);
}

/* " key $slot", nothing when there is none. */
static void slot(struct text *out, const char *key, program_slot s)
{
	if (s != PROGRAM_NO_SLOT)
		text_printf(out, " %s $%u", key, s);
}

static void slots3(struct text *out, const char *key, const program_slot s[3])
{
	text_printf(out, " %s", key);
	for (int a = 0; a < 3; a++) {
		if (s[a] == PROGRAM_NO_SLOT)
			text_printf(out, " -");
		else
			text_printf(out, " $%u", s[a]);
	}
}

static void print_declarations(struct text *out, const struct program *p)
{
	char b[3][32];

	text_printf(out, "program %s\n", p->name);
	if (p->doc)
		text_printf(out, "doc \"%s\"\n", p->doc);
	text_printf(out, "hash %s\n", p->hash);
	text_printf(out, "gamma %s Hz/T\n", number(b[0], p->gammabar));
	text_printf(out, "fov %s %s %s\n", number(b[0], p->fov[0]), number(b[1], p->fov[1]),
		    number(b[2], p->fov[2]));
	text_printf(out, "matrix %d %d\n", p->matrix[0], p->matrix[1]);
	for (uint32_t i = 0; i < p->n_param; i++) {
		const struct program_param *q = &p->param[i];

		text_printf(out, "param %u %s %s %s .. %s = %s\n", i, q->name, q->type,
			    number(b[0], q->lo), number(b[1], q->hi), number(b[2], q->value));
	}
	for (int i = 0; i < PROGRAM_MAPS; i++) {
		const struct program_map *m = &p->map[i];

		text_printf(out, "map %s", program_map_name(m->kind));
		if (m->channel)
			text_printf(out, " in %s .. %s\n", number(b[0], m->lo),
				    number(b[1], m->hi));
		else
			text_printf(out, " = %s\n", number(b[0], m->value));
	}
	for (uint32_t i = 0; i < p->n_mark; i++)
		text_printf(out, "mark %s $%u\n", p->mark[i].name, p->mark[i].value);
	for (uint32_t i = 0; i < p->n_shape; i++)
		text_printf(out, "shape %u %s %s n %u\n", i, p->shape[i].is_complex ? "rf" : "grad",
			    p->shape[i].name ? p->shape[i].name : "-", p->shape[i].n);
}

static void print_ops(struct text *out, const struct program *p)
{
	char b[32];

	for (uint32_t i = 0; i < p->n_op; i++) {
		const struct program_op *o = &p->op[i];

		text_printf(out, "$%u = %s", i, program_opcode_name(o->op));
		switch (o->op) {
		case PROGRAM_CONST:
			text_printf(out, " %s", number(b, o->value));
			break;
		case PROGRAM_PARAM:
			text_printf(out, " %s", p->param[(uint32_t)o->value].name);
			break;
		case PROGRAM_SCALE_ADD:
		case PROGRAM_ADD_CONST:
			text_printf(out, " %s", number(b, o->value));
			/* fall through */
		default:
			if (o->a != PROGRAM_NO_SLOT)
				text_printf(out, " $%u", o->a);
			if (o->b != PROGRAM_NO_SLOT)
				text_printf(out, " $%u", o->b);
		}
		text_printf(out, "\n");
	}
}

static void print_event(struct text *out, const struct program *p, uint32_t i)
{
	static const char *const kinds[] = { "rf", "grad", "adc", "reset" };
	const struct program_event *e = &p->event[i];

	text_printf(out, "\tevent %u %s", i, kinds[e->kind]);
	if (e->kind == PROGRAM_GRAD)
		text_printf(out, " %c", "xyz"[e->axis]);
	if (e->kind == PROGRAM_RF)
		text_printf(out, " %s", e->use);
	slot(out, "start", e->start);
	slot(out, "duration", e->duration);
	if (e->shape != PROGRAM_NO_SHAPE && e->kind != PROGRAM_RESET)
		text_printf(out, " shape %u", e->shape);
	slot(out, "flip", e->flip);
	slot(out, "phase", e->phase);
	slot(out, "freq", e->freq);
	slot(out, "center", e->center);
	slot(out, "amplitude", e->amplitude);
	slot(out, "rise", e->rise);
	slot(out, "flat", e->flat);
	slot(out, "fall", e->fall);
	slot(out, "dwell", e->dwell);
	if (e->kind == PROGRAM_ADC) {
		text_printf(out, " n %u at %u", e->n, e->first_sample);
		for (int k = 0; k < PROGRAM_LABELS; k++) {
			if (e->label[k] >= 0)
				text_printf(out, " %s=%d",
					    program_label_name((enum program_label)k), e->label[k]);
		}
	}
	text_printf(out, "\n");
}

static void print_blocks(struct text *out, const struct program *p)
{
	static const char *const kinds[] = { "play", "delay", "solved", "reset" };

	for (uint32_t i = 0; i < p->n_block; i++) {
		const struct program_block *b = &p->block[i];

		text_printf(out, "block %u %s", i, kinds[b->kind]);
		slot(out, "start", b->start);
		slot(out, "duration", b->duration);
		text_printf(out, " line %d \"%s\"%s%s\n", b->line, b->text, *b->where ? " " : "",
			    b->where);
		for (uint32_t k = 0; k < b->n_event; k++)
			print_event(out, p, b->first_event + k);
	}
}

static void print_readout(struct text *out, const struct program *p, uint32_t i)
{
	static const char *const classes[] = { "line", "point", "general" };
	const struct program_readout *r = &p->readout[i];

	text_printf(out, "\t\treadout %u %s event %u shot %u", i, classes[r->class_], r->event,
		    r->shot);
	slot(out, "time", r->time);
	slot(out, "dwell", r->dwell);
	slots3(out, "k", r->k);
	slots3(out, "step", r->step);
	text_printf(out, "\n");
}

static void print_pathway(struct text *out, const struct program *p, uint32_t i)
{
	const struct program_pathway *q = &p->pathway[i];
	char b[3][32];

	text_printf(out, "pathway %s epoch %u k $%u $%u time $%u off $%u amplitude %s at %s %s\n",
		    q->order, q->epoch, q->k[0], q->k[1], q->time, q->off,
		    number(b[0], q->amplitude), number(b[1], q->re), number(b[2], q->im));
}

static void print_schedule(struct text *out, const struct program *p)
{
	static const char *const classes[] = { "hard", "shaped", "stepped" };

	for (uint32_t i = 0; i < p->n_pulse; i++) {
		const struct program_pulse *q = &p->pulse[i];

		text_printf(out, "pulse %u %s %s event %u", i, classes[q->class_], q->use,
			    q->event);
		slot(out, "duration", q->duration);
		slot(out, "flip", q->flip);
		slot(out, "freq", q->freq);
		slots3(out, "grad", q->grad);
		if (q->shape != PROGRAM_NO_SHAPE)
			text_printf(out, " shape %u", q->shape);
		text_printf(out, "\n");
	}
	for (uint32_t i = 0; i < p->n_history; i++) {
		const struct program_history *h = &p->history[i];

		text_printf(out, "history %u shots %u\n", i, h->n_shot);
		for (uint32_t k = h->first_epoch; k < h->first_epoch + h->n_epoch; k++) {
			const struct program_epoch *e = &p->epoch[k];

			text_printf(out, "\tepoch %u", k);
			if (e->pulse != UINT32_MAX)
				text_printf(out, " pulse %u", e->pulse);
			slot(out, "phase", e->phase);
			slot(out, "start", e->start);
			slot(out, "duration", e->duration);
			slots3(out, "moment", e->moment);
			text_printf(out, "\n");
			for (uint32_t r = 0; r < e->n_readout; r++)
				print_readout(out, p, e->first_readout + r);
		}
	}
	for (uint32_t i = 0; i < p->n_train; i++)
		text_printf(out, "train epoch %u readouts %u n %u period $%u dky $%u\n",
			    p->train[i].epoch, p->train[i].first_readout, p->train[i].n_readout,
			    p->train[i].period, p->train[i].dky);
	for (uint32_t i = 0; i < p->n_pathway; i++)
		print_pathway(out, p, i);
	for (uint32_t i = 0; i < p->n_note; i++)
		text_printf(out, "note %s\n", p->note[i].text);
}

void program_print(struct text *out, const struct program *p)
{
	print_declarations(out, p);
	print_ops(out, p);
	print_blocks(out, p);
	print_schedule(out, p);
	text_printf(out, "duration $%u\nsamples %u\n", p->duration, p->n_sample);
}
