/* The invariants of an IR. A failure is a bug of the pass that ran last, or a text form that is
 * none. Statements about time are checked at a few parameter vectors of the domain: what has to
 * hold everywhere was proved when the blocks were made, and is not proved again after each pass. */
#include "compiler/ir/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(...) precess_fail(PRECESS_EINVAL, "IR: " __VA_ARGS__)
#define TIME 1e-9 /* s; a thousandth of the finest raster, and far above rounding */
enum { VECTORS = 8, ATTEMPTS = 64 };

/* ------------------------------------------------------------------ structure */
static precess_status check_sum(const struct ir *ir, ir_scalar e)
{
	const struct ir_expr *x = &ir->expr[e];
	enum ir_op op;
	uint32_t i;

	if (x->n == 0 || (x->n == 1 && x->value == 0 && x->coef[0] == 1))
		return FAIL("scalar %u: a sum that is no sum", (unsigned)e);
	for (i = 0; i < x->n; i++) {
		if (x->term[i] >= e)
			return FAIL("scalar %u: a term does not come before it", (unsigned)e);
		op = ir->expr[x->term[i]].op;
		if (op == IR_SUM || op == IR_CONST)
			return FAIL("scalar %u: a term is a sum or a constant", (unsigned)e);
		if (i && x->term[i] <= x->term[i - 1])
			return FAIL("scalar %u: terms do not ascend", (unsigned)e);
		if (x->coef[i] == 0)
			return FAIL("scalar %u: a coefficient is 0", (unsigned)e);
	}
	return PRECESS_OK;
}

static precess_status check_expr(const struct ir *ir, ir_scalar e)
{
	const struct ir_expr *x = &ir->expr[e];
	bool constant_a, constant_b;

	if ((unsigned)x->op >= IR_OPS)
		return FAIL("scalar %u: operator %d", (unsigned)e, (int)x->op);
	if (x->op == IR_SUM)
		return check_sum(ir, e);
	if (x->op == IR_PARAM && x->param >= ir->n_param)
		return FAIL("scalar %u: parameter %u", (unsigned)e, (unsigned)x->param);
	if (x->op < IR_MUL)
		return PRECESS_OK;
	if (x->a >= e || (x->op < IR_ABS && x->b >= e))
		return FAIL("scalar %u: an operand does not come before it", (unsigned)e);
	constant_a = ir->expr[x->a].op == IR_CONST;
	constant_b = x->op >= IR_ABS || ir->expr[x->b].op == IR_CONST;
	if (constant_a && constant_b)
		return FAIL("scalar %u: constants that were not folded", (unsigned)e);
	if (x->op == IR_MUL && (x->a > x->b || constant_a || constant_b))
		return FAIL("scalar %u: a product out of order or with a constant", (unsigned)e);
	return PRECESS_OK;
}

static precess_status check_declarations(const struct ir *ir)
{
	const struct ir_param *p;
	const struct ir_shape *s;
	uint32_t i;

	for (i = 0; i < ir->n_param; i++) {
		p = &ir->param[i];
		if (!p->name || !p->type)
			return FAIL("parameter %u has no name or type", (unsigned)i);
		if (!(isfinite(p->lo) && isfinite(p->hi) && p->lo <= p->hi))
			return FAIL("parameter %s: no range", p->name);
		if (!(p->value >= p->lo && p->value <= p->hi))
			return FAIL("parameter %s: default outside its range", p->name);
		if (!(p->step >= 0) || (p->index >= 0) != (p->group != NULL))
			return FAIL("parameter %s: step or index", p->name);
	}
	for (i = 0; i < ir->n_map; i++) {
		if ((unsigned)ir->map[i].kind >= IR_MAPS || !ir->map[i].name)
			return FAIL("map %u: no such kind, or no name", (unsigned)i);
		if (ir->map[i].channel && !(ir->map[i].lo <= ir->map[i].hi))
			return FAIL("map %s: no range", ir->map[i].name);
	}
	for (i = 0; i < ir->n_shape; i++) {
		s = &ir->shape[i];
		if (s->n == 0 || !s->sample)
			return FAIL("shape %u: no samples", (unsigned)i);
	}
	for (i = 0; i < ir->n_mark; i++)
		if (!ir->mark[i].name)
			return FAIL("mark %u has no name", (unsigned)i);
	return PRECESS_OK;
}

