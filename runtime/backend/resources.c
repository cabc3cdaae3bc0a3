/* What launches take of a multiprocessor, and what that leaves of a card's limits.
 *
 * A launch reaches neither limit with too few warps at work. Dependent multiply-adds follow each
 * other after LATENCY cycles in each of a multiprocessor's SCHEDULERS, one warp each per cycle; bytes
 * take `arrival` seconds, while each thread waits for some IN_FLIGHT of them (Little's law). These
 * are figures of the order that microbenchmarks find; the estimate needs no better. */
#include "runtime/backend/backend.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { REGISTERS = 65536, REGISTER_UNIT = 256, SCHEDULERS = 4, LATENCY = 4, IN_FLIGHT = 32 };

static const double arrival = 600e-9;

static const struct architecture {
	int arch, warps, blocks, shared, reserved, unit;
} architectures[] = {
#define ARCHITECTURE(arch, warps, blocks, shared, reserved, unit) \
	{ arch, warps, blocks, shared * 1024, reserved, unit },
#include "runtime/backend/architectures.def"
#undef ARCHITECTURE
};

static const struct backend_card cards[] = {
#define CARD(name, gbytes, tflops, arch, n) { #name, gbytes * 1e9, tflops * 1e12, arch, n },
#include "runtime/backend/cards.def"
#undef CARD
};

const struct backend_card *backend_card_find(const char *name)
{
	for (size_t i = 0; i < PRECESS_COUNT(cards); i++)
		if (!name || !strcasecmp(name, cards[i].name))
			return &cards[i];
	return NULL;
}

void backend_card_names(struct text *out)
{
	for (size_t i = 0; i < PRECESS_COUNT(cards); i++)
		text_printf(out, "%s%s", i ? ", " : "", cards[i].name);
}

static const struct architecture *find(int arch)
{
	for (size_t i = 0; i < PRECESS_COUNT(architectures); i++)
		if (architectures[i].arch == arch)
			return &architectures[i];
	return NULL;
}

const struct backend_resources *backend_resources_find(const struct bloch_launch *l, int arch)
{
	const struct backend_resources *r;

	for (r = backend_resources; r->arch && !l->special; r++)
		if (r->arch == arch && !strcmp(r->op, backend_op_name(l->op)) &&
		    (r->variant < 0 || (uint32_t)r->variant == l->variant))
			return r;
	return NULL;
}

static int warps_of(const struct bloch_launch *l)
{
	return (int)((l->block + BLOCH_WARP - 1) / BLOCH_WARP);
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int whole(int n, int unit)
{
	return (n + unit - 1) / unit * unit;
}

int backend_blocks(const struct bloch_launch *l, const struct backend_resources *r, int arch)
{
	const struct architecture *a = find(arch);
	int warps = warps_of(l), blocks, shared;

	if (!a || l->length)
		return 0;
	blocks = least(a->blocks, a->warps / warps);
	if (r) { /* each scheduler has its own registers */
		int each = whole(r->registers * BLOCH_WARP, REGISTER_UNIT);

		blocks = least(blocks, REGISTERS / SCHEDULERS / each * SCHEDULERS / warps);
	}
	shared = whole((int)l->shared + (r ? r->shared : 0) + a->reserved, a->unit);
	return shared ? least(blocks, a->shared / shared) : blocks;
}

double backend_occupancy(const struct bloch_launch *l, int blocks, int arch)
{
	const struct architecture *a = find(arch);

	return a ? (double)blocks * warps_of(l) / a->warps : 0;
}

struct backend_times backend_estimate(const struct bloch_launch *l,
					 const struct backend_resources *r,
					 const struct backend_card *card)
{
	struct backend_times e = { l->bytes / card->bytes, l->flops / card->flops,
				      backend_blocks(l, r, card->arch) };
	double there = (double)l->grid[0] * l->grid[1] * l->grid[2] / card->multiprocessors;
	double warps = fmin(there, e.blocks) * warps_of(l); /* of a multiprocessor, on the average */

	if (!e.blocks)
		return e;
	e.memory /= fmin(1, warps * BLOCH_WARP * IN_FLIGHT * card->multiprocessors /
				    (card->bytes * arrival));
	e.arithmetic /= fmin(1, warps / (SCHEDULERS * LATENCY));
	return e;
}
