/* What the compiler must find in the three sequences of sequences/: one spin history for all shots
 * of FSE, one train of 128 lines in the EPI ones, echoes where they belong. */
#include "compiler/elab/elab.h"
#include "compiler/lower/lower.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/check_moments.h"

static const double cell = 1 / 0.22; /* of k-space, 1/m */

struct sequence {
	struct lang *l;
	struct ir *ir;
	struct program *p;
	struct draw *d; /* at the defaults */
};

static struct sequence compile(const char *path)
{
	struct sequence s = { .l = lang_create() };
	struct elab_options options = { 0 };
	struct node *file;
	struct text t;
	int lines = 0;

	assert_int_equal(lang_parse_file(&file, s.l, path), PRECESS_OK);
	s.ir = elab(s.l, file, &options);
	if (!s.ir) {
		text_init(&t);
		diag_print(&t, s.l, false, 0);
		fail_msg("%s", t.data);
	}
	if (lower(&s.p, s.ir, s.l, path) || draw_create(&s.d, s.p, NULL, false))
		fail_msg("%s", precess_error());
	text_init(&t);
	lower_explain(&t, s.ir, s.l, s.d);
	for (size_t i = 0; i < t.n; i++)
		lines += t.data[i] == '\n';
	assert_true(lines > 30 && lines < 80);
	if (getenv("SHOW"))
		fputs(t.data, stderr);
	text_free(&t);
	return s;
}

static void end(struct sequence *s)
{
	draw_free(s->d);
	program_free(s->p);
	ir_free(s->ir);
	lang_free(s->l);
}

static void only_lines(const struct program *p)
{
	assert_int_equal(p->n_readout, 128);
	for (uint32_t r = 0; r < p->n_readout; r++)
		assert_int_equal(p->readout[r].class_, PROGRAM_READOUT_LINE);
	for (uint32_t i = 0; i < p->n_pulse; i++)
		assert_int_equal(p->pulse[i].class_, PROGRAM_PULSE_HARD);
}

static int label(const struct program *p, uint32_t r, enum program_label l)
{
	return p->event[p->readout[r].event].label[l];
}

static void fse(void **state)
{
	struct sequence s = compile("sequences/fse.seq");
	const struct program *p = s.p;
	double esp = s.d->param[program_param_find(p, "ESP")];

	(void)state;
	only_lines(p);
	assert_int_equal(p->n_history, 1);
	assert_int_equal(p->history[0].n_shot, 8);
	assert_int_equal(p->n_epoch, 17);
	assert_int_equal(p->n_pulse, 2);
	for (uint32_t e = 1; e < 17; e++) {
		const struct program_epoch *o = &p->epoch[e];

		assert_int_equal(o->n_readout, 8);
		assert_int_equal(o->moment[1], 0);
		for (uint32_t r = o->first_readout; r < o->first_readout + 8; r++) {
			int line = label(p, r, PROGRAM_LABEL_line);
			double ky = s.d->value[p->readout[r].k[1]];

			assert_int_equal(line, (int)p->readout[r].shot + 8 * (int)(e - 1));
			assert_true(fabs(ky - (line - 64) * cell) < 1e-6);
		}
		assert_true(fabs(s.d->value[o->start] - s.d->value[p->epoch[0].start] -
				 (e - 0.5) * esp) < 1e-5); /* both half a raster off at most */
	}
	check_moments(p);
	end(&s);
}

static void one_train(const struct sequence *s, uint32_t n_epoch)
{
	const struct program *p = s->p;

	only_lines(p);
	assert_int_equal(p->n_history, 1);
	assert_int_equal(p->n_epoch, n_epoch);
	assert_int_equal(p->epoch[n_epoch - 1].n_readout, 128);
	assert_int_equal(p->n_train, 1);
	assert_int_equal(p->train[0].n_readout, 128);
	assert_true(fabs(s->d->value[p->train[0].dky] - cell) < 1e-6);
	assert_true(fabs(s->d->value[p->train[0].period] -
			 s->d->param[program_param_find(p, "ESP")]) < 1e-12);
}

static void gre_epi(void **state)
{
	struct sequence s = compile("sequences/gre_epi.seq");
	const struct program *p = s.p;
	const struct program_readout *r = &p->readout[64];
	double te, half;

	(void)state;
	one_train(&s, 1);
	te = s.d->param[program_param_find(p, "TE")];
	half = 0.5 * s.d->value[p->pulse[0].duration];
	assert_true(fabs(s.d->value[r->k[1]]) < 1e-6);
	/* 128 dwells and a blip of one make ESP: its middle is that of sample 64 */
	assert_true(fabs(s.d->value[r->time] + 64 * s.d->value[r->dwell] + half - te) < 1e-9);
	assert_true(fabs(s.d->value[p->readout[0].k[1]] + 64 * cell) < 1e-6);
	check_moments(p);
	end(&s);
}

/* Echo-shifting gradients in cells, sequences.md. */
static void moled(void **state)
{
	static const double x[] = { 24, -12, 24, -18 }, y[] = { 32, 32, 32, -48 };
	struct sequence s = compile("sequences/moled.seq");
	const struct program *p = s.p;

	(void)state;
	one_train(&s, 5);
	assert_int_equal(p->n_pulse, 2);
	for (int i = 0; i < 4; i++) {
		assert_true(fabs(s.d->value[p->epoch[i].moment[0]] - x[i] * cell) < 1e-6);
		assert_true(fabs(s.d->value[p->epoch[i].moment[1]] - y[i] * cell) < 1e-6);
	}
	check_moments(p);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fse),
		cmocka_unit_test(gre_epi),
		cmocka_unit_test(moled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
