/* One run: the plan from draw, maps and options; the methods; the receiver; the result. */
#include "runtime/sim/device.h"
#include "runtime/sim/internal.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double default_tolerance = 1e-4;
/* Of double sums, relative to a signal of all spins in step: rounding grows along a readout. */
static const double double_rounding = 1e-11;

enum {
	SPINS_THROUGH_SLICE_LIMIT = 65536,
	GROUPS = 64,
	GROUP_BYTES = 1 << 28 /* memory for all groups' sums together */
};

int sim_groups(size_t n_sample)
{
	size_t fit = GROUP_BYTES / (16 * (n_sample + 1));

	return fit < 4 ? 4 : fit > GROUPS ? GROUPS : (int)fit;
}

/* ------------------------------------------------------------------ the plan */
static precess_status check_options(const struct sim_options *o)
{
	if (!(o->tolerance >= 0 && isfinite(o->tolerance)))
		return precess_fail(PRECESS_EINVAL, "tolerance %g: must be positive (0: %g)",
				    o->tolerance, default_tolerance);
	if (o->threads < 0)
		return precess_fail(PRECESS_EINVAL, "%d threads: must be 1 or more (0: all)",
				    o->threads);
	if (o->nz < 0 || o->nz > SPINS_THROUGH_SLICE_LIMIT)
		return precess_fail(PRECESS_EINVAL, "%d spins through the slice: must be in 1..%d "
				    "(0: as many as needed)", o->nz, SPINS_THROUGH_SLICE_LIMIT);
	return PRECESS_OK;
}

/* Why n readouts are left to the direct sum. */
struct refusal {
	const char *why;
	uint32_t n;
};

static bool takes_line(const struct sim_plan *plan, uint32_t r, const char **why)
{
	*why = "the tolerance is below what single precision can promise";
	return !(plan->asked == SIM_auto && !plan->fast && plan->tolerance < SIM_LINE_FLOOR) &&
	       sim_line_applies(plan->draw, plan->maps, r, why);
}

/* Why neither the line method nor transforms took the readout; NULL: the line method could. */
static const char *refused(const struct sim_plan *plan, uint32_t r)
{
	const char *why, *why_not;

	if (takes_line(plan, r, &why))
		return NULL;
	if (plan->draw->program->readout[r].class_ == PROGRAM_READOUT_LINE)
		return why;
	why_not = sim_nufft_refuses(plan, r);
	return why_not ? why_not : "no line along x, and transforms cost more";
}

/* Why readouts are left to the direct sum. */
static void report_refusals(struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	struct refusal refusal[8] = { { 0 } };

	for (uint32_t r = 0; r < p->n_readout; r++) {
		const char *why = plan->method[r] == SIM_direct ? refused(plan, r) : NULL;
		uint32_t i = 0;

		if (!why)
			continue;
		for (; i + 1 < PRECESS_COUNT(refusal) && refusal[i].n; i++) {
			if (!strcmp(refusal[i].why, why))
				break;
		}
		refusal[i].why = why;
		refusal[i].n++;
	}
	for (uint32_t i = 0; i < PRECESS_COUNT(refusal) && refusal[i].n; i++)
		text_printf(&plan->report, "direct: %u of %u readouts: %s\n", refusal[i].n,
			    p->n_readout, refusal[i].why);
}

static uint32_t count(const struct sim_plan *plan, enum sim_method m)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < plan->draw->program->n_readout; r++)
		n += plan->method[r] == m;
	return n;
}

