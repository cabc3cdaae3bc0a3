/* ISMRMRD readouts sorted into the lines of one slice.
 *
 * Lines go where the encoding puts them: row = line - centre + rows / 2, column likewise by the sample at
 * the centre of k-space. Readouts that ran backward are turned round. What was oversampled along x is
 * cut down to the field of view of the image. Repeated lines (averages) become their mean. */
#include "runtime/recon/internal.h"
#include "runtime/io/io.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Counters that must be the same in all lines of an image; the names are for messages. */
static const struct {
	enum io_counter counter;
	const char *name;
} fixed[] = {
	{ IO_SLICE, "slice" },       { IO_REPETITION, "repetition" }, { IO_CONTRAST, "contrast" },
	{ IO_PARTITION, "partition" }, { IO_PHASE, "phase" },         { IO_SET, "set" },
};

enum kind { IMAGE, CALIBRATION, NAVIGATOR, NOISE, OTHER };

struct sorter {
	const char *path;
	const struct io_raw *raw;
	const struct io_encoding *encoding;
	const struct io_acquisition *first; /* of the image */
	int wide;                           /* samples of a line before oversampling is cut off */
	struct recon_scan *scan;
};

static enum kind kind_of(const struct io_acquisition *a)
{
	if (a->flags & IO_NOISE)
		return NOISE;
	if (a->flags & IO_PHASE_CORRECTION)
		return NAVIGATOR;
	if (a->flags & IO_NAVIGATION)
		return OTHER;
	return a->flags & IO_CALIBRATION ? CALIBRATION : IMAGE;
}

/* ------------------------------------------------------------------ which readouts */
static bool belongs(const struct sorter *o, const struct io_acquisition *a)
{
	size_t i;

	if (a->encoding != o->first->encoding)
		return false;
	for (i = 0; i < PRECESS_COUNT(fixed); i++)
		if (a->counter[fixed[i].counter] != o->first->counter[fixed[i].counter])
			return false;
	return true;
}

/* The first readout of the image that was asked for; all others must be of the same image. */
static precess_status choose(struct sorter *o, const struct recon_names *names)
{
	const int *const wanted[] = { names->slice, names->repetition };
	size_t i, k;

	for (i = 0; i < o->raw->n && !o->first; i++) {
		const struct io_acquisition *a = &o->raw->acquisition[i];
		bool match = kind_of(a) == IMAGE;

		for (k = 0; k < PRECESS_COUNT(wanted); k++)
			match = match && (!wanted[k] || a->counter[fixed[k].counter] == *wanted[k]);
		if (match)
			o->first = a;
	}
	if (!o->first)
		return precess_fail(PRECESS_EINVAL, "%s has no readouts of an image%s", o->path,
				    names->slice || names->repetition
					    ? " with this slice and repetition"
					    : "");
	for (i = 0; i < o->raw->n; i++)
		for (k = 0; k < PRECESS_COUNT(fixed); k++) {
			const struct io_acquisition *a = &o->raw->acquisition[i];
			int have = a->counter[fixed[k].counter],
			    want = o->first->counter[fixed[k].counter];

			if (kind_of(a) != IMAGE || have == want ||
			    (k < PRECESS_COUNT(wanted) && wanted[k]))
				continue;
			return precess_fail(PRECESS_ENOTSUP,
					    "%s holds %s %d and %s %d; one image at a time%s%s",
					    o->path, fixed[k].name, want, fixed[k].name, have,
					    k < PRECESS_COUNT(wanted) ? ": choose with --" : "",
					    k < PRECESS_COUNT(wanted) ? fixed[k].name : "");
		}
	return PRECESS_OK;
}

static precess_status check_trajectory(const struct sorter *o, const struct io_acquisition *a)
{
	float step, d;
	int i;

	for (i = 1; a->trajectory && i + 1 < a->n_sample; i++) {
		step = a->trajectory[a->n_dim] - a->trajectory[0];
		d = a->trajectory[a->n_dim * (i + 1)] - a->trajectory[a->n_dim * i];
		if (!(fabsf(d - step) <= 1e-3F * fabsf(step)))
			return precess_fail(PRECESS_ENOTSUP,
					    "%s: samples of a line are not evenly spaced (sampled on "
					    "ramps?); regrid them first",
					    o->path);
	}
	return PRECESS_OK;
}

