/* The CUDA kernels without a device: the same sources, launches as loops, against sums in double
 * and against the processor's methods. What this cannot see is said in docs/gpu.md. */
#include "tests/cuda/agree.h"

extern const struct backend backend_cuda_emulated;
extern void emulated_fall(int falling);

/* ------------------------------------------------------------------ sequences */
static void emulate(struct draw *d, enum sim_method method, int nx, double db0, const char *says)
{
	agree(d, "cuda-emulated", method, nx, nx - 2, db0, 1, says);
}

static void emulate_file(const char *path, enum sim_method method, double db0, const char *says)
{
	emulate(compile_file(path), method, 36, db0, says);
}

/* Fans: spins of a row land on circles along x. */
static void sequence_fse(void **state)
{
	(void)state;
	emulate_file("sequences/fse.seq", SIM_auto, 40, "fan: 128 lines in 16 fans");
	emulate_file("sequences/fse.seq", SIM_line, 40, NULL);
	emulate_file("sequences/fse.seq", SIM_direct, 40, NULL);
}

/* Trains: spins of a column land on circles along y; and the same lines as groups. */
static void sequence_gre_epi(void **state)
{
	(void)state;
	emulate_file("sequences/gre_epi.seq", SIM_train, 80, "train: 128 lines in 1 train");
	emulate_file("sequences/gre_epi.seq", SIM_line, 80, NULL);
	emulate_file("sequences/gre_epi.seq", SIM_direct, 80, NULL);
}

static void sequence_moled(void **state)
{
	(void)state;
	emulate_file("sequences/moled.seq", SIM_train, 80, "train: ");
	emulate_file("sequences/moled.seq", SIM_line, 80, NULL);
}

#define HEAD                                                     \
	"seq 1\n"                                                \
	"sequence test\n"                                        \
	"import std.grads (spoiler)\n"                           \
	"map T2 : time in 10ms .. 650ms\n"                       \
	"map M0 : number in 0 .. 1\n"                            \
	"map B1 : number in 0.7 .. 1.3\n"                        \
	"map dB0 : frequency in -150Hz .. 150Hz\n"               \
	"map T1 : time = 1s\n"                                   \
	"geometry fov = [220mm, 220mm], matrix = [32, 32], slice = 5mm\n" \
	"system = default\n"                                     \
	"let gx = trapezoid(x, flat_area = 32 / 220mm, flat = 3.2ms)\n" \
	"reset\n"

/* Pulses that see z: a thread steps through each, spin after spin through the slice. */
static void sequence_slice_select(void **state)
{
	(void)state;
	emulate(compile_text(HEAD "let pulse = sinc(60deg, 3ms, tbw = 4, apodization = 0.5, "
				  "use = excitation)\n"
				  "let exc = slice_select(pulse, thickness = slice)\n"
				  "play e = exc\n"
				  "play exc.rephase\n"
				  "play trapezoid(x, area = -gx.area / 2)\n"
				  "play gx & adc(32, over = gx.flat)\n"), SIM_line, 10, 20, NULL);
}

/* Gradients that vary while a pulse plays: with ramps, off resonance, in the plane and across. */
static void sequence_stepped(void **state)
{
	(void)state;
	emulate(compile_text(HEAD "play sinc(60deg, 2ms, tbw = 4, freq = 100Hz, use = excitation) & "
				  "trapezoid(y, area = 40 / 1m, duration = 2ms)\n"
				  "play trapezoid(x, area = -gx.area / 2)\n"
				  "play gx & adc(32, over = gx.flat)\n"), SIM_line, 12, 20, NULL);
	emulate(compile_text(HEAD "play sinc(60deg, 2ms, tbw = 4, use = excitation) & "
				  "trapezoid(z, area = 100 / 1m, duration = 2ms)\n"
				  "play trapezoid(x, area = -gx.area / 2)\n"
				  "play gx & adc(32, over = gx.flat)\n"), SIM_line, 6, 20, NULL);
}

