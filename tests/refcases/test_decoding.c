/* The reader against another one: every event of a file as MATLAB's Pulseq decodes it, times and
 * amplitudes to 1e-7; one sequence in all versions; files of another writer. */
#include "tests/refcases/suite.h"

static const double matlab_gamma = 42.5774689e6; /* Hz/T: what its amplitudes were divided by */
static const double ps = 1e-12, accept = 1e-7;

struct samples {
	double *t, *a;
	size_t n;
	double largest;
};

/* False when the case has no such event. */
static bool load(struct samples *s, const char *which, const char *what)
{
	char name[16];
	size_t n;

	snprintf(name, sizeof name, "%s/t", what);
	s->t = refcase(which, "events.h5", name, &s->n);
	snprintf(name, sizeof name, "%s/A", what);
	s->a = refcase(which, "events.h5", name, &n);
	if (!s->a && !strcmp(what, "rf")) { /* complex: its magnitude */
		double *im = refcase(which, "events.h5", "rf/A_im", &n);

		s->a = refcase(which, "events.h5", "rf/A_re", &n);
		for (size_t i = 0; s->a && im && i < n; i++)
			s->a[i] = hypot(s->a[i], im[i]);
		free(im);
	}
	s->largest = 0;
	for (size_t i = 0; s->a && i < s->n; i++)
		s->largest = fmax(s->largest, fabs(s->a[i]));
	return s->t && s->a && s->n == n;
}

static double times(const struct draw *d, const struct samples *s)
{
	double worst = 0;

	if (d->program->n_sample != s->n)
		return INFINITY;
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];

		for (uint32_t k = 0; e->kind == PROGRAM_ADC && k < e->n; k++) {
			double t = (double)e->start * ps + (k + 0.5) * e->dwell;
			double ref = s->t[e->first_sample + k];

			worst = fmax(worst, fabs(t - ref) / ref);
		}
	}
	return worst;
}

/* At a step the reference gives both values: either side counts. */
static double gradients(const struct draw *d, int axis, const struct samples *s)
{
	double worst = 0;

	for (size_t i = 0; i < s->n; i++) {
		double best = INFINITY, a = s->a[i] * matlab_gamma / d->program->gammabar;

		for (int side = -1; side <= 1; side++)
			best = fmin(best, fabs(draw_gradient(d, axis, s->t[i] + side * ps) - a));
		worst = fmax(worst, best / fmax(s->largest, 1e-30));
	}
	return worst;
}

/* Frequency, or field in T, of the pulse at time t; 0 without one. Before 1.4 pulses ended in
 * silence, which is no part of them here; the reference tells a frequency there, too. */
static const double silence = 100e-6;
static double pulse(const struct draw *d, double t, bool frequency)
{
	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];
		double u = t - (double)e->start * ps, length = (double)e->duration * ps;
		const struct program_shape *s;
		uint32_t k;

		if (e->kind != PROGRAM_RF || u < -(frequency ? silence : ps) ||
		    u > length + (frequency ? silence : ps))
			continue;
		if (frequency)
			return e->freq;
		u = e->flip / length / (2 * 3.14159265358979324 * matlab_gamma);
		if (e->shape == PROGRAM_NO_SHAPE)
			return fabs(u);
		s = &d->program->shape[e->shape];
		k = (uint32_t)fmin(fmax((t - (double)e->start * ps) / length, 0) * s->n, s->n - 1.0);
		return fabs(u) * hypot(s->sample[2 * k], s->sample[2 * k + 1]);
	}
	return 0;
}

/* Zeros stand for the edges. Offsets in ppm are no part of the reference's frequency. */
static double pulses(const struct draw *d, const struct samples *s, bool frequency)
{
	double worst = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->a[i] != 0)
			worst = fmax(worst, fabs(pulse(d, s->t[i], frequency) -
						 (frequency ? s->a[i] : fabs(s->a[i]))) /
						    s->largest);
	}
	return worst;
}

static double compare(const struct draw *d, const char *which, const char *what)
{
	struct samples s;
	double e = -1;

	if (load(&s, which, what)) {
		if (!strcmp(what, "adc"))
			e = times(d, &s);
		else if (what[0] == 'g')
			e = gradients(d, what[1] - 'x', &s);
		else
			e = pulses(d, &s, what[0] == 'd');
	}
	free(s.t);
	free(s.a);
	return e;
}

