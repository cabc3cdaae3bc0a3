/* runtime/program: a hand-made program, its verifier, draws, gradients and moments against
 * quadrature. */
#include "runtime/program/program.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Slots: 0 zero, 1 ESP, 2 half ESP, 3 one ms, 4 amplitude, 5 ramp, 6 dwell, 7 start of the ADC,
 * 8 ninety degrees, 9 the total, 10 gamma * amplitude * dwell, 11 ESP / 4 */
enum {
	ZERO, ESP, HALF, MS, AMPLITUDE, RAMP, DWELL, ADC_START, NINETY, TOTAL, STEP, QUARTER, SLOTS
};
enum { SAMPLES = 16 };

static char *copy(const char *s)
{
	char *c = strdup(s);

	assert_non_null(c);
	return c;
}

static void *array(size_t n, size_t size)
{
	void *a = calloc(n, size);

	assert_non_null(a);
	return a;
}

static void make_ops(struct program *p)
{
	static const struct program_op ops[SLOTS] = {
		[ZERO] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 0 },
		[ESP] = { PROGRAM_PARAM, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 0 },
		[HALF] = { PROGRAM_SCALE_ADD, ESP, PROGRAM_NO_SLOT, 0.5 },
		[MS] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 1e-3 },
		[AMPLITUDE] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 0.02 },
		[RAMP] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 2e-4 },
		[DWELL] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 1e-5 },
		[ADC_START] = { PROGRAM_ADD_CONST, ESP, PROGRAM_NO_SLOT, 2e-3 },
		[NINETY] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 1.5707963267948966 },
		[TOTAL] = { PROGRAM_SCALE_ADD, ESP, MS, 2.0 },
		[STEP] = { PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, 8.5154 },
		[QUARTER] = { PROGRAM_MUL, HALF, HALF, 0 },
	};

	p->n_op = SLOTS;
	p->op = array(SLOTS, sizeof *p->op);
	memcpy(p->op, ops, sizeof ops);
}

static struct program_event event(enum program_event_kind kind, uint32_t block, program_slot start,
				  program_slot duration)
{
	struct program_event e = {
		.kind = kind, .block = block, .start = start, .duration = duration,
		.shape = PROGRAM_NO_SHAPE, .flip = ZERO, .phase = ZERO, .freq = ZERO,
		.center = ZERO, .use = "excitation", .amplitude = AMPLITUDE, .rise = RAMP,
		.flat = MS, .fall = RAMP, .dwell = DWELL,
	};

	for (int k = 0; k < PROGRAM_LABELS; k++)
		e.label[k] = -1;
	return e;
}

/* 0: RF 1 ms; 1: a shaped gradient on y over ESP/2 from 1 ms; 2: a trapezoid on x from ESP, and an
 * ADC. Program order puts the ADC before the trapezoid. */
static void make_events(struct program *p)
{
	struct program_block *b;

	p->n_event = 4;
	p->event = array(4, sizeof *p->event);
	p->event[0] = event(PROGRAM_RF, 0, ZERO, MS);
	p->event[0].flip = NINETY;
	p->event[1] = event(PROGRAM_GRAD, 1, MS, HALF);
	p->event[1].shape = 0;
	p->event[1].axis = 1;
	p->event[2] = event(PROGRAM_ADC, 2, ADC_START, DWELL);
	p->event[2].n = SAMPLES;
	p->event[3] = event(PROGRAM_GRAD, 2, ESP, MS);
	p->n_block = 3;
	p->block = b = array(3, sizeof *b);
	for (uint32_t i = 0; i < 3; i++)
		b[i] = (struct program_block){
			.start = i < 2 ? ZERO : ESP, .duration = MS, .first_event = i,
			.n_event = i < 2 ? 1 : 2, .line = 10 + (int)i,
			.text = copy("gx & adc"), .where = copy(""),
		};
	p->n_sample = SAMPLES;
}

