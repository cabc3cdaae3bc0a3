/* Nodes by the simulator, from the sequence itself: pulses of finite length, crushers and all. Between
 * the nodes cubics that pass through them with continuous slope (Catmull and Rom 1974). */
#include "runtime/mapping/dictionary.h"

#include "runtime/sim/sim.h"

#include <math.h>
#include <stdlib.h>

/* Of log T2 and of B1: a cubic is off by less than 1e-4 of M0 between nodes. */
static const double finest[2] = { 0.06, 0.02 };
static const double same_time = 1e-6; /* s: an image belongs to the set whose time is this near */

/* ------------------------------------------------------------------ which samples */
static precess_status no_echo(const struct kspace_center *c, int n, double te, const char *name)
{
	struct text t;
	precess_status st;

	text_init(&t);
	for (int i = 0; i < n; i++)
		text_printf(&t, "%s %.6g", i ? "," : "", c[i].te * 1e3);
	st = precess_fail(PRECESS_EINVAL,
			  "no echo of %s is at %.6g ms but at%s ms: set its parameters as "
			  "they were, as in --set ESP=10ms",
			  name, te * 1e3, t.data);
	text_free(&t);
	return st;
}

/* The sample of every image of the series. */
static precess_status find_samples(uint32_t *sample, const struct mapping_series *s,
				   const struct draw *d)
{
	struct kspace_center *c = NULL;
	precess_status st;
	int n, j;

	TRY(kspace_centers(&c, &n, d));
	for (int i = 0; i < s->n_echo; i++) {
		for (j = 0; j < n && !(fabs(c[j].te - s->te[i]) < same_time); j++)
			;
		if (j == n) {
			st = no_echo(c, n, s->te[i], d->program->name);
			goto out;
		}
		sample[i] = c[j].sample;
	}
out:
	free(c);
	return st;
}

/* ------------------------------------------------------------------ nodes */
static void set_axis(struct dictionary *d, int axis, double lo, double hi)
{
	d->n[axis] = hi > lo ? 1 + (int)ceil((hi - lo) / finest[axis]) : 1;
	d->first[axis] = lo;
	d->step[axis] = d->n[axis] > 1 ? (hi - lo) / (d->n[axis] - 1) : 1;
}

static precess_status simulate(struct dictionary *d, const struct mapping_series *s,
			       const struct mapping_options *o)
{
	size_t n = (size_t)d->n[0] * (size_t)d->n[1], echoes = (size_t)d->n_echo;
	struct sim_point *point = malloc((n + 1) * sizeof *point);
	double *value = malloc((2 * n * echoes + 1) * sizeof *value), t1;
	uint32_t sample[FIT_ECHOES];
	struct draw *draw = NULL;
	precess_status st;

	if (!point || !value) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a dictionary");
		goto out;
	}
	TRY(mapping_t1(&t1, o));
	TRY(draw_create(&draw, o->program, o->param, true));
	TRY(find_samples(sample, s, draw));
	for (size_t i = 0; i < n; i++) {
		size_t it = i % (size_t)d->n[0], ib = i / (size_t)d->n[0];

		point[i] = (struct sim_point){ .m0 = 1,
					       .t1 = t1,
					       .t2p = INFINITY,
					       .t2 = exp(d->first[0] + d->step[0] * (double)it),
					       .b1 = d->first[1] + d->step[1] * (double)ib };
	}
	TRY(sim_point_samples(value, draw, point, n, sample, echoes, o->threads));
	for (size_t i = 0; i < n; i++) {
		double sum = 0;

		for (size_t e = 0; e < echoes; e++) {
			const double *v = value + 2 * (i * echoes + e);

			d->atom[i * echoes + e] = hypot(v[0], v[1]);
			sum += v[0] * v[0] + v[1] * v[1];
		}
		d->norm[i] = sqrt(sum);
	}
out:
	draw_free(draw);
	free(value);
	free(point);
	return st;
}

