// The thin layers, forwards and backwards, and sums over pixels. A sum over many numbers is split
// into parts of fixed bounds that are added up in order: the same bits every time.
#include "runtime/cudnn/network.h"

/* --- sums --- */

precess_status sum_rows(float *out, float *part, struct view x)
{
	size_t rows = view_size(x) / (size_t)x.c, c = (size_t)x.c;

	EACH(c * BIAS_PARTS, {
		size_t k = i / c, first = rows * k / BIAS_PARTS, last = rows * (k + 1) / BIAS_PARTS;
		float sum = 0;
		for (size_t r = first; r < last; r++)
			sum += view_get(x, r * c + i % c);
		part[i] = sum;
	});
	EACH(c, {
		float sum = 0;
		for (size_t k = 0; k < BIAS_PARTS; k++)
			sum += part[k * c + i];
		out[i] += sum;
	});
	return PRECESS_OK;
}

static precess_status mask(struct view dy, struct view y)
{
	EACH(view_size(y), {
		if (!(view_get(y, i) > 0))
			view_put(dy, i, 0);
	});
	return PRECESS_OK;
}

/* --- linear: all numbers of a sample; the canonical order of an input is (c, y, x) --- */

DEVICE static inline size_t canonical(struct view v, size_t k)
{
	size_t pixels = (size_t)v.h * (size_t)v.w;

	return k % pixels * (size_t)v.c + k / pixels;
}

static precess_status linear_forward(struct layer *l)
{
	struct view x = l->in[0]->x, y = l->out->x;
	size_t inputs = view_size(x) / (size_t)x.n, filters = (size_t)y.c;
	const float *w = l->weight, *b = l->bias;
	bool relu = l->net->relu;

	EACH(view_size(y), {
		size_t n = i / filters, f = i % filters;
		float sum = b[f];
		for (size_t k = 0; k < inputs; k++)
			sum += w[f * inputs + k] * view_get(x, n * inputs + canonical(x, k));
		view_put(y, i, relu && !(sum > 0) ? 0 : sum);
	});
	return PRECESS_OK;
}

static precess_status linear_backward(struct network *net, struct layer *l)
{
	struct view x = l->in[0]->x, dx = l->in[0]->dx, dy = l->out->dx;
	size_t inputs = view_size(x) / (size_t)x.n, filters = (size_t)dy.c, batch = (size_t)dy.n;
	const float *w = l->weight;
	float *dw = l->dweight;
	precess_status st = PRECESS_OK;

	if (l->net->relu)
		TRY(mask(dy, l->out->x));
	EACH(filters * inputs, {
		float sum = 0;
		for (size_t n = 0; n < batch; n++)
			sum += view_get(dy, n * filters + i / inputs) *
			       view_get(x, n * inputs + canonical(x, i % inputs));
		dw[i] += sum;
	});
	TRY(sum_rows(l->dbias, net->part, dy));
	if (!l->in[0]->wants)
		return PRECESS_OK;
	EACH(batch * inputs, {
		size_t n = i / inputs, k = i % inputs;
		float sum = 0;
		for (size_t f = 0; f < filters; f++)
			sum += w[f * inputs + k] * view_get(dy, n * filters + f);
		view_add(dx, n * inputs + canonical(dx, k), sum);
	});
out:
	return st;
}

/* --- dynconv: weights (filters, channels), then biases, from `first` on of the second input --- */

static precess_status dynconv_forward(struct layer *l)
{
	struct view x = l->in[0]->x, k = l->in[1]->x, y = l->out->x;
	size_t pixels = (size_t)x.h * (size_t)x.w, c = (size_t)x.c, f = (size_t)y.c,
	       vector = view_size(k) / (size_t)k.n, first = (size_t)l->net->first;
	bool relu = l->net->relu;

	EACH(view_size(y), {
		size_t p = i / f, o = i % f, at = p / pixels * vector + first;
		float sum = view_get(k, at + f * c + o);
		for (size_t j = 0; j < c; j++)
			sum += view_get(k, at + o * c + j) * view_get(x, p * c + j);
		view_put(y, i, relu && !(sum > 0) ? 0 : sum);
	});
	return PRECESS_OK;
}

