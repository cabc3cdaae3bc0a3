/* A 1 x 1 convolution whose weights (filters, channels) and biases (filters) are numbers
 * first .. first + filters (channels + 1) of each sample's second input; optional relu.
 *
 * Weight gradients are sums over pixels: each of CHUNKS parts of an image has its own, added up in
 * order, so that they do not depend on threads. */
#include "runtime/nn/internal.h"

#include <string.h>

enum { TILE = 128, CHUNKS = 16 };

static size_t n_weight(const struct nn_layer *l)
{
	return (size_t)l->out->c * (size_t)(l->in[0]->c + 1);
}

static size_t vector(const struct nn_layer *l)
{
	return (size_t)l->in[1]->c * (size_t)l->in[1]->h * (size_t)l->in[1]->w;
}

/* Per (sample, chunk): tiles of x, y and dx and partial weight gradients. */
static size_t part_floats(const struct nn_layer *l)
{
	return TILE * (2 * (size_t)l->in[0]->c + 2 * (size_t)l->out->c) + n_weight(l);
}

/* The scratch holds the second input, plain, its gradient, then the parts. */
static precess_status create(struct nn *nn, struct nn_layer *l)
{
	l->scratch = (size_t)nn->n * (2 * vector(l) + CHUNKS * part_floats(l)) * sizeof(float);
	return PRECESS_OK;
}

struct part {
	const float *w, *b;
	float *x, *y, *dx, *dy, *dw, *db;
	int from, to; /* pixels */
};

static struct part part_of(const struct nn *nn, const struct nn_layer *l, int n, int chunk)
{
	size_t c = (size_t)l->in[0]->c, f = (size_t)l->out->c, v = vector(l);
	int size = l->out->h * l->out->w, tiles = (size + TILE - 1) / TILE;
	float *scratch = (float *)nn->scratch;
	struct part p;

	p.w = scratch + (size_t)n * v + (size_t)l->net->first;
	p.b = p.w + f * c;
	p.x = scratch + 2 * (size_t)nn->n * v +
	      ((size_t)n * CHUNKS + (size_t)chunk) * part_floats(l);
	p.dx = p.x + TILE * c;
	p.y = p.dx + TILE * c;
	p.dy = p.y + TILE * f;
	p.dw = p.dy + TILE * f;
	p.db = p.dw + f * c;
	p.from = (int)((long)tiles * chunk / CHUNKS) * TILE;
	p.to = (int)((long)tiles * (chunk + 1) / CHUNKS) * TILE;
	p.to = p.to < size ? p.to : size;
	return p;
}

NN_CLONES static void forward_tile(float *y, const float *x, const float *w, const float *b, int c,
				   int f, bool relu)
{
	for (int i = 0; i < f; i++, y += TILE, w += c) {
		for (int p = 0; p < TILE; p++)
			y[p] = b[i];
		for (int k = 0; k < c; k++) {
			for (int p = 0; p < TILE; p++)
				y[p] += w[k] * x[k * TILE + p];
		}
		for (int p = 0; relu && p < TILE; p++)
			y[p] = y[p] > 0 ? y[p] : 0;
	}
}

/* dw += dy x', db += sum dy, dx = w' dy. */
NN_CLONES static void backward_tile(float *dw, float *db, float *dx, const float *dy,
				    const float *x, const float *w, int c, int f)
{
	for (int i = 0; i < f; i++) {
		const float *d = dy + i * TILE;

		for (int k = 0; k <= c; k++) {
			float lane[16] = { 0 };

			for (int p = 0; p < TILE; p += 16) {
				for (int j = 0; j < 16; j++)
					lane[j] += k < c ? d[p + j] * x[k * TILE + p + j]
							 : d[p + j];
			}
			for (int j = 1; j < 16; j++)
				lane[0] += lane[j];
			if (k < c)
				dw[i * c + k] += lane[0];
			else
				db[i] += lane[0];
		}
	}
	for (int k = 0; dx && k < c; k++) {
		for (int p = 0; p < TILE; p++)
			dx[k * TILE + p] = 0;
		for (int i = 0; i < f; i++) {
			for (int p = 0; p < TILE; p++)
				dx[k * TILE + p] += w[i * c + k] * dy[i * TILE + p];
		}
	}
}

