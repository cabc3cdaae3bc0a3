/* Every operation of a device against its definition in double precision: the launches of a sequence
 * one after another, each given what the device itself had before, compared with sums written down
 * from runtime/bloch/bloch.h, and states with the simulator's history of each spin. */
#ifndef TESTS_CUDA_OPS_H
#define TESTS_CUDA_OPS_H

#include "tests/cuda/agree.h"

#include "runtime/sim/device.h"

#include <complex.h> /* last: others have members of that name */

/* Relative to the largest number of what is compared. */
static const double op_tolerance = 6e-6;

struct ops {
	const struct backend *b;
	struct sim_plan sim;
	struct line_plan *p;
	const struct line_history *h;
	struct bloch_schedule s;   /* its tables are here */
	struct bloch_memory m;     /* copies, before and after the launch */
	struct bloch_memory before;
	struct backend_sizes size;
	const double pi2;
	bool seen[BACKEND_OPS];
};

static inline double complex c_of(struct spin_complex v)
{
	return (double)v.re + I * (double)v.im;
}

static inline double twice(struct spin_twice v)
{
	return (double)v.hi + (double)v.lo;
}

static inline struct spin spin_at(const struct ops *o, size_t i)
{
	size_t n = (size_t)o->s.nx * (size_t)o->s.ny;
	const float *p = o->m.spins + i;

	return (struct spin){ p[0], p[n], p[2 * n], p[3 * n], p[4 * n] };
}

/* exp(-r2 t) exp(2 pi i (phase - f t - kx x - ky y)), x and y in half distances. */
static inline double complex precession(const struct ops *o, const struct spin_free *q, size_t i)
{
	struct spin me = spin_at(o, i);
	double x = 2.0 * (double)(i % (size_t)o->s.nx) + 1 - o->s.nx;
	double y = 2.0 * (double)(i / (size_t)o->s.nx) + 1 - o->s.ny;
	double turns = (double)q->phase - (double)me.f * twice(q->t) - x * twice(q->kx) -
		       y * twice(q->ky);

	return exp(-(double)me.r2 * twice(q->t)) * cexp(I * o->pi2 * turns);
}

/* What is off, beside the largest number. */
struct worst {
	double error, largest;
	const char *what;
};

static inline void differ(struct worst *w, double complex want, double complex is)
{
	/* NaN, too, is an error */
	if (!(cabs(want - is) <= w->error))
		w->error = cabs(want - is);
	if (cabs(want) > w->largest)
		w->largest = cabs(want);
}

static inline void judge(const struct worst *w)
{
	if (!(w->error <= op_tolerance * w->largest) || !(w->largest > 0))
		fail_msg("%s: error %g of %g", w->what, w->error, w->largest);
}

/* ------------------------------------------------------------------ states */
static inline void check_pulses(struct ops *o)
{
	size_t n = (size_t)o->s.nx * (size_t)o->s.ny;
	struct worst w = { .what = "pulses" };

	for (uint32_t p = 0; p < o->s.n_map; p++)
		for (size_t i = 0; i < n; i++) {
			const struct bloch_pulse_numbers *q = &o->s.pulse[p];
			double x = 2.0 * (double)(i % (size_t)o->s.nx) + 1 - o->s.nx;
			double y = 2.0 * (double)(i / (size_t)o->s.nx) + 1 - o->s.ny;
			struct spin me = spin_at(o, i);
			struct affine all = affine_phase(0), one;

			for (uint32_t k = q->first; k < q->first + q->n && me.m0 > 0; k++) {
				const struct bloch_field *f = &o->s.field[k];
				double h = (double)f->h, b1 = (double)me.b1;
				double tilt = (double)f->tilt[0] * x + (double)f->tilt[1] * y;
				double bx = b1 * (double)f->re, by = b1 * (double)f->im;

				one = affine_bloch((bx + tilt * by) / h, (by - tilt * bx) / h,
						   o->pi2 * (double)me.f +
							   ((double)f->offset + (double)f->g[0] * x +
							    (double)f->g[1] * y) / h,
						   (double)me.r1, (double)me.r2, (double)me.m0, h);
				all = affine_after(&one, &all);
			}
			one = affine_phase(o->pi2 * (double)q->turn);
			all = affine_after(&one, &all);
			for (int k = 0; k < 12; k++)
				differ(&w, k < 9 ? all.e[k / 3][k % 3] : all.c[k - 9],
				       (double)o->m.map[(12 * (size_t)p + (size_t)k) * n + i]);
		}
	judge(&w);
}

