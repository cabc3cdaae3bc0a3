/* The same command gives the same signal to the last bit: again, and with other numbers of threads. */
#include "compile.h"

static void same_bits(const char *path, enum sim_method method, int spins)
{
	static const int threads[] = { 1, 2, 1, 3 };
	struct draw *d = compile_file(path);
	const double fov[2] = { d->program->fov[0], d->program->fov[1] };
	struct sim_result *first = NULL;
	struct object *o;
	struct maps *m;

	if (object_open(&o, "head:3") || object_maps(&m, o, d->program, fov, spins, spins, NULL))
		fail_msg("%s", precess_error());
	for (size_t i = 0; i < PRECESS_COUNT(threads); i++) {
		struct sim_options options = { .method = method,
					       .threads = threads[i],
					       .quiet = true };
		struct sim_result *r;

		if (sim_run(&r, d, m, &options))
			fail_msg("%s: %s", path, precess_error());
		if (!first) {
			first = r;
			continue;
		}
		if (memcmp(r->signal, first->signal, 2 * r->n_sample * sizeof *r->signal) != 0 ||
		    r->bound != first->bound)
			fail_msg("%s by %s: other bits with %d threads", path,
				 sim_method_name(method), threads[i]);
		sim_result_free(r);
	}
	sim_result_free(first);
	maps_free(m);
	object_free(o);
	drop(d);
}

static void fast(void **state)
{
	(void)state;
	same_bits("sequences/fse.seq", SIM_auto, 96);
	same_bits("sequences/gre_epi.seq", SIM_auto, 300);
	same_bits("sequences/moled.seq", SIM_auto, 300);
	same_bits("sequences/06_bssfp.seq", SIM_auto, 64);
	same_bits("sequences/07_spin_echo_epi.seq", SIM_auto, 64);
}

static void oracles(void **state)
{
	(void)state;
	same_bits("sequences/gre_epi.seq", SIM_direct, 32);
	same_bits("sequences/gre_epi.seq", SIM_step, 16);
	same_bits("sequences/08_slice_select.seq", SIM_step, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fast), cmocka_unit_test(oracles) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