static void make_schedule(struct program *p)
{
	p->n_pulse = p->n_epoch = p->n_history = p->n_readout = 1;
	p->pulse = array(1, sizeof *p->pulse);
	*p->pulse = (struct program_pulse){ PROGRAM_PULSE_HARD, MS, NINETY, ZERO,
					    { ZERO, ZERO, ZERO }, PROGRAM_NO_SHAPE, 0,
					    "excitation" };
	p->epoch = array(1, sizeof *p->epoch);
	*p->epoch = (struct program_epoch){ 0, ZERO, ZERO, TOTAL, { ZERO, ZERO, ZERO }, 0, 1 };
	p->history = array(1, sizeof *p->history);
	*p->history = (struct program_history){ 0, 1, 1 };
	p->readout = array(1, sizeof *p->readout);
	*p->readout = (struct program_readout){
		PROGRAM_READOUT_LINE, 2, HALF, DWELL, { ZERO, ZERO, ZERO },
		{ PROGRAM_NO_SLOT, ZERO, ZERO }, 0
	};
	p->n_train = 1;
	p->train = array(1, sizeof *p->train);
	*p->train = (struct program_train){ 0, 0, 1, MS, STEP };
	p->n_note = 1;
	p->note = array(1, sizeof *p->note);
	*p->note = (struct program_note){ 0, 0, 0, copy("one line") };
}

static struct program *make(void)
{
	struct program *p = array(1, sizeof *p);

	p->name = copy("small");
	p->path = copy("small.seq");
	p->gammabar = PRECESS_GAMMABAR;
	p->n_param = 1;
	p->param = array(1, sizeof *p->param);
	*p->param = (struct program_param){ copy("ESP"), NULL, copy("time"), copy("ms"), 1e-3,
					    8e-3, 15e-3, 10e-3 };
	for (int k = 0; k < PROGRAM_MAPS; k++)
		p->map[k].kind = (enum program_map_kind)k;
	make_ops(p);
	p->n_shape = 1;
	p->shape = array(1, sizeof *p->shape);
	*p->shape = (struct program_shape){ copy("bump"), false, 4, array(4, sizeof(double)), 0.25,
					    -1 };
	memcpy(p->shape->sample, (double[]){ 1, 0.5, -0.25, 2 }, 4 * sizeof(double));
	make_events(p);
	make_schedule(p);
	p->n_mark = 1;
	p->mark = array(1, sizeof *p->mark);
	*p->mark = (struct program_mark){ copy("TE"), NULL, copy("ms"), 1e-3, TOTAL };
	p->duration = TOTAL;
	return p;
}

/* ------------------------------------------------------------------ verification */
#define CORRUPT(lvalue, damage)                                             \
	do {                                                                \
		__typeof__(lvalue) whole = (lvalue);                        \
		(lvalue) = (damage);                                        \
		assert_int_equal(program_verify(p), PRECESS_EINVAL);        \
		assert_true(strncmp(precess_error(), "program: ", 9) == 0); \
		(lvalue) = whole;                                           \
		assert_int_equal(program_verify(p), PRECESS_OK);            \
	} while (0)

static void catches_corruption(void **state)
{
	struct program *p = make();

	(void)state;
	assert_int_equal(program_verify(p), PRECESS_OK);
	CORRUPT(p->op[HALF].a, HALF);
	CORRUPT(p->op[HALF].b, 99);
	CORRUPT(p->op[QUARTER].b, PROGRAM_NO_SLOT);
	CORRUPT(p->op[ZERO].value, NAN);
	CORRUPT(p->op[ZERO].a, 77);
	CORRUPT(p->op[ESP].value, 1);
	CORRUPT(p->op[ESP].op, (enum program_opcode)PROGRAM_OPCODES);
	CORRUPT(p->param->value, 20e-3);
	CORRUPT(p->param->show, 0);
	CORRUPT(p->map[1].kind, PROGRAM_MAP_M0);
	CORRUPT(p->mark->value, SLOTS);
	CORRUPT(p->shape->n, 0);
	CORRUPT(p->event[0].flip, PROGRAM_NO_SLOT);
	CORRUPT(p->event[0].shape, 0);
	CORRUPT(p->event[1].shape, 3);
	CORRUPT(p->event[1].axis, 3);
	CORRUPT(p->event[3].flat, PROGRAM_NO_SLOT);
	CORRUPT(p->event[2].n, 0);
	CORRUPT(p->event[2].first_sample, 1);
	CORRUPT(p->event[2].block, 0);
	CORRUPT(p->event[2].kind, (enum program_event_kind)9);
	CORRUPT(p->block[1].n_event, 2);
	CORRUPT(p->n_sample, 5);
	CORRUPT(p->pulse->event, 1);
	CORRUPT(p->pulse->grad[2], AMPLITUDE);
	CORRUPT(p->pulse->class_, (enum program_pulse_class)7);
	CORRUPT(p->epoch->pulse, 4);
	CORRUPT(p->epoch->n_readout, 0);
	CORRUPT(p->epoch->moment[1], PROGRAM_NO_SLOT);
	CORRUPT(p->history->n_epoch, 2);
	CORRUPT(p->history->n_shot, 0);
	CORRUPT(p->readout->shot, 1);
	CORRUPT(p->readout->event, 0);
	CORRUPT(p->readout->step[1], STEP);
	CORRUPT(p->readout->step[2], PROGRAM_NO_SLOT);
	CORRUPT(p->readout->class_, PROGRAM_READOUT_POINT);
	CORRUPT(p->train->n_readout, 2);
	CORRUPT(p->train->first_readout, UINT32_MAX);
	CORRUPT(p->train->epoch, 1);
	CORRUPT(p->note->epoch, 1);
	CORRUPT(p->duration, SLOTS);
	program_free(p);
}

