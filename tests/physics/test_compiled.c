/* Sequences written in the language, at small matrices: every method against the oracle, and the
 * image of the object where it belongs. */
#include "compile.h"

static const char *const fse =
	"seq 1\n"
	"sequence fse \"Multi-shot fast spin echo\"\n"
	"import std.grads (phase_encode, spoiler, readout)\n"
	"param ESP : time  in 8ms .. 15ms    = 10ms\n"
	"param FA  : angle in 20deg .. 70deg = 50deg\n"
	"map T2 : time   in 0ms .. 650ms\n"
	"map M0 : number in 0 .. 1\n"
	"map B1 : number in 0.7 .. 1.3\n"
	"map T1 : time   = 2s\n"
	"geometry fov = [220mm, 220mm], slice = 5mm, matrix = [16, 16]\n"
	"system = ideal\n"
	"const ETL   = 4\n"
	"const shots = matrix.y / ETL\n"
	"let exc  = hard(FA, 500us, use = excitation)\n"
	"let ref  = hard(180deg, 500us, phase = 90deg, use = refocusing)\n"
	"let gx   = readout(20us)\n"
	"let pre  = trapezoid(x, area = gx.area / 2, duration = 0.5ms)\n"
	"let crush = spoiler(z, cycles = 4, duration = 0.5ms)\n"
	"for shot in 0 ..< shots {\n"
	"  reset\n"
	"  play e = exc\n"
	"  play pre\n"
	"  for echo in 0 ..< ETL {\n"
	"    let line = shot + shots * echo\n"
	"    let pe   = phase_encode(y, line, duration = 0.5ms)\n"
	"    play crush\n"
	"    play ref with center at e.center + (echo + 0.5) * ESP\n"
	"    play crush\n"
	"    play pe\n"
	"    play gx & adc(matrix.x, over = gx.flat, dwell = 20us, line = line,\n"
	"                 shot = shot, echo = echo)\n"
	"         with center at e.center + (echo + 1) * ESP\n"
	"    play -pe\n"
	"  }\n"
	"}\n";

static const char *const epi =
	"seq 1\n"
	"sequence gre_epi \"Single-shot gradient-echo EPI\"\n"
	"import std.epi (epi_train)\n"
	"param TE  : time in 10ms .. 80ms = 20ms\n"
	"param ESP : time in 0.375ms .. 0.55ms = 0.45ms\n"
	"map T2  : time      in 0ms .. 650ms\n"
	"map M0  : number    in 0 .. 1\n"
	"map dB0 : frequency in -150Hz .. 150Hz\n"
	"geometry fov = [220mm, 220mm], matrix = [16, 16]\n"
	"system = ideal\n"
	"reset\n"
	"play e = hard(90deg, 100us)\n"
	"play epi_train(esp = ESP)\n"
	"     with k0 at e.center + TE\n";

/* With ramps, sampled from end to end, blips meanwhile. */
static const char *const ramp_epi =
	"seq 1\n"
	"sequence gre_epi \"Single-shot gradient-echo EPI\"\n"
	"import std.epi (epi_train)\n"
	"map M0  : number    in 0 .. 1\n"
	"map dB0 : frequency in -150Hz .. 150Hz\n"
	"geometry fov = [220mm, 220mm], matrix = [16, 16]\n"
	"system max_grad = 40mT/m, max_slew = 150T/m/s\n"
	"reset\n"
	"play e = hard(90deg, 100us)\n"
	"play epi_train(esp = 0.6ms)\n";

/* A slice-selective gradient echo with RF spoiling; nothing is reset. */
static const char *const gre =
	"seq 1\n"
	"sequence gre \"Spoiled gradient echo\"\n"
	"import std.grads (phase_encode, spoiler, readout)\n"
	"import std.rf (spoiled_phase)\n"
	"param FA : angle in 5deg .. 40deg = 20deg\n"
	"map M0 : number in 0 .. 1\n"
	"map T2 : time   in 0ms .. 650ms\n"
	"map T1 : time   = 1s\n"
	"geometry fov = [220mm, 220mm], slice = 5mm, matrix = [8, 8]\n"
	"system = ideal\n"
	"let gx = readout(20us)\n"
	"for line in 0 ..< matrix.y {\n"
	"  let p = spoiled_phase(line)\n"
	"  let t0 = line * 10ms\n"
	"  play hard(FA, 100us, phase = p, use = excitation) with center at start + 1ms + t0\n"
	"  play phase_encode(y, line) & trapezoid(x, area = -gx.area / 2, duration = 1ms)\n"
	"  play gx & adc(matrix.x, over = gx.flat, dwell = 20us, line = line, phase = p)\n"
	"  play -phase_encode(y, line) & spoiler(z, cycles = 3)\n"
	"}\n";