/* The mean over the spins through the slice, right after the pulse, turned by the view's moment. */
static inline void check_state(struct ops *o)
{
	const struct program *prog = o->sim.draw->program;
	const struct program_history *ph = &prog->history[o->h->index];
	struct affine *pulses = calloc(prog->n_pulse + 1, sizeof *pulses);
	bool *have = calloc(prog->n_pulse + 1, 1);
	double *m = calloc(3 * (size_t)ph->n_epoch + 3, sizeof *m);
	size_t n = (size_t)o->s.nx * (size_t)o->s.ny;
	double complex *sum = calloc(o->s.n_look, sizeof *sum);
	struct worst w = { .what = "state" };

	for (size_t i = 0; i < n; i++) {
		memset(sum, 0, o->s.n_look * sizeof *sum);
		for (int iz = 0; iz < o->sim.nz && o->m.spins[i] > 0; iz++) {
			struct sim_spin s = sim_spin_at(&o->sim, (uint32_t)i, iz);

			memset(have, 0, prog->n_pulse);
			sim_history(m, o->sim.draw, o->h->index, &s, pulses, have);
			for (uint32_t v = 0; v < o->s.n_look; v++) {
				const struct line_view *q = &o->p->view[o->h->first_view + v];
				const double *at = m + 3 * (size_t)q->epoch;

				sum[v] += (at[0] + I * at[1]) * cexp(-I * o->pi2 * q->kz * s.r[2]) /
					  o->sim.nz;
			}
		}
		for (uint32_t v = 0; v < o->s.n_look; v++)
			if (!o->p->view[o->h->first_view + v].dark)
				differ(&w, sum[v], c_of(o->m.view[v * n + i]));
	}
	/* coherence orders are spins without end */
	w.error -= o->p->alias * w.largest;
	judge(&w);
	free(pulses);
	free(have);
	free(m);
	free(sum);
}

static inline void check_receive(struct ops *o)
{
	const float *s = o->sim.maps->sensitivity;
	size_t n = (size_t)o->s.nx * (size_t)o->s.ny;
	struct worst w = { .what = "receive" };

	assert_int_equal(o->s.n_view, o->s.n_look * (1 + (uint32_t)o->sim.n_coil));
	for (uint32_t c = 0; c < o->s.n_coil; c++, s += 2 * n)
		for (uint32_t v = 0; v < o->s.n_look; v++)
			for (size_t i = 0; i < n; i++)
				differ(&w,
				       c_of(o->m.view[v * n + i]) *
					       ((double)s[2 * i] + I * (double)s[2 * i + 1]),
				       c_of(o->m.view[((c + 1) * o->s.n_look + v) * n + i]));
	judge(&w);
}

/* ------------------------------------------------------------------ lines */
static inline double complex u_of(const struct ops *o, size_t i)
{
	struct spin me = spin_at(o, i);
	const struct bloch_series *q = o->s.series;

	return ((double)me.r2 - (double)q->r + I * o->pi2 * ((double)me.f - (double)q->f)) *
	       (double)q->inverse;
}

