/* Waveforms from samples: `arbitrary` gradients and `shape` pulses, from arrays and from files, and
 * what must hold at their edges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/io/io.h"
#include "tests/unit/elab_run.h"

#define HEAD "seq 1\nsequence t\nsystem = default\n"

static struct elab_options with_files(void)
{
	return (struct elab_options){ .reader = io_read_samples };
}

static void says(const char *text, const char *what)
{
	struct elab_options o = with_files();
	struct run r = run_text("t.seq", text, &o);

	assert_says(&r, what);
	run_end(&r);
}

/* ------------------------------------------------------------------ gradients */
static void test_arbitrary_array(void **state)
{
	struct run r = run_text("t.seq",
				HEAD "let a = arbitrary(x, [0, 5, 10, 5, 0]mT/m, dwell = 100us)\n"
				     "let b = arbitrary(y, [2, 4]mT/m, duration = 1ms, "
				     "last = 4mT/m)\n"
				     "let area_a = a.area \"\"\nlet area_b = b.area \"\"\n"
				     "let time_a = a.duration \"\"\n"
				     "play a\nplay b\n"
				     "play trapezoid(y, amplitude = 4mT/m, rise = 0us, "
				     "flat = 0.1ms, fall = 0.1ms)\n",
				NULL);
	const struct ir_event *e;

	(void)state;
	assert_clean(&r);
	/* straight lines between the samples: 2.5 + 7.5 + 7.5 + 2.5 mT/m over 100 us each */
	assert_near(mark_value(r.ir, "area_a"), PRECESS_GAMMABAR * 20e-3 * 100e-6, 1e-9);
	/* 0 to 2 in a quarter, 2 to 4 in a half, 4 in the last quarter of 1 ms */
	assert_near(mark_value(r.ir, "area_b"), PRECESS_GAMMABAR * (0.25 + 1.5 + 1) * 1e-6, 1e-9);
	assert_near(mark_value(r.ir, "time_a"), 0.5e-3, 1e-15);
	e = &r.ir->event[0];
	assert_int_equal(r.ir->shape[e->shape].n, 5);
	/* samples are stored relative to the largest */
	assert_near(ir_eval(r.ir, e->amplitude, NULL), 10e-3, 1e-15);
	assert_near(r.ir->shape[e->shape].sample[1], 0.5, 1e-15);
	run_end(&r);
}

static void test_arbitrary_wrong(void **state)
{
	(void)state;
	says(HEAD "play arbitrary(x, [0, 5, 0], dwell = 100us)\n",
	     "help: write the unit after the array: `[0, 10, 0]mT/m`");
	says(HEAD "play arbitrary(x, [0, 5, 0]mT/m)\n", "E13]: `arbitrary` wants either");
	says(HEAD "play arbitrary(x, [0, 5, 0]mT/m, dwell = 10us, duration = 1ms)\n", "E13]");
	says(HEAD "play arbitrary(x, [0, 50, 0]mT/m, dwell = 1ms)\n", "E21]");
	says(HEAD "play arbitrary(x, [0, 30, 0]mT/m, dwell = 10us)\n", "E21]");
	says(HEAD "param G : gradient in 1mT/m .. 2mT/m\n"
		  "play arbitrary(x, [G, G], dwell = 1ms)\n", "E30]");
	says(HEAD "param G : gradient in 1mT/m .. 2mT/m\n"
		  "play arbitrary(x, [1, 1]mT/m, dwell = 1ms, first = G)\n", "E30]: `first`");
}

/* A waveform that begins or ends with something must join its like. */
static void test_edges(void **state)
{
	static const char jump[] = "E21]: the gradient on x jumps here";

	(void)state;
	says(HEAD "play arbitrary(x, [1, 2]mT/m, dwell = 1ms, first = 1mT/m)\n", jump);
	says(HEAD "play arbitrary(x, [1, 2]mT/m, dwell = 1ms, last = 2mT/m)\n", jump);
	says(HEAD "play arbitrary(x, [1, 2]mT/m, dwell = 1ms, last = 2mT/m)\ndelay 1ms\n", jump);
	says(HEAD "play arbitrary(x, [1, 2]mT/m, dwell = 1ms, last = 2mT/m)\n"
		  "play arbitrary(x, [2, 1]mT/m, dwell = 1ms, first = 1mT/m)\n", jump);
	/* the block goes on while the waveform has ended */
	says(HEAD "play arbitrary(x, [1, 2]mT/m, dwell = 1ms, last = 2mT/m) & hard(9deg, 5ms)\n",
	     jump);
}