/* Every pulse doubles the orders that a crusher leaves: more than a thread keeps to itself. */
static void sequence_many_orders(void **state)
{
	(void)state;
	emulate(compile_text(HEAD "for n in 0 ..< 40 {\n"
				  "  play hard(40deg, 500us, phase = 117deg * n * n, use = excitation)\n"
				  "  play trapezoid(x, area = -gx.area / 2)\n"
				  "  if n > 30 { play gx & adc(32, over = gx.flat, line = n - 31) }\n"
				  "  play spoiler(z, cycles = 1)\n"
				  "}\n"), SIM_line, 20, 20, "coherence orders");
}

/* Trains of pulses without a reset: many coherence orders, hard and shaped pulses. */
static void sequence_others(void **state)
{
	(void)state;
	emulate_file("sequences/02_spin_echo.seq", SIM_auto, 30, NULL);
	emulate_file("sequences/05_multi_echo.seq", SIM_auto, 30, NULL);
	emulate_file("sequences/06_bssfp.seq", SIM_line, 5, NULL);
	emulate_file("sequences/07_spin_echo_epi.seq", SIM_direct, 60, NULL);
}

/* Trajectories that are no lines. */
static void sequence_curved(void **state)
{
	(void)state;
	emulate(compile_file("sequences/09_radial.seq"), SIM_direct, 12, 30, NULL);
	emulate(compile_file("sequences/10_spiral.seq"), SIM_direct, 12, 30, NULL);
}

/* Four coils through every method: states once, then each coil's views. */
static void coils(void **state)
{
	static const struct {
		const char *path, *says;
		enum sim_method method;
		double db0;
		int nx;
	} all[] = { { "sequences/moled.seq", "train: ", SIM_train, 80, 28 },
		    { "sequences/gre_epi.seq", "train: ", SIM_auto, 80, 28 },
		    { "sequences/gre_epi.seq", NULL, SIM_line, 80, 28 },
		    { "sequences/gre_epi.seq", NULL, SIM_direct, 80, 12 },
		    { "sequences/fse.seq", "fan: ", SIM_auto, 40, 28 },
		    { "sequences/fse.seq", NULL, SIM_line, 40, 28 },
		    { "sequences/10_spiral.seq", NULL, SIM_direct, 30, 12 } };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(all); i++)
		agree(compile_file(all[i].path), "cuda-emulated", all[i].method, all[i].nx,
		      all[i].nx - 2, all[i].db0, 4, all[i].says);
}

/* What no kernel does is the processor's, and the report says so. */
static void remainders(void **state)
{
	struct draw *d = compile_file("sequences/10_spiral.seq");
	struct maps *m = random_maps(12, 12, d->program->fov[0], 30, 7);
	struct sim_result *r = run_on("cuda-emulated", d, m, SIM_step);

	(void)state;
	if (!strstr(r->report, "device: cpu for 12 readouts: the step method") ||
	    strstr(r->device, "emulated"))
		fail_msg("%s: %s", r->device, r->report);
	sim_result_free(r);
	maps_free(m);
	drop(d);
}

/* Threads of a block, and blocks' warps, in falling order: not one bit differs. */
static void any_order(void **state)
{
	static const char *const file[] = { "sequences/gre_epi.seq", "sequences/fse.seq" };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(file); i++) {
		struct draw *d = compile_file(file[i]);
		struct maps *m = random_maps(70, 66, d->program->fov[0], 80, 7);
		struct sim_result *a = run_on("cuda-emulated", d, m, SIM_auto), *b;

		emulated_fall(1);
		b = run_on("cuda-emulated", d, m, SIM_auto);
		emulated_fall(0);
		assert_memory_equal(a->signal, b->signal, 2 * a->n_sample * sizeof *a->signal);
		assert_true(a->bound == b->bound);
		sim_result_free(a);
		sim_result_free(b);
		maps_free(m);
		drop(d);
	}
}

/* ------------------------------------------------------------------ batches */
/* Draws of one program, each with its parameters and maps, through shared launches: what each alone
 * gives, but for terms that the most demanding one asks for. Also such that some differ in their
 * schedule, and more than a queue's chunk. */
static void batch_of(const char *file, const char *parameter, double lo, double hi, size_t n,
		     enum sim_method method, int coils)
{
	struct sim_options o = { .method = method, .quiet = true, .device = "cuda-emulated" };
	struct draw *first = compile_file(file);
	const struct program *prog = first->program;
	const struct draw *d[40];
	const struct maps *m[40];
	struct sim_result *r[40], *alone;
	int index = parameter ? program_param_find(prog, parameter) : -1;
	struct draw *own[40];
	struct maps *maps[40];

