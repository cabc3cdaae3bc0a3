/* From images back: what a network that maps sees of a sample, and what it should say.
 *
 * An image of one pixel per cell of k-space becomes channels at `pad` pixels each way: real and
 * imaginary part; the logarithm of each echo's magnitude, where coherence pathways lie apart in
 * k-space (a window around each one's nominal place, brought to image space); and one plane per
 * parameter that is told. So the network need not find out how to take the echoes apart, only what
 * displaced windows, noise and B1 do to their ratios.
 *
 * Transforms are sums of products along one axis after the other: a crop needs few of the outputs.
 */
#include "runtime/data/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ECHOES = 12, CHANNELS = 64, NAME_SIZE = 48 };
static const double merged = 3;        /* cells: pathways nearer than this are one echo */
static const double least_echo = 0.05; /* of the strongest pathway's amplitude */
static const double floor_echo =
	0.01; /* of the largest pixel of all echoes: where logarithms end */
static const double tau = 6.283185307179586476925;

struct split {
	float *re, *im;
};

struct data_view {
	struct net_template t;
	int nx, ny, n_set;
	double most;           /* of the map's magnitude */
	int n_echo, coarse[2]; /* pixels of an echo's image */
	double echo[ECHOES][2];
	int n_known;
	uint32_t known[PROGRAM_MAPS + 16];
	double lo[PROGRAM_MAPS + 16], hi[PROGRAM_MAPS + 16];
	int n_channel;
	char name[CHANNELS][NAME_SIZE];
	const char *names[CHANNELS];
	/* of the image last set */
	struct split space; /* k-space of all sets, [set][kx][ky] */
	float *echo_image;  /* [set][echo][coarse y][coarse x], log magnitude, 0..1 */
	float plane[PROGRAM_MAPS + 16];
	/* scratch */
	struct split a, b;
	float *phasor, *field; /* field: gain and phase of all pixels */
};

/* ------------------------------------------------------------------ transforms */
/* exp(i sign 2 pi p q) for p = p0 + o dp of all outputs and q = q0 + i dq of all inputs, re and im
 * beside each other: [out][in][2]. Each row is a recurrence. */
static void phasors(float *e, double sign, double p0, double dp, int n_out, double q0, double dq,
		    int n_in)
{
	for (int o = 0; o < n_out; o++) {
		double p = sign * tau * (p0 + dp * o), c = cos(p * q0), s = sin(p * q0),
		       dc = cos(p * dq), ds = sin(p * dq);

		for (int i = 0; i < n_in; i++) {
			double was = c;

			*e++ = (float)c;
			*e++ = (float)s;
			c = c * dc - s * ds;
			s = s * dc + was * ds;
		}
	}
}

/* out[o][m] = scale * sum over i of e[o][i] in[i][m]. */
static void combine(struct split out, const float *e, int n_out, int n_in, struct split in, int m,
		    float scale)
{
	for (int o = 0; o < n_out; o++) {
		float *restrict re = out.re + (size_t)o * (size_t)m, *restrict im =
									     out.im +
									     (size_t)o * (size_t)m;

		memset(re, 0, (size_t)m * sizeof *re);
		memset(im, 0, (size_t)m * sizeof *im);
		for (int i = 0; i < n_in; i++) {
			const float *restrict x = in.re + (size_t)i * (size_t)m,
					      *restrict y = in.im + (size_t)i * (size_t)m;
			float c = scale * *e++, s = scale * *e++;

			for (int k = 0; k < m; k++) {
				re[k] += c * x[k] - s * y[k];
				im[k] += c * y[k] + s * x[k];
			}
		}
	}
}

static void transpose(struct split out, struct split in, int rows, int columns)
{
	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < columns; c++) {
			out.re[c * rows + r] = in.re[r * columns + c];
			out.im[c * rows + r] = in.im[r * columns + c];
		}
	}
}

static struct split at_set(const struct data_view *v, int set)
{
	size_t n = (size_t)v->nx * (size_t)v->ny * (size_t)set;

	return (struct split){ v->space.re + n, v->space.im + n };
}

