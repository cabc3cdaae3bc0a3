/* What the build's assembler said of the kernels: nothing that a sequence launches is missing on any
 * architecture of the build, registers do not spill; and how many blocks fit, against NVIDIA's own
 * calculator. Skipped where the build has no CUDA. */
#include "tests/physics/compile.h"

#include "runtime/backend/backend.h"

#include <glob.h>
#include <limits.h>
#ifdef HAVE_OCCUPANCY
#include <cuda_occupancy.h>
#endif

static int op_of(const char *name)
{
	for (int op = 0; op < BACKEND_OPS; op++)
		if (!strcmp(name, backend_op_name(op)))
			return op;
	fail_msg("no operation %s", name);
	return -1;
}

/* On every architecture for which the table has anything. */
static void check_known(const char *what, const struct bloch_launch *l)
{
	for (const struct backend_resources *r = backend_resources; r->arch; r++)
		if (!backend_resources_find(l, r->arch))
			fail_msg("%s: %s, variant %u, is not known for sm_%d", what,
				 backend_op_name(l->op), l->variant, r->arch);
}

/* Kernels of all builds, whether a sequence asks for them or not. */
static void operations(void **state)
{
	static const uint32_t slots[] = { 0, 4, 16, BLOCH_SLOTS };

	(void)state;
	for (int op = 0; op < BACKEND_OPS; op++) {
		struct bloch_launch l = { .op = op };

		if (op == BACKEND_OP_transform || op == BACKEND_OP_turn || op == BACKEND_OP_swing) {
			assert_null(backend_resources_find(&l, 90)); /* cuFFT's */
			continue;
		}
		for (uint32_t i = 0; i < (op == BACKEND_OP_sums ? BLOCH_TERMS : 4u); i++) {
			l.variant = op == BACKEND_OP_sums ? i + 1 : slots[i];
			check_known("all", &l);
		}
	}
}

/* Slots of a spin are indexed by a table, so they lie in local memory, and with them one more for
 * orders that have no partner: 16 bytes are room for it. */
static void local_memory(void **state)
{
	(void)state;
	for (const struct backend_resources *r = backend_resources; r->arch; r++) {
		int slots = !strcmp(r->op, "state") ? 8 * r->variant + 16 : 0;

		if (r->spilled || r->stack > slots)
			fail_msg("%s, variant %d, on sm_%d: %d bytes spilled, %d of local memory",
				 r->op, r->variant, r->arch, r->spilled, r->stack);
		assert_in_range(r->registers, 8, 255);
	}
}

static void sequences(void **state)
{
	const enum sim_method method[] = { SIM_auto, SIM_line, SIM_train };
	size_t explained = 0, launches = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("sequences/*.seq", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc * PRECESS_COUNT(method); i++) {
		const char *path = files.gl_pathv[i / PRECESS_COUNT(method)];
		struct sim_options o = { .method = method[i % PRECESS_COUNT(method)],
					 .quiet = true };
		struct draw *d = compile_file(path);
		struct maps *m = random_maps(24, 24, d->program->fov[0], 20, 7);
		struct sim_launches all;

		if (!sim_explain_launches(&all, d, m, &o, 4, NULL)) {
			explained++;
			for (size_t k = 0; k < all.n; k++) {
				struct bloch_launch l = { .op = op_of(all.row[k].op),
							  .variant = all.row[k].variant };

				if (!all.row[k].transform)
					check_known(path, &l);
				launches += !all.row[k].transform;
				assert_true(all.row[k].transform == (all.row[k].registers < 0));
			}
		}
		sim_launches_free(&all);
		maps_free(m);
		drop(d);
	}
	globfree(&files);
	printf("%zu lists, %zu launches\n", explained, launches);
	assert_true(explained >= 3 * 7 && launches >= 2 * explained);
}

/* ------------------------------------------------------------------ occupancy */
/* By hand: 47104 bytes and the 1024 of each block, four times in 228 KiB; 119 registers are 3840 of
 * a warp, 17 of which fit 65536, so four for each scheduler. */
