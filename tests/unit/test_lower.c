/* compiler/lower on small IRs made by hand: classes, moments, shared histories, trains. Every
 * schedule is also checked against the event list of its draws, which knows nothing of it. */
#include "compiler/lower/lower.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/check_moments.h"

static const double gammabar = PRECESS_GAMMABAR;
static const double cell = 1 / 0.22; /* of k-space, 1/m */
static const double pi = 3.14159265358979323846;

/* ------------------------------------------------------------------ building an IR */
struct build {
	struct ir *ir;
	struct lang *l;
	ir_scalar now, esp;
	uint32_t first_event;
	const char *where;
};

static struct build begin(void)
{
	struct build b = { .ir = ir_create(), .l = lang_create(), .where = "" };
	struct ir_param p = { .name = "ESP", .type = "time", .dim = { 1, 0, 0, 0 }, .index = -1,
			      .lo = 8e-3, .hi = 15e-3, .value = 10e-3 };

	b.ir->name = "small";
	b.ir->system = (struct ir_system){ .ideal = true, .name = "ideal", .max_grad = INFINITY,
					   .max_slew = INFINITY, .max_b1 = INFINITY,
					   .gamma = gammabar };
	b.esp = ir_param_scalar(b.ir, ir_add_param(b.ir, &p));
	return b;
}

static ir_scalar num(struct build *b, double v)
{
	return ir_const(b->ir, v);
}

static struct ir_event *add_event(struct build *b, enum ir_event_kind kind, ir_scalar start,
				  ir_scalar duration)
{
	struct ir_event e = { .kind = kind, .start = start, .duration = duration,
			      .shape = IR_NO_SHAPE };
	uint32_t i;

	for (int k = 0; k < IR_LABELS; k++)
		e.label[k] = -1;
	i = ir_add_event(b->ir, &e);
	return &b->ir->event[i];
}

static struct ir_event *rf(struct build *b, double start, double duration, double degrees)
{
	ir_scalar flip = num(b, degrees * pi / 180), half = num(b, duration / 2);
	struct ir_event *e = add_event(b, IR_RF, num(b, start), num(b, duration));

	e->use = degrees > 90 ? IR_USE_refocusing : IR_USE_excitation;
	e->flip = flip;
	e->center = half;
	return e;
}

/* A trapezoid of the given moment in cycles/m and equal ramps. */
static struct ir_event *grad(struct build *b, int axis, ir_scalar start, ir_scalar ramp,
			     ir_scalar flat, ir_scalar moment)
{
	struct ir *ir = b->ir;
	ir_scalar area = ir_scale(ir, 1 / gammabar, moment);
	ir_scalar amplitude = ir_div(ir, area, ir_add(ir, ramp, flat));
	struct ir_event *e = add_event(b, IR_GRAD, start,
				       ir_add(ir, flat, ir_scale(ir, 2, ramp)));

	e->axis = axis;
	e->amplitude = amplitude;
	e->rise = e->fall = ramp;
	e->flat = flat;
	return e;
}

static struct ir_event *adc(struct build *b, ir_scalar start, uint32_t n, ir_scalar dwell)
{
	struct ir_event *e = add_event(b, IR_ADC, start, ir_scale(b->ir, n, dwell));

	e->n = n;
	e->dwell = dwell;
	return e;
}

/* Closes a block of what was added since the last one. */
static void block(struct build *b, enum ir_block_kind kind, ir_scalar duration, const char *text)
{
	struct ir_block o = { .kind = kind, .start = b->now, .duration = duration,
			      .first_event = b->first_event,
			      .n_event = b->ir->n_event - b->first_event, .text = text,
			      .where = b->where,
			      .span = { UINT32_MAX, 0, 0 } };

	ir_add_block(b->ir, &o);
	b->first_event = b->ir->n_event;
	b->now = ir_add(b->ir, b->now, duration);
}

static void hard(struct build *b, double degrees)
{
	rf(b, 0, 5e-4, degrees);
	block(b, IR_PLAY, num(b, 5e-4), "hard");
}

static void encode(struct build *b, int axis, double cells)
{
	grad(b, axis, 0, num(b, 1e-4), num(b, 3e-4), num(b, cells * cell));
	block(b, IR_PLAY, num(b, 5e-4), "pe");
}

static struct program *finish(struct build *b)
{
	struct program *p;