static precess_status check_readout(const struct sorter *o, const struct io_acquisition *a)
{
	if (a->n_coil != o->first->n_coil || a->n_sample != o->first->n_sample)
		return precess_fail(PRECESS_EINVAL,
				    "%s: a readout has %d coils and %d samples, the image's first %d "
				    "and %d",
				    o->path, a->n_coil, a->n_sample, o->first->n_coil,
				    o->first->n_sample);
	return check_trajectory(o, a);
}

/* ------------------------------------------------------------------ sizes */
static precess_status find_sizes(struct sorter *o)
{
	const struct io_encoding *e = o->encoding;
	struct recon_scan *s = o->scan;
	int lines = e->encoded.matrix[1];

	if (strcmp(e->trajectory, "cartesian") != 0 && strcmp(e->trajectory, "epi") != 0)
		return precess_fail(PRECESS_ENOTSUP, "%s: lines of a Cartesian or EPI scan are wanted, not %s",
				    o->path, e->trajectory);
	o->wide = e->encoded.matrix[0];
	s->coils = o->first->n_coil;
	/* zeros around k-space, where the image has more lines for the same field of view */
	if (e->recon.matrix[1] > lines && fabs(e->recon.fov[1] - e->encoded.fov[1]) < 1e-6)
		lines = e->recon.matrix[1];
	s->lines = lines;
	s->samples = o->wide;
	s->fov[0] = e->encoded.fov[0];
	s->fov[1] = e->encoded.fov[1];
	if (e->recon.matrix[0] > 0 && e->recon.matrix[0] < o->wide &&
	    (o->wide - e->recon.matrix[0]) % 2 == 0 && e->recon.fov[0] < 0.999 * e->encoded.fov[0]) {
		s->samples = e->recon.matrix[0];
		s->fov[0] *= (double)s->samples / o->wide;
	}
	s->thickness = e->recon.fov[2];
	s->acceleration = e->acceleration[0];
	memcpy(s->position, o->first->position, sizeof s->position);
	memcpy(s->direction[0], o->first->read, sizeof s->direction[0]);
	memcpy(s->direction[1], o->first->phase, sizeof s->direction[1]);
	memcpy(s->direction[2], o->first->slice, sizeof s->direction[2]);
	if (o->wide < 2 || lines < 2 || o->wide > RECON_SIDE_LIMIT || lines > RECON_SIDE_LIMIT)
		return precess_fail(PRECESS_EINVAL,
				    "%s: a matrix of %d samples and %d lines; 2 .. %d can be read",
				    o->path, o->wide, lines, RECON_SIDE_LIMIT);
	return PRECESS_OK;
}

static int row_of(const struct sorter *o, const struct io_acquisition *a)
{
	const struct io_limit *l = &o->encoding->limit[IO_LINE];
	int centre = l->maximum ? l->center : o->encoding->encoded.matrix[1] / 2;

	return a->counter[IO_LINE] - centre + o->scan->lines / 2;
}

/* ------------------------------------------------------------------ lines */
/* Adds a readout to row `row` of [coils][rows][wide]. The sample at k = 0 of a readout that ran
 * backward is counted in the order of time by some writers; others give that of the turned line, which
 * shows where it is n/2. */
static void add_line(float *to, const struct sorter *o, const struct io_acquisition *a, int rows, int row)
{
	int c, i, at, used = a->n_sample - a->discard_last;
	bool reverse = a->flags & IO_REVERSE;

	for (c = 0; c < a->n_coil; c++)
		for (i = a->discard_first; i < used; i++) {
			size_t from = (size_t)c * (size_t)a->n_sample + (size_t)i;

			at = (reverse ? a->center - i : i - a->center) + o->wide / 2;
			if (reverse && a->n_sample == 2 * a->center)
				at--;
			if (at < 0 || at >= o->wide)
				continue;
			float *v = to + 2 * (((size_t)c * (size_t)rows + (size_t)row) *
						     (size_t)o->wide + (size_t)at);
			v[0] += a->data[2 * from];
			v[1] += a->data[2 * from + 1];
		}
}