static void by_hand(void **state)
{
	struct bloch_launch l = { .op = BACKEND_OP_deposit, .block = 128, .shared = 47104 };
	struct backend_resources r = { .registers = 48 };

	(void)state;
	assert_int_equal(backend_blocks(&l, &r, 90), 4);
	assert_true(backend_occupancy(&l, 4, 90) == 0.25);
	l.shared = 0;
	r.registers = 119;
	assert_int_equal(backend_blocks(&l, &r, 90), 4);
	assert_int_equal(backend_blocks(&l, NULL, 90), 16);
	assert_int_equal(backend_blocks(&l, &r, 91), 0);
}

/* Few warps: neither bytes nor operations at the card's limit; a block on each other multiprocessor
 * is half of a block on each. */
static void estimates(void **state)
{
	const struct backend_card *h200 = backend_card_find("H200");
	struct bloch_launch l = { .block = 128, .grid = { 132 * 16, 1, 1 }, .bytes = 4.8e6,
				  .flops = 6.7e7 };
	struct backend_times full = backend_estimate(&l, NULL, h200), few, half;

	(void)state;
	assert_float_equal(full.memory, 1e-6, 1e-12);
	assert_float_equal(full.arithmetic, 1e-6, 1e-12);
	l.grid[0] = 132;
	few = backend_estimate(&l, NULL, h200);
	assert_float_equal(few.arithmetic, 4e-6, 1e-12); /* 4 of 16 warps */
	assert_true(few.memory > 4e-6);
	l.grid[0] = 66;
	half = backend_estimate(&l, NULL, h200);
	assert_float_equal(half.memory, 2 * few.memory, 1e-12);
}

#ifdef HAVE_OCCUPANCY
static void calculator(void **state)
{
	static const struct {
		int arch, warps, shared, reserved;
	} known[] = { /* as cudaGetDeviceProperties gives them */
		      { 75, 32, 65536, 0 },	  { 80, 64, 167936, 1024 },
		      { 86, 48, 102400, 1024 },	  { 89, 48, 102400, 1024 },
		      { 90, 64, 233472, 1024 },	  { 100, 64, 233472, 1024 },
		      { 120, 48, 102400, 1024 }
	};
	size_t compared = 0;

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(known); i++) {
		cudaOccDeviceProp p = { .computeMajor = known[i].arch / 10,
					.computeMinor = known[i].arch % 10,
					.maxThreadsPerBlock = 1024,
					.maxThreadsPerMultiprocessor = 32 * known[i].warps,
					.regsPerBlock = 65536,
					.regsPerMultiprocessor = 65536,
					.warpSize = 32,
					.numSms = 1,
					.sharedMemPerBlock = 49152,
					.sharedMemPerMultiprocessor = (size_t)known[i].shared,
					.sharedMemPerBlockOptin =
						(size_t)(known[i].shared - known[i].reserved),
					.reservedSharedMemPerBlock = (size_t)known[i].reserved };
		const cudaOccDeviceState s = { .carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED };

		for (uint32_t shared = 0; shared <= BACKEND_SHARED; shared += 1016)
			for (int registers = 16; registers <= 255; registers += 7)
				for (int warps = 1; warps <= 8; warps *= 2) {
					struct bloch_launch l = { .block = 32 * (uint32_t)warps,
								  .shared = shared };
					struct backend_resources r = { .registers = registers };
					cudaOccFuncAttributes f = { .maxThreadsPerBlock = INT_MAX,
								    .numRegs = registers,
								    .numBlockBarriers = 1 };
					cudaOccResult o = { 0 };

					assert_int_equal(cudaOccMaxActiveBlocksPerMultiprocessor(
								 &o, &p, &f, &s, 32 * warps, shared),
							 CUDA_OCC_SUCCESS);
					if (backend_blocks(&l, &r, known[i].arch) !=
					    o.activeBlocksPerMultiprocessor)
						fail_msg("sm_%d, %d warps, %d registers, %u bytes: "
							 "%d blocks, the calculator has %d",
							 known[i].arch, warps, registers, shared,
							 backend_blocks(&l, &r, known[i].arch),
							 o.activeBlocksPerMultiprocessor);
					compared++;
				}
	}
	printf("%zu launches as the calculator has them\n", compared);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations),
		cmocka_unit_test(local_memory),
		cmocka_unit_test(sequences),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(estimates),
#ifdef HAVE_OCCUPANCY
		cmocka_unit_test(calculator),
#endif
	};

	if (!backend_resources[0].arch) {
		printf("skipped: this build has no CUDA\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
