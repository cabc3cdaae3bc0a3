/* Which readouts the nufft method takes, and their samples in groups that share transforms.
 *
 * Spins at any place through the slice see kx and ky alike, and of kz only the factor
 * exp(-2 pi i kz z). While kz stands still it is part of the spins' phase, and all z are added up
 * before. While it moves the factor is interpolated in z between nodes, as it is in time (segments.c):
 * a plane of spins for each node; or each place has a plane of its own where there are not more. */
#include "runtime/sim/nufft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tau = 6.283185307179586476925; /* 2 pi */
static const double finest = 1e-10; /* tolerance that is promised */
/* Cycles through the slice that are no difference; the part of the tolerance that planes may take. */
static const double still = 1e-12, planes_share = 1e-3;
enum { PLANES_EXACT = 4 }; /* so few places have a plane each */

const char *sim_nufft_refuses(const struct sim_plan *plan, uint32_t readout)
{
	const struct draw *d = plan->draw;
	uint32_t history;

	if (plan->tolerance < finest)
		return "the tolerance is below what the kernel of transforms can promise";
	if (!plan->decays_t2p)
		return NULL;
	history = sim_epoch_history(d->program, program_readout_epoch(d->program, readout));
	return sim_history_pulses(d->program, history) > 1
		       ? "T2' under several pulses is not one rate per spin"
		       : NULL;
}

void nufft_ranges(struct nufft *j)
{
	const struct sim_plan *plan = j->plan;
	double lo = INFINITY, hi = -INFINITY;

	j->r_lo = INFINITY;
	j->r_hi = 0;
	for (size_t i = 0; i < plan->n_live; i++) {
		struct sim_spin s = sim_spin_at(plan, plan->live[i], 0);
		double r = s.r2 + s.r2p;

		j->r_lo = fmin(j->r_lo, r);
		j->r_hi = fmax(j->r_hi, r);
		lo = fmin(lo, s.w);
		hi = fmax(hi, s.w);
		if (j->rate) {
			j->rate[plan->live[i]] = r;
			j->freq[plan->live[i]] = s.w;
		}
	}
	if (!plan->n_live)
		j->r_lo = lo = hi = 0;
	j->w_mid = 0.5 * (lo + hi);
	j->w_half = 0.5 * (hi - lo);
	for (size_t i = 0; j->freq && i < plan->n_live; i++)
		j->freq[plan->live[i]] -= j->w_mid;
}

/* ------------------------------------------------------------------ groups */
/* From the first place of spins through the slice to the last. */
static double extent(const struct sim_plan *plan)
{
	return plan->slice * (1 - 1.0 / plan->nz);
}

/* What samples of one epoch go into, from `begin` to `end` after its pulse: the group of their kz; of
 * a kz that moves, one that moves at the same time. */
static struct nufft_group *find_group(struct nufft *j, uint32_t epoch, bool moves, double kz,
				      double begin, double end)
{
	double far = still / fmax(extent(j->plan), 1e-30);
	struct nufft_group *g;

	for (size_t i = j->n_group; i-- > 0 && j->group[i].epoch == epoch;) {
		g = &j->group[i];
		if (g->moves == moves && (moves ? begin < g->begin + g->length && g->begin < end
						: fabs(g->middle - kz) <= far))
			return g;
	}
	g = realloc(j->group, (j->n_group + 1) * sizeof *g);
	if (!g)
		return NULL;
	j->group = g;
	g += j->n_group++;
	*g = (struct nufft_group){ .epoch = epoch, .moves = moves, .middle = kz, .begin = begin,
				   .length = end - begin };
	return g;
}