static inline void check_sums(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	size_t n = (size_t)s->nx * (size_t)s->ny;
	struct worst w = { .what = "sums" }, weights = { .what = "weights" };

	for (uint32_t g = 0; g < s->n_group; g++)
		for (uint32_t l = 0; l < s->group[g].n; l++)
			for (int x = 0; x < s->nx; x++) {
				double complex sum[BLOCH_TERMS] = { 0 };
				double total = 0, is = 0;

				for (int y = 0; y < s->ny; y++) {
					size_t i = (size_t)(y * s->nx + x);
					double complex v = c_of(o->m.view[s->group[g].view * n + i]) *
							   precession(o, &s->lines[g].first, i) *
							   cpow(precession(o, &s->lines[g].ratio, i), l);

					total += cabs(v);
					for (uint32_t j = 0; j < s->terms; j++, v *= u_of(o, i))
						sum[j] += v;
				}
				for (uint32_t j = 0; j < s->terms; j++) {
					double complex got = 0;

					for (uint32_t part = 0; part < s->parts; part++)
						got += c_of(o->m.sum[((part * s->n_line + s->group[g].line + l) *
									      s->terms + j) * (size_t)s->nx +
								     (size_t)x]);
					differ(&w, sum[j], got);
				}
				for (uint32_t part = 0; part < s->parts && !l && s->group[g].piece >= 0; part++)
					is += (double)o->m.weight[((size_t)s->group[g].piece * s->parts + part) *
									  (size_t)s->nx + (size_t)x];
				if (!l && s->group[g].piece >= 0)
					differ(&weights, total, is);
			}
	judge(&w);
	judge(&weights);
}

static inline double complex shift_of(const struct ops *o, uint32_t line, int x)
{
	uint32_t shape = o->s.line[line].shape;

	return o->s.shape[shape].uniform ?
		       cexp(-I * o->pi2 * twice(o->s.shift[shape]) * (2 * x + 1 - o->s.nx)) :
		       1;
}

static inline void check_gather(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	size_t nx = (size_t)s->nx, rows = (size_t)s->n_line * s->terms;
	struct worst w = { .what = "gather" };

	for (size_t r = 0; r < rows; r++)
		for (size_t x = 0; x < nx && s->line[r / s->terms].maker == BLOCH_GROUPED; x++) {
			double complex v = 0;

			for (uint32_t part = 0; part < s->parts; part++)
				v += c_of(o->m.sum[(part * rows + r) * nx + x]);
			differ(&w, v * shift_of(o, (uint32_t)(r / s->terms), (int)x),
			       c_of(o->m.row[r * nx + x]));
		}
	judge(&w);
}

static inline void check_transform(struct ops *o, const char *what, const struct spin_complex *out,
				   const struct spin_complex *in, uint32_t n, size_t batch)
{
	struct worst w = { .what = what };

	for (size_t b = 0; b < batch; b += batch / 7 + 1)
		for (uint32_t k = 0; k < n; k++) {
			double complex v = 0;

			for (uint32_t x = 0; x < n; x++)
				v += c_of(in[b * n + x]) *
				     cexp(-I * o->pi2 * (double)((uint64_t)k * x % n) / n);
			if (cabs(v) < 1e30) /* rows of nobody hold no numbers */
				differ(&w, v, c_of(out[b * n + k]));
		}
	judge(&w);
}

static inline void check_combine(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	struct worst w = { .what = "combine" };

	for (uint32_t l = 0; l < s->n_line; l++) {
		uint32_t shape = s->line[l].shape;

		if (s->line[l].maker != BLOCH_GROUPED && s->line[l].maker != BLOCH_TRAIN)
			continue;
		for (uint32_t i = 0; i < s->shape[shape].n; i++) {
			double complex v = 0;

			for (uint32_t j = 0; j < s->terms; j++) {
				size_t row = ((size_t)l * s->terms + j) * (size_t)s->nx;
				double complex c =
					c_of(s->coef[((size_t)shape * s->terms + j) * s->n_sample + i]);
				double k = twice(s->kx[(size_t)shape * s->n_sample + i]);

				if (s->shape[shape].uniform)
					v += c * c_of(o->m.spectrum[row + s->cell[(size_t)shape * s->n_sample + i]]);
				for (int x = 0; x < s->nx && !s->shape[shape].uniform; x++)
					v += c * c_of(o->m.row[row + (size_t)x]) *
					     cexp(-I * o->pi2 * k * (2 * x + 1 - s->nx));
			}
			differ(&w, v, c_of(o->m.signal[(size_t)l * s->n_sample + i]));
		}
	}
	judge(&w);
}

