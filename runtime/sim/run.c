/* One run: the plan from draw, maps and options; the methods; the receiver; the result. */
#include "runtime/sim/internal.h"

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

/* ------------------------------------------------------------------ the object */
static precess_status bad_spin(const struct maps *m, size_t i, const char *what, double v,
			       const char *want)
{
	return precess_fail(PRECESS_EINVAL, "%s%s%s = %g at spin (%zu, %zu) of %d x %d: %s",
			    m->source ? m->source : "", m->source ? ": " : "", what, v,
			    i % (size_t)m->nx, i / (size_t)m->nx, m->nx, m->ny, want);
}

/* One map over the live pixels. */
static precess_status check_map(const struct sim_plan *plan, int k)
{
	bool time = k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
	const float *map = plan->maps->map[k];

	for (size_t i = 0; map && i < plan->n_live; i++) {
		float v = map[plan->live[i]];

		if (time ? v > 0 : isfinite(v))
			continue;
		return bad_spin(plan->maps, plan->live[i],
				program_map_name((enum program_map_kind)k), (double)v,
				time ? "a relaxation time must be positive" : "must be finite");
	}
	return PRECESS_OK;
}

static precess_status find_live(struct sim_plan *plan)
{
	const struct maps *m = plan->maps;
	const float *m0 = m->map[PROGRAM_MAP_M0], *t2p = m->map[PROGRAM_MAP_T2p];
	size_t n = (size_t)m->nx * (size_t)m->ny;
	precess_status st;

	plan->live = malloc((n + 1) * sizeof *plan->live);
	if (!plan->live)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %zu spins", n);
	for (size_t i = 0; i < n; i++) {
		if (m0 && !(m0[i] >= 0 && m0[i] < INFINITY))
			return bad_spin(m, i, "M0", (double)m0[i], "must be 0 or positive");
		if (!m0 || m0[i] > 0)
			plan->live[plan->n_live++] = (uint32_t)i;
	}
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if ((st = check_map(plan, k)))
			return st;
	}
	for (size_t i = 0; t2p && i < plan->n_live && !plan->decays_t2p; i++)
		plan->decays_t2p = t2p[plan->live[i]] < INFINITY;
	return PRECESS_OK;
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

/* Why the line method leaves n readouts to the direct sum. */
struct refusal {
	const char *why;
	uint32_t n;
};

static precess_status choose_methods(struct sim_plan *plan, enum sim_method method)
{
	const struct program *p = plan->draw->program;
	struct refusal refusal[8] = { { 0 } };

	for (uint32_t r = 0; r < p->n_readout; r++) {
		const char *why = "?";
		uint32_t i = 0;

		plan->method[r] = method == SIM_step ? SIM_step : SIM_direct;
		if (method != SIM_auto && method != SIM_line)
			continue;
		if (method == SIM_auto && plan->tolerance < SIM_LINE_FLOOR) {
			why = "the tolerance is below what single precision can promise";
		} else if (sim_line_applies(plan->draw, plan->maps, r, &why)) {
			plan->method[r] = SIM_line;
			continue;
		}
		if (method == SIM_line)
			return precess_fail(PRECESS_ENOTSUP, "the line method cannot compute "
					    "readout %u: %s; use `auto` or `direct`", r, why);
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
	return PRECESS_OK;
}

static void name_device(struct sim_plan *plan)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256], *name;

	snprintf(plan->device, sizeof plan->device, "cpu");
	while (f && fgets(line, sizeof line, f)) {
		if (strncmp(line, "model name", 10) || !(name = strchr(line, ':')))
			continue;
		name += 1 + strspn(name + 1, " ");
		name[strcspn(name, "\n")] = '\0';
		snprintf(plan->device, sizeof plan->device, "cpu (%.80s)", name);
		break;
	}
	if (f)
		fclose(f);
}

static precess_status make_plan(struct sim_plan *plan, const struct draw *d, const struct maps *m,
				const struct sim_options *o)
{
	const struct program *p = d->program;
	struct text why;
	precess_status st;

	*plan = (struct sim_plan){ .draw = d, .maps = m, .quiet = o->quiet };
	text_init(&plan->report);
	text_init(&why);
	plan->tolerance = o->tolerance > 0 ? o->tolerance : default_tolerance;
	plan->threads = o->threads ? o->threads : omp_get_max_threads();
	name_device(plan);
	TRY(find_live(plan));
	plan->slice = sim_slice_thickness(d);
	plan->nz = o->nz ? o->nz : sim_slice_spins(d, &why);
	if (o->nz)
		text_printf(&why, "as asked");
	text_printf(&plan->report, "%d spin%s through the slice: %s\n", plan->nz,
		    plan->nz == 1 ? "" : "s", why.data);
	plan->scale = 1 / ((double)m->nx * m->ny * plan->nz);
	TRY(sim_ensemble_create(plan));
	plan->method = calloc((size_t)p->n_readout + 1, sizeof *plan->method);
	plan->signal = calloc(2 * (size_t)p->n_sample + 1, sizeof *plan->signal);
	if (!plan->method || !plan->signal) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", p->n_sample);
		goto out;
	}
	TRY(choose_methods(plan, o->method));