/* n samples; s counts from the pulse's end until all are there. */
static precess_status add_samples(struct nufft *j, uint32_t epoch, bool moves, uint32_t sample,
				  uint32_t n, const double *k, const double *t)
{
	struct nufft_group *g = find_group(j, epoch, moves, k[2], t[0], t[n - 1]);
	size_t all = g ? g->n + n : 0;
	uint32_t *samples = g ? realloc(g->sample, all * sizeof *samples) : NULL;
	double(*where)[2] = g ? realloc(g->k, all * sizeof *where) : NULL;
	double *kz = g ? realloc(g->kz, all * sizeof *kz) : NULL;
	double *s = g ? realloc(g->s, all * sizeof *s) : NULL;

	if (g) {
		g->sample = samples ? samples : g->sample;
		g->k = where ? where : g->k;
		g->kz = kz ? kz : g->kz;
		g->s = s ? s : g->s;
	}
	if (!samples || !where || !kz || !s)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", n);
	g->length = fmax(g->begin + g->length, t[n - 1]);
	g->begin = fmin(g->begin, t[0]);
	g->length -= g->begin;
	for (uint32_t i = 0; i < n; i++) {
		g->sample[g->n] = sample + i;
		g->k[g->n][0] = k[3 * i];
		g->k[g->n][1] = k[3 * i + 1];
		g->kz[g->n] = k[3 * i + 2];
		g->s[g->n++] = t[i];
	}
	return PRECESS_OK;
}

/* A readout in stretches: kz stands still, or it moves from each sample to the next. */
static precess_status add_readout(struct nufft *j, uint32_t epoch, uint32_t r)
{
	const struct draw *d = j->plan->draw;
	const struct program_event *e = &d->program->event[d->program->readout[r].event];
	double *k = malloc(4 * (size_t)e->n * sizeof *k), *t = k + 3 * e->n;
	double reach = extent(j->plan);
	precess_status st = PRECESS_OK;

	if (!k)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u samples", e->n);
	draw_readout(d, r, k, t);
	for (uint32_t i = 0; i < e->n && !(reach > 0); i++)
		k[3 * i + 2] = 0;
	for (uint32_t from = 0, to; from < e->n; from = to) {
		bool moves = false;

		for (to = from + 1; to < e->n; to++) {
			uint32_t before = moves ? to - 1 : from;
			bool step = fabs(k[3 * to + 2] - k[3 * before + 2]) * reach > still;

			if (to == from + 1)
				moves = step;
			else if (step != moves)
				break;
		}
		TRY(add_samples(j, epoch, moves, e->first_sample + from, to - from, k + 3 * from,
				t + from));
	}
out:
	free(k);
	return st;
}

precess_status nufft_add_groups(struct nufft *j, uint32_t epoch)
{
	const struct program_epoch *x = &j->plan->draw->program->epoch[epoch];
	size_t old = j->n_group;
	precess_status st = PRECESS_OK;

	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++)
		if (j->plan->method[r] == SIM_nufft)
			TRY(add_readout(j, epoch, r));
	for (struct nufft_group *g = j->group + old; g < j->group + j->n_group; g++) {
		double lo = INFINITY, hi = -INFINITY;

		for (size_t n = 0; n < g->n; n++) {
			g->s[n] -= g->begin;
			lo = fmin(lo, g->kz[n]);
			hi = fmax(hi, g->kz[n]);
		}
		g->half = g->moves ? 0.5 * (hi - lo) : 0;
		g->middle = g->moves ? 0.5 * (hi + lo) : g->middle;
	}
out:
	return st;
}

void nufft_free_groups(struct nufft *j)
{
	for (size_t i = 0; i < j->n_group; i++) {
		struct nufft_group *g = &j->group[i];

		free(g->sample);
		free(g->k);
		free(g->kz);
		free(g->s);
		free(g->planes.z);
		free(g->w);
		free(g->thick);
	}
	free(j->group);
	j->group = NULL;
	j->n_group = 0;
}

