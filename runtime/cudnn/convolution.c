/* Plans of cuDNN's graph API (cudnn_graph.h): a graph of one convolution, with bias and relu after
 * it in the forward pass, is offered to the heuristics; the first engine configuration that makes a
 * plan is taken. */
#include "runtime/cudnn/convolution.h"

#include <cuda_runtime_api.h>
#include <cudnn_graph.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CONFIGS = 64, MOST_OPERATIONS = 3, MOST_DESCRIPTORS = 32 };
enum pass { FORWARD, DATA, WEIGHTS, PASSES };
/* Ids that bind memory to a plan's tensors. */
enum { ID_X = 1, ID_W, ID_Y, ID_BIAS, ID_PRODUCT, ID_SUM };

struct cudnn {
	cudnnHandle_t handle;
	cudnnBackendDescriptor_t device; /* a description instead of a handle */
};

struct convolution {
	struct cudnn *library;
	struct convolution_shape s;
	cudnnBackendDescriptor_t plan[PASSES];
	int engines[PASSES];
	bool is_fused;
	size_t workspace;
};

/* --- descriptors --- */

static precess_status told(cudnnStatus_t status, const char *what)
{
	char text[256] = "";

	if (status == CUDNN_STATUS_SUCCESS)
		return PRECESS_OK;
	cudnnGetLastErrorString(text, sizeof text);
	return precess_fail(status == CUDNN_STATUS_NOT_SUPPORTED ||
					    (status / 1000 * 1000) == CUDNN_STATUS_NOT_SUPPORTED
				    ? PRECESS_ENOTSUP
				    : PRECESS_EDEVICE,
			    "cuDNN, %s: %s %s", what, cudnnGetErrorString(status), text);
}

/* The descriptors of one graph: the first failure stays, what follows does nothing. */
struct builder {
	cudnnBackendDescriptor_t made[MOST_DESCRIPTORS];
	int n;
	cudnnStatus_t status;
	const char *failed; /* the step that did */
};

static void note(struct builder *b, cudnnStatus_t status, const char *what)
{
	if (b->status == CUDNN_STATUS_SUCCESS && status != CUDNN_STATUS_SUCCESS) {
		b->status = status;
		b->failed = what;
	}
}

static cudnnBackendDescriptor_t make(struct builder *b, cudnnBackendDescriptorType_t type)
{
	cudnnBackendDescriptor_t d = NULL;

	if (b->n == MOST_DESCRIPTORS)
		note(b, CUDNN_STATUS_INTERNAL_ERROR, "too many descriptors");
	else
		note(b, cudnnBackendCreateDescriptor(type, &d), "descriptor");
	if (d)
		b->made[b->n++] = d;
	return d;
}

static void set(struct builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
		cudnnBackendAttributeType_t type, int64_t n, const void *value)
{
	if (b->status == CUDNN_STATUS_SUCCESS)
		note(b, cudnnBackendSetAttribute(d, name, type, n, value), "attribute");
}

static void finish(struct builder *b, cudnnBackendDescriptor_t d, const char *what)
{
	if (b->status == CUDNN_STATUS_SUCCESS)
		note(b, cudnnBackendFinalize(d), what);
}

static void release(struct builder *b)
{
	while (b->n > 0)
		cudnnBackendDestroyDescriptor(b->made[--b->n]);
}

#define SET_ONE(b, d, name, type, value) set(b, d, name, type, 1, &(value))