static precess_status choose_methods(struct sim_plan *plan, enum sim_method method)
{
	precess_status st = PRECESS_OK;
	const char *why;

	for (uint32_t r = 0; r < plan->draw->program->n_readout; r++) {
		plan->method[r] = method == SIM_step ? SIM_step : SIM_direct;
		if (method != SIM_auto && method != SIM_line && method != SIM_train)
			continue;
		if (takes_line(plan, r, &why))
			plan->method[r] = SIM_line;
		else if (method != SIM_auto)
			return precess_fail(PRECESS_ENOTSUP, "the %s method cannot compute readout "
					    "%u: %s; use `auto` or `direct`",
					    sim_method_name(method), r, why);
	}
	if (method == SIM_nufft || (method == SIM_auto && count(plan, SIM_direct)))
		TRY(sim_nufft_choose(plan));
	if (method == SIM_auto)
		report_refusals(plan);
out:
	return st;
}

static void name_device(struct sim_plan *plan)
{
	snprintf(plan->device, sizeof plan->device, "cpu (%.80s)", cpu_name());
}

/* Where the line method runs; the other methods are the processor's. */
static precess_status open_device(struct sim_plan *plan, const char *device)
{
	struct text why;
	precess_status st;

	text_init(&why);
	st = backend_open(&plan->backend, &why, device);
	if (!st && device)
		text_printf(&plan->report, "device: %s\n", why.data);
	if (!st && plan->backend)
		snprintf(plan->device, sizeof plan->device, "%s", why.data);
	text_free(&why);
	return st;
}

static int spins_through_slice(const struct draw *d, struct text *why)
{
	static const double question[] = { SIM_MEMO_SLICE };
	double n;

	if (!sim_memo_find(&n, why, d, question, 1)) {
		n = sim_slice_spins(d, why);
		sim_memo_keep(n, why->data, d, question, 1);
	}
	return (int)n;
}

/* Long runs say so before. */
static void announce(const struct sim_plan *plan)
{
	static const double patience = 20; /* s */
	struct text t;

	text_init(&t);
	cost_tell(&t, plan, patience);
	fputs(t.data, stderr);
	text_free(&t);
}

static void find_coils(struct sim_plan *plan)
{
	const struct maps *m = plan->maps;
	const float *s = m->sensitivity, *m0 = m->map[PROGRAM_MAP_M0];
	size_t n = (size_t)m->nx * (size_t)m->ny;

	plan->n_coil = s ? m->n_coil : 1;
	plan->sees = 1;
	if (!s)
		return;
	plan->sees = 0;
	for (int c = 0; c < m->n_coil; c++, s += 2 * n) {
		double sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += (m0 ? (double)m0[i] : 1) * hypot((double)s[2 * i], (double)s[2 * i + 1]);
		if (plan->n_live)
			plan->sees = fmax(plan->sees, sum / plan->survey.m0);
	}
}

precess_status sim_plan_create(struct sim_plan *plan, const struct draw *d, const struct maps *m,
			       const struct sim_options *o)
{
	const struct program *p = d->program;
	struct text why;
	precess_status st;

	*plan = (struct sim_plan){ .draw = d, .maps = m, .quiet = o->quiet, .fast = o->fast };
	text_init(&plan->report);
	text_init(&why);
	TRY(check_options(o));
	plan->tolerance = o->tolerance > 0 ? o->tolerance : default_tolerance;
	plan->asked = o->method;
	plan->threads = o->threads ? o->threads : omp_get_max_threads();
	name_device(plan);
	TRY(open_device(plan, o->device));
	TRY(sim_survey(plan));
	if (plan->decays_t2p)
		TRY(sim_list_live(plan));
	plan->slice = sim_slice_thickness(d);
	plan->nz = o->nz ? o->nz : spins_through_slice(d, &why);
	if (o->nz)
		text_printf(&why, "as asked");
	text_printf(&plan->report, "%d spin%s through the slice: %s\n", plan->nz,
		    plan->nz == 1 ? "" : "s", why.data);
	plan->scale = 1 / ((double)m->nx * m->ny * plan->nz);
	find_coils(plan);
	TRY(sim_ensemble_create(plan));
	plan->method = calloc((size_t)p->n_readout + 1, sizeof *plan->method);
	plan->signal = calloc(2 * (size_t)plan->n_coil * p->n_sample + 1, sizeof *plan->signal);
	if (!plan->method || !plan->signal) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", p->n_sample);
		goto out;
	}
	TRY(choose_methods(plan, o->method));
	if (!plan->quiet)
		announce(plan);
