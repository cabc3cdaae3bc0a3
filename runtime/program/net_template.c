/* Architecture templates and what they build: Simu-Net (Huang et al., arXiv 2210.10379) and the
 * five-level U-Net in it (two 3 x 3 convolutions with relu per level, max-pooling, nearest
 * upsampling followed by a 3 x 3 convolution, concatenation; no normalisation). */
#include "runtime/program/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

enum type { INT, DOUBLE, FLAG, LOSS, SCHEDULE, KIND, HIDDEN, DYNAMIC, NAME, MAP, WORDS };

#define FIELD(name, type, lo, hi)                                        \
	{                                                                \
#name, type, offsetof(struct net_template, name), lo, hi \
	}
static const struct field {
	const char *key;
	enum type type;
	size_t at;
	double lo, hi;
} fields[] = {
	FIELD(name, NAME, 0, 0),
	FIELD(kind, KIND, 0, 0),
	FIELD(width, INT, 1, 1024),
	FIELD(levels, INT, 1, 8),
	FIELD(dynamic, DYNAMIC, 1, 1024),
	FIELD(hidden, HIDDEN, 1, 1 << 16),
	FIELD(position, INT, 0, 1 << 16),
	FIELD(sub, INT, 1, 64),
	FIELD(bypass, FLAG, 0, 1),
	FIELD(condition, FLAG, 0, 1),
	FIELD(derived, FLAG, 0, 1),
	FIELD(loss, LOSS, 0, 0),
	FIELD(batch, INT, 1, 1024),
	FIELD(rate, DOUBLE, 0, 1),
	FIELD(beta1, DOUBLE, 0, 0.9999999),
	FIELD(beta2, DOUBLE, 0, 0.9999999),
	FIELD(warmup, DOUBLE, 0, 1),
	FIELD(schedule, SCHEDULE, 0, 0),
	FIELD(decay, DOUBLE, 0, 1),
	FIELD(every, INT, 1, 1 << 20),
	FIELD(epochs, INT, 0, 1 << 20),
	FIELD(images, INT, 0, 1 << 30),
	FIELD(crop, INT, 0, 1 << 16),
	FIELD(noise, DOUBLE, 0, 1e6),
	FIELD(target, MAP, 0, 0),
	FIELD(scale, DOUBLE, 1e-12, 1e12),
	FIELD(knee, DOUBLE, 0, 1e12),
	FIELD(low, DOUBLE, -1e12, 1e12),
	FIELD(high, DOUBLE, -1e12, 1e12),
	FIELD(pad, INT, 1, 8),
	FIELD(window, INT, 0, 1 << 16),
	FIELD(known, WORDS, 0, 0),
	FIELD(spread, DOUBLE, 0, 10),
	FIELD(phase, DOUBLE, 0, 100),
	FIELD(gain, DOUBLE, 0, 100),
};

/* The index of `word` in a list of names between blanks, -1. */
static int choose(const char *names, const char *word)
{
	size_t n = strlen(word);
	int i = 0;

	for (const char *s = names; *s; s += strcspn(s, " "), s += *s == ' ', i++) {
		if (strcspn(s, " ") == n && strncmp(s, word, n) == 0)
			return i;
	}
	return -1;
}

static bool read_number(double *out, const struct field *f, const char *word)
{
	char *end;

	*out = strtod(word, &end);
	if (f->type == HIDDEN && strcmp(end, "n") == 0 && end != word && *out == 4) {
		*out = -4;
		return true;
	}
	return end != word && !*end && *out >= f->lo && *out <= f->hi &&
	       (f->type == DOUBLE || *out == floor(*out));
}

static bool read_map(int *out, const char *word)
{
	for (*out = 0; *out < PROGRAM_MAPS; ++*out) {
		if (!strcmp(program_map_name((enum program_map_kind)*out), word))
			return true;
	}
	return false;
}

static bool read_words(char *out, size_t size, char **word, int n)
{
	size_t at = 0;

	for (int i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? " " : "", word[i]);
	return n > 0 && at < size;
}