static void names(void **state)
{
	struct program *p = make();
	struct text t;

	(void)state;
	assert_int_equal(program_param_find(p, "ESP"), 0);
	assert_int_equal(program_param_find(p, "TR"), -1);
	assert_string_equal(program_map_name(PROGRAM_MAP_dB0), "dB0");
	assert_string_equal(program_label_name(PROGRAM_LABEL_echo), "echo");
	assert_int_equal(program_readout_epoch(p, 0), 0);
	text_init(&t);
	program_print(&t, p);
	assert_non_null(strstr(t.data, "param 0 ESP time 0.008 .. 0.015 = 0.01\n"));
	assert_non_null(strstr(t.data, "$2 = scale_add 0.5 $1\n"));
	assert_non_null(strstr(t.data, "readout 0 line event 2 shot 0 time $2 dwell $6 "
				       "k $0 $0 $0 step - $0 $0"));
	text_free(&t);
	program_free(p);
	program_free(NULL);
}

/* ------------------------------------------------------------------ draws */
static void ranges(void **state)
{
	struct program *p = make();
	struct draw *d;
	double v = 20e-3;

	(void)state;
	assert_int_equal(draw_create(&d, p, &v, false), PRECESS_EINVAL);
	assert_null(d);
	assert_string_equal(precess_error(), "ESP = 20ms is outside 8ms .. 15ms; choose a value "
					     "inside (or force it)");
	assert_int_equal(draw_create(&d, p, &v, true), PRECESS_OK);
	assert_true(d->duration == 41000000000);
	v = NAN;
	assert_int_equal(draw_set(d, &v, true), PRECESS_EINVAL);
	assert_string_equal(precess_error(), "ESP = nan is not a finite number");
	v = -3e-3;
	assert_int_equal(draw_set(d, &v, true), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "not playable"));
	v = 15e-3 * (1 + 1e-15);
	assert_int_equal(draw_set(d, &v, false), PRECESS_OK);
	draw_free(d);
	draw_free(NULL);
	program_free(p);
}

static void not_finite(void **state)
{
	struct program *p = make();
	struct draw *d;

	(void)state;
	p->op[QUARTER] = (struct program_op){ PROGRAM_DIV, ESP, ZERO, 0 };
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_EINVAL);
	assert_string_equal(precess_error(),
			    "the sequence has no finite numbers at ESP = 10ms (slot 11, div)");
	program_free(p);
}

static void events_in_order(void **state)
{
	struct program *p = make();
	struct draw *d;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	for (uint32_t i = 1; i < p->n_event; i++)
		assert_true(d->event[i - 1].start <= d->event[i].start);
	assert_int_equal(d->at[2], 3);
	assert_int_equal(d->at[3], 2);
	assert_int_equal(d->event[3].kind, PROGRAM_ADC);
	assert_true(d->event[3].start == 12000000000);
	assert_true(d->event[2].duration == 1400000000); /* rise + flat + fall */
	assert_ptr_equal(d->event[3].label, p->event[2].label);
	draw_free(d);
	program_free(p);
}

