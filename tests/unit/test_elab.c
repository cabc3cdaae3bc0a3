/* The elaborator: timings and k-space of the shipped sequences, the error corpus. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/elab_run.h"

#define PICOSECOND 1e-12

/* ------------------------------------------------------------------ a walk through a draw */
/* One pulse or window with its absolute times; windows with k, in cells, at sample n/2
 * (an excitation starts at 0, a refocusing pulse inverts). */
struct instant {
	const struct ir_event *e;
	double start, center, k[3];
};

/* Integral of a trapezoid from its start to time t, for amplitude 1. */
static double lobe(double rise, double flat, double fall, double t)
{
	double a = fmin(fmax(t, 0), rise), b = fmin(fmax(t - rise, 0), flat);
	double c = fmin(fmax(t - rise - flat, 0), fall);

	return (rise > 0 ? a * a / rise / 2 : 0) + b + (fall > 0 ? c - c * c / fall / 2 : 0);
}

static double grad_until(const struct ir *ir, const struct ir_event *g, const double *p, double t)
{
	return ir_eval(ir, g->amplitude, p) * lobe(ir_eval(ir, g->rise, p), ir_eval(ir, g->flat, p),
						   ir_eval(ir, g->fall, p),
						   t - ir_eval(ir, g->start, p));
}

static void advance(const struct ir *ir, const struct ir_block *b, const double *p, double from,
		    double to, double k[3])
{
	for (uint32_t i = 0; i < b->n_event; i++) {
		const struct ir_event *g = &ir->event[b->first_event + i];
		double cell;

		if (g->kind != IR_GRAD)
			continue;
		cell = ir->geometry.fov[g->axis] * ir->system.gamma;
		k[g->axis] += cell * (grad_until(ir, g, p, to) - grad_until(ir, g, p, from));
	}
}

static size_t walk(struct instant *out, const struct ir *ir, const double *p, bool restart)
{
	double k[3] = { 0, 0, 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < ir->n_block; i++) {
		const struct ir_block *b = &ir->block[i];
		double start = ir_eval(ir, b->start, p), done = 0;

		for (uint32_t j = 0; j < b->n_event; j++) {
			const struct ir_event *e = &ir->event[b->first_event + j];
			double center;

			if (e->kind == IR_GRAD)
				continue;
			center = ir_eval(ir, e->start, p) +
				 (e->kind == IR_RF ? ir_eval(ir, e->center, p)
						   : (e->n / 2 + 0.5) * ir_eval(ir, e->dwell, p));
			advance(ir, b, p, done, center, k);
			done = center;
			out[n] = (struct instant){ e, start, start + center, { k[0], k[1], k[2] } };
			n++;
			for (int a = 0; a < 3 && e->kind == IR_RF; a++) {
				if (e->use == IR_USE_excitation && restart)
					k[a] = 0;
				if (e->use == IR_USE_refocusing)
					k[a] = -k[a];
			}
		}
		advance(ir, b, p, done, 1e9, k);
	}
	return n;
}

static struct instant *walk_all(size_t *n, const struct ir *ir, const double *p, bool restart)
{
	struct instant *out = calloc(ir->n_event + 1, sizeof *out);

	*n = walk(out, ir, p, restart);
	return out;
}

/* ------------------------------------------------------------------ the three sequences */
static void fse_at(const struct ir *ir, double esp, double tolerance)
{
	double *p = draw(ir), excitation = 0;
	struct instant *w;
	size_t n, refocusings = 0, echoes = 0;

	p[param_index(ir, "ESP")] = esp;
	w = walk_all(&n, ir, p, true);
	for (size_t i = 0; i < n; i++) {
		const struct ir_event *e = w[i].e;

		if (e->kind == IR_RF && e->use == IR_USE_excitation) {
			excitation = w[i].center;
			refocusings = echoes = 0;
		} else if (e->kind == IR_RF) {
			refocusings++;
			assert_near(w[i].center - excitation, ((double)refocusings - 0.5) * esp,
				    tolerance);
		} else {
			int line = e->label[IR_LABEL_line];

			echoes++;
			assert_near(w[i].center - excitation, (double)echoes * esp, tolerance);
			assert_int_equal(line, e->label[IR_LABEL_shot] + 8 * ((int)echoes - 1));
			assert_near(w[i].k[0], 0, 1e-9);
			assert_near(w[i].k[1], line - 64, 1e-9);
			assert_near(w[i].k[2], 0, 1e-9);
		}
	}
	assert_int_equal(echoes, 16);
	free(w);
	free(p);
}