static bool read_field(struct net_template *t, const struct field *f, char **word, int n)
{
	static const char *const choices[] = { [FLAG] = "no yes",
					       [LOSS] = "l1 l2",
					       [SCHEDULE] = "cosine step",
					       [KIND] = "simunet unet" };
	char *at = (char *)t + f->at;
	double v = 0;
	int choice = -1;

	switch (f->type) {
	case NAME:
		return n == 1 && snprintf(t->name, sizeof t->name, "%s", word[0]) < 64;
	case MAP:
		return n == 1 && read_map((int *)at, word[0]);
	case WORDS:
		return read_words(at, sizeof t->known, word, n);
	case DYNAMIC:
		for (int i = 0; i < n; i++) {
			if (n > NET_DYNAMIC_LAYERS || !read_number(&v, f, word[i]))
				return false;
			t->dynamic[i] = (int)v;
		}
		t->n_dynamic = n;
		return n > 0;
	case FLAG:
	case LOSS:
	case SCHEDULE:
	case KIND:
		choice = n == 1 ? choose(choices[f->type], word[0]) : -1;
		if (f->type == FLAG)
			*(bool *)at = choice == 1;
		else if (choice >= 0)
			*(int *)at = choice; /* enums of C are ints here */
		return choice >= 0;
	case DOUBLE:
		return n == 1 && read_number((double *)at, f, word[0]);
	default:
		if (n != 1 || !read_number(&v, f, word[0]))
			return false;
		*(int *)at = (int)v;
		return true;
	}
}

static precess_status read_line(struct net_template *t, bool *seen, char *line, const char *where,
				int number)
{
	char *word[16], *save, *w;
	int n = 0;

	for (w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (n < (int)PRECESS_COUNT(word))
			word[n++] = w;
	}
	for (size_t i = 0; n && i < PRECESS_COUNT(fields); i++) {
		if (strcmp(fields[i].key, word[0]) != 0)
			continue;
		if (seen[i])
			return precess_fail(PRECESS_EINVAL, "%s:%d: '%s' is given twice", where,
					    number, word[0]);
		seen[i] = true;
		if (!read_field(t, &fields[i], word + 1, n - 1))
			return precess_fail(PRECESS_EINVAL, "%s:%d: no value for %s: '%s'", where,
					    number, word[0], n > 1 ? word[1] : "");
		return PRECESS_OK;
	}
	return n ? precess_fail(PRECESS_EINVAL, "%s:%d: unknown key '%s'", where, number, word[0])
		 : PRECESS_OK;
}

