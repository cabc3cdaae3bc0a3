/* How much the fast path saves: against a plain direct sum in the same run, on the same threads.
 *
 * The direct sum is every spin of the grid times every sample, in single precision: each spin's
 * state at a line's first sample, then one complex multiplication per sample, spins side by side in
 * vectors. That is 8 floating-point operations per spin and sample; the additions to the sum go
 * unpaid. How the states arise is the fast path's own way, so their cost is in both. Its rate
 * beside the machine's peak says that the baseline is not a weak one. */
#include "runtime/sim/line.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>


enum { REPEATS_LIMIT = 100, DIRECT_REPEATS = 3 };
/* Seconds after which the direct sum is not repeated: on large grids one is enough, and all that a
 * user has patience for. */
static const double direct_seconds = 3;

/* The best of n: whatever else runs on the machine only adds to a time. */
static double least(const double *v, int n)
{
	double best = v[0];

	for (int i = 1; i < n; i++)
		best = fmin(best, v[i]);
	return best;
}

/* ------------------------------------------------------------------ the plain sum */
/* Phases of the first sample's kx and of the step to the next, per shape; of ky, per line. */
struct plain {
	float *start_x, *step_x; /* [shape][block][re, im][lane] */
	float *y;                /* [line][ny] pairs */
	float *ones, one_x[2 * CPU_LANES];
};

static precess_status make_plain(struct plain *plain, struct line_plan *p)
{
	size_t size = (size_t)p->blocks * 2 * CPU_LANES;
	const double *fov = p->sim->maps->fov;
	float *wide = memory_aligned(2 * (size_t)p->nx * sizeof *wide);

	p->context = plain;
	plain->start_x = memory_aligned(p->n_shape * size * sizeof *plain->start_x);
	plain->step_x = memory_aligned(p->n_shape * size * sizeof *plain->step_x);
	plain->y = memory_aligned(2 * (size_t)p->n_line * (size_t)p->ny * sizeof *plain->y);
	plain->ones = memory_aligned(2 * (size_t)p->ny * sizeof *plain->ones);
	if (!wide || !plain->start_x || !plain->step_x || !plain->y || !plain->ones) {
		free(wide);
		return PRECESS_ENOMEM;
	}
	line_phases(plain->ones, 2, 1, p->ny, 0, 1, 0);
	for (int i = 0; i < CPU_LANES; i++)
		plain->one_x[i] = 1;
	for (uint32_t s = 0; s < p->n_shape; s++)
		for (int which = 0; which < 2; which++) {
			const struct line_shape *q = &p->shape[s];
			double k = which ? (q->n > 1 ? q->kx[1] - q->kx[0] : 0) : q->kx[0];
			float *to = (which ? plain->step_x : plain->start_x) + s * size;

			line_phases(wide, 1, (size_t)p->nx, p->nx, k * fov[0], 1, 0);
			for (int i = 0; i < p->nx; i++) {
				float *x = to + (i / CPU_LANES) * 2 * CPU_LANES + i % CPU_LANES;

				x[0] = wide[i];
				x[CPU_LANES] = wide[i + p->nx];
			}
		}
	for (uint32_t l = 0; l < p->n_line; l++)
		line_phases(plain->y + 2 * (size_t)l * (size_t)p->ny, 2, 1, p->ny,
			    p->line[l].ky * fov[1], 1, 0);
	free(wide);
	return PRECESS_OK;
}

static void free_plain(struct plain *plain)
{
	free(plain->start_x);
	free(plain->step_x);
	free(plain->y);
	free(plain->ones);
}

/* Factors of a shape, kept while the lines keep their shape. */
struct shape_factors {
	_Alignas(64) float start[2][2 * CPU_PLANE], step[2][2 * CPU_PLANE];
	uint32_t of[2];
	bool have[2];
};

static int factors_of(struct shape_factors *f, const struct line_work *w, uint32_t shape)
{
	const struct line_plan *p = w->p;
	const struct line_shape *s = &p->shape[shape];
	size_t x = (shape * (size_t)p->blocks + (size_t)w->block) * 2 * CPU_LANES;
	const struct plain *plain = p->context;
	int at = (int)(shape & 1);

	if (f->have[at] && f->of[at] == shape)
		return at;
	f->have[at] = true;
	f->of[at] = shape;
	p->cpu->factor(f->step[at], w->spins,
		       &(struct cpu_factor){ .t = s->n > 1 ? s->tau[1] - s->tau[0] : 0,
					     .x = plain->step_x + x, .y = plain->ones,
					     .row = w->row },
		       w->rows);
	p->cpu->factor(f->start[at], w->spins,
		       &(struct cpu_factor){ .x = plain->start_x + x, .y = plain->ones,
					     .row = w->row },
		       w->rows);
	return at;
}

static const float *y_of(const struct line_plan *p, uint32_t line)
{
	const struct plain *plain = p->context;

	return plain->y + 2 * (size_t)line * (size_t)p->ny;
}