precess_status dictionary_create(struct dictionary **out, const struct mapping_series *s,
				 const struct mapping_options *o)
{
	struct dictionary *d = calloc(1, sizeof *d);
	precess_status st = PRECESS_OK;
	size_t n;

	*out = d;
	if (!d)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	d->n_echo = s->n_echo;
	set_axis(d, 0, log(o->t2_lo), log(o->t2_hi));
	set_axis(d, 1, o->b1_lo, o->b1_hi);
	n = (size_t)d->n[0] * (size_t)d->n[1];
	d->atom = malloc((n * (size_t)d->n_echo + 1) * sizeof *d->atom);
	d->norm = malloc((n + 1) * sizeof *d->norm);
	if (!d->atom || !d->norm)
		st = precess_fail(PRECESS_ENOMEM, "out of memory for a dictionary of %zu signals",
				  n);
	return st ? st : simulate(d, s, o);
}

void dictionary_free(struct dictionary *d)
{
	if (!d)
		return;
	free(d->atom);
	free(d->norm);
	free(d);
}

/* ------------------------------------------------------------------ between the nodes */
void dictionary_match(int at[2], const struct dictionary *d, const double *data)
{
	double best = -1;

	for (int i = 0; i < d->n[0] * d->n[1]; i++) {
		const double *a = d->atom + (size_t)i * (size_t)d->n_echo;
		double sum = 0;

		for (int e = 0; e < d->n_echo; e++)
			sum += a[e] * data[e];
		if (d->norm[i] > 0 && sum > best * d->norm[i]) {
			best = sum / d->norm[i];
			at[0] = i % d->n[0];
			at[1] = i / d->n[0];
		}
	}
}

/* Weights of the four nodes around x, and of the derivative; nodes beyond the edge continue straight,
 * which folds their weights onto the two inside. */
struct weights {
	int node[4];
	double w[4], dw[4];
};

static struct weights weigh(double x, int n)
{
	struct weights o = { { 0 }, { 1 }, { 0 } };
	double t;
	int i;

	if (n == 1)
		return o;
	t = fmin(fmax(x, 0), n - 1);
	i = t < n - 1 ? (int)t : n - 2;
	t -= i;
	o.w[0] = t * (-0.5 + t * (1 - 0.5 * t));
	o.w[1] = 1 + t * t * (-2.5 + 1.5 * t);
	o.w[2] = t * (0.5 + t * (2 - 1.5 * t));
	o.w[3] = t * t * (-0.5 + 0.5 * t);
	if (x >= 0 && x <= n - 1) {
		o.dw[0] = -0.5 + t * (2 - 1.5 * t);
		o.dw[1] = t * (-5 + 4.5 * t);
		o.dw[2] = 0.5 + t * (4 - 4.5 * t);
		o.dw[3] = t * (-1 + 1.5 * t);
	}
	for (int j = 0; j < 4; j++)
		o.node[j] = i - 1 + j;
	for (int side = 0; side < 4;
	     side += 3) { /* p[-1] = 2 p[0] - p[1], and at the end likewise */
		int in = side ? 2 : 1, far = side ? 1 : 2;

		if (o.node[side] >= 0 && o.node[side] < n)
			continue;
		o.w[in] += 2 * o.w[side];
		o.w[far] -= o.w[side];
		o.dw[in] += 2 * o.dw[side];
		o.dw[far] -= o.dw[side];
		o.w[side] = o.dw[side] = 0;
		o.node[side] = o.node[in];
	}
	return o;
}

void dictionary_at(double *value, double *by_t2, double *by_b1, const struct dictionary *d,
		   const double x[2])
{
	struct weights a = weigh((x[0] - d->first[0]) / d->step[0], d->n[0]),
		       b = weigh((x[1] - d->first[1]) / d->step[1], d->n[1]);

	for (int e = 0; e < d->n_echo; e++) {
		double v = 0, v0 = 0, v1 = 0;

		for (int j = 0; j < 4; j++) {
			double row = 0, slope = 0;

			for (int i = 0; i < 4; i++) {
				double p = d->atom[((size_t)b.node[j] * (size_t)d->n[0] +
						    (size_t)a.node[i]) *
							   (size_t)d->n_echo +
						   (size_t)e];

				row += a.w[i] * p;
				slope += a.dw[i] * p;
			}
			v += b.w[j] * row;
			v0 += b.w[j] * slope;
			v1 += b.dw[j] * row;
		}
		value[e] = v;
		if (by_t2)
			by_t2[e] = v0 / d->step[0];
		if (by_b1)
			by_b1[e] = v1 / d->step[1];
	}
}