/* v->a, [ny][nx], to k-space. */
static void to_space(struct data_view *v, int set)
{
	int nx = v->nx, ny = v->ny;

	phasors(v->phasor, -1, -(ny / 2), 1, ny, 0.5 / ny - 0.5, 1.0 / ny, ny);
	combine(v->b, v->phasor, ny, ny, v->a, nx, 1.0f / (float)ny);
	transpose(v->a, v->b, ny, nx);
	phasors(v->phasor, -1, -(nx / 2), 1, nx, 0.5 / nx - 0.5, 1.0 / nx, nx);
	combine(at_set(v, set), v->phasor, nx, nx, v->a, ny, 1.0f / (float)nx);
}

/* Pixels x0.., y0.. of w by h of an image of nx by ny, into v->a: [h][w]. `from` is k-space
 * [kx][ky] of cells from fx on, nkx many; y likewise. */
static void to_image(struct data_view *v, struct split from, const int first[2], const int n_k[2],
		     const int n[2], const int at[2], const int size[2])
{
	phasors(v->phasor, 1, (at[0] + 0.5) / n[0] - 0.5, 1.0 / n[0], size[0], first[0], 1, n_k[0]);
	combine(v->a, v->phasor, size[0], n_k[0], from, n_k[1], 1);
	transpose(v->b, v->a, size[0], n_k[1]);
	phasors(v->phasor, 1, (at[1] + 0.5) / n[1] - 0.5, 1.0 / n[1], size[1], first[1], 1, n_k[1]);
	combine(v->a, v->phasor, size[1], n_k[1], v->b, size[0], 1);
}

/* ------------------------------------------------------------------ creation */
static void find_echoes(struct data_view *v, const struct program *p, const double *value)
{
	for (uint32_t i = 0; i < p->n_pathway && v->n_echo < ECHOES; i++) {
		const struct program_pathway *q = &p->pathway[i];
		double x = value[q->k[0]], y = value[q->k[1]];
		bool apart = fabs(x) < 0.5 * v->nx && fabs(y) < 0.5 * v->ny &&
			     q->amplitude >= least_echo * p->pathway[0].amplitude;

		for (int k = 0; k < v->n_echo && apart; k++)
			apart = fabs(v->echo[k][0] - x) > merged ||
				fabs(v->echo[k][1] - y) > merged;
		if (apart) {
			v->echo[v->n_echo][0] = x;
			v->echo[v->n_echo++][1] = y;
		}
	}
	if (v->n_echo < 2)
		v->n_echo = 0; /* its window holds the image */
}

static bool is_known(const struct net_template *t, const char *name)
{
	size_t n = strcspn(name, "[");
	const char *s = t->known;

	for (; *s; s += strcspn(s, " "), s += *s == ' ') {
		if (strcspn(s, " ") == n && !strncmp(s, name, n))
			return true;
	}
	return false;
}

static void find_known(struct data_view *v, const struct program *p)
{
	for (uint32_t i = 0; i < p->n_param; i++) {
		if (!is_known(&v->t, p->param[i].name) ||
		    v->n_known == (int)PRECESS_COUNT(v->known))
			continue;
		v->lo[v->n_known] = p->param[i].lo;
		v->hi[v->n_known] = p->param[i].hi;
		v->known[v->n_known++] = i;
	}
}

static precess_status name_channels(struct data_view *v, const struct program *p)
{
	int n = 0;

	if (v->n_set * (2 + v->n_echo) + v->n_known > CHANNELS)
		return precess_fail(PRECESS_ENOTSUP, "%s makes %d images: too many to learn from",
				    p->name, v->n_set);
	for (int s = 0; s < v->n_set; s++) {
		snprintf(v->name[n++], NAME_SIZE, "re%d", s + 1);
		snprintf(v->name[n++], NAME_SIZE, "im%d", s + 1);
		for (int k = 0; k < v->n_echo; k++)
			snprintf(v->name[n++], NAME_SIZE, "image%d_echo%d", s + 1, k + 1);
	}
	for (int k = 0; k < v->n_known; k++)
		snprintf(v->name[n++], NAME_SIZE, "param_%.32s", p->param[v->known[k]].name);
	for (int i = 0; i < n; i++)
		v->names[i] = v->name[i];
	v->n_channel = n;
	return PRECESS_OK;
}

