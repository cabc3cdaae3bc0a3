/* The state kernel of one schedule as source: what the general kernel reads from tables are arguments
 * here, so that its slots become registers and its branches go. */
#include "runtime/backend/backend.h"

/* Below, the general kernel's slots are few enough; above, registers run out, or code outgrows the
 * cache of instructions. */
enum { FEWEST_SLOTS = 5, MOST_SLOTS = 40, MOST_ORDERS = 400 };

bool backend_special_pays(const struct bloch_schedule *s)
{
	return !s->nz && s->n_slot >= FEWEST_SLOTS && s->n_slot <= MOST_SLOTS &&
	       s->n_order <= MOST_ORDERS;
}

static const char *truth(bool v)
{
	return v ? "true" : "false";
}

static void clear(struct text *out, int slot)
{
	text_printf(out, "\ts%d = zero;\n", slot);
}

static void add_order(struct text *out, const struct bloch_epoch *e, const struct bloch_order *o)
{
	char minus[16] = "nobody";

	if (o->clear_plus)
		clear(out, o->plus);
	if (o->minus >= 0) {
		snprintf(minus, sizeof minus, "s%d", o->minus);
		if (o->clear_minus)
			clear(out, o->minus);
	}
	if (o->clear_z)
		clear(out, o->z);
	text_printf(
		out,
		"\trun_order(&s%d, &%s, &s%d, view, &p, &held.pulse, &step, %s, %s, %d, %d, %s);\n",
		o->plus, minus, o->z, truth(e->kind != BLOCH_NONE), truth(o->minus < 0),
		o->view_plus, o->view_minus, truth(e->free_));
}

void backend_special_source(struct text *out, const struct bloch_schedule *s)
{
	text_printf(
		out,
		"#include \"runtime/cuda/state.h\"\n\n"
		"extern \"C\" __global__ void __launch_bounds__(%d)\n"
		"state(struct spin_complex *view, struct spin_complex *far, const float *spins,\n"
		"      const float *map, struct bloch_schedule s)\n{\n"
		"\tstruct spin_complex zero = { 0, 0 }, nobody = zero;\n",
		BACKEND_THREADS);
	for (uint32_t i = 0; i < s->n_slot; i++)
		text_printf(out, "\tstruct spin_complex s%u = zero;\n", i);
	text_printf(
		out,
		"\tstruct held held = { spin_map_none(), -1 };\n"
		"\tstruct stride step;\n"
		"\tstruct place p;\n\n"
		"\tif (!begin(&p, view, spins, &s, (size_t)blockIdx.x * blockDim.x + threadIdx.x,\n"
		"\t\t   blockIdx.y))\n\t\treturn;\n"
		"\ts0.re = p.me.m0;\n");
	for (uint32_t i = 0; i < s->n_epoch; i++) {
		const struct bloch_epoch *e = &s->epoch[i];

		text_printf(out, "\tstep = enter(&held, &p, %u, %d, %d, %s, map);\n", i, e->kind,
			    e->pulse, truth(e->free_));
		for (uint32_t j = e->first_order; j < e->first_order + e->n_order; j++)
			add_order(out, e, &s->order[j]);
	}
	text_printf(out, "}\n");
}
