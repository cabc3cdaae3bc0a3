/* The text form of a net, one thing a line, and its reader.
 *
 *   net moled
 *   matrix 128 128                                   x, y
 *   param esp 0.000375 0.00054                       range, SI
 *   slot param esp | slot const 2 | slot mul $0 $1   numbered from $0
 *   wave echo1 $4 $5                                 k in cycles over the field of view
 *   input maps                                       followed by its channels
 *   channel map T2 offset 0 scale 0.325 sub 2 1 0
 *   channel position 32 re | channel wave echo1 cos | channel param esp | channel extra push
 *   layer conv2d enc1a from maps filters 8 kernel 3 relu
 *   output enc1a loss l1
 */
#include "runtime/program/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const loss_names[] = { "l1", "l2" };

/* --- printing --- */

static void print_slot(struct text *out, const struct net *net, const struct program_op *o)
{
	char b[32];

	text_printf(out, "slot %s", program_opcode_name(o->op));
	if (o->op == PROGRAM_PARAM)
		text_printf(out, " %s", net->param[(uint32_t)o->value].name);
	else if (o->op <= PROGRAM_ADD_CONST)
		text_printf(out, " %s", text_double(b, o->value));
	if (o->a != PROGRAM_NO_SLOT)
		text_printf(out, " $%u", o->a);
	if (o->b != PROGRAM_NO_SLOT)
		text_printf(out, " $%u", o->b);
	text_printf(out, "\n");
}

static void print_channel(struct text *out, const struct net *net, const struct net_channel *c)
{
	char b[2][32];

	text_printf(out, "channel ");
	switch (c->kind) {
	case NET_CHANNEL_POSITION:
		text_printf(out, "position %d %s\n", c->cells, c->part ? "im" : "re");
		break;
	case NET_CHANNEL_MAP:
		text_printf(out, "map %s offset %s scale %s", program_map_name(c->map),
			    text_double(b[0], c->offset), text_double(b[1], c->scale));
		if (c->sub > 1)
			text_printf(out, " sub %d %d %d", c->sub, c->sub_y, c->sub_x);
		text_printf(out, "\n");
		break;
	case NET_CHANNEL_WAVE:
		text_printf(out, "wave %s %s\n", net->wave[c->index].name, c->part ? "sin" : "cos");
		break;
	case NET_CHANNEL_PARAM:
		text_printf(out, "param %s", net->param[c->index].name);
		if (c->scale != 1)
			text_printf(out, " scale %s", text_double(b[0], c->scale));
		text_printf(out, "\n");
		break;
	case NET_CHANNEL_EXTRA:
		text_printf(out, "extra %s\n", c->name);
	}
}

static void print_layer(struct text *out, const struct net *net, const struct net_layer *l)
{
	char b[32];

	text_printf(out, "layer %s %s from", net_layer_name(l->kind), net->tensor[l->output].name);
	for (uint32_t i = 0; i < l->n_input; i++)
		text_printf(out, " %s", net->tensor[l->input[i]].name);
	if (l->filters)
		text_printf(out, " filters %d", l->filters);
	if (l->kernel != 1)
		text_printf(out, " kernel %d", l->kernel);
	if (l->first)
		text_printf(out, " first %d", l->first);
	if (l->gain != 1)
		text_printf(out, " gain %s", text_double(b, l->gain));
	if (l->spread != 0)
		text_printf(out, " spread %s", text_double(b, l->spread));
	text_printf(out, "%s\n", l->relu ? " relu" : "");
}

void net_print(struct text *out, const struct net *net)
{
	char b[2][32];

	text_printf(out, "net %s\nmatrix %d %d\n", net->name, net->matrix[0], net->matrix[1]);
	for (uint32_t i = 0; i < net->n_param; i++)
		text_printf(out, "param %s %s %s\n", net->param[i].name,
			    text_double(b[0], net->param[i].lo),
			    text_double(b[1], net->param[i].hi));
	for (uint32_t i = 0; i < net->n_op; i++)
		print_slot(out, net, &net->op[i]);
	for (uint32_t i = 0; i < net->n_wave; i++)
		text_printf(out, "wave %s $%u $%u\n", net->wave[i].name, net->wave[i].k[0],
			    net->wave[i].k[1]);
	for (uint32_t i = 0; i < net->n_input; i++) {
		text_printf(out, "input %s\n", net->tensor[net->input[i].tensor].name);
		for (uint32_t k = 0; k < net->input[i].n_channel; k++)
			print_channel(out, net, &net->input[i].channel[k]);
	}
	for (uint32_t i = 0; i < net->n_layer; i++)
		print_layer(out, net, &net->layer[i]);
	text_printf(out, "output %s loss %s\n", net->tensor[net->output].name,
		    loss_names[net->loss]);
}

