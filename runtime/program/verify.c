/* Structure of a program: every index, slot and class. Programs also come from files, so nothing is
 * taken for granted that a kernel would follow blindly. */
#include "runtime/program/program.h"

#include <math.h>
#include <string.h>

#define REQUIRE(condition, ...)                                                     \
	do {                                                                        \
		if (!(condition))                                                   \
			return precess_fail(PRECESS_EINVAL, "program: " __VA_ARGS__); \
	} while (0)

enum slots { MUST, MAY }; /* may be PROGRAM_NO_SLOT */

static bool slot_ok(const struct program *p, program_slot s, enum slots how)
{
	return s < p->n_op || (how == MAY && s == PROGRAM_NO_SLOT);
}

static bool is_zero(const struct program *p, program_slot s)
{
	return s < p->n_op && p->op[s].op == PROGRAM_CONST && p->op[s].value == 0;
}

/* ------------------------------------------------------------------ numbers */
static precess_status verify_ops(const struct program *p)
{
	for (uint32_t i = 0; i < p->n_op; i++) {
		const struct program_op *o = &p->op[i];
		bool a_ok = o->a < i, b_ok = o->b < i;
		bool no_b = o->b == PROGRAM_NO_SLOT, none = no_b && o->a == PROGRAM_NO_SLOT;

		REQUIRE((unsigned)o->op < PROGRAM_OPCODES, "operation %u is unknown (%d)", i,
			o->op);
		switch (o->op) {
		case PROGRAM_CONST:
			a_ok = b_ok = none && isfinite(o->value);
			break;
		case PROGRAM_PARAM:
			a_ok = b_ok = none && o->value >= 0 && o->value < p->n_param &&
				      o->value == floor(o->value);
			break;
		case PROGRAM_SCALE_ADD:
			b_ok = b_ok || no_b;
			break;
		case PROGRAM_ADD_CONST:
			b_ok = no_b;
			break;
		default:
			b_ok = o->op < PROGRAM_ABS ? b_ok : no_b; /* opcodes.def: unary ones last */
		}
		REQUIRE(a_ok && b_ok, "operation %u (%s) has a bad operand", i,
			program_opcode_name(o->op));
	}
	return PRECESS_OK;
}