	b->ir->duration = b->now;
	if (lower(&p, b->ir, b->l, NULL))
		fail_msg("%s", precess_error());
	return p;
}

static void end(struct build *b, struct program *p)
{
	program_free(p);
	ir_free(b->ir);
	lang_free(b->l);
}

/* ------------------------------------------------------------------ tests */
static void fid(void **state)
{
	struct build b = begin();
	struct program *p;
	struct draw *d;

	(void)state;
	block(&b, IR_DELAY, b.esp, "delay");
	hard(&b, 90);
	block(&b, IR_DELAY, b.esp, "delay");
	adc(&b, num(&b, 1e-4), 256, num(&b, 1e-5));
	block(&b, IR_PLAY, num(&b, 3e-3), "adc");
	p = finish(&b);
	assert_int_equal(p->n_history, 1);
	assert_int_equal(p->n_epoch, 1); /* nothing before the pulse: equilibrium */
	assert_int_equal(p->pulse[0].class_, PROGRAM_PULSE_HARD);
	assert_int_equal(p->readout[0].class_, PROGRAM_READOUT_POINT);
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	assert_true(fabs(d->value[p->readout[0].time] - (10e-3 + 1e-4 + 0.5e-5)) < 1e-15);
	assert_true(fabs(d->value[p->epoch[0].start] - 10e-3) < 1e-15);
	assert_true(fabs(d->value[p->epoch[0].duration] - 13e-3) < 1e-15);
	assert_true(fabs(d->value[p->pulse[0].flip] - pi / 2) < 1e-15);
	assert_int_equal(p->epoch[0].moment[0], 0);
	assert_int_equal(p->n_sample, 256);
	draw_free(d);
	check_moments(p);
	end(&b, p);
}

enum { SHOTS = 4, ECHOES = 3, SAMPLES = 32 };

/* Echoes with line shot + SHOTS * echo; the trapezoids' ramps depend on ESP. */
static void echo(struct build *b, int line, bool rewind)
{
	struct ir *ir = b->ir;
	ir_scalar dwell = num(b, 2e-5), ramp = ir_scale(ir, 0.02, b->esp);
	struct ir_event *g;

	hard(b, 180);
	encode(b, 1, line);
	g = grad(b, 0, 0, ramp, num(b, SAMPLES * 2e-5), num(b, SAMPLES * cell));
	adc(b, g->rise, SAMPLES, dwell);
	block(b, IR_PLAY, ir_add(ir, num(b, SAMPLES * 2e-5), ir_scale(ir, 2, ramp)), "gx & adc");
	if (rewind)
		encode(b, 1, -line);
	block(b, IR_SOLVED, ir_scale(ir, 0.5, b->esp), "delay");
}

static struct program *spin_echoes(struct build *b, bool rewind)
{
	*b = begin();
	for (int shot = 0; shot < SHOTS; shot++) {
		b->where = arena_printf(b->ir->arena, "shot=%d", shot);
		block(b, IR_RESET, 0, "reset");
		if (shot == 2) /* waiting at equilibrium is nothing */
			block(b, IR_DELAY, b->esp, "delay");
		hard(b, 90);
		encode(b, 0, SAMPLES / 2);
		for (int i = 0; i < ECHOES; i++) {
			b->where = arena_printf(b->ir->arena, "shot=%d echo=%d", shot, i);
			echo(b, shot + SHOTS * i - 5, rewind);
		}
	}
	return finish(b);
}

static void shared_history(void **state)
{
	struct build b;
	struct program *p = spin_echoes(&b, true);
	struct draw *d;

	(void)state;
	assert_int_equal(p->n_history, 1);
	assert_int_equal(p->history[0].n_shot, SHOTS);
	assert_int_equal(p->n_epoch, 1 + ECHOES);
	assert_int_equal(p->n_pulse, 2);
	for (int i = 1; i <= ECHOES; i++) {
		assert_int_equal(p->epoch[i].n_readout, SHOTS);
		assert_int_equal(p->epoch[i].moment[1], 0); /* rewound: the slot of 0 */
		for (uint32_t s = 0; s < SHOTS; s++)
			assert_int_equal(p->readout[p->epoch[i].first_readout + s].shot, s);
	}
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	for (uint32_t r = 0; r < p->n_readout; r++) {
		const struct program_readout *q = &p->readout[r];
		uint32_t line = q->shot + SHOTS * (r / SHOTS);

		assert_int_equal(q->class_, PROGRAM_READOUT_LINE);
		assert_true(fabs(d->value[q->k[1]] - ((double)line - 5) * cell) < 1e-9);
		/* the plateau is 0.64 ms of 0.84 ms (ramps halved), 32 cells in all */
		assert_true(fabs(d->value[q->step[0]] - cell * 0.64 / 0.84) < 1e-12);
	}
	assert_true(fabs(d->value[p->epoch[0].moment[0]] - SAMPLES / 2 * cell) < 1e-9);
	draw_free(d);
	check_moments(p);
	end(&b, p);
}