static precess_status allocate(struct data_view *v)
{
	size_t pixels = (size_t)v->nx * (size_t)v->ny;
	size_t longest = (size_t)(v->nx > v->ny ? v->nx : v->ny), pad = (size_t)v->t.pad;
	size_t wide = longest * longest * pad * pad;
	float **place[] = { &v->space.re, &v->space.im, &v->a.re,  &v->a.im,      &v->b.re,
			    &v->b.im,     &v->phasor,   &v->field, &v->echo_image };
	size_t size[] = { pixels * (size_t)v->n_set,
			  pixels * (size_t)v->n_set,
			  wide,
			  wide,
			  wide,
			  wide,
			  2 * longest * longest * pad,
			  2 * pixels,
			  (size_t)(v->n_set * v->n_echo * v->coarse[0] * v->coarse[1]) };

	for (size_t i = 0; i < PRECESS_COUNT(place); i++) {
		*place[i] = memory_aligned(size[i] * sizeof(float) + 64);
		if (!*place[i])
			return precess_fail(PRECESS_ENOMEM, "out of memory");
	}
	return PRECESS_OK;
}

precess_status data_view_create(struct data_view **out, const struct program *p,
				const struct net_template *t, int nx, int ny, int n_set)
{
	struct data_view *v = calloc(1, sizeof *v);
	double *value = calloc(p->n_op + 1, sizeof *value),
	       *param = calloc(p->n_param + 1, sizeof *param);
	precess_status st = PRECESS_OK;

	*out = NULL;
	if (!v || !value || !param) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	v->t = *t;
	v->nx = nx;
	v->ny = ny;
	v->n_set = n_set;
	v->most = fmax(fabs(p->map[t->target].lo), fabs(p->map[t->target].hi));
	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].value;
	program_evaluate(value, p, param);
	if (t->window)
		find_echoes(v, p, value);
	v->coarse[0] = nx < 3 * t->window ? nx : 3 * t->window;
	v->coarse[1] = ny < 3 * t->window ? ny : 3 * t->window;
	find_known(v, p);
	TRY(name_channels(v, p));
	TRY(allocate(v));
	*out = v;
	v = NULL;
out:
	free(value);
	free(param);
	data_view_free(v);
	return st;
}

void data_view_free(struct data_view *v)
{
	if (!v)
		return;
	free(v->space.re);
	free(v->space.im);
	free(v->a.re);
	free(v->a.im);
	free(v->b.re);
	free(v->b.im);
	free(v->phasor);
	free(v->field);
	free(v->echo_image);
	free(v);
}

const struct net_template *data_view_template(const struct data_view *v)
{
	return &v->t;
}

int data_view_channels(const struct data_view *v, const char *const **names)
{
	*names = v->names;
	return v->n_channel;
}

/* ------------------------------------------------------------------ an image */
static uint64_t draw_seed(struct rng *r)
{
	uint64_t high = rng_u32(r);

	return high << 32 | rng_u32(r);
}

/* One set, divided by `largest`; what a receive coil and its channels' combination leave. */
static void take(struct data_view *v, const float *image, double largest, const float *gain,
		 const float *phase)
{
	size_t n = (size_t)v->nx * (size_t)v->ny;
	float scale = largest > 0 ? (float)(1 / largest) : 1;

	for (size_t i = 0; i < n; i++) {
		v->a.re[i] = scale * image[2 * i];
		v->a.im[i] = scale * image[2 * i + 1];
		if (!gain)
			continue;
		float g = expf(gain[i]), c = g * cosf(phase[i]), s = g * sinf(phase[i]),
		      re = v->a.re[i];

		v->a.re[i] = re * c - v->a.im[i] * s;
		v->a.im[i] = re * s + v->a.im[i] * c;
	}
}

/* The window of an echo: 1 inside a third of the radius, falling as a cosine to 0 at it. */
static float window_at(const struct data_view *v, double x, double y)
{
	double r = hypot(x, y) / v->t.window, part = (r - 1.0 / 3) * 1.5;

	return part <= 0 ? 1 : part >= 1 ? 0 : (float)(0.5 + 0.5 * cos(0.5 * tau * part));
}