precess_status net_template_parse(struct net_template *out, const char *text, const char *where)
{
	bool seen[PRECESS_COUNT(fields)] = { false };
	char *copy = strdup(text), *rest = copy, *line;
	precess_status st = PRECESS_OK;
	int number = 0;

	*out = (struct net_template){
		.kind = NET_SIMUNET,
		.width = 8,
		.levels = 5,
		.n_dynamic = 2,
		.dynamic = { 16, 16 },
		.hidden = -4,
		.position = 32,
		.sub = 1,
		.condition = true,
		.derived = true,
		.batch = 4,
		.rate = 1e-3,
		.beta1 = 0.9,
		.beta2 = 0.99,
		.warmup = 0.04,
		.decay = 1,
		.every = 1,
		.target = -1,
		.scale = 1,
		.low = -1e12,
		.high = 1e12,
		.pad = 1,
	};
	if (!copy)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	while ((line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		TRY(read_line(out, seen, line, where, ++number));
	}
	if (!*out->name)
		st = precess_fail(PRECESS_EINVAL, "%s: a template needs a name", where);
	else if ((out->target >= 0) != (out->kind == NET_UNET))
		st = precess_fail(PRECESS_EINVAL,
				  "%s: a network of the kind unet has a target, and no other",
				  where);
out:
	free(copy);
	return st;
}

/* --- building --- */

static uint32_t conv(struct net *net, uint32_t x, int filters, int kernel, bool relu,
		     const char *fmt, ...) PRECESS_PRINTF(6, 7);
static uint32_t conv(struct net *net, uint32_t x, int filters, int kernel, bool relu,
		     const char *fmt, ...)
{
	struct net_layer l = { .kind = NET_conv2d,
			       .n_input = 1,
			       .input = { x },
			       .filters = filters,
			       .kernel = kernel,
			       .relu = relu };
	char name[64];
	va_list list;

	va_start(list, fmt);
	vsnprintf(name, sizeof name, fmt, list);
	va_end(list);
	return net_add_layer(net, name, l);
}

/* The last convolution begins small, so that the first image is near zero, or much nearer to the base,
 * which may be right to a thousandth: steps away from a far too bright one would end with every relu
 * off. */
static uint32_t heads(struct net *net, uint32_t x, int filters, double gain)
{
	struct net_layer l = { .kind = NET_conv2d, .n_input = 1, .input = { x } };

	l.filters = filters;
	l.kernel = 1;
	l.gain = gain;
	return net_add_layer(net, "heads", l);
}

static uint32_t join(struct net *net, enum net_layer_kind kind, uint32_t a, uint32_t b,
		     const char *name)
{
	struct net_layer l = { .kind = kind, .n_input = b == NET_NONE ? 1 : 2, .input = { a, b } };

	return net_add_layer(net, name, l);
}

/* The features before the last 1 x 1 convolution: enc1a enc1b pool1 enc2a ... up1 dec1c cat1 ... */
static uint32_t add_unet(struct net *net, uint32_t x, int width, int levels)
{
	uint32_t skip[8];
	char name[32];

	for (int i = 0; i < levels; i++) {
		if (i > 0) {
			snprintf(name, sizeof name, "pool%d", i);
			x = join(net, NET_maxpool2, x, NET_NONE, name);
		}
		x = conv(net, x, width << i, 3, true, "enc%da", i + 1);
		x = conv(net, x, width << i, 3, true, "enc%db", i + 1);
		skip[i] = x;
	}
	for (int i = levels - 2; i >= 0; i--) {
		snprintf(name, sizeof name, "up%d", i + 1);
		x = join(net, NET_upsample2, x, NET_NONE, name);
		x = conv(net, x, width << i, 3, true, "dec%du", i + 1);
		snprintf(name, sizeof name, "cat%d", i + 1);
		x = join(net, NET_concat, skip[i], x, name);
		x = conv(net, x, width << i, 3, true, "dec%da", i + 1);
		x = conv(net, x, width << i, 3, true, "dec%db", i + 1);
	}
	return x;
}

static precess_status check_grid(const struct net_template *t, int nx, int ny)
{
	int multiple = 1 << (t->levels - 1);

	if (nx < multiple || ny < multiple || nx % multiple || ny % multiple)
		return precess_fail(PRECESS_EINVAL,
				    "%d levels need a matrix in multiples of %d, not %d x %d",
				    t->levels, multiple, nx, ny);
	return PRECESS_OK;
}

/* Image channels: position encoding, the sequence's maps (as sub-pixels) and extras, waves. */
static uint32_t add_image_input(struct net *net, const struct net_template *t,
				const struct net_interface *in)
{
	uint32_t n = 0, most = 2 + in->n_channel * (uint32_t)(t->sub * t->sub) + 2 * in->n_wave;
	struct net_channel *c = arena_alloc(net->arena, most * sizeof *c);

	for (int part = 0; t->position && part < 2; part++)
		c[n++] = (struct net_channel){ .kind = NET_CHANNEL_POSITION,
					       .part = part,
					       .cells = t->position,
					       .sub = 1,
					       .scale = 1 };
	for (uint32_t i = 0; i < in->n_channel; i++) {
		int sub = in->channel[i].kind == NET_CHANNEL_MAP ? t->sub : 1;

		for (int k = 0; k < sub * sub; k++) {
			c[n] = in->channel[i];
			c[n].sub = sub;
			c[n].sub_y = k / sub;
			c[n++].sub_x = k % sub;
		}
	}
	for (uint32_t i = 0; i < 2 * in->n_wave; i++)
		c[n++] = (struct net_channel){ .kind = NET_CHANNEL_WAVE,
					       .index = i / 2,
					       .part = (int)(i % 2),
					       .sub = 1,
					       .scale = 1 };
	return net_add_input(net, "image", c, n);
}

/* Three layers from the parameters to all weights of the dynamic layers. The last one begins as
 * biases of the size that keeps the dynamic layers' outputs near their inputs' (He, fan in of the
 * inner layers), on which the parameters have a small say: with full-sized weights there the
 * image's scale would be the product of two random matrices. */
static uint32_t add_perceptron(struct net *net, const struct net_template *t, int outputs)
{
	struct net_channel *c = arena_alloc(net->arena, (net->n_param + 1) * sizeof *c);
	int hidden = t->hidden < 0 ? -t->hidden * outputs : t->hidden;
	struct net_layer l = { .kind = NET_linear, .n_input = 1, .filters = hidden, .relu = true };

	for (uint32_t i = 0; i < net->n_param; i++)
		c[i] = (struct net_channel){ .kind = NET_CHANNEL_PARAM,
					     .index = i,
					     .sub = 1,
					     .scale = t->condition ? 1 : 0 };
	l.input[0] = net_add_input(net, "params", c, net->n_param);
	l.input[0] = net_add_layer(net, "mlp1", l);
	l.input[0] = net_add_layer(net, "mlp2", l);
	l.filters = outputs;
	l.relu = false;
	l.gain = 0.1;
	l.spread = sqrt(2.0 / t->dynamic[0]);
	return net_add_layer(net, "mlp3", l);
}

static uint32_t add_dynamic(struct net *net, const struct net_template *t, uint32_t image,
			    int channels)
{
	struct net_layer l = { .kind = NET_dynconv, .n_input = 2, .relu = true };
	int outputs = 0, c = channels;
	uint32_t x = image, weights;
	char name[16];

	for (int i = 0; i < t->n_dynamic; c = t->dynamic[i++])
		outputs += (c + 1) * t->dynamic[i];
	weights = add_perceptron(net, t, outputs);
	for (int i = 0; i < t->n_dynamic; i++) {
		snprintf(name, sizeof name, "dyn%d", i + 1);
		l.input[0] = x;
		l.input[1] = weights;
		l.filters = t->dynamic[i];
		l.relu = i + 1 < t->n_dynamic; /* a relu between them, none after */
		x = net_add_layer(net, name, l);
		l.first += (channels + 1) * t->dynamic[i];
		channels = t->dynamic[i];
	}
	return x;
}

static uint32_t add_pair(struct net *net, const char *name, const char *const *pair)
{
	struct net_channel c[2];

	for (int i = 0; i < 2; i++)
		c[i] = (struct net_channel){
			.kind = NET_CHANNEL_EXTRA, .name = pair[i], .sub = 1, .scale = 1
		};
	return net_add_input(net, name, c, 2);
}

/* What the first heads are multiplied by. */
static uint32_t add_waves(struct net *net, const struct net_interface *in)
{
	struct net_channel *c = arena_alloc(net->arena, 2 * (in->n_wave + 1) * sizeof *c);
	uint32_t n = 0;

	for (; n < 2 * in->n_wave; n++)
		c[n] = (struct net_channel){ .kind = NET_CHANNEL_WAVE,
					     .index = n / 2,
					     .part = (int)(n % 2),
					     .sub = 1,
					     .scale = 1 };
	for (int part = 0; in->base && part < 2; part++)
		c[n++] = (struct net_channel){
			.kind = NET_CHANNEL_EXTRA, .name = in->base[part], .sub = 1, .scale = 1
		};
	return net_add_input(net, "waves", c, n);
}

static void declare(struct net *net, const struct net_interface *in)
{
	for (uint32_t i = 0; i < in->n_param; i++)
		net_add_param(net, in->param[i].name, in->param[i].lo, in->param[i].hi);
	for (uint32_t i = 0; i < in->n_op; i++)
		net_add_op(net, in->op[i]);
	for (uint32_t i = 0; i < in->n_wave; i++)
		net_add_wave(net, in->wave[i].name, in->wave[i].k[0], in->wave[i].k[1]);
}

precess_status net_build_simunet(struct net **out, const struct net_template *t,
				 const struct net_interface *in)
{
	struct net *net = net_create(in->name, in->matrix[0], in->matrix[1]);
	uint32_t image, x, waves = NET_NONE, base = NET_NONE,
			   n_wave = in->n_wave + (in->base != NULL);
	precess_status st;

	*out = NULL;
	TRY(check_grid(t, in->matrix[0], in->matrix[1]));
	declare(net, in);
	image = add_image_input(net, t, in);
	/* Inputs come before layers: net_finish relies on a tensor's number being its turn. */
	if (n_wave)
		waves = add_waves(net, in);
	if (in->base)
		base = add_pair(net, "base", in->base);
	x = image;
	if (in->n_param)
		x = add_dynamic(net, t, image, (int)net->input[0].n_channel);
	if (in->n_param && t->bypass)
		x = join(net, NET_concat, x, image, "features");
	x = add_unet(net, x, t->width, t->levels);
	x = heads(net, x, 2 * ((int)n_wave + 1), in->base ? 0.001 : 0.05);
	if (waves != NET_NONE)
		x = join(net, NET_modulate, x, waves, "demodulated");
	if (base != NET_NONE)
		x = join(net, NET_add, x, base, "sum");
	net->output = x;
	net->loss = t->loss;
	TRY(net_finish(net));
	*out = net;
	net = NULL;
out:
	net_free(net);
	return st;
}

precess_status net_build_unet(struct net **out, const struct net_template *t, int nx, int ny,
			      const char *const *channel, int channels, int outputs)
{
	struct net *net = net_create(t->name, nx, ny);
	struct net_channel *c = arena_alloc(net->arena, (size_t)channels * sizeof *c + 1);
	uint32_t x;
	precess_status st;

	*out = NULL;
	TRY(check_grid(t, nx, ny));
	for (int i = 0; i < channels; i++)
		c[i] = (struct net_channel){
			.kind = NET_CHANNEL_EXTRA, .name = channel[i], .sub = 1, .scale = 1
		};
	x = net_add_input(net, "image", c, (uint32_t)channels);
	x = add_unet(net, x, t->width, t->levels);
	net->output = conv(net, x, outputs, 1, false, "heads");
	net->loss = t->loss;
	TRY(net_finish(net));
	*out = net;
	net = NULL;
out:
	net_free(net);
	return st;
}
