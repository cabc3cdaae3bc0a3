/* A network from a sequence: what its declarations and its schedule say about the inputs.
 *
 * Of any sequence: parameters become the conditioning vector, each mapped from its range to
 * -1..1; the map channels become image channels. What a template calls derived has, besides,
 * what only the schedule knows, at each sample's own parameters:
 *   - per coherence pathway that is not at k = 0 a plane wave exp(2 pi i k.r) as two channels, and a
 *     complex head multiplied by it, so that the U-Net draws smooth images only;
 *   - where all lines are one shot's or refocused, the first-order image (runtime/data/first.c):
 *     as channels, as the base that the U-Net corrects, and as a wave of its own head, for what B1
 *     multiplies; where a train bends, the displacement as a channel.
 * With one pathway at k = 0 and nothing else this is the paper's network. */
#include "compiler/lower/lower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two channels and a head each; beyond this the weakest pathways are left to the U-Net. */
enum { WAVES = 24 };

struct building {
	const struct program *p;
	struct net_interface in;
	struct net_param *param;
	struct net_channel channel[PROGRAM_MAPS + 8];
	struct net_wave wave[WAVES];
	char wave_name[WAVES][20];
	/* The operations that the waves need, renumbered; slot i of the program is number[i]. */
	struct program_op *op;
	program_slot *number;
};

/* ------------------------------------------------------------------ channels */
/* Fields around the middle of their range, relaxation times to 2, everything else to 1. */
static struct net_channel map_channel(const struct program_map *m)
{
	struct net_channel c = { .kind = NET_CHANNEL_MAP, .map = m->kind, .sub = 1, .scale = 1 };
	double half = 0.5 * (m->hi - m->lo);

	switch (m->kind) {
	case PROGRAM_MAP_B1:
	case PROGRAM_MAP_dB0:
		c.offset = 0.5 * (m->lo + m->hi);
		c.scale = half;
		break;
	case PROGRAM_MAP_T1:
	case PROGRAM_MAP_T2:
	case PROGRAM_MAP_T2p:
		c.scale = 0.5 * m->hi;
		break;
	default:
		c.scale = m->hi;
	}
	if (!isfinite(c.scale) || !(c.scale > 0) || !isfinite(c.offset)) {
		c.scale = 1;
		c.offset = 0;
	}
	return c;
}

static void add_maps(struct building *b)
{
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (b->p->map[k].channel)
			b->channel[b->in.n_channel++] = map_channel(&b->p->map[k]);
	}
}

static void show(struct building *b, const char *const *plane, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b->channel[b->in.n_channel++] = (struct net_channel){
			.kind = NET_CHANNEL_EXTRA,
			.name = plane[i],
			.sub = 1,
			.scale = 1,
		};
}

static void add_base(struct building *b)
{
	static const char *const shift[] = { "shift" }, *const base[] = { "base_re", "base_im" };

	if (program_bends(b->p))
		show(b, shift, PRECESS_COUNT(shift));
	show(b, base, PRECESS_COUNT(base));
	b->in.base = base;
}

/* ------------------------------------------------------------------ waves */
static program_slot need(struct building *b, program_slot slot)
{
	struct program_op o;

	if (slot == PROGRAM_NO_SLOT)
		return slot;
	if (b->number[slot] != PROGRAM_NO_SLOT)
		return b->number[slot];
	o = b->p->op[slot];
	o.a = need(b, o.a);
	o.b = need(b, o.b);
	b->op[b->in.n_op] = o;
	return b->number[slot] = b->in.n_op++;
}

static bool is_zero(const struct program *p, program_slot s)
{
	return p->op[s].op == PROGRAM_CONST && p->op[s].value == 0;
}

static void add_waves(struct building *b)
{
	for (uint32_t i = 0; i < b->p->n_pathway && b->in.n_wave < WAVES; i++) {
		const struct program_pathway *q = &b->p->pathway[i];
		struct net_wave *w = &b->wave[b->in.n_wave];

		if (is_zero(b->p, q->k[0]) && is_zero(b->p, q->k[1]))
			continue; /* the head without a wave */
		snprintf(b->wave_name[b->in.n_wave], sizeof *b->wave_name, "pathway%u", i + 1);
		w->name = b->wave_name[b->in.n_wave++];
		w->k[0] = need(b, q->k[0]);
		w->k[1] = need(b, q->k[1]);
	}
}

/* ------------------------------------------------------------------ all */
static precess_status begin(struct building *b)
{
	const struct program *p = b->p;

	b->param = calloc(p->n_param + 1, sizeof *b->param);
	b->op = calloc(p->n_op + 1, sizeof *b->op);
	b->number = malloc((p->n_op + 1) * sizeof *b->number);
	if (!b->param || !b->op || !b->number)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->n_op; i++)
		b->number[i] = PROGRAM_NO_SLOT;
	for (uint32_t i = 0; i < p->n_param; i++)
		b->param[i] = (struct net_param){ p->param[i].name, p->param[i].lo,
						  p->param[i].hi };
	return PRECESS_OK;
}

precess_status lower_network(struct net **out, const struct program *p,
			     const struct net_template *t)
{
	struct building b = { .p = p };
	precess_status st;

	*out = NULL;
	if (t->kind != NET_SIMUNET)
		return precess_fail(PRECESS_EINVAL,
				    "template %s is not of the kind simunet: it takes "
				    "an image, not a sequence",
				    t->name);
	if (p->matrix[0] < 1 || p->matrix[1] < 1)
		return precess_fail(PRECESS_ENOTSUP,
				    "%s declares no matrix: a network needs the "
				    "size of its images",
				    p->name);
	TRY(begin(&b));
	add_maps(&b);
	if (!b.in.n_channel) {
		st = precess_fail(PRECESS_ENOTSUP,
				  "%s declares no map with a range: a network has "
				  "nothing to look at",
				  p->name);
		goto out;
	}
	if (t->derived) {
		add_waves(&b);
		if (program_first_order(p))
			add_base(&b);
	}
	b.in.name = p->name;
	b.in.matrix[0] = p->matrix[0];
	b.in.matrix[1] = p->matrix[1];
	b.in.param = b.param;
	b.in.n_param = p->n_param;
	b.in.op = b.op;
	b.in.wave = b.wave;
	b.in.channel = b.channel;
	st = net_build_simunet(out, t, &b.in);
out:
	free(b.param);
	free(b.op);
	free(b.number);
	return st;
}
