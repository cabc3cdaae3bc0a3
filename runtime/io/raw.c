/* The readouts of a simulation as raw data: acquisitions in order of time, with the labels that
 * reconstructions sort by.
 *
 * ISMRMRD's `contrast` tells images apart, so the label `echo` becomes one only where echoes make
 * images of their own; in any case it stands in user index 0. Trajectories count cells of the encoded
 * field of view, as BART does. */
#include "runtime/io/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double even = 1e-6; /* by which steps along a line may differ, of a step */
static const double tick = 2.5e-3, usual_field = 3;
static const double collinear = 0.05; /* cells that a spoke's samples may stray from its chord */

struct job {
	const struct io_result *r;
	const struct draw *d;
	const struct program *p;
	const struct sampling *s;
	struct io_raw *raw;
	uint32_t *order; /* readouts in order of time */
	uint32_t first;  /* readout of an image */
};

static const struct program_event *event_of(const struct job *j, uint32_t r)
{
	return &j->p->event[j->p->readout[r].event];
}

static const double *moments_of(const struct job *j, uint32_t r)
{
	return j->s->k + 3 * (size_t)event_of(j, r)->first_sample;
}

static int label_of(const struct job *j, uint32_t r, enum program_label l)
{
	int32_t v = event_of(j, r)->label[l];

	return v > 0 ? (int)v : 0;
}

/* Navigators and noise say nothing of the encoding. */
static bool of_image(const struct job *j, uint32_t r)
{
	return j->s->line[r].set >= 0;
}

/* ------------------------------------------------------------------ encoding */
/* The step along x, 1/m, when all lines have as many samples at even distances; else 0. */
static double even_step(const struct job *j)
{
	uint32_t r, i, n = event_of(j, j->first)->n;
	const double *k;
	double step = 0;

	for (r = j->first; r < j->p->n_readout; r++) {
		if (!of_image(j, r))
			continue;
		k = moments_of(j, r);
		if (event_of(j, r)->n != n || n < 2)
			return 0;
		if (r == j->first)
			step = fabs(k[3] - k[0]);
		for (i = 1; i < n; i++)
			if (fabs(fabs(k[3 * i] - k[3 * i - 3]) - step) > even * step)
				return 0;
	}
	return step;
}

static bool is_straight(const struct job *j, uint32_t r)
{
	const double *k = moments_of(j, r);
	uint32_t i, last = event_of(j, r)->n - 1;
	double x = k[3 * last] - k[0], y = k[3 * last + 1] - k[1], length = hypot(x, y), off;

	for (i = 0; i <= last; i++) {
		off = fabs((k[3 * i] - k[0]) * y - (k[3 * i + 1] - k[1]) * x);
		if (off > collinear / j->p->fov[0] * length)
			return false;
	}
	return true;
}

/* Several lines after one pulse, to and fro. */
static bool is_epi(const struct job *j)
{
	bool fro = false, train = false;
	uint32_t e, r;

	for (e = 0; e < j->p->n_epoch; e++)
		train |= j->p->epoch[e].n_readout > 1;
	for (r = 0; r < j->p->n_readout; r++)
		fro |= of_image(j, r) && j->s->line[r].reverse;
	return fro && train;
}

static const char *trajectory(const struct job *j)
{
	uint32_t r;

	if (j->s->kind == SAMPLING_CARTESIAN)
		return is_epi(j) ? "epi" : "cartesian";
	if (j->s->kind == SAMPLING_OTHER)
		return "other";
	for (r = 0; r < j->p->n_readout; r++)
		if (of_image(j, r) && !is_straight(j, r))
			return "spiral";
	return "radial";
}