/* Midpoint sums over [t0, t1]; exact inside linear pieces. */
static double quadrature(const struct draw *d, int axis, double t0, double t1)
{
	enum { N = 200000 };
	double sum = 0, h = (t1 - t0) / N;

	for (int i = 0; i < N; i++)
		sum += draw_gradient(d, axis, t0 + (i + 0.5) * h);
	return d->program->gammabar * sum * h;
}

static void moments(void **state)
{
	struct program *p = make();
	struct rng r = rng_make(7, 0);
	struct draw *d;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	for (int i = 0; i < 20; i++) {
		double t0 = rng_uniform(&r, -1e-3, 20e-3), t1 = rng_uniform(&r, -1e-3, 20e-3);

		for (int a = 0; a < 3; a++) {
			double m = draw_moment(d, a, t0, t1);

			assert_true(fabs(m - quadrature(d, a, t0, t1)) < 2e-1); /* one step */
		}
	}
	/* gamma G 1.2 ms; the shape's mean is (0.25 (0.25 - 1 - 1 - 2) + 3.25) / 4 */
	assert_true(fabs(draw_moment(d, 0, 0, 1) - PRECESS_GAMMABAR * 0.02 * 1.2e-3) < 1e-9);
	assert_true(fabs(draw_moment(d, 1, 0, 1) - PRECESS_GAMMABAR * 0.02 * 5e-3 * 0.578125) < 1e-9);
	assert_true(fabs(draw_moment(d, 1, 1e-3, 3e-3) + draw_moment(d, 1, 3e-3, 6e-3) -
			 PRECESS_GAMMABAR * 0.02 * 5e-3 * 0.578125) < 1e-9);
	assert_true(draw_moment(d, 2, 0, 1) == 0);
	/* half of either ramp: a quarter and three quarters of its area */
	assert_true(fabs(draw_moment(d, 0, 0, 10.1e-3) - PRECESS_GAMMABAR * 0.02 * 0.25e-4) < 1e-9);
	assert_true(fabs(draw_moment(d, 0, 11.2e-3, 11.3e-3) - PRECESS_GAMMABAR * 0.02 * 0.75e-4) < 1e-9);
	assert_true(fabs(draw_moment(d, 0, 11.3e-3, 10.1e-3) + PRECESS_GAMMABAR * 0.02 * 1.15e-3) < 1e-9);
	assert_true(fabs(draw_gradient(d, 0, 10.1e-3) - 0.01) < 1e-12);
	assert_true(fabs(draw_gradient(d, 1, 1e-3 + 5e-3 * 0.375) - 0.01) < 1e-12);
	assert_true(fabs(draw_gradient(d, 1, 1e-3 + 1e-15) - 0.005) < 1e-9);
	draw_free(d);
	program_free(p);
}

static void readouts(void **state)
{
	struct program *p = make();
	double k[3 * SAMPLES], tau[SAMPLES];
	struct draw *d;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	/* The ADC lies beyond the trapezoid here: kx stays; then with a uniform step. */
	draw_readout(d, 0, k, tau);
	assert_true(k[3 * (SAMPLES - 1)] == 0 && fabs(tau[3] - 5.03e-3) < 1e-15);
	p->readout->step[0] = STEP;
	draw_readout(d, 0, k, tau);
	assert_true(fabs(k[9] - 3 * 8.5154) < 1e-9);
	draw_free(d);
	p->readout->step[0] = PROGRAM_NO_SLOT;
	p->op[ADC_START].value = 1e-4; /* half the rise is sampled */
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	draw_readout(d, 0, k, tau);
	for (int i = 0; i < SAMPLES; i++)
		assert_true(fabs(k[3 * i] - draw_moment(d, 0, 10.105e-3, 10.105e-3 + i * 1e-5)) <
			    1e-9);
	assert_true(fabs(k[3] - PRECESS_GAMMABAR * 0.02 * 1e-5 * 0.55) < 1e-9);
	draw_free(d);
	program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(catches_corruption),
		cmocka_unit_test(names),
		cmocka_unit_test(ranges),
		cmocka_unit_test(not_finite),
		cmocka_unit_test(events_in_order),
		cmocka_unit_test(moments),
		cmocka_unit_test(readouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
