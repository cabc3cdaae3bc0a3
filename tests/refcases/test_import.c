/* Pulseq files as source: what is written elaborates to the events of the file, in loops within the
 * digits that files tell, unrolled exactly; and loops are found where there are some. */
#include "tests/refcases/elaborate.h"

static struct pulseq_samples *samples;
static size_t n_samples;

static precess_status reader(double **out, size_t *n, bool *is_complex, const char *path,
			     const char *dataset)
{
	for (size_t i = 0; i < n_samples; i++) {
		size_t count = samples[i].n * (samples[i].is_complex ? 2 : 1);

		if (strcmp(dataset + 1, samples[i].name))
			continue;
		*out = malloc(count * sizeof **out);
		memcpy(*out, samples[i].v, count * sizeof **out);
		*n = samples[i].n;
		*is_complex = samples[i].is_complex;
		return PRECESS_OK;
	}
	return precess_fail(PRECESS_EINVAL, "%s: no %s", path, dataset);
}

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* In the plainest system; returns the lines, 0 when it cannot be told in the language. */
static size_t source_plays(const struct ir *ir, const char *name, bool loops)
{
	struct pulseq_source_options o = { .origin = name,
					   .data = "d.h5",
					   .loops = loops,
					   .ideal = true,
					   .slack = loops ? 1e-5 : 0 };
	struct arena *arena = arena_create();
	double a[64], b[64];
	struct lang *l = lang_create();
	struct ir *back;
	struct text t;
	size_t n = 0;

	text_init(&t);
	if (pulseq_source(&t, &samples, &n_samples, arena, ir, &o))
		fail_msg("%s: %s", name, precess_error());
	back = elaborated(l, "t.seq", t.data, reader);
	if (back) {
		defaults(a, ir);
		defaults(b, back);
		if (pulseq_same(ir, a, back, b, loops ? 2e-5 : 1e-9))
			fail_msg("%s: %s", name, precess_error());
		n = lines(t.data);
	}
	ir_free(back);
	lang_free(l);
	text_free(&t);
	arena_free(arena);
	return n;
}

/* `most`: lines of the source in loops. */
static const struct {
	const char *which, *file;
	size_t most;
} cases[] = {
	{ "c01_bmsim_cest", "case_5_pypulseq_v140.seq", 60 },
	{ "j01_gre_rfspoil_hard", "sequence.seq", 70 },
	{ "j02_epi_hard", "sequence.seq", 40 },
	{ "j04_trap_readout_freqphase", "sequence.seq", 30 },
	{ "j10_radial_hard", "sequence.seq", 400 },
	{ "k01_epi_column1d", "sequence.seq", 40 },
	{ "k02_epi_sphere_offres", "sequence.seq", 40 },
	{ "m01_gre_mixed", "sequence.seq", 70 },
	{ "m03_epi_mixed", "sequence.seq", 40 },
	{ "p01_v12_epi_JEMRIS", "sequence.seq", 40 },
	{ "p02_v12_spiral_JEMRIS", "sequence.seq", 400 },
	{ "p03_v13_epi", "sequence.seq", 40 },
	{ "p04_v14_rf_time_shaped", "sequence.seq", 40 },
	{ "p05_v14_gr_time_shaped", "sequence.seq", 40 },
	{ "p06_v14_gr_time_shaped", "sequence.seq", 40 },
	{ "p07_v14_gr_trapezoid", "sequence.seq", 40 },
	{ "p08_v14_epi", "sequence.seq", 60 },
	{ "p09_v14_rf_pulse", "sequence.seq", 40 },
	{ "p10_v14_spiral", "sequence.seq", 400 },
	{ "p11_v15_fid", "sequence.seq", 40 },
	{ "p12_v15_epi", "sequence.seq", 60 },
	{ "p13_v15_spiral", "sequence.seq", 60 },
	{ "p14_v15_gre", "sequence.seq", 120 },
	{ "v01_mprage_pulseq_versions", "simple_mprage120.seq", 120 },
	{ "v01_mprage_pulseq_versions", "simple_mprage131.seq", 120 },
	{ "v01_mprage_pulseq_versions", "simple_mprage142.seq", 120 },
	{ "v01_mprage_pulseq_versions", "simple_mprage150.seq", 120 },
	{ "v02_pypulseq_expected", "write_gre.seq", 100 },
	{ "v02_pypulseq_expected", "write_epi.seq", 40 },
};

static void plays_the_same(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(cases); i++) {
		char path[512];
		size_t rolled, unrolled;
		struct ir *ir;

		case_path(path, sizeof path, cases[i].which, cases[i].file);
		if (access(path, R_OK))
			continue;
		n_present++;
		if (pulseq_read(&ir, path, NULL))
			fail_msg("%s", precess_error());
		rolled = source_plays(ir, cases[i].which, true);
		unrolled = source_plays(ir, cases[i].which, false);
		print_message("%-28s %-24s %5u blocks, %4zu lines, %5zu unrolled\n", cases[i].which,
			      cases[i].file, ir->n_block, rolled, unrolled);
		good = good && rolled && unrolled && rolled <= cases[i].most;
		ir_free(ir);
	}
	assert_true(good);
}

/* A window open during a pulse is what no scanner plays and the language refuses. */
static void refuses_overlap(void **state)
{
	struct ir *ir;
	char path[512];

	(void)state;
	case_path(path, sizeof path, "j03_slice_select_sinc", "sequence.seq");
	if (access(path, R_OK))
		skip();
	if (pulseq_read(&ir, path, NULL))
		fail_msg("%s", precess_error());
	assert_int_equal(source_plays(ir, "j03", true), 0);
	assert_non_null(strstr(precess_error(), "RF and ADC overlap"));
	ir_free(ir);
}