precess_status nufft_add_planes(struct nufft *j, struct nufft_group *g)
{
	const int nz = j->plan->nz;
	const double length = extent(j->plan), z0 = -0.5 * length;
	struct nufft_planes *p = &g->planes;
	struct segments nodes = { .n = 1 };
	bool exact;

	if (g->moves && nz > PLANES_EXACT)
		segments_make(&nodes, length, tau * g->half, 0, 0,
			      planes_share * j->plan->tolerance);
	exact = g->moves && (nz <= PLANES_EXACT || nz <= nodes.n);
	p->n = exact ? nz : nodes.n;
	p->z = calloc((size_t)p->n * ((size_t)nz + 1), sizeof *p->z);
	if (!p->z)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %d planes", p->n);
	p->share = p->z + p->n;
	p->error = exact ? 0 : nodes.error;
	for (int i = 0; i < p->n; i++)
		p->z[i] = exact ? z0 + length * i / fmax(nz - 1, 1) : z0 + nodes.node[i];
	for (int iz = 0; iz < nz; iz++) {
		double u = length * iz / fmax(nz - 1, 1);
		double scale = exact ? 0 : segments_scale(&nodes, u);

		for (int i = 0; i < p->n; i++)
			p->share[iz * p->n + i] = !g->moves ? 1
						  : exact   ? i == iz
							    : segments_weight(&nodes, u, i, scale);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ which readouts */
/* About how many nodes a phase of `half` rad/s to both sides needs over a length. */
static double nodes(double length, double half, double rates)
{
	return 8 + 0.5 * length * half + sqrt(length * rates);
}

/* Nanoseconds of one core for the group. */
static double group_cost(const struct nufft *j, const struct nufft_group *g)
{
	const struct sim_plan *plan = j->plan;
	double segments = nodes(g->length, j->w_half, j->r_hi - j->r_lo);
	double planes = g->moves ? fmin(nodes(extent(plan), tau * g->half, 0), plan->nz) : 1;

	if (!(segments < SEGMENTS / 2) || !(planes < SEGMENTS / 2))
		return INFINITY;
	return planes * cost_transforms(plan, segments, (double)g->n);
}

/* The epoch's readouts that are the direct sum's: to this method if it is cheaper or asked for. */
static precess_status choose_epoch(struct nufft *j, uint32_t epoch, uint32_t *taken)
{
	struct sim_plan *plan = j->plan;
	const struct program *p = plan->draw->program;
	const struct program_epoch *x = &p->epoch[epoch];
	double direct = 0, fast = 0;
	precess_status st;

	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		if (plan->method[r] != SIM_direct || sim_nufft_refuses(plan, r))
			continue;
		plan->method[r] = SIM_nufft;
		direct += plan->n_coil * (double)plan->n_live * cost_direct(plan, r);
	}
	TRY(nufft_add_groups(j, epoch));
	for (size_t i = 0; i < j->n_group; i++)
		fast += group_cost(j, &j->group[i]);
	if (plan->asked == SIM_nufft || fast < direct)
		plan->nufft_ns += fast;
	for (uint32_t r = x->first_readout; r < x->first_readout + x->n_readout; r++) {
		if (plan->asked != SIM_nufft && fast >= direct && plan->method[r] == SIM_nufft)
			plan->method[r] = SIM_direct;
		*taken += plan->method[r] == SIM_nufft;
	}
out:
	nufft_free_groups(j);
	return st;
}

precess_status sim_nufft_choose(struct sim_plan *plan)
{
	const struct program *p = plan->draw->program;
	struct nufft j = { .plan = plan };
	precess_status st = PRECESS_OK;
	uint32_t taken = 0;

	for (uint32_t r = 0; r < p->n_readout && plan->asked == SIM_nufft; r++) {
		const char *why = sim_nufft_refuses(plan, r);

		if (why)
			return precess_fail(PRECESS_ENOTSUP, "the nufft method cannot compute "
					    "readout %u: %s; use `auto` or `direct`", r, why);
	}
	TRY(sim_list_live(plan));
	nufft_ranges(&j);
	for (uint32_t e = 0; e < p->n_epoch; e++)
		TRY(choose_epoch(&j, e, &taken));
	if (taken)
		text_printf(&plan->report, "nufft: %u of %u readouts: time segments and transforms "
			    "are cheaper than sums over spins\n", taken, p->n_readout);
out:
	return st;
}