static void test_fse(void **state)
{
	struct run r = run_file("sequences/fse.seq", NULL);
	double v;

	(void)state;
	assert_clean(&r);
	fse_at(r.ir, 10e-3, PICOSECOND);
	fse_at(r.ir, 8e-3, PICOSECOND);
	fse_at(r.ir, 12.3456789e-3, 5e-6 + PICOSECOND); /* half a raster */
	assert_string_equal(r.ir->mark[0].name, "TE");
	v = ir_eval(r.ir, r.ir->mark[0].value, (double[]){ 10e-3, 1 });
	assert_near(v, 90e-3, PICOSECOND);
	run_end(&r);
}

/* Shots between resets must be alike symbol for symbol: passes share their history. */
static void test_fse_shots_alike(void **state)
{
	struct run r = run_file("sequences/fse.seq", NULL);
	uint32_t shot = 0;

	(void)state;
	assert_clean(&r);
	shot = r.ir->n_block / 8;
	for (uint32_t i = shot; i < r.ir->n_block; i++) {
		assert_int_equal(r.ir->block[i].kind, r.ir->block[i % shot].kind);
		assert_int_equal(r.ir->block[i].duration, r.ir->block[i % shot].duration);
	}
	run_end(&r);
}

static void test_gre_epi(void **state)
{
	struct run r = run_file("sequences/gre_epi.seq", NULL);
	double te = 71.3e-3, esp = 0.4321e-3, *p;
	struct instant *w;
	size_t n;

	(void)state;
	assert_clean(&r);
	p = draw(r.ir);
	p[param_index(r.ir, "TE")] = te;
	p[param_index(r.ir, "ESP")] = esp;
	w = walk_all(&n, r.ir, p, true);
	assert_int_equal(n, 129);
	for (size_t i = 1; i < n; i++) {
		const struct ir_event *e = w[i].e;
		double dwell = ir_eval(r.ir, e->dwell, p);
		double line = e->label[IR_LABEL_line];

		assert_near(line, (double)i - 1, 0);
		assert_int_equal(e->n, 128);
		assert_near(dwell, esp / 129, PICOSECOND);
		assert_int_equal(e->label[IR_LABEL_reverse], (i - 1) % 2);
		/* the centre of (line, sample 64) lies (line - 64) ESP from TE */
		assert_near(w[i].start + 64.5 * dwell - w[0].center, te + (line - 64) * esp,
			    PICOSECOND);
		/* on the grid both ways: an odd line reads 63 .. -64 */
		assert_near(w[i].k[0], (i - 1) % 2 ? -1 : 0, 1e-9);
		assert_near(w[i].k[1], line - 64, 1e-9);
	}
	free(w);
	free(p);
	run_end(&r);
}