out:
	text_free(&why);
	return st;
}

void sim_plan_erase(struct sim_plan *plan)
{
	free(plan->live);
	free(plan->method);
	free(plan->signal);
	free(plan->ensemble.x);
	free(plan->ensemble.w);
	text_free(&plan->report);
}

/* ------------------------------------------------------------------ running */
double sim_largest(const double *signal, size_t n)
{
	double most = 0;

	for (size_t i = 0; i < 2 * n; i += 2) {
		double v = signal[i] * signal[i] + signal[i + 1] * signal[i + 1];

		most = v > most ? v : most;
	}
	return sqrt(most);
}

static double largest(const struct sim_plan *plan)
{
	return sim_largest(plan->signal, (size_t)plan->n_coil * plan->draw->program->n_sample);
}

/* The mean of M0 as the coil that sees most of it sees it: no signal is larger. */
static double all_in_step(const struct sim_plan *plan)
{
	return plan->survey.m0 * plan->nz * plan->scale * plan->sees;
}

/* Every spin times every sample: what the device has no kernel for, or not the precision, is done
 * here in double. */
static precess_status run_direct(struct sim_plan *plan)
{
	uint32_t n = plan->draw->program->n_readout;
	bool *done = calloc((size_t)n + 1, sizeof *done);
	precess_status st = PRECESS_OK;

	if (!done)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (plan->backend && plan->tolerance >= SIM_LINE_FLOOR)
		TRY(device_direct(plan, done));
	for (uint32_t r = 0; r < n; r++)
		plan->method[r] = done[r] ? SIM_METHODS : plan->method[r];
	if (count(plan, SIM_direct))
		st = sim_direct(plan);
	for (uint32_t r = 0; r < n; r++)
		plan->method[r] = done[r] ? SIM_direct : plan->method[r];
out:
	free(done);
	return st;
}

static void report_processor(struct sim_plan *plan, enum sim_method m)
{
	if (plan->backend && count(plan, m))
		text_printf(&plan->report, "device: cpu for %u readouts: the %s method\n",
			    count(plan, m), sim_method_name(m));
}

static precess_status run_doubles(struct sim_plan *plan)
{
	precess_status st = PRECESS_OK;

	if (count(plan, SIM_direct) || count(plan, SIM_step))
		TRY(sim_list_live(plan));
	if (count(plan, SIM_nufft))
		TRY(sim_nufft(plan));
	if (count(plan, SIM_direct))
		TRY(run_direct(plan));
	if (count(plan, SIM_step))
		TRY(sim_step(plan));
	report_processor(plan, SIM_nufft);
	report_processor(plan, SIM_step);
out:
	return st;
}

static precess_status run_methods(struct sim_plan *plan, enum sim_method asked)
{
	const struct program *p = plan->draw->program;
	precess_status st = PRECESS_OK;

	if (count(plan, SIM_line))
		TRY(sim_line(plan));
	TRY(run_doubles(plan));
	if (asked != SIM_auto || plan->fast ||
	    count(plan, SIM_direct) + count(plan, SIM_step) == p->n_readout ||
	    plan->bound <= plan->tolerance * largest(plan))
		goto out;
	/* The terms were chosen before the largest sample was known. */
	text_printf(&plan->report, "direct: all readouts again: the bound %.1e of the fast methods does "
		    "not meet the tolerance %.1e\n", plan->bound / largest(plan), plan->tolerance);
	plan->backend = NULL;
	memset(plan->signal, 0, 2 * (size_t)plan->n_coil * p->n_sample * sizeof *plan->signal);
	memset(plan->method, SIM_direct, p->n_readout);
	plan->bound = 0;
	plan->terms = 0;
	TRY(run_doubles(plan));
out:
	return st;
}