static precess_status check_event(const struct ir *ir, uint32_t i)
{
	const struct ir_event *e = &ir->event[i];
	bool shaped = e->kind != IR_ADC && e->shape != IR_NO_SHAPE;

	if ((unsigned)e->kind > IR_ADC)
		return FAIL("event %u: kind %d", (unsigned)i, (int)e->kind);
	if (shaped && e->shape >= ir->n_shape)
		return FAIL("event %u: shape %u", (unsigned)i, (unsigned)e->shape);
	if (shaped && ir->shape[e->shape].complex != (e->kind == IR_RF))
		return FAIL("event %u: RF shapes are complex, gradients' real", (unsigned)i);
	if (e->kind == IR_GRAD && (e->axis < 0 || e->axis > 2))
		return FAIL("event %u: axis %d", (unsigned)i, e->axis);
	if (e->kind == IR_RF && (unsigned)e->use >= IR_USES)
		return FAIL("event %u: use %d", (unsigned)i, (int)e->use);
	if (e->kind == IR_ADC && e->n == 0)
		return FAIL("event %u: an ADC without samples", (unsigned)i);
	return PRECESS_OK;
}

/* Blocks own consecutive stretches of the events. */
static precess_status check_blocks(const struct ir *ir)
{
	const struct ir_block *b;
	uint32_t i, next = 0;

	for (i = 0; i < ir->n_block; i++) {
		b = &ir->block[i];
		if ((unsigned)b->kind > IR_RESET)
			return FAIL("block %u: kind %d", (unsigned)i, (int)b->kind);
		if (b->n_event && b->kind != IR_PLAY)
			return FAIL("block %u: events in a block that plays nothing", (unsigned)i);
		if (b->n_event && (b->first_event < next || b->n_event > ir->n_event ||
				   b->first_event > ir->n_event - b->n_event))
			return FAIL("block %u: events out of order or range", (unsigned)i);
		if (b->kind == IR_RESET && b->duration != 0)
			return FAIL("block %u: a reset that lasts", (unsigned)i);
		if (b->n_event)
			next = b->first_event + b->n_event;
	}
	return PRECESS_OK;
}

struct bad_use {
	uint32_t n_expr;
	bool found;
};

static void check_use(ir_scalar *use, void *context)
{
	struct bad_use *bad = context;

	bad->found |= *use >= bad->n_expr;
}

static precess_status check_structure(const struct ir *ir)
{
	struct bad_use bad = { .n_expr = ir->n_expr };
	precess_status st = PRECESS_OK;
	uint32_t i;

	if (ir->n_expr < 2 || ir->expr[0].op != IR_CONST || ir->expr[0].value != 0 ||
	    ir->expr[1].op != IR_CONST || ir->expr[1].value != 1)
		return FAIL("scalars 0 and 1 are not 0 and 1");
	for (i = 0; i < ir->n_expr; i++)
		TRY(check_expr(ir, i));
	TRY(check_declarations(ir));
	TRY(check_blocks(ir));
	for (i = 0; i < ir->n_event; i++)
		TRY(check_event(ir, i));
	ir_visit((struct ir *)ir, check_use, &bad); /* changes nothing */
	if (bad.found)
		st = FAIL("something uses a scalar that is not there");
out:
	return st;
}

/* ------------------------------------------------------------------ time */
/* Values of all scalars at a parameter vector. False when a require excludes it. */
static bool evaluate(double *value, const struct ir *ir, const double *param)
{
	const struct ir_expr *x;
	uint32_t i, j;

	for (i = 0; i < ir->n_expr; i++) {
		x = &ir->expr[i];
		if (x->op == IR_PARAM) {
			value[i] = param[x->param];
		} else if (x->op >= IR_MUL) {
			value[i] = ir_apply(x->op, value[x->a], value[x->b]);
		} else {
			value[i] = x->value;
			for (j = 0; j < x->n; j++)
				value[i] += x->coef[j] * value[x->term[j]];
		}
	}
	for (i = 0; i < ir->n_require; i++)
		if (!(value[ir->require[i]] >= 0))
			return false;
	return true;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= TIME + 1e-12 * fabs(a);
}