/* ------------------------------------------------------------------ loops */
#define HEAD "[VERSION]\nmajor 1\nminor 5\nrevision 0\n[DEFINITIONS]\nBlockDurationRaster 1e-05\n"

static void has(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("no `%s` in\n%s", want, text);
}

/* Three slices of four lines: frequency by slice, amplitude by line, RF spoiling by 117 degrees,
 * lines by label, reversed every second time. */
static void finds_formulas(void **state)
{
	struct pulseq_source_options o = {
		.origin = "t.seq", .data = "d.h5", .loops = true, .ideal = true, .slack = 1e-5
	};
	struct arena *arena = arena_create();
	struct text file, out;
	struct ir *ir;

	(void)state;
	text_init(&file);
	text_init(&out);
	text_printf(&file, "%s[BLOCKS]\n", HEAD);
	for (int s = 0, n = 1; s < 3; s++) {
		text_printf(&file, "%d 500 0 0 0 0 0 0\n%d 10 %d 0 0 0 0 0\n", n, n + 1, 1 + s);
		n += 2;
		for (int l = 0; l < 6; l++, n += 2)
			text_printf(&file, "%d 10 0 0 %d 0 0 0\n%d 10 0 0 0 0 %d %d\n", n, 10 + l,
				    n + 1, 1 + l, 1 + 2 * l);
	}
	text_printf(&file, "[RF]\n");
	for (int s = 0; s < 3; s++)
		text_printf(&file, "%d 2500 1 0 2 50 0 0 0 %d 0 e\n", 1 + s, 1000 * (s - 1));
	text_printf(&file, "[TRAP]\n");
	for (int l = 0; l < 6; l++)
		text_printf(&file, "%d %d 20 40 20 0\n", 10 + l, 10000 * (l - 2));
	text_printf(&file, "[ADC]\n");
	for (int l = 0; l < 6; l++)
		text_printf(&file, "%d 10 10000 0 0 0 0 %.9g 0\n", 1 + l,
			    fmod(117 * l * (l + 1) / 2, 360) * 3.14159265358979323846 / 180);
	text_printf(&file, "[EXTENSIONS]\n");
	for (int l = 0; l < 6; l++)
		text_printf(&file, "%d 1 %d %d\n%d 1 %d 0\n", 1 + 2 * l, 1 + l, 2 + 2 * l,
			    2 + 2 * l, 7 + l % 2);
	text_printf(&file, "extension LABELSET 1\n");
	for (int l = 0; l < 6; l++)
		text_printf(&file, "%d %d LIN\n", 1 + l, 2 * l + 1);
	text_printf(&file,
		    "7 0 REV\n8 1 REV\n[SHAPES]\nshape_id 1\nnum_samples 2\n1\n1\nshape_id 2\n"
		    "num_samples 2\n0\n100\n");
	if (pulseq_parse(&ir, file.data, file.n, "t.seq", NULL) ||
	    pulseq_source(&out, &samples, &n_samples, arena, ir, &o))
		fail_msg("%s", precess_error());
	has(out.data, "for i in 0 ..< 3 {\n  delay 5ms\n");
	has(out.data, "freq = -1000Hz + 1000Hz * i");
	has(out.data, "  for j in 0 ..< 6 {\n");
	has(out.data, "phase = 58.5deg * j + 58.5deg * j^2");
	has(out.data, "line = 1 + 2 * j");
	has(out.data, "reverse = ((j % 2 == 0 ? 0 : 1)) == 1");
	assert_true(source_plays(ir, "own", true) > 0);
	ir_free(ir);
	text_free(&file);
	text_free(&out);
	arena_free(arena);
}

/* The comparison that all this rests on sees what is small. */
static void comparison_sees(void **state)
{
	static const char file[] = HEAD
		"[BLOCKS]\n1 10 1 0 2 0 0 0\n2 10 0 0 0 0 1 0\n[RF]\n"
		"1 2500 1 0 2 50 0 0 0 %s 0 e\n[TRAP]\n2 %s 20 40 20 0\n[ADC]\n1 10 %s 0 0 0 0 %s "
		"0\n"
		"[SHAPES]\nshape_id 1\nnum_samples 2\n1\n1\nshape_id 2\nnum_samples 2\n0\n100\n";
	static const char *const change[][5] = {
		{ "0", "1000", "10000", "0", NULL },
		{ "1", "1000", "10000", "0", "frequency" },
		{ "0", "1000.01", "10000", "0", "amplitude" },
		{ "0", "1000", "9990", "0", "duration" },
		{ "0", "1000", "10000", "1e-5", "phase" },
	};
	struct ir *a = NULL, *b;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(change); i++) {
		struct text t;

		text_init(&t);
		text_printf(&t, file, change[i][0], change[i][1], change[i][2], change[i][3]);
		if (pulseq_parse(&b, t.data, t.n, "t.seq", NULL))
			fail_msg("%s", precess_error());
		if (i == 0)
			a = b;
		else if (!pulseq_same(a, NULL, b, NULL, 1e-9) ||
			 !strstr(precess_error(), change[i][4]))
			fail_msg("change %zu was not seen: %s", i, precess_error());
		if (i)
			ir_free(b);
		text_free(&t);
	}
	ir_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plays_the_same),
		cmocka_unit_test(refuses_overlap),
		cmocka_unit_test(finds_formulas),
		cmocka_unit_test(comparison_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