static void look_plainly(struct line_work *w, const struct line_history *h, float *sum)
{
	const struct line_plan *p = w->p;
	const struct plain *plain = p->context;
	struct shape_factors *f = memory_aligned(sizeof *f);
	float *state = memory_aligned(4 * CPU_PLANE * sizeof *state), *m = state + 2 * CPU_PLANE;
	size_t n = (w->rows * CPU_LANES + 63) / 64 * 64, i;

	for (i = h->first_piece; f && state && i < h->first_piece + h->n_piece; i++) {
		const struct line_piece *q = &p->piece[i];
		double t = p->line[q->first].time + p->shape[p->line[q->first].shape].tau[0];

		if (p->view[q->view].dark)
			continue;
		p->cpu->factor(m, w->spins,
			       &(struct cpu_factor){ .t = t, .x = plain->one_x,
						     .y = q->run ? y_of(p, q->first) : plain->ones,
						     .row = w->row },
			       w->rows);
		p->cpu->weigh(state, line_plane(w, p->view[q->view].plane), m, NULL, NULL,
			      w->rows);
		for (uint32_t l = q->first; l < q->first + q->n; l++) {
			int at = factors_of(f, w, p->line[l].shape);
			const float *y = q->run ? plain->ones : y_of(p, l);

			memset(m, 0, 2 * CPU_PLANE * sizeof *m);
			p->cpu->product(m, state, f->start[at], y, w->row, w->rows);
			p->cpu->direct(sum + (l - w->first_line) * p->per_line, m, m + CPU_PLANE,
				       f->step[at], f->step[at] + CPU_PLANE, n,
				       p->shape[p->line[l].shape].n);
			if (q->run)
				p->cpu->product(state, state,
						line_plane(w, p->build[q->ratio].plane),
						plain->ones, w->row, w->rows);
		}
	}
	free(f);
	free(state);
}

