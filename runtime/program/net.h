/* The contract between compiler and runtime, second half: a network as plain data.
 *
 * A net is a graph in order of evaluation. Its inputs say what each channel is, so that whoever has
 * maps and parameters can fill them (position encoding, maps, plane waves at a sample's own k, the
 * conditioning vector); layers follow, each naming its inputs and giving one output tensor of its
 * own name. Shapes and parameters are inferred, never stated. The batch is implicit: a tensor is
 * (channels, height, width) per sample, a vector (n, 1, 1).
 *
 * Image axes as in object.h: [iy][ix], pixel i at r = (i + 1/2) / n - 1/2 of the field of view.
 * Ownership: net_free frees all that hangs below; names are copied. */
#ifndef RUNTIME_PROGRAM_NET_H
#define RUNTIME_PROGRAM_NET_H

#include "runtime/program/program.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NET_LAYER_INPUTS 8 /* concat of a decoder level has 2; 8 leaves room for dense blocks */
#define NET_NONE UINT32_MAX

enum net_layer_kind {
#define LAYER(name, ...) NET_##name,
#include "runtime/nn/layers.def"
#undef LAYER
	NET_LAYERS
};

struct net_tensor {
	const char *name;
	int channels, height, width;
};
/* Numbers per sample, as a double: a product that cannot overflow. */
#define NET_SIZE(t) ((double)(t)->channels * (t)->height * (t)->width)

/* A weight (filters, inputs, kernel, kernel) or a bias (filters), in the order of PyTorch. */
struct net_weight {
	const char *name;  /* "enc1a.weight" */
	uint32_t layer;
	int dims[4];       /* of a bias: n 1 1 1 */
	size_t first, n;   /* place in the flat array of all weights */
	double deviation;  /* initial values are normal with this deviation; 0: zeros */
};

struct net_layer {
	enum net_layer_kind kind;
	uint32_t n_input, input[NET_LAYER_INPUTS], output; /* tensors */
	int filters, kernel, first; /* first: dynconv's offset into its second input */
	bool relu;
	double gain;                /* weights: deviation gain * sqrt(2 / fan in) (He 2015) */
	double spread;              /* biases: deviation */
	uint32_t weight, bias;      /* into net.weight; NET_NONE. Inferred */
};

/* What a channel of an input holds. */
enum net_channel_kind {
	NET_CHANNEL_POSITION, /* position encoding, `part` 0 re, 1 im, at +-`cells` in k-space */
	NET_CHANNEL_MAP,      /* (map - offset) / scale, sub-pixel (sub_y, sub_x) of sub x sub */
	NET_CHANNEL_WAVE,     /* cos (part 0) or sin (1) of 2 pi k.r, k of wave `index` */
	NET_CHANNEL_PARAM,    /* scale * parameter `index`, its range mapped onto -1..1 */
	NET_CHANNEL_EXTRA     /* computed by the caller, by name */
};
struct net_channel {
	enum net_channel_kind kind;
	const char *name;     /* EXTRA */
	int part, cells, sub, sub_y, sub_x;
	enum program_map_kind map;
	uint32_t index;
	double offset, scale;
};
struct net_input {
	uint32_t tensor;
	uint32_t n_channel;
	struct net_channel *channel; /* n_channel = channels of the tensor */
};

/* A plane wave whose k, in cycles over the field of view, is computed from the parameters. */
struct net_wave {
	const char *name;
	program_slot k[2]; /* x, y */
};
struct net_param {
	const char *name;
	double lo, hi; /* SI */
};

enum net_loss { NET_LOSS_L1, NET_LOSS_L2 };

struct net {
	struct arena *arena;
	const char *name;
	int matrix[2];                                /* x, y */
	struct net_param *param;   uint32_t n_param;
	struct program_op *op;     uint32_t n_op;     /* as in program.h: from earlier slots */
	struct net_wave *wave;     uint32_t n_wave;
	struct net_input *input;   uint32_t n_input;
	struct net_tensor *tensor; uint32_t n_tensor; /* of the inputs, then of the layers */
	struct net_layer *layer;   uint32_t n_layer;
	struct net_weight *weight; uint32_t n_weight; /* inferred by net_finish */
	size_t n_number;                              /* of all weights together */
	uint32_t output;                              /* tensor: re, im */
	enum net_loss loss;
};

/* --- construction: declarations, inputs, layers, then net_finish --- */
struct net *net_create(const char *name, int nx, int ny);
void net_free(struct net *net);
uint32_t net_add_param(struct net *net, const char *name, double lo, double hi);
program_slot net_add_op(struct net *net, struct program_op op);
uint32_t net_add_wave(struct net *net, const char *name, program_slot kx, program_slot ky);
/* An input tensor of n channels, image-sized, or a vector when the channels are parameters. */
uint32_t net_add_input(struct net *net, const char *name, const struct net_channel *channel,
		       uint32_t n);
