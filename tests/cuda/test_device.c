/* A real device against the processor and the double oracle (`./dev gpu`); skipped where there is
 * none.
 *
 *   test_device             every operation, every sequence: one row each
 *   test_device nothing     whether there is one
 *   test_device operations  the operations alone, on small grids: for compute-sanitizer
 *
 * The first run of each sequence makes plans and warms the device: read the second row. */
#include "tests/cuda/agree.h"
#include "tests/cuda/ops.h"

static const struct backend *device;

static void operations(void **state)
{
	(void)state;
	printf("| sequence | operation | variant | registers | local memory, bytes |\n"
	       "|---|---|---|---|---|\n");
	check_all_ops(device);
	printf("\n");
}

static void sequences(void **state)
{
	static const struct {
		const char *path;
		enum sim_method method;
		double db0;
		int spins, coils;
	} all[] = { { "sequences/gre_epi.seq", SIM_auto, 80, 128, 1 },
		    { "sequences/gre_epi.seq", SIM_auto, 80, 512, 1 },
		    { "sequences/gre_epi.seq", SIM_line, 80, 512, 1 },
		    { "sequences/moled.seq", SIM_auto, 80, 128, 1 },
		    { "sequences/moled.seq", SIM_auto, 80, 512, 1 },
		    { "sequences/fse.seq", SIM_auto, 40, 128, 1 },
		    { "sequences/fse.seq", SIM_auto, 40, 512, 1 },
		    { "sequences/01_fid.seq", SIM_auto, 30, 128, 1 },
		    { "sequences/02_spin_echo.seq", SIM_auto, 30, 128, 1 },
		    { "sequences/03_gradient_echo.seq", SIM_auto, 30, 128, 1 },
		    { "sequences/04_inversion_recovery.seq", SIM_auto, 30, 128, 1 },
		    { "sequences/05_multi_echo.seq", SIM_auto, 30, 128, 1 },
		    { "sequences/06_bssfp.seq", SIM_auto, 5, 128, 1 },
		    { "sequences/07_spin_echo_epi.seq", SIM_direct, 60, 128, 1 },
		    { "sequences/09_radial.seq", SIM_direct, 30, 128, 1 },
		    { "sequences/10_spiral.seq", SIM_direct, 30, 128, 1 },
		    { "sequences/gre_epi.seq", SIM_auto, 80, 512, 4 },
		    { "sequences/moled.seq", SIM_auto, 80, 512, 4 },
		    { "sequences/fse.seq", SIM_auto, 40, 512, 4 },
		    { "sequences/10_spiral.seq", SIM_direct, 30, 128, 4 } };

	(void)state;
	printf("| sequence | method | spins | coils | device - cpu | device - double | cpu - double | "
	       "bound | "
	       "state, ms | readouts, ms |\n|---|---|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < PRECESS_COUNT(all); i++)
		for (int round = 0; round < 2; round++)
			agree(compile_file(all[i].path), "cuda", all[i].method, all[i].spins,
			      all[i].spins, all[i].db0, all[i].coils, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(operations),
					    cmocka_unit_test(sequences) };
	struct text why;

	setvbuf(stdout, NULL, _IOLBF, 0); /* rows count, even of a run that is cut off */
	text_init(&why);
	if (backend_open(&device, &why, "cuda")) {
		printf("skipped: %s\n", precess_error());
		text_free(&why);
		return 77;
	}
	printf("%s\n\n", why.data);
	text_free(&why);
	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc > 1 && !strcmp(argv[1], "operations"))
		cmocka_set_test_filter("operations");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