static cudnnDataType_t type_of(const struct convolution_shape *s)
{
	return s->precision == NETWORK_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/* (n, c, h, w) in cuDNN's order of dimensions, channels fastest in memory. */
static cudnnBackendDescriptor_t tensor(struct builder *b, int64_t id, const int64_t dims[4],
				       cudnnDataType_t type, bool is_virtual)
{
	cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
	int64_t strides[4] = { dims[1] * dims[2] * dims[3], 1, dims[1] * dims[3], dims[1] };
	int64_t alignment = 16;

	SET_ONE(b, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
	set(b, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
	set(b, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
	SET_ONE(b, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
	SET_ONE(b, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, alignment);
	SET_ONE(b, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
	finish(b, d, "tensor");
	return d;
}

static cudnnBackendDescriptor_t convolution(struct builder *b, const struct convolution_shape *s)
{
	cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
	cudnnDataType_t type = CUDNN_DATA_FLOAT;
	cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
	int64_t rank = 2, one[2] = { 1, 1 }, pad[2] = { s->kernel / 2, s->kernel / 2 };

	SET_ONE(b, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, type);
	SET_ONE(b, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, mode);
	SET_ONE(b, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, rank);
	set(b, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
	set(b, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
	set(b, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, one);
	set(b, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, one);
	finish(b, d, "convolution");
	return d;
}

/* --- operations --- */

struct graph {
	struct builder b;
	cudnnBackendDescriptor_t operation[MOST_OPERATIONS];
	int n;
};

/* The attribute names of the three passes' operations. */
static const struct names {
	cudnnBackendDescriptorType_t operation;
	cudnnBackendAttributeName_t x, w, y, how, alpha, beta;
} names[PASSES] = {
	[FORWARD] = { CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA },
	[DATA] = { CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
		   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
		   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
		   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
		   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
		   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
		   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA },
	[WEIGHTS] = { CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
		      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA },
};

static void add_pointwise(struct graph *g, cudnnPointwiseMode_t mode, cudnnBackendDescriptor_t x,
			  cudnnBackendDescriptor_t second, cudnnBackendDescriptor_t y)
{
	struct builder *b = &g->b;
	cudnnBackendDescriptor_t how = make(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
	cudnnDataType_t type = CUDNN_DATA_FLOAT;

	SET_ONE(b, how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
	SET_ONE(b, how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, type);
	finish(b, how, "pointwise");
	cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
	SET_ONE(b, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, how);
	SET_ONE(b, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, x);
	if (second)
		SET_ONE(b, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR,
			second);
	SET_ONE(b, d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, y);
	finish(b, d, "pointwise operation");
	g->operation[g->n++] = d;
}

static void build(struct graph *g, const struct convolution_shape *s, enum pass pass, bool fused)
{
	const int64_t in[4] = { s->batch, s->in, s->height, s->width },
		      out[4] = { s->batch, s->out, s->height, s->width },
		      filter[4] = { s->out, s->in, s->kernel, s->kernel },
		      per_channel[4] = { 1, s->out, 1, 1 };
	const struct names *a = &names[pass];
	const float one = 1, zero = 0;
	struct builder *b = &g->b;
	cudnnDataType_t type = type_of(s);
	cudnnBackendDescriptor_t x = tensor(b, ID_X, in, type, false),
				 w = tensor(b, ID_W, filter, type, false), y, how, d;

	y = fused ? tensor(b, ID_PRODUCT, out, CUDNN_DATA_FLOAT, true)
		  : tensor(b, ID_Y, out, type, false);
	how = convolution(b, s);
	d = make(b, a->operation);
	SET_ONE(b, d, a->x, CUDNN_TYPE_BACKEND_DESCRIPTOR, x);
	SET_ONE(b, d, a->w, CUDNN_TYPE_BACKEND_DESCRIPTOR, w);
	SET_ONE(b, d, a->y, CUDNN_TYPE_BACKEND_DESCRIPTOR, y);
	SET_ONE(b, d, a->how, CUDNN_TYPE_BACKEND_DESCRIPTOR, how);
	SET_ONE(b, d, a->alpha, CUDNN_TYPE_FLOAT, one);
	SET_ONE(b, d, a->beta, CUDNN_TYPE_FLOAT, zero);
	finish(b, d, "operation");
	g->operation[g->n++] = d;
	if (!fused)
		return;
	cudnnBackendDescriptor_t bias = tensor(b, ID_BIAS, per_channel, type, false),
				 sum = s->relu ? tensor(b, ID_SUM, out, CUDNN_DATA_FLOAT, true) : NULL,
				 last = tensor(b, ID_Y, out, type, false);
	add_pointwise(g, CUDNN_POINTWISE_ADD, y, bias, s->relu ? sum : last);
	if (s->relu)
		add_pointwise(g, CUDNN_POINTWISE_RELU_FWD, sum, NULL, last);
}

/* --- plans --- */

/* Whether the engine rounds float inputs to TF32, or may. */
static bool rounds_inputs(cudnnBackendDescriptor_t config)
{
	cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
	cudnnBackendDescriptor_t engine = NULL;
	int64_t n = 0;
	bool found = false;

	if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine))
		return true;
	if (cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
				     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine) ||
	    cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
				     CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n,
				     notes))
		found = true;
	for (int64_t i = 0; !found && i < n; i++)
		found = notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
			notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
	cudnnBackendDestroyDescriptor(engine);
	return found;
}

static bool make_plan(struct convolution *v, enum pass pass, cudnnBackendDescriptor_t config)
{
	cudnnBackendDescriptor_t plan = NULL;
	int64_t workspace = 0, n = 0;
	struct builder b = { .n = 0 };

	if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan))
		return false;
	SET_ONE(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR,
		config);
	if (v->library->device)
		SET_ONE(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
			CUDNN_TYPE_BACKEND_DESCRIPTOR, v->library->device);
	else
		SET_ONE(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE,
			v->library->handle);
	finish(&b, plan, "plan");
	if (b.status == CUDNN_STATUS_SUCCESS)
		note(&b, cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
						  CUDNN_TYPE_INT64, 1, &n, &workspace), "workspace");
	if (b.status != CUDNN_STATUS_SUCCESS) {
		cudnnBackendDestroyDescriptor(plan);
		return false;
	}
	v->plan[pass] = plan;
	if ((size_t)workspace > v->workspace)
		v->workspace = (size_t)workspace;
	return true;
}

/* Asks one heuristic; true: a plan was made. */
static bool ask(struct convolution *v, enum pass pass, struct graph *g,
		cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode)
{
	cudnnBackendDescriptor_t config[MOST_CONFIGS], heuristic;
	struct builder *b = &g->b;
	int64_t n = 0;
	int made = 0;
	bool found = false;

	heuristic = make(b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
	SET_ONE(b, heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR,
		graph);
	SET_ONE(b, heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
	if (v->library->device)
		SET_ONE(b, heuristic, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
			CUDNN_TYPE_BACKEND_DESCRIPTOR, v->library->device);
	finish(b, heuristic, "heuristic");
	if (b->status != CUDNN_STATUS_SUCCESS)
		return false;
	while (made < MOST_CONFIGS &&
	       !cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config[made]))
		made++;
	if (cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
				     CUDNN_TYPE_BACKEND_DESCRIPTOR, made, &n, config))
		n = 0;
	for (int64_t i = 0; i < n; i++) {
		if (v->s.precision == NETWORK_F32 && rounds_inputs(config[i]))
			continue;
		v->engines[pass]++;
		found = found || make_plan(v, pass, config[i]);
	}
	while (made > 0)
		cudnnBackendDestroyDescriptor(config[--made]);
	return found;
}

static precess_status plan(struct convolution *v, enum pass pass, bool fused)
{
	static const char *const pass_name[] = { "forward", "data gradient", "weight gradient" };
	const struct convolution_shape *s = &v->s;
	struct graph g = { .n = 0 };
	struct builder *b = &g.b;
	cudnnBackendDescriptor_t graph;
	precess_status st = PRECESS_OK;

	build(&g, s, pass, fused);
	graph = make(b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
	set(b, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, g.n, g.operation);
	if (v->library->handle)
		SET_ONE(b, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE,
			v->library->handle);
	finish(b, graph, "graph");
	if (b->status != CUDNN_STATUS_SUCCESS)
		st = told(b->status, b->failed);
	else if (!ask(v, pass, &g, graph, CUDNN_HEUR_MODE_A) &&
		 !ask(v, pass, &g, graph, CUDNN_HEUR_MODE_FALLBACK))
		st = precess_fail(PRECESS_ENOTSUP,
				  "cuDNN has no engine for the %s of a convolution %d -> %d, %d x %d",
				  pass_name[pass], s->in, s->out, s->height, s->width);
	release(b);
	return st;
}

precess_status convolution_create(struct convolution **out, struct cudnn *c,
				  const struct convolution_shape *s)
{
	struct convolution *v = calloc(1, sizeof *v);
	precess_status st;

	*out = NULL;
	if (!v)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	v->library = c;
	v->s = *s;
	v->is_fused = true;
	st = plan(v, FORWARD, true);
	if (st == PRECESS_ENOTSUP) {
		v->is_fused = false;
		st = plan(v, FORWARD, false);
	}
	if (!st && s->training)
		st = plan(v, WEIGHTS, false);
	if (!st && s->training && s->wants_dx)
		st = plan(v, DATA, false);
	if (st) {
		convolution_destroy(v);
		return st;
	}
	*out = v;
	return PRECESS_OK;
}

void convolution_destroy(struct convolution *v)
{
	for (int i = 0; v && i < PASSES; i++)
		if (v->plan[i])
			cudnnBackendDestroyDescriptor(v->plan[i]);
	free(v);
}

size_t convolution_workspace(const struct convolution *v)
{
	return v->workspace;
}

bool convolution_is_fused(const struct convolution *v)
{
	return v->is_fused;
}

void convolution_engines(int out[3], const struct convolution *v)
{
	memcpy(out, v->engines, sizeof v->engines);
}

/* --- running --- */

static precess_status run(struct convolution *v, enum pass pass, int n, const int64_t *id,
			  void *const *memory, void *workspace)
{
	struct builder b = { .n = 0 };
	cudnnBackendDescriptor_t pack = make(&b, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);

	set(&b, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, n, id);
	set(&b, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n, memory);
	SET_ONE(&b, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
	finish(&b, pack, "variant pack");
	if (b.status == CUDNN_STATUS_SUCCESS)
		note(&b, cudnnBackendExecute(v->library->handle, v->plan[pass], pack), "execution");
	precess_status st = told(b.status, b.failed ? b.failed : "");
	release(&b);
	return st;
}

/* cuDNN takes memory it only reads as void *, too. */
static void *readable(const void *p)
{
	union {
		const void *from;
		void *to;
	} u = { p };

	return u.to;
}

precess_status convolution_forward(struct convolution *v, void *y, const void *x, const void *w,
				   const void *bias, void *workspace)
{
	return run(v, FORWARD, v->is_fused ? 4 : 3, (const int64_t[]){ ID_X, ID_W, ID_Y, ID_BIAS },
		   (void *const[]){ readable(x), readable(w), y, readable(bias) }, workspace);
}

precess_status convolution_data(struct convolution *v, void *dx, const void *dy, const void *w,
				void *workspace)
{
	return run(v, DATA, 3, (const int64_t[]){ ID_X, ID_W, ID_Y },
		   (void *const[]){ dx, readable(w), readable(dy) }, workspace);
}

precess_status convolution_weights(struct convolution *v, void *dw, const void *x, const void *dy,
				   void *workspace)
{
	return run(v, WEIGHTS, 3, (const int64_t[]){ ID_X, ID_W, ID_Y },
		   (void *const[]){ readable(x), dw, readable(dy) }, workspace);
}

/* --- the library --- */

precess_status cudnn_open(struct cudnn **out, const char *description)
{
	struct cudnn *c = calloc(1, sizeof *c);
	struct builder b = { .n = 0 };

	*out = NULL;
	if (!c)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	if (description) {
		c->device = make(&b, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
		set(&b, c->device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
		    (int64_t)strlen(description) + 1, description);
		finish(&b, c->device, "description of a device");
	} else {
		note(&b, cudnnCreate(&c->handle), "library");
		if (b.status == CUDNN_STATUS_SUCCESS)
			note(&b, cudnnSetStream(c->handle, cudaStreamPerThread), "stream");
	}
	if (b.status != CUDNN_STATUS_SUCCESS) {
		precess_status st = told(b.status, b.failed);
		cudnn_close(c);
		return st;
	}
	*out = c;
	return PRECESS_OK;
}

void cudnn_close(struct cudnn *c)
{
	if (!c)
		return;
	if (c->device)
		cudnnBackendDestroyDescriptor(c->device);
	if (c->handle)
		cudnnDestroy(c->handle);
	free(c);
}