/* ------------------------------------------------------------------ circles */
/* Adds phi(m - s - i v) times `w` to the cells around a spin. */
static inline void drop_on(double complex *circle, const struct ops *o, const struct bloch_circle *q,
			   const float *coef, int cells, int taps, double center, size_t i,
			   double complex w)
{
	struct spin me = spin_at(o, i);
	double x = 2.0 * (double)(i % (size_t)o->s.nx) + 1 - o->s.nx;
	double y = 2.0 * (double)(i / (size_t)o->s.nx) + 1 - o->s.ny;
	double turns = (double)me.f * twice(q->step.t) + x * twice(q->step.kx) +
		       y * twice(q->step.ky);
	double at = (turns - rint(turns)) * cells - 0.5 * (taps - 1), base = rint(at);
	double complex z = at - base + I * (center - (double)me.r2) * (double)q->drift;

	for (int j = 0; j < taps; j++) {
		double complex v = 0;

		for (int d = taps; d >= 0; d--)
			v = v * z + (double)coef[d * BLOCH_TAPS + j];
		circle[((int)base + cells / 2 + taps + j + 2 * cells) % cells] += w * v;
	}
}

static inline uint32_t level_of(double center, double r2, const struct bloch_circle *q)
{
	double level = floor(((center - r2) * (double)q->drift + 1) * BLOCH_LEVELS);

	return level < 0 ? 0 : level > 2 * BLOCH_LEVELS ? 2 * BLOCH_LEVELS : (uint32_t)level;
}

static inline void check_deposit(struct ops *o, uint32_t index)
{
	const struct bloch_schedule *s = &o->s;
	const struct bloch_train *t = &s->train[index];
	const struct bloch_circle *q = &s->circles[index];
	size_t n = (size_t)s->nx * (size_t)s->ny;
	double complex *circle = calloc(t->cells, sizeof *circle);
	struct worst w = { .what = "deposit" }, totals = { .what = "totals" };

	for (uint32_t r = 0; r < s->rates; r++)
		for (uint32_t j = 0; j < s->terms; j++)
			for (int x = 0; x < s->nx; x++) {
				double total = 0, center = (double)q->lo + (r + 0.5) * (double)q->width;
				const struct spin_complex *is =
					o->m.circle + (((size_t)r * s->terms + j) * (size_t)s->nx +
						       (size_t)x) * t->cells;

				memset(circle, 0, t->cells * sizeof *circle);
				for (int y = 0; y < s->ny; y++) {
					size_t i = (size_t)(y * s->nx + x);
					double r2 = (double)spin_at(o, i).r2;
					double g = rint((double)(((float)r2 - q->lo) * q->inverse - 0.5f));
					double complex v = c_of(o->m.view[t->view * n + i]) *
							   precession(o, &q->to, i);

					g = g < 0 ? 0 : g > s->rates - 1 ? s->rates - 1 : g;
					if (o->m.spins[i] <= 0 || g != r || r2 > (double)q->cut)
						continue;
					total += cabs(v) * (double)s->odds[(index * s->rates + r) * BLOCH_ODDS +
									   level_of(center, r2, q)].growth;
					drop_on(circle, o, q, s->taps, (int)t->cells, (int)s->taps_train,
						center, i, v * cpow(u_of(o, i), j));
				}
				for (uint32_t m = 0; m < t->cells; m++)
					differ(&w, circle[m], c_of(is[m]));
				if (!j)
					differ(&totals, total,
					       (double)o->m.total[(((size_t)index * s->rates + r) * 3 + 1) *
									  (size_t)s->nx + (size_t)x]);
			}
	free(circle);
	judge(&w);
	judge(&totals);
}