/* What has no matrix is one column as long as its readouts. */
static void fill_encoding(struct job *j)
{
	struct io_encoding *e = j->raw->encoding;
	const struct program *p = j->p;
	double step = j->s->kind == SAMPLING_CARTESIAN ? even_step(j) : 0;
	int i;

	for (i = 0; i < 3; i++) {
		e->recon.matrix[i] = i < 2 && p->matrix[i] > 0 ? p->matrix[i] : 1;
		e->recon.fov[i] = p->fov[i] > 0 ? p->fov[i] : 1;
	}
	e->encoded = e->recon;
	if (step > 0) {
		e->encoded.matrix[0] = (int)event_of(j, j->first)->n;
		e->encoded.fov[0] = 1 / step;
	}
	e->samples.maximum = (int)event_of(j, j->first)->n - 1;
	e->samples.center = (int)event_of(j, j->first)->n / 2;
	if (j->s->kind == SAMPLING_CARTESIAN)
		e->limit[IO_LINE].center = e->recon.matrix[1] / 2;
	snprintf(e->trajectory, sizeof e->trajectory, "%s", trajectory(j));
}

/* ------------------------------------------------------------------ acquisitions */
static void fill_indices(const struct job *j, struct io_acquisition *a, uint32_t r)
{
	const struct sampling_line *line = &j->s->line[r];

	a->counter[IO_LINE] = of_image(j, r) && line->row >= 0 ? line->row
							       : label_of(j, r, PROGRAM_LABEL_line);
	a->counter[IO_AVERAGE] = label_of(j, r, PROGRAM_LABEL_avg);
	a->counter[IO_SLICE] = label_of(j, r, PROGRAM_LABEL_slice);
	a->counter[IO_CONTRAST] = j->s->echoes ? label_of(j, r, PROGRAM_LABEL_echo) : 0;
	a->counter[IO_REPETITION] = label_of(j, r, PROGRAM_LABEL_rep);
	a->counter[IO_SET] = label_of(j, r, PROGRAM_LABEL_set);
	a->counter[IO_SEGMENT] = label_of(j, r, PROGRAM_LABEL_shot);
	a->user[0] = label_of(j, r, PROGRAM_LABEL_echo);
	if (line->reverse && j->s->kind == SAMPLING_CARTESIAN)
		a->flags |= IO_REVERSE;
	if (label_of(j, r, PROGRAM_LABEL_noise))
		a->flags |= IO_NOISE;
	else if (label_of(
			 j, r,
			 PROGRAM_LABEL_nav)) /* beside an EPI they tell of its even and odd lines */
		a->flags |= strcmp(j->raw->encoding->trajectory, "epi") ? IO_NAVIGATION
									: IO_PHASE_CORRECTION;
}

/* In the plane: there is no encoding along z. */
static void fill_trajectory(const struct job *j, struct io_acquisition *a, uint32_t r)
{
	const double *fov = j->raw->encoding->encoded.fov, *k = moments_of(j, r);
	bool line = j->s->kind == SAMPLING_CARTESIAN;
	double best = INFINITY, at;
	int i, c;

	for (i = 0; i < a->n_sample; i++) {
		for (c = 0; c < a->n_dim; c++)
			a->trajectory[a->n_dim * i + c] = (float)(k[3 * i + c] * fov[c]);
		at = line ? fabs(k[3 * i]) : hypot(k[3 * i], k[3 * i + 1]);
		if (at < best - 1e-9) {
			best = at;
			a->center = i;
		}
	}
}

static precess_status fill_acquisition(const struct job *j, struct io_acquisition *a, uint32_t r)
{
	const struct program_event *e = event_of(j, r);
	const struct draw_event *d = &j->d->event[j->d->at[j->p->readout[r].event]];
	const double *signal = j->r->result->signal + 2 * (size_t)e->first_sample;
	size_t stride = 2 * (size_t)j->r->result->n_sample, n = 2 * (size_t)e->n;
	int c;

	*a = (struct io_acquisition){ .n_coil = j->raw->n_coil,
				      .n_sample = (int)e->n,
				      .n_dim = 2,
				      .dwell = d->dwell,
				      .time_stamp = (uint32_t)((double)d->start * 1e-12 / tick),
				      .read = { 1, 0, 0 },
				      .phase = { 0, 1, 0 },
				      .slice = { 0, 0, 1 } };
	a->data = malloc((size_t)a->n_coil * n * sizeof *a->data);
	a->trajectory = malloc((size_t)a->n_dim * (size_t)e->n * sizeof *a->trajectory);
	if (!a->data || !a->trajectory)
		return precess_fail(PRECESS_ENOMEM, "out of memory for raw data");
	for (c = 0; c < a->n_coil; c++)
		for (size_t i = 0; i < n; i++)
			a->data[(size_t)c * n + i] = (float)signal[(size_t)c * stride + i];
	fill_indices(j, a, r);
	fill_trajectory(j, a, r);
	return PRECESS_OK;
}

