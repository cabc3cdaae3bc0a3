/* Every line of ops.def, launches as loops, against its definition in double precision. */
#include "tests/cuda/ops.h"

extern const struct backend backend_cuda_emulated;

static void operations(void **state)
{
	(void)state;
	check_all_ops(&backend_cuda_emulated);
}

/* Variants that no kernel was made for are refused. */
static void refusals(void **state)
{
	struct bloch_launch l = { .op = BACKEND_OP_sums, .variant = BLOCH_TERMS + 1 };
	struct bloch_schedule s = { .nx = 8, .ny = 8, .n_draw = 1 };
	struct bloch_memory m = { 0 };

	(void)state;
	assert_int_equal(backend_cuda_emulated.ops.sums(&l, &m, &s), PRECESS_ENOTSUP);
	assert_int_equal(backend_cuda_emulated.queue(BACKEND_QUEUES), PRECESS_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