void net_describe(struct text *out, const struct net *net)
{
	text_printf(out, "%-12s %-10s %16s %10s %8s\n", "layer", "kind", "output", "weights",
		    "MFLOP");
	for (uint32_t i = 0; i < net->n_layer; i++) {
		const struct net_layer *l = &net->layer[i];
		const struct net_tensor *t = &net->tensor[l->output];
		size_t n = l->weight == NET_NONE
				   ? 0
				   : net->weight[l->weight].n + net->weight[l->bias].n;
		char size[64];

		snprintf(size, sizeof size, "%d x %d x %d", t->channels, t->height, t->width);
		text_printf(out, "%-12s %-10s %16s %10zu %8.1f\n", t->name, net_layer_name(l->kind),
			    size, n, 1e-6 * net_layer_flops(net, i));
	}
	text_printf(out, "%zu weights, %.3f GFLOP per image\n", net->n_number,
		    1e-9 * net_flops(net));
}

/* --- reading --- */

#define WORDS 32 /* the longest line is a layer with all attributes: 24 words */

struct reader {
	struct net *net;
	const char *where;
	int line, n;
	char *word[WORDS];
	struct net_channel *channel; /* of the input that is being read */
	uint32_t n_channel;
	char *input; /* its name; NULL: none */
};

static precess_status refuse(const struct reader *r, const char *what, const char *word)
{
	return precess_fail(PRECESS_EINVAL, "%s:%d: %s '%s'", r->where, r->line, what, word);
}

static bool is(const struct reader *r, int i, const char *word)
{
	return i < r->n && strcmp(r->word[i], word) == 0;
}

static precess_status number(double *out, const struct reader *r, int i)
{
	char *end;

	if (i >= r->n)
		return refuse(r, "a number is missing after", r->word[r->n - 1]);
	*out = strtod(r->word[i], &end);
	return *end || end == r->word[i] ? refuse(r, "not a number:", r->word[i]) : PRECESS_OK;
}

static precess_status integer(int *out, const struct reader *r, int i)
{
	double v;
	precess_status st = number(&v, r, i);

	if (st)
		return st;
	if (!(fabs(v) < 1e9) || v != floor(v))
		return refuse(r, "not an integer:", r->word[i]);
	*out = (int)v;
	return PRECESS_OK;
}

static precess_status slot(program_slot *out, const struct reader *r, int i)
{
	char *end;
	unsigned long v;

	if (i >= r->n || r->word[i][0] != '$')
		return refuse(r, "a slot $n is missing in", r->word[0]);
	v = strtoul(r->word[i] + 1, &end, 10);
	if (*end || end == r->word[i] + 1 || v >= r->net->n_op)
		return refuse(r, "no such slot:", r->word[i]);
	*out = (program_slot)v;
	return PRECESS_OK;
}

static precess_status one_of(int *out, const struct reader *r, int i, const char *const *names,
			     int n)
{
	for (*out = 0; *out < n; ++*out) {
		if (is(r, i, names[*out]))
			return PRECESS_OK;
	}
	return i < r->n ? refuse(r, "unknown", r->word[i])
			: refuse(r, "a word is missing after", r->word[r->n - 1]);
}

static precess_status find_param(uint32_t *out, const struct reader *r, int i)
{
	for (uint32_t k = 0; k < r->net->n_param; k++) {
		if (is(r, i, r->net->param[k].name)) {
			*out = k;
			return PRECESS_OK;
		}
	}
	return refuse(r, "no such parameter:", i < r->n ? r->word[i] : "");
}

static precess_status find_wave(uint32_t *out, const struct reader *r, int i)
{
	for (uint32_t k = 0; k < r->net->n_wave; k++) {
		if (is(r, i, r->net->wave[k].name)) {
			*out = k;
			return PRECESS_OK;
		}
	}
	return refuse(r, "no such wave:", i < r->n ? r->word[i] : "");
}

