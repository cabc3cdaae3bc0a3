/* runtime/plot/page.c: the JSON of a page, read by another's parser, is the event list, number for
 * number; k-space is draw_readout's but for a constant per readout. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/plot/plot.h"
#include "tests/unit/compile_file.h"

static const double time_grain = 0.5e-12; /* s: times are whole picoseconds */

/* The page's data; the caller's to release. */
static json_t *page_data(const struct draw *d, const struct plot_options *o)
{
	static const char begins[] = "<script type=\"application/json\" id=\"data\">";
	char path[] = "/tmp/precess-page-XXXXXX", *page, *at, *end;
	json_error_t error;
	json_t *data;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(plot_page(path, d, o), PRECESS_OK);
	assert_int_equal(file_read(&page, NULL, path, 64 << 20), PRECESS_OK);
	assert_int_equal(unlink(path), 0);
	assert_non_null(at = strstr(page, begins));
	at += strlen(begins);
	assert_non_null(end = strstr(at, "</script>"));
	assert_null(strstr(page, "@DATA@"));
	assert_null(strstr(page, "@SCRIPT@"));
	assert_null(strstr(page, "http")); /* nothing is loaded from elsewhere */
	data = json_loadb(at, (size_t)(end - at), 0, &error);
	if (!data)
		fail_msg("line %d: %s", error.line, error.text);
	free(page);
	return data;
}

static double number(const json_t *list, size_t i)
{
	return json_number_value(json_array_get(list, i));
}

static void check_number(const json_t *list, size_t i, double want)
{
	if (number(list, i) != want)
		fail_msg("item %zu is %.17g, not %.17g", i, number(list, i), want);
}

static void check_shape(const json_t *row, size_t i, uint32_t shape)
{
	check_number(row, i, shape == PROGRAM_NO_SHAPE ? -1 : (double)shape);
}

static void check_event(const json_t *row, const struct draw_event *e)
{
	size_t i = 0;

	if (e->kind == PROGRAM_GRAD)
		check_number(row, i++, e->axis);
	check_number(row, i++, (double)e->start);
	check_number(row, i++, (double)e->duration);
	if (e->kind == PROGRAM_ADC)
		check_number(row, i++, e->n);
	if (e->kind == PROGRAM_GRAD) {
		check_number(row, i++, e->amplitude);
		check_number(row, i++, (double)e->rise);
		check_number(row, i++, (double)e->fall);
		check_shape(row, i, e->shape);
		return;
	}
	if (e->kind == PROGRAM_RF)
		check_number(row, i++, e->flip);
	if (e->kind == PROGRAM_RESET)
		return;
	check_number(row, i++, e->phase);
	check_number(row, i++, e->freq);
	if (e->kind == PROGRAM_RF)
		check_shape(row, i, e->shape);
}

static void check_events(const json_t *data, const struct draw *d)
{
	static const char *const names[] = { [PROGRAM_RF] = "rf", [PROGRAM_GRAD] = "grad",
					     [PROGRAM_ADC] = "adc", [PROGRAM_RESET] = "resets" };
	size_t n[PRECESS_COUNT(names)] = { 0 };

	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];

		check_event(json_array_get(json_object_get(data, names[e->kind]), n[e->kind]++), e);
	}
	for (size_t k = 0; k < PRECESS_COUNT(names); k++)
		assert_int_equal(json_array_size(json_object_get(data, names[k])), n[k]);
}

static void check_shapes(const json_t *data, const struct program *p)
{
	const json_t *shapes = json_object_get(data, "shapes");

	assert_int_equal(json_array_size(shapes), p->n_shape);
	for (uint32_t i = 0; i < p->n_shape; i++) {
		const struct program_shape *s = &p->shape[i];
		const json_t *samples = json_object_get(json_array_get(shapes, i), "samples");
		uint32_t n = s->is_complex ? 2 * s->n : s->n;

		assert_int_equal(json_array_size(samples), n);
		for (uint32_t k = 0; k < n; k++)
			check_number(samples, k, s->sample[k]);
	}
}