/* Spokes and the like have no line of the matrix: they are counted in their image. */
static precess_status count_lines(struct job *j)
{
	int *n = calloc((size_t)j->s->n_set + 1, sizeof *n);
	uint32_t i;

	if (!n)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (i = 0; i < j->p->n_readout && j->s->kind != SAMPLING_CARTESIAN; i++)
		if (of_image(j, j->order[i]))
			j->raw->acquisition[i].counter[IO_LINE] = n[j->s->line[j->order[i]].set]++;
	free(n);
	return PRECESS_OK;
}

/* First and last of each image and of all. */
static precess_status flag_ends(struct job *j)
{
	const uint64_t first = IO_FIRST_IN_LINES | IO_FIRST_IN_SLICE | IO_FIRST_IN_REPETITION;
	const uint64_t last = IO_LAST_IN_LINES | IO_LAST_IN_SLICE | IO_LAST_IN_REPETITION;
	struct io_acquisition **latest = calloc((size_t)j->s->n_set + 1, sizeof(void *));
	struct io_acquisition *a;
	uint32_t i;
	int s;

	if (!latest)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (i = 0; i < j->p->n_readout; i++) {
		a = &j->raw->acquisition[i];
		s = j->s->line[j->order[i]].set;
		if (s < 0)
			continue;
		if (!latest[s])
			a->flags |= first;
		latest[s] = a;
	}
	for (s = 0; s < j->s->n_set; s++)
		if (latest[s])
			latest[s]->flags |= last;
	if (j->raw->n)
		j->raw->acquisition[j->raw->n - 1].flags |= IO_LAST;
	free(latest);
	return PRECESS_OK;
}

static void fill_limits(struct io_raw *raw)
{
	struct io_limit *limit = raw->encoding->limit;
	size_t i;
	int c;

	for (i = 0; i < raw->n; i++)
		for (c = 0; c < IO_COUNTERS && !(raw->acquisition[i].flags & IO_NO_IMAGE); c++)
			if (raw->acquisition[i].counter[c] > limit[c].maximum)
				limit[c].maximum = raw->acquisition[i].counter[c];
	if (raw->encoding->limit[IO_LINE]
		    .center) /* lines of a matrix that were not read are still its */
		limit[IO_LINE].maximum = raw->encoding->recon.matrix[1] - 1;
}

/* ------------------------------------------------------------------ header */
static precess_status add_number(struct io_list *list, double v)
{
	double *grown = realloc(list->v, ((size_t)list->n + 1) * sizeof *grown);

	if (!grown)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	list->v = grown;
	list->v[list->n++] = v;
	return PRECESS_OK;
}

/* A parameter or a mark of this name. */
static bool named(double *v, const struct job *j, const char *name)
{
	int k = program_param_find(j->p, name);
	uint32_t i;

	if (k >= 0) {
		*v = j->d->param[k];
		return true;
	}
	for (i = 0; i < j->p->n_mark; i++)
		if (strcmp(j->p->mark[i].name, name) == 0) {
			*v = j->d->value[j->p->mark[i].value];
			return true;
		}
	return false;
}