	for (size_t i = 0; i < n; i++) {
		double param[16];

		for (uint32_t k = 0; k < prog->n_param; k++)
			param[k] = first->param[k];
		if (index >= 0)
			param[index] = lo + (hi - lo) * (double)i / (double)n;
		if (draw_create(&own[i], prog, param, false))
			fail_msg("%s", precess_error());
		d[i] = own[i];
		m[i] = maps[i] = coils > 1 ? coil_maps(20, 18, prog->fov[0], 30 + (double)i, coils)
					   : random_maps(20, 18, prog->fov[0], 40, i + 1);
	}
	if (sim_run_batch(r, d, m, n, &o))
		fail_msg("%s", precess_error());
	o.device = NULL;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(sim_run(&alone, d[i], m[i], &o), PRECESS_OK);
		assert_true(compare(alone, r[i]) <= alone->bound + r[i]->bound);
		assert_true(compare(alone, r[i]) < 1e-4);
		assert_true(!strncmp(r[i]->device, "cuda-emulated", 13));
		sim_result_free(alone);
		sim_result_free(r[i]);
		draw_free(own[i]);
		maps_free(maps[i]);
	}
	drop(first);
}

static void batches(void **state)
{
	(void)state;
	batch_of("sequences/gre_epi.seq", "TE", 0.05, 0.08, 37, SIM_line, 1);
	batch_of("sequences/moled.seq", NULL, 0, 0, 3, SIM_train, 1);
	batch_of("sequences/moled.seq", NULL, 0, 0, 18, SIM_train, 3);
	batch_of("sequences/fse.seq", "ESP", 8e-3, 15e-3, 5, SIM_auto, 1);
	batch_of("sequences/fse.seq", "ESP", 8e-3, 15e-3, 3, SIM_auto, 2);
	batch_of("sequences/05_multi_echo.seq", "ESP", 10e-3, 20e-3, 4, SIM_line, 1);
}

/* ------------------------------------------------------------------ choosing a device */
static void choose(const char *device, precess_status want, const char *says)
{
	const struct backend *b;
	struct text why;

	text_init(&why);
	assert_int_equal(backend_open(&b, &why, device), want);
	if (!strstr(want ? precess_error() : why.data, says))
		fail_msg("%s: \"%s\" does not say \"%s\"", device,
			 want ? precess_error() : why.data, says);
	text_free(&why);
}

static void devices(void **state)
{
	(void)state;
	choose("cpu", PRECESS_OK, "as asked");
	choose("cuda-emulated:0", PRECESS_OK, "launches as loops");
	choose("cuda-emulated:1", PRECESS_EDEVICE, "there is 1");
	choose("cuda-emulated:x", PRECESS_EINVAL, "a number");
	choose("abacus", PRECESS_EINVAL, "there are auto, cpu, cuda");
	setenv("PRECESS_BACKEND_PATH", "/nonexistent", 1);
	choose("cuda", PRECESS_EDEVICE, "no library /nonexistent/backend_cuda.so");
	choose("auto", PRECESS_OK, "cpu: ");
	setenv("PRECESS_BACKEND_PATH", STALE_FOLDER, 1);
	choose("cuda:0", PRECESS_EDEVICE, "build both together");
	choose("auto", PRECESS_OK, "cpu: ");
	unsetenv("PRECESS_BACKEND_PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequence_fse),
		cmocka_unit_test(sequence_gre_epi),
		cmocka_unit_test(sequence_moled),
		cmocka_unit_test(sequence_slice_select),
		cmocka_unit_test(sequence_stepped),
		cmocka_unit_test(sequence_many_orders),
		cmocka_unit_test(sequence_others),
		cmocka_unit_test(sequence_curved),
		cmocka_unit_test(coils),
		cmocka_unit_test(remainders),
		cmocka_unit_test(any_order),
		cmocka_unit_test(batches),
		cmocka_unit_test(devices),
	};

	backend_register(&backend_cuda_emulated);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