static precess_status read_slot(struct reader *r)
{
	struct program_op o = { .a = PROGRAM_NO_SLOT, .b = PROGRAM_NO_SLOT };
	precess_status st = PRECESS_OK;
	uint32_t param;
	int i = 2, k;

	for (k = 0; k < PROGRAM_OPCODES; k++) {
		if (is(r, 1, program_opcode_name((enum program_opcode)k)))
			break;
	}
	if (k == PROGRAM_OPCODES)
		return refuse(r, "unknown operation", r->n > 1 ? r->word[1] : "");
	o.op = (enum program_opcode)k;
	if (o.op == PROGRAM_PARAM) {
		TRY(find_param(&param, r, i++));
		o.value = param;
	} else if (o.op <= PROGRAM_ADD_CONST) {
		TRY(number(&o.value, r, i++));
	}
	if (i < r->n)
		TRY(slot(&o.a, r, i++));
	if (i < r->n)
		TRY(slot(&o.b, r, i++));
	if (o.a == PROGRAM_NO_SLOT && o.op > PROGRAM_PARAM)
		return refuse(r, "a slot is missing after", r->word[1]);
	net_add_op(r->net, o);
out:
	return st;
}

static precess_status read_map(struct net_channel *c, const struct reader *r)
{
	precess_status st = PRECESS_OK;
	int k;

	for (k = 0; k < PROGRAM_MAPS; k++) {
		if (is(r, 2, program_map_name((enum program_map_kind)k)))
			break;
	}
	if (k == PROGRAM_MAPS || !is(r, 3, "offset") || !is(r, 5, "scale"))
		return refuse(r, "not 'channel map NAME offset X scale Y':", r->word[r->n - 1]);
	c->map = (enum program_map_kind)k;
	TRY(number(&c->offset, r, 4));
	TRY(number(&c->scale, r, 6));
	if (is(r, 7, "sub")) {
		TRY(integer(&c->sub, r, 8));
		TRY(integer(&c->sub_y, r, 9));
		TRY(integer(&c->sub_x, r, 10));
	}
out:
	return st;
}

static precess_status read_channel(struct reader *r)
{
	static const char *const kinds[] = { "position", "map", "wave", "param", "extra" };
	static const char *const complex_parts[] = { "re", "im" }, *const parts[] = { "cos",
										      "sin" };
	struct net_channel c = { .sub = 1, .scale = 1 };
	precess_status st;
	int kind;

	if (!r->input)
		return refuse(r, "outside an input:", r->word[0]);
	TRY(one_of(&kind, r, 1, kinds, PRECESS_COUNT(kinds)));
	c.kind = (enum net_channel_kind)kind;
	switch (c.kind) {
	case NET_CHANNEL_POSITION:
		TRY(integer(&c.cells, r, 2));
		TRY(one_of(&c.part, r, 3, complex_parts, 2));
		break;
	case NET_CHANNEL_MAP:
		TRY(read_map(&c, r));
		break;
	case NET_CHANNEL_WAVE:
		TRY(find_wave(&c.index, r, 2));
		TRY(one_of(&c.part, r, 3, parts, 2));
		break;
	case NET_CHANNEL_PARAM:
		TRY(find_param(&c.index, r, 2));
		if (is(r, 3, "scale"))
			TRY(number(&c.scale, r, 4));
		break;
	case NET_CHANNEL_EXTRA:
		if (r->n < 3)
			return refuse(r, "a name is missing after", r->word[1]);
		c.name = arena_copy(r->net->arena, r->word[2], strlen(r->word[2]));
	}
	if ((r->n_channel & (r->n_channel - 1)) == 0) {
		struct net_channel *bigger = realloc(r->channel,
						     2 * ((size_t)r->n_channel + 1) * sizeof c);

		if (!bigger)
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		r->channel = bigger;
	}
	r->channel[r->n_channel++] = c;
out:
	return st;
}

static precess_status read_attributes(struct net_layer *l, const struct reader *r, int i)
{
	precess_status st = PRECESS_OK;

	for (; i < r->n; i += 2) {
		if (is(r, i, "relu")) {
			l->relu = true;
			i--;
		} else if (is(r, i, "filters")) {
			TRY(integer(&l->filters, r, i + 1));
		} else if (is(r, i, "kernel")) {
			TRY(integer(&l->kernel, r, i + 1));
		} else if (is(r, i, "first")) {
			TRY(integer(&l->first, r, i + 1));
		} else if (is(r, i, "gain")) {
			TRY(number(&l->gain, r, i + 1));
		} else if (is(r, i, "spread")) {
			TRY(number(&l->spread, r, i + 1));
		} else {
			return refuse(r, "unknown tensor or attribute", r->word[i]);
		}
	}
out:
	return st;
}

