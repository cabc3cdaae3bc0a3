/* A network's EXTRA channels: which planes it asks for, and memory for them. */
#include "runtime/data/internal.h"

#include <stdlib.h>

struct data_extras {
	int n, nx, ny;
	enum data_plane *kind;
	float **plane;
};

static precess_status add(struct data_extras *x, const char *name)
{
	int k = data_plane_find(name);

	if (k < 0)
		return precess_fail(PRECESS_ENOTSUP,
				    "the network asks for the channel %s, which no "
				    "sample has: train it again with this version",
				    name);
	x->kind[x->n] = (enum data_plane)k;
	x->plane[x->n] = memory_aligned((size_t)x->nx * (size_t)x->ny * sizeof(float));
	if (!x->plane[x->n++])
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	return PRECESS_OK;
}

precess_status data_extras_create(struct data_extras **out, const struct net *net)
{
	struct data_extras *x = calloc(1, sizeof *x);
	size_t most = 0;
	precess_status st = PRECESS_OK;

	*out = NULL;
	for (uint32_t i = 0; i < net->n_input; i++)
		most += net->input[i].n_channel;
	if (x) {
		x->nx = net->matrix[0];
		x->ny = net->matrix[1];
		x->kind = calloc(most + 1, sizeof *x->kind);
		x->plane = calloc(most + 1, sizeof *x->plane);
	}
	if (!x || !x->kind || !x->plane) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < net->n_input; i++) {
		for (uint32_t c = 0; c < net->input[i].n_channel; c++) {
			if (net->input[i].channel[c].kind == NET_CHANNEL_EXTRA)
				TRY(add(x, net->input[i].channel[c].name));
		}
	}
	*out = x;
	x = NULL;
out:
	data_extras_free(x);
	return st;
}

void data_extras_free(struct data_extras *x)
{
	if (!x)
		return;
	for (int i = 0; i < x->n; i++)
		free(x->plane[i]);
	free(x->plane);
	free(x->kind);
	free(x);
}

precess_status data_extras_fill(const float *const **planes, struct data_extras *x,
				const struct program *p, const struct data_sample *s)
{
	precess_status st = PRECESS_OK;

	*planes = x->n ? (const float *const *)x->plane : NULL;
	if (x->n && (s->shape.nx != x->nx || s->shape.ny != x->ny))
		return precess_fail(PRECESS_EINVAL,
				    "a sample of %d x %d pixels for a network of "
				    "%d x %d",
				    s->shape.nx, s->shape.ny, x->nx, x->ny);
	for (int i = 0; i < x->n && !st; i++)
		st = data_plane_fill(x->plane[i], x->kind[i], p, s);
	return st;
}