static void not_rewound(void **state)
{
	struct build b;
	struct program *p = spin_echoes(&b, false);
	bool told = false;

	(void)state;
	assert_int_equal(p->n_history, SHOTS);
	assert_int_equal(p->n_epoch, SHOTS * (1 + ECHOES));
	for (uint32_t i = 0; i < p->n_note; i++)
		told = told || (strstr(p->note[i].text, "the y moment between pulses 2 and 3") &&
				strstr(p->note[i].text, "not rewound"));
	assert_true(told);
	check_moments(p);
	end(&b, p);
}

enum { LINES = 8 };

static struct program *epi(struct build *b, double last_blip)
{
	struct ir *ir;
	ir_scalar flat, dwell;

	*b = begin();
	ir = b->ir;
	flat = ir_sub(ir, ir_scale(ir, 0.1, b->esp), num(b, 5e-5));
	dwell = ir_scale(ir, 1.0 / SAMPLES, flat);
	hard(b, 90);
	grad(b, 0, 0, 0, num(b, 5e-4), num(b, -SAMPLES / 2 * cell));
	grad(b, 1, 0, 0, num(b, 5e-4), num(b, -LINES / 2 * cell));
	block(b, IR_PLAY, num(b, 5e-4), "prephase");
	for (int i = 0; i < LINES; i++) {
		grad(b, 0, 0, 0, flat, num(b, (i % 2 ? -1 : 1) * SAMPLES * cell));
		adc(b, 0, SAMPLES, dwell);
		block(b, IR_PLAY, flat, "gx & adc");
		grad(b, 1, 0, 0, num(b, 5e-5), num(b, i == LINES - 2 ? last_blip * cell : cell));
		block(b, IR_PLAY, num(b, 5e-5), "blip");
	}
	return finish(b);
}

static void train(void **state)
{
	struct build b;
	struct program *p = epi(&b, 1);
	struct draw *d;

	(void)state;
	assert_int_equal(p->n_train, 1);
	assert_int_equal(p->train[0].n_readout, LINES);
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	assert_true(fabs(d->value[p->train[0].period] - 1e-3) < 1e-15);
	assert_true(fabs(d->value[p->train[0].dky] - cell) < 1e-9);
	assert_true(fabs(d->value[p->readout[0].k[0]] + (SAMPLES / 2 - 0.5) * cell) < 1e-9);
	assert_true(fabs(d->value[p->readout[0].step[0]] - cell) < 1e-12);
	assert_true(fabs(d->value[p->readout[1].step[0]] + cell) < 1e-12);
	/* steps do not depend on ESP: amplitude * dwell cancels to a constant */
	assert_int_equal(p->op[p->readout[0].step[0]].op, PROGRAM_CONST);
	draw_free(d);
	check_moments(p);
	end(&b, p);
	p = epi(&b, 1.001);
	assert_int_equal(p->n_train, 0);
	end(&b, p);
}

/* A plateau of given area between ramps that depend on ESP, after a prephaser of half the whole
 * area: kx of every sample is a constant, once the products are multiplied out. */