static inline void check_unroll(struct ops *o, uint32_t index)
{
	const struct bloch_schedule *s = &o->s;
	const struct bloch_train *t = &s->train[index];
	struct worst w = { .what = "unroll" };

	for (uint32_t k = 0; k < t->n; k++)
		for (uint32_t j = 0; j < s->terms; j++)
			for (int x = 0; x < s->nx; x++) {
				uint32_t m = (t->cells - t->center + k) % t->cells;
				double complex v = 0;

				for (uint32_t r = 0; r < s->rates; r++)
					v += c_of(s->divide[t->divide + r * t->n + k]) *
					     c_of(o->m.circle[(((size_t)r * s->terms + j) * (size_t)s->nx +
							       (size_t)x) * t->cells + m]);
				differ(&w, v * shift_of(o, t->line + k, x),
				       c_of(o->m.row[((size_t)(t->line + k) * s->terms + j) * (size_t)s->nx +
						     (size_t)x]));
			}
	judge(&w);
}

static inline void check_spread(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	const struct bloch_circle *q = s->strip;
	size_t n = (size_t)s->nx * (size_t)s->ny;
	double complex *circle = calloc(s->fan_cells, sizeof *circle);
	struct worst w = { .what = "spread" };

	for (uint32_t f = 0; f < s->n_fan; f++)
		for (int y = 0; y < s->ny; y++) {
			memset(circle, 0, s->fan_cells * sizeof *circle);
			for (int x = 0; x < s->nx; x++) {
				size_t i = (size_t)(y * s->nx + x);

				if (o->m.spins[i] > 0)
					drop_on(circle, o, q, s->taps + BLOCH_TAP_TABLE, (int)s->fan_cells,
						(int)s->taps_fan, (double)q->lo + 0.5 * (double)q->width, i,
						c_of(o->m.view[s->fan[f].view * n + i]) *
							precession(o, &s->fans[f].to, i));
			}
			for (uint32_t m = 0; m < s->fan_cells; m++)
				differ(&w, circle[m], c_of(o->m.strip[((size_t)f * (size_t)s->ny + (size_t)y) *
									      s->fan_cells + m]));
		}
	free(circle);
	judge(&w);
}

static inline void check_arcs(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	struct worst w = { .what = "arcs" };

	for (uint32_t f = 0; f < s->n_fan; f++)
		for (uint32_t l = s->fan[f].line; l < s->fan[f].line + s->fan[f].n; l++)
			for (uint32_t m = 0; m < s->fan_cells; m += 3) {
				double complex v = 0;

				for (int y = 0; y < s->ny; y++)
					v += c_of(o->m.strip[((size_t)f * (size_t)s->ny + (size_t)y) *
								     s->fan_cells + m]) *
					     cexp(-I * o->pi2 * twice(s->ky[l]) * (2 * y + 1 - s->ny));
				differ(&w, v, c_of(o->m.arc[(size_t)l * s->fan_cells + m]));
			}
	judge(&w);
}

static inline void check_pick(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	struct worst w = { .what = "pick" };

	for (uint32_t l = 0; l < s->n_line; l++)
		for (uint32_t i = 0; i < s->shape[s->line[l].shape].n; i++)
			if (s->line[l].maker == BLOCH_FAN)
				differ(&w, c_of(s->pick[i]) *
						   c_of(o->m.arc[(size_t)l * s->fan_cells +
								 (s->fan_cells - s->fan_center + i) % s->fan_cells]),
				       c_of(o->m.signal[(size_t)l * s->n_sample + i]));
	judge(&w);
}

/* ------------------------------------------------------------------ the direct sum */
static inline void check_direct(struct ops *o)
{
	const struct bloch_schedule *s = &o->s;
	size_t n = (size_t)s->nx * (size_t)s->ny;
	struct worst w = { .what = "direct" };

	for (uint32_t k = 0; k < s->n_ray; k += 3)
		for (uint32_t j = 0; j < s->ray[k].n; j++) {
			double complex want = 0, is = 0;

			for (size_t i = 0; i < n; i++)
				if (o->m.spins[i] > 0)
					want += c_of(o->m.view[s->ray[k].view * n + i]) *
						precession(o, &s->rays[k].first, i) *
						cpow(precession(o, &s->rays[k].ratio, i), j);
			for (uint32_t part = 0; part < BLOCH_RAY_PARTS; part++)
				is += c_of(o->m.sum[(size_t)part * s->n_signal + s->ray[k].sample + j]);
			differ(&w, want, is);
		}
	judge(&w);
}