/* A tile at the image's end is filled up with zeros. */
static int load(float *tile, const struct nn_tensor *t, const void *x, int n, int p, int to)
{
	int pixels = to - p < TILE ? to - p : TILE;

	if (pixels < TILE)
		memset(tile, 0, (size_t)t->c * TILE * sizeof *tile);
	nn_tile_load(tile, TILE, t, x, n, 0, t->c, p, pixels);
	return pixels;
}

static precess_status forward(struct nn *nn, struct nn_layer *l)
{
	const struct nn_tensor *in = l->in[0];

	nn_to_plain((float *)nn->scratch, nn, l->in[1], l->in[1]->x);
#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int chunk = 0; chunk < CHUNKS; chunk++) {
			struct part s = part_of(nn, l, n, chunk);

			for (int p = s.from; p < s.to; p += TILE) {
				int pixels = load(s.x, in, in->x, n, p, s.to);

				forward_tile(s.y, s.x, s.w, s.b, in->c, l->out->c, l->net->relu);
				nn_tile_store(l->out, l->out->x, n, 0, l->out->c, p, pixels, s.y,
					      TILE, false);
			}
		}
	}
	return PRECESS_OK;
}

static void backward_part(const struct nn *nn, const struct nn_layer *l, int n, int chunk)
{
	struct part s = part_of(nn, l, n, chunk);
	const struct nn_tensor *in = l->in[0], *out = l->out;

	memset(s.dw, 0, n_weight(l) * sizeof *s.dw);
	for (int p = s.from; p < s.to; p += TILE) {
		int pixels = load(s.x, in, in->x, n, p, s.to);

		load(s.dy, out, out->dx, n, p, s.to);
		if (l->net->relu) {
			load(s.y, out, out->x, n, p, s.to);
			for (int i = 0; i < out->c * TILE; i++)
				s.dy[i] = s.y[i] > 0 ? s.dy[i] : 0;
		}
		backward_tile(s.dw, s.db, in->wants ? s.dx : NULL, s.dy, s.x, s.w, in->c, out->c);
		if (in->wants)
			nn_tile_store(in, in->dx, n, 0, in->c, p, pixels, s.dx, TILE, l->add[0]);
	}
}

/* The other dynamic layers have their own slices of the same vector: what is not ours is zero. */
static void hand_back_weights(struct nn *nn, struct nn_layer *l)
{
	const struct nn_tensor *v = l->in[1];
	int size = v->h * v->w;
	float *dv;

	for (int n = 0; n < nn->n; n++) {
		dv = (float *)nn->scratch + ((size_t)nn->n + (size_t)n) * vector(l);
		memset(dv, 0, vector(l) * sizeof *dv);
		for (int chunk = 0; chunk < CHUNKS; chunk++) {
			const float *dw = part_of(nn, l, n, chunk).dw;

			for (size_t i = 0; i < n_weight(l); i++)
				dv[(size_t)l->net->first + i] += dw[i];
		}
		nn_tile_store(v, v->dx, n, 0, v->c, 0, size, dv, size, l->add[1]);
	}
}

static precess_status backward(struct nn *nn, struct nn_layer *l)
{
	nn_to_plain((float *)nn->scratch, nn, l->in[1], l->in[1]->x);
#pragma omp parallel for collapse(2) schedule(static)
	for (int n = 0; n < nn->n; n++) {
		for (int chunk = 0; chunk < CHUNKS; chunk++)
			backward_part(nn, l, n, chunk);
	}
	if (l->in[1]->wants)
		hand_back_weights(nn, l);
	return PRECESS_OK;
}

const struct nn_layer_ops nn_layer_dynconv = {
	.name = "dynconv",
	.create = create,
	.forward = forward,
	.backward = backward,
};