static void prephased(void **state)
{
	struct build b = begin();
	struct ir *ir = b.ir;
	ir_scalar flat = ir_scale(ir, 0.2, b.esp), ramp = ir_sub(ir, ir_scale(ir, 0.1, b.esp),
								 num(&b, 5e-4));
	ir_scalar moment = ir_mul(ir, ir_div(ir, num(&b, SAMPLES * cell), flat),
				  ir_add(ir, flat, ramp));
	struct program *p;
	struct draw *d;

	(void)state;
	hard(&b, 90);
	grad(&b, 0, 0, 0, num(&b, 1e-3), ir_scale(ir, -0.5, moment));
	block(&b, IR_PLAY, num(&b, 1e-3), "pre");
	grad(&b, 0, 0, ramp, flat, moment);
	adc(&b, ramp, SAMPLES, ir_scale(ir, 1.0 / SAMPLES, flat));
	block(&b, IR_PLAY, ir_add(ir, flat, ir_scale(ir, 2, ramp)), "gx & adc");
	grad(&b, 0, 0, 0, num(&b, 1e-3), ir_scale(ir, -0.5, moment));
	block(&b, IR_PLAY, num(&b, 1e-3), "post");
	p = finish(&b);
	assert_int_equal(p->epoch[0].moment[0], 0);
	assert_int_equal(p->op[p->readout[0].k[0]].op, PROGRAM_CONST);
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	assert_true(fabs(d->value[p->readout[0].k[0]] + (SAMPLES / 2 - 0.5) * cell) < 1e-9);
	assert_true(fabs(d->value[p->readout[0].step[0]] - cell) < 1e-12);
	draw_free(d);
	check_moments(p);
	end(&b, p);
}

static void ramp_sampled(void **state)
{
	struct build b = begin();
	struct program *p;
	double k[3 * 100], tau[100];
	struct draw *d;

	(void)state;
	hard(&b, 90);
	grad(&b, 0, 0, num(&b, 2e-4), num(&b, 6e-4), num(&b, SAMPLES * cell));
	grad(&b, 2, num(&b, 1.1e-3), 0, num(&b, 4e-4), num(&b, 100)); /* after the last sample */
	adc(&b, 0, 100, num(&b, 1e-5));
	block(&b, IR_PLAY, num(&b, 1.5e-3), "gx & adc");
	grad(&b, 0, 0, 0, b.esp, num(&b, 10));
	grad(&b, 1, 0, 0, b.esp, num(&b, 10));
	adc(&b, 0, 100, num(&b, 1e-5));
	block(&b, IR_PLAY, b.esp, "both & adc");
	p = finish(&b);
	assert_int_equal(p->readout[0].class_, PROGRAM_READOUT_LINE);
	assert_true(p->readout[0].step[0] == PROGRAM_NO_SLOT);
	assert_int_equal(p->readout[1].class_, PROGRAM_READOUT_GENERAL);
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	draw_readout(d, 0, k, tau);
	for (int i = 0; i < 100; i++) {
		double t = (i + 0.5) * 1e-5, g = SAMPLES * cell / 8e-4, want;

		want = t < 2e-4 ? 0.5 * g * t * t / 2e-4 : g * (t - 1e-4);
		if (t > 8e-4)
			want -= 0.5 * g * (t - 8e-4) * (t - 8e-4) / 2e-4;
		assert_true(fabs(k[3 * i] - want) < 1e-6);
		assert_true(fabs(tau[i] - t) < 1e-15);
	}
	draw_free(d);
	check_moments(p);
	end(&b, p);
}

static uint32_t sinc_shape(struct build *b)
{
	double s[2 * 16] = { 0 };
	struct ir_shape shape = { .name = "sinc", .complex = true, .n = 16, .sample = s };

	for (int i = 0; i < 16; i++)
		s[2 * i] = 1;
	return ir_add_shape(b->ir, &shape);
}