static precess_status dynconv_backward(struct network *net, struct layer *l)
{
	struct view x = l->in[0]->x, dx = l->in[0]->dx, k = l->in[1]->x, dk = l->in[1]->dx,
		    dy = l->out->dx;
	size_t pixels = (size_t)x.h * (size_t)x.w, c = (size_t)x.c, f = (size_t)dy.c,
	       vector = view_size(k) / (size_t)k.n, first = (size_t)l->net->first,
	       count = f * (c + 1), batch = (size_t)x.n;
	float *part = net->part;
	precess_status st = PRECESS_OK;

	if (l->net->relu)
		TRY(mask(dy, l->out->x));
	if (l->in[1]->wants) {
		EACH(batch * DYN_PARTS * count, {
			size_t j = i % count, s = i / count % DYN_PARTS, n = i / count / DYN_PARTS;
			size_t o = j < f * c ? j / c : j - f * c;
			float sum = 0;
			for (size_t p = pixels * s / DYN_PARTS; p < pixels * (s + 1) / DYN_PARTS; p++)
				sum += view_get(dy, (n * pixels + p) * f + o) *
				       (j < f * c ? view_get(x, (n * pixels + p) * c + j % c) : 1);
			part[i] = sum;
		});
		EACH(batch * count, {
			size_t j = i % count, n = i / count;
			float sum = 0;
			for (size_t s = 0; s < DYN_PARTS; s++)
				sum += part[(n * DYN_PARTS + s) * count + j];
			view_add(dk, n * vector + first + j, sum);
		});
	}
	if (l->in[0]->wants)
		EACH(view_size(x), {
			size_t p = i / c, j = i % c, at = p / pixels * vector + first;
			float sum = 0;
			for (size_t o = 0; o < f; o++)
				sum += view_get(k, at + o * c + j) * view_get(dy, p * f + o);
			view_add(dx, i, sum);
		});
out:
	return st;
}

/* --- pixels --- */

static precess_status relu_forward(struct layer *l)
{
	struct view x = l->in[0]->x, y = l->out->x;

	EACH(view_size(y), {
		float v = view_get(x, i);
		view_put(y, i, v > 0 ? v : 0);
	});
	return PRECESS_OK;
}

static precess_status relu_backward(struct layer *l)
{
	struct view dx = l->in[0]->dx, y = l->out->x, dy = l->out->dx;

	EACH(view_size(y), {
		if (view_get(y, i) > 0)
			view_add(dx, i, view_get(dy, i));
	});
	return PRECESS_OK;
}

/* Of the 2 x 2 pixels of output i the place of the largest, the first of equals. */
DEVICE static inline size_t pool_place(struct view x, struct view y, size_t i)
{
	size_t c = i % (size_t)y.c, p = i / (size_t)y.c, col = p % (size_t)y.w,
	       row = p / (size_t)y.w; /* of all samples: x has twice as many */
	size_t best = (2 * row * (size_t)x.w + 2 * col) * (size_t)x.c + c;

	for (size_t k = 1; k < 4; k++) {
		size_t at = ((2 * row + k / 2) * (size_t)x.w + 2 * col + k % 2) * (size_t)x.c + c;
		if (view_get(x, at) > view_get(x, best))
			best = at;
	}
	return best;
}

static precess_status maxpool2_forward(struct layer *l)
{
	struct view x = l->in[0]->x, y = l->out->x;

	EACH(view_size(y), { view_put(y, i, view_get(x, pool_place(x, y, i))); });
	return PRECESS_OK;
}

static precess_status maxpool2_backward(struct layer *l)
{
	struct view x = l->in[0]->x, dx = l->in[0]->dx, y = l->out->x, dy = l->out->dx;

	EACH(view_size(y), { view_add(dx, pool_place(x, y, i), view_get(dy, i)); });
	return PRECESS_OK;
}

static precess_status upsample2_forward(struct layer *l)
{
	struct view x = l->in[0]->x, y = l->out->x;

	EACH(view_size(y), {
		size_t c = i % (size_t)y.c, p = i / (size_t)y.c, col = p % (size_t)y.w,
		       row = p / (size_t)y.w;
		view_put(y, i,
			 view_get(x, (row / 2 * (size_t)x.w + col / 2) * (size_t)x.c + c));
	});
	return PRECESS_OK;
}

static precess_status upsample2_backward(struct layer *l)
{
	struct view dx = l->in[0]->dx, dy = l->out->dx;

	EACH(view_size(dx), {
		size_t c = i % (size_t)dx.c, p = i / (size_t)dx.c, col = p % (size_t)dx.w,
		       row = p / (size_t)dx.w;
		float sum = 0;
		for (size_t k = 0; k < 4; k++)
			sum += view_get(dy, ((2 * row + k / 2) * (size_t)dy.w + 2 * col + k % 2) *
						    (size_t)dy.c + c);
		view_add(dx, i, sum);
	});
	return PRECESS_OK;
}

static precess_status concat(struct layer *l, bool backward)
{
	int first = 0;

	for (uint32_t k = 0; k < l->net->n_input; k++) {
		struct view x = backward ? l->in[k]->dx : l->in[k]->x;
		struct view y = backward ? l->out->dx : l->out->x;
		size_t from = (size_t)first;

		first += l->in[k]->x.c;
		if (!backward)
			EACH(view_size(x), {
				view_put(y, i / (size_t)x.c * (size_t)y.c + from + i % (size_t)x.c,
					 view_get(x, i));
			});
		else if (l->in[k]->wants)
			EACH(view_size(x), {
				view_add(x, i, view_get(y, i / (size_t)x.c * (size_t)y.c + from +
								   i % (size_t)x.c));
			});
	}
	return PRECESS_OK;
}