static void test_moled(void **state)
{
	static const double pulse[] = { -55e-3, -41e-3, -26e-3, -11e-3, 0 };
	static const double echo_x[] = { 18, -6, 6, -18 }, echo_y[] = { 48, 16, -16, -48 };
	struct run r = run_file("sequences/moled.seq", NULL);
	double esp = 0.54e-3, t0, *p;
	struct instant *w;
	size_t n, lines = 0;

	(void)state;
	assert_clean(&r);
	p = draw(r.ir);
	p[param_index(r.ir, "ESP")] = esp;
	w = walk_all(&n, r.ir, p, false);
	assert_int_equal(n, 5 + 128);
	t0 = w[4].center;
	for (int i = 0; i < 5; i++)
		assert_near(w[i].center - t0, pulse[i], PICOSECOND);
	/* what pulse i excited has gathered k(refocusing) - k(pulse), and refocuses where the
	 * acquired grid passes that */
	for (int i = 0; i < 4; i++) {
		assert_near(w[4].k[0] - w[i].k[0], echo_x[i], 1e-9);
		assert_near(w[4].k[1] - w[i].k[1], echo_y[i], 1e-9);
	}
	for (size_t i = 5; i < n; i++, lines++) {
		double center = w[i].start + 64.5 * esp / 129;

		/* line l is centred (l + 1/2) ESP after t_s = 11 ms - 16.5 ESP */
		assert_near(center - t0, 11e-3 - 16.5 * esp + ((double)lines + 0.5) * esp,
			    PICOSECOND);
		/* from the refocusing pulse on, the grid itself: -64 .. 63 */
		assert_near(w[i].k[1] + w[4].k[1], (double)lines - 64, 1e-9);
	}
	assert_near(w[5 + 16].start + 64.5 * esp / 129 - t0, 11e-3, PICOSECOND);
	free(w);
	free(p);
	run_end(&r);
}

/* Every solved delay of every sequence, at the corners of its domain. */
static void test_delays_nonnegative(void **state)
{
	static const char *const files[] = {
		"fse",
		"gre_epi",
		"moled",
		"01_fid",
		"02_spin_echo",
		"03_gradient_echo",
		"04_inversion_recovery",
		"05_multi_echo",
		"06_bssfp",
		"07_spin_echo_epi",
		"08_slice_select",
	};

	(void)state;
	for (size_t f = 0; f < PRECESS_COUNT(files); f++) {
		char path[64];
		struct run r;
		double *p;

		snprintf(path, sizeof path, "sequences/%s.seq", files[f]);
		r = run_file(path, NULL);
		assert_clean(&r);
		p = draw(r.ir);
		for (uint32_t corner = 0; corner < 4; corner++) {
			for (uint32_t i = 0; i < r.ir->n_param; i++)
				p[i] = corner >> (i % 2) & 1 ? r.ir->param[i].hi
							     : r.ir->param[i].lo;
			for (uint32_t i = 0; i < r.ir->n_block; i++)
				assert_true(ir_eval(r.ir, r.ir->block[i].duration, p) >= -1e-13);
		}
		free(p);
		run_end(&r);
	}
}

/* ------------------------------------------------------------------ diagnostics */
static void test_corpus(void **state)
{
	static const char *const says[] = {
		"A01.seq:10:15: error[E10]: cannot add `FA` (an angle) to `ESP` (a time)",
		"A02.seq:10:11: error[E11]: `flip` wants an angle, found the plain number `90`",
		"error[E20]: the delay before `play gx & adc` is negative for ESP < 4.04ms",
		"error[E21]: `gx` needs 389 T/m/s at ESP = 0.375ms, the limit is 200; playable for "
		"ESP >= "
		"0.523",
		"error[E01]: unknown unit in `15mss`",
		"error[E02]: expected an expression, found end of line",
		"error[E02]: expected an operator, `,` or `)`, found `1ms`",
		"error[E03]: the text opened here is not closed on this line",
		"A09.seq:10:4: error[E30]: `if` needs a value known at compile time, `ESP` is a "
		"parameter",
		"error[E31]: loop bound is 8/3, not a whole number",
		"help: did you mean `epi_train` (std.epi)?",
		"error[E13]: `epi_train` has no argument `line`; it takes esp, lines, samples",
		"error[E04]: a parameter needs a range",
		"error[E14]: empty range: 15ms > 8ms",
		"error[E15]: default 20ms is outside 8ms .. 15ms",
		"error[E11]: range ends are numbers, `angle` wanted",
		"error[E22]: two gradients play on x at once: `gx` 0 .. 2.64ms and `pre` 0 .. "
		"0.44ms",
		"error[E23]: RF and ADC overlap 0.1ms .. 0.6ms in this block",
		"error[E40]: k-space line 0 (echo 0) is written twice: shot 0 and shot 4; lines 8 "
		".. 15 are "
		"never read",
		"error[E24]: `e` is played inside `for shot` (9:1) and is not visible here",
		"error[E16]: cycle: TE -> TE2 -> TE",
		"warning[E25]: dwell = ESP/128 is not on the 100ns ADC raster; it is rounded by at "
		"most 50ns",
		"error[E50]: this is a Pulseq file (1.5.0)",
		"error[E51]: this compiler knows language version 1",
		"error[E17]: no module `std.epii`",
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(says); i++) {
		char path[64];
		struct run r;

		snprintf(path, sizeof path, "tests/golden/errors/A%02zu.seq", i + 1);
		r = run_file(path, NULL);
		assert_says(&r, says[i]);
		/* each file holds one kind of mistake, and says nothing else */
		assert_true(diag_count(r.l, SEVERITY_ERROR) <= (i == 2 ? 2 : 1));
		assert_int_equal(diag_count(r.l, SEVERITY_WARNING), i == 21);
		run_end(&r);
	}
}

