// Convolutions: cuDNN's where it has an engine, else plain kernels, one thread per number. The plain
// ones are slow and exact; they are also what the emulation runs, so that packing, relu, biases and
// the accumulation around them are the same code in both.
#include "runtime/cudnn/network.h"

precess_status conv_pack(struct network *, struct layer *l)
{
	struct view w = l->packed, b = l->packed_bias;
	const float *weight = l->weight, *bias = l->bias;
	size_t in = (size_t)w.c, kk = (size_t)w.h * (size_t)w.w;

	EACH(view_size(w), {
		size_t c = i % in, t = i / in % kk, o = i / in / kk;
		view_put(w, i, weight[(o * in + c) * kk + t]);
	});
	EACH((size_t)b.c, { view_put(b, i, bias[i]); });
	return PRECESS_OK;
}

/* --- plain kernels --- */

static precess_status plain_forward(struct layer *l)
{
	struct view x = l->in[0]->x, y = l->out->x, w = l->packed, b = l->packed_bias;
	int k = l->net->kernel, half = k / 2;
	bool relu = l->net->relu;

	EACH(view_size(y), {
		int o = (int)(i % (size_t)y.c), col = (int)(i / (size_t)y.c % (size_t)y.w),
		    row = (int)(i / (size_t)y.c / (size_t)y.w % (size_t)y.h);
		size_t image = i / (size_t)y.c / (size_t)y.w / (size_t)y.h * (size_t)x.h *
			       (size_t)x.w;
		float sum = view_get(b, (size_t)o);
		for (int t = 0; t < k * k; t++) {
			int r = row + t / k - half, c = col + t % k - half;
			if (r < 0 || r >= x.h || c < 0 || c >= x.w)
				continue;
			size_t from = (image + (size_t)r * (size_t)x.w + (size_t)c) * (size_t)x.c,
			       at = ((size_t)o * (size_t)(k * k) + (size_t)t) * (size_t)x.c;
			for (int j = 0; j < x.c; j++)
				sum += view_get(w, at + (size_t)j) * view_get(x, from + (size_t)j);
		}
		view_put(y, i, relu && !(sum > 0) ? 0 : sum);
	});
	return PRECESS_OK;
}

static precess_status plain_data(struct layer *l)
{
	struct view dx = l->in[0]->dx, dy = l->out->dx, w = l->packed;
	int k = l->net->kernel, half = k / 2;

	EACH(view_size(dx), {
		int j = (int)(i % (size_t)dx.c), col = (int)(i / (size_t)dx.c % (size_t)dx.w),
		    row = (int)(i / (size_t)dx.c / (size_t)dx.w % (size_t)dx.h);
		size_t image = i / (size_t)dx.c / (size_t)dx.w / (size_t)dx.h * (size_t)dy.h *
			       (size_t)dy.w;
		float sum = 0;
		for (int t = 0; t < k * k; t++) {
			int r = row - t / k + half, c = col - t % k + half;
			if (r < 0 || r >= dy.h || c < 0 || c >= dy.w)
				continue;
			size_t from = (image + (size_t)r * (size_t)dy.w + (size_t)c) * (size_t)dy.c;
			for (int o = 0; o < dy.c; o++)
				sum += view_get(dy, from + (size_t)o) *
				       view_get(w, ((size_t)o * (size_t)(k * k) + (size_t)t) *
							   (size_t)dx.c + (size_t)j);
		}
		view_add(dx, i, sum);
	});
	return PRECESS_OK;
}

static precess_status plain_weights(struct layer *l)
{
	struct view x = l->in[0]->x, dy = l->out->dx, dw = l->packed_gradient;
	int k = l->net->kernel, half = k / 2;

	EACH(view_size(dw), {
		int j = (int)(i % (size_t)x.c), t = (int)(i / (size_t)x.c % (size_t)(k * k));
		size_t o = i / (size_t)x.c / (size_t)(k * k);
		float sum = 0;
		for (int n = 0; n < x.n; n++)
			for (int row = 0; row < dy.h; row++) {
				int r = row + t / k - half;
				float line = 0; /* line by line: errors of a long sum stay small */
				for (int col = 0; r >= 0 && r < x.h && col < dy.w; col++) {
					int c = col + t % k - half;
					if (c < 0 || c >= x.w)
						continue;
					line += view_get(dy, ((size_t)(n * dy.h + row) * (size_t)dy.w +
							      (size_t)col) * (size_t)dy.c + o) *
						view_get(x, ((size_t)(n * x.h + r) * (size_t)x.w +
							     (size_t)c) * (size_t)x.c + (size_t)j);
				}
				sum += line;
			}
		view_put(dw, i, sum);
	});
	return PRECESS_OK;
}

/* --- around the convolution --- */

static precess_status bias_and_relu(struct layer *l)
{
	struct view y = l->out->x, b = l->packed_bias;
	bool relu = l->net->relu;

	EACH(view_size(y), {
		float v = view_get(y, i) + view_get(b, i % (size_t)y.c);
		view_put(y, i, relu && !(v > 0) ? 0 : v);
	});
	return PRECESS_OK;
}

precess_status conv_forward(struct network *n, struct layer *l)
{
	precess_status st = PRECESS_OK;

	if (!l->conv)
		return plain_forward(l);
	TRY(convolution_forward(l->conv, l->out->x.p, l->in[0]->x.p, l->packed.p, l->packed_bias.p,
				n->workspace));
	if (!convolution_is_fused(l->conv))
		st = bias_and_relu(l);
out:
	return st;
}

static precess_status unpack_gradient(struct layer *l)
{
	struct view g = l->packed_gradient;
	float *dw = l->dweight;
	size_t in = (size_t)g.c, kk = (size_t)g.h * (size_t)g.w;

	EACH(view_size(g), {
		size_t c = i % in, t = i / in % kk, o = i / in / kk;
		dw[(o * in + c) * kk + t] += view_get(g, i);
	});
	return PRECESS_OK;
}

/* cuDNN overwrites: it writes into the staging array, which is added. */
static precess_status library_data(struct network *n, struct layer *l)
{
	struct view dx = l->in[0]->dx, apart = dx;
	precess_status st = PRECESS_OK;

	apart.p = n->staging;
	TRY(convolution_data(l->conv, apart.p, l->out->dx.p, l->packed.p, n->workspace));
	EACH(view_size(dx), { view_add(dx, i, view_get(apart, i)); });
out:
	return st;
}

precess_status conv_backward(struct network *n, struct layer *l)
{
	struct view dy = l->out->dx, y = l->out->x;
	precess_status st = PRECESS_OK;

	if (l->net->relu)
		EACH(view_size(y), {
			if (!(view_get(y, i) > 0))
				view_put(dy, i, 0);
		});
	TRY(l->conv ? convolution_weights(l->conv, l->packed_gradient.p, l->in[0]->x.p, dy.p,
					  n->workspace)
		    : plain_weights(l));
	TRY(unpack_gradient(l));
	TRY(sum_rows(l->dbias, n->part, dy));
	if (l->in[0]->wants)
		st = l->conv ? library_data(n, l) : plain_data(l);
out:
	return st;
}