/* y = sum of heads, head k times wave k, heads without a wave as they are. */
static precess_status modulate_forward(struct layer *l)
{
	struct view h = l->in[0]->x, w = l->in[1]->x, y = l->out->x;

	EACH(view_size(y) / 2, {
		size_t a = i * (size_t)h.c, b = i * (size_t)w.c;
		float re = 0, im = 0;
		for (size_t k = 0; k < (size_t)h.c; k += 2) {
			float hr = view_get(h, a + k), hi = view_get(h, a + k + 1), wr = 1, wi = 0;
			if (k < (size_t)w.c) {
				wr = view_get(w, b + k);
				wi = view_get(w, b + k + 1);
			}
			re += hr * wr - hi * wi;
			im += hr * wi + hi * wr;
		}
		view_put(y, 2 * i, re);
		view_put(y, 2 * i + 1, im);
	});
	return PRECESS_OK;
}

/* dh = dy conj(w), dw = dy conj(h). */
static precess_status modulate_backward(struct layer *l)
{
	struct view h = l->in[0]->x, w = l->in[1]->x, dh = l->in[0]->dx, dw = l->in[1]->dx,
		    dy = l->out->dx;

	if (l->in[0]->wants)
		EACH(view_size(h) / 2, {
			size_t pairs = (size_t)h.c / 2, p = i / pairs, k = 2 * (i % pairs);
			float dr = view_get(dy, 2 * p), di = view_get(dy, 2 * p + 1), wr = 1,
			      wi = 0;
			if (k < (size_t)w.c) {
				wr = view_get(w, p * (size_t)w.c + k);
				wi = view_get(w, p * (size_t)w.c + k + 1);
			}
			view_add(dh, 2 * i, dr * wr + di * wi);
			view_add(dh, 2 * i + 1, di * wr - dr * wi);
		});
	if (l->in[1]->wants)
		EACH(view_size(w) / 2, {
			size_t pairs = (size_t)w.c / 2, p = i / pairs, k = 2 * (i % pairs);
			float dr = view_get(dy, 2 * p), di = view_get(dy, 2 * p + 1);
			float hr = view_get(h, p * (size_t)h.c + k),
			      hi = view_get(h, p * (size_t)h.c + k + 1);
			view_add(dw, 2 * i, dr * hr + di * hi);
			view_add(dw, 2 * i + 1, di * hr - dr * hi);
		});
	return PRECESS_OK;
}

static precess_status add(struct layer *l, bool backward)
{
	struct view a = l->in[0]->x, b = l->in[1]->x, y = l->out->x, dy = l->out->dx;

	if (!backward)
		EACH(view_size(y), { view_put(y, i, view_get(a, i) + view_get(b, i)); });
	for (int k = 0; backward && k < 2; k++) {
		struct view dx = l->in[k]->dx;

		if (l->in[k]->wants)
			EACH(view_size(dy), { view_add(dx, i, view_get(dy, i)); });
	}
	return PRECESS_OK;
}

/* --- all --- */

precess_status layer_forward(struct network *n, struct layer *l)
{
	switch (l->net->kind) {
	case NET_conv2d:
		return conv_forward(n, l);
	case NET_dynconv:
		return dynconv_forward(l);
	case NET_linear:
		return linear_forward(l);
	case NET_relu:
		return relu_forward(l);
	case NET_maxpool2:
		return maxpool2_forward(l);
	case NET_upsample2:
		return upsample2_forward(l);
	case NET_concat:
		return concat(l, false);
	case NET_modulate:
		return modulate_forward(l);
	case NET_add:
		return add(l, false);
	default:
		return precess_fail(PRECESS_ENOTSUP, "a network on a device knows no layer %d",
				    (int)l->net->kind);
	}
}

precess_status layer_backward(struct network *n, struct layer *l)
{
	switch (l->net->kind) {
	case NET_conv2d:
		return conv_backward(n, l);
	case NET_dynconv:
		return dynconv_backward(n, l);
	case NET_linear:
		return linear_backward(n, l);
	case NET_concat:
		return concat(l, true);
	case NET_modulate:
		return modulate_backward(l);
	case NET_add:
		return add(l, true);
	default:
		break;
	}
	if (!l->in[0]->wants)
		return PRECESS_OK;
	switch (l->net->kind) {
	case NET_relu:
		return relu_backward(l);
	case NET_maxpool2:
		return maxpool2_backward(l);
	default:
		return upsample2_backward(l);
	}
}