/* The range that the refusal offers is playable: typed back, nothing is said. */
static void test_offered_range_works(void **state)
{
	struct run r = run_edited("tests/golden/errors/A04.seq", "0.375ms .. 0.55ms   = 0.45ms",
				  "0.5232ms .. 0.55ms = 0.53ms");

	(void)state;
	assert_clean(&r);
	run_end(&r);
	r = run_edited("tests/golden/errors/A03.seq", "3ms .. 15ms", "4.04ms .. 15ms");
	assert_clean(&r);
	run_end(&r);
	r = run_edited("sequences/gre_epi.seq", "40ms .. 80ms", "20ms .. 80ms");
	assert_says(&r, "negative for TE < ");
	run_end(&r);
}

#define HEAD "seq 1\nsequence t\nsystem = ideal\ngeometry fov = 200mm, matrix = 8, slice = 5mm\n"

/* One small program each, and what must be said about it. */
static void test_messages(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ HEAD "let gx = trapezoid(x, area = 100/m)\n",
		  "E26]: `trapezoid` has no shortest duration under `system = ideal`" },
		{ HEAD "const n = 3\nconst n = 4\n", "E18]: `n` is declared twice" },
		{ HEAD "def f(n: int) -> int = f(n)\nlet k = f(3)\n", "E19]" },
		{ HEAD "require 1 > 2 \"never\"\n", "E32]: requirement not met: never" },
		{ HEAD "param TE : time in 1ms .. 2ms\nrequire TE > 3ms\ndelay TE\n", "E32]" },
		{ HEAD "play hard(90deg, 1ms)\nplay hard(90deg, 1ms) with middle at 5ms\n",
		  "E12]: `hard` has no anchor `middle`" },
		{ HEAD "let a = [1, 2, 3]\nlet b = a[3]\n",
		  "E34]: index 3 is outside 0 .. 2 of `a`" },
		{ HEAD "for i in 0 ..< 2 {\n  let i = 3\n}\n", "E18]: `i` is declared twice" },
		{ HEAD "const k = 1\nfor i in 0 ..< 2 {\n  let k = 3\n}\n",
		  "W04]: `k` hides another `k`" },
		{ HEAD "param SG : number in 0 .. 1\nplay hard(90deg, 1ms)\n",
		  "W01]: parameter `SG` never reaches a played event" },
		{ HEAD "map dB0 : frequency in -1Hz .. 1Hz\nplay hard(90deg, 0.1ms)\n", "W02]" },
		{ HEAD "map T3 : time = 1s\n", "E12]: no map `T3`" },
		{ HEAD "let e = sqrt(2ms)\n", "E10]: a time has no square root" },
		{ HEAD "let e = sin(90)\n", "E11]: `x` wants an angle" },
		{ HEAD
		  "let g = combine(trapezoid(x, area = 1/m, flat = 1ms), trapezoid(y, area = 1/m, "
		  "flat = 1ms))\n",
		  "E29]" },
		{ HEAD "import std.epi (epi_train)\nimport std.epi (nothing)\n",
		  "E12]: no `nothing` in std.epi" },
		{ HEAD "play epi_train(esp = 1ms)\n", "help: add `import std.epi (epi_train)`" },
		{ HEAD "let d = 1ms / 0\n", "E33]: division by zero" },
		{ HEAD "delay 1ms - 2ms\n", "E20]: this delay is negative" },
		{ HEAD "play adc(8, duration = 1ms, line = 9)\n",
		  "E41]: line 9 is outside 0 .. 7" },
		{ HEAD "play adc(8, duration = 1ms, line = 3)\n",
		  "W05]: k-space lines 0 .. 2, 4 .. 7 are never" },
		{ HEAD "play x\n", "E11]: `play` wants" },
		{ HEAD "for i in 0 ..< 5000000 {\n  delay 1us\n}\n", "E28]: too many blocks" },
		{ "seq 1\nsequence t\nsystem max_b1 = 10uT\nplay hard(180deg, 500us)\n",
		  "E27]: `hard` needs 23.5 uT of B1, the limit is 10" },
		{ "seq 1\nsequence t\nsystem = default\nlet g = trapezoid(x, amplitude = 50mT/m, "
		  "flat = "
		  "1ms)\nplay g\n",
		  "E21]: `g` needs 50 mT/m, the limit is 40" },
		{ "seq 1\nsequence t\nsystem = default\nplay trapezoid(x, amplitude = 5mT/m, rise "
		  "= 0us, flat "
		  "= 1ms)\n",
		  "E21]: the gradient on x jumps here" },
		{ "seq 1\nsequence t\nsystem = prismo\n", "did you mean `prisma`" },
		{ "seq 1\nsequence t\nsystem max_gard = 40mT/m\n", "did you mean `max_grad`" },
		{ "seq 1\nsequence t\nplay hard(90deg, 1ms)\n", "W06]: no `system` line" },
		{ "seq 1\nsequence t\nsystem = ideal\nlet a = matrix.x\n",
		  "add `matrix = [128, 128]`" },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		struct run r = run_text("t.seq", cases[i].text, NULL);

		assert_says(&r, cases[i].says);
		run_end(&r);
	}
}

