/* A real device against the processor, one row per sequence (`./dev gpu`); skipped where there is
 * none. The first run of each makes plans and warms the device: read the second row. */
#include "tests/cuda/agree.h"

static void sequences(void **state)
{
	static const struct {
		const char *path;
		enum sim_method method;
		double db0;
		int spins;
	} all[] = { { "sequences/gre_epi.seq", SIM_auto, 80, 512 },
		    { "sequences/gre_epi.seq", SIM_line, 80, 512 },
		    { "sequences/moled.seq", SIM_auto, 80, 512 },
		    { "sequences/fse.seq", SIM_auto, 40, 512 },
		    { "sequences/02_spin_echo.seq", SIM_auto, 30, 512 },
		    { "sequences/05_multi_echo.seq", SIM_auto, 30, 512 },
		    { "sequences/06_bssfp.seq", SIM_auto, 5, 512 },
		    { "sequences/10_spiral.seq", SIM_direct, 30, 128 } };

	(void)state;
	printf("| sequence | method | spins | difference | bound | state, ms | readouts, ms |\n");
	printf("|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < PRECESS_COUNT(all); i++)
		for (int round = 0; round < 2; round++)
			agree(compile_file(all[i].path), "cuda", all[i].method, all[i].spins,
			      all[i].spins, all[i].db0, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sequences) };
	const struct backend *b;
	struct text why;

	text_init(&why);
	if (backend_open(&b, &why, "cuda")) {
		printf("skipped: %s\n", precess_error());
		return 77;
	}
	printf("%s\n\n", why.data);
	text_free(&why);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