static void test_edges_join(void **state)
{
	struct run r = run_text("t.seq",
				HEAD "let up = arbitrary(x, [1, 2]mT/m, dwell = 1ms, "
				     "last = 3mT/m)\n"
				     "let down = arbitrary(x, [2, 1]mT/m, dwell = 1ms, "
				     "first = 3mT/m)\n"
				     "play up\nplay down\nplay -up\nplay -down\n",
				NULL);

	(void)state;
	assert_clean(&r);
	run_end(&r);
}

/* ------------------------------------------------------------------ pulses */
static void test_shape_array(void **state)
{
	struct run r = run_text("t.seq",
				HEAD "let p = shape([0, 0.5, 1, 0.5, 0], 30deg, 1ms, "
				     "use = excitation)\n"
				     "let q = shape([1, 1], 30deg, 1ms, bandwidth = 2kHz)\n"
				     "let b = q.bandwidth \"\"\nplay p\nplay q\n",
				NULL);
	const struct ir_event *e;
	double sum = 0;

	(void)state;
	assert_clean(&r);
	e = &r.ir->event[0];
	assert_int_equal(e->use, IR_USE_excitation);
	assert_int_equal(r.ir->shape[e->shape].n, 5);
	for (int i = 0; i < 5; i++)
		sum += r.ir->shape[e->shape].sample[2 * i];
	assert_near(sum, 5, 1e-12); /* mean 1: the flip angle is the integral */
	assert_near(ir_eval(r.ir, e->flip, NULL), 30 * M_PI / 180, 1e-15);
	assert_near(mark_value(r.ir, "b"), 2000, 0);
	run_end(&r);
}

/* The largest sample, not the mean, must stay below max_b1: 90 deg in 1 ms are 5.87 uT on average,
 * 14.7 uT at the peak of this shape. */
static void test_shape_b1(void **state)
{
	(void)state;
	says("seq 1\nsequence t\nsystem max_b1 = 10uT\n"
	     "play shape([0, 0.5, 1, 0.5, 0], 90deg, 1ms)\n", "E27]");
	says("seq 1\nsequence t\nsystem max_b1 = 10uT\n"
	     "play shape([0, 0.5, 1, 0.5, 0], 90deg, 1ms)\n", "needs 14.7 uT of B1");
}

static void test_rf_raster(void **state)
{
	(void)state;
	says(HEAD "play hard(30deg, 100.5us)\n",
	     "W07]: the duration 0.1005ms of `hard` is not on the 1us RF raster");
	says(HEAD "play sinc(30deg, 1.0001ms)\n", "help: the nearest are 1ms and 1.001ms");
}

/* ------------------------------------------------------------------ files */
static struct run run_with(const char *statement, const char *samples)
{
	char path[] = "/tmp/precess-samples-XXXXXX", text[512];
	struct elab_options o = with_files();
	int file = mkstemp(path);
	struct run r;

	assert_true(file >= 0);
	close(file);
	assert_int_equal(file_write(path, samples, strlen(samples)), PRECESS_OK);
	snprintf(text, sizeof text, statement, path);
	r = run_text("t.seq", text, &o);
	unlink(path);
	return r;
}

static void test_files(void **state)
{
	struct run r = run_with(HEAD "let g = arbitrary(x, \"%s\", dwell = 1ms)\n"
				     "let area = g.area \"\"\nplay g\n",
				"0\n1e-3\n2e-3\n0\n");

	(void)state;
	assert_clean(&r); /* T/m in a file */
	assert_near(mark_value(r.ir, "area"), PRECESS_GAMMABAR * 3e-6, 1e-9);
	run_end(&r);
	r = run_with(HEAD "play shape(\"%s\", 30deg, 1ms)\n", "1 0\n2 1\n1 0\n");
	assert_clean(&r); /* two numbers a line: complex */
	assert_int_equal(r.ir->shape[r.ir->event[0].shape].n, 3);
	assert_near(r.ir->shape[r.ir->event[0].shape].sample[3], 0.75, 1e-12);
	run_end(&r);
	r = run_with(HEAD "play arbitrary(x, \"%s\", dwell = 1ms)\n", "1 0\n2 1\n");
	assert_says(&r, "E11]: `samples` wants gradients");
	run_end(&r);
	r = run_with(HEAD "play shape(\"%s\", 30deg, 1ms)\n", "one\n");
	assert_says(&r, "E36]");
	run_end(&r);
	says(HEAD "play shape(\"/nonexistent/p.h5:/rf\", 30deg, 1ms)\n", "E36]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arbitrary_array),
		cmocka_unit_test(test_arbitrary_wrong),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_edges_join),
		cmocka_unit_test(test_shape_array),
		cmocka_unit_test(test_shape_b1),
		cmocka_unit_test(test_rf_raster),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