/* On the plateau, across both ramps, and against a gradient shape whose edges it does not meet. */
static void slice_select(void **state)
{
	struct build b = begin();
	uint32_t sinc = sinc_shape(&b), bump;
	double s[4] = { 1, 2, 0.5, 1 };
	struct ir_shape shape = { .name = "bump", .n = 4, .sample = s, .first = 0, .last = 0.5 };
	struct ir_event *g;
	struct program *p;
	struct draw *d;

	(void)state;
	bump = ir_add_shape(b.ir, &shape);
	rf(&b, 2e-4, 1e-3, 90)->shape = sinc;
	grad(&b, 2, 0, num(&b, 2e-4), num(&b, 1e-3), num(&b, 2400));
	block(&b, IR_PLAY, num(&b, 1.4e-3), "slice");
	rf(&b, 1e-4, 1e-3, 90)->shape = sinc;
	grad(&b, 2, ir_sub(b.ir, b.esp, num(&b, 1e-2)), num(&b, 1e-3), b.esp, num(&b, 2400));
	block(&b, IR_PLAY, ir_scale(b.ir, 4, b.esp), "across");
	rf(&b, 1.3e-2, 1e-3, 90); /* the fall is from 11 to 17 ms at the default */
	grad(&b, 0, ir_scale(b.ir, 0.1, b.esp), num(&b, 6e-3), num(&b, 4e-3), num(&b, 300));
	block(&b, IR_PLAY, ir_scale(b.ir, 2, b.esp), "fall");
	rf(&b, 1e-3, 1e-3, 20);
	g = add_event(&b, IR_GRAD, 0, b.esp);
	g->shape = bump;
	g->axis = 1;
	g->amplitude = ir_const(b.ir, 0.01);
	block(&b, IR_PLAY, b.esp, "shape");
	p = finish(&b);
	assert_int_equal(p->n_pulse, 4);
	assert_int_equal(p->pulse[0].class_, PROGRAM_PULSE_SHAPED);
	assert_int_equal(p->pulse[1].class_, PROGRAM_PULSE_STEPPED);
	assert_int_equal(p->pulse[2].class_, PROGRAM_PULSE_STEPPED);
	assert_int_equal(p->pulse[3].class_, PROGRAM_PULSE_STEPPED);
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	assert_true(fabs(d->value[p->pulse[0].grad[2]] - 2400 / gammabar / 1.2e-3) < 1e-12);
	assert_int_equal(p->pulse[0].grad[0], 0);
	draw_free(d);
	b.ir->param[0].lo = 10e-3; /* the second gradient starts inside its block */
	p->param[0].lo = 10e-3;
	check_moments(p);
	end(&b, p);
}

/* One slot per scalar, and the parameter program agrees with the IR. */
static void scalars(void **state)
{
	struct build b = begin();
	struct ir *ir = b.ir;
	ir_scalar e = ir_add(ir, ir_scale(ir, 2, b.esp), num(&b, 1e-3));
	ir_scalar f = ir_div(ir, ir_unary(ir, IR_SQRT, e), ir_sub(ir, num(&b, 1), b.esp));
	struct ir_mark mark = { .name = "f", .value = f, .dim = { 0, 0, 0, 0 } };
	struct ir_mark same = { .name = "again", .value = f, .dim = { 0, 0, 0, 0 } };
	struct ir_mark steps = { .name = "steps", .dim = { 1, 0, 0, 0 } };
	struct program *p;
	struct draw *d;

	(void)state;
	steps.value = ir_add(ir, ir_binary(ir, IR_CEIL, b.esp, num(&b, 3e-4)),
			     ir_binary(ir, IR_ROUND, e, num(&b, 7e-4)));
	ir_add_mark(ir, &mark);
	ir_add_mark(ir, &same);
	ir_add_mark(ir, &steps);
	hard(&b, 90);
	p = finish(&b);
	assert_int_equal(p->mark[0].value, p->mark[1].value);
	for (double v = 8e-3; v < 15e-3; v += 1.3e-4) {
		assert_int_equal(draw_create(&d, p, &v, false), PRECESS_OK);
		for (uint32_t i = 0; i < 3; i++)
			assert_true(fabs(d->value[p->mark[i].value] -
					 ir_eval(ir, ir->mark[i].value, &v)) < 1e-14);
		draw_free(d);
	}
	assert_string_equal(p->param[0].unit, "ms");
	assert_true(p->param[0].show == 1e-3);
	assert_true(p->map[PROGRAM_MAP_B1].value == 1 && isinf(p->map[PROGRAM_MAP_T1].value));
	end(&b, p);
}

static void explained(void **state)
{
	struct build b;
	struct program *p = spin_echoes(&b, true);
	struct draw *d;
	struct text t;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	text_init(&t);
	lower_explain(&t, b.ir, b.l, d);
	if (getenv("SHOW"))
		fputs(t.data, stderr);
	assert_non_null(strstr(t.data, "ESP        8ms .. 15ms"));
	assert_non_null(strstr(t.data, "... 2 more like this, to echo=2"));
	assert_non_null(strstr(t.data, "... 1 more like this, to shot=1"));
	assert_non_null(strstr(t.data, "solved: 4ms .. 7.5ms"));
	assert_non_null(strstr(t.data, "4 shots share one spin history"));
	text_free(&t);
	draw_free(d);
	end(&b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fid),
		cmocka_unit_test(shared_history),
		cmocka_unit_test(not_rewound),
		cmocka_unit_test(train),
		cmocka_unit_test(prephased),
		cmocka_unit_test(ramp_sampled),
		cmocka_unit_test(slice_select),
		cmocka_unit_test(scalars),
		cmocka_unit_test(explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
