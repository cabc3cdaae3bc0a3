/* How near a network's maps come to the truth: means over regions, and held-out samples. */
#include <math.h>
#include <stdlib.h>

#include "compiler/driver/learn.h"

/* Regions are squares of about this side whose truth varies by less than this part of it. */
#define REGION 10e-3 /* m */
#define UNIFORM 0.1
/* Tissues: pixels of a slice between two of so many steps of the map's range, a pixel of the image
 * away from any edge, that fill this area. */
#define STEPS 20
#define TISSUE 1e-4                        /* m^2 */
#define HELD_OUT_NOISE UINT64_C(998244353) /* seed */

/* ------------------------------------------------------------------ regions */
precess_status learn_fit_add(struct learn_fit *f, double truth, double value)
{
	if (f->n == f->capacity) {
		size_t capacity = 2 * f->capacity + 256;
		struct learn_point *p = realloc(f->point, capacity * sizeof *p);
		if (!p)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		f->point = p;
		f->capacity = capacity;
	}
	f->point[f->n++] = (struct learn_point){ truth, value };
	return PRECESS_OK;
}

void learn_fit_erase(struct learn_fit *f)
{
	free(f->point);
	*f = (struct learn_fit){ .n = 0 };
}

/* The square of `side` pixels from *t and *v on: true when it is one tissue, inside the range that
 * counts. */
static bool region(double *truth, double *value, const float *t, const float *v, int nx, int side,
		   const struct net_template *task)
{
	double x = 0, xx = 0, y = 0, n = side * side;
	for (int k = 0; k < side * side; k++) {
		int i = k / side * nx + k % side;
		if (t[i] == 0)
			return false;
		x += (double)t[i] / n;
		xx += (double)t[i] * (double)t[i] / n;
		y += (double)v[i] / n;
	}
	*truth = x;
	*value = y;
	return x >= task->low && x <= task->high && xx - x * x < UNIFORM * UNIFORM * x * x;
}

precess_status learn_fit_regions(struct learn_fit *f, const float *truth, const float *value,
				 const int size[2], double pixel, const struct net_template *task)
{
	int side = REGION > pixel ? (int)(REGION / pixel + 0.5) : 1;
	precess_status st = PRECESS_OK;
	double x, y;
	for (int j = 0; j + side <= size[1]; j += side)
		for (int i = 0; i + side <= size[0]; i += side)
			if (region(&x, &y, truth + j * size[0] + i, value + j * size[0] + i,
				   size[0], side, task) &&
			    (st = learn_fit_add(f, x, y)))
				return st;
	return PRECESS_OK;
}

/* The step of the range that pixel i of rows of nx belongs to, with all around it; -1: none. */
static int step_of(const float *truth, int i, int nx, const struct net_template *task)
{
	const float *corner = truth + i - task->pad * (nx + 1);
	double mean, same, part;
	if (!region(&mean, &same, corner, corner, nx, 2 * task->pad + 1, task))
		return -1;
	if (task->low > 0)
		part = log(mean / task->low) / log(task->high / task->low);
	else
		part = (mean - task->low) / (task->high - task->low);
	int step = (int)(STEPS * part);
	return step < STEPS ? step : STEPS - 1;
}

precess_status learn_fit_tissues(struct learn_fit *f, const float *truth, const float *value,
				 const int size[2], double pixel, const struct net_template *task)
{
	double x[STEPS] = { 0 }, y[STEPS] = { 0 };
	int n[STEPS] = { 0 };
	precess_status st = PRECESS_OK;
	for (int j = task->pad; j + task->pad < size[1]; j++)
		for (int i = task->pad; i + task->pad < size[0]; i++) {
			int at = j * size[0] + i, step = step_of(truth, at, size[0], task);
			if (step < 0)
				continue;
			x[step] += (double)truth[at];
			y[step] += (double)value[at];
			n[step]++;
		}
	for (int k = 0; k < STEPS && !st; k++)
		if (n[k] * pixel * pixel >= TISSUE)
			st = learn_fit_add(f, x[k] / n[k], y[k] / n[k]);
	return st;
}

void learn_fit_solve(struct learn_fit *f)
{
	double n = (double)f->n, x = 0, y = 0, xx = 0, yy = 0, xy = 0, square = 0;
	f->mae = 0;
	for (size_t i = 0; i < f->n; i++) {
		x += f->point[i].truth / n;
		y += f->point[i].value / n;
		f->mae += fabs(f->point[i].value - f->point[i].truth) / n;
	}
	f->bias = y - x;
	for (size_t i = 0; i < f->n; i++) {
		double a = f->point[i].truth - x, b = f->point[i].value - y;
		xx += a * a;
		yy += b * b;
		xy += a * b;
		square += (b - a) * (b - a);
	}
	f->slope = xy / xx;
	f->intercept = y - f->slope * x;
	f->r2 = xy * xy / (xx * yy);
	f->deviation = sqrt(square / (n - 1));
}

/* ------------------------------------------------------------------ held-out samples */
struct learn_map_test {
	struct data_view *view; /* borrowed */
	struct learn_mapper *mapper;
	struct data_sample **sample;
	int n, size[2];
	double pixel;
	float *truth;
};

precess_status learn_map_test_create(struct learn_map_test **out, const struct program *p,
				     const struct net *net, struct data_view *view,
				     const struct data_recipe *r, int n, int threads)
{
	struct learn_map_test *t = calloc(1, sizeof *t);
	int pad = data_view_template(view)->pad;
	precess_status st;
	*out = NULL;
	if (!t)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	t->view = view;
	TRY(learn_samples(&t->sample, &t->n, p, NULL, r, n, threads));
	for (int a = 0; a < 2; a++)
		t->size[a] = pad * (a ? t->sample[0]->shape.ny : t->sample[0]->shape.nx);
	t->pixel = p->fov[0] / t->size[0];
	t->truth = memory_aligned((size_t)t->size[0] * (size_t)t->size[1] * sizeof *t->truth);
	if (!t->truth) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(learn_mapper_create(&t->mapper, net, view, t->size[0], t->size[1], NN_F32, threads));
	*out = t;
	t = NULL;
out:
	learn_map_test_free(t);
	return st;
}

void learn_map_test_free(struct learn_map_test *t)
{
	if (!t)
		return;
	learn_samples_free(t->sample, t->n);
	learn_mapper_free(t->mapper);
	free(t->truth);
	free(t);
}

precess_status learn_map_test_score(struct learn_fit *out, struct learn_map_test *t,
				    const float *weight)
{
	const struct net_template *task = data_view_template(t->view);
	static const int origin[2] = { 0, 0 };
	const float *map;
	precess_status st = PRECESS_OK;
	out->n = 0;
	learn_mapper_weights(t->mapper, weight);
	for (int k = 0; k < t->n; k++) {
		const struct data_sample *s = t->sample[k];
		struct rng r = rng_make(HELD_OUT_NOISE, s->index);
		data_view_set(t->view, s->image, s->param, LEARN_NOISE, &r);
		TRY(learn_mapper_run(&map, t->mapper));
		TRY(data_view_truth(t->truth, t->view, s, origin, t->size));
		TRY(learn_fit_regions(out, t->truth, map, t->size, t->pixel, task));
	}
	learn_fit_solve(out);
out:
	return st;
}