/* Adds a copy of `layer` (kind, inputs, attributes) and its output tensor, which is returned.
 * kernel 0 means 1, gain 0 means 1. */
uint32_t net_add_layer(struct net *net, const char *name, struct net_layer layer);
/* Infers shapes and weights, checks everything; the text of a refusal names the layer. The last
 * tensor is the output unless net->output is set. */
precess_status net_finish(struct net *net);

int net_find(const struct net *net, const char *tensor);     /* -1 */
const char *net_layer_name(enum net_layer_kind k);           /* "conv2d" */
const char *net_layer_doc(enum net_layer_kind k);
double net_flops(const struct net *net);                     /* of one sample's forward pass */
double net_layer_flops(const struct net *net, uint32_t layer);
/* Values of all slots (n_op) from the parameters, SI. */
void net_evaluate(double *value, const struct net *net, const double *param);
/* For layers.def. */
int net_channels(const struct net_tensor *const *in, uint32_t n);
bool net_same_grid(const struct net_tensor *const *in, uint32_t n);

/* Text form: prints, and reads back to the same net. `where` names the text in errors. */
void net_print(struct text *out, const struct net *net);
precess_status net_parse(struct net **out, const char *text, const char *where);
/* The same net for another matrix: weights fit both. */
precess_status net_resized(struct net **out, const struct net *net, int nx, int ny);
/* A table of layers, shapes, weights and FLOPs, for `explain --network`. */
void net_describe(struct text *out, const struct net *net);

/* --- templates: architecture and training as data (models/NAME.net) --- */
#define NET_DYNAMIC_LAYERS 4
enum net_schedule { NET_SCHEDULE_COSINE, NET_SCHEDULE_STEP };
struct net_template {
	char name[64];
	enum { NET_SIMUNET, NET_UNET } kind;
	int width, levels;
	int n_dynamic, dynamic[NET_DYNAMIC_LAYERS]; /* filters of the dynamic layers */
	int hidden;            /* width of the perceptron's two hidden layers; -4: 4 per output */
	int position;          /* cells of the position encoding; 0: none */
	int sub;               /* every map as sub x sub sub-pixel channels */
	bool bypass;           /* image inputs also reach the U-Net beside the dynamic features */
	bool derived;          /* inputs and heads that follow from the schedule; else maps only */
	bool condition;        /* false: the perceptron sees zeros (ablation) */
	enum net_loss loss;
	int batch;
	double rate, beta1, beta2, warmup; /* warm-up: part of the budget */
	enum net_schedule schedule;
	double decay;          /* STEP: factor every `every` epochs */
	int every, epochs;
	int images;            /* budget, images shown; 0: epochs over the data set */
	/* What a network that maps learns, from images to a map (data.h, "from images back"): */
	int target;            /* the map, enum program_map_kind; -1: none, it learns images */
	double scale;          /* of the map; the network gives map / scale */
	double knee;           /* of what it learns, y / (1 + y / knee) of y = map / scale; 0: y */
	double low, high;      /* of the map, where scores count */
	int pad;               /* zeros around k-space: `pad` pixels each way for one of the image */
	int window;            /* cells to the edge of an echo's window in k-space; 0: no echoes */
	char known[128];       /* parameters it is told, of those the sequence has */
	int crop;              /* random crops of this size; 0: whole images */
	double noise;          /* greatest deviation of noise, the largest pixel being 1 */
	double spread;         /* of T2 in samples, data_recipe */
	double phase, gain;    /* greatest span of a smooth random phase and of log magnitude; phase 0:
				* none, not even one for the whole image */
};
/* "key value ..." lines, # comments; unknown or doubtful keys are refused with their line. */
precess_status net_template_parse(struct net_template *out, const char *text, const char *where);

/* What a sequence brings to a template. Channels are in order: maps, then extras. */
struct net_interface {
	const char *name;
	int matrix[2];                                        /* x, y */
	const struct net_param *param;     uint32_t n_param;
	const struct program_op *op;       uint32_t n_op;
	const struct net_wave *wave;       uint32_t n_wave;   /* each: 2 channels, a head */
	const struct net_channel *channel; uint32_t n_channel;/* MAP and EXTRA */
	const char *const *base;    /* two EXTRA channels, added to the output and a wave, or NULL */
};
/* Simu-Net: (position encoding, maps, extras, waves) through dynamic 1 x 1 layers with weights
 * from a perceptron on the parameters, then a U-Net to complex heads: one per wave, one that
 * multiplies the base and one without. With no waves and base this is the paper's network. */
precess_status net_build_simunet(struct net **out, const struct net_template *t,
				 const struct net_interface *in);
/* A U-Net from `channels` extra channels, named, to `outputs` channels. */
precess_status net_build_unet(struct net **out, const struct net_template *t, int nx, int ny,
			      const char *const *channel, int channels, int outputs);

#ifdef __cplusplus
}
#endif
#endif