static precess_status read_layer(struct reader *r)
{
	struct net_layer l = { 0 };
	precess_status st;
	int i, k, tensor;

	for (k = 0; k < NET_LAYERS; k++) {
		if (is(r, 1, net_layer_name((enum net_layer_kind)k)))
			break;
	}
	if (k == NET_LAYERS)
		return refuse(r, "unknown layer", r->n > 1 ? r->word[1] : "");
	l.kind = (enum net_layer_kind)k;
	if (r->n < 5 || !is(r, 3, "from"))
		return refuse(r, "not 'layer KIND NAME from INPUT...':", r->word[r->n - 1]);
	for (i = 4; i < r->n && (tensor = net_find(r->net, r->word[i])) >= 0; i++) {
		if (l.n_input == NET_LAYER_INPUTS)
			return refuse(r, "too many inputs (limit 8) in", r->word[2]);
		l.input[l.n_input++] = (uint32_t)tensor;
	}
	st = read_attributes(&l, r, i);
	if (st == PRECESS_OK)
		net_add_layer(r->net, r->word[2], l);
	return st;
}

/* An input's channels end where the next thing begins. */
static void end_input(struct reader *r)
{
	if (r->input)
		net_add_input(r->net, r->input, r->channel, r->n_channel);
	free(r->input);
	r->input = NULL;
	r->n_channel = 0;
}

static precess_status read_declaration(struct reader *r)
{
	precess_status st = PRECESS_OK;
	program_slot kx, ky;
	double lo, hi;
	int loss;

	if (is(r, 0, "matrix")) {
		TRY(integer(&r->net->matrix[0], r, 1));
		TRY(integer(&r->net->matrix[1], r, 2));
	} else if (is(r, 0, "param")) {
		TRY(number(&lo, r, 2));
		TRY(number(&hi, r, 3));
		net_add_param(r->net, r->word[1], lo, hi);
	} else if (is(r, 0, "wave")) {
		TRY(slot(&kx, r, 2));
		TRY(slot(&ky, r, 3));
		net_add_wave(r->net, r->word[1], kx, ky);
	} else if (is(r, 0, "input")) {
		if (r->n < 2)
			return refuse(r, "a name is missing after", r->word[0]);
		r->input = strdup(r->word[1]);
	} else if (is(r, 0, "output")) {
		int t = r->n > 1 ? net_find(r->net, r->word[1]) : -1;

		if (t < 0 || !is(r, 2, "loss"))
			return refuse(r, "not 'output TENSOR loss NAME':", r->word[r->n - 1]);
		TRY(one_of(&loss, r, 3, loss_names, PRECESS_COUNT(loss_names)));
		r->net->output = (uint32_t)t;
		r->net->loss = (enum net_loss)loss;
	} else {
		return refuse(r, "unknown word", r->word[0]);
	}
out:
	return st;
}

static precess_status read_line(struct reader *r)
{
	if (!r->net) {
		if (!is(r, 0, "net") || r->n < 2)
			return refuse(r, "a net begins with 'net NAME', not", r->word[0]);
		r->net = net_create(r->word[1], 0, 0);
		return PRECESS_OK;
	}
	if (is(r, 0, "channel"))
		return read_channel(r);
	end_input(r);
	if (is(r, 0, "slot"))
		return read_slot(r);
	if (is(r, 0, "layer"))
		return read_layer(r);
	return read_declaration(r);
}

precess_status net_parse(struct net **out, const char *text, const char *where)
{
	struct reader r = { .where = where };
	char *copy = strdup(text), *rest = copy, *line, *save, *w;
	precess_status st = PRECESS_OK;

	*out = NULL;
	while (copy && (line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		r.line++;
		r.n = 0;
		for (w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
			if (r.n == WORDS) {
				st = refuse(&r, "too many words (limit 32) at", w);
				goto out;
			}
			r.word[r.n++] = w;
		}
		if (r.n)
			TRY(read_line(&r));
	}
	if (!copy || !r.net) {
		st = precess_fail(PRECESS_EINVAL, "%s: holds no net", where);
		goto out;
	}
	end_input(&r);
	TRY(net_finish(r.net));
	*out = r.net;
	r.net = NULL;
out:
	free(r.input);
	free(r.channel);
	free(copy);
	net_free(r.net);
	return st;
}

precess_status net_resized(struct net **out, const struct net *net, int nx, int ny)
{
	struct text whole, head, text;
	const char *rest;
	precess_status st;

	text_init(&whole);
	text_init(&head);
	text_init(&text);
	net_print(&whole, net);
	text_printf(&head, "net %s\nmatrix %d %d\n", net->name, net->matrix[0], net->matrix[1]);
	rest = whole.data + head.n;
	text_printf(&text, "net %s\nmatrix %d %d\n%s", net->name, nx, ny, rest);
	st = net_parse(out, text.data, net->name);
	text_free(&whole);
	text_free(&head);
	text_free(&text);
	return st;
}