/* Magnitude of echo k into `out`, [coarse y][coarse x]; returns the largest. */
static float echo_magnitude(float *out, struct data_view *v, int set, int k)
{
	struct split from = at_set(v, set);
	int centre[2] = { (int)lround(v->echo[k][0]), (int)lround(v->echo[k][1]) };
	int n[2] = { v->coarse[0], v->coarse[1] }, first[2], n_k[2], none[2] = { 0, 0 };
	int half[2] = { v->nx / 2, v->ny / 2 }, full[2] = { v->nx, v->ny };
	float largest = 0;

	for (int a = 0; a < 2; a++) {
		int lo = centre[a] - v->t.window + 1, hi = centre[a] + v->t.window;

		lo = lo < -half[a] ? -half[a] : lo;
		hi = hi > full[a] - half[a] ? full[a] - half[a] : hi;
		first[a] = lo;
		n_k[a] = hi - lo;
	}
	for (int i = 0; i < n_k[0]; i++) {
		for (int j = 0; j < n_k[1]; j++) {
			int x = first[0] + i, y = first[1] + j;
			size_t at = (size_t)(x + half[0]) * (size_t)v->ny + (size_t)(y + half[1]);
			float w = window_at(v, x - v->echo[k][0], y - v->echo[k][1]);

			v->b.re[i * n_k[1] + j] = w * from.re[at];
			v->b.im[i * n_k[1] + j] = w * from.im[at];
		}
	}
	/* to_image writes v->a first and v->b only after it has read its input */
	to_image(v, v->b, first, n_k, n, none, n);
	for (int i = 0; i < n[0] * n[1]; i++) {
		out[i] = hypotf(v->a.re[i], v->a.im[i]);
		largest = fmaxf(largest, out[i]);
	}
	return largest;
}

static void set_echoes(struct data_view *v)
{
	size_t n = (size_t)v->coarse[0] * (size_t)v->coarse[1],
	       all = n * (size_t)(v->n_echo * v->n_set);
	float largest = 0, least, span = -(float)log(floor_echo);

	for (int i = 0; i < v->n_set * v->n_echo; i++)
		largest = fmaxf(largest, echo_magnitude(v->echo_image + n * (size_t)i, v,
							i / v->n_echo, i % v->n_echo));
	least = (float)floor_echo * largest;
	for (size_t i = 0; i < all; i++)
		v->echo_image[i] = largest > 0
					   ? 1 + logf((v->echo_image[i] + least) / largest) / span
					   : 0;
}

void data_view_set(struct data_view *v, const float *image, const double *param, double noise,
		   struct rng *r)
{
	size_t n = (size_t)v->nx * (size_t)v->ny;
	float *gain = NULL, *phase = NULL;
	double largest = 0, sigma = noise;

	for (size_t i = 0; i < n * (size_t)v->n_set; i++)
		largest = fmax(largest, hypot((double)image[2 * i], (double)image[2 * i + 1]));
	if (r && noise < 0) {
		double bend = rng_uniform(r, 0, v->t.phase),
		       global = bend > 0 ? rng_uniform(r, 0, tau) : 0,
		       swell = rng_uniform(r, 0, v->t.gain);

		sigma = rng_uniform(r, 0, v->t.noise);
		gain = v->field;
		phase = v->field + n;
		field_b1(gain, v->nx, v->ny, -swell, swell, draw_seed(r));
		field_b1(phase, v->nx, v->ny, global - bend, global + bend, draw_seed(r));
	}
	for (int s = 0; s < v->n_set; s++) {
		take(v, image + 2 * n * (size_t)s, largest, gain, phase);
		for (size_t i = 0; r && i < n; i++) {
			v->a.re[i] += (float)(sigma * rng_normal(r));
			v->a.im[i] += (float)(sigma * rng_normal(r));
		}
		to_space(v, s);
	}
	set_echoes(v);
	for (int k = 0; k < v->n_known; k++) {
		double range = v->hi[k] - v->lo[k];

		v->plane[k] = range > 0 ? (float)(2 * (param[v->known[k]] - v->lo[k]) / range - 1)
					: 0;
	}
}