/* Seconds of one direct simulation of all lines; `error` compares it with a signal. */
static precess_status run_plainly(double *seconds, double *error, struct line_plan *p,
				  const double *signal)
{
	const struct program *prog = p->sim->draw->program;
	int tasks = p->blocks * p->parts;
	double begun = clock_seconds(), most = 0, largest = 0, scale = 1 / ((double)p->nx * p->ny);
	precess_status st;

	if ((st = line_state(p, 0, p->n_history, look_plainly)))
		return st;
	for (uint32_t l = 0; l < p->n_line; l++) {
		uint32_t event = prog->readout[p->line[l].readout].event;
		const double *s = signal + 2 * (size_t)prog->event[event].first_sample;

		for (uint32_t n = 0; n < p->shape[p->line[l].shape].n; n++) {
			double v[2] = { 0 };

			for (int t = 0; t < tasks; t++) {
				const float *from = p->sum +
						    ((size_t)t * p->n_line + l) * p->per_line +
						    (size_t)n * 2 * CPU_LANES;

				for (int i = 0; i < CPU_LANES; i++) {
					v[0] += (double)from[i];
					v[1] += (double)from[CPU_LANES + i];
				}
			}
			most = fmax(most,
				    hypot(v[0] * scale - s[2 * n], v[1] * scale - s[2 * n + 1]));
			largest = fmax(largest, hypot(s[2 * n], s[2 * n + 1]));
		}
	}
	*seconds = clock_seconds() - begun;
	*error = largest > 0 ? most / largest : 0;
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ the machine */
static double measure_peak(int threads)
{
	const struct cpu_kernels *k = cpu_kernels();
	double best = 0;

	for (int repeat = 0; repeat < 5; repeat++) {
		double begun = clock_seconds(), work = 0;

#pragma omp parallel num_threads(threads) reduction(+ : work)
		{
			_Alignas(64) float sink[CPU_LANES];

			work += k->peak(sink, 4000000);
		}
		best = fmax(best, work / (clock_seconds() - begun));
	}
	return best * 1e-9;
}

/* ------------------------------------------------------------------ bench */
static precess_status make_sim(struct sim_plan *sim, const struct draw *d, const struct maps *m,
			       const struct sim_options *o)
{
	const struct program *p = d->program;
	size_t n = (size_t)m->nx * (size_t)m->ny;
	const char *why;
	precess_status st;

	*sim = (struct sim_plan){ .draw = d, .maps = m, .tolerance = o->tolerance, .quiet = true };
	sim->threads = o->threads ? o->threads : omp_get_max_threads();
	sim->slice = sim_slice_thickness(d);
	sim->nz = o->nz ? o->nz : sim_slice_spins(d, NULL);
	sim->scale = 1 / ((double)n * sim->nz);
	text_init(&sim->report);
	sim->method = malloc(p->n_readout + 1);
	sim->signal = calloc(2 * (size_t)p->n_sample + 1, sizeof *sim->signal);
	if (!sim->method || !sim->signal)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if ((st = sim_survey(sim)) || (st = sim_list_live(sim)))
		return st;
	memset(sim->method, SIM_line, p->n_readout);
	for (uint32_t r = 0; r < p->n_readout; r++) {
		const struct program_event *e = &p->event[p->readout[r].event];

		if (!sim_line_applies(d, m, r, &why))
			return precess_fail(PRECESS_ENOTSUP,
					    "nothing to compare with: the line method "
					    "cannot compute readout %u: %s",
					    r, why);
		if (p->readout[r].step[0] == PROGRAM_NO_SLOT)
			return precess_fail(PRECESS_ENOTSUP,
					    "the benchmark's direct sum needs samples in "
					    "even steps; readout %u has others",
					    r);
		if (sim_slot(d, e->phase) != 0 || sim_slot(d, e->freq) != 0)
			return precess_fail(PRECESS_ENOTSUP,
					    "the benchmark has no receiver: readout %u "
					    "has a phase or frequency",
					    r);
	}
	return PRECESS_OK;
}

/* What the cost model says of the run, with the methods that it chooses. */
static precess_status estimate(struct bench_row *out, const struct draw *d, const struct maps *m,
			       const struct sim_options *o)
{
	struct sim_plan plan;
	precess_status st = sim_plan_create(&plan, d, m, o);

	if (!st)
		out->model_ms = 1e3 * cost_seconds(&plan);
	sim_plan_erase(&plan);
	return st;
}

static precess_status time_fast(struct bench_row *out, struct sim_result **kept,
				const struct draw *d, const struct maps *m,
				const struct sim_options *o, int repeats)
{
	double seconds[REPEATS_LIMIT];
	struct sim_prepared *s;
	precess_status st;

	TRY(sim_prepare(&s, d->program));
	for (int i = -1; i < repeats; i++) { /* the first one warms up */
		sim_result_free(*kept);
		*kept = NULL;
		TRY(sim_prepared_run(kept, s, d, m, o));
		if (i >= 0)
			seconds[i] = (*kept)->seconds;
	}
	out->ms = 1e3 * least(seconds, repeats);
	out->bound = (*kept)->bound;
	out->live_share = (double)(*kept)->n_spin / ((double)m->nx * m->ny * (*kept)->nz);
out:
	sim_prepared_free(s);
	return st;
}

static precess_status time_plain(struct bench_row *out, struct line_plan *p, const double *signal,
				 int repeats)
{
	double t = 0, best = INFINITY, spent = 0, error = 0, work = 0;
	uint32_t longest = 0;
	precess_status st;

	for (uint32_t l = 0; l < p->n_line; l++) {
		uint32_t n = p->shape[p->line[l].shape].n;

		longest = n > longest ? n : longest;
		work += 8.0 * n * p->nx * p->ny;
	}
	p->per_line = (size_t)longest * 2 * CPU_LANES;
	p->every_row = true;
	repeats = repeats < DIRECT_REPEATS ? repeats : DIRECT_REPEATS;
	for (int i = -1; i < repeats && spent < direct_seconds; i++, spent += t) {
		if ((st = run_plainly(&t, &error, p, signal)))
			return st;
		best = fmin(best, t);
	}
	out->direct_ms = 1e3 * best;
	out->direct_gflops = work / out->direct_ms * 1e-6;
	if (error > 1e-3) /* single precision over a whole line */
		return precess_fail(PRECESS_EINVAL, "the direct sum and the fast path differ by %g",
				    error);
	return PRECESS_OK;
}

precess_status bench_simulate(struct bench_row *out, const struct draw *d, const struct maps *m,
			      const struct sim_options *options, int repeats)
{
	struct sim_options o = *options;
	struct sim_result *fast = NULL;
	struct line_plan *p = NULL;
	struct sim_plan sim = { 0 };
	struct plain plain = { 0 };
	const char *method;
	precess_status st;

	*out = (struct bench_row){ .spins = m->nx };
	o.quiet = true;
	o.tolerance = o.tolerance > 0 ? o.tolerance : 1e-4;
	out->tolerance = o.tolerance;
	repeats = repeats < 1 ? 1 : repeats > REPEATS_LIMIT ? REPEATS_LIMIT : repeats;
	snprintf(out->sequence, sizeof out->sequence, "%s", d->program->name);
	TRY(make_sim(&sim, d, m, &o));
	TRY(estimate(out, d, m, &o));
	TRY(time_fast(out, &fast, d, m, &o, repeats));
	method = sim_method_name(fast->used[SIM_train]  ? SIM_train
				 : fast->used[SIM_line] ? SIM_line
				 : fast->used[SIM_step] ? SIM_step
							: SIM_direct);
	snprintf(out->method, sizeof out->method, "%s", method);
	TRY(line_plan_create(&p, &sim, false));
	TRY(make_plain(&plain, p));
	TRY(time_plain(out, p, fast->signal, repeats));
	out->peak_gflops = measure_peak(sim.threads);
	out->ratio = out->direct_ms / out->ms;
	TRY(line_check(&out->measured, p, fast->signal, fast->largest));
out:
	free_plain(&plain);
	line_plan_free(p);
	sim_result_free(fast);
	free(sim.live);
	free(sim.method);
	free(sim.signal);
	text_free(&sim.report);
	return st;
}
