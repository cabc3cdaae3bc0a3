/* How many spins through the slice are enough: what the automatic number leaves out must be small
 * against very many spins, also where only off-resonance during a pulse makes it imperfect. */
#include "compile.h"

static const char *const spin_echo =
	"seq 1\n"
	"sequence se \"A spin echo between crushers\"\n"
	"import std.grads (phase_encode, prephaser, readout, spoiler)\n"
	"map M0  : number    in 0 .. 1\n"
	"map T2  : time      in 0ms .. 650ms\n"
	"map dB0 : frequency in -150Hz .. 150Hz\n"
	"map T1  : time      = 1s\n"
	"geometry fov = [220mm, 220mm], matrix = [8, 8], slice = 5mm\n"
	"system = default\n"
	"let gx  = readout(20us)\n"
	"let ref = hard(180deg, 1ms, phase = 90deg, use = refocusing)\n"
	"for line in 0 ..< matrix.y {\n"
	"  reset\n"
	"  play e = hard(90deg, 500us, use = excitation)\n"
	"  play -prephaser(gx) & phase_encode(y, matrix.y - line)\n"
	"  play spoiler(z, cycles = 4)\n"
	"  play ref with center at e.center + 10ms\n"
	"  play spoiler(z, cycles = 4)\n"
	"  play gx & adc(matrix.x, over = gx.flat, dwell = 20us, line = line)\n"
	"       with center at e.center + 20ms\n"
	"}\n";

static void off_resonance(void **state)
{
	struct draw *d = compile_text(spin_echo);
	struct maps *m = random_maps(12, 12, d->program->fov[0], 150, 4);
	struct sim_result *one = simulate(d, m, SIM_direct, 1);
	struct sim_result *own = simulate(d, m, SIM_direct, 0);
	struct sim_result *many = simulate(d, m, SIM_direct, 101);

	(void)state;
	assert_true(own->nz > 1);
	near(compare(own, many), 0, 1e-5, "spins through the slice", own->nz);
	assert_true(compare(one, many) > 1e-4); /* the test can tell */
	sim_result_free(one);
	sim_result_free(own);
	sim_result_free(many);
	maps_free(m);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_resonance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