static precess_status time_event(const struct ir_event *e, uint32_t i, double duration,
				 const double *v)
{
	double length = v[e->duration];

	if (!(length >= -TIME && v[e->start] >= -TIME &&
	      v[e->start] + length <= duration + TIME + 1e-12 * duration))
		return FAIL("event %u is not inside its block: %g + %g of %g s", (unsigned)i,
			    v[e->start], length, duration);
	if (e->kind == IR_RF && !(v[e->center] >= -TIME && v[e->center] <= length + TIME))
		return FAIL("event %u: its centre is outside it", (unsigned)i);
	if (e->kind == IR_GRAD && e->shape == IR_NO_SHAPE &&
	    !(near(v[e->rise] + v[e->flat] + v[e->fall], length) && v[e->rise] >= -TIME &&
	      v[e->flat] >= -TIME && v[e->fall] >= -TIME))
		return FAIL("event %u: rise, flat and fall are not its duration", (unsigned)i);
	if (e->kind == IR_ADC && !near(e->n * v[e->dwell], length))
		return FAIL("event %u: samples times dwell is not its duration", (unsigned)i);
	return PRECESS_OK;
}

struct stretch {
	double begin, end;
};

static int by_begin(const void *a, const void *b)
{
	double x = ((const struct stretch *)a)->begin, y = ((const struct stretch *)b)->begin;

	return (x > y) - (x < y);
}

/* `room` holds a stretch for each event of the block. */
static precess_status check_overlap(const struct ir *ir, uint32_t block, const double *v,
				    struct stretch *room)
{
	const struct ir_block *b = &ir->block[block];
	const struct ir_event *e;
	uint32_t i, n;
	int axis;

	for (axis = 0; axis < 3; axis++) {
		n = 0;
		for (i = 0; i < b->n_event; i++) {
			e = &ir->event[b->first_event + i];
			if (e->kind != IR_GRAD || e->axis != axis)
				continue;
			room[n].begin = v[e->start];
			room[n++].end = v[e->start] + v[e->duration];
		}
		if (n > 1)
			qsort(room, n, sizeof *room, by_begin);
		for (i = 1; i < n; i++)
			if (room[i].begin < room[i - 1].end - TIME)
				return FAIL("block %u: two gradients on %c at once",
					    (unsigned)block, "xyz"[axis]);
	}
	return PRECESS_OK;
}

static precess_status check_times(const struct ir *ir, const double *v, struct stretch *room)
{
	precess_status st = PRECESS_OK;
	const struct ir_block *b;
	double now = 0;
	uint32_t i, k;

	for (i = 0; i < ir->n_block; i++) {
		b = &ir->block[i];
		if (!near(v[b->start], now))
			return FAIL("block %u starts at %g s, the one before ends at %g s",
				    (unsigned)i, v[b->start], now);
		if (!(v[b->duration] >= -TIME))
			return FAIL("block %u lasts %g s", (unsigned)i, v[b->duration]);
		now = v[b->start] + v[b->duration];
		for (k = b->first_event; k < b->first_event + b->n_event; k++)
			TRY(time_event(&ir->event[k], k, v[b->duration], v));
		TRY(check_overlap(ir, i, v, room));
	}
	if (!near(v[ir->duration], now))
		st = FAIL("blocks end at %g s, the sequence at %g s", now, v[ir->duration]);
out:
	return st;
}

/* Number `i`: the defaults, both ends of all ranges, then points inside. */
static void choose_vector(double *param, const struct ir *ir, int i, struct rng *r)
{
	const struct ir_param *p;
	uint32_t k;

	for (k = 0; k < ir->n_param; k++) {
		p = &ir->param[k];
		param[k] = i == 0 ? p->value : i == 1 ? p->lo : i == 2 ? p->hi
			   : p->lo + (p->hi - p->lo) * rng_uniform(r, 0, 1);
	}
}

precess_status ir_verify(const struct ir *ir)
{
	double *param = ir_allocate(ir->n_param, sizeof *param);
	double *value = ir_allocate(ir->n_expr, sizeof *value);
	struct stretch *room = ir_allocate(ir->n_event, sizeof *room);
	struct rng r = rng_make(1, 0);
	precess_status st;
	int i, checked;

	TRY(check_structure(ir));
	/* without parameters all vectors are the same */
	for (i = checked = 0; i < ATTEMPTS && checked < (ir->n_param ? VECTORS : 1); i++) {
		choose_vector(param, ir, i, &r);
		if (!evaluate(value, ir, param))
			continue;
		checked++;
		TRY(check_times(ir, value, room));
	}
out:
	free(param);
	free(value);
	free(room);
	return st;
}