/* Over a few random objects; the single-precision method within what it promises. */
static void check(const char *text, const char *what, double db0, int nz, bool line, double same)
{
	struct draw *d = compile_text(text);
	struct maps *m = random_maps(24, 20, d->program->fov[0], db0, 11);
	struct sim_result *oracle = simulate(d, m, SIM_step, nz);
	struct sim_result *direct = simulate(d, m, SIM_direct, nz);
	struct sim_result *fast = simulate(d, m, SIM_auto, nz);

	near(compare(direct, oracle), 0, same, what, SIM_direct);
	near(compare(fast, oracle), 0, fast->bound + direct->bound, what, SIM_auto);
	assert_true(fast->bound <= 1e-4);
	assert_int_equal(line ? fast->used[SIM_line] + fast->used[SIM_train] :
				fast->used[SIM_direct] + fast->used[SIM_nufft],
			 d->program->n_readout);
	sim_result_free(oracle);
	sim_result_free(direct);
	sim_result_free(fast);
	maps_free(m);
	drop(d);
}

/* Events have times in whole picoseconds: where parameters give others, a readout's phase of up to
 * 1e6 rad/s moves by 1e-6. */
static void methods(void **state)
{
	(void)state;
	check(fse, "fse", 20, 3, true, 1e-6);
	check(epi, "epi", 150, 0, true, 1e-5);
	check(ramp_epi, "ramp-sampled epi", 150, 0, false, 1e-5);
	check(gre, "gre", 20, 3, true, 1e-6);
}

/* What single precision cannot promise is computed in double. */
static void tight(void **state)
{
	static const double tolerance[] = { 3e-6, 1e-8 };
	struct draw *d = compile_text(epi);
	struct maps *m = random_maps(64, 64, d->program->fov[0], 150, 2);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim_options o = { .tolerance = tolerance[i], .quiet = true };
		struct sim_result *r, *oracle;

		assert_int_equal(sim_run(&r, d, m, &o), PRECESS_OK);
		oracle = simulate(d, m, SIM_direct, 0);
		assert_true(r->bound <= tolerance[i]);
		near(compare(r, oracle), 0, r->bound + oracle->bound, "tolerance", i);
		assert_non_null(strstr(r->report, r->used[SIM_train] ? "train:" :
						  r->used[SIM_line]  ? "line:" :
						  r->used[SIM_nufft] ? "nufft:" :
								       "direct:"));
		sim_result_free(r);
		sim_result_free(oracle);
	}
	maps_free(m);
	drop(d);
}

/* A disc off the centre: image against object, pixel by pixel. */
static void image_of(const char *text, const char *what, double t2, double within)
{
	struct draw *d = compile_text(text);
	const int n = d->program->matrix[0], over = 4;
	struct maps *m = uniform(n * over, d->program->fov[0], INFINITY, t2, 1, 0);
	double sum = 0, wrong = 0, scale = 0;
	double *want = calloc((size_t)(n * n), sizeof *want);
	struct sim_result *r;
	struct kspace *k;
	float *image;

	for (int iy = 0; iy < n * over; iy++) {
		for (int ix = 0; ix < n * over; ix++) {
			double x = (ix + 0.5) / over - 0.7 * n, y = (iy + 0.5) / over - 0.4 * n;
			bool in = hypot(x, y) < 0.25 * n;

			m->map[PROGRAM_MAP_M0][iy * n * over + ix] = in;
			want[iy / over * n + ix / over] += in / (double)(over * over);
		}
	}
	r = simulate(d, m, SIM_direct, 0);
	if (kspace_sort(&k, d, r) || kspace_image(&image, d, k))
		fail_msg("%s: %s", what, precess_error());
	for (int i = 0; i < n * n; i++) {
		double a = hypot((double)image[2 * i], (double)image[2 * i + 1]);

		scale = fmax(scale, a);
		sum += a;
	}
	assert_true(sum > 0);
	for (int i = 0; i < n * n; i++) { /* Gibbs rings at the edge */
		double a = hypot((double)image[2 * i], (double)image[2 * i + 1]) / scale;

		wrong += fabs(a - want[i]);
	}
	near(wrong / (n * n), 0, within, what, 0);
	free(want);
	free(image);
	kspace_free(k);
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

static void images(void **state)
{
	(void)state;
	image_of(fse, "fse", INFINITY, 0.08);
	image_of(epi, "epi", INFINITY, 0.08);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods), cmocka_unit_test(tight), cmocka_unit_test(images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
