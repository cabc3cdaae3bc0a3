/* The launch list as a table, with what it needs at the limits of a card. */
#include "runtime/sim/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sums {
	double bytes, flops, seconds;
};

static struct sim_launch describe(const struct bloch_launch *l, const struct backend_card *card,
				  bool special)
{
	const struct backend_resources *r = special ? NULL : backend_resources_find(l, card->arch);
	struct backend_times t = backend_estimate(l, r, card);
	struct sim_launch o = {
		.op = backend_op_name(l->op),
		.transform = l->length > 0,
		.specialised = special,
		.variant = l->variant,
		.grid = { l->grid[0], l->grid[1], l->grid[2] },
		.block = l->length ? 0 : l->block,
		.length = l->length,
		.batch = l->batch,
		.shared = l->shared,
		.registers = r ? r->registers : -1,
		.static_shared = r ? r->shared : -1,
		.stack = r ? r->stack : -1,
		.occupancy = r ? backend_occupancy(l, t.blocks, card->arch) : 0,
		.bytes = l->bytes,
		.flops = l->flops,
		.seconds = fmax(t.memory, t.arithmetic),
		.memory_bound = t.memory > t.arithmetic,
	};

	return o;
}

static void print_launch(struct text *out, const struct sim_launch *l, int batch)
{
	char grid[40], registers[16] = "-", fixed[16] = "-", occupancy[16] = "-";

	if (l->transform)
		snprintf(grid, sizeof grid, "cuFFT %u x %zu", l->length, l->batch);
	else
		snprintf(grid, sizeof grid, "%u x %u x %u", l->grid[0], l->grid[1], l->grid[2]);
	if (l->specialised)
		snprintf(registers, sizeof registers, "run time");
	if (l->registers >= 0) {
		snprintf(registers, sizeof registers, "%d", l->registers);
		snprintf(fixed, sizeof fixed, "%d", l->static_shared);
		snprintf(occupancy, sizeof occupancy, "%.0f %%", 100 * l->occupancy);
	}
	text_printf(out, "  %-10s %7u  %-22s %5u %7u %9s %6s %9s %10.3f %10.2f %8.2f  %s\n", l->op,
		    l->variant, grid, l->block, l->shared, registers, fixed, occupancy,
		    l->bytes / batch * 1e-6, l->flops / batch * 1e-6, l->seconds / batch * 1e6,
		    l->memory_bound ? "memory" : "arithmetic");
}

/* Rows of a history's launches, and their table. */
static precess_status add_rows(struct sim_launches *out, const struct bloch_launch *l, uint32_t n,
			       const struct bloch_schedule *s, uint32_t history,
			       const struct backend_card *card, int batch)
{
	bool special = batch >= DEVICE_CHUNK && backend_special_pays(s);
	struct sim_launch *row = realloc(out->row, (out->n + n + 1) * sizeof *row);
	struct sums sum = { 0 };

	if (!row)
		return precess_fail(PRECESS_ENOMEM, "out of memory for %u launches", n);
	out->row = row;
	text_printf(&out->table, "  %-10s %7s  %-22s %5s %7s %9s %6s %9s %10s %10s %8s  %s\n",
		    "launch", "variant", "grid", "block", "shared", "registers", "static",
		    "occupancy", "MB/image", "Mflop", "us", "limit");
	for (uint32_t i = 0; i < n; i++) {
		row = &out->row[out->n++];
		*row = describe(&l[i], card, special && l[i].op == BACKEND_OP_state);
		row->history = history;
		print_launch(&out->table, row, batch);
		sum.bytes += row->bytes;
		sum.flops += row->flops;
		sum.seconds += row->seconds;
	}
	text_printf(&out->table, "  %-10s %7s  %-22s %5s %7s %9s %6s %9s %10.3f %10.2f %8.2f\n",
		    "all", "", "", "", "", "", "", "", sum.bytes / batch * 1e-6,
		    sum.flops / batch * 1e-6, sum.seconds / batch * 1e6);
	return PRECESS_OK;
}

static precess_status explain_history(struct sim_launches *out, struct line_plan *p, uint32_t index,
				      const struct backend_card *card, int batch)
{
	struct device_tables one, *all = calloc((size_t)batch, sizeof *all), t = { 0 };
	struct bloch_launch *l = NULL;
	struct bloch_schedule s;
	struct backend_sizes size;
	double memory = 0;
	uint32_t n;
	precess_status st = device_tables_create(&one, p, &p->history[index]);

	if (st || !all) {
		free(all);
		return st ? st : precess_fail(PRECESS_ENOMEM, "out of memory for %d draws", batch);
	}
	for (int i = 0; i < batch; i++)
		all[i] = one;
	TRY(device_tables_join(&t, all, (uint32_t)batch));
	s = device_tables_move(&t, t.data);
	TRY(backend_plan(&l, &n, &s));
	size = backend_measure(&s);
#define MEMORY(type, name) memory += (double)size.name;
	BLOCH_MEMORY(MEMORY)
#undef MEMORY
	text_printf(&out->table,
		    "history %u: %u epochs, %u lines in %u groups, %u trains, %u fans; %u numbers "
		    "of state per spin\n",
		    p->history[index].index, s.n_epoch, s.n_line, s.n_group, s.n_train, s.n_fan,
		    s.n_slot);
	TRY(add_rows(out, l, n, &s, p->history[index].index, card, batch));
	text_printf(&out->table, "  tables %.1f KB per draw, memory %.1f MB per draw\n",
		    (double)t.size / batch * 1e-3, memory / batch * 1e-6);
out:
	free(l);
	free(all);
	device_tables_free(&t);
	device_tables_free(&one);
	return st;
}

void sim_launches_free(struct sim_launches *l)
{
	text_free(&l->table);
	free(l->row);
	*l = (struct sim_launches){ 0 };
}

precess_status sim_explain_launches(struct sim_launches *out, const struct draw *d,
				    const struct maps *m, const struct sim_options *options,
				    int batch, const char *name)
{
	struct sim_options o = *options;
	const struct backend_card *card = backend_card_find(name);
	struct sim_plan sim = { 0 };
	struct line_plan *p = NULL;
	struct text names;
	precess_status st;

	*out = (struct sim_launches){ 0 };
	text_init(&out->table);
	if (!card) {
		text_init(&names);
		backend_card_names(&names);
		st = precess_fail(PRECESS_EINVAL, "no card \"%s\"; there are %s", name, names.data);
		text_free(&names);
		return st;
	}
	o.device = NULL;
	TRY(sim_plan_create(&sim, d, m, &o));
	TRY(line_prepare(&p, &sim, sim.asked != SIM_line));
	if (!p->n_line) {
		st = precess_fail(PRECESS_ENOTSUP,
				  "no readout of %s is a line: batches have no launches "
				  "for other trajectories",
				  d->program->name);
		goto out;
	}
	TRY(line_fourier_prepare(p));
	if (p->n_train)
		TRY(train_begin(p));
	text_printf(&out->table,
		    "%s: %d draw%s of %d x %d spins, %d terms; estimates for %s: %.0f GB/s, %.1f "
		    "Tflop/s\n",
		    d->program->name, batch, batch == 1 ? "" : "s", m->nx, m->ny, p->series.terms,
		    card->name, card->bytes * 1e-9, card->flops * 1e-12);
	for (uint32_t i = 0; i < p->n_history; i++)
		TRY(explain_history(out, p, i, card, batch));
out:
	line_plan_free(p);
	sim_plan_erase(&sim);
	return st;
}