/* ------------------------------------------------------------------ the language */
static void test_values(void **state)
{
	struct run r = run_text(
		"t.seq",
		HEAD
		"let a = (-1)^3 + 7 / 2 * 2 \"\"\n"
		"let b = 2^-1 + 10 % 3 + (0 - 1) % 3 \"\"\n"
		"let c = [1, 2, 3]mT/m \"\"\n"
		"let d = length(c) + max(2, 3) + floor(7 / 2) \"\"\n"
		"let e = sqrt(4ms * 1ms) \"\"\n"
		"let f = trapezoid(x, area = 1mT*ms/m, duration = 2ms).amplitude \"\"\n"
		"let g = second \"\"\n"
		"let h = p.center - q.start \"\"\n"
		"const first = 3\n"
		"let second = first + 1\n"
		"def twice(n: int) -> int {\n  if n > 2 { return 2 * n } else { return n }\n}\n"
		"let i = twice(2) + twice(3) \"\"\n"
		"play q = hard(90deg, 1ms)\nplay p = hard(90deg, 1ms) with end at 10ms\n",
		NULL);

	(void)state;
	assert_non_null(r.ir);
	assert_near(mark_value(r.ir, "a"), 6, 0);
	assert_near(mark_value(r.ir, "b"), 0.5 + 1 + 2, 0);
	assert_near(mark_value(r.ir, "c[1]"), 2e-3, 1e-18);
	assert_near(mark_value(r.ir, "d"), 9, 0);
	assert_near(mark_value(r.ir, "e"), 2e-3, 1e-18);
	assert_near(mark_value(r.ir, "f"), 0.5e-3, 1e-15);
	assert_near(mark_value(r.ir, "g"), 4, 0);
	assert_near(mark_value(r.ir, "h"), 9.5e-3, PICOSECOND);
	assert_near(mark_value(r.ir, "i"), 8, 0);
	run_end(&r);
}