static inline void check_add(struct ops *o)
{
	struct worst w = { .what = "add" };

	for (uint32_t k = 0; k < o->s.n_signal; k++) {
		double complex v = 0;

		for (uint32_t part = 0; part < BLOCH_RAY_PARTS; part++)
			v += c_of(o->m.sum[(size_t)part * o->s.n_signal + k]);
		differ(&w, v, c_of(o->m.signal[k]));
	}
	judge(&w);
}

/* ------------------------------------------------------------------ all */
static inline void check_op(struct ops *o, const struct bloch_launch *l)
{
	switch (l->op) {
	case BACKEND_OP_pulses: check_pulses(o); break;
	case BACKEND_OP_state: check_state(o); break;
	case BACKEND_OP_receive: check_receive(o); break;
	case BACKEND_OP_sums: check_sums(o); break;
	case BACKEND_OP_gather: check_gather(o); break;
	case BACKEND_OP_deposit: check_deposit(o, l->index); break;
	case BACKEND_OP_unroll: check_unroll(o, l->index); break;
	case BACKEND_OP_spread: check_spread(o); break;
	case BACKEND_OP_arcs: check_arcs(o); break;
	case BACKEND_OP_pick: check_pick(o); break;
	case BACKEND_OP_combine: check_combine(o); break;
	case BACKEND_OP_direct: check_direct(o); break;
	case BACKEND_OP_add: check_add(o); break;
	case BACKEND_OP_turn:
		check_transform(o, "turn", o->m.circle, o->before.circle, l->length, l->batch);
		break;
	case BACKEND_OP_swing:
		check_transform(o, "swing", o->m.arc, o->before.arc, l->length, l->batch);
		break;
	case BACKEND_OP_transform:
		check_transform(o, "transform", o->m.spectrum, o->m.row, l->length, l->batch);
		break;
	default: fail_msg("%s has no reference", backend_op_name(l->op));
	}
	o->seen[l->op] = true;
}

static inline void copy_back(struct ops *o, const struct bloch_memory *from)
{
#define MEMORY(type, name)                                                              \
	if (o->size.name) {                                                             \
		memcpy(o->before.name, o->m.name, o->size.name);                        \
		assert_int_equal(o->b->download(o->m.name, from->name, o->size.name),   \
				 PRECESS_OK);                                           \
	}
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
	assert_int_equal(o->b->sync(), PRECESS_OK);
}

static inline void run_ops(struct ops *o, float *spins)
{
	struct device_tables t;
	struct device_history d;
	int registers, local;

	if (device_tables_create(&t, o->p, o->h) || device_history_create(&d, o->b, &t, spins))
		fail_msg("%s", precess_error());
	o->s = device_tables_move(&d.t, d.t.data);
	o->size = backend_measure(&o->s);
#define MEMORY(type, name)                        \
	o->m.name = malloc(o->size.name + 1);     \
	o->before.name = malloc(o->size.name + 1);
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
	for (uint32_t i = 0; i < d.n_launch; i++) {
		copy_back(o, &d.m);
		if (backend_run(o->b, &d.launch[i], 1, &d.m, &d.s))
			fail_msg("%s: %s", backend_op_name(d.launch[i].op), precess_error());
		copy_back(o, &d.m);
		check_op(o, &d.launch[i]);
		if (!o->b->resources(&registers, &local, &d.launch[i], &d.s))
			printf("| %s | %s | %u | %d | %d |\n", o->sim.draw->program->name,
			       backend_op_name(d.launch[i].op), d.launch[i].variant, registers, local);
	}
#define MEMORY(type, name)  \
	free(o->m.name);    \
	free(o->before.name);
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
	device_history_free(&d);
}

