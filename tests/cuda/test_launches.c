/* The launch list of every sequence as plain data: within the limits of every device, shared memory
 * as the kernels lay it out, tables aligned and their indices in range; and a list or table that is
 * wrong is noticed. */
#include "tests/physics/compile.h"

#include "runtime/sim/device.h"

struct made {
	struct sim_plan sim;
	struct line_plan *p;
	struct device_tables *t; /* of each history */
	uint8_t *method;
};

/* In place: the plan points into it. */
static void make(struct made *x, const struct draw *d, const struct maps *m, bool trains)
{
	const struct program *prog = d->program;

	*x = (struct made){ .sim = { .draw = d,
				     .maps = m,
				     .tolerance = 1e-4,
				     .nz = 1,
				     .threads = 1,
				     .slice = sim_slice_thickness(d),
				     .asked = SIM_train,
				     .n_coil = 1,
				     .sees = 1 } };

	x->sim.method = x->method = calloc(prog->n_readout + 1, 1);
	memset(x->method, SIM_line, prog->n_readout);
	text_init(&x->sim.report);
	x->sim.nz = sim_slice_spins(d, NULL);
	assert_int_equal(sim_survey(&x->sim), PRECESS_OK);
	assert_int_equal(line_prepare(&x->p, &x->sim, trains), PRECESS_OK);
	line_set_terms(&x->p->series, 5, 3e-3);
	x->p->fan_limit = 1e-5;
	assert_int_equal(line_fourier_prepare(x->p), PRECESS_OK);
	if (x->p->n_train)
		assert_int_equal(train_begin(x->p), PRECESS_OK);
	x->t = calloc(x->p->n_history, sizeof *x->t);
	for (uint32_t h = 0; h < x->p->n_history; h++)
		if (device_tables_create(&x->t[h], x->p, &x->p->history[h]))
			fail_msg("%s", precess_error());
}

static void erase(struct made *x)
{
	for (uint32_t h = 0; h < x->p->n_history; h++)
		device_tables_free(&x->t[h]);
	free(x->t);
	line_plan_free(x->p);
	free(x->method);
	text_free(&x->sim.report);
}

/* Offsets of a table's pointers as they lie in the block. */
static void check_alignment(const struct device_tables *t)
{
#define FIXED(type, name, count)                        \
	assert_int_equal((uintptr_t)t->s.name % 64, 0); \
	assert_true((uintptr_t)t->s.name <= t->size);
#define DRAWN(type, name, count) FIXED(type, name, count)
#include "runtime/bloch/tables.def"
#undef FIXED
#undef DRAWN
}

static int count_op(const struct bloch_launch *l, uint32_t n, int op)
{
	int found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += l[i].op == op;
	return found;
}

static void check_list(const struct bloch_launch *l, uint32_t n, const struct bloch_schedule *s)
{
	assert_int_equal(count_op(l, n, BACKEND_OP_state), 1);
	for (uint32_t i = 0; i < n; i++) {
		size_t threads = (size_t)l[i].grid[0] * l[i].block;

		/* by hand, from the limits that the CUDA guide gives for 7.5 and later */
		assert_in_range(l[i].block, 1, 1024);
		assert_in_range(l[i].grid[0], 1, 0x7fffffff);
		assert_in_range(l[i].grid[1], 1, 65535);
		assert_in_range(l[i].grid[2], 1, 65535);
		assert_true(l[i].shared <= 49152);
		assert_true(l[i].bytes > 0 && l[i].flops >= 0);
		if (i)
			assert_true(l[i].op >= l[i - 1].op || l[i].op == BACKEND_OP_deposit);
		if (l[i].op == BACKEND_OP_state)
			assert_true(threads >= (size_t)s->nx * (size_t)s->ny &&
				    threads < (size_t)s->nx * (size_t)s->ny + l[i].block);
		if (l[i].op == BACKEND_OP_deposit)
			assert_true(l[i].grid[0] == (uint32_t)s->nx && l[i].block % 32 == 0);
		if (l[i].op == BACKEND_OP_spread)
			assert_true(l[i].grid[0] == (uint32_t)s->ny && l[i].block % 32 == 0);
	}
}

