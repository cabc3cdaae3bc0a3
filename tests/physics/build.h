/* Sequences built by hand through the IR, for tests that must not depend on the language: blocks
 * one after the other, all numbers constant. And objects of constant maps. */
#ifndef TESTS_PHYSICS_BUILD_H
#define TESTS_PHYSICS_BUILD_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/ir/ir.h"
#include "compiler/lower/lower.h"
#include "lang/lang.h"
#include "runtime/sim/sim.h"

#define PI 3.14159265358979323846
static const double deg = PI / 180;

struct build {
	struct ir *ir;
	double now, length; /* start of the open block; the longest of its events */
	struct ir_block block;
};

static inline struct build build_begin(double fov, double slice, int matrix)
{
	struct build b = { .ir = ir_create() };
	struct ir_system *s = &b.ir->system;

	b.ir->name = "test";
	b.ir->doc = "";
	s->ideal = true;
	s->name = "ideal";
	s->max_grad = s->max_slew = s->max_b1 = INFINITY;
	s->b0 = 3;
	s->gamma = PRECESS_GAMMABAR;
	b.ir->geometry.fov[0] = b.ir->geometry.fov[1] = fov;
	b.ir->geometry.fov[2] = slice;
	b.ir->geometry.matrix[0] = b.ir->geometry.matrix[1] = matrix;
	b.ir->geometry.matrix[2] = 1;
	ir_add_map(b.ir, &(struct ir_map){ .kind = IR_MAP_B1, .name = "B1", .doc = "",
					   .channel = true, .lo = 0.7, .hi = 1.3, .value = NAN });
	return b;
}

static inline void build_open(struct build *b)
{
	b->block = (struct ir_block){ .kind = IR_PLAY, .start = ir_const(b->ir, b->now),
				      .first_event = b->ir->n_event, .text = "", .where = "" };
	b->length = 0;
}

static inline void build_close(struct build *b, double duration)
{
	if (duration <= 0)
		duration = b->length;
	b->block.n_event = b->ir->n_event - b->block.first_event;
	b->block.duration = ir_const(b->ir, duration);
	ir_add_block(b->ir, &b->block);
	b->now += duration;
}

static inline void add_event(struct build *b, struct ir_event e, double start, double duration)
{
	e.start = ir_const(b->ir, start);
	e.duration = ir_const(b->ir, duration);
	ir_add_event(b->ir, &e);
	b->length = fmax(b->length, start + duration);
}

static inline void add_rf(struct build *b, double start, double duration, double flip, double phase,
			  double freq, uint32_t shape, enum ir_use use)
{
	struct ir_event e = { .kind = IR_RF, .shape = shape, .use = use };

	e.flip = ir_const(b->ir, flip);
	e.phase = ir_const(b->ir, phase);
	e.freq = ir_const(b->ir, freq);
	e.center = ir_const(b->ir, 0.5 * duration);
	add_event(b, e, start, duration);
}

/* A trapezoid of amplitude T/m. */
static inline void add_trap(struct build *b, int axis, double start, double amplitude, double rise,
			    double flat, double fall)
{
	struct ir_event e = { .kind = IR_GRAD, .axis = axis, .shape = IR_NO_SHAPE };

	e.amplitude = ir_const(b->ir, amplitude);
	e.rise = ir_const(b->ir, rise);
	e.flat = ir_const(b->ir, flat);
	e.fall = ir_const(b->ir, fall);
	add_event(b, e, start, rise + flat + fall);
}

/* A rectangle with the moment k (1/m). */
static inline void add_moment(struct build *b, int axis, double start, double duration, double k)
{
	add_trap(b, axis, start, k / duration / b->ir->system.gamma, 0, duration, 0);
}

static inline void add_adc(struct build *b, double start, uint32_t n, double dwell, double phase,
			   double freq, int line)
{
	struct ir_event e = { .kind = IR_ADC, .n = n, .shape = IR_NO_SHAPE };

	e.dwell = ir_const(b->ir, dwell);
	e.phase = ir_const(b->ir, phase);
	e.freq = ir_const(b->ir, freq);
	for (int i = 0; i < IR_LABELS; i++)
		e.label[i] = -1;
	e.label[IR_LABEL_line] = line;
	add_event(b, e, start, n * dwell);
}

static inline void play_rf(struct build *b, double duration, double flip, double phase,
			   enum ir_use use)
{
	build_open(b);
	add_rf(b, 0, duration, flip, phase, 0, IR_NO_SHAPE, use);
	build_close(b, 0);
}

static inline void play_delay(struct build *b, double duration)
{
	build_open(b);
	b->block.kind = IR_DELAY;
	build_close(b, duration);
}

static inline void play_moment(struct build *b, int axis, double duration, double k)
{
	build_open(b);
	add_moment(b, axis, 0, duration, k);
	build_close(b, 0);
}

static inline void play_adc(struct build *b, uint32_t n, double dwell)
{
	build_open(b);
	add_adc(b, 0, n, dwell, 0, 0, -1);
	build_close(b, 0);
}

static inline void play_reset(struct build *b)
{
	build_open(b);
	b->block.kind = IR_RESET;
	b->block.duration = 0;
	ir_add_block(b->ir, &b->block);
}