/* Every launch of the sequence; `direct`: of the direct sum. Frees the draw. `seen` gathers the
 * operations met. */
static inline void check_ops(bool *seen, const struct backend *b, struct draw *d, int nx, bool direct,
			     bool trains, double db0, int coils)
{
	const struct program *prog = d->program;
	struct maps *m = coils > 1 ? coil_maps(nx, nx - 2, prog->fov[0], db0, coils)
				   : random_maps(nx, nx - 2, prog->fov[0], db0, 7);
	struct ops o = { .b = b,
			 .sim = { .draw = d, .maps = m, .tolerance = 1e-4, .threads = 1, .backend = b,
				  .slice = sim_slice_thickness(d), .asked = SIM_train,
				  .n_coil = coils, .sees = 1 },
			 .pi2 = 6.283185307179586476925 };
	bool *take = malloc(prog->n_readout + 1);
	float *spins = NULL;

	memset(take, 1, prog->n_readout);
	o.sim.method = calloc(prog->n_readout + 1, 1);
	memset(o.sim.method, SIM_line, prog->n_readout);
	text_init(&o.sim.report);
	o.sim.nz = sim_slice_spins(d, NULL);
	assert_int_equal(sim_survey(&o.sim), PRECESS_OK);
	if (direct ? line_plan_create_views(&o.p, &o.sim, take) : line_prepare(&o.p, &o.sim, trains))
		fail_msg("%s", precess_error());
	if (!direct)
		assert_int_equal(line_fourier_prepare(o.p), PRECESS_OK);
	if (o.p->n_train)
		assert_int_equal(train_begin(o.p), PRECESS_OK);
	assert_int_equal(device_upload_spins(&spins, o.p), PRECESS_OK);
	for (uint32_t h = 0; h < o.p->n_history; h++) {
		o.h = &o.p->history[h];
		run_ops(&o, spins);
	}
	for (int i = 0; i < BACKEND_OPS; i++)
		seen[i] |= o.seen[i];
	b->release(spins);
	line_plan_free(o.p);
	text_free(&o.sim.report);
	free(o.sim.method);
	free(take);
	maps_free(m);
	drop(d);
}

/* So many sequences that every operation of ops.def is met. Where the device tells, a row per launch:
 * registers, and bytes of local memory per thread. */
static inline void check_all_ops(const struct backend *b)
{
	bool seen[BACKEND_OPS] = { false };

	check_ops(seen, b, compile_file("sequences/gre_epi.seq"), 24, false, true, 80, 1);
	check_ops(seen, b, compile_file("sequences/moled.seq"), 22, false, false, 80, 1);
	check_ops(seen, b, compile_file("sequences/moled.seq"), 22, false, true, 80, 3);
	check_ops(seen, b, compile_file("sequences/fse.seq"), 18, false, false, 40, 2);
	check_ops(seen, b, compile_file("sequences/10_spiral.seq"), 10, true, false, 30, 3);
	check_ops(seen, b, compile_text(
		"seq 1\n"
		"sequence shaped\n"
		"map T2 : time in 10ms .. 650ms\n"
		"map M0 : number in 0 .. 1\n"
		"map B1 : number in 0.7 .. 1.3\n"
		"map dB0 : frequency in -150Hz .. 150Hz\n"
		"map T1 : time = 1s\n"
		"geometry fov = [220mm, 220mm], matrix = [32, 32], slice = 5mm\n"
		"system = default\n"
		"let gx = trapezoid(x, flat_area = 32 / 220mm, flat = 3.2ms)\n"
		"reset\n"
		"play sinc(60deg, 2ms, tbw = 4, use = excitation)\n"
		"play trapezoid(x, area = -gx.area / 2)\n"
		"play gx & adc(32, over = gx.flat)\n"), 12, false, false, 40, 1);
	for (int i = 0; i < BACKEND_OPS; i++)
		if (!seen[i])
			fail_msg("no sequence here runs %s", backend_op_name(i));
}

#endif