/* Shortest lobes have their area exactly, and obey the limits. */
static void test_trapezoids(void **state)
{
	struct run r = run_text(
		"t.seq",
		"seq 1\nsequence t\nsystem = default\n"
		"let a = trapezoid(x, area = 30/m)\n"
		"let b = trapezoid(x, area = 3000/m)\n"
		"let c = trapezoid(x, area = 300/m, duration = 1ms)\n"
		"let d = trapezoid(x, flat_area = 300/m, duration = 1ms)\n"
		"let e = trapezoid(x, area = 300/m, flat = 0.5ms)\n"
		"let area_a = a.area \"\"\nlet area_b = b.area \"\"\nlet area_c = c.area \"\"\n"
		"let area_d = d.flat_area \"\"\nlet area_e = e.area \"\"\n"
		"let flat_a = a.flat \"\"\nlet rise_c = c.rise \"\"\n"
		"play a\nplay b\nplay c\nplay d\nplay e\n",
		NULL);

	(void)state;
	assert_clean(&r);
	assert_near(mark_value(r.ir, "area_a"), 30, 1e-9);
	assert_near(mark_value(r.ir, "area_b"), 3000, 1e-9);
	assert_near(mark_value(r.ir, "area_c"), 300, 1e-9);
	assert_near(mark_value(r.ir, "area_d"), 300, 1e-9);
	assert_near(mark_value(r.ir, "area_e"), 300, 1e-9);
	assert_near(mark_value(r.ir, "flat_a"), 0, 0);
	assert_near(mark_value(r.ir, "rise_c"), 50e-6, 1e-15);
	run_end(&r);
}

static void test_require_narrows(void **state)
{
	struct run r = run_text("t.seq",
				HEAD "param TE : time in 0ms .. 9ms = 5ms\nrequire TE >= 2ms\n"
				     "play a = hard(90deg, 1ms)\n"
				     "play hard(90deg, 1ms) with start at a.start + TE\n",
				NULL);

	(void)state;
	assert_clean(&r);
	assert_int_equal(r.ir->n_require, 1);
	run_end(&r);
}

static void test_slice_select(void **state)
{
	struct run r =
		run_text("t.seq",
			 "seq 1\nsequence t\nsystem = default\n"
			 "geometry fov = 200mm, matrix = 8, slice = 5mm\n"
			 "let exc = slice_select(sinc(90deg, 2ms, tbw = 4, use = excitation))\n"
			 "let area = exc.grad.area + 2 * exc.rephase.area \"\"\n"
			 "let strength = exc.grad.amplitude \"\"\n"
			 "play exc\nplay exc.rephase\n",
			 NULL);

	(void)state;
	assert_clean(&r);
	assert_near(mark_value(r.ir, "area"), 0, 1e-9);
	assert_near(mark_value(r.ir, "strength"), 2000 / (PRECESS_GAMMABAR * 5e-3), 1e-15);
	run_end(&r);
}

/* Elaborating twice gives the same IR. */
static void test_deterministic(void **state)
{
	struct run a = run_file("sequences/fse.seq", NULL), b = run_file("sequences/fse.seq", NULL);

	(void)state;
	assert_clean(&a);
	assert_string_equal(a.ir->hash, b.ir->hash);
	run_end(&a);
	run_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fse),
		cmocka_unit_test(test_fse_shots_alike),
		cmocka_unit_test(test_gre_epi),
		cmocka_unit_test(test_moled),
		cmocka_unit_test(test_delays_nonnegative),
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_offered_range_works),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_trapezoids),
		cmocka_unit_test(test_require_narrows),
		cmocka_unit_test(test_slice_select),
		cmocka_unit_test(test_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