/* Frees the IR. */
static inline struct draw *build_end(struct build *b)
{
	static const char text[] = "seq 1\nsequence test\n"; /* blocks need a line to point at */
	struct lang *l = lang_create();
	struct program *p;
	struct draw *d;

	lang_parse(l, "test", text, strlen(text));
	b->ir->duration = ir_const(b->ir, b->now);
	if (ir_verify(b->ir))
		fail_msg("%s", precess_error());
	if (lower(&p, b->ir, l, "test"))
		fail_msg("%s", precess_error());
	if (draw_create(&d, p, NULL, false))
		fail_msg("%s", precess_error());
	ir_free(b->ir);
	lang_free(l);
	return d;
}

static inline void drop(struct draw *d)
{
	struct program *p = (struct program *)(uintptr_t)d->program;

	draw_free(d);
	program_free(p);
}

/* ------------------------------------------------------------------ objects */
static inline void set_map(struct maps *m, enum program_map_kind k, double v)
{
	size_t n = (size_t)m->nx * (size_t)m->ny;

	if (!m->map[k])
		m->map[k] = memory_aligned(n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		m->map[k][i] = (float)v;
}

/* One value of each map everywhere. */
static inline struct maps *uniform(int n, double fov, double t1, double t2, double b1, double db0)
{
	double size[2] = { fov, fov };
	struct maps *m;

	if (maps_create(&m, n, n, size))
		fail_msg("%s", precess_error());
	set_map(m, PROGRAM_MAP_M0, 1);
	set_map(m, PROGRAM_MAP_T1, t1);
	set_map(m, PROGRAM_MAP_T2, t2);
	set_map(m, PROGRAM_MAP_B1, b1);
	set_map(m, PROGRAM_MAP_dB0, db0);
	return m;
}

/* Every map random in a usual range, a tenth of the spins empty. */
static inline struct maps *random_maps(int nx, int ny, double fov, double db0, uint64_t seed)
{
	struct rng r = rng_make(seed, 0);
	double size[2] = { fov, fov };
	struct maps *m;

	if (maps_create(&m, nx, ny, size))
		fail_msg("%s", precess_error());
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (k != PROGRAM_MAP_T2p)
			set_map(m, (enum program_map_kind)k, 0);
	}
	for (int i = 0; i < nx * ny; i++) {
		m->map[PROGRAM_MAP_M0][i] = rng_uniform(&r, 0, 1) < 0.1 ? 0 :
					    (float)rng_uniform(&r, 0.2, 1);
		m->map[PROGRAM_MAP_T1][i] = (float)rng_uniform(&r, 0.3, 3);
		m->map[PROGRAM_MAP_T2][i] = (float)rng_uniform(&r, 0.03, 0.3);
		m->map[PROGRAM_MAP_B1][i] = (float)rng_uniform(&r, 0.7, 1.3);
		m->map[PROGRAM_MAP_dB0][i] = (float)rng_uniform(&r, -db0, db0);
	}
	return m;
}

static inline struct sim_result *simulate(const struct draw *d, const struct maps *m,
					  enum sim_method method, int nz)
{
	struct sim_options o = { .method = method, .nz = nz, .quiet = true, .threads = 2 };
	struct sim_result *r;

	if (sim_run(&r, d, m, &o))
		fail_msg("%s", precess_error());
	return r;
}

/* Largest difference of all coils relative to the largest sample. */
static inline double compare(const struct sim_result *a, const struct sim_result *b)
{
	double most = 0;

	assert_int_equal(a->n_sample, b->n_sample);
	assert_int_equal(a->n_coil, b->n_coil);
	for (size_t i = 0; i < (size_t)a->n_coil * a->n_sample; i++)
		most = fmax(most, hypot(a->signal[2 * i] - b->signal[2 * i],
					a->signal[2 * i + 1] - b->signal[2 * i + 1]));
	return most / fmax(a->largest, b->largest);
}

/* The error against the truth, which must lie below the bound; `name` and `object` for messages. */
static inline double error_below(const struct sim_result *r, const struct sim_result *truth,
				 double tolerance, const char *name, const char *object)
{
	double error = compare(r, truth);

	if (getenv("VERBOSE"))
		print_message("%-12s %-7s %7.0e: error %8.1e  bound %8.1e  %2d terms%s\n", name,
			      object, tolerance, error, r->bound, r->terms,
			      r->bound > tolerance ? "  beyond the tolerance" : "");
	if (!(error <= r->bound))
		fail_msg("%s on %s, tolerance %g: error %g above the bound %g", name, object,
			 tolerance, error, r->bound);
	return error;
}

static inline void near(double a, double b, double tolerance, const char *what, int i)
{
	if (!(fabs(a - b) <= tolerance))
		fail_msg("%s [%d]: %.12g, expected %.12g (within %g)", what, i, a, b, tolerance);
}

/* The same bits from one, two and three threads. */
static inline void same_on_threads(const struct draw *d, const struct maps *m,
				   enum sim_method method, int nz)
{
	struct sim_result *r[3];

	for (int i = 0; i < 3; i++) {
		struct sim_options o = {
			.method = method, .nz = nz, .threads = i + 1, .quiet = true
		};

		assert_int_equal(sim_run(&r[i], d, m, &o), PRECESS_OK);
		assert_memory_equal(r[i]->signal, r[0]->signal,
				    2 * (size_t)r[0]->n_coil * r[0]->n_sample *
					    sizeof *r[0]->signal);
	}
	for (int i = 0; i < 3; i++)
		sim_result_free(r[i]);
}

#endif
