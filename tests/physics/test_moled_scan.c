/* A MOLED scan of a head with 16 coils, read from $PRECESS_SHARED (../shared when unset; the test is
 * skipped without it), together with a k-space that others made of it: the phase of every pixel from two
 * navigator lines, a 5 x 5 window, lambda 0.01. With the same choices the result must be the same but
 * for two things: they blank the pixels where a coil's navigator is weak, and fill the line before the
 * first, too. */
#include "multicoil.h"

#define SCAN "data/moled_invivo.h5"

static double correlation(const float *a, const float *b, int coils, int lo, int hi)
{
	double complex ab = 0;
	double aa = 0, bb = 0;

	for (int c = 0; c < coils; c++)
		for (int i = lo * N; i < (hi + 1) * N; i++) {
			double complex u = get(a, (size_t)(c * N * N + i)),
				       v = get(b, (size_t)(c * N * N + i));

			ab += conj(u) * v;
			aa += creal(u * conj(u));
			bb += creal(v * conj(v));
		}
	return cabs(ab) / sqrt(aa * bb);
}

static bool present;

static struct recon_scan *measured_scan(const struct recon_names *names)
{
	const char *root = getenv("PRECESS_SHARED");
	struct recon_scan *s = NULL;
	struct text path;
	FILE *f;

	text_init(&path);
	text_printf(&path, "%s/" SCAN, root ? root : "../shared");
	f = fopen(path.data, "rb");
	if (f) {
		fclose(f);
		present = true;
		if (recon_read(&s, path.data, names))
			fail_msg("%s", precess_error());
	}
	text_free(&path);
	return s;
}

/* Their k-space, read as if it were raw. */
static float *reference(void)
{
	const struct recon_names names = { .kspace = "derived/kspace_grappa" };
	struct recon_scan *s = measured_scan(&names);
	float *k = s->kspace;

	s->kspace = NULL;
	recon_scan_free(s);
	return k;
}

static void drop_third_navigator(struct recon_scan *s)
{
	for (int c = 0; c < s->coils; c++)
		memmove(s->nav + 2 * (size_t)(2 * c) * N, s->nav + 2 * (size_t)(3 * c) * N,
			2 * 2 * N * sizeof(float));
	s->nav_lines = 2;
}

static struct recon_result *measured(enum recon_phase phase, bool two)
{
	static const struct recon_names any;
	struct recon_options o = RECON_DEFAULTS;
	struct recon_scan *s = measured_scan(&any);
	struct recon_result *r;

	if (!s)
		skip();
	assert_int_equal(s->nav_lines, 3);
	if (two)
		drop_third_navigator(s);
	o.phase = phase;
	o.window = 15;
	if (recon_run(&r, s, &o))
		fail_msg("%s", precess_error());
	assert_true(r->mask.first == 2 && r->mask.last == 126 && r->mask.spacing == 2);
	recon_scan_free(s);
	return r;
}

static void as_others_did(void **state)
{
	struct recon_result *r = measured(RECON_PHASE_pixel, true);
	float *theirs = reference();
	const float *ours = r->coil_kspace->data;
	double read = difference(ours, theirs, 16, 2, 126, 2);
	double filled = difference(ours, theirs, 16, 3, 125, 2);

	(void)state;
	print_message("same choices: %.4f off (read %.4f, filled %.4f), correlation %.4f\n",
		      difference(ours, theirs, 16, 2, 126, 1), read, filled,
		      correlation(ours, theirs, 16, 2, 126));
	assert_true(read < 0.05);
	assert_true(filled < 0.03);
	free(theirs);
	recon_result_free(r);
}

static void as_we_do(void **state)
{
	/* The head moves: echo n of the sequence should be at (-18, -48), (6, -16), (-6, 16), (18, 48). */
	static const int echo[][2] = { { -17, -47 }, { 8, -17 }, { -2, 15 }, { 24, 43 } };
	struct recon_result *r = measured(RECON_PHASE_line, false);
	float *theirs = reference();
	const float *ours = r->coil_kspace->data;
	double off = difference(ours, theirs, 16, 2, 126, 1);
	double like = correlation(ours, theirs, 16, 2, 126);

	(void)state;
	print_message("line: %.4f off, correlation %.4f; constant %.4f, slope %.4f\n", off, like,
		      r->phase.constant, r->phase.slope);
	assert_true(off < 0.11);
	assert_true(like > 0.995);
	near(r->phase.slope, 0.0335, 2e-3, "slope of the phase", 0);
	for (size_t i = 0; i < PRECESS_COUNT(echo); i++) {
		int at[2];

		find_peak(at, r->kspace->data, echo[i][0], echo[i][1], 5);
		near(at[0], echo[i][0], 1.01, "echo along x", (int)i);
		near(at[1], echo[i][1], 1.01, "echo along y", (int)i);
	}
	free(theirs);
	recon_result_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_others_did),
		cmocka_unit_test(as_we_do),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : present ? 0 : 77;
}
