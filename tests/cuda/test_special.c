/* Kernels made for one schedule. Their source, compiled by the host's compiler with launches as
 * loops, gives the very bits of the kernel that reads tables; and NVRTC, which needs no device, compiles it
 * for every architecture, and finds it again. */
#include "tests/physics/compile.h"

#include "runtime/sim/device.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct backend backend_cuda_emulated;

/* A history's tables, and its memory in the emulation. */
struct made {
	struct sim_plan sim;
	struct line_plan *p;
	struct maps *m;
	struct device_history h;
	struct bloch_schedule s;
	float *spins;
	struct draw *d;
};

/* In place: the plan points into it. */
static void make(struct made *x, const char *file, int nx)
{
	struct device_tables t;

	*x = (struct made){ .d = compile_file(file) };
	x->m = random_maps(nx, nx - 3, x->d->program->fov[0], 40, 3);
	x->sim = (struct sim_plan){ .draw = x->d,
				    .maps = x->m,
				    .tolerance = 1e-4,
				    .threads = 1,
				    .asked = SIM_line,
				    .slice = sim_slice_thickness(x->d),
				    .backend = &backend_cuda_emulated };
	x->sim.method = calloc(x->d->program->n_readout + 1, 1);
	memset(x->sim.method, SIM_line, x->d->program->n_readout);
	x->sim.nz = sim_slice_spins(x->d, NULL);
	text_init(&x->sim.report);
	if (sim_survey(&x->sim) || line_prepare(&x->p, &x->sim, false) ||
	    line_fourier_prepare(x->p) || device_tables_create(&t, x->p, &x->p->history[0]) ||
	    device_upload_spins(&x->spins, x->p) ||
	    device_history_create(&x->h, &backend_cuda_emulated, &t, x->spins))
		fail_msg("%s", precess_error());
	x->s = device_tables_move(&x->h.t, x->h.t.data);
}

static void erase(struct made *x)
{
	device_history_free(&x->h);
	free(x->spins);
	line_plan_free(x->p);
	text_free(&x->sim.report);
	free(x->sim.method);
	maps_free(x->m);
	drop(x->d);
}

/* ------------------------------------------------------------------ the same bits */
typedef void (*state_loop)(const struct bloch_launch *l, const struct bloch_memory *m,
			   const struct bloch_schedule *s);

static state_loop build(const char *folder, const char *source)
{
	struct text t;
	state_loop loop;
	void *library, *symbol;

	text_init(&t);
	text_printf(
		&t,
		"#define PRECESS_CUDA_EMULATED\n#include \"runtime/cuda/launch.h\"\n%s\n"
		"extern \"C\" void loop(const struct bloch_launch *l, "
		"const struct bloch_memory *m, const struct bloch_schedule *s)\n"
		"{\n\tLAUNCH_THREADS_RUN(state, l, m->view, m->slot, m->spins, m->map, *s);\n}\n",
		source);
	/* in a file's C++ there is no kernel with a linkage of its own */
	for (char *at; (at = strstr(t.data, "extern \"C\" __global__"));)
		memset(at, ' ', strlen("extern \"C\""));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(file_write("special.cpp", t.data, t.n), PRECESS_OK);
	text_free(&t);
	if (system(CXX_COMMAND " -std=c++17 -O1 -ffp-contract=off -shared -fPIC -I" SOURCE_ROOT
			       " -o special.so special.cpp"))
		fail_msg("the host's compiler does not take %s/special.cpp", folder);
	/* by its whole name: a name that was opened before would be the library of that time */
	text_init(&t);
	text_printf(&t, "%s/special.so", folder);
	library = dlopen(t.data, RTLD_NOW | RTLD_LOCAL);
	text_free(&t);
	if (!library)
		fail_msg("%s", dlerror());
	symbol = dlsym(library, "loop");
	memcpy(&loop, &symbol, sizeof loop);
	assert_int_equal(chdir(SOURCE_ROOT), 0);
	return loop;
}

