/* Inputs from what is known of a sample: its maps, its parameters, planes computed elsewhere.
 *
 * Position encoding (Huang et al.): k-space zero but for 1 + 1i at (+-c, +-c), transformed back,
 *   (1 + 1i) 4 cos(2 pi c x / nx) cos(2 pi c y / ny) / (nx ny),  x = ix - nx / 2,
 * here without the factor 4 / (nx ny): the network's inputs are of order one. Real and imaginary
 * part are equal because the four points are symmetric. */
#include "runtime/nn/internal.h"

#include <math.h>
#include <stdlib.h>

static const double two_pi = 6.283185307179586476925286766559;

struct task {
	const struct net *net;
	const struct nn_sample *s;
	const double *slot;
	int nx, ny;
};

static void fill_position(float *out, const struct task *t, const struct net_channel *c)
{
	for (int y = 0; y < t->ny; y++) {
		double v = cos(two_pi * c->cells * (y - t->ny / 2) / t->ny);

		for (int x = 0; x < t->nx; x++)
			out[y * t->nx + x] =
				(float)(v * cos(two_pi * c->cells * (x - t->nx / 2) / t->nx));
	}
}

/* cos(a + b), sin(a + b) along a row by turning a unit phasor: two sines a row instead of one a
 * pixel; in double the error of a thousand turns stays below a float's. */
static void fill_wave(float *out, const struct task *t, const struct net_channel *c)
{
	double kx = t->slot[t->net->wave[c->index].k[0]];
	double ky = t->slot[t->net->wave[c->index].k[1]];
	double cx = cos(two_pi * kx / t->nx), sx = sin(two_pi * kx / t->nx);

	for (int y = 0; y < t->ny; y++) {
		double angle = two_pi * (kx * (0.5 / t->nx - 0.5) + ky * ((y + 0.5) / t->ny - 0.5));
		double re = cos(angle), im = sin(angle), next;

		for (int x = 0; x < t->nx; x++) {
			out[y * t->nx + x] = (float)(c->part ? im : re);
			next = re * cx - im * sx;
			im = re * sx + im * cx;
			re = next;
		}
	}
}

static bool is_relaxation(enum program_map_kind k)
{
	return k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
}

/* The mean of a map over n x n fine pixels from (x, y); relaxation times weigh as much as they
 * give signal. */
static double mean(const struct task *t, enum program_map_kind k, int x, int y, int n)
{
	const float *map = t->s->map[k];
	const float *m0 = is_relaxation(k) ? t->s->map[PROGRAM_MAP_M0] : NULL;
	int width = t->nx * t->s->sub;
	double sum = 0, weight = 0;

	for (int j = y; j < y + n; j++) {
		for (int i = x; i < x + n; i++) {
			double w = m0 ? m0[j * width + i] : 1;

			sum += w > 0 ? w * map[j * width + i] : 0;
			weight += w;
		}
	}
	return weight > 0 ? sum / weight : 0;
}

static precess_status fill_map(float *out, const struct task *t, const struct net_channel *c)
{
	int n = t->s->sub / c->sub;

	if (!t->s->map[c->map])
		return precess_fail(PRECESS_EINVAL, "the sample has no map %s",
				    program_map_name(c->map));
	if (n * c->sub != t->s->sub)
		return precess_fail(PRECESS_EINVAL,
				    "maps of %d fine pixels a pixel do not give %d sub-pixels",
				    t->s->sub, c->sub);
	for (int y = 0; y < t->ny; y++) {
		for (int x = 0; x < t->nx; x++) {
			double v = mean(t, c->map, x * t->s->sub + c->sub_x * n,
					y * t->s->sub + c->sub_y * n, n);

			out[y * t->nx + x] = (float)((v - c->offset) / c->scale);
		}
	}
	return PRECESS_OK;
}

static float scaled_param(const struct task *t, const struct net_channel *c)
{
	const struct net_param *p = &t->net->param[c->index];
	double range = p->hi - p->lo;

	return range > 0 ? (float)(c->scale * (2 * (t->s->param[c->index] - p->lo) / range - 1))
			 : 0;
}

static precess_status fill_channel(float *out, const struct task *t, const struct net_channel *c,
				   uint32_t *extra)
{
	switch (c->kind) {
	case NET_CHANNEL_POSITION:
		fill_position(out, t, c);
		return PRECESS_OK;
	case NET_CHANNEL_WAVE:
		fill_wave(out, t, c);
		return PRECESS_OK;
	case NET_CHANNEL_MAP:
		return fill_map(out, t, c);
	case NET_CHANNEL_PARAM:
		*out = scaled_param(t, c);
		return PRECESS_OK;
	case NET_CHANNEL_EXTRA:
		if (!t->s->extra || !t->s->extra[*extra])
			return precess_fail(PRECESS_EINVAL, "the sample has no channel %s",
					    c->name);
		for (int i = 0; i < t->nx * t->ny; i++)
			out[i] = t->s->extra[*extra][i];
		++*extra;
		return PRECESS_OK;
	}
	return PRECESS_OK;
}

precess_status nn_fill(struct nn *nn, int at, const struct nn_sample *s)
{
	const struct net *net = nn->net;
	double *slot = calloc((size_t)net->n_op + 1, sizeof *slot);
	struct task t = { net, s, slot, net->matrix[0], net->matrix[1] };
	precess_status st = PRECESS_OK;
	uint32_t extra = 0;

	if (!slot)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	net_evaluate(slot, net, s->param);
	for (uint32_t i = 0; i < net->n_input; i++) {
		const struct net_input *in = &net->input[i];
		const struct net_tensor *tensor = &net->tensor[in->tensor];
		size_t plane = (size_t)tensor->height * (size_t)tensor->width;
		float *out = nn->input[i] + (size_t)at * in->n_channel * plane;

		for (uint32_t c = 0; c < in->n_channel; c++)
			TRY(fill_channel(out + c * plane, &t, &in->channel[c], &extra));
	}
out:
	free(slot);
	return st;
}