static void p_cases(void **state)
{
	static const char *const name[] = {
		"p01_v12_epi_JEMRIS", "p02_v12_spiral_JEMRIS", "p03_v13_epi",
		"p04_v14_rf_time_shaped", "p05_v14_gr_time_shaped", "p06_v14_gr_time_shaped",
		"p07_v14_gr_trapezoid", "p08_v14_epi", "p09_v14_rf_pulse", "p10_v14_spiral",
		"p11_v15_fid", "p12_v15_epi", "p13_v15_spiral", "p14_v15_gre",
	};
	static const char *const what[] = { "adc", "rf", "df", "gx", "gy", "gz" };
	bool good = true;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(name); i++) {
		struct draw *d = case_draw(name[i], "sequence.seq");

		for (size_t k = 0; d && k < PRECESS_COUNT(what); k++) {
			double begun = clock_seconds(), e = compare(d, name[i], what[k]);

			if (e < 0)
				continue;
			report(name[i], what[k], e, accept, clock_seconds() - begun);
			good = good && e <= accept;
		}
		if (d)
			case_drop(d);
	}
	assert_true(good);
}

/* ------------------------------------------------------------------ versions */
/* Largest difference of what two draws play: flips and phases in rad, frequencies in kHz, times in
 * seconds, each block's moments in 10000 / m (they are some 1000 / m; a trapezoid sampled at the
 * centres of rasters, as 1.3 has it, loses 1e-4 of its area at the corners). */
static double differ(const struct draw *a, const struct draw *b, bool timing)
{
	const struct program *p = a->program, *q = b->program;
	double worst = 0, ta, tb;

	if (p->n_block != q->n_block || p->n_sample != q->n_sample)
		return INFINITY;
	for (uint32_t i = 0; i < p->n_block; i++) {
		const struct program_block *x = &p->block[i], *y = &q->block[i];

		if (timing)
			worst = fmax(worst, fabs(a->value[x->start] - b->value[y->start]));
		for (int axis = 0; axis < 3; axis++) {
			ta = draw_moment(a, axis, a->value[x->start],
					 a->value[x->start] + a->value[x->duration]);
			tb = draw_moment(b, axis, b->value[y->start],
					 b->value[y->start] + b->value[y->duration]);
			worst = fmax(worst, 1e-4 * fabs(ta - tb));
		}
	}
	for (uint32_t i = 0, k = 0; i < p->n_event; i++) {
		const struct draw_event *x = &a->event[i], *y;

		if (x->kind == PROGRAM_GRAD)
			continue;
		while (k < q->n_event && b->event[k].kind == PROGRAM_GRAD)
			k++;
		if (k == q->n_event)
			return INFINITY;
		y = &b->event[k++];
		if (x->kind != y->kind || x->n != y->n)
			return INFINITY;
		if (timing)
			worst = fmax(worst, fabs((double)(x->start - y->start) * ps));
		worst = fmax(worst, fabs((double)(x->duration - y->duration) * ps));
		worst = fmax(worst, fabs(x->flip - y->flip));
		worst = fmax(worst, 1e-3 * fabs(x->freq - y->freq));
		worst = fmax(worst, fabs(x->phase - y->phase));
	}
	return worst;
}

static void versions(void **state)
{
	static const char *const version[] = { "120", "130", "131", "140", "141", "142" };
	static const char folder[] = "v01_mprage_pulseq_versions";
	struct draw *newest = case_draw(folder, "simple_mprage150.seq");
	bool good = true;

	(void)state;
	if (!newest)
		skip();
	for (size_t i = 0; i < PRECESS_COUNT(version); i++) {
		double begun = clock_seconds(), e;
		struct draw *d;
		char file[64];

		snprintf(file, sizeof file, "simple_mprage%s.seq", version[i]);
		d = case_draw(folder, file);
		if (!d)
			continue;
		/* Files tell six digits. That of 1.2 has longer silence after its pulses, so that
		 * its blocks last longer. */
		e = differ(d, newest, strcmp(version[i], "120") != 0);
		report(folder, version[i], e, 2e-5, clock_seconds() - begun);
		good = good && e <= 2e-5;
		case_drop(d);
	}
	case_drop(newest);
	assert_true(good);
}

static void readable(void **state)
{
	static const char *const file[] = { "write_gre.seq", "write_epi.seq", "write_tse.seq",
					    "write_ute.seq", "write_haste.seq" };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(file); i++) {
		struct draw *d = case_draw("v02_pypulseq_expected", file[i]);

		if (!d)
			continue;
		print_message("%s: %u blocks, %u samples\n", file[i], d->program->n_block,
			      d->program->n_sample);
		assert_true(d->program->n_sample > 0);
		case_drop(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(p_cases), cmocka_unit_test(versions),
					    cmocka_unit_test(readable) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed ? failed : n_present ? 0 : 77;
}