static void sequences(void **state)
{
	static const char *const file[] = {
		"sequences/gre_epi.seq",       "sequences/moled.seq",
		"sequences/fse.seq",           "sequences/02_spin_echo.seq",
		"sequences/05_multi_echo.seq", "sequences/06_bssfp.seq"
	};

	(void)state;
	for (size_t i = 0; i < PRECESS_COUNT(file); i++)
		for (int nx = 40; nx <= 520; nx += 480) {
			struct draw *d = compile_file(file[i]);
			struct maps *m = random_maps(nx, nx / 2, d->program->fov[0], 40, 3);
			struct made x;

			make(&x, d, m, true);
			for (uint32_t h = 0; h < x.p->n_history; h++) {
				struct bloch_schedule s = device_tables_move(&x.t[h], x.t[h].data);
				struct bloch_launch *l;
				uint32_t n;

				check_alignment(&x.t[h]);
				if (backend_plan(&l, &n, &s))
					fail_msg("%s: %s", file[i], precess_error());
				check_list(l, n, &s);
				free(l);
			}
			erase(&x);
			maps_free(m);
			drop(d);
		}
}

/* A batch is the same launches over more blocks, its tables the draws' own one after another. */
static void batches(void **state)
{
	struct draw *d = compile_file("sequences/gre_epi.seq");
	struct maps *m[3];
	struct made x[3];
	struct device_tables t[3], all;
	struct bloch_launch *one, *many;
	struct bloch_schedule s, a;
	uint32_t n, k;

	(void)state;
	for (int i = 0; i < 3; i++) {
		m[i] = random_maps(40, 40, d->program->fov[0], 40, (uint64_t)i + 1);
		make(&x[i], d, m[i], false);
		t[i] = x[i].t[0];
		assert_true(device_tables_alike(&t[0], &t[i]));
	}
	assert_int_equal(device_tables_join(&all, t, 3), PRECESS_OK);
	check_alignment(&all);
	s = device_tables_move(&all, all.data);
	a = device_tables_move(&t[1], t[1].data);
	assert_memory_equal(s.lines + s.n_group, a.lines, a.n_group * sizeof *a.lines);
	assert_memory_equal(s.coef + (size_t)s.n_shape * s.n_sample * s.terms, a.coef,
			    (size_t)a.n_shape * a.n_sample * a.terms * sizeof *a.coef);
	assert_int_equal(backend_plan(&one, &n, &a), PRECESS_OK);
	assert_int_equal(backend_plan(&many, &k, &s), PRECESS_OK);
	assert_int_equal(n, k);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(one[i].op, many[i].op);
		assert_int_equal(one[i].grid[0], many[i].grid[0]);
	}
	/* another number of epochs is another schedule */
	t[1].s.n_epoch--;
	assert_false(device_tables_alike(&t[0], &t[1]));
	t[1].s.n_epoch++;
	free(one);
	free(many);
	device_tables_free(&all);
	for (int i = 0; i < 3; i++) {
		erase(&x[i]);
		maps_free(m[i]);
	}
	drop(d);
}

#define REFUSED(change, undo, call)                     \
	do {                                            \
		change;                                 \
		assert_int_not_equal(call, PRECESS_OK); \
		undo;                                   \
		assert_int_equal(call, PRECESS_OK);     \
	} while (0)

static void wrong(void **state)
{
	struct draw *d = compile_file("sequences/gre_epi.seq");
	struct maps *m = random_maps(40, 40, d->program->fov[0], 40, 1);
	struct made x;
	struct device_tables *t;
	struct bloch_schedule s;
	struct bloch_train *train;
	struct bloch_order *order;
	struct bloch_launch *l;
	uint32_t n, at = 0;

	(void)state;
	make(&x, d, m, true);
	t = &x.t[0];
	s = device_tables_move(t, t->data);
	train = (struct bloch_train *)(uintptr_t)s.train;
	order = (struct bloch_order *)(uintptr_t)s.order;
	assert_int_equal(backend_plan(&l, &n, &s), PRECESS_OK);
	while (l[at].op != BACKEND_OP_deposit)
		at++;
	REFUSED(l[at].shared -= 8, l[at].shared += 8, backend_plan_verify(l, n, &s));
	REFUSED(l[at].block += 1024, l[at].block -= 1024, backend_plan_verify(l, n, &s));
	REFUSED(l[0].grid[0] = 0, l[0].grid[0] = 1, backend_plan_verify(l, n, &s));
	REFUSED(l[at].grid[2] += 65535, l[at].grid[2] -= 65535, backend_plan_verify(l, n, &s));
	REFUSED(train->n += 1000, train->n -= 1000, device_tables_verify(t));
	REFUSED(train->line += 1, train->line -= 1, device_tables_verify(t));
	REFUSED(train->view += 7, train->view -= 7, device_tables_verify(t));
	REFUSED(order->plus += 100, order->plus -= 100, device_tables_verify(t));
	/* circles that fit no block: refused, and the history is the processor's */
	REFUSED(train->cells += 100000, train->cells -= 100000,
		(free(l), l = NULL, backend_plan(&l, &n, &s)));
	free(l);
	erase(&x);
	maps_free(m);
	drop(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(batches),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