static precess_status fill_sequence(struct job *j)
{
	struct io_list *const list[] = { &j->raw->tr, &j->raw->te, &j->raw->ti };
	static const char *const name[] = { "TR", "TE", "TI" };
	const struct program *p = j->p;
	struct io_raw *raw = j->raw;
	precess_status st = PRECESS_OK;
	uint32_t i;
	double v;

	for (i = 0; i < PRECESS_COUNT(list); i++)
		if (named(&v, j, name[i]))
			TRY(add_number(list[i], v));
	for (i = 0; i < p->n_pulse && !raw->flip.n; i++)
		if (p->pulse[i].use && strcmp(p->pulse[i].use, "excitation") == 0)
			TRY(add_number(&raw->flip, j->d->value[p->pulse[i].flip]));
	raw->frequency = p->gammabar * usual_field; /* the format wants one; signals are offsets */
	raw->sequence = strdup(p->name);
	raw->parameter = calloc((size_t)p->n_param + 1, sizeof *raw->parameter);
	if (!raw->parameter || !raw->sequence)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (i = 0; i < p->n_param; i++, raw->n_parameter++) {
		raw->parameter[i].name = strdup(p->param[i].name);
		raw->parameter[i].value = j->d->param[i];
		if (!raw->parameter[i].name)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
out:
	return st;
}

/* ------------------------------------------------------------------ all */
/* Readouts stand in order of their histories; the signal in order of time. */
static precess_status sort_readouts(struct job *j)
{
	const struct program *p = j->p;
	uint32_t *at = malloc(((size_t)p->n_event + 1) * sizeof *at), r, i, n = 0, e;

	j->order = calloc((size_t)p->n_readout + 1, sizeof *j->order);
	if (!at || !j->order) {
		free(at);
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	for (i = 0; i < p->n_event; i++)
		at[i] = UINT32_MAX;
	for (r = 0; r < p->n_readout; r++)
		at[j->d->at[p->readout[r].event]] = r;
	for (e = 0; e < p->n_event; e++)
		if (at[e] != UINT32_MAX)
			j->order[n++] = at[e];
	free(at);
	return PRECESS_OK;
}

static precess_status no_samples(const struct program *p, const struct io_result *r)
{
	if (!r->result)
		return precess_fail(PRECESS_ENOTSUP,
				    "%s: an image that was predicted has no raw data", p->name);
	if (!p->n_readout || r->result->n_sample != p->n_sample)
		return precess_fail(PRECESS_ENOTSUP, "%s has no samples to store", p->name);
	return PRECESS_OK;
}

precess_status io_raw_create(struct io_raw **out, const struct io_result *r)
{
	struct job j = { .r = r, .d = r->draw, .p = r->draw->program };
	struct sampling *s = NULL;
	precess_status st;
	uint32_t i;

	*out = NULL;
	TRY(no_samples(j.p, r));
	TRY(sampling_create(&s, r->draw));
	j.s = s;
	while (j.first + 1 < j.p->n_readout && !of_image(&j, j.first))
		j.first++;
	j.raw = calloc(1, sizeof *j.raw);
	if (!j.raw || !(j.raw->encoding = calloc(1, sizeof *j.raw->encoding)) ||
	    !(j.raw->acquisition = calloc(j.p->n_readout, sizeof *j.raw->acquisition))) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for raw data");
		goto out;
	}
	j.raw->n_encoding = 1;
	j.raw->n_coil = r->result->n_coil > 1 ? r->result->n_coil : 1;
	TRY(sort_readouts(&j));
	fill_encoding(&j);
	for (i = 0; i < j.p->n_readout; i++) {
		j.raw->n = i + 1;
		TRY(fill_acquisition(&j, &j.raw->acquisition[i], j.order[i]));
	}
	TRY(count_lines(&j));
	TRY(flag_ends(&j));
	fill_limits(j.raw);
	TRY(fill_sequence(&j));
	*out = j.raw;
	j.raw = NULL;
out:
	free(j.order);
	sampling_free(s);
	io_raw_free(j.raw);
	return st;
}

precess_status io_write_ismrmrd(const char *path, const struct io_result *r)
{
	struct io_raw *raw;
	precess_status st = io_raw_create(&raw, r);

	if (st)
		return precess_wrap(st, "%s", path);
	st = io_write_raw(path, raw);
	io_raw_free(raw);
	return st;
}