out:
	text_free(&why);
	return st;
}

static void erase_plan(struct sim_plan *plan)
{
	free(plan->live);
	free(plan->method);
	free(plan->signal);
	free(plan->ensemble.x);
	free(plan->ensemble.w);
	text_free(&plan->report);
}

/* ------------------------------------------------------------------ running */
static uint32_t count(const struct sim_plan *plan, enum sim_method m)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < plan->draw->program->n_readout; r++)
		n += plan->method[r] == m;
	return n;
}

static double largest(const struct sim_plan *plan)
{
	double v = 0;

	for (uint32_t i = 0; i < plan->draw->program->n_sample; i++)
		v = fmax(v, hypot(plan->signal[2 * i], plan->signal[2 * i + 1]));
	return v;
}

/* The mean of M0: no signal is larger. */
static double all_in_step(const struct sim_plan *plan)
{
	const float *m0 = plan->maps->map[PROGRAM_MAP_M0];
	double sum = 0;

	for (size_t i = 0; i < plan->n_live; i++)
		sum += m0 ? (double)m0[plan->live[i]] : 1;
	return sum * plan->nz * plan->scale;
}

static precess_status run_methods(struct sim_plan *plan, enum sim_method asked)
{
	const struct program *p = plan->draw->program;
	precess_status st = PRECESS_OK;

	if (count(plan, SIM_line))
		TRY(sim_line(plan));
	if (count(plan, SIM_direct))
		TRY(sim_direct(plan));
	if (count(plan, SIM_step))
		TRY(sim_step(plan));
	if (asked != SIM_auto || !count(plan, SIM_line) ||
	    plan->bound <= plan->tolerance * largest(plan))
		goto out;
	/* The terms were chosen before the largest sample was known. */
	text_printf(&plan->report, "direct: all readouts again: the line method's bound %.1e does "
		    "not meet the tolerance %.1e\n", plan->bound / largest(plan), plan->tolerance);
	memset(plan->signal, 0, 2 * (size_t)p->n_sample * sizeof *plan->signal);
	memset(plan->method, SIM_direct, p->n_readout);
	plan->bound = 0;
	plan->terms = 0;
	TRY(sim_direct(plan));
out:
	return st;
}

static void receive(struct sim_plan *plan)
{
	const struct draw *d = plan->draw;

	for (uint32_t i = 0; i < d->program->n_event; i++) {
		const struct draw_event *e = &d->event[i];

		if (e->kind != PROGRAM_ADC || (e->phase == 0 && e->freq == 0))
			continue;
		for (uint32_t n = 0; n < e->n; n++) {
			double *s = plan->signal + 2 * (size_t)(e->first_sample + n), re = s[0];
			double phase = e->phase + tau * fmod(e->freq * e->dwell * n, 1);
			double c = cos(phase), q = -sin(phase);

			s[0] = re * c - s[1] * q;
			s[1] = re * q + s[1] * c;
		}
	}
}

static precess_status make_result(struct sim_result **out, struct sim_plan *plan)
{
	struct sim_result *r = calloc(1, sizeof *r);
	bool doubles = count(plan, SIM_direct) || count(plan, SIM_step);

	if (!r)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	r->largest = largest(plan);
	if (doubles)
		plan->bound = fmax(plan->bound, double_rounding * all_in_step(plan));
	plan->bound += plan->ensemble.error * all_in_step(plan);
	r->bound = r->largest > 0 ? plan->bound / r->largest : 0;
	r->n_sample = plan->draw->program->n_sample;
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

precess_status sim_run(struct sim_result **out, const struct draw *d, const struct maps *m,
		       const struct sim_options *options)
{
	static const struct sim_options defaults = { .quiet = true };
	const struct sim_options *o = options ? options : &defaults;
	double begun = clock_seconds();
	struct sim_plan plan = { 0 };
	precess_status st;

	*out = NULL;
	TRY(check_options(o));
	TRY(make_plan(&plan, d, m, o));
	TRY(run_methods(&plan, o->method));
	receive(&plan);
	TRY(make_result(out, &plan));
	(*out)->seconds = clock_seconds() - begun;
out:
	erase_plan(&plan);
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