static precess_status verify_declarations(const struct program *p)
{
	REQUIRE(p->name && p->path, "no name");
	REQUIRE(isfinite(p->gammabar) && p->gammabar > 0, "gamma is %g", p->gammabar);
	for (uint32_t i = 0; i < p->n_param; i++) {
		const struct program_param *q = &p->param[i];

		REQUIRE(q->name && q->unit && q->type, "parameter %u has no name", i);
		REQUIRE(isfinite(q->lo) && isfinite(q->hi) && q->lo <= q->value &&
			q->value <= q->hi,
			"parameter %s: default outside its range", q->name);
		REQUIRE(isfinite(q->show) && q->show > 0, "parameter %s: bad unit", q->name);
	}
	for (int i = 0; i < PROGRAM_MAPS; i++) {
		const struct program_map *m = &p->map[i];

		REQUIRE((int)m->kind == i, "map %d is out of order", i);
		REQUIRE(!isnan(m->value) && (!m->channel || m->lo <= m->hi), "map %s: bad range",
			program_map_name(m->kind));
	}
	for (uint32_t i = 0; i < p->n_mark; i++) {
		const struct program_mark *m = &p->mark[i];

		REQUIRE(m->name && m->unit && slot_ok(p, m->value, MUST), "mark %u is damaged", i);
		REQUIRE(isfinite(m->show) && m->show > 0, "mark %s: bad unit", m->name);
	}
	for (uint32_t i = 0; i < p->n_shape; i++)
		REQUIRE(p->shape[i].n > 0 && p->shape[i].sample, "shape %u is empty", i);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ events */
static precess_status verify_event(const struct program *p, uint32_t i, uint32_t first_sample)
{
	const struct program_event *e = &p->event[i];
	bool shaped = e->shape != PROGRAM_NO_SHAPE;
	enum slots form = shaped ? MAY : MUST;

	REQUIRE(slot_ok(p, e->start, MUST) && slot_ok(p, e->duration, MUST),
		"event %u has no time", i);
	REQUIRE(!shaped || e->shape < p->n_shape, "event %u has no such shape", i);
	switch (e->kind) {
	case PROGRAM_RF:
		REQUIRE(slot_ok(p, e->flip, MUST) && slot_ok(p, e->phase, MUST) &&
			slot_ok(p, e->freq, MUST) && slot_ok(p, e->center, MUST) && e->use,
			"RF event %u is incomplete", i);
		REQUIRE(!shaped || p->shape[e->shape].is_complex,
			"RF event %u has a gradient's shape", i);
		return PRECESS_OK;
	case PROGRAM_GRAD:
		REQUIRE(e->axis >= 0 && e->axis < 3, "event %u has axis %d", i, e->axis);
		REQUIRE(slot_ok(p, e->amplitude, MUST) && slot_ok(p, e->rise, form) &&
			slot_ok(p, e->flat, form) && slot_ok(p, e->fall, form),
			"gradient event %u is incomplete", i);
		REQUIRE(!shaped || !p->shape[e->shape].is_complex,
			"gradient event %u has an RF shape", i);
		return PRECESS_OK;
	case PROGRAM_ADC:
		REQUIRE(slot_ok(p, e->dwell, MUST) && slot_ok(p, e->phase, MUST) &&
			slot_ok(p, e->freq, MUST) && e->n > 0, "ADC event %u is incomplete", i);
		REQUIRE(e->first_sample == first_sample,
			"samples of ADC event %u begin at %u, not %u", i, e->first_sample,
			first_sample);
		return PRECESS_OK;
	case PROGRAM_RESET:
		return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL, "program: event %u has kind %d", i, e->kind);
}

static precess_status verify_blocks(const struct program *p)
{
	uint32_t next = 0, sample = 0;
	precess_status st;

	for (uint32_t i = 0; i < p->n_block; i++) {
		const struct program_block *b = &p->block[i];

		REQUIRE(slot_ok(p, b->start, MUST) && slot_ok(p, b->duration, MUST) && b->text &&
			b->where, "block %u is incomplete", i);
		REQUIRE(b->first_event == next && b->n_event <= p->n_event - next,
			"block %u does not follow the events before it", i);
		for (uint32_t k = next; k < next + b->n_event; k++) {
			REQUIRE(p->event[k].block == i, "event %u is of another block", k);
			if ((st = verify_event(p, k, sample)))
				return st;
			if (p->event[k].kind == PROGRAM_ADC)
				sample += p->event[k].n;
		}
		next += b->n_event;
	}
	REQUIRE(next == p->n_event, "events without a block");
	REQUIRE(sample == p->n_sample, "%u samples, not %u", sample, p->n_sample);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ the schedule */
static precess_status verify_pulses(const struct program *p)
{
	for (uint32_t i = 0; i < p->n_pulse; i++) {
		const struct program_pulse *q = &p->pulse[i];
		enum slots grad = q->class_ == PROGRAM_PULSE_STEPPED ? MAY : MUST;

		REQUIRE((unsigned)q->class_ <= PROGRAM_PULSE_STEPPED, "pulse %u has no class", i);
		REQUIRE(q->event < p->n_event && p->event[q->event].kind == PROGRAM_RF && q->use,
			"pulse %u has no RF event", i);
		REQUIRE(slot_ok(p, q->duration, MUST) && slot_ok(p, q->flip, MUST) &&
			slot_ok(p, q->freq, MUST), "pulse %u is incomplete", i);
		REQUIRE(q->shape == p->event[q->event].shape, "pulse %u has another shape", i);
		for (int a = 0; a < 3; a++) {
			REQUIRE(slot_ok(p, q->grad[a], grad), "pulse %u has no gradient", i);
			REQUIRE(q->class_ != PROGRAM_PULSE_HARD || is_zero(p, q->grad[a]),
				"hard pulse %u has a gradient", i);
		}
		REQUIRE(q->class_ != PROGRAM_PULSE_HARD || q->shape == PROGRAM_NO_SHAPE,
			"hard pulse %u has a shape", i);
	}
	return PRECESS_OK;
}

static precess_status verify_readout(const struct program *p, uint32_t i, uint32_t n_shot)
{
	const struct program_readout *r = &p->readout[i];
	bool still[3];

	REQUIRE((unsigned)r->class_ <= PROGRAM_READOUT_GENERAL, "readout %u has no class", i);
	REQUIRE(r->event < p->n_event && p->event[r->event].kind == PROGRAM_ADC,
		"readout %u has no ADC event", i);
	REQUIRE(slot_ok(p, r->time, MUST) && slot_ok(p, r->dwell, MUST), "readout %u has no time",
		i);
	REQUIRE(r->shot < n_shot, "readout %u is of shot %u of %u", i, r->shot, n_shot);
	for (int a = 0; a < 3; a++) {
		REQUIRE(slot_ok(p, r->k[a], MUST) && slot_ok(p, r->step[a], MAY),
			"readout %u has no place in k-space", i);
		still[a] = is_zero(p, r->step[a]);
	}
	REQUIRE(r->class_ != PROGRAM_READOUT_LINE || (still[1] && still[2]),
		"line readout %u moves along y or z", i);
	REQUIRE(r->class_ != PROGRAM_READOUT_POINT || (still[0] && still[1] && still[2]),
		"point readout %u moves", i);
	return PRECESS_OK;
}

static precess_status verify_epoch(const struct program *p, uint32_t i, uint32_t n_shot)
{
	const struct program_epoch *e = &p->epoch[i];
	bool pulse = e->pulse != UINT32_MAX;
	precess_status st;

	REQUIRE(!pulse || e->pulse < p->n_pulse, "epoch %u has no such pulse", i);
	REQUIRE(slot_ok(p, e->phase, pulse ? MUST : MAY) && slot_ok(p, e->start, MUST) &&
		slot_ok(p, e->duration, MUST), "epoch %u has no time", i);
	for (int a = 0; a < 3; a++)
		REQUIRE(slot_ok(p, e->moment[a], MUST), "epoch %u has no moment", i);
	for (uint32_t k = 0; k < e->n_readout; k++) {
		if ((st = verify_readout(p, e->first_readout + k, n_shot)))
			return st;
	}
	return PRECESS_OK;
}

static precess_status verify_histories(const struct program *p)
{
	uint32_t epoch = 0, readout = 0;
	precess_status st;

	for (uint32_t i = 0; i < p->n_history; i++) {
		const struct program_history *h = &p->history[i];

		REQUIRE(h->first_epoch == epoch && h->n_epoch <= p->n_epoch - epoch,
			"history %u does not follow the epochs before it", i);
		REQUIRE(h->n_shot > 0, "history %u has no shot", i);
		for (; epoch < h->first_epoch + h->n_epoch; epoch++) {
			const struct program_epoch *e = &p->epoch[epoch];

			REQUIRE(e->first_readout == readout &&
				e->n_readout <= p->n_readout - readout,
				"epoch %u does not follow the readouts before it", epoch);
			if ((st = verify_epoch(p, epoch, h->n_shot)))
				return st;
			readout += e->n_readout;
		}
	}
	REQUIRE(epoch == p->n_epoch, "epochs without a history");
	REQUIRE(readout == p->n_readout, "readouts without an epoch");
	return PRECESS_OK;
}

static precess_status verify_pathways(const struct program *p)
{
	for (uint32_t i = 0; i < p->n_pathway; i++) {
		const struct program_pathway *q = &p->pathway[i];

		REQUIRE(memchr(q->order, '\0', sizeof q->order), "pathway %u has no order", i);
		REQUIRE(q->epoch < p->n_epoch, "pathway %u has no epoch", i);
		REQUIRE(slot_ok(p, q->k[0], MUST) && slot_ok(p, q->k[1], MUST),
			"pathway %u has no place in k-space", i);
		REQUIRE(slot_ok(p, q->time, MUST) && slot_ok(p, q->off, MUST),
			"pathway %u has no time", i);
		REQUIRE(isfinite(q->amplitude) && isfinite(q->re) && isfinite(q->im),
			"pathway %u has no amplitude", i);
	}
	return PRECESS_OK;
}

static bool index_ok(uint32_t i, uint32_t n)
{
	return i == UINT32_MAX || i < n;
}

static precess_status verify_trains(const struct program *p)
{
	for (uint32_t i = 0; i < p->n_train; i++) {
		const struct program_train *t = &p->train[i];
		const struct program_epoch *e;

		REQUIRE(t->epoch < p->n_epoch, "train %u has no epoch", i);
		e = &p->epoch[t->epoch];
		REQUIRE(t->first_readout >= e->first_readout && t->n_readout <= e->n_readout &&
			t->first_readout - e->first_readout <= e->n_readout - t->n_readout,
			"train %u leaves its epoch", i);
		REQUIRE(slot_ok(p, t->period, MUST) && slot_ok(p, t->dky, MUST),
			"train %u has no period", i);
	}
	for (uint32_t i = 0; i < p->n_note; i++) {
		const struct program_note *n = &p->note[i];

		REQUIRE(n->text && index_ok(n->history, p->n_history) &&
			index_ok(n->epoch, p->n_epoch) && index_ok(n->readout, p->n_readout),
			"note %u is damaged", i);
	}
	return PRECESS_OK;
}

precess_status program_verify(const struct program *p)
{
	precess_status st;

	TRY(verify_ops(p));
	TRY(verify_declarations(p));
	TRY(verify_blocks(p));
	TRY(verify_pulses(p));
	TRY(verify_histories(p));
	TRY(verify_trains(p));
	TRY(verify_pathways(p));
	REQUIRE(slot_ok(p, p->duration, MUST), "no duration");
out:
	return st;
}