/* [coils][rows][wide] to [coils][rows][samples], divided by how often each row was read. */
static precess_status finish_lines(float **lines, const struct sorter *o, int rows, const int *times)
{
	int coils = o->scan->coils, n = o->scan->samples, skip = (o->wide - n) / 2, r;
	size_t i, row, all = (size_t)coils * (size_t)rows;
	float *image = NULL, *cut = NULL;
	precess_status st = PRECESS_OK;

	for (r = 0; r < rows; r++)
		for (row = (size_t)r; times[r] > 1 && row < all; row += (size_t)rows)
			for (i = 0; i < 2 * (size_t)o->wide; i++)
				(*lines)[2 * row * (size_t)o->wide + i] /= (float)times[r];
	if (!skip)
		return PRECESS_OK;
	TRY(recon_rows_to_image(&image, *lines, coils * rows, o->wide));
	cut = calloc(all * (size_t)n, 2 * sizeof *cut);
	if (!cut) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for lines of %s", o->path);
		goto out;
	}
	for (row = 0; row < all; row++)
		memmove(image + 2 * row * (size_t)n,
			image + 2 * (row * (size_t)o->wide + (size_t)skip),
			2 * (size_t)n * sizeof *image);
	TRY(recon_rows_to_kspace(cut, image, coils * rows, n));
	free(*lines);
	*lines = cut;
	cut = NULL;
out:
	free(cut);
	free(image);
	return st;
}

/* All readouts of one kind into rows; times [lines] counts them. */
static precess_status sort_lines(float **out, signed char *polarity, int *times, const struct sorter *o,
				 enum kind kind)
{
	int lines = o->scan->lines, row;
	float *v = calloc((size_t)o->scan->coils * (size_t)lines * (size_t)o->wide, 2 * sizeof *v);
	size_t i;
	precess_status st = PRECESS_OK;

	if (!v)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %s", o->path);
	for (i = 0; i < o->raw->n; i++) {
		const struct io_acquisition *a = &o->raw->acquisition[i];
		bool both = kind == CALIBRATION && (a->flags & IO_CALIBRATION_AND_IMAGING);

		if ((kind_of(a) != kind && !both) || !belongs(o, a))
			continue;
		TRY(check_readout(o, a));
		row = row_of(o, a);
		if (row < 0 || row >= lines) {
			st = precess_fail(PRECESS_EINVAL,
					  "%s: line %d of readout %zu lies outside the matrix of %d "
					  "lines",
					  o->path, a->counter[IO_LINE], i, lines);
			goto out;
		}
		add_line(v, o, a, lines, row);
		polarity[row] = a->flags & IO_REVERSE ? -1 : 1;
		times[row]++;
	}
	TRY(finish_lines(&v, o, lines, times));
	*out = v;
	v = NULL;
out:
	free(v);
	return st;
}

/* Calibration lines are sorted like the image's, then cut out: they must be neighbours. */
static precess_status sort_calibration(const struct sorter *o)
{
	struct recon_scan *s = o->scan;
	int first = -1, last = -1, y, c, *times = calloc((size_t)s->lines, sizeof *times);
	size_t row = 2 * (size_t)s->samples;
	signed char *polarity = calloc((size_t)s->lines, 1);
	float *all = NULL;
	precess_status st;

	if (!times || !polarity) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s", o->path);
		goto out;
	}
	TRY(sort_lines(&all, polarity, times, o, CALIBRATION));
	for (y = 0; y < s->lines; y++)
		if (times[y]) {
			first = first < 0 ? y : first;
			last = y;
		}
	if (first < 0)
		goto out;
	for (y = first; y <= last; y++)
		if (!times[y]) {
			st = precess_fail(PRECESS_EINVAL,
					  "%s: the calibration has rows %d and %d, but not row %d between "
					  "them",
					  o->path, first, last, y);
			goto out;
		}
	s->cal_lines = last - first + 1;
	s->cal = calloc((size_t)s->coils * (size_t)s->cal_lines, row * sizeof *s->cal);
	s->cal_polarity = calloc((size_t)s->cal_lines, 1);
	if (!s->cal || !s->cal_polarity) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s", o->path);
		goto out;
	}
	memcpy(s->cal_polarity, polarity + first, (size_t)s->cal_lines);
	for (c = 0; c < s->coils; c++)
		memcpy(s->cal + (size_t)c * (size_t)s->cal_lines * row,
		       all + ((size_t)c * (size_t)s->lines + (size_t)first) * row,
		       (size_t)s->cal_lines * row * sizeof *s->cal);