static void receive(struct sim_plan *plan, double *signal)
{
	const struct draw *d = plan->draw;

	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];

		if (e->kind != PROGRAM_ADC || (e->phase == 0 && e->freq == 0))
			continue;
		for (uint32_t n = 0; n < e->n; n++) {
			double *s = signal + 2 * (size_t)(e->first_sample + n), re = s[0];
			double phase = e->phase + tau * fmod(e->freq * e->dwell * n, 1);
			double c = cos(phase), q = -sin(phase);

			s[0] = re * c - s[1] * q;
			s[1] = re * q + s[1] * c;
		}
	}
}

precess_status sim_plan_result(struct sim_result **out, struct sim_plan *plan)
{
	struct sim_result *r = calloc(1, sizeof *r);
	bool doubles = count(plan, SIM_direct) || count(plan, SIM_step);

	*out = NULL;
	if (!r)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int c = 0; c < plan->n_coil; c++)
		receive(plan, plan->signal + 2 * (size_t)c * plan->draw->program->n_sample);
	r->largest = largest(plan);
	if (doubles)
		plan->bound = fmax(plan->bound, double_rounding * all_in_step(plan));
	plan->bound += plan->ensemble.error * all_in_step(plan);
	r->bound = r->largest > 0 ? plan->bound / r->largest : 0;
	r->n_sample = plan->draw->program->n_sample;
	r->n_coil = plan->n_coil;
	r->threads = plan->threads;
	r->nz = plan->nz;
	r->n_spin = (uint64_t)plan->n_live * (uint64_t)plan->nz;
	for (int m = 0; m < SIM_METHODS; m++)
		r->used[m] = count(plan, (enum sim_method)m);
	r->terms = plan->terms;
	r->seconds_state = plan->seconds_state;
	r->seconds_readout = plan->seconds_readout;
	r->device = strdup(plan->device);
	r->report = strdup(plan->report.data);
	if (!r->device || !r->report) {
		sim_result_free(r);
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	r->signal = plan->signal;
	plan->signal = NULL;
	*out = r;
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ runs */
struct sim_prepared {
	const struct program *program;
	struct sim_store store;
};

precess_status sim_prepare(struct sim_prepared **out, const struct program *p)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	(*out)->program = p;
	return PRECESS_OK;
}

void sim_prepared_free(struct sim_prepared *s)
{
	if (!s)
		return;
	sim_store_clear(&s->store);
	free(s);
}

precess_status sim_run(struct sim_result **out, const struct draw *d, const struct maps *m,
		       const struct sim_options *options)
{
	struct sim_prepared once = { .program = d->program };
	precess_status st = sim_prepared_run(out, &once, d, m, options);

	sim_store_clear(&once.store);
	return st;
}

precess_status sim_prepared_run(struct sim_result **out, struct sim_prepared *s, const struct draw *d,
				const struct maps *m, const struct sim_options *options)
{
	static const struct sim_options defaults = { .quiet = true };
	const struct sim_options *o = options ? options : &defaults;
	double begun = clock_seconds();
	struct sim_plan plan = { 0 };
	precess_status st;

	assert(d->program == s->program);
	*out = NULL;
	TRY(sim_plan_create(&plan, d, m, o));
	plan.store = &s->store;
	TRY(run_methods(&plan, o->method));
	if (plan.backend && !count(&plan, SIM_line) && !count(&plan, SIM_train) &&
	    !count(&plan, SIM_direct))
		name_device(&plan); /* nothing was left to the other */
	TRY(sim_plan_result(out, &plan));
	(*out)->seconds = clock_seconds() - begun;
out:
	if (st)
		sim_store_clear(&s->store); /* half-filled grids may be in it */
	sim_plan_erase(&plan);
	return st;
}

void sim_result_free(struct sim_result *r)
{
	if (!r)
		return;
	free(r->signal);
	free(r->report);
	free(r->device);
	free(r);
}
