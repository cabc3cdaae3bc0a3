/* A real device against the processor, one row per sequence (`./dev gpu`); skipped where there is
 * none. The first run of each makes plans and warms the device: read the second row. */
#include "tests/cuda/agree.h"

static void sequences(void **state)
{
	static const struct {
		const char *path;
		double db0;
	} all[] = { { "sequences/gre_epi.seq", 80 }, { "sequences/moled.seq", 80 },
		    { "sequences/fse.seq", 40 },     { "sequences/02_spin_echo.seq", 30 },
		    { "sequences/05_multi_echo.seq", 30 }, { "sequences/06_bssfp.seq", 5 } };

	(void)state;
	printf("| sequence | spins | difference | bound | state, ms | readouts, ms |\n");
	printf("|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < PRECESS_COUNT(all); i++)
		for (int round = 0; round < 2; round++)
			agree(compile_file(all[i].path), "cuda", 512, 512, all[i].db0);
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