out:
	free(all);
	free(polarity);
	free(times);
	return st;
}

/* The first train of navigator lines: up to the first that does not change direction. */
static precess_status sort_navigator(const struct sorter *o)
{
	const struct io_acquisition *train[16];
	int n = 0, times[16], j;
	struct recon_scan *s = o->scan;
	precess_status st = PRECESS_OK;
	size_t i;

	for (i = 0; i < o->raw->n && n < (int)PRECESS_COUNT(train); i++) {
		const struct io_acquisition *a = &o->raw->acquisition[i];

		if (kind_of(a) != NAVIGATOR || !belongs(o, a))
			continue;
		if (n && !((a->flags ^ train[n - 1]->flags) & IO_REVERSE))
			break;
		TRY(check_readout(o, a));
		train[n++] = a;
	}
	if (!n)
		goto out;
	s->nav_lines = n;
	s->nav = calloc((size_t)s->coils * (size_t)n * (size_t)o->wide, 2 * sizeof *s->nav);
	s->nav_polarity = calloc((size_t)n, 1);
	if (!s->nav || !s->nav_polarity) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s", o->path);
		goto out;
	}
	for (j = 0; j < n; j++) {
		add_line(s->nav, o, train[j], n, j);
		s->nav_polarity[j] = train[j]->flags & IO_REVERSE ? -1 : 1;
		times[j] = 1;
	}
	st = finish_lines(&s->nav, o, n, times);
out:
	return st;
}

static precess_status sort_noise(const struct sorter *o)
{
	struct recon_scan *s = o->scan;
	size_t i, n = 0, at = 0;
	int c;

	for (i = 0; i < o->raw->n; i++) {
		const struct io_acquisition *a = &o->raw->acquisition[i];

		n += kind_of(a) == NOISE && a->n_coil == s->coils ? (size_t)a->n_sample : 0;
	}
	if (!n || n > INT32_MAX)
		return PRECESS_OK;
	s->noise = calloc((size_t)s->coils * n, 2 * sizeof *s->noise);
	if (!s->noise)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %s", o->path);
	s->noise_samples = (int)n;
	for (i = 0; i < o->raw->n; i++) {
		const struct io_acquisition *a = &o->raw->acquisition[i];
		size_t m = (size_t)a->n_sample;

		if (kind_of(a) != NOISE || a->n_coil != s->coils)
			continue;
		for (c = 0; c < s->coils; c++)
			memcpy(s->noise + 2 * ((size_t)c * n + at), a->data + 2 * (size_t)c * m,
			       2 * m * sizeof *s->noise);
		at += m;
	}
	return PRECESS_OK;
}

static precess_status copy_parameters(struct recon_scan *s, const struct io_raw *raw)
{
	int n = raw->n_parameter;

	s->param = calloc((size_t)n + 1, sizeof *s->param);
	for (int i = 0; s->param && i < n; i++) {
		s->param[i].value = raw->parameter[i].value;
		s->param[i].name = strdup(raw->parameter[i].name ? raw->parameter[i].name : "");
		if (!s->param[i].name)
			break;
		s->n_param++;
	}
	return s->n_param == n && s->param ? PRECESS_OK
					   : precess_fail(PRECESS_ENOMEM, "out of memory");
}

precess_status recon_scan_of_raw(struct recon_scan **out, const struct io_raw *raw, const char *path,
				 const struct recon_names *names)
{
	struct sorter o = { .path = path, .raw = raw };
	struct recon_scan *s = o.scan = calloc(1, sizeof *s);
	int *times = NULL;
	precess_status st;

	if (!s || !(s->source = strdup(path))) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(choose(&o, names));
	o.encoding = &raw->encoding[o.first->encoding];
	TRY(find_sizes(&o));
	times = calloc((size_t)s->lines, sizeof *times);
	s->polarity = calloc((size_t)s->lines, 1);
	if (!times || !s->polarity) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory for %s", path);
		goto out;
	}
	TRY(sort_lines(&s->kspace, s->polarity, times, &o, IMAGE));
	TRY(sort_calibration(&o));
	TRY(sort_navigator(&o));
	TRY(sort_noise(&o));
	TRY(copy_parameters(s, raw));
	*out = s;
	s = NULL;
out:
	free(times);
	recon_scan_free(s);
	return st;
}