/* ------------------------------------------------------------------ channels */
/* Linear between the coarse pixels. */
static void enlarge(float *out, const float *in, const struct data_view *v, const int at[2],
		    const int size[2])
{
	int nx = v->coarse[0], ny = v->coarse[1];
	double step_x = (double)nx / (v->t.pad * v->nx), step_y = (double)ny / (v->t.pad * v->ny);

	for (int y = 0; y < size[1]; y++) {
		double p = fmin(fmax((at[1] + y + 0.5) * step_y - 0.5, 0), ny - 1);
		int y0 = (int)p, y1 = y0 + (y0 + 1 < ny);
		float b = (float)(p - y0);

		for (int x = 0; x < size[0]; x++) {
			double q = fmin(fmax((at[0] + x + 0.5) * step_x - 0.5, 0), nx - 1);
			int x0 = (int)q, x1 = x0 + (x0 + 1 < nx);
			float a = (float)(q - x0);

			*out++ = (1 - b) * ((1 - a) * in[y0 * nx + x0] + a * in[y0 * nx + x1]) +
				 b * ((1 - a) * in[y1 * nx + x0] + a * in[y1 * nx + x1]);
		}
	}
}

void data_view_fill(float *out, struct data_view *v, const int at[2], const int size[2])
{
	const int first[2] = { -(v->nx / 2), -(v->ny / 2) }, n_k[2] = { v->nx, v->ny },
		  n[2] = { v->t.pad * v->nx, v->t.pad * v->ny };
	size_t plane = (size_t)size[0] * (size_t)size[1],
	       coarse = (size_t)v->coarse[0] * (size_t)v->coarse[1];

	for (int s = 0; s < v->n_set; s++) {
		to_image(v, at_set(v, s), first, n_k, n, at, size);
		memcpy(out, v->a.re, plane * sizeof *out);
		memcpy(out + plane, v->a.im, plane * sizeof *out);
		out += 2 * plane;
		for (int k = 0; k < v->n_echo; k++, out += plane)
			enlarge(out, v->echo_image + coarse * (size_t)(s * v->n_echo + k), v, at,
				size);
	}
	for (int k = 0; k < v->n_known; k++)
		for (size_t i = 0; i < plane; i++)
			*out++ = v->plane[k];
}

precess_status data_view_truth(float *out, const struct data_view *v, const struct data_sample *s,
			       const int at[2], const int size[2])
{
	const float *map = s->map[v->t.target], *m0 = s->map[PROGRAM_MAP_M0];
	int n = s->shape.sub / v->t.pad, width = s->shape.sub * s->shape.nx;

	if (!map || n < 1 || s->shape.sub % v->t.pad)
		return precess_fail(PRECESS_EINVAL, "the samples have no map %s at %d per pixel",
				    program_map_name((enum program_map_kind)v->t.target), v->t.pad);
	for (int y = 0; y < size[1]; y++) {
		for (int x = 0; x < size[0]; x++) {
			double sum = 0, weight = 0;

			for (int j = 0; j < n * n; j++) {
				int i = ((at[1] + y) * n + j / n) * width + (at[0] + x) * n + j % n;
				double w = m0 ? (double)m0[i] : 1;

				sum += w > 0 ? w * (double)map[i] : 0;
				weight += w;
			}
			*out++ = weight > 0 ? (float)(sum / weight) : 0;
		}
	}
	return PRECESS_OK;
}

void data_view_encode(float *map, const struct data_view *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double y = (double)map[i] / v->t.scale;

		map[i] = (float)(v->t.knee > 0 ? y / (1 + fabs(y) / v->t.knee) : y);
	}
}

void data_view_decode(float *map, const struct data_view *v, size_t n)
{
	/* what is beyond the range of the map has no value or one far away */
	double knee = v->t.knee, most = v->most / v->t.scale;

	most = knee > 0 ? most / (1 + most / knee) : most;
	for (size_t i = 0; i < n; i++) {
		double y = fmin(fmax((double)map[i], -most), most);

		map[i] = (float)(v->t.scale * (knee > 0 ? y / (1 - fabs(y) / knee) : y));
	}
}
