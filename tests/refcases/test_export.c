/* What is exported is what was meant: read again it is the same list of events, soft delays follow
 * the parameter, and a simulation of it gives the same signal. */
#include "tests/refcases/elaborate.h"

static const char *const files[] = {
	"01_fid",
	"02_spin_echo",
	"03_gradient_echo",
	"04_inversion_recovery",
	"05_multi_echo",
	"06_bssfp",
	"07_spin_echo_epi",
	"08_slice_select",
	"09_radial",
	"10_spiral",
	"fse",
};

static struct ir *sequence(struct lang **l, const char *name)
{
	char path[64];
	struct ir *ir;

	snprintf(path, sizeof path, "sequences/%s.seq", name);
	*l = lang_create();
	ir = elaborated(*l, path, NULL, NULL);
	if (!ir)
		fail_msg("%s", precess_error());
	return ir;
}

static struct ir *exported(const struct ir *ir, const double *param, int minor, double tr)
{
	struct ir *back;
	struct text out;

	text_init(&out);
	if (pulseq_write(&out, ir, param, minor, tr, NULL) ||
	    pulseq_parse(&back, out.data, out.n, "out.seq", NULL))
		fail_msg("%s", precess_error());
	text_free(&out);
	return back;
}

/* Other values of the parameters, on a raster that all delays have in common. */
static void round_trip(void **state)
{
	uint32_t soft = 0;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(files); i++) {
		struct lang *l;
		struct ir *ir = sequence(&l, files[i]);
		double a[64], b[64];

		for (int minor = 4; minor <= 5; minor++) {
			struct ir *back = exported(ir, NULL, minor, 0);

			defaults(a, ir);
			defaults(b, back);
			if (pulseq_same(ir, a, back, b, 1e-9))
				fail_msg("%s as 1.%d: %s", files[i], minor, precess_error());
			for (uint32_t k = 0; k < back->n_param; k++) {
				uint32_t p = 0;

				while (strcmp(ir->param[p].name, back->param[k].name))
					assert_true(++p < ir->n_param);
				a[p] = b[k] =
					rint((a[p] + 0.01 * (ir->param[p].hi - a[p])) / 2e-4) *
					2e-4;
				soft++;
			}
			if (back->n_param && pulseq_same(ir, a, back, b, 1e-9))
				fail_msg("%s at another value: %s", files[i], precess_error());
			ir_free(back);
		}
		ir_free(ir);
		lang_free(l);
	}
	assert_int_equal(soft, 7);
}

static void limits(void **state)
{
	static const struct {
		double *limit;
		size_t offset;
		const char *want;
	} list[] = {
		{ NULL, offsetof(struct ir_system, max_grad), "a gradient of" },
		{ NULL, offsetof(struct ir_system, max_slew), "a slew rate of" },
		{ NULL, offsetof(struct ir_system, max_b1), "a pulse of" },
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(list); i++) {
		struct lang *l;
		struct ir *ir = sequence(&l, "07_spin_echo_epi");
		struct text out;

		text_init(&out);
		*(double *)((char *)&ir->system + list[i].offset) = 1e-6;
		assert_int_not_equal(pulseq_write(&out, ir, NULL, 5, 0, NULL), 0);
		if (!strstr(precess_error(), list[i].want))
			fail_msg("%s: expected %s", precess_error(), list[i].want);
		assert_true(out.n == 0);
		text_free(&out);
		ir_free(ir);
		lang_free(l);
	}
}

/* ------------------------------------------------------------------ signals */
static double *signal_of(size_t *n, struct ir *ir, struct lang *l)
{
	struct sim_point spin[24];
	struct program *p;
	struct draw *d;
	double *signal;

	for (int i = 0; i < 24; i++)
		spin[i] = (struct sim_point){ .r = { 0.09 * sin(1.7 * i), 0.09 * cos(2.3 * i),
						     2e-3 * sin(i) },
					      .m0 = 1,
					      .t1 = 0.1 + 0.01 * i,
					      .t2 = 0.04 + 0.002 * i,
					      .t2p = INFINITY,
					      .w = 40 * sin(3.1 * i),
					      .b1 = 1 };
	if (passes_run(ir, NULL, NULL) || lower(&p, ir, l, "t") || draw_create(&d, p, NULL, false))
		fail_msg("%s", precess_error());
	*n = p->n_sample;
	signal = calloc(2 * *n, sizeof *signal);
	assert_int_equal(sim_points(signal, d, spin, PRECESS_COUNT(spin), SIM_DOUBLE, 0), 0);
	case_drop(d);
	return signal;
}

/* Where resets stand spins have recovered after 4 s of a T1 of 0.33 s at most, to 1e-5. */
static void simulates_alike(void **state)
{
	static const char *const name[] = { "fse", "07_spin_echo_epi" };

	(void)state;
	for (size_t k = 0; k < PRECESS_COUNT(name); k++) {
		struct lang *l;
		struct ir *ir = sequence(&l, name[k]), *back = exported(ir, NULL, 5, 4);
		double begun = clock_seconds(), *a, *b, e = 0, r = 0;
		size_t n, m;

		a = signal_of(&n, ir, l);
		b = signal_of(&m, back, l);
		assert_int_equal(n, m);
		for (size_t i = 0; i < 2 * n; i++) {
			e += pow(a[i] - b[i], 2);
			r += a[i] * a[i];
		}
		report(name[k], "1.5", sqrt(e / r), 2e-5, clock_seconds() - begun);
		assert_true(sqrt(e / r) <= 2e-5 && r > 0);
		free(a);
		free(b);
		ir_free(ir);
		ir_free(back);
		lang_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip), cmocka_unit_test(limits),
					    cmocka_unit_test(simulates_alike) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
