/* The launch list as a table, with what it needs at the limits of a card. */
#include "runtime/sim/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sums {
	double bytes, flops, seconds;
};

static void print_launch(struct text *out, const struct bloch_launch *l,
			 const struct backend_card *card, int batch, struct sums *sum)
{
	double memory = l->bytes / card->bytes, work = l->flops / card->flops;
	char grid[40];

	if (l->length)
		snprintf(grid, sizeof grid, "cuFFT %u x %zu", l->length, l->batch);
	else
		snprintf(grid, sizeof grid, "%u x %u x %u", l->grid[0], l->grid[1], l->grid[2]);
	text_printf(out, "  %-10s %7u  %-22s %5u %7u %10.3f %10.2f %8.2f  %s\n",
		    backend_op_name(l->op), l->variant, grid, l->length ? 0 : l->block, l->shared,
		    l->bytes / batch * 1e-6, l->flops / batch * 1e-6,
		    fmax(memory, work) / batch * 1e6, memory > work ? "memory" : "arithmetic");
	sum->bytes += l->bytes;
	sum->flops += l->flops;
	sum->seconds += fmax(memory, work);
}

static precess_status explain_history(struct text *out, struct line_plan *p, uint32_t index,
				      const struct backend_card *card, int batch)
{
	struct device_tables one, *all = calloc((size_t)batch, sizeof *all), t = { 0 };
	struct bloch_launch *l = NULL;
	struct bloch_schedule s;
	struct backend_sizes size;
	struct sums sum = { 0 };
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
	text_printf(out,
		    "history %u: %u epochs, %u lines in %u groups, %u trains, %u fans; %u numbers "
		    "of state per spin\n",
		    p->history[index].index, s.n_epoch, s.n_line, s.n_group, s.n_train, s.n_fan,
		    s.n_slot);
	text_printf(out, "  %-10s %7s  %-22s %5s %7s %10s %10s %8s  %s\n", "launch", "variant",
		    "grid", "block", "shared", "MB/image", "Mflop", "us", "limit");
	for (uint32_t i = 0; i < n; i++)
		print_launch(out, &l[i], card, batch, &sum);
	text_printf(out, "  %-10s %7s  %-22s %5s %7s %10.3f %10.2f %8.2f\n", "all", "", "", "", "",
		    sum.bytes / batch * 1e-6, sum.flops / batch * 1e-6, sum.seconds / batch * 1e6);
	text_printf(out, "  tables %.1f KB per draw, memory %.1f MB per draw\n",
		    (double)t.size / batch * 1e-3, memory / batch * 1e-6);
out:
	free(l);
	free(all);
	device_tables_free(&t);
	device_tables_free(&one);
	return st;
}

precess_status sim_explain_launches(struct text *out, const struct draw *d, const struct maps *m,
				    const struct sim_options *options, int batch, const char *name)
{
	struct sim_options o = *options;
	const struct backend_card *card = backend_card_find(name);
	struct sim_plan sim = { 0 };
	struct line_plan *p = NULL;
	struct text names;
	precess_status st;

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
	text_printf(out,
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