static void check_blocks(const json_t *data, const struct draw *d)
{
	const json_t *blocks = json_object_get(data, "blocks"), *texts = json_object_get(data, "texts");
	const struct program *p = d->program;

	assert_int_equal(json_array_size(blocks), p->n_block);
	for (uint32_t i = 0; i < p->n_block; i++) {
		const struct program_block *b = &p->block[i];
		const json_t *row = json_array_get(blocks, i);
		size_t text = (size_t)number(row, 3);

		assert_true(fabs(number(row, 0) * 1e-12 - d->value[b->start]) <= time_grain * 1.01);
		assert_true(fabs(number(row, 1) * 1e-12 - d->value[b->duration]) <= time_grain * 1.01);
		check_number(row, 2, b->kind);
		assert_string_equal(json_string_value(json_array_get(texts, text)),
				    b->text ? b->text : "");
		assert_string_equal(json_string_value(json_array_get(row, 4)),
				    b->where ? b->where : "");
		check_number(row, 5, b->line);
	}
}

/* Each kept sample against draw_readout, the first sample of both taken off. */
static void check_trajectory(const json_t *data, const struct draw *d)
{
	const json_t *all = json_object_get(data, "k");
	const struct program *p = d->program;

	assert_int_equal(json_array_size(all), p->n_readout);
	for (uint32_t r = 0; r < p->n_readout; r++) {
		const struct draw_event *e = &d->event[d->at[p->readout[r].event]];
		const json_t *row = json_array_get(all, r);
		size_t step = (size_t)number(row, 3), kept = (json_array_size(row) - 4) / 3;
		double *k = malloc(3 * e->n * sizeof *k), *tau = malloc(e->n * sizeof *tau);

		assert_non_null(k);
		assert_non_null(tau);
		draw_readout(d, r, k, tau);
		check_number(row, 0, (double)e->start);
		check_number(row, 1, e->dwell);
		check_number(row, 2, e->n);
		assert_int_equal(kept, e->n > 1 ? (e->n - 2) / step + 2 : 1);
		for (size_t j = 0; j < kept; j++) {
			size_t i = j * step < e->n ? j * step : e->n - 1;

			for (size_t a = 0; a < 3; a++) {
				double moved = number(row, 4 + 3 * j + a) - number(row, 4 + a);

				/* nine digits of some 1e3/m */
				assert_true(fabs(moved - (k[3 * i + a] - k[a])) < 1e-5);
			}
		}
		free(k);
		free(tau);
	}
}

static void page_is_the_event_list(void **state)
{
	static const char *const files[] = { "sequences/moled.seq", "sequences/10_spiral.seq",
					     "sequences/06_bssfp.seq", "sequences/08_slice_select.seq",
					     "sequences/fse.seq" };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(files); i++) {
		struct program *p = compile_program(files[i], NULL);
		struct draw *d;
		json_t *data;

		assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
		data = page_data(d, NULL);
		assert_string_equal(json_string_value(json_object_get(data, "name")), p->name);
		assert_true(json_integer_value(json_object_get(data, "duration")) == d->duration);
		assert_true(json_integer_value(json_object_get(data, "to")) == d->duration);
		check_events(data, d);
		check_shapes(data, p);
		check_blocks(data, d);
		check_trajectory(data, d);
		json_decref(data);
		draw_free(d);
		program_free(p);
	}
}

/* What would end the script, or the string, does not. */
static void texts_cannot_break_out(void **state)
{
	struct program *p = compile_program("a.seq", "seq 1\n"
						     "sequence a \"</script><b> \\\"quoted\\\\ \"\n"
						     "system = ideal\n"
						     "play hard(90deg, 1ms)\n");
	const struct plot_options part = { .from = 0.25e-3, .to = 0.75e-3 };
	struct draw *d;
	json_t *data;

	(void)state;
	assert_int_equal(draw_create(&d, p, NULL, false), PRECESS_OK);
	data = page_data(d, &part);
	assert_string_equal(json_string_value(json_object_get(data, "doc")), p->doc);
	assert_non_null(strstr(p->doc, "</script>"));
	assert_int_equal(json_integer_value(json_object_get(data, "from")), 250000000);
	assert_int_equal(json_integer_value(json_object_get(data, "to")), 750000000);
	assert_int_equal(json_array_size(json_object_get(data, "k")), 0);
	json_decref(data);
	draw_free(d);
	program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_is_the_event_list),
		cmocka_unit_test(texts_cannot_break_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