static void same_bits(void **state)
{
	static const char *const file[] = { "sequences/fse.seq", "sequences/moled.seq" };

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(file); i++) {
		char folder[] = "/tmp/precess-special-XXXXXX";
		struct made x;
		struct bloch_launch *l;
		struct text source;
		size_t bytes;
		void *tables;

		make(&x, file[i], 13);
		assert_int_equal(x.s.nz, 0);
		l = x.h.launch;
		bytes = backend_measure(&x.s).view;
		tables = malloc(bytes);
		text_init(&source);
		backend_special_source(&source, &x.s);
		assert_non_null(mkdtemp(folder));
		for (; l->op != BACKEND_OP_state; l++)
			assert_int_equal(backend_run(x.h.b, l, 1, &x.h.m, &x.h.s), PRECESS_OK);
		assert_int_equal(backend_run(x.h.b, l, 1, &x.h.m, &x.h.s), PRECESS_OK);
		memcpy(tables, x.h.m.view, bytes);
		memset(x.h.m.view, 0xff, bytes);
		build(folder, source.data)(l, &x.h.m, &x.h.s);
		assert_memory_equal(tables, x.h.m.view, bytes);
		free(tables);
		text_free(&source);
		assert_int_equal(chdir(folder), 0);
		unlink("special.cpp");
		unlink("special.so");
		assert_int_equal(chdir(SOURCE_ROOT), 0);
		rmdir(folder);
		erase(&x);
	}
}

/* ------------------------------------------------------------------ NVRTC */
static void compile_for(const char *source, int arch)
{
	double begun = clock_seconds(), first, second;
	void *binary, *again;
	size_t n, k;

	if (backend_compile(&binary, &n, source, arch))
		fail_msg("sm_%d: %s", arch, precess_error());
	first = clock_seconds() - begun;
	assert_memory_equal(binary, "\177ELF", 4);
	begun = clock_seconds();
	assert_int_equal(backend_compile(&again, &k, source, arch), PRECESS_OK);
	second = clock_seconds() - begun;
	assert_int_equal(n, k);
	assert_memory_equal(binary, again, n);
	printf("sm_%d: %zu bytes, %.2f s, then %.4f s\n", arch, n, first, second);
	free(binary);
	free(again);
}

/* MOLED's kernel is small and stands for all architectures; FSE's is the one that pays. */
static void compiles(void **state)
{
	static const int arch[] = { 75, 80, 86, 89, 90, 100, 120 };
	char folder[] = "/tmp/precess-kernels-XXXXXX";
	struct made fse, moled;
	struct text large, small, command;
	void *binary;
	size_t n;

	(void)state;
	make(&fse, "sequences/fse.seq", 13);
	make(&moled, "sequences/moled.seq", 13);
	text_init(&large);
	text_init(&small);
	text_init(&command);
	assert_true(backend_special_pays(&fse.s));
	assert_false(backend_special_pays(&moled.s));
	backend_special_source(&large, &fse.s);
	backend_special_source(&small, &moled.s);
	assert_non_null(mkdtemp(folder));
	setenv("XDG_CACHE_HOME", folder, 1);
	if (backend_compile(&binary, &n, small.data, 90)) {
		printf("skipped: %s\n", precess_error());
		skip();
	}
	free(binary);
	for (size_t i = 0; i < PRECESS_COUNT(arch); i++)
		compile_for(small.data, arch[i]);
	compile_for(large.data, 90);
	/* a mistake is told with the compiler's words */
	assert_int_equal(backend_compile(&binary, &n, "this is no kernel", 90), PRECESS_ENOTSUP);
	assert_non_null(strstr(precess_error(), "sm_90"));
	text_printf(&command, "rm -r %s", folder);
	assert_int_equal(system(command.data), 0);
	unsetenv("XDG_CACHE_HOME");
	text_free(&command);
	text_free(&large);
	text_free(&small);
	erase(&fse);
	erase(&moled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bits),
		cmocka_unit_test(compiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
